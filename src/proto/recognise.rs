//! Names for what is not parsed. In: the first bytes of both directions, ports, packet counts. Out: [`FlowInfo`]. Bounds:
//! [`limits::FLOW_HEAD`](crate::limits::FLOW_HEAD) bytes a direction. Content decides; a port only where nothing speaks against it.

use super::About;
use crate::call::model::FlowInfo;
use crate::net::{FlowKey, FlowStats, Side};

/// What a recogniser sees.
#[derive(Debug, Clone, Copy)]
struct Look<'a> {
    /// First bytes of both directions, client first where that is known.
    heads: [&'a [u8]; 2],
    udp: bool,
    /// Ports of both ends.
    ports: [u16; 2],
}

impl Look<'_> {
    fn any(&self, f: impl Fn(&[u8]) -> bool) -> bool {
        self.heads.iter().any(|h| f(h))
    }
    fn starts(&self, with: &[u8]) -> bool {
        self.any(|h| h.starts_with(with))
    }
    fn port(&self, p: u16) -> bool {
        self.ports.contains(&p)
    }
}

/// One protocol that is named: name, transport (`Some(true)` UDP only, `Some(false)` TCP only), recogniser, why it is opaque.
struct Name(
    &'static str,
    Option<bool>,
    fn(&Look<'_>) -> bool,
    &'static str,
);

const TCP: Option<bool> = Some(false);
const UDP: Option<bool> = Some(true);
const NOT_HTTP: &str = "not an API protocol";
const DB: &str = "a database or queue protocol, not decoded";

/// Recognisers in order; the first that agrees names the flow.
const NAMES: &[Name] = &[
    Name(
        "h2",
        TCP,
        |l| l.starts(b"PRI * HTTP/2.0\r\n"),
        "the start of HTTP/2, and no frame of it",
    ),
    Name(
        "h2",
        TCP,
        |l| l.any(h2_frame),
        "it may be HTTP/2, but too little of it was captured to tell",
    ),
    Name(
        "http",
        TCP,
        |l| l.any(|h| h.starts_with(b"HTTP/1.")),
        "no whole HTTP head was captured",
    ),
    Name(
        "tls",
        TCP,
        |l| l.any(tls_record),
        "TLS joined after its handshake: no key log can open it",
    ),
    Name("ssh", TCP, |l| l.starts(b"SSH-"), NOT_HTTP),
    Name(
        "quic",
        UDP,
        |l| l.any(|h| quic(h, l.port(443))),
        "QUIC of a version that is not known, or of before its standard: not decoded",
    ),
    Name("mdns", UDP, |l| l.port(5353) && l.any(dns), NOT_HTTP),
    Name("dns", UDP, |l| l.any(dns), NOT_HTTP),
    Name(
        "dns",
        TCP,
        |l| l.port(53) && l.any(|h| h.get(2..).is_some_and(dns)),
        NOT_HTTP,
    ),
    Name(
        "dhcp",
        UDP,
        |l| (l.port(67) || l.port(68)) && l.any(|h| matches!(h, [1 | 2, 1, 6, ..])),
        NOT_HTTP,
    ),
    Name(
        "ntp",
        UDP,
        |l| {
            l.port(123)
                && l.any(|h| {
                    h.len() >= 48 && h.first().is_some_and(|b| (1..=4).contains(&(b >> 3 & 7)))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "ssdp",
        UDP,
        |l| l.starts(b"M-SEARCH * ") || l.starts(b"NOTIFY * ") || l.port(1900),
        NOT_HTTP,
    ),
    Name(
        "sip",
        None,
        |l| {
            l.any(|h| {
                words(
                    h,
                    &[b"INVITE sip", b"REGISTER sip", b"OPTIONS sip", b"SIP/2.0 "],
                )
            })
        },
        NOT_HTTP,
    ),
    Name(
        "rtsp",
        TCP,
        |l| l.any(|h| words(h, &[b"RTSP/1.0 "]) || memchr::memmem::find(h, b" rtsp://").is_some()),
        NOT_HTTP,
    ),
    Name("mysql", TCP, |l| l.any(mysql), DB),
    Name("postgres", TCP, |l| l.any(postgres), DB),
    Name("redis", TCP, |l| l.any(redis), DB),
    Name("mongodb", TCP, |l| l.any(mongodb), DB),
    Name(
        "mqtt",
        TCP,
        |l| {
            l.any(|h| {
                h.first() == Some(&0x10)
                    && h.get(2..12)
                        .is_some_and(|w| has(w, b"MQTT") || has(w, b"MQIsdp"))
            })
        },
        DB,
    ),
    Name("amqp", TCP, |l| l.starts(b"AMQP"), DB),
    Name("kafka", TCP, |l| l.port(9092) && l.any(kafka), DB),
    Name(
        "dubbo",
        TCP,
        |l| l.starts(&[0xda, 0xbb]),
        "Dubbo is not decoded",
    ),
    Name(
        "smtp",
        TCP,
        |l| {
            l.any(|h| words(h, &[b"EHLO ", b"HELO "]))
                || l.starts(b"220 ") && (l.port(25) || l.port(587))
        },
        NOT_HTTP,
    ),
    Name(
        "ftp",
        TCP,
        |l| l.starts(b"220") && (l.port(21) || l.any(|h| h.starts_with(b"USER "))),
        NOT_HTTP,
    ),
    Name("pop3", TCP, |l| l.starts(b"+OK ") && l.port(110), NOT_HTTP),
    Name("imap", TCP, |l| l.starts(b"* OK "), NOT_HTTP),
    Name(
        "smb",
        TCP,
        |l| {
            l.any(|h| {
                h.get(4..8)
                    .is_some_and(|m| m == b"\xffSMB" || m == b"\xfeSMB")
            })
        },
        NOT_HTTP,
    ),
    Name(
        "ldap",
        TCP,
        |l| l.port(389) && l.any(|h| h.first() == Some(&0x30)),
        NOT_HTTP,
    ),
    Name("rdp", TCP, |l| l.port(3389) && l.starts(&[3, 0]), NOT_HTTP),
    Name(
        "bittorrent",
        None,
        |l| l.starts(b"\x13BitTorrent protocol"),
        NOT_HTTP,
    ),
];

/// Well-known ports of what content did not name: a hint, shown as such.
const PORTS: &[(u16, Option<bool>, &str)] = &[
    (53, None, "dns"),
    (123, UDP, "ntp"),
    (443, UDP, "quic"),
    (443, TCP, "tls"),
    (22, TCP, "ssh"),
    (3306, TCP, "mysql"),
    (5432, TCP, "postgres"),
    (6379, TCP, "redis"),
    (27017, TCP, "mongodb"),
    (9092, TCP, "kafka"),
    (5353, UDP, "mdns"),
    (1900, UDP, "ssdp"),
    (67, UDP, "dhcp"),
    (68, UDP, "dhcp"),
];

fn has(h: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(h, what).is_some()
}

fn words(h: &[u8], any: &[&[u8]]) -> bool {
    any.iter()
        .any(|w| h.get(..w.len()).is_some_and(|p| p.eq_ignore_ascii_case(w)))
}

fn be(h: &[u8], at: usize, n: usize) -> Option<u32> {
    h.get(at..at + n)
        .map(|b| b.iter().fold(0u32, |v, x| v << 8 | u32::from(*x)))
}

/// A settings frame on stream 0, or headers on an odd stream that end their block.
fn h2_frame(h: &[u8]) -> bool {
    let (Some(len), Some(kind), Some(flags), Some(stream)) =
        (be(h, 0, 3), be(h, 3, 1), be(h, 4, 1), be(h, 5, 4))
    else {
        return false;
    };
    match kind {
        4 => stream == 0 && len % 6 == 0 && len <= 120 && flags <= 1 && (flags == 0 || len == 0),
        1 => {
            stream % 2 == 1
                && stream < 1 << 20
                && len > 0
                && len < 16_384
                && flags & 0x04 != 0
                && flags & !0x2d == 0
        }
        _ => false,
    }
}

fn tls_record(h: &[u8]) -> bool {
    matches!(h, [20..=24, 3, 0..=4, a, b, ..] if usize::from(*a) << 8 | usize::from(*b) <= 18_432)
}

/// A long header of a version that has a name or is made to be unknown, or the header of before the standard: a version and
/// an id of 8 bytes.
fn quic(h: &[u8], https: bool) -> bool {
    let old = matches!(h, [flags, _, _, _, _, _, _, _, _, b'Q', b'0', ..] if flags & 0x89 == 9);
    old && h
        .get(11..13)
        .is_some_and(|v| v.iter().all(u8::is_ascii_digit))
        || super::quic::opens(h, https, true)
}

fn dns(h: &[u8]) -> bool {
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

fn mysql(h: &[u8]) -> bool {
    // greeting of protocol 10: length, sequence 0, version text
    h.get(3..5) == Some(&[0, 10])
        && be(h, 1, 2) == Some(0)
        && h.get(5).is_some_and(u8::is_ascii_digit)
        || h.get(3) == Some(&0)
            && h.get(4) == Some(&3)
            && be(h, 1, 2) == Some(0)
            && h.get(5).is_some_and(u8::is_ascii_alphabetic)
}

fn postgres(h: &[u8]) -> bool {
    be(h, 4, 4).is_some_and(|v| v == 196_608 || v == 80_877_103)
        && be(h, 0, 4).is_some_and(|n| (8..10_000).contains(&n))
        || matches!(h.first(), Some(b'Q' | b'P'))
            && be(h, 1, 4).is_some_and(|n| (5..1 << 20).contains(&n))
            && h.get(5).is_some_and(|c| c.is_ascii_graphic() || *c == 0)
}

fn redis(h: &[u8]) -> bool {
    let digits = h.iter().skip(1).take_while(|c| c.is_ascii_digit()).count();
    h.first() == Some(&b'*')
        && (1..=6).contains(&digits)
        && h.get(1 + digits..4 + digits) == Some(b"\r\n$")
}

fn mongodb(h: &[u8]) -> bool {
    let le = |at: usize| {
        h.get(at..at + 4)
            .map(|b| b.iter().rev().fold(0u32, |v, x| v << 8 | u32::from(*x)))
    };
    le(0).is_some_and(|n| (16..48_000_000).contains(&n))
        && le(12).is_some_and(|op| matches!(op, 1 | 2001..=2007 | 2010..=2013))
}

fn kafka(h: &[u8]) -> bool {
    be(h, 0, 4).is_some_and(|n| (8..100 << 20).contains(&n))
        && be(h, 4, 2).is_some_and(|k| k <= 80)
        && be(h, 6, 2).is_some_and(|v| v <= 20)
}

/// Everything that is known when a flow ends.
pub(super) struct Known<'a> {
    pub id: u64,
    pub key: &'a FlowKey,
    pub heads: &'a [Vec<u8>; 2],
    pub calls: u64,
    /// The protocol that handed over to another, where one did.
    pub outer: Option<Box<super::layer::Outer>>,
    /// The parser at the end.
    pub inner: Option<About>,
}

/// Which side is the client where no parser told: who opened, else who has the higher port.
fn client(key: &FlowKey, stats: &FlowStats) -> Side {
    let low = |p: u16| p != 0 && p < 1024;
    if !stats.handshake && low(key.a.1) && !low(key.b.1) {
        return Side::B;
    }
    Side::A
}

fn transport(protocol: u8) -> &'static str {
    match protocol {
        1 | 58 => "icmp",
        6 => "tcp",
        17 => "udp",
        132 => "sctp",
        47 => "ip-47",
        50 => "ip-50",
        51 => "ip-51",
        89 => "ip-89",
        2 => "ip-2",
        _ => "ip",
    }
}

/// The row of a flow.
pub(super) fn info(k: Known<'_>, stats: &FlowStats) -> FlowInfo {
    let side = k
        .outer
        .as_ref()
        .and_then(|o| o.about.client)
        .or(k.inner.as_ref().and_then(|i| i.client))
        .unwrap_or_else(|| client(k.key, stats));
    let (c, s, out, back) = match side {
        Side::A => (k.key.a, k.key.b, 0, 1),
        Side::B => (k.key.b, k.key.a, 1, 0),
    };
    let bytes = |i: usize| stats.bytes.get(i).copied().unwrap_or(0);
    let mut info = FlowInfo {
        id: k.id,
        first: stats.first,
        last: stats.last,
        client: c,
        server: s,
        transport: transport(k.key.protocol),
        app: "unknown",
        packets: stats.packets.iter().sum(),
        bytes_out: bytes(out),
        bytes_in: bytes(back),
        sni: None,
        alpn: None,
        client_print: None,
        tls: None,
        gaps: stats.gaps,
        calls: k.calls,
        why_opaque: None,
    };
    let inner = k.inner.unwrap_or_default();
    (info.sni, info.alpn, info.client_print) = (inner.sni, inner.alpn, inner.client_print);
    info.tls = inner.tls;
    if let Some(outer) = k.outer {
        // the flow is named by its outermost protocol; what it became is told
        info.app = outer.about.app;
        let to = outer.to.as_str();
        let target = outer
            .about
            .target
            .map_or(String::new(), |t| format!(" to {t}"));
        info.why_opaque = match (inner.app, to) {
            ("http" | "h2" | "websocket", _) => None,
            ("", "tunnel") => Some(format!("became a tunnel{target} of an unknown protocol")),
            ("", to) => Some(format!(
                "became {}, which is not decoded",
                crate::call::text::visible(to)
            )),
            (app, _) => Some(format!(
                "became a tunnel{target} of {app}: {}",
                inner.why_opaque.unwrap_or_default()
            )),
        };
        return info;
    }
    if !inner.app.is_empty() && inner.app != "unknown" {
        info.app = inner.app;
        info.why_opaque = inner.why_opaque;
        return info;
    }
    name(k.key, k.heads, side, &mut info);
    info
}

/// Whether the first bytes of a TCP flow are none of a protocol that has a name and is not HTTP.
pub(super) fn unnamed(key: &FlowKey, heads: &[Vec<u8>; 2]) -> bool {
    let [a, b] = heads;
    let look = Look {
        heads: [a, b],
        udp: false,
        ports: [key.a.1, key.b.1],
    };
    !NAMES
        .iter()
        .any(|n| n.1 != UDP && !matches!(n.0, "http" | "h2") && n.2(&look))
}

/// Names a flow no parser took.
fn name(key: &FlowKey, heads: &[Vec<u8>; 2], client: Side, info: &mut FlowInfo) {
    let [a, b] = heads;
    let (c, s) = if client == Side::A { (a, b) } else { (b, a) };
    let udp = key.protocol == 17;
    if !udp && key.protocol != 6 {
        info.why_opaque = Some(format!("{} is not decoded", info.transport));
        return;
    }
    let look = Look {
        heads: [c, s],
        udp,
        ports: [key.a.1, key.b.1],
    };
    let fits = |t: Option<bool>| t.is_none_or(|t| t == look.udp);
    if let Some(n) = NAMES.iter().find(|n| fits(n.1) && n.2(&look)) {
        info.app = n.0;
        info.why_opaque = Some(n.3.to_owned());
        return;
    }
    if c.is_empty() && s.is_empty() {
        info.why_opaque = Some("no data".to_owned());
        return;
    }
    if let Some((port, _, app)) = PORTS.iter().find(|(p, t, _)| fits(*t) && look.port(*p)) {
        info.app = app;
        info.why_opaque = Some(format!(
            "named by port {port} alone; the content was not recognised"
        ));
        return;
    }
    info.why_opaque = Some("no protocol that is known".to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::model::Stamp;
    use crate::net::Close;
    use std::net::IpAddr;

    fn named(protocol: u8, ports: (u16, u16), a: &[u8], b: &[u8]) -> &'static str {
        let ip = IpAddr::from([10, 0, 0, 1]);
        let key = FlowKey {
            a: (ip, ports.0),
            b: (ip, ports.1),
            protocol,
        };
        let stats = FlowStats {
            first: Stamp::default(),
            last: Stamp::default(),
            packets: [1, 1],
            bytes: [0, 0],
            gaps: 0,
            handshake: true,
            close: Close::Fin,
        };
        let heads = [a.to_vec(), b.to_vec()];
        let k = Known {
            id: 0,
            key: &key,
            heads: &heads,
            calls: 0,
            outer: None,
            inner: None,
        };
        info(k, &stats).app
    }

    #[test]
    fn content_names_and_ports_only_hint() {
        assert_eq!(
            named(6, (40000, 2222), b"SSH-2.0-OpenSSH_9.2\r\n", b""),
            "ssh"
        );
        assert_eq!(
            named(6, (40000, 80), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
            "h2"
        );
        assert_eq!(
            named(
                17,
                (40000, 53),
                b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x00\x00\x01\x00\x01",
                b""
            ),
            "dns"
        );
        assert_eq!(
            named(6, (40000, 6380), b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
            "redis"
        );
        assert_eq!(
            named(17, (40000, 443), b"\xc3\x00\x00\x00\x01\x08aaaaaaaa", b""),
            "quic"
        );
        assert_eq!(
            named(
                17,
                (40000, 8443),
                b"\x0d\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01\x02",
                b""
            ),
            "quic"
        );
        assert_eq!(
            named(17, (40000, 8443), b"\xc3\x12\x34\x56\x78\x08aaaaaaaa", b""),
            "unknown"
        );
        assert_eq!(named(6, (40000, 3306), b"garbage", b""), "mysql");
        assert_eq!(named(6, (40000, 7777), b"garbage", b""), "unknown");
        assert_eq!(named(1, (0, 0), b"x", b""), "unknown");
    }
}
