//! HTTP/0.9 to 1.1 (RFC 9112) as it is seen from the side: two [`reader::Reader`]s and a [`pair::Queue`] between them.
//! In: segments and gaps of both directions. Out: exchanges. Bounds: those of the parts; a body beyond the memory budget is
//! only counted and hashed.
//!
//! A gap never stops a connection: inside a body of known length it is skipped by length, anywhere else the reader looks for
//! the next start line.

pub(super) mod body;
mod chunked;
mod early;
mod head;
mod pair;
mod reader;
mod socket;
mod start;

use super::{About, Carry, Cx, Feed, Probe, Proto, ProtoSpec, Switch, Upgraded};
use crate::call::model::{Exchange, Flags, Message, Stamp};
use crate::net::{Close, FlowStats, Missing, Segment, Side};
use head::Framing;
use pair::{Half, Kind, Lost, Place, Queue};
pub use reader::reread;
use reader::{Reader, Step};
use start::Is;

/// HTTP/1 in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "http",
    probe,
    find,
    within: false,
    upgrade: &[],
    new: |begin| Box::new(Http1::new(begin.client)),
};

fn probe(b: &[u8], first: bool) -> Probe {
    match (start::request(b, !first), start::response(b, true)) {
        (Is::Yes, _) => Probe::Client,
        (_, Is::Yes) => Probe::Server,
        (Is::No, Is::No) => Probe::No,
        _ => Probe::More,
    }
}

/// Whether what may be a request's line behind the byte `last` may be a part of other text: a method that is registered is believed
/// to begin at a segment's start, any other one only behind what ends a document, a line or no text.
pub(super) fn ends_a_word(last: u8, b: &[u8]) -> bool {
    (last.is_ascii_graphic() || last == b' ')
        && !matches!(last, b'}' | b']' | b'>' | b'"')
        && b.first().is_some_and(|c| start::is_tchar(*c))
        && !start::registered(b)
        && start::request(b, false) == Is::Yes
}

fn find(b: &[u8]) -> Option<usize> {
    match (
        start::find(b, start::request),
        start::find(b, start::response),
    ) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// One HTTP/1 connection.
#[derive(Debug)]
struct Http1 {
    client: Side,
    req: Reader,
    resp: Reader,
    queue: Queue,
    /// Exchange whose request is being read.
    sending: u32,
    /// Exchange whose response is being read.
    answering: u32,
    /// The response being read is an interim one.
    interim: bool,
    /// A request that may open a tunnel waits for its answer.
    asked: Option<u32>,
    /// Where the last response ended in the server's stream.
    resp_end: u64,
    calls: bool,
    /// Reads a WebSocket of which only the client's side was captured.
    late: Option<Box<dyn Proto>>,
    /// An exchange that opened a WebSocket with an answer that was cut.
    opened: Option<Box<Upgraded>>,
    /// Where the tunnel leads that was opened.
    target: Option<String>,
    /// Bytes of client and server that may begin a message where a body should.
    front: [Carry; 2],
}

impl Http1 {
    fn new(client: Side) -> Http1 {
        Http1 {
            client,
            req: Reader::new(true),
            resp: Reader::new(false),
            queue: Queue::new(client),
            sending: 0,
            answering: 0,
            interim: false,
            asked: None,
            resp_end: 0,
            calls: false,
            late: None,
            opened: None,
            target: None,
            front: Default::default(),
        }
    }

    fn room(&self, cx: &Cx<'_>) -> usize {
        cx.budget.saturating_sub(self.held())
    }

    /// Segment of the client.
    fn request_data(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) {
        if self.waits(true, seg, cx) {
            return;
        }
        self.request_segment(seg, cx);
    }

    fn request_segment(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) {
        let mut pos = 0;
        loop {
            if pos > 0
                && self.req.may_be_over()
                && let Some(rest) = rest(seg, pos)
                && self.waits(true, &rest, cx)
            {
                return;
            }
            match self.req.step(seg, &mut pos, self.room(cx)) {
                Step::More => return,
                Step::Perhaps => {}
                Step::Desync => cx.diag("http-desync", seg.at.unit),
                Step::Head => {
                    let here = seg.bytes.len().saturating_sub(pos);
                    self.request_head(here, cx);
                }
                Step::CutHead => self.request_cut(cx),
                Step::Done => self.request_done(cx),
            }
        }
    }

    fn request_begins(&mut self, cx: &mut Cx<'_>) {
        let at = Place {
            start: self.req.start,
            acked: self.req.acked,
        };
        self.sending = self.queue.request(at, lost_before(&self.req), cx);
        self.calls = true;
        let (mut kind, mut upgrade) = (Kind::Plain, None);
        if let Some(m) = self.req.message() {
            kind = match m.method().unwrap_or_default() {
                b"HEAD" => Kind::Head,
                b"CONNECT" => Kind::Connect,
                _ if m.version == (0, 9) => Kind::Simple,
                _ => Kind::Plain,
            };
            upgrade = token(m);
        }
        if let Some(o) = self.queue.get(self.sending) {
            o.kind = kind;
            o.upgrade = upgrade;
            if matches!(kind, Kind::Head | Kind::Connect) && !matches!(o.response, Half::None) {
                // captured before it and read as the answer to any other method
                o.flags.insert(Flags::UNCERTAIN_PAIR);
            }
        }
    }

    fn request_head(&mut self, here: usize, cx: &mut Cx<'_>) {
        self.request_begins(cx);
        let mut flags = Flags::default();
        let framing = self
            .req
            .message()
            .and_then(|m| head::framing(fields(m), false, m.version, &mut flags))
            .unwrap_or(Framing::None);
        let connect = self
            .queue
            .get(self.sending)
            .is_some_and(|o| o.kind == Kind::Connect);
        let framing = if connect { Framing::None } else { framing };
        self.req.mark(flags);
        let room = self.room(cx);
        if self.req.begin(framing, here, room)
            && let Some(m) = self.req.take_bare(true)
        {
            self.request_ended(m, cx);
        }
    }

    fn request_cut(&mut self, cx: &mut Cx<'_>) {
        self.request_begins(cx);
        if let Some(m) = self.req.take_bare(false) {
            self.queue.request_done(self.sending, m, cx);
        }
    }

    fn request_done(&mut self, cx: &mut Cx<'_>) {
        if let Some(m) = self.req.take() {
            self.request_ended(m, cx);
        }
    }

    fn request_ended(&mut self, m: Message, cx: &mut Cx<'_>) {
        whole(&m, cx);
        if let Some(o) = self.queue.get(self.sending) {
            o.req_end = self.req.end;
            let unanswered = matches!(o.response, Half::None);
            if unanswered && o.kind == Kind::Connect {
                self.req.hold();
                self.asked = Some(self.sending);
            } else if unanswered && o.upgrade.is_some() {
                self.req.hold_foreign = true;
                self.asked = Some(self.sending);
            }
        }
        self.queue.request_done(self.sending, m, cx);
    }

    /// Segment of the server.
    fn response_data(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        if self.req.simple_request() == Step::Head {
            self.request_head(0, cx);
        }
        if self.waits(false, seg, cx) {
            return Feed::Go;
        }
        self.response_segment(seg, cx)
    }

    fn response_segment(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        let mut pos = 0;
        loop {
            if pos > 0
                && self.resp.may_be_over()
                && let Some(rest) = rest(seg, pos)
                && self.waits(false, &rest, cx)
            {
                return Feed::Go;
            }
            self.expect(seg.offset + pos as u64);
            match self.resp.step(seg, &mut pos, self.room(cx)) {
                Step::More => return Feed::Go,
                Step::Perhaps => {}
                Step::Desync => cx.diag("http-desync", seg.at.unit),
                Step::Head => {
                    let here = seg.bytes.len().saturating_sub(pos);
                    if let Some(to) = self.response_head(here, cx) {
                        return Feed::Switch(Switch {
                            used: pos,
                            held: self.req.release(),
                            upgraded: self.upgraded(&to, cx),
                            to,
                        });
                    }
                }
                Step::CutHead => self.response_cut(cx),
                Step::Done => self.response_done(cx),
            }
        }
    }

    /// What the next answer may be besides one with a head: to a simple request its content alone, and as the server's very first
    /// bytes that as well, where a request waits for them. `at`: where the bytes that come next stand in the server's stream.
    fn expect(&mut self, at: u64) {
        let kind = self.queue.next_kind();
        self.resp.expect_simple = kind == Kind::Simple;
        self.resp.expect_bare = kind == Kind::Plain
            && self.resp.untouched(at)
            && self.asked.is_none()
            && self.queue.waiting();
    }

    fn response_begins(&mut self, cx: &mut Cx<'_>) {
        let at = Place {
            start: self.resp.start,
            acked: self.resp.acked,
        };
        self.answering = self
            .queue
            .response(at, self.resp_end, lost_before(&self.resp), cx);
        self.calls = true;
    }

    /// A response's head was read; gives what the connection becomes if it is HTTP/1 no more.
    fn response_head(&mut self, here: usize, cx: &mut Cx<'_>) -> Option<String> {
        self.response_begins(cx);
        let mut flags = Flags::default();
        let m = self.resp.message()?;
        let (status, version) = (m.status(), m.version);
        let said = head::framing(fields(m), true, version, &mut flags);
        let upgrade = token(m);
        let ok = status.is_some_and(|s| (200..300).contains(&s));
        // the answer to a CONNECT that was not captured says itself what it is; where the client's requests in the tunnel
        // were read already, it is read on here
        let opens = ok && self.queue.is_orphan(self.answering) && opens_tunnel(m);
        let open_already = opens && self.queue.waiting();
        let open = self.queue.get(self.answering)?;
        let kind = match opens {
            true if !open_already => Kind::Connect,
            _ => open.kind,
        };
        let switch = status == Some(101) || kind == Kind::Connect && ok;
        self.interim = status.is_some_and(|s| (100..200).contains(&s)) && !switch;
        if switch && kind == Kind::Connect {
            self.target = open.target();
        }
        let to = switch.then(|| {
            open.flags.insert(Flags::UPGRADED);
            upgrade
                .or(open.upgrade.take())
                .unwrap_or_else(|| "tunnel".to_owned())
        });
        if !self.interim {
            open.response = Half::Growing;
        }
        let framing = if self.interim
            || switch
            || open_already
            || kind == Kind::Head
            || matches!(status, Some(204 | 304))
        {
            Framing::None
        } else if version == (0, 9) {
            Framing::Close
        } else {
            said.unwrap_or(Framing::Close)
        };
        if let (Some(204), Some(Framing::Fixed(1..) | Framing::Chunked)) = (status, said) {
            flags.insert(Flags::BAD_FRAMING);
        }
        if version == (0, 9) && kind != Kind::Simple {
            flags.insert(Flags::BAD_FRAMING);
        }
        match (framing, said) {
            (Framing::None, Some(Framing::Fixed(n))) => self.resp.undue = n,
            (Framing::None, Some(Framing::Contested { most, .. })) => self.resp.undue = most,
            _ => {}
        }
        self.resp.mark(flags);
        let room = self.room(cx);
        if self.resp.begin(framing, here, room)
            && let Some(m) = self.resp.take_bare(true)
        {
            self.response_ended(m, cx);
        }
        if to.is_none() && !self.interim && self.asked == Some(self.answering) {
            self.refused(cx);
        }
        to
    }

    /// The exchange that was just answered, for the protocol that takes over.
    fn upgraded(&mut self, to: &str, cx: &mut Cx<'_>) -> Option<Box<Upgraded>> {
        let (flow, ordinal) = (cx.flow, self.answering);
        let mine = |x: &Exchange| x.flow == flow && x.ordinal == ordinal;
        if !cx.out.last().is_some_and(mine) {
            // its request was not captured, or has not ended and never will
            self.end(self.client, false, cx);
            self.queue.give(ordinal, cx);
        }
        let last = cx.out.last().filter(|x| mine(x))?;
        let exchange = if to == "h2c" {
            cx.out.pop()?
        } else {
            last.clone()
        };
        Some(Box::new(Upgraded {
            client: self.client,
            exchange,
        }))
    }

    /// No tunnel was opened: what the client sent meanwhile are requests.
    fn refused(&mut self, cx: &mut Cx<'_>) {
        self.asked = None;
        let held = self.req.release();
        for seg in held.segments() {
            self.request_data(&seg, cx);
        }
    }

    fn response_cut(&mut self, cx: &mut Cx<'_>) {
        self.response_begins(cx);
        let status = self.resp.message().and_then(Message::status);
        self.interim = status.is_some_and(|s| (100..200).contains(&s) && s != 101);
        let socket = self.socket_cut(status);
        if let Some(m) = self.resp.take_bare(false) {
            self.response_ended(m, cx);
        }
        if socket {
            self.socket_cut_given(cx);
        }
    }

    fn response_done(&mut self, cx: &mut Cx<'_>) {
        if let Some(m) = self.resp.take() {
            self.response_ended(m, cx);
        }
    }

    fn response_ended(&mut self, m: Message, cx: &mut Cx<'_>) {
        whole(&m, cx);
        self.resp_end = self.resp.end;
        if self.interim {
            self.queue.interim(self.answering, m);
        } else {
            self.queue
                .response_done(self.answering, m, self.req.next, cx);
        }
    }

    fn after(&mut self, side: Side, step: Step, cx: &mut Cx<'_>) {
        match (side == self.client, step) {
            (_, Step::More | Step::Perhaps | Step::Desync) => {}
            (true, Step::Head) => self.request_head(0, cx),
            (true, Step::CutHead) => self.request_cut(cx),
            (true, Step::Done) => self.request_done(cx),
            (false, Step::Head | Step::CutHead) => self.response_cut(cx),
            (false, Step::Done) => self.response_done(cx),
        }
    }

    fn reader(&mut self, side: Side) -> &mut Reader {
        if side == self.client {
            &mut self.req
        } else {
            &mut self.resp
        }
    }
}

impl Proto for Http1 {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        if side == self.client {
            if self.asked.is_some() {
                self.socket_unheard(Some(&segment), cx);
            }
            match &mut self.late {
                Some(p) => return p.data(side, segment, cx),
                None => self.request_data(&segment, cx),
            }
            return Feed::Go;
        }
        if let Some(switch) = self.socket_opened(&segment, cx) {
            return switch;
        }
        if let Some(switch) = self.tunnel_opened(&segment, cx) {
            return switch;
        }
        self.response_data(&segment, cx)
    }

    fn resent(&mut self, side: Side, offset: u64, _cx: &mut Cx<'_>) {
        let client = side == self.client;
        let reader = self.reader(side);
        if !reader.resent(offset) {
            let end = reader.end;
            self.queue.resent(client, offset, end);
        }
    }

    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        if let (true, Some(p)) = (side == self.client, &mut self.late) {
            return p.gap(side, bytes, why, at, cx);
        }
        self.settle_front(side == self.client, cx);
        if side == self.client && self.req.simple_request() == Step::Head {
            self.request_head(0, cx);
        }
        let step = self.reader(side).gap(bytes, why);
        self.after(side, step, cx);
    }

    fn fin(&mut self, side: Side, _at: Stamp, cx: &mut Cx<'_>) {
        let held = self.asked.is_some() && !self.req.hold_foreign && !self.req.kept().is_empty();
        if side == self.client && held {
            return; // the answer to its CONNECT may wait behind a hole
        }
        self.end(side, true, cx);
    }

    fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        let orderly = matches!(why, Close::Fin | Close::Reset);
        self.socket_unheard(None, cx);
        if let Some(p) = &mut self.late {
            p.close(why, stats, cx);
        }
        self.end(self.client, orderly, cx);
        self.end(self.client.other(), orderly, cx);
        let captured = stats.map(|s| s.packets.map(|n| n > 0));
        self.queue.flush(captured, cx);
    }

    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        let (req, resp) = (&self.req, &self.resp);
        let (sending, answering) = (self.sending, self.answering);
        self.queue
            .copies(cx, out, |ordinal, request| match request {
                true if ordinal == sending => req.outline(),
                false if ordinal == answering => resp.outline(),
                _ => None,
            });
    }

    fn held(&self) -> usize {
        self.req.held()
            + self.resp.held()
            + self.queue.held()
            + self.front.iter().map(Carry::held).sum::<usize>()
            + self.late.as_ref().map_or(0, |p| p.held())
    }

    fn about(&self) -> About {
        About {
            app: if self.calls { "http" } else { "unknown" },
            client: Some(self.client),
            target: self.target.clone(),
            ..About::default()
        }
    }
}

impl Http1 {
    fn end(&mut self, side: Side, orderly: bool, cx: &mut Cx<'_>) {
        self.settle_front(side == self.client, cx);
        if side == self.client {
            if self.req.simple_request() == Step::Head {
                self.request_head(0, cx);
            }
            let first = self.req.kept().segments().next().map(|s| s.at.unit);
            if let Some(unit) = first.filter(|_| !self.req.hold_foreign || self.late.is_some()) {
                self.req.release();
                cx.diag("tunnel-unanswered", unit);
            }
        }
        let step = self.reader(side).finish(orderly);
        self.after(side, step, cx);
    }
}

/// A segment from `pos` on; `None` at its end.
fn rest<'a>(seg: &Segment<'a>, pos: usize) -> Option<Segment<'a>> {
    let bytes = seg.bytes.get(pos..).filter(|b| !b.is_empty())?;
    Some(Segment {
        bytes,
        offset: seg.offset + pos as u64,
        ..*seg
    })
}

/// What is missing before the message that is being read.
fn lost_before(reader: &Reader) -> Lost {
    match (reader.after_loss, reader.behind_lost) {
        (_, true) => Lost::Messages,
        (true, false) => Lost::Bytes,
        (false, false) => Lost::Nothing,
    }
}

/// Whether a response says that a tunnel was opened, in the words that proxies have for it.
fn opens_tunnel(m: &Message) -> bool {
    let line = m.head.split(|c| *c == b'\n').next().unwrap_or_default();
    line.to_ascii_lowercase()
        .windows(22)
        .any(|w| w == b"connection established")
}

/// Counts a body of which not all was kept.
fn whole(m: &Message, cx: &mut Cx<'_>) {
    if m.body.long_sha256.is_some() {
        cx.diag("body-beyond-limit", m.first.unit);
    }
    if m.flags.has(Flags::BAD_FRAMING) {
        cx.diag("http-bad-framing", m.first.unit);
    }
}

fn fields(m: &Message) -> impl Iterator<Item = (&[u8], &[u8])> {
    m.headers
        .iter()
        .filter_map(|(n, v)| Some((m.head.get(n.clone())?, m.head.get(v.clone())?)))
}

/// First protocol of an `Upgrade` field, lower case.
fn token(m: &Message) -> Option<String> {
    let value = m.header("upgrade")?;
    let first = value.split(|c| matches!(c, b',' | b' ' | b'/')).next()?;
    (!first.is_empty()).then(|| String::from_utf8_lossy(first).to_ascii_lowercase())
}
