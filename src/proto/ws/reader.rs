//! One direction of a WebSocket (RFC 6455). In: segments and gaps. Out: each text or binary message as an exchange. Bounds: a
//! header at most held; messages as in [`Growing`]; what inflating may make is bounded over the direction's whole life.
//!
//! A gap inside a frame is skipped by the frame's length; elsewhere reading goes on where a segment shows a chain of frames.

use super::deflate::{self, Agreed, Fail, TAIL, Window};
use super::frame::{self, Asked, Chain, HEADER, Header, op};
use crate::call::model::{Exchange, Flags, Message, Proto, RawBody, Stamp, Start};
use crate::limits;
use crate::net::{Missing, Segment, Side};
use crate::proto::http1::body::Growing;
use crate::proto::{Carry, Cx};
use std::sync::Arc;

/// What all messages of a connection share.
#[derive(Debug)]
pub struct Talk {
    /// Which side is the client.
    pub client: Side,
    /// The request that opened it.
    pub context: Option<Arc<Message>>,
    /// Its ordinal.
    pub parent: Option<u32>,
}

#[derive(Debug)]
enum State {
    /// At, or inside, a header.
    Head,
    /// This much payload is left, this much came.
    Payload {
        left: u64,
        came: u64,
        header: Header,
    },
    /// Out of step: looking for frames.
    Lost,
}

/// A message that has not ended.
#[derive(Debug)]
struct Open {
    ordinal: u32,
    /// Where it begins in the stream.
    start: u64,
    /// The same as a sequence number.
    seq: u32,
    opcode: u8,
    body: Growing,
    flags: Flags,
    first: Stamp,
    last: Stamp,
    /// Compressed: its window is used.
    deflated: bool,
    /// No more of it can be inflated.
    stuck: bool,
    /// Bytes are missing at its front or inside.
    holed: bool,
    /// Changed since it was last copied.
    changed: bool,
}

/// Reader of one direction.
#[derive(Debug)]
pub struct Reader {
    /// Of the client.
    send: bool,
    agreed: Agreed,
    state: State,
    head: [u8; HEADER],
    have: usize,
    head_at: Stamp,
    head_seq: u32,
    /// Where it stands in the stream.
    head_off: u64,
    open: Option<Open>,
    window: Option<Box<Window>>,
    /// Messages were lost: their window is not known.
    torn: bool,
    /// Wire bytes of compressed payload, and bytes made of them.
    inflated: (u64, u64),
    closed: bool,
    seek: Carry,
}

impl Reader {
    /// A reader of the client's frames, or of the server's.
    pub fn new(send: bool, agreed: Agreed) -> Reader {
        Reader {
            send,
            agreed,
            state: State::Head,
            head: [0; HEADER],
            have: 0,
            head_at: Stamp::default(),
            head_seq: 0,
            head_off: 0,
            open: None,
            window: None,
            torn: agreed == Agreed::Unknown,
            inflated: (0, 0),
            closed: false,
            seek: Carry::default(),
        }
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.open.as_ref().map_or(0, |o| o.body.held() + 200)
            + self.window.as_ref().map_or(0, |_| deflate::HELD)
            + self.seek.held()
    }

    fn asked(&self) -> Asked {
        Asked {
            masked: self.send,
            deflate: self.agreed != Agreed::No,
            stranger: false,
        }
    }

    /// The bytes come from the middle: they must show that they are frames.
    pub fn lose(&mut self) {
        self.state = State::Lost;
        self.have = 0;
        self.torn = true;
        self.window = None;
    }

    /// A segment; `room`: bytes that may be held besides what is held.
    pub fn data(&mut self, seg: &Segment<'_>, room: usize, talk: &Talk, cx: &mut Cx<'_>) {
        if matches!(self.state, State::Lost) && !self.found(seg, room, talk, cx) {
            return;
        }
        self.frames(seg, room, talk, cx);
    }

    /// Out of step: whether the segment is to be read as frames. Reads what was kept before it.
    fn found(&mut self, seg: &Segment<'_>, room: usize, talk: &Talk, cx: &mut Cx<'_>) -> bool {
        let alone = frame::chain(seg.bytes, self.asked());
        if alone == Chain::Yes {
            self.seek = Carry::default();
            self.state = State::Head;
            return true;
        }
        if self.seek.is_empty() {
            if alone == Chain::More {
                self.seek.push(seg);
            }
            return false;
        }
        self.seek.push(seg);
        match frame::chain(self.seek.bytes(), self.asked()) {
            Chain::Yes => {
                let kept = std::mem::take(&mut self.seek);
                self.state = State::Head;
                for piece in kept.segments() {
                    self.frames(&piece, room, talk, cx);
                }
            }
            Chain::More if self.seek.bytes().len() < limits::PROBE_BYTES => {}
            _ => {
                self.seek = Carry::default();
                if alone == Chain::More {
                    self.seek.push(seg);
                }
            }
        }
        false
    }

    fn frames(&mut self, seg: &Segment<'_>, room: usize, talk: &Talk, cx: &mut Cx<'_>) {
        let mut rest = seg.bytes;
        loop {
            match &mut self.state {
                State::Head => {
                    if rest.is_empty() {
                        return;
                    }
                    if self.have == 0 {
                        self.head_at = seg.at;
                        let used = seg.bytes.len() - rest.len();
                        self.head_off = seg.offset + used as u64;
                        self.head_seq = seg.seq(used);
                    }
                    let want = rest.len().min(HEADER - self.have);
                    let (to, from) = (self.have, rest.get(..want).unwrap_or_default());
                    if let Some(slot) = self.head.get_mut(to..to + want) {
                        slot.copy_from_slice(from);
                    }
                    let known = self.head.get(..to + want).unwrap_or_default();
                    match frame::header(known) {
                        Ok(Some(h)) => {
                            rest = rest.get(h.size - to..).unwrap_or_default();
                            self.have = 0;
                            self.begin(h, seg, talk, cx);
                        }
                        Ok(None) => {
                            self.have = to + want;
                            return;
                        }
                        Err(()) => {
                            cx.diag("ws-bad-length", seg.at.unit);
                            self.cut(Flags::BAD_FRAMING, talk, cx);
                            self.lose();
                            return;
                        }
                    }
                }
                State::Payload { left, came, header } => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (h, phase) = (*header, *came);
                    *left -= n as u64;
                    *came += n as u64;
                    let done = *left == 0;
                    if n > 0 || done {
                        let part = rest.get(..n).unwrap_or_default();
                        self.payload(h, phase, part, seg, room, cx);
                        rest = rest.get(n..).unwrap_or_default();
                    }
                    if !done {
                        return;
                    }
                    self.state = State::Head;
                    self.frame_done(h, talk, cx);
                }
                // after a length that cannot be: the next segment may begin with a frame
                State::Lost => return,
            }
        }
    }

    /// A header was read.
    fn begin(&mut self, h: Header, seg: &Segment<'_>, talk: &Talk, cx: &mut Cx<'_>) {
        self.state = State::Payload {
            left: h.len,
            came: 0,
            header: h,
        };
        let mut bad = Flags::default();
        let compressed = h.rsv & 4 != 0 && !h.control() && h.opcode != op::CONTINUATION;
        let rsv = if compressed && self.agreed != Agreed::No {
            h.rsv & 3
        } else {
            h.rsv
        };
        if rsv != 0 || !h.known() || !h.minimal || h.mask.is_some() != self.send || self.closed {
            bad = Flags::BAD_FRAMING;
        }
        if h.control() {
            if bad != Flags::default() || h.len > 125 || !h.fin {
                cx.diag("ws-bad-control", seg.at.unit);
            }
            return;
        }
        if h.opcode == op::CONTINUATION {
            if let Some(o) = &mut self.open {
                o.flags.insert(bad);
                return;
            }
            // its beginning was lost, or never was
            let lost = self.torn;
            if !lost {
                bad = Flags::BAD_FRAMING;
            }
            let o = self.start(op::BINARY, bad, cx);
            if lost {
                o.flags.insert(Flags::GAP);
                o.body.gap(0);
                o.holed = true;
                o.stuck = true;
            }
            return;
        }
        if self.open.is_some() {
            // the message before never ended
            self.cut(Flags::BAD_FRAMING, talk, cx);
            bad = Flags::BAD_FRAMING;
        }
        let deflated = compressed && self.agreed != Agreed::No;
        self.start(h.opcode, bad, cx).deflated = deflated;
        if deflated {
            self.window(cx);
        }
    }

    fn start(&mut self, opcode: u8, flags: Flags, cx: &mut Cx<'_>) -> &mut Open {
        let ordinal = *cx.ordinal;
        *cx.ordinal = ordinal.wrapping_add(1);
        self.open.insert(Open {
            ordinal,
            start: self.head_off,
            seq: self.head_seq,
            opcode,
            body: Growing::default(),
            flags,
            first: self.head_at,
            last: self.head_at,
            deflated: false,
            stuck: false,
            holed: false,
            changed: true,
        })
    }

    /// The window for a message that begins.
    fn window(&mut self, cx: &mut Cx<'_>) {
        let goes_on = self.agreed.goes_on(self.send);
        if self.window.is_none() || !goes_on {
            if cx.budget < deflate::HELD {
                cx.diag("ws-no-memory", self.head_at.unit);
                self.torn = true;
                if let Some(o) = &mut self.open {
                    o.stuck = true;
                    o.flags.insert(Flags::TRUNCATED);
                }
                return;
            }
            self.window = Some(Box::new(Window::new(!self.torn || !goes_on)));
        }
    }

    fn payload(
        &mut self,
        h: Header,
        phase: u64,
        bytes: &[u8],
        seg: &Segment<'_>,
        room: usize,
        cx: &mut Cx<'_>,
    ) {
        if h.control() {
            return;
        }
        let Some(o) = &mut self.open else { return };
        o.last = seg.at;
        o.changed = true;
        if seg.retransmitted {
            o.flags.insert(Flags::RETRANSMITTED);
        }
        let mut at = phase;
        let mut plain = [0u8; 4096];
        for piece in bytes.chunks(plain.len()) {
            let piece = match h.mask {
                None => piece,
                Some(key) => {
                    let Some(slot) = plain.get_mut(..piece.len()) else {
                        return;
                    };
                    slot.copy_from_slice(piece);
                    frame::unmask(slot, key, at);
                    &*slot
                }
            };
            at += piece.len() as u64;
            if o.deflated {
                self.inflated.0 += piece.len() as u64;
                inflate(o, &mut self.window, &mut self.inflated, piece, room, cx);
            } else if !o.body.push(piece, room) {
                o.flags.insert(Flags::TRUNCATED);
            }
        }
    }

    /// A frame ended.
    fn frame_done(&mut self, h: Header, talk: &Talk, cx: &mut Cx<'_>) {
        if h.opcode == op::CLOSE {
            self.closed = true;
        }
        if h.control() || !h.fin {
            return;
        }
        let Some(mut o) = self.open.take() else {
            return;
        };
        if o.deflated {
            inflate(
                &mut o,
                &mut self.window,
                &mut self.inflated,
                &TAIL,
                usize::MAX,
                cx,
            );
            let broken = o.stuck || o.holed;
            if broken {
                self.window = None;
                self.torn = true;
            } else if !self.agreed.goes_on(self.send) {
                self.window = None;
                self.torn = false;
            }
        }
        self.emit(o, true, talk, cx);
    }

    /// The message being read is given out as far as it came.
    fn cut(&mut self, flags: Flags, talk: &Talk, cx: &mut Cx<'_>) {
        if let Some(mut o) = self.open.take() {
            if o.deflated {
                self.window = None;
                self.torn = true;
            }
            o.flags.insert(flags);
            self.emit(o, false, talk, cx);
        }
    }

    fn emit(&mut self, mut o: Open, complete: bool, talk: &Talk, cx: &mut Cx<'_>) {
        let body = std::mem::take(&mut o.body).finish(complete && !o.stuck && !o.holed);
        if body.long_sha256.is_some() {
            cx.diag("body-beyond-limit", o.first.unit);
        }
        if o.opcode == op::TEXT
            && body.complete
            && body.bytes.len() as u64 == body.len
            && std::str::from_utf8(&body.bytes).is_err()
        {
            o.flags.insert(Flags::BAD_FRAMING);
        }
        if o.flags.has(Flags::BAD_FRAMING) {
            cx.diag("ws-bad-framing", o.first.unit);
        }
        let x = self.exchange(&o, body, true, talk, cx);
        cx.out.push(x);
    }

    fn exchange(&self, o: &Open, body: RawBody, done: bool, talk: &Talk, cx: &Cx<'_>) -> Exchange {
        let m = Message {
            start: if self.send {
                Start::Request {
                    method: 0..0,
                    target: 0..0,
                }
            } else {
                Start::Response { status: None }
            },
            head: Vec::new(),
            headers: Vec::new(),
            trailers: Vec::new(),
            version: (1, 1),
            body,
            first: o.first,
            last: o.last,
            seq: Some(o.seq),
            flags: o.flags,
        };
        let (request, response) = if self.send {
            (Some(m), None)
        } else {
            (None, Some(m))
        };
        let mut flags = o.flags;
        let whole = |m: &Arc<Message>| !m.flags.has(Flags::PARTIAL_HEADERS);
        let asked = matches!(
            (talk.client, cx.spoke),
            (Side::A, [true, _]) | (Side::B, [_, true])
        );
        if asked && talk.parent.is_some() && !talk.context.as_ref().is_some_and(whole) {
            // of whom and of what it is stood in the request that opened it, which was lost
            flags.insert(Flags::PARTIAL_HEADERS);
        }
        Exchange {
            flow: cx.flow,
            ordinal: o.ordinal,
            client: cx.end(talk.client),
            server: cx.end(talk.client.other()),
            request,
            response,
            interim: Vec::new(),
            flags,
            tls: cx.tls,
            peer: cx.peer.clone(),
            proto: Some(Proto::Ws),
            parent: talk.parent,
            context: talk.context.clone(),
            done,
        }
    }

    /// A copy of the message being read, if it changed since the last.
    pub fn copy(&mut self, talk: &Talk, cx: &Cx<'_>) -> Option<Exchange> {
        let o = self.open.as_mut()?;
        if !std::mem::take(&mut o.changed) {
            return None;
        }
        let o = self.open.as_ref()?;
        Some(self.exchange(o, o.body.outline(), false, talk, cx))
    }

    /// Bytes before `offset` came again.
    pub fn resent(&mut self, offset: u64) {
        if let Some(o) = self.open.as_mut().filter(|o| o.start < offset) {
            o.flags.insert(Flags::RETRANSMITTED);
            o.changed = true;
        }
    }

    /// Bytes are missing.
    pub fn gap(&mut self, bytes: u64, why: Missing, at: Stamp, talk: &Talk, cx: &mut Cx<'_>) {
        self.seek = Carry::default();
        let flag = if why == Missing::Snaplen {
            Flags::TRUNCATED
        } else {
            Flags::GAP
        };
        let State::Payload { left, came, header } = &mut self.state else {
            // a header is missing, and with it perhaps messages
            self.cut(flag, talk, cx);
            self.lose();
            return;
        };
        let inside = bytes.min(*left);
        *left -= inside;
        *came += inside;
        let (h, done) = (*header, *left == 0);
        if let (false, Some(o)) = (h.control(), &mut self.open) {
            o.flags.insert(flag);
            o.body.gap(if o.deflated { 0 } else { inside });
            o.holed = true;
            o.stuck |= o.deflated;
            o.changed = true;
        }
        if !done {
            return;
        }
        if bytes == inside {
            self.state = State::Head;
            if h.control() || !h.fin {
                return;
            }
        }
        if let Some(o) = &mut self.open {
            o.last = o.last.max(at);
        }
        if bytes == inside {
            self.frame_done(h, talk, cx);
        } else {
            self.cut(flag, talk, cx);
            self.lose();
        }
    }

    /// The direction ended.
    pub fn end(&mut self, talk: &Talk, cx: &mut Cx<'_>) {
        self.cut(Flags::TRUNCATED, talk, cx);
        self.state = State::Head;
        self.have = 0;
    }
}

/// Inflates a piece into a message.
fn inflate(
    o: &mut Open,
    window: &mut Option<Box<Window>>,
    count: &mut (u64, u64),
    piece: &[u8],
    room: usize,
    cx: &mut Cx<'_>,
) {
    let Some(w) = window.as_mut().filter(|_| !o.stuck) else {
        return;
    };
    let most = count
        .0
        .saturating_mul(limits::BOMB_RATIO)
        .saturating_add(limits::BOMB_FLOOR)
        .min(limits::DECODED);
    let (body, flags, made) = (&mut o.body, &mut o.flags, &mut count.1);
    let result = w.piece(piece, &mut |out| {
        *made += out.len() as u64;
        let held = body.held();
        if !body.push(out, room.saturating_sub(held)) {
            flags.insert(Flags::TRUNCATED);
        }
        *made <= most
    });
    let Err(why) = result else { return };
    o.stuck = true;
    let (code, flag) = match why {
        Fail::Enough => ("ws-bomb", Flags::TRUNCATED),
        Fail::Data if w.whole => ("ws-bad-deflate", Flags::BAD_FRAMING),
        // it refers to what was lost
        Fail::Data => ("ws-window-lost", Flags::GAP),
    };
    if flag == Flags::GAP {
        o.body.gap(0);
    }
    o.flags.insert(flag);
    o.flags.insert(Flags::TRUNCATED);
    cx.diag(code, o.first.unit);
}
