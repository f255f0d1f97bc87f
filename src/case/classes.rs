//! The data classes of a case. In: a connection, the rules' classes. Out: their ids, which findings hold. Bounds:
//! [`crate::limits::CLASSES`] of them.

use super::open::case;
use crate::error::Result;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// A data class as the case keeps it: name, level 0 to 4, label. Its row id is its bit.
pub type ClassDef<'a> = (&'a str, u8, &'a str);

/// Data classes of a case: id, name, level, label; ordered by id.
pub fn list(conn: &Connection) -> Result<Vec<(u8, String, u8, String)>> {
    let mut stmt = conn.prepare_cached("SELECT id,name,level,label FROM class ORDER BY id")?;
    let rows = stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes the rules' classes; ids are never used again for another name, since findings hold them. Where a
/// grading profile was taken, the level of a class is what deciding facts made of it.
pub(super) fn take_classes(
    conn: &mut Connection,
    path: &Path,
    classes: &[ClassDef<'_>],
) -> Result<Vec<u8>> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut map = Vec::with_capacity(classes.len());
    for (name, level, label) in classes {
        let id: i64 = tx.query_row(
            "INSERT INTO class(id,name,level,label) VALUES((SELECT coalesce(max(id)+1,0) FROM class),?1,?2,?3) \
             ON CONFLICT(name) DO UPDATE SET label=excluded.label, level=CASE WHEN EXISTS(SELECT 1 FROM info WHERE key='profile') \
             THEN level ELSE excluded.level END RETURNING id",
            (name, level, label),
            |r| r.get(0),
        )?;
        match u8::try_from(id) {
            Ok(id) if usize::from(id) < crate::limits::CLASSES => map.push(id),
            _ => {
                return Err(case(
                    path,
                    "holds more data classes than a case can (63): start a new case for these rules",
                ));
            }
        }
    }
    tx.commit()?;
    Ok(map)
}
