//! Header blocks put together of HEADERS, PUSH_PROMISE and CONTINUATION (RFC 9113 section 4.3), and what they begin or end. In: whole
//! frames of one direction. Out: heads, interim responses, trailers and pushes of streams. Bounds: [`limits::HEAD_BYTES`] a block.

use super::Http2;
use super::frame::{self, Frame};
use super::head::{Fields, First};
use super::hpack::End;
use super::reader::Mark;
use super::{socket, stream};
use crate::call::model::Flags;
use crate::limits;
use crate::net::Side;
use crate::proto::Cx;

/// A header block that is being collected.
#[derive(Debug)]
pub struct Block {
    pub stream: u32,
    /// The stream that is promised with it.
    pub promised: Option<u32>,
    pub end_stream: bool,
    pub bytes: Vec<u8>,
    /// Nothing of it is missing so far.
    pub whole: bool,
    pub flags: Flags,
    pub first: Mark,
    pub last: Mark,
}

impl Http2 {
    /// A piece of a header block.
    pub(super) fn fragment(
        &mut self,
        side: Side,
        f: Frame,
        payload: &[u8],
        whole: bool,
        cx: &mut Cx<'_>,
    ) {
        let dir = self.dir(side);
        let (first, last) = (dir.reader.first, dir.reader.last);
        let mut flags = if whole { Flags::default() } else { dir.hole };
        if !whole && flags == Flags::default() {
            flags = Flags::TRUNCATED;
            cx.diag("h2-head-beyond-limit", first.at.unit);
        }
        let dir = self.dir(side);
        if f.kind == frame::CONTINUATION {
            let Some(block) = &mut dir.block else {
                // its beginning was lost: so are the entries that it adds
                dir.table.forget();
                return cx.diag("h2-stray-frame", first.at.unit);
            };
            let room = limits::HEAD_BYTES.saturating_sub(block.bytes.len());
            if block.whole {
                let kept = payload.get(..payload.len().min(room)).unwrap_or_default();
                block.bytes.extend_from_slice(kept);
                block.whole = whole && payload.len() <= room;
                block.flags.insert(flags);
                if payload.len() > room {
                    block.flags.insert(Flags::TRUNCATED);
                    cx.diag("h2-head-beyond-limit", first.at.unit);
                }
            }
            block.last = last;
        } else {
            let fit = if whole {
                frame::unpad(f, payload)
            } else {
                frame::unpad_cut(f, payload)
            };
            let mut bytes = fit.unwrap_or_default();
            let mut promised = None;
            if f.kind == frame::PUSH_PROMISE {
                if let Some((id, rest)) = bytes.split_first_chunk::<4>() {
                    promised = Some(u32::from_be_bytes(*id) & 0x7fff_ffff);
                    bytes = rest;
                } else {
                    promised = Some(0);
                }
            }
            if fit.is_none() && whole {
                flags.insert(Flags::BAD_FRAMING);
            }
            dir.block = Some(Block {
                stream: f.stream,
                promised,
                end_stream: f.kind == frame::HEADERS && f.has(frame::END_STREAM),
                bytes: bytes.to_vec(),
                whole: whole && fit.is_some(),
                flags,
                first,
                last,
            });
        }
        if f.has(frame::END_HEADERS)
            && let Some(b) = self.dir(side).block.take()
        {
            self.block(side, b, cx);
        }
    }

    /// A header block that will not be completed.
    pub(super) fn cut_block(&mut self, side: Side, flag: Flags, cx: &mut Cx<'_>) {
        if let Some(mut b) = self.dir(side).block.take() {
            b.whole = false;
            b.flags.insert(flag);
            self.block(side, b, cx);
        }
    }

    /// A header block is here, or the part of it that was captured.
    pub(super) fn block(&mut self, side: Side, b: Block, cx: &mut Cx<'_>) {
        let mut fields = Fields::of(b.bytes.len());
        let table = &mut self.dir(side).table;
        let end = table.read(&b.bytes, |f| fields.add(f));
        if !b.whole {
            table.forget();
        }
        let partial = !b.whole || end == End::Cut;
        let mut flags = b.flags;
        if partial {
            flags.insert(Flags::PARTIAL_HEADERS);
        }
        if end == End::Odd || end == End::Cut && b.whole {
            flags.insert(Flags::BAD_FRAMING);
        }
        if fields.unknown > 0 {
            cx.diag("h2-unknown-field", b.first.at.unit);
        }
        if fields.dropped > 0 {
            cx.diag("h2-head-beyond-limit", b.first.at.unit);
        }
        if !self.sure {
            if b.promised.is_some() || fields.status.is_some() {
                self.is_client(side.other());
            } else if fields.method.is_some() || fields.path.is_some() {
                self.is_client(side);
            }
        }
        match b.promised {
            Some(id) => self.promise(side, id, fields, partial, flags, &b, cx),
            None => self.headers(side, fields, partial, flags, &b, cx),
        }
    }

    /// A request that the server made up (RFC 9113 section 8.4).
    #[allow(clippy::too_many_arguments)] // the parts of one frame
    pub(super) fn promise(
        &mut self,
        side: Side,
        id: u32,
        fields: Fields,
        partial: bool,
        flags: Flags,
        b: &Block,
        cx: &mut Cx<'_>,
    ) {
        if side == self.client || id == 0 || id % 2 == 1 || self.streams.contains_key(&id) {
            return cx.diag("h2-stray-frame", b.first.at.unit);
        }
        let parent = self.streams.get(&b.stream).map(|s| s.ordinal);
        let mut s = self.open(b.first, cx);
        s.parent = parent;
        let losses = self.dir(side).losses;
        s.req.no_body = true;
        s.req
            .begin(fields.request(partial), b.first, b.last, flags, losses);
        s.req.end();
        s.changed = true;
        self.put(id, s, cx);
    }

    /// The head of a message, an interim one, or trailers.
    pub(super) fn headers(
        &mut self,
        side: Side,
        fields: Fields,
        partial: bool,
        flags: Flags,
        b: &Block,
        cx: &mut Cx<'_>,
    ) {
        if self.sockets.contains_key(&b.stream) {
            // trailers, which say nothing of a WebSocket or of what is in a tunnel
            if b.end_stream {
                self.socket_fin(side, b.stream, cx);
            }
            if !self.streams.contains_key(&b.stream) {
                return;
            }
        }
        let request = side == self.client;
        let losses = self.dir(side).losses;
        let status = fields.status();
        let opens = if request {
            fields.method.is_some() || fields.path.is_some()
        } else {
            fields.status.is_some()
        };
        let late = self.dir(side).late;
        let known = self.streams.get(&b.stream);
        let begun = known.is_some_and(|s| {
            let half = if request { &s.req } else { &s.resp };
            half.message.is_some()
        });
        // a head begins with a pseudo-field, so what begins with another one is what is left of a message
        let is_trailers = !opens && (begun || late && fields.first == First::Regular);
        let ended = self.ended.iter().rev().find(|e| e.0 == b.stream);
        if known.is_none()
            && let Some((_, had)) = ended
            && (*had || !request)
        {
            // it was on its way when the stream ended
            return cx.diag("h2-after-end", b.first.at.unit);
        }
        if b.stream == 0 {
            return cx.diag("h2-stray-frame", b.first.at.unit);
        }
        let mut s = match self.streams.remove(&b.stream) {
            Some(s) => s,
            None => self.open(b.first, cx),
        };
        s.changed = true;
        if is_trailers {
            let (text, more) = fields.trailers();
            let mut all = flags;
            all.insert(more);
            if !s
                .half(request)
                .trailers(request, text, all, b.first, b.last, losses)
            {
                cx.diag("h2-head-beyond-limit", b.first.at.unit);
            }
        } else if begun {
            // a second head: the first one stands
            s.flags.insert(Flags::BAD_FRAMING);
            cx.diag("h2-second-head", b.first.at.unit);
        } else if request {
            let connect = fields.method.as_deref() == Some(b"CONNECT");
            s.tunnel = connect;
            s.socket = connect && socket::asked(fields.protocol.as_deref());
            // other protocols than these cut their messages in ways of their own
            s.plain = connect && fields.protocol.is_none();
            s.resp.no_body = fields.method.as_deref() == Some(b"HEAD");
            s.req
                .begin(fields.request(partial), b.first, b.last, flags, losses);
        } else if status.is_some_and(|n| (100..200).contains(&n)) && !b.end_stream {
            let mut m = stream::message(fields.response(partial), b.first, b.last);
            m.flags.insert(flags);
            m.body.complete = true;
            if !s.interim(m) {
                cx.diag("h2-interim-limit", b.first.at.unit);
            }
        } else {
            s.resp.no_body |= matches!(status, Some(204 | 304));
            let opened = s.tunnel && status.is_some_and(|n| (200..300).contains(&n));
            let socket = opened && s.socket;
            if opened {
                s.flags.insert(Flags::UPGRADED);
            }
            let tunnel = opened && s.plain;
            if opened && !socket && !tunnel {
                cx.diag("h2-tunnel", b.first.at.unit);
            }
            s.resp
                .begin(fields.response(partial), b.first, b.last, flags, losses);
            if socket {
                return self.socket_open(b.stream, s, b.end_stream, cx);
            }
            if tunnel {
                // bytes of the client that were captured before the answer
                let early = s.req.copy_body();
                self.streams.insert(b.stream, s);
                self.tunnel_open(b.stream, early, b.first.at, cx);
                if b.end_stream {
                    self.socket_fin(side, b.stream, cx);
                }
                let Some(back) = self.streams.remove(&b.stream) else {
                    return;
                };
                s = back;
            }
        }
        if b.end_stream {
            s.half(request).end();
        }
        self.put(b.stream, s, cx);
    }
}
