//! Corrections of templates by key. In: the API under the cursor, what was typed. Out: writes that can be taken back. Bounds: those of
//! [`crate::load::correct`].

use super::{overlay, work};
use crate::load::correct::Change;
use crate::ui::data::Item;
use crate::ui::data::notebook::Write;
use crate::ui::model::{MenuKind, Model, Overlay, PromptKind};
use std::path::PathBuf;

/// The API under the cursor.
fn here(m: &Model) -> Option<String> {
    match &m.top()?.list.here()?.item {
        Item::Api(r) => Some(r.api.clone()),
        _ => None,
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
    let Some(api) = here(m) else {
        return m.say("no API here to correct: 3 lists them");
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
