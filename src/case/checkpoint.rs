//! The log of a case into its place while a load goes on. In: a case, and word that much was written. Out: pages that need no
//! more copying when the writer itself clears the log. Bounds: one thread; it holds no lock that a writer or a reader waits for.
//!
//! What is committed lies in SQLite's log until it is copied into the case file and both are on the disk. Left to the writer
//! that is a third of its time, most of it spent waiting for the disk. So another connection copies what is committed while
//! the writer goes on ([`LOG_PAGES`] lets the log grow meanwhile); the writer copies the rest and begins the log anew.

use crate::case::open::{Case, LOG_BYTES, LOG_PAGES};
use crate::error::Result;
use rusqlite::Connection;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Copies the log on a thread of its own until it is dropped.
pub struct Checkpoints {
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Begins, and tells the case's own connection that it may leave more in the log.
    ///
    /// # Errors
    /// Where the case cannot be opened a second time.
    pub fn start(case: &Case) -> Result<Checkpoints> {
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
        })
    }

    /// Much was committed. Does not wait: where a copy is under way and one more is asked for, that is enough.
    pub fn ask(&self) {
        if let Some(ask) = &self.ask {
            let _ = ask.try_send(());
        }
    }
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
