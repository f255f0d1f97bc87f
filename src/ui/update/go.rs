//! Moving between places, and asking for what they show. In: jumps. Out: frames and questions.
//! Bounds: [`DEPTH`] frames; histories of [`crate::ui::nav::HISTORY`].

use super::{docs, list};
use crate::query::Filter;
use crate::query::read::Page;
use crate::trace::Question;
use crate::ui::data::{Ask, Kind, Place, What};
use crate::ui::effect::Effect;
use crate::ui::model::{Extra, Film, Frame, List, Model, Seed, State, Subject, TraceView, kind_of};
use crate::ui::msg::Timer;
use crate::ui::nav::{HISTORY, Jump, ScreenId, with_term, without_term};
use crate::ui::screen::{self, columns, facts, layout};
use crate::ui::widget::doc::DocPos;
use std::collections::BTreeMap;

/// Frames in a stack.
const DEPTH: usize = 64;
/// Calls in a page.
pub const PAGE: usize = 200;
/// Counting stops here; the case says "at least".
const CAP: u64 = 100_001;

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
        Subject::None => Extra::None,
    };
    Frame {
        id: m.fresh(),
        screen: s.screen,
        title: s.title.clone(),
        added: s.added.clone(),
        filter: String::new(),
        list: List {
            cols: kind_of(s.screen).map_or(&[], columns::columns),
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
    if m.frames.len() == 1 && m.top().is_some_and(|f| f.screen == screen) {
        return;
    }
    remember(m);
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
            title: id.clone(),
            added: None,
            subject: Subject::Session(id),
        },
        Jump::Trace(q) => Seed {
            screen: ScreenId::Trace,
            title: question_name(&q),
            added: None,
            subject: Subject::Question(Some(q)),
        },
    };
    let f = grow(m, &seed);
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
    }
}

/// A statement's rows.
pub fn sql(m: &mut Model, text: &str) {
    remember(m);
    let f = grow(
        m,
        &Seed {
            screen: ScreenId::Sql,
            title: "SQL".into(),
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

/// Asks a question for a place of a frame.
pub fn ask(m: &mut Model, frame: u64, place: Place, what: What) {
    let id = m.fresh();
    if let Some(f) = m.frames.iter_mut().find(|f| f.id == frame) {
        f.pending.insert(place, id);
    }
    m.outbox.push(Effect::Ask(Box::new(Ask {
        id,
        frame,
        place,
        what,
    })));
}

/// The filter as rows are selected by; the last valid one where the text does not parse.
pub fn filter(m: &Model, text: &str) -> Filter {
    let mut f = Filter::parse(text).unwrap_or_default();
    f.cursor = m.top().and_then(|f| match f.list.here().map(|r| &r.item) {
        Some(crate::ui::data::Item::Call(c)) => Some(c.ts_ns),
        _ => None,
    });
    f
}

/// Columns by which the case can sort calls.
pub fn call_sort(col: usize) -> Option<crate::query::read::Sort> {
    use crate::query::read::Sort as S;
    Some(match columns::columns(Kind::Calls).get(col)?.title {
        "TIME" => S::Time,
        "ACCOUNT" => S::Account,
        "HOST" => S::Host,
        "CALL" => S::Api,
        "ST" => S::Status,
        "OUT" => S::Size,
        "REC" => S::Records,
        "S" => S::Level,
        _ => return None,
    })
}

/// A page in the order of the list.
pub fn page(l: &List) -> Page {
    let (col, desc) = l.sort.unwrap_or((0, false));
    Page {
        sort: call_sort(col).unwrap_or_default(),
        desc,
        ..Page::first(PAGE)
    }
}

/// Reads the innermost frame from its start.
pub fn fetch(m: &mut Model) {
    let text = m.filter.now().to_string();
    let Some(f) = m.frames.last_mut() else { return };
    let (id, screen) = (f.id, f.screen);
    f.filter = text.clone();
    if f.list.state != State::Ready {
        f.list.state = State::Loading;
    }
    f.list.total = crate::ui::model::Total::Unknown;
    let sort = page(&f.list);
    let filter = filter(m, &text);
    match screen {
        ScreenId::Overview => {
            ask(m, id, Place::Overview, What::Overview { filter });
        }
        ScreenId::Calls => {
            ask(
                m,
                id,
                Place::List,
                What::Calls {
                    filter: filter.clone(),
                    page: sort,
                },
            );
            ask(
                m,
                id,
                Place::Count,
                What::Count {
                    filter,
                    cap: Some(CAP),
                },
            );
        }
        ScreenId::Marks => ask(
            m,
            id,
            Place::List,
            What::List {
                kind: Kind::Marks,
                filter,
            },
        ),
        ScreenId::Call => {
            let Some(Extra::Call { id: call }) = m.top().map(|f| &f.extra) else {
                return;
            };
            let call = call.clone();
            let reveal = m.revealed.as_ref() == Some(&call);
            if let Some(f) = m.frames.last_mut() {
                f.show_state = State::Loading;
                f.list.state = State::Ready;
            }
            ask(
                m,
                id,
                Place::Detail,
                What::Show {
                    rowid: 0,
                    id: call,
                    reveal,
                },
            );
        }
        ScreenId::Replay => film(m, id),
        ScreenId::Trace => trace(m, id),
        ScreenId::Sql => {
            let Some(Extra::Sql(t)) = m.top().map(|f| &f.extra) else {
                return;
            };
            let t = t.clone();
            ask(m, id, Place::List, What::Sql(t));
        }
        ScreenId::Flows | ScreenId::Sources => {
            // These have fields of their own; a filter for calls would be refused.
            ask(
                m,
                id,
                Place::List,
                What::List {
                    kind: kind_of(screen).unwrap_or(Kind::Flows),
                    filter: Filter::all(),
                },
            );
        }
        _ => {
            if let Some(kind) = kind_of(screen) {
                ask(m, id, Place::List, What::List { kind, filter });
            }
        }
    }
}

fn film(m: &mut Model, id: u64) {
    let Some(f) = m.frames.last_mut() else { return };
    f.list.state = State::Ready;
    let Extra::Replay(r) = &mut f.extra else {
        return;
    };
    let term = crate::ui::nav::term("session", &r.session);
    if r.film.is_none() {
        r.state = State::Loading;
    }
    let filter = Filter::parse(&term).unwrap_or_default();
    ask(m, id, Place::Film, What::Film { filter });
}

fn trace(m: &mut Model, id: u64) {
    let Some(f) = m.frames.last_mut() else { return };
    f.list.state = State::Ready;
    let Extra::Trace(t) = &mut f.extra else {
        return;
    };
    let Some(q) = t.question.clone() else { return };
    t.state = State::Loading;
    ask(
        m,
        id,
        Place::Trace,
        What::Trace {
            question: q,
            reveal: false,
        },
    );
}

/// Reads again, keeping the cursor on its row.
pub fn refetch(m: &mut Model, keep: bool) {
    ask(m, 0, Place::Marks, What::Marks);
    if let Some(f) = m.frames.last_mut() {
        if keep {
            f.list.keep = f.list.here().and_then(|r| facts::target(&r.item));
        }
        // A film or a trace that is being looked at does not change under the reader's eyes.
        if matches!(
            f.screen,
            ScreenId::Replay | ScreenId::Trace | ScreenId::Call | ScreenId::Sql
        ) {
            let empty = match &f.extra {
                Extra::Replay(r) => r.film.is_none(),
                Extra::Trace(t) => t.result.is_none() && t.question.is_some(),
                _ => f.show.is_none(),
            };
            if !empty {
                return;
            }
        }
    }
    for f in &mut m.frames {
        if f.list.state == State::Ready {
            f.filter.push('\u{0}');
        }
    }
    fetch(m);
}

/// The cursor moved: what is under it is read when it rests.
pub fn rest(m: &mut Model) {
    let n = m.fresh();
    if let Some(f) = m.frames.last_mut() {
        f.rest = n;
    }
    docs::refresh(m);
    m.outbox.push(Effect::After(super::REST_MS, Timer::Rest(n)));
}

/// Reads what is under the cursor.
pub fn ask_detail(m: &mut Model) {
    let Some(f) = m.top() else { return };
    if f.zoom && f.focus == 0 {
        return;
    }
    let id = f.id;
    let areas = layout::of(m.size, f);
    let shown = areas.panes.iter().skip(1).any(|r| r.width > 0);
    if !shown {
        return;
    }
    match f.screen {
        ScreenId::Calls => {
            let Some(crate::ui::data::Item::Call(c)) = f.list.here().map(|r| &r.item) else {
                return;
            };
            if f.show.as_ref().is_some_and(|s| s.row.id == c.id) {
                return;
            }
            let what = What::Show {
                rowid: c.rowid,
                id: String::new(),
                reveal: false,
            };
            ask(m, id, Place::Detail, what);
        }
        ScreenId::Accounts | ScreenId::Apis => {
            let Some((kind, term)) = screen::side_question(f) else {
                return;
            };
            if f.side_of == term {
                return;
            }
            let filter = filter(m, &with_term(m.filter.now(), &term));
            ask(m, id, Place::Side, What::List { kind, filter });
        }
        _ => {}
    }
}

/// Rows at the edge of what is at hand.
pub fn ask_more(m: &mut Model, down: bool) {
    let Some(f) = m.top() else { return };
    if f.screen != ScreenId::Calls
        || f.pending.contains_key(&Place::More)
        || f.pending.contains_key(&Place::Earlier)
        || f.pending.contains_key(&Place::List)
    {
        return;
    }
    let edge = if down {
        f.list.rows.last()
    } else {
        f.list.rows.first()
    };
    let Some(crate::ui::data::Item::Call(c)) = edge.map(|r| &r.item) else {
        return;
    };
    let mut p = page(&f.list);
    if down {
        p.after = Some(c.rowid);
    } else {
        p.before = Some(c.rowid);
    }
    let (id, text) = (f.id, f.filter.clone());
    let filter = filter(m, &text);
    let place = if down { Place::More } else { Place::Earlier };
    ask(m, id, place, What::Calls { filter, page: p });
    list::settle(m);
}
