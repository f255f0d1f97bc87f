//! Traffic recorded while the test runs: three servers, three clients, several hundred calls (tests/record/live.py). What
//! the program says of them is held against tshark, and every content against what curl saved.

use crate::support::netns;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Share of calls that must be in both, by each side's count.
const AGREE: f64 = 0.995;

fn record(out: &Path) -> bool {
    if !netns::ready(&["python3", "nginx", "node", "curl", "tcpdump", "tshark"]) {
        return false;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/live.py");
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let run = Command::new("unshare")
        .args(["-n", "python3"])
        .arg(script)
        .arg(out)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    true
}

/// Client, server, method, host, target, status.
type Key = (String, String, String, String, String, Option<u64>);

/// Calls as tshark sees them: requests and final responses of a connection in order.
fn tshark(capture: &Path) -> Vec<Key> {
    let out = Command::new("tshark")
        .args(["-n", "-2", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|", "-Y", "http"])
        .args("tcp.stream ip.src tcp.srcport ip.dst tcp.dstport http.request.method http.host http.request.uri http.response.code".split(' ').flat_map(|f| ["-e", f]))
        .arg("-r")
        .arg(capture)
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let (mut requests, mut responses): (BTreeMap<u64, Vec<Key>>, BTreeMap<u64, Vec<u64>>) =
        Default::default();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let f: Vec<&str> = line.split('\t').collect();
        let stream = f[0].split('|').next().unwrap().parse().unwrap();
        let list = |n: usize| {
            f.get(n)
                .copied()
                .unwrap_or_default()
                .split('|')
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for ((method, host), target) in list(5).into_iter().zip(list(6)).zip(list(7)) {
            requests.entry(stream).or_default().push((
                format!("{}:{}", f[1], f[2]),
                format!("{}:{}", f[3], f[4]),
                method,
                host,
                target,
                None,
            ));
        }
        responses.entry(stream).or_default().extend(
            list(8)
                .iter()
                .filter_map(|s| s.parse().ok())
                .filter(|s: &u64| *s >= 200),
        );
    }
    for (stream, list) in &mut requests {
        for (r, status) in list
            .iter_mut()
            .zip(responses.remove(stream).unwrap_or_default())
        {
            r.5 = Some(status);
        }
    }
    requests.into_values().flatten().collect()
}

#[test]
fn recorded_calls_are_those_of_tshark_with_the_content_that_curl_saved() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("live");
    std::fs::create_dir(&out).unwrap();
    if !record(&out) {
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
        assert_eq!(
            run.status.code(),
            Some(0),
            "{args:?}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
        String::from_utf8(run.stdout).unwrap()
    };
    run(&["load", "live/live.pcap"]);
    let rows: Vec<Value> = run(&["calls", "--reveal"])
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let text = |v: &Value, f: &str| v[f].as_str().unwrap_or_default().to_owned();

    // against tshark, both ways
    let mut ours: BTreeMap<Key, usize> = BTreeMap::new();
    for r in &rows {
        let end = |a: &str, p: &str| format!("{}:{}", text(r, a), r[p]);
        let key = (
            end("src", "sport"),
            end("dst", "dport"),
            text(r, "method"),
            text(r, "host"),
            text(r, "uri"),
            r["status"].as_u64(),
        );
        let mut key = key;
        if key.4.contains("pipe=") {
            // tshark loses responses after a pipelined HEAD; what the servers answer is known
            let node = key.1.ends_with(":18080");
            let expected = if node || key.4.starts_with("/missing") {
                404
            } else {
                200
            };
            assert_eq!(key.5.take(), Some(expected), "{key:?}");
        }
        *ours.entry(key).or_default() += 1;
    }
    // tshark leaves out what is asked through a tunnel on the client's side of the proxy; the tunnels are three
    let mut tunnelled = 0;
    ours.retain(|key, n| {
        let inner = key.4.contains("tunnel=")
            && !key.1.ends_with(&format!(
                ":{}",
                key.3.rsplit(':').next().unwrap_or_default()
            ));
        tunnelled += if inner { *n } else { 0 };
        !inner
    });
    let mut theirs = tshark(&out.join("live.pcap"));
    for key in theirs.iter_mut().filter(|k| k.4.contains("pipe=")) {
        key.5 = None;
    }
    theirs.retain(|key| {
        !key.4.contains("tunnel=")
            || key.1.ends_with(&format!(
                ":{}",
                key.3.rsplit(':').next().unwrap_or_default()
            ))
    });
    assert_eq!(tunnelled, 3, "what went through a tunnel is seen inside it");
    let mut only_theirs = Vec::new();
    for key in &theirs {
        match ours.get_mut(key) {
            Some(n) if *n > 0 => *n -= 1,
            _ => only_theirs.push(key),
        }
    }
    let both = theirs.len() - only_theirs.len();
    let only_ours: Vec<&Key> = ours
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(k, _)| k)
        .collect();
    let compared = rows.len() - tunnelled;
    let (recall, precision) = (
        both as f64 / theirs.len() as f64,
        both as f64 / compared as f64,
    );
    eprintln!(
        "recorded: {} calls here, {} by tshark, {both} in both ({:.2} % of theirs, {:.2} % of ours)",
        compared,
        theirs.len(),
        recall * 100.0,
        precision * 100.0
    );
    assert!(
        theirs.len() > 400,
        "{} calls are too few to say anything",
        theirs.len()
    );
    assert!(
        recall >= AGREE && precision >= AGREE,
        "only tshark: {only_theirs:#?}\nonly here: {only_ours:#?}"
    );

    // content against curl: every single one
    let mut by_name: BTreeMap<(String, String, String), Vec<&Value>> = BTreeMap::new();
    for r in &rows {
        by_name
            .entry((text(r, "method"), text(r, "host"), text(r, "uri")))
            .or_default()
            .push(r);
    }
    let saved = std::fs::read_to_string(out.join("saved.jsonl")).unwrap();
    let (mut equal, mut wrong) = (0, Vec::new());
    for line in saved.lines() {
        let s: Value = serde_json::from_str(line).unwrap();
        let found = by_name.get(&(text(&s, "method"), text(&s, "host"), text(&s, "target")));
        let row = match found.map(Vec::as_slice) {
            Some([row]) => *row,
            other => {
                wrong.push(format!("{} calls for {line}", other.map_or(0, <[_]>::len)));
                continue;
            }
        };
        if row["status"] == s["status"] && row["resp_sha256"] == s["sha256"] {
            equal += 1;
        } else {
            wrong.push(format!(
                "{line}: {} {} {}",
                row["status"], row["resp_sha256"], row["flags"]
            ));
        }
    }
    eprintln!(
        "recorded: {equal} of {} contents equal those that curl saved",
        saved.lines().count()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
