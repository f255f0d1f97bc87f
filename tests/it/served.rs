//! What is inferred, against a corpus that real servers and clients wrote the truth of (`tests/record/corpus`): ten services in eight
//! frameworks behind a gateway, recorded anew for each seed. The table is printed: `cargo test --test it served:: -- --ignored --nocapture`.
//! `CORPUS_SEEDS=A..B` takes other seeds, `CORPUS_SHOW=N` prints that many wrong answers of each kind, `CORPUS_KEEP=DIR` keeps the recordings.

use crate::support::netns;
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::rows::{CallRow, FindingRow};
use leaktrace::query::{Cx, Filter, Page, read};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The bounds: precision and recall of accounts and of findings, calibration error, pairs of calls of one template,
/// mask state, pairing with ids and without, lines of logs joined.
const ACCOUNTS: (f64, f64) = (0.995, 0.95);
const ECE: f64 = 0.03;
const TEMPLATES: f64 = 0.98;
const FINDINGS: (f64, f64) = (0.995, 0.99);
const MASKS: f64 = 0.99;
const PAIRED: (f64, f64) = (0.99, 0.90);
const JOINED: f64 = 0.99;

#[derive(Deserialize)]
pub struct Truth {
    pub src: String,
    pub sport: u16,
    pub dst: String,
    pub dport: u16,
    pub n: u32,
    pub method: String,
    pub uri: String,
    /// Account, a key (`key:...`), none, or `?` where either answer is right.
    pub who: Option<String>,
    pub kind: String,
    pub route: Option<String>,
    pub sent: Vec<(String, String, bool)>,
    pub got: Vec<(String, String, bool)>,
    pub parent: Option<(String, u16, u32)>,
    pub ids: Option<bool>,
    pub log: Option<(String, u64)>,
}

#[derive(Default, Clone)]
struct Score {
    right: u64,
    wrong: u64,
    missed: u64,
    shown: Vec<String>,
}

impl Score {
    fn precision(&self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }
    fn recall(&self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }
    fn f1(&self) -> f64 {
        2.0 * self.right as f64 / (2 * self.right + self.wrong + self.missed).max(1) as f64
    }
    fn add(&mut self, other: &Score) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }
    fn says(&mut self, what: impl FnOnce() -> String) {
        let most = std::env::var("CORPUS_SHOW")
            .ok()
            .and_then(|v| v.parse().ok());
        if self.shown.len() < most.unwrap_or(3) {
            self.shown.push(what());
        }
    }
}

/// Rows of the table by what is measured and kind.
#[derive(Default)]
struct Table {
    rows: BTreeMap<(&'static str, String), Score>,
    /// Tenths of confidence: answers, right ones, sum.
    bins: BTreeMap<u32, (u64, u64, f64)>,
}

impl Table {
    fn at(&mut self, what: &'static str, kind: &str) -> &mut Score {
        self.rows.entry((what, kind.to_owned())).or_default()
    }
    fn sum(&self, what: &str) -> Score {
        let mut s = Score::default();
        self.rows
            .iter()
            .filter(|((w, _), _)| *w == what)
            .for_each(|(_, r)| s.add(r));
        s
    }
    fn ece(&self) -> f64 {
        let all: u64 = self.bins.values().map(|b| b.0).sum();
        let off: f64 = self
            .bins
            .values()
            .map(|(_, r, c)| (c - *r as f64).abs())
            .sum();
        off / all.max(1) as f64
    }
    fn print(&self) {
        println!(
            "{:<32}{:>8}{:>7}{:>8}{:>11}{:>9}{:>9}",
            "", "right", "wrong", "missed", "precision", "recall", "F1"
        );
        let line = |name: String, s: &Score| {
            println!(
                "{name:<32}{:>8}{:>7}{:>8}{:>11.4}{:>9.4}{:>9.4}",
                s.right,
                s.wrong,
                s.missed,
                s.precision(),
                s.recall(),
                s.f1()
            );
            s.shown.iter().for_each(|t| println!("      {t}"));
        };
        let whats: BTreeSet<_> = self.rows.keys().map(|k| k.0).collect();
        for what in whats {
            for ((_, kind), s) in self.rows.iter().filter(|((w, _), _)| *w == what) {
                line(format!("{what} {kind}"), s);
            }
            line(format!("{what}, all"), &self.sum(what));
        }
        println!("calibration error {:.4}", self.ece());
    }
}

/// Source and port of the client, destination, place on the connection.
pub type Key = (String, u16, String, u16, u32);

/// Loads a recording; its rows by their place on the wire, and what was found by call.
#[allow(clippy::type_complexity)]
pub fn load(
    dir: &Path,
) -> (
    HashMap<Key, CallRow>,
    HashMap<String, Key>,
    HashMap<String, Vec<FindingRow>>,
) {
    let case = dir.join("corpus.ltc");
    let _ = std::fs::remove_file(&case);
    let files = [
        "corpus.pcap",
        "gateway.log",
        "shop.log",
        "portal.log",
        "legacy.log",
    ];
    let options = LoadOptions {
        files: files.iter().map(|f| dir.join(f)).collect(),
        case: case.clone(),
        ..LoadOptions::default()
    };
    run(&options, &Progress::default()).unwrap();
    let cx = Cx::open(&case, true).unwrap();
    let mut rows = read::calls(&cx, &Filter::all(), &Page::default()).unwrap();
    rows.sort_by_key(|r| r.ts_ns);
    let mut order: HashMap<(String, u16, String, u16), u32> = HashMap::new();
    let (mut by, mut ids) = (HashMap::new(), HashMap::new());
    for row in rows.into_iter().filter(|r| !r.flags.contains(&"log-only")) {
        let end = (
            row.src.clone().unwrap_or_default(),
            row.sport.unwrap_or(0),
            row.dst.clone().unwrap_or_default(),
            row.dport.unwrap_or(0),
        );
        let n = order.entry(end.clone()).or_default();
        *n += 1;
        let key = (end.0, end.1, end.2, end.3, *n);
        ids.insert(row.id.clone(), key.clone());
        by.insert(key, row);
    }
    let mut found: HashMap<String, Vec<FindingRow>> = HashMap::new();
    read::findings(&cx, &Filter::all(), &mut |f| {
        found.entry(f.call.clone()).or_default().push(f);
        Ok(true)
    })
    .unwrap();
    (by, ids, found)
}

pub fn truth(dir: &Path) -> Vec<Truth> {
    let text = std::fs::read_to_string(dir.join("truth.jsonl")).unwrap();
    // the first line tells of the whole
    let lines = text.lines().skip(1);
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

pub fn key(t: &Truth) -> Key {
    (t.src.clone(), t.sport, t.dst.clone(), t.dport, t.n)
}

fn measure(dir: &Path, table: &mut Table) {
    let truth = truth(dir);
    let (rows, ids, mut found) = load(dir);
    let missing = truth.iter().filter(|t| !rows.contains_key(&key(t))).count();
    assert_eq!((missing, rows.len()), (0, truth.len()), "calls of the wire");
    let line_of: HashMap<(&str, u64), Key> = truth
        .iter()
        .filter_map(|t| Some(((t.log.as_ref()?.0.as_str(), t.log.as_ref()?.1), key(t))))
        .collect();
    let classes: BTreeSet<&str> = truth
        .iter()
        .flat_map(|t| t.sent.iter().chain(&t.got))
        .map(|f| f.0.as_str())
        .collect();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut cells: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for t in &truth {
        let row = &rows[&key(t)];
        assert_eq!(row.uri.as_deref(), Some(t.uri.as_str()));
        account(t, row, &mut names, table);
        if let Some(route) = &t.route {
            let host = row.host.as_deref().unwrap_or_default();
            *cells
                .entry((
                    row.api.as_deref().unwrap_or_default(),
                    format!("{} {host}{route}", t.method),
                ))
                .or_default() += 1;
        }
        findings(
            t,
            found.remove(&row.id).unwrap_or_default(),
            &classes,
            table,
        );
        pairing(t, row, &ids, table);
        joins(t, row, &line_of, table);
    }
    templates(&cells, table);
}

fn account<'a>(
    t: &'a Truth,
    row: &'a CallRow,
    names: &mut HashMap<&'a str, &'a str>,
    table: &mut Table,
) {
    let got = row
        .account
        .as_deref()
        .filter(|a| !a.starts_with("unattributed@"));
    let right = match (t.who.as_deref(), got) {
        (Some("?"), _) => return,
        (None, got) => got.is_none(),
        (Some(who), Some(got)) if who.starts_with("key:") || t.kind == "aws-sigv4" => {
            // nobody named these keys: each is one account, and no other
            got.starts_with("key:") && *names.entry(who).or_insert(got) == got
        }
        (Some(who), got) => got == Some(who),
    };
    let side = if t.parent.is_some() { " (behind)" } else { "" };
    let s = table.at("account", &format!("{}{side}", t.kind));
    if t.who.is_some() {
        s.right += u64::from(right);
        s.missed += u64::from(!right);
    }
    s.wrong += u64::from(!right && got.is_some());
    if !right {
        s.says(|| {
            format!(
                "{} {} {:.90} -> {:?} by {:?} {:?}, is {:?}",
                row.id, t.method, t.uri, row.account, row.account_via, row.account_conf, t.who
            )
        });
    }
    if got.is_some() {
        let conf = row.account_conf.unwrap_or(0.0);
        let bin = table.bins.entry(((conf * 10.0) as u32).min(9)).or_default();
        *bin = (bin.0 + 1, bin.1 + u64::from(right), bin.2 + conf);
    }
}

fn findings(t: &Truth, found: Vec<FindingRow>, classes: &BTreeSet<&str>, table: &mut Table) {
    let mut want: BTreeMap<(&str, &str), Vec<bool>> = BTreeMap::new();
    for (class, value, masked) in t.sent.iter().chain(&t.got) {
        want.entry((class, value)).or_default().push(*masked);
    }
    for f in found.iter().filter(|f| classes.contains(f.class.as_str())) {
        let value = f.value.as_deref().unwrap_or_default();
        match want.get_mut(&(f.class.as_str(), value)).and_then(Vec::pop) {
            Some(masked) => {
                table.at("finding", &f.class).right += 1;
                let s = table.at("mask state", if masked { "masked" } else { "clear" });
                if masked == f.masked {
                    s.right += 1;
                } else {
                    s.wrong += 1;
                    s.missed += 1;
                    s.says(|| format!("{} {value:?} at {}", f.class, f.place));
                }
            }
            None => {
                let s = table.at("finding", &f.class);
                s.wrong += 1;
                s.says(|| {
                    format!(
                        "extra  {} {} {value:?} at {} {} of {} {:.60} {:.2}",
                        f.call, f.class, f.dir, f.place, t.method, t.uri, f.conf
                    )
                });
            }
        }
    }
    for ((class, value), left) in want {
        for masked in left {
            let s = table.at("finding", class);
            s.missed += 1;
            s.says(|| {
                format!(
                    "missed {value:?} (masked {masked}) in {} {:.60}",
                    t.method, t.uri
                )
            });
        }
    }
}

fn pairing(t: &Truth, row: &CallRow, ids: &HashMap<String, Key>, table: &mut Table) {
    let got = row.parent.as_ref().and_then(|p| ids.get(p));
    let kind = match t.ids {
        Some(true) => "with ids",
        Some(false) => "without ids",
        None => "in front",
    };
    let right = match (&t.parent, got) {
        (Some(p), Some(g)) => p.0 == g.0 && p.1 == g.1 && p.2 == g.4,
        (None, None) => return,
        _ => false,
    };
    let s = table.at("pairing", kind);
    s.right += u64::from(right);
    s.missed += u64::from(!right && t.parent.is_some());
    s.wrong += u64::from(!right && got.is_some());
    if !right {
        s.says(|| {
            format!(
                "{} {} {:.60}: {got:?} instead of {:?}",
                row.id, t.method, t.uri, t.parent
            )
        });
    }
}

fn joins(t: &Truth, row: &CallRow, line_of: &HashMap<(&str, u64), Key>, table: &mut Table) {
    let key = key(t);
    let mut seen = false;
    for l in row.locators.iter().filter(|l| l.role == "log") {
        let name = l.source.rsplit('/').next().unwrap_or_default();
        let right = line_of.get(&(name, l.first)) == Some(&key);
        let s = table.at("log line", name);
        s.right += u64::from(right);
        s.wrong += u64::from(!right);
        seen |= right;
        if !right {
            s.says(|| format!("{} {} {:.60}: line {}", row.id, t.method, t.uri, l.first));
        }
    }
    if let Some((name, line)) = t.log.as_ref().filter(|_| !seen) {
        let s = table.at("log line", name);
        s.missed += 1;
        s.says(|| format!("{} {} {:.60}: not line {line}", row.id, t.method, t.uri));
    }
}

fn templates(cells: &BTreeMap<(&str, String), u64>, table: &mut Table) {
    let pairs = |n: u64| n * n.saturating_sub(1) / 2;
    let (mut ours, mut theirs): (BTreeMap<&str, u64>, BTreeMap<&str, u64>) = Default::default();
    for ((api, route), n) in cells {
        *ours.entry(api).or_default() += n;
        *theirs.entry(route).or_default() += n;
    }
    let both: u64 = cells.values().map(|n| pairs(*n)).sum();
    let s = table.at("template", "pairs");
    s.right += both;
    s.wrong += ours.values().map(|n| pairs(*n)).sum::<u64>() - both;
    s.missed += theirs.values().map(|n| pairs(*n)).sum::<u64>() - both;
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut from: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (api, route) in cells.keys() {
        of.entry(api).or_default().insert(route);
        from.entry(route).or_default().insert(api);
    }
    for (api, routes) in of.iter().filter(|(_, r)| r.len() > 1) {
        s.says(|| format!("one: {api} of {routes:?}"));
    }
    for (route, apis) in from.iter().filter(|(_, a)| a.len() > 1) {
        s.says(|| {
            format!(
                "parted: {route} as {:?}",
                apis.iter().take(6).collect::<Vec<_>>()
            )
        });
    }
    // a template counts where its calls are those of the route and no others
    let s = table.at("template", "exact");
    for (route, apis) in &from {
        let exact = apis.len() == 1 && apis.iter().all(|a| of[a].len() == 1);
        s.right += u64::from(exact);
        s.missed += u64::from(!exact);
        if !exact {
            s.says(|| (*route).to_owned());
        }
    }
}

/// Records one seed; `None` where a tool or a package is missing.
pub fn record(out: &Path, seed: u64) -> Option<()> {
    if !netns::ready(&[
        "python3", "nginx", "node", "npm", "tcpdump", "ip", "timeout",
    ]) {
        return None;
    }
    let (python, modules) = netns::packages(
        "corpus",
        &[
            "flask",
            "fastapi",
            "uvicorn",
            "django",
            "tornado",
            "aiohttp",
            "python-multipart",
        ],
        "flask, fastapi, uvicorn, django, tornado, aiohttp, multipart",
        &["express", "fastify", "koa"],
    )?;
    std::fs::create_dir_all(out).unwrap();
    netns::run(
        netns::script(python, "corpus/record.py")
            .arg(out)
            .arg(seed.to_string())
            .env("NODE_PATH", modules),
    );
    Some(())
}

#[test]
#[ignore = "fetches eight web frameworks"]
fn what_servers_and_clients_wrote_is_what_is_inferred() {
    let given = std::env::var("CORPUS_SEEDS").unwrap_or_else(|_| {
        // another world each day, the same one where it is looked into
        let day = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
            / 86_400;
        format!("{day}..{}", day + 2)
    });
    let (a, b) = given.split_once("..").unwrap();
    let (mut table, temp) = (Table::default(), tempfile::tempdir().unwrap());
    let keep = std::env::var_os("CORPUS_KEEP").map_or_else(|| temp.path().into(), PathBuf::from);
    for seed in a.parse::<u64>().unwrap()..b.parse().unwrap() {
        let dir = keep.join(seed.to_string());
        if !dir.join("truth.jsonl").exists() && record(&dir, seed).is_none() {
            return;
        }
        measure(&dir, &mut table);
    }
    println!("corpora of seeds {given}");
    table.print();
    let at_least = |what: &str, s: &Score, (precision, recall): (f64, f64)| {
        assert!(
            s.precision() >= precision && s.recall() >= recall,
            "{what}: {:.4} {:.4}",
            s.precision(),
            s.recall()
        );
    };
    at_least("accounts", &table.sum("account"), ACCOUNTS);
    assert!(table.ece() < ECE);
    assert!(table.at("template", "pairs").f1() >= TEMPLATES);
    at_least("findings", &table.sum("finding"), FINDINGS);
    at_least("mask state", &table.sum("mask state"), (MASKS, MASKS));
    for (kind, least) in [("with ids", PAIRED.0), ("without ids", PAIRED.1)] {
        at_least(kind, table.at("pairing", kind), (least, least));
    }
    at_least("lines of logs", &table.sum("log line"), (JOINED, JOINED));
}
