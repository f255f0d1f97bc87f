//! Packets to flows. In: packets in capture order. Out: streams and datagrams by [`StreamSink`]. Bounds:
//! [`crate::limits::FLOWS`] flows, [`crate::limits::STREAMS_HELD_ALL`] bytes that wait for missing ones, ages by packet
//! time. Everything that is not handed on is counted.

use super::assemble::Half;
use super::connection::{self, Belongs, Odd, ToSink};
use super::copies::{self, Copies, Print, Tap, TapCopy};
use super::decap::Carried;
use super::frag::Fragments;
use super::table::{Class, Ends, Flow, Table, key};
use super::tcp::Tcp;
use super::{Close, FlowStats, Side, StreamSink};
use crate::call::model::Stamp;
use crate::limits::{
    COPIES_HELD, COPY_TAPS_NS, DATAGRAM_IDLE_NS, EARLY_NS, EARLY_STREAMS, EXPIRE_BATCH,
    FLOW_IDLE_NS, FLOW_LINGER_NS, FLOWS, STREAMS_HELD_ALL,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Diags by source and code: how many, and the number of the first packet.
pub type Diags = BTreeMap<(u32, &'static str), (u64, u64)>;

/// Nanoseconds of packet time between two looks at the ages of flows.
const EXPIRE_EVERY_NS: i64 = 1_000_000_000;

/// Turns packets into flows.
pub struct Net<S: StreamSink> {
    table: Table<S::State>,
    pub(super) fragments: Fragments,
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
    /// Streams whose beginning is not known yet, with the time of their first segment: slot, flow, side, time.
    early: VecDeque<(u32, u64, Side, i64)>,
    counters: BTreeMap<&'static str, u64>,
    diags: Diags,
    /// IP headers of one source whose sum is wrong, and the first: counted by themselves, as it may be every packet.
    bad_sums: (u64, Stamp),
    seen: Copies,
    copies: Vec<TapCopy>,
    /// Whether captures are read that overlap in time, so that two networks may use the same ends at once.
    overlapping: bool,
    /// Flows whose ends are those of one source alone.
    of_source: usize,
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
pub(super) struct Frame {
    pub(super) at: Stamp,
    pub(super) tap: Tap,
    /// Whether it was counted as a copy already, by the tunnel around it.
    pub(super) copied: bool,
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
            early: VecDeque::new(),
            counters: BTreeMap::new(),
            diags: Diags::new(),
            bad_sums: (0, Stamp::default()),
            seen: Copies::default(),
            copies: Vec::new(),
            overlapping: false,
            of_source: 0,
        }
    }

    /// Says whether the packets to come are of several captures at once. A connection that one of them holds may then be
    /// another network's connection with the same addresses and ports in the other: where the numbers do not fit, both
    /// go on beside each other.
    pub fn overlapping(&mut self, yes: bool) {
        self.overlapping = yes;
    }

    /// Packets with content that were captured more than once, since the last call.
    pub fn take_copies(&mut self) -> Vec<TapCopy> {
        std::mem::take(&mut self.copies)
    }

    /// Whether a packet that was seen before is a copy of that, which is told once for each packet.
    pub(super) fn copy_of(&mut self, print: Option<Print>, frame: &mut Frame) -> Option<Stamp> {
        let original = self.seen.see(print?, frame.at, frame.tap)?;
        if !frame.copied {
            frame.copied = true;
            self.count("tap-copy", frame.at);
        }
        Some(original)
    }

    /// Bytes of exported PDUs that a sender and the other end of a flow have sent; the sender sends `more`.
    pub(super) fn pdus(&mut self, ends: Ends, low: bool, more: u32) -> [u32; 2] {
        let slot = self.table.find(&ends);
        let Some(flow) = slot.and_then(|slot| self.table.get(slot)) else {
            return [0; 2];
        };
        let side = flow.side(low);
        let [a, b] = &mut flow.pdus;
        let (mine, its) = match side {
            Side::A => (a, b),
            Side::B => (b, a),
        };
        *mine = mine.wrapping_add(more);
        [*mine, *its]
    }

    /// Moves the clock to the next packet.
    pub(super) fn tick(&mut self, at: Stamp, sink: &mut S) {
        let now = self.clock.tick(at.ts);
        self.last = at;
        self.expire(now, sink);
        while let Some(&(slot, id, side, since)) = self.early.front()
            && (now.saturating_sub(since) >= EARLY_NS || self.early.len() > EARLY_STREAMS)
        {
            self.early.pop_front();
            self.begin_early(slot, id, side, sink);
        }
    }

    /// Hands on what waited for the beginning of a stream.
    fn begin_early(&mut self, slot: u32, id: u64, side: Side, sink: &mut S) {
        let Some(flow) = self.table.get(slot).filter(|f| f.id == id) else {
            return;
        };
        let cost = |flow: &Flow<S::State>| flow.halves.iter().map(Half::cost).sum::<usize>();
        let before = cost(flow);
        let odd = each_half(flow, sink, |half, its, out| {
            if its == side {
                half.settle_early(i64::MAX, out);
            }
        });
        self.held = self.held + cost(flow) - before;
        self.count_odd(odd, self.last);
    }

    /// A packet of a flow that is no connection. `tunnel` names what carries packets of its own: they are handed on by
    /// themselves, and the flow is listed without its content.
    pub(super) fn datagram(
        &mut self,
        carried: &Carried<'_>,
        ports: (u16, u16),
        payload: &[u8],
        tunnel: Option<&'static str>,
        frame: &mut Frame,
        sink: &mut S,
    ) {
        let copy = self
            .copy_of(Some(copies::datagram(carried)), frame)
            .is_some();
        let protocol = carried.protocol;
        let (src, dst) = ((carried.src, ports.0), (carried.dst, ports.1));
        let (ends, low) = Ends::new(src, dst, protocol);
        let slot = match self.table.find(&ends) {
            Some(slot) => slot,
            None => self.open((src, dst), ends, protocol, frame.at, Class::Datagram, sink),
        };
        let Some(flow) = self.table.get(slot) else {
            return;
        };
        let side = flow.side(low);
        if !copy {
            note(flow, side, frame.at);
            if let Some(bytes) = flow.bytes.get_mut(side as usize) {
                *bytes += payload.len() as u64;
            }
        }
        match tunnel {
            Some(name) => sink.tunnel(&mut flow.state, name),
            None => sink.datagram(&mut flow.state, side, payload, frame.at),
        }
        self.table.touch(slot, Class::Datagram, self.clock.ahead());
    }

    pub(super) fn tcp(
        &mut self,
        carried: &Carried<'_>,
        tcp: &Tcp<'_>,
        mut frame: Frame,
        sink: &mut S,
    ) {
        let plain_ack = tcp.payload.is_empty() && !(tcp.syn || tcp.fin || tcp.rst);
        let print = copies::tcp(carried, tcp.payload, plain_ack);
        let original = self.copy_of(print, &mut frame);
        let (src, dst) = ((carried.src, tcp.sport), (carried.dst, tcp.dport));
        let (mut ends, low) = Ends::new(src, dst, 6);
        let source = frame.at.unit.source;
        let mut found = None;
        if self.of_source > 0 {
            let its = ends.of_source(source);
            found = self.table.find(&its);
            if found.is_some() {
                ends = its;
            }
        }
        found = found.or_else(|| self.table.find(&ends));
        if let Some(slot) = found
            && let Some(flow) = self.table.get(slot)
        {
            let side = flow.side(low);
            // Opened again once it was open, in a capture that had none of it: a tap whose clock is far off. It goes on by
            // itself, and deciding facts joins the calls.
            let late = frame.at.ts.saturating_sub(flow.first.ts) > COPY_TAPS_NS;
            let under_way = flow.handshake || flow.bytes != [0, 0];
            let elsewhere = flow.sources & bit(source) == 0 && under_way;
            let far_off = tcp.syn && original.is_none() && elsewhere && late;
            if far_off || matches!(flow.belongs(side, tcp), Belongs::No) {
                found = None;
                let known = flow.closing.is_some() || flow.sources & bit(source) != 0;
                if self.overlapping && !known && !ends.is_of_source() {
                    ends = ends.of_source(source);
                } else {
                    self.close(slot, Close::Reused, sink);
                }
            }
        }
        let slot = found.unwrap_or_else(|| {
            // Who answers a SYN did not open.
            let (a, b) = if tcp.syn && tcp.ack.is_some() {
                (dst, src)
            } else {
                (src, dst)
            };
            self.open((a, b), ends, 6, frame.at, Class::Stream, sink)
        });
        let Some(flow) = self.table.get(slot) else {
            return;
        };
        let side = flow.side(low);
        flow.sources |= bit(source);
        let before: usize = flow.halves.iter().map(|h| h.cost()).sum();
        let met = connection::segment(flow, side, tcp, (frame.at, frame.tap), original, sink);
        if !met.copy {
            note(flow, side, frame.at);
        }
        let id = flow.id;
        if let Some(heard) = flow.heard.get_mut(side as usize) {
            *heard = frame.at.ts;
        }
        let after: usize = flow.halves.iter().map(|h| h.cost()).sum();
        // an end that nobody acknowledged is taken for one where nothing more comes
        let ends = flow.closing.is_some() || flow.halves.iter().any(Half::fin_unheard);
        let class = if ends { Class::Closing } else { Class::Stream };
        if after > before {
            for side in [Side::A, Side::B] {
                let id = flow.id;
                if let Some(half) = flow.halves.get_mut(side as usize)
                    && half.cost() > 0
                    && !half.listed
                {
                    half.listed = true;
                    if half.early() {
                        self.early.push_back((slot, id, side, frame.at.ts));
                    }
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
        self.count_odd(met.odd, frame.at);
        if met.copy && !frame.copied {
            self.count("tap-copy", frame.at);
        }
        if let Some(original) = met.original.filter(|_| !plain_ack)
            && self.copies.len() < COPIES_HELD
        {
            self.copies.push(TapCopy {
                flow: id,
                original,
                at: frame.at,
            });
        }
    }

    /// Lets go of the streams that have held bytes for longest until all is within the limit.
    fn release(&mut self, at: Stamp, sink: &mut S) {
        let (mut given_up, mut odd) = (0, Odd::default());
        while self.held > STREAMS_HELD_ALL
            && let Some((slot, id, side)) = self.holders.pop_front()
        {
            let Some(flow) = self.table.get(slot).filter(|f| f.id == id) else {
                continue;
            };
            let cost = flow.halves.get(side as usize).map_or(0, |h| h.cost());
            odd.take_in(each_half(flow, sink, |half, its, out| {
                if its == side {
                    half.listed = false;
                    while half.cost() > 0 {
                        half.lose(out);
                    }
                }
            }));
            self.held -= cost;
            given_up += u64::from(cost > 0);
        }
        self.count_many("held-limit", given_up, at);
        self.count_odd(odd, at);
    }

    fn open(
        &mut self,
        (a, b): ((IpAddr, u16), (IpAddr, u16)),
        ends: Ends,
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
        let (_, a_low) = Ends::new(a, b, protocol);
        self.of_source += usize::from(ends.is_of_source());
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
        self.of_source -= usize::from(flow.ends.is_of_source());
        let last = flow.last;
        let doubts = flow.halves.iter().filter(|h| h.in_doubt()).count() as u64;
        self.count_many("ack-padding", doubts, last);
        let odd = each_half(&mut flow, sink, |half, _, out| half.end(last, out));
        self.count_odd(odd, last);
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
        self.finish_each(sink, &mut |_| {});
    }

    /// As [`Net::finish`]; `each` is called behind each flow, to take what it gave out before the next one gives more.
    pub fn finish_each(&mut self, sink: &mut S, each: &mut dyn FnMut(&mut S)) {
        self.tell_bad_sums();
        let left = self.fragments.finish();
        self.count_many("fragments-incomplete", left, self.last);
        for slot in self.table.by_id() {
            self.close(slot, Close::End, sink);
            each(sink);
        }
        self.holders.clear();
        self.early.clear();
    }

    /// The state of every open flow, in an order that follows from the packets alone.
    pub fn for_each(&mut self, f: &mut dyn FnMut(&mut S::State)) {
        self.table.iter_mut().for_each(|flow| f(&mut flow.state));
    }

    /// Counts a header whose sum is wrong. Its packet is used all the same: sums are wrong wherever a network card was to
    /// fill them in. What those of TCP do is [`super::assemble`]'s; those of UDP are not looked at.
    pub(super) fn bad_sum(&mut self, at: Stamp) {
        let (n, first) = &mut self.bad_sums;
        if *n > 0 && first.unit.source == at.unit.source {
            *n += 1;
            return;
        }
        self.tell_bad_sums();
        self.bad_sums = (1, at);
    }

    fn tell_bad_sums(&mut self) {
        let (n, first) = std::mem::take(&mut self.bad_sums);
        self.count_many("bad-ip-checksum", n, first);
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

    pub(super) fn count(&mut self, code: &'static str, at: Stamp) {
        self.count_many(code, 1, at);
    }

    fn count_odd(&mut self, odd: Odd, at: Stamp) {
        for code in odd.codes() {
            self.count(code, at);
        }
    }

    pub(super) fn count_many(&mut self, code: &'static str, n: u64, at: Stamp) {
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

/// The bit of a source in [`Flow::sources`].
fn bit(source: u32) -> u64 {
    1 << (source & 63)
}

/// Notes a packet of a side.
fn note<T>(flow: &mut Flow<T>, side: Side, at: Stamp) {
    // A reassembled datagram carries the earlier time of its first fragment.
    flow.last = flow.last.max(at);
    if let Some(n) = flow.packets.get_mut(side as usize) {
        *n += 1;
    }
}

/// Calls `f` for both halves of a flow with the way to the sink, that of which something waits for longer first.
fn each_half<S: StreamSink>(
    flow: &mut Flow<S::State>,
    sink: &mut S,
    mut f: impl FnMut(&mut Half, Side, &mut ToSink<'_, S>),
) -> Odd {
    let mut odd = Odd::default();
    let Flow {
        state,
        halves,
        bytes,
        gaps,
        ..
    } = flow;
    let [a, b] = halves;
    let [bytes_a, bytes_b] = bytes;
    // what waits for longer comes first
    let b_first = b.waits_since().is_some() && a.waits_since() > b.waits_since();
    let mut both = [(a, bytes_a, Side::A), (b, bytes_b, Side::B)];
    if b_first {
        both.reverse();
    }
    for (half, bytes, side) in both {
        let mut out = ToSink {
            sink: &mut *sink,
            state: &mut *state,
            side,
            bytes,
            gaps: &mut *gaps,
            trail: None,
            odd: Odd::default(),
        };
        f(half, side, &mut out);
        odd.take_in(out.odd);
    }
    odd
}
