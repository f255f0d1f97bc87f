//! Log lines that are captured calls. In: all calls. Out: `joined` of log lines: the index of the captured call.
//! Bounds: candidates share method, target and status; of those only the ones within [`WINDOW_NS`] are compared.
//!
//! Clocks of a log and of a capture differ by a constant, a log may have whole seconds, and its times may be those of the request
//! or of the answer's end: the offset that most requests agree on decides ([`clock`]). Lines and calls are then joined one to one.
//!
//! Lines with both addresses and both ports (Zeek, Suricata) name the connection itself: they are joined before all others,
//! whatever their host says, in the order of their requests on it.

use super::calls::{CallLine, NONE};
use std::collections::{BTreeMap, BTreeSet};

/// Distance in time between a line and its call once the clocks are aligned: a log line is written when the response ends,
/// in whole seconds, and buffered logs are stamped when the request ends, not when they are flushed.
pub const WINDOW_NS: i64 = 2_000_000_000;
/// Clock offsets believed: beyond an hour and a half it is no drift but another day's traffic; one hour is a wrong zone.
const SKEW_NS: i64 = 5_400_000_000_000;
/// Calls of one connection that a line is compared with.
const NEAR: usize = 64;
/// Lines and calls that must agree before an offset is believed.
const ANCHORS: usize = 3;
/// A second.
const S: i64 = 1_000_000_000;
/// What passes between the moment that a server stamps and the one that is captured.
const JITTER: i64 = 50_000_000;
/// Pairs of a line and a call of one kind of request that vote on the clock, and of all kinds.
const KIND_PAIRS: usize = 65_536;
const PAIRS: usize = 2_000_000;
/// Weight of a line that may be one call alone.
const WEIGHT: usize = 65_536;
/// Calls around a line's time that are looked at: more equal requests of a moment cannot be told apart anyway.
const AROUND: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    target: u64,
    method: u32,
    status: u16,
}

/// A connection, and the kind of request on it; the target is 0 where only the connection counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Conn {
    src: u32,
    dst: u32,
    sport: u16,
    dport: u16,
    method: u32,
    target: u64,
}

fn connection(c: &CallLine, with_target: bool) -> Option<Conn> {
    let whole = c.src != NONE && c.dst != NONE && c.sport != 0 && c.dport != 0;
    whole.then_some(Conn {
        src: c.src,
        dst: c.dst,
        sport: c.sport,
        dport: c.dport,
        method: c.method,
        target: if with_target { c.target } else { 0 },
    })
}

/// Joins lines that name the whole connection: first those with the target of a call on it, within [`SKEW_NS`], since
/// ports are used again; then the rest by time alone, since a tool may have cut or folded the target.
fn certain(calls: &mut [CallLine]) {
    for (with_target, window) in [(true, SKEW_NS), (false, WINDOW_NS)] {
        // lines by source, then captured calls; each in order of time
        type Sides = (BTreeMap<u32, Vec<u32>>, Vec<u32>);
        let mut sides: BTreeMap<Conn, Sides> = BTreeMap::new();
        for (i, c) in (0u32..).zip(calls.iter()) {
            if c.log
                && c.joined == NONE
                && let Some(key) = connection(c, with_target)
            {
                let lines = &mut sides.entry(key).or_default().0;
                lines.entry(c.source).or_default().push(i);
            }
        }
        if sides.is_empty() {
            return;
        }
        let taken: BTreeSet<(u32, u32)> = calls
            .iter()
            .filter(|c| c.log && c.joined != NONE)
            .map(|c| (c.source, c.joined))
            .collect();
        for (i, c) in (0u32..).zip(calls.iter()) {
            if !c.log
                && let Some(side) = connection(c, with_target).and_then(|k| sides.get_mut(&k))
            {
                side.1.push(i);
            }
        }
        for (logs, mut captured) in sides.into_values() {
            captured.sort_by_key(|i| calls.get(*i as usize).map_or(0, |c| c.ts));
            for (source, mut lines) in logs {
                lines.sort_by_key(|i| calls.get(*i as usize).map_or(0, |c| c.ts));
                let free: Vec<u32> = captured
                    .iter()
                    .copied()
                    .filter(|i| !taken.contains(&(source, *i)))
                    .collect();
                for (l, i) in match_up(calls, &lines, &free, window) {
                    if let Some(c) = calls.get_mut(l as usize) {
                        c.joined = i;
                    }
                }
            }
        }
    }
}

/// Pairs lines and calls of one connection, both in order of time: as many of both are the same ones in the same order,
/// else each line takes the nearest of the [`NEAR`] calls around it.
fn match_up(calls: &[CallLine], lines: &[u32], captured: &[u32], window: i64) -> Vec<(u32, u32)> {
    let fit = |l: u32, i: u32| {
        let (line, call) = (calls.get(l as usize)?, calls.get(i as usize)?);
        let d = distance(line, call, 0);
        let status = line.status == call.status || line.status == 0 || call.status == 0;
        (status && d <= window).then_some(d / 1_000_000_000)
    };
    let pairs = lines.iter().copied().zip(captured.iter().copied());
    if lines.len() == captured.len() && pairs.clone().all(|(l, i)| fit(l, i).is_some()) {
        return pairs.collect();
    }
    let ts = |i: &u32| calls.get(*i as usize).map_or(0, |c| c.ts);
    let mut options: Vec<(i64, i64, u32, i64, u32)> = Vec::new();
    for l in lines {
        let at = captured.partition_point(|i| ts(i) <= ts(l));
        for i in captured.iter().skip(at.saturating_sub(NEAR / 2)).take(NEAR) {
            if let Some(d) = fit(*l, *i) {
                options.push((d, ts(l), *l, ts(i), *i));
            }
        }
    }
    options.sort_unstable();
    let mut used: BTreeSet<(bool, u32)> = BTreeSet::new();
    options.retain(|(_, _, l, _, i)| {
        let free = !used.contains(&(true, *l)) && !used.contains(&(false, *i));
        free && used.insert((true, *l)) && used.insert((false, *i))
    });
    options.into_iter().map(|(_, _, l, _, i)| (l, i)).collect()
}

/// What was found of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// Source, as an index.
    pub source: u32,
    /// Its lines that are captured calls.
    pub lines: u64,
    /// How far its clock is ahead of the capture's, in nanoseconds; `None` where too few requests tell.
    pub skew: Option<i64>,
}

/// Joins in place, and tells of each log.
pub fn join(calls: &mut [CallLine]) -> Vec<Joined> {
    certain(calls);
    // a case may have thousands of logs: each looks at the requests of its own lines alone
    let mut logs: BTreeMap<u32, BTreeMap<Key, Vec<u32>>> = BTreeMap::new();
    let mut sides: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
    for (i, c) in (0u32..).zip(calls.iter()) {
        if c.log {
            let lines = logs.entry(c.source).or_default();
            if c.target != 0 {
                sides.entry(key(c)).or_default();
                lines.entry(key(c)).or_default().push(i);
            }
        }
    }
    if logs.is_empty() {
        return Vec::new();
    }
    for (i, c) in (0u32..).zip(calls.iter()) {
        if !c.log
            && c.target != 0
            && let Some(side) = sides.get_mut(&key(c))
        {
            side.push(i);
        }
    }
    let mut out = Vec::new();
    for (source, lines) in logs {
        let clock = clock(calls, &sides, &lines);
        pair(calls, &sides, &lines, &clock);
        let joined = lines.values().flatten();
        let joined = joined.filter(|l| calls.get(**l as usize).is_some_and(|c| c.joined != NONE));
        out.push(Joined {
            source,
            lines: joined.count() as u64,
            skew: clock.known.then_some(clock.skew),
        });
    }
    out
}

fn key(c: &CallLine) -> Key {
    Key {
        target: c.target,
        method: c.method,
        status: c.status,
    }
}

fn fits(log: &CallLine, call: &CallLine) -> bool {
    (log.src == NONE || call.src == NONE || log.src == call.src)
        && (log.host == 0 || call.host == 0 || log.host == call.host)
}

/// Which end of a call the times of a log stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Start,
    End,
}

impl Stamp {
    fn of(self, c: &CallLine) -> i64 {
        match self {
            Stamp::Start => c.ts,
            Stamp::End => c.last(),
        }
    }
}

/// The clock of a log against that of the capture.
#[derive(Debug, Clone, Copy)]
struct Clock {
    stamp: Stamp,
    skew: i64,
    /// A time of the log covers what follows it by less than this.
    step: i64,
    /// Whether requests told.
    known: bool,
}

/// Distance from a line to the call that it may be, given the clock: 0 where its time covers the call's.
fn off(log: &CallLine, call: &CallLine, clock: &Clock) -> i64 {
    let at = |stamp: Stamp| {
        let ahead = stamp.of(call).saturating_add(clock.skew);
        let late = ahead.saturating_sub(stamp.of(log));
        (late - clock.step).max(late.saturating_neg()).max(0)
    };
    match clock.known {
        true => at(clock.stamp),
        false => at(Stamp::End).min(at(Stamp::Start)),
    }
}

/// Distance from a line to the nearest end of a call, given the offset of the log's clock.
fn distance(log: &CallLine, call: &CallLine, skew: i64) -> i64 {
    let t = log.ts.saturating_sub(skew);
    // The line's second covers the moment; either end of the call may be what it stamps.
    [call.ts, call.last()]
        .into_iter()
        .map(|e| t.saturating_sub(e).abs())
        .min()
        .unwrap_or(i64::MAX)
}

/// The clock that explains most: for each request that is on both sides, each pair of a line and a call votes for the offset
/// between them, with less weight the more calls it may be. Whole seconds are truncated, so offsets of one clock fill a second.
fn clock(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
) -> Clock {
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
                    (offset.abs() <= SKEW_NS).then_some((offset, *i))
                });
                let from = votes.len();
                votes.extend(same.map(|(offset, i)| (offset, 0, *l, i)));
                let n = votes.len() - from;
                if n > 0 {
                    whole &= at % S == 0;
                    milli &= at % 1_000_000 == 0;
                    let weight = i64::try_from(WEIGHT / n).unwrap_or(1).max(1);
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
            && best.as_ref().is_none_or(|(w, _)| weight > w + w / 50)
        {
            best = Some((weight, clock));
        }
    }
    best.map_or(
        Clock {
            stamp: Stamp::End,
            skew: 0,
            step: S,
            known: false,
        },
        |(_, c)| c,
    )
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

/// Joins lines to calls one to one: first those that share an id, then in order of time what a line's time covers (those of the
/// same program first), then what is nearest.
fn pair(
    calls: &mut [CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
    clock: &Clock,
) {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for (key, lines) in lines {
        let Some(captured) = sides.get(key).filter(|c| !c.is_empty()) else {
            continue;
        };
        let get = |i: u32| calls.get(i as usize);
        let mut used: BTreeSet<u32> = lines
            .iter()
            .filter_map(|l| get(*l).map(|c| c.joined))
            .filter(|j| *j != NONE)
            .collect();
        let mut open: Vec<(i64, u32)> = lines
            .iter()
            .filter_map(|l| {
                get(*l)
                    .filter(|c| c.joined == NONE)
                    .map(|c| (clock.stamp.of(c), *l))
            })
            .collect();
        // lines of one moment in the order in which they were written
        open.sort_unstable();
        let mut by_time: Vec<(i64, u32)> = captured
            .iter()
            .filter_map(|i| get(*i).map(|c| (clock.stamp.of(c), *i)))
            .collect();
        by_time.sort_unstable();
        // a call may be as long as the times of its ends differ
        let longest = captured
            .iter()
            .filter_map(|i| get(*i).map(|c| c.last() - c.ts))
            .max()
            .unwrap_or(0);
        let mut shared: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for i in captured {
            if let Some(c) = get(*i).filter(|c| c.trace != NONE) {
                shared.entry(c.trace).or_default().push(*i);
            }
        }
        let mut take = |l: u32, i: u32, used: &mut BTreeSet<u32>| {
            used.insert(i);
            found.push((l, i));
        };
        for round in Round::ALL {
            let slack = match round {
                Round::Id => SKEW_NS,
                Round::Near => WINDOW_NS,
                _ if clock.known => JITTER,
                _ => 0,
            };
            open.retain(|(at, l)| {
                let Some(line) = get(*l) else { return false };
                let fit = |i: u32| -> Option<i64> {
                    let call = get(i).filter(|c| fits(line, c) && !used.contains(&i))?;
                    let same = line.ua != 0 && line.ua == call.ua;
                    if round == Round::Program && !same {
                        return None;
                    }
                    Some(off(line, call, clock)).filter(|o| *o <= slack)
                };
                let hit = if round == Round::Id {
                    let ids = shared.get(&line.trace).map_or(&[][..], Vec::as_slice);
                    ids.iter()
                        .take(NEAR)
                        .filter_map(|i| Some((fit(*i)?, *i)))
                        .min()
                } else {
                    let t = at.saturating_sub(clock.skew);
                    let begin = t.saturating_sub(slack).saturating_sub(longest);
                    let end = t
                        .saturating_add(clock.step)
                        .saturating_add(slack)
                        .saturating_add(longest);
                    let from = by_time.partition_point(|(ts, _)| *ts < begin);
                    let mut around = by_time
                        .iter()
                        .skip(from)
                        .take_while(|(ts, _)| *ts <= end)
                        .take(AROUND)
                        .filter_map(|(_, i)| Some((fit(*i)?, *i)));
                    match round {
                        // in order: equal requests pair up as they were made
                        Round::Program | Round::Covered => around.next(),
                        _ => around.min_by_key(|(o, _)| *o),
                    }
                };
                match hit {
                    Some((_, i)) => {
                        take(*l, i, &mut used);
                        false
                    }
                    None => true,
                }
            });
        }
    }
    for (l, i) in found {
        if let Some(c) = calls.get_mut(l as usize) {
            c.joined = i;
        }
    }
}

/// Rounds of [`pair`], each over the lines that the ones before left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Line and call have the same request id.
    Id,
    /// The line's time covers the call, and the user agent is the same.
    Program,
    /// The line's time covers the call.
    Covered,
    /// The call is near.
    Near,
}

impl Round {
    const ALL: [Round; 4] = [Round::Id, Round::Program, Round::Covered, Round::Near];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: i64, ts: i64, log: bool, target: u64, src: u32) -> CallLine {
        CallLine {
            log,
            target,
            src,
            method: 1,
            status: 200,
            source: u32::from(log),
            end: ts + S / 100,
            ..CallLine::new(id, ts)
        }
    }

    #[test]
    fn lines_that_name_the_connection_join_whatever_else_they_say() {
        let on = |c: CallLine, sport: u16, host: u32| CallLine {
            dst: 7,
            sport,
            dport: 80,
            host,
            ..c
        };
        // two connections ask for the same at the same time; the log has them in the other order and without the port
        let mut calls = vec![
            on(call(1, 10 * S, false, 5, 1), 4000, 1),
            on(call(2, 10 * S, false, 5, 1), 4001, 1),
            on(call(3, 12 * S, false, 6, 1), 4001, 1),
            on(call(4, 10 * S, true, 5, 1), 4001, 2),
            on(call(5, 10 * S, true, 5, 1), 4000, 2),
            // cut by the tool
            on(call(6, 12 * S, true, 99, 1), 4001, 2),
            // another connection
            on(call(7, 12 * S, true, 6, 1), 4002, 2),
        ];
        calls[6].src = 9;
        join(&mut calls);
        let joined: Vec<u32> = calls.iter().map(|c| c.joined).collect();
        assert_eq!(joined, [NONE, NONE, NONE, 1, 0, 2, NONE]);
    }

    #[test]
    fn lines_join_one_to_one_under_a_skewed_clock_and_strangers_stay() {
        let mut calls: Vec<CallLine> = (0..20)
            .map(|i| call(i, i * 3 * S, false, 100 + i as u64 / 2, 1))
            .collect();
        for i in 0..20 {
            let t = (i * 3 * S + 47 * S) / S * S;
            calls.push(call(
                100 + i,
                t,
                true,
                100 + i as u64 / 2,
                if i == 19 { 2 } else { 1 },
            ));
        }
        for k in 0..4 {
            calls.push(call(200 + k, k * 7 * S, false, 900 + k as u64, 1));
            calls.push(call(300 + k, k * 7 * S + 47 * S, true, 900 + k as u64, 1));
        }
        calls.push(call(500, 9000 * S, true, 105, 1)); // long after the capture
        join(&mut calls);
        for i in 0..19 {
            assert_eq!(calls[20 + i].joined, i as u32, "line {i}");
        }
        assert_eq!(calls[39].joined, NONE, "another client");
        assert_eq!(calls.last().map(|c| c.joined), Some(NONE));
    }
}
