//! Which server wrote each log. In: calls, lines and calls by request, the logs' clocks. Out: a server for each log, where one is known.
//! Bounds: a log is held against the [`LOGS`] that begin next after it; all ways for logs to share servers are tried up to [`WAYS`].
//!
//! A log is of a server whose calls nearly all its lines may be. A gateway and what is behind it are asked for all the same things,
//! often by the same client: there each server's log has the order in which that server answered, and its durations. Both orders are
//! nearly the same, and a line is written a moment after its answer, so one log alone tells little. But a call has one line in its
//! server's log: logs that claim the same calls are of different servers, and where all of them fit best together decides.
//! Parts of a log claim different calls, copies of one have the same lines in the same order: neither says anything of the other.

use super::super::calls::CallLine;
use super::clock::{Clock, JITTER};
use super::pair::{Server, candidates};
use super::{Key, S};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Logs that one is held against.
const LOGS: usize = 16;
/// Ways to share servers among logs that are all tried; beyond, each log in turn takes what is best then.
const WAYS: usize = 4096;
/// Durations that differ by less than this are equal: logs round theirs.
const ROUND_NS: i64 = 2_000_000;

/// Lines of one log.
pub(super) struct Log {
    pub lines: BTreeMap<Key, Vec<u32>>,
    pub clock: Clock,
}

impl Log {
    fn count(&self) -> usize {
        self.lines.values().map(Vec::len).sum()
    }
}

/// How badly a log fits a server; sums of these are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    /// By how much durations differ, in units of [`ROUND_NS`].
    long: i64,
    /// How often a line stands behind one of a call that ended later.
    order: usize,
    /// By how much, and how far times are from one offset.
    off: i64,
}

impl Cost {
    fn plus(self, o: Cost) -> Cost {
        Cost {
            long: self.long.saturating_add(o.long),
            order: self.order.saturating_add(o.order),
            off: self.off.saturating_add(o.off),
        }
    }
}

/// A server that a log may be of.
struct Choice {
    server: Server,
    cost: Cost,
}

/// What the lines of a log tell: user agents, hosts, parts of seconds, durations. Parts of one log are alike in it.
type Shape = (bool, bool, i64, bool);

/// A log with what it may be of.
struct Claimant {
    /// Index of the log.
    log: usize,
    /// First and last time by the capture's clock.
    span: (i64, i64),
    /// Lines with a user agent.
    named: usize,
    print: u64,
    shape: Shape,
    /// The outermost server first.
    choices: Vec<Choice>,
}

/// What two logs say of each other where they are of one server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clash {
    /// They cannot be.
    Hard,
    /// They have one order, but tell different things: rather not, unless durations speak for it.
    Soft,
}

/// The server of each log.
pub(super) fn servers(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    logs: &[Log],
) -> Vec<Option<Server>> {
    let may: Vec<Vec<Server>> = logs
        .iter()
        .map(|l| candidates(calls, sides, &l.lines, &l.clock))
        .collect();
    let mut out: Vec<Option<Server>> = may.iter().map(|m| m.first().copied()).collect();
    let open: BTreeSet<Server> = may
        .iter()
        .filter(|m| m.len() > 1)
        .flatten()
        .copied()
        .collect();
    if open.is_empty() {
        return out;
    }
    let outer = outer(calls, sides, &open);
    let rank = |s: &Server| outer.iter().position(|o| o == s);
    let mut all: Vec<Claimant> = Vec::new();
    for ((n, log), mut may) in logs.iter().enumerate().zip(may) {
        if may.iter().any(|s| open.contains(s)) {
            may.sort_by_key(rank);
            all.push(claimant(calls, sides, n, log, &may));
        }
    }
    // an order that is not that of loading
    all.sort_by_key(|c| (c.span, std::cmp::Reverse(c.named), c.print));
    let (clashes, copies) = clashes(calls, sides, logs, &all);
    // what a copy says was said already: it follows the other
    for (_, copy) in &copies {
        let choices = all.get_mut(*copy).into_iter().flat_map(|c| &mut c.choices);
        choices.for_each(|c| c.cost = Cost::default());
    }
    let next = beside(clashes.keys().copied());
    let parts = beside(parts(&all, &clashes).into_iter().chain(copies));
    for mut group in groups(all.len(), [&next, &parts]) {
        // what names the program is rather the outer server's
        group.sort_by_key(|i| all.get(*i).map(|c| (std::cmp::Reverse(c.named), *i)));
        for (i, choice) in group
            .iter()
            .zip(best(&all, &group, &clashes, [&next, &parts]))
        {
            if let Some(c) = all.get(*i)
                && let Some(o) = out.get_mut(c.log)
            {
                *o = c.choices.get(choice).map(|c| c.server);
            }
        }
    }
    out
}

/// Servers by how long they take: one that asks another takes longer than that.
fn outer(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    open: &BTreeSet<Server>,
) -> Vec<Server> {
    let mut took: BTreeMap<Server, (i64, i64)> = BTreeMap::new();
    for c in sides
        .values()
        .flatten()
        .filter_map(|i| calls.get(*i as usize))
    {
        if open.contains(&(c.dst, c.dport)) {
            let t = took.entry((c.dst, c.dport)).or_default();
            *t = (t.0.saturating_add(c.took()), t.1 + 1);
        }
    }
    let mut by: Vec<(i64, Server)> = took
        .into_iter()
        .map(|(s, (sum, n))| (sum.checked_div(n).unwrap_or(0).saturating_neg(), s))
        .collect();
    by.sort_unstable();
    by.into_iter().map(|(_, s)| s).collect()
}

fn claimant(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    n: usize,
    log: &Log,
    may: &[Server],
) -> Claimant {
    let lines = log.lines.values().flatten();
    let lines = lines.filter_map(|l| calls.get(*l as usize));
    let (mut span, mut named, mut print) = ((i64::MAX, i64::MIN), 0, 0u64);
    let mut shape = (false, false, log.clock.step, false);
    for c in lines {
        let t = log.clock.stamp.of(c).saturating_sub(log.clock.skew);
        span = (span.0.min(t), span.1.max(t));
        named += usize::from(c.ua != 0);
        shape.0 |= c.ua != 0;
        shape.1 |= c.host != 0;
        shape.3 |= c.last() > c.ts;
        let mixed = c.target.rotate_left(17) ^ c.ts.cast_unsigned();
        print = print.wrapping_add(mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    let choices = may.iter().map(|s| choice(calls, sides, log, span, *s));
    Claimant {
        log: n,
        span,
        named,
        print,
        shape,
        choices: choices.collect(),
    }
}

/// How a log fits a server.
fn choice(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    log: &Log,
    span: (i64, i64),
    server: Server,
) -> Choice {
    let get = |i: &u32| calls.get(*i as usize);
    let Clock { stamp, step, .. } = log.clock;
    let slack = step.saturating_add(JITTER);
    let in_log = span.0.saturating_sub(JITTER)..=span.1.saturating_add(slack);
    // line, end and duration of the call, distance of the times
    let mut pairs: Vec<(u32, i64, i64, i64)> = Vec::new();
    for (key, lines) in &log.lines {
        let all = sides.get(key).into_iter().flatten();
        let own = all.filter_map(get).filter(|c| (c.dst, c.dport) == server);
        let mut own: Vec<(i64, i64, i64)> =
            own.map(|c| (c.last(), c.took(), stamp.of(c))).collect();
        own.sort_unstable();
        own.retain(|o| in_log.contains(&o.2));
        // equal requests are told apart by their order alone
        if own.len() == lines.len() {
            let same = lines.iter().zip(own).filter_map(|(l, (end, long, at))| {
                let off = stamp.of(get(l)?).saturating_sub(at);
                Some((*l, end, long, off))
            });
            pairs.extend(same);
        }
    }
    pairs.sort_unstable();
    let mut cost = Cost::default();
    for (a, b) in pairs.iter().zip(pairs.iter().skip(1)) {
        if a.1 > b.1 {
            cost.order += 1;
            cost.off = cost.off.saturating_add(a.1.saturating_sub(b.1));
        }
    }
    let count = i64::try_from(pairs.len()).unwrap_or(i64::MAX);
    let mean = |sum: i64| sum.checked_div(count).unwrap_or(0);
    // whole seconds say nothing of what passes within them
    if step < S {
        let mut offs: Vec<i64> = pairs.iter().map(|p| p.3).collect();
        offs.sort_unstable();
        let middle = offs.get(offs.len() / 2).copied().unwrap_or(0);
        let apart = offs
            .iter()
            .map(|o| o.saturating_sub(middle).saturating_abs());
        cost.off = cost
            .off
            .saturating_add(mean(apart.fold(0, i64::saturating_add)));
    }
    let told = pairs.iter().filter_map(|p| Some((get(&p.0)?, p.2)));
    let longs = told
        .filter(|(line, _)| line.last() > line.ts)
        .map(|(line, long)| line.took().saturating_sub(long).saturating_abs());
    cost.long = mean(longs.fold(0, i64::saturating_add)) / ROUND_NS;
    Choice { server, cost }
}

/// Pairs of logs that claim the same calls, by the server.
type Clashes = BTreeMap<(usize, usize), BTreeMap<Server, Clash>>;

/// Clashes, and logs with their copies.
fn clashes(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    logs: &[Log],
    all: &[Claimant],
) -> (Clashes, Vec<(usize, usize)>) {
    let (mut out, mut copies) = (Clashes::new(), Vec::new());
    for (i, a) in all.iter().enumerate() {
        for (k, b) in all.iter().enumerate().skip(i + 1).take(LOGS) {
            if b.span.0 > a.span.1.saturating_add(S) {
                break;
            }
            if a.choices.len() < 2 && b.choices.len() < 2 {
                continue;
            }
            let (Some(x), Some(y)) = (logs.get(a.log), logs.get(b.log)) else {
                continue;
            };
            let time = (a.span.0.max(b.span.0), a.span.1.min(b.span.1));
            let both = a.choices.iter().map(|c| c.server);
            let both = both.filter(|s| b.choices.iter().any(|c| c.server == *s));
            let both: Vec<Server> = both
                .filter(|s| same_calls(calls, sides, [x, y], time, *s))
                .collect();
            if both.is_empty() {
                continue;
            }
            match clash(calls, x, y) {
                Some(clash) => {
                    let by = both.into_iter().map(|s| (s, clash));
                    out.insert((i, k), by.collect());
                }
                None if x.count() < y.count() => copies.push((k, i)),
                None => copies.push((i, k)),
            }
        }
    }
    (out, copies)
}

/// Whether a server has too few calls for the lines of two logs in the time that both cover: at least half of the fewer ones would
/// be left.
fn same_calls(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    logs: [&Log; 2],
    time: (i64, i64),
    server: Server,
) -> bool {
    let get = |i: &u32| calls.get(*i as usize);
    let within = |t: i64| time.0 <= t && t <= time.1;
    let count = |log: &Log, key: &Key| {
        let lines = log.lines.get(key).into_iter().flatten().filter_map(get);
        let at = lines.map(|c| log.clock.stamp.of(c).saturating_sub(log.clock.skew));
        at.filter(|t| within(*t)).count()
    };
    let [a, b] = logs;
    let slack = a.clock.step.max(b.clock.step).saturating_add(JITTER);
    let near = time.0.saturating_sub(JITTER)..=time.1.saturating_add(slack);
    let (mut over, mut all) = (0usize, (0usize, 0usize));
    for key in a.lines.keys().filter(|k| b.lines.contains_key(k)) {
        let (x, y) = (count(a, key), count(b, key));
        let own = sides.get(key).into_iter().flatten().filter_map(get);
        let own = own.filter(|c| (c.dst, c.dport) == server);
        let n = own.filter(|c| near.contains(&a.clock.stamp.of(c))).count();
        // what was not captured says nothing
        if n > 0 {
            all = (all.0 + x, all.1 + y);
            over += (x + y).saturating_sub(n).min(x).min(y);
        }
    }
    over > 0 && over * 2 >= all.0.min(all.1)
}

/// What logs that claim the same calls are to each other, in the time that both cover; `None` for copies.
fn clash(calls: &[CallLine], a: &Log, b: &Log) -> Option<Clash> {
    let (more, fewer) = match a.count() < b.count() {
        true => (b, a),
        false => (a, b),
    };
    let step = a.clock.step.max(b.clock.step).max(1);
    let of = |log: &Log| {
        let mut lines: Vec<(u32, Key, i64)> = Vec::new();
        for (key, list) in &log.lines {
            lines.extend(list.iter().filter_map(|l| {
                let at = log.clock.stamp.of(calls.get(*l as usize)?);
                Some((*l, *key, at.checked_div_euclid(step)?))
            }));
        }
        lines.sort_unstable_by_key(|(l, ..)| *l);
        lines
    };
    let mut at: BTreeMap<(Key, i64), (VecDeque<u32>, usize)> = BTreeMap::new();
    let (mut others, mut lines) = (of(more), of(fewer));
    let ends = |of: &[(u32, Key, i64)]| {
        let at = || of.iter().map(|(.., t)| *t);
        (at().min().unwrap_or(0), at().max().unwrap_or(0))
    };
    let (x, y) = (ends(&others), ends(&lines));
    // at the ends either may begin within the same moment
    let inside = |t: i64| x.0.max(y.0) < t && t < x.1.min(y.1);
    others.retain(|(.., t)| inside(*t));
    lines.retain(|(.., t)| inside(*t));
    for (l, key, t) in others {
        at.entry((key, t)).or_default().0.push_back(l);
    }
    if lines.is_empty() {
        return Some(Clash::Hard);
    }
    for (_, key, t) in &lines {
        at.entry((*key, *t)).or_default().1 += 1;
    }
    if at.values().any(|(more, fewer)| *fewer > more.len()) {
        return Some(Clash::Hard);
    }
    // a part may begin within equal lines: which of them it has is not known
    at.retain(|_, (more, fewer)| more.len() == *fewer);
    let (mut before, mut alike) = (0, true);
    for (l, key, t) in lines {
        let same = at.get_mut(&(key, t)).and_then(|(more, _)| more.pop_front());
        let Some(same) = same else { continue };
        if same < before {
            return Some(Clash::Hard);
        }
        before = same;
        let told = |l: u32| {
            calls
                .get(l as usize)
                .map(|c| (c.ua, c.host, c.src, c.took()))
        };
        alike &= told(l) == told(same);
    }
    (!alike).then_some(Clash::Soft)
}

/// Logs beside each log.
type Beside = BTreeMap<usize, Vec<usize>>;

fn beside(pairs: impl Iterator<Item = (usize, usize)>) -> Beside {
    let mut next = Beside::new();
    for (a, b) in pairs {
        next.entry(a).or_default().push(b);
        next.entry(b).or_default().push(a);
    }
    next
}

/// Parts of one log: they follow each other and are of one shape, which what clashes with them has not.
fn parts(all: &[Claimant], clashes: &Clashes) -> Vec<(usize, usize)> {
    let shape = |i: usize| all.get(i).map(|c| c.shape);
    let mut told: BTreeSet<usize> = BTreeSet::new();
    let mut untold: BTreeSet<usize> = BTreeSet::new();
    for ((a, b), by) in clashes {
        let hard = by.values().any(|c| *c == Clash::Hard);
        match hard && shape(*a) == shape(*b) {
            true => untold.extend([*a, *b]),
            false => told.extend([*a, *b]),
        }
    }
    let mut last: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut out = Vec::new();
    for i in told.difference(&untold) {
        let Some(c) = all.get(*i) else { continue };
        // whole logs of one shape are none: they last as long
        let before = last.insert(c.shape, *i);
        if let Some(b) = before.and_then(|b| Some((b, all.get(b)?)))
            && b.1.span.1 <= c.span.0.saturating_add(S)
        {
            out.push((b.0, *i));
        }
    }
    out
}

/// Logs that say something of each other.
fn groups(n: usize, next: [&Beside; 2]) -> Vec<Vec<usize>> {
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut out = Vec::new();
    for i in 0..n {
        let mut group = Vec::new();
        let mut open = vec![i];
        while let Some(i) = open.pop() {
            if seen.insert(i) {
                group.push(i);
                open.extend(next.iter().filter_map(|n| n.get(&i)).flatten());
            }
        }
        if !group.is_empty() {
            out.push(group);
        }
    }
    out
}

/// The choice of each log of a group with which all fit best.
fn best(
    all: &[Claimant],
    group: &[usize],
    clashes: &Clashes,
    [next, parts]: [&Beside; 2],
) -> Vec<usize> {
    let many = |i: &usize| all.get(*i).map_or(0, |a| a.choices.len()).max(1);
    let ways = group
        .iter()
        .try_fold(1usize, |n, i| n.checked_mul(many(i)))
        .filter(|n| *n <= WAYS && group.len() <= LOGS);
    // of a log beside those that are placed: clashes that are hard and parts that are torn, durations, clashes that are soft, the rest
    let weigh = |placed: &BTreeMap<usize, Server>, i: usize, c: usize| {
        let (mut hard, mut soft) = (0usize, 0usize);
        let Some(x) = all.get(i).and_then(|a| a.choices.get(c)) else {
            return ((0, 0, 0, Cost::default()), None);
        };
        for k in next.get(&i).into_iter().flatten() {
            let with = clashes.get(&(i.min(*k), i.max(*k)));
            let with = with.filter(|_| placed.get(k) == Some(&x.server));
            match with.and_then(|w| w.get(&x.server)) {
                Some(Clash::Hard) => hard += 1,
                Some(Clash::Soft) => soft += 1,
                None => {}
            }
        }
        let parts = parts.get(&i).into_iter().flatten();
        let torn = parts.filter(|k| placed.get(*k).is_some_and(|s| *s != x.server));
        (
            (hard + torn.count(), x.cost.long, soft, x.cost),
            Some(x.server),
        )
    };
    let mut placed: BTreeMap<usize, Server> = BTreeMap::new();
    let Some(ways) = ways else {
        let mut way: Vec<usize> = Vec::new();
        for i in group {
            let c = (0..many(i)).min_by_key(|c| weigh(&placed, *i, *c).0);
            let c = c.unwrap_or(0);
            placed.extend(weigh(&placed, *i, c).1.map(|s| (*i, s)));
            way.push(c);
        }
        return way;
    };
    let way = |mut n: usize| {
        // the last log's choice changes fastest
        let mut way: Vec<usize> = Vec::new();
        for i in group.iter().rev() {
            way.push(n.checked_rem(many(i)).unwrap_or(0));
            n = n.checked_div(many(i)).unwrap_or(0);
        }
        way.reverse();
        way
    };
    // of equal ones the first in order
    let found = (0..ways).min_by_key(|n| {
        placed.clear();
        let mut sum = (0usize, 0i64, 0usize, Cost::default());
        for (i, c) in group.iter().zip(way(*n)) {
            let ((hard, long, soft, cost), server) = weigh(&placed, *i, c);
            sum.0 += hard;
            sum.1 = sum.1.saturating_add(long);
            sum.2 += soft;
            sum.3 = sum.3.plus(cost);
            placed.extend(server.map(|s| (*i, s)));
        }
        sum
    });
    way(found.unwrap_or(0))
}
