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
    /// The format that was given for a log: a mapping, or a format string.
    pub mapping: Option<&'a str>,
    /// Size as it lies.
    pub bytes: u64,
    /// Whether it is standard input that was spooled.
    pub spooled: bool,
    /// Number of the member, where `path` is an archive and the source a file in it.
    pub member: Option<&'a str>,
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

/// A file of TLS secrets: what a case keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Name of the file, without its folder.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// `keylog` or `rsa-key`.
    pub kind: &'static str,
    /// Secrets in it.
    pub secrets: u64,
    /// Lines that are none of a key log.
    pub unread: u64,
    /// Lines left out at a limit.
    pub left_out: u64,
}

impl SecretFile {
    /// Its SHA-256 in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        self.sha256.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Removes sources that were read again: what the investigator did stays, since it names calls by their ids.
pub(super) fn remove(conn: &Connection, ids: &[i64]) -> Result<()> {
    for id in ids {
        for sql in [
            "DELETE FROM call_at WHERE call_id IN (SELECT id FROM call WHERE source_id=?1)",
            "DELETE FROM call_of WHERE call_id IN (SELECT id FROM call WHERE source_id=?1)",
            "DELETE FROM call_at WHERE source_id=?1",
            "DELETE FROM call WHERE source_id=?1",
            "DELETE FROM flow WHERE source_id=?1",
            "DELETE FROM diag WHERE source_id=?1",
            "DELETE FROM source WHERE id=?1",
        ] {
            conn.execute(sql, [id])?;
        }
    }
    Ok(())
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

/// What bounds a load's result, which rules it searched with, which secrets it was read with (by the SHA-256 of their
/// files) and how, stored with each source so that it can be repeated.
pub(super) fn limits_text(rules: &str, secrets: &[SecretFile], read: &ReadAs) -> String {
    let rules = if rules.is_empty() {
        String::new()
    } else {
        format!(" {RULES}{rules}")
    };
    let secrets: String = secrets
        .iter()
        .map(|f| format!(" {}={}", f.kind, f.hex()))
        .collect();
    format!(
        "body={} decoded={} ratio={} codings={} held={} flows={} findings={}{rules}{secrets}{}",
        limits::BODY_STORED,
        limits::DECODED,
        limits::BOMB_RATIO,
        limits::CODINGS,
        limits::STREAM_HELD,
        limits::FLOWS,
        limits::FINDINGS_PER_BODY,
        read.text()
    )
}

/// What a load was told besides its files and decides which calls come of them: with it they are read again to the same calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadAs {
    /// What is earlier was left out.
    pub after: Option<i64>,
    /// ... and what is later.
    pub before: Option<i64>,
    /// Zone of logs that name none.
    pub tz: Option<String>,
}

impl ReadAs {
    fn text(&self) -> String {
        let at = |name: &str, v: Option<i64>| v.map_or(String::new(), |n| format!(" {name}={n}"));
        let tz = self
            .tz
            .as_deref()
            .filter(|z| !z.contains(char::is_whitespace));
        let tz = tz.map_or(String::new(), |z| format!(" tz={z}"));
        format!(
            "{}{}{tz}",
            at("after", self.after),
            at("before", self.before)
        )
    }
    /// Out of what stands with a source.
    #[must_use]
    pub fn of(limits: &str) -> ReadAs {
        let word = |name: &str| {
            let mut words = limits.split(' ');
            words.find_map(|w| w.strip_prefix(name)?.strip_prefix('='))
        };
        ReadAs {
            after: word("after").and_then(|n| n.parse().ok()),
            before: word("before").and_then(|n| n.parse().ok()),
            tz: word("tz").map(str::to_owned),
        }
    }
}

/// What stands before the print of the rules in `source.limits`.
const RULES: &str = "rules=";
/// Diag of a source that was searched with other rules than the last load.
pub const OTHER_RULES: &str = "other-rules";

/// With which rules each load searched: the first body, call and source of each, and the print of its rules.
#[derive(Debug, Clone, Default)]
pub struct Searched(Vec<([i64; 3], Option<String>)>);

impl Searched {
    /// Reads it from the case.
    pub fn read(conn: &Connection) -> Result<Searched> {
        let mut stmt = conn.prepare(
            "SELECT body_from,call_from,source_from,(SELECT limits FROM source s WHERE s.load_id=l.id LIMIT 1) FROM load l ORDER BY id",
        )?;
        let rows = stmt.query_map([], |r| {
            let limits: Option<String> = r.get(3)?;
            Ok(([r.get(0)?, r.get(1)?, r.get(2)?], limits))
        })?;
        let mut out = Vec::new();
        for row in rows {
            let (from, limits) = row?;
            let rules = limits.as_deref().and_then(|l| {
                l.split(' ')
                    .find_map(|w| w.strip_prefix(RULES))
                    .map(str::to_owned)
            });
            out.push((from, rules));
        }
        Ok(Searched(out))
    }

    fn find(&self, which: usize, id: i64) -> Option<&str> {
        let at = self
            .0
            .partition_point(|(from, _)| from.get(which).is_some_and(|f| *f <= id));
        self.0.get(at.checked_sub(1)?)?.1.as_deref()
    }
    /// Print of the rules that a body was searched with; `None` where it was not noted.
    pub fn body(&self, id: i64) -> Option<&str> {
        self.find(0, id)
    }
    /// ... that a call's heads were searched with.
    pub fn call(&self, id: i64) -> Option<&str> {
        self.find(1, id)
    }
    /// Prints of other rules than these that something was searched with.
    pub fn others(&self, rules: &str) -> std::collections::BTreeSet<String> {
        let had = self.0.iter().filter_map(|(_, r)| r.as_deref());
        had.filter(|r| *r != rules).map(str::to_owned).collect()
    }
    /// ... that a source was searched with.
    pub fn source(&self, id: i64) -> Option<&str> {
        self.find(2, id)
    }
}

/// Whether all of the case was searched with the rules of this print.
pub fn same_rules(conn: &Connection, rules: &str) -> Result<bool> {
    let searched = Searched::read(conn)?;
    let ids: Vec<i64> = conn
        .prepare("SELECT id FROM source WHERE state<>'loading' ORDER BY id")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(ids
        .into_iter()
        .all(|id| searched.source(id).is_none_or(|r| r == rules)))
}

/// Notes which sources were searched with other rules than those of this print; gives how many.
pub fn note_rules(conn: &Connection, rules: &str) -> Result<u64> {
    let searched = Searched::read(conn)?;
    let ids: Vec<i64> = conn
        .prepare("SELECT id FROM source WHERE state<>'loading' ORDER BY id")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut n = 0;
    for id in ids {
        let other = searched.source(id).filter(|r| *r != rules);
        match other {
            Some(had) => {
                n += 1;
                conn.execute(
                    "INSERT OR REPLACE INTO diag(source_id,code,n,detail) VALUES(?1,?2,1,?3)",
                    (
                        id,
                        OTHER_RULES,
                        format!("searched with {had}, asked for {rules}"),
                    ),
                )?;
            }
            None => {
                conn.execute(
                    "DELETE FROM diag WHERE source_id=?1 AND code=?2",
                    (id, OTHER_RULES),
                )?;
            }
        }
    }
    Ok(n)
}
