//! More link layers and tunnels, as in [`crate::tunnels`]: frames of access points, trunks, cable modems, and IP in UDP.

use crate::support::frames::{REQUEST, RESPONSE, exchange, framed, ip4, ip6, sum, udp};
use crate::support::random::Random;
use crate::tunnels::{SNAP, V6, Wrap, as_v6, before, check, over_udp, plain, read, wlan, wrap};
use std::collections::BTreeMap;

/// A datagram of CAPWAP: flags, and what stands behind a header of eight bytes and an address of a radio.
fn capwap(native: bool, flags: u8, id: u16, offset: u16, body: &[u8]) -> Vec<u8> {
    let mut h = vec![0, 4 << 3, 0x40 | 2 | u8::from(native), flags];
    h.extend(id.to_be_bytes());
    h.extend((offset << 3).to_be_bytes());
    h.extend([6, 2, 0, 0, 0, 0, 9, 0]);
    h.extend(body);
    h
}

fn native(p: &[u8]) -> Vec<u8> {
    [wlan(8, 1, &[0, 0]), SNAP.to_vec(), p.to_vec()].concat()
}

fn swapped(p: &[u8]) -> Vec<u8> {
    let mut f = native(p);
    f.swap(0, 1);
    f
}

/// A segment with the sum that it should have.
fn segment(p: &[u8]) -> Vec<u8> {
    let mut s = p[20..].to_vec();
    let mut all = p[12..20].to_vec();
    all.extend([0, 6]);
    all.extend((s.len() as u16).to_be_bytes());
    all.extend(&s);
    let sum = sum(&all);
    s[16..18].copy_from_slice(&sum.to_be_bytes());
    s
}

/// ESP without encryption around a body, with as many bytes of proof.
fn esp(next: u8, body: &[u8], proof: usize) -> Vec<u8> {
    let mut e = vec![0, 0, 0x10, 1, 0, 0, 0, 1];
    e.extend(body);
    let pad = (4 - (e.len() + 2) % 4) % 4;
    e.extend((1..=pad as u8).collect::<Vec<_>>());
    e.extend([pad as u8, next]);
    e.extend(vec![0xa5; proof]);
    e
}

/// Ethernet of a mesh of routers: what a packet of it begins with, and so many bytes more before the frame.
fn batman(begin: &[u8], more: usize) -> Vec<u8> {
    let mut h = vec![2; 12];
    h.extend([0x43, 0x05]);
    h.extend(begin);
    h.extend(vec![3; more]);
    h
}

#[test]
fn frames_of_trunks_meshes_and_modems_lead_to_the_packets() {
    let mut isl = vec![
        1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 90, 0xaa, 0xaa, 3, 0, 0, 0x0c,
    ];
    isl.extend([0, 20, 0, 1, 0, 0]);
    let frame = |head: Vec<u8>| wrap(move |_, p| [head.clone(), framed(p)].concat());
    let mesh = |extra: usize| {
        let mut h = wlan(8, 3, &[0, 1, extra as u8, 31, 1, 0, 0, 0]);
        h.extend(vec![2; 6 * extra]);
        h.extend(SNAP);
        before(h)
    };
    for (name, link, w) in [
        ("ISL", 1, frame(isl)),
        ("mesh", 105, mesh(0)),
        ("mesh, one address more", 105, mesh(1)),
        ("mesh, two addresses more", 105, mesh(2)),
        (
            "QoS with a number where a mesh has its bit",
            105,
            before([wlan(8, 1, &[0, 1]), SNAP.to_vec()].concat()),
        ),
        ("DOCSIS", 143, frame(vec![0, 0, 0, 60, 0x12, 0x34])),
        ("batman-adv", 1, frame(batman(&[0x40, 15, 50, 1], 6))),
        (
            "batman-adv, four addresses",
            1,
            frame(batman(&[0x42, 15, 50, 1], 14)),
        ),
        (
            "batman-adv, to all",
            1,
            frame(batman(&[0x01, 15, 50, 0], 10)),
        ),
        (
            "DOCSIS with a longer header",
            143,
            frame(vec![1, 5, 0, 65, 1, 2, 3, 4, 5, 0x12, 0x34]),
        ),
        (
            "Juniper PPP",
            179,
            before(b"MGC\x01\xff\x03\x00\x21".to_vec()),
        ),
        (
            "Juniper frame relay",
            180,
            before(b"MGC\x01\x18\x41\x03\xcc".to_vec()),
        ),
        (
            "Juniper HDLC",
            181,
            before(b"MGC\x01\x0f\x00\x08\x00".to_vec()),
        ),
        ("Juniper PPPoE", 167, frame(b"MGC\x01".to_vec())),
        (
            "Juniper bundle, a cookie before the packet",
            130,
            before(b"MGC\x01\x10\x00\x00\x05\x00\x21".to_vec()),
        ),
        (
            "Juniper services, no header of a link",
            136,
            before(b"MGC\x02\x00\x00\x00\x02".to_vec()),
        ),
        (
            "frame relay behind a direction",
            206,
            before(b"\x01\x18\x41\x03\xcc".to_vec()),
        ),
        (
            "a switch's tag before the frame",
            282,
            frame(vec![0x20, 0, 0, 1]),
        ),
        (
            "PPP over several links, long numbers",
            9,
            before(vec![0xff, 3, 0, 0x3d, 0xc0, 0, 0, 9, 0, 0x21]),
        ),
        (
            "PPP over several links, short numbers",
            9,
            before(vec![0xff, 3, 0, 0x3d, 0xc0, 9, 0x21]),
        ),
    ] {
        check(name, link, None, &w);
    }
}

fn tunnels() -> Vec<(&'static str, &'static str, Wrap)> {
    let access = |f: fn(&[u8]) -> Vec<u8>, flags: u8, is: bool| {
        wrap(move |back, p| {
            ip4(
                17,
                back,
                1,
                &udp(50_000, 5247, &capwap(is, flags, 0, 0, &f(p))),
            )
        })
    };
    vec![
        ("CAPWAP with 802.11", "capwap", access(native, 0, true)),
        ("CAPWAP, swapped", "capwap", access(swapped, 0, true)),
        ("CAPWAP with 802.3", "capwap", access(framed, 0, false)),
        (
            "LWAPP",
            "lwapp",
            wrap(|back, p| {
                let f = swapped(p);
                let mut h = vec![0, 0];
                h.extend((f.len() as u16).to_be_bytes());
                h.extend([0, 1]);
                ip4(17, back, 1, &udp(50_000, 12_222, &[h, f].concat()))
            }),
        ),
        ("FOU", "fou", over_udp(5555, vec![], plain)),
        ("FOU on any port", "fou", over_udp(7777, vec![], plain)),
        (
            "FOU with IPv6",
            "fou",
            wrap(|back, p| ip4(17, back, 1, &udp(50_000, 5555, &as_v6(back, p, V6)))),
        ),
        ("GUE", "gue", over_udp(6080, vec![0, 4, 0, 0], plain)),
        (
            "GUE with fields",
            "gue",
            over_udp(6080, vec![2, 4, 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8], plain),
        ),
        (
            "PIM, to the meeting point",
            "pim",
            wrap(|back, p| {
                ip4(
                    103,
                    back,
                    1,
                    &[&[0x21, 0, 0xde, 0xff, 0, 0, 0, 0], p].concat(),
                )
            }),
        ),
        ("GUE, version 1", "gue", over_udp(6080, vec![], plain)),
        (
            "GUE with GRE",
            "gue",
            over_udp(6080, vec![0, 47, 0, 0, 0, 0, 8, 0], plain),
        ),
        (
            "ESP in the clear",
            "esp",
            wrap(|back, p| ip4(50, back, 1, &esp(4, p, 12))),
        ),
        (
            "ESP in the clear, larger proof",
            "esp",
            wrap(|_, p| ip6(50, V6.0, V6.1, &esp(4, p, 16))),
        ),
        (
            "ESP with GMAC",
            "esp",
            wrap(|back, p| {
                let mut e = esp(4, &[&[7; 8], p].concat(), 16);
                e[7] = 9;
                ip4(50, back, 1, &e)
            }),
        ),
        ("HP's mirror", "hp-erm", over_udp(7932, vec![7; 12], framed)),
        (
            "Juniper's mirror",
            "jmirror",
            over_udp(30_030, vec![7; 8], plain),
        ),
        (
            "a pcap record's head",
            "aruba-erm",
            over_udp(
                5555,
                vec![0, 7, 7, 7, 0, 0, 0, 9, 0, 0, 0, 90, 0, 0, 0, 90],
                native,
            ),
        ),
        (
            "a pcap record's head and radiotap",
            "aruba-erm",
            over_udp(
                5555,
                vec![
                    0, 7, 7, 7, 0, 0, 0, 9, 0, 0, 0, 90, 0, 0, 0, 90, 0, 0, 8, 0, 0, 0, 0, 0,
                ],
                native,
            ),
        ),
        (
            "WildPackets' mirror",
            "peekremote",
            over_udp(5000, vec![0xc8; 20], native),
        ),
        (
            "ESP in UDP",
            "esp",
            wrap(|back, p| ip4(17, back, 1, &udp(4500, 4500, &esp(4, p, 12)))),
        ),
    ]
}

#[test]
fn more_tunnels_give_their_packets_and_are_listed() {
    for (name, tunnel, w) in tunnels() {
        check(name, 101, Some(tunnel), &w);
    }
}

/// A segment of TCP between the ends of the association itself.
#[test]
fn esp_between_hosts_gives_their_segments() {
    let frames: Vec<_> = exchange()
        .iter()
        .map(|(_, p)| {
            let e = esp(6, &segment(p), 12);
            let mut q = p[..20].to_vec();
            q[2..4].copy_from_slice(&((20 + e.len()) as u16).to_be_bytes());
            q[9] = 50;
            q[10..12].fill(0);
            (101, [q, e].concat(), 0)
        })
        .collect();
    let (flows, codes) = read(&frames);
    let inner = flows.iter().find(|f| f.key.protocol == 6).unwrap();
    assert_eq!(inner.streams, [REQUEST.to_vec(), RESPONSE.to_vec()]);
    assert!(codes.is_empty(), "{codes:?}");
    // a bit that is wrong, and it is what any encrypted packet is
    let mut wrong = frames;
    for f in &mut wrong {
        f.1[50] ^= 1;
    }
    let (flows, _) = read(&wrong);
    assert!(
        flows
            .iter()
            .all(|f| f.key.protocol == 50 && f.tunnel.is_none())
    );
}

#[test]
fn frames_that_an_access_point_cuts_are_put_together() {
    let mut frames = Vec::new();
    for ((back, p), id) in exchange().into_iter().zip(7u16..) {
        let f = native(&p);
        let half = f.len() / 2 / 8 * 8;
        let mut parts = [
            capwap(true, 0x80, id, 0, &f[..half]),
            capwap(true, 0xc0, id, (half / 8) as u16, &f[half..]),
        ];
        if id % 2 == 0 {
            parts.reverse();
        }
        let datagrams = parts
            .iter()
            .map(|part| (101, ip4(17, back, id, &udp(50_000, 5247, part)), 0));
        frames.extend(datagrams);
    }
    let (flows, codes) = read(&frames);
    let inner = flows.iter().find(|f| f.key.protocol == 6).unwrap();
    assert_eq!(inner.streams, [REQUEST.to_vec(), RESPONSE.to_vec()]);
    assert_eq!(codes, BTreeMap::new());
    let outer = flows.iter().find(|f| f.key.protocol == 17).unwrap();
    assert_eq!(outer.tunnel, Some("capwap"));
}

#[test]
fn ordinary_datagrams_are_none_of_them() {
    let mut r = Random::new(11);
    let mut frames = Vec::new();
    let ports = [5247, 12_222, 6080, 5555, 4500, 5000, 7932, 30_030];
    for n in 0..60_000u32 {
        let len = 20 + r.below(80) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| r.next() as u8).collect();
        if n % 2 == 0 {
            bytes[..4].fill(0);
        }
        let port = ports[n as usize % ports.len()];
        frames.push((101, ip4(17, false, 1, &udp(50_000, port, &bytes)), 0));
        frames.push((101, ip4(50, false, 1, &bytes), 0));
    }
    // a station that is managed, a keep-alive, and what is encrypted
    for body in [vec![0x80; 60], vec![0; 60]] {
        frames.push((
            101,
            ip4(
                17,
                false,
                1,
                &udp(50_000, 5247, &capwap(true, 0, 1, 0, &body)),
            ),
            0,
        ));
        frames.push((
            101,
            ip4(
                17,
                false,
                1,
                &udp(50_000, 5247, &capwap(false, 8, 1, 0, &body)),
            ),
            0,
        ));
    }
    let (flows, codes) = read(&frames);
    let wrong: Vec<_> = flows
        .iter()
        .filter(|f| f.tunnel.is_some())
        .map(|f| (f.key, f.tunnel))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(codes.is_empty(), "{codes:?}");
}
