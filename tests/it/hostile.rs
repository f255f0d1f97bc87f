//! The real binary against what it will meet: damaged and foreign files, cases that are none, full and read-only disks,
//! being killed. Statuses are those of the contract; an error names the file; standard output holds rows and nothing else.

use crate::support::random::Random;
use crate::support::{bank, wire};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with a state of its own, in which the program runs.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place {
            dir: tempfile::tempdir().unwrap(),
        }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
    fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_leaktrace"));
        c.args(args)
            .current_dir(self.dir.path())
            .env("HOME", self.path("home"))
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::null());
        c
    }
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
    /// Loads `files` into `case`; the status must be `status`.
    fn load(&self, case: &str, files: &[&str], status: i32) -> String {
        let out = self.run(&[&["load", "--case", case], files].concat());
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(status), "load {files:?}: {said}");
        assert!(
            out.stdout.is_empty(),
            "rows only: {:?}",
            String::from_utf8_lossy(&out.stdout)
        );
        assert!(!said.contains("panicked"), "{said}");
        said
    }
    /// What other programs see of a case.
    fn dump(&self, case: &str) -> Vec<String> {
        let mut all = Vec::new();
        for verb in [
            "calls", "findings", "accounts", "apis", "sessions", "risks", "flows",
        ] {
            let out = self.run(&[verb, "--json", "--case", case]);
            let code = out.status.code();
            assert!(
                matches!(code, Some(0 | 1)),
                "{verb}: {code:?} {}",
                String::from_utf8_lossy(&out.stderr)
            );
            for line in String::from_utf8(out.stdout).unwrap().lines() {
                serde_json::from_str::<Value>(line).unwrap();
                all.push(format!("{verb} {line}"));
            }
        }
        all
    }
}

fn same(a: &[String], b: &[String], what: &str) {
    if let Some((x, y)) = a.iter().zip(b).find(|(x, y)| x != y) {
        panic!("{what}:\n{x}\n{y}");
    }
    assert_eq!(a.len(), b.len(), "{what}");
}

/// A capture of about `megabytes`: keep-alive connections of several clients with people in the answers. `part` moves
/// clock and ports, so that parts are different calls of one story.
fn traffic(megabytes: usize, part: u16) -> Vec<u8> {
    let mut r = Random::new(77 + u64::from(part));
    let start = 1_790_000_000_000_000_000 + i64::from(part) * 3_600_000_000_000;
    let mut w = wire::Wire::new(Vec::new(), start).unwrap();
    let (mut size, mut n) = (0, 0u16);
    while size < megabytes << 20 {
        n += 1;
        let client = (
            Ipv4Addr::new(10, 1, 0, (n % 7) as u8 + 1),
            20_000 + part * 5000 + n % 5000,
        );
        let mut c = w.open(client, (Ipv4Addr::new(10, 9, 0, 1), 8080)).unwrap();
        let user = format!("user{}", n % 7);
        for _ in 0..8 {
            let id = r.below(500);
            let rows: Vec<String> = (0..r.below(12))
                .map(|i| format!(r#"{{"id":{},"name":"Person {i}","email":"p{}@mail.example","mobile":"138{}","note":"{}"}}"#, id + i, id + i, r.digits(8), r.hex(700)))
                .collect();
            let body = format!(
                "{{\"total\":{},\"items\":[{}]}}",
                rows.len(),
                rows.join(",")
            );
            let headers = [(
                "Authorization",
                format!("Basic {}", base64(&format!("{user}:pw{}", n % 7))),
            )];
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(a, b)| (*a, b.as_str())).collect();
            let request = wire::request(
                "GET",
                "crm.example",
                &format!("/api/users/{id}?page={}", r.below(9)),
                &headers,
                b"",
            );
            size += body.len() + request.len() + 800;
            w.exchange(
                &mut c,
                &request,
                &wire::response(
                    "200 OK",
                    &[("Content-Type", "application/json")],
                    body.as_bytes(),
                ),
            )
            .unwrap();
        }
        w.close(&mut c).unwrap();
    }
    w.into_inner()
}

fn base64(s: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(s)
}

const LOG: &str = "10.1.2.3 - li.bo [10/Oct/2026:13:55:36 +0800] \"GET /a?phone=13812345678 HTTP/1.1\" 200 2326 \"-\" \"curl\"\n";

fn root_tmpfs(at: &Path, options: &str) -> bool {
    fs::create_dir_all(at).unwrap();
    Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(at)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

struct Mounted(PathBuf);
impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn what_is_no_evidence_is_refused_by_name() {
    let p = Place::new();
    let mut r = Random::new(5);
    let noise: Vec<u8> = (0..70_000).map(|_| r.next() as u8).collect();
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.extend_from_slice(&noise[..3000]);
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("noise.pcap", &noise),
        ("picture.pcap", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"),
        ("program", &elf),
        ("prose.log", b"Dear all,\nthis is no log.\nRegards\n"),
        ("magic-only.pcap", b"\xd4\xc3\xb2\xa1"),
        (
            "gzip-of-nothing.gz",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0",
        ),
        ("gzip-cut.gz", b"\x1f\x8b\x08\0\0\0"),
    ] {
        p.file(name, bytes);
        let said = p.load("none.ltc", &[name], 4);
        assert!(said.contains(name), "names {name}: {said}");
    }
    fs::create_dir(p.path("bare")).unwrap();
    p.load("none.ltc", &["bare"], 4);
    let said = p.load("none.ltc", &["missing.pcap"], 4);
    assert!(said.contains("missing.pcap"), "{said}");
    assert!(
        !p.path("none.ltc").exists(),
        "no case is left where nothing was read"
    );
    // beside good evidence, the rest is told and the good is in the case
    p.file("good.log", LOG.repeat(5).as_bytes());
    let said = p.load("some.ltc", &["good.log", "noise.pcap", "missing.pcap"], 3);
    assert!(
        said.contains("noise.pcap") && said.contains("missing.pcap"),
        "{said}"
    );
    assert!(p.dump("some.ltc").iter().any(|l| l.starts_with("calls ")));
}

#[test]
fn every_status_of_the_contract() {
    let p = Place::new();
    p.file("a.log", LOG.as_bytes());
    p.load("c.ltc", &["a.log"], 0);
    let status = |args: &[&str]| {
        let out = p.run(args);
        (
            out.status.code().unwrap(),
            out.stdout,
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    assert_eq!(status(&["calls", "--json", "--case", "c.ltc"]).0, 0);
    let (code, out, _) = status(&["calls", "status:599", "--json", "--case", "c.ltc"]);
    assert_eq!((code, out.len()), (1, 0));
    for wrong in [
        &["calls", "acount:li", "--case", "c.ltc"][..],
        &["calls", "(", "--case", "c.ltc"],
        &["load"],
        &["nonsense-verb", "--frob"],
        &["sql", "DELETE FROM call", "--case", "c.ltc"],
    ] {
        let (code, out, said) = status(wrong);
        assert_eq!((code, out.len()), (2, 0), "{wrong:?}: {said}");
        assert!(!said.is_empty());
    }
    let (code, out, said) = status(&["calls", "--case", "absent.ltc"]);
    assert_eq!((code, out.len()), (4, 0), "{said}");
    assert!(
        said.contains("absent.ltc") && !p.path("absent.ltc").exists(),
        "{said}"
    );
    // evidence that changed after it was loaded
    assert_eq!(status(&["verify", "--json", "--case", "c.ltc"]).0, 0);
    fs::write(p.path("a.log"), LOG.replace("2326", "2327")).unwrap();
    let (code, _, said) = status(&["verify", "--json", "--case", "c.ltc"]);
    assert_eq!(code, 3, "{said}");
}

#[test]
fn a_case_that_is_none_is_refused_and_left_as_it_was() {
    let p = Place::new();
    p.file("a.log", LOG.as_bytes());
    let foreign = p.path("foreign.db");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES (1);")
        .unwrap();
    p.file("garbage.ltc", &[0x5a; 5000]);
    p.file("text.ltc", b"SQLite format 3\0 and then not");
    p.load("newer.ltc", &["a.log"], 0);
    rusqlite::Connection::open(p.path("newer.ltc"))
        .unwrap()
        .execute_batch("PRAGMA user_version=9999; PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    for name in [
        "foreign.db",
        "garbage.ltc",
        "text.ltc",
        "newer.ltc",
        "a.log",
    ] {
        let before = fs::read(p.path(name)).unwrap();
        let said = p.load(name, &["a.log"], 4);
        assert!(said.contains(name), "{said}");
        let out = p.run(&["calls", "--json", "--case", name]);
        assert_eq!(
            (out.status.code(), out.stdout.len()),
            (Some(4), 0),
            "{name}"
        );
        assert_eq!(
            fs::read(p.path(name)).unwrap(),
            before,
            "{name} was written to"
        );
        // not even a lock is left beside what is another program's
        let lock = p.path(&format!("{name}.lock"));
        assert_eq!(lock.exists(), name == "newer.ltc", "{name}");
    }
    // whose file it is comes before who may read it
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o644)).unwrap();
    let said = p.load("foreign.db", &["a.log"], 4);
    assert!(said.contains("not a leaktrace case"), "{said}");
    fs::create_dir(p.path("folder.ltc")).unwrap();
    p.load("folder.ltc", &["a.log"], 4);
    p.load("no/such/folder/c.ltc", &["a.log"], 4);
}

#[test]
fn a_capture_cut_anywhere_gives_what_is_whole() {
    let p = Place::new();
    let whole = bank_capture();
    let small = &whole[..whole.len().min(60_000)];
    let mut last = 0;
    let step = (small.len() / 14).next_multiple_of(97) + 1; // never a packet border for long
    for (n, end) in (24..small.len()).step_by(step).enumerate() {
        let (file, case) = (format!("cut{n}.pcap"), format!("cut{n}.ltc"));
        p.file(&file, &small[..end]);
        let out = p.run(&["load", "--json", "--case", &case, &file]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let code = out.status.code();
        assert!(
            matches!(code, Some(0 | 3 | 4)) && !said.contains("panicked"),
            "{end}: {code:?} {said}"
        );
        if code != Some(4) {
            let again = p.run(&["load", "--json", "--case", &case, &file]);
            assert_eq!(again.status.code(), code, "the same evidence once more");
            let sum: Value = serde_json::from_slice(&out.stdout).unwrap();
            let calls = sum["calls"].as_u64().unwrap();
            assert!(calls >= last, "more bytes, not fewer calls: {last} {calls}");
            last = calls;
        }
    }
    assert!(last > 5);
}

fn bank_capture() -> Vec<u8> {
    bank::make(3, 80).capture
}

#[test]
fn evidence_is_not_touched_and_the_case_is_private() {
    let p = Place::new();
    let file = p.file("a.pcap", &traffic(1, 0));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let look = || {
        (
            Sha256::digest(fs::read(&file).unwrap()),
            fs::metadata(&file).unwrap().modified().unwrap(),
        )
    };
    let before = look();
    p.load("c.ltc", &["a.pcap"], 0);
    p.dump("c.ltc");
    assert_eq!(look(), before);
    let mut seen = 0;
    for entry in fs::read_dir(p.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("c.ltc") {
            seen += 1;
            assert_eq!(
                entry.metadata().unwrap().permissions().mode() & 0o777,
                0o600,
                "{name}"
            );
        }
    }
    assert!(seen >= 1);
    // the hash of the row is the hash of the file
    let out = p.run(&["sources", "--json", "--case", "c.ltc"]);
    let row: Value = serde_json::from_slice(&out.stdout).unwrap();
    let hex: String = before.0.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(row["sha256"].as_str(), Some(hex.as_str()));
}

#[test]
fn loading_order_and_repetition_do_not_matter() {
    let p = Place::new();
    p.file("a.pcap", &traffic(1, 0));
    p.file("b.pcap", &traffic(1, 1));
    p.file("c.log", LOG.repeat(3).as_bytes());
    fs::copy(p.path("a.pcap"), p.path("copy.pcap")).unwrap();
    p.load("once.ltc", &["a.pcap", "b.pcap", "c.log"], 0);
    let once = p.dump("once.ltc");
    assert!(once.iter().filter(|l| l.starts_with("calls ")).count() > 100);
    p.load("once.ltc", &["a.pcap", "a.pcap"], 0);
    p.load("once.ltc", &["copy.pcap"], 0);
    same(&once, &p.dump("once.ltc"), "loaded again");
    p.load("order.ltc", &["c.log", "b.pcap", "a.pcap", "copy.pcap"], 0);
    same(&once, &p.dump("order.ltc"), "another order");
    p.load("steps.ltc", &["a.pcap"], 0);
    p.load("steps.ltc", &["c.log"], 0);
    p.load("steps.ltc", &["b.pcap"], 0);
    same(&once, &p.dump("steps.ltc"), "one after the other");
    p.load("back.ltc", &["b.pcap"], 0);
    p.load("back.ltc", &["a.pcap", "c.log"], 0);
    same(&once, &p.dump("back.ltc"), "the later part first");
}

#[test]
fn killed_or_interrupted_a_load_is_repeated_whole() {
    killed(5, &[10, 50, 90]);
}

#[test]
#[ignore = "slow"]
fn killed_at_many_points_of_a_larger_load() {
    killed(30, &[2, 15, 40, 70, 90, 98]);
}

fn killed(megabytes: usize, points: &[u32]) {
    let p = Place::new();
    p.file("a.pcap", &traffic(megabytes, 0));
    let begin = Instant::now();
    p.load("clean.ltc", &["a.pcap"], 0);
    let took = begin.elapsed();
    let clean = p.dump("clean.ltc");
    for &percent in points {
        let case = format!("killed{percent}.ltc");
        let mut child = p
            .command(&["load", "--case", &case, "a.pcap"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(took * percent / 100);
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        if p.path(&case).exists() {
            // what is there can be looked at before the load is repeated
            let out = p.run(&["calls", "--count", "--json", "--case", &case]);
            assert!(
                matches!(out.status.code(), Some(0 | 1 | 4)),
                "{}",
                String::from_utf8_lossy(&out.stderr)
            );
        }
        p.load(&case, &["a.pcap"], 0);
        same(&clean, &p.dump(&case), &format!("killed at {percent} %"));
    }
    // the first of these loads may have ended before it was asked to: the next is asked sooner
    let (mut out, mut begin) = (None, Instant::now());
    for part in [3, 6, 12, 24, 48] {
        let _ = std::fs::remove_file(p.path("int.ltc"));
        let child = p
            .command(&["load", "--case", "int.ltc", "a.pcap"])
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(took / part);
        Command::new("kill")
            .arg("-INT")
            .arg(child.id().to_string())
            .status()
            .unwrap();
        begin = Instant::now();
        out = Some(child.wait_with_output().unwrap());
        if out.as_ref().and_then(|o| o.status.code()) != Some(0) {
            break;
        }
    }
    let out = out.unwrap();
    assert_eq!(
        out.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(out.stdout.is_empty());
    assert!(
        begin.elapsed() < took + Duration::from_secs(5),
        "an interrupt ends the load soon"
    );
    p.load("int.ltc", &["a.pcap"], 0);
    same(&clean, &p.dump("int.ltc"), "interrupted");
}

#[test]
fn a_full_disk_is_an_error_that_names_the_case_and_leaves_a_usable_one() {
    let p = Place::new();
    let small = p.path("small");
    if !root_tmpfs(&small, "size=4m") {
        eprintln!("SKIPPED: no right to mount a small disk");
        return;
    }
    let _mounted = Mounted(small.clone());
    p.file("a.pcap", &traffic(16, 0));
    let said = p.load("small/c.ltc", &["a.pcap"], 4);
    assert!(
        said.contains("c.ltc") || said.contains("small"),
        "names the place: {said}"
    );
    assert!(
        said.to_lowercase().contains("full") || said.contains("space"),
        "names the cause: {said}"
    );
    // on a disk with room the same case can be finished
    if small.join("c.ltc").exists() {
        fs::copy(small.join("c.ltc"), p.path("moved.ltc")).unwrap();
        fs::set_permissions(p.path("moved.ltc"), fs::Permissions::from_mode(0o600)).unwrap();
        let wal = small.join("c.ltc-wal");
        if wal.exists() {
            fs::copy(wal, p.path("moved.ltc-wal")).unwrap();
        }
        p.load("moved.ltc", &["a.pcap"], 0);
        p.load("clean.ltc", &["a.pcap"], 0);
        same(
            &p.dump("clean.ltc"),
            &p.dump("moved.ltc"),
            "after a full disk",
        );
    }
}

#[test]
fn a_read_only_folder_can_be_read_from_and_not_written_to() {
    let p = Place::new();
    let at = p.path("ro");
    if !root_tmpfs(&at, "size=16m") {
        eprintln!("SKIPPED: no right to mount a disk");
        return;
    }
    let _mounted = Mounted(at.clone());
    fs::write(at.join("a.pcap"), traffic(1, 0)).unwrap();
    p.load("ro/c.ltc", &["ro/a.pcap"], 0);
    let before = p.dump("ro/c.ltc");
    let status = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(&at)
        .status()
        .unwrap();
    assert!(status.success());
    same(&before, &p.dump("ro/c.ltc"), "read-only");
    p.load("out.ltc", &["ro/a.pcap"], 0);
    same(&before, &p.dump("out.ltc"), "evidence on a read-only disk");
    let said = p.load("ro/d.ltc", &["ro/a.pcap"], 4);
    assert!(said.contains("d.ltc"), "{said}");
}
