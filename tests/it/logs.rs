//! Logs of every format: recorded ones against what the client knows (`tests/record/logs.py`), and written ones after the
//! vendors' lists of fields against the call that they stand for.

use leaktrace::call::model::LogCall;
use leaktrace::source::log::{Formats, LogEvent, LogKind, LogReader, LogZone, sniff};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs")
}

fn formats(given: &[&str]) -> Formats {
    let given: Vec<_> = given
        .iter()
        .map(|g| {
            let text = match g.ends_with(".conf") {
                true => String::from_utf8(fixture(g)).unwrap(),
                false => (*g).to_owned(),
            };
            (text, "own".to_owned())
        })
        .collect();
    Formats::with(&given).unwrap()
}

/// All calls of a log, and the diags as `code line: words`.
pub fn read(bytes: &[u8], kind: &LogKind) -> (Vec<LogCall>, Vec<String>) {
    let input = Box::new(std::io::Cursor::new(bytes.to_vec()));
    let mut reader = LogReader::new(input, kind, LogZone(None), 0);
    let (mut calls, mut diags) = (Vec::new(), Vec::new());
    while let Some(event) = reader.next() {
        match event {
            LogEvent::Call(c) => calls.push(*c),
            LogEvent::Diag(code, line, words) => diags.push(format!("{code} {line}: {words}")),
            LogEvent::Wait => panic!("it does not grow"),
        }
    }
    (calls, diags)
}

/// What a log says of the requests in it.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    Whole,
    /// Without what stands behind the `?`.
    Path,
    /// Percent-decoded.
    Decoded,
}

struct Recorded {
    name: &'static str,
    kind: &'static str,
    given: &'static [&'static str],
    target: Target,
    agent: bool,
    user: bool,
    port: bool,
    /// Lines that are no call.
    others: usize,
}

const ORDINARY: Recorded = Recorded {
    name: "",
    kind: "combined",
    given: &[],
    target: Target::Whole,
    agent: true,
    user: true,
    port: false,
    others: 0,
};

/// In this order: name of the file, kind, what it lacks.
const RECORDED: &[Recorded] = &[
    Recorded {
        name: "nginx",
        ..ORDINARY
    },
    Recorded {
        name: "nginx-main",
        ..ORDINARY
    },
    Recorded {
        name: "nginx-main",
        kind: "nginx:main",
        given: &["nginx-formats.conf"],
        ..ORDINARY
    },
    Recorded {
        name: "nginx-timed",
        kind: "nginx:timed",
        given: &["nginx-formats.conf"],
        port: true,
        ..ORDINARY
    },
    Recorded {
        name: "nginx-json",
        kind: "nginx:j",
        given: &["nginx-formats.conf"],
        ..ORDINARY
    },
    Recorded {
        name: "nginx-syslog",
        kind: "combined+syslog",
        ..ORDINARY
    },
    Recorded {
        name: "apache",
        user: false,
        ..ORDINARY
    },
    Recorded {
        name: "apache",
        kind: "apache:vhost_combined",
        given: &["apache-formats.conf"],
        user: false,
        ..ORDINARY
    },
    Recorded {
        name: "apache-own",
        kind: "apache:own",
        given: &["apache-formats.conf"],
        port: true,
        user: false,
        ..ORDINARY
    },
    Recorded {
        name: "apache-common",
        kind: "common",
        agent: false,
        user: false,
        ..ORDINARY
    },
    Recorded {
        name: "gunicorn",
        ..ORDINARY
    },
    Recorded {
        name: "gunicorn-own",
        kind: "own",
        given: &[r#"%(t)s %(h)s %(u)s "%(m)s %(U)s" %(s)s %(B)s %(D)sus "%(a)s""#],
        target: Target::Path,
        ..ORDINARY
    },
    Recorded {
        name: "haproxy",
        kind: "haproxy+syslog",
        agent: false,
        user: false,
        port: true,
        ..ORDINARY
    },
    Recorded {
        name: "caddy",
        kind: "caddy",
        user: false,
        port: true,
        ..ORDINARY
    },
    Recorded {
        name: "squid",
        kind: "squid",
        target: Target::Path,
        agent: false,
        user: false,
        ..ORDINARY
    },
    Recorded {
        name: "lighttpd",
        user: false,
        ..ORDINARY
    },
    Recorded {
        name: "uvicorn",
        kind: "uvicorn+cri",
        agent: false,
        user: false,
        port: true,
        ..ORDINARY
    },
    Recorded {
        name: "hypercorn",
        kind: "hypercorn",
        target: Target::Path,
        user: false,
        port: true,
        ..ORDINARY
    },
    Recorded {
        name: "werkzeug",
        kind: "werkzeug",
        target: Target::Decoded,
        agent: false,
        user: false,
        others: 3,
        ..ORDINARY
    },
    Recorded {
        name: "http-server",
        kind: "werkzeug",
        agent: false,
        user: false,
        others: 4,
        ..ORDINARY
    },
];

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((b, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| *b == b'%');
        let code = code.and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 16).ok());
        out.push(code.unwrap_or(*b));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn recorded_logs_say_what_their_clients_did() {
    for r in RECORDED {
        let (bytes, truth) = (
            fixture(&format!("{}.log", r.name)),
            fixture(&format!("{}.jsonl", r.name)),
        );
        let kind =
            sniff(&bytes, &formats(r.given)).unwrap_or_else(|| panic!("{}: no format", r.name));
        assert_eq!(kind.name(), r.kind, "{}", r.name);
        let (calls, diags) = read(&bytes, &kind);
        let truth: Vec<Value> = truth
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect();
        assert_eq!(diags.len(), r.others, "{}: {diags:#?}", r.name);
        assert_eq!(calls.len(), truth.len(), "{}: {diags:#?}", r.name);
        for (call, t) in calls.iter().zip(&truth) {
            let what = format!("{} as {}: {t}\n{call:#?}", r.name, r.kind);
            let text = |n: &str| t[n].as_str();
            assert_eq!(call.method.as_deref(), text("method"), "{what}");
            assert_eq!(call.status.map(u64::from), t["status"].as_u64(), "{what}");
            let asked = text("target").unwrap();
            let asked = asked
                .strip_prefix("http://127.0.0.2:18101")
                .unwrap_or(asked);
            let uri = call.uri.as_deref().unwrap();
            match r.target {
                Target::Whole => assert_eq!(uri, asked, "{what}"),
                Target::Path => {
                    let path = |t: &str| t.split('?').next().unwrap().to_owned();
                    assert_eq!(path(uri), path(asked), "{what}");
                }
                Target::Decoded => assert_eq!(decoded(uri), decoded(asked), "{what}"),
            }
            if r.agent {
                assert_eq!(call.user_agent.as_deref(), text("agent"), "{what}");
            }
            if r.user {
                assert_eq!(call.user.as_deref(), text("user"), "{what}");
            } else if !r.name.starts_with("apache") {
                assert_eq!(call.user, None, "{what}");
            }
            if r.port {
                assert_eq!(call.sport.map(u64::from), t["port"].as_u64(), "{what}");
            }
            let (t0, t1) = (t["t0"].as_f64().unwrap(), t["t1"].as_f64().unwrap());
            let ts = call.ts as f64 / 1e9;
            // whole seconds are cut, and lighttpd looks at the clock once a second
            let early = if r.name == "lighttpd" { 2.1 } else { 1.1 };
            assert!(ts > t0 - early && ts < t1 + 0.1, "{what}");
            if let Some(end) = call.end_ts {
                let end = end as f64 / 1e9;
                assert!(end > t0 - early && end < t1 + 0.1, "{what}");
            }
        }
    }
}

/// A call in one line: begin, how long, ends, request, status, bytes, who, with what.
fn shown(c: &LogCall) -> String {
    let mut out = String::new();
    let ts = jiff::Timestamp::from_nanosecond(i128::from(c.ts)).unwrap();
    let _ = write!(out, "{ts}");
    if let Some(end) = c.end_ts {
        let _ = write!(out, "+{}us", (end - c.ts) / 1000);
    }
    if c.assumed_zone {
        out.push('?');
    }
    let end = |a: Option<std::net::IpAddr>, p: Option<u16>| match (a, p) {
        (Some(a), Some(p)) => std::net::SocketAddr::new(a, p).to_string(),
        (Some(a), None) => a.to_string(),
        (None, Some(p)) => format!(":{p}"),
        (None, None) => "-".to_owned(),
    };
    let _ = write!(out, " {}>{}", end(c.src, c.sport), end(c.dst, c.dport));
    let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "-".to_owned());
    let _ = write!(
        out,
        " {} {} {} {}",
        text(&c.method),
        text(&c.host),
        text(&c.uri),
        text(&c.version)
    );
    let n = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
    let _ = write!(
        out,
        " {} {}/{}",
        n(c.status.map(u64::from)),
        n(c.req_body_len),
        n(c.resp_body_len)
    );
    let _ = write!(out, " user={} for={}", text(&c.user), text(&c.behalf));
    let _ = write!(
        out,
        " ua={} ref={} trace={}",
        text(&c.user_agent),
        text(&c.referer),
        text(&c.trace_id)
    );
    out
}

/// Format, lines, and what they stand for: a call as [`shown`], or `no-request`.
fn written() -> Vec<(String, String, Vec<String>)> {
    let text = String::from_utf8(fixture("written.txt")).unwrap();
    let mut out: Vec<(String, String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            out.push((name.to_owned(), String::new(), Vec::new()));
        } else if let Some(want) = line.strip_prefix("--> ") {
            out.last_mut().unwrap().2.push(want.to_owned());
        } else if !line.is_empty() && !line.starts_with("//") {
            let log = &mut out.last_mut().unwrap().1;
            log.push_str(line);
            log.push('\n');
        }
    }
    out
}

#[test]
fn written_logs_stand_for_the_calls_beside_them() {
    let mut wrong = String::new();
    for (name, log, want) in written() {
        let Some(kind) = sniff(log.as_bytes(), &Formats::default()) else {
            let _ = writeln!(wrong, "=== {name}: no format");
            continue;
        };
        let (calls, diags) = read(log.as_bytes(), &kind);
        let mut got: Vec<String> = calls.iter().map(shown).collect();
        got.extend(
            diags
                .iter()
                .map(|d| d.split(':').next().unwrap().to_owned()),
        );
        if kind.name() != name || got != want {
            let _ = writeln!(wrong, "=== {} (wanted {name})\n{diags:?}", kind.name());
            for g in &got {
                let _ = writeln!(wrong, "--> {g}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_line_that_does_not_fit_says_what_was_expected_where() {
    let mut seen = 0;
    for (name, log, _) in written() {
        let kind = sniff(log.as_bytes(), &Formats::default()).unwrap();
        // columns have their header first
        let Some(line) = log.lines().find(|l| !l.starts_with('#')) else {
            continue;
        };
        let part: String = line.chars().take(line.chars().count() / 4).collect();
        let (_, diags) = read(format!("{log}{part}\n").as_bytes(), &kind);
        let last = diags
            .last()
            .unwrap_or_else(|| panic!("{name}: a part of a line is a call: {part}"));
        assert!(
            last.starts_with("log-unfit")
                && last.contains("expected ")
                && last.contains(" at column ")
                || last.starts_with("log-no-request"),
            "{name}: {last}"
        );
        seen += usize::from(last.starts_with("log-unfit"));
    }
    assert!(seen >= 20, "{seen} formats");
}

#[test]
fn every_format_that_is_built_in_is_shown_by_a_log() {
    let written: Vec<String> = written().into_iter().map(|(n, ..)| n).collect();
    let recorded = RECORDED.iter().map(|r| r.kind.to_owned());
    let seen: Vec<String> = written.into_iter().chain(recorded).collect();
    for format in Formats::default().all() {
        let name = &format.name;
        // those of Zeek and Suricata stand with their readers
        let other = ["zeek-http", "zeek-http-json", "suricata-eve"].contains(&name.as_str());
        let by = seen.iter().any(|s| s.split('+').next() == Some(name));
        assert!(other || by, "{name} has no log that shows it");
    }
}

#[test]
fn the_order_of_lines_does_not_decide_what_a_log_is() {
    for (name, log, _) in written() {
        if log.starts_with('#') || name.contains("csv") || name == "modsecurity" {
            continue; // a header stands before what it names, a section in its entry
        }
        let kind = sniff(log.as_bytes(), &Formats::default()).unwrap().name();
        let mut lines: Vec<&str> = log.lines().collect();
        let junk = ["what no format has", "{\"a\":1}", ""];
        lines.extend(&junk[..lines.len().saturating_sub(1).min(2)]);
        let whole =
            sniff((lines.join("\n") + "\n").as_bytes(), &Formats::default()).map(|k| k.name());
        for turn in 0..lines.len() {
            lines.rotate_left(1);
            if turn % 2 == 1 {
                lines.reverse();
            }
            let again =
                sniff((lines.join("\n") + "\n").as_bytes(), &Formats::default()).map(|k| k.name());
            assert_eq!(again, whole, "{name} ({kind}): {lines:#?}");
        }
    }
    // two formats in one file: the one of most lines, wherever they stand
    let common = "10.0.0.1 - - [10/Oct/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 12\n";
    let combined = common.replace("12\n", "12 \"-\" \"x\"\n");
    for (a, b) in [(common, combined.as_str()), (&combined, common)] {
        let log = a.repeat(7) + &b.repeat(3) + &a.repeat(4) + &b.repeat(6);
        let other = b.repeat(5) + &a.repeat(11) + &b.repeat(4);
        let kinds = [log, other].map(|l| sniff(l.as_bytes(), &Formats::default()).unwrap());
        assert_eq!(kinds[0].name(), kinds[1].name());
        // and no line of the other is lost
        assert_eq!(
            read((a.repeat(11) + &b.repeat(9)).as_bytes(), &kinds[0])
                .0
                .len(),
            20
        );
    }
}

#[test]
fn tables_and_texts_of_other_kinds_are_no_logs() {
    for text in [
        "name,url,date,price\nLamp,https://shop.example/lamp,2026-03-01,12.50\nChair,https://shop.example/c,2026-03-01,40\n",
        "id,time,host,note\n1,2026-03-01T02:00:00Z,web-1,started\n",
        "phone,idCard,name\n13812345678,11010519491231002X,Li\n",
        "level=info ts=2026-03-01T02:00:00Z path=/etc/app.toml msg=\"read configuration\"\n",
        "{\"time\":\"2026-03-01T02:00:00Z\",\"msg\":\"started\",\"host\":\"web-1\"}\n",
        "Dear all,\nthe meeting is at 10:00 in room 200.\n",
        "#!/bin/sh\nexport A=1 B=2 C=3\n",
    ] {
        let kind = sniff(text.as_bytes(), &Formats::default());
        assert_eq!(kind.map(|k| k.name()), None, "{text}");
    }
}

#[test]
fn two_hundred_formats_are_told_apart_at_once() {
    let given: Vec<(String, String)> = (0..200)
        .map(|n| {
            let text = format!("$remote_addr v{n} [$time_local] \"$request\" $status \"$http_user_agent\" $upstream_addr");
            (text, format!("own-{n}"))
        })
        .collect();
    let formats = Formats::with(&given).unwrap();
    let agent = "Mozilla/5.0 ".repeat(80);
    let log = format!("10.0.0.1 v199 [10/Oct/2026:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 \"{agent}\" 10.0.0.2:80\n").repeat(60);
    let other = format!("10.0.0.1 w [10/Oct/2026:13:55:36 +0000] {{\"{agent}\n").repeat(60);
    let begin = std::time::Instant::now();
    assert_eq!(sniff(log.as_bytes(), &formats).unwrap().name(), "own-199");
    assert!(sniff(other.as_bytes(), &formats).is_none());
    assert!(begin.elapsed().as_millis() < 1000, "{:?}", begin.elapsed());
}

fn load(
    dir: &Path,
    files: &[&str],
    given: &[&str],
) -> leaktrace::error::Result<leaktrace::load::LoadOutcome> {
    let options = leaktrace::load::LoadOptions {
        files: files.iter().map(|f| dir.join(f)).collect(),
        case: dir.join("t.ltc"),
        log_format: given.iter().map(|g| (*g).to_owned()).collect(),
        ..Default::default()
    };
    leaktrace::load::run(&options, &leaktrace::load::Progress::default())
}

fn calls(dir: &Path, filter: &str) -> Vec<leaktrace::query::rows::CallRow> {
    use leaktrace::query::{Cx, Filter, Page, read};
    let cx = Cx::open(&dir.join("t.ltc"), true).unwrap();
    read::calls(&cx, &Filter::parse(filter).unwrap(), &Page::first(1000)).unwrap()
}

#[test]
fn a_given_format_is_kept_with_its_source_and_another_one_reads_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let at = |n: &str| dir.path().join(n);
    let log = "2026-03-01T02:00:00Z ~ 10.0.0.1 ~ ASK /people?phone=13812345678 ~ 200 ~ amy ~ bo\n\
               2026-03-01T02:00:01Z ~ 10.0.0.1 ~ ASK /people ~ oops ~ amy ~ bo\n\
               2026-03-01T02:00:02Z ~ 10.0.0.1 ~ ASK /orders ~ 200 ~ amy ~ bo\n";
    std::fs::write(at("own.log"), log).unwrap();
    // nobody knows it
    let none = load(dir.path(), &["own.log"], &[]).unwrap();
    assert!(none.failed[0].1.contains("neither a capture"));
    // what is given does not fit, and why is told
    let none = load(dir.path(), &["own.log"], &["{time} | {src}"]).unwrap();
    assert!(
        none.failed[0]
            .1
            .contains("expected a value and ` | ` at column 1, not"),
        "{}",
        none.failed[0].1
    );
    for (bad, why) in [
        ("{colour}", "no field is named"),
        ("missing.toml", "no such file"),
        ("%{x", "without its }"),
    ] {
        let e = load(dir.path(), &["own.log"], &[bad])
            .unwrap_err()
            .to_string();
        assert!(e.contains("--log-format") && e.contains(why), "{e}");
    }
    let wrong = "{time} ~ {src} ~ {request} ~ {status} ~ {behalf} ~ {user}";
    let first = load(dir.path(), &["own.log"], &[wrong]).unwrap();
    let source = &first.sources[0];
    assert_eq!(
        (source.kind.as_str(), source.mapping.as_deref()),
        ("log:given", Some(wrong))
    );
    assert_eq!(
        (first.calls, source.skipped, source.diags["log-unfit"]),
        (2, 1, 1)
    );
    let told: String = leaktrace::query::Cx::open(&at("t.ltc"), false)
        .unwrap()
        .conn
        .query_row("SELECT detail FROM diag WHERE code='log-unfit'", [], |r| {
            r.get(0)
        })
        .unwrap();
    assert!(
        told.starts_with("expected a status (three digits) at column 49, not \"oops"),
        "{told}"
    );
    let rows = calls(dir.path(), "");
    assert_eq!(rows[0].account.as_deref(), Some("bo"));
    assert_eq!(rows[0].classes, ["cn-mobile"]);
    // the same again changes nothing; without a format what was given before stays
    assert_eq!(
        load(dir.path(), &["own.log"], &[wrong]).unwrap().sources,
        first.sources
    );
    // a mapping file puts it right, and its calls stand in the place of those before
    let right = "name = \"own\"\nline = \"text\"\npattern = \"{time} ~ {src} ~ {request} ~ {status} ~ {user} ~ {behalf}\"\n";
    std::fs::write(at("own.toml"), right).unwrap();
    let path = at("own.toml");
    let again = load(dir.path(), &["own.log"], &[path.to_str().unwrap()]).unwrap();
    assert_eq!((again.sources.len(), again.calls), (1, 2));
    assert_eq!(
        (
            again.sources[0].kind.as_str(),
            again.sources[0].mapping.as_deref()
        ),
        ("log:own", Some(right))
    );
    let rows = calls(dir.path(), "account:amy");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].on_behalf_of.as_deref(), Some("bo"));
}

#[test]
fn sessions_of_a_bastion_are_calls_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let log = "start,end,user,client,host,address,port,account,protocol\n\
               2026-03-01T02:00:00Z,2026-03-01T02:10:00Z,amy,10.9.0.7,db-01,10.2.0.5,22,root,ssh\n\
               2026-03-01T02:01:00Z,2026-03-01T02:02:00Z,bo,10.9.0.8,db-02,10.2.0.6,22,dba,ssh\n";
    std::fs::write(dir.path().join("bastion.csv"), log).unwrap();
    load(dir.path(), &["bastion.csv"], &[]).unwrap();
    let rows = calls(dir.path(), "method:SESSION account:amy");
    assert_eq!(rows.len(), 1);
    let r = &rows[0];
    assert_eq!(
        (r.proto, r.src.as_deref(), r.dst.as_deref()),
        ("log", Some("10.9.0.7"), Some("10.2.0.5"))
    );
    assert_eq!(
        (r.host.as_deref(), r.dport, r.status),
        (Some("db-01:22"), Some(22), None)
    );
    assert_eq!(r.uri.as_deref(), Some("ssh://root@db-01:22"));
    assert_eq!(r.end_ts.as_deref(), Some("2026-03-01T02:10:00.000000000Z"));
    assert_eq!(r.flags, ["log-only"]);
    assert_eq!(
        (r.account_via.as_deref(), rows[0].account.as_deref()),
        (Some("log-user"), Some("amy"))
    );
    assert_eq!(calls(dir.path(), "host:db-02:22").len(), 1);
}

type Placed = Vec<((u64, u32), String)>;

/// `(line, ord)` and bytes of each call, and the diags.
fn placed(bytes: &[u8], kind: &LogKind) -> (Placed, Vec<String>) {
    let (calls, diags) = read(bytes, kind);
    let calls = calls.iter().map(|c| {
        let from = usize::try_from(c.offset).unwrap();
        let len = usize::try_from(c.len).unwrap();
        let text = String::from_utf8_lossy(&bytes[from..from + len]).into_owned();
        ((c.at.number, c.ord), text)
    });
    (calls.collect(), diags)
}

fn record(path: &str) -> String {
    format!(
        r#"{{"time":"2026-03-01T02:00:00Z","method":"GET","path":"{path}","status":200,"note":"]}}[{{\"\\"}}"#
    )
}

#[test]
fn a_record_of_a_document_keeps_its_own_place() {
    let all: Vec<String> = (0..5).map(|n| record(&format!("/{n}"))).collect();
    let text = format!(
        "{{\"a\":[1],\"records\":[{},{}]}}\r\n[\n{},\n{},{}]\n",
        all[0], all[1], all[2], all[3], all[4]
    );
    let kind = sniff(text.as_bytes(), &Formats::default()).unwrap();
    assert_eq!(kind.name(), "json+records");
    let (got, diags) = placed(text.as_bytes(), &kind);
    assert_eq!(diags, [""; 0]);
    let places = [(1, 0), (1, 1), (3, 0), (4, 0), (4, 1)];
    let want: Vec<_> = places.into_iter().zip(all).collect();
    assert_eq!(got, want);
}

#[test]
fn a_document_over_many_lines_is_the_one_in_a_line() {
    for (name, log, want) in written() {
        if !name.ends_with("+records") {
            continue;
        }
        let mut laid_out = String::new();
        for line in log.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let _ = writeln!(laid_out, "{value:#}");
        }
        let kind = sniff(laid_out.as_bytes(), &Formats::default()).unwrap();
        assert_eq!(kind.name(), name);
        let got: Vec<String> = read(laid_out.as_bytes(), &kind)
            .0
            .iter()
            .map(shown)
            .collect();
        let want: Vec<_> = want
            .into_iter()
            .filter(|w| !w.starts_with("log-"))
            .collect();
        assert_eq!(got, want);
    }
}

#[test]
fn damage_in_a_document_ends_with_it_and_long_records_are_passed_over() {
    let (a, b) = (record("/a"), record("/b"));
    let cut = &a[..a.len() - 9];
    let long = record(&"x".repeat(3 << 20));
    let text = format!(
        "[{a},{cut}\n{{\"records\":[{b},{long},{a}]}}\nnot JSON\n{b}\n{{\"x\":\"{}\"}}\n[{a},{cut}",
        "y".repeat(3 << 20)
    );
    let kind = sniff(text.as_bytes(), &Formats::default()).unwrap();
    let (got, diags) = placed(text.as_bytes(), &kind);
    let want = [(1, &a), (2, &b), (2, &a), (4, &b), (6, &a)];
    let want: Vec<_> = want.iter().map(|(l, t)| (*l, (*t).clone())).collect();
    let got: Vec<_> = got.into_iter().map(|((l, _), t)| (l, t)).collect();
    assert_eq!(got, want);
    let diags: Vec<_> = diags.iter().map(|d| d.split(':').next().unwrap()).collect();
    let want = [
        "log-unfit 1",
        "log-line-cut 2",
        "log-unfit 3",
        "log-line-cut 5",
        "log-unfit 6",
    ];
    assert_eq!(diags, want);
}

#[test]
fn a_case_holds_each_record_of_a_document_once_and_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<String> = (0..3000).map(|n| record(&format!("/r/{n}"))).collect();
    std::fs::write(dir.path().join("a.json"), format!("[{}]", all.join(","))).unwrap();
    let run = |args: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .current_dir(dir.path())
            .env("XDG_STATE_HOME", dir.path().join("state"))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(0), "{args:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    };
    run(&["load", "a.json", "--case", "c.ltc"]);
    let conn = rusqlite::Connection::open(dir.path().join("c.ltc")).unwrap();
    let places: i64 = conn
        .query_row(
            "SELECT count(DISTINCT ord) FROM call WHERE unit=1",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(places, 3000);
    drop(conn);
    run(&["verify", "--case", "c.ltc"]);
}

#[test]
fn lines_that_a_runtime_cut_are_joined_stream_by_stream() {
    let line = |n: usize| record(&format!("/{n}/{}", "x".repeat(60)));
    let part = |n: u32, stream: &str, tag: &str, text: &str| {
        format!("2026-03-01T02:00:0{n}.123456789Z {stream} {tag} {text}\n")
    };
    let (a, b, c, d) = (line(0), line(1), line(2), line(3));
    let text = [
        part(0, "stdout", "P", &a[..20]),
        part(1, "stderr", "P", &b[..50]),
        part(2, "stdout", "P", &a[20..70]),
        part(3, "stdout", "F", &a[70..]),
        part(4, "stderr", "F", &b[50..]),
        part(5, "stdout", "F", &c),
    ]
    .concat();
    let rest = part(6, "stdout", "P", &d[..40]);
    // what is cut in every line is told as well as what is cut in none
    let kind = sniff(text.as_bytes(), &Formats::default()).unwrap();
    assert_eq!(kind.name(), "json+cri");
    let whole = format!("{text}{rest}");
    let (calls, diags) = read(whole.as_bytes(), &kind);
    let got: Vec<_> = calls
        .iter()
        .map(|c| (c.at.number, c.uri.clone().unwrap()))
        .collect();
    let path = |n: usize| format!("/{n}/{}", "x".repeat(60));
    assert_eq!(got, [(1, path(0)), (2, path(1)), (6, path(2))]);
    let (placed, _) = placed(whole.as_bytes(), &kind);
    assert!(placed[0].1.ends_with(&a[70..]) && placed[1].1.ends_with(&b[50..]));
    assert_eq!(diags.len(), 1, "{diags:?}");
    assert!(diags[0].starts_with("log-unfit 7"), "{diags:?}");

    // parts without an end are not gathered without one
    let mut long: String = (0..400)
        .map(|_| part(7, "stdout", "P", &"y".repeat(16_384)))
        .collect();
    long.push_str(&part(8, "stdout", "F", "y"));
    let (calls, diags) = read(format!("{text}{long}{text}").as_bytes(), &kind);
    assert_eq!(calls.len(), 6);
    assert_eq!(diags.len(), 1);
    assert!(diags[0].starts_with("log-line-cut 7"));
}
