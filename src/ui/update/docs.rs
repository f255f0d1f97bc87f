//! Panes of text are made when what they show changes, not when they are drawn. In: the model. Out: documents.
//! Bounds: those of the screens that make them.

use super::list;
use crate::ui::model::Model;
use crate::ui::nav::ScreenId;
use crate::ui::screen::{self, layout};

/// Makes the innermost frame's documents.
pub fn refresh(m: &mut Model) {
    let Some(f) = m.top() else { return };
    let areas = layout::of(m.size, f);
    let mut docs = screen::docs(m, f, &areas);
    // Bodies keep their lines unless the reader wants them broken; everything else is prose and facts.
    let keep = |i: usize| {
        !m.wrap
            && (f.screen == ScreenId::Overview
                || (matches!(f.screen, ScreenId::Calls | ScreenId::Call) && i == 1))
    };
    for (i, d) in docs.iter_mut().enumerate().filter(|(i, _)| !keep(*i)) {
        let w = layout::inside(areas.panes.get(i + 1).copied().unwrap_or_default())
            .width
            .saturating_sub(2);
        if w > 8 {
            *d = d.wrapped(usize::from(w));
        }
    }
    let heights: Vec<usize> = (0..areas.panes.len())
        .map(|p| list::doc_height(m, p))
        .collect();
    if let Some(f) = m.frames.last_mut() {
        f.docs = docs;
        for (i, p) in f.pos.iter_mut().enumerate().skip(1) {
            let n = f.docs.get(i - 1).map_or(0, |d| d.lines.len());
            let to = p.cursor;
            p.go(to, n, heights.get(i).copied().unwrap_or(1));
        }
    }
}
