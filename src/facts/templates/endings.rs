//! What stands around an identifier or behind a name: `12.json`, `Products(5)`, `export.csv` beside `export.pdf`. In: segments. Out: what
//! is fixed and what varies. Bounds: linear in segments.

use super::decide::{Children, Work};
use super::groups::Typed;
use super::{Folded, shapes, words};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Formats in which one answer is written: `export.csv` beside `export.pdf`. The words with their dots, by segment.
pub fn formats<'a>(children: &Children<'a>, w: &Work) -> BTreeMap<&'a str, &'a str> {
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

/// Endings that names are written with and without: `wheat.csv` and `oak.csv` where `wheat` and `oak` stand too.
pub fn twice<'a>(children: &Children<'a>, w: &Work) -> BTreeSet<&'a str> {
    let mut out: BTreeMap<&'a str, (usize, usize)> = BTreeMap::new();
    if words::files_below(&w.prev) || children.len() < 4 {
        return BTreeSet::new();
    }
    for seg in children.keys() {
        let Some(at) = seg.rfind('.').filter(|at| *at > 0) else {
            continue;
        };
        let (stem, end) = (
            seg.get(..at).unwrap_or_default(),
            seg.get(at..).unwrap_or_default(),
        );
        let written =
            (3..=6).contains(&end.len()) && end.bytes().skip(1).all(|b| b.is_ascii_lowercase());
        if written && !words::executable(seg) && !words::fixed(seg) && shapes::shape(stem).is_none()
        {
            let n = out.entry(end).or_default();
            n.0 += usize::from(children.contains_key(stem) && !words::fixed(stem));
            n.1 += 1;
        }
    }
    let often = |n: &(usize, usize)| n.0 >= 2 && n.0 * 2 >= n.1;
    out.into_iter()
        .filter(|(_, n)| often(n))
        .map(|(e, _)| e)
        .collect()
}

/// What is fixed around an identifier and its shape.
pub fn frame(seg: &str) -> Option<((&str, &str), &'static str)> {
    let cut = shapes::cut(seg);
    // `Orders(5)` is a call with its argument, whatever else it could be read as.
    if cut.after == ")" {
        let shape = shapes::shape(cut.core).unwrap_or("quoted key");
        return Some(((cut.before, cut.after), shape));
    }
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
pub fn page(seg: &str) -> Option<&str> {
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
pub fn documents<'a>(
    typed: &mut Typed<'a>,
    files: Vec<&'a str>,
    rest: &mut Vec<&'a str>,
    w: &Work,
) {
    let kept = words::files_below(&w.prev);
    let framed: Vec<(&str, &str)> = typed
        .keys()
        .filter(|(b, a)| {
            let name = format!("x{a}");
            let file = shapes::document(&name).is_some() || kept && shapes::named_file(&name);
            b.is_empty() && file
        })
        .copied()
        .collect();
    let (routes, names): (Vec<&'a str>, Vec<&'a str>) = files.into_iter().partition(|f| {
        let core = shapes::document(f).map_or(*f, |(c, _)| c);
        !kept && (words::fixed(core) || words::routeish(core))
    });
    let enough = kept || names.len() + framed.len() >= 2;
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
