//! The case file written and read: loads that end, loads that are killed, a disk that fills up.

use leaktrace::call::model::*;
use leaktrace::case::writer::{NewSource, SourceEnd, Writer};
use leaktrace::case::{Case, bodies, ids, info, open_read, postings};
use leaktrace::detect::form::Form;
use leaktrace::error::Error;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

pub(super) const CLASSES: [(&str, u8, &str); 3] = [
    ("password", 4, "Password"),
    ("email", 2, "E-mail"),
    ("phone", 2, "Phone"),
];

pub(super) struct Folder(pub(super) tempfile::TempDir);
impl Folder {
    pub(super) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

pub(super) fn create(path: &Path) -> Case {
    Case::create_or_open(path, &CLASSES, false).unwrap()
}

pub(super) fn refused<T>(result: leaktrace::error::Result<T>) -> String {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(e @ Error::Case { .. }) => e.to_string(),
        Err(e) => panic!("another error: {e}"),
    }
}

pub(super) fn finding(class: u8, print: u64) -> RawFinding {
    RawFinding {
        class,
        form: Form::PLAIN,
        masked: false,
        conf: 90,
        field: "$.items[*].email".into(),
        index: [3].into_iter().collect(),
        offset: 17,
        len: 11,
        record: 1,
        print,
    }
}

pub(super) fn body(n: u64) -> BodyOut {
    let content = format!(
        "{{\"n\":{n},\"pad\":\"{}\"}}",
        "x".repeat((n % 50) as usize)
    )
    .into_bytes();
    BodyOut {
        len: content.len() as u64,
        key: u128::from(n) << 64 | 77,
        sha256: {
            use sha2::Digest;
            Some(sha2::Sha256::digest(&content).into())
        },
        content,
        kind: "json",
        facts: Facts {
            findings: vec![finding(1, n)],
            misses: vec![],
            records: 1,
            dropped: 0,
        }
        .into(),
        ..BodyOut::default()
    }
}

pub(super) fn call(source: u32, unit: u64) -> CallOut {
    CallOut {
        at: Unit {
            source,
            number: unit,
        },
        ord: 0,
        done: true,
        flow: Some(unit / 10),
        seq: [None; 2],
        parent: None,
        ts: unit as i64 * 1000,
        end_ts: Some(unit as i64 * 1000 + 500),
        src: "10.0.0.1".parse().ok(),
        sport: Some(4000),
        dst: "2001:db8::1".parse().ok(),
        dport: Some(80),
        proto: Proto::Http11,
        tls: false,
        method: Some("GET".into()),
        host: Some(format!("h{}.test", unit % 3)),
        uri: Some(format!("/u/{unit}?q=secret")),
        path: Some(format!("/u/{unit}")),
        operation: None,
        op_note: None,
        dispatch: None,
        grpc_status: None,
        kind: "rest",
        status: Some(200),
        req_body_len: None,
        resp_body_len: Some(9),
        req_type: None,
        resp_type: Some("application/json".into()),
        user_agent: Some("ua".into()),
        flags: Flags::default(),
        heads: vec![1, 3, b'a', b'b', b'c'],
        req_body: None,
        resp_body: Some(body(unit)),
        req_facts: Facts {
            findings: vec![finding(2, 1 << 40 | unit)],
            ..Facts::default()
        }
        .into(),
        resp_facts: Packed::default(),
        credentials: vec![],
        events: vec![IdentityEvent::Logout],
        trace_id: None,
        locators: vec![
            Locator {
                source,
                role: Role::Origin,
                first: unit,
                last: unit + 2,
                range: None,
                ts: unit as i64,
            },
            Locator {
                source,
                role: Role::Tap,
                first: unit + 100_000,
                last: unit + 100_001,
                range: Some((5, 6)),
                ts: 1,
            },
        ],
    }
}

pub(super) fn flow(id: u64) -> FlowInfo {
    let at = Stamp {
        ts: id as i64,
        unit: Unit {
            source: 0,
            number: id + 1,
        },
    };
    FlowInfo {
        id,
        first: at,
        last: at,
        client: ("10.0.0.1".parse().unwrap(), 1),
        server: ("10.0.0.2".parse().unwrap(), 2),
        transport: "tcp",
        app: "http",
        packets: 3,
        bytes_out: 1,
        bytes_in: 2,
        sni: None,
        alpn: None,
        client_print: None,
        tls: None,
        gaps: 0,
        calls: 10,
        why_opaque: None,
    }
}

pub(super) fn add_source<'c>(case: &'c Case, name: &str, sha: u8) -> Writer<'c> {
    let mut w = Writer::begin_load(case).unwrap();
    let source = NewSource {
        name,
        kind: "pcap",
        sha256: Some([sha; 32]),
        bytes: 10,
        ..NewSource::default()
    };
    w.add_source(0, &source).unwrap();
    w
}

pub(super) fn load(case: &Case, name: &str, sha: u8, units: std::ops::Range<u64>) {
    let mut w = add_source(case, name, sha);
    for unit in units {
        w.put_call(call(0, unit)).unwrap();
        if unit % 10 == 0 {
            w.put_flow(&flow(unit / 10)).unwrap();
            w.commit().unwrap();
        }
    }
    w.diag(0, "bad-checksum", 2, Some(7), None).unwrap();
    w.diag(0, "bad-checksum", 3, Some(4), None).unwrap();
    w.finish_source(
        0,
        &SourceEnd {
            packets: Some(900),
            bytes: 10,
            ..SourceEnd::default()
        },
    )
    .unwrap();
    w.finish_load().unwrap();
}

/// Every evidence table, in full.
pub(super) fn dump(conn: &Connection) -> Vec<String> {
    let mut out = Vec::new();
    for table in [
        "source", "diag", "term", "flow", "pack", "body", "call", "call_at", "posting",
    ] {
        let mut stmt = conn
            .prepare(&format!("SELECT * FROM {table} ORDER BY 1,2"))
            .unwrap();
        let n = stmt.column_count();
        let names: Vec<String> = stmt.column_names().map(|s| s.to_string()).collect();
        let mut rows = stmt.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..n)
                .filter(|i| names[*i] != "load_id")
                .map(|i| format!("{:?}", row.get_ref(i).unwrap()))
                .collect();
            out.push(format!("{table} {}", cells.join("|")));
        }
    }
    out
}

#[test]
fn what_is_written_is_read_again() {
    let dir = Folder::new();
    let path = dir.path("a.ltc");
    let case = create(&path);
    assert!(case.is_new());
    load(&case, "a.pcap", 0xab, 1..500);
    let key = case.print_key();
    drop(case);
    let read = open_read(&path).unwrap();
    assert_eq!(read.print_key(), key);
    assert!(
        !read.immutable && read.warnings.is_empty(),
        "{:?}",
        read.warnings
    );
    let id = ids::find_call(&read.conn, "abababababab-77")
        .unwrap()
        .unwrap();
    assert_eq!(
        ids::of_call(&read.conn, id).unwrap().unwrap(),
        "abababababab-77"
    );
    assert_eq!(
        ids::find_call(&read.conn, "abababababab-100077").unwrap(),
        Some(id),
        "by its tap"
    );
    assert_eq!(
        ids::find_call(&read.conn, "abababababab-99999").unwrap(),
        None
    );
    assert!(
        ids::find_flow(&read.conn, "fabababababab-2")
            .unwrap()
            .is_some()
    );
    let mut reader = bodies::BodyReader::new();
    for unit in [1u64, 77, 499] {
        let (call_row, body_row): (i64, i64) = read
            .conn
            .query_row(
                "SELECT id,resp_body_id FROM call WHERE unit=?1",
                [unit as i64],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .unwrap();
        assert_eq!(
            reader.get(&read.conn, body_row).unwrap(),
            body(unit).content
        );
        assert_eq!(
            reader
                .heads(&read.conn, call_row)
                .unwrap()
                .request
                .unwrap()
                .raw,
            b"abc"
        );
        assert_eq!(
            bodies::info(&read.conn, body_row).unwrap().unwrap().kind,
            "json"
        );
        let places = postings::lookup(&read.conn, &[unit, 1 << 40 | unit]).unwrap();
        assert_eq!(
            places,
            [
                (unit, postings::Target::Body(body_row)),
                (1 << 40 | unit, postings::Target::CallHead(call_row))
            ]
        );
    }
    let (n, first): (i64, i64) = read
        .conn
        .query_row("SELECT n,first_unit FROM diag", [], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })
        .unwrap();
    assert_eq!((n, first), (5, 4));
    let calls: i64 = read
        .conn
        .query_row("SELECT calls FROM source", [], |r| r.get(0))
        .unwrap();
    assert_eq!(calls, 499);
    assert!(info::is_stale(&read.conn).unwrap());
}

#[test]
fn equal_bodies_are_stored_once_also_in_later_loads() {
    let dir = Folder::new();
    let case = create(&dir.path("a.ltc"));
    load(&case, "a", 1, 1..50);
    load(&case, "b", 2, 20..60);
    let count = |sql: &str| -> i64 { case.conn.query_row(sql, [], |r| r.get(0)).unwrap() };
    assert_eq!(count("SELECT count(*) FROM body"), 59);
    assert_eq!(count("SELECT count(*) FROM call"), 89);
    assert_eq!(count("SELECT count(DISTINCT resp_body_id) FROM call"), 59);
    assert_eq!(count("SELECT count(*) FROM term WHERE v='GET'"), 1);
}

#[test]
fn a_killed_load_is_taken_back_and_gives_the_same_when_repeated() {
    let dir = Folder::new();
    let clean = create(&dir.path("clean.ltc"));
    load(&clean, "a", 1, 1..300);
    load(&clean, "b", 2, 250..600);
    let want = dump(&clean.conn);
    for killed_at in [1u64, 255, 261, 455, 599] {
        let path = dir.path(&format!("killed{killed_at}.ltc"));
        let image = dir.path(&format!("image{killed_at}.ltc"));
        let case = create(&path);
        load(&case, "a", 1, 1..300);
        let before = dump(&case.conn);
        {
            let mut w = add_source(&case, "b", 2);
            for unit in 250..killed_at.max(250) {
                w.put_call(call(0, unit)).unwrap();
                if unit % 10 == 0 {
                    w.put_flow(&flow(unit / 10)).unwrap();
                    w.close();
                    w.commit().unwrap();
                }
            }
            // What lies on disk at this moment is what kill -9 leaves: the case and its -wal.
            std::fs::copy(&path, &image).unwrap();
            std::fs::copy(
                dir.path(&format!("killed{killed_at}.ltc-wal")),
                dir.path(&format!("image{killed_at}.ltc-wal")),
            )
            .unwrap();
        }
        case.conn
            .execute(
                "INSERT INTO minute(t,level,calls,records) VALUES(1,2,3,4)",
                [],
            )
            .unwrap();
        assert!(dump(&case.conn).len() >= before.len());
        drop(case);
        let image = create(&image);
        assert_eq!(image.recovered(), 1);
        assert_eq!(dump(&image.conn), before, "killed at {killed_at}");
        load(&image, "b", 2, 250..600);
        assert_eq!(dump(&image.conn), want, "killed at {killed_at}");
        let case = create(&path);
        assert_eq!(case.recovered(), 1);
        assert_eq!(dump(&case.conn), before, "killed at {killed_at}");
        assert!(info::is_stale(&case.conn).unwrap());
        let facts: i64 = case
            .conn
            .query_row("SELECT count(*) FROM minute", [], |r| r.get(0))
            .unwrap();
        assert_eq!(
            facts, 0,
            "facts that may have counted what is gone are gone"
        );
        load(&case, "b", 2, 250..600);
        assert_eq!(dump(&case.conn), want, "killed at {killed_at}");
        drop(case);
        assert_eq!(create(&path).recovered(), 0);
    }
}

#[test]
fn a_call_that_was_not_done_is_completed_under_its_row() {
    let dir = Folder::new();
    let case = create(&dir.path("a.ltc"));
    let mut w = add_source(&case, "a", 1);
    let early = w
        .put_call(CallOut {
            done: false,
            status: None,
            resp_body: None,
            end_ts: None,
            ..call(0, 5)
        })
        .unwrap();
    w.commit().unwrap();
    let other = w.put_call(call(0, 6)).unwrap();
    assert_eq!(w.put_call(call(0, 5)).unwrap(), early);
    assert_ne!(other, early);
    assert_eq!(w.calls(), 2);
    w.finish_load().unwrap();
    let row: (i64, i64, i64, i64) = case
        .conn
        .query_row(
            "SELECT count(*), sum(done), sum(status), (SELECT count(*) FROM call_at) FROM call",
            [],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)),
        )
        .unwrap();
    assert_eq!(row, (2, 2, 400, 2));
}

#[test]
fn packs_may_be_compressed_elsewhere_and_must_come_back() {
    let dir = Folder::new();
    let case = create(&dir.path("a.ltc"));
    let mut w = add_source(&case, "a", 1);
    let mut big = body(1);
    big.content = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    (big.len, big.sha256) = (big.content.len() as u64, None);
    let want = big.content.clone();
    w.put_call(CallOut {
        resp_body: Some(big),
        ..call(0, 1)
    })
    .unwrap();
    w.put_call(call(0, 2)).unwrap();
    w.close();
    let full = w.take_full_packs();
    assert!(full.len() >= 2, "a large body has a pack of its own");
    w.commit().unwrap();
    {
        let read = open_read(&case.path).unwrap();
        let err = bodies::get(&read.conn, 1).unwrap_err();
        assert!(matches!(err, Error::NotYet(_)), "{err}");
    }
    for mut f in full {
        bodies::Compressor::new().unwrap().pack(&mut f).unwrap();
        w.put_pack(f).unwrap();
    }
    w.finish_load().unwrap();
    assert_eq!(bodies::get(&case.conn, 1).unwrap(), want);
    let mut w = Writer::begin_load(&case).unwrap();
    w.add_source(0, &NewSource::default()).unwrap();
    w.put_call(call(0, 9)).unwrap();
    w.close();
    assert_eq!(w.take_full_packs().len(), 1);
    assert!(refused(w.finish_load()).contains("did not come back"));
}

#[test]
fn the_log_is_copied_while_the_writer_goes_on() {
    use leaktrace::case::checkpoint::Checkpoints;
    let dir = Folder::new();
    let case = create(&dir.path("a.ltc"));
    let checkpoints = Checkpoints::start(&case, false).unwrap();
    let mut w = Writer::begin_load(&case).unwrap();
    w.add_source(0, &NewSource::default()).unwrap();
    let before = std::fs::metadata(&case.path).unwrap().len();
    let mut big = body(1);
    big.content = (0..6_000_000u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    (big.len, big.sha256) = (big.content.len() as u64, None);
    let want = big.content.clone();
    w.put_call(CallOut {
        resp_body: Some(big),
        ..call(0, 1)
    })
    .unwrap();
    w.close();
    w.commit().unwrap();
    let stored = w.stored();
    assert!(stored > 1 << 20, "{stored} bytes are too few to see");
    let copied = || std::fs::metadata(&case.path).unwrap().len() - before;
    assert!(copied() < stored, "the writer left it in the log");
    // a writer that goes on holds nothing up
    w.put_call(call(0, 2)).unwrap();
    checkpoints.ask();
    let patience = std::time::Instant::now();
    while copied() < stored {
        assert!(patience.elapsed().as_secs() < 20, "nothing was copied");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    w.finish_load().unwrap();
    drop(checkpoints);
    assert_eq!(bodies::get(&case.conn, 1).unwrap(), want);
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let dir = Folder::new();
    let path = dir.path("a.ltc");
    let case = create(&path);
    load(&case, "a", 1, 1..100);
    let before = dump(&case.conn);
    let pages: i64 = case
        .conn
        .query_row("PRAGMA page_count", [], |r| r.get(0))
        .unwrap();
    let _: i64 = case
        .conn
        .query_row(&format!("PRAGMA max_page_count={}", pages + 12), [], |r| {
            r.get(0)
        })
        .unwrap();
    let attempt = || -> leaktrace::error::Result<()> {
        let mut w = Writer::begin_load(&case)?;
        w.add_source(
            0,
            &NewSource {
                name: "b",
                kind: "pcap",
                ..NewSource::default()
            },
        )?;
        for unit in 1000..20_000 {
            w.put_call(call(0, unit))?;
            if unit % 50 == 0 {
                w.commit()?;
            }
        }
        w.finish_load()
    };
    let err = attempt().unwrap_err();
    assert!(err.to_string().contains("disk is full"), "{err}");
    assert_eq!(err.exit_code(), 4);
    drop(case);
    let case = create(&path);
    assert_eq!(case.recovered(), 1);
    assert_eq!(dump(&case.conn), before);
    let ok: String = case
        .conn
        .query_row("PRAGMA integrity_check", [], |r| r.get(0))
        .unwrap();
    assert_eq!(ok, "ok");
}
