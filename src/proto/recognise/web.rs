//! Names around the web: HTTP, TLS and QUIC of which too little was captured, and what is written in lines of text.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{NOT_HTTP, Name, TCP, UDP, at, be, has, line, text, words};

pub(super) const NAMES: &[Name] = &[
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
    Name(
        "dtls",
        UDP,
        |l| l.one(|g| dtls(g.bytes, g.len)),
        "DTLS is not decoded",
    ),
    Name(
        "rtsp",
        TCP,
        |l| {
            l.any(|h| words(h, &[b"RTSP/1.0 ", b"RTSP/2.0 "]))
                || l.any(|h| has(h, b" rtsp://") || has(h, b" RTSP/1.0\r\n"))
        },
        NOT_HTTP,
    ),
    Name(
        "ssdp",
        UDP,
        |l| {
            l.starts(b"M-SEARCH * ")
                || l.starts(b"NOTIFY * HTTP/")
                || l.starts(b"HTTP/1.1 200 OK\r\n")
                || l.port(1900)
        },
        NOT_HTTP,
    ),
    Name(
        "ws-discovery",
        UDP,
        |l| l.port(3702) && l.any(|h| h.starts_with(b"<") && text(h)),
        NOT_HTTP,
    ),
    Name(
        "xmpp",
        TCP,
        |l| {
            l.any(|h| {
                h.starts_with(b"<stream:stream")
                    || h.starts_with(b"<?xml ") && has(h, b"<stream:stream")
            })
        },
        NOT_HTTP,
    ),
    Name("irc", TCP, |l| l.any(irc), NOT_HTTP),
    Name(
        "smtp",
        TCP,
        |l| {
            l.any(|h| words(h, &[b"EHLO ", b"HELO ", b"LHLO "]))
                || l.any(|h| h.starts_with(b"220 ") || h.starts_with(b"220-"))
                    && (l.ports(&[25, 587]) || l.any(|h| has(h, b"SMTP")))
                || l.ports(&[25, 587]) && l.any(|h| answer(h) || words(h, SMTP))
        },
        NOT_HTTP,
    ),
    Name(
        "ftp",
        TCP,
        |l| {
            l.starts(b"220")
                && (l.port(21)
                    || l.any(|h| {
                        words(
                            h,
                            &[
                                b"USER ",
                                b"FEAT\r\n",
                                b"SYST\r\n",
                                b"AUTH TLS\r\n",
                                b"AUTH SSL\r\n",
                            ],
                        )
                    })
                    || l.any(|h| has(h, b"FTP")))
                || l.port(21) && l.any(|h| answer(h) || words(h, FTP))
        },
        NOT_HTTP,
    ),
    Name(
        "pop3",
        TCP,
        |l| {
            l.any(|h| h.starts_with(b"+OK"))
                && (l.port(110)
                    || l.any(|h| {
                        words(h, &[b"USER ", b"CAPA\r\n", b"AUTH ", b"STLS\r\n", b"APOP "])
                    }))
        },
        NOT_HTTP,
    ),
    Name(
        "imap",
        TCP,
        |l| {
            l.starts(b"* OK ")
                || l.starts(b"* PREAUTH ")
                || l.starts(b"* BYE ") && l.any(|h| line(h).is_some())
                || l.port(143) && l.any(|h| h.starts_with(b"* ") && line(h).is_some())
        },
        NOT_HTTP,
    ),
    Name(
        "nntp",
        TCP,
        |l| {
            l.any(|h| matches!(h, [b'2', b'0', b'0' | b'1', b' ' | b'-', ..]))
                && (l.port(119)
                    || l.any(|h| words(h, &[b"MODE READER\r\n", b"CAPABILITIES\r\n", b"GROUP "])))
        },
        NOT_HTTP,
    ),
    Name("rsync", TCP, |l| l.starts(b"@RSYNCD: "), NOT_HTTP),
    Name("git", TCP, |l| l.any(git), NOT_HTTP),
    Name(
        "svn",
        TCP,
        |l| {
            l.starts(b"( success ( ") || l.any(|h| h.starts_with(b"( ") && has(h, b"edit-pipeline"))
        },
        NOT_HTTP,
    ),
    Name("telnet", TCP, telnet_flow, NOT_HTTP),
    Name(
        "gnutella",
        TCP,
        |l| l.starts(b"GNUTELLA CONNECT/") || l.starts(b"GNUTELLA/0."),
        NOT_HTTP,
    ),
    Name(
        "bittorrent",
        None,
        |l| l.starts(b"\x13BitTorrent protocol") || l.starts(b"BT-SEARCH * HTTP/1.1\r\n"),
        NOT_HTTP,
    ),
    Name("bittorrent", UDP, |l| l.any(dht) || utp(l), NOT_HTTP),
    Name(
        "ident",
        TCP,
        |l| l.pair(|c, s| ident(c.bytes, s.bytes)),
        NOT_HTTP,
    ),
    Name(
        "finger",
        TCP,
        |l| l.port(79) && l.pair(|c, s| question(c.bytes) && text(s.bytes)),
        NOT_HTTP,
    ),
    Name(
        "whois",
        TCP,
        |l| l.ports(&[43, 4343]) && l.pair(|c, s| question(c.bytes) && text(s.bytes)),
        NOT_HTTP,
    ),
    Name(
        "lpd",
        TCP,
        |l| {
            l.port(515)
                && l.any(|h| {
                    matches!(h.first(), Some(1..=5))
                        && h.get(1..).is_some_and(|h| line(h).is_some())
                })
        },
        NOT_HTTP,
    ),
    Name(
        "syslog",
        None,
        |l| l.any(|h| syslog(h, l.ports(&[514, 601]))),
        NOT_HTTP,
    ),
];

/// Commands of which a captured part of a connection on the own port may begin.
const FTP: &[&[u8]] = &[
    b"PASS ",
    b"PASV\r\n",
    b"EPSV",
    b"PORT ",
    b"EPRT ",
    b"LIST",
    b"RETR ",
    b"STOR ",
    b"CWD ",
    b"PWD\r\n",
    b"TYPE ",
    b"SYST\r\n",
    b"QUIT\r\n",
    b"SIZE ",
    b"NLST",
    b"FEAT\r\n",
    b"OPTS ",
];
const SMTP: &[&[u8]] = &[
    b"MAIL FROM:",
    b"RCPT TO:",
    b"DATA\r\n",
    b"RSET\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"AUTH ",
];

/// A line that begins with three digits, as servers of mail and files answer.
fn answer(h: &[u8]) -> bool {
    matches!(h, [b'1'..=b'5', b'0'..=b'5', b'0'..=b'9', b' ' | b'-', ..]) && line(h).is_some()
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

/// A record of DTLS 1.0 or 1.2, or of OpenSSL before them: epoch, number, and a length that fits (RFC 6347 section 4.1).
fn dtls(h: &[u8], len: usize) -> bool {
    matches!(
        h,
        [20..=23 | 25, 0xfe, 0xff | 0xfd, 0, 0..=9, ..] | [22, 1, 0, 0, 0, ..]
    ) && be(h, 11, 2).is_some_and(|n| n > 0 && n as usize + 13 <= len)
}

/// A long header of a version that has a name or is made to be unknown, or the header of before the standard: a version and
/// an id of 8 bytes.
fn quic(h: &[u8], https: bool) -> bool {
    let old = matches!(h, [flags, _, _, _, _, _, _, _, _, b'Q', b'0', ..] if flags & 0x89 == 9);
    old && h
        .get(11..13)
        .is_some_and(|v| v.iter().all(u8::is_ascii_digit))
        || crate::proto::quic::opens(h, https, true)
}

/// A client that names itself, or a server's notice.
fn irc(h: &[u8]) -> bool {
    let client = words(h, &[b"NICK ", b"USER ", b"PASS ", b"CAP LS"]) && {
        has(h, b"\nUSER ") || has(h, b"\nNICK ")
    };
    let server = h.starts_with(b":") && (has(h, b" NOTICE ") || has(h, b" 001 "));
    client || server || h.starts_with(b"NOTICE AUTH :") || h.starts_with(b"CAP LS 302\r\n")
}

/// A request of git's own protocol: its length in hexadecimal, and a service.
fn git(h: &[u8]) -> bool {
    h.get(..4)
        .is_some_and(|n| n.iter().all(u8::is_ascii_hexdigit))
        && h.get(4..).is_some_and(|h| {
            [
                &b"git-upload-pack "[..],
                b"git-receive-pack ",
                b"git-upload-archive ",
            ]
            .iter()
            .any(|w| h.starts_with(w))
        })
}

/// Options that follow each other (RFC 854, RFC 855): how many there are.
fn options(h: &[u8]) -> usize {
    h.as_chunks::<3>()
        .0
        .iter()
        .take_while(|o| matches!(o, [0xff, 0xfb..=0xfe, o] if *o <= 50 || *o >= 138))
        .count()
}

fn telnet_flow(l: &super::look::Look<'_>) -> bool {
    let most = |least: usize| l.any(|h| options(h) >= least);
    most(2)
        || l.port(23) && l.any(|h| !h.is_empty() && text(h))
        || most(1)
            && (l.port(23)
                || l.both(|g| options(g.bytes) >= 1 || g.bytes.starts_with(&[0xff, 0xfa])))
}

/// Messages of the distributed table (BEP 5), of trackers over UDP (BEP 15).
fn dht(h: &[u8]) -> bool {
    let table = |kind: &[u8]| {
        [
            &b"d1:ad2:id20:"[..],
            b"d1:rd2:id20:",
            b"d2:ip6:",
            b"d1:eli20",
            b"d1:el",
        ]
        .iter()
        .any(|w| kind.starts_with(w))
    };
    table(h) || h.starts_with(&[0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0])
}

/// A connection of uTP (BEP 29) and its answer, which has its number.
fn utp(l: &super::look::Look<'_>) -> bool {
    l.pair(|c, s| {
        let (c, s) = (c.bytes, s.bytes);
        at(c, 0) == 0x41
            && at(c, 1) <= 2
            && matches!(at(s, 0), 0x21 | 0x01)
            && at(s, 1) <= 2
            && be(c, 2, 2).is_some()
            && be(c, 2, 2) == be(s, 2, 2)
            && be(c, 16, 2).is_some()
            && be(c, 16, 2) == be(s, 18, 2)
    })
}

/// Two ports, and the same two ports before an answer (RFC 1413).
fn ident(c: &[u8], s: &[u8]) -> bool {
    let ports = |h: &[u8]| {
        let mut parts = h.split(|b| *b == b',').map(<[u8]>::trim_ascii);
        let (a, b) = (parts.next()?, parts.next()?);
        let port = |p: &[u8]| (1..=5).contains(&p.len()) && p.iter().all(u8::is_ascii_digit);
        (port(a) && port(b) && parts.next().is_none()).then(|| (a.to_vec(), b.to_vec()))
    };
    let (Some(c), Some(s)) = (line(c).and_then(ports), line(s)) else {
        return false;
    };
    let mut parts = s.splitn(3, |b| *b == b':');
    parts.next().and_then(ports) == Some(c)
        && parts
            .next()
            .is_some_and(|w| matches!(w.trim_ascii(), b"USERID" | b"ERROR"))
}

/// One line, and nothing behind it.
fn question(h: &[u8]) -> bool {
    line(h).is_some() && memchr::memchr(b'\n', h) == Some(h.len() - 1)
}

/// A priority in angle brackets (RFC 3164, RFC 5424), counted before it on streams (RFC 6587). On another port a time or
/// version must follow.
fn syslog(h: &[u8], own: bool) -> bool {
    let count = h.iter().take_while(|c| c.is_ascii_digit()).count();
    let h = match h.get(count) {
        Some(b' ') if (1..=5).contains(&count) => h.get(count + 1..),
        _ if count == 0 => Some(h),
        _ => None,
    };
    let Some(rest) = h.and_then(|h| h.strip_prefix(b"<")) else {
        return false;
    };
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let level = rest
        .get(..digits)
        .and_then(|d| std::str::from_utf8(d).ok())
        .and_then(|d| d.parse::<u16>().ok());
    let Some(body) = rest.get(digits..).and_then(|b| b.strip_prefix(b">")) else {
        return false;
    };
    let months: [&[u8]; 12] = [
        b"Jan ", b"Feb ", b"Mar ", b"Apr ", b"May ", b"Jun ", b"Jul ", b"Aug ", b"Sep ", b"Oct ",
        b"Nov ", b"Dec ",
    ];
    let dated = months.iter().any(|m| body.starts_with(m))
        || matches!(body, [b'1', b' ', b'1' | b'2' | b'-', ..]);
    level.is_some_and(|l| l <= 191)
        && (dated || own && body.first().is_some_and(|c| *c >= b' ' && *c != 0x7f))
}
