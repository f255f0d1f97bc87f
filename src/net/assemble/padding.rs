//! Zeros that may be what filled a frame. In: such segments, and what both sides send after them. Out: the zeros where they
//! were data. Bounds: one run of at most [`MOST_PADDING`] bytes waits in each direction.

use super::{Doubt, Half, MOST_PADDING, Out, Piece};
use crate::call::model::Stamp;

/// Zeros as they are handed on.
const ZEROS: [u8; MOST_PADDING] = [0; MOST_PADDING];

impl Half {
    /// Zeros that the other side acknowledged were data.
    pub(in crate::net) fn confirm(&mut self, out: &mut impl Out) {
        if let Some(doubt) = &self.doubt
            && self.acked >= self.offset + u64::from(doubt.len)
        {
            self.believe(out);
        }
    }

    /// Zeros that may be padding stand at the next place. What is held right behind them says that they are data.
    pub(super) fn doubt(&mut self, len: usize, at: Stamp, acked: u64, out: &mut impl Out) {
        let len = u8::try_from(len.min(MOST_PADDING)).unwrap_or(0);
        let follows = self.first_held() == Some(self.offset + u64::from(len));
        self.doubt = Some(Box::new(Doubt { len, at, acked }));
        if follows || self.acked >= self.offset + u64::from(len) {
            self.believe(out);
        }
    }

    /// The zeros were data.
    pub(super) fn believe(&mut self, out: &mut impl Out) {
        if let Some(doubt) = self.doubt.take() {
            let piece = Piece {
                seq: self.next,
                bytes: ZEROS.get(..usize::from(doubt.len)).unwrap_or(&[]),
                missing: 0,
                at: doubt.at,
                acked: doubt.acked,
                doubtful: false,
                copy: false,
                suspect: false,
            };
            self.merge(piece, false, out);
            self.tell_fin(doubt.at, out);
        }
    }

    /// What a packet of this side whose next byte stands at `seq` says about zeros in doubt: the sender moved on behind
    /// them, or never did. Says true where they were padding.
    pub(in crate::net) fn weigh(&mut self, seq: u32, out: &mut impl Out) -> bool {
        let Some(doubt) = &self.doubt else {
            return false;
        };
        if seq == self.next.wrapping_add(u32::from(doubt.len)) {
            self.believe(out);
            return false;
        }
        let padding = seq == self.next;
        if padding {
            self.doubt = None;
        }
        padding
    }

    /// Whether zeros are in doubt; where nothing decides until the end, they were padding.
    pub(in crate::net) fn in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Drops zeros held at `start` that may be padding where other bytes come for the same place.
    pub(super) fn displace(&mut self, start: i64, p: &Piece<'_>) {
        if let Some(w) = &mut self.waiting
            && let Ok(start) = u64::try_from(start)
            && let Some(held) = w.pieces.get(&start)
            && held.doubtful
            && !p.doubtful
        {
            w.cost -= held.cost();
            w.pieces.remove(&start);
            if w.pieces.is_empty() {
                self.waiting = None;
            }
        }
    }
}
