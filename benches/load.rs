//! Makes a capture of 500 MB (`LEAKTRACE_BENCH_MB` for another size), loads it with the program, and prints time and
//! memory beside coreutils' `sha256sum` of the same file in the same run, and the counts beside the truth; then how long
//! the interface takes from a key to the frame that shows it, while it loads the same capture in a terminal of 120x36.
//!
//! `cargo bench --bench load`. Each is run three times in turn and the median counts. Not a test: it prints, you judge.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{people, pty, random::Random, wire};

/// What the writer of the capture knows.
#[derive(Default, Debug)]
struct Truth {
    calls: u64,
    accounts: u64,
    apis: u64,
    findings: u64,
}

const CLIENTS: usize = 200;

/// JSON bodies of 2-4 KB that all differ; two calls in three carry people, the third orders without sensitive values.
fn make(path: &Path, megabytes: u64) -> Truth {
    let mut r = Random::new(20_261_123);
    let mut w = wire::Wire::new(
        BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap()),
        1_790_000_000_000_000_000,
    )
    .unwrap();
    let mut truth = Truth {
        accounts: CLIENTS as u64,
        apis: 3,
        ..Truth::default()
    };
    let server = (Ipv4Addr::new(10, 9, 0, 1), 8080);
    let mut connections: Vec<_> = (0..CLIENTS)
        .map(|i| {
            w.open(
                (
                    Ipv4Addr::new(10, 8, (i / 100) as u8, (i % 100 + 1) as u8),
                    40_000 + i as u16,
                ),
                server,
            )
            .unwrap()
        })
        .collect();
    let auth: Vec<String> = (0..CLIENTS)
        .map(|i| basic(&format!("user{i:03}"), "secret-of-nobody"))
        .collect();
    let mut written = 0u64;
    while written < megabytes * 1_000_000 {
        let i = r.below(CLIENTS as u64) as usize;
        let (target, body, found) = match truth.calls % 3 {
            0 => orders(&mut r),
            1 => customers(&mut r),
            _ => customer(&mut r),
        };
        let request = wire::request(
            "GET",
            "crm.example:8080",
            &target,
            &[("Authorization", &auth[i])],
            b"",
        );
        let response = wire::response(
            "200 OK",
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        w.exchange(&mut connections[i], &request, &response)
            .unwrap();
        written += (request.len() + response.len()) as u64;
        truth.calls += 1;
        truth.findings += found + 1; // and the password in the Basic credential
    }
    for c in &mut connections {
        w.close(c).unwrap();
    }
    w.into_inner().flush().unwrap();
    truth
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
    )
}

fn orders(r: &mut Random) -> (String, String, u64) {
    let mut s = String::from("{\"page\":1,\"orders\":[");
    for n in 0..12 + r.below(12) {
        let _ = write!(
            s,
            "{}{{\"orderNo\":\"{}\",\"sku\":\"{}\",\"quantity\":{},\"price\":{}.{:02},\"state\":\"{}\",\"warehouse\":\"W{}\",\"trace\":\"{}\"}}",
            if n == 0 { "" } else { "," },
            70_000_000_000_u64 + r.below(9_999_999_999),
            r.hex(8),
            r.below(9),
            r.below(900),
            r.below(100),
            r.pick(&["open", "paid", "sent", "closed"]),
            r.below(30),
            r.hex(32)
        );
    }
    s.push_str("]}");
    (format!("/v1/orders?page={}", r.below(5000)), s, 0)
}

fn customers(r: &mut Random) -> (String, String, u64) {
    let mut s = String::from("{\"items\":[");
    let rows = 8 + r.below(8);
    for n in 0..rows {
        let p = people::person(r);
        let _ = write!(
            s,
            "{}{{\"id\":{},\"name\":\"{}\",\"idCard\":\"{}\",\"mobile\":\"{}\",\"email\":\"{}\",\"vip\":{},\"score\":{},\"note\":\"{}\"}}",
            if n == 0 { "" } else { "," },
            r.below(9_000_000),
            p.name,
            p.cn_id,
            p.mobile,
            p.email,
            r.chance(20),
            r.below(1000),
            r.hex(30)
        );
    }
    s.push_str("]}");
    (format!("/v1/customers?page={}", r.below(5000)), s, rows * 4)
}

fn customer(r: &mut Random) -> (String, String, u64) {
    let p = people::person(r);
    let id = r.below(9_000_000);
    let mut s = format!(
        "{{\"id\":{id},\"name\":\"{}\",\"idCard\":\"{}\",\"mobile\":\"{}\",\"bankCard\":\"{}\",\"email\":\"{}\",\"history\":[",
        p.name, p.cn_id, p.mobile, p.card, p.email
    );
    for n in 0..18 + r.below(12) {
        let _ = write!(
            s,
            "{}{{\"at\":\"2026-0{}-1{}T0{}:00:00Z\",\"event\":\"{}\",\"ref\":\"{}\",\"amount\":{}.5}}",
            if n == 0 { "" } else { "," },
            1 + r.below(9),
            r.below(9),
            r.below(9),
            r.pick(&["login", "payment", "refund", "change"]),
            r.hex(24),
            r.below(10_000)
        );
    }
    s.push_str("]}");
    (format!("/v1/customers/{id}"), s, 5)
}

/// Peak resident memory of a finished child in bytes, from GNU time's figure in the kernel's accounting.
fn run(command: &mut Command) -> (f64, Vec<u8>, Option<u64>) {
    let begin = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watcher = std::thread::spawn(move || {
        let mut peak = None;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let hwm = text.lines().find_map(|l| {
                l.strip_prefix("VmHWM:")?
                    .trim()
                    .strip_suffix("kB")?
                    .trim()
                    .parse::<u64>()
                    .ok()
            });
            match hwm {
                Some(kb) => peak = peak.max(Some(kb * 1024)),
                None => break,
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        peak
    });
    let mut out = Vec::new();
    std::io::Read::read_to_end(child.stdout.as_mut().unwrap(), &mut out).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    let seconds = begin.elapsed().as_secs_f64();
    (seconds, out, watcher.join().unwrap())
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

/// What the first line says of where one is.
fn at(s: &vt100::Screen, place: &str) -> bool {
    s.rows(0, 120)
        .next()
        .is_some_and(|r| r.contains(&format!("\u{203a} {place}")))
}

/// The line that the cursor's mark is on.
fn cursor(s: &vt100::Screen) -> Option<usize> {
    s.rows(0, 120).position(|r| r.contains('\u{25b8}'))
}

/// Goes through the screens and up and down in the calls as long as the capture loads: median, 95th of a hundred, and the
/// longest time from a key to the last byte of the frame that shows what it did.
fn keys(dir: &Path, capture: &Path) -> String {
    let case = dir.join("keys.ltc");
    let args = ["--case", case.to_str().unwrap(), capture.to_str().unwrap()];
    let mut t = pty::Term::start(&args, dir, &[]);
    t.wait("so far");
    let (mut took, mut lost) = (Vec::new(), 0);
    let patience = Duration::from_secs(2);
    // The first line tells how far the load is, as long as it runs.
    let begin = Instant::now();
    let loading = |t: &pty::Term| {
        let first = t.screen(|s| s.rows(0, 120).next().unwrap_or_default());
        first.contains("so far") && begin.elapsed() < Duration::from_secs(300)
    };
    'load: loop {
        for (key, place) in [
            ("2", "Accounts"),
            ("3", "APIs"),
            ("1", "Overview"),
            ("4", "Calls"),
        ] {
            if !loading(&t) {
                break 'load;
            }
            match t.timed(key, |s| at(s, place), patience) {
                Some(d) => took.push(d.as_secs_f64() * 1e3),
                None => lost += 1,
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        for key in ["j", "j", "j", "k", "k", "j"] {
            let Some(from) = t.screen(cursor) else { break };
            if !loading(&t) {
                break 'load;
            }
            match t.timed(key, |s| cursor(s).is_some_and(|c| c != from), patience) {
                Some(d) => took.push(d.as_secs_f64() * 1e3),
                None => lost += 1,
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }
    t.send("\u{3}\u{3}");
    t.end();
    took.sort_by(f64::total_cmp);
    let n = took.len();
    if n == 0 {
        return "keys      none: the capture was loaded before one could be pressed".into();
    }
    format!(
        "keys      {n} while loading: median {:.1} ms, p95 {:.1} ms, max {:.1} ms (wanted: under 50){}",
        took[n / 2],
        took[(n * 95 / 100).min(n - 1)],
        took[n - 1],
        if lost > 0 {
            format!(", {lost} not seen within 2 s")
        } else {
            String::new()
        }
    )
}

fn main() {
    let megabytes = std::env::var("LEAKTRACE_BENCH_MB")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(500);
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("bench.pcap");
    let truth = make(&capture, megabytes);
    let size = std::fs::metadata(&capture).unwrap().len();
    println!(
        "capture   {:.0} MB, {} calls, {} findings",
        size as f64 / 1e6,
        truth.calls,
        truth.findings
    );
    let (mut hash, mut load, mut peak, mut summary) = (Vec::new(), Vec::new(), 0, String::new());
    for round in 0..3 {
        hash.push(run(Command::new("sha256sum").arg(&capture)).0);
        let case = dir.path().join(format!("bench{round}.ltc"));
        let (s, out, m) = run(Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(["load", "--json", "--case"])
            .arg(&case)
            .arg(&capture));
        load.push(s);
        peak = peak.max(m.unwrap_or(0));
        summary = String::from_utf8(out)
            .unwrap()
            .lines()
            .last()
            .unwrap_or_default()
            .to_string();
        std::fs::remove_file(&case).unwrap();
    }
    let (h, l) = (median(hash), median(load));
    println!("sha256sum {h:.2} s ({:.2} GB/s)", size as f64 / h / 1e9);
    println!(
        "load      {l:.2} s ({:.0} MB/s), peak {} MB",
        size as f64 / l / 1e6,
        peak / 1_000_000
    );
    println!("ratio     {:.2} (wanted: at most 3)", l / h);
    let row: serde_json::Value =
        serde_json::from_str(&summary).expect("load --json ends with its summary");
    println!("{}", keys(dir.path(), &capture));
    for (name, want) in [
        ("calls", truth.calls),
        ("accounts", truth.accounts),
        ("apis", truth.apis),
        ("findings", truth.findings),
    ] {
        let got = row[name].as_u64().unwrap_or(0);
        println!(
            "{name:<9} {got} of {want}{}",
            if got == want { "" } else { "  <-- differs" }
        );
    }
}
