//! Bytes that can be read at any place, and what a member of an archive holds. In: an open file or bytes in memory. Out:
//! parts of them, and readers that prove length and checksum. Bounds: nothing is held but the decoder's window.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where bytes lie.
#[derive(Clone)]
enum Store {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

/// A part of a file that is open for reading, or of bytes in memory.
#[derive(Clone)]
pub struct Bytes {
    store: Store,
    at: u64,
    len: u64,
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.len, self.at)
    }
}

impl Bytes {
    /// All bytes of a file.
    ///
    /// # Errors
    /// Where it cannot be opened for reading.
    pub fn open(path: &Path) -> io::Result<Bytes> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Bytes::file(Arc::new(file), 0, len))
    }

    /// Bytes at hand.
    #[must_use]
    pub fn memory(bytes: Vec<u8>) -> Bytes {
        Bytes {
            len: bytes.len() as u64,
            store: Store::Memory(bytes.into()),
            at: 0,
        }
    }

    pub(super) fn file(file: Arc<File>, at: u64, len: u64) -> Bytes {
        Bytes {
            store: Store::File(file),
            at,
            len,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// A part, as far as it is there.
    pub(super) fn part(&self, at: u64, len: u64) -> Bytes {
        let at = at.min(self.len);
        Bytes {
            store: self.store.clone(),
            at: self.at.saturating_add(at),
            len: len.min(self.len - at),
        }
    }

    /// Reads at a place; 0 only at the end.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let n = left.min(out.len());
        let out = out.get_mut(..n).unwrap_or_default();
        let from = self.at.saturating_add(at);
        match &self.store {
            Store::File(file) => loop {
                match file.read_at(out, from) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    done => return done,
                }
            },
            Store::Memory(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let mut bytes = bytes.get(from..).unwrap_or_default();
                bytes.read(out)
            }
        }
    }

    /// Up to `n` bytes at a place.
    pub(super) fn get(&self, at: u64, n: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let part = self.part(at, n as u64);
        part.reader().read_to_end(&mut out)?;
        Ok(out)
    }

    /// A reader from the first byte.
    pub(super) fn reader(&self) -> Cursor {
        Cursor {
            bytes: self.clone(),
            at: 0,
        }
    }
}

/// Reads bytes in their order.
pub struct Cursor {
    bytes: Bytes,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read_at(self.at, out)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// A reader that can leave bytes out.
pub(super) trait Skip: Read {
    /// Leaves out so many; gives how many there were.
    fn skip(&mut self, n: u64) -> io::Result<u64>;
}

impl Skip for Cursor {
    fn skip(&mut self, n: u64) -> io::Result<u64> {
        let n = n.min(self.bytes.len.saturating_sub(self.at));
        self.at += n;
        Ok(n)
    }
}

/// Fails once the user stops it.
pub(super) fn go_on(stop: &AtomicBool) -> io::Result<()> {
    match stop.load(Ordering::Relaxed) {
        // of another kind than the system's, after which one reads on
        true => Err(io::Error::other("interrupted")),
        false => Ok(()),
    }
}

/// A reader at any place that ends where the user stops it.
pub(super) struct Stopping<'s>(pub(super) Cursor, pub(super) &'s AtomicBool);

impl Read for Stopping<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        go_on(self.1)?;
        self.0.read(out)
    }
}

impl Skip for Stopping<'_> {
    fn skip(&mut self, n: u64) -> io::Result<u64> {
        self.0.skip(n)
    }
}

/// A reader whose bytes have to be read to be left out; ends where the user stops it.
pub(super) struct Stream<'s, R>(pub(super) R, pub(super) &'s AtomicBool);

impl<R: Read> Read for Stream<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        go_on(self.1)?;
        self.0.read(out)
    }
}

impl<R: Read> Skip for Stream<'_, R> {
    fn skip(&mut self, n: u64) -> io::Result<u64> {
        io::copy(&mut self.take(n), &mut io::sink())
    }
}

/// What a member holds: the place of its bytes, and what is said of them.
#[derive(Debug, Clone)]
pub struct Content {
    pub(super) bytes: Bytes,
    pub(super) deflated: bool,
    /// Length that the archive gives, after inflating.
    pub(super) len: Option<u64>,
    /// Checksum that the archive gives.
    pub(super) crc: Option<u32>,
}

impl Content {
    /// Bytes as they lie.
    pub(super) fn plain(bytes: Bytes, len: u64) -> Content {
        Content {
            bytes,
            deflated: false,
            len: Some(len),
            crc: None,
        }
    }

    /// Length as far as it can be known without reading: what is there of plain bytes, what is said of others.
    pub(super) fn bytes_len(&self) -> u64 {
        match self.len {
            Some(len) if self.deflated => len,
            _ => self.bytes.len(),
        }
    }

    /// Bytes that can be read at any place, where the content lies as it is.
    pub(super) fn direct(&self) -> Option<&Bytes> {
        (!self.deflated).then_some(&self.bytes)
    }

    /// A reader of what the member holds. All bytes before damage, then an error.
    pub(super) fn reader(&self) -> Box<dyn Read + Send> {
        let plain = self.bytes.reader();
        let read: Box<dyn Read + Send> = if self.deflated {
            let plain = BufReader::with_capacity(1 << 16, plain);
            Box::new(flate2::bufread::DeflateDecoder::new(plain))
        } else {
            Box::new(plain)
        };
        Box::new(Checked {
            read,
            left: self.len,
            crc: self.crc.map(|crc| (crc, flate2::Crc::new())),
            done: false,
        })
    }
}

/// Whether an error tells of the evidence and not of the machine: what decoders say has no number of the system's.
pub(super) fn is_damage(e: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    let kinds = [UnexpectedEof, InvalidData, InvalidInput, Other];
    e.raw_os_error().is_none() && kinds.contains(&e.kind())
}

/// Holds a member to its length and its checksum.
struct Checked {
    read: Box<dyn Read + Send>,
    left: Option<u64>,
    crc: Option<(u32, flate2::Crc)>,
    done: bool,
}

impl Read for Checked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.done || out.is_empty() {
            return Ok(0);
        }
        let most = self.left.map_or(out.len(), |left| {
            usize::try_from(left).unwrap_or(usize::MAX).min(out.len())
        });
        let out = out.get_mut(..most).unwrap_or_default();
        let n = if most == 0 { 0 } else { self.read.read(out)? };
        if let Some((_, crc)) = &mut self.crc {
            crc.update(out.get(..n).unwrap_or_default());
        }
        if let Some(left) = &mut self.left {
            *left -= n as u64;
        }
        if n > 0 {
            return Ok(n);
        }
        self.done = true;
        if self.left.is_some_and(|left| left > 0) {
            let why = "the archive ends before this member does, or the member is shorter than the archive says";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        if self.left.is_some() && self.read.read(&mut [0])? > 0 {
            let why = "the member is longer than the archive says";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        match &self.crc {
            Some((said, crc)) if crc.sum() != *said => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the member's checksum (CRC-32) is another one than the archive says",
            )),
            _ => Ok(0),
        }
    }
}
