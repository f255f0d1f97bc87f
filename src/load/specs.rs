//! API specifications from files. In: paths. Out: what the case keeps of them. Bounds: [`limits::SPEC_BYTES`] a file.

use crate::call::text::visible;
use crate::case::specs;
use crate::error::{Error, Result};
use crate::facts::spec;
use crate::limits;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn bad(path: &Path, why: &str) -> Error {
    Error::Usage {
        msg: format!(
            "--spec {}: {}",
            visible(&path.to_string_lossy()),
            visible(why)
        ),
        at: None,
    }
}

/// Reads files and keeps them in the case; how many were new.
///
/// # Errors
/// A usage error where one cannot be read or is no specification: then none of them is kept. What SQLite says.
pub fn keep(conn: &Connection, paths: &[PathBuf]) -> Result<usize> {
    let mut read = Vec::with_capacity(paths.len());
    for path in paths {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|f| {
                f.take(limits::SPEC_BYTES as u64 + 1)
                    .read_to_end(&mut bytes)
            })
            .map_err(|e| bad(path, &e.to_string()))?;
        let name = path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let spec = spec::parse(&bytes, &name).map_err(|e| bad(path, &e))?;
        let sha: [u8; 32] = Sha256::digest(&bytes).into();
        read.push((spec, sha, bytes.len() as u64));
    }
    let mut new = 0;
    for (spec, sha, len) in &read {
        new += usize::from(specs::add(conn, spec, sha, *len)?);
    }
    Ok(new)
}
