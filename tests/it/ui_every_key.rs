//! Every key of the table on every screen and pane: it does something that can be seen, or says why not.

use crate::ui_demo::{clue, rig};
use crate::ui_rig::Rig;
use crossterm::event::KeyModifiers;
use leaktrace::ui::keys::{Action, BINDINGS};
use leaktrace::ui::model::Model;
use leaktrace::ui::update;
use ratatui::buffer::Buffer;

/// Places by the keys that lead there; `CLUE` is the demonstration's list.
const PLACES: &[&str] = &[
    "1",
    "2 j",
    "3 j",
    "4 j j",
    "4 / `is:sensitive records > 2` Enter j Enter",
    "5 j",
    "5 l l l l s g Enter .",
    "6",
    "6 Enter CLUE Enter j",
    "6 Enter CLUE Enter j o j",
    "6 Enter `17724879589` Enter j",
    "7",
    "4 m j m 7",
    ": `screen findings` Enter j",
    ": `screen risks` Enter j",
    ": `screen flows` Enter j",
    ": `screen sources` Enter",
    "; Enter j",
    "1 / `account:nobody` Enter",
    "2 / `account:nobody` Enter",
    "4 / `account:nobody` Enter",
    "5 / `account:nobody` Enter",
];

/// What a key may leave as it is: a cursor at an edge, and what only the terminal sees.
fn may_be_silent(a: Action) -> bool {
    matches!(
        a,
        Action::Up
            | Action::Down
            | Action::Left
            | Action::Right
            | Action::Top
            | Action::Bottom
            | Action::HalfUp
            | Action::HalfDown
            | Action::PageUp
            | Action::PageDown
            | Action::Redraw
            | Action::Suspend
    )
}

fn go(r: &mut Rig, place: &str) {
    match place.split_once("CLUE") {
        Some((before, behind)) => {
            r.keys(before);
            r.msg(leaktrace::ui::msg::Msg::Paste(clue()));
            r.keys(behind);
        }
        None => {
            r.keys(place);
        }
    }
}

fn press(r: &mut Rig, model: &Model, code: crossterm::event::KeyCode, ctrl: bool) -> Buffer {
    r.m = model.clone();
    r.press(
        code,
        if ctrl {
            KeyModifiers::CONTROL
        } else {
            KeyModifiers::NONE
        },
    );
    r.buffer()
}

fn silent_keys(size: (u16, u16)) -> Vec<String> {
    let mut out = Vec::new();
    for place in PLACES {
        let (mut r, _d) = rig(size);
        go(&mut r, place);
        r.m.status = None;
        let panes = leaktrace::ui::screen::layout::panes_of(r.m.top().unwrap().screen);
        let start = r.m.clone();
        for tabs in 0..panes {
            r.m = start.clone();
            for _ in 0..tabs {
                r.keys("Tab");
            }
            r.m.status = None;
            let model = r.m.clone();
            let before = r.buffer();
            let ctxs = update::contexts(&r.m);
            let here = BINDINGS
                .iter()
                .filter(|b| ctxs.contains(&b.ctx) && !may_be_silent(b.action));
            for b in here {
                for k in b.keys {
                    if press(&mut r, &model, k.0, k.1) == before {
                        out.push(format!(
                            "{place} pane {}: {} ({})",
                            model.top().unwrap().focus,
                            k.name(),
                            b.help
                        ));
                    }
                }
            }
        }
    }
    out
}

#[test]
fn every_key_does_something_or_says_why_not() {
    for size in [(80, 24), (160, 50)] {
        let silent = silent_keys(size);
        assert!(silent.is_empty(), "{size:?}:\n{}", silent.join("\n"));
    }
}
