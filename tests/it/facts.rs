//! Facts of a case written call by call: accounts, templates, columns, levels, joins, parents and counts as they are stored.

use leaktrace::call::model::*;
use leaktrace::case::writer::{NewSource, SourceEnd, Writer};
use leaktrace::case::{Case, marks};
use leaktrace::detect::Rules;
use leaktrace::detect::form::Form;
use leaktrace::facts::inside::Inside;
use leaktrace::load::finalise;
use std::net::IpAddr;

const S: i64 = 1_000_000_000;

fn open(path: &std::path::Path, rules: &Rules) -> Case {
    let classes: Vec<_> = rules
        .classes()
        .iter()
        .map(|c| (c.name.as_str(), c.level as u8, c.label.as_str()))
        .collect();
    Case::create_or_open(path, &classes, false).unwrap()
}

fn call(source: u32, unit: u64, ts: i64, src: &str, uri: &str) -> CallOut {
    CallOut {
        parent: None,
        at: Unit {
            source,
            number: unit,
        },
        ord: 0,
        done: true,
        flow: None,
        seq: [None; 2],
        ts,
        end_ts: Some(ts + S / 10),
        src: Some(src.parse::<IpAddr>().unwrap()),
        sport: Some(40000),
        dst: Some("10.0.0.2".parse().unwrap()),
        dport: Some(80),
        proto: Proto::Http11,
        tls: false,
        method: Some("GET".into()),
        host: Some("crm".into()),
        uri: Some(uri.into()),
        path: Some(uri.split('?').next().unwrap().into()),
        operation: None,
        op_note: None,
        dispatch: None,
        grpc_status: None,
        kind: "rest",
        status: Some(200),
        req_body_len: None,
        resp_body_len: Some(10),
        req_type: None,
        resp_type: Some("application/json".into()),
        user_agent: Some("curl".into()),
        flags: Flags::default(),
        heads: vec![],
        req_body: None,
        resp_body: None,
        req_facts: Packed::default(),
        resp_facts: Packed::default(),
        credentials: vec![],
        events: vec![],
        trace_id: None,
        locators: vec![],
    }
}

fn sid(print: u64) -> CredentialSeen {
    CredentialSeen {
        kind: "cookie",
        place: "cookie:sid".into(),
        print,
        name: None,
        claim: None,
        service: false,
    }
}

fn finding(class: u8, field: &str, record: u32, print: u64) -> RawFinding {
    RawFinding {
        class,
        form: Form::PLAIN,
        masked: false,
        conf: 95,
        field: field.into(),
        index: [record].into_iter().collect(),
        offset: u64::from(record) * 100,
        len: 11,
        record,
        print,
    }
}

fn body(n: u64, findings: Vec<RawFinding>, misses: Vec<Miss>) -> BodyOut {
    let content = format!("{{\"n\":{n}}}").into_bytes();
    BodyOut {
        message: None,
        len: content.len() as u64,
        content,
        sha256: None,
        key: u128::from(n),
        cut: None,
        codings: vec![],
        kind: "json",
        facts: Facts {
            findings,
            misses,
            records: 1,
            dropped: 0,
        }
        .into(),
    }
}

fn write(case: &Case, sources: &[(&str, [u8; 32])], calls: Vec<CallOut>) {
    let mut w = Writer::begin_load(case).unwrap();
    for (i, (kind, sha)) in (0u32..).zip(sources) {
        w.add_source(
            i,
            &NewSource {
                name: kind,
                kind,
                bytes: 1,
                sha256: Some(*sha),
                ..NewSource::default()
            },
        )
        .unwrap();
    }
    for c in calls {
        w.put_call(c).unwrap();
    }
    for (i, (_, sha)) in (0u32..).zip(sources) {
        w.finish_source(
            i,
            &SourceEnd {
                sha256: Some(*sha),
                bytes: 1,
                ..SourceEnd::default()
            },
        )
        .unwrap();
    }
    w.finish_load().unwrap();
}

fn text(case: &Case, sql: &str) -> Vec<String> {
    let mut s = case.conn.prepare(sql).unwrap();
    let n = s.column_count();
    let rows = s.query_map([], |r| {
        Ok((0..n)
            .map(|i| match r.get_ref(i).unwrap() {
                rusqlite::types::ValueRef::Null => "-".to_owned(),
                rusqlite::types::ValueRef::Integer(v) => v.to_string(),
                rusqlite::types::ValueRef::Real(v) => format!("{v}"),
                rusqlite::types::ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
                rusqlite::types::ValueRef::Blob(b) => format!("{b:?}"),
            })
            .collect::<Vec<_>>()
            .join(" | "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_small_case_is_decided_whole() {
    let dir = tempfile::tempdir().unwrap();
    let rules = Rules::builtin();
    let mut case = open(&dir.path().join("a.ltc"), &rules);
    let id = |n: &str| rules.class_id(n).unwrap();
    let mut calls = Vec::new();
    let mut login = call(0, 1, S, "10.0.0.9", "/login");
    login.method = Some("POST".into());
    login.events = vec![IdentityEvent::Login {
        name: "alice".into(),
        service: false,
        issued: vec![("cookie:sid".into(), 7)],
        sure: true,
    }];
    calls.push(login);
    for n in 0..4u32 {
        let mut c = call(
            0,
            2 + u64::from(n),
            (2 + i64::from(n)) * S,
            "10.0.0.9",
            &format!("/customers/{}", 100 + n * 7),
        );
        c.credentials = vec![sid(7)];
        let p = u64::from(n) * 10;
        c.resp_body = Some(body(
            u64::from(n) + 1,
            vec![
                finding(id("name"), "$.name", 1, p + 1),
                finding(id("email"), "$.mail", 1, p + 2),
                finding(id("cn-id"), "$.idCard", 1, p + 3),
                // nine of ten values of this column fail the check: it is an order number
                finding(id("bank-card"), "$.orderNo", 1, p + 4),
            ],
            vec![Miss {
                class: id("bank-card"),
                field: "$.orderNo".into(),
                count: 30,
            }],
        ));
        c.trace_id = Some(format!("trace-{n}-0000"));
        calls.push(c);
    }
    // behind: the same trace from the server to a backend, without a credential
    let mut inner = call(
        0,
        50,
        2 * S + S / 100,
        "10.0.0.2",
        "/internal/customers/100",
    );
    inner.dst = Some("10.0.0.3".parse().unwrap());
    inner.host = Some("backend".into());
    inner.end_ts = Some(2 * S + S / 20);
    inner.trace_id = Some("trace-0-0000".into());
    calls.push(inner);
    // the log of the same server, and one line that the capture does not have
    for (n, (t, uri)) in [
        (3, "/customers/107"),
        (4, "/customers/114"),
        (900, "/customers/5"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut l = call(1, n as u64 + 1, t * S, "10.0.0.9", uri);
        (l.proto, l.flags, l.end_ts, l.dst, l.host) =
            (Proto::Log, Flags::LOG_ONLY, None, None, None);
        calls.push(l);
    }
    write(
        &case,
        &[("pcap", [1; 32]), ("log:combined", [2; 32])],
        calls,
    );
    let counts = finalise::run(&mut case.conn, &rules, &Inside::default()).unwrap();
    assert_eq!(counts, finalise::counts(&case.conn).unwrap());
    assert_eq!((counts.calls, counts.findings), (7, 12));
    assert_eq!(
        text(
            &case,
            "SELECT name,kind,calls,sessions,level,records,val FROM account ORDER BY id"
        ),
        [
            r#"alice | person | 6 | 1 | 4 | 4 | {"cn-id":4,"email":4,"name":4}"#,
            "unattributed@10.0.0.9 | unattributed | 1 | 1 | 0 | 0 | {}",
        ]
    );
    assert_eq!(
        text(
            &case,
            "SELECT name,calls,ok,level,max_records,auth FROM api ORDER BY id"
        ),
        [
            "GET backend/internal/customers/{id} | 1 | 1 | 0 | 0 | []",
            r#"GET crm/customers/{id} | 5 | 5 | 4 | 1 | ["cookie"]"#,
            "POST crm/login | 1 | 1 | 0 | 0 | []",
        ]
    );
    let joined = text(
        &case,
        "SELECT call_id,joined FROM call_fact WHERE joined IS NOT NULL ORDER BY call_id",
    );
    assert_eq!(joined, ["7 | 3", "8 | 4"]);
    assert_eq!(
        text(
            &case,
            "SELECT call_id,parent_id FROM call_fact WHERE parent_id IS NOT NULL"
        ),
        ["6 | 2"]
    );
    let refused = text(
        &case,
        "SELECT t.v,c.name FROM field_class f JOIN term t ON t.id=f.field_id JOIN class c ON c.id=f.class_id WHERE accept=0",
    );
    assert_eq!(refused, ["$.orderNo | bank-card"]);
    // The login and what followed are one session; what they caused behind the front, and the log's lines of them, are in none.
    assert_eq!(
        text(
            &case,
            "SELECT s.uid,a.name,s.calls,s.via FROM session s JOIN account a ON a.id=s.account_id ORDER BY s.id"
        ),
        [
            "s010101010101-1 | alice | 5 | cookie-login",
            "s020202020202-3 | unattributed@10.0.0.9 | 1 | address",
        ]
    );
    assert_eq!(
        text(
            &case,
            "SELECT call_id FROM call_fact WHERE session_id IS NULL ORDER BY call_id"
        ),
        ["6", "7", "8"]
    );
    let cx = leaktrace::query::Cx::open(&dir.path().join("a.ltc"), false).unwrap();
    let inner = leaktrace::query::read::call_row(&cx, 6).unwrap().unwrap();
    assert_eq!(inner.session, None);
    assert_eq!(inner.part_of.as_deref(), Some("s010101010101-1"));
    drop(cx);

    // Deciding again says the same, and corrections hold.
    let before = text(&case, "SELECT * FROM call_fact");
    finalise::run(&mut case.conn, &rules, &Inside::default()).unwrap();
    assert_eq!(text(&case, "SELECT * FROM call_fact"), before);
    marks::correct(&case.conn, "account", "account:alice", "alice.smith").unwrap();
    marks::correct(&case.conn, "class", "email", "off").unwrap();
    let counts = finalise::run(&mut case.conn, &rules, &Inside::default()).unwrap();
    assert_eq!(counts.findings, 8);
    assert_eq!(
        text(
            &case,
            "SELECT name,calls FROM account ORDER BY calls DESC LIMIT 1"
        ),
        ["alice.smith | 6"]
    );
}

/// Prints how long deciding takes for a large case: `cargo test --release --test it facts::speed -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn speed() {
    let dir = tempfile::tempdir().unwrap();
    let rules = Rules::builtin();
    let mut case = open(&dir.path().join("a.ltc"), &rules);
    let id = |n: &str| rules.class_id(n).unwrap();
    let classes = [
        id("name"),
        id("email"),
        id("cn-mobile"),
        id("cn-id"),
        id("address"),
    ];
    let mut calls = Vec::new();
    for n in 0..150_000u64 {
        let mut c = call(
            0,
            n + 1,
            n as i64 * S / 50,
            &format!("10.1.{}.{}", n % 40, n % 200),
            &format!("/api/v1/customers/{}?x={n}", n * 7 % 100_003),
        );
        c.credentials = vec![sid(n % 300)];
        if n < 300 {
            c.events = vec![IdentityEvent::Login {
                name: format!("user{n}"),
                service: false,
                issued: vec![("cookie:sid".into(), n)],
                sure: true,
            }];
        }
        let findings = (0..10u32)
            .map(|k| {
                finding(
                    classes[k as usize % 5],
                    [
                        "$.items[*].name",
                        "$.items[*].email",
                        "$.items[*].phone",
                        "$.items[*].idCard",
                        "$.items[*].addr",
                    ][k as usize % 5],
                    k / 5 + 1,
                    n * 10 + u64::from(k),
                )
            })
            .collect();
        c.resp_body = Some(body(n + 1, findings, vec![]));
        calls.push(c);
    }
    write(&case, &[("pcap", [1; 32])], calls);
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let counts = finalise::run(&mut case.conn, &rules, &Inside::default()).unwrap();
        eprintln!("{counts:?} in {:.3} s", t.elapsed().as_secs_f64());
    }
}
