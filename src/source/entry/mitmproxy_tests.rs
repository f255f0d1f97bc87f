use super::*;
use crate::source::entry::{EntryEvent, EntryReader};
use crate::source::log::LogZone;

fn s(tag: u8, payload: &[u8]) -> Vec<u8> {
    [format!("{}:", payload.len()).as_bytes(), payload, &[tag]].concat()
}
fn bytes(b: &[u8]) -> Vec<u8> {
    s(b',', b)
}
fn dict(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let inner: Vec<u8> = pairs
        .iter()
        .flat_map(|(k, v)| [s(b';', k.as_bytes()), v.clone()].concat())
        .collect();
    s(b'}', &inner)
}
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    s(b']', &items.concat())
}
fn place(ip: &str, port: u16) -> Vec<u8> {
    list(&[s(b';', ip.as_bytes()), s(b'#', port.to_string().as_bytes())])
}

/// A flow as version 21 writes it.
fn flow(path: &str, body: &[u8]) -> Vec<u8> {
    let fields = list(&[
        list(&[bytes(b"Host"), bytes(b"api.example:8443")]),
        list(&[bytes(b"Content-Length"), bytes(b"5")]),
    ]);
    dict(&[
        ("version", s(b'#', b"21")),
        ("type", s(b';', b"http")),
        (
            "request",
            dict(&[
                ("http_version", bytes(b"HTTP/1.1")),
                ("headers", fields.clone()),
                ("content", bytes(b"")),
                ("timestamp_start", s(b'^', b"1772359200.25")),
                ("timestamp_end", s(b'^', b"1772359200.5")),
                ("host", s(b';', b"10.0.0.2")),
                ("port", s(b'#', b"8443")),
                ("method", bytes(b"GET")),
                ("scheme", bytes(b"https")),
                ("authority", bytes(b"")),
                ("path", bytes(path.as_bytes())),
                ("trailers", s(b'~', b"")),
            ]),
        ),
        (
            "response",
            dict(&[
                ("http_version", bytes(b"HTTP/1.1")),
                ("headers", fields),
                ("content", bytes(body)),
                ("timestamp_start", s(b'^', b"1772359200.75")),
                ("timestamp_end", s(b'^', b"1772359201.0")),
                ("status_code", s(b'#', b"200")),
                ("reason", bytes(b"OK")),
            ]),
        ),
        (
            "client_conn",
            dict(&[("peername", place("10.0.0.9", 51000))]),
        ),
        (
            "server_conn",
            dict(&[("peername", place("::ffff:10.0.0.2", 8443))]),
        ),
    ])
}

fn read(data: &[u8]) -> (Vec<Entry>, Vec<(&'static str, u64)>) {
    let input = Box::new(std::io::Cursor::new(data.to_vec()));
    let mut r = EntryReader::new(input, "mitmproxy", LogZone(None), 0).unwrap();
    let (mut entries, mut diags) = (Vec::new(), Vec::new());
    while let Some(e) = r.next() {
        match e {
            EntryEvent::Entry(e) => entries.push(*e),
            EntryEvent::Diag(code, at, _, _) => diags.push((code, at)),
        }
    }
    (entries, diags)
}

#[test]
fn a_flow_is_a_call_between_both_its_ends() {
    let data = [flow("/a?x=1", b"hello"), flow("/b", b"")].concat();
    assert!(sniff(&data) && !sniff(b"12:hello world!,") && !sniff(b"1234"));
    let (entries, diags) = read(&data);
    assert_eq!((entries.len(), diags), (2, vec![]));
    let e = &entries[0];
    assert_eq!(e.range, (0, flow("/a?x=1", b"hello").len() as u64));
    assert_eq!(e.client, (Some("10.0.0.9".parse().unwrap()), Some(51000)));
    assert_eq!(e.server, (Some("10.0.0.2".parse().unwrap()), Some(8443)));
    assert!(e.exchange.tls);
    let resp = e.exchange.response.as_ref().unwrap();
    assert_eq!(
        (resp.status(), &resp.body.bytes[..]),
        (Some(200), &b"hello"[..])
    );
    assert_eq!(resp.last.ts, 1_772_359_201_000_000_000);
    assert_eq!(
        e.exchange.request.as_ref().unwrap().target(),
        Some(&b"/a?x=1"[..])
    );
}

#[test]
fn flows_of_old_versions_are_read_by_their_old_keys() {
    // 0.13: bytes for every key, `code`, `msg`, `httpversion`, addresses inside a dictionary
    let key = |k: &str| bytes(k.as_bytes());
    let pair = |k: &str, v: Vec<u8>| [key(k), v].concat();
    let d = |pairs: &[Vec<u8>]| s(b'}', &pairs.concat());
    let number = |n: &str| s(b'#', n.as_bytes());
    let address = |ip: &str, port: &str| {
        d(&[
            pair("address", list(&[bytes(ip.as_bytes()), number(port)])),
            pair("use_ipv6", s(b'!', b"false")),
        ])
    };
    let old = d(&[
        pair("version", list(&[number("0"), number("13")])),
        pair(
            "request",
            d(&[
                pair("httpversion", list(&[number("1"), number("0")])),
                pair("method", bytes(b"PUT")),
                pair("path", bytes(b"/old")),
                pair("host", bytes(b"h")),
                pair("port", number("80")),
                pair("scheme", bytes(b"http")),
                pair("content", bytes(b"x=1")),
                pair("headers", list(&[])),
                pair("timestamp_start", s(b'^', b"1400000000.5")),
            ]),
        ),
        pair(
            "response",
            d(&[
                pair("httpversion", list(&[number("1"), number("1")])),
                pair("code", number("404")),
                pair("msg", bytes(b"Not Found")),
                pair("content", s(b'~', b"")),
                pair(
                    "headers",
                    list(&[list(&[bytes(b"content-length"), bytes(b"9")])]),
                ),
            ]),
        ),
        pair(
            "client_conn",
            d(&[pair("address", address("10.0.0.9", "5"))]),
        ),
        pair(
            "server_conn",
            d(&[
                pair("peer_address", s(b'~', b"")),
                pair("address", address("10.0.0.3", "80")),
            ]),
        ),
    ]);
    assert!(sniff(&old));
    let (entries, diags) = read(&old);
    assert_eq!(diags, [("body-not-kept", 1)]);
    let e = &entries[0];
    let req = e.exchange.request.as_ref().unwrap();
    assert_eq!((req.version, &req.body.bytes[..]), ((1, 0), &b"x=1"[..]));
    let resp = e.exchange.response.as_ref().unwrap();
    assert_eq!(resp.status(), Some(404));
    assert!(resp.flags.has(Flags::TRUNCATED));
    assert_eq!(e.client.1, Some(5));
    assert_eq!(e.server, (Some("10.0.0.3".parse().unwrap()), Some(80)));
    assert_eq!(e.host.as_deref(), Some("h"));
}

#[test]
fn damage_costs_the_flow_it_hit() {
    let (a, b) = (flow("/a", b"hello"), flow("/b", b"12345"));
    for (n, junk) in [
        &b"junk"[..],
        b"99999999999:x",
        b"77:7:version,,,",
        b"999999:7:version;",
    ]
    .into_iter()
    .enumerate()
    {
        let data = [&a[..], junk, &b, &a].concat();
        let (entries, diags) = read(&data);
        assert_eq!(entries.len(), 3, "case {n}: {diags:?}");
        assert_eq!(diags.len(), 1, "case {n}: {diags:?}");
    }
    // a wrong length inside
    let mut broken = a.clone();
    broken[1] = b'9';
    let (entries, diags) = read(&[&broken[..], &b].concat());
    assert_eq!(entries.len(), 1, "{diags:?}");
    for cut in 1..b.len() {
        let (entries, diags) = read(&[&a[..], &b[..cut]].concat());
        assert_eq!((entries.len(), diags.len()), (1, 1), "cut at {cut}");
    }
}

#[test]
fn flows_that_are_no_calls_are_counted() {
    let tcp = dict(&[
        ("version", s(b'#', b"21")),
        ("type", s(b';', b"tcp")),
        ("client_conn", dict(&[])),
    ]);
    let (entries, diags) = read(&[tcp, flow("/a", b"")].concat());
    assert_eq!((entries.len(), diags), (1, vec![("entry-no-call", 1)]));
}
