//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): two [`reader::Reader`]s behind an upgrade, or joined in the
//! middle. In: segments and gaps of both directions. Out: an exchange for each text or binary message, `SEND` with a request
//! alone, `RECV` with a response alone. Bounds: those of the readers.

mod deflate;
mod frame;
mod reader;

use super::{About, Begin, Cx, Feed, Probe, Proto, ProtoSpec};
use crate::call::model::{Exchange, Flags, Message, RawBody, Stamp};
use crate::net::{Close, FlowStats, Missing, Segment, Side};
use deflate::Agreed;
use frame::{Asked, Chain};
use reader::{Reader, Talk};
use std::sync::Arc;

/// WebSocket in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "websocket",
    probe,
    find: |_| None,
    within: false,
    upgrade: &["websocket"],
    new: |begin| Box::new(WebSocket::new(begin)),
};

/// Frames without the handshake before them: believed for readable text only.
fn probe(b: &[u8], _first: bool) -> Probe {
    let asked = |masked| Asked {
        masked,
        deflate: true,
        stranger: true,
    };
    match (frame::chain(b, asked(true)), frame::chain(b, asked(false))) {
        (Chain::Yes, _) => Probe::Client,
        (_, Chain::Yes) => Probe::Server,
        (Chain::No, Chain::No) => Probe::No,
        _ => Probe::More,
    }
}

/// Whether bytes of a direction are frames, as far as the upgrade of their connection, whose answer was lost, lets expect them.
pub fn frames(b: &[u8], of_client: bool) -> bool {
    frame::chain(
        b,
        Asked {
            masked: of_client,
            deflate: true,
            stranger: false,
        },
    ) == Chain::Yes
}

/// One WebSocket connection.
#[derive(Debug)]
struct WebSocket {
    talk: Talk,
    send: Reader,
    recv: Reader,
}

impl WebSocket {
    fn new(begin: Begin) -> WebSocket {
        let (mut context, mut parent, mut agreed) = (None, None, Agreed::Unknown);
        let joined = begin.upgraded.is_none();
        let mut cut = false;
        if let Some(u) = begin.upgraded {
            parent = Some(u.exchange.ordinal);
            if let Some(r) = u.exchange.response.filter(|r| {
                // over HTTP/2 any success opens it (RFC 8441 section 5)
                r.status() == Some(101) || r.version.0 == 2
            }) {
                agreed = deflate::agreed(r.header_all("sec-websocket-extensions"));
                cut = r.flags.has(Flags::PARTIAL_HEADERS);
                if cut && agreed == Agreed::No {
                    agreed = Agreed::Unknown;
                }
            }
            context = u.exchange.request.map(|r| {
                Arc::new(Message {
                    body: RawBody::default(),
                    ..r
                })
            });
        }
        let mut recv = Reader::new(false, agreed);
        if !joined && (cut || agreed == Agreed::Unknown) {
            // its answer was lost, and perhaps more
            recv.lose();
        }
        WebSocket {
            talk: Talk {
                client: begin.client,
                context,
                parent,
            },
            send: Reader::new(true, agreed),
            recv,
        }
    }

    fn reader(&mut self, side: Side) -> (&mut Reader, &Talk) {
        if side == self.talk.client {
            (&mut self.send, &self.talk)
        } else {
            (&mut self.recv, &self.talk)
        }
    }
}

impl Proto for WebSocket {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        let room = cx.budget.saturating_sub(self.held());
        let (reader, talk) = self.reader(side);
        reader.data(&segment, room, talk, cx);
        Feed::Go
    }

    fn resent(&mut self, side: Side, offset: u64, _cx: &mut Cx<'_>) {
        self.reader(side).0.resent(offset);
    }

    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        let (reader, talk) = self.reader(side);
        reader.gap(bytes, why, at, talk, cx);
    }

    fn fin(&mut self, side: Side, _at: Stamp, cx: &mut Cx<'_>) {
        let (reader, talk) = self.reader(side);
        reader.end(talk, cx);
    }

    fn close(&mut self, _why: Close, _stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        for side in [self.talk.client, self.talk.client.other()] {
            let (reader, talk) = self.reader(side);
            reader.end(talk, cx);
        }
    }

    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        for side in [self.talk.client, self.talk.client.other()] {
            let (reader, talk) = self.reader(side);
            out.extend(reader.copy(talk, cx));
        }
    }

    fn held(&self) -> usize {
        self.send.held() + self.recv.held()
    }

    fn about(&self) -> About {
        About {
            app: "websocket",
            client: Some(self.talk.client),
            ..About::default()
        }
    }
}
