//! WebSocket fed by hand: frames written out as the RFC has them, in every cut, with every loss.

use crate::http1::{C, Feeder, S};
use flate2::{Compress, Compression, FlushCompress};
use leaktrace::call::model::{Exchange, Flags, Proto};
use leaktrace::net::{Close, Missing, Side};
use leaktrace::proto::Calls;

const ASK: &[u8] = b"GET /chat?token=abc HTTP/1.1\r\nHost: ws.test\r\nUser-Agent: ua/1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

pub fn accept(extensions: &str) -> Vec<u8> {
    let ext = if extensions.is_empty() {
        String::new()
    } else {
        format!("Sec-WebSocket-Extensions: {extensions}\r\n")
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{ext}\r\n"
    )
    .into_bytes()
}

/// A frame: first byte as it is, masked where the client sends it.
pub fn frame(side: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let bit = if side == C { 0x80 } else { 0 };
    match payload.len() {
        n @ 0..126 => out.push(bit | n as u8),
        n @ 126..0x1_0000 => {
            out.push(bit | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(bit | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    if side == C {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        out.extend_from_slice(&key);
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    } else {
        out.extend_from_slice(payload);
    }
    out
}

/// A permessage-deflate sender.
pub struct Deflate(Compress, bool);

impl Deflate {
    pub fn new(takeover: bool) -> Deflate {
        Deflate(Compress::new(Compression::default(), false), takeover)
    }
    pub fn message(&mut self, b: &[u8]) -> Vec<u8> {
        if !self.1 {
            self.0.reset();
        }
        let mut out = Vec::with_capacity(b.len() + 1024);
        self.0
            .compress_vec(b, &mut out, FlushCompress::Sync)
            .unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    }
}

/// A message as a test compares it: `SEND text`, with the names of its flags.
pub fn brief(x: &Exchange) -> String {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    if x.proto != Some(Proto::Ws) {
        let status = x.response.as_ref().and_then(|m| m.status()).unwrap_or(0);
        let target = x.request.as_ref().and_then(|m| m.target());
        return format!("{} {status}", text(target.unwrap_or_default()));
    }
    let (word, m) = match (&x.request, &x.response) {
        (Some(m), None) => ("SEND", m),
        (None, Some(m)) => ("RECV", m),
        _ => panic!("one half: {x:?}"),
    };
    let mut s = format!("{word} {}", text(&m.body.bytes));
    if !m.body.complete {
        s.push_str(" (cut)");
    }
    for f in x.flags.names() {
        s.push(' ');
        s.push_str(f);
    }
    s
}

pub fn briefs(calls: &Calls) -> Vec<String> {
    let mut v: Vec<&Exchange> = calls.exchanges.iter().collect();
    v.sort_by_key(|x| x.ordinal);
    v.into_iter().map(brief).collect()
}

type Turn = (Side, Vec<u8>);

fn play(turns: &[Turn], cut: usize, close: Close) -> Calls {
    let mut f = Feeder::new();
    for (side, bytes) in turns {
        for part in bytes.chunks(cut.max(1)) {
            f.send(*side, part);
        }
    }
    f.finish(close)
}

fn opened(extensions: &str, more: Vec<Turn>) -> Vec<Turn> {
    let mut t = vec![(C, ASK.to_vec()), (S, accept(extensions))];
    t.extend(more);
    t
}

/// Name, conversation after the upgrade, what was agreed, messages expected.
fn golden() -> Vec<(&'static str, &'static str, Vec<Turn>, Vec<&'static str>)> {
    let mut both = Deflate::new(true);
    let hello = [
        (S, frame(S, 0xc1, &both.message(b"Hello"))),
        (S, frame(S, 0xc1, &both.message(b"Hello"))),
    ];
    let mut fresh = Deflate::new(false);
    let split = Deflate::new(true).message(b"fragmented and deflated, deflated and fragmented");
    let (a, b) = split.split_at(7);
    vec![
        (
            "vectors of RFC 6455 section 5.7",
            "",
            vec![
                (S, b"\x81\x05\x48\x65\x6c\x6c\x6f".to_vec()),
                (C, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec()),
                (S, b"\x01\x03\x48\x65\x6c".to_vec()),
                (S, b"\x80\x02\x6c\x6f".to_vec()),
                (S, b"\x89\x05\x48\x65\x6c\x6c\x6f".to_vec()),
                (C, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec()),
            ],
            vec!["RECV Hello", "SEND Hello", "RECV Hello"],
        ),
        (
            "control frames between fragments, of both sides",
            "",
            vec![
                (C, frame(C, 0x01, b"one ")),
                (C, frame(C, 0x89, b"ping")),
                (S, frame(S, 0x8a, b"ping")),
                (C, frame(C, 0x00, b"two ")),
                (C, frame(C, 0x8a, b"")),
                (C, frame(C, 0x80, b"three")),
                (S, frame(S, 0x82, b"\x00\x01")),
                (S, frame(S, 0x81, b"")),
                (C, frame(C, 0x88, &[0x03, 0xe8])),
                (S, frame(S, 0x88, &[0x03, 0xe8])),
            ],
            vec!["SEND one two three", "RECV \0\u{1}", "RECV "],
        ),
        (
            "the window goes on",
            "permessage-deflate",
            hello.to_vec(),
            vec!["RECV Hello", "RECV Hello"],
        ),
        (
            "no window goes on; an uncompressed message between; empty ones",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
            vec![
                (S, frame(S, 0xc1, &fresh.message(b"aaaaaaaaaaaaaaaa"))),
                (S, frame(S, 0x81, b"plain")),
                (S, frame(S, 0xc1, &fresh.message(b"aaaaaaaaaaaaaaaa"))),
                (C, frame(C, 0xc1, &fresh.message(b"bbbbbbbbbbbbbbbb"))),
                (S, frame(S, 0xc1, &[0])),
            ],
            vec![
                "RECV aaaaaaaaaaaaaaaa",
                "RECV plain",
                "RECV aaaaaaaaaaaaaaaa",
                "SEND bbbbbbbbbbbbbbbb",
                "RECV ",
            ],
        ),
        (
            "deflated and fragmented",
            "permessage-deflate",
            vec![
                (S, frame(S, 0x41, a)),
                (S, frame(S, 0x89, b"")),
                (S, frame(S, 0x80, b)),
            ],
            vec!["RECV fragmented and deflated, deflated and fragmented"],
        ),
        (
            "reserved bits and opcodes, wrong masks, wrong order",
            "",
            vec![
                (S, frame(S, 0xc1, b"rsv1")),
                (S, frame(S, 0xa1, b"rsv2")),
                (S, frame(S, 0x83, b"op3")),
                (S, frame(C, 0x81, b"masked")),
                (C, frame(S, 0x81, b"bare")),
                (C, frame(C, 0x80, b"of what")),
                (C, frame(C, 0x01, b"never ends")),
                (C, frame(C, 0x81, b"begins")),
                (S, frame(S, 0x8b, b"opB")),
                (S, b"\x81\x7e\x00\x04long".to_vec()),
                (S, frame(S, 0x81, b"\xff\xfe")),
                (S, frame(S, 0x81, b"good")),
                (S, frame(S, 0x88, b"")),
                (S, frame(S, 0x81, b"after the end")),
            ],
            vec![
                "RECV rsv1 bad-framing",
                "RECV rsv2 bad-framing",
                "RECV op3 bad-framing",
                "RECV masked bad-framing",
                "SEND bare bad-framing",
                "SEND of what bad-framing",
                "SEND never ends (cut) bad-framing",
                "SEND begins bad-framing",
                "RECV long bad-framing",
                "RECV \u{fffd}\u{fffd} bad-framing",
                "RECV good",
                "RECV after the end bad-framing",
            ],
        ),
    ]
}

#[test]
fn conversations_in_every_cut() {
    for (name, ext, turns, want) in golden() {
        let turns = opened(ext, turns);
        for cut in [1, 2, 3, 5, 7, 1448] {
            let calls = play(&turns, cut, Close::Fin);
            let mut all = vec!["/chat?token=abc 101".to_owned()];
            all.extend(want.iter().map(|w| (*w).to_owned()));
            assert_eq!(briefs(&calls), all, "{name}, cut {cut}");
            for x in calls.exchanges.iter().skip(1) {
                assert_eq!(
                    (x.parent, x.done, x.proto),
                    (Some(0), true, Some(Proto::Ws))
                );
                let context = x.context.as_ref().unwrap();
                assert_eq!(context.target(), Some(&b"/chat?token=abc"[..]));
            }
            assert!(calls.exchanges[0].flags.has(Flags::UPGRADED));
            assert_eq!(calls.flows[0].calls, want.len() as u64 + 1);
            assert_eq!(calls.flows[0].why_opaque, None, "{name}");
        }
    }
}

#[test]
fn a_ping_glued_to_the_answer_and_frames_that_came_before_it() {
    let mut answer = accept("");
    answer.extend(frame(S, 0x89, b"now"));
    answer.extend(frame(S, 0x81, b"welcome"));
    let mut ask = ASK.to_vec();
    // a client that does not wait: kept until the answer is there
    ask.extend(frame(C, 0x81, b"eager"));
    for cut in [1, 4, 9, 1448] {
        let calls = play(&[(C, ask.clone()), (S, answer.clone())], cut, Close::Fin);
        let mut got = briefs(&calls);
        got.sort();
        assert_eq!(
            got,
            ["/chat?token=abc 101", "RECV welcome", "SEND eager"],
            "{cut}"
        );
    }
}

#[test]
fn large_frames_and_what_is_cut_at_the_end() {
    let big: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let mid = vec![b'm'; 70_000];
    let turns = opened(
        "",
        vec![
            (C, frame(C, 0x82, &big)),
            (S, frame(S, 0x81, &mid)),
            (S, frame(S, 0x81, &mid)[..500].to_vec()),
            (C, frame(C, 0x01, b"unfinished")),
        ],
    );
    let calls = play(&turns, 1448, Close::End);
    let x: Vec<_> = calls
        .exchanges
        .iter()
        .filter(|x| x.proto.is_some())
        .collect();
    assert_eq!(x[0].request.as_ref().unwrap().body.bytes, big);
    assert_eq!(x[1].response.as_ref().unwrap().body.bytes, mid);
    let mut cut: Vec<String> = x[2..].iter().map(|x| brief(x)).collect();
    cut.sort();
    assert_eq!(cut[1], "SEND unfinished (cut) truncated");
    assert!(cut[0].ends_with("m (cut) truncated"));
}

/// The same conversation with one segment of the upgraded part missing.
fn lost(turns: &[Turn], at: usize, part: std::ops::Range<usize>, why: Missing) -> Calls {
    let mut f = Feeder::new();
    for (n, (side, bytes)) in turns.iter().enumerate() {
        if n != at {
            f.send(*side, bytes);
            continue;
        }
        if part.start > 0 {
            f.send(*side, &bytes[..part.start]);
        }
        f.gap(*side, part.len(), why);
        if part.end < bytes.len() {
            f.send(*side, &bytes[part.end..]);
        }
    }
    f.finish(Close::Fin)
}

#[test]
fn whatever_is_lost_the_next_message_is_right() {
    let text = |n: usize| format!("{{\"n\":{n},\"phone\":\"1380013{n:04}\"}}");
    let turns = opened(
        "",
        (0..6)
            .flat_map(|n| {
                [
                    (C, frame(C, 0x81, text(n).as_bytes())),
                    (S, frame(S, 0x81, text(n + 100).as_bytes())),
                ]
            })
            .collect(),
    );
    let whole = briefs(&play(&turns, 9000, Close::Fin));
    for at in 2..turns.len() {
        let len = turns[at].1.len();
        for part in [0..len, 0..1, 1..3, 8..12, 12..len, 20..21, len - 1..len] {
            let calls = lost(&turns, at, part.clone(), Missing::Lost);
            let got = briefs(&calls);
            // the message that was hit may be gone, or is flagged; no other changes
            let hit = &whole[at - 1];
            for b in whole.iter().filter(|b| *b != hit) {
                assert!(got.contains(b), "{b} after {at} {part:?}: {got:#?}");
            }
            assert!(
                got.iter()
                    .filter(|b| !whole.contains(b))
                    .all(|b| b.contains(" gap")),
                "{at} {part:?}: {got:#?}"
            );
            assert!(!got.contains(hit), "{at} {part:?}");
            if part.start >= 12 {
                let prefix = &hit[..5 + 4];
                assert!(
                    got.iter()
                        .any(|b| b.starts_with(prefix) && b.ends_with("gap"))
                );
            }
        }
    }
}

/// Whose messages they are, and of which interface, stood in the request: without it, or without its end, nobody can tell.
#[test]
fn messages_behind_a_lost_request_say_so() {
    let turns = opened(
        "",
        vec![
            (S, frame(S, 0x81, b"{\"hello\":1}")),
            (C, frame(C, 0x81, b"{\"get\":\"orders\"}")),
            (S, frame(S, 0x81, b"{\"orders\":[]}")),
        ],
    );
    let len = turns[0].1.len();
    for part in [0..len, 0..20, len - 30..len - 10] {
        let got = briefs(&lost(&turns, 0, part.clone(), Missing::Lost));
        let messages: Vec<_> = got
            .iter()
            .filter(|b| b.starts_with("SEND") || b.starts_with("RECV"))
            .collect();
        assert!(messages.len() >= 2, "{part:?}: {got:#?}");
        // the first of the server may come before anything of the client did
        assert!(
            messages[1..]
                .iter()
                .all(|b| b.ends_with(" partial-headers")),
            "{part:?}: {got:#?}"
        );
    }
}

#[test]
fn a_lost_answer_does_not_hide_the_messages() {
    let turns = opened(
        "",
        vec![
            (S, frame(S, 0x81, b"{\"hello\":1}")),
            (C, frame(C, 0x81, b"{\"get\":\"orders\"}")),
            (S, frame(S, 0x81, b"{\"orders\":[]}")),
        ],
    );
    let len = turns[1].1.len();
    for part in [0..len, 0..20, 30..60, len - 3..len] {
        let got = briefs(&lost(&turns, 1, part.clone(), Missing::Lost));
        assert!(
            got.contains(&"SEND {\"get\":\"orders\"}".to_owned())
                && got.contains(&"RECV {\"orders\":[]}".to_owned()),
            "{part:?}: {got:#?}"
        );
    }
}

#[test]
fn a_lost_window_is_said_and_never_guessed() {
    let text = |n: usize| format!("{{\"customer\":{},\"phone\":\"1380013{n:04}\"}}", n * 7919);
    let mut d = Deflate::new(true);
    let mut turns: Vec<Turn> = (0..8)
        .map(|n| (S, frame(S, 0xc1, &d.message(text(n).as_bytes()))))
        .collect();
    turns.push((S, frame(S, 0x81, b"uncompressed")));
    let turns = opened("permessage-deflate", turns);
    let len = turns[4].1.len();
    for part in [0..len, 3..4, len - 1..len] {
        let calls = lost(&turns, 4, part.clone(), Missing::Lost);
        let got = briefs(&calls);
        for n in 0..2 {
            assert!(
                got.contains(&format!("RECV {}", text(n))),
                "{part:?} {got:#?}"
            );
        }
        assert!(got.contains(&"RECV uncompressed".to_owned()));
        for n in 3..8 {
            // refused and flagged, or right
            let right = got.contains(&format!("RECV {}", text(n)));
            let flagged = got
                .iter()
                .filter(|b| b.contains("(cut)") && b.contains("gap"))
                .count();
            assert!(right || flagged >= 5, "{n} {part:?} {got:#?}");
        }
        for b in got.iter().skip(1).filter(|b| !b.contains("(cut)")) {
            let ok = (0..8).any(|n| *b == format!("RECV {}", text(n)));
            assert!(ok || b == "RECV uncompressed", "{b}");
        }
        assert!(
            calls
                .diags
                .keys()
                .any(|(_, code)| *code == "ws-window-lost")
        );
    }
    // without takeover only the message that was hit is lost
    let mut d = Deflate::new(false);
    let turns: Vec<Turn> = (0..8)
        .map(|n| (S, frame(S, 0xc1, &d.message(text(n).as_bytes()))))
        .collect();
    let turns = opened("permessage-deflate; server_no_context_takeover", turns);
    let got = briefs(&lost(&turns, 4, 5..6, Missing::Lost));
    for n in (0..8).filter(|n| *n != 2) {
        assert!(got.contains(&format!("RECV {}", text(n))), "{n} {got:#?}");
    }
}

#[test]
fn bombs_stop_and_bad_deflate_is_flagged() {
    let mut d = Deflate::new(true);
    let zeros = vec![0u8; 128 << 20];
    let bomb = d.message(&zeros);
    assert!(bomb.len() < 300_000);
    let turns = opened(
        "permessage-deflate",
        vec![
            (S, frame(S, 0xc2, &bomb)),
            (S, frame(S, 0x81, b"next")),
            (C, frame(C, 0xc1, &[0xff, 0xff, 0xff, 0xff])),
            (C, frame(C, 0x81, b"also")),
        ],
    );
    let calls = play(&turns, 60_000, Close::Fin);
    let m = calls.exchanges[1].response.as_ref().unwrap();
    assert!(m.body.len <= 128 << 20 && m.body.bytes.len() <= 64 << 20);
    assert!(!m.body.complete && m.flags.has(Flags::TRUNCATED));
    assert!(calls.diags.contains_key(&(0, "ws-bomb")));
    let got = briefs(&calls);
    assert_eq!(got[2], "RECV next");
    assert!(
        got[3].contains("bad-framing") && got[3].contains("(cut)"),
        "{}",
        got[3]
    );
    assert_eq!(got[4], "SEND also");
}

#[test]
fn joined_in_the_middle() {
    let turns: Vec<Turn> = vec![
        (C, frame(C, 0x81, b"{\"cmd\":\"list\",\"page\":1}")),
        (
            S,
            frame(S, 0x81, b"{\"rows\":[{\"phone\":\"13800138000\"}]}"),
        ),
        (C, frame(C, 0x89, b"p")),
        (C, frame(C, 0x81, b"x")),
    ];
    for cut in [1, 3, 1448] {
        let calls = play(&turns, cut, Close::End);
        assert_eq!(
            briefs(&calls),
            [
                "SEND {\"cmd\":\"list\",\"page\":1}",
                "RECV {\"rows\":[{\"phone\":\"13800138000\"}]}",
                "SEND x"
            ],
            "{cut}"
        );
        assert!(calls.exchanges.iter().all(|x| x.parent.is_none()));
        assert_eq!(calls.flows[0].app, "websocket");
    }
    // compressed messages whose window began before: said, not guessed
    let mut d = Deflate::new(true);
    d.message(b"{\"rows\":[{\"phone\":\"13800138000\"}]}");
    let turns = vec![
        (
            S,
            frame(S, 0x81, b"{\"rows\":[{\"phone\":\"13800138000\"}]}"),
        ),
        (
            S,
            frame(
                S,
                0xc1,
                &d.message(b"{\"rows\":[{\"phone\":\"13800138000\"}]}"),
            ),
        ),
    ];
    let got = briefs(&play(&turns, 1448, Close::End));
    assert!(
        got[1].contains("(cut)") && got[1].contains("gap"),
        "{got:?}"
    );
    // other protocols are not taken for it
    for (a, b) in [
        (&b"\x81\x05hello"[..], &b"\x82\x03abc"[..]),
        (b"\x01\x02\x03\x04\x05\x06", b"\x81\x80\x00\x00"),
    ] {
        let calls = play(&[(C, a.to_vec()), (S, b.to_vec())], 1448, Close::Fin);
        assert!(calls.exchanges.is_empty(), "{:?}", briefs(&calls));
    }
}

#[test]
fn one_direction_alone() {
    let calls = [
        frame(C, 0x81, b"{\"get\":\"orders\"}"),
        frame(C, 0x82, &[7; 3000]),
        frame(C, 0x81, b"{\"get\":\"customers\"}"),
    ];
    let sent: Vec<Turn> = std::iter::once((C, ASK.to_vec()))
        .chain(calls.iter().map(|b| (C, b.clone())))
        .collect();
    let got = briefs(&play(&sent, 1448, Close::Fin));
    assert_eq!(got[0], "/chat?token=abc 0");
    assert_eq!(got[1], "SEND {\"get\":\"orders\"}");
    assert_eq!(got[3], "SEND {\"get\":\"customers\"}");
    // more than is kept while it is undecided
    let many: Vec<Turn> = std::iter::once((C, ASK.to_vec()))
        .chain((0..60).flat_map(|_| calls.iter().map(|b| (C, b.clone()))))
        .collect();
    assert_eq!(play(&many, 1448, Close::End).exchanges.len(), 181);
    // the server's side alone
    let turns = vec![
        (S, accept("")),
        (S, frame(S, 0x81, b"a")),
        (S, frame(S, 0x81, b"b")),
    ];
    let calls = play(&turns, 1448, Close::Fin);
    let got = briefs(&calls);
    assert_eq!(got, [" 101", "RECV a", "RECV b"]);
    assert_eq!(calls.exchanges[1].parent, Some(0));
    // a request that is refused stays a request, and so do those behind it
    let turns = vec![
        (C, ASK.to_vec()),
        (
            S,
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_vec(),
        ),
        (C, b"GET /next HTTP/1.1\r\nHost: ws.test\r\n\r\n".to_vec()),
        (S, b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
    ];
    assert_eq!(
        briefs(&play(&turns, 1448, Close::Fin)),
        ["/chat?token=abc 403", "/next 204"]
    );
}
