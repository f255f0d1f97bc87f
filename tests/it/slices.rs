//! Packets cut out for a selection, opened in tshark and loaded again: inside tunnels, under TLS with a key log, out of several
//! sources. In: made and recorded captures. Out: the calls of the selection, the same three times. Bounds: a few hundred packets.

use crate::cli::text;
use crate::support::recut::{self, Rec};
use crate::support::wire::{Wire, request};
use crate::support::{frames, talk};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            dir: tempfile::tempdir().unwrap(),
        }
    }
    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn put(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.at(name), bytes).unwrap();
        name.to_owned()
    }
    fn run(&self, case: &str, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--case", case])
            .env("XDG_STATE_HOME", self.at("state"))
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }
    fn ok(&self, case: &str, args: &[&str]) -> String {
        let out = self.run(case, args);
        assert_eq!(
            out.status.code(),
            Some(0),
            "{args:?}: {}",
            text(&out.stderr)
        );
        text(&out.stdout).to_owned()
    }
    /// Method and target of the selected calls, sorted.
    fn calls(&self, case: &str, filter: &str) -> Vec<String> {
        let rows = self.ok(case, &["calls", filter, "--json", "--reveal"]);
        let mut out: Vec<String> = rows
            .lines()
            .map(|l| {
                let c: Value = serde_json::from_str(l).unwrap();
                let field = |k: &str| c[k].as_str().unwrap_or("?").to_owned();
                format!("{} {}", field("method"), field("uri"))
            })
            .collect();
        out.sort();
        out
    }
    /// The same of a capture as tshark shows it; `None` without tshark.
    fn tshark(&self, file: &str, keys: Option<&str>) -> Option<Vec<String>> {
        let mut c = Command::new("tshark");
        c.current_dir(self.dir.path()).args(["-r", file]);
        if let Some(keys) = keys {
            c.args(["-o", &format!("tls.keylog_file:{keys}")]);
        }
        c.args(["-Y", "http.request", "-T", "fields", "-E", "aggregator= "]);
        c.args(["-e", "http.request.method", "-e", "http.request.uri"]);
        let Ok(out) = c.output() else {
            eprintln!("SKIPPED: no tshark");
            return None;
        };
        assert!(out.status.success(), "{}", text(&out.stderr));
        let mut all = Vec::new();
        for line in text(&out.stdout).lines() {
            let (methods, targets) = line.split_once('\t').unwrap();
            let pairs = methods.split(' ').zip(targets.split(' '));
            all.extend(pairs.map(|(m, t)| format!("{m} {t}")));
        }
        all.sort();
        Some(all)
    }
    /// Cuts a selection out of a case and holds it against the case, tshark and a case of the slice alone.
    fn holds(&self, what: &str, filter: &str, keys: Option<&str>) {
        let want = self.calls("a.ltc", filter);
        assert!(want.len() > 3, "{what}: {want:?}");
        let cut = "slice.pcapng";
        let _ = std::fs::remove_file(self.at(cut));
        let _ = std::fs::remove_file(self.at("b.ltc"));
        self.ok(
            "a.ltc",
            &["export", "--format", "pcap", "-o", cut, "--reveal", filter],
        );
        let mut load = vec!["load", cut];
        load.extend(keys.iter().flat_map(|k| ["--keylog", *k]));
        self.ok("b.ltc", &load);
        assert_eq!(self.calls("b.ltc", filter), want, "{what}: loaded again");
        if let Some(theirs) = self.tshark(cut, keys) {
            // a connection of the selection may carry others at the same time, which the filter leaves out here
            let all = self.calls("b.ltc", "proto != log");
            let missing: Vec<_> = want.iter().filter(|w| !theirs.contains(w)).collect();
            assert!(missing.is_empty(), "{what}: not in tshark: {missing:?}");
            assert_eq!(theirs.len(), all.len(), "{what}: {theirs:?} {all:?}");
        }
    }
}

/// Puts a frame into something else: whether the server sends, the packet's number, the frame.
type Wrap = dyn Fn(bool, u16, &[u8]) -> Vec<u8>;

/// The packets inside something else; which of its ends sends is told by the inner one.
fn inside(recs: &[Rec], wrap: &Wrap) -> Vec<Rec> {
    (0u16..)
        .zip(recs)
        .map(|(n, r)| {
            let back = r.bytes[14 + 12..14 + 16] == [10, 9, 0, 1];
            let bytes = wrap(back, n, &r.bytes);
            Rec {
                ts: r.ts,
                link: 1,
                orig_len: bytes.len() as u32,
                bytes,
            }
        })
        .collect()
}

/// Makes 10.1.7.1 of the client 10.1.0.1.
fn moved(frame: &mut [u8]) {
    for at in [14 + 12, 14 + 16] {
        if frame[at..at + 4] == [10, 1, 0, 1] {
            frame[at + 2] = 7;
        }
    }
    frame[24..26].fill(0);
    let sum = frames::sum(&frame[14..34]).to_be_bytes();
    frame[24..26].copy_from_slice(&sum);
}

/// A frame in VXLAN of one network.
fn vxlan(back: bool, n: u16, frame: &[u8]) -> Vec<u8> {
    let mut p = vec![0x08, 0, 0, 0, 0, 0, 42, 0];
    p.extend(frame);
    frames::framed(&frames::ip4(17, back, n, &frames::udp(50_000, 4789, &p)))
}

/// The IP packet of a frame in GRE with a key.
fn gre(back: bool, n: u16, frame: &[u8]) -> Vec<u8> {
    let mut p = vec![0x20, 0, 0x08, 0, 0, 0, 0, 7];
    p.extend(&frame[14..]);
    frames::framed(&frames::ip4(47, back, n, &p))
}

/// A frame in GRE that bridges Ethernet, in VXLAN.
fn both(back: bool, n: u16, frame: &[u8]) -> Vec<u8> {
    let mut p = vec![0, 0, 0x65, 0x58];
    p.extend(frame);
    let inner = frames::framed(&frames::ip4(47, back, n, &p));
    vxlan(back, n, &inner)
}

const FILTER: &str = "path:/c1/ method:POST";

#[test]
fn of_tunnels() {
    let recs = talk::talk(5, 4, 9, 6000);
    assert_eq!(recs[0].link, 1, "Ethernet");
    let all = recut::pcap(&recs).len();
    for (what, wrap) in [
        ("vxlan", &vxlan as &Wrap),
        ("gre", &gre),
        ("gre in vxlan", &both),
    ] {
        let b = Bench::new();
        b.put("a.pcap", &recut::pcap(&inside(&recs, wrap)));
        b.ok("a.ltc", &["load", "a.pcap"]);
        b.holds(what, FILTER, None);
        let cut = std::fs::metadata(b.at("slice.pcapng")).unwrap().len() as usize;
        assert!(cut < all / 2, "{what}: {cut} of {all} bytes");
    }
}

/// A capture that was rotated in the middle of everything, and a second tap beside it.
#[test]
fn of_several_sources() {
    let recs = talk::talk(6, 3, 12, 20_000);
    let b = Bench::new();
    let thirds = recs.len() / 3;
    let mut files = Vec::new();
    for (i, part) in recs.chunks(thirds + 1).enumerate() {
        files.push(b.put(&format!("r{i}.pcap"), &recut::pcap(part)));
    }
    // what another tap saw of another client, in a tunnel
    let mut other = talk::talk(7, 1, 6, 3000);
    other.iter_mut().for_each(|r| moved(&mut r.bytes));
    let other = inside(&other, &gre);
    files.push(b.put("tap.pcap", &recut::pcap(&other)));
    let mut load = vec!["load"];
    load.extend(files.iter().map(String::as_str));
    b.ok("a.ltc", &load);
    let whole = b.calls("a.ltc", "method:GET");
    b.holds("rotated", FILTER, None);
    b.holds("all sources", "path:/c", None);
    assert!(whole.len() >= 4 * 3 + 2);
}

#[test]
fn under_tls_with_a_key_log() {
    let b = Bench::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for name in ["tls.pcap", "tls.keys"] {
        std::fs::copy(root.join(name), b.at(name)).unwrap();
    }
    b.ok("a.ltc", &["load", "tls.pcap", "--keylog", "tls.keys"]);
    b.holds(
        "tls",
        "proto:http/1.1 method:GET dport in 18400..18403",
        Some("tls.keys"),
    );
}

/// A body without a length ends where the connection is closed: the packets that close it are a part of the call.
#[test]
fn of_a_body_that_ends_with_its_connection() {
    let b = Bench::new();
    let file = std::fs::File::create(b.at("a.pcap")).unwrap();
    let mut wire = Wire::new(file, 1_700_000_000_000_000_000).unwrap();
    for port in [40_001, 40_002] {
        let mut c = wire
            .open(([10, 0, 0, 9].into(), port), ([10, 0, 1, 1].into(), 80))
            .unwrap();
        let asked = request("GET", "old.example", &format!("/list/{port}"), &[], b"");
        let body = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall that there is";
        wire.exchange(&mut c, &asked, body).unwrap();
        wire.close(&mut c).unwrap();
    }
    drop(wire);
    b.ok("a.ltc", &["load", "a.pcap"]);
    let sums = |case: &str| {
        let rows = b.ok(case, &["calls", "path:40001", "--json"]);
        let row: Value = serde_json::from_str(rows.trim()).unwrap();
        (row["resp_sha256"].clone(), row["end_ts"].clone())
    };
    let want = sums("a.ltc");
    assert!(want.0.is_string() && want.1.is_string(), "{want:?}");
    b.ok(
        "a.ltc",
        &[
            "export",
            "--format",
            "pcap",
            "-o",
            "s.pcapng",
            "--reveal",
            "path:40001",
        ],
    );
    b.ok("b.ltc", &["load", "s.pcapng"]);
    assert_eq!(sums("b.ltc"), want);
}
