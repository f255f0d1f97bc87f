//! Fields as text. In: decoded fields of a header block. Out: the head of a message as an HTTP/1 one would be written, with the
//! ranges of its parts, or a trailer block. Bounds: [`limits::HEADERS`] fields, [`limits::HEAD_BYTES`] bytes.
//!
//! `:method` and `:path` (or `:status`) make the start line, `:authority` the first field, under the name `host`; other pseudo-fields
//! stand under their own names. Line ends and NUL in names and values, which are forbidden (RFC 9113 section 8.2.1), and what else
//! would make two fields of one, are written as escapes. What is unknown is written `<unknown>`, and its range is empty or left out.

use super::hpack::Field;
use crate::call::model::{Flags, Start};
use crate::limits;
use std::ops::Range;

/// Stands for a name or value that cannot be known.
pub const UNKNOWN: &[u8] = b"<unknown>";

/// What a block begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum First {
    /// No field.
    #[default]
    Nothing,
    /// A pseudo-field.
    Pseudo,
    /// An ordinary field.
    Regular,
    /// A field whose name is not known.
    Unknown,
}

/// Fields of a block as they are read.
#[derive(Debug, Default)]
pub struct Fields {
    pub method: Option<Vec<u8>>,
    pub path: Option<Vec<u8>>,
    pub authority: Option<Vec<u8>>,
    pub status: Option<Vec<u8>>,
    /// `:protocol` (RFC 8441).
    pub protocol: Option<Vec<u8>>,
    pub first: First,
    /// Names or values that are not known.
    pub unknown: usize,
    /// Fields beyond a limit.
    pub dropped: usize,
    /// A rule of RFC 9113 section 8 is broken.
    pub bad: bool,
    /// Declared length of the body.
    pub content_length: Option<u64>,
    count: usize,
    most: usize,
    regular: bool,
    text: Vec<u8>,
    ranges: Vec<(Range<usize>, Range<usize>)>,
}

/// A head as text.
#[derive(Debug)]
pub struct Head {
    pub start: Start,
    pub text: Vec<u8>,
    pub headers: Vec<(Range<usize>, Range<usize>)>,
    /// Declared length of the body.
    pub content_length: Option<u64>,
    pub flags: Flags,
}

impl Fields {
    /// For a block of this length: one that says far more than it holds is made to fill memory.
    pub fn of(block: usize) -> Fields {
        let most = limits::HPACK_FLOOR.saturating_add(block.saturating_mul(limits::HPACK_RATIO));
        Fields {
            most: most.min(limits::HEAD_BYTES),
            ..Fields::default()
        }
    }

    /// Takes the next field.
    pub fn add(&mut self, (name, value): Field<'_>) {
        let pseudo = name.is_some_and(|n| n.first() == Some(&b':'));
        if self.first == First::Nothing {
            self.first = match name {
                None => First::Unknown,
                Some(_) if pseudo => First::Pseudo,
                Some(_) => First::Regular,
            };
        }
        let size = name.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        self.count += 1;
        if self.count > limits::HEADERS || self.text.len() + size > self.most {
            self.dropped += 1;
            return;
        }
        if name.is_none() || value.is_none() {
            self.unknown += 1;
        }
        if pseudo {
            self.bad |= self.regular;
            let slot = match name {
                Some(b":method") => Some(&mut self.method),
                Some(b":path") => Some(&mut self.path),
                Some(b":authority") => Some(&mut self.authority),
                Some(b":status") => Some(&mut self.status),
                Some(b":protocol") => Some(&mut self.protocol),
                _ => None,
            };
            match slot {
                // a second one is kept as a field
                Some(s) if s.is_none() => {
                    let Some(v) = value else { return };
                    let mut safe = Vec::with_capacity(v.len());
                    self.bad |= escape(v, false, &mut safe);
                    *s = Some(safe);
                    if name != Some(b":protocol") {
                        return;
                    }
                }
                Some(_) => self.bad = true,
                None => {}
            }
        } else {
            self.regular |= name.is_some();
            if name.is_some_and(|n| n.eq_ignore_ascii_case(b"content-length")) {
                self.content_length = value
                    .and_then(|v| std::str::from_utf8(v).ok())
                    .and_then(|v| v.trim().parse().ok());
            }
        }
        self.line(name, value);
    }

    fn line(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        let from = self.text.len();
        match name {
            Some(n) => self.bad |= escape(n, true, &mut self.text),
            None => self.text.extend_from_slice(UNKNOWN),
        }
        let colon = self.text.len();
        self.text.extend_from_slice(b": ");
        let start = self.text.len();
        match value {
            Some(v) => {
                let escaped = escape(v, false, &mut self.text);
                // gRPC sends binary metadata as it is, with a NUL in front, to whoever agreed to it
                let binary = v.first() == Some(&0) && name.is_some_and(|n| n.ends_with(b"-bin"));
                self.bad |= escaped && !binary;
            }
            None => self.text.extend_from_slice(UNKNOWN),
        }
        if value.is_some() {
            self.ranges.push((from..colon, start..self.text.len()));
        }
        self.text.extend_from_slice(b"\r\n");
    }

    /// What is wrong with it.
    fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        if self.unknown + self.dropped > 0 {
            flags.insert(Flags::PARTIAL_HEADERS);
        }
        if self.bad {
            flags.insert(Flags::BAD_FRAMING);
        }
        flags
    }

    /// The head of a request. `partial`: the rest of the block was not captured.
    pub fn request(self, partial: bool) -> Head {
        let mut flags = self.flags();
        let whole = self.unknown + self.dropped == 0 && !partial;
        let connect = self.method.as_deref() == Some(b"CONNECT") && self.protocol.is_none();
        let target = if connect {
            self.authority.as_deref()
        } else {
            self.path.as_deref()
        };
        if whole && (self.method.is_none() || target.is_none()) || self.status.is_some() {
            flags.insert(Flags::BAD_FRAMING);
        }
        let mut text = Vec::with_capacity(self.text.len() + 64);
        let method = put(&mut text, self.method.as_deref());
        text.push(b' ');
        let target = put(&mut text, target);
        text.extend_from_slice(b" HTTP/2\r\n");
        let mut headers = Vec::with_capacity(self.ranges.len() + 1);
        if let Some(a) = &self.authority {
            let from = text.len();
            text.extend_from_slice(b"host: ");
            let value = text.len();
            text.extend_from_slice(a);
            headers.push((from..from + 4, value..text.len()));
            text.extend_from_slice(b"\r\n");
        }
        self.rest(Start::Request { method, target }, text, headers, flags)
    }

    /// The head of a response.
    pub fn response(self, partial: bool) -> Head {
        let mut flags = self.flags();
        let whole = self.unknown + self.dropped == 0 && !partial;
        let status = self.status();
        if whole && status.is_none() || self.method.is_some() || self.path.is_some() {
            flags.insert(Flags::BAD_FRAMING);
        }
        let mut text = Vec::with_capacity(self.text.len() + 16);
        text.extend_from_slice(b"HTTP/2 ");
        put(&mut text, self.status.as_deref());
        text.extend_from_slice(b"\r\n");
        self.rest(Start::Response { status }, text, Vec::new(), flags)
    }

    /// The status, where there is one of three digits.
    pub fn status(&self) -> Option<u16> {
        let s = self.status.as_deref()?;
        let digits = s.len() == 3 && s.iter().all(u8::is_ascii_digit);
        let n = s.iter().fold(0u16, |n, d| {
            n.wrapping_mul(10).wrapping_add(u16::from(d & 15))
        });
        (digits && n >= 100).then_some(n)
    }

    /// The block as trailers, and what is wrong with it.
    pub fn trailers(mut self) -> (Vec<u8>, Flags) {
        for (name, value) in [
            (&b":method"[..], self.method.take()),
            (b":path", self.path.take()),
            (b":authority", self.authority.take()),
            (b":status", self.status.take()),
        ] {
            if let Some(v) = value {
                self.bad = true;
                self.line(Some(name), Some(&v));
            }
        }
        let flags = self.flags();
        (self.text, flags)
    }

    fn rest(
        self,
        start: Start,
        mut text: Vec<u8>,
        mut headers: Vec<(Range<usize>, Range<usize>)>,
        flags: Flags,
    ) -> Head {
        let by = text.len();
        text.extend_from_slice(&self.text);
        headers.extend(
            self.ranges
                .into_iter()
                .map(|(n, v)| (n.start + by..n.end + by, v.start + by..v.end + by)),
        );
        Head {
            start,
            text,
            headers,
            content_length: self.content_length,
            flags,
        }
    }
}

/// Writes a part of the start line; its range, empty where it is not known.
fn put(text: &mut Vec<u8>, part: Option<&[u8]>) -> Range<usize> {
    let from = text.len();
    text.extend_from_slice(part.unwrap_or(UNKNOWN));
    match part {
        Some(_) => from..text.len(),
        None => from..from,
    }
}

/// Appends bytes so that they stay in their place in a line; tells whether any had to be escaped, or is not allowed in a name.
fn escape(bytes: &[u8], name: bool, out: &mut Vec<u8>) -> bool {
    if !name && memchr::memchr3(b'\r', b'\n', 0, bytes).is_none() {
        out.extend_from_slice(bytes);
        return false;
    }
    let mut odd = name && bytes.is_empty();
    for (i, b) in bytes.iter().enumerate() {
        let forges = matches!(b, b'\r' | b'\n' | 0);
        let splits = name && (matches!(b, b':') && i > 0 || *b <= b' ' || *b == 0x7f);
        if forges || splits {
            out.extend_from_slice(format!("\\x{b:02X}").as_bytes());
            odd = true;
        } else {
            out.push(*b);
            odd |= name && b.is_ascii_uppercase();
        }
    }
    odd
}
