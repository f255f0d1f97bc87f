//! How long a clue of 10,000 rows takes on a case of a million calls. Not a timed test: run it by hand with
//! `cargo test --release --test it trace_speed -- --ignored --nocapture`.

use crate::support::world::{Call, World};
use leaktrace::trace::Question;

#[test]
#[ignore = "makes a case of a million calls; run by hand in release"]
fn a_million_calls_and_ten_thousand_rows() {
    let calls: usize = std::env::var("TRACE_CALLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let started = std::time::Instant::now();
    let mut w = World::new();
    let mut x = 88_172_645_463_325_252u64;
    let mut next = move |n: usize| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 20) as usize % n
    };
    let mobile = |i: usize| format!("138{:08}", i * 7919 % 100_000_000);
    let mail = |i: usize| format!("u{i}@example.org");
    let people = calls / 5;
    let mut leaked: Vec<usize> = Vec::new();
    for i in 0..calls {
        let account = next(300) + 1;
        let ids: Vec<usize> = (0..3).map(|_| next(people)).collect();
        if account == 7 {
            leaked.extend(&ids);
        }
        let text: Vec<(String, String)> = ids.iter().map(|i| (mobile(*i), mail(*i))).collect();
        let rows: Vec<Vec<(&str, &str, &str)>> = text
            .iter()
            .map(|(a, b)| {
                vec![
                    ("cn-mobile", "mobile", a.as_str()),
                    ("email", "email", b.as_str()),
                ]
            })
            .collect();
        let body = w.list(&rows);
        w.call(Call {
            at: i as i64,
            src: "10.1.0.1",
            dst: "10.0.0.1",
            account,
            api: 1,
            resp: Some(body),
            ..Call::default()
        });
    }
    let names: Vec<String> = (0..300).map(|i| format!("a{i:03}")).collect();
    let accounts: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "person")).collect();
    let w = w.done(&accounts, &["GET x/y"]);
    leaked.sort_unstable();
    leaked.dedup();
    leaked.truncate(10_000);
    let mut clue = String::from("mobile,email\n");
    for i in &leaked {
        clue.push_str(&format!("{},{}\n", mobile(*i), mail(*i)));
    }
    println!("case of {calls} calls made in {:.1?}", started.elapsed());
    let started = std::time::Instant::now();
    let r = w.ask(Question::Clue {
        name: "c.csv".into(),
        bytes: clue.into_bytes(),
    });
    println!(
        "clue of {} rows: {:?} in {:.2?}",
        r.clue.rows,
        r.verdict.set,
        started.elapsed()
    );
    assert_eq!(r.verdict.set, ["a006"]);
}
