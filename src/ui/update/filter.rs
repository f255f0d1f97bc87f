//! The filter bar. In: keys. Out: the filter in force. Bounds: parsed on each key, applied 80 ms after the last one;
//! while what is typed does not parse, the last filter that did stays in force.

use super::{ask, docs};
use crate::error::Error;
use crate::query::lang::{self, field, words};
use crate::ui::data::{Place, What};
use crate::ui::effect::Effect;
use crate::ui::model::{Change, Model, State};
use crate::ui::msg::Timer;
use crate::ui::nav::HISTORY;
use crate::ui::nav::input::Input;
use crossterm::event::{KeyCode, KeyEvent};

/// Starts editing.
pub fn open(m: &mut Model) {
    m.filter.off = false;
    let text = m.filter.applied.clone();
    let mut i = Input::new(&text);
    if !text.is_empty() {
        i.insert(" ");
    }
    m.filter.edit = Some((i, text));
    m.filter.at = m.filter.history.len();
    check(m);
    // what Tab can complete, and which classes the case has
    if m.names.classes.is_empty() {
        ask::ask(m, 0, Place::Names, What::Names);
    }
}

/// Names have come while the line may be edited.
pub fn names_came(m: &mut Model) {
    if m.filter.edit.is_some() {
        check(m);
    }
}

/// Sets the filter, as a change that can be taken back.
pub fn set(m: &mut Model, text: &str) {
    let text = text.trim();
    if let Err(e) = lang::parse(text) {
        return m.warn(e.to_string());
    }
    if text == m.filter.now() {
        return m.say("the filter says so already");
    }
    let before = m.filter.now().to_string();
    m.undo.push(Change::Filter(before, text.to_string()));
    m.redo.clear();
    put(m, text);
}

/// Puts a filter in force.
pub fn put(m: &mut Model, text: &str) {
    m.filter.applied = text.to_string();
    m.filter.off = false;
    if !text.is_empty() && m.filter.history.last().is_none_or(|l| l != text) {
        m.filter.history.push(text.to_string());
        if m.filter.history.len() > HISTORY {
            m.filter.history.remove(0);
        }
    }
    reread(m);
}

/// Reads again with the filter in force. The rows on screen stay until the new ones come.
pub fn reread(m: &mut Model) {
    if let Some(f) = m.frames.last_mut() {
        f.list.keep = f
            .list
            .here()
            .and_then(|r| crate::ui::screen::facts::target(&r.item));
        f.side_of.clear();
    }
    ask::fetch(m);
    docs::refresh(m);
}

/// Off and on again.
pub fn toggle(m: &mut Model) {
    if m.filter.applied.is_empty() {
        return m.say("there is no filter");
    }
    m.filter.off = !m.filter.off;
    m.say(if m.filter.off {
        "filter off; Ctrl-t puts it back"
    } else {
        "filter on"
    });
    reread(m);
}

/// Parses what is typed and says what is wrong with it.
fn check(m: &mut Model) {
    let Some((i, _)) = &m.filter.edit else { return };
    let text = i.text().trim_end();
    let read = if m.names.classes.is_empty() {
        lang::parse(text)
    } else {
        lang::parse_knowing(text, &m.names.classes)
    };
    m.filter.error = match read {
        Ok(_) => None,
        Err(Error::Usage { msg, at }) => Some((msg, at.unwrap_or(i.text().len()))),
        Err(e) => Some((e.to_string(), i.text().len())),
    };
    m.filter.offers = offers(m);
}

/// The word before the cursor.
fn word(text: &str) -> &str {
    let from = text
        .rfind(|c: char| c.is_whitespace() || "(){},=<>~!&|".contains(c))
        .map_or(0, |i| i + 1);
    text.get(from..).unwrap_or("")
}

/// What the word before the cursor can become.
fn offers(m: &Model) -> Vec<String> {
    let Some((i, _)) = &m.filter.edit else {
        return Vec::new();
    };
    let w = word(i.text().get(..i.cursor()).unwrap_or(""));
    if w.is_empty() {
        return Vec::new();
    }
    let some =
        |v: Vec<String>| -> Vec<String> { v.into_iter().filter(|o| o != w).take(12).collect() };
    if let Some((name, value)) = w.split_once(':') {
        let value = value.trim_start_matches('"').to_lowercase();
        let names: Vec<&str> = match name {
            "is" => field::IS_WORDS
                .iter()
                .map(|(n, _)| *n)
                .chain(crate::call::model::Flags::NAMES.iter().map(|(_, n)| *n))
                .collect(),
            "level" | "sens" => vec!["S0", "S1", "S2", "S3", "S4"],
            "account" | "user" => m.names.accounts.iter().map(String::as_str).collect(),
            "api" => m.names.apis.iter().map(String::as_str).collect(),
            "method" => vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
            _ => field::Field::by_name(name)
                .and_then(|f| words::of(f.id, &m.names.classes))
                .map_or_else(Vec::new, |(_, list)| list),
        };
        return some(
            names
                .into_iter()
                .filter(|n| n.to_lowercase().starts_with(&value))
                .map(|n| format!("{name}:{}", lang::quote(n)))
                .collect(),
        );
    }
    let low = w.to_lowercase();
    let scope = m.top().and_then(|f| f.screen.scope());
    let scope = scope.unwrap_or(lang::Scope::Calls) as u8;
    let mut v: Vec<String> = field::FIELDS
        .iter()
        .filter(|d| d.scopes & scope != 0 && d.name.starts_with(&low))
        .map(|d| d.name.to_string())
        .collect();
    if "is:".starts_with(&low) {
        v.push("is:".into());
    }
    some(v)
}

/// A key while the filter is edited.
pub fn key(m: &mut Model, k: &KeyEvent) {
    match k.code {
        KeyCode::Enter => return done(m),
        KeyCode::Esc => {
            if let Some((_, before)) = m.filter.edit.take() {
                m.filter.error = None;
                m.filter.seq = m.fresh();
                if m.filter.applied != before {
                    m.filter.applied = before;
                    reread(m);
                }
            }
            return;
        }
        KeyCode::Up | KeyCode::Down => {
            let n = m.filter.history.len();
            let at = if k.code == KeyCode::Up {
                m.filter.at.saturating_sub(1)
            } else {
                (m.filter.at + 1).min(n)
            };
            m.filter.at = at;
            let text = m.filter.history.get(at).cloned().unwrap_or_default();
            if let Some((i, _)) = &mut m.filter.edit {
                *i = Input::new(&text);
            }
        }
        KeyCode::Tab => {
            let offer = m.filter.offers.first().cloned();
            if let (Some((i, _)), Some(o)) = (&mut m.filter.edit, offer) {
                let n = word(i.text().get(..i.cursor()).unwrap_or("")).len();
                i.replace_before(n, &o);
            }
        }
        _ => {
            let Some((i, _)) = &mut m.filter.edit else {
                return;
            };
            if !i.key(k) {
                return;
            }
        }
    }
    typed(m);
}

/// The text changed.
pub fn typed(m: &mut Model) {
    check(m);
    let seq = m.fresh();
    m.filter.seq = seq;
    if m.filter.error.is_none() {
        m.outbox
            .push(Effect::After(super::FILTER_MS, Timer::Filter(seq)));
    }
}

/// The keys have rested: what parses is put in force while editing goes on.
pub fn apply_typed(m: &mut Model) {
    let Some((i, _)) = &m.filter.edit else { return };
    let text = i.text().trim().to_string();
    if m.filter.error.is_none() && text != m.filter.applied {
        m.filter.applied = text;
        reread(m);
    }
}

fn done(m: &mut Model) {
    if m.filter.error.is_some() {
        return m.warn("does not parse yet; Esc gives up");
    }
    let Some((i, before)) = m.filter.edit.take() else {
        return;
    };
    m.filter.seq = m.fresh();
    let text = i.text().trim().to_string();
    if text != before {
        m.undo.push(Change::Filter(before, text.clone()));
        m.redo.clear();
    }
    let fresh = m.filter.applied != text
        || m.top()
            .is_some_and(|f| f.filter != text || f.list.state != State::Ready);
    m.filter.applied = text.clone();
    if fresh {
        put(m, &text);
    } else if !text.is_empty() && m.filter.history.last() != Some(&text) {
        m.filter.history.push(text);
    }
}
