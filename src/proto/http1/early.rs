//! A message that begins where the body of the one before it should begin or go on. In: segments, before they are read. Out:
//! the same segments; where they begin a message, the one before is ended first. However they are cut, the answer is the
//! same: what may be the beginning of a start line waits for the rest of it. Bounds: [`limits::PROBE_BYTES`] a side.

use super::Http1;
use super::reader::Reader;
use super::start::{self, Is};
use crate::call::model::Flags;
use crate::limits;
use crate::net::Segment;
use crate::proto::{Carry, Cx};

impl Http1 {
    fn front(&mut self, request: bool) -> &mut Carry {
        let [client, server] = &mut self.front;
        if request { client } else { server }
    }

    fn reader_of(&self, request: bool) -> &Reader {
        if request { &self.req } else { &self.resp }
    }

    /// Whether the message being read may end here, before its body:
    /// - a request that was answered before its body was sent, and the body never was (`Expect: 100-continue`);
    /// - a message with several lengths, where the least of them says that it ends;
    /// - a response that has no body after all (to a HEAD that was not captured);
    /// - a response whose body ends with the connection, although more requests wait.
    fn may_end(&self, request: bool) -> bool {
        if self.reader_of(request).may_be_over() {
            return true;
        }
        if request {
            return self.req.body_not_begun() && self.queue.answered(self.sending);
        }
        let early = self.resp.body_not_begun() && self.queue.is_orphan(self.answering);
        early || self.resp.until_close() && self.queue.waiting()
    }

    /// Looks at a segment before it is read. Says true where it waits for the one after it; else it is to be read now.
    pub(super) fn waits(&mut self, request: bool, seg: &Segment<'_>, cx: &mut Cx<'_>) -> bool {
        let may = self.may_end(request);
        if !may {
            self.settle_front(request, cx);
            return false;
        }
        let is = if request {
            start::request
        } else {
            start::response
        };
        let left = if request {
            self.req.left()
        } else {
            self.resp.left()
        };
        let contested = self.reader_of(request).may_be_over();
        let front = self.front(request);
        let joined;
        let bytes = if front.is_empty() {
            seg.bytes
        } else {
            joined = [front.bytes(), seg.bytes].concat();
            &joined
        };
        let begins = bytes.first().is_some_and(u8::is_ascii_alphabetic);
        match is(bytes, true) {
            Is::Yes if begins => {
                let from = front.segments().next().map_or(seg.offset, |s| s.offset);
                self.end_early(request, from, cx);
            }
            // what is as long as the body waits only where it says more than a word
            Is::More
                if begins
                    && bytes.len() < limits::PROBE_BYTES
                    && (contested
                        || (bytes.len() as u64) < left
                        || request && start::registered(bytes)) =>
            {
                front.push(seg);
                return true;
            }
            _ => {}
        }
        self.settle_front(request, cx);
        false
    }

    fn end_early(&mut self, request: bool, at: u64, cx: &mut Cx<'_>) {
        if request {
            self.req.end_here(at, true);
            self.request_done(cx);
            return;
        }
        if self.resp.until_close() {
            self.resp.mark(Flags::BAD_FRAMING);
        }
        self.resp.end_here(at, true);
        self.response_done(cx);
        self.expect(at);
    }

    /// Reads what waited. It is too little for a head, so that nothing can take the connection over with it.
    pub(super) fn settle_front(&mut self, request: bool, cx: &mut Cx<'_>) {
        if self.front(request).is_empty() {
            return;
        }
        let front = std::mem::take(self.front(request));
        for seg in front.segments() {
            if request {
                self.request_segment(&seg, cx);
            } else {
                self.response_segment(&seg, cx);
            }
        }
    }
}
