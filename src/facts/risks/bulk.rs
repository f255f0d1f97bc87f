//! Bulk read: far more records through one API in a short time than others take. In: calls. Out: one risk per account and API.
//! Bounds: a sliding window over calls sorted by time.

use super::{CALLS, Risk, View, severity};
use std::collections::BTreeMap;

/// The fullest window of one account on one API.
#[derive(Clone, Default)]
struct Window {
    records: u64,
    calls: Vec<u32>,
}

/// Accounts whose fullest window stands out.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    // What a service behind the gateway read for the same request is the same read.
    let list = v.sorted(|c| {
        (c.resp_records > 0 && c.level >= 2 && !c.inner(v.calls)).then_some((c.api, c.account))
    });
    let mut by_api: BTreeMap<u32, Vec<(u32, Window)>> = BTreeMap::new();
    for group in list.chunk_by(|a, b| a.0 == b.0) {
        let Some(((api, account), _, _)) = group.first() else {
            continue;
        };
        by_api
            .entry(*api)
            .or_default()
            .push((*account, fullest(v, group)));
    }
    let mut out = Vec::new();
    for (api, windows) in by_api {
        for (account, w) in &windows {
            if w.records < v.limits.bulk_records {
                continue;
            }
            // The account is no part of its own baseline.
            let mut others: Vec<u64> = windows
                .iter()
                .filter(|(a, _)| a != account)
                .map(|(_, w)| w.records)
                .collect();
            others.sort_unstable();
            let (fires, why) = if others.len() >= 3 {
                let median = others.get(others.len() / 2).copied().unwrap_or(0).max(1);
                let mut off: Vec<u64> = others.iter().map(|o| o.abs_diff(median)).collect();
                off.sort_unstable();
                let mad = off.get(off.len() / 2).copied().unwrap_or(0);
                let times = w.records as f64 / median as f64;
                let fires = times >= v.limits.bulk_times
                    && w.records as f64 > median as f64 + 6.0 * 1.4826 * mad as f64;
                (
                    fires,
                    format!(
                        "{times:.1} times the median of the {} other accounts ({median})",
                        others.len()
                    ),
                )
            } else {
                (
                    w.records >= v.limits.bulk_alone,
                    match others.len() {
                        1 => "only 1 other account uses this API".into(),
                        n => format!("only {n} other accounts use this API"),
                    },
                )
            };
            if !fires {
                continue;
            }
            let score = (45.0 + 12.0 * (w.records as f64 / v.limits.bulk_records as f64).log2())
                .clamp(35.0, 95.0);
            let minutes = v.limits.bulk_window_ns / 60_000_000_000;
            out.push(Risk {
                rule: "bulk-read",
                dimension: "operation",
                severity: severity(score),
                subject: format!("{} on {}", v.account(*account), v.api(api)),
                why: format!(
                    "{} records within {minutes} minutes in {} calls; {why}",
                    w.records,
                    w.calls.len()
                ),
                score,
                span: v.span(&w.calls),
                calls: w.calls.iter().copied().take(CALLS).collect(),
                account: *account,
            });
        }
    }
    out
}

fn fullest(v: &View<'_>, group: &[((u32, u32), i64, u32)]) -> Window {
    let records = |i: u32| {
        v.calls
            .get(i as usize)
            .map_or(0, |c| u64::from(c.resp_records))
    };
    let (mut from, mut sum) = (0usize, 0u64);
    let mut best = (0u64, 0usize, 0usize);
    for (to, (_, ts, i)) in group.iter().enumerate() {
        sum += records(*i);
        while let Some((_, first, j)) = group.get(from)
            && ts - first > v.limits.bulk_window_ns
        {
            sum -= records(*j);
            from += 1;
        }
        if sum > best.0 {
            best = (sum, from, to);
        }
    }
    let calls = group
        .get(best.1..=best.2)
        .unwrap_or_default()
        .iter()
        .map(|(_, _, i)| *i)
        .collect();
    Window {
        records: best.0,
        calls,
    }
}
