//! Inputs before they are read: pipes are begun and copied beside the case, what the case holds already is left out, the
//! rest is put in order. In: options and a case. Out: inputs. Bounds: files are hashed in blocks.

use super::{LoadOptions, Progress};
use crate::error::{Error, Result};
use crate::query::Filter;
use crate::query::read::{self, Cx};
use crate::query::rows::SourceRow;
use crate::source::live::{self, Feed, LiveRead};
use crate::source::{Input, Kind};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that a pipe is copied to while it is read; removed where the user wanted no copy, or it is of no use.
#[derive(Debug, Default)]
pub struct Spooled {
    /// The copy.
    pub path: PathBuf,
    /// Whether it stays, so that `verify` can read it.
    pub keep: bool,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path); // nobody asked for it to stay; nothing depends on it
        }
    }
}

/// A pipe that is read already.
pub struct Pipe {
    /// As given.
    pub name: String,
    /// Its copy.
    pub path: PathBuf,
    /// Whether the copy stays.
    pub kept: bool,
    pub read: LiveRead,
    pub feed: Arc<Feed>,
}

/// What was given, by how it is read.
#[derive(Default)]
pub struct Given {
    /// Whether files are read on as they grow.
    pub follow: bool,
    /// Folders looked at for new files.
    pub folders: Vec<PathBuf>,
    /// Files that are followed.
    pub files: Vec<Input>,
    /// Standard input and named pipes.
    pub pipes: Vec<Pipe>,
    /// Their copies.
    pub spooled: Vec<Spooled>,
}

/// Begins to read pipes, and gives what else was given.
pub fn given(options: &LoadOptions) -> Result<(Given, Vec<PathBuf>)> {
    let mut given = Given::default();
    let mut rest: Vec<PathBuf> = Vec::new();
    for path in &options.files {
        let meta = std::fs::metadata(path);
        let stdin = path.as_path() == Path::new("-");
        let name = path.to_string_lossy().into_owned();
        if !stdin && !meta.as_ref().is_ok_and(|m| m.file_type().is_fifo()) {
            if options.follow && meta.is_ok_and(|m| m.is_dir()) {
                given.folders.push(path.clone());
            }
            rest.push(path.clone());
        } else if given.pipes.iter().all(|p| p.name != name) {
            let (copy, file) = spool(options, if stdin { "stdin" } else { "pipe" })?;
            let (read, feed) = if stdin {
                live::pipe(Box::new(std::io::stdin()), Some(file))
            } else {
                live::named_pipe(path, Some(file))
            };
            given.spooled.push(Spooled {
                path: copy.clone(),
                keep: !options.no_spool,
            });
            given.pipes.push(Pipe {
                name,
                path: copy,
                kept: !options.no_spool,
                read,
                feed,
            });
        }
    }
    given.follow = options.follow && !rest.is_empty();
    Ok((given, rest))
}

/// A new file beside the case.
fn spool(options: &LoadOptions, what: &str) -> Result<(PathBuf, std::fs::File)> {
    let folder = super::beside(&options.case);
    let stem = options
        .case
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    (1..)
        .find_map(|n| {
            let path = folder.join(format!("{stem}.{what}-{n}"));
            match std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
            {
                Ok(file) => Some(Ok((path, file))),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => None,
                Err(e) => Some(Err(Error::io(path, "cannot copy a pipe")(e))),
            }
        })
        .unwrap_or(Err(Error::Interrupted))
}

/// Inputs, but only one of equal ones.
fn once(inputs: Vec<Input>, progress: &Progress) -> Result<Vec<Input>> {
    let mut sizes: BTreeMap<u64, u32> = BTreeMap::new();
    for input in &inputs {
        *sizes.entry(input.bytes).or_default() += 1;
    }
    let (mut seen, mut kept) = (BTreeSet::new(), Vec::with_capacity(inputs.len()));
    for input in inputs {
        let alone = sizes.get(&input.bytes) == Some(&1);
        if alone || seen.insert(input.hash(&progress.stop)?.0) {
            kept.push(input);
        }
    }
    Ok(kept)
}

/// Takes out of `inputs` what is followed, and what the case holds already as it is; gives the source rows and the inputs
/// of the latter. Unlike with [`take_known`], equal files that are followed stay: what is equal now may grow apart.
pub fn take_followed(
    conn: &Connection,
    inputs: &mut Vec<Input>,
    given: &mut Given,
    progress: &Progress,
) -> Result<(Vec<i64>, Vec<Input>)> {
    let (mut rows, mut known) = (Vec::new(), Vec::new());
    let mut stmt = conn.prepare(
        "SELECT id,sha256 FROM source WHERE bytes=?1 AND sha256 IS NOT NULL AND state<>'loading' \
         AND (coalesce(packets,0)+coalesce(lines,0)>0 OR packets IS NULL AND lines IS NULL) ORDER BY id",
    )?;
    let mut grows = Vec::new();
    for input in inputs.drain(..) {
        let same: Vec<(i64, Vec<u8>)> = stmt
            .query_map([input.bytes.cast_signed()], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let row = if same.is_empty() {
            None
        } else {
            let (sha, _) = input.hash(&progress.stop)?;
            same.into_iter().find(|(_, s)| *s == sha).map(|(id, _)| id)
        };
        match row {
            Some(id) => {
                rows.push(id);
                known.push(input);
            }
            None => grows.push(input),
        }
    }
    sort(&mut grows);
    let whole =
        |i: &Input| matches!(i.kind, Kind::Entries(_) | Kind::Archive(_)) || i.member.is_some();
    (*inputs, given.files) = grows.into_iter().partition(whole);
    let kept = once(std::mem::take(inputs), progress)?;
    *inputs = kept;
    for input in inputs.iter_mut() {
        if matches!(input.kind, Kind::Archive(_)) {
            let why = "an archive is read as it is; what is added to it later is not";
            input.notes.insert("archive-not-followed", (1, why.into()));
        }
    }
    rows.sort_unstable();
    rows.dedup();
    Ok((rows, known))
}

/// Sources that were read to their end, by SHA-256.
pub fn held(conn: &Connection) -> Result<BTreeMap<[u8; 32], i64>> {
    let mut stmt = conn.prepare(
        "SELECT sha256,id FROM source WHERE sha256 IS NOT NULL AND state<>'loading' ORDER BY id DESC",
    )?;
    let rows = stmt.query_map([], |r| Ok((r.get::<_, Vec<u8>>(0)?, r.get(1)?)))?;
    let mut held = BTreeMap::new();
    for row in rows {
        let (sha, id) = row?;
        if let Ok(sha) = sha.try_into() {
            held.insert(sha, id);
        }
    }
    Ok(held)
}

/// Leaves out inputs whose content the case holds, and all but one of equal inputs; gives the source rows of the former.
/// Only files of equal size can be equal, so others are not read for this.
pub fn take_known(
    conn: &Connection,
    inputs: &mut Vec<Input>,
    progress: &Progress,
) -> Result<Vec<(i64, Input)>> {
    let mut by_size: BTreeMap<u64, BTreeMap<[u8; 32], i64>> = BTreeMap::new();
    let mut stmt = conn.prepare(
        "SELECT bytes, id, sha256 FROM source WHERE sha256 IS NOT NULL AND state<>'loading'",
    )?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (bytes, id, sha): (i64, i64, Vec<u8>) = (r.get(0)?, r.get(1)?, r.get(2)?);
        if let Ok(sha) = sha.try_into() {
            let same = by_size.entry(bytes.cast_unsigned()).or_default();
            same.entry(sha).or_insert(id);
        }
    }
    let mut sizes: BTreeMap<u64, u32> = BTreeMap::new();
    for input in inputs.iter() {
        *sizes.entry(input.bytes).or_default() += 1;
    }
    let mut known = Vec::new();
    let mut kept = Vec::with_capacity(inputs.len());
    // Archives of the case: a damaged member of theirs may be shorter than they say.
    let mut archives: BTreeSet<PathBuf> = BTreeSet::new();
    for input in inputs.drain(..) {
        let again = input.member.is_some() && archives.contains(&input.path);
        if sizes.get(&input.bytes) == Some(&1) && !by_size.contains_key(&input.bytes) && !again {
            kept.push(input);
            continue;
        }
        let (sha, bytes) = input.hash(&progress.stop)?;
        let same = by_size.entry(bytes).or_default();
        match same.get(&sha) {
            Some(0) => {} // a copy of another input of this load
            Some(id) => {
                if matches!(input.kind, Kind::Archive(_)) && input.member.is_none() {
                    archives.insert(input.path.clone());
                }
                known.push((*id, input));
            }
            None => {
                same.insert(sha, 0);
                kept.push(input);
            }
        }
    }
    known.sort_by_key(|(id, _)| *id);
    known.dedup_by_key(|(id, _)| *id);
    *inputs = kept;
    Ok(known)
}

/// Captures by time, then logs; neither the order in which they were named nor their names matter, as ids depend on which
/// capture comes first: those that begin at the same time and are of the same size are told apart by their content.
pub fn sort(inputs: &mut [Input]) {
    let key = |i: &Input| (i.first_ts.is_none(), i.first_ts, i.bytes);
    inputs.sort_by_key(key);
    let none = std::sync::atomic::AtomicBool::new(false);
    for equal in inputs.chunk_by_mut(|a, b| key(a) == key(b)) {
        if equal.len() > 1 {
            // What cannot be read is told when it is read.
            equal.sort_by_cached_key(|i| {
                let hash = i.hash(&none).ok();
                (hash.map(|(sha, _)| sha), i.name.clone())
            });
        }
    }
}

/// Whether something in one of these sources could not be read when it was loaded: loading it again reads no more of it.
pub fn any_damaged(conn: &Connection, rows: &[i64]) -> Result<bool> {
    let mut stmt = conn.prepare("SELECT 1 FROM source WHERE id=?1 AND state='damaged'")?;
    for row in rows {
        if stmt.exists([row])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Source rows of this run: those known before and those just loaded.
pub fn rows(case: &Path, conn: &Connection, known: &[i64], loaded: bool) -> Result<Vec<SourceRow>> {
    let newest: i64 = conn.query_row("SELECT coalesce(max(load_id),0) FROM source", [], |r| {
        r.get(0)
    })?;
    let mut of_run: Vec<i64> = known.to_vec();
    if loaded {
        let mut stmt = conn.prepare("SELECT id FROM source WHERE load_id=?1")?;
        for id in stmt.query_map([newest], |r| r.get(0))? {
            of_run.push(id?);
        }
    }
    let mut rows = read::sources(&Cx::open(case, false)?, &Filter::all())?;
    rows.retain(|r| of_run.contains(&r.rowid));
    Ok(rows)
}
