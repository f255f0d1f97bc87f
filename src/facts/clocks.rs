//! How far the clocks of captures are apart where no call stands in both: a call that another one caused ran inside it. In: all
//! calls, and what [`super::taps`] found of sources that hold the same calls. Out: for each source how much later its clock says
//! that it was than one clock for all. Bounds: [`INNER`] calls of a pair of captures vote, each on [`NEAR`] calls around it.
//!
//! Two captures that see one host, one what it is asked and the other what it asks, show calls inside calls. For each such pair
//! the offsets between the clocks that put the inner one inside the outer one are an interval of a few milliseconds; the offset
//! in the most intervals is that of the clocks, where it stands out. Pairs that share a trace id or a body vote first, then those of
//! one request, which a gateway hands on as it came: each is held against the calls of that request alone, so that many calls of
//! others between do not hide its own. A clock that is right already stays: an offset has to explain clearly more than none.

use super::calls::{CallLine, NONE};
use super::taps::Clock;
use std::collections::{BTreeMap, BTreeSet};

/// Offsets that are tried: beyond, two captures are of different times.
const RANGE_NS: i64 = 20_000_000_000;
/// Calls of a pair of captures that vote.
const INNER: usize = 4000;
/// Outer calls around each of them.
const NEAR: usize = 256;
/// Captures that are held against each other.
const SOURCES: usize = 32;
/// Calls that must agree.
const ANCHORS: usize = 3;
/// Another offset at least this far away is another answer.
const APART_NS: i64 = 300_000_000;

/// The clock of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Set {
    /// How much later it says that it was.
    pub off: i64,
    /// Sources with one number are on one clock; of others nothing is known.
    pub group: u32,
}

/// Clocks of all sources, by index. `rank`: an order of sources that does not depend on that of loading.
pub fn set(calls: &[CallLine], taps: &[Clock], rank: &[u32]) -> Vec<Set> {
    let mut out: Vec<Set> = (0u32..)
        .zip(rank)
        .map(|(i, _)| Set { off: 0, group: i })
        .collect();
    let mut by_source: BTreeMap<u32, Vec<&CallLine>> = BTreeMap::new();
    for c in calls {
        if c.captured() && c.joined == NONE && c.src != NONE && c.dst != NONE {
            by_source.entry(c.source).or_default().push(c);
        }
    }
    if out.len() < 2 {
        return out;
    }
    let order = |i: u32| rank.get(i as usize).copied().unwrap_or(i);
    // what both have seen decides alone, most calls first
    let mut sure: Vec<&Clock> = taps.iter().collect();
    sure.sort_by_key(|c| {
        let (a, b) = (order(c.sources.0), order(c.sources.1));
        (std::cmp::Reverse(c.calls), a.min(b), a.max(b))
    });
    for c in sure {
        join(&mut out, c.sources, c.skew, &order);
    }
    let mut sources: Vec<u32> = by_source.keys().copied().collect();
    sources.sort_by_key(|s| order(*s));
    sources.truncate(SOURCES);
    loop {
        let mut best: Option<(usize, (u32, u32), i64)> = None;
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for s in &sources {
            if let Some(x) = out.get(*s as usize) {
                groups.entry(x.group).or_default().push(*s);
            }
        }
        let firsts: Vec<&Vec<u32>> = groups.values().collect();
        for (n, a) in firsts.iter().enumerate() {
            for b in firsts.iter().skip(n + 1) {
                let (Some(i), Some(k)) = (a.first(), b.first()) else {
                    continue;
                };
                // the one that comes first by rank names the pair
                let (a, b, ends) = if order(*i) <= order(*k) {
                    (a, b, (*i, *k))
                } else {
                    (b, a, (*k, *i))
                };
                let side = |of: &[u32]| -> Vec<Timed<'_>> {
                    of.iter()
                        .flat_map(|s| {
                            let off = out.get(*s as usize).map_or(0, |x| x.off);
                            let list = by_source.get(s).map_or(&[][..], Vec::as_slice);
                            list.iter().map(move |c| Timed {
                                c,
                                from: c.ts.saturating_sub(off),
                                to: c.last().saturating_sub(off),
                            })
                        })
                        .collect()
                };
                if let Some((votes, off)) = between(&side(a), &side(b))
                    && best.is_none_or(|(v, _, _)| votes > v)
                {
                    // `off` is between the groups' clocks; `join` wants it between the two sources
                    let of = |s: u32| out.get(s as usize).map_or(0, |x| x.off);
                    let skew = off.saturating_add(of(ends.1)).saturating_sub(of(ends.0));
                    best = Some((votes, ends, skew));
                }
            }
        }
        let Some((_, ends, skew)) = best else { break };
        join(&mut out, ends, skew, &order);
    }
    out
}

/// Puts the groups of two sources on one clock: that of the source that comes first by rank.
fn join(out: &mut [Set], (a, b): (u32, u32), skew: i64, order: &dyn Fn(u32) -> u32) {
    let (Some(x), Some(y)) = (out.get(a as usize).copied(), out.get(b as usize).copied()) else {
        return;
    };
    if x.group == y.group {
        return;
    }
    // how much later than the clock of `a`'s group that of `b`'s group says it was
    let apart = skew.saturating_add(x.off).saturating_sub(y.off);
    let (keep, gone, by) = if order(x.group) <= order(y.group) {
        (x.group, y.group, apart)
    } else {
        (y.group, x.group, apart.saturating_neg())
    };
    for s in out.iter_mut().filter(|s| s.group == gone) {
        s.group = keep;
        s.off = s.off.saturating_add(by);
    }
}

/// A call on the clock of its group.
struct Timed<'a> {
    c: &'a CallLine,
    from: i64,
    to: i64,
}

/// An interval of offsets that one inner call votes for.
type Vote = (i64, i64, u32);

/// How much later the second side's clock is, and how many calls say so.
fn between(a: &[Timed<'_>], b: &[Timed<'_>]) -> Option<(usize, i64)> {
    let mut handed: Vec<Vote> = Vec::new();
    let first = u32::try_from(b.len()).unwrap_or(NONE);
    votes(a, b, 0, true, &mut |lo, hi, n, _| handed.push((lo, hi, n)));
    votes(b, a, first, true, &mut |lo, hi, n, _| {
        handed.push((hi.saturating_neg(), lo.saturating_neg(), n));
    });
    // what many calls of one request say of an offset that is none is said by their number: it has to stand out itself
    if let Some(set) = stands_out(handed).filter(|(_, off)| *off != 0) {
        return Some(set);
    }
    let mut strong: Vec<Vote> = Vec::new();
    let mut all: Vec<Vote> = Vec::new();
    // an outer call in `a`: its inner one is at `from - off` on the clock of `a`
    votes(a, b, 0, false, &mut |lo, hi, n, shares| {
        all.push((lo, hi, n));
        if shares {
            strong.push((lo, hi, n));
        }
    });
    votes(b, a, first, false, &mut |lo, hi, n, shares| {
        all.push((hi.saturating_neg(), lo.saturating_neg(), n));
        if shares {
            strong.push((hi.saturating_neg(), lo.saturating_neg(), n));
        }
    });
    stands_out(strong).or_else(|| stands_out(all))
}

/// Offsets that put a call of `inner` inside one of `outer`: lowest, highest, number of the inner call, whether the two share
/// a trace id or a body. `handed`: only calls of the same request.
fn votes(
    outer: &[Timed<'_>],
    inner: &[Timed<'_>],
    first: u32,
    handed: bool,
    vote: &mut dyn FnMut(i64, i64, u32, bool),
) {
    let kind = |server: u32, c: &CallLine| match handed {
        true => (server, c.method, c.status, c.target),
        false => (server, 0, 0, 0),
    };
    let mut by_server: BTreeMap<_, Vec<&Timed<'_>>> = BTreeMap::new();
    let clients: BTreeSet<u32> = inner.iter().map(|t| t.c.src).collect();
    for t in outer {
        if clients.contains(&t.c.dst) && t.c.end != i64::MIN && !(handed && t.c.target == 0) {
            by_server.entry(kind(t.c.dst, t.c)).or_default().push(t);
        }
    }
    if by_server.is_empty() {
        return;
    }
    for list in by_server.values_mut() {
        list.sort_by_key(|t| (t.from, t.c.sport, t.c.src));
    }
    let step = inner.len().div_ceil(INNER).max(1);
    for (n, i) in (0u32..).zip(inner).step_by(step) {
        let Some(list) = by_server.get(&kind(i.c.src, i.c)) else {
            continue;
        };
        let from = list.partition_point(|o| o.from < i.from.saturating_sub(RANGE_NS));
        let to = list.partition_point(|o| o.from <= i.from.saturating_add(RANGE_NS));
        let middle = list.partition_point(|o| o.from < i.from);
        let from = from.max(middle.saturating_sub(NEAR / 2));
        let to = to.min(middle.saturating_add(NEAR / 2));
        for o in list.get(from..to).unwrap_or_default() {
            if o.c.src == i.c.dst && o.c.dst == i.c.src
                || o.c.trace != NONE && i.c.trace != NONE && o.c.trace != i.c.trace
            {
                continue;
            }
            let (lo, hi) = (i.to.saturating_sub(o.to), i.from.saturating_sub(o.from));
            if lo > hi {
                continue;
            }
            let same = |x: i64, y: i64| x != 0 && x == y;
            let shares = o.c.trace != NONE && o.c.trace == i.c.trace
                || same(o.c.resp_body, i.c.resp_body)
                || same(o.c.req_body, i.c.req_body);
            vote(lo, hi, first.saturating_add(n), shares);
        }
    }
}

/// The offset that most calls agree on, where it stands out.
fn stands_out(mut votes: Vec<Vote>) -> Option<(usize, i64)> {
    votes.sort_unstable();
    votes.dedup();
    let mut ends: Vec<(i64, bool, u32)> = votes
        .iter()
        .flat_map(|(lo, hi, n)| [(*lo, false, *n), (*hi, true, *n)])
        .collect();
    // an interval begins before another ends at the same place
    ends.sort_unstable();
    let mut open: BTreeMap<u32, u32> = BTreeMap::new();
    // calls that agree from each place on
    let mut levels: Vec<(i64, usize)> = Vec::with_capacity(ends.len());
    for (at, close, n) in ends {
        if close {
            if let Some(k) = open.get_mut(&n) {
                *k = k.saturating_sub(1);
                if *k == 0 {
                    open.remove(&n);
                }
            }
        } else {
            *open.entry(n).or_default() += 1;
        }
        levels.push((at, open.len()));
    }
    let best = levels.iter().map(|l| l.1).max()?;
    if best < ANCHORS {
        return None;
    }
    // of equal ones the widest
    let (width, at) = levels
        .windows(2)
        .filter_map(|w| match w {
            [(from, n), (to, _)] if *n == best => {
                Some((to.saturating_sub(*from), i64::midpoint(*from, *to)))
            }
            _ => None,
        })
        .max_by_key(|(width, at)| (*width, at.saturating_abs().saturating_neg()))?;
    let none = levels
        .iter()
        .take_while(|l| l.0 <= 0)
        .last()
        .map_or(0, |l| l.1);
    if none * 10 >= best * 8 {
        return Some((none, 0));
    }
    let far = levels
        .iter()
        .filter(|l| l.0.saturating_sub(at).saturating_abs() > APART_NS.saturating_add(width))
        .map(|l| l.1)
        .max()
        .unwrap_or(0);
    (best * 10 > far * 13 + 10).then_some((best, at))
}

/// Moves all calls to one clock, or back.
pub fn shift(calls: &mut [CallLine], clocks: &[Set], back: bool) {
    if clocks.iter().all(|c| c.off == 0) {
        return;
    }
    for c in calls {
        let Some(off) = clocks.get(c.source as usize).map(|s| s.off) else {
            continue;
        };
        let off = if back { off } else { off.saturating_neg() };
        c.ts = c.ts.saturating_add(off);
        if c.end != i64::MIN {
            c.end = c.end.saturating_add(off);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn call(id: i64, source: u32, from: i64, to: i64, src: u32, dst: u32) -> CallLine {
        CallLine {
            source,
            src,
            dst,
            sport: 4000,
            flow: 1,
            dport: 80,
            end: to,
            ..CallLine::new(id, from)
        }
    }

    /// Calls of 40 ms at uneven times in source 0, each with a call of 20 ms inside it in source 1, whose clock is `off` later.
    fn nested(off: i64, outer: u32, inner: u32) -> Vec<CallLine> {
        let mut at = 0;
        (0..12)
            .flat_map(|n| {
                at += (300 + n * n * 37 % 450) * MS;
                [
                    call(n, outer, at, at + 40 * MS, 1, 2),
                    call(n + 50, inner, at + off + 10 * MS, at + off + 30 * MS, 2, 3),
                ]
            })
            .collect()
    }

    #[test]
    fn calls_inside_calls_tell_the_clock() {
        for off in [-4_321 * MS, -700 * MS, 2_500 * MS, 9_000 * MS] {
            for (outer, inner) in [(0, 1), (1, 0)] {
                let mut calls = nested(off, outer, inner);
                let s = set(&calls, &[], &[0, 1]);
                assert_eq!(s[0].group, s[1].group, "{off}");
                let found = s[inner as usize].off - s[outer as usize].off;
                assert!((found - off).abs() <= 10 * MS, "{off}: {found}");
                let before = calls.clone();
                shift(&mut calls, &s, false);
                for pair in calls.chunks(2) {
                    assert!(pair[0].ts <= pair[1].ts && pair[1].end <= pair[0].end);
                }
                shift(&mut calls, &s, true);
                assert!(calls.iter().zip(&before).all(|(a, b)| a.ts == b.ts));
            }
        }
    }

    #[test]
    fn a_clock_that_is_right_stays_and_too_few_calls_tell_nothing() {
        assert!(
            set(&nested(0, 0, 1), &[], &[0, 1])
                .iter()
                .all(|s| s.off == 0)
        );
        let few: Vec<CallLine> = nested(3_000 * MS, 0, 1).into_iter().take(4).collect();
        let s = set(&few, &[], &[0, 1]);
        assert!(s.iter().all(|s| s.off == 0) && s[0].group != s[1].group);
    }

    #[test]
    fn what_two_taps_share_comes_first_and_carries_on() {
        // sources 0 and 1 hold the same calls, 2 s apart; what source 1 asks is in source 2
        let mut calls = nested(5_000 * MS, 1, 2);
        calls.push(call(900, 0, 1, 2, 8, 9));
        let taps = [Clock {
            sources: (0, 1),
            skew: 2_000 * MS,
            calls: 9,
        }];
        let s = set(&calls, &taps, &[0, 1, 2]);
        assert_eq!((s[0].off, s[1].off), (0, 2_000 * MS));
        assert!((s[2].off - 7_000 * MS).abs() <= 10 * MS, "{s:?}");
        assert!(s.iter().all(|x| x.group == s[0].group));
    }
}
