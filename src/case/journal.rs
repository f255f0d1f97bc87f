//! What the investigator and the program did to a case, chained by hashes. In: an act and its detail. Out: rows whose
//! hash covers the row before. Bounds: one row an act. A chain alone cannot show that its end was cut off: the case keeps its
//! [`head`] apart from it, and reports and bundles print it so that it can be compared.

use crate::case::info;
use crate::error::Result;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// Acts that are written: a closed list, so that a reader can tell what a case can have in it.
pub const ACTS: [&str; 16] = [
    "case-created",
    "load",
    "recover",
    "profile",
    "rescan",
    "schema",
    "spec",
    "reveal",
    "correction",
    "export",
    "mark",
    "note",
    "tag",
    "filter",
    "set",
    "undo",
];

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position from 1, without holes.
    pub seq: i64,
    /// When, nanoseconds since 1970 by this machine's clock.
    pub at: i64,
    /// Who: the login name.
    pub who: String,
    /// One of [`ACTS`].
    pub act: String,
    /// JSON.
    pub detail: String,
    /// Hash of the row before; 32 zero bytes for the first.
    pub prev: Vec<u8>,
    /// SHA-256 of `prev` and this row.
    pub hash: Vec<u8>,
}

/// A row that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which row.
    pub seq: i64,
    /// What is wrong with it.
    pub why: &'static str,
}

const FIRST: [u8; 32] = [0; 32];

/// Key under which the case keeps number and hash of the last row.
const HEAD: &str = "journal_head";

fn head_text(seq: i64, hash: &[u8]) -> String {
    let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
    format!("{seq} {hex}")
}

/// `SHA256(prev || row)`; the row's fields with their lengths, so that no two rows have the same bytes.
fn hash(prev: &[u8], seq: i64, at: i64, who: &str, act: &str, detail: &str) -> [u8; 32] {
    let mut h = Sha256::new();
    h.update(prev);
    h.update(seq.to_be_bytes());
    h.update(at.to_be_bytes());
    for text in [who, act, detail] {
        h.update((text.len() as u64).to_be_bytes());
        h.update(text.as_bytes());
    }
    h.finalize().into()
}

/// Now, for what is done by hand. Facts never use the clock.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|d| i64::try_from(d.as_nanos()).ok())
        .unwrap_or(0)
}

/// Adds a row and gives its number. Joins a transaction that is open; else makes its own.
pub fn append(conn: &Connection, act: &str, detail: &Value) -> Result<i64> {
    let who = crate::case::place::user();
    let own = conn
        .is_autocommit()
        .then(|| rusqlite::Transaction::new_unchecked(conn, TransactionBehavior::Immediate))
        .transpose()?;
    let last: Option<(i64, Vec<u8>)> = conn
        .query_row(
            "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1",
            [],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()?;
    let (seq, prev) = last.map_or((1, FIRST.to_vec()), |(seq, hash)| {
        (seq.saturating_add(1), hash)
    });
    let (at, detail) = (now(), detail.to_string());
    let sum = hash(&prev, seq, at, &who, act, &detail);
    conn.execute(
        "INSERT INTO journal(seq,at,who,act,detail,prev,hash) VALUES(?1,?2,?3,?4,?5,?6,?7)",
        (seq, at, &who, act, &detail, &prev, &sum[..]),
    )?;
    info::put(conn, HEAD, &head_text(seq, &sum))?;
    if let Some(own) = own {
        own.commit()?;
    }
    Ok(seq)
}

fn entry(r: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: r.get(0)?,
        at: r.get(1)?,
        who: r.get(2)?,
        act: r.get(3)?,
        detail: r.get(4)?,
        prev: r.get(5)?,
        hash: r.get(6)?,
    })
}

/// All rows in order.
pub fn list(conn: &Connection) -> Result<Vec<Entry>> {
    let mut stmt =
        conn.prepare("SELECT seq,at,who,act,detail,prev,hash FROM journal ORDER BY seq")?;
    let rows = stmt.query_map([], entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Number of rows and hash of the last, to be printed on what leaves the case.
pub fn head(conn: &Connection) -> Result<Option<(i64, Vec<u8>)>> {
    Ok(conn
        .query_row(
            "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1",
            [],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()?)
}

/// Every row that does not follow from the one before, or was altered, or is gone from the end; and the number of rows looked at.
/// A row that was altered is named alone: the one behind it follows from what it was or from what it says it is.
pub fn verify(conn: &Connection) -> Result<(u64, Vec<Broken>)> {
    let mut stmt =
        conn.prepare("SELECT seq,at,who,act,detail,prev,hash FROM journal ORDER BY seq")?;
    let mut rows = stmt.query([])?;
    let (mut n, mut broken) = (0u64, Vec::new());
    let (mut expect, mut before) = (1i64, [FIRST.to_vec(), FIRST.to_vec()]);
    while let Some(row) = rows.next()? {
        n += 1;
        let Ok(e) = entry(row) else {
            let seq = row.get(0).unwrap_or(expect);
            broken.push(Broken {
                seq,
                why: "row cannot be read",
            });
            expect = seq.saturating_add(1);
            before = Default::default();
            continue;
        };
        let sum = hash(&e.prev, e.seq, e.at, &e.who, &e.act, &e.detail);
        // behind a row that cannot be read nothing can follow from it
        let unknown = before.iter().all(Vec::is_empty);
        let why = if e.seq != expect {
            Some("rows before it are missing")
        } else if !unknown && !before.contains(&e.prev) {
            Some("does not follow from the row before")
        } else if e.hash != sum {
            Some("was altered")
        } else {
            None
        };
        broken.extend(why.map(|why| Broken { seq: e.seq, why }));
        expect = e.seq.saturating_add(1);
        before = [e.hash, sum.to_vec()];
    }
    if n == 0 {
        broken.push(Broken {
            seq: 1,
            why: "the journal is empty",
        });
        return Ok((n, broken));
    }
    let kept = info::get(conn, HEAD)?.unwrap_or_default();
    let seq: Option<i64> = kept.split(' ').next().and_then(|n| n.parse().ok());
    let last = expect.saturating_sub(1);
    let said = before.iter().any(|h| kept == head_text(last, h));
    let named = broken.iter().any(|b| b.seq == last);
    if let Some(seq) = seq.filter(|seq| *seq > last) {
        let why = "rows up to this one are missing at the journal's end";
        broken.push(Broken { seq, why });
    } else if !said && !named {
        let why = "the journal's head that the case keeps is not that of this row";
        broken.push(Broken { seq: last, why });
    }
    Ok((n, broken))
}
