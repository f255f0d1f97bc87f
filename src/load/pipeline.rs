//! The threads of a load. In: a case and inputs in order. Out: rows in the case. Bounds: [`QUEUE_BYTES`] of work between
//! reading and writing, or half of `--max-mem`.

use super::finalise::{Gathered, gather};
use super::ingest::Ingest;
use super::live::Live;
use super::queue::{Budget, Queue};
use super::scan::CallScanner;
use super::secrets::Read as Secrets;
use super::taps::TapMark;
use super::work::{Born, Job, SourceEnd, Work};
use super::{LoadOptions, Progress};
use crate::body::protobuf::schema::Schema;
use crate::call::model::{CallOut, FlowInfo, Locator, Role, Unit};
use crate::case::Case;
use crate::case::bodies::{Compressor, FullPack};
use crate::case::checkpoint::Checkpoints;
use crate::case::lines::{self, Feed};
use crate::case::postings::Piece;
use crate::case::sources::ReadAs;
use crate::case::writer::{self, NewSource, Writer};
use crate::detect::print::PrintKey;
use crate::detect::{Rules, Scanner};
use crate::error::{Error, Result};
use crate::facts::inside::Inside;
use crate::limits::{CALLS_GATHERED, QUEUE_BYTES};
use crate::proto::Options as Reading;
use crate::source::log::LogZone;
use crate::source::{Input, Kind};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Rows are made visible and safe this often.
const COMMIT: Duration = Duration::from_millis(250);
/// Facts are first decided this long after an interface began to load, then at growing distances.
const FIRST_FACTS: Duration = Duration::from_millis(1200);

/// While sources are followed, bodies and prints that are gathered are written this often: nobody knows when it ends.
const SETTLE: Duration = Duration::from_secs(20);

/// What a scan thread gives back.
enum Done {
    /// In order of its number.
    Ordered { seq: u64, bytes: usize, what: What },
    /// A compressed pack.
    Pack(Result<FullPack>),
    /// Sorted prints.
    Prints(Piece),
}

/// Content of an ordered result.
enum What {
    /// Calls, and the units of calls that could not be scanned.
    Calls(Vec<CallOut>, Vec<Unit>),
    Flows(Vec<FlowInfo>),
    Taps(Vec<TapMark>),
    Source(Box<Born>),
    SourceEnd(Box<SourceEnd>),
}

/// How a load ended.
#[derive(Debug, Default, Clone)]
pub struct End {
    /// Some source could be read only in part.
    pub damaged: bool,
    /// The user stopped it before all was read; what only grows was read as far as it was when it was stopped.
    pub stopped: bool,
    /// All that came had been loaded before, or nothing came: the load is to be taken back.
    pub nothing_new: bool,
    /// Rows of the sources that had been loaded before.
    pub known: Vec<i64>,
}

/// Loads all inputs into the case; facts follow later, but for those that an interface is shown meanwhile. `gathered` is given what facts
/// will be decided from, where that is this load alone.
#[allow(clippy::too_many_arguments)] // the parts of one load, each used once
pub fn load(
    case: &Case,
    inputs: &[Input],
    live: &mut Live,
    options: &LoadOptions,
    progress: &Progress,
    rules: &Arc<Rules>,
    inside: &Inside,
    zone: LogZone,
    secrets: Secrets,
    replaced: &[i64],
    schema: Option<Arc<Schema>>,
    checkpoints: &Checkpoints,
    gathered: &mut Option<Gathered>,
) -> Result<End> {
    let mut writer = Writer::begin_with(case, rules.print())?;
    writer.with_secrets(&secrets.files, replaced);
    writer.with_reading(ReadAs {
        after: options.after,
        before: options.before,
        tz: options.tz.clone(),
    });
    let reading = Arc::new(Reading { tls: secrets.given });
    for (index, input) in (0u32..).zip(inputs) {
        add_source(&mut writer, index, input, true, false)?;
    }
    writer.commit()?;
    let growing = live.any();
    let read = |i: &&Input| !matches!(i.kind, Kind::Archive(_));
    let total = inputs.iter().filter(read).map(|i| i.bytes).sum();
    // of what grows nobody knows how much there will be
    progress
        .total
        .store(if growing { 0 } else { total }, Relaxed);
    let limit = options.max_mem.map_or(QUEUE_BYTES, |m| {
        usize::try_from(m / 2).unwrap_or(QUEUE_BYTES).max(1 << 20)
    });
    let jobs = options
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from))
        .clamp(1, 64);
    let (queue, budget) = (Queue::with_room(2 * jobs), Budget::new(limit));
    let room = AtomicBool::new(true);
    let (results, done) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let results = results.clone();
            let (queue, rules, key) = (&queue, Arc::clone(rules), case.print_key());
            let classes: Arc<[u8]> = case.class_map().into();
            let schema = schema.clone();
            scope.spawn(move || scan_jobs(queue, &results, &rules, key, &classes, &schema));
        }
        drop(results);
        let gathering = checkpoints.straight().then(|| {
            let (send, rows) = lines::channel();
            writer.with_feed(Feed::new(send));
            let room = &room;
            scope.spawn(move || gather(rows, CALLS_GATHERED, room))
        });
        // of what is not hashed as it is read
        let hashes = scope.spawn(|| {
            let other = |i: &Input| (!i.summed()).then(|| i.hash(&progress.stop));
            inputs.iter().map(other).collect::<Vec<_>>()
        });
        let reader = scope.spawn(|| {
            let ingest = Ingest::new(&queue, &budget, options, progress, zone, reading, &room);
            let (jobs, whole) = ingest.run(inputs, live);
            queue.push(Job {
                seq: jobs,
                bytes: 0,
                work: Work::Flows(Vec::new()),
            }); // the last in order: wakes the writer
            whole
        });
        let mut sink = Sink {
            writer,
            progress,
            budget: &budget,
            queue: &queue,
            ends: Vec::new(),
            growing,
            changed: false,
            settled: Instant::now(),
            checkpoints,
            copied: 0,
        };
        let written = sink.write_all(&done, case, options, rules, inside);
        if written.is_err() {
            progress.stop.store(true, Relaxed); // the reader ends at its next look
            budget.close();
        }
        queue.close();
        let read = reader.join();
        let Sink {
            mut writer, ends, ..
        } = sink;
        written?;
        let whole = read.map_err(|_| internal("reading"))?;
        let hashes = hashes.join().map_err(|_| internal("hashing"))?;
        let hash = |end: &SourceEnd| {
            let at = end.source as usize;
            let of_file = || match hashes.get(at)? {
                Some(hash) => hash.as_ref().ok().copied(),
                None => inputs.get(at)?.hash(&progress.stop).ok(),
            };
            end.taken.or_else(of_file)
        };
        let unhashed = ends.iter().any(|end| hash(end).is_none());
        let mut end = End {
            stopped: progress.stop.load(Relaxed) && (!whole || unhashed),
            ..End::default()
        };
        if growing && !end.stopped {
            let known = ends
                .iter()
                .map(|end| hash(end).map_or(Ok(None), |(sha, _)| writer.known_source(&sha)))
                .collect::<Result<Option<Vec<i64>>>>()?;
            if let Some(known) = known {
                end.nothing_new = true;
                end.known = known;
                return Ok(end); // not finished: the caller takes it back
            }
        }
        for source in ends {
            let hash = hash(&source);
            end.damaged |= source.damaged || hash.is_none();
            finish_source(&mut writer, &source, hash.as_ref(), inputs)?;
        }
        if end.stopped {
            writer.commit()?; // what was read can be seen; the next load takes it back and repeats it
        } else {
            writer.finish_load()?;
            *gathered = gathering.and_then(|g| g.join().ok().flatten());
        }
        Ok(end)
    })
}

fn add_source(
    writer: &mut Writer<'_>,
    index: u32,
    input: &Input,
    kept: bool,
    spooled: bool,
) -> Result<()> {
    let path = std::fs::canonicalize(&input.path).unwrap_or_else(|_| input.path.clone());
    let source = NewSource {
        name: &input.name,
        path: path.to_str().filter(|_| kept),
        sha256: None,
        kind: &input.kind.name(),
        mapping: input.kind.mapping(),
        bytes: input.bytes,
        member: input.member.as_ref().map(|m| m.index.as_str()),
        spooled: spooled && kept,
    };
    writer.add_source(index, &source)?;
    Ok(())
}

fn internal(what: &str) -> Error {
    Error::Unreadable {
        path: "load".into(),
        why: format!("{what} failed inside the program; what was written before is in the case"),
    }
}

fn finish_source(
    writer: &mut Writer<'_>,
    end: &SourceEnd,
    hash: Option<&([u8; 32], u64)>,
    inputs: &[Input],
) -> Result<()> {
    for (code, (n, unit, detail)) in &end.diags {
        let detail = Some(detail.as_str()).filter(|d| !d.is_empty());
        writer.diag(end.source, code, *n, Some(*unit).filter(|u| *u > 0), detail)?;
    }
    let size = inputs.get(end.source as usize).map_or(0, |i| i.bytes);
    writer.finish_source(
        end.source,
        &writer::SourceEnd {
            sha256: hash.map(|(sha, _)| *sha),
            bytes: hash.map_or(size, |(_, n)| *n),
            packets: end.packets,
            lines: end.lines,
            first_ts: end.first_ts,
            last_ts: end.last_ts,
            skipped: end.skipped(),
            damaged: end.damaged,
        },
    )
}

/// A scan thread: takes jobs until there are no more.
fn scan_jobs(
    queue: &Queue<Job>,
    results: &Sender<Done>,
    rules: &Arc<Rules>,
    key: PrintKey,
    classes: &Arc<[u8]>,
    schema: &Option<Arc<Schema>>,
) {
    let fresh = || {
        CallScanner::new(
            Scanner::new(Arc::clone(rules), key),
            key,
            Arc::clone(classes),
        )
        .with_schema(schema.clone())
    };
    let mut scanner = fresh();
    let mut compressor: Option<Compressor> = None;
    while let Some(Job { seq, bytes, work }) = queue.pop() {
        let most = match &work {
            Work::Exchanges(batch) => batch.len(),
            Work::Logs(batch) => batch.len(),
            Work::Entries(batch) => batch.len(),
            _ => 0,
        };
        let (mut calls, mut failed) = (Vec::with_capacity(most), Vec::new());
        // a fault in one call must not cost the others: it is counted, and the scanner is made anew
        let mut keep = |at: Unit,
                        scanned: std::thread::Result<CallOut>,
                        scanner: &mut CallScanner| match scanned {
            Ok(call) => calls.push(call),
            Err(_) => {
                failed.push(at);
                *scanner = fresh();
            }
        };
        let what = match work {
            Work::Pack(mut pack) => {
                let packed = match &mut compressor {
                    Some(c) => c.pack(&mut pack),
                    None => Compressor::new().and_then(|c| compressor.insert(c).pack(&mut pack)),
                };
                let _ = results.send(Done::Pack(packed.map(|()| pack)));
                continue;
            }
            Work::Prints(mut piece) => {
                piece.sort();
                let _ = results.send(Done::Prints(piece));
                continue;
            }
            Work::Exchanges(mut batch) => {
                for x in &mut batch {
                    let at = x
                        .request
                        .as_ref()
                        .or(x.response.as_ref())
                        .map_or_else(Unit::default, |m| m.first.unit);
                    let scanned = catch_unwind(AssertUnwindSafe(|| scanner.exchange(x)));
                    keep(at, scanned, &mut scanner);
                }
                What::Calls(calls, failed)
            }
            Work::Logs(batch) => {
                for l in batch {
                    let at = l.at;
                    let scanned = catch_unwind(AssertUnwindSafe(|| scanner.log(l)));
                    keep(at, scanned, &mut scanner);
                }
                What::Calls(calls, failed)
            }
            Work::Entries(batch) => {
                for e in batch {
                    let at = e.at;
                    let scanned = catch_unwind(AssertUnwindSafe(|| scanner.entry(e)));
                    keep(at, scanned, &mut scanner);
                }
                What::Calls(calls, failed)
            }
            Work::Flows(flows) => What::Flows(flows),
            Work::Taps(marks) => What::Taps(marks),
            Work::Source(born) => What::Source(born),
            Work::SourceEnd(end) => What::SourceEnd(end),
        };
        if results.send(Done::Ordered { seq, bytes, what }).is_err() {
            return; // the writer is gone; it says why
        }
    }
}

/// The writing side of a load.
struct Sink<'a, 'c> {
    writer: Writer<'c>,
    progress: &'a Progress,
    budget: &'a Budget,
    queue: &'a Queue<Job>,
    ends: Vec<SourceEnd>,
    /// Whether sources grow, so that nobody knows when the load ends.
    growing: bool,
    /// Whether anything was written since the last commit.
    changed: bool,
    /// When bodies and prints that are gathered were written last.
    settled: Instant,
    checkpoints: &'a Checkpoints,
    /// Bytes of packs of which the log was asked to be copied.
    copied: u64,
}

/// Bytes of packs after which the log is copied into place.
const COPY: u64 = 6 << 20;

impl Sink<'_, '_> {
    /// Writes results in order until the reader's last one; the packs still out are awaited.
    fn write_all(
        &mut self,
        done: &Receiver<Done>,
        case: &Case,
        options: &LoadOptions,
        rules: &Rules,
        inside: &Inside,
    ) -> Result<()> {
        let mut pending: BTreeMap<u64, (usize, What)> = BTreeMap::new();
        let (mut next, mut away) = (0u64, 0usize);
        let (mut last, mut closed) = (None, false);
        let mut committed = Instant::now();
        let mut facts_after = FIRST_FACTS;
        let mut facts_at = Instant::now();
        let mut undecided = false;
        while last.is_none_or(|l| next <= l) || !closed || away > 0 {
            let waited = match pending.contains_key(&next) {
                true => None,
                false => match done.recv_timeout(COMMIT) {
                    Ok(done) => Some(done),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return Err(internal("scanning")),
                },
            };
            // All that is there, before more is written: a pack that comes back is memory for the next one.
            for done in waited.into_iter().chain(done.try_iter()) {
                match done {
                    Done::Ordered { seq, bytes, what } => {
                        if matches!(&what, What::Flows(f) if f.is_empty()) {
                            last = Some(seq);
                        }
                        pending.insert(seq, (bytes, what));
                    }
                    Done::Pack(pack) => {
                        self.writer.put_pack(pack?)?;
                        away -= 1;
                    }
                    Done::Prints(piece) => {
                        self.writer.put_piece(piece)?;
                        away -= 1;
                    }
                }
            }
            if let Some((bytes, what)) = pending.remove(&next) {
                self.write(what)?;
                self.changed = true;
                self.budget.release(bytes);
                next += 1;
            }
            if !closed && last.is_some_and(|l| next > l) {
                closed = true;
                self.writer.close();
            }
            let packs = self.writer.take_full_packs().into_iter().map(Work::Pack);
            let prints = self.writer.take_pieces().into_iter().map(Work::Prints);
            for work in prints.chain(packs).collect::<Vec<_>>() {
                away += 1;
                self.queue.push_urgent(Job {
                    seq: 0,
                    bytes: 0,
                    work,
                });
            }
            if committed.elapsed() >= COMMIT {
                committed = Instant::now();
                if self.changed {
                    if self.growing && self.settled.elapsed() >= SETTLE {
                        self.writer.settle()?;
                        self.settled = Instant::now();
                    }
                    if !self.writer.try_commit()? {
                        continue; // somebody reads what is there just now
                    }
                    if self.writer.stored() - self.copied >= COPY {
                        self.copied = self.writer.stored();
                        self.checkpoints.ask();
                    }
                    undecided = true;
                    self.changed = false;
                    self.progress.calls.store(self.writer.calls(), Relaxed);
                    self.progress.generation.fetch_add(1, Relaxed);
                }
                if (options.interim || self.growing)
                    && undecided
                    && facts_at.elapsed() >= facts_after
                {
                    undecided = false;
                    let began = Instant::now();
                    let mut conn = case.second()?;
                    super::finalise::run(&mut conn, rules, inside)?;
                    // facts cost time in proportion to the case: never more than a tenth of the load
                    facts_after = (began.elapsed() * 10).max(facts_after);
                    facts_at = Instant::now();
                    self.progress.generation.fetch_add(1, Relaxed);
                }
            }
        }
        while !self.writer.try_commit()? {
            if self.progress.stop.load(Relaxed) {
                self.writer.commit()?; // says why not
            }
        }
        self.checkpoints.end(case, &self.progress.stop)?;
        self.progress.calls.store(self.writer.calls(), Relaxed);
        self.progress.generation.fetch_add(1, Relaxed);
        Ok(())
    }

    fn write(&mut self, what: What) -> Result<()> {
        match what {
            What::Calls(calls, failed) => {
                self.writer.put_calls(calls)?;
                for at in failed {
                    self.writer.diag(
                        at.source,
                        "call-not-scanned",
                        1,
                        Some(at.number),
                        Some("a fault in the program; please report it"),
                    )?;
                }
            }
            What::Flows(flows) => {
                for flow in &flows {
                    self.writer.put_flow(flow)?;
                }
            }
            What::Taps(marks) => {
                for mark in &marks {
                    self.writer.put_tap(
                        (mark.at, mark.ord),
                        &Locator {
                            source: mark.source,
                            role: Role::Tap,
                            first: mark.first,
                            last: mark.last,
                            range: None,
                            ts: mark.ts,
                        },
                        mark.inside,
                    )?;
                }
            }
            What::Source(born) => {
                let Born {
                    source,
                    input,
                    kept,
                    spooled,
                } = *born;
                add_source(&mut self.writer, source, &input, kept, spooled)?;
            }
            What::SourceEnd(end) => self.ends.push(*end),
        }
        Ok(())
    }
}
