//! WebSockets over streams (RFC 8441): a CONNECT with `:protocol: websocket` that is answered with success. In: DATA of such streams.
//! Out: their messages, as behind an upgrade of HTTP/1. Bounds: those of [`ws`], within the memory of this connection; as many as
//! streams may be open.

use super::reader::Mark;
use super::stream::Stream;
use super::{Http2, Upgraded};
use crate::call::model::Stamp;
use crate::limits;
use crate::net::{Close, Missing, Segment, Side};
use crate::proto::{Begin, Cx, Proto, ws};

/// Bytes of memory that each takes besides what it holds.
const BASE: usize = 1024;

/// One that holds less than this stays open: nothing is won by closing it.
const LARGE: usize = 64 << 10;

/// Of the two sides' parts the one of a side.
fn of<T>([a, b]: &mut [T; 2], side: Side) -> &mut T {
    match side {
        Side::A => a,
        Side::B => b,
    }
}

/// One WebSocket.
#[derive(Debug)]
pub struct Socket {
    parser: Box<dyn Proto>,
    /// Bytes of side A and B so far.
    sent: [u64; 2],
    /// How often side A and B had lost their place in the frames when this was last in order.
    losses: [u32; 2],
    /// Sides that send no more.
    over: [bool; 2],
    booked: usize,
}

impl Http2 {
    /// A stream's request is answered: it is a WebSocket from here on. `over`: the server sends no more.
    pub(super) fn socket_open(&mut self, id: u32, mut s: Box<Stream>, over: bool, cx: &mut Cx<'_>) {
        // frames of the client that were captured before the answer
        let early = s.req.take_body();
        s.req.end();
        s.resp.end();
        self.streams.insert(id, s);
        self.finish(id, None, cx);
        let Some(exchange) = cx.out.last().filter(|x| x.flow == cx.flow).cloned() else {
            return;
        };
        if self.sockets.len() >= limits::H2_STREAMS
            && let Some(oldest) = self.sockets.keys().next().copied()
        {
            cx.diag(
                "h2-stream-limit",
                exchange
                    .request
                    .as_ref()
                    .map_or_else(Default::default, |m| m.first.unit),
            );
            self.socket_close(oldest, cx);
        }
        let client = self.client;
        let parser = (ws::SPEC.new)(Begin {
            client,
            upgraded: Some(Box::new(Upgraded { client, exchange })),
        });
        let socket = Socket {
            parser,
            sent: [0; 2],
            losses: [self.a.losses, self.b.losses],
            over: [false; 2],
            booked: 0,
        };
        self.sockets.insert(id, socket);
        if let Some((bytes, mark)) = early {
            self.socket_data(client, id, &bytes, mark, cx);
        }
        if over {
            self.socket_fin(client.other(), id, cx);
        }
    }

    /// Lets a socket act within the memory that is left; `false` where the stream is none.
    fn socket(
        &mut self,
        id: u32,
        side: Side,
        at: Stamp,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Socket, &mut Cx<'_>),
    ) -> bool {
        if self.sockets.is_empty() {
            return false;
        }
        let whole = cx.budget;
        cx.budget = self.room(cx);
        let now = self.dir(side).losses;
        let Some(s) = self.sockets.get_mut(&id) else {
            cx.budget = whole;
            return false;
        };
        if std::mem::replace(of(&mut s.losses, side), now) != now {
            // it is not known what of it was among what was lost
            s.parser.gap(side, u64::MAX, Missing::Lost, at, cx);
        }
        act(s, cx);
        cx.budget = whole;
        let now = BASE + s.parser.held();
        self.socket_held = self.socket_held.saturating_sub(s.booked) + now;
        s.booked = now;
        true
    }

    /// Bytes of a socket; `false` where the stream is none.
    pub(super) fn socket_data(
        &mut self,
        side: Side,
        id: u32,
        bytes: &[u8],
        mark: Mark,
        cx: &mut Cx<'_>,
    ) -> bool {
        self.socket(id, side, mark.at, cx, |s, cx| {
            if bytes.is_empty() {
                return;
            }
            if *of(&mut s.over, side) {
                return cx.diag("h2-after-end", mark.at.unit);
            }
            let sent = of(&mut s.sent, side);
            let segment = Segment {
                bytes,
                offset: *sent,
                acked: 0,
                at: mark.at,
                retransmitted: mark.retransmitted,
            };
            *sent += bytes.len() as u64;
            s.parser.data(side, segment, cx);
        })
    }

    /// Bytes of a socket are missing.
    pub(super) fn socket_gap(
        &mut self,
        side: Side,
        id: u32,
        bytes: u64,
        why: Missing,
        at: Stamp,
        cx: &mut Cx<'_>,
    ) {
        self.socket(id, side, at, cx, |s, cx| {
            *of(&mut s.sent, side) += bytes;
            s.parser.gap(side, bytes, why, at, cx);
        });
    }

    /// Bytes of a socket came again.
    pub(super) fn socket_resent(&mut self, side: Side, id: u32, cx: &mut Cx<'_>) {
        if let Some(s) = self.sockets.get_mut(&id) {
            let sent = *of(&mut s.sent, side);
            s.parser.resent(side, sent, cx);
        }
    }

    /// One side of a socket sends no more; `false` where the stream is none.
    pub(super) fn socket_fin(&mut self, side: Side, id: u32, cx: &mut Cx<'_>) -> bool {
        let at = self.dir(side).reader.last.at;
        let mut over = false;
        let is = self.socket(id, side, at, cx, |s, cx| {
            s.parser.fin(side, at, cx);
            *of(&mut s.over, side) = true;
            over = s.over == [true; 2];
        });
        if over {
            self.socket_close(id, cx);
        }
        is
    }

    /// Closes the one that holds most, to hold to the memory that there is; `false` where none holds much.
    pub(super) fn socket_shed(&mut self, cx: &mut Cx<'_>) -> bool {
        let most = self.sockets.iter().max_by_key(|(_, s)| s.booked);
        let Some(id) = most.filter(|(_, s)| s.booked > LARGE).map(|(id, _)| *id) else {
            return false;
        };
        let at = self.a.reader.last.at.max(self.b.reader.last.at);
        cx.diag("h2-memory-limit", at.unit);
        self.socket_close(id, cx)
    }

    /// A socket is over; `false` where the stream is none.
    pub(super) fn socket_close(&mut self, id: u32, cx: &mut Cx<'_>) -> bool {
        let Some(mut s) = self.sockets.remove(&id) else {
            return false;
        };
        self.socket_held = self.socket_held.saturating_sub(s.booked);
        for (side, now) in [(Side::A, self.a.losses), (Side::B, self.b.losses)] {
            if *of(&mut s.losses, side) != now {
                let at = self.dir(side).reader.last.at;
                s.parser.gap(side, u64::MAX, Missing::Lost, at, cx);
            }
        }
        s.parser.close(Close::Reused, None, cx);
        true
    }
}

/// Whether a request asks for a WebSocket.
pub fn asked(protocol: Option<&[u8]>) -> bool {
    protocol.is_some_and(|p| p.eq_ignore_ascii_case(b"websocket"))
}

impl Socket {
    /// Copies of messages that are not done.
    pub fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<crate::call::model::Exchange>) {
        self.parser.open(cx, out);
    }
}
