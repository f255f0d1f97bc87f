//! Marks, notes, tags, saved filters and corrections: what the investigator adds. In: a target and text. Out: rows,
//! each tied to a journal row. Bounds: facts never read marks; corrections survive every load. Targets are `call:ID`,
//! `api:NAME`, `account:NAME`, `session:ID`, `finding:...`: names that stay when a case is loaded again.

use crate::case::info::in_transaction;
use crate::case::journal;
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

/// Something put on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Row.
    pub id: i64,
    /// What it is on.
    pub target: String,
    /// `mark`, `note` or `tag`.
    pub kind: String,
    /// Text of a note, name of a tag, empty or a letter for a mark.
    pub v: String,
    /// When, nanoseconds: the time of the journal row.
    pub at: i64,
    /// Journal row that tells of it.
    pub seq: i64,
}

const KINDS: [&str; 3] = ["mark", "note", "tag"];

/// Puts a mark, note or tag on a target; an equal one that is there stays alone. Gives its row.
pub fn add(conn: &Connection, target: &str, kind: &str, v: &str) -> Result<i64> {
    if !KINDS.contains(&kind) {
        return Err(Error::Usage {
            msg: format!("no such kind of mark: {kind}"),
            at: None,
        });
    }
    in_transaction(conn, || {
        let there = conn
            .query_row(
                "SELECT id FROM mark WHERE target=?1 AND kind=?2 AND v=?3",
                (target, kind, v),
                |r| r.get(0),
            )
            .optional()?;
        if let Some(id) = there {
            return Ok(id);
        }
        let seq = journal::append(conn, kind, &json!({"do": "add", "target": target, "v": v}))?;
        conn.execute(
            "INSERT INTO mark(target,kind,v,at,seq) SELECT ?1,?2,?3,at,seq FROM journal WHERE seq=?4",
            (target, kind, v, seq),
        )?;
        Ok(conn.last_insert_rowid())
    })
}

/// Takes one away; `false` where there was none.
pub fn remove(conn: &Connection, target: &str, kind: &str, v: &str) -> Result<bool> {
    in_transaction(conn, || {
        let n = conn.execute(
            "DELETE FROM mark WHERE target=?1 AND kind=?2 AND v=?3",
            (target, kind, v),
        )?;
        if n > 0 {
            journal::append(
                conn,
                kind,
                &json!({"do": "remove", "target": target, "v": v}),
            )?;
        }
        Ok(n > 0)
    })
}

/// All, in the order in which they were put; of one target where it is given.
pub fn list(conn: &Connection, target: Option<&str>) -> Result<Vec<Mark>> {
    let mut stmt = conn.prepare_cached(
        "SELECT id,target,kind,v,at,seq FROM mark WHERE ?1 IS NULL OR target=?1 ORDER BY id",
    )?;
    let rows = stmt.query_map([target], |r| {
        Ok(Mark {
            id: r.get(0)?,
            target: r.get(1)?,
            kind: r.get(2)?,
            v: r.get(3)?,
            at: r.get(4)?,
            seq: r.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes back the last addition or removal of a mark, note, tag or saved filter that was not taken back yet. Gives the
/// journal row that was undone. The journal keeps both: an undo is an act of its own.
pub fn undo(conn: &Connection) -> Result<Option<i64>> {
    in_transaction(conn, || {
        let entries = journal::list(conn)?;
        let undone: std::collections::BTreeSet<i64> = entries
            .iter()
            .filter(|e| e.act == "undo")
            .filter_map(|e| detail(&e.detail).get("seq")?.as_i64())
            .collect();
        let last = entries
            .iter()
            .rev()
            .find(|e| KINDS.contains(&e.act.as_str()) && !undone.contains(&e.seq));
        let Some(last) = last else { return Ok(None) };
        let d = detail(&last.detail);
        let field = |name: &str| {
            d.get(name)
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let (target, v) = (field("target"), field("v"));
        if field("do") == "add" {
            conn.execute(
                "DELETE FROM mark WHERE target=?1 AND kind=?2 AND v=?3",
                (&target, &last.act, &v),
            )?;
        } else {
            conn.execute(
                "INSERT INTO mark(target,kind,v,at,seq) SELECT ?1,?2,?3,at,seq FROM journal WHERE seq=?4",
                (&target, &last.act, &v, last.seq),
            )?;
        }
        journal::append(conn, "undo", &json!({"seq": last.seq}))?;
        Ok(Some(last.seq))
    })
}

fn detail(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or(serde_json::Value::Null)
}

/// Keeps a filter (kind `filter`) or a list under a name; one with that name is replaced.
pub fn save(conn: &Connection, name: &str, kind: &str, v: &str) -> Result<()> {
    in_transaction(conn, || {
        conn.execute(
            "INSERT INTO saved(name,kind,v) VALUES(?1,?2,?3) ON CONFLICT(name) DO UPDATE SET kind=excluded.kind, v=excluded.v",
            (name, kind, v),
        )?;
        journal::append(
            conn,
            "filter",
            &json!({"do": "save", "name": name, "kind": kind, "v": v}),
        )
        .map(|_| ())
    })
}

/// Forgets a saved filter or list.
pub fn forget(conn: &Connection, name: &str) -> Result<bool> {
    in_transaction(conn, || {
        let n = conn.execute("DELETE FROM saved WHERE name=?1", [name])?;
        if n > 0 {
            journal::append(conn, "filter", &json!({"do": "forget", "name": name}))?;
        }
        Ok(n > 0)
    })
}

/// Saved filters and lists by name: name, kind, text.
pub fn saved(conn: &Connection) -> Result<Vec<(String, String, String)>> {
    let mut stmt = conn.prepare_cached("SELECT name,kind,v FROM saved ORDER BY name")?;
    let rows = stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A correction of the facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Row.
    pub id: i64,
    /// What is corrected: `account-name`, `class-off`, `class-on` ...
    pub kind: String,
    /// On what.
    pub target: String,
    /// New value.
    pub v: String,
    /// Journal row.
    pub seq: i64,
}

/// Corrects facts: the latest correction of a kind on a target holds. Facts become stale until they are decided again.
pub fn correct(conn: &Connection, kind: &str, target: &str, v: &str) -> Result<i64> {
    in_transaction(conn, || {
        let seq = journal::append(
            conn,
            "correction",
            &json!({"kind": kind, "target": target, "v": v}),
        )?;
        conn.execute(
            "DELETE FROM correction WHERE kind=?1 AND target=?2",
            (kind, target),
        )?;
        conn.execute(
            "INSERT INTO correction(kind,target,v,seq) VALUES(?1,?2,?3,?4)",
            (kind, target, v, seq),
        )?;
        crate::case::info::set_stale(conn, true)?;
        Ok(conn.last_insert_rowid())
    })
}

/// Takes a correction back.
pub fn uncorrect(conn: &Connection, kind: &str, target: &str) -> Result<bool> {
    in_transaction(conn, || {
        let n = conn.execute(
            "DELETE FROM correction WHERE kind=?1 AND target=?2",
            (kind, target),
        )?;
        if n > 0 {
            let d = json!({"do": "remove", "kind": kind, "target": target});
            journal::append(conn, "correction", &d)?;
            crate::case::info::set_stale(conn, true)?;
        }
        Ok(n > 0)
    })
}

/// The name that was inferred for an API: what corrections of fields go by, so that they outlast another name.
pub fn inferred<'a>(corrections: &'a [Correction], shown: &'a str) -> &'a str {
    corrections
        .iter()
        .find(|c| matches!(c.kind.as_str(), "api" | "api-name") && c.v.trim() == shown)
        .map_or(shown, |c| {
            c.target.strip_prefix("api:").unwrap_or(&c.target)
        })
}

/// Takes the last correction of templates or of classes back that was not taken back yet: what held before it holds again. Gives its
/// kind and target.
pub fn undo_correction(conn: &Connection) -> Result<Option<(String, String)>> {
    in_transaction(conn, || {
        let entries = journal::list(conn)?;
        let undone: std::collections::BTreeSet<i64> = entries
            .iter()
            .filter(|e| e.act == "undo")
            .filter_map(|e| detail(&e.detail).get("seq")?.as_i64())
            .collect();
        let mine: Vec<(i64, String, String, Option<String>)> = entries
            .iter()
            .filter(|e| e.act == "correction" && !undone.contains(&e.seq))
            .filter_map(|e| {
                let d = detail(&e.detail);
                let text = |name: &str| Some(d.get(name)?.as_str()?.to_owned());
                let removed = text("do").is_some_and(|d| d == "remove");
                Some((
                    e.seq,
                    text("kind")?,
                    text("target")?,
                    text("v").filter(|_| !removed),
                ))
            })
            .collect();
        let Some((seq, kind, target, _)) = mine
            .iter()
            .rfind(|c| c.1.starts_with("api") || c.1.starts_with("class"))
        else {
            return Ok(None);
        };
        let same = |c: &&(i64, String, String, Option<String>)| {
            c.0 < *seq && c.1 == *kind && c.2 == *target
        };
        let before = mine.iter().rev().find(same);
        conn.execute(
            "DELETE FROM correction WHERE kind=?1 AND target=?2",
            (kind, target),
        )?;
        if let Some((old, _, _, Some(v))) = before {
            conn.execute(
                "INSERT INTO correction(kind,target,v,seq) VALUES(?1,?2,?3,?4)",
                (kind, target, v, old),
            )?;
        }
        journal::append(conn, "undo", &json!({"seq": seq}))?;
        crate::case::info::set_stale(conn, true)?;
        Ok(Some((kind.clone(), target.clone())))
    })
}

/// All corrections in the order in which they were made; one that holds again after another was taken back keeps its place.
pub fn corrections(conn: &Connection) -> Result<Vec<Correction>> {
    let mut stmt = conn.prepare("SELECT id,kind,target,v,seq FROM correction ORDER BY seq,id")?;
    let rows = stmt.query_map([], |r| {
        Ok(Correction {
            id: r.get(0)?,
            kind: r.get(1)?,
            target: r.get(2)?,
            v: r.get(3)?,
            seq: r.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
