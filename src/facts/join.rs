//! Log lines that are captured calls. In: all calls. Out: `joined` of log lines: the index of the captured call.
//! Bounds: candidates share method, target and status; of those only the ones within [`WINDOW_NS`] are compared.
//!
//! Clocks of a log and of a capture differ by a constant, and a log has whole seconds: the offset between the two sources is
//! the median over lines whose request occurs once on both sides. A line and a call are then joined one to one, nearest first.
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
/// Requests that must occur once on both sides before an offset is believed.
const ANCHORS: usize = 3;

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

/// Captured calls of one kind of request.
#[derive(Default)]
struct Captured {
    /// Begin and index, in order of time.
    by_time: Vec<(i64, u32)>,
    /// The longest of them, in nanoseconds.
    longest: i64,
}

/// Joins in place.
pub fn join(calls: &mut [CallLine]) {
    certain(calls);
    // a case may have thousands of logs: each looks at the requests of its own lines alone
    let mut logs: BTreeMap<u32, BTreeMap<Key, Vec<u32>>> = BTreeMap::new();
    let mut sides: BTreeMap<Key, Captured> = BTreeMap::new();
    for (i, c) in (0u32..).zip(calls.iter()) {
        if c.log && c.joined == NONE && c.target != 0 {
            sides.entry(key(c)).or_default();
            let lines = logs.entry(c.source).or_default().entry(key(c));
            lines.or_default().push(i);
        }
    }
    if logs.is_empty() {
        return;
    }
    for (i, c) in (0u32..).zip(calls.iter()) {
        if !c.log
            && c.target != 0
            && let Some(s) = sides.get_mut(&key(c))
        {
            s.by_time.push((c.ts, i));
            s.longest = s.longest.max(c.last() - c.ts);
        }
    }
    for s in sides.values_mut() {
        s.by_time.sort_unstable();
    }
    for lines in logs.into_values() {
        let skew = skew(calls, &sides, &lines);
        pair(calls, &sides, &lines, skew);
    }
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

fn skew(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Captured>,
    lines: &BTreeMap<Key, Vec<u32>>,
) -> i64 {
    let get = |i: u32| calls.get(i as usize);
    let mut offsets: Vec<i64> = Vec::new();
    for (key, mine) in lines {
        if let [line] = mine.as_slice()
            && let Some([(_, one)]) = sides.get(key).map(|s| s.by_time.as_slice())
            && let (Some(line), Some(call)) = (get(*line), get(*one))
            && fits(line, call)
        {
            let off = line.ts.saturating_sub(call.last());
            if off.abs() <= SKEW_NS {
                offsets.push(off);
            }
        }
    }
    if offsets.len() < ANCHORS {
        return 0;
    }
    offsets.sort_unstable();
    let median = offsets.get(offsets.len() / 2).copied().unwrap_or(0);
    let near = offsets
        .iter()
        .filter(|o| (**o - median).abs() <= WINDOW_NS)
        .count();
    // One clock against another is one offset: without agreement there is none. Whole seconds are truncated, which is no skew.
    if near * 3 >= offsets.len() * 2 && median.abs() > WINDOW_NS / 2 {
        median
    } else {
        0
    }
}

fn pair(
    calls: &mut [CallLine],
    sides: &BTreeMap<Key, Captured>,
    lines: &BTreeMap<Key, Vec<u32>>,
    skew: i64,
) {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for (key, lines) in lines {
        let Some(Captured { by_time, longest }) = sides.get(key) else {
            continue;
        };
        let mut options: Vec<(i64, i64, u32, u32)> = Vec::new();
        for l in lines {
            let Some(line) = calls.get(*l as usize) else {
                continue;
            };
            let t = line.ts.saturating_sub(skew);
            let from = by_time.partition_point(|(ts, _)| {
                *ts < t.saturating_sub(WINDOW_NS).saturating_sub(*longest)
            });
            for (ts, i) in by_time
                .iter()
                .skip(from)
                .take_while(|(ts, _)| *ts <= t.saturating_add(WINDOW_NS))
                .take(64)
            {
                let Some(call) = calls.get(*i as usize) else {
                    continue;
                };
                let mut d = distance(line, call, skew);
                if line.trace != NONE && line.trace == call.trace {
                    d = 0;
                }
                if d <= WINDOW_NS && fits(line, call) {
                    options.push((d / 1_000_000_000, *ts, *l, *i));
                }
            }
        }
        // Nearest second first, then in order of time: equal requests pair up in the order in which they were made.
        options.sort_unstable_by_key(|(d, ts, l, i)| {
            (*d, calls.get(*l as usize).map_or(0, |c| c.ts), *l, *ts, *i)
        });
        let mut used: BTreeSet<(bool, u32)> = BTreeSet::new();
        for (_, _, l, i) in options {
            if !used.contains(&(true, l)) && !used.contains(&(false, i)) {
                used.insert((true, l));
                used.insert((false, i));
                found.push((l, i));
            }
        }
    }
    for (l, i) in found {
        if let Some(c) = calls.get_mut(l as usize) {
            c.joined = i;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

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
