//! Link layers down to the network header. In: a captured frame and its LINKTYPE. Out: the slice that begins with an
//! IP header, or the code under which the frame is counted. Bounds: [`crate::limits::ENCAP_DEPTH`] nested headers.
//!
//! Link types: <https://www.tcpdump.org/linktypes.html>.

use crate::limits::ENCAP_DEPTH;

/// What stands behind a link header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner<'a> {
    /// An IPv4 or IPv6 header; its first four bits say which.
    Ip(&'a [u8]),
    /// Something else, counted under this code.
    Other(&'static str),
}

/// The two bytes at `at`, in network order.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_be_bytes(two))
}

/// The four bytes at `at`, in network order.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

/// Looks through the link headers of a frame.
pub(super) fn inner(link: u32, bytes: &[u8]) -> Inner<'_> {
    let cut = Inner::Other("frame-cut");
    match link {
        // Ethernet
        1 => ethernet(bytes),
        // NULL, LOOP: a protocol family in host order of an unknown host; the IP version tells as much.
        0 | 108 => match bytes.get(4..) {
            Some(rest) => ip(rest),
            None => cut,
        },
        // RAW under its three numbers, IPV4, IPV6
        101 | 12 | 14 | 228 | 229 => ip(bytes),
        // PPP, with or without address and control
        9 | 50 => {
            let rest = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
            ppp(rest)
        }
        // Cisco HDLC
        104 => tagged(bytes, 2),
        // Linux cooked, first and second version
        113 => tagged(bytes, 14),
        276 => match (u16_at(bytes, 0), bytes.get(20..)) {
            (Some(kind), Some(rest)) => ethertype(kind, rest),
            _ => cut,
        },
        // NFLOG
        239 => nflog(bytes),
        _ => Inner::Other("unknown-link"),
    }
}

/// An Ethernet frame from its destination address on.
pub(super) fn ethernet(bytes: &[u8]) -> Inner<'_> {
    tagged(bytes, 12)
}

/// A frame whose EtherType stands at `at`.
fn tagged(bytes: &[u8], at: usize) -> Inner<'_> {
    match (u16_at(bytes, at), bytes.get(at.saturating_add(2)..)) {
        (Some(kind), Some(rest)) => ethertype(kind, rest),
        _ => Inner::Other("frame-cut"),
    }
}

/// What follows an EtherType (or an 802.3 length), through tags, labels and sessions.
pub(super) fn ethertype(mut kind: u16, mut rest: &[u8]) -> Inner<'_> {
    for _ in 0..ENCAP_DEPTH {
        match kind {
            0x0800 | 0x86dd => return ip(rest),
            // 802.1Q, 802.1ad and its older numbers: two bytes of tag, then the next type
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => match (u16_at(rest, 2), rest.get(4..)) {
                (Some(next), Some(inner)) => (kind, rest) = (next, inner),
                _ => return Inner::Other("frame-cut"),
            },
            // MPLS: labels of four bytes to the one with the bottom bit
            0x8847 | 0x8848 => return mpls(rest),
            // PPPoE session: six bytes, then PPP
            0x8864 => {
                return match rest.get(6..) {
                    Some(inner) => ppp(inner),
                    None => Inner::Other("frame-cut"),
                };
            }
            0x0806 | 0x8035 => return Inner::Other("arp"),
            // 802.3 length (cooked frames: 4): LLC, with SNAP where an EtherType follows
            0..=1535 => match rest {
                [0xaa, 0xaa, 0x03, 0, 0, 0, a, b, inner @ ..] => {
                    (kind, rest) = (u16::from_be_bytes([*a, *b]), inner);
                }
                _ => return Inner::Other("not-ip"),
            },
            _ => return Inner::Other("not-ip"),
        }
    }
    Inner::Other("nested-too-deep")
}

fn mpls(bytes: &[u8]) -> Inner<'_> {
    for n in 0..ENCAP_DEPTH {
        let Some(label) = u32_at(bytes, n * 4) else {
            return Inner::Other("frame-cut");
        };
        if label & 0x100 != 0 {
            let rest = bytes.get(n * 4 + 4..).unwrap_or(&[]);
            // Ethernet over MPLS begins with a control word of zeros; nothing else tells what a label carries.
            return match rest {
                [0, 0, 0, 0, frame @ ..] => ethernet(frame),
                _ => ip(rest),
            };
        }
    }
    Inner::Other("nested-too-deep")
}

/// PPP from its protocol field, which may be compressed to one byte (RFC 1661 section 6.5).
fn ppp(bytes: &[u8]) -> Inner<'_> {
    match bytes {
        [0x00, 0x21 | 0x57, rest @ ..] | [0x21 | 0x57, rest @ ..] => ip(rest),
        [] => Inner::Other("frame-cut"),
        _ => Inner::Other("not-ip"),
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
                None => Inner::Other("frame-cut"),
            };
        }
        rest = match rest.get(len.max(4).next_multiple_of(4)..) {
            Some(rest) => rest,
            None => return Inner::Other("not-ip"),
        };
    }
    Inner::Other("not-ip")
}

/// IP by its version field.
fn ip(bytes: &[u8]) -> Inner<'_> {
    match bytes.first().map(|b| b >> 4) {
        Some(4 | 6) => Inner::Ip(bytes),
        None => Inner::Other("frame-cut"),
        _ => Inner::Other("not-ip"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: [u8; 4] = [0x45, 1, 2, 3];

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
        let tags = [0x81u8, 0, 0, 1].repeat(20);
        assert_eq!(
            inner(1, &frame(&[&mac, &tags])),
            Inner::Other("nested-too-deep")
        );
    }
}
