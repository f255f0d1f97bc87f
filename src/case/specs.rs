//! API specifications that the case keeps. In: parsed specifications with the hash of their file. Out: the same, in the order in
//! which they were given. Bounds: those of [`crate::facts::spec`]; one with the same content is kept once.

use super::info::{in_transaction, set_stale};
use super::journal;
use crate::error::Result;
use crate::facts::spec::Spec;
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

/// Keeps one; `false` where it is kept already. Facts become stale.
pub fn add(conn: &Connection, spec: &Spec, sha256: &[u8; 32], bytes: u64) -> Result<bool> {
    in_transaction(conn, || {
        let known: Option<i64> = conn
            .query_row(
                "SELECT id FROM spec WHERE sha256=?1",
                [sha256.as_slice()],
                |r| r.get(0),
            )
            .optional()?;
        if known.is_some() {
            return Ok(false);
        }
        let hex: String = sha256.iter().map(|b| format!("{b:02x}")).collect();
        let seq = journal::append(
            conn,
            "spec",
            &json!({"file": spec.name, "sha256": hex, "bytes": bytes, "kind": spec.kind, "title": spec.title,
                "operations": spec.operations.len(), "skipped": spec.skipped}),
        )?;
        let text = serde_json::to_string(spec).unwrap_or_default();
        conn.execute(
            "INSERT INTO spec(name,sha256,v,seq) VALUES(?1,?2,?3,?4)",
            (&spec.name, sha256.as_slice(), text, seq),
        )?;
        set_stale(conn, true)?;
        Ok(true)
    })
}

/// All, in the order in which they were given.
pub fn list(conn: &Connection) -> Result<Vec<Spec>> {
    let mut stmt = conn.prepare("SELECT v FROM spec ORDER BY id")?;
    let rows = stmt.query_map([], |r| r.get::<_, String>(0))?;
    let mut out = Vec::new();
    for text in rows {
        if let Ok(spec) = serde_json::from_str(&text?) {
            out.push(spec);
        }
    }
    Ok(out)
}
