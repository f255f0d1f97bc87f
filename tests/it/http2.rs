//! HTTP/2 fed by hand: every kind of frame, in every cut, with every loss, from every place. The frames are written out here, by
//! an encoder of its own, so that what is expected stands beside what was sent.

use crate::http1::{C, Feeder, S, Turn, briefs, play};
use leaktrace::call::model::{Exchange, Flags, Message};
use leaktrace::net::{Close, Missing, Side};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut f = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    f.extend([kind, flags]);
    f.extend(stream.to_be_bytes());
    f.extend(payload);
    f
}

fn string(s: &str) -> Vec<u8> {
    let mut v = Vec::new();
    int(&mut v, 0, 7, s.len());
    v.extend(s.as_bytes());
    v
}

fn int(v: &mut Vec<u8>, first: u8, bits: u32, mut n: usize) {
    let mask = (1 << bits) - 1;
    if n < mask {
        return v.push(first | n as u8);
    }
    v.push(first | mask as u8);
    n -= mask;
    while n >= 128 {
        v.push(128 | (n % 128) as u8);
        n /= 128;
    }
    v.push(n as u8);
}

/// Fields without any table.
fn plain(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut v = Vec::new();
    for (n, value) in fields {
        v.push(0);
        v.extend(string(n));
        v.extend(string(value));
    }
    v
}

/// An encoder with a table, newest first.
struct Encoder {
    table: Vec<(String, String)>,
    max: usize,
}

impl Encoder {
    fn new() -> Encoder {
        Encoder {
            table: Vec::new(),
            max: 4096,
        }
    }
    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut v = Vec::new();
        for (n, value) in fields {
            if (*n, *value) == (":method", "GET") {
                v.push(0x82);
            } else if (*n, *value) == (":status", "200") {
                v.push(0x88);
            } else if let Some(at) = self.table.iter().position(|e| e.0 == *n && e.1 == *value) {
                int(&mut v, 0x80, 7, 62 + at);
            } else {
                match self.table.iter().position(|e| e.0 == *n) {
                    Some(at) => int(&mut v, 0x40, 6, 62 + at),
                    None => {
                        v.push(0x40);
                        v.extend(string(n));
                    }
                }
                v.extend(string(value));
                self.table.insert(0, (n.to_string(), value.to_string()));
                let size = |t: &[(String, String)]| {
                    t.iter().map(|e| e.0.len() + e.1.len() + 32).sum::<usize>()
                };
                while size(&self.table) > self.max {
                    self.table.pop();
                }
            }
        }
        v
    }
}

fn get(path: &str) -> Vec<u8> {
    plain(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "h"),
        (":path", path),
    ])
}

fn client() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])].concat()
}

fn server() -> Vec<u8> {
    [
        frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(SETTINGS, 1, 0, &[]),
    ]
    .concat()
}

fn ok(stream: u32, body: &str) -> Vec<u8> {
    [
        frame(HEADERS, END_HEADERS, stream, &plain(&[(":status", "200")])),
        frame(DATA, END_STREAM, stream, body.as_bytes()),
    ]
    .concat()
}

fn padded(kind: u8, flags: u8, stream: u32, payload: &[u8], pad: u8) -> Vec<u8> {
    let mut p = vec![pad];
    p.extend(payload);
    p.extend(vec![0; usize::from(pad)]);
    frame(kind, flags | 8, stream, &p)
}

/// What was sent, in order.
type Sent = Vec<(Side, Vec<u8>)>;
/// Path, agent and answer.
type Truth = (String, String, String);

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

fn turns<'a>(v: &'a [(Side, Vec<u8>)]) -> Vec<Turn<'a>> {
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

fn field(m: &Message, name: &str) -> Option<String> {
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
    let shown = leaktrace::case::heads::decode(&leaktrace::case::heads::encode(&got[0]))
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

/// A long connection in packets: requests and responses with a real encoder, and the truth about each.
fn long(n: usize) -> (Sent, Vec<Truth>) {
    let (mut req, mut resp) = (Encoder::new(), Encoder::new());
    let (mut v, mut truth) = (vec![(C, client()), (S, server())], Vec::new());
    for i in 0..n {
        let id = 1 + 2 * i as u32;
        let (path, agent, tag) = (
            format!("/item/{}", i % 23),
            format!("agent {}", i % 3),
            format!("tag-{}", i % 5),
        );
        let body = format!("body {i} {}", "x".repeat(i * 7 % 90));
        let block = req.block(&[
            (":method", "GET"),
            (":path", &path),
            (":authority", "h"),
            ("user-agent", &agent),
        ]);
        v.push((C, frame(HEADERS, 5, id, &block)));
        let length = body.len().to_string();
        let block = resp.block(&[
            (":status", "200"),
            ("etag", &tag),
            ("content-length", &length),
        ]);
        v.push((S, frame(HEADERS, 4, id, &block)));
        v.push((S, frame(DATA, 1, id, body.as_bytes())));
        truth.push((path, agent, body));
    }
    (v, truth)
}

/// What an exchange says of the truth: nothing that it says may be wrong.
fn never_wrong(x: &Exchange, truth: &[Truth], what: &str) {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let req = x.request.as_ref();
    let body = x.response.as_ref().map(|m| text(&m.body.bytes));
    let number = body
        .as_deref()
        .and_then(|b| b.strip_prefix("body "))
        .and_then(|b| b.split(' ').next()?.parse::<usize>().ok());
    let path = req
        .and_then(Message::target)
        .filter(|t| !t.is_empty())
        .map(text);
    let agent = req.and_then(|m| field(m, "user-agent"));
    let Some(i) = number else {
        assert!(
            path.is_none_or(|p| truth.iter().any(|t| t.0 == p)),
            "{what}"
        );
        return;
    };
    let t = &truth[i];
    assert!(path.is_none_or(|p| p == t.0), "{what}: path of {i}");
    assert!(agent.is_none_or(|a| a == t.1), "{what}: agent of {i}");
    let m = x.response.as_ref().unwrap();
    if m.body.complete && m.body.gaps.is_empty() {
        assert_eq!(body.unwrap(), t.2, "{what}: body of {i}");
    }
}

#[test]
fn joined_anywhere_nothing_is_wrong_and_all_is_known_again() {
    let (packets, truth) = long(120);
    let max = truth.len();
    for from in 1..packets.len() - 200 {
        let got = play(&turns(&packets[from..]), usize::MAX, Close::Fin);
        for x in &got {
            never_wrong(x, &truth, &format!("from packet {from}"));
        }
        // each stream that begins after the cut is a call, and in time everything of it is known
        let whole = packets[from..].iter().filter(|p| p.0 == C).count();
        assert!(
            got.len() >= whole,
            "from {from}: {} of {whole} of {max}",
            got.len()
        );
        let last = got.iter().max_by_key(|x| x.ordinal).unwrap();
        assert!(last.response.is_some(), "from {from}: {:?}", briefs(&got));
        assert!(last.response.as_ref().unwrap().body.complete);
        assert_eq!(last.response.as_ref().unwrap().status(), Some(200));
        assert_eq!(last.request.as_ref().unwrap().method(), Some(&b"GET"[..]));
    }
}

#[test]
fn each_packet_lost_in_turn_is_flagged_where_it_hit() {
    let (packets, truth) = long(12);
    let good = briefs(&play(&turns(&packets), usize::MAX, Close::Fin));
    for cut in [usize::MAX, 20] {
        let mut pieces: Vec<(Side, &[u8])> = Vec::new();
        for (s, b) in &packets {
            pieces.extend(b.chunks(cut).map(|p| (*s, p)));
        }
        for lost in 0..pieces.len() {
            let mut f = Feeder::new();
            for (i, (side, bytes)) in pieces.iter().enumerate() {
                if i == lost {
                    f.gap(*side, bytes.len(), Missing::Lost);
                } else {
                    f.send(*side, bytes);
                }
            }
            let got = f.finish(Close::Fin).exchanges;
            let what = format!("piece {lost} of {cut} lost");
            for x in &got {
                never_wrong(x, &truth, &what);
            }
            let now = briefs(&got);
            // what is not as it was is flagged
            for (x, b) in got.iter().zip(got.iter().map(crate::http1::brief)) {
                let clean = x.flags == Flags::default();
                assert!(!clean || good.contains(&b), "{what}: {b} is not flagged");
            }
            assert!(now.len() + 1 >= good.len(), "{what}: {} calls", now.len());
            // the loss costs what it hit and what refers to it, and no more: bodies go on
            let whole = got
                .iter()
                .filter(|x| x.response.as_ref().is_some_and(|m| m.body.complete))
                .count();
            assert!(whole + 2 >= good.len(), "{what}: {whole} whole bodies");
        }
    }
}

#[test]
fn loss_inside_a_body_is_skipped_by_length() {
    let body = vec![b'z'; 3000];
    let mut f = Feeder::new();
    f.send(C, &client());
    f.send(S, &server());
    f.send(C, &frame(HEADERS, 5, 1, &get("/a")));
    f.send(C, &frame(HEADERS, 5, 3, &get("/b")));
    let answer = [
        frame(HEADERS, 4, 1, &plain(&[(":status", "200")])),
        frame(DATA, 1, 1, &body),
        ok(3, "unhurt"),
    ]
    .concat();
    f.send(S, &answer[..1000]);
    f.gap(S, 1000, Missing::Lost);
    f.send(S, &answer[2000..]);
    let got = f.finish(Close::Fin).exchanges;
    let m = got[0].response.as_ref().unwrap();
    assert_eq!((m.body.len, m.body.complete), (2000, true));
    let before = 1000 - (answer.len() - ok(3, "unhurt").len() - 3000) as u64;
    assert_eq!(m.body.gaps, [(before, 1000)]);
    assert_eq!(got[0].flags, Flags::GAP);
    assert_eq!(
        briefs(&got[1..]),
        ["GET /b 2.0 [] -> 200 2.0 [unhurt] [] []"]
    );
}

#[test]
fn one_direction_alone() {
    let (packets, truth) = long(30);
    for side in [C, S] {
        let mut f = Feeder::new();
        for (s, b) in packets.iter().filter(|p| p.0 == side) {
            f.send(*s, b);
        }
        let got = f.finish(Close::End).exchanges;
        assert_eq!(got.len(), truth.len());
        let want = if side == C {
            Flags::NO_RESPONSE
        } else {
            Flags::NO_REQUEST
        };
        for (x, t) in got.iter().zip(&truth) {
            assert!(x.flags.has(want) && x.flags.has(Flags::ONE_SIDED));
            match side {
                Side::A => assert_eq!(x.request.as_ref().unwrap().target(), Some(t.0.as_bytes())),
                Side::B => assert_eq!(x.response.as_ref().unwrap().body.bytes, t.2.as_bytes()),
            }
            assert_eq!((x.client.1, x.server.1), (40000, 8080));
        }
    }
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
