//! A chunked body in its message. In: segments. Out: a [`Step`] where the body ends, or turns out not to be chunked. Bounds:
//! those of [`super::super::chunked`] and of the body.

use super::{Reader, State, Step};
use crate::call::model::Flags;
use crate::net::Segment;
use crate::proto::http1::chunked::Piece;
use crate::proto::http1::head::Scan;

impl Reader {
    /// Goes on in a chunked body at `pos` of the segment, which it moves.
    pub(super) fn chunks(&mut self, seg: &Segment<'_>, pos: &mut usize, room: usize) -> Step {
        self.touch(seg);
        let from = *pos;
        while let State::Chunked(c) = &mut self.state {
            let rest = seg.bytes.get(*pos..).unwrap_or_default();
            match c.step(rest) {
                Piece::Data { skip, len } => {
                    let room = room.saturating_sub(*pos - from);
                    self.keep(rest.get(skip..skip + len).unwrap_or_default(), room);
                    *pos += skip + len;
                }
                Piece::More => {
                    *pos = seg.bytes.len();
                    return Step::More;
                }
                Piece::End { used } => {
                    *pos += used;
                    return self.ended(seg, *pos, true);
                }
                Piece::EndBefore { used } => return self.ended_before(seg, pos, used),
                Piece::Broken { used } => {
                    let plain = c.chunks == 0 && !self.requests;
                    let early = std::mem::take(&mut c.line);
                    self.flag(Flags::BAD_FRAMING);
                    if plain {
                        // declared chunked and is not: taken as it is, until the connection closes
                        self.state = State::Close;
                        self.keep(&early, room);
                        break;
                    }
                    *pos += used;
                    let step = self.ended(seg, *pos, false);
                    self.lose();
                    return step;
                }
            }
        }
        self.keep(seg.bytes.get(*pos..).unwrap_or_default(), room);
        *pos = seg.bytes.len();
        Step::More
    }

    /// A chunked body ended without its empty line; the first line of the next message was read with it.
    fn ended_before(&mut self, seg: &Segment<'_>, pos: &mut usize, used: usize) -> Step {
        *pos += used;
        let State::Chunked(c) = &mut self.state else {
            return Step::More;
        };
        let line = std::mem::take(&mut c.line);
        let step = self.ended(seg, *pos, true);
        self.end = self.end.saturating_sub(line.len() as u64);
        (self.start, self.acked, self.first) = (self.end, seg.acked, seg.at);
        self.scan = Scan::default();
        self.known = false;
        self.head_flags = Flags::default();
        self.carry = line;
        step
    }
}
