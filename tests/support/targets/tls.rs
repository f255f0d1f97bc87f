//! TLS and QUIC: what is said in the clear, secrets, and conversations under them.

use super::packets::check;
use super::streams::{conversation, cuts_carry_no_meaning};
use leaktrace::call::model::{Stamp, Unit};
use leaktrace::limits;
use leaktrace::net::{Close, FlowKey, FlowStats, Side, StreamSink};
use leaktrace::proto::quic::crypto::Crypto;
use leaktrace::proto::quic::packet;
use leaktrace::proto::{Calls, Options};
use leaktrace::tls::keylog::{KeyLog, Secrets};
use leaktrace::tls::{Given, der, hello as hellos, rsa};
use std::sync::Arc;

/// The body of a handshake message, or a certificate.
pub fn hello(data: &[u8]) {
    if let Some(c) = hellos::client_hello(data) {
        assert_eq!(c.print.len(), 16);
        assert!(c.sni.is_none_or(|s| !s.is_empty()));
        assert!(c.suites.len() * 2 <= data.len() && c.ticket.len() <= data.len());
    }
    if let Some(s) = hellos::server_hello(data) {
        assert!(s.session.len() <= 255);
    }
    let _ = hellos::encrypted_extensions(data);
    let _ = hellos::ticket(data);
    for v13 in [false, true] {
        let _ = hellos::first_certificate(data, v13);
    }
    if let Some(c) = der::certificate(data) {
        assert!(c.subject.chars().count() <= limits::CERT_NAME + 3);
        assert!(c.modulus.is_none_or(|m| m.len() <= data.len()));
    }
}

/// A key log, in one piece and in small ones; private keys.
pub fn keylog(data: &[u8]) {
    let mut whole = Secrets::default();
    whole.text(data);
    let (mut pieces, mut log) = (Secrets::default(), KeyLog::default());
    for piece in data.chunks(7) {
        log.feed(piece, &mut pieces);
    }
    log.finish(&mut pieces);
    let of = |s: &Secrets| (s.len(), s.unread, s.left_out);
    assert_eq!(of(&whole), of(&pieces));
    if let Ok(keys) = rsa::keys(data) {
        for k in keys {
            let _ = k.premaster(&[7; 256]);
        }
    }
}

/// A key log up to the first NUL, then a conversation.
pub fn tls(data: &[u8]) {
    let at = data.iter().position(|b| *b == 0).unwrap_or(data.len());
    let (log, talk) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let mut given = Given::default();
    given.secrets.text(log);
    let options = Arc::new(Options { tls: given });
    if records(talk) {
        cuts_carry_no_meaning(talk, "tls", &options);
    } else {
        conversation(talk, usize::MAX, &options);
    }
}

/// Whether both sides of a conversation are whole records from their first byte on, and who speaks first says hello: where one is
/// looked for, what is found may depend on the cuts.
fn records(talk: &[u8]) -> bool {
    let mut sides = [Vec::new(), Vec::new()];
    let (mut rest, mut first) = (talk, None);
    while let Some(([what, hi, lo], tail)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_be_bytes([*hi, *lo]));
        let (piece, tail) = tail.split_at(len.min(tail.len()));
        rest = tail;
        let side = usize::from(what & 1);
        sides[side].extend_from_slice(piece);
        if !piece.is_empty() {
            first.get_or_insert(side);
        }
    }
    let hello = |s: &[u8]| matches!(s, [22, 3, 0..=4, _, _, 1 | 2, 0, ..]);
    first.is_none_or(|side| hello(&sides[side]))
        && sides.iter().all(|s| {
            let mut s = s.as_slice();
            while let [20..=24, 3, 0..=4, hi, lo, tail @ ..] = s {
                let len = usize::from(u16::from_be_bytes([*hi, *lo]));
                s = tail.get(len..).unwrap_or(&[0]);
            }
            s.is_empty()
        })
}

/// A flow of datagrams between two ports from the first to its end, packets numbered from 1, a millisecond apart.
pub fn datagrams<'a>(ports: (u16, u16), all: impl IntoIterator<Item = (Side, &'a [u8])>) -> Calls {
    let end = |last, port| (std::net::IpAddr::from([10, 0, 0, last]), port);
    let key = FlowKey {
        a: end(1, ports.0),
        b: end(2, ports.1),
        protocol: 17,
    };
    let mut calls = Calls::default();
    let mut state = calls.open(0, &key, Stamp::default());
    for (number, (side, bytes)) in (1..).zip(all) {
        let at = Stamp {
            ts: number as i64 * 1_000_000,
            unit: Unit { source: 0, number },
        };
        calls.datagram(&mut state, side, bytes, at);
    }
    let stats = FlowStats {
        first: Stamp::default(),
        last: Stamp::default(),
        packets: [1, 1],
        bytes: [0, 0],
        gaps: 0,
        handshake: false,
        close: Close::End,
    };
    calls.close(state, &stats);
    calls
}

/// Datagrams, each behind a byte for its side and two of length; or, where the first byte is 1, what stands in an Initial packet
/// once it is open, since no fuzzer can make a tag.
pub fn quic(data: &[u8]) {
    let Some((how, data)) = data.split_first() else {
        return;
    };
    if *how == 1 {
        return frames(data);
    }
    let (mut rest, mut all) = (data, Vec::new());
    while let Some(([what, hi, lo], tail)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_be_bytes([*hi, *lo]));
        let (datagram, tail) = tail.split_at(len.min(tail.len()));
        rest = tail;
        all.push(([Side::A, Side::B][usize::from(what & 1)], datagram));
    }
    let read = |times: usize| {
        let each = all.iter().flat_map(|d| std::iter::repeat_n(*d, times));
        let mut calls = datagrams((40000, 443), each);
        check(&calls);
        calls.flows.remove(0)
    };
    let once = read(1);
    assert!(once.app == "quic" || once.sni.is_none());
    // what no hello names is named by its first bytes, and those of short datagrams are joined
    if all.len() <= 32 && once.tls.is_some() {
        let twice = read(2);
        assert_eq!(
            (once.sni, once.app, once.tls),
            (twice.sni, twice.app, twice.tls),
            "a datagram that came twice"
        );
    }
}

/// Opened frames.
fn frames(data: &[u8]) {
    let mut all = Vec::new();
    packet::pieces(data, |at, bytes| all.push((at, bytes)));
    let (mut there, mut back) = (Crypto::default(), Crypto::default());
    let put = |c: &mut Crypto, (at, bytes): (u64, &[u8])| c.feed(at, bytes);
    let mut taken = all.iter().all(|p| put(&mut there, *p));
    taken &= all.iter().rev().all(|p| put(&mut back, *p));
    assert!(there.held() <= limits::TLS_HELLO + 64 * limits::QUIC_PIECES);
    let (a, b) = (there.message(), back.message());
    assert!(a.as_ref().is_none_or(|m| m.len() <= limits::TLS_HELLO));
    let mut ranges: Vec<_> = all
        .iter()
        .map(|(at, b)| (*at, at + b.len() as u64))
        .collect();
    ranges.sort_unstable();
    if taken && ranges.windows(2).all(|w| w[0].1 <= w[1].0) {
        assert_eq!(a, b, "pieces that do not overlap have no order");
    }
}
