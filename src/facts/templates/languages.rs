//! Languages before everything that a site has (`/en/news`, `/de/news`). In: a node's children. Out: which of them are such, and which
//! only look like one. Bounds: [`LOOKED`] languages, as many words below each.

use super::decide::Children;
use super::{Tree, words};
use std::collections::BTreeSet;

/// Languages of a node that are compared, and words below each: no site has more.
const LOOKED: usize = 64;

/// What looks like a language among the children of a node.
pub struct Languages<'a> {
    /// Several that have the same below: what the site has, it has in each of them.
    pub kin: BTreeSet<&'a str>,
    /// Words that only look like one: `/hr/staff` beside `/en/news` and `/de/news`.
    pub strangers: BTreeSet<&'a str>,
}

/// Looks at the children of a node.
pub fn of<'a>(tree: &Tree<'a>, children: &Children<'a>) -> Languages<'a> {
    let below = |nodes: &Vec<u32>| -> BTreeSet<&str> {
        let of = nodes.iter().filter_map(|n| tree.nodes.get(*n as usize));
        of.flat_map(|n| n.children.keys().take(LOOKED).map(AsRef::as_ref))
            .collect()
    };
    let languages: Vec<(&'a str, BTreeSet<&str>)> = children
        .iter()
        .filter(|(s, _)| words::locale(s) || words::language(s))
        .take(LOOKED)
        .map(|(s, n)| (*s, below(n)))
        .filter(|(_, b)| !b.is_empty())
        .collect();
    let alone = |s: &str, b: &BTreeSet<&str>| {
        let mut others = languages.iter().filter(|(o, _)| *o != s);
        others.all(|(_, o)| o.is_disjoint(b))
    };
    let (out, kin): (Vec<_>, Vec<_>) = languages.iter().partition(|(s, b)| alone(s, b));
    if kin.len() < 2 {
        return Languages {
            kin: BTreeSet::new(),
            strangers: BTreeSet::new(),
        };
    }
    let strangers = out.into_iter().filter(|(s, _)| words::language(s));
    Languages {
        kin: kin.into_iter().map(|(s, _)| *s).collect(),
        strangers: strangers.map(|(s, _)| *s).collect(),
    }
}
