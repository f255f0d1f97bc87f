//! Access logs and the like: lines to calls. In: decompressed bytes of a log. Out: one [`LogCall`] a line that stands for a call,
//! and a diag for every line that does not. Bounds: a line is kept up to [`LOG_LINE`]; the rest of it is skipped and counted.
//!
//! A format is data: a file in `formats/`, in the language in which a user gives one ([`mapping`]). How lines are written is code:
//! text with values between (`pattern`, by the format strings of `dialect`), JSON (`json`), columns (`columns`), pairs (`pairs`),
//! and text of which nothing is known but what its pieces look like (`shape`); all say what they say to a `draft`, which makes the call.

mod audit;
mod best;
mod cell;
mod clf;
mod columns;
mod dialect;
mod draft;
mod format;
mod halves;
mod journal;
mod json;
mod labels;
mod mapping;
mod names;
mod pairs;
mod parts;
mod pattern;
mod pieces;
mod plain;
mod records;
mod shape;
mod sniff;
mod spans;
mod stamps;
mod status;
mod suricata;
mod time;
mod wrap;
mod year;
mod zeek;

pub use format::{Formats, LogFormat, LogKind};
pub use sniff::{sniff, why_not};

use crate::call::model::{LogCall, LogLater, Ts, Unit};
use crate::call::text::lossless;
use crate::limits::LOG_LINE;
use format::{Context, Line};
use jiff::tz::TimeZone;
use memchr::memchr;
use parts::{Joins, Part, Parts, Whole};
use std::borrow::Cow;
use std::io::Read;
use year::Written;

/// What a line is read with: the zone of times that name none.
#[derive(Debug, Clone)]
pub struct LogZone(pub Option<TimeZone>);

impl LogZone {
    /// An IANA name (`Europe/Berlin`) or an offset (`+08:00`); `None` means UTC, and calls are marked so.
    ///
    /// # Errors
    /// In words, where the name is not known.
    pub fn named(name: Option<&str>) -> Result<LogZone, String> {
        let Some(name) = name else {
            return Ok(LogZone(None));
        };
        if name.eq_ignore_ascii_case("utc") || name == "Z" {
            return Ok(LogZone(Some(TimeZone::UTC)));
        }
        if let Some(seconds) = offset_seconds(name) {
            let offset = jiff::tz::Offset::from_seconds(seconds).map_err(|e| e.to_string())?;
            return Ok(LogZone(Some(TimeZone::fixed(offset))));
        }
        TimeZone::get(name)
            .map(|z| LogZone(Some(z)))
            .map_err(|e| format!("time zone {name:?}: {e}"))
    }

    /// A civil time without a zone as nanoseconds, and whether UTC had to be assumed.
    pub(super) fn resolve(&self, civil: jiff::civil::DateTime) -> Option<(Ts, bool)> {
        let zone = self.0.clone().unwrap_or(TimeZone::UTC);
        let at = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
        Some((i64::try_from(at.as_nanosecond()).ok()?, self.0.is_none()))
    }
}

/// A time as text: RFC 3339 and what log writers make of it; with whether UTC had to be assumed.
pub(super) fn time(text: &str, zone: &LogZone) -> Option<(Ts, bool)> {
    time::any(text, zone)
}

/// `+08:00`, `-0530`, `+08` as seconds east of UTC.
pub(super) fn offset_seconds(s: &str) -> Option<i32> {
    let (sign, rest) = match s.as_bytes().first()? {
        b'+' => (1, s.get(1..)?),
        b'-' => (-1, s.get(1..)?),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !(digits.len() == 2 || digits.len() == 4) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits
        .get(2..)
        .filter(|m| !m.is_empty())
        .map_or(Ok(0), str::parse)
        .ok()?;
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// What a line lacks: what was expected, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// In words.
    pub want: Cow<'static, str>,
    /// Byte in the line, from 0.
    pub at: usize,
}

/// Why a line is no call; the names are diag codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCall {
    /// The line does not have the form of the format.
    Unfit(Misfit),
    /// The line is well formed and logs something that is not a request (`"-"`, a handshake on the wrong port).
    NoRequest,
    /// It tells more of a call that a line before began.
    Later,
    /// A comment or an empty line: not counted.
    Blank,
}

impl NoCall {
    fn unfit(want: &'static str, at: usize) -> NoCall {
        let want = Cow::Borrowed(want);
        NoCall::Unfit(Misfit { want, at })
    }
    /// Where a text of the format was expected.
    fn unfit_text(text: &str, at: usize) -> NoCall {
        let want = Cow::Owned(format!("`{text}`"));
        NoCall::Unfit(Misfit { want, at })
    }
    /// Where a value with a text of the format behind it was expected.
    fn unfit_value(behind: &str, at: usize) -> NoCall {
        let want = Cow::Owned(format!("a value and `{behind}`"));
        NoCall::Unfit(Misfit { want, at })
    }
    fn unfit_count(want: usize, have: usize, at: usize) -> NoCall {
        let want = Cow::Owned(format!("{want} columns instead of {have}"));
        NoCall::Unfit(Misfit { want, at })
    }
}

/// What a reader gives for a line.
#[derive(Debug)]
pub enum LogEvent {
    /// A call.
    Call(Box<LogCall>),
    /// A line that gave none: code (`log-unfit log-no-request log-line-cut log-unreadable`), line, what it began with.
    Diag(&'static str, u64, String),
    /// Nothing yet: the log grows.
    Wait,
}

/// Reads a log line by line.
pub struct LogReader {
    input: Box<dyn Read + Send>,
    kind: LogKind,
    cx: Context,
    source: u32,
    buf: Vec<u8>,
    start: usize,
    offset: u64,
    line: u64,
    ended: bool,
    /// Whether its characters are of two bytes, and then whether the low one comes first.
    wide: Option<bool>,
    /// Whether its lines end in CR alone.
    old: bool,
    /// Beginning of a line that is too long, while its end is looked for.
    cutting: Option<String>,
    /// Where one document holds many calls.
    records: Option<records::Records>,
    /// Where a runtime cuts lines into parts, or an entry has many.
    parts: Option<Joins>,
    /// Calls of which a later line tells more, and those that are whole.
    halves: halves::Halves,
    whole: halves::Whole,
    /// Whether its beginning was searched for a year.
    looked: bool,
}

impl LogReader {
    /// `kind` is what [`sniff`] gave.
    pub fn new(
        input: Box<dyn Read + Send>,
        kind: &LogKind,
        zone: LogZone,
        source: u32,
    ) -> LogReader {
        LogReader {
            input,
            kind: kind.clone(),
            cx: Context::new(zone, false),
            source,
            buf: Vec::new(),
            start: 0,
            offset: 0,
            line: 0,
            ended: false,
            wide: None,
            old: false,
            cutting: None,
            halves: halves::Halves::default(),
            whole: halves::Whole::new(),
            parts: match kind.outer() {
                Some(wrap::Wrap::Cri) => Some(Joins::Runtime(Parts::default())),
                Some(wrap::Wrap::Journal) => Some(Joins::Journal(journal::Entries::default())),
                None if kind.format.is_audit() => Some(Joins::Audit(audit::Entries::default())),
                _ => None,
            },
            looked: false,
            records: (kind.outer() == Some(wrap::Wrap::Records)).then(records::Records::default),
        }
    }

    /// Around when its lines were written, for times without a year: what captures beside it tell, else its own lines, else
    /// `logs` beside it.
    #[must_use]
    pub fn near(mut self, captures: Option<Ts>, logs: Option<Ts>) -> LogReader {
        self.looked = captures.is_some();
        self.cx.near = captures.or(logs).map(|ts| (ts, true));
        self
    }

    /// Lines read so far.
    pub fn lines(&self) -> u64 {
        self.line
    }

    /// What the next line comes to that comes to something.
    fn step(&mut self) -> Option<LogEvent> {
        if let Some(mut records) = self.records.take() {
            let event = self.next_record(&mut records);
            self.line = records.lines();
            self.records = Some(records);
            return event;
        }
        loop {
            if self.cutting.is_some() {
                return Some(self.skip_long_line());
            }
            let searched = self.buf.get(self.start..).unwrap_or_default();
            if self.offset == 0 {
                self.wide = wide(searched);
                self.old = cr_alone(searched);
            }
            // a file that was cut while it was written to begins with nothing
            let nothing = match self.wide {
                None => searched.iter().take_while(|b| **b == 0).count(),
                Some(_) => 0,
            };
            if nothing > 0 {
                self.start += nothing;
                self.offset += nothing as u64;
                continue;
            }
            let (len, end) = match newline(self.wide, self.old, searched) {
                Some(found) => found,
                None if self.ended && searched.is_empty() => {
                    // a line without its last part
                    let whole = self.parts.as_mut().and_then(Joins::rest)?;
                    let place = Place {
                        at: Unit {
                            source: self.source,
                            number: whole.number,
                        },
                        offset: whole.offset,
                        len: whole.first,
                    };
                    match joined(&self.kind, &mut self.cx, &whole, place) {
                        None => continue,
                        event => return event,
                    }
                }
                None if self.ended => (searched.len(), 0),
                None if searched.len() > LOG_LINE => {
                    self.cutting = Some(beginning(searched));
                    continue;
                }
                None => {
                    if let Some(diag) = self.fill() {
                        return Some(diag);
                    }
                    continue;
                }
            };
            let raw = searched.get(..len).unwrap_or_default();
            let narrow = self.wide.map(|low| narrow(raw, low));
            let text = narrow.as_deref().unwrap_or(raw);
            let (text, breaks) = match text.strip_suffix(b"\r") {
                Some(text) => (text, if narrow.is_some() { 2 } else { 1 }),
                None => (text, 0),
            };
            let text = if self.line == 0 {
                text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
            } else {
                text
            };
            let number = self.line + 1;
            let long = match self.wide {
                Some(_) => (raw.len() - breaks) as u64,
                None => text.len() as u64,
            };
            let part = match &mut self.parts {
                Some(parts) => parts.take(text, number, self.offset),
                None => Part::Alone,
            };
            let mut place = Place {
                at: Unit {
                    source: self.source,
                    number,
                },
                offset: self.offset,
                len: long,
            };
            let event = match part {
                Part::Alone => event(&self.kind, &mut self.cx, text, place),
                Part::Held => None,
                Part::Last(whole) => {
                    place.at.number = whole.number;
                    place.len += self.offset.saturating_sub(whole.offset);
                    place.offset = whole.offset;
                    joined(&self.kind, &mut self.cx, &whole, place)
                }
            };
            let used = len + end;
            self.start += used;
            self.offset += used as u64;
            self.line = number;
            if event.is_some() {
                return event;
            }
        }
    }

    /// Reads one more block; a read error ends the file and says so.
    fn fill(&mut self) -> Option<LogEvent> {
        self.buf.drain(..self.start);
        self.start = 0;
        let old = self.buf.len();
        self.buf.resize(old + (1 << 16), 0);
        let got = match self.buf.get_mut(old..) {
            Some(room) => self.input.read(room),
            None => Ok(0),
        };
        match got {
            Ok(n) => {
                self.buf.truncate(old + n);
                self.ended = n == 0;
                if !std::mem::replace(&mut self.looked, true) && self.kind.lacks_year() {
                    let told = year::told(&self.buf, &self.cx.zone);
                    self.cx.near = told.map(|ts| (ts, true)).or(self.cx.near);
                }
                None
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {
                self.buf.truncate(old);
                None
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                self.buf.truncate(old);
                Some(LogEvent::Wait)
            }
            Err(e) => {
                self.buf.truncate(old);
                self.ended = true;
                Some(LogEvent::Diag(
                    "log-unreadable",
                    self.line + 1,
                    e.to_string(),
                ))
            }
        }
    }

    /// Drops a line longer than the limit up to its end.
    fn skip_long_line(&mut self) -> LogEvent {
        let number = self.line + 1;
        loop {
            let rest = self.buf.get(self.start..).unwrap_or_default();
            match newline(self.wide, self.old, rest) {
                Some((n, end)) => {
                    self.start += n + end;
                    self.offset += (n + end) as u64;
                    break;
                }
                None => {
                    // half a character waits for the other half
                    let odd = rest.len() % 2 * usize::from(self.wide.is_some() && !self.ended);
                    self.offset += (rest.len() - odd) as u64;
                    self.start = self.buf.len() - odd;
                    if self.ended {
                        break;
                    }
                    if let Some(diag) = self.fill() {
                        return diag;
                    }
                }
            }
        }
        self.line = number;
        let first = self.cutting.take().unwrap_or_default();
        LogEvent::Diag("log-line-cut", number, first)
    }
}

/// Where a line stands.
struct Place {
    at: Unit,
    offset: u64,
    len: u64,
}

/// What a line comes to.
fn event(kind: &LogKind, cx: &mut Context, text: &[u8], place: Place) -> Option<LogEvent> {
    let number = place.at.number;
    match kind.parse(text, cx) {
        Ok(mut call) => {
            (call.at, call.offset, call.len) = (place.at, place.offset, place.len);
            Some(LogEvent::Call(Box::new(call)))
        }
        Err(NoCall::Blank) => None,
        Err(NoCall::Unfit(misfit)) => {
            Some(LogEvent::Diag("log-unfit", number, reason(&misfit, text)))
        }
        Err(NoCall::Later) => {
            if let Some(halves::Half::More(_, more)) = &mut cx.half {
                more.place = LogLater {
                    line: number,
                    offset: place.offset,
                    len: place.len,
                };
            }
            Some(LogEvent::Diag("log-no-request", number, beginning(text)))
        }
        Err(NoCall::NoRequest) => Some(LogEvent::Diag("log-no-request", number, beginning(text))),
    }
}

/// What a line comes to that was cut into parts.
fn joined(kind: &LogKind, cx: &mut Context, whole: &Whole, place: Place) -> Option<LogEvent> {
    match whole.long {
        true => {
            let began = beginning(&whole.text);
            Some(LogEvent::Diag("log-line-cut", whole.number, began))
        }
        false => event(kind, cx, &whole.text, place),
    }
}

/// Whether a text is of characters of two bytes, by its mark or the zeros of its first letters; then whether the low one comes
/// first.
fn wide(beginning: &[u8]) -> Option<bool> {
    let letter = |b: &u8| matches!(b, b'\t' | b' '..=b'~');
    match beginning {
        [0xff, 0xfe, ..] => Some(true),
        [0xfe, 0xff, ..] => Some(false),
        [a, 0, b, 0, ..] if letter(a) && letter(b) => Some(true),
        [0, a, 0, b, ..] if letter(a) && letter(b) => Some(false),
        _ => None,
    }
}

/// Whether lines end in CR alone, as some appliances write them: one stands before other bytes, and no LF anywhere.
fn cr_alone(beginning: &[u8]) -> bool {
    let last = beginning.len().saturating_sub(1);
    memchr(b'\n', beginning).is_none() && memchr(b'\r', beginning).is_some_and(|at| at < last)
}

/// The end of a line: where it stands, and its bytes.
fn newline(wide: Option<bool>, old: bool, b: &[u8]) -> Option<(usize, usize)> {
    let Some(low) = wide else {
        return memchr(if old { b'\r' } else { b'\n' }, b).map(|n| (n, 1));
    };
    memchr::memchr_iter(b'\n', b).find_map(|n| {
        let at = if low { n } else { n.checked_sub(1)? };
        let other = b.get(if low { n + 1 } else { at });
        (at % 2 == 0 && other == Some(&0)).then_some((at, 2))
    })
}

/// Characters of two bytes as UTF-8; what is none is replaced.
fn narrow(raw: &[u8], low: bool) -> Vec<u8> {
    let (pairs, rest) = raw.as_chunks::<2>();
    let order = if low {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    };
    let mut out = String::with_capacity(pairs.len());
    out.extend(
        char::decode_utf16(pairs.iter().map(|p| order(*p)))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)),
    );
    if !rest.is_empty() {
        out.push(char::REPLACEMENT_CHARACTER);
    }
    out.into_bytes()
}

/// The first bytes of a line for a diag.
fn beginning(line: &[u8]) -> String {
    lossless(line.get(..line.len().min(80)).unwrap_or_default()).into_owned()
}

/// What was expected where, and what stands there.
fn reason(misfit: &Misfit, line: &[u8]) -> String {
    let at = misfit.at.min(line.len());
    let there = line.get(at..).unwrap_or_default();
    let there = lossless(there.get(..there.len().min(40)).unwrap_or_default());
    let there = if there.is_empty() {
        "the line ends".to_owned()
    } else {
        format!("not {there:?}")
    };
    let want: String = misfit.want.chars().take(80).collect();
    format!(
        "expected {} at column {}, {there}; the line begins {:?}",
        want,
        at + 1,
        beginning(line)
    )
}

impl LogKind {
    /// A line without its end.
    fn parse(&self, text: &[u8], cx: &mut Context) -> Result<LogCall, NoCall> {
        if text.trim_ascii().is_empty() {
            return Err(NoCall::Blank);
        }
        let text = plain::plain(text);
        let written = self.timeless.then(|| cx.order.next(&text));
        let read = self.within(&self.wraps, &text, written, cx);
        match (read, &self.also) {
            (Err(NoCall::Unfit(m)), Some(also)) => {
                match also.within(&also.wraps, &text, None, cx) {
                    Err(NoCall::Unfit(_)) => Err(NoCall::Unfit(m)),
                    read => read,
                }
            }
            (read, _) => read,
        }
    }

    /// A line that stands in all of these.
    fn within(
        &self,
        wraps: &[wrap::Wrap],
        text: &[u8],
        written: Option<Written>,
        cx: &mut Context,
    ) -> Result<LogCall, NoCall> {
        let json = |bytes| Line::with_json(bytes).json;
        let Some((wrap, inner)) = wraps.split_first() else {
            let json = if self.format.is_json() {
                json(text)
            } else {
                None
            };
            let line = Line {
                bytes: text,
                json,
                written,
            };
            return self.format.parse(&line, cx);
        };
        let value = if *wrap == wrap::Wrap::Json {
            json(text)
        } else {
            None
        };
        let Some(inside) = wrap.open(text, value.as_ref(), &cx.zone) else {
            return Err(match wrap {
                wrap::Wrap::Csv if cell::heading(text) => NoCall::Blank,
                _ => NoCall::unfit(wrap.form(), 0),
            });
        };
        let before = text.len().saturating_sub(inside.line.len());
        let written = match inside.written {
            Some(w) => Some(w.with_year(written, cx)),
            None => written,
        };
        // what escapes its characters may have colours in it
        let line = plain::plain(&inside.line);
        let read = self.within(inner, &line, written, cx);
        read.map_err(|e| match e {
            // where it stands in the whole line, as far as that can be told
            NoCall::Unfit(m) if !matches!(wrap, wrap::Wrap::Json | wrap::Wrap::Csv) => {
                NoCall::Unfit(Misfit {
                    at: m.at + before,
                    ..m
                })
            }
            e => e,
        })
    }
}

/// Splits `GET /path HTTP/1.1`; a line without a method token or target is no request.
fn request_line(request: &str, call: &mut LogCall) -> Result<(), NoCall> {
    let (method, rest) = request.split_once(' ').ok_or(NoCall::NoRequest)?;
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if matches!(method, "" | "-") || !method.bytes().all(token) {
        return Err(NoCall::NoRequest);
    }
    let (target, version) = match rest.rsplit_once(' ') {
        Some((t, v)) if v.to_ascii_uppercase().starts_with("HTTP/") => (t, Some(v.to_string())),
        _ => (rest, None),
    };
    if target.trim().is_empty() {
        return Err(NoCall::NoRequest);
    }
    call.method = Some(method.to_string());
    call.uri = Some(target.to_string());
    call.version = version;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::indexing_slicing)]
mod tests;
