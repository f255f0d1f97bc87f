//! TLS of other people's captures, opened with the keys that lie beside them and held against what tshark saw; and TLS recorded
//! while the test runs, every body held against what the client saved.

use crate::http1_tshark::text;
use crate::support::netns;
use leaktrace::body::decode::decode;
use leaktrace::call::model::{Exchange, FlowInfo, Message};
use leaktrace::net::Net;
use leaktrace::proto::{Calls, Options};
use leaktrace::source::open_bytes;
use leaktrace::source::pcap::{Event, PacketReader};
use leaktrace::tls::{Given, rsa};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Reads a capture with key logs and RSA keys, and the secrets that it holds itself.
pub fn read_with(path: &Path, keys: &[PathBuf]) -> Calls {
    let mut given = Given::default();
    let mut reader = PacketReader::open(open_bytes(path).unwrap(), 0).unwrap();
    while reader.next().is_some() {}
    given.secrets.text(&reader.take_secrets());
    for k in keys {
        let bytes = std::fs::read(k).unwrap();
        match rsa::keys(&bytes) {
            Ok(keys) => given.rsa.extend(keys),
            Err(_) => given.secrets.text(&bytes),
        }
    }
    let mut calls = Calls::with_options(Arc::new(Options { tls: given }));
    let mut net = Net::new();
    let mut reader = PacketReader::open(open_bytes(path).unwrap(), 0).unwrap();
    while let Some(event) = reader.next() {
        if let Event::Packet(p) = event {
            net.packet(&p, &mut calls);
        }
    }
    net.finish(&mut calls);
    calls
}

fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../shared/captures", "../../shared/captures"]
        .iter()
        .map(|d| root.join(d))
        .find(|d| d.join("tshark.jsonl").exists());
    if found.is_none() {
        eprintln!("SKIPPED: no captures at ../shared/captures");
    }
    found
}

/// Client port, method, host, target, status, whether decrypted.
type Row = (u64, String, String, String, Option<u64>, bool);

#[test]
fn opened_calls_are_those_of_tshark() {
    let Some(dir) = folder() else { return };
    let list = std::fs::read_to_string(dir.join("tshark.jsonl")).unwrap();
    let (mut all, mut lengths, mut problems) = (0, 0, Vec::new());
    for line in list.lines() {
        let c: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<PathBuf> = c["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|k| dir.join(k.as_str().unwrap()))
            .collect();
        if keys.is_empty() {
            continue;
        }
        let name = c["capture"].as_str().unwrap();
        let calls = read_with(&dir.join(name), &keys);
        let mut theirs: Vec<(Row, Option<u64>)> = c["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                let s = |f: &str| c[f].as_str().unwrap_or_default().to_owned();
                let row = (
                    c["sport"].as_u64().unwrap(),
                    s("method"),
                    s("host"),
                    s("uri"),
                    c["status"].as_u64(),
                    c["tls"].as_bool() == Some(true),
                );
                (row, c["resp_body_len"].as_u64())
            })
            .collect();
        let mut ours: Vec<(Row, Option<u64>)> = calls
            .exchanges
            .iter()
            .map(|x| {
                let r = x.request.as_ref();
                let answer = x.response.as_ref();
                let row = (
                    u64::from(x.client.1),
                    text(r.and_then(Message::method)),
                    text(r.and_then(|m| m.header("host"))),
                    text(r.and_then(Message::target)),
                    answer.and_then(Message::status).map(u64::from),
                    x.tls,
                );
                let len = answer.map(|m| {
                    let ce: Vec<&[u8]> = m.header_all("content-encoding").collect();
                    decode(&m.body.bytes, &ce).len
                });
                (row, len)
            })
            .collect();
        theirs.sort();
        ours.sort();
        all += theirs.len();
        for t in theirs {
            let Some(at) = ours.iter().position(|o| o.0 == t.0) else {
                problems.push(format!("{name}: not here: {t:?}"));
                continue;
            };
            let o = ours.remove(at);
            if t.1.is_some() {
                lengths += 1;
                if o.1 != t.1 {
                    problems.push(format!("{name}: length {:?} {:?} of {:?}", o.1, t.1, t.0));
                }
            }
        }
        for o in ours {
            problems.push(format!("{name}: only here: {o:?}"));
        }
        let closed = |f: &&FlowInfo| f.tls.as_ref().is_some_and(|t| !t.opened);
        let closed = calls.flows.iter().filter(closed).count();
        eprintln!("{name}: {closed} connections not opened, {:?}", calls.diags);
    }
    eprintln!("{all} calls, {lengths} lengths");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn record(out: &Path) -> bool {
    if !netns::ready(&["python3", "nginx", "node", "curl", "tcpdump", "openssl"]) {
        return false;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/tls.py");
    let path = std::env::var("PATH").unwrap_or_default();
    let run = Command::new("unshare")
        .args(["-n", "python3"])
        .arg(script)
        .arg(out)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{err}");
    true
}

/// Port, target, status, SHA-256 of the content.
pub type Saved = (u64, String, Option<u64>, Option<String>);

pub fn saved(path: &Path) -> Vec<(String, Saved)> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|l| {
            let v: Value = serde_json::from_str(l).unwrap();
            let s = |f: &str| v[f].as_str().map(str::to_owned);
            let row = (
                v["port"].as_u64().unwrap(),
                s("target").unwrap(),
                v["status"].as_u64(),
                s("sha256"),
            );
            (s("name").unwrap(), row)
        })
        .collect()
}

pub fn row(x: &Exchange) -> Saved {
    let answer = x.response.as_ref();
    (
        u64::from(x.server.1),
        text(x.request.as_ref().and_then(Message::target)),
        answer.and_then(Message::status).map(u64::from),
        answer
            .filter(|m| m.body.len > 0 && m.body.complete)
            .map(|m| {
                Sha256::digest(&m.body.bytes)
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect()
            }),
    )
}

/// What was saved and is not among the calls, by name of the server; and what is only among the calls.
fn differ(saved: &[(String, Saved)], calls: &Calls) -> Vec<String> {
    let mut ours: Vec<Saved> = calls.exchanges.iter().map(row).collect();
    let mut out = Vec::new();
    for (name, s) in saved {
        match ours.iter().position(|o| o == s) {
            Some(at) => drop(ours.remove(at)),
            None => {
                let near = ours.iter().find(|o| (o.0, &o.1) == (s.0, &s.1));
                out.push(format!("{name}: {s:?}, here {near:?}"));
            }
        }
    }
    out.extend(ours.iter().map(|o| format!("only here: {o:?}")));
    for f in calls.flows.iter().filter(|f| f.why_opaque.is_some()) {
        out.push(format!(
            "port {}: {:?} {:?}",
            f.server.1, f.why_opaque, f.tls
        ));
    }
    out
}

#[test]
fn every_body_over_tls_is_what_the_client_saved() {
    let dir = tempfile::tempdir().unwrap();
    let out = match std::env::var_os("TLS_RECORDED") {
        Some(dir) => dir.into(),
        None => {
            let out = dir.path().join("tls");
            std::fs::create_dir(&out).unwrap();
            if !record(&out) {
                return;
            }
            out
        }
    };
    let list = saved(&out.join("saved.jsonl"));
    assert!(list.len() > 200);
    let capture = out.join("tls.pcap");
    let calls = read_with(&capture, &[out.join("keys.log")]);
    let problems = differ(&list, &calls);
    eprintln!(
        "{} calls over TLS with a key log, {} saved, {:?}",
        calls.exchanges.len(),
        list.len(),
        calls.diags
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(calls.exchanges.iter().all(|x| x.tls));

    // the server's RSA key opens what was agreed under it, and what resumes that
    let calls = read_with(&capture, &[out.join("rsa.pem")]);
    let under: Vec<(String, Saved)> = list
        .into_iter()
        .filter(|(name, _)| {
            let rsa = [
                "rsa-gcm",
                "camellia-256",
                "null",
                "1.0",
                "1.1",
                "rsa-no-ems",
                "rsa-ids",
                "rsa-1.0-ids",
            ];
            rsa.contains(&name.as_str())
        })
        .collect();
    let mut problems = differ(&under, &calls);
    problems.retain(|p| !p.starts_with("port "));
    eprintln!("{} calls with the RSA key alone", calls.exchanges.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(under.len() > 50);
}
