//! Stretches of an account's reads that hold what leaked: whole pages, one evening, one export. In: reads in order. Out: the leak
//! with those stretches alone, where that explains more than it costs. Bounds: a few passes over each account's reads.

use super::fit::{EPS, Fit, Leak, clamp};

/// Passes over an account's reads for one starting rate.
const PASSES: usize = 4;
/// Nats that stretches must explain beyond their price: below, an account counts with all that it read, so that two who
/// read the same in another order are told apart by nothing.
const MARGIN: f64 = 6.0;
/// Leaked records without which nobody looks for stretches.
const FEW: usize = 6;

/// Takes stretches where they pay, each account alone against background: nats gained by each account.
pub(super) fn choose(l: &mut Leak, null: &Fit) -> Vec<f64> {
    (0..l.rows.len())
        .map(|a| {
            best(l, a, null).map_or(0.0, |s| {
                let gain = s.gain;
                take(l, a, s);
                gain
            })
        })
        .collect()
}

/// Counts an account with these stretches.
pub(super) fn take(l: &mut Leak, a: usize, s: Stretches) -> Stretches {
    let old = Stretches {
        rows: std::mem::replace(&mut l.rows[a], s.rows),
        rest: std::mem::replace(&mut l.rest[a], s.rest),
        price: std::mem::replace(&mut l.price[a], s.price),
        gain: 0.0,
    };
    l.beside[a] += old.price - s.price;
    old
}

pub(super) struct Stretches {
    rows: Vec<u32>,
    rest: f64,
    price: f64,
    /// Beyond counting all reads, price paid.
    gain: f64,
}

/// The best stretches of an account on top of a fit that it is no part of.
pub(super) fn best(l: &Leak, a: usize, on: &Fit) -> Option<Stretches> {
    let order = l.order.get(a)?;
    if order.len() < FEW {
        return None;
    }
    // Index of each read and the chance that it leaked otherwise; nothing for one that did not leak.
    let seq: Vec<Option<(u32, f64)>> = order
        .iter()
        .map(|t| {
            let i = l
                .index
                .get(*t as usize)
                .copied()
                .filter(|i| *i != u32::MAX)?;
            Some((
                i,
                1.0 - (1.0 - on.b[l.bin[i as usize]]) * on.keep[i as usize],
            ))
        })
        .collect();
    let n = seq.len() as f64;
    let hit = seq.iter().flatten().count();
    if hit < FEW || hit == seq.len() {
        return None;
    }
    let turn = n.ln();
    let whole = {
        let mut q = seq.iter().flatten().count() as f64 / n;
        for _ in 0..8 {
            let s: f64 = seq
                .iter()
                .flatten()
                .map(|(_, b)| q / (q + (1.0 - q) * b))
                .sum();
            q = clamp(s / n);
        }
        worth(&seq, q, &mut |_| true)
    };
    let mut top: Option<(f64, Vec<bool>, f64)> = None;
    for start in [0.9, 0.5, 0.2] {
        let mut q: f64 = start;
        for _ in 0..PASSES {
            let (taken, turns) = viterbi(&seq, q, turn);
            let mut k = taken.iter();
            let (mut hit, mut all) = (0.0, 0.0);
            for (s, _) in seq.iter().zip(&taken).filter(|(_, t)| **t) {
                all += 1.0;
                if let Some((_, b)) = s {
                    hit += q / (q + (1.0 - q) * b);
                }
            }
            if all < 1.0 {
                break;
            }
            q = clamp(hit / all).min(0.999);
            let price = turns as f64 * turn;
            let gain = worth(&seq, q, &mut |_| k.next().copied().unwrap_or(false)) - price;
            if top.as_ref().is_none_or(|t| gain > t.0 + 1e-9) {
                top = Some((gain, taken, price));
            }
        }
    }
    let (gain, taken, price) = top?;
    if price == 0.0 || gain - whole < MARGIN {
        return None;
    }
    let mut out = Stretches {
        rows: Vec::new(),
        rest: 0.0,
        price,
        gain: gain - whole,
    };
    for (s, _) in seq.iter().zip(&taken).filter(|(_, t)| **t) {
        match s {
            Some((i, _)) => out.rows.push(*i),
            None => out.rest += 1.0,
        }
    }
    out.rows.sort_unstable();
    Some(out)
}

fn score(s: Option<(u32, f64)>, q: f64) -> f64 {
    match s {
        Some((_, b)) => ((q + (1.0 - q) * b) / b.max(EPS)).ln(),
        None => (1.0 - q).ln(),
    }
}

fn worth(seq: &[Option<(u32, f64)>], q: f64, taken: &mut dyn FnMut(usize) -> bool) -> f64 {
    let mut sum = 0.0;
    for (i, s) in seq.iter().enumerate() {
        if taken(i) {
            sum += score(*s, q);
        }
    }
    sum
}

/// The stretches that are worth most where each turn between in and out costs `turn`: in or out for each read, turns.
fn viterbi(seq: &[Option<(u32, f64)>], q: f64, turn: f64) -> (Vec<bool>, usize) {
    // Best sum ending outside, inside; for each read whether each of them came from the other state.
    let (mut out, mut inside) = (0.0f64, 0.0f64);
    let mut from: Vec<(bool, bool)> = Vec::with_capacity(seq.len());
    for s in seq {
        let (leave, enter) = (inside - turn > out, out - turn > inside);
        let next_out = out.max(inside - turn);
        inside = inside.max(out - turn) + score(*s, q);
        out = next_out;
        from.push((leave, enter));
    }
    let mut here = inside > out;
    let mut taken = vec![false; seq.len()];
    let mut turns = 0;
    for (t, (leave, enter)) in taken.iter_mut().zip(&from).rev() {
        *t = here;
        let turned = if here { *enter } else { *leave };
        if turned {
            turns += 1;
            here = !here;
        }
    }
    (taken, turns)
}
