//! The index of text, made while nobody asks anything. In: that a text was asked for, and whether questions are being answered. Out:
//! an index in the case. Bounds: one thread, which begins half a second after the last answer, lets go within one group of 64 MB
//! when a question comes, and makes nothing while a load has not ended.

use crate::case::open_read;
use crate::case::text::index::{self, Size};
use crate::query::find::Texts;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long nothing may have been asked before it begins.
const QUIET: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Inner {
    /// A text was asked for since the last build.
    wanted: bool,
    /// Questions that are being answered.
    busy: usize,
    started: bool,
    over: bool,
}

/// What all lanes of an interface share for searches of text.
#[derive(Default)]
pub struct Shared {
    /// What searches found.
    pub texts: Arc<Texts>,
    inner: Mutex<Inner>,
    wake: Condvar,
    /// Ends a build.
    stop: AtomicBool,
}

/// A question is being answered as long as this lives.
pub struct Busy<'s>(&'s Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut g = self.0.lock();
        g.busy = g.busy.saturating_sub(1);
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question is about to be answered: a build makes room.
    pub fn busy(&self) -> Busy<'_> {
        self.lock().busy += 1;
        self.stop.store(true, Ordering::SeqCst);
        Busy(self)
    }

    /// A text was asked for: there shall be an index of the case.
    pub fn want(self: &Arc<Self>, path: &Path) {
        let mut g = self.lock();
        g.wanted = true;
        if !g.started {
            g.started = true;
            let (own, path) = (self.clone(), path.to_owned());
            // Without the thread every search reads all packs, as before.
            let _ = std::thread::Builder::new()
                .name("index".into())
                .spawn(move || own.run(&path));
        }
        self.wake.notify_all();
    }

    /// Ends the thread.
    pub fn end(&self) {
        self.lock().over = true;
        self.stop.store(true, Ordering::SeqCst);
        self.wake.notify_all();
    }

    /// Waits until an index is wanted and nothing was asked for a while; `false` when it is over.
    fn quiet(&self) -> bool {
        let mut g = self.lock();
        loop {
            if g.over {
                return false;
            }
            if !g.wanted || g.busy > 0 {
                g = self.wake.wait(g).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (again, late) = self
                .wake
                .wait_timeout(g, QUIET)
                .unwrap_or_else(PoisonError::into_inner);
            g = again;
            if late.timed_out() && g.wanted && g.busy == 0 && !g.over {
                // under the lock: a question that comes from here on stops this build
                self.stop.store(false, Ordering::SeqCst);
                return true;
            }
        }
    }

    fn run(&self, path: &Path) {
        while self.quiet() {
            let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if loading(path) {
                    return true; // the next question about a text wants it again
                }
                // A case that cannot be written is read whole for every search.
                !matches!(
                    index::build(path, 1, Size::default(), &self.stop, &mut |_| {}),
                    Err(crate::error::Error::Interrupted)
                )
            }))
            .unwrap_or(true);
            if whole {
                self.lock().wanted = false;
            }
        }
    }
}

/// Whether a load has not ended.
fn loading(path: &Path) -> bool {
    open_read(path)
        .and_then(|c| {
            let n: i64 =
                c.conn
                    .query_row("SELECT count(*) FROM load WHERE state<>'done'", [], |r| {
                        r.get(0)
                    })?;
            Ok(n > 0)
        })
        .unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_quiet_and_makes_room() {
        let s = Arc::new(Shared::default());
        let busy = s.busy();
        assert!(s.stop.load(Ordering::SeqCst));
        s.lock().wanted = true;
        let (own, (send, got)) = (s.clone(), std::sync::mpsc::channel());
        let waits = std::thread::spawn(move || send.send(own.quiet()).unwrap());
        assert!(
            got.recv_timeout(QUIET * 2).is_err(),
            "a question is being answered"
        );
        drop(busy);
        assert!(got.recv_timeout(QUIET * 20).unwrap());
        waits.join().unwrap();
        assert!(!s.stop.load(Ordering::SeqCst));
        drop(s.busy());
        assert!(s.stop.load(Ordering::SeqCst), "a build that goes on ends");
        s.end();
        assert!(!s.quiet());
    }
}
