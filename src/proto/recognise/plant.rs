//! Names of what runs plants, buildings and vehicles.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{Half, Look, NOT_HTTP, Name, PLANT, TCP, UDP, at, be, has, le};

pub(super) const NAMES: &[Name] = &[
    Name(
        "modbus",
        TCP,
        |l| l.pair(modbus_pair) || l.port(502) && l.one(modbus),
        PLANT,
    ),
    Name("s7comm", TCP, |l| l.any(|h| tpkt(h, s7)), PLANT),
    Name(
        "rdp",
        TCP,
        |l| l.any(|h| tpkt(h, rdp)) || l.port(3389) && l.any(|h| tpkt(h, connect)),
        NOT_HTTP,
    ),
    Name("h323", TCP, |l| l.any(h323), NOT_HTTP),
    Name("mms", TCP, |l| l.any(|h| tpkt(h, session)), PLANT),
    Name("cotp", TCP, |l| l.any(|h| tpkt(h, connect)), PLANT),
    Name("dnp3", None, |l| l.any(dnp3), PLANT),
    Name("iec104", TCP, iec104, PLANT),
    Name("opcua", TCP, |l| l.any(opcua), PLANT),
    Name("bacnet", UDP, |l| l.one(bacnet), PLANT),
    Name("enip", None, |l| l.one(|g| enip(g, l.udp)), PLANT),
    Name(
        "fins",
        TCP,
        |l| l.any(|h| h.starts_with(b"FINS\0\0")),
        PLANT,
    ),
    Name(
        "fins",
        UDP,
        |l| {
            l.port(9600)
                && l.any(|h| {
                    matches!(h, [0x80 | 0x81 | 0xc0 | 0xc1, 0, 1..=7, ..]) && h.len() >= 12
                })
        },
        PLANT,
    ),
    Name(
        "hart-ip",
        None,
        |l| {
            l.port(5094)
                && l.one(|g| {
                    matches!(g.bytes, [1 | 2, 0..=15, 0..=5, ..])
                        && be(g.bytes, 6, 2).is_some_and(|n| n >= 8 && g.holds(n, l.udp))
                })
        },
        PLANT,
    ),
    Name(
        "knx",
        UDP,
        |l| {
            l.one(|g| {
                matches!(g.bytes, [6, 0x10, 2 | 3 | 4 | 5 | 9, ..])
                    && be(g.bytes, 4, 2).is_some_and(|n| g.holds(n, true))
            })
        },
        PLANT,
    ),
    Name("doip", None, |l| l.one(|g| doip(g, l.udp)), PLANT),
    Name("someip", None, |l| l.one(|g| someip(g, l.udp)), PLANT),
    Name(
        "ptp",
        UDP,
        |l| {
            l.ports(&[319, 320])
                && l.one(|g| {
                    at(g.bytes, 1) & 15 == 2
                        && be(g.bytes, 2, 2).is_some_and(|n| n >= 34 && n as usize <= g.len)
                })
        },
        NOT_HTTP,
    ),
];

/// A request or answer: its protocol is 0, its length that of one, and a function that is defined.
fn modbus(g: &Half<'_>) -> bool {
    let h = g.bytes;
    let function = at(h, 7) & 0x7f;
    let known = matches!(function, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 | 90 | 91);
    be(h, 2, 2) == Some(0)
        && known
        && be(h, 4, 2).is_some_and(|n| (2..=254).contains(&n) && g.holds(n + 6, false))
}

/// A request and an answer of the same number, unit and function.
fn modbus_pair(c: &Half<'_>, s: &Half<'_>) -> bool {
    let (a, b) = (c.bytes, s.bytes);
    let functions = at(a, 7) & 0x7f == at(b, 7) & 0x7f && at(a, 7) & 0x80 == 0;
    modbus(c) && modbus(s) && be(a, 0, 2) == be(b, 0, 2) && at(a, 6) == at(b, 6) && functions
}

/// Packets of RFC 1006 that follow each other: one of whose COTP parts is as asked.
fn tpkt(mut h: &[u8], is: fn(&[u8]) -> bool) -> bool {
    // each has at least seven bytes: those kept are soon at their end
    while let [3, 0, a, b, rest @ ..] = h {
        let len = usize::from(*a) << 8 | usize::from(*b);
        if len < 7 {
            return false;
        }
        let li = usize::from(at(rest, 0));
        if li < 2 || li > len - 5 {
            return false;
        }
        if is(rest.get(..len - 4).unwrap_or(rest)) {
            return true;
        }
        h = h.get(len..).unwrap_or_default();
    }
    false
}

/// Data that carries one of Siemens' two protocols.
fn s7(h: &[u8]) -> bool {
    matches!(
        h,
        [2, 0xf0, _, 0x32, 1..=8, ..] | [2, 0xf0, _, 0x72, 1..=3 | 0xfe, ..]
    )
}

/// A session of ISO 8327 in data: a connection of it, or what follows one.
fn session(h: &[u8]) -> bool {
    matches!(
        h,
        [2, 0xf0, _, 0x0d | 0x0e, ..] | [2, 0xf0, _, 1, 0, 1, 0, ..]
    )
}

/// A connection asked for or confirmed: no destination yet, class 0 or so.
fn connect(h: &[u8]) -> bool {
    matches!(h, [li, 0xe0, 0, 0, _, _, class, ..] if *li >= 6 && class & 0x0f <= 3)
        || matches!(h, [li, 0xd0, _, _, _, _, class, ..] if *li >= 6 && class & 0x0f <= 3)
}

/// A connection asked for with a cookie or a negotiation of RDP, its answer, or a conference (T.125).
fn rdp(h: &[u8]) -> bool {
    let tail = |kind: u8| {
        let li = usize::from(at(h, 0));
        // the last eight bytes: kind, flags, length 8
        li >= 14
            && h.get(li - 7..)
                .is_some_and(|t| matches!(t, [k, _, 8, 0, ..] if *k == kind))
    };
    connect(h)
        && match at(h, 1) {
            0xe0 => has(h, b"Cookie: mstshash=") || has(h, b"Cookie: msts=") || tail(1),
            _ => tail(2) || tail(3),
        }
        || matches!(h, [2, 0xf0, 0x80, 0x7f, 0x65 | 0x66, ..])
}

/// Q.931 over RFC 1006: a setup and what answers it.
fn h323(h: &[u8]) -> bool {
    matches!(
        h,
        [
            3,
            0,
            _,
            _,
            8,
            2,
            _,
            _,
            1 | 2 | 3 | 5 | 7 | 0x5a | 0x62 | 0x7d,
            ..
        ]
    )
}

/// The head of a frame, proved by its sum.
fn dnp3(h: &[u8]) -> bool {
    let Some(&[0x05, 0x64, len, .., lo, hi]) = h.first_chunk::<10>() else {
        return false;
    };
    let sum = h.get(..8).unwrap_or_default().iter().fold(0u16, |crc, b| {
        (0..8).fold(crc ^ u16::from(*b), |c, _| {
            if c & 1 == 1 { c >> 1 ^ 0xa6bc } else { c >> 1 }
        })
    });
    len >= 5 && !sum == u16::from_le_bytes([lo, hi])
}

/// Frames of one kind or the other that follow each other: one that starts or tests a link, or several.
fn iec104(l: &Look<'_>) -> bool {
    let frames = |mut h: &[u8]| {
        let (mut n, mut sure) = (0, false);
        while let [0x68, len @ 4..=253, a, b, c, d, ..] = h {
            match a & 3 {
                3 if *len == 4
                    && (*b, *c, *d) == (0, 0, 0)
                    && matches!(a, 7 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83) =>
                {
                    sure = true
                }
                1 if *len == 4 && *a == 1 && *b == 0 && c & 1 == 0 => {}
                0 | 2 if *len >= 10 && c & 1 == 0 && matches!(at(h, 6), 1..=127) => {}
                _ => return (0, false),
            }
            n += 1;
            h = h.get(usize::from(*len) + 2..).unwrap_or_default();
        }
        // what is left is the beginning of another one
        if h.is_empty() || matches!(h, [0x68, ..]) {
            (n, sure)
        } else {
            (0, false)
        }
    };
    l.any(|h| {
        let (n, sure) = frames(h);
        sure || n > 1
    }) || l.both(|g| frames(g.bytes).0 > 0)
}

/// A message of OPC UA's own protocol: kind, whether it is the last piece, and a length.
fn opcua(h: &[u8]) -> bool {
    let kinds: [&[u8]; 7] = [b"HEL", b"ACK", b"ERR", b"RHE", b"OPN", b"MSG", b"CLO"];
    let least = if h.starts_with(b"HEL") || h.starts_with(b"ACK") {
        28
    } else {
        8
    };
    kinds.iter().any(|k| h.starts_with(k))
        && matches!(at(h, 3), b'F' | b'C' | b'A')
        && le(h, 4, 4).is_some_and(|n| (least..16 << 20).contains(&n))
}

/// A message whose length is the datagram's, with the version of what it carries where it carries something.
fn bacnet(g: &Half<'_>) -> bool {
    let h = g.bytes;
    let version = |i: usize| h.get(i) == Some(&1);
    at(h, 0) == 0x81
        && be(h, 2, 2).is_some_and(|n| n >= 4 && g.holds(n, true))
        && match at(h, 1) {
            4 => version(10),
            9..=11 => version(4),
            0..=12 => true,
            _ => false,
        }
}

/// A head of 24 bytes with its length, no options; or the connected data of UDP.
fn enip(g: &Half<'_>, udp: bool) -> bool {
    let h = g.bytes;
    let listed = le(h, 2, 2) == Some(0) && h.len() == 24 || le(h, 26, 2) == Some(0x100);
    let command = match le(h, 0, 2) {
        Some(4) => listed,
        Some(0x63..=0x66 | 0x6f | 0x70 | 0x72 | 0x73) => true,
        _ => false,
    };
    let io = matches!(h, [2, 0, 2, 0x80, 6 | 8, 0, ..]) && {
        let o = if at(h, 4) == 8 { 14 } else { 12 };
        le(h, o, 2) == Some(0xb1) && le(h, o + 2, 2).is_some_and(|n| n as usize + o + 4 == g.len)
    };
    command
        && h.len() >= 24
        && le(h, 2, 2).is_some_and(|n| g.holds(n + 24, udp))
        && le(h, 8, 4).is_some_and(|s| s <= 0x69)
        && le(h, 20, 4) == Some(0)
        || udp && io
}

/// A version and its complement, a kind of payload, and its length (ISO 13400-2).
fn doip(g: &Half<'_>, udp: bool) -> bool {
    let h = g.bytes;
    // any version is asked for where none is known yet: what identifies a vehicle
    let any = at(h, 0) == 0xff && matches!(be(h, 2, 2), Some(1..=3));
    let version = (any || matches!(at(h, 0), 1..=4)) && at(h, 0) ^ at(h, 1) == 0xff;
    let kind = matches!(be(h, 2, 2), Some(0..=8 | 0x4001..=0x4004 | 0x8001..=0x8003));
    version && kind && be(h, 4, 4).is_some_and(|n| n < 1 << 20 && g.holds(n + 8, udp))
}

/// A message with its length, version 1, a kind and a code that are defined: a request has none. What follows it is one, too.
fn someip(g: &Half<'_>, udp: bool) -> bool {
    let one = |h: &[u8]| {
        let asks = matches!(at(h, 14) & !0x20, 0..=2 | 0x40..=0x42) && at(h, 15) == 0;
        let answers = matches!(at(h, 14) & !0x20, 0x80 | 0x81 | 0xc0 | 0xc1) && at(h, 15) <= 0x5e;
        h.len() >= 16
            && at(h, 12) == 1
            && (asks || answers)
            && be(h, 0, 2).is_some_and(|s| s > if udp { 0 } else { 0xff })
    };
    let h = g.bytes;
    let Some(len) = be(h, 4, 4).filter(|n| (8..1 << 20).contains(n)) else {
        return false;
    };
    let end = len as usize + 8;
    let rest = h.get(end..).unwrap_or_default();
    let ends = g.len == end || udp && end + 16 <= g.len || !udp && end < h.len();
    one(h) && ends && (rest.len() < 16 || one(rest))
}
