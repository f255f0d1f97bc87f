//! A server that answers in HTTP/1 what began as HTTP/2: one that does not know the preface refuses it (`400`, `505`), and says
//! so in the only way it knows. In: its segments. Out: its responses, as calls without a request, since no request of HTTP/1 was
//! there; the client's streams stand beside them, unanswered. Bounds: [`limits::PROBE_BYTES`](crate::limits::PROBE_BYTES) until
//! it is known which of both it is, then those of HTTP/1 within the memory of this connection.

use super::{Http2, http1};
use crate::limits;
use crate::net::{Close, FlowStats, Segment, Side};
use crate::proto::{Begin, Carry, Cx, Feed, Probe, Proto};

/// What the server's first bytes turned out to be.
#[derive(Debug, Default)]
pub enum Plain {
    /// None came, or they are frames.
    #[default]
    No,
    /// Those of this side may begin a response; more are needed.
    May(Side, Carry),
    /// They are responses.
    Yes(Side, Box<dyn Proto>),
}

impl Plain {
    pub fn held(&self) -> usize {
        match self {
            Plain::May(_, c) => c.held(),
            Plain::Yes(_, p) => p.held(),
            Plain::No => 0,
        }
    }

    /// The parser where it reads this side.
    pub fn of(&mut self, of: Side) -> Option<&mut Box<dyn Proto>> {
        match self {
            Plain::Yes(side, p) if *side == of => Some(p),
            _ => None,
        }
    }
}

impl Http2 {
    /// Takes a segment that is none of HTTP/2, or that may be none; `false` where it is.
    pub(super) fn plain_data(&mut self, side: Side, seg: &Segment<'_>, cx: &mut Cx<'_>) -> bool {
        if let Plain::Yes(of, _) = self.plain {
            if of == side {
                self.plain_feed(seg, cx);
            }
            return of == side;
        }
        // only the first bytes are asked
        if self.dir(side).reader.next > 0 || self.sure && side == self.client {
            return false;
        }
        let mut carry = match std::mem::take(&mut self.plain) {
            Plain::May(of, c) if of == side => c,
            Plain::No => Carry::default(),
            other => {
                self.plain = other;
                return false;
            }
        };
        carry.push(seg);
        match (http1::SPEC.probe)(carry.bytes(), true) {
            Probe::Server => {
                self.is_client(side.other());
                let client = self.client;
                let parser = (http1::SPEC.new)(Begin {
                    client,
                    upgraded: None,
                });
                self.plain = Plain::Yes(side, parser);
                for piece in carry.segments() {
                    self.plain_feed(&piece, cx);
                }
                true
            }
            Probe::More if carry.bytes().len() < limits::PROBE_BYTES => {
                self.plain = Plain::May(side, carry);
                true
            }
            _ => {
                self.frames_of(side, &carry, cx);
                true
            }
        }
    }

    /// What was held back is none of HTTP/1.
    fn frames_of(&mut self, side: Side, carry: &Carry, cx: &mut Cx<'_>) {
        for piece in carry.segments() {
            self.read(side, piece, cx);
        }
    }

    fn plain_feed(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) {
        let whole = cx.budget;
        cx.budget = self.room(cx);
        let fed = match &mut self.plain {
            Plain::Yes(side, p) => {
                let fed = p.data(*side, *seg, cx);
                if let Feed::Switch(_) = fed {
                    // what no request asked for opens nothing
                    p.close(Close::Reused, None, cx);
                }
                fed
            }
            _ => Feed::Go,
        };
        if let Feed::Switch(_) = fed {
            self.plain = Plain::No;
        }
        cx.budget = whole;
    }

    /// Bytes of the server are missing: what it had sent before stands alone.
    pub(super) fn plain_gap(&mut self, side: Side, cx: &mut Cx<'_>) {
        match std::mem::take(&mut self.plain) {
            Plain::May(of, carry) if of == side => self.frames_of(side, &carry, cx),
            other => self.plain = other,
        }
    }

    pub(super) fn plain_close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        if let Plain::Yes(_, p) = &mut self.plain {
            p.close(why, stats, cx);
        }
    }
}
