//! Evidence that still grows: standard input, named pipes, files that another program writes. In: where the bytes come
//! from. Out: a reader that never waits ([`io::ErrorKind::WouldBlock`] where nothing has come yet), and the SHA-256 of
//! exactly the bytes that were taken. Bounds: [`BLOCKS`] blocks of [`BLOCK`] bytes wait for the reader; a thread a
//! source, because reading a pipe waits and decompressing does too.
//!
//! What was taken, hashed and spooled is one: after [`Feed::close`] nothing is taken any more, and what was taken
//! before is still given.

use super::coded;
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes given on at once.
const BLOCK: usize = 128 << 10;
/// Blocks that wait for the reader.
const BLOCKS: usize = 16;
/// How often a file is looked at for more.
const POLL: Duration = Duration::from_millis(40);
/// A file that another program renamed or removed is read for this long after its last growth: the writer may hold it.
const LINGER: Duration = Duration::from_secs(2);

/// Which file it is, whatever its name: device, inode and, where the file system knows it, when it was made.
pub type FileId = (u64, u64, Option<std::time::SystemTime>);

/// Of a file.
#[must_use]
pub fn file_id(meta: &Metadata) -> FileId {
    (meta.dev(), meta.ino(), meta.created().ok())
}

#[derive(Debug)]
struct State {
    hash: Sha256,
    bytes: u64,
    spool: Option<File>,
    /// Nothing is taken any more.
    closed: bool,
    /// Ends where the file ends.
    finish: bool,
    /// Waits inside a read that may never return.
    waits: bool,
    /// When bytes came last.
    grown: Instant,
    /// The file was cut while it was read: another one may stand under its name.
    cut: bool,
    /// All bytes were given on.
    over: bool,
}

impl State {
    fn sync(&mut self) {
        if let Some(spool) = &self.spool {
            let _ = spool.sync_all(); // where it fails, `verify` says what is missing
        }
    }
}

/// What is known of a source while it is read.
#[derive(Debug)]
pub struct Feed(Mutex<State>);

impl Feed {
    fn new(spool: Option<File>) -> Arc<Feed> {
        Arc::new(Feed(Mutex::new(State {
            hash: Sha256::new(),
            bytes: 0,
            spool,
            closed: false,
            finish: false,
            waits: false,
            grown: Instant::now(),
            cut: false,
            over: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counters and flags stay valid whatever happened to a holder.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing more.
    pub fn close(&self) {
        let mut s = self.state();
        s.closed = true;
        s.sync();
    }

    /// Ends where the file ends now.
    pub fn finish(&self) {
        self.state().finish = true;
    }

    /// Whether all was read.
    pub fn over(&self) -> bool {
        self.state().over
    }

    /// Whether the file became shorter than what was read of it.
    pub fn was_cut(&self) -> bool {
        self.state().cut
    }

    /// How long nothing came.
    pub fn quiet(&self) -> Duration {
        self.state().grown.elapsed()
    }

    /// SHA-256 and number of the bytes taken so far.
    pub fn taken(&self) -> ([u8; 32], u64) {
        let s = self.state();
        (s.hash.clone().finalize().into(), s.bytes)
    }

    /// Notes bytes that came; false once nothing is taken any more.
    fn take(&self, bytes: &[u8]) -> io::Result<bool> {
        let mut s = self.state();
        s.waits = false;
        if s.closed {
            return Ok(false);
        }
        if let Some(spool) = &mut s.spool {
            spool.write_all(bytes)?;
        }
        s.hash.update(bytes);
        s.bytes += bytes.len() as u64;
        s.grown = Instant::now();
        Ok(true)
    }
}

/// Where bytes come from.
enum Origin {
    Pipe(Box<dyn Read + Send>),
    File { file: File, path: PathBuf },
}

/// Reads and notes what was read; waits where there is nothing yet.
struct Tap {
    from: Origin,
    feed: Arc<Feed>,
}

impl Tap {
    /// Whether a file that gave all its bytes is at its end for good.
    fn ended(&self, file: &File, path: &Path) -> bool {
        let (closed, finish, bytes, quiet) = {
            let s = self.feed.state();
            (s.closed, s.finish, s.bytes, s.grown.elapsed())
        };
        if closed {
            return true;
        }
        let Ok(now) = file.metadata() else {
            return true;
        };
        if now.len() < bytes {
            self.feed.state().cut = true;
            return true;
        }
        if finish {
            return now.len() <= bytes;
        }
        let still = std::fs::metadata(path).is_ok_and(|m| file_id(&m) == file_id(&now));
        !still && quiet > LINGER
    }
}

impl Read for Tap {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            {
                let mut s = self.feed.state();
                if s.closed {
                    return Ok(0);
                }
                s.waits = matches!(self.from, Origin::Pipe(_));
            }
            let got = match &mut self.from {
                Origin::Pipe(read) => read.read(out),
                Origin::File { file, .. } => file.read(out),
            };
            match got {
                Ok(0) => {}
                Ok(n) => {
                    let bytes = out.get(..n).unwrap_or_default();
                    return Ok(if self.feed.take(bytes)? { n } else { 0 });
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            match &self.from {
                Origin::Pipe(_) => return Ok(0),
                Origin::File { file, path } if self.ended(file, path) => return Ok(0),
                Origin::File { .. } => std::thread::sleep(POLL),
            }
        }
    }
}

/// The thread of a source: sees through compression and gives blocks on.
fn feed_blocks(tap: Tap, to: &SyncSender<io::Result<Vec<u8>>>) {
    let feed = Arc::clone(&tap.feed);
    let run = move || -> io::Result<()> {
        // A pipe may give its first bytes one by one; compression is told by six.
        let mut tap = tap;
        let mut first = Vec::new();
        tap.by_ref().take(8).read_to_end(&mut first)?;
        let whole = BufReader::with_capacity(BLOCK, io::Cursor::new(first).chain(tap));
        let (mut read, _) = coded::undo_all(Box::new(whole))?;
        loop {
            let mut block = vec![0; BLOCK];
            let n = match read.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            block.truncate(n);
            if to.send(Ok(block)).is_err() {
                return Ok(());
            }
        }
    };
    if let Err(e) = run() {
        let _ = to.send(Err(e)); // where nobody listens, nothing is lost
    }
    let mut s = feed.state();
    s.sync();
    s.over = true;
}

/// Gives what has come; never waits.
pub struct LiveRead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    feed: Arc<Feed>,
}

impl Read for LiveRead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.block.get(self.at..).unwrap_or_default();
            if !left.is_empty() {
                let n = left.len().min(out.len());
                if let (Some(to), Some(from)) = (out.get_mut(..n), left.get(..n)) {
                    to.copy_from_slice(from);
                }
                self.at += n;
                return Ok(n);
            }
            // Looked at before the queue: what is sent later than this was not taken.
            let left_alone = {
                let s = self.feed.state();
                s.closed && s.waits
            };
            match self.blocks.try_recv() {
                Ok(Ok(block)) => {
                    self.block = block;
                    self.at = 0;
                }
                Ok(Err(e)) => return Err(io::Error::other(e)),
                Err(TryRecvError::Disconnected) => return Ok(0),
                Err(TryRecvError::Empty) if left_alone => return Ok(0),
                Err(TryRecvError::Empty) => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
    }
}

fn start(from: Origin, spool: Option<File>) -> (LiveRead, Arc<Feed>) {
    let feed = Feed::new(spool);
    let tap = Tap {
        from,
        feed: Arc::clone(&feed),
    };
    let (to, blocks) = sync_channel(BLOCKS);
    // Not joined: a read of a pipe may never return. It ends with the pipe, or with the program.
    std::thread::spawn(move || feed_blocks(tap, &to));
    let read = LiveRead {
        blocks,
        block: Vec::new(),
        at: 0,
        feed: Arc::clone(&feed),
    };
    (read, feed)
}

/// Follows a pipe until its writers are gone; `spool` gets every byte taken.
pub fn pipe(read: Box<dyn Read + Send>, spool: Option<File>) -> (LiveRead, Arc<Feed>) {
    start(Origin::Pipe(read), spool)
}

/// Opens a named pipe when a writer does, and follows it: opening one waits for the other side.
pub fn named_pipe(path: &Path, spool: Option<File>) -> (LiveRead, Arc<Feed>) {
    struct Later(PathBuf, Option<File>);
    impl Read for Later {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let file = match &mut self.1 {
                Some(file) => file,
                none => none.insert(File::open(&self.0)?),
            };
            file.read(out)
        }
    }
    pipe(Box::new(Later(path.to_owned(), None)), spool)
}

/// Follows a file.
///
/// # Errors
/// [`Error::Io`] where it cannot be opened.
pub fn file(path: &Path) -> Result<(LiveRead, Arc<Feed>)> {
    let file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let path = path.to_owned();
    Ok(start(Origin::File { file, path }, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads until nothing has come for a while or all is read.
    fn drain(read: &mut LiveRead, wanted: usize) -> (Vec<u8>, bool) {
        let (mut out, mut block) = (Vec::new(), [0; 999]);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) {
            match read.read(&mut block) {
                Ok(0) => return (out, true),
                Ok(n) => out.extend_from_slice(&block[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if wanted > 0 && out.len() >= wanted {
                        return (out, false);
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(e) => panic!("{e}"),
            }
        }
        panic!("{} of {wanted} bytes came", out.len());
    }

    #[test]
    fn a_file_is_followed_and_hashed_to_where_it_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grows");
        std::fs::write(&path, b"0123456789").unwrap();
        let (mut read, feed) = file(&path).unwrap();
        assert_eq!(drain(&mut read, 10), (b"0123456789".to_vec(), false));
        let mut more = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        more.write_all(b"abc").unwrap();
        assert_eq!(drain(&mut read, 3), (b"abc".to_vec(), false));
        feed.close();
        assert_eq!(drain(&mut read, 0), (Vec::new(), true));
        more.write_all(b"after the end").unwrap();
        let sha: [u8; 32] = Sha256::digest(b"0123456789abc").into();
        assert_eq!(feed.taken(), (sha, 13));
    }

    #[test]
    fn a_pipe_that_never_ends_is_left_alone_once_closed() {
        let (from, mut to) = io::pipe().unwrap();
        let (mut read, feed) = pipe(Box::new(from), None);
        to.write_all(b"first bytes, then silence").unwrap();
        assert_eq!(drain(&mut read, 25).0, b"first bytes, then silence");
        feed.close();
        assert!(drain(&mut read, 0).1);
        to.write_all(b"late").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(feed.taken().1, 25);
    }

    #[test]
    fn a_file_cut_under_the_reader_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        std::fs::write(&path, b"0123456789").unwrap();
        let (mut read, feed) = file(&path).unwrap();
        drain(&mut read, 10);
        std::fs::write(&path, b"new").unwrap();
        assert!(drain(&mut read, 0).1);
        assert!(feed.was_cut() && feed.taken().1 == 10);
    }
}
