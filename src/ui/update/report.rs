//! A report out of the interface: of the trace on screen, of an account, or of what is here; and the trace on screen as a drawing. In: the
//! place. Out: a question to the data threads, which compose and write it. Bounds: those of the report and of the drawing.

use super::{ask, overlay};
use crate::trace::Question;
use crate::trace::graph::{FORMATS, Graph};
use crate::ui::data::{Item, Place, What};
use crate::ui::model::{Extra, Model, PromptKind, TraceView};

/// What a report of this place is about; `None`: what is here.
fn subject(m: &Model) -> Option<Question> {
    let f = m.top()?;
    match &f.extra {
        Extra::Trace(t) => return t.question.clone(),
        Extra::Reads(v) => return Some(v.asked.question.clone()),
        Extra::Replay(r) => {
            let film = r.film.as_ref()?;
            let account = film.steps().get(r.at)?.call.account.clone()?;
            return Some(Question::Account(account));
        }
        _ => {}
    }
    match f.list.here().map(|r| &r.item) {
        Some(Item::Account(a)) => Some(Question::Account(a.account.clone())),
        Some(Item::Session(s)) => Some(Question::Account(s.account.clone())),
        // calls of one account are about it; else the report is about all that is here
        Some(Item::Call(c)) if m.filter.now().contains("account:") => {
            c.account.clone().map(Question::Account)
        }
        _ => None,
    }
}

/// Asks for the file's name.
pub fn prompt(m: &mut Model) {
    let q = subject(m);
    let stem = stem(m);
    overlay::prompt(m, PromptKind::Report(q), &format!("./{stem}-report.html"));
}

/// Has it written.
pub fn write(m: &mut Model, question: Option<Question>, path: &str) -> Result<(), String> {
    let path = std::path::PathBuf::from(path);
    crate::report::format_of(&path).map_err(|e| e.to_string())?;
    m.say(format!("writing {} ...", path.display()));
    ask::ask(m, 0, Place::Written, What::Report { question, path });
    Ok(())
}

/// Drawings of the trace on show: their keys and words; none elsewhere.
pub fn drawings(m: &Model) -> Vec<(char, String)> {
    let Some(Extra::Trace(t)) = m.top().map(|f| &f.extra) else {
        return Vec::new();
    };
    if t.result.as_ref().is_none_or(|r| r.trails.is_empty()) {
        return Vec::new();
    }
    let what = if all_ways(t) { "the ways" } else { "the path" };
    FORMATS
        .iter()
        .map(|f| (f.key, format!("{}: {what} drawn", f.name)))
        .collect()
}

/// Whether all ways are drawn: as they are on show, else those of a leak.
fn all_ways(t: &TraceView) -> bool {
    t.whole || t.result.as_ref().is_some_and(|r| r.trails.len() == 1)
}

/// Asks for the name of a drawing's file.
pub fn drawing(m: &mut Model, c: char) {
    let Some(f) = FORMATS.iter().find(|f| f.key == c) else {
        return;
    };
    let Some(Extra::Trace(t)) = m.top().map(|f| &f.extra) else {
        return;
    };
    let kind = PromptKind::Graph(f.name, all_ways(t));
    let stem = stem(m);
    overlay::prompt(m, kind, &format!("./{stem}-trail.{}", f.ending));
}

/// Has a drawing written: of all ways, or of the one on show.
pub fn graph(m: &mut Model, format: &'static str, all: bool, path: &str) {
    let Some(Extra::Trace(t)) = m.top().map(|f| &f.extra) else {
        return;
    };
    let (Some(question), Some(r)) = (&t.question, &t.result) else {
        return;
    };
    let graph = match r.trails.get(t.trail) {
        Some(one) if !all => Graph::merged(std::slice::from_ref(one), (0, 0)),
        _ => Graph::of(r),
    };
    let what = What::Graph {
        format,
        graph: Box::new(graph),
        question: Box::new(question.clone()),
        path: path.into(),
    };
    m.say(format!("writing {path} ..."));
    ask::ask(m, 0, Place::Written, what);
}

/// The name of the case without its ending.
fn stem(m: &Model) -> String {
    m.case_path
        .file_stem()
        .map_or_else(|| "case".into(), |s| s.to_string_lossy().into_owned())
}
