//! The capture format of Solaris' snoop (RFC 1761): a header of 16 bytes, then records padded to four. In: the window. Out: packets.
//! Bounds: a packet of [`PACKET_BYTES`]; behind damage the next two headers that follow each other are searched for, each byte once.

use super::pcap::{Found, Step};
use super::refill::{Refill, u32_at};
use crate::limits::PACKET_BYTES;

/// `snoop` and three zeros; the number of the version and of the link follow.
const MAGIC: &[u8] = b"snoop\0\0\0";
/// Bytes of a record before its packet.
const HEAD: usize = 24;
/// Bytes that pad a record at most: to a multiple of four, or of eight.
const PAD: u32 = 7;
/// Bytes looked at in one go behind damage.
const REACH: usize = 64 << 10;

/// A file that is being read.
pub(super) struct Snoop {
    link: u32,
    last_sec: Option<u32>,
}

/// Fields of a record's header (RFC 1761, packet record format), all big-endian.
#[derive(Clone, Copy)]
struct Record {
    orig: u32,
    len: u32,
    /// Header, packet and padding.
    whole: u32,
    sec: u32,
    usec: u32,
}

/// LINKTYPE of a datalink type of snoop; what has none here is told as an unknown link under a number that no LINKTYPE has.
fn link_of(datalink: u32) -> u32 {
    match datalink {
        // IEEE 802.3, Ethernet
        0 | 4 => 1,
        // Token Ring
        2 => 6,
        // FDDI
        8 => 10,
        other => 0x1_0000_u32.saturating_add(other),
    }
}

impl Snoop {
    /// Takes the file's header, where it is one.
    pub(super) fn open(window: &mut Refill) -> Option<Snoop> {
        if !window.data().starts_with(MAGIC) {
            return None;
        }
        let link = link_of(u32_at(window.data(), 12, true)?);
        window.take(16);
        Some(Snoop {
            link,
            last_sec: None,
        })
    }

    /// The record whose header is at `at`, where that can be one.
    fn record(&self, bytes: &[u8], at: usize) -> Option<Record> {
        let field = |n: usize| u32_at(bytes, at.checked_add(n)?, true);
        let (len, whole) = (field(4)?, field(8)?);
        // most places fall at their lengths, so these are looked at first
        let least = u32::try_from(HEAD).ok()?.checked_add(len)?;
        if !(1..=PACKET_BYTES).contains(&len) || !(least..=least + PAD).contains(&whole) {
            return None;
        }
        let r = Record {
            orig: field(0)?,
            len,
            whole,
            sec: field(16)?,
            usec: field(20)?,
        };
        let near = |last: u32| r.sec.abs_diff(last) < 366 * 86_400;
        (r.len <= r.orig && r.usec < 1_000_000 && self.last_sec.is_none_or(near)).then_some(r)
    }

    /// Whether the next record is not whole yet in a file that grows.
    pub(super) fn waits(&self, window: &mut Refill) -> bool {
        if !window.have(HEAD) {
            return window.pending();
        }
        self.record(window.data(), 0)
            .is_some_and(|r| !window.have(r.whole as usize) && window.pending())
    }

    pub(super) fn step(&mut self, window: &mut Refill) -> Step {
        if !window.have(HEAD) {
            return match window.data().len() {
                0 => Step::End,
                n => {
                    window.take(n);
                    let detail = format!("the file ends {n} bytes into a record header");
                    Step::Diag("truncated-packet", detail)
                }
            };
        }
        let Some(r) = self.record(window.data(), 0) else {
            return self.resync(window);
        };
        // the last record of a file may lack its padding
        if !window.have(r.whole as usize) && window.data().len() < HEAD + r.len as usize {
            let n = window.data().len();
            window.take(n);
            let detail = format!("the file ends {n} bytes into a record");
            return Step::Diag("truncated-packet", detail);
        }
        self.last_sec = Some(r.sec);
        let start = window.take(r.whole as usize) + HEAD;
        Step::Packet(Found {
            start,
            len: r.len as usize,
            ts: i64::from(r.sec) * 1_000_000_000 + i64::from(r.usec) * 1000,
            link: self.link,
            interface: 0,
            orig_len: r.orig,
        })
    }

    /// Goes on where two headers follow each other, or one reaches exactly to the end.
    fn resync(&self, window: &mut Refill) -> Step {
        let from = window.offset();
        let reach = REACH + 2 * HEAD + PACKET_BYTES as usize + PAD as usize;
        window.take(1);
        loop {
            let more = window.have(reach);
            let data = window.data();
            let places = if more { REACH } else { data.len() };
            let found = (0..places).find(|at| {
                self.record(data, *at).is_some_and(|r| {
                    let next = at + r.whole as usize;
                    self.record(data, next).is_some() || !more && next == data.len()
                })
            });
            let n = found.unwrap_or(places);
            window.take(n);
            if found.is_some() || !more {
                let skipped = window.offset() - from;
                return Step::Diag(
                    "damaged-record",
                    format!("{skipped} bytes skipped at offset {from}"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::source::pcap::{Event, PacketReader};
    use std::io::Cursor;

    fn record(sec: u32, packet: &[u8]) -> Vec<u8> {
        let len = u32::try_from(packet.len()).unwrap();
        let pad = packet.len().next_multiple_of(4) - packet.len();
        let mut out = Vec::new();
        for n in [
            len + 2,
            len,
            24 + len + u32::try_from(pad).unwrap(),
            0,
            sec,
            250_000,
        ] {
            out.extend_from_slice(&n.to_be_bytes());
        }
        out.extend_from_slice(packet);
        out.extend(std::iter::repeat_n(0, pad));
        out
    }

    fn read(file: Vec<u8>) -> Vec<String> {
        let mut reader = PacketReader::open(Box::new(Cursor::new(file)), 0).unwrap();
        let mut out = Vec::new();
        while let Some(e) = reader.next() {
            out.push(match e {
                Event::Packet(p) => format!(
                    "{} {} {} {} of {}",
                    p.at.unit.number,
                    p.at.ts,
                    p.link,
                    p.bytes.len(),
                    p.orig_len
                ),
                Event::Diag { code, detail, .. } => format!("{code}: {detail}"),
            });
        }
        out
    }

    fn file(records: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"snoop\0\0\0\0\0\0\x02\0\0\0\x04".to_vec();
        out.extend(records.concat());
        out
    }

    #[test]
    fn records_are_packets_and_their_padding_is_not() {
        let got = read(file(&[record(100, &[1; 61]), record(101, &[2; 60])]));
        assert_eq!(
            got,
            ["1 100250000000 1 61 of 63", "2 101250000000 1 60 of 62"]
        );
    }

    #[test]
    fn behind_damage_the_next_record_is_found_and_a_cut_one_is_told() {
        let mut bad = record(101, &[2; 60]);
        bad[4..12].fill(0xff);
        let mut all = file(&[
            record(100, &[1; 60]),
            bad,
            record(102, &[3; 40]),
            record(103, &[4; 40]),
        ]);
        all.truncate(all.len() - 10);
        let got = read(all);
        assert_eq!(
            got,
            [
                "1 100250000000 1 60 of 62",
                "damaged-record: 84 bytes skipped at offset 100",
                "2 102250000000 1 40 of 42",
                "truncated-packet: the file ends 54 bytes into a record"
            ]
        );
    }
}
