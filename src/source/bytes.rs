//! The bytes of an evidence file. In: a path. Out: a reader that sees through compression, and the file's own hash.
//! Bounds: those of [`super::coded`].

use super::coded;
use crate::error::{Error, Result};
use crate::limits::READ_BLOCK;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

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

/// As [`open_bytes`]; what is read of the file counts into its hash as well, so that it need not be read twice.
///
/// # Errors
/// As [`open_bytes`].
pub fn open_summed(path: &Path) -> Result<(Box<dyn Read + Send>, Sum)> {
    let file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let sum = Arc::new(Mutex::new((Sha256::new(), 0)));
    let read = Summed {
        file,
        sum: Arc::clone(&sum),
    };
    let read = Box::new(BufReader::with_capacity(1 << 16, read));
    let read = unpacked(read).map_err(Error::io(path, "cannot read"))?;
    let path = path.to_owned();
    Ok((read, Sum { path, sum }))
}

/// Hash and length of what was read so far.
type SoFar = Arc<Mutex<(Sha256, u64)>>;

/// A file whose bytes count into a hash in the order in which they are read.
struct Summed {
    file: File,
    sum: SoFar,
}

impl Read for Summed {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buf)?;
        // nobody else asks before the reading has ended
        if let Ok(mut sum) = self.sum.lock() {
            sum.0.update(buf.get(..n).unwrap_or(&[]));
            sum.1 += n as u64;
        }
        Ok(n)
    }
}

/// The hash of a file that is being read, see [`open_summed`].
#[derive(Debug)]
pub struct Sum {
    path: PathBuf,
    sum: SoFar,
}

impl Sum {
    /// SHA-256 and length of the whole file: what its reader left is read now.
    ///
    /// # Errors
    /// As [`hash_file`].
    pub fn finish(self, stop: &AtomicBool) -> Result<([u8; 32], u64)> {
        let (sha, read) = match self.sum.lock() {
            Ok(sum) => sum.clone(),
            Err(_) => return hash_file(&self.path, stop, &mut |_| {}),
        };
        let mut file = File::open(&self.path).map_err(Error::io(&self.path, "cannot open"))?;
        file.seek(SeekFrom::Start(read))
            .map_err(Error::io(&self.path, "cannot read"))?;
        hash(&self.path, file, (sha, read), stop, &mut |_| {})
    }
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
    let (sha, n) = hash(path, file.take(len), Default::default(), stop, &mut |_| {})?;
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
    hash(path, file, Default::default(), stop, on_bytes)
}

fn hash(
    path: &Path,
    mut file: impl Read,
    (mut sha, mut total): (Sha256, u64),
    stop: &AtomicBool,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<([u8; 32], u64)> {
    let mut block = vec![0; READ_BLOCK];
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

#[cfg(test)]
mod tests {
    use super::{hash_file, open_summed};
    use std::io::{Read as _, Write as _};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_file_that_was_read_in_part_or_packed_has_the_hash_of_all_of_it() {
        let stop = AtomicBool::new(false);
        let plain: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&plain).unwrap();
        for bytes in [plain.clone(), packed.finish().unwrap(), Vec::new()] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            let want = hash_file(file.path(), &stop, &mut |_| {}).unwrap();
            assert_eq!(want.1, bytes.len() as u64);
            for part in [0, 7, 100_000, 2_000_000] {
                let (mut read, sum) = open_summed(file.path()).unwrap();
                let mut some = Vec::new();
                read.by_ref().take(part).read_to_end(&mut some).unwrap();
                if !bytes.is_empty() {
                    assert!(plain.starts_with(&some) && some.len() as u64 <= part);
                }
                drop(read);
                assert_eq!(sum.finish(&stop).unwrap(), want, "{part}");
            }
            let (_, sum) = open_summed(file.path()).unwrap();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(sum.finish(&stop).is_err(), "stopped");
            stop.store(false, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
