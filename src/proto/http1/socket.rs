//! A WebSocket whose answer was not captured. In: a request that asked for one, and bytes that are no HTTP. Out: the connection
//! handed on, or its client's frames read here where nothing of the server comes. Bounds: [`limits::TUNNEL_HELD`] bytes are
//! kept before it is decided.

use super::Http1;
use super::pair::Kind;
use super::start::{self, Is};
use crate::call::model::{Exchange, Flags};
use crate::limits;
use crate::net::Segment;
use crate::proto::ws;
use crate::proto::{Begin, Carry, Cx, Feed, Switch, Upgraded};

impl Http1 {
    /// The exchange that opened a WebSocket although its answer is not known, or not whole.
    fn socket(&mut self, flags: Flags, cx: &mut Cx<'_>) -> Option<Box<Upgraded>> {
        if self.opened.is_some() {
            return self.opened.take();
        }
        let ordinal = self.asked?;
        let open = self.queue.get(ordinal)?;
        if open.upgrade.as_deref() != Some("websocket") {
            return None;
        }
        self.asked = None;
        open.flags.insert(Flags::UPGRADED);
        open.flags.insert(flags);
        self.queue.give(ordinal, cx);
        self.given(ordinal, cx)
    }

    fn given(&self, ordinal: u32, cx: &Cx<'_>) -> Option<Box<Upgraded>> {
        let mine = |x: &&Exchange| x.flow == cx.flow && x.ordinal == ordinal;
        let exchange = cx.out.last().filter(mine)?.clone();
        Some(Box::new(Upgraded {
            client: self.client,
            exchange,
        }))
    }

    /// An answer was cut inside its head: notes that it opens a WebSocket. Call before its exchange is given out.
    pub(super) fn socket_cut(&mut self, status: Option<u16>) -> bool {
        let Some(open) = self.queue.get(self.answering) else {
            return false;
        };
        let yes = status == Some(101) && open.upgrade.as_deref() == Some("websocket");
        if yes {
            open.flags.insert(Flags::UPGRADED);
        }
        yes
    }

    /// After its exchange was given out.
    pub(super) fn socket_cut_given(&mut self, cx: &Cx<'_>) {
        self.opened = self.given(self.answering, cx);
    }

    /// Behind lost bytes the server sends frames, or the client does: the answer was among what was lost.
    pub(super) fn socket_opened(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) -> Option<Feed> {
        if self.asked.is_none() || !self.resp.lost() {
            return None;
        }
        if !ws::frames(seg.bytes, false) && !ws::frames(self.req.kept().bytes(), true) {
            return None;
        }
        let upgraded = Some(self.socket(Flags::GAP, cx)?);
        let held = self.req.release();
        Some(Feed::Switch(Switch {
            used: 0,
            held,
            to: "websocket".to_owned(),
            upgraded,
        }))
    }

    /// Behind lost bytes the server has what the client sent after a CONNECT, and that is nothing that a proxy would take:
    /// the answer that opened the tunnel was among what was lost.
    pub(super) fn tunnel_opened(&mut self, seg: &Segment<'_>, cx: &mut Cx<'_>) -> Option<Feed> {
        if !self.resp.lost() || self.req.kept().is_empty() || seg.acked <= self.req.end {
            return None;
        }
        let ordinal = self.asked?;
        let open = self.queue.get(ordinal)?;
        let kept = self.req.kept().bytes();
        let line = kept.split(|c| *c == b'\n').next().unwrap_or_default();
        let target = start::request_line(line).target;
        let to_origin = kept.get(target).is_some_and(|t| t.starts_with(b"/"));
        let request = start::request(kept, false) == Is::Yes;
        if open.kind != Kind::Connect || request && !to_origin {
            return None;
        }
        self.asked = None;
        self.target = open.target();
        open.flags.insert(Flags::UPGRADED);
        open.flags.insert(Flags::GAP);
        self.queue.give(ordinal, cx);
        Some(Feed::Switch(Switch {
            used: 0,
            held: self.req.release(),
            upgraded: self.given(ordinal, cx),
            to: "tunnel".to_owned(),
        }))
    }

    /// The client goes on with frames and nothing of the server comes: read here what the client sent. `seg`: what does not fit
    /// any more; `None` at the end.
    pub(super) fn socket_unheard(&mut self, seg: Option<&Segment<'_>>, cx: &mut Cx<'_>) {
        if self.late.is_some() || self.asked.is_none() || self.req.kept().is_empty() {
            return;
        }
        let over = seg.is_none_or(|s| self.req.kept().held() + s.bytes.len() > limits::TUNNEL_HELD);
        if !over || !ws::frames(self.req.kept().bytes(), true) {
            return;
        }
        let Some(upgraded) = self.socket(Flags::default(), cx) else {
            return;
        };
        let held: Carry = self.req.release();
        let client = self.client;
        let mut parser = (ws::SPEC.new)(Begin {
            client,
            upgraded: Some(upgraded),
        });
        for piece in held.segments() {
            parser.data(client, piece, cx);
        }
        self.late = Some(parser);
    }
}
