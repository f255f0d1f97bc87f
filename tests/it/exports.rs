//! What leaves a case: commands for a shell that a real bash and curl run, HTTP archives that a validator reads, packets that tshark
//! reads, a bundle whose sums hold. Evidence in them is hostile.

use super::cli::{loaded, text};
use crate::support::random::Random;
use crate::support::wire::{self, Wire};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

struct Desk {
    dir: tempfile::TempDir,
}

/// One request as it is sent: head lines, body.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sent {
    start: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Desk {
    fn new() -> Desk {
        Desk {
            dir: tempfile::tempdir().unwrap(),
        }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .current_dir(self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("SOURCE_DATE_EPOCH", "1790000000")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(
            out.status.code(),
            Some(0),
            "{args:?}: {}",
            text(&out.stderr)
        );
        text(&out.stdout)
    }
    /// A capture of requests, each on a connection of its own.
    fn load(&self, requests: &[Vec<u8>]) {
        let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
        for (i, request) in requests.iter().enumerate() {
            let client = (Ipv4Addr::new(10, 1, 0, 9), 40_000 + i as u16);
            let mut c = w.open(client, (Ipv4Addr::new(10, 2, 0, 1), 80)).unwrap();
            let response = wire::response("200 OK", &[("Content-Type", "text/plain")], b"ok");
            w.exchange(&mut c, request, &response).unwrap();
            w.close(&mut c).unwrap();
        }
        std::fs::write(self.path("a.pcap"), w.into_inner()).unwrap();
        self.ok(&["load", "a.pcap", "--case", "c.ltc"]);
    }
}

/// A request out of parts, with the length of its body.
fn request(start: &str, headers: &[(&[u8], &[u8])], body: &[u8]) -> Vec<u8> {
    let mut out = start.as_bytes().to_vec();
    out.extend_from_slice(b"\r\n");
    for (n, v) in headers {
        out.extend_from_slice(&[n, &b": "[..], v, b"\r\n"].concat());
    }
    if !body.is_empty() {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

fn lossless(b: &[u8]) -> String {
    b.iter().map(|b| char::from(*b)).collect()
}

fn read_request(from: &mut impl std::io::BufRead) -> Option<Sent> {
    let mut line = Vec::new();
    let mut next = |from: &mut dyn std::io::BufRead| {
        line.clear();
        from.read_until(b'\n', &mut line).ok()?;
        Some(lossless(&line).trim_end_matches(['\r', '\n']).to_owned())
    };
    let start = next(from).filter(|s| !s.is_empty())?;
    let mut headers = BTreeMap::new();
    loop {
        let l = next(from)?;
        if l.is_empty() {
            break;
        }
        let (n, v) = l.split_once(':').unwrap_or((&l, ""));
        headers.insert(n.to_lowercase(), v.trim().to_owned());
    }
    let n: usize = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; n];
    from.read_exact(&mut body).ok()?;
    Some(Sent {
        start,
        headers,
        body,
    })
}

/// A server that notes what it is asked.
fn recorder() -> (u16, Arc<Mutex<Vec<Sent>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let out = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if let Some(sent) = read_request(&mut reader) {
                out.lock().unwrap().push(sent);
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    (port, seen)
}

fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: no {program}");
    }
    there
}

#[test]
fn a_command_of_a_call_asks_what_the_call_asked() {
    if !has("bash") || !has("curl") {
        return;
    }
    let (port, seen) = recorder();
    let host = format!("127.0.0.1:{port}");
    let h: (&[u8], &[u8]) = (b"Host", host.as_bytes());
    let ua: (&[u8], &[u8]) = (b"User-Agent", b"shop/1.0 (it's \"new\")");
    let all: Vec<u8> = (0..=255).collect();
    let big: Vec<u8> = b"0123456789'\\%$".repeat(9000);
    let json: (&[u8], &[u8]) = (b"Content-Type", b"application/json");
    let bin: (&[u8], &[u8]) = (b"Content-Type", b"application/octet-stream");
    let requests = [
        request(
            "GET /a/b?x=1&y=%20z&d[]=3 HTTP/1.1",
            &[h, ua, (b"Accept", b"*/*")],
            b"",
        ),
        request(
            "GET /../up/./and?q={a,b}[1-3] HTTP/1.1",
            &[h, (b"X-Empty", b"")],
            b"",
        ),
        request(
            "POST /people HTTP/1.1",
            &[h, ua, json, (b"Authorization", b"Bearer tok-1")],
            br#"{"name":"O'Neil $HOME `id` \\ !","n":"50%"}"#,
        ),
        request(
            "POST /at HTTP/1.1",
            &[h, (b"X-Odd", b"\xe9 \xff'")],
            b"@/etc/passwd",
        ),
        request("PUT /bin HTTP/1.1", &[h, bin], &all),
        request("PATCH /big HTTP/1.1", &[h, bin], &big),
        request("DELETE /a\"b<c>|d^e HTTP/1.1", &[h, ua], b""),
        request("OPTIONS * HTTP/1.1", &[h, ua], b""),
    ];
    let d = Desk::new();
    d.load(&requests);
    d.ok(&[
        "export", "--format", "curl", "-o", "c.sh", "--reveal", "--case", "c.ltc",
    ]);
    let out = Command::new("bash")
        .arg(d.path("c.sh"))
        .current_dir(d.dir.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), requests.len());
    for (sent, asked) in seen.iter().zip(&requests) {
        let want = read_request(&mut asked.as_slice()).unwrap();
        assert_eq!(*sent, want);
    }
    // Not asked for: what a credential is stays here.
    d.ok(&[
        "export", "--format", "curl", "-o", "m.sh", "--case", "c.ltc",
    ]);
    let masked = std::fs::read_to_string(d.path("m.sh")).unwrap();
    assert!(masked.contains("Bearer ***") && !masked.contains("tok-1"));
    // Both stand in the journal.
    let acts = d.ok(&[
        "sql",
        "SELECT detail FROM acts WHERE act='export'",
        "--json",
        "--case",
        "c.ltc",
    ]);
    assert_eq!(acts.lines().count(), 2);
}

#[test]
fn no_byte_of_evidence_is_run_by_the_shell_that_reads_the_commands() {
    if !has("bash") {
        return;
    }
    let mut r = Random::new(99);
    let evil: [&[u8]; 12] = [
        b"$(touch PWNED)",
        b"`touch PWNED`",
        b"'; touch PWNED; '",
        b"'$(touch PWNED)'",
        b"\\'; touch PWNED #",
        b"\x1b]0;x\x07$'\\n'touch PWNED",
        b"| touch PWNED",
        b"-o PWNED",
        b"@/etc/passwd",
        b"!! & touch PWNED",
        b"\xff\xfe${IFS}touch${IFS}PWNED",
        b"%s%n$((1))\\x41\\0",
    ];
    let mut requests = Vec::new();
    let mut want: Vec<Vec<u8>> = Vec::new();
    for i in 0..120 {
        let mut value = evil[i % evil.len()].to_vec();
        for _ in 0..r.below(20) {
            let b = r.below(256) as u8;
            if !b"\r\n\0".contains(&b) {
                value.push(b);
            }
        }
        value.push(b'.');
        let name = if i % 7 == 3 {
            &b"@PWNED"[..]
        } else {
            b"X-Evil"
        };
        let host: Vec<u8> = match i % 5 {
            0 => b"a@evil.example".to_vec(),
            1 => b"-oPWNED".to_vec(),
            2 => b"$(touch PWNED)".to_vec(),
            _ => b"shop.example".to_vec(),
        };
        let target = lossless(&value).replace([' ', '\t'], "+");
        let start = match i % 3 {
            0 => format!(
                "GET /{} HTTP/1.1",
                target.chars().filter(char::is_ascii).collect::<String>()
            ),
            1 => "GET file:///etc/passwd HTTP/1.1".to_owned(),
            _ => "POST /x HTTP/1.1".to_owned(),
        };
        let body = if i % 3 == 2 {
            value.clone()
        } else {
            Vec::new()
        };
        requests.push(request(&start, &[(b"Host", &host), (name, &value)], &body));
        want.push(value.trim_ascii().to_vec());
    }
    let d = Desk::new();
    d.load(&requests);
    d.ok(&[
        "export", "--format", "curl", "-o", "c.sh", "--reveal", "--case", "c.ltc",
    ]);
    let checked = Command::new("bash")
        .arg("-n")
        .arg(d.path("c.sh"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    // Terminals are as safe as shells: nothing but printable ASCII and line ends.
    let script = std::fs::read(d.path("c.sh")).unwrap();
    assert!(script.iter().all(|b| matches!(b, b'\n' | 0x20..=0x7e)));
    // In place of curl, what tells the words that it would get; and what it would read.
    let printer = "curl() { printf '%s\\0' curl \"$@\"; cat >&2; }; . ./c.sh";
    let out = Command::new("bash")
        .args(["-c", printer])
        .current_dir(d.dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!d.path("PWNED").exists());
    let words: Vec<&[u8]> = out.stdout.split(|b| *b == 0).collect();
    let commands: Vec<&[&[u8]]> = words
        .split(|w| *w == b"curl")
        .filter(|c| !c.is_empty())
        .collect();
    assert!(commands.len() > 100, "{}", commands.len());
    let mut whole = 0;
    for c in &commands {
        let mut at = 0;
        // options that are known, each with its one word, then one address
        while at + 1 < c.len() && !c[at].starts_with(b"http") {
            match c[at] {
                b"-q" | b"-sS" | b"-g" | b"--path-as-is" | b"--http1.1" => at += 1,
                b"--proto" | b"-X" | b"--request-target" | b"--data-raw" | b"--data-binary" => {
                    at += 2
                }
                b"-H" => {
                    assert!(!c[at + 1].starts_with(b"@"));
                    if let Some(v) = c[at + 1].strip_prefix(b"X-Evil: ") {
                        assert!(want.iter().any(|w| w == v), "{:?}", lossless(v));
                        whole += 1;
                    }
                    at += 2;
                }
                other => panic!("{:?}", lossless(other)),
            }
        }
        let address = lossless(c[at]);
        let host = address.split('/').nth(2).unwrap();
        assert!(["shop.example", "10.2.0.1:80"].contains(&host), "{address}");
    }
    assert!(whole > 80, "{whole}");
    let masked = d.ok(&[
        "export", "--format", "curl", "-o", "m.sh", "--json", "--case", "c.ltc",
    ]);
    let done: Value = serde_json::from_str(&masked).unwrap();
    assert_eq!(done["calls"], requests.len());
}

/// The fields that HAR 1.2 asks for, with their types.
fn is_har(v: &Value) {
    let log = &v["log"];
    assert_eq!(log["version"], "1.2");
    assert!(log["creator"]["name"].is_string() && log["creator"]["version"].is_string());
    for e in log["entries"].as_array().unwrap() {
        let when = e["startedDateTime"].as_str().unwrap();
        assert!(when.parse::<jiff::Timestamp>().is_ok());
        assert!(e["time"].as_f64().unwrap() >= 0.0);
        assert!(e["cache"].is_object());
        for t in ["send", "wait", "receive"] {
            assert!(e["timings"][t].is_number());
        }
        let (req, resp) = (&e["request"], &e["response"]);
        for k in ["method", "url", "httpVersion"] {
            assert!(req[k].is_string(), "{k}: {e}");
        }
        for k in ["statusText", "httpVersion", "redirectURL"] {
            assert!(resp[k].is_string(), "{k}: {e}");
        }
        for k in ["serverIPAddress", "connection"] {
            assert!(
                e.get(k)
                    .is_none_or(|v| v.as_str().is_some_and(|v| !v.is_empty())),
                "{e}"
            );
        }
        assert!(resp["status"].is_i64());
        assert!(resp["content"]["size"].is_i64() && resp["content"]["mimeType"].is_string());
        for part in [req, resp] {
            for k in ["headersSize", "bodySize"] {
                assert!(part[k].is_i64());
            }
            for k in ["headers", "cookies"] {
                for pair in part[k].as_array().unwrap() {
                    assert!(pair["name"].is_string() && pair["value"].is_string());
                }
            }
        }
        if let Some(post) = req.get("postData") {
            assert!(post["mimeType"].is_string() && post["text"].is_string());
        }
    }
}

#[test]
fn an_http_archive_is_one() {
    let l = loaded();
    let dir = tempfile::tempdir().unwrap();
    let har = dir.path().join("o.har");
    let out = l.run(&["export", "--format", "har", "-o", har.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0));
    let v: Value = serde_json::from_slice(&std::fs::read(&har).unwrap()).unwrap();
    is_har(&v);
    // and by somebody else's word, where it is installed (npm install har-validator in the folder that NODE_PATH names)
    let script = "const v=require('har-validator');v.har(JSON.parse(require('fs').readFileSync(process.argv[1]))).then(()=>console.log('valid')).catch(e=>{console.log(JSON.stringify(e.errors));process.exit(1)})";
    let out = Command::new("node").args(["-e", script]).arg(&har).output();
    match out {
        Ok(o) if text(&o.stderr).contains("Cannot find module") => {
            eprintln!("SKIPPED: no har-validator");
        }
        Ok(o) => assert_eq!(text(&o.stdout).trim(), "valid"),
        Err(_) => eprintln!("SKIPPED: no node"),
    }
}

#[test]
fn packets_of_a_selection_are_the_same_calls_in_another_program() {
    let l = loaded();
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("o.pcapng");
    let path = cut.to_str().unwrap();
    let filter = "account:wu.tao method:GET status:200 proto:http/1.1";
    // packets are evidence in clear
    assert_eq!(
        l.run(&["export", "--format", "pcap", "-o", path, filter])
            .status
            .code(),
        Some(2)
    );
    let out = l.run(&["export", "--format", "pcap", "-o", path, "--reveal", filter]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let mut want: Vec<String> = l
        .rows(&["calls", filter, "--reveal"])
        .iter()
        .map(|c| c["uri"].as_str().unwrap().to_owned())
        .collect();
    want.sort();
    assert!(want.len() > 50);
    // what we read of it ourselves
    let again = dir.path().join("again.ltc");
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--case", again.to_str().unwrap()])
            .env("XDG_STATE_HOME", dir.path())
            .output()
            .unwrap()
    };
    assert_eq!(run(&["load", path]).status.code(), Some(0));
    let ours = run(&[
        "calls",
        "method:GET",
        "--json",
        "--reveal",
        "--fields",
        "uri",
    ]);
    let mut ours: Vec<String> = text(&ours.stdout)
        .lines()
        .map(|l| {
            serde_json::from_str::<Value>(l).unwrap()["uri"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    ours.sort();
    let missing = |have: &[String]| -> Vec<String> {
        let mut have = have.to_vec();
        want.iter()
            .filter(|w| match have.iter().position(|h| h == *w) {
                Some(at) => {
                    have.remove(at);
                    false
                }
                None => true,
            })
            .cloned()
            .collect()
    };
    assert_eq!(missing(&ours), Vec::<String>::new());
    // the slice holds little beside: the same connections at the same times
    assert!(
        ours.len() <= want.len() * 2,
        "{} of {}",
        ours.len(),
        want.len()
    );
    if !has("tshark") {
        return;
    }
    let out = Command::new("tshark")
        .args([
            "-r",
            path,
            "-Y",
            "http.request.method==GET",
            "-T",
            "fields",
            "-e",
            "http.request.uri",
        ])
        .output()
        .unwrap();
    let theirs: Vec<String> = text(&out.stdout)
        .lines()
        .flat_map(|l| {
            l.split(",/")
                .enumerate()
                .map(|(i, u)| {
                    if i == 0 {
                        u.to_owned()
                    } else {
                        format!("/{u}")
                    }
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(missing(&theirs), Vec::<String>::new());
}

#[test]
fn a_bundle_proves_itself_and_shows_no_value() {
    let l = loaded();
    let d = Desk::new();
    std::fs::copy(&l.case, d.path("c.ltc")).unwrap();
    std::fs::copy(&l.case, d.path("kept")).unwrap();
    let filter = "account:zhao.yan records>0";
    let bundle = |name: &str, more: &[&str]| {
        for side in ["c.ltc-wal", "c.ltc-shm"] {
            let _ = std::fs::remove_file(d.path(side));
        }
        std::fs::copy(d.path("kept"), d.path("c.ltc")).unwrap();
        let args = [
            &[
                "export", "--format", "bundle", "-o", name, filter, "--case", "c.ltc",
            ],
            more,
        ]
        .concat();
        d.ok(&args);
        std::fs::read(d.path(name)).unwrap()
    };
    // the same case, selection and time: the same bytes
    let (a, b) = (bundle("a.tar", &[]), bundle("b.tar", &[]));
    assert!(a == b, "not reproducible");
    let unpack = |name: &str| {
        let to = d.path(&format!("{name}.d"));
        std::fs::create_dir(&to).unwrap();
        let out = Command::new("tar")
            .arg("xf")
            .arg(d.path(name))
            .arg("-C")
            .arg(&to)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", text(&out.stderr));
        let to = to.join("leaktrace-bundle");
        let sums = Command::new("sha256sum")
            .args(["-c", "--strict", "SHA256SUMS"])
            .current_dir(&to)
            .output()
            .unwrap();
        assert!(sums.status.success(), "{}", text(&sums.stdout));
        let mut names: Vec<String> = std::fs::read_dir(&to)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        // every file but the sums themselves is in them
        assert_eq!(text(&sums.stdout).lines().count() + 1, names.len());
        (to, names)
    };
    let (to, names) = unpack("a.tar");
    assert!(!names.contains(&"packets.pcapng".to_owned()));
    let n = l.rows(&["calls", filter]).len();
    let read = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
    assert_eq!(read("calls.jsonl").lines().count(), n);
    is_har(&serde_json::from_str(&read("calls.har")).unwrap());
    let about: Value = serde_json::from_str(&read("about.json")).unwrap();
    assert_eq!(
        (about["filter"].as_str(), about["revealed"].as_bool()),
        (Some(filter), Some(false))
    );
    assert!(about["made"].as_str().unwrap().starts_with("2026-09-21T"));
    assert!(read("report.html").contains("leaktrace"));
    assert!(read("evidence.jsonl").contains("sha256"));
    // no value of a data class in clear, in any of its files
    let mut values: Vec<String> = l
        .rows(&["findings", filter, "--reveal"])
        .iter()
        .filter(|f| {
            [
                "cn-id",
                "cn-mobile",
                "bank-card",
                "email",
                "password",
                "session-token",
                "jwt",
                "api-key",
            ]
            .contains(&f["class"].as_str().unwrap())
                && f["masked"] == false
                && f["form"] == "plain"
        })
        .map(|f| f["value"].as_str().unwrap().to_owned())
        .collect();
    values.sort();
    values.dedup();
    assert!(values.len() > 100, "{}", values.len());
    for name in &names {
        let all = read(name);
        let shown: Vec<&String> = values.iter().filter(|v| all.contains(v.as_str())).collect();
        assert!(shown.is_empty(), "{name}: {shown:?}");
    }
    // asked for: the packets as well
    bundle("r.tar", &["--reveal"]);
    let (_, names) = unpack("r.tar");
    assert!(names.contains(&"packets.pcapng".to_owned()));
    // one changed byte of it is seen
    let at = a.len() / 2;
    let mut other = a.clone();
    other[at] ^= 1;
    std::fs::write(d.path("x.tar"), other).unwrap();
    let to = d.path("x.d");
    std::fs::create_dir(&to).unwrap();
    Command::new("tar")
        .arg("xf")
        .arg(d.path("x.tar"))
        .arg("-C")
        .arg(&to)
        .output()
        .unwrap();
    let sums = Command::new("sha256sum")
        .args(["-c", "SHA256SUMS"])
        .current_dir(to.join("leaktrace-bundle"))
        .output()
        .unwrap();
    assert!(!sums.status.success());
    // it is an act of the journal
    let acts = d.ok(&[
        "sql",
        "SELECT detail FROM acts WHERE act='export'",
        "--json",
        "--case",
        "c.ltc",
    ]);
    assert!(acts.contains("bundle"));
}

/// What mitmproxy makes of each entry: method, target, status, and the hash of what came.
const READER: &str = r#"
import hashlib
class Reader:
    def response(self, f):
        body = hashlib.sha256(f.response.content or b"").hexdigest()
        print("CALL", f.request.method, f.request.path, f.response.status_code, body, flush=True)
addons = [Reader()]
"#;

#[test]
fn an_http_archive_opens_in_a_real_proxy() {
    // pip install mitmproxy
    if !has("mitmdump") {
        eprintln!("SKIPPED: no mitmdump (pip install mitmproxy)");
        return;
    }
    let l = loaded();
    let dir = tempfile::tempdir().unwrap();
    let (har, reader) = (dir.path().join("o.har"), dir.path().join("reader.py"));
    std::fs::write(&reader, READER).unwrap();
    let filter = "account:wu.tao not is:log-only src:10.20.5.66";
    let out = l.run(&[
        "export",
        "--format",
        "har",
        "-o",
        har.to_str().unwrap(),
        "--reveal",
        filter,
    ]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut want: Vec<String> = l
        .rows(&["calls", filter, "--reveal"])
        .iter()
        .map(|c| {
            let s = |k: &str| c[k].as_str().unwrap_or_default().to_owned();
            let body = c["resp_sha256"].as_str().unwrap_or(empty);
            format!("CALL {} {} {} {body}", s("method"), s("uri"), c["status"])
        })
        .collect();
    let out = Command::new("mitmdump")
        .args(["-q", "-n", "-r"])
        .arg(&har)
        .arg("-s")
        .arg(&reader)
        .output()
        .unwrap();
    let mut theirs: Vec<String> = text(&out.stdout)
        .lines()
        .filter(|l| l.starts_with("CALL "))
        .map(str::to_owned)
        .collect();
    want.sort();
    theirs.sort();
    assert!(want.len() > 100);
    assert_eq!(theirs, want, "{}", text(&out.stderr));
}
