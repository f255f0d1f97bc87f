//! A copy of a case that holds no value in clear and can still be asked for values. In: a case and a passphrase. Out: a case file
//! whose bodies, heads, targets, names, notes and facts have every found value hidden, and whose prints are keyed by the
//! passphrase. Bounds: two passes over the packs, one pack in memory; a kilobyte for each distinct value; the file appears whole or
//! not at all.
//!
//! The copy is written anew, table by table, so that no page of it ever held a value. Left out are the case's key, its journal
//! (what it says is about clear text; its head is named), the paths of evidence, the credentials' prints, and the index of text.

mod rekey;
pub mod scrub;
mod sharer;
mod table;

use crate::case::share::{self, Share};
use crate::case::{Case, indexes, info, journal, open_notebook, open_read};
use crate::detect::print::PrintKey;
use crate::error::{Error, Result};
use rekey::Rekey;
use rusqlite::Connection;
use scrub::Scrub;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sharer::{Sharer, accepted};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Packs between two commits.
const COMMIT: usize = 200;

/// Tables that are not copied row by row: made anew, or not for others.
const OWN: [&str; 8] = [
    "pack",
    "body",
    "call",
    "posting",
    "journal",
    "info",
    "text_group",
    "text_bits",
];

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Digest of the case.
    pub from: String,
    /// Distinct values that were looked for everywhere.
    pub values: usize,
    /// Findings whose print could not be made again: a trace in the copy does not see them.
    pub opaque: u64,
}

fn usage(msg: String) -> Error {
    Error::Usage { msg, at: None }
}

/// Makes a copy.
///
/// # Errors
/// Where the case is a copy itself, a load of it has not ended, the file is there already, or either cannot be written.
pub fn make(from: &Path, to: &Path, passphrase: &[u8]) -> Result<Made> {
    let src = open_read(from)?;
    if share::read(&src.conn)?.is_some() {
        return Err(usage(
            "this case is a share copy already: copy the file".into(),
        ));
    }
    let open: i64 =
        src.conn
            .query_row("SELECT count(*) FROM load WHERE state<>'done'", [], |r| {
                r.get(0)
            })?;
    if open > 0 || info::is_stale(&src.conn)? {
        return Err(usage(
            "a load of this case has not ended: end it (or load again), then make the copy".into(),
        ));
    }
    if to.as_os_str() == "-" {
        return Err(usage(
            "a copy is a file: name it (./- for one of that name)".into(),
        ));
    }
    if to.exists() {
        return Err(usage(format!(
            "{} is there already: name another file",
            crate::call::text::visible(&to.to_string_lossy())
        )));
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let side = |suffix: &str| {
        let mut n = part.as_os_str().to_owned();
        n.push(suffix);
        PathBuf::from(n)
    };
    let (record, key) = share::lock(passphrase)?;
    let made = write(&src.conn, src.print_key(), &part, record, key).and_then(|mut made| {
        made.sha256 = file_hash(&part)?;
        made.path = to.to_owned();
        // No copy without a row that says so.
        let conn = open_notebook(from)?;
        journal::append(
            &conn,
            "share",
            &json!({"file": to.to_string_lossy(), "sha256": made.sha256, "from": made.from, "values": made.values}),
        )?;
        std::fs::rename(&part, to).map_err(Error::io(to, "cannot write"))?;
        Ok(made)
    });
    for suffix in ["-wal", "-shm", "-journal", ".lock"] {
        let _ = std::fs::remove_file(side(suffix));
    }
    if made.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn file_hash(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).map_err(Error::io(path, "cannot read"))?;
    let mut hash = Sha256::new();
    let mut block = vec![0u8; 1 << 20];
    loop {
        let n =
            std::io::Read::read(&mut file, &mut block).map_err(Error::io(path, "cannot read"))?;
        if n == 0 {
            break;
        }
        hash.update(block.get(..n).unwrap_or_default());
    }
    Ok(crate::detect::wraps::hex(&hash.finalize()))
}

/// Names a case: the head of its journal and the hashes of its sources.
fn digest(conn: &Connection) -> Result<(String, i64, String)> {
    let (rows, head) = journal::head(conn)?.unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(&head);
    let mut stmt = conn.prepare("SELECT sha256 FROM source ORDER BY sha256")?;
    let mut list = stmt.query([])?;
    while let Some(r) = list.next()? {
        hash.update(r.get::<_, Option<Vec<u8>>>(0)?.unwrap_or_default());
    }
    let hex = crate::detect::wraps::hex;
    Ok((hex(&hash.finalize()), rows, hex(&head)))
}

fn write(
    src: &Connection,
    old: PrintKey,
    part: &Path,
    mut record: Share,
    key: PrintKey,
) -> Result<Made> {
    // One state of the case from here to the end.
    let _state = src.unchecked_transaction()?;
    (record.from, record.journal_rows, record.journal_head) = digest(src)?;
    let mut s = Sharer {
        scrub: Scrub::new(key, &words(src)?),
        rekey: Rekey::new(old, key),
        accepted: accepted(src)?,
        late: OnceLock::new(),
        old,
        src,
    };
    s.values()?;
    let case = Case::create_or_open(part, &[], false)?;
    let dst = &case.conn;
    s.evidence(dst)?;
    s.tables(dst)?;
    let tx = dst.unchecked_transaction()?;
    let mut stmt =
        src.prepare("SELECT key,v FROM info WHERE key NOT IN ('print_key','journal_head')")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        info::put(
            &tx,
            &r.get::<_, String>(0)?,
            &s.scrub.text(&r.get::<_, String>(1)?),
        )?;
    }
    tx.execute("DELETE FROM info WHERE key='print_key'", [])?;
    let text = serde_json::to_string(&record).map_err(|e| usage(e.to_string()))?;
    info::put(&tx, share::INFO, &text)?;
    indexes::build_facts(&tx)?;
    journal::append(
        &tx,
        "share",
        &json!({"from": record.from, "journal_rows": record.journal_rows, "journal_head": record.journal_head}),
    )?;
    tx.commit()?;
    dst.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    dst.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))?;
    Ok(Made {
        path: part.to_owned(),
        sha256: String::new(),
        from: record.from,
        values: s.scrub.len(),
        opaque: s.rekey.opaque,
    })
}

/// Words that a case file is made of: of its schema and of data classes. A value that is one of them stays where it is no finding.
fn words(src: &Connection) -> Result<String> {
    let mut stmt = src.prepare(
        "SELECT coalesce(sql,'') FROM sqlite_schema UNION ALL SELECT name||' '||label FROM class",
    )?;
    let rows = stmt.query_map([], |r| r.get::<_, String>(0))?;
    let all: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(all.join(" "))
}
