//! Corrections of templates and classes by key. In: the API or finding under the cursor, what was typed. Out: writes that can be taken back. Bounds: those of
//! [`crate::load::correct`].

use super::{overlay, work};
use crate::load::correct::{Change, ClassChange};
use crate::ui::data::Item;
use crate::ui::data::notebook::Write;
use crate::ui::model::{MenuKind, Model, Overlay, PromptKind};
use crate::ui::screen::body;
use crate::ui::widget::doc::Held;
use std::path::PathBuf;

/// Findings of one line that a menu offers.
const OFFERED: u8 = 9;

/// The API under the cursor, or that of the call.
fn here(m: &Model) -> Option<String> {
    let f = m.top()?;
    match f.list.here().map(|r| &r.item) {
        Some(Item::Api(r)) => Some(r.api.clone()),
        Some(Item::Call(r)) => r.api.clone(),
        None => f.show.as_ref()?.row.api.clone(),
        _ => None,
    }
}

/// Findings under the cursor.
fn findings(m: &Model) -> Vec<Held> {
    let Some(f) = m.top() else { return Vec::new() };
    if let Some(doc) = f.focus.checked_sub(1).and_then(|i| f.docs.get(i)) {
        let at = f.pos.get(f.focus).map_or(0, |p| p.cursor);
        return doc
            .lines
            .get(at)
            .map(|l| l.found.clone())
            .unwrap_or_default();
    }
    match f.list.here().map(|r| &r.item) {
        Some(Item::Finding(x)) => vec![body::held(x)],
        _ => Vec::new(),
    }
}

/// APIs that are marked, but this one.
fn marked(m: &Model, but: &str) -> Vec<String> {
    m.marks
        .values()
        .filter(|r| r.mark)
        .filter_map(|r| r.target.strip_prefix("api:"))
        .filter(|a| *a != but)
        .map(str::to_owned)
        .collect()
}

/// What can be corrected.
pub fn menu(m: &mut Model) {
    let found = findings(m);
    if let [one] = found.as_slice() {
        return class_menu(m, 0, &one.clone());
    }
    if !found.is_empty() {
        let entries = ('1'..)
            .zip(found.iter().take(usize::from(OFFERED)))
            .map(|(key, h)| (key, format!("{} in {}", h.class, h.field)))
            .collect();
        m.overlay = Some(Overlay::Menu(MenuKind::Finding(OFFERED), entries));
        return;
    }
    let Some(api) = here(m) else {
        return m.say(
            "neither an API nor a finding here to correct: 3 lists APIs, e goes to a finding",
        );
    };
    let n = marked(m, &api).len();
    let entries = vec![
        ('p', "pin: keep this template whatever comes".to_string()),
        ('s', "split: set values of its parameter apart".into()),
        ('g', format!("merge with the marked APIs ({n})")),
        ('n', "name it otherwise".into()),
    ];
    m.overlay = Some(Overlay::Menu(MenuKind::Correct, entries));
}

/// What can be said of a finding's class.
fn class_menu(m: &mut Model, at: u8, h: &Held) {
    let mut entries = vec![('x', "another class: asks which".to_string())];
    if h.api.is_some() {
        entries.insert(
            0,
            ('n', format!("no {} in this field of this API", h.class)),
        );
    }
    entries.push(('e', format!("no {} in this field of any API", h.class)));
    m.overlay = Some(Overlay::Menu(MenuKind::Finding(at), entries));
}

/// Something of it was chosen; where the line has several findings, first which of them.
pub fn class_choice(m: &mut Model, at: u8, c: char) {
    let found = findings(m);
    if at == OFFERED {
        let one = u8::try_from(u32::from(c).saturating_sub(u32::from('1'))).unwrap_or(OFFERED);
        if let Some(h) = found.get(usize::from(one)) {
            class_menu(m, one, h);
        }
        return;
    }
    let Some(h) = found.get(usize::from(at)).cloned() else {
        return;
    };
    if c == 'x' {
        return overlay::prompt(m, PromptKind::Class(h), "");
    }
    let change = ClassChange {
        field: h.field,
        class: h.class,
        api: h.api.filter(|_| c == 'n'),
        on: false,
        instead: None,
    };
    work::correct(m, Write::Template(Change::Class(change)));
}

/// The class that a field holds was typed.
pub fn another_class(m: &mut Model, h: &Held, text: &str) {
    let change = ClassChange {
        field: h.field.clone(),
        class: text.to_owned(),
        api: h.api.clone(),
        on: true,
        instead: Some(h.class.clone()),
    };
    work::correct(m, Write::Template(Change::Class(change)));
}

/// One of them was chosen.
pub fn choice(m: &mut Model, c: char) {
    let Some(api) = here(m) else { return };
    match c {
        'p' => work::correct(m, Write::Template(Change::Pin(api))),
        's' => overlay::prompt(m, PromptKind::Split(api), ""),
        'n' => overlay::prompt(m, PromptKind::Rename(api.clone()), &api),
        'g' => {
            let mut all = marked(m, &api);
            if all.is_empty() {
                return m.say("mark the others first (m)");
            }
            all.insert(0, api);
            work::correct(m, Write::Template(Change::Merge(all)));
        }
        _ => {}
    }
}

/// Values to set apart were typed; `*` for all.
pub fn split(m: &mut Model, api: &str, text: &str) {
    let values = text
        .split_whitespace()
        .filter(|v| *v != "*")
        .map(str::to_owned)
        .collect();
    work::correct(
        m,
        Write::Template(Change::Split {
            api: api.to_owned(),
            values,
            param: None,
        }),
    );
}

/// A name was typed.
pub fn rename(m: &mut Model, api: &str, name: &str) {
    work::correct(
        m,
        Write::Template(Change::Rename {
            api: api.to_owned(),
            name: name.to_owned(),
        }),
    );
}

/// Files of rules were typed: what was searched with other ones is searched again.
pub fn rules(m: &mut Model, text: &str) {
    m.rules = text.trim().to_owned();
    let files = text.split_whitespace().map(PathBuf::from).collect();
    work::correct(m, Write::Rules(files));
}
