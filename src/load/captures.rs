//! Captures read side by side. In: captures sorted by their first packet. Out: their packets in one order of time, so that
//! two captures of the same traffic are one, and a file that a rotation began a little early is no break. Bounds:
//! [`limits::MERGED`] captures open at once; one that overlaps more waits and is told.
//!
//! Within a capture packets keep the order in which they were written, whatever their times say. Where two captures hold
//! packets of the same time, the capture that comes first in the sorted list goes first; that list does not depend on
//! the order in which the files were named.

use super::ingest::SourceEnd;
use crate::call::model::Ts;
use crate::error::Result;
use crate::limits;
use crate::source::pcap::{Ahead, PacketReader};
use crate::source::{Input, open_bytes};

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
    /// Time of the packet before.
    last: Option<Ts>,
    /// Place of the next packet.
    key: Ts,
    /// Whether `key` is that of the packet ahead.
    placed: bool,
}

/// Captures in order of their next packets.
pub struct Captures<'a> {
    waiting: std::iter::Peekable<std::vec::IntoIter<(u32, &'a Input)>>,
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
    /// All were read.
    End,
}

impl<'a> Captures<'a> {
    /// Captures, sorted by first packet, with their index in the load.
    pub fn new(inputs: Vec<(u32, &'a Input)>) -> Self {
        Captures {
            waiting: inputs.into_iter().peekable(),
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
        let first = |i: &Input| i.first_ts.unwrap_or(Ts::MAX);
        loop {
            let now = self.open.iter().map(|c| (c.key, c.end.source)).min();
            let due = self.waiting.peek().is_some_and(|(source, input)| {
                now.is_none_or(|now| (first(input), *source) <= now)
            });
            if due && self.open.len() < limits::MERGED {
                let Some((source, input)) = self.waiting.next() else {
                    return Turn::End;
                };
                match self.begin(source, input) {
                    Ok(mut capture) => {
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
                        return Turn::Failed(Box::new(end));
                    }
                }
                continue;
            }
            self.full |= due;
            let Some(now) = now else { return Turn::End };
            let Some(at) = self.open.iter().position(|c| (c.key, c.end.source) == now) else {
                return Turn::End;
            };
            let others = self
                .open
                .iter()
                .map(|c| (c.key, c.end.source))
                .filter(|key| *key != now);
            let next = (self.open.len() < limits::MERGED)
                .then(|| self.waiting.peek().map(|(s, i)| (first(i), *s)))
                .flatten();
            let limit = others.chain(next).min().unwrap_or((Ts::MAX, u32::MAX));
            return Turn::Read(at, limit);
        }
    }

    fn begin(&self, source: u32, input: &Input) -> Result<Capture> {
        // Many windows at once are small ones.
        let block = if self.open.len() < limits::MERGED_LARGE {
            limits::READ_BLOCK
        } else {
            limits::MERGED_BLOCK
        };
        let reader = PacketReader::with_block(open_bytes(&input.path)?, source, block)?;
        Ok(Capture {
            end: SourceEnd::of_capture(source),
            reader,
            bytes: input.bytes,
            left_out: 0,
            last: None,
            key: input.first_ts.unwrap_or(Ts::MAX),
            placed: false,
        })
    }
}

impl Capture {
    /// Whether the next packet or diag stands within `limit`; so does the end.
    pub fn within(&mut self, limit: Key) -> bool {
        if !self.placed {
            match self.reader.ahead() {
                Ahead::Packet(ts) => {
                    self.key = self.place(ts);
                    self.placed = true;
                }
                Ahead::Other => return true,
            }
        }
        (self.key, self.end.source) <= limit
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
