//! Made connections: cut, shuffled, repeated, overlapped, with losses, over the wrap of sequence numbers. What comes
//! out must be what a byte-wise model of the rules says.

use crate::packets::{Recorder, Seen};
use leaktrace::call::model::{Stamp, Unit};
use leaktrace::net::{Close, Missing, Net};
use leaktrace::source::pcap::Packet;
use proptest::prelude::*;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;
const URG: u8 = 32;

/// A connection between two fixed ends, written packet by packet.
pub struct Wire {
    net: Net<Recorder>,
    sink: Recorder,
    number: u64,
    pub ts: i64,
    pub ports: (u16, u16),
}

impl Default for Wire {
    fn default() -> Self {
        Wire {
            net: Net::new(),
            sink: Recorder::default(),
            number: 0,
            ts: 1_700_000_000_000_000_000,
            ports: (40000, 80),
        }
    }
}

/// An IPv4 packet with a TCP segment; `from_a` says who sends.
pub fn tcp(ports: (u16, u16), from_a: bool, flags: u8, seq: u32, ack: u32, data: &[u8]) -> Vec<u8> {
    let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (src, dst, sport, dport) = if from_a {
        (a, b, ports.0, ports.1)
    } else {
        (b, a, ports.1, ports.0)
    };
    let total = u16::try_from(40 + data.len()).unwrap();
    let mut p = vec![0x45, 0];
    p.extend_from_slice(&total.to_be_bytes());
    p.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    p.extend_from_slice(&src);
    p.extend_from_slice(&dst);
    p.extend_from_slice(&sport.to_be_bytes());
    p.extend_from_slice(&dport.to_be_bytes());
    p.extend_from_slice(&seq.to_be_bytes());
    p.extend_from_slice(&ack.to_be_bytes());
    p.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend_from_slice(data);
    p
}

impl Wire {
    /// Sends a whole packet.
    pub fn raw(&mut self, bytes: &[u8], orig_len: usize) {
        self.number += 1;
        self.ts += 1_000_000;
        let at = Stamp {
            ts: self.ts,
            unit: Unit {
                source: 0,
                number: self.number,
            },
        };
        let packet = Packet {
            at,
            link: 101,
            interface: 0,
            bytes,
            orig_len: u32::try_from(orig_len).unwrap(),
        };
        self.net.packet(&packet, &mut self.sink);
    }
    pub fn a(&mut self, flags: u8, seq: u32, ack: u32, data: &[u8]) {
        let p = tcp(self.ports, true, flags, seq, ack, data);
        self.raw(&p, p.len());
    }
    pub fn b(&mut self, flags: u8, seq: u32, ack: u32, data: &[u8]) {
        let p = tcp(self.ports, false, flags, seq, ack, data);
        self.raw(&p, p.len());
    }
    pub fn handshake(&mut self, isn_a: u32, isn_b: u32) {
        self.a(SYN, isn_a, 0, b"");
        self.b(SYN | ACK, isn_b, isn_a.wrapping_add(1), b"");
        self.a(ACK, isn_a.wrapping_add(1), isn_b.wrapping_add(1), b"");
    }
    /// Flows that ended so far.
    pub fn ended(&self) -> usize {
        self.sink.done.iter().filter(|f| f.stats.is_some()).count()
    }
    /// Bytes handed on so far.
    pub fn told(&self) -> u64 {
        self.sink.told
    }
    /// What was told before the end, without ending.
    pub fn code(&self, code: &str) -> u64 {
        self.net.counters().get(code).copied().unwrap_or(0)
    }
    pub fn end(mut self) -> Vec<Seen> {
        self.net.finish(&mut self.sink);
        self.sink.done.sort_by_key(|f| f.id);
        self.sink.done
    }
}

/// The rules, byte by byte: the first byte captured for a place stays.
fn model(segments: &[(usize, Vec<u8>)], len: usize) -> (Vec<u8>, Vec<(u64, u64)>) {
    let mut bytes: Vec<Option<u8>> = vec![None; len];
    for (at, data) in segments {
        for (place, b) in bytes[*at..].iter_mut().zip(data) {
            place.get_or_insert(*b);
        }
    }
    let stream = bytes.iter().flatten().copied().collect();
    let mut gaps: Vec<(u64, u64)> = Vec::new();
    for (i, b) in bytes.iter().enumerate() {
        if b.is_none() {
            match gaps.last_mut() {
                Some((at, n)) if *at + *n == i as u64 => *n += 1,
                _ => gaps.push((i as u64, 1)),
            }
        }
    }
    (stream, gaps)
}

/// Shuffles within a window: what was sent within `window` places may change order.
fn jitter<T>(items: Vec<T>, keys: &[u8], window: usize) -> Vec<T> {
    let mut keyed: Vec<(usize, T)> = items
        .into_iter()
        .enumerate()
        .map(|(i, t)| (i + usize::from(keys[i % keys.len()]) % window, t))
        .collect();
    keyed.sort_by_key(|(k, _)| *k);
    keyed.into_iter().map(|(_, t)| t).collect()
}

/// Cuts `len` bytes into pieces of the given sizes, over and over.
fn cut(len: usize, sizes: &[usize]) -> Vec<(usize, usize)> {
    let (mut at, mut out) = (0, Vec::new());
    for n in sizes.iter().cycle() {
        if at >= len {
            break;
        }
        let n = (*n).min(len - at);
        out.push((at, n));
        at += n;
    }
    out
}

fn gaps_of(f: &Seen, side: usize) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (at, n, why) in &f.gaps[side] {
        assert_eq!(*why, Missing::Lost);
        match joined.last_mut() {
            Some((a, m)) if *a + *m == *at => *m += n,
            _ => joined.push((*at, *n)),
        }
    }
    joined
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Cut, shuffled, repeated, and overlapped with other bytes: every place has the byte captured first.
    #[test]
    fn any_capture_of_a_stream_gives_the_stream(
        data in proptest::collection::vec(any::<u8>(), 1..4000),
        sizes in proptest::collection::vec(1usize..200, 1..20),
        keys in proptest::collection::vec(any::<u8>(), 1..64),
        window in 1usize..25,
        extra in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..400, any::<bool>()), 0..12),
        isn in prop_oneof![any::<u32>(), (u32::MAX - 3000)..=u32::MAX],
        end in any::<bool>(),
    ) {
        let mut segments: Vec<(usize, Vec<u8>)> = cut(data.len(), &sizes)
            .into_iter()
            .map(|(at, n)| (at, data[at..at + n].to_vec()))
            .collect();
        for (place, n, lie) in extra {
            let at = place.index(data.len());
            let n = n.min(data.len() - at);
            let mut bytes = data[at..at + n].to_vec();
            if lie {
                bytes.iter_mut().for_each(|b| *b = !*b);
            }
            let where_ = place.index(segments.len());
            segments.insert(where_, (at, bytes));
        }
        let segments = jitter(segments, &keys, window);
        let mut wire = Wire::default();
        wire.handshake(isn, 77);
        let first = isn.wrapping_add(1);
        for (at, bytes) in &segments {
            wire.a(ACK | PSH, first.wrapping_add(*at as u32), 78, bytes);
        }
        if end {
            wire.a(FIN | ACK, first.wrapping_add(data.len() as u32), 78, b"");
        }
        let flows = wire.end();
        prop_assert_eq!(flows.len(), 1);
        let (stream, gaps) = model(&segments, data.len());
        prop_assert!(gaps.is_empty());
        prop_assert_eq!(&flows[0].streams[0], &stream);
        prop_assert!(flows[0].gaps[0].is_empty());
        prop_assert_eq!(flows[0].fin[0], end);
        prop_assert_eq!(flows[0].stats.unwrap().bytes[0], data.len() as u64);
    }

    /// With losses: the gaps have the place and size of what is missing, whether or not it was acknowledged.
    #[test]
    fn losses_are_gaps_of_exact_place_and_size(
        data in proptest::collection::vec(any::<u8>(), 1..4000),
        sizes in proptest::collection::vec(1usize..200, 1..20),
        keys in proptest::collection::vec(any::<u8>(), 1..64),
        window in 1usize..10,
        lost in proptest::collection::vec(any::<bool>(), 1..40),
        isn in prop_oneof![any::<u32>(), (u32::MAX - 3000)..=u32::MAX],
        answered in any::<bool>(),
    ) {
        let segments: Vec<(usize, Vec<u8>)> = cut(data.len(), &sizes)
            .into_iter()
            .enumerate()
            .filter(|(i, _)| !lost[i % lost.len()])
            .map(|(_, (at, n))| (at, data[at..at + n].to_vec()))
            .collect();
        let segments = jitter(segments, &keys, window);
        let mut wire = Wire::default();
        wire.handshake(isn, 77);
        let first = isn.wrapping_add(1);
        let mut top = 0;
        for (at, bytes) in &segments {
            wire.a(ACK | PSH, first.wrapping_add(*at as u32), 78, bytes);
            top = top.max(at + bytes.len());
            if answered {
                // The receiver got everything, also what the capture lost.
                wire.b(ACK, 78, first.wrapping_add(top as u32), b"");
            }
        }
        wire.a(FIN | ACK, first.wrapping_add(data.len() as u32), 78, b"");
        let flows = wire.end();
        let (stream, gaps) = model(&segments, data.len());
        prop_assert_eq!(&flows[0].streams[0], &stream);
        prop_assert_eq!(gaps_of(&flows[0], 0), gaps);
        prop_assert!(flows[0].fin[0]);
    }

    /// Nonsense on one pair of ports: whatever the numbers, nothing panics and the sink's rules hold.
    #[test]
    fn random_segments_keep_the_rules(
        segments in proptest::collection::vec(
            (any::<bool>(), any::<u8>(), prop_oneof![any::<u32>(), 0u32..3000, (u32::MAX - 500)..=u32::MAX],
             prop_oneof![any::<u32>(), 0u32..3000], 0usize..100, 0usize..40), 0..200),
    ) {
        let mut wire = Wire::default();
        for (from_a, flags, seq, ack, len, cut) in segments {
            let p = tcp(wire.ports, from_a, flags & 31, seq, ack, &vec![7; len]);
            let keep = p.len() - cut.min(len);
            wire.raw(&p[..keep], p.len());
        }
        wire.end();
    }
}

#[test]
fn acknowledged_holes_are_declared_soon_and_others_wait() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    w.a(ACK, 1, 1, b"one");
    w.a(ACK, 7, 1, b"three");
    w.b(ACK, 1, 12, b"");
    for _ in 0..70 {
        w.b(ACK, 1, 12, b"");
    }
    // Too late: the place is passed.
    w.a(ACK, 4, 1, b"two");
    w.a(ACK, 12, 1, b"four");
    let f = w.end();
    assert_eq!(f[0].streams[0], b"onethreefour");
    assert_eq!(f[0].gaps[0], [(3, 3, Missing::Lost)]);

    let mut w = Wire::default();
    w.handshake(0, 0);
    w.a(ACK, 1, 1, b"one");
    w.a(ACK, 7, 1, b"three");
    for _ in 0..200 {
        w.b(ACK, 1, 4, b"");
    }
    w.a(ACK, 4, 1, b"two");
    assert_eq!(w.end()[0].streams[0], b"onetwothree");
}

#[test]
fn one_sided_losses_do_not_hold_the_stream() {
    let mut w = Wire::default();
    let mut seq = 1u32;
    w.a(ACK, seq, 1, &[1; 100]);
    seq += 200;
    for _ in 0..100 {
        w.a(ACK, seq, 1, &[2; 100]);
        seq += 100;
    }
    // Nothing was ended yet: the stream came through all the same.
    w.a(ACK | PSH, seq, 1, b"last");
    let f = w.end();
    assert_eq!(f[0].gaps[0], [(100, 100, Missing::Lost)]);
    assert_eq!(f[0].streams[0].len(), 100 + 100 * 100 + 4);
}

#[test]
fn syn_payload_keep_alives_resets_and_late_data() {
    let mut w = Wire::default();
    w.a(SYN, 0, 0, b"GET ");
    w.b(SYN | ACK, 50, 1, b"");
    w.a(ACK | PSH, 1, 51, b"GET / ");
    w.a(ACK, 6, 51, b"\0"); // keep-alive
    w.a(FIN | ACK | PSH, 7, 51, b"x");
    w.b(ACK, 51, 9, b"");
    w.a(ACK | PSH, 8, 51, b"after the FIN");
    w.b(RST, 51, 0, b"go away");
    w.b(RST, 51, 0, b"");
    let f = w.end();
    assert_eq!(f.len(), 1);
    assert_eq!(f[0].streams, [b"GET / x".to_vec(), Vec::new()]);
    assert_eq!(f[0].stats.unwrap().close, Close::Reset);
    assert_eq!(f[0].stats.unwrap().packets, [5, 4]);
}

#[test]
fn a_snap_length_leaves_gaps_behind_what_was_captured() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    let p = tcp(w.ports, true, ACK, 1, 1, b"0123456789");
    w.raw(&p[..p.len() - 6], p.len());
    w.a(ACK, 11, 1, b"abc");
    let f = w.end();
    assert_eq!(f[0].streams[0], b"0123abc");
    assert_eq!(f[0].gaps[0], [(4, 6, Missing::Snaplen)]);
}

#[test]
fn fragments_of_a_segment_are_put_together() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    let whole = tcp(w.ports, true, ACK | PSH, 1, 1, &[b'x'; 100]);
    let part = |from: usize, to: usize| {
        let mut p = whole[..20].to_vec();
        p[2..4].copy_from_slice(&u16::try_from(20 + to - from).unwrap().to_be_bytes());
        let more = if to < 120 { 0x2000 } else { 0 };
        let place = more | u16::try_from(from / 8).unwrap();
        p[6..8].copy_from_slice(&place.to_be_bytes());
        p.extend_from_slice(&whole[20 + from..20 + to]);
        p
    };
    for (from, to) in [(64, 120), (0, 32), (32, 64)] {
        let p = part(from, to);
        w.raw(&p, p.len());
    }
    assert_eq!(w.end()[0].streams[0], vec![b'x'; 100]);
}

#[test]
fn zeros_in_doubt_behind_a_hole_do_not_keep_the_end_from_coming() {
    let mut w = Wire::default();
    w.handshake(100, 500);
    w.a(ACK, 111, 501, &[0; 4]);
    let f = &w.end()[0];
    assert_eq!(gaps_of(f, 0), [(0, 10)]);
    assert!(f.stats.is_some());
}

#[test]
fn a_stream_without_its_syn_begins_where_the_first_of_its_segments_does() {
    // the other side waits for the first: no need to wait for more
    let mut w = Wire::default();
    w.b(ACK, 500, 100, b"");
    w.a(ACK, 104, 500, b"efgh");
    w.a(ACK, 108, 500, b"ijkl");
    assert_eq!(w.told(), 0);
    w.a(ACK, 100, 500, b"abcd");
    assert_eq!(w.told(), 12);
    assert_eq!(w.end()[0].streams[1], b"abcdefghijkl");
    // it acknowledged them all
    let mut w = Wire::default();
    w.a(ACK, 104, 500, b"efgh");
    w.a(ACK, 100, 500, b"abcd");
    assert_eq!(w.told(), 0);
    w.b(ACK, 500, 108, b"");
    assert_eq!(w.told(), 8);
    assert_eq!(w.end()[0].streams[0], b"abcdefgh");
    // the SYN comes late; what was sent before another SYN is another flow
    let mut w = Wire::default();
    w.a(ACK, 105, 500, b"efgh");
    w.a(ACK, 101, 500, b"abcd");
    w.a(SYN, 100, 0, b"");
    assert_eq!(w.told(), 8);
    w.a(SYN, 9000, 0, b"");
    assert_eq!(w.end().len(), 2);
    // nobody says: after a tenth of a second
    let mut w = Wire::default();
    w.a(ACK, 104, 500, b"efgh");
    w.a(ACK, 100, 500, b"abcd");
    w.ts += 100_000_000;
    let ports = std::mem::replace(&mut w.ports, (1, 2));
    w.a(SYN, 1, 0, b"");
    w.a(SYN, 1, 0, b"");
    w.ports = ports;
    assert_eq!(w.told(), 8);
    // or after some pieces
    let mut w = Wire::default();
    for n in (0..16).rev() {
        assert_eq!(w.told(), 0);
        w.a(ACK, 100 + n, 500, b"x");
    }
    assert_eq!(w.told(), 16);
}

#[test]
fn zeros_that_fill_no_frame_are_data_and_those_before_a_hole_too() {
    // one zero alone in a segment fills no frame
    let mut w = Wire::default();
    w.handshake(100, 500);
    w.a(ACK, 101, 501, b"\0");
    w.a(ACK, 102, 501, b"\0\0\0");
    assert_eq!(w.told(), 4);
    assert_eq!(w.end()[0].streams[0], [0; 4]);
    // six would: what comes behind a hole says that the sender went on, nothing says where
    let mut w = Wire::default();
    w.handshake(100, 500);
    w.a(ACK, 101, 501, &[0; 6]);
    w.a(ACK | PSH, 117, 501, b"behind");
    let f = &w.end()[0];
    assert_eq!(f.streams[0], b"\0\0\0\0\0\0behind");
    assert_eq!(gaps_of(f, 0), [(6, 10)]);
    // and what comes in their place says that they were none
    let mut w = Wire::default();
    w.handshake(100, 500);
    w.a(ACK, 101, 501, &[0; 6]);
    w.a(ACK | PSH, 101, 501, b"in place");
    assert_eq!(w.code("ack-padding"), 1);
    assert_eq!(w.end()[0].streams[0], b"in place");
}

#[test]
fn urgent_bytes_stay_in_the_stream_and_are_counted() {
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(ACK | PSH, 101, 901, b"GET ");
    w.a(ACK | URG, 105, 901, b"!");
    w.a(ACK | PSH, 106, 901, b"/x");
    assert_eq!(w.code("tcp-urgent"), 1);
    assert_eq!(w.end()[0].streams[0], b"GET !/x");
}

#[test]
fn what_a_cap_cost_and_what_came_too_late_is_counted() {
    // behind a hole more pieces than are held
    let mut w = Wire::default();
    w.handshake(100, 900);
    for n in 0..1100u32 {
        w.a(ACK | PSH, 111 + 10 * n, 901, b"0123456789");
        w.b(ACK, 901, 101, b"");
    }
    assert_eq!(w.code("stream-limit"), 1);
    assert_eq!(w.code("late-bytes"), 0);
    // then what was missing comes; what comes again behind it is no news,
    // and a packet that is odd twice is counted twice
    w.a(ACK | PSH | URG, 101, 901, b"too late..");
    w.a(ACK | PSH, 111, 901, b"0123456789");
    assert_eq!(w.code("late-bytes"), 1);
    assert_eq!(w.code("tcp-urgent"), 1);
    let f = w.end();
    assert_eq!(gaps_of(&f[0], 0), [(0, 10)]);
    assert_eq!(f[0].streams[0].len(), 11_000);
}

#[test]
fn what_was_acknowledged_before_a_stream_is_captured_is_a_gap() {
    // no handshake, and the first answer lost
    let mut w = Wire::default();
    w.a(ACK | PSH, 100, 900, b"ask");
    w.a(ACK | PSH, 103, 910, b"again");
    w.b(ACK | PSH, 910, 108, b"answer");
    w.a(ACK | PSH, 108, 916, b"more");
    let f = w.end();
    assert_eq!(gaps_of(&f[0], 1), [(0, 10)]);
    assert_eq!(f[0].streams, [b"askagainmore".to_vec(), b"answer".to_vec()]);
}
