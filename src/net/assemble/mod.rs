//! One direction of a connection in order. In: segments as captured. Out: each byte of the stream once, gaps of exact
//! size, the FIN in its place. Bounds: held pieces as in [`crate::limits`]; the caller is told what is held.
//!
//! Rules, where a capture is ambiguous:
//! - Bytes in order go straight through; only what comes too early is copied and held.
//! - Where segments overlap, the bytes captured first stay, whatever came later (as in [`super::frag`]).
//! - A hole is declared lost when the other side acknowledged it and nothing filled it for
//!   [`REORDER_PACKETS`] or [`REORDER_NS`]; when the other side is not captured, after small amounts; in any case at
//!   the limits and at the end. Later bytes for a passed place are thrown away.
//! - A few zeros on an acknowledgement are no data until something says so: some stacks count the padding of a frame as
//!   payload, and believing it would poison the place for the bytes that really stand there. What the sender sends next,
//!   or the other side acknowledges, decides; before a hole that is lost they stay; where nothing decides, they are dropped.
//! - Where the SYN was not captured, the first segments wait until it is known which of them comes first: the other side
//!   acknowledged what stood before, or has the first already, or [`EARLY_PIECES`](crate::limits::EARLY_PIECES) or [`EARLY_NS`](crate::limits::EARLY_NS) passed.
//! - Nothing after a FIN counts that the other side acknowledged; one that data goes beyond before is none (see [`fin`]).
//! - A segment whose sum is wrong, where sums of its direction are right, waits for another copy or for an acknowledgement
//!   (see [`suspect`]).

mod early;
mod fin;
mod padding;
mod suspect;

use super::{Missing, Segment, low};
use crate::call::model::Stamp;
use crate::limits::{
    HELD_NS, REORDER_NS, REORDER_PACKETS, STREAM_HELD, STREAM_PIECES, UNHEARD_BYTES, UNHEARD_PIECES,
};
use fin::Fin;
use std::collections::BTreeMap;

/// Memory that one held piece costs beside its bytes.
const PIECE_COST: usize = 128;
/// How far before and behind the first segment captured the others may stand that wait for the beginning with it.
const EARLY_REACH: u32 = 1 << 20;
/// Acknowledgements further ahead than this are no news of the stream but nonsense (the largest window, RFC 7323).
const ACK_REACH: u64 = 1 << 30;

/// Receives what is in order.
pub(super) trait Out {
    fn data(&mut self, segment: Segment<'_>);
    fn gap(&mut self, bytes: u64, why: Missing, at: Stamp);
    fn fin(&mut self, at: Stamp);
    /// Something to be counted under this code.
    fn odd(&mut self, code: &'static str);
}

/// A segment as captured.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    /// Sequence number of the first byte.
    pub(super) seq: u32,
    pub(super) bytes: &'a [u8],
    /// Bytes of the segment behind `bytes` that were not captured.
    pub(super) missing: usize,
    pub(super) at: Stamp,
    /// Goes into [`Segment::acked`].
    pub(super) acked: u64,
    /// Whether it may be padding, see [`super::connection`].
    pub(super) doubtful: bool,
    /// Whether the packet was captured before, or the bytes come from another tap: then they were not sent again.
    pub(super) copy: bool,
    /// Whether its sum says that the receiver threw it away, see [`Half::distrusts`].
    pub(super) suspect: bool,
}

/// A piece that waits for the bytes before it. Held pieces do not overlap.
struct Held {
    bytes: Box<[u8]>,
    missing: u64,
    at: Stamp,
    acked: u64,
    retransmitted: bool,
    doubtful: bool,
    suspect: bool,
}

impl Held {
    fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.missing
    }
    fn cost(&self) -> usize {
        self.bytes.len() + PIECE_COST
    }
    /// Leaves what stands behind so many bytes away.
    fn end_at(&mut self, len: u64) {
        let keep = usize::try_from(len).unwrap_or(usize::MAX);
        if let Some(bytes) = self.bytes.get(..keep) {
            self.bytes = bytes.into();
        }
        self.missing = self.missing.min(len - self.bytes.len() as u64);
    }
}

/// What waits, and since when its hole is overdue.
#[derive(Default)]
struct Waiting {
    pieces: BTreeMap<u64, Held>,
    cost: usize,
    /// Holes up to this offset were acknowledged at this packet of the flow and time.
    mark: Option<(u64, u64, i64)>,
}

/// Zeros at the next place, and the acknowledgement that carried them.
struct Doubt {
    len: u8,
    at: Stamp,
    acked: u64,
}

/// Most bytes of padding that were seen on an acknowledgement: what fills 54 bytes up to the shortest frame.
pub(in crate::net) const MOST_PADDING: usize = 6;

/// One direction.
#[derive(Default)]
pub(super) struct Half {
    /// Sequence number of the next byte in order; valid once `known`.
    next: u32,
    /// Its offset in the stream.
    offset: u64,
    /// Whether `next` is known: from a SYN, or from the first payload.
    known: bool,
    /// Packet time since which segments wait for the beginning to be known. Until then `next` stands
    /// [`EARLY_REACH`] before the first of them, and `known` is false.
    early: Option<i64>,
    /// Last acknowledgement of the other side while the beginning is not known.
    hint: Option<u32>,
    /// Sequence number of the SYN.
    isn: Option<u32>,
    /// Where the FIN stands.
    fin: Option<Fin>,
    fin_told: bool,
    /// Whether the sum of one of its segments was right.
    proved: bool,
    /// Whether one whose sum is wrong was received all the same: so are the others.
    lenient: bool,
    /// Bytes of this stream that the other side acknowledged.
    acked: u64,
    waiting: Option<Box<Waiting>>,
    /// The last hole that was declared lost: its first offset, and the one behind it.
    lost: (u64, u64),
    /// Zeros in order that may be padding.
    doubt: Option<Box<Doubt>>,
    /// Whether several SYNs disagreed about the beginning.
    pub(super) unsure: bool,
    /// Whether the flow table has it in its list of streams that hold bytes.
    pub(super) listed: bool,
}

impl Half {
    /// Whether the place of the next byte is known.
    pub(super) fn known(&self) -> bool {
        self.known
    }
    /// When the first piece that waits was captured.
    pub(super) fn waits_since(&self) -> Option<Stamp> {
        let w = self.waiting.as_ref()?;
        w.pieces.first_key_value().map(|(_, held)| held.at)
    }
    /// Sequence number of the SYN, where one was captured.
    pub(super) fn isn(&self) -> Option<u32> {
        self.isn
    }
    /// Whether no byte and no hole of the stream was handed on or held.
    pub(super) fn untouched(&self) -> bool {
        self.offset == 0 && self.waiting.is_none() && self.doubt.is_none()
    }
    /// Memory held.
    pub(super) fn cost(&self) -> usize {
        self.waiting.as_ref().map_or(0, |w| w.cost)
    }
    /// Sequence number of the byte with offset 0.
    pub(super) fn first(&self) -> u32 {
        self.next.wrapping_sub(low(self.offset))
    }
    /// Distance of a sequence number from the next byte in order.
    pub(super) fn distance(&self, seq: u32) -> u32 {
        seq.wrapping_sub(self.next).cast_signed().unsigned_abs()
    }

    /// Begins the stream behind a SYN.
    pub(super) fn begin(&mut self, isn: u32) {
        self.isn = Some(isn);
        self.begin_at(isn.wrapping_add(1));
    }
    /// A SYN was captured late: the stream already began right behind it.
    pub(super) fn late_syn(&mut self, isn: u32) {
        self.isn = Some(isn);
    }

    /// Offset of a sequence number near the next one; negative before the beginning.
    fn place(&self, seq: u32) -> i64 {
        let near = seq.wrapping_sub(self.next).cast_signed();
        i64::try_from(self.offset)
            .unwrap_or(i64::MAX)
            .saturating_add(i64::from(near))
    }

    /// Offset of the byte at a sequence number, where it is known.
    pub(super) fn offset_of(&self, seq: u32) -> Option<u64> {
        self.known.then(|| u64::try_from(self.place(seq)).ok())?
    }

    /// Offset that an acknowledgement of the other side stands for; 0 where the stream is not known.
    pub(super) fn acked_by(&self, ack: u32) -> u64 {
        if !self.known {
            return 0;
        }
        let at = u64::try_from(self.place(ack)).unwrap_or(0);
        // The FIN takes a sequence number of its own.
        let of_fin = |fin: &Fin| at.checked_sub(1) == Some(fin.place) || fin.sure && at > fin.place;
        match &self.fin {
            Some(fin) if of_fin(fin) => fin.place,
            _ => at,
        }
    }

    /// Notes an acknowledgement of the other side.
    pub(super) fn heard(&mut self, acked: u64) {
        if acked <= self.offset.saturating_add(ACK_REACH) {
            self.acked = self.acked.max(acked);
        }
    }

    /// Takes a segment with payload. Says false where nothing of it was new.
    pub(super) fn segment(&mut self, mut p: Piece<'_>, out: &mut impl Out) -> bool {
        if !self.known {
            let after = p.seq.wrapping_add(1);
            if !self.early() && p.bytes == [0] && p.missing == 0 && self.hint == Some(after) {
                // The other side has it already: a keep-alive probe.
                self.begin_at(after);
                return false;
            }
            if self.early() && !self.near_early(p.seq) {
                self.begin_early();
                self.drain(out);
            } else if !self.early() && self.hint == Some(p.seq) {
                self.begin_at(p.seq);
            } else {
                // which of them is the first is not known by any copy
                p.suspect = false;
                let new = self.wait_early(&p);
                if self.known {
                    self.drain(out);
                }
                return new;
            }
        }
        let mut start = self.place(p.seq);
        let mut end = start.saturating_add_unsigned(p.bytes.len() as u64 + p.missing as u64);
        if self.ends_before(&mut p, start, &mut end, out) {
            return false;
        }
        let next = i64::try_from(self.offset).unwrap_or(i64::MAX);
        if start < next && self.fills_lost(start, end) {
            out.odd("late-bytes");
        }
        if end <= next {
            // One byte right before the next is a keep-alive probe (RFC 9293 section 3.8.4).
            let probe = p.bytes.len() <= 1 && end == next;
            if start < next && !self.fin_told && !p.copy && !probe {
                out.data(Segment {
                    bytes: &[],
                    offset: self.offset,
                    zero: self.first(),
                    acked: p.acked,
                    at: p.at,
                    retransmitted: true,
                });
            }
            return false;
        }
        let mut again = start < next;
        if again {
            skip(&mut p, u64::try_from(next - start).unwrap_or(0));
            start = next;
        }
        if self.waiting.is_some() {
            self.displace(start, &p);
            again |= !p.suspect && self.replace_suspects(start, end, out);
        }
        let again = again && !p.copy;
        if start > next || self.waits_for_another(&p, end) {
            return self.hold(u64::try_from(start).unwrap_or(0), &p);
        }
        if p.doubtful && !again {
            self.doubt(p.bytes.len(), p.at, p.acked, out);
            return true;
        }
        self.doubt = None;
        if self.waiting.is_none() {
            self.pass(p.bytes, p.missing as u64, p.at, p.acked, again, out);
        } else {
            self.merge(p, again, out);
        }
        self.tell_fin(p.at, out);
        true
    }

    /// Whether bytes from `start` to `end` would have filled a hole that was declared lost: they come too late.
    fn fills_lost(&self, start: i64, end: i64) -> bool {
        let (from, to) = self.lost;
        let (start, end) = (
            u64::try_from(start).unwrap_or(0),
            u64::try_from(end).unwrap_or(0),
        );
        start < to && end > from
    }

    /// Hands on bytes in order, and what a snap length cut off behind them.
    fn pass(
        &mut self,
        bytes: &[u8],
        missing: u64,
        at: Stamp,
        acked: u64,
        retransmitted: bool,
        out: &mut impl Out,
    ) {
        if !bytes.is_empty() {
            out.data(Segment {
                bytes,
                offset: self.offset,
                zero: self.first(),
                acked,
                at,
                retransmitted,
            });
            self.advance(bytes.len() as u64);
        }
        if missing > 0 {
            out.gap(missing, Missing::Snaplen, at);
            self.advance(missing);
        }
    }

    fn advance(&mut self, n: u64) {
        self.offset = self.offset.saturating_add(n);
        self.next = self.next.wrapping_add(low(n));
    }

    /// Hands on a segment that begins at the next byte, while pieces wait: what was captured before it stays.
    fn merge(&mut self, mut p: Piece<'_>, mut again: bool, out: &mut impl Out) {
        let copy = p.copy;
        let end = self.offset + p.bytes.len() as u64 + p.missing as u64;
        self.replace_suspects(
            i64::try_from(self.offset).unwrap_or(i64::MAX),
            i64::try_from(end).unwrap_or(i64::MAX),
            out,
        );
        loop {
            let total = p.bytes.len() as u64 + p.missing as u64;
            let room = self
                .first_held()
                .map_or(u64::MAX, |first| first.saturating_sub(self.offset));
            let (bytes, missing) = front(&p, total.min(room));
            self.pass(bytes, missing, p.at, p.acked, again, out);
            again = !copy;
            if total > room
                && !copy
                && let Some(w) = &mut self.waiting
                && let Some(mut held) = w.pieces.first_entry()
            {
                held.get_mut().retransmitted = true;
            }
            skip(&mut p, total.min(room));
            let before = self.offset;
            self.drain(out);
            let passed = self.offset - before;
            let rest = p.bytes.len() as u64 + p.missing as u64;
            if rest <= passed {
                return;
            }
            skip(&mut p, passed);
        }
    }

    fn first_held(&self) -> Option<u64> {
        let w = self.waiting.as_ref()?;
        w.pieces.first_key_value().map(|(at, _)| *at)
    }

    /// Hands on the pieces that are in order now.
    pub(super) fn drain(&mut self, out: &mut impl Out) {
        while let Some(w) = &mut self.waiting {
            let Some(first) = w.pieces.first_entry() else {
                self.waiting = None;
                return;
            };
            if *first.key() > self.offset {
                return;
            }
            if first.get().suspect {
                if *first.key() + first.get().len() > self.acked {
                    return;
                }
                self.lenient = true;
            }
            let held = first.remove();
            w.cost -= held.cost();
            let follows = w
                .pieces
                .first_key_value()
                .is_some_and(|(at, _)| *at == self.offset + held.len());
            if held.doubtful && !follows {
                self.doubt(held.bytes.len(), held.at, held.acked, out);
                if self.doubt.is_some() {
                    // Nothing else may wait any more.
                    self.waiting = self.waiting.take().filter(|w| !w.pieces.is_empty());
                    return;
                }
                continue;
            }
            self.pass(
                &held.bytes,
                held.missing,
                held.at,
                held.acked,
                held.retransmitted,
                out,
            );
        }
    }

    /// Keeps the parts of a segment that nothing held covers. Says false where nothing of it was new.
    fn hold(&mut self, start: u64, p: &Piece<'_>) -> bool {
        let end = start + p.bytes.len() as u64 + p.missing as u64;
        let w = self.waiting.get_or_insert_with(Box::default);
        let mut from = start;
        // A piece before may reach into this one.
        if let Some((at, held)) = w.pieces.range_mut(..=start).next_back()
            && at + held.len() > start
        {
            held.retransmitted |= !p.copy;
            from = at + held.len();
        }
        let mut new = false;
        while from < end {
            let next = w.pieces.range_mut(from..end).next();
            let (until, after) = match next {
                Some((at, held)) => {
                    held.retransmitted |= !p.copy;
                    (*at, at + held.len())
                }
                None => (end, end),
            };
            if from < until {
                let mut part = *p;
                skip(&mut part, from - start);
                let (bytes, missing) = front(&part, until - from);
                let held = Held {
                    bytes: bytes.into(),
                    missing,
                    at: p.at,
                    acked: p.acked,
                    retransmitted: false,
                    doubtful: p.doubtful,
                    suspect: p.suspect,
                };
                w.cost += held.cost();
                w.pieces.insert(from, held);
                new = true;
            }
            from = after;
        }
        new
    }

    /// Declares holes lost that nothing will fill any more. `packets` counts the packets of the flow; `unheard` says
    /// that nothing of the other side was captured of late.
    pub(super) fn settle(&mut self, packets: u64, now: Stamp, unheard: bool, out: &mut impl Out) {
        self.settle_early(now.ts, out);
        if self.early() {
            return;
        }
        loop {
            let acked = self.acked;
            let Some(w) = &mut self.waiting else { return };
            let Some((&first, held)) = w.pieces.first_key_value() else {
                self.waiting = None;
                return;
            };
            let since = held.at.ts;
            if held.suspect && first <= self.offset {
                // Nothing is missing before it: it waits for itself.
                w.mark = None;
                if first + held.len() <= acked {
                    self.drain(out);
                    self.tell_fin(now, out);
                    continue;
                }
            } else if let Some((_, p, t)) = w.mark
                && packets - p < REORDER_PACKETS
                && now.ts.saturating_sub(t) < REORDER_NS
            {
                // Acknowledged a moment ago: wait.
            } else if w.mark.is_some_and(|(covered, _, _)| first <= covered) {
                self.lose(out);
                continue;
            } else {
                w.mark = (first <= acked).then_some((acked, packets, now.ts));
            }
            let many = w.pieces.len() > STREAM_PIECES || w.cost > STREAM_HELD;
            let alone = unheard && (w.pieces.len() > UNHEARD_PIECES || w.cost > UNHEARD_BYTES);
            if many {
                out.odd("stream-limit");
            }
            if many || alone || now.ts.saturating_sub(since) > HELD_NS {
                self.lose(out);
            } else {
                return;
            }
        }
    }

    /// Declares the first hole lost and hands on what waited behind it. Zeros in doubt before it were data.
    pub(super) fn lose(&mut self, out: &mut impl Out) {
        self.begin_early();
        if let Some(w) = &self.waiting
            && let Some((first, held)) = w.pieces.first_key_value()
        {
            let (first, at) = (*first, held.at);
            if first <= self.offset {
                self.accept();
            }
            // The sender went on behind them: what was lost lies between.
            self.believe(out);
            let bytes = first.saturating_sub(self.offset);
            if bytes > 0 {
                self.lost = (self.offset, first);
                out.gap(bytes, Missing::Lost, at);
                self.advance(bytes);
            }
            self.drain(out);
            self.tell_fin(at, out);
        }
    }
}

/// The first `n` bytes of a segment: what was captured of them, and how many were not.
fn front<'a>(p: &Piece<'a>, n: u64) -> (&'a [u8], u64) {
    let len = usize::try_from(n).unwrap_or(usize::MAX).min(p.bytes.len());
    let bytes = p.bytes.get(..len).unwrap_or(&[]);
    (bytes, (n - len as u64).min(p.missing as u64))
}

/// Passes over the first `n` bytes of a segment.
fn skip(p: &mut Piece<'_>, n: u64) {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    let captured = n.min(p.bytes.len());
    p.bytes = p.bytes.get(captured..).unwrap_or(&[]);
    p.missing = p.missing.saturating_sub(n - captured);
    p.seq = p.seq.wrapping_add(low(n as u64));
}
