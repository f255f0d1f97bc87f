//! Movements drawn as a tree: the hops of one record, or the merged ways of all records of a trace with counts. In: the trace
//! object, and which branches are folded. Out: a document whose lines know the branch that begins there. Bounds:
//! [`GRAPH_DRAWN`] lines of a merged graph; a host is opened once.

use super::facts;
use crate::limits::GRAPH_DRAWN;
use crate::trace::graph::Graph;
use crate::trace::model::{Hop, TraceResult, Trail};
use crate::ui::nav::{Jump, time};
use crate::ui::theme::{Glyphs, Role};
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::{grouped, many, span};
use std::collections::{BTreeMap, BTreeSet};

fn host(a: Option<&String>) -> String {
    format!("[{}]", a.map_or("?", String::as_str))
}

/// The branch that a hop of one record begins.
pub fn branch(h: &Hop) -> String {
    format!("hop {}", h.n)
}

/// A line with an arrow on it: dashed where nothing of it was captured.
fn arrow(g: &Glyphs, words: &str, implied: bool) -> (String, Role) {
    let line = if implied { g.dash } else { g.h };
    let role = if implied { Role::Partial } else { Role::Accent };
    (format!("{line}{line}{words}{line}{}", g.right), role)
}

/// The path of one record: each hop under the one that its data came from.
pub fn record(t: &Trail, g: &Glyphs, folded: &BTreeSet<String>) -> Doc {
    let mut d = Doc::new(format!("Path of {}", t.record));
    // Where it left is what is asked for: it stands first, however long the path is.
    if t.exits.is_empty() {
        d.add(Line::new("never seen leaving", Role::Ok));
    }
    for e in &t.exits {
        let when = e.ts.as_ref().map(|t| time::long(t)).unwrap_or_default();
        let mut l = Line::new("left for ", Role::Dim)
            .and(e.to.clone(), Role::SensCritical)
            .and(format!("  {when}  {}", e.form), Role::Text);
        if let Some(c) = &e.call {
            l = l.jump(Jump::Call(c.clone()));
        }
        d.add(l);
    }
    let by_n: BTreeMap<u32, &Hop> = t.hops.iter().map(|h| (h.n, h)).collect();
    // hops below each folded one, itself left out
    let mut hidden: BTreeMap<u32, usize> = BTreeMap::new();
    let mut depth: BTreeMap<u32, usize> = BTreeMap::new();
    let mut shown: Vec<&Hop> = Vec::new();
    for h in &t.hops {
        let mut at = h.via;
        let mut above = 0;
        let mut under = None;
        while let Some(p) = at.and_then(|n| by_n.get(&n)) {
            above += 1;
            if folded.contains(&branch(p)) {
                under = Some(p.n);
            }
            if above > t.hops.len() {
                break;
            }
            at = p.via;
        }
        depth.insert(h.n, above.min(12));
        match under {
            Some(n) => *hidden.entry(n).or_default() += 1,
            None => shown.push(h),
        }
    }
    for h in shown {
        let at = depth.get(&h.n).copied().unwrap_or(0);
        let mut l = Line::default();
        if at == 0 {
            l = l.and(format!("{} ", host(h.from.as_ref())), Role::Text);
        } else {
            l = l.and(
                format!("{}{}{}", "   ".repeat(at - 1), " ", g.bl),
                Role::Dim,
            );
            // Where the data comes from is at the end of the line above, unless another host sends it.
            let before = h.via.and_then(|v| by_n.get(&v)).and_then(|p| p.to.as_ref());
            if before != h.from.as_ref() {
                l = l.and(format!("{} ", host(h.from.as_ref())), Role::Text);
            }
        }
        let form = if h.inferred {
            "implied"
        } else {
            h.form.as_str()
        };
        let (line, role) = arrow(g, &format!("({}) {form}", h.n), h.inferred);
        l = l.and(line, role).and(
            format!(" {}", host(h.to.as_ref())),
            if h.exit {
                Role::SensCritical
            } else {
                Role::Text
            },
        );
        if h.exit {
            l = l.and("  leaves here", Role::SensHigh);
        }
        if let Some(n) = hidden.get(&h.n) {
            l = l.and(format!("  + {} folded", grouped(*n as u64)), Role::Partial);
        }
        if let Some(c) = &h.call {
            l = l.jump(Jump::Call(c.clone()));
        }
        l.why = Some(facts::link_meaning(h));
        l.fold = Some(branch(h));
        d.add(l.row());
    }
    d.add(Line::default());
    let times: Vec<i64> = t.hops.iter().filter_map(|h| h.ts_ns).collect();
    if let (Some(a), Some(b)) = (times.iter().min(), times.iter().max()) {
        let implied = t.hops.iter().filter(|h| h.inferred).count();
        d.add(Line::new(
            format!(
                "{} hops in {}{}; {} copies outside",
                grouped(t.hops.len() as u64),
                span(b - a),
                if implied > 0 {
                    format!(", {implied} of them implied")
                } else {
                    String::new()
                },
                grouped(t.exits.len() as u64)
            ),
            Role::Dim,
        ));
    }
    for (what, when) in [("first seen", &t.first_seen), ("last clear", &t.last_clear)] {
        if let Some(w) = when {
            d.add(Line::pair(what, time::long(w), Role::Text));
        }
    }
    d
}

/// The ways of all records as one graph: hosts under the host that data came from, with how many records went there.
pub fn whole(r: &TraceResult, g: &Glyphs, folded: &BTreeSet<String>) -> Doc {
    let graph = Graph::of(r);
    let mut d = Doc::new(format!("Ways of {} records", grouped(graph.records)));
    let out: Vec<&str> = graph
        .nodes
        .iter()
        .filter(|n| n.outside)
        .map(|n| n.address.as_str())
        .collect();
    if out.is_empty() {
        d.add(Line::new("never seen leaving", Role::Ok));
    } else {
        d.add(Line::new("left for ", Role::Dim).and(out.join(", "), Role::SensCritical));
    }
    let mut open: BTreeSet<usize> = BTreeSet::new();
    let mut lines = 0;
    // first those where records were seen first, then what circles leave over
    let starts = (0..graph.nodes.len())
        .filter(|i| graph.nodes.get(*i).is_some_and(|n| n.origin))
        .chain(0..graph.nodes.len());
    for start in starts {
        if open.contains(&start) || lines >= GRAPH_DRAWN {
            continue;
        }
        let leads = graph.edges.iter().any(|e| e.from == start);
        let Some(n) = graph.nodes.get(start).filter(|_| leads) else {
            continue;
        };
        d.add(Line::new(format!("[{}]", n.address), Role::Text).row());
        lines += 1;
        open.insert(start);
        // what is still to be drawn: edge and depth, the next one last
        let mut todo: Vec<(usize, usize)> = edges_of(&graph, start, 1);
        while let Some((edge, depth)) = todo.pop() {
            let Some(e) = graph.edges.get(edge) else {
                continue;
            };
            if lines >= GRAPH_DRAWN {
                break;
            }
            lines += 1;
            let Some(to) = graph.nodes.get(e.to) else {
                continue;
            };
            let key = format!("way {} {}", e.from, e.to);
            let words = format!(
                "{}{}",
                grouped(e.records),
                if e.inferred { " implied" } else { "" }
            );
            let (line, role) = arrow(g, &words, e.inferred);
            let mut l = Line::new(
                format!("{}{}{}", "   ".repeat((depth - 1).min(12)), " ", g.bl),
                Role::Dim,
            )
            .and(line, role)
            .and(
                format!(" [{}]", to.address),
                if to.outside {
                    Role::SensCritical
                } else {
                    Role::Text
                },
            );
            let below = edges_of(&graph, e.to, depth + 1);
            if !open.insert(e.to) {
                if !below.is_empty() {
                    l = l.and(format!("  {} above", g.up), Role::Dim);
                }
            } else if folded.contains(&key) {
                if !below.is_empty() {
                    let n = grouped(below.len() as u64);
                    l = l.and(format!("  + {n} ways folded"), Role::Partial);
                }
                // what stands below is not drawn elsewhere either
                let mut hide: Vec<usize> = vec![e.to];
                while let Some(n) = hide.pop() {
                    for x in graph.edges.iter().filter(|x| x.from == n) {
                        if open.insert(x.to) {
                            hide.push(x.to);
                        }
                    }
                }
            } else {
                todo.extend(below);
            }
            if let Some((api, n)) = e.apis.first() {
                let more = e.apis.len() - 1;
                let more = if more > 0 {
                    format!(" +{more}")
                } else {
                    String::new()
                };
                l = l.and(format!("  {api}{more}"), Role::Dim);
                l.why = Some(format!("{n} of {} movements here by {api}", e.hops));
            }
            if e.masked {
                l = l.and("  masked", Role::Ok);
            }
            if let Some(c) = e.calls.first() {
                l = l.jump(Jump::Call(c.clone()));
            }
            l.fold = Some(key);
            d.add(l.row());
        }
    }
    let left = graph.edges.len().saturating_sub(lines);
    if lines >= GRAPH_DRAWN && left > 0 {
        d.add(Line::new(
            format!(
                "{} more movements; leaktrace trace --graph svg draws them",
                grouped(left as u64)
            ),
            Role::Partial,
        ));
    }
    let implied = graph.edges.iter().filter(|e| e.inferred).count();
    d.add(Line::default());
    d.add(Line::new(
        format!(
            "{} hosts, {} movements{}",
            grouped(graph.nodes.len() as u64),
            grouped(graph.edges.len() as u64),
            if implied > 0 {
                format!(", {implied} of them implied (dashed)")
            } else {
                String::new()
            }
        ),
        Role::Dim,
    ));
    d
}

/// Edges of a node in the order of a stack: those on ways out come first, then those of most records.
fn edges_of(g: &Graph, node: usize, depth: usize) -> Vec<(usize, usize)> {
    let mut own: Vec<usize> = (0..g.edges.len())
        .filter(|i| g.edges.get(*i).is_some_and(|e| e.from == node))
        .collect();
    own.sort_by_key(|i| {
        g.edges
            .get(*i)
            .map(|e| (e.path, e.records, std::cmp::Reverse(e.to)))
    });
    own.into_iter().map(|i| (i, depth)).collect()
}

/// What one subject saw, took and sent on.
pub fn subject(s: &crate::trace::subject::Subject, d: &mut Doc) {
    for (what, a) in [
        ("seen", &s.seen),
        ("taken", &s.taken),
        ("sent on", &s.sent_on.all),
    ] {
        let values: Vec<String> = a
            .values
            .iter()
            .map(|(c, n)| format!("{} {c}", grouped(*n)))
            .collect();
        d.add(Line::pair(
            what,
            format!(
                "{} in {}  {}",
                many(a.records, "record"),
                many(a.calls, "call"),
                values.join(", ")
            ),
            Role::Text,
        ));
    }
    for t in &s.sent_on.to {
        d.add(Line::pair(
            if t.outside { "  outside" } else { "  to" },
            format!(
                "{}  {} in {}",
                t.to,
                many(t.records, "record"),
                many(t.calls, "call")
            ),
            if t.outside {
                Role::SensCritical
            } else {
                Role::Text
            },
        ));
    }
    if let Some(b) = &s.baseline {
        let when = b.peak.as_ref().map(|p| time::long(p)).unwrap_or_default();
        d.add(Line::pair(
            "busiest",
            format!(
                "{} in the {} of {when}{}",
                many(b.records, "record"),
                b.unit,
                if b.unusual { ": unusual" } else { "" }
            ),
            if b.unusual {
                Role::SensHigh
            } else {
                Role::Text
            },
        ));
        for (what, p) in [("own past", &b.own), ("peers", &b.peers)] {
            if let Some(p) = p {
                d.add(Line::pair(
                    what,
                    format!(
                        "median {} (deviation {}) of {} observations; chance of as much {:.1e}",
                        p.median,
                        p.mad,
                        grouped(p.observations),
                        p.p
                    ),
                    Role::Dim,
                ));
            }
        }
        if !b.note.is_empty() {
            d.add(Line::pair("", b.note.clone(), Role::Partial));
        }
    }
    // a bar a step: taken records, those sent on in the hot colour
    let most = s
        .timeline
        .iter()
        .map(|b| b.taken + b.sent)
        .max()
        .unwrap_or(0);
    if s.timeline.len() > 1 && most > 0 {
        d.add(Line::default());
        for b in &s.timeline {
            let wide = |n: u64| usize::try_from(n * 24 / most).unwrap_or(0);
            d.add(
                Line::new(format!("{}  ", time::long(&b.from)), Role::Dim)
                    .and("#".repeat(wide(b.taken)), Role::Accent)
                    .and("!".repeat(wide(b.sent)), Role::SensHigh)
                    .and(
                        format!(" {} taken, {} sent on", grouped(b.taken), grouped(b.sent)),
                        Role::Text,
                    )
                    .row(),
            );
        }
    }
    if !s.map.is_empty() {
        d.add(Line::default());
        for m in &s.map {
            let classes: Vec<String> = m
                .classes
                .iter()
                .chain(&m.forms)
                .map(|(c, n)| format!("{} {c}", grouped(*n)))
                .collect();
            let from = if m.dir == "taken" { "from" } else { "to" };
            d.add(Line::pair(
                from,
                format!("{}  {}", m.host, classes.join(", ")),
                Role::Text,
            ));
        }
    }
}
