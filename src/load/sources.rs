//! Inputs before they are read: standard input is spooled, what the case holds already is left out, the rest is put in
//! order. In: options and a case. Out: inputs. Bounds: spooling copies in blocks.

use super::{LoadOptions, Progress};
use crate::error::{Error, Result};
use crate::query::Filter;
use crate::query::read::{self, Cx};
use crate::query::rows::SourceRow;
use crate::source::{Input, hash_file};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

/// A file that standard input was copied to; removed with it where the user wanted no spool.
#[derive(Debug, Default)]
pub struct Spooled {
    /// The copy, `None` where standard input is not among the files.
    pub path: Option<PathBuf>,
    /// Whether it stays, so that `verify` can read it.
    pub keep: bool,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if let Some(path) = self.path.as_ref().filter(|_| !self.keep) {
            let _ = std::fs::remove_file(path); // nobody asked for it to stay; nothing depends on it
        }
    }
}

/// Replaces `-` by a copy of standard input beside the case.
pub fn spool(options: &LoadOptions, progress: &Progress) -> Result<(Vec<PathBuf>, Spooled)> {
    let mut files = options.files.clone();
    let mut spooled = Spooled::default();
    let Some(slot) = files.iter_mut().find(|f| f.as_path() == Path::new("-")) else {
        return Ok((files, spooled));
    };
    let folder = options
        .case
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let stem = options
        .case
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (path, mut file) = (1..)
        .find_map(|n| {
            let path = folder.join(format!("{stem}.stdin-{n}"));
            match std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
            {
                Ok(file) => Some(Ok((path, file))),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => None,
                Err(e) => Some(Err(Error::io(path, "cannot spool standard input")(e))),
            }
        })
        .unwrap_or(Err(Error::Interrupted))?;
    spooled = Spooled {
        path: Some(path.clone()),
        keep: !options.no_spool,
    };
    let mut input = std::io::stdin().lock();
    let mut block = vec![0; 1 << 18];
    loop {
        let n = match input.read(&mut block) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::io("-", "cannot read standard input")(e)),
        };
        file.write_all(block.get(..n).unwrap_or_default())
            .map_err(Error::io(&path, "cannot spool standard input"))?;
        progress.read.fetch_add(n as u64, Relaxed);
        if progress.stop.load(Relaxed) {
            break; // a stopped pipe is a short capture, not a lost one
        }
    }
    file.sync_all()
        .map_err(Error::io(&path, "cannot spool standard input"))?;
    progress.read.store(0, Relaxed);
    *slot = path;
    files.retain(|f| f.as_path() != Path::new("-"));
    Ok((files, spooled))
}

/// Leaves out inputs whose content the case holds, and all but one of equal inputs; gives the source rows of the former.
/// Only files of equal size can be equal, so others are not read for this.
pub fn take_known(
    conn: &Connection,
    inputs: &mut Vec<Input>,
    progress: &Progress,
) -> Result<Vec<(i64, Input)>> {
    let mut by_size: BTreeMap<u64, Vec<(i64, [u8; 32])>> = BTreeMap::new();
    let mut stmt = conn.prepare(
        "SELECT bytes, id, sha256 FROM source WHERE sha256 IS NOT NULL AND state<>'loading'",
    )?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (bytes, id, sha): (i64, i64, Vec<u8>) = (r.get(0)?, r.get(1)?, r.get(2)?);
        if let Ok(sha) = sha.try_into() {
            by_size
                .entry(bytes.cast_unsigned())
                .or_default()
                .push((id, sha));
        }
    }
    let mut sizes: BTreeMap<u64, u32> = BTreeMap::new();
    for input in inputs.iter() {
        *sizes.entry(input.bytes).or_default() += 1;
    }
    let mut known = Vec::new();
    let mut kept = Vec::with_capacity(inputs.len());
    for input in inputs.drain(..) {
        if sizes.get(&input.bytes) == Some(&1) && !by_size.contains_key(&input.bytes) {
            kept.push(input);
            continue;
        }
        let (sha, _) = hash_file(&input.path, &progress.stop, &mut |_| {})?;
        let same = by_size.entry(input.bytes).or_default();
        match same.iter().find(|(_, s)| *s == sha) {
            Some((0, _)) => {} // a copy of another input of this load
            Some((id, _)) => known.push((*id, input)),
            None => {
                same.push((0, sha));
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
                let hash = hash_file(&i.path, &none, &mut |_| {}).ok();
                (hash.map(|(sha, _)| sha), i.name.clone())
            });
        }
    }
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
