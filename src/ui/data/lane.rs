//! A thread with a read connection and a queue in which the newest question for a place replaces older ones.
//! In: questions. Out: replies on a channel. Bounds: one question runs, at most one waits for each place.

use super::{Answer, Ask, Data, Fail, LaneId, Place, Reply};
use rusqlite::InterruptHandle;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// What a lane's thread and the interface share.
#[derive(Default)]
pub struct LaneState {
    inner: Mutex<Inner>,
    wake: Condvar,
    /// Set when what runs should end; searches that are no SQL look at it.
    pub stop: AtomicBool,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Ask>,
    running: Option<(u64, Place)>,
    handle: Option<InterruptHandle>,
    /// What ends a search that is no SQL.
    search: Option<Arc<AtomicBool>>,
    /// The question that runs, and where parts of its answer go.
    asked: Option<(u64, UnboundedSender<Reply>)>,
    over: bool,
}

impl LaneState {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
    /// Called by the thread when it has (re)opened its connection.
    pub fn set_handle(&self, h: InterruptHandle, search: Arc<AtomicBool>) {
        let mut g = self.lock();
        // what came while it was being opened is meant for it
        search.store(self.stop.load(Ordering::SeqCst), Ordering::SeqCst);
        g.handle = Some(h);
        g.search = Some(search);
    }
    /// Sends the part of the answer that is there already.
    pub fn part(&self, answer: Answer) {
        let g = self.lock();
        if let (Some((frame, place)), Some((id, out))) = (g.running, &g.asked) {
            // who is gone needs no part either
            let _ = out.send(Reply {
                id: *id,
                frame,
                place,
                took_us: 0,
                result: Ok(answer),
            });
        }
    }
    fn interrupt(&self, g: &Inner) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(s) = &g.search {
            s.store(true, Ordering::SeqCst);
        }
        if let Some(h) = &g.handle {
            h.interrupt();
        }
    }
}

/// One lane.
#[derive(Clone)]
pub struct Lane {
    state: Arc<LaneState>,
    /// Writes are never dropped and never interrupted by newer ones.
    keep_all: bool,
}

impl Lane {
    /// Starts the thread; what answers is made there and stays there.
    pub fn start(
        id: LaneId,
        make: impl FnOnce() -> Box<dyn Data> + Send + 'static,
        out: UnboundedSender<Reply>,
    ) -> Lane {
        let state = Arc::new(LaneState::default());
        let s = state.clone();
        let run = move || {
            let mut data = make();
            while let Some(ask) = next(&s, &out) {
                let t = Instant::now();
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    data.answer(&ask.what, &s)
                }))
                .unwrap_or_else(|_| {
                    Err(Fail::Failed("internal error while reading the case".into()))
                });
                let stopped = s.stop.load(Ordering::SeqCst);
                s.lock().running = None;
                let result = match result {
                    Err(_) if stopped => Err(Fail::Cancelled),
                    r => r,
                };
                let took_us = u64::try_from(t.elapsed().as_micros()).unwrap_or(u64::MAX);
                let r = Reply {
                    id: ask.id,
                    frame: ask.frame,
                    place: ask.place,
                    took_us,
                    result,
                };
                if out.send(r).is_err() {
                    return;
                }
            }
        };
        let name = match id {
            LaneId::Page => "page",
            LaneId::Aggregate => "aggregate",
            LaneId::Work => "work",
        };
        // Without the thread no answer comes; the screen then stays at "loading" and the status line says why.
        let _ = std::thread::Builder::new().name(name.into()).spawn(run);
        Lane {
            state,
            keep_all: id == LaneId::Work,
        }
    }

    /// Asks. What runs or waits for the same place is given up.
    pub fn ask(&self, ask: Ask) {
        let key = (ask.frame, ask.place);
        let mut g = self.state.lock();
        if !(self.keep_all && ask.place == Place::Written) {
            g.queue.retain(|a| (a.frame, a.place) != key);
            if g.running == Some(key) {
                self.state.interrupt(&g);
            }
        }
        g.queue.push_back(ask);
        self.state.wake.notify_one();
    }

    /// Gives up what runs and what waits; writes that wait stay. Whether something ran.
    pub fn cancel(&self) -> bool {
        let mut g = self.state.lock();
        g.queue.retain(|a| a.place == Place::Written);
        let ran = g.running.is_some_and(|(_, p)| p != Place::Written);
        if ran {
            self.state.interrupt(&g);
        }
        ran
    }

    /// Gives up what runs or waits for a frame that is gone.
    pub fn drop_frame(&self, frame: u64) {
        let mut g = self.state.lock();
        g.queue
            .retain(|a| a.frame != frame || a.place == Place::Written);
        if g.running
            .is_some_and(|(f, p)| f == frame && p != Place::Written)
        {
            self.state.interrupt(&g);
        }
    }

    /// Ends the thread after what waits to be written.
    pub fn end(&self) {
        let mut g = self.state.lock();
        g.over = true;
        g.queue.retain(|a| a.place == Place::Written);
        if g.running.is_some_and(|(_, p)| p != Place::Written) {
            self.state.interrupt(&g);
        }
        self.state.wake.notify_one();
    }

    /// Whether nothing runs and nothing waits.
    pub fn idle(&self) -> bool {
        let g = self.state.lock();
        g.running.is_none() && g.queue.is_empty()
    }
}

fn next(s: &LaneState, out: &UnboundedSender<Reply>) -> Option<Ask> {
    let mut g = s.lock();
    loop {
        if let Some(a) = g.queue.pop_front() {
            g.running = Some((a.frame, a.place));
            // Under the lock: an interrupt that comes from here on is meant for this question.
            s.stop.store(false, Ordering::SeqCst);
            if let Some(search) = &g.search {
                search.store(false, Ordering::SeqCst);
            }
            g.asked = Some((a.id, out.clone()));
            return Some(a);
        }
        if g.over {
            return None;
        }
        g = s.wake.wait(g).unwrap_or_else(|e| e.into_inner());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::data::{Answer, What};
    use std::time::Duration;

    struct Slow;
    impl Data for Slow {
        fn answer(&mut self, what: &What, lane: &LaneState) -> Result<Answer, Fail> {
            let What::Sql(s) = what else {
                return Err(Fail::NoCase);
            };
            let n: u64 = s.parse().unwrap();
            for _ in 0..n {
                if lane.stop.load(Ordering::SeqCst) {
                    return Err(Fail::Failed("stopped".into()));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(Answer::Count { n, capped: false })
        }
    }

    fn ask(id: u64, place: Place, ms: u64) -> Ask {
        Ask {
            id,
            frame: 1,
            place,
            what: What::Sql(ms.to_string()),
        }
    }

    #[test]
    fn a_newer_question_ends_the_older_one_for_its_place_alone() {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let lane = Lane::start(LaneId::Page, || Box::new(Slow), tx);
        lane.ask(ask(1, Place::List, 60_000));
        std::thread::sleep(Duration::from_millis(20));
        lane.ask(ask(2, Place::Count, 1));
        lane.ask(ask(3, Place::List, 2));
        let got: Vec<_> = (0..3)
            .map(|_| rx.blocking_recv().unwrap())
            .map(|r| (r.id, r.result.is_ok()))
            .collect();
        assert_eq!(got, [(1, false), (2, true), (3, true)]);
        lane.ask(ask(4, Place::List, 60_000));
        std::thread::sleep(Duration::from_millis(20));
        assert!(lane.cancel());
        assert_eq!(rx.blocking_recv().unwrap().result, Err(Fail::Cancelled));
        lane.end();
    }

    #[test]
    fn a_panic_while_reading_is_an_answer() {
        struct Bad;
        impl Data for Bad {
            fn answer(&mut self, _: &What, _: &LaneState) -> Result<Answer, Fail> {
                std::panic::resume_unwind(Box::new("bad"))
            }
        }
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let lane = Lane::start(LaneId::Page, || Box::new(Bad), tx);
        lane.ask(ask(1, Place::List, 1));
        assert!(matches!(
            rx.blocking_recv().unwrap().result,
            Err(Fail::Failed(_))
        ));
        lane.end();
    }
}
