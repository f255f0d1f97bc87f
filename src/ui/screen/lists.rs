//! Panes beside lists: what an account, API, session, finding, risk, flow, source or mark is. In: the row under the
//! cursor. Out: documents. Bounds: a few dozen lines.

use super::cells::end;
use super::{beside, facts};
use crate::facts::risks::CALLS;
use crate::query::rows::*;
use crate::ui::data::{Item, Kind};
use crate::ui::model::{Frame, Model};
use crate::ui::nav::{Jump, ScreenId, term, time};
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Held, Line};
use crate::ui::widget::safe_text::{bytes, grouped, many, span};

/// What a pane beside a list asks for: kind of list and the term that selects it.
pub fn side_question(f: &Frame) -> Option<(Kind, String)> {
    Some(match (f.screen, &f.list.here()?.item) {
        (ScreenId::Accounts, Item::Account(a)) => (Kind::Apis, term("account", &a.account)),
        (ScreenId::Apis, Item::Api(a)) => (Kind::Accounts, term("api", &a.api)),
        (ScreenId::Sessions, Item::Session(s)) => (Kind::Apis, term("session", &s.session)),
        (ScreenId::Flows, Item::Flow(r)) if r.calls > 0 => (Kind::Apis, term("flow", &r.id)),
        (ScreenId::Risks, Item::Risk(r)) => (Kind::Calls, term("risk", &r.risk)),
        (ScreenId::Findings, Item::Finding(r)) => (Kind::Calls, term("id", &r.call)),
        _ => return None,
    })
}

/// Documents for the row under the cursor.
pub fn docs(m: &Model, f: &Frame) -> Vec<Doc> {
    let Some(row) = f.list.here() else {
        return nothing(f.screen);
    };
    let mut out = match &row.item {
        Item::Account(r) => vec![account(r), side(m, f, "What it called")],
        Item::Api(r) => vec![api(m, f, r), side(m, f, "Who called it")],
        Item::Session(r) => vec![session(m, f, r)],
        Item::Finding(r) => vec![finding(f, r)],
        Item::Risk(r) => vec![risk(m, f, r)],
        Item::Flow(r) => vec![flow(m, f, r)],
        Item::Source(r) => vec![source(r)],
        Item::Mark(r) => vec![mark(&r.target, &r.notes, &r.tags)],
        _ => Vec::new(),
    };
    let notes = facts::target(&row.item)
        .filter(|_| f.screen != ScreenId::Marks)
        .and_then(|t| m.mark_of(&t));
    if let (Some(r), Some(d)) = (notes, out.first_mut()) {
        for n in &r.notes {
            d.add(Line::pair("note", n.clone(), Role::Mark));
        }
        if !r.tags.is_empty() {
            d.add(Line::pair("tags", r.tags.join(" "), Role::Mark));
        }
    }
    out
}

/// The panes of a list without a row under the cursor.
fn nothing(s: ScreenId) -> Vec<Doc> {
    let titles: &[&str] = match s {
        ScreenId::Accounts => &["Account", "What it called"],
        ScreenId::Apis => &["API", "Who called it"],
        ScreenId::Sessions => &["Session"],
        ScreenId::Findings => &["Finding"],
        ScreenId::Risks => &["Risk"],
        ScreenId::Flows => &["Flow"],
        ScreenId::Sources => &["Source"],
        ScreenId::Marks => &["Mark"],
        _ => &[],
    };
    let doc = |t: &&str| {
        let mut d = Doc::new(*t);
        d.add(Line::new("nothing under the cursor", Role::Dim));
        d
    };
    titles.iter().map(doc).collect()
}

fn when(d: &mut Doc, first: Option<&String>, last: Option<&String>) {
    if let (Some(a), Some(b)) = (first, last) {
        d.add(Line::pair("seen", time::range(a, b), Role::Text));
    }
}

fn why(d: &mut Doc, text: &str) {
    if !text.is_empty() {
        d.add(Line::pair("why", text, Role::Text));
    }
}

fn account(r: &AccountRow) -> Doc {
    let mut d = Doc::new(r.account.clone());
    d.note = format!("{}  {}", r.kind, r.level).into();
    why(&mut d, &r.why);
    d.add(Line::pair(
        "confidence",
        format!("{:.2}", r.conf),
        Role::Text,
    ));
    when(&mut d, r.first.as_ref(), r.last.as_ref());
    d.add(Line::pair(
        "from",
        format!(
            "{}  ({} {})",
            r.addresses.join(" "),
            grouped(r.clients),
            if r.clients == 1 { "client" } else { "clients" }
        ),
        Role::Text,
    ));
    d.add(
        Line::pair("sessions", grouped(r.sessions), Role::Text).jump(Jump::To {
            screen: ScreenId::Sessions,
            term: Some(term("account", &r.account)),
            title: r.account.clone(),
        }),
    );
    // a session has what the account asked for itself; the numbers here have what that caused behind, too
    d.add(Line::pair(
        "calls",
        format!("{}, with those caused behind", grouped(r.calls)),
        Role::Text,
    ));
    d.add(Line::pair(
        "records",
        format!("{}, counted in each call", grouped(r.records)),
        Role::Text,
    ));
    let mut v: Vec<_> = r.values.iter().collect();
    v.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    for (class, n) in v {
        d.add(Line::new(format!("  {class:<14}"), Role::Dim).and(
            format!(
                "{:>9} distinct value{}",
                grouped(*n),
                if *n == 1 { "" } else { "s" }
            ),
            Role::Text,
        ));
    }
    d
}

/// Columns of a pane from which on fields stand beside their class.
const FIELDS_BESIDE: u16 = 56;

fn api(m: &Model, f: &Frame, r: &ApiRow) -> Doc {
    let pane = super::layout::of(m.size, f)
        .panes
        .get(1)
        .map_or(0, |r| r.width);
    let beside = pane >= FIELDS_BESIDE;
    let mut d = Doc::new(r.api.clone());
    d.note = r.kind.clone().into();
    why(&mut d, &r.why);
    when(&mut d, r.first.as_ref(), r.last.as_ref());
    if !r.auth.is_empty() {
        d.add(Line::pair("auth", r.auth.join(" "), Role::Text));
    }
    d.add(Line::pair(
        "records",
        format!("{} in one call at most", grouped(r.max_records)),
        Role::Text,
    ));
    if !r.classes.is_empty() {
        d.add(Line::default());
        d.add(
            Line::new(
                format!(
                    "{:<14}{:>7}{:>8}{:>7}{}",
                    "CLASS",
                    "CLEAR",
                    "MASKED",
                    "CALLS",
                    if beside { "  FIELDS" } else { "" }
                ),
                Role::Head,
            )
            .row(),
        );
    }
    for c in &r.classes {
        let mut l = Line::new(format!("{:<14}", c.class), Role::Text)
            .and(
                format!("{:>7}", grouped(c.clear)),
                if c.clear > 0 {
                    Role::SensHigh
                } else {
                    Role::Dim
                },
            )
            .and(
                format!("{:>8}{:>7}  ", grouped(c.masked), grouped(c.calls)),
                Role::Dim,
            );
        if beside {
            l = l.and(c.fields.join(" "), Role::Dim);
        }
        l.jump = Some(Jump::To {
            screen: ScreenId::Findings,
            term: Some(format!(
                "{} {}",
                term("api", &r.api),
                term("class", &c.class)
            )),
            title: c.class.clone(),
        });
        // what C on the class corrects
        let held = c.fields.iter().map(|field| Held {
            class: c.class.clone(),
            field: field.clone(),
            api: Some(r.api.clone()),
        });
        l.found = held.collect();
        d.add(l.row());
        if !beside {
            // in a row that is too narrow they would be cut, below it they go on
            d.add(Line::new("  ", Role::Dim).and(c.fields.join(" "), Role::Dim));
        }
    }
    d
}

fn side(m: &Model, f: &Frame, title: &str) -> Doc {
    let mut d = Doc::new(title);
    d.note = "Enter: calls".into();
    // what the numbers and times leave of the pane
    let pane = super::layout::of(m.size, f)
        .panes
        .get(2)
        .map_or(0, |r| r.width);
    beside::add(m, f, &mut d, pane);
    d
}

/// What belongs to the row under the cursor, below what is said of it.
fn below(m: &Model, f: &Frame, d: &mut Doc) {
    let pane = super::layout::of(m.size, f)
        .panes
        .get(1)
        .map_or(0, |r| r.width);
    d.add(Line::default());
    beside::add(m, f, d, pane);
}

fn session(m: &Model, f: &Frame, r: &SessionRow) -> Doc {
    let mut d = Doc::new(format!("Session of {}", r.account));
    d.note = r.level.into();
    d.add(
        Line::pair("session", r.session.clone(), Role::Text).jump(Jump::Replay(r.session.clone())),
    );
    d.add(
        Line::pair("account", r.account.clone(), Role::Text)
            .jump(Jump::calls("account", &r.account)),
    );
    d.add(Line::pair("known by", r.via.clone(), Role::Text));
    d.add(Line::pair(
        "time",
        time::range(&r.start, &r.end),
        Role::Text,
    ));
    if let Some(n) = super::cells::between(&r.start, &r.end) {
        d.add(Line::pair("lasted", span(n), Role::Text));
    }
    d.add(
        Line::pair("calls", grouped(r.calls), Role::Text).jump(Jump::calls("session", &r.session)),
    );
    d.add(Line::pair("records", grouped(r.records), Role::Text));
    if let Some(u) = &r.user_agent {
        d.add(Line::pair("client", u.clone(), Role::Text));
    }
    d.add(Line::default());
    d.add(Line::new(
        "Enter or R replays it step by step; nothing is ever sent.",
        Role::Dim,
    ));
    below(m, f, &mut d);
    d
}

fn finding(f: &Frame, r: &FindingRow) -> Doc {
    let mut d = Doc::new(format!("{} at {}", r.class, r.place));
    d.note = r.level.into();
    d.add(Line::pair(
        "value",
        r.value.clone().unwrap_or_else(|| "-".into()),
        Role::level(r.level),
    ));
    let stands = match r.masked {
        true => "masked in the evidence",
        false => "in clear",
    };
    d.add(Line::pair(
        "form",
        format!("{}, {stands}", r.form),
        Role::Text,
    ));
    d.add(Line::pair(
        "confidence",
        format!(
            "{:.2}  from the value, its key and the rest of its column",
            r.conf
        ),
        Role::Text,
    ));
    let part = match r.dir {
        "req" => "request",
        _ => "response",
    };
    d.add(
        Line::pair("call", format!("{}, in its {part}", r.call), Role::Text)
            .jump(Jump::Call(r.call.clone())),
    );
    beside::call_of(f, &mut d);
    place(f, r, &mut d);
    if let Some(rec) = &r.record {
        d.add(
            Line::pair("record", rec.clone(), Role::Text)
                .jump(Jump::Trace(crate::trace::Question::Record(rec.clone()))),
        );
    }
    d
}

/// Where a finding stands: file, packets or lines, bytes.
fn place(f: &Frame, r: &FindingRow, d: &mut Doc) {
    if let Some(o) = r.locator.as_object() {
        let get = |k: &str| {
            o.get(k)
                .filter(|v| !v.is_null())
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_string))
        };
        if let (Some(s), Some(a)) = (get("source"), get("first")) {
            let at = match (beside::unit(f), get("last").filter(|b| *b != a)) {
                (Some(unit), Some(b)) => format!("{unit}s {a}-{b}"),
                (Some(unit), None) => format!("{unit} {a}"),
                (None, b) => format!("{a}-{}", b.unwrap_or_default()),
            };
            d.add(Line::pair("stands in", format!("{s}  {at}"), Role::Text));
        }
        if let (Some(a), Some(n)) = (get("offset"), get("len")) {
            let said = format!("{n} B at byte {a} of the decoded content");
            d.add(Line::pair("bytes", said, Role::Text));
        }
    }
}

fn risk(m: &Model, f: &Frame, r: &RiskRow) -> Doc {
    let mut d = Doc::new(format!("{}: {}", r.rule, r.subject));
    d.note = format!("{}  {:.2}", r.severity, r.score).into();
    why(&mut d, &r.why);
    d.add(Line::pair("dimension", r.dimension.clone(), Role::Text));
    when(&mut d, r.first.as_ref(), r.last.as_ref());
    let n = grouped(r.calls.len() as u64);
    let said = match r.calls.len() < CALLS {
        true => format!("{n}  (Enter lists them)"),
        false => format!("{n} or more  (Enter lists these)"),
    };
    d.add(Line::pair("calls", said, Role::Text));
    below(m, f, &mut d);
    let more = r.calls.len().saturating_sub(beside::CALLS);
    if more > 0 {
        let said = format!("and {} more", grouped(more as u64));
        d.add(Line::new(said, Role::Dim));
    }
    d
}

fn flow(m: &Model, f: &Frame, r: &FlowRow) -> Doc {
    let mut d = Doc::new(format!(
        "{} {} > {}",
        r.app,
        end(&r.src, r.sport.unwrap_or(0)),
        end(&r.dst, r.dport.unwrap_or(0))
    ));
    d.note = r.transport.clone().into();
    if let Some(w) = &r.why_opaque {
        d.add(Line::pair("not read", w.clone(), Role::Warn));
    }
    d.add(Line::pair(
        "time",
        time::range(&r.ts, &r.end_ts),
        Role::Text,
    ));
    d.add(Line::pair("packets", grouped(r.packets), Role::Text));
    d.add(Line::pair(
        "bytes",
        format!("{} out, {} in", bytes(r.bytes_out), bytes(r.bytes_in)),
        Role::Text,
    ));
    if r.gaps > 0 {
        d.add(Line::pair(
            "gaps",
            format!("{} places where bytes are missing", grouped(r.gaps)),
            Role::Warn,
        ));
    }
    for (n, v) in [
        ("name", &r.sni),
        ("protocols", &r.alpn),
        ("client", &r.client_print),
    ] {
        if let Some(v) = v {
            d.add(Line::pair(n, v.clone(), Role::Text));
        }
    }
    for (n, field) in [
        ("quic", "quic"),
        ("tls", "version"),
        ("cipher", "cipher"),
        ("certificate", "subject"),
        ("issued by", "issuer"),
        ("valid until", "not_after"),
    ] {
        let value = r.tls.as_ref().and_then(|t| t.get(field)?.as_str());
        if let Some(v) = value.filter(|v| !v.is_empty()) {
            d.add(Line::pair(n, v.to_owned(), Role::Text));
        }
    }
    d.add(Line::pair("calls", grouped(r.calls), Role::Text));
    d.add(Line::pair("flow", r.id.clone(), Role::Dim));
    if r.calls > 0 {
        below(m, f, &mut d);
    }
    d
}

fn source(r: &SourceRow) -> Doc {
    let mut d = Doc::new(r.name.clone());
    d.note = r.kind.clone().into();
    d.add(Line::pair(
        "sha-256",
        r.sha256
            .clone()
            .unwrap_or_else(|| "not read to its end yet".into()),
        Role::Text,
    ));
    d.add(Line::pair(
        "size",
        format!("{} ({} B)", bytes(r.bytes), grouped(r.bytes)),
        Role::Text,
    ));
    when(&mut d, r.first.as_ref(), r.last.as_ref());
    d.add(Line::pair("calls", grouped(r.calls), Role::Text).jump(Jump::calls("source", &r.source)));
    if let Some(n) = r.joined {
        let lines = format!("{} lines are captured calls", grouped(n));
        d.add(Line::pair("joined", lines, Role::Text));
    }
    if let Some(ms) = r.skew_ms {
        // a second is what times in whole seconds leave open
        let role = if ms.abs() > 1000 {
            Role::Warn
        } else {
            Role::Text
        };
        let far = format!(
            "{}.{:03} s",
            ms.unsigned_abs() / 1000,
            ms.unsigned_abs() % 1000
        );
        let which = if ms < 0 { "behind" } else { "ahead of" };
        d.add(Line::pair(
            "clock",
            format!("{far} {which} the capture's"),
            role,
        ));
    }
    if let Some(ns) = r.clock_ns {
        let apart = span(ns.saturating_abs());
        let common = "the one that trails are ordered by";
        let clock = match ns.signum() {
            0 => common.to_owned(),
            1 => format!("{apart} ahead of {common}"),
            _ => format!("{apart} behind {common}"),
        };
        d.add(Line::pair("clock", clock, Role::Text));
    }
    if let Some(mapping) = &r.mapping {
        d.add(Line::pair("read with", mapping.clone(), Role::Text));
    }
    let role = if r.skipped > 0 {
        Role::Warn
    } else {
        Role::Text
    };
    d.add(Line::pair(
        "skipped",
        format!("{} packets or lines without a call", grouped(r.skipped)),
        role,
    ));
    for t in &r.taps {
        d.add(Line::pair("tap", tap(t), Role::Text).jump(Jump::calls("source", &t.source)));
    }
    for (k, n) in &r.diags {
        d.add(
            Line::new(format!("  {k:<28}"), Role::Dim)
                .and(format!("{:>10}", grouped(*n)), Role::Text),
        );
    }
    d
}

/// Calls that stand in another source too, and how far its clock is from this one's.
fn tap(t: &TapRow) -> String {
    let apart = span(t.skew_ns.saturating_abs());
    let clock = match t.skew_ns.signum() {
        0 => "clocks agree".to_owned(),
        1 => format!("this clock is {apart} ahead"),
        _ => format!("this clock is {apart} behind"),
    };
    format!(
        "{} {} in {} too, {clock}",
        many(t.calls, "call"),
        if t.calls == 1 { "stands" } else { "stand" },
        t.source
    )
}

fn mark(target: &str, notes: &[String], tags: &[String]) -> Doc {
    let mut d = Doc::new(target);
    if !tags.is_empty() {
        d.add(Line::pair("tags", tags.join(" "), Role::Mark));
    }
    for n in notes {
        d.add(Line::pair("note", n.clone(), Role::Text));
    }
    if notes.is_empty() {
        d.add(Line::new("no note; a writes one", Role::Dim));
    }
    d
}
