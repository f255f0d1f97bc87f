//! A report out of the interface: of the trace on screen, of an account, or of what is here. In: the place. Out: a question to the data
//! threads, which compose and write it. Bounds: those of the report.

use super::{ask, overlay};
use crate::trace::Question;
use crate::ui::data::{Item, Place, What};
use crate::ui::model::{Extra, Model, PromptKind};

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
    let stem = m
        .case_path
        .file_stem()
        .map_or_else(|| "case".into(), |s| s.to_string_lossy().into_owned());
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
