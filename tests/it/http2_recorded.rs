//! HTTP/2 recorded while the test runs: five servers, five clients, some thousand calls with pushes, padding, CONTINUATION,
//! trailers, resets and upgrades, in clear text and over TLS 1.2 and 1.3 with a key log (tests/record/http2.py). Every call
//! equals what its client saved, and tshark sees the same but for what is named in [`agrees_with_tshark`].

use crate::http1_tshark::text;
use crate::support::netns::have;
use crate::tls_recorded::read_with;
use leaktrace::call::model::{Exchange, Flags, Message};
use leaktrace::proto::Calls;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Ports that the script uses.
const PORTS: std::ops::Range<u16> = 18090..18099;
/// Of the proxy whose connections begin as HTTP/1, of the gRPC server, of Node.
const UPGRADED: u16 = 18095;
const GRPC: u16 = 18094;
const NODE: u16 = 18093;
/// Of the servers whose tables have another size than the usual one.
const SIZED: [u16; 2] = [18091, 18096];
/// Of the server that is asked by nghttp with CONTINUATION.
const CONTINUED: u16 = 18090;
/// Of nginx over TLS 1.2 and 1.3.
const TLS: [u16; 2] = [18097, 18098];
/// What the script ends with where the recording is not whole, and how often it is made then.
const DROPPED: i32 = 75;
const TRIES: usize = 3;

/// A Python that can import grpc, fetched where it must be, once.
fn grpc() -> Option<PathBuf> {
    let ok = |c: &mut Command| {
        c.stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grpc-venv");
    let python = venv.join("bin/python");
    for have in [Path::new("python3"), &python] {
        if ok(Command::new(have).args(["-c", "import grpc"])) {
            return Some(have.into());
        }
    }
    if ok(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && ok(Command::new(&python).args(["-m", "pip", "install", "-q", "grpcio"]))
    {
        return Some(python);
    }
    eprintln!("SKIPPED: gRPC: the Python package grpcio is missing and cannot be fetched");
    None
}

/// Records into a folder in `dir`; the folder, and whether gRPC was among it. `None` where a program is missing.
fn record(dir: &Path) -> Option<(PathBuf, bool)> {
    let tools =
        "unshare python3 nginx node curl openssl tcpdump tshark nghttp nghttpd nghttpx h2load";
    if !tools.split(' ').all(have) {
        return None;
    }
    let right = Command::new("unshare")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status();
    if !right.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: no right to a network namespace");
        return None;
    }
    let python = grpc();
    let path = format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    for n in 1..=TRIES {
        let out = dir.join(n.to_string());
        std::fs::create_dir(&out).unwrap();
        let run = Command::new("unshare")
            .args(["-n", "python3"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/http2.py"))
            .arg(&out)
            .args(&python)
            .env("PATH", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        if run.status.success() {
            return Some((out, python.is_some()));
        }
        // a recording that misses packets proves nothing, for or against
        assert_eq!(run.status.code(), Some(DROPPED), "{said}");
        eprintln!("recorded: {}", said.trim());
    }
    panic!("each of {TRIES} recordings lost packets");
}

fn sha(m: Option<&Message>) -> Option<String> {
    let m = m.filter(|m| m.body.len > 0)?;
    assert!(m.body.complete && m.body.gaps.is_empty());
    let sum = match m.body.long_sha256 {
        Some(h) => h.to_vec(),
        None => Sha256::digest(&m.body.bytes).to_vec(),
    };
    Some(sum.iter().map(|b| format!("{b:02x}")).collect())
}

/// Server's port, method, path, status.
type Line = (u16, String, String, Option<u64>);

fn line(x: &Exchange) -> Line {
    let (req, resp) = (x.request.as_ref().unwrap(), x.response.as_ref());
    let status = resp.and_then(Message::status).map(u64::from);
    (x.server.1, text(req.method()), text(req.target()), status)
}

/// What the client saved of a call: what it sent, what it got, and marks.
type Saved = (Option<String>, Option<String>, Vec<String>);

fn saved(out: &Path) -> BTreeMap<Line, Vec<Saved>> {
    let mut list: BTreeMap<Line, Vec<Saved>> = BTreeMap::new();
    for l in std::fs::read_to_string(out.join("saved.jsonl"))
        .unwrap()
        .lines()
    {
        let v: Value = serde_json::from_str(l).unwrap();
        let s = |f: &str| v[f].as_str().map(str::to_owned);
        let key = (
            v["port"].as_u64().unwrap() as u16,
            s("method").unwrap(),
            s("path").unwrap(),
            v["status"].as_u64(),
        );
        let mut marks = Vec::new();
        if v["pushed"] == true {
            marks.push("pushed".to_owned());
        }
        if v["reset"] == true {
            marks.push("reset".to_owned());
        }
        // The server sends a 103 there each time; the client does not tell of one that comes in the packet of the answer.
        if key.2.starts_with("/early") {
            marks.push("early".to_owned());
        }
        marks.extend(s("trailer").map(|t| format!("x-sum: {t}")));
        marks.extend(v["grpc"].as_u64().map(|n| format!("grpc-status: {n}")));
        list.entry(key)
            .or_default()
            .push((s("sent"), s("got"), marks));
    }
    list
}

/// The same of a call here.
fn ours(x: &Exchange) -> Saved {
    let (req, resp) = (x.request.as_ref(), x.response.as_ref().unwrap());
    let mut marks = Vec::new();
    if x.parent.is_some() {
        marks.push("pushed".to_owned());
    }
    let reset = x.flags.has(Flags::TRUNCATED);
    if reset {
        marks.push("reset".to_owned());
    }
    if x.interim.iter().any(|m| m.status() == Some(103)) {
        marks.push("early".to_owned());
    }
    let tail = text(Some(&resp.trailers)) + &text(Some(&resp.head));
    let mark = tail
        .lines()
        .find(|l| l.starts_with("grpc-status: ") || *l == "x-sum: abc");
    marks.extend(mark.map(str::to_owned));
    let got = if reset { None } else { sha(Some(resp)) };
    (sha(req), got, marks)
}

fn equal_what_was_saved(calls: &Calls, out: &Path) -> usize {
    let mut theirs = saved(out);
    let n = theirs.values().map(Vec::len).sum();
    // with a body to send, nghttp upgrades by a request of its own; the proxy asks it on
    let mut asterisks = 0;
    for x in &calls.exchanges {
        let (key, mut mine) = (line(x), ours(x));
        if key.1 == "OPTIONS" && key.2 == "*" {
            asterisks += 1;
            continue;
        }
        let list = theirs
            .get_mut(&key)
            .unwrap_or_else(|| panic!("{key:?} was not made"));
        // only these clients note trailers
        if ![NODE, GRPC].contains(&key.0) {
            mine.2.retain(|m| !m.starts_with("x-sum"));
        }
        let at = list.iter().position(|t| {
            let mut t = t.clone();
            if t.2.iter().any(|m| m == "reset") {
                t.1 = None; // the client may not have read all that had come
            }
            if t.2.iter().any(|m| m == "x-sum: abc") && ![NODE, GRPC].contains(&key.0) {
                t.2.retain(|m| !m.starts_with("x-sum"));
            }
            t == mine
        });
        let at = at.unwrap_or_else(|| panic!("{key:?}: {mine:?} is not in {list:?}"));
        list.remove(at);
        let reset = mine.2.iter().any(|m| m == "reset");
        let may = Flags::RETRANSMITTED.0
            | if reset { Flags::TRUNCATED.0 } else { 0 }
            | if key.0 == UPGRADED {
                Flags::UPGRADED.0
            } else {
                0
            };
        assert_eq!(x.flags.0 & !may, 0, "{key:?} {:?}", x.flags.names());
        assert!(x.done);
    }
    assert_eq!(asterisks, 2 * 3);
    theirs.retain(|_, v| !v.is_empty());
    assert!(theirs.is_empty(), "not found: {theirs:?}");
    n
}

/// Client's and server's port, method, path, status, bytes of the request's body and of the response's.
type Key = (u16, u16, String, String, Option<u64>, u64, u64);

#[derive(Default)]
struct Seen {
    method: Option<String>,
    path: Option<String>,
    status: Option<u64>,
    sent: u64,
    got: u64,
    reset: bool,
}

/// Calls as tshark sees them: its lists of frames and of fields walked side by side.
fn tshark(capture: &Path) -> Vec<Key> {
    let fields = "tcp.stream tcp.srcport tcp.dstport http2.type http2.streamid http2.length http2.flags http2.pad_length \
                  http2.headers.method http2.headers.path http2.headers.status http2.push_promise.promised_stream_id";
    let mut run = Command::new("tshark");
    run.args([
        "-n",
        "-T",
        "fields",
        "-E",
        "separator=/t",
        "-E",
        "aggregator=|",
        "-Y",
        "http2",
        // a busy machine may capture the packets of two cores in another order than they were sent in
        "-o",
        "tcp.reassemble_out_of_order:TRUE",
    ]);
    for port in PORTS {
        let carries = match port {
            UPGRADED => "http",
            p if TLS.contains(&p) => "tls",
            _ => "http2",
        };
        run.args(["-d", &format!("tcp.port=={port},{carries}")]);
    }
    let keys = capture.with_file_name("keys.log");
    run.args(["-o", &format!("tls.keylog_file:{}", keys.display())]);
    run.args(fields.split_whitespace().flat_map(|f| ["-e", f]));
    let out = run
        .arg("-r")
        .arg(capture)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(out.status.success());
    // by connection and stream
    let mut seen: BTreeMap<(u64, u64), (u16, u16, Seen)> = BTreeMap::new();
    for l in String::from_utf8_lossy(&out.stdout).lines() {
        let f: Vec<VecDeque<&str>> = l
            .split('\t')
            .map(|f| f.split('|').filter(|s| !s.is_empty()).collect())
            .collect();
        let number = |s: Option<&&str>| -> u64 {
            let s = s.copied().unwrap_or("0");
            s.strip_prefix("0x")
                .map_or_else(|| s.parse(), |h| u64::from_str_radix(h, 16))
                .unwrap()
        };
        let (conn, from, to) = (
            number(f[0].front()),
            number(f[1].front()),
            number(f[2].front()),
        );
        let request = (u64::from(PORTS.start)..u64::from(PORTS.end)).contains(&to);
        let ends = if request { (from, to) } else { (to, from) };
        let ends = (ends.0 as u16, ends.1 as u16);
        let mut f = f;
        for n in 0..f[3].len() {
            let (kind, id) = (number(f[3].get(n)), number(f[4].get(n)));
            let (len, flags) = (number(f[5].get(n)), number(f[6].get(n)));
            // a frame of these kinds has a length of padding there, 0 where it has no padding
            let pad = match kind {
                0 | 1 | 5 | 9 => f[7].pop_front(),
                _ => None,
            };
            let padded = flags & 8 != 0 && kind != 9;
            let pad = u64::from(padded) + number(pad.as_ref()) * u64::from(padded);
            let id = if kind == 5 {
                number(f[11].pop_front().as_ref())
            } else {
                id
            };
            if ![0, 1, 3, 5, 9].contains(&kind) {
                continue;
            }
            let s = &mut seen
                .entry((conn, id))
                .or_insert((ends.0, ends.1, Seen::default()))
                .2;
            match kind {
                0 => {
                    assert!(
                        pad <= len,
                        "{pad} bytes of padding in a frame of {len}: {l}"
                    );
                    let to = if request { &mut s.sent } else { &mut s.got };
                    *to += len - pad;
                }
                3 => s.reset = true,
                // fields are told where the block ends
                _ if flags & 4 == 0 => {}
                _ if request || kind == 5 => {
                    if s.method.is_none() {
                        s.method = f[8].pop_front().map(str::to_owned);
                        s.path = f[9].pop_front().map(str::to_owned);
                    }
                }
                _ => {
                    if s.status.is_none_or(|n| n < 200) {
                        s.status = f[10].pop_front().map(|s| s.parse().unwrap());
                    }
                }
            }
        }
    }
    seen.into_values()
        .filter(|(_, _, s)| s.method.is_some() || s.status.is_some())
        .map(|(c, p, s)| {
            (
                c,
                p,
                s.method.unwrap_or_default(),
                s.path.unwrap_or_default(),
                s.status,
                s.sent,
                s.got,
            )
        })
        .collect()
}

fn agrees_with_tshark(calls: &Calls, capture: &Path) {
    let mut ours: BTreeMap<Key, usize> = BTreeMap::new();
    let mut total = 0;
    for x in &calls.exchanges {
        // the request of an upgrade is HTTP/1 to tshark, and only its answer is on stream 1
        let first =
            x.server.1 == UPGRADED && x.request.as_ref().is_some_and(|m| m.version != (2, 0));
        let (_, method, path, status) = line(x);
        let len = |m: Option<&Message>| m.map_or(0, |m| m.body.len);
        let (sent, got) = (len(x.request.as_ref()), len(x.response.as_ref()));
        let key = if first {
            (
                x.client.1,
                x.server.1,
                String::new(),
                String::new(),
                status,
                0,
                got,
            )
        } else {
            (x.client.1, x.server.1, method, path, status, sent, got)
        };
        *ours.entry(key).or_default() += 1;
        total += 1;
    }
    let theirs = tshark(capture);
    let mut only_theirs = Vec::new();
    for key in &theirs {
        match ours.get_mut(key) {
            Some(n) if *n > 0 => *n -= 1,
            _ => only_theirs.push(key),
        }
    }
    // What tshark 4.0.17 does not see; what clients saved tells that the calls here are right, and ends, status and lengths of
    // bodies must be the same all the same. It opens no header block that begins with a new size of the table (RFC 7541 section
    // 6.3), as the first one to a server with another size than the usual one does, and none of that direction after it; and
    // none of nghttp's that go on in CONTINUATION with next to nothing in the first frame.
    let (mut sized, mut continued) = (0, 0);
    only_theirs.retain(|k| {
        let alike = |o: &Key| {
            (o.0, o.1, o.5, o.6) == (k.0, k.1, k.5, k.6) && k.4.is_none_or(|s| o.4 == Some(s))
        };
        let may = k.2.is_empty() && (SIZED.contains(&k.1) || k.1 == CONTINUED);
        match ours.iter_mut().find(|(o, n)| may && **n > 0 && alike(o)) {
            Some((_, n)) => *n -= 1,
            None => return true,
        }
        *(if k.1 == CONTINUED {
            &mut continued
        } else {
            &mut sized
        }) += 1;
        false
    });
    let only_ours: Vec<&Key> = ours
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(k, _)| k)
        .collect();
    eprintln!(
        "recorded: {total} calls here, {} by tshark, which does not open the requests of {sized} (table) and {continued} (CONTINUATION)",
        theirs.len(),
    );
    assert!(
        only_theirs.is_empty() && only_ours.is_empty(),
        "only tshark: {only_theirs:?}\nonly here: {only_ours:?}"
    );
    // two calls on each of three connections
    assert!(continued <= 3 * 2 && sized * 3 <= theirs.len());
}

#[test]
fn recorded_calls_are_what_clients_saved_and_tshark_sees() {
    let dir = tempfile::tempdir().unwrap();
    let Some((out, grpc)) = record(dir.path()) else {
        return;
    };
    let capture = out.join("http2.pcap");
    let calls = read_with(&capture, &[out.join("keys.log")]);
    let n = equal_what_was_saved(&calls, &out);
    eprintln!("recorded: {n} calls equal what clients saved");
    assert!(n >= 3000, "{n}");
    let on = |p: u16| calls.exchanges.iter().filter(|x| x.server.1 == p).count();
    assert_eq!(on(GRPC), if grpc { 6 * 12 * 5 } else { 0 });
    // each kind was there: an upgrade, a push, an interim response, trailers of requests
    let upgraded = |x: &&Exchange| x.server.1 == UPGRADED && x.flags.has(Flags::UPGRADED);
    assert!(calls.exchanges.iter().filter(upgraded).count() >= 9);
    assert!(
        calls
            .exchanges
            .iter()
            .filter(|x| x.parent.is_some())
            .count()
            >= 20
    );
    let asked = |x: &&Exchange| !x.request.as_ref().unwrap().trailers.is_empty();
    assert!(calls.exchanges.iter().filter(asked).count() >= 5);
    // over either version of TLS, on three connections of eight calls each
    for port in TLS {
        let opened = |x: &&Exchange| x.server.1 == port && x.tls;
        assert_eq!(calls.exchanges.iter().filter(opened).count(), 3 * 8);
    }
    // a flow has the name of its outermost protocol: what was upgraded began as HTTP/1
    let odd = calls.flows.iter().find(|f| {
        let tls = f.tls.as_ref().is_some_and(|t| t.opened) && TLS.contains(&f.server.1);
        f.why_opaque.is_some() || f.app != "h2" && (f.app, f.server.1) != ("http", UPGRADED) && !tls
    });
    assert!(odd.is_none(), "{odd:?}");
    agrees_with_tshark(&calls, &capture);
    let looked_at = crate::http2_recut::holds(&capture, PORTS);
    eprintln!("recorded: connections cut anew and with losses, by port: {looked_at:?}");
    assert!(looked_at.len() >= 5, "{looked_at:?}");
}
