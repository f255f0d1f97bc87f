//! Drawing safe text in roles. In: rectangle, safe text, role. Out: cells. Bounds: clipped to the buffer.

use super::safe_text::SafeText;
use crate::ui::theme::{Glyphs, Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A buffer with the theme that colours it.
pub struct Canvas<'a> {
    /// Cells of the frame.
    pub buf: &'a mut Buffer,
    /// Styles by role.
    pub theme: &'a Theme,
    /// Lines, bars and arrows.
    pub glyphs: &'static Glyphs,
}

impl Canvas<'_> {
    /// Writes text into at most `w` columns from `x`; the column after it.
    pub fn put(&mut self, x: u16, y: u16, w: u16, text: &SafeText, role: Role) -> u16 {
        let style = self.theme.style(role);
        self.put_styled(x, y, w, text, style)
    }

    /// The same with a style patched over what stands there.
    pub fn put_styled(&mut self, x: u16, y: u16, w: u16, text: &SafeText, style: Style) -> u16 {
        let end = x.saturating_add(w).min(self.buf.area.right());
        let odd = self.theme.style(Role::UnsafeByte);
        let mut at = x;
        for (i, g) in text.as_str().grapheme_indices(true) {
            let gw = u16::try_from(g.width()).unwrap_or(1);
            if gw == 0 {
                continue;
            }
            if at.saturating_add(gw) > end {
                break;
            }
            let style = if text.is_odd(i) {
                style.patch(odd)
            } else {
                style
            };
            if let Some(c) = self.buf.cell_mut(Position::new(at, y)) {
                c.set_symbol(g);
                c.set_style(style);
            }
            for k in 1..gw {
                if let Some(c) = self.buf.cell_mut(Position::new(at + k, y)) {
                    c.reset();
                    c.set_style(style);
                }
            }
            at += gw;
        }
        at
    }

    /// Our own words: the same rules hold for them.
    pub fn say(&mut self, x: u16, y: u16, w: u16, text: &str, role: Role) -> u16 {
        self.put(x, y, w, &SafeText::new(text), role)
    }

    /// Text that ends at column `right` (exclusive); where it begins.
    pub fn put_right(&mut self, left: u16, right: u16, y: u16, text: &SafeText, role: Role) -> u16 {
        let w = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let x = right.saturating_sub(w).max(left);
        self.put(x, y, right.saturating_sub(x), text, role);
        x
    }

    /// Patches a style over a rectangle.
    pub fn paint(&mut self, r: Rect, role: Role) {
        let s = self.theme.style(role);
        self.buf.set_style(r.intersection(self.buf.area), s);
    }

    /// Empties a rectangle (for what lies over other things).
    pub fn clear(&mut self, r: Rect) {
        let r = r.intersection(self.buf.area);
        let s = self.theme.style(Role::Text);
        for y in r.top()..r.bottom() {
            for x in r.left()..r.right() {
                if let Some(c) = self.buf.cell_mut(Position::new(x, y)) {
                    c.reset();
                    c.set_style(s);
                }
            }
        }
    }

    /// A frame with a title; the room inside.
    pub fn pane(&mut self, r: Rect, title: &SafeText, note: &SafeText, focus: bool) -> Rect {
        let r = r.intersection(self.buf.area);
        if r.width < 2 || r.height < 2 {
            return Rect::new(r.x, r.y, 0, 0);
        }
        let (line, g) = if focus {
            (Role::BorderFocus, self.glyphs)
        } else {
            (Role::Border, self.glyphs)
        };
        let style = self.theme.style(line);
        let (x1, y1) = (r.right() - 1, r.bottom() - 1);
        for x in r.left()..r.right() {
            self.glyph(x, r.y, g.h, style);
            self.glyph(x, y1, g.h, style);
        }
        for y in r.top()..r.bottom() {
            self.glyph(r.x, y, g.v, style);
            self.glyph(x1, y, g.v, style);
        }
        self.glyph(r.x, r.y, g.tl, style);
        self.glyph(x1, r.y, g.tr, style);
        self.glyph(r.x, y1, g.bl, style);
        self.glyph(x1, y1, g.br, style);
        let room = r.width.saturating_sub(4);
        if room > 2 && !title.is_empty() {
            let role = if focus { Role::TitleFocus } else { Role::Title };
            let t = SafeText::new(&format!(
                " {} ",
                title.elide(usize::from(room) - 2, false, g.dots)
            ));
            let end = self.put(r.x + 2, r.y, room, &t, role);
            let left = (r.right() - 2).saturating_sub(end);
            let n = SafeText::new(&format!(" {note} "));
            if !note.is_empty() && n.width() < usize::from(left) {
                self.put_right(end, r.right() - 2, r.y, &n, Role::Dim);
            }
        }
        Rect::new(r.x + 1, r.y + 1, r.width - 2, r.height - 2)
    }

    /// One of our own symbols.
    pub fn glyph(&mut self, x: u16, y: u16, g: &'static str, style: Style) {
        if let Some(c) = self.buf.cell_mut(Position::new(x, y)) {
            c.set_symbol(g);
            c.set_style(style);
        }
    }

    /// A marker of position on the right border.
    pub fn scrollbar(&mut self, r: Rect, first: u64, shown: u64, all: u64) {
        if all <= shown || r.height == 0 {
            return;
        }
        let h = u64::from(r.height);
        let len = (h.saturating_mul(shown) / all.max(1)).clamp(1, h);
        let top = if all > shown {
            (h - len).saturating_mul(first.min(all - shown)) / (all - shown)
        } else {
            0
        };
        let style = self.theme.style(Role::Scrollbar);
        for i in top..(top + len).min(h) {
            let y = r.y + u16::try_from(i).unwrap_or(0);
            self.glyph(r.right(), y, self.glyphs.thumb, style);
        }
    }
}
