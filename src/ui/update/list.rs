//! Lists: cursor, order, more rows. In: rows and moves. Out: rows in place. Bounds: [`KEEP`] rows of a paged list.

use super::{ask, docs};
use crate::ui::data::{Item, Kind};
use crate::ui::model::{Frame, List, Model, RowView, State, Total};
use crate::ui::nav::ScreenId;
use crate::ui::screen::{cells, columns, facts, layout};
use crate::ui::widget::safe_text::grouped;

/// Rows of a paged list that are kept round the cursor.
const KEEP: usize = ask::PAGE * 6;

/// Rows that a list pane shows.
pub fn height(m: &Model) -> usize {
    let Some(f) = m.top() else { return 1 };
    let a = layout::of(m.size, f);
    let r = a.panes.first().copied().unwrap_or_default();
    usize::from(layout::inside(r).height.saturating_sub(1)).max(1)
}

/// Lines that a pane of text shows.
pub fn doc_height(m: &Model, pane: usize) -> usize {
    let Some(f) = m.top() else { return 1 };
    let a = layout::of(m.size, f);
    usize::from(layout::inside(a.panes.get(pane).copied().unwrap_or_default()).height).max(1)
}

/// Keeps the cursor inside after a change of size or rows.
pub fn settle(m: &mut Model) {
    let h = height(m);
    if let Some(f) = m.frames.last_mut() {
        let at = f.list.cursor;
        f.list.go(at, h);
    }
}

/// Moves the list's cursor; asks for more at the edges.
pub fn go_to(m: &mut Model, to: usize) {
    let h = height(m);
    let Some(f) = m.frames.last_mut() else { return };
    let before = f.list.cursor;
    f.list.go(to, h);
    let l = &f.list;
    let (near_end, near_start) = (l.cursor + h + 20 >= l.rows.len(), l.cursor < h + 20);
    let more = l.more;
    let moved = l.cursor != before;
    if near_end && more.1 {
        ask::ask_more(m, true);
    } else if near_start && more.0 {
        ask::ask_more(m, false);
    }
    if moved {
        ask::rest(m);
    }
}

/// The order that says most, where the reader has not chosen one.
fn ranked(items: &mut [Item]) {
    items.sort_by(|a, b| match (a, b) {
        (Item::Account(a), Item::Account(b)) => b
            .risk
            .total_cmp(&a.risk)
            .then(b.records.cmp(&a.records))
            .then(b.calls.cmp(&a.calls)),
        (Item::Api(a), Item::Api(b)) => b
            .level
            .cmp(a.level)
            .then(b.max_records.cmp(&a.max_records))
            .then(b.calls.cmp(&a.calls)),
        _ => std::cmp::Ordering::Equal,
    });
}

/// The first rows of a search that goes on. The cursor stays on its row.
pub fn part(m: &mut Model, frame: usize, items: Vec<Item>, part: (u64, u64)) {
    if let Some(f) = m.frames.get_mut(frame)
        && f.list.part.is_some()
        && f.list.cursor > 0
    {
        f.list.keep = f.list.here().and_then(|r| facts::target(&r.item));
    }
    let n = items.len() as u64;
    fill(m, frame, items, true, 0);
    if let Some(f) = m.frames.get_mut(frame) {
        f.list.part = Some(part);
        f.list.more = (false, false);
        f.list.total = Total::AtLeast(n);
    }
}

/// Items become rows, in the list's order.
pub fn fill(m: &mut Model, frame: usize, mut items: Vec<Item>, cut: bool, took_us: u64) {
    ranked(&mut items);
    let spec = items
        .iter()
        .any(|i| matches!(i, Item::Api(a) if a.documented.is_some()));
    let dates = m.dates;
    let h = height(m);
    let Some(f) = m.frames.get_mut(frame) else {
        return;
    };
    let l = &mut f.list;
    if spec {
        l.cols = columns::documented(dates);
    }
    l.rows = items
        .into_iter()
        .enumerate()
        .map(|(i, item)| RowView {
            cells: cells::cells(&item, dates, i),
            item,
        })
        .collect();
    l.base = 0;
    l.part = None;
    l.took_us = took_us;
    l.state = State::Ready;
    if f.screen == ScreenId::Calls {
        l.more = (false, cut);
        if !cut {
            l.total = Total::Exact(l.rows.len() as u64);
        }
    } else {
        l.more = (false, false);
        l.total = if cut {
            Total::AtLeast(l.rows.len() as u64)
        } else {
            Total::Exact(l.rows.len() as u64)
        };
        order(l);
    }
    if l.rows.is_empty() {
        f.show = None;
        f.show_state = State::Empty;
    }
    let keep = l.keep.take();
    let at = keep
        .and_then(|k| {
            l.rows
                .iter()
                .position(|r| facts::target(&r.item).as_ref() == Some(&k))
        })
        .unwrap_or_else(|| l.cursor.min(l.rows.len().saturating_sub(1)));
    l.go(at, h);
}

/// The last page of a paged list; the cursor goes to its end.
pub fn last(m: &mut Model, frame: usize, mut items: Vec<Item>, cut: bool) {
    items.reverse();
    let all = m
        .frames
        .get(frame)
        .map(|f| f.list.total)
        .unwrap_or_default();
    let n = items.len() as u64;
    let took = m.frames.get(frame).map_or(0, |f| f.list.took_us);
    fill(m, frame, items, cut, took);
    let h = height(m);
    if let Some(f) = m.frames.get_mut(frame) {
        let l = &mut f.list;
        l.more = (cut, false);
        l.total = all;
        l.base = match all {
            Total::Exact(t) => t.saturating_sub(n),
            _ => 0,
        };
        l.go(l.rows.len().saturating_sub(1), h);
    }
    ask::rest(m);
}

/// Sorts a list that is wholly at hand. Equal rows keep the order of the case.
pub fn order(l: &mut List) {
    let Some((col, desc)) = l.sort else { return };
    l.rows.sort_by(|a, b| {
        let (Some(x), Some(y)) = (a.cells.get(col), b.cells.get(col)) else {
            return std::cmp::Ordering::Equal;
        };
        let o = x.key.order(&y.key);
        if desc { o.reverse() } else { o }
    });
}

/// More calls before or behind those at hand.
pub fn extend(m: &mut Model, frame: usize, items: Vec<Item>, cut: bool, down: bool) {
    let dates = m.dates;
    let h = height(m);
    let Some(f) = m.frames.get_mut(frame) else {
        return;
    };
    let l = &mut f.list;
    let row = |(i, item)| RowView {
        cells: cells::cells(&item, dates, i),
        item,
    };
    let n = items.len();
    let new: Vec<RowView> = items.into_iter().enumerate().map(row).collect();
    if down {
        l.rows.extend(new);
        l.more.1 = cut;
        if !cut {
            l.total = Total::Exact(l.base + l.rows.len() as u64);
        }
        let over = l.rows.len().saturating_sub(KEEP);
        if over > 0 {
            l.rows.drain(..over);
            l.base += over as u64;
            l.cursor = l.cursor.saturating_sub(over);
            l.top = l.top.saturating_sub(over);
            l.more.0 = true;
        }
    } else {
        l.rows.splice(0..0, new);
        l.cursor += n;
        l.top += n;
        l.base = l.base.saturating_sub(n as u64);
        l.more.0 = cut;
        if !cut {
            l.base = 0;
        }
        if l.rows.len() > KEEP {
            l.rows.truncate(KEEP);
            l.more.1 = true;
        }
    }
    let at = l.cursor;
    l.go(at, h);
}

/// Sorts by the column of the cursor, or turns the order round.
pub fn sort(m: &mut Model, reverse: bool) {
    let Some(f) = m.frames.last_mut() else { return };
    let col = f.list.col;
    let desc = match f.list.sort {
        Some((c, d)) if c == col || reverse => !d,
        _ => f
            .list
            .columns()
            .get(col)
            .is_some_and(|c| c.right || c.title == "S"),
    };
    let col = if reverse {
        f.list.sort.map_or(col, |s| s.0)
    } else {
        col
    };
    let name = f.list.titles.get(col).map_or_else(
        || {
            f.list
                .columns()
                .get(col)
                .map_or("", |c| c.title)
                .to_string()
        },
        ToString::to_string,
    );
    if f.screen == ScreenId::Calls {
        if ask::call_sort(col).is_none() {
            return m.say(format!("calls cannot be sorted by {name}"));
        }
        f.list.sort = Some((col, desc));
        f.list.rows.clear();
        f.list.state = State::Loading;
        f.list.cursor = 0;
        ask::fetch(m);
    } else {
        f.list.keep = f.list.here().and_then(|r| facts::target(&r.item));
        f.list.sort = Some((col, desc));
        order(&mut f.list);
        let keep = f.list.keep.take();
        if let Some(at) = keep.and_then(|k| {
            f.list
                .rows
                .iter()
                .position(|r| facts::target(&r.item).as_ref() == Some(&k))
        }) {
            go_to(m, at);
        }
    }
    // of a list that is cut only what is at hand can be put in order
    let cut = m.top().and_then(|f| match f.list.total {
        Total::AtLeast(_) if f.screen != ScreenId::Calls => Some(f.list.rows.len() as u64),
        _ => None,
    });
    m.say(format!(
        "sorted by {name}, {}{}",
        if desc {
            "highest first"
        } else {
            "lowest first"
        },
        cut.map(|n| format!(
            ", among the first {}: a filter brings the others",
            grouped(n)
        ))
        .unwrap_or_default()
    ));
}

/// Cells again, after the way of showing times changed.
pub fn recell(m: &mut Model) {
    let dates = m.dates;
    for f in &mut m.frames {
        let kind = match &f.extra {
            crate::ui::model::Extra::Trace(t) if t.hops => Some(Kind::Hops),
            crate::ui::model::Extra::Trace(_) => Some(Kind::Suspects),
            _ => crate::ui::model::kind_of(f.screen),
        };
        if let Some(k) = kind {
            // those of APIs depend on what is in the case, too
            let spec = k == Kind::Apis && f.list.cols.len() == columns::documented(dates).len();
            f.list.cols = if spec {
                columns::documented(dates)
            } else {
                columns::columns(k, dates)
            };
        }
        for (i, r) in f.list.rows.iter_mut().enumerate() {
            r.cells = cells::cells(&r.item, dates, i);
        }
    }
    docs::refresh(m);
}

/// The column to the left or right among those on screen.
pub fn column(m: &mut Model, right: bool) {
    let Some(f) = m.frames.last() else { return };
    let a = layout::of(m.size, f);
    let w = layout::inside(a.panes.first().copied().unwrap_or_default())
        .width
        .saturating_sub(3);
    let shown: Vec<usize> = crate::ui::widget::table::fit(f.list.columns(), w)
        .iter()
        .map(|(i, _, _)| *i)
        .collect();
    let at = shown.iter().position(|i| *i == f.list.col).unwrap_or(0);
    let to = if right {
        (at + 1).min(shown.len().saturating_sub(1))
    } else {
        at.saturating_sub(1)
    };
    if let (Some(f), Some(col)) = (m.frames.last_mut(), shown.get(to)) {
        f.list.col = *col;
    }
}

/// Rows of a trace: suspects or hops.
pub fn fill_trace(f: &mut Frame, dates: bool, h: usize) {
    let crate::ui::model::Extra::Trace(t) = &f.extra else {
        return;
    };
    let Some(r) = &t.result else { return };
    let (kind, items): (Kind, Vec<Item>) = if t.hops {
        let hops = r
            .trails
            .get(t.trail)
            .map(|t| t.hops.as_slice())
            .unwrap_or_default();
        (
            Kind::Hops,
            hops.iter()
                .map(|h| Item::Hop(Box::new(h.clone())))
                .collect(),
        )
    } else {
        (
            Kind::Suspects,
            r.suspects
                .iter()
                .map(|s| Item::Suspect(Box::new(s.clone())))
                .collect(),
        )
    };
    let l = &mut f.list;
    l.cols = columns::columns(kind, dates);
    l.total = Total::Exact(items.len() as u64);
    l.rows = items
        .into_iter()
        .enumerate()
        .map(|(i, item)| RowView {
            cells: cells::cells(&item, dates, i),
            item,
        })
        .collect();
    l.sort = None;
    l.state = State::Ready;
    l.col = l.col.min(l.cols.len().saturating_sub(1));
    let at = l.cursor;
    l.go(at, h);
}
