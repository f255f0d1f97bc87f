//! Frames (RFC 9113 section 4 and 6): what a frame header may be, and whether bytes are frames. In: bytes. Out: verdicts.
//! Bounds: a chain is followed over [`CHAIN`] frames at most, so asking costs the same wherever it is asked.

use super::head::{Fields, First};
use super::hpack::{End, Table};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
/// ALTSVC (RFC 7838), ORIGIN (RFC 8336), PRIORITY_UPDATE (RFC 9218).
const KNOWN_MORE: [u8; 3] = [0x0a, 0x0c, 0x10];

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const PRIORITISED: u8 = 0x20;

/// Bytes of a frame header.
pub const HEAD: usize = 9;
/// First bytes of a client (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Largest frame where nothing else was said (RFC 9113 section 6.5.2).
pub const MAX_FRAME: u32 = 16_384;
/// Frames looked at to believe that bytes are frames.
const CHAIN: usize = 8;
/// Bytes of a header block looked at for that: its first fields tell, and bytes that are made to cost would be asked at every place.
const LOOK: usize = 1024;
/// What a chain must score to be believed.
const ENOUGH: u32 = 3;

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame {
    /// Bytes of the payload.
    pub len: u32,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Frame {
    /// Reads a header; `None` where the reserved bit is set, which no sender does.
    pub fn read(b: &[u8; HEAD]) -> Option<Frame> {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *b;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]);
        (stream >> 31 == 0).then_some(Frame {
            len: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream,
        })
    }

    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether its form is one of those that the standard has; unknown types have any.
    pub fn formed(self) -> bool {
        let (on, len) = (self.stream != 0, self.len);
        match self.kind {
            DATA => on,
            HEADERS | PUSH_PROMISE | CONTINUATION => on && (len > 0 || self.kind == CONTINUATION),
            PRIORITY => on && len == 5,
            RST_STREAM => on && len == 4,
            SETTINGS => !on && len % 6 == 0 && (len == 0 || !self.has(ACK)),
            PING => !on && len == 8,
            GOAWAY => !on && len >= 8,
            WINDOW_UPDATE => len == 4,
            _ => true,
        }
    }

    /// Stricter: no flag that has no meaning, no type that is unknown, no length beyond what may be.
    fn likely(self, max: u32) -> bool {
        let flags = match self.kind {
            DATA => END_STREAM | PADDED,
            HEADERS => END_STREAM | END_HEADERS | PADDED | PRIORITISED,
            PUSH_PROMISE => END_HEADERS | PADDED,
            CONTINUATION => END_HEADERS,
            SETTINGS | PING => ACK,
            _ => 0,
        };
        let small = match self.kind {
            SETTINGS => self.len <= 240,
            GOAWAY => self.len <= 1024,
            _ => self.len <= max,
        };
        self.formed()
            && self.flags & !flags == 0
            && small
            && (self.kind <= CONTINUATION || KNOWN_MORE.contains(&self.kind))
    }
}

/// Payload without padding and priority; `None` where they do not fit.
pub fn unpad(frame: Frame, payload: &[u8]) -> Option<&[u8]> {
    let mut p = payload;
    let mut pad = 0;
    if frame.has(PADDED) && matches!(frame.kind, HEADERS | PUSH_PROMISE | DATA) {
        let (n, rest) = p.split_first()?;
        (pad, p) = (usize::from(*n), rest);
    }
    if frame.kind == HEADERS && frame.has(PRIORITISED) {
        p = p.get(5..)?;
    }
    p.get(..p.len().checked_sub(pad)?)
}

/// The same of a payload whose end is missing, padding and all.
pub fn unpad_cut(frame: Frame, payload: &[u8]) -> Option<&[u8]> {
    let before = usize::from(frame.has(PADDED))
        + if frame.kind == HEADERS && frame.has(PRIORITISED) {
            5
        } else {
            0
        };
    payload.get(before..)
}

/// What is known of the connection when bytes are asked.
pub trait Known {
    /// Whether frames of this stream are expected.
    fn stream(&self, id: u32) -> bool;
    /// Largest frame that was allowed.
    fn max_frame(&self) -> u32;
}

/// Nothing is known.
pub struct Nothing;

impl Known for Nothing {
    fn stream(&self, _: u32) -> bool {
        false
    }
    fn max_frame(&self) -> u32 {
        MAX_FRAME
    }
}

/// Who sent frames, as far as they tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Client,
    Server,
    Either,
}

/// Answer to the question whether bytes are frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are.
    Yes(From),
    /// All that is here fits, but it is not enough.
    Maybe,
    /// They are not.
    No,
}

/// Asks whether a chain of frames starts here.
pub fn chain(bytes: &[u8], known: &impl Known) -> Verdict {
    ask(bytes, known).0
}

/// Asks whether a chain of frames starts here, and of how many bytes on the answer may be another one: each header must be likely, and what payloads are here must be what they should
/// be; a chain is believed when it has enough that other protocols do not have.
pub fn ask(bytes: &[u8], known: &impl Known) -> (Verdict, usize) {
    if bytes.starts_with(PREFACE) {
        return (Verdict::Yes(From::Client), 0);
    }
    if PREFACE.starts_with(bytes) {
        return (Verdict::Maybe, bytes.len() + 1);
    }
    let mut need = bytes.len() + 1;
    (follow(bytes, known, &mut need), need)
}

/// Follows a chain; `need` is told where more bytes may give another answer.
fn follow(bytes: &[u8], known: &impl Known, need: &mut usize) -> Verdict {
    // frames that little speaks for do not make a chain alone
    let (mut rest, mut strong, mut weak, mut from) = (bytes, 0, 0u32, From::Either);
    let max = known.max_frame();
    for n in 0..CHAIN {
        let score = strong + weak.min(2);
        let Some((head, after)) = rest.split_first_chunk::<HEAD>() else {
            if rest.is_empty() && n > 0 && score >= ENOUGH {
                return Verdict::Yes(from);
            }
            *need = bytes.len() - rest.len() + HEAD;
            // a header begun: its length must not be beyond what may be
            let cut = rest.first().is_some_and(|b| u32::from(*b) << 16 > max);
            return match (cut, score >= ENOUGH) {
                (true, _) => Verdict::No,
                (_, true) => Verdict::Yes(from),
                _ => Verdict::Maybe,
            };
        };
        let Some(f) = Frame::read(head).filter(|f| f.likely(max)) else {
            return Verdict::No;
        };
        let open = known.stream(f.stream);
        let Some(payload) = after.get(..f.len as usize) else {
            *need = bytes.len() - after.len() + f.len as usize;
            // what of the payload is here cannot be judged; a stream that is known can
            let good = score + u32::from(open) * 2 >= ENOUGH;
            return if good {
                Verdict::Yes(from)
            } else {
                Verdict::Maybe
            };
        };
        rest = after.get(f.len as usize..).unwrap_or_default();
        match weigh(f, payload) {
            Some((s, who)) => {
                if s > 1 {
                    strong += s;
                } else {
                    weak += s;
                }
                // a frame of a known stream, that ends where the segment ends
                strong += u32::from(open && s > 0) + u32::from(open && rest.is_empty());
                match (from, who) {
                    (From::Either, _) => from = who,
                    (_, From::Either) => {}
                    (a, b) if a != b => return Verdict::No,
                    _ => {}
                }
            }
            None => return Verdict::No,
        }
        if strong + weak.min(2) >= ENOUGH && (rest.is_empty() || n + 1 == CHAIN) {
            return Verdict::Yes(from);
        }
    }
    Verdict::Maybe
}

/// How much a whole frame says, and who sends such a one; `None` where it cannot be one.
fn weigh(f: Frame, payload: &[u8]) -> Option<(u32, From)> {
    let word = |at: usize| {
        payload
            .get(at..)
            .and_then(|p| p.first_chunk::<4>())
            .map(|b| u32::from_be_bytes(*b))
    };
    Some(match f.kind {
        DATA => {
            unpad(f, payload)?;
            (1, From::Either)
        }
        HEADERS | PUSH_PROMISE => {
            let mut block = unpad(f, payload)?;
            let mut who = From::Either;
            if f.kind == PUSH_PROMISE {
                let promised = word(usize::from(f.has(PADDED)))?;
                if promised == 0 || promised % 2 == 1 {
                    return None;
                }
                block = block.get(4..)?;
                who = From::Server;
            }
            let all = f.has(END_HEADERS) && block.len() <= LOOK;
            let (score, from) = block_like(block.get(..LOOK).unwrap_or(block), all)?;
            if f.kind == HEADERS {
                who = from;
                if from == From::Client && f.stream.is_multiple_of(2) {
                    return None;
                }
            }
            (score, who)
        }
        RST_STREAM => (word(0)? <= 0xff).then_some((2, From::Either))?,
        SETTINGS => return settings_like(payload),
        PING => (2, From::Either),
        GOAWAY => (word(0)? >> 31 == 0 && word(4)? <= 0xff).then_some((2, From::Either))?,
        WINDOW_UPDATE => (word(0)? >> 31 == 0 && word(0)? > 0).then_some((2, From::Either))?,
        PRIORITY => (1, From::Either),
        CONTINUATION => (1, From::Either),
        _ => (0, From::Either),
    })
}

/// Settings (RFC 9113 section 6.5.2): known ones have values within their bounds; unknown ones may be there beside known ones.
fn settings_like(payload: &[u8]) -> Option<(u32, From)> {
    let (mut known, mut who) = (0, From::Either);
    for &[i0, i1, v0, v1, v2, v3] in payload.as_chunks::<6>().0 {
        let (id, v) = (
            u16::from_be_bytes([i0, i1]),
            u32::from_be_bytes([v0, v1, v2, v3]),
        );
        let good = match id {
            2 | 8 | 9 => v <= 1,
            4 => v >> 31 == 0,
            5 => (MAX_FRAME..1 << 24).contains(&v),
            0 => false,
            _ => true,
        };
        if !good {
            return None;
        }
        known += u32::from((1..=9).contains(&id));
        if id == 2 && v == 1 {
            who = From::Client;
        }
    }
    match (payload.is_empty(), known) {
        (true, _) => Some((1, who)),
        (_, 0) => None,
        _ => Some((3, who)),
    }
}

/// Whether a header block is one: fields that can be read, names that may be, pseudo-fields first (RFC 9113 section 8.3).
fn block_like(block: &[u8], whole: bool) -> Option<(u32, From)> {
    let mut fields = Fields::of(block.len());
    let mut good = true;
    let end = Table::default().read(block, |f| {
        good &= f.0.is_none_or(|n| {
            let word = n.strip_prefix(b":").unwrap_or(n);
            !word.is_empty()
                && word
                    .iter()
                    .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && *b != b':')
        });
        fields.add(f);
    });
    if !good
        || fields.first == First::Nothing
        || fields.bad
        || fields.dropped > 0
        || end == End::Odd
        || whole && end == End::Cut
    {
        return None;
    }
    let request = fields.method.is_some() || fields.path.is_some() || fields.authority.is_some();
    let who = match (request, fields.status()) {
        (true, None) => From::Client,
        (false, Some(_)) => From::Server,
        (true, Some(_)) => return None,
        (false, None) if fields.status.is_some() => return None,
        _ => From::Either,
    };
    let pseudo = fields.first == First::Pseudo;
    Some((
        if pseudo && who != From::Either { 3 } else { 1 },
        if pseudo { who } else { From::Either },
    ))
}
