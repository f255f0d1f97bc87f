//! Accounts by client certificates, recorded: whom nginx saw in each certificate is whose the call is. nginx writes the truth.

use crate::support::netns::have;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn who_showed_a_certificate_is_the_account() {
    let tools = ["unshare", "python3", "nginx", "curl", "tcpdump", "openssl"];
    if !tools.iter().all(|t| have(t)) {
        return;
    }
    let right = Command::new("unshare")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status();
    if !right.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: no right to a network namespace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let run = Command::new("unshare")
        .args(["-n", "python3"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/mtls.py"))
        .arg(dir.path())
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let leaktrace = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--case", "m.ltc", "--json"])
            .current_dir(dir.path())
            .env("XDG_STATE_HOME", dir.path())
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{args:?} {}",
            String::from_utf8_lossy(&out.stderr)
        );
        lines(&String::from_utf8(out.stdout).unwrap())
    };
    leaktrace(&["load", "mtls.pcap", "--keylog", "keys.log"]);
    let truth: BTreeMap<String, Value> =
        lines(&std::fs::read_to_string(dir.path().join("truth.jsonl")).unwrap())
            .into_iter()
            .map(|r| (r["uri"].as_str().unwrap().to_owned(), r))
            .collect();
    assert_eq!(truth.len(), 36);
    let calls = leaktrace(&["calls"]);
    assert_eq!(calls.len(), 36);
    // what nginx saw escaped (`\E6...`) is the name that the certificate holds
    let plain = |name: &str| {
        if name.contains('\\') {
            "批处理-7".to_owned()
        } else {
            name.to_owned()
        }
    };
    for c in &calls {
        let t = &truth[c["uri"].as_str().unwrap()];
        match t["name"].as_str() {
            Some(name) => {
                assert_eq!(c["account"], plain(name), "{c}");
                assert_eq!(c["account_via"], "mtls", "{c}");
                assert!(c["account_conf"].as_f64().unwrap() > 0.9, "{c}");
            }
            None => assert_eq!(c["account_via"], "address", "{c}"),
        }
    }
    let subjects: BTreeSet<String> = leaktrace(&["flows", "app:tls"])
        .iter()
        .chain(&leaktrace(&["flows"]))
        .filter_map(|f| f["tls"]["client_subject"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
}
