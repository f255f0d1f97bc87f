use super::*;
use crate::trace::model::{Omitted, Trail};

fn hop(n: u32, from: &str, to: &str, via: Option<u32>) -> Hop {
    Hop {
        n,
        ts: Some(format!("2026-01-01T00:00:{n:02}.000000000Z")),
        from: Some(from.into()),
        to: Some(to.into()),
        api: Some("GET h/x".into()),
        account: Some("ann".into()),
        dir: "resp",
        place: "$.a".into(),
        form: "plain".into(),
        masked: false,
        conf: 1.0,
        inferred: false,
        call: Some(format!("c-{from}-{n}")),
        locator: None,
        value: None,
        values: 1,
        via,
        link: "origin",
        runners_up: Vec::new(),
        exit: false,
        at: None,
        forms: Vec::new(),
        call_rowid: None,
        ts_ns: None,
    }
}

/// Two records from a database over a gateway to a client, which sends one of them out; one goes to another client as well.
fn answer() -> TraceResult {
    let a = vec![
        hop(1, "db", "gw", None),
        hop(2, "gw", "client", Some(1)),
        Hop {
            exit: true,
            form: "base64>plain".into(),
            ..hop(3, "client", "203.0.113.9", Some(2))
        },
    ];
    let b = vec![
        hop(1, "db", "gw", None),
        Hop {
            masked: true,
            form: "mask".into(),
            ..hop(2, "gw", "other", Some(1))
        },
        Hop {
            exit: true,
            inferred: true,
            ts: None,
            ..hop(3, "client", "203.0.113.9", None)
        },
    ];
    let trail = |hops| Trail {
        record: "r".into(),
        hops,
        exits: Vec::new(),
        first_seen: None,
        last_clear: None,
    };
    TraceResult {
        trails: vec![trail(a), trail(b)],
        omitted: Omitted {
            trails: 7,
            ..Omitted::default()
        },
        ..TraceResult::default()
    }
}

fn edge<'a>(g: &'a Graph, from: &str, to: &str) -> &'a Edge {
    let name = |i: usize| g.nodes[i].address.as_str();
    g.edges
        .iter()
        .find(|e| name(e.from) == from && name(e.to) == to)
        .unwrap()
}

#[test]
fn trails_become_one_graph_with_counts() {
    let g = Graph::of(&answer());
    assert_eq!((g.records, g.omitted.0), (2, 7));
    let names: Vec<_> = g
        .nodes
        .iter()
        .map(|n| (n.address.as_str(), n.step, n.outside, n.origin))
        .collect();
    assert_eq!(
        names,
        [
            ("client", 0, false, true),
            ("db", 0, false, true),
            ("203.0.113.9", 1, true, false),
            ("gw", 1, false, false),
            ("other", 2, false, false),
        ]
    );
    let first = edge(&g, "db", "gw");
    assert_eq!((first.records, first.hops, first.path), (2, 2, true));
    assert_eq!(
        first.first.as_deref(),
        Some("2026-01-01T00:00:01.000000000Z")
    );
    let out = edge(&g, "client", "203.0.113.9");
    assert!(!out.inferred, "one of the two was captured");
    assert_eq!(out.forms, ["base64>plain", "plain"]);
    assert!(edge(&g, "gw", "other").masked && !edge(&g, "gw", "other").path);
    let ways: Vec<(Vec<&str>, u64)> = g
        .paths
        .iter()
        .map(|p| {
            let names = p.nodes.iter().map(|i| g.nodes[*i].address.as_str());
            (names.collect(), p.records)
        })
        .collect();
    assert_eq!(
        ways,
        [
            (vec!["db", "gw", "client", "203.0.113.9"], 1),
            (vec!["client", "203.0.113.9"], 1),
        ]
    );
    let (out, left) = g.ways_out();
    assert_eq!(left, 1, "the way to the other client");
    let steps: Vec<_> = out
        .nodes
        .iter()
        .map(|n| (n.address.as_str(), n.step))
        .collect();
    assert_eq!(
        steps,
        [("db", 0), ("gw", 1), ("client", 2), ("203.0.113.9", 3)],
        "each at its place on the first way that has it"
    );
    assert_eq!(edge(&out, "gw", "client").records, 1);
}

#[test]
fn a_chain_that_names_itself_ends() {
    let mut a = answer();
    a.trails[0].hops[0].via = Some(3);
    let g = Graph::of(&a);
    assert!(g.nodes.iter().all(|n| n.step <= 5));
}

#[test]
fn evidence_cannot_leave_its_quotes() {
    let mut a = answer();
    a.trails[0].hops[0].api =
        Some("GET h/\"];x|<script>alert(1)</script>\\N\u{202e}\u{1b}[31m]]>".into());
    a.trails[0].hops[0].to = Some("\"|]-->evil".into());
    a.trails[0].hops[1].from = Some("\"|]-->evil".into());
    let g = Graph::of(&a);
    for f in FORMATS {
        let text = (f.draw)(&g);
        assert!(
            !text.contains("<script>") || f.name == "json" || f.name == "dot",
            "{}: {text}",
            f.name
        );
        assert!(
            text.chars()
                .all(|c| c == '\n' || !crate::call::text::is_unsafe(c)),
            "{}",
            f.name
        );
        match f.name {
            "mermaid" => {
                for line in text
                    .lines()
                    .filter(|l| l.contains("==>") || l.contains("-->"))
                {
                    assert_eq!(line.matches('"').count(), 2, "{line}");
                    assert_eq!(line.matches('|').count(), 2, "{line}");
                }
            }
            "dot" => {
                for line in text.lines().filter(|l| l.contains("->")) {
                    let bare = line.replace("\\\\", "").replace("\\\"", "");
                    assert_eq!(bare.matches('"').count() % 2, 0, "{line}");
                    assert!(!bare.contains("\\N"), "{line}");
                }
            }
            "svg" => {
                let mut reader = quick_xml::Reader::from_str(&text);
                loop {
                    match reader.read_event() {
                        Ok(quick_xml::events::Event::Eof) => break,
                        Ok(_) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
            }
            _ => {
                let v: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(v["records"], 2);
            }
        }
    }
}
