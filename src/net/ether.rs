//! What follows an EtherType: tags, labels, sessions, service headers, down to IP. In: a type and the bytes behind it.
//! Out: [`Inner`]. Bounds: each header followed takes one of [`Depth`].

use super::capwap::Part;
use crate::limits::ENCAP_DEPTH;

/// What stands behind link and tunnel headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner<'a> {
    /// An IPv4 or IPv6 header; its first four bits say which.
    Ip(&'a [u8]),
    /// Several frames sent as one (A-MSDU, IEEE 802.11 section 9.3.2.2).
    Frames(&'a [u8]),
    /// A part of a frame, which is put together first.
    Part(Part<'a>),
    /// Something else, counted under this code.
    Other(&'static str),
}

/// Counted where the headers do not reach to the end of one of them.
pub(super) const CUT: Inner<'static> = Inner::Other("frame-cut");
/// Counted where [`Depth`] is used up.
pub(super) const TOO_DEEP: Inner<'static> = Inner::Other("nested-too-deep");
/// Counted where a header leads to nothing that carries calls.
pub(super) const NOT_IP: Inner<'static> = Inner::Other("not-ip");

/// How many headers of a packet may still be followed; all loops and recursions over headers share it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth(usize);

impl Depth {
    /// [`ENCAP_DEPTH`] headers.
    pub(super) fn whole() -> Depth {
        Depth(ENCAP_DEPTH)
    }
    /// Takes one; false where none is left.
    pub(super) fn down(&mut self) -> bool {
        let left = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        left
    }
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

/// An Ethernet frame from its destination address on.
pub(super) fn ethernet<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    // Cisco's own trunks (ISL): 26 bytes before a frame, to an address of theirs, with the mark of SNAP
    if let [1 | 3, 0, 0x0c, 0, 0, kind, ..] = bytes
        && kind >> 4 == 0
        && bytes.get(14..17) == Some(&[0xaa, 0xaa, 3])
        && let Some(frame) = bytes.get(26..)
    {
        if !depth.down() {
            return TOO_DEEP;
        }
        return tagged(frame, 12, depth);
    }
    tagged(bytes, 12, depth)
}

/// A frame whose EtherType stands at `at`.
pub(super) fn tagged<'a>(bytes: &'a [u8], at: usize, depth: &mut Depth) -> Inner<'a> {
    match (u16_at(bytes, at), bytes.get(at.saturating_add(2)..)) {
        (Some(kind), Some(rest)) => ethertype(kind, rest, depth),
        _ => CUT,
    }
}

/// Bytes between a header with this EtherType and the EtherType of what it carries.
fn tag(kind: u16, rest: &[u8]) -> Option<usize> {
    Some(match kind {
        // 802.1Q, 802.1ad and its older numbers; Cisco VN-Tag holds four bytes, HSR as well
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => 2,
        0x8926 | 0x892f => 4,
        // bridge port extension (802.1BR); a switch's own tag behind a number of its maker's
        0x893f | 0xdada => 6,
        // Cisco metadata (security group tags): version, length, option and tag
        0x8909 => 6,
        // MACsec without encryption: 6 bytes, and 8 more where the sender is named (IEEE 802.1AE section 9)
        0x88e5 => match rest.first() {
            Some(tci) if tci & 0x0c == 0 => 6 + usize::from(tci >> 5 & 1) * 8,
            _ => return None,
        },
        _ => return None,
    })
}

/// What follows an EtherType (or an 802.3 length), through tags, labels and sessions.
pub(super) fn ethertype<'a>(mut kind: u16, mut rest: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    loop {
        if matches!(kind, 0x0800 | 0x86dd) {
            return ip(rest);
        }
        if !depth.down() {
            return TOO_DEEP;
        }
        if let Some(at) = tag(kind, rest) {
            match (u16_at(rest, at), rest.get(at + 2..)) {
                (Some(next), Some(inner)) => (kind, rest) = (next, inner),
                _ => return CUT,
            }
            continue;
        }
        match kind {
            0x8847 | 0x8848 => return mpls(rest, depth),
            // PPPoE session: six bytes, then PPP
            0x8864 => return rest.get(6..).map_or(CUT, |inner| ppp(inner, depth)),
            0x880b => return ppp(rest, depth),
            0x894f => return nsh(rest, depth),
            // Ethernet within Ethernet: behind a service tag (802.1ah), bare (transparent bridging), TRILL (RFC 6325)
            0x88e7 => return rest.get(4..).map_or(CUT, |inner| ethernet(inner, depth)),
            0x6558 => return ethernet(rest, depth),
            0x4305 => return batman(rest, depth),
            // Cisco FabricPath: between the addresses of switches and the frame
            0x8903 => return rest.get(2..).map_or(CUT, |inner| ethernet(inner, depth)),
            0x22f3 => {
                let options = u16_at(rest, 0).map(|w| usize::from(w >> 6 & 31) * 4);
                return match options.and_then(|n| rest.get(6 + n..)) {
                    Some(inner) => ethernet(inner, depth),
                    None => CUT,
                };
            }
            0x0806 | 0x8035 => return Inner::Other("arp"),
            0x88e5 => return Inner::Other("macsec-encrypted"),
            // 802.3 length (cooked frames: 4): LLC, with SNAP where an EtherType follows
            0..=1535 => match rest {
                [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, a, b, inner @ ..] => {
                    (kind, rest) = (u16::from_be_bytes([*a, *b]), inner);
                }
                [0x06, 0x06, 0x03, inner @ ..] => return ip(inner),
                _ => return NOT_IP,
            },
            _ => return NOT_IP,
        }
    }
}

/// B.A.T.M.A.N. advanced, version 15: a frame behind the header of a unicast packet, with two addresses or four, or of a broadcast.
fn batman<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let head = match bytes {
        [0x40, 15, ..] => 10,
        [0x42, 15, ..] => 18,
        [0x01, 15, ..] => 14,
        _ => return Inner::Other("batman"),
    };
    bytes
        .get(head..)
        .map_or(CUT, |inner| ethernet(inner, depth))
}

/// A label stack (RFC 3032), then what only its maker knows: IP, or Ethernet with or without a control word (RFC 4448).
pub(super) fn mpls<'a>(mut bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    loop {
        let (Some(label), Some(rest)) = (u32_at(bytes, 0), bytes.get(4..)) else {
            return CUT;
        };
        if label & 0x100 != 0 {
            let version = rest.first().map_or(0, |b| b >> 4);
            return match (version, rest.get(4..)) {
                // a control word, unless an address that begins with 0 is all that fits
                (0, Some(frame))
                    if plausible_frame(frame, usize::MAX) || !plausible_frame(rest, usize::MAX) =>
                {
                    ethernet(frame, depth)
                }
                (4 | 6, _) if super::ip::plausible(rest, usize::MAX, false) => ip(rest),
                _ if plausible_frame(rest, usize::MAX) => ethernet(rest, depth),
                _ => ip(rest),
            };
        }
        if !depth.down() {
            return TOO_DEEP;
        }
        bytes = rest;
    }
}

/// PPP from its protocol field, which may be compressed to one byte (RFC 1661 section 6.5), behind address and control
/// where they are there.
pub(super) fn ppp<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let bytes = bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(bytes);
    match bytes {
        [0x00, 0x21 | 0x57, rest @ ..] | [0x21 | 0x57, rest @ ..] => ip(rest),
        [0x02, 0x81 | 0x83, rest @ ..] => mpls(rest, depth),
        // a link of several (RFC 1990): a packet that is all in one fragment, behind a number of 24 or 12 bits
        [0x00, 0x3d, first, rest @ ..] if first & 0xc0 == 0xc0 && depth.down() => {
            let long = rest.get(3..).map_or(CUT, |b| ppp(b, depth));
            match long {
                Inner::Ip(packet) if super::ip::plausible(packet, usize::MAX, true) => long,
                _ => rest.get(1..).map_or(CUT, |b| ppp(b, depth)),
            }
        }
        // compressed or encrypted datagrams (RFC 1962, RFC 1968, RFC 3078)
        [0x00, 0x53 | 0x55 | 0xfb | 0xfd, ..] | [0x53 | 0x55 | 0xfb | 0xfd, ..] => {
            Inner::Other("ppp-encrypted")
        }
        [] => CUT,
        _ => NOT_IP,
    }
}

/// Network service header (RFC 8300).
pub(super) fn nsh<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let (Some(head), Some(next)) = (u16_at(bytes, 0), bytes.get(3)) else {
        return CUT;
    };
    let Some(rest) = bytes.get(usize::from(head & 0x3f) * 4..) else {
        return CUT;
    };
    if !depth.down() {
        return TOO_DEEP;
    }
    carried(*next, rest, depth)
}

/// What the number of a next protocol names, the same for NSH and VXLAN-GPE.
pub(super) fn carried<'a>(next: u8, rest: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    match next {
        1 | 2 => ip(rest),
        3 => ethernet(rest, depth),
        4 => nsh(rest, depth),
        5 => mpls(rest, depth),
        _ => NOT_IP,
    }
}

/// IP by its version field.
pub(super) fn ip(bytes: &[u8]) -> Inner<'_> {
    match bytes.first().map(|b| b >> 4) {
        Some(4 | 6) => Inner::Ip(bytes),
        None => CUT,
        _ => NOT_IP,
    }
}

/// Whether bytes that nothing announces are an Ethernet frame all the same: its type leads to an IP header that fits
/// and whose sum is right, or to ARP. `missing` bytes behind it were not captured.
pub(super) fn plausible_frame(bytes: &[u8], missing: usize) -> bool {
    let mut depth = Depth::whole();
    let Some(kind) = u16_at(bytes, 12) else {
        return false;
    };
    if kind == 0x0806 {
        return bytes.get(14..20) == Some(&[0, 1, 8, 0, 6, 4]);
    }
    // 802.3 lengths would let too much pass
    if kind < 1536 {
        return false;
    }
    match tagged(bytes, 12, &mut depth) {
        Inner::Ip(rest) => super::ip::plausible(rest, missing, true),
        _ => false,
    }
}
