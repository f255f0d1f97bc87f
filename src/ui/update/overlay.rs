//! What lies over the screen: texts, menus, prompts, the palette. In: keys. Out: choices. Bounds: none.

use super::{act, ask, correct, filter, go, palette, work};
use crate::trace::Question;
use crate::trace::subject::Kind;
use crate::ui::data::notebook::Write;
use crate::ui::data::{Place, What};
use crate::ui::model::{MenuKind, Model, Overlay, PromptKind};
use crate::ui::nav::input::Input;
use crate::ui::nav::{Jump, ScreenId};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Bytes of a clue file that the interface reads; larger ones are for the command line.
const CLUE_BYTES: u64 = 64 << 20;

/// How names of clue files end.
const ENDINGS: [&str; 5] = [".csv", ".jsonl", ".json", ".txt", ".tsv"];

/// Asks for a line.
pub fn prompt(m: &mut Model, kind: PromptKind, text: &str) {
    m.offered = (String::new(), Vec::new());
    m.overlay = Some(Overlay::Prompt(kind, Input::new(text), None));
}

/// The path behind the one that is typed among those that were offered last; `None` where others have to be asked for.
fn next_path(m: &Model, typed: &str) -> Option<String> {
    let (begun, all) = &m.offered;
    if all.len() < 2 {
        return None;
    }
    match all.iter().position(|p| p == typed) {
        // into the folder that was chosen
        Some(_) if typed.ends_with('/') => None,
        Some(at) => all.get((at + 1) % all.len()).cloned(),
        None => all.first().filter(|_| begun == typed).cloned(),
    }
}

/// Paths that a typed one can become, where there are several.
pub fn paths_offered<'a>(m: &'a Model, typed: &str) -> &'a [String] {
    let (begun, all) = &m.offered;
    if all.len() > 1 && (begun == typed || all.iter().any(|p| p == typed)) {
        all
    } else {
        &[]
    }
}

/// Pasted text goes where typed text goes; several lines where a question for the trace is asked are a clue.
pub fn paste(m: &mut Model, text: &str) {
    let asks = match &m.overlay {
        Some(Overlay::Prompt(PromptKind::Trace, i, _)) => i.text().trim().is_empty(),
        None => m.filter.edit.is_none() && m.top().is_some_and(|f| f.screen == ScreenId::Trace),
        Some(_) => false,
    };
    // terminals send a carriage return for a line's end
    let text = &text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = text.lines().filter(|l| !l.trim().is_empty()).count();
    if asks && lines > 1 {
        m.overlay = None;
        let clue = Question::Clue {
            name: format!("{lines} pasted lines"),
            bytes: text.clone().into_bytes(),
        };
        return go::jump(m, Jump::Trace(clue));
    }
    match &mut m.overlay {
        Some(Overlay::Prompt(_, i, _)) => i.insert(text),
        Some(Overlay::Palette { input, .. }) => {
            input.insert(text);
            palette::matched(m);
        }
        Some(_) => {}
        None => {
            if let Some((i, _)) = &mut m.filter.edit {
                i.insert(text);
                filter::typed(m);
            }
        }
    }
}

/// A key while something lies over the screen.
pub fn key(m: &mut Model, k: &KeyEvent) {
    let Some(o) = m.overlay.take() else { return };
    match o {
        Overlay::Text(d, mut pos, is_why) => {
            let h = usize::from(m.size.1).saturating_sub(8).max(1);
            let n = d.lines.len();
            let to = match k.code {
                KeyCode::Char('j') | KeyCode::Down => pos.top + 1,
                KeyCode::Char('k') | KeyCode::Up => pos.top.saturating_sub(1),
                KeyCode::PageDown | KeyCode::Char(' ' | 'd') => pos.top + h,
                KeyCode::PageUp | KeyCode::Char('b') => pos.top.saturating_sub(h),
                KeyCode::Char('g') | KeyCode::Home => 0,
                KeyCode::Char('G') | KeyCode::End => n,
                KeyCode::Char('?') if is_why => return act::help_text(m),
                _ => return,
            };
            // One line beyond the last is as far as it goes.
            pos.top = to.min(n.saturating_sub(h));
            pos.cursor = pos.top;
            m.overlay = Some(Overlay::Text(d, pos, is_why));
        }
        Overlay::Menu(kind, entries) => {
            if kind == MenuKind::Quit {
                match k.code {
                    KeyCode::Char('q' | 'y') => {
                        m.ended = Some(0);
                        m.outbox.push(crate::ui::effect::Effect::Quit(0));
                    }
                    KeyCode::Char('n') | KeyCode::Esc => {}
                    // who goes on working stays
                    _ => super::key(m, k),
                }
                return;
            }
            let KeyCode::Char(c) = k.code else { return };
            if entries.iter().any(|(e, _)| *e == c) {
                match kind {
                    MenuKind::Copy => work::copy(m, c),
                    MenuKind::Export => work::export_choice(m, c),
                    MenuKind::Correct => correct::choice(m, c),
                    MenuKind::Finding(at) => correct::class_choice(m, at, c),
                    MenuKind::Quit => {}
                }
            } else {
                m.overlay = Some(Overlay::Menu(kind, entries));
            }
        }
        Overlay::Prompt(kind, mut input, _) => match k.code {
            KeyCode::Esc => {}
            KeyCode::Enter => {
                let text = input.text().trim().to_string();
                if let Err(why) = typed(m, &kind, &text) {
                    m.overlay = Some(Overlay::Prompt(kind, input, Some(why)));
                }
            }
            KeyCode::Tab if takes_path(&kind) => {
                let begun = input.text().to_owned();
                match next_path(m, &begun) {
                    Some(p) => m.overlay = Some(Overlay::Prompt(kind, Input::new(&p), None)),
                    None => {
                        m.overlay = Some(Overlay::Prompt(kind, input, None));
                        ask::ask(m, 0, Place::Paths, What::Paths(begun));
                    }
                }
            }
            KeyCode::Up => {
                if let Some(last) = m.typed.last() {
                    input = Input::new(&last.clone());
                }
                m.overlay = Some(Overlay::Prompt(kind, input, None));
            }
            _ => {
                input.key(k);
                m.overlay = Some(Overlay::Prompt(kind, input, None));
            }
        },
        Overlay::Palette {
            mut input,
            hits,
            mut at,
        } => match k.code {
            KeyCode::Esc => {}
            KeyCode::Enter => {
                if let Some(c) = hits.get(at).and_then(|i| m.commands.get(*i)).cloned() {
                    palette::run(m, c.run);
                }
            }
            KeyCode::Down | KeyCode::Up | KeyCode::Tab | KeyCode::BackTab => {
                let n = hits.len().max(1);
                let down = matches!(k.code, KeyCode::Down | KeyCode::Tab);
                at = if down { (at + 1) % n } else { (at + n - 1) % n };
                m.overlay = Some(Overlay::Palette { input, hits, at });
            }
            KeyCode::Char('n' | 'p') if k.modifiers.contains(KeyModifiers::CONTROL) => {
                let n = hits.len().max(1);
                at = if k.code == KeyCode::Char('n') {
                    (at + 1) % n
                } else {
                    (at + n - 1) % n
                };
                m.overlay = Some(Overlay::Palette { input, hits, at });
            }
            _ => {
                input.key(k);
                m.overlay = Some(Overlay::Palette { input, hits, at: 0 });
                palette::matched(m);
            }
        },
    }
}

pub fn takes_path(kind: &PromptKind) -> bool {
    matches!(
        kind,
        PromptKind::Trace
            | PromptKind::Export(..)
            | PromptKind::Graph(..)
            | PromptKind::Report(_)
            | PromptKind::Spec
    )
}

/// Paths have come: what they have in common is typed, and they are listed where there are several; Tab then takes one after the other.
pub fn paths(m: &mut Model, begun: &str, found: &[String]) {
    let Some(Overlay::Prompt(kind, input, said)) = &mut m.overlay else {
        return;
    };
    if !takes_path(kind) || input.text() != begun {
        return;
    }
    let begins = crate::ui::data::paths::common(found);
    if begins.len() > begun.len() && begins.starts_with(begun) || found.len() == 1 {
        *input = Input::new(&begins);
    }
    *said = found.is_empty().then(|| "no such file".into());
    m.offered = (input.text().to_owned(), found.to_vec());
}

/// A line was typed; an error keeps the prompt open.
fn typed(m: &mut Model, kind: &PromptKind, text: &str) -> Result<(), String> {
    if text.is_empty() && !matches!(kind, PromptKind::Find | PromptKind::Rules) {
        return Ok(());
    }
    match kind {
        PromptKind::Note(t) => work::put(m, t, "note", text, false),
        PromptKind::Tag(t) => {
            for tag in text.split_whitespace() {
                work::put(m, t, "tag", tag.trim_start_matches('#'), false);
            }
        }
        PromptKind::Account(old) => {
            if text != old {
                let w = Write::Correct {
                    kind: "account",
                    target: format!("account:{old}"),
                    v: text.to_owned(),
                    off: false,
                };
                work::correct(m, w);
            }
        }
        PromptKind::Find => {
            if let Some(f) = m.frames.last_mut() {
                f.find = text.to_string();
            }
            if !text.is_empty() {
                act::act(m, crate::ui::keys::Action::FindNext);
            }
        }
        PromptKind::Sql => go::sql(m, text),
        PromptKind::Trace => go::jump(m, Jump::Trace(question(text)?)),
        PromptKind::Export(format, raw, _) => work::export(m, format, text, *raw),
        PromptKind::Report(q) => super::report::write(m, q.clone(), text)?,
        PromptKind::Save => work::save_filter(m, text),
        PromptKind::Class(held) => correct::another_class(m, held, text),
        PromptKind::Graph(format, asked) => super::report::graph(m, format, *asked, text),
        PromptKind::Split(api) => correct::split(m, api, text),
        PromptKind::Rename(api) => correct::rename(m, api, text),
        PromptKind::Rules => correct::rules(m, text),
        PromptKind::Spec => {
            let path = std::path::PathBuf::from(text);
            if !path.is_file() {
                return Err("there is no such file".into());
            }
            work::correct(m, Write::Spec(vec![path]));
        }
    }
    m.typed.push(text.to_string());
    Ok(())
}

/// `account:NAME` and the other subjects, `record:ID`, the path of a file, else a value.
fn question(text: &str) -> Result<Question, String> {
    if let Some(a) = text.strip_prefix("account:") {
        return Ok(Question::Account(a.trim().trim_matches('"').to_string()));
    }
    if let Some(r) = text.strip_prefix("record:") {
        return Ok(Question::Record(r.trim().to_string()));
    }
    for kind in [Kind::Address, Kind::Device, Kind::Api, Kind::Host] {
        let rest = text
            .strip_prefix(kind.name())
            .and_then(|t| t.strip_prefix(':'));
        if let Some(name) = rest {
            let name = name.trim().trim_matches('"').to_string();
            return Ok(Question::Subject(kind, name));
        }
    }
    if let Some(v) = text.strip_prefix("value:") {
        return Ok(Question::Value(v.to_string()));
    }
    let (forced, path) = match text.strip_prefix('@') {
        Some(p) => (true, p),
        None => (false, text),
    };
    let path = match path.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        None => std::path::PathBuf::from(path),
    };
    let looks = forced || text.contains('/') || ENDINGS.iter().any(|e| text.ends_with(e));
    // What can only be meant as a file is not looked for as a value, which nothing would hold.
    let names_one = ["./", "../", "~/"].iter().any(|b| text.starts_with(b))
        || (looks
            && !text.contains(char::is_whitespace)
            && ENDINGS.iter().any(|e| text.ends_with(e)));
    if names_one && !path.is_file() {
        return Err("there is no such file; value: before it looks for the text itself".into());
    }
    if !looks || (!forced && !path.is_file()) {
        return Ok(Question::Value(text.to_string()));
    }
    let meta = std::fs::metadata(&path).map_err(|e| format!("cannot read it: {e}"))?;
    if meta.len() > CLUE_BYTES {
        return Err(format!(
            "larger than {} MiB; use leaktrace trace --clue",
            CLUE_BYTES >> 20
        ));
    }
    let bytes = std::fs::read(&path).map_err(|e| format!("cannot read it: {e}"))?;
    let name = path
        .file_name()
        .map_or_else(|| text.to_string(), |n| n.to_string_lossy().into_owned());
    Ok(Question::Clue { name, bytes })
}
