//! IP datagrams from their fragments. In: fragments. Out: the payload once it is whole. Bounds:
//! [`crate::limits::FRAGS_PER_DATAGRAM`], [`crate::limits::FRAG_BYTES`], [`crate::limits::FRAG_AGE_NS`] of packet time.
//!
//! Where fragments overlap, the bytes that came first stay, whatever the system at the end would have done: the same
//! evidence then gives the same bytes, and an overlap is counted so that it can be looked at.

pub(super) use super::ip::Fragment;
use super::ip::Ip;
use crate::call::model::Stamp;
use crate::limits::{FRAG_AGE_NS, FRAG_BYTES, FRAG_DONE_NS, FRAGS_PER_DATAGRAM};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Memory that one held fragment costs beside its bytes.
const PIECE_COST: usize = 96;
/// The largest payload that offsets can tell: a fragment beyond is a lie.
const LARGEST: usize = 65_535 + 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// IPv4 numbers datagrams per protocol (RFC 791); IPv6 does not (RFC 8200), and writes 0 here.
    protocol: u8,
}

struct Datagram {
    /// Pieces that do not overlap, by offset.
    pieces: Vec<(usize, Box<[u8]>)>,
    /// Length, known from the last fragment.
    end: Option<usize>,
    /// Protocol named by the first fragment.
    protocol: u8,
    /// The packet with offset 0.
    at: Stamp,
    held: usize,
    number: u64,
}

/// A datagram that became whole.
pub(super) struct Whole {
    pub(super) payload: Vec<u8>,
    pub(super) protocol: u8,
    pub(super) at: Stamp,
}

/// What a fragment led to.
pub(super) enum Outcome {
    Whole(Whole),
    Held,
    /// Not used, with the code it is counted under.
    Dropped(&'static str),
}

/// Finished datagrams remembered for their copies.
const DONE: usize = 64;

/// The datagrams under way.
#[derive(Default)]
pub(super) struct Fragments {
    /// Those that became whole last, and when.
    done: VecDeque<(Key, i64)>,
    open: HashMap<Key, Datagram>,
    /// In order of their first fragment, with its time; entries of finished datagrams are passed over.
    order: VecDeque<(Key, u64, i64)>,
    held: usize,
    number: u64,
}

impl Fragments {
    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Datagrams dropped because they are older than the limit at `now`.
    pub(super) fn expire(&mut self, now: i64) -> u64 {
        let mut dropped = 0;
        while let Some(&(key, number, since)) = self.order.front() {
            let alive = self.open.get(&key).is_some_and(|d| d.number == number);
            if alive && now.saturating_sub(since) <= FRAG_AGE_NS {
                break;
            }
            self.order.pop_front();
            if alive {
                self.drop_datagram(&key);
                dropped += 1;
            }
        }
        dropped
    }

    /// Datagrams that never became whole, at the end.
    pub(super) fn finish(&mut self) -> u64 {
        let left = self.open.len() as u64;
        *self = Fragments::default();
        left
    }

    fn drop_datagram(&mut self, key: &Key) {
        if let Some(d) = self.open.remove(key) {
            self.held -= d.held;
        }
    }

    /// Takes a fragment. `evicted` is told how many other datagrams had to go for it.
    pub(super) fn add(
        &mut self,
        ip: &Ip<'_>,
        place: Fragment,
        at: Stamp,
        evicted: &mut u64,
    ) -> Outcome {
        let end = place.offset + ip.payload.len();
        if ip.missing > 0 {
            return Outcome::Dropped("fragment-cut");
        }
        // All but the last are multiples of eight, so that offsets can name what follows.
        if ip.payload.is_empty()
            || end > LARGEST
            || (place.more && !ip.payload.len().is_multiple_of(8))
        {
            return Outcome::Dropped("bad-fragment");
        }
        let key = Key {
            src: ip.src,
            dst: ip.dst,
            id: place.id,
            protocol: if ip.src.is_ipv4() { ip.protocol } else { 0 },
        };
        while self
            .done
            .front()
            .is_some_and(|(_, ts)| at.ts.saturating_sub(*ts).saturating_abs() > FRAG_DONE_NS)
        {
            self.done.pop_front();
        }
        if place.id != 0 && self.done.iter().any(|(k, _)| *k == key) {
            return Outcome::Dropped("tap-copy");
        }
        let number = self.number;
        if !self.open.contains_key(&key) {
            self.number += 1;
            // Finished datagrams behind an unfinished one would pile up.
            if self.order.len() > 2 * self.open.len() + 1024 {
                let open = &self.open;
                self.order
                    .retain(|(key, n, _)| open.get(key).is_some_and(|d| d.number == *n));
            }
            self.order.push_back((key, number, at.ts));
        }
        let entry = self.open.entry(key).or_insert_with(|| Datagram {
            pieces: Vec::new(),
            end: None,
            protocol: ip.protocol,
            at,
            held: 0,
            number,
        });
        if entry.pieces.len() >= FRAGS_PER_DATAGRAM {
            self.drop_datagram(&key);
            return Outcome::Dropped("fragment-limit");
        }
        if !place.more {
            entry.end.get_or_insert(end);
        }
        if place.offset == 0 && entry.pieces.first().is_none_or(|(o, _)| *o != 0) {
            entry.protocol = ip.protocol;
            entry.at = at;
        }
        let (grown, overlapped) = insert(&mut entry.pieces, place.offset, ip.payload);
        entry.held += grown;
        self.held += grown;
        if let Some(payload) = whole(entry) {
            let (protocol, first) = (entry.protocol, entry.at);
            self.drop_datagram(&key);
            if self.done.len() >= DONE {
                self.done.pop_front();
            }
            self.done.push_back((key, at.ts));
            let at = first;
            return Outcome::Whole(Whole {
                payload,
                protocol,
                at,
            });
        }
        while self.held > FRAG_BYTES {
            let Some((old, number, _)) = self.order.pop_front() else {
                break;
            };
            if self.open.get(&old).is_some_and(|d| d.number == number) {
                self.drop_datagram(&old);
                *evicted += 1;
            }
        }
        if overlapped {
            return Outcome::Dropped("fragment-overlap");
        }
        Outcome::Held
    }
}

/// Adds the parts of `bytes` that no piece covers yet; says what memory that took and whether other bytes stood there.
fn insert(pieces: &mut Vec<(usize, Box<[u8]>)>, offset: usize, bytes: &[u8]) -> (usize, bool) {
    let end = offset + bytes.len();
    let (mut from, mut grown, mut overlapped) = (offset, 0, false);
    let mut i = pieces.partition_point(|(o, p)| o + p.len() <= offset);
    while from < end {
        let (next, after) = match pieces.get(i) {
            Some((o, p)) if *o < end => (*o, o + p.len()),
            _ => (end, end),
        };
        if let Some((o, p)) = pieces.get(i).filter(|_| next < end) {
            // The same bytes again are a copy.
            let at = from.max(*o);
            let until = end.min(after);
            overlapped |= bytes.get(at - offset..until - offset) != p.get(at - o..until - o);
        }
        if from < next
            && let Some(part) = bytes.get(from - offset..next - offset)
        {
            pieces.insert(i, (from, part.into()));
            grown += part.len() + PIECE_COST;
            i += 1;
        }
        from = from.max(after);
        i += 1;
    }
    (grown, overlapped)
}

/// The payload where the pieces reach from 0 to the known end without a hole.
fn whole(d: &Datagram) -> Option<Vec<u8>> {
    let end = d.end?;
    let mut at = 0;
    for (offset, piece) in &d.pieces {
        if *offset != at || at >= end {
            break;
        }
        at += piece.len();
    }
    if at < end {
        return None;
    }
    let mut payload = Vec::with_capacity(at);
    for (_, piece) in &d.pieces {
        payload.extend_from_slice(piece);
    }
    payload.truncate(end);
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn add(f: &mut Fragments, offset: usize, more: bool, bytes: &[u8], ts: i64) -> Outcome {
        let ip = Ip {
            src: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
            dst: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
            protocol: 6,
            payload: bytes,
            missing: 0,
            fragment: None,
            id: 0,
            bad_sum: false,
        };
        let at = Stamp {
            ts,
            ..Stamp::default()
        };
        let mut evicted = 0;
        f.add(
            &ip,
            Fragment {
                id: 1,
                offset,
                more,
            },
            at,
            &mut evicted,
        )
    }

    #[test]
    fn any_order_gives_the_payload() {
        let mut f = Fragments::default();
        assert!(matches!(add(&mut f, 16, false, b"end", 3), Outcome::Held));
        assert!(matches!(
            add(&mut f, 0, true, b"abcdefgh", 1),
            Outcome::Held
        ));
        let Outcome::Whole(w) = add(&mut f, 8, true, b"ijklmnop", 2) else {
            panic!("not whole");
        };
        assert_eq!(w.payload, b"abcdefghijklmnopend");
        assert_eq!(w.at.ts, 1);
        assert!(f.is_empty() && f.held == 0);
    }

    #[test]
    fn first_bytes_win_and_overlap_is_told() {
        let mut f = Fragments::default();
        add(&mut f, 8, true, b"22222222", 0);
        assert!(matches!(
            add(&mut f, 0, true, b"1111111111111111", 0),
            Outcome::Dropped("fragment-overlap")
        ));
        let Outcome::Whole(w) = add(&mut f, 8, false, b"XXXXXXXXend", 0) else {
            panic!("not whole");
        };
        assert_eq!(w.payload, b"1111111122222222end");
    }

    #[test]
    fn age_and_numbers_are_bounded() {
        let mut f = Fragments::default();
        add(&mut f, 0, true, b"abcdefgh", 0);
        assert_eq!(f.expire(FRAG_AGE_NS), 0);
        assert_eq!(f.expire(FRAG_AGE_NS + 1), 1);
        assert!(f.is_empty() && f.held == 0);
        for n in 0..FRAGS_PER_DATAGRAM {
            add(&mut f, 16 * n, true, b"abcdefgh", 0);
        }
        assert!(matches!(
            add(&mut f, 8, true, b"abcdefgh", 0),
            Outcome::Dropped("fragment-limit")
        ));
    }
}
