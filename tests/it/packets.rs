//! Captures to streams: recorded traffic held against what tshark counts, and damage of every kind.

use crate::streams::{ACK, FIN, PSH, SYN, tcp};
use leaktrace::call::model::Stamp;
use leaktrace::net::{FlowKey, FlowStats, Missing, Net, Segment, Side, StreamSink};
use leaktrace::source::pcap::{Event, PacketReader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All that was told of one flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub id: u64,
    pub key: FlowKey,
    pub streams: [Vec<u8>; 2],
    pub gaps: [Vec<(u64, u64, Missing)>; 2],
    pub offset: [u64; 2],
    pub fin: [bool; 2],
    pub datagrams: u64,
    pub tunnel: Option<&'static str>,
    pub stats: Option<FlowStats>,
}

/// Writes everything down and checks what every sink may rely on.
#[derive(Default)]
pub struct Recorder {
    pub done: Vec<Seen>,
    /// Bytes of streams handed on.
    pub told: u64,
}

impl StreamSink for Recorder {
    type State = Seen;
    fn open(&mut self, id: u64, key: &FlowKey, _: Stamp) -> Seen {
        Seen {
            id,
            key: *key,
            streams: Default::default(),
            gaps: Default::default(),
            offset: [0; 2],
            fin: [false; 2],
            datagrams: 0,
            tunnel: None,
            stats: None,
        }
    }
    fn data(&mut self, s: &mut Seen, side: Side, segment: Segment<'_>) {
        let i = side as usize;
        assert!(!s.fin[i], "data after a FIN");
        assert_eq!(segment.offset, s.offset[i], "data out of order");
        s.offset[i] += segment.bytes.len() as u64;
        self.told += segment.bytes.len() as u64;
        s.streams[i].extend_from_slice(segment.bytes);
    }
    fn gap(&mut self, s: &mut Seen, side: Side, bytes: u64, why: Missing, _: Stamp) {
        let i = side as usize;
        assert!(bytes > 0 && !s.fin[i], "gap of {bytes}");
        s.gaps[i].push((s.offset[i], bytes, why));
        s.offset[i] += bytes;
    }
    fn fin(&mut self, s: &mut Seen, side: Side, _: Stamp) {
        assert!(!s.fin[side as usize], "two FINs");
        s.fin[side as usize] = true;
    }
    fn datagram(&mut self, s: &mut Seen, _: Side, _: &[u8], _: Stamp) {
        s.datagrams += 1;
    }
    fn tunnel(&mut self, s: &mut Seen, name: &'static str) {
        s.tunnel = Some(name);
    }
    fn close(&mut self, mut s: Seen, stats: &FlowStats) {
        s.stats = Some(*stats);
        self.done.push(s);
    }
}

/// What a capture holds.
#[derive(Default)]
pub struct Read {
    pub packets: u64,
    pub flows: Vec<Seen>,
    pub codes: BTreeMap<&'static str, u64>,
    pub diags: Vec<(&'static str, u64)>,
}

/// Reads a capture from memory.
pub fn read(bytes: Vec<u8>) -> Option<Read> {
    read_from(Box::new(std::io::Cursor::new(bytes)))
}

fn read_from(input: Box<dyn std::io::Read + Send>) -> Option<Read> {
    let mut reader = PacketReader::open(input, 0).ok()?;
    let (mut net, mut sink, mut out) = (Net::new(), Recorder::default(), Read::default());
    let mut number = 0;
    while let Some(event) = reader.next() {
        match event {
            Event::Packet(p) => {
                assert!(p.at.unit.number > number, "packet numbers rise");
                number = p.at.unit.number;
                net.packet(&p, &mut sink);
            }
            Event::Diag { code, unit, .. } => out.diags.push((code, unit)),
        }
    }
    net.finish(&mut sink);
    out.packets = reader.packets();
    out.codes = net.counters().clone();
    out.flows = sink.done;
    Some(out)
}

pub fn captures() -> Option<PathBuf> {
    for above in ["../shared/captures", "../../shared/captures"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(above);
        if dir.is_dir() {
            return Some(dir);
        }
    }
    eprintln!("SKIPPED: no captures at ../shared/captures");
    None
}

/// Captures in which our count of connections differs from tshark's, and what ours is.
const OTHER_COUNT: &[(&str, usize)] = &[
    // VXLAN on a port of nobody's: its content proves it, and holds a request
    ("deepflow/common__ff-vxlan.pcap", 1),
    // tshark counts the headers quoted in ICMP errors
    ("pcapplusplus/examples__tcp-reassembly.pcap", 1),
    ("pcapplusplus/packets__IcmpPackets.pcap", 0),
    // a header length that cannot be
    ("pcapplusplus/packets__tcp-malformed.pcap", 0),
    // the same ports years apart
    ("pcapplusplus/packets__Smtp.pcap", 3),
    ("pcapplusplus/packets__dns_over_tcp.pcapng", 3),
];

#[test]
fn recorded_captures_have_the_packets_and_connections_that_tshark_counts() {
    let Some(dir) = captures() else { return };
    for line in include_str!("packets_tshark.tsv").lines().skip(1) {
        let [name, frames, streams] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("table: {line}");
        };
        let path = dir.join(name);
        if !path.is_file() {
            eprintln!("SKIPPED: {name} is not there");
            continue;
        }
        let r = read_from(leaktrace::source::open_bytes(&path).unwrap()).unwrap();
        assert_eq!(r.packets.to_string(), frames, "packets of {name}");
        let ours = r.flows.iter().filter(|f| f.key.protocol == 6).count();
        let expected = OTHER_COUNT
            .iter()
            .find(|(n, _)| *n == name)
            .map_or_else(|| streams.parse().unwrap(), |(_, n)| *n);
        assert_eq!(ours, expected, "connections of {name}");
    }
}

#[test]
fn recorded_streams_have_the_bytes_that_tshark_follows() {
    let Some(dir) = captures() else { return };
    // capture, bytes of the first connection by side, as `tshark -z follow,tcp,raw,0` gives them
    let cases = [
        ("pcapplusplus/one_tcp_stream.pcap", 9948, 12444),
        ("pcapplusplus/one_tcp_stream_max_seq.pcap", 9948, 12444),
        ("pcapplusplus/one_http_stream_fin2.pcap", 406, 7071),
        ("pcapplusplus/one_http_stream_rst.pcap", 1036, 600),
        ("pcapplusplus/one_ipv6_http_stream.pcap", 1106, 5737),
        ("pcapplusplus/examples__tcp-reassembly.pcap", 9997, 29480),
        (
            "deepflow/syn-ack-ack-retrans-and-client-payload.pcap",
            87,
            72,
        ),
    ];
    for (name, a, b) in cases {
        let r = read_from(leaktrace::source::open_bytes(&dir.join(name)).unwrap()).unwrap();
        let f = r.flows.iter().find(|f| f.key.protocol == 6).unwrap();
        let lens = (f.streams[0].len(), f.streams[1].len());
        assert_eq!(lens, (a, b), "{name}");
    }
}

/// A small capture of a request and a reply.
pub fn small() -> Vec<u8> {
    let mut file = header(1_000_000);
    let ports = (40000, 80);
    let sent: [(bool, u8, u32, u32, &[u8]); 6] = [
        (true, SYN, 9, 0, b""),
        (false, SYN | ACK, 19, 10, b""),
        (true, ACK | PSH, 10, 20, b"GET /a HTTP/1.1\r\n\r\n"),
        (false, ACK | PSH, 20, 29, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (true, ACK | FIN, 29, 47, b""),
        (false, ACK | FIN, 47, 30, b""),
    ];
    for (i, (from_a, flags, seq, ack, data)) in sent.into_iter().enumerate() {
        record(
            &mut file,
            i as u32,
            &tcp(ports, from_a, flags, seq, ack, data),
        );
    }
    file
}

/// A little-endian file header with microseconds and raw IP.
pub fn header(snaplen: u32) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend_from_slice(&snaplen.to_le_bytes());
    file.extend_from_slice(&101u32.to_le_bytes());
    file
}

/// Appends a record.
pub fn record(file: &mut Vec<u8>, n: u32, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap();
    for word in [1_700_000_000, n, len, len] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(bytes);
}

/// Numbers that look random and are the same each time.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

/// The made capture, and some recorded ones of every format where they are there.
fn samples() -> Vec<Vec<u8>> {
    let mut all = vec![small()];
    if let Some(dir) = captures() {
        for name in [
            "pcapplusplus/many_interfaces-1.pcapng",
            "pcapplusplus/packets__doipPackets.pcapng",
            "pcapplusplus/nanosecs_big_endian.pcap",
            "pcapplusplus/ip6_fragments.pcap",
            "pcapplusplus/sll2.pcap",
            "pcapplusplus/frag_with_padding.pcap",
            "pcapplusplus/packets__nflogPacket.pcap",
        ] {
            all.push(std::fs::read(dir.join(name)).unwrap());
        }
    }
    all
}

#[test]
fn every_beginning_of_a_capture_gives_its_whole_packets() {
    for sample in samples() {
        let mut last = 0;
        for len in (0..sample.len()).step_by(1 + sample.len() / 1000) {
            if let Some(r) = read(sample[..len].to_vec()) {
                assert!(r.packets >= last, "fewer packets in more bytes");
                last = r.packets;
            }
        }
    }
    let whole = small();
    let cut = read(whole[..whole.len() - 1].to_vec()).unwrap();
    assert_eq!(
        (cut.packets, &cut.diags[..]),
        (5, &[("truncated-packet", 5)][..])
    );
}

#[test]
fn flipped_bytes_and_garbage_are_survived() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for sample in samples() {
        for _ in 0..60 {
            let mut bytes = sample.clone();
            for _ in 0..=dice.roll(20) {
                let at = dice.roll(bytes.len());
                bytes[at] = dice.roll(256) as u8;
            }
            let first = read(bytes.clone()).map(|r| (r.packets, r.flows));
            let again = read(bytes).map(|r| (r.packets, r.flows));
            assert_eq!(first, again, "the same bytes give the same flows");
        }
        // Only the file header is right.
        let mut bytes = sample.get(..24).unwrap().to_vec();
        bytes.extend((0..300_000).map(|_| dice.roll(256) as u8));
        read(bytes);
    }
}

#[test]
fn reading_goes_on_after_a_damaged_record() {
    let mut file = header(65_535);
    let mut places = Vec::new();
    for n in 0..50u32 {
        places.push(file.len());
        let p = tcp(
            (40000, 80),
            true,
            ACK,
            1 + n * 10,
            1,
            &[b'0' + (n % 10) as u8; 10],
        );
        record(&mut file, n, &p);
    }
    // An impossible length, one that reaches beyond the end, and bytes that were lost.
    for damage in [&[0xff, 0xff, 0xff, 0xff][..], &[0x00, 0xff, 0x00, 0x00]] {
        let mut bytes = file.clone();
        bytes[places[20] + 8..places[20] + 12].copy_from_slice(damage);
        let r = read(bytes).unwrap();
        assert_eq!(r.packets, 49);
        assert_eq!(r.diags, [("damaged-record", 20)]);
        assert_eq!(r.flows[0].gaps[0], [(200, 10, Missing::Lost)]);
    }
    let mut bytes = file.clone();
    bytes.drain(places[20] + 5..places[20] + 25);
    let r = read(bytes).unwrap();
    assert!(
        r.packets >= 48 && r.diags.iter().any(|d| d.0 == "damaged-record"),
        "{:?}",
        r.diags
    );
}

/// `cargo test --release --test it slicing_and_reassembly -- --ignored --nocapture`
#[test]
#[ignore = "measures; says nothing in a debug build"]
fn slicing_and_reassembly_speed() {
    #[derive(Default)]
    struct Nothing(u64);
    impl StreamSink for Nothing {
        type State = ();
        fn open(&mut self, _: u64, _: &FlowKey, _: Stamp) {}
        fn data(&mut self, _: &mut (), _: Side, s: Segment<'_>) {
            self.0 += s.bytes.len() as u64;
        }
        fn gap(&mut self, _: &mut (), _: Side, _: u64, _: Missing, _: Stamp) {}
        fn fin(&mut self, _: &mut (), _: Side, _: Stamp) {}
        fn datagram(&mut self, _: &mut (), _: Side, _: &[u8], _: Stamp) {}
        fn close(&mut self, (): (), _: &FlowStats) {}
    }
    for (connections, run) in [(1u32, 1), (1000, 10), (20_000, 1)] {
        let mut file = header(65_535);
        let mut seqs = vec![1u32; connections as usize];
        for n in 0..400_000u32 {
            let c = (n / run) % connections;
            let seq = &mut seqs[c as usize];
            let mut p = tcp(
                (1024 + (c % 60_000) as u16, 80),
                true,
                ACK,
                *seq,
                1,
                &[b'x'; 960],
            );
            p[12..16].copy_from_slice(&(0x0a00_0000 + c / 60_000).to_be_bytes());
            *seq += 960;
            record(&mut file, n, &p);
        }
        let size = file.len();
        let begin = std::time::Instant::now();
        let mut reader = PacketReader::open(Box::new(std::io::Cursor::new(file)), 0).unwrap();
        let (mut net, mut sink) = (Net::new(), Nothing::default());
        while let Some(event) = reader.next() {
            if let Event::Packet(p) = event {
                net.packet(&p, &mut sink);
            }
        }
        net.finish(&mut sink);
        let seconds = begin.elapsed().as_secs_f64();
        assert_eq!(sink.0, 400_000 * 960);
        println!(
            "{connections} connections: {:.2} GB/s",
            size as f64 / seconds / 1e9
        );
    }
}
