//! Which children of a node are one parameter. In: the children of a node. Out: the groups that are one parameter each, with reasons.
//! Bounds: linear in children, but for the evidence of those without a shape ([`super::evidence`]).

use super::decide::{Children, Work};
use super::endings::{documents, formats, frame, page, twice};
use super::evidence;
use super::given::Says;
use super::kid::Kid;
use super::places::{locales, version_here};
use super::{Tree, languages, shapes, words};
use crate::limits::SPLIT_VALUES;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Siblings that follow one pattern of words and digits (`step-1 step-2`) before it is a parameter.
const PATTERN: usize = 3;

/// One parameter: its members and how it is shown.
pub struct Group<'a> {
    pub members: Vec<&'a str>,
    pub before: &'a str,
    pub after: &'a str,
    pub show: String,
    pub why: String,
    /// Whether they are versions of one text.
    pub versions: bool,
    /// Whether objects are kept in each by their paths.
    pub keeps: bool,
}

/// Identifiers by what is fixed around them, then by shape.
pub type Typed<'a> = BTreeMap<(&'a str, &'a str), BTreeMap<Cow<'a, str>, Vec<&'a str>>>;

pub fn groups<'a>(tree: &'a Tree<'a>, children: &Children<'a>, w: &Work) -> Vec<Group<'a>> {
    let mut typed: Typed<'a> = BTreeMap::new();
    let mut rest: Vec<&'a str> = Vec::new();
    let mut files: Vec<&'a str> = Vec::new();
    let mut words: Vec<(&'a str, &str, &str, &str)> = Vec::new();
    let mut alone: BTreeSet<(&'a str, &'a str)> = BTreeSet::new();
    let marked = children.keys().filter(|s| s.starts_with('@')).count();
    let at_all = marked < 2 || marked == children.len();
    let written = formats(children, w);
    let kept = words::files_below(&w.prev);
    let twice = twice(children, w);
    let ended = |s: &'a str| {
        twice
            .iter()
            .copied()
            .find(|e| s.len() > e.len() && s.ends_with(*e))
    };
    // `Orders` beside `Orders(5)` is the set that one is of.
    let sets: BTreeSet<&str> = children
        .keys()
        .filter(|s| s.ends_with(')'))
        .filter_map(|s| Some(s.split_once('(')?.0))
        .collect();
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
        if sets.contains(seg) && shapes::shape(seg).is_none() {
            continue;
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
            None if ended(seg).is_some() => rest.push(seg),
            _ if shapes::document(seg).is_some() || kept && shapes::named_file(seg) => {
                files.push(seg)
            }
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
                keeps: false,
            });
        }
    }
    let whole = plain.as_ref().map_or(&[][..], |p| p.0.as_slice());
    let (names, mut reasons) = named(tree, children, &rest, whole, w);
    // What ends as a page does is one of its kind.
    let end_of = |n: &'a str| page(n).or_else(|| ended(n));
    let (ended, names): (Vec<&'a str>, Vec<&'a str>) =
        names.into_iter().partition(|n| end_of(n).is_some());
    let mut by_end: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
    for n in ended {
        by_end
            .entry(end_of(n).unwrap_or_default())
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
                keeps: false,
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
            keeps: false,
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
            keeps: false,
        });
    }
    out
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
        .map(|k| k.below(w))
        .collect();
    let kids = titled(strange(kids));
    // What a site says in several languages is below each of them; what stands beside them is judged by itself.
    let numbered = out.len();
    let (spoken, others): (Vec<_>, Vec<_>) =
        kids.into_iter().partition(|k| site.kin.contains(k.seg));
    let said = spoken_of(tree, children, &site.kin);
    let (alike, others): (Vec<Kid<'a>>, Vec<Kid<'a>>) = others
        .into_iter()
        .partition(|k| !k.apart() && k.has_what(&said));
    if !alike.is_empty() {
        why.push(format!("{} with what languages have below", alike.len()));
        out.extend(alike.iter().map(|k| k.seg));
    }
    let (pages, others): (Vec<Kid<'a>>, Vec<Kid<'a>>) = others
        .into_iter()
        .partition(|k| !k.inner && page(k.seg).is_some_and(|e| e.starts_with(".htm")));
    let (pages, others) = if evidence::pages_by_title(&pages.iter().collect::<Vec<_>>()) {
        (pages, others)
    } else {
        let mut all: Vec<Kid<'a>> = pages.into_iter().chain(others).collect();
        all.sort_by_key(|k| k.seg);
        (Vec::new(), all)
    };
    for (kids, languages) in [(spoken, true), (pages, false), (others, false)] {
        if kids.is_empty() {
            continue;
        }
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

/// What stands below languages.
fn spoken_of<'a>(
    tree: &'a Tree<'a>,
    children: &Children<'a>,
    kin: &BTreeSet<&'a str>,
) -> BTreeSet<(u8, &'a str)> {
    let kids = kin
        .iter()
        .filter_map(|s| Some(Kid::new(tree, s, children.get(s)?)));
    kids.flat_map(|k| k.below.into_iter().chain(k.texts))
        .collect()
}

/// What other hosts alone hand out says something where it is most of what stands here: a word of one host may be a name in another.
fn strange(mut kids: Vec<Kid<'_>>) -> Vec<Kid<'_>> {
    let foreign = kids.iter().filter(|k| k.foreign).count();
    if foreign < 3 || foreign * 3 < kids.len() * 2 {
        for k in kids.iter_mut().filter(|k| k.foreign) {
            k.handed = None;
        }
    }
    kids
}

/// Where most are written as titles are, with a capital, a word of routes that is written so is one of them.
fn titled(mut kids: Vec<Kid<'_>>) -> Vec<Kid<'_>> {
    let capital = |s: &str| s.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    let names = kids
        .iter()
        .filter(|k| capital(k.seg))
        .filter(|k| k.seg.contains(['+', ' ', '-', '_']) || !k.routeish && !k.fixed)
        .count();
    let all = kids.iter().filter(|k| capital(k.seg)).count();
    if names >= 3 && names * 3 >= kids.len() * 2 && all * 5 >= kids.len() * 4 {
        for k in kids.iter_mut().filter(|k| capital(k.seg)) {
            (k.fixed, k.routeish, k.namey) = (false, false, true);
        }
    }
    kids
}
