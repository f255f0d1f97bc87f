//! Captures read side by side. In: captures sorted by their first packet. Out: their packets in one order of time, so that
//! two captures of the same traffic are one, and a file that a rotation began a little early is no break. Bounds:
//! [`limits::MERGED`] captures open at once; one that overlaps more waits and is told.
//!
//! Within a capture packets keep the order in which they were written, whatever their times say. Where two captures hold
//! packets of the same time, the capture that comes first in the sorted list goes first; that list does not depend on
//! the order in which the files were named.

use super::work::SourceEnd;
use crate::call::model::Ts;
use crate::error::Result;
use crate::limits;
use crate::source::live::Feed;
use crate::source::pcap::{Ahead, PacketReader};
use crate::source::{Input, Sum, open_summed};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A capture that grows and from which nothing came is waited for this long where another has later packets.
const HOLD: Duration = Duration::from_millis(300);

/// SHA-256 and length, where they are known before it is read.
type Taken = ([u8; 32], u64);

/// Place in the merged order: time, then capture.
pub type Key = (Ts, u32);

/// A capture that is being read.
pub struct Capture {
    /// What will be told of it.
    pub end: SourceEnd,
    /// Its packets.
    pub reader: PacketReader,
    /// Length of its file.
    pub bytes: u64,
    /// Packets left out by time.
    pub left_out: u64,
    /// Its hash, where that is made while it is read.
    pub sum: Option<Sum>,
    /// Where it grows.
    pub feed: Option<Arc<Feed>>,
    /// Since when nothing came of one that grows.
    quiet: Option<Instant>,
    /// Time of the packet before.
    last: Option<Ts>,
    /// Place of the next packet.
    key: Ts,
    /// Whether `key` is that of the packet ahead.
    placed: bool,
}

/// Captures in order of their next packets.
pub struct Captures {
    /// Sorted by first packet.
    waiting: VecDeque<(u32, Input, Option<Taken>)>,
    open: Vec<Capture>,
    /// Whether one is due that has to wait for another to end.
    full: bool,
}

/// What comes next.
pub enum Turn {
    /// Packets of this open capture, up to and with this place.
    Read(usize, Key),
    /// A capture could not be opened.
    Failed(Box<SourceEnd>),
    /// Nothing has come yet of those that grow.
    Wait,
    /// All were read.
    End,
}

impl Captures {
    /// Captures, sorted by first packet, with their index in the load.
    pub fn new(inputs: Vec<(u32, Input)>) -> Self {
        Captures {
            waiting: inputs.into_iter().map(|(s, i)| (s, i, None)).collect(),
            open: Vec::new(),
            full: false,
        }
    }

    /// Captures that are being read.
    pub fn open(&self) -> &[Capture] {
        &self.open
    }

    /// One of them.
    pub fn get(&mut self, at: usize) -> Option<&mut Capture> {
        self.open.get_mut(at)
    }

    /// Takes a capture out that was read to its end.
    pub fn close(&mut self, at: usize) -> Option<Capture> {
        (at < self.open.len()).then(|| self.open.remove(at))
    }

    /// The capture whose turn it is, and how long.
    pub fn turn(&mut self) -> Turn {
        let mut held = None;
        for c in self.open.iter_mut().filter(|c| c.feed.is_some()) {
            if c.waits() && c.quiet.is_some_and(|q| q.elapsed() < HOLD) {
                held = held.min(Some(c.key)).or(Some(c.key));
            }
        }
        loop {
            let now = ready(&self.open).min();
            if held.is_some_and(|held| now.is_some_and(|now| now.0 > held)) {
                return Turn::Wait;
            }
            let due = self.waiting.front().is_some_and(|(source, input, _)| {
                now.is_none_or(|now| (first(input), *source) <= now)
            });
            if due && self.open.len() < limits::MERGED {
                let Some((source, input, taken)) = self.waiting.pop_front() else {
                    return Turn::End;
                };
                match self.begin(source, &input, taken.is_none()) {
                    Ok(mut capture) => {
                        capture.end.taken = taken;
                        if std::mem::take(&mut self.full) {
                            capture.end.diag(
                                "overlap-limit",
                                1,
                                "too many captures of the same time: read after another",
                            );
                        }
                        self.open.push(capture);
                    }
                    Err(e) => {
                        let mut end = SourceEnd::of_capture(source);
                        end.diag("read-error", 1, &e.to_string());
                        end.damaged = true;
                        end.taken = taken;
                        return Turn::Failed(Box::new(end));
                    }
                }
                continue;
            }
            self.full |= due;
            let Some(now) = now else {
                return if self.open.is_empty() {
                    Turn::End
                } else {
                    Turn::Wait
                };
            };
            let Some(at) = self.open.iter().position(|c| (c.key, c.end.source) == now) else {
                return Turn::End;
            };
            let others = ready(&self.open).filter(|key| *key != now);
            let next = (self.open.len() < limits::MERGED)
                .then(|| self.waiting.front().map(|(s, i, _)| (first(i), *s)))
                .flatten();
            let limit = others.chain(next).min().unwrap_or((Ts::MAX, u32::MAX));
            return Turn::Read(at, limit);
        }
    }

    /// A capture that grows joins the open ones.
    pub fn join(&mut self, source: u32, read: Box<dyn Read + Send>, feed: Arc<Feed>) -> Result<()> {
        let reader = PacketReader::with_block(read, source, limits::MERGED_BLOCK)?.growing();
        self.open.push(Capture {
            end: SourceEnd::of_capture(source),
            reader,
            bytes: u64::MAX,
            left_out: 0,
            sum: None,
            feed: Some(feed),
            quiet: None,
            last: None,
            key: Ts::MIN,
            placed: false,
        });
        Ok(())
    }

    /// A capture that came whole waits for its turn.
    pub fn add(&mut self, source: u32, input: Input, taken: Option<Taken>) {
        let key = (first(&input), source);
        let at = self
            .waiting
            .partition_point(|(s, i, _)| (first(i), *s) <= key);
        self.waiting.insert(at, (source, input, taken));
    }

    /// Those that were not begun stay so.
    pub fn give_up(&mut self) {
        self.waiting.clear();
    }

    /// `sum`: its hash is not known yet.
    fn begin(&self, source: u32, input: &Input, sum: bool) -> Result<Capture> {
        // Many windows at once are small ones.
        let block = if self.open.len() < limits::MERGED_LARGE {
            limits::READ_BLOCK
        } else {
            limits::MERGED_BLOCK
        };
        let (read, sum) = if sum && input.summed() {
            let (read, sum) = open_summed(&input.path)?;
            (read, Some(sum))
        } else {
            (input.open()?, None)
        };
        let reader = PacketReader::with_block(read, source, block)?;
        Ok(Capture {
            end: SourceEnd::of_capture(source),
            reader,
            bytes: input.bytes,
            left_out: 0,
            sum,
            feed: None,
            quiet: None,
            last: None,
            key: input.first_ts.unwrap_or(Ts::MAX),
            placed: false,
        })
    }
}

/// Time of a capture's first packet; those without one come last.
fn first(input: &Input) -> Ts {
    input.first_ts.unwrap_or(Ts::MAX)
}

/// Places of those that have something to give.
fn ready(open: &[Capture]) -> impl Iterator<Item = Key> {
    open.iter()
        .filter(|c| c.quiet.is_none())
        .map(|c| (c.key, c.end.source))
}

impl Capture {
    /// Bytes of it that were read; a file's reader may look beyond what its length was.
    pub fn came(&self) -> u64 {
        let at = self.reader.offset();
        match self.feed {
            Some(_) => at,
            None => at.min(self.bytes),
        }
    }

    /// Whether the next packet or diag stands within `limit`; so does the end.
    pub fn within(&mut self, limit: Key) -> bool {
        if !self.placed {
            match self.reader.ahead() {
                Ahead::Packet(ts) => {
                    self.key = self.place(ts);
                    self.placed = true;
                }
                Ahead::Wait => return false,
                Ahead::Other => return true,
            }
        }
        (self.key, self.end.source) <= limit
    }

    /// Whether nothing has come yet of one that grows.
    fn waits(&mut self) -> bool {
        let ahead = if self.placed {
            Ahead::Other
        } else {
            self.reader.ahead()
        };
        match ahead {
            Ahead::Wait => {
                self.quiet.get_or_insert_with(Instant::now);
            }
            Ahead::Other => self.quiet = None,
            Ahead::Packet(ts) => {
                self.quiet = None;
                self.key = self.place(ts);
                self.placed = true;
            }
        }
        self.quiet.is_some()
    }

    /// The packet ahead was taken.
    pub fn took(&mut self) {
        self.placed = false;
    }

    /// Where a packet of this time stands: never before the one that was written before it, and where it leaps far
    /// ahead, only once a second one agrees, so that one wrong time stamp does not hold the others up.
    fn place(&mut self, ts: Ts) -> Ts {
        let last = self.last.replace(ts);
        let leap = last.is_some_and(|last| ts.saturating_sub(last) > limits::LEAP_NS);
        match last {
            Some(last) if leap => self.key.max(last.min(ts)),
            Some(_) => self.key.max(ts),
            None => ts,
        }
    }
}
