//! Makes a case of 5 GB of distinct decoded text (`LEAKTRACE_BENCH_MB` for another size), plants needles at known places, and asks
//! a hundred of them, absent, rare and common: how long all answers take, when the first hit is there, how soon a search ends that
//! is cancelled, and how much of the text the index takes. Every answer is held against what was planted.
//!
//! `cargo bench --bench text`. The case is made anew in a temporary folder each time. Not a test: it prints, you judge.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use leaktrace::call::model::*;
use leaktrace::case::text::index::{self, Size};
use leaktrace::case::writer::{NewSource, SourceEnd, Writer};
use leaktrace::case::{Case, bodies, open_read};
use leaktrace::query::find::{Depth, Texts};
use leaktrace::query::pattern::{How, word};
use leaktrace::query::{Cx, Filter, Page, read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};
use support::random::Random;
use support::texts::Vocabulary;

/// A needle and in how many bodies it stands; `None` where it is a word of the vocabulary.
struct Needle {
    text: String,
    times: Option<u64>,
}

/// First hit, whole answer, hits.
type Took = (Option<Duration>, Duration, u64);

fn needles(r: &mut Random) -> Vec<Needle> {
    let chinese: Vec<char> = "龘龖鱻麤飝骉犇猋淼焱垚矗".chars().collect();
    let letters: Vec<char> = "QXZJVKW0123456789-".chars().collect();
    let mut out = Vec::new();
    for times in [0, 1, 10, 1000] {
        for i in 0..20u64 {
            let text: String = if i % 4 == 3 {
                (0..3 + r.below(10)).map(|_| *r.pick(&chinese)).collect()
            } else {
                // hardly any order number or trace has these letters
                let len = 5 + r.below(34);
                let tail: String = (0..len).map(|_| *r.pick(&letters)).collect();
                format!("{}{tail}", r.pick(&['Q', 'X', 'Z']))
            };
            out.push(Needle {
                text,
                times: Some(times),
            });
        }
    }
    for w in [
        "order_no",
        "warehouse",
        "priority",
        "SHIPMENT",
        "returned",
        "pending",
        "konto",
        "straße",
        "reason",
        "damaged",
        "北京仓库",
        "已发货",
        "客户要求改期",
        "上海浦东",
        "express",
        "amount\":",
        "container",
        ",\"note\":\"",
        "kelvin",
        "trace\":\"0",
    ] {
        out.push(Needle {
            text: w.to_owned(),
            times: None,
        });
    }
    out
}

/// Bodies, made on threads of their own.
fn bodies_of(total: u64, seed: u64) -> Receiver<Vec<u8>> {
    let (send, out) = sync_channel(64);
    std::thread::spawn(move || {
        let mut r = Random::new(seed);
        let words = Vocabulary::new(&mut Random::new(5), 20_000);
        let mut made = 0u64;
        while made < total {
            let len = 1500 + r.below(4500) as usize;
            let b = words.json(&mut r, len).into_bytes();
            made += b.len() as u64;
            if send.send(b).is_err() {
                return;
            }
        }
    });
    out
}

/// Bodies that needles are planted in, the last of which is surely made.
fn places(total: u64) -> u64 {
    total / 5000
}

fn make(path: &Path, total: u64, needles: &[Needle]) -> u64 {
    let case = Case::create_or_open(path, &[("email", 2, "E-mail")], false).unwrap();
    let mut w = Writer::begin_load(&case).unwrap();
    let source = NewSource {
        name: "bench",
        kind: "pcap",
        sha256: Some([1; 32]),
        bytes: total,
        ..NewSource::default()
    };
    w.add_source(0, &source).unwrap();
    let mut r = Random::new(77);
    let count = places(total);
    let mut plant: Vec<(u64, usize)> = Vec::new();
    for (i, n) in needles.iter().enumerate() {
        let mut at = std::collections::BTreeSet::new();
        while (at.len() as u64) < n.times.unwrap_or(0).min(count / 4) {
            at.insert(r.below(count));
        }
        plant.extend(at.into_iter().map(|a| (a, i)));
    }
    plant.sort_unstable();
    let (from, text_of) = (
        Instant::now(),
        [bodies_of(total / 2, 1), bodies_of(total / 2, 2)],
    );
    let (mut unit, mut text, mut next) = (0u64, 0u64, 0usize);
    let mut compressor = bodies::Compressor::new().unwrap();
    'all: loop {
        for bodies in &text_of {
            let Ok(mut content) = bodies.recv() else {
                break 'all;
            };
            while let Some((at, n)) = plant.get(next)
                && *at == unit
            {
                let end = content.len() - 4;
                content.splice(end..end, needles[*n].text.bytes().chain(*b" "));
                next += 1;
            }
            text += content.len() as u64;
            w.put_call(call(unit, content)).unwrap();
            unit += 1;
        }
        for mut p in w.take_full_packs() {
            compressor.pack(&mut p).unwrap();
            w.put_pack(p).unwrap();
        }
        if unit.is_multiple_of(8192) {
            w.commit().unwrap();
        }
    }
    assert_eq!(next, plant.len(), "all needles are in it");
    w.finish_source(0, &SourceEnd::default()).unwrap();
    w.finish_load().unwrap();
    println!(
        "case: {unit} bodies, {:.2} GB of text, {:.2} GB on the disk, made in {:.0} s",
        text as f64 / 1e9,
        std::fs::metadata(path).unwrap().len() as f64 / 1e9,
        from.elapsed().as_secs_f64()
    );
    text
}

fn call(unit: u64, content: Vec<u8>) -> CallOut {
    let at = Unit {
        source: 0,
        number: unit + 1,
    };
    CallOut {
        at,
        ord: 0,
        done: true,
        flow: None,
        seq: [None; 2],
        parent: None,
        ts: unit as i64 * 1_000_000,
        end_ts: None,
        src: None,
        sport: None,
        dst: None,
        dport: None,
        proto: Proto::Http11,
        tls: false,
        method: Some("GET".into()),
        host: Some("orders.example".into()),
        uri: Some(format!("/orders/{unit}")),
        path: Some(format!("/orders/{unit}")),
        operation: None,
        op_note: None,
        dispatch: None,
        grpc_status: None,
        kind: "rest",
        status: Some(200),
        req_body_len: None,
        resp_body_len: None,
        req_type: None,
        resp_type: None,
        user_agent: None,
        flags: Flags::default(),
        heads: Vec::new(),
        req_body: None,
        resp_body: Some(BodyOut {
            len: content.len() as u64,
            key: u128::from(unit),
            content,
            kind: "json",
            ..BodyOut::default()
        }),
        req_facts: Packed::default(),
        resp_facts: Packed::default(),
        credentials: vec![],
        events: vec![],
        trace_id: None,
        locators: vec![Locator {
            source: 0,
            role: Role::Origin,
            first: unit + 1,
            last: unit + 1,
            range: None,
            ts: 0,
        }],
    }
}

fn show(what: &str, mut list: Vec<Duration>) {
    list.sort_unstable();
    let at = |p: usize| {
        list.get((list.len() * p / 100).min(list.len().saturating_sub(1)))
            .map_or(0.0, Duration::as_secs_f64)
    };
    println!(
        "  {what:<34} n {:>3}  p50 {:.3} s  p95 {:.3} s  max {:.3} s",
        list.len(),
        at(50),
        at(95),
        at(100)
    );
}

/// Asks needles one after the other; for each the time to the first hit and to the end, and how many bodies hold it.
fn ask(path: &Path, list: &[&Needle]) -> Vec<(Option<Duration>, Duration, u64)> {
    let conn = open_read(path).unwrap().conn;
    let stop = AtomicBool::new(false);
    list.iter()
        .map(|n| {
            let texts = Texts::default();
            let (from, mut first) = (Instant::now(), None);
            let mut found = 0u64;
            let pattern = word(&n.text, How::Contains);
            texts
                .learn(&conn, &pattern, false, Depth::All, &stop, &mut |p| {
                    if first.is_none() && !p.bodies.is_empty() {
                        first = Some(from.elapsed());
                    }
                    found = p.bodies.len() as u64;
                    true
                })
                .unwrap();
            (first, from.elapsed(), found)
        })
        .collect()
}

fn main() {
    let mb: u64 = std::env::var("LEAKTRACE_BENCH_MB")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(5000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.ltc");
    let needles = needles(&mut Random::new(31));
    let count = places(mb * 1_000_000);
    let text = make(&path, mb * 1_000_000, &needles);

    let some: Vec<&Needle> = needles.iter().step_by(25).collect();
    println!("without an index, all packs are read:");
    let bare = ask(&path, &some);
    show("whole answer", bare.iter().map(|t| t.1).collect());

    let from = Instant::now();
    index::build(
        &path,
        2,
        Size::default(),
        &AtomicBool::new(false),
        &mut |_| {},
    )
    .unwrap();
    let status = index::status(&open_read(&path).unwrap().conn).unwrap();
    println!(
        "index: made in {:.1} s, {:.1} % of the text; covers {:.1} % of it",
        from.elapsed().as_secs_f64(),
        status.index as f64 * 100.0 / text as f64,
        status.covered as f64 * 100.0 / text as f64
    );

    println!("with the index, 100 needles:");
    let all: Vec<&Needle> = needles.iter().collect();
    let got = ask(&path, &all);
    for (n, t) in needles.iter().zip(&got) {
        if let Some(times) = n.times {
            assert_eq!(t.2, times.min(count / 4), "{}", n.text);
        } else {
            assert!(t.2 > 0, "{}", n.text);
        }
    }
    show("whole answer", got.iter().map(|t| t.1).collect());
    show("first hit", got.iter().filter_map(|t| t.0).collect());
    for (name, times) in [
        ("absent", Some(0)),
        ("once", Some(1)),
        ("10 times", Some(10)),
        ("1000 times", Some(1000)),
        ("common", None),
    ] {
        let of = |pick: fn(&Took) -> Option<Duration>| -> Vec<Duration> {
            needles
                .iter()
                .zip(&got)
                .filter(|(n, _)| n.times == times)
                .filter_map(|(_, t)| pick(t))
                .collect()
        };
        show(&format!("{name}: whole answer"), of(|t| Some(t.1)));
        show(&format!("{name}: first hit"), of(|t| t.0));
    }

    // As the interface and the command line ask: a page of calls.
    let mut pages = Vec::new();
    for n in &needles {
        let cx = Cx::open(&path, false).unwrap();
        let f = Filter::parse(&format!("body:\"{}\"", n.text.replace('"', "\\\""))).unwrap();
        let from = Instant::now();
        let ids = read::call_ids(&cx, &f, &Page::first(200)).unwrap();
        pages.push(from.elapsed());
        let want = n.times.unwrap_or(200).min(count / 4).min(200);
        assert!(
            ids.len() as u64 == want,
            "{}: {} of {want}",
            n.text,
            ids.len()
        );
    }
    show("first page of `body:` by time", pages);

    // A search of everything, cancelled after a while.
    let conn = open_read(&path).unwrap().conn;
    let cancelled = (0..20u64).map(|i| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|s| {
            let (conn, stop) = (&conn, &stop);
            let set = s.spawn(move || {
                std::thread::sleep(Duration::from_millis(50 + i * 20));
                stop.store(true, Ordering::SeqCst);
                Instant::now()
            });
            let r = Texts::default().learn(
                conn,
                &word("q", How::Contains),
                false,
                Depth::All,
                stop,
                &mut |_| true,
            );
            let over = Instant::now();
            assert!(
                r.is_err() || mb < 2000,
                "a large search was cancelled before its end"
            );
            over.saturating_duration_since(set.join().unwrap())
        })
    });
    show("from cancel to its end", cancelled.collect());
}
