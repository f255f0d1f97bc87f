//! Where connections begin and end, which side is which, and which packets are of one: handshakes of every kind, ports used
//! again, pauses and wrong clocks.

use crate::streams::{ACK, FIN, PSH, RST, SYN, Wire};
use leaktrace::net::{Close, Missing};

#[test]
fn ports_opened_anew_are_another_flow() {
    let mut w = Wire::default();
    w.handshake(100, 900);
    w.a(ACK | PSH, 101, 901, b"first");
    w.handshake(5_000, 7_000);
    w.a(ACK | PSH, 5_001, 7_001, b"second");
    let f = w.end();
    assert_eq!(f.len(), 2);
    assert_eq!(f[0].stats.unwrap().close, Close::Reused);
    assert_eq!(f[1].streams[0], b"second");
    assert!(f[1].stats.unwrap().handshake);
}

#[test]
fn sides_follow_the_handshake_or_the_first_packet() {
    let mut w = Wire::default();
    w.b(SYN | ACK, 9, 5, b"");
    w.a(ACK, 5, 10, b"");
    let f = w.end();
    assert_eq!(f[0].key.a.1, 40000);
    let mut w = Wire::default();
    w.b(ACK | PSH, 9, 5, b"tail of a reply");
    w.a(ACK | PSH, 5, 24, b"next");
    let f = w.end();
    assert_eq!(f[0].key.a.1, 80);
    assert_eq!(
        f[0].streams,
        [b"tail of a reply".to_vec(), b"next".to_vec()]
    );
}

#[test]
fn a_lost_syn_ack_and_several_of_them_are_settled_by_the_opener() {
    let mut w = Wire::default();
    w.a(SYN, 0, 0, b"");
    w.b(SYN | ACK, 500, 1, b"");
    w.b(SYN | ACK, 900, 1, b"");
    w.a(ACK, 1, 901, b"");
    w.b(ACK | PSH, 901, 1, b"hello");
    assert_eq!(w.code("syn-ack-differs"), 1);
    assert_eq!(w.end()[0].streams[1], b"hello");

    let mut w = Wire::default();
    w.a(SYN, 0, 0, b"");
    w.a(ACK, 1, 901, b"");
    w.b(ACK | PSH, 905, 1, b"hello");
    let f = w.end();
    assert_eq!(f[0].gaps[1], [(0, 4, Missing::Lost)]);
    assert_eq!(f[0].streams[1], b"hello");
}

/// A FIN on the opening ends nothing: who answers it takes the opening alone.
#[test]
fn an_opening_that_ends_is_an_opening() {
    let mut w = Wire::default();
    w.a(SYN | FIN, 0, 0, b"");
    w.b(SYN | ACK, 500, 1, b"");
    w.a(ACK | PSH, 1, 501, b"asks");
    w.b(ACK | PSH, 501, 5, b"answers");
    assert_eq!(w.code("syn-fin"), 1);
    let f = w.end();
    assert_eq!(f[0].streams, [b"asks".to_vec(), b"answers".to_vec()]);
}

#[test]
fn last_acknowledgements_stay_with_their_flow() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    w.a(FIN | ACK, 1, 1, b"");
    w.b(FIN | ACK, 1, 2, b"");
    w.a(ACK, 2, 2, b"");
    w.b(RST, 2, 0, b"");
    let f = w.end();
    assert_eq!(f.len(), 1);
    assert_eq!(f[0].fin, [true, true]);
    assert_eq!(f[0].stats.unwrap().close, Close::Fin);
}

#[test]
fn a_flow_that_begins_after_a_long_pause_is_one_flow() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    w.ts += 365 * 86_400_000_000_000;
    w.ports.0 = 40001;
    w.handshake(5, 5);
    w.a(ACK | PSH, 6, 6, b"hello");
    let f = w.end();
    assert_eq!(f.len(), 2);
    assert_eq!(f[0].stats.unwrap().close, Close::Idle);
    assert_eq!(f[1].streams[0], b"hello");
}

#[test]
fn one_wrong_time_stamp_ends_nothing() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    w.ts += 365 * 86_400_000_000_000;
    w.a(ACK | PSH, 1, 1, b"far ");
    w.ts -= 365 * 86_400_000_000_000;
    w.a(ACK | PSH, 5, 1, b"near");
    let f = w.end();
    assert_eq!(f.len(), 1);
    assert_eq!(f[0].streams[0], b"far near");
}

#[test]
fn numbers_far_from_both_streams_are_another_connection() {
    let mut w = Wire::default();
    w.handshake(0, 0);
    w.a(ACK | PSH, 1, 1, b"old");
    w.b(ACK | PSH, 1, 4, b"answer");
    w.a(ACK | PSH, 3_000_000_000, 2_000_000_000, b"new");
    w.b(ACK | PSH, 2_000_000_000, 3_000_000_003, b"reply");
    let f = w.end();
    assert_eq!(f.len(), 2);
    assert_eq!(f[0].stats.unwrap().close, Close::Reused);
    assert_eq!(f[1].streams, [b"new".to_vec(), b"reply".to_vec()]);

    // One number alone is a stray, and the stream goes on.
    let mut w = Wire::default();
    w.handshake(0, 0);
    w.b(ACK | PSH, 1, 1, b"hello ");
    w.b(ACK | PSH, 3_000_000_000, 1, b"stray");
    w.b(ACK | PSH, 7, 1, b"world");
    assert_eq!(w.code("stray-segment"), 1);
    let f = w.end();
    assert_eq!(f.len(), 1);
    assert_eq!(f[0].streams[1], b"hello world");
}

#[test]
fn handshakes_of_every_kind() {
    let hello = |w: &mut Wire, a: u32, b: u32| {
        w.a(ACK | PSH, a, b, b"hello");
        w.b(ACK | PSH, b, a + 5, b"world");
    };
    // both open at once (RFC 9293 section 3.5)
    let mut w = Wire::default();
    w.a(SYN, 100, 0, b"");
    w.b(SYN, 900, 0, b"");
    w.a(SYN | ACK, 100, 901, b"");
    w.b(SYN | ACK, 900, 101, b"");
    hello(&mut w, 101, 901);
    let simultaneous = w.end();
    // the server answers with an acknowledgement and opens by itself
    let mut w = Wire::default();
    w.a(SYN, 100, 0, b"");
    w.b(ACK, 900, 101, b"");
    w.b(SYN, 900, 0, b"");
    w.a(SYN | ACK, 100, 901, b"");
    w.b(ACK, 901, 101, b"");
    hello(&mut w, 101, 901);
    let split = w.end();
    // the same without its acknowledgement
    let mut w = Wire::default();
    w.a(SYN, 100, 0, b"");
    w.b(SYN, 900, 0, b"");
    w.a(SYN | ACK, 100, 901, b"");
    w.b(ACK, 901, 101, b"");
    hello(&mut w, 101, 901);
    let short = w.end();
    // the client's port is the low one
    let mut w = Wire::default();
    w.ports = (80, 40000);
    w.handshake(100, 900);
    hello(&mut w, 101, 901);
    let low = w.end();
    for f in [simultaneous, split, short, low] {
        assert_eq!(f.len(), 1, "{f:?}");
        assert_eq!(f[0].key.a.0.to_string(), "10.0.0.1");
        assert_eq!(f[0].streams, [b"hello".to_vec(), b"world".to_vec()]);
        assert!(f[0].stats.unwrap().handshake);
        assert_eq!(f[0].gaps, [vec![], vec![]]);
    }
}

#[test]
fn data_on_a_syn_counts_once_whether_it_was_taken_or_not() {
    // taken (RFC 7413): the answer acknowledges it and carries data of its own
    let mut w = Wire::default();
    w.a(SYN, 100, 0, b"GET /");
    w.b(SYN | ACK, 900, 106, b"HTTP");
    w.a(ACK, 106, 905, b"");
    w.a(ACK | PSH, 106, 905, b"x");
    let f = w.end();
    assert_eq!(f[0].streams, [b"GET /x".to_vec(), b"HTTP".to_vec()]);
    // not taken: sent again behind the handshake
    let mut w = Wire::default();
    w.a(SYN, 100, 0, b"GET /");
    w.b(SYN | ACK, 900, 101, b"");
    w.a(ACK | PSH, 101, 901, b"GET /x");
    let f = w.end();
    assert_eq!(f[0].streams[0], b"GET /x");
    // the SYN itself sent again
    let mut w = Wire::default();
    w.a(SYN, 100, 0, b"GET /");
    w.a(SYN, 100, 0, b"GET /");
    w.b(SYN | ACK, 900, 106, b"");
    let f = w.end();
    assert_eq!((f.len(), &f[0].streams[0][..]), (1, &b"GET /"[..]));
}

#[test]
fn probes_of_a_quiet_connection_are_no_data() {
    for probe in [&b""[..], b"\0", b"x"] {
        let mut w = Wire::default();
        w.handshake(100, 900);
        w.a(ACK | PSH, 101, 901, b"ask");
        w.b(ACK | PSH, 901, 104, b"answer");
        for _ in 0..5 {
            w.ts += 45_000_000_000;
            w.a(ACK, 103, 907, probe);
            w.b(ACK, 907, 104, b"");
            w.b(ACK, 906, 104, probe);
            w.a(ACK, 104, 907, b"");
        }
        w.a(ACK | PSH, 104, 907, b"more");
        let f = w.end();
        assert_eq!(f[0].streams, [b"askmore".to_vec(), b"answer".to_vec()]);
        assert_eq!(f[0].gaps, [vec![], vec![]]);
    }
}

#[test]
fn ports_used_again_at_once_wrap_and_reset_are_told_apart() {
    let mut w = Wire::default();
    for n in 0..4u32 {
        // near the end of the numbers, and so that each begins within the window of the one before
        let a = (u32::MAX - 2).wrapping_add(n * 50_000);
        let b = (u32::MAX - 1).wrapping_add(n * 60_000);
        w.handshake(a, b);
        let (a, b) = (a.wrapping_add(1), b.wrapping_add(1));
        w.a(ACK | PSH, a, b, format!("request {n}").as_bytes());
        w.b(
            ACK | PSH,
            b,
            a.wrapping_add(9),
            format!("answer {n}").as_bytes(),
        );
        if n % 2 == 0 {
            w.a(RST | ACK, a.wrapping_add(9), b.wrapping_add(8), b"");
        } else {
            w.a(FIN | ACK, a.wrapping_add(9), b.wrapping_add(8), b"");
            w.b(FIN | ACK, b.wrapping_add(8), a.wrapping_add(10), b"");
        }
    }
    let f = w.end();
    assert_eq!(f.len(), 4);
    for (n, f) in f.iter().enumerate() {
        assert_eq!(f.streams[0], format!("request {n}").as_bytes());
        assert_eq!(f.streams[1], format!("answer {n}").as_bytes());
        assert_eq!(f.stats.unwrap().gaps, 0);
    }
}

/// A tap that lost the opening and all that the client sent is ahead of one that did not.
#[test]
fn an_opening_that_comes_late_is_that_of_what_the_other_side_acknowledged() {
    let mut w = Wire::default();
    w.b(ACK | PSH, 901, 104, b"answer");
    w.a(ACK, 104, 907, b"");
    w.a(SYN, 100, 0, b"");
    w.b(SYN | ACK, 900, 101, b"");
    w.a(ACK | PSH, 101, 901, b"ask");
    let f = w.end();
    assert_eq!(f.len(), 1);
    assert_eq!(f[0].streams.concat(), b"answerask");
    // any other number opens the ports anew
    for isn in [104, 3_000_000_000] {
        let mut w = Wire::default();
        w.b(ACK | PSH, 901, 104, b"answer");
        w.a(ACK, 104, 907, b"");
        w.a(SYN, isn, 0, b"");
        assert_eq!(w.end().len(), 2);
    }
}

/// Requests and an answer behind holes of their own: the answer must not be told before what was asked.
#[test]
fn what_waits_for_longer_is_handed_on_first() {
    use leaktrace::call::model::{Stamp, Unit};
    use leaktrace::net::Net;
    use leaktrace::proto::Calls;
    use leaktrace::source::pcap::Packet;
    let ask = |n: u32| format!("GET /{n} HTTP/1.1\r\nHost: h.example\r\n\r\n");
    let reply = |n: u32| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{n:02}");
    let (q, r) = (ask(0).len() as u32, reply(0).len() as u32);
    // who is known to have opened, and whether anything comes behind
    for (opened, later) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut net, mut calls, mut number, mut ts) = (Net::new(), Calls::default(), 0, 0);
        let mut say = |from_a, flags, seq, ack, data: &str| {
            (number, ts) = (number + 1, ts + 1_000_000);
            let bytes = crate::streams::tcp((40000, 80), from_a, flags, seq, ack, data.as_bytes());
            let source = 0;
            let at = Stamp {
                ts: if flags & FIN == 0 {
                    ts
                } else {
                    ts + 9_000_000_000
                },
                unit: Unit { source, number },
            };
            let packet = Packet {
                at,
                link: 101,
                interface: 0,
                bytes: &bytes,
                orig_len: bytes.len() as u32,
            };
            net.packet(&packet, &mut calls);
        };
        let (mut c, mut s) = (101, 901);
        if opened {
            say(true, SYN, 100, 0, "");
            say(false, SYN | ACK, 900, 101, "");
        }
        // the first call is whole, the second request is lost, the third one's answer
        for n in 0..4 {
            if n != 1 {
                say(true, ACK | PSH, c, s, &ask(n));
            }
            c += q;
            say(false, ACK, s, c, "");
            if n != 1 && n != 2 {
                say(false, ACK | PSH, s, c, &reply(n));
            }
            s += r;
            say(true, ACK, c, s, "");
        }
        if later {
            say(true, FIN | ACK, c, s, "");
            say(false, FIN | ACK, s, c + 1, "");
        }
        net.finish(&mut calls);
        let mut got: Vec<String> = calls
            .exchanges
            .iter()
            .map(|x| {
                let target = x.request.as_ref().and_then(|m| m.target());
                let body = x.response.as_ref().map(|m| &m.body.bytes[..]);
                format!(
                    "{} {}",
                    String::from_utf8_lossy(target.unwrap_or(b"-")),
                    String::from_utf8_lossy(body.unwrap_or(b"-"))
                )
            })
            .collect();
        got.sort();
        assert_eq!(got, ["/0 00", "/2 -", "/3 03"], "{opened} {later}");
    }
}
