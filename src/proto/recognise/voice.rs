//! Names of what carries voice, pictures and short messages.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{Half, Look, NOT_HTTP, Name, TCP, UDP, at, be, has, words};

pub(super) const NAMES: &[Name] = &[
    Name("sip", None, |l| l.any(sip), NOT_HTTP),
    Name("stun", None, |l| l.one(|g| stun(g, l)), NOT_HTTP),
    Name("rtcp", UDP, |l| l.one(rtcp), NOT_HTTP),
    Name("rtp", UDP, |l| l.one(rtp), NOT_HTTP),
    Name(
        "mgcp",
        UDP,
        |l| l.any(|h| has(h, b" MGCP 1.0") && h.first().is_some_and(u8::is_ascii_uppercase)),
        NOT_HTTP,
    ),
    Name("rtmp", TCP, rtmp, NOT_HTTP),
    Name(
        "iax2",
        UDP,
        |l| {
            l.port(4569)
                && l.one(|g| {
                    at(g.bytes, 0) & 0x80 != 0
                        && at(g.bytes, 10) == 6
                        && matches!(at(g.bytes, 11), 1..=41)
                        && g.len >= 12
                })
        },
        NOT_HTTP,
    ),
    Name("skinny", TCP, |l| l.port(2000) && l.any(skinny), NOT_HTTP),
    Name("smpp", TCP, |l| l.any(smpp), NOT_HTTP),
];

/// A method in capitals, whichever, and an address of SIP; or an answer (RFC 3261 section 7).
fn sip(h: &[u8]) -> bool {
    // what keeps a way open may stand before it (RFC 5626 section 3.5.1)
    let breaks = h.iter().take_while(|c| matches!(c, b'\r' | b'\n')).count();
    let h = h.get(breaks..).unwrap_or_default();
    let method = h.iter().take_while(|c| c.is_ascii_uppercase()).count();
    let target = h.get(method..).unwrap_or_default();
    words(h, &[b"SIP/2.0 "])
        || (3..=20).contains(&method) && words(target, &[b" sip:", b" sips:"])
        || (3..=20).contains(&method)
            && words(target, &[b" tel:", b" urn:"])
            && has(target, b" SIP/2.0\r\n")
}

/// A message with the cookie and its length in words (RFC 8489 section 5), or one of before it (RFC 3489), whose attributes
/// fill the datagram.
fn stun(g: &Half<'_>, l: &Look<'_>) -> bool {
    let h = g.bytes;
    let Some(len) = be(h, 2, 2).filter(|n| at(h, 0) & 0xc0 == 0 && n % 4 == 0) else {
        return false;
    };
    let fits = g.holds(len + 20, l.udp);
    if be(h, 4, 4) == Some(0x2112_a442) {
        return fits;
    }
    if !l.udp || !fits || !matches!(be(h, 0, 2), Some(1 | 0x101 | 0x111 | 2 | 0x102 | 0x112)) {
        return false;
    }
    let mut at = 20;
    while let (Some(kind), Some(n)) = (be(h, at, 2), be(h, at + 2, 2)) {
        if !matches!(kind, 1..=0x23 | 0x8000..=0x80ff) || n > 800 {
            return false;
        }
        at += 4 + (n as usize).next_multiple_of(4);
    }
    at > 20 && at <= g.len || l.ports(&[3478, 3479])
}

/// Reports that fill the datagram, the first of a kind that may be first (RFC 3550 section 6.1, RFC 5506).
fn rtcp(g: &Half<'_>) -> bool {
    let h = g.bytes;
    let mut at = 0;
    while at < g.len {
        let Some(&[first, kind, a, b]) = h.get(at..).and_then(|h| h.first_chunk::<4>()) else {
            // the rest was not kept
            return at > 0 && h.len() < g.len;
        };
        let known = if at == 0 {
            matches!(kind, 200 | 201 | 205 | 206)
        } else {
            matches!(kind, 200..=207)
        };
        if first >> 6 != 2 || !known {
            return false;
        }
        let len = (usize::from(a) << 8 | usize::from(b)) * 4 + 4;
        if len < 8 {
            return false;
        }
        at += len;
    }
    at == g.len && at >= 8
}

/// Two packets of one source with numbers that follow (RFC 3550 section 5.1).
fn rtp(g: &Half<'_>) -> bool {
    let (a, b) = (g.bytes, g.next);
    let version = |h: &[u8]| at(h, 0) >> 6 == 2;
    let control = matches!(at(a, 1), 192..=223);
    let numbers = be(a, 2, 2).zip(be(b, 2, 2));
    version(a)
        && version(b)
        && !control
        && g.len >= 12
        && g.next_len >= 12
        && be(a, 8, 4).is_some_and(|s| s != 0)
        && be(a, 8, 4) == be(b, 8, 4)
        && numbers.is_some_and(|(a, b)| matches!(b.wrapping_sub(a) & 0xffff, 1..=8 | 0xfff8..))
}

/// Version 3 of both, with the client's time and zeros.
fn rtmp(l: &Look<'_>) -> bool {
    l.pair(|c, s| {
        at(c.bytes, 0) == 3
            && at(s.bytes, 0) == 3
            && be(c.bytes, 5, 4) == Some(0)
            && c.len >= 64
            && s.len >= 64
    })
}

/// A length, a version of little, and a message that is defined.
fn skinny(h: &[u8]) -> bool {
    let le = |at: usize| super::look::le(h, at, 4);
    le(0).is_some_and(|n| (4..=2000).contains(&n))
        && le(4).is_some_and(|v| v <= 0x20)
        && le(8).is_some_and(|m| m <= 0x160)
}

/// A session bound: a command, no status, a small number, and a name or none; or the answer to one.
fn smpp(h: &[u8]) -> bool {
    let name = h.get(16).is_none_or(|c| *c == 0 || c.is_ascii_graphic());
    let command = match be(h, 4, 4) {
        Some(1 | 2 | 9) => be(h, 8, 4) == Some(0),
        Some(0x8000_0001 | 0x8000_0002 | 0x8000_0009) => be(h, 8, 4).is_some_and(|s| s <= 0xff),
        _ => false,
    };
    command
        && name
        && be(h, 0, 4).is_some_and(|n| (16..=1024).contains(&n))
        && be(h, 12, 4).is_some_and(|n| (1..1 << 16).contains(&n))
}
