//! A session as a film, and calls as files.

use leaktrace::export::{self, Job};
use leaktrace::query::rows::CallRow;
use leaktrace::query::{Cx, Filter};
use leaktrace::replay::{Clock, Timeline, timeline::FOLDED_GAP_NS};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::AtomicBool;

fn row(id: i64, ms: i64, uri: &str, level: &'static str) -> CallRow {
    CallRow {
        rowid: id,
        ts_ns: 1_700_000_000_000_000_000 + ms * 1_000_000,
        id: format!("070707070707-{id}"),
        source: "a.pcap".into(),
        ts: leaktrace::query::read::time::rfc3339(1_700_000_000_000_000_000 + ms * 1_000_000),
        end_ts: Some(leaktrace::query::read::time::rfc3339(
            1_700_000_000_000_000_000 + ms * 1_000_000 + 500_000,
        )),
        src: Some("10.1.0.1".into()),
        sport: Some(1),
        dst: Some("10.0.0.1".into()),
        dport: Some(80),
        proto: "http/1.1",
        tls: false,
        method: Some("GET".into()),
        host: Some("h".into()),
        uri: Some(uri.into()),
        path: None,
        api: Some("GET h/list".into()),
        status: Some(200),
        grpc_status: None,
        req_body_len: None,
        resp_body_len: Some(100),
        req_content_len: None,
        resp_content_len: None,
        req_sha256: None,
        resp_sha256: None,
        req_type: None,
        resp_type: None,
        user_agent: None,
        account: None,
        account_conf: None,
        account_via: None,
        on_behalf_of: None,
        session: None,
        part_of: None,
        level: Some(level),
        classes: Vec::new(),
        records: Some(2),
        flags: Vec::new(),
        parent: None,
        locators: Vec::new(),
    }
}

fn page(before: u32, now: u32) -> leaktrace::query::read::compare::Changed {
    leaktrace::query::read::compare::Changed {
        part: "query",
        field: "page".into(),
        before: Some(before.to_string()),
        now: Some(now.to_string()),
        values: 1,
    }
}

fn film() -> Timeline {
    let rows = vec![
        row(3, 70_000, "/list?page=2&size=2", "S3"),
        row(1, 0, "/list?page=0&size=2", "S0"),
        row(2, 1_000, "/list?page=1&size=2", "S0"),
    ];
    Timeline::new(rows, &mut |c| match c.rowid {
        1 => vec![10, 11],
        2 => vec![12, 11, 11],
        _ => vec![13, 14],
    })
}

#[test]
fn steps_have_gaps_totals_and_differences() {
    let t = film();
    let rows: Vec<_> = t.rows().map(|r| (r.step, r.gap_us)).collect();
    assert_eq!(
        rows,
        [(1, None), (2, Some(1_000_000)), (3, Some(69_000_000))]
    );
    let json = serde_json::to_value(t.rows().nth(1).unwrap()).unwrap();
    assert_eq!(json["id"], "070707070707-2");
    assert_eq!(
        (json["gap_us"].clone(), json["step"].clone()),
        (1_000_000.into(), 2.into())
    );
    let sum = t.sum();
    assert_eq!(
        (
            sum.calls,
            sum.records,
            sum.people,
            sum.bytes,
            sum.first_high
        ),
        (3, 6, 5, 300, Some(2))
    );
    assert_eq!(t.totals(1).people, 3);
    let d = t.diff(1).unwrap();
    assert_eq!(d.changed, [page(0, 1)]);
    assert_eq!((d.same_api, d.new_people, d.repeated), (true, 1, 1));
    assert!(t.diff(0).is_none());
    assert_eq!(t.folds(3).len(), 1);
    assert_eq!(
        (t.next_high(0, true), t.next_high(2, false)),
        (Some(2), None)
    );
    assert_eq!(t.lanes().len(), 2);
    assert_eq!(t.steps()[0].took, Some(500_000));
}

#[test]
fn a_call_is_compared_with_the_one_before_of_its_api_and_names_its_credential() {
    let mut other = row(2, 1_000, "/one?x=1", "S0");
    other.api = Some("GET h/one".into());
    let rows = vec![
        row(1, 0, "/list?page=0", "S0"),
        other,
        row(3, 2_000, "/list?page=1", "S0"),
    ];
    let mut t = Timeline::new(rows, &mut |_| Vec::new());
    t.with_credentials(&mut |c| (c.rowid > 1).then(|| format!("cookie sid #{:08x}", c.rowid)));
    let d = t.diff(2).unwrap();
    assert!(d.same_api);
    assert_eq!(d.changed, [page(0, 1)]);
    assert!(!t.diff(1).unwrap().same_api);
    let by: Vec<_> = t.rows().map(|r| r.credential.map(str::to_owned)).collect();
    assert_eq!(
        by,
        [
            None,
            Some("cookie sid #00000002".into()),
            Some("cookie sid #00000003".into())
        ]
    );
}

#[test]
fn a_film_is_of_a_session_a_flow_or_an_account() {
    let l = super::cli::loaded();
    let session = l.rows(&["sessions", "account:wu.tao"])[0]["session"]
        .as_str()
        .unwrap()
        .to_owned();
    let by_session = l.rows(&["replay", &session]);
    let by_account = l.rows(&["replay", "wu.tao"]);
    assert!(by_session.len() > 100 && by_account.len() >= by_session.len());
    assert!(
        by_account
            .iter()
            .all(|r| r["account"] == "wu.tao" && r["session"].is_string())
    );
    // the same credential has the same print, and no secret stands in it
    let prints: std::collections::BTreeSet<&str> = by_session
        .iter()
        .filter_map(|r| r["credential"].as_str())
        .collect();
    assert!(!prints.is_empty() && prints.len() < 4, "{prints:?}");
    assert!(
        prints
            .iter()
            .all(|p| p.rsplit('#').next().unwrap().len() == 8),
        "{prints:?}"
    );
    // what went over one connection
    let flow = l
        .rows(&["flows", "app:http", "calls>1"])
        .into_iter()
        .find(|f| f["calls"].as_u64() > Some(1))
        .unwrap();
    let id = flow["id"].as_str().unwrap();
    let by_flow = l.rows(&["replay", id]);
    assert_eq!(Some(by_flow.len() as u64), flow["calls"].as_u64());
    for r in &by_flow {
        assert_eq!((&r["src"], &r["sport"]), (&flow["src"], &flow["sport"]));
    }
    assert_eq!(
        l.rows(&["calls", &format!("flow:{id}")]).len(),
        by_flow.len()
    );
    // steps count from 1 in order of time
    for (n, pair) in by_account.windows(2).enumerate() {
        assert_eq!(pair[0]["step"], n + 1);
        assert!(pair[0]["ts"].as_str() <= pair[1]["ts"].as_str());
    }
}

#[test]
fn the_clock_plays_folds_and_stops_at_the_end() {
    let t = film();
    let mut c = Clock {
        playing: true,
        folded: false,
        ..Clock::default()
    };
    assert_eq!(c.advance(500_000_000, &t).step(&t), 0);
    c = c.advance(1_000_000_000, &t);
    assert_eq!(c.step(&t), 1);
    for _ in 0..10 {
        c = c.faster();
    }
    assert_eq!(c.speed_name(), "x4096");
    c = c.advance(1_000_000_000, &t);
    assert_eq!((c.step(&t), c.playing), (2, false));
    let f = Clock {
        playing: true,
        folded: true,
        ..Clock::default()
    };
    assert_eq!(t.film_end(true), 1_000_000_000 + FOLDED_GAP_NS);
    assert_eq!(f.advance(2_000_000_000, &t).step(&t), 1);
    assert_eq!(f.advance(3_000_000_000, &t).step(&t), 2);
    // Folding keeps the step.
    let at = Clock::default().seek(2, &t).toggle_fold(&t);
    assert_eq!(at.step(&t), 2);
    assert_eq!(
        Clock::default()
            .advance(i64::MAX, &Timeline::default())
            .step(&Timeline::default()),
        0
    );
}

#[test]
fn exports_are_whole_private_and_in_the_journal() {
    let w = crate::support::world::world();
    let dir = tempfile::tempdir().unwrap();
    let cx = Cx::open(&w.case.path, false).unwrap();
    let stop = AtomicBool::new(false);
    let filter = Filter::all();
    let job = Job {
        cx: &cx,
        filter: &filter,
        filter_text: "",
        limit: 0,
        evidence: &[],
        report: &|_, _| Ok(String::new()),
        rules: "",
        stop: &stop,
    };
    for name in ["csv", "jsonl", "har"] {
        let out = dir.path().join(format!("out.{name}"));
        let done = export::export(export::find(name).unwrap(), &job, &out).unwrap();
        assert_eq!(done.calls, 174, "{name}");
        assert!(done.journal.is_some());
        let meta = std::fs::metadata(&out).unwrap();
        assert_eq!(
            (meta.permissions().mode() & 0o777, meta.len()),
            (0o600, done.bytes)
        );
        let text = std::fs::read_to_string(&out).unwrap();
        match name {
            "csv" => {
                let mut r = csv::Reader::from_reader(text.as_bytes());
                assert_eq!(r.headers().unwrap().get(0), Some("id"));
                assert_eq!(r.records().count(), 174);
            }
            "jsonl" => {
                for line in text.lines() {
                    let v: serde_json::Value = serde_json::from_str(line).unwrap();
                    assert!(v["id"].is_string());
                }
                assert_eq!(text.lines().count(), 174);
            }
            _ => {
                let v: serde_json::Value = serde_json::from_str(&text).unwrap();
                let e = v["log"]["entries"].as_array().unwrap();
                assert_eq!(e.len(), 174);
                assert_eq!(e[0]["response"]["status"], 200);
                assert_eq!(v["log"]["version"], "1.2");
            }
        }
    }
    // Packets are evidence in clear: not without asking for it. Nothing is left behind by what fails.
    let out = dir.path().join("x.pcapng");
    assert!(export::export(export::find("pcap").unwrap(), &job, &out).is_err());
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(
        export::export(
            export::find("csv").unwrap(),
            &job,
            &dir.path().join("y.csv")
        )
        .is_err()
    );
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(export::find("doc").is_err());
}
