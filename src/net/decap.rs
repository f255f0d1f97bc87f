//! A packet's way from the link to its transport, through tunnels and fragments. In: a captured frame. Out: segments and
//! datagrams for the flow table. Bounds: one [`Depth`] for all headers of a packet; fragments as in [`super::frag`].
//!
//! A tunnel's own flow is listed with its packets and bytes and named after the tunnel; what it carries are flows of
//! their own, told apart by their inner ends alone: the two directions of one connection may use tunnels with different
//! numbers, so these are no part of a flow's key. Fragments are put together outside and inside of tunnels alike.

use super::capwap;
use super::ether::{CUT, Depth, Inner, TOO_DEEP, ethernet, ethertype, u32_at};
use super::flow::{Frame, Net};
use super::frag::Outcome;
use super::ip::Ip;
use super::table::Ends;
use super::upper::{self, Part};
use super::{StreamSink, esp, ip, link, low, tcp, tunnel, wlan};
use crate::source::pcap::Packet;
use std::net::IpAddr;

/// What stands in an IP packet, or in one put together from fragments.
#[derive(Clone, Copy)]
pub(super) struct Carried<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) protocol: u8,
    pub(super) bytes: &'a [u8],
    /// Bytes behind `bytes` that were not captured.
    pub(super) missing: usize,
    /// Identification in the IPv4 header.
    pub(super) id: u16,
}

impl<S: StreamSink> Net<S> {
    /// Takes the next packet.
    pub fn packet(&mut self, packet: &Packet<'_>, sink: &mut S) {
        self.tick(packet.at, sink);
        let mut interface = packet.interface;
        if packet.link == 276 {
            // the second cooked header names the interface in every packet
            interface = u32_at(packet.bytes, 4).unwrap_or(interface);
        }
        let frame = Frame {
            at: packet.at,
            tap: (packet.at.unit.source, interface),
            copied: false,
        };
        let cut = (packet.orig_len as usize).saturating_sub(packet.bytes.len());
        let mut depth = Depth::whole();
        if packet.link == 252 {
            return self.exported(packet.bytes, cut, frame, depth, sink);
        }
        let inner = link::inner(packet.link, packet.bytes, &mut depth);
        self.inner(inner, cut, frame, depth, sink);
    }

    /// A PDU that Wireshark exported.
    fn exported(&mut self, bytes: &[u8], cut: usize, frame: Frame, mut depth: Depth, sink: &mut S) {
        let Some(pdu) = upper::parse(bytes) else {
            return self.inner(CUT, cut, frame, depth, sink);
        };
        let inner = match pdu.part() {
            None => return self.count("pdu-unplaced", frame.at),
            Some(Part::Frame(rest)) => ethernet(rest, &mut depth),
            Some(Part::Typed(kind, rest)) => ethertype(kind, rest, &mut depth),
            Some(Part::Ip(rest)) => Inner::Ip(rest),
            Some(Part::Transport((src, dst), protocol, rest)) => {
                let carried = between(src, dst, protocol, rest, cut);
                return self.transport(carried, frame, depth, sink);
            }
            Some(Part::Piece(from, to, protocol, rest)) => {
                return self.piece((from, to), protocol, rest, cut, (frame, depth), sink);
            }
        };
        self.inner(inner, cut, frame, depth, sink);
    }

    /// A piece of a stream, which follows those before it in its direction, or a datagram.
    fn piece(
        &mut self,
        (from, to): ((IpAddr, u16), (IpAddr, u16)),
        protocol: u8,
        rest: &[u8],
        cut: usize,
        (frame, depth): (Frame, Depth),
        sink: &mut S,
    ) {
        let ports = (from.1, to.1);
        if protocol != 6 {
            let whole = upper::datagram(ports, rest);
            let carried = between(from.0, to.0, protocol, &whole, cut);
            return self.udp(carried, frame, depth, sink);
        }
        let (ends, from_low) = Ends::new(from, to, 6);
        let [mine, its] = self.pdus(ends, from_low, 0);
        let whole = upper::segment(ports, mine.wrapping_add(1), its.wrapping_add(1), rest);
        let carried = between(from.0, to.0, 6, &whole, cut);
        self.transport(carried, frame, depth, sink);
        self.pdus(ends, from_low, low((rest.len() + cut) as u64));
    }

    /// What stands behind link headers or in a tunnel.
    fn inner(&mut self, inner: Inner<'_>, cut: usize, frame: Frame, depth: Depth, sink: &mut S) {
        match inner {
            Inner::Ip(bytes) => self.network(bytes, cut, frame, depth, sink),
            Inner::Other(code) => self.count(code, frame.at),
            // between whom is known where the datagram is: see [`Net::part`]
            Inner::Part(_) => self.count("not-ip", frame.at),
            Inner::Frames(bytes) => {
                let mut depth = depth;
                if !depth.down() {
                    return self.inner(TOO_DEEP, cut, frame, depth, sink);
                }
                for body in wlan::subframes(bytes) {
                    let mut depth = depth;
                    // Each is a frame of its own; one inside another there cannot be.
                    match ethertype(0, body, &mut depth) {
                        Inner::Ip(ip) => self.network(ip, 0, frame, depth, sink),
                        Inner::Frames(_) | Inner::Part(_) => self.count("not-ip", frame.at),
                        Inner::Other(code) => self.count(code, frame.at),
                    }
                }
            }
        }
    }

    /// An IP packet: on the link, or in a tunnel.
    fn network(&mut self, bytes: &[u8], cut: usize, frame: Frame, depth: Depth, sink: &mut S) {
        let ip = match ip::parse(bytes, cut) {
            Ok(ip) => ip,
            Err(code) => return self.count(code, frame.at),
        };
        if ip.bad_sum {
            self.bad_sum(frame.at);
        }
        let carried = Carried {
            src: ip.src,
            dst: ip.dst,
            protocol: ip.protocol,
            bytes: ip.payload,
            missing: ip.missing,
            id: ip.id,
        };
        match ip.fragment {
            None => self.transport(carried, frame, depth, sink),
            Some(_) => self.fragment(&ip, carried, frame, depth, sink),
        }
    }

    fn fragment(
        &mut self,
        ip: &Ip<'_>,
        part: Carried<'_>,
        frame: Frame,
        depth: Depth,
        sink: &mut S,
    ) {
        let Some(place) = ip.fragment else { return };
        let mut evicted = 0;
        let outcome = self.fragments.add(ip, place, frame.at, &mut evicted);
        self.count_many("fragments-incomplete", evicted, frame.at);
        let whole = match outcome {
            Outcome::Held => return,
            Outcome::Dropped(code) => return self.count(code, frame.at),
            Outcome::Whole(whole) => whole,
        };
        // The first fragment of an IPv6 datagram may hold more extension headers.
        let (protocol, bytes) = if ip.src.is_ipv6() {
            match ip::extensions(whole.protocol, &whole.payload) {
                Ok((protocol, rest, None)) => (protocol, rest),
                Ok(_) => return self.count("bad-fragment", frame.at),
                Err(code) => return self.count(code, frame.at),
            }
        } else {
            (whole.protocol, whole.payload.as_slice())
        };
        let carried = Carried {
            protocol,
            bytes,
            missing: 0,
            ..part
        };
        let frame = Frame {
            at: whole.at,
            ..frame
        };
        self.transport(carried, frame, depth, sink);
    }

    fn transport(&mut self, carried: Carried<'_>, frame: Frame, depth: Depth, sink: &mut S) {
        let Carried { bytes, missing, .. } = carried;
        match carried.protocol {
            6 => match tcp::parse(bytes, missing, (carried.src, carried.dst)) {
                Ok(tcp) => self.tcp(&carried, &tcp, frame, sink),
                Err(code) => self.count(code, frame.at),
            },
            17 => self.udp(carried, frame, depth, sink),
            // UDP-Lite and SCTP have ports and a header of fixed length
            136 => self.with_ports(carried, 8, frame, sink),
            132 => self.with_ports(carried, 12, frame, sink),
            // An authentication header changes nothing of what follows (RFC 4302).
            51 if carried.src.is_ipv4() => match ip::extensions(51, bytes) {
                Ok((protocol, bytes, None)) if protocol != 51 => {
                    let carried = Carried {
                        protocol,
                        bytes,
                        ..carried
                    };
                    self.transport(carried, frame, depth, sink);
                }
                Ok(_) => self.count("bad-fragment", frame.at),
                Err(code) => self.count(code, frame.at),
            },
            _ => self.other(carried, frame, depth, sink),
        }
    }

    fn with_ports(&mut self, carried: Carried<'_>, header: usize, mut frame: Frame, sink: &mut S) {
        match ports(carried.bytes) {
            Some(ports) => {
                let payload = carried.bytes.get(header..).unwrap_or(&[]);
                self.datagram(&carried, ports, payload, None, &mut frame, sink);
            }
            None => self.count("datagram-cut", frame.at),
        }
    }

    fn udp(&mut self, carried: Carried<'_>, mut frame: Frame, mut depth: Depth, sink: &mut S) {
        let Some(ports) = ports(carried.bytes) else {
            return self.count("datagram-cut", frame.at);
        };
        // UDP tells its own length, behind which there may be padding; 0 stands for a jumbogram.
        let end = match carried.bytes.get(4..6) {
            Some(&[a, b]) if u16::from_be_bytes([a, b]) >= 8 => {
                usize::from(u16::from_be_bytes([a, b])).min(carried.bytes.len())
            }
            _ => carried.bytes.len(),
        };
        let payload = carried.bytes.get(8..end).unwrap_or(&[]);
        let missing = carried.missing;
        let tunnel = tunnel::over_udp(ports, payload, missing, &mut depth);
        let name = tunnel.map(|(name, _)| name);
        if let (true, None) = (ports.0 == 4500 || ports.1 == 4500, name)
            && let Some(found) = unencrypted(&carried, payload)
        {
            self.datagram(&carried, ports, payload, Some("esp"), &mut frame, sink);
            return self.unwrapped(carried, found, frame, depth, sink);
        }
        self.datagram(&carried, ports, payload, name, &mut frame, sink);
        match tunnel {
            Some((_, Inner::Part(part))) => self.part(&carried, part, frame, depth, sink),
            Some((_, inner)) => self.inner(inner, missing, frame, depth, sink),
            None => {}
        }
    }

    /// A part of a frame in a tunnel that cuts frames itself.
    fn part(
        &mut self,
        carried: &Carried<'_>,
        part: capwap::Part<'_>,
        frame: Frame,
        mut depth: Depth,
        sink: &mut S,
    ) {
        let ip = Ip {
            src: carried.src,
            dst: carried.dst,
            protocol: carried.protocol,
            payload: part.bytes,
            missing: 0,
            fragment: None,
            id: 0,
            bad_sum: false,
        };
        let mut evicted = 0;
        let outcome = self.fragments.add(&ip, part.place, frame.at, &mut evicted);
        self.count_many("fragments-incomplete", evicted, frame.at);
        match outcome {
            Outcome::Held => {}
            Outcome::Dropped(code) => self.count(code, frame.at),
            Outcome::Whole(whole) => {
                let inner = capwap::frame(part.native, &whole.payload, &mut depth);
                let frame = Frame {
                    at: whole.at,
                    ..frame
                };
                self.inner(inner, 0, frame, depth, sink);
            }
        }
    }

    /// What stands in ESP in the clear.
    fn unwrapped(
        &mut self,
        carried: Carried<'_>,
        (protocol, bytes): (u8, &[u8]),
        frame: Frame,
        mut depth: Depth,
        sink: &mut S,
    ) {
        if !depth.down() {
            return self.inner(TOO_DEEP, 0, frame, depth, sink);
        }
        if matches!(protocol, 4 | 41) {
            return self.inner(Inner::Ip(bytes), 0, frame, depth, sink);
        }
        let carried = Carried {
            protocol,
            bytes,
            ..carried
        };
        self.transport(carried, frame, depth, sink);
    }

    /// A protocol without ports, which may be a tunnel.
    fn other(&mut self, carried: Carried<'_>, mut frame: Frame, mut depth: Depth, sink: &mut S) {
        let Carried {
            protocol,
            bytes,
            missing,
            ..
        } = carried;
        if protocol == 50
            && let Some(found) = unencrypted(&carried, bytes)
        {
            self.datagram(&carried, (0, 0), bytes, Some("esp"), &mut frame, sink);
            return self.unwrapped(carried, found, frame, depth, sink);
        }
        let tunnel = tunnel::over_ip(protocol, bytes, missing, &mut depth);
        let name = tunnel.map(|(name, _)| name);
        self.datagram(&carried, (0, 0), bytes, name, &mut frame, sink);
        if let Some((_, inner)) = tunnel {
            let inner = if depth.down() { inner } else { TOO_DEEP };
            self.inner(inner, missing, frame, depth, sink);
        }
    }
}

/// What ESP carries that is not encrypted.
fn unencrypted<'a>(carried: &Carried<'_>, bytes: &'a [u8]) -> Option<(u8, &'a [u8])> {
    match carried.missing {
        0 => esp::null(bytes, (carried.src, carried.dst)),
        _ => None,
    }
}

/// What stands between two addresses, without the header that said so.
fn between(src: IpAddr, dst: IpAddr, protocol: u8, bytes: &[u8], missing: usize) -> Carried<'_> {
    Carried {
        src,
        dst,
        protocol,
        bytes,
        missing,
        id: 0,
    }
}

/// The ports that UDP, UDP-Lite and SCTP begin with.
fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    let &[a, b, c, d, ..] = bytes else {
        return None;
    };
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}
