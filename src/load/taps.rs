//! Second taps: which calls were captured again, and where. In: copies of packets from [`crate::net`], finished exchanges,
//! ended flows. Out: a [`TapMark`] for each call and source. Bounds: [`limits::TAP_COPIES`] copies in all and
//! [`limits::TAP_COPIES_FLOW`] of one flow in one source; beyond, the ones between are left out, then all.
//!
//! An exchange is finished before the copy of its last packet has come, so marks are given when no copy can come any more.

use super::scan::earliest;
use crate::call::model::{Exchange, Stamp, Ts, Unit};
use crate::limits;
use crate::net::TapCopy;
use std::collections::{BTreeMap, VecDeque};

/// Packets of a source that hold a call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapMark {
    /// First unit of the call and its position in its flow: its identity.
    pub at: Unit,
    /// ...
    pub ord: u32,
    /// Source of the copies.
    pub source: u32,
    /// First and last packet there.
    pub first: u64,
    /// ...
    pub last: u64,
    /// Time of the first.
    pub ts: Ts,
    /// Whether what they are copies of stands in the same source: two interfaces, or a mirror port.
    pub inside: bool,
}

/// A thing that waits until no copy of it can come any more.
enum Waiting {
    Call {
        flow: u64,
        at: Unit,
        ord: u32,
        /// First and last packet of each message.
        spans: Vec<(Stamp, Stamp)>,
        until: Ts,
    },
    /// The flow ended.
    End { flow: u64, until: Ts },
}

impl Waiting {
    fn until(&self) -> Ts {
        match self {
            Waiting::Call { until, .. } | Waiting::End { until, .. } => *until,
        }
    }
}

/// Original and copy, in order of the originals.
type Copies = Vec<(Stamp, Stamp)>;

/// What was captured again.
#[derive(Default)]
pub struct Taps {
    /// By flow and source of the copy.
    copies: BTreeMap<(u64, u32), Copies>,
    held: usize,
    waiting: VecDeque<Waiting>,
    /// Whether any copy was seen, or more than one capture is read at a time.
    on: bool,
}

impl Taps {
    /// From now on copies may come.
    pub fn expect(&mut self) {
        self.on = true;
    }

    /// A packet came again. Says false where it could not be kept.
    pub fn copy(&mut self, copy: &TapCopy) -> bool {
        self.on = true;
        if self.held >= limits::TAP_COPIES {
            return false;
        }
        let key = (copy.flow, copy.at.unit.source);
        let all = self.copies.entry(key).or_default();
        if all.len() >= limits::TAP_COPIES_FLOW {
            // The first and last packets of a call are what is shown: those between can go.
            let before = all.len();
            let recent = before - before / 4;
            let mut n = 0;
            all.retain(|_| {
                n += 1;
                n % 2 == 1 || n > recent
            });
            self.held -= before - all.len();
        }
        let at = all.partition_point(|(original, _)| *original <= copy.original);
        all.insert(at, (copy.original, copy.at));
        self.held += 1;
        true
    }

    /// An exchange that is done.
    pub fn exchange(&mut self, x: &Exchange) {
        if !self.on || !x.done {
            return;
        }
        let messages = || x.request.iter().chain(&x.interim).chain(&x.response);
        let spans: Vec<_> = messages().map(|m| (m.first, m.last)).collect();
        let last = spans.iter().map(|s| s.1.ts).max().unwrap_or(Ts::MIN);
        self.waiting.push_back(Waiting::Call {
            flow: x.flow,
            at: earliest(x).unit,
            ord: x.ordinal,
            spans,
            until: last.saturating_add(limits::COPY_TAPS_NS),
        });
    }

    /// A flow that ended.
    pub fn ended(&mut self, flow: u64, last: Ts) {
        if self.on {
            let until = last.saturating_add(limits::COPY_TAPS_NS);
            self.waiting.push_back(Waiting::End { flow, until });
        }
    }

    /// Marks of the calls of which no copy can come any more at `now`.
    pub fn settled(&mut self, now: Ts) -> Vec<TapMark> {
        let mut marks = Vec::new();
        while self
            .waiting
            .front()
            .is_some_and(|w| w.until() < now || self.waiting.len() > limits::TAP_CALLS)
        {
            match self.waiting.pop_front() {
                Some(Waiting::Call {
                    flow,
                    at,
                    ord,
                    spans,
                    ..
                }) => self.mark(flow, at, ord, &spans, &mut marks),
                Some(Waiting::End { flow, .. }) => {
                    let keys: Vec<_> = self
                        .copies
                        .range((flow, 0)..=(flow, u32::MAX))
                        .map(|(k, _)| *k)
                        .collect();
                    for key in keys {
                        self.held -= self.copies.remove(&key).map_or(0, |c| c.len());
                    }
                }
                None => break,
            }
        }
        marks
    }

    fn mark(
        &self,
        flow: u64,
        at: Unit,
        ord: u32,
        spans: &[(Stamp, Stamp)],
        marks: &mut Vec<TapMark>,
    ) {
        for ((_, source), copies) in self.copies.range((flow, 0)..=(flow, u32::MAX)) {
            let mut found: Option<TapMark> = None;
            for (first, last) in spans {
                let from = copies.partition_point(|(original, _)| original < first);
                let to = copies.partition_point(|(original, _)| original <= last);
                let Some(range) = copies.get(from..to).filter(|r| !r.is_empty()) else {
                    continue;
                };
                for (original, copy) in range.first().into_iter().chain(range.last()) {
                    let number = copy.unit.number;
                    let mark = found.get_or_insert(TapMark {
                        at,
                        ord,
                        source: *source,
                        first: number,
                        last: number,
                        ts: copy.ts,
                        inside: original.unit.source == *source,
                    });
                    if number < mark.first {
                        (mark.first, mark.ts) = (number, copy.ts);
                    }
                    mark.last = mark.last.max(number);
                }
            }
            marks.extend(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(source: u32, number: u64) -> Stamp {
        Stamp {
            ts: number as i64 * 1000,
            unit: Unit { source, number },
        }
    }

    #[test]
    fn many_copies_of_one_flow_keep_the_ends_and_stay_bounded() {
        let mut taps = Taps::default();
        for n in 1..=100_000u64 {
            assert!(taps.copy(&TapCopy {
                flow: 7,
                original: stamp(0, 2 * n),
                at: stamp(1, n),
            }));
        }
        assert!(taps.held <= limits::TAP_COPIES_FLOW);
        assert_eq!(taps.held, taps.copies.values().map(Vec::len).sum::<usize>());
        let mut marks = Vec::new();
        let spans = [(stamp(0, 1), stamp(0, 200_001))];
        taps.mark(7, stamp(0, 1).unit, 0, &spans, &mut marks);
        assert_eq!((marks[0].first, marks[0].last), (1, 100_000));
        assert!(!marks[0].inside);
        taps.ended(7, 0);
        assert!(taps.settled(i64::MAX).is_empty());
        assert_eq!((taps.held, taps.copies.len()), (0, 0));
    }
}
