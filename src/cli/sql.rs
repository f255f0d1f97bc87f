//! `sql`: one read-only statement on the masked views. In: a SELECT. Out: one object a row, keyed by column. Bounds:
//! those of the case's views; rows are written as they come.

use super::args::Args;
use super::out::Rows;
use super::{case, table};
use crate::case::views;
use crate::error::{Error, Result};
use crate::query::Cx;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value};

pub(super) fn run(args: &Args, statement: &str) -> Result<u8> {
    let path = case::existing(args)?;
    let mut reader = case::open_at(args, &path)?;
    // Masking asks the case by a connection of its own: the statement runs on the other one.
    let shown = Box::new(Cx::open(&path, args.common.reveal)?);
    views::install(&mut reader.conn, args.common.reveal, shown)?;
    // what is no question is not refused for what it would have read
    let first = statement
        .split(|c: char| !c.is_ascii_alphabetic())
        .find(|w| !w.is_empty());
    let writes = [
        "insert", "update", "delete", "replace", "create", "drop", "alter",
    ];
    if first.is_some_and(|w| writes.iter().any(|x| w.eq_ignore_ascii_case(x))) {
        return Err(Error::Usage {
            msg: "only a SELECT is run here; the case is read-only".to_owned(),
            at: None,
        });
    }
    let bad = |e: rusqlite::Error| Error::Usage {
        msg: match e {
            rusqlite::Error::SqliteFailure(code, _)
                if code.code == rusqlite::ErrorCode::AuthorizationForStatementDenied =>
            {
                format!(
                    "this reads more than the masked views ({}); base tables need --reveal",
                    views::VIEWS.join(" ")
                )
            }
            e => format!("SQL: {e}"),
        },
        at: None,
    };
    let mut stmt = reader.conn.prepare(statement).map_err(bad)?;
    if !stmt.readonly() || stmt.column_count() == 0 {
        return Err(Error::Usage {
            msg: "only a SELECT is run here; the case is read-only".to_owned(),
            at: None,
        });
    }
    let names: Vec<String> = stmt.column_names().map(str::to_owned).collect();
    let mut out = Rows::new(args, &[]);
    let mut rows = stmt.query([])?;
    while out.more() {
        let Some(row) = rows.next().map_err(bad)? else {
            break;
        };
        let mut object = Map::new();
        for (i, name) in names.iter().enumerate() {
            let v = match row.get_ref(i)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => n.into(),
                ValueRef::Real(n) => n.into(),
                ValueRef::Text(t) => String::from_utf8_lossy(t).into_owned().into(),
                ValueRef::Blob(b) => table::hex(b).into(),
            };
            object.insert(name.clone(), v);
        }
        out.row(&object)?;
    }
    out.end()
}
