//! Every data class in every container beside ten times as many decoys: precision and recall by class, at column level.
//!
//! The truth comes from the writer of the bodies (`tests/support/mint.rs`, `dress.rs`), which shares nothing with the validators.
//! `cargo test --test it detect_classes -- --nocapture` prints the figures.

use crate::detect::{KEY, scanner};
use crate::detect_noise::accepted;
use crate::support::dress::{self, Cell, Row};
use crate::support::mint::{CLASSES, Class, DECOYS, Decoy};
use crate::support::random::Random;
use leaktrace::body::sniff;
use leaktrace::call::model::Facts;
use leaktrace::detect::print::PrintKind;
use leaktrace::detect::{Rules, normal};
use std::collections::BTreeMap;

struct Field {
    key: String,
    class: Option<&'static Class>,
    make: fn(&mut Random) -> String,
    what: &'static str,
    wrap: Vec<&'static str>,
}

/// One API: the same fields in each of its bodies.
struct Api {
    style: &'static str,
    fields: Vec<Field>,
    bodies: usize,
    rows: usize,
}

const WRAPS: [&str; 6] = ["base64", "base64url", "hex", "url", "unicode", "html"];

fn api(r: &mut Random, n: usize) -> Api {
    let style = dress::STYLES[n % dress::STYLES.len()];
    let (bodies, rows) = *r.pick(&[(1, 8), (3, 3), (12, 1), (20, 1), (2, 25)]);
    let rows = if matches!(style, "form" | "multipart" | "json single") {
        1
    } else {
        rows
    };
    let values = bodies * rows;
    let meaningless = style == "protobuf" || r.chance(25);
    let mut fields: Vec<Field> = Vec::new();
    let wanted = 2 + r.below(3) as usize;
    while fields.len() < wanted {
        let class: &'static Class = r.pick(CLASSES);
        if meaningless && (class.alone == 0 || values < class.alone) {
            continue;
        }
        let key = r.pick(class.keys).to_string();
        if fields.iter().any(|f| f.key == key) {
            continue;
        }
        // a zone of two lines is told apart from its neighbours where it is a field
        if style == "text" && class.id == "mrz" {
            continue;
        }
        // what is told by its key alone is what it is, however it looks
        let opaque = [
            "password",
            "session-token",
            "card-cvv",
            "cn-medical",
            "medical-record",
            "passport",
        ];
        let room = if opaque.contains(&class.id) || class.id == "api-key" && class.alone == 0 {
            0
        } else if style.starts_with("json in") {
            1
        } else {
            3
        };
        let mut wrap = match r.below(100) {
            0..=5 => vec![*r.pick(&WRAPS)],
            6..=7 => vec![*r.pick(&["base64", "hex"]), *r.pick(&["url", "base64"])],
            // compressed bytes travel in base64, which is a layer of its own
            8 => vec!["gzip", "url"],
            _ => vec![],
        };
        wrap.truncate(room);
        fields.push(Field {
            key,
            class: Some(class),
            make: class.make,
            what: class.id,
            wrap,
        });
    }
    let decoys = wanted * 10;
    let mut tries = 0;
    while fields.len() < wanted + decoys && tries < 1000 {
        tries += 1;
        let d: &'static Decoy = r.pick(DECOYS);
        let key = r.pick(d.keys).to_string();
        // without its key it is a mobile number
        if meaningless && d.what == "parcel like a mobile" {
            continue;
        }
        if !fields.iter().any(|f| f.key == key) {
            fields.push(Field {
                key,
                class: None,
                make: d.make,
                what: d.what,
                wrap: vec![],
            });
        }
    }
    r.shuffle(&mut fields);
    if meaningless {
        for (i, f) in fields.iter_mut().enumerate() {
            f.key = format!("f{}", i + 1);
        }
    }
    Api {
        style,
        fields,
        bodies,
        rows,
    }
}

#[derive(Default)]
struct Tally {
    by_class: BTreeMap<String, [u64; 3]>,
    wrong: BTreeMap<String, u64>,
}

fn run(r: &mut Random, rules: &Rules, api: &Api, tally: &mut Tally) {
    let mut s = scanner();
    let mut facts: Vec<Facts> = Vec::new();
    let mut kinds: Vec<&str> = Vec::new();
    /// What a print stands for: by class and print of a value its record, and its text.
    type Truth<'a> = BTreeMap<(&'a str, u64), (i64, String)>;
    let mut truth: Vec<Truth<'_>> = Vec::new();
    let mut whose: BTreeMap<u64, &str> = BTreeMap::new();
    for _ in 0..api.bodies {
        let mut of: BTreeMap<(&str, u64), (i64, String)> = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for _ in 0..api.rows {
            let mut row = Row::new();
            for f in &api.fields {
                let value = (f.make)(r);
                let mut text = value.clone();
                for w in &f.wrap {
                    text = dress::wrap(w, &text);
                }
                if let Some(c) = f.class {
                    let print = KEY.print(PrintKind::Value, normal(Some(c.id), &value).as_bytes());
                    of.entry((c.id, print))
                        .or_insert((0, format!("{}={text}", f.key)))
                        .0 += 1;
                } else {
                    for c in CLASSES {
                        whose.insert(
                            KEY.print(PrintKind::Value, normal(Some(c.id), &value).as_bytes()),
                            f.what,
                        );
                    }
                }
                row.push(Cell {
                    key: f.key.clone(),
                    value: text,
                });
            }
            rows.push(row);
        }
        let (bytes, mt) = dress::body(r, api.style, &rows);
        let kind = sniff::kind(&bytes, Some(mt));
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
        facts.push(s.scan_body(&bytes, kind, Some(mt)));
        truth.push(of);
    }
    let style = api.style;
    for (body, f) in accepted(rules, &facts) {
        let class = rules.classes()[usize::from(f.class)].name.as_str();
        let hit = truth[body]
            .iter_mut()
            .find(|((c, p), (n, _))| *c == class && *p == f.print && *n > 0);
        match hit {
            Some((_, (n, _))) => {
                *n -= 1;
                tally.by_class.entry(class.to_owned()).or_default()[0] += 1;
            }
            None => {
                tally.by_class.entry(class.to_owned()).or_default()[1] += 1;
                let other = truth[body]
                    .keys()
                    .find(|(_, p)| *p == f.print)
                    .map(|(c, _)| *c);
                let what = other.or(whose.get(&f.print).copied()).unwrap_or("?");
                *tally
                    .wrong
                    .entry(format!(
                        "wrong {class} for {what} at {} in {style} conf {}",
                        f.field, f.conf
                    ))
                    .or_default() += 1;
            }
        }
    }
    for of in &truth {
        for ((class, _), (n, text)) in of.iter().filter(|(_, (n, _))| *n > 0) {
            tally.by_class.entry((*class).to_owned()).or_default()[2] += n.unsigned_abs();
            let wrap = api
                .fields
                .iter()
                .find(|f| text.starts_with(&format!("{}=", f.key)))
                .map(|f| f.wrap.clone());
            let e = format!(
                "missed {class} in {style} {kinds:?} {}x{} {wrap:?} {}",
                api.bodies,
                api.rows,
                text.chars().take(50).collect::<String>()
            );
            *tally.wrong.entry(e).or_default() += n.unsigned_abs();
        }
    }
}

/// Runs `apis` of a seed and judges the whole and each class.
fn judge(seed: u64, apis: usize) {
    let rules = Rules::builtin();
    let mut r = Random::new(seed);
    let mut tally = Tally::default();
    for n in 0..apis {
        let api = api(&mut r, n);
        run(&mut r, &rules, &api, &mut tally);
    }
    let mut all = [0u64; 3];
    let mut bad = Vec::new();
    let share = |a: u64, b: u64| a as f64 / (a + b).max(1) as f64;
    println!(
        "{:16} {:>6} {:>6} {:>6}  precision recall",
        "class", "right", "wrong", "missed"
    );
    for (class, n) in &tally.by_class {
        let (p, rec) = (share(n[0], n[1]), share(n[0], n[2]));
        println!(
            "{class:16} {:6} {:6} {:6}  {p:.4}    {rec:.4}",
            n[0], n[1], n[2]
        );
        if p < 0.95 || rec < 0.95 {
            bad.push(class.clone());
        }
        for (sum, n) in all.iter_mut().zip(n) {
            *sum += n;
        }
    }
    let (p, rec) = (share(all[0], all[1]), share(all[0], all[2]));
    println!(
        "all              {:6} {:6} {:6}  {p:.4}    {rec:.4}",
        all[0], all[1], all[2]
    );
    let most = std::env::var("WRONG")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(60);
    let mut wrong: Vec<_> = tally.wrong.iter().collect();
    wrong.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (w, n) in wrong.iter().take(most) {
        println!("  {n} {w}");
    }
    assert!(
        bad.is_empty() && p >= 0.995 && rec >= 0.99,
        "precision {p:.4} recall {rec:.4}, below 0.95: {bad:?}"
    );
}

#[test]
fn classes_among_decoys() {
    judge(20_260_101, 432);
}

/// Another seed than the one that was looked at while rules were made.
#[test]
fn classes_among_decoys_of_another_seed() {
    judge(77, 432);
}
