//! The clock of a log against that of the captures. In: lines and calls by request. Out: a [`Clock`]. Bounds: [`KIND_PAIRS`] pairs of a
//! kind of request and [`PAIRS`] of all vote.

use super::super::calls::CallLine;
use super::{ANCHORS, DRIFT_NS, Key, S, SKEW_NS, WINDOW_NS, ZONE_NS, ZONES_NS, fits};
use std::collections::{BTreeMap, BTreeSet};

/// What passes between the moment that a server stamps and the one that is captured.
pub(super) const JITTER: i64 = 50_000_000;
/// Pairs of a line and a call of one kind of request that vote on the clock, and of all kinds.
const KIND_PAIRS: usize = 65_536;
const PAIRS: usize = 2_000_000;
/// Weight of a line that may be one call alone.
const WEIGHT: usize = 65_536;

/// Which end of a call the times of a log stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    Start,
    End,
}

impl Stamp {
    pub(super) fn of(self, c: &CallLine) -> i64 {
        match self {
            Stamp::Start => c.ts,
            Stamp::End => c.last(),
        }
    }
}

/// The clock of a log against that of the capture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub stamp: Stamp,
    pub skew: i64,
    /// A time of the log covers what follows it by less than this.
    pub step: i64,
    /// Whether requests told.
    pub known: bool,
}

/// The clock that explains most: for each request that is on both sides, each pair of a line and a call votes for the offset
/// between them, with less weight the more calls it may be. Whole seconds are truncated, so offsets of one clock fill a second.
///
/// Where no offset of a drifting clock explains enough, one of a zone that is not told, or told wrongly, may.
pub(super) fn clock(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
) -> Clock {
    let drift = within(calls, sides, lines, |offset| {
        offset.saturating_abs() <= SKEW_NS
    });
    drift
        .or_else(|| within(calls, sides, lines, of_zone))
        .unwrap_or(Clock {
            stamp: Stamp::End,
            skew: 0,
            step: S,
            known: false,
        })
}

/// Whether two clocks of different zones may be so far apart.
fn of_zone(offset: i64) -> bool {
    let off = offset.checked_rem_euclid(ZONE_NS).unwrap_or(0);
    off.min(ZONE_NS - off) <= DRIFT_NS && offset.saturating_abs() <= ZONES_NS + DRIFT_NS
}

/// The clock among those whose offset is believed.
fn within(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
    believed: impl Fn(i64) -> bool,
) -> Option<Clock> {
    // rare requests first: they tell most
    let mut kinds: Vec<(usize, &Key)> = lines
        .iter()
        .filter_map(|(k, l)| Some((l.len().saturating_mul(sides.get(k)?.len()), k)))
        .filter(|(n, _)| (1..=KIND_PAIRS).contains(n))
        .collect();
    kinds.sort_unstable();
    let mut best: Option<(i64, Clock)> = None;
    for stamp in [Stamp::End, Stamp::Start] {
        // offset, weight, line, call
        let mut votes: Vec<(i64, i64, u32, u32)> = Vec::new();
        let (mut whole, mut milli) = (true, true);
        for (_, key) in &kinds {
            if votes.len() > PAIRS {
                break;
            }
            let captured = sides.get(key).map_or(&[][..], Vec::as_slice);
            for l in lines.get(key).into_iter().flatten() {
                let Some(line) = calls.get(*l as usize) else {
                    continue;
                };
                let at = stamp.of(line);
                let same = captured.iter().filter_map(|i| {
                    let call = calls.get(*i as usize).filter(|c| fits(line, c))?;
                    let offset = at.saturating_sub(stamp.of(call));
                    believed(offset).then_some((offset, *i))
                });
                let from = votes.len();
                votes.extend(same.map(|(offset, i)| (offset, 0, *l, i)));
                let n = votes.len() - from;
                if let Some(weight) = WEIGHT.checked_div(n) {
                    whole &= at % S == 0;
                    milli &= at % 1_000_000 == 0;
                    let weight = i64::try_from(weight).unwrap_or(1).max(1);
                    for v in votes.iter_mut().skip(from) {
                        v.1 = weight;
                    }
                }
            }
        }
        votes.sort_unstable();
        let step = match (whole, milli) {
            (true, _) => S,
            (false, true) => 1_000_000,
            (false, false) => 0,
        };
        if let Some((weight, clock)) = densest(&votes, stamp, step)
            && best.as_ref().is_none_or(|(w, _)| weight > *w)
        {
            best = Some((weight, clock));
        }
    }
    best.map(|(_, c)| c)
}

/// The window of offsets with the most weight, in votes sorted by offset.
fn densest(votes: &[(i64, i64, u32, u32)], stamp: Stamp, step: i64) -> Option<(i64, Clock)> {
    let width = step + JITTER;
    let (mut from, mut sum) = (0, 0);
    let mut best: Option<(i64, i64, usize, usize)> = None;
    for (to, vote) in votes.iter().enumerate() {
        sum += vote.1;
        while let Some(first) = votes.get(from)
            && vote.0.saturating_sub(first.0) >= width
        {
            sum -= first.1;
            from += 1;
        }
        let off = vote.0.abs();
        // of equal ones the nearest to no skew at all
        if best.is_none_or(|(w, o, _, _)| sum > w || sum == w && off < o) {
            best = Some((sum, off, from, to + 1));
        }
    }
    let (weight, _, from, to) = best?;
    let found = votes.get(from..to)?;
    let distinct = |side: fn(&(i64, i64, u32, u32)) -> u32, of: &[(i64, i64, u32, u32)]| {
        of.iter().map(side).collect::<BTreeSet<u32>>().len()
    };
    let (lines, captured) = (distinct(|v| v.2, found), distinct(|v| v.3, found));
    if lines.min(captured) < ANCHORS {
        return None;
    }
    // One clock against another is one offset: most of one side agrees, as far as the other covers it.
    let (all, all_captured) = (distinct(|v| v.2, votes), distinct(|v| v.3, votes));
    let (first, last) = (found.first()?.0, found.last()?.0);
    let near = first.abs().min(last.abs()) <= WINDOW_NS;
    if !near && lines * 2 < all && captured * 2 < all_captured {
        return None;
    }
    // truncated times lie in one step below the clock's offset: both ends of what was seen bound it
    let skew = if step >= S {
        i64::midpoint(last, first.saturating_add(step))
    } else {
        found.get(found.len() / 2)?.0
    };
    Some((
        weight,
        Clock {
            stamp,
            skew,
            step,
            known: true,
        },
    ))
}
