//! Requests and their responses. In: heads as they are read, with stream offsets and acknowledgements. Out: which exchange a
//! message belongs to, and finished exchanges. Bounds: [`limits::PIPELINE`], [`limits::ORPHANS`], [`limits::UNPAIRED_BYTES`],
//! [`limits::WAITING_BYTES`].
//!
//! First in, first out, corrected by what each side had acknowledged: a response that starts at S cannot belong to a request if a later
//! request acknowledged past the last response and up to S; nor to a request that acknowledged past S, nor to one that the
//! server had not received when it answered. Where messages are missing before a response and the server had more than the one
//! request that waits, that request's answer is among them. Where that does not decide, the pair is marked uncertain.

use crate::call::model::{Exchange, Flags, Message, RawBody};
use crate::limits;
use crate::net::Side;
use crate::proto::Cx;
use std::collections::VecDeque;

/// One half of an exchange.
// almost every half becomes `Done`, and boxing it would be an allocation for each message
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Default)]
pub enum Half {
    /// Not seen.
    #[default]
    None,
    /// Being read.
    Growing,
    /// Read.
    Done(Message),
}

impl Half {
    fn is_none(&self) -> bool {
        matches!(self, Half::None)
    }
    fn is_done(&self) -> bool {
        matches!(self, Half::Done(_))
    }
    fn message(self) -> Option<Message> {
        if let Half::Done(m) = self {
            Some(m)
        } else {
            None
        }
    }
}

/// Where a message starts and what its sender had acknowledged of the other direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// Stream offset of its first byte.
    pub start: u64,
    /// Bytes of the other direction acknowledged; 0 where unknown.
    pub acked: u64,
}

/// What is missing before a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    Nothing,
    /// Bytes; whether they held the beginning of a message is not known.
    Bytes,
    /// At least one message, which may be an interim response.
    Messages,
}

/// What of a request decides how its response is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    Plain,
    Head,
    Connect,
    /// HTTP/0.9.
    Simple,
}

/// An exchange that is not finished.
#[derive(Debug, Default)]
pub struct Open {
    pub ordinal: u32,
    pub request: Half,
    pub response: Half,
    pub interim: Vec<Message>,
    pub flags: Flags,
    pub kind: Kind,
    pub upgrade: Option<String>,
    req: Place,
    /// Where its request ended; 0 where that is not known.
    pub req_end: u64,
    resp: Place,
    /// Client bytes were lost just before the request, and nothing shows that no other request stood there.
    after_loss: bool,
    /// Changed since it was last copied.
    pub changed: bool,
}

impl Open {
    /// Whether an interim response may come first: it was asked for, or the request is still being sent.
    fn awaits_interim(&self) -> bool {
        match &self.request {
            Half::Done(m) => m.header("expect").is_some(),
            Half::Growing => true,
            Half::None => false,
        }
    }
    /// Target of its request, as text.
    pub fn target(&self) -> Option<String> {
        let Half::Done(m) = &self.request else {
            return None;
        };
        let target = String::from_utf8_lossy(m.target()?).into_owned();
        Some(crate::call::text::visible(&target).into_owned())
    }
}

/// Exchanges of one connection that are not finished, in order.
#[derive(Debug)]
pub struct Queue {
    client: Side,
    open: VecDeque<Open>,
    held: usize,
    /// What the last request had acknowledged.
    prev_acked: u64,
    /// The last request stood behind lost bytes, and nothing showed what was in them.
    unsure: bool,
    /// Exchanges without a request.
    orphans: usize,
    /// Requests were given out early: later pairs may be off.
    shifted: bool,
    /// A response was lost while several requests waited: those that were sent before it may be off.
    adrift: bool,
}

/// Bytes of the shortest message of HTTP/1: `GET / HTTP/1.0` and its two ends of lines.
const LEAST: u64 = 18;

fn size(m: &Message) -> usize {
    m.head.capacity()
        + m.headers.capacity() * 32
        + m.body.bytes.capacity()
        + m.trailers.capacity()
        + std::mem::size_of::<Message>()
}

impl Queue {
    pub fn new(client: Side) -> Queue {
        Queue {
            client,
            open: VecDeque::new(),
            held: 0,
            prev_acked: 0,
            unsure: false,
            orphans: 0,
            shifted: false,
            adrift: false,
        }
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.held + self.open.capacity() * std::mem::size_of::<Open>()
    }

    pub fn get(&mut self, ordinal: u32) -> Option<&mut Open> {
        let at = self.index(ordinal)?;
        self.open.get_mut(at)
    }

    /// Where an exchange stands: messages are worked on at both ends of the queue.
    fn index(&self, ordinal: u32) -> Option<usize> {
        let last = self.open.len().checked_sub(1)?;
        if self.open.get(last)?.ordinal == ordinal {
            return Some(last);
        }
        self.open.iter().position(|o| o.ordinal == ordinal)
    }

    /// Kind of the request that a response would answer now.
    pub fn next_kind(&self) -> Kind {
        self.open
            .iter()
            .find(|o| !o.request.is_none() && o.response.is_none())
            .map_or(Kind::Plain, |o| o.kind)
    }

    /// Whether a request waits whose response has not begun.
    pub fn waiting(&self) -> bool {
        self.open
            .iter()
            .any(|o| !o.request.is_none() && o.response.is_none())
    }

    /// Whether the response to this request has begun.
    pub fn answered(&self, ordinal: u32) -> bool {
        self.open
            .iter()
            .any(|o| o.ordinal == ordinal && !o.response.is_none())
    }

    /// Whether no request of this exchange was seen.
    pub fn is_orphan(&self, ordinal: u32) -> bool {
        self.open
            .iter()
            .any(|o| o.ordinal == ordinal && o.request.is_none())
    }

    fn add(&mut self, cx: &mut Cx<'_>) -> u32 {
        self.orphans += 1;
        let ordinal = *cx.ordinal;
        *cx.ordinal = ordinal.wrapping_add(1);
        self.open.push_back(Open {
            ordinal,
            changed: true,
            ..Open::default()
        });
        ordinal
    }

    /// A request begins.
    pub fn request(&mut self, at: Place, lost: Lost, cx: &mut Cx<'_>) -> u32 {
        let unsure = (lost != Lost::Nothing || self.unsure) && at.acked <= self.prev_acked;
        // the request that was lost was answered first
        let mut missing = lost == Lost::Messages && unsure;
        self.unsure = unsure;
        self.prev_acked = at.acked;
        // a response captured before its request
        let mut adopted = None;
        while self.orphans > 0 {
            let Some(o) = self.open.iter().find(|o| o.request.is_none()) else {
                break;
            };
            let ordinal = o.ordinal;
            if o.response.is_none() && o.interim.is_empty() {
                break;
            }
            let unknown = at.acked == 0 && o.resp.acked == 0 && at.start > 0;
            if !unknown
                && o.resp.start >= at.acked
                && (o.resp.acked == 0 || o.resp.acked > at.start)
                && !(missing && o.response.is_done())
            {
                adopted = Some(ordinal);
                break;
            }
            if !o.response.is_done() {
                break; // still being read: finished when it ends
            }
            missing = false;
            self.emit(ordinal, cx, None);
        }
        let ordinal = adopted.unwrap_or_else(|| self.add(cx));
        self.orphans = self.orphans.saturating_sub(1);
        if let Some(o) = self.get(ordinal) {
            o.request = Half::Growing;
            o.req = at;
            o.after_loss = unsure;
            if unsure && adopted.is_some() {
                o.flags.insert(Flags::UNCERTAIN_PAIR);
            }
            o.changed = true;
        }
        self.shed(cx);
        ordinal
    }

    /// A response begins; `last_end`: where the one before ended; `lost`: what was lost between.
    pub fn response(&mut self, at: Place, last_end: u64, lost: Lost, cx: &mut Cx<'_>) -> u32 {
        let open = |o: &Open| o.response.is_none();
        if let Some(o) = self
            .open
            .iter()
            .find(|o| open(o))
            .filter(|o| o.request.is_none())
        {
            // its interim response came before
            return o.ordinal;
        }
        let cands: Vec<(u32, Place)> = self
            .open
            .iter()
            .filter(|o| open(o))
            // only lost bytes make a later request worth asking
            .take(if at.start > last_end {
                limits::PIPELINE
            } else {
                2
            })
            .map(|o| (o.ordinal, o.req))
            .collect();
        // requests that were sent together acknowledged the same: the first of them is next
        let last = cands
            .iter()
            .rfind(|(_, r)| r.acked > last_end && r.acked <= at.start);
        let proof =
            last.and_then(|(_, last)| cands.iter().position(|(_, r)| r.acked == last.acked));
        // whether a whole answer may have been lost since the request was sent
        let since = proof
            .and_then(|p| cands.get(p))
            .is_none_or(|(_, r)| at.start >= r.acked.saturating_add(LEAST));
        let proof = proof.unwrap_or(0);
        for (ordinal, _) in cands.iter().take(proof) {
            self.emit(*ordinal, cx, None);
        }
        let mut left = cands.get(proof..).unwrap_or_default();
        let may = |c: Option<&(u32, Place)>| {
            c.is_some_and(|(_, r)| (at.acked == 0 || r.start < at.acked) && r.acked <= at.start)
        };
        let others = may(left.get(1));
        let first = left.first().map(|(ordinal, _)| *ordinal);
        // the server had another request by then, which is lost or still to come
        let beyond = first
            .and_then(|ordinal| self.get(ordinal))
            .is_some_and(|o| o.req_end > 0 && at.acked >= o.req_end.saturating_add(LEAST));
        // what the request's sender had acknowledged when it was sent is no answer to it
        if lost == Lost::Messages
            && since
            && may(left.first())
            && let Some(o) = first.and_then(|ordinal| self.get(ordinal))
        {
            // its answer is what was lost, or only an interim one
            o.flags.insert(Flags::GAP);
            if (others || beyond) && !o.awaits_interim() {
                let ordinal = o.ordinal;
                self.emit(ordinal, cx, None);
                left = left.get(1..).unwrap_or_default();
            }
        }
        self.adrift |= lost != Lost::Nothing && others && since;
        let ordinal = match left.first() {
            Some((ordinal, r)) if may(left.first()) => {
                // sent when the response before was known
                self.adrift &= lost != Lost::Nothing || r.acked < last_end;
                let off = self.shifted || self.adrift;
                if let Some(o) = self.get(*ordinal)
                    && (o.after_loss || off)
                {
                    o.flags.insert(Flags::UNCERTAIN_PAIR);
                }
                *ordinal
            }
            Some((before, _)) => {
                // it answers a request that was not captured: in order before those that wait
                let before = *before;
                let ordinal = self.add(cx);
                if let (Some(o), Some(at)) = (
                    self.open.pop_back(),
                    self.open.iter().position(|o| o.ordinal == before),
                ) {
                    self.open.insert(at, o);
                }
                ordinal
            }
            None => self.add(cx),
        };
        if let Some(o) = self.get(ordinal) {
            o.resp = at;
            o.changed = true;
        }
        ordinal
    }

    /// Bytes before `offset` of a message that ended at `end` came again: the newest that waits for its other half is marked.
    pub fn resent(&mut self, request: bool, offset: u64, end: u64) {
        let place = |o: &Open| if request { o.req.start } else { o.resp.start };
        let done = |o: &Open| {
            if request {
                o.request.is_done()
            } else {
                o.response.is_done()
            }
        };
        if let Some(o) = self
            .open
            .iter_mut()
            .rev()
            .take(2)
            .find(|o| done(o) && place(o) < offset && offset <= end)
        {
            o.flags.insert(Flags::RETRANSMITTED);
            o.changed = true;
        }
    }

    /// A request was read to its end.
    pub fn request_done(&mut self, ordinal: u32, m: Message, cx: &mut Cx<'_>) {
        self.held += size(&m);
        if let Some(o) = self.get(ordinal) {
            o.request = Half::Done(m);
            o.changed = true;
        }
        self.settle(ordinal, 0, cx);
    }

    /// An interim response was read.
    pub fn interim(&mut self, ordinal: u32, m: Message) {
        self.held += size(&m);
        if let Some(o) = self.get(ordinal) {
            o.interim.push(m);
            o.changed = true;
        }
    }

    /// A final response was read to its end; `client_seen`: client bytes that the capture has passed.
    pub fn response_done(&mut self, ordinal: u32, m: Message, client_seen: u64, cx: &mut Cx<'_>) {
        self.held += size(&m);
        if let Some(o) = self.get(ordinal) {
            o.response = Half::Done(m);
            o.changed = true;
        }
        self.settle(ordinal, client_seen, cx);
    }

    /// Gives an exchange out if nothing more can come for it.
    fn settle(&mut self, ordinal: u32, client_seen: u64, cx: &mut Cx<'_>) {
        let Some(at) = self.index(ordinal) else {
            return;
        };
        let later = self.open.iter().skip(at + 1).any(|o| !o.request.is_none());
        if let Some(o) = self.open.get(at) {
            let orphan =
                o.request.is_none() && (later || o.resp.acked > 0 && client_seen >= o.resp.acked);
            if o.response.is_done() && (o.request.is_done() || orphan) {
                self.emit(ordinal, cx, None);
            }
        }
        self.shed(cx);
    }

    /// Holds to the limits by giving out the oldest exchanges as they are.
    fn shed(&mut self, cx: &mut Cx<'_>) {
        let server_silent = !spoke(cx, self.client.other());
        loop {
            let some = self.open.len() > 1;
            let heavy = self.held > limits::UNPAIRED_BYTES && some;
            // with what all others hold, more than there is for all
            let most = if self.open.len() > limits::PIPELINE_FEW {
                let kept = limits::OPEN_BYTES - limits::WAITING_BYTES;
                cx.budget.saturating_sub(kept)
            } else {
                cx.budget
            };
            let full = some && self.held() > most;
            let long = self.open.len() > limits::PIPELINE;
            let Some(front) = self.open.front() else {
                return;
            };
            let ordinal = front.ordinal;
            let is_orphan = front.request.is_none();
            let finished = if is_orphan {
                front.response.is_done()
            } else {
                front.request.is_done() && front.response.is_none()
            };
            let must = if is_orphan {
                self.orphans > limits::ORPHANS || heavy || full
            } else {
                long || full || heavy && server_silent
            };
            if !must || !(finished || long) {
                return;
            }
            if long || full && !is_orphan && !server_silent {
                self.shifted = !is_orphan;
                if let Half::Done(m) = &front.request {
                    cx.diag("pipeline-limit", m.first.unit);
                }
            }
            self.emit(ordinal, cx, None);
        }
    }

    /// Gives everything out, in order. `captured`: packets of sides A and B were seen, where known.
    pub fn flush(&mut self, captured: Option<[bool; 2]>, cx: &mut Cx<'_>) {
        while let Some(o) = self.open.front() {
            let ordinal = o.ordinal;
            self.emit(ordinal, cx, captured);
        }
    }

    /// Gives one exchange out as it is.
    pub fn give(&mut self, ordinal: u32, cx: &mut Cx<'_>) {
        self.emit(ordinal, cx, None);
    }

    fn emit(&mut self, ordinal: u32, cx: &mut Cx<'_>, captured: Option<[bool; 2]>) {
        let Some(at) = self.index(ordinal) else {
            return;
        };
        let Some(mut o) = self.open.remove(at) else {
            return;
        };
        if o.request.is_none() {
            self.orphans = self.orphans.saturating_sub(1);
        }
        // the memory of a long queue is given back as it gets short
        let (len, room) = (self.open.len(), self.open.capacity());
        if room > limits::PIPELINE_FEW && len < room / 4 {
            self.open.shrink_to(len * 2);
        }
        let request = std::mem::take(&mut o.request).message();
        let response = std::mem::take(&mut o.response).message();
        let interim = std::mem::take(&mut o.interim);
        let x = Self::make(self.client, &o, request, response, interim, cx);
        let freed = x
            .request
            .iter()
            .chain(&x.response)
            .chain(&x.interim)
            .map(size)
            .sum::<usize>();
        self.held = self.held.saturating_sub(freed);
        cx.give(x, self.client, captured);
    }

    fn make(
        client: Side,
        o: &Open,
        request: Option<Message>,
        response: Option<Message>,
        interim: Vec<Message>,
        cx: &Cx<'_>,
    ) -> Exchange {
        let mut flags = o.flags;
        for m in request.iter().chain(&response).chain(&interim) {
            flags.insert(m.flags);
        }
        Exchange {
            flow: cx.flow,
            ordinal: o.ordinal,
            client: cx.end(client),
            server: cx.end(client.other()),
            request,
            response,
            interim,
            flags,
            tls: cx.tls,
            peer: cx.peer.clone(),
            proto: None,
            parent: None,
            context: None,
            done: false,
        }
    }

    /// Copies of what changed, bodies without their bytes; `now` gives the message being read of an exchange.
    pub fn copies(
        &mut self,
        cx: &Cx<'_>,
        out: &mut Vec<Exchange>,
        now: impl Fn(u32, bool) -> Option<Message>,
    ) {
        let outline = |half: &Half, ordinal: u32, request: bool| match half {
            Half::None => None,
            Half::Growing => now(ordinal, request),
            Half::Done(m) => Some(outline(m)),
        };
        let client = self.client;
        for o in self.open.iter_mut().filter(|o| o.changed) {
            o.changed = false;
            let request = outline(&o.request, o.ordinal, true);
            let response = outline(&o.response, o.ordinal, false);
            let interim = o.interim.iter().map(self::outline).collect();
            out.push(Self::make(client, o, request, response, interim, cx));
        }
    }
}

/// A message without the bytes of its body.
fn outline(m: &Message) -> Message {
    let body = RawBody {
        bytes: Vec::new(),
        len: m.body.len,
        long_sha256: m.body.long_sha256,
        complete: m.body.complete,
        ended: m.body.ended,
        gaps: m.body.gaps.clone(),
        places: Vec::new(),
    };
    Message {
        start: m.start.clone(),
        head: m.head.clone(),
        headers: m.headers.clone(),
        trailers: m.trailers.clone(),
        version: m.version,
        body,
        first: m.first,
        last: m.last,
        seq: m.seq,
        flags: m.flags,
    }
}

fn spoke(cx: &Cx<'_>, side: Side) -> bool {
    let [a, b] = cx.spoke;
    if side == Side::A { a } else { b }
}
