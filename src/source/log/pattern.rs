//! Lines of text with fixed pieces and values between them. In: pieces, made of a format string by a dialect, and lines. Out: what
//! a line says. Bounds: linear in the line for each value; [`PIECES`] pieces.
//!
//! A value ends where the text behind it begins. Inside quotes an escaped quote does not end it; a list (the tries of an upstream)
//! goes on behind its commas and colons.

use super::NoCall;
use super::draft::{Draft, Meaning};
use crate::call::text::lossless;
use memchr::memmem::Finder;
use std::borrow::Cow;

/// Pieces of a format string: the longest in use have some sixty.
const PIECES: usize = 512;

/// What a piece of a format string is.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    /// A value; without a meaning it is passed over.
    Value {
        meaning: Option<Meaning>,
        /// It may hold several things, with commas and spaces between.
        list: bool,
    },
}

#[derive(Debug)]
struct Piece {
    /// Text before the value.
    before: Box<[u8]>,
    value: Option<Value>,
}

#[derive(Debug)]
struct Value {
    meaning: Option<Meaning>,
    list: bool,
    /// The text behind it; none where it goes to the end of the line.
    until: Option<Finder<'static>>,
    /// It stands in quotes.
    quoted: bool,
    /// The text behind it ends the line.
    last: bool,
}

/// A format of lines of text.
#[derive(Debug)]
pub struct Pattern {
    pieces: Vec<Piece>,
    /// What stands behind the last piece is not looked at.
    open: bool,
    /// Runs of spaces count as one.
    spaces: bool,
}

impl Pattern {
    /// Of parts, neighbouring texts joined. Two values side by side cannot be told apart and become one, which says what the first
    /// does.
    ///
    /// # Errors
    /// In words, where there is nothing to be told.
    pub fn new(parts: Vec<Part>, open: bool) -> Result<Pattern, String> {
        if parts.len() > PIECES {
            return Err(format!("more than {PIECES} pieces in a log format"));
        }
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Text(t)) if t.is_empty() => {}
                (Some(Part::Text(have)), Part::Text(more)) => have.push_str(&more),
                (Some(Part::Value { meaning, .. }), Part::Value { meaning: more, .. }) => {
                    if meaning.is_none() {
                        *meaning = more;
                    }
                }
                (_, part) => joined.push(part),
            }
        }
        let known = |p: &Part| {
            matches!(
                p,
                Part::Value {
                    meaning: Some(_),
                    ..
                }
            )
        };
        if !joined.iter().any(known) {
            return Err("no variable in it that is known".to_owned());
        }
        let mut pieces = Vec::new();
        let mut parts = joined.into_iter().peekable();
        while let Some(part) = parts.next() {
            let (before, part) = match part {
                Part::Text(t) => (t, parts.next()),
                value => (String::new(), Some(value)),
            };
            let value = part.map(|p| {
                let Part::Value { meaning, list } = p else {
                    return None; // texts were joined
                };
                let behind = match parts.peek() {
                    Some(Part::Text(t)) => Some(t.clone()),
                    _ => None,
                };
                let quoted =
                    before.ends_with('"') && behind.as_ref().is_some_and(|b| b.starts_with('"'));
                Some((meaning, list, behind, quoted))
            });
            pieces.push((before, value.flatten()));
        }
        let n = pieces.len();
        let ends_in_text = pieces.last().is_some_and(|(_, v)| v.is_none());
        let pieces = pieces.into_iter().enumerate().map(|(i, (before, value))| {
            let last = !open && ends_in_text && i + 2 == n;
            Piece {
                before: before.into_bytes().into(),
                value: value.map(|(meaning, list, behind, quoted)| Value {
                    meaning,
                    list,
                    until: behind.map(|b| Finder::new(b.as_bytes()).into_owned()),
                    quoted,
                    last,
                }),
            }
        });
        Ok(Pattern {
            pieces: pieces.collect(),
            open,
            spaces: false,
        })
    }

    /// Whether runs of spaces count as one.
    pub fn with_spaces(self, spaces: bool) -> Pattern {
        Pattern { spaces, ..self }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// What was expected, and where.
    pub fn read<'a>(&'a self, line: &'a [u8], draft: &mut Draft<'a>) -> Result<(), NoCall> {
        let mut at = 0;
        for piece in &self.pieces {
            let rest = line.get(at..).unwrap_or_default();
            if !rest.starts_with(&piece.before) {
                let want = lossless(&piece.before);
                let same = rest.iter().zip(&piece.before).take_while(|(a, b)| a == b);
                return Err(NoCall::unfit_text(&want, at + same.count()));
            }
            at += piece.before.len();
            if self.spaces && piece.before.ends_with(b" ") {
                let rest = line.get(at..).unwrap_or_default();
                at += rest.len() - rest.trim_ascii_start().len();
            }
            let Some(value) = &piece.value else { continue };
            let rest = line.get(at..).unwrap_or_default();
            let len = value.len(rest).ok_or_else(|| {
                let behind = value.until.as_ref().map_or(&b""[..], |f| f.needle());
                NoCall::unfit_value(&lossless(behind), at)
            })?;
            let raw = rest.get(..len).unwrap_or_default();
            if let Some(meaning) = &value.meaning {
                let raw = if value.quoted { raw } else { raw.trim_ascii() };
                if let Some(what) = meaning.slot.word()
                    && !value.list
                    && raw.contains(&b' ')
                {
                    return Err(NoCall::unfit(what, at));
                }
                draft.put(meaning, unescape(raw), at);
            }
            at += len;
        }
        if at < line.len() && !self.open {
            return Err(NoCall::unfit("the end of the line", at));
        }
        Ok(())
    }
}

impl Value {
    /// Length of the value that begins here.
    fn len(&self, rest: &[u8]) -> Option<usize> {
        let Some(until) = &self.until else {
            return Some(rest.len());
        };
        let needle = until.needle();
        if self.last {
            return rest.strip_suffix(needle).map(<[u8]>::len);
        }
        let mut from = 0;
        loop {
            let at = from + until.find(rest.get(from..)?)?;
            if !(self.quoted && escaped(rest, at) || self.list && goes_on(rest, at)) {
                return Some(at);
            }
            from = at + 1;
        }
    }
}

/// Whether an odd number of backslashes stands before the place. Those before two places are never the same ones.
fn escaped(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// Whether a list goes on at a space: `a, b : c`.
fn goes_on(text: &[u8], at: usize) -> bool {
    if text.get(at) != Some(&b' ') {
        return false;
    }
    let before = at.checked_sub(1).and_then(|b| text.get(b));
    let colon = text.get(at + 1) == Some(&b':') && text.get(at + 2) == Some(&b' ');
    before == Some(&b',')
        || colon
        || (before == Some(&b':') && text.get(at.wrapping_sub(2)) == Some(&b' '))
}

/// Without the colours of a terminal, which development servers write also into files.
fn uncoloured(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((b, tail)) = rest.split_first() {
        rest = tail;
        if *b != 0x1b {
            out.push(*b);
        } else if let Some(code) = tail.strip_prefix(b"[") {
            let end = code.iter().position(|c| !c.is_ascii_digit() && *c != b';');
            rest = code
                .get(end.map_or(code.len(), |e| e + 1)..)
                .unwrap_or_default();
        }
    }
    out
}

/// Undoes `\"`, `\\`, `\xHH`, `\uHHHH`, `\n`, `\t` as servers write them.
pub fn unescape(field: &[u8]) -> Cow<'_, str> {
    if field.contains(&0x1b) {
        return Cow::Owned(unescape(&uncoloured(field)).into_owned());
    }
    if !field.contains(&b'\\') {
        return lossless(field);
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((b, tail)) = rest.split_first() {
        rest = tail;
        if *b != b'\\' {
            out.push(*b);
            continue;
        }
        let Some((code, tail)) = tail.split_first() else {
            out.push(b'\\');
            break;
        };
        rest = tail;
        let hex = |n: usize| {
            let digits = std::str::from_utf8(tail.get(..n)?).ok()?;
            u32::from_str_radix(digits, 16).ok()
        };
        match code {
            b'x' => match hex(2).and_then(|v| u8::try_from(v).ok()) {
                Some(v) => {
                    out.push(v);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => out.extend_from_slice(b"\\x"),
            },
            b'u' => match hex(4).and_then(char::from_u32) {
                Some(c) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = tail.get(4..).unwrap_or_default();
                }
                None => out.extend_from_slice(b"\\u"),
            },
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'"' | b'\\' | b'\'' | b'/' => out.push(*code),
            // no escape: some writers leave backslashes as they came
            c => out.extend([b'\\', *c]),
        }
    }
    Cow::Owned(lossless(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::dialect;
    use super::*;
    use crate::source::log::LogZone;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(dialect::nginx(text).unwrap(), false).unwrap()
    }

    fn read(text: &str, line: &str) -> Result<crate::call::model::LogCall, NoCall> {
        let p = pattern(text);
        let mut d = Draft::default();
        p.read(line.as_bytes(), &mut d)?;
        d.finish(&LogZone(None), None)
    }

    #[test]
    fn values_end_where_the_text_behind_them_begins() {
        let format = r#"$remote_addr - $remote_user [$time_local] "$request" $status up=$upstream_addr rt=$request_time "$http_user_agent""#;
        let line = r#"10.0.0.1 - Amy Lee [01/Mar/2026:10:00:00 +0800] "GET /a?b=\x22c\x22 HTTP/1.1" 200 up=10.0.0.5:80, 10.0.0.6:80 : 10.0.0.7:81 rt=0.250 "a \"b\" c""#;
        let c = read(format, line).unwrap();
        assert_eq!(c.user.as_deref(), Some("Amy Lee"));
        assert_eq!(c.uri.as_deref(), Some("/a?b=\"c\""));
        assert_eq!(c.user_agent.as_deref(), Some("a \"b\" c"));
        assert_eq!((c.dport, c.status), (Some(80), Some(200)));
        assert_eq!(c.end_ts, Some(1_772_330_400_000_000_000));
        assert_eq!(c.ts, 1_772_330_399_750_000_000);
    }

    #[test]
    fn what_was_expected_is_told_with_its_column() {
        let format = r#"$remote_addr [$time_local] "$request" $status"#;
        for (line, want, at) in [
            ("10.0.0.1 01/Mar", "a value and ` [`", 1),
            ("10.0.0.1 [yesterday] \"GET / HTTP/1.1\" 200", "a time", 11),
            (
                "10.0.0.1 [01/Mar/2026:10:00:00 +0800] \"GET / HTTP/1.1\" ok",
                "a status",
                56,
            ),
            (
                "10.0.0.1 [01/Mar/2026:10:00:00 +0800] GET",
                "a value and `] \"`",
                11,
            ),
        ] {
            let NoCall::Unfit(misfit) = read(format, line).unwrap_err() else {
                panic!("{line}");
            };
            assert!(misfit.want.contains(want), "{line}: {misfit:?}");
            assert_eq!(misfit.at + 1, at, "{line}: {misfit:?}");
        }
    }

    #[test]
    fn a_json_object_is_a_pattern_too() {
        let format = r#"{"t":"$msec","m":"$request_method","u":"$request_uri","s":$status,"a":"$http_user_agent"}"#;
        let line = r#"{"t":"1772330400.125","m":"GET","u":"/x\"y\u4e2d","s":404,"a":""}"#;
        let c = read(format, line).unwrap();
        assert_eq!(c.uri.as_deref(), Some("/x\"y中"));
        assert_eq!((c.status, c.ts), (Some(404), 1_772_330_400_125_000_000));
    }

    #[test]
    fn backslashes_cost_no_more_than_their_number() {
        let line = format!("10.0.0.1 \"{}", "\\\\\\\"".repeat(100_000));
        let begin = std::time::Instant::now();
        assert!(read(r#"$remote_addr "$request" $status"#, &line).is_err());
        assert!(begin.elapsed().as_secs() < 2);
    }
}
