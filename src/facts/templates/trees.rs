//! What is told by its place and as a whole: texts that are kept by version, trees of files in folders. In: a node's children. Out: the
//! group that they are, or that all below is one route. Bounds: [`FILES_LOOKED`] nodes below a place of files, [`DASH_LOOKED`] before a
//! lone dash; explicit stacks.

use super::decide::{Children, Work};
use super::groups::Group;
use super::{Tree, shapes, words};
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
    })
}

/// Distinct names of files below a place of files before it is one tree of them.
const FILES: usize = 5;
/// As many are enough where nothing else stands there and they lie at several depths.
const FEW: usize = 3;
/// Nodes looked at below a place of files.
const FILES_LOOKED: usize = 2000;

/// Whether objects are kept here under keys that look like paths: what is read without ever being told in fields is written by
/// the same addresses, at several depths. The reason.
fn objects(tree: &Tree<'_>, children: &Children<'_>, w: &Work) -> Option<String> {
    if w.depth == 0 || children.len() < 2 || !w.given.is_empty() {
        return None;
    }
    let mut todo: Vec<(u32, &str, u8)> = Vec::new();
    todo.extend(
        children
            .iter()
            .flat_map(|(s, l)| l.iter().map(|n| (*n, *s, 0))),
    );
    let (mut looked, mut leaves, mut documents) = (0usize, 0usize, 0usize);
    let (mut reads, mut writes) = (0usize, 0usize);
    let mut depths: BTreeSet<u8> = BTreeSet::new();
    while let Some((n, name, level)) = todo.pop() {
        looked += 1;
        if looked > FILES_LOOKED {
            return None;
        }
        let node = tree.nodes.get(n as usize)?;
        for p in node.ends.iter().filter_map(|e| tree.paths.get(*e as usize)) {
            match p.method {
                "GET" if p.answer.is_empty() => reads += 1,
                "PUT" if p.answer.is_empty() => writes += 1,
                "HEAD" | "DELETE" => {}
                _ => return None,
            }
        }
        if node.children.is_empty() {
            leaves += 1;
            documents += usize::from(shapes::document(name).is_some());
            depths.insert(level);
        }
        todo.extend(
            node.children
                .iter()
                .map(|(s, n)| (*n, s.as_ref(), level.saturating_add(1))),
        );
    }
    (reads >= 2
        && writes >= 2
        && leaves >= FILES
        && (depths.len() >= 2 || depths.first().is_some_and(|d| *d >= 2))
        && documents * 3 >= leaves)
        .then(|| format!("objects kept by their paths after '{}'", w.prev))
}

/// Whether a tree of folders and files stands here, whatever its depth (`/files/shared/plans/a.pdf`). The reason.
pub fn files(tree: &Tree<'_>, children: &Children<'_>, w: &Work) -> Option<String> {
    if let Some(why) = objects(tree, children, w) {
        return Some(why);
    }
    if !words::files_below(&w.prev) || !w.given.is_empty() {
        return None;
    }
    let (mut leaves, mut documents, mut folded, mut deep) = (0usize, 0usize, 0usize, 0usize);
    let mut todo: Vec<(u32, &str, u8)> = Vec::new();
    todo.extend(
        children
            .iter()
            .flat_map(|(s, l)| l.iter().map(|n| (*n, *s, 0))),
    );
    let mut looked = 0;
    while let Some((n, name, level)) = todo.pop() {
        looked += 1;
        let Some(node) = tree
            .nodes
            .get(n as usize)
            .filter(|_| looked <= FILES_LOOKED)
        else {
            continue;
        };
        let writes = node.ends.iter().any(|e| {
            let path = tree.paths.get(*e as usize);
            path.is_some_and(|p| !matches!(p.method, "GET" | "HEAD" | "OPTIONS"))
        });
        if writes {
            return None;
        }
        if node.children.is_empty() {
            let document = shapes::document(name).is_some();
            leaves += 1;
            documents += usize::from(document);
            folded += usize::from(document && level > 0);
            deep += usize::from(document && level > 1);
        }
        todo.extend(
            node.children
                .iter()
                .map(|(s, n)| (*n, s.as_ref(), level.saturating_add(1))),
        );
    }
    // Folders have names: behind an identifier stands what belongs to it, and behind a word of routes alone what that does.
    let folder = |s: &str| {
        shapes::shape(s).is_none()
            && shapes::document(s).is_none()
            && (deep * 2 >= documents || !words::fixed(s))
    };
    let folders = children.keys().filter(|s| folder(s)).count();
    let few = folded >= FEW && deep >= 1 && deep < documents && documents == leaves;
    let enough = folded >= FILES || few;
    (folders >= 2 && folders * 2 > children.len() && enough && documents * 5 >= leaves * 4)
        .then(|| format!("files in folders after '{}'", w.prev))
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
