//! HTTP/1 fed by hand: every kind of message, in every cut, with every loss. The streams are written out, so that what is expected
//! stands beside what was sent.

use leaktrace::call::model::{Exchange, Flags, Stamp, Unit};
use leaktrace::net::{Close, FlowKey, FlowStats, Missing, Segment, Side, StreamSink};
use leaktrace::proto::Calls;
use std::net::IpAddr;

/// One turn of a conversation: who speaks, and what.
pub type Turn<'a> = (Side, &'a [u8]);
pub const C: Side = Side::A;
pub const S: Side = Side::B;

/// Feeds turns as segments of at most `cut` bytes, with true acknowledgements.
pub struct Feeder {
    pub calls: Calls,
    pub state: Option<<Calls as StreamSink>::State>,
    pub sent: [u64; 2],
    pub packets: [u64; 2],
    unit: u64,
}

pub fn i(side: Side) -> usize {
    usize::from(side == Side::B)
}

impl Feeder {
    pub fn new() -> Feeder {
        let mut calls = Calls::default();
        let key = FlowKey {
            a: (IpAddr::from([10, 0, 0, 1]), 40000),
            b: (IpAddr::from([10, 0, 0, 2]), 8080),
            protocol: 6,
        };
        let state = Some(calls.open(0, &key, Stamp::default()));
        Feeder {
            calls,
            state,
            sent: [0; 2],
            packets: [0; 2],
            unit: 0,
        }
    }
    fn stamp(&self) -> Stamp {
        Stamp {
            ts: self.unit as i64 * 1000,
            unit: Unit {
                source: 0,
                number: self.unit,
            },
        }
    }
    pub fn send(&mut self, side: Side, bytes: &[u8]) {
        self.unit += 1;
        self.packets[i(side)] += 1;
        let seg = Segment {
            bytes,
            offset: self.sent[i(side)],
            zero: 0,
            acked: self.sent[i(side.other())],
            at: self.stamp(),
            retransmitted: false,
        };
        self.sent[i(side)] += bytes.len() as u64;
        self.calls.data(self.state.as_mut().unwrap(), side, seg);
    }
    pub fn gap(&mut self, side: Side, n: usize, why: Missing) {
        self.unit += 1;
        self.sent[i(side)] += n as u64;
        let at = self.stamp();
        self.calls
            .gap(self.state.as_mut().unwrap(), side, n as u64, why, at);
    }
    /// A side ends.
    pub fn fin(&mut self, side: Side) {
        let at = self.stamp();
        self.calls.fin(self.state.as_mut().unwrap(), side, at);
    }
    /// Bytes before `offset` came again.
    pub fn resent(&mut self, side: Side, offset: u64) {
        self.unit += 1;
        let seg = Segment {
            bytes: &[],
            offset,
            zero: 0,
            acked: self.sent[i(side.other())],
            at: self.stamp(),
            retransmitted: true,
        };
        self.calls.data(self.state.as_mut().unwrap(), side, seg);
    }
    pub fn finish(mut self, close: Close) -> Calls {
        let at = self.stamp();
        let mut state = self.state.take().unwrap();
        if close == Close::Fin {
            self.calls.fin(&mut state, C, at);
            self.calls.fin(&mut state, S, at);
        }
        let stats = FlowStats {
            first: Stamp::default(),
            last: at,
            packets: self.packets,
            bytes: self.sent,
            gaps: 0,
            handshake: true,
            close,
        };
        self.calls.close(state, &stats);
        self.calls
    }
}

pub fn play(turns: &[Turn<'_>], cut: usize, close: Close) -> Vec<Exchange> {
    let mut f = Feeder::new();
    for (side, bytes) in turns {
        for part in bytes.chunks(cut.max(1)) {
            f.send(*side, part);
        }
    }
    f.finish(close).exchanges
}

/// What a test wants to know of an exchange: request line, status, bodies, flags.
pub fn brief(x: &Exchange) -> String {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let req = x.request.as_ref().map_or("-".to_owned(), |m| {
        format!(
            "{} {} {}.{} [{}]",
            text(m.method().unwrap_or_default()),
            text(m.target().unwrap_or_default()),
            m.version.0,
            m.version.1,
            text(&m.body.bytes)
        )
    });
    let resp = x.response.as_ref().map_or("-".to_owned(), |m| {
        format!(
            "{} {}.{} [{}]",
            m.status().unwrap_or(0),
            m.version.0,
            m.version.1,
            text(&m.body.bytes)
        )
    });
    let interim: Vec<_> = x.interim.iter().filter_map(|m| m.status()).collect();
    format!("{req} -> {resp} {interim:?} {:?}", x.flags.names())
}

pub fn briefs(v: &[Exchange]) -> Vec<String> {
    let mut v: Vec<&Exchange> = v.iter().collect();
    v.sort_by_key(|x| x.ordinal);
    v.iter().map(|x| brief(x)).collect()
}

/// The end of a word is no method, wherever a segment happens to begin.
#[test]
fn no_cut_makes_a_request_of_the_end_of_a_word() {
    let words = [
        "A".repeat(40),
        "INVENTED-".repeat(5),
        "somethingtoforget".repeat(3),
        "\u{1}FOO".to_owned(),
        "x=1&y=SOMETHING".to_owned(),
    ];
    for word in &words {
        let text = format!("{word} /x HTTP/1.1\r\nHost: h\r\n\r\n");
        let whole = briefs(&play(&[(C, text.as_bytes())], usize::MAX, Close::Fin));
        for cut in 1..text.len() {
            let got = briefs(&play(&[(C, text.as_bytes())], cut, Close::Fin));
            assert_eq!(got, whole, "{word} {cut}");
        }
    }
    // behind a body of which the beginning was not captured, a segment's start is a start
    let mut f = Feeder::new();
    f.gap(C, 50, Missing::Lost);
    f.send(C, b"&name=Joe");
    f.send(C, b"POST /x HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(f.finish(Close::Fin).exchanges.len(), 1);
}

/// Name, conversation, expected briefs. Ended by FIN.
fn golden() -> Vec<(&'static str, Vec<Turn<'static>>, Vec<&'static str>)> {
    vec![
        (
            "keep-alive with lengths",
            vec![
                (C, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
                (S, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
                (C, b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"),
                (S, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["GET /a 1.1 [] -> 200 1.1 [hello] [] []", "POST /b 1.1 [abc] -> 201 1.1 [] [] []"],
        ),
        (
            "pipelined, answered in one",
            vec![
                (C, b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nHEAD /3 HTTP/1.1\r\n\r\nGET /4 HTTP/1.1\r\n\r\n"),
                (S, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\n4"),
            ],
            vec![
                "GET /1 1.1 [] -> 200 1.1 [1] [] []",
                "GET /2 1.1 [] -> 304 1.1 [] [] []",
                "HEAD /3 1.1 [] -> 200 1.1 [] [] []",
                "GET /4 1.1 [] -> 404 1.1 [4] [] []",
            ],
        ),
        (
            "chunked both ways, extensions and trailers",
            vec![
                (C, b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"),
                (S, b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n00A\r\n0123456789\r\n0\r\n\r\n"),
                (C, b"GET /d HTTP/1.1\r\n\r\n"),
                (S, b"HTTP/1.1 204 No Content\r\n\r\n"),
            ],
            vec!["PUT /c 1.1 [abcde] -> 200 1.1 [0123456789] [] []", "GET /d 1.1 [] -> 204 1.1 [] [] []"],
        ),
        (
            "100-continue",
            vec![
                (C, b"POST /u HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
                (S, b"HTTP/1.1 100 Continue\r\n\r\n"),
                (C, b"body"),
                (S, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ],
            vec!["POST /u 1.1 [body] -> 200 1.1 [ok] [100, 103] []"],
        ),
        (
            "1.0, body to the close",
            vec![(C, b"GET /old HTTP/1.0\r\n\r\n"), (S, b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall\n\nof it")],
            vec!["GET /old 1.0 [] -> 200 1.0 [all\n\nof it] [] []"],
        ),
        (
            "0.9",
            vec![(C, b"GET /simple\r\n"), (S, b"\n<html>HTTP/1.1 200 is not a head</html>")],
            vec!["GET /simple 0.9 [] -> 0 0.9 [\n<html>HTTP/1.1 200 is not a head</html>] [] []"],
        ),
        (
            "0.9 asked, 1.0 answered",
            vec![(C, b"GET /simple\n"), (S, b"HTTP/1.0 200 OK\r\n\r\nx")],
            vec!["GET /simple 0.9 [] -> 200 1.0 [x] [] []"],
        ),
        (
            "leading breaks, bare LF, folding, lower case, blanks in the target",
            vec![
                (C, b"\r\n\r\nget /a b c http/1.1\nHost: h\nX: 1\n  2\n\n"),
                (S, b"http/1.1 200 fine\nContent-Length: 1\n\nx"),
                (C, b"\r\nFROB http://h/x HTTP/1.1\r\n\r\n"),
                (S, b"HTTP/1.1 501\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["get /a b c 1.1 [] -> 200 1.1 [x] [] [\"bad-framing\"]", "FROB http://h/x 1.1 [] -> 501 1.1 [] [] []"],
        ),
        (
            "CONNECT, then HTTP inside",
            vec![
                (C, b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"),
                (S, b"HTTP/1.1 200 Connection established\r\n\r\n"),
                (C, b"GET /in HTTP/1.1\r\nHost: h\r\n\r\n"),
                (S, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin"),
            ],
            vec!["CONNECT h:80 1.1 [] -> 200 1.1 [] [] [\"upgraded\"]", "GET /in 1.1 [] -> 200 1.1 [in] [] []"],
        ),
        (
            "CONNECT refused, then tried again",
            vec![
                (C, b"CONNECT h:80 HTTP/1.1\r\n\r\n"),
                (S, b"HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno"),
                (C, b"CONNECT h:80 HTTP/1.1\r\nProxy-Authorization: x\r\n\r\n"),
                (S, b"HTTP/1.1 200 OK\r\n\r\n"),
                (C, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"),
            ],
            vec!["CONNECT h:80 1.1 [] -> 407 1.1 [no] [] []", "CONNECT h:80 1.1 [] -> 200 1.1 [] [] [\"upgraded\"]"],
        ),
        (
            "upgrade",
            vec![
                (C, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
                (S, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x89\x04ping"),
                (C, b"\x8a\x84\x00\x00\x00\x00ping"),
            ],
            vec!["GET /ws 1.1 [] -> 101 1.1 [] [] [\"upgraded\"]"],
        ),
        (
            "two lengths",
            vec![
                (C, b"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nab"),
                (S, b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["POST /x 1.1 [ab] -> 400 1.1 [] [] [\"bad-framing\"]"],
        ),
        (
            "refused before the body was sent",
            vec![
                (C, b"PUT /p HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n"),
                (S, b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
                (C, b"GET /then HTTP/1.1\r\n\r\n"),
                (S, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            ],
            vec!["PUT /p 1.1 [] -> 401 1.1 [] [] []", "GET /then 1.1 [] -> 200 1.1 [] [] []"],
        ),
        (
            "answered before the upload ended",
            vec![
                (C, b"POST /big HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234"),
                (S, b"HTTP/1.1 413 Too big\r\nContent-Length: 2\r\n\r\nno"),
                (C, b"56789"),
            ],
            vec!["POST /big 1.1 [0123456789] -> 413 1.1 [no] [] []"],
        ),
    ]
}

#[test]
fn golden_conversations_in_every_cut() {
    for (name, turns, want) in golden() {
        for cut in [usize::MAX, 1, 2, 3, 5, 7, 16, 31] {
            let got = play(&turns, cut, Close::Fin);
            if name.starts_with("refused") && cut < 31 {
                continue; // whether a body of 99 bytes comes shows only in a whole request line
            }
            assert_eq!(briefs(&got), want, "{name}, cut {cut}");
            assert!(got.iter().all(|x| x.done));
        }
    }
}

#[test]
fn sides_may_be_swapped() {
    for (name, turns, want) in golden() {
        let swapped: Vec<Turn<'_>> = turns.iter().map(|(s, b)| (s.other(), *b)).collect();
        let got = play(&swapped, usize::MAX, Close::Fin);
        assert_eq!(briefs(&got), want, "{name}");
        assert!(got.iter().all(|x| x.client.1 == 8080), "{name}");
    }
}

#[test]
fn stamps_are_those_of_first_and_last_byte() {
    let mut f = Feeder::new();
    f.send(C, b"GET / HT"); // packet 1
    f.send(C, b"TP/1.1\r\n\r\n"); // 2
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"); // 3
    f.send(S, b"ab"); // 4
    f.send(S, b"cdHTTP/1.1 408 T\r\nContent-Length: 0\r\n\r\n"); // 5
    let got = f.finish(Close::Fin).exchanges;
    let place = |m: &leaktrace::call::model::Message| (m.first.unit.number, m.last.unit.number);
    assert_eq!(got[0].request.as_ref().map(place), Some((1, 2)));
    assert_eq!(got[0].response.as_ref().map(place), Some((3, 5)));
    assert_eq!(got[1].response.as_ref().map(place), Some((5, 5)));
    assert!(got[1].flags.has(Flags::NO_REQUEST));
}

/// Each part of each conversation lost in turn: nothing breaks, the loss shows, and a conversation begun afterwards is whole.
#[test]
fn any_one_segment_lost() {
    for (name, turns, _) in golden() {
        let parts: Vec<Turn<'_>> = turns
            .iter()
            .flat_map(|(s, b)| b.chunks(9).map(move |c| (*s, c)))
            .collect();
        let switched = name.contains("CONNECT")
            || name.starts_with("refused")
            || name == "upgrade"
            || name.contains("close")
            || name.starts_with("0.9");
        for lost in 0..parts.len() {
            for why in [Missing::Lost, Missing::Snaplen] {
                let mut f = Feeder::new();
                for (n, (side, bytes)) in parts.iter().enumerate() {
                    if n == lost {
                        f.gap(*side, bytes.len(), why);
                    } else {
                        f.send(*side, bytes);
                    }
                }
                f.send(C, b"GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
                f.send(S, b"HTTP/1.1 299 After\r\nContent-Length: 5\r\n\r\nafter");
                let got = briefs(&f.finish(Close::Fin).exchanges);
                if switched {
                    continue;
                }
                let marked =
                    name.contains("pipelined") && got.iter().any(|b| b.contains("uncertain-pair"));
                let whole = marked
                    || got
                        .iter()
                        .any(|b| b.starts_with("GET /after 1.1 [] -> 299 1.1 [after] []"));
                assert!(
                    whole,
                    "{name}: lost part {lost} {:?}: {got:#?}",
                    parts[lost]
                );
            }
        }
    }
}

#[test]
fn a_gap_inside_a_body_is_skipped_by_length() {
    let mut f = Feeder::new();
    f.send(C, b"GET /a HTTP/1.1\r\n\r\n");
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012");
    f.gap(S, 4, Missing::Lost);
    f.send(
        S,
        b"789HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n01",
    );
    f.gap(S, 3, Missing::Snaplen);
    f.send(S, b"56789\r\n0\r\n\r\n");
    f.send(C, b"GET /c HTTP/1.1\r\n\r\n");
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    f.gap(S, 3, Missing::Lost);
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
    let got = f.finish(Close::End).exchanges;
    let resp = |n: u32| {
        got.iter()
            .find(|x| x.ordinal == n)
            .and_then(|x| x.response.clone())
            .unwrap()
    };
    assert_eq!(
        (resp(0).body.bytes.as_slice(), resp(0).body.gaps.as_slice()),
        (&b"012789"[..], &[(3, 4)][..])
    );
    assert!(resp(0).body.complete && resp(0).flags.has(Flags::GAP));
    assert_eq!(
        (resp(1).body.bytes.as_slice(), resp(1).body.gaps.as_slice()),
        (&b"0156789"[..], &[(2, 3)][..])
    );
    assert!(resp(1).flags.has(Flags::TRUNCATED) && !resp(1).flags.has(Flags::GAP));
    assert_eq!((resp(2).body.len, resp(2).body.complete), (0, false));
    assert_eq!((resp(3).body.len, resp(3).body.complete), (1, false));
    assert!(resp(3).flags.has(Flags::TRUNCATED));
}

/// The case that marries request 1 to reply 2 elsewhere: reply 1 is lost whole on a keep-alive connection.
#[test]
fn a_lost_reply_does_not_shift_the_pairs() {
    let mut f = Feeder::new();
    let reply = |n: u32| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{n:02}");
    for n in 0..20u32 {
        f.send(C, format!("GET /{n} HTTP/1.1\r\n\r\n").as_bytes());
        if n == 7 {
            f.gap(S, reply(n).len(), Missing::Lost);
        } else {
            f.send(S, reply(n).as_bytes());
        }
    }
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got.len(), 20);
    for (n, b) in got.iter().enumerate() {
        let want = if n == 7 {
            "GET /7 1.1 [] -> - [] [\"no-response\"]".to_owned()
        } else {
            format!("GET /{n} 1.1 [] -> 200 1.1 [{n:02}] [] []")
        };
        assert_eq!(*b, want);
    }
}

#[test]
fn a_lost_request_leaves_its_reply_alone() {
    let mut f = Feeder::new();
    for n in 0..6u32 {
        let request = format!("GET /{n} HTTP/1.1\r\n\r\n");
        if n == 2 {
            f.gap(C, request.len(), Missing::Lost);
        } else {
            f.send(C, request.as_bytes());
        }
        f.send(
            S,
            format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{n:02}").as_bytes(),
        );
    }
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got[2], "- -> 200 1.1 [02] [] [\"no-request\"]");
    assert_eq!(got[3], "GET /3 1.1 [] -> 200 1.1 [03] [] []");
    assert_eq!(got.len(), 6);
}

/// What was acknowledged when several were sent together says which of them is next, and no more: behind the greeting of a proxy,
/// or behind a reply that was lost.
#[test]
fn a_pipeline_behind_bytes_that_were_no_reply_keeps_its_pairs() {
    let mut f = Feeder::new();
    f.send(C, b"GET /0 HTTP/1.1\r\n\r\n");
    f.gap(S, 40, Missing::Lost);
    f.send(C, b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    for n in 1..3 {
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}");
        f.send(S, reply.as_bytes());
    }
    assert_eq!(
        briefs(&f.finish(Close::Fin).exchanges),
        [
            r#"GET /0 1.1 [] -> - [] ["no-response"]"#,
            "GET /1 1.1 [] -> 200 1.1 [1] [] []",
            "GET /2 1.1 [] -> 200 1.1 [2] [] []",
        ]
    );
}

/// A reply and the next request are lost: request 1 must not be married to reply 2, also where nothing has shown the client's
/// loss but that the server acknowledged it.
#[test]
fn a_reply_behind_a_lost_one_and_a_lost_request_is_not_that_of_the_request_before() {
    let request = |n: u32| format!("GET /{n} HTTP/1.1\r\n\r\n");
    let reply = |n: u32| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{n:02}");
    for (told, before) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut f = Feeder::new();
        for n in 0..6u32 {
            let (len, r) = (request(n).len(), reply(n));
            match n {
                3 if told => f.gap(C, len, Missing::Lost),
                3 => f.sent[0] += len as u64,
                _ => f.send(C, request(n).as_bytes()),
            }
            match n {
                // the request may have acknowledged what is lost before as well
                1 if before => f.gap(S, r.len(), Missing::Lost),
                2 => f.gap(S, r.len(), Missing::Lost),
                _ => f.send(S, r.as_bytes()),
            }
            if n == 3 && !told {
                f.sent[0] -= len as u64;
                f.gap(C, len, Missing::Lost);
            }
        }
        let got = briefs(&f.finish(Close::Fin).exchanges);
        assert_eq!(got.len(), 6, "{got:#?}");
        assert_eq!(got[2], r#"GET /2 1.1 [] -> - [] ["gap", "no-response"]"#);
        assert_eq!(got[3], r#"- -> 200 1.1 [03] [] ["no-request"]"#);
        for n in [0, 1, 4, 5] {
            if n == 1 && before {
                assert_eq!(got[1], r#"GET /1 1.1 [] -> - [] ["no-response"]"#);
                continue;
            }
            let want = format!("GET /{n} 1.1 [] -> 200 1.1 [{n:02}] [] []");
            assert_eq!(got[n], want);
        }
    }
}

#[test]
fn pipelined_with_a_lost_reply_is_marked() {
    let mut f = Feeder::new();
    f.send(C, b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
    f.gap(S, 40, Missing::Lost);
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    let got = f.finish(Close::Fin).exchanges;
    assert!(
        got.iter()
            .any(|x| x.response.is_some() && x.flags.has(Flags::UNCERTAIN_PAIR)),
        "{:?}",
        briefs(&got)
    );
}

#[test]
fn a_reply_captured_before_its_request() {
    let mut f = Feeder::new();
    let request = b"GET /late HTTP/1.1\r\n\r\n";
    f.sent[0] = request.len() as u64; // the server had it; the capture has not shown it yet
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    (f.sent[0], f.sent[1]) = (0, 0);
    f.send(C, request);
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got, ["GET /late 1.1 [] -> 200 1.1 [x] [] []"]);
}

/// A reply that comes before it is known that it has no body is told as what it may not be.
#[test]
fn a_reply_captured_before_a_head_is_marked() {
    let mut f = Feeder::new();
    let request = b"HEAD /late HTTP/1.1\r\n\r\n";
    f.sent[0] = request.len() as u64;
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    (f.sent[0], f.sent[1]) = (0, 0);
    f.send(C, request);
    let got = f.finish(Close::Fin).exchanges;
    assert!(
        got[0].flags.has(Flags::UNCERTAIN_PAIR),
        "{:?}",
        briefs(&got)
    );
}

#[test]
fn one_side_alone() {
    let got = play(
        &[
            (C, b"GET /1 HTTP/1.1\r\n\r\n"),
            (C, b"GET /2 HTTP/1.1\r\n\r\n"),
        ],
        usize::MAX,
        Close::End,
    );
    assert_eq!(
        briefs(&got),
        [
            "GET /1 1.1 [] -> - [] [\"one-sided\", \"no-response\"]",
            "GET /2 1.1 [] -> - [] [\"one-sided\", \"no-response\"]"
        ]
    );
    let replies: Vec<Turn<'_>> = (0..40)
        .map(|_| (S, &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"[..]))
        .collect();
    let got = play(&replies, usize::MAX, Close::End);
    assert_eq!(got.len(), 40);
    assert!(
        got.iter()
            .all(|x| brief(x) == "- -> 200 1.1 [x] [] [\"one-sided\", \"no-request\"]")
    );
}

#[test]
fn joined_midstream() {
    let mut f = Feeder::new();
    f.send(S, b"...the rest of a body\r\n");
    f.send(S, b"more of it");
    f.send(C, b"GET /x HTTP/1.1\r\n\r\n");
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(
        briefs(&f.finish(Close::End).exchanges),
        ["GET /x 1.1 [] -> 200 1.1 [x] [] []"]
    );
    // the reply to a HEAD that was not captured
    let got = play(
        &[
            (S, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
            (S, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
        ],
        usize::MAX,
        Close::End,
    );
    assert_eq!(got.len(), 2);
}

#[test]
fn a_cut_head_still_counts() {
    let mut f = Feeder::new();
    f.send(C, b"GET /cut HTTP/1.1\r\nHost: example.org\r\nCook");
    f.gap(C, 400, Missing::Snaplen);
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Le");
    f.gap(S, 900, Missing::Snaplen);
    f.send(C, b"GET /next HTTP/1.1\r\nHo");
    let got = f.finish(Close::End).exchanges;
    assert_eq!(
        briefs(&got),
        [
            "GET /cut 1.1 [] -> 200 1.1 [] [] [\"truncated\", \"partial-headers\"]",
            "GET /next 1.1 [] -> - [] [\"truncated\", \"no-response\", \"partial-headers\"]"
        ]
    );
    assert_eq!(
        got[0].request.as_ref().unwrap().header("host"),
        Some(&b"example.org"[..])
    );
}

#[test]
fn begun_calls_are_shown_once_until_they_change() {
    let mut f = Feeder::new();
    let look = |f: &mut Feeder| {
        let mut out = Vec::new();
        f.state.as_mut().unwrap().open_exchanges(&mut out);
        out
    };
    f.send(C, b"POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nab");
    let seen = look(&mut f);
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].done && seen[0].request.as_ref().unwrap().body.len == 2);
    assert!(look(&mut f).is_empty());
    f.send(C, b"cd");
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(
        look(&mut f)[0].response.as_ref().unwrap().status(),
        Some(200)
    );
    assert!(f.calls.exchanges.is_empty());
    f.send(S, b"123456789");
    assert_eq!(f.calls.exchanges.len(), 1);
    assert!(look(&mut f).is_empty());
}

#[test]
fn seeded_garbage_and_broken_messages() {
    let mut x = 0x1234_5678_9abc_def1u64;
    let mut next = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    let all = golden();
    for round in 0..3000u64 {
        let (_, turns, _) = &all[(round as usize) % all.len()];
        let mut f = Feeder::new();
        for (side, bytes) in turns {
            let mut b = bytes.to_vec();
            for _ in 0..next() % 4 {
                let at = (next() as usize) % b.len();
                match next() % 4 {
                    0 => b[at] = next() as u8,
                    1 => b.truncate(at.max(1)),
                    2 => b.insert(at, next() as u8),
                    _ => drop(b.remove(at)),
                }
                if b.is_empty() {
                    b.push(b'x');
                }
            }
            let cut = 1 + (next() as usize) % 40;
            for part in b.chunks(cut) {
                match next() % 23 {
                    0 => f.gap(*side, part.len(), Missing::Lost),
                    1 => f.gap(*side, 1 << 40, Missing::Limit),
                    _ => f.send(*side, part),
                }
            }
        }
        let close = [Close::Fin, Close::Reset, Close::End, Close::Idle][(next() % 4) as usize];
        let calls = f.finish(close);
        assert_eq!(calls.flows.len(), 1);
    }
}

/// Bytes beyond what is stored are counted and hashed, and the call says so.
#[test]
fn a_body_beyond_the_limit() {
    use sha2::{Digest, Sha256};
    let stored = leaktrace::limits::BODY_STORED;
    let len = stored + (3 << 20);
    let mut f = Feeder::new();
    f.send(C, b"GET /big HTTP/1.1\r\n\r\n");
    f.send(
        S,
        format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n").as_bytes(),
    );
    let part = vec![b'x'; 1 << 20];
    let mut hash = Sha256::new();
    for _ in 0..len / part.len() {
        f.send(S, &part);
        hash.update(&part);
    }
    let calls = f.finish(Close::Fin);
    let body = &calls.exchanges[0].response.as_ref().unwrap().body;
    assert_eq!(
        (body.bytes.len(), body.len, body.complete),
        (stored, len as u64, true)
    );
    assert_eq!(body.long_sha256, Some(hash.finalize().into()));
    assert!(calls.exchanges[0].flags.has(Flags::TRUNCATED));
    assert_eq!(
        calls.diags.get(&(0, "body-beyond-limit")).map(|d| d.0),
        Some(1)
    );
}

/// Open bodies of many connections together stay under one limit.
#[test]
fn many_open_bodies_share_one_limit() {
    let mut calls = Calls::default();
    let part = vec![b'x'; 8 << 20];
    let mut states = Vec::new();
    for id in 0..48u64 {
        let key = FlowKey {
            a: (IpAddr::from([10, 0, 0, 1]), id as u16),
            b: (IpAddr::from([10, 0, 0, 2]), 80),
            protocol: 6,
        };
        let mut state = calls.open(id, &key, Stamp::default());
        let head = format!(
            "POST /{id} HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
            2 * part.len()
        )
        .into_bytes();
        let mut offset = 0;
        for bytes in [&head, &part] {
            let seg = Segment {
                bytes,
                offset,
                zero: 0,
                acked: 0,
                at: Stamp::default(),
                retransmitted: false,
            };
            calls.data(&mut state, C, seg);
            offset += bytes.len() as u64;
        }
        states.push(state);
    }
    let stats = FlowStats {
        first: Stamp::default(),
        last: Stamp::default(),
        packets: [2, 0],
        bytes: [0, 0],
        gaps: 0,
        handshake: true,
        close: Close::End,
    };
    for state in states {
        calls.close(state, &stats);
    }
    let kept: usize = calls
        .exchanges
        .iter()
        .map(|x| x.request.as_ref().unwrap().body.bytes.len())
        .sum();
    assert!(
        kept <= leaktrace::limits::OPEN_BYTES && kept > leaktrace::limits::OPEN_BYTES / 2,
        "{kept}"
    );
    assert!(
        calls
            .exchanges
            .iter()
            .all(|x| x.request.as_ref().unwrap().body.len == part.len() as u64)
    );
    assert!(
        calls
            .diags
            .get(&(0, "body-beyond-limit"))
            .is_some_and(|d| d.0 >= 16)
    );
}

/// A head of 1 MiB in segments of one byte, and 100,000 pipelined requests: time grows with the bytes, not faster.
#[test]
fn time_is_linear() {
    let start = std::time::Instant::now();
    let head = format!(
        "GET /{} HTTP/1.1\r\nX: {}\r\n\r\n",
        "a".repeat(400_000),
        "b".repeat(500_000)
    );
    let got = play(
        &[
            (C, head.as_bytes()),
            (S, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ],
        1,
        Close::Fin,
    );
    assert_eq!(got.len(), 1);
    let many = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100_000);
    assert_eq!(
        play(&[(C, many.as_bytes())], 1400, Close::End).len(),
        100_000
    );
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        "1\r\nx\r\n".repeat(200_000)
    );
    let got = play(
        &[(C, b"GET / HTTP/1.1\r\n\r\n"), (S, chunks.as_bytes())],
        1,
        Close::Fin,
    );
    assert_eq!(got[0].response.as_ref().unwrap().body.len, 200_000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn what_begins_where_a_body_should_is_seen_in_any_cut() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 689\r\n\r\n";
    const FOUND: &[u8] = b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nok";
    const POST: &[u8] = b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    const REFUSED: &[u8] = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
    const GET: &[u8] = b"GET /b HTTP/1.1\r\n\r\n";
    const ENDLESS: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n";
    for (turns, expected) in [
        // replies to a HEAD and to a GET, without what was asked
        (
            vec![(S, HEAD), (S, FOUND)],
            vec![
                r#"- -> 200 1.1 [] [] ["one-sided", "no-request"]"#,
                r#"- -> 302 1.1 [ok] [] ["one-sided", "no-request"]"#,
            ],
        ),
        // a body that was not wanted and not sent; one that was sent all the same and begins like a request
        (
            vec![(C, POST), (S, REFUSED), (C, GET), (S, FOUND)],
            vec![
                "POST /a 1.1 [] -> 417 1.1 [] [] []",
                "GET /b 1.1 [] -> 302 1.1 [ok] [] []",
            ],
        ),
        (
            vec![
                (C, POST),
                (S, REFUSED),
                (C, b"GETTING it"),
                (C, GET),
                (S, FOUND),
            ],
            vec![
                "POST /a 1.1 [GETTING it] -> 417 1.1 [] [] []",
                "GET /b 1.1 [] -> 302 1.1 [ok] [] []",
            ],
        ),
        // a body without an end although another answer follows
        (
            vec![(C, GET), (C, GET), (S, ENDLESS), (S, b"Hello"), (S, FOUND)],
            vec![
                r#"GET /b 1.1 [] -> 200 1.0 [Hello] [] ["bad-framing"]"#,
                "GET /b 1.1 [] -> 302 1.1 [ok] [] []",
            ],
        ),
        // the capture ends while it is not decided
        (
            vec![(C, POST), (S, REFUSED), (C, b"GET")],
            vec![r#"POST /a 1.1 [GET] -> 417 1.1 [] [] ["truncated"]"#],
        ),
    ] {
        for cut in [usize::MAX, 1, 2, 3, 5, 7, 13, 21] {
            assert_eq!(
                briefs(&play(&turns, cut, Close::End)),
                expected,
                "cut {cut}"
            );
        }
    }
}

#[test]
fn a_request_behind_lost_bytes_is_whole_in_any_cut() {
    const FIRST: &[u8] = b"POST /first HTTP/1.1\r\nContent-Length: 500\r\n\r\nbegun";
    const NEXT: &[u8] =
        b"POST /Ads.asmx/GetSavedObjectsByNsID HTTP/1.1\r\nContent-Length: 2\r\n\r\nok";
    for size in 1..=NEXT.len() {
        let mut f = Feeder::new();
        f.send(C, FIRST);
        f.gap(C, 900, Missing::Lost);
        for part in NEXT.chunks(size) {
            f.send(C, part);
        }
        assert_eq!(
            briefs(&f.finish(Close::End).exchanges),
            [
                r#"POST /first 1.1 [begun] -> - [] ["gap", "one-sided", "no-response"]"#,
                r#"POST /Ads.asmx/GetSavedObjectsByNsID 1.1 [ok] -> - [] ["one-sided", "no-response"]"#,
            ],
            "pieces of {size}"
        );
    }
    // what is left of a line whose beginning is lost is no request, of its own method least of all
    for rest in [
        &b"ObjectsByNsID HTTP/1.1\r\n\r\n"[..],
        b"ST /x HTTP/1.1\r\n\r\n",
        b"b c HTTP/1.1\r\n\r\n",
    ] {
        let mut f = Feeder::new();
        f.send(C, FIRST);
        f.gap(C, 900, Missing::Lost);
        f.send(C, rest);
        assert_eq!(f.finish(Close::End).exchanges.len(), 1);
    }
}

#[test]
fn a_start_line_that_was_cut_has_no_version_in_its_target() {
    for (line, target) in [
        (&b"GET /one HTTP/"[..], "/one"),
        (b"GET /one H", "/one"),
        (b"GET /one HTTP/1.1", "/one"),
        (b"GET /one", "/one"),
        (b"GET /one/HTTP", "/one/HTTP"),
    ] {
        let mut f = Feeder::new();
        f.send(C, line);
        f.gap(C, 300, Missing::Snaplen);
        let x = f.finish(Close::End).exchanges.remove(0);
        let m = x.request.unwrap();
        assert_eq!(m.target(), Some(target.as_bytes()));
        assert!(m.flags.has(Flags::PARTIAL_HEADERS));
    }
}

#[test]
fn a_reply_lost_in_a_pipeline_is_that_of_the_request_behind_the_last_answered_one() {
    let reply = |n: u32| format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}");
    let mut f = Feeder::new();
    let all: String = (1..5)
        .map(|n| format!("GET /{n} HTTP/1.1\r\n\r\n"))
        .collect();
    f.send(C, all.as_bytes());
    f.send(S, reply(1).as_bytes());
    f.gap(S, reply(2).len(), Missing::Lost);
    f.send(S, reply(3).as_bytes());
    f.send(S, reply(4).as_bytes());
    // sent when all that came before was known
    f.send(C, b"GET /5 HTTP/1.1\r\n\r\n");
    f.send(S, reply(5).as_bytes());
    assert_eq!(
        briefs(&f.finish(Close::Fin).exchanges),
        [
            "GET /1 1.1 [] -> 200 1.1 [1] [] []",
            r#"GET /2 1.1 [] -> - [] ["gap", "no-response"]"#,
            r#"GET /3 1.1 [] -> 200 1.1 [3] [] ["uncertain-pair"]"#,
            r#"GET /4 1.1 [] -> 200 1.1 [4] [] ["uncertain-pair"]"#,
            "GET /5 1.1 [] -> 200 1.1 [5] [] []",
        ]
    );
}

#[test]
fn a_lost_answer_to_connect_opens_the_tunnel_where_the_client_goes_on_in_it() {
    let mut f = Feeder::new();
    f.send(C, b"CONNECT h:80 HTTP/1.1\r\n\r\n");
    f.gap(S, 39, Missing::Lost);
    f.send(C, b"GET /in HTTP/1.1\r\n\r\n");
    f.send(S, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let got = briefs(&f.finish(Close::Fin).exchanges);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[0].starts_with("CONNECT h:80 1.1 [] -> - "), "{got:?}");
    assert!(got[0].contains("\"gap\"") && got[0].contains("\"no-response\""));
    assert!(
        got[1].starts_with("GET /in 1.1 [] -> 200 1.1 [ok]"),
        "{got:?}"
    );
    // refused, and asked again with a name: no tunnel yet
    let mut f = Feeder::new();
    f.send(C, b"CONNECT h:80 HTTP/1.1\r\n\r\n");
    f.gap(S, 39, Missing::Lost);
    f.send(
        C,
        b"CONNECT h:80 HTTP/1.1\r\nProxy-Authorization: a\r\n\r\n",
    );
    f.send(S, b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
    let got = f.finish(Close::Fin).exchanges;
    assert!(
        got.iter()
            .any(|x| x.response.as_ref().and_then(|m| m.status()) == Some(407)),
        "{:?}",
        briefs(&got)
    );
}
