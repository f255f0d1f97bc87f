//! HTTP/1 calls of other people's captures, held against what tshark 4.0.17 saw in them. tshark is a good witness, not the truth:
//! where leaktrace differs because it is right, `DIFFERS` says why.

use leaktrace::body::decode::decode;
use leaktrace::call::model::{Exchange, Flags, Message};
use leaktrace::net::Net;
use leaktrace::proto::Calls;
use leaktrace::source::open_bytes;
use leaktrace::source::pcap::{Event, PacketReader};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn read(path: &Path) -> Calls {
    let mut reader = PacketReader::open(open_bytes(path).unwrap(), 0).unwrap();
    let (mut net, mut calls) = (Net::new(), Calls::default());
    while let Some(event) = reader.next() {
        if let Event::Packet(p) = event {
            net.packet(&p, &mut calls);
        }
    }
    net.finish(&mut calls);
    calls
}

pub fn folder() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    for dir in [
        dir,
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures"),
    ] {
        if dir.join("tshark.jsonl").exists() {
            return Some(dir);
        }
    }
    eprintln!("SKIPPED: no captures at ../shared/captures");
    None
}

pub fn text(b: Option<&[u8]>) -> String {
    b.map(|b| String::from_utf8_lossy(b).into_owned())
        .unwrap_or_default()
}

/// Length of the content, as tshark tells it: codings undone where they can be.
fn content(m: &Message) -> u64 {
    let ce: Vec<&[u8]> = m.header_all("content-encoding").collect();
    decode(&m.body.bytes, &ce).len
}

type Key = (String, String, String, String);

/// Ends, method and target of a call.
fn key(x: &Exchange) -> Key {
    let r = x.request.as_ref();
    (
        format!(
            "{}:{} {}:{}",
            x.client.0, x.client.1, x.server.0, x.server.1
        ),
        text(r.and_then(Message::method)),
        text(r.and_then(|m| m.header("host"))),
        text(r.and_then(Message::target)),
    )
}

fn their_key(c: &Value) -> Key {
    let s = |f: &str| c[f].as_str().unwrap_or_default().to_owned();
    let ip = |f: &str| {
        s(f).parse::<std::net::IpAddr>()
            .map(|i| i.to_string())
            .unwrap_or_default()
    };
    (
        format!("{}:{} {}:{}", ip("src"), c["sport"], ip("dst"), c["dport"]),
        s("method"),
        s("host"),
        s("uri"),
    )
}

/// Captures in which leaktrace differs because it is right: name, calls here beyond tshark's, calls of tshark's not here.
const DIFFERS: &[(&str, usize, usize, &str)] = &[
    (
        "deepflow/common__decapsulate_erspan1.pcap",
        4,
        0,
        "replies whose bodies were not captured whole; tshark shows their heads in the same packets with reassembly off",
    ),
    (
        "pcapplusplus/4KHttpRequests.pcap",
        128,
        0,
        "one direction with losses: tshark waits for lost bytes; with its reassembly off it shows the same 381 heads in the same packets",
    ),
    (
        "pcapplusplus/650HttpResponses.pcap",
        312,
        0,
        "the same for responses: 677 heads in the same packets",
    ),
    (
        "pcapplusplus/unidirectional_tcp_stream_with_missing_packet.pcap",
        1,
        0,
        "a packet is missing inside the body of the first request; its head was captured whole",
    ),
];
/// A status line that was captured although its head was not: name, status here.
const STATUS: &[(&str, u64)] = &[("deepflow/http__istio-tcp-frag.pcap", 200)];

/// A length that tshark has wrong: name, client port, its length. The reply to a HEAD that was not captured, and the head of
/// the reply after it taken for its body.
const LENGTH: &[(&str, u16, u64)] = &[("pcapplusplus/650HttpResponses.pcap", 61222, 689)];

/// Of calls with the same line, the one with the same answer, else the first.
fn take<'a>(v: &mut Vec<&'a Exchange>, t: &Value) -> Option<&'a Exchange> {
    let same = |x: &&Exchange| {
        let r = x.response.as_ref();
        let len = t["resp_body_len"].as_u64();
        r.and_then(Message::status).map(u64::from) == t["status"].as_u64()
            && (len.is_none() || r.map(content) == len)
    };
    let at = v.iter().rposition(same).or(v.len().checked_sub(1))?;
    Some(v.remove(at))
}

#[test]
fn calls_are_those_of_tshark() {
    let Some(dir) = folder() else { return };
    let list = std::fs::read_to_string(dir.join("tshark.jsonl")).unwrap();
    let (mut theirs_all, mut ours_all, mut hits, mut status_bad, mut len_bad) = (0, 0, 0, 0, 0);
    let mut problems = Vec::new();
    for line in list.lines() {
        let c: Value = serde_json::from_str(line).unwrap();
        let tags = c["tags"].to_string();
        if tags.contains("tls-decrypted") {
            continue;
        }
        let name = c["capture"].as_str().unwrap();
        let theirs: Vec<&Value> = c["calls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| {
                !c["version"]
                    .as_str()
                    .is_some_and(|v| v.starts_with("HTTP/2") || v == "2" || v == "h2")
            })
            .collect();
        if theirs.is_empty() {
            continue;
        }
        let calls = read(&dir.join(name));
        let mut ours: BTreeMap<Key, Vec<&Exchange>> = BTreeMap::new();
        for x in &calls.exchanges {
            ours.entry(key(x)).or_default().push(x);
        }
        for v in ours.values_mut() {
            v.sort_by_key(|x| (x.flow, std::cmp::Reverse(x.ordinal)));
        }
        ours_all += calls.exchanges.len();
        theirs_all += theirs.len();
        let mut missing = 0;
        for t in theirs {
            let k = their_key(t);
            let Some(x) = ours.get_mut(&k).and_then(|v| take(v, t)) else {
                missing += 1;
                problems.push(format!(
                    "{name}: not here: {k:?} {} frame {}",
                    t["status"], t["frame"]
                ));
                continue;
            };
            hits += 1;
            let status = x.response.as_ref().and_then(Message::status).map(u64::from);
            let known = STATUS.iter().any(|s| s.0 == name && Some(s.1) == status);
            if status != t["status"].as_u64() && !known {
                status_bad += 1;
                problems.push(format!(
                    "{name}: status {status:?} {} of {k:?} frame {} {:?}",
                    t["status"],
                    t["frame"],
                    x.flags.names()
                ));
            }
            for (m, field) in [(&x.request, "req_body_len"), (&x.response, "resp_body_len")] {
                let here = m.as_ref().map(content);
                let there = t[field].as_u64();
                let known = LENGTH
                    .iter()
                    .any(|l| l.0 == name && l.1 == x.client.1 && Some(l.2) == there);
                if there.is_some() && here != there && !x.flags.has(Flags::GAP) && !known {
                    len_bad += 1;
                    problems.push(format!(
                        "{name}: {field} {here:?} {there:?} of {k:?} {:?}",
                        x.flags.names()
                    ));
                }
            }
        }
        let more: Vec<_> = ours.values().flatten().collect();
        let want = DIFFERS
            .iter()
            .find(|d| d.0 == name)
            .map_or((0, 0), |d| (d.1, d.2));
        if (more.len(), missing) != want {
            for x in &more {
                let status = x.response.as_ref().and_then(Message::status);
                let first = x
                    .request
                    .as_ref()
                    .or(x.response.as_ref())
                    .map_or(0, |m| m.first.unit.number);
                problems.push(format!(
                    "{name}: only here: {:?} {status:?} {:?} packet {first}",
                    key(x),
                    x.flags.names()
                ));
            }
            problems.push(format!(
                "{name}: {} more here, {missing} missing",
                more.len()
            ));
        }
    }
    eprintln!(
        "tshark {theirs_all}, here {ours_all}, in both {hits}, status differs {status_bad}, length differs {len_bad}"
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
#[ignore = "prints what each reader finds, for people: asserts nothing"]
fn dump() {
    let calls = read(Path::new(&std::env::var("PCAP").unwrap()));
    for x in &calls.exchanges {
        let p = |m: &Option<Message>| {
            m.as_ref().map(|m| {
                (
                    m.first.unit.number,
                    m.last.unit.number,
                    m.body.len,
                    m.body.complete,
                    m.flags.names(),
                )
            })
        };
        eprintln!(
            "flow {} ord {} {:?} {:?} req {:?} resp {:?} {:?}",
            x.flow,
            x.ordinal,
            key(x),
            x.response.as_ref().and_then(Message::status),
            p(&x.request),
            p(&x.response),
            x.flags.names()
        );
    }
    for f in &calls.flows {
        eprintln!("{f:?}");
    }
    eprintln!("{:?}", calls.diags);
}
