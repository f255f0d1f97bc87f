//! The ways of many records as one graph. In: trails. Out: addresses and the movements between them with counts, in an order
//! that depends on the trails alone. Bounds: as many hops as the trails hold; [`limits::GRAPH_CALLS`] call ids an edge.
//!
//! A way of drawing it is one file here and one line in [`FORMATS`].

mod dot;
mod labels;
mod mermaid;
mod svg;

use super::model::{Hop, TraceResult, Trail};
use crate::limits;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An address that data left or reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Address; `?` where the evidence implies a hop whose end it does not show.
    pub address: String,
    /// Whether data left for it as for an outside address.
    pub outside: bool,
    /// Whether a record was first seen leaving here.
    pub origin: bool,
    /// Column of a drawing, from 0: the least number of hops that a record took to come here.
    pub step: usize,
    /// Records that came or went here.
    pub records: u64,
}

/// All movements from one address to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    /// Index into [`Graph::nodes`].
    pub from: usize,
    /// Index into [`Graph::nodes`].
    pub to: usize,
    /// Records that went this way.
    pub records: u64,
    /// Hops, each call counted once a record.
    pub hops: u64,
    /// APIs and the hops through each, most first.
    pub apis: Vec<(String, u64)>,
    /// Accounts and the hops of each, most first.
    pub accounts: Vec<(String, u64)>,
    /// Forms that the values had.
    pub forms: Vec<String>,
    /// First movement, RFC 3339; `None` where all are inferred.
    pub first: Option<String>,
    /// Last one.
    pub last: Option<String>,
    /// Nothing of it was captured: the evidence implies it.
    pub inferred: bool,
    /// Only masked forms went this way.
    pub masked: bool,
    /// Whether it lies on the way of a record to where it left.
    pub path: bool,
    /// Calls, the first of them.
    pub calls: Vec<String>,
}

/// A way that records took to where they left, from address to address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Path {
    /// Indices into [`Graph::nodes`], in the direction of the data.
    pub nodes: Vec<usize>,
    /// Records that took it.
    pub records: u64,
}

/// Movements of a leak, or of one record.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Graph {
    /// Trails that went into it.
    pub records: u64,
    /// Trails and hops that the trace left out at its limits.
    pub omitted: (u64, u64),
    /// Addresses, by step and name.
    pub nodes: Vec<Node>,
    /// Movements, by their ends.
    pub edges: Vec<Edge>,
    /// Ways out, most records first, then the longest.
    pub paths: Vec<Path>,
}

/// A drawing.
pub struct Format {
    /// Name on the command line.
    pub name: &'static str,
    /// Its key in menus; no exporter of calls has it.
    pub key: char,
    /// How files of it end.
    pub ending: &'static str,
    /// Draws.
    pub draw: fn(&Graph) -> String,
}

/// All drawings.
pub static FORMATS: &[Format] = &[
    Format {
        name: "mermaid",
        key: 'm',
        ending: "mmd",
        draw: mermaid::draw,
    },
    Format {
        name: "dot",
        key: 'd',
        ending: "dot",
        draw: dot::draw,
    },
    Format {
        name: "svg",
        key: 's',
        ending: "svg",
        draw: svg::draw,
    },
    Format {
        name: "json",
        key: 'g',
        ending: "json",
        draw: |g| {
            let text = serde_json::to_string_pretty(g).unwrap_or_default();
            crate::call::text::safe_json(&text) + "\n"
        },
    },
];

/// A graph in a format by its name; `None` where there is none of that name.
pub fn draw(g: &Graph, format: &str) -> Option<String> {
    FORMATS
        .iter()
        .find(|f| f.name == format)
        .map(|f| (f.draw)(g))
}

/// What is gathered of an edge.
#[derive(Default)]
struct Gathered<'a> {
    records: BTreeSet<usize>,
    hops: u64,
    apis: BTreeMap<&'a str, u64>,
    accounts: BTreeMap<&'a str, u64>,
    forms: BTreeSet<&'a str>,
    first: Option<&'a str>,
    last: Option<&'a str>,
    seen: bool,
    clear: bool,
    path: bool,
    calls: Vec<&'a str>,
}

#[derive(Default)]
struct Place {
    outside: bool,
    origin: bool,
    step: Option<usize>,
    records: BTreeSet<usize>,
}

const UNKNOWN: &str = "?";

fn ends(h: &Hop) -> (&str, &str) {
    (
        h.from.as_deref().unwrap_or(UNKNOWN),
        h.to.as_deref().unwrap_or(UNKNOWN),
    )
}

/// Hops of one trail from its beginning to hop `n`, last first. A chain cannot be longer than the trail.
fn chain<'a>(by_n: &BTreeMap<u32, &'a Hop>, n: u32) -> Vec<&'a Hop> {
    let mut out = Vec::new();
    let mut at = Some(n);
    while let Some(h) = at.and_then(|n| by_n.get(&n)) {
        out.push(*h);
        if out.len() > by_n.len() {
            break;
        }
        at = h.via;
    }
    out
}

fn most_first(counts: &BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = counts.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all
}

impl Graph {
    /// Merges the trails of an answer.
    pub fn of(answer: &TraceResult) -> Graph {
        let left = (answer.omitted.trails, answer.omitted.hops);
        Graph::merged(&answer.trails, left)
    }

    /// Merges trails; `omitted` are trails and hops that the trace left out.
    pub fn merged(trails: &[Trail], omitted: (u64, u64)) -> Graph {
        let mut places: BTreeMap<&str, Place> = BTreeMap::new();
        let mut edges: BTreeMap<(&str, &str), Gathered<'_>> = BTreeMap::new();
        let mut ways: BTreeMap<Vec<&str>, u64> = BTreeMap::new();
        for (record, trail) in trails.iter().enumerate() {
            let by_n: BTreeMap<u32, &Hop> = trail.hops.iter().map(|h| (h.n, h)).collect();
            for h in &trail.hops {
                let (from, to) = ends(h);
                let steps = chain(&by_n, h.n).len();
                for (name, step) in [(from, steps.saturating_sub(1)), (to, steps)] {
                    let p = places.entry(name).or_default();
                    p.records.insert(record);
                    p.step = Some(p.step.map_or(step, |s| s.min(step)));
                }
                if let Some(p) = places.get_mut(from) {
                    p.origin |= h.via.is_none();
                }
                if let Some(p) = places.get_mut(to) {
                    p.outside |= h.exit;
                }
                let e = edges.entry((from, to)).or_default();
                e.records.insert(record);
                e.hops += 1;
                if let Some(a) = h.api.as_deref() {
                    *e.apis.entry(a).or_default() += 1;
                }
                if let Some(a) = h.account.as_deref() {
                    *e.accounts.entry(a).or_default() += 1;
                }
                e.forms.insert(&h.form);
                if let Some(t) = h.ts.as_deref() {
                    e.first = Some(e.first.map_or(t, |f| f.min(t)));
                    e.last = Some(e.last.map_or(t, |l| l.max(t)));
                }
                e.seen |= !h.inferred;
                e.clear |= !h.masked;
                if let Some(c) = h.call.as_deref()
                    && e.calls.len() < limits::GRAPH_CALLS
                    && !e.calls.contains(&c)
                {
                    e.calls.push(c);
                }
            }
            let mut out: BTreeSet<Vec<&str>> = BTreeSet::new();
            for h in trail.hops.iter().filter(|h| h.exit) {
                let mut hops = chain(&by_n, h.n);
                hops.reverse();
                let mut way: Vec<&str> = hops.first().map(|h| ends(h).0).into_iter().collect();
                for h in hops {
                    let (from, to) = ends(h);
                    if let Some(e) = edges.get_mut(&(from, to)) {
                        e.path = true;
                    }
                    // a record that was kept at a host goes on from there; elsewhere the chain says where it came from
                    if way.last() != Some(&from) {
                        way.push(from);
                    }
                    way.push(to);
                }
                out.insert(way);
            }
            for way in out {
                *ways.entry(way).or_default() += 1;
            }
        }
        let mut order: Vec<(&str, Place)> = places.into_iter().collect();
        order.sort_by(|a, b| (a.1.step, a.0).cmp(&(b.1.step, b.0)));
        let index: BTreeMap<&str, usize> =
            order.iter().enumerate().map(|(i, n)| (n.0, i)).collect();
        let at = |name: &str| index.get(name).copied().unwrap_or_default();
        let mut paths: Vec<Path> = ways
            .into_iter()
            .map(|(way, records)| Path {
                nodes: way.into_iter().map(at).collect(),
                records,
            })
            .collect();
        paths.sort_by(|a, b| {
            (b.records, b.nodes.len())
                .cmp(&(a.records, a.nodes.len()))
                .then_with(|| a.nodes.cmp(&b.nodes))
        });
        let mut edges: Vec<Edge> = edges
            .into_iter()
            .map(|((from, to), e)| Edge {
                from: at(from),
                to: at(to),
                records: e.records.len() as u64,
                hops: e.hops,
                apis: most_first(&e.apis),
                accounts: most_first(&e.accounts),
                forms: e.forms.iter().map(|f| (*f).to_owned()).collect(),
                first: e.first.map(str::to_owned),
                last: e.last.map(str::to_owned),
                inferred: !e.seen,
                masked: !e.clear,
                path: e.path,
                calls: e.calls.iter().map(|c| (*c).to_owned()).collect(),
            })
            .collect();
        edges.sort_by_key(|e| (e.from, e.to));
        Graph {
            records: trails.len() as u64,
            omitted,
            nodes: order
                .into_iter()
                .map(|(name, p)| Node {
                    address: name.to_owned(),
                    outside: p.outside,
                    origin: p.origin,
                    step: p.step.unwrap_or_default(),
                    records: p.records.len() as u64,
                })
                .collect(),
            edges,
            paths,
        }
    }

    /// The same with the ways out alone, where there are any: what a leak of many records is about. Addresses stand at their
    /// place on the way that most records took, so that the ways read in one direction. Gives how many movements were left out.
    pub fn ways_out(&self) -> (Graph, usize) {
        if self.paths.is_empty() {
            return (self.clone(), 0);
        }
        let mut steps: BTreeMap<usize, usize> = BTreeMap::new();
        for p in &self.paths {
            for (step, n) in p.nodes.iter().enumerate() {
                steps.entry(*n).or_insert(step);
            }
        }
        for e in self.edges.iter().filter(|e| e.path) {
            for n in [e.from, e.to] {
                let own = self.nodes.get(n).map_or(0, |n| n.step);
                steps.entry(n).or_insert(own);
            }
        }
        let mut kept: Vec<(usize, &str, usize)> = steps
            .into_iter()
            .filter_map(|(n, step)| Some((step, self.nodes.get(n)?.address.as_str(), n)))
            .collect();
        kept.sort_unstable();
        let index: BTreeMap<usize, usize> = kept
            .iter()
            .enumerate()
            .map(|(new, (_, _, old))| (*old, new))
            .collect();
        let at = |old: usize| index.get(&old).copied().unwrap_or_default();
        let mut edges: Vec<Edge> = self
            .edges
            .iter()
            .filter(|e| e.path)
            .map(|e| Edge {
                from: at(e.from),
                to: at(e.to),
                ..e.clone()
            })
            .collect();
        edges.sort_by_key(|e| (e.from, e.to));
        let left_out = self.edges.len() - edges.len();
        let graph = Graph {
            records: self.records,
            omitted: self.omitted,
            nodes: kept
                .iter()
                .filter_map(|(step, _, old)| {
                    self.nodes.get(*old).map(|n| Node {
                        step: *step,
                        ..n.clone()
                    })
                })
                .collect(),
            edges,
            paths: self
                .paths
                .iter()
                .map(|p| Path {
                    nodes: p.nodes.iter().map(|n| at(*n)).collect(),
                    records: p.records,
                })
                .collect(),
        };
        (graph, left_out)
    }

    /// Name of a node for a drawing.
    fn label(&self, n: &Node) -> String {
        let what = match (n.origin, n.outside) {
            (_, true) => " (outside)",
            (true, false) => " (first seen)",
            _ => "",
        };
        format!("{}{what}", crate::call::text::visible(&n.address))
    }

    /// Words on an edge: how many records, through what, as whom.
    fn words(&self, e: &Edge) -> Vec<String> {
        let count = if e.records == 1 {
            "1 record".to_owned()
        } else {
            format!("{} records", e.records)
        };
        let mut out = vec![if e.inferred {
            format!("{count}, inferred")
        } else {
            count
        }];
        let more = |all: &[(String, u64)]| {
            all.first().map(|(name, _)| {
                let name = crate::call::text::visible(name).into_owned();
                match all.len() {
                    1 => name,
                    n => format!("{name} +{}", n - 1),
                }
            })
        };
        out.extend(more(&e.apis));
        out.extend(more(&e.accounts));
        if e.masked {
            out.push("masked only".to_owned());
        }
        let other: Vec<&str> = e
            .forms
            .iter()
            .map(String::as_str)
            .filter(|f| *f != "plain" && *f != "mask")
            .collect();
        if !other.is_empty() {
            out.push(other.join(", "));
        }
        out
    }
}

#[cfg(test)]
mod tests;
