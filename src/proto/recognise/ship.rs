//! Names of what ships logs, metrics and jobs, of stores whose servers greet in words of their own, and of old ways to read pages.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{DB, Look, NOT_HTTP, Name, TCP, UDP, at, be, has, line, text, words};

const SHIPS: &str = "logs or metrics on their way, not decoded";

pub(super) const NAMES: &[Name] = &[
    Name(
        "icap",
        TCP,
        |l| {
            l.any(|h| {
                h.starts_with(b"ICAP/1.0 ")
                    || words(h, &[b"REQMOD icap", b"RESPMOD icap", b"OPTIONS icap"])
            })
        },
        "requests and responses that a proxy shows to a filter, not decoded",
    ),
    Name(
        "gopher",
        TCP,
        |l| l.port(70) && l.pair(|c, s| gopher(c.bytes, s.bytes)),
        NOT_HTTP,
    ),
    Name(
        "beanstalkd",
        TCP,
        |l| l.pair(|c, s| beanstalkd(c.bytes, s.bytes)),
        DB,
    ),
    // parts of a message: a number, which part, and of how many
    Name(
        "gelf",
        UDP,
        |l| {
            l.any(|h| {
                h.starts_with(&[0x1e, 0x0f])
                    && (1..=128).contains(&at(h, 11))
                    && at(h, 10) < at(h, 11)
                    || h.starts_with(b"{") && has(h, b"\"short_message\":")
            })
        },
        SHIPS,
    ),
    Name("lumberjack", TCP, |l| l.any(lumberjack), SHIPS),
    Name("fluentd", TCP, |l| l.port(24_224) && l.any(fluentd), SHIPS),
    Name(
        "graphite",
        TCP,
        |l| l.ports(&[2003, 2013, 2023]) && l.any(graphite),
        SHIPS,
    ),
    Name(
        "erlang",
        TCP,
        |l| l.pair(|c, s| erlang(c.bytes, s.bytes)),
        NOT_HTTP,
    ),
    Name("rethinkdb", TCP, rethinkdb, DB),
    Name(
        "hbase",
        TCP,
        |l| l.any(|h| matches!(h, [b'H', b'B', b'a', b's', 0, 80..=82, ..])),
        DB,
    ),
    Name(
        "tarantool",
        TCP,
        |l| l.starts(b"Tarantool ") && l.any(|h| has(h, b" (Binary) ")),
        DB,
    ),
];

/// A selector and lines that each have a kind, and a place behind tabs; or text up to a dot alone.
fn gopher(c: &[u8], s: &[u8]) -> bool {
    let item = line(s).is_some_and(|l| l.iter().filter(|b| **b == b'\t').count() >= 3);
    line(c).is_some() && (item || text(s) && s.ends_with(b"\r\n.\r\n"))
}

/// A command with numbers, and an answer that such commands have.
fn beanstalkd(c: &[u8], s: &[u8]) -> bool {
    let asks = words(
        c,
        &[
            b"put ",
            b"use ",
            b"watch ",
            b"reserve",
            b"stats",
            b"peek",
            b"list-tube",
            b"ignore ",
        ],
    );
    let answers = [
        &b"INSERTED "[..],
        b"USING ",
        b"WATCHING ",
        b"RESERVED ",
        b"FOUND ",
        b"OK ",
    ]
    .iter()
    .any(|w| s.starts_with(w));
    asks && line(c).is_some() && answers && line(s).is_some()
}

/// A window of so many events, events, or what confirms them (versions 1 and 2 of the protocol of Beats).
fn lumberjack(h: &[u8]) -> bool {
    let number = be(h, 2, 4);
    match h {
        [b'1' | b'2', b'W', rest @ ..] => {
            number.is_some_and(|n| (1..1 << 20).contains(&n))
                && matches!(
                    rest.get(4..6),
                    None | Some([b'1' | b'2', b'C' | b'J' | b'D'])
                )
        }
        [b'1' | b'2', b'A', ..] => number.is_some_and(|n| n < 1 << 20) && h.len().is_multiple_of(6),
        _ => false,
    }
}

/// A list of a tag in text and events, as MessagePack has them.
fn fluentd(h: &[u8]) -> bool {
    let tag = match h {
        [0x92..=0x94, n @ 0xa1..=0xbf, rest @ ..] => rest.get(..usize::from(n & 31)),
        [0x92..=0x94, 0xd9, n, rest @ ..] => rest.get(..usize::from(*n)),
        _ => None,
    };
    tag.is_some_and(|t| t.iter().all(u8::is_ascii_graphic))
}

/// A name, a number and a time.
fn graphite(h: &[u8]) -> bool {
    line(h).is_some_and(|l| {
        let mut parts = l.split(|b| *b == b' ');
        let mut number = || {
            parts
                .next_back()
                .filter(|n| !n.is_empty())
                .is_some_and(|n| n.iter().all(|c| c.is_ascii_digit() || b".-e+".contains(c)))
        };
        let numbers = number() && number();
        numbers && parts.next().is_some_and(|n| n.contains(&b'.'))
    })
}

/// A node that says its name, and the one it asks.
fn erlang(c: &[u8], s: &[u8]) -> bool {
    let n = be(c, 0, 2).unwrap_or(0) as usize;
    n + 2 == c.len().min(n + 2)
        && matches!(at(c, 2), b'n' | b'N')
        && c.contains(&b'@')
        && at(s, 2) == b's'
        && matches!(
            s.get(3..),
            Some(r) if [&b"ok"[..], b"ok_simultaneous", b"nok", b"not_allowed", b"alive"].iter().any(|w| r.starts_with(w))
        )
}

/// One of the magic numbers that a client begins with, and an answer in JSON or text that ends with a zero.
fn rethinkdb(l: &Look<'_>) -> bool {
    const VERSIONS: [[u8; 4]; 5] = [
        [0x35, 0xba, 0x61, 0x3f],
        [0xcb, 0x6c, 0xb3, 0x72],
        [0x3e, 0xe8, 0x75, 0x5f],
        [0x20, 0x2d, 0x0c, 0x40],
        [0xc3, 0xbd, 0xc2, 0x34],
    ];
    l.pair(|c, s| {
        c.bytes.first_chunk().is_some_and(|m| VERSIONS.contains(m))
            && matches!(s.bytes.first(), Some(b'{' | b'S' | b'E'))
    })
}
