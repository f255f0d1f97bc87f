//! What makes a case a share copy: it has no key of its own. In: a passphrase and what the copy keeps of it. Out: the key of the
//! copy's prints. Bounds: what a copy asks for to derive the key is limited, since it may come from a stranger.
//!
//! Argon2id makes the key; the copy keeps the salt, the cost, and a check by which a wrong passphrase is told from a right one.
//! The passphrase is the process's, set once by the command line: a reader opens copy and case alike.

use crate::case::info;
use crate::detect::print::{PrintKey, PrintKind};
use crate::error::{Error, Result};
use argon2::{Algorithm, Argon2, Params, Version};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::io::Read as _;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Where a copy keeps what it says of itself.
pub const INFO: &str = "share";
/// Memory in KiB and passes: a third of a second on one core, and 64 MB for each guess.
const COST: (u32, u32) = (64 << 10, 3);
/// Cost that a copy may ask for.
const COST_MAX: (u32, u32) = (512 << 10, 20);
/// What is printed as a check.
const CHECK: &[u8] = b"leaktrace share copy";

/// What a share copy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Salt, hex.
    pub salt: String,
    /// Memory in KiB.
    pub memory: u32,
    /// Passes.
    pub passes: u32,
    /// Print of a known text under the key, hex.
    pub check: String,
    /// Digest of the case that it was made from: its journal's head and its sources.
    pub from: String,
    /// Rows of that journal.
    pub journal_rows: i64,
    /// The journal's head, hex.
    pub journal_head: String,
}

static PASSPHRASE: OnceLock<Vec<u8>> = OnceLock::new();

/// Sets the passphrase that copies are opened with in this process; the first one holds.
pub fn unlock_with(passphrase: &[u8]) {
    let _ = PASSPHRASE.set(passphrase.to_vec());
}

/// What a case says of itself as a share copy; `None` for an ordinary case.
pub fn read(conn: &Connection) -> Result<Option<Share>> {
    let text = info::get(conn, INFO)?;
    Ok(text.map(|t| {
        // a record that cannot be read still makes it a copy, which no passphrase opens
        serde_json::from_str(&t).unwrap_or(Share {
            salt: String::new(),
            memory: 0,
            passes: 0,
            check: String::new(),
            from: String::new(),
            journal_rows: 0,
            journal_head: String::new(),
        })
    }))
}

fn check(key: &PrintKey) -> String {
    format!("{:016x}", key.print(PrintKind::Credential, CHECK))
}

/// A new salt and the key that a passphrase makes with it.
pub fn lock(passphrase: &[u8]) -> Result<(Share, PrintKey)> {
    let mut salt = [0u8; 16];
    let source = "/dev/urandom";
    std::fs::File::open(source)
        .and_then(|mut f| f.read_exact(&mut salt))
        .map_err(Error::io(source, "cannot read"))?;
    let mut share = Share {
        salt: crate::detect::wraps::hex(&salt),
        memory: COST.0,
        passes: COST.1,
        check: String::new(),
        from: String::new(),
        journal_rows: 0,
        journal_head: String::new(),
    };
    let key = derive(&share, passphrase)
        .ok_or_else(|| usage("this passphrase cannot be used: it is too long"))?;
    share.check = check(&key);
    Ok((share, key))
}

fn usage(msg: &str) -> Error {
    Error::Usage {
        msg: msg.to_owned(),
        at: None,
    }
}

fn derive(share: &Share, passphrase: &[u8]) -> Option<PrintKey> {
    if share.memory > COST_MAX.0 || share.passes > COST_MAX.1 {
        return None;
    }
    let params = Params::new(share.memory, share.passes, 1, Some(32)).ok()?;
    let mut key = [0u8; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, share.salt.as_bytes(), &mut key)
        .ok()?;
    Some(PrintKey::strong(key))
}

/// The key of a copy, where the process has its passphrase.
///
/// # Errors
/// [`Error::Usage`] where the passphrase is another one.
pub fn key(share: &Share) -> Result<Option<PrintKey>> {
    static MADE: Mutex<Vec<(Share, Option<PrintKey>)>> = Mutex::new(Vec::new());
    let Some(passphrase) = PASSPHRASE.get() else {
        return Ok(None);
    };
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let known = made.iter().find(|m| m.0 == *share).map(|m| m.1);
    let key = match known {
        Some(k) => k,
        None => {
            let k = derive(share, passphrase).filter(|k| check(k) == share.check);
            made.truncate(7);
            made.push((share.clone(), k));
            k
        }
    };
    key.map(Some)
        .ok_or_else(|| usage("this is not the passphrase of this share copy"))
}

/// What is said where a question needs the key and nobody gave the passphrase.
pub fn locked() -> Error {
    usage(
        "this is a share copy: what is asked of values needs its passphrase (--passphrase-file F, or LEAKTRACE_PASSPHRASE)",
    )
}

/// What is said where a question needs clear text.
pub fn no_text(what: &str) -> Error {
    usage(&format!(
        "{what} needs values in clear, which this share copy does not hold: ask the case that it was made from"
    ))
}
