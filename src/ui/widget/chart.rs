//! Bars and histograms out of glyphs. In: counts. Out: cells. Bounds: clipped to the rectangle.

use super::canvas::Canvas;
use super::safe_text::{SafeText, grouped};
use crate::ui::theme::Role;
use ratatui::layout::Rect;

/// One bar of a histogram: calls, and those at level S3 and above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bin {
    /// Start, nanoseconds.
    pub t: i64,
    /// Calls.
    pub all: u64,
    /// Of them at level S3 and above.
    pub hot: u64,
}

/// Folds equal slots into at most `n`.
pub fn fold(slots: &[Bin], n: usize) -> Vec<Bin> {
    slots
        .chunks(slots.len().div_ceil(n.max(1)).max(1))
        .map(|c| Bin {
            t: c.first().map_or(0, |b| b.t),
            all: c.iter().map(|b| b.all).sum(),
            hot: c.iter().map(|b| b.hot).sum(),
        })
        .collect()
}

/// Draws bins as columns with an axis; the part of a column that is sensitive has its own glyph and role.
pub fn histogram(c: &mut Canvas<'_>, r: Rect, minutes: &[Bin], chosen: Option<i64>) {
    if r.height < 3 || r.width < 14 {
        return;
    }
    let left = r.x + 8;
    let cols = usize::from(r.right().saturating_sub(left));
    let wide = (cols / minutes.len().max(1)).clamp(1, 3);
    let bins = fold(minutes, cols / wide);
    let peak = bins.iter().map(|b| b.all).max().unwrap_or(0).max(1);
    let h = u64::from(r.height - 2);
    let dim = c.theme.style(Role::Dim);
    let label = SafeText::new(&grouped(peak));
    c.put_right(r.x, left - 1, r.y, &label, Role::Dim);
    c.put_right(r.x, left - 1, r.bottom() - 2, &"0".into(), Role::Dim);
    for y in r.y..r.bottom() - 1 {
        c.glyph(left - 1, y, c.glyphs.v, dim);
    }
    for x in left..r.right() {
        c.glyph(x, r.bottom() - 2, c.glyphs.h, dim);
    }
    c.glyph(left - 1, r.bottom() - 2, c.glyphs.bl, dim);
    let (bar, hot) = (c.theme.style(Role::Bar), c.theme.style(Role::BarSens));
    for (i, b) in bins.iter().enumerate() {
        let full = b.all.saturating_mul(h).div_ceil(peak);
        let red = if b.hot > 0 {
            b.hot.saturating_mul(h).div_ceil(peak).min(full)
        } else {
            0
        };
        for k in 0..wide {
            let x = left + u16::try_from(i * wide + k).unwrap_or(u16::MAX - 8);
            if x >= r.right() {
                continue;
            }
            for up in 0..full {
                let y = r.bottom() - 3 - u16::try_from(up).unwrap_or(0).min(r.height - 3);
                if up < red {
                    c.glyph(x, y, c.glyphs.bar_hot, hot);
                } else {
                    c.glyph(x, y, c.glyphs.bar, bar);
                }
            }
            if chosen.is_some_and(|t| b.t <= t && bins.get(i + 1).is_none_or(|n| t < n.t)) {
                c.glyph(
                    x,
                    r.bottom() - 2,
                    c.glyphs.caret,
                    c.theme.style(Role::Accent),
                );
            }
        }
    }
    let span = span(&bins);
    let mut free = left;
    let y = r.bottom() - 1;
    let last = bins.len().saturating_sub(1);
    for i in [0, last / 3, last * 2 / 3, last] {
        let Some(b) = bins.get(i) else { continue };
        let x = left + u16::try_from(i * wide).unwrap_or(0);
        let t = SafeText::new(&crate::ui::nav::time::axis(b.t, span));
        let x = x.min(r.right().saturating_sub(t.width() as u16));
        if x >= free {
            free = c.put(x, y, r.right() - x, &t, Role::Dim) + 1;
        }
    }
}

/// Nanoseconds from the first bin to the last.
pub fn span(bins: &[Bin]) -> i64 {
    match (bins.first(), bins.last()) {
        (Some(a), Some(z)) => z.t.saturating_sub(a.t),
        _ => 0,
    }
}

/// A bar of `w` columns for `n` out of `all`.
pub fn bar(c: &mut Canvas<'_>, x: u16, y: u16, w: u16, n: f64, all: f64, role: Role) {
    let style = c.theme.style(role);
    let full = if all > 0.0 && n > 0.0 {
        ((n / all) * f64::from(w)).ceil().clamp(1.0, f64::from(w)) as u16
    } else {
        0
    };
    for i in 0..full {
        c.glyph(x + i, y, c.glyphs.bar, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_every_call() {
        let m = 60_000_000_000;
        let minutes: Vec<Bin> = (0..97)
            .map(|i| Bin {
                t: i * m,
                all: 3,
                hot: u64::from(i == 50),
            })
            .collect();
        for n in [1, 7, 40, 200] {
            let f = fold(&minutes, n);
            assert!(f.len() <= n.max(1));
            assert_eq!(f.iter().map(|b| b.all).sum::<u64>(), 291);
            assert_eq!(f.iter().map(|b| b.hot).sum::<u64>(), 1);
        }
        assert!(fold(&[], 9).is_empty());
    }
}
