//! A small conversation for tests of captures: several connections at once, bodies of all sizes, text and bytes.

use super::random::Random;
use super::recut::Rec;
use super::wire::{self, Wire};
use leaktrace::source::pcap::{Event, PacketReader};
use std::net::Ipv4Addr;

/// The packets of a capture.
pub fn recs(bytes: Vec<u8>) -> Vec<Rec> {
    let mut reader = PacketReader::open(Box::new(std::io::Cursor::new(bytes)), 0).unwrap();
    let mut out = Vec::new();
    while let Some(event) = reader.next() {
        if let Event::Packet(p) = event {
            out.push(Rec {
                ts: p.at.ts,
                link: p.link,
                bytes: p.bytes.to_vec(),
                orig_len: p.orig_len,
            });
        }
    }
    out
}

/// `connections` connections with `exchanges` exchanges each, interleaved; bodies up to `most` bytes, some of them chunked.
pub fn talk(seed: u64, connections: u16, exchanges: usize, most: usize) -> Vec<Rec> {
    let mut r = Random::new(seed);
    let mut w = Wire::new(Vec::new(), 1_700_000_000_000_000_000).unwrap();
    let server = (Ipv4Addr::new(10, 9, 0, 1), 8080);
    let mut open: Vec<_> = (0..connections)
        .map(|n| {
            let client = (Ipv4Addr::new(10, 1, 0, n as u8 + 1), 40_000 + n);
            w.open(client, server).unwrap()
        })
        .collect();
    for n in 0..exchanges {
        for (i, c) in open.iter_mut().enumerate() {
            let sent: Vec<u8> = (0..r.below(most as u64 / 4))
                .map(|_| r.next() as u8)
                .collect();
            let target = format!("/c{i}/n{n}");
            let request = match n % 3 {
                0 => wire::request("GET", "talk", &target, &[], b""),
                _ => wire::request("POST", "talk", &target, &[], &sent),
            };
            // zeros in plenty: they must not be taken for padding
            let body: Vec<u8> = (0..r.below(most as u64))
                .map(|_| if r.chance(30) { 0 } else { r.next() as u8 })
                .collect();
            let response = if n % 4 == 1 {
                let mut b = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                for piece in body.chunks(700) {
                    b.extend(format!("{:x}\r\n", piece.len()).bytes());
                    b.extend(piece);
                    b.extend(b"\r\n");
                }
                b.extend(b"0\r\n\r\n");
                b
            } else {
                wire::response("200 OK", &[], &body)
            };
            w.exchange(c, &request, &response).unwrap();
        }
    }
    for c in &mut open {
        w.close(c).unwrap();
    }
    recs(w.into_inner())
}
