//! Which class a field holds, decided by the investigator. In: a field, a class, an API perhaps. Out: one correction in the case. Bounds:
//! one query; a class of which no value of the field has the form is refused, since nothing would be found by it.

use super::{ClassChange, usage};
use crate::call::text::visible;
use crate::case::marks::{self, Correction};
use crate::error::Result;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Candidates named where a class is refused.
const NAMED: usize = 8;

/// Writes the correction; gives what was done, in words.
pub(super) fn apply(conn: &Connection, all: &[Correction], c: &ClassChange) -> Result<String> {
    let held = candidates(conn, &c.field, c.api.as_deref())?;
    let place = match &c.api {
        Some(api) => format!("{} of {api}", c.field),
        None => c.field.clone(),
    };
    if held.is_empty() {
        return Err(usage(format!(
            "no value of a class stands in {}: `leaktrace apis --json` names fields",
            visible(&place)
        )));
    }
    if !held.contains_key(&c.class) {
        let names: Vec<&str> = held.keys().take(NAMED).map(String::as_str).collect();
        return Err(usage(format!(
            "no value of {} has the form of {}; there are: {}",
            visible(&c.field),
            visible(&c.class),
            names.join(", ")
        )));
    }
    let target = match &c.api {
        Some(api) => format!("{} of {} {}", c.field, marks::inferred(all, api), c.class),
        None => format!("{} {}", c.field, c.class),
    };
    let instead = c.instead.as_deref().filter(|i| c.on && *i != c.class);
    let kind = if c.on { "class-on" } else { "class-off" };
    marks::correct(conn, kind, &target, instead.unwrap_or_default())?;
    Ok(match (c.on, instead) {
        (false, _) => format!("{place} holds no {}", c.class),
        (true, None) => format!("{place} holds {}", c.class),
        (true, Some(old)) => format!("{place} holds {}, not {old}", c.class),
    })
}

/// Classes of which values of a field have the form, and whether any is taken for one.
fn candidates(conn: &Connection, field: &str, api: Option<&str>) -> Result<BTreeMap<String, bool>> {
    let mut stmt = conn.prepare(
        "SELECT c.name,max(f.accept) FROM field_class f JOIN term t ON t.id=f.field_id JOIN class c ON c.id=f.class_id \
         JOIN api a ON a.id=f.api_id WHERE t.v=?1 AND (?2 IS NULL OR a.name=?2) GROUP BY c.name",
    )?;
    let rows = stmt.query_map((field, api), |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
