//! How rows moved: the trail of each, told hop by hop. In: a clue, where its rows stand. Out: trails, and what of them was left out.
//! Bounds: [`limits::TRACE_TRAILS`] trails unless more are asked for, and the hops of each.

use super::super::Options;
use super::super::clue::{self, Clue};
use super::super::evidence::Evidence;
use super::super::matching::RowHit;
use super::super::model::{Hop, Omitted, Trail};
use super::super::sight::{Found, Holder};
use super::super::trail::hosts::Hosts;
use super::super::trail::{self, Seen};
use super::super::verdict::Details;
use crate::detect::form::{Form, Step};
use crate::detect::{self};
use crate::error::Result;
use crate::limits;
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A value as it may be shown.
pub(super) fn shown(clue: &Clue, value: u32, reveal: bool) -> String {
    let Some(v) = clue.values.get(value as usize) else {
        return String::new();
    };
    let class = clue
        .columns
        .get(v.column as usize)
        .and_then(|c| c.class.as_deref());
    match class {
        Some(c) if !reveal && v.shape == clue::Shape::Clear && v.print.is_none() => {
            detect::mask::show(c, &v.text)
        }
        _ => v.text.clone(),
    }
}

/// The name of a row: its values, identifying ones first.
fn label(clue: &Clue, row: u32, reveal: bool) -> String {
    let Some(values) = clue.rows.get(row as usize) else {
        return String::new();
    };
    let mut order: Vec<u32> = values.clone();
    order.sort_by_key(|v| {
        clue.values
            .get(*v as usize)
            .and_then(|x| clue.columns.get(x.column as usize))
            .is_none_or(|c| !c.strong)
    });
    let text: Vec<String> = order
        .iter()
        .take(3)
        .map(|v| shown(clue, *v, reveal))
        .collect();
    if clue.rows.len() > 1 {
        format!("row {}: {}", row + 1, text.join(", "))
    } else {
        text.join(", ")
    }
}

#[allow(clippy::too_many_arguments)] // one place puts together what several parts found
pub(super) fn trails(
    e: &Evidence<'_>,
    clue: &Clue,
    found: &[Found],
    hits: &[RowHit],
    options: &Options,
    only: Option<&Own<'_>>,
    details: &mut Details<'_, '_>,
    omitted: &mut Omitted,
) -> Result<Vec<Trail>> {
    let mut by_row: BTreeMap<u32, Vec<&RowHit>> = BTreeMap::new();
    for h in hits {
        by_row.entry(h.row).or_default().push(h);
    }
    let limit = options.trails.unwrap_or(limits::TRACE_TRAILS);
    // Rows that were sent in a request first: they moved on.
    let mut order: Vec<u32> = by_row.keys().copied().collect();
    let sent = |row: &u32| {
        by_row.get(row).is_some_and(|l| {
            l.iter().any(|h| match h.holder {
                Holder::Body(b) => e.sent_with(b).next().is_some(),
                _ => false,
            })
        })
    };
    if order.len() > limit {
        order.sort_by_key(|r| (!sent(r), *r));
        omitted.trails = (order.len() - limit) as u64;
        order.truncate(limit);
        order.sort_unstable();
    }
    let mut out = Vec::new();
    let hosts = Hosts::new(e.conn)?;
    for row in order {
        let mut seen: Vec<Seen> = Vec::new();
        for h in by_row.get(&row).map_or(&[][..], Vec::as_slice) {
            let Some(list) = found.get(h.found as usize).map(|f| &f.hits) else {
                continue;
            };
            let Some(best) = h.hits.first().and_then(|i| list.get(*i as usize)) else {
                continue;
            };
            let body = match h.holder {
                Holder::Body(b) => b,
                Holder::ReqHead(_) | Holder::RespHead(_) => 0,
            };
            let mut add = |call: u32, resp: bool| -> Result<()> {
                if seen.len() > 4 * limits::TRACE_HOPS {
                    omitted.hops += 1;
                    return Ok(());
                }
                let Some(d) = details.get(call)? else {
                    return Ok(());
                };
                let hits = h.hits.iter().filter_map(|i| list.get(*i as usize));
                let values: BTreeSet<u32> = hits.clone().map(|x| x.value).collect();
                let forms: BTreeSet<Form> = hits.map(|x| x.form).collect();
                seen.push(Seen {
                    clock: hosts.clock(d.source),
                    call: d,
                    resp,
                    place: detect::place(&best.field, &best.index),
                    form: best.form,
                    masked: best.masked
                        || best
                            .form
                            .steps()
                            .any(|s| matches!(s, Step::Mask | Step::Last4)),
                    conf: h.conf,
                    at: (best.offset, best.len),
                    value: Some(shown(clue, best.value, options.reveal)),
                    values: values.into_iter().collect(),
                    forms: forms.into_iter().collect(),
                    body,
                    parent: e.calls.get(call as usize).map_or(0, |c| c.parent),
                });
                Ok(())
            };
            match h.holder {
                Holder::Body(b) => {
                    for call in e.answered_with(b) {
                        add(call, true)?;
                    }
                    for call in e.sent_with(b) {
                        add(call, false)?;
                    }
                }
                Holder::ReqHead(id) => {
                    if let Some(call) = e.find(id) {
                        add(call, false)?;
                    }
                }
                Holder::RespHead(id) => {
                    if let Some(call) = e.find(id) {
                        add(call, true)?;
                    }
                }
            }
        }
        let seen = fold(seen);
        let seen = match only {
            Some(own) => of_subject(e, seen, own),
            None => seen,
        };
        if seen.is_empty() {
            continue;
        }
        let (hops, exits, over) =
            trail::build(e, &hosts, seen, &options.inside, limits::TRACE_HOPS);
        omitted.hops += over;
        let clear = |h: &&Hop| !h.inferred && !h.masked && h.form.ends_with("plain");
        out.push(Trail {
            record: label(clue, row, options.reveal),
            first_seen: hops.iter().find_map(|h| h.ts.clone()),
            last_clear: hops.iter().rfind(clear).and_then(|h| h.ts.clone()),
            hops,
            exits,
        });
    }
    Ok(out)
}

/// One sighting for each message: the clearest stands for the others, and has the values and forms of all.
fn fold(seen: Vec<Seen>) -> Vec<Seen> {
    let mut best: BTreeMap<(i64, bool), Seen> = BTreeMap::new();
    for mut s in seen {
        match best.entry((s.call.id, s.resp)) {
            std::collections::btree_map::Entry::Vacant(v) => {
                v.insert(s);
            }
            std::collections::btree_map::Entry::Occupied(mut o) => {
                let have = o.get_mut();
                let rank = |s: &Seen| (s.worth(), s.values.len(), s.conf.to_bits(), Reverse(s.at));
                if rank(&s) > rank(have) {
                    std::mem::swap(have, &mut s);
                }
                have.values.extend(s.values);
                have.values.sort_unstable();
                have.values.dedup();
                have.forms.extend(s.forms);
                have.forms.sort_unstable();
                have.forms.dedup();
            }
        }
    }
    best.into_values().collect()
}

/// Whose trails are told.
pub(super) enum Own<'a> {
    /// An account's.
    Account(i64),
    /// Those that pass these calls (row ids).
    Calls(&'a FxHashSet<i64>),
}

/// What a subject received, and what left from its addresses after that.
fn of_subject(e: &Evidence<'_>, seen: Vec<Seen>, of: &Own<'_>) -> Vec<Seen> {
    let own = |s: &Seen| match of {
        Own::Calls(calls) => calls.contains(&s.call.id),
        Own::Account(account) => {
            s.call.account == *account
                || e.find(s.call.id)
                    .and_then(|i| e.calls.get(i as usize))
                    .is_some_and(|c| c.behind == *account)
        }
    };
    let first = seen
        .iter()
        .filter(|s| s.resp && own(s))
        .map(|s| s.call.ts)
        .min();
    let hosts: BTreeSet<_> = seen
        .iter()
        .filter(|s| s.resp && own(s))
        .filter_map(|s| s.call.src)
        .collect();
    seen.into_iter()
        .filter(|s| {
            own(s)
                || !s.resp
                    && first.is_some_and(|f| s.call.ts >= f)
                    && s.call.src.is_some_and(|a| hosts.contains(&a))
        })
        .collect()
}
