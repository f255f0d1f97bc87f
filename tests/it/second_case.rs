//! The walk-through of the demo on cases that the program has never seen: recorded while the test runs by the same
//! scripts with another seed, which gives other people, another leaker, another exit. The same keys must answer them, and the
//! truth file that servers and clients wrote says what the answers are. Slow, so run with `cargo test -- --ignored`.

use crate::support::pty::Term;
use crate::ui_pty::{json, walk};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A request by its caller's address and port, and its target.
type Asked = ((String, u64), String);

/// What a server noted of an answer: who it is, what was asked, and which customers the answer held.
struct Sent {
    who: String,
    asked: Asked,
    customers: Vec<u64>,
}

/// What servers and clients noted of one recording.
struct Truth {
    leaker: String,
    /// Address that the leak went to, and the requests that took it there.
    exit: String,
    exits: BTreeSet<(String, String)>,
    sent: Vec<Sent>,
    /// Calls of each account in the capture, from each of its logins on.
    sessions: BTreeMap<String, Vec<u64>>,
}

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or_default()
}

fn truth(dir: &Path) -> Truth {
    let packed = std::fs::read(dir.join("truth.jsonl.zst")).unwrap();
    let all = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
    let mut t = Truth {
        leaker: String::new(),
        exit: String::new(),
        exits: BTreeSet::new(),
        sent: Vec::new(),
        sessions: BTreeMap::new(),
    };
    let mut rows: Vec<Value> = all
        .lines()
        .skip(1)
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    rows.sort_by_key(|r| r["ts"].as_u64());
    // The capture begins after a pause that the recorder makes.
    let gap = rows
        .windows(2)
        .max_by_key(|w| w[1]["ts"].as_u64().unwrap() - w[0]["ts"].as_u64().unwrap())
        .unwrap()[1]["ts"]
        .as_u64()
        .unwrap();
    for r in rows.iter().filter(|r| r["ts"].as_u64().unwrap() >= gap) {
        if r["exit"] == true {
            t.leaker = text(r, "who").trim_start_matches("client-").to_owned();
            t.exit = text(r, "to").to_owned();
            t.exits
                .insert((text(r, "host").to_owned(), text(r, "uri").to_owned()));
        }
        if r["side"] == "server" {
            let peer = (
                r["peer"][0].as_str().unwrap().to_owned(),
                r["peer"][1].as_u64().unwrap(),
            );
            let customers = r["customers"].as_array().unwrap();
            t.sent.push(Sent {
                who: text(r, "who").to_owned(),
                asked: (peer, text(r, "uri").to_owned()),
                customers: customers.iter().filter_map(Value::as_u64).collect(),
            });
        } else if let Some(account) = r["account"].as_str() {
            let login = text(r, "uri").ends_with("/login");
            // A wrong password is answered with 200 and an explanation, and names nobody.
            if text(r, "uri") == "/login" && r["status"] == 200 {
                continue;
            }
            let of = t.sessions.entry(account.to_owned()).or_default();
            if login || of.is_empty() {
                of.push(0);
            }
            *of.last_mut().unwrap() += 1;
        }
    }
    t
}

fn record(out: &Path, seed: u64) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data/record/record.sh");
    for tool in [
        "unshare", "nginx", "node", "python3", "curl", "tcpdump", "ip", "zstd", "bash",
    ] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|d: PathBuf| d.join(tool).is_file());
        if !found {
            eprintln!("SKIPPED: {tool} is missing");
            return false;
        }
    }
    let right = Command::new("unshare")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status();
    if !right.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: no right to a network namespace");
        return false;
    }
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let run = Command::new("bash")
        .arg(script)
        .arg(out)
        .arg(seed.to_string())
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

/// Loads a recording, walks through it by keys, and holds keys and command line against its truth.
fn answers(data: &Path, truth: &Truth) {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("second.ltc");
    let case = case.to_str().unwrap();
    let capture = data.join("shop.pcap.zst");
    let log = data.join("gateway-access.log");
    let clue = data.join("leaked-rows.csv");
    let clue = clue.to_str().unwrap();
    let rows = std::fs::read_to_string(clue).unwrap();
    let value = rows.lines().nth(1).unwrap().split(',').nth(2).unwrap();

    // By keys.
    let args = [
        "--case",
        case,
        capture.to_str().unwrap(),
        log.to_str().unwrap(),
    ];
    let mut t = Term::start(&args, dir.path(), &[]);
    let seen = walk(&mut t, clue, value);
    t.send("qqqq");
    assert_eq!(t.end(), 0);
    assert_eq!(seen.leaker, truth.leaker);
    assert_eq!(seen.exit, truth.exit);

    // By the command line: the same leaker, and every hop of the value that the servers know of.
    let ask = |args: &[&str]| json(&[args, &["--json", "--case", case]].concat(), dir.path());
    let by_clue = ask(&["trace", "--clue", clue]);
    assert_eq!(by_clue["verdict"]["set"], serde_json::json!([truth.leaker]));
    assert_eq!(by_clue["clue"]["matched_rows"], by_clue["clue"]["rows"]);
    let by_value = ask(&["trace", "--value", value]);
    let calls: BTreeMap<String, Value> = rows_of(&["calls"], case, dir.path())
        .into_iter()
        .map(|r| (text(&r, "id").to_owned(), r))
        .collect();
    let trail = &by_value["trails"][0];
    let exits: BTreeSet<(String, String)> = trail["exits"]
        .as_array()
        .unwrap()
        .iter()
        .inspect(|e| assert_eq!(text(e, "to"), truth.exit))
        .map(|e| &calls[text(e, "call")])
        .map(|c| (text(c, "host").to_owned(), text(c, "uri").to_owned()))
        .collect();
    assert!(
        !exits.is_empty() && exits.is_subset(&truth.exits),
        "{exits:?} of {:?}",
        truth.exits
    );
    // Lists that mask it and cards do not hold the number.
    let holds = |uri: &str, who: &str| {
        !uri.starts_with("/api/customers?") && !uri.contains("/cards") && who != "partner"
    };
    let first = leaked_customer(data);
    let want: BTreeSet<Asked> = truth
        .sent
        .iter()
        .filter(|s| s.customers.contains(&first) && holds(&s.asked.1, &s.who))
        .map(|s| s.asked.clone())
        .collect();
    assert!(want.len() >= 4, "{want:?}");
    let got: BTreeSet<Asked> = trail["hops"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|h| h["dir"] == "resp" && h["masked"] == false)
        .map(|h| &calls[text(h, "call")])
        .map(|c| {
            let peer = (text(c, "src").to_owned(), c["sport"].as_u64().unwrap());
            (peer, text(c, "uri").to_owned())
        })
        .collect();
    let missing: Vec<_> = want.difference(&got).collect();
    assert!(
        missing.is_empty(),
        "hops that the servers know of and the trail does not show: {missing:?}"
    );
    // What the trail shows beyond them is what the gateway passed on to the client.
    let front: BTreeSet<&String> = truth
        .sent
        .iter()
        .filter(|s| s.who == "portal")
        .map(|s| &s.asked.0.0)
        .collect();
    for (peer, uri) in got.difference(&want) {
        assert!(!front.contains(&peer.0), "{peer:?} {uri} is no hop");
    }

    // One session a login, with what that client called from it on.
    let mut sessions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for s in rows_of(&["sessions"], case, dir.path()) {
        if text(&s, "session") == seen.session {
            assert_eq!(text(&s, "account"), truth.leaker, "the session replayed");
        }
        sessions
            .entry(text(&s, "account").to_owned())
            .or_default()
            .push(s["calls"].as_u64().unwrap());
    }
    for (account, want) in &truth.sessions {
        assert_eq!(sessions.get(account), Some(want), "sessions of {account}");
    }
}

/// The customer of the first leaked row: the first one that the leaker noted.
fn leaked_customer(data: &Path) -> u64 {
    let packed = std::fs::read(data.join("truth.jsonl.zst")).unwrap();
    let all = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
    all.lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap())
        .find(|r| r["exit"] == true)
        .and_then(|r| r["customers"][0].as_u64())
        .unwrap()
}

fn rows_of(args: &[&str], case: &str, state: &Path) -> Vec<Value> {
    let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(args)
        .args(["--json", "--case", case])
        .env("XDG_STATE_HOME", state)
        .output()
        .unwrap();
    String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn the_demo_is_answered_by_the_keys_of_its_page() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data");
    let mut t = truth(&data);
    // The shipped recording is older than the note of where the leak went.
    t.exit = "198.51.100.23".into();
    answers(&data, &t);
}

#[test]
#[ignore = "records for half a minute: CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo test -- --ignored second_case::"]
fn a_second_recording_is_answered_by_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    let seed = 20_263;
    if !record(dir.path(), seed) {
        return;
    }
    let t = truth(dir.path());
    // In sixty keys as well: the same ones, but that the evidence is named instead of the demonstration.
    let state = tempfile::tempdir().unwrap();
    let case = state.path().join("count.ltc");
    let case = case.to_str().unwrap();
    let data = |n: &str| dir.path().join(n).to_str().unwrap().to_owned();
    let load = ["load", &data("shop.pcap.zst"), &data("gateway-access.log")];
    rows_of(&load, case, state.path());
    let apis = rows_of(&["apis"], case, state.path()).len();
    let rows = std::fs::read_to_string(data("leaked-rows.csv")).unwrap();
    let value = rows.lines().nth(1).unwrap().split(',').nth(2).unwrap();
    let own = tempfile::tempdir().unwrap();
    let command = "leaktrace s* g*";
    let (seen, _) = crate::sixty::answers(command, dir.path(), own.path(), apis, value);
    assert_eq!((&seen.leaker, &seen.exit), (&t.leaker, &t.exit));
    assert_ne!(t.leaker, "wu.tao", "another seed, another leaker");
    assert_ne!(t.exit, "198.51.100.23", "and another exit");
    answers(dir.path(), &t);
}
