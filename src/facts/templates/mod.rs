//! Routes folded into templates. In: all distinct (method, host, path) with their number of calls. Out: a template and the
//! reason for each fold. Bounds: linear in segments; beyond [`crate::limits::TEMPLATE_PATHS`] paths only shapes decide.
//!
//! Batch and order-free: a tree of all paths of a host is built first and then walked from its root. At each node the
//! children that are identifiers become one parameter whose sub-trees are merged before the walk goes on, so that
//! `/users/7/orders` and `/users/bob/orders` meet again below the parameter.

mod decide;
pub mod dispatch;
mod elsewhere;
mod endings;
mod evidence;
mod filenames;
mod folders;
pub mod given;
mod groups;
mod keys;
mod kid;
mod languages;
mod likeness;
pub mod names;
mod odd;
mod people;
mod places;
mod registries;
pub mod shapes;
mod spread;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_folders;
#[cfg(test)]
mod tests_spread;
mod trees;
mod words;

use crate::limits::TEMPLATE_PATHS;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Segments looked at; what follows is one literal tail. Real routes have fewer than 15.
const DEPTH: usize = 32;

/// One distinct path.
#[derive(Debug, Clone, Copy)]
pub struct PathIn<'a> {
    /// Method.
    pub method: &'a str,
    /// Host as sent.
    pub host: &'a str,
    /// Request target as sent, query included or not.
    pub target: &'a str,
    /// Kind of API (`rest static graphql ...`).
    pub kind: &'a str,
    /// Calls.
    pub calls: u32,
    /// Prints of the names of an answer's fields in ascending order; empty where none was read.
    pub answer: &'a [u32],
    /// Whether an answer names the last segment in a field of an identifier.
    pub named: bool,
}

impl<'a> PathIn<'a> {
    /// A path of which no answer was read.
    pub fn new(
        method: &'a str,
        host: &'a str,
        target: &'a str,
        kind: &'a str,
        calls: u32,
    ) -> PathIn<'a> {
        PathIn {
            method,
            host,
            target,
            kind,
            calls,
            answer: &[],
            named: false,
        }
    }
}

/// What is known beside the paths.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// Whether a text is the name of an account.
    pub account: &'a dyn Fn(&str) -> bool,
    /// Routes that specifications and the investigator give.
    pub given: &'a given::Given,
    /// In which field of an answer of a host a value was handed out.
    pub handed: &'a dyn Fn(&str, &str) -> Option<String>,
    /// Whether a host itself handed it out.
    pub own: &'a dyn Fn(&str, &str) -> bool,
}

static NONE_GIVEN: given::Given = given::Given::none();

impl Default for Beside<'_> {
    fn default() -> Self {
        Beside {
            account: &|_| false,
            handed: &|_, _| None,
            own: &|_, _| true,
            given: &NONE_GIVEN,
        }
    }
}

/// Its template; paths of one template share their texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// `/users/{id}/orders`, decoded for show.
    pub route: Arc<str>,
    /// Why segments were folded; empty where none was.
    pub why: Arc<str>,
}

/// A tree node.
#[derive(Debug, Default)]
struct Node<'a> {
    children: BTreeMap<Cow<'a, str>, u32>,
    ends: Vec<u32>,
}

/// Fields of the answers of one host.
#[derive(Debug, Default)]
struct Fields {
    /// On how many paths each stands.
    on: FxHashMap<u32, u32>,
    /// Paths that have an answer.
    paths: u32,
}

/// All paths of one host.
struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    host: &'a str,
    paths: &'a [PathIn<'a>],
    beside: &'a Beside<'a>,
    /// Whether a segment is a lone dash.
    dashes: bool,
    fields: Fields,
    /// What stands below each node.
    sums: Vec<folders::Sum>,
    /// What was a value in a walk before.
    elsewhere: BTreeMap<String, BTreeSet<u64>>,
}

/// Path of a target without query and fragment; an absolute form loses scheme and authority.
pub fn path_of(target: &str) -> &str {
    let t = target.split(['?', '#']).next().unwrap_or(target);
    match t.find("://") {
        Some(at) if !t.starts_with('/') => {
            let rest = t.get(at + 3..).unwrap_or_default();
            rest.find('/').and_then(|s| rest.get(s..)).unwrap_or("/")
        }
        _ => t,
    }
}

/// Whether a text is made of words of routes alone.
pub fn worded(text: &str) -> bool {
    words::routeish(text)
}

/// Percent-decoded segment for show; what is not UTF-8 stays as sent.
fn decoded(seg: &str) -> Cow<'_, str> {
    if !seg.contains('%') {
        return seg.into();
    }
    let text = crate::facts::credentials::percent(seg.as_bytes());
    // A decoded slash or control would make another route of it.
    if text.contains(['/', '\u{fffd}']) || text.chars().any(char::is_control) {
        seg.into()
    } else {
        text.into()
    }
}

/// A segment without its matrix parameters: `cars` of `cars;color=red;year=2019`, which are as a query's are.
fn bare(seg: &str) -> &str {
    match seg.split_once(';') {
        Some((head, parameters)) if !head.is_empty() && parameters.contains('=') => head,
        _ => seg,
    }
}

/// Segments of a path, decoded for show.
pub fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let mut out: Vec<Cow<'_, str>> = path
        .split('/')
        .filter(|s| !s.is_empty())
        .take(DEPTH)
        .map(|s| decoded(bare(s)))
        .collect();
    let rest: Vec<&str> = path
        .split('/')
        .filter(|s| !s.is_empty())
        .skip(DEPTH)
        .collect();
    if !rest.is_empty() {
        out.push(rest.join("/").into());
    }
    out
}

/// Trees of all paths, and templates of the paths that need none.
pub struct Planted<'a> {
    out: Vec<Folded>,
    trees: Vec<(&'a str, Vec<Node<'a>>)>,
}

/// Folds all paths. Results stand in the order of the input.
pub fn fold(paths: &[PathIn<'_>], beside: &Beside<'_>) -> Vec<Folded> {
    plant(paths).fold(paths, beside)
}

/// What folding needs of paths alone, so that it can be made while other things are found out: answers are not looked at.
pub fn plant<'a>(paths: &[PathIn<'a>]) -> Planted<'a> {
    let mut out = vec![Folded::default(); paths.len()];
    let mut hosts: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (i, (p, o)) in paths.iter().zip(&mut out).enumerate() {
        let path = path_of(p.target);
        if let Some(fixed) = whole(p, path) {
            *o = fixed;
        } else {
            hosts
                .entry(p.host)
                .or_default()
                .push(u32::try_from(i).unwrap_or(u32::MAX));
        }
    }
    let by_shape_alone = paths.len() > TEMPLATE_PATHS;
    let mut trees = Vec::new();
    for (host, mut list) in hosts {
        let of: Vec<&str> = list
            .iter()
            .filter_map(|i| paths.get(*i as usize))
            .map(|p| path_of(p.target))
            .collect();
        let kept = registries::Kept::of(&of);
        list.retain(|i| {
            let path = paths.get(*i as usize).map(|p| path_of(p.target));
            let known = path.and_then(|p| kept.route(p));
            match (known, out.get_mut(*i as usize)) {
                (Some(known), Some(o)) => {
                    *o = known;
                    false
                }
                _ => true,
            }
        });
        if by_shape_alone {
            for i in list {
                if let (Some(p), Some(o)) = (paths.get(i as usize), out.get_mut(i as usize)) {
                    *o = endings::alone(&segments(path_of(p.target)));
                }
            }
            continue;
        }
        let mut nodes = vec![Node::default()];
        for i in list {
            let Some(p) = paths.get(i as usize) else {
                continue;
            };
            let mut at = 0u32;
            for seg in segments(path_of(p.target)) {
                at = step(&mut nodes, at, seg);
            }
            if let Some(n) = nodes.get_mut(at as usize) {
                n.ends.push(i);
            }
        }
        trees.push((host, nodes));
    }
    Planted { out, trees }
}

impl Planted<'_> {
    /// Walks the trees: `paths` are the ones that they were made of, with what is known of their answers.
    pub fn fold(self, paths: &[PathIn<'_>], beside: &Beside<'_>) -> Vec<Folded> {
        let Planted { mut out, trees } = self;
        for (host, nodes) in trees {
            let mut fields = Fields::default();
            let ends = nodes.iter().flat_map(|n| &n.ends);
            for p in ends.filter_map(|i| paths.get(*i as usize)) {
                for f in p.answer {
                    *fields.on.entry(*f).or_default() += 1;
                }
                fields.paths += u32::from(!p.answer.is_empty());
            }
            let dashes = nodes.iter().any(|n| n.children.contains_key("-"));
            let tree = Tree {
                sums: folders::sums(&nodes, paths),
                elsewhere: BTreeMap::new(),
                dashes,
                fields,
                nodes,
                host,
                paths,
                beside,
            };
            let mut put = |end: u32, folded| {
                if let Some(o) = out.get_mut(end as usize) {
                    *o = folded;
                }
            };
            let seen = decide::walk(&tree, &mut put);
            if seen.differ() {
                let elsewhere = seen.values.into_iter().map(|(s, p)| (s.to_owned(), p));
                let again = Tree {
                    elsewhere: elsewhere.collect(),
                    ..tree
                };
                decide::walk(&again, &mut put);
            }
        }
        out
    }
}

fn step<'a>(tree: &mut Vec<Node<'a>>, at: u32, seg: Cow<'a, str>) -> u32 {
    let next = u32::try_from(tree.len()).unwrap_or(u32::MAX);
    let Some(node) = tree.get_mut(at as usize) else {
        return at;
    };
    let child = *node.children.entry(seg).or_insert(next);
    if child == next {
        tree.push(Node::default());
    }
    child
}

/// Targets that are no tree of segments, and trees of files.
fn whole(p: &PathIn<'_>, path: &str) -> Option<Folded> {
    let plain = |route: String| {
        Some(Folded {
            route: route.into(),
            why: "".into(),
        })
    };
    if !path.starts_with('/') || matches!(p.kind, "graphql" | "grpc" | "soap" | "xml-rpc") {
        // Which of several places answers is told by an identifier in the path here too.
        let by_shape = endings::alone(&segments(path));
        if path.starts_with('/') && p.kind == "soap" && by_shape.route.contains("{id}") {
            return Some(by_shape);
        }
        return plain(if path.is_empty() {
            "/".into()
        } else {
            path.to_owned()
        });
    }
    if p.kind == "static" {
        let segs = segments(path);
        let mount = segs
            .iter()
            .take(3)
            .position(|s| words::mount(s))
            .filter(|m| m + 1 < segs.len())?;
        let head = segs.get(..=mount)?.join("/");
        return Some(Folded {
            route: format!("/{head}/{{file}}").into(),
            why: format!("files below /{head}").into(),
        });
    }
    None
}
