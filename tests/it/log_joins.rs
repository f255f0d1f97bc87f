//! Lines of recorded logs against the capture of the same requests (`tests/record/logs.py`): each line has the id of its request at
//! its end, which is cut off before loading, and the capture has it in a header. Clocks are set wrong, lines are lost, late, or
//! of other requests. Figures are printed: `cargo test --test it log_joins -- --nocapture`.

use crate::support::random::Random;
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::rows::SourceRow;
use leaktrace::query::{Cx, Filter, read};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The least that precision and recall may be.
const LEAST: f64 = 0.99;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs");
    std::fs::read(path.join(name)).unwrap()
}

/// The capture with its clock ahead by so many microseconds.
fn capture(ahead: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&fixture("busy.pcap.gz")[..])
        .read_to_end(&mut bytes)
        .unwrap();
    let word = |b: &[u8], at: usize| u32::from_le_bytes(b[at..at + 4].try_into().unwrap());
    let mut at = 24;
    while at + 16 <= bytes.len() {
        let us = i64::from(word(&bytes, at)) * 1_000_000 + i64::from(word(&bytes, at + 4)) + ahead;
        let len = word(&bytes, at + 8) as usize;
        bytes[at..at + 4].copy_from_slice(&u32::try_from(us / 1_000_000).unwrap().to_le_bytes());
        bytes[at + 4..at + 8]
            .copy_from_slice(&u32::try_from(us % 1_000_000).unwrap().to_le_bytes());
        at += 16 + len;
    }
    bytes
}

/// A line with its time so many seconds later.
fn shifted(line: &str, later: i64) -> String {
    let (begin, rest) = line.split_once('[').unwrap();
    let (time, rest) = rest.split_once(']').unwrap();
    let at = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time)
        .unwrap()
        .to_timestamp()
        .unwrap();
    let at = jiff::tz::TimeZone::UTC.to_datetime(at + jiff::SignedDuration::from_secs(later));
    format!("{begin}[{}]{rest}", at.strftime("%d/%b/%Y:%H:%M:%S +0000"))
}

/// Lines and the ids of their requests; the clock ahead by so many seconds.
fn lines(name: &str, ahead: i64) -> Vec<(String, String)> {
    let text = String::from_utf8(fixture(name)).unwrap();
    text.lines()
        .map(|line| {
            let (line, id) = line.rsplit_once(" rid=").unwrap();
            (shifted(line, ahead), id.to_owned())
        })
        .collect()
}

/// What came of it: right joins, joins, lines that have a call; and the sources.
struct Outcome {
    right: u64,
    joined: u64,
    lines: u64,
    sources: Vec<SourceRow>,
}

/// Loads the capture with logs; an empty id is of a line that has no call in it. `alike` takes a call of the same client, request
/// and second for right: where lines are not in order nobody can tell more.
fn load(capture: &[u8], logs: &[(&str, Vec<(String, String)>)], alike: bool) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let mut files = vec![dir.path().join("busy.pcap")];
    std::fs::write(&files[0], capture).unwrap();
    for (name, lines) in logs {
        let path = dir.path().join(name);
        let text: String = lines.iter().map(|(l, _)| format!("{l}\n")).collect();
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    let case = dir.path().join("t.ltc");
    let options = LoadOptions {
        files,
        case: case.clone(),
        ..LoadOptions::default()
    };
    run(&options, &Progress::default()).unwrap();
    let cx = Cx::open(&case, false).unwrap();
    let sources = read::sources(&cx, &Filter::all()).unwrap();
    let mut stmt = cx
        .conn
        .prepare(
            "SELECT s.name,l.unit,c.trace_id,hex(c.src),c.method_id||' '||c.uri||' '||coalesce(c.ua_id,0)||' '||c.status,c.end_ts \
             FROM call l JOIN source s ON s.id=l.source_id JOIN call_fact f ON f.call_id=l.id JOIN call c ON c.id=f.joined",
        )
        .unwrap();
    type Row = (String, u32, String, String, String, i64);
    let rows: Vec<Row> = stmt
        .query_map([], |r| {
            Ok((
                r.get(0)?,
                r.get(1)?,
                r.get(2)?,
                r.get(3)?,
                r.get(4)?,
                r.get(5)?,
            ))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    // the same request has two calls, before and behind the gateway
    let mut calls: BTreeMap<(String, String), (String, i64)> = BTreeMap::new();
    let mut stmt = cx
        .conn
        .prepare(
            "SELECT hex(src),trace_id,method_id||' '||uri||' '||coalesce(ua_id,0)||' '||status,end_ts FROM call WHERE trace_id IS NOT NULL",
        )
        .unwrap();
    let mut all = stmt.query([]).unwrap();
    while let Some(r) = all.next().unwrap() {
        let key = (r.get(0).unwrap(), r.get(1).unwrap());
        calls.insert(key, (r.get(2).unwrap(), r.get(3).unwrap()));
    }
    assert_eq!(calls.len(), 960, "every request is captured twice");
    let (mut right, mut joined) = (0, 0);
    for (name, line, id, src, what, end) in &rows {
        let log = logs.iter().find(|(n, _)| name.ends_with(n)).unwrap();
        let truth = &log.1[*line as usize - 1].1;
        // the gateway's log tells of what clients asked, the other of what the gateway asked
        let gateway = src.ends_with("7F000009");
        assert_eq!(gateway, log.0 == "gunicorn", "{name} {line}");
        joined += 1;
        let same = || {
            let true_call = calls.get(&(src.clone(), truth.clone()));
            alike && true_call.is_some_and(|(w, e)| w == what && (e - end).abs() < 1_000_000_000)
        };
        right += u64::from(id == truth || same());
    }
    let lines = logs
        .iter()
        .flat_map(|(_, l)| l)
        .filter(|(_, id)| !id.is_empty());
    Outcome {
        right,
        joined,
        lines: lines.count() as u64,
        sources,
    }
}

impl Outcome {
    fn check(&self, what: &str, skews: &[(&str, f64)]) {
        let precision = self.right as f64 / self.joined.max(1) as f64;
        let recall = self.right as f64 / self.lines.max(1) as f64;
        let said: Vec<_> = self
            .sources
            .iter()
            .filter_map(|s| Some((s.name.as_str(), s.joined?, s.skew_ms)))
            .collect();
        println!(
            "{what:<40} precision {precision:.4} recall {recall:.4}   ({} right of {} joins, {} lines) {said:?}",
            self.right, self.joined, self.lines
        );
        assert!(precision >= LEAST && recall >= LEAST, "{what}");
        for (name, want) in skews {
            let source = self
                .sources
                .iter()
                .find(|s| s.name.ends_with(name))
                .unwrap();
            let skew = source
                .skew_ms
                .unwrap_or_else(|| panic!("{what}: no skew of {name}"));
            assert!(
                (skew as f64 / 1000.0 - want).abs() < 0.3,
                "{what}: {name} {skew} ms instead of {want} s"
            );
        }
    }
}

#[test]
fn lines_join_their_calls_under_clocks_that_are_wrong() {
    for (nginx, gunicorn, captured) in [
        (0, 0, 0),
        (1, -1, 0),
        (-3600, 3600, 0),
        (47, -59, 0),
        (3600, 0, 300_000),
        (0, 7, -650_000),
        (-2, 3599, 999_000),
    ] {
        let logs = [
            ("nginx", lines("nginx-busy.log", nginx)),
            ("gunicorn", lines("gunicorn-busy.log", gunicorn)),
        ];
        let off = captured as f64 / 1e6;
        load(&capture(captured), &logs, false).check(
            &format!("ahead by {nginx} s, {gunicorn} s, {off} s"),
            &[
                ("nginx", nginx as f64 - off),
                ("gunicorn", gunicorn as f64 - off),
            ],
        );
    }
}

#[test]
fn lines_join_one_to_one_where_some_are_lost_late_or_strangers() {
    let mut random = Random::new(11);
    for ahead in [0, -3600, 13] {
        // lost: every third line is not there
        let mut n = 0;
        let lost: Vec<_> = lines("nginx-busy.log", ahead)
            .into_iter()
            .filter(|_| {
                n += 1;
                n % 3 != 0
            })
            .collect();
        load(&capture(0), &[("nginx", lost)], true).check(
            &format!("a third lost, {ahead} s"),
            &[("nginx", ahead as f64)],
        );
        // late: several processes write their buffers one after the other
        let mut late = lines("gunicorn-busy.log", ahead);
        for chunk in late.chunks_mut(40) {
            random.shuffle(chunk);
        }
        load(&capture(0), &[("gunicorn", late)], true).check(
            &format!("out of order, {ahead} s"),
            &[("gunicorn", ahead as f64)],
        );
        // strangers: the same requests as many again, at other times of the half hour behind
        let mut log = lines("nginx-busy.log", ahead);
        let later: Vec<_> = log
            .iter()
            .map(|(line, _)| {
                (
                    shifted(line, i64::try_from(100 + random.below(1700)).unwrap()),
                    String::new(),
                )
            })
            .collect();
        log.extend(later);
        load(&capture(0), &[("nginx", log)], false).check(
            &format!("as many strangers, {ahead} s"),
            &[("nginx", ahead as f64)],
        );
    }
}
