//! Captures and packets, down to streams.

use leaktrace::call::model::{Stamp, Unit};
use leaktrace::case::heads;
use leaktrace::net::Net;
use leaktrace::proto::Calls;
use leaktrace::source::pcap::{Event, Packet, PacketReader};
use std::io::Cursor;

/// A capture file as it comes: pcap or pcapng, and all that lies inside.
pub fn capture(data: &[u8]) {
    let Ok(mut reader) = PacketReader::open(Box::new(Cursor::new(data.to_vec())), 0) else {
        return;
    };
    let (mut net, mut calls) = (Net::new(), Calls::default());
    while let Some(event) = reader.next() {
        match event {
            Event::Packet(p) => net.packet(&p, &mut calls),
            Event::Diag { unit, .. } => assert!(unit >= 1, "units count from 1"),
        }
    }
    net.finish(&mut calls);
    check(&calls);
}

/// What holds for all exchanges, whatever was captured.
pub(super) fn check(calls: &Calls) {
    for x in &calls.exchanges {
        assert!(x.done && (x.request.is_some() || x.response.is_some() || !x.interim.is_empty()));
        for m in x.request.iter().chain(&x.response) {
            assert!(
                m.body.bytes.len() as u64 <= m.body.len,
                "stored bytes are bytes of the body"
            );
            assert!(m.first.unit.number >= 1);
        }
        let _ = heads::decode(&heads::encode(x, &Default::default(), 0));
    }
}

/// Frames of a link type: two bytes of type, then frames that each begin with two bytes of length.
pub fn frames(data: &[u8]) {
    let Some((link, mut rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (mut net, mut calls) = (Net::new(), Calls::default());
    let mut number = 0;
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(tail.len());
        let (frame, tail) = tail.split_at(len);
        rest = tail;
        number += 1;
        feed(
            &mut net,
            &mut calls,
            number,
            u32::from(u16::from_be_bytes(*link)),
            frame,
        );
    }
    net.finish(&mut calls);
    check(&calls);
}

pub(super) fn feed(net: &mut Net<Calls>, calls: &mut Calls, number: u64, link: u32, bytes: &[u8]) {
    let at = Stamp {
        ts: 1_700_000_000_000_000_000 + number as i64 * 50_000_000,
        unit: Unit { source: 0, number },
    };
    let orig_len = bytes.len() as u32;
    net.packet(
        &Packet {
            at,
            link,
            interface: 0,
            bytes,
            orig_len,
        },
        calls,
    );
}

/// A raw IPv4 packet with a TCP segment (link type 101).
pub(super) fn segment(server: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (a, b): ([u8; 6], [u8; 6]) = ([10, 0, 0, 1, 0x9c, 0x40], [10, 0, 0, 2, 0, 80]);
    let (from, to) = if server { (b, a) } else { (a, b) };
    let total = (40 + payload.len()) as u16;
    let mut p = vec![0x45, 0];
    p.extend_from_slice(&total.to_be_bytes());
    p.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    p.extend_from_slice(&from[..4]);
    p.extend_from_slice(&to[..4]);
    p.extend_from_slice(&from[4..]);
    p.extend_from_slice(&to[4..]);
    p.extend_from_slice(&seq.to_be_bytes());
    p.extend_from_slice(&ack.to_be_bytes());
    p.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend_from_slice(payload);
    p
}

/// The sum that a segment in such a packet should have.
fn sum_of(packet: &[u8]) -> u16 {
    let mut all = packet[12..20].to_vec();
    all.extend([0, 6]);
    all.extend((packet.len() as u16 - 20).to_be_bytes());
    all.extend(&packet[20..]);
    let words = all.chunks(2);
    let mut sum: u32 = words
        .map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Segments in any order: each begins with a byte for side, flags and what its sum is, a signed step of the sequence number, a
/// length.
pub fn segments(data: &[u8]) {
    let (mut net, mut calls) = (Net::new(), Calls::default());
    let mut next = [0xffff_ff00_u32, 0x10];
    let (mut rest, mut number) = (data, 0);
    while let Some(([what, step, len], tail)) = rest.split_first_chunk::<3>() {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        number += 1;
        let side = usize::from(what & 1);
        let step = i32::from(*step as i8) * if what & 2 == 0 { 1 } else { 4096 };
        let seq = next[side].wrapping_add(step as u32);
        let flags = (what >> 2) & 0x17 | 0x10;
        let mut packet = segment(side == 1, seq, next[1 - side], flags, payload);
        if what & 0xa0 != 0 {
            let sum = sum_of(&packet).wrapping_add(u16::from(what & 0x80 != 0));
            packet[36..38].copy_from_slice(&sum.to_be_bytes());
        }
        next[side] = seq.wrapping_add(payload.len() as u32);
        feed(&mut net, &mut calls, number, 101, &packet);
    }
    net.finish(&mut calls);
    check(&calls);
}
