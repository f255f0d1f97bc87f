//! What all calls together say of a source. In: how each log was joined. Out: rows of `source_fact`. Bounds: a row a log.

use crate::error::Result;
use crate::facts::join::Joined;
use rusqlite::{Connection, params};

/// Writes what was found of each log; sources are numbered in order of their rows.
pub fn write(conn: &Connection, joined: &[Joined]) -> Result<()> {
    conn.execute("DELETE FROM source_fact", [])?;
    let ids: Vec<i64> = conn
        .prepare("SELECT id FROM source ORDER BY id")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut stmt =
        conn.prepare("INSERT INTO source_fact(source_id,joined,skew) VALUES(?1,?2,?3)")?;
    for j in joined {
        if let Some(id) = ids.get(j.source as usize) {
            stmt.execute(params![id, j.lines.cast_signed(), j.skew])?;
        }
    }
    Ok(())
}
