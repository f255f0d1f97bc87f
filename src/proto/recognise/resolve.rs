//! Names of the family of DNS and of what configures hosts: DHCP, NetBIOS, NTP.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{Half, Look, NOT_HTTP, Name, TCP, UDP, at, be};
use crate::limits;

pub(super) const NAMES: &[Name] = &[
    Name("dhcpv6", UDP, |l| l.one(dhcpv6), NOT_HTTP),
    Name(
        "dhcp",
        UDP,
        |l| l.ports(&[67, 68]) && l.any(|h| matches!(h, [1 | 2, 1, 6, ..])),
        NOT_HTTP,
    ),
    Name("netbios-dgm", UDP, |l| l.any(netbios_dgm), NOT_HTTP),
    Name(
        "netbios-ns",
        UDP,
        |l| l.any(|h| head(h) && (l.port(137) || encoded(h.get(12..).unwrap_or_default()))),
        NOT_HTTP,
    ),
    Name("mdns", UDP, |l| l.port(5353) && l.any(head), NOT_HTTP),
    Name("llmnr", UDP, |l| l.port(5355) && l.any(head), NOT_HTTP),
    Name(
        "dns",
        UDP,
        |l| l.any(|h| dns(h) || l.port(53) && head(h)),
        NOT_HTTP,
    ),
    Name(
        "dns",
        TCP,
        |l| l.port(53) && l.any(|h| h.get(2..).is_some_and(head)),
        NOT_HTTP,
    ),
    Name("ntp", UDP, ntp, NOT_HTTP),
    Name("nat-pmp", UDP, nat_pmp, NOT_HTTP),
    Name("wol", UDP, |l| l.any(wake), NOT_HTTP),
    Name("dropbox", UDP, |l| l.starts(b"{\"host_int\": "), NOT_HTTP),
    Name(
        "bjnp",
        UDP,
        |l| {
            l.any(|h| {
                matches!(
                    h,
                    [b'B', b'J', b'N', b'P' | b'B', ..]
                        | [b'B', b'N', b'J', b'B', ..]
                        | [b'M', b'F', b'N', b'P', ..]
                )
            })
        },
        NOT_HTTP,
    ),
];

/// The head of a message (RFC 1035 section 4.1.1) with counts that may be.
fn head(h: &[u8]) -> bool {
    let (Some(flags), Some(q), Some(a), Some(n), Some(x)) = (
        be(h, 2, 2),
        be(h, 4, 2),
        be(h, 6, 2),
        be(h, 8, 2),
        be(h, 10, 2),
    ) else {
        return false;
    };
    flags & 0x0040 == 0
        && (flags >> 11 & 15) <= 6
        && q <= 16
        && a <= 200
        && n <= 64
        && x <= 64
        && q + a > 0
        && h.get(12).is_some_and(|l| *l <= 63 || *l & 0xc0 == 0xc0)
}

/// A head, and the first name with a type and a class behind it, as far as they were kept.
pub(super) fn dns(h: &[u8]) -> bool {
    if !head(h) {
        return false;
    }
    let mut at = 12;
    loop {
        let Some(len) = h.get(at).copied() else {
            return h.len() >= limits::FLOW_HEAD;
        };
        at += 1;
        match len {
            0 => break,
            0xc0.. => {
                at += 1;
                break;
            }
            1..=63 => {
                let label = h.get(at..).unwrap_or_default();
                let label = label.get(..usize::from(len)).unwrap_or(label);
                if label.iter().any(|c| *c < b' ') {
                    return false;
                }
                at += usize::from(len);
            }
            _ => return false,
        }
    }
    match (be(h, at, 2), be(h, at + 2, 2)) {
        (Some(kind), Some(class)) => {
            (1..=0x0104).contains(&kind) | matches!(kind, 0x8000 | 0x8001 | 0xff00..)
                && matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255)
                || kind == 41
        }
        _ => h.len() >= limits::FLOW_HEAD,
    }
}

/// A name of NetBIOS as 32 letters (RFC 1001 section 14.1).
fn encoded(h: &[u8]) -> bool {
    h.first() == Some(&0x20)
        && h.get(1..33)
            .is_some_and(|n| n.iter().all(|c| (b'A'..=b'P').contains(c)))
}

/// A datagram with the names of both ends, or an error or a question for one (RFC 1002 section 4.4).
fn netbios_dgm(h: &[u8]) -> bool {
    match h.first() {
        Some(0x10..=0x12) => h.get(14..).is_some_and(encoded),
        Some(0x14..=0x16) => h.get(10..).is_some_and(encoded),
        _ => false,
    }
}

/// Options that fill the datagram to its end (RFC 8415 section 8, for relays section 9).
fn dhcpv6(g: &Half<'_>) -> bool {
    let h = g.bytes;
    let mut at = match h.first() {
        Some(1..=11) => 4,
        Some(12 | 13) => 34,
        _ => return false,
    };
    let mut n = 0;
    while at < g.len {
        let (Some(code), Some(len)) = (be(h, at, 2), be(h, at + 2, 2)) else {
            // the rest was not kept
            return n > 0 && h.len() >= limits::FLOW_HEAD;
        };
        if !(1..=200).contains(&code) {
            return false;
        }
        at += 4 + len as usize;
        n += 1;
    }
    n > 0 && at == g.len
}

/// Its port, a version and a mode; the length of version 1 to 4 with what may follow, or a message of modes 6 and 7.
fn ntp(l: &Look<'_>) -> bool {
    l.port(123)
        && l.one(|g| {
            let (version, mode) = (at(g.bytes, 0) >> 3 & 7, at(g.bytes, 0) & 7);
            (1..=4).contains(&version) && (g.len >= 48 || matches!(mode, 6 | 7) && g.len >= 8)
        })
}

/// Six bytes of ones, and an address again and again.
fn wake(h: &[u8]) -> bool {
    let one = h.get(6..12);
    h.starts_with(&[0xff; 6])
        && h.len() >= 54
        && h.get(6..54)
            .is_some_and(|all| all.chunks(6).all(|a| Some(a) == one))
        && one != Some(&[0xff; 6])
}

/// Its port; versions 0 and 2, and an operation (RFC 6886, RFC 6887).
fn nat_pmp(l: &Look<'_>) -> bool {
    l.port(5351)
        && l.one(|g| match g.bytes {
            [0, op, ..] => op & 0x7f <= 2 && matches!(g.len, 2 | 8 | 12 | 16),
            [2, op, ..] => op & 0x7f <= 2 && g.len >= 24 && g.len % 4 == 0,
            _ => false,
        })
}
