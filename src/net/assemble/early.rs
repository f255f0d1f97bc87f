//! Where a stream begins whose SYN was not captured. In: its first segments, in any order, and what the other side
//! acknowledged. Out: the same segments once it is known which of them comes first. Bounds: [`EARLY_PIECES`], [`EARLY_NS`].

use super::{EARLY_REACH, Half, Out, Piece, low};
use crate::limits::{EARLY_NS, EARLY_PIECES, STREAM_JUMP};

impl Half {
    /// Begins the stream at a sequence number. Segments that waited for that may be in order now, see [`Half::drain`].
    pub(in crate::net) fn begin_at(&mut self, next: u32) {
        if self.early.take().is_some() {
            let begin = self.place(next);
            let mut w = self.waiting.take().unwrap_or_default();
            for (at, held) in std::mem::take(&mut w.pieces) {
                let to = i64::try_from(at).unwrap_or(i64::MAX).saturating_sub(begin);
                match u64::try_from(to) {
                    Ok(to) => drop(w.pieces.insert(to, held)),
                    Err(_) => w.cost -= held.cost(),
                }
            }
            self.waiting = (!w.pieces.is_empty()).then_some(w);
        }
        self.next = next;
        self.known = true;
    }
    /// Whether segments wait for the beginning to be known.
    pub(in crate::net) fn early(&self) -> bool {
        self.early.is_some()
    }
    /// Whether the segments that wait may be those of a stream that begins at `next`.
    pub(in crate::net) fn early_fits(&self, next: u32) -> bool {
        let first = self.first_held().and_then(|n| i64::try_from(n).ok());
        (0..=first.unwrap_or(0)).contains(&self.place(next))
    }
    /// Notes what the other side acknowledged of a stream whose beginning is not known. Says true where that is enough:
    /// it waits for the first segment captured, or has it already. Where it acknowledges more before anything is captured, the
    /// stream begins where it stood before: what lies between is lost.
    pub(in crate::net) fn hint(&mut self, ack: u32) -> bool {
        let before = self.hint.replace(ack);
        if let Some(before) = before
            && !self.early()
            && (2..STREAM_JUMP).contains(&ack.wrapping_sub(before))
        {
            // It has bytes that were not captured; one alone may be a FIN.
            self.begin_at(before);
            return false;
        }
        let Some(first) = self.first_held().filter(|_| self.early()) else {
            return false;
        };
        let known = u64::try_from(self.place(ack)).is_ok_and(|at| at >= first);
        if known {
            self.begin_early();
        }
        known
    }
    /// Whether what the other side acknowledged of a stream of which nothing was captured lies soon behind a SYN of this number.
    pub(in crate::net) fn hint_is_near(&self, isn: u32) -> bool {
        self.hint
            .is_some_and(|ack| ack.wrapping_sub(isn.wrapping_add(1)) < EARLY_REACH)
    }
    /// Begins the stream at the first of the segments that wait. One zero byte with nothing right behind it is a
    /// keep-alive probe, and stands before the stream.
    pub(super) fn begin_early(&mut self) {
        if let Some(first) = self.first_held().filter(|_| self.early()) {
            let lone = self.waiting.as_ref().is_some_and(|w| {
                w.pieces
                    .get(&first)
                    .is_some_and(|held| held.len() == 1 && *held.bytes == [0])
                    && !w.pieces.contains_key(&(first + 1))
            });
            self.begin_at(self.next.wrapping_add(low(first + u64::from(lone))));
        }
    }
    /// Takes a segment while the beginning is not known.
    pub(super) fn wait_early(&mut self, p: &Piece<'_>) -> bool {
        if self.early.is_none() {
            self.early = Some(p.at.ts);
            self.next = p.seq.wrapping_sub(EARLY_REACH);
        }
        let at = u64::try_from(self.place(p.seq)).unwrap_or(0);
        let new = self.hold(at, p);
        if self.hint == Some(p.seq) {
            // The other side waits for it: no probe.
            self.begin_at(p.seq);
        }
        new
    }
    /// Whether a segment is near enough to those that wait for the beginning.
    pub(super) fn near_early(&self, seq: u32) -> bool {
        (0..=i64::from(2 * EARLY_REACH)).contains(&self.place(seq))
    }
    /// Hands on what waited for the beginning where it waited for long enough.
    pub(in crate::net) fn settle_early(&mut self, now: i64, out: &mut impl Out) {
        let Some(since) = self.early else { return };
        let pieces = self.waiting.as_ref().map_or(0, |w| w.pieces.len());
        if pieces >= EARLY_PIECES || now.saturating_sub(since) >= EARLY_NS {
            self.begin_early();
            self.drain(out);
        }
    }
}
