//! The only text a view accepts. In: any string, also evidence. Out: text without control, bidirectional or other format
//! characters, each replaced by a visible `<1B>`, `<U+202E>`. Bounds: [`crate::limits::CELL_CODEPOINTS`] code points a
//! cell; longer clusters are cut and say by how much.

use crate::call::text::{is_unsafe, visible};
use crate::limits::CELL_CODEPOINTS;
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Text that may be drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SafeText {
    text: String,
    /// Byte ranges of `text` that stand for a character that was replaced.
    odd: Vec<(usize, usize)>,
}

impl SafeText {
    /// Makes any string safe.
    pub fn new(s: &str) -> SafeText {
        if s.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return SafeText {
                text: s.to_string(),
                odd: Vec::new(),
            };
        }
        let mut out = SafeText {
            text: String::with_capacity(s.len() + 8),
            odd: Vec::new(),
        };
        for g in s.graphemes(true) {
            out.cluster(g);
        }
        out
    }

    fn cluster(&mut self, g: &str) {
        if g.chars().any(is_unsafe) {
            for c in g.chars() {
                let mut b = [0; 4];
                let one = &*c.encode_utf8(&mut b);
                if is_unsafe(c) {
                    self.replaced(&visible(one));
                } else {
                    self.single(c, one);
                }
            }
            return;
        }
        let n = g.chars().count();
        let w = g.width();
        if w == 0 || w > 2 {
            for c in g.chars() {
                let mut b = [0; 4];
                let one = &*c.encode_utf8(&mut b);
                self.single(c, one);
            }
        } else if n > CELL_CODEPOINTS {
            self.text.extend(g.chars().take(CELL_CODEPOINTS));
            self.replaced(&format!("<+{}>", n - CELL_CODEPOINTS));
        } else {
            self.text.push_str(g);
        }
    }

    /// A character on its own: one that takes no room is written as its number.
    fn single(&mut self, c: char, one: &str) {
        if one.width() == 0 {
            self.replaced(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            self.text.push(c);
        }
    }

    fn replaced(&mut self, s: &str) {
        let from = self.text.len();
        self.text.push_str(s);
        self.odd.push((from, self.text.len()));
    }

    /// The safe characters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Columns it takes.
    pub fn width(&self) -> usize {
        self.text.width()
    }

    /// Whether the byte offset stands in a replaced character.
    pub fn is_odd(&self, at: usize) -> bool {
        self.odd.iter().any(|(a, b)| (*a..*b).contains(&at))
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// At most `w` columns, the middle or the end left out.
    pub fn elide(&self, w: usize, middle: bool, dots: &str) -> SafeText {
        if self.width() <= w {
            return self.clone();
        }
        let dw = dots.width();
        if w <= dw {
            return SafeText::new(&take_left(&self.text, w));
        }
        let room = w - dw;
        let (l, r) = if middle {
            (room / 3, room - room / 3)
        } else {
            (room, 0)
        };
        let mut out = take_left(&self.text, l);
        out.push_str(dots);
        out.push_str(&take_right(&self.text, r));
        SafeText::new(&out)
    }

    /// Two lines of it: the first of at most `w` columns, the second of at most `w2`, cut where there is more. The second is empty
    /// where one is enough.
    pub fn two_lines(&self, w: usize, w2: usize, dots: &str) -> (SafeText, SafeText) {
        let first = self.wrap(w).into_iter().next().unwrap_or_default();
        let rest = self.text.get(first.text.len()..).unwrap_or("");
        let rest = SafeText::new(rest.trim_start()).elide(w2, false, dots);
        (first, rest)
    }

    /// Pieces of at most `w` columns, broken at spaces where one stands in the last third.
    pub fn wrap(&self, w: usize) -> Vec<SafeText> {
        let w = w.max(1);
        let mut out = Vec::new();
        let mut rest = self.text.as_str();
        while rest.width() > w {
            let mut cut = take_left(rest, w).len();
            if cut == 0 {
                let first = rest.graphemes(true).next().unwrap_or(rest);
                // One that no line would hold is broken: it may be as long as the text (consonants of Hangul). Narrow ones
                // stay whole, with their marks.
                cut = match first.width() {
                    0..=2 => first.len(),
                    _ => take_chars(first, w),
                };
            }
            let head = rest.get(..cut).unwrap_or(rest);
            // A space that carries a mark is none to break at: the mark alone would be written as its number, and be wider.
            let mut spaces = head.grapheme_indices(true).rev().filter(|(_, g)| *g == " ");
            if let Some((sp, _)) = spaces.next().filter(|(sp, _)| *sp > cut * 2 / 3) {
                cut = sp + 1;
            }
            let (a, b) = rest.split_at_checked(cut).unwrap_or((rest, ""));
            out.push(SafeText::new(a.trim_end()));
            rest = b;
        }
        if !rest.is_empty() || out.is_empty() {
            out.push(SafeText::new(rest));
        }
        out
    }
}

fn take_left(s: &str, w: usize) -> String {
    let mut out = String::new();
    let mut n = 0;
    for g in s.graphemes(true) {
        n += g.width();
        if n > w {
            break;
        }
        out.push_str(g);
    }
    out
}

/// Bytes of the characters that fit, of one at least.
fn take_chars(s: &str, w: usize) -> usize {
    let mut end = 0;
    for (at, c) in s.char_indices() {
        let next = at + c.len_utf8();
        if at > 0 && s.get(..next).is_none_or(|part| part.width() > w) {
            break;
        }
        end = next;
    }
    end
}

fn take_right(s: &str, w: usize) -> String {
    let mut n = 0;
    let mut from = s.len();
    for (at, g) in s.grapheme_indices(true).rev() {
        n += g.width();
        if n > w {
            break;
        }
        from = at;
    }
    s.get(from..).unwrap_or("").to_string()
}

impl From<&str> for SafeText {
    fn from(s: &str) -> SafeText {
        SafeText::new(s)
    }
}
impl From<String> for SafeText {
    fn from(s: String) -> SafeText {
        SafeText::new(&s)
    }
}
impl From<&String> for SafeText {
    fn from(s: &String) -> SafeText {
        SafeText::new(s)
    }
}
impl std::fmt::Display for SafeText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A number and what it counts: `1 call`, `2 calls`.
pub fn many(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A number with thousands separators, as people read it.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + 6);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes in a unit that keeps it short.
pub fn bytes(n: u64) -> String {
    let mut out = String::new();
    let _ = match n {
        0..=9_999 => write!(out, "{} B", grouped(n)),
        10_000..=999_949 => write!(out, "{:.1} kB", n as f64 / 1e3),
        999_950..=999_949_999 => write!(out, "{:.1} MB", n as f64 / 1e6),
        _ => write!(out, "{:.2} GB", n as f64 / 1e9),
    };
    out
}

/// A span of nanoseconds in a unit that keeps it short.
pub fn span(ns: i64) -> String {
    let a = ns.unsigned_abs();
    let sign = if ns < 0 { "-" } else { "" };
    let s = a / 1_000_000_000;
    match a {
        0 => "0s".into(),
        1..=999_999 => format!("{sign}{}us", a / 1000),
        1_000_000..=999_999_999 => format!("{sign}{}ms", a / 1_000_000),
        1_000_000_000..=59_999_999_999 => format!("{sign}{:.1}s", a as f64 / 1e9),
        _ if s < 3600 => format!("{sign}{}m{:02}s", s / 60, s % 60),
        _ if s < 86_400 => format!("{sign}{}h{:02}m", s / 3600, s % 3600 / 60),
        _ => format!("{sign}{}d{:02}h", s / 86_400, s % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_made_visible() {
        let t = SafeText::new("a\x1b]52;c;AAAA\x07\u{9b}31m\u{202e}x\u{e0041}\r\n");
        assert_eq!(
            t.as_str(),
            "a<1B>]52;c;AAAA<07><9B>31m<U+202E>x<U+E0041><0D><0A>"
        );
        assert!(t.is_odd(1) && !t.is_odd(0));
    }

    #[test]
    fn a_flood_of_marks_is_cut_and_says_so() {
        let flood = format!("e{}", "\u{301}".repeat(3000));
        let t = SafeText::new(&flood);
        assert!(t.as_str().chars().count() < 20, "{}", t.as_str().len());
        assert!(t.as_str().ends_with("<+2993>"));
        assert_eq!(SafeText::new("\u{301}").as_str(), "<U+0301>");
    }

    #[test]
    fn no_line_is_wider_than_asked_where_spaces_carry_marks() {
        for text in [
            "abcde \u{30b}fghijkl",
            "\u{fffd}2mb \u{30b}\u{fffd}\u{305}b",
            "a \u{301} \u{301} \u{301} b c d e f",
        ] {
            for w in 7..12 {
                for line in SafeText::new(text).wrap(w) {
                    assert!(line.width() <= w, "{:?} at {w}", line.as_str());
                }
            }
        }
    }

    #[test]
    fn wide_text_is_cut_at_whole_characters() {
        let t = SafeText::new("客户数据导出");
        assert_eq!(t.width(), 12);
        assert_eq!(t.elide(7, false, "..").as_str(), "客户..");
        assert_eq!(t.elide(9, true, "..").as_str(), "客..导出");
        assert_eq!(t.wrap(4).len(), 3);
        assert_eq!(t.wrap(1).len(), 6);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(7_480_112), "7,480,112");
        assert_eq!(bytes(18_101), "18.1 kB");
        assert_eq!(span(186_500_000_000), "3m06s");
    }
}
