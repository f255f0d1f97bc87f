//! Length-prefixed messages of gRPC, gRPC-Web and Connect: one byte of flags, four of length (big-endian), the message.
//! In: a body. Out: messages as ranges; or the body with each message's compression undone, in the same framing.
//! Bounds: linear; what is undone is at most [`limits::BODY_STORED`] bytes, under the limits of [`decode`] for each message.

use super::realign::{self, Hole, Kind};
use crate::body::decode;
use crate::limits;
use std::ops::Range;

/// Flag: the message is compressed.
pub const COMPRESSED: u8 = 1;
/// Flag of Connect's last message, which holds the status as JSON.
pub const END: u8 = 2;
/// Flag of gRPC-Web's trailers.
pub const TRAILERS: u8 = 0x80;

/// Flag of content as it is kept, never of what was sent: bytes behind it are missing in the message, which is here as far as it came ...
pub const BEGINNING: u8 = 0x40;
/// ... and here are bytes of messages whose beginning is missing.
pub const REST: u8 = 0x20;
/// Bytes before a message.
pub const PREFIX: usize = 5;

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Flags.
    pub flags: u8,
    /// Bytes of the message.
    pub len: u64,
}

impl Prefix {
    /// Reads one as it is sent; `None` where these cannot be its flags, or it is not all there.
    pub fn read(bytes: &[u8]) -> Option<Prefix> {
        Self::with(bytes, 0)
    }
    /// Reads one that may have more flags.
    fn with(bytes: &[u8], more: u8) -> Option<Prefix> {
        let [flags, len @ ..] = *bytes.first_chunk::<PREFIX>()?;
        let sent = flags & !more;
        let odd = sent & !(COMPRESSED | END | TRAILERS) != 0;
        (!odd && sent & (END | TRAILERS) != END | TRAILERS).then_some(Prefix {
            flags,
            len: u32::from_be_bytes(len).into(),
        })
    }
    /// The place behind the message whose prefix stands at `at`.
    pub fn behind(&self, at: usize) -> Option<usize> {
        usize::try_from(self.len).ok()?.checked_add(at + PREFIX)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Flags as sent.
    pub flags: u8,
    /// Where the message stands.
    pub body: Range<usize>,
    /// Its length as the prefix has it.
    pub len: u64,
    /// The content ends before the message does.
    pub cut: bool,
}

impl Frame {
    /// Whether it is a message of the method, and not about the call.
    pub fn message(&self) -> bool {
        self.flags & !COMPRESSED == 0
    }
}

/// Messages in order. Ends at the first byte that cannot be flags: what follows is not framed (see [`Frames::rest`]).
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    content: &'a [u8],
    at: usize,
}

/// Splits content as it is kept.
pub fn frames(content: &[u8]) -> Frames<'_> {
    Frames { content, at: 0 }
}

impl Frames<'_> {
    /// Where reading stands: behind the last message, or before what is none.
    pub fn rest(&self) -> usize {
        self.at
    }

    /// Messages with their numbers; what is left of one has that of the message before.
    pub fn numbered(&mut self) -> impl Iterator<Item = (Frame, u32)> {
        let mut next = 0u32;
        self.map(move |f| {
            if f.flags & REST == 0 {
                next = next.saturating_add(1);
            }
            (f, next.saturating_sub(1))
        })
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;
    fn next(&mut self) -> Option<Frame> {
        let rest = self.content.get(self.at..)?;
        let Prefix { flags, len } = Prefix::with(rest, BEGINNING | REST)?;
        let start = self.at + PREFIX;
        let room = self.content.len().saturating_sub(start);
        let have = usize::try_from(len).unwrap_or(usize::MAX).min(room);
        self.at = start + have;
        Some(Frame {
            flags,
            body: start..start + have,
            len,
            cut: (have as u64) < len,
        })
    }
}

/// Whether content can begin with a message.
pub fn plausible(content: &[u8]) -> bool {
    frames(content)
        .next()
        .is_some_and(|f| !f.cut || f.len <= limits::BODY_STORED as u64)
}

/// A body with its messages' compression undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The messages in the same framing, flags without [`COMPRESSED`].
    pub content: Vec<u8>,
    /// Coding of the messages, as far as one was undone.
    pub coding: Option<&'static str>,
    /// Why it is not whole, as [`decode::Decoded::cut`] says it.
    pub cut: Option<&'static str>,
}

/// A body as it was captured.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Bytes that are here.
    pub bytes: &'a [u8],
    /// Where some are missing.
    pub holes: &'a [Hole],
    /// Its end is here.
    pub complete: bool,
}

impl<'a> From<&'a [u8]> for Sent<'a> {
    /// A whole body.
    fn from(bytes: &'a [u8]) -> Sent<'a> {
        Sent {
            bytes,
            holes: &[],
            complete: true,
        }
    }
}

impl Sent<'_> {
    /// Where each message begins, in the order of [`Frames::numbered`].
    pub fn starts(&self) -> Vec<usize> {
        realign::pieces(self.bytes, self.holes, self.complete)
            .0
            .iter()
            .filter(|p| p.kind != Kind::Rest)
            .map(|p| p.body.start.saturating_sub(PREFIX))
            .collect()
    }
}

/// Undoes base64 (`text`: `application/grpc-web-text`) and the compression of messages under `encoding` (`grpc-encoding`), and
/// keeps messages apart where bytes are missing. `None` where the body is as it should be already.
pub fn undo(sent: Sent<'_>, encoding: Option<&[u8]>, text: bool) -> Option<Undone> {
    let plain = text.then(|| base64(sent.bytes, |_, _| ()));
    let sent = plain.as_deref().map_or(sent, Sent::from);
    let content = sent.bytes;
    let coded = frames(content).any(|f| f.flags & COMPRESSED != 0);
    if !coded && sent.holes.is_empty() {
        return plain.map(|content| Undone {
            content,
            coding: None,
            cut: None,
        });
    }
    let encoding = encoding.filter(|e| !e.eq_ignore_ascii_case(b"identity"));
    let mut out = Undone {
        content: Vec::with_capacity(content.len()),
        coding: None,
        cut: None,
    };
    let (pieces, rest) = realign::pieces(content, sent.holes, sent.complete);
    for p in pieces {
        let message = content.get(p.body.clone()).unwrap_or_default();
        if out.content.len().saturating_add(message.len()) > limits::BODY_STORED {
            out.cut = Some("limit");
            return Some(out);
        }
        let flags = match p.kind {
            Kind::Message(flags) => flags,
            Kind::Beginning(flags) => {
                put(&mut out.content, flags | BEGINNING, message);
                continue;
            }
            Kind::Rest => {
                put(&mut out.content, REST, message);
                continue;
            }
        };
        let known = encoding
            .filter(|_| flags & COMPRESSED != 0)
            .map(|e| decode::decode(message, &[e]));
        match known {
            Some(d) if !d.codings.is_empty() => {
                out.coding = d.codings.first().copied();
                out.cut = out.cut.or(d.cut);
                let room = limits::BODY_STORED.saturating_sub(out.content.len());
                let inner = d.content.get(..room).unwrap_or(&d.content);
                put(&mut out.content, flags & !COMPRESSED, inner);
            }
            _ => {
                if flags & COMPRESSED != 0 {
                    out.cut = out.cut.or(Some("coding"));
                }
                // with its prefix as it was sent
                let from = p.body.start.saturating_sub(PREFIX);
                let whole = content.get(from..p.body.end);
                out.content.extend_from_slice(whole.unwrap_or_default());
            }
        }
    }
    out.content
        .extend_from_slice(content.get(rest..).unwrap_or_default());
    Some(out)
}

fn put(out: &mut Vec<u8>, flags: u8, message: &[u8]) {
    out.push(flags);
    out.extend_from_slice(
        &u32::try_from(message.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    out.extend_from_slice(message);
}

/// Where messages begin in base64 (`application/grpc-web-text`): the character that holds the first bits of each.
pub fn text_starts(text: &[u8]) -> Vec<usize> {
    let starts = Sent::from(&*base64(text, |_, _| ())).starts();
    let mut out = Vec::with_capacity(starts.len());
    // byte n of a group begins in its character n
    let mut here = (0, 0);
    base64(text, |at, made| {
        let before = starts.iter().skip(out.len()).take_while(|s| **s < made);
        let found: Vec<usize> = before.map(|s| here.0 + (s - here.1)).collect();
        out.extend(found);
        here = (at, made);
    });
    let rest = starts.iter().skip(out.len());
    let rest: Vec<usize> = rest
        .map(|s| here.0 + s.saturating_sub(here.1).min(3))
        .collect();
    out.extend(rest);
    out
}

/// Base64 in pieces, each with its own padding; ends at the first character that is none. `group` is told where each group of
/// characters begins and how many bytes were made before it.
fn base64(body: &[u8], mut group: impl FnMut(usize, usize)) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let (mut word, mut n) = (0u32, 0);
    let flush = |out: &mut Vec<u8>, word: &mut u32, n: &mut u32| {
        let bytes = (*word << (6 * (4 - *n))).to_be_bytes();
        let keep = match n {
            2 => 1,
            3 => 2,
            4 => 3,
            _ => 0,
        };
        out.extend_from_slice(bytes.get(1..1 + keep).unwrap_or_default());
        (*word, *n) = (0, 0);
    };
    for (at, b) in body.iter().enumerate() {
        let v = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                flush(&mut out, &mut word, &mut n);
                continue;
            }
            b'\r' | b'\n' | b' ' => continue,
            _ => break,
        };
        if n == 0 {
            group(at, out.len());
        }
        word = word << 6 | u32::from(v);
        n += 1;
        if n == 4 {
            flush(&mut out, &mut word, &mut n);
        }
    }
    flush(&mut out, &mut word, &mut n);
    out
}

/// Status in gRPC-Web's trailers, which stand in the body.
pub fn status(content: &[u8]) -> Option<u32> {
    let last = frames(content).find(|f| f.flags & TRAILERS != 0 && f.flags & COMPRESSED == 0)?;
    status_in(content.get(last.body)?)
}

/// `grpc-status` in a block of header lines.
pub fn status_in(block: &[u8]) -> Option<u32> {
    block.split(|b| *b == b'\n').find_map(|l| {
        let at = memchr::memchr(b':', l)?;
        let (n, v) = l.split_at(at);
        if !n.trim_ascii().eq_ignore_ascii_case(b"grpc-status") {
            return None;
        }
        number(v.get(1..)?)
    })
}

/// A status as text.
pub fn number(v: &[u8]) -> Option<u32> {
    std::str::from_utf8(v.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn frame(flags: u8, m: &[u8]) -> Vec<u8> {
        let mut v = Vec::new();
        put(&mut v, flags, m);
        v
    }

    #[test]
    fn messages_are_split_and_undone() {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        e.write_all(b"hello hello hello").unwrap();
        let packed = e.finish().unwrap();
        let body = [frame(1, &packed), frame(0, b"plain"), frame(0, b"")].concat();
        let u = undo(body[..].into(), Some(b"gzip"), false).unwrap();
        assert_eq!(u.coding, Some("gzip"));
        assert_eq!(u.cut, None);
        let got: Vec<&[u8]> = frames(&u.content).map(|f| &u.content[f.body]).collect();
        assert_eq!(got, [&b"hello hello hello"[..], b"plain", b""]);
        // a coding that is not known stays, and is said
        let s = undo(body[..].into(), Some(b"snappy"), false).unwrap();
        assert_eq!(
            (s.content.as_slice(), s.cut),
            (body.as_slice(), Some("coding"))
        );
        assert_eq!(undo(frame(0, b"x")[..].into(), Some(b"gzip"), false), None);
    }

    #[test]
    fn web_text_is_base64_in_pieces() {
        use base64::Engine as _;
        let b = base64::engine::general_purpose::STANDARD;
        let text = format!(
            "{}{}",
            b.encode(frame(0, b"ab")),
            b.encode(frame(0x80, b"grpc-status: 7\r\ngrpc-message: x\r\n"))
        );
        let u = undo(text.as_bytes().into(), None, true).unwrap();
        assert_eq!(frames(&u.content).count(), 2);
        assert_eq!(status(&u.content), Some(7));
        assert_eq!(status(&frame(0, b"grpc-status:7")), None);
    }

    #[test]
    fn what_is_cut_or_no_frame_is_said() {
        let mut b = frame(0, b"abc");
        b.truncate(6);
        let f = frames(&b).next().unwrap();
        assert!(f.cut && f.len == 3 && f.body == (5..6));
        let junk = [frame(0, b"ok"), b"<html>".to_vec()].concat();
        let mut all = frames(&junk);
        assert_eq!(all.by_ref().count(), 1);
        assert_eq!(all.rest(), 7);
        for cut in 0..8 {
            let _ = undo(junk[..cut].into(), Some(b"gzip"), cut % 2 == 0);
        }
    }
}
