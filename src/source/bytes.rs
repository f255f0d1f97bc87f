//! The bytes of an evidence file. In: a path. Out: a reader that sees through compression, and the file's own hash.
//! Bounds: those of [`super::coded`].

use super::coded;
use crate::error::{Error, Result};
use crate::limits::READ_BLOCK;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Opens a file for reading and undoes compression (gzip, zstd, xz, bzip2, lz4; also several members, frames, streams).
///
/// A compressed file that ends early or is damaged gives all bytes before the damage and then an error from `read`.
///
/// # Errors
/// [`Error::Io`] where the file cannot be opened or its beginning cannot be read.
pub fn open_bytes(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let read = Box::new(BufReader::with_capacity(1 << 16, file));
    unpacked(read).map_err(Error::io(path, "cannot read"))
}

/// As [`open_bytes`], for bytes that are at hand.
///
/// # Errors
/// Where their beginning cannot be read.
pub fn unpacked(read: Box<dyn BufRead + Send>) -> std::io::Result<Box<dyn Read + Send>> {
    let (read, _) = coded::undo_all(read)?;
    Ok(Box::new(read))
}

/// SHA-256 of the first `len` bytes of a file; `None` where it is shorter.
///
/// # Errors
/// As [`hash_file`].
pub fn hash_start(path: &Path, len: u64, stop: &AtomicBool) -> Result<Option<[u8; 32]>> {
    let file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let (sha, n) = hash(path, file.take(len), stop, &mut |_| {})?;
    Ok((n == len).then_some(sha))
}

/// SHA-256 and length of the file as it lies on disk. `on_bytes` is told the bytes of each block read.
///
/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::Interrupted`] once `stop` is set.
pub fn hash_file(
    path: &Path,
    stop: &AtomicBool,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<([u8; 32], u64)> {
    let file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    hash(path, file, stop, on_bytes)
}

fn hash(
    path: &Path,
    mut file: impl Read,
    stop: &AtomicBool,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<([u8; 32], u64)> {
    let mut block = vec![0; READ_BLOCK];
    let (mut sha, mut total) = (Sha256::new(), 0u64);
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        match file.read(&mut block) {
            Ok(0) => return Ok((sha.finalize().into(), total)),
            Ok(n) => {
                sha.update(block.get(..n).unwrap_or(&[]));
                total += n as u64;
                on_bytes(n as u64);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(path, "cannot read")(e)),
        }
    }
}
