//! One direction of an HTTP/1 connection. In: segments and gaps. Out: [`Step`]s: a head was read, a message ended. Bounds:
//! [`limits::HEAD_BYTES`] of head; bodies as in [`Growing`]; every byte is looked at once while in step.

use super::body::Growing;
use super::chunked::Chunked;
use super::head::{Found, Framing, Scan};
use super::start::{self, Is};
use crate::call::model::{Flags, Message, RawBody, Stamp, Start};
use crate::limits;
use crate::net::Segment;
use crate::proto::Carry;

/// What a reader came upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All bytes are used.
    More,
    /// A header block was read; [`Reader::begin`] must be called next.
    Head,
    /// A header block was cut: there will be no body.
    CutHead,
    /// The message ended; [`Reader::take`] has it.
    Done,
    /// Bytes that are no message were met; some were skipped.
    Desync,
}

mod chunks;
mod cut;

#[derive(Debug)]
enum State {
    /// At, or inside, a start line and header block.
    Head,
    Fixed(u64),
    /// Bytes of a body that should not be there are skipped.
    Skip(u64),
    Chunked(Box<Chunked>),
    Close,
    /// Out of step: looking for a start line.
    Lost,
    /// Bytes may belong to a tunnel that is not open yet.
    Hold,
}

/// A message from its head as it was kept (see [`Message::head`]), without a body: what was read of it once is read of it again.
/// Heads of HTTP/2 are kept in the form of HTTP/1; a pseudo-field's name begins with the colon that ends other names.
pub fn reread(head: &[u8], request: bool) -> Message {
    let mut r = Reader::new(request);
    let simple = |line: &[u8]| request && start::request_line(line).version.is_none();
    r.scan.run(head, simple);
    r.build(head, head.len(), Flags::default());
    let mut m = r.message.take().unwrap_or_else(|| r.headless());
    let pseudo = m.version.0 >= 2;
    m.flags = Flags::default();
    for (name, value) in m.headers.iter_mut().filter(|(n, _)| pseudo && n.is_empty()) {
        let line = head.get(value.clone()).unwrap_or_default();
        if let Some(colon) = memchr::memmem::find(line, b": ") {
            (name.end, value.start) = (value.start + colon, value.start + colon + 2);
        }
    }
    m
}

/// Reader of one direction.
#[derive(Debug)]
pub struct Reader {
    requests: bool,
    state: State,
    carry: Vec<u8>,
    scan: Scan,
    /// Whether `carry` is known to begin a message.
    known: bool,
    message: Option<Message>,
    body: Growing,
    head_flags: Flags,
    first: Stamp,
    last: Stamp,
    /// Stream offset of the message's first byte, and what its sender had acknowledged then.
    pub start: u64,
    /// See `start`.
    pub acked: u64,
    /// Stream offset behind the last whole message.
    pub end: u64,
    /// Stream offset behind all bytes seen or missing.
    pub next: u64,
    /// Bytes were lost or skipped since the last whole message ...
    lost: bool,
    /// ... and before the message that is being read.
    pub after_loss: bool,
    /// Bytes that were lost began where a message would ...
    between: bool,
    /// ... before the message that is being read: whole messages are missing there.
    pub behind_lost: bool,
    /// Bytes that belong to no message were met since the last.
    junk: bool,
    /// Length declared for a body that the last message cannot have (RFC 9112 section 6.3): some send it all the same.
    pub undue: u64,
    /// The next response may be one without a head (HTTP/0.9).
    pub expect_simple: bool,
    /// Bytes that are no request belong to an upgraded connection: keep them.
    pub hold_foreign: bool,
    held: Carry,
}

impl Reader {
    /// A reader of requests or of responses.
    pub fn new(requests: bool) -> Reader {
        Reader {
            requests,
            state: State::Head,
            carry: Vec::new(),
            scan: Scan::default(),
            known: false,
            message: None,
            body: Growing::default(),
            head_flags: Flags::default(),
            first: Stamp::default(),
            last: Stamp::default(),
            start: 0,
            acked: 0,
            end: 0,
            next: 0,
            lost: false,
            after_loss: false,
            between: false,
            behind_lost: false,
            junk: false,
            undue: 0,
            expect_simple: false,
            hold_foreign: false,
            held: Carry::default(),
        }
    }

    fn is(&self, b: &[u8], strict: bool) -> Is {
        if self.requests {
            start::request(b, strict)
        } else {
            start::response(b, strict)
        }
    }

    /// Goes on at `pos` of the segment, which it moves. `room`: bytes of body that may be held besides what is held.
    pub fn step(&mut self, seg: &Segment<'_>, pos: &mut usize, room: usize) -> Step {
        self.next = self.next.max(seg.offset + seg.bytes.len() as u64);
        let rest = seg.bytes.get(*pos..).unwrap_or_default();
        if rest.is_empty() {
            return Step::More;
        }
        match &mut self.state {
            State::Head => self.head(seg, pos),
            State::Lost => self.seek(seg, pos),
            State::Hold => {
                if self.held.held() + rest.len() > limits::TUNNEL_HELD {
                    self.held = Carry::default();
                    self.lose();
                    *pos = seg.bytes.len();
                    return Step::Desync;
                }
                let piece = Segment {
                    bytes: rest,
                    offset: seg.offset + *pos as u64,
                    ..*seg
                };
                self.held.push(&piece);
                *pos = seg.bytes.len();
                Step::More
            }
            State::Fixed(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= n as u64;
                let done = *left == 0;
                self.touch(seg);
                self.keep(rest.get(..n).unwrap_or_default(), room);
                *pos += n;
                if done {
                    self.ended(seg, *pos, true)
                } else {
                    Step::More
                }
            }
            State::Skip(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= n as u64;
                *pos += n;
                if *left > 0 {
                    return Step::More;
                }
                self.state = State::Head;
                self.head(seg, pos)
            }
            State::Close => {
                self.touch(seg);
                self.keep(rest, room);
                *pos = seg.bytes.len();
                Step::More
            }
            State::Chunked(_) => self.chunks(seg, pos, room),
        }
    }

    fn touch(&mut self, seg: &Segment<'_>) {
        self.last = seg.at;
        if seg.retransmitted {
            self.flag(Flags::RETRANSMITTED);
        }
    }

    fn keep(&mut self, bytes: &[u8], room: usize) {
        if !self.body.push(bytes, room) {
            self.flag(Flags::TRUNCATED);
        }
    }

    fn flag(&mut self, f: Flags) {
        match &mut self.message {
            Some(m) => m.flags.insert(f),
            None => self.head_flags.insert(f),
        }
    }

    fn lose(&mut self) {
        self.state = State::Lost;
        self.lost = true;
        self.known = false;
        self.carry = Vec::new();
        self.scan = Scan::default();
        self.head_flags = Flags::default();
    }

    fn head(&mut self, seg: &Segment<'_>, pos: &mut usize) -> Step {
        if self.carry.is_empty() {
            if !self.expect_simple {
                let breaks = start::leading_breaks(seg.bytes.get(*pos..).unwrap_or_default());
                // before a request they are allowed (RFC 9112 section 2.2)
                self.junk |= breaks > 0 && !self.requests && self.end > 0;
                *pos += breaks;
            }
            let rest = seg.bytes.get(*pos..).unwrap_or_default();
            if rest.is_empty() {
                return Step::More;
            }
            if self.hold_foreign && self.is(rest, false) != Is::Yes {
                self.state = State::Hold;
                return self.step(seg, pos, 0);
            }
            self.first = seg.at;
            self.start = seg.offset + *pos as u64;
            self.acked = seg.acked;
            self.scan = Scan::default();
            self.known = false;
            self.head_flags = Flags::default();
            self.retransmitted(seg);
            return self.block(rest, 0, seg, pos, true);
        }
        self.retransmitted(seg);
        let before = self.carry.len();
        self.carry
            .extend_from_slice(seg.bytes.get(*pos..).unwrap_or_default());
        let carry = std::mem::take(&mut self.carry);
        let step = self.block(&carry, before, seg, pos, false);
        if step == Step::More || self.message.as_ref().is_some_and(|m| m.head.is_empty()) {
            self.carry = carry;
            if step != Step::More {
                // a response without head: what was kept of it is body
                self.carry.truncate(before);
            }
        }
        step
    }

    fn retransmitted(&mut self, seg: &Segment<'_>) {
        if seg.retransmitted {
            self.head_flags.insert(Flags::RETRANSMITTED);
        }
    }

    /// Reads on in a block whose bytes `b` end with the segment's; `before` of them came earlier.
    fn block(
        &mut self,
        b: &[u8],
        before: usize,
        seg: &Segment<'_>,
        pos: &mut usize,
        fresh: bool,
    ) -> Step {
        if !self.known {
            match self.is(b, false) {
                Is::Yes => self.known = true,
                Is::More => {}
                Is::No if self.expect_simple => {
                    self.last = if before > 0 { self.last } else { seg.at };
                    self.message = Some(self.headless());
                    self.after_loss = self.lost;
                    return Step::Head;
                }
                Is::No => {
                    self.junk |= self.end > 0;
                    let passed = (seg.offset + *pos as u64).saturating_sub(self.end);
                    if self.undue > passed {
                        self.state = State::Skip(self.undue - passed);
                        self.undue = 0;
                        return Step::Desync;
                    }
                    self.lose();
                    self.jump(seg, pos);
                    return Step::Desync;
                }
            }
        }
        let requests = self.requests;
        let simple = |line: &[u8]| requests && start::request_line(line).version.is_none();
        let found = self.scan.run(b, simple);
        self.last = seg.at;
        let (head, end) = match found {
            Found::End { head, end } => (head, end),
            Found::Simple => (self.scan.after_first, self.scan.after_first),
            Found::More if b.len() > limits::HEAD_BYTES => {
                *pos = seg.bytes.len();
                self.build(
                    b,
                    b.len(),
                    Flags(Flags::PARTIAL_HEADERS.0 | Flags::TRUNCATED.0),
                );
                self.lose();
                return Step::CutHead;
            }
            Found::More => {
                if fresh {
                    self.carry = b.to_vec();
                }
                *pos = seg.bytes.len();
                return Step::More;
            }
        };
        if found == Found::Simple {
            self.scan.flags = Flags::default();
        }
        *pos += end.saturating_sub(before);
        self.build(b, head, Flags::default());
        self.end = seg.offset + *pos as u64;
        Step::Head
    }

    fn headless(&self) -> Message {
        Message {
            start: Start::Response { status: None },
            head: Vec::new(),
            headers: Vec::new(),
            trailers: Vec::new(),
            version: (0, 9),
            body: RawBody::default(),
            first: self.first,
            last: self.last,
            flags: self.head_flags,
        }
    }

    /// Makes the message from the first `head` bytes of its block.
    fn build(&mut self, b: &[u8], head: usize, flags: Flags) {
        let mut m = self.headless();
        m.head = b.get(..head).unwrap_or_default().to_vec();
        let mut line = m
            .head
            .get(..self.scan.first.unwrap_or(head))
            .unwrap_or_default();
        if self.scan.first.is_none() && self.requests {
            // the beginning of the version is no part of the target
            line = start::without_version(line);
        }
        m.headers = std::mem::take(&mut self.scan.headers);
        m.headers.retain(|(_, v)| v.end <= head);
        let whole = self.scan.first.is_some();
        if self.requests {
            let l = start::request_line(line);
            if whole && l.version.is_some() && !start::clean_request(line, &l) {
                m.flags.insert(Flags::BAD_FRAMING);
            }
            m.start = Start::Request {
                method: l.method,
                target: l.target,
            };
            m.version = match l.version {
                Some(v) => v,
                None if m.headers.is_empty() => (0, 9),
                None => {
                    m.flags.insert(Flags::BAD_FRAMING);
                    (1, 0)
                }
            };
        } else {
            let (version, status) = start::status_line(line);
            if whole && !start::clean_status(line) {
                m.flags.insert(Flags::BAD_FRAMING);
            }
            m.version = version;
            m.start = Start::Response { status };
        }
        m.flags.insert(self.scan.flags);
        m.flags.insert(flags);
        if std::mem::take(&mut self.junk) {
            m.flags.insert(Flags::BAD_FRAMING);
        }
        self.undue = 0;
        self.scan = Scan::default();
        self.after_loss = self.lost;
        self.behind_lost = std::mem::take(&mut self.between);
        self.message = Some(m);
    }

    /// Out of step: a message may start where a segment does, or after an empty line.
    fn seek(&mut self, seg: &Segment<'_>, pos: &mut usize) -> Step {
        if *pos == 0 {
            if !self.carry.is_empty() && self.restarts(seg.bytes) {
                // what was kept was no start: here is one
                self.carry = Vec::new();
            }
            let joined;
            let b = if self.carry.is_empty() {
                *pos = start::leading_breaks(seg.bytes);
                self.first = seg.at;
                self.start = seg.offset + *pos as u64;
                self.acked = seg.acked;
                seg.bytes.get(*pos..).unwrap_or_default()
            } else {
                joined = [&self.carry, seg.bytes].concat();
                &joined
            };
            if b.is_empty() {
                return Step::More;
            }
            match self.is(b, true) {
                Is::Yes => {
                    self.state = State::Head;
                    return self.head(seg, pos);
                }
                Is::More if b.len() < limits::PROBE_BYTES => {
                    self.carry = b.to_vec();
                    *pos = seg.bytes.len();
                    return Step::More;
                }
                _ => self.carry = Vec::new(),
            }
        }
        self.jump(seg, pos);
        Step::More
    }

    /// Whether a message starts with `b` rather than with what was kept before: a segment may begin in the middle of a
    /// request's line, where the rest of it looks like a whole one (`id HTTP/1.1`).
    fn restarts(&self, b: &[u8]) -> bool {
        let sure = !self.requests || start::registered(b);
        self.is(b, true) == Is::Yes
            && (sure || self.is(&[&self.carry, b].concat(), true) != Is::Yes)
    }

    /// Moves to the next start of a message in the segment, or to its end.
    fn jump(&mut self, seg: &Segment<'_>, pos: &mut usize) {
        let is = if self.requests {
            start::request
        } else {
            start::response
        };
        match start::find(seg.bytes.get(*pos..).unwrap_or_default(), is) {
            Some(at) => {
                *pos += at;
                self.state = State::Head;
            }
            None => *pos = seg.bytes.len(),
        }
    }

    /// The message that is being read.
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// The message being read as far as it has come, without the bytes of its body.
    pub fn outline(&self) -> Option<Message> {
        self.message.as_ref().map(|m| Message {
            body: self.body.outline(),
            last: self.last,
            ..m.clone()
        })
    }

    /// Bytes before `offset` came again: whether they belong to the message being read, which is marked.
    pub fn resent(&mut self, offset: u64) -> bool {
        let reading = self.message.is_some() || !self.carry.is_empty();
        let mine = reading && offset > self.start;
        if mine {
            self.flag(Flags::RETRANSMITTED);
        }
        mine
    }

    /// Marks the message being read.
    pub fn mark(&mut self, f: Flags) {
        self.flag(f);
    }

    /// After [`Step::Head`]: what follows. `here` bytes of it are at hand. `true` where the message is complete already.
    pub fn begin(&mut self, framing: Framing, here: usize, room: usize) -> bool {
        self.body = Growing::default();
        self.expect_simple = false;
        let early = std::mem::take(&mut self.carry);
        match framing {
            Framing::None | Framing::Fixed(0) => {
                self.state = State::Head;
                return true;
            }
            Framing::Fixed(n) => {
                self.body
                    .expect(usize::try_from(n).unwrap_or(usize::MAX), here);
                self.state = State::Fixed(n);
            }
            Framing::Chunked => self.state = State::Chunked(Box::new(Chunked::new())),
            Framing::Close => {
                self.state = State::Close;
                self.keep(&early, room);
            }
        }
        false
    }

    /// The end of a message was met at `pos`, or it was cut.
    fn ended(&mut self, seg: &Segment<'_>, pos: usize, complete: bool) -> Step {
        self.end = seg.offset + pos as u64;
        self.close_message(complete);
        self.state = State::Head;
        Step::Done
    }

    fn close_message(&mut self, complete: bool) {
        let body = std::mem::take(&mut self.body).finish(complete);
        if let Some(m) = &mut self.message {
            if let State::Chunked(c) = &mut self.state {
                m.trailers = std::mem::take(&mut c.trailers);
                if c.lenient {
                    m.flags.insert(Flags::BAD_FRAMING);
                }
            }
            m.body = body;
            m.last = self.last;
        }
    }

    /// Takes the finished message.
    pub fn take(&mut self) -> Option<Message> {
        let m = self.message.take();
        if !matches!(self.state, State::Lost) {
            self.lost = false;
        }
        m
    }

    /// A message without body ended with its head.
    pub fn take_bare(&mut self, complete: bool) -> Option<Message> {
        self.close_message(complete);
        self.take()
    }

    /// From here on bytes are kept for a tunnel that may open.
    pub fn hold(&mut self) {
        self.state = State::Hold;
    }

    /// No tunnel, or a tunnel: gives what was kept.
    pub fn release(&mut self) -> Carry {
        if matches!(self.state, State::Hold) {
            self.state = State::Head;
        }
        self.hold_foreign = false;
        std::mem::take(&mut self.held)
    }

    /// What was kept of a tunnel that may open.
    pub fn kept(&self) -> &Carry {
        &self.held
    }

    /// Whether the stream is out of step.
    pub fn lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Whether the message being read has not shown a byte of its body yet and ends only with the connection or at a length.
    pub fn body_not_begun(&self) -> bool {
        matches!(self.state, State::Fixed(_)) && self.body.len() == 0 && !self.body.has_gap()
    }

    /// Whether the body being read ends with the connection.
    pub fn until_close(&self) -> bool {
        matches!(self.state, State::Close)
    }

    /// Bytes that the body being read may still have.
    pub fn left(&self) -> u64 {
        match self.state {
            State::Fixed(left) => left,
            _ => u64::MAX,
        }
    }

    /// Ends the message being read here: what follows is the next one.
    pub fn end_here(&mut self, at: u64, complete: bool) {
        self.end = at;
        self.close_message(complete);
        self.state = State::Head;
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        let chunk = if let State::Chunked(c) = &self.state {
            c.held()
        } else {
            0
        };
        let head = self
            .message
            .as_ref()
            .map_or(0, |m| m.head.len() + m.headers.len() * 32);
        self.carry.len()
            + self.body.held()
            + self.held.held()
            + head
            + chunk
            + self.scan.headers.len() * 32
    }
}
