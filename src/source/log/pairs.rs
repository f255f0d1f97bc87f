//! Lines of `key=value` pairs, quotes around values with spaces (logfmt, lograge, Heroku's router, Fortinet's), spaces, tabs (LEEF,
//! Splunk's) or commas (F5's) between, and ArcSight's CEF. In: a line. Out: its pairs.
//! Bounds: [`PAIRS`] pairs; linear in the line.

use super::best::Best;
use super::draft::{Draft, Meaning};
use super::names;
use super::pattern::unescape;
use super::time;
use super::{LogZone, NoCall};
use std::borrow::Cow;

/// Pairs of a line that are looked at.
const PAIRS: usize = 256;

/// What stands between pairs, by what is before most keys: a tab or a comma where these are no fewer than spaces.
fn between(line: &[u8]) -> u8 {
    let word = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b) || *b >= 0x80;
    let (mut spaces, mut tabs, mut commas) = (0usize, 0usize, 0usize);
    let mut from = 0;
    for at in memchr::memchr_iter(b'=', line) {
        let piece = line.get(from..at).unwrap_or_default();
        let key = piece.iter().rev().take_while(|b| word(b)).count();
        let before = piece.len().checked_sub(key + 1).and_then(|n| piece.get(n));
        match before {
            _ if key == 0 => {}
            Some(b' ') => spaces += 1,
            Some(b'\t') => tabs += 1,
            Some(b',') => commas += 1,
            _ => {}
        }
        from = at;
    }
    match () {
        () if tabs >= 2 && tabs >= spaces => b'\t',
        () if commas >= 2 && commas > spaces => b',',
        () => b' ',
    }
}

/// Whether a line is of ArcSight's format, whose values have spaces and no quotes.
fn is_cef(line: &[u8]) -> bool {
    let head = line.get(..line.len().min(64)).unwrap_or_default();
    memchr::memmem::find(head, b"CEF:").is_some()
}

/// Bytes of a value without quotes that goes on up to the next key.
fn up_to_key(value: &[u8]) -> usize {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    for at in memchr::memchr_iter(b'=', value) {
        let before = value.get(..at).unwrap_or_default();
        let key = before.iter().rev().take_while(|b| word(b)).count();
        let space = before.len().checked_sub(key + 1);
        if key > 0
            && let Some(n) = space.filter(|n| before.get(*n) == Some(&b' '))
        {
            return n;
        }
    }
    value.len()
}

/// Pairs in order, with the place of each value.
fn pairs(line: &[u8]) -> impl Iterator<Item = (usize, &[u8], Cow<'_, str>)> {
    let (mut at, between, cef) = (0, between(line), is_cef(line));
    std::iter::from_fn(move || {
        loop {
            let rest = line.get(at..)?;
            let skip = rest.iter().take_while(|b| **b == between).count();
            let rest = rest.get(skip..).filter(|r| !r.is_empty())?;
            let start = at + skip;
            let end = memchr::memchr2(b'=', between, rest).unwrap_or(rest.len());
            let key = rest.get(..end).unwrap_or_default();
            if rest.get(end) != Some(&b'=') || key.is_empty() {
                at = start + end + 1;
                continue; // a word on its own
            }
            // what stands before the first of them
            let key = match between {
                b' ' => key,
                _ => key.rsplit(|b| b" |".contains(b)).next().unwrap_or(key),
            };
            // behind the head of ArcSight's
            let key = match cef {
                true => key.rsplit(|b| *b == b'|').next().unwrap_or(key),
                false => key,
            };
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
            let len = match cef {
                true => up_to_key(value),
                false => memchr::memchr(between, value).unwrap_or(value.len()),
            };
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
    let ends = head.match_indices([' ', '\t']).map(|(at, _)| at);
    let ends: Vec<usize> = ends.take(2).collect();
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
        // Fortinet's writes heads into one value: `Method=GET|User-Agent=curl/8`
        if name == "rawdata" {
            for (key, value) in value.split('|').filter_map(|p| p.split_once('=')) {
                name.clear();
                names::fold(key, &mut name);
                best.take(&name, at, || Some(Cow::Owned(value.to_owned())));
            }
            continue;
        }
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
        best.host(true);
        // programs of all kinds write pairs, with a `path` among them
        if !best.is_call() {
            return Err(NoCall::NoRequest);
        }
        best.say(draft);
    }
    Ok(())
}
