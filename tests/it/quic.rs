//! QUIC named by what its hellos say: the packets of the RFCs, and those of a writer of our own for every turn that a
//! handshake can take.

use crate::corpus::targets::datagrams;
use crate::support::quic::{D29, Initial, V1, V2, client_hello, crypto, hex, server_hello};
use crate::support::random::Random;
use leaktrace::call::model::FlowInfo;
use leaktrace::net::Side;

const CLIENT: Side = Side::A;
const SERVER: Side = Side::B;
const DCID: &[u8] = b"first-id";

/// What is said of a flow of these datagrams, and how often something was not read.
fn flow(ports: (u16, u16), sent: &[(Side, Vec<u8>)]) -> (FlowInfo, Vec<(&'static str, u64)>) {
    let mut calls = datagrams(ports, sent.iter().map(|(s, d)| (*s, d.as_slice())));
    let diags = calls.diags.iter().map(|(k, v)| (k.1, v.0)).collect();
    (calls.flows.remove(0), diags)
}

fn of(datagrams: &[(Side, Vec<u8>)]) -> FlowInfo {
    flow((40000, 8443), datagrams).0
}

fn quic(f: &FlowInfo) -> Option<&str> {
    f.tls.as_ref()?.quic.as_deref()
}

fn client(version: u32) -> Initial<'static> {
    Initial {
        version,
        keys: DCID,
        client: true,
        dcid: DCID,
        scid: b"cl",
        token: b"",
        number: 0,
    }
}

fn server(version: u32) -> Initial<'static> {
    Initial {
        client: false,
        dcid: b"cl",
        scid: b"server-i",
        ..client(version)
    }
}

/// The hello of RFC 9001 appendix A.2, and that it is protected as there and in RFC 9369.
#[test]
fn the_hello_of_the_rfcs() {
    let hello = hex(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c
         00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006
         001d0017001800100007000504616c706e000500050100000000003300260024001d00209370b2c9caa4
         7fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d0010000e040305
         0306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ff
         ff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
    );
    let id = hex("8394c8f03e515708");
    let ends = [
        (
            V1,
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8ba",
            "e221af44860018ab0856972e194cd934",
        ),
        (
            V2,
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03",
            "a18b2faa745b6fe189cf772a9f84cbfc",
        ),
    ];
    for (version, begin, end) in ends {
        let p = Initial {
            keys: &id,
            dcid: &id,
            scid: b"",
            number: 2,
            ..client(version)
        };
        let p = p.full(&hello);
        assert_eq!(p.len(), 1200);
        assert!(p.starts_with(&hex(begin)) && p.ends_with(&hex(end)));
        let f = of(&[(CLIENT, p)]);
        assert_eq!((f.app, f.transport), ("quic", "udp"));
        assert_eq!(f.sni.as_deref(), Some("example.com"));
        assert_eq!(f.alpn.as_deref(), Some("alpn"));
        assert_eq!(f.client_print.map(|p| p.len()), Some(16));
    }
}

#[test]
fn version_names_cipher_and_reason_are_said() {
    for (version, name) in [(V1, "v1"), (V2, "v2"), (D29, "draft-29")] {
        let hello = client_hello("api.example.org", &["h3", "h3-29"], 0);
        let (f, diags) = flow(
            (40000, 443),
            &[
                (CLIENT, client(version).full(&crypto(0, &hello))),
                (
                    SERVER,
                    server(version)
                        .seal(&[vec![2, 0, 0, 0, 0], crypto(0, &server_hello(0x1302))].concat()),
                ),
                (SERVER, vec![0x41; 900]),
                (CLIENT, vec![0x42; 90]),
            ],
        );
        assert_eq!(f.app, "quic");
        assert_eq!(quic(&f), Some(name));
        assert_eq!(f.sni.as_deref(), Some("api.example.org"));
        assert_eq!(f.alpn.as_deref(), Some("h3,h3-29"));
        let tls = f.tls.as_ref().unwrap();
        assert_eq!(tls.version.as_deref(), Some("TLS 1.3"));
        assert_eq!(tls.cipher.as_deref(), Some("TLS_AES_256_GCM_SHA384"));
        assert!(!tls.opened);
        let why = f.why_opaque.unwrap();
        assert!(
            why.starts_with(&format!(
                "QUIC {name} TLS_AES_256_GCM_SHA384: what it carries is not decoded"
            )),
            "{why}"
        );
        assert_eq!(f.client.1, 40000);
        assert!(diags.is_empty(), "{diags:?}");
    }
}

/// As browsers send it: cut into pieces, shuffled over packets and datagrams, with pings and padding between.
#[test]
fn a_hello_over_several_datagrams_in_any_order() {
    let hello = client_hello("large.example.org", &["h3"], 3000);
    let plain = of(&[(
        CLIENT,
        client(V1).full(&crypto(
            0,
            &client_hello("large.example.org", &["h3"], 3000),
        )),
    )]);
    assert_eq!(plain.sni.as_deref(), Some("large.example.org"));
    for seed in 0..40 {
        let mut r = Random::new(seed);
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < hello.len() {
            let n = (1 + r.below(500) as usize).min(hello.len() - at);
            pieces.push(crypto(at, &hello[at..at + n]));
            at += n;
        }
        for n in (1..pieces.len()).rev() {
            pieces.swap(n, r.below(n as u64 + 1) as usize);
        }
        let mut datagrams: Vec<(Side, Vec<u8>)> = Vec::new();
        for (number, some) in (0u32..).zip(pieces.chunks(2)) {
            let frames = [&[1, 0, 0][..], &some.join(&[0, 1][..])].concat();
            let p = Initial {
                number: number * 70,
                ..client(V1)
            };
            let p = p.seal(&frames);
            match datagrams.last_mut() {
                // two packets in a datagram
                Some((_, d)) if number % 3 == 1 => d.extend(p),
                _ => datagrams.push((CLIENT, p)),
            }
            if r.below(3) == 0 {
                let again = datagrams[r.below(datagrams.len() as u64) as usize].clone();
                datagrams.push(again);
            }
        }
        let (f, diags) = flow((40000, 8443), &datagrams);
        assert_eq!(f.sni, plain.sni, "seed {seed}");
        assert_eq!(
            (&f.alpn, &f.client_print),
            (&plain.alpn, &plain.client_print)
        );
        assert!(diags.is_empty());
        // one of them is lost: what is not there is not guessed
        let lost = datagrams[0].clone();
        datagrams.retain(|d| *d != lost);
        // and the rest comes again and again, until no more is read of the flow
        let many = datagrams.len().max(1);
        let again = datagrams.iter().cycle().take(many * (1 + 200 / many));
        for f in [of(&datagrams), of(&again.cloned().collect::<Vec<_>>())] {
            assert_eq!(quic(&f).is_some(), !datagrams.is_empty());
            if f.sni.is_some() || datagrams.is_empty() {
                continue;
            }
            let why = f.why_opaque.as_deref().unwrap();
            assert!(
                why.contains("a part of its hello was not captured"),
                "{why}"
            );
        }
    }
}

#[test]
fn after_a_retry_the_keys_are_those_of_the_new_id() {
    let hello = client_hello("retry.example.org", &["h3"], 1500);
    let (a, b) = hello.split_at(900);
    let retry = [
        hex("f0000000010263 6c0873657276657231"),
        b"some token".to_vec(),
        vec![0xaa; 16],
    ]
    .concat();
    let new = Initial {
        keys: b"server1",
        dcid: b"server1",
        token: b"some token",
        number: 2,
        ..client(V1)
    };
    // the first hello is not whole before the Retry, and its pieces are not mixed with those after it
    let other = client_hello("wrong.example.org", &["h3"], 1500);
    let f = of(&[
        (CLIENT, client(V1).full(&crypto(0, &other[..900]))),
        (SERVER, retry),
        (CLIENT, new.full(&crypto(0, a))),
        (CLIENT, Initial { number: 3, ..new }.full(&crypto(900, b))),
        (
            SERVER,
            Initial {
                keys: b"server1",
                ..server(V1)
            }
            .seal(&crypto(0, &server_hello(0x1301))),
        ),
    ]);
    assert_eq!(f.sni.as_deref(), Some("retry.example.org"));
    assert_eq!(
        f.tls.unwrap().cipher.as_deref(),
        Some("TLS_AES_128_GCM_SHA256")
    );
}

#[test]
fn a_version_negotiation_is_no_session() {
    let unknown = 0x1a2a_3a4a_u32;
    let mut first = vec![0xc7];
    first.extend(unknown.to_be_bytes());
    first.extend(b"\x08first-id\x02cl\0");
    first.resize(1200, 0x33);
    let mut list = vec![0x9a, 0, 0, 0, 0];
    list.extend(b"\x02cl\x08first-id");
    list.extend(0x5a6a_7a8a_u32.to_be_bytes());
    list.extend(V1.to_be_bytes());
    // what was asked for first is not what it became
    let hello = client_hello("vn.example.org", &["h3"], 0);
    let whole = [
        (CLIENT, first.clone()),
        (SERVER, list.clone()),
        (CLIENT, client(V1).full(&crypto(0, &hello))),
    ];
    let f = of(&whole);
    assert_eq!((f.app, quic(&f)), ("quic", Some("v1")));
    assert_eq!(f.sni.as_deref(), Some("vn.example.org"));
    // refused, and given up
    let f = of(&whole[..2]);
    assert_eq!(quic(&f), Some("unknown version 0x1a2a3a4a"));
    assert!(
        f.why_opaque
            .unwrap()
            .contains("refused by a version negotiation")
    );
    // captured alone, it says who is the server and names no version
    let f = of(&[(CLIENT, list.clone())]);
    assert_eq!((f.app, quic(&f)), ("quic", None));
    assert_eq!(f.client.1, 8443, "who lists versions is the server");
    assert!(
        f.why_opaque
            .unwrap()
            .contains("a version negotiation alone")
    );
    // a version made to be ignored, without an answer
    let f = of(&[(CLIENT, first.clone())]);
    assert_eq!(
        (f.app, quic(&f)),
        ("quic", Some("unknown version 0x1a2a3a4a"))
    );
    assert_eq!(f.sni, None);
    // one of before the standard says its name
    let mut old = first.clone();
    old[1..5].copy_from_slice(b"Q050");
    let f = of(&[(CLIENT, old)]);
    assert_eq!((f.app, quic(&f)), ("quic", Some("Q050")));
    assert!(f.why_opaque.unwrap().contains("its hello is not read"));
    // one that nobody knows, away from its port, may be anything
    first[1..5].copy_from_slice(&0x1234_5678_u32.to_be_bytes());
    assert_eq!(of(&[(CLIENT, first.clone())]).app, "unknown");
    let f = flow((40000, 443), &[(CLIENT, first.clone())]).0;
    assert_eq!(
        (f.app, quic(&f)),
        ("quic", None),
        "by its port, which is said"
    );
    // ... until its ids come back with a list
    let f = flow((40000, 443), &[(CLIENT, first), (SERVER, list)]).0;
    assert_eq!(quic(&f), Some("unknown version 0x12345678"));
}

/// RFC 9368: the server chooses a version that the client's hello fits, and the keys of both follow from the first id.
#[test]
fn a_version_changed_on_the_way() {
    let hello = client_hello("change.example.org", &["h3"], 2000);
    let f = of(&[
        (CLIENT, client(V1).full(&crypto(0, &hello[..1000]))),
        (SERVER, server(V2).seal(&crypto(0, &server_hello(0x1303)))),
        (
            CLIENT,
            Initial {
                number: 1,
                dcid: b"server-i",
                ..client(V2)
            }
            .full(&crypto(1000, &hello[1000..])),
        ),
    ]);
    assert_eq!(f.sni.as_deref(), Some("change.example.org"));
    assert_eq!(quic(&f), Some("v2"));
    assert_eq!(
        f.tls.unwrap().cipher.as_deref(),
        Some("TLS_CHACHA20_POLY1305_SHA256")
    );
}

#[test]
fn a_flow_that_begins_with_the_server_finds_its_client() {
    let hello = client_hello("side.example.org", &["h3"], 0);
    let first = client(V1).full(&crypto(0, &hello));
    let answer = server(V1).full(&crypto(0, &server_hello(0x1301)));
    // side A is the server here, on the higher port
    let (f, diags) = flow(
        (50000, 8443),
        &[
            (Side::A, answer.clone()),
            (Side::B, first.clone()),
            (Side::A, answer.clone()),
        ],
    );
    assert_eq!(f.sni.as_deref(), Some("side.example.org"));
    assert_eq!((f.client.1, f.server.1), (8443, 50000));
    assert!(f.tls.unwrap().cipher.is_some());
    assert!(diags.is_empty(), "any order does: {diags:?}");
    // also where it is the only one, and the client's hello comes in pieces behind it
    let long = client_hello("side.example.org", &["h3"], 2000);
    let (f, diags) = flow(
        (50000, 8443),
        &[
            (Side::A, answer.clone()),
            (Side::B, client(V1).full(&crypto(0, &long[..1000]))),
            (
                Side::B,
                Initial {
                    number: 1,
                    ..client(V1)
                }
                .full(&crypto(1000, &long[1000..])),
            ),
        ],
    );
    assert_eq!(f.sni.as_deref(), Some("side.example.org"));
    assert_eq!(
        f.tls.unwrap().cipher.as_deref(),
        Some("TLS_AES_128_GCM_SHA256")
    );
    assert!(diags.is_empty(), "{diags:?}");
    // the server alone
    let (f, _) = flow((50000, 443), &[(Side::B, answer)]);
    assert_eq!((f.app, quic(&f)), ("quic", Some("v1")));
    assert!(
        f.why_opaque
            .unwrap()
            .contains("the client's were not captured")
    );
    // damaged
    let mut bad = first;
    bad[300] ^= 1;
    let (f, diags) = flow((50000, 443), &[(Side::A, bad)]);
    assert_eq!((f.app, &f.sni), ("quic", &None));
    assert_eq!(diags, [("quic-unopened", 1)]);
}

/// Two connections one after the other on the same ports: nothing of the second names the first.
#[test]
fn names_of_a_second_connection_are_not_mixed_in() {
    let hello = |name: &str, fill| client_hello(name, &["h3"], fill);
    let first = client(V1).full(&crypto(0, &hello("first.example.org", 0)));
    let second = Initial {
        keys: b"other-id",
        dcid: b"other-id",
        ..client(V1)
    };
    let answer = Initial {
        keys: b"other-id",
        ..server(V1)
    };
    let answer = answer.seal(&crypto(0, &server_hello(0x1303)));
    let long = hello("second.example.org", 2000);
    for again in [
        vec![second.full(&crypto(0, &hello("second.example.org", 0)))],
        vec![
            second.full(&crypto(0, &long[..1000])),
            Initial {
                number: 1,
                ..second
            }
            .full(&crypto(1000, &long[1000..])),
        ],
    ] {
        for early in [false, true] {
            let mut sent = vec![(CLIENT, first.clone())];
            sent.extend(again.iter().map(|d| (CLIENT, d.clone())));
            // before or behind the last piece of its client's hello
            let at = sent.len() - usize::from(early);
            sent.insert(at, (SERVER, answer.clone()));
            let f = of(&sent);
            assert_eq!(f.sni.as_deref(), Some("first.example.org"));
            assert_eq!(f.tls.unwrap().cipher, None, "{early}");
        }
    }
}

#[test]
fn what_fills_memory_is_left_out_and_counted() {
    // pieces with holes between, without end
    let mut datagrams = Vec::new();
    for number in 0..400u32 {
        let frames: Vec<u8> = (0..200)
            .flat_map(|n| crypto(4 + (number as usize * 200 + n) * 2 % 60_000, b"x"))
            .collect();
        datagrams.push((
            CLIENT,
            Initial {
                number,
                ..client(V1)
            }
            .seal(&frames),
        ));
    }
    let (f, diags) = flow((40000, 443), &datagrams);
    assert_eq!(f.app, "quic");
    assert_eq!(diags, [("quic-hello-limit", 1)]);
    assert!(f.why_opaque.unwrap().contains("larger than what is held"));
    // a hello that says it is longer than any
    let long = [&[1, 0xff, 0xff, 0xff][..], &[0; 900]].concat();
    let (f, _) = flow(
        (40000, 443),
        &[(CLIENT, client(V1).full(&crypto(0, &long)))],
    );
    assert_eq!((f.app, f.sni), ("quic", None));
    // packets that open with nothing
    let bad = [&client(V1).full(&[])[..1199], &[0]].concat();
    let flood: Vec<_> = (0..5000).map(|_| (CLIENT, bad.clone())).collect();
    let (_, diags) = flow((40000, 443), &flood);
    assert_eq!(
        diags,
        [("quic-unopened", u64::from(leaktrace::limits::QUIC_PACKETS))]
    );
}

#[test]
fn other_datagrams_are_not_taken_for_it() {
    let mut r = Random::new(3);
    let mut taken = 0;
    for n in 0..20_000u32 {
        let mut d: Vec<u8> = (0..1250).map(|_| r.next() as u8).collect();
        if n % 2 == 0 {
            d[0] |= 0xc0;
        }
        taken += u32::from(of(&[(CLIENT, d)]).app == "quic");
    }
    assert_eq!(taken, 0);
    // TCP is never asked
    let dns = b"\xc2\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\0\0\x01\0\x01".to_vec();
    assert_eq!(flow((40000, 53), &[(CLIENT, dns)]).0.app, "dns");
}
