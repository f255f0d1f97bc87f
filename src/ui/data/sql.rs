//! The SQL prompt: one statement on the masked views. In: a SELECT. Out: rows as text. Bounds: [`ROWS`] rows, 400
//! characters a value.

use super::Answer;
use super::lane::LaneState;
use crate::case::views;
use crate::error::{Error, Result};
use crate::query::Cx;
use rusqlite::types::ValueRef;
use std::path::Path;

/// Rows that the prompt shows.
const ROWS: usize = 2_000;

/// Runs it on a connection of its own, which may read nothing but the views.
pub fn run(path: &Path, text: &str, lane: &LaneState) -> Result<Answer> {
    let mut cx = Cx::open(path, false)?;
    let shown = Box::new(Cx::open(path, false)?);
    views::install(&mut cx.conn, false, shown)?;
    lane.set_handle(cx.conn.get_interrupt_handle(), cx.stop.clone());
    let usage = |msg: String| Error::Usage { msg, at: None };
    let bad = |e: rusqlite::Error| match e {
        rusqlite::Error::SqliteFailure(c, _)
            if c.code == rusqlite::ErrorCode::AuthorizationForStatementDenied =>
        {
            usage(format!(
                "only the masked views can be read here: {}",
                views::VIEWS.join(" ")
            ))
        }
        e => usage(format!("SQL: {e}")),
    };
    let mut st = cx.conn.prepare(text).map_err(bad)?;
    if !st.readonly() || st.column_count() == 0 {
        return Err(usage(
            "only a SELECT is run here; the case is read-only".into(),
        ));
    }
    let cols: Vec<String> = st.column_names().map(str::to_string).collect();
    let n = cols.len();
    let mut rows = Vec::new();
    let mut cut = false;
    let mut q = st.query([]).map_err(bad)?;
    while let Some(r) = q.next().map_err(bad)? {
        if rows.len() >= ROWS {
            cut = true;
            break;
        }
        rows.push(
            (0..n)
                .map(|i| r.get_ref(i).map(value).unwrap_or_default())
                .collect(),
        );
    }
    Ok(Answer::Sql { cols, rows, cut })
}

fn value(v: ValueRef<'_>) -> String {
    match v {
        ValueRef::Null => "-".into(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => format!("{x}"),
        ValueRef::Text(b) => crate::call::text::lossless(b).chars().take(400).collect(),
        ValueRef::Blob(b) => {
            let mut s: String = b.iter().take(32).map(|x| format!("{x:02x}")).collect();
            if b.len() > 32 {
                s.push_str("..");
            }
            s
        }
    }
}
