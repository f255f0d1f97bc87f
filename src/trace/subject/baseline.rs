//! A subject against its own past and its peers'. In: records a step of time of all subjects of its kind. Out: its busiest step, and
//! how likely one at least so busy is. Bounds: one pass over the calls; one number a subject and step.
//!
//! Medians and their deviations, which a few large values do not move; and for counts the tail of a Gamma-Poisson model: a prior
//! fitted to the peers, the subject itself left out, which its own past then sharpens. Below [`FEW`] steps of its own past the
//! peers alone speak.

use super::{Kind, S};
use crate::error::Result;
use crate::query::read::time::rfc3339;
use crate::trace::evidence::Evidence;
use serde::Serialize;
use std::collections::BTreeMap;

/// Steps of its own past that are a past.
const FEW: usize = 5;
/// Chance below which something is told as unusual: one in a thousand steps.
const RARE: f64 = 0.001;

/// Steps that something is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past {
    /// Subjects.
    pub subjects: u64,
    /// Steps in which any was active.
    pub observations: u64,
    /// Records in the middle one of them.
    pub median: f64,
    /// Median distance from it.
    pub mad: f64,
    /// Chance of a step at least as busy as the busiest of the subject.
    pub p: f64,
}

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// Length of a step: `second minute hour`.
    pub unit: &'static str,
    /// Begin of its busiest step.
    pub peak: Option<String>,
    /// Records in it.
    pub records: u64,
    /// Its steps before that; `None` where they are too few.
    pub own: Option<Past>,
    /// All steps of its peers; `None` where there is none.
    pub peers: Option<Past>,
    /// Whether that is unusual by what can be compared.
    pub unusual: bool,
    /// What could not be compared.
    pub note: String,
}

/// The column that tells subjects of a kind apart, and what has to be joined for it.
fn column(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Account => ("(SELECT a.name FROM account a WHERE a.id=f.account_id)", ""),
        Kind::Address => ("c.src", ""),
        Kind::Device => (
            "coalesce(w.client_print,(SELECT t.v FROM term t WHERE t.id=c.ua_id))",
            "LEFT JOIN flow w ON w.id=c.flow_id",
        ),
        Kind::Api => ("(SELECT a.name FROM api a WHERE a.id=f.api_id)", ""),
        Kind::Host => ("(SELECT t.v FROM term t WHERE t.id=c.host_id)", ""),
    }
}

/// The baseline of a subject.
pub(super) fn of(e: &Evidence<'_>, kind: Kind, name: &str) -> Result<Option<Baseline>> {
    let (Some(first), Some(last)) = (
        e.calls.iter().map(|c| c.ts).min(),
        e.calls.iter().map(|c| c.ts).max(),
    ) else {
        return Ok(None);
    };
    let span = last.saturating_sub(first);
    let (unit, step) = if span > 12 * 3600 * S {
        ("hour", 3600 * S)
    } else if span > 10 * 60 * S {
        ("minute", 60 * S)
    } else {
        ("second", S)
    };
    let (who, join) = column(kind);
    let sql = format!(
        "SELECT {who},c.ts/?1,sum(f.records) FROM call c JOIN call_fact f ON f.call_id=c.id {join} WHERE f.joined IS NULL GROUP BY 1,2"
    );
    let mut by: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    let mut stmt = e.conn.prepare(&sql)?;
    let mut rows = stmt.query([step])?;
    while let Some(r) = rows.next()? {
        let who = match r.get_ref(0)? {
            rusqlite::types::ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned(),
            rusqlite::types::ValueRef::Blob(b) => match crate::trace::evidence::address(b) {
                Some(a) => a.to_string(),
                None => continue,
            },
            _ => continue,
        };
        let n = u64::try_from(r.get::<_, i64>(2)?).unwrap_or(0);
        by.entry(who).or_default().push((r.get(1)?, n));
    }
    let own = by.remove(name).unwrap_or_default();
    Ok(Some(weigh(unit, step, own, by.into_values().collect())))
}

fn weigh(
    unit: &'static str,
    step: i64,
    own: Vec<(i64, u64)>,
    peers: Vec<Vec<(i64, u64)>>,
) -> Baseline {
    // of equal ones the first
    let peak = own
        .iter()
        .max_by_key(|(at, n)| (*n, std::cmp::Reverse(*at)))
        .copied();
    let top = peak.map_or(0, |p| p.1);
    let past: Vec<u64> = own
        .iter()
        .filter(|(at, _)| peak.is_some_and(|p| *at < p.0))
        .map(|x| x.1)
        .collect();
    let others: Vec<u64> = peers.iter().flatten().map(|x| x.1).collect();
    let prior = prior(&others);
    let told = |list: &[u64], subjects: usize, p: f64| {
        let median = middle(list.iter().map(|n| *n as f64).collect());
        Past {
            subjects: subjects as u64,
            observations: list.len() as u64,
            median,
            mad: middle(list.iter().map(|n| (*n as f64 - median).abs()).collect()),
            p,
        }
    };
    let sum: u64 = past.iter().sum();
    let own_past = (past.len() >= FEW).then(|| {
        let (a, b) = prior.unwrap_or((0.5, 0.01));
        told(&past, 1, tail(a + sum as f64, b + past.len() as f64, top))
    });
    let peers_past = prior
        .filter(|_| others.len() >= FEW)
        .map(|(a, b)| told(&others, peers.len(), tail(a, b, top)));
    let mut notes: Vec<String> = Vec::new();
    if own_past.is_none() {
        notes.push(format!(
            "peer baseline only: {} observations of its own before its busiest {unit}",
            past.len()
        ));
    }
    if peers_past.is_none() {
        notes.push(format!(
            "no peers to compare with: {} observations",
            others.len()
        ));
    }
    let rare = |x: &Option<Past>| {
        x.as_ref()
            .is_none_or(|x| x.p < RARE && top as f64 > x.median + 3.0 * 1.4826 * x.mad)
    };
    Baseline {
        unit,
        peak: peak.map(|p| rfc3339(p.0.saturating_mul(step))),
        records: top,
        unusual: (own_past.is_some() || peers_past.is_some())
            && rare(&own_past)
            && rare(&peers_past),
        own: own_past,
        peers: peers_past,
        note: notes.join("; "),
    }
}

fn middle(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    let n = list.len();
    let at = |i: usize| list.get(i).copied().unwrap_or(0.0);
    if n == 0 {
        0.0
    } else if n % 2 == 1 {
        at(n / 2)
    } else {
        f64::midpoint(at(n / 2 - 1), at(n / 2))
    }
}

/// Shape and rate of a Gamma distribution with the mean and the variance of these counts beyond chance.
fn prior(counts: &[u64]) -> Option<(f64, f64)> {
    if counts.is_empty() {
        return None;
    }
    let n = counts.len() as f64;
    let mean = counts.iter().map(|c| *c as f64).sum::<f64>() / n;
    let var = counts
        .iter()
        .map(|c| (*c as f64 - mean).powi(2))
        .sum::<f64>()
        / n;
    let mean = mean.max(0.01);
    // counts that vary no more than chance does have nearly one rate
    let rate = mean / (var - mean).max(mean * 0.01);
    Some((mean * rate, rate))
}

/// Chance of at least `x` where the rate is Gamma distributed: the tail of a negative binomial.
fn tail(shape: f64, rate: f64, x: u64) -> f64 {
    let stay = (rate / (rate + 1.0)).ln();
    let go = (1.0 / (rate + 1.0)).ln();
    let mut log = shape * stay;
    let mut below = 0.0f64;
    for k in 0..x.min(5_000_000) {
        below += log.exp();
        log += go + ((shape + k as f64) / (k as f64 + 1.0)).ln();
    }
    (1.0 - below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_that_of_the_distribution() {
        // a wide Gamma with a known mean: geometric with p = 1/2
        assert!((tail(1.0, 1.0, 3) - 0.125).abs() < 1e-12);
        // a narrow one is Poisson of mean 2: 1 - e^-2 (1 + 2)
        let p = tail(2e7, 1e7, 2);
        assert!((p - (1.0 - 3.0 * (-2.0f64).exp())).abs() < 1e-4, "{p}");
        assert!((tail(3.0, 1.0, 0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_burst_is_unusual_and_a_new_subject_has_peers_alone() {
        let steady = |n: i64| {
            (0..20)
                .map(|t| (t, (3 + (t * n) % 4) as u64))
                .collect::<Vec<_>>()
        };
        let peers: Vec<Vec<(i64, u64)>> = (1..6).map(steady).collect();
        let mut own = steady(7);
        own.push((30, 400));
        let b = weigh("hour", 3600 * S, own, peers.clone());
        assert!(b.unusual && b.records == 400, "{b:?}");
        assert_eq!(b.own.as_ref().unwrap().observations, 20);
        assert!(b.note.is_empty());
        let calm = weigh("hour", 3600 * S, steady(7), peers.clone());
        assert!(!calm.unusual, "{calm:?}");
        let new = weigh("hour", 3600 * S, vec![(1, 5), (2, 300)], peers);
        assert!(new.own.is_none() && new.note.starts_with("peer baseline only: 1 "));
        assert!(new.unusual, "{new:?}");
        let alone = weigh("hour", 3600 * S, vec![(1, 5)], Vec::new());
        assert!(!alone.unusual && alone.note.contains("no peers"));
    }
}
