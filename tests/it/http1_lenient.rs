//! HTTP/1 as it is really sent: a case is what each side sent and the calls that follow from it. Every case is played in several
//! cuts, since where packets end must change nothing. `bad-framing` stands exactly where RFC 9112 is broken; the last test holds
//! that it stands nowhere else.

use crate::http1::{C, S, Turn, briefs, play};
use leaktrace::call::model::Flags;
use leaktrace::net::Close;

/// Client bytes, server bytes, calls.
type Case = (
    &'static str,
    &'static [u8],
    &'static [u8],
    &'static [&'static str],
);

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

/// One request and its reply, ended by FIN.
fn hold(cases: &[Case]) {
    for (name, client, server, want) in cases {
        for cut in [usize::MAX, 1, 2, 7] {
            let turns: [Turn<'_>; 2] = [(C, client), (S, server)];
            let got = play(&turns, cut, Close::Fin);
            assert_eq!(briefs(&got), *want, "{name}, cut {cut}");
        }
    }
}

#[test]
fn start_lines() {
    hold(&[
        (
            "lower-case method",
            b"get /x HTTP/1.1\r\n\r\n",
            OK,
            &[r#"get /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "QUERY",
            b"QUERY /x HTTP/1.1\r\n\r\n",
            OK,
            &["QUERY /x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "own method",
            b"FROB-It /x HTTP/1.1\r\n\r\n",
            OK,
            &["FROB-It /x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "absolute",
            b"GET http://h/x HTTP/1.1\r\n\r\n",
            OK,
            &["GET http://h/x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "asterisk",
            b"OPTIONS * HTTP/1.1\r\n\r\n",
            OK,
            &["OPTIONS * 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "1.2",
            b"GET /x HTTP/1.2\r\n\r\n",
            OK,
            &["GET /x 1.2 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "lower-case version",
            b"GET /x http/1.1\r\n\r\n",
            OK,
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "no version, fields",
            b"GET /x\r\nHost: h\r\n\r\n",
            OK,
            &[r#"GET /x 1.0 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "no target",
            b"GET HTTP/1.1\r\nHost: h\r\n\r\n",
            OK,
            &[r#"GET  1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "two blanks",
            b"GET  /x  HTTP/1.1\r\n\r\n",
            OK,
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "tabs",
            b"GET\t/x\tHTTP/1.1\r\n\r\n",
            OK,
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "blank at the end",
            b"GET /x HTTP/1.1 \r\n\r\n",
            OK,
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "blank in the target",
            b"GET /a b HTTP/1.1\r\n\r\n",
            OK,
            &[r#"GET /a b 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "NUL in the target",
            b"GET /\0 HTTP/1.1\r\n\r\n",
            OK,
            &["GET /\0 1.1 [] -> 200 1.1 [ok] [] [\"bad-framing\"]"],
        ),
        (
            "empty lines first",
            b"\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
            OK,
            &["GET /x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "lower-case reply",
            GET,
            b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "ICY",
            GET,
            b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
            &[r#"GET /x 1.1 [] -> 200 1.0 [ok] [] ["bad-framing"]"#],
        ),
        (
            "no reason",
            GET,
            b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
            &["GET /x 1.1 [] -> 200 1.1 [ok] [] []"],
        ),
        (
            "no status",
            GET,
            b"HTTP/1.1\r\nContent-Length: 2\r\n\r\nok",
            &[r#"GET /x 1.1 [] -> 0 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "status in letters",
            GET,
            b"HTTP/1.1 abc\r\nContent-Length: 2\r\n\r\nok",
            &[r#"GET /x 1.1 [] -> 0 1.1 [ok] [] ["bad-framing"]"#],
        ),
    ]);
}

#[test]
fn lines_and_fields() {
    let bad = r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#;
    let ok: &[u8] = OK;
    hold(&[
        (
            "bare LF",
            b"GET /x HTTP/1.1\nHost: h\n\n",
            ok,
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "one bare LF",
            GET,
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok",
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "CR twice",
            GET,
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\r\n\r\r\nok",
            &[r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
    ]);
    for field in [
        &b"A: b\rTransfer-Encoding: chunked"[..],
        b"A: b\0c",
        b"A : b",
        b": b",
        b"no colon",
        b"A: b\r\n\tfolded",
        b"A: b\r\n ",
        b"Content Length: 9",
        b"Transfer_Encoding: chunked",
        b"\x0bTransfer-Encoding: chunked",
        b"Content-Length: 2",
        b"Content-Length: 3",
    ] {
        let reply = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
            field,
            b"\r\n\r\nok",
        ]
        .concat();
        for cut in [usize::MAX, 1, 3] {
            let got = play(&[(C, GET), (S, &reply)], cut, Close::Fin);
            assert_eq!(
                briefs(&got),
                [bad],
                "{:?} {cut}",
                String::from_utf8_lossy(field)
            );
        }
    }
}

/// Of several lengths the first that is a number counts; chunked counts more than any.
#[test]
fn lengths_and_codings() {
    let close = "GET /x 1.1 [] -> 200 1.1 [hello] [] [\"bad-framing\"]";
    for (fields, body, bad) in [
        ("Content-Length: 5", "hello", false),
        ("Content-Length: 005", "hello", false),
        ("Content-Length: 5, 5", "hello", true),
        ("Content-Length: 5\r\nContent-Length: 99", "hello", true),
        ("Content-Length: x\r\nContent-Length: 5", "hello", true),
        ("Content-Length: +5", "hello", true),
        ("Content-Length: 5 bytes", "hello", true),
        ("Content-Length: -5", "hello", true),
        ("Content-Length: 0x5", "hello", true),
        ("Content-Length: 99999999999999999999999", "hello", true),
        ("Content-Length:", "hello", true),
        (
            "Transfer-Encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
            false,
        ),
        (
            "Transfer-Encoding: CHUNKED",
            "5;a=\"b\";c\r\nhello\r\n000\r\nA: b\r\n\r\n",
            false,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "5\r\nhello\r\n0\r\n\r\n",
            true,
        ),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "5\r\nhello\r\n0\r\n\r\n",
            true,
        ),
        (
            "Transfer-Encoding: identity\r\nContent-Length: 5",
            "hello",
            true,
        ),
        ("Transfer-Encoding: xchunked", "hello", true),
        ("Transfer-Encoding: chunked, gzip", "hello", true),
        (
            "Transfer-Encoding: chunked, chunked",
            "5\r\nhello\r\n0\r\n\r\n",
            true,
        ),
        (
            "Transfer-Encoding: chunked;a=b",
            "5\r\nhello\r\n0\r\n\r\n",
            true,
        ),
        ("Transfer-Encoding: chunked", "5\nhello\n0\n\n", true),
        (
            "Transfer-Encoding: chunked",
            " 5 \r\nhello\r\n0\r\n\r\n",
            true,
        ),
        ("Transfer-Encoding: chunked", "5\r\nhello0\r\n\r\n", true),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n", true),
        ("Transfer-Encoding: chunked", "hello", true),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}");
        let want = if bad {
            close
        } else {
            "GET /x 1.1 [] -> 200 1.1 [hello] [] []"
        };
        for cut in [usize::MAX, 1, 3] {
            let got = play(&[(C, GET), (S, reply.as_bytes())], cut, Close::Fin);
            assert_eq!(briefs(&got), [want], "{fields} {body:?} cut {cut}");
            assert!(
                got[0].response.as_ref().unwrap().body.complete,
                "{fields} {body:?}"
            );
        }
    }
}

/// What makes two readers of one stream see different requests is flagged, and the calls behind it are still found.
#[test]
fn smuggled_requests_are_flagged() {
    for (name, first) in [
        ("CL.TE", &b"POST /1 HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"[..]),
        ("TE.TE", b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: 0\r\n\r\n"),
        ("CL.CL", b"POST /1 HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 7\r\n\r\n"),
        ("1.0 TE", b"POST /1 HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ] {
        for cut in [usize::MAX, 1, 5] {
            let got = play(&[(C, first), (S, OK), (C, GET), (S, OK)], cut, Close::Fin);
            let all = briefs(&got);
            assert_eq!(all.len(), 2, "{name} {all:#?}");
            assert!(all[0].starts_with("POST /1 ") && all[0].contains("bad-framing"), "{name} {all:#?}");
            assert_eq!(all[1], "GET /x 1.1 [] -> 200 1.1 [ok] [] []", "{name}");
        }
    }
}

/// A body where none may be is skipped by its declared length, and the message behind it says so.
#[test]
fn bodies_that_must_not_be() {
    for (method, status) in [("HEAD", 200), ("GET", 304), ("GET", 204)] {
        let request = format!("{method} /1 HTTP/1.1\r\n\r\n");
        let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\nhello");
        for cut in [usize::MAX, 1, 3] {
            let pipelined = [reply.as_bytes(), OK].concat();
            let requests = [request.as_bytes(), GET].concat();
            let got = play(&[(C, &requests), (S, &pipelined)], cut, Close::Fin);
            assert_eq!(got.len(), 2);
            assert_eq!(
                briefs(&got)[1],
                r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#,
                "{method} {status} {cut}"
            );
        }
    }
}

#[test]
fn interim_partial_and_early_replies() {
    hold(&[
        (
            "100, 102, 103",
            b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            &["POST /x 1.1 [a] -> 200 1.1 [ok] [100, 102, 103] []"],
        ),
        (
            "byteranges",
            GET,
            b"HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: 40\r\n\r\n--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--",
            &["GET /x 1.1 [] -> 206 1.1 [--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--] [] []"],
        ),
    ]);
}

/// Well-formed messages, and what is often taken for a fault: never flagged.
#[test]
fn what_is_well_formed_is_not_flagged() {
    for head in [
        "GET / HTTP/1.1\r\nHost: h\r\nEmpty:\r\nA:b\r\nA: \tc \r\n\r\n",
        "GET http://[::1]:80/a?b=c HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\n\r\n",
        "CONNECT h:443 HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\n\r\n",
        "GET /simple\r\n",
    ] {
        for cut in [usize::MAX, 1] {
            let got = play(&[(C, head.as_bytes())], cut, Close::Fin);
            assert_eq!(got.len(), 1, "{head:?}");
            assert!(!got[0].flags.has(Flags::BAD_FRAMING), "{head:?} cut {cut}");
        }
    }
    for reply in [
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 \r\n\r\nto the close",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
    ] {
        let got = play(&[(C, GET), (S, reply.as_bytes())], usize::MAX, Close::Fin);
        assert!(!got[0].flags.has(Flags::BAD_FRAMING), "{reply:?}");
    }
}

/// Messages that say less than they should, and the ones behind them.
#[test]
fn messages_that_end_or_answer_oddly() {
    for (name, turns, want) in [
        (
            "a status with a sign behind it",
            vec![
                (C, GET),
                (S, b"HTTP/1.1 200: OK\r\nContent-Length: 2\r\n\r\nok"),
            ],
            vec![r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#],
        ),
        (
            "the last chunk without its empty line",
            vec![
                (C, GET),
                (
                    S,
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
                ),
                (C, GET),
                (S, OK),
            ],
            vec![
                r#"GET /x 1.1 [] -> 200 1.1 [ok] [] ["bad-framing"]"#,
                "GET /x 1.1 [] -> 200 1.1 [ok] [] []",
            ],
        ),
        (
            "parts of a file without their length",
            vec![
                (C, GET),
                (
                    S,
                    b"HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=b\r\n\r\n",
                ),
                (S, b"--b\r\n\r\na\r\n--b--"),
                (C, GET),
                (S, OK),
            ],
            vec![
                "GET /x 1.1 [] -> 206 1.1 [--b\r\n\r\na\r\n--b--] [] [\"bad-framing\"]",
                "GET /x 1.1 [] -> 200 1.1 [ok] [] []",
            ],
        ),
    ] {
        for cut in [usize::MAX, 1, 3, 8] {
            let got = play(&turns, cut, Close::Fin);
            assert_eq!(briefs(&got), want, "{name}, cut {cut}");
        }
    }
}
