//! Files of other tools as call sources, through the real binary: what mitmproxy recorded of real servers and clients
//! (tests/record/tools.py) against what curl saved, the program's own archives, and logs that name whole connections.

use crate::cli::text;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a case in it.
pub struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    pub fn new() -> Rig {
        Rig {
            dir: tempfile::tempdir().unwrap(),
        }
    }
    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
    pub fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args)
            .arg("--case")
            .arg(self.at("c.ltc"))
            .env("XDG_STATE_HOME", self.at("state"))
            .stdin(Stdio::null());
        c
    }
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
    /// Loads; gives the exit status and the sum.
    pub fn load(&self, files: &[&str]) -> (i32, Value) {
        let out = self.run(&[&["load", "--json"], files].concat());
        let code = out.status.code().unwrap();
        let sum = serde_json::from_slice(&out.stdout)
            .unwrap_or_else(|_| panic!("{code}: {}", text(&out.stderr)));
        (code, sum)
    }
    /// Rows of a verb.
    pub fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.run(&[args, &["--json"]].concat());
        assert!(
            matches!(out.status.code(), Some(0 | 1)),
            "{}",
            text(&out.stderr)
        );
        text(&out.stdout)
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }
}

pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    path.to_str().unwrap().to_owned()
}

/// What identifies a call and its content, sorted.
fn told(rows: &[Value]) -> Vec<String> {
    let mut list: Vec<String> = rows
        .iter()
        .map(|r| {
            json!([
                r["method"],
                r["host"],
                r["uri"],
                r["status"],
                r["tls"],
                r["resp_sha256"]
            ])
            .to_string()
        })
        .collect();
    list.sort();
    list
}

fn saved() -> Vec<Value> {
    std::fs::read_to_string(fixture("tools.jsonl"))
        .unwrap()
        .lines()
        .map(|l| {
            let v: Value = serde_json::from_str(l).unwrap();
            json!({"method": v["method"], "host": v["host"], "uri": v["target"], "status": v["status"], "tls": v["tls"], "resp_sha256": v["sha256"]})
        })
        .collect()
}

/// The calls without the proxy's own handshake for TLS.
fn asked(rig: &Rig) -> Vec<Value> {
    rig.rows(&["calls", "method != CONNECT"])
}

#[test]
fn what_mitmproxy_kept_equals_what_curl_saved() {
    for (name, kind) in [("tools.flow", "mitmproxy"), ("tools.har", "har")] {
        let rig = Rig::new();
        let (code, sum) = rig.load(&[&fixture(name)]);
        assert_eq!(code, 0, "{name}: {sum}");
        assert_eq!(sum["sources"][0]["kind"], kind);
        // mitmproxy writes an image that begins with text as text
        let diags = if kind == "har" {
            json!({"charset-restored": 2})
        } else {
            json!({})
        };
        assert_eq!(sum["sources"][0]["diags"], diags, "{name}");
        assert_eq!(sum["sources"][0]["packets"], Value::Null);
        let rows = asked(&rig);
        assert_eq!(told(&rows), told(&saved()), "{name}");
        // full calls: accounts by their logins, sensitive values in bodies, places
        let accounts: Vec<Value> = rig.rows(&["accounts"]);
        let names: Vec<&str> = accounts
            .iter()
            .filter_map(|a| a["account"].as_str())
            .collect();
        assert!(
            names.contains(&"amy") && names.contains(&"bob"),
            "{name}: {names:?}"
        );
        let classes = rig.rows(&["findings", "path:/people"]);
        // one of the two numbers tells a birth in 1880
        for (class, count) in [("cn-id", 2), ("cn-mobile", 4)] {
            let n = classes.iter().filter(|f| f["class"] == class).count();
            assert_eq!(n, count, "{name}: {class}");
        }
        let people = rows
            .iter()
            .find(|r| r["path"] == "/people" && r["method"] == "GET")
            .unwrap();
        assert_eq!(people["account"], "amy", "{name}");
        assert_eq!(people["proto"], "http/1.1");
        assert_eq!(
            (&people["resp_body_len"], &people["resp_content_len"]),
            (&json!(136), &json!(194))
        );
        let l = &people["locators"][0];
        let file = std::fs::read(fixture(name)).unwrap();
        let from = l["offset"].as_u64().unwrap() as usize;
        let part = &file[from..from + l["len"].as_u64().unwrap() as usize];
        assert!(
            part.windows(14).any(|w| w == b"/people?page=1"),
            "{name}: {l}"
        );
        assert_eq!((&l["role"], &l["first"]), (&json!("origin"), &l["last"]));
        if kind == "mitmproxy" {
            assert_eq!(
                (&people["src"], &people["dport"]),
                (&json!("127.0.0.1"), &json!(18090))
            );
            assert!(people["sport"].as_u64().unwrap() > 1024);
        } else {
            // an archive does not say who asked
            assert_eq!(
                (&people["src"], &people["dport"]),
                (&Value::Null, &json!(18090))
            );
        }
        let out = rig.run(&["verify", "--json"]);
        assert_eq!(out.status.code(), Some(0), "{name}: {}", text(&out.stdout));
        // a second time it is known
        let (code, again) = rig.load(&[&fixture(name)]);
        assert_eq!((code, &again["calls"]), (0, &sum["calls"]));
    }
}

#[test]
fn the_programs_own_archive_gives_the_same_calls_again() {
    let rig = Rig::new();
    rig.load(&[&fixture("http1.pcap")]);
    let before = rig.rows(&["calls", "status > 0 and method != CONNECT"]);
    let har = rig.at("out.har");
    let out = rig.run(&[
        "export",
        "--format",
        "har",
        "--reveal",
        "-o",
        har.to_str().unwrap(),
        "status > 0 and method != CONNECT",
    ]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let second = Rig::new();
    let (code, sum) = second.load(&[har.to_str().unwrap()]);
    assert_eq!((code, sum["sources"][0]["kind"].as_str()), (0, Some("har")));
    let after = second.rows(&["calls"]);
    assert_eq!(told(&after), told(&before));
    assert!(before.len() > 20);
}

/// The captured calls as a log of another tool that saw the same packets.
fn as_log(rows: &[Value], line: impl Fn(&Value) -> String) -> Vec<u8> {
    rows.iter()
        .map(|r| line(r) + "\n")
        .collect::<String>()
        .into_bytes()
}

#[test]
fn calls_that_are_captured_and_in_zeeks_or_suricatas_log_are_one_row() {
    let calls = |rig: &Rig| rig.rows(&["calls"]);
    let rig = Rig::new();
    rig.load(&[&fixture("http1.pcap")]);
    let captured: Vec<Value> = calls(&rig)
        .into_iter()
        .filter(|r| !r["method"].is_null())
        .collect();
    let n = |r: &Value, f: &str| {
        r[f].as_u64()
            .map_or_else(|| "-".to_owned(), |n| n.to_string())
    };
    let s = |r: &Value, f: &str| r[f].as_str().unwrap_or("-").to_owned();
    let seconds = |r: &Value| {
        let t: jiff::Timestamp = r["ts"].as_str().unwrap().parse().unwrap();
        format!("{}.{:06}", t.as_second(), t.subsec_nanosecond() / 1000)
    };
    // Zeek takes the port off the host; its target is the one of the request
    let host = |r: &Value| s(r, "host").split(':').next().unwrap().to_owned();
    let mut tsv = b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_depth\tmethod\thost\turi\tversion\tuser_agent\trequest_body_len\tresponse_body_len\tstatus_code\n".to_vec();
    tsv.extend(as_log(&captured, |r| {
        [
            seconds(r),
            "Cuid".into(),
            s(r, "src"),
            n(r, "sport"),
            s(r, "dst"),
            n(r, "dport"),
            "1".into(),
            s(r, "method"),
            host(r),
            s(r, "uri"),
            "1.1".into(),
            s(r, "user_agent"),
            n(r, "req_body_len"),
            n(r, "resp_body_len"),
            n(r, "status"),
        ]
        .join("\t")
    }));
    let json = as_log(&captured, |r| {
        json!({"ts": seconds(r).parse::<f64>().unwrap(), "uid": "C1", "id.orig_h": r["src"], "id.orig_p": r["sport"], "id.resp_h": r["dst"], "id.resp_p": r["dport"], "trans_depth": 1, "method": r["method"], "host": host(r), "uri": r["uri"], "status_code": r["status"]}).to_string()
    });
    let eve = as_log(&captured, |r| {
        let (h, p) = (
            host(r),
            s(r, "host")
                .split(':')
                .nth(1)
                .and_then(|p| p.parse::<u64>().ok()),
        );
        let mut http = json!({"hostname": h, "url": r["uri"], "http_method": r["method"], "protocol": "HTTP/1.1", "length": 5});
        if let Some(p) = p {
            http["http_port"] = p.into();
        }
        if let Some(st) = r["status"].as_u64() {
            http["status"] = st.into();
        }
        let t = s(r, "ts");
        json!({"timestamp": format!("{}+0000", &t[..26]), "flow_id": 1, "event_type": "http", "src_ip": r["src"], "src_port": r["sport"], "dest_ip": r["dst"], "dest_port": r["dport"], "proto": "TCP", "tx_id": 0, "http": http}).to_string()
    });
    let flow = br#"{"timestamp":"2026-11-26T10:00:00.000000+0000","flow_id":1,"event_type":"flow","src_ip":"10.0.0.1"}"#;
    let eve = [&flow[..], b"\n", &eve].concat();
    for (name, bytes, kind) in [
        ("http.log", tsv, "log:zeek-http"),
        ("http.json", json, "log:zeek-http-json"),
        ("eve.json", eve, "log:suricata-eve"),
    ] {
        let (code, sum) = rig.load(&[&rig.write(name, &bytes)]);
        assert_eq!(
            (code, sum["sources"][0]["kind"].as_str()),
            (0, Some(kind)),
            "{sum}"
        );
        assert_eq!(sum["sources"][0]["calls"], captured.len());
        let after: Vec<Value> = calls(&rig)
            .into_iter()
            .filter(|r| !r["method"].is_null())
            .collect();
        assert_eq!(told(&after), told(&captured), "{kind}");
        for (r, before) in after.iter().zip(&captured) {
            assert_eq!(r["id"], before["id"]);
            let logs =
                r["locators"].as_array().unwrap().iter().filter(|l| {
                    l["role"] == "log" && l["source"].as_str().unwrap().ends_with(name)
                });
            assert_eq!(logs.count(), 1, "{kind}: {r}");
        }
    }
    // alone, a log's lines are rows of their own
    let alone = Rig::new();
    let (_, sum) = alone.load(&[rig.at("eve.json").to_str().unwrap()]);
    assert_eq!(sum["calls"], captured.len());
    assert_eq!(sum["sources"][0]["diags"], json!({"log-no-request": 1}));
    let row = &alone.rows(&["calls"])[0];
    assert_eq!(
        (&row["proto"], &row["flags"][0]),
        (&json!("log"), &json!("log-only"))
    );
    assert!(row["sport"].is_u64() && row["dport"].is_u64());
}
