//! Reads sources in order and hands on work. In: inputs sorted by first time. Out: [`Job`]s in a fixed order, each with
//! its number, so that what is written does not depend on which thread was faster. Bounds: the byte budget of the queue;
//! reassembly and parsing keep their own.

use super::captures::{Capture, Captures, Key, Turn};
use super::lines::LogRun;
use super::live::{Arrival, Live};
use super::queue::{Budget, Queue};
use super::taps::Taps;
use super::work::{Born, DAMAGE, Job, SourceEnd, Work};
use crate::call::model::{Exchange, Ts};
use crate::limits::OPEN_BESIDE_GATHERED;
use crate::net::Net;
use crate::proto::Calls;
use crate::source::log::{LogReader, LogZone};
use crate::source::pcap::Event;
use crate::source::{Input, Kind};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Exchanges handed on together: enough that the queue costs nothing, few enough that the first rows show at once.
pub(super) const BATCH: usize = 64;
/// Packets between looks at the clock, the stop flag and the batch.
const STRIDE: u64 = 512;
/// Pause where nothing has come.
const PAUSE: Duration = Duration::from_millis(10);
/// How often it is asked what has come.
const ASK: Duration = Duration::from_millis(20);
/// Batches of lines taken from a growing log in a row.
const LINES_ROW: usize = 4;
/// How often calls that have begun and not ended are shown to an interface.
const SNAPSHOT: Duration = Duration::from_millis(700);

/// State of reading captures.
struct Run {
    net: Net<Calls>,
    taps: Taps,
    /// Copies of which no place could be kept, by source, and the first.
    lost: BTreeMap<u32, (u64, u64)>,
    /// Packets and diags so far.
    turn: u64,
    /// Time of the last packet.
    now: Ts,
    shown: Instant,
    /// Turn at which open calls were shown last.
    shown_turn: u64,
}

impl Run {
    fn take_copies(&mut self) {
        for copy in self.net.take_copies() {
            if !self.taps.copy(&copy) {
                let unit = copy.at.unit;
                let lost = self.lost.entry(unit.source).or_insert((0, unit.number));
                lost.0 += 1;
            }
        }
    }
}

impl Capture {
    /// What is told of it; `stopped` where it was not read to its end.
    fn finish(self, stopped: bool, stop: &AtomicBool) -> SourceEnd {
        let Capture {
            mut end,
            mut reader,
            left_out,
            sum,
            feed,
            ..
        } = self;
        if let Some(sum) = sum.filter(|_| !stopped) {
            end.taken = sum.finish(stop).ok();
        }
        if feed.is_some() && !reader.take_secrets().is_empty() {
            let why =
                "TLS secrets inside a capture that grew are not used: give them with --keylog";
            end.diag("secrets-late", 1, why);
        }
        if let Some(feed) = feed {
            end.taken = Some(feed.taken());
        }
        end.packets = Some(reader.packets());
        end.stopped = stopped;
        if left_out > 0 {
            end.diags.insert(
                "outside-time".into(),
                (left_out, 1, "left out by --after or --before".into()),
            );
        }
        end
    }
}

/// Reads all inputs.
pub struct Ingest<'a> {
    /// Where jobs go.
    pub queue: &'a Queue<Job>,
    /// What may be in flight.
    pub budget: &'a Budget,
    /// Options of the load.
    pub options: &'a super::LoadOptions,
    /// Figures for the interface, and the stop flag.
    pub progress: &'a super::Progress,
    /// Zone of logs without one.
    pub zone: LogZone,
    /// What flows are read with.
    reading: Arc<crate::proto::Options>,
    /// Whether there is room to hold calls for who decides facts.
    room: &'a AtomicBool,
    seq: u64,
    /// Bytes of evidence that were read to their end.
    pub(super) base: u64,
    /// Sources so far.
    born: u32,
    /// Whether sources may come and grow.
    growing: bool,
}

impl<'a> Ingest<'a> {
    /// A reader that has not begun.
    pub fn new(
        queue: &'a Queue<Job>,
        budget: &'a Budget,
        options: &'a super::LoadOptions,
        progress: &'a super::Progress,
        zone: LogZone,
        reading: Arc<crate::proto::Options>,
        room: &'a AtomicBool,
    ) -> Self {
        Ingest {
            reading,
            room,
            queue,
            budget,
            options,
            progress,
            zone,
            seq: 0,
            base: 0,
            born: 0,
            growing: false,
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.progress.stop.load(Relaxed)
    }

    pub(super) fn send(&mut self, bytes: usize, work: Work) {
        self.budget.take(bytes);
        self.queue.push(Job {
            seq: self.seq,
            bytes,
            work,
        });
        self.seq += 1;
    }

    /// Reads `inputs`: all captures side by side in order of time, through one flow table, so that a rotated capture is
    /// one and what two taps saw counts once; then the logs in their order. Where sources come while this runs, the logs
    /// that are whole go first. Returns the jobs sent, and whether every source was read as far as it was to be.
    pub fn run(mut self, inputs: &[Input], live: &mut Live) -> (u64, bool) {
        let mut calls = Calls::with_options(Arc::clone(&self.reading));
        self.born = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
        let mut ends = Vec::new();
        if live.any() {
            self.lines(inputs, &mut ends);
        }
        let captures: Vec<_> = (0u32..)
            .zip(inputs)
            .filter(|(_, i)| i.kind.is_capture())
            .map(|(source, input)| (source, input.clone()))
            .collect();
        let mut read = self.captures(Captures::new(captures), live, &mut calls);
        let secrets = &self.reading.tls.secrets;
        for end in &mut read {
            let (over, unread) = (secrets.left_out, secrets.unread);
            let why = "lines of key logs left out: too many secrets, or of one connection";
            end.diags_of("keylog-limit", 1, over, why);
            let why = "lines of key logs that are of no form that is known";
            end.diags_of("keylog-unread", 1, unread, why);
        }
        ends.append(&mut read);
        if !live.any() {
            self.lines(inputs, &mut ends);
        }
        ends.sort_by_key(|end| end.source);
        for (source, more) in live.grown_later() {
            if let Some(end) = ends.iter_mut().find(|end| end.source == source) {
                let n = format!("{more} bytes written after a newer file was there are not read");
                end.diag("grew-later", 1, &n);
            }
        }
        let whole = ends.len() == self.born as usize && ends.iter().all(|end| !end.stopped);
        for mut end in ends {
            take_diags(&calls.diags, &mut end);
            self.send(0, Work::SourceEnd(Box::new(end)));
        }
        (self.seq, whole)
    }

    /// Takes what has come.
    fn arrive(
        &mut self,
        live: &mut Live,
        captures: &mut Captures,
        logs: &mut Vec<LogRun>,
        ends: &mut Vec<SourceEnd>,
    ) {
        for arrival in live.poll(&self.progress.stop) {
            let source = self.born;
            self.born = self.born.saturating_add(1);
            live.numbered(source, &arrival);
            let Arrival {
                input,
                read,
                feed,
                kept,
                spooled,
                taken,
            } = arrival;
            self.send(
                0,
                Work::Source(Box::new(Born {
                    source,
                    input: input.clone(),
                    kept,
                    spooled,
                })),
            );
            let mut end = SourceEnd {
                source,
                lines: Some(0),
                ..SourceEnd::default()
            };
            match (&input.kind, read) {
                (Kind::Pcap | Kind::Pcapng | Kind::Capture(_), Some(read)) => {
                    if let Err(e) = captures.join(source, read, Arc::clone(&feed)) {
                        feed.close();
                        let mut end = SourceEnd::of_capture(source);
                        end.diag("read-error", 1, &e.to_string());
                        end.damaged = true;
                        end.taken = Some(feed.taken());
                        ends.push(end);
                    }
                }
                (Kind::Log(kind), Some(read)) => {
                    let reader = LogReader::new(read, kind, self.zone.clone(), source);
                    logs.push(LogRun::new(reader, end, Some(feed)));
                }
                // What is whole is read from its path.
                (Kind::Pcap | Kind::Pcapng | Kind::Capture(_), None) => {
                    captures.add(source, input, taken)
                }
                (Kind::Log(kind), None) => {
                    end = self.log(source, &input, kind, (None, None));
                    end.taken = taken;
                    ends.push(end);
                }
                (Kind::Entries(format), _) => {
                    end = self.entries(source, &input, format);
                    end.taken = taken;
                    ends.push(end);
                }
                (Kind::Archive(_), _) => {
                    end = SourceEnd::of_archive(source, &input.notes);
                    end.taken = taken;
                    ends.push(end);
                }
            }
        }
        let mut open = std::mem::take(logs);
        open.retain_mut(|run| {
            if !self.log_lines(run, LINES_ROW) {
                return true;
            }
            let mut end = std::mem::take(&mut run.end);
            end.taken = run.feed.as_ref().map(|f| f.taken());
            ends.push(end);
            false
        });
        *logs = open;
    }

    /// Reads captures through one flow table.
    fn captures(
        &mut self,
        mut captures: Captures,
        live: &mut Live,
        calls: &mut Calls,
    ) -> Vec<SourceEnd> {
        let mut run = Run {
            net: Net::new(),
            taps: Taps::default(),
            lost: BTreeMap::new(),
            turn: 0,
            now: Ts::MIN,
            shown: Instant::now(),
            shown_turn: 0,
        };
        let mut ends: Vec<SourceEnd> = Vec::new();
        let mut logs: Vec<LogRun> = Vec::new();
        let mut asked: Option<Instant> = None;
        self.growing = live.any();
        loop {
            if self.growing && asked.is_none_or(|t| t.elapsed() >= ASK) {
                self.arrive(live, &mut captures, &mut logs, &mut ends);
                asked = Some(Instant::now());
                if self.stopped() {
                    captures.give_up();
                }
            }
            let turn = if live.unsettled() {
                Turn::Wait
            } else {
                captures.turn()
            };
            match turn {
                Turn::End if live.over() && logs.is_empty() => break,
                Turn::End | Turn::Wait => {
                    if self.growing {
                        // a pipe may bring less than a stride of packets for a long time
                        let read: u64 = captures.open().iter().map(Capture::came).sum();
                        let all = self.base + read;
                        self.progress.read.fetch_max(all, Relaxed);
                    }
                    self.drain(calls, &mut run, 1);
                    self.show(&mut run, calls);
                    std::thread::sleep(PAUSE);
                }
                Turn::Failed(end) => ends.push(*end),
                Turn::Read(at, limit) => {
                    let several = captures.open().len() > 1;
                    run.net.overlapping(several);
                    if several {
                        run.taps.expect();
                    }
                    let others = captures.open().iter().enumerate();
                    let read: u64 = others
                        .filter(|(n, _)| *n != at)
                        .map(|(_, c)| c.came())
                        .sum();
                    let Some(capture) = captures.get(at) else {
                        break;
                    };
                    if self.packets(capture, limit, read, &mut run, calls) {
                        continue;
                    }
                    let stopped = self.stopped();
                    if let Some(done) = captures.close(at) {
                        let grew = done.feed.is_some();
                        self.base += if grew {
                            done.reader.offset()
                        } else {
                            done.bytes
                        };
                        ends.push(done.finish(stopped && !grew, &self.progress.stop));
                    }
                    if stopped && !self.growing {
                        break;
                    }
                }
            }
            self.progress.read.store(self.base, Relaxed);
        }
        while let Some(open) = captures.close(0) {
            ends.push(open.finish(true, &self.progress.stop));
        }
        // flows that end with the capture may hold many calls: they go on in batches too
        run.take_copies();
        let mut net = std::mem::take(&mut run.net);
        net.finish_each(calls, &mut |calls| self.drain(calls, &mut run, BATCH));
        run.net = net;
        run.now = Ts::MAX;
        self.drain(calls, &mut run, 1);
        for end in &mut ends {
            take_diags(run.net.diags(), end);
            if let Some((n, unit)) = run.lost.get(&end.source) {
                let detail = "copies of packets that no call is told of".to_string();
                end.diags.insert("tap-limit".into(), (*n, *unit, detail));
            }
        }
        ends
    }

    pub(super) fn outside(&self, ts: Ts) -> bool {
        self.options.after.is_some_and(|t| ts < t) || self.options.before.is_some_and(|t| ts >= t)
    }

    /// Reads packets of a capture up to and with a place in the merged order. False where it ended or reading was
    /// stopped. `read` is what was read of other captures under way.
    fn packets(
        &mut self,
        capture: &mut Capture,
        limit: Key,
        read: u64,
        run: &mut Run,
        calls: &mut Calls,
    ) -> bool {
        while capture.within(limit) {
            capture.took();
            let Some(event) = capture.reader.next() else {
                return false;
            };
            match event {
                Event::Packet(packet) => {
                    capture.end.saw(packet.at.ts);
                    run.now = packet.at.ts;
                    if self.outside(packet.at.ts) {
                        capture.left_out += 1;
                    } else {
                        run.net.packet(&packet, calls);
                    }
                }
                Event::Diag { code, unit, detail } => {
                    capture.end.damaged |= DAMAGE.contains(&code);
                    capture.end.diag(code, unit, &detail);
                }
            }
            run.turn += 1;
            if calls.exchanges.len() >= BATCH || calls.flows.len() >= BATCH {
                self.drain(calls, run, BATCH);
            }
            if run.turn.is_multiple_of(STRIDE) {
                let here = capture.came();
                self.progress.read.store(self.base + read + here, Relaxed);
                self.progress.units.fetch_add(STRIDE, Relaxed);
                run.take_copies();
                if calls.held() > OPEN_BESIDE_GATHERED {
                    self.room.store(false, Relaxed);
                }
                if self.stopped() && capture.feed.is_none() {
                    return false;
                }
                self.show(run, calls);
                if self.growing {
                    return true; // what else has come is looked at
                }
            }
        }
        true
    }

    /// Hands on calls that have begun, for those who look on.
    fn show(&mut self, run: &mut Run, calls: &mut Calls) {
        let looked_at = self.options.interim || self.growing;
        if looked_at && run.turn != run.shown_turn && run.shown.elapsed() >= SNAPSHOT {
            run.shown = Instant::now();
            run.shown_turn = run.turn;
            run.net
                .for_each(&mut |state| state.open_exchanges(&mut calls.exchanges));
            self.drain(calls, run, 1);
        }
    }

    /// Hands on what has gathered, once there are `least` exchanges.
    fn drain(&mut self, calls: &mut Calls, run: &mut Run, least: usize) {
        run.take_copies();
        if calls.exchanges.len() >= least {
            // as long as the last one: growing a list of so large things means moving them
            let next = Vec::with_capacity(calls.exchanges.len().max(least).min(2 * BATCH));
            let batch = std::mem::replace(&mut calls.exchanges, next);
            batch.iter().for_each(|x| run.taps.exchange(x));
            let bytes = batch.iter().map(weight).sum();
            self.send(bytes, Work::Exchanges(batch));
        }
        if calls.flows.len() >= least {
            let flows = std::mem::take(&mut calls.flows);
            flows.iter().for_each(|f| run.taps.ended(f.id, f.last.ts));
            self.send(flows.len() * 300, Work::Flows(flows));
        }
        let marks = run.taps.settled(run.now);
        if !marks.is_empty() {
            self.send(marks.len() * 64, Work::Taps(marks));
        }
    }
}

/// Adds what a lower layer counted for this source.
fn take_diags(from: &BTreeMap<(u32, &'static str), (u64, u64)>, end: &mut SourceEnd) {
    for ((_, code), (n, unit)) in from.range((end.source, "")..(end.source.saturating_add(1), "")) {
        let entry = end
            .diags
            .entry((*code).to_string())
            .or_insert((0, *unit, String::new()));
        entry.0 += n;
    }
}

/// Memory that an exchange holds, about.
fn weight(x: &Exchange) -> usize {
    let of = |m: &crate::call::model::Message| {
        m.head.capacity() + m.headers.capacity() * 32 + m.body.bytes.capacity()
    };
    let all = x.request.iter().chain(&x.response).chain(&x.interim);
    std::mem::size_of::<Exchange>() + all.map(of).sum::<usize>()
}
