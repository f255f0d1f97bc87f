//! Documents that hold many calls: `{"records": [{..}, {..}]}` of Azure's diagnostics, `Records` of AWS CloudTrail, `items` of a
//! Kubernetes list, `spans` of OpenTelemetry and Jaeger, `values` of Loki, a plain list, a list of lists. In: the bytes of a log as they come. Out: where each record stands, and the line it begins in.
//! Bounds: nothing is kept but a key of [`KEY`] bytes and counts, so a document may be of any size; a record is as long as a line
//! may be ([`LOG_LINE`]), and how deep it nests is left to the JSON reader.
//!
//! An object beside such documents that has no list is a record itself. Damage ends with the document: an object that begins a
//! line while another is open begins anew, since those who write a document over many lines indent what is inside.

use super::{LogEvent, LogReader, Misfit, NoCall, beginning, reason};
use crate::call::model::Unit;
use crate::limits::LOG_LINE;
use std::borrow::Cow;

/// Names of lists whose objects are records.
const LISTS: [&[u8]; 8] = [
    b"records",
    b"Records",
    b"items",
    b"logs",
    b"events",
    b"Events",
    b"logEvents",
    b"entries",
];
/// Name of such a list one level deeper, in the answer of a search: `{"hits":{"total":2,"hits":[...]}}`.
const HITS: &[u8] = b"hits";
/// Names of lists deeper in a document: spans of OpenTelemetry and Jaeger, log records of OpenTelemetry.
const NESTED: [&[u8]; 2] = [b"spans", b"logRecords"];
/// Brackets around such a list, from and to. Nearer the outside, a logger tells in `spans` what its one line ran inside.
const NESTED_IN: std::ops::RangeInclusive<u32> = 3..=8;
/// Name of a list of pairs of a time and a line, so deep as well: Loki's streams. Where no pairs stand in it, it is none.
const VALUES: &[u8] = b"values";
/// Bytes of a key that are kept; longer ones are none of [`LISTS`].
const KEY: usize = 16;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// Byte in the file.
    pub offset: u64,
    /// Line, from 1.
    pub line: u64,
    /// Of the records that begin in this line, the how manieth, from 0.
    pub ord: u32,
    /// Whether it stands in a list.
    pub listed: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A record, and the byte behind it.
    Record(Begin, u64),
    /// A record without its end, and the byte behind what there is of it.
    Broken(Begin, u64),
    /// A record longer than a line may be.
    Long(Begin),
    /// A line that is no JSON.
    Stray(Begin),
    /// More bytes are needed; those before this one are not.
    More(u64),
}

/// Looks for records.
#[derive(Debug, Default)]
pub struct Records {
    /// Byte that is looked at next.
    at: u64,
    /// Line ends so far.
    lines: u64,
    /// Brackets open.
    depth: u32,
    /// Brackets open inside the list; 0 where none is.
    list: u32,
    /// Whether that list is an item of another.
    nested: bool,
    /// A list of this name began right before: whether it is one of pairs shows in what follows.
    values: bool,
    /// An item that is a list began right before: a pair, or more records.
    item: bool,
    quoted: bool,
    escaped: bool,
    /// The byte before ended a line.
    fresh: bool,
    /// The rest of the line is passed over.
    stray: bool,
    /// The last text, down to where lists are looked for.
    key: Vec<u8>,
    open: Option<Begin>,
    /// A document that is too long to be a record, and has had no list yet.
    long: Option<Begin>,
    /// Line of the last record, and how many began there.
    last: (u64, u32),
}

impl Records {
    /// Lines so far.
    pub fn lines(&self) -> u64 {
        self.lines + u64::from(!self.fresh && self.at > 0)
    }

    fn begin(&mut self) -> Begin {
        let line = self.lines + 1;
        let ord = match self.last {
            (l, n) if l == line => n,
            _ => 0,
        };
        Begin {
            offset: self.at,
            line,
            ord,
            listed: self.list > 0,
        }
    }

    /// A record counts in its line once it is told of.
    fn told(&mut self, begin: Begin) -> Begin {
        self.last = (begin.line, begin.ord.saturating_add(1));
        begin
    }

    /// Forgets the document that is open.
    fn reset(&mut self) {
        (self.depth, self.list) = (0, 0);
        (self.nested, self.values, self.item) = (false, false, false);
        (self.quoted, self.escaped, self.long) = (false, false, None);
        self.key.clear();
    }

    /// The next step in `window`, which begins at the byte `base` of the file and reaches back to what is open.
    pub fn next(&mut self, window: &[u8], base: u64) -> Step {
        loop {
            let from = usize::try_from(self.at.saturating_sub(base)).unwrap_or(usize::MAX);
            let Some(b) = window.get(from).copied() else {
                return self.more();
            };
            if self.quoted && !self.escaped {
                // what is inside texts is most of it
                let rest = window.get(from..).unwrap_or_default();
                let run = memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
                if run > 0 {
                    let kept = KEY.saturating_sub(self.key.len()).min(run);
                    if self.depth <= *NESTED_IN.end() {
                        self.key.extend(rest.iter().take(kept));
                    }
                    self.at += run as u64;
                    continue;
                }
            }
            if let Some(step) = self.byte(b) {
                return step;
            }
        }
    }

    fn more(&mut self) -> Step {
        match self.open {
            Some(begin) if self.at - begin.offset > LOG_LINE as u64 => {
                self.open = None;
                // a list may still come in what holds it
                match begin.listed {
                    true => Step::Long(self.told(begin)),
                    false => {
                        self.long = Some(begin);
                        Step::More(self.at)
                    }
                }
            }
            Some(begin) => Step::More(begin.offset),
            None => Step::More(self.at),
        }
    }

    /// What is open at the end of the file.
    pub fn end(&mut self) -> Option<Step> {
        if let Some(begin) = self.long.take() {
            return Some(Step::Long(self.told(begin)));
        }
        let begin = self.open.take()?;
        Some(Step::Broken(self.told(begin), self.at))
    }

    fn byte(&mut self, b: u8) -> Option<Step> {
        let fresh = std::mem::replace(&mut self.fresh, b == b'\n');
        if b == b'\n' {
            self.at += 1;
            self.lines += 1;
            // no text goes on in the next line
            (self.quoted, self.escaped, self.stray) = (false, false, false);
            return None;
        }
        if self.stray {
            self.at += 1;
            return None;
        }
        if self.quoted {
            self.at += 1;
            match b {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.quoted = false,
                _ => {}
            }
            return None;
        }
        let blank = matches!(b, b' ' | b'\t' | b'\r');
        let (values, item) = (self.values, self.item);
        (self.values, self.item) = (values && blank, item && blank);
        let step = match b {
            b'"' if self.depth > 0 => {
                self.quoted = true;
                if self.depth <= *NESTED_IN.end() {
                    self.key.clear();
                }
                None
            }
            b'{' => {
                if item {
                    // a list of lists of records
                    (self.open, self.list, self.nested) = (None, self.depth, true);
                }
                let inside = self.depth > 0 && (self.list == 0 || self.depth > self.list);
                let broken = match inside && fresh {
                    true => {
                        self.reset();
                        let broken = self.open.take();
                        broken.map(|o| Step::Broken(self.told(o), self.at))
                    }
                    false => None,
                };
                if self.depth == 0 || (self.list > 0 && self.depth == self.list) {
                    self.open = Some(self.begin());
                }
                self.depth = self.depth.saturating_add(1);
                broken
            }
            b'[' => {
                let named = match self.depth {
                    1 => LISTS.contains(&self.key.as_slice()),
                    2 => self.key == HITS,
                    n => NESTED_IN.contains(&n) && NESTED.contains(&self.key.as_slice()),
                };
                if values && self.list == 0 {
                    self.list = self.depth;
                    (self.open, self.long) = (None, None);
                }
                if self.list > 0 && self.depth == self.list {
                    self.open = Some(self.begin());
                    self.item = !self.nested;
                } else if self.depth == 0 || (self.list == 0 && named) {
                    self.list = self.depth + 1;
                    (self.open, self.long) = (None, None);
                } else {
                    self.values = NESTED_IN.contains(&self.depth) && self.key == VALUES;
                }
                self.depth = self.depth.saturating_add(1);
                None
            }
            b'}' | b']' => self.close(),
            b',' | b' ' | b'\t' | b'\r' => None,
            // the mark of a text's encoding
            0xef | 0xbb | 0xbf if self.lines == 0 && self.at < 3 => None,
            _ if self.depth == 0 => {
                self.stray = true;
                let begin = self.begin();
                Some(Step::Stray(self.told(begin)))
            }
            _ => None,
        };
        self.at += 1;
        step
    }

    fn close(&mut self) -> Option<Step> {
        self.depth = self.depth.saturating_sub(1);
        let mut step = None;
        let outer = self.list > 0 && self.depth == self.list;
        if self.depth == 0 || outer {
            let open = self.open.take();
            step = open.map(|o| Step::Record(self.told(o), self.at + 1));
        }
        if self.depth == 0
            && let Some(long) = self.long.take()
        {
            step = Some(Step::Long(self.told(long)));
        }
        if self.depth < self.list {
            self.list = if self.nested { self.depth } else { 0 };
            self.nested = false;
        }
        if self.depth == 0 {
            self.reset();
        }
        step
    }
}

impl LogReader {
    /// The next record of a document.
    pub(super) fn next_record(&mut self, records: &mut Records) -> Option<LogEvent> {
        loop {
            let window = self.buf.get(self.start..).unwrap_or_default();
            let piece = |from: u64, to: u64| {
                let at = |n: u64| usize::try_from(n.saturating_sub(self.offset)).ok();
                let found = at(from).zip(at(to)).and_then(|(a, b)| window.get(a..b));
                found.unwrap_or_default()
            };
            let step = match records.next(window, self.offset) {
                Step::More(_) if self.ended => records.end()?,
                step => step,
            };
            match step {
                Step::Record(begin, end) => {
                    let text = piece(begin.offset, end);
                    return Some(match self.kind.parse(text, &mut self.cx) {
                        Ok(mut call) => {
                            call.at = Unit {
                                source: self.source,
                                number: begin.line,
                            };
                            call.ord = begin.ord;
                            call.offset = begin.offset;
                            call.len = text.len() as u64;
                            LogEvent::Call(Box::new(call))
                        }
                        Err(NoCall::Blank) => continue,
                        Err(NoCall::Unfit(misfit)) => {
                            LogEvent::Diag("log-unfit", begin.line, reason(&misfit, text))
                        }
                        Err(NoCall::NoRequest | NoCall::Later) => {
                            LogEvent::Diag("log-no-request", begin.line, beginning(text))
                        }
                    });
                }
                Step::Broken(begin, end) => {
                    let text = piece(begin.offset, end).trim_ascii_end();
                    let want = Cow::Borrowed("the end of a JSON object");
                    let at = text.len();
                    let why = reason(&Misfit { want, at }, text);
                    return Some(LogEvent::Diag("log-unfit", begin.line, why));
                }
                Step::Stray(begin) => {
                    let line = piece(begin.offset, self.offset + window.len() as u64);
                    let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
                    let want = Cow::Borrowed("a JSON document");
                    let why = reason(&Misfit { want, at: 0 }, line);
                    return Some(LogEvent::Diag("log-unfit", begin.line, why));
                }
                Step::Long(begin) => {
                    let text = piece(begin.offset, begin.offset + 80);
                    return Some(LogEvent::Diag("log-line-cut", begin.line, beginning(text)));
                }
                Step::More(keep) => {
                    let used = usize::try_from(keep.saturating_sub(self.offset))
                        .map_or(window.len(), |n| n.min(window.len()));
                    self.start += used;
                    self.offset += used as u64;
                    if let Some(diag) = self.fill() {
                        return Some(diag);
                    }
                }
            }
        }
    }
}

/// Records in lists at the beginning of a log, so many at most.
pub fn listed(beginning: &[u8], most: usize) -> Vec<&[u8]> {
    let mut records = Records::default();
    let mut out = Vec::new();
    // objects of many lines each, one behind the other, are records as well
    let mut alone = Vec::new();
    while out.len() < most {
        match records.next(beginning, 0) {
            Step::More(_) => break,
            Step::Record(begin, end) if begin.listed => {
                let from = usize::try_from(begin.offset).unwrap_or(usize::MAX);
                let to = usize::try_from(end).unwrap_or(usize::MAX);
                out.extend(beginning.get(from..to));
            }
            Step::Record(begin, end) if out.is_empty() && alone.len() < most => {
                let from = usize::try_from(begin.offset).unwrap_or(usize::MAX);
                let to = usize::try_from(end).unwrap_or(usize::MAX);
                let object = beginning.get(from..to).unwrap_or_default();
                if !object.contains(&b'\n') {
                    break;
                }
                alone.push(object);
            }
            // where the first thing is no such document, none is looked for
            _ if out.is_empty() => break,
            _ => {}
        }
    }
    match out.is_empty() && alone.len() > 1 {
        true => alone,
        false => out,
    }
}
