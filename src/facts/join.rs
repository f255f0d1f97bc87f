//! Log lines, and entries of other tools, that are captured calls. In: all calls. Out: `joined` of those lines and entries: the
//! index of the captured call; `parent` of what a proxy asked for an entry's client. Bounds: candidates share method, target and
//! status; of those only the ones within [`WINDOW_NS`] are compared.
//!
//! Clocks of a log and of a capture differ by a constant, and a log has whole seconds: the offset between the two sources is
//! the median over lines whose request occurs once on both sides. A line and a call are then joined one to one, nearest first.
//!
//! Lines with both addresses and both ports (Zeek, Suricata) name the connection itself: they are joined before all others,
//! whatever their host says, in the order of their requests on it.
//!
//! Entries (HAR, mitmproxy, Burp) come first, so that a log's line then finds the captured call and not what another tool kept of
//! it. Their content has to be that of the call, as far as both are known. A proxy keeps what its client asked; where only
//! its own call to the same server was captured, that is a call behind: the entry is its parent.

use super::calls::{CallLine, NONE};
use std::collections::{BTreeMap, BTreeSet};

/// Distance in time between a line and its call once the clocks are aligned: a log line is written when the response ends,
/// in whole seconds, and buffered logs are stamped when the request ends, not when they are flushed.
pub const WINDOW_NS: i64 = 2_000_000_000;
/// Clock offsets believed: beyond an hour and a half it is no drift but another day's traffic; one hour is a wrong zone.
pub const SKEW_NS: i64 = 5_400_000_000_000;
/// Calls of one connection that a line is compared with.
const NEAR: usize = 64;
/// Requests that must occur once on both sides before an offset is believed.
pub const ANCHORS: usize = 3;

/// What is joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Entries of other tools, with captured calls.
    Entries,
    /// Lines of logs, with captured calls and with entries that are none.
    Logs,
}

impl Of {
    fn line(self, c: &CallLine) -> bool {
        let mine = match self {
            Of::Entries => c.entry(),
            Of::Logs => c.log,
        };
        mine && c.joined == NONE
    }
    fn call(self, c: &CallLine) -> bool {
        let mine = match self {
            Of::Entries => c.captured(),
            Of::Logs => !c.log,
        };
        mine && c.joined == NONE
    }
}

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
fn certain(calls: &mut [CallLine], of: Of) {
    for (with_target, window) in [(true, SKEW_NS), (false, WINDOW_NS)] {
        // lines by source, then captured calls; each in order of time
        type Sides = (BTreeMap<u32, Vec<u32>>, Vec<u32>);
        let mut sides: BTreeMap<Conn, Sides> = BTreeMap::new();
        for (i, c) in (0u32..).zip(calls.iter()) {
            if of.line(c)
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
            .filter(|c| !c.captured() && c.joined != NONE)
            .map(|c| (c.source, c.joined))
            .collect();
        for (i, c) in (0u32..).zip(calls.iter()) {
            if of.call(c)
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
        (status && same_content(line, call) && d <= window).then_some(d / 1_000_000_000)
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
    // without anything captured there is nothing that an entry could be, without lines nothing to join
    if calls.iter().any(CallLine::captured) && calls.iter().any(CallLine::entry) {
        join_of(calls, Of::Entries);
        behind(calls);
    }
    join_of(calls, Of::Logs);
}

fn join_of(calls: &mut [CallLine], of: Of) {
    certain(calls, of);
    // a case may have thousands of logs: each looks at the requests of its own lines alone
    let (logs, sides) = sides(calls, of);
    for lines in logs.into_values() {
        let skew = skew(calls, &sides, &lines, of);
        for (l, i) in pair(calls, &sides, &lines, (skew, of), fits) {
            if let Some(c) = calls.get_mut(l as usize) {
                c.joined = i;
            }
        }
    }
}

/// Calls that a proxy made for an entry that was not captured itself.
fn behind(calls: &mut [CallLine]) {
    let (entries, sides) = sides(calls, Of::Entries);
    let inner = |e: &CallLine, c: &CallLine| {
        e.src != NONE
            && c.src != NONE
            // a proxy may run beside its client
            && (e.src != c.src || e.sport != 0 && e.sport != c.sport)
            && (e.dst, e.dport) == (c.dst, c.dport)
            && (e.host == 0 || c.host == 0 || e.host == c.host)
            && c.parent == NONE
            && same_content(e, c)
    };
    for entries in entries.into_values() {
        for (e, c) in pair(calls, &sides, &entries, (0, Of::Entries), inner) {
            if let Some(c) = calls.get_mut(c as usize) {
                c.parent = e;
            }
        }
    }
}

/// Lines by source and kind of request, and the calls of these kinds.
#[allow(clippy::type_complexity)] // two maps
fn sides(
    calls: &[CallLine],
    of: Of,
) -> (
    BTreeMap<u32, BTreeMap<Key, Vec<u32>>>,
    BTreeMap<Key, Captured>,
) {
    let mut logs: BTreeMap<u32, BTreeMap<Key, Vec<u32>>> = BTreeMap::new();
    let mut sides: BTreeMap<Key, Captured> = BTreeMap::new();
    for (i, c) in (0u32..).zip(calls.iter()) {
        if of.line(c) && c.target != 0 {
            sides.entry(key(c)).or_default();
            let lines = logs.entry(c.source).or_default().entry(key(c));
            lines.or_default().push(i);
        }
    }
    if logs.is_empty() {
        return (logs, sides);
    }
    for (i, c) in (0u32..).zip(calls.iter()) {
        if of.call(c)
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
    (logs, sides)
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
        && (log.log || log.sport == 0 || call.sport == 0 || log.sport == call.sport)
        && (log.host == 0 || call.host == 0 || log.host == call.host)
        && same_content(log, call)
}

/// Whether both answers hold the same, as far as both are known; equal contents are one body.
fn same_content(line: &CallLine, call: &CallLine) -> bool {
    line.resp_body == 0
        || call.resp_body == 0
        || line.resp_body == call.resp_body
        || line.holes + call.holes > 0
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
    of: Of,
) -> i64 {
    let get = |i: u32| calls.get(i as usize);
    let mut offsets: Vec<i64> = Vec::new();
    for (key, mine) in lines {
        if let [line] = mine.as_slice()
            && let Some([(_, one)]) = sides.get(key).map(|s| s.by_time.as_slice())
            && let (Some(line), Some(call)) = (get(*line), get(*one))
            && fits(line, call)
        {
            // a line is written when the call ends, an entry says when it began
            let end = if of == Of::Logs { call.last() } else { call.ts };
            let off = line.ts.saturating_sub(end);
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
    if near * 3 >= offsets.len() * 2 && (of == Of::Entries || median.abs() > WINDOW_NS / 2) {
        median
    } else {
        0
    }
}

/// Further away than anything in the window.
const INNER: i64 = 1 << 40;

/// Whether the second call was made by the first one's server while that ran.
fn encloses(calls: &[CallLine], outer: u32, inner: u32) -> bool {
    let (Some(o), Some(c)) = (calls.get(outer as usize), calls.get(inner as usize)) else {
        return false;
    };
    outer != inner
        && c.src != NONE
        && o.dst == c.src
        && (o.dst, o.dport) != (c.dst, c.dport)
        && o.ts <= c.ts
        && o.last() >= c.last()
}

fn pair(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Captured>,
    lines: &BTreeMap<Key, Vec<u32>>,
    (skew, of): (i64, Of),
    fits: impl Fn(&CallLine, &CallLine) -> bool,
) -> Vec<(u32, u32)> {
    // logs have whole seconds
    let unit = if of == Of::Logs {
        1_000_000_000
    } else {
        1_000_000
    };
    let mut found: Vec<(u32, u32)> = Vec::new();
    for (key, lines) in lines {
        let Some(Captured { by_time, longest }) = sides.get(key) else {
            continue;
        };
        let mut options: Vec<(i64, i64, u32, u32)> = Vec::new();
        let mut near: Vec<(i64, i64, u32)> = Vec::new();
        for l in lines {
            let Some(line) = calls.get(*l as usize) else {
                continue;
            };
            near.clear();
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
                let mut d = match of {
                    Of::Logs => distance(line, call, skew),
                    Of::Entries => t.saturating_sub(call.ts).saturating_abs(),
                };
                if line.trace != NONE && line.trace == call.trace {
                    d = 0;
                }
                if d <= WINDOW_NS && fits(line, call) {
                    near.push((d / unit, *ts, *i));
                }
            }
            // of a call and the one it caused, the first is what a client's tool saw
            let inner = |i: u32| of == Of::Entries && near.iter().any(|o| encloses(calls, o.2, i));
            let behind = |i: u32| if inner(i) { INNER } else { 0 };
            options.extend(near.iter().map(|(d, ts, i)| (d + behind(*i), *ts, *l, *i)));
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
    found
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
