//! A direction that is out of step: the next start of a message is looked for. In: segments. Out: the reader at a start line, or
//! the bytes passed over. Bounds: [`limits::PROBE_BYTES`] held of what may be a start line.

use super::{Reader, State, Step};
use crate::call::model::Flags;
use crate::limits;
use crate::net::Segment;
use crate::proto::http1::head::Scan;
use crate::proto::http1::start::{self, Is};

impl Reader {
    pub(super) fn lose(&mut self) {
        self.state = State::Lost;
        self.lost = true;
        self.known = false;
        self.carry = Vec::new();
        self.scan = Scan::default();
        self.head_flags = Flags::default();
    }

    /// Out of step: a message may start where a segment does, or after an empty line.
    pub(super) fn seek(&mut self, seg: &Segment<'_>, pos: &mut usize) -> Step {
        if *pos == 0 {
            if !self.carry.is_empty() && self.restarts(seg.bytes) {
                // what was kept was no start: here is one
                self.carry = Vec::new();
            }
            let joined;
            let b = if self.carry.is_empty() {
                *pos = start::leading_breaks(seg.bytes);
                self.first = seg.at;
                self.start = seg.offset + *pos as u64;
                self.acked = seg.acked;
                seg.bytes.get(*pos..).unwrap_or_default()
            } else {
                joined = [&self.carry, seg.bytes].concat();
                &joined
            };
            if b.is_empty() {
                return Step::More;
            }
            match self.is(b, true) {
                Is::Yes => {
                    self.state = State::Head;
                    return self.head(seg, pos);
                }
                Is::More if b.len() < limits::PROBE_BYTES => {
                    self.carry = b.to_vec();
                    *pos = seg.bytes.len();
                    return Step::More;
                }
                _ => self.carry = Vec::new(),
            }
        }
        self.jump(seg, pos);
        Step::More
    }

    /// Whether a message starts with `b` rather than with what was kept before: a segment may begin in the middle of a
    /// request's line, where the rest of it looks like a whole one (`id HTTP/1.1`).
    fn restarts(&self, b: &[u8]) -> bool {
        let sure = !self.requests || start::registered(b);
        self.is(b, true) == Is::Yes
            && (sure || self.is(&[&self.carry, b].concat(), true) != Is::Yes)
    }

    /// Moves to the next start of a message in the segment, or to its end.
    pub(super) fn jump(&mut self, seg: &Segment<'_>, pos: &mut usize) {
        let is = if self.requests {
            start::request
        } else {
            start::response
        };
        match start::find(seg.bytes.get(*pos..).unwrap_or_default(), is) {
            Some(at) => {
                *pos += at;
                self.state = State::Head;
            }
            None => *pos = seg.bytes.len(),
        }
    }
}
