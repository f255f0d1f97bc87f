//! Captures to streams: recorded traffic held against what tshark counts, and damage of every kind.

use leaktrace::call::model::Stamp;
use leaktrace::net::{Close, FlowKey, FlowStats, Missing, Net, Segment, Side, StreamSink};
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
    pub stats: Option<FlowStats>,
}

/// Writes everything down and checks what every sink may rely on.
#[derive(Default)]
pub struct Recorder {
    pub done: Vec<Seen>,
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
            stats: None,
        }
    }
    fn data(&mut self, s: &mut Seen, side: Side, segment: Segment<'_>) {
        let i = side as usize;
        assert!(!s.fin[i], "data after a FIN");
        assert_eq!(segment.offset, s.offset[i], "data out of order");
        s.offset[i] += segment.bytes.len() as u64;
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

fn captures() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!("SKIPPED: no captures at ../shared/captures");
    None
}

#[test]
fn dump() {
    let Some(dir) = captures() else { return };
    let (inputs, left) = leaktrace::source::discover(&[dir]);
    for i in inputs {
        if matches!(i.kind, leaktrace::source::Kind::Log(_)) {
            continue;
        }
        let r = read_from(leaktrace::source::open_bytes(&i.path).unwrap()).unwrap();
        let t: u64 = r.flows.iter().flat_map(|f| f.stats.unwrap().bytes).sum();
        println!(
            "{}\t{}\t{}\t{}\t{:?}\t{:?}",
            i.name,
            r.packets,
            r.flows.len(),
            t,
            r.codes,
            r.diags
        );
    }
    for l in left {
        println!("LEFT {l:?}");
    }
}
