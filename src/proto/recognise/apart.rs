//! Names of what stands in no other family, or came late to it: messages in lines of their own, agents, measurements, disks over
//! the network, control networks of buildings. In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of
//! [`super::look`].

use super::look::{DB, Half, NOT_HTTP, Name, PLANT, TCP, UDP, at, be, ber, has, line};

const AGENT: &str = "what an agent tells of its host, not decoded";

pub(super) const NAMES: &[Name] = &[
    Name("msrp", TCP, |l| l.any(msrp), NOT_HTTP),
    Name("mrcp", TCP, |l| l.any(mrcp), NOT_HTTP),
    Name("bfcp", None, |l| l.pair(|c, s| bfcp(c, s, l.udp)), NOT_HTTP),
    Name(
        "json-rpc",
        None,
        |l| l.any(json_rpc),
        "calls of JSON-RPC without HTTP around them, not decoded",
    ),
    Name("checkmk", TCP, |l| l.starts(b"<<<check_mk"), AGENT),
    Name(
        "relp",
        TCP,
        |l| l.any(relp),
        "logs on their way, not decoded",
    ),
    Name("mpd", TCP, |l| l.any(mpd), NOT_HTTP),
    Name(
        "ntrip",
        TCP,
        |l| {
            l.any(|h| h.starts_with(b"SOURCE ") && has(h, b"\nSource-Agent: NTRIP"))
                || l.pair(|c, s| {
                    c.bytes.starts_with(b"SOURCE ")
                        && (s.bytes.starts_with(b"ICY 200 OK") || s.bytes.starts_with(b"OK\r\n"))
                })
        },
        "positions on their way, not decoded",
    ),
    Name("iperf", TCP, |l| l.any(iperf), NOT_HTTP),
    Name("rpcap", TCP, |l| l.pair(rpcap), NOT_HTTP),
    Name(
        "nomachine",
        None,
        |l| l.starts(b"NXSH-") || l.starts(b"NXD-"),
        NOT_HTTP,
    ),
    Name("memcached", TCP, |l| l.pair(couchbase), DB),
    Name("nvme-tcp", TCP, |l| l.pair(nvme), NOT_HTTP),
    Name("usbip", TCP, |l| l.pair(usbip), NOT_HTTP),
    Name(
        "dnscrypt",
        None,
        |l| l.any(|h| h.starts_with(b"r6fnvWj8") || !l.udp && h.get(2..10) == Some(b"r6fnvWj8")),
        "encrypted name resolution",
    ),
    Name("mqtt-sn", UDP, |l| l.pair(mqtt_sn), DB),
    Name("oicq", UDP, |l| l.pair(oicq), NOT_HTTP),
    Name("atg", TCP, |l| l.any(tank), PLANT),
    Name(
        "c1222",
        None,
        |l| l.port(1153) && l.one(|g| c1222(g, l.udp)),
        PLANT,
    ),
    Name(
        "cnp-ip",
        UDP,
        |l| {
            l.ports(&[1628, 1629])
                && l.one(|g| {
                    be(g.bytes, 0, 2).is_some_and(|n| g.holds(n, true))
                        && at(g.bytes, 2) == 1
                        && g.len >= 20
                })
        },
        PLANT,
    ),
    Name(
        "ethersbus",
        UDP,
        |l| {
            l.port(5050)
                && l.one(|g| {
                    be(g.bytes, 0, 4).is_some_and(|n| g.holds(n, true))
                        && at(g.bytes, 4) <= 1
                        && at(g.bytes, 5) <= 1
                        && at(g.bytes, 8) <= 2
                })
        },
        PLANT,
    ),
];

/// A transaction's number, and a method or a status (RFC 4975 section 9).
fn msrp(h: &[u8]) -> bool {
    let Some(rest) = h.strip_prefix(b"MSRP ") else {
        return false;
    };
    let mut words = line(rest).unwrap_or_default().split(|b| *b == b' ');
    let id = words.next().unwrap_or_default();
    let what = words.next().unwrap_or_default();
    (4..=32).contains(&id.len())
        && id
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || b".-+%=".contains(c))
        && (what.len() == 3 && what.iter().all(u8::is_ascii_digit)
            || !what.is_empty() && what.iter().all(u8::is_ascii_uppercase))
}

/// The version and the message's length (RFC 6787 section 5.1).
fn mrcp(h: &[u8]) -> bool {
    let rest = h
        .strip_prefix(b"MRCP/2.0 ")
        .or_else(|| h.strip_prefix(b"MRCP/1.0 "));
    rest.and_then(|r| r.first()).is_some_and(u8::is_ascii_digit)
}

/// Version, primitive and length, and one conference and transaction in both directions (RFC 8855 section 5.1).
fn bfcp(c: &Half<'_>, s: &Half<'_>, udp: bool) -> bool {
    let head = |g: &Half<'_>| {
        matches!(at(g.bytes, 0) >> 5, 1 | 2)
            && at(g.bytes, 0) & 7 == 0
            && matches!(at(g.bytes, 1), 1..=18)
            && be(g.bytes, 2, 2).is_some_and(|n| g.holds(n * 4 + 12, udp))
    };
    head(c) && head(s) && c.bytes.get(4..10) == s.bytes.get(4..10)
}

/// An object that says so, or one behind the head that servers of languages use.
fn json_rpc(h: &[u8]) -> bool {
    let says = |h: &[u8]| has(h, b"\"jsonrpc\":") || has(h, b"\"jsonrpc\" :");
    (h.starts_with(b"{") || h.starts_with(b"[{")) && says(h)
        || h.starts_with(b"Content-Length: ") && h.windows(4).any(|w| w == b"\r\n\r\n") && says(h)
}

/// The first transaction, which says the version.
fn relp(h: &[u8]) -> bool {
    let digits = h.iter().take_while(|c| c.is_ascii_digit()).count();
    let rest = h.get(digits..).unwrap_or_default();
    (1..=9).contains(&digits)
        && (rest.starts_with(b" open ") || rest.starts_with(b" rsp "))
        && has(rest, b"relp_version=")
}

fn mpd(h: &[u8]) -> bool {
    line(h)
        .and_then(|l| l.strip_prefix(b"OK MPD "))
        .is_some_and(|v| v.iter().all(|c| c.is_ascii_digit() || *c == b'.'))
}

/// A test's name, 36 of 32 letters and digits at random, and a zero: control and data begin with it.
fn iperf(h: &[u8]) -> bool {
    h.get(36) == Some(&0)
        && h.get(..36).is_some_and(|n| {
            n.iter()
                .all(|c| c.is_ascii_lowercase() || matches!(c, b'2'..=b'7'))
                && n.iter().any(u8::is_ascii_digit)
        })
}

/// A request and its answer, with their lengths.
fn rpcap(c: &Half<'_>, s: &Half<'_>) -> bool {
    let fits = |g: &Half<'_>| {
        be(g.bytes, 4, 4).is_some_and(|n| n < 1 << 20 && g.holds(n.saturating_add(8), false))
    };
    let kind = at(c.bytes, 1);
    at(c.bytes, 0) == at(s.bytes, 0)
        && at(c.bytes, 0) == 0
        && kind == 8
        && at(s.bytes, 1) == 0x88
        && fits(c)
        && fits(s)
}

/// A binary request and its answer: one operation, and one mark (the protocol's section 2).
fn couchbase(c: &Half<'_>, s: &Half<'_>) -> bool {
    matches!(at(c.bytes, 0), 0x80 | 0x08)
        && matches!(at(s.bytes, 0), 0x81 | 0x18)
        && at(c.bytes, 1) == at(s.bytes, 1)
        && c.bytes.len() >= 24
        && s.bytes.len() >= 24
        && c.bytes.get(12..16) == s.bytes.get(12..16)
        && be(c.bytes, 8, 4).is_some_and(|n| n < 1 << 25 && c.holds(n + 24, false))
        && be(s.bytes, 8, 4).is_some_and(|n| n < 1 << 25 && s.holds(n + 24, false))
}

/// A connection that is asked for, and allowed: heads of 128 bytes (NVMe/TCP section 3.6.2).
fn nvme(c: &Half<'_>, s: &Half<'_>) -> bool {
    let head = |h: &[u8], kind: u8| {
        matches!(h, [k, 0, 128, 0, 128, 0, 0, 0, ..] if *k == kind) && h.len() >= 64
    };
    head(c.bytes, 0) && head(s.bytes, 1)
}

/// A list or a device that is asked for, and what answers it, of one version.
fn usbip(c: &Half<'_>, s: &Half<'_>) -> bool {
    let asked = be(c.bytes, 2, 2);
    matches!(be(c.bytes, 0, 2), Some(0x0100..=0x0111))
        && be(c.bytes, 0, 2) == be(s.bytes, 0, 2)
        && matches!(asked, Some(0x8003 | 0x8005))
        && asked.map(|a| a & 0x7fff) == be(s.bytes, 2, 2)
        && be(c.bytes, 4, 4) == Some(0)
}

/// A client that connects, and the code that it gets.
fn mqtt_sn(c: &Half<'_>, s: &Half<'_>) -> bool {
    matches!(c.bytes, [n, 4, _, 1, ..] if usize::from(*n) == c.len && *n >= 7)
        && matches!(s.bytes, [3, 5, 0..=3] | [2, 6 | 8])
}

/// A command, its number and who asks, the same in both directions.
fn oicq(c: &Half<'_>, s: &Half<'_>) -> bool {
    at(c.bytes, 0) == 2
        && at(s.bytes, 0) == 2
        && matches!(be(c.bytes, 3, 2), Some(1..=0x3ff))
        && c.bytes.get(3..7) == s.bytes.get(3..7)
        && c.bytes.get(7..11).is_some()
        && c.bytes.get(7..11) == s.bytes.get(7..11)
        && c.len > 11
        && s.len > 11
}

/// A report of a tank's gauge that is asked for: a mark, a letter and a number of five digits.
fn tank(h: &[u8]) -> bool {
    matches!(h, [1, b'I' | b'i' | b'S' | b's', ..])
        && h.get(2..7)
            .is_some_and(|n| n.iter().all(u8::is_ascii_digit))
        && h.get(7)
            .is_none_or(|c| matches!(c, b'\n' | b'\r' | b' ' | b'0'..=b'9'))
}

/// An association's element that is as long as it says (ANSI C12.22).
fn c1222(g: &Half<'_>, udp: bool) -> bool {
    at(g.bytes, 0) == 0x60
        && ber(g.bytes, 0).is_some_and(|(n, from)| {
            n > 4
                && matches!(at(g.bytes, from), 0xa0..=0xac)
                && g.holds(n.saturating_add(u32::try_from(from).unwrap_or(0)), udp)
        })
}
