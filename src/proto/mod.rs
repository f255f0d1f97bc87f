//! Protocols on streams: recognised by content, parsed without I/O. In: streams and datagrams from [`crate::net`].
//! Out: calls and flows, see [`Calls`]. Bounds: see [`crate::limits`]; what a bound costs is counted.
//!
//! A protocol is one file (or folder) and one line in [`PROTOS`]; what is only named, not parsed, is one line in
//! [`recognise`].

mod flow;
mod ftp;
pub mod http1;
pub mod http2;
mod layer;
mod proxied;
pub mod quic;
mod recognise;
mod socks;
mod tds;
mod tls;
mod ws;

pub use flow::FlowState;
pub use layer::Layer;

use crate::call::model::{Exchange, Flags, FlowInfo, Stamp, TlsFacts, Unit};
use crate::limits;
use crate::net::{Close, FlowKey, FlowStats, Missing, Segment, Side, StreamSink};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every protocol that is parsed, in the order they are asked.
pub static PROTOS: &[&ProtoSpec] = &[
    &http1::SPEC,
    &tls::SPEC,
    &http2::SPEC,
    &socks::SPEC,
    &ws::SPEC,
    &tds::SPEC,
];

/// Answer of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// These bytes are the protocol's, and their sender is the client.
    Client,
    /// These bytes are the protocol's, and their sender is the server.
    Server,
    /// More bytes are needed.
    More,
    /// Not this protocol.
    No,
}

/// A protocol in [`PROTOS`].
#[derive(Debug)]
pub struct ProtoSpec {
    /// Name of the flow that carries it.
    pub name: &'static str,
    /// Looks at the bytes at a segment's start; `first` where they are also the first of their direction. Must answer other than
    /// [`Probe::More`] within [`limits::PROBE_BYTES`].
    pub probe: fn(bytes: &[u8], first: bool) -> Probe,
    /// Finds the next place in a segment where the protocol may start anew (after a gap, after unknown bytes).
    pub find: fn(bytes: &[u8]) -> Option<usize>,
    /// Whether a connection whose protocol is only named may go on as this one (`STARTTLS` and its like): its start says so
    /// much that no text or file inside another protocol is taken for it.
    pub within: bool,
    /// Names in an `Upgrade` field that hand a connection over to this protocol; it then takes the bytes without a probe.
    pub upgrade: &'static [&'static str],
    /// A parser for one flow.
    pub new: fn(Begin) -> Box<dyn Proto>,
}

/// What a parser begins with.
#[derive(Debug)]
pub struct Begin {
    /// Which side is the client.
    pub client: Side,
    /// The exchange that handed the connection over, for a protocol named in [`ProtoSpec::upgrade`].
    pub upgraded: Option<Box<Upgraded>>,
}

/// An exchange with which a connection became another protocol.
#[derive(Debug)]
pub struct Upgraded {
    /// Which side is the client.
    pub client: Side,
    /// The exchange, whose response is the 101. It was handed out already; but that of `h2c` is handed out by the
    /// parser that takes over, since its final response is still to come (RFC 7540 section 3.2).
    pub exchange: Exchange,
}

/// What a parser wants after a segment.
#[derive(Debug)]
pub enum Feed {
    /// The next segment.
    Go,
    /// The rest of the flow is another protocol (tunnel, upgrade).
    Switch(Switch),
}

/// Where another protocol takes over.
#[derive(Debug)]
pub struct Switch {
    /// Bytes of the current segment that the old protocol used.
    pub used: usize,
    /// Bytes of the other side that came early.
    pub held: Carry,
    /// What is expected, from the words of the old protocol: `websocket`, `h2c`, `tunnel`.
    pub to: String,
    /// The exchange that did it.
    pub upgraded: Option<Box<Upgraded>>,
}

/// What a parser knows about its flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Name of the application protocol.
    pub app: &'static str,
    /// Which side is the client, where it is known.
    pub client: Option<Side>,
    /// TLS server name.
    pub sni: Option<String>,
    /// TLS application protocol: the one chosen, else those offered.
    pub alpn: Option<String>,
    /// Print of the client's hello.
    pub client_print: Option<String>,
    /// Where a tunnel leads: host and port as they were asked for.
    pub target: Option<String>,
    /// What the TLS handshake said.
    pub tls: Option<Box<TlsFacts>>,
    /// Why nothing more can be said.
    pub why_opaque: Option<String>,
}

/// What a parser works with besides its bytes.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Index of the flow.
    pub flow: u64,
    /// Its ends.
    pub key: &'a FlowKey,
    /// Next ordinal of an exchange in this flow.
    pub ordinal: &'a mut u32,
    /// Finished exchanges.
    pub out: &'a mut Vec<Exchange>,
    /// Bytes this parser may hold at most.
    pub budget: usize,
    /// Counts of what was skipped.
    pub diags: &'a mut BTreeMap<(u32, &'static str), (u64, u64)>,
    /// Packets seen of side A and B as far as they carried data.
    pub spoke: [bool; 2],
    /// Whether the bytes were decrypted.
    pub tls: bool,
    /// Subject of the client's certificate in the TLS around.
    pub peer: Option<Arc<str>>,
    /// Layers that were opened around this one; each may switch protocols [`limits::TUNNEL_DEPTH`] times.
    pub depth: usize,
    /// What all flows share.
    pub shared: &'a mut Shared,
}

/// What was given to read evidence with.
#[derive(Debug, Default)]
pub struct Options {
    /// TLS secrets.
    pub tls: crate::tls::Given,
}

/// What all flows share.
#[derive(Debug, Default)]
pub struct Shared {
    /// What was given.
    pub options: Arc<Options>,
    /// TLS sessions that may be resumed.
    pub sessions: crate::tls::Sessions,
    /// Connections that were announced.
    pub expected: ftp::Expected,
}

impl Cx<'_> {
    /// What parsers of a layer inside work with.
    pub fn deeper(&mut self) -> Cx<'_> {
        Cx {
            flow: self.flow,
            key: self.key,
            ordinal: self.ordinal,
            out: self.out,
            budget: self.budget,
            diags: self.diags,
            spoke: self.spoke,
            tls: self.tls,
            peer: self.peer.clone(),
            depth: self.depth + 1,
            shared: self.shared,
        }
    }

    /// Gives a finished exchange out, its missing halves marked: `client` is the side that asks, `captured` tells of which
    /// of sides A and B packets were seen, where the whole flow is known. One without any message is none.
    pub fn give(&mut self, mut x: Exchange, client: Side, captured: Option<[bool; 2]>) {
        let [a, b] = captured.unwrap_or(self.spoke);
        let (asks, answers) = if client == Side::A { (a, b) } else { (b, a) };
        for (half, missing, seen) in [
            (&x.response, Flags::NO_RESPONSE, answers),
            (&x.request, Flags::NO_REQUEST, asks),
        ] {
            if half.is_none() {
                x.flags.insert(missing);
                if !seen {
                    x.flags.insert(Flags::ONE_SIDED);
                }
            }
        }
        x.done = true;
        if x.request.is_some() || x.response.is_some() || !x.interim.is_empty() {
            self.out.push(x);
        }
    }

    /// Counts something skipped or cut.
    pub fn diag(&mut self, code: &'static str, at: Unit) {
        let entry = self
            .diags
            .entry((at.source, code))
            .or_insert((0, at.number));
        entry.0 += 1;
        entry.1 = entry.1.min(at.number);
    }
    /// The address of a side.
    pub fn end(&self, side: Side) -> (std::net::IpAddr, u16) {
        match side {
            Side::A => self.key.a,
            Side::B => self.key.b,
        }
    }
}

/// A parser of one flow, without I/O.
pub trait Proto: Send + std::fmt::Debug {
    /// Bytes of one side in order.
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed;
    /// Bytes before `offset` of this side came again.
    fn resent(&mut self, side: Side, offset: u64, cx: &mut Cx<'_>);
    /// Bytes are missing before the next segment of this side.
    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>);
    /// One side will send nothing more.
    fn fin(&mut self, side: Side, at: Stamp, cx: &mut Cx<'_>);
    /// The flow ended, or another protocol took over (`stats` is `None`): hand out all that is held.
    fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>);
    /// Copies of unfinished exchanges that changed since the last time, without the bytes of their bodies.
    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>);
    /// Bytes held now.
    fn held(&self) -> usize;
    /// What is known of the flow.
    fn about(&self) -> About;
}

/// Bytes kept back with the places they came from, so that they can be fed later as they came.
#[derive(Debug, Default)]
pub struct Carry {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    len: usize,
    offset: u64,
    zero: u32,
    acked: u64,
    at: Stamp,
    retransmitted: bool,
}

impl Carry {
    /// Keeps a segment.
    pub fn push(&mut self, s: &Segment<'_>) {
        self.bytes.extend_from_slice(s.bytes);
        self.pieces.push(Piece {
            len: s.bytes.len(),
            offset: s.offset,
            zero: s.zero,
            acked: s.acked,
            at: s.at,
            retransmitted: s.retransmitted,
        });
    }
    /// Leaves the first segment away and tells its last byte; `None` where there is none.
    pub fn drop_first(&mut self) -> Option<u8> {
        let first = self.pieces.first()?;
        let last = self
            .bytes
            .drain(..first.len.min(self.bytes.len()))
            .next_back();
        self.pieces.remove(0);
        Some(last.unwrap_or(0))
    }
    /// All bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.pieces.len() * std::mem::size_of::<Piece>()
    }
    /// The segments as they came.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut at = 0usize;
        self.pieces.iter().map(move |p| {
            let bytes = self.bytes.get(at..at + p.len).unwrap_or_default();
            at += p.len;
            Segment {
                bytes,
                offset: p.offset,
                zero: p.zero,
                acked: p.acked,
                at: p.at,
                retransmitted: p.retransmitted,
            }
        })
    }
}

/// Collects what flows turn out to carry. Drain the vectors whenever you like.
#[derive(Debug, Default)]
pub struct Calls {
    /// Exchanges that are complete, each exactly once, with `done` set.
    pub exchanges: Vec<Exchange>,
    /// Flows that ended.
    pub flows: Vec<FlowInfo>,
    /// What was skipped or cut at a limit: source and code to count and first unit.
    pub diags: BTreeMap<(u32, &'static str), (u64, u64)>,
    /// Bytes held by all parsers, at most about [`limits::OPEN_BYTES`].
    held: usize,
    shared: Shared,
}

impl Calls {
    /// Reads flows with what was given.
    #[must_use]
    pub fn with_options(options: Arc<Options>) -> Calls {
        Calls {
            shared: Shared {
                options,
                ..Shared::default()
            },
            ..Calls::default()
        }
    }

    /// Runs `act` with what parsers of this flow may use, and books what they hold afterwards.
    fn with(
        &mut self,
        state: &mut FlowState,
        act: impl FnOnce(&mut FlowState, &mut flow::Env<'_>),
    ) {
        let before = state.booked;
        let mut env = flow::Env {
            out: &mut self.exchanges,
            diags: &mut self.diags,
            budget: limits::OPEN_BYTES.saturating_sub(self.held.saturating_sub(before)),
            shared: &mut self.shared,
        };
        act(state, &mut env);
        state.booked = state.held();
        self.held = self.held.saturating_sub(before) + state.booked;
    }

    /// Bytes that unfinished messages take.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }
}

impl StreamSink for Calls {
    type State = FlowState;
    fn open(&mut self, id: u64, key: &FlowKey, _at: Stamp) -> FlowState {
        let mut state = FlowState::new(id, key);
        if key.protocol == 6 && self.shared.expected.opened([key.a, key.b]) {
            state.announced();
        }
        state
    }
    fn data(&mut self, state: &mut FlowState, side: Side, segment: Segment<'_>) {
        self.with(state, |s, env| s.data(side, segment, env));
    }
    fn gap(&mut self, state: &mut FlowState, side: Side, bytes: u64, why: Missing, at: Stamp) {
        self.with(state, |s, env| s.gap(side, bytes, why, at, env));
    }
    fn fin(&mut self, state: &mut FlowState, side: Side, at: Stamp) {
        self.with(state, |s, env| s.fin(side, at, env));
    }
    fn datagram(&mut self, state: &mut FlowState, side: Side, bytes: &[u8], at: Stamp) {
        if state.datagram(side, bytes) {
            self.with(state, |s, env| s.quic(side, bytes, at, env));
        }
    }
    fn tunnel(&mut self, state: &mut FlowState, name: &'static str) {
        state.tunnel(name);
    }
    fn close(&mut self, mut state: FlowState, stats: &FlowStats) {
        let mut info = None;
        self.with(&mut state, |s, env| info = Some(s.close(stats, env)));
        self.held = self.held.saturating_sub(state.booked);
        self.flows.extend(info);
    }
}
