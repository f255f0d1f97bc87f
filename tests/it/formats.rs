//! Captures in formats of other tools: the same packets, written by editcap (`tests/record/formats.sh`) where it can, else as the
//! format's description has them. Each must give the packets of the pcap that it was made of; damage costs what it hits.

use leaktrace::source::pcap::{Event, PacketReader};
use leaktrace::source::{Kind, kind_of};
use std::io::Cursor;
use std::path::Path;

#[derive(Debug, Clone, PartialEq)]
struct P {
    ts: i64,
    link: u32,
    bytes: Vec<u8>,
    orig: u32,
}

fn read(file: &[u8]) -> (Vec<P>, Vec<String>) {
    let mut reader = PacketReader::open(Box::new(Cursor::new(file.to_vec())), 0).unwrap();
    let (mut packets, mut diags) = (Vec::new(), Vec::new());
    while let Some(e) = reader.next() {
        match e {
            Event::Packet(p) => packets.push(P {
                ts: p.at.ts,
                link: p.link,
                bytes: p.bytes.to_vec(),
                orig: p.orig_len,
            }),
            Event::Diag { code, detail, .. } => diags.push(format!("{code}: {detail}")),
        }
    }
    (packets, diags)
}

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    std::fs::read(dir.join(name)).unwrap()
}

fn kind(file: &[u8]) -> String {
    kind_of(file, &leaktrace::source::log::Formats::default()).map_or(String::new(), |k| k.name())
}

#[test]
fn every_format_gives_the_packets_that_were_written_in_it() {
    let (base, none) = read(&fixture("base.pcap"));
    assert_eq!((base.len(), none.len()), (24, 0));
    for (name, is) in [
        ("modpcap", "pcap"),
        ("nsecpcap", "pcap"),
        ("nokiapcap", "pcap"),
        ("rh6_1pcap", "pcap"),
        ("suse6_3pcap", "pcap"),
        ("pcapng", "pcapng"),
        ("snoop", "pcap-snoop"),
        ("netmon1", "pcap-netmon"),
        ("netmon2", "pcap-netmon"),
    ] {
        let file = fixture(&format!("{name}.cap"));
        assert_eq!(kind(&file), is, "{name}");
        let (mut got, diags) = read(&file);
        assert!(diags.is_empty(), "{name}: {diags:?}");
        let mut want = base.clone();
        if name == "netmon1" {
            // it keeps milliseconds
            for (g, w) in got.iter_mut().zip(&mut want) {
                assert!(g.ts.abs_diff(w.ts) < 1_000_000, "{name}");
                g.ts = w.ts;
            }
        }
        assert_eq!(got, want, "{name}");
    }
}

/// A record of ERF that holds Ethernet; every third has headers of extension.
fn erf(n: usize, p: &P) -> Vec<u8> {
    let ext: &[u8] = if n.is_multiple_of(3) {
        b"\x85\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0"
    } else {
        b""
    };
    // the frame with its check sequence, filled up to eight
    let wire = p.bytes.len() + 4;
    let whole = (18 + ext.len() + wire).next_multiple_of(8);
    let fraction = ((p.ts % 1_000_000_000) as u64 * (1 << 32)).div_ceil(1_000_000_000);
    let mut out = (fraction as u32).to_le_bytes().to_vec();
    out.extend(((p.ts / 1_000_000_000) as u32).to_le_bytes());
    out.extend([if ext.is_empty() { 2 } else { 0x82 }, 4]);
    out.extend((whole as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend((wire as u16).to_be_bytes());
    out.extend(ext);
    out.extend([0, 0]);
    out.extend(&p.bytes);
    out.resize(whole, 0xaa);
    out
}

fn iptrace(two: bool, p: &P) -> Vec<u8> {
    let (sec, ns) = ((p.ts / 1_000_000_000) as u32, (p.ts % 1_000_000_000) as u32);
    let mut out = (p.bytes.len() as u32 + if two { 32 } else { 22 })
        .to_be_bytes()
        .to_vec();
    out.extend(sec.to_be_bytes());
    out.extend(b"\0\0\0\0en\0\0");
    out.extend([0; 12]);
    out.extend([6, 1]);
    if two {
        out.extend([0, 0]);
        out.extend(sec.to_be_bytes());
        out.extend(ns.to_be_bytes());
    }
    out.extend(&p.bytes);
    out
}

#[test]
fn erf_and_iptrace_are_read_as_they_are_described() {
    let (base, _) = read(&fixture("base.pcap"));
    let mut file: Vec<u8> = Vec::new();
    for (n, p) in base.iter().enumerate() {
        file.extend(erf(n, p));
        if n == 4 {
            // what the card says of itself
            let mut meta = erf(1, p);
            meta[8] = 27;
            file.extend(meta);
        }
    }
    assert_eq!(kind(&file), "pcap-erf");
    let (got, diags) = read(&file);
    assert!(diags.is_empty(), "{diags:?}");
    assert_eq!(got.len(), base.len());
    for (g, b) in got.iter().zip(&base) {
        assert_eq!((g.ts, g.link), (b.ts, 1));
        assert_eq!(g.bytes.len(), b.bytes.len() + 4);
        assert!(g.bytes.starts_with(&b.bytes));
    }
    for two in [true, false] {
        let mut file = if two { b"iptrace 2.0" } else { b"iptrace 1.0" }.to_vec();
        file.extend(base.iter().flat_map(|p| iptrace(two, p)));
        assert_eq!(kind(&file), "pcap-iptrace");
        let (got, diags) = read(&file);
        assert!(diags.is_empty(), "{diags:?}");
        for (g, b) in got.iter().zip(&base) {
            let ts = if two {
                b.ts
            } else {
                b.ts / 1_000_000_000 * 1_000_000_000
            };
            assert_eq!((g.ts, &g.bytes), (ts, &b.bytes));
        }
        assert_eq!(got.len(), base.len());
    }
}

/// Records of Network Monitor since 2.1 name their network, since 2.3 their time.
#[test]
fn records_of_network_monitor_say_what_they_are() {
    let plain = fixture("netmon2.cap");
    let (base, _) = read(&plain);
    for minor in 1..4u8 {
        let mut file = plain[..128].to_vec();
        file[4] = minor;
        let mut at = 128;
        for (n, p) in base.iter().enumerate() {
            let end = at + 16 + p.bytes.len();
            file.extend(&plain[at..end]);
            at = end;
            let network: u16 = match n {
                0 => 0,
                1 => 0xe000 + 105,
                2 => 0xffe0,
                _ => 1,
            };
            let mut trailer = network.to_le_bytes().to_vec();
            trailer.extend([0; 4]);
            let stamp = p.ts as u64 / 100 + 5 + 116_444_736_000_000_000;
            trailer.extend(stamp.to_le_bytes());
            trailer.push(0);
            trailer.truncate([2, 6, 15][usize::from(minor) - 1]);
            file.extend(trailer);
        }
        let end = file.len() as u32;
        file[24..28].copy_from_slice(&end.to_le_bytes());
        file.extend([0xff; 100]);
        let (got, diags) = read(&file);
        assert!(diags.is_empty(), "{minor}: {diags:?}");
        assert_eq!(got.len(), base.len() - 1, "an event is no packet");
        assert_eq!((got[0].link, got[1].link, got[2].link), (1, 105, 1));
        let later = if minor == 3 { 500 } else { 0 };
        assert_eq!(got[0].ts, base[0].ts / 100 * 100 + later);
    }
}

#[test]
fn damage_costs_what_it_hits() {
    let (base, _) = read(&fixture("base.pcap"));
    let erf: Vec<Vec<u8>> = base.iter().enumerate().map(|(n, p)| erf(n, p)).collect();
    let ipt: Vec<Vec<u8>> = base.iter().map(|p| iptrace(true, p)).collect();
    for (head, records) in [(&b""[..], erf), (b"iptrace 2.0", ipt)] {
        let mut records = records;
        records[10][..12].fill(0xff);
        let mut file = [head, &records.concat()].concat();
        file.truncate(file.len() - 3);
        let (got, diags) = read(&file);
        assert_eq!(got.len(), base.len() - 2, "{diags:?}");
        assert!(diags[0].starts_with("damaged-record: "), "{diags:?}");
        assert!(diags[1].starts_with("truncated-packet: "), "{diags:?}");
        assert_eq!(diags.len(), 2);
    }
    // swapped lengths, as libpcap had them before version 2.3
    for minor in [2u8, 3] {
        let mut file = fixture("base.pcap");
        file[6] = minor;
        let mut at = 24;
        while at < file.len() {
            let len = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap());
            file[at + 8..at + 12].copy_from_slice(&(len + 7).to_le_bytes());
            file[at + 12..at + 16].copy_from_slice(&len.to_le_bytes());
            at += 16 + len as usize;
        }
        let (got, diags) = read(&file);
        assert!(diags.is_empty() && got.len() == base.len(), "{diags:?}");
        for (g, b) in got.iter().zip(&base) {
            assert_eq!((&g.bytes, g.orig), (&b.bytes, b.orig + 7));
        }
    }
}

#[test]
fn text_and_other_bytes_are_none_of_them() {
    let mut text = b"10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] 000000000000".repeat(4000);
    assert!(!matches!(
        kind_of(&text, &leaktrace::source::log::Formats::default()),
        Some(Kind::Capture(_))
    ));
    text.fill(0x30);
    assert_eq!(kind(&text), "");
    text.fill(0);
    assert_eq!(kind(&text), "");
}
