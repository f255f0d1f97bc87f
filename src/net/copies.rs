//! Packets that were captured more than once: at two interfaces, in two files, by a mirror port that sees both sides of
//! a switch. In: transport headers with their time. Out: the packet that one is a copy of. Bounds: the last
//! [`crate::limits::COPY_SLOTS`] packets are remembered by a print, and per connection the places of its last bytes.
//!
//! A copy is never left out: its bytes go the way of all others, where what is there already is thrown away. Being one
//! only means that it is not counted as sent again. So a forged print hides nothing.

use super::Side;
use super::decap::Carried;
use crate::call::model::Stamp;
use crate::limits::{COPY_NEAR_NS, COPY_SLOTS, COPY_TAPS_NS, COPY_TRAIL, COPY_WEAK_NS};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Where a packet was captured: source and interface.
pub(super) type Tap = (u32, u32);

/// A packet that was captured again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapCopy {
    /// Flow, see [`super::StreamSink::open`].
    pub flow: u64,
    /// The packet as it was captured first.
    pub original: Stamp,
    /// The copy.
    pub at: Stamp,
}

/// What tells a packet from those like it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Print {
    hash: u64,
    /// Whether a packet sent again would differ: it has an identification, or a clock of its own.
    strong: bool,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u64,
    at: Stamp,
    interface: u32,
}

/// Two slots, of which the older one goes when a packet comes that is in neither.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Parts of the two prints: nearly every packet is told from both by these alone, which stay in a core's nearest cache.
    tags: [u32; 2],
    /// The older one.
    next: u8,
}

/// The last packets by their prints.
#[derive(Default)]
pub(super) struct Copies {
    places: Vec<Place>,
    slots: Vec<Slot>,
}

fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn words(mut hash: u64, bytes: &[u8]) -> u64 {
    let (whole, rest) = bytes.as_chunks::<8>();
    for word in whole {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        hash = mix(hash, u64::from_le_bytes(last));
    }
    hash
}

/// Ends, identification and length of a packet.
fn begin(carried: &Carried<'_>) -> u64 {
    let end = |hash, a: IpAddr| match a {
        IpAddr::V4(a) => mix(hash, u64::from(a.to_bits())),
        IpAddr::V6(a) => words(hash, &a.octets()),
    };
    let len = (carried.bytes.len() + carried.missing) as u64;
    let hash = mix(
        u64::from(carried.protocol),
        u64::from(carried.id) << 32 | len,
    );
    end(end(hash, carried.src), carried.dst)
}

/// Print of a TCP segment: all of its header but the sum, which offloading changes, and both ends of its payload.
/// `None` for acknowledgements that say nothing of themselves: many are alike.
pub(super) fn tcp(carried: &Carried<'_>, payload: &[u8], plain_ack: bool) -> Option<Print> {
    let header = carried.bytes.len().saturating_sub(payload.len());
    let (head, options) = (carried.bytes.get(..16)?, carried.bytes.get(18..header)?);
    let clock = options.get(2..6) == Some(&[1, 1, 8, 10]);
    let strong = carried.id != 0 || clock;
    if plain_ack && !strong {
        return None;
    }
    let hash = words(words(begin(carried), head), options);
    let hash = payload.first_chunk::<8>().map_or(hash, |b| words(hash, b));
    let hash = payload.last_chunk::<8>().map_or(hash, |b| words(hash, b));
    Some(Print { hash, strong })
}

/// Print of a datagram: its beginning and its end.
pub(super) fn datagram(carried: &Carried<'_>) -> Print {
    let bytes = carried.bytes;
    let hash = words(begin(carried), bytes.get(..48).unwrap_or(bytes));
    let hash = bytes.last_chunk::<8>().map_or(hash, |b| words(hash, b));
    let strong = carried.id != 0;
    Print { hash, strong }
}

impl Copies {
    /// The packet that this one is a copy of; else remembers it.
    pub(super) fn see(&mut self, print: Print, at: Stamp, tap: Tap) -> Option<Stamp> {
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); COPY_SLOTS];
            self.places = vec![Place::default(); COPY_SLOTS / 2];
        }
        let number = (print.hash >> 40) as usize % (COPY_SLOTS / 2);
        let place = self.places.get_mut(number)?;
        let slots = self.slots.get_mut(number * 2..number * 2 + 2)?;
        let [a, b, c, d, ..] = print.hash.to_le_bytes();
        let tag = u32::from_le_bytes([a, b, c, d]);
        for (slot, _) in slots.iter().zip(place.tags).filter(|(_, t)| *t == tag) {
            if slot.hash != print.hash || slot.at.unit.number == 0 {
                continue;
            }
            let elsewhere = (slot.at.unit.source, slot.interface) != tap;
            let window = match (print.strong, elsewhere) {
                (true, true) => COPY_TAPS_NS,
                (true, false) => COPY_NEAR_NS,
                (false, _) => COPY_WEAK_NS,
            };
            if at.ts.saturating_sub(slot.at.ts).saturating_abs() <= window {
                return Some(slot.at);
            }
        }
        let older = usize::from(place.next & 1);
        place.next ^= 1;
        if let (Some(slot), Some(t)) = (slots.get_mut(older), place.tags.get_mut(older)) {
            *t = tag;
            *slot = Slot {
                hash: print.hash,
                at,
                interface: tap.1,
            };
        }
        None
    }
}

/// The packets that carried the last bytes of a connection, kept once it is seen at a second tap: there they may have
/// been cut into other packets.
#[derive(Default)]
pub(super) struct Trail {
    sides: [VecDeque<(u64, Stamp)>; 2],
}

impl Trail {
    /// Notes that the bytes before `end` came with this packet.
    pub(super) fn note(&mut self, side: Side, end: u64, at: Stamp) {
        if let Some(last) = self.sides.get_mut(side as usize) {
            if last.len() >= COPY_TRAIL {
                last.pop_front();
            }
            last.push_back((end, at));
        }
    }
    /// The packet that carried the byte at `offset`.
    pub(super) fn find(&self, side: Side, offset: u64) -> Option<Stamp> {
        let last = self.sides.get(side as usize)?;
        let at = last.partition_point(|(end, _)| *end <= offset);
        // what came before all that is kept is not known
        let known = at > 0 || offset == 0 || last.len() < COPY_TRAIL;
        last.get(at).filter(|_| known).map(|(_, stamp)| *stamp)
    }
}
