//! Lists of keys that each caller has of its own. In: what lists told of keys. Out: owners of keys. Bounds: linear in what was told.
//!
//! What stands beside a key may be whose it is, or what its owner calls it. Where lists of one place show each caller other keys and
//! a name stands beside keys of several callers (`backend`, `laptop`), names there are labels: the key is that of who was shown it.

use super::NONE;
use super::intervals::{How, Lives};
use std::collections::{BTreeMap, BTreeSet};

/// What a list told: a key of a name, to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// Number of the place.
    pub path: u32,
    /// Interval of who asked.
    pub caller: u32,
    /// Interval of the key.
    pub key: u32,
    /// Name that stands beside it.
    pub name: u32,
}

/// Gives keys of lists whose names are labels to those who were shown them.
pub fn labelled(l: &mut Lives) {
    let mut told = std::mem::take(&mut l.owned);
    told.sort_unstable();
    told.dedup();
    for place in told.chunk_by(|a, b| a.path == b.path) {
        let mut of_key: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        let mut of_name: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for t in place {
            let owner = l.list.get(t.caller as usize).map_or(NONE, |iv| iv.owner);
            of_key.entry(t.key).or_default().insert(owner);
            of_name.entry(t.name).or_default().insert(owner);
        }
        let own = of_key.values().all(|o| o.len() == 1 && !o.contains(&NONE));
        if !own || of_name.values().all(|o| o.len() < 2) {
            continue;
        }
        for t in place {
            let owner = of_key.get(&t.key).and_then(BTreeSet::first).copied();
            if let Some(owner) = owner
                && let Some(iv) = l.list.get_mut(t.key as usize)
                && iv.how == How::Owned
                && iv.owner == t.name
            {
                (iv.owner, iv.service) = (owner, false);
            }
        }
    }
}
