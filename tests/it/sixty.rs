//! The four questions of the design, from a shell's prompt to the answers on screen, in at most sixty keys, every typed character counted.
//! The same keys answer another case ([`super::second_case`]); nothing in them but the clue knows which case it is.

use crate::support::pty::Term;
use crate::ui_pty::{Seen, behind};
use std::path::Path;

/// What may be pressed in all.
const KEYS: usize = 60;

/// Counts what is pressed.
struct Hands {
    t: Term,
    pressed: usize,
}

impl Hands {
    fn press(&mut self, keys: &str) {
        self.pressed += keys.chars().count();
        self.t.send(keys);
    }
}

/// Answers them in a shell of its own. `command` opens the evidence; `value` stands in the clue. Gives what was seen and the keys that
/// it took.
pub fn answers(
    command: &str,
    folder: &Path,
    state: &Path,
    apis: usize,
    value: &str,
) -> (Seen, usize) {
    let mut h = Hands {
        t: Term::shell(folder, state),
        pressed: 0,
    };
    h.t.wait("ready>");
    h.press(command);
    h.press("\r");
    // What is here? What cannot be read stands on the first screen, the interfaces on the third.
    h.t.wait("What we can and cannot see");
    h.t.wait("loaded: numbers are final");
    h.press("3");
    h.t.wait(&format!("APIs  1/{apis}"));
    // Who leaked this? The clue lies beside the evidence or in the current folder: one letter finds it.
    h.press("6");
    h.t.wait("Enter or T asks what to trace");
    h.press("\r");
    h.t.wait("Trace what?");
    h.press("l\t");
    h.t.wait("leaked-rows.csv");
    h.press("\r");
    h.t.wait("Suspects, best first");
    let leaker = h.t.wait_for("verdict", |s| behind(s, "verdict     "));
    // What did this account do?
    h.press("\r");
    h.t.wait(&format!("/ account:{leaker}"));
    h.t.wait("Calls  1/");
    h.press("R");
    let session = h.t.wait_for("Replay", |s| behind(s, "Replay "));
    h.t.wait("step 1/");
    h.t.wait(&leaker);
    // How did this record move?
    h.press("6");
    h.t.wait("Enter or T asks what to trace");
    h.press("\r");
    h.t.wait("Trace what?");
    h.press(value);
    h.press("\r");
    h.t.wait("Sightings in time order");
    let exit = h.t.wait_for("left for", |s| behind(s, "left for "));
    h.t.wait("Path of ");
    assert!(h.pressed <= KEYS, "{} keys", h.pressed);
    let seen = Seen {
        leaker,
        session,
        exit,
    };
    (seen, h.pressed)
}

#[test]
fn the_demo_is_answered_in_sixty_keys_from_the_shell() {
    let dir = tempfile::tempdir().unwrap();
    let clue = include_str!("../../demo-data/leaked-rows.csv");
    let value = clue.lines().nth(1).unwrap().split(',').nth(2).unwrap();
    let (seen, keys) = answers("leaktrace demo", dir.path(), dir.path(), 29, value);
    assert_eq!(
        (seen.leaker.as_str(), seen.exit.as_str()),
        ("wu.tao", "198.51.100.23")
    );
    println!("{keys} keys");
    // the session on screen is the leaker's, with all that he did in it
    let case = dir.path().join("leaktrace/demo/demo.ltc");
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args([
            "replay",
            &seen.session,
            "--json",
            "--case",
            case.to_str().unwrap(),
        ])
        .env("XDG_STATE_HOME", dir.path())
        .output()
        .unwrap();
    let rows: Vec<serde_json::Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(rows.len(), 220);
    assert!(rows.iter().all(|r| r["account"] == "wu.tao"));
}
