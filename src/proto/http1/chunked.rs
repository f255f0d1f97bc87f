//! Chunked transfer coding (RFC 9112 section 7.1). In: bytes after the header block. Out: pieces of body, trailers, the end.
//! Bounds: [`limits::CHUNK_LINE`] a size line, [`limits::HEAD_BYTES`] trailers.

use super::start::{self, trim_cr};
use crate::limits;
use memchr::memchr;

/// Where in the coding the stream stands.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    /// A line that has not ended, as far as it came with earlier bytes.
    pub line: Vec<u8>,
    /// Trailer lines with their ends.
    pub trailers: Vec<u8>,
    /// A rule was broken and read over.
    pub lenient: bool,
    /// Chunks with data so far.
    pub chunks: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    DataEnd { cr: bool },
    Trailers,
}

/// What was found at the front of the bytes given.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Body bytes: this many skipped before, this many of data.
    Data { skip: usize, len: usize },
    /// All was used, more is needed.
    More,
    /// The body ended after this many bytes.
    End { used: usize },
    /// The same without the empty line: the line that begins the next message was used too, and is in [`Chunked::line`].
    EndBefore { used: usize },
    /// Not chunked any more, after this many bytes.
    Broken { used: usize },
}

impl Chunked {
    /// At the first chunk.
    pub fn new() -> Chunked {
        Chunked {
            state: State::Size,
            line: Vec::new(),
            trailers: Vec::new(),
            lenient: false,
            chunks: 0,
        }
    }

    /// Goes on with `b`; call again with what is left after a [`Piece::Data`].
    pub fn step(&mut self, b: &[u8]) -> Piece {
        let mut pos = 0usize;
        loop {
            let rest = b.get(pos..).unwrap_or_default();
            match self.state {
                State::Data(left) => {
                    let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    if len == 0 {
                        return Piece::More;
                    }
                    let left = left - len as u64;
                    self.state = if left == 0 {
                        State::DataEnd { cr: false }
                    } else {
                        State::Data(left)
                    };
                    return Piece::Data { skip: pos, len };
                }
                State::DataEnd { cr } => {
                    let Some(c) = rest.first() else {
                        return Piece::More;
                    };
                    match c {
                        b'\r' => {
                            self.lenient |= cr;
                            self.state = State::DataEnd { cr: true };
                            pos += 1;
                        }
                        b'\n' => {
                            self.lenient |= !cr;
                            pos += 1;
                            self.state = State::Size;
                        }
                        _ => {
                            self.lenient = true;
                            self.state = State::Size;
                        }
                    }
                }
                State::Size | State::Trailers => {
                    let Some(nl) = memchr(b'\n', rest) else {
                        if self.line.len() + rest.len() > limits::CHUNK_LINE {
                            return Piece::Broken { used: b.len() };
                        }
                        self.line.extend_from_slice(rest);
                        return Piece::More;
                    };
                    let part = rest.get(..nl).unwrap_or_default();
                    pos += nl + 1;
                    let mut joined = std::mem::take(&mut self.line);
                    let before = joined.len();
                    let whole = if before == 0 {
                        part
                    } else {
                        joined.extend_from_slice(part);
                        &joined
                    };
                    let line = trim_cr(whole);
                    self.lenient |= line.len() == whole.len();
                    if self.state == State::Trailers {
                        if line.is_empty() {
                            return Piece::End { used: pos };
                        }
                        if self.trailers.is_empty() && start::begins(line) {
                            self.lenient = true;
                            self.line = [whole, b"\n"].concat();
                            return Piece::EndBefore { used: pos };
                        }
                        self.lenient |= memchr(b':', line).is_none();
                        if self.trailers.len() + line.len() < limits::HEAD_BYTES {
                            self.trailers.extend_from_slice(line);
                            self.trailers.extend_from_slice(b"\r\n");
                        }
                        continue;
                    }
                    match size(line, &mut self.lenient) {
                        Some(0) => self.state = State::Trailers,
                        Some(n) => {
                            self.chunks += 1;
                            self.state = State::Data(n);
                        }
                        None => {
                            joined.truncate(before);
                            self.line = joined;
                            return Piece::Broken { used: pos };
                        }
                    }
                }
            }
        }
    }

    /// `bytes` are missing; `true` where they lie inside one chunk, so that reading can go on behind them.
    pub fn gap(&mut self, bytes: u64) -> bool {
        match self.state {
            State::Data(left) if bytes < left => {
                self.state = State::Data(left - bytes);
                true
            }
            State::Data(left) if bytes == left => {
                self.state = State::DataEnd { cr: false };
                true
            }
            _ => false,
        }
    }

    /// Whether the last chunk was read, and nothing behind it.
    pub fn last_seen(&self) -> bool {
        self.state == State::Trailers && self.line.is_empty() && self.trailers.is_empty()
    }

    /// The bytes of a first line that cannot be a size: the body is not chunked at all.
    pub fn plain(&mut self) -> Option<Vec<u8>> {
        let none = self.chunks == 0 && self.state == State::Size && !self.line.is_empty();
        let plain = none && size(trim_cr(&self.line), &mut false).is_none();
        plain.then(|| std::mem::take(&mut self.line))
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.line.len() + self.trailers.len()
    }
}

/// The size a chunk's line says. Blanks around it are read over as many receivers do.
fn size(line: &[u8], lenient: &mut bool) -> Option<u64> {
    let full = line.len();
    let mut line = line.trim_ascii();
    // a plus and `0x` before the digits are read over as well, as those do who leave it to a library to read the number
    line = line.strip_prefix(b"+").unwrap_or(line);
    if let [b'0', b'x' | b'X', rest @ ..] = line
        && rest.first().is_some_and(u8::is_ascii_hexdigit)
    {
        line = rest;
    }
    *lenient |= line.len() != full;
    let n = line.iter().take_while(|c| c.is_ascii_hexdigit()).count();
    let tail = line.get(n..).unwrap_or_default().trim_ascii_start();
    if !matches!(tail.first(), None | Some(b';')) {
        return None;
    }
    let digits = std::str::from_utf8(line.get(..n)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input: &[u8], cut: usize) -> (Vec<u8>, Vec<u8>, Option<usize>) {
        let mut c = Chunked::new();
        let (mut out, mut total) = (Vec::new(), 0);
        for seg in input.chunks(cut) {
            let mut rest = seg;
            loop {
                match c.step(rest) {
                    Piece::Data { skip, len } => {
                        out.extend_from_slice(&rest[skip..skip + len]);
                        rest = &rest[skip + len..];
                        total += skip + len;
                    }
                    Piece::More => {
                        total += rest.len();
                        break;
                    }
                    Piece::End { used } => return (out, c.trailers, Some(total + used)),
                    Piece::EndBefore { used } => {
                        return (out, c.trailers, Some(total + used - c.line.len()));
                    }
                    Piece::Broken { .. } => return (out, c.trailers, None),
                }
            }
        }
        (out, c.trailers, None)
    }

    #[test]
    fn chunks_extensions_trailers_in_any_cut() {
        let wire =
            b"5;name=\"v\"\r\nhello\r\n00000A \r\n, world 12\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nNEXT";
        for cut in 1..wire.len() {
            let (body, trailers, used) = run(wire, cut);
            assert_eq!(body, b"hello, world 12", "cut {cut}");
            assert_eq!(trailers, b"X-Sum: 1\r\nY: 2\r\n");
            assert_eq!(used, Some(wire.len() - 4));
        }
        assert_eq!(run(b"5\nhello\n0\n\n", 3).0, b"hello");
        assert_eq!(run(b"+0x5\r\nhello\r\n0\r\n\r\n", 3).0, b"hello");
        assert_eq!(run(b"zz\r\n", 9).2, None);
        for odd in [
            &b"0x\r\n"[..],
            b"-5\r\n",
            b"++5\r\n",
            b"5_0\r\n",
            b"5 5\r\n",
        ] {
            assert_eq!(run(odd, 9).2, None, "{odd:?}");
        }
        assert_eq!(run(b"fffffffffffffffff\r\n", 9).2, None);
        assert_eq!(run(b"\r\n", 9).2, None);
    }
}
