//! Asking for what a place shows. In: frames. Out: questions, each for one place of one frame; the newest counts.
//! Bounds: [`PAGE`] calls an answer; counts stop at [`CAP`].

use super::{docs, list};
use crate::query::Filter;
use crate::query::read::Page;
use crate::ui::data::{Ask, Kind, Place, What};
use crate::ui::effect::Effect;
use crate::ui::model::{Extra, List, Model, State, kind_of};
use crate::ui::msg::Timer;
use crate::ui::nav::{ScreenId, with_term};
use crate::ui::screen::{self, columns, facts, layout};

/// Calls in a page.
pub const PAGE: usize = 200;
/// Counting stops here; the case says "at least".
const CAP: u64 = 100_001;

/// Asks a question for a place of a frame; its number.
pub fn ask(m: &mut Model, frame: u64, place: Place, what: What) -> u64 {
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
    id
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
    Some(match columns::columns(Kind::Calls, false).get(col)?.title {
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
        ScreenId::Marks => {
            ask(
                m,
                id,
                Place::List,
                What::List {
                    kind: Kind::Marks,
                    filter,
                },
            );
        }
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
        ScreenId::Reads => reads(m, id),
        ScreenId::Sql => {
            let Some(Extra::Sql(t)) = m.top().map(|f| &f.extra) else {
                return;
            };
            let t = t.clone();
            ask(m, id, Place::List, What::Sql(t));
        }
        ScreenId::Flows | ScreenId::Sources => {
            // These have fields of their own; a filter for calls would be refused.
            let acts = screen.filters(&text);
            ask(
                m,
                id,
                Place::List,
                What::List {
                    kind: kind_of(screen).unwrap_or(Kind::Flows),
                    filter: if acts { filter } else { Filter::all() },
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
    let term = crate::ui::nav::film_term(&r.session);
    if r.film.is_none() {
        r.state = State::Loading;
    }
    let filter = Filter::parse(&term).unwrap_or_default();
    ask(m, id, Place::Film, What::Film { filter });
}

/// Weighs the trace on show again, with a kind of evidence left out or counted again.
pub fn evidence(m: &mut Model, kind: &'static str) {
    let Some(f) = m.frames.last_mut() else { return };
    let id = f.id;
    let Extra::Trace(t) = &mut f.extra else {
        return m.say("no trace here");
    };
    match t.without.iter().position(|k| *k == kind) {
        Some(at) => drop(t.without.remove(at)),
        None => t.without.push(kind),
    }
    trace(m, id);
}

fn trace(m: &mut Model, id: u64) {
    let Some(f) = m.frames.last_mut() else { return };
    f.list.state = State::Ready;
    let Extra::Trace(t) = &mut f.extra else {
        return;
    };
    let Some(q) = t.question.clone() else { return };
    let without = t.without.clone();
    t.state = State::Loading;
    ask(
        m,
        id,
        Place::Trace,
        What::Trace {
            question: q,
            reveal: false,
            without,
            suspect: None,
        },
    );
}

/// The rows of a trace beside what an account read of them.
fn reads(m: &mut Model, id: u64) {
    let Some(Extra::Reads(v)) = m.top().map(|f| &f.extra) else {
        return;
    };
    let a = v.asked.clone();
    let what = What::Trace {
        question: a.question,
        reveal: false,
        without: a.without,
        suspect: Some(a.account),
    };
    ask(m, id, Place::Trace, what);
}

/// Reads again, keeping the cursor on its row.
pub fn refetch(m: &mut Model, keep: bool) {
    ask(m, 0, Place::Marks, What::Marks);
    let running = m.load.running();
    if let Some(f) = m.frames.last_mut() {
        if keep {
            f.list.keep = f.list.here().and_then(|r| facts::target(&r.item));
        }
        // A film or a trace that is being looked at does not change under the reader's eyes, until what it rests on is whole.
        if matches!(
            f.screen,
            ScreenId::Replay | ScreenId::Trace | ScreenId::Call | ScreenId::Sql | ScreenId::Reads
        ) {
            let empty = match &f.extra {
                Extra::Replay(r) => r.film.is_none(),
                Extra::Trace(t) => {
                    t.question.is_some() && (t.result.is_none() || t.partial && !running)
                }
                Extra::Reads(_) => f.list.state != State::Ready,
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
        ScreenId::Replay => {
            let Extra::Replay(r) = &f.extra else { return };
            let Some((t, s)) = r
                .film
                .as_ref()
                .and_then(|t| Some((t, t.steps().get(r.at)?)))
            else {
                return;
            };
            if f.show.as_ref().is_some_and(|x| x.row.id == s.call.id) {
                return;
            }
            let before = s.like.and_then(|i| t.steps().get(i)).map(|b| b.call.rowid);
            let now = s.call.rowid;
            ask(m, id, Place::Detail, What::Compare { now, before });
        }
        _ => {
            let Some((kind, term)) = screen::side_question(f) else {
                return;
            };
            if f.side_of == term {
                return;
            }
            // flows have fields of their own; a finding's call is the one that it names, whatever else is picked
            let alone = matches!(f.screen, ScreenId::Flows | ScreenId::Findings);
            let text = match alone {
                true => term,
                false => with_term(m.filter.now(), &term),
            };
            let filter = filter(m, &text);
            let what = match kind {
                Kind::Calls => What::Calls {
                    filter,
                    page: Page::first(screen::BESIDE_CALLS),
                },
                kind => What::List { kind, filter },
            };
            ask(m, id, Place::Side, what);
        }
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
