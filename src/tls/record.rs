//! TLS records out of a stream (RFC 8446 section 5.1), and the way back to them after a loss. In: segments and gaps of one
//! direction. Out: records with the packet of their first byte, and holes where one was lost whose length is known.
//! Bounds: one record held ([`MAX_RECORD`]), and while a record is searched for, a segment more.
//!
//! A gap inside a record whose header was captured costs that record alone. A longer one hides headers: then every place
//! that looks like a header is offered, and the caller says by its MAC or tag whether it was one.

use crate::call::model::Stamp;
use crate::net::Segment;
use std::borrow::Cow;

/// Longest record body: 2^14 bytes and what old ciphers and compression add (RFC 5246 section 6.2.3).
pub const MAX_BODY: usize = (1 << 14) + 2048;
/// With its header.
pub const MAX_RECORD: usize = MAX_BODY + 5;

/// Where a record stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// Offset of its header in the stream.
    pub offset: u64,
    /// Sequence number of the stream's first byte.
    pub zero: u32,
    /// Bytes of the other direction that were acknowledged with its first byte.
    pub acked: u64,
    /// Packet of its first byte.
    pub at: Stamp,
    /// Whether any of it was sent again.
    pub retransmitted: bool,
}

/// A record.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Content type.
    pub kind: u8,
    /// Version in its header.
    pub version: u16,
    /// Header and body.
    bytes: Cow<'a, [u8]>,
    /// Where it stands.
    pub place: Place,
    /// Whether it was found by searching: [`Records::verdict`] is awaited.
    pub sought: bool,
}

impl Record<'_> {
    /// What follows the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(5..).unwrap_or_default()
    }
    /// Offset of what follows it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.place.offset + self.bytes.len() as u64
    }
    /// Stands for records that were lost, among those that wait.
    #[must_use]
    pub fn loss(at: Stamp) -> Record<'static> {
        Record {
            kind: 0,
            version: 0,
            bytes: Cow::Borrowed(&[]),
            place: Place {
                at,
                ..Place::default()
            },
            sought: false,
        }
    }
    /// Whether it stands for a loss.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.kind == 0
    }
    /// A copy that owns its bytes.
    #[must_use]
    pub fn into_owned(self) -> Record<'static> {
        Record {
            bytes: Cow::Owned(self.bytes.into_owned()),
            kind: self.kind,
            version: self.version,
            place: self.place,
            sought: self.sought,
        }
    }
    /// Bytes of memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }
}

/// A record of which bytes are missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hole {
    /// Content type.
    pub kind: u8,
    /// Where it stood.
    pub place: Place,
    /// Its last bytes where they were captured: the next IV of a CBC suite before TLS 1.1.
    pub tail: Option<[u8; 16]>,
}

/// What comes out of a stream.
#[derive(Debug)]
pub enum Item<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// A record that is not whole.
    Hole(Hole),
    /// Bytes that are no record stand at this place (true), or were lost: the next record is searched for.
    Lost(Stamp, bool),
}

#[derive(Debug, Default)]
enum State {
    /// A header stands where the buffer begins.
    #[default]
    Aligned,
    /// So many bytes of a record with a hole are left.
    Hole(Hole, u64),
    /// Where the next header stands is not known.
    Seeking,
}

/// Reads the records of one direction.
#[derive(Debug, Default)]
pub struct Records {
    state: State,
    buf: Vec<u8>,
    /// Offset of the buffer's first byte.
    start: u64,
    /// Segments of which the buffer is made.
    places: Vec<Place>,
    /// A seeking that was not told yet.
    lost: Option<(Stamp, bool)>,
}

fn header(b: &[u8]) -> Option<(u8, u16, usize)> {
    let [kind @ 20..=24, 3, minor @ 0..=4, hi, lo] = *b.get(..5)? else {
        return None;
    };
    let len = usize::from(hi) << 8 | usize::from(lo);
    (len <= MAX_BODY).then_some((kind, 0x0300 | u16::from(minor), len))
}

impl Records {
    /// Bytes held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buf.len() + self.places.len() * size_of::<Place>()
    }

    /// The next item of a segment, of which what is used is taken away; `None` where it is used up.
    pub fn next<'s>(&mut self, seg: &mut Segment<'s>) -> Option<Item<'s>> {
        loop {
            if let Some((at, garbage)) = self.lost.take() {
                return Some(Item::Lost(at, garbage));
            }
            match &mut self.state {
                State::Hole(hole, left) => {
                    let n = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(seg.bytes.len());
                    let done = seg.bytes.get(..n).unwrap_or_default();
                    hole.tail = done.last_chunk::<16>().copied();
                    *left -= n as u64;
                    if *left > 0 {
                        take(seg, n);
                        return None;
                    }
                    let hole = *hole;
                    take(seg, n);
                    self.state = State::Aligned;
                    return Some(Item::Hole(hole));
                }
                State::Aligned if self.buf.is_empty() => {
                    if seg.bytes.is_empty() {
                        return None;
                    }
                    if let Some((kind, version, len)) = header(seg.bytes)
                        && let Some(bytes) = seg.bytes.get(..5 + len)
                    {
                        let place = place(seg);
                        take(seg, 5 + len);
                        return Some(Item::Record(Record {
                            kind,
                            version,
                            bytes: Cow::Borrowed(bytes),
                            place,
                            sought: false,
                        }));
                    }
                    let want = match header(seg.bytes) {
                        Some((_, _, len)) => 5 + len,
                        None if seg.bytes.len() < 5 => 5,
                        None => {
                            self.seek(seg.at, true);
                            continue;
                        }
                    };
                    self.keep(seg, want);
                }
                State::Aligned => {
                    let want = match header(&self.buf) {
                        Some((_, _, len)) => 5 + len,
                        None if self.buf.len() < 5 => 5,
                        None => {
                            self.seek(self.places.first().map_or(seg.at, |p| p.at), true);
                            continue;
                        }
                    };
                    if self.buf.len() < want {
                        if seg.bytes.is_empty() {
                            return None;
                        }
                        self.keep(seg, want - self.buf.len());
                        continue;
                    }
                    return Some(Item::Record(self.cut(want, false)));
                }
                State::Seeking => {
                    let all = seg.bytes.len();
                    if all > 0 {
                        self.keep(seg, all);
                    }
                    return self.sought();
                }
            }
        }
    }

    /// Copies `n` bytes of the segment at most.
    fn keep(&mut self, seg: &mut Segment<'_>, n: usize) {
        if self.buf.is_empty() {
            self.start = seg.offset;
            self.places.clear();
        }
        self.buf.reserve(n);
        let n = n.min(seg.bytes.len());
        self.places.push(place(seg));
        self.buf
            .extend_from_slice(seg.bytes.get(..n).unwrap_or_default());
        take(seg, n);
    }

    /// The record that is the first `n` bytes of the buffer.
    fn cut(&mut self, n: usize, sought: bool) -> Record<'static> {
        let (kind, version, _) = header(&self.buf).unwrap_or_default();
        let end = self.start + n as u64;
        let mut place = self.places.first().copied().unwrap_or_default();
        place.offset = self.start;
        place.retransmitted = self
            .places
            .iter()
            .take_while(|p| p.offset < end)
            .any(|p| p.retransmitted);
        let bytes = if sought {
            self.buf.get(..n).unwrap_or_default().to_vec()
        } else {
            let rest = self.buf.split_off(n.min(self.buf.len()));
            let bytes = std::mem::replace(&mut self.buf, rest);
            self.advance(end);
            bytes
        };
        Record {
            kind,
            version,
            bytes: Cow::Owned(bytes),
            place,
            sought,
        }
    }

    /// The buffer now begins at `start`.
    fn advance(&mut self, start: u64) {
        self.start = start;
        if self.buf.is_empty() {
            self.places.clear();
        }
        let gone = self
            .places
            .iter()
            .rposition(|p| p.offset <= start)
            .unwrap_or(0);
        self.places.drain(..gone);
    }

    fn seek(&mut self, at: Stamp, garbage: bool) {
        self.state = State::Seeking;
        self.lost = Some((at, garbage));
    }

    /// The next place in the buffer that may be a record, once all of it is there.
    fn sought(&mut self) -> Option<Item<'static>> {
        let mut at = 0;
        while let Some(rest) = self.buf.get(at..) {
            let known = rest.len() >= 5;
            match header(rest) {
                Some((_, _, len)) if len > 0 => {
                    // what follows it must be a header too, as far as it is here
                    let next = rest.get(5 + len..).unwrap_or_default();
                    let follows = match next.len() {
                        0 => true,
                        1..5 => next.first().is_some_and(|k| (20..=24).contains(k)),
                        _ => header(next).is_some(),
                    };
                    if follows {
                        break;
                    }
                }
                None if !known => break,
                _ => {}
            }
            at += 1;
        }
        self.buf.drain(..at.min(self.buf.len()));
        self.advance(self.start + at as u64);
        let (_, _, len) = header(&self.buf)?;
        (self.buf.len() >= 5 + len).then(|| Item::Record(self.cut(5 + len, true)))
    }

    /// Whether the record that was found by searching was one.
    pub fn verdict(&mut self, good: bool) {
        let n = match header(&self.buf) {
            Some((_, _, len)) if good => {
                self.state = State::Aligned;
                5 + len
            }
            _ => 1,
        };
        self.buf.drain(..n.min(self.buf.len()));
        self.advance(self.start + n as u64);
    }

    /// Bytes are missing before the next segment.
    pub fn gap(&mut self, bytes: u64, at: Stamp) {
        let known = match &self.state {
            State::Hole(hole, left) => Some((*hole, *left)),
            State::Aligned => header(&self.buf).map(|(kind, _, len)| {
                let mut place = self.places.first().copied().unwrap_or_default();
                place.offset = self.start;
                let hole = Hole {
                    kind,
                    place,
                    tail: None,
                };
                (hole, (5 + len).saturating_sub(self.buf.len()) as u64)
            }),
            State::Seeking => None,
        };
        self.buf.clear();
        self.places.clear();
        match known {
            Some((hole, left)) if bytes > 0 && bytes <= left => {
                self.state = State::Hole(hole, left - bytes);
            }
            _ => self.seek(at, false),
        }
    }
}

fn place(seg: &Segment<'_>) -> Place {
    Place {
        offset: seg.offset,
        zero: seg.zero,
        acked: seg.acked,
        at: seg.at,
        retransmitted: seg.retransmitted,
    }
}

fn take(seg: &mut Segment<'_>, n: usize) {
    seg.bytes = seg.bytes.get(n..).unwrap_or_default();
    seg.offset += n as u64;
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // bytes are made from numbers
mod tests {
    use super::*;

    fn wire(bodies: &[usize]) -> Vec<u8> {
        let mut w = Vec::new();
        for (n, len) in bodies.iter().enumerate() {
            w.extend([23, 3, 3, (len >> 8) as u8, *len as u8]);
            w.extend(std::iter::repeat_n(0x40 + n as u8, *len));
        }
        w
    }

    /// What came out: length and first byte of a record, or `None` for a hole.
    fn read(
        r: &mut Records,
        bytes: &[u8],
        offset: u64,
        good: impl Fn(&Record<'_>) -> bool,
    ) -> Vec<Option<(usize, u8)>> {
        let mut seg = Segment {
            bytes,
            offset,
            zero: 0,
            acked: 0,
            at: Stamp::default(),
            retransmitted: false,
        };
        let mut out = Vec::new();
        while let Some(item) = r.next(&mut seg) {
            match item {
                Item::Record(rec) => {
                    let fine = good(&rec);
                    if rec.sought {
                        r.verdict(fine);
                    }
                    if fine {
                        out.push(Some((
                            rec.body().len(),
                            rec.body().first().copied().unwrap_or(0),
                        )));
                    }
                }
                Item::Hole(_) => out.push(None),
                Item::Lost(..) => {}
            }
        }
        out
    }

    #[test]
    fn records_in_any_cut() {
        let bodies = [3, 1400, 1, 16_400, 20];
        let w = wire(&bodies);
        let want: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(n, l)| Some((*l, 0x40 + n as u8)))
            .collect();
        for cut in [1, 2, 5, 6, 700, 1460, w.len()] {
            let mut r = Records::default();
            let mut got = Vec::new();
            for (n, c) in w.chunks(cut).enumerate() {
                got.extend(read(&mut r, c, (n * cut) as u64, |_| true));
            }
            assert_eq!(got, want, "{cut}");
            assert_eq!(r.held(), 0);
        }
    }

    #[test]
    fn a_gap_in_a_record_costs_it_alone_and_a_longer_one_is_searched_through() {
        let bodies = [100, 200, 300, 400];
        let w = wire(&bodies);
        for from in 6..w.len() {
            for n in [1usize, 90, 250] {
                if from + n >= w.len() {
                    continue;
                }
                let mut r = Records::default();
                let mut got = read(&mut r, &w[..from], 0, |_| true);
                r.gap(n as u64, Stamp::default());
                // a body byte that reads like a header cannot be: all are letters
                got.extend(read(&mut r, &w[from + n..], (from + n) as u64, |_| true));
                // every record that is whole on either side is there
                let mut at = 0;
                for (i, l) in bodies.iter().enumerate() {
                    let (s, e) = (at, at + 5 + l);
                    at = e;
                    let whole = e <= from || s >= from + n;
                    assert_eq!(
                        got.contains(&Some((*l, 0x40 + i as u8))),
                        whole,
                        "{from} {n} record {i}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_false_header_is_passed_over() {
        let mut w = vec![9, 9, 23, 3, 3, 0, 2, 7, 7];
        let real = wire(&[50, 60]);
        w.extend(&real);
        let mut r = Records::default();
        r.gap(1000, Stamp::default());
        let got = read(&mut r, &w, 1000, |rec| rec.body().len() > 2);
        assert_eq!(got, [Some((50, 0x40)), Some((60, 0x41))]);
    }
}
