//! Names of what stores, builds, measures and manages: disks over networks, queues of messages, tools of developers, clinics,
//! exchanges, laboratories, and what devices of networks tell each other.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{DB, Half, NOT_HTTP, Name, PLANT, TCP, UDP, at, be, ber, has, le, text};

pub(super) const NAMES: &[Name] = &[
    Name(
        "iscsi",
        TCP,
        |l| l.any(|h| at(h, 0) & 0x3f == 3 && has(h, b"InitiatorName=")),
        NOT_HTTP,
    ),
    Name("afp", TCP, |l| l.pair(afp), NOT_HTTP),
    Name(
        "9p",
        TCP,
        |l| l.any(|h| matches!(at(h, 4), 100 | 101) && h.get(13..19) == Some(b"9P2000")),
        NOT_HTTP,
    ),
    Name(
        "lustre",
        TCP,
        |l| l.starts(&[0, 0x71, 0xce, 0xac]) || l.starts(&[0xac, 0xce, 0x71, 0]),
        NOT_HTTP,
    ),
    Name(
        "hadoop-rpc",
        TCP,
        |l| l.any(|h| matches!(h, [b'h', b'r', b'p', b'c', 4..=9, ..])),
        NOT_HTTP,
    ),
    Name(
        "clickhouse",
        TCP,
        |l| l.any(|h| matches!(h, [0, 10..=40, ..]) && h.get(2..12) == Some(b"ClickHouse")),
        DB,
    ),
    Name(
        "firebird",
        TCP,
        // a connection asked for, to attach
        |l| {
            l.any(|h| {
                be(h, 0, 4) == Some(1)
                    && be(h, 4, 4) == Some(19)
                    && matches!(be(h, 8, 4), Some(2 | 3))
            })
        },
        DB,
    ),
    Name(
        "aerospike",
        TCP,
        |l| l.port(3000) && l.any(|h| matches!(h, [2, 1..=4, 0, 0, ..]) && h.len() >= 8),
        DB,
    ),
    Name(
        "hazelcast",
        TCP,
        |l| l.port(5701) && l.any(|h| h.starts_with(b"HZC") || h.starts_with(b"CP2")),
        DB,
    ),
    Name("gearman", TCP, |l| l.any(gearman), DB),
    Name("nsq", TCP, |l| l.starts(b"  V2IDENTIFY\n"), DB),
    Name(
        "websphere-mq",
        TCP,
        |l| {
            l.any(|h| {
                h.starts_with(b"TSH ")
                    || h.starts_with(b"TSHM")
                    || h.starts_with(&[0xe3, 0xe2, 0xc8, 0x40])
            })
        },
        DB,
    ),
    Name(
        "sap-router",
        TCP,
        |l| {
            l.any(|h| {
                be(h, 0, 4).is_some_and(|n| n < 1 << 16) && h.get(4..13) == Some(b"NI_ROUTE\0")
            })
        },
        NOT_HTTP,
    ),
    Name(
        "splunk",
        TCP,
        |l| l.starts(b"--splunk-cooked-mode-v"),
        NOT_HTTP,
    ),
    Name("munin", TCP, |l| l.starts(b"# munin node at "), NOT_HTTP),
    Name("collectd", UDP, |l| l.one(collectd), NOT_HTTP),
    Name(
        "statsd",
        UDP,
        |l| {
            l.port(8125)
                && l.any(|h| {
                    text(h)
                        && [&b"|c"[..], b"|g", b"|ms", b"|h", b"|s", b"|d"]
                            .iter()
                            .any(|w| has(h, w))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "fix",
        TCP,
        |l| l.any(|h| h.starts_with(b"8=FIX.") || h.starts_with(b"8=FIXT.")),
        "orders of exchanges (FIX), not decoded",
    ),
    Name(
        "hl7",
        TCP,
        |l| l.starts(b"\x0bMSH|"),
        "messages of clinics (HL7 version 2), not decoded",
    ),
    Name(
        "dicom",
        TCP,
        |l| l.any(dicom),
        "pictures of clinics (DICOM), not decoded",
    ),
    Name(
        "z39-50",
        TCP,
        |l| {
            l.port(210)
                && l.any(|h| {
                    matches!(at(h, 0), 0xb4 | 0xb5) && ber(h, 0).is_some_and(|(n, _)| n > 10)
                })
        },
        NOT_HTTP,
    ),
    Name("jdwp", TCP, |l| l.starts(b"JDWP-Handshake"), NOT_HTTP),
    Name(
        "adb",
        TCP,
        |l| l.any(|h| h.starts_with(b"CNXN") && le(h, 20, 4) == Some(0xb1a7_b1bc)),
        NOT_HTTP,
    ),
    Name(
        "cvs",
        TCP,
        |l| l.starts(b"BEGIN AUTH REQUEST\n") || l.starts(b"BEGIN VERIFICATION REQUEST\n"),
        NOT_HTTP,
    ),
    Name(
        "distcc",
        TCP,
        |l| {
            l.any(|h| {
                h.starts_with(b"DIST0000000")
                    && h.get(12..16)
                        .is_some_and(|w| w.iter().all(u8::is_ascii_uppercase))
            })
        },
        NOT_HTTP,
    ),
    Name(
        "epmd",
        TCP,
        |l| {
            l.port(4369)
                && l.one(|g| {
                    be(g.bytes, 0, 2).is_some_and(|n| g.holds(n + 2, false))
                        && matches!(at(g.bytes, 2), b'x' | b'z' | b'n' | b'd' | b'k' | b's')
                })
        },
        NOT_HTTP,
    ),
    Name(
        "rlogin",
        TCP,
        // two names and a terminal with its speed, each with a zero behind it
        |l| {
            l.port(513)
                && l.any(|h| {
                    at(h, 0) == 0 && h.iter().filter(|b| **b == 0).count() >= 4 && h.contains(&b'/')
                })
        },
        NOT_HTTP,
    ),
    Name(
        "rsh",
        TCP,
        |l| l.ports(&[512, 514]) && l.any(remote),
        NOT_HTTP,
    ),
    Name(
        "pjl",
        TCP,
        |l| l.starts(b"\x1b%-12345X") || l.starts(b"@PJL "),
        NOT_HTTP,
    ),
    Name("kismet", TCP, |l| l.starts(b"*KISMET: "), NOT_HTTP),
    Name(
        "rx",
        UDP,
        // calls of AFS: a time, a connection, three numbers, and a kind that is defined
        |l| {
            (7000..=7009).any(|p| l.port(p))
                && l.one(|g| {
                    g.len >= 28
                        && matches!(at(g.bytes, 20), 1..=13)
                        && at(g.bytes, 21) & 0xc0 == 0
                        && be(g.bytes, 8, 4).is_some_and(|call| call < 1 << 20)
                })
        },
        "calls of AFS, not decoded",
    ),
    Name(
        "cpha",
        UDP,
        |l| l.port(8116) && l.starts(&[0x1a, 0x90]),
        NOT_HTTP,
    ),
    Name("dlep", UDP, |l| l.starts(b"DLEP"), NOT_HTTP),
    Name("can-ethernet", UDP, |l| l.starts(b"ISO11898"), PLANT),
    Name("ether-s-io", UDP, |l| l.starts(b"ESIO"), PLANT),
    Name(
        "rtps",
        UDP,
        |l| l.any(|h| matches!(h, [b'R', b'T', b'P', b'S', 1 | 2, 0..=9, ..])),
        PLANT,
    ),
    Name("roughtime", UDP, |l| l.starts(b"ROUGHTIM"), NOT_HTTP),
    Name("hislip", TCP, |l| l.port(4880) && l.starts(b"HS"), NOT_HTTP),
    Name(
        "gvcp",
        UDP,
        |l| {
            l.port(3956)
                && l.one(|g| {
                    matches!(g.bytes, [0x42, ..] | [0, 0, ..])
                        && be(g.bytes, 4, 2).is_some_and(|n| g.holds(n + 8, true))
                })
        },
        PLANT,
    ),
    Name("fox", TCP, |l| l.starts(b"fox a "), PLANT),
    Name(
        "slmp",
        None,
        |l| l.starts(&[0x50, 0, 0, 0xff, 0xff, 3, 0]) || l.starts(&[0xd0, 0, 0, 0xff, 0xff, 3, 0]),
        PLANT,
    ),
    Name(
        "ads",
        TCP,
        |l| {
            l.port(48_898)
                && l.any(|h| {
                    be(h, 0, 2) == Some(0)
                        && le(h, 2, 4).is_some_and(|n| (32..1 << 20).contains(&n))
                })
        },
        PLANT,
    ),
    Name(
        "c37118",
        None,
        |l| (l.udp || l.ports(&[4712, 4713])) && l.one(|g| synchrophasor(g, l.udp)),
        PLANT,
    ),
    Name(
        "egd",
        UDP,
        |l| l.port(18_246) && l.any(|h| matches!(h, [0x0d, 1, ..])),
        PLANT,
    ),
    Name(
        "ethercat",
        UDP,
        |l| l.port(34_980) && l.any(|h| le(h, 0, 2).is_some_and(|w| w >> 12 == 1)),
        PLANT,
    ),
    Name(
        "dlms",
        None,
        |l| {
            l.port(4059)
                && l.one(|g| {
                    be(g.bytes, 0, 2) == Some(1)
                        && be(g.bytes, 6, 2).is_some_and(|n| g.holds(n + 8, l.udp))
                })
        },
        PLANT,
    ),
    Name(
        "lorawan",
        UDP,
        |l| l.ports(&[1700, 1680]) && l.one(|g| matches!(g.bytes, [1 | 2, _, _, 0..=5, ..])),
        PLANT,
    ),
    Name(
        "openflow",
        TCP,
        |l| (l.ports(&[6633, 6653]) && l.any(openflow)) || l.both(|g| openflow(g.bytes)),
        NOT_HTTP,
    ),
    Name(
        "pcep",
        TCP,
        |l| l.port(4189) && l.any(|h| matches!(h, [0x20, 1..=13, ..])),
        NOT_HTTP,
    ),
    Name(
        "msdp",
        TCP,
        |l| {
            l.port(639)
                && l.any(|h| matches!(h, [1..=7, ..]) && be(h, 1, 2).is_some_and(|n| n >= 3))
        },
        NOT_HTTP,
    ),
    Name(
        "rpki-rtr",
        TCP,
        |l| l.port(323) && l.any(|h| matches!(h, [0..=2, 0..=11, _, _, 0, 0, ..])),
        NOT_HTTP,
    ),
    Name(
        "babel",
        UDP,
        |l| {
            l.port(6696)
                && l.one(|g| {
                    matches!(g.bytes, [42, 2, ..])
                        && be(g.bytes, 2, 2).is_some_and(|n| n as usize + 4 <= g.len)
                })
        },
        NOT_HTTP,
    ),
    Name(
        "olsr",
        UDP,
        |l| l.port(698) && l.one(|g| be(g.bytes, 0, 2).is_some_and(|n| g.holds(n, true))),
        NOT_HTTP,
    ),
    Name(
        "glbp",
        UDP,
        |l| l.port(3222) && l.any(|h| matches!(h, [1, _, ..])),
        NOT_HTTP,
    ),
    Name("slp", None, |l| l.port(427) && l.one(slp), NOT_HTTP),
    Name(
        "mndp",
        UDP,
        |l| {
            l.port(5678)
                && l.one(|g| {
                    be(g.bytes, 0, 4) == Some(0) && g.len <= 9
                        || be(g.bytes, 4, 4) == Some(0x0001_0006)
                })
        },
        NOT_HTTP,
    ),
    Name(
        "ubnt",
        UDP,
        |l| {
            l.port(10_001)
                && l.one(|g| {
                    matches!(g.bytes, [1 | 2, 0..=9, ..])
                        && be(g.bytes, 2, 2).is_some_and(|n| g.holds(n + 4, true))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "cups",
        UDP,
        |l| l.port(631) && l.any(|h| has(h, b"ipp://") || has(h, b"ipps://")),
        NOT_HTTP,
    ),
    Name(
        "rwho",
        UDP,
        |l| l.port(513) && l.any(|h| matches!(h, [1, 1, ..])),
        NOT_HTTP,
    ),
    Name(
        "xot",
        TCP,
        |l| {
            l.port(1998)
                && l.one(|g| {
                    be(g.bytes, 0, 2) == Some(0)
                        && be(g.bytes, 2, 2).is_some_and(|n| n >= 3 && g.holds(n + 4, false))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "capwap",
        UDP,
        |l| l.ports(&[5246, 5247]) && l.any(capwap),
        "an access point and its controller, encrypted or without data",
    ),
    Name(
        "lwapp",
        UDP,
        |l| l.ports(&[12_222, 12_223]) && l.one(|g| g.len >= 6),
        "an access point and its controller, without data",
    ),
];

/// A request and its answer, of a command that is defined, with the same number (DSI).
fn afp(c: &Half<'_>, s: &Half<'_>) -> bool {
    let (a, b) = (c.bytes, s.bytes);
    let head = |h: &[u8]| h.len() >= 16 && be(h, 12, 4) == Some(0) && matches!(at(h, 1), 1..=8);
    at(a, 0) == 0
        && at(b, 0) == 1
        && head(a)
        && head(b)
        && at(a, 1) == at(b, 1)
        && be(a, 2, 2) == be(b, 2, 2)
        && be(a, 8, 4).is_some_and(|n| n < 1 << 16)
        && be(b, 8, 4).is_some_and(|n| n < 1 << 24)
}

/// A mark, a kind that is defined, and a length.
fn gearman(h: &[u8]) -> bool {
    matches!(h.first_chunk::<4>(), Some(b"\0REQ" | b"\0RES"))
        && be(h, 4, 4).is_some_and(|k| (1..=42).contains(&k))
        && h.len() >= 12
}

/// A part with the name of the host that is text and ends with a zero, as every packet begins.
fn collectd(g: &Half<'_>) -> bool {
    let Some(n) = be(g.bytes, 2, 2).map(|n| n as usize) else {
        return false;
    };
    let Some(name) = g.bytes.get(4..n.max(4)) else {
        return false;
    };
    be(g.bytes, 0, 2) == Some(0)
        && n >= 6
        && name
            .split_last()
            .is_some_and(|(zero, name)| *zero == 0 && name.iter().all(u8::is_ascii_graphic))
        && matches!(be(g.bytes, n, 2), Some(1 | 2 | 8))
}

/// An association asked for or accepted between two titles (PS3.8 section 9.3).
fn dicom(h: &[u8]) -> bool {
    matches!(h, [1 | 2, 0, ..])
        && be(h, 2, 4).is_some_and(|n| (68..1 << 20).contains(&n))
        && be(h, 6, 2) == Some(1)
        && be(h, 8, 2) == Some(0)
        && h.get(10..42)
            .is_some_and(|t| t.iter().all(|c| *c == b' ' || c.is_ascii_graphic()))
}

/// A port in digits, or none, then names (of rsh and rexec), each with a zero behind it.
fn remote(h: &[u8]) -> bool {
    let digits = h.iter().take_while(|c| c.is_ascii_digit()).count();
    let rest = h.get(digits..).unwrap_or_default();
    digits <= 5
        && rest.first() == Some(&0)
        && (digits > 0 || rest.len() > 4)
        && rest.iter().all(|c| *c == 0 || (b' '..0x7f).contains(c))
}

/// A mark, a version, and the length of the frame (IEEE C37.118.2 section 6.2).
fn synchrophasor(g: &Half<'_>, udp: bool) -> bool {
    matches!(g.bytes, [0xaa, kind, ..] if kind & 0x8f <= 2 && kind & 0x0f >= 1 && kind >> 4 <= 5)
        && be(g.bytes, 2, 2).is_some_and(|n| n >= 16 && g.holds(n, udp))
}

/// A greeting, which is all that it holds but what it can do.
fn openflow(h: &[u8]) -> bool {
    matches!(h, [1..=6, 0, 0, 8..=32, _, _, _, _, ..])
}

/// A version, a function, and the length of the message (RFC 2608 section 8).
fn slp(g: &Half<'_>) -> bool {
    match g.bytes {
        [2, 1..=11, ..] => be(g.bytes, 2, 3).is_some_and(|n| n as usize <= g.len),
        [1, 1..=10, ..] => be(g.bytes, 2, 2).is_some_and(|n| n as usize <= g.len),
        _ => false,
    }
}

/// A preamble and the length of its header, or the preamble before a record of DTLS (RFC 5415 section 4.2).
fn capwap(h: &[u8]) -> bool {
    matches!(h, [0, b, ..] if b >> 3 >= 2) || matches!(h, [1, 0, 0, 0, 20..=23, 0xfe | 1, ..])
}
