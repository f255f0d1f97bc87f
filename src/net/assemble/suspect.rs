//! Segments whose sum is wrong. In: such segments, and what comes after them. Out: the copy that the receiver took. Bounds: they
//! are held as what waits for a hole is.
//!
//! The receiver throws such a segment away and its sender sends it again; a made-up one may stand before the true one. But
//! sums are also wrong wherever a network card was to fill them in, addresses were rewritten or payloads made unreadable. So
//! one waits where another segment of its direction had the right sum: for a copy of its bytes, which then counts, or until
//! the other side acknowledged it, which says that it was received and that sums of this direction say nothing.

use super::{Half, Out, Piece};

impl Half {
    /// Notes that a segment of this direction had the right sum.
    pub(in crate::net) fn prove(&mut self) {
        self.proved = true;
    }

    /// Whether a wrong sum means something in this direction.
    pub(in crate::net) fn distrusts(&self) -> bool {
        self.proved && !self.lenient
    }

    /// Whether a segment at the next byte waits for another copy of it. `end` is the offset behind it.
    pub(super) fn waits_for_another(&mut self, p: &Piece<'_>, end: i64) -> bool {
        let received = u64::try_from(end).is_ok_and(|end| end <= self.acked);
        self.lenient |= p.suspect && received;
        p.suspect && !received
    }

    /// Drops suspects that another segment from `start` to `end` stands for. Says whether there was one.
    pub(super) fn replace_suspects(&mut self, start: i64, end: i64, out: &mut impl Out) -> bool {
        let Some(w) = &mut self.waiting else {
            return false;
        };
        let (start, end) = (
            u64::try_from(start).unwrap_or(0),
            u64::try_from(end).unwrap_or(0),
        );
        let over: Vec<u64> = w
            .pieces
            .range(..end)
            .rev()
            .take_while(|(at, held)| *at + held.len() > start)
            .filter(|(_, held)| held.suspect)
            .map(|(at, _)| *at)
            .collect();
        for at in &over {
            if let Some(held) = w.pieces.remove(at) {
                w.cost -= held.cost();
                out.odd("bad-tcp-checksum");
            }
        }
        if w.pieces.is_empty() {
            self.waiting = None;
        }
        !over.is_empty()
    }

    /// Takes the first piece that waits for what it is: nothing better came.
    pub(super) fn accept(&mut self) {
        if let Some(w) = &mut self.waiting
            && let Some(mut first) = w.pieces.first_entry()
            && first.get().suspect
        {
            first.get_mut().suspect = false;
            self.lenient = true;
        }
    }
}
