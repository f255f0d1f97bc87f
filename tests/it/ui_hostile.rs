//! Evidence that wants to drive the investigator's terminal: every row, body and name is made of control, bidirectional,
//! tag and combining characters. Every screen is opened on it at many sizes; no such character reaches a cell.

use crate::ui_rig::Rig;
use leaktrace::query::read::{BodyPart, Part, Show};
use leaktrace::query::rows::*;
use leaktrace::replay::Timeline;
use leaktrace::trace::model::*;
use leaktrace::trace::{Question, TraceResult};
use leaktrace::ui::data::lane::LaneState;
use leaktrace::ui::data::{
    Answer, AppShare, Data, Fail, Item, Kind, MarkRow, Names, OverviewData, What,
};
use leaktrace::ui::msg::Msg;
use leaktrace::ui::widget::chart::Bin;
use std::path::Path;

/// All kinds of harm in one text: title, clipboard and colour sequences, C1, bidi, tags, zero width, wide, a flood.
fn evil(i: u64) -> String {
    let flood = "\u{301}".repeat(30);
    format!(
        "{i}\x1b]0;pwn\x07\x1b]52;c;QQ==\x07\x1b[31m\u{9b}2J\u{202e}abc\u{2066}\u{e0041}\u{200b}客户\u{ad}e{flood}\r\n\tx\u{7f}\u{feff}\u{fe0f}"
    )
}

fn call(i: u64) -> CallRow {
    let e = || Some(evil(i));
    CallRow {
        rowid: i as i64,
        ts_ns: i as i64 * 1_000_000_000,
        id: evil(i),
        source: evil(i),
        ts: format!("2026-10-08T12:21:{:02}.461000000Z", i % 60),
        end_ts: e(),
        src: e(),
        sport: Some(1),
        dst: e(),
        dport: Some(2),
        proto: "http/1.1",
        tls: false,
        method: e(),
        host: e(),
        uri: e(),
        path: e(),
        api: e(),
        status: Some(500),
        grpc_status: None,
        req_body_len: Some(1),
        resp_body_len: Some(u64::MAX),
        req_content_len: None,
        resp_content_len: Some(u64::MAX),
        req_sha256: e(),
        resp_sha256: e(),
        req_type: e(),
        resp_type: e(),
        user_agent: e(),
        account: e(),
        account_conf: Some(0.5),
        account_via: e(),
        on_behalf_of: e(),
        session: e(),
        part_of: e(),
        level: Some("S4"),
        classes: vec![evil(1)],
        records: Some(u64::MAX),
        flags: vec!["truncated", "masked"],
        parent: e(),
        locators: vec![LocatorRow {
            source: evil(2),
            role: "origin",
            first: 1,
            last: u64::MAX,
            offset: Some(1),
            len: Some(2),
            ts: e(),
        }],
    }
}

fn finding(i: u64) -> FindingRow {
    FindingRow {
        call_rowid: 1,
        call: evil(i),
        dir: if i.is_multiple_of(2) { "req" } else { "resp" },
        place: evil(i),
        class: evil(i),
        level: "S3",
        form: evil(i),
        masked: true,
        conf: f64::NAN,
        value: Some(evil(i)),
        record: Some(evil(i)),
        locator: serde_json::json!({"source": evil(1), "first": evil(2), "offset": 1, "len": 2}),
        field: evil(i),
        api: Some(evil(i).into()),
    }
}

fn part() -> Part {
    let text = format!(
        "{{\"{}\": [{{\"a\": \"{}\"}}, 1,\n{}",
        evil(1),
        evil(2),
        evil(3)
    );
    Part {
        start: evil(1),
        headers: vec![(evil(1), evil(2)), ("Authorization".into(), evil(3))],
        trailers: vec![(evil(4), evil(5))],
        body: Some(BodyPart {
            len: 99,
            sha256: None,
            kind: "json".into(),
            text: Some(text),
            base64: None,
            cut: Some(evil(6)),
        }),
    }
}

fn show() -> Show {
    Show {
        row: call(1),
        account_why: Some(evil(2)),
        account_proof: Some(evil(3)),
        request: Some(part()),
        response: Some(part()),
        interim: vec![part()],
        messages: vec![serde_json::json!(evil(1))],
        findings: (0..9).map(finding).collect(),
    }
}

fn reads() -> Reads {
    Reads {
        account: evil(1),
        read: 1,
        of: 1,
        more: 1,
        rows: vec![ReadRow {
            row: 1,
            values: vec![ReadCell {
                column: Some(evil(2)),
                class: None,
                value: evil(3),
                strong: true,
                read: Some("clear"),
            }],
            reads: 2,
            calls: vec![ReadOf {
                ts: evil(4),
                call: evil(5),
                api: Some(evil(6)),
                place: evil(7),
                form: evil(8),
                masked: false,
                conf: 1.0,
                locator: HopLocator {
                    source: evil(9),
                    first: 1,
                    last: 2,
                    offset: None,
                    len: None,
                },
            }],
        }],
    }
}
fn hop(n: u32) -> Hop {
    Hop {
        n,
        ts: Some("2026-10-08T12:21:03.461000000Z".into()),
        from: Some(evil(1)),
        to: Some(evil(2)),
        api: Some(evil(3)),
        account: Some(evil(4)),
        dir: "resp",
        place: evil(5),
        form: evil(6),
        masked: false,
        conf: 1.0,
        inferred: n == 2,
        call: Some(evil(7)),
        locator: Some(HopLocator {
            source: evil(8),
            first: 1,
            last: 2,
            offset: Some(1),
            len: Some(1),
        }),
        value: Some(evil(9)),
        values: 1,
        via: (n > 1).then_some(n - 1),
        link: "relay",
        runners_up: vec![1],
        exit: n == 3,
        at: Some(evil(7)),
        forms: vec![evil(8)],
        call_rowid: None,
        ts_ns: Some(1),
    }
}

fn account(i: u64) -> AccountRow {
    AccountRow {
        rowid: 1,
        account: evil(i),
        kind: evil(i),
        conf: 0.1,
        calls: 1,
        sessions: 1,
        addresses: vec![evil(1), evil(2)],
        clients: 1,
        first: Some(evil(1)),
        last: Some(evil(2)),
        level: "S4",
        records: u64::MAX,
        values: [(evil(1), u64::MAX)].into(),
        risk: 0.9,
        why: evil(3),
    }
}

fn api(i: u64) -> ApiRow {
    ApiRow {
        rowid: 1,
        api: evil(i),
        method: Some(evil(1)),
        host: Some(evil(1)),
        route: Some(evil(1)),
        kind: evil(1),
        calls: 1,
        accounts: 1,
        ok_ratio: Some(0.5),
        first: Some(evil(1)),
        last: Some(evil(1)),
        level: "S2",
        classes: vec![ApiClass {
            class: evil(1),
            calls: 1,
            clear: 1,
            masked: 1,
            fields: vec![evil(1)],
        }],
        auth: vec![evil(1)],
        max_records: 1,
        documented: None,
        spec: Some(evil(2)),
        state: Some(evil(1)),
        why: evil(1),
    }
}

fn risk(i: u64) -> RiskRow {
    RiskRow {
        rowid: 1,
        risk: evil(i),
        rule: evil(i),
        dimension: evil(i),
        severity: "high".into(),
        subject: evil(i),
        why: evil(i),
        calls: vec![evil(i)],
        first: Some(evil(i)),
        last: Some(evil(i)),
        score: 0.9,
    }
}

fn source() -> SourceRow {
    SourceRow {
        mapping: Some(evil(8)),
        joined: Some(3),
        skew_ms: Some(-47_000),
        clock_ns: Some(-1_169_000_000),
        taps: vec![],
        rowid: 1,
        source: evil(1),
        name: evil(2),
        sha256: Some(evil(3)),
        kind: evil(4),
        bytes: u64::MAX,
        packets: Some(1),
        lines: Some(2),
        first: Some(evil(5)),
        last: Some(evil(6)),
        calls: 1,
        skipped: 1,
        diags: [(evil(7), 1)].into(),
    }
}

fn flow() -> FlowRow {
    FlowRow {
        rowid: 1,
        id: evil(1),
        ts: evil(2),
        end_ts: evil(3),
        src: evil(4),
        sport: Some(1),
        dst: evil(5),
        dport: Some(2),
        transport: evil(6),
        app: evil(7),
        packets: 1,
        bytes_out: 1,
        bytes_in: 1,
        sni: Some(evil(8)),
        alpn: Some(evil(9)),
        client_print: Some(evil(1)),
        tls: None,
        gaps: 1,
        calls: 1,
        why_opaque: Some(evil(2)),
    }
}

/// Answers every question with the worst there is; every third one fails.
#[derive(Default)]
pub struct Hostile {
    pub fail: bool,
}

impl Data for Hostile {
    fn answer(&mut self, what: &What, _: &LaneState) -> Result<Answer, Fail> {
        if self.fail {
            return Err(Fail::Failed(evil(13)));
        }
        let rows = |items: Vec<Item>| Answer::Rows { items, cut: false };
        Ok(match what {
            What::Report { .. } | What::Graph { .. } => Answer::Written(evil(4)),
            What::Paths(begun) => Answer::Paths(begun.clone(), vec![evil(5), evil(6)]),
            What::Calls { .. } => rows((0..60).map(|i| Item::Call(Box::new(call(i)))).collect()),
            What::Count { .. } => Answer::Count {
                n: 60,
                capped: false,
            },
            What::List { kind, .. } => rows(match kind {
                Kind::Apis => (0..40).map(|i| Item::Api(Box::new(api(i)))).collect(),
                Kind::Accounts => (0..40)
                    .map(|i| Item::Account(Box::new(account(i))))
                    .collect(),
                Kind::Sessions => (0..9)
                    .map(|i| {
                        Item::Session(Box::new(SessionRow {
                            rowid: 1,
                            session: evil(i),
                            account: evil(i),
                            via: evil(i),
                            src: Some(evil(i)),
                            user_agent: Some(evil(i)),
                            start: evil(i),
                            end: evil(i),
                            calls: 1,
                            records: 1,
                            level: "S1",
                        }))
                    })
                    .collect(),
                Kind::Findings => (0..9)
                    .map(|i| Item::Finding(Box::new(finding(i))))
                    .collect(),
                Kind::Risks => (0..9).map(|i| Item::Risk(Box::new(risk(i)))).collect(),
                Kind::Flows => vec![Item::Flow(Box::new(flow()))],
                Kind::Sources => vec![Item::Source(Box::new(source()))],
                Kind::Marks => vec![Item::Mark(Box::new(mark()))],
                _ => Vec::new(),
            }),
            What::Show { .. } => Answer::Show(Some(Box::new(show()))),
            What::Overview { .. } => Answer::Overview(Box::new(OverviewData {
                profile: Some((evil(4), evil(5))),
                sources: vec![source()],
                apps: vec![
                    AppShare {
                        app: evil(1),
                        flows: 1,
                        bytes: 3,
                        opaque: 1,
                        opaque_bytes: 2,
                    },
                    AppShare {
                        app: evil(2),
                        flows: 1,
                        bytes: 3,
                        opaque: 0,
                        opaque_bytes: 0,
                    },
                ],
                minutes: (0..50)
                    .map(|i| Bin {
                        t: i * 60_000_000_000,
                        all: i as u64,
                        hot: 3,
                    })
                    .collect(),
                risks: (0..9).map(risk).collect(),
                accounts: (0..9).map(account).collect(),
                apis: (0..9).map(api).collect(),
                n_accounts: 9,
                n_apis: 9,
                calls: 60,
                flags: vec![("truncated", 3)],
                logs: (1, 2),
                reveals: 1,
                info: (Some(evil(1)), Some(evil(2))),
                partial: false,
                warnings: vec![evil(6)],
            })),
            What::Compare { now, .. } => Answer::Compared(
                Some(Box::new(Show {
                    row: call(u64::try_from(*now).unwrap_or(1)),
                    ..show()
                })),
                vec![leaktrace::query::read::compare::Changed {
                    part: "response",
                    field: evil(1),
                    before: Some(evil(2)),
                    now: Some(evil(3)),
                    values: 2,
                }],
            ),
            What::Film { .. } => Answer::Film(Box::new(Timeline::new(
                (0..40).map(call).collect(),
                &mut |c| vec![c.rowid as u64],
            ))),
            What::Trace {
                question, suspect, ..
            } => Answer::Trace(Box::new(TraceResult {
                partial: true,
                reads: suspect.as_ref().map(|_| reads()),
                subject: Some(leaktrace::trace::subject::Subject {
                    kind: "device",
                    name: evil(9),
                    map: vec![leaktrace::trace::subject::Spot {
                        host: evil(10),
                        dir: "taken",
                        calls: 1,
                        classes: [(evil(11), 3)].into_iter().collect(),
                        forms: [(evil(12), 3)].into_iter().collect(),
                    }],
                    ..Default::default()
                }),
                clue: ClueCount {
                    rows: 1,
                    values: 1,
                    matched_rows: 1,
                    matched_values: 1,
                    read_as: evil(1),
                    skipped: 0,
                },
                verdict: Verdict {
                    set: vec![evil(1)],
                    ties: vec![vec![evil(2)]],
                    none: false,
                    confidence: 0.9,
                    why: evil(3),
                },
                suspects: if matches!(question, Question::Account(_)) {
                    vec![Suspect {
                        account: evil(1),
                        score: f64::INFINITY,
                        covered: 1,
                        of: 2,
                        read_total: 3,
                        exclusive_bits: 1.5,
                        first: Some(evil(2)),
                        last: Some(evil(3)),
                        apis: vec![evil(4)],
                        evidence: vec![Evidence {
                            kind: "covers",
                            bits: -3.0,
                            text: evil(5),
                        }],
                        calls: vec![evil(6)],
                        rate: 0.1,
                        in_set: true,
                    }]
                } else {
                    Vec::new()
                },
                trails: vec![Trail {
                    record: evil(1),
                    hops: (1..=3).map(hop).collect(),
                    first_seen: Some(evil(5)),
                    last_clear: Some(evil(6)),
                    exits: vec![Exit {
                        to: evil(1),
                        ts: Some(evil(2)),
                        call: Some(evil(3)),
                        form: evil(4),
                    }],
                }],
                omitted: Omitted {
                    veiled: true,
                    trails: 1,
                    hops: 1,
                    suspects: 1,
                    unsearched: 1,
                    shallow: 9,
                    stopped: true,
                },
            })),
            What::Sql(_) => Answer::Sql {
                cols: vec![evil(1), evil(2)],
                rows: vec![vec![evil(3), evil(4)]],
                cut: true,
            },
            What::Names => Answer::Names(Box::new(Names {
                accounts: vec![evil(1)],
                apis: vec![evil(2)],
                saved: vec![(evil(3), evil(4))],
                classes: vec![evil(5)],
            })),
            What::Curl(_) => Answer::Copy(evil(16)),
            What::Marks => Answer::Marks(vec![mark()]),
            What::Write(_) | What::Export { .. } => Answer::Written(evil(1)),
        })
    }
}

fn mark() -> MarkRow {
    MarkRow {
        target: format!("call:{}", evil(1)),
        mark: true,
        notes: vec![evil(1)],
        tags: vec![evil(2)],
        at: 1,
    }
}

/// Scripts that open every screen and everything that can lie over one.
pub const EVERYWHERE: &[&str] = &[
    "1",
    "1 Tab",
    "1 Tab Tab",
    "1 Tab Tab Tab",
    "1 Tab Tab Tab Tab",
    "1 Tab Tab Tab Tab Tab",
    "2",
    "2 Tab",
    "2 Tab Tab",
    "3",
    "3 Tab Tab",
    "4",
    "4 j j",
    "4 Tab Tab z",
    "4 x",
    "4 p",
    "4 Enter",
    "4 Enter e e } {",
    "4 Enter w",
    "4 Enter r",
    "5",
    "5 Enter",
    "5 Enter . . e",
    "5 Enter t t t",
    "6",
    "6 Enter `v` Enter",
    "6 Enter `account:a` Enter",
    "6 Enter `v` Enter Tab",
    "6 Enter `v` Enter o",
    "6 Enter `v` Enter o Tab",
    "7",
    "7 Enter",
    "1 Enter",
    "2 Enter",
    "3 Enter",
    "4 ?",
    "3 ?",
    "4 F1",
    "4 y",
    "4 X",
    "4 :",
    "4 : `a`",
    "4 /",
    "4 / `acount:x`",
    "4 / `acc`",
    "4 a",
    "4 #",
    "4 ;",
    "4 ; Enter",
    "4 C-f `a` Enter",
    "4 l +",
    "4 l l l l -",
    "4 s",
    "4 R",
    "2 T",
    "4 T",
    "4 m",
    "1 q",
    ": `findings` Enter",
    ": `findings` Enter T",
    ": `risks` Enter",
    ": `flows` Enter",
    ": `sources` Enter",
    ": `risks` Enter Enter",
];

#[test]
fn nothing_unsafe_reaches_a_cell_on_any_screen() {
    for fail in [false, true] {
        for (w, h) in [(80, 24), (160, 50), (45, 12)] {
            for script in EVERYWHERE {
                let mut r = Rig::new(
                    Path::new("/x/\u{1b}[31mca\u{202e}se.ltc"),
                    Box::new(Hostile { fail }),
                    (w, h),
                );
                r.keys(script);
                r.safe();
                // What is in force is shown; what it says came from evidence.
                r.m.say(evil(7));
                r.safe();
            }
        }
    }
}

#[test]
fn what_was_replaced_is_shown_not_dropped() {
    let mut r = Rig::new(
        Path::new("case.ltc"),
        Box::new(Hostile::default()),
        (160, 50),
    );
    r.keys("4");
    r.shows("<1B>]0;pwn<07>");
    r.keys("4 Enter").shows("<U+202E>");
}

#[test]
fn no_size_panics() {
    for script in [
        "1",
        "2",
        "3",
        "4",
        "4 Enter",
        "5 Enter",
        "6 Enter `v` Enter",
        "4 :",
        "4 ?",
        "4 / `x:`",
        "4 y",
        "4 a",
    ] {
        let mut r = Rig::new(
            Path::new("case.ltc"),
            Box::new(Hostile::default()),
            (100, 30),
        );
        r.keys(script);
        for w in (1..=300).step_by(if script.len() > 1 { 7 } else { 1 }) {
            let h = 1 + (w * 7) % 60;
            r.resize(w, h);
            let _ = r.buffer();
        }
        for h in (1..=60).step_by(3) {
            r.resize(80, h);
            let _ = r.buffer();
            r.resize(10, h);
            r.safe();
        }
    }
}

#[test]
fn any_keys_in_any_order_do_no_harm() {
    let keys: Vec<char> = "jjkkhlgG123456780tTRrmMaz+-*sS[]{}eEpxwnN.,<>?:/;yXu'\"#qcf \u{1b}\n\t"
        .chars()
        .collect();
    let mut seed = 42u64;
    for round in 0..10 {
        let mut r = Rig::new(
            Path::new("case.ltc"),
            Box::new(Hostile {
                fail: round % 5 == 4,
            }),
            (90, 28),
        );
        for _ in 0..150 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let c = keys[(seed >> 33) as usize % keys.len()];
            let code = match c {
                '\u{1b}' => crossterm::event::KeyCode::Esc,
                '\n' => crossterm::event::KeyCode::Enter,
                '\t' => crossterm::event::KeyCode::Tab,
                c => crossterm::event::KeyCode::Char(c),
            };
            r.ticks = 3;
            r.press(code, crossterm::event::KeyModifiers::NONE);
            assert!(!r.m.frames.is_empty());
        }
        r.safe();
        r.msg(Msg::Paste(evil(1)));
        r.safe();
    }
}
