//! TLS whose handshake stands in packets of another protocol (Microsoft SQL Server): told, and opened where secrets are given.

use crate::http1::{C, Feeder, S};
use crate::tls::{options, payloads};
use leaktrace::net::{Close, Side};
use leaktrace::proto::Calls;

/// A packet of TDS.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut p = vec![kind, 1];
    p.extend((8 + body.len() as u16).to_be_bytes());
    p.extend([0, 0, 1, 0]);
    p.extend(body);
    p
}

/// What is agreed on before a login: a version, and whether to encrypt.
fn options_table() -> Vec<u8> {
    let mut t = vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff];
    t.extend([16, 0, 16, 0x5b, 0, 0, 1]);
    t
}

/// The recorded connection in TDS: handshake in packets, the rest bare.
fn wrapped() -> Vec<(Side, Vec<u8>)> {
    let mut out = vec![
        (C, packet(0x12, &options_table())),
        (S, packet(4, &options_table())),
    ];
    let mut seen = [false; 2];
    for (side, bytes) in payloads(18_405) {
        let first = !std::mem::replace(&mut seen[usize::from(side == S)], true);
        if !first {
            out.push((side, bytes));
            continue;
        }
        // in several packets, as a server's certificates are
        let whole: Vec<u8> = bytes
            .chunks(300)
            .flat_map(|part| packet(0x12, part))
            .collect();
        out.push((side, whole));
    }
    out
}

#[test]
fn tls_in_tds_is_told_and_opened() {
    let play = |turns: &[(Side, Vec<u8>)], cut: usize, keys: bool| {
        let mut f = Feeder::new();
        if keys {
            f.calls = Calls::with_options(options());
        }
        for (side, bytes) in turns {
            for piece in bytes.chunks(cut) {
                f.send(*side, piece);
            }
        }
        f.finish(Close::Fin)
    };
    let plain = play(&payloads(18_405), usize::MAX, true);
    assert!(!plain.exchanges.is_empty() && plain.flows[0].sni.is_some());
    for cut in [usize::MAX, 700, 5, 1] {
        let got = play(&wrapped(), cut, true);
        let (f, want) = (&got.flows[0], &plain.flows[0]);
        assert_eq!(
            (f.app, &f.sni, &f.tls),
            ("tds", &want.sni, &want.tls),
            "cut {cut}"
        );
        assert_eq!(got.exchanges.len(), plain.exchanges.len(), "cut {cut}");
        let f = &play(&wrapped(), cut, false).flows[0];
        let why = f.why_opaque.clone().unwrap();
        assert!(why.starts_with("went on as tls: TLS 1.3"), "{why}");
        assert_eq!(f.sni, want.sni);
    }
    // joined behind what is agreed on first
    let got = play(&wrapped()[2..], usize::MAX, true);
    assert_eq!(
        (got.flows[0].app, &got.flows[0].sni),
        ("tds", &plain.flows[0].sni)
    );
}

#[test]
fn tds_in_the_clear_is_a_database() {
    for cut in [usize::MAX, 3] {
        let mut f = Feeder::new();
        for (side, p) in [
            (C, packet(0x12, &options_table())),
            (S, packet(4, &options_table())),
            (C, packet(1, b"s\0e\0l\0e\0c\0t\0 GET / HTTP/1.1\r\n\r\n")),
            (S, packet(4, b"HTTP/1.1 200 OK\r\n\r\n")),
        ] {
            for piece in p.chunks(cut) {
                f.send(side, piece);
            }
        }
        let calls = f.finish(Close::Fin);
        assert_eq!((calls.flows[0].app, calls.exchanges.len()), ("tds", 0));
        assert!(
            calls.flows[0]
                .why_opaque
                .as_deref()
                .unwrap()
                .contains("database")
        );
    }
}
