//! Small cases written by the case's own writer, for traces: calls in a few words, lists of records as a scanner would find them.

use leaktrace::call::model::*;
use leaktrace::case::Case;
use leaktrace::case::writer::{NewSource, SourceEnd, Writer};
use leaktrace::detect::print::{PrintKey, PrintKind};
use leaktrace::detect::{Rules, normal};
use leaktrace::trace::{Options, Question, TraceResult, run};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// One value of a record: class, key, text.
pub type Cell<'a> = (&'a str, &'a str, &'a str);

/// A call in a few words.
#[derive(Default, Clone)]
pub struct Call {
    pub at: i64,
    pub src: &'static str,
    pub dst: &'static str,
    pub account: usize,
    pub api: usize,
    pub parent: usize,
    pub req: Option<BodyOut>,
    pub resp: Option<BodyOut>,
}

/// Makes cases.
pub struct World {
    /// Lives as long as the case.
    _dir: tempfile::TempDir,
    pub case: Case,
    rules: Rules,
    calls: Vec<Call>,
}

impl World {
    pub fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let rules = Rules::builtin();
        let defs: Vec<(&str, u8, &str)> = rules
            .classes()
            .iter()
            .map(|c| (c.name.as_str(), c.level as u8, c.label.as_str()))
            .collect();
        let case = Case::create_or_open(&dir.path().join("t.ltc"), &defs, false).unwrap();
        World {
            _dir: dir,
            case,
            rules,
            calls: Vec::new(),
        }
    }

    fn key(&self) -> PrintKey {
        self.case.print_key()
    }

    /// A JSON list of records with the findings that a scanner would give.
    pub fn list(&self, rows: &[Vec<Cell<'_>>]) -> BodyOut {
        let mut text = String::from("[");
        let mut facts = Facts::default();
        for (n, row) in rows.iter().enumerate() {
            text.push_str(if n > 0 { ",{" } else { "{" });
            for (i, (class, key, value)) in row.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&format!("\"{key}\":\""));
                if let Some(c) = self.rules.class_id(class) {
                    let masked = value.contains('*');
                    let print = if masked {
                        let first = value.find('*').unwrap();
                        let last = value.rfind('*').unwrap();
                        self.key().masked(
                            &value[..first],
                            value.chars().count(),
                            &value[last + 1..],
                        )
                    } else {
                        self.key()
                            .print(PrintKind::Value, normal(Some(class), value).as_bytes())
                    };
                    facts.findings.push(RawFinding {
                        class: c,
                        form: Default::default(),
                        masked,
                        conf: 95,
                        field: Arc::from(format!("$[*].{key}")),
                        index: [n as u32].into_iter().collect(),
                        offset: text.len() as u64,
                        len: value.len() as u32,
                        record: n as u32 + 1,
                        print,
                    });
                }
                text.push_str(value);
                text.push('"');
            }
            text.push('}');
        }
        text.push(']');
        facts.records = rows.len() as u32;
        self.body(text.into_bytes(), "json", facts)
    }

    pub fn body(&self, content: Vec<u8>, kind: &'static str, facts: Facts) -> BodyOut {
        use sha2::Digest as _;
        let sha: [u8; 32] = sha2::Sha256::digest(&content).into();
        BodyOut {
            message: None,
            len: content.len() as u64,
            sha256: Some(sha),
            key: u128::from_le_bytes(sha[..16].try_into().unwrap()),
            cut: None,
            codings: Vec::new(),
            kind,
            facts: facts.into(),
            content,
        }
    }

    /// Adds a call and gives its number from 1.
    pub fn call(&mut self, c: Call) -> usize {
        self.calls.push(c);
        self.calls.len()
    }

    /// Writes it all. Accounts are (name, kind), numbered from 1 as APIs are.
    pub fn done(mut self, accounts: &[(&str, &str)], apis: &[&str]) -> World {
        let calls = std::mem::take(&mut self.calls);
        let mut w = Writer::begin_load(&self.case).unwrap();
        w.add_source(
            0,
            &NewSource {
                name: "a.pcap",
                kind: "pcap",
                sha256: Some([7; 32]),
                ..NewSource::default()
            },
        )
        .unwrap();
        let ip = |s: &str| s.parse::<IpAddr>().ok();
        for (i, c) in calls.iter().enumerate() {
            let ts = c.at * 1_000_000;
            w.put_call(CallOut {
                parent: None,
                at: Unit {
                    source: 0,
                    number: i as u64 + 1,
                },
                ord: 0,
                done: true,
                flow: None,
                seq: [None; 2],
                ts,
                end_ts: Some(ts + 500_000),
                src: ip(c.src),
                sport: Some(40000),
                dst: ip(c.dst),
                dport: Some(80),
                proto: Proto::Http11,
                tls: false,
                method: Some("GET".into()),
                host: Some("h".into()),
                uri: Some("/".into()),
                path: Some("/".into()),
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
                req_body: c.req.clone(),
                resp_body: c.resp.clone(),
                req_facts: Packed::default(),
                resp_facts: Packed::default(),
                credentials: Vec::new(),
                events: Vec::new(),
                trace_id: None,
                locators: vec![Locator {
                    source: 0,
                    role: Role::Origin,
                    first: i as u64 + 1,
                    last: i as u64 + 1,
                    range: None,
                    ts,
                }],
            })
            .unwrap();
        }
        w.finish_source(
            0,
            &SourceEnd {
                sha256: Some([7; 32]),
                ..SourceEnd::default()
            },
        )
        .unwrap();
        w.finish_load().unwrap();
        let conn = &self.case.conn;
        conn.execute_batch("BEGIN").unwrap();
        for (i, (name, kind)) in accounts.iter().enumerate() {
            conn.execute(
                "INSERT INTO account(id,name,kind,conf,via,calls,sessions,clients,addresses,level,classes,records,val,risk,why)
                 VALUES(?1,?2,?3,1,'jwt',0,0,0,'[]',0,0,0,'{}',0,'')",
                (i as i64 + 1, name, kind),
            )
            .unwrap();
        }
        for (i, name) in apis.iter().enumerate() {
            conn.execute(
                "INSERT INTO api(id,name,kind,calls,accounts,ok,answered,level,classes,masked,records,max_records,auth,why)
                 VALUES(?1,?2,'rest',0,0,0,0,0,0,0,0,0,'[]','')",
                (i as i64 + 1, name),
            )
            .unwrap();
        }
        for (i, c) in calls.iter().enumerate() {
            conn.execute(
                "INSERT INTO call_fact(call_id,api_id,account_id,account_conf,account_via,level,classes,clear,masked,records,findings,parent_id)
                 VALUES(?1,?2,?3,1,'jwt',0,0,0,0,0,0,?4)",
                (
                    i as i64 + 1,
                    c.api as i64,
                    c.account as i64,
                    (c.parent > 0).then_some(c.parent as i64),
                ),
            )
            .unwrap();
        }
        // as a load leaves it: without them every question scans
        leaktrace::case::indexes::build_facts(conn).unwrap();
        conn.execute_batch("COMMIT").unwrap();
        self
    }

    pub fn ask(&self, q: Question) -> TraceResult {
        run(
            &self.case.conn,
            &q,
            &Options::default(),
            &AtomicBool::new(false),
        )
        .unwrap()
    }
}

pub fn mobile(i: usize) -> String {
    format!("138{:08}", i * 7919 % 100_000_000)
}
pub fn mail(i: usize) -> String {
    format!("u{i}@example.org")
}

/// Three readers behind a gateway. Reader 1 takes records 0..60 and sends 0..40 to an outside address; 2 and 3 read widely.
pub fn world() -> World {
    let mut w = World::new();
    let mut at = 1000;
    let read = |w: &mut World, account: usize, src: &'static str, ids: &[usize], at: &mut i64| {
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
        let body = w.list(&rows);
        let outer = w.call(Call {
            at: *at,
            src,
            dst: "10.0.0.1",
            account,
            api: 1,
            resp: Some(body.clone()),
            ..Call::default()
        });
        // The gateway's own call to the store, made for it. 500 µs long as all calls: it ends inside.
        w.call(Call {
            at: *at,
            src: "10.0.0.1",
            dst: "10.0.0.2",
            account: 4,
            api: 2,
            parent: outer,
            resp: Some(body),
            ..Call::default()
        });
        *at += 10;
    };
    for page in 0..6 {
        let ids: Vec<usize> = (page * 10..page * 10 + 10).collect();
        read(&mut w, 1, "10.1.0.1", &ids, &mut at);
    }
    for page in 0..40 {
        let ids: Vec<usize> = (0..10).map(|i| (page * 10 + i) * 3 % 400).collect();
        read(&mut w, 2, "10.1.0.2", &ids, &mut at);
        let ids: Vec<usize> = (0..10).map(|i| (page * 10 + i) * 7 % 400).collect();
        read(&mut w, 3, "10.1.0.3", &ids, &mut at);
    }
    let m: Vec<(String, String)> = (0..40).map(|i| (mobile(i), mail(i))).collect();
    let rows: Vec<Vec<Cell<'_>>> = m
        .iter()
        .map(|(a, b)| vec![("cn-mobile", "m", a.as_str()), ("email", "e", b.as_str())])
        .collect();
    let sent = w.list(&rows);
    w.call(Call {
        at: at + 1000,
        src: "10.1.0.1",
        dst: "203.0.113.9",
        account: 5,
        api: 3,
        req: Some(sent),
        ..Call::default()
    });
    let note = w.body(
        br#"{"order":{"no":"ORD-77-XK","by":"x"}}"#.to_vec(),
        "json",
        Facts::default(),
    );
    w.call(Call {
        at: at + 2000,
        src: "10.1.0.2",
        dst: "10.0.0.1",
        account: 2,
        api: 4,
        resp: Some(note),
        ..Call::default()
    });
    w.done(
        &[
            ("alice", "person"),
            ("bob", "person"),
            ("carol", "person"),
            ("gateway", "service"),
            ("unattributed@10.1.0.1", "unattributed"),
        ],
        &[
            "GET shop/list",
            "GET store/list",
            "POST drop/up",
            "GET shop/orders/{id}",
        ],
    )
}
