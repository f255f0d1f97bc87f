//! The leaked rows beside what one account read of them. In: a clue, where its rows stand, an account. Out: each row with the calls that
//! delivered it, or none. Bounds: [`limits::TRACE_READ_ROWS`] rows, [`limits::TRACE_READS`] calls of each; the others are counted.

use super::super::clue::Clue;
use super::super::evidence::Evidence;
use super::super::matching::RowHit;
use super::super::model::{HopLocator, ReadCell, ReadOf, ReadRow, Reads};
use super::super::sight::{Found, Holder};
use super::super::verdict::{BELIEF, Details};
use super::moved::shown;
use crate::detect::{self};
use crate::error::Result;
use crate::limits;
use crate::query::read::time::rfc3339;
use std::collections::BTreeMap;

/// What the account read of each row; until when, where the leak was out at a known time.
pub(super) fn of(
    e: &Evidence<'_>,
    clue: &Clue,
    (found, hits): (&[Found], &[RowHit]),
    account: i64,
    until: Option<i64>,
    reveal: bool,
    details: &mut Details<'_, '_>,
) -> Result<Reads> {
    // (time, call, hit) by row
    let mut by_row: BTreeMap<u32, Vec<(i64, u32, u32)>> = BTreeMap::new();
    for (i, h) in (0u32..).zip(hits).filter(|(_, h)| h.conf >= BELIEF) {
        let mut deliver = |call: u32| {
            if e.receiver(call) == Some(account)
                && let Some(c) = e.calls.get(call as usize)
                && until.is_none_or(|u| c.ts <= u)
            {
                by_row.entry(h.row).or_default().push((c.ts, call, i));
            }
        };
        match h.holder {
            Holder::Body(b) => e.answered_with(b).for_each(&mut deliver),
            Holder::RespHead(id) => e.find(id).into_iter().for_each(&mut deliver),
            Holder::ReqHead(_) => {}
        }
    }
    let mut out = Reads {
        account: e.account(account).unwrap_or_default().to_owned(),
        read: by_row.len() as u64,
        of: clue.rows.len() as u64,
        more: clue.rows.len().saturating_sub(limits::TRACE_READ_ROWS) as u64,
        rows: Vec::new(),
    };
    for (row, values) in (0u32..).zip(&clue.rows).take(limits::TRACE_READ_ROWS) {
        let mut read = by_row.remove(&row).unwrap_or_default();
        read.sort_unstable();
        // A row may stand in one answer twice: the first place tells.
        read.dedup_by_key(|r| (r.0, r.1));
        let (mut clear, mut veiled) = (0u64, 0u64);
        for h in read.iter().filter_map(|r| hits.get(r.2 as usize)) {
            clear |= h.clear;
            veiled |= h.veiled;
        }
        let cells = values.iter().filter_map(|v| {
            let column = clue.values.get(*v as usize)?.column;
            let c = clue.columns.get(usize::from(column))?;
            let bit = 1u64 << (column & 63);
            Some(ReadCell {
                column: c.name.clone(),
                class: c.class.clone(),
                value: shown(clue, *v, reveal),
                strong: c.strong,
                read: match (clear & bit != 0, veiled & bit != 0) {
                    (true, _) => Some("clear"),
                    (_, true) => Some("masked"),
                    _ => None,
                },
            })
        });
        let cells = cells.collect();
        let mut calls = Vec::new();
        for (ts, call, hit) in read.iter().take(limits::TRACE_READS) {
            let Some(d) = details.get(*call)? else {
                continue;
            };
            let h = hits.get(*hit as usize);
            let best = h.and_then(|h| {
                let list = &found.get(h.found as usize)?.hits;
                list.get(*h.hits.first()? as usize)
            });
            calls.push(ReadOf {
                ts: rfc3339(*ts),
                call: d.text_id,
                api: d.api,
                place: best.map_or_else(String::new, |b| detect::place(&b.field, &b.index)),
                form: best.map_or_else(String::new, |b| b.form.name()),
                masked: best.is_some_and(|b| b.masked),
                conf: h.map_or(0.0, |h| (f64::from(h.conf) * 100.0).round() / 100.0),
                locator: HopLocator {
                    source: d.source_name,
                    first: d.first,
                    last: d.last,
                    offset: best.map(|b| b.offset),
                    len: best.map(|b| u64::from(b.len)),
                },
            });
        }
        out.rows.push(ReadRow {
            row: u64::from(row) + 1,
            values: cells,
            reads: read.len() as u64,
            calls,
        });
    }
    Ok(out)
}
