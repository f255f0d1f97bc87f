//! Recordings run in a network namespace of their own: what they need is looked for first, and what is missing is said loudly.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub fn have(tool: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|d| d.join(tool).is_file());
    if !found {
        eprintln!("SKIPPED: {tool} is missing");
    }
    found
}

pub fn ok(c: &mut Command) -> bool {
    c.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Whether all tools are there, and the right to a namespace.
pub fn ready(tools: &[&str]) -> bool {
    if !have("unshare") || !tools.iter().all(|t| have(t)) {
        return false;
    }
    let right = ok(Command::new("unshare").args(["-n", "true"]));
    if !right {
        eprintln!("SKIPPED: no right to a network namespace");
    }
    right
}

/// A script of `tests/record` that a program runs in a namespace of its own.
pub fn script(program: impl AsRef<OsStr>, name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut c = Command::new("unshare");
    c.arg("-n")
        .arg(program)
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/record")
                .join(name),
        )
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::null());
    c
}

/// Runs it; what it said is the reason where it failed.
pub fn run(c: &mut Command) {
    let run = c.output().unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// A Python and a folder of Node modules with packages that are fetched once.
pub fn packages(
    name: &str,
    python: &[&str],
    imports: &str,
    node: &[&str],
) -> Option<(PathBuf, PathBuf)> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (venv, modules) = (dir.join("venv"), dir.join("node/node_modules"));
    std::fs::create_dir_all(dir.join("node")).unwrap();
    let bin = venv.join("bin/python");
    let here = || ok(Command::new(&bin).args(["-c", &format!("import {imports}")]));
    let fetched = here()
        || ok(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            && ok(Command::new(&bin)
                .args(["-m", "pip", "install", "-q"])
                .args(python))
            && here();
    if !fetched {
        eprintln!("SKIPPED: the Python packages {python:?} are missing and cannot be fetched");
        return None;
    }
    let there = |m: &&str| {
        let name = match m.rsplit_once('@') {
            Some((name, _)) if !name.is_empty() => name,
            _ => m,
        };
        modules.join(name).exists()
    };
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund"])
        .args(node)
        .current_dir(dir.join("node"));
    if !node.iter().all(there) && !ok(&mut npm) {
        eprintln!("SKIPPED: the Node packages {node:?} are missing and cannot be fetched");
        return None;
    }
    Some((bin, modules))
}
