//! Fuzzy choice among names. In: candidates and what was typed. Out: the best, in order. Bounds: [`MAX`] candidates.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// Candidates that are looked at; cost is pattern times candidates.
pub const MAX: usize = 50_000;

/// How candidates are matched, so that the engine can be changed.
pub trait Fuzzy {
    /// Higher is better; `None` where it does not match.
    fn score(&self, candidate: &str, typed: &str) -> Option<i64>;
}

/// The engine in use.
pub struct Skim(SkimMatcherV2);

impl Default for Skim {
    fn default() -> Self {
        Skim(
            SkimMatcherV2::default()
                .ignore_case()
                .element_limit(1 << 20),
        )
    }
}

impl Fuzzy for Skim {
    fn score(&self, candidate: &str, typed: &str) -> Option<i64> {
        self.0.fuzzy_match(candidate, typed)
    }
}

/// Indices of the best candidates; ties keep the given order, so that the same typing gives the same list.
pub fn best<'a>(
    f: &dyn Fuzzy,
    all: impl Iterator<Item = &'a str>,
    typed: &str,
    n: usize,
) -> Vec<usize> {
    if typed.trim().is_empty() {
        return all.take(n).enumerate().map(|(i, _)| i).collect();
    }
    let mut hits: Vec<(i64, usize)> = all
        .take(MAX)
        .enumerate()
        .filter_map(|(i, c)| f.score(c, typed).map(|s| (s, i)))
        .collect();
    hits.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    hits.into_iter().take(n).map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_comes_first() {
        let all = [
            "account svc-report",
            "screen APIs",
            "api GET /v2/customers",
            "theme dark",
        ];
        let got = best(&Skim::default(), all.into_iter(), "cust", 3);
        assert_eq!(got.first(), Some(&2));
        assert_eq!(best(&Skim::default(), all.into_iter(), "", 2), [0, 1]);
        assert!(best(&Skim::default(), all.into_iter(), "zzzz", 2).is_empty());
    }
}
