//! Finding evidence again. In: a source's path, size and hash. Out: where it lies and what it hashes to now. Bounds: a
//! folder is walked [`DEPTH`] deep; only files that are long enough are read, for a member of an archive all of them.

use crate::error::{Error, Result};
use crate::source::archive::{Reopened, is_machine};
use crate::source::hash_start;
use std::cell::Cell;
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

/// A source as the case has it.
pub(super) struct Wanted<'a> {
    /// Where it was.
    pub path: &'a Path,
    /// Which member, where that is an archive.
    pub member: Option<&'a str>,
    /// Its length ...
    pub bytes: u64,
    /// ... and hash.
    pub sha256: &'a [u8],
}

/// Looks for a source where it was, then in `dir`: there also for a member of an archive that lies there as a file.
pub(super) fn find(w: &Wanted<'_>, archives: &mut Reopened, dir: Option<&Path>) -> Result<Found> {
    let stop = AtomicBool::new(false);
    // A file that was followed may have grown since: then its beginning is what was read.
    let bare = |p: &Path| -> Result<Option<Found>> {
        let same = hash_start(p, w.bytes, &stop)?.is_some_and(|h| h == *w.sha256);
        let len = std::fs::metadata(p).map_or(w.bytes, |m| m.len());
        Ok(same.then(|| match len.saturating_sub(w.bytes) {
            0 => Found::Same,
            more => Found::Grown(more),
        }))
    };
    let gone = Cell::new(false);
    // A full disk says nothing of evidence: the outer error ends it all.
    let mut inside = |p: &Path, member: &str| -> Result<Result<Option<Found>>> {
        let member = match archives.get(w.path, p, member, &stop) {
            Ok(Some(member)) => member,
            Ok(None) => {
                gone.set(true);
                return Ok(Ok(None));
            }
            Err(e) if is_machine(p, &e) => return Err(Error::io(p, "cannot unpack")(e)),
            Err(e) => return Ok(Err(Error::io(p, "cannot read")(e))),
        };
        let hash = member.hash(&stop).map_err(Error::io(p, "cannot read"));
        Ok(hash.map(|(sha, _)| (sha == *w.sha256).then_some(Found::Same)))
    };
    let here = match w.member {
        Some(member) => inside(w.path, member)?,
        None => bare(w.path),
    };
    let here = match here {
        Ok(Some(found)) => return Ok(found),
        Ok(None) if gone.get() => Found::Changed("the archive has no such member now".to_owned()),
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
            } else if meta.is_file() {
                if meta.len() >= w.bytes
                    && let Ok(Some(found)) = bare(&p)
                {
                    return Ok(found);
                }
                if let Some(member) = w.member
                    && let Ok(Some(found)) = inside(&p, member)?
                {
                    return Ok(found);
                }
            }
        }
    }
    Ok(here)
}
