//! One direction of an HTTP/1 connection. In: segments and gaps. Out: [`Step`]s: a head was read, a message ended. Bounds:
//! [`limits::HEAD_BYTES`] of head; bodies as in [`Growing`]; every byte is looked at once while in step.

use super::body::{Growing, in_messages};
use super::chunked::Chunked;
use super::head::{Framing, Scan};
use super::start::{self, Is};
use crate::call::model::{Flags, Message, Stamp};
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
    /// One of several lengths says that the message ends here: [`Reader::may_be_over`].
    Perhaps,
    /// Bytes that are no message were met; some were skipped.
    Desync,
}

mod chunks;
mod cut;
mod heads;
mod seek;

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
    /// Its body consists of messages, each of which has its time.
    timed: bool,
    head_flags: Flags,
    first: Stamp,
    last: Stamp,
    /// Sequence number of the message's first byte.
    seq: u32,
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
    /// The next response may be one without a head (HTTP/0.9) ...
    pub expect_simple: bool,
    /// ... although the request asked for one.
    pub expect_bare: bool,
    /// Bytes of the body up to the end that another declared length says.
    other: Option<u64>,
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
            timed: false,
            head_flags: Flags::default(),
            first: Stamp::default(),
            last: Stamp::default(),
            seq: 0,
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
            expect_bare: false,
            other: None,
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
                self.other = self.other.filter(|n| *n > 0);
                let most = self.other.map_or(*left, |n| n.min(*left));
                let n = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
                *left -= n as u64;
                let done = *left == 0;
                if let Some(other) = &mut self.other {
                    *other -= n as u64;
                }
                self.touch(seg);
                self.keep(rest.get(..n).unwrap_or_default(), room);
                *pos += n;
                if done {
                    self.ended(seg, *pos, true)
                } else if self.may_be_over() {
                    Step::Perhaps
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
        if self.timed && !bytes.is_empty() {
            self.body.place(self.last);
        }
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
        let media = self.message.as_ref().and_then(|m| m.header("content-type"));
        self.timed = media.is_some_and(in_messages);
        self.expect_simple = false;
        self.expect_bare = false;
        self.other = None;
        let early = std::mem::take(&mut self.carry);
        match framing {
            Framing::None | Framing::Fixed(0) => {
                self.state = State::Head;
                return true;
            }
            Framing::Contested { len, least, most } => {
                // what stands behind the length that counts may belong to the body after all
                self.undue = most - len;
                if len == 0 {
                    self.state = State::Head;
                    return true;
                }
                self.other = (least < len).then_some(least);
                self.state = State::Fixed(len);
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

    /// Whether one of several declared lengths says that the message ends here.
    pub fn may_be_over(&self) -> bool {
        matches!(self.state, State::Fixed(_)) && self.other == Some(0)
    }

    /// Whether nothing of the direction stands before the message that begins at `at`, or has begun.
    pub fn untouched(&self, at: u64) -> bool {
        let from = if self.carry.is_empty() {
            at
        } else {
            self.start
        };
        matches!(self.state, State::Head) && from == 0 && !self.lost && !self.junk
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
