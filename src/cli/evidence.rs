//! Finding evidence again. In: a source's path, size and hash. Out: where it lies and what it hashes to now. Bounds: a
//! folder is walked [`DEPTH`] deep; only files of the right size are read.

use crate::error::{Error, Result};
use crate::source::hash_file;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Folders inside folders looked into.
const DEPTH: usize = 32;

/// What became of a source.
pub(super) enum Found {
    /// It is there, with its hash.
    Same,
    /// It lies where it was and is not the same.
    Changed(String),
    /// It is not there.
    Missing(String),
}

/// Looks for a source where it was, then in `dir`.
pub(super) fn find(path: &Path, bytes: u64, sha256: &[u8], dir: Option<&Path>) -> Result<Found> {
    let stop = AtomicBool::new(false);
    let hash = |p: &Path| hash_file(p, &stop, &mut |_| {});
    let here = match hash(path) {
        Ok((h, _)) if h == *sha256 => return Ok(Found::Same),
        Ok(_) => Found::Changed("its SHA-256 is another one now".to_owned()),
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
                && meta.len() == bytes
                && hash(&p).is_ok_and(|(h, _)| h == *sha256)
            {
                return Ok(Found::Same);
            }
        }
    }
    Ok(here)
}
