//! A table copied row by row. In: its name. Out: its columns, and rows read and written by name. Bounds: one row at a time.

use super::usage;
use crate::error::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use sha2::{Digest as _, Sha256};

/// A table with its columns.
pub(super) struct Table {
    cols: Vec<String>,
    pub(super) select: String,
    one: String,
    insert: String,
}

impl Table {
    pub(super) fn of(conn: &Connection, name: &str) -> Result<Table> {
        let mut stmt = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let cols: Vec<String> = stmt
            .query_map([name], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
        let list: Vec<String> = cols.iter().map(|c| quoted(c)).collect();
        let (list, marks) = (list.join(","), vec!["?"; cols.len()].join(","));
        let name = quoted(name);
        Ok(Table {
            select: format!("SELECT {list} FROM {name}"),
            one: format!("SELECT {list} FROM {name} WHERE id=?1"),
            insert: format!("INSERT INTO {name}({list}) VALUES({marks})"),
            cols,
        })
    }

    pub(super) fn values(&self, r: &rusqlite::Row<'_>) -> rusqlite::Result<Vec<Value>> {
        (0..self.cols.len()).map(|i| r.get(i)).collect()
    }

    pub(super) fn row(&self, conn: &Connection, id: i64) -> Result<Vec<Value>> {
        conn.prepare_cached(&self.one)?
            .query_row([id], |r| self.values(r))
            .optional()?
            .ok_or_else(|| usage(format!("row {id} is not there: run `leaktrace verify`")))
    }

    pub(super) fn at(&self, name: &str) -> Option<usize> {
        self.cols.iter().position(|c| c == name)
    }

    pub(super) fn get(&self, row: &[Value], name: &str) -> Value {
        let v = self.at(name).and_then(|i| row.get(i));
        v.cloned().unwrap_or(Value::Null)
    }

    pub(super) fn set(&self, row: &mut [Value], name: &str, to: Value) {
        if let Some(v) = self.at(name).and_then(|i| row.get_mut(i)) {
            *v = to;
        }
    }

    /// Writes a row. Where two names became one, the later is told apart by its number.
    pub(super) fn insert(&self, conn: &Connection, mut row: Vec<Value>) -> Result<()> {
        let done = conn
            .prepare_cached(&self.insert)?
            .execute(params_from_iter(&row));
        let Err(e) = done else { return Ok(()) };
        if e.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) {
            return Err(e.into());
        }
        let tail = match row.first() {
            Some(Value::Integer(id)) => id.to_string(),
            _ => crate::detect::wraps::hex(&Sha256::digest(format!("{row:?}")))
                .chars()
                .take(8)
                .collect(),
        };
        if let Some(Value::Text(t)) = row.iter_mut().find(|v| matches!(v, Value::Text(_))) {
            *t = format!("{t}~{tail}");
        }
        conn.prepare_cached(&self.insert)?
            .execute(params_from_iter(&row))?;
        Ok(())
    }
}
