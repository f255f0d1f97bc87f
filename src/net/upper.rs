//! Exported PDUs (LINKTYPE_WIRESHARK_UPPER_PDU): what Wireshark cut out of packets, often decrypted, behind tags that say what
//! it is and between whom. In: such a record. Out: what it is a part of. Bounds: none needed; tags follow each other to the
//! record's end.
//!
//! Nothing of the transport is left but addresses and ports. What went over TCP stands here in order and without loss, so the
//! pieces of one direction follow each other: they are given numbers as if each were a segment.

use super::ether::{u16_at, u32_at};
use std::net::IpAddr;

/// Bytes of a TCP header, of a UDP header.
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// What the tags say, and what follows them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pdu<'a> {
    /// Name of the dissector, or of the table that has it.
    name: &'a [u8],
    /// Number in that table.
    value: Option<u32>,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    /// 2 for TCP, 3 for UDP.
    kind: Option<u32>,
    ports: [Option<u16>; 2],
    rest: &'a [u8],
}

/// What a PDU is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A frame of Ethernet.
    Frame(&'a [u8]),
    /// What an EtherType names.
    Typed(u16, &'a [u8]),
    /// A packet from its IP header on.
    Ip(&'a [u8]),
    /// A transport's header and what it carries.
    Transport((IpAddr, IpAddr), u8, &'a [u8]),
    /// A piece of a stream or a datagram.
    Piece((IpAddr, u16), (IpAddr, u16), u8, &'a [u8]),
}

/// Reads the tags; `None` where they are cut.
pub(super) fn parse(bytes: &[u8]) -> Option<Pdu<'_>> {
    let mut pdu = Pdu::default();
    let mut rest = bytes;
    loop {
        let (tag, len) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..4 + len)?;
        rest = rest.get(4 + len..)?;
        let v4 = || value.first_chunk::<4>().map(|a| IpAddr::from(*a));
        let v6 = || value.first_chunk::<16>().map(|a| IpAddr::from(*a));
        let port = || u32_at(value, 0).and_then(|p| u16::try_from(p).ok());
        match tag {
            0 => break,
            12..=14 => pdu.name = value.split(|b| *b == 0).next().unwrap_or_default(),
            20 => pdu.src = v4(),
            21 => pdu.dst = v4(),
            22 => pdu.src = v6(),
            23 => pdu.dst = v6(),
            24 => pdu.kind = u32_at(value, 0),
            25 => pdu.ports = [port(), pdu.ports[1]],
            26 => pdu.ports = [pdu.ports[0], port()],
            32 => pdu.value = u32_at(value, 0),
            _ => {}
        }
    }
    pdu.rest = rest;
    Some(pdu)
}

impl<'a> Pdu<'a> {
    /// What it is a part of; `None` where that cannot be told.
    pub(super) fn part(&self) -> Option<Part<'a>> {
        let rest = self.rest;
        let ends = || self.src.zip(self.dst);
        let value = self.value;
        match self.name {
            b"eth" | b"eth_withoutfcs" | b"eth_maybefcs" | b"eth_withfcs" => {
                return Some(Part::Frame(rest));
            }
            b"ip" | b"ipv6" => return Some(Part::Ip(rest)),
            b"tcp" => return Some(Part::Transport(ends()?, 6, rest)),
            b"udp" => return Some(Part::Transport(ends()?, 17, rest)),
            b"ethertype" => {
                return Some(Part::Typed(u16::try_from(value?).ok()?, rest));
            }
            b"ip.proto" => {
                return Some(Part::Transport(ends()?, u8::try_from(value?).ok()?, rest));
            }
            _ => {}
        }
        let protocol = match self.kind {
            Some(2) => 6,
            Some(3) => 17,
            _ => return None,
        };
        let (src, dst) = ends()?;
        let [from, to] = self.ports;
        Some(Part::Piece((src, from?), (dst, to?), protocol, rest))
    }
}

/// A segment with these numbers, without flags but that it acknowledges and pushes.
pub(super) fn segment(ports: (u16, u16), seq: u32, ack: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(TCP_HEADER + bytes.len());
    out.extend_from_slice(&ports.0.to_be_bytes());
    out.extend_from_slice(&ports.1.to_be_bytes());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&ack.to_be_bytes());
    // five words, ACK and PSH, a window; sums are not looked at
    out.extend_from_slice(&[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    out.extend_from_slice(bytes);
    out
}

/// A datagram of unknown length, which is all that is here.
pub(super) fn datagram(ports: (u16, u16), bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(UDP_HEADER + bytes.len());
    out.extend_from_slice(&ports.0.to_be_bytes());
    out.extend_from_slice(&ports.1.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(value.len()).unwrap();
        [&kind.to_be_bytes()[..], &len.to_be_bytes(), value].concat()
    }

    #[test]
    fn tags_say_between_whom() {
        let ends = [
            tag(20, &[10, 0, 0, 1]),
            tag(21, &[10, 0, 0, 2]),
            tag(24, &[0, 0, 0, 2]),
            tag(25, &[0, 0, 0x9c, 0x40]),
            tag(26, &[0, 0, 0, 80]),
        ]
        .concat();
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let all = [
            tag(12, b"http\0\0\0\0"),
            ends.clone(),
            tag(0, b""),
            b"GET".to_vec(),
        ]
        .concat();
        let part = |bytes: &[u8]| parse(bytes).and_then(|p| p.part().map(|p| format!("{p:?}")));
        let piece = format!("{:?}", Part::Piece((a, 40_000), (b, 80), 6, b"GET"));
        assert_eq!(part(&all).as_deref(), Some(&*piece));
        // a record that ends within its tags
        assert!(parse(&all[..all.len() - 4]).is_none());
        // a packet, and a transport by a table
        let ip = [tag(12, b"ip\0\0"), tag(0, b""), vec![0x45]].concat();
        assert_eq!(parse(&ip).unwrap().part(), Some(Part::Ip(&[0x45])));
        let table = [
            tag(14, b"ip.proto"),
            tag(32, &[0, 0, 0, 17]),
            ends,
            tag(0, b""),
            vec![7],
        ]
        .concat();
        assert_eq!(
            parse(&table).unwrap().part(),
            Some(Part::Transport((a, b), 17, &[7]))
        );
        // nobody knows between whom
        let alone = [tag(12, b"gsm_map\0"), tag(0, b""), vec![7]].concat();
        assert_eq!(parse(&alone).unwrap().part(), None);
    }
}
