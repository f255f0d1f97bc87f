//! Traffic over a link that loses, doubles and reorders packets and then takes smaller ones alone, recorded while the test runs
//! (tests/record/lossy.py): every call of every client is there once, whole, with the content that the client got, and what
//! tshark sees as a request is one of them.

use crate::support::netns;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

fn record(out: &Path) -> bool {
    let tools = [
        "ip", "nsenter", "python3", "node", "npm", "tcpdump", "tshark",
    ];
    if !netns::ready(&tools) {
        return false;
    }
    let python = ["aiohttp", "hypercorn", "requests"];
    let imports = "aiohttp, hypercorn, requests";
    let Some((bin, modules)) = netns::packages("lossy", &python, imports, &["undici@6"]) else {
        return false;
    };
    let folder = modules.parent().unwrap();
    netns::run(
        netns::script(bin, "lossy.py")
            .arg(out)
            .env("LOSSY_MODULES", folder),
    );
    true
}

/// Connection, method, host and target.
type Key = (String, String, String, String);

/// Requests of HTTP/1 as tshark sees them.
fn tshark(capture: &Path) -> Vec<Key> {
    let fields = "ip.src tcp.srcport http.request.method http.host http.request.uri";
    let out = Command::new("tshark")
        .args([
            "-n",
            "-2",
            "-T",
            "fields",
            "-E",
            "separator=/t",
            "-E",
            "aggregator=|",
        ])
        .args(["-Y", "http.request.method && http.host"])
        .args(fields.split(' ').flat_map(|f| ["-e", f]))
        .arg("-r")
        .arg(capture)
        .output()
        .unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    let mut all = Vec::new();
    for line in text.lines() {
        let f: Vec<Vec<&str>> = line.split('\t').map(|f| f.split('|').collect()).collect();
        for n in 0..f[2].len() {
            all.push((
                format!("{}:{}", f[0][0], f[1][0]),
                f[2][n].to_owned(),
                f[3][n].to_owned(),
                f[4][n].to_owned(),
            ));
        }
    }
    all
}

#[test]
fn no_call_is_hurt_by_a_link_that_loses_doubles_and_reorders() {
    let dir = tempfile::tempdir().unwrap();
    if !record(dir.path()) {
        return;
    }
    let run = |args: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--json", "--case", "c.ltc"])
            .current_dir(dir.path())
            .env("XDG_STATE_HOME", dir.path().join("state"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "{args:?}: {said}");
        String::from_utf8(run.stdout).unwrap()
    };
    run(&["load", "lossy.pcap"]);
    let rows: Vec<Value> = run(&["calls", "--reveal"])
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let text = |v: &Value, f: &str| v[f].as_str().unwrap_or_default().to_owned();
    let mut named: BTreeMap<[String; 3], Vec<&Value>> = BTreeMap::new();
    for r in &rows {
        let name = [text(r, "method"), text(r, "host"), text(r, "uri")];
        named.entry(name).or_default().push(r);
    }
    // every call that a client made, and no other
    let saved = std::fs::read_to_string(dir.path().join("saved.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for line in saved.lines() {
        let s: Value = serde_json::from_str(line).unwrap();
        let name = [text(&s, "method"), text(&s, "host"), text(&s, "target")];
        let found = named.get(&name).map_or(&[][..], Vec::as_slice);
        let same = |r: &Value| r["status"] == s["status"] && r["resp_sha256"] == s["sha256"];
        if !matches!(found, [r] if same(r)) {
            wrong.push(format!("{line}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rows.len(), saved.lines().count());
    let flag = |r: &Value, f: &str| r["flags"].as_array().unwrap().iter().any(|x| x == f);
    let hurt = [
        "truncated",
        "gap",
        "one-sided",
        "no-response",
        "no-request",
        "bad-framing",
        "uncertain-pair",
        "partial-headers",
    ];
    for r in &rows {
        assert!(!hurt.iter().any(|f| flag(r, f)), "{r}");
    }
    // the link did what it is for
    let again = rows.iter().filter(|r| flag(r, "retransmitted")).count();
    assert!(again > 5, "{again} calls with bytes sent again");
    assert_eq!(rows.len(), 180);
    // tshark misses some under loss, and sees none that is not here
    let ours: Vec<Key> = rows
        .iter()
        .map(|r| {
            let from = format!("{}:{}", text(r, "src"), r["sport"]);
            (from, text(r, "method"), text(r, "host"), text(r, "uri"))
        })
        .collect();
    let theirs = tshark(&dir.path().join("lossy.pcap"));
    let strange: Vec<&Key> = theirs.iter().filter(|k| !ours.contains(k)).collect();
    assert!(strange.is_empty(), "only tshark: {strange:#?}");
    eprintln!(
        "recorded: {} calls, {again} with bytes sent again, {} requests by tshark",
        rows.len(),
        theirs.len()
    );
    assert!(
        theirs.len() > 90,
        "{} are too few to say anything",
        theirs.len()
    );
}
