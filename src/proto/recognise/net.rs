//! Names of what runs, watches and guards networks: routing, measuring, management, directories, keys and tunnels' control.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{Half, Look, NOT_HTTP, Name, TCP, UDP, at, be, ber, has, text};
use crate::limits;

/// A tunnel whose content is encrypted.
const SECRET: &str = "an encrypted tunnel, not decoded";

pub(super) const NAMES: &[Name] = &[
    Name(
        "smb",
        TCP,
        |l| {
            l.any(|h| {
                // a positive answer to a session may stand before it
                let h = h.strip_prefix(&[0x82, 0, 0, 0]).unwrap_or(h);
                h.get(4..8)
                    .is_some_and(|m| matches!(m, b"\xffSMB" | b"\xfeSMB" | b"\xfdSMB"))
            })
        },
        NOT_HTTP,
    ),
    Name("netbios-ssn", TCP, |l| l.any(netbios_ssn), NOT_HTTP),
    Name("ldap", None, |l| l.one(|g| ldap(g, l.udp)), NOT_HTTP),
    Name(
        "kerberos",
        None,
        |l| l.one(|g| kerberos(g, l.udp)),
        NOT_HTTP,
    ),
    Name("snmp", None, |l| l.one(|g| snmp(g, l.udp)), NOT_HTTP),
    Name("radius", UDP, |l| l.one(|g| radius(g, l)), NOT_HTTP),
    Name("diameter", TCP, |l| l.any(diameter), NOT_HTTP),
    Name("tacacs", TCP, tacacs, NOT_HTTP),
    Name(
        "bgp",
        TCP,
        |l| {
            l.any(|h| {
                h.get(..16).is_some_and(|m| m.iter().all(|b| *b == 0xff))
                    && be(h, 16, 2).is_some_and(|n| (19..=4096).contains(&n))
                    && matches!(at(h, 18), 1..=5)
            })
        },
        NOT_HTTP,
    ),
    Name(
        "ldp",
        None,
        |l| {
            l.port(646)
                && l.any(|h| {
                    matches!(h, [0, 1, ..])
                        && be(h, 2, 2).is_some_and(|n| n >= 14)
                        && at(h, 10) < 0x10
                })
        },
        NOT_HTTP,
    ),
    Name(
        "rip",
        UDP,
        |l| {
            l.ports(&[520, 521])
                && l.one(|g| matches!(g.bytes, [1 | 2, 1 | 2, 0, 0, ..]) && g.len % 20 == 4)
        },
        NOT_HTTP,
    ),
    Name(
        "hsrp",
        UDP,
        |l| {
            l.one(|g| {
                l.port(1985) && at(g.bytes, 0) == 0 && at(g.bytes, 1) <= 3 && g.len >= 20
                    || l.ports(&[1985, 2029]) && g.bytes.starts_with(&[1, 40, 2])
            })
        },
        NOT_HTTP,
    ),
    Name(
        "bfd",
        UDP,
        |l| {
            l.ports(&[3784, 3785, 4784])
                && l.one(|g| {
                    at(g.bytes, 0) >> 5 == 1 && usize::from(at(g.bytes, 3)) == g.len && g.len >= 24
                })
        },
        NOT_HTTP,
    ),
    Name("lisp", UDP, |l| l.port(4342) && l.any(lisp), NOT_HTTP),
    Name("sflow", UDP, |l| l.any(sflow), NOT_HTTP),
    Name("netflow", UDP, |l| l.one(netflow), NOT_HTTP),
    Name("ipfix", UDP, |l| l.one(ipfix), NOT_HTTP),
    Name(
        "ipmi",
        UDP,
        |l| l.any(|h| matches!(h, [6, 0, 0xff, 7, 0 | 2 | 4 | 5 | 6, ..])),
        NOT_HTTP,
    ),
    Name(
        "rmcp",
        UDP,
        |l| l.any(|h| matches!(h, [6, 0, _, 6 | 0x86, 0, 0, 0x11, 0xbe, ..])),
        NOT_HTTP,
    ),
    Name(
        "xdmcp",
        UDP,
        |l| {
            l.port(177)
                && l.one(|g| {
                    be(g.bytes, 0, 2) == Some(1)
                        && matches!(be(g.bytes, 2, 2), Some(1..=14))
                        && be(g.bytes, 4, 2).is_some_and(|n| g.holds(n + 6, true))
                })
        },
        NOT_HTTP,
    ),
    Name("tftp", UDP, tftp, NOT_HTTP),
    Name("coap", UDP, coap_flow, NOT_HTTP),
    Name(
        "x11",
        TCP,
        |l| l.any(|h| matches!(h, [b'l', 0, 11, 0, 0, 0, ..] | [b'B', 0, 0, 11, 0, 0, ..])),
        NOT_HTTP,
    ),
    Name(
        "vnc",
        TCP,
        |l| {
            l.any(|h| {
                matches!(h, [b'R', b'F', b'B', b' ', b'0', b'0', _, b'.', ..]) && at(h, 11) == b'\n'
            })
        },
        NOT_HTTP,
    ),
    Name("ica", TCP, |l| l.starts(b"\x7f\x7fICA\0"), NOT_HTTP),
    Name("ike", UDP, |l| l.one(|g| ike(g, l.port(4500))), SECRET),
    Name("esp", UDP, |l| l.port(4500) && l.one(esp), SECRET),
    Name("wireguard", UDP, |l| l.one(wireguard), SECRET),
    Name("openvpn", None, openvpn, SECRET),
    Name(
        "pptp",
        TCP,
        |l| l.any(|h| h.get(..8) == Some(&[0, 156, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d])),
        NOT_HTTP,
    ),
    Name(
        "l2tp",
        UDP,
        |l| {
            l.one(|g| {
                matches!(at(g.bytes, 0) & 0xcb, 0xc8)
                    && at(g.bytes, 1) & 15 == 2
                    && be(g.bytes, 2, 2).is_some_and(|n| n >= 12 && g.holds(n, true))
            })
        },
        NOT_HTTP,
    ),
    Name(
        "gtp-c",
        UDP,
        |l| l.ports(&[2123, 3386, 2152]) && l.one(gtp),
        NOT_HTTP,
    ),
    Name(
        "pfcp",
        UDP,
        |l| {
            l.port(8805)
                && l.one(|g| {
                    at(g.bytes, 0) >> 5 == 1
                        && at(g.bytes, 0) & 0x18 == 0
                        && matches!(at(g.bytes, 1), 1..=15 | 50..=57)
                        && be(g.bytes, 2, 2).is_some_and(|n| g.holds(n + 4, true))
                })
        },
        NOT_HTTP,
    ),
];

/// A session asked for under two encoded names, or its answer (RFC 1002 section 4.3).
fn netbios_ssn(h: &[u8]) -> bool {
    let name = |at: usize| {
        h.get(at) == Some(&0x20)
            && h.get(at + 1..at + 25)
                .is_some_and(|n| n.iter().all(|c| (b'A'..=b'P').contains(c)))
    };
    matches!(h, [0x81, 0, 0, 68, ..]) && name(4) || matches!(h, [0x83, 0, 0, 1, 0x80..=0x8f])
}

/// A message with a number and an operation that is defined (RFC 4511 section 4.1.1).
fn ldap(g: &Half<'_>, udp: bool) -> bool {
    let h = g.bytes;
    let Some((len, from)) = ber(h, 0).filter(|_| at(h, 0) == 0x30) else {
        return false;
    };
    let number = usize::from(at(h, from + 1));
    let op = h.get(from + 2 + number).copied().unwrap_or(0);
    at(h, from) == 2
        && (1..=4).contains(&number)
        && matches!(op, 0x42 | 0x4a | 0x50 | 0x60 | 0x61 | 0x63..=0x69 | 0x6b..=0x6f | 0x73 | 0x77..=0x79)
        && g.holds(len.saturating_add(u32::try_from(from).unwrap_or(0)), udp)
}

/// A message of an application's tag that says version 5 and its kind (RFC 4120 section 5).
fn kerberos(g: &Half<'_>, udp: bool) -> bool {
    let from = if udp { 0 } else { 4 };
    let h = g.bytes.get(from..).unwrap_or_default();
    let version = h.get(..24).unwrap_or(h);
    let says = has(version, &[0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1])
        || has(version, &[0xa1, 3, 2, 1, 5, 0xa2, 3, 2, 1]);
    let framed = udp || be(g.bytes, 0, 4).is_some_and(|n| g.holds(n.saturating_add(4), false));
    matches!(at(h, 0), 0x6a..=0x6f | 0x74..=0x76 | 0x7e) && says && framed
}

/// A sequence with a version and a community, or the head of version 3 (RFC 1157, RFC 3412).
fn snmp(g: &Half<'_>, udp: bool) -> bool {
    let h = g.bytes;
    let Some((len, from)) = ber(h, 0).filter(|_| at(h, 0) == 0x30) else {
        return false;
    };
    let Some(&[2, 1, version, tag]) = h.get(from..).and_then(|h| h.first_chunk::<4>()) else {
        return false;
    };
    let rest = match version {
        0 | 1 if tag == 4 => ber(h, from + 3).is_some_and(|(n, at)| {
            n < 256
                && h.get(at + n as usize)
                    .is_none_or(|t| matches!(t, 0xa0..=0xa8))
        }),
        3 => tag == 0x30,
        _ => false,
    };
    rest && g.holds(len.saturating_add(u32::try_from(from).unwrap_or(0)), udp)
}

/// A code, the datagram's length, and attributes that follow each other (RFC 2865); without any, on the own ports alone.
fn radius(g: &Half<'_>, l: &Look<'_>) -> bool {
    let h = g.bytes;
    let code = matches!(at(h, 0), 1..=5 | 11..=13 | 40..=45);
    if !code
        || g.len < 20
        || be(h, 2, 2).is_none_or(|n| !(20..=4096).contains(&n) || !g.holds(n, true))
    {
        return false;
    }
    let mut at = 20;
    while at < g.len {
        match h.get(at..at + 2) {
            Some(&[kind, len]) if kind > 0 && len >= 2 => at += usize::from(len),
            Some(_) => return false,
            None => return at > 20 && h.len() >= limits::FLOW_HEAD,
        }
    }
    at == g.len && (at > 20 || l.ports(&[1812, 1813, 1645, 1646, 3799]))
}

/// Version 1, a length in words, a command that is defined, and an attribute that is (RFC 6733 section 3).
fn diameter(h: &[u8]) -> bool {
    let command = matches!(
        be(h, 5, 3),
        Some(
            257
            | 258
            | 265
            | 268
            | 271
            | 272
            | 274
            | 275
            | 280
            | 282
            | 283..=329
            | 8_388_608..=8_388_799,
        )
    );
    at(h, 0) == 1
        && be(h, 1, 3).is_some_and(|n| n >= 20 && n % 4 == 0 && n < 1 << 20)
        && at(h, 4) & 0x0f == 0
        && command
        && be(h, 20, 4).is_none_or(|a| (1..10_000).contains(&a))
}

/// First and second packet of one session (RFC 8907 section 4.1).
fn tacacs(l: &Look<'_>) -> bool {
    let head = |h: &[u8], n: u8| {
        matches!(h, [0xc0 | 0xc1, 1..=3, seq, flags, ..] if *seq == n && flags & !5 == 0)
            && be(h, 8, 4).is_some_and(|n| n > 0 && n < 1 << 16)
    };
    l.pair(|c, s| head(c.bytes, 1) && head(s.bytes, 2) && be(c.bytes, 4, 4) == be(s.bytes, 4, 4))
        || l.port(49) && l.any(|h| head(h, 1) || head(h, 2))
}

/// A message of control (RFC 9301 section 5): of an address that is one, or an encapsulated packet.
fn lisp(h: &[u8]) -> bool {
    let family = |at: usize| matches!(be(h, at, 2), Some(0..=2 | 6 | 16_387));
    match at(h, 0) >> 4 {
        1 => family(12),
        2 => at(h, 3) > 0 && family(22),
        3 | 4 => matches!(be(h, 12, 2), Some(0..=5)) && be(h, 14, 2).is_some_and(|n| n <= 64),
        8 => matches!(at(h, 4) >> 4, 4 | 6),
        _ => false,
    }
}

/// Version 5, an address, and a sample of a kind that is defined.
fn sflow(h: &[u8]) -> bool {
    let address = match be(h, 4, 4) {
        Some(1) => 12,
        Some(2) => 24,
        _ => return false,
    };
    be(h, 0, 4) == Some(5)
        && be(h, address + 12, 4).is_some_and(|n| n <= 256)
        && be(h, address + 16, 4).is_none_or(|kind| kind & 0xfff <= 5)
}

/// Flows of a fixed size that fill the datagram, or the first set of version 9 (RFC 3954).
fn netflow(g: &Half<'_>) -> bool {
    let (version, n) = (be(g.bytes, 0, 2), be(g.bytes, 2, 2).unwrap_or(0) as usize);
    let fills = |head: usize, one: usize| (1..=60).contains(&n) && g.len == head + n * one;
    match version {
        Some(1) => fills(16, 52),
        Some(5) => fills(24, 48),
        Some(7) => fills(24, 52),
        Some(9) => {
            let set = be(g.bytes, 20, 2).is_some_and(|s| s <= 1 || s >= 256);
            n > 0
                && n < 512
                && set
                && be(g.bytes, 22, 2).is_some_and(|n| n >= 4 && n as usize + 20 <= g.len)
        }
        _ => false,
    }
}

/// The datagram's length, and the first set (RFC 7011 section 3).
fn ipfix(g: &Half<'_>) -> bool {
    let h = g.bytes;
    be(h, 0, 2) == Some(10)
        && be(h, 2, 2).is_some_and(|n| g.holds(n, true))
        && be(h, 16, 2).is_some_and(|s| matches!(s, 2 | 3 | 256..))
        && be(h, 18, 2).is_some_and(|n| n >= 4 && n as usize + 16 <= g.len)
}

/// A file asked for in a mode; or, from the port that a server chose, its first block and what confirms it (RFC 1350).
fn tftp(l: &Look<'_>) -> bool {
    let asked = |h: &[u8]| {
        let Some(rest) = h.strip_prefix(&[0, 1]).or_else(|| h.strip_prefix(&[0, 2])) else {
            return false;
        };
        let mut parts = rest.split(|b| *b == 0);
        let name = parts.next().is_some_and(|n| !n.is_empty() && text(n));
        name && parts.next().is_some_and(|m| {
            [&b"octet"[..], b"netascii", b"mail"]
                .iter()
                .any(|w| m.eq_ignore_ascii_case(w))
        })
    };
    let block = |g: &Half<'_>| {
        g.bytes.starts_with(&[0, 3, 0, 1])
            || g.bytes.starts_with(&[0, 6]) && text(g.bytes.get(2..3).unwrap_or_default())
    };
    // a confirmation has four bytes: each stands for its direction until something longer comes
    l.any(asked) || l.pair(|a, b| block(a) && matches!(b.bytes, [0, 4, _, _]))
}

/// Options and a payload to the datagram's end, as far as they were kept (RFC 7252 section 3): class and detail, number, token.
fn coap<'a>(g: &Half<'a>) -> Option<(u8, u32, &'a [u8])> {
    let h = g.bytes;
    let (first, code) = (*h.first()?, *h.get(1)?);
    let token = h.get(4..4 + usize::from(first & 15))?;
    if first >> 6 != 1
        || first & 15 > 8
        || !matches!(code, 0..=7 | 0x41..=0x45 | 0x5f | 0x80..=0x9d | 0xa0..=0xa5 | 0xe1..=0xe5)
    {
        return None;
    }
    let mut at = 4 + token.len();
    while at < g.len {
        let Some(option) = h.get(at).copied() else {
            break;
        };
        if option == 0xff {
            return (at + 1 < g.len).then_some((code, be(h, 2, 2)?, token));
        }
        at += 1;
        let mut length = 0;
        for (n, nibble) in [option >> 4, option & 15].into_iter().enumerate() {
            let (value, more) = match nibble {
                13 => (be(h, at, 1)? + 13, 1),
                14 => (be(h, at, 2)? + 269, 2),
                15 => return None,
                n => (u32::from(n), 0),
            };
            at += more;
            if n == 1 {
                length = value as usize;
            }
        }
        at += length;
    }
    (at <= g.len || h.len() >= limits::FLOW_HEAD).then_some((code, be(h, 2, 2)?, token))
}

/// A request and an answer with its number or token; on the own ports one of them alone.
fn coap_flow(l: &Look<'_>) -> bool {
    let fits = |c: &Half<'_>, s: &Half<'_>| match (coap(c), coap(s)) {
        (Some((1..=7, id, token)), Some((code, of, back))) => {
            code > 7 && (token == back && (id == of || !token.is_empty())) || code == 0 && id == of
        }
        _ => false,
    };
    l.pair(fits)
        || l.ports(&[5683, 5684]) && l.one(|g| coap(g).is_some_and(|c| c.0 > 0 || g.len == 4))
}

/// Two numbers, a version and an exchange, and the datagram's length (RFC 7296 section 3.1); on the port for both, behind a
/// mark of four zeros.
fn ike(g: &Half<'_>, natted: bool) -> bool {
    let from = if natted && g.bytes.starts_with(&[0; 4]) {
        4
    } else {
        0
    };
    let h = g.bytes.get(from..).unwrap_or_default();
    let exchange = match at(h, 17) {
        0x10 => matches!(at(h, 18), 1..=6 | 32 | 33),
        0x20..=0x2f => matches!(at(h, 18), 34..=44),
        _ => false,
    };
    exchange
        && h.get(..8).is_some_and(|spi| spi.iter().any(|b| *b != 0))
        && be(h, 24, 4).is_some_and(|n| n >= 28 && n as usize + from == g.len)
}

/// Two packets of one association with numbers that follow (RFC 3948 section 2.1).
fn esp(g: &Half<'_>) -> bool {
    let (spi, n) = (be(g.bytes, 0, 4), be(g.bytes, 4, 4));
    let next = be(g.next, 4, 4);
    spi.is_some_and(|s| s > 255)
        && spi == be(g.next, 0, 4)
        && n.zip(next)
            .is_some_and(|(a, b)| (1..=64).contains(&b.wrapping_sub(a)))
}

/// Messages of a handshake have their lengths; data twice for one receiver, padded to 16 bytes.
fn wireguard(g: &Half<'_>) -> bool {
    match g.bytes {
        [1, 0, 0, 0, ..] => g.len == 148,
        [2, 0, 0, 0, ..] => g.len == 92,
        [3, 0, 0, 0, ..] => g.len == 64,
        [4, 0, 0, 0, ..] => {
            let padded = |n: usize| n >= 32 && n.is_multiple_of(16);
            padded(g.len)
                && padded(g.next_len)
                && g.bytes.get(..8) == g.next.get(..8)
                && g.bytes.get(13..16) == Some(&[0; 3])
        }
        _ => false,
    }
}

/// A reset of the client and the server's, which acknowledges it: it has the client's number somewhere behind its own. Over TCP
/// a length stands before each.
fn openvpn(l: &Look<'_>) -> bool {
    let strip = |g: &Half<'_>| {
        if l.udp {
            0
        } else {
            usize::from(be(g.bytes, 0, 2).is_some_and(|n| n >= 14 && g.holds(n + 2, false))) * 2
        }
    };
    l.pair(|c, s| {
        let (from, back) = (strip(c), strip(s));
        let (a, b) = (c.bytes.get(from..), s.bytes.get(back..));
        let (Some(a), Some(b)) = (a, b) else {
            return false;
        };
        (l.udp || from == 2 && back == 2)
            && matches!(at(a, 0), 0x38 | 0x50)
            && at(b, 0) == 0x40
            && a.get(1..9)
                .is_some_and(|id| b.get(9..).is_some_and(|rest| has(rest, id)))
    }) || l.udp
        && l.one(|g| g.len == 14 && g.bytes.get(9..) == Some(&[0; 5]) && at(g.bytes, 0) == 0x38)
}

/// Control of version 1 or of before, or of version 2: a message that is defined, and the datagram's length.
fn gtp(g: &Half<'_>) -> bool {
    let h = g.bytes;
    let len = be(h, 2, 2).unwrap_or(0);
    match at(h, 0) >> 5 {
        0 => at(h, 0) & 0x0e == 0x0e && (g.holds(len + 20, true) || g.holds(len + 6, true)),
        1 => at(h, 1) != 255 && at(h, 1) != 0 && g.holds(len + 8, true),
        2 => {
            at(h, 1) != 0
                && (g.holds(len + 4, true) || at(h, 0) & 0x10 != 0 && (len as usize + 4) < g.len)
        }
        _ => false,
    }
}
