//! Damaged and hostile files of other tools (HAR, mitmproxy, Burp, Zeek, Suricata) through the real binary: statuses of the
//! contract, damage counted, no panic, and twice as much takes at most twice as long.

use crate::cli::text;
use crate::support::growth::at_most_double;
use crate::support::random::Random;
use crate::tools::{Rig, fixture};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// Loads; gives the status, the calls, and the codes of all diags.
fn load(bytes: &[u8]) -> (i32, u64, String) {
    let rig = Rig::new();
    let out = rig.run(&["load", "--json", &rig.write("f", bytes)]);
    let said = text(&out.stderr);
    assert!(!said.contains("panicked"), "{said}");
    let code = out.status.code().unwrap();
    let Ok(sum) = serde_json::from_slice::<Value>(&out.stdout) else {
        assert!(
            code == 4 && said.contains("neither a capture"),
            "{code}: {said}"
        );
        return (code, 0, said);
    };
    let diags = sum["sources"][0]["diags"].to_string();
    (code, sum["calls"].as_u64().unwrap(), diags)
}

/// A file of each tool, and its calls.
fn whole() -> Vec<(&'static str, Vec<u8>, u64)> {
    let seed = |name: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        std::fs::read(root.join(name)).unwrap()
    };
    let fixed = |name| std::fs::read(fixture(name)).unwrap();
    vec![
        ("har", fixed("tools.har"), 18),
        ("mitmproxy", fixed("tools.flow"), 18),
        ("burp", seed("burp/coded"), 2),
        ("zeek", seed("logs/zeek"), 1),
        ("zeek-json", seed("logs/zeek-json"), 1),
        ("eve", seed("logs/eve"), 1),
    ]
}

#[test]
fn damage_is_counted_and_costs_what_it_hits() {
    let mut r = Random::new(11);
    for (name, whole, calls) in whole() {
        assert_eq!(load(&whole), (0, calls, load(&whole).2), "{name}");
        let mut with_mark = b"\xef\xbb\xbf".to_vec();
        with_mark.extend_from_slice(&whole);
        if name != "mitmproxy" {
            assert_eq!(load(&with_mark).1, calls, "{name} behind a byte order mark");
        }
        // each piece of the file: never more calls than whole, and what other tools wrote says that it is cut
        for tenth in [1, 4, 7, 9] {
            let (code, some, said) = load(&whole[..whole.len() * tenth / 10]);
            assert!(
                some <= calls && matches!(code, 0 | 3 | 4),
                "{name} {tenth}: {code}"
            );
            if matches!(name, "har" | "mitmproxy" | "burp") {
                assert!(
                    code == 4 || said.contains("truncated-file"),
                    "{name} {tenth}: {said}"
                );
            }
        }
        // noise and zeros behind the first half
        for noise in [true, false] {
            let mut bytes = whole[..whole.len() / 2].to_vec();
            bytes.extend((0..50_000).map(|_| if noise { r.next() as u8 } else { 0 }));
            let (code, some, said) = load(&bytes);
            assert!(some <= calls && matches!(code, 0 | 3 | 4), "{name}: {code}");
            let counted = [
                "truncated-file",
                "entry-damaged",
                "log-unfit",
                "log-line-cut",
            ];
            assert!(
                code == 4 || counted.iter().any(|c| said.contains(c)),
                "{name}: {said}"
            );
        }
        let wide: Vec<u8> = whole.iter().flat_map(|b| [*b, 0]).collect();
        let (code, some, said) = load(&[&b"\xff\xfe"[..], &wide].concat());
        // what other tools write is UTF-8 by its form; a log may have been saved anew
        let want = match name {
            "har" | "mitmproxy" | "burp" => (4, 0),
            _ => (0, calls),
        };
        assert_eq!((code, some), want, "{name} in UTF-16: {said}");
    }
}

#[test]
fn forms_that_lie_are_refused_by_their_reason() {
    let burp = |inside: &str| {
        format!("<?xml version=\"1.0\"?>\n<!DOCTYPE items [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>\n<items burpVersion=\"1\">{inside}</items>").into_bytes()
    };
    let item = "<item><time>Sun Mar 01 10:00:00 CET 2026</time><url>http://a/&f;</url><host>a</host><port>80</port><protocol>http</protocol><request base64=\"false\">GET /x?&f;&b; HTTP/1.1\r\n\r\n</request></item>";
    let rig = Rig::new();
    rig.load(&[&rig.write("f", &burp(item))]);
    let rows = rig.rows(&["calls", "--reveal"]);
    assert_eq!(
        rows[0]["uri"], "/x?&f;&b;",
        "entities of the file's own are text"
    );
    let entry = r#"{"startedDateTime":"2026-01-01T00:00:00Z","request":{"method":"GET","url":"http://h/a","headers":[]},"response":{"status":200,"headers":[],"content":{"size":1,"text":"x"}}}"#;
    let har = |more: &str| {
        format!("{{\"log\":{{\"version\":\"1.2\",\"entries\":[{entry},{more}]}}}}").into_bytes()
    };
    let deep = "{\"a\":".repeat(300_000);
    for (what, bytes, want) in [
        (
            "deep object",
            har(&format!("{deep}1{}", "}".repeat(300_000))),
            (3, 1, "entry-unfit"),
        ),
        (
            "open arrays",
            har(&"[".repeat(500_000)),
            (3, 1, "entry-damaged"),
        ),
        (
            "a time that is none",
            har(&entry.replace("2026", "999999999")),
            (3, 1, "entry-unfit"),
        ),
        (
            "an item without an end",
            burp(&format!("{item}<item><url>")),
            (3, 1, "truncated-file"),
        ),
        (
            "a file without an end",
            burp(item)[..burp(item).len() - 8].to_vec(),
            (3, 1, "truncated-file"),
        ),
        (
            "a length beyond the file",
            b"9999999999:7:version;2:21#".repeat(1000),
            (3, 0, "truncated-file"),
        ),
    ] {
        let (code, calls, said) = load(&bytes);
        assert_eq!((code, calls), (want.0, want.1), "{what}: {said}");
        assert!(said.contains(want.2), "{what}: {said}");
    }
}

/// What a file of a size holds.
type Make = fn(usize) -> Vec<u8>;

#[test]
fn twice_as_much_takes_at_most_twice_as_long() {
    let forms: [(&str, Make); 8] = [
        ("items without an end", |n| {
            [
                &b"<items burpVersion=\"1\">"[..],
                &b"<item>".repeat(n * 1000),
            ]
            .concat()
        }),
        ("sections without an end", |n| {
            let open = b"<item><![CDATA[".repeat(n * 500);
            [&b"<items burpVersion=\"1\">"[..], &open, b"</item>]]>"].concat()
        }),
        ("objects in a HAR", |n| {
            let open = "{\"a\":".repeat(n * 2000);
            format!("{{\"log\":{{\"version\":\"1.2\",\"entries\":[{open}").into_bytes()
        }),
        ("entries that are none", |n| {
            let none = "{},".repeat(n * 2000);
            format!("{{\"log\":{{\"version\":\"1.2\",\"entries\":[{none}1]}}}}").into_bytes()
        }),
        ("lengths beyond the file", |n| {
            b"9999999:7:version;2:21#".repeat(n * 300)
        }),
        ("netstrings in each other", |n| {
            let flow = std::fs::read(fixture("tools.flow")).unwrap();
            [&flow[..], &b"99:".repeat(n * 2000)].concat()
        }),
        ("headers of Zeek", |n| {
            let head = "#separator \\x09\n#path\thttp\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tmethod\thost\turi\tstatus_code\n";
            let line = "1772359200.5\tC1\t10.0.0.1\t5\t10.0.0.2\t80\tGET\th\t/a\t200\n";
            [line.as_bytes(), head.as_bytes()].concat().repeat(n * 30)
        }),
        ("open objects of Suricata", |n| {
            let line = "{\"event_type\":\"http\",\"timestamp\":\"2026-03-01T10:00:00.5+0100\",\"src_ip\":\"10.0.0.1\",\"src_port\":4,\"dest_ip\":\"10.0.0.2\",\"dest_port\":80,\"http\":{\"hostname\":\"h\",\"url\":\"/x\",\"http_method\":\"GET\",\"status\":200,\"length\":3}}\n";
            let open = format!("{{\"event_type\":\"http\",\"http\":{}\n", "[".repeat(3000));
            [line.repeat(2), open.repeat(n)].concat().into_bytes()
        }),
    ];
    let took = |bytes: &[u8]| -> Duration {
        let rig = Rig::new();
        let path = rig.write("f", bytes);
        let begin = Instant::now();
        let out = rig.run(&["load", &path]);
        assert!(
            matches!(out.status.code(), Some(0 | 3 | 4)),
            "{}",
            text(&out.stderr)
        );
        begin.elapsed()
    };
    for (name, make) in forms {
        at_most_double(name, (&make(400), &make(800)), 0.1, took);
    }
}
