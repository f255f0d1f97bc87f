//! The flows under way. In: the two ends of a packet. Out: the slot of their flow. Bounds: [`crate::limits::FLOWS`];
//! lists in order of the last packet make ageing a matter of looking at their heads.

use super::assemble::Half;
use super::copies::{Tap, Trail};
use super::{Close, FlowKey, Side};
use crate::call::model::Stamp;
use std::collections::HashMap;
use std::net::IpAddr;

/// How far apart two packets of a flow are at least, in nanoseconds, for the second to make it younger.
const TOUCH_NS: i64 = 1_000_000_000;
/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Both ends in an order of their own, so that both directions are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    addresses: [u128; 2],
    /// Lower port, upper port, protocol, IP version.
    rest: u64,
}

impl Ends {
    /// The ends as only one source knows them: another network that uses the same addresses.
    pub(super) fn of_source(mut self, source: u32) -> Ends {
        self.rest |= (u64::from(source & 0x7fff) + 1) << 16;
        self
    }
    /// Whether they are those of one source alone.
    pub(super) fn is_of_source(&self) -> bool {
        self.rest >> 16 & 0xffff != 0
    }
    /// The ends of a packet, and whether its sender is the lower one.
    pub(super) fn new(src: (IpAddr, u16), dst: (IpAddr, u16), protocol: u8) -> (Ends, bool) {
        let number = |a: IpAddr| match a {
            IpAddr::V4(a) => u128::from(a.to_bits()),
            IpAddr::V6(a) => a.to_bits(),
        };
        let (s, d) = ((number(src.0), src.1), (number(dst.0), dst.1));
        let forward = s <= d;
        let (lo, hi) = if forward { (s, d) } else { (d, s) };
        let rest = u64::from(lo.1) << 48
            | u64::from(hi.1) << 32
            | u64::from(protocol) << 8
            | u64::from(src.0.is_ipv6());
        let addresses = [lo.0, hi.0];
        (Ends { addresses, rest }, forward)
    }
}

/// Which list a flow ages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A connection.
    Stream = 0,
    /// A connection that ended and lingers, or one of which nobody acknowledged the FIN.
    Closing = 1,
    /// Datagrams.
    Datagram = 2,
}

/// One flow.
pub(super) struct Flow<T> {
    pub(super) id: u64,
    pub(super) state: T,
    pub(super) ends: Ends,
    /// Whether side A is the lower end.
    pub(super) a_low: bool,
    pub(super) first: Stamp,
    pub(super) last: Stamp,
    pub(super) packets: [u64; 2],
    pub(super) bytes: [u64; 2],
    pub(super) gaps: u64,
    /// Bytes of A and B that came as exported PDUs: where the next one stands.
    pub(super) pdus: [u32; 2],
    pub(super) handshake: bool,
    /// Where each side was captured first.
    pub(super) taps: [Option<Tap>; 2],
    /// Sources that it was captured in, a bit for each (modulo 64).
    pub(super) sources: u64,
    /// Where its bytes came from, once it was seen at a second tap.
    pub(super) trail: Option<Box<Trail>>,
    /// Why it will end, once that is known.
    pub(super) closing: Option<Close>,
    /// Streams of A and B.
    pub(super) halves: [Half; 2],
    /// Time of the last packet by side.
    pub(super) heard: [i64; 2],
    /// Packet time of the last packet, never before that of the flow behind in its list except by a wrong time stamp.
    pub(super) touched: i64,
    class: Class,
    before: u32,
    after: u32,
}

impl<T> Flow<T> {
    /// A flow whose first packet is at `at`.
    pub(super) fn new(id: u64, state: T, ends: Ends, a_low: bool, at: Stamp, class: Class) -> Self {
        Flow {
            id,
            state,
            ends,
            a_low,
            first: at,
            last: at,
            packets: [0; 2],
            bytes: [0; 2],
            gaps: 0,
            pdus: [0; 2],
            handshake: false,
            taps: [None; 2],
            sources: 0,
            trail: None,
            closing: None,
            halves: [Half::default(), Half::default()],
            heard: [i64::MIN; 2],
            touched: at.ts,
            class,
            before: NONE,
            after: NONE,
        }
    }
    /// Side of a sender.
    pub(super) fn side(&self, sender_low: bool) -> Side {
        if sender_low == self.a_low {
            Side::A
        } else {
            Side::B
        }
    }
}

/// Key of a flow whose side A is `a`.
pub(super) fn key(a: (IpAddr, u16), b: (IpAddr, u16), protocol: u8) -> FlowKey {
    FlowKey { a, b, protocol }
}

#[derive(Clone, Copy)]
struct List {
    head: u32,
    tail: u32,
}

/// All flows.
pub(super) struct Table<T> {
    slots: Vec<Option<Box<Flow<T>>>>,
    free: Vec<u32>,
    /// The hasher is keyed at random: evidence cannot be made to collide. Nothing iterates over it.
    index: HashMap<Ends, u32>,
    lists: [List; 3],
    /// The flow of the last packet, which most often is that of the next.
    recent: Option<(Ends, u32)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        let empty = List {
            head: NONE,
            tail: NONE,
        };
        Table {
            slots: Vec::new(),
            free: Vec::new(),
            index: HashMap::new(),
            lists: [empty; 3],
            recent: None,
        }
    }
}

impl<T> Table<T> {
    /// Flows under way.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The slot of a flow.
    pub(super) fn find(&mut self, ends: &Ends) -> Option<u32> {
        match &self.recent {
            Some((e, slot)) if e == ends => return Some(*slot),
            _ => {}
        }
        let slot = *self.index.get(ends)?;
        self.recent = Some((*ends, slot));
        Some(slot)
    }

    /// The flow in a slot.
    pub(super) fn get(&mut self, slot: u32) -> Option<&mut Flow<T>> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// Adds a flow; its ends must not be in the table.
    pub(super) fn insert(&mut self, flow: Flow<T>) -> u32 {
        let (ends, class) = (flow.ends, flow.class);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Box::new(flow));
        }
        self.index.insert(ends, slot);
        self.recent = Some((ends, slot));
        self.link(slot, class);
        slot
    }

    /// Takes a flow out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<Flow<T>>> {
        self.unlink(slot);
        let flow = self.slots.get_mut(slot as usize)?.take()?;
        self.index.remove(&flow.ends);
        self.recent = None;
        self.free.push(slot);
        Some(flow)
    }

    /// Notes a packet: the flow goes to the end of the list of `class`.
    pub(super) fn touch(&mut self, slot: u32, class: Class, now: i64) {
        let Some(flow) = self.get(slot) else { return };
        // Ages need no more than seconds; moving a flow for each packet would touch the memory of three.
        let recent = (0..TOUCH_NS).contains(&now.saturating_sub(flow.touched));
        if recent && flow.class == class {
            return;
        }
        flow.touched = now;
        if flow.after == NONE && flow.class == class {
            return; // already the last one
        }
        self.unlink(slot);
        self.link(slot, class);
    }

    /// The flow of a class that has been quiet for longest, and since when.
    pub(super) fn oldest(&mut self, class: Class) -> Option<(u32, i64)> {
        let slot = self.lists.get(class as usize)?.head;
        self.get(slot).map(|f| (slot, f.touched))
    }

    /// Slots of all flows in order of their ids.
    pub(super) fn by_id(&self) -> Vec<u32> {
        let mut all: Vec<(u64, u32)> = (0u32..)
            .zip(&self.slots)
            .filter_map(|(slot, f)| f.as_ref().map(|f| (f.id, slot)))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, slot)| slot).collect()
    }

    /// All flows in order of their slots, which follows from the packets alone.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Flow<T>> {
        self.slots.iter_mut().filter_map(|f| f.as_deref_mut())
    }

    fn link(&mut self, slot: u32, class: Class) {
        let Some(list) = self.lists.get_mut(class as usize) else {
            return;
        };
        let tail = list.tail;
        list.tail = slot;
        if tail == NONE {
            list.head = slot;
        }
        if let Some(last) = self.get(tail) {
            last.after = slot;
        }
        if let Some(flow) = self.get(slot) {
            (flow.before, flow.after, flow.class) = (tail, NONE, class);
        }
    }

    fn unlink(&mut self, slot: u32) {
        let Some(flow) = self.get(slot) else { return };
        let (before, after, class) = (flow.before, flow.after, flow.class);
        match self.get(before) {
            Some(f) => f.after = after,
            None => {
                if let Some(list) = self.lists.get_mut(class as usize) {
                    list.head = after;
                }
            }
        }
        match self.get(after) {
            Some(f) => f.before = before,
            None => {
                if let Some(list) = self.lists.get_mut(class as usize) {
                    list.tail = before;
                }
            }
        }
    }
}
