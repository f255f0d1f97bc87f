//! What of an archive cannot be read at any place lies here: members of a compressed tar, archives inside archives. In:
//! readers. Out: bytes that can be read at any place. Bounds: [`limits::ARCHIVE_SPILL`] bytes in all, and for each reader
//! the rule for bombs.
//!
//! A file without a name: made with mode 0600 beside the case (or where the system keeps temporary files), its name taken
//! away before the first byte is written. No name from evidence is ever one of a file.

use super::bytes::{Bytes, is_damage};
use crate::limits;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file; made when it is first needed.
pub(super) struct Spill {
    folders: Vec<PathBuf>,
    file: Option<Arc<File>>,
    len: u64,
    pub(super) room: u64,
}

/// What became of a member.
pub(super) struct Spilled {
    pub(super) bytes: Bytes,
    /// What of the evidence is damaged, where it is not whole.
    pub(super) cut: Option<io::Error>,
    /// Whether the rule for bombs cut it.
    pub(super) bomb: bool,
}

impl Spill {
    /// In `folder` where that is one that can be written to.
    pub(super) fn new(folder: &Path) -> Spill {
        Spill {
            folders: vec![folder.to_owned(), std::env::temp_dir()],
            file: None,
            len: 0,
            room: limits::ARCHIVE_SPILL,
        }
    }

    fn file(&mut self) -> io::Result<Arc<File>> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let mut failed = io::Error::other("no folder for temporary files");
        for folder in &self.folders {
            match nameless(folder) {
                Ok(file) => return Ok(Arc::clone(self.file.insert(Arc::new(file)))),
                Err(e) => failed = e,
            }
        }
        Err(failed)
    }

    /// Keeps all that a reader gives; `most` bytes of it are no bomb. `None` where the file has no room for it: nothing of it
    /// is kept then.
    ///
    /// # Errors
    /// Of the machine: where what is given cannot be kept, or not be read for a reason that is none of the evidence. A part
    /// would be taken for the whole.
    pub(super) fn keep(&mut self, read: &mut dyn Read, most: u64) -> io::Result<Option<Spilled>> {
        let file = self.file()?;
        let begin = self.len;
        let mut to = At(Arc::clone(&file), begin);
        let room = most.min(self.room);
        let mut block = vec![0; 1 << 17];
        let (mut cut, mut bomb) = (None, false);
        loop {
            match read.read(&mut block) {
                Ok(0) => break,
                Ok(n) => {
                    let left = room.saturating_sub(to.1 - begin);
                    let fits = usize::try_from(left).unwrap_or(usize::MAX).min(n);
                    bomb = fits < n;
                    if bomb && room < most {
                        return Ok(None);
                    }
                    to.write_all(block.get(..fits).unwrap_or_default())?;
                    if bomb {
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_damage(&e) => {
                    cut = Some(e);
                    break;
                }
                Err(e) => return Err(e),
            }
        }
        self.len = to.1;
        self.room -= (to.1 - begin).min(self.room);
        Ok(Some(Spilled {
            bytes: Bytes::file(file, begin, to.1 - begin),
            cut,
            bomb,
        }))
    }
}

/// Writes from a place on.
struct At(Arc<File>, u64);

impl Write for At {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.0.write_at(bytes, self.1)?;
        self.1 += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn nameless(folder: &Path) -> io::Result<File> {
    let own = std::process::id();
    for n in 0..10_000u32 {
        let path = folder.join(format!(".leaktrace-{own}-{n}"));
        let made = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match made {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some bytes, then an error.
    struct Fails(usize, io::ErrorKind);

    impl Read for Fails {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = std::mem::take(&mut self.0).min(out.len());
            if n == 0 {
                return Err(self.1.into());
            }
            Ok(n)
        }
    }

    #[test]
    fn only_damage_makes_a_part_the_whole() {
        let mut spill = Spill::new(&std::env::temp_dir());
        let eof = io::ErrorKind::UnexpectedEof;
        let part = spill.keep(&mut Fails(9, eof), 100).unwrap().unwrap();
        assert_eq!((part.bytes.len(), part.cut.unwrap().kind()), (9, eof));
        let full = io::ErrorKind::StorageFull;
        let failed = spill.keep(&mut Fails(9, full), 100).err().unwrap();
        assert_eq!(failed.kind(), full);
        // what there is no room for is left out, what grows too large is cut
        spill.room = 5;
        assert!(spill.keep(&mut &b"six by"[..], 100).unwrap().is_none());
        let bomb = spill.keep(&mut &b"six by"[..], 4).unwrap().unwrap();
        assert_eq!((bomb.bomb, bomb.bytes.len(), spill.room), (true, 4, 1));
        // what cannot be written: a file that is open for reading
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        spill.file = Some(Arc::new(file));
        spill.room = 100;
        assert!(spill.keep(&mut &b"bytes"[..], 100).is_err());
    }
}
