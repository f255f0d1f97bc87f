//! Inputs made to cost: time must grow with their size, memory must stay bounded. Slow, so run with
//! `CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo test -- --ignored bytes_slow::`. Each runs the real binary twice, the second time on twice as much, and reads its
//! peak memory from the system.

use crate::support::pack::tar_file;
use crate::support::random::Random;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of memory that no input may pass.
const MEMORY: u64 = 512 << 20;
/// How much longer twice the input may take; small times are noise and are not compared.
const RATIO: f64 = 2.5;
const NOISE: Duration = Duration::from_millis(1500);

/// Loads a file into a new case; processor time, which does not depend on what else runs, and peak memory.
fn load(dir: &Path, file: &Path) -> (Duration, u64) {
    let case = dir.join("c.ltc");
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.join(format!("c.ltc{end}")));
    }
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(["load", "--case"])
        .arg(case)
        .arg(file)
        .env("XDG_STATE_HOME", dir.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("said")).unwrap())
        .spawn()
        .unwrap();
    let (mut peak, mut used) = (0, Duration::ZERO);
    let status = loop {
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/status", child.id())) {
            let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let kb = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peak = peak.max(kb.unwrap_or(0) << 10);
        }
        if let Ok(text) = fs::read_to_string(format!("/proc/{}/stat", child.id())) {
            // user and system time in hundredths of a second: the 12th and 13th field after the name
            let fields = text
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let ticks: u64 = fields
                .skip(11)
                .take(2)
                .filter_map(|n| n.parse::<u64>().ok())
                .sum();
            used = used.max(Duration::from_millis(ticks * 10));
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(300),
            "no end after {:?}",
            begin.elapsed()
        );
        std::thread::sleep(Duration::from_millis(5));
    };
    let said = fs::read_to_string(dir.join("said")).unwrap();
    assert!(
        matches!(status.code(), Some(0 | 3)) && !said.contains("panicked"),
        "{status}: {said}"
    );
    (used, peak)
}

/// Makes an input of size `n` and of `2 n`, loads both, and holds them against the bounds.
pub fn grows_linearly(name: &str, n: usize, make: fn(&mut dyn Write, usize)) {
    let dir = tempfile::tempdir().unwrap();
    let input = |n: usize| -> PathBuf {
        let path = dir.path().join(format!("{name}-{n}"));
        let mut out = BufWriter::new(File::create(&path).unwrap());
        make(&mut out, n);
        out.flush().unwrap();
        path
    };
    let (half, whole) = (input(n), input(2 * n));
    let (mut once, mut small) = load(dir.path(), &half);
    let (mut twice, mut large) = load(dir.path(), &whole);
    let ratio =
        |once: Duration, twice: Duration| twice.as_secs_f64() / once.as_secs_f64().max(0.01);
    // Whatever else the machine does can only add time (its caches and its clock are shared), so a pair that is over the
    // bound is measured again and the least time of each counts: an input that costs more than it should stays over it.
    for _ in 0..3 {
        if twice < NOISE || ratio(once, twice) <= RATIO {
            break;
        }
        let (a, b) = (load(dir.path(), &half), load(dir.path(), &whole));
        (once, small) = (once.min(a.0), small.max(a.1));
        (twice, large) = (twice.min(b.0), large.max(b.1));
    }
    let ratio = ratio(once, twice);
    eprintln!(
        "{name}: {once:.2?} {} MiB, doubled {twice:.2?} {} MiB, ratio {ratio:.2}",
        small >> 20,
        large >> 20
    );
    assert!(
        small.max(large) < MEMORY,
        "{name}: {} MiB",
        small.max(large) >> 20
    );
    assert!(
        twice < NOISE || ratio <= RATIO,
        "{name}: twice the input took {ratio:.2} times as long"
    );
}

pub fn header(out: &mut dyn Write) {
    out.write_all(&[
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0,
    ])
    .unwrap();
}

/// One raw IPv4 packet with a TCP segment; `port` is the client's, `number` moves the clock by a microsecond.
#[allow(clippy::too_many_arguments)]
pub fn packet(
    out: &mut dyn Write,
    number: u64,
    client: u32,
    port: u16,
    server: bool,
    seq: u32,
    ack: u32,
    flags: u8,
    data: &[u8],
) {
    let total = (40 + data.len()) as u32;
    let mut p = Vec::with_capacity(56 + data.len());
    p.extend_from_slice(&(1_790_000_000 + (number / 1_000_000) as u32).to_le_bytes());
    p.extend_from_slice(&((number % 1_000_000) as u32).to_le_bytes());
    p.extend_from_slice(&total.to_le_bytes());
    p.extend_from_slice(&total.to_le_bytes());
    p.extend_from_slice(&[0x45, 0]);
    p.extend_from_slice(&(total as u16).to_be_bytes());
    p.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
    let (c, s) = ((0x0a00_0000 | client).to_be_bytes(), [10, 255, 255, 1]);
    let (from, to) = if server { (s, c) } else { (c, s) };
    p.extend_from_slice(&from);
    p.extend_from_slice(&to);
    let (from, to) = if server { (80, port) } else { (port, 80) };
    p.extend_from_slice(&u16::to_be_bytes(from));
    p.extend_from_slice(&u16::to_be_bytes(to));
    p.extend_from_slice(&seq.to_be_bytes());
    p.extend_from_slice(&ack.to_be_bytes());
    p.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend_from_slice(data);
    out.write_all(&p).unwrap();
}

/// One connection in which the client asks for `/` and the server answers `response`.
fn answer(out: &mut dyn Write, response: &[u8]) {
    let mut n = 0;
    let mut put = |server, seq, ack, flags, data: &[u8]| {
        n += 20;
        packet(out, n, 7, 40_000, server, seq, ack, flags, data);
    };
    let request = b"GET /bomb HTTP/1.1\r\nHost: a\r\n\r\n";
    put(false, 0, 0, 2, b"");
    put(true, 0, 1, 18, b"");
    put(false, 1, 1, 24, request);
    let (mut seq, ack) = (1u32, 1 + request.len() as u32);
    for piece in response.chunks(16_000) {
        put(true, seq, ack, 24, piece);
        seq = seq.wrapping_add(piece.len() as u32);
        put(false, ack, seq, 16, b"");
    }
    put(true, seq, ack, 17, b"");
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut r = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    r.extend_from_slice(body);
    r
}

fn gzip(n: usize, of: &[u8]) -> Vec<u8> {
    let mut z = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..n {
        z.write_all(of).unwrap();
    }
    z.finish().unwrap()
}

#[test]
#[ignore = "slow"]
fn half_open_connections() {
    grows_linearly("syn-flood", 500_000, |out, n| {
        header(out);
        for i in 0..n as u32 {
            packet(
                out,
                u64::from(i),
                i >> 14,
                1024 + (i & 0x3fff) as u16,
                false,
                i,
                0,
                2,
                b"",
            );
        }
    });
}

#[test]
#[ignore = "slow"]
fn streams_full_of_gaps() {
    grows_linearly("gaps", 150_000, |out, n| {
        header(out);
        for i in 0..n as u32 {
            // a hundred connections; every second byte range is missing
            let (port, step) = (2000 + (i % 100) as u16, i / 100);
            packet(
                out,
                u64::from(i) * 10,
                1,
                port,
                false,
                1 + step * 400,
                1,
                24,
                &[b'x'; 200],
            );
        }
    });
}

/// A hundred connections of short requests; each packet comes again, whole and in two pieces.
#[test]
#[ignore = "slow"]
fn packets_captured_twice() {
    grows_linearly("twice", 60_000, |out, n| {
        header(out);
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        for i in 0..n as u32 {
            let (port, step) = (2000 + (i % 100) as u16, i / 100);
            let request = format!("GET /{step:09} HTTP/1.1\r\nHost: twice.example\r\n\r\n");
            let (seq, ack) = (
                1 + step * request.len() as u32,
                1 + step * answer.len() as u32,
            );
            let after = seq + request.len() as u32;
            for (side, seq, ack, bytes) in [
                (false, seq, ack, request.as_bytes()),
                (true, ack, after, &answer[..]),
            ] {
                let at = u64::from(i) * 20 + 10 * u64::from(side);
                let half = bytes.len() / 2;
                let pieces = [
                    (0, bytes.len()),
                    (0, bytes.len()),
                    (0, half),
                    (half, bytes.len()),
                ];
                for (later, (from, to)) in (0..).zip(pieces) {
                    let seq = seq + from as u32;
                    packet(
                        out,
                        at + later,
                        1,
                        port,
                        side,
                        seq,
                        ack,
                        24,
                        &bytes[from..to],
                    );
                }
            }
        }
    });
}

#[test]
#[ignore = "slow"]
fn a_head_of_one_byte_segments() {
    grows_linearly("one-byte", 512 << 10, |out, n| {
        header(out);
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        while head.len() < n {
            head.extend_from_slice(
                format!("X-{}: {}\r\n", head.len(), "v".repeat(1000)).as_bytes(),
            );
        }
        head.extend_from_slice(b"\r\n");
        packet(out, 0, 1, 5000, false, 0, 0, 2, b"");
        packet(out, 1, 1, 5000, true, 0, 1, 18, b"");
        for (i, b) in (0u32..).zip(&head) {
            packet(out, u64::from(i) + 2, 1, 5000, false, 1 + i, 1, 24, &[*b]);
        }
    });
}

#[test]
#[ignore = "slow"]
fn bombs() {
    grows_linearly("gzip-bomb", 600, |out, n| {
        header(out);
        answer(out, &coded("gzip", &gzip(n, &[0; 1 << 20])));
    });
    grows_linearly("gzip-in-gzip", 600, |out, n| {
        header(out);
        answer(
            out,
            &coded("gzip, gzip", &gzip(1, &gzip(n, &[b' '; 1 << 20]))),
        );
    });
    grows_linearly("brotli-bomb", 300, |out, n| {
        let mut z = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
        for _ in 0..n {
            z.write_all(&[b'0'; 1 << 20]).unwrap();
        }
        header(out);
        answer(out, &coded("br", &z.into_inner()));
    });
    grows_linearly("zstd-bomb", 600, |out, n| {
        let mut z = zstd::Encoder::new(Vec::new(), 3).unwrap();
        for _ in 0..n {
            z.write_all(&[b'0'; 1 << 20]).unwrap();
        }
        header(out);
        answer(out, &coded("zstd", &z.finish().unwrap()));
    });
    grows_linearly("capture-bomb", 600, |out, n| {
        // a compressed capture of one endless damaged record
        let mut z = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        header(&mut z);
        for _ in 0..n {
            z.write_all(&[0xff; 1 << 20]).unwrap();
        }
        packet(&mut z, 1, 1, 5000, false, 0, 0, 2, b"");
        z.finish().unwrap();
    });
}

#[test]
#[ignore = "slow"]
fn deep_and_wide_bodies() {
    fn put(out: &mut dyn Write, kind: &str, body: &[u8]) {
        header(out);
        let mut r = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        r.extend_from_slice(body);
        answer(out, &r);
    }
    grows_linearly("json-deep", 4 << 20, |out, n| {
        put(out, "application/json", &b"[".repeat(n))
    });
    grows_linearly("json-deep-objects", 1 << 20, |out, n| {
        put(out, "application/json", &b"{\"a\":".repeat(n))
    });
    grows_linearly("json-many-keys", 200_000, |out, n| {
        let keys: Vec<String> = (0..n).map(|i| format!("\"k{i}\":\"138{i:08}\"")).collect();
        put(
            out,
            "application/json",
            format!("{{{}}}", keys.join(",")).as_bytes(),
        );
    });
    grows_linearly("xml-deep", 1 << 20, |out, n| {
        put(out, "application/xml", &b"<a b='c'>".repeat(n))
    });
    grows_linearly("text-digits", 8 << 20, |out, n| {
        let mut r = Random::new(9);
        put(out, "text/plain", r.digits(n).as_bytes());
    });
    grows_linearly("text-at-signs", 4 << 20, |out, n| {
        put(out, "text/plain", &b"a@".repeat(n))
    });
    grows_linearly("text-base64", 6 << 20, |out, n| {
        put(out, "text/plain", &b"QUFB".repeat(n / 4))
    });
    grows_linearly("csv-quotes", 4 << 20, |out, n| {
        put(out, "text/csv", &b"\"".repeat(n | 1))
    });
    grows_linearly("form-percent", 4 << 20, |out, n| {
        put(
            out,
            "application/x-www-form-urlencoded",
            &b"%2525".repeat(n / 5),
        )
    });
}

#[test]
#[ignore = "slow"]
fn a_log_of_one_line() {
    grows_linearly("one-line", 50 << 20, |out, n| {
        let line = b"10.1.2.3 - - [10/Oct/2026:13:55:36 +0800] \"GET /a HTTP/1.1\" 200 2326 \"-\" \"curl\"\n";
        out.write_all(&line.repeat(3)).unwrap();
        out.write_all(&b"x".repeat(n)).unwrap();
        out.write_all(b"\n").unwrap();
        out.write_all(line).unwrap();
    });
}

/// An archive of logs of one line each: each is a source of its own.
#[test]
#[ignore = "slow"]
fn an_archive_of_small_logs() {
    grows_linearly("small-logs", 4000, |out, n| {
        for i in 0..n {
            let line = format!(
                "10.1.2.3 - - [10/Oct/2026:13:55:36 +0800] \"GET /a/{i} HTTP/1.1\" 200 26 \"-\" \"curl\"\n"
            );
            out.write_all(&tar_file(&format!("{i}.log"), line.as_bytes()))
                .unwrap();
        }
        out.write_all(&[0; 1024]).unwrap();
    });
}

/// Requests behind each other on sixty connections whose server answers the first and no other: what waits is bounded by what it takes,
/// not by what it says.
#[test]
#[ignore = "slow"]
fn pipelines_without_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipelines");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    header(&mut out);
    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
    let mut number = 0;
    for i in 0..240_000u32 {
        let (port, step) = (2000 + (i % 60) as u16, i / 60);
        let request = format!("GET /{step:06} HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n");
        let (seq, ack) = (
            1 + step * request.len() as u32,
            1 + answer.len() as u32 * u32::from(step > 0),
        );
        number += 1;
        packet(
            &mut out,
            number,
            1,
            port,
            false,
            seq,
            ack,
            24,
            request.as_bytes(),
        );
        if step == 0 {
            number += 1;
            packet(
                &mut out,
                number,
                1,
                port,
                true,
                1,
                1 + request.len() as u32,
                24,
                answer,
            );
        }
    }
    out.flush().unwrap();
    drop(out);
    let (used, peak) = load(dir.path(), &path);
    eprintln!("pipelines: {used:.2?} {} MiB", peak >> 20);
    assert!(peak < 400 << 20, "{} MiB", peak >> 20);
}
