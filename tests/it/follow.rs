//! Sources that grow while they are read, through the real binary: standard input, named pipes, rotating captures, logs.

use crate::cli::text;
use crate::support::pack::tar;
use crate::support::recut::{Rec, pcap, pcapng};
use crate::support::talk::talk;
use crate::tools::Rig;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Waits until it holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "waited for {what}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn calls_so_far(rig: &Rig) -> u64 {
    if !rig.at("c.ltc").exists() {
        return 0;
    }
    let out = rig.run(&["sql", "SELECT count(*) AS n FROM calls", "--json"]);
    serde_json::from_slice::<Value>(&out.stdout)
        .ok()
        .and_then(|v| v["n"].as_u64())
        .unwrap_or(0)
}

fn start(rig: &Rig, args: &[&str], stdin: Stdio) -> Child {
    rig.command(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child, signal: Option<&str>) -> (i32, Value, String) {
    if let Some(signal) = signal {
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }
    let out = child.wait_with_output().unwrap();
    let said = text(&out.stderr);
    let sum = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{said}"));
    (out.status.code().unwrap(), sum, said)
}

/// What calls are, without where they stand.
fn told(rig: &Rig) -> Vec<String> {
    let mut list: Vec<String> = rig
        .rows(&["calls"])
        .iter()
        .map(|r| {
            format!(
                "{} {} {} {} {} {} {}",
                r["ts"],
                r["method"],
                r["uri"],
                r["status"],
                r["resp_sha256"],
                r["req_sha256"],
                r["flags"]
            )
        })
        .collect();
    list.sort();
    list
}

/// What a plain load of the whole capture gives.
fn expected(recs: &[Rec]) -> Vec<String> {
    let rig = Rig::new();
    let file = rig.write("whole.pcap", &pcap(recs));
    assert_eq!(rig.load(&[&file]).0, 0);
    told(&rig)
}

fn verified(rig: &Rig) -> String {
    let out = rig.run(&["verify", "--json"]);
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}{}",
        text(&out.stdout),
        text(&out.stderr)
    );
    text(&out.stdout)
}

fn append(path: &Path, bytes: &[u8]) {
    let mut f = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    f.write_all(bytes).unwrap();
}

#[test]
fn standard_input_gives_rows_while_it_grows() {
    let recs = talk(51, 6, 12, 9000);
    let bytes = pcap(&recs);
    let rig = Rig::new();
    let mut child = start(&rig, &["load", "-", "--json"], Stdio::piped());
    let mut pipe = child.stdin.take().unwrap();
    // in the middle of a record
    let (first, rest) = bytes.split_at(bytes.len() / 2 + 7);
    pipe.write_all(first).unwrap();
    until("rows of what is still written", || calls_so_far(&rig) > 10);
    let before = calls_so_far(&rig);
    pipe.write_all(rest).unwrap();
    drop(pipe);
    let (code, sum, said) = end(child, None);
    assert_eq!(code, 0, "{said}");
    assert!(sum["calls"].as_u64().unwrap() > before);
    assert_eq!(told(&rig), expected(&recs));
    assert_eq!(sum["sources"][0]["name"], "-");
    assert_eq!(
        sum["sources"][0]["bytes"].as_u64(),
        Some(bytes.len() as u64)
    );
    assert_eq!(std::fs::read(rig.at("c.ltc.stdin-1")).unwrap(), bytes);
    verified(&rig);

    // the same bytes again are not a second source, and leave no second copy
    let mut child = start(&rig, &["load", "-", "--json"], Stdio::piped());
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let (code, again, said) = end(child, None);
    assert_eq!(code, 0, "{said}");
    assert_eq!(again["calls"], sum["calls"]);
    assert_eq!(rig.rows(&["sources"]).len(), 1);
    assert!(!rig.at("c.ltc.stdin-2").exists());
}

#[test]
fn an_interrupted_pipe_keeps_what_was_read_and_decided() {
    let recs = talk(52, 4, 10, 4000);
    let bytes = pcap(&recs);
    let rig = Rig::new();
    let mut child = start(&rig, &["load", "-", "--json"], Stdio::piped());
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&bytes).unwrap();
    until("all rows", || calls_so_far(&rig) as usize >= 40);
    let (code, sum, said) = end(child, Some("-TERM"));
    assert_eq!((code, sum["calls"].as_u64()), (130, Some(40)), "{said}");
    assert_eq!(told(&rig), expected(&recs));
    assert!(sum["apis"].as_u64().unwrap() > 0);
    verified(&rig);
    drop(pipe);
}

/// Gives bytes one by one, and nothing in between.
struct Drip(Vec<u8>, usize, bool);

impl std::io::Read for Drip {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.2 = !self.2;
        match self.0.get(self.1) {
            None => Ok(0),
            Some(_) if self.2 => Err(std::io::ErrorKind::WouldBlock.into()),
            Some(byte) => {
                out[0] = *byte;
                self.1 += 1;
                Ok(1)
            }
        }
    }
}

#[test]
fn records_that_come_byte_by_byte_are_the_same_packets() {
    use leaktrace::source::pcap::{Ahead, Event, PacketReader};
    let recs = talk(56, 2, 2, 300);
    let ng: Vec<(u32, Rec)> = talk(56, 2, 2, 300).into_iter().map(|r| (0, r)).collect();
    for bytes in [pcap(&recs), pcapng(&ng)] {
        let (head, rest) = bytes.split_at(24);
        let drip = Drip(rest.to_vec(), 0, false);
        let read = std::io::Read::chain(std::io::Cursor::new(head.to_vec()), drip);
        let mut reader = PacketReader::open(Box::new(read), 0).unwrap().growing();
        let (mut got, mut waited) = (Vec::new(), 0);
        loop {
            if reader.ahead() == Ahead::Wait {
                waited += 1;
                continue;
            }
            match reader.next() {
                Some(Event::Packet(p)) => got.push(p.bytes.to_vec()),
                Some(Event::Diag { code, .. }) => panic!("{code}"),
                None => break,
            }
        }
        assert!(waited > 1000);
        let sent: Vec<Vec<u8>> = recs.iter().map(|r| r.bytes.clone()).collect();
        assert_eq!(got, sent);
    }
}

#[test]
fn a_named_pipe_is_read_like_standard_input() {
    let recs = talk(53, 3, 8, 2000);
    let rig = Rig::new();
    let fifo = rig.at("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let child = start(
        &rig,
        &["load", fifo.to_str().unwrap(), "--json"],
        Stdio::null(),
    );
    // compressed, as a pipe from another program may be
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&pcap(&recs)).unwrap();
    std::fs::write(&fifo, gz.finish().unwrap()).unwrap();
    let (code, _, said) = end(child, None);
    assert_eq!(code, 0, "{said}");
    assert_eq!(told(&rig), expected(&recs));
    verified(&rig);
}

#[test]
fn a_rotating_capture_is_followed_as_one_stream() {
    let recs = talk(54, 5, 16, 9000);
    let rig = Rig::new();
    let folder = rig.at("ring");
    std::fs::create_dir(&folder).unwrap();
    let dir = folder.to_str().unwrap().to_owned();
    let child = start(&rig, &["load", "--follow", &dir, "--json"], Stdio::null());
    // five files, each written in pieces that end within records, each rotation within connections
    let per = recs.len() / 5 + 1;
    let mut wholes = Vec::new();
    for (n, part) in recs.chunks(per).enumerate() {
        let path = folder.join(format!("cap_{n}.pcap"));
        let bytes = pcap(part);
        for piece in bytes.chunks(bytes.len() / 3 + 1) {
            append(&path, piece);
            std::thread::sleep(Duration::from_millis(120));
        }
        wholes.push((path, bytes));
        if n == 1 {
            until("rows of the first files", || calls_so_far(&rig) > 10);
        }
    }
    let log = folder.join("access.log");
    append(&log, b"10.0.0.9 - alice [10/Oct/2026:13:55:36 +0200] \"GET /log/1 HTTP/1.1\" 200 26 \"-\" \"curl/8.0\"\n");
    until("all rows", || calls_so_far(&rig) >= 81);
    // the log is rotated by renaming, and grows under its new name
    std::fs::rename(&log, folder.join("access.log.1")).unwrap();
    append(&folder.join("access.log.1"), b"10.0.0.9 - alice [10/Oct/2026:13:55:37 +0200] \"GET /log/2 HTTP/1.1\" 200 26 \"-\" \"curl/8.0\"\n");
    append(&log, b"10.0.0.9 - alice [10/Oct/2026:13:55:38 +0200] \"GET /log/3 HTTP/1.1\" 200 26 \"-\" \"curl/8.0\"\n");
    until("the log", || calls_so_far(&rig) >= 83);
    let (code, sum, said) = end(child, Some("-INT"));
    assert_eq!((code, sum["calls"].as_u64()), (130, Some(83)), "{said}");
    let mut have = told(&rig);
    have.retain(|c| !c.contains("/log/"));
    assert_eq!(have, expected(&recs));
    let sources = rig.rows(&["sources"]);
    for (path, bytes) in &wholes {
        let name = path.file_name().unwrap().to_str().unwrap();
        let row = sources.iter().find(|s| s["name"] == name).unwrap();
        assert_eq!(row["bytes"].as_u64(), Some(bytes.len() as u64), "{name}");
    }
    // a file that grows on is what it was as far as it was read, and that is said
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(folder.join("access.log.1"), &log).unwrap();
    append(&wholes[4].0, b"more");
    let out = rig.run(&["verify", "--json"]);
    let lines = text(&out.stdout);
    assert!(lines.contains("4 more were written since"), "{lines}");
    // what was read of it can still be cut out
    let cut = rig.at("cut.pcapng");
    let out = rig.run(&[
        "export",
        "--format",
        "pcap",
        "-o",
        cut.to_str().unwrap(),
        "path:/c1/n15",
        "--reveal",
    ]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
}

/// Archives in a folder that is followed are read as they are, those that were there and those that come; what is told of that is
/// no difference to the evidence, and a load after the interruption has nothing to add.
#[test]
fn archives_in_a_followed_folder_are_read_and_hold_after_an_interruption() {
    // connections of two clients each: those of equal ends would be one another's taps
    let all = talk(61, 6, 8, 900);
    let of = |r: &Rec, n: u8| {
        [26, 30]
            .iter()
            .any(|at| r.bytes[*at..at + 4] == [10, 1, 0, n])
    };
    let parts = [1, 3, 5].map(|n| -> Vec<Rec> {
        let mine = all.iter().filter(|r| of(r, n) || of(r, n + 1));
        mine.cloned().collect()
    });
    let packed: Vec<Vec<u8>> = parts
        .iter()
        .map(|p| tar(&[("a.pcap", &pcap(p)[..])]))
        .collect();
    let rig = Rig::new();
    let folder = rig.at("mixed");
    std::fs::create_dir(&folder).unwrap();
    let dir = folder.to_str().unwrap().to_owned();
    append(&folder.join("first.tar"), &packed[0]);
    let child = start(&rig, &["load", "--follow", &dir, "--json"], Stdio::null());
    until("the archive that was there", || calls_so_far(&rig) >= 16);
    append(&folder.join("grows.pcap"), &pcap(&parts[1]));
    until("the capture", || calls_so_far(&rig) >= 32);
    append(&rig.at("late"), &packed[2]);
    std::fs::rename(rig.at("late"), folder.join("late.tar")).unwrap();
    until("the archive that came", || calls_so_far(&rig) >= 48);
    let (code, sum, said) = end(child, Some("-INT"));
    assert_eq!((code, sum["calls"].as_u64()), (130, Some(48)), "{said}");
    let first = rig.rows(&["sources"]);
    let row = first.iter().find(|s| s["name"] == "first.tar").unwrap();
    assert_eq!(row["diags"]["archive-not-followed"], 1);
    verified(&rig);
    let before = told(&rig);
    assert_eq!(rig.run(&["load", &dir]).status.code(), Some(0));
    assert_eq!(told(&rig), before);
    verified(&rig);
}

#[test]
fn a_real_capture_is_followed_while_it_is_taken() {
    let tcpdump = |args: &[&str]| {
        Command::new("tcpdump")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        for mut s in listener.incoming().flatten() {
            let mut buf = [0; 4096];
            let _ = std::io::Read::read(&mut s, &mut buf);
            let _ = s.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    let ask = |n: usize| {
        let mut s = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        // in one write: the server answers what it reads first, and closes
        let request = format!("GET /live/{n} HTTP/1.1\r\nHost: live\r\nConnection: close\r\n\r\n");
        s.write_all(request.as_bytes()).unwrap();
        let mut got = String::new();
        std::io::Read::read_to_string(&mut s, &mut got).unwrap();
        assert!(got.ends_with("hello"));
    };
    let rig = Rig::new();
    let filter = ["tcp", "port", &port];
    let started = tcpdump(&[&["-i", "lo", "-U", "-w", "-"], &filter[..]].concat());
    let Ok(mut capture) = started else {
        eprintln!("SKIPPED: there is no tcpdump");
        return;
    };
    std::thread::sleep(Duration::from_millis(1500));
    if capture.try_wait().unwrap().is_some() {
        eprintln!("SKIPPED: tcpdump cannot capture on lo here");
        return;
    }
    let from = capture.stdout.take().unwrap();
    let child = start(&rig, &["load", "-", "--json"], from.into());
    for n in 0..20 {
        ask(n);
    }
    until("rows while tcpdump runs", || calls_so_far(&rig) >= 20);
    assert!(capture.try_wait().unwrap().is_none());
    assert!(
        Command::new("kill")
            .args(["-INT", &capture.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    capture.wait().unwrap();
    let (code, sum, said) = end(child, None);
    assert_eq!((code, sum["calls"].as_u64()), (0, Some(20)), "{said}");
    verified(&rig);

    // rotation by time, into a folder
    let rig = Rig::new();
    let folder = rig.at("ring");
    std::fs::create_dir(&folder).unwrap();
    let pattern = folder.join("cap_%s.pcap").to_str().unwrap().to_owned();
    let dir = folder.to_str().unwrap().to_owned();
    let me = text(&Command::new("id").arg("-un").output().unwrap().stdout);
    let args = ["-i", "lo", "-U", "-Z", me.trim(), "-G", "1", "-w", &pattern];
    let mut capture = tcpdump(&[&args[..], &filter[..]].concat()).unwrap();
    let child = start(&rig, &["load", "--follow", &dir, "--json"], Stdio::null());
    std::thread::sleep(Duration::from_millis(1500));
    for n in 0..24 {
        ask(n);
        std::thread::sleep(Duration::from_millis(150));
    }
    until("rows of all files", || calls_so_far(&rig) >= 24);
    assert!(
        Command::new("kill")
            .args(["-INT", &capture.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    capture.wait().unwrap();
    let (code, sum, said) = end(child, Some("-INT"));
    assert_eq!((code, sum["calls"].as_u64()), (130, Some(24)), "{said}");
    assert!(rig.rows(&["sources"]).len() > 2, "it rotated");
    verified(&rig);
}
