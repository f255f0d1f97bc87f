//! What a recogniser sees, and words to ask it with. In: the first bytes of both directions, or their first datagrams. Out:
//! answers. Bounds: [`limits::FLOW_HEAD`] bytes a direction, and [`NEXT`] of the second datagram.

use crate::limits;
use crate::net::Side;

/// Bytes kept of a direction's second datagram.
pub(super) const NEXT: usize = 16;

/// A datagram of fewer bytes keeps a way open and says nothing: a later one stands for its direction.
const SHORT: usize = 5;

/// What is kept of a direction's first datagrams besides the first bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Gram {
    /// Bytes of the first one, and of the second one.
    len: [usize; 2],
    /// Where the second one begins.
    next: [u8; NEXT],
}

/// The first datagrams of both sides.
#[derive(Debug, Default)]
pub struct Grams(Option<Box<[Gram; 2]>>);

impl Grams {
    /// Takes a datagram; whether its bytes are the ones that stand for its side from now on.
    pub fn take(&mut self, side: Side, bytes: &[u8]) -> bool {
        let Some(g) = self.0.get_or_insert_default().get_mut(side as usize) else {
            return false;
        };
        let [first, second] = &mut g.len;
        if bytes.is_empty() {
            return false;
        }
        if *first < SHORT {
            *first = bytes.len();
            return true;
        }
        if *second == 0 {
            *second = bytes.len();
            for (to, from) in g.next.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        false
    }

    fn of(&self, side: usize) -> Option<&Gram> {
        self.0.as_ref().and_then(|g| g.get(side))
    }
}

/// One direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half<'a> {
    /// First bytes: of the stream, or of the first datagram.
    pub bytes: &'a [u8],
    /// Bytes of that datagram; of a stream those above.
    pub len: usize,
    /// First bytes of the second datagram, and how many it had.
    pub next: &'a [u8],
    pub next_len: usize,
}

impl Half<'_> {
    /// Whether a message that says it has so many bytes is just this datagram, or a stream's beginning.
    pub fn holds(&self, n: u32, udp: bool) -> bool {
        let n = n as usize;
        n == self.len || !udp && (self.len >= limits::FLOW_HEAD || n < self.len)
    }
}

/// What a recogniser sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    /// Both directions, client first where that is known.
    halves: [Half<'a>; 2],
    pub udp: bool,
    /// Ports of both ends.
    ports: [u16; 2],
}

impl<'a> Look<'a> {
    /// A stream's first bytes.
    pub fn stream(heads: [&'a [u8]; 2], ports: [u16; 2]) -> Look<'a> {
        Look {
            halves: heads.map(|bytes| Half {
                bytes,
                len: bytes.len(),
                next: &[],
                next_len: 0,
            }),
            udp: false,
            ports,
        }
    }

    /// Datagrams; `client` is the side that stands first.
    pub fn datagrams(
        heads: &'a [Vec<u8>; 2],
        grams: &'a Grams,
        client: Side,
        ports: [u16; 2],
    ) -> Look<'a> {
        let half = |side: Side| {
            let gram = grams.of(side as usize);
            let bytes = heads.get(side as usize).map_or(&[][..], Vec::as_slice);
            let [len, next_len] = gram.map_or([bytes.len(), 0], |g| g.len);
            let next = gram.and_then(|g| g.next.get(..next_len.min(NEXT)));
            Half {
                bytes,
                len,
                next: next.unwrap_or_default(),
                next_len,
            }
        };
        Look {
            halves: [half(client), half(client.other())],
            udp: true,
            ports,
        }
    }

    pub fn halves(&self) -> impl Iterator<Item = &Half<'a>> {
        self.halves.iter()
    }
    /// Whether one direction begins so.
    pub fn any(&self, f: impl Fn(&[u8]) -> bool) -> bool {
        self.halves.iter().any(|h| f(h.bytes))
    }
    /// Whether one direction is so.
    pub fn one(&self, f: impl Fn(&Half<'a>) -> bool) -> bool {
        self.halves.iter().any(f)
    }
    /// Whether both directions have something, and all of them are so.
    pub fn both(&self, f: impl Fn(&Half<'a>) -> bool) -> bool {
        self.halves.iter().all(|h| !h.bytes.is_empty() && f(h))
    }
    /// Whether both directions fit each other, whichever asks.
    pub fn pair(&self, f: impl Fn(&Half<'a>, &Half<'a>) -> bool) -> bool {
        let [a, b] = &self.halves;
        !a.bytes.is_empty() && !b.bytes.is_empty() && (f(a, b) || f(b, a))
    }
    pub fn starts(&self, with: &[u8]) -> bool {
        self.any(|h| h.starts_with(with))
    }
    pub fn port(&self, p: u16) -> bool {
        self.ports.contains(&p)
    }
    pub fn ports(&self, of: &[u16]) -> bool {
        of.iter().any(|p| self.port(*p))
    }
}

/// One protocol that is named: name, transport, recogniser, why it is opaque.
pub(super) struct Name(
    pub &'static str,
    pub Over,
    pub fn(&Look<'_>) -> bool,
    pub &'static str,
);

/// What carries it: `Some(true)` UDP only, `Some(false)` TCP only.
pub(super) type Over = Option<bool>;
pub(super) const TCP: Over = Some(false);
pub(super) const UDP: Over = Some(true);
pub(super) const NOT_HTTP: &str = "not an API protocol";
pub(super) const DB: &str = "a database or queue protocol, not decoded";
pub(super) const PLANT: &str = "an industrial protocol, not decoded";

pub(super) fn has(h: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(h, what).is_some()
}

/// Whether a text begins with one of these, in any case.
pub(super) fn words(h: &[u8], any: &[&[u8]]) -> bool {
    any.iter()
        .any(|w| h.get(..w.len()).is_some_and(|p| p.eq_ignore_ascii_case(w)))
}

/// Up to four bytes as a number, the highest first.
pub(super) fn be(h: &[u8], at: usize, n: usize) -> Option<u32> {
    h.get(at..at + n)
        .map(|b| b.iter().fold(0u32, |v, x| v << 8 | u32::from(*x)))
}

/// The same, the lowest first.
pub(super) fn le(h: &[u8], at: usize, n: usize) -> Option<u32> {
    h.get(at..at + n)
        .map(|b| b.iter().rev().fold(0u32, |v, x| v << 8 | u32::from(*x)))
}

pub(super) fn at(h: &[u8], i: usize) -> u8 {
    h.get(i).copied().unwrap_or(0)
}

/// The first line without its end, where it is whole and text.
pub(super) fn line(h: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b'\n', h)?;
    let line = h.get(..end)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    text(line).then_some(line)
}

/// Whether bytes are text: no controls but blanks and line ends.
pub(super) fn text(h: &[u8]) -> bool {
    h.iter()
        .all(|c| *c >= b' ' && *c != 0x7f || b"\t\r\n".contains(c))
}

/// Length of a BER element at `at` and where its content begins (X.690 section 8.1.3).
pub(super) fn ber(h: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = *h.get(at + 1)?;
    if first < 0x80 {
        return Some((u32::from(first), at + 2));
    }
    let n = usize::from(first & 0x7f);
    if !(1..=4).contains(&n) {
        return None;
    }
    Some((be(h, at + 2, n)?, at + 2 + n))
}
