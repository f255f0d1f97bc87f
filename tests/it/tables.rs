//! Tables whose columns the client chose: exports of one API with columns in another order, another selection of them, and other
//! headers. What is known of a column has to follow its header, the place has to stay that of the cell.
//! `cargo test --test it tables:: -- --nocapture` prints the figures.

use crate::detect_noise::accepted;
use crate::support::{
    mint::{CLASSES, Class, DECOYS, Decoy},
    random::Random,
};
use leaktrace::call::model::Facts;
use leaktrace::detect::{Rules, Scanner, place};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Classes of the measured exports.
const TEN: [&str; 10] = [
    "cn-id",
    "cn-mobile",
    "bank-card",
    "cn-uscc",
    "iban",
    "email",
    "name",
    "address",
    "birth-date",
    "cn-passport",
];

enum What<'a> {
    Class(&'a Class),
    Decoy(&'a Decoy),
}

/// A column that an API has: its header and what stands in it.
struct Column<'a> {
    key: &'static str,
    what: What<'a>,
}

/// What cells of a body are: its number, `where`, class.
type Truth = BTreeSet<(usize, String, String)>;

struct Export {
    text: String,
    kind: &'static str,
    media: &'static str,
}

/// Columns of one API: ten classes, each under a key of its own, and as many decoys as it takes to outnumber them.
fn columns(r: &mut Random, decoys: usize) -> Vec<Column<'static>> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut out = Vec::new();
    for id in TEN {
        let class = CLASSES.iter().find(|c| c.id == id).unwrap();
        let key = (0..100)
            .map(|_| *r.pick(class.keys))
            .find(|k| !used.contains(k))
            .unwrap();
        used.insert(key);
        out.push(Column {
            key,
            what: What::Class(class),
        });
    }
    while out.len() < TEN.len() + decoys {
        let decoy = r.pick(DECOYS);
        let key = *r.pick(decoy.keys);
        if used.insert(key) {
            out.push(Column {
                key,
                what: What::Decoy(decoy),
            });
        }
    }
    out
}

fn quoted(v: &str, delimiter: char) -> String {
    match v.contains([delimiter, '"', '\n']) {
        true => format!("\"{}\"", v.replace('"', "\"\"")),
        false => v.to_owned(),
    }
}

/// One export: some of the columns in some order.
fn export(r: &mut Random, all: &[Column], form: &str, body: usize, truth: &mut Truth) -> Export {
    let mut order: Vec<usize> = (0..all.len()).filter(|_| r.chance(75)).collect();
    r.shuffle(&mut order);
    let heads: Vec<String> = order.iter().map(|i| all[*i].key.to_owned()).collect();
    let mut lines = vec![heads];
    for row in 0..20 + r.below(60) as usize {
        let mut line = Vec::new();
        for (at, i) in order.iter().enumerate() {
            let (value, class) = match &all[*i].what {
                What::Class(c) => ((c.make)(r), Some(c.id)),
                What::Decoy(d) => ((d.make)(r), None),
            };
            line.push(value);
            if let Some(class) = class {
                let place = match form {
                    "csv" | "tsv" => format!("csv:{}:{}", at + 1, row + 2),
                    "ndjson" => format!("$[{}][{at}]", row + 1),
                    _ => format!("$.rows[{row}][{at}]"),
                };
                truth.insert((body, place, class.to_owned()));
            }
        }
        lines.push(line);
    }
    let array = |l: &Vec<String>| {
        let cells: Vec<String> = l.iter().map(|v| format!("{v:?}")).collect();
        format!("[{}]", cells.join(","))
    };
    let delimited = |d: char| {
        lines.iter().fold(String::new(), |s, l| {
            let cells: Vec<String> = l.iter().map(|v| quoted(v, d)).collect();
            s + &cells.join(&d.to_string()) + "\r\n"
        })
    };
    let (text, kind, media) = match form {
        "csv" => (delimited(','), "csv", "text/csv"),
        "tsv" => (delimited('\t'), "csv", "text/tab-separated-values"),
        "ndjson" => {
            let lines: Vec<String> = lines.iter().map(array).collect();
            (lines.join("\n"), "ndjson", "application/x-ndjson")
        }
        _ => {
            let rows: Vec<String> = lines.iter().skip(1).map(array).collect();
            let heads = array(&lines[0]);
            let text = format!("{{\"columns\":{heads},\"rows\":[{}]}}", rows.join(","));
            (text, "json", "application/json")
        }
    };
    Export { text, kind, media }
}

/// Right, wrong, missed.
type Score = [usize; 3];

fn measure(form: &str, seed: u64, apis: usize, exports: usize) -> (Score, BTreeMap<String, usize>) {
    let rules = Arc::new(Rules::builtin());
    let mut scanner = Scanner::new(Arc::clone(&rules), crate::detect::KEY);
    let mut r = Random::new(seed);
    let (mut score, mut faults) = ([0; 3], BTreeMap::new());
    for _ in 0..apis {
        let all = columns(&mut r, 14);
        let mut truth = Truth::new();
        let texts: Vec<Export> = (0..exports)
            .map(|body| export(&mut r, &all, form, body, &mut truth))
            .collect();
        let facts: Vec<Facts> = texts
            .iter()
            .map(|e| scanner.scan_body(e.text.as_bytes(), e.kind, Some(e.media)))
            .collect();
        let got: Truth = accepted(&rules, &facts)
            .into_iter()
            .map(|(i, f)| {
                let class = rules.classes()[usize::from(f.class)].name.clone();
                (i, place(&f.field, &f.index), class)
            })
            .collect();
        score[0] += truth.intersection(&got).count();
        score[1] += got.difference(&truth).count();
        score[2] += truth.difference(&got).count();
        for (what, list) in [
            ("wrong", got.difference(&truth)),
            ("missed", truth.difference(&got)),
        ] {
            for (body, at, class) in list {
                let _ = (body, at);
                *faults.entry(format!("{what} {class}")).or_default() += 1;
            }
        }
    }
    (score, faults)
}

fn share(part: usize, other: usize) -> f64 {
    part as f64 / (part + other).max(1) as f64
}

/// Ten classes among fourteen decoys, columns in an order and a selection of each export's own.
#[test]
fn columns_are_known_by_their_headers() {
    let mut poor = Vec::new();
    for form in ["csv", "tsv", "ndjson", "rows"] {
        for exports in [2, 6] {
            for seed in [1, 2, 3] {
                let ([right, wrong, missed], faults) = measure(form, seed, 12, exports);
                let (precision, recall) = (share(right, wrong), share(right, missed));
                let told = format!(
                    "{form:6} {exports} exports seed {seed}: precision {precision:.4} recall {recall:.4} of {}",
                    right + missed
                );
                println!("{told}");
                if precision < 0.99 || recall < 0.99 {
                    poor.push(format!("{told} {faults:?}"));
                }
            }
        }
    }
    assert!(poor.is_empty(), "{}", poor.join("\n"));
}
