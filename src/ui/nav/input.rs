//! A line of typed text with the usual editing keys. In: keys. Out: text and cursor. Bounds: [`MAX`] bytes.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Bytes a line may have.
pub const MAX: usize = 16 << 10;

/// A line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
    at: usize,
}

impl Input {
    /// With this text, the cursor at its end.
    pub fn new(text: &str) -> Input {
        Input {
            text: text.to_string(),
            at: text.len(),
        }
    }
    /// What stands in it.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Byte of the cursor.
    pub fn cursor(&self) -> usize {
        self.at
    }
    /// Puts text at the cursor; line ends become spaces.
    pub fn insert(&mut self, s: &str) {
        for c in s.chars() {
            let c = if c == '\n' || c == '\r' || c == '\t' {
                ' '
            } else {
                c
            };
            if c.is_control() || self.text.len() + c.len_utf8() > MAX {
                continue;
            }
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }
    /// Replaces the last `n` bytes before the cursor.
    pub fn replace_before(&mut self, n: usize, s: &str) {
        let from = self.at.saturating_sub(n);
        if self.text.is_char_boundary(from) {
            self.text.replace_range(from..self.at, "");
            self.at = from;
            self.insert(s);
        }
    }
    fn left(&self) -> usize {
        self.text
            .get(..self.at)
            .and_then(|s| s.char_indices().next_back())
            .map_or(0, |(i, _)| i)
    }
    fn right(&self) -> usize {
        self.text
            .get(self.at..)
            .and_then(|s| s.chars().next())
            .map_or(self.at, |c| self.at + c.len_utf8())
    }
    fn word_left(&self) -> usize {
        let s = self.text.get(..self.at).unwrap_or("").trim_end();
        s.rfind(|c: char| c.is_whitespace() || c == ':')
            .map_or(0, |i| i + 1)
    }
    /// Whether the key was one of editing.
    pub fn key(&mut self, e: &KeyEvent) -> bool {
        let ctrl = e.modifiers.contains(KeyModifiers::CONTROL);
        match (e.code, ctrl) {
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => self.at = 0,
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => self.at = self.text.len(),
            (KeyCode::Char('b'), true) | (KeyCode::Left, _) => self.at = self.left(),
            (KeyCode::Char('f'), true) | (KeyCode::Right, _) => self.at = self.right(),
            (KeyCode::Char('h'), true) | (KeyCode::Backspace, _) => self.cut(self.left(), self.at),
            (KeyCode::Char('d'), true) | (KeyCode::Delete, _) => self.cut(self.at, self.right()),
            (KeyCode::Char('w'), true) => self.cut(self.word_left(), self.at),
            (KeyCode::Char('u'), true) => self.cut(0, self.at),
            (KeyCode::Char('k'), true) => self.cut(self.at, self.text.len()),
            (KeyCode::Char(c), false) if !e.modifiers.contains(KeyModifiers::ALT) => {
                let mut b = [0; 4];
                self.insert(c.encode_utf8(&mut b));
            }
            _ => return false,
        }
        true
    }
    fn cut(&mut self, from: usize, to: usize) {
        if from < to && self.text.is_char_boundary(from) && self.text.is_char_boundary(to) {
            self.text.replace_range(from..to, "");
            self.at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_stays_on_characters() {
        let mut i = Input::new("a客b");
        let k = |c| KeyEvent::new(c, KeyModifiers::NONE);
        i.key(&k(KeyCode::Left));
        i.key(&k(KeyCode::Backspace));
        assert_eq!(i.text(), "ab");
        i.insert("x\ny\u{1b}");
        assert_eq!(i.text(), "ax yb");
        i.key(&KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(i.text(), "ax b");
        i.key(&KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!((i.text(), i.cursor()), ("b", 0));
        for _ in 0..3 {
            i.key(&k(KeyCode::Delete));
        }
        assert_eq!(i.text(), "");
    }
}
