//! Where cases lie when nobody says. In: the environment. Out: paths. Bounds: the only part of the case that reads the
//! environment; folders are made with mode 0700.

use crate::error::{Error, Result};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Name of the file that holds the path of the last case.
const LAST: &str = "last";

/// `$XDG_STATE_HOME/leaktrace`, else `~/.local/state/leaktrace`, else a folder of the working directory.
pub fn state_dir() -> PathBuf {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|h| h.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from(".leaktrace-state"))
        .join("leaktrace")
}

/// Login name for the journal.
pub fn user() -> String {
    ["LOGNAME", "USER"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// A path for a new case named after the first input (`capture.ltc`, then `capture-2.ltc` ...). The folder is made, the file is not.
pub fn new_case(first_input: Option<&Path>) -> Result<PathBuf> {
    new_case_in(&state_dir(), first_input)
}

fn new_case_in(dir: &Path, first_input: Option<&Path>) -> Result<PathBuf> {
    make_dir(dir)?;
    let name = first_input
        .and_then(Path::file_name)
        .map(|n| n.to_string_lossy().into_owned())
        .filter(|n| n != "-")
        .unwrap_or_else(|| "case".to_owned());
    let stem = name
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or("case");
    let stem: String = stem
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_".contains(*c))
        .take(60)
        .collect();
    let stem = if stem.is_empty() { "case" } else { &stem };
    let mut n = 1u64;
    loop {
        let path = match n {
            1 => dir.join(format!("{stem}.ltc")),
            _ => dir.join(format!("{stem}-{n}.ltc")),
        };
        if std::fs::symlink_metadata(&path).is_err() {
            return Ok(path);
        }
        n += 1;
    }
}

/// Whether a file is a case by what it begins with. A pipe is not looked into: what it gives once it does not give again.
pub fn is_case(path: &Path) -> bool {
    use std::io::Read as _;
    if !path.is_file() {
        return false;
    }
    let mut head = [0; 72];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head));
    let id = super::open::APPLICATION_ID.to_be_bytes();
    read.is_ok() && head.starts_with(b"SQLite format 3\0") && head.ends_with(&id)
}

/// Makes a folder, and what is above it, for the owner alone.
pub fn make_dir(dir: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(Error::io(dir, "cannot create folder"))
}

/// The case that was used last, where it still exists.
pub fn last_used() -> Option<PathBuf> {
    last_used_in(&state_dir())
}

fn last_used_in(dir: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = std::fs::read(dir.join(LAST)).ok()?;
    let path = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    path.is_file().then_some(path)
}

/// Remembers a case as the last used one.
pub fn remember(case: &Path) -> Result<()> {
    remember_in(&state_dir(), case)
}

fn remember_in(dir: &Path, case: &Path) -> Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    make_dir(dir)?;
    let full = std::path::absolute(case).map_err(Error::io(case, "cannot find"))?;
    // Written aside and renamed: a reader never sees half a path, nor does a second load of this process.
    static TURN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let turn = TURN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (aside, last) = (
        dir.join(format!("{LAST}.{}.{turn}", std::process::id())),
        dir.join(LAST),
    );
    let write = || {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(full.as_os_str().as_bytes())?;
        std::fs::rename(&aside, &last)
    };
    write().map_err(Error::io(&last, "cannot write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_names_are_free_and_tame() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("a/b");
        let name = |input: Option<&str>| {
            let p = new_case_in(&dir, input.map(Path::new)).unwrap();
            p.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name(Some("/x/gate way.pcap.gz")), "gateway.ltc");
        assert_eq!(name(Some("-")), "case.ltc");
        assert_eq!(name(Some("..")), "case.ltc");
        assert_eq!(name(None), "case.ltc");
        std::fs::write(dir.join("case.ltc"), b"").unwrap();
        assert_eq!(name(None), "case-2.ltc");
    }

    #[test]
    fn the_last_case_is_remembered_while_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("c \u{e9}.ltc");
        std::fs::write(&case, b"").unwrap();
        assert_eq!(last_used_in(dir.path()), None);
        remember_in(dir.path(), &case).unwrap();
        assert_eq!(last_used_in(dir.path()), Some(case.clone()));
        std::fs::remove_file(&case).unwrap();
        assert_eq!(last_used_in(dir.path()), None);
    }
}
