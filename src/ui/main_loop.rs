//! The loop: keys, answers, timers and signals in; effects and frames out. In: options. Out: an exit status.
//! Bounds: a frame at most every [`FRAME_MS`]; nothing is written while nothing changes; one write a frame.

use super::data::case::CaseData;
use super::data::indexer::Shared;
use super::data::lane::Lane;
use super::data::{LaneId, Reply};
use super::effect::Effect;
use super::model::{FilterBar, Model};
use super::msg::{LoadSnap, Msg, TROUBLES, Timer};
use super::term::guard::Guard;
use super::term::out::{FrameGate, FrameWriter};
use super::theme::{self, Theme};
use super::widget::safe_text::SafeText;
use super::{UiOptions, screen, term, update};
use crate::error::{Error, Result};
use crate::load::{self, Progress};
use crossterm::event::{Event, EventStream};
use crossterm::{QueueableCommand, terminal};
use futures_util::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{self, Stdout, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Milliseconds between frames at least.
pub const FRAME_MS: u64 = 16;
/// Milliseconds between looks at a load.
const LOAD_MS: u64 = 250;
/// How far a load stands back behind the interface: a key is answered first, and beside other busy programs the load still
/// gets four tenths of what it had.
#[cfg(target_os = "linux")]
const NICE: i32 = 4;

type Screen = Terminal<CrosstermBackend<FrameWriter<Stdout>>>;

/// A load on its own thread.
struct Loading {
    progress: Arc<Progress>,
    done: std::sync::mpsc::Receiver<Result<load::LoadOutcome>>,
    thread: Option<std::thread::JoinHandle<()>>,
    snap: LoadSnap,
    /// How it went, once it has ended by itself.
    status: u8,
    last: (Instant, u64),
}

/// Runs the interface to its end.
pub fn run(o: &UiOptions) -> Result<i32> {
    let env = |k: &str| std::env::var(k).ok();
    let depth = theme::depth(o.color, &env);
    // crossterm reads NO_COLOR by itself and then resets reverse video with every change of colour; our own theme
    // without colour never sets one.
    crossterm::style::force_color_output(true);
    let folder = theme_folder(&env);
    let theme = Theme::load(
        o.theme.as_deref().unwrap_or("ansi16"),
        folder.clone(),
        depth,
    )?;
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("runtime", "cannot start"))?;
    let mut m = model(
        o,
        theme,
        theme::glyphs_for(o.glyphs.as_deref(), &env),
        folder,
    );
    rt.block_on(async {
        let guard = Guard::enter().map_err(Error::io("terminal", "cannot use"))?;
        let r = looped(o, &mut m, &guard).await;
        drop(guard);
        // what was told on a screen that is gone
        for t in &m.load.troubles {
            crate::tell!("leaktrace: {}", crate::call::text::visible(t));
        }
        r.map_err(Error::io("terminal", "cannot write"))
    })
}

/// Where the user keeps themes.
pub(super) fn theme_folder(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let base = env("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| env("HOME").map(|h| PathBuf::from(h).join(".config")))?;
    Some(base.join("leaktrace").join("themes"))
}

/// A model at its beginning.
pub fn model(
    o: &UiOptions,
    theme: Theme,
    glyphs: &'static theme::Glyphs,
    theme_folder: Option<PathBuf>,
) -> Model {
    let name = o
        .case
        .file_stem()
        .map(|s| s.to_string_lossy().into_owned())
        .unwrap_or_default();
    Model {
        size: (80, 24),
        theme: Rc::new(theme),
        glyphs,
        case: SafeText::new(&name),
        case_path: o.case.clone(),
        frames: Vec::new(),
        back: Vec::new(),
        forward: Vec::new(),
        filter: FilterBar {
            applied: o.filter.clone().unwrap_or_default(),
            ..FilterBar::default()
        },
        overlay: None,
        status: None,
        load: LoadSnap {
            any: o.load.is_some(),
            follow: o.load.as_ref().is_some_and(|l| l.follow),
            ..LoadSnap::default()
        },
        seen_generation: 0,
        refresh_waits: false,
        overview: None,
        marks: Default::default(),
        names: Default::default(),
        commands: Vec::new(),
        offered: Default::default(),
        undo: Vec::new(),
        redo: Vec::new(),
        dates: false,
        dates_chosen: false,
        body: Default::default(),
        wrap: false,
        revealed: None,
        mouse: o.mouse,
        armed: 0,
        arm: false,
        seq: 0,
        corrected: false,
        typed: Vec::new(),
        ended: None,
        outbox: Vec::new(),
        dirty: true,
        theme_folder,
        rules: {
            let names = o.with.rules.iter().map(|p| p.to_string_lossy());
            names.collect::<Vec<_>>().join(" ")
        },
    }
}

struct Lanes {
    page: Lane,
    aggregate: Lane,
    work: Lane,
    shared: Arc<Shared>,
}

impl Lanes {
    fn start(
        case: &std::path::Path,
        with: &crate::load::correct::With,
    ) -> (Lanes, UnboundedReceiver<Reply>) {
        let (tx, rx) = unbounded_channel();
        let shared = Arc::new(Shared::default());
        let one = |id| {
            let (path, with, shared) = (case.to_path_buf(), with.clone(), shared.clone());
            Lane::start(
                id,
                move || Box::new(CaseData::new(path, with, shared)),
                tx.clone(),
            )
        };
        (
            Lanes {
                page: one(LaneId::Page),
                aggregate: one(LaneId::Aggregate),
                work: one(LaneId::Work),
                shared,
            },
            rx,
        )
    }
    fn all(&self) -> [&Lane; 3] {
        [&self.page, &self.aggregate, &self.work]
    }
}

fn start_load(o: &UiOptions) -> Option<Loading> {
    let mut options = o.load.clone()?;
    options.interim = true;
    let follow = options.follow;
    let progress = Arc::new(Progress::default());
    let (tx, done) = std::sync::mpsc::channel();
    let p = progress.clone();
    let run = move || {
        stand_back();
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load::run(&options, &p)))
            .unwrap_or_else(|_| {
                Err(Error::Usage {
                    msg: "internal error while loading; what was read is in the case".into(),
                    at: None,
                })
            });
        let _ = tx.send(r);
    };
    let thread = std::thread::Builder::new()
        .name("load".into())
        .spawn(run)
        .ok();
    let snap = LoadSnap {
        any: true,
        follow,
        ..LoadSnap::default()
    };
    Some(Loading {
        progress,
        done,
        thread,
        snap,
        status: 0,
        last: (Instant::now(), 0),
    })
}

/// Lets keys and queries go before the load, which fills every core: this thread's priority falls, and with it that of all
/// threads that it starts. Where a system has priorities for whole processes only, nothing is changed.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        // A refusal costs only time until a key is answered.
        let _ = rustix::process::setpriority_process(None, NICE);
    }
}

impl Loading {
    fn look(&mut self) -> LoadSnap {
        let p = &self.progress;
        let get = |a: &std::sync::atomic::AtomicU64| a.load(Ordering::Relaxed);
        let s = &mut self.snap;
        (s.read, s.total, s.units, s.calls) =
            (get(&p.read), get(&p.total), get(&p.units), get(&p.calls));
        s.generation = get(&p.generation);
        s.phase = s.phase.max(get(&p.phase).min(1));
        let dt = self.last.0.elapsed().as_secs_f64();
        if dt > 0.2 {
            let now = (s.read.saturating_sub(self.last.1)) as f64 / dt;
            s.rate = if s.rate == 0 {
                now as u64
            } else {
                (s.rate as f64 * 0.7 + now * 0.3) as u64
            };
            self.last = (Instant::now(), s.read);
        }
        if let Ok(r) = self.done.try_recv() {
            s.phase = 2;
            s.generation += 1;
            match r {
                Ok(out) => {
                    self.status = out.status();
                    s.calls = out.calls;
                    let each = out.failed.iter().take(TROUBLES);
                    s.troubles = each
                        .map(|(p, why)| format!("{}: {why}", p.display()))
                        .collect();
                    s.trouble = match out.failed.len() {
                        0 => None,
                        1 => s.troubles.first().cloned(),
                        n => Some(format!(
                            "{n} files could not be loaded; Overview says which and why"
                        )),
                    };
                    if s.trouble.is_none() && out.damaged {
                        s.trouble = Some(
                            "part of the evidence is damaged; Sources says what was skipped".into(),
                        );
                    }
                }
                Err(e) => {
                    self.status = e.exit_code();
                    s.trouble = Some(e.to_string());
                }
            }
        }
        s.clone()
    }
}

async fn looped(o: &UiOptions, m: &mut Model, guard: &Guard) -> io::Result<i32> {
    let gate = FrameGate::default();
    let mut screen = Terminal::new(CrosstermBackend::new(FrameWriter::new(io::stdout(), &gate)))?;
    if let Ok(s) = terminal::size() {
        m.size = s;
    }
    let (lanes, mut replies) = Lanes::start(&o.case, &o.with);
    let mut loading = start_load(o);
    let mut events = EventStream::new();
    let mut term_sig = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    let mut quit_sig = signal(SignalKind::quit())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut timers: Vec<(Instant, Timer)> = Vec::new();
    let mut next_frame = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(LOAD_MS));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut fx = update::start(m);
    if let Some(q) = &o.trace {
        fx.extend(update::open_trace(m, q.clone()));
    }
    if m.mouse {
        guard.mouse(true)?;
    }
    let mut quit: Option<i32> = None;
    loop {
        let mut todo = std::mem::take(&mut fx);
        while !todo.is_empty() {
            for e in std::mem::take(&mut todo) {
                match e {
                    Effect::Ask(a) => match a.what.lane() {
                        LaneId::Page => lanes.page.ask(*a),
                        LaneId::Aggregate => lanes.aggregate.ask(*a),
                        LaneId::Work => lanes.work.ask(*a),
                    },
                    Effect::DropFrame(id) => lanes.all().iter().for_each(|l| l.drop_frame(id)),
                    Effect::Cancel => lanes.all().iter().for_each(|l| {
                        l.cancel();
                    }),
                    Effect::After(ms, t) => {
                        timers.push((Instant::now() + Duration::from_millis(ms), t))
                    }
                    Effect::Copy(text) => {
                        let (seq, _) = term::clipboard::osc52(&text);
                        gate.open();
                        screen.backend_mut().write_all(seq.as_bytes())?;
                        io::Write::flush(screen.backend_mut())?;
                    }
                    Effect::Mouse(on) => guard.mouse(on)?,
                    Effect::Suspend => {
                        guard.suspend()?;
                        screen.clear()?;
                        if let Ok((w, h)) = terminal::size() {
                            todo.extend(update::update(m, Msg::Resize(w, h)));
                        }
                    }
                    Effect::Redraw => {
                        gate.open();
                        screen.clear()?;
                        m.dirty = true;
                    }
                    Effect::Quit(code) => quit = Some(code),
                }
            }
        }
        if let Some(code) = quit {
            return Ok(finish(code, &lanes, loading));
        }
        let now = Instant::now();
        if m.dirty && now >= next_frame {
            frame(m, &mut screen, &gate)?;
            m.dirty = false;
            next_frame = now + Duration::from_millis(FRAME_MS).max(now.elapsed());
        }
        let timer = timers.iter().map(|(t, _)| *t).min();
        let frame_at = m.dirty.then_some(next_frame);
        let wake = [timer, frame_at].into_iter().flatten().min();
        let msg = tokio::select! {
            biased;
            e = events.next() => match e {
                Some(Ok(e)) => event(e),
                // The terminal is gone.
                Some(Err(_)) | None => Some(Msg::End(129)),
            },
            _ = term_sig.recv() => Some(Msg::End(143)),
            _ = hup.recv() => Some(Msg::End(129)),
            _ = quit_sig.recv() => Some(Msg::End(131)),
            _ = int.recv() => Some(Msg::End(130)),
            r = replies.recv() => r.map(Msg::Reply),
            _ = look.tick(), if loading.as_ref().is_some_and(|l| l.snap.phase < 2) => loading.as_mut().map(|l| Msg::Load(l.look())),
            () = sleep(wake), if wake.is_some() => None,
        };
        if let Some(msg) = msg {
            fx.extend(update::update(m, msg));
        }
        // What else is there already belongs into the same frame.
        while let Ok(r) = replies.try_recv() {
            fx.extend(update::update(m, Msg::Reply(r)));
        }
        let now = Instant::now();
        let due: Vec<Timer> = timers
            .iter()
            .filter(|(t, _)| *t <= now)
            .map(|(_, t)| *t)
            .collect();
        timers.retain(|(t, _)| *t > now);
        for t in due {
            fx.extend(update::update(m, Msg::Timer(t)));
        }
    }
}

async fn sleep(until: Option<Instant>) {
    if let Some(t) = until {
        tokio::time::sleep_until(t.into()).await;
    }
}

fn event(e: Event) -> Option<Msg> {
    Some(match e {
        Event::Key(k) => Msg::Key(k),
        Event::Mouse(x) => Msg::Mouse(x),
        Event::Paste(t) => Msg::Paste(t),
        Event::Resize(w, h) => Msg::Resize(w, h),
        Event::FocusGained | Event::FocusLost => return None,
    })
}

/// One frame, one write, shown at once by terminals that can.
fn frame(m: &Model, screen: &mut Screen, gate: &FrameGate) -> io::Result<()> {
    gate.hold();
    screen
        .backend_mut()
        .queue(terminal::BeginSynchronizedUpdate)?;
    screen.draw(|f| screen::draw(m, f.buffer_mut()))?;
    screen
        .backend_mut()
        .queue(terminal::EndSynchronizedUpdate)?;
    gate.open();
    io::Write::flush(screen.backend_mut())
}

/// Stops what runs: writes are finished, a load stops at its next commit and keeps what it read. Who leaves in peace is told
/// how a load went that had ended by then, as `load` tells it.
fn finish(code: i32, lanes: &Lanes, loading: Option<Loading>) -> i32 {
    for l in lanes.all() {
        l.end();
    }
    lanes.shared.end();
    term::guard::give_back();
    let t = Instant::now();
    while !lanes.work.idle() && t.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(2));
    }
    if let Some(mut l) = loading {
        l.progress.stop.store(true, Ordering::SeqCst);
        if let Some(h) = l.thread.take() {
            let _ = h.join();
        }
        if code == 0 {
            return i32::from(l.status);
        }
    }
    code
}
