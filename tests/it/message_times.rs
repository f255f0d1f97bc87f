//! When the messages inside one answer came: events of a stream and messages of gRPC-Web, sent over HTTP/1 and over HTTP/2 a
//! piece at a time. Each is listed with the packet that its first byte stands in, and with the time of that packet.

use crate::support::h2::{client, frame, plain, server};
use crate::support::talk::recs;
use crate::support::wire::{Tcp, Wire};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::process::Command;

const EVENTS: [&str; 4] = [
    ": hello\n\nid: 1\ndata: {\"step\":\"first-event\"}\n\n",
    "data: second-event\n",
    "data: its end\n\ndata: third-event\n\n",
    "event: done\ndata: fourth-event\n\n",
];

fn message(text: &[u8]) -> Vec<u8> {
    [&[0], &(text.len() as u32).to_be_bytes()[..], text].concat()
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

fn over_http1(w: &mut Wire<Vec<u8>>, c: &mut Tcp, path: &str, media: &str, pieces: &[Vec<u8>]) {
    let ask = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    w.send(c, 0, ask.as_bytes()).unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n");
    w.send(c, 1, head.as_bytes()).unwrap();
    for p in pieces {
        w.send(c, 1, &chunk(p)).unwrap();
    }
    w.send(c, 1, b"0\r\n\r\n").unwrap();
}

fn over_http2(w: &mut Wire<Vec<u8>>, c: &mut Tcp, path: &str, media: &str, pieces: &[Vec<u8>]) {
    let ask = plain(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "h"),
        (":path", path),
    ]);
    let head = plain(&[(":status", "200"), ("content-type", media)]);
    w.send(c, 0, &client()).unwrap();
    w.send(c, 1, &server()).unwrap();
    w.send(c, 0, &frame(1, 5, 1, &ask)).unwrap();
    w.send(c, 1, &frame(1, 4, 1, &head)).unwrap();
    for p in pieces {
        w.send(c, 1, &frame(0, 0, 1, p)).unwrap();
    }
    w.send(c, 1, &frame(0, 1, 1, b"")).unwrap();
}

/// Number and time of the packet that holds `what`, counted from 1.
fn packet(capture: &[u8], what: &[u8]) -> (u64, i64) {
    let all = recs(capture.to_vec());
    let held: Vec<(u64, i64)> = (1u64..)
        .zip(&all)
        .filter(|(_, r)| memchr::memmem::find(&r.bytes, what).is_some())
        .map(|(n, r)| (n, r.ts))
        .collect();
    assert_eq!(held.len(), 1, "{}", String::from_utf8_lossy(what));
    held[0]
}

#[test]
fn each_message_has_the_packet_and_the_time_it_began() {
    let events: Vec<Vec<u8>> = EVENTS.iter().map(|e| e.as_bytes().to_vec()).collect();
    let web = [
        message(b"\x0a\x05web-1"),
        [message(b"\x0a\x07web-two"), message(b"\x0a\x05web-3")].concat(),
        [&[0x80][..], &15u32.to_be_bytes(), b"grpc-status:0\r\n"].concat(),
    ];
    // each piece with padding of its own, as servers write them; one is cut inside a group of four
    let mut text: Vec<Vec<u8>> = web
        .iter()
        .map(|m| STANDARD.encode(m).into_bytes())
        .collect();
    let moved = text[1].split_off(10);
    text[2] = [moved, std::mem::take(&mut text[2])].concat();
    let sent = [
        ("text/event-stream", &events),
        ("Text/Event-Stream; charset=utf-8", &events),
        ("application/grpc-web+proto", &web.to_vec()),
        ("application/grpc-web-text", &text),
    ];
    for (n, (media, pieces)) in sent.iter().enumerate() {
        for two in [false, true] {
            let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
            let to = (Ipv4Addr::new(10, 9, 0, 1), 8080);
            let mut c = w.open((Ipv4Addr::new(10, 1, 0, 1), 40_001), to).unwrap();
            let send = if two { over_http2 } else { over_http1 };
            send(&mut w, &mut c, "/stream", media, pieces);
            w.close(&mut c).unwrap();
            let capture = w.into_inner();
            // where each begins, as the bytes on the wire tell it
            let begins: Vec<(u64, i64)> = if n < 2 {
                let of = ["first-event", "second-event", "third-event", "fourth-event"];
                of.map(|e| packet(&capture, e.as_bytes())).to_vec()
            } else {
                let one = packet(&capture, &pieces[0]);
                let two = packet(&capture, &pieces[1]);
                let last = packet(&capture, &pieces[2]);
                // as text the second piece goes no further than the first bytes of its first message
                let third = if n == 3 { last } else { two };
                vec![one, two, third, last]
            };
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("a.pcap"), &capture).unwrap();
            let run = |args: &[&str]| {
                let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
                    .args(args)
                    .args(["--json", "--case", "c.ltc"])
                    .current_dir(dir.path())
                    .env("XDG_STATE_HOME", dir.path().join("state"))
                    .output()
                    .unwrap();
                assert!(out.status.success(), "{args:?}");
                let text = String::from_utf8(out.stdout).unwrap();
                serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()
            };
            run(&["load", "a.pcap"]);
            let id = run(&["calls"])["id"].as_str().unwrap().to_owned();
            let shown = run(&["show", &id]);
            let listed: Vec<(Option<u64>, String)> = shown["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|m| m["dir"] == "resp")
                .map(|m| {
                    let ts = m["ts"].as_str().unwrap_or_default();
                    (m["packet"].as_u64(), ts.to_owned())
                })
                .collect();
            let want: Vec<(Option<u64>, String)> = begins
                .iter()
                .map(|(n, ts)| (Some(*n), leaktrace::query::read::time::rfc3339(*ts)))
                .collect();
            assert_eq!(listed, want, "{media}, HTTP/2: {two}");
        }
    }
}
