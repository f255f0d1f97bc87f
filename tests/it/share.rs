//! A share copy holds no value in clear, in any form that is tried, and answers traces as its case does once it has the passphrase.

use crate::cli::{loaded, text};
use crate::support::{bank, town};
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use leaktrace::load::{LoadOptions, Progress, run};
use md5::Digest as _;
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PASSPHRASE: &str = "correct horse battery staple";

fn leaktrace(case: &Path, args: &[&str], passphrase: Option<&str>) -> Output {
    let mut c = Command::new(env!("CARGO_BIN_EXE_leaktrace"));
    c.args(args).arg("--case").arg(case).stdin(Stdio::null());
    c.env("XDG_STATE_HOME", case.parent().unwrap().join("state"));
    c.env_remove("LEAKTRACE_PASSPHRASE");
    if let Some(p) = passphrase {
        c.env("LEAKTRACE_PASSPHRASE", p);
    }
    c.output().unwrap()
}

fn rows(case: &Path, args: &[&str], passphrase: Option<&str>) -> Vec<Value> {
    let out = leaktrace(case, &[args, &["--json"]].concat(), passphrase);
    assert!(
        out.status.code().unwrap() < 2,
        "{args:?}: {}",
        text(&out.stderr)
    );
    text(&out.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}

/// What must not be in a copy: each value in clear, base64, hex and as unsalted digests, as long as it is no word of six letters or
/// less, which stands by chance in whatever is compressed, no word that a case file is made of, and no digit repeated.
fn forms(values: &BTreeSet<String>, schema: &str) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for v in values.iter().filter(|v| v.len() >= 6) {
        let lower = v.to_lowercase();
        if v.bytes().all(|b| v.as_bytes().first() == Some(&b)) {
            continue;
        }
        if schema
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .any(|w| w.eq_ignore_ascii_case(&lower))
        {
            continue;
        }
        let b = v.as_bytes();
        let mut add = |text: &[u8]| out.push((v.clone(), text.to_vec()));
        add(b);
        let b64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(b);
        // the last character may hold bits of what stands behind
        add(&b64.as_bytes()[..b.len() * 8 / 6]);
        for h in [
            hex(b),
            hex(&md5::Md5::digest(b)),
            hex(&sha1::Sha1::digest(b)),
            hex(&sha2::Sha256::digest(b)),
            hex(&sm3::Sm3::digest(b)),
        ] {
            add(h.as_bytes());
            add(h.to_uppercase().as_bytes());
        }
    }
    out
}

/// Everything that a case file holds: its bytes, every pack, every column of every table.
fn everything(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut out = vec![("file".to_owned(), std::fs::read(path).unwrap())];
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let tables: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type='table'")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for t in tables {
        let mut stmt = conn.prepare(&format!("SELECT * FROM \"{t}\"")).unwrap();
        let cols: Vec<String> = stmt.column_names().map(str::to_owned).collect();
        let mut list = stmt.query([]).unwrap();
        let mut all: Vec<Vec<u8>> = vec![Vec::new(); cols.len()];
        while let Some(r) = list.next().unwrap() {
            for (i, to) in all.iter_mut().enumerate() {
                match r.get_ref(i).unwrap() {
                    ValueRef::Text(b) => to.extend_from_slice(b),
                    ValueRef::Blob(b) if t == "pack" => {
                        to.extend(zstd::bulk::decompress(b, 80 << 20).unwrap());
                    }
                    ValueRef::Blob(b) => to.extend_from_slice(b),
                    _ => {}
                }
                to.push(b'\n');
            }
        }
        out.extend(
            cols.into_iter()
                .zip(all)
                .map(|(c, b)| (format!("{t}.{c}"), b)),
        );
    }
    out
}

/// Makes a copy and holds it against its case. `clue`: rows that leaked.
fn shared(case: &Path, clue: &str) {
    let copy = case.with_extension("copy.ltc");
    // what an investigator wrote is about clear values
    let found = rows(case, &["findings", "--reveal"], None);
    let values: BTreeSet<String> = found
        .iter()
        .filter(|f| f["masked"] == false)
        .filter_map(|f| f["value"].as_str().map(str::to_owned))
        .collect();
    let mobile = found
        .iter()
        .find(|f| f["class"] == "cn-mobile" && f["masked"] == false && f["form"] == "plain")
        .or_else(|| {
            found
                .iter()
                .find(|f| f["class"] == "email" && f["form"] == "plain")
        })
        .unwrap();
    let value = mobile["value"].as_str().unwrap();
    let call = mobile["call"].as_str().unwrap();
    assert_eq!(
        leaktrace(
            case,
            &["info", "--notes", &format!("asked {value} himself")],
            None
        )
        .status
        .code(),
        Some(0)
    );
    {
        let conn = leaktrace::case::open_notebook(case).unwrap();
        leaktrace::case::marks::add(
            &conn,
            &format!("call:{call}"),
            "note",
            &format!("is {value}"),
        )
        .unwrap();
        leaktrace::case::marks::save(&conn, "his", "filter", &format!("value:{value}")).unwrap();
    }

    let out = leaktrace(
        case,
        &["share", "-o", copy.to_str().unwrap(), "--json"],
        Some(PASSPHRASE),
    );
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let made: Value = serde_json::from_slice(&out.stdout).unwrap();
    println!("{made}");
    assert!(made["values"].as_u64().unwrap() > 20);
    assert_eq!(
        made["opaque"],
        0,
        "every print can be made again: {}",
        text(&out.stderr)
    );
    let left: Vec<_> = std::fs::read_dir(copy.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains("copy.ltc") && n != copy.file_name().unwrap().to_str().unwrap())
        .collect();
    assert!(left.is_empty(), "{left:?}");

    // nothing in clear
    let conn = Connection::open(&copy).unwrap();
    let schema: String = conn
        .query_row("SELECT group_concat(sql,' ')||(SELECT group_concat(name||' '||label,' ') FROM class) FROM sqlite_schema", [], |r| r.get(0))
        .unwrap();
    drop(conn);
    let wanted = forms(&values, &schema);
    assert!(wanted.len() > 200);
    let search = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(wanted.iter().map(|w| &w.1))
        .unwrap();
    let original = everything(case);
    let there = original
        .iter()
        .map(|(_, b)| search.find_iter(b).count())
        .sum::<usize>();
    assert!(
        there > values.len(),
        "the test finds them in the case itself"
    );
    for (place, bytes) in everything(&copy) {
        if let Some(m) = search.find(&bytes) {
            let from = m.start().saturating_sub(60);
            let around =
                String::from_utf8_lossy(&bytes[from..(m.end() + 40).min(bytes.len())]).into_owned();
            panic!(
                "{} is in {place}: {around}",
                wanted[m.pattern().as_usize()].0
            );
        }
    }

    // browsed without the passphrase
    for verb in [
        "calls", "apis", "accounts", "sessions", "findings", "risks", "flows", "sources",
    ] {
        let (a, b) = (rows(case, &[verb], None), rows(&copy, &[verb], None));
        assert_eq!(a.len(), b.len(), "{verb}");
    }
    let ids = |p: &Path| -> Vec<Value> {
        rows(p, &["calls"], None)
            .iter()
            .map(|r| r["id"].clone())
            .collect()
    };
    assert_eq!(ids(case), ids(&copy));
    assert!(
        rows(&copy, &["show", call], None)[0]["findings"]
            .as_array()
            .is_some_and(|f| !f.is_empty())
    );
    let refused = |args: &[&str], passphrase, word: &str| {
        let out = leaktrace(&copy, args, passphrase);
        assert_eq!(out.status.code(), Some(2), "{args:?} {}", text(&out.stdout));
        assert!(text(&out.stderr).contains(word), "{}", text(&out.stderr));
    };
    refused(&["trace", "--value", value], None, "passphrase");
    refused(
        &["trace", "--value", value],
        Some("another passphrase"),
        "not the passphrase",
    );
    refused(&["calls", &format!("value:{value}")], None, "passphrase");
    refused(&["calls", "--reveal"], Some(PASSPHRASE), "does not hold");
    refused(&["trace", "--account", "x"], None, "passphrase");
    let out = leaktrace(
        &copy,
        &[
            "load",
            concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/gateway-access.log"),
        ],
        None,
    );
    assert!(out.status.code() != Some(0) && text(&out.stderr).contains("share copy"));

    // what can be verified of it holds, and what cannot is said
    let checks = rows(&copy, &["verify"], None);
    let notes: Vec<&str> = checks.iter().filter_map(|c| c["why"].as_str()).collect();
    assert!(
        notes
            .iter()
            .any(|n| n.contains(made["from"].as_str().unwrap())),
        "{notes:?}"
    );
    assert_eq!(checks.last().unwrap()["failed"], 0);
    assert!(checks.last().unwrap()["checked"].as_u64().unwrap() > 10);
    let conn = Connection::open(case).unwrap();
    let row: String = conn
        .query_row("SELECT detail FROM journal WHERE act='share'", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert!(row.contains(made["sha256"].as_str().unwrap()));
    assert_eq!(
        hex(&sha2::Sha256::digest(std::fs::read(&copy).unwrap())),
        made["sha256"].as_str().unwrap()
    );

    // the same answers with the passphrase
    let file = case.with_extension("passphrase");
    std::fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
    let mut questions: Vec<Vec<String>> = vec![vec!["--clue".into(), clue.into()]];
    let mut classes = BTreeMap::<&str, usize>::new();
    for f in &found {
        let n = classes.entry(f["class"].as_str().unwrap()).or_default();
        if f["masked"] == false && f["form"] == "plain" && *n < 3 {
            *n += 1;
            questions.push(vec!["--value".into(), f["value"].as_str().unwrap().into()]);
        }
    }
    let (mut same, mut hops, mut suspects) = (0, 0, 0);
    let mut names = BTreeMap::<String, String>::new();
    for q in &questions {
        let mut args = vec!["trace"];
        args.extend(q.iter().map(String::as_str));
        let a = rows(case, &args, None);
        args.extend(["--passphrase-file", file.to_str().unwrap()]);
        let b = rows(&copy, &args, None);
        let (a, b) = (&a[0], &b[0]);
        let list = |v: &Value, k: &str| v[k].as_array().unwrap().clone();
        assert_eq!(a["clue"], b["clue"], "{q:?}");
        assert_eq!(
            list(a, "suspects").len(),
            list(b, "suspects").len(),
            "{q:?}"
        );
        // Suspects of one score stand in the order of their names, which are others in the copy.
        let weighed = |v: &Value| {
            let fields = [
                "score",
                "covered",
                "of",
                "read_total",
                "exclusive_bits",
                "first",
                "last",
                "calls",
            ];
            let mut all: Vec<(String, String)> = list(v, "suspects")
                .iter()
                .map(|s| {
                    let key: Vec<String> = fields.iter().map(|k| s[k].to_string()).collect();
                    (key.join(" "), s["account"].as_str().unwrap().to_owned())
                })
                .collect();
            all.sort();
            all
        };
        let (x, y) = (weighed(a), weighed(b));
        for ((key, name), (other_key, other)) in x.iter().zip(&y) {
            assert_eq!(key, other_key, "{q:?}");
            suspects += 1;
            // one account is one name
            let alone = x.iter().filter(|s| s.0 == *key).count() == 1;
            if alone {
                assert_eq!(
                    names.entry(name.clone()).or_insert_with(|| other.clone()),
                    other
                );
            }
        }
        assert_eq!(a["verdict"]["none"], b["verdict"]["none"]);
        assert_eq!(
            list(&a["verdict"], "set").len(),
            list(&b["verdict"], "set").len()
        );
        assert_eq!(list(a, "trails").len(), list(b, "trails").len(), "{q:?}");
        for (x, y) in list(a, "trails").iter().zip(&list(b, "trails")) {
            assert_eq!(list(x, "hops").len(), list(y, "hops").len());
            for (x, y) in list(x, "hops").iter().zip(&list(y, "hops")) {
                for k in [
                    "n", "ts", "from", "to", "dir", "form", "masked", "conf", "inferred", "call",
                    "locator",
                ] {
                    assert_eq!(x[k], y[k], "{k} of {q:?}");
                }
                hops += 1;
            }
            let out = |t: &Value| {
                list(t, "exits")
                    .iter()
                    .map(|e| e["call"].clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(out(x), out(y));
        }
        same += 1;
    }
    println!("{same} questions, {suspects} suspects and {hops} hops are the same");
    assert!(same > 6 && hops > 10 && suspects > 5);

    // what the copy holds itself can be asked for, by name and by id
    let file = file.to_str().unwrap();
    let record = found
        .iter()
        .filter(|f| ["cn-id", "cn-mobile", "email"].contains(&f["class"].as_str().unwrap()))
        .find(|f| f["masked"] == false && f["form"] == "plain" && f["record"].is_string())
        .and_then(|f| f["record"].as_str())
        .unwrap();
    assert!(asked_of_itself(case, &copy, file, "--record", record, record) > 0);
    // who received nothing has no trails
    let mut all = 0;
    for (n, (name, other)) in names.iter().enumerate() {
        if n < 3 || all == 0 {
            all += asked_of_itself(case, &copy, file, "--account", name, other);
        }
    }
    assert!(all > 0, "{names:?}");
}

/// Hops that stand in clear or in a coding: in a copy masks and digests are no prints of their values.
fn followed(answer: &Value) -> BTreeSet<String> {
    let fields = ["ts", "from", "to", "dir", "form", "conf", "call", "locator"];
    let list = |v: &Value, k: &str| v[k].as_array().unwrap().clone();
    list(answer, "trails")
        .iter()
        .flat_map(|t| list(t, "hops"))
        .filter(|h| h["masked"] == false && h["inferred"] == false)
        .filter(|h| {
            let form = h["form"].as_str().unwrap();
            !["mask", "last4", "md5", "sha", "sm3"]
                .iter()
                .any(|w| form.contains(w))
        })
        .map(|h| {
            let key: Vec<String> = fields.iter().map(|k| h[k].to_string()).collect();
            key.join(" ")
        })
        .collect()
}

/// One question of the case and of the copy: what the copy says is what the case says, and it says what it does not see.
fn asked_of_itself(
    case: &Path,
    copy: &Path,
    file: &str,
    what: &str,
    name: &str,
    other: &str,
) -> usize {
    let a = rows(case, &["trace", what, name], None);
    let b = rows(
        copy,
        &["trace", what, other, "--passphrase-file", file],
        None,
    );
    let (a, b) = (&a[0], &b[0]);
    assert_eq!(a["clue"]["rows"], b["clue"]["rows"], "{what} {name}");
    assert_eq!(a["clue"]["matched_rows"], b["clue"]["matched_rows"]);
    let (x, y) = (followed(a), followed(b));
    assert_eq!(x, y, "{what} {name}");
    assert_eq!(b["omitted"]["veiled"] == true, b["clue"]["rows"] != 0);
    assert_eq!(a["omitted"].get("veiled"), None);
    for k in ["seen", "taken"] {
        for n in ["calls", "records"] {
            let (all, seen) = (&a["subject"][k][n], &b["subject"][k][n]);
            // of a record the sightings are counted, and masked ones are missing in the copy
            if what == "--record" {
                assert!(seen.as_u64() <= all.as_u64(), "{k} {n}: {seen} of {all}");
            } else {
                assert_eq!(seen, all, "{what} {k} {n}");
            }
        }
    }
    println!("{what} {name}: {} hops are the same", y.len());
    y.len()
}

fn load(files: Vec<PathBuf>, case: &Path) {
    let options = LoadOptions {
        files,
        case: case.to_owned(),
        ..LoadOptions::default()
    };
    run(&options, &Progress::default()).unwrap();
}

#[test]
#[ignore = "half a minute without optimisation"]
fn a_copy_of_the_demo_is_free_of_values_and_answers_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("demo.ltc");
    std::fs::copy(&loaded().case, &case).unwrap();
    shared(
        &case,
        concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/leaked-rows.csv"),
    );
}

/// Values of one class, a line each.
fn clue(case: &Path, class: &str) -> PathBuf {
    let file = case.with_extension("clue.csv");
    let list: BTreeSet<String> = rows(case, &["findings", "--reveal"], None)
        .iter()
        .filter(|f| f["class"] == class && f["masked"] == false && f["form"] == "plain")
        .filter_map(|f| f["value"].as_str().map(str::to_owned))
        .take(30)
        .collect();
    let lines: Vec<String> = list.into_iter().collect();
    assert!(!lines.is_empty());
    std::fs::write(&file, lines.join("\n")).unwrap();
    file
}

#[test]
#[ignore = "half a minute without optimisation"]
fn a_copy_of_the_bank_is_free_of_values_and_answers_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (capture, case) = (dir.path().join("bank.pcap"), dir.path().join("bank.ltc"));
    std::fs::write(&capture, bank::make(4711, 1500).capture).unwrap();
    load(vec![capture], &case);
    let clue = clue(&case, "cn-mobile");
    shared(&case, clue.to_str().unwrap());
}

#[test]
fn a_copy_of_the_town_is_free_of_values_and_answers_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (capture, log, case) = (
        dir.path().join("town.pcap"),
        dir.path().join("access.log"),
        dir.path().join("town.ltc"),
    );
    let town = town::make(21, &town::words::FIRST);
    std::fs::write(&capture, &town.capture).unwrap();
    std::fs::write(&log, &town.log).unwrap();
    load(vec![capture, log], &case);
    let clue = clue(&case, "email");
    shared(&case, clue.to_str().unwrap());
}
