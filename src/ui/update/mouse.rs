//! The mouse, where it is on. In: events. Out: the same changes as keys. Bounds: none.

use super::{act, ask, list};
use crate::ui::keys::Action;
use crate::ui::model::Model;
use crate::ui::screen::layout;
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

/// A click or a turn of the wheel.
pub fn mouse(m: &mut Model, e: MouseEvent) {
    if m.overlay.is_some() || !m.mouse {
        return;
    }
    let a = layout::areas(m);
    let at = Position::new(e.column, e.row);
    let Some(pane) = a.panes.iter().position(|r| r.contains(at)) else {
        return;
    };
    let inner = layout::inside(a.panes.get(pane).copied().unwrap_or_default());
    m.dirty = true;
    match e.kind {
        MouseEventKind::Down(MouseButton::Left) => {
            let again = m.top().is_some_and(|f| f.focus == pane);
            if let Some(f) = m.frames.last_mut() {
                f.focus = pane;
            }
            let row = usize::from(e.row.saturating_sub(inner.y));
            if pane == 0
                && !matches!(
                    m.top().map(|f| &f.extra),
                    Some(crate::ui::model::Extra::Replay(_))
                )
            {
                let Some(to) = row
                    .checked_sub(1)
                    .and_then(|r| m.top().map(|f| f.list.top + r))
                else {
                    return;
                };
                let same = again && m.top().is_some_and(|f| f.list.cursor == to);
                if same {
                    act::act(m, Action::Enter);
                } else {
                    list::go_to(m, to);
                }
            } else if let Some(f) = m.frames.last_mut() {
                let n = pane
                    .checked_sub(1)
                    .and_then(|p| f.docs.get(p))
                    .map_or(0, |d| d.lines.len());
                if let Some(p) = f.pos.get_mut(pane) {
                    p.cursor = (p.top + row).min(n.saturating_sub(1));
                }
                ask::rest(m);
            }
        }
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            let down = e.kind == MouseEventKind::ScrollDown;
            let keep = m.top().map_or(0, |f| f.focus);
            if let Some(f) = m.frames.last_mut() {
                f.focus = pane;
            }
            for _ in 0..3 {
                act::act(m, if down { Action::Down } else { Action::Up });
            }
            if let Some(f) = m.frames.last_mut() {
                f.focus = keep;
            }
        }
        _ => {}
    }
}
