//! Accounts of seeded towns (`tests/support/town`): who made each call, how sure the answer is, by kind of credential.
//! Tables are printed: `cargo test --test it accounts:: -- --nocapture`. `TOWN_SHOW=N` prints that many wrong calls,
//! `TOWN_SEEDS=A..B` takes other seeds.

use crate::support::town::{self, Truth, Who, Words};
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::rows::CallRow;
use leaktrace::query::{Cx, Filter, Page, read};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

const PRECISION: f64 = 0.995;
const RECALL: f64 = 0.95;
const ECE: f64 = 0.03;

#[derive(Default, Clone, Copy)]
struct Cell {
    calls: u64,
    right: u64,
    wrong: u64,
    missed: u64,
    intervals: usize,
}

#[derive(Default)]
struct Table {
    kinds: BTreeMap<&'static str, Cell>,
    /// Confidence in hundredths: answers, right ones.
    bins: BTreeMap<u32, (u64, u64)>,
    behalf: (u64, u64, u64),
    shown: String,
    left: usize,
}

impl Table {
    /// One call: its row against the truth. `keys` remembers which account each unnamed key is.
    fn add(&mut self, truth: &Truth, row: &CallRow, keys: &mut HashMap<String, String>) {
        let got = row.account.as_deref().unwrap_or("unattributed@");
        let named = !got.starts_with("unattributed@");
        if truth.who == Who::Free {
            return;
        }
        let right = match &truth.who {
            Who::Is(name) => got == name,
            Who::Key(key) => {
                got.starts_with("key:")
                    && keys.entry(key.clone()).or_insert_with(|| got.to_owned()) == got
            }
            Who::Nobody | Who::Free => !named,
        };
        let cell = self.kinds.entry(truth.kind).or_default();
        cell.calls += 1;
        if named {
            // a key that was listed to a person stays a key: naming nobody is no wrong person
            let wrong_person =
                !(right || got.starts_with("key:") && matches!(truth.who, Who::Is(_)));
            cell.wrong += u64::from(wrong_person);
            let conf = (row.account_conf.unwrap_or(0.0) * 100.0).round() as u32;
            if right || wrong_person {
                let bin = self.bins.entry(conf).or_default();
                *bin = (bin.0 + 1, bin.1 + u64::from(right));
            }
        }
        if truth.who != Who::Nobody {
            cell.right += u64::from(right);
            cell.missed += u64::from(!right);
        }
        match (&truth.behalf, &row.on_behalf_of) {
            (Some(a), Some(b)) if a == b => self.behalf.0 += 1,
            (Some(_), _) => self.behalf.2 += 1,
            (None, Some(_)) => self.behalf.1 += 1,
            (None, None) => {}
        }
        if !right && self.left > 0 {
            self.left -= 1;
            let _ = writeln!(
                self.shown,
                "  {:<18} {} {} -> {got} by {} {:.2}, is {:?}   {}",
                truth.kind,
                truth.method,
                truth.target.chars().take(60).collect::<String>(),
                row.account_via.as_deref().unwrap_or(""),
                row.account_conf.unwrap_or(0.0),
                truth.who,
                row.host.as_deref().unwrap_or("")
            );
        }
    }

    fn sum(&self) -> Cell {
        self.kinds.values().fold(Cell::default(), |a, b| Cell {
            calls: a.calls + b.calls,
            right: a.right + b.right,
            wrong: a.wrong + b.wrong,
            missed: a.missed + b.missed,
            intervals: a.intervals + b.intervals,
        })
    }

    fn ece(&self) -> f64 {
        let all: u64 = self.bins.values().map(|b| b.0).sum();
        // ten bins of equal width
        let mut tenths: BTreeMap<u32, (u64, u64, f64)> = BTreeMap::new();
        for (conf, (n, right)) in &self.bins {
            let t = tenths.entry((*conf / 10).min(9)).or_default();
            *t = (
                t.0 + n,
                t.1 + right,
                t.2 + f64::from(*conf) / 100.0 * *n as f64,
            );
        }
        tenths
            .values()
            .map(|(_, right, conf)| (conf - *right as f64).abs())
            .sum::<f64>()
            / all.max(1) as f64
    }

    fn print(&self, title: &str) -> String {
        let mut s = format!(
            "{title}\n{:<20}{:>10}{:>7}{:>7}{:>7}{:>8}{:>11}{:>9}\n",
            "kind", "intervals", "calls", "right", "wrong", "missed", "precision", "recall"
        );
        let mut line = |name: &str, c: &Cell| {
            let p = c.right as f64 / (c.right + c.wrong).max(1) as f64;
            let r = c.right as f64 / (c.right + c.missed).max(1) as f64;
            let _ = writeln!(
                s,
                "{name:<20}{:>10}{:>7}{:>7}{:>7}{:>8}{p:>11.4}{r:>9.4}",
                c.intervals, c.calls, c.right, c.wrong, c.missed
            );
        };
        for (k, c) in &self.kinds {
            line(k, c);
        }
        line("all", &self.sum());
        let _ = writeln!(s, "confidence  answers   right  accuracy");
        for (conf, (n, right)) in &self.bins {
            let _ = writeln!(
                s,
                "     {:.2}   {n:>7} {right:>7}    {:.4}",
                f64::from(*conf) / 100.0,
                *right as f64 / *n as f64
            );
        }
        let _ = writeln!(
            s,
            "expected calibration error {:.4}; on behalf of: {} right, {} wrong, {} missed",
            self.ece(),
            self.behalf.0,
            self.behalf.1,
            self.behalf.2
        );
        s
    }

    fn check(&self, title: &str) {
        let s = self.print(title);
        println!("{s}{}", self.shown);
        let c = self.sum();
        let p = c.right as f64 / (c.right + c.wrong).max(1) as f64;
        let r = c.right as f64 / (c.right + c.missed).max(1) as f64;
        assert!(
            p >= PRECISION && r >= RECALL && self.ece() < ECE,
            "precision {p:.4}, recall {r:.4}, calibration error {:.4}",
            self.ece()
        );
    }
}

fn measure(seeds: std::ops::Range<u64>, words: &Words) -> Table {
    let show = std::env::var("TOWN_SHOW")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    let mut table = Table {
        left: show,
        ..Table::default()
    };
    for seed in seeds {
        let town = town::make(seed, words);
        let dir = tempfile::tempdir().unwrap();
        let (capture, log, case) = (
            dir.path().join("town.pcap"),
            dir.path().join("access.log"),
            dir.path().join("town.ltc"),
        );
        std::fs::write(&capture, &town.capture).unwrap();
        std::fs::write(&log, &town.log).unwrap();
        if let Ok(keep) = std::env::var("TOWN_KEEP") {
            std::fs::copy(&capture, format!("{keep}/{seed}.pcap")).unwrap();
            std::fs::copy(&log, format!("{keep}/{seed}.log")).unwrap();
        }
        let options = LoadOptions {
            files: vec![capture, log],
            case: case.clone(),
            ..LoadOptions::default()
        };
        run(&options, &Progress::default()).unwrap();
        let cx = Cx::open(&case, true).unwrap();
        let rows = read::calls(&cx, &Filter::all(), &Page::default()).unwrap();
        // Targets may repeat: rows of one target stand in the order of time, as the truth does.
        let mut by: HashMap<(String, String), std::collections::VecDeque<CallRow>> = HashMap::new();
        for row in rows {
            by.entry((
                row.method.clone().unwrap_or_default(),
                row.uri.clone().unwrap_or_default(),
            ))
            .or_default()
            .push_back(row);
        }
        let mut keys = HashMap::new();
        for truth in &town.calls {
            let row = by
                .get_mut(&(truth.method.clone(), truth.target.clone()))
                .and_then(|q| q.pop_front());
            let row = row.unwrap_or_else(|| panic!("no row for {} {}", truth.method, truth.target));
            table.add(truth, &row, &mut keys);
        }
        for (k, n) in &town.intervals {
            table.kinds.entry(k).or_default().intervals += n;
        }
    }
    table
}

/// Every call of somebody says why, and the call that it rests on is there.
#[test]
fn every_attribution_shows_what_it_rests_on() {
    let town = town::make(77, &town::words::FIRST);
    let dir = tempfile::tempdir().unwrap();
    let (capture, case) = (dir.path().join("t.pcap"), dir.path().join("t.ltc"));
    std::fs::write(&capture, &town.capture).unwrap();
    let options = LoadOptions {
        files: vec![capture],
        case: case.clone(),
        ..LoadOptions::default()
    };
    run(&options, &Progress::default()).unwrap();
    let cx = Cx::open(&case, false).unwrap();
    let (mut kinds, mut rest): (BTreeMap<String, u32>, Vec<String>) = Default::default();
    for row in read::calls(&cx, &Filter::all(), &Page::default()).unwrap() {
        let show = read::show(&cx, row.rowid).unwrap().unwrap();
        let why = show.account_why.unwrap_or_default();
        let account = row.account.clone().unwrap_or_default();
        if account.starts_with("unattributed@") {
            assert!(
                show.account_proof.is_none() && !why.is_empty(),
                "{} {why}",
                row.id
            );
            continue;
        }
        if why.starts_with("known by") {
            rest.push(format!("{} {:?} {account}: {why}", row.id, row.uri));
        }
        if let Some(proof) = &show.account_proof {
            assert!(read::find_call(&cx, proof).unwrap().is_some(), "{proof}");
            assert!(why.contains(proof.as_str()), "{why}");
        }
        for (word, kind) in [
            ("print stands for it", "key"),
            ("at the login of", "login"),
            ("is the login of", "login itself"),
            ("itself says so", "itself"),
            ("in exchange for", "exchange"),
            ("says that its caller is", "whoami"),
            ("as the owner of", "owner"),
            (" names ", "front"),
        ] {
            if why.contains(word) {
                *kinds.entry(kind.into()).or_default() += 1;
                break;
            }
        }
    }
    println!("{kinds:?}");
    assert!(rest.is_empty(), "{}", rest.join("\n"));
    for k in [
        "login",
        "login itself",
        "itself",
        "exchange",
        "whoami",
        "owner",
        "front",
        "key",
    ] {
        assert!(
            kinds.contains_key(k),
            "no reason of the kind {k}: {kinds:?}"
        );
    }
    let accounts = read::accounts(&cx, &Filter::all()).unwrap();
    assert!(
        accounts
            .iter()
            .filter(|a| !a.account.starts_with("unattributed@"))
            .all(|a| a.why.contains("first shown by call "))
    );
}

fn seeds(default: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let given = std::env::var("TOWN_SEEDS").ok();
    let (a, b) = given
        .as_deref()
        .and_then(|v| v.split_once(".."))
        .unwrap_or_default();
    match (a.parse(), b.parse()) {
        (Ok(a), Ok(b)) => a..b,
        _ => default,
    }
}

#[test]
fn twenty_towns_are_told_apart() {
    let table = measure(seeds(1..21), &town::words::FIRST);
    table.check("twenty towns");
    assert!(table.sum().intervals >= 2000 || std::env::var("TOWN_SEEDS").is_ok());
}

/// Words of other languages, where places and not words must tell.
#[test]
fn other_words_change_little() {
    measure(seeds(501..511), &town::words::SECOND).check("other words");
}

/// Words that no list has.
#[test]
fn words_that_no_list_has() {
    measure(seeds(901..911), &town::words::THIRD).check("new words");
}
