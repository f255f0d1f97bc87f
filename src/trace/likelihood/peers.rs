//! Whether a member leaks more of what it read than leaks of what others like it read. In: reads, a fitted set. Out: the member
//! for whom that holds least. Bounds: two passes over all reads for each member.
//!
//! Where a member counts with a stretch of its reads, it need only stand out by that one, against those who read the same stretch: an
//! evening that leaked whole is little of what somebody read in a year.

use super::Reads;
use super::fit::{ALL, Fit, Leak, clamp};

/// Records at the background rate that peers' records are mixed with: three records of somebody who is a little alike are no
/// measure of anything.
const PRIOR: f64 = 6.0;
/// Share of all records from which on no stretch of somebody's reads stands for itself.
const MUCH: f64 = 0.2;
/// Share of a member's records from which on it is a peer of another member and no other explanation.
const ALIKE: f32 = 0.4;

/// Records that none of the others' parts explains from which on a stretch that leaked whole stands for itself, although others received
/// all of it too.
const FREE: usize = 12;
/// Rate from which on that is so.
const WHOLE: f64 = 0.5;

/// A member that nothing needs: all it received that leaked another member received too, and of the rest that it alone received nothing
/// leaked. What it stands for is a remainder, and chance: who is needed leaked something of his own, or a stretch of his as a whole. Of two
/// who received just the same one is enough, whichever stretches they count with.
pub(super) fn needless(reads: &Reads, l: &Leak, set: &[usize], best: &Fit) -> Option<usize> {
    if set.len() < 2 {
        return None;
    }
    // Of each leaked record how many members received it, and how many counted parts hold it.
    let (mut by, mut part) = (vec![0u32; l.bin.len()], vec![0u32; l.bin.len()]);
    for a in set {
        l.all[*a].iter().for_each(|t| by[*t as usize] += 1);
        l.rows[*a].iter().for_each(|t| part[*t as usize] += 1);
    }
    set.iter()
        .zip(&best.q)
        .filter(|(a, _)| reads.beside.get(**a).is_none_or(|b| *b <= 0.0))
        .filter(|(a, _)| l.rows[**a].iter().all(|t| by[*t as usize] > 1))
        .map(|(a, q)| {
            let own = l.rows[*a].iter().filter(|t| part[**t as usize] == 1);
            (own.count(), *q, *a)
        })
        .filter(|(free, q, a)| {
            let same =
                |m: &&usize| *m != a && reads.by_account.get(**m) == reads.by_account.get(*a);
            *free < FREE || *q < WHOLE || set.iter().any(|m| same(&m))
        })
        .min_by(|x, y| x.0.cmp(&y.0).then(x.2.cmp(&y.2)))
        .map(|x| x.2)
}

/// The member whose rate stands least above the rate at which records of its peers leaked that no member received, if
/// that is no more than chance allows: account, own rate, peers' rate.
pub(super) fn weakest(
    reads: &Reads,
    l: &Leak,
    set: &[usize],
    best: &Fit,
    n: usize,
) -> Option<(usize, f64, f64)> {
    let leaked_of = |a: usize| {
        let rows = l.rows[a].iter();
        rows.filter_map(|i| reads.leaked.get(*i as usize).copied())
    };
    let is_leaked = |t: u32| l.index[t as usize] != u32::MAX;
    let mut any = vec![false; reads.universe as usize];
    for t in reads.by_account.iter().flatten() {
        any[*t as usize] = true;
    }
    let received = any.iter().filter(|x| **x).count() as f64;
    let mut worst: Option<(f64, usize, f64, f64)> = None;
    for a in set {
        // Seen sending rows out: what its peers read does not speak for it any more.
        if reads.beside.get(*a).is_some_and(|b| *b > 0.0) {
            continue;
        }
        let mut own = vec![false; reads.universe as usize];
        for t in &reads.by_account[*a] {
            own[*t as usize] = true;
        }
        // Where it took the records of a region, others of that region are those to compare with.
        let counts = |t: u32| {
            l.picked[*a].is_none_or(|(k, v)| {
                let of = l.labels.get(k).and_then(|of| of.get(t as usize));
                of == Some(&v)
            })
        };
        let counted: Vec<u32> = leaked_of(*a).collect();
        let mut part = vec![false; reads.universe as usize];
        for t in &counted {
            part[*t as usize] = true;
        }
        let stretch = l.price[*a] > 0.0 && l.picked[*a].is_none();
        // Weight of a record: the largest share of a reader's records that this account received too, or of its stretch.
        let mut weight = vec![0.0f32; reads.universe as usize];
        let mut beside = vec![0.0f32; reads.universe as usize];
        // What a member unlike this one received may come from there.
        let mut elsewhere = vec![false; reads.universe as usize];
        for (c, theirs) in reads.by_account.iter().enumerate() {
            if c == *a || theirs.is_empty() {
                continue;
            }
            let of = |own: &[bool]| {
                let both = theirs.iter().filter(|t| own[**t as usize]).count();
                both as f32 / theirs.len() as f32
            };
            let share = of(&own);
            // Members of one team do not hide behind each other.
            if set.contains(&c) && share < ALIKE {
                // Of a member that counts with a stretch it is that one alone.
                if l.price[c] == 0.0 || l.picked[c].is_some() {
                    for t in theirs {
                        elsewhere[*t as usize] = true;
                    }
                } else {
                    for t in leaked_of(c) {
                        elsewhere[t as usize] = true;
                    }
                }
                continue;
            }
            let raise = |weight: &mut [f32], share: f32| {
                for t in theirs {
                    let w = &mut weight[*t as usize];
                    *w = w.max(share);
                }
            };
            raise(&mut weight, share);
            if stretch {
                raise(&mut beside, of(&part));
            }
        }
        let base = l.base(best);
        // How far its rate stands above the rate of these records: nats, its rate, theirs.
        let above = |weight: &[f32], k: f64, total: f64| -> Option<(f64, f64, f64)> {
            let (mut hit, mut all, mut square) = (0.0f64, 0.0f64, 0.0f64);
            for (t, w) in (0u32..).zip(weight) {
                if *w > 0.0 && !own[t as usize] && !elsewhere[t as usize] && counts(t) {
                    // Squared: near peers speak, strangers hardly do.
                    let w = f64::from(*w) * f64::from(*w);
                    all += w;
                    square += w * w;
                    if is_leaked(t) {
                        hit += w;
                    }
                }
            }
            if all <= 0.0 || total < 1.0 {
                return None;
            }
            // As many records of one weight would say as much.
            let alike = all * all / square;
            let (ph, pn) = (hit / all * alike + PRIOR * base, alike + PRIOR);
            let (peers, own_rate) = (clamp(ph / pn), clamp(k / total));
            let both = clamp((k + ph) / (total + pn));
            // Two rates against one for both.
            let ll = |h: f64, n: f64, p: f64| h * p.ln() + (n - h) * (1.0 - p).ln();
            let nats =
                ll(k, total, own_rate) + ll(ph, pn, peers) - ll(k, total, both) - ll(ph, pn, both);
            Some((nats, own_rate, peers))
        };
        let (mut k, mut total) = (0.0f64, 0.0f64);
        for t in reads.by_account[*a]
            .iter()
            .filter(|t| !elsewhere[**t as usize] && counts(**t))
        {
            total += 1.0;
            k += f64::from(u8::from(is_leaked(*t)));
        }
        let Some((nats, own_rate, peers)) = above(&weight, k, total) else {
            continue;
        };
        let limit = 0.5 * (n.max(2) as f64).ln();
        // Somewhere among its reads there is a stretch that does best, which is what its price is for. Whoever read on through a region
        // that left in part at its source has such a stretch as well, but one that leaked in part; and a large part of all that there is
        // holds whole regions.
        let gave_all = counted.len() as f64 >= ALL * l.total(*a);
        let much = reads.by_account[*a].len() as f64 > MUCH * received;
        let stands = stretch && gave_all && !much && {
            let k = counted.iter().filter(|t| !elsewhere[**t as usize]).count() as f64;
            let total = l.rest[*a] + k;
            above(&beside, k, total)
                .is_some_and(|(nats, own, peers)| own > peers && nats - l.price[*a] >= limit)
        };
        if stands {
            continue;
        }
        if (own_rate <= peers || nats < limit) && worst.as_ref().is_none_or(|w| nats < w.0) {
            worst = Some((nats, *a, own_rate, peers));
        }
    }
    worst.map(|(_, a, o, p)| (a, o, p))
}
