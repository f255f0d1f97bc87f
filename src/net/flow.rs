//! Packets to flows. In: packets in capture order. Out: streams and datagrams by [`StreamSink`]. Bounds:
//! [`crate::limits::FLOWS`] flows, [`crate::limits::STREAMS_HELD_ALL`] bytes that wait for missing ones, ages by packet
//! time. Everything that is not handed on is counted.

use super::connection::{self, Belongs, ToSink};
use super::frag::{Fragments, Outcome};
use super::link::{self, Inner};
use super::table::{Class, Ends, Flow, Table, key};
use super::{Close, FlowStats, Side, StreamSink, ip, tcp};
use crate::call::model::Stamp;
use crate::limits::{
    DATAGRAM_IDLE_NS, ENCAP_DEPTH, EXPIRE_BATCH, FLOW_IDLE_NS, FLOW_LINGER_NS, FLOWS,
    STREAMS_HELD_ALL,
};
use crate::source::pcap::Packet;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Diags by source and code: how many, and the number of the first packet.
pub type Diags = BTreeMap<(u32, &'static str), (u64, u64)>;

/// Shortest Ethernet frame without its check sequence: shorter ones are padded to it.
const SHORT_FRAME: u32 = 60;

/// Nanoseconds of packet time between two looks at the ages of flows.
const EXPIRE_EVERY_NS: i64 = 1_000_000_000;

/// Turns packets into flows.
pub struct Net<S: StreamSink> {
    table: Table<S::State>,
    fragments: Fragments,
    clock: Clock,
    next_id: u64,
    /// When ages are looked at next.
    due: i64,
    /// The last packet.
    last: Stamp,
    /// Bytes that wait in all streams.
    held: usize,
    /// Streams that hold bytes, in the order in which they began to: slot, flow, side. May name some that no longer do.
    holders: VecDeque<(u32, u64, Side)>,
    counters: BTreeMap<&'static str, u64>,
    diags: Diags,
}

/// Packet time that one wrong time stamp does not move: it follows the earlier of the last two.
#[derive(Default)]
struct Clock {
    last: Option<i64>,
    now: i64,
}

impl Clock {
    fn tick(&mut self, ts: i64) -> i64 {
        self.now = match self.last {
            Some(last) => self.now.max(last.min(ts)),
            None => ts,
        };
        self.last = Some(ts);
        self.now
    }
    /// Time of the packet under way, also where the next one has yet to confirm it: a flow must not look old because
    /// it begins after a long pause.
    fn ahead(&self) -> i64 {
        self.last.unwrap_or(self.now).max(self.now)
    }
}

/// What is known of the packet under way.
#[derive(Clone, Copy)]
struct Frame {
    at: Stamp,
    /// Whether it is so short that Ethernet may have padded it.
    short: bool,
}

impl<S: StreamSink> Default for Net<S> {
    fn default() -> Self {
        Net::new()
    }
}

impl<S: StreamSink> Net<S> {
    /// No flows yet.
    #[must_use]
    pub fn new() -> Self {
        Net {
            table: Table::default(),
            fragments: Fragments::default(),
            clock: Clock::default(),
            next_id: 0,
            due: i64::MIN,
            last: Stamp::default(),
            held: 0,
            holders: VecDeque::new(),
            counters: BTreeMap::new(),
            diags: Diags::new(),
        }
    }

    /// Takes the next packet.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut S) {
        let now = self.clock.tick(packet.at.ts);
        self.last = packet.at;
        self.expire(now, sink);
        let frame = Frame {
            at: packet.at,
            short: packet.link == 1 && packet.orig_len <= SHORT_FRAME,
        };
        let cut = (packet.orig_len as usize).saturating_sub(packet.bytes.len());
        match link::inner(packet.link, packet.bytes) {
            Inner::Ip(bytes) => self.network(bytes, cut, frame, 0, sink),
            Inner::Other(code) => self.count(code, frame.at),
        }
    }

    /// An IP packet: on the link, or `depth` tunnels deep.
    fn network(&mut self, bytes: &[u8], cut: usize, frame: Frame, depth: usize, sink: &mut S) {
        let ip = match ip::parse(bytes, cut) {
            Ok(ip) => ip,
            Err(code) => return self.count(code, frame.at),
        };
        let Some(place) = ip.fragment else {
            let ends = (ip.src, ip.dst);
            return self.transport(
                ends,
                ip.protocol,
                ip.payload,
                ip.missing,
                frame,
                depth,
                sink,
            );
        };
        let mut evicted = 0;
        let outcome = self.fragments.add(&ip, place, frame.at, &mut evicted);
        self.count_many("fragments-incomplete", evicted, frame.at);
        match outcome {
            Outcome::Held => {}
            Outcome::Dropped(code) => self.count(code, frame.at),
            Outcome::Whole(whole) => {
                let frame = Frame {
                    at: whole.at,
                    short: false,
                };
                // The first fragment of an IPv6 datagram may hold more extension headers.
                let (protocol, payload) = if ip.src.is_ipv6() {
                    match ip::extensions(whole.protocol, &whole.payload) {
                        Ok((protocol, rest, None)) => (protocol, rest),
                        Ok(_) => return self.count("bad-fragment", frame.at),
                        Err(code) => return self.count(code, frame.at),
                    }
                } else {
                    (whole.protocol, whole.payload.as_slice())
                };
                self.transport((ip.src, ip.dst), protocol, payload, 0, frame, depth, sink);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // the parts of one packet, each of its own type
    fn transport(
        &mut self,
        (src, dst): (IpAddr, IpAddr),
        protocol: u8,
        payload: &[u8],
        missing: usize,
        frame: Frame,
        depth: usize,
        sink: &mut S,
    ) {
        match protocol {
            6 => match tcp::parse(payload, missing) {
                Ok(tcp) => self.tcp(src, dst, &tcp, frame, sink),
                Err(code) => self.count(code, frame.at),
            },
            // IPv4 and IPv6 in IP (RFC 2003, RFC 4213)
            4 | 41 if depth < ENCAP_DEPTH => self.network(payload, missing, frame, depth + 1, sink),
            4 | 41 => self.count("nested-too-deep", frame.at),
            // UDP, UDP-Lite and SCTP have ports and a header of fixed length
            17 | 136 => self.datagram((src, dst), protocol, payload, Some(8), frame, sink),
            132 => self.datagram((src, dst), protocol, payload, Some(12), frame, sink),
            _ => self.datagram((src, dst), protocol, payload, None, frame, sink),
        }
    }

    fn datagram(
        &mut self,
        (src, dst): (IpAddr, IpAddr),
        protocol: u8,
        bytes: &[u8],
        header: Option<usize>,
        frame: Frame,
        sink: &mut S,
    ) {
        let (ports, payload) = match header {
            None => ((0, 0), bytes),
            Some(len) => match (link::u16_at(bytes, 0), link::u16_at(bytes, 2)) {
                (Some(s), Some(d)) => {
                    // UDP tells its own length, behind which there may be padding; 0 stands for a jumbogram.
                    let end = match (protocol, link::u16_at(bytes, 4)) {
                        (17, Some(n)) if n >= 8 => usize::from(n).min(bytes.len()),
                        _ => bytes.len(),
                    };
                    ((s, d), bytes.get(len..end).unwrap_or(&[]))
                }
                _ => return self.count("datagram-cut", frame.at),
            },
        };
        let (src, dst) = ((src, ports.0), (dst, ports.1));
        let (ends, low) = Ends::new(src, dst, protocol);
        let slot = match self.table.find(&ends) {
            Some(slot) => slot,
            None => self.open(src, dst, protocol, frame.at, Class::Datagram, sink),
        };
        let Some(flow) = self.table.get(slot) else {
            return;
        };
        let side = flow.side(low);
        note(flow, side, frame.at);
        if let Some(bytes) = flow.bytes.get_mut(side as usize) {
            *bytes += payload.len() as u64;
        }
        sink.datagram(&mut flow.state, side, payload, frame.at);
        self.table.touch(slot, Class::Datagram, self.clock.ahead());
    }

    fn tcp(&mut self, src: IpAddr, dst: IpAddr, tcp: &tcp::Tcp<'_>, frame: Frame, sink: &mut S) {
        let (src, dst) = ((src, tcp.sport), (dst, tcp.dport));
        let (ends, low) = Ends::new(src, dst, 6);
        let mut found = self.table.find(&ends);
        if let Some(slot) = found
            && let Some(flow) = self.table.get(slot)
        {
            let side = flow.side(low);
            if let Belongs::No = flow.belongs(side, tcp) {
                self.close(slot, Close::Reused, sink);
                found = None;
            }
        }
        let slot = found.unwrap_or_else(|| {
            // Who answers a SYN did not open.
            let (a, b) = if tcp.syn && tcp.ack.is_some() {
                (dst, src)
            } else {
                (src, dst)
            };
            self.open(a, b, 6, frame.at, Class::Stream, sink)
        });
        let Some(flow) = self.table.get(slot) else {
            return;
        };
        let side = flow.side(low);
        note(flow, side, frame.at);
        let before: usize = flow.halves.iter().map(|h| h.cost()).sum();
        let odd = connection::segment(flow, side, tcp, frame.at, frame.short, sink);
        if let Some(heard) = flow.heard.get_mut(side as usize) {
            *heard = frame.at.ts;
        }
        let after: usize = flow.halves.iter().map(|h| h.cost()).sum();
        let class = match flow.closing {
            Some(_) => Class::Closing,
            None => Class::Stream,
        };
        if after > before {
            for side in [Side::A, Side::B] {
                let id = flow.id;
                if let Some(half) = flow.halves.get_mut(side as usize)
                    && half.cost() > 0
                    && !half.listed
                {
                    half.listed = true;
                    self.holders.push_back((slot, id, side));
                }
            }
        }
        self.held = self.held + after - before;
        self.table.touch(slot, class, self.clock.ahead());
        if self.held > STREAMS_HELD_ALL {
            self.release(frame.at, sink);
        }
        if self.holders.len() > 4 * self.table.len() + 1024 {
            let table = &mut self.table;
            self.holders
                .retain(|(slot, id, _)| table.get(*slot).is_some_and(|f| f.id == *id));
        }
        if let Some(code) = odd {
            self.count(code, frame.at);
        }
    }

    /// Lets go of the streams that have held bytes for longest until all is within the limit.
    fn release(&mut self, at: Stamp, sink: &mut S) {
        let mut given_up = 0;
        while self.held > STREAMS_HELD_ALL
            && let Some((slot, id, side)) = self.holders.pop_front()
        {
            let Some(flow) = self.table.get(slot).filter(|f| f.id == id) else {
                continue;
            };
            let cost = flow.halves.get(side as usize).map_or(0, |h| h.cost());
            each_half(flow, sink, |half, its, out| {
                if its == side {
                    half.listed = false;
                    while half.cost() > 0 {
                        half.lose(out);
                    }
                }
            });
            self.held -= cost;
            given_up += u64::from(cost > 0);
        }
        self.count_many("held-limit", given_up, at);
    }

    fn open(
        &mut self,
        a: (IpAddr, u16),
        b: (IpAddr, u16),
        protocol: u8,
        at: Stamp,
        class: Class,
        sink: &mut S,
    ) -> u32 {
        if self.table.len() >= FLOWS {
            self.evict(at, sink);
        }
        let id = self.next_id;
        self.next_id += 1;
        let state = sink.open(id, &key(a, b, protocol), at);
        let (ends, a_low) = Ends::new(a, b, protocol);
        let flow = Flow::new(id, state, ends, a_low, at, class);
        self.table.insert(flow)
    }

    /// Makes room for a flow: a connection that ended goes first, then what has been quiet for longest.
    fn evict(&mut self, at: Stamp, sink: &mut S) {
        let stream = self.table.oldest(Class::Stream);
        let datagram = self.table.oldest(Class::Datagram);
        let quiet = [stream, datagram]
            .into_iter()
            .flatten()
            .min_by_key(|(slot, touched)| (*touched, *slot));
        if let Some((slot, _)) = self.table.oldest(Class::Closing).or(quiet)
            && self.close(slot, Close::Idle, sink) == Close::Idle
        {
            self.count("flow-limit", at);
        }
    }

    /// Ends flows that have been quiet for too long, a few at a time.
    fn expire(&mut self, now: i64, sink: &mut S) {
        if now < self.due {
            return;
        }
        let mut behind = false;
        for (class, age) in [
            (Class::Stream, FLOW_IDLE_NS),
            (Class::Closing, FLOW_LINGER_NS),
            (Class::Datagram, DATAGRAM_IDLE_NS),
        ] {
            for n in 0..=EXPIRE_BATCH {
                match self.table.oldest(class) {
                    // Its last packet was ahead of its time by mistake: it must not keep those behind it.
                    Some((slot, touched)) if touched > now => self.table.touch(slot, class, now),
                    Some(_) if n == EXPIRE_BATCH => behind = true,
                    Some((slot, touched)) if now.saturating_sub(touched) > age => {
                        self.close(slot, Close::Idle, sink);
                    }
                    _ => break,
                }
            }
        }
        if !self.fragments.is_empty() {
            let dropped = self.fragments.expire(now);
            self.count_many("fragments-incomplete", dropped, self.last);
        }
        if !behind {
            self.due = now.saturating_add(EXPIRE_EVERY_NS);
        }
    }

    /// Ends a flow and says why it ended: for what it did itself, else for `why`.
    fn close(&mut self, slot: u32, why: Close, sink: &mut S) -> Close {
        let Some(mut flow) = self.table.remove(slot) else {
            return why;
        };
        let held: usize = flow.halves.iter().map(|h| h.cost()).sum();
        self.held -= held;
        let last = flow.last;
        each_half(&mut flow, sink, |half, _, out| half.end(last, out));
        let close = flow.closing.unwrap_or(why);
        let stats = FlowStats {
            first: flow.first,
            last,
            packets: flow.packets,
            bytes: flow.bytes,
            gaps: flow.gaps,
            handshake: flow.handshake,
            close,
        };
        sink.close(flow.state, &stats);
        close
    }

    /// Ends every flow, in order of their ids.
    pub fn finish(&mut self, sink: &mut S) {
        let left = self.fragments.finish();
        self.count_many("fragments-incomplete", left, self.last);
        for slot in self.table.by_id() {
            self.close(slot, Close::End, sink);
        }
        self.holders.clear();
    }

    /// The state of every open flow, in an order that follows from the packets alone.
    pub fn for_each(&mut self, f: &mut dyn FnMut(&mut S::State)) {
        self.table.iter_mut().for_each(|flow| f(&mut flow.state));
    }

    /// What could not be used, by code.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<&'static str, u64> {
        &self.counters
    }

    /// What could not be used, by source and code, with the first packet of each.
    #[must_use]
    pub fn diags(&self) -> &Diags {
        &self.diags
    }

    fn count(&mut self, code: &'static str, at: Stamp) {
        self.count_many(code, 1, at);
    }

    fn count_many(&mut self, code: &'static str, n: u64, at: Stamp) {
        if n == 0 {
            return;
        }
        *self.counters.entry(code).or_default() += n;
        let entry = self
            .diags
            .entry((at.unit.source, code))
            .or_insert((0, at.unit.number));
        entry.0 += n;
    }
}

/// Notes a packet of a side.
fn note<T>(flow: &mut Flow<T>, side: Side, at: Stamp) {
    // A reassembled datagram carries the earlier time of its first fragment.
    flow.last = flow.last.max(at);
    if let Some(n) = flow.packets.get_mut(side as usize) {
        *n += 1;
    }
}

/// Calls `f` for both halves of a flow with the way to the sink.
fn each_half<S: StreamSink>(
    flow: &mut Flow<S::State>,
    sink: &mut S,
    mut f: impl FnMut(&mut super::assemble::Half, Side, &mut ToSink<'_, S>),
) {
    let Flow {
        state,
        halves,
        bytes,
        gaps,
        ..
    } = flow;
    let sides = [Side::A, Side::B];
    for ((half, bytes), side) in halves.iter_mut().zip(bytes.iter_mut()).zip(sides) {
        let mut out = ToSink {
            sink: &mut *sink,
            state: &mut *state,
            side,
            bytes,
            gaps: &mut *gaps,
        };
        f(half, side, &mut out);
    }
}
