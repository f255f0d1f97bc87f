//! Clues of what the case itself holds: a record, what came to a subject. In: its id, or bodies. Out: a clue. Bounds:
//! [`limits::TRACE_ACCOUNT_RECORDS`] records.

use super::super::clue::{self, Clue, Known};
use super::super::evidence::Evidence;
use super::super::sight::Fields;
use crate::call::model::Dir;
use crate::case::bodies::BodyReader;
use crate::case::ids;
use crate::detect::print::PrintKey;
use crate::detect::{self};
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What values are told by.
#[derive(Clone, Copy)]
pub(super) enum By<'k> {
    /// Their text, proved under the case's key.
    Text(&'k PrintKey),
    /// Their prints: in a share copy no text stands. What is masked there has no print of the whole value.
    Print,
}

/// Values of one record in a body.
fn values_of(
    e: &Evidence<'_>,
    by: By<'_>,
    facts: &crate::call::model::Facts,
    content: &[u8],
    record: u32,
) -> Vec<Known> {
    let mut out: Vec<Known> = Vec::new();
    for f in facts.findings.iter().filter(|f| f.record == record) {
        let Some(class) = e
            .classes
            .get(usize::from(f.class))
            .filter(|c| !c.is_empty())
        else {
            continue;
        };
        let from = usize::try_from(f.offset).unwrap_or(usize::MAX);
        let Some(slice) = content.get(from..from.saturating_add(f.len as usize)) else {
            continue;
        };
        let (value, print) = match by {
            By::Text(_) if f.masked => (Some(slice.to_vec()), None),
            By::Text(key) => (detect::value_of(key, f, slice), None),
            By::Print if f.masked || f.form.steps().any(|s| s.one_way()) => continue,
            By::Print => (Some(slice.to_vec()), Some(f.print)),
        };
        let Some(text) = value.and_then(|v| String::from_utf8(v).ok()) else {
            continue;
        };
        if !out.iter().any(|v| v.text == text && v.print == print) {
            out.push(Known {
                text,
                class: class.clone(),
                strong: e.is_strong(f.class),
                print,
            });
        }
    }
    out
}

fn facts_of(
    conn: &Connection,
    fields: &Fields<'_>,
    body: i64,
) -> Result<crate::call::model::Facts> {
    let blob: Option<Option<Vec<u8>>> = conn
        .prepare_cached("SELECT facts FROM body WHERE id=?1")?
        .query_row([body], |r| r.get(0))
        .optional()?;
    Ok(blob.flatten().map(|b| fields.facts(&b)).unwrap_or_default())
}

/// The clue of a record id.
pub(super) fn record(conn: &Connection, e: &Evidence<'_>, by: By<'_>, id: &str) -> Result<Clue> {
    let gone = || {
        Error::Nothing(format!(
            "no record {} in this case (findings rows name them)",
            crate::call::text::visible(id)
        ))
    };
    let (call, dir, n) = ids::parse_record(id).ok_or_else(gone)?;
    let row = ids::find_call(conn, call)?.ok_or_else(gone)?;
    let c = e
        .find(row)
        .and_then(|i| e.calls.get(i as usize))
        .ok_or_else(gone)?;
    let body = match dir {
        Dir::Req => c.req,
        Dir::Resp => c.resp,
    };
    if body == 0 {
        return Err(gone());
    }
    let fields = Fields::new(conn);
    let facts = facts_of(conn, &fields, body)?;
    let content = BodyReader::new().get(conn, body)?;
    let values = values_of(e, by, &facts, &content, n);
    if values.is_empty() {
        return Err(gone());
    }
    clue::record(&values)
}

/// Answers that an account received: time and body.
pub(super) fn answers_to(e: &Evidence<'_>, account: i64) -> Vec<(i64, i64)> {
    e.answers()
        .iter()
        .filter(|(_, c)| e.receiver(*c) == Some(account))
        .filter_map(|(b, c)| Some((e.calls.get(*c as usize)?.ts, *b)))
        .collect()
}

/// The clue of what bodies hold: the first records, each subject once.
pub(super) fn received(
    conn: &Connection,
    e: &Evidence<'_>,
    by: By<'_>,
    mut bodies: Vec<(i64, i64)>,
    stop: &AtomicBool,
) -> Result<Option<Clue>> {
    bodies.sort_unstable();
    let mut done: FxHashSet<i64> = FxHashSet::default();
    let mut seen: FxHashSet<u64> = FxHashSet::default();
    let mut rows: Vec<Vec<Known>> = Vec::new();
    let fields = Fields::new(conn);
    let mut reader = BodyReader::new();
    for (_, body) in bodies {
        if rows.len() >= limits::TRACE_ACCOUNT_RECORDS || stop.load(Ordering::Relaxed) {
            break;
        }
        if !done.insert(body) {
            continue;
        }
        let facts = facts_of(conn, &fields, body)?;
        let mut records: BTreeMap<u32, Option<u64>> = BTreeMap::new();
        for f in &facts.findings {
            let print = records.entry(f.record).or_default();
            if !f.masked && e.is_strong(f.class) && f.record != 0 {
                print.get_or_insert(f.print);
            }
        }
        if records.values().all(Option::is_none) {
            continue;
        }
        let content = reader.get(conn, body)?;
        for (n, print) in records {
            if rows.len() < limits::TRACE_ACCOUNT_RECORDS && print.is_some_and(|k| seen.insert(k)) {
                let v = values_of(e, by, &facts, &content, n);
                if !v.is_empty() {
                    rows.push(v);
                }
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    clue::rows_of(&rows, "records that came to the subject").map(Some)
}
