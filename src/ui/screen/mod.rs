//! Screens. In: the model. Out: cells; documents for panes of text. Bounds: nothing here reads the case or changes the
//! model; what is drawn is safe text only.

pub mod beside;
pub mod body;
pub mod call;
pub mod cells;
pub mod chrome;
pub mod columns;
pub mod facts;
pub mod help;
pub mod layout;
pub mod lists;
pub mod movement;
pub mod over;
pub mod overview;
pub mod reads;
pub mod replay;
pub mod trace;

pub use beside::CALLS as BESIDE_CALLS;
pub use lists::side_question;

use crate::ui::model::{Frame, List, Model, State, Total};
use crate::ui::nav::ScreenId;
use crate::ui::theme::Role;
use crate::ui::widget::canvas::Canvas;
use crate::ui::widget::doc::{self, Doc, DocPos};
use crate::ui::widget::safe_text::{SafeText, grouped};
use crate::ui::widget::table;
use layout::{Areas, Room};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A screen in the table.
pub struct ScreenDef {
    /// Which.
    pub id: ScreenId,
    /// Its number key.
    pub key: Option<char>,
    /// Crumb.
    pub name: &'static str,
    /// Makes its documents.
    pub docs: fn(&Model, &Frame) -> Vec<Doc>,
}

/// Every screen.
pub static SCREENS: &[ScreenDef] = &[
    ScreenDef {
        id: ScreenId::Overview,
        key: Some('1'),
        name: "Overview",
        docs: overview::docs,
    },
    ScreenDef {
        id: ScreenId::Accounts,
        key: Some('2'),
        name: "Accounts",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Apis,
        key: Some('3'),
        name: "APIs",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Calls,
        key: Some('4'),
        name: "Calls",
        docs: call::docs,
    },
    ScreenDef {
        id: ScreenId::Sessions,
        key: Some('5'),
        name: "Sessions",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Trace,
        key: Some('6'),
        name: "Trace",
        docs: trace::docs,
    },
    ScreenDef {
        id: ScreenId::Marks,
        key: Some('7'),
        name: "Marks",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Call,
        key: None,
        name: "Call",
        docs: call::docs,
    },
    ScreenDef {
        id: ScreenId::Replay,
        key: None,
        name: "Replay",
        docs: replay::docs,
    },
    ScreenDef {
        id: ScreenId::Findings,
        key: None,
        name: "Findings",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Risks,
        key: None,
        name: "Risks",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Flows,
        key: None,
        name: "Flows",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Sources,
        key: None,
        name: "Sources",
        docs: lists::docs,
    },
    ScreenDef {
        id: ScreenId::Sql,
        key: None,
        name: "SQL",
        docs: |_, _| Vec::new(),
    },
    ScreenDef {
        id: ScreenId::Reads,
        key: None,
        name: "Reads",
        docs: reads::docs,
    },
];

/// Name of a screen.
pub fn name(id: ScreenId) -> &'static str {
    SCREENS.iter().find(|s| s.id == id).map_or("", |s| s.name)
}

/// Documents of a frame.
pub fn docs(m: &Model, f: &Frame, _areas: &Areas) -> Vec<Doc> {
    SCREENS
        .iter()
        .find(|s| s.id == f.screen)
        .map(|s| (s.docs)(m, f))
        .unwrap_or_default()
}

/// Draws everything.
pub fn draw(m: &Model, buf: &mut Buffer) {
    let size = buf.area;
    let mut c = Canvas {
        buf,
        theme: &m.theme,
        glyphs: m.glyphs,
    };
    c.clear(size);
    let Some(f) = m.top() else { return };
    let a = layout::of((size.width, size.height), f);
    if a.room == Room::None {
        c.say(
            0,
            0,
            size.width,
            // short enough for what room there is
            "needs 40x10; q leaves",
            Role::Warn,
        );
        if size.height > 1 {
            over::overlay(m, &mut c, size);
        }
        return;
    }
    chrome::header(m, &mut c, a.header);
    chrome::filter(m, &mut c, a.filter);
    for (i, r) in a
        .panes
        .iter()
        .enumerate()
        .filter(|(_, r)| r.width > 2 && r.height > 1)
    {
        match (i, f.screen) {
            (0, ScreenId::Replay) => replay::draw(m, f, &mut c, *r),
            (0, _) => list(m, f, &mut c, *r),
            (2, ScreenId::Overview) => overview::histogram(m, f, &mut c, *r),
            (i, _) => pane(f, &mut c, *r, i),
        }
    }
    chrome::status(m, &mut c, a.status);
    chrome::keys(m, &mut c, a.keys);
    over::overlay(m, &mut c, size);
}

fn pane(f: &Frame, c: &mut Canvas<'_>, r: Rect, i: usize) {
    let focus = f.focus == i;
    let empty = Doc::default();
    let d = f.docs.get(i - 1).unwrap_or(&empty);
    let inner = c.pane(r, &d.title, &d.note, focus);
    let room = Rect::new(
        inner.x + 1,
        inner.y,
        inner.width.saturating_sub(2),
        inner.height,
    );
    let pos = f.pos.get(i).copied().unwrap_or(DocPos::default());
    doc::draw(c, room, d, pos, focus, if focus { &f.find } else { "" });
}

fn list_title(m: &Model, f: &Frame) -> SafeText {
    match f.screen {
        ScreenId::Trace => return trace::title(f),
        ScreenId::Reads => return reads::title(f),
        ScreenId::Overview => return "Risks, ranked (Enter opens the evidence)".into(),
        _ => {}
    }
    let l = &f.list;
    let at = if l.rows.is_empty() {
        0
    } else {
        l.base + l.cursor as u64 + 1
    };
    let all = total(l);
    let part = if m.load.running() { " so far" } else { "" };
    let sort = match l.sort {
        Some((c, d)) => {
            let name = l.titles.get(c).map_or_else(
                || l.columns().get(c).map_or("", |c| c.title).to_string(),
                ToString::to_string,
            );
            format!(
                "   sort: {name} {}",
                if d { m.glyphs.down } else { m.glyphs.up }
            )
        }
        None => String::new(),
    };
    let of = match &f.extra {
        crate::ui::model::Extra::Sql(text) => format!("   {text}"),
        _ => String::new(),
    };
    format!("{}  {}/{all}{part}{sort}{of}", name(f.screen), grouped(at)).into()
}

/// How much of all is done, for people.
pub fn percent(done: u64, all: u64) -> String {
    format!("{} %", u128::from(done) * 100 / u128::from(all.max(1)))
}

/// How many rows, with a sign where that is not the last word.
pub fn total(l: &List) -> String {
    match l.total {
        Total::Exact(n) => grouped(n),
        Total::AtLeast(n) => format!(">={}", grouped(n)),
        Total::Unknown if l.state == State::Ready && !l.more.1 => {
            grouped(l.base + l.rows.len() as u64)
        }
        Total::Unknown => "...".into(),
    }
}

/// The same with what they are.
pub fn counted(m: &Model, l: &List, noun: &str) -> String {
    let part = if m.load.running() { " so far" } else { "" };
    let n = total(l);
    let noun = if n == "1" {
        noun.strip_suffix('s').unwrap_or(noun)
    } else {
        noun
    };
    format!("{n} {noun}{part}")
}

fn list(m: &Model, f: &Frame, c: &mut Canvas<'_>, r: Rect) {
    let focus = f.focus == 0;
    let note = match (&f.list.state, f.list.part, f.pending.is_empty()) {
        (State::Loading, ..) => "reading ...".to_string(),
        (State::Ready, Some((done, all)), over) => {
            let word = if over { "stopped at" } else { "searching" };
            format!("{word} {} of the text", percent(done, all))
        }
        (State::Ready, None, true) if f.list.took_us > 0 => took(f.list.took_us),
        _ => String::new(),
    };
    let inner = c.pane(r, &list_title(m, f), &note.into(), focus);
    let l = &f.list;
    if l.rows.is_empty() {
        return empty(m, f, c, inner);
    }
    let h = usize::from(inner.height.saturating_sub(1));
    let rows: Vec<(&[table::Cell], &'static str)> = l
        .rows
        .iter()
        .skip(l.top)
        .take(h)
        .map(|r| {
            let mark = facts::target(&r.item).and_then(|t| m.marks.get(&t));
            let tag = match mark {
                Some(x) if x.mark => m.glyphs.mark,
                Some(x) if !x.notes.is_empty() => m.glyphs.note,
                Some(_) => "#",
                None => "",
            };
            (r.cells.as_slice(), tag)
        })
        .collect();
    let look = table::Look {
        col: l.col,
        sort: l.sort,
        cursor: l.cursor.checked_sub(l.top),
        focus,
        titles: &l.titles,
        find: if focus { &f.find } else { "" },
    };
    table::draw(c, inner, l.columns(), &rows, &look);
    let all = match l.total {
        Total::Exact(n) | Total::AtLeast(n) => n,
        Total::Unknown => l.base + l.rows.len() as u64,
    };
    c.scrollbar(
        Rect::new(
            inner.x,
            inner.y + 1,
            inner.width,
            inner.height.saturating_sub(1),
        ),
        l.base + l.top as u64,
        h as u64,
        all,
    );
}

fn took(us: u64) -> String {
    if us < 1000 {
        "<1 ms".into()
    } else {
        format!("{} ms", grouped(us / 1000))
    }
}

/// A list without rows says why it has none.
fn empty(m: &Model, f: &Frame, c: &mut Canvas<'_>, r: Rect) {
    let noun = crate::ui::model::kind_of(f.screen).map_or("rows", |k| k.noun());
    let traced = match &f.extra {
        crate::ui::model::Extra::Trace(t) if t.result.is_none() => Some(t),
        _ => None,
    };
    let (text, role) = match (&f.list.state, traced) {
        (_, Some(t)) => trace::waits(&t.state, t.question.is_some()),
        (State::Failed(e), None) => (e.clone(), Role::Error),
        (State::Cancelled, None) => (
            "cancelled; the filter or a screen key asks again".into(),
            Role::Warn,
        ),
        (State::Loading | State::Empty, None) => ("reading ...".into(), Role::Dim),
        (State::NoCase, None) if m.load.running() => (
            "reading; the first rows come in a moment".into(),
            Role::Partial,
        ),
        (State::NoCase, None) if m.load.trouble.is_some() => {
            (m.load.trouble.clone().unwrap_or_default(), Role::Error)
        }
        (State::NoCase, None) => (
            "no case yet: leaktrace FILE... loads captures and logs".into(),
            Role::Dim,
        ),
        (State::Ready, None) if f.screen == ScreenId::Trace => {
            // a subject may well have been seen, and have got nothing that names anybody
            let seen = match &f.extra {
                crate::ui::model::Extra::Trace(t) => t
                    .result
                    .as_ref()
                    .and_then(|r| r.subject.as_ref())
                    .is_some_and(|s| s.seen.calls > 0),
                _ => false,
            };
            let said = if seen {
                "it received nothing that says whose it is"
            } else {
                "nothing of it was seen in any call"
            };
            let so_far = match &f.extra {
                crate::ui::model::Extra::Trace(t) if t.partial => " so far",
                _ if m.cut_off() => " so far: a load has not ended",
                _ => "",
            };
            let meant = trace::meant(m, f)
                .map(|t| format!("; {t} asks what that one saw, took and sent on"))
                .unwrap_or_default();
            (format!("{said}{so_far}{meant}"), Role::Warn)
        }
        (State::Ready, None) if m.load.running() => (format!("no {noun} so far"), Role::Partial),
        (State::Ready, None) if m.cut_off() && f.screen != ScreenId::Marks => (
            format!("no {noun} so far: a load has not ended"),
            Role::Partial,
        ),
        (State::Ready, None) if f.screen == ScreenId::Marks => (
            "no marks yet: m marks, a notes, # tags whatever is under the cursor".into(),
            Role::Dim,
        ),
        (State::Ready, None) if f.filter.is_empty() || !f.screen.filters(&f.filter) => {
            (format!("no {noun} in this case"), Role::Dim)
        }
        (State::Ready, None) => (
            format!("no {noun} match the filter (Ctrl-t sets it aside, / edits it)"),
            Role::Warn,
        ),
    };
    for (i, part) in SafeText::new(&text)
        .wrap(usize::from(r.width.saturating_sub(4)))
        .iter()
        .enumerate()
    {
        let y = r.y + 1 + u16::try_from(i).unwrap_or(0);
        if y < r.bottom() {
            c.put(r.x + 2, y, r.width.saturating_sub(3), part, role);
        }
    }
}
