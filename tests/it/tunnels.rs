//! One exchange in every link layer and tunnel: its streams come out whole, and the tunnel is listed. Ordinary datagrams
//! on the same ports stay what they are.

use crate::packets::{Recorder, Seen};
use crate::support::frames::{
    REQUEST, RESPONSE, eth, exchange, framed, ip4, ip4_between, ip6, kind, tcp, udp,
};
use crate::support::random::Random;
use leaktrace::call::model::{Stamp, Unit};
use leaktrace::net::Net;
use leaktrace::source::pcap::Packet;
use std::collections::BTreeMap;

/// Reads frames: link type, bytes, and bytes that were on the wire behind them.
pub fn read(frames: &[(u32, Vec<u8>, usize)]) -> (Vec<Seen>, BTreeMap<&'static str, u64>) {
    let (mut net, mut sink) = (Net::new(), Recorder::default());
    for ((link, bytes, cut), number) in frames.iter().zip(1u64..) {
        let at = Stamp {
            ts: 1_700_000_000_000_000_000 + number as i64 * 1_000_000,
            unit: Unit { source: 0, number },
        };
        let packet = Packet {
            at,
            link: *link,
            interface: 0,
            bytes,
            orig_len: (bytes.len() + cut) as u32,
        };
        net.packet(&packet, &mut sink);
    }
    net.finish(&mut sink);
    (sink.done, net.counters().clone())
}

/// What a wrapper gets: whether the server sends, and an IP packet.
pub type Wrap = Box<dyn Fn(bool, &[u8]) -> Vec<u8>>;

pub fn wrap(f: impl Fn(bool, &[u8]) -> Vec<u8> + 'static) -> Wrap {
    Box::new(f)
}

/// Something before a packet.
pub fn before(head: Vec<u8>) -> Wrap {
    wrap(move |_, p| [&head, p].concat())
}

pub fn check(name: &str, link: u32, tunnel: Option<&str>, wrap: &Wrap) {
    let frames: Vec<_> = exchange()
        .iter()
        .map(|(back, p)| (link, wrap(*back, p), 0))
        .collect();
    let (flows, codes) = read(&frames);
    let inner: Vec<&Seen> = flows.iter().filter(|f| f.key.protocol == 6).collect();
    assert_eq!(inner.len(), 1, "{name}: {codes:?} {flows:?}");
    assert_eq!(
        inner[0].streams,
        [REQUEST.to_vec(), RESPONSE.to_vec()],
        "{name}"
    );
    // the first frame of an A-MSDU there is not IP
    let others = if name == "A-MSDU" { 7 } else { 0 };
    assert_eq!(codes.values().sum::<u64>(), others, "{name}: {codes:?}");
    let outer: Vec<_> = flows.iter().filter_map(|f| f.tunnel).collect();
    assert_eq!(
        outer.first().copied(),
        tunnel,
        "{name}: the tunnel is listed"
    );
    for f in flows.iter().filter(|f| f.tunnel.is_some()) {
        let stats = f.stats.unwrap();
        assert!(
            stats.packets.iter().sum::<u64>() > 0 && f.datagrams == 0,
            "{name}"
        );
    }
}

/// Headers of a data frame of 802.11: subtype, flags, and what follows the addresses.
pub fn wlan(subtype: u8, flags: u8, more: &[u8]) -> Vec<u8> {
    let mut h = vec![0x08 | subtype << 4, flags, 0, 0];
    h.extend([2; 18]);
    h.extend([0, 0]);
    if flags & 3 == 3 {
        h.extend([2; 6]);
    }
    h.extend(more);
    h
}

pub const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

#[test]
fn every_link_layer_leads_to_the_packets() {
    let data = |head: Vec<u8>| before([head, SNAP.to_vec()].concat());
    let tap = |flags: u8| {
        // two words of what is present, a clock, the flags
        let mut h = vec![0u8, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0];
        h.extend([0; 4]);
        h.extend([7; 8]);
        h.push(flags);
        h
    };
    let mut prism = vec![0x44, 0, 0, 0, 144, 0, 0, 0];
    prism.resize(144, 0);
    let mut avs = vec![0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64];
    avs.resize(64, 0);
    let mut pktap = vec![0u8; 108];
    pktap[..12].copy_from_slice(&[108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    let mut pflog = vec![61u8, 2];
    pflog.resize(64, 0);
    let cases: Vec<(&str, u32, Wrap)> = vec![
        ("ethernet", 1, wrap(|_, p| framed(p))),
        ("null, little-endian", 0, before(vec![2, 0, 0, 0])),
        ("null, big-endian", 0, before(vec![0, 0, 0, 2])),
        ("loop", 108, before(vec![0, 0, 0, 2])),
        ("raw", 101, wrap(|_, p| p.to_vec())),
        ("802.11", 105, data(wlan(0, 1, &[]))),
        ("802.11, four addresses", 105, data(wlan(0, 3, &[]))),
        ("802.11, QoS", 105, data(wlan(8, 2, &[0, 0]))),
        (
            "802.11, QoS and HT",
            105,
            data(wlan(8, 0x82, &[0, 0, 1, 2, 3, 4])),
        ),
        (
            "802.11, decrypted by the card",
            105,
            data(wlan(8, 0x42, &[0, 0])),
        ),
        ("radiotap", 127, data([tap(0), wlan(0, 1, &[])].concat())),
        (
            "radiotap, padded",
            127,
            data([tap(0x20), wlan(8, 1, &[0, 0, 0, 0])].concat()),
        ),
        ("prism", 119, data([prism, wlan(0, 1, &[])].concat())),
        ("AVS", 163, data([avs.clone(), wlan(0, 1, &[])].concat())),
        ("AVS as prism", 119, data([avs, wlan(0, 1, &[])].concat())),
        (
            "per-packet information",
            192,
            data([vec![0, 0, 8, 0, 105, 0, 0, 0], wlan(0, 1, &[])].concat()),
        ),
        (
            "A-MSDU",
            105,
            wrap(|_, p| {
                // the packet stands second, behind ARP, and is filled up
                let mut f = wlan(8, 1, &[0x80, 0]);
                for body in [
                    &[0xaau8, 0xaa, 3, 0, 0, 0, 8, 6, 1][..],
                    &[&SNAP, p].concat(),
                ] {
                    f.extend([2; 12]);
                    f.extend((body.len() as u16).to_be_bytes());
                    f.extend(body);
                    f.resize(f.len() + (4 - (14 + body.len()) % 4) % 4, 0);
                }
                f
            }),
        ),
        (
            "pktap",
            258,
            wrap({
                let h = pktap.clone();
                move |_, p| [h.clone(), framed(p)].concat()
            }),
        ),
        (
            "pktap, first number",
            149,
            wrap(move |_, p| [pktap.clone(), framed(p)].concat()),
        ),
        ("pflog", 117, before(pflog)),
        ("enc", 109, before(vec![0; 12])),
        ("PPP", 9, before(vec![0xff, 3, 0, 0x21])),
        ("PPP, compressed", 9, before(vec![0x21])),
        ("PPP with direction", 204, before(vec![1, 0xff, 3, 0, 0x21])),
        ("PPPD", 166, before(vec![0, 3, 0, 0x21])),
        (
            "PPPoE alone",
            51,
            before(vec![0x11, 0, 0, 1, 0, 9, 0, 0x21]),
        ),
        ("HDLC on a PPP port", 50, before(vec![0x0f, 0, 8, 0])),
        ("HDLC with direction", 205, before(vec![1, 0x0f, 0, 8, 0])),
        ("frame relay", 107, before(vec![0x18, 0x41, 3, 0xcc])),
        ("LLC", 100, before(SNAP.to_vec())),
        (
            "Fibre Channel",
            122,
            before([vec![0; 16], SNAP.to_vec()].concat()),
        ),
        ("FDDI", 10, before([vec![0; 13], SNAP.to_vec()].concat())),
        (
            "token ring with a route",
            6,
            before(
                [
                    vec![0; 8],
                    vec![0x80, 0, 0, 0, 0, 0, 4, 0, 1, 2],
                    SNAP.to_vec(),
                ]
                .concat(),
            ),
        ),
        ("IEEE 1394", 138, before([vec![0; 16], vec![8, 0]].concat())),
        (
            "InfiniBand",
            242,
            before([vec![0; 40], vec![8, 0, 0, 0]].concat()),
        ),
        ("MPLS", 219, before(vec![0, 0, 0x10, 0, 0, 0, 0x21, 0xff])),
        (
            "cooked, tagged",
            113,
            before([vec![0; 14], vec![0x81, 0, 0, 7, 8, 0]].concat()),
        ),
        (
            "cooked, from a monitor",
            113,
            data([vec![0, 0, 3, 0x21], vec![0; 12], wlan(0, 1, &[])].concat()),
        ),
        (
            "second version, from a monitor",
            276,
            data(
                [
                    vec![0; 8],
                    vec![3, 0x23],
                    vec![0; 10],
                    tap(0),
                    wlan(0, 1, &[]),
                ]
                .concat(),
            ),
        ),
        (
            "MACsec in the clear",
            1,
            wrap(|_, p| eth(0x88e5, &[&[0u8, 0, 0, 0, 0, 1, 8, 0][..], p].concat())),
        ),
        (
            "security group tag",
            1,
            wrap(|_, p| eth(0x8909, &[&[1u8, 1, 0, 1, 0, 7, 8, 0][..], p].concat())),
        ),
        (
            "802.1ah",
            1,
            wrap(|_, p| eth(0x88e7, &[vec![0, 0, 0, 9], framed(p)].concat())),
        ),
        (
            "LLC without SNAP",
            1,
            wrap(|_, p| eth(3 + p.len() as u16, &[&[6u8, 6, 3][..], p].concat())),
        ),
    ];
    for (name, link, w) in cases {
        check(name, link, None, &w);
    }
}

#[test]
fn headers_of_cards_and_switches_lead_to_the_packets() {
    let tagged = |head: &'static [u8]| {
        wrap(move |_, p| {
            let frame = framed(p);
            [&frame[..12], head, &frame[12..]].concat()
        })
    };
    let frame = |head: Vec<u8>| wrap(move |_, p| [head.clone(), framed(p)].concat());
    // of a record: its time, type, flags, length, loss and length on the wire
    let erf = |kind: u8, more: &[u8]| {
        let mut h = vec![0; 8];
        h.extend([kind, 4, 0, 0, 0, 0, 0, 0]);
        h.extend(more);
        h
    };
    for (name, link, w) in [
        ("802.1BR", 1, tagged(&[0x89, 0x3f, 0, 0, 0, 5, 0, 0])),
        (
            "DSA with a type",
            1,
            tagged(&[0xda, 0xda, 0, 0, 0x40, 0, 0, 1]),
        ),
        ("FabricPath", 1, {
            let mut head = vec![2, 0, 0, 0, 0, 8, 2, 0, 0, 0, 0, 9];
            head.extend([0x89, 0x03, 0, 0x60]);
            frame(head)
        }),
        ("DSA", 284, tagged(&[0x40, 0, 0, 1])),
        ("Broadcom", 281, tagged(&[0, 0, 0, 1])),
        ("EDSA", 285, tagged(&[0xda, 0xda, 0, 0, 0x40, 0, 0, 1])),
        ("preamble", 274, frame(vec![0x55; 8])),
        ("SLIP", 8, before(vec![0x40; 16])),
        ("ERF with Ethernet", 197, frame(erf(2, &[0, 0]))),
        (
            "ERF with more headers",
            197,
            frame(erf(
                0x82,
                &[0x83, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            )),
        ),
        ("ERF with IP", 197, before(erf(22, &[]))),
        ("ERF with HDLC", 197, before(erf(1, &[0x0f, 0, 8, 0]))),
        ("ERF with PPP", 197, before(erf(10, &[0xff, 3, 0, 0x21]))),
        (
            "ERF with PPP without an address",
            197,
            before(erf(1, &[0, 0x21])),
        ),
        (
            "ERF with a hash and HDLC",
            197,
            before(erf(19, &[0x0f, 0, 8, 0])),
        ),
        (
            "ERF with a channel of HDLC",
            197,
            before(erf(5, &[1, 2, 3, 4, 0x0f, 0, 8, 0])),
        ),
        (
            "ERF with a coloured channel of PPP",
            197,
            before(erf(17, &[1, 2, 3, 4, 0xff, 3, 0, 0x21])),
        ),
        (
            "ERF with AAL5",
            197,
            before(erf(4, &[&[0, 0, 6, 0x40][..], &SNAP].concat())),
        ),
        (
            "ERF with a channel of AAL5",
            197,
            before(erf(9, &[&[1, 2, 3, 4, 0, 0, 6, 0x40][..], &SNAP].concat())),
        ),
        (
            "SunATM",
            123,
            before([vec![2, 0, 0, 100], SNAP.to_vec()].concat()),
        ),
        (
            "Juniper",
            178,
            frame(vec![b'M', b'G', b'C', 0x80, 0, 6, 1, 1, 0x26, 2, 1, 4]),
        ),
        ("Juniper, nothing more", 178, frame(b"MGC\x01".to_vec())),
        (
            "Juniper without a frame",
            178,
            before(b"MGC\x82\0\0\x02\0\0\0".to_vec()),
        ),
        ("EPON", 259, frame(vec![0x55; 8])),
        ("netANALYZER with its preamble", 241, frame(vec![0x55; 12])),
        (
            "labels and a frame whose address begins with 0",
            219,
            frame(vec![0, 0, 0x11, 0xff]),
        ),
    ] {
        check(name, link, None, &w);
    }
}

/// A PDU as Wireshark exports it: what cut it out, who sent it over what, and its bytes.
fn exported(name: &[u8], back: bool, kind: u8, port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut ends = [([10, 0, 0, 1], 40000u16), ([10, 0, 0, 2], port)];
    if back {
        ends.reverse();
    }
    let mut out = Vec::new();
    let mut tag = |tag: u16, value: &[u8]| {
        out.extend(tag.to_be_bytes());
        out.extend((value.len() as u16).to_be_bytes());
        out.extend(value);
    };
    let mut name = name.to_vec();
    name.resize((name.len() + 1).next_multiple_of(4), 0);
    tag(12, &name);
    tag(20, &ends[0].0);
    tag(21, &ends[1].0);
    tag(24, &[0, 0, 0, kind]);
    tag(25, &u32::from(ends[0].1).to_be_bytes());
    tag(26, &u32::from(ends[1].1).to_be_bytes());
    tag(30, &[0, 0, 0, 9]);
    tag(0, b"");
    out.extend(bytes);
    out
}

#[test]
fn exported_pdus_are_pieces_of_their_streams() {
    let http = |back, port, bytes| (252, exported(b"http-over-tls", back, 2, port, bytes), 0);
    let (head, body) = RESPONSE.split_at(20);
    let frames = [
        http(false, 443, REQUEST),
        http(false, 444, b"other"),
        http(true, 443, head),
        (252, exported(b"dns", false, 3, 53, b"a question"), 0),
        http(true, 443, body),
        http(false, 443, REQUEST),
        // a piece of which the capture has a part
        (252, exported(b"http", true, 2, 443, b"HTTP/1.1"), 30),
        http(true, 443, b"end"),
    ];
    let (seen, counters) = read(&frames);
    let of = |port: u16| seen.iter().find(|s| s.key.b.1 == port).unwrap();
    let [asked, answered] = &of(443).streams;
    assert_eq!(asked, &[REQUEST, REQUEST].concat());
    assert_eq!(answered, &[RESPONSE, b"HTTP/1.1end"].concat());
    assert_eq!(of(443).gaps[1].len(), 1);
    assert_eq!(of(443).gaps[1][0].1, 30);
    assert_eq!(of(444).streams[0], b"other");
    assert_eq!((of(53).key.protocol, of(53).datagrams), (17, 1));
    assert_eq!(counters.get("pdu-unplaced"), None);
    // packets in it, and what has no ends
    let packets: Vec<_> = exchange()
        .into_iter()
        .map(|(back, p)| (252, exported(b"ip", back, 0, 0, &p), 0))
        .chain([
            (252, exported(b"gsm_map", false, 0, 0, b"x"), 0),
            (252, vec![0, 12, 0], 0),
        ])
        .collect();
    let (seen, counters) = read(&packets);
    assert_eq!(seen[0].streams, [REQUEST.to_vec(), RESPONSE.to_vec()]);
    assert_eq!((counters["pdu-unplaced"], counters["frame-cut"]), (1, 1));
}

#[test]
fn what_802_11_hides_is_counted() {
    let counted = |frame: Vec<u8>| {
        let (flows, codes) = read(&[(105, frame, 0)]);
        assert!(flows.is_empty());
        codes.into_keys().collect::<Vec<_>>()
    };
    let p = &exchange()[0].1;
    let secret = [
        wlan(0, 0x41, &[]),
        vec![0x10, 0, 0, 0x20, 1, 0, 0, 0],
        p.clone(),
    ]
    .concat();
    assert_eq!(counted(secret), ["wlan-encrypted"]);
    assert_eq!(counted(wlan(4, 1, &[])), ["wlan-no-data"]);
    assert_eq!(counted(vec![0x80; 60]), ["wlan-no-data"]);
    let mut part = [wlan(0, 1, &[]), SNAP.to_vec(), p.clone()].concat();
    part[1] |= 4;
    assert_eq!(counted(part), ["wlan-fragment"]);
}

pub const V6: ([u8; 16], [u8; 16]) = (
    [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
);
const TEREDO: [u8; 16] = [0x20, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 9];

/// In IPv4 under a protocol number, behind a header.
fn over_ip(protocol: u8, head: Vec<u8>, inner: fn(&[u8]) -> Vec<u8>) -> Wrap {
    wrap(move |back, p| ip4(protocol, back, 1, &[head.clone(), inner(p)].concat()))
}

/// In UDP, on a port of the receiver, behind a header.
pub fn over_udp(port: u16, head: Vec<u8>, inner: fn(&[u8]) -> Vec<u8>) -> Wrap {
    wrap(move |back, p| {
        ip4(
            17,
            back,
            1,
            &udp(50_000, port, &[head.clone(), inner(p)].concat()),
        )
    })
}

pub fn plain(p: &[u8]) -> Vec<u8> {
    p.to_vec()
}

/// The segment of an IPv4 packet in an IPv6 packet between `ends`.
pub fn as_v6(back: bool, p: &[u8], ends: ([u8; 16], [u8; 16])) -> Vec<u8> {
    let (from, to) = if back { (ends.1, ends.0) } else { ends };
    ip6(6, from, to, &p[20..])
}

fn tunnels() -> Vec<(&'static str, &'static str, Wrap)> {
    let gtp = |flags: u8, optional: Vec<u8>, inner: fn(&[u8]) -> Vec<u8>| {
        wrap(move |back, p| {
            let body = [optional.clone(), inner(p)].concat();
            let mut head = vec![flags, 0xff];
            head.extend((body.len() as u16).to_be_bytes());
            head.extend([0, 0, 0, 7]);
            ip4(17, back, 1, &udp(2152, 2152, &[head, body].concat()))
        })
    };
    let teredo = |port: u16, head: Vec<u8>| {
        wrap(move |back, p| {
            let packet = as_v6(back, p, (TEREDO, V6.1));
            ip4(
                17,
                back,
                1,
                &udp(50_000, port, &[head.clone(), packet].concat()),
            )
        })
    };
    let labels = vec![0, 0, 0x10, 0, 0, 0, 0x21, 0xff];
    let vni = vec![0, 0, 5, 0];
    let mut auth = vec![0u8, 1, 4, 2];
    auth.extend([9; 4 + 2 + 9]);
    let origin = vec![0u8, 0, 1, 2, 3, 4, 5, 6];
    let v3 = |o: u8| {
        let mut h = vec![0x20, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0, o];
        if o == 1 {
            h.extend([7; 8]);
        }
        [
            vec![0x10, 0, 0x22, 0xeb, 0, 0, 0, 1],
            h[..2].to_vec(),
            h[2..4].to_vec(),
            h[4..8].to_vec(),
            h[8..10].to_vec(),
            h[12..].to_vec(),
        ]
        .concat()
    };
    vec![
        ("IP in IP", "ip-in-ip", over_ip(4, vec![], plain)),
        ("IP in IPv6", "ip-in-ip", wrap(|_, p| ip6(4, V6.0, V6.1, p))),
        (
            "IPv6 in IPv6 behind options",
            "ip-in-ip",
            wrap(|back, p| {
                let inner = as_v6(back, p, V6);
                ip6(
                    60,
                    V6.0,
                    V6.1,
                    &[vec![41, 0, 1, 4, 0, 0, 0, 0], inner].concat(),
                )
            }),
        ),
        (
            "6in4",
            "ip-in-ip",
            wrap(|back, p| ip4(41, back, 1, &as_v6(back, p, V6))),
        ),
        (
            "AH and IP in IP",
            "ip-in-ip",
            over_ip(51, [vec![4, 4, 0, 0], vec![7; 20]].concat(), plain),
        ),
        ("MPLS in IP", "mpls", over_ip(137, labels.clone(), plain)),
        (
            "EtherIP",
            "ethernet-in-ip",
            over_ip(97, vec![0x30, 0], framed),
        ),
        (
            "Ethernet in IPv6",
            "ethernet-in-ip",
            wrap(|_, p| ip6(143, V6.0, V6.1, &framed(p))),
        ),
        ("GRE", "gre", over_ip(47, vec![0, 0, 8, 0], plain)),
        (
            "GRE, checksum, key and sequence",
            "gre",
            over_ip(47, [vec![0xb0, 0, 8, 0], vec![1; 12]].concat(), plain),
        ),
        (
            "GRE with Ethernet",
            "gre",
            over_ip(47, vec![0, 0, 0x65, 0x58], framed),
        ),
        (
            "NVGRE",
            "nvgre",
            over_ip(47, vec![0x20, 0, 0x65, 0x58, 0, 1, 2, 3], framed),
        ),
        (
            "GRE with PPP",
            "gre",
            over_ip(47, vec![0, 0, 0x88, 0x0b, 0xff, 3, 0, 0x21], plain),
        ),
        (
            "GRE with MPLS",
            "gre",
            over_ip(47, [vec![0, 0, 0x88, 0x47], labels.clone()].concat(), plain),
        ),
        (
            "GRE, WCCP",
            "gre",
            over_ip(47, vec![0, 0, 0x88, 0x3e, 0, 1, 2, 3], plain),
        ),
        (
            "PPTP",
            "pptp",
            over_ip(
                47,
                [
                    vec![0x30, 0x81, 0x88, 0x0b],
                    vec![0; 12],
                    vec![0xff, 3, 0, 0x21],
                ]
                .concat(),
                plain,
            ),
        ),
        (
            "ERSPAN I",
            "erspan",
            over_ip(47, vec![0, 0, 0x88, 0xbe], framed),
        ),
        (
            "ERSPAN II",
            "erspan",
            over_ip(
                47,
                [
                    vec![0x10, 0, 0x88, 0xbe, 0, 0, 0, 1],
                    vec![0x10, 5, 0, 1, 0, 0, 0, 2],
                ]
                .concat(),
                framed,
            ),
        ),
        ("ERSPAN III", "erspan", over_ip(47, v3(0), framed)),
        (
            "ERSPAN III for a platform",
            "erspan",
            over_ip(47, v3(1), framed),
        ),
        (
            "NSH in GRE",
            "gre",
            over_ip(
                47,
                [vec![0, 0, 0x89, 0x4f, 0, 0x46, 1, 3], vec![0; 20]].concat(),
                framed,
            ),
        ),
        (
            "VXLAN",
            "vxlan",
            over_udp(4789, [vec![8, 0, 0, 0], vni.clone()].concat(), framed),
        ),
        (
            "VXLAN, Linux",
            "vxlan",
            over_udp(8472, [vec![8, 0, 0, 0], vni.clone()].concat(), framed),
        ),
        (
            "VXLAN anywhere",
            "vxlan",
            over_udp(31_337, [vec![8, 0, 0, 0], vni.clone()].concat(), framed),
        ),
        (
            "VXLAN with a group",
            "vxlan",
            over_udp(4789, [vec![0x88, 0, 0, 5], vni.clone()].concat(), framed),
        ),
        (
            "VXLAN, tagged inside",
            "vxlan",
            wrap(|back, p| {
                let frame = eth(0x8100, &[&[0u8, 9, 8, 0][..], p].concat());
                ip4(
                    17,
                    back,
                    1,
                    &udp(1, 4789, &[vec![8, 0, 0, 0, 0, 0, 5, 0], frame].concat()),
                )
            }),
        ),
        (
            "VXLAN-GPE, IP",
            "vxlan",
            over_udp(4790, [vec![0x0c, 0, 0, 1], vni.clone()].concat(), plain),
        ),
        (
            "VXLAN-GPE, Ethernet",
            "vxlan",
            over_udp(4790, [vec![0x0c, 0, 0, 3], vni.clone()].concat(), framed),
        ),
        (
            "VXLAN-GPE, NSH",
            "vxlan",
            over_udp(
                4790,
                [
                    vec![0x0c, 0, 0, 4],
                    vni.clone(),
                    vec![0, 2, 2, 1, 0, 0, 0, 0],
                ]
                .concat(),
                plain,
            ),
        ),
        (
            "Geneve",
            "geneve",
            over_udp(6081, [vec![0, 0, 0x65, 0x58], vni.clone()].concat(), framed),
        ),
        (
            "Geneve with options",
            "geneve",
            over_udp(
                6081,
                [vec![2, 0x40, 8, 0], vni.clone(), vec![7; 8]].concat(),
                plain,
            ),
        ),
        (
            "Geneve anywhere",
            "geneve",
            over_udp(4000, [vec![0, 0, 0x65, 0x58], vni].concat(), framed),
        ),
        ("GTP-U", "gtp", gtp(0x30, vec![], plain)),
        (
            "GTP-U with a number",
            "gtp",
            gtp(0x32, vec![0, 1, 0, 0], plain),
        ),
        (
            "GTP-U with extension headers",
            "gtp",
            gtp(
                0x34,
                vec![0, 0, 0, 0x85, 1, 0, 0, 0xc0, 2, 1, 2, 3, 4, 5, 6, 0],
                plain,
            ),
        ),
        ("GTP-U with Ethernet", "gtp", gtp(0x30, vec![], framed)),
        ("Teredo", "teredo", teredo(3544, vec![])),
        (
            "Teredo with both indications",
            "teredo",
            teredo(3544, [auth.clone(), origin.clone()].concat()),
        ),
        ("Teredo anywhere", "teredo", teredo(40_404, origin)),
        (
            "L2TP",
            "l2tp",
            over_udp(1701, vec![0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], plain),
        ),
        (
            "L2TP with all fields",
            "l2tp",
            wrap(|back, p| {
                let len = (18 + p.len()) as u16;
                let mut h = vec![0x4a, 2];
                h.extend(len.to_be_bytes());
                h.extend([0, 1, 0, 2, 0, 3, 0, 4, 0, 2, 9, 9, 0, 0x21]);
                ip4(17, back, 1, &udp(1701, 1701, &[&h, p].concat()))
            }),
        ),
        (
            "L2TPv3 over IP",
            "l2tp",
            over_ip(115, vec![0, 0, 0, 9, 1, 2, 3, 4], framed),
        ),
        (
            "L2TPv3 over UDP, cookie and sublayer",
            "l2tp",
            over_udp(
                1701,
                [vec![0, 3, 0, 0, 0, 0, 0, 9], vec![0x77; 12]].concat(),
                framed,
            ),
        ),
        ("MPLS in UDP", "mpls", over_udp(6635, labels, plain)),
        ("GRE in UDP", "gre", over_udp(4754, vec![0, 0, 8, 0], plain)),
        (
            "TZSP",
            "tzsp",
            over_udp(37_008, vec![1, 0, 0, 1, 10, 1, 0xc5, 0, 1], framed),
        ),
        (
            "AYIYA with IPv4",
            "ayiya",
            over_udp(
                5072,
                [vec![0x44, 0x52, 0x11, 4, 0, 0, 0, 0], vec![5; 16 + 20]].concat(),
                plain,
            ),
        ),
        (
            "GRE with routes",
            "gre",
            over_ip(
                47,
                vec![
                    0x40, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0,
                ],
                plain,
            ),
        ),
        (
            "GRE of an access point",
            "gre",
            over_ip(47, vec![0, 0, 0x82, 0x10], |p| {
                [&wlan(0, 1, &SNAP), p].concat()
            }),
        ),
        (
            "GTP of version 0",
            "gtp",
            wrap(|back, p| {
                let mut head = vec![0x1e, 0xff];
                head.extend((p.len() as u16).to_be_bytes());
                head.extend([0; 16]);
                ip4(17, back, 1, &udp(3386, 3386, &[&head, p].concat()))
            }),
        ),
        (
            "LISP",
            "lisp",
            over_udp(4341, vec![0x80, 0, 0, 7, 0, 0, 0, 1], plain),
        ),
        (
            "Teredo of a relay",
            "teredo",
            wrap(|back, p| {
                let packet = as_v6(back, p, V6);
                ip4(17, back, 1, &udp(3544, 3544, &packet))
            }),
        ),
        (
            "AYIYA",
            "ayiya",
            wrap(|back, p| {
                let head = [vec![0x41, 0x52, 0x11, 41, 0, 0, 0, 0], vec![5; 16 + 20]].concat();
                ip4(
                    17,
                    back,
                    1,
                    &udp(5072, 5072, &[head, as_v6(back, p, V6)].concat()),
                )
            }),
        ),
    ]
}

#[test]
fn every_tunnel_gives_its_packets_and_is_listed() {
    for (name, tunnel, w) in tunnels() {
        check(name, 101, Some(tunnel), &w);
    }
}

#[test]
fn tunnels_in_tunnels_and_fragments_of_both_are_followed() {
    // VXLAN in GRE in IPv6, all in a tagged frame
    check(
        "nested",
        1,
        Some("gre"),
        &wrap(|back, p| {
            let vxlan = [vec![8, 0, 0, 0, 0, 0, 1, 0], framed(p)].concat();
            let v4 = ip4(17, back, 1, &udp(1, 4789, &vxlan));
            let gre = [vec![0, 0, 8, 0], v4].concat();
            eth(
                0x8100,
                &[vec![0, 5, 0x86, 0xdd], ip6(47, V6.0, V6.1, &gre)].concat(),
            )
        }),
    );
    // The inner packet in two fragments, and the outer packet of each in two more.
    let cut = |p: &[u8], id: u16| -> Vec<Vec<u8>> {
        let half = ((p.len() - 20) / 2).next_multiple_of(8);
        [(0, half, true), (half, p.len() - 20, false)]
            .into_iter()
            .map(|(from, to, more)| {
                let mut f = p[..20].to_vec();
                f[2..4].copy_from_slice(&((20 + to - from) as u16).to_be_bytes());
                f[4..6].copy_from_slice(&id.to_be_bytes());
                let place = (from / 8) as u16 | if more { 0x2000 } else { 0 };
                f[6..8].copy_from_slice(&place.to_be_bytes());
                f[10..12].copy_from_slice(&[0, 0]);
                f.extend(&p[20 + from..20 + to]);
                f
            })
            .collect()
    };
    let mut frames = Vec::new();
    let mut id = 100;
    for (back, p) in exchange() {
        for part in cut(&p, id) {
            id += 1;
            let gre = ip4(47, back, 0, &[vec![0, 0, 8, 0], part].concat());
            frames.extend(cut(&gre, id).into_iter().map(|f| (101, f, 0)));
        }
    }
    let (flows, codes) = read(&frames);
    let inner = flows.iter().find(|f| f.key.protocol == 6).unwrap();
    assert_eq!(inner.streams, [REQUEST.to_vec(), RESPONSE.to_vec()]);
    assert!(codes.is_empty(), "{codes:?}");
}

#[test]
fn nesting_ends_and_is_counted() {
    let mut p = exchange()[0].1.clone();
    for _ in 0..200 {
        p = ip4(4, false, 1, &p);
    }
    let (flows, codes) = read(&[(101, p, 0)]);
    assert_eq!(codes, BTreeMap::from([("nested-too-deep", 1)]));
    assert!(flows.iter().all(|f| f.key.protocol == 4));
}

#[test]
fn a_tunnel_cut_by_the_snap_length_still_gives_what_is_there() {
    for (name, tunnel, w) in tunnels() {
        // The content of tunnels that only content proves must be there to be proven.
        let mut frames: Vec<(u32, Vec<u8>, usize)> = exchange()
            .iter()
            .map(|(back, p)| (101, w(*back, p), 0))
            .collect();
        let (_, frame, cut) = &mut frames[4];
        *cut = 10;
        frame.truncate(frame.len() - 10);
        let (flows, _) = read(&frames);
        let inner = flows.iter().find(|f| f.key.protocol == 6).unwrap();
        let kept = RESPONSE.len() - 10;
        assert_eq!(inner.streams[1], RESPONSE[..kept], "{name} ({tunnel})");
        assert_eq!(inner.gaps[1].len(), 1, "{name}");
        assert_eq!(inner.gaps[1][0].1, 10, "{name}");
    }
}

#[test]
fn ordinary_datagrams_are_no_tunnels() {
    let ports = [
        4789, 4790, 8472, 6081, 2152, 3544, 1701, 6635, 4754, 5072, 37_008, 53, 443, 5000,
    ];
    let mut r = Random::new(7);
    let mut frames = Vec::new();
    let mut send = |port: u16, payload: &[u8]| {
        frames.push((101, ip4(17, false, 1, &udp(50_000, port, payload)), 0));
    };
    for n in 0..60_000u32 {
        let len = 20 + r.below(80) as usize;
        let bytes: Vec<u8> = (0..len).map(|_| r.next() as u8).collect();
        send(ports[n as usize % ports.len()], &bytes);
    }
    // what looks alike at its first bytes: DNS, RTP, STUN, QUIC, WireGuard, NTP, and L2TP's own control messages
    let others: [&[u8]; 9] = [
        &[
            0x30, 0x39, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w', b'w', b'w', 0, 0, 1, 0, 1,
        ],
        &[0x80, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0x45, 0, 0, 40],
        &[
            0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 4,
        ],
        &[
            0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9e,
        ],
        &[4, 0, 0, 0, 0x60, 0, 0, 0, 0, 20, 6, 64],
        &[0x23, 2, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 1],
        &[8, 0, 0, 0, 0, 0, 1, 0, b'a', b'b', b'c'],
        &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0],
    ];
    for port in ports {
        for head in others {
            let mut bytes = head.to_vec();
            bytes.resize(96, 0);
            // the port of VXLAN is enough of a proof for its header
            if !(head[0] == 8 && [4789, 8472].contains(&port)) {
                send(port, &bytes);
            }
        }
    }
    let (flows, codes) = read(&frames);
    let wrong: Vec<_> = flows
        .iter()
        .filter(|f| f.tunnel.is_some())
        .map(|f| (f.key, f.tunnel))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(codes.is_empty(), "{codes:?}");
    // Nor is a datagram whose content is an IP packet with a sum that is wrong.
    let mut packet = exchange()[3].1.clone();
    packet[10] ^= 1;
    let lie = [vec![8, 0, 0, 0, 0, 0, 1, 0], framed(&packet)].concat();
    let (flows, _) = read(&[(101, ip4(17, false, 1, &udp(50_000, 31_337, &lie)), 0)]);
    assert_eq!(
        (flows.len(), flows[0].tunnel, flows[0].datagrams),
        (1, None, 1)
    );
}

#[test]
fn wrong_sums_are_used_and_counted_and_sums_left_to_the_card_are_not() {
    let mut frames: Vec<_> = exchange().into_iter().map(|(_, p)| (101, p, 0)).collect();
    frames[0].1[10] ^= 0x55;
    frames[3].1[11] ^= 1;
    frames[4].1[10..12].fill(0);
    let (flows, codes) = read(&frames);
    assert_eq!(codes, BTreeMap::from([("bad-ip-checksum", 2)]));
    assert_eq!(flows[0].streams, [REQUEST.to_vec(), RESPONSE.to_vec()]);
}

/// Larger than an IP packet can be: what a network card was to cut, and jumbograms (RFC 2675).
#[test]
fn packets_over_64_kib_are_whole() {
    let data: Vec<u8> = (0..150_000u32).map(|n| n as u8).collect();
    let segment = tcp((40000, 80), false, 0x18, 100, 500, &data);
    let mut v4 = ip4_between([10, 0, 0, 1], [10, 0, 0, 2], 6, false, 9, &[]);
    v4[2..4].fill(0);
    v4[10..12].fill(0);
    v4.extend(&segment);
    let mut v6 = ip6(6, V6.0, V6.1, &[]);
    v6.extend(&segment);
    let len = (segment.len() + 8) as u32;
    let mut jumbo = ip6(0, V6.0, V6.1, &[]);
    jumbo.extend([6, 0, 0xc2, 4]);
    jumbo.extend(len.to_be_bytes());
    jumbo.extend(&segment);
    for packet in [v4, v6, jumbo] {
        let (flows, codes) = read(&[(1, framed(&packet), 0)]);
        assert_eq!(flows[0].streams[0].len(), data.len());
        assert_eq!(flows[0].streams[0], data);
        assert!(codes.is_empty());
        assert_eq!(kind(&packet) == 0x0800, packet[0] == 0x45);
    }
}

#[test]
fn captures_that_mix_link_types_are_one_conversation() {
    let frames: Vec<_> = exchange()
        .into_iter()
        .enumerate()
        .map(|(n, (_, p))| match n % 3 {
            0 => (1, framed(&p), 0),
            1 => (101, p, 0),
            _ => (113, [vec![0; 14], vec![8, 0], p].concat(), 0),
        })
        .collect();
    let (flows, _) = read(&frames);
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0].streams, [REQUEST.to_vec(), RESPONSE.to_vec()]);
}
