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
    let wanted = typed.trim().to_lowercase();
    let mut hits: Vec<(bool, i64, usize)> = all
        .take(MAX)
        .enumerate()
        .filter_map(|(i, c)| f.score(c, typed).map(|s| (named(c, &wanted), s, i)))
        .collect();
    hits.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
    hits.into_iter().take(n).map(|(_, _, i)| i).collect()
}

/// Whether a candidate's name, behind the word that says what it is, begins with what was typed: nobody who types `flow` wants
/// the sentence that has it in its middle.
fn named(candidate: &str, typed: &str) -> bool {
    candidate
        .split_once(' ')
        .is_some_and(|(_, name)| name.trim_start().to_lowercase().starts_with(typed))
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
        let named = ["do       replay this flow", "screen   Flows"];
        assert_eq!(best(&Skim::default(), named.into_iter(), "flow", 2), [1, 0]);
        assert_eq!(best(&Skim::default(), all.into_iter(), "", 2), [0, 1]);
        assert!(best(&Skim::default(), all.into_iter(), "zzzz", 2).is_empty());
    }
}
