//! Which children of a node are one parameter. In: a tree of paths. Out: templates with reasons.
//! Bounds: each node is visited once, with an explicit stack; evidence of a node looks one level down.

use super::{Folded, Node, shapes, words};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Siblings that follow one pattern of words and digits (`step-1 step-2 step-3`) before it is a parameter.
const PATTERN: usize = 3;
/// Names below a segment that is known to take names (`users`, `tags`) ...
const NAMED: usize = 3;
/// ... and words there that look like any other word.
const NAMED_WORDS: usize = 5;
/// Names below any other segment.
const ANY_NAMEY: usize = 5;
/// Plain words below any other segment: no API has that many sibling routes of one form.
const ANY_WORDS: usize = 25;
/// How alike sub-trees must be, 0..=1.
const ALIKE: f64 = 0.55;

struct Work {
    nodes: Vec<u32>,
    route: String,
    prev: String,
    why: String,
    depth: usize,
}

type Children<'a> = BTreeMap<&'a str, Vec<u32>>;

/// Walks one host's tree; `done` gets each path's index and its template.
pub fn walk(tree: &[Node<'_>], known: &dyn Fn(&str) -> bool, done: &mut dyn FnMut(u32, Folded)) {
    let mut stack = vec![Work {
        nodes: vec![0],
        route: String::new(),
        prev: String::new(),
        why: String::new(),
        depth: 0,
    }];
    while let Some(w) = stack.pop() {
        let mut children: Children<'_> = BTreeMap::new();
        let folded = Folded {
            route: if w.route.is_empty() { "/" } else { &w.route }.into(),
            why: w.why.as_str().into(),
        };
        for n in w.nodes.iter().filter_map(|n| tree.get(*n as usize)) {
            for end in &n.ends {
                done(*end, folded.clone());
            }
            for (seg, child) in &n.children {
                children.entry(seg).or_default().push(*child);
            }
        }
        let groups = groups(tree, &children, &w, known);
        let mut taken: HashSet<&str> = HashSet::new();
        for g in &groups {
            taken.extend(g.members.iter().copied());
        }
        let apart: Vec<&str> = children
            .keys()
            .filter(|k| !taken.contains(**k))
            .copied()
            .collect();
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
            });
        }
        for (seg, nodes) in children {
            if !taken.contains(seg) {
                let seg = shapes::cut(seg);
                let seg = format!("{}{}{}", seg.before, seg.core, seg.after);
                stack.push(Work {
                    nodes,
                    route: format!("{}/{seg}", w.route),
                    prev: seg,
                    why: w.why.clone(),
                    depth: w.depth + 1,
                });
            }
        }
    }
}

/// One parameter: its members and how it is shown.
struct Group<'a> {
    members: Vec<&'a str>,
    show: String,
    why: String,
}

fn groups<'a>(
    tree: &[Node<'_>],
    children: &Children<'a>,
    w: &Work,
    known: &dyn Fn(&str) -> bool,
) -> Vec<Group<'a>> {
    // Typed: every identifier by its shape, apart by what is fixed around it.
    let mut typed: BTreeMap<(&'a str, &'a str), BTreeMap<&'static str, Vec<&'a str>>> =
        BTreeMap::new();
    let mut rest: Vec<&'a str> = Vec::new();
    for seg in children.keys() {
        let whole = shapes::shape(seg);
        let cut = shapes::cut(seg);
        let found = match whole {
            Some(s) => Some((("", ""), s)),
            None => shapes::shape(cut.core).map(|s| ((cut.before, cut.after), s)),
        };
        match found {
            Some((frame, shape)) if !small_version(seg, w, tree, children) => typed
                .entry(frame)
                .or_default()
                .entry(shape)
                .or_default()
                .push(seg),
            _ => rest.push(seg),
        }
    }
    let mut out = Vec::new();
    let mut plain: Option<(Vec<&'a str>, Vec<String>, bool)> = None;
    for ((before, after), by_shape) in typed {
        let dates = by_shape.keys().all(|k| *k == "date");
        let parts: Vec<String> = by_shape
            .iter()
            .map(|(s, m)| format!("{} of shape {s}", m.len()))
            .collect();
        let members: Vec<&str> = by_shape.into_values().flatten().collect();
        if before.is_empty() && after.is_empty() {
            plain = Some((members, parts, dates));
        } else {
            let param = if dates { "{date}" } else { "{id}" };
            out.push(Group {
                members,
                show: format!("{before}{param}{after}"),
                why: parts.join(", "),
            });
        }
    }
    let (names, mut reasons) = named(
        tree,
        children,
        &rest,
        plain.as_ref().map(|p| p.0.as_slice()),
        w,
        known,
    );
    if let Some((mut members, mut parts, dates)) = plain {
        let param = if dates && names.is_empty() {
            "{date}"
        } else {
            "{id}"
        };
        members.extend(names);
        parts.append(&mut reasons);
        out.push(Group {
            members,
            show: param.into(),
            why: parts.join(", "),
        });
    } else if !names.is_empty() {
        let at = names.iter().all(|n| n.starts_with('@'));
        out.push(Group {
            members: names,
            show: if at { "@{id}".into() } else { "{id}".into() },
            why: reasons.join(", "),
        });
    }
    out
}

/// `/api/1/users`: a small number that stands where versions stand and has routes below it.
fn small_version(seg: &str, w: &Work, tree: &[Node<'_>], children: &Children<'_>) -> bool {
    let small = seg.len() == 1 && seg.bytes().all(|b| b.is_ascii_digit());
    let place = w.depth == 0 || matches!(w.prev.as_str(), "api" | "rest" | "version" | "ver");
    small
        && place
        && children.get(seg).is_some_and(|nodes| {
            nodes
                .iter()
                .filter_map(|n| tree.get(*n as usize))
                .any(|n| n.children.keys().any(|k| shapes::shape(k).is_none()))
        })
}

/// What stands below a child: its next segments (identifiers as one), and the methods that end there.
fn features(tree: &[Node<'_>], nodes: &[u32]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for n in nodes.iter().filter_map(|n| tree.get(*n as usize)) {
        for bit in 0..32 {
            if n.methods & (1 << bit) != 0 {
                out.insert(format!("#{bit}"));
            }
        }
        for k in n.children.keys().take(64) {
            out.insert(if shapes::shape(k).is_some() {
                "{}".into()
            } else {
                k.to_string()
            });
        }
    }
    out
}

/// How alike the sub-trees of children are, and whether words below them are shared.
fn alike(tree: &[Node<'_>], children: &Children<'_>, members: &[&str]) -> (f64, bool) {
    let sets: Vec<BTreeSet<String>> = members
        .iter()
        .take(500)
        .filter_map(|m| children.get(m))
        .map(|n| features(tree, n))
        .collect();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for f in sets.iter().flatten() {
        *count.entry(f).or_default() += 1;
    }
    let common: BTreeSet<&str> = count
        .iter()
        .filter(|(_, n)| **n * 2 >= sets.len())
        .map(|(f, _)| *f)
        .collect();
    if sets.is_empty() || common.is_empty() {
        return (0.0, false);
    }
    let mean = sets
        .iter()
        .map(|s| {
            let both = s.iter().filter(|f| common.contains(f.as_str())).count();
            // A child seen with fewer calls shows fewer of the common routes: what it has is what counts.
            both as f64 / s.len().max(1) as f64
        })
        .sum::<f64>()
        / sets.len() as f64;
    let words = common.iter().any(|f| !f.starts_with('#') && *f != "{}");
    (mean, words)
}

/// Names, slugs and numbered words among the children without a shape.
fn named<'a>(
    tree: &[Node<'_>],
    children: &Children<'a>,
    rest: &[&'a str],
    typed: Option<&[&'a str]>,
    w: &Work,
    known: &dyn Fn(&str) -> bool,
) -> (Vec<&'a str>, Vec<String>) {
    let mut out: Vec<&'a str> = Vec::new();
    let mut why = Vec::new();
    // Numbered words.
    let mut patterns: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
    for s in rest {
        if let Some(p) = shapes::pattern(s) {
            patterns.entry(p).or_default().push(s);
        }
    }
    for (p, members) in patterns {
        let enough = members.len() >= PATTERN || members.len() >= 2 && typed.is_some();
        if enough && !words::fixed(&p) {
            why.push(format!("{} like {p}", members.len()));
            out.extend(members);
        }
    }
    let numbered: BTreeSet<&str> = out.iter().copied().collect();
    let left: Vec<&'a str> = rest
        .iter()
        .filter(|s| {
            !numbered.contains(**s) && !words::fixed(s) && !shapes::tech(s) && !shapes::version(s)
        })
        .copied()
        .collect();
    if left.is_empty() {
        return (out, why);
    }
    let takes_names = words::named_by(&w.prev);
    let below_prefix = words::prefix(&w.prev);
    let (like, shared) = alike(tree, children, &left);
    let owners = left
        .iter()
        .filter(|s| known(s.trim_start_matches('@')))
        .count();
    let looks: Vec<&'a str> = left
        .iter()
        .filter(|s| shapes::namey(s) || s.starts_with('@'))
        .copied()
        .collect();
    let family = typed.is_some() || !out.is_empty();
    let all = if owners >= 1 && takes_names || owners >= 2 && !below_prefix {
        Some(format!("{owners} are names of accounts"))
    } else if takes_names
        && left.len() >= NAMED
        && like >= ALIKE
        && (looks.len() * 2 >= left.len() || shared)
    {
        Some(format!(
            "{} names after '{}', sub-trees alike",
            left.len(),
            w.prev
        ))
    } else if takes_names && left.len() >= NAMED_WORDS && like >= ALIKE {
        Some(format!(
            "{} different words after '{}', sub-trees alike",
            left.len(),
            w.prev
        ))
    } else if !below_prefix && left.len() >= ANY_WORDS && like >= ALIKE {
        Some(format!("{} different words, sub-trees alike", left.len()))
    } else if left.len() >= ANY_NAMEY
        && looks.len() * 5 >= left.len() * 4
        && like >= ALIKE
        && (!below_prefix || left.len() >= ANY_WORDS)
    {
        Some(format!("{} names or titles, sub-trees alike", left.len()))
    } else {
        None
    };
    if let Some(reason) = all {
        why.push(reason);
        out.extend(left);
    } else {
        // Single names: beside identifiers with the same routes below, or two Chinese names.
        let mut people: Vec<&'a str> = left
            .iter()
            .filter(|s| shapes::chinese_name(s))
            .copied()
            .collect();
        if people.len() >= 2 || people.len() == 1 && (family || takes_names) {
            why.push(format!("{} Chinese names", people.len()));
            out.extend(&people);
        } else {
            people.clear();
        }
        let people: BTreeSet<&str> = people.into_iter().collect();
        if let Some(typed) = typed {
            let (_, typed_words) = alike(tree, children, typed);
            if typed_words {
                let common: BTreeSet<String> = typed
                    .iter()
                    .take(200)
                    .filter_map(|m| children.get(m))
                    .flat_map(|n| features(tree, n))
                    .filter(|f| !f.starts_with('#'))
                    .collect();
                for s in &left {
                    let mine = children
                        .get(s)
                        .map(|n| features(tree, n))
                        .unwrap_or_default();
                    let below: Vec<&String> = mine
                        .iter()
                        .filter(|f| !f.starts_with('#') && *f != "{}")
                        .collect();
                    if !people.contains(*s)
                        && !below.is_empty()
                        && below.iter().all(|f| common.contains(*f))
                    {
                        why.push(format!("'{s}' has the same routes below"));
                        out.push(s);
                    }
                }
            }
        }
    }
    (out, why)
}

/// Shapes alone, for cases with too many paths to learn from.
pub fn alone(segs: &[Cow<'_, str>]) -> Folded {
    let mut route = String::new();
    for s in segs {
        route.push('/');
        let cut = shapes::cut(s);
        if shapes::shape(s).is_some() {
            route.push_str("{id}");
        } else if shapes::shape(cut.core).is_some() {
            route.push_str(&format!("{}{{id}}{}", cut.before, cut.after));
        } else {
            route.push_str(s);
        }
    }
    if route.is_empty() {
        route.push('/');
    }
    Folded {
        route: route.into(),
        why: "by shape alone: too many paths to compare".into(),
    }
}
