//! Text of HTTP inside talks that are none: shells, queues, protocols that nobody knows, and what an upgrade led to. It is a call
//! only where one side asks and the other answers, or where it is not known what was said before.

use crate::http1::{C, Feeder, S, Turn, briefs};
use leaktrace::net::{Close, Missing, StreamSink};

const GET: &[u8] = b"GET /inner HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ATTACH: &[u8] = b"POST /containers/1/attach HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n";
const ATTACHED: &[u8] = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const INNER: &str = "GET /inner 1.1 [] -> 200 1.1 [ok] []";

/// Calls of a connection whose opening was captured or not, in segments of at most `cut` bytes.
fn calls(turns: &[Turn<'_>], opened: bool, cut: usize) -> Vec<String> {
    let mut f = Feeder::new();
    if opened {
        let state = f.state.as_mut().unwrap();
        f.calls.opened(state, C);
        f.calls.opened(state, S);
    }
    for (side, bytes) in turns {
        for part in bytes.chunks(cut) {
            f.send(*side, part);
        }
    }
    briefs(&f.finish(Close::Fin).exchanges)
}

#[test]
fn what_is_typed_into_a_container_is_no_call() {
    let talks: [&[Turn<'_>]; 4] = [
        &[
            (C, b"ls\n"),
            (S, b"a b\n# "),
            (C, GET),
            (S, b"sh: GET: not found\n# "),
        ],
        &[
            (C, b"cat log\n"),
            (S, b"# "),
            (S, GET),
            (S, OK),
            (S, b"# "),
            (C, b"exit\n"),
        ],
        &[(S, b"# "), (C, b"curl -i http://h/\n"), (S, OK), (S, b"# ")],
        &[(C, b"nc h 80\n"), (C, GET), (S, b"# nc h 80\n"), (S, OK)],
    ];
    for talk in talks {
        let mut turns = vec![(C, ATTACH), (S, ATTACHED)];
        turns.extend_from_slice(talk);
        for cut in [1, 3, 7, 4096] {
            let got = calls(&turns, true, cut);
            assert_eq!(got.len(), 1, "{cut}: {got:?}");
        }
    }
}

#[test]
fn a_talk_that_goes_on_as_calls_is_found() {
    let turns: [Turn<'_>; 8] = [
        (C, ATTACH),
        (S, ATTACHED),
        (C, b"\x01\x02login\n"),
        (S, b"\x01\x02ok\n"),
        (C, GET),
        (S, OK),
        (C, GET),
        (S, OK),
    ];
    for cut in [1, 3, 7, 4096] {
        let got = calls(&turns, true, cut);
        assert_eq!(got.len(), 3, "{cut}: {got:?}");
        assert!(
            got[1].starts_with(INNER) && got[2].starts_with(INNER),
            "{got:?}"
        );
    }
}

#[test]
fn what_an_upgrade_led_to_is_read_from_its_first_byte() {
    for cut in [1, 7, 4096] {
        let got = calls(&[(C, ATTACH), (S, ATTACHED), (C, GET), (S, OK)], true, cut);
        assert!(got[1].starts_with(INNER), "{cut}: {got:?}");
    }
}

#[test]
fn text_in_an_unknown_talk_is_a_call_where_both_sides_say_so() {
    let hello: [Turn<'_>; 2] = [(S, b"$ "), (C, b"cat x\n")];
    for cut in [1, 5, 4096] {
        let mut shown = hello.to_vec();
        shown.extend_from_slice(&[(S, GET), (S, OK), (S, b"$ "), (C, b"exit\n")]);
        assert_eq!(calls(&shown, true, cut), [""; 0], "{cut}");
        let mut sent = hello.to_vec();
        sent.extend_from_slice(&[(C, GET), (S, b"no such thing\n$ "), (S, OK)]);
        assert_eq!(calls(&sent, true, cut), [""; 0], "{cut}");
        let mut real = hello.to_vec();
        real.extend_from_slice(&[(C, GET), (S, OK)]);
        let got = calls(&real, true, cut);
        assert!(
            got.len() == 1 && got[0].starts_with(INNER),
            "{cut}: {got:?}"
        );
    }
}

#[test]
fn where_the_beginning_is_not_known_one_side_is_enough() {
    let turns: [Turn<'_>; 3] = [(C, b"end of a body"), (S, b"end of another"), (C, GET)];
    assert_eq!(calls(&turns, false, 4096).len(), 1);
    // bytes that are missing may have been anything
    for open in [true, false] {
        let mut f = Feeder::new();
        if open {
            let state = f.state.as_mut().unwrap();
            f.calls.opened(state, C);
            f.calls.opened(state, S);
        }
        f.send(C, b"\x00\x01what");
        f.send(S, b"\x00\x02that");
        f.gap(C, 900, Missing::Lost);
        f.send(C, GET);
        assert_eq!(f.finish(Close::Fin).exchanges.len(), 1, "{open}");
    }
}
