//! A line of text taken into pieces. In: a line. Out: its pieces, with the name of each where it has one. Bounds: [`PIECES`]
//! pieces; linear in the line.

use super::columns::cells;
use super::pattern::unescape;
use std::borrow::Cow;

/// Pieces of a line that are looked at.
const PIECES: usize = 256;
/// Bytes between brackets at most, else the bracket is a letter like any other.
const BRACKETS: usize = 200;

/// How a piece stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Between spaces.
    Word,
    Quoted,
    Bracket,
    /// Between tabs, bars, commas or semicolons.
    Cell,
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece<'t> {
    /// Its name; empty where it has none.
    pub key: &'t str,
    pub text: Cow<'t, str>,
    pub form: Form,
    /// Its first byte, and the one behind it.
    pub at: usize,
    pub end: usize,
}

/// All pieces of a line.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let element = |t: &str| t.starts_with(|c: char| c.is_ascii_alphabetic());
    if text.strip_prefix('<').is_some_and(element) {
        return elements(text);
    }
    match delimiter(text.as_bytes()) {
        Some(d) => {
            let mut found = columns(text, d);
            // `a || b`: nothing stands between the two
            if d == b'|' && text.matches("||").count() * 2 == text.matches('|').count() {
                let mut n = 0usize;
                found.retain(|_| {
                    n += 1;
                    n % 2 == 1
                });
            }
            found
        }
        None => words(text),
    }
}

/// The same where columns hold whole sentences, and the request stands in one of those.
pub fn in_sentences(text: &str) -> Vec<Piece<'_>> {
    words(text)
}

/// What stands between columns. Commas stand in sentences and addresses too, so it takes more of them, and none with a space.
fn delimiter(text: &[u8]) -> Option<u8> {
    let (mut quoted, mut tabs, mut bars) = (false, 0, 0);
    let (mut commas, mut semicolons, mut marks) = (0, 0, 0);
    for (n, b) in text.iter().enumerate() {
        let alone = text.get(n + 1) != Some(&b' ');
        match b {
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'\t' => tabs += 1,
            // Hive's own
            1 => marks += 1,
            b'|' => bars += 1,
            b',' if alone => commas += 1,
            b';' if alone => semicolons += 1,
            _ => {}
        }
    }
    [
        (marks, 1, 3),
        (tabs, b'\t', 3),
        (bars, b'|', 3),
        (commas, b',', 5),
        (semicolons, b';', 5),
    ]
    .into_iter()
    .find(|(count, _, least)| count >= least)
    .map(|(_, d, _)| d)
}

fn columns(text: &str, delimiter: u8) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    for (at, cell) in cells(text.as_bytes(), delimiter).take(PIECES) {
        let end = at + cell.len();
        let (cell, key) = (trimmed(cell), "");
        let inner = cell.strip_prefix('"').and_then(|c| c.strip_suffix('"'));
        let cell = match inner {
            Some(inner) => Cow::Owned(inner.to_owned()),
            None => cell,
        };
        out.push(Piece {
            key,
            text: cell,
            form: Form::Cell,
            at,
            end,
        });
    }
    out
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.trim()),
        Cow::Owned(t) => Cow::Owned(t.trim().to_owned()),
    }
}

/// `<name>text</name>`, with attributes passed over but for `id`.
fn elements(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    while out.len() < PIECES
        && let Some(open) = text.get(at..).and_then(|r| r.find('<')).map(|o| at + o)
        && let Some(close) = text.get(open..).and_then(|r| r.find('>')).map(|c| open + c)
    {
        let tag = text.get(open + 1..close).unwrap_or_default();
        let id = tag
            .split_once(" id=\"")
            .and_then(|(_, id)| id.split_once('"'));
        if let Some((id, _)) = id {
            out.push(Piece {
                key: "requestid",
                text: id.into(),
                form: Form::Cell,
                at: open,
                end: close,
            });
        }
        let key = tag.split([' ', '/']).next().unwrap_or_default();
        let begin = close + 1;
        let end = text
            .get(begin..)
            .and_then(|r| r.find('<'))
            .map_or(text.len(), |e| begin + e);
        let inner = text.get(begin..end).unwrap_or_default().trim();
        if !key.is_empty() && !inner.is_empty() {
            out.push(Piece {
                key,
                text: inner.into(),
                form: Form::Cell,
                at: begin,
                end,
            });
        }
        at = end;
    }
    out
}

fn is_key(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Without the bracket that closes behind the last of several pairs.
pub(super) fn unbracketed(value: &str) -> &str {
    match value.strip_suffix(']') {
        Some(inner) if !inner.contains('[') => inner,
        _ => value,
    }
}

/// Where quotes that open at this byte close: the byte of the closing one.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at) {
            Some(b'"') => return Some(at),
            _ => at += 2,
        }
    }
}

fn words(text: &str) -> Vec<Piece<'_>> {
    let bytes = text.as_bytes();
    let (mut out, mut at): (Vec<Piece<'_>>, usize) = (Vec::new(), 0);
    // once no quote closes, none behind does
    let mut quotes = true;
    while let Some(b) = bytes.get(at) {
        if out.len() >= PIECES {
            break;
        }
        if b.is_ascii_whitespace() || matches!(b, b'(' | b'{' | b'|') {
            at += 1;
            continue;
        }
        if *b == b'"' {
            quotes = quotes && closing(bytes, at).is_some();
            if let Some(close) = closing(bytes, at).filter(|_| quotes) {
                let inner = bytes.get(at + 1..close).unwrap_or_default();
                // `name: "text"`
                let key = match out.last() {
                    Some(p) if p.form == Form::Word && p.key.is_empty() => {
                        let colon = bytes.get(p.end) == Some(&b':') && p.end + 2 == at;
                        let name = text.get(p.at..p.end).unwrap_or_default();
                        name.get(..).filter(|n| colon && is_key(n)).unwrap_or("")
                    }
                    _ => "",
                };
                if !key.is_empty() {
                    out.pop();
                }
                out.push(Piece {
                    key,
                    text: unescape(inner),
                    form: Form::Quoted,
                    at,
                    end: close + 1,
                });
                at = close + 1;
                continue;
            }
        }
        if *b == b'['
            && let Some(close) = bytes
                .get(at..bytes.len().min(at + BRACKETS))
                .and_then(|r| memchr::memchr(b']', r))
        {
            let inner = text.get(at + 1..at + close).unwrap_or_default();
            out.push(Piece {
                key: "",
                text: inner.trim().into(),
                form: Form::Bracket,
                at,
                end: at + close + 1,
            });
            at += close + 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let len = rest
            .iter()
            .enumerate()
            .position(|(n, b)| {
                let opens = *b == b'[' && n > 0 && matches!(rest.get(n - 1), Some(b')' | b':'));
                b.is_ascii_whitespace() || *b == b'|' || *b == b'"' || opens
            })
            .unwrap_or(rest.len())
            .max(1);
        let word = text.get(at..at + len).unwrap_or_default();
        if let Some((key, value)) = word.split_once('=').filter(|(k, _)| is_key(k)) {
            if value.is_empty()
                && let Some(close) = (bytes.get(at + len) == Some(&b'"'))
                    .then(|| closing(bytes, at + len))
                    .flatten()
            {
                out.push(Piece {
                    key,
                    text: unescape(bytes.get(at + len + 1..close).unwrap_or_default()),
                    form: Form::Quoted,
                    at: at + len,
                    end: close + 1,
                });
                at = close + 1;
                continue;
            }
            out.push(Piece {
                key,
                text: unbracketed(value.trim_end_matches([',', ';', ')'])).into(),
                form: Form::Word,
                at: at + key.len() + 1,
                end: at + len,
            });
        } else {
            let bare = word.trim_end_matches([',', ';', ':', ')', '}', ']']);
            if !bare.is_empty() {
                out.push(Piece {
                    key: "",
                    text: bare.into(),
                    form: Form::Word,
                    at,
                    end: at + bare.len(),
                });
            }
        }
        at += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let pieces = pieces(text);
        let told = pieces.iter().map(|p| match p.key {
            "" => p.text.to_string(),
            key => format!("{key}={}", p.text),
        });
        told.collect::<Vec<_>>().join("~")
    }

    #[test]
    fn pieces_of_lines() {
        for (line, want) in [
            (
                r#"a [b c] "d \"e\"" f=g h="i j" (k) k: "l""#,
                r#"a~b c~d "e"~f=g~h=i j~k~k=l"#,
            ),
            ("(s.a)[INFO][10.0.0.1:5]: GET", "s.a~INFO~10.0.0.1:5~GET"),
            ("a|b c|\"d|e\"|f", "a~b c~d|e~f"),
            (
                "<r id=\"1\"> <ip>10.0.0.1</ip> <u>-</u> </r>",
                "requestid=1~ip=10.0.0.1~u=-",
            ),
            ("a \"b", "a~\"~b"),
            ("x?a=b,c", "x?a=b,c"),
            ("", ""),
        ] {
            assert_eq!(told(line), want, "{line}");
        }
        for line in [
            "\"",
            "[",
            "=",
            "a=\"",
            "\\\"",
            "中\"中[中|",
            "<",
            "<a",
            "<a>",
        ] {
            let _ = pieces(line);
        }
        let long = "\" ".repeat(200_000);
        assert!(pieces(&long).len() <= PIECES);
    }
}
