//! Sets near the best one, weighed. In: the leak, a set that nothing simple improves. Out: the best set met, its ties, its share of
//! the posterior. Bounds: [`POOL`] accounts, neighbours of [`MOST`] sets, each set fitted once, and hardly more than [`WORK`] groups
//! fitted in all.

use super::fit::{Fit, Groups, Leak, fit, fit_groups, groups};
use super::segments::alike;
use super::{Reads, SET_MAX, TEAM, look, ranked, without};
use rustc_hash::{FxHashMap, FxHashSet};

/// Accounts that may be in a set: members and those that could replace them.
const POOL: usize = 32;
/// Of these, who received just the same as a member, at most.
const TWINS: usize = 12;
/// Sets whose neighbours are weighed: at least, at most, and how much worse than the best one in nats.
const LEAST: usize = 4;
const MOST: usize = 12;
const FAR: f64 = 8.0;
/// Nats that members beyond [`TEAM`] must gain together; else they are left out rather than nobody named.
const LITTLE: f64 = 6.0;
/// Groups times fits.
const WORK: usize = 2_000_000;
/// Accounts of the pool for which it is worked out what they may have missed.
const LOOKED: usize = 12;
/// Sets whose likelihood differs by less than this (in nats) cannot be told apart.
const TIE_NATS: f64 = 0.7;
/// The same of accounts that received just the same records: only the order of their reads differs. Reads that two made within minutes of each
/// other cut a stretch in a few more pieces of one than of the other, five nats each; five pieces name nobody.
const SAME_NATS: f64 = 25.0;
/// The likelihood takes each row for a witness of its own, but rows leak together: what differs counts for this much of it.
const TEMPER: f64 = 0.6;

#[derive(Default)]
pub(super) struct Found {
    pub set: Vec<usize>,
    pub best: Fit,
    pub ties: Vec<Vec<usize>>,
    pub others: Vec<(Vec<usize>, f64)>,
    pub confidence: f64,
}

/// Log-likelihoods of sets (bits by position in the pool), each worked out once.
struct Scores<'a> {
    l: &'a Leak,
    pool: Vec<usize>,
    groups: Groups,
    /// Whether members may have received records in no capture.
    missing: bool,
    /// What each set explains, and what it costs.
    seen: FxHashMap<u64, (f64, f64)>,
}

impl Scores<'_> {
    fn of(&mut self, set: u64) -> f64 {
        if let Some((ll, cost)) = self.seen.get(&set) {
            return ll - cost;
        }
        if set.count_ones() as usize > SET_MAX {
            return f64::NEG_INFINITY;
        }
        let at: Vec<usize> = (0..self.pool.len()).filter(|i| set >> i & 1 == 1).collect();
        let f = fit_groups(self.l, &self.groups, &self.pool, &at, self.missing);
        self.seen.insert(set, (f.ll, f.price));
        f.score()
    }
    /// Weight of a set against another: what the rows say is tempered, what sets cost is not.
    fn odds(&self, to: u64, from: u64) -> f64 {
        match (self.seen.get(&to), self.seen.get(&from)) {
            (Some(to), Some(from)) => TEMPER * (to.0 - from.0) - to.1 + from.1,
            _ => f64::NEG_INFINITY,
        }
    }
    /// The best of some sets; of equal ones the smallest, then the first in order.
    fn top(&self, of: impl Fn(u64) -> bool) -> Option<(f64, u64)> {
        let open = self.seen.iter().filter(|x| of(*x.0));
        open.map(|(m, x)| (x.0 - x.1, *m)).max_by(|a, b| {
            let order = a.0.total_cmp(&b.0);
            order
                .then(b.1.count_ones().cmp(&a.1.count_ones()))
                .then(b.1.cmp(&a.1))
        })
    }
    fn accounts(&self, set: u64) -> Vec<usize> {
        let mut v: Vec<usize> = (0..self.pool.len())
            .filter(|i| set >> i & 1 == 1)
            .map(|i| self.pool[i])
            .collect();
        v.sort_unstable();
        v
    }
}

/// Weighs the neighbours of a set, and theirs.
pub(super) fn walk(reads: &Reads, l: &mut Leak, set: &[usize], best: &Fit) -> Found {
    // Members, who would join them, who would stand for each of them, who stands best alone.
    let mut pool: Vec<usize> = set.to_vec();
    let mut lists: Vec<Vec<usize>> = Vec::new();
    let order = |v: Vec<(f64, usize)>| v.into_iter().take(POOL).map(|x| x.1).collect::<Vec<_>>();
    lists.push(order(ranked(l, best, set)));
    for a in set {
        lists.push(order(ranked(l, &fit(l, &without(set, *a)), set)));
    }
    lists.push(order(ranked(l, &fit(l, &[]), set)));
    // Who received just the same as a member comes first: it is a tie, or it must be seen that it is none.
    let same = |a: &usize| {
        set.iter()
            .any(|m| m != a && reads.by_account.get(*m) == reads.by_account.get(*a))
    };
    let twins = (0..l.rows.len()).filter(|a| !set.contains(a) && !l.barred[*a] && same(a));
    pool.extend(twins.take(TWINS));
    for rank in 0..POOL {
        for list in &lists {
            if let Some(a) = list.get(rank)
                && pool.len() < POOL
                && !pool.contains(a)
            {
                pool.push(*a);
            }
        }
    }
    let missing = best.missed > 0.0;
    if missing {
        // What the likeliest may have missed, and who received the same as a member: these must not be told apart by who was looked at.
        let who: Vec<usize> = pool
            .iter()
            .enumerate()
            .filter(|(i, a)| *i < LOOKED || set.iter().any(|m| alike(&l.all[**a], &l.all[*m])))
            .map(|x| *x.1)
            .collect();
        look(reads, l, &who);
    }
    let l: &Leak = l;
    let mut s = Scores {
        l,
        groups: groups(l, &pool, missing),
        pool,
        missing,
        seen: FxHashMap::default(),
    };
    let n = s.pool.len();
    let fits = (WORK / s.groups.len().max(1)).max(4 * n);
    let first: u64 = (0..set.len()).map(|i| 1u64 << i).sum();
    s.of(first);
    // All of one and two accounts first, as far as the work allows: that is where a greedy start goes wrong.
    s.of(0);
    for i in 0..n {
        s.of(1 << i);
        for j in 0..i.min(12) {
            if s.seen.len() < fits / 2 && i < 12 {
                s.of(1 << i | 1 << j);
            }
        }
    }
    // The neighbours of the best set, then of the next best, and so on: one more, one less, one for another. What a swap loses another
    // may gain, so some that are worse are looked at as well.
    let mut done: FxHashSet<u64> = FxHashSet::default();
    while done.len() < MOST && s.seen.len() < fits {
        let Some((score, base)) = s.top(|m| !done.contains(&m)) else {
            break;
        };
        let best = s.top(|_| true).map_or(score, |x| x.0);
        if done.len() >= LEAST && score < best - FAR {
            break;
        }
        done.insert(base);
        for i in 0..n {
            let bit = 1u64 << i;
            s.of(base ^ bit);
            if base & bit == 0 {
                for j in (0..n).filter(|j| base >> j & 1 == 1) {
                    s.of(base ^ bit ^ (1 << j));
                }
            }
        }
    }
    let mut top = s.top(|_| true).unwrap_or_default();
    if size(top.1) > TEAM
        && let Some(few) = s.top(|m| size(m) <= TEAM)
        && few.0 > top.0 - LITTLE
    {
        top = few;
    }
    finish(reads, l, s, top)
}

fn size(set: u64) -> usize {
    set.count_ones() as usize
}

fn finish(reads: &Reads, l: &Leak, mut s: Scores<'_>, top: (f64, u64)) -> Found {
    let (score, mask) = top;
    let n = s.pool.len();
    // Ties: who can stand for a member at no loss.
    let mut class_of: Vec<usize> = (0..n).collect();
    let mut ties: Vec<Vec<usize>> = Vec::new();
    for m in (0..n).filter(|m| mask >> m & 1 == 1) {
        let mut class = vec![s.pool[m]];
        for c in (0..n).filter(|c| mask >> c & 1 == 0) {
            let other = s.of(mask ^ (1 << m) ^ (1 << c));
            let reads_of = |i: usize| s.pool.get(i).and_then(|a| reads.by_account.get(*a));
            let limit = match reads_of(m) == reads_of(c) {
                true => SAME_NATS,
                false => TIE_NATS,
            };
            if (score - other).abs() < limit {
                class.push(s.pool[c]);
                class_of[c] = m;
            }
        }
        if class.len() > 1 {
            class.sort_unstable();
            ties.push(class);
        }
    }
    ties.sort();
    ties.dedup();
    // Posterior: sets that differ only by ties are one.
    let mut seen: Vec<u64> = s.seen.keys().copied().collect();
    seen.sort_unstable();
    let mut by: FxHashMap<u64, f64> = FxHashMap::default();
    let mut sum = 0.0;
    let name = |m: u64| -> u64 {
        let mut out = 0u64;
        for i in (0..n).filter(|i| m >> i & 1 == 1) {
            out |= 1 << class_of[i];
        }
        // Two of one class are two.
        if out.count_ones() == m.count_ones() {
            out
        } else {
            m
        }
    };
    for m in &seen {
        let w = s.odds(*m, mask).exp();
        sum += w;
        *by.entry(name(*m)).or_default() += w;
    }
    let own = by.get(&mask).copied().unwrap_or(1.0);
    let mut others: Vec<(u64, f64)> = by.into_iter().filter(|x| x.0 != mask).collect();
    others.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let set = s.accounts(mask);
    Found {
        best: fit(l, &set),
        ties,
        others: others
            .into_iter()
            .take(8)
            .map(|(m, w)| (s.accounts(m), w / sum))
            .filter(|x| x.1 > 0.001)
            .collect(),
        confidence: own / sum,
        set,
    }
}
