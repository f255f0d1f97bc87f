//! WebSockets recorded while the test runs: Python `websockets` and Node `ws` as servers and clients, nginx between them, with
//! and without permessage-deflate, whole and in fragments (tests/record/ws.py). Every message equals what both ends noted.

use crate::http1_tshark::read;
use crate::support::netns::have;
use leaktrace::call::model::{Exchange, Flags, Proto};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Both libraries, fetched into a folder of the test.
fn libraries(dir: &Path) -> Option<(PathBuf, PathBuf)> {
    let (venv, node) = (dir.join("venv"), dir.join("node"));
    std::fs::create_dir(&node).unwrap();
    let ok = |c: &mut Command| {
        c.stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let python = venv.join("bin/python");
    let here = ok(Command::new("python3").args(["-c", "import websockets.asyncio.server"]));
    let python = if here {
        PathBuf::from("python3")
    } else if ok(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && ok(Command::new(&python).args(["-m", "pip", "install", "-q", "websockets>=14"]))
    {
        python
    } else {
        eprintln!("SKIPPED: the Python package websockets is missing and cannot be fetched");
        return None;
    };
    if !ok(Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "ws@8"])
        .current_dir(&node))
    {
        eprintln!("SKIPPED: the Node package ws cannot be fetched");
        return None;
    }
    Some((python, node))
}

fn record(dir: &Path, out: &Path) -> bool {
    let tools = ["unshare", "python3", "nginx", "node", "npm", "tcpdump"];
    if !tools.iter().all(|t| have(t)) {
        return false;
    }
    let right = Command::new("unshare")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status();
    if !right.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: no right to a network namespace");
        return false;
    }
    let Some((python, node)) = libraries(dir) else {
        return false;
    };
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let run = Command::new("unshare")
        .arg("-n")
        .arg(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/ws.py"))
        .arg(out)
        .env("PATH", path)
        .env("WS_MODULES", node)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    true
}

/// Client port, server port, direction.
type Line = (u16, u16, &'static str);

fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}

fn messages(x: &[Exchange]) -> BTreeMap<Line, Vec<String>> {
    let mut of: Vec<&Exchange> = x.iter().filter(|x| x.proto == Some(Proto::Ws)).collect();
    of.sort_by_key(|x| (x.flow, x.ordinal));
    let mut out: BTreeMap<Line, Vec<String>> = BTreeMap::new();
    for x in of {
        let (dir, m) = match (&x.request, &x.response) {
            (Some(m), None) => ("SEND", m),
            (None, Some(m)) => ("RECV", m),
            _ => panic!("one half"),
        };
        assert!(m.body.complete, "{:?}", x.flags.names());
        let bad = x.flags.0 & !Flags::RETRANSMITTED.0;
        assert_eq!(bad, 0, "{:?} {:?} {}", x.flags.names(), m.first, m.body.len);
        assert!(x.parent.is_some() && x.context.is_some());
        out.entry((x.client.1, x.server.1, dir))
            .or_default()
            .push(hex(&Sha256::digest(&m.body.bytes)));
    }
    out
}

#[test]
fn every_message_equals_what_both_ends_noted() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    if !record(dir.path(), &out) {
        return;
    }
    let calls = read(&out.join("ws.pcap"));
    let ours = messages(&calls.exchanges);
    let (mut compared, mut ends) = (0, 0);
    for log in [
        "py-client.log",
        "py-server.log",
        "node-client.log",
        "node-server.log",
    ] {
        let mut theirs: BTreeMap<Line, Vec<String>> = BTreeMap::new();
        for line in std::fs::read_to_string(out.join(log)).unwrap().lines() {
            let v: Value = serde_json::from_str(line).unwrap();
            let port = |f: &str| v[f].as_u64().unwrap() as u16;
            let dir = if v["dir"] == "SEND" { "SEND" } else { "RECV" };
            theirs
                .entry((port("client"), port("server"), dir))
                .or_default()
                .push(v["sha256"].as_str().unwrap().to_owned());
        }
        assert!(theirs.len() >= 18, "{log}: {} directions", theirs.len());
        for (line, list) in theirs {
            assert_eq!(ours.get(&line), Some(&list), "{log} {line:?}");
            compared += list.len();
            ends += 1;
        }
    }
    let here: usize = ours.values().map(Vec::len).sum();
    eprintln!(
        "recorded: {here} messages in {} directions, {compared} compared in the notes of {ends} ends",
        ours.len()
    );
    // 29 connections of a client, 11 more behind nginx, 18 messages each way
    assert_eq!(here, (29 + 11) * 36);
    assert_eq!(compared, 2 * 29 * 36);
    let upgrades = calls
        .exchanges
        .iter()
        .filter(|x| x.flags.has(Flags::UPGRADED))
        .count();
    assert_eq!(upgrades, 40);
    assert_eq!(calls.exchanges.len(), here + upgrades);
}
