//! Other tools on the same corpus, in one table with ours: `cargo test --test it served_peers -- --ignored --nocapture`. mitmproxy2swagger,
//! Optic and Presidio run themselves (`tests/record/peers.py` says how, and what they needed); `*` marks heuristics that are
//! re-implemented from descriptions. Calls in front of the gateway alone, as a HAR holds them; values in a sample of calls.

use crate::routes_peers::PEERS;
use crate::served::{self, Truth};
use crate::support::netns;
use leaktrace::query::rows::CallRow;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

#[derive(Deserialize)]
struct Said {
    sample: BTreeSet<String>,
    /// Tool to call to template.
    templates: BTreeMap<String, HashMap<String, String>>,
    /// Tool to call, class, value.
    findings: BTreeMap<String, Vec<(String, String, String)>>,
}

/// Classes that at least one of the others has.
const CLASSES: [&str; 7] = [
    "address",
    "bank-card",
    "cn-id",
    "cn-mobile",
    "email",
    "iban",
    "name",
];

/// Precision, recall and F1 of pairs of calls that share a template.
fn pairs(calls: &[(&str, &str)]) -> (f64, f64, f64) {
    let pairs = |n: u64| n * n.saturating_sub(1) / 2;
    let mut both: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut ours: BTreeMap<&str, u64> = BTreeMap::new();
    let mut truth: BTreeMap<&str, u64> = BTreeMap::new();
    for (got, want) in calls {
        *both.entry((got, want)).or_default() += 1;
        *ours.entry(got).or_default() += 1;
        *truth.entry(want).or_default() += 1;
    }
    let both = both.values().map(|n| pairs(*n)).sum::<u64>() as f64;
    let ours = ours.values().map(|n| pairs(*n)).sum::<u64>() as f64;
    let truth = truth.values().map(|n| pairs(*n)).sum::<u64>() as f64;
    let (p, r) = (both / ours.max(1.0), both / truth.max(1.0));
    (p, r, 2.0 * p * r / (p + r).max(f64::MIN_POSITIVE))
}

fn ask(har: &Path, dir: &Path) -> Option<Said> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let out = dir.join("peers.json");
    let run = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/peers.py"))
        .args([har, &cache, &out])
        .status();
    if !run.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: the other tools could not be asked");
        return None;
    }
    Some(serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap())
}

#[test]
#[ignore = "fetches and runs other tools: five minutes"]
fn the_same_corpus_by_other_tools() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("9");
    if !netns::have("git") || served::record(&dir, 9).is_none() {
        return;
    }
    let (rows, _, found) = served::load(&dir);
    let har = dir.join("front.har");
    netns::run(
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args([
                "export",
                "--format",
                "har",
                "dst:10.60.0.2",
                "--reveal",
                "--case",
            ])
            .arg(dir.join("corpus.ltc"))
            .arg("-o")
            .arg(&har)
            .env("XDG_STATE_HOME", &dir),
    );
    let Some(said) = ask(&har, &dir) else { return };
    let truth = served::truth(&dir);
    let front: Vec<(&Truth, &CallRow)> = truth
        .iter()
        .filter(|t| t.dst == "10.60.0.2")
        .map(|t| (t, &rows[&served::key(t)]))
        .collect();

    println!(
        "\ntemplates, {} calls: pairs of calls\n{:<44}{:>10}{:>9}{:>9}",
        front.len(),
        "",
        "precision",
        "recall",
        "F1"
    );
    let print =
        |tool: &str, (p, r, f): (f64, f64, f64)| println!("{tool:<44}{p:>10.4}{r:>9.4}{f:>9.4}");
    // the paths alone: what stands in a body or a query tells the others nothing, so operations are not asked of anybody
    let want: Vec<String> = front
        .iter()
        .map(|(t, r)| {
            let route = t.route.as_deref().unwrap_or(&t.uri);
            format!(
                "{} {}{}",
                t.method,
                r.host.as_deref().unwrap_or_default(),
                route.split('#').next().unwrap_or_default()
            )
        })
        .collect();
    let known: Vec<usize> = (0..front.len())
        .filter(|i| front[*i].0.route.is_some())
        .collect();
    let score = |got: &[String]| {
        let calls: Vec<(&str, &str)> = known
            .iter()
            .map(|i| (got[*i].as_str(), want[*i].as_str()))
            .collect();
        pairs(&calls)
    };
    let ours: Vec<String> = front
        .iter()
        .map(|(_, r)| {
            r.api
                .as_deref()
                .unwrap_or_default()
                .split('#')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    let own = score(&ours);
    print("leaktrace", own);
    let mut best: f64 = 0.0;
    for (tool, of) in &said.templates {
        let got: Vec<String> = front
            .iter()
            .map(|(_, r)| of.get(&r.id).cloned().unwrap_or_default())
            .collect();
        let s = score(&got);
        best = best.max(s.2);
        print(tool, s);
    }
    for (tool, f) in PEERS {
        let mut by: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, (_, r)) in front.iter().enumerate() {
            by.entry(r.host.as_deref().unwrap_or_default())
                .or_default()
                .push(i);
        }
        let mut got = vec![String::new(); front.len()];
        for (host, list) in by {
            let paths: Vec<String> = list
                .iter()
                .map(|i| front[*i].1.path.clone().unwrap_or_default())
                .collect();
            for (i, t) in list.iter().zip(f(&paths)) {
                got[*i] = format!("{} {host}/{t}", front[*i].0.method);
            }
        }
        let s = score(&got);
        best = best.max(s.2);
        print(tool, s);
    }

    println!(
        "\nvalues in {} calls, clear ones of {CLASSES:?}\n{:<44}{:>10}{:>9}{:>9}",
        said.sample.len(),
        "",
        "precision",
        "recall",
        "F1"
    );
    let want: BTreeSet<(&str, &str, &str)> = front
        .iter()
        .filter(|(_, r)| said.sample.contains(&r.id))
        .flat_map(|(t, r)| t.sent.iter().chain(&t.got).map(|f| (r.id.as_str(), f)))
        .filter(|(_, f)| !f.2 && CLASSES.contains(&f.0.as_str()))
        .map(|(id, f)| (id, f.0.as_str(), f.1.as_str()))
        .collect();
    let score = |got: &BTreeSet<(&str, &str, &str)>| {
        let both = got.intersection(&want).count() as f64;
        let (p, r) = (
            both / (got.len().max(1)) as f64,
            both / (want.len().max(1)) as f64,
        );
        (p, r, 2.0 * p * r / (p + r).max(f64::MIN_POSITIVE))
    };
    let ours: BTreeSet<(&str, &str, &str)> = said
        .sample
        .iter()
        .filter_map(|id| Some((id.as_str(), found.get(id)?)))
        .flat_map(|(id, list)| list.iter().map(move |f| (id, f)))
        .filter(|(_, f)| !f.masked && CLASSES.contains(&f.class.as_str()))
        .map(|(id, f)| (id, f.class.as_str(), f.value.as_deref().unwrap_or_default()))
        .collect();
    let values = score(&ours);
    print("leaktrace", values);
    for (tool, list) in &said.findings {
        let got = list
            .iter()
            .map(|f| (f.0.as_str(), f.1.as_str(), f.2.as_str()))
            .collect();
        let s = score(&got);
        print(tool, s);
        assert!(values.2 > s.2, "{tool}");
    }
    assert!(own.2 > best);
}
