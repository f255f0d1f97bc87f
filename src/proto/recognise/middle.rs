//! Names of what was joined after it began, of servers that refuse, and of the further forms of protocols that the other tables name by
//! how they open. In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{DB, Half, NOT_HTTP, Name, TCP, UDP, at, be, has, line, text, words};
use super::resolve;

pub(super) const NAMES: &[Name] = &[
    Name("postgres", TCP, |l| l.any(postgres), DB),
    Name("mysql", TCP, |l| l.any(refusal), DB),
    Name("stomp", TCP, |l| l.any(stomp), DB),
    Name("nats", TCP, |l| l.port(4222) && l.any(nats), DB),
    Name("zookeeper", TCP, |l| l.pair(zookeeper), DB),
    Name(
        "thrift",
        None,
        |l| l.any(thrift),
        "calls of another protocol than HTTP, not decoded",
    ),
    Name(
        "irc",
        TCP,
        |l| l.any(said) || l.ports(&[194, 6660, 6665, 6666, 6667, 6668, 6669, 6697]) && l.any(says),
        NOT_HTTP,
    ),
    Name(
        "xmpp",
        TCP,
        |l| {
            l.ports(&[5222, 5223, 5269])
                && l.any(|h| {
                    [&b"<message "[..], b"<presence", b"<iq "]
                        .iter()
                        .any(|w| h.starts_with(w))
                })
        },
        NOT_HTTP,
    ),
    // on another port than its own: a question and its answer, each behind its length
    Name("dns", TCP, |l| l.pair(dns), NOT_HTTP),
    Name(
        "wireguard",
        UDP,
        |l| l.both(data) || l.port(51_820) && l.one(data),
        "an encrypted tunnel, not decoded",
    ),
    Name(
        "esp",
        UDP,
        |l| l.port(4500) && l.both(esp),
        "an encrypted tunnel, not decoded",
    ),
];

/// Messages that follow each other, each a letter and a length: one of them says that the server waits, or that a command is done.
fn postgres(h: &[u8]) -> bool {
    const KINDS: &[u8] = b"BCDEFHIKNPQRSTXZcdfnpstvVWGA123";
    let (mut rest, mut n, mut sure) = (h, 0, false);
    while let Some(&[kind, a, b, c, d]) = rest.first_chunk::<5>() {
        let len = u32::from_be_bytes([a, b, c, d]);
        if !KINDS.contains(&kind) || !(4..1 << 24).contains(&len) {
            return false;
        }
        let body = rest.get(5..).unwrap_or_default();
        let known = match kind {
            b'Z' => len == 5 && matches!(body.first(), None | Some(b'I' | b'T' | b'E')),
            b'S' | b'H' | b'X' | b'c' if len == 4 => true,
            b'1' | b'2' | b'3' | b'n' | b's' | b'I' => len == 4,
            _ => len > 4,
        };
        if !known {
            return false;
        }
        sure |= kind == b'Z' || kind == b'C' && words(body, &[b"SELECT ", b"INSERT ", b"UPDATE "]);
        sure |= matches!(kind, b'B' | b'P' | b'E') && len < 1 << 16 && body.contains(&0);
        n += 1;
        rest = body.get(len as usize - 4..).unwrap_or_default();
    }
    n > 1 && sure && (rest.is_empty() || KINDS.contains(&at(rest, 0)))
}

/// An error before any greeting: what a server says to an address that it does not take.
fn refusal(h: &[u8]) -> bool {
    let len = super::look::le(h, 0, 3);
    let code = super::look::le(h, 5, 2);
    at(h, 3) == 0
        && at(h, 4) == 0xff
        && len.is_some_and(|n| (8..512).contains(&n) && n as usize + 4 >= h.len())
        && code.is_some_and(|c| (1000..5000).contains(&c))
        && h.get(7..).is_some_and(|t| t.len() > 4 && text(t))
}

/// A command alone on its line, and a header that such commands have.
fn stomp(h: &[u8]) -> bool {
    const COMMANDS: [&[u8]; 9] = [
        b"SEND",
        b"MESSAGE",
        b"SUBSCRIBE",
        b"UNSUBSCRIBE",
        b"ACK",
        b"NACK",
        b"BEGIN",
        b"RECEIPT",
        b"ERROR",
    ];
    const HEADERS: [&[u8]; 9] = [
        b"destination:",
        b"subscription:",
        b"message-id:",
        b"id:",
        b"receipt",
        b"content-",
        b"transaction:",
        b"message:",
        b"ack:",
    ];
    let Some(first) = line(h).filter(|l| COMMANDS.contains(l)) else {
        return false;
    };
    let rest = h.get(first.len()..).unwrap_or_default();
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    HEADERS
        .iter()
        .any(|w| rest.get(1..).is_some_and(|r| r.starts_with(w)))
}

/// A message given or taken: a subject, numbers, and how many bytes follow.
fn nats(h: &[u8]) -> bool {
    words(h, &[b"PUB ", b"HPUB ", b"MSG ", b"HMSG ", b"SUB "])
        && line(h).is_some_and(|l| {
            l.split(|b| *b == b' ')
                .next_back()
                .is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
        })
}

/// One of the words of four letters, and what such a word is answered with.
fn zookeeper(c: &Half<'_>, s: &Half<'_>) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"mntr", b"stat", b"srvr", b"envi", b"conf", b"cons", b"dump", b"wchs", b"isro", b"crst",
    ];
    let asks = c.bytes.get(..4).is_some_and(|w| WORDS.contains(&w)) && c.bytes.len() <= 6;
    asks && [
        &b"zk_"[..],
        b"Zookeeper version",
        b"Environment:",
        b"clientPort=",
        b"SessionTracker dump",
        b"This ZooKeeper instance",
        b" /",
        b"rw",
        b"ro",
    ]
    .iter()
    .any(|w| s.bytes.starts_with(w))
}

/// A call of the compact protocol, alone or behind its length: version 1, a kind, a number and a name in text.
fn thrift(h: &[u8]) -> bool {
    let call = |h: &[u8]| {
        let &[0x82, kind, ref rest @ ..] = h else {
            return false;
        };
        let number = rest.iter().take(5).take_while(|b| **b & 0x80 != 0).count();
        let name = rest.get(number + 1..).unwrap_or_default();
        let n = usize::from(at(name, 0));
        matches!(kind, 0x21 | 0x41 | 0x61 | 0x81)
            && (2..0x80).contains(&n)
            && name.get(1..=n).is_some_and(|n| {
                n.iter()
                    .all(|c| c.is_ascii_alphanumeric() || b"_.:-".contains(c))
            })
    };
    call(h) || be(h, 0, 4).is_some_and(|n| n < 64 << 20) && h.get(4..).is_some_and(call)
}

/// What a server hands on of somebody: who, on which host, and a command.
fn said(h: &[u8]) -> bool {
    let Some(l) = h.strip_prefix(b":") else {
        return false;
    };
    let mut parts = l.split(|b| *b == b' ');
    let who = parts.next().unwrap_or_default();
    let person =
        memchr::memchr(b'!', who).is_some_and(|n| has(who.get(n..).unwrap_or_default(), b"@"));
    person
        && parts.next().is_some_and(|command| {
            [
                &b"PRIVMSG"[..],
                b"NOTICE",
                b"JOIN",
                b"PART",
                b"QUIT",
                b"MODE",
                b"NICK",
                b"TOPIC",
                b"KICK",
            ]
            .contains(&command)
        })
}

fn says(h: &[u8]) -> bool {
    line(h).is_some()
        && words(
            h,
            &[
                b"PRIVMSG ",
                b"JOIN ",
                b"PART ",
                b"PING ",
                b"PONG ",
                b"MODE ",
            ],
        )
}

fn dns(c: &Half<'_>, s: &Half<'_>) -> bool {
    let message = |g: &Half<'_>| {
        be(g.bytes, 0, 2).is_some_and(|n| n >= 17 && g.holds(n + 2, false))
            && g.bytes.get(2..).is_some_and(resolve::dns)
    };
    message(c)
        && message(s)
        && be(c.bytes, 2, 2) == be(s.bytes, 2, 2)
        && at(c.bytes, 4) & 0x80 == 0
        && at(s.bytes, 4) & 0x80 != 0
}

/// Data for a receiver, padded to 16 bytes, whose number has not grown beyond 32 bits.
fn data(g: &Half<'_>) -> bool {
    g.bytes.starts_with(&[4, 0, 0, 0])
        && g.len >= 32
        && g.len.is_multiple_of(16)
        && g.bytes.get(12..16) == Some(&[0; 4])
        && be(g.bytes, 4, 4) != Some(0)
}

/// An association that is not one of the reserved ones, a number, and words of four bytes to the end (RFC 4303 section 2.4).
fn esp(g: &Half<'_>) -> bool {
    be(g.bytes, 0, 4).is_some_and(|spi| spi > 255)
        && be(g.bytes, 4, 4).is_some_and(|n| (1..1 << 26).contains(&n))
        && g.len >= 32
        && g.len.is_multiple_of(4)
}
