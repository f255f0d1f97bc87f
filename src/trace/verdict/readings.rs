//! Who got and who sent which row of the clue. In: where its values were found, the rows that they make. Out: for each account and row
//! when, in clear or masked, and by which calls. Bounds: one pass over what was found.

use super::BELIEF;
use crate::trace::clue::{Clue, Shape};
use crate::trace::evidence::Evidence;
use crate::trace::matching::RowHit;
use crate::trace::sight::{Found, Holder};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// What one account got of one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) clear: u64,
    pub(super) veiled: u64,
    /// (time, call index, offset of the best value), in no order.
    pub(super) calls: Vec<(i64, u32, u64)>,
    /// Earliest upload of the row by the account itself and its columns.
    pub(super) upload: Option<(i64, u64)>,
    /// A masked value of the row stood masked in what it got.
    pub(super) as_is: bool,
}

impl Reading {
    pub(super) fn first(&self) -> Option<(i64, u32, u64)> {
        self.calls.iter().min().copied()
    }
}

/// Deliveries of the clue's rows by account and row.
pub struct Readings {
    pub(super) by: BTreeMap<i64, BTreeMap<u32, Reading>>,
    /// Values in clear of columns that identify nobody, by account: what a row lacks may have come beside it.
    pub(super) beside: FxHashMap<i64, FxHashSet<u32>>,
    /// Rows sent in requests: (row, call index).
    pub(super) sent: Vec<(u32, u32)>,
    /// Rows seen at all.
    pub rows_seen: BTreeSet<u32>,
}

/// Collects who got and who sent which row.
pub fn readings(
    e: &Evidence<'_>,
    clue: &Clue,
    found: &[Found],
    hits: &[RowHit],
    until: Option<i64>,
) -> Readings {
    let mut out = Readings {
        by: BTreeMap::new(),
        beside: FxHashMap::default(),
        sent: Vec::new(),
        rows_seen: BTreeSet::new(),
    };
    let mut uploads: Vec<(i64, u32, i64, u64)> = Vec::new();
    for h in hits.iter().filter(|h| h.conf >= BELIEF) {
        out.rows_seen.insert(h.row);
        let offset = h
            .hits
            .first()
            .and_then(|i| found.get(h.found as usize)?.hits.get(*i as usize))
            .map_or(0, |x| x.offset);
        let as_is = found.get(h.found as usize).is_some_and(|f| {
            h.hits
                .iter()
                .filter_map(|i| f.hits.get(*i as usize))
                .any(|x| {
                    x.masked
                        && clue
                            .values
                            .get(x.value as usize)
                            .is_some_and(|v| v.shape == Shape::Masked)
                })
        });
        let mut deliver = |call: u32| {
            if let (Some(a), Some(c)) = (e.receiver(call), e.calls.get(call as usize))
                && until.is_none_or(|u| c.ts <= u)
            {
                let r = out.by.entry(a).or_default().entry(h.row).or_default();
                r.clear |= h.clear;
                r.veiled |= h.veiled;
                r.as_is |= as_is;
                r.calls.push((c.ts, call, offset));
            }
        };
        match h.holder {
            Holder::Body(b) => e.answered_with(b).for_each(&mut deliver),
            Holder::RespHead(id) => e.find(id).into_iter().for_each(&mut deliver),
            Holder::ReqHead(_) => {}
        }
        match h.holder {
            Holder::Body(b) => {
                for call in e.sent_with(b) {
                    out.sent.push((h.row, call));
                    if let Some(c) = e.calls.get(call as usize) {
                        uploads.push((c.behind, h.row, c.ts, h.clear));
                    }
                }
            }
            Holder::ReqHead(id) => out.sent.extend(e.find(id).map(|c| (h.row, c))),
            Holder::RespHead(_) => {}
        }
    }
    for f in found {
        let Holder::Body(body) = f.holder else {
            continue;
        };
        let mut values = f
            .hits
            .iter()
            .filter(|h| !h.masked && !h.form.steps().any(crate::detect::form::Step::one_way))
            .map(|h| h.value)
            .filter(|v| {
                clue.values
                    .get(*v as usize)
                    .and_then(|v| clue.columns.get(usize::from(v.column)))
                    .is_some_and(|c| !c.strong)
            })
            .peekable();
        if values.peek().is_none() {
            continue;
        }
        let values: Vec<u32> = values.collect();
        for call in e.answered_with(body) {
            if let (Some(a), Some(c)) = (e.receiver(call), e.calls.get(call as usize))
                && until.is_none_or(|u| c.ts <= u)
            {
                out.beside.entry(a).or_default().extend(&values);
            }
        }
    }
    for (account, row, ts, columns) in uploads {
        if let Some(r) = out.by.get_mut(&account).and_then(|m| m.get_mut(&row)) {
            let u = r.upload.get_or_insert((ts, 0));
            u.0 = u.0.min(ts);
            u.1 |= columns;
        }
    }
    out
}
