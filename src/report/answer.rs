//! The answer of a trace in words and tables. In: the trace object. Out: sections: answer, path, type, scale, cause, suspects,
//! time, movement, records. Bounds: those of [`super`].

use super::Cited;
use super::doc::{Bars, Block, Document, Line, Span, Table, line, when};
use crate::call::text::many;
use crate::error::Result;
use crate::limits::{REPORT_FEW, REPORT_RECORDS, REPORT_ROWS};
use crate::query::lang::quote;
use crate::query::{Cx, Filter, read};
use crate::trace::graph::Graph;
use crate::trace::model::{ADDED, Suspect, TraceResult};
use std::collections::{BTreeMap, BTreeSet};

/// Slots of the counts over time.
const SLOTS: usize = 90;

fn strong(t: impl Into<String>) -> Span {
    Span::Strong(t.into())
}
fn plain(t: impl Into<String>) -> Span {
    Span::Text(t.into())
}
fn number(n: u64) -> Line {
    line(n.to_string())
}

/// All sections.
pub(super) fn sections(
    cx: &Cx,
    d: &mut Document,
    cited: &mut Cited<'_>,
    question: &str,
    a: &TraceResult,
) -> Result<()> {
    let graph = Graph::of(a);
    d.head("Question");
    d.para(question);
    if !a.clue.read_as.is_empty() {
        d.para(format!("Read as: {}.", a.clue.read_as));
    }
    d.head("Answer");
    verdict(d, a);
    summary(cx, d, cited, a, &graph)?;
    suspects(d, cited, a)?;
    over_time(cx, d, a)?;
    movement(d, cited, &graph)?;
    records(d, cited, a)
}

fn verdict(d: &mut Document, a: &TraceResult) {
    let v = &a.verdict;
    if v.none {
        d.blocks.push(Block::Para(vec![
            strong("No account in this evidence explains it"),
            plain(format!(" (confidence {:.2}): {}.", v.confidence, v.why)),
        ]));
    } else if v.set.is_empty() {
        d.para(if v.why.is_empty() {
            "No account was weighed for this question; where it was seen is below.".to_owned()
        } else {
            format!("{}.", v.why)
        });
    } else {
        d.blocks.push(Block::Para(vec![
            plain("The evidence is consistent with "),
            strong(v.set.join(", ")),
            plain(format!(
                " as the source (confidence {:.2}): {}.",
                v.confidence, v.why
            )),
        ]));
    }
    for tie in &v.ties {
        d.para(format!(
            "This evidence cannot tell these accounts apart: {}.",
            tie.join(", ")
        ));
    }
    d.para(
        "This is what the loaded evidence supports, not a finding of guilt: whoever holds a credential can act as its account, \
         and what was not captured was not weighed.",
    );
}

/// Suspects that the answer names, else all that were weighed in detail.
fn named(a: &TraceResult) -> Vec<&Suspect> {
    a.suspects.iter().filter(|s| s.in_set).collect()
}

/// Path, type, scale and cause, each with what it rests on.
fn summary(
    cx: &Cx,
    d: &mut Document,
    cited: &mut Cited<'_>,
    a: &TraceResult,
    graph: &Graph,
) -> Result<()> {
    let name = |i: &usize| graph.nodes.get(*i).map_or("?", |n| &n.address);
    let path = match graph.paths.first() {
        Some(p) => {
            let way: Vec<&str> = p.nodes.iter().map(name).collect();
            let more = graph.paths.len() - 1;
            format!(
                "{} ({} of {} records{})",
                way.join(" → "),
                p.records,
                graph.records,
                if more > 0 {
                    let ways = if more == 1 { "way" } else { "ways" };
                    format!("; {more} other {ways}, see Movement")
                } else {
                    String::new()
                }
            )
        }
        None => "nothing of it was seen leaving for an outside address".to_owned(),
    };
    // Classes are those of the calls that delivered what the question asks for.
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    let mut level: Option<&str> = None;
    let mut bytes = 0u64;
    let mut calls: BTreeSet<&str> = named(a)
        .iter()
        .flat_map(|s| s.calls.iter().map(String::as_str))
        .collect();
    if calls.is_empty() {
        calls = a
            .trails
            .iter()
            .flat_map(|t| t.hops.iter().filter_map(|h| h.call.as_deref()))
            .collect();
    }
    for id in &calls {
        let Some(row) = read::find_call(cx, id)?
            .map(|r| read::call_row(cx, r))
            .transpose()?
            .flatten()
        else {
            continue;
        };
        for c in &row.classes {
            *classes.entry(c.clone()).or_default() += 1;
        }
        level = level.max(row.level);
        bytes += row.resp_content_len.unwrap_or(0);
    }
    let kinds: Vec<String> = classes
        .iter()
        .map(|(c, n)| format!("{c} in {}", many(*n, "call")))
        .collect();
    let exits: BTreeSet<&str> = a
        .trails
        .iter()
        .flat_map(|t| t.exits.iter().map(|e| &*e.to))
        .collect();
    let mut scale = vec![plain(format!(
        "{} of {} rows and {} of {} values of the clue were seen, in {} that returned {}",
        a.clue.matched_rows,
        a.clue.rows,
        a.clue.matched_values,
        a.clue.values,
        many(calls.len() as u64, "call"),
        many(bytes, "byte")
    ))];
    for s in named(a) {
        scale.push(plain(format!(
            "; {} received {} of these rows among {} records in all",
            s.account, s.covered, s.read_total
        )));
    }
    let left = if exits.is_empty() {
        line("not seen")
    } else {
        let all: Vec<&str> = exits.iter().copied().take(REPORT_FEW).collect();
        let more = exits.len() - all.len();
        line(format!(
            "to {}{}",
            all.join(", "),
            if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            }
        ))
    };
    d.blocks.push(Block::Facts(vec![
        ("path", line(path)),
        ("left", left),
        (
            "type",
            line(format!(
                "{}; highest level {}",
                if kinds.is_empty() {
                    "no data class".to_owned()
                } else {
                    kinds.join(", ")
                },
                level.unwrap_or("unknown")
            )),
        ),
        ("scale", scale),
    ]));
    cause(cx, d, cited, a)
}

/// What made it possible, as far as rules saw it: a hypothesis with its evidence.
fn cause(cx: &Cx, d: &mut Document, cited: &mut Cited<'_>, a: &TraceResult) -> Result<()> {
    d.part("Cause, as a hypothesis");
    let mut points: Vec<Line> = Vec::new();
    for s in named(a) {
        let filter = Filter::parse(&format!("account:{}", quote(&s.account)))?;
        let own: BTreeSet<&String> = s.calls.iter().collect();
        for r in read::risks(cx, &filter)? {
            let shared: Vec<String> = r
                .calls
                .iter()
                .filter(|c| own.contains(c))
                .cloned()
                .collect();
            if shared.is_empty() {
                continue;
            }
            let mut point = vec![
                strong(format!("{} ({}, {})", r.rule, r.dimension, r.severity)),
                plain(format!(
                    ": {}: {}; {} of the calls that delivered these rows are part of it: ",
                    r.subject,
                    r.why,
                    shared.len()
                )),
            ];
            point.extend(cited.some(&shared, 3)?);
            points.push(point);
        }
    }
    if points.is_empty() {
        d.para("No risk rule fired on the calls that delivered it: consistent with use of an access that was granted.");
        return Ok(());
    }
    d.para("Consistent with these weaknesses, which the same calls broke:");
    let more = points.len().saturating_sub(REPORT_FEW);
    points.truncate(REPORT_FEW);
    d.blocks.push(Block::List(points));
    if more > 0 {
        d.para(format!("{more} more risks share calls with it."));
    }
    Ok(())
}

fn suspects(d: &mut Document, cited: &mut Cited<'_>, a: &TraceResult) -> Result<()> {
    if a.suspects.is_empty() {
        return Ok(());
    }
    d.head("Suspects and their evidence");
    let mut t = Table {
        head: vec![
            "Account",
            "#Bits",
            "#Rows",
            "#Of",
            "#Read in all",
            "@First",
            "@Last",
            "In the answer",
            "Calls",
        ],
        left_out: a.omitted.suspects + a.suspects.len().saturating_sub(REPORT_FEW) as u64,
        ..Table::default()
    };
    for s in a.suspects.iter().take(REPORT_FEW) {
        t.rows.push(vec![
            line(&*s.account),
            line(format!("{:.1}", s.score)),
            number(s.covered),
            number(s.of),
            number(s.read_total),
            when(&s.first),
            when(&s.last),
            line(if s.in_set { "yes" } else { "no" }),
            cited.some(&s.calls, 3)?,
        ]);
    }
    d.table(t, "No account received any of it.");
    if a.suspects.iter().any(|s| s.covered > 0) {
        d.para(ADDED);
    }
    for s in a.suspects.iter().take(REPORT_FEW) {
        if !s.in_set && s.covered == 0 {
            continue;
        }
        d.part(format!("{}: for and against", s.account));
        let rows = s.evidence.iter().map(|e| {
            vec![
                line(e.kind),
                line(format!("{:+.1}", e.bits)),
                line(&*e.text),
            ]
        });
        d.table(
            Table {
                head: vec!["Evidence", "#Bits", "What was seen"],
                rows: rows.collect(),
                left_out: 0,
            },
            "Nothing speaks for or against it.",
        );
    }
    Ok(())
}

/// Deliveries of each suspect over the time of the evidence, and all calls.
fn over_time(cx: &Cx, d: &mut Document, a: &TraceResult) -> Result<()> {
    let all = read::histogram(cx, &Filter::all(), SLOTS)?;
    if all.slots.is_empty() {
        return Ok(());
    }
    d.head("Time");
    let slots = all.slots.len();
    let at = |t: i64| {
        usize::try_from(t.saturating_sub(all.from).max(0) / all.step.max(1))
            .unwrap_or(0)
            .min(slots - 1)
    };
    let mut rows = vec![(
        "all calls".to_owned(),
        all.slots
            .iter()
            .map(|s| s.iter().sum())
            .collect::<Vec<u64>>(),
    )];
    for s in named(a).iter().take(REPORT_FEW) {
        let mut counts = vec![0u64; slots];
        for id in &s.calls {
            let Some(row) = read::find_call(cx, id)?
                .map(|r| read::call_row(cx, r))
                .transpose()?
                .flatten()
            else {
                continue;
            };
            if let Some(n) = counts.get_mut(at(row.ts_ns)) {
                *n += 1;
            }
        }
        rows.push((format!("delivered to {}", s.account), counts));
    }
    let mut left = vec![0u64; slots];
    for h in a
        .trails
        .iter()
        .flat_map(|t| t.hops.iter().filter(|h| h.exit))
    {
        if let Some(n) = h.ts_ns.and_then(|t| left.get_mut(at(t))) {
            *n += 1;
        }
    }
    if left.iter().any(|n| *n > 0) {
        rows.push(("left for outside".to_owned(), left));
    }
    let end = all
        .from
        .saturating_add(all.step.saturating_mul(i64::try_from(slots).unwrap_or(0)));
    d.blocks.push(Block::Bars(Bars {
        span: (read::time::rfc3339(all.from), read::time::rfc3339(end)),
        rows,
    }));
    Ok(())
}

fn movement(d: &mut Document, cited: &mut Cited<'_>, graph: &Graph) -> Result<()> {
    if graph.edges.is_empty() {
        return Ok(());
    }
    d.head("Movement");
    let (drawn, left_out) = graph.ways_out();
    d.blocks.push(Block::Graph(drawn));
    if left_out > 0 {
        d.para(format!(
            "Drawn are the ways to where it left; {left_out} other movements of the same records are in the table."
        ));
    }
    d.para("A dashed arrow was not captured: other evidence implies it. An address in a rounded box is outside.");
    let name = |i: usize| line(graph.nodes.get(i).map_or("?", |n| &n.address));
    let mut edges: Vec<&crate::trace::graph::Edge> = graph.edges.iter().collect();
    edges.sort_by_key(|e| std::cmp::Reverse((e.path, e.records)));
    let most = |all: &[(String, u64)]| {
        let some: Vec<&str> = all.iter().take(3).map(|(n, _)| n.as_str()).collect();
        let more = all.len().saturating_sub(3);
        line(if more > 0 {
            format!("{} +{more}", some.join(", "))
        } else {
            some.join(", ")
        })
    };
    let mut t = Table {
        head: vec![
            "@From",
            "@To",
            "#Records",
            "API",
            "Account",
            "Form",
            "@First",
            "@Last",
            "On the way out",
            "Calls",
        ],
        left_out: edges.len().saturating_sub(REPORT_ROWS) as u64,
        ..Table::default()
    };
    for e in edges.iter().take(REPORT_ROWS) {
        t.rows.push(vec![
            name(e.from),
            name(e.to),
            number(e.records),
            most(&e.apis),
            most(&e.accounts),
            line(e.forms.join(", ")),
            when(&e.first),
            when(&e.last),
            line(match (e.path, e.inferred) {
                (true, true) => "yes, inferred",
                (true, false) => "yes",
                (false, true) => "no, inferred",
                (false, false) => "no",
            }),
            cited.some(&e.calls, 2)?,
        ]);
    }
    d.table(t, "Nothing moved.");
    Ok(())
}

/// The way of each record, hop by hop.
fn records(d: &mut Document, cited: &mut Cited<'_>, a: &TraceResult) -> Result<()> {
    if a.trails.is_empty() {
        return Ok(());
    }
    d.head("Records, hop by hop");
    // What left is told first: it is what the question is about.
    let mut trails: Vec<&crate::trace::model::Trail> = a.trails.iter().collect();
    trails.sort_by_key(|t| t.exits.is_empty());
    let more = a.omitted.trails + trails.len().saturating_sub(REPORT_RECORDS) as u64;
    for trail in trails.iter().take(REPORT_RECORDS) {
        d.part(trail.record.clone());
        let mut t = Table {
            head: vec![
                "#Hop",
                "#From hop",
                "@Time",
                "@From",
                "@To",
                "API",
                "Account",
                "Place",
                "Form",
                "#Sure",
                "Call",
            ],
            left_out: trail.hops.len().saturating_sub(REPORT_ROWS) as u64,
            ..Table::default()
        };
        for h in trail.hops.iter().take(REPORT_ROWS) {
            let text = |s: &Option<String>| line(s.as_deref().unwrap_or("-"));
            let place = match h.locator.as_ref().and_then(|l| l.offset.zip(l.len)) {
                Some((o, n)) => format!("{} (bytes {o}+{n})", h.place),
                None => h.place.clone(),
            };
            t.rows.push(vec![
                number(h.n.into()),
                line(h.via.map_or("-".into(), |v| v.to_string())),
                when(&h.ts),
                text(&h.from),
                line(format!(
                    "{}{}{}",
                    h.to.as_deref().unwrap_or("-"),
                    if h.exit { " (outside)" } else { "" },
                    if h.inferred { " (inferred)" } else { "" }
                )),
                text(&h.api),
                text(&h.account),
                line(place),
                line(&*h.form),
                line(format!("{:.2}", h.conf)),
                match &h.call {
                    Some(c) => vec![cited.call(c)?],
                    None => line("-"),
                },
            ]);
        }
        d.table(t, "Seen nowhere.");
    }
    if more > 0 {
        d.para(format!(
            "{more} more records are not listed here; `leaktrace trace --json` gives them all."
        ));
    }
    Ok(())
}
