//! Which set of accounts explains a leak best. In: for each account the records that were delivered to it, and the
//! records that leaked, all as small integers. Out: a set, ties, the gain of every account, a confidence.
//! Bounds: work is linear in the leaked deliveries times the sets weighed ([`sample`] bounds those); equal input gives equal output.
//!
//! Model (noisy or): a record t leaks from elsewhere with a rate b that depends only on how many accounts received it
//! (popular records turn up in any list), and from each account a of the set G that received it with rate q(a).
//!
//! `LL(G,q) = sum over leaked t of ln[1 - (1-b(t)) prod (1-q(a))] + sum over the others of ln[(1-b(t)) prod (1-q(a))]`
//!
//! - [`segments`]: what an account took may be a stretch of its reads (an export, one evening), or those with one property (a region):
//!   then only that part counts, at the price of saying which it is.
//! - An account joins while that gains more than `ln N + max(ln|S| / 2, ln SURE)`, less for later ones (there are fewer sets than
//!   orders in which their members join), more where some give away all and others little; rates are fitted by EM; then accounts that
//!   are not needed leave, and each member is tried against every other account in its place.
//! - [`missed`]: a capture seldom has all. What readers like a member received and it did not may have reached it in no capture: such a
//!   record leaks from it at its rate times the share of its reads that is missing, one share for all, fitted with the rates. Where that
//!   would take more than can be missing, the captures are taken for whole: what leaked at its source looks like that.
//! - [`peers`]: a member must leak a higher share of what it read than leaks of what its peers read and no member did: an honest
//!   reader of one region is not the source because a region leaked.
//! - [`sample`]: the neighbours of the best sets are weighed; what they weigh together is the posterior, and a better one is taken.
//! - [`belief`]: what such a share of the posterior was worth on leaks whose truth is known.

mod belief;
mod fit;
mod missed;
mod peers;
mod sample;
mod segments;

use fit::{Fit, Leak, fit, quick_gain, splits};

/// Members at most: more is not a set of leakers but a bad fit.
const SET_MAX: usize = 8;
/// Members that are named at most. Of 32 answers with more on 3,800 seeded leaks none was right: a leak at its source looks like
/// many readers.
pub const TEAM: usize = 5;
/// How many times likelier than chance the best of N accounts must be. `ln N` alone is what the luckiest of N innocent ones
/// gains; a clue of one value would name somebody as often as not.
const SURE: f64 = 20.0;
/// As many left because their peers' records leaked as often, and a full team still stands: these are such readers too. Of 5 such answers
/// on 1,100 seeded leaks none was right.
const LIKE: usize = 3;
/// Members that may leave for what their peers read; where more would have to, nobody is named.
const BARRED: usize = 12;
/// A set must have received this share of the leaked records that anybody received: what leaves most of a leak to somebody
/// unknown is better explained by him alone.
const EXPLAINED: f64 = 0.5;
/// Where so much of the leak was received by nobody, whoever received much of the rest may have done so by chance: a region that left at
/// its source was read by somebody too. No more than one of so many accounts is told from that.
const UNKNOWN: f64 = 0.45;
const OF_MANY: usize = 40;

fn explained(l: &Leak, reads: &Reads, set: &[usize]) -> f64 {
    let mut by = vec![false; l.bin.len()];
    for t in set
        .iter()
        .filter_map(|a| reads.by_account.get(*a))
        .flatten()
    {
        if let Some(x) = l
            .index
            .get(*t as usize)
            .and_then(|i| by.get_mut(*i as usize))
        {
            *x = true;
        }
    }
    let seen = l.read.iter().filter(|b| **b).count();
    by.iter().filter(|x| **x).count() as f64 / seen.max(1) as f64
}

/// A property that records have, with few different values: a field that stands beside what identifies them.
#[derive(Debug, Clone, Default)]
pub struct Label {
    /// Name of the field.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// For each record 0 where it is not known, else one more than the place of its value.
    pub of: Vec<u16>,
}

/// What was delivered to whom.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Records in all: those delivered to anybody, and leaked ones that nobody received. Ids are below this.
    pub universe: u32,
    /// For each account the ids of the records delivered to it, sorted, distinct.
    pub by_account: Vec<Vec<u32>>,
    /// The same ids for each account in the order in which they were first delivered; empty beyond the end or where not known.
    pub in_order: Vec<Vec<u32>>,
    /// The same in the order in which they were last delivered, for accounts of which it is another one; else empty.
    pub at_last: Vec<Vec<u32>>,
    /// Ids of the leaked records, sorted, distinct.
    pub leaked: Vec<u32>,
    /// Properties of records that somebody may have picked them by.
    pub labels: Vec<Label>,
    /// Leave out what peers say.
    pub no_peers: bool,
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
    /// Of `gain`, what is due to the leaked records standing close together among the account's reads.
    pub burst: Vec<f64>,
    /// Records in those stretches; all of the account's where there are none.
    pub stretch: Vec<u32>,
    /// The property whose records alone count of an account's, where that explains more: label and value as [`Label::of`] has them.
    pub picked: Vec<Option<(usize, u16)>>,
    /// The property that the leak goes by, whoever received its records, where that is the better background.
    pub by: Option<String>,
    /// Gain in nats of the whole set.
    pub set_gain: f64,
    /// Share of what the members received that seems to be in no capture; 0 where nothing speaks for that.
    pub missed: f64,
    /// Members that left because their peers' records leak as often: account, its rate, the peers' rate.
    pub peers: Vec<(usize, f64, f64)>,
    /// What an account must gain to join, in nats.
    pub threshold: f64,
    /// Share of the leaked records delivered to anybody that members received.
    pub explained: f64,
    /// A set that gains enough and still leaves most of the leak unexplained, or has more than [`TEAM`] members, or may have read by
    /// chance what left at its source: nobody is named.
    pub left: Vec<usize>,
    /// Other sets and their share of the posterior, best first.
    pub others: Vec<(Vec<usize>, f64)>,
}

/// Accounts by what they would gain on top of a fit, best first, members left out.
fn ranked(l: &Leak, f: &Fit, set: &[usize]) -> Vec<(f64, usize)> {
    let mut out: Vec<(f64, usize)> = (0..l.rows.len())
        .filter(|a| !set.contains(a) && !l.rows[*a].is_empty() && !l.barred[*a])
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

/// Finds the set. Where the leak goes by a property of its records, it may have left at its source, whoever received what: that is
/// weighed as another background, and the better explanation of both is taken.
pub fn solve(reads: &Reads) -> Solution {
    let mut best = answer(reads, None, false);
    let Some(label) = splits(reads) else {
        return best.1;
    };
    let other = answer(reads, Some((label, true)), false);
    if other.0 > best.0 {
        best = other;
    }
    // How many received a record need not matter: fewer rates cost less. That is asked for where it would explain more with nobody.
    if !best.1.set.is_empty() {
        let l = Leak::new(reads, Some((label, false)));
        if fit(&l, &[]).score() - l.cost() > best.0 {
            let other = answer(reads, Some((label, false)), false);
            if other.0 > best.0 {
                best = other;
            }
        }
    }
    best.1
}

/// The set on one background, and what all of that explains, in nats, paid for. `whole`: the captures have all.
fn answer(reads: &Reads, split: Option<(&Label, bool)>, whole: bool) -> (f64, Solution) {
    let mut l = Leak::new(reads, split);
    l.whole = whole;
    let n = reads.by_account.len();
    let active = l.rows.iter().filter(|r| !r.is_empty()).count();
    // What one more account must gain to be named.
    let accounts = (n.max(2) as f64).ln();
    let rows = 0.5 * (reads.leaked.len().max(1) as f64).ln();
    let threshold = accounts + rows.max(SURE.ln());
    l.member = threshold;
    let null = fit(&l, &[]);
    let mut out = Solution {
        threshold,
        by: split.map(|l| l.0.name.clone()),
        covered: l.rows.iter().map(|r| r.len() as u32).collect(),
        ..Solution::default()
    };
    let alone = segments::choose(&mut l, &null);
    out.burst = alone
        .iter()
        .map(|s| s.as_ref().map_or(0.0, |s| s.gain))
        .collect();
    out.stretch = (0..n).map(|a| l.total(a) as u32).collect();
    for a in 0..n {
        let (g, q) = quick_gain(&l, &null, a);
        out.gain.push(g);
        out.rate.push(q);
    }
    if reads.leaked.is_empty() || active == 0 {
        out.confidence = 1.0;
        return (0.0, out);
    }
    // Share of the leak that nobody received.
    let unknown = l.read.iter().filter(|b| !**b).count() as f64 / l.read.len().max(1) as f64;
    let mut start: Vec<usize> = Vec::new();
    let mut needless: Vec<usize> = Vec::new();
    loop {
        let (set, best) = grow(reads, &mut l, start, &alone);
        // A member that only resembles the leaked reads of its peers leaves, and the rest is fitted again. What the walk
        // costs is spent on a set that stands.
        let weakest = |l: &Leak, set: &[usize], f: &Fit| {
            (!reads.no_peers)
                .then(|| peers::weakest(reads, l, set, f, n))
                .flatten()
        };
        let mut worst = weakest(&l, &set, &best);
        let mut found = sample::Found::default();
        if worst.is_none() || out.peers.len() >= BARRED {
            equals(&mut l, &set);
            found = sample::walk(reads, &mut l, &set, &best);
            worst = if found.set == set {
                None
            } else {
                weakest(&l, &found.set, &found.best)
            };
        } else {
            found.set = set;
        }
        // As much as can be missing, and it would take more: these records leaked, but not through reads that no capture has.
        if !whole && found.best.missed >= fit::LACK_MAX {
            return answer(reads, split, true);
        }
        if worst.is_none()
            && needless.len() < BARRED
            && let Some(a) = peers::needless(reads, &l, &found.set, &found.best)
        {
            needless.push(a);
            l.barred[a] = true;
            start = without(&found.set, a);
            continue;
        }
        let Some((a, own, others)) = worst.filter(|_| out.peers.len() < BARRED) else {
            for (a, q) in found.set.iter().zip(&found.best.q) {
                out.rate[*a] = *q;
            }
            out.picked.clone_from(&l.picked);
            for a in (0..n).filter(|a| l.price[*a] == 0.0) {
                // it counts with all again
                out.burst[a] = 0.0;
            }
            out.stretch = (0..n).map(|a| l.total(a) as u32).collect();
            let score = found.best.score() - l.cost();
            out.set_gain = found.best.ll - null.ll;
            out.missed = found.best.missed / (1.0 + found.best.missed);
            out.explained = explained(&l, reads, &found.set);
            let chance = !out.peers.is_empty() || active < OF_MANY * found.set.len();
            let leaves = out.explained < EXPLAINED || (unknown >= UNKNOWN && chance);
            let readers = worst.is_some()
                || found.set.len() > TEAM
                || (found.set.len() == TEAM && out.peers.len() >= LIKE);
            if !found.set.is_empty() && (leaves || readers) {
                out.left = found.set;
                out.confidence = belief::nobody(out.missed > 0.0);
                return (score, out);
            }
            out.set = found.set;
            out.ties = found.ties;
            tie(&mut out.ties, &out.set, &needless, reads);
            out.others = found.others;
            out.confidence = belief::belief(&belief::Looks {
                share: found.confidence,
                members: out.set.len(),
                explained: out.explained,
                peers: out.peers.len(),
                missed: out.missed > 0.0,
            });
            return (score, out);
        };
        out.peers.push((a, own, others));
        l.barred[a] = true;
        start = without(&found.set, a);
    }
}

/// Members that left because another received just the same tie with it.
fn tie(ties: &mut Vec<Vec<usize>>, set: &[usize], left: &[usize], reads: &Reads) {
    for a in left {
        let same = |m: &&usize| reads.by_account.get(**m) == reads.by_account.get(*a);
        let Some(m) = set.iter().find(same) else {
            continue;
        };
        match ties.iter_mut().find(|c| c.contains(m)) {
            Some(class) => class.push(*a),
            None => ties.push(vec![*m, *a]),
        }
    }
    for class in ties.iter_mut() {
        class.sort_unstable();
        class.dedup();
    }
    ties.sort();
}

/// Chooses the members' stretches anew, each on top of the others: what one of a team took is not what the other took, and all that
/// one read may explain more than the stretches that did best against background.
fn refine(l: &mut Leak, set: &[usize], best: &mut Fit) {
    for a in set {
        let others = fit(l, &without(set, *a));
        let parts = [
            segments::best(l, *a, &others),
            (l.price[*a] > 0.0).then(|| segments::whole(l, *a)),
        ];
        for s in parts.into_iter().flatten() {
            let old = segments::take(l, *a, s);
            let f = fit(l, set);
            if f.score() > best.score() + 1e-6 {
                *best = f;
            } else {
                segments::take(l, *a, old);
            }
        }
    }
}

/// Works out what accounts may have received in no capture, for those where that was not done; whether there were any.
fn look(reads: &Reads, l: &mut Leak, set: &[usize]) -> bool {
    let mut new = false;
    for a in set {
        if !l.whole && l.near[*a].is_none() {
            let placed = missed::near(reads, l, *a);
            l.near[*a] = Some(missed::within(&placed, &l.spans[*a]));
            l.placed[*a] = Some(placed);
            new = true;
        }
    }
    new
}

/// Accounts for each member that are weighed in its place with a part of their own.
const EQUALS: usize = 16;
/// Accounts that are refitted before one joins, and as many who read the same as a member.
const TRIED: usize = 4;

/// Who would do best beside these members, and with which part of its reads, best first. Held rates understate what a refit gains, so a
/// few of the best are refitted; and what did best against background is seldom what does best beside somebody who read the same.
/// `but`: who may not join. `alone`: parts that did best against background.
fn joins(
    l: &mut Leak,
    but: &[usize],
    set: &[usize],
    best: &Fit,
    alone: &[Option<segments::Stretches>],
) -> Vec<(f64, usize, segments::Stretches)> {
    let first = ranked(l, best, but).into_iter().filter(|x| x.0 > 0.0);
    let mut list: Vec<usize> = first.take(TRIED).map(|x| x.1).collect();
    let same = |a: &usize| set.iter().any(|m| segments::alike(&l.all[*a], &l.all[*m]));
    let others = (0..l.all.len()).filter(|a| !but.contains(a) && !l.barred[*a] && same(a));
    list.extend(others.take(TRIED));
    // Who did best with a stretch may lose it to a member that took most of it as well.
    let mut by: Vec<(f64, usize)> = (0..alone.len())
        .filter(|a| !but.contains(a) && !l.barred[*a])
        .filter_map(|a| alone[a].as_ref().map(|s| (s.gain, a)))
        .collect();
    by.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    list.extend(by.into_iter().take(TRIED).map(|x| x.1));
    list.sort_unstable();
    list.dedup();
    let mut out: Vec<(f64, usize, segments::Stretches)> = Vec::new();
    for a in list {
        let parts = [
            Some(segments::own(l, a)),
            (l.price[a] > 0.0).then(|| segments::whole(l, a)),
            segments::best(l, a, best),
            alone.get(a).cloned().flatten(),
        ];
        let mut top: Option<(f64, segments::Stretches)> = None;
        for part in parts.into_iter().flatten() {
            let old = segments::take(l, a, part);
            let score = fit(l, &with(set, a)).score();
            let part = segments::take(l, a, old);
            if top.as_ref().is_none_or(|t| score > t.0 + 1e-9) {
                top = Some((score, part));
            }
        }
        out.extend(top.map(|(score, part)| (score, a, part)));
    }
    out.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    out
}

/// Of those who would join in the place of one that leaves so many are tried, each with the best second one.
const BEAM: usize = 2;

/// A member that leaves for another, or for two, while the others take what counts of theirs anew: who joined first took what several
/// took, and what is left for the others is no stretch of theirs any more. Nobody leaves first: one more, or two, may pay only where
/// the others' parts are chosen anew. Whether a better set was found.
fn instead(
    reads: &Reads,
    l: &mut Leak,
    set: &mut Vec<usize>,
    best: &mut Fit,
    alone: &[Option<segments::Stretches>],
) -> bool {
    if set.len() > TEAM {
        return false;
    }
    let mut leaving: Vec<Option<usize>> = vec![None];
    leaving.extend(set.iter().copied().filter(|a| l.price[*a] > 0.0).map(Some));
    for a in leaving {
        let mut before: Vec<_> = set.iter().map(|m| (*m, segments::own(l, *m))).collect();
        let less = a.map_or_else(|| set.clone(), |a| without(set, a));
        let room = SET_MAX - less.len();
        if room == 0 {
            continue;
        }
        let mut f = fit(l, &less);
        refine(l, &less, &mut f);
        let mut but = less.clone();
        but.extend(a);
        before.extend(segments::anew(l, &but, &f));
        let firsts = joins(l, &but, &less, &f, alone);
        for (_, one, part) in firsts.into_iter().take(BEAM) {
            let mut then: Vec<_> = less.iter().map(|m| (*m, segments::own(l, *m))).collect();
            then.push((one, segments::take(l, one, part)));
            let mut more = with(&less, one);
            look(reads, l, &more);
            let mut f = fit(l, &more);
            refine(l, &more, &mut f);
            if f.score() <= best.score() + 1e-6 && room > 1 {
                let mut but = more.clone();
                but.extend(a);
                then.extend(segments::anew(l, &but, &f));
                let second = joins(l, &but, &more, &f, alone).into_iter().next();
                if let Some((_, two, part)) = second {
                    then.push((two, segments::take(l, two, part)));
                    more = with(&more, two);
                    look(reads, l, &more);
                    f = fit(l, &more);
                    refine(l, &more, &mut f);
                }
            }
            if f.score() > best.score() + 1e-6 {
                *set = more;
                *best = f;
                return true;
            }
            for (m, part) in then.into_iter().rev() {
                segments::take(l, m, part);
            }
        }
        for (m, part) in before.into_iter().rev() {
            segments::take(l, m, part);
        }
    }
    false
}

/// Accounts that could have taken what a member took count with the part that they would have taken in its place, so that they are told
/// apart from it by nothing but what they would explain.
fn equals(l: &mut Leak, set: &[usize]) {
    for m in set {
        if l.price[*m] == 0.0 {
            continue;
        }
        let others = fit(l, &without(set, *m));
        let mut took = vec![false; l.bin.len()];
        for t in &l.rows[*m] {
            took[*t as usize] = true;
        }
        let enough = segments::SAME * l.rows[*m].len() as f64;
        let same = |a: &usize| {
            let both = l.all[*a].iter().filter(|t| took[**t as usize]).count();
            !set.contains(a) && !l.barred[*a] && both as f64 >= enough
        };
        let list: Vec<usize> = (0..l.all.len()).filter(same).take(EQUALS).collect();
        for a in list {
            let mut top = f64::NEG_INFINITY;
            let parts = [
                Some(segments::own(l, a)),
                (l.price[a] > 0.0).then(|| segments::whole(l, a)),
                segments::best(l, a, &others),
            ];
            for part in parts.into_iter().flatten() {
                let old = segments::take(l, a, part);
                let gain = quick_gain(l, &others, a).0;
                if gain > top {
                    top = gain;
                } else {
                    segments::take(l, a, old);
                }
            }
        }
    }
}

/// Rounds without a better set after which nothing better comes.
const IDLE: usize = 2;

/// Greedy additions, removals and replacements until nothing improves.
fn grow(
    reads: &Reads,
    l: &mut Leak,
    mut set: Vec<usize>,
    alone: &[Option<segments::Stretches>],
) -> (Vec<usize>, Fit) {
    look(reads, l, &set);
    let mut best = fit(l, &set);
    let (mut high, mut idle) = (f64::NEG_INFINITY, 0);
    for _ in 0..48 {
        let mut changed = false;
        if !set.is_empty() && set.len() < SET_MAX {
            segments::anew(l, &set, &best);
        }
        if set.len() < SET_MAX
            && let Some((score, a, part)) = joins(l, &set, &set, &best, &[]).into_iter().next()
            && score > best.score()
        {
            segments::take(l, a, part);
            set = with(&set, a);
            best = fit(l, &set);
            changed = true;
            refine(l, &set, &mut best);
        }
        if look(reads, l, &set) {
            best = fit(l, &set);
        }
        for a in set.clone() {
            let less = without(&set, a);
            let f = fit(l, &less);
            if f.score() >= best.score() {
                set = less;
                best = f;
                changed = true;
                continue;
            }
            for (_, r) in ranked(l, &f, &set).into_iter().take(3) {
                let other = with(&less, r);
                let g = fit(l, &other);
                if g.score() > best.score() + 1e-6 {
                    set = other;
                    best = g;
                    changed = true;
                    break;
                }
            }
        }
        if !changed {
            changed = instead(reads, l, &mut set, &mut best, alone);
        }
        // What one may have missed is worked out when it joins, and may bring another's place down: sets that follow each other in a
        // circle explain no more.
        idle = if best.score() > high + 1e-6 {
            0
        } else {
            idle + 1
        };
        high = high.max(best.score());
        if !changed || idle >= IDLE {
            break;
        }
    }
    (set, best)
}
