//! The kinds of cases that the test suites of other readers of HTTP/1 have (Zeek's `base/protocols/http`, suricata's `htp`, http-evader),
//! with inputs written for here. Where others say something else, a note says why this is right. Every case is played in several
//! cuts.

use crate::http1::{C, Feeder, S, Turn, briefs, play};
use leaktrace::call::model::Flags;
use leaktrace::net::{Close, Missing};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
const FINE: &str = "GET /x 1.1 [] -> 200 1.1 [ok] [] []";

fn hold(name: &str, turns: &[Turn<'_>], want: &[&str]) {
    for cut in [usize::MAX, 1, 2, 3, 7] {
        let got = play(turns, cut, Close::Fin);
        assert_eq!(briefs(&got), want, "{name}, cut {cut}");
    }
}

/// Where lengths contradict each other, a message that begins where the least of them says ends the body there; else the first
/// length counts, and what is beyond it up to the largest is passed over. tshark takes the last length, Zeek the first, nginx
/// and Node refuse: whichever of them the server was, the pairs behind stay right.
#[test]
fn conflicting_lengths_do_not_swallow_what_follows() {
    for (lengths, body) in [
        ("Content-Length: 2\r\nContent-Length: 60", "ok"),
        ("Content-Length: 60\r\nContent-Length: 2", "ok"),
        ("Content-Length: 60, 2", "ok"),
        (
            "Content-Length: 60\r\nContent-Length: 2\r\nContent-Length: 9",
            "ok",
        ),
        ("Content-Length: 60\r\nContent-Length: 0", ""),
        ("Content-Length: 0\r\nContent-Length: 60", ""),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\n{body}");
        let first = format!("GET /1 1.1 [] -> 200 1.1 [{body}] [] [\"bad-framing\"]");
        let one = b"GET /1 HTTP/1.1\r\n\r\n";
        hold(
            lengths,
            &[(C, one), (S, reply.as_bytes()), (C, GET), (S, OK)],
            &[&first, FINE],
        );
        let both = [reply.as_bytes(), OK, OK].concat();
        let asked = [&one[..], GET, GET].concat();
        hold(lengths, &[(C, &asked), (S, &both)], &[&first, FINE, FINE]);
        let complete = play(&[(C, one), (S, reply.as_bytes())], usize::MAX, Close::Fin);
        assert_eq!(briefs(&complete), [first], "{lengths}");
        assert!(
            complete[0].response.as_ref().unwrap().body.complete,
            "{lengths}"
        );
    }
    // the larger one was right
    let long = "x".repeat(58);
    for lengths in [
        "Content-Length: 60\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 60",
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nok{long}");
        for cut in [usize::MAX, 1, 5, 64] {
            let turns: [Turn<'_>; 4] = [(C, GET), (S, reply.as_bytes()), (C, GET), (S, OK)];
            let got = briefs(&play(&turns, cut, Close::Fin));
            assert_eq!(got.len(), 2, "{lengths} {cut}: {got:#?}");
            assert!(
                got[0].contains("[ok") && got[0].contains("bad-framing"),
                "{got:#?}"
            );
            assert!(
                got[1].starts_with("GET /x 1.1 [] -> 200 1.1 [ok]"),
                "{got:#?}"
            );
        }
    }
    // of requests as well
    for lengths in [
        "Content-Length: 60\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 60",
    ] {
        let ask = format!("POST /1 HTTP/1.1\r\n{lengths}\r\n\r\nhi");
        let first = "POST /1 1.1 [hi] -> 200 1.1 [ok] [] [\"bad-framing\"]";
        hold(
            lengths,
            &[(C, ask.as_bytes()), (S, OK), (C, GET), (S, OK)],
            &[first, FINE],
        );
        let both = [ask.as_bytes(), GET].concat();
        hold(
            lengths,
            &[(C, &both), (S, &[OK, OK].concat())],
            &[first, FINE],
        );
    }
}

/// A start line that only looks like the next message, in the middle of a body with one length, is body.
#[test]
fn one_length_holds_whatever_the_body_says() {
    let inner = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let want = format!("GET /x 1.1 [] -> 200 1.1 [{inner}] [] []");
    hold(
        "a reply in a reply",
        &[(C, GET), (S, reply.as_bytes()), (C, GET), (S, OK)],
        &[&want, FINE],
    );
}

/// Others call these invalid and stop, or take the size for 0; receivers that leave it to a library to read the number go on. The
/// call is told either way, and flagged.
#[test]
fn sizes_of_chunks() {
    for (size, body, good) in [
        ("5", "hello", true),
        ("0000000000000000000000000000000005", "hello", true),
        ("5;a=b;c", "hello", true),
        ("5 ", "hello", false),
        (" 5", "hello", false),
        ("\t5\t", "hello", false),
        ("+5", "hello", false),
        ("0x5", "hello", false),
        ("0X5", "hello", false),
        ("5 ;a", "hello", true),
    ] {
        let reply = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n{body}\r\n0\r\n\r\n"
        );
        let flag = if good { "[]" } else { "[\"bad-framing\"]" };
        let want = format!("GET /x 1.1 [] -> 200 1.1 [hello] [] {flag}");
        hold(
            size,
            &[(C, GET), (S, reply.as_bytes()), (C, GET), (S, OK)],
            &[&want, FINE],
        );
    }
    // no size at all behind a chunk: cut there, and in step again at the next reply
    for size in [
        "-5",
        "0x",
        "g",
        "5_0",
        "fffffffffffffffff",
        "18446744073709551621x",
    ] {
        let reply = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{size}\r\n"
        );
        for cut in [usize::MAX, 1, 3] {
            let turns: [Turn<'_>; 4] = [(C, GET), (S, reply.as_bytes()), (C, GET), (S, OK)];
            let got = play(&turns, cut, Close::Fin);
            let told = briefs(&got);
            assert_eq!(told.len(), 2, "{size} {cut}: {told:#?}");
            let m = got[0].response.as_ref().unwrap();
            assert!(
                !m.body.complete && m.flags.has(Flags::BAD_FRAMING),
                "{size} {cut}"
            );
            assert!(
                told[1].starts_with("GET /x 1.1 [] -> 200 1.1 [ok]"),
                "{size} {cut}: {told:#?}"
            );
        }
    }
}

/// The server's first bytes are no status line: the answer is its content, as HTTP/0.9 has it. tshark and Zeek show no answer,
/// suricata's htp takes it for the body as here, and so do curl and old browsers.
#[test]
fn an_answer_without_a_head() {
    for answer in [
        "Hello World!",
        "<html><body>denied</body></html>",
        "500 Command unrecognized\r\n",
        "HTML\r\n\r\n",
    ] {
        let want = format!("GET /x 1.1 [] -> 0 0.9 [{answer}] [] [\"bad-framing\"]");
        hold(answer, &[(C, GET), (S, answer.as_bytes())], &[&want]);
    }
    // it ends where a whole answer to the next request begins
    for cut in [usize::MAX, 1, 4] {
        let turns: [Turn<'_>; 4] = [(C, GET), (S, b"oops\r\n"), (C, GET), (S, OK)];
        let got = briefs(&play(&turns, cut, Close::Fin));
        assert_eq!(
            got,
            [
                "GET /x 1.1 [] -> 0 0.9 [oops\r\n] [] [\"bad-framing\"]",
                FINE
            ],
            "{cut}"
        );
    }
    // behind a whole answer it is what the one before had too much, and behind a loss it may be anything
    let got = briefs(&play(
        &[(C, GET), (S, OK), (C, GET), (S, b"more"), (C, GET), (S, OK)],
        usize::MAX,
        Close::Fin,
    ));
    assert!(got.iter().all(|b| !b.contains("0.9")), "{got:#?}");
    let mut f = Feeder::new();
    f.send(C, GET);
    f.gap(S, 100, Missing::Lost);
    f.send(S, b"rest of a body");
    let got = f.finish(Close::Fin).exchanges;
    assert!(got[0].response.is_none(), "{:?}", briefs(&got));
    // a greeting is no answer: nothing was asked
    let got = briefs(&play(
        &[(S, b"220 hello\r\n"), (C, GET), (S, OK)],
        usize::MAX,
        Close::Fin,
    ));
    assert!(got.iter().all(|b| !b.contains("0.9")), "{got:#?}");
}

/// Bytes before the first request. All of a stream's first bytes count, so letters before the method are part of it, however they
/// came; a server would read it so. Behind what is no text a request is found where a packet begins with it.
#[test]
fn garbage_before_the_first_request() {
    for cut in [usize::MAX, 1, 2, 3] {
        let got = briefs(&play(&[(C, b"abcd"), (C, GET), (S, OK)], cut, Close::Fin));
        assert_eq!(got, ["abcdGET /x 1.1 [] -> 200 1.1 [ok] [] []"], "{cut}");
    }
    let mut f = Feeder::new();
    for b in b"\x00\xff\x01\xfe\x00" {
        f.send(C, &[*b]);
    }
    for b in GET {
        f.send(C, &[*b]);
    }
    f.send(S, OK);
    f.send(C, GET);
    f.send(S, OK);
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got.len(), 2, "{got:#?}");
    assert!(
        got.iter()
            .all(|b| b.starts_with("GET /x 1.1 [] -> 200 1.1 [ok]")),
        "{got:#?}"
    );
}

/// Folded lines, NUL and bare CR (http-evader's kinds; CVE-2019-20444 and its like): read as most do, flagged, and what is behind
/// is in step.
#[test]
fn heads_that_break_rules() {
    for field in [
        &b"A: b\r\n c"[..],
        b"A: b\r\n\t\r\n c",
        b"A: b\0",
        b"\0A: b",
        b"A\0: b",
        b"A: b\rB: c",
        b"A: b\r\r",
        b"A\r: b",
        b" A: first line folded",
        b"A:\x0bb\r\nTransfer-Encoding : identity",
        b"Content-Length : 2",
    ] {
        for (ask, answer) in [(true, false), (false, true)] {
            if ask && field.starts_with(b"Content") {
                continue; // a length, so that the request has a body
            }
            let add = |line: &[u8], on: bool, rest: &[u8]| {
                let more = if on {
                    [field, b"\r\n"].concat()
                } else {
                    Vec::new()
                };
                [line, &more, rest].concat()
            };
            let ask = add(b"GET /x HTTP/1.1\r\n", ask, b"Host: h\r\n\r\n");
            let answer = add(
                b"HTTP/1.1 200 OK\r\n",
                answer,
                b"Content-Length: 2\r\n\r\nok",
            );
            for cut in [usize::MAX, 1, 3] {
                let turns: [Turn<'_>; 4] = [(C, &ask), (S, &answer), (C, GET), (S, OK)];
                let got = briefs(&play(&turns, cut, Close::Fin));
                assert_eq!(
                    got.len(),
                    2,
                    "{:?} {cut}: {got:#?}",
                    field.escape_ascii().to_string()
                );
                assert!(
                    got[0].contains("-> 200 1.1 [ok]") && got[0].contains("bad-framing"),
                    "{got:#?}"
                );
                assert_eq!(got[1], FINE, "{:?} {cut}", field.escape_ascii().to_string());
            }
        }
    }
}

/// Cases of the suites that are about one connection, by what they are there for.
#[test]
fn single_connections() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "l".repeat(20_000));
    let told = format!("GET /{} 1.1 [] -> 200 1.1 [ok] [] []", "l".repeat(20_000));
    for (name, turns, want) in [
        (
            "100 asked for and given",
            vec![
                (
                    C,
                    &b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"[..],
                ),
                (S, b"HTTP/1.1 100 Continue\r\n\r\n"),
                (C, b"hi"),
                (S, OK),
            ],
            vec!["POST /x 1.1 [hi] -> 200 1.1 [ok] [100] []"],
        ),
        (
            "100 asked for and refused",
            vec![
                (
                    C,
                    b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 20\r\n\r\n",
                ),
                (S, b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"),
                (C, GET),
                (S, OK),
            ],
            vec!["POST /x 1.1 [] -> 417 1.1 [] [] []", FINE],
        ),
        (
            "a method and nothing else",
            vec![(C, b"GET\r\n"), (S, b"<html>")],
            vec!["GET  0.9 [] -> 0 0.9 [<html>] [] []"],
        ),
        (
            "empty lines between requests",
            vec![(C, GET), (S, OK), (C, b"\r\n\r\n"), (C, GET), (S, OK)],
            vec![FINE, FINE],
        ),
        (
            "a line end cut in two",
            vec![
                (C, b"POST /x HTTP/1.0\r"),
                (C, b"\n\r\n"),
                (S, b"HTTP/1.0 200 OK\r\n"),
                (S, b"\r\n"),
            ],
            vec!["POST /x 1.0 [] -> 200 1.0 [] [] []"],
        ),
        (
            "an address of IPv6 as host",
            vec![
                (
                    C,
                    b"GET http://[::1]:8080/x HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
                ),
                (S, OK),
            ],
            vec!["GET http://[::1]:8080/x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "a percent sign at the end",
            vec![(C, b"GET /x% HTTP/1.1\r\n\r\n"), (S, OK)],
            vec!["GET /x% 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "a version of letters",
            vec![
                (C, b"GET /x HTTP/1.1\r\n\r\n"),
                (S, b"HTTP/x.y 200 OK\r\n\r\n"),
            ],
            vec!["GET /x 1.1 [] -> 0 0.9 [HTTP/x.y 200 OK\r\n\r\n] [] [\"bad-framing\"]"],
        ),
        (
            "versions that differ",
            vec![(C, b"GET /x HTTP/1.0\r\n\r\n"), (S, OK)],
            vec!["GET /x 1.0 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "a line of 20 KB",
            vec![(C, long.as_bytes()), (S, OK)],
            vec![&told],
        ),
        (
            "a query with a plus and a body in JSON",
            vec![
                (C, b"QUERY /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"),
                (S, OK),
            ],
            vec!["QUERY /x 1.1 [{}] -> 200 1.1 [ok] [] []"],
        ),
        (
            "DELETE with a body",
            vec![
                (C, b"DELETE /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"),
                (S, OK),
                (C, GET),
                (S, OK),
            ],
            vec!["DELETE /x 1.1 [hi] -> 200 1.1 [ok] [] []", FINE],
        ),
        (
            "two hosts",
            vec![(C, b"GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n"), (S, OK)],
            vec!["GET http://a/x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "chunked both ways",
            vec![
                (
                    C,
                    b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
                ),
                (
                    S,
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                ),
                (C, GET),
                (S, OK),
            ],
            vec!["POST /x 1.1 [hi] -> 200 1.1 [ok] [] []", FINE],
        ),
        (
            "a size in two packets",
            vec![
                (C, GET),
                (
                    S,
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000",
                ),
                (S, b"2\r"),
                (S, b"\nok\r\n0\r\n\r\n"),
            ],
            vec![FINE],
        ),
    ] {
        hold(name, &turns, &want);
    }
}

/// A body longer than its length (`response-extra`), and one that was not declared (`request-unexpected-body`): Zeek gives the
/// rest to the next message or stops; here it is passed over, and the next message says that something stood before it.
#[test]
fn what_is_too_much_is_passed_over() {
    let got = briefs(&play(
        &[
            (C, GET),
            (S, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n\r\n"),
        ],
        usize::MAX,
        Close::Fin,
    ));
    assert_eq!(got, ["GET /x 1.1 [] -> 200 1.0 [ok] [] []"]);
    let unasked = b"POST /1 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nlogin=foo&password=bar";
    let got = briefs(&play(
        &[(C, unasked), (S, OK), (C, GET), (S, OK)],
        usize::MAX,
        Close::Fin,
    ));
    assert_eq!(got.len(), 2, "{got:#?}");
    assert!(
        got[0].starts_with("POST /1 1.1 [] -> 200 1.1 [ok]"),
        "{got:#?}"
    );
    assert!(
        got[1].starts_with("GET /x 1.1 [] -> 200 1.1 [ok]"),
        "{got:#?}"
    );
}

/// A reply first, as where a capture begins between the two; then more replies than requests (`http-desync`): each pair behind is right.
#[test]
fn replies_without_requests() {
    let old = b"HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nold";
    for cut in [usize::MAX, 1, 5] {
        let mut f = Feeder::new();
        for part in old.chunks(cut) {
            f.send(S, part);
        }
        for part in GET.chunks(cut) {
            f.send(C, part);
        }
        for part in OK.chunks(cut) {
            f.send(S, part);
        }
        let got = briefs(&f.finish(Close::Fin).exchanges);
        assert_eq!(got.len(), 2, "{cut}: {got:#?}");
        assert!(got[0].starts_with("- -> 404 1.1 [old]"), "{cut}: {got:#?}");
        assert_eq!(got[1], FINE, "{cut}");
    }
}

/// Letters right behind the three digits (`200OK`, http-evader's kind): tshark and Zeek read 200, suricata's htp no number. A fourth
/// digit makes another number, which tshark reads as 200 all the same: here it is none. `000` is none either, since no status
/// begins below 100 (RFC 9110 section 15). Of an upload that only `100 Continue` answered, Zeek tells 100: here it has no status,
/// because the answer never came. An `Upgrade: h2c` is one call with its final status; tshark shows two answers.
#[test]
fn a_status_is_three_digits() {
    for (line, status) in [
        ("HTTP/1.1 200OK", "200"),
        ("HTTP/1.1 200/OK", "200"),
        ("HTTP/1.1 2000 OK", "-"),
    ] {
        let reply = format!("{line}\r\nContent-Length: 2\r\n\r\nok");
        for cut in [usize::MAX, 1, 3] {
            let turns: [Turn<'_>; 4] = [(C, GET), (S, reply.as_bytes()), (C, GET), (S, OK)];
            let got = play(&turns, cut, Close::Fin);
            let said = got[0].response.as_ref().and_then(|m| m.status());
            let said = said.map_or("-".to_owned(), |s| s.to_string());
            assert_eq!((said.as_str(), got.len()), (status, 2), "{line}, cut {cut}");
            assert!(got[0].flags.has(Flags::BAD_FRAMING), "{line}, cut {cut}");
            assert_eq!(briefs(&got)[1], FINE, "{line}, cut {cut}");
        }
    }
}

/// Words of other protocols are those of HTTP too: a line without a version is a request only where the client speaks first.
#[test]
fn a_line_without_a_version_behind_a_greeting_is_no_request() {
    for (greeting, line) in [
        (&b"200 news.example ready\r\n"[..], &b"POST\r\n"[..]),
        (b"+OK ready\r\n", b"DELETE 1\r\n"),
        (b"Welcome\r\n> ", b"GET /volume/1\r\n"),
        (b"200 news.example ready\r\n", b"HEAD\r\n"),
    ] {
        let turns: [Turn<'_>; 3] = [(S, greeting), (C, line), (S, b"340 go on\r\n")];
        for cut in [usize::MAX, 1, 3] {
            let got = briefs(&play(&turns, cut, Close::Fin));
            assert!(got.is_empty(), "{cut} {got:?}");
        }
        let turns: [Turn<'_>; 2] = [(C, b"GET /volume/1\r\n"), (S, b"here it is")];
        let got = briefs(&play(&turns, usize::MAX, Close::Fin));
        assert_eq!(got.len(), 1, "{got:?}");
    }
    // with a version it is one, whoever spoke first
    let turns: [Turn<'_>; 2] = [
        (S, b"the end of a page"),
        (C, b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n"),
    ];
    for cut in [usize::MAX, 1, 3] {
        let got = briefs(&play(&turns, cut, Close::Fin));
        assert_eq!(got.len(), 1, "{cut} {got:?}");
    }
}
