//! Tunnels over IP and UDP. In: a transport payload. Out: the name of the tunnel and what it carries. Bounds: each
//! header followed takes one of [`Depth`]; lengths are held against the capture.
//!
//! A datagram on a tunnel's own port is one where its header is well formed to the last reserved bit and what it
//! carries can be there. On any other port what it carries must prove itself as well: an IPv4 header with the right sum,
//! an IPv6 header with the exact length. Everything else stays ordinary UDP.

use super::capwap;
use super::ether::{
    CUT, Depth, Inner, NOT_IP, TOO_DEEP, carried, ethernet, ethertype, ip, mpls, plausible_frame,
    ppp, u16_at, u32_at,
};
use super::ip::plausible;
use super::link::nested;
use super::mirror::mirrored;

/// A tunnel's name and what it carries.
pub(super) type Tunnel<'a> = (&'static str, Inner<'a>);

/// What an IP protocol carries that is a tunnel; `None` for a transport.
pub(super) fn over_ip<'a>(
    protocol: u8,
    bytes: &'a [u8],
    missing: usize,
    depth: &mut Depth,
) -> Option<Tunnel<'a>> {
    let tunnel = match protocol {
        // RFC 2003, RFC 4213, RFC 2473
        4 | 41 => ("ip-in-ip", ip(bytes)),
        47 => return Some(gre(bytes, depth)),
        137 => ("mpls", mpls(bytes, depth)),
        // Ethernet in IPv6 (RFC 8986), and behind two bytes of version in IPv4 (RFC 3378)
        143 => ("ethernet-in-ip", ethernet(bytes, depth)),
        97 if bytes.starts_with(&[0x30, 0]) => (
            "ethernet-in-ip",
            bytes.get(2..).map_or(CUT, |b| ethernet(b, depth)),
        ),
        // PIM: a packet of a group on its way to the meeting point, unless it is there for its header alone (RFC 7761 section 4.9.3)
        103 if matches!(bytes, [0x21, _, _, _, flags, ..] if flags & 0x40 == 0) => {
            ("pim", bytes.get(8..).map_or(CUT, ip))
        }
        // L2TPv3: a session that is not 0, which is for control (RFC 3931 section 4.1.1)
        115 if u32_at(bytes, 0).is_some_and(|session| session != 0) => {
            ("l2tp", l2tp_session(bytes.get(4..)?, missing, depth)?)
        }
        _ => return None,
    };
    Some(tunnel)
}

/// GRE of both versions, with what it is used for: ERSPAN, NVGRE, PPTP, WCCP (RFC 2784, RFC 2890, RFC 2637).
fn gre<'a>(bytes: &'a [u8], depth: &mut Depth) -> Tunnel<'a> {
    let (Some(head), Some(kind)) = (u16_at(bytes, 0), u16_at(bytes, 2)) else {
        return ("gre", CUT);
    };
    if !depth.down() {
        return ("gre", TOO_DEEP);
    }
    let has = |bit: u16| if head & bit != 0 { 4 } else { 0 };
    let (key, seq) = (has(0x2000), has(0x1000));
    if head & 7 == 1 {
        let at = 4 + key + seq + has(0x0080);
        let inner = match bytes.get(at..) {
            // an acknowledgement alone
            Some([]) => NOT_IP,
            Some(rest) if kind == 0x880b => ppp(rest, depth),
            Some(_) => NOT_IP,
            None => CUT,
        };
        return ("pptp", inner);
    }
    if head & 7 != 0 {
        return ("gre", NOT_IP);
    }
    let sum = if head & 0xc000 != 0 { 4 } else { 0 };
    let mut at = 4 + sum + key + seq;
    // Routes of 1994 (RFC 1701), which were withdrawn: each tells its length, the last one has none.
    let mut routes = head & 0x4000 != 0;
    while routes {
        let Some(&[_, _, _, len]) = bytes.get(at..at + 4) else {
            return ("gre", CUT);
        };
        routes = len != 0 || u16_at(bytes, at) != Some(0);
        at += 4 + usize::from(len);
    }
    let Some(rest) = bytes.get(at..) else {
        return ("gre", CUT);
    };
    match kind {
        // ERSPAN: the first version has no header, the second and third tell themselves apart
        0x88be if seq == 0 => ("erspan", ethernet(rest, depth)),
        0x88be | 0x22eb => ("erspan", erspan(rest, depth)),
        0x6558 => {
            let name = if key == 0 { "gre" } else { "nvgre" };
            (name, ethernet(rest, depth))
        }
        // WCCP puts four bytes before the packet in its second version
        0x883e => match rest {
            [first, ..] if first >> 4 == 4 => ("gre", ip(rest)),
            _ => ("gre", rest.get(4..).map_or(CUT, ip)),
        },
        // frames of Aruba's access points
        0x8200..=0x83f0 | 0x9000..=0x92f0 if kind & 15 == 0 => {
            ("gre", nested(105, Some(rest), depth))
        }
        // a keep-alive has type 0
        0..=1535 => ("gre", NOT_IP),
        kind => ("gre", ethertype(kind, rest, depth)),
    }
}

/// ERSPAN with a header of eight bytes, or of twelve and eight more for a platform
/// (draft-foschiano-erspan-03 sections 4.2 and 4.3).
fn erspan<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let Some(version) = bytes.first().map(|b| b >> 4) else {
        return CUT;
    };
    if version != 2 {
        return bytes.get(8..).map_or(CUT, |frame| ethernet(frame, depth));
    }
    let Some(word) = u16_at(bytes, 10) else {
        return CUT;
    };
    let at = if word & 1 == 0 { 12 } else { 20 };
    match (bytes.get(at..), word >> 10 & 31) {
        (Some(rest), 2) => ip(rest),
        (Some(rest), _) => ethernet(rest, depth),
        (None, _) => CUT,
    }
}

/// A UDP datagram that is a tunnel's: what its header and its content prove.
pub(super) fn over_udp<'a>(
    ports: (u16, u16),
    bytes: &'a [u8],
    missing: usize,
    depth: &mut Depth,
) -> Option<Tunnel<'a>> {
    // Shorter ones hold no header and an IP header in it; most datagrams that are no tunnel end at their first bytes.
    let &[b0, b1, b2, b3, ..] = bytes.first_chunk::<28>()?;
    let on = |port: u16| ports.0 == port || ports.1 == port;
    let mut d = *depth;
    if !d.down() {
        return None;
    }
    let found = match (b0, b1) {
        (0x08 | 0x88, _) if b0 == 0x08 && (b1, b2, b3) == (0, 0, 0) || on(4789) || on(8472) => {
            vxlan(bytes, missing, on(4789) || on(8472), &mut d)
        }
        (0x0c | 0x0d, 0) if on(4790) => vxlan_gpe(bytes, missing, &mut d),
        (0x30..=0x37, 0xff) => gtp(bytes, missing, on(2152), &mut d),
        (0x60..=0x6f, _) | (0, 0 | 1) => teredo(bytes, missing, on(3544)),
        _ => None,
    };
    let found = found.or_else(|| match ports {
        _ if b0 & 0xc0 == 0 && b1 & 0x3f == 0 && (on(6081) || (b2, b3) == (0x65, 0x58)) => {
            geneve(bytes, missing, on(6081), &mut d)
        }
        _ if on(1701) => l2tp(bytes, missing, &mut d),
        _ if on(6635) => match mpls(bytes, &mut d) {
            Inner::Ip(inner) if plausible(inner, missing, true) => Some(("mpls", Inner::Ip(inner))),
            _ => None,
        },
        _ if on(4754) => match gre(bytes, &mut d) {
            (name, Inner::Ip(inner)) if plausible(inner, missing, true) => {
                Some((name, Inner::Ip(inner)))
            }
            _ => None,
        },
        _ if on(3386) => gtp0(bytes, missing),
        // the port of LISP's data (RFC 9300 section 5): eight bytes, then a packet
        _ if on(4341) => {
            let rest = bytes.get(8..)?;
            plausible(rest, missing, true).then(|| ("lisp", ip(rest)))
        }
        _ if on(5072) => ayiya(bytes, missing),
        _ if on(5247) => Some(("capwap", capwap::capwap(bytes, missing, &mut d)?)),
        _ if on(12_222) => Some(("lwapp", capwap::lwapp(bytes, missing, &mut d)?)),
        _ if on(6080) => gue(bytes, missing, &mut d),
        _ if on(5000) || on(7932) || on(30_030) => mirrored(ports, bytes, missing, &mut d),
        _ if b0 >> 4 == 4 || on(5555) => {
            fou(bytes, missing).or_else(|| mirrored(ports, bytes, missing, &mut d))
        }
        _ if on(37008) => tzsp(bytes, &mut d),
        _ => None,
    })?;
    *depth = d;
    Some(found)
}

/// Generic UDP encapsulation (draft-ietf-intarea-gue): a header with the protocol of what follows, or a packet alone.
fn gue<'a>(bytes: &'a [u8], missing: usize, depth: &mut Depth) -> Option<Tunnel<'a>> {
    let &[first, protocol, ..] = bytes else {
        return None;
    };
    if first >> 6 == 1 {
        return fou(bytes, missing).map(|(_, inner)| ("gue", inner));
    }
    let rest = bytes.get(4 + usize::from(first & 31) * 4..)?;
    // of what tells and controls the tunnel nothing is a packet
    if first >> 5 != 0 {
        return None;
    }
    match protocol {
        4 | 41 if plausible(rest, missing, true) => Some(("gue", ip(rest))),
        47 => match gre(rest, depth) {
            (_, Inner::Ip(inner)) if plausible(inner, missing, true) => {
                Some(("gue", Inner::Ip(inner)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A packet in UDP with nothing between (Linux' foo-over-UDP): one that proves itself and fills the datagram.
fn fou(bytes: &[u8], missing: usize) -> Option<Tunnel<'_>> {
    let fills = match bytes.first()? >> 4 {
        4 => usize::from(u16_at(bytes, 2)?) == bytes.len() + missing,
        6 => true,
        _ => false,
    };
    (fills && plausible(bytes, missing, true)).then(|| ("fou", ip(bytes)))
}

/// VXLAN (RFC 7348), with or without a group policy; on a port that is not its own the content must prove it.
fn vxlan<'a>(bytes: &'a [u8], missing: usize, own: bool, depth: &mut Depth) -> Option<Tunnel<'a>> {
    let (flags, policy, reserved) = (*bytes.first()?, u32_at(bytes, 0)?, *bytes.get(7)?);
    let frame = bytes.get(8..)?;
    let header = match flags {
        0x08 => policy == 0x0800_0000 && reserved == 0,
        0x88 => own && policy & 0x00ff_0000 & !0x0048_0000 == 0 && reserved == 0,
        // the extension for other payloads, on the port of the plain form
        0x0c => return own.then(|| vxlan_gpe(bytes, missing, depth)).flatten(),
        _ => false,
    };
    (header && (own || plausible_frame(frame, missing))).then(|| ("vxlan", ethernet(frame, depth)))
}

/// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): the flag for a next protocol, and its number.
fn vxlan_gpe<'a>(bytes: &'a [u8], missing: usize, depth: &mut Depth) -> Option<Tunnel<'a>> {
    let (reserved, next, last) = (u16_at(bytes, 1)?, *bytes.get(3)?, *bytes.get(7)?);
    let rest = bytes.get(8..)?;
    let fits = match next {
        1 | 2 => plausible(rest, missing, false),
        3..=5 => true,
        _ => false,
    };
    (reserved == 0 && last == 0 && fits).then(|| ("vxlan", carried(next, rest, depth)))
}

/// Geneve (RFC 8926): options, then Ethernet or IP by its EtherType.
fn geneve<'a>(bytes: &'a [u8], missing: usize, own: bool, depth: &mut Depth) -> Option<Tunnel<'a>> {
    let (&first, kind, &reserved) = (bytes.first()?, u16_at(bytes, 2)?, bytes.get(7)?);
    let rest = bytes.get(8 + usize::from(first & 0x3f) * 4..)?;
    let fits = match kind {
        0x6558 => own || plausible_frame(rest, missing),
        0x0800 | 0x86dd => plausible(rest, missing, !own),
        0x8847 | 0x894f => own,
        _ => false,
    };
    (reserved == 0 && fits).then(|| ("geneve", ethertype(kind, rest, depth)))
}

/// User data of GTP version 1 (3GPP TS 29.281 section 5): optional fields and extension headers, then a packet.
fn gtp<'a>(bytes: &'a [u8], missing: usize, own: bool, depth: &mut Depth) -> Option<Tunnel<'a>> {
    let (&flags, len) = (bytes.first()?, usize::from(u16_at(bytes, 2)?));
    let there = bytes.len().checked_sub(8)?;
    if flags & 0xf8 != 0x30 || (missing == 0 && len != there) || len < there {
        return None;
    }
    let mut at = 8;
    if flags & 7 != 0 {
        let mut next = *bytes.get(11)?;
        at = 12;
        while flags & 4 != 0 && next != 0 {
            // each tells its length in words and ends with the type of the next
            let len = usize::from(*bytes.get(at)?) * 4;
            if len == 0 {
                return None;
            }
            at += len;
            next = *bytes.get(at - 1)?;
        }
    }
    let rest = bytes.get(at..)?;
    if plausible(rest, missing, !own) {
        return Some(("gtp", ip(rest)));
    }
    (own && plausible_frame(rest, missing)).then(|| ("gtp", ethernet(rest, depth)))
}

/// Packets of GTP version 0 (3GPP TS 29.060 of 1998 section 6, GSM 09.60): a header of 20 bytes.
fn gtp0(bytes: &[u8], missing: usize) -> Option<Tunnel<'_>> {
    let (&flags, len) = (bytes.first()?, usize::from(u16_at(bytes, 2)?));
    let rest = bytes.get(20..)?;
    let fits = flags & 0xf0 == 0x10 && bytes.get(1) == Some(&0xff) && len <= rest.len() + missing;
    (fits && plausible(rest, missing, false)).then(|| ("gtp", ip(rest)))
}

/// What stands before the packet of a Teredo datagram: an authentication and the origin (RFC 4380 section 5.1.1).
fn teredo_packet(mut bytes: &[u8]) -> Option<&[u8]> {
    if let [0, 1, id, value, rest @ ..] = bytes {
        bytes = rest.get(usize::from(*id) + usize::from(*value) + 9..)?;
    }
    if let [0, 0, _, _, _, _, _, _, rest @ ..] = bytes {
        bytes = rest;
    }
    Some(bytes)
}

/// Teredo (RFC 4380): IPv6, one end of which has an address in 2001::/32; on its own port also what relays and hosts send
/// under other addresses, and trailers behind the packet (RFC 6081).
fn teredo(bytes: &[u8], missing: usize, own: bool) -> Option<Tunnel<'_>> {
    let packet = teredo_packet(bytes)?;
    let end = |at: usize| u32_at(packet, at) == Some(0x2001_0000);
    let v6 = packet.first().is_some_and(|b| b >> 4 == 6);
    (v6 && (own || end(8) || end(24)) && plausible(packet, missing, !own))
        .then(|| ("teredo", ip(packet)))
}

/// L2TP data of version 2 (RFC 2661 section 3.1), which is PPP, and of version 3 (RFC 3931 section 4.1.2).
fn l2tp<'a>(bytes: &'a [u8], missing: usize, depth: &mut Depth) -> Option<Tunnel<'a>> {
    let flags = u16_at(bytes, 0)?;
    if flags == 3 && u16_at(bytes, 2)? == 0 && u32_at(bytes, 4)? != 0 {
        return Some(("l2tp", l2tp_session(bytes.get(8..)?, missing, depth)?));
    }
    // control, another version, or a bit that must be 0
    if flags & 0x800f != 2 || flags & 0x34f0 != 0 {
        return None;
    }
    let mut at = 2;
    if flags & 0x4000 != 0 {
        let len = usize::from(u16_at(bytes, 2)?);
        if len > bytes.len() + missing || len < 8 {
            return None;
        }
        at += 2;
    }
    at += 4 + if flags & 0x0800 != 0 { 4 } else { 0 };
    if flags & 0x0200 != 0 {
        at += 2 + usize::from(u16_at(bytes, at)?);
    }
    let rest = bytes.get(at..)?;
    let body = rest.strip_prefix(&[0xff, 3]).unwrap_or(rest);
    let inner = ppp(rest, depth);
    let fits = match inner {
        Inner::Ip(packet) => plausible(packet, missing, false),
        // the protocols that set a link up, and what they make unreadable
        _ => matches!(
            body,
            [0xc0, 0x21 | 0x23, ..]
                | [0xc2, 0x23, ..]
                | [0x80, 0x21 | 0x57 | 0xfd, ..]
                | [0, 0xfd, ..]
        ),
    };
    fits.then_some(("l2tp", inner))
}

/// A session of L2TPv3: its cookie of 0, 4 or 8 bytes and the four bytes of a sublayer are agreed elsewhere, so the place
/// counts at which a frame, a packet or PPP proves itself.
fn l2tp_session<'a>(bytes: &'a [u8], missing: usize, depth: &mut Depth) -> Option<Inner<'a>> {
    for at in [0, 4, 8, 12] {
        let rest = bytes.get(at..)?;
        if plausible_frame(rest, missing) {
            return Some(ethernet(rest, depth));
        }
        if plausible(rest, missing, true) {
            return Some(ip(rest));
        }
        if rest.starts_with(&[0xff, 3, 0, 0x21])
            && let Inner::Ip(packet) = ppp(rest, depth)
            && plausible(packet, missing, true)
        {
            return Some(Inner::Ip(packet));
        }
    }
    None
}

/// AYIYA (draft-massar-v6ops-ayiya-02): a packet behind an identity and a signature whose lengths are told.
fn ayiya(bytes: &[u8], missing: usize) -> Option<Tunnel<'_>> {
    let &[id, hash, operation, next, ..] = bytes else {
        return None;
    };
    let identity = 1usize.checked_shl(u32::from(id >> 4))?;
    let packet = bytes.get(8 + identity + usize::from(hash >> 4) * 4..)?;
    (operation & 15 == 1 && matches!(next, 4 | 41) && plausible(packet, missing, true))
        .then(|| ("ayiya", ip(packet)))
}

/// TZSP, by which access points mirror: tags up to the one that ends them, then a frame of the given type.
fn tzsp<'a>(bytes: &'a [u8], depth: &mut Depth) -> Option<Tunnel<'a>> {
    let [1, 0 | 1, a, b, ..] = *bytes else {
        return None;
    };
    let link = match u16::from_be_bytes([a, b]) {
        1 => 1,
        18 => 105,
        119 => 119,
        127 => 127,
        _ => return None,
    };
    let mut at = 4;
    loop {
        match bytes.get(at)? {
            1 => break,
            0 => at += 1,
            _ => at += 2 + usize::from(*bytes.get(at + 1)?),
        }
    }
    Some(("tzsp", nested(link, bytes.get(at + 1..), depth)))
}
