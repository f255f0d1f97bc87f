//! One stream: a request, its response, what came between. In: heads, pieces of bodies, ends. Out: an [`Exchange`]. Bounds: those
//! of bodies; interim responses as in [`limits::INTERIM`].

use super::head::{Head, UNKNOWN};
use super::reader::Mark;
use crate::call::model::{Exchange, Flags, Message, RawBody, Start};
use crate::limits;
use crate::proto::Cx;
use crate::proto::http1::body::{Growing, in_messages};

/// One direction of a stream.
#[derive(Debug, Default)]
pub struct Half {
    /// What was read of the message, without its body.
    pub message: Option<Message>,
    pub body: Growing,
    /// Its end was seen, or nothing more can come.
    pub ended: bool,
    /// Its end was seen.
    complete: bool,
    /// DATA was seen.
    pub data: bool,
    /// How often the direction had lost its place in the frames when this half was last in order.
    losses: u32,
    /// Bytes are missing whose number is not known.
    open_gap: bool,
    content_length: Option<u64>,
    /// Its body consists of messages, each of which has its time.
    timed: bool,
    /// The declared length says nothing of the body (HEAD, 304).
    pub no_body: bool,
}

impl Half {
    /// The head of the message.
    pub fn begin(&mut self, head: Head, first: Mark, last: Mark, flags: Flags, losses: u32) {
        self.content_length = head.content_length;
        self.losses = losses;
        let mut m = message(head, first, last);
        m.flags.insert(flags);
        self.timed = m.header("content-type").is_some_and(in_messages);
        self.message = Some(m);
    }

    /// A message that was read elsewhere, whole.
    pub fn adopt(&mut self, mut m: Message) {
        self.body = Growing::from(std::mem::take(&mut m.body));
        self.complete = true;
        self.ended = true;
        self.message = Some(m);
    }

    /// Nothing of it was lost so far.
    pub fn ordered(&mut self, losses: u32) {
        self.losses = losses;
    }

    /// The message, made up where its head was not captured.
    fn at(&mut self, request: bool, mark: Mark, losses: u32) -> &mut Message {
        let lost = losses != self.losses;
        let open = &mut self.open_gap;
        self.message.get_or_insert_with(|| {
            *open = true;
            let mut m = message(unknown(request), mark, mark);
            m.flags = Flags::PARTIAL_HEADERS;
            if lost {
                m.flags.insert(Flags::GAP);
            }
            m
        })
    }

    /// Bytes were lost since this half was last in order, and some may have been its own.
    pub fn hit(&self, losses: u32) -> bool {
        !self.ended && self.losses != losses
    }

    /// More of it comes: behind a loss, what was lost may have been its own.
    fn goes_on(&mut self, fresh: bool, losses: u32) {
        if fresh || self.losses != losses {
            self.open_gap = true;
            self.body.gap(0);
            self.losses = losses;
        }
    }

    /// A piece of the body, or none at the beginning of a DATA frame. `false` where not all of it is kept from here on.
    pub fn data(
        &mut self,
        request: bool,
        bytes: &[u8],
        mark: Mark,
        losses: u32,
        room: usize,
    ) -> bool {
        let fresh = self.message.is_none();
        let m = self.at(request, mark, losses);
        m.last = mark.at;
        if mark.retransmitted {
            m.flags.insert(Flags::RETRANSMITTED);
        }
        self.goes_on(fresh, losses);
        if self.timed && !bytes.is_empty() {
            self.body.place(mark.at);
        }
        self.data = true;
        let kept = bytes.is_empty() || self.body.push(bytes, room);
        if !kept && let Some(m) = &mut self.message {
            m.flags.insert(Flags::TRUNCATED);
        }
        kept
    }

    /// Bytes of the body are missing.
    pub fn gap(&mut self, request: bool, bytes: u64, mark: Mark, flag: Flags, losses: u32) {
        self.at(request, mark, losses).flags.insert(flag);
        if bytes > 0 {
            self.body.gap(bytes);
        }
    }

    /// The body so far, for who reads it from here on, and the packet that it ended in; nothing where some of it is missing.
    pub fn take_body(&mut self) -> Option<(Vec<u8>, Mark)> {
        let copy = self.copy_body();
        self.body = Growing::default();
        copy
    }

    /// The same, and the body stays.
    pub fn copy_body(&self) -> Option<(Vec<u8>, Mark)> {
        let holes = Flags::GAP.0 | Flags::TRUNCATED.0;
        let m = self.message.as_ref().filter(|m| m.flags.0 & holes == 0)?;
        let mark = Mark {
            at: m.last,
            seq: m.seq.unwrap_or(0),
            retransmitted: m.flags.has(Flags::RETRANSMITTED),
        };
        let bytes = self.body.bytes();
        (!bytes.is_empty()).then(|| (bytes.to_vec(), mark))
    }

    /// Trailers; `false` where they are more than are kept.
    pub fn trailers(
        &mut self,
        request: bool,
        text: Vec<u8>,
        flags: Flags,
        first: Mark,
        last: Mark,
        losses: u32,
    ) -> bool {
        let fresh = self.message.is_none();
        self.at(request, first, losses);
        // a body that has no more DATA behind a loss may have had some among what was lost
        self.goes_on(fresh, losses);
        let m = self.at(request, first, losses);
        m.last = last.at;
        m.flags.insert(flags);
        let room = m.trailers.len().saturating_add(text.len()) <= limits::HEAD_BYTES;
        if room {
            m.trailers.extend(text);
        } else {
            m.flags.insert(Flags::TRUNCATED);
        }
        room
    }

    /// The end of the message.
    pub fn end(&mut self) {
        self.ended = true;
        self.complete = true;
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.message.as_ref().map_or(0, size) + self.body.held()
    }

    /// The message as far as it has come, without the bytes of its body.
    fn outline(&self) -> Option<Message> {
        let mut m = self.message.clone()?;
        m.body = self.body.outline();
        m.body.complete = self.complete;
        Some(m)
    }

    /// The message at its end.
    fn finish(mut self, losses: u32) -> Option<Message> {
        let hit = self.hit(losses);
        let mut m = self.message.take()?;
        let mut body = self.body.finish(self.complete);
        let missing = body.gaps.iter().fold(0u64, |n, g| n.saturating_add(g.1));
        let seen = body.len.saturating_add(missing);
        let declared = self.content_length.filter(|_| !self.no_body);
        if self.open_gap && self.complete {
            // what was lost is what the declared length says beyond what is here
            match declared.and_then(|c| c.checked_sub(seen)) {
                Some(rest) => {
                    if let Some(g) = body.gaps.iter_mut().find(|g| g.1 == 0) {
                        g.1 = rest;
                    } else if rest > 0 {
                        body.gaps.push((seen, rest));
                    }
                    body.gaps.retain(|g| g.1 > 0);
                }
                None => body.complete = false,
            }
        } else if self.complete && declared.is_some_and(|c| c != seen) {
            m.flags.insert(Flags::BAD_FRAMING);
        }
        if !body.gaps.is_empty() && !m.flags.has(Flags::TRUNCATED) || hit {
            m.flags.insert(Flags::GAP);
        } else if !self.complete {
            m.flags.insert(Flags::TRUNCATED);
        }
        m.body = body;
        Some(m)
    }

    /// It goes the other way than was thought.
    fn turn(&mut self, request: bool) {
        if let Some(m) = &mut self.message {
            let mut head = unknown(request);
            let old = memchr::memchr(b'\n', &m.head).map_or(m.head.len(), |n| n + 1);
            let new = head.text.len();
            head.text
                .extend_from_slice(m.head.get(old..).unwrap_or_default());
            for (n, v) in &mut m.headers {
                for r in [n, v] {
                    *r = (r.start + new).saturating_sub(old)..(r.end + new).saturating_sub(old);
                }
            }
            (m.start, m.head) = (head.start, head.text);
        }
    }
}

/// A message of which only the head is known.
pub fn message(head: Head, first: Mark, last: Mark) -> Message {
    let mut flags = head.flags;
    if first.retransmitted || last.retransmitted {
        flags.insert(Flags::RETRANSMITTED);
    }
    Message {
        start: head.start,
        head: head.text,
        headers: head.headers,
        trailers: Vec::new(),
        version: (2, 0),
        body: RawBody::default(),
        first: first.at,
        last: last.at,
        seq: Some(first.seq),
        flags,
    }
}

/// A head that was not captured.
fn unknown(request: bool) -> Head {
    let mut text = Vec::new();
    let start = if request {
        text.extend_from_slice(UNKNOWN);
        text.push(b' ');
        let target = text.len();
        text.extend_from_slice(UNKNOWN);
        text.extend_from_slice(b" HTTP/2\r\n");
        Start::Request {
            method: 0..0,
            target: target..target,
        }
    } else {
        text.extend_from_slice(b"HTTP/2 ");
        text.extend_from_slice(UNKNOWN);
        text.extend_from_slice(b"\r\n");
        Start::Response { status: None }
    };
    Head {
        start,
        text,
        headers: Vec::new(),
        content_length: None,
        flags: Flags::default(),
    }
}

fn size(m: &Message) -> usize {
    m.head.len() + m.headers.len() * 32 + m.trailers.len() + std::mem::size_of::<Message>()
}

/// A stream that is not finished.
#[derive(Debug, Default)]
pub struct Stream {
    pub ordinal: u32,
    /// Ordinal of the request that a push came of.
    pub parent: Option<u32>,
    pub req: Half,
    pub resp: Half,
    pub interim: Vec<Message>,
    pub flags: Flags,
    /// The stream is no exchange of messages any more (CONNECT).
    pub tunnel: bool,
    /// ... but a WebSocket, where it is answered with success (RFC 8441), or a way to whatever there is (RFC 9113 section 8.5).
    pub socket: bool,
    pub plain: bool,
    /// The exchange with which the connection became HTTP/2.
    pub upgraded: bool,
    /// Changed since it was last copied.
    pub changed: bool,
    /// What is booked of it: bytes held, and of those the ones that wait for the other half; those of heads.
    pub booked: (usize, usize),
    pub booked_heads: usize,
}

impl Stream {
    pub fn half(&mut self, request: bool) -> &mut Half {
        if request {
            &mut self.req
        } else {
            &mut self.resp
        }
    }

    /// A piece of the body of one half.
    pub fn data(
        &mut self,
        request: bool,
        bytes: &[u8],
        mark: Mark,
        losses: u32,
        room: usize,
        cx: &mut Cx<'_>,
    ) {
        let half = self.half(request);
        if half.ended {
            self.flags.insert(Flags::BAD_FRAMING);
        } else if !half.data(request, bytes, mark, losses, room) {
            cx.diag("body-beyond-limit", mark.at.unit);
        }
    }

    /// Bytes of bodies.
    pub fn bodies(&self) -> usize {
        self.req.body.held() + self.resp.body.held()
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        let interim = self.interim.iter().map(size).sum::<usize>();
        self.req.held() + self.resp.held() + interim + std::mem::size_of::<Stream>()
    }

    /// One half is over and nothing of the other has come.
    pub fn waits(&self) -> bool {
        self.req.ended && self.resp.message.is_none()
            || self.resp.ended && self.req.message.is_none()
    }

    /// An interim response; `false` where there are more than are kept.
    pub fn interim(&mut self, m: Message) -> bool {
        let held = self.interim.iter().map(size).sum::<usize>();
        let room = self.interim.len() < limits::INTERIM
            && held.saturating_add(size(&m)) <= limits::HEAD_BYTES;
        if room {
            self.interim.push(m);
        }
        room
    }

    /// Client and server are the other way round than was thought.
    pub fn turn(&mut self) {
        std::mem::swap(&mut self.req, &mut self.resp);
        self.req.turn(true);
        self.resp.turn(false);
    }

    /// The exchange at its end. `losses` of the client's and the server's direction.
    pub fn finish(self, losses: (u32, u32)) -> Exchange {
        let mut interim = self.interim;
        let request = self.req.finish(losses.0);
        let hit = self.resp.hit(losses.1);
        let mut response = self.resp.finish(losses.1);
        let mut flags = self.flags;
        if self.upgraded && response.is_none() {
            response = interim.pop(); // the 101 is the only answer that was captured
            if hit {
                flags.insert(Flags::GAP);
            }
        }
        exchange(self.ordinal, self.parent, flags, request, response, interim)
    }

    /// A copy without the bytes of bodies.
    pub fn copy(&self) -> Exchange {
        let (request, response) = (self.req.outline(), self.resp.outline());
        let interim = self.interim.clone();
        exchange(
            self.ordinal,
            self.parent,
            self.flags,
            request,
            response,
            interim,
        )
    }
}

fn exchange(
    ordinal: u32,
    parent: Option<u32>,
    mut flags: Flags,
    request: Option<Message>,
    response: Option<Message>,
    interim: Vec<Message>,
) -> Exchange {
    for m in request.iter().chain(&response).chain(&interim) {
        flags.insert(m.flags);
    }
    let nobody = (std::net::IpAddr::from([0, 0, 0, 0]), 0);
    Exchange {
        flow: 0,
        ordinal,
        client: nobody,
        server: nobody,
        request,
        response,
        interim,
        flags,
        tls: false,
        peer: None,
        proto: None,
        parent,
        context: None,
        done: false,
    }
}
