//! Records that an account may have received in no capture: those that readers like it received and it did not. In: reads, an account.
//! Out: which of them they are, leaked and not, and how likely it received one of them. Bounds: two passes over all reads for each
//! account asked for.
//!
//! Each record has a figure: what share of their reads those who received it have in common with the account, the likest counting most. A
//! threshold is chosen so that records above it tell most of what the account received; the account itself is left out of the
//! figures of its own reads, and so are readers that cannot be told apart from it.

use super::Reads;
use super::fit::{BINS, Leak, bin_of};
use super::segments::SAME;

/// Records that a reader's share is held down by: three records of somebody are no measure of anything.
const HELD: f32 = 5.0;
/// Records of the mean that a class of records is mixed with.
const MIXED: f64 = 4.0;
/// Nats that a record must tell of whether the account read it, or the kind is none.
const TOLD: f64 = 0.05;
/// Steps in which a threshold is looked for.
const STEPS: usize = 64;

/// What one account may have missed.
#[derive(Clone, Default)]
pub(super) struct Near {
    /// Leaked records of that kind that it did not receive.
    pub rows: Vec<u32>,
    /// Records of that kind that it did not receive, leaked or not, by how many others received them.
    pub all: Vec<f64>,
    /// Of these the leaked ones.
    pub out: Vec<f64>,
    /// For each record of that kind that it did not receive how many it did, by how many others received them.
    pub reach: Vec<f64>,
}

/// What account `a` may have missed.
pub(super) fn near(reads: &Reads, l: &Leak, a: usize) -> Near {
    let n = reads.universe as usize;
    let Some(mine) = reads.by_account.get(a) else {
        return Near::default();
    };
    let mut own = vec![false; n];
    for t in mine {
        own[*t as usize] = true;
    }
    let counts = |t: usize| {
        l.picked[a].is_none_or(|(k, v)| l.labels.get(k).and_then(|of| of.get(t)) == Some(&v))
    };
    let (mut up, mut down, mut others) = (vec![0.0f32; n], vec![0.0f32; n], vec![0u32; n]);
    for (c, theirs) in reads.by_account.iter().enumerate() {
        if c == a || theirs.is_empty() {
            continue;
        }
        for t in theirs {
            others[*t as usize] += 1;
        }
        let both = theirs.iter().filter(|t| own[**t as usize]).count();
        // whoever cannot be told apart from it would show that it missed nothing
        if both == 0 || both as f64 >= SAME * mine.len().max(theirs.len()) as f64 {
            continue;
        }
        let share = both as f32 / (theirs.len() as f32 + HELD);
        for t in theirs {
            // its own read of a record would speak for that record
            let s = if own[*t as usize] {
                (both as f32 - 1.0) / (theirs.len() as f32 - 1.0 + HELD)
            } else {
                share
            };
            up[*t as usize] += s * s;
            down[*t as usize] += s;
        }
    }
    let mut max = 0.0f32;
    for t in 0..n {
        up[t] = if down[t] > 0.0 { up[t] / down[t] } else { 0.0 };
        max = max.max(up[t]);
    }
    if max <= 0.0 {
        return Near::default();
    }
    // Records by that figure, read and not.
    let step = |x: f32| ((x / max * STEPS as f32) as usize).min(STEPS - 1);
    let mut hist = [(0.0f64, 0.0f64); STEPS];
    for t in (0..n).filter(|t| down[*t] > 0.0 && counts(*t)) {
        let h = &mut hist[step(up[t])];
        if own[t] { h.0 += 1.0 } else { h.1 += 1.0 }
    }
    let all = hist.iter().fold((0.0, 0.0), |s, h| (s.0 + h.0, s.1 + h.1));
    let (mut best, mut at, mut got) = (TOLD, STEPS, (0.0, 0.0));
    let mut sum = (0.0, 0.0);
    for (i, h) in hist.iter().enumerate().rev() {
        sum = (sum.0 + h.0, sum.1 + h.1);
        let (p, u) = ((sum.0 + 0.5) / (all.0 + 1.0), (sum.1 + 0.5) / (all.1 + 1.0));
        let kl = p * (p / u).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - u)).ln();
        if p > u && kl > best {
            (best, at, got) = (kl, i, sum);
        }
    }
    if at == STEPS || got.1 <= 0.0 {
        return Near::default();
    }
    let is = |t: usize| down[t] > 0.0 && counts(t) && step(up[t]) >= at;
    let mut out = Near {
        rows: (0u32..)
            .zip(&reads.leaked)
            .filter(|(_, t)| !own[**t as usize] && is(**t as usize))
            .map(|x| x.0)
            .collect(),
        all: vec![0.0; BINS],
        out: vec![0.0; BINS],
        reach: Vec::new(),
    };
    let mut received = vec![0.0; BINS];
    for t in (0..n).filter(|t| is(*t)) {
        let b = bin_of(others[t]);
        if own[t] {
            received[b] += 1.0;
        } else {
            out.all[b] += 1.0;
        }
    }
    for t in reads
        .leaked
        .iter()
        .map(|t| *t as usize)
        .filter(|t| !own[*t] && is(*t))
    {
        out.out[bin_of(others[t])] += 1.0;
    }
    let ratio = got.0 / got.1.max(1.0);
    out.reach = received
        .iter()
        .zip(&out.all)
        .map(|(o, a)| (o + MIXED * ratio) / (a + MIXED))
        .collect();
    out
}
