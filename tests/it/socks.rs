//! SOCKS and CONNECT fed by hand: what goes through the tunnel is found, whichever way it was opened and however it is cut.

use crate::http1::{C, Feeder, S};
use leaktrace::net::{Close, Missing, Side};
use leaktrace::proto::Calls;

type Turn<'a> = (Side, &'a [u8]);

const GET: &[u8] = b"GET /inside HTTP/1.1\r\nHost: far.test\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn play(turns: &[Turn<'_>], cut: usize) -> Calls {
    let mut f = Feeder::new();
    for (side, bytes) in turns {
        for part in bytes.chunks(cut.max(1)) {
            f.send(*side, part);
        }
    }
    f.finish(Close::Fin)
}

fn found(calls: &Calls) -> Vec<String> {
    let text = |b: Option<&[u8]>| String::from_utf8_lossy(b.unwrap_or_default()).into_owned();
    let mut v: Vec<_> = calls.exchanges.iter().collect();
    v.sort_by_key(|x| x.ordinal);
    v.iter()
        .map(|x| {
            let (q, s) = (x.request.as_ref(), x.response.as_ref());
            format!(
                "{} {} {} {}",
                text(q.and_then(|m| m.method())),
                text(q.and_then(|m| m.target())),
                s.and_then(|m| m.status()).unwrap_or(0),
                text(s.map(|m| &m.body.bytes[..])),
            )
        })
        .collect()
}

#[test]
fn http_inside_socks_of_every_version() {
    let name5: &[u8] = b"\x05\x01\x00\x03\x08far.test\x00\x50";
    let yes5: &[u8] = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90";
    let cases: [(&str, Vec<Turn<'_>>); 8] = [
        (
            "5, no authentication, a name",
            vec![
                (C, b"\x05\x01\x00"),
                (S, b"\x05\x00"),
                (C, name5),
                (S, yes5),
                (C, GET),
                (S, OK),
            ],
        ),
        (
            "5, name and password",
            vec![
                (C, b"\x05\x03\x00\x01\x02"),
                (S, b"\x05\x02"),
                (C, b"\x01\x04user\x03pwd"),
                (S, b"\x01\x00"),
                (C, b"\x05\x01\x00\x01\x0a\x01\x02\x03\x00\x50"),
                (S, b"\x05\x00\x00\x03\x05proxy\x1f\x90"),
                (C, GET),
                (S, OK),
            ],
        ),
        (
            "5, IPv6",
            vec![
                (C, b"\x05\x01\x00"),
                (S, b"\x05\x00"),
                (
                    C,
                    b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50",
                ),
                (S, b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                (C, GET),
                (S, OK),
            ],
        ),
        (
            "5, bind: two answers",
            vec![
                (C, b"\x05\x01\x00"),
                (S, b"\x05\x00"),
                (C, b"\x05\x02\x00\x01\x0a\x01\x02\x03\x00\x50"),
                (S, yes5),
                (S, yes5),
                (C, GET),
                (S, OK),
            ],
        ),
        (
            "5, a client that waits for nothing",
            vec![
                (C, b"\x05\x01\x00\x05\x01\x00\x03\x08far.test\x00\x50"),
                (C, GET),
                (S, b"\x05\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90"),
                (S, OK),
            ],
        ),
        (
            "4",
            vec![
                (C, b"\x04\x01\x00\x50\x0a\x01\x02\x03user\0"),
                (S, b"\x00\x5a\x00\x50\x0a\x01\x02\x03"),
                (C, GET),
                (S, OK),
            ],
        ),
        (
            "4a",
            vec![
                (C, b"\x04\x01\x00\x50\0\0\0\x01\0far.test\0"),
                (S, b"\x00\x5a\0\0\0\0\0\0"),
                (C, GET),
                (S, OK),
            ],
        ),
        (
            "5 to another proxy, and CONNECT through that",
            vec![
                (C, b"\x05\x01\x00"),
                (S, b"\x05\x00"),
                (C, name5),
                (S, yes5),
                (
                    C,
                    b"CONNECT next.test:80 HTTP/1.1\r\nHost: next.test\r\n\r\n",
                ),
                (S, b"HTTP/1.1 200 Connection established\r\n\r\n"),
                (C, GET),
                (S, OK),
            ],
        ),
    ];
    for (name, turns) in cases {
        for cut in [1, 2, 5, 1448] {
            let calls = play(&turns, cut);
            let mut want = vec!["GET /inside 200 hi".to_owned()];
            if name.contains("CONNECT") {
                want.insert(0, "CONNECT next.test:80 200 ".to_owned());
            }
            assert_eq!(found(&calls), want, "{name}, cut {cut}");
            assert_eq!(calls.flows[0].app, "socks", "{name}");
            assert_eq!(calls.flows[0].why_opaque, None, "{name}");
        }
    }
}

#[test]
fn what_is_no_tunnel_says_why() {
    let why = |turns: &[Turn<'_>]| {
        let calls = play(turns, 1448);
        assert!(calls.exchanges.is_empty(), "{:?}", found(&calls));
        let f = &calls.flows[0];
        (f.app, f.why_opaque.clone().unwrap_or_default())
    };
    let ask: Turn<'_> = (C, b"\x05\x01\x00\x03\x08far.test\x00\x50");
    let (app, text) = why(&[
        (C, b"\x05\x01\x00"),
        (S, b"\x05\x00"),
        ask,
        (S, b"\x05\x05\x00\x01\0\0\0\0\0\0"),
    ]);
    assert_eq!(
        (app, text.as_str()),
        (
            "socks",
            "SOCKS 5 without a tunnel: the proxy refused with 5"
        )
    );
    let (_, text) = why(&[(C, b"\x05\x02\x00\x02"), (S, b"\x05\xff")]);
    assert!(
        text.ends_with("no way to authenticate was accepted"),
        "{text}"
    );
    let (_, text) = why(&[
        (C, b"\x05\x01\x02"),
        (S, b"\x05\x02"),
        (C, b"\x01\x01a\x01b"),
        (S, b"\x01\x01"),
    ]);
    assert!(text.ends_with("name or password was refused"), "{text}");
    // what goes through is named with where it goes
    let (app, text) = why(&[
        (C, b"\x05\x01\x00"),
        (S, b"\x05\x00"),
        ask,
        (S, b"\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90"),
        (C, b"\x13\x37 something else"),
        (S, b"\x13\x37 indeed"),
    ]);
    assert_eq!(
        (app, text.as_str()),
        (
            "socks",
            "became a tunnel to far.test:80 of an unknown protocol"
        )
    );
    // three bytes that only look like a greeting
    let calls = play(
        &[
            (C, b"\x05\x01\x00"),
            (S, b"\x99\x99\x99"),
            (C, GET),
            (S, OK),
        ],
        1448,
    );
    assert_eq!(found(&calls), ["GET /inside 200 hi"]);
}

#[test]
fn a_handshake_with_a_hole_does_not_hide_what_follows() {
    let turns: [Turn<'_>; 6] = [
        (C, b"\x05\x01\x00"),
        (S, b"\x05\x00"),
        (C, b"\x05\x01\x00\x03\x08far.test\x00\x50"),
        (S, b"\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90"),
        (C, GET),
        (S, OK),
    ];
    for lost in 0..4 {
        let mut f = Feeder::new();
        for (n, (side, bytes)) in turns.iter().enumerate() {
            if n == lost {
                f.gap(*side, bytes.len(), Missing::Lost);
            } else {
                f.send(*side, bytes);
            }
        }
        let calls = f.finish(Close::Fin);
        assert_eq!(found(&calls), ["GET /inside 200 hi"], "{lost}");
    }
}

#[test]
fn connect_in_chains_refused_and_eager() {
    let connect: &[u8] = b"CONNECT far.test:80 HTTP/1.1\r\nHost: far.test:80\r\n\r\n";
    let yes: &[u8] = b"HTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n";
    for cut in [1, 3, 1448] {
        // through two proxies
        let calls = play(
            &[
                (C, connect),
                (S, yes),
                (C, connect),
                (S, yes),
                (C, GET),
                (S, OK),
            ],
            cut,
        );
        assert_eq!(
            found(&calls),
            [
                "CONNECT far.test:80 200 ",
                "CONNECT far.test:80 200 ",
                "GET /inside 200 hi"
            ]
        );
        // refused with a body, then asked again with a name; lengths in a yes mean nothing (RFC 9110 section 9.3.6)
        let calls = play(
            &[
                (C, connect),
                (
                    S,
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nwho?",
                ),
                (C, connect),
                (
                    S,
                    b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\nTransfer-Encoding: chunked\r\n\r\n",
                ),
                (C, GET),
                (S, OK),
            ],
            cut,
        );
        assert_eq!(
            found(&calls),
            [
                "CONNECT far.test:80 407 who?",
                "CONNECT far.test:80 200 ",
                "GET /inside 200 hi"
            ]
        );
        // the client does not wait
        let calls = play(&[(C, &[connect, GET].concat()), (S, yes), (S, OK)], cut);
        assert_eq!(
            found(&calls),
            ["CONNECT far.test:80 200 ", "GET /inside 200 hi"]
        );
        // a tunnel of something that is not HTTP
        let calls = play(
            &[
                (C, connect),
                (S, yes),
                (S, b"220 mail.test ESMTP\r\n"),
                (C, b"EHLO me\r\n"),
            ],
            cut,
        );
        assert_eq!(found(&calls), ["CONNECT far.test:80 200 "]);
        assert_eq!(
            calls.flows[0].why_opaque.as_deref(),
            Some("became a tunnel to far.test:80 of an unknown protocol")
        );
    }
}

#[test]
fn a_header_of_a_load_balancer_stands_before_the_first_request() {
    let two = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x03\xe8\0\x50";
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    let one = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n";
    for header in [&two[..], local, one, b"PROXY UNKNOWN\r\n"] {
        let glued = [header, GET].concat();
        for cut in [1, 7, 1460] {
            let calls = play(&[(C, &glued), (S, OK), (C, GET), (S, OK)], cut);
            assert_eq!(
                found(&calls),
                ["GET /inside 200 hi", "GET /inside 200 hi"],
                "{cut}"
            );
            assert_eq!(calls.flows[0].app, "http");
            assert!(calls.exchanges.iter().all(|x| x.flags.names().is_empty()));
        }
    }
}

#[test]
fn a_request_in_a_mail_is_no_call_wherever_a_segment_begins() {
    for cut in [1460, 1] {
        let calls = play(
            &[
                (S, b"220 a ESMTP\r\n"),
                (C, b"EHLO b\r\n"),
                (S, b"250 ok\r\n"),
                (C, b"DATA\r\n"),
                (S, b"354 go\r\n"),
                (C, GET),
                (C, b".\r\n"),
                (S, b"250 ok\r\n"),
            ],
            cut,
        );
        assert_eq!(found(&calls), Vec::<String>::new(), "{cut}");
        assert_eq!(calls.flows[0].app, "smtp");
    }
}

/// A hole where answers of the proxy stood hides nothing of what went through the tunnel, pipelines neither.
#[test]
fn lost_answers_of_a_proxy_cost_no_call_in_its_tunnel() {
    use crate::http1::{Feeder, briefs};
    use leaktrace::net::{Close, Missing};
    let ask4 = b"\x04\x01\0\x50\x01\x02\x03\x04u\0";
    let ask5 = b"\x05\x01\0\x03\x06a.test\0\x50";
    let (yes4, yes5) = (b"\0\x5a\0\0\0\0\0\0", b"\x05\0\0\x01\0\0\0\0\0\0");
    // what is lost of the proxy's answers, before or behind what the client sends through
    for (version, lost) in [(4, 0), (4, 1), (5, 0), (5, 1), (5, 2), (5, 3)] {
        for late in [true, false] {
            let mut f = Feeder::new();
            let answers: &[&[u8]] = if version == 4 {
                f.send(C, ask4);
                &[yes4]
            } else {
                f.send(C, b"\x05\x01\0");
                &[b"\x05\0", yes5]
            };
            let mut hole = 0;
            for (n, a) in answers.iter().enumerate() {
                if lost >> n & 1 == 0 {
                    if hole > 0 {
                        f.gap(S, hole, Missing::Lost);
                    }
                    hole = 0;
                    f.send(S, a);
                } else {
                    hole += a.len();
                }
                if version == 5 && n == 0 {
                    f.send(C, ask5);
                }
            }
            if late {
                f.sent[1] += hole as u64;
            } else if hole > 0 {
                f.gap(S, hole, Missing::Lost);
            }
            f.send(C, &[GET, GET].concat());
            if late && hole > 0 {
                f.sent[1] -= hole as u64;
                f.gap(S, hole, Missing::Lost);
            }
            f.send(S, &[OK, OK].concat());
            f.send(C, GET);
            f.send(S, OK);
            let got = briefs(&f.finish(Close::Fin).exchanges);
            assert_eq!(got.len(), 3, "{version} {lost} {late}: {got:#?}");
            for g in &got {
                let whole = g.starts_with("GET /inside 1.1 [] -> 200 1.1 [hi]");
                assert!(whole, "{version} {lost} {late}: {got:#?}");
            }
        }
    }
}

#[test]
fn lost_halves_of_a_connect_cost_no_call_in_its_tunnel() {
    use crate::http1::{Feeder, briefs};
    use leaktrace::net::{Close, Missing};
    let connect = b"CONNECT far.test:80 HTTP/1.1\r\nHost: far.test:80\r\n\r\n";
    let yes = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let odd = b"HTTP/1.1 200 Connection Established\r\nContent-Length: 900\r\n\r\n";
    // its request, captured nowhere
    let mut got = Vec::new();
    for yes in [&yes[..], odd] {
        let mut f = Feeder::new();
        f.gap(C, connect.len(), Missing::Lost);
        f.send(S, yes);
        for _ in 0..2 {
            f.send(C, GET);
            f.send(S, OK);
        }
        got = briefs(&f.finish(Close::Fin).exchanges);
        assert_eq!(got.len(), 3, "{got:#?}");
        assert!(got[0].starts_with("- -> 200 1.1 []"), "{got:#?}");
    }
    assert!(
        got[1..]
            .iter()
            .all(|g| g.starts_with("GET /inside 1.1 [] -> 200")),
        "{got:#?}"
    );
    // its answer, behind the end of what the client sent
    let mut f = Feeder::new();
    f.send(C, connect);
    f.sent[1] += yes.len() as u64;
    f.send(C, GET);
    f.fin(C);
    f.sent[1] -= yes.len() as u64;
    f.gap(S, yes.len(), Missing::Lost);
    f.send(S, OK);
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got.len(), 2, "{got:#?}");
    assert!(
        got[0].starts_with("CONNECT far.test:80 1.1 [] -> -"),
        "{got:#?}"
    );
    assert!(got[1].starts_with("GET /inside 1.1 [] -> 200"), "{got:#?}");
}
