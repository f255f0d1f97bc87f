//! Which children of a node are one parameter. In: a tree of paths. Out: templates with reasons.
//! Bounds: each node is visited once, with an explicit stack; evidence of a node looks a few levels down ([`super::evidence`]).

use super::evidence::{self, Kid};
use super::given::Says;
use super::{Folded, Tree, languages, shapes, trees, words};
use crate::limits::SPLIT_VALUES;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Siblings that follow one pattern of words and digits (`step-1 step-2`) before it is a parameter.
const PATTERN: usize = 3;

/// A node of the merged tree on its way.
pub struct Work {
    nodes: Vec<u32>,
    route: String,
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
}

pub type Children<'a> = BTreeMap<&'a str, Vec<u32>>;

/// Walks one host's tree; `done` gets each path's index and its template.
pub fn walk<'a>(tree: &'a Tree<'a>, done: &mut dyn FnMut(u32, Folded)) {
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
        if let Some(why) = trees::files(tree, &children, &w) {
            let route = format!("{}/{{file}}", w.route);
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
            });
        }
        let groups = match trees::texts(tree, &children, &w) {
            Some(group) => vec![group],
            None => groups(tree, &children, &w),
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
                });
            }
        }
    }
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

/// One parameter: its members and how it is shown.
pub struct Group<'a> {
    pub members: Vec<&'a str>,
    pub before: &'a str,
    pub after: &'a str,
    pub show: String,
    pub why: String,
    /// Whether they are versions of one text.
    pub versions: bool,
}

/// Identifiers by what is fixed around them, then by shape.
type Typed<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<Cow<'a, str>, Vec<&'a str>>>;

fn groups<'a>(tree: &'a Tree<'a>, children: &Children<'a>, w: &Work) -> Vec<Group<'a>> {
    let mut typed: Typed<'a> = BTreeMap::new();
    let mut rest: Vec<&'a str> = Vec::new();
    let mut files: Vec<&'a str> = Vec::new();
    let mut words: Vec<(&'a str, &str, &str, &str)> = Vec::new();
    let mut alone: BTreeSet<(&'a str, &'a str)> = BTreeSet::new();
    let marked = children.keys().filter(|s| s.starts_with('@')).count();
    let at_all = marked < 2 || marked == children.len();
    let written = formats(children, w);
    for seg in children.keys() {
        match tree.beside.given.says(&w.given, seg) {
            Says::Word => continue,
            Says::Each if children.len() <= SPLIT_VALUES => continue,
            Says::Param {
                before,
                after,
                by,
                firm,
            } if firm || !Kid::new(tree, seg, &[]).apart() => {
                let around = (
                    seg.get(..before.len()).unwrap_or_default(),
                    seg.get(seg.len() - after.len()..).unwrap_or_default(),
                );
                let shape = format!("by {by}").into();
                typed
                    .entry(around)
                    .or_default()
                    .entry(shape)
                    .or_default()
                    .push(seg);
                continue;
            }
            Says::Param {
                before, after, by, ..
            } => {
                words.push((seg, before, after, by));
                continue;
            }
            _ => {}
        }
        if let Some(stem) = written.get(seg) {
            typed
                .entry((stem, ""))
                .or_default()
                .entry("format".into())
                .or_default()
                .push(seg);
            continue;
        }
        if w.prev.eq_ignore_ascii_case("trpc") && words::procedures(seg) {
            continue;
        }
        let found = frame(seg);
        match found {
            Some((("", ""), "locale")) if !locales(w, children) => rest.push(seg),
            Some((_, shape)) if version_here(seg, shape, w, tree, children) => {}
            Some((f, shape)) => typed
                .entry(f)
                .or_default()
                .entry(shape.into())
                .or_default()
                .push(seg),
            _ if shapes::document(seg).is_some() => files.push(seg),
            // A repository's name, whatever the word before it.
            _ if seg.len() > 4 && seg.ends_with(".git") => typed
                .entry(("", ".git"))
                .or_default()
                .entry("repository".into())
                .or_default()
                .push(seg),
            // `@anna` beside `/news` and `/help`: a sign of its own
            _ if shapes::cut(seg).before == "@" && !words::fixed(seg) && !at_all => typed
                .entry(("@", ""))
                .or_default()
                .entry("name after @".into())
                .or_default()
                .push(seg),
            _ => rest.push(seg),
        }
    }
    // A given parameter is for what is no word, `/users/me` beside `/users/{id}`; where all are words, they are its values.
    for (seg, before, after, by) in words {
        let around = (
            seg.get(..before.len()).unwrap_or_default(),
            seg.get(seg.len() - after.len()..).unwrap_or_default(),
        );
        let shape: Cow<'a, str> = format!("by {by}").into();
        let others = typed.get(&around).is_some_and(|t| {
            t.keys().any(|k| *k != shape) || t.contains_key(&shape) && !alone.contains(&around)
        });
        if others {
            rest.push(seg);
        } else {
            alone.insert(around);
            typed
                .entry(around)
                .or_default()
                .entry(shape)
                .or_default()
                .push(seg);
        }
    }
    documents(&mut typed, files, &mut rest, w);
    let mut out = Vec::new();
    let mut plain: Option<(Vec<&'a str>, Vec<String>, bool)> = None;
    for ((before, after), by_shape) in typed {
        let dates = by_shape.keys().all(|k| k == "date");
        let parts: Vec<String> = by_shape
            .iter()
            .map(|(s, m)| match s.strip_prefix("by ") {
                Some(by) => format!("{} by {by}", m.len()),
                None => format!("{} of shape {s}", m.len()),
            })
            .collect();
        let members: Vec<&str> = by_shape.into_values().flatten().collect();
        if before.is_empty() && after.is_empty() {
            plain = Some((members, parts, dates));
        } else {
            let param = if dates { "{date}" } else { "{id}" };
            out.push(Group {
                members,
                before,
                after,
                show: format!("{before}{param}{after}"),
                why: parts.join(", "),
                versions: false,
            });
        }
    }
    let whole = plain.as_ref().map_or(&[][..], |p| p.0.as_slice());
    let (names, mut reasons) = named(tree, children, &rest, whole, w);
    // What ends as a page does is one of its kind.
    let (ended, names): (Vec<&'a str>, Vec<&'a str>) =
        names.into_iter().partition(|n| page(n).is_some());
    let mut by_end: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
    for n in ended {
        by_end
            .entry(page(n).unwrap_or_default())
            .or_default()
            .push(n);
    }
    for (end, members) in by_end {
        let why = reasons.join(", ");
        match out.iter_mut().find(|g| g.show == format!("{{id}}{end}")) {
            Some(g) => {
                g.members.extend(members);
                g.why.push_str(&format!(", {why}"));
            }
            None => out.push(Group {
                members,
                before: "",
                after: end,
                show: format!("{{id}}{end}"),
                why,
                versions: false,
            }),
        }
    }
    if let Some((mut members, mut parts, dates)) = plain {
        let param = if dates && names.is_empty() {
            "{date}"
        } else {
            "{id}"
        };
        if !names.is_empty() {
            members.extend(names);
            parts.append(&mut reasons);
        }
        out.push(Group {
            members,
            before: "",
            after: "",
            show: param.into(),
            why: parts.join(", "),
            versions: false,
        });
    } else if !names.is_empty() {
        let at = names.iter().all(|n| n.starts_with('@'));
        out.push(Group {
            members: names,
            before: "",
            after: "",
            show: if at { "@{id}".into() } else { "{id}".into() },
            why: reasons.join(", "),
            versions: false,
        });
    }
    out
}

/// Formats in which one answer is written: `export.csv` beside `export.pdf`. The words with their dots, by segment.
fn formats<'a>(children: &Children<'a>, w: &Work) -> BTreeMap<&'a str, &'a str> {
    const FORMATS: [&str; 24] = [
        "csv", "tsv", "xls", "xlsx", "ods", "pdf", "json", "jsonl", "ndjson", "xml", "html", "txt",
        "md", "rss", "atom", "yaml", "yml", "geojson", "ics", "doc", "docx", "odt", "pptx", "zip",
    ];
    let mut out: BTreeMap<&'a str, &'a str> = BTreeMap::new();
    if words::files_below(&w.prev) {
        return out;
    }
    let mut stems: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
    for seg in children.keys() {
        if let Some((stem, format)) = seg.rsplit_once('.')
            && FORMATS.contains(&format)
            && (words::routeish(stem) || words::fixed(stem))
        {
            let dotted = seg.get(..=stem.len()).unwrap_or_default();
            stems.entry(dotted).or_default().push(seg);
        }
    }
    for (dotted, segs) in stems.into_iter().filter(|(_, s)| s.len() >= 2) {
        out.extend(segs.into_iter().map(|s| (s, dotted)));
    }
    out
}

/// What is fixed around an identifier and its shape.
fn frame(seg: &str) -> Option<((&str, &str), &'static str)> {
    let cut = shapes::cut(seg);
    // `12.json` is an identifier and an ending, though it could be read as one name.
    if cut.after.starts_with('.')
        && let Some(s) = shapes::shape(cut.core)
    {
        return Some(((cut.before, cut.after), s));
    }
    match shapes::shape(seg) {
        Some(s) => Some((("", ""), s)),
        None => shapes::shape(cut.core).map(|s| ((cut.before, cut.after), s)),
    }
}

/// What a name ends with that is none of it: `.html`, `.json`, `:pause`.
fn page(seg: &str) -> Option<&str> {
    const ENDS: [&str; 6] = [".json", ".xml", ".html", ".htm", ".rss", ".atom"];
    if let Some(at) = seg.rfind(':').filter(|at| *at > 0)
        && words::custom(seg.get(at + 1..).unwrap_or_default())
    {
        return seg.get(at..);
    }
    ENDS.into_iter()
        .find(|e| seg.len() > e.len() && seg.ends_with(e))
}

/// Names of documents: where they end in different ways or say nothing before, the whole name is the value.
fn documents<'a>(typed: &mut Typed<'a>, files: Vec<&'a str>, rest: &mut Vec<&'a str>, w: &Work) {
    let framed: Vec<(&str, &str)> = typed
        .keys()
        .filter(|(b, a)| b.is_empty() && shapes::document(&format!("x{a}")).is_some())
        .copied()
        .collect();
    let (routes, names): (Vec<&'a str>, Vec<&'a str>) = files.into_iter().partition(|f| {
        let core = shapes::document(f).map_or(*f, |(c, _)| c);
        !words::files_below(&w.prev) && (words::fixed(core) || words::routeish(core))
    });
    let enough = words::files_below(&w.prev) || names.len() + framed.len() >= 2;
    let mut names = names;
    if enough && !names.is_empty() {
        names.extend(routes);
    } else {
        rest.extend(routes);
    }
    if !enough {
        rest.extend(names);
        return;
    }
    if names.is_empty() && framed.len() < 2 {
        return;
    }
    let mut all = names;
    for f in framed {
        if let Some(shapes) = typed.remove(&f) {
            all.extend(shapes.into_values().flatten());
        }
    }
    if !all.is_empty() {
        typed
            .entry(("", ""))
            .or_default()
            .entry("file name".into())
            .or_default()
            .extend(all);
    }
}

/// Where locales stand: before everything else, or several side by side.
fn locales(w: &Work, children: &Children<'_>) -> bool {
    let n = children
        .keys()
        .filter(|k| words::locale(k) || words::language(k))
        .count();
    w.depth == 0 || n >= 2 || words::named_by(&w.prev) || words::prefix(&w.prev)
}

/// `/api/1/users`, `/admin/api/2023-10/orders`: a small number or a date that stands where versions stand and has routes below it.
fn version_here(
    seg: &str,
    shape: &str,
    w: &Work,
    tree: &Tree<'_>,
    children: &Children<'_>,
) -> bool {
    let small = seg.len() == 1 && seg.bytes().all(|b| b.is_ascii_digit());
    let dated = shape == "date" && seg.len() <= 10 && seg.contains('-');
    let place =
        w.depth == 0 || matches!(w.prev.as_str(), "api" | "apis" | "rest" | "version" | "ver");
    (small || dated)
        && place
        && children.get(seg).is_some_and(|nodes| {
            nodes
                .iter()
                .filter_map(|n| tree.nodes.get(*n as usize))
                .any(|n| n.children.keys().any(|k| shapes::shape(k).is_none()))
        })
}

/// Names, slugs and numbered words among the children without a shape.
fn named<'a>(
    tree: &'a Tree<'a>,
    children: &Children<'a>,
    rest: &[&'a str],
    typed: &[&'a str],
    w: &Work,
) -> (Vec<&'a str>, Vec<String>) {
    let mut out: Vec<&'a str> = Vec::new();
    let mut why = Vec::new();
    // Numbered words.
    let mut patterns: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
    let places = rest.iter().filter(|s| shapes::coordinate(s)).count() >= PATTERN;
    for s in rest {
        // Rows and columns are one thing: `A1`, `B12`.
        let place = (places && shapes::coordinate(s)).then(|| "A#".to_owned());
        if let Some(p) = place.or_else(|| shapes::pattern(s)) {
            patterns.entry(p).or_default().push(s);
        }
    }
    for s in rest.iter().filter(|s| words::tech(s)) {
        let row = shapes::row(s).and_then(|p| patterns.get_mut(&p));
        if let Some(row) = row.filter(|r| r.len() > PATTERN) {
            row.push(s);
        }
    }
    for (p, members) in patterns {
        let enough = members.len() >= PATTERN
            || members.len() >= 2 && (!typed.is_empty() || words::plural(&w.prev));
        if enough && !words::fixed(&p) {
            why.push(format!("{} like {p}", members.len()));
            out.extend(members);
        }
    }
    let numbered: BTreeSet<&str> = out.iter().copied().collect();
    let site = languages::of(tree, children);
    let kids: Vec<Kid<'a>> = rest
        .iter()
        .filter(|s| !numbered.contains(**s) && !shapes::version(s) && !site.strangers.contains(**s))
        .filter_map(|s| Some(Kid::new(tree, s, children.get(s)?)))
        .map(|k| k.below(&w.prev))
        .collect();
    // What a site says in several languages is below each of them; what stands beside them is judged by itself.
    let numbered = out.len();
    let (spoken, others): (Vec<_>, Vec<_>) =
        kids.into_iter().partition(|k| site.kin.contains(k.seg));
    for (kids, languages) in [(spoken, true), (others, false)] {
        let beside = typed.iter().filter(|s| site.kin.contains(**s) == languages);
        let family = evidence::Family {
            typed: beside
                .take(evidence::LOOKED)
                .filter_map(|s| Some(Kid::new(tree, s, children.get(s)?)))
                .collect(),
            numbered: if languages { 0 } else { numbered },
        };
        let verdict = evidence::judge(&kids, &family, w);
        why.extend(verdict.why);
        out.extend(verdict.members);
    }
    (out, why)
}

/// Shapes alone, for cases with too many paths to learn from.
pub fn alone(segs: &[Cow<'_, str>]) -> Folded {
    let mut route = String::new();
    for s in segs {
        route.push('/');
        match frame(s) {
            Some(((before, after), _)) => route.push_str(&format!("{before}{{id}}{after}")),
            None => route.push_str(s),
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
