//! How what a load writes gets into the case file. In: a case, and word that much was written. Out: pages in their place. Bounds:
//! one thread at most; it holds no lock that a writer or a reader waits for.
//!
//! What is committed lies in SQLite's log until it is copied into the case file and both are on the disk. Left to the writer
//! that is a third of its time, most of it spent waiting for the disk. So another connection copies what is committed while
//! the writer goes on ([`LOG_PAGES`] lets the log grow meanwhile); the writer copies the rest and begins the log anew.
//!
//! A case that this very load makes needs no log: nearly all of its pages are new, and a page that was not there before has
//! nothing that could be lost. It is written straight into its place, once instead of twice (a tenth of a load's time in
//! the kernel), with SQLite's rollback journal for the few pages that change. Readers see commits as ever, and wait for the
//! moment that one takes. When all is written the case gets its log, and facts are decided as in any other.

use crate::case::open::{Case, LOG_BYTES, LOG_PAGES};
use crate::error::Result;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Copies the log on a thread of its own until it is dropped, or sees to it that there is none.
pub struct Checkpoints {
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    straight: bool,
}

impl Checkpoints {
    /// Begins. `straight`: this load made the case, and nobody but it has to see what is in it while it goes on.
    ///
    /// # Errors
    /// Where the case cannot be opened a second time.
    pub fn start(case: &Case, straight: bool) -> Result<Checkpoints> {
        if straight && journal_mode(&case.conn, "TRUNCATE")? {
            return Ok(Checkpoints {
                ask: None,
                thread: None,
                straight: true,
            });
        }
        let conn = case.second()?;
        case.conn
            .pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        // the log keeps its size when it begins anew: new pages of a file cost more than old ones
        case.conn
            .pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        let (ask, asked) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            for () in asked {
                copy(&conn);
            }
        });
        Ok(Checkpoints {
            ask: Some(ask),
            thread: Some(thread),
            straight: false,
        })
    }

    /// Whether the case is this load's alone, and is written straight into its place.
    pub fn straight(&self) -> bool {
        self.straight
    }

    /// Much was committed. Does not wait: where a copy is under way and one more is asked for, that is enough.
    pub fn ask(&self) {
        if let Some(ask) = &self.ask {
            let _ = ask.try_send(());
        }
    }

    /// All that was read is written: a case that was written straight gets its log, before facts are decided. Waits for whoever is
    /// reading it at this moment, or until `stop`.
    ///
    /// # Errors
    /// What SQLite says of the disk.
    pub fn end(&self, case: &Case, stop: &AtomicBool) -> Result<()> {
        while self.straight && !journal_mode(&case.conn, "WAL")? && !stop.load(Relaxed) {}
        Ok(())
    }
}

/// Whether the case is written that way now: SQLite leaves it as it was while another connection reads it.
fn journal_mode(conn: &Connection, mode: &str) -> Result<bool> {
    let set = conn.query_row(&format!("PRAGMA journal_mode={mode}"), [], |r| {
        r.get::<_, String>(0)
    });
    match set {
        Ok(now) => Ok(now.eq_ignore_ascii_case(mode)),
        Err(e) if is_busy(&e) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Whether another connection stands in the way for now.
pub(super) fn is_busy(e: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(e.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

/// What cannot be copied now stays in the log, where it is safe: the writer copies it, and says what is wrong with the disk.
fn copy(conn: &Connection) {
    let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
