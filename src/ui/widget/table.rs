//! Lists: columns as data, rows as cells. In: cells. Out: what fits, in aligned columns.
//! Bounds: columns are dropped in a fixed order until the rest fits; only visible rows are drawn.

use super::canvas::Canvas;
use super::safe_text::SafeText;
use crate::ui::theme::Role;
use ratatui::layout::Rect;
use std::cmp::Ordering;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Col {
    /// Heading.
    pub title: &'static str,
    /// Width in columns; for a flexible one the least.
    pub w: u16,
    /// Width where there is room for it: all of it, or none.
    pub wide: u16,
    /// Takes a share of what is left.
    pub flex: u16,
    /// Numbers stand right.
    pub right: bool,
    /// Columns with higher numbers go first when room is short; 0 stays.
    pub drop: u8,
    /// What is too long loses its middle, not its end.
    pub middle: bool,
}

impl Col {
    /// A column of text.
    pub const fn text(title: &'static str, w: u16, drop: u8) -> Col {
        Col {
            title,
            w,
            wide: 0,
            flex: 0,
            right: false,
            drop,
            middle: false,
        }
    }
    /// A column of names: of those the end says most.
    pub const fn name(title: &'static str, w: u16, drop: u8) -> Col {
        Col {
            middle: true,
            ..Col::text(title, w, drop)
        }
    }
    /// A column that takes up to `wide` columns where the others leave twice as much as it asks for.
    pub const fn roomy(title: &'static str, w: u16, wide: u16, drop: u8) -> Col {
        Col {
            wide,
            ..Col::text(title, w, drop)
        }
    }
    /// A column of numbers.
    pub const fn num(title: &'static str, w: u16, drop: u8) -> Col {
        Col {
            title,
            w,
            wide: 0,
            flex: 0,
            right: true,
            drop,
            middle: false,
        }
    }
    /// One that takes a share of what is left.
    pub const fn flex(title: &'static str, w: u16, flex: u16, middle: bool) -> Col {
        Col {
            title,
            w,
            wide: 0,
            flex,
            right: false,
            drop: 0,
            middle,
        }
    }
}

/// By what a cell sorts.
#[derive(Debug, Clone, PartialEq)]
pub enum SortKey {
    /// A number.
    Num(f64),
    /// A text.
    Text(String),
}

impl SortKey {
    /// Total order.
    pub fn order(&self, o: &SortKey) -> Ordering {
        match (self, o) {
            (SortKey::Num(a), SortKey::Num(b)) => a.total_cmp(b),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            (SortKey::Num(_), SortKey::Text(_)) => Ordering::Less,
            (SortKey::Text(_), SortKey::Num(_)) => Ordering::Greater,
        }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What is shown.
    pub text: SafeText,
    /// In which role.
    pub role: Role,
    /// Field and value for `+`, `-`, `*` and for copying.
    pub fact: Option<(&'static str, String)>,
    /// What is shown where there is no room for the text.
    pub narrow: Option<SafeText>,
    /// By what it sorts.
    pub key: SortKey,
    /// What is too long loses its middle, whatever its column does.
    pub middle: bool,
}

impl Cell {
    /// Text that sorts as it reads.
    pub fn text(s: &str, role: Role) -> Cell {
        Cell {
            text: SafeText::new(s),
            role,
            fact: None,
            narrow: None,
            key: SortKey::Text(s.to_string()),
            middle: false,
        }
    }
    /// A number.
    pub fn num(n: u64) -> Cell {
        Cell {
            text: SafeText::new(&super::safe_text::grouped(n)),
            role: Role::Text,
            fact: None,
            narrow: None,
            key: SortKey::Num(n as f64),
            middle: false,
        }
    }
    /// A number that may be unknown.
    pub fn opt(n: Option<u64>) -> Cell {
        match n {
            Some(n) => Cell::num(n),
            None => Cell {
                key: SortKey::Num(-1.0),
                ..Cell::text("-", Role::Dim)
            },
        }
    }
    /// The fact behind it.
    #[must_use]
    pub fn fact(mut self, field: &'static str, value: &str) -> Cell {
        self.fact = Some((field, value.to_string()));
        self
    }
    /// What stands for it in a narrow column.
    #[must_use]
    pub fn narrow(mut self, s: &str) -> Cell {
        self.narrow = Some(SafeText::new(s));
        self
    }
    /// Its end says most.
    #[must_use]
    pub fn middle(mut self, middle: bool) -> Cell {
        self.middle = middle;
        self
    }
    /// Another sort key.
    #[must_use]
    pub fn by(mut self, key: SortKey) -> Cell {
        self.key = key;
        self
    }
    /// Another role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Cell {
        self.role = role;
        self
    }
}

/// Index, start and width of the columns that fit into `w`.
pub fn fit(cols: &[Col], w: u16) -> Vec<(usize, u16, u16)> {
    let mut keep: Vec<usize> = (0..cols.len()).collect();
    let need = |keep: &[usize]| -> u32 {
        keep.iter()
            .filter_map(|i| cols.get(*i))
            .map(|c| u32::from(c.w) + 1)
            .sum::<u32>()
    };
    while need(&keep) > u32::from(w) + 1 {
        let worst = keep
            .iter()
            .copied()
            .filter(|i| cols.get(*i).is_some_and(|c| c.drop > 0))
            .max_by_key(|i| cols.get(*i).map_or(0, |c| c.drop));
        match worst {
            Some(i) => keep.retain(|k| *k != i),
            None => break,
        }
    }
    let mut left = u32::from(w).saturating_add(1).saturating_sub(need(&keep));
    let mut wide = Vec::new();
    for i in &keep {
        let Some(c) = cols.get(*i) else { continue };
        let ask = u32::from(c.wide.saturating_sub(c.w));
        if ask > 0 && ask <= left / 2 {
            wide.push(*i);
            left -= ask;
        }
    }
    let shares: u32 = keep
        .iter()
        .filter_map(|i| cols.get(*i))
        .map(|c| u32::from(c.flex))
        .sum();
    let mut x = 0;
    let mut out = Vec::new();
    for i in keep {
        let Some(c) = cols.get(i) else { continue };
        let more = (left * u32::from(c.flex)).checked_div(shares).unwrap_or(0);
        let least = if wide.contains(&i) { c.wide } else { c.w };
        let cw = u16::try_from(u32::from(least) + more)
            .unwrap_or(c.w)
            .min(w.saturating_sub(x));
        if cw == 0 {
            break;
        }
        out.push((i, x, cw));
        x += cw + 1;
    }
    out
}

/// As [`fit`], with a column free at the right edge where that takes no column of the table away.
pub fn fit_with_margin(cols: &[Col], w: u16) -> Vec<(usize, u16, u16)> {
    let (tight, airy) = (fit(cols, w), fit(cols, w.saturating_sub(1)));
    let same = tight.len() == airy.len()
        && tight
            .iter()
            .zip(&airy)
            .all(|(a, b)| a.0 == b.0 && (a.2 == b.2 || cols.get(a.0).is_some_and(|c| c.flex > 0)));
    if same { airy } else { tight }
}

/// What a table needs beside its rows.
pub struct Look<'a> {
    /// Column of the cursor.
    pub col: usize,
    /// Sorted column, and whether downwards.
    pub sort: Option<(usize, bool)>,
    /// Row of the cursor within `rows`.
    pub cursor: Option<usize>,
    /// Whether the pane has the keys.
    pub focus: bool,
    /// Headings where the columns have none of their own.
    pub titles: &'a [SafeText],
    /// Text to light up.
    pub find: &'a str,
}

/// Draws heading and rows into `r`.
pub fn draw(
    c: &mut Canvas<'_>,
    r: Rect,
    cols: &[Col],
    rows: &[(&[Cell], &'static str)],
    look: &Look<'_>,
) {
    if r.width < 4 || r.height == 0 {
        return;
    }
    let fits = fit_with_margin(cols, r.width - 3);
    let x0 = r.x + 3;
    for (i, x, w) in &fits {
        let Some(col) = cols.get(*i) else { continue };
        let arrow = match look.sort {
            Some((s, true)) if s == *i => c.glyphs.down,
            Some((s, false)) if s == *i => c.glyphs.up,
            _ => "",
        };
        let title = look.titles.get(*i).map_or(col.title, SafeText::as_str);
        let t = SafeText::new(&format!("{title}{arrow}"));
        let role = if look.focus && *i == look.col {
            Role::Accent
        } else {
            Role::Head
        };
        if col.right {
            c.put_right(x0 + x, x0 + x + w, r.y, &t, role);
        } else {
            c.put(x0 + x, r.y, *w, &t, role);
        }
    }
    let find = look.find.to_lowercase();
    for (n, (cells, tag)) in rows.iter().enumerate().take(usize::from(r.height) - 1) {
        let y = r.y + 1 + u16::try_from(n).unwrap_or(0);
        let here = look.cursor == Some(n);
        if here {
            c.glyph(r.x, y, c.glyphs.cursor, c.theme.style(Role::Accent));
        }
        c.say(r.x + 1, y, 1, tag, Role::Mark);
        for (i, x, w) in &fits {
            let (Some(col), Some(cell)) = (cols.get(*i), cells.get(*i)) else {
                continue;
            };
            let whole = match &cell.narrow {
                Some(n) if cell.text.width() > usize::from(*w) => n,
                _ => &cell.text,
            };
            let t = whole.elide(usize::from(*w), col.middle || cell.middle, c.glyphs.dots);
            if col.right {
                c.put_right(x0 + x, x0 + x + w, y, &t, cell.role);
            } else {
                c.put(x0 + x, y, *w, &t, cell.role);
            }
            if !find.is_empty() && cell.text.as_str().to_lowercase().contains(&find) {
                c.paint(Rect::new(x0 + x, y, *w, 1), Role::Match);
            }
        }
        if here {
            let role = if look.focus { Role::Sel } else { Role::SelDim };
            c.paint(Rect::new(r.x + 1, y, r.width - 1, 1), role);
            if let Some((_, x, w)) = fits.iter().find(|(i, _, _)| look.focus && *i == look.col) {
                c.paint(Rect::new(x0 + x, y, *w, 1), Role::SelCell);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLS: &[Col] = &[
        Col::text("TIME", 12, 0),
        Col::num("OUT", 7, 2),
        Col::num("IN", 5, 9),
        Col::flex("API", 10, 1, true),
    ];

    #[test]
    fn a_roomy_column_takes_all_that_it_asks_for_or_nothing() {
        let cols = [Col::roomy("TIME", 19, 23, 0), Col::flex("API", 10, 1, true)];
        for w in 30..=60 {
            let f = fit(&cols, w);
            let time = f[0].2;
            assert_eq!(time, if w >= 38 { 23 } else { 19 }, "{w}: {f:?}");
            assert_eq!(f[1].1 + f[1].2, w, "the rest is used: {f:?}");
        }
    }

    #[test]
    fn columns_go_in_their_order_and_never_run_over() {
        for w in 1..=300 {
            let f = fit(COLS, w);
            for (_, x, cw) in &f {
                assert!(x + cw <= w, "{w}: {f:?}");
            }
            for pair in f.windows(2) {
                assert!(pair[0].1 + pair[0].2 < pair[1].1);
            }
        }
        let names = |w| {
            fit(COLS, w)
                .iter()
                .map(|(i, _, _)| COLS[*i].title)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(60), ["TIME", "OUT", "IN", "API"]);
        assert_eq!(names(34), ["TIME", "OUT", "API"]);
        assert_eq!(names(24), ["TIME", "API"]);
    }
}
