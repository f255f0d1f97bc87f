//! A grading profile by name or file. In: what was given. Out: the profile, kept in the case. Bounds: [`limits::PROFILE_BYTES`].

use crate::call::text::visible;
use crate::case::profile;
use crate::detect::profile::Profile;
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::Connection;
use std::fs::File;
use std::io::Read as _;

fn bad(given: &str, why: &str) -> Error {
    Error::Usage {
        msg: format!("--profile {}: {}", visible(given), visible(why)),
        at: None,
    }
}

/// The profile of that name, else in that file.
///
/// # Errors
/// A usage error where there is neither, or the file is no profile.
pub fn named(given: &str) -> Result<Profile> {
    let all = Profile::builtin();
    if let Some(p) = all.iter().find(|p| p.id == given) {
        return Ok(p.clone());
    }
    let mut text = String::new();
    File::open(given)
        .and_then(|f| f.take(limits::PROFILE_BYTES).read_to_string(&mut text))
        .map_err(|e| {
            let names: Vec<&str> = all.iter().map(|p| p.id.as_str()).collect();
            bad(
                given,
                &format!("no file ({e}), and none of {}", names.join(" ")),
            )
        })?;
    Profile::parse(&text).map_err(|e| bad(given, &e))
}

/// Keeps what was given, the last where several were; whether that changes anything.
///
/// # Errors
/// As [`named`]; what SQLite says.
pub fn keep(conn: &Connection, given: Option<&str>) -> Result<bool> {
    match given {
        None => Ok(false),
        Some(g) => profile::take(conn, &named(g)?),
    }
}
