//! Rows of sources. In: what is known of a file before and after it was read. Out: rows, and whether a file is in the case
//! already. Bounds: a source counts as known once it was read to its end.

use crate::error::Result;
use crate::limits;
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

/// A source when its reading begins.
#[derive(Debug, Clone, Default)]
pub struct NewSource<'a> {
    /// Name as given, for show.
    pub name: &'a str,
    /// Where it was read; `None` for a pipe that was not spooled.
    pub path: Option<&'a str>,
    /// SHA-256 where it is known before reading.
    pub sha256: Option<[u8; 32]>,
    /// `pcap pcapng log:combined ...`.
    pub kind: &'a str,
    /// Size as it lies.
    pub bytes: u64,
    /// Whether it is standard input that was spooled.
    pub spooled: bool,
}

/// A source when its reading has ended.
#[derive(Debug, Clone, Default)]
pub struct SourceEnd {
    /// SHA-256 of the file as it lies.
    pub sha256: Option<[u8; 32]>,
    /// Size as it lies.
    pub bytes: u64,
    /// Packets, for captures.
    pub packets: Option<u64>,
    /// Lines, for logs.
    pub lines: Option<u64>,
    /// Earliest time in it.
    pub first_ts: Option<i64>,
    /// Latest time in it.
    pub last_ts: Option<i64>,
    /// Packets or lines that carry no call and no listed flow.
    pub skipped: u64,
    /// Whether it could be read only in part.
    pub damaged: bool,
}

/// Row of a source that was read to its end, by its SHA-256.
pub fn known_source(conn: &Connection, sha256: &[u8; 32]) -> Result<Option<i64>> {
    Ok(conn
        .query_row(
            "SELECT id FROM source WHERE sha256=?1 AND state<>'loading' ORDER BY id LIMIT 1",
            [sha256],
            |r| r.get(0),
        )
        .optional()?)
}

pub(super) fn source_list(conn: &Connection, from: i64) -> Result<Vec<serde_json::Value>> {
    let mut stmt =
        conn.prepare("SELECT name,lower(hex(sha256)) FROM source WHERE id>=?1 ORDER BY id")?;
    let rows = stmt.query_map([from], |r| {
        Ok(json!({"name": r.get::<_, String>(0)?, "sha256": r.get::<_, Option<String>>(1)?}))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What bounds a load's result, stored with each source so that it can be repeated.
pub(super) fn limits_text() -> String {
    format!(
        "body={} decoded={} ratio={} codings={} held={} flows={} findings={}",
        limits::BODY_STORED,
        limits::DECODED,
        limits::BOMB_RATIO,
        limits::CODINGS,
        limits::STREAM_HELD,
        limits::FLOWS,
        limits::FINDINGS_PER_BODY
    )
}
