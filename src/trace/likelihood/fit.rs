//! Rates of one set of accounts by EM. In: the leak, a set. Out: log-likelihood and rates. Bounds: [`ROUNDS`] rounds over
//! groups of leaked records that the same members received.

use super::Reads;
use super::missed::{Near, Placed};

/// Rounds of EM: rates are steady to 1e-4 long before.
const ROUNDS: usize = 60;
/// Rates stay away from 0 and 1, where logarithms end.
pub(super) const EPS: f64 = 1e-9;
/// Records of the common rate that a background class is mixed with: a class of three records says nothing by itself, and
/// one without a leaked record must not make the first one there a miracle.
const PRIOR: f64 = 4.0;
/// The same where records of one value of a property are told apart by how many received them.
const HELD: f64 = 10.0;

/// Records that nobody is known to have missed cost this much, in nats, for each whole share of what was received; and once at all.
const LACK: f64 = 5.0;
const LACK_COST: f64 = 2.0;
/// Reads in no capture for each that is in one, at most.
pub(super) const LACK_MAX: f64 = 0.6;
/// Share of `ln k!` that a set of k members does not cost. 0, 1/2, 0.7 and 1 were tried on seeded leaks (400000 to 402799).
const FEWER: f64 = 0.7;
/// Rates of those who gave away all and of those who gave some, and what each costs, in nats, that stands against one of the other kind.
pub(super) const ALL: f64 = 0.9;
const SOME: f64 = 0.75;
const MIXED: f64 = 3.0;
/// Chance that one record was missed, at most.
const MAY: f64 = 0.9;

/// Leaked records renumbered from 0, with the background class of each.
pub(super) struct Leak {
    /// For each account: indices of its leaked records (of the stretches that count).
    pub rows: Vec<Vec<u32>>,
    /// The same of all that it read.
    pub all: Vec<Vec<u32>>,
    /// For each account: records read that did not leak.
    pub rest: Vec<f64>,
    /// Background class of each leaked record: how many received it, and its value of the property that the leak as a whole goes by.
    pub bin: Vec<usize>,
    /// Whether anybody received it.
    pub read: Vec<bool>,
    /// Records of each background class.
    bin_all: Vec<f64>,
    /// Classes of records with one reader.
    alone: Vec<usize>,
    /// What each background class is mixed with: a rate, and so many records of it.
    prior: Vec<(f64, f64)>,
    /// Other evidence for each account, in nats, less the price of stretches.
    pub beside: Vec<f64>,
    /// Accounts that may not join any more.
    pub barred: Vec<bool>,
    /// What an account read, leaked or not, in order where that is known.
    pub order: Vec<Vec<u32>>,
    /// The same in the order of the last deliveries, where that is another one.
    pub last: Vec<Vec<u32>>,
    /// Whether it is.
    pub timed: bool,
    /// Properties of records: for each the value of each record, see [`super::Label`].
    pub labels: Vec<Vec<u16>>,
    /// The property whose records alone count of an account's.
    pub picked: Vec<Option<(usize, u16)>>,
    /// What stretches cost each account, in nats; 0 for one that counts with all.
    pub price: Vec<f64>,
    /// Index of a record among the leaked ones; `u32::MAX` for others.
    pub index: Vec<u32>,
    /// What a first member costs.
    pub member: f64,
    /// Values of the property that records of a class are told apart by; 1 for none.
    values: usize,
    /// Whether captures are taken to have all.
    pub whole: bool,
    /// What accounts may have received in no capture, where that was asked for.
    pub near: Vec<Option<Near>>,
    /// The same of all that each read, and where.
    pub placed: Vec<Option<Placed>>,
    /// The stretches that count of an account's reads, as places in `order` from, to; none where all counts, or what is no stretch there.
    pub spans: Vec<Vec<(usize, usize)>>,
}

/// Classes by how many received a record.
pub(super) const BINS: usize = 38;

/// Few readers each for themselves, many by powers of two.
pub(super) fn bin_of(readers: u32) -> usize {
    match readers {
        0..8 => readers as usize,
        n => 5 + (u32::BITS - n.leading_zeros()) as usize,
    }
}

/// How many received each record.
fn readers(r: &Reads) -> Vec<u32> {
    let mut out = vec![0u32; r.universe as usize];
    for t in r.by_account.iter().flatten() {
        if let Some(n) = out.get_mut(*t as usize) {
            *n += 1;
        }
    }
    out
}

/// The property that the leak as a whole goes by, whoever received its records: a region that left at its source. It must explain
/// which of the records that anybody received leaked, by more than its values cost.
pub(super) fn splits(r: &Reads) -> Option<&super::Label> {
    if r.labels.is_empty() {
        return None;
    }
    let readers = readers(r);
    let mut leaked = vec![false; readers.len()];
    for t in &r.leaked {
        if let Some(x) = leaked.get_mut(*t as usize) {
            *x = true;
        }
    }
    let known = |t: usize, l: &super::Label| l.of.get(t).copied().unwrap_or(0);
    let worth = |l: &super::Label| {
        let mut by = vec![(0.0f64, 0.0f64); l.values.len() + 1];
        for (t, _) in readers.iter().enumerate().filter(|(_, n)| **n > 0) {
            if let Some(x) = by.get_mut(usize::from(known(t, l))) {
                x.1 += 1.0;
                x.0 += f64::from(u8::from(leaked[t]));
            }
        }
        let ll = |k: f64, n: f64| {
            let p = clamp(k / n.max(1.0));
            k * p.ln() + (n - k) * (1.0 - p).ln()
        };
        let all = by.iter().fold((0.0, 0.0), |s, x| (s.0 + x.0, s.1 + x.1));
        let price = 0.5 * (by.len() as f64) * all.1.max(2.0).ln();
        by.iter().map(|x| ll(x.0, x.1)).sum::<f64>() - ll(all.0, all.1) - price
    };
    r.labels
        .iter()
        .map(|l| (worth(l), l))
        .filter(|x| x.0 > 0.0)
        .max_by(|x, y| x.0.total_cmp(&y.0))
        .map(|x| x.1)
}

impl Leak {
    /// `split`: a property by which the leak went as a whole, see [`splits`].
    pub fn new(r: &Reads, split: Option<(&super::Label, bool)>) -> Leak {
        let readers = readers(r);
        let mut bin_all = vec![0.0; BINS];
        for n in &readers {
            bin_all[bin_of(*n)] += 1.0;
        }
        let mut index = vec![u32::MAX; r.universe as usize];
        let mut bin = Vec::with_capacity(r.leaked.len());
        for (i, t) in (0u32..).zip(&r.leaked) {
            index[*t as usize] = i;
            bin.push(bin_of(readers[*t as usize]));
        }
        let rows: Vec<Vec<u32>> = r
            .by_account
            .iter()
            .map(|a| {
                a.iter()
                    .map(|t| index[*t as usize])
                    .filter(|i| *i != u32::MAX)
                    .collect()
            })
            .collect();
        let rest = r
            .by_account
            .iter()
            .zip(&rows)
            .map(|(a, s)| (a.len() - s.len()) as f64)
            .collect();
        let received: f64 = bin_all.iter().skip(1).sum();
        let read: Vec<bool> = bin.iter().map(|b| *b > 0).collect();
        let hit = read.iter().filter(|b| **b).count() as f64;
        let common = clamp(hit / received.max(1.0));
        let mut prior = vec![(common, PRIOR); bin_all.len()];
        let mut alone = vec![1];
        if let Some((label, apart)) = split {
            let values = label.values.len() + 1;
            // Where it does not matter how many received a record, those that anybody received are one class for each value.
            let bin_of = |n: u32| if apart { bin_of(n) } else { bin_of(n.min(1)) };
            let of = |t: usize| label.of.get(t).map_or(0, |v| usize::from(*v));
            bin_all = vec![0.0; BINS * values];
            for (t, n) in readers.iter().enumerate() {
                bin_all[bin_of(*n) * values + of(t).min(values - 1)] += 1.0;
            }
            for (b, t) in bin.iter_mut().zip(&r.leaked) {
                *b = bin_of(readers[*t as usize]) * values + of(*t as usize).min(values - 1);
            }
            prior = vec![(common, HELD); bin_all.len()];
            alone = (values..2 * values).collect();
        }
        Leak {
            all: rows.clone(),
            rows,
            rest,
            bin,
            read,
            bin_all,
            alone,
            prior,
            beside: (0..r.by_account.len())
                .map(|a| r.beside.get(a).copied().unwrap_or(0.0))
                .collect(),
            barred: vec![false; r.by_account.len()],
            order: match r.in_order.is_empty() {
                true => r.by_account.clone(),
                false => r.in_order.clone(),
            },
            last: r.at_last.clone(),
            timed: !r.in_order.is_empty(),
            labels: r.labels.iter().map(|l| l.of.clone()).collect(),
            picked: vec![None; r.by_account.len()],
            price: vec![0.0; r.by_account.len()],
            index,
            member: 0.0,
            values: split.map_or(1, |l| l.0.values.len() + 1),
            whole: false,
            near: vec![None; r.by_account.len()],
            placed: (0..r.by_account.len()).map(|_| None).collect(),
            spans: vec![Vec::new(); r.by_account.len()],
        }
    }

    /// What the rates of the background cost, in nats: for each a quarter of what a free one would (they are held to the common rate; the
    /// quarter told regions that left at their source from people who picked by region best on 1,600 seeded leaks).
    pub fn cost(&self) -> f64 {
        let classes = self.bin_all.iter().filter(|n| **n > 0.0).count() as f64;
        0.12 * classes * self.bin_all.iter().sum::<f64>().max(2.0).ln()
    }

    /// What members at these rates cost. Sets of k accounts are fewer than orders of k accounts, by `k!`, which is given back for the
    /// most part; and who leaks together does so in one way: some who gave away all that counts of theirs and others who gave little
    /// are rather the first ones and chance.
    fn price_of(&self, q: &[f64]) -> f64 {
        let size: f64 = (1..=q.len())
            .map(|k| self.member - FEWER * (k as f64).ln())
            .sum();
        let all = q.iter().filter(|q| **q >= ALL).count();
        let some = q.iter().filter(|q| **q < SOME).count();
        size + MIXED * all.min(some) as f64
    }

    /// Background rate of records that one account received.
    pub fn base(&self, f: &Fit) -> f64 {
        let (mut sum, mut all) = (0.0, 0.0);
        for c in &self.alone {
            sum += self.bin_all[*c] * f.b[*c];
            all += self.bin_all[*c];
        }
        match all > 0.0 {
            true => sum / all,
            false => self.alone.first().map_or(0.0, |c| f.b[*c]),
        }
    }

    /// For each class of records that an account may have missed how many it received for each that it did not.
    fn reach(&self, a: usize) -> Option<(f64, &Near)> {
        let n = self.near[a].as_ref().filter(|n| !n.reach.is_empty())?;
        Some((if n.within { 1.0 } else { self.part(a) }, n))
    }

    /// Share of what an account received that counts.
    fn part(&self, a: usize) -> f64 {
        match self.picked[a] {
            Some(_) => 1.0,
            None => (self.total(a) / self.order[a].len().max(1) as f64).min(1.0),
        }
    }

    /// Records of an account that count.
    pub fn total(&self, a: usize) -> f64 {
        self.rows[a].len() as f64 + self.rest[a]
    }

    /// Background rates from leaked records that came from elsewhere, by class.
    fn rates(&self, hits: &[f64]) -> Vec<f64> {
        hits.iter()
            .zip(&self.bin_all)
            .zip(&self.prior)
            .map(|((h, n), (rate, held))| clamp((h + held * rate) / (n + held)))
            .collect()
    }

    /// How likely background rates are before anything is seen.
    fn prior(&self, b: &[f64]) -> f64 {
        b.iter()
            .zip(&self.bin_all)
            .zip(&self.prior)
            .filter(|((_, n), _)| **n > 0.0)
            .map(|((b, _), (rate, held))| held * (rate * b.ln() + (1.0 - rate) * (1.0 - b).ln()))
            .sum()
    }
}

/// Leaked records that the same accounts received, and may have missed, and that are of one class, as one with a count: bits by
/// position in a list.
pub(super) type Groups = Vec<(u64, u64, usize, f64)>;

/// Groups for a list of at most 64 accounts. `missing`: what these may have missed tells groups apart too.
pub(super) fn groups(l: &Leak, list: &[usize], missing: bool) -> Groups {
    let mut key: Vec<(u64, u64, usize)> = l.bin.iter().map(|b| (0, 0, *b)).collect();
    for (i, a) in list.iter().enumerate() {
        for t in &l.rows[*a] {
            key[*t as usize].0 |= 1 << (i & 63);
        }
        for t in l.near[*a].iter().filter(|_| missing).flat_map(|n| &n.rows) {
            key[*t as usize].1 |= 1 << (i & 63);
        }
    }
    key.sort_unstable();
    key.chunk_by(|x, y| x == y)
        .filter_map(|c| c.first().map(|(m, w, b)| (*m, *w, *b, c.len() as f64)))
        .collect()
}

/// Fitted rates of one set.
#[derive(Clone, Default)]
pub(super) struct Fit {
    pub ll: f64,
    /// What the set costs.
    pub price: f64,
    pub q: Vec<f64>,
    pub b: Vec<f64>,
    /// For each leaked record `prod (1-q(a))` over the members that received it.
    pub keep: Vec<f64>,
    /// Reads in no capture for each that is in one.
    pub missed: f64,
}

impl Fit {
    /// What it explains beyond what it costs.
    pub fn score(&self) -> f64 {
        self.ll - self.price
    }
}

pub(super) fn clamp(x: f64) -> f64 {
    x.clamp(EPS, 1.0 - EPS)
}

/// Fits a set; what its members may have missed counts where that explains more than it costs.
pub(super) fn fit(l: &Leak, set: &[usize]) -> Fit {
    let lacks = set.iter().any(|a| l.reach(*a).is_some());
    let g = groups(l, set, lacks);
    let at: Vec<usize> = (0..set.len()).collect();
    let mut f = fit_groups(l, &g, set, &at, false);
    if lacks {
        let other = fit_groups(l, &g, set, &at, true);
        if other.ll > f.ll {
            f = other;
        }
    }
    f.keep = vec![1.0; l.bin.len()];
    for (a, q) in set.iter().zip(&f.q) {
        for t in &l.rows[*a] {
            f.keep[*t as usize] *= 1.0 - q;
        }
        if let Some((part, near)) = l.reach(*a).filter(|_| f.missed > 0.0) {
            for t in &near.rows {
                let class = l.bin[*t as usize] / l.values;
                f.keep[*t as usize] *= 1.0 - q * (f.missed * part * near.reach[class]).min(MAY);
            }
        }
    }
    f
}

/// Groups as the members of one set tell them apart: bits of who received it and of who may have missed it, class, records.
struct Told {
    got: usize,
    near: usize,
    bin: usize,
    n: f64,
}

fn told(groups: &Groups, at: &[usize], missing: bool) -> Vec<Told> {
    let bits = |m: u64| -> usize {
        let own = at.iter().enumerate();
        own.map(|(k, i)| ((m >> (*i & 63) & 1) as usize) << k).sum()
    };
    let mut key: Vec<(usize, usize, usize, f64)> = groups
        .iter()
        .map(|(m, w, bin, n)| (bits(*m), if missing { bits(*w) } else { 0 }, *bin, *n))
        .collect();
    key.sort_unstable_by_key(|x| (x.0, x.1, x.2));
    key.chunk_by(|x, y| (x.0, x.1, x.2) == (y.0, y.1, y.2))
        .filter_map(|c| {
            let (got, near, bin, _) = *c.first()?;
            let n = c.iter().map(|x| x.3).sum();
            Some(Told { got, near, bin, n })
        })
        .collect()
}

/// For each set of members the product of their figures.
fn products(of: &[f64], out: &mut [f64]) {
    for m in 0..out.len() {
        out[m] = match m {
            0 => 1.0,
            _ => out[m & (m - 1)] * of[m.trailing_zeros() as usize],
        };
    }
}

/// For each member the sum of the figures of all sets that it is in.
fn sums(of: &[f64], member: usize) -> f64 {
    let own = of.iter().enumerate().filter(|(m, _)| m >> member & 1 == 1);
    own.map(|x| x.1).sum()
}

/// Fits the members of a list at these positions (at most [`super::SET_MAX`]); `keep` is left empty. `missing`: members may have
/// received records in no capture.
pub(super) fn fit_groups(
    l: &Leak,
    groups: &Groups,
    list: &[usize],
    at: &[usize],
    missing: bool,
) -> Fit {
    let set: Vec<usize> = at.iter().map(|i| list[*i]).collect();
    let missing = missing && set.iter().any(|a| l.reach(*a).is_some());
    let groups = told(groups, at, missing);
    let mut in_bin = vec![0.0; l.bin_all.len()];
    for g in &groups {
        in_bin[g.bin] += g.n;
    }
    let total: Vec<f64> = set.iter().map(|a| l.total(*a).max(1.0)).collect();
    // For each member what of its records counts, and what it may have missed.
    let near: Vec<Option<(f64, &Near)>> = set
        .iter()
        .map(|a| l.reach(*a).filter(|_| missing))
        .collect();
    let kin: Vec<f64> = near
        .iter()
        .map(|x| {
            x.map_or(0.0, |(part, n)| {
                part * n.reach.iter().zip(&n.all).map(|(r, a)| r * a).sum::<f64>()
            })
        })
        .collect();
    let mut missed = if missing { 0.1 } else { 0.0 };
    let mut b = l.rates(&in_bin);
    let mut q: Vec<f64> = set
        .iter()
        .zip(&total)
        .map(|(a, n)| clamp(l.rows[*a].len() as f64 / n))
        .collect();
    let size = 1usize << set.len();
    // For each set of members the chance that a record leaked from none of those who received it.
    let (mut keep, mut got) = (vec![1.0; size], vec![0.0; size]);
    // Chance that member `i` leaked a record of a class that it received in no capture.
    let may = |q: &[f64], i: usize, missed: f64, class: usize| -> f64 {
        near[i].map_or(0.0, |(part, n)| {
            q[i] * (missed * part * n.reach[class]).min(MAY)
        })
    };
    let none = |q: &[f64], missed: f64, g: &Told| -> f64 {
        let of = (0..set.len()).filter(|i| g.near >> i & 1 == 1);
        of.map(|i| 1.0 - may(q, i, missed, g.bin / l.values))
            .product()
    };
    let fill = |q: &[f64], keep: &mut [f64]| {
        products(&q.iter().map(|q| 1.0 - q).collect::<Vec<_>>(), keep)
    };
    let mut unseen = vec![0.0; set.len()];
    let mut hits = vec![0.0; l.bin_all.len()];
    for _ in 0..if set.is_empty() { 0 } else { ROUNDS } {
        hits.fill(0.0);
        got.fill(0.0);
        unseen.fill(0.0);
        fill(&q, &mut keep);
        for g in &groups {
            let leak = (1.0 - (1.0 - b[g.bin]) * keep[g.got] * none(&q, missed, g)).max(EPS);
            let w = g.n / leak;
            hits[g.bin] += w * b[g.bin];
            got[g.got] += w;
            for i in (0..set.len()).filter(|i| g.near >> i & 1 == 1) {
                unseen[i] += w * may(&q, i, missed, g.bin / l.values);
            }
        }
        let mut moved = 0.0f64;
        let (mut lost, mut reads) = (0.0, 0.0);
        for i in 0..set.len() {
            let share = q[i] * sums(&got, i) + unseen[i];
            let new = clamp(share / (total[i] + missed * kin[i]));
            moved = moved.max((new - q[i]).abs());
            q[i] = new;
            lost += unseen[i];
            reads += new * kin[i];
        }
        if missing {
            let new = (lost / (reads + LACK)).min(LACK_MAX);
            moved = moved.max((new - missed).abs());
            missed = new;
        }
        // Where all members leak all they read, only what came from elsewhere is still to be found.
        let next = l.rates(&hits);
        for (old, new) in b.iter().zip(&next) {
            moved = moved.max(0.1 * (new / old - 1.0).abs());
        }
        b = next;
        if moved < 1e-4 {
            break;
        }
    }
    fill(&q, &mut keep);
    let mut ll: f64 = groups
        .iter()
        .map(|g| {
            g.n * (1.0 - (1.0 - b[g.bin]) * keep[g.got] * none(&q, missed, g))
                .max(EPS)
                .ln()
        })
        .sum();
    for ((all, hit), b) in l.bin_all.iter().zip(&in_bin).zip(&b) {
        ll += (all - hit) * (1.0 - b).ln();
    }
    for (i, a) in set.iter().enumerate() {
        ll += l.rest[*a] * (1.0 - q[i]).ln() + l.beside[*a];
        if let Some((_, n)) = near[i] {
            let stayed = n
                .all
                .iter()
                .zip(&n.out)
                .enumerate()
                .filter(|(_, (all, out))| all > out);
            ll += stayed
                .map(|(class, (all, out))| (all - out) * (1.0 - may(&q, i, missed, class)).ln())
                .sum::<f64>();
        }
    }
    if missing {
        ll -= LACK * missed + LACK_COST;
    }
    Fit {
        ll: ll + l.prior(&b),
        price: l.price_of(&q),
        q,
        b,
        keep: Vec::new(),
        missed,
    }
}

/// What account `a` would gain on top of a fit, all other rates held, and its rate: a lower bound of the refitted gain.
pub(super) fn quick_gain(l: &Leak, f: &Fit, a: usize) -> (f64, f64) {
    let rows = &l.rows[a];
    let total = l.total(a);
    if rows.is_empty() {
        return (0.0, 0.0);
    }
    let stay: Vec<f64> = rows
        .iter()
        .map(|t| (1.0 - f.b[l.bin[*t as usize]]) * f.keep[*t as usize])
        .collect();
    let mut q = clamp(rows.len() as f64 / total);
    for _ in 0..12 {
        let s: f64 = stay
            .iter()
            .map(|p| q / (1.0 - p * (1.0 - q)).max(EPS))
            .sum();
        q = clamp(s / total);
    }
    let gain: f64 = stay
        .iter()
        .map(|p| ((1.0 - p * (1.0 - q)).max(EPS) / (1.0 - p).max(EPS)).ln())
        .sum::<f64>()
        + l.rest[a] * (1.0 - q).ln();
    // At no rate at all nothing is gained and nothing lost; the rounds only draw near to that.
    match gain > 0.0 {
        true => (gain + l.beside[a], q),
        false => (l.beside[a], EPS),
    }
}
