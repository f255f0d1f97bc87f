//! Which set of accounts explains a leak best. In: for each account the records that were delivered to it, and the
//! records that leaked, all as small integers. Out: a set, ties, the gain of every account, a confidence.
//! Bounds: work is linear in the leaked deliveries times the rounds of [`ROUNDS`]; no randomness, so equal input gives
//! equal output.
//!
//! Model (noisy or): a record t leaks from elsewhere with a rate b that depends only on how many accounts received it
//! (popular records turn up in any list), and from each account a of the set G that received it with rate q(a).
//!
//! `LL(G,q) = sum over leaked t of ln[1 - (1-b(t)) prod (1-q(a))] + sum over the others of ln[(1-b(t)) prod (1-q(a))]`
//!
//! An account joins while that gains more than `ln N + max(ln|S| / 2, ln SURE)`; rates are fitted by EM; then accounts that are not
//! needed leave, and each member is tried against every other account in its place. At last a member must leak a
//! higher share of what it read than leaks of what its peers read and no member did: an honest reader of one region
//! is not the source because a region leaked.

use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// Rounds of EM: rates are steady to 1e-4 long before.
const ROUNDS: usize = 60;
/// Members at most: more is not a set of leakers but a bad fit.
const SET_MAX: usize = 16;
/// Sets whose likelihood differs by less than this (in nats) cannot be told apart.
const TIE_NATS: f64 = 1.0;
/// Accounts tried as replacements and additions when the confidence is worked out.
const RIVALS: usize = 24;
/// How many times likelier than chance the best of N accounts must be. `ln N` alone is what the luckiest of N innocent ones
/// gains; a clue of one value would name somebody as often as not.
const SURE: f64 = 20.0;
/// Rates stay away from 0 and 1, where logarithms end.
const EPS: f64 = 1e-9;

/// What was delivered to whom.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Records in all: those delivered to anybody, and leaked ones that nobody received. Ids are below this.
    pub universe: u32,
    /// For each account the ids of the records delivered to it, sorted, distinct.
    pub by_account: Vec<Vec<u32>>,
    /// Ids of the leaked records, sorted, distinct.
    pub leaked: Vec<u32>,
    /// Nats of evidence for each account that does not lie in what it read (it was seen sending rows out); 0 beyond the
    /// end.
    pub beside: Vec<f64>,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Solution {
    /// Members, ascending.
    pub set: Vec<usize>,
    /// Accounts that cannot be told apart, each class ascending; one of each class stands in `set`.
    pub ties: Vec<Vec<usize>>,
    /// Probability of the set (or of none) among the alternatives weighed.
    pub confidence: f64,
    /// Gain in nats of each account alone over background.
    pub gain: Vec<f64>,
    /// For each account the rate at which it would leak what it reads: fitted for members, alone for the others.
    pub rate: Vec<f64>,
    /// Leaked records of each account.
    pub covered: Vec<u32>,
    /// Gain in nats of the whole set.
    pub set_gain: f64,
    /// Members that left because their peers' records leak as often: account, its rate, the peers' rate.
    pub peers: Vec<(usize, f64, f64)>,
    /// What an account must gain to join, in nats.
    pub threshold: f64,
}

/// Leaked records renumbered from 0, with the background class of each.
struct Leak {
    /// For each account: indices of its leaked records.
    rows: Vec<Vec<u32>>,
    /// For each account: records read that did not leak.
    rest: Vec<f64>,
    /// Background class of each leaked record.
    bin: Vec<usize>,
    /// Records of each background class.
    bin_all: Vec<f64>,
    /// Other evidence for each account, in nats.
    beside: Vec<f64>,
}

fn bin_of(readers: u32) -> usize {
    (u32::BITS - readers.leading_zeros()) as usize
}

impl Leak {
    fn new(r: &Reads) -> Leak {
        let mut readers = vec![0u32; r.universe as usize];
        for a in &r.by_account {
            for t in a {
                if let Some(n) = readers.get_mut(*t as usize) {
                    *n += 1;
                }
            }
        }
        let mut bin_all = vec![0.0; 34];
        for n in &readers {
            bin_all[bin_of(*n)] += 1.0;
        }
        let mut index = vec![u32::MAX; r.universe as usize];
        let mut bin = Vec::with_capacity(r.leaked.len());
        for (i, t) in (0u32..).zip(&r.leaked) {
            index[*t as usize] = i;
            bin.push(bin_of(readers[*t as usize]));
        }
        let rows: Vec<Vec<u32>> = r
            .by_account
            .iter()
            .map(|a| {
                a.iter()
                    .map(|t| index[*t as usize])
                    .filter(|i| *i != u32::MAX)
                    .collect()
            })
            .collect();
        let rest = r
            .by_account
            .iter()
            .zip(&rows)
            .map(|(a, s)| (a.len() - s.len()) as f64)
            .collect();
        Leak {
            rows,
            rest,
            bin,
            bin_all,
            beside: (0..r.by_account.len())
                .map(|a| r.beside.get(a).copied().unwrap_or(0.0))
                .collect(),
        }
    }
}

/// Fitted rates of one set.
#[derive(Clone)]
struct Fit {
    ll: f64,
    q: Vec<f64>,
    b: Vec<f64>,
    /// For each leaked record `prod (1-q(a))` over the members that received it.
    keep: Vec<f64>,
}

fn clamp(x: f64) -> f64 {
    x.clamp(EPS, 1.0 - EPS)
}

/// EM on the members' rates and the background rates. Leaked records that the same members received and that are of one
/// background class are alike, so they are fitted as one group with a count.
fn fit(l: &Leak, set: &[usize]) -> Fit {
    let mut mask = vec![0u32; l.bin.len()];
    for (i, a) in set.iter().enumerate() {
        for t in &l.rows[*a] {
            mask[*t as usize] |= 1 << (i & 31);
        }
    }
    let mut groups: BTreeMap<(u32, usize), f64> = BTreeMap::new();
    for key in mask.iter().copied().zip(l.bin.iter().copied()) {
        *groups.entry(key).or_default() += 1.0;
    }
    let groups: Vec<(u32, usize, f64)> = groups.into_iter().map(|((m, b), n)| (m, b, n)).collect();
    let mut in_bin = vec![0.0; l.bin_all.len()];
    for (_, bin, n) in &groups {
        in_bin[*bin] += n;
    }
    let rate = |hits: &[f64]| -> Vec<f64> {
        hits.iter()
            .zip(&l.bin_all)
            .map(|(h, n)| clamp(if *n > 0.0 { h / n } else { 0.0 }))
            .collect()
    };
    let total = |a: usize| (l.rows[a].len() as f64 + l.rest[a]).max(1.0);
    let mut b = rate(&in_bin);
    let mut q: Vec<f64> = set
        .iter()
        .map(|a| clamp(l.rows[*a].len() as f64 / total(*a)))
        .collect();
    // Chance that a group's record leaked from no member.
    let kept = |q: &[f64], m: u32| -> f64 {
        q.iter()
            .enumerate()
            .filter(|(i, _)| m >> i & 1 == 1)
            .map(|(_, q)| 1.0 - q)
            .product()
    };
    for _ in 0..if set.is_empty() { 0 } else { ROUNDS } {
        let mut share = vec![0.0; set.len()];
        let mut hits = vec![0.0; l.bin_all.len()];
        for (m, bin, n) in &groups {
            let leak = (1.0 - (1.0 - b[*bin]) * kept(&q, *m)).max(EPS);
            hits[*bin] += n * b[*bin] / leak;
            for (i, s) in share.iter_mut().enumerate() {
                if m >> i & 1 == 1 {
                    *s += n * q[i] / leak;
                }
            }
        }
        let mut moved = 0.0f64;
        for ((a, q), s) in set.iter().zip(&mut q).zip(&share) {
            let new = clamp(s / total(*a));
            moved = moved.max((new - *q).abs());
            *q = new;
        }
        b = rate(&hits);
        if moved < 1e-5 {
            break;
        }
    }
    let mut ll: f64 = groups
        .iter()
        .map(|(m, bin, n)| n * (1.0 - (1.0 - b[*bin]) * kept(&q, *m)).max(EPS).ln())
        .sum();
    for ((all, hit), b) in l.bin_all.iter().zip(&in_bin).zip(&b) {
        ll += (all - hit) * (1.0 - b).ln();
    }
    for (a, q) in set.iter().zip(&q) {
        ll += l.rest[*a] * (1.0 - q).ln() + l.beside[*a];
    }
    let keep = mask.iter().map(|m| kept(&q, *m)).collect();
    Fit { ll, q, b, keep }
}

/// What account `a` would gain on top of a fit, all other rates held, and its rate: a lower bound of the refitted gain.
fn quick_gain(l: &Leak, f: &Fit, a: usize) -> (f64, f64) {
    let rows = &l.rows[a];
    let total = rows.len() as f64 + l.rest[a];
    if rows.is_empty() {
        return (0.0, 0.0);
    }
    let stay: Vec<f64> = rows
        .iter()
        .map(|t| (1.0 - f.b[l.bin[*t as usize]]) * f.keep[*t as usize])
        .collect();
    let mut q = clamp(rows.len() as f64 / total);
    for _ in 0..12 {
        let s: f64 = stay
            .iter()
            .map(|p| q / (1.0 - p * (1.0 - q)).max(EPS))
            .sum();
        q = clamp(s / total);
    }
    let gain: f64 = stay
        .iter()
        .map(|p| ((1.0 - p * (1.0 - q)).max(EPS) / (1.0 - p).max(EPS)).ln())
        .sum::<f64>()
        + l.rest[a] * (1.0 - q).ln();
    (gain + l.beside[a], q)
}

/// Accounts by what they would gain on top of a fit, best first, members left out.
fn ranked(l: &Leak, f: &Fit, set: &[usize]) -> Vec<(f64, usize)> {
    let mut out: Vec<(f64, usize)> = (0..l.rows.len())
        .filter(|a| !set.contains(a) && !l.rows[*a].is_empty())
        .map(|a| (quick_gain(l, f, a).0, a))
        .collect();
    out.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    out
}

fn with(set: &[usize], a: usize) -> Vec<usize> {
    let mut s = set.to_vec();
    s.push(a);
    s.sort_unstable();
    s
}

fn without(set: &[usize], a: usize) -> Vec<usize> {
    set.iter().copied().filter(|x| *x != a).collect()
}

/// Finds the set.
pub fn solve(reads: &Reads) -> Solution {
    let l = Leak::new(reads);
    let n = reads.by_account.len();
    let active = l.rows.iter().filter(|r| !r.is_empty()).count();
    // What one more account costs, and what it must gain to be named.
    let accounts = (n.max(2) as f64).ln();
    let rows = 0.5 * (reads.leaked.len().max(1) as f64).ln();
    let cost = accounts + rows;
    let threshold = accounts + rows.max(SURE.ln());
    let null = fit(&l, &[]);
    let mut out = Solution {
        threshold,
        covered: l.rows.iter().map(|r| r.len() as u32).collect(),
        ..Solution::default()
    };
    for a in 0..n {
        let (g, q) = quick_gain(&l, &null, a);
        out.gain.push(g);
        out.rate.push(q);
    }
    if reads.leaked.is_empty() || active == 0 {
        out.confidence = 1.0;
        return out;
    }
    let (mut set, mut best) = grow(&l, Vec::new(), null.clone(), threshold);
    // A member that only resembles the leaked reads of its peers leaves, and the rest is fitted again.
    let mut barred: Vec<usize> = Vec::new();
    while let Some((a, own, others)) = weakest_by_peers(reads, &l, &set, &best, n) {
        out.peers.push((a, own, others));
        barred.push(a);
        set = without(&set, a);
        best = fit(&l, &set);
        if barred.len() > SET_MAX {
            break;
        }
    }
    for (a, q) in set.iter().zip(&best.q) {
        out.rate[*a] = *q;
    }
    out.set_gain = best.ll - null.ll;
    confidence(&l, &set, &best, &null, (cost, threshold), &barred, &mut out);
    out.set = set;
    out
}

/// Greedy additions, removals and replacements until nothing improves.
fn grow(l: &Leak, mut set: Vec<usize>, mut best: Fit, threshold: f64) -> (Vec<usize>, Fit) {
    for _ in 0..4 * SET_MAX {
        let mut changed = false;
        if set.len() < SET_MAX {
            // Held rates understate what a refit gains, so a few of the best are refitted.
            let mut top: Option<(f64, usize, Fit)> = None;
            for (g, a) in ranked(l, &best, &set).into_iter().take(4) {
                if g <= 0.0 {
                    break;
                }
                let f = fit(l, &with(&set, a));
                if top.as_ref().is_none_or(|t| f.ll > t.0 + 1e-9) {
                    top = Some((f.ll, a, f));
                }
            }
            if let Some((ll, a, f)) = top
                && ll - best.ll > threshold
            {
                set = with(&set, a);
                best = f;
                changed = true;
            }
        }
        for a in set.clone() {
            let less = without(&set, a);
            let f = fit(l, &less);
            if best.ll - f.ll <= threshold {
                set = less;
                best = f;
                changed = true;
                continue;
            }
            for (_, r) in ranked(l, &f, &set).into_iter().take(3) {
                let other = with(&less, r);
                let g = fit(l, &other);
                if g.ll > best.ll + 1e-6 {
                    set = other;
                    best = g;
                    changed = true;
                    break;
                }
            }
        }
        if !changed {
            break;
        }
    }
    (set, best)
}

/// The member whose rate stands least above the rate at which records of its peers leaked that no member received, if
/// that is no more than chance allows: account, own rate, peers' rate.
fn weakest_by_peers(
    reads: &Reads,
    l: &Leak,
    set: &[usize],
    best: &Fit,
    n: usize,
) -> Option<(usize, f64, f64)> {
    let leaked: FxHashSet<u32> = reads.leaked.iter().copied().collect();
    let mut by_set = vec![false; reads.universe as usize];
    for a in set {
        for t in &reads.by_account[*a] {
            by_set[*t as usize] = true;
        }
    }
    let mut worst: Option<(f64, usize, f64, f64)> = None;
    for (a, q) in set.iter().zip(&best.q) {
        // Seen sending rows out: what its peers read does not speak for it any more.
        if l.beside[*a] > 0.0 {
            continue;
        }
        let mut own = vec![false; reads.universe as usize];
        for t in &reads.by_account[*a] {
            own[*t as usize] = true;
        }
        // Weight of a record: the largest share of a reader's records that this account received too.
        let mut weight = vec![0.0f32; reads.universe as usize];
        for (c, theirs) in reads.by_account.iter().enumerate() {
            if c == *a || set.contains(&c) || theirs.is_empty() {
                continue;
            }
            let both = theirs.iter().filter(|t| own[**t as usize]).count();
            let share = both as f32 / theirs.len() as f32;
            for t in theirs {
                let w = &mut weight[*t as usize];
                *w = w.max(share);
            }
        }
        let (mut hit, mut all) = (0.0f64, 0.0f64);
        for (t, w) in (0u32..).zip(&weight) {
            if *w > 0.0 && !by_set[t as usize] {
                // Squared: near peers speak, strangers hardly do.
                let w = f64::from(*w) * f64::from(*w);
                all += w;
                if leaked.contains(&t) {
                    hit += w;
                }
            }
        }
        if all < 1.0 {
            continue;
        }
        let peers = clamp((hit + 0.5) / (all + 1.0));
        let total = l.rows[*a].len() as f64 + l.rest[*a];
        let own_rate = clamp(*q);
        // Likelihood ratio of the account's own explained leaks at its rate against the peers' rate.
        let k = own_rate * total;
        let nats =
            k * (own_rate / peers).ln() + (total - k) * ((1.0 - own_rate) / (1.0 - peers)).ln();
        let limit = (n.max(2) as f64).ln();
        if (own_rate <= peers || nats < limit) && worst.as_ref().is_none_or(|w| nats < w.0) {
            worst = Some((nats, *a, own_rate, peers));
        }
    }
    worst.map(|(_, a, o, p)| (a, o, p))
}

/// Weighs the set against its neighbours: each member gone, each rival added, each member replaced.
fn confidence(
    l: &Leak,
    set: &[usize],
    best: &Fit,
    null: &Fit,
    (cost, threshold): (f64, f64),
    barred: &[usize],
    out: &mut Solution,
) {
    let score = |ll: f64, k: usize| ll - k as f64 * cost;
    let own = score(best.ll, set.len());
    let mut odds = 1.0f64;
    let weigh = |s: f64| (s - own).min(0.0).exp();
    if set.len() > 1 {
        odds += weigh(score(null.ll, 0));
    }
    for (_, r) in ranked(l, best, set).into_iter().take(RIVALS) {
        if !barred.contains(&r) {
            odds += weigh(score(fit(l, &with(set, r)).ll, set.len() + 1));
        }
    }
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for a in set {
        let less = without(set, *a);
        let f = fit(l, &less);
        odds += weigh(score(f.ll, less.len()));
        let mut class = vec![*a];
        for (_, r) in ranked(l, &f, set).into_iter().take(RIVALS) {
            if barred.contains(&r) {
                continue;
            }
            let ll = fit(l, &with(&less, r)).ll;
            if (best.ll - ll).abs() < TIE_NATS && ll - f.ll > threshold {
                class.push(r);
            } else {
                odds += weigh(score(ll, set.len()));
            }
        }
        if class.len() > 1 {
            class.sort_unstable();
            classes.push(class);
        }
    }
    classes.sort();
    classes.dedup();
    out.ties = classes;
    out.confidence = 1.0 / odds;
}
