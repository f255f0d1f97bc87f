//! One credential in two places at once. In: calls with a credential. Out: one risk per credential.
//! Bounds: linear after sorting by credential and time.
//!
//! Addresses that forward for others (they are servers in the same evidence, or carry several accounts) say nothing of where
//! somebody is; neither do the keys of programs, which run on many machines.

use super::{CALLS, Risk, View, severity};
use crate::facts::calls::NONE;
use crate::facts::identity::VIA;
use std::collections::{BTreeMap, BTreeSet};

/// Credentials that change place and come back faster than anybody moves.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    let servers: BTreeSet<u32> = v.calls.iter().filter(|c| !c.log).map(|c| c.dst).collect();
    let mut behind: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for c in v.calls.iter().filter(|c| c.cred != 0) {
        let set = behind.entry(c.src).or_default();
        if set.len() < v.limits.places_shared {
            set.insert(c.account);
        }
    }
    let forwards = |a: u32| {
        a == NONE
            || servers.contains(&a)
            || behind
                .get(&a)
                .is_some_and(|s| s.len() >= v.limits.places_shared)
    };
    let list = v.sorted(|c| {
        let kind = VIA.get(usize::from(c.cred_kind)).copied().unwrap_or("");
        let person = !v.service.get(c.account as usize).copied().unwrap_or(false);
        let own = !c.inner(v.calls)
            && !forwards(c.src)
            && !matches!(kind, "log-user" | "header" | "address");
        (c.cred != 0 && person && own && c.status != 401 && c.account != NONE)
            .then_some((c.cred, c.account))
    });
    let mut out = Vec::new();
    for group in list.chunk_by(|a, b| a.0 == b.0) {
        let Some(((_, account), _, _)) = group.first() else {
            continue;
        };
        let Some((returns, places, calls)) = interleaved(v, group) else {
            continue;
        };
        if returns < v.limits.places_returns {
            continue;
        }
        let outside = places.iter().any(|a| {
            v.addrs
                .get(*a as usize)
                .is_some_and(|a| !v.inside.has_bits(*a))
        });
        let agents: BTreeSet<u32> = calls
            .iter()
            .filter_map(|i| v.calls.get(*i as usize))
            .map(|c| c.ua)
            .collect();
        let mut score = 45.0 + 5.0 * (returns as f64).log2();
        if outside {
            score += 20.0;
        }
        if agents.len() > 1 {
            score += 15.0;
        }
        let names: Vec<String> = places
            .iter()
            .filter_map(|a| v.addrs.get(*a as usize))
            .map(|a| crate::facts::inside::address(*a).to_string())
            .collect();
        let kind = calls
            .first()
            .and_then(|i| v.calls.get(*i as usize))
            .and_then(|c| VIA.get(usize::from(c.cred_kind)))
            .copied()
            .unwrap_or("");
        out.push(Risk {
            rule: "two-places",
            dimension: "account",
            severity: severity(score),
            subject: v.account(*account).to_owned(),
            why: format!(
                "one {kind} credential from {} within {} minutes, changing place {returns} times and coming back{}",
                names.join(" and "), v.limits.places_window_ns / 60_000_000_000,
                if agents.len() > 1 { format!(", with {} different clients", agents.len()) } else { String::new() }
            ),
            score,
            span: v.span(&calls),
            calls: calls.into_iter().take(CALLS).collect(),
            account: *account,
        });
    }
    out
}

/// How often a place is left and come back to within the window, with the places and calls of that.
fn interleaved(
    v: &View<'_>,
    group: &[((u64, u32), i64, u32)],
) -> Option<(usize, Vec<u32>, Vec<u32>)> {
    let src = |i: u32| v.calls.get(i as usize).map_or(NONE, |c| c.src);
    // Runs at one place: (place, first time, last time, calls).
    let mut runs: Vec<(u32, i64, i64, Vec<u32>)> = Vec::new();
    for (_, ts, i) in group {
        match runs.last_mut() {
            Some(r) if r.0 == src(*i) => {
                r.2 = *ts;
                r.3.push(*i);
            }
            _ => runs.push((src(*i), *ts, *ts, vec![*i])),
        }
    }
    if runs.len() < 3 {
        return None;
    }
    let mut returns = 0;
    let mut places = BTreeSet::new();
    let mut calls = BTreeSet::new();
    for w in runs.windows(3) {
        let [a, b, c] = w else { continue };
        if a.0 == c.0 && c.1 - a.2 <= v.limits.places_window_ns {
            returns += 1;
            places.extend([a.0, b.0]);
            calls.extend(
                a.3.last()
                    .into_iter()
                    .chain(&b.3)
                    .chain(c.3.first())
                    .copied(),
            );
        }
    }
    let mut calls: Vec<u32> = calls.into_iter().collect();
    calls.sort_by_key(|i| v.calls.get(*i as usize).map(|c| (c.ts, *i)));
    (returns > 0).then(|| (returns, places.into_iter().collect(), calls))
}
