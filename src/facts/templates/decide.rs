//! The walk of one host's tree from its root. In: a tree of paths. Out: templates with reasons.
//! Bounds: each node is visited once, with an explicit stack; evidence of a node looks a few levels down ([`super::evidence`]).

use super::elsewhere::Seen;
use super::groups::{Group, groups};
use super::{Folded, Tree, folders, keys, shapes, trees};
use std::collections::BTreeMap;

/// A node of the merged tree on its way.
pub struct Work {
    nodes: Vec<u32>,
    pub route: String,
    /// The segment above; `{}` for a parameter.
    pub prev: String,
    why: String,
    pub depth: usize,
    /// Whether calls end here.
    pub ends: bool,
    /// Nodes that it was merged of.
    pub merged: usize,
    /// Where given routes stand.
    pub given: Vec<u32>,
    /// Whether what stands here are the pages of one version of a text.
    pub pages: bool,
    /// Whether it is a place where objects are kept by their paths.
    pub keeps: bool,
}

pub type Children<'a> = BTreeMap<&'a str, Vec<u32>>;

/// Walks one host's tree; `done` gets each path's index and its template.
pub fn walk<'a>(tree: &'a Tree<'a>, done: &mut dyn FnMut(u32, Folded)) -> Seen<'a> {
    let mut seen = Seen::default();
    let mut stack = vec![Work {
        nodes: vec![0],
        route: String::new(),
        prev: String::new(),
        why: String::new(),
        depth: 0,
        ends: false,
        merged: 1,
        given: tree.beside.given.begin(tree.host),
        pages: false,
        keeps: false,
    }];
    while let Some(mut w) = stack.pop() {
        w.merged = w.nodes.len();
        let folded = Folded {
            route: if w.route.is_empty() { "/" } else { &w.route }.into(),
            why: w.why.as_str().into(),
        };
        for n in w.nodes.iter().filter_map(|n| tree.nodes.get(*n as usize)) {
            for end in &n.ends {
                w.ends = true;
                done(*end, folded.clone());
            }
        }
        let mut children = children(tree, &w.nodes);
        let files = folders::tree(tree, &children, &w).map(|why| ("{file}", why));
        let keys = || keys::tree(tree, &children, &w).map(|why| ("{path}", why));
        if let Some((show, found)) = files.or_else(keys) {
            let route = format!("{}/{show}", w.route);
            let mut why = w.why.clone();
            if !why.is_empty() {
                why.push_str("; ");
            }
            why.push_str(&found);
            let folded = Folded {
                route: route.as_str().into(),
                why: why.as_str().into(),
            };
            for end in trees::ends_below(tree, &children) {
                done(end, folded.clone());
            }
            continue;
        }
        let name = trees::named_to_dash(tree, &children, &w);
        if let Some(name) = &name {
            let mut why = w.why.clone();
            if !why.is_empty() {
                why.push_str("; ");
            }
            why.push_str(&name.why);
            let route = format!("{}/{{path}}", w.route);
            let folded = Folded {
                route: route.as_str().into(),
                why: why.as_str().into(),
            };
            for end in &name.ends {
                done(*end, folded.clone());
            }
            children.retain(|s, _| !name.members.contains(s));
            stack.push(Work {
                nodes: name.below.clone(),
                route: format!("{route}/-"),
                prev: "-".into(),
                why,
                depth: w.depth + 2,
                ends: false,
                merged: 1,
                given: tree.beside.given.below_param(&w.given, "", ""),
                pages: false,
                keeps: false,
            });
        }
        let groups = match trees::texts(tree, &children, &w) {
            Some(group) => vec![group],
            None => {
                let places = folders::places(tree, &children, &w);
                let mut groups = if places.is_empty() {
                    groups(tree, &children, &w)
                } else {
                    let mut others = children.clone();
                    others.retain(|s, _| !places.contains(s));
                    groups(tree, &others, &w)
                };
                if !places.is_empty() {
                    groups.push(Group {
                        why: format!(
                            "{} places where objects are kept by their paths",
                            places.len()
                        ),
                        members: places.into_iter().collect(),
                        before: "",
                        after: "",
                        show: "{id}".into(),
                        versions: false,
                        keeps: true,
                    });
                }
                groups
            }
        };
        // What no group took: both in order, side by side.
        let mut taken: Vec<&str> = groups.iter().flat_map(|g| &g.members).copied().collect();
        taken.sort_unstable();
        let mut taken = taken.into_iter().peekable();
        let mut free = |k: &str| {
            while taken.next_if(|t| *t < k).is_some() {}
            taken.peek() != Some(&k)
        };
        let apart: Vec<&str> = children.keys().copied().filter(|k| free(k)).collect();
        seen.note(&w.route, &groups, &apart);
        for g in &groups {
            let nodes = g
                .members
                .iter()
                .filter_map(|m| children.get(m))
                .flatten()
                .copied()
                .collect();
            let mut why = w.why.clone();
            if !why.is_empty() {
                why.push_str("; ");
            }
            why.push_str(&format!("{}: {}", g.show, g.why));
            if !apart.is_empty() && apart.len() <= 8 {
                why.push_str(&format!(", beside {}", apart.join(" ")));
            }
            stack.push(Work {
                nodes,
                route: format!("{}/{}", w.route, g.show),
                prev: "{}".into(),
                why,
                depth: w.depth + 1,
                ends: false,
                merged: 1,
                given: tree.beside.given.below_param(&w.given, g.before, g.after),
                pages: g.versions,
                keeps: g.keeps,
            });
        }
        for seg in apart {
            if let Some(nodes) = children.remove(seg) {
                let given = tree.beside.given.below_word(&w.given, seg);
                let seg = shapes::cut(seg);
                let seg = format!("{}{}{}", seg.before, seg.core, seg.after);
                stack.push(Work {
                    nodes,
                    route: format!("{}/{seg}", w.route),
                    prev: seg,
                    why: w.why.clone(),
                    depth: w.depth + 1,
                    ends: false,
                    merged: 1,
                    given,
                    pages: false,
                    keeps: false,
                });
            }
        }
    }
    seen
}

/// What stands below nodes, by segment. One node's children are in order already, and there may be a hundred thousand.
fn children<'a>(tree: &'a Tree<'a>, nodes: &[u32]) -> Children<'a> {
    let mut all = nodes.iter().filter_map(|n| tree.nodes.get(*n as usize));
    let first = all.next().into_iter().flat_map(|n| &n.children);
    let mut out: Children<'a> = first.map(|(seg, n)| (seg.as_ref(), vec![*n])).collect();
    for (seg, child) in all.flat_map(|n| &n.children) {
        out.entry(seg).or_default().push(*child);
    }
    out
}
