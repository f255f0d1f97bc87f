//! TLS corners: the recorded fixture cut anew, and with every packet lost in turn. What is said never differs from what the
//! clients saved, but for what a loss took away, and that is flagged.

use crate::http1::{C, Feeder, S};
use crate::tls_case::fixture;
use crate::tls_recorded::{Saved, row, saved};
use leaktrace::call::model::{Exchange, Flags, Stamp, Unit};
use leaktrace::net::{Close, Net, Side};
use leaktrace::proto::{Calls, Options};
use leaktrace::source::open_bytes;
use leaktrace::source::pcap::{Event, Packet, PacketReader};
use leaktrace::tls::Given;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub fn options() -> Arc<Options> {
    let mut given = Given::default();
    given
        .secrets
        .text(&std::fs::read(fixture("tls.keys")).unwrap());
    Arc::new(Options { tls: given })
}

/// Frames of the fixture with their times.
fn frames() -> Vec<(i64, Vec<u8>)> {
    let mut reader = PacketReader::open(open_bytes(&fixture("tls.pcap")).unwrap(), 0).unwrap();
    let mut out = Vec::new();
    while let Some(event) = reader.next() {
        if let Event::Packet(p) = event {
            out.push((p.at.ts, p.bytes.to_vec()));
        }
    }
    out
}

fn run<'a>(frames: impl Iterator<Item = &'a (i64, Vec<u8>)>, options: &Arc<Options>) -> Calls {
    let (mut net, mut calls) = (Net::new(), Calls::with_options(Arc::clone(options)));
    for (n, (ts, bytes)) in (1u64..).zip(frames) {
        let at = Stamp {
            ts: *ts,
            unit: Unit {
                source: 0,
                number: n,
            },
        };
        let orig_len = bytes.len() as u32;
        net.packet(
            &Packet {
                at,
                link: 1,
                interface: 0,
                bytes,
                orig_len,
            },
            &mut calls,
        );
    }
    net.finish(&mut calls);
    calls
}

fn expected() -> Vec<Saved> {
    let mut v: Vec<_> = saved(&fixture("tls.jsonl"))
        .into_iter()
        .map(|s| s.1)
        .collect();
    v.sort();
    v
}

/// Where TCP and its payload begin in an Ethernet frame with IPv4.
fn parts(f: &[u8]) -> (usize, usize, usize) {
    let ip = 14;
    let total = usize::from(f[ip + 2]) << 8 | usize::from(f[ip + 3]);
    let tcp = ip + usize::from(f[ip] & 15) * 4;
    (
        tcp,
        tcp + usize::from(f[tcp + 12] >> 4) * 4,
        (ip + total).min(f.len()),
    )
}

/// The frame cut into segments of `n` bytes.
fn cut(f: &(i64, Vec<u8>), n: usize) -> Vec<(i64, Vec<u8>)> {
    let (ts, f) = f;
    let (tcp, data, end) = parts(f);
    let flags = f[tcp + 13];
    if end - data <= n || flags & 2 != 0 {
        return vec![(*ts, f.clone())];
    }
    let seq = u32::from_be_bytes(f[tcp + 4..tcp + 8].try_into().unwrap());
    let pieces: Vec<&[u8]> = f[data..end].chunks(n).collect();
    let last = pieces.len() - 1;
    pieces
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let mut g = f[..data].to_vec();
            g.extend_from_slice(p);
            let total = (g.len() - 14) as u16;
            g[16..18].copy_from_slice(&total.to_be_bytes());
            g[tcp + 4..tcp + 8].copy_from_slice(&seq.wrapping_add((i * n) as u32).to_be_bytes());
            if i < last {
                g[tcp + 13] &= !1; // FIN comes with the last
            }
            (*ts, g)
        })
        .collect()
}

fn rows(calls: &Calls) -> Vec<Saved> {
    let mut v: Vec<Saved> = calls.exchanges.iter().map(row).collect();
    v.sort();
    v
}

#[test]
fn any_cut_any_order_within_the_window_and_duplicates_say_the_same() {
    let (frames, options) = (frames(), options());
    let want = expected();
    assert_eq!(rows(&run(frames.iter(), &options)), want);
    for n in [1, 3, 7, 100, 1000] {
        let cut: Vec<_> = frames.iter().flat_map(|f| cut(f, n)).collect();
        let calls = run(cut.iter(), &options);
        assert_eq!(rows(&calls), want, "cut at {n}");
        assert!(calls.diags.is_empty(), "{:?}", calls.diags);
    }
    // neighbours of the same direction change places, and everything comes twice
    let mut cut: Vec<_> = frames.iter().flat_map(|f| cut(f, 500)).collect();
    for pair in cut.chunks_exact_mut(2) {
        let [a, b] = pair else { continue };
        if a.1[26..34] == b.1[26..34] && a.1[34..38] == b.1[34..38] && parts(&b.1).2 > parts(&b.1).1
        {
            pair.swap(0, 1);
        }
    }
    let twice: Vec<_> = cut.iter().flat_map(|f| [f.clone(), f.clone()]).collect();
    assert_eq!(
        rows(&run(twice.iter(), &options)),
        want,
        "shuffled and doubled"
    );
}

#[test]
fn one_lost_packet_costs_what_it_held_and_never_makes_a_wrong_byte() {
    let (frames, options) = (frames(), options());
    let whole = run(frames.iter(), &options);
    let by_name: BTreeMap<(u16, Vec<u8>), &Exchange> = whole
        .exchanges
        .iter()
        .map(|x| {
            let target = x.request.as_ref().and_then(|m| m.target()).unwrap();
            ((x.server.1, target.to_vec()), x)
        })
        .collect();
    let (mut full, mut hurt, mut unopened) = (0, 0, 0);
    for lost in 0..frames.len() {
        let (tcp, data, end) = parts(&frames[lost].1);
        if data == end {
            continue;
        }
        let port = |at: usize| {
            u16::from_be_bytes([frames[lost].1[tcp + at], frames[lost].1[tcp + at + 1]])
        };
        let ports = [port(0), port(2)];
        let kept = frames.iter().enumerate().filter(|(n, _)| *n != lost);
        let calls = run(kept.map(|(_, f)| f), &options);
        for x in &calls.exchanges {
            let on_it = ports.contains(&x.client.1);
            let Some(target) = x.request.as_ref().and_then(|m| m.target()) else {
                assert!(
                    on_it && x.flags.has(Flags::NO_REQUEST),
                    "lost {lost}: {:?}",
                    x.flags.names()
                );
                hurt += 1;
                continue;
            };
            let Some(original) = by_name.get(&(x.server.1, target.to_vec())) else {
                panic!(
                    "lost {lost}: a call that was not made: {:?}",
                    String::from_utf8_lossy(target)
                );
            };
            if row(x) == row(original)
                && x.response.as_ref().map(|m| &m.body)
                    == original.response.as_ref().map(|m| &m.body)
            {
                full += 1;
                continue;
            }
            assert!(on_it, "lost {lost}: another connection changed");
            let flags = x.flags.names();
            assert!(
                ["gap", "truncated", "no-response", "uncertain-pair"]
                    .iter()
                    .any(|f| flags.contains(f)),
                "lost {lost}: not flagged: {flags:?}"
            );
            hurt += 1;
            if flags.contains(&"uncertain-pair") {
                continue; // said to be a guess
            }
            // what is there is what was sent: pieces between the gaps, at their places
            if let (Some(have), Some(sent)) = (&x.response, &original.response)
                && have.status() == sent.status()
            {
                let (mut at, mut from) = (0usize, 0usize);
                let mut gaps = have.body.gaps.clone();
                gaps.push((u64::MAX, 0));
                for (offset, missing) in gaps {
                    let piece_end = usize::try_from(offset)
                        .unwrap_or(usize::MAX)
                        .saturating_sub(at - from);
                    let piece =
                        &have.body.bytes[from..have.body.bytes.len().min(piece_end.max(from))];
                    let there = sent.body.bytes.get(at..at + piece.len());
                    assert!(
                        there == Some(piece),
                        "lost {lost}: wrong bytes in {:?} {:?} {:?}, gaps {:?}, {} of {}",
                        (x.server.1, String::from_utf8_lossy(target)),
                        have.status(),
                        x.flags.names(),
                        have.body.gaps,
                        have.body.bytes.len(),
                        sent.body.bytes.len()
                    );
                    from += piece.len();
                    at += piece.len() + usize::try_from(missing).unwrap();
                }
            }
        }
        unopened += calls
            .flows
            .iter()
            .filter(|f| f.why_opaque.is_some())
            .count();
    }
    eprintln!("{full} calls whole, {hurt} hurt and flagged, {unopened} connections not opened");
    // only a hello or a key exchange that was lost closes a connection: a few packets of each
    assert!(
        unopened < 60 && full > 20 * hurt,
        "{unopened} {full} {hurt}"
    );
}

/// The frames of one side: what goes to the servers, or what comes from them.
fn one_side(client: bool) -> Vec<(i64, Vec<u8>)> {
    let to = |f: &[u8]| {
        let (tcp, ..) = parts(f);
        u16::from_be_bytes([f[tcp + 2], f[tcp + 3]])
    };
    let mut all = frames();
    all.retain(|(_, f)| (18_400..18_500).contains(&to(f)) == client);
    all
}

#[test]
fn the_client_alone_is_opened_where_its_secrets_are_enough() {
    let calls = run(one_side(true).iter(), &options());
    // since TLS 1.3 the suite is proved by the tags
    let asked = |x: &&Exchange| x.request.is_some() && x.response.is_none();
    let ports: BTreeMap<u16, usize> = calls
        .exchanges
        .iter()
        .filter(asked)
        .map(|x| (x.server.1, 1))
        .fold(BTreeMap::new(), |mut m, (p, n)| {
            *m.entry(p).or_default() += n;
            m
        });
    let of = |port: u16| {
        saved(&fixture("tls.jsonl"))
            .iter()
            .filter(|s| s.1.0 == u64::from(port))
            .count()
    };
    assert_eq!(ports.get(&18_405), Some(&of(18_405)), "{ports:?}");
    assert_eq!(calls.exchanges.len(), ports.values().sum::<usize>());
    for f in &calls.flows {
        let (version, why) = (
            f.tls.as_ref().unwrap().version.clone().unwrap(),
            &f.why_opaque,
        );
        match why {
            None => assert_eq!(version, "TLS 1.3"),
            // before, the server's random is a part of every key
            Some(why) => assert!(
                why.ends_with("the server's hello was not captured"),
                "{why}"
            ),
        }
        assert!(f.sni.is_some());
    }
    assert!(calls.flows.iter().any(|f| f.why_opaque.is_none()));
    assert!(calls.flows.iter().any(|f| f.why_opaque.is_some()));
}

#[test]
fn the_server_alone_is_opened_since_tls_1_3_and_says_why_not_before() {
    let whole = run(frames().iter(), &options());
    let calls = run(one_side(false).iter(), &options());
    // what a server of TLS 1.3 answered is what it answers where both sides are there
    let bodies = |calls: &Calls| -> BTreeMap<(u16, Option<u16>), Vec<Vec<u8>>> {
        let mut all: BTreeMap<_, Vec<Vec<u8>>> = BTreeMap::new();
        for x in &calls.exchanges {
            if let Some(m) = &x.response {
                let of = (x.server.1, m.status());
                all.entry(of).or_default().push(m.body.bytes.clone());
            }
        }
        all.values_mut().for_each(|v| v.sort());
        all
    };
    let v13 = |calls: &Calls| -> BTreeSet<u16> {
        let new = |f: &&leaktrace::call::model::FlowInfo| {
            f.tls.as_ref().unwrap().version.as_deref() == Some("TLS 1.3")
        };
        calls.flows.iter().filter(new).map(|f| f.server.1).collect()
    };
    assert!(calls.exchanges.iter().all(|x| x.request.is_none()));
    let (mut expected, new) = (bodies(&whole), v13(&calls));
    expected.retain(|(port, _), _| new.contains(port));
    assert!(!new.is_empty());
    assert_eq!(bodies(&calls), expected);
    for f in &calls.flows {
        let tls = f.tls.as_ref().unwrap();
        assert!((18_400..18_500).contains(&f.server.1));
        assert!(tls.cipher.is_some());
        match f.why_opaque.as_deref() {
            None => assert_eq!(
                (tls.version.as_deref(), tls.opened),
                (Some("TLS 1.3"), true)
            ),
            Some(why) => {
                assert!(
                    why.ends_with("the client's hello was not captured"),
                    "{why}"
                );
                assert_ne!(tls.version.as_deref(), Some("TLS 1.3"));
            }
        }
    }
    // secrets of others open nothing and say so
    let mut others = Given::default();
    for n in 0..600u32 {
        let line = format!("SERVER_TRAFFIC_SECRET_0 {n:064x} {}\n", "ab".repeat(32));
        others.secrets.text(line.as_bytes());
    }
    let others = Arc::new(Options { tls: others });
    let calls = run(one_side(false).iter(), &others);
    assert!(calls.exchanges.is_empty());
    for f in &calls.flows {
        let why = f.why_opaque.as_deref().unwrap();
        assert!(
            why.ends_with("the client's hello was not captured"),
            "{why}"
        );
    }
}

#[test]
fn what_is_no_record_inside_a_direction_is_counted() {
    let clean = run(frames().iter(), &options());
    let count = |calls: &Calls| {
        let mine = calls
            .diags
            .iter()
            .filter(|((_, code), _)| *code == "tls-no-record");
        mine.map(|(_, (n, _))| *n).sum::<u64>()
    };
    assert_eq!(count(&clean), 0);
    // the header of the last large record of a server is overwritten
    let mut all = frames();
    let at = all
        .iter()
        .rposition(|(_, f)| {
            let (_, data, end) = parts(f);
            end > data + 200 && f[data] == 23
        })
        .unwrap();
    let (_, data, _) = parts(&all[at].1);
    all[at].1[data] = b'x';
    assert_eq!(count(&run(all.iter(), &options())), 1);
}

#[test]
fn ssl_3_is_named_and_listed_with_what_would_open_it() {
    let hello = |kind: u8, rest: &[u8]| {
        let body = [&[3, 0][..], &[7; 32], &[0], rest].concat();
        let message = [&[kind, 0, 0, body.len() as u8][..], &body].concat();
        [&[0x16, 3, 0, 0, message.len() as u8][..], &message].concat()
    };
    let mut f = Feeder::new();
    f.send(C, &hello(1, &[0, 4, 0, 4, 0, 5, 1, 0]));
    f.send(S, &hello(2, &[0, 5, 0]));
    f.send(
        C,
        &[&[0x14, 3, 0, 0, 1, 1, 0x16, 3, 0, 0, 60][..], &[0x55; 60]].concat(),
    );
    f.send(S, &[&[0x17, 3, 0, 0, 80][..], &[0x66; 80]].concat());
    let calls = f.finish(Close::Fin);
    let [f] = &calls.flows[..] else { panic!() };
    assert_eq!((f.app, f.calls), ("tls", 0));
    let tls = f.tls.as_ref().unwrap();
    assert_eq!(tls.version.as_deref(), Some("SSL 3.0"));
    assert_eq!(
        f.why_opaque.as_deref(),
        Some(
            "SSL 3.0 TLS_RSA_WITH_RC4_128_SHA: opened by a key log (--keylog) or the server's RSA private key (--rsa-key)"
        )
    );
}

type Turns = Vec<(Side, &'static [u8])>;

/// What a protocol that is only named says until it goes on as TLS.
fn dialogues() -> Vec<(&'static str, Turns)> {
    vec![
        (
            "smtp",
            vec![
                (S, b"220 mx.example ESMTP\r\n"),
                (C, b"EHLO a\r\n"),
                (S, b"250-mx.example\r\n250 STARTTLS\r\n"),
                (C, b"STARTTLS\r\n"),
                (S, b"220 go ahead\r\n"),
            ],
        ),
        (
            "imap",
            vec![
                (S, b"* OK IMAP4rev1 ready\r\n"),
                (C, b"a STARTTLS\r\n"),
                (S, b"a OK begin\r\n"),
            ],
        ),
        (
            "pop3",
            vec![
                (S, b"+OK POP3 ready\r\n"),
                (C, b"STLS\r\n"),
                (S, b"+OK begin\r\n"),
            ],
        ),
        (
            "ftp",
            vec![
                (S, b"220 (vsFTPd 3.0.3)\r\n"),
                (C, b"AUTH TLS\r\n"),
                (S, b"234 Proceed\r\n"),
            ],
        ),
        (
            "ldap",
            vec![
                (C, b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"),
                (S, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
            ],
        ),
        (
            "postgres",
            vec![(C, &[0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]), (S, b"S")],
        ),
        (
            "rdp",
            vec![
                (
                    C,
                    b"\x03\x00\x00\x2c\x27\xe0\x00\x00\x00\x00\x00Cookie: mstshash=eltons\r\n\x01\x00\x08\x00\x03\x00\x00\x00",
                ),
                (
                    S,
                    b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x01\x00\x00\x00",
                ),
            ],
        ),
    ]
}

/// Payloads of one recorded connection to this port, in order.
pub fn payloads(port: u16) -> Vec<(Side, Vec<u8>)> {
    let mut of = None;
    let mut out = Vec::new();
    for (_, f) in frames() {
        let (tcp, data, end) = parts(&f);
        let two = |at: usize| u16::from_be_bytes([f[at], f[at + 1]]);
        let (from, to) = (two(tcp), two(tcp + 2));
        let (client, side) = match (from == port, to == port) {
            (_, true) => (from, C),
            (true, _) => (to, S),
            _ => continue,
        };
        if *of.get_or_insert(client) == client && end > data {
            out.push((side, f[data..end].to_vec()));
        }
    }
    out
}

/// The name of the flow stays that of the protocol that began; what the hello says is told, and secrets open what follows.
#[test]
fn protocols_that_go_on_as_tls_keep_their_name_and_are_opened() {
    let rest = payloads(18_405);
    let play = |before: &[(Side, &[u8])], cut: usize| {
        let mut f = Feeder::new();
        f.calls = Calls::with_options(options());
        let after = rest.iter().map(|(s, b)| (*s, &b[..]));
        for (side, bytes) in before.iter().copied().chain(after) {
            for piece in bytes.chunks(cut) {
                f.send(side, piece);
            }
        }
        f.finish(Close::Fin)
    };
    let rows = |calls: &Calls| calls.exchanges.iter().map(row).collect::<Vec<_>>();
    let plain = play(&[], usize::MAX);
    assert!(!plain.exchanges.is_empty());
    for (name, before) in dialogues() {
        for cut in [usize::MAX, 700, 5] {
            let got = play(&before, cut);
            assert_eq!(rows(&got), rows(&plain), "{name}, cut {cut}");
            let (f, want) = (&got.flows[0], &plain.flows[0]);
            assert_eq!(f.app, name, "cut {cut}");
            assert_eq!((&f.sni, &f.tls), (&want.sni, &want.tls), "{name}");
            assert_eq!(f.why_opaque, None, "{name}");
        }
        let keyless = |mut f: Feeder| {
            for (side, bytes) in &before {
                f.send(*side, bytes);
            }
            for (side, bytes) in &rest {
                f.send(*side, bytes);
            }
            f.finish(Close::Fin).flows[0].why_opaque.clone()
        };
        let why = keyless(Feeder::new()).unwrap();
        assert!(why.starts_with("went on as tls: TLS 1.3"), "{name}: {why}");
    }
}

/// The bytes of a hello inside a file that another protocol carries, not at a segment's beginning, are none; what looks like
/// one there and is no TLS behind it hides no calls, since in that protocol none are looked for.
#[test]
fn text_behind_a_greeting_is_no_tls() {
    let mut f = Feeder::new();
    f.send(S, b"220 mx.example ESMTP\r\n");
    f.send(C, b"EHLO a\r\n");
    f.send(C, b"DATA\r\n");
    f.send(C, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    f.send(C, b"\x16\x03\x01\x02\x00\x05\x00 no hello");
    f.send(C, b"x\x16\x03\x01\x02\x00\x01\x00 no hello");
    let calls = f.finish(Close::Fin);
    assert_eq!(calls.exchanges.len(), 0);
    assert_eq!((calls.flows[0].app, &calls.flows[0].sni), ("smtp", &None));
    let why = calls.flows[0].why_opaque.as_deref();
    assert_eq!(why, Some("not an API protocol"));
}
