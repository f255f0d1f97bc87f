//! Bytes of evidence as text that a reader may keep, and text as it may be shown.
//! In: any bytes. Out: valid UTF-8. Bounds: output is at most 4 times the input.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Evidence bytes as UTF-8; each byte that is not valid becomes `\xNN`, so nothing is lost and nothing is guessed.
pub fn lossless(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(s) => Cow::Borrowed(s),
        Err(_) => {
            let mut out = String::with_capacity(bytes.len() + 16);
            for chunk in bytes.utf8_chunks() {
                out.push_str(chunk.valid());
                for b in chunk.invalid() {
                    let _ = write!(out, "\\x{b:02X}");
                }
            }
            Cow::Owned(out)
        }
    }
}

/// A number and what it counts: `1 call`, `2 calls`.
pub fn many(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// One end of a flow; what has no ports (ICMP) shows none.
pub fn end(addr: &str, port: u16) -> String {
    let addr = if addr.contains(':') && port > 0 {
        format!("[{addr}]")
    } else {
        addr.to_owned()
    };
    if port > 0 {
        format!("{addr}:{port}")
    } else {
        addr
    }
}
/// Whether a character must never reach a terminal as it is: controls, bidirectional and other format
/// characters (Unicode Cc, Cf), line and paragraph separators, private use, tags, variation selectors beyond emoji style.
pub fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}'
        | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Text with every unsafe character made visible: `<1B>`, `<U+202E>`.
pub fn visible(s: &str) -> Cow<'_, str> {
    if !s.chars().any(is_unsafe) {
        return Cow::Borrowed(s);
    }
    let mut out = String::with_capacity(s.len() + 16);
    for c in s.chars() {
        if is_unsafe(c) {
            let n = u32::from(c);
            let _ = if n < 0x100 {
                write!(out, "<{n:02X}>")
            } else {
                write!(out, "<U+{n:04X}>")
            };
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// JSON text with every character that could harm a terminal as `\u` escape: they stand in strings alone.
pub fn safe_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut units = [0u16; 2];
    for c in text.chars() {
        if is_unsafe(c) && c != '\n' {
            for u in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{u:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_dangerous_is_kept() {
        assert_eq!(lossless(b"a\xffb\xc3"), "a\\xFFb\\xC3");
        assert_eq!(visible("a\x1b[31m\u{202e}b"), "a<1B>[31m<U+202E>b");
        assert_eq!(visible("\u{e0041}中文é"), "<U+E0041>中文é");
    }
}
