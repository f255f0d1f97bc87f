//! Tunnels in streams of HTTP/2 (RFC 9113 section 8.5), fed by hand: what a CONNECT carries is read as that of HTTP/1's is, in every
//! cut and with every loss, streams beside it are not touched, and what nobody knows stays the stream's content.

use crate::http1::{C, S, briefs, play};
use crate::http2::{Sent, turns};
use crate::http2_loss::without;
use crate::support::h2::*;
use leaktrace::call::model::Flags;
use leaktrace::net::Close;

fn connect(stream: u32, to: &str) -> Vec<u8> {
    let fields = [(":method", "CONNECT"), (":authority", to)];
    frame(HEADERS, END_HEADERS, stream, &plain(&fields))
}

fn status(stream: u32, status: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &plain(&[(":status", status)]))
}

fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, 0, stream, bytes)
}

fn end(stream: u32) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, b"")
}

const ONE: &[u8] = b"GET /one HTTP/1.1\r\nHost: in\r\n\r\n";
const TWO: &[u8] = b"POST /two HTTP/1.1\r\nHost: in\r\nContent-Length: 4\r\n\r\nsent";
const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback";

fn conversation() -> Sent {
    vec![
        (C, client()),
        (S, server()),
        (C, connect(1, "in:80")),
        (C, frame(HEADERS, 5, 3, &get("/beside"))),
        (S, status(1, "200")),
        (C, data(1, &ONE[..9])),
        (C, padded(DATA, 0, 1, &ONE[9..], 5)),
        (S, data(1, REPLY)),
        (S, ok(3, "aside")),
        (C, data(1, TWO)),
        (S, data(1, &REPLY[..20])),
        (S, data(1, &REPLY[20..])),
        (C, end(1)),
        (S, end(1)),
        (C, frame(HEADERS, 5, 5, &get("/after"))),
        (S, ok(5, "last")),
    ]
}

const WANT: [&str; 5] = [
    "CONNECT in:80 2.0 [] -> 200 2.0 [] [] [\"upgraded\"]",
    "GET /beside 2.0 [] -> 200 2.0 [aside] [] []",
    "GET /one 1.1 [] -> 200 1.1 [back] [] []",
    "POST /two 1.1 [sent] -> 200 1.1 [back] [] []",
    "GET /after 2.0 [] -> 200 2.0 [last] [] []",
];

#[test]
fn calls_in_a_tunnel_are_read_in_every_cut() {
    let v = conversation();
    for cut in [usize::MAX, 1, 2, 7, 10, 50] {
        assert_eq!(briefs(&play(&turns(&v), cut, Close::Fin)), WANT, "{cut}");
    }
}

#[test]
fn http2_in_a_tunnel_and_a_tunnel_in_a_tunnel() {
    let inner = |bytes: Vec<u8>| data(1, &bytes);
    let v: Sent = vec![
        (C, client()),
        (S, server()),
        (C, connect(1, "in:80")),
        (S, status(1, "200")),
        (C, inner(client())),
        (S, inner(server())),
        (C, inner(connect(1, "further:80"))),
        (S, inner(status(1, "200"))),
        (C, inner(data(1, ONE))),
        (S, inner(data(1, REPLY))),
        (C, inner(frame(HEADERS, 5, 3, &get("/in")))),
        (S, inner(ok(3, "side"))),
    ];
    for cut in [usize::MAX, 1, 8] {
        let got = briefs(&play(&turns(&v), cut, Close::Fin));
        assert_eq!(
            got,
            [
                "CONNECT in:80 2.0 [] -> 200 2.0 [] [] [\"truncated\", \"upgraded\"]",
                "CONNECT further:80 2.0 [] -> 200 2.0 [] [] [\"truncated\", \"upgraded\"]",
                "GET /one 1.1 [] -> 200 1.1 [back] [] []",
                "GET /in 2.0 [] -> 200 2.0 [side] [] []",
            ],
            "{cut}"
        );
    }
}

#[test]
fn what_comes_before_the_answer_is_read_and_a_refused_tunnel_is_none() {
    let early: Sent = vec![
        (C, client()),
        (C, connect(1, "in:80")),
        (C, data(1, ONE)),
        (S, server()),
        (S, status(1, "200")),
        (S, data(1, REPLY)),
        (S, end(1)),
        (C, end(1)),
    ];
    let refused: Sent = vec![
        (C, client()),
        (S, server()),
        (C, connect(1, "in:80")),
        (C, data(1, ONE)),
        (C, end(1)),
        (S, status(1, "403")),
        (S, data(1, REPLY)),
        (S, end(1)),
    ];
    for cut in [usize::MAX, 1, 9] {
        let got = briefs(&play(&turns(&early), cut, Close::Fin));
        assert_eq!(got, [WANT[0], WANT[2]], "{cut}");
        let got = briefs(&play(&turns(&refused), cut, Close::Fin));
        assert_eq!(got.len(), 1, "{cut} {got:?}");
        assert!(got[0].starts_with("CONNECT in:80 2.0 [GET /one HTTP"));
    }
}

#[test]
fn what_nobody_knows_stays_the_content_and_an_end_of_the_stream_ends_what_is_inside() {
    let unknown: Sent = vec![
        (C, client()),
        (S, server()),
        (C, connect(1, "in:99")),
        (S, status(1, "200")),
        (C, data(1, b"\x01\x02there")),
        (S, data(1, b"\x03and back")),
        (C, end(1)),
        (S, end(1)),
    ];
    let got = briefs(&play(&turns(&unknown), usize::MAX, Close::Fin));
    assert_eq!(
        got,
        ["CONNECT in:99 2.0 [\u{1}\u{2}there] -> 200 2.0 [\u{3}and back] [] [\"upgraded\"]"]
    );
    // an answer without a length ends with its side of the stream; a reset ends one that has none
    for last in [end(1), frame(RST, 0, 1, &[0, 0, 0, 8])] {
        let v: Sent = vec![
            (C, client()),
            (S, server()),
            (C, connect(1, "in:80")),
            (S, status(1, "200")),
            (C, data(1, ONE)),
            (S, data(1, b"HTTP/1.1 200 OK\r\n\r\nto the end")),
            (S, last),
            (C, end(1)),
        ];
        let got = briefs(&play(&turns(&v), usize::MAX, Close::Fin));
        assert!(
            got[1].starts_with("GET /one 1.1 [] -> 200 1.1 [to the end]"),
            "{got:?}"
        );
    }
}

#[test]
fn each_piece_lost_in_turn_costs_what_it_hits() {
    let v = conversation();
    let mut pieces = Vec::new();
    for (s, b) in &v {
        pieces.extend(b.chunks(11).map(|p| (*s, p)));
    }
    for lost in 0..pieces.len() {
        let got = without(&pieces, lost);
        let whole = got
            .iter()
            .filter(|x| {
                !x.flags.has(Flags::GAP)
                    && !x.flags.has(Flags::PARTIAL_HEADERS)
                    && !x.flags.has(Flags::NO_REQUEST)
                    && !x.flags.has(Flags::NO_RESPONSE)
            })
            .map(|x| briefs(std::slice::from_ref(x)).remove(0));
        for call in whole {
            // the flag tells that the tunnel opened; what it says besides is not looked at here
            let known = WANT
                .iter()
                .any(|w| call.starts_with(w.trim_end_matches(']')));
            assert!(
                known
                    || call.contains("truncated")
                    || call.contains("uncertain")
                    || call.contains("framing"),
                "without piece {lost}: {call}"
            );
        }
        let last = got
            .iter()
            .any(|x| x.request.as_ref().and_then(|m| m.target()) == Some(&b"/after"[..]));
        assert!(
            last || lost + 12 > pieces.len() || lost < 14,
            "without piece {lost}: /after is gone"
        );
    }
}
