//! Lines of a log inside lines of another: containers' logs (Docker, CRI), syslog (RFC 3164 and 5424, files of rsyslog), the
//! journal, JSON loggers, rows of exports, a logger's beginning before an object. In: a line. Out: the line inside, and when it was written where the wrapper says so with a year.
//! Bounds: linear in the line.

use super::stamps::stamps;
use super::time;
use super::year::Written;
use super::{LogZone, cell, journal};
use crate::call::text::lossless;
use serde_json::Value;
use std::borrow::Cow;

/// What lines stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrap {
    /// `2026-03-01T02:00:00.5Z stdout F LINE`.
    Cri,
    /// `<134>Mar  1 02:00:00 host prog[1]: LINE`, with RFC 3339 times, and RFC 5424.
    Syslog,
    /// A JSON object with the line as a field: Docker's `log`, the journal's `MESSAGE`, `message`, `msg`.
    Json,
    /// `[TIME, LINE]`, `[TIME, {..}]`: Loki's streams, events of Fluentd and Fluent Bit.
    Pair,
    /// A row of an export with the line in a cell.
    Csv,
    /// `web-1  | LINE`, as Compose shows it.
    Compose,
    /// Text of another writer before a JSON object, or such a pair, that ends the line.
    Before,
    /// An entry of the journal as it is exported, which the reader joins.
    Journal,
    /// Documents with lists of records, which the reader takes apart.
    Records,
}

/// All, the surer first; with their names behind a `+` in a source's kind.
pub const WRAPS: [(Wrap, &str); 9] = [
    (Wrap::Records, "records"),
    (Wrap::Journal, "journal"),
    (Wrap::Cri, "cri"),
    (Wrap::Syslog, "syslog"),
    (Wrap::Json, "json"),
    (Wrap::Pair, "pair"),
    (Wrap::Csv, "csv"),
    (Wrap::Compose, "compose"),
    (Wrap::Before, "text"),
];

/// What may stand in one another.
pub const DEEP: usize = 2;

/// The line inside.
pub struct Inside<'a> {
    pub line: Cow<'a, [u8]>,
    pub written: Option<Written>,
}

impl Wrap {
    /// By its name.
    pub fn named(name: &str) -> Option<Wrap> {
        WRAPS.iter().find(|(_, n)| *n == name).map(|(w, _)| *w)
    }

    pub fn name(self) -> &'static str {
        WRAPS
            .iter()
            .find(|(w, _)| *w == self)
            .map_or("", |(_, n)| n)
    }

    /// What was expected, in words.
    pub fn form(self) -> &'static str {
        match self {
            Wrap::Cri => "a container's line (time, stream, tag)",
            Wrap::Syslog => "a syslog line (time, host, program)",
            Wrap::Json => "a JSON object with a line in it",
            Wrap::Pair => "a JSON list of a time and a line",
            Wrap::Csv => "a row with a line in a cell",
            Wrap::Journal => "an entry of the journal (time, message)",
            Wrap::Records => "a JSON document with a list of records",
            Wrap::Compose => "a service's name and a |",
            Wrap::Before => "a JSON object behind other text",
        }
    }

    /// Takes a line out; none where it does not stand in this.
    pub fn open<'a>(
        self,
        line: &'a [u8],
        json: Option<&Value>,
        zone: &LogZone,
    ) -> Option<Inside<'a>> {
        match self {
            Wrap::Cri => cri(line),
            Wrap::Syslog => syslog(line),
            Wrap::Json => object(json?, zone),
            Wrap::Pair => pair(line, zone),
            Wrap::Csv => cell::open(line, zone),
            Wrap::Compose => compose(line),
            Wrap::Before => behind(line, zone),
            Wrap::Journal => journal::open(line),
            Wrap::Records => Some(Inside {
                line: Cow::Borrowed(line),
                written: None,
            }),
        }
    }
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn stamp(text: &[u8]) -> Option<Written> {
    if text.len() < 19 || !text.first()?.is_ascii_digit() || text.get(10) != Some(&b'T') {
        return None;
    }
    match time::any(&lossless(text), &LogZone(None))? {
        found @ (_, false) => Some(found.into()),
        _ => None,
    }
}

fn cri(line: &[u8]) -> Option<Inside<'_>> {
    let (at, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    let (tag, rest) = word(rest)?;
    let written = Some(stamp(at)?);
    // parts of a line that the runtime cut are joined before
    (matches!(stream, b"stdout" | b"stderr") && matches!(tag, b"F" | b"P")).then_some(Inside {
        line: Cow::Borrowed(rest),
        written,
    })
}

/// `Mar  1 02:00:00`.
fn bsd_stamp(text: &[u8]) -> Option<(&[u8], &[u8])> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = text.get(..3)?;
    let at = |i: usize| text.get(i).copied().unwrap_or(0);
    let shape = MONTHS.as_chunks::<3>().0.iter().any(|m| m == month)
        && at(3) == b' '
        && (at(4) == b' ' || at(4).is_ascii_digit())
        && at(5).is_ascii_digit()
        && at(6) == b' '
        && at(9) == b':'
        && at(12) == b':';
    let rest = text.get(15..).filter(|_| shape)?;
    // some writers add fractions
    let rest = match rest.strip_prefix(b".") {
        Some(r) => r.trim_start_with(|b| b.is_ascii_digit()),
        None => rest,
    };
    let at = text.get(..text.len() - rest.len())?;
    Some((at, rest.strip_prefix(b" ")?))
}

trait TrimStart {
    fn trim_start_with(&self, f: impl Fn(u8) -> bool) -> &[u8];
}

impl TrimStart for [u8] {
    fn trim_start_with(&self, f: impl Fn(u8) -> bool) -> &[u8] {
        let n = self.iter().take_while(|b| f(**b)).count();
        self.get(n..).unwrap_or_default()
    }
}

fn syslog(line: &[u8]) -> Option<Inside<'_>> {
    let rest = match line.strip_prefix(b"<") {
        Some(r) => {
            let end = memchr::memchr(b'>', r.get(..5.min(r.len()))?)?;
            r.get(..end)?.iter().all(u8::is_ascii_digit).then_some(())?;
            r.get(end + 1..)?
        }
        None => line,
    };
    if let Some(rest) = rest.strip_prefix(b"1 ")
        && let Some(inside) = rfc5424(rest)
    {
        return Some(inside);
    }
    let (written, rest) = match bsd_stamp(rest) {
        Some((at, rest)) => (Written::without_year(&lossless(at)), rest),
        None => {
            let (at, rest) = word(rest)?;
            (Some(stamp(at)?), rest)
        }
    };
    let (host, rest) = word(rest)?;
    // nginx leaves the host out where told so
    let rest = match host.strip_suffix(b":") {
        Some(tag) if is_tag(tag) => rest,
        _ => {
            let (tag, rest) = word(rest)?;
            is_tag(tag.strip_suffix(b":")?).then_some(rest)?
        }
    };
    Some(Inside {
        line: Cow::Borrowed(rest.trim_ascii_start()),
        written,
    })
}

/// `haproxy[123]`.
fn is_tag(tag: &[u8]) -> bool {
    !tag.is_empty()
        && tag.len() <= 64
        && tag
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./[]()".contains(b))
}

/// Behind the version: time, host, program, process, message id, data, the line.
fn rfc5424(rest: &[u8]) -> Option<Inside<'_>> {
    let (at, rest) = word(rest)?;
    let (_, rest) = word(rest)?;
    let (_, rest) = word(rest)?;
    let (_, rest) = word(rest)?;
    let (_, mut rest) = word(rest)?;
    if let Some(r) = rest.strip_prefix(b"- ") {
        rest = r;
    } else if rest.starts_with(b"[") {
        while let Some(data) = rest.strip_prefix(b"[") {
            let mut quoted = false;
            let mut skip = false;
            let end = data.iter().position(|b| {
                if skip {
                    skip = false;
                    return false;
                }
                match b {
                    b'\\' => skip = true,
                    b'"' => quoted = !quoted,
                    _ => {}
                }
                *b == b']' && !quoted
            })?;
            rest = data.get(end + 1..)?;
        }
        rest = rest.strip_prefix(b" ")?;
    } // some writers leave the data out
    let written = if at == b"-" { None } else { Some(stamp(at)?) };
    Some(Inside {
        line: Cow::Borrowed(rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest)),
        written,
    })
}

/// Names of the field that holds the line, the surer first.
pub(super) const LINES: &[&str] = &[
    "log",
    "MESSAGE",
    "message",
    "msg",
    "_raw",
    "textPayload",
    "Message",
    "short_message",
    "line",
    "resultDescription",
    "body",
];
/// Names of objects that hold such fields: what stores and forwarders put around a record.
const AROUND: &[&str] = &[
    "_source",
    "result",
    "jsonPayload",
    "fields",
    "properties",
    "event",
];
/// Names of the field with the time.
const WRITTEN: &[&str] = &[
    "time",
    "@timestamp",
    "timestamp",
    "__REALTIME_TIMESTAMP",
    "_time",
    "ts",
    "date",
    "timeUnixNano",
    "asctime",
    "datetime",
    "Timestamp",
    "@t",
];

fn object(value: &Value, zone: &LogZone) -> Option<Inside<'static>> {
    let line = |v: &Value| {
        // OpenTelemetry names the type of a body: `{"stringValue": LINE}`
        let whole = |v: &'_ Value| match v.get("stringValue").unwrap_or(v) {
            Value::String(s) => Some(s.trim_end_matches(['\n', '\r']).as_bytes().to_vec()),
            // the journal's way to write what is no UTF-8, or has colours in it
            Value::Array(bytes) if !bytes.is_empty() => bytes.iter().map(byte).collect(),
            _ => None,
        };
        LINES.iter().find_map(|n| whole(v.get(n)?))
    };
    let inside = || AROUND.iter().filter_map(|n| value.get(n));
    let line = line(value).or_else(|| inside().find_map(line))?;
    let at = |v: &Value| {
        WRITTEN.iter().find_map(|n| match v.get(n)? {
            Value::String(s) => time::any(s, zone),
            Value::Number(n) => time::any(&n.to_string(), zone),
            _ => None,
        })
    };
    let written = at(value)
        .or_else(|| inside().find_map(at))
        .map(Written::from);
    Some(Inside {
        line: Cow::Owned(line),
        written,
    })
}

fn byte(value: &Value) -> Option<u8> {
    u8::try_from(value.as_u64()?).ok()
}

/// A time and a line or an object behind it; the time may have a list of its own (Fluent Bit's metadata), and a tag before it.
fn pair(line: &[u8], zone: &LogZone) -> Option<Inside<'static>> {
    if line.first() != Some(&b'[') {
        return None;
    }
    let items: Vec<Value> = serde_json::from_slice(line).ok()?;
    let time = |v: &Value| match v {
        Value::String(s) => time::any(s, zone),
        Value::Number(n) => time::any(&n.to_string(), zone),
        _ => None,
    };
    let at = |v: &Value| match v {
        Value::Array(inner) => time(inner.first()?),
        v => time(v),
    };
    let mut items = items.iter().take(3);
    let first = items.next()?;
    let written = match (at(first), first) {
        (None, Value::String(_)) => at(items.next()?)?,
        (found, _) => found?,
    };
    let line = match items.next()? {
        Value::String(s) => s.trim_end_matches(['\n', '\r']).as_bytes().to_vec(),
        object @ Value::Object(_) => serde_json::to_vec(object).ok()?,
        _ => return None,
    };
    Some(Inside {
        line: Cow::Owned(line),
        written: Some(written.into()),
    })
}

/// Bytes before an object at most, and braces that are tried.
const BEFORE: usize = 512;
const BRACES: usize = 3;

/// A JSON object or list up to the end of the line, and the first time before it.
fn behind<'a>(line: &'a [u8], zone: &LogZone) -> Option<Inside<'a>> {
    let line = line.trim_ascii_end();
    let open = match line.last() {
        Some(b'}') if line.first() != Some(&b'{') => b'{',
        Some(b']') => b'[',
        _ => return None,
    };
    let head = line.get(..line.len().min(BEFORE)).unwrap_or_default();
    let mut braces = memchr::memchr_iter(open, head).take(BRACES);
    let is_json = |text: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let (at, object) = braces.find_map(|at| {
        let object = line.get(at..)?;
        if is_json(object) {
            return Some((at, Cow::Borrowed(object)));
        }
        let object = as_json(object).filter(|o| is_json(o))?;
        Some((at, Cow::Owned(object)))
    })?;
    let before = line.get(..at).filter(|b| !b.is_empty())?;
    let before = lossless(before);
    let written = stamps(&before)
        .first()
        .and_then(|s| time::any(s.text, zone))
        .map(Written::from);
    Some(Inside {
        line: object,
        written,
    })
}

/// A dictionary as Python shows it (`{'method': 'GET', 'user': None}`) as JSON.
fn as_json(text: &[u8]) -> Option<Vec<u8>> {
    if !text.starts_with(b"{'") {
        return None;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut quote: Option<u8> = None;
    let mut at = 0;
    while let Some(b) = text.get(at).copied() {
        let rest = text.get(at..).unwrap_or_default();
        let (written, used): (&[u8], usize) = match (quote, b) {
            (Some(q), b) if q == b => {
                quote = None;
                (b"\"", 1)
            }
            (Some(_), b'"') => (b"\\\"", 1),
            (Some(_), b'\\') if rest.get(1) == Some(&b'\'') => (b"'", 2),
            (Some(_), b'\\') => (rest.get(..2)?, 2),
            (None, b'\'' | b'"') => {
                quote = Some(b);
                (b"\"", 1)
            }
            (None, _) if rest.starts_with(b"None") => (b"null", 4),
            (None, _) if rest.starts_with(b"True") => (b"true", 4),
            (None, _) if rest.starts_with(b"False") => (b"false", 5),
            _ => (rest.get(..1)?, 1),
        };
        out.extend_from_slice(written);
        at += used;
    }
    Some(out)
}

fn compose(line: &[u8]) -> Option<Inside<'_>> {
    let bar = memchr::memmem::find(line.get(..line.len().min(128))?, b"| ")?;
    let name = line.get(..bar)?.trim_ascii_end();
    let ok = !name.is_empty()
        && name.last()?.is_ascii_digit()
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    ok.then_some(Inside {
        line: Cow::Borrowed(line.get(bar + 2..)?),
        written: None,
    })
}
