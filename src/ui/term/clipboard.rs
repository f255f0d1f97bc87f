//! The terminal's clipboard by OSC 52. In: text. Out: the sequence. Bounds: [`crate::limits::CLIPBOARD`] bytes.

use crate::limits::CLIPBOARD;
use base64::Engine as _;

/// The sequence, and how many bytes of the text it holds. The text stands in it as base64: nothing of it can act.
pub fn osc52(text: &str) -> (String, usize) {
    let mut n = text.len().min(CLIPBOARD);
    while !text.is_char_boundary(n) {
        n -= 1;
    }
    let body = base64::engine::general_purpose::STANDARD.encode(text.get(..n).unwrap_or(""));
    (format!("\x1b]52;c;{body}\x07"), n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        let (s, n) = osc52(&"é".repeat(CLIPBOARD));
        assert!(n <= CLIPBOARD && n % 2 == 0);
        assert!(s.starts_with("\x1b]52;c;") && s.ends_with('\x07'));
        assert_eq!(osc52("a\x1b").0, "\x1b]52;c;YRs=\x07");
    }
}
