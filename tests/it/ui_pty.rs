//! The real program in a pseudo-terminal, from opening to verdict; its output is read by a terminal emulator, and every
//! byte of it must be one that an emulator knows.

use crate::support::pty::Term;
use crate::ui_demo::clue;
use std::time::Duration;

/// What a walk through a case has shown.
pub struct Seen {
    /// The one account of the verdict.
    pub leaker: String,
    /// Id of the session that was replayed.
    pub session: String,
    /// Address that the value left for.
    pub exit: String,
}

/// The word behind another one.
pub fn behind(text: &str, word: &str) -> Option<String> {
    let (_, rest) = text.split_once(word)?;
    Some(rest.split_whitespace().next()?.to_owned())
}

/// The keys of the demo's page, whatever the case: who leaked the clue, what they did, and where one value went.
pub fn walk(t: &mut Term, clue: &str, value: &str) -> Seen {
    t.wait("What we can and cannot see");
    t.wait("loaded: numbers are final");
    t.send("6");
    t.wait("Enter or T asks what to trace");
    t.send("\r");
    t.wait("Trace what?");
    t.send(clue);
    t.send("\r");
    t.wait("Suspects, best first");
    let leaker = t.wait_for("verdict", |s| behind(s, "verdict     "));
    t.send("\r");
    t.wait(&format!("/ account:{leaker}"));
    t.wait("Calls  1/");
    t.send("R");
    let session = t.wait_for("Replay", |s| behind(s, "Replay "));
    t.wait("step 1/");
    t.send("6");
    t.wait("Enter or T asks what to trace");
    t.send("\r");
    t.wait("Trace what?");
    t.send(value);
    t.send("\r");
    t.wait("Sightings in time order");
    let exit = t.wait_for("left for", |s| behind(s, "left for "));
    Seen {
        leaker,
        session,
        exit,
    }
}

pub fn json(args: &[&str], state: &std::path::Path) -> serde_json::Value {
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
    let all = t.bytes();
    let tail = String::from_utf8_lossy(&all[all.len().saturating_sub(200)..]).into_owned();
    assert!(
        tail.contains("\u{1b}[?1049l") && tail.contains("\u{1b}[?25h"),
        "the terminal is given back: {tail:?}"
    );
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for (sig, code) in [("TERM", 143), ("HUP", 129), ("INT", 130), ("QUIT", 131)] {
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
        let all = String::from_utf8_lossy(&t.bytes()).into_owned();
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
    t.screen(|s| {
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
    });
    t.send("\u{3}\u{3}");
    assert_eq!(t.end(), 130);
}

#[test]
fn who_leaves_is_told_how_the_load_went() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let noise: Vec<u8> = (0..4000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let nothing = put("noise.bin", &noise);
    let whole = put(
        "access.log",
        b"10.0.0.9 - - [23/Nov/2026:19:08:55 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"curl\"\n",
    );
    for (files, says, code) in [
        (vec![&nothing], "neither a capture", 4),
        (vec![&whole, &nothing], "neither a capture", 3),
        (vec![&whole], "loaded: numbers are final", 0),
    ] {
        let case = dir.path().join(format!("{code}.ltc"));
        let mut args = vec!["--case", case.to_str().unwrap()];
        args.extend(files.iter().map(|f| f.as_str()));
        let mut t = Term::start(&args, dir.path(), &[]);
        t.wait(says);
        t.send("qq");
        assert_eq!(t.end(), code, "{files:?}");
    }
}
