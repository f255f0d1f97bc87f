//! `verify` under one changed byte at a time: places are chosen by seed in evidence, stored bodies, findings, rows of calls, the
//! journal, and what the investigator wrote. It must name just that thing, and what depends on it, and nothing else.

use crate::support::people::{self, Person};
use crate::support::random::Random;
use crate::support::wire::{self, Wire};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A case, its evidence, and copies of both for each change.
struct Desk {
    dir: tempfile::TempDir,
}

const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .current_dir(self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(0), "{args:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    }
    /// Exit status and what does not hold: kind and id (the name, where the id is of the call that shows it).
    fn verify(&self, case: &str) -> (i32, Vec<(String, String, Value)>) {
        let out = self.run(&["verify", "--json", "--case", case]);
        let text = String::from_utf8(out.stdout).unwrap();
        let rows: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let (sum, rows) = rows.split_last().expect("a sum");
        let rows: Vec<_> = rows
            .iter()
            .filter(|r| r["ok"] == false)
            .map(|r| {
                let (kind, name) = r.as_object().unwrap().iter().next().unwrap();
                (kind.clone(), name.as_str().unwrap().to_owned(), r.clone())
            })
            .collect();
        assert_eq!(sum["failed"], rows.len(), "{text}");
        (out.status.code().unwrap(), rows)
    }
    /// A copy of the case with one thing changed.
    fn changed(&self, change: impl FnOnce(&Connection)) -> Vec<(String, String, Value)> {
        std::fs::copy(self.path("c.ltc"), self.path("x.ltc")).unwrap();
        let conn = Connection::open(self.path("x.ltc")).unwrap();
        change(&conn);
        drop(conn);
        let (code, rows) = self.verify("x.ltc");
        assert_eq!(code, if rows.is_empty() { 0 } else { 3 });
        rows
    }
}

/// Two captures and a log; calls, marks, corrections, reports.
fn desk(r: &mut Random) -> (Desk, Vec<Person>) {
    let d = Desk {
        dir: tempfile::tempdir().unwrap(),
    };
    let people: Vec<Person> = (0..24).map(|_| people::person(r)).collect();
    for (n, part) in people.chunks(12).enumerate() {
        let mut w = Wire::new(
            Vec::new(),
            1_700_000_000_000_000_000 + n as i64 * 60_000_000_000,
        )
        .unwrap();
        for (i, who) in part.iter().enumerate() {
            let name = NAMES[(n * 7 + i) % NAMES.len()];
            let client = (
                [10, 1, 0, 10 + (i % 4) as u8],
                40_000 + (n * 100 + i) as u16,
            );
            let mut c = w
                .open((client.0.into(), client.1), ([10, 2, 0, 1].into(), 80))
                .unwrap();
            let token = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                format!("{name}:Tr0ub4dor-and-{name}"),
            );
            let auth = format!("Basic {token}");
            let target = format!("/people/{}?phone={}", 1000 + n * 100 + i, who.mobile);
            let request = wire::request(
                "GET",
                "crm.example",
                &target,
                &[("Authorization", &auth)],
                b"",
            );
            let body = format!(
                r#"{{"name":"{}","idCard":"{}","mobile":"{}"}}"#,
                who.name, who.cn_id, who.mobile
            );
            let json = [("Content-Type", "application/json")];
            let response = wire::response("200 OK", &json, body.as_bytes());
            w.exchange(&mut c, &request, &response).unwrap();
            w.close(&mut c).unwrap();
        }
        std::fs::write(d.path(&format!("{n}.pcap")), w.into_inner()).unwrap();
    }
    let lines: String = (0..8)
        .map(|i| {
            format!(
                "10.9.0.{i} - erin [10/Oct/2026:13:55:{:02} +0000] \"GET /export/{i} HTTP/1.1\" 200 5{i}\n",
                10 + i
            )
        })
        .collect();
    std::fs::write(d.path("a.log"), lines).unwrap();
    d.ok(&[
        "load",
        "0.pcap",
        "1.pcap",
        "a.log",
        "--inside",
        "10.0.0.0/8",
        "--profile",
        "jrt-0197-2020",
        "--case",
        "c.ltc",
    ]);
    d.ok(&[
        "info",
        "--number",
        "2026-7",
        "--examiner",
        "kim",
        "--case",
        "c.ltc",
    ]);
    let conn = leaktrace::case::open_notebook(&d.path("c.ltc")).unwrap();
    use leaktrace::case::marks;
    marks::add(&conn, "account:bob", "mark", "").unwrap();
    marks::add(&conn, "account:alice", "note", "asked on Tuesday").unwrap();
    marks::add(&conn, "api:GET crm.example/people/{id}", "tag", "walk").unwrap();
    marks::save(&conn, "big", "filter", "size>1M").unwrap();
    drop(conn);
    std::fs::write(
        d.path("clue.csv"),
        people
            .iter()
            .take(6)
            .map(|p| format!("{},{}\n", p.name, p.cn_id))
            .collect::<String>(),
    )
    .unwrap();
    d.ok(&[
        "report", "-o", "r.html", "--clue", "clue.csv", "--case", "c.ltc",
    ]);
    d.ok(&[
        "report",
        "-o",
        "r.md",
        "--account",
        "bob",
        "--case",
        "c.ltc",
    ]);
    d.ok(&[
        "export", "--format", "csv", "-o", "o.csv", "--case", "c.ltc",
    ]);
    // what is copied is all there is
    let conn = Connection::open(d.path("c.ltc")).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    conn.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))
        .unwrap();
    drop(conn);
    (d, people)
}

fn flip(bytes: &mut [u8], at: usize, r: &mut Random) {
    bytes[at] ^= 1 << r.below(8);
}

/// Changes one bit of a blob or text of one row that the seed picks.
fn flip_cell(conn: &Connection, table: &str, column: &str, r: &mut Random) -> i64 {
    let ids: Vec<i64> = conn
        .prepare(&format!(
            "SELECT rowid FROM {table} WHERE length({column})>0 ORDER BY rowid"
        ))
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let id = *r.pick(&ids);
    let blob: Vec<u8> = conn
        .query_row(
            &format!("SELECT CAST({column} AS BLOB) FROM {table} WHERE rowid=?1"),
            [id],
            |row| row.get(0),
        )
        .unwrap();
    let text: bool = conn
        .query_row(
            &format!("SELECT typeof({column})='text' FROM {table} WHERE rowid=?1"),
            [id],
            |row| row.get(0),
        )
        .unwrap();
    let mut bytes = blob.clone();
    let at = r.below(bytes.len() as u64) as usize;
    if text {
        // stays text: another letter or digit
        bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
        let s = String::from_utf8_lossy(&bytes).into_owned();
        conn.execute(
            &format!("UPDATE {table} SET {column}=?2 WHERE rowid=?1"),
            (id, s),
        )
        .unwrap();
    } else {
        flip(&mut bytes, at, r);
        conn.execute(
            &format!("UPDATE {table} SET {column}=?2 WHERE rowid=?1"),
            (id, bytes),
        )
        .unwrap();
    }
    id
}

fn kinds(rows: &[(String, String, Value)]) -> BTreeSet<&str> {
    rows.iter().map(|r| r.0.as_str()).collect()
}

fn call_name(conn: &Connection, id: i64) -> String {
    leaktrace::case::ids::of_call(conn, id).unwrap().unwrap()
}

#[test]
fn one_changed_byte_of_a_case_names_that_thing() {
    let mut r = Random::new(2026);
    let (d, _) = desk(&mut r);
    let (code, rows) = d.verify("c.ltc");
    assert_eq!((code, rows.len()), (0, 0), "{rows:?}");
    assert!(
        !std::fs::read_dir(d.dir.path()).unwrap().any(|f| f
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("verify")),
        "the scratch case is gone"
    );

    // A pack of bodies and heads: what lies in it, and nothing that does not.
    for _ in 0..3 {
        let rows = d.changed(|c| {
            flip_cell(c, "pack", "data", &mut r);
        });
        assert!(!rows.is_empty());
        assert!(
            kinds(&rows).is_subset(&["body", "call", "finding"].into()),
            "{rows:?}"
        );
    }
    // A blob of findings: findings, all of one call.
    for (table, column) in [
        ("body", "facts"),
        ("body", "facts"),
        ("call", "req_facts"),
        ("call", "req_facts"),
    ] {
        let mut calls: Vec<String> = Vec::new();
        let rows = d.changed(|c| {
            let id = flip_cell(c, table, column, &mut r);
            let sql = match table {
                "body" => "SELECT id FROM call WHERE resp_body_id=?1 OR req_body_id=?1",
                _ => "SELECT ?1",
            };
            let call: i64 = c.query_row(sql, [id], |row| row.get(0)).unwrap();
            calls.push(call_name(c, call));
        });
        assert!(!rows.is_empty(), "{table}.{column}");
        // the index of prints may miss what the blob says now
        assert!(
            kinds(&rows).is_subset(&["finding", "database"].into()),
            "{rows:?}"
        );
        for f in rows.iter().filter(|f| f.0 == "finding") {
            assert_eq!(f.2["id"], calls[0].as_str(), "{rows:?}");
        }
    }
    // One field of one call, and it is that call alone.
    for set in [
        "status=404",
        "host_id=method_id",
        "uri=uri||'x'",
        "sport=sport+1",
        "ts=ts+1",
        "resp_content_len=resp_content_len+1",
        "flags=flags+1",
        "head_len=head_len-1",
        "unit1=unit1+1",
    ] {
        let mut name = String::new();
        let rows = d.changed(|c| {
            let id = 1 + r.below(24) as i64;
            name = call_name(c, id);
            c.execute(&format!("UPDATE call SET {set} WHERE id=?1"), [id])
                .unwrap();
        });
        let own: Vec<_> = rows.iter().filter(|x| x.0 == "call").collect();
        assert_eq!(
            (own.len(), own[0].1.as_str()),
            (1, name.as_str()),
            "{set}: {rows:?}"
        );
        // (c) what a changed head no longer holds is a finding of that call
        assert!(
            rows.iter()
                .all(|x| x.0 == "call" || x.0 == "finding" && x.2["id"] == name.as_str()),
            "{set}: {rows:?}"
        );
    }
    for set in [
        "account_id=(SELECT a.id FROM account a WHERE a.id<>account_id ORDER BY id LIMIT 1)",
        "level=4-level",
        "records=records+1",
        "session_id=NULL",
    ] {
        let mut name = String::new();
        let rows = d.changed(|c| {
            let id = 1 + r.below(24) as i64;
            name = call_name(c, id);
            c.execute(
                &format!("UPDATE call_fact SET {set} WHERE call_id=?1"),
                [id],
            )
            .unwrap();
        });
        let all: Vec<_> = rows.iter().map(|x| (x.0.as_str(), x.1.as_str())).collect();
        assert_eq!(all, [("call", name.as_str())], "{set}");
    }
    // Facts by their names.
    for (sql, kind, name) in [
        (
            "UPDATE account SET records=records+1 WHERE name='bob'",
            "account",
            "bob",
        ),
        (
            "UPDATE api SET calls=calls-1 WHERE name='GET crm.example/people/{id}'",
            "api",
            "GET crm.example/people/{id}",
        ),
        ("DELETE FROM account WHERE name='erin'", "account", "erin"),
    ] {
        let rows = d.changed(|c| assert_eq!(c.execute(sql, []).unwrap(), 1));
        assert!(
            rows.iter().any(|x| x.0 == kind && x.1 == name),
            "{sql}: {rows:?}"
        );
    }
    // The index of prints, by which a trace sees values.
    let rows = d.changed(|c| assert!(c.execute("DELETE FROM posting", []).unwrap() > 0));
    assert_eq!(kinds(&rows), ["database"].into());

    // The journal, each row and column; its end.
    let n: i64 = Connection::open(d.path("c.ltc"))
        .unwrap()
        .query_row("SELECT max(seq) FROM journal", [], |row| row.get(0))
        .unwrap();
    assert!(n >= 11);
    for column in ["detail", "who", "act", "hash", "at"] {
        let seq = 1 + r.below(n as u64) as i64;
        let rows = d.changed(|c| {
            let sql = match column {
                "at" => "UPDATE journal SET at=at+1 WHERE seq=?1".to_owned(),
                "hash" => "UPDATE journal SET hash=zeroblob(32) WHERE seq=?1".to_owned(),
                _ => format!("UPDATE journal SET {column}='x'||substr({column},2) WHERE seq=?1"),
            };
            c.execute(&sql, [seq]).unwrap();
        });
        let all: Vec<_> = rows.iter().map(|x| (x.0.as_str(), x.1.clone())).collect();
        assert_eq!(all, [("journal", seq.to_string())], "{column}");
    }
    let rows = d.changed(|c| {
        c.execute("DELETE FROM journal WHERE seq>?1", [n - 2])
            .unwrap();
    });
    assert_eq!(
        (rows.len(), rows[0].0.as_str(), rows[0].1.clone()),
        (1, "journal", n.to_string())
    );

    // What all prints are made with, what the investigator chose to grade by and called inside.
    for (key, to) in [
        ("print_key", "00112233445566778899aabbccddeeff"),
        ("inside", "10.1.0.0/16"),
    ] {
        let rows = d.changed(|c| {
            let n = c.execute("UPDATE info SET v=?2 WHERE key=?1", [key, to]);
            assert_eq!(n.unwrap(), 1, "{key}");
        });
        let named = |x: &&(String, String, Value)| x.0 == "info" && x.1 == key;
        assert_eq!(rows.iter().filter(named).count(), 1, "{key}: {rows:?}");
    }
    let rows = d.changed(|c| {
        let n = c.execute(
            "UPDATE info SET v=replace(v,'2020','2021') WHERE key='profile'",
            [],
        );
        assert_eq!(n.unwrap(), 1);
    });
    assert_eq!(kinds(&rows), ["info"].into(), "{rows:?}");
    let rows = d.changed(|c| {
        c.execute("DELETE FROM info WHERE key='profile'", [])
            .unwrap();
    });
    assert!(
        rows.iter().any(|x| x.0 == "info" && x.1 == "profile"),
        "{rows:?}"
    );

    // Marks, notes, tags, filters, settings.
    for (sql, kind) in [
        (
            "UPDATE mark SET v='asked on Friday!' WHERE kind='note'",
            "note",
        ),
        ("UPDATE mark SET at=at+1 WHERE kind='tag'", "tag"),
        (
            "UPDATE mark SET target='account:eve' WHERE kind='mark'",
            "mark",
        ),
        ("DELETE FROM mark WHERE kind='mark'", "mark"),
        (
            "INSERT INTO mark(target,kind,v,at,seq) VALUES('account:eve','note','guilty',1,3)",
            "note",
        ),
        ("UPDATE saved SET v='size>2M'", "filter"),
        ("UPDATE info SET v='2026-8' WHERE key='number'", "info"),
        (
            "INSERT INTO correction(kind,target,v,seq) VALUES('class-off','x','',9)",
            "correction",
        ),
    ] {
        let rows = d.changed(|c| assert_eq!(c.execute(sql, []).unwrap(), 1));
        assert_eq!(kinds(&rows), [kind].into(), "{sql}: {rows:?}");
    }
}

/// Changes one byte of a file for the time of `then`.
fn with_byte<T>(path: &Path, at: usize, to: u8, then: impl FnOnce() -> T) -> T {
    let was = std::fs::read(path).unwrap();
    let mut now = was.clone();
    assert_ne!(now[at], to);
    now[at] = to;
    std::fs::write(path, now).unwrap();
    let out = then();
    std::fs::write(path, was).unwrap();
    out
}

#[test]
fn one_changed_byte_of_evidence_undoes_what_rests_on_it() {
    let mut r = Random::new(7);
    let (d, people) = desk(&mut r);
    let bytes = std::fs::read(d.path("0.pcap")).unwrap();
    let conn = Connection::open(d.path("c.ltc")).unwrap();
    let mut calls: Vec<String> = Vec::new();
    for id in 1..=24 {
        calls.push(call_name(&conn, id));
    }
    drop(conn);
    // A digit inside an identity number in the answer to one call: that source, that call, that number, and nobody else's values.
    for n in [0usize, 3, 8, 11] {
        let who = &people[n];
        let at = memchr::memmem::rfind(&bytes, who.cn_id.as_bytes()).unwrap() + 16;
        // another digit: the number is then none, and the document is one as before
        let to = if bytes[at] == b'5' { b'6' } else { b'5' };
        let (code, rows) = with_byte(&d.path("0.pcap"), at, to, || d.verify("c.ltc"));
        assert_eq!(code, 3);
        assert!(
            rows.iter()
                .any(|x| x.0 == "source" && x.1.ends_with("0.pcap")),
            "{rows:?}"
        );
        let named: BTreeSet<&str> = rows
            .iter()
            .filter(|x| x.0 == "call")
            .map(|x| x.1.as_str())
            .collect();
        assert_eq!(named.len(), 1, "{rows:?}");
        let call = named.first().unwrap().to_string();
        let found: Vec<_> = rows.iter().filter(|x| x.0 == "finding").collect();
        assert!(!found.is_empty());
        for f in &found {
            assert_eq!(f.2["id"], call.as_str(), "{rows:?}");
            assert_eq!(f.1, "$.idCard cn-id", "{rows:?}");
        }
        // and no source but that one
        assert_eq!(rows.iter().filter(|x| x.0 == "source").count(), 1);
    }
    // Anywhere: it is the source that is named, and no row of another source.
    let other = &calls[23][..12];
    for _ in 0..6 {
        let at = r.below(bytes.len() as u64) as usize;
        let to = bytes[at] ^ 1 << r.below(8);
        let (code, rows) = with_byte(&d.path("0.pcap"), at, to, || d.verify("c.ltc"));
        assert_eq!(code, 3, "byte {at}");
        let sources: Vec<_> = rows.iter().filter(|x| x.0 == "source").collect();
        assert_eq!(sources.len(), 1, "byte {at}: {rows:?}");
        assert!(sources[0].1.ends_with("0.pcap"));
        for x in rows.iter().filter(|x| x.0 == "finding") {
            assert!(
                !x.2["id"].as_str().unwrap().starts_with(other),
                "byte {at}: {rows:?}"
            );
        }
        assert!(
            !rows
                .iter()
                .any(|x| ["body", "journal", "database", "note", "mark"].contains(&x.0.as_str())),
            "byte {at}: {rows:?}"
        );
    }
    // The answer of a report no longer follows where the leaked rows are others in the evidence.
    let mut now = bytes.clone();
    for who in people.iter().take(6) {
        let at = memchr::memmem::rfind(&now, who.cn_id.as_bytes()).unwrap();
        now[at + 3] = if now[at + 3] == b'1' { b'2' } else { b'1' };
    }
    std::fs::write(d.path("0.pcap"), now).unwrap();
    let (_, rows) = d.verify("c.ltc");
    assert!(rows.iter().any(|x| x.0 == "verdict"), "{rows:?}");
    std::fs::write(d.path("0.pcap"), &bytes).unwrap();
    assert_eq!(d.verify("c.ltc").0, 0);
    // Evidence that is away: told, and what follows from the rest is derived all the same.
    std::fs::rename(d.path("0.pcap"), d.path("gone")).unwrap();
    let (code, rows) = d.verify("c.ltc");
    assert_eq!((code, kinds(&rows)), (3, ["source"].into()));
    let rows = d.changed(|c| {
        c.execute("UPDATE account SET records=records+1 WHERE name='bob'", [])
            .unwrap();
    });
    assert_eq!(kinds(&rows), ["source", "account"].into());
}

#[test]
fn a_report_on_one_value_is_asked_again_where_the_value_is_given() {
    let mut r = Random::new(7);
    let (d, people) = desk(&mut r);
    let value = &people[3].mobile;
    let ask = [
        "report", "-o", "v.html", "--value", value, "--case", "c.ltc",
    ];
    d.ok(&ask);
    let conn = Connection::open(d.path("c.ltc")).unwrap();
    let detail: String = conn
        .query_row(
            "SELECT detail FROM journal ORDER BY seq DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(
        !detail.contains(value.as_str()),
        "the journal keeps no value: {detail}"
    );
    drop(conn);
    let verdict = |args: &[&str]| {
        let out = d.run(&[&["verify", "--json", "--case", "c.ltc"], args].concat());
        let text = String::from_utf8(out.stdout).unwrap();
        let rows: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let notes: Vec<String> = rows
            .iter()
            .filter(|r| r.get("verdict").is_some())
            .map(|r| format!("{} {}", r["ok"], r["why"].as_str().unwrap_or_default()))
            .collect();
        let sum = rows.last().unwrap();
        (
            out.status.code().unwrap(),
            notes,
            sum["checked"].as_u64().unwrap(),
            sum["against"].clone(),
        )
    };
    let (code, notes, n, against) = verdict(&[]);
    assert_eq!(
        (code, notes.len(), against),
        (0, 1, "evidence".into()),
        "{notes:?}"
    );
    assert!(notes[0].contains("--value"), "{notes:?}");
    // another value is not that one
    let (_, notes, ..) = verdict(&["--value", &people[4].mobile]);
    assert_eq!(notes.len(), 1, "{notes:?}");
    let (code, notes, more, _) = verdict(&["--value", &people[4].mobile, "--value", value]);
    assert_eq!((code, notes.len(), more), (0, 0, n + 1), "{notes:?}");
    // an answer that was another one is found
    let conn = Connection::open(d.path("c.ltc")).unwrap();
    let last: i64 = conn
        .query_row("SELECT max(seq) FROM journal", [], |row| row.get(0))
        .unwrap();
    drop(conn);
    let case = leaktrace::case::open_notebook(&d.path("c.ltc")).unwrap();
    let mut detail: Value = serde_json::from_str(&detail).unwrap();
    detail["answer"] = "00".repeat(32).into();
    leaktrace::case::journal::append(&case, "export", &detail).unwrap();
    drop(case);
    let (code, notes, ..) = verdict(&["--value", value]);
    assert_eq!(code, 3, "{notes:?}");
    assert!(
        notes.len() == 1 && notes[0].starts_with("false"),
        "{notes:?} after {last}"
    );
}

#[test]
fn without_the_evidence_verify_says_plainly_what_it_did_not_do() {
    let mut r = Random::new(8);
    let (d, _) = desk(&mut r);
    std::fs::rename(d.path("0.pcap"), d.path("away.bin")).unwrap();
    let out = d.run(&["verify", "--case", "c.ltc"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(3), "{text}");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("NOT compared with the evidence"),
        "{text}"
    );
    let out = d.run(&["verify", "--case", "c.ltc", "--json"]);
    let last: Value = serde_json::from_str(
        String::from_utf8(out.stdout)
            .unwrap()
            .lines()
            .last()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(last["against"], "stored");
}
