//! WebSockets over HTTP/2 (RFC 8441) recorded while the test runs: hypercorn and Node as servers, Python (`h2`, `wsproto`) and Node
//! (`ws`) as clients, several sockets and a plain request on one connection (tests/record/ws_h2.py). Every message equals what
//! both ends noted.

use crate::http1_tshark::{read, text};
use crate::support::netns::have;
use leaktrace::call::model::{Exchange, Flags, Message, Proto};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn ok(c: &mut Command) -> bool {
    c.stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// hypercorn in a Python of its own, and the package `ws`, fetched once.
fn libraries() -> Option<(PathBuf, PathBuf)> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ws-h2");
    let (venv, node) = (dir.join("venv"), dir.join("node"));
    let python = venv.join("bin/python");
    std::fs::create_dir_all(&node).unwrap();
    let imports = "import hypercorn, h2, wsproto";
    let here = || ok(Command::new(&python).args(["-c", imports]));
    let fetched = here()
        || ok(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            && ok(Command::new(&python).args(["-m", "pip", "install", "-q", "hypercorn"]))
            && here();
    if !fetched {
        eprintln!("SKIPPED: the Python package hypercorn is missing and cannot be fetched");
        return None;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "ws@8"])
        .current_dir(&node);
    if !node.join("node_modules/ws").exists() && !ok(&mut npm) {
        eprintln!("SKIPPED: the Node package ws cannot be fetched");
        return None;
    }
    Some((python, node))
}

fn record(out: &Path) -> bool {
    let tools = ["unshare", "timeout", "python3", "node", "npm", "tcpdump"];
    if !tools.iter().all(|t| have(t)) {
        return false;
    }
    if !ok(Command::new("unshare").args(["-n", "true"])) {
        eprintln!("SKIPPED: no right to a network namespace");
        return false;
    }
    let Some((python, node)) = libraries() else {
        return false;
    };
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let said = out.join("said");
    let run = Command::new("timeout")
        .args(["-k", "5", "120", "unshare", "-n"])
        .arg(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/ws_h2.py"))
        .arg(out)
        .env("PATH", path)
        .env("WS_MODULES", node)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // not a pipe: what outlives a failure would hold it open
        .stderr(std::fs::File::create(&said).unwrap())
        .status()
        .unwrap();
    assert!(run.success(), "{}", std::fs::read_to_string(said).unwrap());
    true
}

/// Path of the socket and direction.
type Line = (String, &'static str);

fn messages(calls: &[Exchange]) -> BTreeMap<Line, Vec<String>> {
    let mut of: Vec<&Exchange> = calls
        .iter()
        .filter(|x| x.proto == Some(Proto::Ws))
        .collect();
    of.sort_by_key(|x| (x.flow, x.ordinal));
    let mut out: BTreeMap<Line, Vec<String>> = BTreeMap::new();
    for x in of {
        let (dir, m) = match (&x.request, &x.response) {
            (Some(m), None) => ("SEND", m),
            (None, Some(m)) => ("RECV", m),
            _ => panic!("one half"),
        };
        let bad = x.flags.0 & !Flags::RETRANSMITTED.0;
        assert_eq!(bad, 0, "{:?} {:?}", x.flags.names(), m.first);
        assert!(m.body.complete && x.parent.is_some());
        let path = text(x.context.as_ref().and_then(|r| r.target()));
        let sum = Sha256::digest(&m.body.bytes);
        let hex = sum.iter().map(|b| format!("{b:02x}")).collect();
        out.entry((path, dir)).or_default().push(hex);
    }
    out
}

#[test]
fn every_message_over_http2_equals_what_both_ends_noted() {
    let dir = tempfile::tempdir().unwrap();
    if !record(dir.path()) {
        return;
    }
    let calls = read(&dir.path().join("ws.pcap"));
    let ours = messages(&calls.exchanges);
    let mut compared = 0;
    for log in [
        "py-client.log",
        "py-server.log",
        "node-client.log",
        "node-server.log",
    ] {
        let mut theirs: BTreeMap<Line, Vec<String>> = BTreeMap::new();
        for line in std::fs::read_to_string(dir.path().join(log))
            .unwrap()
            .lines()
        {
            let v: Value = serde_json::from_str(line).unwrap();
            let s = |f: &str| v[f].as_str().unwrap().to_owned();
            let dir = if v["dir"] == "SEND" { "SEND" } else { "RECV" };
            theirs
                .entry((s("path"), dir))
                .or_default()
                .push(s("sha256"));
        }
        // three sockets to or from each of two others
        assert_eq!(theirs.len(), 2 * 6, "{log}");
        for (line, list) in theirs {
            assert_eq!(ours.get(&line), Some(&list), "{log} {line:?}");
            compared += list.len();
        }
    }
    let here: usize = ours.values().map(Vec::len).sum();
    eprintln!(
        "recorded: {here} messages on {} sockets, {compared} compared",
        ours.len() / 2
    );
    // twelve sockets, twenty messages each way, noted at both ends
    assert_eq!((here, compared), (12 * 40, 2 * 12 * 40));
    let asked = |x: &&Exchange, method: &[u8]| {
        x.proto != Some(Proto::Ws) && x.request.as_ref().and_then(Message::method) == Some(method)
    };
    let sockets = calls.exchanges.iter().filter(|x| asked(x, b"CONNECT"));
    assert!(sockets.clone().all(|x| x.flags.has(Flags::UPGRADED)));
    assert_eq!(sockets.clone().count(), 12);
    // of three sockets one keeps its window, one begins it anew with each message: that the server says in its answer
    let said = |x: &Exchange| {
        let answer = x.response.as_ref().unwrap();
        text(answer.header("sec-websocket-extensions"))
    };
    let deflated = |x: &&Exchange| said(x).starts_with("permessage-deflate");
    let fresh = |x: &&Exchange| said(x).contains("no_context_takeover");
    assert_eq!(sockets.clone().filter(deflated).count(), 8);
    assert_eq!(sockets.filter(fresh).count(), 4);
    let beside = calls.exchanges.iter().filter(|x| asked(x, b"GET"));
    let whole = |x: &&Exchange| x.response.as_ref().is_some_and(|m| m.body.complete);
    // one on each connection: two of Python, four of Node
    assert_eq!(beside.filter(whole).count(), 6);
}
