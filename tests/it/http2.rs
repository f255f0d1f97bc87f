//! HTTP/2 fed by hand: every kind of frame, in every cut, from every side. What is lost is in http2_loss.

use crate::http1::{C, Feeder, S, Turn, briefs, play};
use crate::support::h2::*;
use leaktrace::call::model::{Flags, Message};
use leaktrace::net::{Close, Missing, Side};

/// What was sent, in order.
pub type Sent = Vec<(Side, Vec<u8>)>;

/// Name, conversation, expected briefs. Ended by FIN.
fn golden() -> Vec<(&'static str, Sent, Vec<&'static str>)> {
    let all = END_STREAM | END_HEADERS;
    let two = get("/long");
    vec![
        (
            "two interleaved",
            vec![
                (C, client()),
                (S, server()),
                (
                    C,
                    [
                        frame(HEADERS, all, 1, &get("/a")),
                        frame(
                            HEADERS,
                            END_HEADERS,
                            3,
                            &plain(&[(":method", "POST"), (":path", "/b"), (":authority", "h")]),
                        ),
                    ]
                    .concat(),
                ),
                (
                    C,
                    [
                        frame(DATA, 0, 3, b"hel"),
                        frame(PING, 0, 0, &[7; 8]),
                        frame(DATA, END_STREAM, 3, b"lo"),
                    ]
                    .concat(),
                ),
                (
                    S,
                    frame(HEADERS, END_HEADERS, 3, &plain(&[(":status", "201")])),
                ),
                (
                    S,
                    frame(HEADERS, END_HEADERS, 1, &plain(&[(":status", "200")])),
                ),
                (
                    S,
                    [
                        frame(DATA, 0, 1, b"on"),
                        frame(DATA, END_STREAM, 3, b"created"),
                        frame(WINDOW, 0, 0, &[0, 0, 1, 0]),
                        frame(DATA, END_STREAM, 1, b"e"),
                    ]
                    .concat(),
                ),
            ],
            vec![
                "GET /a 2.0 [] -> 200 2.0 [one] [] []",
                "POST /b 2.0 [hello] -> 201 2.0 [created] [] []",
            ],
        ),
        (
            "padding, priority, continuation, an unknown frame",
            vec![
                (C, client()),
                (C, {
                    let mut p = vec![3, 0, 0, 0, 0, 15];
                    p.extend(&two[..5]);
                    p.extend([0; 3]);
                    [
                        frame(HEADERS, END_STREAM | 8 | 0x20, 1, &p),
                        frame(CONTINUATION, 0, 1, &two[5..9]),
                        frame(CONTINUATION, END_HEADERS, 1, &two[9..]),
                    ]
                    .concat()
                }),
                (S, [server(), frame(0xbe, 0xff, 7, b"whatever")].concat()),
                (
                    S,
                    [
                        frame(HEADERS, END_HEADERS, 1, &plain(&[(":status", "200")])),
                        padded(DATA, 0, 1, b"pad", 9),
                        padded(DATA, 0, 1, b"", 0),
                        padded(DATA, END_STREAM, 1, b"ded", 255),
                    ]
                    .concat(),
                ),
            ],
            vec!["GET /long 2.0 [] -> 200 2.0 [padded] [] []"],
        ),
        (
            "interim, HEAD, 204, trailers alone",
            vec![
                (C, client()),
                (S, server()),
                (
                    C,
                    [
                        frame(
                            HEADERS,
                            all,
                            1,
                            &plain(&[(":method", "HEAD"), (":path", "/h"), (":authority", "h")]),
                        ),
                        frame(HEADERS, all, 3, &get("/n")),
                        frame(HEADERS, all, 5, &get("/e")),
                    ]
                    .concat(),
                ),
                (
                    S,
                    frame(
                        HEADERS,
                        END_HEADERS,
                        1,
                        &plain(&[(":status", "103"), ("link", "</x>")]),
                    ),
                ),
                (
                    S,
                    frame(
                        HEADERS,
                        all,
                        1,
                        &plain(&[(":status", "200"), ("content-length", "99")]),
                    ),
                ),
                (S, frame(HEADERS, all, 3, &plain(&[(":status", "204")]))),
                (
                    S,
                    frame(
                        HEADERS,
                        all,
                        5,
                        &plain(&[(":status", "200"), ("grpc-status", "7")]),
                    ),
                ),
            ],
            vec![
                "HEAD /h 2.0 [] -> 200 2.0 [] [103] []",
                "GET /n 2.0 [] -> 204 2.0 [] [] []",
                "GET /e 2.0 [] -> 200 2.0 [] [] []",
            ],
        ),
        (
            "a push",
            vec![
                (C, client()),
                (S, server()),
                (C, frame(HEADERS, all, 1, &get("/page"))),
                (
                    S,
                    frame(
                        PUSH,
                        END_HEADERS,
                        1,
                        &[&[0, 0, 0, 2][..], &get("/style")].concat(),
                    ),
                ),
                (S, [ok(1, "page"), ok(2, "style")].concat()),
            ],
            vec![
                "GET /page 2.0 [] -> 200 2.0 [page] [] []",
                "GET /style 2.0 [] -> 200 2.0 [style] [] []",
            ],
        ),
        (
            "reset by either side, and streams refused",
            vec![
                (C, client()),
                (S, server()),
                (
                    C,
                    [
                        frame(HEADERS, all, 1, &get("/a")),
                        frame(
                            HEADERS,
                            END_HEADERS,
                            3,
                            &plain(&[(":method", "POST"), (":path", "/b")]),
                        ),
                        frame(HEADERS, all, 5, &get("/c")),
                    ]
                    .concat(),
                ),
                (
                    S,
                    frame(HEADERS, END_HEADERS, 1, &plain(&[(":status", "200")])),
                ),
                (S, frame(DATA, 0, 1, b"half")),
                (C, frame(RST, 0, 1, &[0, 0, 0, 8])),
                (S, frame(DATA, 0, 1, b" more")),
                (
                    S,
                    [
                        frame(RST, 0, 3, &[0, 0, 0, 7]),
                        frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]),
                    ]
                    .concat(),
                ),
            ],
            vec![
                "GET /a 2.0 [] -> 200 2.0 [half more] [] [\"truncated\"]",
                "POST /b 2.0 [] -> - [] [\"truncated\", \"no-response\"]",
                "GET /c 2.0 [] -> - [] [\"no-response\"]",
            ],
        ),
        (
            "the response was captured first",
            vec![
                (C, client()),
                (S, server()),
                (S, ok(1, "early")),
                (C, frame(HEADERS, all, 1, &get("/late"))),
                (C, frame(HEADERS, all, 3, &get("/next"))),
                (S, ok(3, "next")),
            ],
            vec![
                "GET /late 2.0 [] -> 200 2.0 [early] [] []",
                "GET /next 2.0 [] -> 200 2.0 [next] [] []",
            ],
        ),
        (
            "a tunnel",
            vec![
                (C, client()),
                (S, server()),
                (
                    C,
                    frame(
                        HEADERS,
                        END_HEADERS,
                        1,
                        &plain(&[(":method", "CONNECT"), (":authority", "far:22")]),
                    ),
                ),
                (
                    S,
                    frame(HEADERS, END_HEADERS, 1, &plain(&[(":status", "200")])),
                ),
                (C, frame(DATA, END_STREAM, 1, b"there")),
                (S, frame(DATA, END_STREAM, 1, b"back")),
            ],
            vec!["CONNECT far:22 2.0 [there] -> 200 2.0 [back] [] [\"upgraded\"]"],
        ),
    ]
}

pub fn turns<'a>(v: &'a [(Side, Vec<u8>)]) -> Vec<Turn<'a>> {
    v.iter().map(|(s, b)| (*s, b.as_slice())).collect()
}

#[test]
fn conversations_in_every_cut() {
    for (name, conversation, want) in golden() {
        for cut in [usize::MAX, 1, 2, 3, 7, 9, 16, 33] {
            let got = briefs(&play(&turns(&conversation), cut, Close::Fin));
            assert_eq!(got, want, "{name} in cuts of {cut}");
        }
    }
}

#[test]
fn the_client_may_be_either_side() {
    for (name, conversation, want) in golden() {
        let swapped: Vec<_> = conversation
            .iter()
            .map(|(s, b)| (s.other(), b.clone()))
            .collect();
        let got = play(&turns(&swapped), 50, Close::Fin);
        assert!(got.iter().all(|x| x.client.1 == 8080), "{name}");
        assert_eq!(briefs(&got), want, "{name}");
    }
}

pub fn field(m: &Message, name: &str) -> Option<String> {
    m.header(name)
        .map(|v| String::from_utf8_lossy(v).into_owned())
}

#[test]
fn heads_are_text_that_no_value_can_forge() {
    let block = plain(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "real"),
        (":path", "/a b"),
        ("host", "other"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x", "1\r\nauthorization: forged\n\0"),
        ("y\r\nz: 1", "v"),
        (" fold", "v"),
        ("", "none"),
    ]);
    let conversation = [
        (C, client()),
        (S, server()),
        (C, frame(HEADERS, 5, 1, &block)),
        (S, ok(1, "")),
    ];
    let got = play(&turns(&conversation), usize::MAX, Close::Fin);
    let m = got[0].request.as_ref().unwrap();
    assert!(got[0].flags.has(Flags::BAD_FRAMING));
    let text = String::from_utf8_lossy(&m.head);
    assert_eq!(
        text,
        "GET /a b HTTP/2\r\nhost: real\r\n:scheme: http\r\nhost: other\r\ncookie: a=1\r\ncookie: b=2\r\n\
         x: 1\\x0D\\x0Aauthorization: forged\\x0A\\x00\r\ny\\x0D\\x0Az\\x3A\\x201: v\r\n\\x20fold: v\r\n: none\r\n"
    );
    assert_eq!(m.target(), Some(&b"/a b"[..]));
    assert_eq!(field(m, "host").unwrap(), "real");
    assert_eq!(field(m, "authorization"), None);
    assert_eq!(m.header_all("cookie").count(), 2);
    let shown = leaktrace::case::heads::decode(&leaktrace::case::heads::encode(
        &got[0],
        &Default::default(),
        0,
    ))
    .request
    .unwrap();
    let names: Vec<String> = shown.headers().into_iter().map(|h| h.0).collect();
    assert_eq!(
        names,
        [
            "host",
            ":scheme",
            "host",
            "cookie",
            "cookie",
            "x",
            "y\\x0D\\x0Az\\x3A\\x201",
            "\\x20fold",
            ""
        ]
    );
}

#[test]
fn trailers_and_pushes_are_told() {
    let conversation = [
        (C, client()),
        (S, server()),
        (C, frame(HEADERS, 5, 1, &get("/a"))),
        (
            S,
            frame(
                PUSH,
                END_HEADERS,
                1,
                &[&[0, 0, 0, 2][..], &get("/p")].concat(),
            ),
        ),
        (
            S,
            [
                frame(HEADERS, 4, 1, &plain(&[(":status", "200")])),
                frame(DATA, 0, 1, b"x"),
                frame(
                    HEADERS,
                    5,
                    1,
                    &plain(&[("grpc-status", "0"), ("grpc-message", "a\r\nb: c")]),
                ),
            ]
            .concat(),
        ),
        (S, ok(2, "p")),
    ];
    let got = play(&turns(&conversation), 10, Close::Fin);
    let find = |t: &str| {
        got.iter()
            .find(|x| x.request.as_ref().unwrap().target() == Some(t.as_bytes()))
            .unwrap()
    };
    let a = find("/a");
    assert_eq!(
        a.response.as_ref().unwrap().trailers,
        b"grpc-status: 0\r\ngrpc-message: a\\x0D\\x0Ab: c\r\n"
    );
    assert_eq!((find("/p").parent, a.parent), (Some(a.ordinal), None));
}

#[test]
fn an_upgrade_is_one_call_with_the_answer_of_stream_one() {
    let ask = b"POST /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 2\r\n\r\nhi";
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let early = client();
    for cut in [usize::MAX, 1, 30] {
        for held in [false, true] {
            let mut v: Vec<(Side, Vec<u8>)> = vec![(C, ask.to_vec())];
            if held {
                v.push((C, early.clone()));
            }
            v.push((S, [&switch[..], &server(), &ok(1, "up")].concat()));
            if !held {
                v.push((C, early.clone()));
            }
            v.push((C, frame(HEADERS, 5, 3, &get("/next"))));
            v.push((S, ok(3, "next")));
            let got = play(&turns(&v), cut, Close::Fin);
            assert_eq!(
                briefs(&got),
                [
                    "POST /up 1.1 [hi] -> 200 2.0 [up] [101] [\"upgraded\"]",
                    "GET /next 2.0 [] -> 200 2.0 [next] [] []"
                ],
                "{cut} {held}"
            );
        }
    }
    // no answer on stream 1: the 101 is what was captured
    let v = [(C, ask.to_vec()), (S, switch.to_vec()), (C, early)];
    assert_eq!(
        briefs(&play(&turns(&v), usize::MAX, Close::Fin)),
        ["POST /up 1.1 [hi] -> 101 1.1 [] [] [\"upgraded\"]"]
    );
    // ... and where more of the server is missing, the answer may be among it
    let mut f = Feeder::new();
    f.send(C, ask);
    f.send(S, switch);
    f.send(C, &client());
    f.gap(S, 90, Missing::Lost);
    assert_eq!(
        briefs(&f.finish(Close::Fin).exchanges),
        ["POST /up 1.1 [hi] -> 101 1.1 [] [] [\"gap\", \"upgraded\"]"]
    );
}

#[test]
fn inside_a_tunnel_and_beside_http1() {
    let ask = b"CONNECT far:80 HTTP/1.1\r\nHost: far:80\r\n\r\n".to_vec();
    let v = vec![
        (C, ask),
        (S, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        (C, client()),
        (S, server()),
        (C, frame(HEADERS, 5, 1, &get("/in"))),
        (S, ok(1, "side")),
    ];
    for cut in [usize::MAX, 1] {
        assert_eq!(
            briefs(&play(&turns(&v), cut, Close::Fin))[1],
            "GET /in 2.0 [] -> 200 2.0 [side] [] []"
        );
    }
    // HTTP/1 to a server that greets with HTTP/2 is still a call
    let v = vec![
        (S, server()),
        (C, b"GET /one HTTP/1.1\r\nHost: h\r\n\r\n".to_vec()),
        (S, frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 1])),
    ];
    assert_eq!(
        briefs(&play(&turns(&v), usize::MAX, Close::Fin)),
        ["GET /one 1.1 [] -> - [] [\"no-response\"]"]
    );
}

#[test]
fn a_server_that_does_not_speak_it_answers_in_http1() {
    let no: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno!";
    let ask = frame(HEADERS, 5, 1, &get("/x"));
    let unanswered = "GET /x 2.0 [] -> - [] [\"no-response\"]";
    let answer = "- -> 400 1.1 [no!] [] [\"no-request\"]";
    for cut in [usize::MAX, 1, 7, 30] {
        // whether the client's request is captured before the answer or behind it
        let all = [client(), ask.clone()].concat();
        let v = [(C, all), (S, no.to_vec())];
        let got = briefs(&play(&turns(&v), cut, Close::Fin));
        assert_eq!(got, [unanswered, answer], "{cut}");
        let v = [
            (C, client()),
            (S, no.to_vec()),
            (C, ask.clone()),
            (S, no.to_vec()),
        ];
        let mut got = briefs(&play(&turns(&v), cut, Close::Fin));
        got.sort();
        assert_eq!(got, [answer, answer, unanswered], "{cut}");
        // until the server closes
        let old = b"HTTP/1.0 505 HTTP Version Not Supported\r\n\r\nold".to_vec();
        let got = briefs(&play(&turns(&[(C, client()), (S, old)]), cut, Close::Fin));
        assert_eq!(got, ["- -> 505 1.0 [old] [] [\"no-request\"]"], "{cut}");
        // what only begins alike is none
        let v = [(C, client()), (S, b"HTTP/2 is fine".to_vec())];
        assert!(
            briefs(&play(&turns(&v), cut, Close::Fin)).is_empty(),
            "{cut}"
        );
    }
    // frames of a server that come behind bytes that might have been a response
    let v = [
        (C, client()),
        (C, ask),
        (S, server()),
        (S, ok(1, "HTTP/1.1 200 OK\r\n\r\n")),
    ];
    for cut in [usize::MAX, 1, 9] {
        assert_eq!(
            briefs(&play(&turns(&v), cut, Close::Fin)),
            ["GET /x 2.0 [] -> 200 2.0 [HTTP/1.1 200 OK\r\n\r\n] [] []"]
        );
    }
    // a part of it lost
    let mut f = Feeder::new();
    f.send(C, &client());
    f.send(
        S,
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nno!",
    );
    f.gap(S, 6, Missing::Lost);
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got, ["- -> 400 1.1 [no!] [] [\"gap\", \"no-request\"]"]);
}

#[test]
fn thousands_of_streams_at_once() {
    let n = 5000u32;
    let mut v = vec![(C, client()), (S, server())];
    for i in 0..n {
        v.push((C, frame(HEADERS, 5, 1 + 2 * i, &get(&format!("/{i}")))));
    }
    for i in (0..n).rev() {
        v.push((
            S,
            frame(HEADERS, 4, 1 + 2 * i, &plain(&[(":status", "200")])),
        ));
    }
    for i in 0..n {
        v.push((S, frame(DATA, 1, 1 + 2 * i, format!("{i}").as_bytes())));
    }
    let got = play(&turns(&v), usize::MAX, Close::Fin);
    assert_eq!(got.len(), n as usize);
    for x in &got {
        let path = x.request.as_ref().unwrap().target().unwrap();
        assert_eq!(&path[1..], x.response.as_ref().unwrap().body.bytes);
        assert_eq!(x.flags, Flags::default());
    }
}

#[test]
fn a_bomb_of_references_is_cut_and_told() {
    let mut enc = Vec::new();
    enc.push(0x40);
    enc.extend(string("x"));
    enc.extend(string(&"v".repeat(4000)));
    let bomb = [vec![0x82, 0x84], enc, vec![0xbe; 1900]].concat();
    let mut f = Feeder::new();
    f.send(C, &client());
    f.send(C, &frame(HEADERS, 5, 1, &bomb));
    let refs = [vec![0x82, 0x84], vec![0xbe; 1900]].concat();
    for i in 1..100 {
        f.send(C, &frame(HEADERS, 5, 1 + 2 * i, &refs));
    }
    let calls = f.finish(Close::End);
    assert_eq!(calls.exchanges.len(), 100);
    let held: usize = calls
        .exchanges
        .iter()
        .map(|x| x.request.as_ref().unwrap().head.len())
        .sum();
    assert!(held < 100 * 200_000, "{held}");
    assert!(
        calls
            .exchanges
            .iter()
            .all(|x| x.flags.has(Flags::PARTIAL_HEADERS))
    );
    assert_eq!(calls.diags[&(0, "h2-head-beyond-limit")].0, 100);
}

#[test]
fn other_protocols_are_not_taken() {
    // length-prefixed messages of several kinds, and counters
    let mut kinds: Vec<Vec<u8>> = Vec::new();
    kinds.push((0..400u32).flat_map(|i| (i % 7).to_be_bytes()).collect());
    kinds.push(
        (0..200u32)
            .flat_map(|i| [vec![0, 0, 0, 4], i.to_be_bytes().to_vec()].concat())
            .collect(),
    );
    kinds.push(vec![0; 2000]);
    kinds.push(
        (0..100u8)
            .flat_map(|i| vec![0, 0, 1, 1, 4, 0, 0, 0, 1, i])
            .collect(),
    );
    kinds.push(
        (0..2000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect(),
    );
    for (n, bytes) in kinds.iter().enumerate() {
        let half = bytes.len() / 2;
        let v = [(C, bytes[..half].to_vec()), (S, bytes[half..].to_vec())];
        for cut in [usize::MAX, 100, 13] {
            let got = play(&turns(&v), cut, Close::Fin);
            assert!(got.is_empty(), "kind {n} cut {cut}: {:?}", briefs(&got));
        }
    }
}
