//! Entries of other tools to captured calls. In: calls. Out: `joined` of entries, `parent` of what a proxy asked for an entry's client.
//! Bounds: 64 calls are compared with an entry.

use super::super::calls::{CallLine, NONE};
use super::{ANCHORS, Key, Of, SKEW_NS, WINDOW_NS, certain::certain, fits, key, same_content};
use std::collections::{BTreeMap, BTreeSet};

/// A millisecond: what tools round to.
const MS: i64 = 1_000_000;

/// Captured calls of one kind of request.
#[derive(Default)]
struct Captured {
    /// Begin and index, in order of time.
    by_time: Vec<(i64, u32)>,
    /// The longest of them, in nanoseconds.
    longest: i64,
}

/// Joins in place.
pub(super) fn join(calls: &mut [CallLine]) {
    certain(calls, Of::Entries);
    let (entries, by_kind) = sides(calls);
    for entries in entries.into_values() {
        let skew = skew(calls, &by_kind, &entries);
        for (l, i) in pair(calls, &by_kind, &entries, skew, fits) {
            if let Some(c) = calls.get_mut(l as usize) {
                c.joined = i;
            }
        }
    }
    behind(calls);
}

/// Calls that a proxy made for an entry that was not captured itself.
fn behind(calls: &mut [CallLine]) {
    let (entries, sides) = sides(calls);
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
        for (e, c) in pair(calls, &sides, &entries, 0, inner) {
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
) -> (
    BTreeMap<u32, BTreeMap<Key, Vec<u32>>>,
    BTreeMap<Key, Captured>,
) {
    let mut logs: BTreeMap<u32, BTreeMap<Key, Vec<u32>>> = BTreeMap::new();
    let mut sides: BTreeMap<Key, Captured> = BTreeMap::new();
    for (i, c) in (0u32..).zip(calls.iter()) {
        if Of::Entries.line(c) && c.target != 0 {
            sides.entry(key(c)).or_default();
            let lines = logs.entry(c.source).or_default().entry(key(c));
            lines.or_default().push(i);
        }
    }
    if logs.is_empty() {
        return (logs, sides);
    }
    for (i, c) in (0u32..).zip(calls.iter()) {
        if Of::Entries.call(c)
            && c.target != 0
            && let Some(s) = sides.get_mut(&key(c))
        {
            s.by_time.push((c.ts, i));
            s.longest = s.longest.max(c.took());
        }
    }
    for s in sides.values_mut() {
        s.by_time.sort_unstable();
    }
    (logs, sides)
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
            // an entry says when it began
            let off = line.ts.saturating_sub(call.ts);
            if off.saturating_abs() <= SKEW_NS {
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
    // One clock against another is one offset: without agreement there is none.
    if near * 3 >= offsets.len() * 2 {
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
    skew: i64,
    fits: impl Fn(&CallLine, &CallLine) -> bool,
) -> Vec<(u32, u32)> {
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
                let mut d = t.saturating_sub(call.ts).saturating_abs();
                if line.trace != NONE && line.trace == call.trace {
                    d = 0;
                }
                if d <= WINDOW_NS && fits(line, call) {
                    near.push((d / MS, *ts, *i));
                }
            }
            // of a call and the one it caused, the first is what a client's tool saw
            let inner = |i: u32| near.iter().any(|o| encloses(calls, o.2, i));
            let behind = |i: u32| if inner(i) { INNER } else { 0 };
            options.extend(near.iter().map(|(d, ts, i)| (d + behind(*i), *ts, *l, *i)));
        }
        // Nearest first, then in order of time: equal requests pair up in the order in which they were made.
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
