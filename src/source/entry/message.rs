//! Messages from what tools keep of them: pieces of a head, or a head as it was sent. In: names, values, bytes. Out: a
//! [`Message`]. Bounds: [`HEADERS`] fields, [`BODY_STORED`] bytes of a body; its length and hash go on to its end.

use super::at;
use crate::call::model::{Flags, Message, RawBody, Start, Ts};
use crate::limits::{BODY_STORED, HEAD_BYTES, HEADERS};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// A head that is put together field by field.
pub(super) struct Head {
    bytes: Vec<u8>,
    start: Start,
    headers: Vec<(Range<usize>, Range<usize>)>,
    version: (u8, u8),
    flags: Flags,
}

impl Head {
    /// A request line. `version` as the tool writes it: `HTTP/1.1`, `h2`, `http/2.0`.
    pub(super) fn request(method: &[u8], target: &[u8], version: &str) -> Head {
        let mut head = Head::empty(Start::Response { status: None }, version);
        let method = head.word(method);
        head.bytes.push(b' ');
        let target = head.word(target);
        head.start = Start::Request { method, target };
        head.bytes.push(b' ');
        let name = version_name(head.version);
        head.bytes.extend_from_slice(name.as_bytes());
        head.bytes.extend_from_slice(b"\r\n");
        head
    }

    /// A status line.
    pub(super) fn response(status: u16, reason: &[u8], version: &str) -> Head {
        let mut head = Head::empty(
            Start::Response {
                status: Some(status),
            },
            version,
        );
        let name = version_name(head.version);
        head.bytes
            .extend_from_slice(format!("{name} {status} ").as_bytes());
        head.word(reason);
        head.bytes.extend_from_slice(b"\r\n");
        head
    }

    fn empty(start: Start, version: &str) -> Head {
        Head {
            bytes: Vec::new(),
            start,
            headers: Vec::new(),
            version: version_digits(version),
            flags: Flags::default(),
        }
    }

    /// Adds bytes in which a line end would make a field of its own: such bytes are replaced and the message flagged.
    fn word(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        let room = HEAD_BYTES.saturating_sub(from);
        if bytes.len() > room {
            self.flags.insert(Flags::TRUNCATED);
        }
        for b in bytes.iter().take(room) {
            if matches!(b, b'\r' | b'\n' | 0) {
                self.flags.insert(Flags::BAD_FRAMING);
                self.bytes.push(b' ');
            } else {
                self.bytes.push(*b);
            }
        }
        from..self.bytes.len()
    }

    /// A header field. Tools join fields of one name by a line end: they are several again.
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) {
        for one in value.split(|b| *b == b'\n') {
            if self.headers.len() >= HEADERS || self.bytes.len() >= HEAD_BYTES {
                self.flags.insert(Flags::PARTIAL_HEADERS);
                return;
            }
            let name = self.word(name);
            self.bytes.extend_from_slice(b": ");
            let value = self.word(one.trim_ascii());
            self.bytes.extend_from_slice(b"\r\n");
            self.headers.push((name, value));
        }
    }

    /// The message with its body and times.
    pub(super) fn message(self, body: RawBody, first: Ts, last: Ts) -> Message {
        Message {
            start: self.start,
            head: self.bytes,
            headers: self.headers,
            trailers: Vec::new(),
            version: self.version,
            body,
            first: at(first),
            last: at(last),
            seq: None,
            flags: self.flags,
        }
    }
}

/// `HTTP/1.1`, `HTTP/2` as a start line has it.
fn version_name((major, minor): (u8, u8)) -> String {
    if major >= 2 {
        format!("HTTP/{major}")
    } else {
        format!("HTTP/{major}.{minor}")
    }
}

/// Version digits out of the ways in which tools write them; 1.1 where nothing is said.
pub(super) fn version_digits(text: &str) -> (u8, u8) {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower
        .strip_prefix("http/")
        .or(lower.strip_prefix('h'))
        .unwrap_or("");
    let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
    match (major.parse(), minor.parse()) {
        (Ok(major @ 0..=9), Ok(minor @ 0..=9)) => (major, minor),
        _ => (1, 1),
    }
}

/// A body that is there in full: what is beyond the stored size is only counted and hashed.
pub(super) fn whole(mut bytes: Vec<u8>) -> RawBody {
    let len = bytes.len() as u64;
    let long_sha256 = (bytes.len() > BODY_STORED).then(|| Sha256::digest(&bytes).into());
    bytes.truncate(BODY_STORED);
    RawBody {
        bytes,
        len,
        long_sha256,
        complete: true,
        ..RawBody::default()
    }
}

/// A message as it was sent: head and body in one piece. `None` where there is no start line.
pub(super) fn raw(bytes: &[u8], first: Ts, last: Ts) -> Option<Message> {
    let mut flags = Flags::default();
    let mut headers: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    let (mut at_line, mut start_end, mut body) = (0, None, None);
    while body.is_none() {
        let rest = bytes.get(at_line..)?;
        let (line, next) = match memchr::memchr(b'\n', rest) {
            Some(n) => (rest.get(..n)?, at_line + n + 1),
            None if rest.is_empty() => break,
            None => (rest, bytes.len()),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let end = at_line + line.len();
        match start_end {
            None => start_end = Some(end),
            Some(_) if line.is_empty() => body = Some(next),
            Some(_) if matches!(line.first(), Some(b' ' | b'\t')) => match headers.last_mut() {
                Some((_, value)) => value.end = end,
                None => flags.insert(Flags::BAD_FRAMING),
            },
            Some(_) => match memchr::memchr(b':', line) {
                Some(_) if headers.len() >= HEADERS => flags.insert(Flags::PARTIAL_HEADERS),
                Some(colon) => {
                    let name = line.get(..colon)?.trim_ascii_end().len();
                    let value = line.get(colon + 1..)?;
                    let from = at_line + colon + 1 + value.len() - value.trim_ascii_start().len();
                    headers.push((
                        at_line..at_line + name,
                        from..from + value.trim_ascii().len(),
                    ));
                }
                None => flags.insert(Flags::BAD_FRAMING),
            },
        }
        if body.is_none() {
            at_line = next;
        }
    }
    // without an empty line there is a head alone
    let head = bytes.get(..at_line)?.to_vec();
    let line = head.get(..start_end?)?;
    let (start, version) = start_line(line)?;
    let mut message = Message {
        start,
        version,
        head: Vec::new(),
        headers,
        trailers: Vec::new(),
        body: RawBody::default(),
        first: at(first),
        last: at(last),
        seq: None,
        flags,
    };
    message.head = head;
    if body.is_none() {
        message.flags.insert(Flags::PARTIAL_HEADERS);
    }
    let rest = bytes.get(body.unwrap_or(bytes.len())..).unwrap_or_default();
    let chunked = message
        .header_all("transfer-encoding")
        .any(|v| v.to_ascii_lowercase().ends_with(b"chunked"));
    message.body = whole(match chunked.then(|| dechunk(rest)).flatten() {
        Some(content) => content,
        // tools undo the coding and leave the field
        None => rest.to_vec(),
    });
    Some(message)
}

fn start_line(line: &[u8]) -> Option<(Start, (u8, u8))> {
    let text = |r: Range<usize>| std::str::from_utf8(line.get(r)?).ok();
    if line.starts_with(b"HTTP/") {
        let at = memchr::memchr(b' ', line).unwrap_or(line.len());
        let status =
            text(at.saturating_add(1)..line.len()).and_then(|t| t.split(' ').next()?.parse().ok());
        return Some((
            Start::Response { status },
            version_digits(text(0..at).unwrap_or("")),
        ));
    }
    let first = memchr::memchr(b' ', line)?;
    let last = memchr::memrchr(b' ', line)?;
    let version = line.get(last + 1..)?;
    let (target, version) = if last > first && version.starts_with(b"HTTP/") {
        (
            first + 1..last,
            version_digits(std::str::from_utf8(version).unwrap_or("")),
        )
    } else {
        (first + 1..line.len(), (0, 9))
    };
    (first > 0).then_some((
        Start::Request {
            method: 0..first,
            target,
        },
        version,
    ))
}

/// Chunks joined, where the bytes are chunks from the first to the last.
fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(rest.len());
    loop {
        let nl = memchr::memchr(b'\n', rest.get(..rest.len().min(4096))?)?;
        let line = rest.get(..nl)?;
        let size = line.split(|b| *b == b';').next()?.trim_ascii();
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        rest = rest.get(nl + 1..)?;
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?;
        rest = rest
            .strip_prefix(b"\r")
            .unwrap_or(rest)
            .strip_prefix(b"\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_make_a_field_and_joined_fields_are_several() {
        let mut h = Head::request(b"GET", b"/a\r\nX: 1", "h2");
        h.field(b"Set-Cookie", b"a=1\nb=2");
        h.field(b"N\r\nEvil", b"v\rw");
        let m = h.message(RawBody::default(), 1, 2);
        assert_eq!(m.method(), Some(&b"GET"[..]));
        assert_eq!(m.target(), Some(&b"/a  X: 1"[..]));
        let cookies: Vec<&[u8]> = m.header_all("set-cookie").collect();
        assert_eq!(cookies, [b"a=1", b"b=2"]);
        assert_eq!(m.head.iter().filter(|b| **b == b'\n').count(), 4);
        assert!(m.flags.has(Flags::BAD_FRAMING));
        assert_eq!(m.version, (2, 0));
    }

    #[test]
    fn versions_are_those_that_tools_write() {
        for (text, digits) in [
            ("HTTP/1.0", (1, 0)),
            ("http/2.0", (2, 0)),
            ("h2", (2, 0)),
            ("HTTP/2", (2, 0)),
            ("h3", (3, 0)),
            ("", (1, 1)),
            ("unknown", (1, 1)),
        ] {
            assert_eq!(version_digits(text), digits, "{text}");
        }
    }

    #[test]
    fn raw_messages_give_their_fields_and_body() {
        let m = raw(
            b"HTTP/1.1 404 Not Found\r\nA: b\r\n c\r\nbroken\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n",
            5,
            6,
        )
        .unwrap();
        assert_eq!(m.status(), Some(404));
        assert_eq!(m.header("a"), Some(&b"b\r\n c"[..]));
        assert_eq!(m.body.bytes, b"abc");
        assert!(m.flags.has(Flags::BAD_FRAMING) && m.body.complete);
        assert!(m.head.ends_with(b"chunked\r\n"));
        // the coding was undone before
        let m = raw(
            b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n{\"a\":1}",
            5,
            6,
        )
        .unwrap();
        assert_eq!(m.body.bytes, b"{\"a\":1}");
        let m = raw(b"POST /x HTTP/1.0\r\nHost: h", 5, 6).unwrap();
        assert_eq!((m.target(), m.version), (Some(&b"/x"[..]), (1, 0)));
        assert_eq!(m.header("host"), Some(&b"h"[..]));
        assert!(m.flags.has(Flags::PARTIAL_HEADERS));
        assert_eq!(raw(b"", 0, 0), None);
        assert_eq!(raw(b"nonsense\r\n\r\n", 0, 0), None);
    }
}
