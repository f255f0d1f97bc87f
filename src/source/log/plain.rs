//! A line as text: without the colours of a terminal and the NUL bytes that a rotated file is padded with, and in UTF-8 where it
//! is Chinese text in GB 2312. In: a line. Out: the same, or a copy. Bounds: linear in the line.

use std::borrow::Cow;

/// The line as it is read.
pub fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(line);
    if memchr::memchr2(0x1b, 0, line).is_some() {
        out = Cow::Owned(uncoloured(line));
    }
    let Err(bad) = std::str::from_utf8(&out) else {
        return out;
    };
    // a character that was cut at the end is no other charset
    if bad.error_len().is_some()
        && is_chinese(&out)
        && let Some(text) =
            encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(&out)
    {
        return Cow::Owned(text.into_owned().into_bytes());
    }
    out
}

/// Lines as they are read.
pub fn plain_lines(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(0x1b, 0, text).is_none() && std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    for (n, line) in text.split(|b| *b == b'\n').enumerate() {
        if n > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&plain(line));
    }
    Cow::Owned(out)
}

/// Without colours (`ESC [ 3 1 m`), and without NUL bytes at its beginning and end.
fn uncoloured(line: &[u8]) -> Vec<u8> {
    let begin = line.iter().take_while(|b| **b == 0).count();
    let mut rest = line.get(begin..).unwrap_or_default();
    while let Some(shorter) = rest.strip_suffix(&[0]) {
        rest = shorter;
    }
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = memchr::memchr(0x1b, rest) {
        let (before, code) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        let len = code
            .get(1..)
            .and_then(|c| c.strip_prefix(b"["))
            .and_then(|c| {
                let n = c
                    .iter()
                    .take_while(|b| b.is_ascii_digit() || **b == b';')
                    .count();
                (c.get(n) == Some(&b'm')).then_some(n + 3)
            });
        // what is no colour stays
        out.extend_from_slice(code.get(..1).filter(|_| len.is_none()).unwrap_or_default());
        rest = code.get(len.unwrap_or(1)..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// Whether all that is not ASCII is hanzi and signs of GB 2312.
fn is_chinese(text: &[u8]) -> bool {
    let (mut rest, mut hanzi) = (text, 0usize);
    while let Some((lead, tail)) = rest.split_first() {
        rest = match (lead, tail.first()) {
            (0..=0x7f, _) => tail,
            (0xb0..=0xf7, Some(0xa1..=0xfe)) => {
                hanzi += 1;
                tail.get(1..).unwrap_or_default()
            }
            (0xa1..=0xa3, Some(0xa1..=0xfe)) => tail.get(1..).unwrap_or_default(),
            _ => return false,
        };
    }
    hanzi > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_padding_go_and_text_stays() {
        let told = |b: &[u8]| String::from_utf8_lossy(&plain(b)).into_owned();
        assert_eq!(told(b"\x1b[31m\x1b[1mGET /a\x1b[0m 200"), "GET /a 200");
        assert_eq!(told(b"\0\0\0GET /a\0"), "GET /a");
        assert_eq!(told(b"a\0b\x1b]0;x"), "a\0b\x1b]0;x");
        assert_eq!(told(b"\x1b[31"), "\x1b[31");
        assert_eq!(told(b"\xd3\xc3\xbb\xa7,GET"), "用户,GET");
        // other bytes are left as they are
        assert!(matches!(plain(b"caf\xe9 1"), Cow::Borrowed(_)));
        assert!(matches!(plain("用户".as_bytes()), Cow::Borrowed(_)));
        assert!(matches!(plain(&"用户".as_bytes()[..5]), Cow::Borrowed(_)));
        let lines = plain_lines(b"\0\0a\n\x1b[1mb\x1b[0m\n\0\0\0");
        assert_eq!(lines.as_ref(), b"a\nb\n");
    }
}
