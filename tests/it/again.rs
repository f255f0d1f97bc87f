//! Findings derived again: what a changed byte, other rules, or a document inside a value do to what a case says.

use crate::support::{people, random::Random, wire};
use base64::Engine as _;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Desk {
    dir: tempfile::TempDir,
    case: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("c.ltc");
        Desk { dir, case }
    }
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .arg("--case")
            .arg(&self.case)
            .env("XDG_STATE_HOME", self.dir.path())
            .output()
            .unwrap()
    }
    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.run(&[args, &["--json"]].concat());
        assert!(out.status.code() < Some(4), "{out:?}");
        String::from_utf8(out.stdout)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }
    fn load(&self, args: &[&str]) -> String {
        let out = self.run(&[&["load"], args].concat());
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        String::from_utf8(out.stderr).unwrap()
    }
    fn capture(&self, name: &str, calls: &[(&str, Option<&str>, String)]) -> String {
        let path = self.dir.path().join(name);
        let mut w = wire::Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
        let port = 40_000 + name.len() as u16;
        let mut c = w
            .open(
                (Ipv4Addr::new(10, 8, 0, 5), port),
                (Ipv4Addr::new(10, 9, 0, 1), 80),
            )
            .unwrap();
        for (target, user, body) in calls {
            let basic = user.map(|u| {
                let pair = format!("{u}:Tr0ub4dor-and-3");
                format!(
                    "Basic {}",
                    base64::engine::general_purpose::STANDARD.encode(pair)
                )
            });
            let headers: Vec<(&str, &str)> =
                basic.iter().map(|b| ("Authorization", &b[..])).collect();
            let request = wire::request("GET", "crm.example", target, &headers, b"");
            let json = [("Content-Type", "application/json")];
            let response = wire::response("200 OK", &json, body.as_bytes());
            w.exchange(&mut c, &request, &response).unwrap();
        }
        w.close(&mut c).unwrap();
        std::fs::write(&path, w.into_inner()).unwrap();
        path.to_str().unwrap().to_owned()
    }
    /// Changes one byte of what the case keeps: that of `what` which `at` picks, in the only place where it stands.
    fn flip(&self, what: &str, at: usize, to: u8) {
        let conn = rusqlite::Connection::open(&self.case).unwrap();
        let packs: Vec<(i64, i64, Vec<u8>)> = conn
            .prepare("SELECT id,len,data FROM pack")
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut changed = 0;
        for (id, len, data) in packs {
            let mut bytes = zstd::bulk::decompress(&data, len as usize).unwrap();
            let Some(from) = memchr::memmem::find(&bytes, what.as_bytes()) else {
                continue;
            };
            assert_ne!(bytes[from + at], to);
            bytes[from + at] = to;
            assert_eq!(memchr::memmem::find(&bytes, what.as_bytes()), None, "twice");
            let data = zstd::bulk::compress(&bytes, 3).unwrap();
            conn.execute("UPDATE pack SET data=?2 WHERE id=?1", (id, data))
                .unwrap();
            changed += 1;
        }
        assert_eq!(changed, 1, "{what}");
    }
    /// What `verify` says does not hold, as kind, name and id.
    fn faults(&self, args: &[&str]) -> Vec<String> {
        let mut rows = self.rows(&[&["verify"], args].concat());
        let sum = rows.pop().unwrap();
        rows.retain(|r| r["ok"] == false);
        assert_eq!(sum["failed"], rows.len());
        rows.iter()
            .map(|r| {
                let (kind, name) = r.as_object().unwrap().iter().next().unwrap();
                let name = name.as_str().unwrap();
                match kind.as_str() {
                    "finding" => format!("{name} in {}", r["id"].as_str().unwrap()),
                    "body" => "body".into(),
                    _ => kind.clone(),
                }
            })
            .collect()
    }
}

fn person(p: &people::Person) -> String {
    format!(
        r#"{{"name":"{}","idCard":"{}","mobile":"{}"}}"#,
        p.name, p.cn_id, p.mobile
    )
}

#[test]
fn a_changed_byte_undoes_the_findings_that_rest_on_it_and_no_other() {
    let mut r = Random::new(8);
    let (a, b) = (people::person(&mut r), people::person(&mut r));
    let calls = [
        (
            format!("/people?phone={}", a.mobile),
            Some("alice"),
            person(&a),
        ),
        ("/people/2".to_owned(), Some("bob"), person(&b)),
        ("/people/3".to_owned(), Some("bob"), person(&b)),
    ];
    let calls: Vec<_> = calls
        .iter()
        .map(|(t, u, b)| (&t[..], *u, b.clone()))
        .collect();
    let ids = |d: &Desk| -> Vec<String> {
        d.rows(&["calls"])
            .iter()
            .map(|c| c["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let desk = || {
        let d = Desk::new();
        d.load(&[&d.capture("a.pcap", &calls)]);
        assert!(d.faults(&[]).is_empty());
        d
    };

    // The number in a request target: that call's, and not the same number in the body.
    let d = desk();
    let to = if a.mobile.ends_with('1') { b'2' } else { b'1' };
    d.flip(&format!("?phone={}", a.mobile), 17, to);
    let first = ids(&d).remove(0);
    let place = "query:phone cn-mobile";
    let and_the_call = |place: &str| -> Vec<String> {
        let finding = format!("{place} in {first}");
        vec![finding.clone(), finding, "call".to_owned()]
    };
    assert_eq!(d.faults(&[]), and_the_call(place));
    let rows = d.rows(&["verify"]);
    let why = rows[2]["why"].as_str().unwrap();
    assert_eq!(rows[2]["call"], first);
    assert_eq!(why, "its heads are not those of the evidence");
    assert!(rows[0]["why"].as_str().unwrap().contains("not found again"));
    assert!(rows[1]["why"].as_str().unwrap().contains("was not stored"));

    // The password of one of two calls that send the same one.
    let d = desk();
    let alice = base64::engine::general_purpose::STANDARD.encode("alice:Tr0ub4dor-and-3");
    let other = base64::engine::general_purpose::STANDARD.encode("alice:Tr0ub4dor-and-4");
    let last = alice.len() - 1;
    assert_eq!(alice[..last], other[..last]);
    d.flip(&alice, last, other.as_bytes()[last]);
    let place = "header:authorization password";
    assert_eq!(d.faults(&[]), and_the_call(place));

    // A digit of an identity number, whose check then fails: the body has another hash, the number is not found again. The
    // body was answered twice and is named by the first call; the other values of its record hold.
    let d = desk();
    let to = if b.cn_id.as_bytes()[16] == b'5' {
        b'6'
    } else {
        b'5'
    };
    d.flip(&b.cn_id, 16, to);
    let second = ids(&d).remove(1);
    assert_eq!(
        d.faults(&[]),
        ["body".to_owned(), format!("$.idCard cn-id in {second}")]
    );
}

const BADGE: &str = r#"
[[class]]
id = "badge"
level = 2
regex = 'B-\d{6}'
"#;

#[test]
fn other_rules_are_said_and_a_body_met_again_is_searched_with_them() {
    let d = Desk::new();
    let body = r#"{"door":"east","badge":"B-104233"}"#.to_owned();
    let a = d.capture("a.pcap", &[("/doors/1", Some("alice"), body.clone())]);
    let bb = d.capture("bb.pcap", &[("/doors/1", Some("bob"), body)]);
    let rules = d.dir.path().join("my.toml");
    std::fs::write(&rules, BADGE).unwrap();
    let mine = ["--rules", rules.to_str().unwrap()];

    let said = d.load(&[&a]);
    assert!(!said.contains("other rules"), "{said}");
    let said = d.load(&[&[&bb[..]], &mine[..]].concat());
    assert!(
        said.contains(
            "were searched again with these rules, 1 of them hold other findings now: badge +1 -0"
        ),
        "{said}"
    );
    assert!(!said.contains("other rules"), "{said}");
    let mut found = d.rows(&["findings", "class:badge"]);
    found.retain(|f| f["class"] == "badge");
    let users: Vec<Value> = d.rows(&["calls", "class:badge"]);
    assert_eq!((found.len(), users.len()), (2, 2), "{found:?}");
    // what was searched again is traced, and derived again, as if it had been loaded so
    let traced = d.rows(&["trace", "--value", "B-104233"]);
    assert_eq!(
        traced[0]["suspects"].as_array().map(Vec::len),
        Some(2),
        "{traced:?}"
    );
    assert_eq!(
        d.faults(&mine),
        [""; 0],
        "{:?}",
        d.rows(&[&["verify"], &mine[..]].concat())
    );
    let diags = |d: &Desk| -> Vec<Value> {
        d.rows(&["sources"])
            .iter()
            .map(|s| s["diags"]["other-rules"].clone())
            .collect()
    };
    assert_eq!(diags(&d), [Value::Null, Value::Null]);

    // What was searched with other rules cannot be derived again with these: said once a source, not finding by finding.
    assert_eq!(d.faults(&[]), ["source", "source"]);

    // A load that names no rules leaves the case as it is, and says so.
    let said = d.load(&[&a]);
    assert!(said.contains("2 of the sources"), "{said}");
    assert_eq!(diags(&d), [Value::from(1), Value::from(1)]);

    // Edited while the case is there: only what the rules no longer say goes.
    std::fs::write(&rules, BADGE.replace("{6}", "{7}")).unwrap();
    let said = d.load(&[&[&a[..]], &mine[..]].concat());
    assert!(said.contains("badge +0 -2"), "{said}");
    assert!(d.rows(&["findings", "class:badge"]).is_empty());
    assert_eq!(diags(&d), [Value::Null, Value::Null]);
}

#[test]
fn a_value_inside_a_document_inside_a_value_is_shown_alone() {
    let mut r = Random::new(3);
    let p = people::person(&mut r);
    let inner = base64::engine::general_purpose::STANDARD.encode(person(&p));
    let d = Desk::new();
    d.load(&[&d.capture(
        "a.pcap",
        &[(
            "/people/1",
            Some("alice"),
            format!(r#"{{"payload":"{inner}"}}"#),
        )],
    )]);
    let found = d.rows(&["findings", "class:cn-id", "--reveal"]);
    let id = found
        .iter()
        .find(|f| f["class"] == "cn-id")
        .unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(id["value"], p.cn_id.as_str());
    let mut asked = vec![vec!["trace", "--account", "alice", "--reveal"]];
    let record = id["record"].as_str();
    asked.extend(record.map(|r| vec!["trace", "--record", r, "--reveal"]));
    for args in asked {
        let trails = d.rows(&args)[0]["trails"].clone();
        let name = trails[0]["record"].as_str().unwrap_or_default().to_owned();
        assert!(
            name.contains(&p.cn_id) && !name.contains('{'),
            "{args:?}: {trails}"
        );
    }
}

#[test]
fn findings_are_a_view_that_masks() {
    let mut r = Random::new(4);
    let p = people::person(&mut r);
    let d = Desk::new();
    d.load(&[&d.capture("a.pcap", &[("/people/1", Some("alice"), person(&p))])]);
    let select = "SELECT call, dir, \"where\", class, level, form, masked, conf, value, record FROM findings";
    let rows = |args: &[&str]| -> Vec<Value> {
        let mut rows = d.rows(args);
        for r in &mut rows {
            let r = r.as_object_mut().unwrap();
            r.remove("locator");
            // SQLite has no type of its own for yes and no.
            let masked = r["masked"] == true || r["masked"] == 1;
            r.insert("masked".into(), masked.into());
        }
        rows
    };
    let by_sql = rows(&["sql", select]);
    assert!(by_sql.len() >= 4, "{by_sql:?}");
    assert_eq!(by_sql, rows(&["findings"]));
    let all = serde_json::to_string(&by_sql).unwrap();
    for clear in [&p.cn_id, &p.mobile, &p.name] {
        assert!(!all.contains(clear.as_str()), "{clear} in {all}");
    }
    let clear = rows(&["sql", select, "--reveal"]);
    assert_eq!(clear, rows(&["findings", "--reveal"]));
    assert!(serde_json::to_string(&clear).unwrap().contains(&p.cn_id));
    let counted = d.rows(&[
        "sql",
        "SELECT class, count(*) AS n FROM findings WHERE dir='resp' GROUP BY 1 ORDER BY 1",
    ]);
    assert_eq!(counted[0], serde_json::json!({"class":"cn-id","n":1}));
    assert_eq!(
        d.run(&["sql", "SELECT facts FROM body"]).status.code(),
        Some(2)
    );
}
