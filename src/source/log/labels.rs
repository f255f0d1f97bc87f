//! Lines of text in which a writer names what it tells: `请求方式: GET, 请求地址: /a`, `用户[li.bo] 来源IP[10.0.0.1]`,
//! `:method=>"GET", :path=>"/a"`. In: a line. Out: what it says by a mapping, else by the usual names. Bounds: [`LABELS`] names;
//! [`VALUE`] bytes of a value that nothing closes; linear in the line.
//!
//! Only names that are known begin a value, so that a colon within a sentence does not. A value goes on to what closes it, to a comma
//! or a semicolon, or to the next name.

use super::best::Best;
use super::draft::{Draft, Meaning, Slot};
use super::stamps::stamps;
use super::{LogZone, NoCall, names, spans, time};
use crate::call::text::lossless;
use std::borrow::Cow;

/// Names of a line that are looked at.
const LABELS: usize = 128;
/// Bytes of a value at most.
const VALUE: usize = 8 << 10;
/// Bytes of a name at most.
const NAME: usize = 48;

/// A name and what stands behind it.
struct Label<'t> {
    name: &'t str,
    value: &'t str,
    at: usize,
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// What opens a value: its length, and what closes it where that is told.
fn opens(rest: &str) -> Option<(usize, Option<char>)> {
    let blank = rest.len() - rest.trim_start_matches(' ').len();
    let inner = rest.get(blank..)?;
    for (open, close) in [("[", ']'), ("【", '】'), ("<", '>')] {
        if blank == 0 && inner.starts_with(open) {
            return Some((open.len(), Some(close)));
        }
    }
    for sign in ["=>", ":", "：", "="] {
        let Some(value) = inner.strip_prefix(sign) else {
            continue;
        };
        // `::` is of a path in Rust or Ruby, `://` of a URL
        if blank > 1 || value.starts_with([':', '/']) && sign == ":" {
            return None;
        }
        let spaces = value.len() - value.trim_start_matches(' ').len();
        let at = blank + sign.len() + spaces;
        let value = rest.get(at..)?;
        for (open, close) in [('"', '"'), ('\'', '\''), ('[', ']')] {
            if value.starts_with(open) {
                return Some((at + 1, Some(close)));
            }
        }
        return Some((at, None));
    }
    None
}

/// Names that are known, with their values.
fn labels<'t>(text: &'t str, known: &dyn Fn(&str) -> bool) -> Vec<Label<'t>> {
    let mut out: Vec<Label<'t>> = Vec::new();
    // values that nothing closes end at the next name
    let mut open = false;
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|r| r.chars().next()) {
        if out.len() >= LABELS {
            break;
        }
        if !in_name(c) {
            at += c.len_utf8();
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let len = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
        let name = rest.get(..len).unwrap_or_default();
        let behind = rest.get(len..).unwrap_or_default();
        let found = Some(name)
            .filter(|n| n.len() <= NAME && known(n))
            .and_then(|_| opens(behind));
        let Some((skip, close)) = found else {
            at += len;
            continue;
        };
        if open && let Some(last) = out.last_mut() {
            let value = text.get(last.at..at).unwrap_or_default();
            last.value = ended(value);
        }
        let begin = at + len + skip;
        let value = text.get(begin..).unwrap_or_default();
        let closed = close.and_then(|c| value.find(c));
        open = closed.is_none();
        let value = match closed {
            Some(end) => value.get(..end).unwrap_or_default(),
            None => ended(value),
        };
        out.push(Label {
            name,
            value,
            at: begin,
        });
        at = begin + closed.map_or(0, |end| end + 1);
        // what a URL or a time holds is no name
        if closed.is_none() {
            let word = value.find(|c: char| c.is_whitespace() || c == ',');
            at += word.unwrap_or(value.len());
        }
    }
    out
}

/// A value up to what ends it where nothing closes it.
fn ended(value: &str) -> &str {
    let mut end = value.len().min(VALUE);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let value = value.get(..end).unwrap_or_default();
    let mut open = 0usize;
    let cut = value.char_indices().find(|(n, c)| match c {
        '，' | '；' | '|' | '\t' | '、' => true,
        '(' | '[' | '{' => {
            open += 1;
            false
        }
        // what closes around the names
        ')' | ']' | '}' => match open.checked_sub(1) {
            Some(left) => {
                open = left;
                false
            }
            None => true,
        },
        ',' | ';' => value
            .get(n + 1..)
            .is_none_or(|r| r.is_empty() || r.starts_with([' ', ':', '"', '\''])),
        _ => false,
    });
    let value = cut.map_or(value, |(n, _)| value.get(..n).unwrap_or_default());
    value.trim().trim_end_matches('】')
}

/// What a line says. `has`: names of which it must have one each.
///
/// # Errors
/// Where it names no call.
pub fn read<'a>(
    line: &'a [u8],
    fields: &'a [(String, Meaning)],
    has: &[String],
    draft: &mut Draft<'a>,
) -> Result<(), NoCall> {
    let text = lossless(line);
    let found = |known: &dyn Fn(&str) -> bool| -> Vec<(String, String, usize)> {
        let labels = labels(&text, known).into_iter();
        labels
            .map(|l| (l.name.to_owned(), l.value.to_owned(), l.at))
            .collect()
    };
    if !fields.is_empty() {
        let mapped = found(&|name| fields.iter().any(|(f, _)| f == name));
        let told = |want: &String| mapped.iter().any(|(n, ..)| want.split('|').any(|w| w == n));
        if let Some(missing) = has.iter().find(|h| !told(h)) {
            let name = missing.split('|').next().unwrap_or_default();
            return Err(NoCall::unfit_text(name, 0));
        }
        // of several for one thing the mapping's first
        for (field, meaning) in fields {
            if let Some((_, value, at)) = mapped.iter().find(|(n, ..)| n == field) {
                draft.put(meaning, Cow::Owned(value.clone()), *at);
            }
        }
        if !draft.says(Slot::Start) && !draft.says(Slot::Time) {
            written(&text, mapped.first().map(|l| l.2), draft);
        }
        return Ok(());
    }
    let mut folded = String::new();
    let known = |name: &str| {
        let mut folded = String::new();
        names::fold(name, &mut folded);
        names::slot(&folded).is_some() || spans::span(&folded).is_some()
    };
    let mut best = Best::default();
    let told = found(&known);
    let first = told.first().map(|l| l.2);
    for (name, value, at) in told {
        folded.clear();
        names::fold(&name, &mut folded);
        best.take(&folded, at, || Some(Cow::Owned(value)));
    }
    let answered = best.has(Slot::Status) || best.has(Slot::Src);
    if !(best.is_request() && answered) {
        return Err(NoCall::unfit("a request by its names", 0));
    }
    let timed = best.has(Slot::Time) || best.has(Slot::Start);
    best.say(draft);
    if !timed {
        written(&text, first, draft);
    }
    Ok(())
}

/// The logger's own time: it stands before the first label, whose value is at `first`. One in a value is of something else.
fn written(text: &str, first: Option<usize>, draft: &mut Draft<'_>) {
    let before = first.and_then(|at| text.get(..at)).unwrap_or(text);
    let found = stamps(before).into_iter().next();
    if let Some(stamp) = found.filter(|s| time::any(s.text, &LogZone(None)).is_some()) {
        let logger = draft.says(Slot::Duration);
        let slot = if logger { Slot::End } else { Slot::Time };
        draft.put(
            names::meaning(slot),
            Cow::Owned(stamp.text.to_owned()),
            stamp.at,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let known = |name: &str| {
            let mut folded = String::new();
            names::fold(name, &mut folded);
            names::slot(&folded).is_some() || spans::span(&folded).is_some()
        };
        let all = labels(text, &known);
        let all = all.iter().map(|l| format!("{}~{}", l.name, l.value));
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_stand_behind_names_that_are_known() {
        for (line, want) in [
            (
                "x : 请求IP: 10.0.0.1, 请求方式：POST，请求地址: /a?b=c:d&url=e, 耗时: 13ms",
                "请求IP~10.0.0.1 请求方式~POST 请求地址~/a?b=c:d&url=e 耗时~13ms",
            ),
            (
                r#"{:method=>"GET", :path=>"/a, b", :status=>200}"#,
                "method~GET path~/a, b status~200",
            ),
            (
                "用户[li.bo] 来源IP[10.0.0.1] 登录成功",
                "用户~li.bo 来源IP~10.0.0.1",
            ),
            (
                "Method: GET Path: /a/b Status: 200",
                "Method~GET Path~/a/b Status~200",
            ),
            ("GET http://a.example/b", ""),
            ("std::path::Path status", ""),
            ("", ""),
        ] {
            assert_eq!(told(line), want, "{line}");
        }
        for odd in [
            "method",
            "method:",
            "method: ",
            "用户[",
            "status=\"",
            "：方法：",
            "path<",
        ] {
            let _ = told(odd);
        }
    }
}
