//! Panes of text: lines of spans, each line perhaps with a place to go. In: safe text. Out: cells.
//! Bounds: only the visible lines are drawn; a document is built once, not once a frame.

use super::canvas::Canvas;
use super::safe_text::SafeText;
use crate::ui::nav::Jump;
use crate::ui::theme::Role;
use ratatui::layout::Rect;

/// A finding as a correction of its class names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub class: String,
    pub field: String,
    pub api: Option<String>,
}

/// A line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// Pieces from the left.
    pub spans: Vec<(SafeText, Role)>,
    /// What stands at the right edge (a level, a class).
    pub right: Option<(SafeText, Role)>,
    /// What Enter does on it.
    pub jump: Option<Jump>,
    /// Whether it carries a sensitive value.
    pub hot: bool,
    /// Whether a record begins here.
    pub record: bool,
    /// Why it is so, for `?`.
    pub why: Option<String>,
    /// Findings that stand on it.
    pub found: Vec<Held>,
    /// The branch of a tree that begins here and can be folded.
    pub fold: Option<String>,
    /// A row of a table: cut where it is too long, never broken.
    pub row: bool,
    /// Of its last piece the end says most: what is too long loses its middle.
    pub middle: bool,
}

impl Line {
    /// One piece.
    pub fn new(text: impl Into<SafeText>, role: Role) -> Line {
        Line {
            spans: vec![(text.into(), role)],
            ..Line::default()
        }
    }
    /// A name and its value.
    pub fn pair(name: &str, value: impl Into<SafeText>, role: Role) -> Line {
        Line {
            spans: vec![
                (SafeText::new(&format!("{name:<12}")), Role::Dim),
                (value.into(), role),
            ],
            ..Line::default()
        }
    }
    /// One more piece.
    #[must_use]
    pub fn and(mut self, text: impl Into<SafeText>, role: Role) -> Line {
        self.spans.push((text.into(), role));
        self
    }
    /// At the right edge.
    #[must_use]
    pub fn right(mut self, text: impl Into<SafeText>, role: Role) -> Line {
        self.right = Some((text.into(), role));
        self
    }
    /// As a row of a table.
    #[must_use]
    pub fn row(mut self) -> Line {
        self.row = true;
        self
    }
    /// A row whose last piece is a name: of that the end says most.
    #[must_use]
    pub fn name(mut self) -> Line {
        self.row = true;
        self.middle = true;
        self
    }
    /// With a place to go.
    #[must_use]
    pub fn jump(mut self, j: Jump) -> Line {
        self.jump = Some(j);
        self
    }
    /// All its text.
    pub fn text(&self) -> String {
        let mut s: String = self.spans.iter().map(|(t, _)| t.as_str()).collect();
        if let Some((r, _)) = &self.right {
            s.push(' ');
            s.push_str(r.as_str());
        }
        s
    }
}

/// A titled text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Doc {
    /// Title of the pane.
    pub title: SafeText,
    /// At the right of the title.
    pub note: SafeText,
    /// Lines.
    pub lines: Vec<Line>,
}

impl Doc {
    /// An empty one.
    pub fn new(title: impl Into<SafeText>) -> Doc {
        Doc {
            title: title.into(),
            ..Doc::default()
        }
    }
    /// One more line.
    pub fn add(&mut self, l: Line) {
        self.lines.push(l);
    }
    /// A sentence, broken to `w` columns.
    pub fn prose(&mut self, text: &str, w: usize, role: Role) {
        for part in text.lines() {
            for l in SafeText::new(part).wrap(w) {
                self.lines.push(Line::new(l, role));
            }
        }
    }
    /// Long lines broken to `w` columns; the place to go stays with the first part.
    #[must_use]
    pub fn wrapped(&self, w: usize) -> Doc {
        let mut out = Doc {
            title: self.title.clone(),
            note: self.note.clone(),
            lines: Vec::new(),
        };
        for l in &self.lines {
            let r = l.right.as_ref().map_or(0, |(t, _)| t.width() + 1);
            let width: usize = l.spans.iter().map(|(t, _)| t.width()).sum();
            if width + r <= w || l.row {
                out.lines.push(l.clone());
                continue;
            }
            // A name before a value stays where it is; the value goes on under itself.
            let (head, rest) = match l.spans.split_first() {
                Some((h, rest)) if !rest.is_empty() && h.0.width() * 2 < w => (Some(h), rest),
                _ => (None, l.spans.as_slice()),
            };
            let indent = head.map_or(0, |(t, _)| t.width());
            let all: String = rest.iter().map(|(t, _)| t.as_str()).collect();
            let role = rest.last().map_or(Role::Text, |(_, r)| *r);
            let room = w.saturating_sub(r + indent).max(8);
            for (i, part) in SafeText::new(&all).wrap(room).into_iter().enumerate() {
                let mut n = if i == 0 { l.clone() } else { Line::default() };
                n.spans = Vec::new();
                match head {
                    Some(h) if i == 0 => n.spans.push(h.clone()),
                    Some(_) => n
                        .spans
                        .push((SafeText::new(&" ".repeat(indent)), Role::Text)),
                    None => {}
                }
                n.spans.push((part, role));
                out.lines.push(n);
            }
        }
        out
    }
}

/// Where a reader stands in a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DocPos {
    /// Line under the cursor.
    pub cursor: usize,
    /// First visible line.
    pub top: usize,
    /// Columns scrolled to the right.
    pub left: usize,
}

impl DocPos {
    /// Moves the cursor and keeps it visible.
    pub fn go(&mut self, to: usize, lines: usize, height: usize) {
        self.cursor = to.min(lines.saturating_sub(1));
        let h = height.max(1);
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + h {
            self.top = self.cursor + 1 - h;
        }
        self.top = self.top.min(lines.saturating_sub(h));
    }
}

/// Draws a document into the room inside a pane.
pub fn draw(c: &mut Canvas<'_>, r: Rect, d: &Doc, pos: DocPos, focus: bool, find: &str) {
    let find = find.to_lowercase();
    for (i, l) in d
        .lines
        .iter()
        .enumerate()
        .skip(pos.top)
        .take(usize::from(r.height))
    {
        let y = r.y + u16::try_from(i - pos.top).unwrap_or(0);
        let mut end = r.right();
        if let Some((t, role)) = &l.right {
            let w = u16::try_from(t.width()).unwrap_or(u16::MAX);
            if w + 4 < r.width {
                end = c.put_right(r.x, r.right(), y, t, *role).saturating_sub(1);
            }
        }
        let mut x = r.x;
        let mut skip = pos.left;
        let last = l.spans.len().saturating_sub(1);
        for (n, (t, role)) in l.spans.iter().enumerate() {
            if x >= end {
                break;
            }
            let room = end - x;
            if skip > 0 {
                let w = t.width();
                if w <= skip {
                    skip -= w;
                    continue;
                }
                let cut: String = t.as_str().chars().skip(skip).collect();
                skip = 0;
                x = put_cut(c, x, y, room, &SafeText::new(&cut), *role, false);
            } else {
                x = put_cut(
                    c,
                    x,
                    y,
                    room,
                    t,
                    *role,
                    n == last && (l.middle || last == 0 && l.jump.is_some()),
                );
            }
        }
        if !find.is_empty() && l.text().to_lowercase().contains(&find) {
            c.paint(Rect::new(r.x, y, end.saturating_sub(r.x), 1), Role::Match);
        }
        if focus && i == pos.cursor {
            let role = if l.jump.is_some() {
                Role::Sel
            } else {
                Role::SelDim
            };
            c.paint(Rect::new(r.x, y, r.width, 1), role);
        }
    }
    c.scrollbar(r, pos.top as u64, u64::from(r.height), d.lines.len() as u64);
}

/// Text that says where it was cut; of a name alone on its line the end says most.
fn put_cut(
    c: &mut Canvas<'_>,
    x: u16,
    y: u16,
    room: u16,
    t: &SafeText,
    role: Role,
    middle: bool,
) -> u16 {
    if t.width() <= usize::from(room) {
        return c.put(x, y, room, t, role);
    }
    if middle {
        let t = t.elide(usize::from(room), true, c.glyphs.dots);
        return c.put(x, y, room, &t, role);
    }
    let dots = SafeText::new(c.glyphs.dots);
    let dw = u16::try_from(dots.width()).unwrap_or(1);
    let x = c.put(x, y, room.saturating_sub(dw), t, role);
    c.put(x, y, dw, &dots, Role::Dim)
}
