//! One entry for each parser that evidence or a user's text reaches, shared by the fuzzers in `fuzz/` and by the replay of
//! their corpora in `cargo test`. In: any bytes. Out: nothing; a panic or a broken promise is the finding.
//!
//! Each checks what the parser promises beside not falling over: counts that agree, forms that survive a round trip.

use leaktrace::body::operation::{self, dispatch, graphql};
use leaktrace::body::protobuf::schema::{Builder, Schema};
use leaktrace::body::protobuf::walk::{Key, Leaf, Visit, walk};
use leaktrace::body::protobuf::{frames, wire};
use leaktrace::body::{decode, multipart, sniff, sse};
use leaktrace::call::model::{Flags, Stamp, Unit};
use leaktrace::case::{heads, ident};
use leaktrace::detect::form::Form;
use leaktrace::detect::print::PrintKey;
use leaktrace::detect::{self, Rules, Scanner, pack};
use leaktrace::net::{Close, FlowKey, FlowStats, Missing, Net, Segment, Side, StreamSink};
use leaktrace::proto::Calls;
use leaktrace::query::{lang, pattern};
use leaktrace::source::archive::Bytes;
use leaktrace::source::entry::{self, EntryEvent, EntryReader};
use leaktrace::source::log::{self, LogEvent, LogReader, LogZone};
use leaktrace::source::pcap::{Event, Packet, PacketReader};
use leaktrace::source::{Kind, unpacked};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Takes any bytes; a panic is the finding.
pub type Entry = fn(&[u8]);

/// Name and entry of every target; a corpus is the folder of that name.
pub const TARGETS: &[(&str, Entry)] = &[
    ("capture", capture),
    ("frames", frames),
    ("segments", segments),
    ("http1", http1),
    ("http2", http2),
    ("websocket", websocket),
    ("decode", decode_body),
    ("scan", scan),
    ("logs", logs),
    ("filter", filter),
    ("blobs", blobs),
    ("text", text),
    ("har", har),
    ("mitmproxy", mitmproxy),
    ("burp", burp),
    ("unpack", unpack),
    ("archive", archive),
    ("operation", operation),
    ("protobuf", protobuf),
    ("schema", schema),
    ("parts", parts),
];

/// A capture file as it comes: pcap or pcapng, and all that lies inside.
pub fn capture(data: &[u8]) {
    let Ok(mut reader) = PacketReader::open(Box::new(Cursor::new(data.to_vec())), 0) else {
        return;
    };
    let (mut net, mut calls) = (Net::new(), Calls::default());
    while let Some(event) = reader.next() {
        match event {
            Event::Packet(p) => net.packet(&p, &mut calls),
            Event::Diag { unit, .. } => assert!(unit >= 1, "units count from 1"),
        }
    }
    net.finish(&mut calls);
    check(&calls);
}

/// What holds for all exchanges, whatever was captured.
fn check(calls: &Calls) {
    for x in &calls.exchanges {
        assert!(x.done && (x.request.is_some() || x.response.is_some() || !x.interim.is_empty()));
        for m in x.request.iter().chain(&x.response) {
            assert!(
                m.body.bytes.len() as u64 <= m.body.len,
                "stored bytes are bytes of the body"
            );
            assert!(m.first.unit.number >= 1);
        }
        let _ = heads::decode(&heads::encode(x));
    }
}

/// Frames of a link type: two bytes of type, then frames that each begin with two bytes of length.
pub fn frames(data: &[u8]) {
    let Some((link, mut rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (mut net, mut calls) = (Net::new(), Calls::default());
    let mut number = 0;
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(tail.len());
        let (frame, tail) = tail.split_at(len);
        rest = tail;
        number += 1;
        feed(
            &mut net,
            &mut calls,
            number,
            u32::from(u16::from_be_bytes(*link)),
            frame,
        );
    }
    net.finish(&mut calls);
    check(&calls);
}

fn feed(net: &mut Net<Calls>, calls: &mut Calls, number: u64, link: u32, bytes: &[u8]) {
    let at = Stamp {
        ts: 1_700_000_000_000_000_000 + number as i64 * 50_000_000,
        unit: Unit { source: 0, number },
    };
    let orig_len = bytes.len() as u32;
    net.packet(
        &Packet {
            at,
            link,
            interface: 0,
            bytes,
            orig_len,
        },
        calls,
    );
}

/// A raw IPv4 packet with a TCP segment (link type 101).
fn segment(server: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (a, b): ([u8; 6], [u8; 6]) = ([10, 0, 0, 1, 0x9c, 0x40], [10, 0, 0, 2, 0, 80]);
    let (from, to) = if server { (b, a) } else { (a, b) };
    let total = (40 + payload.len()) as u16;
    let mut p = vec![0x45, 0];
    p.extend_from_slice(&total.to_be_bytes());
    p.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    p.extend_from_slice(&from[..4]);
    p.extend_from_slice(&to[..4]);
    p.extend_from_slice(&from[4..]);
    p.extend_from_slice(&to[4..]);
    p.extend_from_slice(&seq.to_be_bytes());
    p.extend_from_slice(&ack.to_be_bytes());
    p.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend_from_slice(payload);
    p
}

/// Both directions of a connection in pieces, each behind a byte for its side and whether it is lost, and two of length.
/// What is read of a clean connection must not depend on how it is cut.
pub fn http2(data: &[u8]) {
    let read = |cut: usize| {
        let mut calls = Calls::default();
        let end = |last, port| (std::net::IpAddr::from([10, 0, 0, last]), port);
        let key = FlowKey {
            a: end(1, 40000),
            b: end(2, 8080),
            protocol: 6,
        };
        let mut state = calls.open(0, &key, Stamp::default());
        let (mut sent, mut number) = ([0u64; 2], 0);
        let (mut rest, mut gaps) = (data, false);
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
                gaps = true;
                sent[me] += piece.len() as u64;
                calls.gap(&mut state, side, piece.len() as u64, Missing::Lost, at);
                continue;
            }
            for bytes in piece.chunks(cut) {
                let segment = Segment {
                    bytes,
                    offset: sent[me],
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
        let clean = !gaps
            && calls.diags.is_empty()
            && calls.flows.iter().all(|f| f.app == "h2")
            && calls.exchanges.iter().all(|x| x.flags == Flags::default());
        let all = calls
            .exchanges
            .into_iter()
            .map(|x| [x.request, x.response].map(|m| m.map(|m| (m.head, m.body, m.trailers))))
            .collect::<Vec<_>>();
        (clean, all)
    };
    let (clean, whole) = read(usize::MAX);
    // what comes before the first bytes of a client is another protocol's, and may end anywhere
    let starts = data
        .get(3..)
        .is_some_and(|d| d.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    if clean && starts && data.first() == Some(&0) && data.len() <= 8192 {
        assert_eq!(whole, read(1).1, "what is read depends on the cuts");
    }
}

/// Segments in any order: each begins with a byte for side and flags, a signed step of the sequence number, a length.
pub fn segments(data: &[u8]) {
    let (mut net, mut calls) = (Net::new(), Calls::default());
    let mut next = [0xffff_ff00_u32, 0x10];
    let (mut rest, mut number) = (data, 0);
    while let Some(([what, step, len], tail)) = rest.split_first_chunk::<3>() {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        number += 1;
        let side = usize::from(what & 1);
        let step = i32::from(*step as i8) * if what & 2 == 0 { 1 } else { 4096 };
        let seq = next[side].wrapping_add(step as u32);
        let flags = (what >> 2) & 0x17 | 0x10;
        let packet = segment(side == 1, seq, next[1 - side], flags, payload);
        next[side] = seq.wrapping_add(payload.len() as u32);
        feed(&mut net, &mut calls, number, 101, &packet);
    }
    net.finish(&mut calls);
    check(&calls);
}

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
        for piece in client.chunks(cut) {
            number += 1;
            feed(
                &mut net,
                &mut calls,
                number,
                101,
                &segment(false, a, b, 0x18, piece),
            );
            a = a.wrapping_add(piece.len() as u32);
        }
        for piece in server.chunks(cut) {
            number += 1;
            feed(
                &mut net,
                &mut calls,
                number,
                101,
                &segment(true, b, a, 0x18, piece),
            );
            b = b.wrapping_add(piece.len() as u32);
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

/// A coded body: the first byte selects up to two codings.
pub fn decode_body(data: &[u8]) {
    const CODINGS: [&[u8]; 8] = [
        b"gzip",
        b"deflate",
        b"br",
        b"zstd",
        b"x-gzip",
        b"identity",
        b"gzip, br",
        b"nonsense",
    ];
    let Some((which, raw)) = data.split_first() else {
        return;
    };
    let first = CODINGS[usize::from(which & 7)];
    let second = CODINGS[usize::from(which >> 3 & 7)];
    let both = [first, second];
    let codings = if which & 0x40 == 0 {
        &both[..1]
    } else {
        &both[..]
    };
    let d = decode::decode(raw, codings);
    assert!(d.content.len() as u64 <= d.len);
    let _ = sniff::kind(&d.content, None);
}

const KEY: PrintKey = PrintKey([7; 16]);

thread_local! {
    static SCANNER: RefCell<Scanner> = RefCell::new(Scanner::new(Arc::new(Rules::builtin()), KEY));
}

/// Content of every kind: the first byte selects how it is read.
pub fn scan(data: &[u8]) {
    const KINDS: [&str; 12] = [
        "json",
        "ndjson",
        "xml",
        "html",
        "form",
        "multipart",
        "csv",
        "text",
        "binary",
        "sse",
        "grpc",
        "protobuf",
    ];
    let Some((which, content)) = data.split_first() else {
        return;
    };
    let kind = match KINDS.get(usize::from(*which & 15)) {
        Some(k) => k,
        None => sniff::kind(content, None),
    };
    let media = (kind == "multipart").then_some("multipart/form-data; boundary=B");
    let facts = SCANNER.with_borrow_mut(|s| s.scan_body(content, kind, media));
    for f in &facts.findings {
        assert!(
            f.offset as usize + f.len as usize <= content.len(),
            "a finding lies inside its body"
        );
    }
    let mut terms: Vec<Arc<str>> = Vec::new();
    let blob = pack::blob(&pack::pack(&facts, &[]), &mut |t| {
        terms.push(t.clone());
        terms.len() as u32 - 1
    });
    let back = pack::decode(&blob, &|n| {
        terms.get(n as usize).cloned().unwrap_or_default()
    });
    assert_eq!(back.findings.len(), facts.findings.len());
}

/// Lines of a log.
pub fn logs(data: &[u8]) {
    let _ = log::sniff(data);
    for format in log::FORMATS {
        let mut reader = LogReader::new(
            Box::new(Cursor::new(data.to_vec())),
            format.name,
            LogZone(None),
            0,
        )
        .unwrap();
        let mut seen = 0;
        while let Some(event) = reader.next() {
            seen += 1;
            if let LogEvent::Call(c) = event {
                SCANNER.with_borrow_mut(|s| s.scan_uri(c.uri.as_deref().unwrap_or_default()));
            }
        }
        assert!(seen <= data.len() + 1 && reader.lines() <= data.len() as u64 + 1);
    }
}

/// A file of another tool; what holds of every call in it.
fn entries(data: &[u8], format: &str) {
    let _ = entry::sniff(data);
    let input = Box::new(Cursor::new(data.to_vec()));
    let mut reader = EntryReader::new(input, format, LogZone(None), 0).unwrap();
    let (mut last, mut end, mut events) = (0, 0, 0);
    while let Some(event) = reader.next() {
        events += 1;
        let EntryEvent::Entry(e) = event else {
            continue;
        };
        assert!(e.at.number > last, "entries are numbered in order");
        assert!(e.range.0 >= end, "entries do not overlap");
        (last, end) = (e.at.number, e.range.0 + e.range.1);
        assert!(end <= data.len() as u64, "an entry lies inside its file");
        let x = &e.exchange;
        assert!(x.done && x.request.is_some());
        for m in x.request.iter().chain(&x.response) {
            assert!(m.body.bytes.len() as u64 <= m.body.len);
            for (name, value) in &m.headers {
                assert!(m.head.get(name.clone()).is_some() && m.head.get(value.clone()).is_some());
            }
        }
        let _ = heads::decode(&heads::encode(x));
    }
    assert!(events <= data.len() * 2 + 2);
}

/// An HTTP archive.
pub fn har(data: &[u8]) {
    entries(data, "har");
}

/// Flows of mitmproxy.
pub fn mitmproxy(data: &[u8]) {
    entries(data, "mitmproxy");
}

/// Items of Burp.
pub fn burp(data: &[u8]) {
    entries(data, "burp");
}

/// A compressed file: what is read of it in one piece and in small ones is the same.
pub fn unpack(data: &[u8]) {
    let read = |size: usize| {
        let mut out = Vec::new();
        let Ok(mut read) = unpacked(Box::new(Cursor::new(data.to_vec()))) else {
            return (out, true);
        };
        let mut block = vec![0; size];
        while out.len() < 1 << 20 {
            match read.read(&mut block) {
                Ok(0) => return (out, false),
                Ok(n) => out.extend_from_slice(&block[..n]),
                Err(_) => return (out, true),
            }
        }
        out.truncate(1 << 20);
        (out, false)
    };
    let (a, b) = (read(1 << 16), read(777));
    assert!(
        a == b,
        "{} {} against {} {}",
        a.0.len(),
        a.1,
        b.0.len(),
        b.1
    );
}

/// A file taken for a tar and for a zip: members have numbers of their own, and what is read of one is what is hashed.
pub fn archive(data: &[u8]) {
    let (spill, stop) = (std::env::temp_dir(), AtomicBool::new(false));
    for form in ["tar", "zip"] {
        let found =
            leaktrace::source::archive::expand(Bytes::memory(data.to_vec()), form, &spill, &stop);
        let mut numbers = BTreeSet::new();
        for f in &found {
            let Some(member) = &f.member else {
                assert!(f.name.is_empty() && f.kind == Kind::Archive(form));
                continue;
            };
            assert!(numbers.insert(member.index.clone()) && !f.name.is_empty());
            let (a, b) = (member.hash(&stop).unwrap(), member.hash(&stop).unwrap());
            assert!(a == b && a.1 <= f.bytes.max(data.len() as u64 * 1100));
            let Ok(mut read) = member.open() else {
                continue;
            };
            let _ = std::io::copy(&mut read, &mut std::io::sink());
        }
        assert!(found.len() <= data.len() / 30 + 1000);
    }
}

/// A filter as typed; what is shown of it means the same.
pub fn filter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(e) = lang::parse(&text) {
        let shown = e.to_string();
        let again =
            lang::parse(&shown).unwrap_or_else(|err| panic!("{text:?} shown as {shown:?}: {err}"));
        assert_eq!(again, e, "{text:?} shown as {shown:?}");
    }
    let _ = pattern::regex(&text, true);
    let _ = (
        lang::value::time(&text),
        lang::value::network(&text),
        lang::value::duration(&text),
        lang::value::size(&text),
    );
}

/// Blobs of a case file that someone else may have written.
pub fn blobs(data: &[u8]) {
    let none: Arc<str> = Arc::from("");
    let facts = pack::decode(data, &|_| none.clone());
    let mut slim = 0;
    pack::visit(data, |_| slim += 1, |_, _, _| {});
    assert_eq!(slim, facts.findings.len(), "both readers of a pack agree");
    let _ = ident::decode(data);
    let h = heads::decode(data);
    let _ = (
        h.request.map(|h| (h.start(), h.headers())),
        h.response.map(|h| h.trailer_list()),
    );
}

/// Text that is shown, masked, undone or looked up; rules as a user wrote them.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = leaktrace::call::text::visible(&text);
    for class in ["cn-id", "bank-card", "email", "name", "address", "password"] {
        let _ = detect::mask::show(class, &text);
        let n = detect::normal(Some(class), &text);
        assert_eq!(
            detect::normal(Some(class), &n),
            n,
            "the canonical form of {text:?} is stable"
        );
    }
    let _ = detect::lookup_prints(&KEY, &text);
    for step in 0..32 {
        let _ = detect::undo(Form(step), data);
    }
    let _ = Rules::with_texts(&[("rules.toml".into(), text.into_owned())]);
}

/// A request: media type, target and body, each ended by a line feed but the last.
pub fn operation(data: &[u8]) {
    let mut lines = data.splitn(3, |b| *b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (media, target, body) = (line(), line(), line());
    let media = String::from_utf8_lossy(media).to_lowercase();
    let kind = sniff::kind(body, Some(&media));
    let header = |_: &str| Some(&b"a/b#c"[..]);
    let r = operation::Request::new(b"POST", target, &media, "", &header, body, kind);
    if let Some(op) = operation::of(&r) {
        assert!(
            op.name
                .is_none_or(|n| !n.is_empty() && !n.contains('#') && n.len() <= 800)
        );
    }
    if let Some(s) = dispatch::seen(&r, Some((body, kind))) {
        assert!(s.fields.lines().count() <= 4 && s.asked != 0);
    }
    let _ = graphql::parse(&String::from_utf8_lossy(body));
}

/// Counts what opens and closes, and holds places to the content.
struct Balance<'a>(&'a [u8], usize);

impl Visit for Balance<'_> {
    fn open(&mut self, _: Key<'_>) {
        self.1 += 1;
    }
    fn close(&mut self) {
        self.1 -= 1;
    }
    fn leaf(&mut self, _: Key<'_>, value: Leaf<'_>, at: std::ops::Range<usize>) {
        let bytes = &self.0[at];
        match value {
            Leaf::Text(t) => assert_eq!(t.as_bytes(), bytes),
            Leaf::Bytes(b) => assert_eq!(b, bytes),
            Leaf::Uint(n) if bytes.len() != 4 && bytes.len() != 8 => {
                assert_eq!(wire::varint(bytes, 0), Some((n, bytes.len())));
            }
            _ => {}
        }
    }
    fn broken(&mut self, at: std::ops::Range<usize>) {
        assert!(at.end <= self.0.len());
    }
}

/// A body of messages, with and without a schema; the first byte says how it is coded.
pub fn protobuf(data: &[u8]) {
    let Some((how, body)) = data.split_first() else {
        return;
    };
    let schema = Schema::from_proto(
        "message M { string a = 1; M b = 2; repeated M c = 3; repeated int32 d = 4; map<string, M> e = 5; double f = 6; bytes g = 7; sint64 h = 8; fixed32 i = 9; bool j = 10; }",
    )
    .unwrap();
    let ty = schema.message("M").unwrap();
    let encoding = (how & 1 == 1).then_some(&b"gzip"[..]);
    let undone = frames::undo(body, encoding, how & 2 == 2);
    let content = undone.as_ref().map_or(body, |u| &u.content);
    let mut end = 0;
    for f in frames::frames(content) {
        assert!(f.body.start == end + 5 && f.body.end <= content.len());
        end = f.body.end;
        for known in [None, Some((&schema, ty))] {
            let mut b = Balance(content, 0);
            walk(content, f.body.clone(), known, &mut b);
            assert_eq!(b.1, 0, "what is opened is closed");
        }
    }
    let _ = frames::status(content);
}

/// A schema as text or as a descriptor set.
pub fn schema(data: &[u8]) {
    let mut b = Builder::default();
    let text = String::from_utf8_lossy(data);
    if b.proto(&text).is_ok() {
        let _ = b.build();
    }
    let mut b = Builder::default();
    if b.descriptors(data).is_ok() {
        let _ = b.build();
    }
}

/// Parts of a form, and events.
pub fn parts(data: &[u8]) {
    let mut end = 0;
    for p in multipart::parts(data) {
        assert!(p.head.start >= end && p.head.end <= p.body.start && p.body.end <= data.len());
        end = p.body.end;
        let _ = (p.name(data), p.media(data), p.file(data), p.decoded(data));
    }
    let mut end = 0;
    for e in sse::events(data) {
        assert!(e.whole.start >= end && e.whole.end <= data.len());
        end = e.whole.end;
        let (text, places) = e.text(data);
        assert_eq!(places.len(), e.data.len());
        assert!(text.len() <= data.len());
    }
}
