//! Where the cursor goes: by rows and pages, to what is found, marked or sensitive. In: what a key means. Out: positions.
//! Bounds: the rows at hand; what lies beyond is asked for.

use super::{ask, docs, film, list};
use crate::ui::data::Item;
use crate::ui::keys::Action as A;
use crate::ui::model::{Extra, Model};
use crate::ui::nav::ScreenId;
use crate::ui::screen::{facts, layout};

/// The pane of a trace that draws the way.
const PATH: usize = 1;

pub fn moved(a: A, at: usize, n: usize, h: usize) -> usize {
    match a {
        A::Up => at.saturating_sub(1),
        A::Down => at + 1,
        A::Top => 0,
        A::Bottom => n.saturating_sub(1),
        A::HalfUp => at.saturating_sub(h.div_ceil(2)),
        A::HalfDown => at + h.div_ceil(2),
        A::PageUp => at.saturating_sub(h),
        _ => at + h,
    }
}

pub fn step(m: &mut Model, a: A) {
    let Some(f) = m.top() else { return };
    let pane = f.focus;
    if pane > 0 {
        let h = list::doc_height(m, pane);
        let Some(f) = m.frames.last_mut() else { return };
        let n = f.docs.get(pane - 1).map_or(0, |d| d.lines.len());
        if let Some(p) = f.pos.get_mut(pane) {
            p.go(moved(a, p.cursor, n, h), n, h);
        }
        return;
    }
    if let Extra::Replay(_) = &f.extra {
        return film::film(m, a);
    }
    // The last row of a paged list lies behind what is at hand.
    if a == A::Bottom && f.list.more.1 && f.screen == ScreenId::Calls {
        return last_page(m);
    }
    if a == A::Top && f.list.base > 0 {
        if let Some(f) = m.frames.last_mut() {
            f.list.cursor = 0;
        }
        return ask::fetch(m);
    }
    let to = moved(a, f.list.cursor, f.list.rows.len(), list::height(m));
    list::go_to(m, to);
}

fn last_page(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let mut p = ask::page(&f.list);
    // The first page of the other order, turned round when it comes.
    p.desc = !p.desc;
    let (id, text) = (f.id, f.filter.clone());
    let filter = ask::filter(m, &text);
    ask::ask(
        m,
        id,
        crate::ui::data::Place::Last,
        crate::ui::data::What::Calls { filter, page: p },
    );
}

pub fn sideways(m: &mut Model, right: bool) {
    let Some(f) = m.frames.last_mut() else { return };
    if f.focus == 0 {
        return list::column(m, right);
    }
    if let Some(p) = f.pos.get_mut(f.focus) {
        p.left = if right {
            (p.left + 8).min(100_000)
        } else {
            p.left.saturating_sub(8)
        };
    }
}

pub fn pane(m: &mut Model, next: bool) {
    let Some(f) = m.frames.last_mut() else { return };
    let (n, first) = (layout::panes_of(f.screen), layout::first_pane(f.screen));
    let span = n - first;
    if span < 2 {
        return m.say("there is one pane here");
    }
    let at = f.focus.saturating_sub(first);
    f.focus = first
        + if next {
            (at + 1) % span
        } else {
            (at + span - 1) % span
        };
    list::settle(m);
    docs::refresh(m);
    ask::rest(m);
}

pub fn find(m: &mut Model, forward: bool) {
    let Some(f) = m.top() else { return };
    let want = f.find.to_lowercase();
    if want.is_empty() {
        return m.say("Ctrl-f searches first");
    }
    if f.focus > 0 {
        let pane = f.focus;
        let at = f.pos.get(pane).map_or(0, |p| p.cursor);
        let lines = f
            .docs
            .get(pane - 1)
            .map(|d| d.lines.as_slice())
            .unwrap_or_default();
        match around(lines.len(), at, forward, |i| {
            lines
                .get(i)
                .is_some_and(|l| l.text().to_lowercase().contains(&want))
        }) {
            Some(i) => doc_go(m, pane, i),
            None => m.say("not found"),
        }
        return;
    }
    let rows = &f.list.rows;
    let hit = around(rows.len(), f.list.cursor, forward, |i| {
        rows.get(i).is_some_and(|r| {
            r.cells
                .iter()
                .any(|c| c.text.as_str().to_lowercase().contains(&want))
        })
    });
    match hit {
        Some(i) => list::go_to(m, i),
        None => m.say("not found in the rows at hand; / searches everything"),
    }
}

/// The next index for which it holds, round the end.
fn around(n: usize, at: usize, forward: bool, holds: impl Fn(usize) -> bool) -> Option<usize> {
    (1..=n)
        .map(|k| {
            if forward {
                (at + k) % n
            } else {
                (at + n - k % n) % n
            }
        })
        .find(|i| holds(*i))
}

fn doc_go(m: &mut Model, pane: usize, to: usize) {
    let h = list::doc_height(m, pane);
    if let Some(f) = m.frames.last_mut() {
        let n = f.docs.get(pane - 1).map_or(0, |d| d.lines.len());
        if let Some(p) = f.pos.get_mut(pane) {
            p.go(to, n, h);
        }
    }
}

pub fn next_mark(m: &mut Model, forward: bool) {
    let Some(f) = m.top() else { return };
    let rows = &f.list.rows;
    let hit = around(rows.len(), f.list.cursor, forward, |i| {
        rows.get(i)
            .and_then(|r| facts::target(&r.item))
            .is_some_and(|t| m.marks.contains_key(&t))
    });
    match hit {
        Some(i) => list::go_to(m, i),
        None => m.say("no mark among the rows at hand"),
    }
}

/// Records of a body, or trails of a trace.
pub fn record(m: &mut Model, next: bool) {
    let dates = m.dates;
    let h = list::height(m);
    let Some(f) = m.frames.last_mut() else { return };
    if let Extra::Trace(t) = &mut f.extra {
        let n = t.result.as_ref().map_or(0, |r| r.trails.len());
        if n < 2 {
            return m.say("this trace follows no other record");
        }
        t.trail = if next {
            (t.trail + 1) % n
        } else {
            (t.trail + n - 1) % n
        };
        (t.whole, t.folded) = (false, Default::default());
        let said = format!("record {} of {n}", t.trail + 1);
        if t.hops {
            list::fill_trace(f, dates, h);
        }
        path_seen(m);
        docs::refresh(m);
        return m.say(said);
    }
    doc_next(m, next, "no further record", |l| l.record);
}

/// All ways of a trace as one drawing, or those of one record.
pub fn whole(m: &mut Model) {
    let Some(f) = m.frames.last_mut() else { return };
    let Extra::Trace(t) = &mut f.extra else {
        return;
    };
    if t.result.as_ref().map_or(0, |r| r.trails.len()) < 2 {
        return m.say("this trace follows no other record");
    }
    t.whole = !t.whole;
    let said = if t.whole {
        "the ways of all records"
    } else {
        "the path of one record"
    };
    path_seen(m);
    docs::refresh(m);
    m.say(said);
}

/// Where the drawing of a trace has no room of its own, what changes it brings it forward.
fn path_seen(m: &mut Model) {
    let size = m.size;
    if let Some(f) = m.frames.last_mut() {
        let hidden = |r: &ratatui::layout::Rect| r.width == 0;
        if layout::of(size, f).panes.get(PATH).is_none_or(hidden) {
            f.focus = PATH;
        }
    }
}

/// Folds the branch under the cursor, in the drawing or by the hop in the list, or opens it.
pub fn fold(m: &mut Model) {
    let Some(f) = m.frames.last_mut() else { return };
    let line = f.focus.checked_sub(1).and_then(|d| {
        let at = f.pos.get(f.focus)?.cursor;
        f.docs.get(d)?.lines.get(at)?.fold.clone()
    });
    let branch = line.or_else(|| match f.list.here().map(|r| &r.item) {
        Some(Item::Hop(h)) if f.focus == 0 => Some(crate::ui::screen::movement::branch(h)),
        _ => None,
    });
    let Extra::Trace(t) = &mut f.extra else {
        return;
    };
    let Some(branch) = branch else {
        return m.say("nothing to fold here: put the cursor on a movement");
    };
    let open = t.folded.remove(&branch);
    if !open {
        t.folded.insert(branch);
    }
    docs::refresh(m);
    m.say(if open {
        "opened"
    } else {
        "folded: what came of it is hidden; Space opens it"
    });
}

fn doc_next(
    m: &mut Model,
    next: bool,
    none: &str,
    holds: impl Fn(&crate::ui::widget::doc::Line) -> bool,
) {
    let Some(f) = m.top() else { return };
    let asks = f
        .show
        .as_ref()
        .is_some_and(|s| crate::ui::screen::call::asks(s));
    let pane = match f.focus {
        0 if asks => 1,
        0 => 2,
        n => n,
    };
    let at = f.pos.get(pane).map_or(0, |p| p.cursor);
    let lines = f
        .docs
        .get(pane - 1)
        .map(|d| d.lines.as_slice())
        .unwrap_or_default();
    let hit = if next {
        (at + 1..lines.len()).find(|i| lines.get(*i).is_some_and(&holds))
    } else {
        (0..at).rev().find(|i| lines.get(*i).is_some_and(&holds))
    };
    match hit {
        Some(i) => doc_go(m, pane, i),
        None => m.say(none),
    }
}

pub fn sensitive(m: &mut Model, next: bool) {
    let Some(f) = m.top() else { return };
    if let Extra::Replay(r) = &f.extra {
        let Some(t) = &r.film else { return };
        return match t.next_high(r.at, next) {
            Some(s) => film::seek(m, s),
            None => m.say("no further sensitive step"),
        };
    }
    if f.focus > 0 {
        return doc_next(m, next, "no further sensitive value here", |l| l.hot);
    }
    let rows = &f.list.rows;
    let hit = around(
        rows.len(),
        f.list.cursor,
        next,
        |i| matches!(rows.get(i).map(|r| &r.item), Some(Item::Call(c)) if matches!(c.level, Some("S3" | "S4"))),
    );
    match hit {
        Some(i) => {
            let round = if next {
                i <= f.list.cursor
            } else {
                i >= f.list.cursor
            };
            list::go_to(m, i);
            if round {
                m.say("round the end of the rows at hand; / level >= S3 lists all");
            }
        }
        None => m.say("no call of level S3 or S4 among the rows at hand; / level >= S3 finds all"),
    }
}
