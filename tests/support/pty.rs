//! The real program in a pseudo-terminal of 120x36, read by a terminal emulator. In: arguments, keys. Out: what is on the
//! screen, every byte that was sent, and how long a key took to be seen.

use portable_pty::{CommandBuilder, NativePtySystem, PtySize, PtySystem};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long something may take to appear: builds for tests on a busy machine are slow.
const PATIENCE: Duration = Duration::from_secs(90);

struct State {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    /// When the last bytes came.
    at: Instant,
}

#[derive(Clone)]
struct Shared(Arc<(Mutex<State>, Condvar)>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }
}

pub struct Term {
    shared: Shared,
    input: Box<dyn Write + Send>,
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Term {
    /// Starts the program with a state folder of its own and no other environment than `env`.
    pub fn start(args: &[&str], state: &Path, env: &[(&str, &str)]) -> Term {
        let mut c = CommandBuilder::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args);
        Term::spawn(c, state, env)
    }

    /// Starts a shell in a folder, with the program on its path.
    pub fn shell(folder: &Path, state: &Path) -> Term {
        let mut c = CommandBuilder::new("sh");
        c.cwd(folder);
        let program = Path::new(env!("CARGO_BIN_EXE_leaktrace"));
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        Term::spawn(c, state, &[("PATH", &path), ("PS1", "ready> ")])
    }

    fn spawn(mut c: CommandBuilder, state: &Path, env: &[(&str, &str)]) -> Term {
        let (rows, cols) = (36, 120);
        let pair = NativePtySystem::default()
            .openpty(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        c.env_clear();
        c.env("XDG_STATE_HOME", state);
        c.env("HOME", state);
        c.env("TERM", "xterm-256color");
        c.env("LANG", "C.UTF-8");
        for (k, v) in env {
            c.env(k, v);
        }
        let child = pair.slave.spawn_command(c).unwrap();
        drop(pair.slave);
        let shared = Shared(Arc::new((
            Mutex::new(State {
                screen: vt100::Parser::new(rows.try_into().unwrap(), cols.try_into().unwrap(), 0),
                bytes: Vec::new(),
                at: Instant::now(),
            }),
            Condvar::new(),
        )));
        let mut out = pair.master.try_clone_reader().unwrap();
        let input = pair.master.take_writer().unwrap();
        let to = shared.clone();
        std::thread::spawn(move || {
            let mut buf = [0u8; 65536];
            while let Ok(n) = out.read(&mut buf) {
                if n == 0 {
                    break;
                }
                let mut s = to.lock();
                s.at = Instant::now();
                s.screen.process(&buf[..n]);
                s.bytes.extend_from_slice(&buf[..n]);
                drop(s);
                to.0.1.notify_all();
            }
        });
        Term {
            shared,
            input,
            child,
            _master: pair.master,
        }
    }

    /// Looks at the screen.
    pub fn screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shared.lock().screen.screen())
    }
    /// The screen as lines.
    pub fn text(&self) -> String {
        self.screen(vt100::Screen::contents)
    }
    /// Waits until something is on the screen.
    pub fn wait(&self, what: &str) {
        self.wait_for(what, |t| t.contains(what).then_some(()));
    }
    /// Waits until the screen says something, and gives that.
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let begin = Instant::now();
        let mut s = self.shared.lock();
        loop {
            let text = s.screen.screen().contents();
            if let Some(found) = find(&text) {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "no {what:?} on:\n{text}");
            let step = Duration::from_millis(200);
            s = self.shared.0.1.wait_timeout(s, step).unwrap().0;
        }
    }
    pub fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }
    /// Sends keys and gives the time to the last byte of the frame that shows what they do; `None` where none does in time.
    pub fn timed(
        &mut self,
        keys: &str,
        shown: impl Fn(&vt100::Screen) -> bool,
        patience: Duration,
    ) -> Option<Duration> {
        let begin = Instant::now();
        self.send(keys);
        let mut s = self.shared.lock();
        loop {
            if s.at >= begin && shown(s.screen.screen()) {
                return Some(s.at - begin);
            }
            let left = patience.checked_sub(begin.elapsed())?;
            s = self.shared.0.1.wait_timeout(s, left).unwrap().0;
        }
    }
    /// How many bytes came.
    pub fn sent(&self) -> usize {
        self.shared.lock().bytes.len()
    }
    /// All bytes that came.
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.lock().bytes.clone()
    }
    /// Waits for the program's end; its exit status.
    pub fn end(&mut self) -> u32 {
        let t = Instant::now();
        loop {
            if let Some(s) = self.child.try_wait().unwrap() {
                // Its last bytes may still be on their way to whoever reads them here.
                let mut n = usize::MAX;
                while n != self.sent() {
                    n = self.sent();
                    std::thread::sleep(Duration::from_millis(100));
                }
                return s.exit_code();
            }
            assert!(
                t.elapsed() < Duration::from_secs(20),
                "does not end:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        // A test that fails leaves no program behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
