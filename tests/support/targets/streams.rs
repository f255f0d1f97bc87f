//! Both directions of a connection, as protocols read them.

use super::packets::{check, feed, segment};
use leaktrace::call::model::{Flags, Stamp, Unit};
use leaktrace::net::{Close, FlowKey, FlowStats, Missing, Net, Segment, Side, StreamSink};
use leaktrace::proto::{Calls, Options};
use std::sync::Arc;

/// Both directions of a connection: the request bytes end at the first NUL, then come those of the server. Cut into
/// segments in two ways; what is read must not depend on the cuts.
pub fn http1(data: &[u8]) {
    let at = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (client, server) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let read = |cut: usize| {
        let (mut net, mut calls) = (Net::new(), Calls::default());
        let (mut a, mut b, mut number) = (1u32, 1u32, 2u64);
        feed(
            &mut net,
            &mut calls,
            1,
            101,
            &segment(false, 0, 0, 0x02, &[]),
        );
        feed(
            &mut net,
            &mut calls,
            2,
            101,
            &segment(true, 0, 1, 0x12, &[]),
        );
        let asked = client.chunks(cut).map(|p| (false, p));
        for (answer, piece) in asked.chain(server.chunks(cut).map(|p| (true, p))) {
            number += 1;
            let (seq, ack) = if answer { (&mut b, a) } else { (&mut a, b) };
            let packet = segment(answer, *seq, ack, 0x18, piece);
            *seq = seq.wrapping_add(piece.len() as u32);
            feed(&mut net, &mut calls, number, 101, &packet);
        }
        net.finish(&mut calls);
        check(&calls);
        let all = calls
            .exchanges
            .iter()
            .map(|x| {
                [&x.request, &x.response].map(|m| {
                    m.as_ref()
                        .map(|m| (m.head.len(), m.body.len, m.body.bytes.clone()))
                })
            })
            .collect::<Vec<_>>();
        // Where something is wrong, segment borders are a sign of where the next message begins.
        let clean = calls.diags.is_empty()
            && calls.exchanges.iter().all(|x| {
                x.flags == Flags::default() && x.request.is_some() && x.response.is_some()
            });
        (clean, all)
    };
    let whole = read(1400);
    if data.len() <= 4096 {
        let single = read(1);
        assert!(
            !(whole.0 && single.0) || whole.1 == single.1,
            "segment borders carry no meaning in clean traffic"
        );
    }
}

/// Both directions of a connection in pieces, each behind a byte for its side and whether it is lost, and two of length; cut
/// into segments.
pub(super) fn conversation(data: &[u8], cut: usize, options: &Arc<Options>) -> Calls {
    let mut calls = Calls::with_options(Arc::clone(options));
    let end = |last, port| (std::net::IpAddr::from([10, 0, 0, last]), port);
    let key = FlowKey {
        a: end(1, 40000),
        b: end(2, 8080),
        protocol: 6,
    };
    let mut state = calls.open(0, &key, Stamp::default());
    let (mut sent, mut number) = ([0u64; 2], 0);
    let mut rest = data;
    while let Some(([what, hi, lo], tail)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_be_bytes([*hi, *lo]));
        let (piece, tail) = tail.split_at(len.min(tail.len()));
        rest = tail;
        let me = usize::from(what & 1);
        let side = [Side::A, Side::B][me];
        number += 1;
        let at = Stamp {
            ts: number as i64 * 1_000_000,
            unit: Unit { source: 0, number },
        };
        if what & 2 != 0 {
            sent[me] += piece.len() as u64;
            calls.gap(&mut state, side, piece.len() as u64, Missing::Lost, at);
            continue;
        }
        for bytes in piece.chunks(cut) {
            let segment = Segment {
                bytes,
                offset: sent[me],
                zero: 0,
                acked: sent[1 - me],
                at,
                retransmitted: what & 4 != 0,
            };
            sent[me] += bytes.len() as u64;
            calls.data(&mut state, side, segment);
            if what & 8 != 0 {
                state.open_exchanges(&mut Vec::new());
            }
        }
    }
    let stats = FlowStats {
        first: Stamp::default(),
        last: Stamp::default(),
        packets: sent.map(|n| n.min(1)),
        bytes: sent,
        gaps: 0,
        handshake: true,
        close: Close::Fin,
    };
    calls.close(state, &stats);
    check(&calls);
    calls.exchanges.sort_by_key(|x| x.ordinal);
    calls
}

/// Whether nothing of it is lost.
fn whole(data: &[u8]) -> bool {
    let mut rest = data;
    while let Some(([what, hi, lo], tail)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_be_bytes([*hi, *lo]));
        rest = tail.get(len..).unwrap_or_default();
        if what & 2 != 0 {
            return false;
        }
    }
    true
}

/// What is read of a clean conversation of a protocol must not depend on how it is cut.
pub(super) fn cuts_carry_no_meaning(data: &[u8], app: &str, options: &Arc<Options>) {
    let all = |calls: Calls| {
        let of = |x: leaktrace::call::model::Exchange| {
            [x.request, x.response].map(|m| m.map(|m| (m.head, m.body, m.trailers)))
        };
        calls.exchanges.into_iter().map(of).collect::<Vec<_>>()
    };
    let large = conversation(data, usize::MAX, options);
    let clean = whole(data)
        && large.diags.is_empty()
        && large.flows.iter().all(|f| f.app == app)
        && large.exchanges.iter().all(|x| x.flags == Flags::default());
    if clean && data.first() == Some(&0) && data.len() <= 8192 {
        let small = all(conversation(data, 1, options));
        assert_eq!(all(large), small, "what is read depends on the cuts");
    }
}

/// A conversation in HTTP/2.
pub fn http2(data: &[u8]) {
    // what comes before the first bytes of a client is another protocol's, and may end anywhere; a piece that ends within the preface
    // leaves none
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let starts = data
        .split_first_chunk::<3>()
        .is_some_and(|([_, hi, lo], rest)| {
            usize::from(u16::from_be_bytes([*hi, *lo])) >= PREFACE.len()
                && rest.starts_with(PREFACE)
        });
    let options = Arc::default();
    if starts {
        cuts_carry_no_meaning(data, "h2", &options);
    } else {
        conversation(data, usize::MAX, &options);
    }
}

/// A conversation that begins with SOCKS, whose proxy lets something through.
pub fn socks(data: &[u8]) {
    let options = Arc::default();
    conversation(data, usize::MAX, &options);
    if data.len() <= 4096 {
        conversation(data, 1, &options);
    }
}

/// An upgraded connection: the first byte says what was agreed, then each piece begins with two bytes, side in the highest bit
/// and length in the others. What is read of clean frames must not depend on how they are cut.
pub fn websocket(data: &[u8]) {
    const AGREED: [&str; 4] = [
        "",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n",
        "X: y\r\n",
    ];
    let Some((how, rest)) = data.split_first() else {
        return;
    };
    let ask = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        .to_vec();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{}\r\n",
        AGREED[usize::from(how & 3)]
    );
    let mut pieces = vec![(false, ask), (true, answer.into_bytes())];
    if how & 4 != 0 {
        pieces.clear(); // joined in the middle
    }
    let mut left = rest;
    while let Some((len, tail)) = left.split_first_chunk::<2>() {
        let n = u16::from_be_bytes(*len);
        let (piece, tail) = tail.split_at(usize::from(n & 0x7fff).min(tail.len()));
        left = tail;
        pieces.push((n & 0x8000 != 0, piece.to_vec()));
    }
    let read = |cut: usize| {
        let (mut net, mut calls) = (Net::new(), Calls::default());
        let (mut next, mut number) = ([1u32, 1u32], 2u64);
        feed(&mut net, &mut calls, 1, 101, &segment(false, 0, 0, 2, &[]));
        feed(&mut net, &mut calls, 2, 101, &segment(true, 0, 1, 18, &[]));
        for (server, bytes) in &pieces {
            let me = usize::from(*server);
            for piece in bytes.chunks(cut) {
                number += 1;
                let packet = segment(*server, next[me], next[1 - me], 24, piece);
                feed(&mut net, &mut calls, number, 101, &packet);
                next[me] = next[me].wrapping_add(piece.len() as u32);
            }
        }
        net.finish(&mut calls);
        check(&calls);
        let all = calls
            .exchanges
            .iter()
            .map(|x| [&x.request, &x.response].map(|m| m.as_ref().map(|m| m.body.bytes.clone())))
            .collect::<Vec<_>>();
        (calls.diags.is_empty() && how & 4 == 0, all)
    };
    let whole = read(1400);
    if data.len() <= 4096 {
        let single = read(1);
        assert!(
            !(whole.0 && single.0) || whole.1 == single.1,
            "segment borders carry no meaning in clean traffic"
        );
    }
}
