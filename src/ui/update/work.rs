//! The investigator's work: marks, notes, tags, copies, exports, undo. In: keys. Out: writes. Bounds: undo keeps
//! [`crate::ui::nav::HISTORY`] changes of this run; the journal in the case keeps all.

use super::{ask, filter, overlay};
use crate::ui::data::notebook::Write;
use crate::ui::data::{Item, Place, What};
use crate::ui::effect::Effect;
use crate::ui::model::{Change, Extra, MenuKind, Model, Overlay, PromptKind};
use crate::ui::nav::HISTORY;
use crate::ui::screen::facts;
use crate::ui::widget::safe_text::grouped;

/// What a mark or a note would be put on.
pub fn target(m: &Model) -> Option<String> {
    let f = m.top()?;
    match &f.extra {
        Extra::Call { id } => Some(format!("call:{id}")),
        Extra::Replay(r) => {
            let t = r.film.as_ref()?;
            Some(format!("call:{}", t.steps().get(r.at)?.call.id))
        }
        _ => facts::target(&f.list.here()?.item),
    }
}

/// Marks, or takes the mark off.
pub fn mark(m: &mut Model) {
    let Some(t) = target(m) else {
        return m.say("nothing here to mark");
    };
    let off = m.mark_of(&t).is_some_and(|r| r.mark);
    put(m, &t, "mark", "", off);
}

/// Asks for a note or tag.
pub fn note(m: &mut Model, tag: bool) {
    let Some(t) = target(m) else {
        return m.say("nothing here to put it on");
    };
    overlay::prompt(
        m,
        if tag {
            PromptKind::Tag(t)
        } else {
            PromptKind::Note(t)
        },
        "",
    );
}

/// The account under the cursor, and the call where it is one's.
fn account(m: &Model) -> Option<(String, Option<String>)> {
    Some(match m.top()?.list.here().map(|r| &r.item) {
        Some(Item::Account(a)) => (a.account.clone(), None),
        Some(Item::Session(s)) => (s.account.clone(), None),
        Some(Item::Suspect(s)) => (s.account.clone(), None),
        _ => {
            let call = call_row(m)?;
            (call.account?, Some(call.id))
        }
    })
}

/// Asks who an account is.
pub fn is_account(m: &mut Model) {
    match account(m) {
        Some((name, _)) => overlay::prompt(m, PromptKind::Account(name.clone()), &name),
        None => m.say("no account here"),
    }
}

/// Takes the calls of a credential away from the account that they seem to be of.
pub fn not_account(m: &mut Model) {
    match account(m) {
        Some((name, Some(call))) if !name.starts_with("unattributed@") => {
            let w = Write::Correct {
                kind: "account-not",
                target: format!("call:{call}"),
                v: name,
                off: false,
            };
            correct(m, w);
        }
        Some((_, None)) => {
            m.say("go to one of its calls: what was called on that credential is taken away")
        }
        _ => m.say("nobody is known here"),
    }
}

/// Writes a mark, note or tag, so that it can be taken back.
pub fn put(m: &mut Model, target: &str, kind: &'static str, v: &str, off: bool) {
    let w = Write::Put {
        target: target.into(),
        kind,
        v: v.into(),
        off,
    };
    let asked = write(m, w.clone());
    done(m, w, asked);
}

/// Keeps a change to be taken back.
fn done(m: &mut Model, w: Write, asked: u64) {
    m.undo.push(Change::Wrote(w, asked));
    if m.undo.len() > HISTORY {
        m.undo.remove(0);
    }
    m.redo.clear();
}

/// A change that was asked for could not be written: nothing of it is there to be taken back, and what could not be taken back
/// still is.
pub fn refused(m: &mut Model, asked: u64) {
    let this = |c: &Change| matches!(c, Change::Wrote(_, n) if *n == asked);
    m.undo.retain(|c| !this(c));
    if let Some(at) = m.redo.iter().rposition(this) {
        let c = m.redo.remove(at);
        m.undo.push(c);
    }
}

/// Writes a correction, so that it can be taken back.
pub fn correct(m: &mut Model, w: Write) {
    m.say("deciding again over all calls ...");
    let asked = write(m, w.clone());
    if w.inverse().is_some() {
        done(m, w, asked);
    }
}

fn write(m: &mut Model, w: Write) -> u64 {
    // Shown at once; the answer reads the case again and puts right what is not so.
    if let Write::Put {
        target,
        kind,
        v,
        off,
    } = &w
    {
        let r = m.marks.entry(target.clone()).or_default();
        r.target.clone_from(target);
        let list = match *kind {
            "note" => Some(&mut r.notes),
            "tag" => Some(&mut r.tags),
            _ => None,
        };
        match (list, off) {
            (None, off) => r.mark = !off,
            (Some(l), false) => l.push(v.clone()),
            (Some(l), true) => l.retain(|x| x != v),
        }
        if !r.mark && r.notes.is_empty() && r.tags.is_empty() {
            m.marks.remove(target);
        }
    }
    m.corrected |= matches!(
        w,
        Write::Correct { .. }
            | Write::Template(_)
            | Write::Untemplate(_)
            | Write::Grade(_)
            | Write::Rules(_)
            | Write::Spec(_)
    );
    let asked = ask::ask(m, 0, Place::Written, What::Write(w));
    super::docs::refresh(m);
    asked
}

/// Keeps the filter under a name.
pub fn save_filter(m: &mut Model, name: &str) {
    let text = m.filter.applied.clone();
    write(
        m,
        Write::SaveFilter {
            name: name.into(),
            text,
        },
    );
}

/// Takes the last change back.
pub fn undo(m: &mut Model) {
    let Some(mut c) = m.undo.pop() else {
        return m.say("nothing to undo");
    };
    match &mut c {
        Change::Filter(before, _) => {
            filter::put(m, &before.clone());
            m.say("undone: filter");
        }
        Change::Wrote(w, asked) => {
            if let Some(back) = w.inverse() {
                *asked = write(m, back);
            }
            m.say("undone");
        }
    }
    m.redo.push(c);
}

/// Does it again.
pub fn redo(m: &mut Model) {
    let Some(mut c) = m.redo.pop() else {
        return m.say("nothing to do again");
    };
    match &mut c {
        Change::Filter(_, after) => filter::put(m, &after.clone()),
        Change::Wrote(w, asked) => *asked = write(m, w.clone()),
    }
    m.undo.push(c);
    m.say("done again");
}

/// What can be copied.
pub fn copy_menu(m: &mut Model) {
    let mut e = vec![
        ('y', "value under the cursor".to_string()),
        ('r', "row as JSON".into()),
    ];
    if call_row(m).is_some() {
        e.push(('c', "call as curl (masked)".into()));
        e.push(('l', "locator: file, packets or bytes, id".into()));
    }
    if call_row(m).is_none() && found(m).is_some() {
        e.push(('l', "locator: file, packets or lines, bytes, id".into()));
    }
    e.push(('f', "filter".into()));
    m.overlay = Some(Overlay::Menu(MenuKind::Copy, e));
}

fn call_row(m: &Model) -> Option<crate::query::rows::CallRow> {
    let f = m.top()?;
    match (&f.extra, f.list.here().map(|r| &r.item)) {
        (Extra::Replay(r), _) => {
            let t = r.film.as_ref()?;
            Some(t.steps().get(r.at)?.call.clone())
        }
        (_, Some(Item::Call(c))) => Some((**c).clone()),
        _ => f.show.as_ref().map(|s| s.row.clone()),
    }
}

/// Where the finding under the cursor stands.
fn found(m: &Model) -> Option<String> {
    let Item::Finding(r) = &m.top()?.list.here()?.item else {
        return None;
    };
    let text = |k: &str| {
        r.locator
            .get(k)
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
    };
    let number = |k: &str| r.locator.get(k).and_then(serde_json::Value::as_u64);
    let bytes = match (number("offset"), number("len")) {
        (Some(o), Some(n)) => format!(" bytes {o}+{n} of the decoded content"),
        _ => String::new(),
    };
    Some(format!(
        "call {} {} {}\n{} {}-{}{bytes}",
        r.call,
        r.dir,
        r.place,
        text("source")?,
        text("first")?,
        text("last")?
    ))
}

/// Copies.
pub fn copy(m: &mut Model, c: char) {
    let Some(f) = m.top() else { return };
    let text = match c {
        'y' if f.focus > 0 => f
            .docs
            .get(f.focus - 1)
            .and_then(|d| d.lines.get(f.pos.get(f.focus)?.cursor))
            .map(|l| l.text().trim().to_string()),
        'y' => f
            .list
            .here()
            .and_then(|r| r.cells.get(f.list.col))
            .map(|c| match &c.fact {
                Some((_, v)) => v.clone(),
                None => c.text.to_string(),
            }),
        'r' => match (f.list.here(), call_row(m)) {
            (_, Some(c)) => serde_json::to_string(&c).ok(),
            (Some(r), None) => json(&r.item),
            _ => None,
        },
        'c' => {
            let Some(c) = call_row(m) else { return };
            ask::ask(m, 0, Place::Copied, What::Curl(c.rowid));
            return;
        }
        'l' => call_row(m).map(|c| locator(&c)).or_else(|| found(m)),
        'f' => Some(m.filter.now().to_string()),
        _ => None,
    };
    copied(m, text.unwrap_or_default());
}

/// Sends a text to the clipboard.
pub fn copied(m: &mut Model, text: String) {
    if text.is_empty() {
        return m.say("nothing to copy");
    }
    let n = text.len().min(crate::limits::CLIPBOARD);
    m.outbox.push(Effect::Copy(text));
    m.say(format!("sent {} B by OSC 52", grouped(n as u64)));
}

fn json(i: &Item) -> Option<String> {
    match i {
        Item::Call(r) => serde_json::to_string(r),
        Item::Api(r) => serde_json::to_string(r),
        Item::Account(r) => serde_json::to_string(r),
        Item::Session(r) => serde_json::to_string(r),
        Item::Finding(r) => serde_json::to_string(r),
        Item::Risk(r) => serde_json::to_string(r),
        Item::Flow(r) => serde_json::to_string(r),
        Item::Source(r) => serde_json::to_string(r),
        Item::Suspect(r) => serde_json::to_string(r),
        Item::Hop(r) => serde_json::to_string(r),
        Item::Read(r) => serde_json::to_string(r),
        Item::Sql(r) => serde_json::to_string(r),
        Item::Mark(r) => return Some(r.target.clone()),
    }
    .ok()
}

/// Where a call stands, on one line a place.
pub fn locator(c: &crate::query::rows::CallRow) -> String {
    let mut out = vec![format!("call {}", c.id)];
    for l in &c.locators {
        let range = match (l.offset, l.len) {
            (Some(o), Some(n)) => format!(" bytes {o}+{n}"),
            _ => String::new(),
        };
        let unit = if l.role == "log" || l.offset.is_some() {
            "line"
        } else {
            "packet"
        };
        out.push(format!(
            "{} {unit} {}-{}{range} {}",
            l.source, l.first, l.last, l.role
        ));
    }
    out.join("\n")
}

/// What can be written.
pub fn export_menu(m: &mut Model) {
    let mut entries = super::report::drawings(m);
    let calls = crate::export::EXPORTERS.iter();
    entries.extend(calls.map(|e| (e.key(), format!("{}: {}", e.name(), e.about()))));
    m.overlay = Some(Overlay::Menu(MenuKind::Export, entries));
}

/// Asks for the file's name.
pub fn export_choice(m: &mut Model, c: char) {
    let Some(e) = crate::export::EXPORTERS.iter().find(|e| e.key() == c) else {
        super::report::drawing(m, c);
        return;
    };
    let stem = m
        .case_path
        .file_stem()
        .map_or_else(|| "case".into(), |s| s.to_string_lossy().into_owned());
    let what = match selection(m) {
        t if t.is_empty() => "all calls".into(),
        t => t,
    };
    overlay::prompt(
        m,
        PromptKind::Export(e.name(), e.raw(), what),
        &format!("./{stem}.{}", e.ending()),
    );
}

/// What is selected: the call that is open, the film's calls, the trail's, a suspect's, else what the filter selects.
fn selection(m: &Model) -> String {
    let all = m.filter.now().to_string();
    match m.top().map(|f| (&f.extra, f)) {
        Some((Extra::Call { id }, _)) => crate::ui::nav::term("id", id),
        Some((Extra::Replay(r), _)) => crate::ui::nav::film_term(&r.session),
        // the calls that delivered the rows are those of the account
        Some((Extra::Reads(v), _)) => {
            crate::ui::nav::with_term(&all, &crate::ui::nav::term("account", &v.asked.account))
        }
        // the filter does not act on a trace
        Some((extra @ Extra::Trace(t), f)) => match f.list.here().map(|r| &r.item) {
            Some(Item::Suspect(s)) if f.focus == 0 && !t.hops => {
                crate::ui::nav::term("account", &s.account)
            }
            _ => super::act::trail(extra).map_or(all, |t| crate::ui::nav::film_term(&t)),
        },
        _ => all,
    }
}

/// Writes the file.
pub fn export(m: &mut Model, format: &'static str, path: &str, raw: bool) {
    let text = selection(m);
    let filter = ask::filter(m, &text);
    m.say(format!("writing {path} ..."));
    ask::ask(
        m,
        0,
        Place::Written,
        What::Export {
            format,
            filter,
            text,
            path: path.into(),
            reveal: raw,
        },
    );
}
