//! Lines of `key=value` pairs, quotes around values with spaces (logfmt, lograge, Heroku's router). In: a line. Out: its pairs.
//! Bounds: [`PAIRS`] pairs; linear in the line.

use super::draft::{Draft, Meaning, Slot};
use super::names::{self, Best};
use super::pattern::unescape;
use super::time;
use super::{LogZone, NoCall};
use std::borrow::Cow;

/// Pairs of a line that are looked at.
const PAIRS: usize = 256;

/// Pairs in order, with the place of each value.
fn pairs(line: &[u8]) -> impl Iterator<Item = (usize, &[u8], Cow<'_, str>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = line.get(at..)?;
            let skip = rest.iter().take_while(|b| **b == b' ').count();
            let rest = rest.get(skip..).filter(|r| !r.is_empty())?;
            let start = at + skip;
            let end = memchr::memchr2(b'=', b' ', rest).unwrap_or(rest.len());
            let key = rest.get(..end).unwrap_or_default();
            if rest.get(end) != Some(&b'=') || key.is_empty() {
                at = start + end + 1;
                continue; // a word on its own
            }
            let place = start + end + 1;
            let value = line.get(place..).unwrap_or_default();
            if let Some(inner) = value.strip_prefix(b"\"") {
                let mut close = 0;
                while let Some(n) =
                    memchr::memchr2(b'"', b'\\', inner.get(close..).unwrap_or_default())
                {
                    close += n;
                    if inner.get(close) == Some(&b'"') {
                        break;
                    }
                    close += 2;
                }
                let close = close.min(inner.len());
                at = place + close + 2;
                return Some((place, key, unescape(inner.get(..close).unwrap_or_default())));
            }
            let len = memchr::memchr(b' ', value).unwrap_or(value.len());
            at = place + len;
            return Some((place, key, unescape(value.get(..len).unwrap_or_default())));
        }
    })
}

/// The time that a line begins with, before its pairs: one word or two.
fn begins(line: &[u8]) -> Option<&str> {
    let head = line.get(..line.len().min(64)).unwrap_or_default();
    let head = head.utf8_chunks().next().map_or("", |c| c.valid());
    // Ruby's logger: `I, [2026-03-01T02:00:00.123456 #42]  INFO -- : `
    if let Some((severity, rest)) = head.split_once(", [")
        && severity.len() == 1
        && let Some((text, _)) = rest.split_once(" #")
    {
        return time::any(text, &LogZone(None)).map(|_| text);
    }
    let ends: Vec<usize> = head.match_indices(' ').map(|(at, _)| at).take(2).collect();
    let texts = ends.iter().rev().filter_map(|end| head.get(..*end));
    texts
        .map(|t| t.trim_matches(['[', ']']))
        .find(|t| !t.contains('=') && t.len() >= 10 && time::any(t, &LogZone(None)).is_some())
}

/// What a line says, by a mapping or by the usual names.
pub fn read<'a>(
    line: &'a [u8],
    fields: &'a [(String, Meaning)],
    draft: &mut Draft<'a>,
) -> Result<(), NoCall> {
    if line.trim_ascii().is_empty() {
        return Err(NoCall::Blank);
    }
    let (mut best, mut n, mut name) = (Best::default(), 0, String::new());
    for (at, key, value) in pairs(line).take(PAIRS) {
        n += 1;
        if !fields.is_empty() {
            if let Some((_, m)) = fields.iter().find(|(k, _)| k.as_bytes() == key) {
                draft.put(m, value, at);
            }
            continue;
        }
        name.clear();
        names::fold(&crate::call::text::lossless(key), &mut name);
        best.take(&name, at, || Some(value));
    }
    if n < 3 {
        return Err(NoCall::unfit("key=value pairs", 0));
    }
    if fields.is_empty() {
        // the writer's own time, where no pair tells any
        if let Some(text) = begins(line) {
            best.take("time", 0, || Some(text.into()));
        }
        best.say(draft);
        // programs of all kinds write pairs, with a `path` among them
        if !(draft.says(Slot::Method) || draft.says(Slot::Request) || draft.says(Slot::Status)) {
            return Err(NoCall::NoRequest);
        }
    }
    Ok(())
}
