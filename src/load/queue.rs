//! Work between threads, bounded in bytes. In: jobs with their weight. Out: jobs in order of arrival, urgent ones first.
//! Bounds: a push waits while the bytes in flight are over the budget; a job counts until [`Budget::release`], that is
//! until it is written, so that nothing piles up behind a slow writer either. One job is always let through. Jobs that nobody
//! has begun are few ([`Queue::with_room`]): what waits long has left the caches of the cores when its turn comes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A lock whose holder panicked still holds valid data here: counters and queues only.
fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that may be in flight.
pub struct Budget {
    used: Mutex<(usize, bool)>,
    freed: Condvar,
    limit: usize,
}

impl Budget {
    /// `limit` in bytes.
    pub fn new(limit: usize) -> Budget {
        Budget {
            used: Mutex::new((0, false)),
            freed: Condvar::new(),
            limit,
        }
    }
    /// Takes `bytes`, waiting for room; false once the budget was closed.
    pub fn take(&self, bytes: usize) -> bool {
        let mut used = lock(&self.used);
        while !used.1 && used.0 > 0 && used.0 + bytes > self.limit {
            used = self
                .freed
                .wait(used)
                .unwrap_or_else(PoisonError::into_inner);
        }
        used.0 += bytes;
        !used.1
    }
    /// Gives back what a finished job took.
    pub fn release(&self, bytes: usize) {
        let mut used = lock(&self.used);
        used.0 = used.0.saturating_sub(bytes);
        self.freed.notify_all();
    }
    /// Lets every waiter go: the other end is gone.
    pub fn close(&self) {
        lock(&self.used).1 = true;
        self.freed.notify_all();
    }
}

/// A queue that several threads take from.
pub struct Queue<T> {
    state: Mutex<(VecDeque<T>, bool)>,
    changed: Condvar,
    taken: Condvar,
    room: usize,
}

impl<T> Queue<T> {
    /// A queue in which at most `room` jobs wait, urgent ones aside.
    pub fn with_room(room: usize) -> Queue<T> {
        Queue {
            state: Mutex::new((VecDeque::new(), false)),
            changed: Condvar::new(),
            taken: Condvar::new(),
            room: room.max(1),
        }
    }
    /// Adds a job at the end, waiting for room; once the queue is closed nobody waits.
    pub fn push(&self, job: T) {
        let mut state = lock(&self.state);
        while !state.1 && state.0.len() >= self.room {
            state = self
                .taken
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.0.push_back(job);
        drop(state);
        self.changed.notify_one();
    }
    /// Adds a job before all others: the writer waits for it.
    pub fn push_urgent(&self, job: T) {
        lock(&self.state).0.push_front(job);
        self.changed.notify_one();
    }
    /// No more jobs will come; takers get what is left, then `None`.
    pub fn close(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
        self.taken.notify_all();
    }
    /// The next job, waiting for one; `None` at the end.
    pub fn pop(&self) -> Option<T> {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.0.pop_front() {
                drop(state);
                self.taken.notify_one();
                return Some(job);
            }
            if state.1 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_taker_waits_for_room_but_one_job_always_passes() {
        let budget = Arc::new(Budget::new(10));
        assert!(budget.take(1000));
        let done = Arc::new(AtomicUsize::new(0));
        let (b, d) = (budget.clone(), done.clone());
        let t = std::thread::spawn(move || {
            assert!(b.take(5));
            d.store(1, Ordering::SeqCst);
        });
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert_eq!(done.load(Ordering::SeqCst), 0);
        budget.release(1000);
        t.join().unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn urgent_jobs_come_first_and_the_end_comes_after_the_rest() {
        let q = Queue::with_room(2);
        q.push(1);
        q.push(2);
        q.push_urgent(0);
        q.close();
        assert_eq!(
            [q.pop(), q.pop(), q.pop(), q.pop()],
            [Some(0), Some(1), Some(2), None]
        );
    }

    #[test]
    fn a_full_queue_makes_the_giver_wait_and_lets_it_go_when_it_is_closed() {
        let q = Arc::new(Queue::with_room(1));
        q.push(1);
        let (giver, done) = (q.clone(), Arc::new(AtomicUsize::new(0)));
        let d = done.clone();
        let t = std::thread::spawn(move || {
            for job in [2, 3] {
                giver.push(job);
                d.fetch_add(1, Ordering::SeqCst);
            }
        });
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert_eq!(done.load(Ordering::SeqCst), 0);
        q.push_urgent(0);
        assert_eq!((q.pop(), q.pop()), (Some(0), Some(1)));
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert_eq!(done.load(Ordering::SeqCst), 1);
        q.close();
        t.join().unwrap();
        assert_eq!((q.pop(), q.pop(), q.pop()), (Some(2), Some(3), None));
    }
}
