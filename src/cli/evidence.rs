//! Finding evidence again. In: a source's path, size and hash. Out: where it lies and what it hashes to now. Bounds: a
//! folder is walked once, [`DEPTH`] deep; only files of a source's length, or longer ones, are read, and archives for members.

use crate::error::{Error, Result};
use crate::source::archive::{Reopened, is_machine};
use crate::source::hash_start;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Folders inside folders looked into.
const DEPTH: usize = 32;

/// What became of a source.
pub(super) enum Found {
    /// It is there, with its hash: in this file.
    Same(PathBuf),
    /// It is there, and has grown by so many bytes; what was read of it is as it was.
    Grown(u64, PathBuf),
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

/// A folder that evidence may have been moved to: it is walked once, and a file is hashed once.
pub(super) struct Folder {
    /// Files in order of path, with their lengths.
    files: Vec<(PathBuf, u64)>,
    hashes: BTreeMap<PathBuf, [u8; 32]>,
    /// Files that are no archive.
    bare: BTreeSet<PathBuf>,
    /// Where archives were found, by where they were: the next member is looked for there first.
    moved: BTreeMap<PathBuf, PathBuf>,
}

impl Folder {
    /// Walks it.
    pub fn new(dir: &Path) -> Result<Folder> {
        let mut files = Vec::new();
        let mut folders = vec![(dir.to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let entries = std::fs::read_dir(&folder).map_err(Error::io(&folder, "cannot list"))?;
            for p in entries.flatten().map(|e| e.path()) {
                let Ok(meta) = std::fs::symlink_metadata(&p) else {
                    continue;
                };
                if meta.is_dir() && depth < DEPTH {
                    folders.push((p, depth + 1));
                } else if meta.is_file() {
                    files.push((p, meta.len()));
                }
            }
        }
        files.sort();
        Ok(Folder {
            files,
            hashes: BTreeMap::new(),
            bare: BTreeSet::new(),
            moved: BTreeMap::new(),
        })
    }

    /// A file of just this content, where one is there.
    fn holds(&mut self, bytes: u64, sha256: &[u8], stop: &AtomicBool) -> Option<PathBuf> {
        for (p, _) in self.files.iter().filter(|(_, len)| *len == bytes) {
            let hash = match self.hashes.get(p) {
                Some(hash) => *hash,
                None => match hash_start(p, bytes, stop) {
                    Ok(Some(hash)) => *self.hashes.entry(p.clone()).or_insert(hash),
                    _ => continue,
                },
            };
            if hash == *sha256 {
                return Some(p.clone());
            }
        }
        None
    }

    /// Files that may be the archive that was at `path`: where others of its members were first.
    fn archives(&self, path: &Path) -> Vec<PathBuf> {
        let known = self.moved.get(path);
        let others = self.files.iter().map(|f| &f.0);
        let others = others.filter(|p| known != Some(p) && !self.bare.contains(*p));
        known.into_iter().chain(others).cloned().collect()
    }
}

/// Looks for a source where it was, then in a folder: there also for a member of an archive that lies there as a file.
pub(super) fn find(
    w: &Wanted<'_>,
    archives: &mut Reopened,
    dir: Option<&mut Folder>,
) -> Result<Found> {
    let stop = AtomicBool::new(false);
    // A file that was followed may have grown since: then its beginning is what was read.
    let bare = |p: &Path| -> Result<Option<Found>> {
        let same = hash_start(p, w.bytes, &stop)?.is_some_and(|h| h == *w.sha256);
        let len = std::fs::metadata(p).map_or(w.bytes, |m| m.len());
        Ok(same.then(|| match len.saturating_sub(w.bytes) {
            0 => Found::Same(p.to_owned()),
            more => Found::Grown(more, p.to_owned()),
        }))
    };
    let (gone, none) = (Cell::new(false), Cell::new(false));
    // A full disk says nothing of evidence: the outer error ends it all.
    let mut inside = |p: &Path, member: &str| -> Result<Result<Option<Found>>> {
        let member = match archives.get(w.path, p, member, &stop) {
            Ok(Some(member)) => member,
            Ok(None) => {
                gone.set(true);
                return Ok(Ok(None));
            }
            Err(e) if is_machine(p, &e) => return Err(Error::io(p, "cannot unpack")(e)),
            Err(e) => {
                none.set(true);
                return Ok(Err(Error::io(p, "cannot read")(e)));
            }
        };
        let hash = member.hash(&stop).map_err(Error::io(p, "cannot read"));
        Ok(hash.map(|(sha, _)| (sha == *w.sha256).then(|| Found::Same(p.to_owned()))))
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
    if let Some(p) = dir.holds(w.bytes, w.sha256, &stop) {
        return Ok(Found::Same(p));
    }
    let Some(member) = w.member else {
        // what was followed may be longer by now
        for (p, _) in dir.files.iter().filter(|(_, len)| *len > w.bytes) {
            if let Ok(Some(found)) = bare(p) {
                return Ok(found);
            }
        }
        return Ok(here);
    };
    for p in dir.archives(w.path) {
        none.set(false);
        match inside(&p, member)? {
            Ok(Some(found)) => {
                dir.moved.insert(w.path.to_owned(), p);
                return Ok(found);
            }
            // what is no archive is none for the next member either
            Err(_) if none.get() => drop(dir.bare.insert(p)),
            _ => {}
        }
    }
    Ok(here)
}
