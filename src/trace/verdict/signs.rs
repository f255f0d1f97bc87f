//! Evidence that does not lie in which rows an account received: in which order, in which masks, by which channel, and planted
//! rows. In: who got what and when. Out: bits with words. Bounds: one pass over an account's rows.
//!
//! Order, masks and channel part accounts that received the same; they name nobody alone, because whoever reads a sorted list
//! fits a sorted clue.

use super::{Case, Coverage, Readings};
use crate::detect;
use crate::trace::clue::{Clue, Shape};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Bits of a planted row that leaked, for whom it was made.
const PLANTED: f64 = 60.0;
/// The same where nobody told for whom it was made and one account alone received it.
const ALONE: f64 = 40.0;
/// Rows in one call from which on it is an export.
const EXPORT: u32 = 50;

/// One sign.
pub(super) struct Sign {
    pub kind: &'static str,
    pub bits: f64,
    pub text: String,
}

fn log2_factorial(n: usize) -> f64 {
    (2..=n).map(|i| (i as f64).log2()).sum()
}

/// Bits by which an order of rows exceeds chance: the longest run of rows that ascend in both lists against the chance
/// of such a run in a random order, `C(n,L)/L!`.
pub(super) fn order_bits(positions: &[u32]) -> (usize, f64) {
    let mut tails: Vec<u32> = Vec::new();
    for p in positions {
        let i = tails.partition_point(|t| t < p);
        match tails.get_mut(i) {
            Some(t) => *t = *p,
            None => tails.push(*p),
        }
    }
    let (n, l) = (positions.len(), tails.len());
    let choose = log2_factorial(n) - log2_factorial(l) - log2_factorial(n - l);
    (l, (log2_factorial(l) - choose).max(0.0))
}

/// Rows from which on a clue may be said to be sorted, and the share of neighbours that stand in order.
const SORTED: usize = 10;
const IN_ORDER: f64 = 0.98;

/// The column by whose values, up or down, as text or as numbers, the rows of a clue stand: whoever sorted it so, their order tells
/// nothing of the order in which somebody received them.
fn sorted_by(clue: &Clue) -> Option<usize> {
    let mut by: Vec<Vec<&str>> = vec![Vec::new(); clue.columns.len()];
    for v in clue.rows.iter().flatten() {
        if let Some(v) = clue.values.get(*v as usize)
            && let Some(own) = by.get_mut(usize::from(v.column))
        {
            own.push(&v.text);
        }
    }
    by.iter().position(|own| {
        if own.len() < SORTED || own.len() * 2 < clue.rows.len() {
            return false;
        }
        let pairs = || {
            own.windows(2)
                .filter_map(|w| Some((*w.first()?, *w.get(1)?)))
        };
        let turns = pairs().filter(|(a, b)| a != b).count();
        // A few values over many rows leave most of the order open.
        if turns * 2 < own.len() {
            return false;
        }
        let number = |t: &str| t.parse::<f64>().ok();
        let numbers = |a: &str, b: &str| Some(number(a)?.total_cmp(&number(b)?));
        let in_order = |least: &dyn Fn(&str, &str) -> bool| {
            let n = pairs().filter(|(a, b)| least(a, b)).count();
            n as f64 >= IN_ORDER * (own.len() - 1) as f64
        };
        in_order(&|a, b| a <= b)
            || in_order(&|a, b| a >= b)
            || in_order(&|a, b| numbers(a, b).is_some_and(Ordering::is_le))
            || in_order(&|a, b| numbers(a, b).is_some_and(Ordering::is_ge))
    })
}

/// Rows of an account in the order in which it received them, by their place in the clue, with the first and last time.
pub(super) fn received(
    r: &Readings,
    cover: &Coverage,
    account: i64,
) -> (Vec<u32>, Option<(i64, i64)>) {
    let none = BTreeMap::new();
    let own = r.by.get(&account).unwrap_or(&none);
    let mut list: Vec<((i64, u32, u64), u32)> = cover
        .rows
        .get(&account)
        .into_iter()
        .flatten()
        .filter_map(|t| Some((own.get(t)?.first()?, *t)))
        .collect();
    list.sort_unstable();
    let span = list.first().zip(list.last()).map(|(a, z)| (a.0.0, z.0.0));
    (list.into_iter().map(|x| x.1).collect(), span)
}

/// Hours (UTC) in which next to nothing happens in the whole case; none where it spans less than a day.
fn quiet_hours(c: &Case<'_, '_>) -> [bool; 24] {
    let mut by = [0u64; 24];
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for call in &c.e.calls {
        first = first.min(call.ts);
        last = last.max(call.ts);
        if let Some(n) = by.get_mut(hour(call.ts)) {
            *n += 1;
        }
    }
    let all: u64 = by.iter().sum();
    let whole = last.saturating_sub(first) > 20 * 3_600_000_000_000;
    // A quarter of what an hour has on average.
    by.map(|n| whole && n * 96 < all)
}

fn hour(ts: i64) -> usize {
    usize::try_from(ts.div_euclid(3_600_000_000_000).rem_euclid(24)).unwrap_or(0)
}

/// Order, format and channel of one account.
pub(super) fn weigh(c: &Case<'_, '_>, r: &Readings, cover: &Coverage, account: i64) -> Vec<Sign> {
    let mut out = Vec::new();
    let (positions, _) = received(r, cover, account);
    if positions.len() >= 5 && c.counts("order") {
        let (run, bits) = order_bits(&positions);
        let by = c.sorted.get_or_init(|| sorted_by(c.clue));
        let name =
            by.and_then(|i| Some(c.clue.columns.get(i)?.name.as_deref().unwrap_or("a column")));
        out.push(Sign {
            kind: "order",
            bits: if by.is_some() { 0.0 } else { bits },
            text: format!(
                "{run} of {} rows stand in the clue in the order it received them{}",
                positions.len(),
                name.map_or_else(String::new, |n| format!(
                    ", which says nothing: the clue is sorted by {n}"
                ))
            ),
        });
    }
    let none = BTreeMap::new();
    let own = r.by.get(&account).unwrap_or(&none);
    let rows = cover.rows.get(&account).map_or(&[][..], Vec::as_slice);
    let masked = c.clue.values.iter().any(|v| v.shape == Shape::Masked);
    if masked && c.counts("format") && !rows.is_empty() {
        let same = rows
            .iter()
            .filter(|t| own.get(t).is_some_and(|x| x.as_is))
            .count();
        out.push(Sign {
            kind: "format",
            bits: (same as f64).min(15.0),
            text: format!(
                "{same} of {} rows reached it masked just as the clue has them",
                rows.len()
            ),
        });
    }
    if c.counts("channel") && !rows.is_empty() {
        let mut per_call: BTreeMap<u32, u32> = BTreeMap::new();
        for t in rows {
            let calls: BTreeSet<u32> = own
                .get(t)
                .map(|x| x.calls.iter().map(|k| k.1).collect())
                .unwrap_or_default();
            for k in calls {
                *per_call.entry(k).or_default() += 1;
            }
        }
        let exports = per_call.values().filter(|n| **n >= EXPORT).count();
        let quiet = c.quiet.get_or_init(|| quiet_hours(c));
        let at_night = per_call
            .keys()
            .filter_map(|k| c.e.calls.get(*k as usize))
            .filter(|k| quiet.get(hour(k.ts)).copied().unwrap_or(false))
            .count();
        let n = per_call.len().max(1) as f64;
        let mut text = format!("{} calls delivered them", per_call.len());
        if exports > 0 {
            text += &format!(", {exports} of them {EXPORT} rows of the clue or more at once");
        }
        if at_night > 0 {
            text += &format!(", {at_night} in hours in which next to nobody works");
        }
        out.push(Sign {
            kind: "channel",
            bits: 3.0 * f64::from(u8::from(exports > 0)) + 3.0 * at_night as f64 / n,
            text,
        });
    }
    out
}

/// Planted rows that are in the clue: bits and words by account.
pub(super) fn canaries(c: &Case<'_, '_>, r: &Readings) -> BTreeMap<i64, (f64, String)> {
    let mut out: BTreeMap<i64, (f64, String)> = BTreeMap::new();
    if c.options.canaries.is_empty() {
        return out;
    }
    let mut by_text: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (i, v) in (0u32..).zip(&c.clue.values) {
        by_text
            .entry(detect::normal(None, &v.text))
            .or_default()
            .push(i);
    }
    for (value, account) in &c.options.canaries {
        let Some(values) = by_text.get(&detect::normal(None, value)) else {
            continue;
        };
        let mut add = |a: i64, bits: f64, text: &str| {
            let x = out.entry(a).or_insert((0.0, String::new()));
            x.0 = (x.0 + bits).min(2.0 * PLANTED);
            if x.1.is_empty() {
                x.1 = text.to_owned();
            }
        };
        if let Some(name) = account {
            let id =
                c.e.accounts
                    .iter()
                    .filter(|(_, a)| a.0 == *name)
                    .map(|x| *x.0)
                    .min();
            if let Some(id) = id {
                add(
                    id,
                    PLANTED,
                    "a record that was planted for this account is in the clue",
                );
            }
            continue;
        }
        let rows: BTreeSet<u32> = (0u32..)
            .zip(&c.clue.rows)
            .filter(|(_, row)| row.iter().any(|v| values.contains(v)))
            .map(|x| x.0)
            .collect();
        let to: Vec<i64> =
            r.by.iter()
                .filter(|(_, own)| own.keys().any(|t| rows.contains(t)))
                .map(|x| *x.0)
                .collect();
        if let [one] = to.as_slice() {
            add(
                *one,
                ALONE,
                "a planted record that is in the clue was delivered to this account alone",
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{order_bits, sorted_by};
    use crate::trace::clue;

    #[test]
    fn a_clue_that_somebody_sorted_is_known_as_such() {
        let by = |line: &dyn Fn(usize) -> String| {
            let text: String = (0..40).map(|i| line(i) + "\n").collect();
            let text = format!("city,balance,number\n{text}");
            let read = clue::read("c", text.as_bytes(), &mut |_, _| None, &mut |_| Vec::new());
            sorted_by(&read.unwrap())
        };
        let mixed = |i: usize| (i * 7919 + 13) % 99_991 + 1_000_000;
        let city = |i: usize| if i < 20 { "Aachen" } else { "Bonn" };
        assert_eq!(
            by(&|i| format!("{},{},{}", city(i), mixed(i + 3), mixed(i))),
            None
        );
        let numbers = |i: usize| format!("{},{},{}", city(i), 980 - i * 23, mixed(i));
        assert_eq!(by(&numbers), Some(1));
        let text = |i: usize| format!("{},{},{}", city(i), mixed(i), 1_000_000 + i * 31);
        assert_eq!(by(&text), Some(2));
    }

    #[test]
    fn order_is_worth_what_it_would_cost_chance() {
        let sorted: Vec<u32> = (0..20).collect();
        let (run, bits) = order_bits(&sorted);
        assert_eq!(run, 20);
        assert!((bits - 61.0).abs() < 1.0, "{bits}");
        let mixed = [7, 2, 9, 4, 0, 5, 8, 1, 6, 3];
        assert_eq!(order_bits(&mixed).1, 0.0);
    }
}
