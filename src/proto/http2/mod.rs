//! HTTP/2 (RFC 9113) as it is seen from the side: two [`reader::Reader`]s, two HPACK tables, and the streams between them. In:
//! segments and gaps of both directions. Out: one exchange a stream. Bounds: those of the parts, [`limits::H2_STREAMS`] open
//! streams; a body beyond the memory budget is only counted and hashed.
//!
//! A gap never stops a connection. Inside a frame it is skipped by length, and only that stream is marked; where it is not known
//! where the next frame starts, frames are looked for, what stands in the HPACK table becomes unknown, and every stream that was
//! open in that direction may have lost bytes: it is marked unless its length shows that it did not.

mod block;
mod frame;
mod head;
mod hpack;
mod huffman;
mod life;
mod plain;
mod reader;
mod socket;
mod stream;

use super::{About, Begin, Carry, Cx, Feed, Probe, Proto, ProtoSpec, Switch, Upgraded, http1};
use crate::call::model::{Exchange, Flags, Stamp};
use crate::net::{Close, FlowStats, Missing, Segment, Side};
use block::Block;
use frame::{Frame, From, Known, Verdict};
use hpack::Table;
use life::Books;
use plain::Plain;
use reader::{Hole, Mark, Reader, Step, View};
use socket::Socket;
use std::collections::{BTreeMap, VecDeque};
use stream::Stream;

/// HTTP/2 in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "h2",
    probe,
    find,
    within: false,
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
    b.first().is_some_and(u8::is_ascii_uppercase) && (http1::SPEC.probe)(b, true) == Probe::Client
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
    books: Books,
    /// Streams that became WebSockets, and bytes that they hold.
    sockets: BTreeMap<u32, Socket>,
    socket_held: usize,
    /// Least last stream that the server has named in a GOAWAY.
    gone: u32,
    frames: bool,
    /// Answers of a server that does not speak HTTP/2.
    plain: Plain,
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
            books: Books::default(),
            sockets: BTreeMap::new(),
            socket_held: 0,
            gone: u32::MAX,
            frames: false,
            plain: Plain::default(),
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
        self.books.book(&mut s);
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

    /// Reads a segment of frames.
    fn read(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) {
        if !self.sure && !self.dir(side).begun {
            self.who(side, segment.bytes, cx);
        }
        self.dir(side).reader.next = segment.offset + segment.bytes.len() as u64;
        self.run(side, &segment, cx);
        if !self.resets.is_empty() {
            self.settle_resets(segment.at, cx);
        }
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
        if self.socket_data(side, id, bytes, mark, cx) {
            return;
        }
        let request = side == self.client;
        let room = self.room(cx);
        let losses = self.dir(side).losses;
        if let Some(s) = self.streams.get_mut(&id)
            && s.half(request).message.is_some()
        {
            // the usual piece of a body: the stream stays where it is, since no data ends it
            s.data(request, bytes, mark, losses, room, cx);
            self.books.book(s);
            return self.shed(cx);
        }
        let Some(mut s) = self.take(side, id, mark, cx) else {
            return;
        };
        s.data(request, bytes, mark, losses, room, cx);
        s.changed = true;
        self.put(id, s, cx);
    }

    fn data_end(&mut self, side: Side, cx: &mut Cx<'_>) {
        let request = side == self.client;
        let r = &self.dir(side).reader;
        let (f, last) = (r.frame, r.last);
        if !f.has(frame::END_STREAM) {
            return;
        }
        self.socket_fin(side, f.stream, cx);
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

    /// It is not known where the next frame of a direction starts.
    fn lost(&mut self, side: Side, flag: Flags, cx: &mut Cx<'_>) {
        self.cut_block(side, flag, cx);
        let dir = self.dir(side);
        dir.table.forget();
        dir.late = true;
        dir.losses = dir.losses.wrapping_add(1);
    }
}

impl Proto for Http2 {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        if !self.dir(side).begun && self.streams.is_empty() && http1_request(segment.bytes) {
            // a client that speaks HTTP/1 to a server that answers with its HTTP/2 settings
            return Feed::Switch(Switch {
                used: 0,
                held: Carry::default(),
                to: "http".to_owned(),
                upgraded: None,
            });
        }
        if !self.plain_data(side, &segment, cx) {
            self.read(side, segment, cx);
        }
        Feed::Go
    }

    fn resent(&mut self, side: Side, offset: u64, cx: &mut Cx<'_>) {
        if let Some(p) = self.plain.of(side) {
            return p.resent(side, offset, cx);
        }
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
        self.socket_resent(side, id, cx);
    }

    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        if let Some(p) = self.plain.of(side) {
            return p.gap(side, bytes, why, at, cx);
        }
        self.plain_gap(side, cx);
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
                self.socket_gap(side, f.stream, body, why, at, cx);
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
            zero: 0,
            acked: 0,
            at,
            retransmitted: false,
        };
        if !self.dir(side).reader.is_lost() {
            self.steps(side, &View::of(&none), &mut 0, cx);
        }
    }

    fn fin(&mut self, side: Side, at: Stamp, cx: &mut Cx<'_>) {
        if let Some(p) = self.plain.of(side) {
            p.fin(side, at, cx);
        }
    }

    fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        for side in [Side::A, Side::B] {
            let dir = self.dir(side);
            if dir.reader.inside() && dir.reader.frame.kind != frame::DATA {
                dir.reader.whole = false;
                dir.hole = Flags::TRUNCATED;
                self.frame(side, cx);
            }
            self.cut_block(side, Flags::TRUNCATED, cx);
        }
        while let Some(id) = self.sockets.keys().next().copied() {
            self.socket_close(id, cx);
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
        self.plain_close(why, stats, cx);
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
        for s in self.sockets.values_mut() {
            s.open(cx, out);
        }
        if let Plain::Yes(_, p) = &mut self.plain {
            p.open(cx, out);
        }
    }

    fn held(&self) -> usize {
        self.books.held + self.socket_held + self.plain.held() + self.a.held() + self.b.held()
    }

    fn about(&self) -> About {
        About {
            app: if self.frames { "h2" } else { "unknown" },
            client: Some(self.client),
            ..About::default()
        }
    }
}
