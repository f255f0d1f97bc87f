//! How alike answers are. In: names of fields by their prints. Out: 0..=1. Bounds: linear in fields; neighbours are compared.

use super::kid::Kid;
use std::collections::BTreeMap;

/// How alike two sets of fields are, 0..=1.
#[allow(clippy::cast_precision_loss)] // small counts
pub fn alike(a: &[u32], b: &[u32]) -> f64 {
    let both = a.iter().filter(|x| b.binary_search(x).is_ok()).count();
    let all = a.len() + b.len() - both;
    both as f64 / all.max(1) as f64
}

/// How alike the answers of neighbours are; `None` where fewer than two have one for the same method.
#[allow(clippy::cast_precision_loss)] // counts of children and calls, far below 2^52
pub fn answers<'k, 'a: 'k>(kids: impl Iterator<Item = &'k Kid<'a>>) -> Option<f64> {
    let mut by_method: BTreeMap<&str, Vec<&[u32]>> = BTreeMap::new();
    for (m, a) in kids.filter_map(|k| k.answer) {
        by_method.entry(m).or_default().push(a);
    }
    let all: Vec<f64> = by_method
        .values()
        .flat_map(|l| l.windows(2))
        .map(|w| match w {
            [a, b] => alike(a, b),
            _ => 0.0,
        })
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Values that one is compared with.
const NEAR: usize = 16;

/// Answers of values, which tell whether something else answers as they do.
pub struct Values<'a> {
    /// The first answers to each method, with whose they are: one more than are compared, as none is compared with itself.
    answers: BTreeMap<&'a str, Vec<(&'a str, &'a [u32])>>,
    /// What is like enough: as much as each of them is like another, and 0.7 at most.
    least: f64,
}

impl<'a> Values<'a> {
    pub fn new(of: &[&Kid<'a>]) -> Values<'a> {
        let mut answers: BTreeMap<&str, Vec<(&str, &[u32])>> = BTreeMap::new();
        for (seg, (method, answer)) in of.iter().filter_map(|k| Some((k.seg, k.answer?))) {
            let first = answers.entry(method).or_default();
            if first.len() <= NEAR {
                first.push((seg, answer));
            }
        }
        let mut out = Values {
            answers,
            least: 0.7,
        };
        let all = of.iter().take(NEAR).filter_map(|k| out.nearest(k));
        let (n, least) = all.fold((0, 0.7f64), |(n, l), a| (n + 1, l.min(a)));
        if n >= 4 {
            out.least = least.max(0.3);
        }
        out
    }

    /// How alike an answer is to the one of these that is most like it; `None` where none answers the same method.
    fn nearest(&self, k: &Kid<'_>) -> Option<f64> {
        let (method, answer) = k.answer?;
        let others = self.answers.get(method)?.iter();
        others
            .filter(|(seg, _)| *seg != k.seg)
            .take(NEAR)
            .map(|(_, a)| alike(answer, a))
            .reduce(f64::max)
    }

    /// Whether it answers as one of these does.
    pub fn near(&self, k: &Kid<'_>) -> bool {
        self.nearest(k).is_some_and(|a| a >= self.least)
    }
}

/// How alike what different children answer below is, where they have the same there; `None` where no two have.
#[allow(clippy::cast_precision_loss)] // counts of children
pub fn answers_below(kids: &[&Kid<'_>]) -> Option<f64> {
    let mut by_place: BTreeMap<(&str, &str), Vec<&[u32]>> = BTreeMap::new();
    for (place, answer) in kids.iter().flat_map(|k| &k.answers_below) {
        by_place.entry(*place).or_default().push(answer);
    }
    let all: Vec<f64> = by_place
        .values()
        .flat_map(|l| l.windows(2))
        .filter_map(|w| w.first().zip(w.last()))
        .map(|(a, b)| alike(a, b))
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Answers of one child that are compared.
const COMPARED: usize = 64;

/// Paths that answer something else before a field says anything: a host with one thing has nothing but its fields.
const OTHERS: u32 = 2;

/// Whether the answers of all these have a field in common that no other path of the host answers.
pub fn own_fields(kids: &[&Kid<'_>]) -> bool {
    let Some(first) = kids.first().filter(|_| kids.len() >= 2) else {
        return false;
    };
    let Some(of_first) = first.all.first() else {
        return false;
    };
    if kids
        .iter()
        .any(|k| k.all.is_empty() || k.all.len() > COMPARED)
    {
        return false;
    }
    of_first.iter().any(|f| {
        let mut all = 0u32;
        let mut on_each = true;
        for k in kids {
            let n = k.all.iter().filter(|a| a.binary_search(f).is_ok()).count();
            on_each &= n > 0;
            all = all.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        }
        let others = first.fields.paths.saturating_sub(all);
        on_each && others >= OTHERS && first.fields.on.get(f) == Some(&all)
    })
}
