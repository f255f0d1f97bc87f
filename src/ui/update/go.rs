//! Moving between places. In: jumps. Out: frames, which ask for what they show.
//! Bounds: [`DEPTH`] frames; histories of [`crate::ui::nav::HISTORY`].

use super::ask::{self, ask, fetch, rest};
use super::docs;
use crate::query::lang::{self, Scope};
use crate::trace::Question;
use crate::ui::data::{Place, What};
use crate::ui::effect::Effect;
use crate::ui::model::{
    Change, Extra, Film, Frame, List, Model, ReadsView, Seed, State, Subject, TraceView, kind_of,
};
use crate::ui::nav::{HISTORY, Jump, ScreenId, with_term, without_term};
use crate::ui::screen::{columns, layout};
use crate::ui::widget::doc::DocPos;
use std::collections::BTreeMap;

/// Frames in a stack.
const DEPTH: usize = 64;

/// Opens the first screen.
pub fn start(m: &mut Model) -> Vec<Effect> {
    let f = grow(
        m,
        &Seed {
            screen: ScreenId::Overview,
            title: String::new(),
            added: None,
            subject: Subject::None,
        },
    );
    m.frames = vec![f];
    fetch(m);
    ask(m, 0, Place::Marks, What::Marks);
    docs::refresh(m);
    std::mem::take(&mut m.outbox)
}

/// A frame from its seed.
fn grow(m: &mut Model, s: &Seed) -> Frame {
    let n = layout::panes_of(s.screen);
    let first = layout::first_pane(s.screen);
    let extra = match &s.subject {
        Subject::Call(id) => Extra::Call { id: id.clone() },
        Subject::Session(id) => Extra::Replay(Box::new(Film {
            session: id.clone(),
            ..Film::default()
        })),
        Subject::Question(q) => Extra::Trace(Box::new(TraceView {
            question: q.clone(),
            ..TraceView::default()
        })),
        Subject::Sql(t) => Extra::Sql(t.clone()),
        Subject::Reads(a) => Extra::Reads(Box::new(ReadsView {
            asked: (**a).clone(),
            count: (0, 0, 0),
        })),
        Subject::None => Extra::None,
    };
    Frame {
        id: m.fresh(),
        screen: s.screen,
        title: s.title.clone(),
        added: s.added.clone(),
        filter: String::new(),
        list: List {
            cols: kind_of(s.screen).map_or(&[], |k| columns::columns(k, m.dates)),
            ..List::default()
        },
        docs: Vec::new(),
        pos: vec![DocPos::default(); n],
        focus: if first == 1 { 2.min(n - 1) } else { 0 },
        zoom: false,
        pending: BTreeMap::new(),
        show: None,
        show_state: State::Empty,
        side: Vec::new(),
        side_of: String::new(),
        extra,
        find: String::new(),
        rest: 0,
    }
}

fn seed_of(f: &Frame) -> Seed {
    Seed {
        screen: f.screen,
        title: f.title.clone(),
        added: f.added.clone(),
        subject: match &f.extra {
            Extra::None => Subject::None,
            Extra::Call { id } => Subject::Call(id.clone()),
            Extra::Replay(r) => Subject::Session(r.session.clone()),
            Extra::Trace(t) => Subject::Question(t.question.clone()),
            Extra::Sql(t) => Subject::Sql(t.clone()),
            Extra::Reads(v) => Subject::Reads(Box::new(v.asked.clone())),
        },
    }
}

fn here(m: &Model) -> (Vec<Seed>, String) {
    (
        m.frames.iter().map(seed_of).collect(),
        m.filter.applied.clone(),
    )
}

fn remember(m: &mut Model) {
    let now = here(m);
    if m.back.last() != Some(&now) {
        m.back.push(now);
    }
    if m.back.len() > HISTORY {
        m.back.remove(0);
    }
    m.forward.clear();
}

fn forget_frame(m: &mut Model, f: &Frame) {
    m.outbox.push(Effect::DropFrame(f.id));
    m.revealed = None;
}

/// A call whose values are shown in clear is left: what was read in clear is forgotten, and read masked on return.
fn mask_again(m: &mut Model) {
    if m.revealed.take().is_none() {
        return;
    }
    for f in m.frames.iter_mut().filter(|f| f.screen == ScreenId::Call) {
        f.show = None;
        f.docs.clear();
        f.filter.push('\u{0}');
    }
}

/// One of the numbered screens.
pub fn to_screen(m: &mut Model, screen: ScreenId) {
    // The screen that is there already is read again.
    if m.frames.len() == 1 && m.top().is_some_and(|f| f.screen == screen) {
        ask::refetch(m, true);
        return m.say("read again");
    }
    remember(m);
    leave_filter(m, screen);
    // What the frames on the way here added to the filter stays: it is visible, and the reader may take it off.
    let old = std::mem::take(&mut m.frames);
    for f in &old {
        forget_frame(m, f);
    }
    let subject = if screen == ScreenId::Trace {
        Subject::Question(None)
    } else {
        Subject::None
    };
    let f = grow(
        m,
        &Seed {
            screen,
            title: String::new(),
            added: None,
            subject,
        },
    );
    m.frames.push(f);
    arrive(m);
}

/// What only flows or sources have does not follow to rows of calls, which would refuse it: it is taken off, and that is told.
fn leave_filter(m: &mut Model, screen: ScreenId) {
    let calls = screen.scope() == Some(Scope::Calls);
    if !calls || lang::parse(m.filter.now()).is_ok_and(|e| e.is_of(Scope::Calls)) {
        return;
    }
    let old = std::mem::take(&mut m.filter.applied);
    m.say(format!(
        "{old} is no filter of calls: taken off, u brings it back"
    ));
    m.undo.push(Change::Filter(old, String::new()));
    m.redo.clear();
}

/// Follows a jump.
pub fn jump(m: &mut Model, j: Jump) {
    if m.frames.len() >= DEPTH {
        return m.warn("too deep; q goes back");
    }
    remember(m);
    mask_again(m);
    // An empty trace is only the place where one is asked for.
    let asked = m
        .top()
        .is_some_and(|f| matches!(&f.extra, Extra::Trace(t) if t.question.is_none()));
    if asked
        && matches!(j, Jump::Trace(_))
        && let Some(f) = m.frames.pop()
    {
        forget_frame(m, &f);
    }
    let seed = match j {
        Jump::To {
            screen,
            term,
            title,
        } => {
            leave_filter(m, screen);
            let added = term.filter(|t| {
                let with = with_term(m.filter.now(), t);
                let grew = with != m.filter.now();
                if grew {
                    m.filter.applied = with;
                    m.filter.off = false;
                }
                grew
            });
            Seed {
                screen,
                title,
                added,
                subject: if screen == ScreenId::Trace {
                    Subject::Question(None)
                } else {
                    Subject::None
                },
            }
        }
        Jump::Call(id) => Seed {
            screen: ScreenId::Call,
            title: id.clone(),
            added: None,
            subject: Subject::Call(id),
        },
        Jump::Replay(id) => Seed {
            screen: ScreenId::Replay,
            // the calls of a trail are too many for a crumb
            title: id
                .split_once("trail:")
                .map_or(id.clone(), |_| "trail".into()),
            added: None,
            subject: Subject::Session(id),
        },
        Jump::Reads(a) => Seed {
            screen: ScreenId::Reads,
            title: format!("{} beside the leak", a.account),
            added: None,
            subject: Subject::Reads(a),
        },
        Jump::Trace(q) => Seed {
            screen: ScreenId::Trace,
            title: question_name(&q),
            added: None,
            subject: Subject::Question(Some(q)),
        },
    };
    let mut f = grow(m, &seed);
    // A list that no term narrows: the cursor goes to what was meant.
    if seed.screen == ScreenId::Flows && !seed.title.is_empty() {
        f.list.keep = Some(format!("flow:{}", seed.title));
    }
    m.frames.push(f);
    arrive(m);
}

/// How a question is called in crumbs. A value is not shown: it may be what must stay masked.
pub fn question_name(q: &Question) -> String {
    match q {
        Question::Value(_) => "a value".into(),
        Question::Clue { name, .. } => name.clone(),
        Question::Account(a) => format!("account {a}"),
        Question::Record(r) => format!("record {r}"),
        Question::Subject(kind, name) => format!("{} {name}", kind.name()),
    }
}

/// A statement's rows.
pub fn sql(m: &mut Model, text: &str) {
    remember(m);
    let f = grow(
        m,
        &Seed {
            screen: ScreenId::Sql,
            title: String::new(),
            added: None,
            subject: Subject::Sql(text.into()),
        },
    );
    m.frames.push(f);
    arrive(m);
}

/// One level up. `false` on the first.
pub fn pop(m: &mut Model) -> bool {
    if m.frames.len() < 2 {
        return false;
    }
    remember(m);
    if let Some(f) = m.frames.pop() {
        if let Some(t) = &f.added {
            m.filter.applied = without_term(&m.filter.applied, t);
        }
        forget_frame(m, &f);
    }
    arrive(m);
    true
}

/// Walks in history.
pub fn walk(m: &mut Model, back: bool) {
    let next = if back { m.back.pop() } else { m.forward.pop() };
    let Some((seeds, filter)) = next else {
        return m.say(if back {
            "no earlier place"
        } else {
            "no later place"
        });
    };
    let now = here(m);
    if back {
        m.forward.push(now);
    } else {
        m.back.push(now);
    }
    let old = std::mem::take(&mut m.frames);
    for f in &old {
        forget_frame(m, f);
    }
    m.filter.applied = filter;
    m.frames = seeds.iter().map(|s| grow(m, s)).collect();
    if m.frames.is_empty() {
        let f = grow(
            m,
            &Seed {
                screen: ScreenId::Overview,
                title: String::new(),
                added: None,
                subject: Subject::None,
            },
        );
        m.frames.push(f);
    }
    arrive(m);
}

/// The innermost frame is new or shown again: reads what it lacks.
pub fn arrive(m: &mut Model) {
    let stale = m.top().is_some_and(|f| {
        f.filter != m.filter.now() || f.list.state == State::Empty || f.screen == ScreenId::Marks
    });
    if stale {
        fetch(m);
    } else {
        rest(m);
    }
    docs::refresh(m);
}
