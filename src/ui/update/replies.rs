//! Answers. In: a reply. Out: the model with it. Bounds: an answer that nobody waits for is dropped.

use super::{ask, docs, list};
use crate::ui::data::{Answer, Fail, Place, Reply};
use crate::ui::model::{Extra, Model, State, Total};
use crate::ui::nav::ScreenId;
use crate::ui::screen::columns;
use crate::ui::screen::percent;
use crate::ui::widget::safe_text::SafeText;

/// Takes an answer in.
pub fn reply(m: &mut Model, r: Reply) {
    if r.frame == 0 {
        m.dirty = true;
        return general(m, r);
    }
    let Some(at) = m.frames.iter().position(|f| f.id == r.frame) else {
        return;
    };
    let Some(f) = m.frames.get_mut(at) else {
        return;
    };
    if f.pending.get(&r.place) != Some(&r.id) {
        return;
    }
    if let Ok(Answer::Part { items, done, all }) = r.result {
        m.dirty = true;
        if r.place == Place::List {
            list::part(m, at, items, (done, all));
        }
        return docs::refresh(m);
    }
    f.pending.remove(&r.place);
    m.dirty = true;
    match r.result {
        Ok(a) => arrived(m, at, r.place, a, r.took_us),
        Err(e) => failed(m, at, r.place, e),
    }
    docs::refresh(m);
}

fn arrived(m: &mut Model, at: usize, place: Place, a: Answer, took_us: u64) {
    let dates = m.dates;
    let h = list::height(m);
    match (place, a) {
        (Place::List, Answer::Rows { items, cut }) => {
            list::fill(m, at, items, cut, took_us);
            ask::rest(m);
        }
        (Place::More | Place::Earlier, Answer::Rows { items, cut }) => {
            list::extend(m, at, items, cut, place == Place::More)
        }
        (Place::Last, Answer::Rows { items, cut }) => list::last(m, at, items, cut),
        (Place::Side, Answer::Rows { items, .. }) => {
            if let Some(f) = m.frames.get_mut(at) {
                f.side_of = crate::ui::screen::side_question(f)
                    .map(|(_, t)| t)
                    .unwrap_or_default();
                f.side = items;
            }
        }
        (Place::Count, Answer::Count { n, capped }) => {
            if let Some(f) = m.frames.get_mut(at) {
                f.list.total = if capped {
                    Total::AtLeast(n.saturating_sub(1))
                } else {
                    Total::Exact(n)
                };
            }
        }
        (Place::Detail, Answer::Show(s)) => {
            if let Some(f) = m.frames.get_mut(at) {
                f.show_state = if s.is_some() {
                    State::Ready
                } else {
                    State::Failed("no call has this id".into())
                };
                let new = s.as_ref().map(|s| s.row.id.clone())
                    != f.show.as_ref().map(|s| s.row.id.clone());
                let first = f.show.is_none();
                f.show = s;
                let asks = f
                    .show
                    .as_ref()
                    .is_some_and(|s| crate::ui::screen::call::asks(s));
                if first && asks && f.screen == ScreenId::Call && f.focus == 2 {
                    f.focus = 1;
                }
                if new {
                    for p in &mut f.pos {
                        *p = Default::default();
                    }
                }
            }
        }
        (Place::Detail, Answer::Compared(show, changed)) => {
            if let Some(f) = m.frames.get_mut(at) {
                f.show = show;
                if let Extra::Replay(r) = &mut f.extra {
                    r.changed = changed;
                }
            }
        }
        (Place::Overview, Answer::Overview(o)) => {
            let items = o
                .risks
                .iter()
                .map(|r| crate::ui::data::Item::Risk(Box::new(r.clone())))
                .collect();
            let long = crate::ui::widget::chart::span(&o.minutes) > 86_400_000_000_000;
            if long && !m.dates && !m.dates_chosen {
                m.dates = true;
                list::recell(m);
            }
            m.overview = Some(o);
            list::fill(m, at, items, false, took_us);
        }
        (Place::Film, Answer::Film(film)) => {
            if let Some(Extra::Replay(r)) = m.frames.get_mut(at).map(|f| &mut f.extra) {
                let step = if r.film.is_some() { r.at } else { 0 };
                r.clock = r.clock.seek(step, &film);
                r.order = crate::ui::screen::replay::order(&film);
                r.film = Some(*film);
                r.state = State::Ready;
            }
            ask::rest(m);
        }
        (Place::Trace, Answer::Trace(mut t))
            if m.frames
                .get(at)
                .is_some_and(|f| f.screen == ScreenId::Reads) =>
        {
            let reads = t.reads.take().unwrap_or_default();
            if let Some(Extra::Reads(v)) = m.frames.get_mut(at).map(|f| &mut f.extra) {
                v.count = (reads.read, reads.of, reads.more);
            }
            let rows = reads.rows.into_iter();
            let items = rows.map(|r| crate::ui::data::Item::Read(Box::new(r)));
            list::fill(m, at, items.collect(), reads.more > 0, took_us);
        }
        (Place::Trace, Answer::Trace(t)) => {
            let partial = m.load.running() || t.partial;
            if let Some(f) = m.frames.get_mut(at) {
                if let Extra::Trace(v) = &mut f.extra {
                    v.partial = partial;
                    // a leak is more than one record
                    v.whole = matches!(
                        v.question,
                        Some(
                            crate::trace::Question::Clue { .. }
                                | crate::trace::Question::Subject(..)
                        )
                    );
                    v.folded.clear();
                    v.hops = t.suspects.is_empty()
                        || matches!(
                            v.question,
                            Some(
                                crate::trace::Question::Value(_)
                                    | crate::trace::Question::Record(_)
                            )
                        );
                    v.trail = 0;
                    v.result = Some(*t);
                    v.state = State::Ready;
                }
                list::fill_trace(f, dates, h);
            }
        }
        (Place::List, Answer::Sql { cols, rows, cut }) => {
            if let Some(f) = m.frames.get_mut(at) {
                f.list.own_cols = columns::sql_columns(&cols, &rows);
                f.list.titles = cols.iter().map(|c| SafeText::new(c)).collect();
            }
            let items = rows.into_iter().map(crate::ui::data::Item::Sql).collect();
            list::fill(m, at, items, cut, took_us);
        }
        _ => {}
    }
}

fn failed(m: &mut Model, at: usize, place: Place, e: Fail) {
    let running = m.load.running();
    // What could not be shown in clear is shown as before, and says so.
    if let (Place::Detail, Some(_), Fail::Failed(why)) = (place, &m.revealed, &e) {
        let said = format!("stays masked: {why}");
        m.revealed = None;
        if let Some(f) = m.frames.get_mut(at).filter(|f| f.show.is_some()) {
            f.show_state = State::Ready;
        }
        return m.warn(said);
    }
    let Some(f) = m.frames.get_mut(at) else {
        return;
    };
    let state = match e {
        Fail::NoCase => State::NoCase,
        Fail::Cancelled => State::Cancelled,
        // While a case is being made its tables or its key may not be there yet; the next commit brings them.
        Fail::Failed(t)
            if running && (t.contains("no such table") || t.contains("holds nothing yet")) =>
        {
            State::NoCase
        }
        Fail::Failed(t) => State::Failed(t),
    };
    match (place, &mut f.extra) {
        (Place::Film, Extra::Replay(r)) => r.state = state,
        (Place::Trace, Extra::Trace(t)) => t.state = state,
        (Place::Detail, _) => f.show_state = state,
        (Place::Trace, _) => f.list.state = state,
        (Place::List | Place::Overview, _)
            if f.list.rows.is_empty() || matches!(state, State::Failed(_)) =>
        {
            f.list.state = state
        }
        (Place::List | Place::Overview | Place::More | Place::Earlier, _) => {
            if let State::Cancelled = state {
                let part = f.list.part;
                m.say(match part {
                    Some((done, all)) => format!(
                        "cancelled: {} of the text was searched, more calls may hold it",
                        percent(done, all)
                    ),
                    None => "cancelled; what is shown was read before".into(),
                });
            }
        }
        (Place::Count, _) => {}
        _ => {
            if let State::Failed(t) = state {
                m.warn(t);
            }
        }
    }
}

fn general(m: &mut Model, r: Reply) {
    match (r.place, r.result) {
        (Place::Marks, Ok(Answer::Marks(rows))) => {
            m.marks = rows.into_iter().map(|r| (r.target.clone(), r)).collect();
            docs::refresh(m);
        }
        (Place::Names, Ok(Answer::Names(n))) => {
            m.names = *n;
            super::palette::names_came(m);
            super::filter::names_came(m);
        }
        (Place::Written, Ok(Answer::Written(text))) => {
            m.say(text);
            ask::ask(m, 0, Place::Marks, crate::ui::data::What::Marks);
            let decided = std::mem::take(&mut m.corrected);
            if decided || m.top().is_some_and(|f| f.screen == ScreenId::Marks) {
                ask::refetch(m, true);
            }
        }
        (Place::Copied, Ok(Answer::Copy(text))) => super::work::copied(m, text),
        (Place::Copied, Err(Fail::Failed(t))) => m.warn(format!("not copied: {t}")),
        (Place::Paths, Ok(Answer::Paths(begun, found))) => {
            super::overlay::paths(m, &begun, &found);
        }
        (Place::Written, Err(e)) => {
            super::work::refused(m, r.id);
            match e {
                Fail::Failed(t) => m.warn(format!("not written: {t}")),
                Fail::NoCase => m.warn("not written: there is no case file yet"),
                Fail::Cancelled => {}
            }
            // what was shown at once is put right
            ask::ask(m, 0, Place::Marks, crate::ui::data::What::Marks);
        }
        _ => {}
    }
}
