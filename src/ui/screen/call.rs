//! A call: request and response, findings at their lines, where it stands in the evidence. In: a read call.
//! Out: two documents. Bounds: those of [`super::body`].

use super::body;
use super::cells::end;
use crate::query::read::{BodyPart, Part, Show};
use crate::query::rows::{CallRow, FindingRow};
use crate::ui::model::{BodyMode, Frame, Model, State};
use crate::ui::nav::{Jump, time};
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::{bytes, grouped, many, span};
use serde_json::Value;

/// Headers that say who is calling.
const CREDENTIAL: [&str; 6] = [
    "authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "proxy-authorization",
    "x-auth-token",
];

/// Request and response.
pub fn docs(m: &Model, f: &Frame) -> Vec<Doc> {
    let Some(s) = &f.show else {
        let note = match &f.show_state {
            State::Loading => "reading ...".to_string(),
            State::Failed(t) => t.clone(),
            State::Cancelled => "cancelled".into(),
            State::NoCase => "there is no case file yet".into(),
            _ => String::new(),
        };
        return ["Request", "Response"]
            .into_iter()
            .map(|t| {
                let mut d = Doc::new(t);
                d.add(Line::new(note.clone(), Role::Dim));
                d
            })
            .collect();
    };
    let clear = m.revealed.as_ref() == Some(&s.row.id);
    let brief = f.screen == crate::ui::nav::ScreenId::Calls;
    let asks = brief && asks(s);
    vec![request(m, s, clear, asks), response(m, s, clear, brief)]
}

/// Both messages below each other, bodies before all, for a pane that tells more above them.
pub fn below(m: &Model, s: &Show, d: &mut Doc) {
    for (name, part_of, dir_of) in [
        ("request", &s.request, "req"),
        ("response", &s.response, "resp"),
    ] {
        let Some(p) = part_of else { continue };
        if p.body.is_none() && dir_of == "req" {
            continue;
        }
        d.add(Line::default());
        d.add(Line::new(
            format!(
                "{name} as the client {}",
                if dir_of == "req" { "sent it" } else { "saw it" }
            ),
            Role::Dim,
        ));
        part(
            m,
            d,
            p,
            &dir(&s.findings, dir_of),
            true,
            &messages(s, dir_of),
        );
    }
}

fn mode_name(m: &Model) -> &'static str {
    match m.body {
        BodyMode::Pretty => "[raw|PRETTY|hex]",
        BodyMode::Raw => "[RAW|pretty|hex]",
        BodyMode::Hex => "[raw|pretty|HEX]",
    }
}

/// Whether sensitive values stand in the body of the request and in none of the answer: an upload.
pub fn asks(s: &Show) -> bool {
    let head = |f: &FindingRow| {
        ["header:", "query:", "path:"]
            .iter()
            .any(|p| f.place.starts_with(p))
    };
    let mut bodies = s.findings.iter().filter(|f| !head(f)).peekable();
    bodies.peek().is_some() && bodies.all(|f| f.dir == "req")
}

fn request(m: &Model, s: &Show, clear: bool, brief: bool) -> Doc {
    let mut d = Doc::new("Request");
    let found = dir(&s.findings, "req");
    d.note = if clear {
        "IN CLEAR".into()
    } else if brief {
        summary(&found).into()
    } else {
        mode_name(m).into()
    };
    match &s.request {
        Some(p) => part(m, &mut d, p, &found, brief, &messages(s, "req")),
        None if s.row.proto == "ws" => d.add(Line::new(
            "a message that the server sent on the WebSocket of the call above it",
            Role::Dim,
        )),
        None => d.add(Line::new("no request was captured", Role::Warn)),
    }
    d.add(Line::default());
    who(
        &mut d,
        &s.row,
        s.account_why.as_deref(),
        s.account_proof.as_deref(),
    );
    d.add(Line::default());
    evidence(&mut d, &s.row);
    d
}

fn dir<'a>(all: &'a [FindingRow], d: &str) -> Vec<&'a FindingRow> {
    all.iter().filter(|f| f.dir == d).collect()
}

fn response(m: &Model, s: &Show, clear: bool, brief: bool) -> Doc {
    let mut title = match s.row.status {
        Some(n) => format!("Response {n}"),
        None => "Response".into(),
    };
    if let Some(b) = s.response.as_ref().and_then(|r| r.body.as_ref()) {
        title.push_str(&format!("  {}  {}", b.kind, bytes(b.len)));
    }
    let mut d = Doc::new(title);
    let found = dir(&s.findings, "resp");
    d.note = if clear {
        "IN CLEAR".into()
    } else {
        summary(&found).into()
    };
    for p in &s.interim {
        d.add(Line::new(p.start.clone(), Role::Dim));
    }
    match &s.response {
        Some(p) => part(m, &mut d, p, &found, brief, &messages(s, "resp")),
        None if s.row.proto == "log" => d.add(Line::new(
            "known from a log alone: no heads, no bodies",
            Role::Dim,
        )),
        None if s.row.proto == "ws" => d.add(Line::new(
            "a message of a WebSocket has no answer of its own",
            Role::Dim,
        )),
        None => d.add(Line::new("no answer was captured", Role::Warn)),
    }
    // Those of a WebSocket are calls of their own; those that a body consists of stand in its place.
    let own = s.messages.iter().filter(|x| x.get("dir").is_none());
    for (i, x) in own.enumerate() {
        d.add(Line::new(format!("message {}: {x}", i + 1), Role::Text));
    }
    d
}

/// Messages of one direction as one JSON text, in which the places of findings are paths; `None` where there are none.
fn messages(s: &Show, dir: &str) -> Option<BodyPart> {
    let mine: Vec<&Value> = s
        .messages
        .iter()
        .filter(|m| m.get("dir").and_then(Value::as_str) == Some(dir))
        .collect();
    if mine.is_empty() {
        return None;
    }
    let held = |m: &Value| {
        let v = ["json", "text", "base64"].iter().find_map(|k| m.get(k));
        match v {
            Some(v) => v.clone(),
            None => m.clone(),
        }
    };
    let part = if dir == "req" {
        &s.request
    } else {
        &s.response
    };
    let kind = part
        .as_ref()
        .and_then(|p| p.body.as_ref())
        .map(|b| &*b.kind);
    let text = match (kind, mine.as_slice()) {
        // one message without framing has no place in a list
        (Some("protobuf"), [m]) => held(m).to_string(),
        _ => Value::Array(mine.into_iter().map(held).collect()).to_string(),
    };
    Some(BodyPart {
        len: text.len() as u64,
        sha256: None,
        kind: "json".into(),
        text: Some(text),
        base64: None,
        cut: None,
    })
}

/// How many values of which classes.
fn summary(found: &[&FindingRow]) -> String {
    let mut by: Vec<(&str, u64)> = Vec::new();
    for f in found {
        match by.iter_mut().find(|(c, _)| *c == f.class) {
            Some((_, n)) => *n += 1,
            None => by.push((&f.class, 1)),
        }
    }
    by.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    by.iter()
        .take(4)
        .map(|(c, n)| format!("{c} {}", grouped(*n)))
        .collect::<Vec<_>>()
        .join("  ")
}

/// Beside a list a body comes first: its head stands on the call's own page.
fn part(
    m: &Model,
    d: &mut Doc,
    p: &Part,
    found: &[&FindingRow],
    brief: bool,
    messages: &Option<BodyPart>,
) {
    // What consists of messages is shown as them, unless its bytes are asked for.
    let shown = messages
        .as_ref()
        .filter(|_| m.body == BodyMode::Pretty)
        .or(p.body.as_ref());
    if let Some(b) = shown.filter(|b| brief && b.len > 0) {
        return body::add(d, b, m.body, found);
    }
    d.add(Line::new(p.start.clone(), Role::Crumb));
    for (n, v) in p.headers.iter().chain(&p.trailers) {
        let low = n.to_lowercase();
        let mut l = Line::new(format!("{n}: "), Role::Dim).and(
            v.clone(),
            if CREDENTIAL.contains(&low.as_str()) {
                Role::Accent
            } else {
                Role::Text
            },
        );
        let place = format!("header:{low}");
        if let Some(f) = found
            .iter()
            .find(|f| f.place == place || f.place.starts_with(&format!("{place}.")))
        {
            l = found_on(l, f);
            l.hot = true;
        }
        d.add(l);
    }
    for f in found
        .iter()
        .filter(|f| f.place.starts_with("query:") || f.place.starts_with("path:"))
    {
        let l = Line::new(format!("{} ", f.place), Role::Dim)
            .and(f.value.clone().unwrap_or_default(), Role::Text);
        d.add(found_on(l, f));
    }
    let Some(b) = shown else { return };
    d.add(Line::default());
    if let (Some(_), Some(cut)) = (messages, p.body.as_ref().and_then(|b| b.cut.as_ref())) {
        d.add(Line::new(
            format!("the evidence ends here: {cut}"),
            Role::Warn,
        ));
    }
    body::add(d, b, m.body, found);
    // Places that no line of the text can show: a table's cells, what stands inside an encoding.
    let away: Vec<&&FindingRow> = found
        .iter()
        .filter(|f| {
            !["$", "header:", "query:", "path:", "form:", "csv:", "text:"]
                .iter()
                .any(|p| f.place.starts_with(p))
                || m.body == BodyMode::Hex
        })
        .take(500)
        .collect();
    if !away.is_empty() {
        d.add(Line::default());
        d.add(Line::new(
            format!("{} in this body", many(found.len() as u64, "finding")),
            Role::Dim,
        ));
        for f in away {
            let l = Line::new(format!("{:<18} ", f.place), Role::Dim)
                .and(f.value.clone().unwrap_or_default(), Role::Text);
            let mut l = found_on(l, f);
            l.hot = true;
            if let Some(r) = &f.record {
                l = l.jump(Jump::Trace(crate::trace::Question::Record(r.clone())));
            }
            d.add(l);
        }
    }
}

/// A line with the class of what stands on it, why, and what a correction of it needs.
fn found_on(l: Line, f: &FindingRow) -> Line {
    let mut l = l.right(format!("{} {}", f.level, f.class), Role::level(f.level));
    l.why = Some(body::why(f));
    l.found = vec![body::held(f)];
    l
}

/// Who called, and how that is known.
fn who(d: &mut Doc, r: &CallRow, why: Option<&str>, proof: Option<&str>) {
    match &r.account {
        Some(a) => {
            let how = format!(
                "{} ({}, {:.2})",
                a,
                r.account_via.as_deref().unwrap_or("?"),
                r.account_conf.unwrap_or(0.0)
            );
            let mut l = Line::pair("account", how, Role::Text).jump(Jump::calls("account", a));
            l.why = Some(match why {
                Some(w) => format!("{w}."),
                None => format!(
                    "Known by {}.",
                    r.account_via.as_deref().unwrap_or("nothing")
                ),
            });
            d.add(l);
            if let Some(p) = proof {
                d.add(
                    Line::pair("shown by", p.to_owned(), Role::Text).jump(Jump::Call(p.to_owned())),
                );
            }
        }
        None => d.add(Line::pair("account", "nobody known", Role::Dim)),
    }
    if let Some(o) = &r.on_behalf_of {
        d.add(Line::pair("for", o.clone(), Role::Text).jump(Jump::calls("account", o)));
    }
    if let Some(s) = &r.session {
        d.add(Line::pair("session", s.clone(), Role::Text).jump(Jump::Replay(s.clone())));
    } else if let Some(s) = &r.part_of {
        let mut l = Line::pair("part of", s.clone(), Role::Dim).jump(Jump::Replay(s.clone()));
        l.why = Some(
            "A session holds what somebody called; this call was caused by one of them.".into(),
        );
        d.add(l);
    }
    if let Some(a) = &r.api {
        d.add(Line::pair("api", a.clone(), Role::Text).jump(Jump::calls("api", a)));
    }
    if let (Some(s), Some(t)) = (&r.src, &r.dst) {
        let ends = format!(
            "{} > {}",
            end(s, r.sport.unwrap_or(0)),
            end(t, r.dport.unwrap_or(0))
        );
        d.add(Line::pair("from to", ends, Role::Text));
    }
    if let Some(p) = &r.parent {
        d.add(Line::pair("caused by", p.clone(), Role::Text).jump(Jump::Call(p.clone())));
    }
}

/// Where it stands in the evidence.
fn evidence(d: &mut Doc, r: &CallRow) {
    let took = r
        .end_ts
        .as_ref()
        .and_then(|e| super::cells::between(&r.ts, e))
        .map(|n| format!("  took {}", span(n)))
        .unwrap_or_default();
    d.add(Line::pair(
        "time",
        format!("{}{took}", time::row(&r.ts, true)),
        Role::Text,
    ));
    d.add(Line::pair("call", r.id.clone(), Role::Text));
    for l in &r.locators {
        let log = l.offset.is_some() || l.role == "log" || r.proto == "log";
        let unit = if log { "line" } else { "packet" };
        let span = if l.first == l.last {
            format!("{unit} {}", grouped(l.first))
        } else {
            format!("{unit}s {}-{}", grouped(l.first), grouped(l.last))
        };
        let at = match (l.offset, l.len) {
            (Some(o), Some(n)) => format!(", {} B at byte {}", grouped(n), grouped(o)),
            _ => String::new(),
        };
        d.add(Line::pair(
            l.role,
            format!("{}  {span}{at}", l.source),
            Role::Text,
        ));
    }
    for f in &r.flags {
        d.add(Line::pair(f, super::facts::flag_meaning(f), Role::Warn));
    }
    if let Some(h) = &r.resp_sha256 {
        d.add(Line::pair("sha-256", h.clone(), Role::Dim));
    }
}
