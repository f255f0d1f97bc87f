//! People of one login name in several tenants, from the bytes to the names: loaded at once, in any order, one after another, and with
//! the investigator's corrections.

use crate::support::wire;
use leaktrace::case::marks;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who logs in, with which company, where; a cookie follows.
type Person = (&'static str, &'static str, &'static str);

/// A capture and who comes in it.
const DAYS: [(&str, &[Person]); 3] = [
    (
        "acme.pcap",
        &[
            ("ida", "acme", "crm.example"),
            ("otto", "acme", "crm.example"),
        ],
    ),
    (
        "globex.pcap",
        &[
            ("Ida", "globex", "crm.example"),
            ("eva", "globex", "crm.example"),
        ],
    ),
    (
        "mail.pcap",
        &[("ida", "", "mail.example"), ("eva", "", "mail.example")],
    ),
];

fn capture(dir: &Path, day: usize) -> PathBuf {
    let (name, people) = DAYS[day];
    let start = 1_790_000_000_000_000_000 + day as i64 * 3_600_000_000_000;
    let mut w = wire::Wire::new(Vec::new(), start).unwrap();
    for (i, (user, company, host)) in people.iter().enumerate() {
        let from = Ipv4Addr::new(10, 8, day as u8, i as u8 + 1);
        let mut c = w
            .open((from, 40_000), (Ipv4Addr::new(10, 9, 0, 1), 80))
            .unwrap();
        let mut body = serde_json::json!({"user": user, "password": "Tr0ub4dor-and-3"});
        if !company.is_empty() {
            body["company"] = (*company).into();
        }
        let sid = format!("sid=9f3a{day}c1e7b2d{i}856a0b1c2d3e4f5a6b7");
        let set = format!("{sid}; Path=/; HttpOnly");
        let json = [("Content-Type", "application/json")];
        let request = wire::request(
            "POST",
            host,
            "/api/login",
            &json,
            body.to_string().as_bytes(),
        );
        let answer = wire::response(
            "200 OK",
            &[json[0], ("Set-Cookie", &set[..])],
            b"{\"ok\":true}",
        );
        w.exchange(&mut c, &request, &answer).unwrap();
        for target in ["/api/orders", "/api/me"] {
            let request = wire::request("GET", host, target, &[("Cookie", &sid[..])], b"");
            let me = format!("{{\"username\":\"{user}\"}}");
            let body = if target == "/api/me" { &me } else { "[]" };
            let answer = wire::response("200 OK", &json, body.as_bytes());
            w.exchange(&mut c, &request, &answer).unwrap();
        }
        w.close(&mut c).unwrap();
    }
    let path = dir.join(name);
    std::fs::write(&path, w.into_inner()).unwrap();
    path
}

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
    fn run(&self, args: &[&str]) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .arg("--case")
            .arg(&self.case)
            .env("XDG_STATE_HOME", self.dir.path())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    }
    fn load(&self, days: &[usize]) {
        let files: Vec<String> = days
            .iter()
            .map(|d| capture(self.dir.path(), *d).to_str().unwrap().to_owned())
            .collect();
        let mut args = vec!["load"];
        args.extend(files.iter().map(String::as_str));
        self.run(&args);
    }
    fn correct(&self, kind: &str, target: &str, value: &str) {
        let conn = rusqlite::Connection::open(&self.case).unwrap();
        marks::correct(&conn, kind, target, value).unwrap();
    }
    /// Host, path and account of every call in order of time.
    fn calls(&self, filter: &str) -> Vec<(String, String)> {
        let mut args = vec!["calls", "--json"];
        args.extend((!filter.is_empty()).then_some(filter));
        let mut rows: Vec<Value> = self
            .run(&args)
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        rows.sort_by_key(|r| r["ts"].as_str().unwrap().to_owned());
        let text = |r: &Value, k: &str| r[k].as_str().unwrap().to_owned();
        rows.iter()
            .map(|r| (text(r, "uri"), text(r, "account")))
            .collect()
    }
    /// The account of each login.
    fn names(&self) -> Vec<String> {
        let calls = self.calls("");
        for three in calls.chunks(3) {
            assert!(three.iter().all(|c| c.1 == three[0].1), "{three:?}");
        }
        calls.iter().step_by(3).map(|c| c.1.clone()).collect()
    }
}

const ALL: [&str; 6] = ["acme/ida", "otto", "globex/Ida", "globex/eva", "ida", "eva"];

#[test]
fn names_are_those_of_one_load_in_whatever_order_and_parts() {
    for parts in [
        &[&[0, 1, 2][..]][..],
        &[&[2, 1, 0]],
        &[&[1], &[2, 0]],
        &[&[2], &[0], &[1]],
        &[&[0], &[1], &[2]],
    ] {
        let d = Desk::new();
        for days in parts {
            d.load(days);
        }
        assert_eq!(d.names(), ALL, "{parts:?}");
        // each is found by the name that is shown
        for name in ALL {
            let mine = d.calls(&format!("account:{name}"));
            assert_eq!(mine.len(), 3, "{name}: {mine:?}");
        }
    }
    // of one company alone nobody needs to know it
    let d = Desk::new();
    d.load(&[0]);
    assert_eq!(d.names(), ["ida", "otto"]);
    d.load(&[2]);
    assert_eq!(d.names(), ["ida", "otto", "ida", "eva"]);
}

#[test]
fn corrections_hold_for_the_one_that_was_meant() {
    let d = Desk::new();
    d.load(&[0, 1]);
    assert_eq!(d.names(), ["acme/ida", "otto", "globex/Ida", "eva"]);
    d.correct("account", "account:acme/ida", "Ida Berg");
    d.correct("account", "account:otto", "globex/Ida");
    d.load(&[2]);
    let want = [
        "Ida Berg",
        "globex/Ida",
        "globex/Ida",
        "globex/eva",
        "ida",
        "eva",
    ];
    assert_eq!(d.names(), want);
    let d = Desk::new();
    d.load(&[1]);
    d.correct("account", "account:globex/eva", "Eva Lund");
    d.load(&[0, 2]);
    assert_eq!(d.names()[3..], ["Eva Lund", "ida", "eva"]);
}
