//! Header blocks: where they end, what their fields are, how the body is framed. In: bytes from a start line on. Out:
//! ranges and a [`Framing`]. Bounds: [`limits::HEADERS`] fields; each byte is looked at once however it arrives.

use super::start::trim_cr;
use crate::call::model::Flags;
use crate::limits;
use memchr::memchr;
use std::ops::Range;

/// Progress through a header block.
#[derive(Debug, Default)]
pub struct Scan {
    /// Start of the line that is not finished.
    line: usize,
    /// Bytes searched for its end.
    seen: usize,
    /// End of the start line without its line end.
    pub first: Option<usize>,
    /// Start line ended here, line end included.
    pub after_first: usize,
    /// Fields.
    pub headers: Vec<(Range<usize>, Range<usize>)>,
    /// What was wrong.
    pub flags: Flags,
}

/// What a scan found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The block ends at `head` (after its last line), the empty line at `end`.
    End { head: usize, end: usize },
    /// More bytes are needed.
    More,
    /// The line after a start line without version is not a field: the message was the one line.
    Simple,
}

impl Scan {
    /// Goes on in the block's bytes, which start with the same bytes as at the last call. `simple` is asked for each start line: whether
    /// it is a request without version.
    pub fn run(&mut self, b: &[u8], simple: impl Fn(&[u8]) -> bool) -> Found {
        while let Some(nl) = b.get(self.seen..).and_then(|r| memchr(b'\n', r)) {
            let nl = self.seen + nl;
            let line = trim_cr(b.get(self.line..nl).unwrap_or_default());
            let end = self.line + line.len();
            match self.first {
                None => {
                    self.first = Some(end);
                    self.after_first = nl + 1;
                }
                Some(_) if line.is_empty() => {
                    return Found::End {
                        head: self.line,
                        end: nl + 1,
                    };
                }
                Some(first) => {
                    let ok = self.field(line, end);
                    if !ok && self.headers.is_empty() && simple(b.get(..first).unwrap_or_default())
                    {
                        return Found::Simple;
                    }
                }
            }
            self.line = nl + 1;
            self.seen = nl + 1;
        }
        self.seen = b.len();
        Found::More
    }

    fn field(&mut self, line: &[u8], end: usize) -> bool {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            // obsolete folding: the line belongs to the value before (RFC 9112 section 5.2)
            match self.headers.last_mut() {
                Some((_, value)) => value.end = end,
                None => self.flags.insert(Flags::BAD_FRAMING),
            }
            return true;
        }
        let Some(colon) = memchr(b':', line) else {
            self.flags.insert(Flags::BAD_FRAMING);
            return false;
        };
        if self.headers.len() >= limits::HEADERS {
            self.flags.insert(Flags::PARTIAL_HEADERS);
            return true;
        }
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
        let raw = line.get(colon + 1..).unwrap_or_default();
        let skip = raw.len() - raw.trim_ascii_start().len();
        let from = self.line + colon + 1 + skip;
        let till = from + raw.trim_ascii().len();
        self.headers
            .push((self.line..self.line + name.len(), from..till));
        true
    }
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// This many bytes.
    Fixed(u64),
    /// Chunked.
    Chunked,
    /// Until the connection closes.
    Close,
}

/// What the fields say of the body (RFC 9112 section 6.3), before status and method are looked at. `None`: nothing.
pub fn framing<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    response: bool,
    flags: &mut Flags,
) -> Option<Framing> {
    let mut length: Option<Result<u64, ()>> = None;
    let (mut coded, mut chunked) = (false, false);
    for (name, value) in fields {
        if name.eq_ignore_ascii_case(b"content-length") {
            for part in value.split(|c| *c == b',') {
                let n = number(part.trim_ascii());
                match length {
                    None => length = Some(n),
                    Some(first) if first == n && n.is_ok() => {}
                    Some(_) => {
                        flags.insert(Flags::BAD_FRAMING);
                        if let (Some(Err(())), Ok(n)) = (length, n) {
                            length = Some(Ok(n));
                        }
                    }
                }
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            coded = true;
            for part in value.split(|c| *c == b',') {
                chunked = part.trim_ascii().eq_ignore_ascii_case(b"chunked");
            }
        }
    }
    if coded && length.is_some() {
        flags.insert(Flags::BAD_FRAMING);
    }
    if chunked {
        return Some(Framing::Chunked);
    }
    match length {
        Some(Ok(n)) => Some(Framing::Fixed(n)),
        Some(Err(())) => {
            flags.insert(Flags::BAD_FRAMING);
            response.then_some(Framing::Close)
        }
        None if coded => {
            if !response {
                flags.insert(Flags::BAD_FRAMING);
            }
            response.then_some(Framing::Close)
        }
        None => None,
    }
}

fn number(b: &[u8]) -> Result<u64, ()> {
    if b.is_empty() || !b.iter().all(u8::is_ascii_digit) {
        return Err(());
    }
    std::str::from_utf8(b)
        .map_err(|_| ())?
        .parse()
        .map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(head: &str, response: bool) -> (Option<Framing>, Flags) {
        let mut s = Scan::default();
        let b = head.as_bytes();
        let Found::End { .. } = s.run(b, |_| false) else {
            panic!("{head}")
        };
        let mut f = s.flags;
        let r = framing(
            s.headers
                .iter()
                .map(|(n, v)| (&b[n.clone()], &b[v.clone()])),
            response,
            &mut f,
        );
        (r, f)
    }

    #[test]
    fn framing_rules() {
        let ok = Flags(0);
        let bad = Flags::BAD_FRAMING;
        assert_eq!(
            framed("x\r\nContent-Length: 5\r\n\r\n", false),
            (Some(Framing::Fixed(5)), ok)
        );
        assert_eq!(
            framed("x\ncontent-length:007\n\n", false),
            (Some(Framing::Fixed(7)), ok)
        );
        assert_eq!(
            framed("x\r\nContent-Length: 5, 5\r\n\r\n", false),
            (Some(Framing::Fixed(5)), ok)
        );
        assert_eq!(
            framed("x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false),
            (Some(Framing::Fixed(5)), bad)
        );
        assert_eq!(
            framed("x\r\nContent-Length: -5\r\n\r\n", true),
            (Some(Framing::Close), bad)
        );
        assert_eq!(
            framed("x\r\nContent-Length: 99999999999999999999\r\n\r\n", false),
            (None, bad)
        );
        assert_eq!(
            framed("x\r\nTransfer-Encoding: gzip,\r\n chunked\r\n\r\n", true),
            (Some(Framing::Chunked), ok)
        );
        assert_eq!(
            framed(
                "x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
                true
            ),
            (Some(Framing::Chunked), bad)
        );
        assert_eq!(
            framed("x\r\nTransfer-Encoding: xchunked\r\n\r\n", true),
            (Some(Framing::Close), ok)
        );
        assert_eq!(framed("x\r\nHost: a\r\n\r\n", true), (None, ok));
    }

    #[test]
    fn fields_folded_spaced_and_broken() {
        let b = b"GET / HTTP/1.1\r\nA : b \r\nX: 1\r\n 2\r\njunk\r\nEmpty:\r\n\r\n";
        let mut s = Scan::default();
        // one byte more at a time: nothing is looked at twice, nothing changes
        for n in 1..b.len() {
            assert_eq!(s.run(&b[..n], |_| false), Found::More, "{n}");
        }
        assert_eq!(
            s.run(b, |_| false),
            Found::End {
                head: b.len() - 2,
                end: b.len()
            }
        );
        let got: Vec<_> = s
            .headers
            .iter()
            .map(|(n, v)| (&b[n.clone()], &b[v.clone()]))
            .collect();
        assert_eq!(
            got,
            [(&b"A"[..], &b"b"[..]), (b"X", b"1\r\n 2"), (b"Empty", b"")]
        );
        assert!(s.flags.has(Flags::BAD_FRAMING));
    }
}
