//! The real program in a pseudo-terminal, from opening to verdict; its output is read by a terminal emulator, and every
//! byte of it must be one that an emulator knows.

use crate::ui_demo::clue;
use portable_pty::{CommandBuilder, NativePtySystem, PtySize, PtySystem};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Term {
    screen: Arc<Mutex<vt100::Parser>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    input: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Term {
    fn start(args: &[&str], state: &std::path::Path, env: &[(&str, &str)]) -> Term {
        let (rows, cols) = (36, 120);
        let pair = NativePtySystem::default()
            .openpty(PtySize {
                rows,
                cols,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let mut c = CommandBuilder::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args);
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
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            rows.try_into().unwrap(),
            cols.try_into().unwrap(),
            0,
        )));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let mut out = pair.master.try_clone_reader().unwrap();
        let input = pair.master.take_writer().unwrap();
        let (s, b) = (screen.clone(), bytes.clone());
        std::thread::spawn(move || {
            let mut buf = [0u8; 65536];
            while let Ok(n) = out.read(&mut buf) {
                if n == 0 {
                    break;
                }
                s.lock().unwrap().process(&buf[..n]);
                b.lock().unwrap().extend_from_slice(&buf[..n]);
            }
        });
        Term {
            screen,
            bytes,
            input,
            child,
            _master: pair.master,
        }
    }
    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }
    fn wait(&self, what: &str) {
        let t = Instant::now();
        while !self.text().contains(what) {
            assert!(
                t.elapsed() < Duration::from_secs(90),
                "no {what:?} on:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }
    fn sent(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }
    fn end(&mut self) -> u32 {
        let t = Instant::now();
        loop {
            if let Some(s) = self.child.try_wait().unwrap() {
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

fn json(args: &[&str], state: &std::path::Path) -> serde_json::Value {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(args)
        .env("XDG_STATE_HOME", state)
        .env("HOME", state)
        .output()
        .unwrap();
    serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)))
}

#[test]
fn from_opening_to_the_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("demo.ltc");
    let case = case.to_str().unwrap();
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/shop.pcap.zst");
    let mut t = Term::start(&["--case", case, files], dir.path(), &[]);
    t.wait("What we can and cannot see");
    t.wait("loaded: numbers are final");
    t.send("6");
    t.wait("Enter or T asks what to trace");
    t.send("\r");
    t.wait("Trace what?");
    t.send(&clue());
    t.send("\r");
    t.wait("Suspects, best first");
    let by_cli = json(
        &["trace", "--clue", &clue(), "--json", "--case", case],
        dir.path(),
    );
    let leaker = by_cli["verdict"]["set"][0]
        .as_str()
        .expect("a verdict")
        .to_string();
    t.wait(&format!("verdict     {leaker}"));
    // Idle means silent.
    std::thread::sleep(Duration::from_millis(400));
    let n = t.sent();
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(t.sent(), n, "bytes were sent while nothing changed");
    t.send("qqq");
    assert_eq!(t.end(), 0);
    let all = t.bytes.lock().unwrap().clone();
    let tail = String::from_utf8_lossy(&all[all.len().saturating_sub(200)..]).into_owned();
    assert!(
        tail.contains("\u{1b}[?1049l") && tail.contains("\u{1b}[?25h"),
        "the terminal is given back: {tail:?}"
    );
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for (sig, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("demo.ltc");
        let files = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/shop.pcap.zst");
        let mut t = Term::start(
            &["--case", case.to_str().unwrap(), files],
            dir.path(),
            &[("NO_COLOR", "1")],
        );
        t.wait("What we can and cannot see");
        let pid = t.child.process_id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args([&format!("-{sig}"), &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(t.end(), code, "{sig}");
        std::thread::sleep(Duration::from_millis(100));
        let all = String::from_utf8_lossy(&t.bytes.lock().unwrap()).into_owned();
        assert!(
            all.contains("\u{1b}[?1049l") && all.contains("\u{1b}[?25h"),
            "{sig}"
        );
    }
}

#[test]
fn without_colour_no_colour_is_sent_and_the_selection_is_reversed() {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("demo.ltc");
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/demo-data/shop.pcap.zst");
    let mut t = Term::start(
        &["--case", case.to_str().unwrap(), files],
        dir.path(),
        &[("NO_COLOR", "1")],
    );
    t.wait("loaded: numbers are final");
    t.send("2");
    t.wait("ACCOUNT");
    std::thread::sleep(Duration::from_millis(500));
    {
        let s = t.screen.lock().unwrap();
        let s = s.screen();
        let (rows, cols) = s.size();
        let mut reversed = 0;
        for y in 0..rows.get() {
            for x in 0..cols.get() {
                let Some(c) = s.cell(y, x) else { continue };
                assert_eq!(c.fgcolor(), vt100::Color::Default);
                assert_eq!(c.bgcolor(), vt100::Color::Default);
                reversed += usize::from(c.inverse());
            }
        }
        assert!(reversed > 80, "the selected row is seen: {reversed} cells");
    }
    t.send("\u{3}\u{3}");
    assert_eq!(t.end(), 130);
}
