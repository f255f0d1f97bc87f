//! The grading profile of a case. In: a profile. Out: the one in force. Bounds: one row of the case's settings; each change is a row of
//! the journal.

use super::info::{digest, get, in_transaction, put, set_stale};
use super::journal;
use crate::detect::profile::{PLAIN, Profile};
use crate::error::Result;
use rusqlite::Connection;
use serde_json::json;

const KEY: &str = "profile";

/// The profile in force: that of the rules where none was chosen.
pub fn current(conn: &Connection) -> Result<Profile> {
    let kept = get(conn, KEY)?;
    Ok(kept
        .and_then(|t| serde_json::from_str(&t).ok())
        .unwrap_or_default())
}

/// The profile in force where it is not that of the rules.
pub fn chosen(conn: &Connection) -> Result<Option<Profile>> {
    Ok(Some(current(conn)?).filter(|p| p.id != PLAIN))
}

/// Takes another; `false` where it is the one in force. Facts become stale.
pub fn take(conn: &Connection, profile: &Profile) -> Result<bool> {
    in_transaction(conn, || {
        let old = current(conn)?;
        if old == *profile {
            return Ok(false);
        }
        let text = serde_json::to_string(profile).unwrap_or_default();
        put(conn, KEY, &text)?;
        journal::append(
            conn,
            "profile",
            &json!({"old": old.id, "old_date": old.date, "new": profile.id, "date": profile.date, "sha256": digest(&text)}),
        )?;
        set_stale(conn, true)?;
        Ok(true)
    })
}
