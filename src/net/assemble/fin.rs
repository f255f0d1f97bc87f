//! Where a stream ends. In: FINs, and what the other side acknowledged. Out: the end in its place, once. Bounds: none needed.
//!
//! A FIN is a claim: anybody can send one, and one that was damaged or made up does not reach the receiver. It is told once
//! the other side acknowledged it or reset the connection, else at the end of the flow, which is over then as soon as one that
//! was closed ([`crate::limits::FLOW_LINGER_NS`] without a packet); what stands behind it does not count
//! then. Data of its direction that goes on in its place before that says that there was none (`false-fin`): what was sent is
//! evidence, and the sender went on.

use super::{Half, Out, Piece};
use crate::call::model::Stamp;

/// A FIN.
#[derive(Clone, Copy)]
pub(super) struct Fin {
    /// Offset at which it stands.
    pub(super) place: u64,
    /// The packet that carried it, or the one that brought the last byte before it.
    at: Stamp,
    /// Whether all before it was handed on.
    reached: bool,
    /// Whether the other side has it.
    pub(super) sure: bool,
}

impl Half {
    /// Notes the FIN, which stands at sequence number `seq`.
    pub(in crate::net) fn finish_at(&mut self, seq: u32, at: Stamp, out: &mut impl Out) {
        if self.early() {
            self.begin_early();
            self.drain(out);
        } else if !self.known {
            self.begin_at(seq);
        }
        if self.fin.is_none()
            && let Ok(place) = u64::try_from(self.place(seq))
            && place >= self.offset
        {
            self.fin = Some(Fin {
                place,
                at,
                reached: false,
                sure: false,
            });
        }
        self.tell_fin(at, out);
    }

    /// Drops what is held behind a place; where `doubtful`, only if all of it may be no data.
    fn cut_at(&mut self, place: u64, doubtful: bool) {
        let Some(w) = &mut self.waiting else { return };
        let sure = |held: &super::Held| !held.doubtful && !held.suspect;
        if doubtful && w.pieces.range(place..).any(|(_, held)| sure(held)) {
            return;
        }
        for (_, held) in w.pieces.split_off(&place) {
            w.cost -= held.cost();
        }
        if let Some(mut last) = w.pieces.last_entry()
            && !doubtful
        {
            let at = *last.key();
            let held = last.get_mut();
            w.cost -= held.cost();
            held.end_at(place - at);
            w.cost += held.cost();
        }
        if w.pieces.is_empty() {
            self.waiting = None;
        }
    }

    /// Holds a segment against the FIN: cuts off what stands behind one, or forgets it. Says true where nothing is left.
    pub(super) fn ends_before(
        &mut self,
        p: &mut Piece<'_>,
        start: i64,
        end: &mut i64,
        out: &mut impl Out,
    ) -> bool {
        let Some(fin) = self.fin else { return false };
        let place = i64::try_from(fin.place).unwrap_or(i64::MAX);
        if *end <= place {
            return false;
        }
        // a keep-alive probe stands on the number of the FIN (RFC 9293 section 3.8.4)
        let probe = start == place && p.bytes.len() + p.missing <= 1;
        if !(fin.sure || self.fin_told || p.doubtful || p.suspect || probe) {
            let next = i64::try_from(self.offset).unwrap_or(i64::MAX);
            // what stands apart may as well be the one that is made up
            if start <= next {
                self.fin = None;
                out.odd("false-fin");
            }
            return false;
        }
        let over = usize::try_from(*end - place.max(start)).unwrap_or(usize::MAX);
        let keep = (p.bytes.len() + p.missing).saturating_sub(over);
        p.missing = keep.saturating_sub(p.bytes.len());
        p.bytes = p.bytes.get(..keep).unwrap_or(p.bytes);
        *end = place;
        keep == 0
    }

    /// Whether its FIN was captured.
    pub(in crate::net) fn fin_seen(&self) -> bool {
        self.fin.is_some()
    }

    /// Whether all before its FIN came and nobody said anything of it: it is one if nothing more comes.
    pub(in crate::net) fn fin_unheard(&self) -> bool {
        self.fin.is_some_and(|fin| fin.reached && !fin.sure)
    }

    /// Hears what the other side says of the FIN: an acknowledgement, or a reset. Says true where it is news.
    pub(in crate::net) fn fin_heard(&mut self, ack: Option<u32>, reset: bool) -> bool {
        let place = ack.filter(|_| self.known).map(|ack| self.place(ack));
        let Some(fin) = &mut self.fin else {
            return false;
        };
        let has = place.is_some_and(|at| u64::try_from(at).is_ok_and(|at| at == fin.place + 1));
        let news = !fin.sure && (has || reset && fin.reached);
        fin.sure |= news;
        let at = fin.place;
        if news {
            self.cut_at(at, false);
        }
        news
    }

    /// Tells a FIN that stands at the next byte, where the other side has it.
    pub(in crate::net) fn tell_fin(&mut self, at: Stamp, out: &mut impl Out) {
        let Some(fin) = &mut self.fin else { return };
        if self.fin_told || self.offset < fin.place {
            return;
        }
        if self.offset > fin.place {
            self.fin = None;
            return out.odd("false-fin");
        }
        if !fin.reached {
            fin.reached = true;
            fin.at = fin.at.max(at);
        }
        if fin.sure {
            self.fin_told = true;
            out.fin(fin.at);
        }
    }

    /// Hands on all that is held: nothing more will come.
    pub(in crate::net) fn end(&mut self, at: Stamp, out: &mut impl Out) {
        if let Some(fin) = self.fin {
            self.cut_at(fin.place, true);
        }
        while self.waiting.is_some() {
            self.lose(out);
        }
        self.doubt = None;
        let end = self.fin.map_or_else(
            || {
                // One byte more may be the FIN, which then was not captured.
                let beyond = self.acked.saturating_sub(self.offset);
                if beyond > 1 { self.acked } else { self.offset }
            },
            |fin| fin.place,
        );
        if end > self.offset {
            let bytes = end - self.offset;
            out.gap(bytes, super::Missing::Lost, at);
            self.advance(bytes);
        }
        if let Some(fin) = &mut self.fin {
            fin.sure = true;
        }
        self.tell_fin(at, out);
    }
}
