//! Which format a log has, by the lines it begins with. In: the beginning of a file, and the formats that are known. Out: the first
//! format, the more specific before the others, that at least half of the lines have. Bounds: [`SNIFF_LINES`] lines; each is
//! taken apart as JSON once for all formats.
//!
//! Lines are counted, so their order decides nothing (but for headers, which stand before what they name). What lines stand in
//! (syslog, a container's log) is looked for where no format has them as they are.

use super::draft::NO_TIME;
use super::format::{Context, Formats, Line, LogKind};
use super::parts::{Joins, Part, Parts};
use super::plain;
use super::plain::plain_lines;
use super::wrap::{DEEP, WRAPS, Wrap};
use super::{LogFormat, LogZone, NoCall, cr_alone, journal, narrow, reason, records, wide};
use std::sync::Arc;

/// Lines of the beginning that decide what a file is.
const SNIFF_LINES: usize = 50;
/// Lines that are looked at where those say nothing.
const LATER_LINES: usize = 400;
/// Lines of an exported journal, whose entries have some thirty each.
const JOURNAL_LINES: usize = 4000;
/// Of lines among those of other programs, one in so many is enough.
const AMONG: usize = 20;

/// Lines of another kind that are enough to look for it.
const OTHERS: usize = 3;

/// What the beginning of a file is a log of; `None` where it is none that is known.
pub fn sniff(beginning: &[u8], formats: &Formats) -> Option<LogKind> {
    let mut kind = first(beginning, formats)?;
    kind.also = other(&kind, beginning, formats).map(Arc::new);
    Some(kind)
}

/// What lines are that do not have the form of the others: a server may write two formats into one file.
fn other(kind: &LogKind, beginning: &[u8], formats: &Formats) -> Option<LogKind> {
    let joined = |k: &LogKind| {
        matches!(
            k.outer(),
            Some(Wrap::Records | Wrap::Journal | Wrap::Cri | Wrap::Csv)
        )
    };
    let single = |k: &LogKind| k.format.is_single() && !k.timeless && !joined(k);
    if !single(kind)
        || kind.format.is_shape()
        || !formats.given().is_empty()
        || wide(beginning).is_some()
    {
        return None;
    }
    let text = plain_lines(beginning);
    let mut cx = Context::new(LogZone(None), false);
    let mut unfit = |l: &Line<'_>| matches!(kind.parse(l.bytes, &mut cx), Err(NoCall::Unfit(_)));
    let all = lines(&text, LATER_LINES).into_iter();
    let left: Vec<Line<'_>> = all.filter(|l| unfit(l)).collect();
    if left.len() < OTHERS {
        return None;
    }
    // other programs write into the same journal: the shape of a request is none there
    let around =
        |k: &LogKind| k.format.is_shape() && !(k.wraps.is_empty() && kind.wraps.is_empty());
    let found = told(b"", false, &left, formats)?;
    if !single(&found) || around(&found) || found.name() == kind.name() {
        return None;
    }
    let calls = left
        .iter()
        .filter(|l| found.parse(l.bytes, &mut cx).is_ok());
    let calls = calls.count();
    (calls >= OTHERS && calls * 2 >= left.len()).then_some(found)
}

/// What most lines are, or those among which others stand.
fn first(beginning: &[u8], formats: &Formats) -> Option<LogKind> {
    let narrow = wide(beginning).map(|low| narrow(beginning, low));
    let text = narrow.as_deref().unwrap_or(beginning);
    // where lengths stand, they count colours too
    let (text, most) = match journal::begins(text) {
        true => (text.into(), JOURNAL_LINES),
        false => (plain_lines(text), SNIFF_LINES),
    };
    let first = lines(&text, most);
    if let Some(kind) = told(beginning, narrow.is_some(), &first, formats) {
        return Some(kind);
    }
    // a program tells of itself before it serves anybody
    let more = lines(&text, LATER_LINES);
    let late = more.get(first.len()..).unwrap_or_default();
    if let Some(format) = formats.all().find(|f| f.among && has(f, late, false)) {
        return Some(LogKind::new(format, ""));
    }
    // where no line tells a time: of forms that are known alone, since an order is all that they give
    let mut known = formats.all().filter(|f| f.is_pattern());
    let format = known.find(|f| timeless(f, &more))?;
    Some(LogKind {
        timeless: true,
        ..LogKind::new(format, "")
    })
}

/// Whether lines are of a format but for their time: half of them, or of those among others more than a few.
fn timeless(format: &LogFormat, lines: &[Line<'_>]) -> bool {
    let mut cx = Context::new(LogZone(None), true);
    let mut lacks = |l: &Line<'_>| matches!(format.parse(l, &mut cx), Err(NoCall::Unfit(m)) if m.want == NO_TIME);
    let count = lines.iter().filter(|l| lacks(l)).count();
    let share = if format.among { AMONG } else { 2 };
    count > 0 && count * share >= lines.len()
}

fn told(beginning: &[u8], narrow: bool, lines: &[Line<'_>], formats: &Formats) -> Option<LogKind> {
    if lines.is_empty() {
        return None;
    }
    let kind = |format: &Arc<LogFormat>, wraps: &[Wrap]| LogKind {
        wraps: wraps.to_vec(),
        ..LogKind::new(format, "")
    };
    let plain = formats.all().find(|f| has(f, lines, false));
    // a document on a line of its own is an object too, which says nothing itself
    let says = plain.zip(lines.first()).is_some_and(|(format, first)| {
        let mut cx = Context::new(LogZone(None), true);
        format.parse(first, &mut cx).is_ok()
    });
    if !says
        && !narrow
        && let Some(kind) = documents(beginning, formats)
    {
        return Some(kind);
    }
    // what is told by the shape of pieces alone may stand in something that is known
    let shaped = plain.filter(|f| f.is_shape());
    if let Some(format) = plain
        && shaped.is_none()
    {
        return Some(kind(format, &[]));
    }
    let found = unwrapped(lines, DEEP, &|inner, wraps| {
        // the journal has the lines of all programs: what a request looks like by its order alone is none there
        let journal = wraps.first() == Some(&Wrap::Journal);
        let trusted = |f: &LogFormat| !journal || !f.is_shape() || f.among;
        let mut known = formats.all().filter(|f| trusted(f));
        Some(kind(known.find(|f| has(f, inner, true))?, wraps))
    });
    match (found, shaped) {
        (Some(found), Some(_)) if found.format.is_shape() => shaped.map(|f| kind(f, &[])),
        (Some(found), _) => Some(found),
        (None, shaped) => shaped.map(|f| kind(f, &[])),
    }
}

/// Looks for a format in lines, which stand in these.
type Look<'a> = dyn Fn(&[Line<'_>], &[Wrap]) -> Option<LogKind> + 'a;

/// What is found in lines that are taken out of what they stand in, up to so many times.
fn unwrapped(lines: &[Line<'_>], deep: usize, look: &Look<'_>) -> Option<LogKind> {
    for (wrap, _) in WRAPS {
        if wrap == Wrap::Records {
            continue;
        }
        let whole = match wrap {
            Wrap::Cri => joined(Joins::Runtime(Parts::default()), lines),
            Wrap::Journal if lines.first().is_some_and(|l| journal::begins(l.bytes)) => {
                joined(Joins::Journal(journal::Entries::default()), lines)
            }
            _ => Vec::new(),
        };
        let zone = LogZone(None);
        let (opened, count): (Vec<_>, _) = match wrap {
            Wrap::Cri | Wrap::Journal => {
                let opened = whole.iter().filter_map(|l| wrap.open(l, None, &zone));
                (opened.collect(), whole.len())
            }
            _ => {
                let opened = lines.iter();
                let opened = opened.filter_map(|l| wrap.open(l.bytes, l.json.as_ref(), &zone));
                (opened.collect(), lines.len())
            }
        };
        // traces of many lines stand between what a program logs with an object behind it
        let share = if wrap == Wrap::Before { AMONG } else { 2 };
        if opened.is_empty() || opened.len() * share < count {
            continue;
        }
        let plain: Vec<_> = opened.iter().map(|i| plain::plain(&i.line)).collect();
        let inner = opened.iter().zip(&plain).map(|(i, line)| Line {
            written: i.written,
            ..Line::with_json(line)
        });
        let inner: Vec<Line<'_>> = inner.collect();
        if let Some(kind) = look(&inner, &[wrap]) {
            return Some(kind);
        }
        if deep > 1 {
            let within = |lines: &[Line<'_>], wraps: &[Wrap]| {
                let wraps = [&[wrap], wraps].concat();
                look(lines, &wraps)
            };
            if let Some(kind) = unwrapped(&inner, deep - 1, &within) {
                return Some(kind);
            }
        }
    }
    None
}

/// Lines of which some, or all, are parts of others.
fn joined(mut parts: Joins, lines: &[Line<'_>]) -> Vec<Vec<u8>> {
    let whole = lines
        .iter()
        .filter_map(|l| match parts.take(l.bytes, 0, 0) {
            Part::Alone => Some(l.bytes.to_vec()),
            Part::Held => None,
            Part::Last(whole) => Some(whole.text),
        });
    let mut whole: Vec<_> = whole.collect();
    // an entry may end with the file
    if let Joins::Journal(entries) = &mut parts {
        whole.extend(entries.rest().map(|w| w.text));
    }
    whole
}

/// Documents with many calls in each. In one of Azure the records may be of several kinds.
fn documents(beginning: &[u8], formats: &Formats) -> Option<LogKind> {
    let records: Vec<Line<'_>> = records::listed(beginning, SNIFF_LINES)
        .into_iter()
        .map(Line::with_json)
        .collect();
    let kind = |format: &Arc<LogFormat>, wraps: &[Wrap]| LogKind {
        wraps: [&[Wrap::Records], wraps].concat(),
        ..LogKind::new(format, "")
    };
    let mut json = formats.all().filter(|f| f.is_json());
    if let Some(format) = json.find(|f| has(f, &records, f.name != "json")) {
        return Some(kind(format, &[]));
    }
    // records may hold lines themselves
    unwrapped(&records, DEEP, &|inner, wraps| {
        let format = formats.all().find(|f| has(f, inner, true))?;
        Some(kind(format, wraps))
    })
}

/// Lines with something in them. The last piece of the beginning may be cut, and is left out where it is not alone.
fn lines(beginning: &[u8], most: usize) -> Vec<Line<'_>> {
    let beginning = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    // what no line of text holds
    if beginning
        .get(..beginning.len().min(512))
        .is_some_and(|b| b.contains(&0))
        && !journal::begins(beginning)
    {
        return Vec::new();
    }
    let mut out: Vec<Line<'_>> = Vec::new();
    let end = if cr_alone(beginning) { b'\r' } else { b'\n' };
    let mut rest = beginning.split(|b| *b == end).peekable();
    while let Some(line) = rest.next() {
        if out.len() >= most || (rest.peek().is_none() && !out.is_empty()) {
            break;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.trim_ascii().is_empty() {
            out.push(Line::with_json(line));
        }
    }
    out
}

/// Whether enough of the lines are of a format, and one of them is a call.
fn has(format: &LogFormat, lines: &[Line<'_>], wrapped: bool) -> bool {
    let mut cx = Context::new(LogZone(None), true);
    let (mut calls, mut fit, mut all, mut left) = (0usize, 0usize, 0usize, lines.len());
    // other programs write into the same syslog
    let enough = |fit: usize, all: usize| match format.among || wrapped {
        true => fit * AMONG >= all,
        false => fit * 2 >= all,
    };
    for line in lines {
        left -= 1;
        match format.parse(line, &mut cx) {
            Err(NoCall::Blank) => continue,
            Ok(_) => {
                calls += 1;
                fit += 1;
            }
            Err(NoCall::NoRequest | NoCall::Later) => fit += 1,
            Err(NoCall::Unfit(_)) => {}
        }
        all += 1;
        if !enough(fit + left, all + left) {
            return false;
        }
    }
    let some = if format.sure { fit } else { calls };
    some > 0 && enough(fit, all)
}

/// Why a file is of none of the formats: what the first line lacks of those that were given; without them, whether lines would be
/// calls of one if they had a time.
pub fn why_not(beginning: &[u8], formats: &Formats) -> Option<String> {
    let text = plain_lines(beginning);
    let lines = lines(&text, SNIFF_LINES);
    let mut cx = Context::new(LogZone(None), true);
    let first = lines.first()?;
    if !formats.given().is_empty() {
        return formats
            .given()
            .iter()
            .find_map(|f| match f.parse(first, &mut cx) {
                Err(NoCall::Unfit(m)) => Some(format!(
                    "as {}: line 1: {}",
                    f.name,
                    reason(&m, first.bytes)
                )),
                _ => None,
            });
    }
    let mut timeless = |f: &LogFormat| {
        let mut lacks = |l: &Line<'_>| matches!(f.parse(l, &mut cx), Err(NoCall::Unfit(m)) if m.want == NO_TIME);
        let count = lines.iter().filter(|l| lacks(l)).count();
        count * 2 >= lines.len()
    };
    let format = formats.all().find(|f| timeless(f))?;
    Some(format!(
        "its lines are of the format {}, but have no time",
        format.name
    ))
}
