//! Lines and entries that name the whole connection. In: calls. Out: their `joined`. Bounds: [`NEAR`] calls are compared with a line.

use super::super::calls::{CallLine, NONE};
use super::{NEAR, Of, SKEW_NS, WINDOW_NS, same_content};
use std::collections::{BTreeMap, BTreeSet};

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
pub(super) fn certain(calls: &mut [CallLine], of: Of) {
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
