//! Cells as they are meant. In: the text of a cell. Out: it without what spreadsheets and programs put around it, and whether it is
//! clear, masked or a digest. Bounds: one pass over the text.

use super::Shape;
use std::borrow::Cow;

/// Cell text without what spreadsheets put around it: `="..."`, a leading apostrophe, blanks, quotes.
pub(super) fn clean(cell: &str) -> &str {
    let t = cell.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{0}');
    let mut t = t
        .strip_prefix("=\"")
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(t);
    for (open, close) in [("\"", "\""), ("'", "'"), ("“", "”"), ("`", "`")] {
        if t.len() > open.len() + close.len()
            && let Some(inner) = t.strip_prefix(open).and_then(|t| t.strip_suffix(close))
        {
            t = inner;
        }
    }
    let t = match t.strip_prefix('\'') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit() || "+-=@".contains(c)) => rest,
        _ => t,
    };
    t.trim()
}

/// Whether a column holds the last digits of numbers.
pub(super) fn tail(name: &str) -> bool {
    let n = name.to_lowercase();
    [
        "last4",
        "last_4",
        "last 4",
        "last-4",
        "lastfour",
        "last_four",
        "tail",
        "suffix",
        "尾号",
        "后四位",
        "末四位",
    ]
    .iter()
    .any(|w| n.contains(w))
}

/// A value as programs write it: digits and letters of full width made narrow, numbers of spreadsheets
/// (`1.3800138000E+10`, `13800138000.0`) written out.
pub(super) fn spelt(text: &str) -> Cow<'_, str> {
    let wide = |c: char| {
        ('\u{ff10}'..='\u{ff19}').contains(&c)
            || ('\u{ff21}'..='\u{ff3a}').contains(&c)
            || ('\u{ff41}'..='\u{ff5a}').contains(&c)
    };
    if text.chars().any(wide) {
        return Cow::Owned(
            text.chars()
                .map(|c| match c {
                    '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
                    '\u{3000}' => ' ',
                    c => c,
                })
                .collect(),
        );
    }
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if let Some(whole) = text.strip_suffix(".0")
        && digits(whole)
        && whole.len() >= 6
    {
        return Cow::Borrowed(whole);
    }
    if let Some((mantissa, power)) = text.split_once(['e', 'E'])
        && let Some(power) = power.strip_prefix('+').and_then(|p| p.parse::<usize>().ok())
        && let Some((first, rest)) = mantissa.split_once('.')
        && digits(first)
        && digits(rest)
        && first.len() == 1
        // What was rounded is no value any more.
        && rest.len() >= 8
        && rest.len() <= power
        && power < 20
    {
        let mut out = format!("{first}{rest}");
        out.extend(std::iter::repeat_n('0', power - rest.len()));
        return Cow::Owned(out);
    }
    Cow::Borrowed(text)
}

/// Whether a value is masked or a digest.
pub(super) fn shape(text: &str) -> Shape {
    if text
        .chars()
        .any(|c| matches!(c, '*' | '＊' | '•' | '●' | '·' | '█'))
        && text.chars().filter(|c| c.is_alphanumeric()).count() >= 1
        && !text.contains("·") // a dot inside names of several peoples is no mask
        || text.contains("**")
    {
        return Shape::Masked;
    }
    if let Some(bytes) = digest(text) {
        return Shape::Digest(bytes);
    }
    Shape::Clear
}

/// Bytes of a digest written as hex or base64 of 16, 20 or 32 bytes.
fn digest(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let b = text.as_bytes();
    if matches!(b.len(), 32 | 40 | 64) && b.iter().all(u8::is_ascii_hexdigit) {
        // Digits alone are a number (a long order number), not a digest.
        if b.iter().all(u8::is_ascii_digit) {
            return None;
        }
        return b
            .chunks(2)
            .map(|p| u8::from_str_radix(std::str::from_utf8(p).ok()?, 16).ok())
            .collect();
    }
    if matches!(b.len(), 24 | 28 | 44) && b.ends_with(b"=") {
        let out = base64::engine::general_purpose::STANDARD
            .decode(b)
            .or_else(|_| base64::engine::general_purpose::URL_SAFE.decode(b))
            .ok()?;
        return matches!(out.len(), 16 | 20 | 32).then_some(out);
    }
    None
}
