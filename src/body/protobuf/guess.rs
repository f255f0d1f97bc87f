//! What bytes under a length are where no schema tells: a message, text, or just bytes. In: the bytes of all values of one field
//! of one message. Out: one answer for all of them, so that a field does not change its nature from value to value.
//! Bounds: one pass over the tags of a value and over its characters.
//!
//! Text wins over a message where both are possible, since short words often parse as fields, unless the value begins with one
//! of the control characters that are the tags of the first fields (no text begins with a line feed followed by its own length).

use super::wire::fields;
use std::ops::Range;

/// What it is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// UTF-8 text.
    Text,
    /// A message.
    Message,
    /// Neither.
    Bytes,
}

/// Field numbers beyond this are not believed in a guess: schemas number their fields from 1.
const NUMBERS: u32 = 20_000;

/// What speaks for and against each answer, over all values of one field.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guess {
    seen: bool,
    not_text: bool,
    not_message: bool,
    /// A value can be nothing but a message.
    message: bool,
}

impl Guess {
    /// Takes one value into account.
    pub fn add(&mut self, s: &[u8], range: Range<usize>) {
        let v = s.get(range.clone()).unwrap_or_default();
        if v.is_empty() {
            return;
        }
        self.seen = true;
        let is_text = text(v);
        let tagged = matches!(v.first(), Some(b'\n' | b'\t' | b'\r'));
        let is_message = (!is_text || tagged) && message(s, range);
        self.not_text |= !is_text;
        self.not_message |= !is_message;
        self.message |= is_message;
    }
    /// The answer; text where all values are empty.
    pub fn answer(&self) -> As {
        if self.seen && !self.not_message && self.message {
            As::Message
        } else if !self.not_text {
            As::Text
        } else {
            As::Bytes
        }
    }
}

/// UTF-8 without control characters but white space.
pub fn text(v: &[u8]) -> bool {
    // the first bytes tell most messages from text
    let early = v.get(..16).unwrap_or(v);
    let control = |b: &u8| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r') || *b == 0x7f;
    !early.iter().any(control) && !v.iter().any(control) && std::str::from_utf8(v).is_ok()
}

/// Whether the bytes are fields from the first to the last.
pub fn message(s: &[u8], range: Range<usize>) -> bool {
    let mut all = fields(s, range);
    let sane = all.by_ref().all(|f| f.number <= NUMBERS);
    sane && !all.faulty
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(values: &[&[u8]]) -> As {
        let mut g = Guess::default();
        for v in values {
            g.add(v, 0..v.len());
        }
        g.answer()
    }

    #[test]
    fn one_answer_for_all_values_of_a_field() {
        assert_eq!(guess(&[b"hello"]), As::Text);
        assert_eq!(guess(&[b"hehe"]), As::Text, "also a message by its bytes");
        assert_eq!(guess(&["王小明".as_bytes()]), As::Text);
        assert_eq!(guess(&[b"\x0a\x05hello"]), As::Message);
        assert_eq!(
            guess(&[b"\x0a\x2011111111111111111111111111111111"]),
            As::Message,
            "a line feed and its own length"
        );
        assert_eq!(guess(&[b"\x08\x01", b""]), As::Message);
        assert_eq!(guess(&[b"\x08\x01", b"word"]), As::Bytes);
        assert_eq!(guess(&[b"\x08"]), As::Bytes);
        assert_eq!(guess(&[b"\xff\xd8\xff\xe0"]), As::Bytes);
        assert_eq!(guess(&[b"", b""]), As::Text);
        assert_eq!(guess(&[b"\nindented text\n"]), As::Text);
    }
}
