//! Names of databases, queues, caches, and of calls that are not HTTP.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{DB, Half, Look, NOT_HTTP, Name, TCP, at, be, has, le, line, text, words};

/// Calls of a program that are written in no protocol of the web.
const RPC: &str = "calls of another protocol than HTTP, not decoded";

pub(super) const NAMES: &[Name] = &[
    Name("mysql", TCP, |l| l.any(mysql), DB),
    Name("postgres", TCP, |l| l.any(postgres), DB),
    Name("redis", TCP, redis, DB),
    Name("mongodb", TCP, |l| l.any(mongodb), DB),
    Name(
        "mqtt",
        TCP,
        |l| l.any(mqtt_connect) || l.port(1883) && l.one(mqtt),
        DB,
    ),
    Name("amqp", TCP, |l| l.starts(b"AMQP") || l.any(amqp), DB),
    Name("kafka", TCP, kafka, DB),
    Name(
        "dubbo",
        TCP,
        |l| l.starts(&[0xda, 0xbb]),
        "Dubbo is not decoded",
    ),
    Name(
        "nats",
        TCP,
        |l| l.starts(b"INFO {\"") || l.starts(b"CONNECT {\""),
        DB,
    ),
    // a greeting of version 1 or later (rfc.zeromq.org/spec/23)
    Name(
        "zmtp",
        TCP,
        |l| l.any(|h| at(h, 0) == 0xff && at(h, 9) == 0x7f && at(h, 10) <= 3 && h.len() >= 10),
        DB,
    ),
    Name("memcached", None, memcached, DB),
    Name("cassandra", TCP, cassandra, DB),
    Name("tds", TCP, |l| l.any(tds), DB),
    Name("tns", TCP, |l| l.any(tns), DB),
    Name("drda", TCP, |l| l.any(drda), DB),
    Name("zookeeper", TCP, zookeeper, DB),
    Name("stomp", TCP, |l| l.any(stomp), DB),
    Name(
        "openwire",
        TCP,
        |l| l.any(|h| h.get(4..13) == Some(b"\x01ActiveMQ")),
        DB,
    ),
    Name("bolt", TCP, |l| l.starts(&[0x60, 0x60, 0xb0, 0x17]), DB),
    Name(
        "ceph",
        TCP,
        |l| l.starts(b"ceph v2\n") || l.starts(b"ceph v0"),
        DB,
    ),
    Name(
        "elasticsearch",
        TCP,
        |l| {
            l.any(|h| {
                h.starts_with(b"ES")
                    && be(h, 2, 4).is_some_and(|n| (13..1 << 24).contains(&n))
                    && at(h, 14) < 16
            })
        },
        DB,
    ),
    Name("portmap", None, |l| rpc(l) == Some(100_000), NOT_HTTP),
    Name(
        "nfs",
        None,
        |l| matches!(rpc(l), Some(100_003 | 100_227)),
        NOT_HTTP,
    ),
    Name("mount", None, |l| rpc(l) == Some(100_005), NOT_HTTP),
    Name("nlm", None, |l| rpc(l) == Some(100_021), NOT_HTTP),
    Name("rpc", None, |l| rpc(l).is_some(), NOT_HTTP),
    Name("dcerpc", None, |l| l.one(|g| dcerpc(g, l.udp)), RPC),
    Name("thrift", TCP, |l| l.any(thrift), RPC),
    Name(
        "rmi",
        TCP,
        |l| l.starts(b"JRMI\x00\x02") || l.starts(b"JRMI\x00\x01"),
        RPC,
    ),
    Name(
        "giop",
        TCP,
        |l| l.any(|h| h.starts_with(b"GIOP\x01") && at(h, 5) <= 3),
        RPC,
    ),
    Name("ajp", TCP, ajp, "AJP is not decoded"),
    Name(
        "fastcgi",
        TCP,
        // the beginning of a request in one of three roles
        |l| {
            l.any(|h| {
                h.starts_with(&[1, 1])
                    && h.get(4..6) == Some(&[0, 8])
                    && at(h, 8) == 0
                    && (1..=3).contains(&at(h, 9))
            })
        },
        "FastCGI is not decoded",
    ),
    Name(
        "scgi",
        TCP,
        |l| {
            l.any(|h| {
                let n = h.iter().take_while(|c| c.is_ascii_digit()).count();
                n > 0
                    && h.get(n..)
                        .is_some_and(|h| h.starts_with(b":CONTENT_LENGTH\0"))
            })
        },
        "SCGI is not decoded",
    ),
    Name(
        "net-tcp",
        TCP,
        |l| l.any(|h| h.starts_with(&[0, 1, 0, 1]) && has(h, b"net.tcp://")),
        RPC,
    ),
    Name("pulsar", TCP, |l| l.any(pulsar), DB),
    Name("rocketmq", TCP, |l| l.any(rocketmq), DB),
    Name(
        "brpc",
        TCP,
        |l| {
            l.any(|h| {
                h.starts_with(b"PRPC")
                    && be(h, 4, 4)
                        .zip(be(h, 8, 4))
                        .is_some_and(|(n, meta)| meta <= n)
            })
        },
        RPC,
    ),
    Name("zabbix", TCP, |l| l.starts(b"ZBXD\x01"), NOT_HTTP),
    Name("nbd", TCP, |l| l.starts(b"NBDMAGIC"), NOT_HTTP),
];

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
    let startup = match be(h, 4, 4) {
        // names of parameters follow, or nothing more was captured
        Some(196_608 | 196_610) => h
            .get(8)
            .is_none_or(|c| c.is_ascii_alphabetic() || *c == b'_'),
        // a cancellation, or the question for TLS or GSSAPI
        Some(80_877_102..=80_877_104) => true,
        _ => false,
    };
    startup && be(h, 0, 4).is_some_and(|n| (8..10_000).contains(&n))
        || matches!(h.first(), Some(b'Q' | b'P'))
            && be(h, 1, 4).is_some_and(|n| (5..1 << 20).contains(&n))
            && h.get(5).is_some_and(|c| c.is_ascii_graphic() || *c == 0)
}

/// A command as an array of strings, a string as an answer, or the plain `PING` with its answer.
fn redis(l: &Look<'_>) -> bool {
    let array = |h: &[u8]| {
        let digits = h.iter().skip(1).take_while(|c| c.is_ascii_digit()).count();
        h.first() == Some(&b'*')
            && (1..=6).contains(&digits)
            && h.get(1 + digits..4 + digits) == Some(b"\r\n$")
    };
    let string = |h: &[u8]| {
        let rest = h.strip_prefix(b"$").unwrap_or_default();
        let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        (1..=9).contains(&digits) && rest.get(digits..digits + 2) == Some(b"\r\n")
            || rest.starts_with(b"-1\r\n")
    };
    l.any(array)
        || l.any(string)
        || l.pair(|c, s| words(c.bytes, &[b"PING\r\n"]) && s.bytes.starts_with(b"+PONG\r\n"))
}

fn mongodb(h: &[u8]) -> bool {
    le(h, 0, 4).is_some_and(|n| (16..48_000_000).contains(&n))
        && match le(h, 12, 4) {
            // an answer tells to what, and how many documents it has
            Some(1) => {
                le(h, 8, 4).is_some_and(|to| to != 0)
                    && le(h, 16, 4).is_some_and(|flags| flags <= 0x0f)
                    && le(h, 32, 4).is_none_or(|n| n < 1 << 20)
            }
            Some(op) => matches!(op, 2001..=2007 | 2010..=2013),
            None => false,
        }
}

/// A request and an answer with its number; on the own port a request alone, or one that asks for versions under a name.
fn kafka(l: &Look<'_>) -> bool {
    let request = |h: &[u8]| {
        be(h, 0, 4).is_some_and(|n| (8..100 << 20).contains(&n))
            && be(h, 4, 2).is_some_and(|k| k <= 80)
            && be(h, 6, 2).is_some_and(|v| v <= 20)
    };
    let client = |h: &[u8]| {
        let n = be(h, 12, 2)? as usize;
        let name = h.get(14..)?;
        let name = name.get(..n).unwrap_or(name);
        Some((1..200).contains(&n) && name.iter().all(u8::is_ascii_graphic))
    };
    let answered = |c: &Half<'_>, s: &Half<'_>| {
        let (number, of) = (be(c.bytes, 8, 4), be(s.bytes, 4, 4));
        request(c.bytes)
            && number.is_some()
            && number == of
            && be(s.bytes, 0, 4).is_some_and(|n| (4..100 << 20).contains(&n))
            && (client(c.bytes) == Some(true) || be(c.bytes, 12, 2) == Some(0xffff))
    };
    l.port(9092) && l.any(request)
        || l.pair(answered)
        || l.any(|h| request(h) && matches!(be(h, 4, 2), Some(3 | 18)) && client(h) == Some(true))
}

/// Text: a command and an answer. Binary: heads of requests or answers. Over UDP eight bytes stand before either.
fn memcached(l: &Look<'_>) -> bool {
    let strip = |h: &'_ [u8]| -> Option<usize> {
        if !l.udp {
            return Some(0);
        }
        let (n, of, rest) = (be(h, 2, 2)?, be(h, 4, 2)?, be(h, 6, 2)?);
        (rest == 0 && of >= 1 && n < of && of < 1024).then_some(8)
    };
    let of = |g: &Half<'_>, f: fn(&[u8]) -> bool| {
        strip(g.bytes).and_then(|n| g.bytes.get(n..)).is_some_and(f)
    };
    l.one(|g| of(g, store) || of(g, binary))
        || l.pair(|c, s| of(c, command) && of(s, answer))
        || l.port(11211) && l.one(|g| of(g, answer) || of(g, command))
}

/// `set KEY FLAGS TIME BYTES`.
fn store(h: &[u8]) -> bool {
    let Some(l) = line(h) else {
        return false;
    };
    let w: Vec<&[u8]> = l.split(|b| *b == b' ').collect();
    let number = |at: usize| {
        w.get(at)
            .is_some_and(|d| !d.is_empty() && d.iter().all(|c| c.is_ascii_digit() || *c == b'-'))
    };
    matches!(w.len(), 5..=7)
        && words(
            h,
            &[
                b"set ",
                b"add ",
                b"replace ",
                b"append ",
                b"prepend ",
                b"cas ",
            ],
        )
        && number(2)
        && number(3)
        && number(4)
}

fn command(h: &[u8]) -> bool {
    let words = words(
        h,
        &[
            b"get ",
            b"gets ",
            b"delete ",
            b"incr ",
            b"decr ",
            b"touch ",
            b"gat ",
            b"stats",
            b"version\r",
            b"flush_all",
            b"mg ",
            b"ms ",
            b"mn\r",
            b"verbosity ",
        ],
    );
    words && (line(h).is_some() || text(h)) || store(h)
}

fn answer(h: &[u8]) -> bool {
    [
        &b"VALUE "[..],
        b"END\r\n",
        b"STORED\r\n",
        b"NOT_STORED\r\n",
        b"EXISTS\r\n",
        b"NOT_FOUND\r\n",
        b"DELETED\r\n",
        b"TOUCHED\r\n",
        b"OK\r\n",
        b"ERROR\r\n",
        b"CLIENT_ERROR ",
        b"SERVER_ERROR ",
        b"STAT ",
        b"VERSION ",
        b"HD",
        b"EN\r\n",
        b"VA ",
        b"MN\r\n",
    ]
    .iter()
    .any(|w| h.starts_with(w))
        || h.iter().position(|c| *c == b'\r').is_some_and(|n| {
            n > 0
                && h.get(..n).is_some_and(|d| d.iter().all(u8::is_ascii_digit))
                && h.get(n..) == Some(b"\r\n")
        })
}

/// A head of 24 bytes whose lengths fit each other.
fn binary(h: &[u8]) -> bool {
    let (Some(key), Some(body)) = (be(h, 2, 2), be(h, 8, 4)) else {
        return false;
    };
    let extras = u32::from(at(h, 4));
    h.len() >= 24
        && matches!(at(h, 0), 0x80 | 0x81)
        && at(h, 1) <= 0x60
        && at(h, 5) == 0
        && key <= 250
        && extras <= 24
        && body >= key + extras
        && body < 64 << 20
        && (at(h, 0) == 0x80 || at(h, 6) == 0)
        && (at(h, 0) == 0x81 || be(h, 16, 4) == Some(0) || body > 0)
}

/// A request that begins a connection, and what answers it (native protocol, section 2): versions 3 to 5 have nine bytes.
fn cassandra(l: &Look<'_>) -> bool {
    let head = |h: &[u8], from: u8, ops: &[u8]| {
        (from + 1..=from + 6).contains(&at(h, 0)) && at(h, 1) <= 0x1f && {
            let (op, n) = if at(h, 0) & 0x7f < 3 {
                (3, be(h, 4, 4))
            } else {
                (4, be(h, 5, 4))
            };
            h.get(op).is_some_and(|o| ops.contains(o)) && n.is_some_and(|n| n < 256 << 20)
        }
    };
    l.any(|h| head(h, 0, &[1]) && has(h, b"CQL_VERSION"))
        || l.pair(|c, s| head(c.bytes, 0, &[1, 5]) && head(s.bytes, 0x80, &[0, 2, 3, 6]))
        || l.any(|h| {
            head(h, 0x80, &[6])
                && (has(h, b"COMPRESSION")
                    || has(h, b"CQL_VERSION")
                    || has(h, b"PROTOCOL_VERSIONS"))
        })
}

/// The packet before a login: a table of options that begins with the version; or a login with its own length.
fn tds(h: &[u8]) -> bool {
    let len = be(h, 2, 2).unwrap_or(0);
    let plain = matches!(at(h, 1), 0 | 1) && at(h, 7) == 0 && (9..=32_767).contains(&len);
    let table = at(h, 8) == 0
        && be(h, 9, 2).is_some_and(|o| (6..200).contains(&o))
        && be(h, 11, 2) == Some(6);
    plain
        && match at(h, 0) {
            0x12 | 4 if table => true,
            0x10 => {
                le(h, 8, 4).is_some_and(|n| n.checked_add(8) == Some(len))
                    && matches!(at(h, 15), 0x70..=0x74)
            }
            _ => false,
        }
}

/// A packet without a sum: a connection asked for with a version, or what answers it.
fn tns(h: &[u8]) -> bool {
    let Some(len) = be(h, 0, 2) else {
        return false;
    };
    let version = |at: usize| be(h, at, 2).is_some_and(|v| (300..=330).contains(&v));
    be(h, 2, 2) == Some(0)
        && be(h, 6, 2) == Some(0)
        && match at(h, 4) {
            1 => {
                len >= 34
                    && version(8)
                    && be(h, 10, 2).is_some_and(|v| (300..=330).contains(&v) || v == 0)
            }
            2 => len >= 24 && version(8),
            4 | 5 => has(h, b"(DESCRIPTION") || has(h, b"(ADDRESS"),
            _ => false,
        }
}

/// A structure of two lengths and a code point (DDM, volume 3): the outer one counts six more.
fn drda(h: &[u8]) -> bool {
    at(h, 2) == 0xd0
        && be(h, 0, 2)
            .zip(be(h, 6, 2))
            .is_some_and(|(a, b)| a == b + 6)
        && matches!(at(h, 8), 0x10..=0x14 | 0x20..=0x22 | 0x24)
}

/// A session asked for, or a word of four letters with its answer.
fn zookeeper(l: &Look<'_>) -> bool {
    l.any(|h| {
        matches!(be(h, 0, 4), Some(44 | 45)) && be(h, 4, 4) == Some(0) && be(h, 28, 4) == Some(16)
    }) || l.pair(|c, s| c.bytes.starts_with(b"ruok") && s.bytes.starts_with(b"imok"))
}

fn stomp(h: &[u8]) -> bool {
    let Some(rest) = [&b"CONNECT"[..], b"STOMP", b"CONNECTED"]
        .iter()
        .find_map(|w| {
            let rest = h.strip_prefix(*w)?;
            let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
            rest.strip_prefix(b"\n")
        })
    else {
        return false;
    };
    [
        &b"accept-version:"[..],
        b"host:",
        b"login:",
        b"passcode:",
        b"heart-beat:",
        b"version:",
        b"session:",
        b"server:",
    ]
    .iter()
    .any(|w| rest.starts_with(w))
}

/// The program that a call of ONC RPC is for (RFC 5531); 0 where only answers were captured.
fn rpc(l: &Look<'_>) -> Option<u32> {
    let mut found = None;
    for g in l.halves() {
        // on streams a mark with the record's length stands before it
        let from = if l.udp { 0 } else { 4 };
        if !l.udp && at(g.bytes, 0) & 0x80 == 0 {
            continue;
        }
        let word = |at: usize| be(g.bytes, from + at, 4);
        let call = word(4) == Some(0)
            && word(8) == Some(2)
            && word(16).is_some_and(|v| v <= 16)
            && word(20).is_some_and(|p| p <= 64);
        if call && let Some(program @ 100_000..0x4000_0000) = word(12) {
            return Some(program);
        }
        // an answer alone says little: its length on a stream, its port otherwise
        let own = !l.udp || l.ports(&[111, 2049]);
        let answer = own && word(4) == Some(1) && word(8) == Some(0) && g.len % 4 == 0;
        let accepted = word(16) == Some(0) && word(20).is_some_and(|s| s <= 5);
        if answer && (word(12) == Some(0) && accepted || word(12) == Some(6)) {
            found = Some(0);
        }
    }
    found
}

/// A head of connections with its own length (version 5), or one of datagrams (version 4).
fn dcerpc(g: &Half<'_>, udp: bool) -> bool {
    let h = g.bytes;
    if udp {
        return matches!(h, [4, 0..=19, _, 0..=15, 0 | 0x10, 0, 0, ..]) && g.len >= 80;
    }
    matches!(h, [5, 0 | 1, 0 | 2 | 3 | 11..=19, _, 0 | 0x10, 0, 0, 0, ..]) && {
        let word = if at(h, 4) == 0x10 { le } else { be };
        word(h, 8, 2)
            .zip(word(h, 10, 2))
            .is_some_and(|(n, auth)| n >= 24 && auth + 16 <= n && g.holds(n, false))
    }
}

/// A connection of MQTT: its name stands in it.
fn mqtt_connect(h: &[u8]) -> bool {
    let name = |w: &[u8]| has(w, b"MQTT") || has(w, b"MQIsdp");
    h.first() == Some(&0x10) && h.get(2..12).is_some_and(name)
}

/// Packets of MQTT that follow each other from the middle of a connection, on its port (version 5, section 2.1).
fn mqtt(g: &Half<'_>) -> bool {
    let (mut h, mut n) = (g.bytes, 0);
    while let [first, ..] = *h {
        let kind = first >> 4;
        let flags = match kind {
            3 => true,
            6 | 8 | 10 => first & 15 == 2,
            1..=15 => first & 15 == 0,
            _ => false,
        };
        let size = h
            .iter()
            .skip(1)
            .take(4)
            .take_while(|b| *b & 0x80 != 0)
            .count();
        let Some(part) = h.get(1..2 + size).filter(|_| flags && size < 4) else {
            // the head of the last one may be cut
            return flags && n > 0 && h.len() < 5;
        };
        let len = part
            .iter()
            .rev()
            .fold(0usize, |v, b| v << 7 | usize::from(b & 0x7f));
        let fits = match kind {
            12..=13 => len == 0,
            3 => be(h, 2 + size, 2).is_some_and(|topic| topic as usize + 2 <= len),
            4..=7 | 11 => (2..=260).contains(&len),
            _ => len < 1 << 20,
        };
        if !fits {
            return false;
        }
        n += 1;
        h = h.get(2 + size + len..).unwrap_or_default();
    }
    n > 0
}

/// A frame of AMQP 0-9-1 from the middle of a connection: its end has a mark.
fn amqp(h: &[u8]) -> bool {
    let len = be(h, 3, 4).unwrap_or(u32::MAX) as usize;
    let class = matches!(be(h, 7, 2), Some(10 | 20 | 30 | 40 | 50 | 60 | 85 | 90));
    let kind = match at(h, 0) {
        1 => class && len >= 4 && be(h, 9, 2).is_some_and(|m| (1..=120).contains(&m)),
        2 => class && len >= 14,
        8 => len == 0,
        _ => false,
    };
    kind && h.len() > len.saturating_add(7) && at(h, len.saturating_add(7)) == 0xce
}

/// A command alone: two lengths that fit each other, and its kind as the first field.
fn pulsar(h: &[u8]) -> bool {
    let lengths = be(h, 0, 4).zip(be(h, 4, 4));
    lengths.is_some_and(|(all, head)| (2..1 << 20).contains(&head) && all == head + 4)
        && at(h, 8) == 8
        && matches!(at(h, 9), 2..=0x48)
}

/// Two lengths and a head in JSON.
fn rocketmq(h: &[u8]) -> bool {
    let lengths = be(h, 0, 4).zip(be(h, 5, 3));
    at(h, 4) == 0
        && lengths.is_some_and(|(all, head)| head + 4 <= all && all < 64 << 20)
        && h.get(8..)
            .is_some_and(|h| h.starts_with(b"{\"") && has(h, b"\"code\":"))
}

/// A strict binary call, framed or not: its version and kind, and a name in text.
fn thrift(h: &[u8]) -> bool {
    let call = |h: &[u8]| {
        matches!(h, [0x80, 1, 0, 1..=4, ..])
            && be(h, 4, 4).is_some_and(|n| {
                let n = n as usize;
                let name = h.get(8..).unwrap_or_default();
                let name = name.get(..n).unwrap_or(name);
                (1..200).contains(&n) && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
            })
    };
    call(h) || be(h, 0, 4).is_some_and(|n| n < 64 << 20) && h.get(4..).is_some_and(call)
}

/// A request passed on with a method that it knows, or a ping, and a container's answer (AJP 1.3).
fn ajp(l: &Look<'_>) -> bool {
    let asks = |h: &[u8]| {
        h.starts_with(&[0x12, 0x34])
            && (at(h, 4) == 2 && (1..=27).contains(&at(h, 5)) || h.get(2..) == Some(&[0, 1, 10]))
    };
    let answers = |h: &[u8]| h.starts_with(b"AB") && matches!(at(h, 4), 3..=6 | 9);
    l.any(|h| asks(h) && at(h, 4) == 2 && (has(h, b"HTTP/1.") || has(h, b"/")))
        || l.pair(|c, s| asks(c.bytes) && answers(s.bytes))
}
