//! Reports and pictures of movement: what they must say, what must never stand in them, and hostile evidence.

use crate::cli::{loaded, text};
use crate::support::wire;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const CLUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/leaked-rows.csv");

fn written(args: &[&str], name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join(name);
    let o = loaded().run(&[&["report", "-o", out.to_str().unwrap()], args].concat());
    assert_eq!(o.status.code(), Some(0), "{}", text(&o.stderr));
    let mode = std::fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::read_to_string(&out).unwrap()
}

/// Values of the leaked rows, header left out.
fn leaked() -> Vec<String> {
    let mut rows = csv::Reader::from_path(CLUE).unwrap();
    rows.records()
        .flat_map(|r| r.unwrap().iter().map(str::to_owned).collect::<Vec<_>>())
        .filter(|v| v.len() >= 9)
        .collect()
}

/// Elements and attributes of a page that is read as XML: whatever evidence could add would show.
fn elements(page: &str) -> BTreeSet<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(page);
    let mut out = BTreeSet::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(e) | Event::Empty(e) => {
                let name = e.name().as_ref().to_owned();
                for a in e.attributes() {
                    let a = a.unwrap();
                    let key = a.key.as_ref().to_owned();
                    assert!(!key.starts_with("on"), "{name} {key}");
                    if key == "href" {
                        assert!(a.value.starts_with("#call-"), "{name} {:?}", a.value);
                    }
                    assert_ne!(key, "src");
                }
                out.insert(name);
            }
            Event::Eof => return out,
            _ => {}
        }
    }
}

fn ours() -> BTreeSet<String> {
    "html head meta title style body h1 h2 h3 p ul li dl dt dd div table thead tbody tr th td a code strong figure svg defs \
     marker path g text rect"
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_report_answers_and_every_statement_leads_to_a_place() {
    let page = written(&["--clue", CLUE], "r.html");
    for said in [
        "<strong>wu.tao</strong>",
        "150 of 150 rows",
        "not a finding of guilt",
        "Cause, as a hypothesis",
        "bulk-read",
        "198.51.100.23",
    ] {
        assert!(page.contains(said), "{said}");
    }
    for s in loaded().rows(&["sources"]) {
        assert!(page.contains(s["sha256"].as_str().unwrap()));
    }
    let links: BTreeSet<&str> = page
        .split("href=\"#")
        .skip(1)
        .map(|s| s.split('"').next().unwrap())
        .collect();
    let places: BTreeSet<&str> = page
        .split("<tr id=\"")
        .skip(1)
        .map(|s| s.split('"').next().unwrap())
        .collect();
    assert!(links.len() > 50, "{}", links.len());
    assert_eq!(
        links, places,
        "each call that is named has its place, and no other"
    );
    assert!(page.contains("shop.pcap.zst 1852-1901 (origin)"));
    assert!(elements(&page).is_subset(&ours()), "{:?}", elements(&page));
    let journal = loaded().run(&[
        "sql",
        "SELECT detail FROM acts WHERE act='export' AND detail LIKE '%report html%'",
        "--json",
    ]);
    assert!(
        text(&journal.stdout).contains("leaked-rows.csv"),
        "{}",
        text(&journal.stderr)
    );
}

/// What says how a column is set is no part of a heading.
#[test]
fn headings_are_words() {
    for args in [&["--clue", CLUE][..], &[]] {
        let page = written(args, "r.html");
        let mut heads = 0;
        for tag in [
            "<h1>",
            "<h2>",
            "<h3>",
            "<th>",
            "<th class=\"n\">",
            "<th class=\"t\">",
        ] {
            for (at, _) in page.match_indices(tag) {
                let word = &page[at + tag.len()..];
                assert!(!word.starts_with(['@', '#']), "{}", &word[..20]);
                heads += 1;
            }
        }
        assert!(heads > 10);
        let plain = written(args, "r.md");
        let bad = |l: &&str| {
            l.trim_start_matches(['#', ' ']).starts_with(['@', '\\']) && l.starts_with('#')
        };
        assert_eq!(plain.lines().find(bad), None);
    }
}

#[test]
fn values_are_masked_unless_they_are_asked_for() {
    let values = leaked();
    for name in ["m.html", "m.md"] {
        let page = written(&["--clue", CLUE], name);
        let shown: Vec<&String> = values.iter().filter(|v| page.contains(*v)).collect();
        assert!(shown.is_empty(), "{name}: {shown:?}");
    }
    let page = written(&["--clue", CLUE, "--reveal"], "c.html");
    assert!(values.iter().any(|v| page.contains(v)));
    assert!(page.contains("shown in clear: this was asked for"));
    let value = &values[0];
    let page = written(&["--value", value], "v.md");
    assert!(!page.contains(value) && page.contains("Where was this value seen"));
}

#[test]
fn without_a_question_it_tells_what_is_there() {
    let page = written(&[], "here.md");
    assert!(page.starts_with("# What the evidence holds\n"));
    assert!(page.contains("mask-differs") && page.contains("gateway-access.log"));
    assert!(!page.contains("## Suspects"));
    let o = loaded().run(&["report", "-o", "/nowhere/x.pdf"]);
    assert_eq!(o.status.code(), Some(2), "another ending is a wrong use");
}

#[test]
fn movement_is_drawn_in_four_forms() {
    for (form, has) in [
        ("mermaid", "==>"),
        ("dot", "digraph movement {"),
        ("svg", "<svg "),
        ("json", "\"paths\""),
    ] {
        let o = loaded().run(&["trace", "--clue", CLUE, "--graph", form]);
        assert_eq!(o.status.code(), Some(0), "{}", text(&o.stderr));
        let t = text(&o.stdout);
        assert!(t.contains(has) && t.contains("198.51.100.23"), "{form}");
    }
    let o = loaded().run(&["trace", "--clue", CLUE, "--graph", "json"]);
    let g: Value = serde_json::from_slice(&o.stdout).unwrap();
    let names: Vec<&str> = g["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["address"].as_str().unwrap())
        .collect();
    // the way out of most records ends at the outside address and passes the gateway
    let way: Vec<&str> = g["paths"][0]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| names[i.as_u64().unwrap() as usize])
        .collect();
    assert_eq!(way.last(), Some(&"198.51.100.23"), "{way:?}");
    assert!(way.len() >= 4, "{way:?}");
    let o = loaded().run(&["trace", "--clue", CLUE, "--graph", "png"]);
    assert_eq!(o.status.code(), Some(2));
}

/// A call whose path, host, agent, account and body want to be markup.
fn hostile(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("evil.pcap");
    let mut w = wire::Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
    let mut c = w
        .open(
            (Ipv4Addr::new(10, 0, 0, 1), 40000),
            (Ipv4Addr::new(203, 0, 113, 5), 80),
        )
        .unwrap();
    for evil in [
        "<script>document.title='owned'</script>",
        "\"><img/src=x/onerror=alert(1)>",
        "](javascript:alert(1))|`x`|</td></table><h1>owned</h1>",
        "</svg><iframe/src=//x>\u{202e}",
    ] {
        use base64::Engine as _;
        let user = format!("{evil}:pw");
        let basic = base64::engine::general_purpose::STANDARD.encode(user);
        let target = format!("/a/{}", evil.replace(' ', "+"));
        let request = wire::request(
            "GET",
            "host-<b>x</b>",
            &target,
            &[
                ("Authorization", &format!("Basic {basic}")),
                ("User-Agent", evil),
            ],
            b"",
        );
        let body = serde_json::json!({"note": evil, "email": "ann@mail.example", evil: "13800138000", "mobile": "13800138000"});
        let response = wire::response(
            "200 OK",
            &[("Content-Type", "application/json")],
            body.to_string().as_bytes(),
        );
        w.exchange(&mut c, &request, &response).unwrap();
    }
    w.close(&mut c).unwrap();
    std::fs::write(&path, w.into_inner()).unwrap();
    path
}

#[test]
fn hostile_evidence_stays_text() {
    let dir = tempfile::tempdir().unwrap();
    let capture = hostile(dir.path());
    let case = dir.path().join("evil.ltc");
    let run = |args: &[&str]| {
        let o = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .arg("--case")
            .arg(&case)
            .env("XDG_STATE_HOME", dir.path())
            .output()
            .unwrap();
        assert_eq!(o.status.code(), Some(0), "{args:?} {}", text(&o.stderr));
    };
    run(&["load", capture.to_str().unwrap()]);
    let html = dir.path().join("e.html");
    let md = dir.path().join("e.md");
    run(&[
        "report",
        "--value",
        "13800138000",
        "-o",
        html.to_str().unwrap(),
    ]);
    run(&[
        "report",
        "--value",
        "13800138000",
        "-o",
        md.to_str().unwrap(),
    ]);
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("&lt;script&gt;"), "the evidence is there");
    assert!(elements(&page).is_subset(&ours()), "{:?}", elements(&page));
    assert!(!page.contains('\u{202e}'));
    // what is escaped is text
    let text = std::fs::read_to_string(&md).unwrap().replace("\\]", "");
    for bad in [
        "<script",
        "<img",
        "<h1",
        "](javascript",
        "<iframe",
        "\u{202e}",
    ] {
        assert!(!text.contains(bad), "{bad}");
    }
    let table: Vec<&str> = text.lines().filter(|l| l.starts_with("| ")).collect();
    let bars = |l: &str| {
        l.replace("\\\\", "")
            .replace("\\|", "")
            .matches('|')
            .count()
    };
    for pair in table
        .windows(2)
        .filter(|p| p[1].starts_with("| ---") || p[1].starts_with("| --:"))
    {
        assert_eq!(bars(pair[0]), bars(pair[1]), "{}", pair[0]);
    }
    in_a_browser(&html);
}

/// A real browser reads the page: no element of the evidence's making, no script ran.
fn in_a_browser(page: &Path) {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|b| Command::new(b).arg("--version").output().is_ok());
    let Some(browser) = found else {
        eprintln!("SKIPPED: no chromium: the report is not looked at in a browser");
        return;
    };
    let profile = tempfile::tempdir().unwrap();
    let o = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = text(&o.stdout);
    assert!(dom.contains("Where it stands"), "{}", text(&o.stderr));
    let title = dom.split("<title>").nth(1).unwrap();
    assert!(title.starts_with("Who had it"), "{title:.80}");
    for bad in ["<script", "<img", "<iframe", "<h1>owned", "<b>x"] {
        assert!(!dom.contains(bad), "{bad}");
    }
}
