//! At the start of a message: its start line and header block. In: segments. Out: a message with its head, or the knowledge that
//! none begins here. Bounds: [`limits::HEAD_BYTES`] of head.

use super::{Reader, State, Step};
use crate::call::model::{Flags, Message, RawBody, Start};
use crate::limits;
use crate::net::Segment;
use crate::proto::http1::head::{Found, Scan};
use crate::proto::http1::start::{self, Is};

impl Reader {
    pub(super) fn head(&mut self, seg: &Segment<'_>, pos: &mut usize) -> Step {
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
            self.seq = seg.seq(*pos);
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
                Is::No if self.expect_simple || self.expect_bare => {
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

    pub(super) fn headless(&self) -> Message {
        Message {
            start: Start::Response { status: None },
            head: Vec::new(),
            headers: Vec::new(),
            trailers: Vec::new(),
            version: (0, 9),
            body: RawBody::default(),
            first: self.first,
            last: self.last,
            seq: Some(self.seq),
            flags: self.head_flags,
        }
    }

    /// Makes the message from the first `head` bytes of its block.
    pub(super) fn build(&mut self, b: &[u8], head: usize, flags: Flags) {
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
}
