//! Keys that look like paths of names, whatever their depth (`/kv/app/db/host`). In: a node's children. Out: the reason, or none.
//! Bounds: [`LOOKED`] nodes below a node, [`WIDE`] children of each; an explicit queue.

use super::decide::{Children, Work};
use super::{Tree, shapes, words};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Nodes looked at, and children of each.
const LOOKED: usize = 2000;
const WIDE: usize = 64;
/// Keys before they say anything, and depths at which they end.
const KEYS: usize = 8;
const DEPTHS: usize = 3;

/// Whether all below are keys: names that end at several depths, of which none comes again below others, as routes would.
pub fn tree(tree: &Tree<'_>, children: &Children<'_>, w: &Work) -> Option<String> {
    if w.depth == 0 || w.prev == "{}" || children.len() < 3 || !w.given.is_empty() {
        return None;
    }
    let name = |s: &str| shapes::shape(s).is_none() && !words::fixed(s) && !shapes::version(s);
    // Nearly every one of the first level is a name, or it is not worth looking further.
    if children.keys().filter(|s| !name(s)).count() * 10 > children.len() {
        return None;
    }
    let mut todo: VecDeque<(usize, u32)> = VecDeque::new();
    todo.extend(children.values().flatten().map(|n| (0, *n)));
    let (mut looked, mut names, mut others) = (0usize, children.len(), 0usize);
    let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
    // By level: how many stand there, and how many different ones.
    let mut levels: BTreeMap<usize, (usize, BTreeSet<&str>)> = BTreeMap::new();
    while let Some((level, n)) = todo.pop_front() {
        looked += 1;
        if looked > LOOKED {
            break;
        }
        let Some(node) = tree.nodes.get(n as usize) else {
            continue;
        };
        if !node.ends.is_empty() {
            *ends.entry(level).or_default() += 1;
        }
        for (s, child) in node.children.iter().take(WIDE) {
            if name(s) {
                names += 1;
            } else {
                others += 1;
            }
            let at = levels.entry(level + 1).or_default();
            at.0 += 1;
            at.1.insert(s);
            todo.push_back((level + 1, *child));
        }
    }
    let all: usize = ends.values().sum();
    // A handful at a depth is chance.
    let depths = ends.values().filter(|n| **n >= 2).count();
    let again = levels
        .values()
        .any(|(n, different)| *n > different.len() + 1 && n * 4 > different.len() * 5);
    (all >= KEYS && depths >= DEPTHS && others * 10 <= names && !again)
        .then(|| format!("names that end at {depths} depths after '{}'", w.prev))
}
