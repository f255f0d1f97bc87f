//! WebSockets over HTTP/2 (RFC 8441), fed by hand: each message is a call, as behind an upgrade of HTTP/1, in every cut and with
//! every loss, and what goes by on other streams is not touched.

use crate::http1::{C, Feeder, S, play};
use crate::http2::{Sent, turns};
use crate::http2_loss::without;
use crate::support::h2::*;
use crate::support::wire::Wire;
use crate::trailers::Lab;
use crate::ws::{self, Deflate};
use leaktrace::call::model::{Exchange, Flags};
use leaktrace::net::Close;

fn ask(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = vec![
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/chat"),
        (":authority", "h"),
        ("sec-websocket-version", "13"),
    ];
    fields.extend(more);
    frame(HEADERS, END_HEADERS, stream, &plain(&fields))
}

fn accept(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = vec![(":status", "200")];
    fields.extend(more);
    frame(HEADERS, END_HEADERS, stream, &plain(&fields))
}

fn enabled() -> Vec<u8> {
    [
        frame(SETTINGS, 0, 0, &[0, 8, 0, 0, 0, 1]),
        frame(SETTINGS, 1, 0, &[]),
    ]
    .concat()
}

/// What is told of each call, in order.
fn told(v: &[Exchange]) -> Vec<String> {
    let mut v: Vec<&Exchange> = v.iter().collect();
    v.sort_by_key(|x| x.ordinal);
    v.into_iter().map(ws::brief).collect()
}

fn conversation() -> Sent {
    let mut packed = Deflate::new(true);
    let long = "long ".repeat(50);
    let hello = ws::frame(C, 0x81, b"hello");
    let parts = [
        ws::frame(S, 0x01, b"in "),
        ws::frame(S, 0x89, b"ping"),
        ws::frame(S, 0x80, b"parts"),
    ]
    .concat();
    vec![
        (C, client()),
        (S, enabled()),
        (C, ask(1, &[])),
        (
            C,
            ask(3, &[("sec-websocket-extensions", "permessage-deflate")]),
        ),
        (S, accept(1, &[])),
        (
            S,
            accept(3, &[("sec-websocket-extensions", "permessage-deflate")]),
        ),
        // a message in two frames of HTTP/2, and another stream between
        (C, frame(DATA, 0, 1, &hello[..4])),
        (C, frame(HEADERS, 5, 5, &get("/beside"))),
        (C, padded(DATA, 0, 1, &hello[4..], 20)),
        (S, [frame(DATA, 0, 1, &parts), ok(5, "beside")].concat()),
        (
            C,
            frame(
                DATA,
                0,
                3,
                &ws::frame(C, 0xc1, &packed.message(long.as_bytes())),
            ),
        ),
        (
            C,
            frame(
                DATA,
                0,
                3,
                &ws::frame(C, 0xc1, &packed.message(long.as_bytes())),
            ),
        ),
        (S, frame(DATA, 0, 3, &ws::frame(S, 0x82, b"\0bytes"))),
        (C, frame(DATA, END_STREAM, 1, &ws::frame(C, 0x88, b""))),
        (S, frame(DATA, END_STREAM, 1, &ws::frame(S, 0x88, b""))),
        (C, frame(RST, 0, 3, &[0, 0, 0, 8])),
    ]
}

fn want() -> Vec<String> {
    let long = "long ".repeat(50);
    [
        "/chat 200",
        "/chat 200",
        "/beside 200",
        "SEND hello",
        "RECV in parts",
        &format!("SEND {long}"),
        &format!("SEND {long}"),
        "RECV \0bytes",
    ]
    .map(str::to_owned)
    .into()
}

fn sorted(mut v: Vec<String>) -> Vec<String> {
    v.sort();
    v
}

#[test]
fn messages_are_calls_in_every_cut() {
    for cut in [usize::MAX, 1, 2, 3, 7, 9, 16, 33] {
        let got = play(&turns(&conversation()), cut, Close::Fin);
        assert_eq!(sorted(told(&got)), sorted(want()), "cuts of {cut}");
        for x in &got {
            let message = x.parent.is_some();
            // a message names the call that opened its socket, and knows its request
            let chat = x
                .context
                .as_ref()
                .is_some_and(|m| m.target() == Some(b"/chat"));
            assert_eq!(message, chat, "{x:?}");
            let opened = x
                .request
                .as_ref()
                .is_some_and(|m| m.method() == Some(b"CONNECT"));
            let flag = if opened {
                Flags::UPGRADED
            } else {
                Flags::default()
            };
            assert_eq!(x.flags, flag, "{x:?}");
            assert!(x.done);
        }
        let opener = |path: &[u8]| {
            got.iter()
                .filter(|x| x.request.as_ref().is_some_and(|m| m.target() == Some(path)))
                .map(|x| x.ordinal)
                .collect::<Vec<_>>()
        };
        let sockets = opener(b"/chat");
        assert!(
            got.iter()
                .filter_map(|x| x.parent)
                .all(|p| sockets.contains(&p))
        );
        let calls = {
            let mut f = Feeder::new();
            for (side, bytes) in conversation() {
                f.send(side, &bytes);
            }
            f.finish(Close::Fin)
        };
        assert!(calls.diags.is_empty(), "{:?}", calls.diags);
    }
}

#[test]
fn what_the_client_said_before_the_answer_was_captured_is_not_lost() {
    let v = [
        (C, client()),
        (S, enabled()),
        (C, ask(1, &[])),
        (C, frame(DATA, 0, 1, &ws::frame(C, 0x81, b"early"))),
        (S, accept(1, &[])),
        (C, frame(DATA, 0, 1, &ws::frame(C, 0x81, b"later"))),
    ];
    let got = play(&turns(&v), usize::MAX, Close::Fin);
    assert_eq!(told(&got), ["/chat 200", "SEND early", "SEND later"]);
    assert_eq!(got[0].request.as_ref().unwrap().body.len, 0);
}

#[test]
fn a_refused_one_and_other_protocols_are_no_sockets() {
    let v = [
        (C, client()),
        (S, enabled()),
        (C, ask(1, &[])),
        (S, frame(HEADERS, 5, 1, &plain(&[(":status", "403")]))),
        (
            C,
            frame(
                HEADERS,
                4,
                3,
                &plain(&[
                    (":method", "CONNECT"),
                    (":protocol", "connect-udp"),
                    (":path", "/u"),
                    (":authority", "h"),
                    (":scheme", "https"),
                ]),
            ),
        ),
        (S, accept(3, &[])),
        (C, frame(DATA, END_STREAM, 3, b"bytes")),
        (S, frame(DATA, END_STREAM, 3, b"back")),
    ];
    let got = play(&turns(&v), usize::MAX, Close::Fin);
    assert_eq!(told(&got), ["/chat 403", "/u 200"]);
    assert_eq!(
        got.iter()
            .find(|x| x.ordinal == 1)
            .unwrap()
            .request
            .as_ref()
            .unwrap()
            .body
            .bytes,
        b"bytes"
    );
}

#[test]
fn what_was_on_its_way_when_one_side_resets_is_told() {
    let mut v = conversation();
    // the server had sent this by then; what the client sends behind its own reset is nothing
    v.push((S, frame(DATA, 0, 3, &ws::frame(S, 0x81, b"late"))));
    v.push((C, frame(DATA, 0, 3, &ws::frame(C, 0x81, b"nothing"))));
    let mut expected = want();
    expected.push("RECV late".to_owned());
    for cut in [usize::MAX, 1, 9] {
        let mut got = told(&play(&turns(&v), cut, Close::Fin));
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "{cut}");
    }
}

#[test]
fn each_piece_lost_in_turn_is_flagged_and_nothing_told_is_wrong() {
    let all = conversation();
    let good = want();
    for cut in [usize::MAX, 15] {
        let pieces: Vec<_> = all
            .iter()
            .flat_map(|(s, b)| b.chunks(cut).map(|p| (*s, p)))
            .collect();
        for lost in 0..pieces.len() {
            let got = without(&pieces, lost);
            for x in &got {
                let told = ws::brief(x);
                let clean = x.flags.0 & !Flags::UPGRADED.0 == 0;
                assert!(
                    !clean || good.contains(&told) || told.starts_with(' '),
                    "piece {lost} of {cut}: {told}"
                );
            }
        }
    }
}

#[test]
fn messages_are_rows_of_the_case_below_the_call_that_opened_them() {
    let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
    let ends = ([10, 1, 0, 1].into(), [10, 9, 0, 1].into());
    let mut c = w.open((ends.0, 40_001), (ends.1, 8080)).unwrap();
    for (side, bytes) in conversation() {
        w.send(&mut c, usize::from(side == S), &bytes).unwrap();
    }
    w.close(&mut c).unwrap();
    let l = Lab::of(&w.into_inner());
    let calls = l.rows(&["calls"]);
    let method = |m: &str| -> Vec<_> { calls.iter().filter(|c| c["method"] == m).collect() };
    let opened = method("CONNECT");
    assert_eq!(
        (opened.len(), method("SEND").len(), method("RECV").len()),
        (2, 3, 2)
    );
    for m in method("SEND").into_iter().chain(method("RECV")) {
        let parent = opened.iter().find(|c| c["id"] == m["parent"]);
        assert!(parent.is_some(), "{m}");
        assert_eq!(
            (&m["proto"], &m["uri"], &m["host"]),
            (&"ws".into(), &"/chat".into(), &"h".into()),
            "{m}"
        );
    }
    for c in &opened {
        assert_eq!(
            (&c["proto"], &c["uri"], &c["status"]),
            (&"h2".into(), &"/chat".into(), &200.into()),
            "{c}"
        );
        let shown = l.rows(&["show", c["id"].as_str().unwrap()]);
        assert!(
            shown[0]["messages"].as_array().unwrap().len() >= 2,
            "{shown:?}"
        );
    }
    let apis = l.rows(&["apis"]);
    assert!(
        apis.iter()
            .any(|a| a["kind"] == "websocket" && a["route"] == "/chat"),
        "{apis:?}"
    );
}
