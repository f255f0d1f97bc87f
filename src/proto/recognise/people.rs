//! Names of what people share, chat, play and look at other screens with.
//! In: what was kept of a flow. Out: whether it is the protocol. Bounds: those of [`super::look`].

use super::look::{Half, Look, NOT_HTTP, Name, TCP, UDP, at, be, has, le, line, words};

pub(super) const NAMES: &[Name] = &[
    Name("edonkey", TCP, |l| l.any(edonkey), NOT_HTTP),
    Name(
        "edonkey",
        UDP,
        |l| {
            l.ports(&[4661, 4665, 4672])
                && l.any(|h| matches!(h, [0xe3 | 0xc5 | 0xe4 | 0xe5, _, ..]))
        },
        NOT_HTTP,
    ),
    Name(
        "directconnect",
        TCP,
        |l| {
            l.any(|h| {
                words(h, &[b"$Lock EXTENDEDPROTOCOL", b"$MyNick "])
                    || h.starts_with(b"HSUP AD")
                    || h.starts_with(b"CSUP AD")
            })
        },
        NOT_HTTP,
    ),
    Name(
        "syncthing",
        UDP,
        |l| l.starts(&[0x2e, 0xa7, 0xd9, 0x0b]),
        NOT_HTTP,
    ),
    Name("jxta", TCP, |l| l.starts(b"JXTAHELLO "), NOT_HTTP),
    Name("bitcoin", TCP, |l| l.any(bitcoin), NOT_HTTP),
    Name(
        "stratum",
        TCP,
        |l| l.any(stratum),
        "the orders of a mining pool, not decoded",
    ),
    Name(
        "msnms",
        TCP,
        |l| l.any(|h| h.starts_with(b"VER ") && has(h, b" MSNP")),
        NOT_HTTP,
    ),
    Name("ymsg", TCP, |l| l.starts(b"YMSG\x00"), NOT_HTTP),
    Name(
        "oscar",
        TCP,
        // a new connection says its version
        |l| l.any(|h| matches!(h, [0x2a, 1, _, _, _, _, 0, 0, 0, 1, ..])),
        NOT_HTTP,
    ),
    Name(
        "gadu-gadu",
        TCP,
        |l| l.port(8074) && l.any(|h| matches!(h, [1, 0, 0, 0, 4 | 8, 0, 0, 0, ..])),
        NOT_HTTP,
    ),
    Name(
        "whatsapp",
        TCP,
        |l| {
            l.starts(b"ED\x00\x01")
                || l.ports(&[443, 5222, 5223, 5228])
                    && l.any(|h| matches!(h, [b'W', b'A', 1..=7, 0..=6, ..]))
        },
        NOT_HTTP,
    ),
    Name(
        "zrtp",
        UDP,
        |l| l.any(|h| matches!(h, [0x10, 0, ..]) && h.get(4..8) == Some(b"ZRTP")),
        NOT_HTTP,
    ),
    Name(
        "turn",
        UDP,
        // data on a channel (RFC 8656 section 12.4)
        |l| {
            l.ports(&[3478, 3479, 3480])
                && l.one(|g| {
                    matches!(at(g.bytes, 0), 0x40..=0x4f)
                        && be(g.bytes, 2, 2)
                            .is_some_and(|n| (n as usize + 4..n as usize + 8).contains(&g.len))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "sap",
        UDP,
        // an announcement of a session (RFC 2974)
        |l| {
            l.port(9875)
                && l.any(|h| {
                    at(h, 0) >> 5 == 1
                        && (has(h, b"application/sdp") || has(h, b"v=0\r\n") || has(h, b"v=0\n"))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "megaco",
        None,
        |l| l.ports(&[2944, 2945]) && l.any(|h| words(h, &[b"MEGACO/", b"!/1 ", b"!/2 ", b"!/3 "])),
        NOT_HTTP,
    ),
    Name("mpeg-ts", UDP, |l| l.one(mpeg), NOT_HTTP),
    Name(
        "mmst",
        TCP,
        |l| l.any(|h| matches!(h, [1, 0, 0, 0, 0xce, 0xfa, 0x0b, 0xb0, ..])),
        NOT_HTTP,
    ),
    Name("spotify", UDP, |l| l.starts(b"SpotUdp0"), NOT_HTTP),
    Name(
        "teamspeak",
        None,
        |l| {
            if l.udp {
                l.starts(b"TS3INIT1") || l.starts(&[0xf4, 0xbe, 3, 0])
            } else {
                l.starts(b"TS3\n\r") || l.starts(b"[TS]\r\n")
            }
        },
        NOT_HTTP,
    ),
    Name("mumble", UDP, |l| l.pair(mumble), NOT_HTTP),
    Name("source-engine", UDP, |l| l.one(source), NOT_HTTP),
    Name("quake", UDP, |l| l.any(quake), NOT_HTTP),
    Name(
        "steam",
        UDP,
        |l| l.starts(&[0xff, 0xff, 0xff, 0xff, 0x21, 0x4c, 0x5f, 0xa0]) || l.starts(b"VS01"),
        NOT_HTTP,
    ),
    Name("raknet", UDP, |l| l.any(raknet), NOT_HTTP),
    Name("teamviewer", None, teamviewer, NOT_HTTP),
    Name(
        "radmin",
        TCP,
        |l| l.starts(&[1, 0, 0, 0, 1, 0, 0, 0, 8, 8]),
        NOT_HTTP,
    ),
    Name(
        "pcanywhere",
        UDP,
        |l| l.port(5632) && l.any(|h| matches!(h, b"NQ" | b"ST")),
        NOT_HTTP,
    ),
    Name(
        "spice",
        TCP,
        |l| l.any(|h| h.starts_with(b"REDQ") && le(h, 4, 4).is_some_and(|v| v <= 2)),
        NOT_HTTP,
    ),
    Name(
        "synergy",
        TCP,
        |l| {
            l.any(|h| {
                be(h, 0, 4).is_some_and(|n| n < 256)
                    && matches!(h.get(4..11), Some(b"Synergy" | b"Barrier"))
            })
        },
        NOT_HTTP,
    ),
    Name(
        "gh0st",
        TCP,
        |l| l.starts(b"Gh0st"),
        "a remote control that intruders use, not decoded",
    ),
    Name(
        "flash-policy",
        TCP,
        |l| l.starts(b"<policy-file-request/>"),
        NOT_HTTP,
    ),
    Name(
        "miio",
        UDP,
        |l| {
            l.one(|g| {
                g.bytes.starts_with(&[0x21, 0x31])
                    && g.len >= 32
                    && be(g.bytes, 2, 2).is_some_and(|n| g.holds(n, true))
            })
        },
        NOT_HTTP,
    ),
    Name(
        "tplink-shp",
        None,
        // an object of JSON under a key that is always the same
        |l| {
            let from = if l.udp { 0 } else { 4 };
            l.any(|h| {
                h.get(from..from + 2) == Some(&[0xd0, 0xf2])
                    && (l.udp || be(h, 0, 4).is_some_and(|n| n < 1 << 16))
                    && l.port(9999)
            })
        },
        NOT_HTTP,
    ),
    Name(
        "slimproto",
        TCP,
        |l| l.starts(b"HELO\x00\x00\x00"),
        NOT_HTTP,
    ),
    Name("artnet", UDP, |l| l.starts(b"Art-Net\0"), NOT_HTTP),
    Name(
        "sacn",
        UDP,
        |l| l.any(|h| matches!(h, [0, 0x10, 0, 0, ..]) && h.get(4..13) == Some(b"ASC-E1.17")),
        NOT_HTTP,
    ),
    Name(
        "tailscale",
        UDP,
        // a message that looks for a way
        |l| l.starts(&[0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac]),
        NOT_HTTP,
    ),
    Name("tivo", None, |l| l.starts(b"TiVoConnect="), NOT_HTTP),
    Name(
        "tuya",
        None,
        // a number, a command, and a length that holds the sum and the mark behind it
        |l| {
            l.ports(&[6666, 6667, 6668])
                && l.one(|g| {
                    g.bytes.starts_with(&[0, 0, 0x55, 0xaa])
                        && be(g.bytes, 12, 4).is_some_and(|n| g.holds(n.saturating_add(16), l.udp))
                })
        },
        NOT_HTTP,
    ),
    Name(
        "discord",
        UDP,
        // which address a client is seen under
        |l| {
            l.pair(|c, s| {
                c.len == 74
                    && s.len == 74
                    && c.bytes.starts_with(&[0, 1, 0, 70])
                    && s.bytes.starts_with(&[0, 2, 0, 70])
                    && c.bytes.get(4..8) == s.bytes.get(4..8)
            })
        },
        NOT_HTTP,
    ),
    Name(
        "zoom",
        UDP,
        |l| l.port(8801) && l.any(|h| matches!(h, [0x1f | 0x20, 2, 1, ..])),
        NOT_HTTP,
    ),
    Name(
        "ookla",
        TCP,
        |l| {
            l.pair(|c, s| {
                words(c.bytes, &[b"HI\n", b"HI ", b"HELLO "]) && s.bytes.starts_with(b"HELLO 2.")
            })
        },
        "a test of how fast a line is, not decoded",
    ),
    Name(
        "wow",
        TCP,
        |l| l.port(3724) && l.any(|h| h.get(4..8) == Some(b"WoW\0")),
        NOT_HTTP,
    ),
    Name("xiaomi", TCP, |l| l.starts(&[0xc2, 0xfe, 0, 5]), NOT_HTTP),
    Name(
        "tinc",
        TCP,
        |l| l.port(655) && l.any(|h| h.starts_with(b"0 ") && line(h).is_some()),
        NOT_HTTP,
    ),
];

/// A greeting with the length of its hash, or the answer to one.
fn edonkey(h: &[u8]) -> bool {
    matches!(at(h, 0), 0xe3 | 0xc5 | 0xd4)
        && le(h, 1, 4).is_some_and(|n| (18..1 << 16).contains(&n))
        && (matches!(h.get(5..7), Some([1, 0x10])) || at(h, 5) == 0x4c && h.len() >= 22)
}

/// The mark of a network and a command that fills its twelve bytes with zeros.
fn bitcoin(h: &[u8]) -> bool {
    let known = matches!(
        h.first_chunk::<4>(),
        Some(
            [0xf9, 0xbe, 0xb4, 0xd9]
                | [0x0b, 0x11, 0x09, 0x07]
                | [0xfa, 0xbf, 0xb5, 0xda]
                | [0xfb, 0xc0, 0xb6, 0xdb]
                | [0xc0, 0xc0, 0xc0, 0xc0]
                | [0xbf, 0x0c, 0x6b, 0xbd]
                | [0x24, 0xe9, 0x27, 0x64]
        )
    );
    known
        && h.get(4..16).is_some_and(|c| {
            let name = c.iter().take_while(|b| b.is_ascii_lowercase()).count();
            name >= 2 && c.iter().skip(name).all(|b| *b == 0)
        })
}

/// An object that asks a pool for work, or takes it.
fn stratum(h: &[u8]) -> bool {
    h.starts_with(b"{")
        && (has(h, b"\"mining.")
            || has(h, b"\"method\":\"login\"")
            || has(h, b"\"eth_submitLogin\"")
            || has(h, b"\"eth_getWork\""))
}

/// Packets of 188 bytes that fill the datagram.
fn mpeg(g: &Half<'_>) -> bool {
    let first = matches!(g.bytes, [0x47, a, _, c, ..] if a & 0x80 == 0 && c & 0x30 != 0);
    let next = matches!(g.next, [0x47, a, _, c, ..] if a & 0x80 == 0 && c & 0x30 != 0);
    first && next && g.len.is_multiple_of(188) && g.next_len.is_multiple_of(188)
}

/// A question for what a server is, and the answer with its number.
fn mumble(c: &Half<'_>, s: &Half<'_>) -> bool {
    c.len == 12
        && s.len == 24
        && c.bytes.starts_with(&[0; 4])
        && c.bytes.get(4..12) == s.bytes.get(4..12)
        && c.bytes
            .get(4..12)
            .is_some_and(|n| n.iter().any(|b| *b != 0))
}

/// A question of Valve's servers, or an answer to one.
fn source(g: &Half<'_>) -> bool {
    let Some(rest) = g.bytes.strip_prefix(&[0xff; 4]) else {
        return false;
    };
    match rest {
        [b'T', ..] => rest.starts_with(b"TSource Engine Query\0"),
        [b'U' | b'V', ..] => g.len == 9,
        [b'W'] => true,
        [b'I', 0x11 | 0x30, ..] => g.len > 20,
        _ => false,
    }
}

fn quake(h: &[u8]) -> bool {
    let Some(rest) = h.strip_prefix(&[0xff; 4]) else {
        return false;
    };
    words(
        rest,
        &[
            b"getstatus",
            b"getinfo",
            b"getchallenge",
            b"getservers",
            b"statusResponse\n",
            b"infoResponse\n",
            b"challengeResponse",
            b"connect \"",
        ],
    )
}

/// A message before a connection: the mark that all of them have.
fn raknet(h: &[u8]) -> bool {
    const MARK: &[u8] = &[
        0, 0xff, 0xff, 0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78,
    ];
    matches!(at(h, 0), 1 | 2 | 5..=8 | 0x11..=0x1d) && has(h, MARK)
}

fn teamviewer(l: &Look<'_>) -> bool {
    let head = |h: &[u8]| matches!(h, [0x17, 0x24, ..] | [0x11, 0x30, ..]);
    if l.udp {
        return l.any(|h| at(h, 0) == 0 && h.get(11..13) == Some(&[0x17, 0x24]));
    }
    l.both(|g| head(g.bytes)) || l.port(5938) && l.any(head)
}
