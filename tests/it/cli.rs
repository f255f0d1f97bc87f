//! The program as others drive it: the real binary on a case of the demo data. Shapes of rows are those of the contract.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// A state folder with a loaded case; made once, removed by the system's own cleaning of temporary folders.
pub struct Loaded {
    pub _dir: tempfile::TempDir,
    pub state: PathBuf,
    pub case: PathBuf,
}

pub fn loaded() -> &'static Loaded {
    static CASE: OnceLock<Loaded> = OnceLock::new();
    CASE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let case = dir.path().join("demo.ltc");
        let l = Loaded {
            _dir: dir,
            state,
            case,
        };
        let data = |n: &str| concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/").to_owned() + n;
        let out = l.run(&[
            "load",
            &data("shop.pcap.zst"),
            &data("gateway-access.log"),
            "--json",
        ]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
        let keys: Vec<&String> = sum.as_object().unwrap().keys().collect();
        assert_eq!(
            keys[..7], // more may follow
            [
                "case", "sources", "calls", "accounts", "apis", "findings", "seconds"
            ]
        );
        assert!(sum["calls"].as_u64().unwrap() > 1000);
        l
    })
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Loaded {
    fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args)
            .env("XDG_STATE_HOME", &self.state)
            .stdin(Stdio::null());
        c
    }
    /// Runs a verb on the case.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut c = self.command(args);
        c.arg("--case").arg(&self.case);
        c.output().unwrap()
    }
    /// Rows of a verb.
    pub fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.run(&[args, &["--json"]].concat());
        let code = out.status.code().unwrap();
        assert!(code < 2, "{args:?}: {code} {}", text(&out.stderr));
        let rows: Vec<Value> = text(&out.stdout)
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(code, i32::from(rows.is_empty()), "{args:?}");
        rows
    }
}

/// The contract's fields stand in its order; more may follow.
fn has_fields(row: &Value, fields: &str) {
    let have: Vec<&str> = row
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let want: Vec<&str> = fields.split_whitespace().collect();
    let common: Vec<&str> = have.iter().copied().filter(|k| want.contains(k)).collect();
    assert_eq!(common, want);
}

const CALLS: &str = "id source ts end_ts src sport dst dport proto tls method host uri path api status grpc_status req_body_len \
    resp_body_len req_content_len resp_content_len req_sha256 resp_sha256 req_type resp_type user_agent account account_conf \
    account_via on_behalf_of session level classes records flags parent locators";

#[test]
fn every_verb_has_the_rows_of_the_contract() {
    let l = loaded();
    for (verb, fields) in [
        ("calls", CALLS),
        (
            "apis",
            "api method host route kind calls accounts ok_ratio first last level classes auth max_records documented state why",
        ),
        (
            "accounts",
            "account kind conf calls sessions addresses clients first last level records values risk",
        ),
        (
            "sessions",
            "session account via src user_agent start end calls records level",
        ),
        (
            "findings",
            "call dir where class level form masked conf value record locator",
        ),
        (
            "flows",
            "id ts end_ts src sport dst dport transport app packets bytes_out bytes_in sni alpn client_print gaps calls why_opaque tls",
        ),
        (
            "risks",
            "risk rule dimension severity subject why calls first last score",
        ),
        (
            "sources",
            "source name sha256 kind bytes packets lines first last calls skipped diags",
        ),
    ] {
        let rows = l.rows(&[verb, "--limit", "50"]);
        assert!(!rows.is_empty(), "{verb}");
        for row in &rows {
            has_fields(row, fields);
        }
    }
    let call = &l.rows(&["calls", "proto:http/1.1", "--limit", "1"])[0];
    has_fields(&call["locators"][0], "source role first last offset len ts");
    let ts = call["ts"].as_str().unwrap();
    assert!(ts.len() == 30 && ts.ends_with('Z'), "{ts}");
    let finding = &l.rows(&["findings", "--limit", "1"])[0];
    has_fields(&finding["locator"], "source first last offset len");
    let api = l.rows(&["apis", "level >= S3"]).remove(0);
    has_fields(&api["classes"][0], "class calls clear masked fields");
}

#[test]
fn show_holds_both_messages_and_its_findings() {
    let l = loaded();
    let id = l.rows(&["findings", "resp.body:idCard dir:resp", "--limit", "1"])[0]["call"].clone();
    let rows = l.rows(&["show", id.as_str().unwrap()]);
    assert_eq!(rows.len(), 1);
    has_fields(
        &rows[0],
        &format!("{CALLS} request response messages findings"),
    );
    has_fields(&rows[0]["request"], "start headers trailers body");
    has_fields(
        &rows[0]["response"]["body"],
        "len sha256 type text base64 cut",
    );
    assert_eq!(rows[0]["id"], id);
    assert!(!rows[0]["findings"].as_array().unwrap().is_empty());
    let out = l.run(&["show", "000000000000-1", "--json"]);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0));
    // For people, too.
    assert!(
        text(&l.run(&["show", id.as_str().unwrap()]).stdout).contains("response\n  HTTP/1.1 200")
    );
}

#[test]
fn replay_keeps_order_and_gaps() {
    let l = loaded();
    let session = l.rows(&["sessions", "--limit", "3"]).remove(2);
    let id = session["session"].as_str().unwrap();
    let rows = l.rows(&["replay", id]);
    assert_eq!(rows.len() as u64, session["calls"].as_u64().unwrap());
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row["step"].as_u64(), Some(i as u64 + 1));
        assert_eq!(row["gap_us"].is_null(), i == 0);
        assert_eq!(row["session"], *id);
    }
    let out = l.run(&["replay", "nothing"]);
    assert_eq!(out.status.code(), Some(1));
    let said = text(&out.stderr);
    assert!(
        said.contains("no calls of a session, flow or account nothing"),
        "{said}"
    );
}

#[test]
fn what_a_load_has_not_ended_is_said_to_be_partial() {
    let l = loaded();
    let dir = tempfile::tempdir().unwrap();
    let cut = Loaded {
        state: dir.path().join("state"),
        case: dir.path().join("cut.ltc"),
        _dir: dir,
    };
    std::fs::copy(&l.case, &cut.case).unwrap();
    let said = |args: &[&str]| text(&cut.run(args).stderr);
    assert!(!said(&["calls", "--count"]).contains("partial"));
    let conn = rusqlite::Connection::open(&cut.case).unwrap();
    conn.execute("UPDATE load SET state='loading'", []).unwrap();
    drop(conn);
    for args in [
        &["calls", "--count"][..],
        &["risks", "--json"],
        &["apis", "host:nowhere"],
        &["trace", "--value", "nothing", "--json"],
        &["info"],
    ] {
        let said = said(args);
        assert!(said.contains("every number is partial"), "{args:?}: {said}");
    }
    // killed before anything of it was written down
    std::fs::remove_file(&cut.case).unwrap();
    drop(leaktrace::case::Case::create_or_open(&cut.case, &[], false).unwrap());
    let out = cut.run(&["calls", "--count"]);
    assert!(
        text(&out.stderr).contains("every number is partial"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn a_case_in_the_folder_of_its_evidence_is_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("evidence");
    std::fs::create_dir(&folder).unwrap();
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/gateway-access.log");
    std::fs::copy(log, folder.join("access.log")).unwrap();
    let l = Loaded {
        state: dir.path().join("state"),
        case: folder.join("own.ltc"),
        _dir: dir,
    };
    for _ in 0..2 {
        let out = l.run(&["load", folder.to_str().unwrap()]);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(0), "{said}");
        assert!(
            !said.contains("neither") && !said.contains("own.ltc.lock"),
            "{said}"
        );
    }
    // named by hand it is an error, as any other file that is none
    let own = l.case.to_str().unwrap().to_owned();
    assert_eq!(l.run(&["load", &own]).status.code(), Some(4));
}

#[test]
fn a_case_that_stands_where_evidence_would_is_opened() {
    let l = loaded();
    // no case is named, and none was used before
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut c = Command::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args).env("XDG_STATE_HOME", dir.path());
        c.output().unwrap()
    };
    let own = l.case.to_str().unwrap();
    let out = run(&[own, "--json", "--limit", "3"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let named = l.run(&["calls", "--json", "--limit", "3"]);
    assert_eq!(text(&out.stdout), text(&named.stdout));
    // loaded into another case it is refused, with what it is
    let other = dir.path().join("other.ltc");
    let out = run(&["load", own, "--case", other.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(4));
    assert!(
        text(&out.stderr).contains("--case"),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn nothing_is_shown_in_clear_without_reveal_and_revealing_is_noted() {
    let l = loaded();
    // Mobile numbers and ids of the leaked rows are in the evidence; names are too short to look for.
    let clue = include_str!("../../demo-data/leaked-rows.csv");
    let secrets: Vec<&str> = clue
        .lines()
        .skip(1)
        .flat_map(|r| r.split(','))
        .filter(|v| {
            v.len() > 9 && (v.contains('@') || v.chars().filter(char::is_ascii_digit).count() > 9)
        })
        .collect();
    assert!(secrets.len() > 100);
    let find = |out: &str| secrets.iter().find(|s| out.contains(**s)).copied();
    let with_id = format!("value:{}", secrets[0]);
    let mut outputs: Vec<String> = Vec::new();
    for args in [
        vec!["calls", with_id.as_str(), "--json"],
        vec!["calls", "level >= S2", "--limit", "300"],
        vec!["findings", with_id.as_str(), "--json"],
        vec!["findings", with_id.as_str()],
        vec!["accounts", "--json"],
        vec!["apis", "--json"],
        vec!["risks", "--json"],
        vec![
            "sql",
            "SELECT * FROM calls WHERE level>='S2'",
            "--json",
            "--limit",
            "300",
        ],
    ] {
        let out = l.run(&args);
        assert_eq!(out.status.code(), Some(0), "{args:?} {}", text(&out.stderr));
        outputs.push(text(&out.stdout) + &text(&out.stderr));
    }
    for row in l.rows(&["calls", &with_id, "--limit", "5"]) {
        let id = row["id"].as_str().unwrap();
        outputs.push(text(&l.run(&["show", id, "--json"]).stdout));
        outputs.push(text(&l.run(&["show", id]).stdout));
    }
    assert!(outputs.len() > 8, "the value was not found");
    for out in &outputs {
        assert_eq!(find(out), None, "{}", &out[..out.len().min(2000)]);
    }
    let before = l.rows(&["sql", "SELECT count(*) n FROM acts WHERE act='reveal'"])[0]["n"].clone();
    let clear = text(&l.run(&["findings", &with_id, "--json", "--reveal"]).stdout);
    assert!(find(&clear).is_some());
    let after = l.rows(&["sql", "SELECT count(*) n FROM acts WHERE act='reveal'"])[0]["n"].clone();
    assert_eq!(after.as_i64().unwrap(), before.as_i64().unwrap() + 1);
}

#[test]
fn exit_statuses_and_messages() {
    let l = loaded();
    let out = l.run(&["calls", "status:999", "--json"]);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0));
    let out = l.run(&["calls", "acount:x"]);
    assert_eq!(out.status.code(), Some(2));
    let err = text(&out.stderr);
    assert!(err.contains("did you mean account?"), "{err}");
    let caret = err.lines().last().unwrap();
    assert_eq!(caret, "  ^");
    let err = text(&l.run(&["calls", "status:200", "level:x"]).stderr);
    assert!(
        err.ends_with("  status:200 level:x\n                   ^\n"),
        "{err}"
    );
    assert_eq!(
        l.run(&["frobnicate", "x"]).status.code(),
        Some(4),
        "a file that is not there"
    );
    assert_eq!(l.run(&["calls", "--frobnicate"]).status.code(), Some(2));
    assert_eq!(l.run(&["--version"]).status.code(), Some(0));
    assert_eq!(l.run(&["--glyphs", "odd", "-n"]).status.code(), Some(2));
    let out = l.run(&["calls", "--json", "--fields", "id,odd"]);
    let said = text(&out.stderr);
    assert!(said.contains("there are: id source ts"), "{said}");
    let info: Value = serde_json::from_slice(&l.run(&["info", "--json"]).stdout).unwrap();
    assert!(
        info["profile"]["title"].is_null(),
        "unknown is null: {info}"
    );
    assert_eq!(l.run(&["report", "-o", "x.pdf"]).status.code(), Some(2));
    assert_eq!(l.run(&["calls", "--spec", "x"]).status.code(), Some(2));
    assert_eq!(l.run(&["load"]).status.code(), Some(2));
    assert_eq!(
        l.run(&["load", "/nonexistent/x.pcap"]).status.code(),
        Some(4)
    );
    assert_eq!(l.run(&["flows", "account:x"]).status.code(), Some(2));
    let other = l
        .command(&["calls", "--case", "/nonexistent.ltc"])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(4));
    // The last case is remembered and named first.
    let out = l
        .command(&["calls", "--limit", "1", "--json"])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0));
    assert!(
        text(&out.stderr).starts_with("case "),
        "{}",
        text(&out.stderr)
    );
}

#[test]
fn rows_can_be_counted_limited_and_picked() {
    let l = loaded();
    let n = l.rows(&["calls", "status >= 400"]).len();
    for extra in [&[][..], &["--json"]] {
        let out = l.run(&[&["calls", "status", ">=", "400", "--count"], extra].concat());
        assert_eq!(text(&out.stdout), format!("{n}\n"));
    }
    let found = l.rows(&["findings", "status:401..404"]).len();
    let out = l.run(&["findings", "status:401..404", "--count"]);
    assert_eq!(text(&out.stdout), format!("{found}\n"));
    let out = l.run(&["calls", "--limit", "2", "--fields", "status,id", "--json"]);
    let lines = text(&out.stdout);
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.starts_with("{\"status\":"), "{lines}");
    let out = l.run(&["calls", "--fields", "statsu", "--json"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("did you mean status?"));
}

#[test]
fn sql_reads_views_alone_and_writes_nothing() {
    let l = loaded();
    let rows = l.rows(&[
        "sql",
        "SELECT method, count(*) n FROM calls GROUP BY method ORDER BY n DESC",
    ]);
    assert_eq!(rows[0]["method"], "GET");
    for bad in [
        "SELECT * FROM call",
        "SELECT data FROM pack",
        "DELETE FROM calls",
        "SELECT 1; SELECT 2",
        "ATTACH '/tmp/x' AS y",
        "PRAGMA journal_mode=DELETE",
        "nonsense",
    ] {
        let out = l.run(&["sql", bad, "--json"]);
        assert_eq!(out.status.code(), Some(2), "{bad}: {}", text(&out.stdout));
        assert!(out.stdout.is_empty(), "{bad}");
    }
    assert_eq!(
        l.run(&["sql", "SELECT count(*) FROM call", "--reveal"])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn verify_finds_nothing_in_order_and_every_fault() {
    let l = loaded();
    let rows = l.rows(&["verify"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["failed"], 0);
    assert!(rows[0]["checked"].as_u64().unwrap() > 100);
    // A copy whose evidence has changed.
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    let line = "10.0.0.1 - bob [10/Oct/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 5\n";
    std::fs::write(&log, line).unwrap();
    let case = dir.path().join("c.ltc");
    let run = |args: &[&str]| l.command(args).arg("--case").arg(&case).output().unwrap();
    assert_eq!(run(&["load", log.to_str().unwrap()]).status.code(), Some(0));
    assert_eq!(run(&["verify"]).status.code(), Some(0));
    let moved = dir.path().join("elsewhere");
    std::fs::create_dir(&moved).unwrap();
    std::fs::rename(&log, moved.join("b.log")).unwrap();
    assert_eq!(run(&["verify"]).status.code(), Some(3));
    assert_eq!(
        run(&["verify", "--evidence", moved.to_str().unwrap()])
            .status
            .code(),
        Some(0)
    );
    std::fs::write(&log, line.replace("200", "500")).unwrap();
    let out = run(&["verify", "--json"]);
    assert_eq!(out.status.code(), Some(3));
    let first: Value = serde_json::from_str(text(&out.stdout).lines().next().unwrap()).unwrap();
    has_fields(&first, "source id ok why");
    assert_eq!(first["ok"], false);
}

#[test]
fn a_trace_answers_and_an_export_is_made() {
    let l = loaded();
    let clue = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/leaked-rows.csv");
    let rows = l.rows(&["trace", "--clue", clue]);
    has_fields(&rows[0], "clue verdict suspects trails");
    assert!(
        rows[0].get("reads").is_none(),
        "only where they are asked for"
    );
    let suspect = rows[0]["suspects"][0]["account"]
        .as_str()
        .unwrap()
        .to_owned();
    let beside = l.rows(&["trace", "--clue", clue, "--suspect", &suspect]);
    has_fields(&beside[0]["reads"], "account read of more rows");
    assert_eq!(
        beside[0]["reads"]["read"],
        beside[0]["suspects"][0]["covered"]
    );
    has_fields(&beside[0]["reads"]["rows"][0], "row values reads calls");
    let out = l.run(&["trace", "--value", "x", "--suspect", "nobody at all"]);
    assert_eq!(out.status.code(), Some(2));
    let out = l.run(&["trace", "--account", &suspect, "--suspect", &suspect]);
    assert_eq!(out.status.code(), Some(2));
    assert_eq!(
        l.run(&["trace", "--value", "no such value anywhere 31337", "--json"])
            .status
            .code(),
        Some(1)
    );
    assert_eq!(l.run(&["trace"]).status.code(), Some(2));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("x.jsonl");
    let done = l.run(&[
        "export",
        "--format",
        "jsonl",
        "status:200",
        "--limit",
        "5",
        "-o",
        out.to_str().unwrap(),
    ]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 5);
    assert_eq!(
        l.run(&["export", "--format", "nope", "-o", "x"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_closed_pipe_is_quiet() {
    let l = loaded();
    let mut child = l
        .command(&["findings", "--json"])
        .arg("--case")
        .arg(&l.case)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(text(&out.stderr), "");
}

#[test]
fn the_case_keeps_number_and_examiner() {
    let l = loaded();
    l.run(&["info", "--number", "2026-7", "--examiner", "R. Roe"]);
    let rows = l.rows(&["info"]);
    assert_eq!(
        (rows[0]["number"].as_str(), rows[0]["notes"].as_str()),
        (Some("2026-7"), None)
    );
}

#[test]
fn a_replay_tells_what_changed_from_call_to_call() {
    let l = loaded();
    let rows = l.rows(&["replay", "wu.tao"]);
    assert!(rows[0]["changed"].is_null(), "the first has none before it");
    let of = |part: &str| {
        rows.iter()
            .filter_map(|r| r["changed"].as_array())
            .flatten()
            .filter(|c| c["part"] == part)
            .count()
    };
    assert!(
        of("path") > 100 && of("response") > 100,
        "{} {}",
        of("path"),
        of("response")
    );
    let id = rows
        .iter()
        .filter_map(|r| r["changed"].as_array())
        .flatten()
        .find(|c| c["field"] == "$.idCard")
        .unwrap();
    has_fields(id, "part field before now values");
    assert!(id["now"].as_str().unwrap().contains("****"), "masked: {id}");
    let out = l.run(&["replay", "wu.tao", "--json", "--fields", "step,changed"]);
    assert_eq!(out.status.code(), Some(0));
}

#[test]
fn an_export_goes_to_standard_output() {
    let l = loaded();
    let out = l.run(&["export", "--format", "csv", "-o", "-", "account:wu.tao"]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let path = l._dir.path().join("x.csv");
    let name = path.to_str().unwrap();
    let file = l.run(&["export", "--format", "csv", "-o", name, "account:wu.tao"]);
    assert_eq!(file.status.code(), Some(0));
    assert_eq!(
        out.stdout,
        std::fs::read(&path).unwrap(),
        "the same bytes as in a file"
    );
    assert!(!std::path::Path::new("-").exists(), "no file of that name");
    // what is no text goes to another program as well, and the evidence as it was still wants --reveal
    let slice = l.run(&[
        "export",
        "--format",
        "pcap",
        "-o",
        "-",
        "--reveal",
        "account:wu.tao",
    ]);
    assert_eq!(slice.status.code(), Some(0), "{}", text(&slice.stderr));
    assert_eq!(&slice.stdout[..4], &[0x0a, 0x0d, 0x0d, 0x0a]);
    let refused = l.run(&["export", "--format", "pcap", "-o", "-", "account:wu.tao"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    // JSON of the outcome and the file itself cannot both stand there
    let both = l.run(&["export", "--format", "csv", "-o", "-", "--json"]);
    assert_eq!((both.status.code(), both.stdout.len()), (Some(2), 0));
    // in the journal as any export
    let rows = l.rows(&[
        "sql",
        "SELECT detail FROM journal WHERE act='export'",
        "--reveal",
    ]);
    let said = rows
        .iter()
        .filter(|r| r.to_string().contains("standard output"))
        .count();
    assert_eq!(said, 2, "{rows:?}");
    let share = l.run(&["share", "-o", "-", "--passphrase-file", "Cargo.toml"]);
    assert_eq!(share.status.code(), Some(2), "{}", text(&share.stderr));
    assert!(!std::path::Path::new("-").exists(), "no file of that name");
    // of no calls too: what was asked for can be told from a file that was cut
    let none = l.run(&["export", "--format", "csv", "-o", "-", "account:nobody"]);
    let header = out.stdout.split_inclusive(|b| *b == b'\n').next().unwrap();
    assert_eq!((none.status.code(), &none.stdout[..]), (Some(1), header));
}

#[test]
fn options_may_stand_before_the_verb() {
    let l = loaded();
    let after = l.run(&["calls", "--count", "method:PUT"]);
    let before = l.run(&["--count", "calls", "method:PUT"]);
    assert_eq!(before.status.code(), Some(0), "{}", text(&before.stderr));
    assert_eq!(text(&before.stdout), text(&after.stdout));
    let out = l.run(&["--json", "correct", "class", "$.nothing", "iban", "--not"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(
        text(&out.stderr).contains("no value"),
        "{}",
        text(&out.stderr)
    );
    // what only looks like one is a file that is not there
    let out = l.run(&["--json", "cals"]);
    assert!(
        text(&out.stderr).contains("No such file"),
        "{}",
        text(&out.stderr)
    );
}
