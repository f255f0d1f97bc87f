//! What runs inside streams: WebSockets (RFC 8441), which a CONNECT with `:protocol: websocket` opens, and tunnels, which a plain CONNECT
//! does (RFC 9113 section 8.5), where it is answered with success. In: DATA of such streams. Out: messages of WebSockets, as behind an
//! upgrade of HTTP/1; calls of what a tunnel carries. Bounds: those of [`ws`] and [`Layer`], within the memory of this connection;
//! as many as streams may be open.
//!
//! The stream of a WebSocket is over when it opens. That of a tunnel goes on, and while nobody knows what the tunnel carries its
//! bytes are the stream's bodies.

use super::reader::Mark;
use super::stream::Stream;
use super::{Http2, Upgraded};
use crate::call::model::{Exchange, Stamp};
use crate::limits;
use crate::net::{Close, FlowStats, Missing, Segment, Side, low};
use crate::proto::{About, Begin, Cx, Feed, Layer, Proto, ws};

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

/// One WebSocket or tunnel.
#[derive(Debug)]
pub struct Socket {
    parser: Box<dyn Proto>,
    /// It is a tunnel; one of which no parser took anything so far.
    tunnel: bool,
    unclaimed: bool,
    /// When it opened.
    opened: Stamp,
    /// Bytes of side A and B so far.
    sent: [u64; 2],
    /// How often side A and B had lost their place in the frames when this was last in order.
    losses: [u32; 2],
    /// Where in the connection that was.
    places: [u64; 2],
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
        let at = exchange
            .request
            .as_ref()
            .map_or_else(Stamp::default, |m| m.first);
        let client = self.client;
        let parser = (ws::SPEC.new)(Begin {
            client,
            upgraded: Some(Box::new(Upgraded { client, exchange })),
        });
        self.inside(id, parser, false, at, cx);
        if let Some((bytes, mark)) = early {
            self.socket_data(client, id, &bytes, mark, cx);
        }
        if over {
            self.socket_fin(client.other(), id, cx);
        }
    }

    /// A stream's request is answered: it is a tunnel from here on.
    pub(super) fn tunnel_open(
        &mut self,
        id: u32,
        early: Option<(Vec<u8>, Mark)>,
        at: Stamp,
        cx: &mut Cx<'_>,
    ) {
        let client = self.client;
        let parser = Box::new(Tunnel::default());
        self.inside(id, parser, true, at, cx);
        if let Some((bytes, mark)) = early {
            self.socket_data(client, id, &bytes, mark, cx);
        }
    }

    /// A parser takes what a stream carries.
    fn inside(
        &mut self,
        id: u32,
        parser: Box<dyn Proto>,
        tunnel: bool,
        at: Stamp,
        cx: &mut Cx<'_>,
    ) {
        if self.sockets.len() >= limits::H2_STREAMS
            && let Some(oldest) = self.sockets.keys().next().copied()
        {
            cx.diag("h2-stream-limit", at.unit);
            self.socket_end(oldest, cx);
        }
        let socket = Socket {
            parser,
            tunnel,
            unclaimed: tunnel,
            opened: at,
            sent: [0; 2],
            losses: [self.a.losses, self.b.losses],
            places: [self.a.reader.start, self.b.reader.start],
            over: [false; 2],
            booked: 0,
        };
        self.sockets.insert(id, socket);
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
        let dir = self.dir(side);
        let (losses, place) = (dir.losses, dir.reader.start);
        let Some(s) = self.sockets.get_mut(&id) else {
            cx.budget = whole;
            return false;
        };
        s.settle(side, losses, place, at, cx);
        act(s, cx);
        cx.budget = whole;
        let now = BASE + s.parser.held();
        self.socket_held = self.socket_held.saturating_sub(s.booked) + now;
        s.booked = now;
        true
    }

    /// Bytes of a socket; `false` where they are the stream's own: it is none, or nobody knows what its tunnel carries.
    pub(super) fn socket_data(
        &mut self,
        side: Side,
        id: u32,
        bytes: &[u8],
        mark: Mark,
        cx: &mut Cx<'_>,
    ) -> bool {
        let mut claimed = false;
        let is = self.socket(id, side, mark.at, cx, |s, cx| {
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
                // the mark is that of the last byte
                zero: mark.seq.wrapping_sub(low(*sent + bytes.len() as u64 - 1)),
                acked: 0,
                at: mark.at,
                retransmitted: mark.retransmitted,
            };
            *sent += bytes.len() as u64;
            s.parser.data(side, segment, cx);
            claimed = s.unclaimed && !s.parser.about().app.is_empty();
            s.unclaimed &= !claimed;
        });
        if claimed && let Some(s) = self.streams.get_mut(&id) {
            // what was taken for bodies of the stream is read by the parser
            s.req.take_body();
            s.resp.take_body();
            self.books.book(s);
        }
        is && self.sockets.get(&id).is_none_or(|s| !s.unclaimed)
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
        self.socket_end(id, cx);
        true
    }

    /// A socket is given up, and the stream of a tunnel with it.
    fn socket_end(&mut self, id: u32, cx: &mut Cx<'_>) {
        self.socket_close(id, cx);
        self.finish(id, None, cx);
    }

    /// A socket is over; `false` where the stream is none.
    pub(super) fn socket_close(&mut self, id: u32, cx: &mut Cx<'_>) -> bool {
        let Some(mut s) = self.sockets.remove(&id) else {
            return false;
        };
        self.socket_held = self.socket_held.saturating_sub(s.booked);
        for (side, dir) in [(Side::A, &self.a), (Side::B, &self.b)] {
            let at = dir.reader.last.at;
            s.settle(side, dir.losses, dir.reader.next, at, cx);
        }
        s.parser.close(Close::Reused, None, cx);
        if s.unclaimed {
            cx.diag("h2-tunnel", s.opened.unit);
        }
        true
    }
}

/// What a tunnel carries.
#[derive(Debug, Default)]
struct Tunnel(Layer);

impl Proto for Tunnel {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        self.0.data(side, segment, &mut cx.deeper());
        Feed::Go
    }
    fn resent(&mut self, side: Side, offset: u64, cx: &mut Cx<'_>) {
        let again = Segment {
            bytes: &[],
            offset,
            zero: 0,
            acked: 0,
            at: Stamp::default(),
            retransmitted: true,
        };
        self.0.data(side, again, &mut cx.deeper());
    }
    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        self.0.gap(side, bytes, why, at, &mut cx.deeper());
    }
    fn fin(&mut self, side: Side, at: Stamp, cx: &mut Cx<'_>) {
        self.0.fin(side, at, &mut cx.deeper());
    }
    fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        self.0.close(why, stats, &mut cx.deeper());
    }
    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        self.0.open(&mut cx.deeper(), out);
    }
    fn held(&self) -> usize {
        self.0.held()
    }
    fn about(&self) -> About {
        self.0.about().unwrap_or_default()
    }
}

/// Whether a request asks for a WebSocket.
pub fn asked(protocol: Option<&[u8]>) -> bool {
    protocol.is_some_and(|p| p.eq_ignore_ascii_case(b"websocket"))
}

impl Socket {
    /// Takes up what was lost since the last time: it is not known how much of it was of this stream, but no more than the
    /// connection had meanwhile.
    fn settle(&mut self, side: Side, losses: u32, place: u64, at: Stamp, cx: &mut Cx<'_>) {
        let before = std::mem::replace(of(&mut self.places, side), place);
        if std::mem::replace(of(&mut self.losses, side), losses) == losses {
            return;
        }
        let mut most = u64::MAX;
        if self.tunnel {
            most = place.saturating_sub(before).max(1);
            *of(&mut self.sent, side) += most;
        }
        self.parser.gap(side, most, Missing::Lost, at, cx);
    }

    /// Copies of messages that are not done.
    pub fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        self.parser.open(cx, out);
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // lengths that are written out below
mod tests {
    use super::*;
    use crate::call::model::{Flags, Unit};
    use crate::net::FlowKey;
    use crate::proto::Shared;
    use crate::proto::http2::frame;
    use std::collections::BTreeMap;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let len = (payload.len() as u32).to_be_bytes();
        [&len[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// Literal fields without indexing.
    fn block(fields: &[(&str, &str)]) -> Vec<u8> {
        let string = |s: &str| [&[s.len() as u8][..], s.as_bytes()].concat();
        let field = |f: &(&str, &str)| [vec![0], string(f.0), string(f.1)].concat();
        fields.iter().flat_map(field).collect()
    }

    /// A WebSocket that holds most of the memory is closed where there is too little; streams that hold next to nothing stay.
    #[test]
    fn what_holds_most_gives_way() {
        let ends = |n: u8, port| (std::net::IpAddr::from([10, 0, 0, n]), port);
        let key = FlowKey {
            a: ends(1, 40_000),
            b: ends(2, 80),
            protocol: 6,
        };
        let (mut ordinal, mut out, mut diags) = (0, Vec::new(), BTreeMap::new());
        let mut shared = Shared::default();
        let mut h = Http2::new(Begin {
            client: Side::A,
            upgraded: None,
        });
        let mut sent = [0u64; 2];
        let mut number = 0;
        let mut send = |h: &mut Http2, side: Side, bytes: &[u8], budget: usize| {
            number += 1;
            let offset = std::mem::replace(of(&mut sent, side), 0);
            *of(&mut sent, side) = offset + bytes.len() as u64;
            let at = Stamp {
                ts: number,
                unit: Unit {
                    source: 0,
                    number: number as u64,
                },
            };
            let segment = Segment {
                bytes,
                offset,
                zero: 0,
                acked: 0,
                at,
                retransmitted: false,
            };
            let mut cx = Cx {
                flow: 0,
                key: &key,
                ordinal: &mut ordinal,
                out: &mut out,
                budget,
                diags: &mut diags,
                spoke: [true; 2],
                tls: false,
                peer: None,
                depth: 0,
                shared: &mut shared,
            };
            h.data(side, segment, &mut cx);
            out.len()
        };
        let plenty = 64 << 20;
        let connect = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":path", "/chat"),
            (":scheme", "http"),
            (":authority", "h"),
        ];
        send(&mut h, Side::A, frame::PREFACE, plenty);
        send(&mut h, Side::A, &frame(frame::SETTINGS, 0, 0, &[]), plenty);
        send(
            &mut h,
            Side::A,
            &frame(frame::HEADERS, 4, 1, &block(&connect)),
            plenty,
        );
        send(&mut h, Side::B, &frame(frame::SETTINGS, 0, 0, &[]), plenty);
        let accept = frame(frame::HEADERS, 4, 1, &block(&[(":status", "200")]));
        assert_eq!(send(&mut h, Side::B, &accept, plenty), 1);
        // the beginning of a message of a mebibyte
        let head = [0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0];
        send(&mut h, Side::B, &frame(frame::DATA, 0, 1, &head), plenty);
        for _ in 0..20 {
            send(
                &mut h,
                Side::B,
                &frame(frame::DATA, 0, 1, &[b'x'; 10_000]),
                plenty,
            );
        }
        assert!(h.socket_held > 200_000);
        let get = block(&[(":method", "GET"), (":path", "/a"), (":authority", "h")]);
        for id in 0..30u8 {
            let ask = frame(frame::HEADERS, 5, 3 + 2 * id, &get);
            let n = send(&mut h, Side::A, &ask, 150_000);
            assert_eq!(n, 2, "the socket's message and no stream");
        }
        assert_eq!((h.sockets.len(), h.streams.len()), (0, 30));
        let cut = &out[1];
        let flags = cut.response.as_ref().map_or(Flags::default(), |m| m.flags);
        assert!(flags.has(Flags::TRUNCATED) || cut.flags.has(Flags::TRUNCATED));
        assert_eq!(diags.get(&(0, "h2-memory-limit")).map(|d| d.0), Some(1));
    }
}
