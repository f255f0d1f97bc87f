//! Finding evidence again. In: a source's path, size and hash. Out: where it lies and what it hashes to now. Bounds: a
//! folder is walked [`DEPTH`] deep; only files that are long enough are read.

use crate::error::{Error, Result};
use crate::source::hash_start;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Folders inside folders looked into.
const DEPTH: usize = 32;

/// What became of a source.
pub(super) enum Found {
    /// It is there, with its hash.
    Same,
    /// It is there, and has grown by so many bytes; what was read of it is as it was.
    Grown(u64),
    /// It lies where it was and is not the same.
    Changed(String),
    /// It is not there.
    Missing(String),
}

/// Looks for a source where it was, then in `dir`.
pub(super) fn find(path: &Path, bytes: u64, sha256: &[u8], dir: Option<&Path>) -> Result<Found> {
    let stop = AtomicBool::new(false);
    // A file that was followed may have grown since: then its beginning is what was read.
    let look = |p: &Path| -> Result<Option<Found>> {
        let same = hash_start(p, bytes, &stop)?.is_some_and(|h| h == *sha256);
        let len = std::fs::metadata(p).map_or(bytes, |m| m.len());
        Ok(same.then(|| match len.saturating_sub(bytes) {
            0 => Found::Same,
            more => Found::Grown(more),
        }))
    };
    let here = match look(path) {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => Found::Changed("its SHA-256 is another one now".to_owned()),
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(e) => Found::Missing(e.to_string()),
    };
    let Some(dir) = dir else { return Ok(here) };
    let mut folders = vec![(dir.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(Error::io(&folder, "cannot list"))?;
        let mut names: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        names.sort();
        for p in names {
            let Ok(meta) = std::fs::symlink_metadata(&p) else {
                continue;
            };
            if meta.is_dir() && depth < DEPTH {
                folders.push((p, depth + 1));
            } else if meta.is_file()
                && meta.len() >= bytes
                && let Ok(Some(found)) = look(&p)
            {
                return Ok(found);
            }
        }
    }
    Ok(here)
}
