//! The bytes of an evidence file. In: a path. Out: a reader that sees through gzip and zstd, and the file's own hash.
//! Bounds: two layers of compression; decompression is streamed, so a bomb costs time in proportion to what it holds
//! and no memory.

use crate::error::{Error, Result};
use crate::limits::READ_BLOCK;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Compression seen through: a file, and an archive of such files made once more.
const LAYERS: usize = 2;

/// Opens a file for reading and undoes gzip (also of several members) and zstd (also of several frames).
///
/// A compressed file that ends early or is damaged gives all bytes before the damage and then an error from `read`.
///
/// # Errors
/// [`Error::Io`] where the file cannot be opened or its beginning cannot be read.
pub fn open_bytes(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let mut read: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(1 << 16, file));
    for _ in 0..LAYERS {
        let begin = read.fill_buf().map_err(Error::io(path, "cannot read"))?;
        if begin.starts_with(&[0x1f, 0x8b]) {
            let inner = flate2::bufread::MultiGzDecoder::new(read);
            read = Box::new(BufReader::with_capacity(1 << 17, inner));
        } else if begin.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let inner = zstd::stream::read::Decoder::with_buffer(read)
                .map_err(Error::io(path, "cannot read"))?;
            read = Box::new(BufReader::with_capacity(1 << 17, inner));
        } else {
            break;
        }
    }
    Ok(Box::new(read))
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
    let mut file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let mut block = vec![0; READ_BLOCK];
    let (mut hash, mut total) = (Sha256::new(), 0u64);
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        match file.read(&mut block) {
            Ok(0) => return Ok((hash.finalize().into(), total)),
            Ok(n) => {
                hash.update(block.get(..n).unwrap_or(&[]));
                total += n as u64;
                on_bytes(n as u64);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(path, "cannot read")(e)),
        }
    }
}
