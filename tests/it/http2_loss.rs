//! HTTP/2 of which something is missing: joined in the middle, packets lost, one direction alone. Nothing that is told may be
//! wrong, what was hit is flagged, and what was not is as it was.

use crate::http1::{C, Feeder, S, briefs, play};
use crate::http2::{Sent, field, turns};
use crate::support::h2::*;
use crate::support::recut::{Rec, parts, pcap, slice};
use crate::support::talk::recs;
use crate::trailers::Lab;
use leaktrace::body::protobuf::realign::{Kind, holes, pieces};
use leaktrace::call::model::{Exchange, Flags, Message};
use leaktrace::net::{Close, Missing, Side};
use std::collections::BTreeMap;

/// Path, agent and answer.
type Truth = (String, String, String);

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

/// What is read of these pieces when one of them was not captured.
pub fn without(pieces: &[(Side, &[u8])], lost: usize) -> Vec<Exchange> {
    let mut f = Feeder::new();
    for (i, (side, bytes)) in pieces.iter().enumerate() {
        if i == lost {
            f.gap(*side, bytes.len(), Missing::Lost);
        } else {
            f.send(*side, bytes);
        }
    }
    f.finish(Close::Fin).exchanges
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
            let got = without(&pieces, lost);
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
fn nothing_goes_on_across_a_second_loss() {
    // the half of a header before a loss must not be read on with what comes behind it
    let (packets, truth) = long(40);
    for at in 20..60 {
        let mut f = Feeder::new();
        for (i, (side, bytes)) in packets.iter().enumerate() {
            match i.checked_sub(at) {
                Some(0) => f.gap(*side, bytes.len() - 12, Missing::Lost),
                Some(1..5) if bytes.len() > 20 => {
                    f.send(*side, &bytes[..11]);
                    f.gap(*side, bytes.len() - 11, Missing::Lost);
                }
                _ => f.send(*side, bytes),
            }
        }
        let got = f.finish(Close::Fin).exchanges;
        for x in &got {
            never_wrong(x, &truth, &format!("losses from {at} on"));
        }
        assert!(got.len() + 8 >= truth.len());
    }
}

#[test]
fn frames_are_found_again_in_single_bytes_and_at_once() {
    let (packets, truth) = long(60);
    for lost in 30..60 {
        for cut in [usize::MAX, 1] {
            let mut f = Feeder::new();
            for (i, (side, bytes)) in packets.iter().enumerate() {
                // not the whole packet, so that the next frame does not begin where the loss ends
                let from = if i == lost {
                    let n = bytes.len() / 2;
                    f.gap(*side, n, Missing::Lost);
                    n
                } else {
                    0
                };
                for part in bytes[from..].chunks(cut) {
                    f.send(*side, part);
                }
            }
            let got = f.finish(Close::Fin).exchanges;
            let what = format!("half of packet {lost} lost, cuts of {cut}");
            let whole = got.iter().filter(|x| {
                x.response
                    .as_ref()
                    .is_some_and(|m| m.body.complete && m.body.gaps.is_empty())
            });
            assert!(
                whole.count() + 3 >= truth.len(),
                "{what}: {:?}",
                briefs(&got)
            );
            for x in &got {
                never_wrong(x, &truth, &what);
            }
        }
    }
}

#[test]
fn bytes_that_come_again_are_told_of_their_stream() {
    let mut f = Feeder::new();
    f.send(C, &client());
    f.send(S, &server());
    f.send(C, &frame(HEADERS, 5, 1, &get("/a")));
    f.send(C, &frame(HEADERS, 5, 3, &get("/b")));
    let head = frame(HEADERS, 4, 1, &plain(&[(":status", "200")]));
    f.send(S, &head);
    f.send(S, &frame(DATA, 0, 1, b"half"));
    let after = f.sent[1];
    f.send(S, &frame(HEADERS, 4, 3, &plain(&[(":status", "200")])));
    f.resent(S, after);
    f.send(
        S,
        &[frame(DATA, 1, 1, b" more"), frame(DATA, 1, 3, b"b")].concat(),
    );
    let got = f.finish(Close::Fin).exchanges;
    assert_eq!(
        briefs(&got),
        [
            "GET /a 2.0 [] -> 200 2.0 [half more] [] [\"retransmitted\"]",
            "GET /b 2.0 [] -> 200 2.0 [b] [] []"
        ]
    );
}

#[test]
fn a_call_is_where_its_packets_are_and_shows_before_it_ends() {
    let mut f = Feeder::new();
    f.send(C, &client()); // packet 1
    f.send(S, &server());
    f.send(C, &frame(HEADERS, 5, 1, &get("/slow"))); // 3
    f.send(C, &frame(HEADERS, 5, 3, &get("/quick"))); // 4
    f.send(S, &ok(3, "quick")); // 5
    f.send(S, &frame(HEADERS, 4, 1, &plain(&[(":status", "200")]))); // 6
    f.send(S, &frame(DATA, 0, 1, b"first")); // 7
    let mut open = Vec::new();
    f.state.as_mut().unwrap().open_exchanges(&mut open);
    assert_eq!(open.len(), 1);
    assert!(!open[0].done && open[0].response.as_ref().unwrap().body.len == 5);
    open.clear();
    f.state.as_mut().unwrap().open_exchanges(&mut open);
    assert!(open.is_empty(), "it is told again only when it has changed");
    f.send(S, &frame(DATA, 1, 1, b"last")); // 8
    let got = f.finish(Close::Fin).exchanges;
    let slow = got.iter().find(|x| x.ordinal == 0).unwrap();
    let at = |m: &Option<Message>| {
        m.as_ref()
            .map(|m| (m.first.unit.number, m.last.unit.number))
    };
    assert_eq!(
        (at(&slow.request), at(&slow.response)),
        (Some((3, 3)), Some((6, 8)))
    );
    let quick = got.iter().find(|x| x.ordinal == 1).unwrap();
    assert_eq!(
        (at(&quick.request), at(&quick.response)),
        (Some((4, 4)), Some((5, 5)))
    );
}

#[test]
fn what_one_stream_repeats_without_end_is_cut_and_told() {
    let many = plain(&[("x-more", &"v".repeat(60_000))]);
    for (name, piece) in [
        ("trailers", frame(HEADERS, 4, 1, &many)),
        (
            "interim",
            frame(
                HEADERS,
                4,
                1,
                &[plain(&[(":status", "103")]), many.clone()].concat(),
            ),
        ),
    ] {
        let mut f = Feeder::new();
        f.send(C, &client());
        f.send(C, &frame(HEADERS, 5, 1, &get("/a")));
        f.send(S, &server());
        if name == "trailers" {
            f.send(S, &frame(HEADERS, 4, 1, &plain(&[(":status", "200")])));
        }
        for _ in 0..200 {
            f.send(S, &piece);
        }
        let calls = f.finish(Close::Fin);
        assert_eq!(calls.exchanges.len(), 1, "{name}");
        let x = &calls.exchanges[0];
        let interim: usize = x.interim.iter().map(|m| m.head.len()).sum();
        let kept = interim + x.response.as_ref().map_or(0, |m| m.trailers.len());
        assert!((500_000..2 << 20).contains(&kept), "{name}: {kept}");
        assert!(
            calls
                .diags
                .keys()
                .any(|k| k.1 == "h2-head-beyond-limit" || k.1 == "h2-interim-limit"),
            "{name}: {:?}",
            calls.diags
        );
    }
}

/// The packets of two recorded connections with gRPC, unary and streamed.
fn grpc() -> Vec<Rec> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    recs(std::fs::read(root.join("tests/fixtures/grpc.pcap")).unwrap())
}

#[test]
fn each_packet_lost_of_recorded_grpc_is_flagged_where_it_hit() {
    let wrong = crate::http2_recut::losses(&grpc());
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

/// As it is shown: a stream of 25 messages of which the packets 19 to 21 hold one each, with half of each of these lost in turn, and whole.
#[test]
fn what_is_left_of_messages_is_shown_apart() {
    let all = grpc();
    for (lost, half) in [(18, false), (19, false), (19, true), (20, true)] {
        let mut less = all.clone();
        if half {
            let [_, _, data, end] = parts(&less[lost]).unwrap();
            // its second half, so that the rest of a message is missing in the middle of the stream
            less[lost] = slice(&less[lost], 0, (end - data) / 2);
        } else {
            less.remove(lost);
        }
        let l = Lab::of(&pcap(&less));
        let what = format!("packet {} half {half}", lost + 1);
        let call = l
            .rows(&["calls", "--reveal"])
            .into_iter()
            .find(|c| c["uri"] == "/crm.v1.Customers/List")
            .unwrap();
        assert!(call["flags"].to_string().contains("gap"), "{what}: {call}");
        let shown = &l.rows(&["show", call["id"].as_str().unwrap(), "--reveal"])[0];
        let list: Vec<_> = shown["messages"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|m| m["dir"] == "resp")
            .collect();
        let whole: Vec<_> = list.iter().filter(|m| m["sha256"].is_string()).collect();
        let cut: Vec<_> = list.iter().filter(|m| m["cut"] == "gap").collect();
        assert_eq!(
            (whole.len(), cut.len()),
            (24, usize::from(half)),
            "{what}: {list:#?}"
        );
        // field 1 is the card: each is read as what it is, and the last is there
        assert!(
            whole
                .iter()
                .all(|m| m["json"].is_object() && m["json"]["1"] == "11010519491231002X"),
            "{what}"
        );
        assert_eq!(
            whole[23]["packet"].as_u64().map(|n| n > 20),
            Some(true),
            "{what}"
        );
        assert!(cut.iter().all(|m| m["len"].is_null()), "{what}: {cut:?}");
    }
}

/// A message, and the packets that it stands in.
type Told = (Vec<u8>, std::ops::RangeInclusive<u64>);

/// Whole messages of each direction of a call: client's port, ordinal, direction.
fn messages(calls: &[Exchange]) -> BTreeMap<(u16, u32, u8), Vec<Told>> {
    let mut out = BTreeMap::new();
    for x in calls {
        for (dir, m) in [(0, &x.request), (1, &x.response)] {
            let Some(m) = m else { continue };
            let b = &m.body;
            let (list, _) = pieces(&b.bytes, &holes(&b.gaps, b.bytes.len()), b.ended);
            let whole = list
                .into_iter()
                // five zeros behind a loss are no proof of an empty message
                .filter(|p| matches!(p.kind, Kind::Message(_)) && !p.body.is_empty())
                .map(|p| {
                    let packet = |at: usize| {
                        let n = b.places.partition_point(|p| p.0 <= at as u64);
                        n.checked_sub(1).map_or(0, |n| b.places[n].1.unit.number)
                    };
                    let span = packet(p.body.start - 5)..=packet(p.body.end - 1);
                    (b.bytes[p.body].to_vec(), span)
                });
            out.insert((x.client.1, x.ordinal, dir), whole.collect());
        }
    }
    out
}

/// The rule for streams of messages: with a packet lost, each message that is told is one that was sent, in order, and those that
/// were not in the packet are all told, also behind it.
#[test]
fn messages_behind_a_lost_packet_are_right() {
    let all = grpc();
    let truth = messages(&crate::recut::read(&all));
    let sent: usize = truth.values().map(Vec::len).sum();
    assert!(sent >= 2 + 1 + 1 + 25 + 9 + 1 + 10, "{sent}");
    let (mut told, mut behind) = (0, 0);
    for lost in 0..all.len() {
        let mut less = all.clone();
        less.remove(lost);
        let now = messages(&crate::recut::read(&less));
        let number = lost as u64 + 1;
        let hit = truth
            .values()
            .flatten()
            .filter(|m| m.1.contains(&number))
            .count();
        let mut missing = 0;
        for (key, want) in &truth {
            let Some(got) = now.get(key) else {
                missing += want.len();
                continue;
            };
            let mut left = want.iter();
            for m in got {
                assert!(
                    left.any(|w| w.0 == m.0),
                    "packet {number}: {key:?}: not sent, or not there"
                );
            }
            let last = |v: &[Told]| v.last().map(|m| m.0.clone());
            if got.len() < want.len() && last(got) == last(want) && got.len() > 1 {
                behind += 1;
            }
            told += got.len();
            missing += want.len() - got.len();
        }
        // where the packet holds the head of a call, what is left of it is a call of its own
        let apart = now.keys().any(|k| !truth.contains_key(k));
        assert!(
            missing <= hit || apart,
            "packet {number}: {missing} of {hit}"
        );
    }
    assert!(told > 90 * sent && behind >= 20, "{told} {behind}");
}
