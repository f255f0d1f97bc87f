//! What is told by its place and as a whole: texts that are kept by version, names that end at a lone dash. In: a node's children. Out:
//! the group that they are, or that all before the dash is one name. Bounds: [`DASH_LOOKED`] nodes before a lone dash; explicit stacks.

use super::decide::{Children, Work};
use super::groups::Group;
use super::{Tree, words};
use std::collections::BTreeSet;

/// Versions of one text (`/docs/v1/intro`, `/docs/latest/intro`), and the pages of such: one value each.
pub fn texts<'a>(tree: &Tree<'a>, children: &Children<'a>, w: &Work) -> Option<Group<'a>> {
    if !w.given.is_empty() {
        return None;
    }
    let leaf = |nodes: &Vec<u32>| {
        let mut of = nodes.iter().filter_map(|n| tree.nodes.get(*n as usize));
        of.all(|n| n.children.is_empty())
    };
    if w.pages {
        let members: Vec<&str> = children
            .iter()
            .filter(|(_, n)| leaf(n))
            .map(|(s, _)| *s)
            .collect();
        return (!members.is_empty() && members.len() == children.len()).then(|| Group {
            why: format!("{} pages of a text that has versions", members.len()),
            members,
            before: "",
            after: "",
            show: "{id}".into(),
            versions: false,
            keeps: false,
        });
    }
    if !words::versioned(&w.prev) {
        return None;
    }
    let members: Vec<&str> = children
        .iter()
        .filter(|(s, n)| words::version_name(s) && !leaf(n))
        .map(|(s, _)| *s)
        .collect();
    let numbers = members
        .iter()
        .filter(|s| s.bytes().any(|b| b.is_ascii_digit()));
    // where other things stand beside them, those are judged as ever and the versions stay words
    (members.len() >= 2 && numbers.count() > 0 && members.len() == children.len()).then(|| Group {
        why: format!("{} versions after '{}'", members.len(), w.prev),
        members,
        before: "",
        after: "",
        show: "{id}".into(),
        versions: true,
        keeps: false,
    })
}

/// Paths that end below.
pub fn ends_below(tree: &Tree<'_>, children: &Children<'_>) -> Vec<u32> {
    let mut out = Vec::new();
    let mut todo: Vec<u32> = children.values().flatten().copied().collect();
    while let Some(node) = todo.pop().and_then(|n| tree.nodes.get(n as usize)) {
        out.extend(&node.ends);
        todo.extend(node.children.values());
    }
    out
}

/// Names that end at a lone dash.
pub struct Named<'a> {
    /// First segments of such names.
    pub members: BTreeSet<&'a str>,
    /// Nodes of the dashes.
    pub below: Vec<u32>,
    /// Paths that are a name and nothing more.
    pub ends: Vec<u32>,
    pub why: String,
}

/// Distinct names before a dash that make it a divider.
const NAMES: usize = 3;
/// Nodes looked at before dashes, for each node that is looked from; levels from the root where names may begin.
const DASH_LOOKED: usize = 20_000;
const DASH_LEVELS: usize = 3;

/// A lone `-` divides a name of any depth from what is done with what is so called: `/group/sub/thing/-/issues/7`.
pub fn named_to_dash<'a>(tree: &Tree<'a>, children: &Children<'a>, w: &Work) -> Option<Named<'a>> {
    if !tree.dashes || w.depth > DASH_LEVELS || !w.given.is_empty() || w.prev == "-" {
        return None;
    }
    let mut looked = 0;
    let mut found: Vec<(&'a str, Vec<u32>, Vec<u32>)> = Vec::new();
    for (first, nodes) in children.iter().filter(|(s, _)| **s != "-") {
        let (mut dashes, mut ends) = (Vec::new(), Vec::new());
        let mut todo = nodes.clone();
        while let Some(node) = todo.pop().and_then(|n| tree.nodes.get(n as usize)) {
            looked += 1;
            if looked > DASH_LOOKED {
                return None;
            }
            ends.extend(&node.ends);
            for (s, n) in &node.children {
                if s == "-" {
                    dashes.push(*n);
                } else {
                    todo.push(*n);
                }
            }
        }
        // Where most paths have no dash, it divides nothing.
        if !dashes.is_empty() && ends.len() <= dashes.len() {
            found.push((first, dashes, ends));
        }
    }
    let does = |dashes: &[u32]| -> BTreeSet<&str> {
        let nodes = dashes.iter().filter_map(|n| tree.nodes.get(*n as usize));
        nodes
            .flat_map(|n| n.children.keys().map(AsRef::as_ref))
            .collect()
    };
    // A word before names stands for itself: most that are called behind it are called without it too, or it is a word of
    // routes and nothing that is done behind it is done elsewhere.
    let firsts: BTreeSet<&str> = found.iter().map(|(s, ..)| *s).collect();
    let apart: BTreeSet<&str> = found
        .iter()
        .filter(|(first, dashes, _)| {
            let below = children.get(first).into_iter().flatten();
            let below = below.filter_map(|n| tree.nodes.get(*n as usize));
            let names: BTreeSet<&str> = below
                .flat_map(|n| n.children.keys().map(AsRef::as_ref))
                .collect();
            let known = names.iter().filter(|n| firsts.contains(*n)).count();
            let again = known >= 2 && known * 2 > names.len();
            let own = does(dashes);
            let others = found.iter().filter(|(s, ..)| s != first);
            let mut shared = others.flat_map(|(_, d, _)| does(d));
            again || words::fixed(first) && !shared.any(|s| own.contains(s))
        })
        .map(|(s, ..)| *s)
        .collect();
    found.retain(|(s, ..)| !apart.contains(s));
    let names: usize = found.iter().map(|(_, d, _)| d.len()).sum();
    (names >= NAMES && found.len() >= 2 || names >= NAMES && w.depth > 0 && !found.is_empty()).then(
        || Named {
            members: found.iter().map(|(s, ..)| *s).collect(),
            below: found.iter().flat_map(|(_, d, _)| d).copied().collect(),
            ends: found.iter().flat_map(|(.., e)| e).copied().collect(),
            why: format!("{{path}}: {names} names before '-'"),
        },
    )
}
