//! Whether the members of a set are themselves where the leak comes from, or only read from where it comes from. In: a fitted set.
//! Out: the one rate that explains all that its members received, if that is enough. Bounds: one pass over the members' reads.
//!
//! Leakers act each for himself: what two of them received leaks more often than what one received, and each has a rate of
//! its own. Where a part of a data set leaked at its origin (a region, say), whoever read there looks like a leaker, but all at
//! one rate, however many of them received a record.

use super::Reads;
use super::fit::{Fit, Leak, fit};

/// Above this rate it says nothing that several leak alike: they leak all that they took.
const ALL: f64 = 0.9;

/// The rate of one common source that explains the leak better than these members do.
pub(super) fn common(l: &mut Leak, reads: &Reads, set: &[usize], best: &Fit) -> Option<f64> {
    if set.len() < 2 {
        return None;
    }
    let mut rows: Vec<u32> = Vec::new();
    let mut rest: Vec<u32> = Vec::new();
    let mut price = 0.0f64;
    for a in set {
        rows.extend(l.rows.get(*a)?);
        match l.away.get(*a)? {
            Some(v) => rest.extend(v),
            None => rest.extend(
                reads
                    .by_account
                    .get(*a)?
                    .iter()
                    .filter(|t| l.index.get(**t as usize).is_none_or(|i| *i == u32::MAX)),
            ),
        }
        // What it says where the source begins and ends is said once.
        price = price.max(l.price.get(*a).copied().unwrap_or(0.0));
        // Seen sending rows out: that is no reader's doing.
        if reads.beside.get(*a).is_some_and(|b| *b > 0.0) {
            return None;
        }
    }
    for v in [&mut rows, &mut rest] {
        v.sort_unstable();
        v.dedup();
    }
    let one = l.push(rows, rest.len() as f64, price);
    let f = fit(l, &[one]);
    l.pop();
    let rate = f.q.first().copied()?;
    (rate < ALL && f.ll > best.ll).then_some(rate)
}
