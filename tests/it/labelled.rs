//! Precision and recall on a labelled capture unlike the demo: accounts, templates, findings, verdicts. The truth comes
//! from the writer of the capture (`tests/support/bank.rs`). Figures are printed: `cargo test --test it labelled -- --nocapture`.

use crate::support::{bank, random::Random};
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::{Cx, Filter, Page, read};
use leaktrace::trace;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// The least that each figure may be.
const LEAST: f64 = 0.95;

fn load(bank: &bank::Bank, dir: &Path) -> PathBuf {
    let (capture, case) = (dir.join("bank.pcap"), dir.join("bank.ltc"));
    std::fs::write(&capture, &bank.capture).unwrap();
    let options = LoadOptions {
        files: vec![capture],
        case: case.clone(),
        ..LoadOptions::default()
    };
    let outcome = run(&options, &Progress::default()).unwrap();
    assert_eq!(
        outcome.calls,
        bank.calls.len() as u64,
        "every call is found, and no other"
    );
    case
}

/// Hits, wrong ones, missed ones.
#[derive(Default, Debug)]
struct Score(u64, u64, u64);

impl Score {
    fn precision(&self) -> f64 {
        self.0 as f64 / (self.0 + self.1).max(1) as f64
    }
    fn recall(&self) -> f64 {
        self.0 as f64 / (self.0 + self.2).max(1) as f64
    }
    fn check(&self, what: &str, wrong: &str) {
        println!(
            "{what:<12} precision {:.4} recall {:.4}   ({} right, {} wrong, {} missed)",
            self.precision(),
            self.recall(),
            self.0,
            self.1,
            self.2
        );
        assert!(
            self.precision() >= LEAST && self.recall() >= LEAST,
            "{what}: {self:?}\n{wrong}"
        );
    }
}

fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

#[test]
fn accounts_templates_and_findings_are_right() {
    let bank = bank::make(3, 1500);
    let dir = tempfile::tempdir().unwrap();
    let case = load(&bank, dir.path());
    let cx = Cx::open(&case, true).unwrap();
    let calls = read::calls(&cx, &Filter::all(), &Page::default()).unwrap();
    assert_eq!(calls.len(), bank.calls.len());

    let mut accounts = Score::default();
    let mut wrong = String::new();
    let mut cells: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (row, truth) in calls.iter().zip(&bank.calls) {
        let got = row.account.as_deref().unwrap_or_default();
        // naming nobody where somebody acted is a miss; naming the wrong one is also wrong
        match got == truth.account {
            true => accounts.0 += 1,
            false if got.starts_with("unattributed@") => accounts.2 += 1,
            false => (accounts.1, accounts.2) = (accounts.1 + 1, accounts.2 + 1),
        }
        if got != truth.account && wrong.len() < 2000 {
            let _ = writeln!(
                wrong,
                "{:?} {:?}: {got} instead of {}",
                row.method, row.uri, truth.account
            );
        }
        *cells
            .entry((row.api.as_deref().unwrap_or_default(), &truth.template))
            .or_default() += 1;
    }
    accounts.check("accounts", &wrong);

    let sum = |key: &dyn Fn(&(&str, &str)) -> String| {
        let mut by: BTreeMap<String, u64> = BTreeMap::new();
        for (k, n) in &cells {
            *by.entry(key(k)).or_default() += n;
        }
        by.values().map(|n| pairs(*n)).sum::<u64>()
    };
    let both: u64 = cells.values().map(|n| pairs(*n)).sum();
    let (got, want) = (sum(&|k| k.0.to_string()), sum(&|k| k.1.to_string()));
    let names: BTreeSet<_> = cells.keys().collect();
    Score(both, got - both, want - both).check("templates", &format!("{names:#?}"));

    let mut want: BTreeMap<(String, &str, String), i64> = BTreeMap::new();
    for (row, truth) in calls.iter().zip(&bank.calls) {
        for (class, value) in &truth.findings {
            *want
                .entry((row.id.clone(), class, value.clone()))
                .or_default() += 1;
        }
    }
    let (mut findings, mut wrong) = (Score::default(), String::new());
    read::findings(&cx, &Filter::all(), &mut |f| {
        if let Some(class) = bank::CLASSES.iter().find(|c| **c == f.class) {
            let value = f.value.clone().unwrap_or_default();
            match want.get_mut(&(f.call.clone(), *class, value.clone())) {
                Some(n) if *n > 0 => {
                    *n -= 1;
                    findings.0 += 1;
                }
                _ => {
                    findings.1 += 1;
                    if wrong.len() < 3000 {
                        let _ = writeln!(
                            wrong,
                            "not in the truth: {class} {value:?} at {} conf {}",
                            f.place, f.conf
                        );
                    }
                }
            }
        }
        Ok(true)
    })
    .unwrap();
    for ((_, class, value), n) in want.iter().filter(|(_, n)| **n > 0) {
        findings.2 += n.unsigned_abs();
        if wrong.len() < 6000 {
            let _ = writeln!(wrong, "missed: {class} {value:?}");
        }
    }
    findings.check("findings", &wrong);
}

fn answer(case: &Path, clue: String) -> trace::TraceResult {
    let read = leaktrace::case::open_read(case).unwrap();
    let question = trace::Question::Clue {
        name: "clue".into(),
        bytes: clue.into_bytes(),
    };
    trace::run(
        &read.conn,
        &question,
        &trace::Options::default(),
        &AtomicBool::new(false),
    )
    .unwrap()
}

/// Leaks by one account, by two together, and by nobody in the evidence.
#[test]
fn verdicts_name_the_leakers_and_nobody_else() {
    let bank = bank::make(11, 2500);
    let dir = tempfile::tempdir().unwrap();
    let case = load(&bank, dir.path());
    let reads = bank::reads(&bank);
    let able: Vec<&String> = reads
        .iter()
        .filter(|(name, v)| v.len() >= 45 && !name.starts_with("unattributed@"))
        .map(|(n, _)| n)
        .collect();
    let mut r = Random::new(5);
    let (mut score, mut said) = (Score::default(), String::new());
    for round in 0..21 {
        let leakers: BTreeSet<&String> = match round % 3 {
            0 => [*r.pick(&able)].into(),
            1 => std::iter::repeat_with(|| *r.pick(&able))
                .take(20)
                .take(2)
                .collect(),
            _ => BTreeSet::new(),
        };
        let mut rows: Vec<String> = Vec::new();
        for name in &leakers {
            let mut of = reads[*name].clone();
            r.shuffle(&mut of);
            rows.extend(
                of.iter()
                    .take(40)
                    .map(|i| &bank.people[*i])
                    .map(|p| format!("{},{},{}", p.name, p.cn_id, p.mobile)),
            );
        }
        // a fifth comes from elsewhere; with no leaker, all of it
        for _ in 0..if leakers.is_empty() {
            50
        } else {
            rows.len() / 5
        } {
            let p = crate::support::people::person(&mut r);
            rows.push(format!("{},{},{}", p.name, p.cn_id, p.mobile));
        }
        r.shuffle(&mut rows);
        let clue = format!("name,idNo,mobile\n{}\n", rows.join("\n"));
        let result = answer(&case, clue);
        let got: BTreeSet<String> = result.verdict.set.iter().cloned().collect();
        let want: BTreeSet<String> = leakers.iter().map(|s| s.to_string()).collect();
        let right = got == want && result.verdict.none == want.is_empty();
        if right {
            score.0 += 1;
        } else {
            (score.1, score.2) = (score.1 + 1, score.2 + 1);
            let _ = writeln!(
                said,
                "round {round}: {got:?} instead of {want:?}: {}",
                result.verdict.why
            );
            for s in result.suspects.iter().take(4) {
                let texts: Vec<&str> = s.evidence.iter().map(|e| e.text.as_str()).collect();
                let _ = writeln!(
                    said,
                    "  {} {:.1} bit, {} of {}, read {}: {}",
                    s.account,
                    s.score,
                    s.covered,
                    s.of,
                    s.read_total,
                    texts.join("; ")
                );
            }
        }
    }
    score.check("verdicts", &said);
}
