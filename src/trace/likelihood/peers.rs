//! Whether a member leaks more of what it read than leaks of what others like it read. In: reads, a fitted set. Out: the member
//! for whom that holds least. Bounds: one pass over all reads for each member.

use super::Reads;
use super::fit::{Fit, Leak, clamp};

/// Records at the background rate that peers' records are mixed with: three records of somebody who is a little alike are no
/// measure of anything.
const PRIOR: f64 = 6.0;
/// Share of a member's records from which on it is a peer of another member and no other explanation.
const ALIKE: f32 = 0.4;

/// The member whose rate stands least above the rate at which records of its peers leaked that no member received, if
/// that is no more than chance allows: account, own rate, peers' rate.
pub(super) fn weakest(
    reads: &Reads,
    l: &Leak,
    set: &[usize],
    best: &Fit,
    n: usize,
) -> Option<(usize, f64, f64)> {
    let is_leaked = |t: u32| l.index[t as usize] != u32::MAX;
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
        // Weight of a record: the largest share of a reader's records that this account received too.
        let mut weight = vec![0.0f32; reads.universe as usize];
        // What a member unlike this one received may come from there.
        let mut elsewhere = vec![false; reads.universe as usize];
        for (c, theirs) in reads.by_account.iter().enumerate() {
            if c == *a || theirs.is_empty() {
                continue;
            }
            let both = theirs.iter().filter(|t| own[**t as usize]).count();
            let share = both as f32 / theirs.len() as f32;
            // Members of one team do not hide behind each other.
            if set.contains(&c) && share < ALIKE {
                for t in theirs {
                    elsewhere[*t as usize] = true;
                }
                continue;
            }
            for t in theirs {
                let w = &mut weight[*t as usize];
                *w = w.max(share);
            }
        }
        let (mut k, mut total) = (0.0f64, 0.0f64);
        for t in reads.by_account[*a]
            .iter()
            .filter(|t| !elsewhere[**t as usize] && counts(**t))
        {
            total += 1.0;
            k += f64::from(u8::from(is_leaked(*t)));
        }
        let (mut hit, mut all, mut square) = (0.0f64, 0.0f64, 0.0f64);
        for (t, w) in (0u32..).zip(&weight) {
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
            continue;
        }
        // As many records of one weight would say as much.
        let alike = all * all / square;
        let base = l.base(best);
        let (ph, pn) = (hit / all * alike + PRIOR * base, alike + PRIOR);
        let (peers, own_rate) = (clamp(ph / pn), clamp(k / total));
        let both = clamp((k + ph) / (total + pn));
        // Two rates against one for both.
        let ll = |h: f64, n: f64, p: f64| h * p.ln() + (n - h) * (1.0 - p).ln();
        let nats =
            ll(k, total, own_rate) + ll(ph, pn, peers) - ll(k, total, both) - ll(ph, pn, both);
        let limit = 0.5 * (n.max(2) as f64).ln();
        if (own_rate <= peers || nats < limit) && worst.as_ref().is_none_or(|w| nats < w.0) {
            worst = Some((nats, *a, own_rate, peers));
        }
    }
    worst.map(|(_, a, o, p)| (a, o, p))
}
