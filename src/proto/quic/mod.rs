//! QUIC on a flow of datagrams (RFC 9000): named by version, and by what the hellos say, which stand in Initial packets whose
//! keys anybody can derive ([`crate::tls::initial`]). What follows is not decoded. In: datagrams of both sides. Out: what
//! names the flow. Bounds: [`limits::QUIC_PACKETS`] packets looked at, the handshake held as in [`crypto`]; nothing once both
//! hellos are known.
//!
//! Only the tag of a packet tells whose it is and which connection id its keys follow from. So a Retry, another version after
//! a negotiation, and datagrams out of order need no states: each packet is tried with the keys at hand, then with those of its
//! own ids.

pub mod crypto;
pub mod packet;

use super::{About, Cx};
use crate::call::model::{Stamp, TlsFacts};
use crate::limits;
use crate::net::Side;
use crate::tls::hello::{self, ClientHello, ServerHello, version_name};
use crate::tls::initial::{self, InitialKeys};
use crate::tls::suite::Suite;
use crypto::Crypto;
use packet::{Kind, Packet};

/// Whether a flow of which `datagram` is the first of a side may be QUIC, see [`packet::opens`].
pub(super) fn opens(datagram: &[u8], https: bool, cut: bool) -> bool {
    packet::opens(datagram, https, cut)
}

/// What one side sends.
#[derive(Debug, Default)]
struct Half {
    /// Keys, and the version that they are of.
    keys: Option<(u32, InitialKeys)>,
    /// Packet number expected next.
    next: u64,
    crypto: Crypto,
}

/// A flow.
#[derive(Debug, Default)]
pub struct Quic {
    /// Version of the packet opened last, else of the first.
    version: Option<u32>,
    /// Version and ids of the first packet.
    first: Option<(Side, Vec<u8>, Vec<u8>)>,
    client: Option<Side>,
    /// The id that the keys follow from.
    dcid: Vec<u8>,
    /// Of client and server.
    halves: [Half; 2],
    hello: Option<Box<ClientHello>>,
    server: Option<Box<ServerHello>>,
    seen: u32,
    /// The version is no chance, or the other side answered as only QUIC does.
    proven: bool,
    negotiated: bool,
    /// A Retry came, and nothing of the client since.
    retried: bool,
    /// Initial packets that no keys opened.
    closed: u32,
    /// Those that may open once the client's first packet comes, and their bytes.
    early: Vec<(Side, Vec<u8>, Stamp)>,
    early_held: usize,
    /// A client's hello was known when its first packet came once more: the next one tells whether that is another connection.
    again: Option<Again>,
    /// Part of the handshake was left out at a limit.
    over: bool,
    /// Of the client's hello some was seen when reading ended.
    part: bool,
    done: bool,
}

/// How a client's first packet came once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// With nothing that explains it: a hello that is not the same is another connection's.
    Same,
    /// After a Retry, or in another version: the hello may be another (RFC 9000 wants the same after a Retry; not all obey).
    Asked,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Quic {
    /// Whether a datagram may tell more.
    pub fn wants(&self, datagram: &[u8]) -> bool {
        !self.done && datagram.first().is_some_and(|b| b & 0x80 != 0)
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        let halves: usize = self.halves.iter().map(|h| h.crypto.held()).sum();
        std::mem::size_of::<Quic>() + halves + self.early_held
    }

    /// Takes a datagram.
    pub fn datagram(&mut self, side: Side, datagram: &[u8], at: Stamp, cx: &mut Cx<'_>) {
        for p in packet::packets(datagram) {
            if self.done {
                return;
            }
            self.seen += 1;
            let before = self.dcid.clone();
            self.packet(side, &p, at, cx);
            if self.dcid != before {
                self.retry_early();
            }
            if self.held() > cx.budget {
                self.over = true;
            }
            if self.over {
                cx.diag("quic-hello-limit", at.unit);
            }
            let both = self.hello.is_some() && self.server.is_some();
            if both || self.over || self.seen >= limits::QUIC_PACKETS {
                self.done = true;
                self.part = !self.halves[CLIENT].crypto.is_empty();
                self.halves = <[Half; 2]>::default();
                self.end(cx);
            }
        }
    }

    /// Nothing more comes: what still waits for its keys is counted.
    pub fn end(&mut self, cx: &mut Cx<'_>) {
        self.early_held = 0;
        for (_, _, at) in std::mem::take(&mut self.early) {
            self.closed += 1;
            cx.diag("quic-unopened", at.unit);
        }
    }

    /// Tries what came before the client's first packet.
    fn retry_early(&mut self) {
        for (side, bytes, at) in std::mem::take(&mut self.early) {
            let opened = packet::packets(&bytes)
                .next()
                .is_some_and(|p| !self.done && self.initial(side, &p));
            if opened {
                self.early_held -= bytes.len();
            } else {
                self.early.push((side, bytes, at));
            }
        }
    }

    fn packet(&mut self, side: Side, p: &Packet<'_>, at: Stamp, cx: &mut Cx<'_>) {
        match p.kind {
            Kind::Negotiation => return self.negotiation(side, p),
            Kind::Retry => {
                self.client.get_or_insert(side.other());
                self.retried = true;
            }
            Kind::Initial => {
                let room = self.early_held + p.whole.len() <= limits::QUIC_EARLY;
                if !self.initial(side, p) && room {
                    self.early_held += p.whole.len();
                    self.early.push((side, p.whole.to_vec(), at));
                } else if !room {
                    self.closed += 1;
                    cx.diag("quic-unopened", at.unit);
                }
            }
            Kind::Sealed | Kind::Unknown => {}
        }
        self.proven |= p.kind != Kind::Unknown || packet::telling(p.version);
        self.version.get_or_insert(p.version);
        self.first
            .get_or_insert_with(|| (side, p.dcid.to_vec(), p.scid.to_vec()));
    }

    /// The server speaks other versions. It gives the ids of the client's packet back (RFC 8999 section 6), which nothing but
    /// QUIC does.
    fn negotiation(&mut self, side: Side, p: &Packet<'_>) {
        let echo = self
            .first
            .as_ref()
            .is_some_and(|(s, d, c)| *s != side && d == p.scid && c == p.dcid);
        if echo || packet::listed(p).any(initial::known) {
            self.negotiated = true;
            self.proven = true;
            self.client.get_or_insert(side.other());
        }
    }

    /// Opens an Initial packet and takes what it holds; `false` where it does not open.
    fn initial(&mut self, side: Side, p: &Packet<'_>) -> bool {
        let server = self.client == Some(side.other());
        server && self.keys(SERVER, p.version) && self.take(SERVER, p)
            || self.client == Some(side) && self.keys(CLIENT, p.version) && self.take(CLIENT, p)
            || self.anew(side, p) && self.take(CLIENT, p)
    }

    /// Whether the keys at hand open it.
    fn take(&mut self, who: usize, p: &Packet<'_>) -> bool {
        let Some(half) = self.halves.get_mut(who) else {
            return false;
        };
        let opened = half
            .keys
            .as_ref()
            .and_then(|(_, keys)| keys.open(p.whole, p.number_at, half.next));
        let Some((number, frames)) = opened else {
            return false;
        };
        half.next = half.next.max(number.saturating_add(1));
        self.version = Some(p.version);
        let (crypto, over) = (&mut half.crypto, &mut self.over);
        packet::pieces(&frames, |at, bytes| *over |= !crypto.feed(at, bytes));
        self.read(who);
        true
    }

    /// Whether it opens with the keys of its own id, as a client's first packet does, and its first after a Retry.
    fn anew(&mut self, side: Side, p: &Packet<'_>) -> bool {
        let Some(keys) = InitialKeys::new(p.version, p.dcid, true) else {
            return false;
        };
        if keys.open(p.whole, p.number_at, 0).is_none() {
            return false;
        }
        if self.hello.is_some() {
            let was = self.halves[CLIENT].keys.as_ref().map(|(v, _)| *v);
            let asked = self.retried || self.negotiated || was.is_some_and(|v| v != p.version);
            self.again = Some(if asked { Again::Asked } else { Again::Same });
        }
        self.retried = false;
        self.client = Some(side);
        self.dcid = p.dcid.to_vec();
        self.halves = <[Half; 2]>::default();
        self.halves[CLIENT].keys = Some((p.version, keys));
        true
    }

    /// Sees to it that there are keys of this version.
    fn keys(&mut self, who: usize, version: u32) -> bool {
        let Some(half) = self.halves.get_mut(who) else {
            return false;
        };
        if self.dcid.is_empty() {
            return false; // no packet of a client was opened
        }
        if half.keys.as_ref().is_none_or(|(v, _)| *v != version) {
            let keys = InitialKeys::new(version, &self.dcid, who == CLIENT);
            half.keys = keys.map(|k| (version, k));
        }
        half.keys.is_some()
    }

    /// Reads a hello that has become whole.
    fn read(&mut self, who: usize) {
        let wanted = match who {
            CLIENT => self.hello.is_none() || self.again.is_some(),
            _ => self.server.is_none() && self.again.is_none(),
        };
        let message = self.halves.get(who).filter(|_| wanted);
        let Some(message) = message.and_then(|h| h.crypto.message()) else {
            return;
        };
        let body = message.get(4..).unwrap_or_default();
        match message.first() {
            Some(1) if who == CLIENT => {
                let new = hello::client_hello(body).map(Box::new);
                let said =
                    |h: &Option<Box<ClientHello>>| h.as_ref().map(|h| (h.random, h.sni.clone()));
                match self.again.take() {
                    // the ports are used again: the first connection names the flow, and nothing of this one is its
                    Some(Again::Same) if said(&new) != said(&self.hello) => self.done = true,
                    _ => self.hello = new,
                }
            }
            Some(2) if who == SERVER => self.server = hello::server_hello(body).map(Box::new),
            _ => {}
        }
    }

    fn why(&self) -> String {
        let mut name = match self.version {
            Some(v) => format!("QUIC {}", packet::version_name(v)),
            None => "QUIC".to_owned(),
        };
        if let Some(s) = &self.server {
            name = format!("{name} {}", Suite::full_name(s.suite));
        }
        let known = self.version.is_some_and(initial::known);
        let missing = if self.hello.is_some() {
            ""
        } else if self.version.is_none() {
            return format!("{name}: a version negotiation alone, no connection");
        } else if self.negotiated && !known {
            return format!("{name}: refused by a version negotiation, and no other followed");
        } else if !known {
            "its hello is not read; "
        } else if self.over {
            "its hello is larger than what is held; "
        } else if self.part || !self.halves[CLIENT].crypto.is_empty() {
            "a part of its hello was not captured; "
        } else if self.closed > 0 || !self.early.is_empty() {
            "its first packets do not open: the client's were not captured, or are damaged; "
        } else {
            "its first packets were not captured; "
        };
        format!(
            "{name}: {missing}what it carries is not decoded yet, with a key log or without; a log of the server or of a proxy \
             tells its calls"
        )
    }

    /// What is known of the flow; without a name where it may be something else.
    pub fn about(&self) -> About {
        if !self.proven {
            return About::default();
        }
        let (c, s) = (&self.hello, &self.server);
        let version = s.as_ref().map(|s| s.version);
        About {
            app: "quic",
            client: self.client,
            sni: c.as_ref().and_then(|c| c.sni.clone()),
            alpn: c.as_ref().and_then(|c| c.alpn.clone()),
            client_print: c.as_ref().map(|c| c.print.clone()),
            tls: Some(Box::new(TlsFacts {
                client_subject: None,
                version: version
                    .or(c.as_ref().map(|c| c.version))
                    .map(|v| version_name(v).to_owned()),
                quic: self.version.map(packet::version_name),
                cipher: s.as_ref().map(|s| Suite::full_name(s.suite)),
                ..TlsFacts::default()
            })),
            why_opaque: Some(self.why()),
            ..About::default()
        }
    }
}
