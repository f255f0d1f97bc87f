//! Rows that left for an outside address, and what that says of who sent them. In: requests with rows of the clue, who received which.
//! Out: rows by account, bits. Bounds: details of eight calls for each row that an account received.

use super::coverage::Coverage;
use super::{BIT, Case, Details, Readings};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Bits by which what an account (or its host) sent outside is *this* clue: of `n` records that left, `k` are in the clue,
/// where of all records the share `base` is. An export of everything to a partner says nothing; sending out just the
/// leaked rows says nearly all. Capped: the host may be shared.
pub(super) fn exit_bits(n: usize, k: usize, base: f64) -> f64 {
    if n == 0 || k == 0 {
        return 0.0;
    }
    let (n, k) = (n as f64, k as f64);
    // Three times the common share: a large export that happens to hold much of the clue is no sign.
    let base = (3.0 * base).clamp(1e-9, 0.5);
    let rate = k / n;
    if rate <= base {
        return 0.0;
    }
    let rest = if k < n {
        (n - k) * ((1.0 - rate) / (1.0 - base)).ln()
    } else {
        0.0
    };
    ((k * (rate / base).ln() + rest) / BIT).min(60.0)
}

/// Covered rows that left for an outside address after the account had received them: in its own requests, or in
/// requests from an address at which it received them. By account.
pub(super) fn sent_outside(
    c: &Case<'_, '_>,
    r: &Readings,
    cover: &Coverage,
    details: &mut Details<'_, '_>,
) -> Result<BTreeMap<i64, BTreeSet<u32>>> {
    // (address, row) and (account, row) with the last time it left.
    let mut hosts: BTreeMap<(IpAddr, u32), i64> = BTreeMap::new();
    let mut own: BTreeMap<(i64, u32), i64> = BTreeMap::new();
    for (row, call) in &r.sent {
        let Some(d) = details.get(*call)? else {
            continue;
        };
        if d.dst.is_none_or(|a| c.inside.has(a)) {
            continue;
        }
        if let Some(k) = c.e.calls.get(*call as usize) {
            let t = own.entry((k.behind, *row)).or_insert(d.ts);
            *t = d.ts.max(*t);
        }
        // What comes from outside and goes outside did not leave here.
        if let Some(src) = d.src.filter(|s| c.inside.has(*s)) {
            let t = hosts.entry((src, *row)).or_insert(d.ts);
            *t = d.ts.max(*t);
        }
    }
    let mut out: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
    if own.is_empty() && hosts.is_empty() {
        return Ok(out);
    }
    for (account, rows) in &cover.rows {
        for row in rows {
            let Some(x) = r.by.get(account).and_then(|m| m.get(row)) else {
                continue;
            };
            let after = |t: Option<&i64>, got: i64| t.is_some_and(|t| *t >= got);
            let mut left = x
                .first()
                .is_some_and(|f| after(own.get(&(*account, *row)), f.0));
            for (ts, call, _) in x.calls.iter().take(8) {
                if left || hosts.is_empty() {
                    break;
                }
                left = details
                    .get(*call)?
                    .and_then(|d| d.src)
                    .is_some_and(|s| after(hosts.get(&(s, *row)), *ts));
            }
            if left {
                out.entry(*account).or_default().insert(*row);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::exit_bits;

    #[test]
    fn an_export_of_everything_is_no_leak() {
        assert_eq!(exit_bits(900, 150, 0.13), 0.0);
        assert!(exit_bits(900, 100, 0.13) == 0.0);
        assert_eq!(exit_bits(150, 150, 0.13), 60.0);
        assert_eq!(exit_bits(0, 0, 0.13), 0.0);
    }
}
