//! Parts of an account's reads that hold what leaked: stretches (whole pages, one evening, one export), or the records with one
//! property (those of a region). In: reads in order, properties. Out: the leak with that part alone, where it explains more than it
//! costs. Bounds: a few passes over each account's reads, one for each property and value.

use super::fit::{EPS, Fit, Leak, clamp};
use super::missed::within;
use std::collections::BTreeMap;

/// Passes over an account's reads for one starting rate.
const PASSES: usize = 4;
/// Nats that stretches must explain beyond their price: below, an account counts with all that it read, so that two who
/// read the same in another order are told apart by nothing.
const MARGIN: f64 = 6.0;
/// Leaked records without which nobody looks for stretches.
const FEW: usize = 6;

/// Takes stretches where they pay, each account alone against background: what was taken.
pub(super) fn choose(l: &mut Leak, null: &Fit) -> Vec<Option<Stretches>> {
    (0..l.rows.len())
        .map(|a| {
            let part = best(l, a, null)?;
            take(l, a, part.clone());
            Some(part)
        })
        .collect()
}

/// Accounts whose parts are chosen anew when others have joined.
const ANEW: usize = 32;

/// Chooses the parts of those anew who received most of what a set leaves open: what one took elsewhere is not what makes him a member
/// beside others. What they were is handed back.
pub(super) fn anew(l: &mut Leak, set: &[usize], on: &Fit) -> Vec<(usize, Stretches)> {
    let mut open: Vec<(f64, usize)> = (0..l.all.len())
        .filter(|a| !set.contains(a) && !l.barred[*a])
        // who received the same as a member stands beside it as it is: they may not be told apart
        .filter(|a| !set.iter().any(|m| alike(&l.all[*a], &l.all[*m])))
        .map(|a| {
            (
                l.all[a].iter().map(|i| on.keep[*i as usize]).sum::<f64>(),
                a,
            )
        })
        .filter(|x| x.0 >= FEW as f64)
        .collect();
    open.sort_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
    let looked = open.into_iter().take(ANEW);
    looked
        .map(|(_, a)| {
            let part = best(l, a, on).unwrap_or_else(|| whole(l, a));
            (a, take(l, a, part))
        })
        .collect()
}

/// What counts of an account's reads.
pub(super) fn own(l: &Leak, a: usize) -> Stretches {
    Stretches {
        rows: l.rows[a].clone(),
        rest: l.rest[a],
        price: l.price[a],
        picked: l.picked[a],
        spans: l.spans[a].clone(),
        gain: 0.0,
    }
}

/// All that an account read.
pub(super) fn whole(l: &Leak, a: usize) -> Stretches {
    Stretches {
        rows: l.all[a].clone(),
        rest: l.order[a].len().saturating_sub(l.all[a].len()) as f64,
        price: 0.0,
        picked: None,
        spans: Vec::new(),
        gain: 0.0,
    }
}

/// Share of what one received that the other must have received too.
pub(super) const SAME: f64 = 0.9;

/// Whether two sorted lists are nearly the same.
pub(super) fn alike(a: &[u32], b: &[u32]) -> bool {
    let both = a.iter().filter(|t| b.binary_search(t).is_ok()).count() as f64;
    both >= SAME * a.len().max(b.len()) as f64
}

/// Counts an account with these stretches.
pub(super) fn take(l: &mut Leak, a: usize, s: Stretches) -> Stretches {
    let old = Stretches {
        rows: std::mem::replace(&mut l.rows[a], s.rows),
        rest: std::mem::replace(&mut l.rest[a], s.rest),
        price: std::mem::replace(&mut l.price[a], s.price),
        picked: std::mem::replace(&mut l.picked[a], s.picked),
        spans: std::mem::replace(&mut l.spans[a], s.spans),
        gain: 0.0,
    };
    l.beside[a] += old.price - s.price;
    if l.picked[a] != old.picked {
        // it was worked out among the records of the old property
        l.near[a] = None;
        l.placed[a] = None;
    } else if l.spans[a] != old.spans
        && let Some(placed) = &l.placed[a]
    {
        l.near[a] = Some(within(placed, &l.spans[a]));
    }
    old
}

#[derive(Clone)]
pub(super) struct Stretches {
    rows: Vec<u32>,
    rest: f64,
    price: f64,
    /// The property that they are, not stretches.
    picked: Option<(usize, u16)>,
    /// Where they are in the order of the first deliveries.
    spans: Vec<(usize, usize)>,
    /// Beyond counting all reads, price paid.
    pub(super) gain: f64,
}

/// The best stretches of an account on top of a fit that it is no part of.
pub(super) fn best(l: &Leak, a: usize, on: &Fit) -> Option<Stretches> {
    let order = l.order.get(a)?;
    if order.len() < FEW {
        return None;
    }
    let seq = chances(l, order, on);
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
    let mut top: Option<Part> = None;
    stretches(l, &seq, turn, 0.0, &mut top);
    // What was looked at one by one and then exported stands together where each stands at its last delivery. Which of both orders it
    // is has to be said as well.
    let other = l.last.get(a).filter(|o| o.len() == order.len());
    let other = other.map(|o| chances(l, o, on));
    let first = top.as_ref().map(|t| t.gain);
    if let Some(other) = &other {
        stretches(l, other, turn, std::f64::consts::LN_2, &mut top);
    }
    let mut by_last = top.as_ref().map(|t| t.gain) != first;
    for part in (0..l.labels.len()).flat_map(|k| by_label(l, &seq, order, k)) {
        if top.as_ref().is_none_or(|t| part.gain > t.gain + 1e-9) {
            top = Some(part);
            by_last = false;
        }
    }
    let Part {
        gain,
        taken,
        price,
        picked,
    } = top?;
    if price == 0.0 || gain - whole < MARGIN {
        return None;
    }
    let mut out = Stretches {
        rows: Vec::new(),
        rest: 0.0,
        price,
        picked,
        spans: match by_last || picked.is_some() {
            true => Vec::new(),
            false => spans(&taken),
        },
        gain: gain - whole,
    };
    let seq = other.filter(|_| by_last).unwrap_or(seq);
    for (s, _) in seq.iter().zip(&taken).filter(|(_, t)| **t) {
        match s {
            Some((i, _)) => out.rows.push(*i),
            None => out.rest += 1.0,
        }
    }
    out.rows.sort_unstable();
    Some(out)
}

/// Places from which and up to which reads are taken.
fn spans(taken: &[bool]) -> Vec<(usize, usize)> {
    let mut at = 0;
    let runs = taken.chunk_by(|x, y| x == y).filter_map(|run| {
        let from = at;
        at += run.len();
        run.first()
            .is_some_and(|t| *t)
            .then_some((from, from + run.len()))
    });
    runs.collect()
}

/// Index of each read and the chance that it leaked otherwise; nothing for one that did not leak.
fn chances(l: &Leak, order: &[u32], on: &Fit) -> Vec<Option<(u32, f64)>> {
    order
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
        .collect()
}

/// Better stretches of reads in an order than the best part so far; `more` is what they cost beside their turns.
fn stretches(l: &Leak, seq: &[Option<(u32, f64)>], turn: f64, more: f64, top: &mut Option<Part>) {
    let starts: &[f64] = if l.timed { &[0.9, 0.5, 0.2] } else { &[] };
    for start in starts {
        let mut q: f64 = *start;
        for _ in 0..PASSES {
            let (taken, turns) = viterbi(seq, q, turn);
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
            let price = match turns {
                0 => 0.0,
                n => n as f64 * turn + more,
            };
            let gain = worth(seq, q, &mut |_| k.next().copied().unwrap_or(false)) - price;
            if top.as_ref().is_none_or(|t| gain > t.gain + 1e-9) {
                *top = Some(Part {
                    gain,
                    taken,
                    price,
                    picked: None,
                });
            }
        }
    }
}

/// A part of the reads: what it is worth, price paid, and which it is.
struct Part {
    gain: f64,
    taken: Vec<bool>,
    price: f64,
    picked: Option<(usize, u16)>,
}

/// Share of an account's reads whose property must be known.
const KNOWN: f64 = 0.8;

/// The parts of the reads that have one value of property `k` each.
fn by_label(l: &Leak, seq: &[Option<(u32, f64)>], order: &[u32], k: usize) -> Vec<Part> {
    let of: Vec<u16> = order
        .iter()
        .map(|t| {
            let values = l.labels.get(k)?;
            values.get(*t as usize).copied()
        })
        .map(Option::unwrap_or_default)
        .collect();
    // Reads with each value, and leaked ones among them.
    let mut count: BTreeMap<u16, (usize, usize)> = BTreeMap::new();
    for (v, s) in of.iter().zip(seq).filter(|(v, _)| **v != 0) {
        let n = count.entry(*v).or_default();
        n.0 += 1;
        n.1 += usize::from(s.is_some());
    }
    let known: usize = count.values().map(|n| n.0).sum();
    if count.len() < 2 || (known as f64) < KNOWN * order.len() as f64 {
        return Vec::new();
    }
    let price = (l.labels.len() as f64).ln() + (count.len() as f64).ln();
    count
        .iter()
        .filter(|(_, n)| n.1 >= FEW)
        .map(|(v, (all, hit))| {
            let mut q = clamp(*hit as f64 / *all as f64).min(0.999);
            let inside = || of.iter().zip(seq).filter(|(x, _)| *x == v);
            for _ in 0..8 {
                let s: f64 = inside()
                    .filter_map(|(_, s)| *s)
                    .map(|(_, b)| q / (q + (1.0 - q) * b))
                    .sum();
                q = clamp(s / *all as f64).min(0.999);
            }
            Part {
                gain: inside().map(|(_, s)| score(*s, q)).sum::<f64>() - price,
                taken: of.iter().map(|x| x == v).collect(),
                price,
                picked: Some((k, *v)),
            }
        })
        .collect()
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
