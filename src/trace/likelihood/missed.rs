//! Records that an account may have received in no capture: those that readers like it received and it did not. In: reads, an account.
//! Out: which of them they are, leaked and not, and how likely it received one of them. Bounds: a few passes over all reads for each
//! account asked for; places of [`SPOTS`] records.
//!
//! Each record has a figure: what share of their reads those who received it have in common with the account, the likest counting most. A
//! threshold is chosen so that records above it tell most of what the account received; the account itself is left out of the
//! figures of its own reads, and so are readers that cannot be told apart from it. Where the order is known another figure is tried, and
//! the more telling one stands: that others received the record between two that the account received side by side (`gaps`). Where a
//! stretch of its reads counts alone, what was missed of it lies between reads of that stretch (`within`). Where no
//! figure tells anything and the account received most of the records that count of its own, what it missed is the rest of them.

use super::Reads;
use super::fit::{BINS, Leak, bin_of};
use super::segments::SAME;

/// Records that a reader's share is held down by: three records of somebody are no measure of anything.
const HELD: f32 = 5.0;
/// Records of the mean that a class of records is mixed with.
const MIXED: f64 = 4.0;
/// Nats that a record must tell of whether the account read it, or the kind is none.
const TOLD: f64 = 0.05;
/// Records apart at most that two may stand in somebody's order between which another is looked for.
const WIDE: usize = 12;
/// Steps in which a threshold is looked for.
const STEPS: usize = 64;

/// Records that an account may have missed and whose places are kept, at most; with more, a stretch of it is given what all of it may lack.
const SPOTS: usize = 1 << 18;
/// In place of a class.
const NONE: u8 = u8::MAX;

fn class_of(others: u32) -> u8 {
    u8::try_from(bin_of(others).min(BINS - 1)).unwrap_or(NONE)
}

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
    /// These are what a stretch lacks and no more: not to be held down by the share of the reads that the stretch is.
    pub within: bool,
}

/// A record that an account did not receive, and where among its reads it would stand.
struct Spot {
    /// Places of the reads before and behind.
    before: u32,
    behind: u32,
    class: u8,
    /// Index among the leaked records; `u32::MAX` for others.
    row: u32,
}

/// What one account may have missed, and where.
#[derive(Default)]
pub(super) struct Placed {
    /// Of all that it read.
    whole: Near,
    /// Empty where the order of others tells nothing.
    spots: Vec<Spot>,
    /// For each of its reads, in order, the class of one like them; [`NONE`] for others.
    got: Vec<u8>,
}

/// What stretches of an account's reads (places from, to, ascending) may lack; with none, what all of it may.
pub(super) fn within(of: &Placed, spans: &[(usize, usize)]) -> Near {
    if spans.is_empty() || of.spots.is_empty() {
        return of.whole.clone();
    }
    let mut out = Near {
        all: vec![0.0; BINS],
        out: vec![0.0; BINS],
        within: true,
        ..Near::default()
    };
    let (mut got, mut not) = (0.0, 0.0);
    let inside = |s: &&Spot| {
        let at = spans.partition_point(|x| x.0 <= s.before as usize);
        let span = at.checked_sub(1).and_then(|i| spans.get(i));
        span.is_some_and(|x| (s.behind as usize) < x.1)
    };
    for s in of.spots.iter().filter(inside) {
        not += 1.0;
        out.all[usize::from(s.class)] += 1.0;
        if s.row != u32::MAX {
            out.out[usize::from(s.class)] += 1.0;
            out.rows.push(s.row);
        }
    }
    if not == 0.0 {
        return Near::default();
    }
    let mut received = vec![0.0; BINS];
    let own = spans.iter().filter_map(|x| of.got.get(x.0..x.1));
    for class in own.flatten() {
        if let Some(n) = received.get_mut(usize::from(*class)) {
            got += 1.0;
            *n += 1.0;
        }
    }
    out.reach = reach(&received, &out.all, got / not);
    out
}

/// How many were received for each that was not, by class; a class of few is held to what is so of all.
fn reach(received: &[f64], not: &[f64], ratio: f64) -> Vec<f64> {
    let of = received.iter().zip(not);
    of.map(|(o, a)| (o + MIXED * ratio) / (a + MIXED)).collect()
}

/// From which figure on records tell most of what an account received.
struct Cut {
    max: f32,
    /// The step; [`STEPS`] for none.
    at: usize,
    /// Records from there on, received and not.
    got: (f64, f64),
    nats: f64,
}

impl Cut {
    fn step(&self, x: f32) -> usize {
        ((x / self.max * STEPS as f32) as usize).min(STEPS - 1)
    }
}

fn telling(figure: &[f32], own: &[bool], known: &dyn Fn(usize) -> bool) -> Cut {
    let mut cut = Cut {
        max: figure.iter().copied().fold(0.0, f32::max),
        at: STEPS,
        got: (0.0, 0.0),
        nats: TOLD,
    };
    if cut.max <= 0.0 {
        return cut;
    }
    let mut hist = [(0.0f64, 0.0f64); STEPS];
    for t in (0..figure.len()).filter(|t| known(*t)) {
        let h = &mut hist[cut.step(figure[t])];
        if own[t] { h.0 += 1.0 } else { h.1 += 1.0 }
    }
    let all = hist.iter().fold((0.0, 0.0), |s, h| (s.0 + h.0, s.1 + h.1));
    let mut sum = (0.0, 0.0);
    for (i, h) in hist.iter().enumerate().rev() {
        sum = (sum.0 + h.0, sum.1 + h.1);
        let (p, u) = ((sum.0 + 0.5) / (all.0 + 1.0), (sum.1 + 0.5) / (all.1 + 1.0));
        let kl = p * (p / u).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - u)).ln();
        if p > u && kl > cut.nats {
            (cut.nats, cut.at, cut.got) = (kl, i, sum);
        }
    }
    cut
}

/// For each record how well those tell what the account received who received it between two records that the account received side by
/// side: of what they received so, the share that it did receive. A page that came without three of its rows is such.
fn gaps(reads: &Reads, l: &Leak, a: usize, own: &[bool]) -> (Vec<f32>, Vec<(u32, u32)>) {
    let n = reads.universe as usize;
    let mut at = vec![u32::MAX; n];
    for (i, t) in (0u32..).zip(&l.order[a]) {
        at[*t as usize] = i;
    }
    let mut out = vec![0.0f32; n];
    let mut place = vec![(0u32, 0u32); n];
    let mut last: Vec<usize> = Vec::new();
    let mut between: Vec<(u32, (u32, u32))> = Vec::new();
    for (c, theirs) in l.order.iter().enumerate() {
        let mine = &l.all[c];
        if c == a || theirs.len() < 3 || mine.is_empty() && l.all[a].is_empty() {
            continue;
        }
        // Places in their order of what the account received too.
        last.clear();
        last.extend((0..theirs.len()).filter(|i| at[theirs[*i] as usize] != u32::MAX));
        let both = last.len();
        if both < 2 || both as f64 >= SAME * theirs.len().max(l.order[a].len()) as f64 {
            continue;
        }
        between.clear();
        let close = |p: usize, q: usize| {
            let (x, y) = (at[theirs[p] as usize], at[theirs[q] as usize]);
            q - p <= WIDE && y > x && (y - x) as usize <= WIDE
        };
        let ends = |p: usize, q: usize| (at[theirs[p] as usize], at[theirs[q] as usize]);
        for w in last.windows(2) {
            // what it did not receive between these
            if w[1] - w[0] > 1 && close(w[0], w[1]) {
                let ends = ends(w[0], w[1]);
                between.extend(theirs[w[0] + 1..w[1]].iter().map(|t| (*t, ends)));
            }
        }
        for w in last.windows(3) {
            // and what it did
            if close(w[0], w[2]) {
                between.push((theirs[w[1]], ends(w[0], w[2])));
            }
        }
        let (all, got) = between.iter().fold((0.0f32, 0.0f32), |s, (t, _)| {
            (s.0 + 1.0, s.1 + f32::from(u8::from(own[*t as usize])))
        });
        for (t, ends) in &between {
            let me = f32::from(u8::from(own[*t as usize]));
            let x = (got - me) / (all - me + HELD);
            let best = &mut out[*t as usize];
            if x > *best {
                *best = x;
                place[*t as usize] = *ends;
            }
        }
    }
    (out, place)
}

/// What account `a` may have missed.
pub(super) fn near(reads: &Reads, l: &Leak, a: usize) -> Placed {
    let n = reads.universe as usize;
    let Some(mine) = reads.by_account.get(a) else {
        return Placed::default();
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
    for t in 0..n {
        up[t] = if down[t] > 0.0 { up[t] / down[t] } else { 0.0 };
    }
    let known = |t: usize| down[t] > 0.0 && counts(t);
    let mut figure = up;
    let mut cut = telling(&figure, &own, &known);
    let mut placed = Placed::default();
    if l.timed {
        let (beside, place) = gaps(reads, l, a, &own);
        let other = telling(&beside, &own, &known);
        if other.at < STEPS && other.got.1 > 0.0 {
            let like = |t: &usize| known(*t) && other.step(beside[*t]) >= other.at;
            let spot = |t: usize| Spot {
                before: place[t].0,
                behind: place[t].1,
                class: class_of(others[t]),
                row: l.index[t],
            };
            let open = (0..n).filter(|t| !own[*t] && like(t));
            placed.spots = open.map(spot).take(SPOTS + 1).collect();
            if placed.spots.len() > SPOTS {
                placed.spots = Vec::new();
            }
            let order = l.order[a].iter().map(|t| *t as usize);
            placed.got = order
                .map(|t| if like(&t) { class_of(others[t]) } else { NONE })
                .collect();
        }
        if other.nats > cut.nats {
            (figure, cut) = (beside, other);
        }
    }
    if cut.at == STEPS {
        // Who received most of a region missed what it did not receive of it, whoever else did.
        let mut all = (0.0, 0.0);
        for t in (0..n).filter(|t| known(*t)) {
            if own[t] { all.0 += 1.0 } else { all.1 += 1.0 }
        }
        if all.0 > all.1 {
            (cut.at, cut.got) = (0, all);
        }
    }
    if cut.at == STEPS || cut.got.1 <= 0.0 {
        return placed;
    }
    let got = cut.got;
    let is = |t: usize| known(t) && cut.step(figure[t]) >= cut.at;
    let mut out = Near {
        rows: (0u32..)
            .zip(&reads.leaked)
            .filter(|(_, t)| !own[**t as usize] && is(**t as usize))
            .map(|x| x.0)
            .collect(),
        all: vec![0.0; BINS],
        out: vec![0.0; BINS],
        ..Near::default()
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
    out.reach = reach(&received, &out.all, got.0 / got.1.max(1.0));
    placed.whole = out;
    placed
}
