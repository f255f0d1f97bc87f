//! Traces on small cases made by the case's own writer: who got what, how it moved, where it left.

use crate::support::world::{Call, Cell, World, mail, mobile, world};
use leaktrace::trace::{Options, Question, run};
use std::sync::atomic::AtomicBool;

fn clue(ids: std::ops::Range<usize>) -> Question {
    let mut text = String::from("mobile,email\n");
    for i in ids {
        text.push_str(&format!("{},{}\n", mobile(i), mail(i)));
    }
    Question::Clue {
        name: "c.csv".into(),
        bytes: text.into_bytes(),
    }
}

#[test]
fn a_clue_names_the_leaker_and_not_the_gateway() {
    let w = world();
    let r = w.ask(clue(0..40));
    assert_eq!(r.verdict.set, ["alice"], "{:#?}", r.verdict);
    assert!(!r.verdict.none && r.verdict.confidence > 0.9);
    assert_eq!((r.clue.rows, r.clue.matched_rows), (40, 40));
    let a = &r.suspects[0];
    assert_eq!(
        (a.account.as_str(), a.covered, a.of, a.read_total),
        ("alice", 40, 40, 60)
    );
    assert_eq!(a.apis, ["GET shop/list"]);
    assert_eq!(a.calls.len(), 4);
    assert!(
        a.evidence.iter().any(|e| e.kind == "exit" && e.bits > 0.0),
        "{:#?}",
        a.evidence
    );
    assert!(r.suspects.iter().all(|s| s.account != "gateway"));
    assert_eq!(r.trails.len(), 40);
}

#[test]
fn a_value_is_followed_from_the_store_to_the_outside() {
    let w = world();
    let r = w.ask(Question::Value(mobile(1)));
    assert_eq!(r.trails.len(), 1);
    let t = &r.trails[0];
    assert_eq!(t.record, "138****7919", "masked unless revealed");
    let hops: Vec<(String, String, &str)> = t
        .hops
        .iter()
        .filter(|h| h.account.as_deref() != Some("bob") && h.account.as_deref() != Some("carol"))
        .take(2)
        .map(|h| (h.from.clone().unwrap(), h.to.clone().unwrap(), h.link))
        .collect();
    assert_eq!(hops[0], ("10.0.0.2".into(), "10.0.0.1".into(), "origin"));
    let to_alice = t
        .hops
        .iter()
        .find(|h| h.account.as_deref() == Some("alice"))
        .unwrap();
    assert_eq!(
        (
            to_alice.from.as_deref(),
            to_alice.to.as_deref(),
            to_alice.link
        ),
        (Some("10.0.0.1"), Some("10.1.0.1"), "downstream")
    );
    assert_eq!(to_alice.place, "$[1].mobile");
    let out = t.hops.iter().find(|h| h.exit).unwrap();
    assert_eq!(
        (out.dir, out.link, out.via),
        ("req", "relay", Some(to_alice.n))
    );
    assert_eq!(t.exits.len(), 1);
    assert_eq!(t.exits[0].to, "203.0.113.9");
    assert!(t.hops.windows(2).all(|p| p[0].ts_ns <= p[1].ts_ns));
}

#[test]
fn a_code_that_no_class_covers_is_found_in_the_text() {
    let w = world();
    for v in ["ORD-77-XK", "ord-77-xk"] {
        let r = w.ask(Question::Value(v.into()));
        assert_eq!(r.trails.len(), 1, "{v}");
        assert_eq!(r.trails[0].hops[0].place, "$.order.no");
        assert_eq!(r.trails[0].hops[0].account.as_deref(), Some("bob"));
    }
    let none = w.ask(Question::Value("ORD-78-XK".into()));
    assert!(none.nothing() && none.verdict.none);
}

#[test]
fn an_account_and_a_record_have_their_trails() {
    let w = world();
    let r = w.ask(Question::Account("alice".into()));
    assert_eq!(r.suspects.len(), 1);
    assert_eq!(r.trails.len(), 60);
    assert!(r.trails.iter().filter(|t| !t.exits.is_empty()).count() == 40);
    assert!(
        r.trails
            .iter()
            .flat_map(|t| &t.hops)
            .all(|h| h.from.as_deref() == Some("10.1.0.1")
                || h.to.as_deref() == Some("10.1.0.1")
                || h.account.as_deref() == Some("gateway")),
    );
    let call = r.trails[3].hops[0].call.clone().unwrap();
    let rec = w.ask(Question::Record(format!("{call}#r4")));
    assert_eq!(rec.trails.len(), 1);
    assert_eq!(rec.clue.values, 2);
    assert!(rec.trails[0].hops.iter().any(|h| h.exit));
    for bad in ["nonsense", "070707070707-1#r99", "070707070707-9999#r1"] {
        assert!(
            run(
                &w.case.conn,
                &Question::Record(bad.into()),
                &Options::default(),
                &AtomicBool::new(false)
            )
            .is_err(),
            "{bad}"
        );
    }
}

#[test]
fn masked_reads_do_not_make_a_suspect() {
    let mut w = World::new();
    let ids: Vec<(String, String)> = (0..30).map(|i| (mobile(i), mail(i))).collect();
    let clear: Vec<Vec<Cell<'_>>> = ids
        .iter()
        .map(|(a, b)| {
            vec![
                ("cn-mobile", "mobile", a.as_str()),
                ("email", "email", b.as_str()),
            ]
        })
        .collect();
    let veiled: Vec<(String, String)> = ids
        .iter()
        .map(|(a, b)| (format!("{}****{}", &a[..3], &a[7..]), b.clone()))
        .collect();
    let masked: Vec<Vec<Cell<'_>>> = veiled
        .iter()
        .map(|(a, b)| {
            vec![
                ("cn-mobile", "mobile", a.as_str()),
                ("email", "email", b.as_str()),
            ]
        })
        .collect();
    let (full, part) = (w.list(&clear), w.list(&masked));
    // Somebody to be one of many.
    for i in 0..40 {
        let m = mobile(1000 + i);
        let other = w.list(&[vec![("cn-mobile", "mobile", m.as_str())]]);
        w.call(Call {
            at: i as i64,
            src: "10.1.0.9",
            dst: "10.0.0.1",
            account: 3,
            api: 1,
            resp: Some(other),
            ..Call::default()
        });
    }
    w.call(Call {
        at: 100,
        src: "10.1.0.1",
        dst: "10.0.0.1",
        account: 1,
        api: 1,
        resp: Some(full),
        ..Call::default()
    });
    w.call(Call {
        at: 200,
        src: "10.1.0.2",
        dst: "10.0.0.1",
        account: 2,
        api: 1,
        resp: Some(part),
        ..Call::default()
    });
    let w = w.done(
        &[
            ("full", "person"),
            ("masked", "person"),
            ("other", "person"),
        ],
        &["GET x/y"],
    );
    let r = w.ask(clue(0..30));
    assert_eq!(r.verdict.set, ["full"]);
    let m = r.suspects.iter().find(|s| s.account == "masked").unwrap();
    assert_eq!(m.covered, 0);
    assert!(
        m.evidence
            .iter()
            .any(|e| e.kind == "columns" && e.text.contains("masked"))
    );
}

#[test]
fn an_answer_keeps_the_contract_s_fields() {
    let w = world();
    let v = serde_json::to_value(w.ask(clue(0..5))).unwrap();
    let keys =
        |v: &serde_json::Value| -> Vec<String> { v.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&v)[..4], ["clue", "verdict", "suspects", "trails"]);
    assert_eq!(
        keys(&v["clue"])[..4],
        ["rows", "values", "matched_rows", "matched_values"]
    );
    assert_eq!(
        keys(&v["verdict"]),
        ["set", "ties", "none", "confidence", "why"]
    );
    assert_eq!(
        keys(&v["suspects"][0])[..11],
        [
            "account",
            "score",
            "covered",
            "of",
            "read_total",
            "exclusive_bits",
            "first",
            "last",
            "apis",
            "evidence",
            "calls"
        ]
    );
    assert_eq!(
        keys(&v["trails"][0]["hops"][0])[..14],
        [
            "n", "ts", "from", "to", "api", "account", "dir", "where", "form", "masked", "conf",
            "inferred", "call", "locator"
        ]
    );
    assert_eq!(
        keys(&v["trails"][0]["exits"][0]),
        ["to", "ts", "call", "form"]
    );
}

#[test]
fn masked_and_hashed_clues_find_what_is_in_clear() {
    use sha2::Digest as _;
    let w = world();
    let sha = |s: &str| -> String {
        sha2::Sha256::digest(s.as_bytes())
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect()
    };
    let mut text = String::from("phone,mail\n");
    for i in 0..40 {
        let m = mobile(i);
        text.push_str(&format!("{}****{},{}\n", &m[..3], &m[7..], sha(&mail(i))));
    }
    let r = w.ask(Question::Clue {
        name: "c.csv".into(),
        bytes: text.into_bytes(),
    });
    assert_eq!(r.clue.matched_rows, 40);
    assert_eq!(r.verdict.set, ["alice"], "{:?}", r.verdict);
    // Masks alone, each of one value.
    let m = mobile(1);
    let r = w.ask(Question::Value(format!("{}****{}", &m[..3], &m[7..])));
    assert!(r.trails[0].exits.iter().any(|e| e.to == "203.0.113.9"));
}

#[test]
fn an_export_of_everything_is_no_leak() {
    // Carol's host sends all that she ever received to a partner; the clue is what alice took and sent.
    let mut w = World::new();
    let list = |w: &World, ids: &[usize]| {
        let m: Vec<(String, String)> = ids.iter().map(|i| (mobile(*i), mail(*i))).collect();
        let rows: Vec<Vec<Cell<'_>>> = m
            .iter()
            .map(|(a, b)| {
                vec![
                    ("cn-mobile", "mobile", a.as_str()),
                    ("email", "email", b.as_str()),
                ]
            })
            .collect();
        w.list(&rows)
    };
    let all: Vec<usize> = (0..400).collect();
    for (account, src, ids, at) in [
        (1, "10.1.0.1", &all[..60], 100),
        (2, "10.1.0.2", &all[..], 200),
        (3, "10.1.0.3", &all[200..], 300),
    ] {
        let body = list(&w, ids);
        w.call(Call {
            at,
            src,
            dst: "10.0.0.1",
            account,
            api: 1,
            resp: Some(body),
            ..Call::default()
        });
    }
    for (src, ids, at) in [("10.1.0.1", &all[..40], 400), ("10.1.0.2", &all[..], 500)] {
        let body = list(&w, ids);
        w.call(Call {
            at,
            src,
            dst: "203.0.113.9",
            account: 4,
            api: 1,
            req: Some(body),
            ..Call::default()
        });
    }
    let w = w.done(
        &[
            ("alice", "person"),
            ("carol", "person"),
            ("dave", "person"),
            ("nobody", "unattributed"),
        ],
        &["GET x/y"],
    );
    let r = w.ask(clue(0..40));
    assert_eq!(r.verdict.set, ["alice"], "{:#?}", r.verdict);
    let exit = |name: &str| {
        r.suspects
            .iter()
            .find(|s| s.account == name)
            .and_then(|s| s.evidence.iter().find(|e| e.kind == "exit"))
            .map(|e| e.bits)
    };
    assert!(exit("alice").unwrap() > 20.0);
    assert_eq!(exit("carol"), Some(0.0));
}

#[test]
fn a_suspect_s_reads_are_those_that_it_is_suspected_for() {
    let w = world();
    let ask = |suspect: &str| {
        let o = Options {
            suspect: Some(suspect.into()),
            ..Options::default()
        };
        run(&w.case.conn, &clue(0..40), &o, &AtomicBool::new(false))
    };
    for name in ["alice", "bob", "carol"] {
        let r = ask(name).unwrap();
        let reads = r.reads.unwrap();
        let covered = r
            .suspects
            .iter()
            .find(|s| s.account == name)
            .map_or(0, |s| s.covered);
        assert_eq!(
            (reads.account.as_str(), reads.read, reads.of, reads.more),
            (name, covered, 40, 0)
        );
        assert_eq!(
            reads.rows.len(),
            40,
            "rows that were not read stand there too"
        );
        let read = reads.rows.iter().filter(|r| r.reads > 0).count() as u64;
        assert_eq!(read, covered);
        for (n, row) in (1..).zip(&reads.rows) {
            assert_eq!(row.row, n);
            assert_eq!(row.reads.min(8), row.calls.len() as u64);
            assert!(row.calls.windows(2).all(|w| w[0].ts <= w[1].ts));
            assert!(
                row.values
                    .iter()
                    .all(|v| v.read.is_some() == (row.reads > 0)),
                "{row:#?}"
            );
        }
    }
    let r = ask("alice").unwrap();
    let row = &r.reads.unwrap().rows[3];
    assert_eq!(
        row.values[0].value,
        leaktrace::detect::mask::show("cn-mobile", &mobile(3))
    );
    assert_eq!(row.calls[0].api.as_deref(), Some("GET shop/list"));
    assert!(r.suspects[0].calls.contains(&row.calls[0].call));
    let e = ask("nobody").unwrap_err().to_string();
    assert!(e.contains("no account nobody"), "{e}");
}
