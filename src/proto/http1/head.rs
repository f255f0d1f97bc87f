//! Header blocks: where they end, what their fields are, how the body is framed. In: bytes from a start line on. Out:
//! ranges and a [`Framing`]. Bounds: [`limits::HEADERS`] fields; each byte is looked at once however it arrives.
//!
//! What breaks RFC 9112 is read the way most receivers read it and flagged: a line ends at LF with or without CR, a CR elsewhere or a
//! NUL is part of its line, folded lines are joined, blanks before the colon are dropped, a line without colon is skipped. Of several
//! Content-Lengths the first that is a number counts, unless a message begins where the least says; chunked counts more than any of
//! them (section 6.3); a sign or a tail behind the digits is read over. Other readers choose otherwise: that is what the flag says.

use super::start::trim_cr;
use crate::call::model::Flags;
use crate::limits;
use memchr::{memchr, memchr3};
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
        while let Some(at) = b.get(self.seen..).and_then(|r| memchr3(b'\r', b'\n', 0, r)) {
            let at = self.seen + at;
            let nl = match (b.get(at), b.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => at + 1,
                (Some(b'\r'), None) => {
                    self.seen = at;
                    return Found::More;
                }
                (Some(b'\n'), _) => {
                    self.flags.insert(Flags::BAD_FRAMING);
                    at
                }
                _ => {
                    self.flags.insert(Flags::BAD_FRAMING);
                    self.seen = at + 1;
                    continue;
                }
            };
            let line = trim_cr(b.get(self.line..nl).unwrap_or_default());
            let end = self.line + line.len();
            match self.first {
                None => {
                    self.first = Some(end);
                    self.after_first = nl + 1;
                }
                Some(_) if line.iter().all(|c| *c == b'\r') => {
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
            self.flags.insert(Flags::BAD_FRAMING);
            if let Some((_, value)) = self.headers.last_mut() {
                value.end = end;
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
        if name.len() != colon || colon == 0 {
            self.flags.insert(Flags::BAD_FRAMING);
        }
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
    /// Lengths that contradict each other: the one that counts, the least and the largest.
    Contested { len: u64, least: u64, most: u64 },
    /// Chunked.
    Chunked,
    /// Until the connection closes.
    Close,
}

/// What the fields say of the body (RFC 9112 section 6.3), before status and method are looked at. `None`: nothing.
pub fn framing<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    response: bool,
    version: (u8, u8),
    flags: &mut Flags,
) -> Option<Framing> {
    let mut length: Option<Result<u64, ()>> = None;
    let (mut coded, mut chunked, mut bad) = (false, false, false);
    let (mut least, mut most) = (u64::MAX, 0);
    for (name, value) in fields {
        if name.eq_ignore_ascii_case(b"content-length") {
            for part in value.split(|c| *c == b',') {
                let n = number(part.trim_ascii(), &mut bad);
                // once more, even the same, is against RFC 9110 section 8.6
                bad |= length.is_some();
                if let Ok(n) = n {
                    (least, most) = (least.min(n), most.max(n));
                }
                if !matches!(length, Some(Ok(_))) {
                    length = Some(n);
                }
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            coded = true;
            for part in value.split(|c| *c == b',') {
                // what stands behind chunked has undone it as the end of the message
                bad |= chunked;
                chunked = coding(part.trim_ascii(), &mut bad);
            }
        } else {
            bad |= disguised(name);
        }
    }
    // with both, and in HTTP/1.0, a receiver down the line may count otherwise (section 6.1)
    bad |= coded && (length.is_some() || version < (1, 1));
    let close = response.then_some(Framing::Close);
    let framing = if chunked {
        Some(Framing::Chunked)
    } else {
        match length {
            Some(Ok(len)) if least < most => Some(Framing::Contested { len, least, most }),
            Some(Ok(n)) => Some(Framing::Fixed(n)),
            Some(Err(())) => close,
            None if coded => {
                bad |= !response;
                close
            }
            None => None,
        }
    };
    if bad {
        flags.insert(Flags::BAD_FRAMING);
    }
    framing
}

/// Whether a transfer coding is chunked; `bad` where it is none that is registered, or chunked with parameters.
fn coding(word: &[u8], bad: &mut bool) -> bool {
    let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
    if is(b"chunked") {
        return true;
    }
    let known: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
    *bad |= !known.iter().any(|k| is(k));
    let name = word.split(|c| *c == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// A name that some receivers take for one that frames the body, and others do not (`Content Length`, `Transfer_Encoding`).
fn disguised(name: &[u8]) -> bool {
    let ends = |with: &[u8]| {
        let at = name.len().saturating_sub(with.len());
        name.get(at..).is_some_and(|t| t.eq_ignore_ascii_case(with))
    };
    let bare = |of: &[u8]| {
        let letters = name.iter().filter(|c| c.is_ascii_alphanumeric());
        letters.map(u8::to_ascii_lowercase).eq(of.iter().copied())
    };
    // most names end otherwise: two looks decide
    match name.last() {
        Some(b'h' | b'H') => ends(b"length") && bare(b"contentlength"),
        Some(b'g' | b'G') => ends(b"encoding") && bare(b"transferencoding"),
        Some(c) if c.is_ascii_alphanumeric() => false,
        _ => bare(b"contentlength") || bare(b"transferencoding"),
    }
}

/// Digits are a number (RFC 9110 section 8.6); with a sign before or anything behind they still are, but `bad`.
fn number(b: &[u8], bad: &mut bool) -> Result<u64, ()> {
    let digits = b.strip_prefix(b"+").unwrap_or(b);
    let n = digits.iter().take_while(|c| c.is_ascii_digit()).count();
    *bad |= n == 0 || n != b.len();
    let hex = matches!(digits.get(n), Some(b'x' | b'X'));
    let parsed = std::str::from_utf8(digits.get(..n).unwrap_or_default())
        .ok()
        .and_then(|s| s.parse().ok())
        .filter(|_| !hex);
    *bad |= parsed.is_none();
    parsed.ok_or(())
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
            (1, 1),
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
            framed("x\r\ncontent-length:007\r\n\r\n", false),
            (Some(Framing::Fixed(7)), ok)
        );
        assert_eq!(
            framed("x\r\nContent-Length: 5, 5\r\n\r\n", false),
            (Some(Framing::Fixed(5)), bad)
        );
        assert_eq!(
            framed(
                "x\r\nContent-Length: 5\r\nContent-Length: 6, 3\r\n\r\n",
                false
            ),
            (
                Some(Framing::Contested {
                    len: 5,
                    least: 3,
                    most: 6
                }),
                bad
            )
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
            (Some(Framing::Chunked), bad)
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
            (Some(Framing::Close), bad)
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
