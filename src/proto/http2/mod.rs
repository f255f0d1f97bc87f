//! HTTP/2 (RFC 9113) as it is seen from the side: two [`reader::Reader`]s, two HPACK tables, and the streams between them. In:
//! segments and gaps of both directions. Out: one exchange a stream. Bounds: those of the parts, [`limits::H2_STREAMS`] open
//! streams; a body beyond the memory budget is only counted and hashed.
//!
//! A gap never stops a connection. Inside a frame it is skipped by length, and only that stream is marked; where it is not known
//! where the next frame starts, frames are looked for, what stands in the HPACK table becomes unknown, and every stream that was
//! open in that direction may have lost bytes: it is marked unless its length shows that it did not.

mod frame;
mod head;
mod hpack;
mod huffman;
mod reader;
mod stream;

use super::{About, Begin, Carry, Cx, Feed, Probe, Proto, ProtoSpec, Switch, Upgraded};
use crate::call::model::{Exchange, Flags, Stamp};
use crate::limits;
use crate::net::{Close, FlowStats, Missing, Segment, Side};
use frame::{Frame, From, Known, Verdict};
use head::{Fields, First};
use hpack::{End, Table};
use reader::{Hole, Mark, Reader, Step, View};
use std::collections::{BTreeMap, VecDeque};
use stream::Stream;

/// HTTP/2 in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "h2",
    probe,
    find,
    upgrade: &["h2c"],
    new: |begin| Box::new(Http2::new(begin)),
};

fn probe(b: &[u8], _first: bool) -> Probe {
    match frame::chain(b, &frame::Nothing) {
        Verdict::Yes(From::Server) => Probe::Server,
        // who did not tell is found out by the parser
        Verdict::Yes(_) => Probe::Client,
        Verdict::Maybe => Probe::More,
        Verdict::No => Probe::No,
    }
}

/// The preface anywhere, or a header block that opens a message, with frames around it up to the segment's end.
fn find(b: &[u8]) -> Option<usize> {
    let preface = memchr::memmem::find(b, frame::PREFACE);
    let block = memchr::memchr_iter(frame::HEADERS, b).find_map(|at| {
        let from = at.checked_sub(3)?;
        let head = b.get(from..)?.first_chunk::<{ frame::HEAD }>()?;
        let f = Frame::read(head)?;
        if f.len >= frame::MAX_FRAME || !f.has(frame::END_HEADERS) || f.flags & !0x2d != 0 {
            return None;
        }
        let yes = frame::chain(b.get(from..)?, &frame::Nothing);
        matches!(yes, Verdict::Yes(From::Client | From::Server)).then_some(from)
    });
    match (preface, block) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn http1_request(b: &[u8]) -> bool {
    b.first().is_some_and(u8::is_ascii_uppercase)
        && (super::http1::SPEC.probe)(b, true) == Probe::Client
}

/// A header block that is being collected.
#[derive(Debug)]
struct Block {
    stream: u32,
    /// The stream that is promised with it.
    promised: Option<u32>,
    end_stream: bool,
    bytes: Vec<u8>,
    /// Nothing of it is missing so far.
    whole: bool,
    flags: Flags,
    first: Mark,
    last: Mark,
}

/// One direction.
#[derive(Debug)]
struct Dir {
    reader: Reader,
    table: Table,
    block: Option<Block>,
    /// Its start was not captured, or bytes were lost: frames of streams that are not known may come.
    late: bool,
    /// Something of it was read.
    begun: bool,
    /// How often it was not known where the next frame starts.
    losses: u32,
    /// Largest frame that the other side allowed.
    max_frame: u32,
    /// Flag for what is missing in the frame being read.
    hole: Flags,
    /// Ends and streams of the last frames.
    recent: VecDeque<(u64, u32)>,
}

impl Dir {
    fn new() -> Dir {
        Dir {
            reader: Reader::new(true),
            table: Table::default(),
            block: None,
            late: false,
            begun: false,
            losses: 0,
            max_frame: frame::MAX_FRAME,
            hole: Flags::default(),
            recent: VecDeque::new(),
        }
    }

    fn held(&self) -> usize {
        let block = self.block.as_ref().map_or(0, |b| b.bytes.len());
        self.reader.held() + self.table.held() + block
    }
}

/// What a reader may know of the streams.
struct Streams<'a>(&'a BTreeMap<u32, Box<Stream>>, u32);

impl Known for Streams<'_> {
    fn stream(&self, id: u32) -> bool {
        self.0.contains_key(&id)
    }
    fn max_frame(&self) -> u32 {
        self.1
    }
}

/// What the other side sends until it knows of a reset comes within this many nanoseconds.
const RESET_NS: i64 = 1_000_000_000;
/// Frames remembered to tell which stream had bytes sent again.
const RECENT: usize = 16;

/// One HTTP/2 connection.
#[derive(Debug)]
struct Http2 {
    client: Side,
    /// It is known which side that is.
    sure: bool,
    a: Dir,
    b: Dir,
    streams: BTreeMap<u32, Box<Stream>>,
    /// Streams that are over, newest last; whether their request was seen.
    ended: VecDeque<(u32, bool)>,
    /// Streams that one side has reset, and when: what the other side had sent by then still counts.
    resets: VecDeque<(u32, Stamp)>,
    /// Bytes held by streams, and of those the ones in streams that wait for their other half.
    held: usize,
    waiting: usize,
    /// Responses without a request that wait for one.
    orphans: usize,
    frames: bool,
}

impl Http2 {
    fn new(begin: Begin) -> Http2 {
        let mut h = Http2 {
            client: begin.client,
            sure: begin.upgraded.is_some(),
            a: Dir::new(),
            b: Dir::new(),
            streams: BTreeMap::new(),
            ended: VecDeque::new(),
            resets: VecDeque::new(),
            held: 0,
            waiting: 0,
            orphans: 0,
            frames: false,
        };
        if let Some(u) = begin.upgraded {
            h.upgraded(*u);
        }
        h
    }

    /// The request that asked for HTTP/2 is that of stream 1 (RFC 7540 section 3.2).
    fn upgraded(&mut self, u: Upgraded) {
        self.client = u.client;
        let x = u.exchange;
        let mut s = Stream {
            ordinal: x.ordinal,
            parent: x.parent,
            interim: x.interim,
            flags: x.flags,
            upgraded: true,
            changed: true,
            ..Stream::default()
        };
        s.interim.extend(x.response);
        if let Some(m) = x.request {
            s.req.adopt(m);
        }
        s.req.ended = true;
        self.book(&mut s);
        self.streams.insert(1, Box::new(s));
    }

    fn dir(&mut self, side: Side) -> &mut Dir {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    fn losses(&self) -> (u32, u32) {
        let (a, b) = (self.a.losses, self.b.losses);
        if self.client == Side::A {
            (a, b)
        } else {
            (b, a)
        }
    }

    fn room(&self, cx: &Cx<'_>) -> usize {
        cx.budget.saturating_sub(self.held())
    }

    /// Reads on in a direction.
    fn run(&mut self, side: Side, seg: &Segment<'_>, cx: &mut Cx<'_>) {
        let dir = self.dir(side);
        let one = View::of(seg);
        let mut kept = std::mem::take(&mut dir.reader.lost);
        let held = dir.reader.is_lost() && kept.len() > 0;
        if held {
            kept.push(&one, 0);
        }
        let (view, from) = if held {
            (kept.view(), kept.start())
        } else {
            (one, 0)
        };
        let mut pos = from;
        self.steps(side, &view, &mut pos, cx);
        let dir = self.dir(side);
        if dir.reader.is_lost() {
            if held {
                let n = pos - from;
                kept.drop_front(n);
                dir.reader.lost = kept;
            } else if pos < view.bytes.len() {
                dir.reader.lost.push(&view, pos);
            }
        }
    }

    fn steps(&mut self, side: Side, view: &View<'_>, pos: &mut usize, cx: &mut Cx<'_>) {
        loop {
            let (dir, streams) = match side {
                Side::A => (&mut self.a, &self.streams),
                Side::B => (&mut self.b, &self.streams),
            };
            let known = Streams(streams, dir.max_frame);
            match dir.reader.step(view, pos, &known) {
                Step::More => return,
                Step::Preface => {
                    dir.table = Table::fresh();
                    dir.begun = true;
                    self.frames = true;
                    self.is_client(side);
                }
                Step::Begins => self.begins(side, cx),
                Step::Data(bytes) => self.body(side, bytes, cx),
                Step::DataEnd => self.data_end(side, cx),
                Step::Frame => self.frame(side, cx),
                Step::Desync => {
                    let at = dir.reader.first.at;
                    cx.diag("h2-desync", at.unit);
                    self.lost(side, Flags::BAD_FRAMING, cx);
                }
                Step::Synced => {}
            }
        }
    }

    /// The sides are known now.
    fn is_client(&mut self, side: Side) {
        if side != self.client && !self.sure {
            self.client = side;
            for s in self.streams.values_mut() {
                s.turn();
            }
        }
        self.sure = true;
    }

    /// Who is the client, from the first bytes of a side, else from the ports.
    fn who(&mut self, side: Side, bytes: &[u8], cx: &Cx<'_>) {
        let first = !self.a.begun && !self.b.begun;
        match frame::chain(bytes, &frame::Nothing) {
            Verdict::Yes(From::Client) => self.is_client(side),
            Verdict::Yes(From::Server) => self.is_client(side.other()),
            _ if first => {
                let (a, b) = (cx.key.a.1, cx.key.b.1);
                // services have the lower port, and a connection's first packet is its client's where ports do not tell
                self.client = if a < b { Side::B } else { Side::A };
            }
            _ => {}
        }
    }

    /// A frame begins.
    fn begins(&mut self, side: Side, cx: &mut Cx<'_>) {
        let server = side != self.client;
        let dir = self.dir(side);
        let (f, first) = (dir.reader.frame, dir.reader.first);
        dir.hole = Flags::default();
        if !dir.begun {
            dir.begun = true;
            // the first frame of a server
            let start = f.kind == frame::SETTINGS && !f.has(frame::ACK);
            if start && server && !dir.late {
                dir.table = Table::fresh();
            } else {
                dir.late = true;
            }
            self.frames = true;
        }
        let dir = self.dir(side);
        if dir.recent.len() >= RECENT {
            dir.recent.pop_front();
        }
        let end = dir.reader.start + frame::HEAD as u64 + u64::from(f.len);
        dir.recent.push_back((end, f.stream));
        let other = dir
            .block
            .as_ref()
            .is_some_and(|b| f.kind != frame::CONTINUATION || f.stream != b.stream);
        if other {
            // nothing may stand between the parts of a block (RFC 9113 section 4.3)
            self.cut_block(side, Flags::BAD_FRAMING, cx);
        }
        if f.kind == frame::DATA {
            // also an empty frame shows a message
            self.on_data(side, f.stream, &[], first, cx);
        }
    }

    /// Bytes of a body.
    fn body(&mut self, side: Side, bytes: &[u8], cx: &mut Cx<'_>) {
        let r = &self.dir(side).reader;
        let (stream, last) = (r.frame.stream, r.last);
        self.on_data(side, stream, bytes, last, cx);
    }

    fn on_data(&mut self, side: Side, id: u32, bytes: &[u8], mark: Mark, cx: &mut Cx<'_>) {
        let request = side == self.client;
        let room = self.room(cx);
        let losses = self.dir(side).losses;
        let Some(mut s) = self.take(side, id, mark, cx) else {
            return;
        };
        let half = s.half(request);
        let fresh = half.message.is_none();
        if half.ended {
            s.flags.insert(Flags::BAD_FRAMING);
        } else if !half.data(request, bytes, mark, losses, room) {
            cx.diag("body-beyond-limit", mark.at.unit);
        }
        s.changed |= fresh;
        self.put(id, s, cx);
    }

    fn data_end(&mut self, side: Side, cx: &mut Cx<'_>) {
        let request = side == self.client;
        let r = &self.dir(side).reader;
        let (f, last) = (r.frame, r.last);
        if !f.has(frame::END_STREAM) {
            return;
        }
        if let Some(mut s) = self.streams.remove(&f.stream) {
            let half = s.half(request);
            if let Some(m) = &mut half.message {
                m.last = m.last.max(last.at);
            }
            half.end();
            s.changed = true;
            self.put(f.stream, s, cx);
        }
    }

    /// A frame that was collected is over.
    fn frame(&mut self, side: Side, cx: &mut Cx<'_>) {
        let dir = self.dir(side);
        let (f, whole) = (dir.reader.frame, dir.reader.whole);
        let payload = std::mem::take(&mut dir.reader.payload);
        match f.kind {
            frame::HEADERS | frame::PUSH_PROMISE | frame::CONTINUATION => {
                self.fragment(side, f, &payload, whole, cx);
            }
            frame::SETTINGS if !f.has(frame::ACK) => self.settings(side, &payload),
            frame::RST_STREAM => self.reset(side, f.stream, cx),
            frame::GOAWAY => self.goaway(side, &payload, cx),
            _ => {}
        }
        self.dir(side).reader.payload = payload;
    }

    /// A piece of a header block.
    fn fragment(&mut self, side: Side, f: Frame, payload: &[u8], whole: bool, cx: &mut Cx<'_>) {
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
    fn cut_block(&mut self, side: Side, flag: Flags, cx: &mut Cx<'_>) {
        if let Some(mut b) = self.dir(side).block.take() {
            b.whole = false;
            b.flags.insert(flag);
            self.block(side, b, cx);
        }
    }

    /// A header block is here, or the part of it that was captured.
    fn block(&mut self, side: Side, b: Block, cx: &mut Cx<'_>) {
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
    fn promise(
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
    fn headers(
        &mut self,
        side: Side,
        fields: Fields,
        partial: bool,
        flags: Flags,
        b: &Block,
        cx: &mut Cx<'_>,
    ) {
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
            s.half(request)
                .trailers(request, text, all, b.first, b.last, losses);
        } else if begun {
            // a second head: the first one stands
            s.flags.insert(Flags::BAD_FRAMING);
            cx.diag("h2-second-head", b.first.at.unit);
        } else if request {
            let connect = fields.method.as_deref() == Some(b"CONNECT");
            s.tunnel = connect;
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
            if s.tunnel && status.is_some_and(|n| (200..300).contains(&n)) {
                s.flags.insert(Flags::UPGRADED);
                cx.diag("h2-tunnel", b.first.at.unit);
            }
            s.resp
                .begin(fields.response(partial), b.first, b.last, flags, losses);
        }
        if b.end_stream {
            s.half(request).end();
        }
        self.put(b.stream, s, cx);
    }

    /// Settings of a side allow the other one more.
    fn settings(&mut self, side: Side, payload: &[u8]) {
        let other = self.dir(side.other());
        for &[i0, i1, v0, v1, v2, v3] in payload.as_chunks::<6>().0 {
            let v = u32::from_be_bytes([v0, v1, v2, v3]);
            // a smaller table is announced by the sender of blocks itself (RFC 7541 section 4.2), and is followed there
            if u16::from_be_bytes([i0, i1]) == 5 {
                other.max_frame = other.max_frame.max(v.min((1 << 24) - 1));
            }
        }
    }

    fn reset(&mut self, side: Side, id: u32, cx: &mut Cx<'_>) {
        let request = side == self.client;
        let at = self.dir(side).reader.last.at;
        let Some(mut s) = self.streams.remove(&id) else {
            return;
        };
        s.half(request).ended = true;
        s.changed = true;
        let over = s.half(!request).ended;
        self.put(id, s, cx);
        if over {
            return;
        }
        if self.resets.len() >= limits::H2_ENDED
            && let Some((id, _)) = self.resets.pop_front()
        {
            self.finish(id, None, cx);
        }
        self.resets.push_back((id, at));
    }

    /// Streams that were reset are over when what had been on its way must have come.
    fn settle_resets(&mut self, now: Stamp, cx: &mut Cx<'_>) {
        while let Some((id, at)) = self.resets.front().copied() {
            let old = now.ts.saturating_sub(at.ts) > RESET_NS;
            if !old && self.streams.contains_key(&id) {
                return;
            }
            self.resets.pop_front();
            self.finish(id, None, cx);
        }
    }

    /// Streams that the sender will not answer any more are over (RFC 9113 section 6.8).
    fn goaway(&mut self, side: Side, payload: &[u8], cx: &mut Cx<'_>) {
        let Some(last) = payload.first_chunk::<4>().map(|b| u32::from_be_bytes(*b)) else {
            return;
        };
        if side == self.client {
            return;
        }
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

    /// It is not known where the next frame of a direction starts.
    fn lost(&mut self, side: Side, flag: Flags, cx: &mut Cx<'_>) {
        self.cut_block(side, flag, cx);
        let dir = self.dir(side);
        dir.table.forget();
        dir.late = true;
        dir.losses = dir.losses.wrapping_add(1);
    }

    /// The stream of a frame; one that is not known only where it can have begun unseen.
    fn take(&mut self, side: Side, id: u32, mark: Mark, cx: &mut Cx<'_>) -> Option<Box<Stream>> {
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
    fn open(&mut self, mark: Mark, cx: &mut Cx<'_>) -> Box<Stream> {
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

    /// Books what a stream holds now.
    fn book(&mut self, s: &mut Stream) {
        let now = s.held();
        let waits = if s.waits() { now } else { 0 };
        let orphan = |n: (usize, usize), s: &Stream| n.1 > 0 && s.req.message.is_none();
        let was = orphan(s.booked, s);
        self.held = self.held.saturating_sub(s.booked.0) + now;
        self.waiting = self.waiting.saturating_sub(s.booked.1) + waits;
        s.booked = (now, waits);
        match (was, orphan(s.booked, s)) {
            (false, true) => self.orphans += 1,
            (true, false) => self.orphans = self.orphans.saturating_sub(1),
            _ => {}
        }
    }

    /// Puts a stream back, or gives its exchange out if nothing more can come for it.
    fn put(&mut self, id: u32, mut s: Box<Stream>, cx: &mut Cx<'_>) {
        self.book(&mut s);
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
    fn shed(&mut self, cx: &mut Cx<'_>) {
        if self.orphans > limits::ORPHANS {
            self.shed_some(limits::ORPHANS / 2, cx, |s| {
                s.resp.ended && s.req.message.is_none()
            });
        }
        let [a, b] = cx.spoke;
        let silent = if self.client == Side::A { !b } else { !a };
        if silent && self.waiting > limits::UNPAIRED_BYTES {
            self.shed_some(self.streams.len() / 2, cx, Stream::waits);
        }
        // heads cannot be left out as bodies are: what waits longest goes
        if self.streams.len() > 64 && self.held() > cx.budget {
            let unit = |s: &Stream| s.req.message.as_ref().map(|m| m.first.unit);
            let at = self.streams.values().next().and_then(|s| unit(s));
            cx.diag("h2-memory-limit", at.unwrap_or_default());
            self.shed_some(self.streams.len() / 2, cx, |_| true);
        }
    }

    fn shed_some(&mut self, n: usize, cx: &mut Cx<'_>, which: impl Fn(&Stream) -> bool) {
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
    fn finish(&mut self, id: u32, captured: Option<[bool; 2]>, cx: &mut Cx<'_>) {
        let Some(mut s) = self.streams.remove(&id) else {
            return;
        };
        self.held = self.held.saturating_sub(s.booked.0);
        self.waiting = self.waiting.saturating_sub(s.booked.1);
        if s.booked.1 > 0 && s.req.message.is_none() {
            self.orphans = self.orphans.saturating_sub(1);
        }
        if self.ended.len() >= limits::H2_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back((id, s.req.message.is_some()));
        let [a, b] = captured.unwrap_or(cx.spoke);
        let (client, server) = if self.client == Side::A {
            (a, b)
        } else {
            (b, a)
        };
        s.changed = false;
        let mut x = s.finish(self.losses());
        self.place(&mut x, cx);
        if x.response.is_none() {
            x.flags.insert(Flags::NO_RESPONSE);
            if !server {
                x.flags.insert(Flags::ONE_SIDED);
            }
        }
        if x.request.is_none() {
            x.flags.insert(Flags::NO_REQUEST);
            if !client {
                x.flags.insert(Flags::ONE_SIDED);
            }
        }
        x.done = true;
        for m in x.request.iter().chain(&x.response) {
            if m.flags.has(Flags::BAD_FRAMING) {
                cx.diag("http-bad-framing", m.first.unit);
            }
        }
        if x.request.is_some() || x.response.is_some() || !x.interim.is_empty() {
            cx.out.push(x);
        }
    }

    fn place(&self, x: &mut Exchange, cx: &Cx<'_>) {
        x.flow = cx.flow;
        x.client = cx.end(self.client);
        x.server = cx.end(self.client.other());
        x.tls = cx.tls;
    }
}

impl Proto for Http2 {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        if !self.dir(side).begun {
            if self.streams.is_empty() && http1_request(segment.bytes) {
                // a client that speaks HTTP/1 to a server that answers with its HTTP/2 settings
                return Feed::Switch(Switch {
                    used: 0,
                    held: Carry::default(),
                    to: "http".to_owned(),
                    upgraded: None,
                });
            }
            if !self.sure {
                self.who(side, segment.bytes, cx);
            }
        }
        self.dir(side).reader.next = segment.offset + segment.bytes.len() as u64;
        self.run(side, &segment, cx);
        if !self.resets.is_empty() {
            self.settle_resets(segment.at, cx);
        }
        Feed::Go
    }

    fn resent(&mut self, side: Side, offset: u64, _cx: &mut Cx<'_>) {
        let request = side == self.client;
        let recent = &self.dir(side).recent;
        let Some((_, id)) = recent.iter().find(|(end, _)| *end >= offset).copied() else {
            return;
        };
        if let Some(s) = self.streams.get_mut(&id)
            && let Some(m) = &mut s.half(request).message
        {
            m.flags.insert(Flags::RETRANSMITTED);
            s.changed = true;
        }
    }

    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        let flag = if why == Missing::Snaplen {
            Flags::TRUNCATED
        } else {
            Flags::GAP
        };
        let request = side == self.client;
        let dir = self.dir(side);
        let (f, inside) = (dir.reader.frame, dir.reader.inside());
        let losses = dir.losses;
        dir.hole = flag;
        let mark = dir.reader.last;
        match dir.reader.gap(bytes) {
            Hole::Nothing => {}
            Hole::Data { body, all } => {
                if let Some(mut s) = self.streams.remove(&f.stream) {
                    let half = s.half(request);
                    if !half.ended {
                        half.gap(request, body, mark, flag, losses);
                    }
                    self.put(f.stream, s, cx);
                }
                if !all {
                    self.data_end(side, cx);
                    self.lost(side, flag, cx);
                }
            }
            Hole::Other { all } => {
                if !all {
                    if inside {
                        self.frame(side, cx);
                    }
                    self.lost(side, flag, cx);
                }
            }
        }
        // a frame may have ended with the lost bytes
        let none = Segment {
            bytes: &[],
            offset: self.dir(side).reader.next,
            acked: 0,
            at,
            retransmitted: false,
        };
        if !self.dir(side).reader.is_lost() {
            self.steps(side, &View::of(&none), &mut 0, cx);
        }
    }

    fn fin(&mut self, _side: Side, _at: Stamp, _cx: &mut Cx<'_>) {}

    fn close(&mut self, _why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        for side in [Side::A, Side::B] {
            let dir = self.dir(side);
            if dir.reader.inside() && dir.reader.frame.kind != frame::DATA {
                dir.reader.whole = false;
                dir.hole = Flags::TRUNCATED;
                self.frame(side, cx);
            }
            self.cut_block(side, Flags::TRUNCATED, cx);
        }
        let captured = stats.map(|s| s.packets.map(|n| n > 0));
        let mut order: Vec<(u32, u32)> = self
            .streams
            .iter()
            .map(|(id, s)| (s.ordinal, *id))
            .collect();
        order.sort_unstable();
        for (_, id) in order {
            self.finish(id, captured, cx);
        }
    }

    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        let mut copies = Vec::new();
        for s in self.streams.values_mut().filter(|s| s.changed) {
            s.changed = false;
            copies.push(s.copy());
        }
        for mut x in copies {
            self.place(&mut x, cx);
            let some = x.request.is_some() || x.response.is_some() || !x.interim.is_empty();
            out.extend(some.then_some(x));
        }
    }

    fn held(&self) -> usize {
        self.held + self.a.held() + self.b.held()
    }

    fn about(&self) -> About {
        About {
            app: if self.frames { "h2" } else { "unknown" },
            client: Some(self.client),
            ..About::default()
        }
    }
}
