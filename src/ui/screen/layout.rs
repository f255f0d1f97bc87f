//! Where things stand at a size. In: size, screen, focus. Out: rectangles. Bounds: any size from 1x1; nothing overlaps.

use crate::ui::model::{Frame, Model};
use crate::ui::nav::ScreenId;
use ratatui::layout::Rect;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// All panes.
    Full,
    /// The pane with the keys alone (below 60x18).
    One,
    /// A line that asks for more (below 40x10).
    None,
}

/// Rectangles of a frame; a pane that is not shown has no width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    pub room: Room,
    pub header: Rect,
    pub filter: Rect,
    pub body: Rect,
    pub status: Rect,
    pub keys: Rect,
    pub panes: Vec<Rect>,
}

/// Panes of a screen: the list and the documents.
pub fn panes_of(s: ScreenId) -> usize {
    match s {
        ScreenId::Overview => 6,
        ScreenId::Accounts
        | ScreenId::Apis
        | ScreenId::Calls
        | ScreenId::Trace
        | ScreenId::Replay
        | ScreenId::Call => 3,
        ScreenId::Sql => 1,
        _ => 2,
    }
}

/// Panes that exist: a call has no list.
pub fn first_pane(s: ScreenId) -> usize {
    usize::from(s == ScreenId::Call)
}

/// Room inside a pane's border.
pub fn inside(r: Rect) -> Rect {
    if r.width < 2 || r.height < 2 {
        return Rect::new(r.x, r.y, 0, 0);
    }
    Rect::new(r.x + 1, r.y + 1, r.width - 2, r.height - 2)
}

/// The areas of the innermost frame.
pub fn areas(m: &Model) -> Areas {
    match m.top() {
        Some(f) => of(m.size, f),
        None => of_screen(m.size, ScreenId::Overview, 0, false),
    }
}

/// The areas of a frame.
pub fn of(size: (u16, u16), f: &Frame) -> Areas {
    // a call whose request carries the data shows that one, where one of both has room
    let asks = f.show.as_ref().is_some_and(|s| super::call::asks(s));
    let beside = f.screen == ScreenId::Calls && f.focus == 0 && !f.zoom;
    let focus = if beside && asks { 1 } else { f.focus };
    of_screen(size, f.screen, focus, f.zoom)
}

fn of_screen(size: (u16, u16), s: ScreenId, focus: usize, zoom: bool) -> Areas {
    let (w, h) = size;
    let row = |y: u16| Rect::new(0, y.min(h.saturating_sub(1)), w, u16::from(y < h));
    let mut a = Areas {
        room: Room::Full,
        header: row(0),
        filter: row(1),
        body: Rect::new(0, 2.min(h), w, h.saturating_sub(4)),
        status: row(h.saturating_sub(2)),
        keys: row(h.saturating_sub(1)),
        panes: vec![Rect::default(); panes_of(s)],
    };
    if w < 40 || h < 10 {
        a.room = Room::None;
        return a;
    }
    let b = a.body;
    if w < 60 || h < 18 || zoom {
        a.room = if zoom && w >= 60 && h >= 18 {
            Room::Full
        } else {
            Room::One
        };
        set(&mut a.panes, focus, b);
        return a;
    }
    match s {
        ScreenId::Overview => overview(&mut a.panes, b, focus),
        ScreenId::Call => pair(&mut a.panes, b, focus, 42),
        ScreenId::Sql => set(&mut a.panes, 0, b),
        _ => {
            let top = match s {
                ScreenId::Replay => b.height * 60 / 100,
                ScreenId::Accounts | ScreenId::Apis => b.height * 60 / 100,
                _ => b.height / 2,
            };
            set(&mut a.panes, 0, Rect::new(b.x, b.y, w, top));
            let low = Rect::new(b.x, b.y + top, w, b.height - top);
            if panes_of(s) == 2 {
                set(&mut a.panes, 1, low);
            } else {
                pair(
                    &mut a.panes,
                    low,
                    focus,
                    if s == ScreenId::Trace { 56 } else { 42 },
                );
            }
        }
    }
    a
}

fn set(panes: &mut [Rect], i: usize, r: Rect) {
    if let Some(p) = panes.get_mut(i) {
        *p = r;
    }
}

/// Whether two documents have room beside each other.
pub fn side_by_side(width: u16) -> bool {
    width >= 100
}

/// Documents 1 and 2 side by side, or the one with the keys (else the second, which says more).
fn pair(panes: &mut [Rect], r: Rect, focus: usize, share: u16) {
    if side_by_side(r.width) {
        let left = r.width * share / 100;
        set(panes, 1, Rect::new(r.x, r.y, left, r.height));
        set(
            panes,
            2,
            Rect::new(r.x + left, r.y, r.width - left, r.height),
        );
    } else {
        set(panes, if focus == 1 { 1 } else { 2 }, r);
    }
}

fn overview(panes: &mut [Rect], b: Rect, focus: usize) {
    let wide = b.width >= 100 && b.height >= 26;
    if wide {
        let top = (b.height * 40 / 100).clamp(11, 16);
        let low = (b.height * 22 / 100).clamp(6, 11);
        let left = b.width / 2;
        set(panes, 1, Rect::new(b.x, b.y, left, top));
        set(panes, 2, Rect::new(b.x + left, b.y, b.width - left, top));
        set(
            panes,
            0,
            Rect::new(b.x, b.y + top, b.width, b.height - top - low),
        );
        let third = b.width / 3;
        let y = b.bottom() - low;
        set(panes, 3, Rect::new(b.x, y, third, low));
        set(panes, 4, Rect::new(b.x + third, y, third, low));
        set(
            panes,
            5,
            Rect::new(b.x + 2 * third, y, b.width - 2 * third, low),
        );
        return;
    }
    let top = b.height / 2;
    set(panes, 0, Rect::new(b.x, b.y + top, b.width, b.height - top));
    if focus > 2 {
        set(panes, focus, Rect::new(b.x, b.y, b.width, top));
    } else {
        let left = b.width * 59 / 100;
        set(panes, 1, Rect::new(b.x, b.y, left, top));
        set(panes, 2, Rect::new(b.x + left, b.y, b.width - left, top));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_never_overlap_or_leave_the_screen() {
        let all = [
            ScreenId::Overview,
            ScreenId::Calls,
            ScreenId::Call,
            ScreenId::Replay,
            ScreenId::Marks,
            ScreenId::Sql,
        ];
        for s in all {
            for w in (1..=300).step_by(7) {
                for h in 1..=80 {
                    for focus in 0..panes_of(s) {
                        let a = of_screen((w, h), s, focus, false);
                        let screen = Rect::new(0, 0, w, h);
                        for (i, p) in a.panes.iter().enumerate() {
                            if p.width == 0 || p.height == 0 {
                                continue;
                            }
                            assert_eq!(p.intersection(screen), *p, "{s:?} {w}x{h}");
                            assert!(p.bottom() <= a.status.y, "{s:?} {w}x{h}");
                            for q in a.panes.iter().skip(i + 1) {
                                assert!(
                                    q.width == 0 || p.intersection(*q).area() == 0,
                                    "{s:?} {w}x{h}"
                                );
                            }
                        }
                        if a.room == Room::Full && focus >= first_pane(s) {
                            assert!(
                                a.panes[focus].area() > 0,
                                "{s:?} {w}x{h} pane {focus} has the keys and is not shown"
                            );
                        }
                    }
                }
            }
        }
    }
}
