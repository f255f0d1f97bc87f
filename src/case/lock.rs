//! The loader's lock. In: the path of a case. Out: the open file that holds the lock until it is dropped. Bounds: one lock file beside
//! the case, [`LOCK_LOOKS`] looks.

use super::open::case;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after which pause, the loader's lock is asked for once more: a load that is just ending holds it for a moment, and
/// so does a program that was just started by whoever had it, until it runs.
const LOCK_LOOKS: u32 = 8;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// `CASE` with something appended to its name.
pub(super) fn side(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes the loader's lock. The lock file stays: removing it would let two loaders hold different files of that name.
pub(super) fn lock(path: &Path) -> Result<File> {
    let name = side(path, ".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(Error::io(path, "cannot write in its folder"))?;
    let mut left = LOCK_LOOKS;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if left > 0 => {
                left -= 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(case(
                    path,
                    "another leaktrace is loading into it: wait until that has ended, or use another case",
                ));
            }
            Err(TryLockError::Error(e)) => return Err(Error::io(&name, "cannot lock")(e)),
        }
    }
}
