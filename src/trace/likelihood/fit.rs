//! Rates of one set of accounts by EM. In: the leak, a set. Out: log-likelihood and rates. Bounds: [`ROUNDS`] rounds over
//! groups of leaked records that the same members received.

use super::Reads;
use std::collections::BTreeMap;

/// Rounds of EM: rates are steady to 1e-4 long before.
const ROUNDS: usize = 60;
/// Rates stay away from 0 and 1, where logarithms end.
pub(super) const EPS: f64 = 1e-9;
/// Records of the common rate that a background class is mixed with: a class of three records says nothing by itself, and
/// one without a leaked record must not make the first one there a miracle.
const PRIOR: f64 = 4.0;
/// The same where records of one value of a property are told apart by how many received them.
const HELD: f64 = 10.0;

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
}

/// Few readers each for themselves, many by powers of two.
fn bin_of(readers: u32) -> usize {
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
    pub fn new(r: &Reads, split: Option<&super::Label>) -> Leak {
        let readers = readers(r);
        let mut bin_all = vec![0.0; 38];
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
        if let Some(label) = split {
            let values = label.values.len() + 1;
            let of = |t: usize| label.of.get(t).map_or(0, |v| usize::from(*v));
            bin_all = vec![0.0; 38 * values];
            for (t, n) in readers.iter().enumerate() {
                bin_all[bin_of(*n) * values + of(t).min(values - 1)] += 1.0;
            }
            for (b, t) in bin.iter_mut().zip(&r.leaked) {
                *b = *b * values + of(*t as usize).min(values - 1);
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
            timed: !r.in_order.is_empty(),
            labels: r.labels.iter().map(|l| l.of.clone()).collect(),
            picked: vec![None; r.by_account.len()],
            price: vec![0.0; r.by_account.len()],
            index,
        }
    }

    /// What the rates of the background cost, in nats: for each a quarter of what a free one would (they are held to the common rate; the
    /// quarter told regions that left at their source from people who picked by region best on 1,600 seeded leaks).
    pub fn cost(&self) -> f64 {
        let classes = self.bin_all.iter().filter(|n| **n > 0.0).count() as f64;
        0.12 * classes * self.bin_all.iter().sum::<f64>().max(2.0).ln()
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

/// Leaked records that the same accounts received and that are of one class, as one with a count: bits by position in a list.
pub(super) type Groups = Vec<(u64, usize, f64)>;

/// Groups for a list of at most 64 accounts.
pub(super) fn groups(l: &Leak, list: &[usize]) -> Groups {
    let mut mask = vec![0u64; l.bin.len()];
    for (i, a) in list.iter().enumerate() {
        for t in &l.rows[*a] {
            mask[*t as usize] |= 1 << (i & 63);
        }
    }
    let mut by: BTreeMap<(u64, usize), f64> = BTreeMap::new();
    for key in mask.iter().copied().zip(l.bin.iter().copied()) {
        *by.entry(key).or_default() += 1.0;
    }
    by.into_iter().map(|((m, b), n)| (m, b, n)).collect()
}

/// Fitted rates of one set.
#[derive(Clone, Default)]
pub(super) struct Fit {
    pub ll: f64,
    pub q: Vec<f64>,
    pub b: Vec<f64>,
    /// For each leaked record `prod (1-q(a))` over the members that received it.
    pub keep: Vec<f64>,
}

pub(super) fn clamp(x: f64) -> f64 {
    x.clamp(EPS, 1.0 - EPS)
}

/// Fits a set.
pub(super) fn fit(l: &Leak, set: &[usize]) -> Fit {
    let g = groups(l, set);
    let mut f = fit_groups(l, &g, set, &(0..set.len()).collect::<Vec<_>>());
    f.keep = vec![1.0; l.bin.len()];
    for (a, q) in set.iter().zip(&f.q) {
        for t in &l.rows[*a] {
            f.keep[*t as usize] *= 1.0 - q;
        }
    }
    f
}

/// Fits the members of a list at these positions; `keep` is left empty.
pub(super) fn fit_groups(l: &Leak, groups: &Groups, list: &[usize], at: &[usize]) -> Fit {
    let set: Vec<usize> = at.iter().map(|i| list[*i]).collect();
    // Only the members' bits count, as positions in `at`.
    let groups: Vec<(Vec<usize>, usize, f64)> = {
        let all: u64 = at.iter().map(|i| 1u64 << (i & 63)).sum();
        let mut by: BTreeMap<(u64, usize), f64> = BTreeMap::new();
        for (m, bin, n) in groups {
            *by.entry((m & all, *bin)).or_default() += n;
        }
        by.into_iter()
            .map(|((m, bin), n)| {
                let own = at
                    .iter()
                    .enumerate()
                    .filter(|(_, i)| m >> (*i & 63) & 1 == 1)
                    .map(|(k, _)| k)
                    .collect();
                (own, bin, n)
            })
            .collect()
    };
    let mut in_bin = vec![0.0; l.bin_all.len()];
    for (_, bin, n) in &groups {
        in_bin[*bin] += n;
    }
    let total: Vec<f64> = set.iter().map(|a| l.total(*a).max(1.0)).collect();
    let mut b = l.rates(&in_bin);
    let mut q: Vec<f64> = set
        .iter()
        .zip(&total)
        .map(|(a, n)| clamp(l.rows[*a].len() as f64 / n))
        .collect();
    // Chance that a group's record leaked from no member.
    let kept = |q: &[f64], own: &[usize]| -> f64 { own.iter().map(|i| 1.0 - q[*i]).product() };
    let mut share = vec![0.0; set.len()];
    let mut hits = vec![0.0; l.bin_all.len()];
    for _ in 0..if set.is_empty() { 0 } else { ROUNDS } {
        share.fill(0.0);
        hits.fill(0.0);
        for (own, bin, n) in &groups {
            let leak = (1.0 - (1.0 - b[*bin]) * kept(&q, own)).max(EPS);
            hits[*bin] += n * b[*bin] / leak;
            for i in own {
                share[*i] += n * q[*i] / leak;
            }
        }
        let mut moved = 0.0f64;
        for ((q, s), n) in q.iter_mut().zip(&share).zip(&total) {
            let new = clamp(s / n);
            moved = moved.max((new - *q).abs());
            *q = new;
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
    let mut ll: f64 = groups
        .iter()
        .map(|(own, bin, n)| n * (1.0 - (1.0 - b[*bin]) * kept(&q, own)).max(EPS).ln())
        .sum();
    for ((all, hit), b) in l.bin_all.iter().zip(&in_bin).zip(&b) {
        ll += (all - hit) * (1.0 - b).ln();
    }
    for (a, q) in set.iter().zip(&q) {
        ll += l.rest[*a] * (1.0 - q).ln() + l.beside[*a];
    }
    Fit {
        ll: ll + l.prior(&b),
        q,
        b,
        keep: Vec::new(),
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
    (gain + l.beside[a], q)
}
