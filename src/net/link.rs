//! Link layers down to the network header. In: a captured frame and its LINKTYPE. Out: the slice that begins with an
//! IP header, or the code under which the frame is counted. Bounds: each header followed takes one of [`Depth`].
//!
//! Link types: <https://www.tcpdump.org/linktypes.html>.

use super::ether::{
    CUT, Depth, Inner, NOT_IP, TOO_DEEP, ethernet, ethertype, ip, mpls, ppp, tagged, u16_at,
};
use super::wlan;

/// Looks through the link headers of a frame.
pub(super) fn inner<'a>(link: u32, bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let behind = |n: usize| bytes.get(n..);
    match link {
        // Ethernet; behind the header of a capture card, and the preamble with it
        1 => ethernet(bytes, depth),
        240 => behind(4).map_or(CUT, |b| ethernet(b, depth)),
        241 => behind(12).map_or(CUT, |b| ethernet(b, depth)),
        // Juniper's routers: Ethernet, PPP, frame relay, Cisco HDLC
        178 => juniper(1, bytes, depth),
        179 => juniper(9, bytes, depth),
        180 => juniper(107, bytes, depth),
        181 => juniper(104, bytes, depth),
        167 => juniper(1, bytes, depth),
        // their other ports (bundles, ATM, services, PPPoE over ATM): cookies whose length depends on the card
        130..=137 | 164 | 168 | 183 | 194 | 200 => juniper(0, bytes, depth),
        // cable modems: a header with its sum, and more of it where its first byte says so
        143 => match bytes {
            [fc, more, _, _, ..] if fc >> 6 & 1 == 0 => {
                let more = if fc & 1 != 0 { usize::from(*more) } else { 0 };
                behind(6 + more).map_or(CUT, |b| ethernet(b, depth))
            }
            [_, _, _, _, ..] => NOT_IP,
            _ => CUT,
        },
        // NULL, LOOP: a protocol family in host order of an unknown host; the IP version tells as much.
        0 | 108 => behind(4).map_or(CUT, ip),
        // RAW under its three numbers, IPV4, IPV6
        101 | 12 | 14 | 228 | 229 => ip(bytes),
        // PPP, with or without address and control; a port that speaks Cisco's HDLC tells by its address
        9 | 50 => match bytes {
            [0x0f | 0x8f, 0, ..] => tagged(bytes, 2, depth),
            _ => ppp(bytes, depth),
        },
        // PPP whose first byte is the direction, in addition to the address or in place of it
        166 | 204 => match bytes {
            [0 | 1, 0x03, rest @ ..] | [_, rest @ ..] => ppp(rest, depth),
            [] => CUT,
        },
        // PPPoE without its Ethernet header
        51 => behind(6).map_or(CUT, |b| ppp(b, depth)),
        // Cisco HDLC, also behind a direction
        104 => tagged(bytes, 2, depth),
        205 => tagged(bytes, 3, depth),
        // frame relay, also behind a direction
        107 => frame_relay(bytes, depth),
        206 => behind(1).map_or(CUT, |b| frame_relay(b, depth)),
        // SLIP behind a direction and the compressed header it had
        8 => behind(16).map_or(CUT, ip),
        // a frame behind its preamble, in EPON with a link's number; with a switch's tag of 4 or 8 bytes behind its addresses
        259 | 274 => behind(8).map_or(CUT, |b| ethernet(b, depth)),
        281 | 284 => tagged(bytes, 16, depth),
        // ... or before them
        282 => behind(4).map_or(CUT, |b| ethernet(b, depth)),
        285 => tagged(bytes, 20, depth),
        197 => erf(bytes, depth),
        // MPLS
        219 => mpls(bytes, depth),
        // LLC behind nothing (ATM), a channel (SunATM), two addresses (Fibre Channel), FDDI, token ring
        100 => ethertype(0, bytes, depth),
        123 => behind(4).map_or(CUT, |b| ethertype(0, b, depth)),
        122 => behind(16).map_or(CUT, |b| ethertype(0, b, depth)),
        10 => behind(13).map_or(CUT, |b| ethertype(0, b, depth)),
        6 => token_ring(bytes, depth),
        // IP over IEEE 1394, IP over InfiniBand (two bytes behind the type are unused)
        138 => tagged(bytes, 16, depth),
        242 => match (u16_at(bytes, 40), behind(44)) {
            (Some(kind), Some(rest)) => ethertype(kind, rest, depth),
            _ => CUT,
        },
        // Linux cooked, first and second version
        113 => cooked(bytes, 14, 2, 16, depth),
        276 => cooked(bytes, 0, 8, 20, depth),
        // NFLOG
        239 => nflog(bytes),
        // OpenBSD: pflog tells its length, encapsulated packets stand behind twelve bytes. Solaris: 24 bytes.
        117 => match bytes.first() {
            Some(len) => behind(usize::from(*len).next_multiple_of(4)).map_or(CUT, ip),
            None => CUT,
        },
        109 => behind(12).map_or(CUT, ip),
        226 => behind(24).map_or(CUT, ip),
        // pktap, also under the number it had first
        258 | 149 => pktap(link, bytes, depth),
        105 => wlan::bare(bytes, false, depth),
        127 => wlan::radiotap(bytes, depth),
        119 | 163 => wlan::monitor(bytes, depth),
        // Per-packet information: a length, then the link type of what follows
        192 => match bytes {
            [_, _, a, b, link, 0, 0, 0, ..] => {
                let at = usize::from(u16::from_le_bytes([*a, *b]));
                nested(u32::from(*link), behind(at.max(8)), depth)
            }
            _ => CUT,
        },
        _ => Inner::Other("unknown-link"),
    }
}

/// A frame of another link type inside.
pub(super) fn nested<'a>(link: u32, bytes: Option<&'a [u8]>, depth: &mut Depth) -> Inner<'a> {
    match bytes {
        Some(_) if !depth.down() => TOO_DEEP,
        Some(bytes) => inner(link, bytes, depth),
        None => CUT,
    }
}

/// A cooked frame: where its protocol, the type of its device and its payload stand.
fn cooked<'a>(
    bytes: &'a [u8],
    kind: usize,
    device: usize,
    payload: usize,
    depth: &mut Depth,
) -> Inner<'a> {
    let (Some(kind), Some(device)) = (u16_at(bytes, kind), u16_at(bytes, device)) else {
        return CUT;
    };
    match (device, bytes.get(payload..)) {
        // a device in monitor mode
        (801, rest) => nested(105, rest, depth),
        (802, rest) => nested(119, rest, depth),
        (803, rest) => nested(127, rest, depth),
        (_, Some(rest)) => ethertype(kind, rest, depth),
        (_, None) => CUT,
    }
}

/// Frame relay with a header of two bytes (RFC 2427).
fn frame_relay<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    match bytes {
        [_, _, 0x03, 0xcc | 0x8e, rest @ ..] => ip(rest),
        [_, _, 0x03, 0x00, 0x80, 0, 0, 0, rest @ ..] => tagged(rest, 0, depth),
        [_, _, rest @ ..] => tagged(rest, 0, depth),
        _ => CUT,
    }
}

/// A frame of a Juniper router: a mark, flags, what more there is and its length, then a frame of `link`, or a number and IP.
/// Where it is not told what stands behind (`link` 0), an IPv4 header with the right sum within the first bytes counts, else an IPv6
/// packet of just the length that is there.
fn juniper<'a>(link: u32, bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let [b'M', b'G', b'C', flags, ..] = bytes else {
        return if bytes.len() < 4 { CUT } else { NOT_IP };
    };
    let more = match (flags & 0x80, u16_at(bytes, 4)) {
        (0, _) => 0,
        (_, Some(len)) => 2 + usize::from(len),
        (_, None) => return CUT,
    };
    match bytes.get(4 + more..) {
        Some(rest) if flags & 2 != 0 => rest.get(4..).map_or(CUT, ip),
        Some(rest) if link == 0 => {
            // the sum of IPv4 proves itself; of IPv6 little but the version does, so it comes second
            let found = |version: u8| {
                let is = |b: &&[u8]| b.first().is_some_and(|f| f >> 4 == version);
                let all = (0..=16).filter_map(|at| rest.get(at..)).filter(is);
                let missing = if version == 4 { usize::MAX } else { 0 };
                let mut fit = all.filter(|b| super::ip::plausible(b, missing, true));
                fit.next()
            };
            found(4).or_else(|| found(6)).map_or(NOT_IP, ip)
        }
        Some(rest) => nested(link, Some(rest), depth),
        None => CUT,
    }
}

/// A record of an Endace card: 16 bytes, more headers of 8 as each says of the next, then what the type names.
fn erf<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let Some(kind) = bytes.get(8) else {
        return CUT;
    };
    let (mut at, mut more) = (16, kind & 0x80 != 0);
    while more {
        let Some(head) = bytes.get(at) else {
            return CUT;
        };
        more = head & 0x80 != 0;
        at += 8;
    }
    let Some(rest) = bytes.get(at..) else {
        return CUT;
    };
    match kind & 0x7f {
        // Ethernet in its kinds, behind an offset and a pad byte
        2 | 11 | 16 | 20 => rest.get(2..).map_or(CUT, |b| ethernet(b, depth)),
        // HDLC or PPP in its kinds, those of one channel among many behind its number
        1 | 10 | 15 | 19 => inner(50, rest, depth),
        5 | 17 => rest.get(4..).map_or(CUT, |b| inner(50, b, depth)),
        // AAL5 behind the header of its cells
        4 => rest.get(4..).map_or(CUT, |b| ethertype(0, b, depth)),
        9 => rest.get(8..).map_or(CUT, |b| ethertype(0, b, depth)),
        22 | 23 => ip(rest),
        _ => NOT_IP,
    }
}

/// Token ring: access and frame control, two addresses, and a route where the first bit of the source says so.
fn token_ring<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let route = match (bytes.get(8), bytes.get(14)) {
        (Some(source), Some(route)) if source & 0x80 != 0 => usize::from(route & 0x1f),
        _ => 0,
    };
    match bytes.get(14 + route..) {
        Some(rest) => ethertype(0, rest, depth),
        None => CUT,
    }
}

/// pktap: length, kind (1 for a packet) and link type, in little-endian words.
fn pktap<'a>(link: u32, bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let word = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four))
    };
    let (Some(len), Some(kind), Some(next)) = (word(0), word(4), word(8)) else {
        return CUT;
    };
    if !(12..=4096).contains(&len) || kind > 1 {
        // 149 is a number for private use
        return Inner::Other(if link == 258 {
            "not-ip"
        } else {
            "unknown-link"
        });
    }
    match kind {
        1 => nested(next, bytes.get(len as usize..), depth),
        _ => NOT_IP,
    }
}

/// NFLOG: a header of four bytes, then attributes in host order; number 9 is the packet.
fn nflog(bytes: &[u8]) -> Inner<'_> {
    let mut rest = bytes.get(4..).unwrap_or(&[]);
    while let [a, b, c, d, ..] = *rest {
        // Written in the order of the capturing host; a length under its own header is in the other order.
        let (little, big) = (u16::from_le_bytes([a, b]), u16::from_be_bytes([a, b]));
        let swapped = usize::from(little) > rest.len() || little < 4;
        let (len, kind) = if swapped {
            (usize::from(big), u16::from_be_bytes([c, d]))
        } else {
            (usize::from(little), u16::from_le_bytes([c, d]))
        };
        if kind & 0x7fff == 9 {
            return match rest.get(4..) {
                Some(packet) => ip(packet),
                None => CUT,
            };
        }
        rest = match rest.get(len.max(4).next_multiple_of(4)..) {
            Some(rest) => rest,
            None => return NOT_IP,
        };
    }
    NOT_IP
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: [u8; 4] = [0x45, 1, 2, 3];

    fn inner(link: u32, bytes: &[u8]) -> Inner<'_> {
        super::inner(link, bytes, &mut Depth::whole())
    }

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn tags_labels_and_cooked_headers_lead_to_ip() {
        let mac = [0u8; 12];
        let cases: Vec<(u32, Vec<u8>)> = vec![
            (1, frame(&[&mac, &[8, 0], &IP])),
            (1, frame(&[&mac, &[0x81, 0, 0, 5, 8, 0], &IP])),
            (
                1,
                frame(&[&mac, &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &IP]),
            ),
            (
                1,
                frame(&[&mac, &[0x91, 0, 0, 5, 0x86, 0xdd], &[0x60, 1, 2, 3]]),
            ),
            (
                1,
                frame(&[&mac, &[0x88, 0x47, 0, 0, 0, 9, 0, 0, 1, 9], &IP]),
            ),
            (
                1,
                frame(&[&mac, &[0x88, 0x64, 0x11, 0, 0, 1, 0, 6, 0, 0x21], &IP]),
            ),
            (
                1,
                frame(&[&mac, &[0, 12, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &IP]),
            ),
            (0, frame(&[&[2, 0, 0, 0], &IP])),
            (108, frame(&[&[0, 0, 0, 2], &IP])),
            (101, IP.to_vec()),
            (113, frame(&[&[0; 14], &[8, 0], &IP])),
            (276, frame(&[&[8, 0], &[0; 18], &IP])),
            (9, frame(&[&[0xff, 3, 0, 0x21], &IP])),
            (
                239,
                frame(&[
                    &[2, 0, 0, 0],
                    &[5, 0, 10, 0, 0, 0, 0, 0],
                    &[8, 0, 9, 0],
                    &IP,
                ]),
            ),
        ];
        for (link, bytes) in cases {
            match inner(link, &bytes) {
                Inner::Ip(rest) => assert_eq!(&rest[1..], &[1, 2, 3], "link {link}"),
                other => panic!("link {link}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_ip_has_a_code() {
        let mac = [0u8; 12];
        assert_eq!(
            inner(1, &frame(&[&mac, &[8, 6, 0, 1]])),
            Inner::Other("arp")
        );
        assert_eq!(inner(1, &[0; 13]), Inner::Other("frame-cut"));
        assert_eq!(inner(9999, &IP), Inner::Other("unknown-link"));
        let tags = [0x81u8, 0, 0, 1].repeat(40);
        assert_eq!(
            inner(1, &frame(&[&mac, &tags])),
            Inner::Other("nested-too-deep")
        );
    }
}
