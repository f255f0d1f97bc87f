//! Tables whose columns the client chose: exports of one API with columns in another order, another selection of them, and other
//! headers. What is known of a column has to follow its header, the place has to stay that of the cell.
//! `cargo test --test it tables:: -- --nocapture` prints the figures.

use crate::detect_noise::accepted;
use crate::support::{
    dress,
    mint::{CLASSES, Class, DECOYS, Decoy},
    people::{Person, person},
    random::Random,
    wire::{Wire, request, response},
};
use leaktrace::call::model::Facts;
use leaktrace::case::marks;
use leaktrace::detect::{Rules, Scanner, place};
use leaktrace::load::correct;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output, Stdio};
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

/// A case of one API whose answers are exports with columns of the client's choice, in five kinds of body.
struct Exports {
    dir: tempfile::TempDir,
    people: Vec<Person>,
}

impl Exports {
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--case", &self.path("c.ltc")])
            .env("XDG_STATE_HOME", self.path("state"))
            .env("LEAKTRACE_PASSPHRASE", "correct horse battery staple")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.run(&[args, &["--json", "--reveal"]].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code().unwrap() < 2, "{args:?}: {said}");
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }
    /// Fields of a class in the answers of an API.
    fn fields(&self, route: &str, class: &str) -> Vec<String> {
        let apis = self.rows(&["apis"]);
        let api = apis.iter().find(|a| a["route"] == route).unwrap();
        let of = api["classes"].as_array().unwrap().iter();
        of.filter(|c| c["class"] == class)
            .flat_map(|c| c["fields"].as_array().unwrap().clone())
            .map(|f| f.as_str().unwrap().to_owned())
            .collect()
    }
}

/// What stands in a column.
type Make = fn(&Person, usize) -> String;

/// The columns of the case: as many numbers that are no cards and no telephones.
const COLUMNS: [(&str, Make); 6] = [
    ("Order No.", |_, n| format!("62{:017}", n * 7919)),
    ("idCard", |p, _| p.cn_id.clone()),
    ("批次", |_, n| {
        format!("1{:010}", 5_000_000_000 + n as u64 * 104_729)
    }),
    ("Card No.", |p, _| p.card.clone()),
    ("姓名", |p, _| p.name.clone()),
    ("mobile", |p, _| p.mobile.clone()),
];

fn exports() -> Exports {
    let mut r = Random::new(41);
    let people: Vec<Person> = (0..40).map(|_| person(&mut r)).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut wire = Wire::new(
        std::fs::File::create(dir.path().join("a.pcap")).unwrap(),
        1_700_000_000_000_000_000,
    )
    .unwrap();
    let mut port = 40_000;
    let mut call = |method: &str, target: &str, media: &str, asked: &[u8], body: &[u8]| {
        port += 1;
        wire.now += 1_000_000_000;
        let mut c = wire
            .open(([10, 0, 0, 9].into(), port), ([10, 0, 1, 1].into(), 80))
            .unwrap();
        let user = ("X-Forwarded-User", "lin.mei");
        let (typed, plain) = (("Content-Type", media), ("Content-Type", "text/plain"));
        let (own, back) = match asked.is_empty() {
            true => (vec![user], typed),
            false => (vec![user, typed], plain),
        };
        let (asked, body) = (
            request(method, "crm.example", target, &own, asked),
            response("200 OK", &[back], body),
        );
        wire.exchange(&mut c, &asked, &body).unwrap();
        wire.close(&mut c).unwrap();
    };
    for n in 0..4 {
        let mut order: Vec<usize> = (0..COLUMNS.len()).collect();
        r.shuffle(&mut order);
        let lines = |delimiter: &str| {
            let head = order.iter().map(|i| COLUMNS[*i].0.to_owned()).collect();
            let of = |(i, p)| order.iter().map(|c| COLUMNS[*c].1(p, i + n)).collect();
            let rows = people.iter().skip(n * 10).take(10).enumerate().map(of);
            let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
            let all: Vec<String> = all.iter().map(|l| l.join(delimiter)).collect();
            all.join("\r\n") + "\r\n"
        };
        call("GET", "/export", "text/csv", b"", lines(";").as_bytes());
        let rows: Vec<dress::Row> = (people.iter().skip(n * 10).take(10))
            .enumerate()
            .map(|(i, p)| {
                let cells = order.iter().map(|c| dress::Cell {
                    key: COLUMNS[*c].0.to_owned(),
                    value: COLUMNS[*c].1(p, i + n),
                });
                cells.collect()
            })
            .collect();
        let book = dress::xlsx(&mut r, &rows);
        let media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        call("GET", "/book", media, b"", &book);
        let part = format!(
            "--b\r\nContent-Disposition: form-data; name=\"list\"; filename=\"a.tsv\"\r\nContent-Type: text/tab-separated-values\r\n\r\n{}\r\n--b--\r\n",
            lines("\t")
        );
        let media = "multipart/form-data; boundary=b";
        call("POST", "/upload", media, part.as_bytes(), b"ok");
        let array = |l: &str| {
            let cells: Vec<String> = l.split('\t').map(|v| format!("{v:?}")).collect();
            format!("[{}]", cells.join(","))
        };
        let all: Vec<String> = lines("\t").lines().map(array).collect();
        let text = all.join("\n");
        call(
            "GET",
            "/lines",
            "application/x-ndjson",
            b"",
            text.as_bytes(),
        );
        let text = format!("{{\"rows\":[{}]}}", all.join(","));
        call("GET", "/rows", "application/json", b"", text.as_bytes());
    }
    Exports { dir, people }
}

#[test]
fn a_case_tells_columns_by_headings_and_places_by_number() {
    let e = exports();
    let out = e.run(&["load", &e.path("a.pcap")]);
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    for (route, of) in [
        (
            "/export",
            ["csv:idCard", "csv['Card No.']", "csv:姓名", "csv:mobile"],
        ),
        (
            "/book",
            [
                "xlsx:1:idCard",
                "xlsx:1['Card No.']",
                "xlsx:1:姓名",
                "xlsx:1:mobile",
            ],
        ),
        (
            "/upload",
            [
                "form:list:csv:idCard",
                "form:list:csv['Card No.']",
                "form:list:csv:姓名",
                "form:list:csv:mobile",
            ],
        ),
        (
            "/lines",
            [
                "$[*][*:idCard]",
                "$[*][*:'Card No.']",
                "$[*][*:姓名]",
                "$[*][*:mobile]",
            ],
        ),
        (
            "/rows",
            [
                "$.rows[*][*:idCard]",
                "$.rows[*][*:'Card No.']",
                "$.rows[*][*:姓名]",
                "$.rows[*][*:mobile]",
            ],
        ),
    ] {
        for (class, field) in ["cn-id", "bank-card", "name", "cn-mobile"].iter().zip(of) {
            assert_eq!(e.fields(route, class), [field], "{route} {class}");
        }
    }
    // every value of every person in each of five bodies, at the place where its text has it, and nothing else
    let found = e.rows(&["findings", "dir:*"]);
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for f in &found {
        let (class, value) = (f["class"].as_str().unwrap(), f["value"].as_str().unwrap());
        *seen.entry((class.into(), value.into())).or_default() += 1;
    }
    let want: BTreeMap<(String, String), usize> = (e.people.iter())
        .flat_map(|p| {
            [
                ("cn-id", &p.cn_id),
                ("bank-card", &p.card),
                ("name", &p.name),
                ("cn-mobile", &p.mobile),
            ]
        })
        .map(|(class, v)| ((class.to_owned(), v.clone()), 5))
        .collect();
    let strange: Vec<_> = seen
        .iter()
        .filter(|(k, n)| want.get(*k) != Some(n))
        .collect();
    assert!(
        strange.is_empty() && seen.len() == want.len(),
        "{strange:?}"
    );
}

/// What the investigator decides of a column holds over loads, named by its heading or, where that is one, by its number; the case
/// verifies, and a copy without values goes on telling columns by their headings.
#[test]
fn corrections_verify_and_share_copies_go_by_headings() {
    let e = exports();
    let load = |file: &str| {
        let out = e.run(&["load", file]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(0), "{said}");
    };
    load(&e.path("a.pcap"));
    let correct = |target: &str, kind: &str| {
        let case = e.dir.path().join("c.ltc");
        correct::decide(&case, &correct::With::default(), |conn| {
            marks::correct(conn, kind, target, "")
        })
        .unwrap();
    };
    assert_eq!(e.rows(&["verify"]).last().unwrap()["failed"], 0);
    correct("csv['Card No.'] bank-card", "class-off");
    correct("$.rows[*][*:idCard] cn-id", "class-off");
    // columns stood elsewhere in each export: no number is a name of theirs
    correct("csv:1 cn-mobile", "class-off");
    let check = || {
        assert!(e.fields("/export", "bank-card").is_empty());
        assert!(e.fields("/rows", "cn-id").is_empty());
        assert_eq!(e.fields("/export", "cn-mobile"), ["csv:mobile"]);
        assert_eq!(e.fields("/book", "bank-card"), ["xlsx:1['Card No.']"]);
    };
    check();
    // one more load, of a table whose columns always stand in the same place
    let mut wire = Wire::new(
        std::fs::File::create(e.path("b.pcap")).unwrap(),
        1_700_000_900_000_000_000,
    )
    .unwrap();
    for (port, part) in (50_000..).zip(e.people.chunks(20)) {
        let mut c = wire
            .open(([10, 0, 0, 9].into(), port), ([10, 0, 1, 1].into(), 80))
            .unwrap();
        let text = part.iter().fold(String::from("name,phone\n"), |s, p| {
            s + &format!("{},{}\n", p.name, p.mobile)
        });
        let media = [("Content-Type", "text/csv")];
        let (asked, body) = (
            request("GET", "crm.example", "/fixed", &[], b""),
            response("200 OK", &media, text.as_bytes()),
        );
        wire.exchange(&mut c, &asked, &body).unwrap();
        wire.close(&mut c).unwrap();
    }
    drop(wire);
    load(&e.path("b.pcap"));
    check();
    assert_eq!(e.fields("/fixed", "cn-mobile"), ["csv:phone"]);
    correct("csv:2 cn-mobile", "class-off");
    assert!(e.fields("/fixed", "cn-mobile").is_empty());
    check();
    assert_eq!(e.rows(&["verify"]).last().unwrap()["failed"], 0);

    // a row of a table is one record, and a place leads to it
    let p = &e.people[5];
    let all = e.rows(&["findings"]);
    let place = |f: &Value| f["where"].as_str().unwrap().to_owned();
    let f = (all.iter())
        .find(|f| f["value"] == p.mobile.as_str() && place(f).starts_with("csv:"))
        .unwrap();
    let calls = e.rows(&["calls", &format!("where:/^{}$/", place(f))]);
    assert!(calls.iter().any(|c| c["id"] == f["call"]));
    let beside = |g: &&Value| g["call"] == f["call"] && g["record"] == f["record"];
    let beside: BTreeSet<&str> = (all.iter().filter(beside))
        .map(|g| g["value"].as_str().unwrap())
        .collect();
    let row = [&p.cn_id, &p.mobile, &p.name].map(String::as_str);
    assert_eq!(beside, row.into());

    let copy = e.path("copy.ltc");
    let out = e.run(&["share", "-o", &copy]);
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let conn = rusqlite::Connection::open(&copy).unwrap();
    let mut stmt = conn
        .prepare("SELECT v FROM term WHERE v LIKE 'csv%'")
        .unwrap();
    let fields: BTreeSet<String> = stmt
        .query_map([], |r| r.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(
        fields.contains("csv:idCard") && fields.contains("csv:姓名"),
        "{fields:?}"
    );
}

/// The verb says of one field, in one API or in all, which class it holds; that is kept over loads, verifies, and is taken back.
#[test]
fn the_class_of_a_field_is_corrected_by_a_verb() {
    let e = exports();
    let run = |args: &[&str], want: i32| {
        let out = e.run(args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(want), "{args:?}: {said}");
        said
    };
    run(&["load", &e.path("a.pcap")], 0);
    let api = e.rows(&["apis"]);
    let api = api.iter().find(|a| a["route"] == "/export").unwrap();
    let api = api["api"].as_str().unwrap().to_owned();
    let card = "csv['Card No.']";
    let everywhere = e.fields("/book", "bank-card");
    assert_eq!(e.fields("/export", "bank-card"), [card]);
    run(
        &[
            "correct",
            "class",
            card,
            "bank-card",
            "--not",
            "--api",
            &api,
        ],
        0,
    );
    assert!(e.fields("/export", "bank-card").is_empty());
    assert_eq!(e.fields("/book", "bank-card"), everywhere);
    // another name of the API does not lose it
    run(&["correct", "rename", &api, "GET the export"], 0);
    assert!(e.fields("/export", "bank-card").is_empty());
    assert_eq!(e.rows(&["verify"]).last().unwrap()["failed"], 0);
    let kept = e.rows(&["correct", "list"]);
    assert!(kept.iter().any(|c| c["kind"] == "class-off"), "{kept:?}");
    // it holds it after all: the last word counts, and is taken back
    run(&["correct", "class", card, "bank-card"], 0);
    assert_eq!(e.fields("/export", "bank-card"), [card]);
    run(&["correct", "undo"], 0);
    assert!(e.fields("/export", "bank-card").is_empty());
    run(&["correct", "undo"], 0);
    run(&["correct", "undo"], 0);
    assert_eq!(e.fields("/export", "bank-card"), [card]);
    // what holds again after another was taken back is no later word than it was
    run(&["correct", "class", card, "bank-card", "--not"], 0);
    run(&["correct", "class", card, "bank-card"], 0);
    run(&["correct", "class", card, "bank-card", "--not"], 0);
    assert!(e.fields("/export", "bank-card").is_empty());
    run(&["correct", "undo"], 0);
    assert_eq!(e.fields("/export", "bank-card"), [card]);
    assert_eq!(e.rows(&["verify"]).last().unwrap()["failed"], 0);
    // instead of another: one row says both
    let phone = e.fields("/export", "cn-mobile");
    let said = run(
        &[
            "correct",
            "class",
            &phone[0],
            "iban",
            "--instead",
            "cn-mobile",
        ],
        2,
    );
    assert!(said.contains("cn-mobile"), "{said}");
    run(&["correct", "class", "csv:nothing", "iban"], 2);
}
