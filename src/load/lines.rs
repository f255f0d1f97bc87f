//! Logs and other tools' files. In: inputs whose kind is known. Out: [`Work`] in the order of their lines, and what is told of
//! each source. Bounds: batches of [`LOG_BATCH`] lines and [`ENTRIES_BYTES`] bytes of entries; the readers keep their own.

use super::ingest::{BATCH, Ingest};
use super::work::{DAMAGE, SourceEnd, Work};
use crate::call::model::{LogCall, LogYear, Ts};
use crate::source::entry::{EntryEvent, EntryReader};
use crate::source::live::Feed;
use crate::source::log::{LogEvent, LogKind, LogReader};
use crate::source::{Input, Kind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Log lines handed on together.
const LOG_BATCH: usize = 2000;
/// Bytes of entries handed on together at most: a scan thread takes them one by one.
const ENTRIES_BYTES: usize = 4 << 20;

/// Diags of times without a year.
const ASSUMED_YEAR: &str = "assumed-year";
const UNKNOWN_YEAR: &str = "unknown-year";
const NO_TIME: &str = "log-no-time";

/// When the captures of a load are of, and its other logs.
pub(super) type Near = (Option<Ts>, Option<Ts>);

/// With one more source that was read: captures, and logs that tell a year themselves, say when the rest is of.
fn with(near: Near, inputs: &[Input], end: &SourceEnd) -> Near {
    let input = usize::try_from(end.source).ok().and_then(|n| inputs.get(n));
    let guessed = [ASSUMED_YEAR, UNKNOWN_YEAR, NO_TIME];
    let guessed = guessed.iter().any(|code| end.diags.contains_key(*code));
    let Some(input) = input.filter(|_| !guessed) else {
        return near;
    };
    let first = |before: Option<Ts>| before.into_iter().chain(end.first_ts).min();
    match input.kind {
        Kind::Log(_) | Kind::Entries(_) => (near.0, first(near.1)),
        _ => (first(near.0), near.1),
    }
}

/// A log under way.
pub(super) struct LogRun {
    reader: LogReader,
    /// What will be told of it.
    pub(super) end: SourceEnd,
    /// Where it grows.
    pub(super) feed: Option<Arc<Feed>>,
    batch: Vec<LogCall>,
    /// Bytes of the lines gathered.
    bytes: u64,
}

impl LogRun {
    pub(super) fn new(reader: LogReader, end: SourceEnd, feed: Option<Arc<Feed>>) -> LogRun {
        LogRun {
            reader,
            end,
            feed,
            batch: Vec::new(),
            bytes: 0,
        }
    }
}

impl Ingest<'_> {
    /// Logs, other tools' files and archives, in their order.
    pub(super) fn lines(&mut self, inputs: &[Input], ends: &mut Vec<SourceEnd>) {
        // of those that were read so far: an archive may hold very many
        let read = |near, end: &SourceEnd| with(near, inputs, end);
        let mut near = ends.iter().fold((None, None), read);
        for (source, input) in (0u32..).zip(inputs) {
            if self.stopped() {
                break;
            }
            let end = match &input.kind {
                Kind::Log(kind) => self.log(source, input, kind, near),
                Kind::Entries(format) => self.entries(source, input, format),
                Kind::Archive(_) => SourceEnd::of_archive(source, &input.notes),
                Kind::Pcap | Kind::Pcapng | Kind::Capture(_) => continue,
            };
            near = read(near, &end);
            ends.push(end);
            if matches!(input.kind, Kind::Archive(_)) {
                continue; // what is read are its members
            }
            self.base += input.bytes;
            self.progress.read.store(self.base, Relaxed);
        }
    }

    /// `near` is when captures and other logs are of.
    pub(super) fn log(
        &mut self,
        source: u32,
        input: &Input,
        kind: &LogKind,
        near: Near,
    ) -> SourceEnd {
        let mut end = SourceEnd {
            source,
            lines: Some(0),
            ..SourceEnd::default()
        };
        let reader = match input.open() {
            Ok(bytes) => {
                LogReader::new(bytes, kind, self.zone.clone(), source).near(near.0, near.1)
            }
            Err(e) => {
                end.diag("read-error", 1, &e.to_string());
                end.damaged = true;
                return end;
            }
        };
        let mut run = LogRun::new(reader, end, None);
        self.log_lines(&mut run, usize::MAX);
        run.end
    }

    /// Reads lines of a log until nothing has come or so many batches went on; true at its end.
    pub(super) fn log_lines(&mut self, run: &mut LogRun, mut batches: usize) -> bool {
        let LogRun {
            reader,
            end,
            feed,
            batch,
            bytes,
        } = run;
        let mut ended = false;
        loop {
            match reader.next() {
                None => {
                    ended = true;
                    break;
                }
                Some(LogEvent::Wait) => break,
                Some(LogEvent::Call(call)) => {
                    end.saw(call.ts);
                    // what has no date cannot be before or after one
                    let dated = !matches!(call.year, LogYear::Order | LogYear::Unknown);
                    if dated && self.outside(call.ts) {
                        end.diag(
                            "outside-time",
                            call.at.number,
                            "left out by --after or --before",
                        );
                        continue;
                    }
                    if call.assumed_zone {
                        end.diag(
                            "assumed-utc",
                            call.at.number,
                            "times without a zone; see --tz",
                        );
                    }
                    let year = match call.year {
                        LogYear::Told => None,
                        LogYear::Around => Some((
                            ASSUMED_YEAR,
                            "times without a year; it is that of what is beside them",
                        )),
                        LogYear::Order => Some((
                            NO_TIME,
                            "lines without a time; in their order, shown in 1972",
                        )),
                        LogYear::Unknown => Some((
                            UNKNOWN_YEAR,
                            "times without a year, and nothing beside them tells one; shown in 1972",
                        )),
                    };
                    if let Some((code, why)) = year {
                        end.diag(code, call.at.number, why);
                    }
                    *bytes += call.len;
                    batch.push(*call);
                }
                Some(LogEvent::Diag(code, line, text)) => {
                    end.damaged |= DAMAGE.contains(&code);
                    end.diag(code, line, &text);
                }
            }
            if batch.len() >= LOG_BATCH {
                self.send_lines(batch, bytes);
                batches -= 1;
                if self.stopped() && feed.is_none() {
                    end.stopped = true;
                    ended = true;
                    break;
                }
                if batches == 0 {
                    break;
                }
            }
        }
        end.lines = Some(reader.lines());
        self.send_lines(batch, bytes);
        ended
    }

    fn send_lines(&mut self, batch: &mut Vec<LogCall>, bytes: &mut u64) {
        if batch.is_empty() {
            return;
        }
        self.progress.units.fetch_add(batch.len() as u64, Relaxed);
        self.progress.read.fetch_add(std::mem::take(bytes), Relaxed);
        let weight = batch.len() * 600;
        self.send(weight, Work::Logs(std::mem::take(batch)));
    }

    /// A file of another tool: entries in their order, each a call of its own.
    pub(super) fn entries(&mut self, source: u32, input: &Input, format: &str) -> SourceEnd {
        let mut end = SourceEnd {
            source,
            lines: Some(0),
            ..SourceEnd::default()
        };
        let mut reader = match input.open() {
            Ok(bytes) => match EntryReader::new(bytes, format, self.zone.clone(), source) {
                Some(r) => r,
                None => return end,
            },
            Err(e) => {
                end.diag("read-error", 1, &e.to_string());
                end.damaged = true;
                return end;
            }
        };
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(event) = reader.next() {
            match event {
                EntryEvent::Entry(entry) => {
                    end.saw(entry.ts());
                    if self.outside(entry.ts()) {
                        let why = "left out by --after or --before";
                        end.diag("outside-time", entry.at.number, why);
                        continue;
                    }
                    if entry.assumed_zone {
                        let why = "times without a certain zone; see --tz";
                        end.diag("assumed-utc", entry.at.number, why);
                    }
                    bytes += entry.weight();
                    batch.push(*entry);
                }
                EntryEvent::Diag(code, at, n, text) => {
                    end.damaged |= DAMAGE.contains(&code);
                    end.diags_of(code, at, n, &text);
                }
            }
            if batch.len() >= BATCH || bytes >= ENTRIES_BYTES {
                self.progress.units.fetch_add(batch.len() as u64, Relaxed);
                let at = self.base + reader.offset().min(input.bytes);
                self.progress.read.store(at, Relaxed);
                self.send(
                    std::mem::take(&mut bytes),
                    Work::Entries(std::mem::take(&mut batch)),
                );
                if self.stopped() {
                    end.stopped = true;
                    break;
                }
            }
        }
        end.lines = Some(reader.entries());
        if !batch.is_empty() {
            self.send(bytes, Work::Entries(batch));
        }
        end
    }
}
