//! Small facts about the case itself: number, examiner, notes, its key, what is stale. In: keys and text. Out: text.
//! Bounds: what a person sets is written to the journal; what the program keeps is not.

use crate::case::journal;
use crate::detect::print::PrintKey;
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// What a person may set.
pub const SETTABLE: [&str; 3] = ["number", "examiner", "notes"];

/// Value of a key.
pub fn get(conn: &Connection, key: &str) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached("SELECT v FROM info WHERE key=?1")?
        .query_row([key], |r| r.get(0))
        .optional()?)
}

/// Keeps a value for the program itself, without a journal row.
pub fn put(conn: &Connection, key: &str, value: &str) -> Result<()> {
    conn.execute(
        "INSERT INTO info(key,v) VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET v=excluded.v",
        (key, value),
    )?;
    Ok(())
}

/// Sets case number, examiner or notes (see [`SETTABLE`]), with a journal row that holds old and new. Others: a usage error.
pub fn set(conn: &Connection, key: &str, value: &str) -> Result<()> {
    if !SETTABLE.contains(&key) {
        return Err(Error::Usage {
            msg: format!("cannot set {key}: number, examiner or notes"),
            at: None,
        });
    }
    let old = get(conn, key)?;
    in_transaction(conn, || {
        put(conn, key, value)?;
        journal::append(conn, "set", &json!({"key": key, "old": old, "new": value})).map(|_| ())
    })
}

/// Keeps a setting of a load (what counts as inside): where it is another one, a journal row holds old and new.
pub fn keep(conn: &Connection, key: &str, value: &str) -> Result<()> {
    let old = get(conn, key)?;
    if old.as_deref() == Some(value) {
        return Ok(());
    }
    in_transaction(conn, || {
        put(conn, key, value)?;
        journal::append(conn, "set", &json!({"key": key, "old": old, "new": value})).map(|_| ())
    })
}

/// What the journal keeps of a setting that does not stand in it: SHA-256 of its text.
pub fn digest(value: &str) -> String {
    let hash = Sha256::digest(value.as_bytes());
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

/// Runs `act` as one transaction, or inside the one that is open.
pub(crate) fn in_transaction<T>(conn: &Connection, act: impl FnOnce() -> Result<T>) -> Result<T> {
    if !conn.is_autocommit() {
        return act();
    }
    let tx = rusqlite::Transaction::new_unchecked(conn, rusqlite::TransactionBehavior::Immediate)?;
    let out = act()?;
    tx.commit()?;
    Ok(out)
}

/// Key under which the case keeps the types of protobuf messages.
pub const SCHEMA: &str = "proto_schema";

/// The case's key for prints.
pub fn print_key(conn: &Connection) -> Result<Option<PrintKey>> {
    let Some(hex) = get(conn, "print_key")? else {
        return Ok(None);
    };
    let mut key = [0u8; 16];
    if hex.len() != 32 || !hex.is_ascii() {
        return Ok(None);
    }
    for (i, byte) in key.iter_mut().enumerate() {
        let digits = hex
            .get(i * 2..i * 2 + 2)
            .and_then(|d| u8::from_str_radix(d, 16).ok());
        let Some(digits) = digits else {
            return Ok(None);
        };
        *byte = digits;
    }
    Ok(Some(PrintKey::new(key)))
}

/// Whether facts must be decided again before they may be shown as whole (a load was removed or not finished).
pub fn is_stale(conn: &Connection) -> Result<bool> {
    Ok(get(conn, "stale")?.as_deref() == Some("1"))
}

/// Whether what is here is not all: a load has not ended (it runs, or was killed), or facts are not decided yet. A case into which
/// nothing was loaded yet is one whose load has only just begun, or was killed there.
pub fn is_partial(conn: &Connection) -> Result<bool> {
    let open: bool = conn.query_row(
        "SELECT EXISTS(SELECT 1 FROM load WHERE state<>'done') OR NOT EXISTS(SELECT 1 FROM load)",
        [],
        |r| r.get(0),
    )?;
    Ok(open || is_stale(conn)?)
}

/// Marks facts as stale, or as decided.
pub fn set_stale(conn: &Connection, stale: bool) -> Result<()> {
    put(conn, "stale", if stale { "1" } else { "0" })
}
