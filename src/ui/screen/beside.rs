//! Rows that belong to the row under a list's cursor: what an account called, who called an API, the calls of a risk. In: what was
//! read for it. Out: lines of a document. Bounds: [`ROWS`] rows, [`CALLS`] calls.

use super::cells::account_in;
use super::lists::side_question;
use crate::query::rows::{AccountRow, ApiRow, CallRow};
use crate::ui::data::{Item, Kind};
use crate::ui::model::{Frame, Model};
use crate::ui::nav::{Jump, ScreenId, term, time};
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::grouped;

/// Calls that are read for a pane.
pub const CALLS: usize = 30;
/// Rows that are shown.
const ROWS: usize = 500;

/// What was read for the row under the cursor; `None` while it is not here.
fn read(f: &Frame) -> Option<(Kind, String, &[Item])> {
    let (kind, want) = side_question(f)?;
    (f.side_of == want).then_some((kind, want, f.side.as_slice()))
}

/// Adds them as a table under its heading, for a pane of a width.
pub fn add(m: &Model, f: &Frame, d: &mut Doc, pane: u16) {
    let Some((kind, want, rows)) = read(f) else {
        d.add(Line::new("reading ...", Role::Dim));
        return;
    };
    let w = if m.dates { 10 } else { 8 };
    // of two times the last says more; a pane without room for one has none
    let times = usize::from(pane)
        .saturating_sub(NAME + NUMBERS)
        .checked_div(w + 1)
        .unwrap_or(0)
        .min(2);
    let name = usize::from(pane)
        .saturating_sub(NUMBERS + times * (w + 1))
        .clamp(NAME, 48);
    let form = Form { name, w, times };
    d.add(Line::new(heading(m, kind, &form), Role::Head).row());
    for i in rows.iter().take(ROWS) {
        match i {
            Item::Account(a) => d.add(account(m, a, &want, &form)),
            Item::Api(a) => d.add(api(a, &want)),
            Item::Call(c) => d.add(call(m, c)),
            _ => {}
        }
    }
}

/// Columns of an account's name at least.
const NAME: usize = 16;
/// Columns of its calls and records, of the borders and of the blanks between.
const NUMBERS: usize = 25;

/// How wide an account is written.
struct Form {
    name: usize,
    /// Columns of a time.
    w: usize,
    /// Times: none, the last, first and last.
    times: usize,
}

impl Form {
    fn times(&self, first: &str, last: &str) -> String {
        let w = self.w;
        match self.times {
            0 => String::new(),
            1 => format!(" {last:<w$}"),
            _ => format!(" {first:<w$} {last:<w$}"),
        }
    }
}

fn heading(m: &Model, kind: Kind, form: &Form) -> String {
    let name = form.name;
    match kind {
        Kind::Accounts => format!(
            "{:<name$} {:>8}{:>9} {}",
            "ACCOUNT",
            "CALLS",
            "RECORDS",
            form.times("FIRST", "LAST")
        ),
        Kind::Calls => format!(
            "{:<t$} {:<ACCOUNT$} {:>3} {:>5} {:<2} CALL",
            "TIME",
            "ACCOUNT",
            "ST",
            "REC",
            "S",
            t = stamp(m)
        ),
        _ => format!("{:<2} {:>7} {:>8}  API", "S", "CALLS", "MAX REC"),
    }
}

/// Columns of an account in a list of calls.
const ACCOUNT: usize = 18;

/// Columns of a time in it.
fn stamp(m: &Model) -> usize {
    if m.dates { 23 } else { 12 }
}

fn account(m: &Model, a: &AccountRow, want: &str, form: &Form) -> Line {
    let t = |x: Option<&String>| x.map(|t| time::brief(t, m.dates)).unwrap_or_default();
    let numbers = format!(
        "{:>8}{:>9} {}",
        grouped(a.calls),
        grouped(a.records),
        form.times(&t(a.first.as_ref()), &t(a.last.as_ref()))
    );
    Line::new(account_in(&a.account, form.name, m.glyphs.dots), Role::Text)
        .and(numbers, Role::Dim)
        .row()
        .jump(Jump::To {
            screen: ScreenId::Calls,
            term: Some(format!("{want} {}", term("account", &a.account))),
            title: a.account.clone(),
        })
}

fn api(a: &ApiRow, want: &str) -> Line {
    Line::new(format!("{:<2}", a.level), Role::level(a.level))
        .and(
            format!(" {:>7} {:>8}  ", grouped(a.calls), grouped(a.max_records)),
            Role::Dim,
        )
        .and(a.api.clone(), Role::Text)
        .name()
        .jump(Jump::To {
            screen: ScreenId::Calls,
            term: Some(format!("{want} {}", term("api", &a.api))),
            title: a.api.clone(),
        })
}

fn call(m: &Model, c: &CallRow) -> Line {
    let t = stamp(m);
    let status = c.status.map_or("-".into(), |s| s.to_string());
    let records = match c.records {
        Some(n) if n > 0 => grouped(n),
        _ => "-".into(),
    };
    let level = c.level.unwrap_or("S0");
    let target = c.uri.as_deref().or(c.path.as_deref()).unwrap_or("-");
    Line::new(format!("{:<t$} ", time::row(&c.ts, m.dates)), Role::Dim)
        .and(
            account_in(c.account.as_deref().unwrap_or("-"), ACCOUNT, m.glyphs.dots),
            Role::Text,
        )
        .and(format!("{status:>3} {records:>5} "), Role::Dim)
        .and(format!("{level:<2} "), Role::level(level))
        .and(
            format!("{} {target}", c.method.as_deref().unwrap_or("-")),
            Role::Text,
        )
        .name()
        .jump(Jump::Call(c.id.clone()))
}

/// The call that holds the finding under the cursor.
fn holder(f: &Frame) -> Option<&CallRow> {
    match read(f)?.2.first()? {
        Item::Call(c) => Some(c),
        _ => None,
    }
}

/// What the places are counted in at which the call of the finding under the cursor stands; `None` while it is not read.
pub fn unit(f: &Frame) -> Option<&'static str> {
    let alone = holder(f)?.flags.contains(&"log-only");
    Some(if alone { "line" } else { "packet" })
}

/// When it was, who did it and by which API.
pub fn call_of(f: &Frame, d: &mut Doc) {
    let Some(c) = holder(f) else { return };
    d.add(Line::pair(
        "time",
        format!("{} UTC", time::row(&c.ts, true)),
        Role::Text,
    ));
    if let Some(a) = &c.account {
        d.add(Line::pair("account", a.clone(), Role::Text).jump(Jump::calls("account", a)));
    }
    if let Some(a) = &c.api {
        d.add(Line::pair("api", a.clone(), Role::Text).jump(Jump::calls("api", a)));
    }
}
