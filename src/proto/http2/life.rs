//! Streams from their first frame to the exchange that is given out: which are open, what they hold, when they are over. In: streams
//! that changed, resets, the farewells of servers. Out: finished exchanges. Bounds: [`limits::H2_STREAMS`] open streams, the memory of
//! the connection's budget; the oldest are given out as they are where one bites.

use super::reader::Mark;
use super::stream::Stream;
use super::{Http2, RESET_NS};
use crate::call::model::{Exchange, Flags, Stamp};
use crate::limits;
use crate::net::Side;
use crate::proto::{Cx, Proto as _};

/// Streams that stay open whatever their heads hold, which is bounded.
const FEW: usize = 16;

/// What the streams of a connection hold.
#[derive(Debug, Default)]
pub struct Books {
    /// Bytes held by streams, and of those the ones in streams that wait for their other half.
    pub held: usize,
    pub waiting: usize,
    /// Responses without a request that wait for one.
    pub orphans: usize,
    /// Bytes held of heads.
    pub heads: usize,
}

impl Books {
    /// Books what a stream holds now.
    pub fn book(&mut self, s: &mut Stream) {
        let now = s.held();
        let waits = if s.waits() { now } else { 0 };
        let orphan = |n: (usize, usize), s: &Stream| n.1 > 0 && s.req.message.is_none();
        let was = orphan(s.booked, s);
        self.held = self.held.saturating_sub(s.booked.0) + now;
        self.waiting = self.waiting.saturating_sub(s.booked.1) + waits;
        s.booked = (now, waits);
        let heads = now.saturating_sub(s.bodies());
        self.heads = self.heads.saturating_sub(s.booked_heads) + heads;
        s.booked_heads = heads;
        match (was, orphan(s.booked, s)) {
            (false, true) => self.orphans += 1,
            (true, false) => self.orphans = self.orphans.saturating_sub(1),
            _ => {}
        }
    }
}

impl Http2 {
    /// The stream of a frame; one that is not known only where it can have begun unseen.
    pub(super) fn take(
        &mut self,
        side: Side,
        id: u32,
        mark: Mark,
        cx: &mut Cx<'_>,
    ) -> Option<Box<Stream>> {
        if let Some(s) = self.streams.remove(&id) {
            return Some(s);
        }
        if self.ended.iter().any(|e| e.0 == id) {
            cx.diag("h2-after-end", mark.at.unit);
            return None;
        }
        if !self.dir(side).late || id == 0 {
            cx.diag("h2-stray-frame", mark.at.unit);
            return None;
        }
        Some(self.open(mark, cx))
    }

    /// A new exchange.
    pub(super) fn open(&mut self, mark: Mark, cx: &mut Cx<'_>) -> Box<Stream> {
        if self.streams.len() >= limits::H2_STREAMS
            && let Some(id) = self.streams.keys().next().copied()
        {
            cx.diag("h2-stream-limit", mark.at.unit);
            self.finish(id, None, cx);
        }
        let ordinal = *cx.ordinal;
        *cx.ordinal = ordinal.wrapping_add(1);
        let losses = self.losses();
        let mut s = Box::new(Stream {
            ordinal,
            ..Stream::default()
        });
        s.req.ordered(losses.0);
        s.resp.ordered(losses.1);
        s
    }

    /// Puts a stream back, or gives its exchange out if nothing more can come for it.
    pub(super) fn put(&mut self, id: u32, mut s: Box<Stream>, cx: &mut Cx<'_>) {
        self.books.book(&mut s);
        let losses = self.losses();
        let request = s.req.ended || s.resp.ended && s.req.hit(losses.0);
        let over = s.resp.ended && request;
        self.streams.insert(id, s);
        if over {
            self.finish(id, None, cx);
        }
        self.shed(cx);
    }

    /// Holds to the limits by giving out the oldest exchanges as they are.
    pub(super) fn shed(&mut self, cx: &mut Cx<'_>) {
        if self.books.orphans > limits::ORPHANS {
            self.shed_some(limits::ORPHANS / 2, cx, |s| {
                s.resp.ended && s.req.message.is_none()
            });
        }
        let [a, b] = cx.spoke;
        let silent = if self.client == Side::A { !b } else { !a };
        if silent && self.books.waiting > limits::UNPAIRED_BYTES {
            self.shed_some(self.streams.len() / 2, cx, Stream::waits);
        }
        // where WebSockets hold most of what is too much, giving out streams would not help
        while self.held() > cx.budget && self.socket_held > self.books.held {
            if !self.socket_shed(cx) {
                break;
            }
        }
        // heads cannot be left out as bodies are: what waits longest goes
        if self.streams.len() > FEW
            && (self.held() > cx.budget || self.books.heads > limits::H2_HEADS)
        {
            let unit = |s: &Stream| s.req.message.as_ref().map(|m| m.first.unit);
            let at = self.streams.values().next().and_then(|s| unit(s));
            cx.diag("h2-memory-limit", at.unwrap_or_default());
            self.shed_some(self.streams.len() / 2, cx, |_| true);
        }
    }

    pub(super) fn shed_some(&mut self, n: usize, cx: &mut Cx<'_>, which: impl Fn(&Stream) -> bool) {
        let ids: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, s)| which(s))
            .map(|(id, _)| *id)
            .take(n.max(1))
            .collect();
        for id in ids {
            self.finish(id, None, cx);
        }
    }

    /// Gives an exchange out. `captured`: packets of sides A and B were seen, where known.
    pub(super) fn finish(&mut self, id: u32, captured: Option<[bool; 2]>, cx: &mut Cx<'_>) {
        let Some(mut s) = self.streams.remove(&id) else {
            return;
        };
        if s.plain {
            self.socket_close(id, cx);
        }
        let books = &mut self.books;
        books.held = books.held.saturating_sub(s.booked.0);
        books.waiting = books.waiting.saturating_sub(s.booked.1);
        books.heads = books.heads.saturating_sub(s.booked_heads);
        if s.booked.1 > 0 && s.req.message.is_none() {
            books.orphans = books.orphans.saturating_sub(1);
        }
        if self.ended.len() >= limits::H2_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back((id, s.req.message.is_some()));
        s.changed = false;
        let mut x = s.finish(self.losses());
        self.place(&mut x, cx);
        for m in x.request.iter().chain(&x.response) {
            if m.flags.has(Flags::BAD_FRAMING) {
                cx.diag("http-bad-framing", m.first.unit);
            }
        }
        cx.give(x, self.client, captured);
    }

    pub(super) fn place(&self, x: &mut Exchange, cx: &Cx<'_>) {
        x.flow = cx.flow;
        x.client = cx.end(self.client);
        x.server = cx.end(self.client.other());
        x.tls = cx.tls;
        x.peer.clone_from(&cx.peer);
    }

    pub(super) fn reset(&mut self, side: Side, id: u32, cx: &mut Cx<'_>) {
        let request = side == self.client;
        let at = self.dir(side).reader.last.at;
        self.socket_fin(side, id, cx);
        let Some(mut s) = self.streams.remove(&id) else {
            if self.sockets.contains_key(&id) {
                self.later(id, at, cx);
            }
            return;
        };
        s.half(request).ended = true;
        s.changed = true;
        let over = s.half(!request).ended;
        self.put(id, s, cx);
        if !over {
            self.later(id, at, cx);
        }
    }

    /// A stream or WebSocket that one side has reset is over once what the other had sent by then must have come.
    fn later(&mut self, id: u32, at: Stamp, cx: &mut Cx<'_>) {
        if self.resets.len() >= limits::H2_ENDED
            && let Some((id, _)) = self.resets.pop_front()
        {
            self.over(id, cx);
        }
        self.resets.push_back((id, at));
    }

    fn over(&mut self, id: u32, cx: &mut Cx<'_>) {
        self.socket_close(id, cx);
        self.finish(id, None, cx);
    }

    /// Streams that were reset are over when what had been on its way must have come.
    pub(super) fn settle_resets(&mut self, now: Stamp, cx: &mut Cx<'_>) {
        while let Some((id, at)) = self.resets.front().copied() {
            let old = now.ts.saturating_sub(at.ts) > RESET_NS;
            let open = self.streams.contains_key(&id) || self.sockets.contains_key(&id);
            if !old && open {
                return;
            }
            self.resets.pop_front();
            self.over(id, cx);
        }
    }

    /// Streams that the sender will not answer any more are over (RFC 9113 section 6.8).
    pub(super) fn goaway(&mut self, side: Side, payload: &[u8], cx: &mut Cx<'_>) {
        let Some(last) = payload.first_chunk::<4>().map(|b| u32::from_be_bytes(*b)) else {
            return;
        };
        // a second one that refuses no more says nothing new
        if side == self.client || last >= self.gone {
            return;
        }
        self.gone = last;
        let refused: Vec<u32> = self
            .streams
            .range(last.saturating_add(1)..)
            .filter(|(id, s)| *id % 2 == 1 && s.resp.message.is_none() && s.req.ended)
            .map(|(id, _)| *id)
            .collect();
        for id in refused {
            self.finish(id, None, cx);
        }
    }
}
