//! Rows as cells. In: rows of the contract. Out: a cell for each column of [`super::columns`]. Bounds: one row, one pass;
//! long values are cut.

pub use crate::call::text::end;
use crate::facts::risks::CALLS;
use crate::query::rows::*;
use crate::trace::model::{Hop, ReadCell, ReadRow, Suspect};
use crate::ui::data::{Item, MarkRow};
use crate::ui::nav::time;
use crate::ui::theme::Role;
use crate::ui::widget::safe_text::{SafeText, bytes, grouped};
use crate::ui::widget::table::{Cell, SortKey};

/// Cells of an item, one a column.
pub fn cells(item: &Item, dates: bool, n: usize) -> Vec<Cell> {
    match item {
        Item::Call(r) => call(r, dates),
        Item::Api(r) => api(r, dates),
        Item::Account(r) => account(r, dates),
        Item::Session(r) => session(r),
        Item::Finding(r) => finding(r),
        Item::Risk(r) => risk(r, dates),
        Item::Flow(r) => flow(r, dates),
        Item::Source(r) => source(r),
        Item::Mark(r) => mark(r),
        Item::Suspect(r) => suspect(r, dates, n),
        Item::Hop(r) => hop(r, dates),
        Item::Read(r) => read(r, dates),
        Item::Sql(v) => v.iter().map(|s| sql(s)).collect(),
    }
}

fn ts(t: &str, dates: bool) -> Cell {
    Cell::text(&time::row(t, dates), Role::Text)
        .narrow(&if dates {
            time::long(t)
        } else {
            time::row(t, false)
        })
        .fact("time", t)
        .by(SortKey::Text(t.to_string()))
}
fn opt_ts(t: Option<&String>, dates: bool) -> Cell {
    match t {
        Some(t) => Cell::text(&time::brief(t, dates), Role::Dim).by(SortKey::Text(t.clone())),
        None => Cell::text("-", Role::Dim).by(SortKey::Text(String::new())),
    }
}
fn word(v: Option<&str>, field: &'static str, role: Role) -> Cell {
    match v {
        Some(v) => Cell::text(v, role).fact(field, v),
        None => Cell::text("-", Role::Dim),
    }
}
/// An account: of one that is known by its address alone, the address says most.
fn who(name: &str, role: Role) -> Cell {
    let cell = Cell::text(name, role).fact("account", name);
    match address_alone(name) {
        Some(at) => cell.narrow(at).middle(true),
        None => cell,
    }
}
/// The `@ADDRESS` of an account that is known by nothing else.
fn address_alone(account: &str) -> Option<&str> {
    account
        .strip_prefix("unattributed")
        .filter(|at| at.starts_with('@'))
}
/// An account in exactly `n` columns and one behind them.
pub fn account_in(name: &str, n: usize, dots: &str) -> String {
    let whole = SafeText::new(name);
    let short = match address_alone(name) {
        Some(at) if whole.width() > n => SafeText::new(at).elide(n, true, dots),
        at => whole.elide(n, at.is_some(), dots),
    };
    let blanks = " ".repeat((n + 1).saturating_sub(short.width()));
    format!("{short}{blanks}")
}
/// A level with its word; without colour the word is what tells.
pub fn level(l: &str) -> Cell {
    Cell::text(l, Role::level(l)).fact("level", l)
}
/// A share of one.
fn part(x: f64) -> Cell {
    Cell::text(&format!("{x:.2}"), Role::Text).by(SortKey::Num(x))
}
/// Calls that a risk names; it names no more than [`CALLS`] of them.
fn risk_calls(n: usize) -> Cell {
    let exact = Cell::num(n as u64);
    if n < CALLS {
        return exact;
    }
    Cell {
        text: SafeText::new(&format!("{}+", exact.text)),
        ..exact
    }
}
/// A score up to a hundred.
fn score(x: f64) -> Cell {
    let role = if x >= 70.0 {
        Role::SensHigh
    } else {
        Role::Text
    };
    Cell::text(&format!("{x:.0}"), role).by(SortKey::Num(x))
}

/// Letters of the flags; the pane below names them.
pub const FLAG_LETTERS: [(&str, char); 13] = [
    ("truncated", 'T'),
    ("gap", 'G'),
    ("one-sided", '1'),
    ("no-response", 'R'),
    ("no-request", 'Q'),
    ("upgraded", 'U'),
    ("retransmitted", 'r'),
    ("masked", 'm'),
    ("unmasked", 'c'),
    ("bad-framing", 'B'),
    ("uncertain-pair", 'P'),
    ("partial-headers", 'h'),
    ("log-only", 'L'),
];

fn flags(list: &[&'static str]) -> Cell {
    let s: String = FLAG_LETTERS
        .iter()
        .filter(|(n, _)| list.contains(n))
        .map(|(_, c)| *c)
        .collect();
    let bad = list.iter().any(|f| {
        matches!(
            *f,
            "truncated" | "gap" | "no-response" | "no-request" | "bad-framing" | "uncertain-pair"
        )
    });
    let c = if s.is_empty() {
        Cell::text(".", Role::Dim)
    } else {
        Cell::text(&s, if bad { Role::Warn } else { Role::Dim })
    };
    match list.first() {
        Some(f) => c.fact("flags", f),
        None => c,
    }
}

fn call(r: &CallRow, dates: bool) -> Vec<Cell> {
    let target = r.uri.as_deref().or(r.path.as_deref()).unwrap_or("-");
    let mut op = Cell::text(
        &format!("{:<4} {target}", r.method.as_deref().unwrap_or("-")),
        Role::Text,
    );
    if let Some(a) = &r.api {
        op = op.fact("api", a).by(SortKey::Text(a.clone()));
    } else if let Some(p) = &r.path {
        op = op.fact("path", p);
    }
    vec![
        ts(&r.ts, dates),
        r.account
            .as_deref()
            .map_or_else(|| Cell::text("-", Role::Dim), |a| who(a, Role::Text)),
        word(r.src.as_deref(), "src", Role::Dim),
        word(r.host.as_deref(), "host", Role::Dim),
        op,
        match r.status {
            Some(s) => Cell::num(u64::from(s))
                .role(Role::status(s))
                .fact("status", &s.to_string()),
            None => Cell::opt(None),
        },
        sent(
            ("req_content_len", r.req_content_len),
            ("req_body_len", r.req_body_len),
        ),
        sent(
            ("size", r.resp_content_len),
            ("resp_body_len", r.resp_body_len),
        ),
        match r.records {
            Some(0) => Cell::text("-", Role::Dim)
                .by(SortKey::Num(0.0))
                .fact("records", "0"),
            Some(n) => Cell::num(n).fact("records", &n.to_string()),
            None => Cell::opt(None),
        },
        level(r.level.unwrap_or("S0")),
        flags(&r.flags),
    ]
}

/// Bytes of a message's content; where they are not known (a log), those of its body as it was sent.
fn sent(content: (&'static str, Option<u64>), body: (&'static str, Option<u64>)) -> Cell {
    // no body at all is no number of bytes
    let body = (body.0, body.1.filter(|n| *n > 0));
    let (field, n) = if content.1.is_some() { content } else { body };
    match n {
        Some(known) => size(n).fact(field, &known.to_string()),
        None => Cell::opt(None),
    }
}

fn size(n: Option<u64>) -> Cell {
    match n {
        Some(n) if n >= 10_000_000 => Cell::text(&bytes(n), Role::Text).by(SortKey::Num(n as f64)),
        n => Cell::opt(n),
    }
}

fn api(r: &ApiRow, dates: bool) -> Vec<Cell> {
    let kinds: Vec<&str> = r.classes.iter().map(|c| c.class.as_str()).collect();
    vec![
        Cell::text(&r.api, Role::Text).fact("api", &r.api),
        Cell::num(r.calls),
        Cell::num(r.accounts),
        match r.ok_ratio {
            Some(x) => Cell::text(&format!("{:.0}", x * 100.0), Role::Text).by(SortKey::Num(x)),
            None => Cell::opt(None),
        },
        Cell::num(r.max_records),
        level(r.level),
        match r.classes.first() {
            Some(c) => Cell::text(&kinds.join(" "), Role::Text).fact("class", &c.class),
            None => Cell::text("-", Role::Dim),
        },
        match r.auth.first() {
            Some(a) => Cell::text(&r.auth.join(" "), Role::Dim).fact("auth", a),
            None => Cell::text("-", Role::Dim),
        },
        opt_ts(r.last.as_ref(), dates),
        match (r.documented, r.calls) {
            (None, _) => Cell::text("-", Role::Dim),
            (Some(true), 0) => Cell::text("never", Role::Dim).fact("documented", "unseen"),
            (Some(true), _) => Cell::text("yes", Role::Dim).fact("documented", "true"),
            (Some(false), _) => Cell::text("no", Role::Text).fact("documented", "false"),
        },
    ]
}

fn account(r: &AccountRow, dates: bool) -> Vec<Cell> {
    let mut values: Vec<(&String, &u64)> = r.values.iter().collect();
    values.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let text: Vec<String> = values
        .iter()
        .map(|(k, n)| format!("{k} {}", grouped(**n)))
        .collect();
    vec![
        who(&r.account, Role::Text),
        Cell::text(&r.kind, Role::Dim).fact("kind", &r.kind),
        part(r.conf),
        Cell::num(r.calls),
        Cell::num(r.sessions),
        Cell::num(r.records),
        level(r.level),
        score(r.risk),
        match values.first() {
            Some((k, _)) => Cell::text(&text.join("  "), Role::Text).fact("class", k),
            None => Cell::text("-", Role::Dim),
        },
        match r.addresses.first() {
            Some(a) if r.addresses.len() > 1 => {
                Cell::text(&format!("{a} +{}", r.addresses.len() - 1), Role::Dim).fact("src", a)
            }
            Some(a) => Cell::text(a, Role::Dim).fact("src", a),
            None => Cell::text("-", Role::Dim),
        },
        opt_ts(r.last.as_ref(), dates),
    ]
}

/// Nanoseconds between two times of rows.
pub fn between(a: &str, b: &str) -> Option<i64> {
    let t = |s: &str| s.parse::<jiff::Timestamp>().ok().map(|t| t.as_nanosecond());
    i64::try_from(t(b)? - t(a)?).ok()
}

fn session(r: &SessionRow) -> Vec<Cell> {
    let lasted = between(&r.start, &r.end).unwrap_or(0);
    vec![
        Cell::text(&time::long(&r.start), Role::Text)
            .fact("time", &r.start)
            .by(SortKey::Text(r.start.clone())),
        Cell::text(&crate::ui::widget::safe_text::span(lasted), Role::Text)
            .by(SortKey::Num(lasted as f64)),
        who(&r.account, Role::Text),
        Cell::text(&r.via, Role::Dim).fact("via", &r.via),
        Cell::num(r.calls),
        Cell::num(r.records),
        level(r.level),
        word(r.user_agent.as_deref(), "user_agent", Role::Dim),
        word(r.src.as_deref(), "src", Role::Dim),
        Cell::text(&r.session, Role::Dim).fact("session", &r.session),
    ]
}

fn finding(r: &FindingRow) -> Vec<Cell> {
    vec![
        level(r.level),
        Cell::text(&r.class, Role::Text).fact("class", &r.class),
        match &r.value {
            Some(v) => Cell::text(
                &v.chars().take(200).collect::<String>(),
                Role::level(r.level),
            )
            .fact("value", v),
            None => Cell::text("-", Role::Dim),
        },
        Cell::text(&r.place, Role::Text).fact("where", &r.place),
        Cell::text(r.dir, Role::Dim).fact("dir", r.dir),
        Cell::text(&r.form, Role::Text).fact("form", &r.form),
        part(r.conf),
        Cell::text(&r.call, Role::Dim).fact("id", &r.call),
    ]
}

fn risk(r: &RiskRow, dates: bool) -> Vec<Cell> {
    let when = match (&r.first, &r.last) {
        (Some(a), Some(b)) => time::brief_range(a, b, dates),
        (Some(a), None) => time::brief(a, dates),
        _ => "-".into(),
    };
    vec![
        score(r.score),
        Cell::text(&r.severity, Role::severity(&r.severity))
            .fact("severity", &r.severity)
            .by(SortKey::Num(rank(&r.severity))),
        Cell::text(&r.rule, Role::Text).fact("risk", &r.rule),
        Cell::text(&r.subject, Role::Text).fact("subject", &r.subject),
        Cell::text(&r.why, Role::Text),
        Cell::text(&when, Role::Dim).by(SortKey::Text(r.first.clone().unwrap_or_default())),
        risk_calls(r.calls.len()),
    ]
}

fn rank(severity: &str) -> f64 {
    ["low", "medium", "high", "critical"]
        .iter()
        .position(|s| *s == severity)
        .map_or(-1.0, |i| i as f64)
}

fn flow(r: &FlowRow, dates: bool) -> Vec<Cell> {
    let name = r
        .why_opaque
        .as_deref()
        .map(|w| (w, Role::Warn))
        .or(r.sni.as_deref().map(|s| (s, Role::Text)));
    vec![
        ts(&r.ts, dates),
        Cell::text(&r.app, Role::Text).fact("app", &r.app),
        Cell::text(&end(&r.src, r.sport.unwrap_or(0)), Role::Text).fact("src", &r.src),
        Cell::text(&end(&r.dst, r.dport.unwrap_or(0)), Role::Text).fact("dst", &r.dst),
        Cell::num(r.packets),
        size(Some(r.bytes_out)),
        size(Some(r.bytes_in)),
        Cell::num(r.calls),
        if r.gaps > 0 {
            Cell::num(r.gaps).role(Role::Warn)
        } else {
            Cell::num(0).role(Role::Dim)
        },
        match name {
            Some((n, role)) if r.why_opaque.is_some() => {
                let full = match &r.sni {
                    Some(s) => format!("{s}: {n}"),
                    None => n.to_string(),
                };
                Cell::text(&full, role).fact("why_opaque", n)
            }
            Some((n, role)) => Cell::text(n, role).fact("sni", n),
            None => Cell::text("", Role::Dim),
        },
    ]
}

/// The last part of a path, with what stands behind a `!` in an archive.
fn file_name(path: &str) -> &str {
    let outer = path.find('!').unwrap_or(path.len());
    let from = path.get(..outer).and_then(|p| p.rfind('/'));
    from.and_then(|at| path.get(at + 1..)).unwrap_or(path)
}

fn source(r: &SourceRow) -> Vec<Cell> {
    vec![
        Cell::text(&r.name, Role::Text)
            .narrow(file_name(&r.name))
            .fact("source", &r.source),
        Cell::text(&r.kind, Role::Dim).fact("kind", &r.kind),
        Cell::text(&bytes(r.bytes), Role::Text).by(SortKey::Num(r.bytes as f64)),
        Cell::opt(r.packets.or(r.lines)),
        Cell::num(r.calls),
        if r.skipped > 0 {
            Cell::num(r.skipped).role(Role::Warn)
        } else {
            Cell::num(0).role(Role::Dim)
        },
        Cell::text(
            &r.first
                .as_deref()
                .map(time::long)
                .unwrap_or_else(|| "-".into()),
            Role::Dim,
        ),
        Cell::text(
            &r.last
                .as_deref()
                .map(time::long)
                .unwrap_or_else(|| "-".into()),
            Role::Dim,
        ),
        match &r.sha256 {
            Some(s) => Cell::text(s.get(..12).unwrap_or(s), Role::Dim).fact("sha256", s),
            None => Cell::text("not yet", Role::Partial),
        },
    ]
}

fn mark(r: &MarkRow) -> Vec<Cell> {
    let (what, name) = r.target.split_once(':').unwrap_or(("", &r.target));
    vec![
        Cell::text(what, Role::Dim),
        Cell::text(name, Role::Text),
        Cell::text(&r.tags.join(" "), Role::Mark),
        Cell::text(r.notes.first().map_or("", String::as_str), Role::Text),
        Cell::text(&time::clock(r.at), Role::Dim).by(SortKey::Num(r.at as f64)),
    ]
}

/// Without the sign of a zero, and of what is shown as one.
fn plain_zero(x: f64) -> f64 {
    if x.abs() < 0.005 { 0.0 } else { x }
}

fn suspect(r: &Suspect, dates: bool, n: usize) -> Vec<Cell> {
    let by: Vec<&str> = r.apis.iter().map(String::as_str).collect();
    vec![
        Cell::num(n as u64 + 1),
        who(
            &r.account,
            if r.in_set {
                Role::SensCritical
            } else {
                Role::Text
            },
        ),
        Cell::text(&format!("{:.2}", plain_zero(r.score)), Role::Text).by(SortKey::Num(r.score)),
        Cell::text(
            &format!("{}/{}", grouped(r.covered), grouped(r.of)),
            Role::Text,
        )
        .by(SortKey::Num(r.covered as f64)),
        Cell::num(r.read_total),
        Cell::text(
            &format!("{:.1} bit", plain_zero(r.exclusive_bits)),
            Role::Text,
        )
        .by(SortKey::Num(r.exclusive_bits)),
        opt_ts(r.first.as_ref(), dates),
        opt_ts(r.last.as_ref(), dates),
        Cell::text(&by.join("  "), Role::Dim),
    ]
}

/// What leaked on the left, where it was read on the right.
fn read(r: &ReadRow, dates: bool) -> Vec<Cell> {
    // what names a person first
    let mut leaked: Vec<&ReadCell> = r.values.iter().collect();
    leaked.sort_by_key(|v| !v.strong);
    let leaked: Vec<&str> = leaked.iter().map(|v| v.value.as_str()).collect();
    let at = r.calls.first();
    let role = match at {
        Some(_) => Role::Text,
        None => Role::Dim,
    };
    vec![
        Cell::num(r.row),
        Cell::text(&leaked.join("  "), role),
        match at {
            Some(c) => ts(&c.ts, dates),
            // rows that were not read stand together behind the others
            None => Cell::text("not read", Role::Warn).by(SortKey::Text("~".into())),
        },
        word(at.and_then(|c| c.api.as_deref()), "api", Role::Text),
        Cell::text(at.map_or("", |c| c.place.as_str()), Role::Dim),
        Cell::text(at.map_or("", |c| c.form.as_str()), Role::Text),
        Cell::num(r.reads),
    ]
}
fn hop(r: &Hop, dates: bool) -> Vec<Cell> {
    let mut op = word(r.api.as_deref(), "api", Role::Text);
    if r.inferred {
        op = Cell::text("(not captured, implied)", Role::Partial);
    }
    vec![
        Cell::num(u64::from(r.n)),
        match &r.ts {
            Some(t) => ts(t, dates),
            None => Cell::text("-", Role::Dim),
        },
        word(r.from.as_deref(), "src", Role::Text),
        word(
            r.to.as_deref(),
            "dst",
            if r.exit {
                Role::SensCritical
            } else {
                Role::Text
            },
        ),
        op,
        Cell::text(r.dir, Role::Dim),
        Cell::text(&r.place, Role::Dim),
        Cell::text(&r.form, Role::Text),
        r.account
            .as_deref()
            .map_or_else(|| Cell::text("-", Role::Dim), |a| who(a, Role::Text)),
        part(r.conf),
        if r.exit {
            Cell::text("EXIT", Role::SensCritical)
        } else {
            Cell::text("", Role::Dim)
        },
    ]
}

fn sql(s: &str) -> Cell {
    let mut c = Cell::text(&s.chars().take(200).collect::<String>(), Role::Text);
    if let Ok(n) = s.parse::<f64>() {
        c.key = SortKey::Num(n);
    }
    c
}
