//! Start lines: is this one, and what does it say. In: bytes at a message's start. Out: verdicts and parsed lines.
//! Bounds: looks at [`limits::PROBE_BYTES`] of a line whose end is not there.

use crate::limits;
use memchr::{memchr, memchr2, memmem};
use std::ops::Range;

/// Methods that are believed without a version behind them.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"CONNECT",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"QUERY",
    b"PURGE",
    b"SUBSCRIBE",
    b"NOTIFY",
];

/// Whether bytes start a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// They do.
    Yes,
    /// Not decided yet.
    More,
    /// They do not.
    No,
}

/// RFC 9110 section 5.6.2.
pub fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// Leading line ends, which a receiver skips (RFC 9112 section 2.2).
pub fn leading_breaks(b: &[u8]) -> usize {
    b.iter().take_while(|c| matches!(c, b'\r' | b'\n')).count()
}

/// Line without its end.
pub fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a request starts here. `strict` (after lost bytes) asks for a version at the line's end.
pub fn request(b: &[u8], strict: bool) -> Is {
    let b = b.get(leading_breaks(b)..).unwrap_or_default();
    if b.is_empty() {
        return Is::More;
    }
    let m = b.iter().take_while(|c| is_tchar(**c)).count();
    if m == 0 || m > 32 {
        return Is::No;
    }
    let method = b.get(..m).unwrap_or_default();
    let Some(after) = b.get(m) else {
        let name = |c: &u8| c.is_ascii_uppercase() || matches!(c, b'-' | b'_');
        let may = !strict || method.iter().all(name) || spelled(method, <[u8]>::starts_with);
        return if may { Is::More } else { Is::No };
    };
    if method == b"PRI" {
        return Is::No; // the preface of HTTP/2
    }
    let known = METHODS.contains(&method);
    if strict && !known && !whole_method(method) {
        return Is::No;
    }
    let window = b.get(..limits::PROBE_BYTES).unwrap_or(b);
    match memchr(b'\n', if known { b } else { window }) {
        Some(end) => {
            let line = trim_cr(b.get(..end).unwrap_or_default());
            if line.len() == m {
                // a method alone; a word of STOMP is none without a target
                let alone = known && !strict && method != b"CONNECT";
                return if alone { Is::Yes } else { Is::No };
            }
            if !matches!(after, b' ' | b'\t') {
                return Is::No;
            }
            let rest = line.get(m..).unwrap_or_default().trim_ascii();
            let last = rest
                .rsplit(|c| matches!(c, b' ' | b'\t'))
                .next()
                .unwrap_or_default();
            if is_version(last) {
                if strict && last.len() == rest.len() {
                    return Is::No; // no target: the end of a longer line
                }
                // names and numbers of other protocols that look alike end in RTSP/1.0, SIP/2.0 ...
                return Is::Yes;
            }
            if known && !strict && target_like(rest) {
                Is::Yes
            } else {
                Is::No
            }
        }
        None => {
            if !matches!(after, b' ' | b'\t') {
                return if *after == b'\r' && b.len() == m + 1 && known {
                    Is::More
                } else {
                    Is::No
                };
            }
            let rest = b.get(m..).unwrap_or_default().trim_ascii_start();
            if known && !strict && target_like(rest) {
                return Is::Yes;
            }
            if window
                .iter()
                .any(|c| *c < b' ' && !matches!(c, b'\t' | b'\r'))
            {
                return Is::No;
            }
            if b.len() < limits::PROBE_BYTES {
                Is::More
            } else if known && target_like(rest) {
                Is::Yes
            } else {
                Is::No
            }
        }
    }
}

/// Whether a method that is none of [`METHODS`] is believed behind lost bytes: capitals, and not the end of another one
/// whose beginning is lost; or one of them in small letters.
fn whole_method(method: &[u8]) -> bool {
    let capitals = method
        .iter()
        .all(|c| c.is_ascii_uppercase() || matches!(c, b'-' | b'_'));
    if capitals {
        return method.len() > 2 && !METHODS.iter().any(|m| m.ends_with(method));
    }
    spelled(method, |m, of| m == of)
}

/// Whether `is` holds between one of [`METHODS`] and a word once it is written in capitals.
fn spelled(word: &[u8], is: fn(&[u8], &[u8]) -> bool) -> bool {
    let capitals = word.to_ascii_uppercase();
    METHODS.iter().any(|m| is(m, &capitals))
}

/// Whether bytes start with one of [`METHODS`] as a word.
pub fn registered(b: &[u8]) -> bool {
    let b = b.get(leading_breaks(b)..).unwrap_or_default();
    let m = b.iter().take_while(|c| is_tchar(**c)).count();
    METHODS.contains(&b.get(..m).unwrap_or_default())
}

fn target_like(t: &[u8]) -> bool {
    t.first() == Some(&b'/')
        || t.get(..7)
            .is_some_and(|p| p.eq_ignore_ascii_case(b"http://"))
        || t.get(..8)
            .is_some_and(|p| p.eq_ignore_ascii_case(b"https://"))
}

/// `HTTP/1.1`, in any case.
fn is_version(w: &[u8]) -> bool {
    w.get(..5).is_some_and(|p| p.eq_ignore_ascii_case(b"HTTP/"))
        && w.get(5).is_some_and(u8::is_ascii_digit)
}

/// Whether a status line starts here.
pub fn response(b: &[u8], strict: bool) -> Is {
    let b = b.get(leading_breaks(b)..).unwrap_or_default();
    let name = b.get(..5).unwrap_or(b);
    if b.first() == Some(&b'I') {
        return icy(b);
    }
    if !b"HTTP/"
        .get(..name.len())
        .is_some_and(|p| p.eq_ignore_ascii_case(name))
    {
        return Is::No;
    }
    let Some(rest) = b.get(5..) else {
        return Is::More;
    };
    let v = rest
        .iter()
        .take_while(|c| c.is_ascii_digit() || **c == b'.')
        .count();
    if v == 0 && !rest.is_empty() || v > 8 {
        return Is::No;
    }
    let Some(sep) = rest.get(v) else {
        return Is::More;
    };
    if !matches!(sep, b' ' | b'\t') {
        // a version alone, where a status line must stand
        let alone = v > 0 && matches!(sep, b'\r' | b'\n');
        return if alone && !strict { Is::Yes } else { Is::No };
    }
    if !strict {
        return Is::Yes;
    }
    let rest = rest.get(v..).unwrap_or_default();
    let rest = rest
        .get(
            rest.iter()
                .take_while(|c| matches!(c, b' ' | b'\t'))
                .count()..,
        )
        .unwrap_or_default();
    match rest.get(..3) {
        None => {
            if rest.iter().all(u8::is_ascii_digit) {
                Is::More
            } else {
                Is::No
            }
        }
        Some(d) if d.iter().all(u8::is_ascii_digit) => match rest.get(3) {
            None => Is::More,
            Some(b' ' | b'\r' | b'\n' | b'\t') => Is::Yes,
            Some(_) => Is::No,
        },
        Some(_) => Is::No,
    }
}

/// `ICY 200 OK`, as servers of internet radio answer.
fn icy(b: &[u8]) -> Is {
    let n = b.len().min(4);
    if b.get(..n) != b"ICY ".get(..n) {
        return Is::No;
    }
    match b.get(4..7) {
        Some(d) if d.iter().all(u8::is_ascii_digit) => Is::Yes,
        Some(_) => Is::No,
        None => Is::More,
    }
}

/// Whether a whole line can only be a message's first.
pub fn begins(line: &[u8]) -> bool {
    let status = line.get(..5) == Some(b"HTTP/") && status_line(line).1.is_some();
    status || request_line(line).version.is_some() && line.first().is_some_and(|c| is_tchar(*c))
}

/// Whether a request line is `method SP target SP HTTP/d.d` (RFC 9112 section 3), and its method no other spelling of one that is
/// registered.
pub fn clean_request(line: &[u8], l: &RequestLine) -> bool {
    let method = line.get(l.method.clone()).unwrap_or_default();
    let target = line.get(l.target.clone()).unwrap_or_default();
    let lower = || {
        method.iter().any(u8::is_ascii_lowercase)
            && METHODS.iter().any(|m| m.eq_ignore_ascii_case(method))
    };
    let tail = line.get(l.target.end..).unwrap_or_default();
    l.target.start == l.method.end + 1
        && line.get(l.method.end) == Some(&b' ')
        && !target.is_empty()
        && memchr2(b' ', b'\t', target).is_none()
        && tail.first() == Some(&b' ')
        && tail.len() == 9
        && clean_version(tail.get(1..).unwrap_or_default())
        && !lower()
}

/// Whether a status line is `HTTP/d.d SP ddd`, and a reason behind another blank or nothing: many leave that blank away.
pub fn clean_status(line: &[u8]) -> bool {
    clean_version(line.get(..8).unwrap_or_default())
        && line.get(8) == Some(&b' ')
        && line
            .get(9..12)
            .is_some_and(|d| d.iter().all(u8::is_ascii_digit))
        && matches!(line.get(12), None | Some(b' '))
}

fn clean_version(w: &[u8]) -> bool {
    matches!(w, [b'H', b'T', b'T', b'P', b'/', a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// Next place in unknown bytes where a message starts: only after an empty line, and only with its whole first line there,
/// so that text which merely speaks of HTTP is not taken for it.
pub fn find(b: &[u8], is: fn(&[u8], bool) -> Is) -> Option<usize> {
    memmem::find_iter(b, b"\n\r\n").find_map(|at| {
        let from = at + 3;
        let rest = b.get(from..)?;
        memchr(b'\n', rest.get(..limits::PROBE_BYTES).unwrap_or(rest))?;
        (is(rest, true) == Is::Yes && rest.first().is_some_and(u8::is_ascii_alphabetic))
            .then_some(from)
    })
}

/// Parts of a request line as ranges of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    pub method: Range<usize>,
    pub target: Range<usize>,
    /// `None`: no version was sent (a simple request).
    pub version: Option<(u8, u8)>,
}

/// Splits a request line: the first word is the method, a last word `HTTP/x.y` the version, all between the target, spaces too.
pub fn request_line(line: &[u8]) -> RequestLine {
    let blank = |c: &u8| matches!(c, b' ' | b'\t');
    let m = line.iter().position(blank).unwrap_or(line.len());
    let from = m + line.iter().skip(m).take_while(|c| blank(c)).count();
    let end = line.len() - line.iter().rev().take_while(|c| blank(c)).count();
    let end = end.max(from.min(line.len()));
    let last = line
        .get(..end)
        .and_then(|l| l.iter().rposition(blank))
        .map_or(from, |p| p + 1)
        .max(from);
    let word = line.get(last..end).unwrap_or_default();
    if is_version(word) {
        let t_end = line
            .get(from..last)
            .map_or(from, |t| from + t.trim_ascii_end().len());
        return RequestLine {
            method: 0..m,
            target: from..t_end,
            version: Some(version(word)),
        };
    }
    RequestLine {
        method: 0..m,
        target: from..end,
        version: None,
    }
}

/// A request line that was cut, without what is the beginning of a version at its end.
pub fn without_version(line: &[u8]) -> &[u8] {
    let word = line.rsplit(|c| *c == b' ').next().unwrap_or_default();
    let fits = |of: &[u8]| of.get(..word.len()) == Some(word);
    if word.len() < line.len() && (fits(b"HTTP/1.1") || fits(b"HTTP/1.0")) && word.len() < 8 {
        return line.get(..line.len() - word.len()).unwrap_or(line);
    }
    line
}

/// Version digits and status of a status line; `None` where the status is not a number of three digits.
pub fn status_line(line: &[u8]) -> ((u8, u8), Option<u16>) {
    let mut words = line
        .split(|c| matches!(c, b' ' | b'\t'))
        .filter(|w| !w.is_empty());
    let v = version(words.next().unwrap_or_default());
    let status = words.next().and_then(|w| {
        let (digits, rest) = w.split_first_chunk::<3>()?;
        // what stands behind them is read over (`200:`, `200OK`), but a fourth digit makes another number
        let whole =
            digits.iter().all(u8::is_ascii_digit) && !rest.first().is_some_and(u8::is_ascii_digit);
        whole.then(|| {
            digits
                .iter()
                .fold(0u16, |n, d| n * 10 + u16::from(d - b'0'))
        })
    });
    (v, status.filter(|s| *s >= 100))
}

fn version(word: &[u8]) -> (u8, u8) {
    let num = word.get(5..).unwrap_or_default();
    let mut parts = num.splitn(2, |c| *c == b'.').map(|p| {
        std::str::from_utf8(p)
            .ok()
            .and_then(|s| s.parse::<u8>().ok())
    });
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(a), b) => (a, b.unwrap_or(0)),
        _ => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_of_every_kind() {
        for (line, yes) in [
            (&b"GET / HTTP/1.1\r\n"[..], Is::Yes),
            (b"get / http/1.1\r\n", Is::Yes),
            (b"\r\nGET /a b c HTTP/1.0\n", Is::Yes),
            (b"GET /x\r\n", Is::Yes),
            (b"FROB * HTTP/1.1\r\n", Is::Yes),
            (b"FROB /x\r\n", Is::No),
            (b"GET key\r\n", Is::No),
            (b"OPTIONS rtsp://h/x RTSP/1.0\r\n", Is::No),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Is::No),
            (b"GE", Is::More),
            (b"FROB *", Is::More),
            (b"EHLO mail.example.org\r\n", Is::No),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Is::No),
            (b"\x16\x03\x01", Is::No),
        ] {
            assert_eq!(
                request(line, false),
                yes,
                "{}",
                String::from_utf8_lossy(line)
            );
        }
        let l = request_line(b"GET  /a b  HTTP/1.1 ");
        assert_eq!((l.method, l.target, l.version), (0..3, 5..9, Some((1, 1))));
        let l = request_line(b"GET HTTP/1.1");
        assert_eq!((l.target.is_empty(), l.version), (true, Some((1, 1))));
        assert_eq!(request_line(b"GET /x").version, None);
        assert_eq!(request_line(b"GET").method, 0..3);
    }

    #[test]
    fn status_lines_of_every_kind() {
        assert_eq!(status_line(b"HTTP/1.1 200 OK"), ((1, 1), Some(200)));
        assert_eq!(status_line(b"http/1.0  404"), ((1, 0), Some(404)));
        assert_eq!(status_line(b"HTTP/1.1 abc"), ((1, 1), None));
        assert_eq!(status_line(b"HTTP/1.1 200: OK"), ((1, 1), Some(200)));
        assert_eq!(status_line(b"HTTP/1.1 200OK"), ((1, 1), Some(200)));
        assert_eq!(status_line(b"HTTP/1.1 2000"), ((1, 1), None));
        assert_eq!(status_line(b"HTTP/1.1 20"), ((1, 1), None));
        assert_eq!(response(b"HTTP/1.1 200 OK\r\n", true), Is::Yes);
        assert_eq!(response(b"HTTP/1.1 20", true), Is::More);
        assert_eq!(response(b"HTTP is a protocol", true), Is::No);
        assert_eq!(response(b"HT", true), Is::More);
        assert_eq!(response(b"{", true), Is::No);
    }
}
