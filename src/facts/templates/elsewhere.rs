//! What is a value in one place is likely one in another (`/realms/{realm}`, `/admin/{realm}`). In: the decisions of a first walk. Out: texts
//! that were values, with the places. Bounds: [`TEXTS`] texts, [`PLACES`] places of each.

use super::groups::Group;
use super::{shapes, words};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;

/// Texts that are remembered, and places of each.
const TEXTS: usize = 20_000;
const PLACES: usize = 3;
/// Names that make a place one of values.
const MEMBERS: usize = 3;

/// Values without a shape, by text, with the prints of their places.
pub type Values<'a> = BTreeMap<&'a str, BTreeSet<u64>>;

/// Print of a place.
pub fn place(route: &str) -> u64 {
    let mut h = rustc_hash::FxHasher::default();
    h.write(route.as_bytes());
    h.finish()
}

/// What a walk decided.
#[derive(Default)]
pub struct Seen<'a> {
    pub values: Values<'a>,
    words: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    /// Notes the values of one place, and what was none there.
    pub fn note(&mut self, route: &str, groups: &[Group<'a>], apart: &[&'a str]) {
        let here = place(route);
        for g in groups
            .iter()
            .filter(|g| g.before.is_empty() && g.after.is_empty())
        {
            // folders that every site has (`js`, `images`) are nobody's values
            let name = |m: &&&str| shapes::shape(m).is_none() && !words::mount(m);
            let names = || g.members.iter().filter(name);
            if names().nth(MEMBERS - 1).is_none() {
                continue;
            }
            for m in names() {
                if self.values.len() >= TEXTS && !self.values.contains_key(m) {
                    continue;
                }
                let places = self.values.entry(m).or_default();
                places.insert(here);
                if places.len() > PLACES {
                    places.pop_last();
                }
            }
        }
        if self.words.len() < TEXTS {
            self.words.extend(apart);
        }
    }

    /// Whether anything was a value here and none there.
    pub fn differ(&self) -> bool {
        self.words.iter().any(|w| self.values.contains_key(w))
    }
}
