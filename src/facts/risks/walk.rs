//! Ids walked in order: one account asks for 1001, 1002, 1003 ... In: calls with a number in their target. Out: one risk per walk.
//! Bounds: linear after sorting by account, API and time.

use super::{CALLS, Risk, View, severity};

/// Runs of calls whose numbers go up or down by one.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    let list = v.sorted(|c| (c.number != i64::MIN && c.status != 0).then_some((c.account, c.api)));
    let mut out = Vec::new();
    for group in list.chunk_by(|a, b| a.0 == b.0) {
        // A pause ends a walk; what was asked for days apart is no walk.
        for run in group.chunk_by(|a, b| b.1 - a.1 <= v.limits.walk_gap_ns) {
            let Some(((account, api), _, _)) = run.first() else {
                continue;
            };
            let calls: Vec<u32> = run.iter().map(|(_, _, i)| *i).collect();
            let numbers: Vec<i64> = calls
                .iter()
                .filter_map(|i| v.calls.get(*i as usize))
                .map(|c| c.number)
                .collect();
            if let Some(w) = walk(&numbers, v.limits.walk_ids, v.limits.walk_share) {
                let refused = calls
                    .iter()
                    .filter_map(|i| v.calls.get(*i as usize))
                    .filter(|c| matches!(c.status, 401 | 403 | 404))
                    .count();
                let score = (50.0
                    + 10.0 * (w.distinct as f64 / v.limits.walk_ids as f64).log2()
                    + 15.0 * (refused as f64 / calls.len() as f64))
                    .clamp(35.0, 95.0);
                out.push(Risk {
                    rule: "ids-in-order",
                    dimension: "permission",
                    severity: severity(score),
                    subject: format!("{} on {}", v.account(*account), v.api(*api)),
                    why: format!(
                        "{} different ids from {} to {}, {:.0} % of the steps are exactly one, {refused} of {} calls were refused",
                        w.distinct, w.low, w.high, w.share * 100.0, calls.len()
                    ),
                    score,
                    span: v.span(&calls),
                    calls: calls.into_iter().take(CALLS).collect(),
                    account: *account,
                });
            }
        }
    }
    out
}

struct Walk {
    distinct: usize,
    share: f64,
    low: i64,
    high: i64,
}

fn walk(numbers: &[i64], least: usize, share: f64) -> Option<Walk> {
    if numbers.len() < least {
        return None;
    }
    let mut set: Vec<i64> = numbers.to_vec();
    set.sort_unstable();
    set.dedup();
    if set.len() < least || set.len() * 5 < numbers.len() * 4 {
        return None;
    }
    // One direction: reading pages to and fro is no walk.
    let steps = |d: i64| {
        numbers
            .windows(2)
            .filter(|w| matches!(w, [a, b] if b.checked_sub(*a) == Some(d)))
            .count()
    };
    let ones = steps(1).max(steps(-1));
    let got = ones as f64 / (numbers.len() - 1) as f64;
    (got >= share).then(|| Walk {
        distinct: set.len(),
        share: got,
        low: set.first().copied().unwrap_or(0),
        high: set.last().copied().unwrap_or(0),
    })
}
