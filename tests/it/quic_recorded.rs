//! QUIC between a real client and a real server: the fixture (recorded by tests/record/quic.py), the same recorded while the
//! test runs, and other people's captures, held against what the client asked for and against what tshark sees.

use crate::http1_tshark::folder;
use crate::support::netns::have;
use crate::tls_case::fixture;
use crate::tls_recorded::read_with;
use leaktrace::call::model::FlowInfo;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn version(v: u64) -> String {
    leaktrace::proto::quic::packet::version_name(u32::try_from(v).unwrap())
}

/// Every connection of a recording is listed with what its client asked for.
fn as_asked(capture: &Path, saved: &Path) {
    let flows = read_with(capture, &[]).flows;
    let mut n = 0;
    for line in std::fs::read_to_string(saved).unwrap().lines() {
        let want: Value = serde_json::from_str(line).unwrap();
        let of = |f: &&FlowInfo| u64::from(f.client.1) == want["client"] && f.app == "quic";
        let found: Vec<_> = flows.iter().filter(of).collect();
        let [f] = found[..] else {
            panic!("{want}: {} flows", found.len())
        };
        let alpn: Vec<&str> = want["alpn"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a.as_str().unwrap())
            .collect();
        let tls = f.tls.as_ref().unwrap();
        assert_eq!(u64::from(f.server.1), want["server"].as_u64().unwrap());
        assert_eq!(f.sni.as_deref(), want["sni"].as_str(), "{want}");
        assert_eq!(f.alpn, Some(alpn.join(",")), "{want}");
        let name = version(want["version"].as_u64().unwrap());
        assert_eq!(tls.quic.as_ref(), Some(&name), "{want}");
        assert_eq!(tls.cipher.as_deref(), want["cipher"].as_str(), "{want}");
        assert_eq!(tls.version.as_deref(), Some("TLS 1.3"));
        assert_eq!(f.client_print.as_ref().map(String::len), Some(16));
        assert!(f.why_opaque.as_ref().unwrap().contains("not decoded yet"));
        n += 1;
    }
    assert_eq!(n, flows.iter().filter(|f| f.app == "quic").count());
    assert!(n >= 11);
    // the same client, whatever it asks for and however often; another one where what it offers differs
    let print = |kind: &str| {
        let f = flows
            .iter()
            .find(|f| f.sni.as_deref() == Some(&format!("{kind}.example.org")));
        f.unwrap().client_print.clone()
    };
    assert_eq!(print("v1"), print("retry"));
    assert_eq!(print("v1"), print("large"));
    assert_ne!(print("v1"), print("many-protocols"));
}

#[test]
fn every_connection_of_the_fixture_is_named_as_its_client_asked() {
    as_asked(&fixture("quic.pcap"), &fixture("quic.jsonl"));
}

/// What a person sees of it.
#[test]
fn the_list_of_flows_says_what_is_known_and_what_would_tell_more() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--json", "--case", "q.ltc"])
            .current_dir(dir.path())
            .env("XDG_STATE_HOME", dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    std::fs::copy(fixture("quic.pcap"), dir.path().join("quic.pcap")).unwrap();
    run(&["load", "quic.pcap"]);
    let rows: Vec<Value> = run(&["flows"])
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(rows.len(), 11);
    let refused = rows
        .iter()
        .find(|r| r["sni"] == "refused.example.org")
        .unwrap();
    assert_eq!(refused["app"], "quic");
    assert_eq!(refused["transport"], "udp");
    assert_eq!(refused["alpn"], "h3");
    assert_eq!(
        refused["tls"]["quic"], "v1",
        "the second version was refused"
    );
    assert_eq!(refused["tls"]["opened"], false);
    assert_eq!(
        refused["why_opaque"],
        "QUIC v1 TLS_AES_128_GCM_SHA256: what it carries is not decoded yet, with a key log or without; a log of the server \
         or of a proxy tells its calls"
    );
    assert!(run(&["calls"]).is_empty());
}

/// By client port: versions of packets that are no negotiation, names asked for.
type Seen = BTreeMap<(String, u64), (BTreeSet<String>, BTreeSet<String>)>;

/// What tshark sees of QUIC, by the ends of a flow in one order.
fn tshark(capture: &Path) -> Seen {
    let out = Command::new("tshark")
        .args(["-n", "-Y", "quic", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|"])
        .args("udp.srcport udp.dstport quic.version tls.handshake.extensions_server_name ip.src ip.dst ipv6.src ipv6.dst udp.stream".split(' ').flat_map(|f| ["-e", f]))
        .arg("-r")
        .arg(capture)
        .output()
        .unwrap();
    assert!(out.status.success());
    let mut seen = Seen::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let f: Vec<&str> = line.split('\t').collect();
        let port = |n: usize| f[n].parse::<u64>().unwrap();
        let mut ends = [
            (format!("{}{}", f[4], f[6]), port(0)),
            (format!("{}{}", f[5], f[7]), port(1)),
        ];
        ends.sort();
        let [(a, p), (b, q)] = ends;
        let of = seen.entry((format!("{a}:{p} {b}"), q)).or_default();
        for v in f[2].split('|').filter_map(|v| v.strip_prefix("0x")) {
            let v = u64::from_str_radix(v, 16).unwrap();
            if v != 0 {
                of.0.insert(version(v));
            }
        }
        of.1.extend(f[3].split('|').filter(|s| !s.is_empty()).map(str::to_owned));
    }
    seen
}

fn ours(capture: &Path) -> BTreeMap<(String, u64), FlowInfo> {
    let mut all = BTreeMap::new();
    for f in read_with(capture, &[]).flows {
        if f.app == "quic" {
            let mut ends = [f.client, f.server].map(|(a, p)| (a.to_string(), u64::from(p)));
            ends.sort();
            let [(a, p), (b, q)] = ends;
            all.insert((format!("{a}:{p} {b}"), q), f);
        }
    }
    all
}

/// Every flow that tshark takes for QUIC is one here, with a version and the names that it sees. Gives how many names.
fn as_tshark(capture: &Path) -> usize {
    let (theirs, ours) = (tshark(capture), ours(capture));
    let mut names = 0;
    for (ends, (versions, asked)) in theirs {
        let f = ours
            .get(&ends)
            .unwrap_or_else(|| panic!("{}: {ends:?} is not named", capture.display()));
        if let Some(v) = f.tls.as_ref().and_then(|t| t.quic.as_ref()) {
            assert!(
                versions.is_empty() || versions.contains(v),
                "{ends:?}: {v} of {versions:?}"
            );
        }
        if !asked.is_empty() {
            names += 1;
            let sni = f.sni.clone().unwrap_or_default();
            assert!(asked.contains(&sni), "{ends:?}: {sni} of {asked:?}");
        }
    }
    names
}

#[test]
fn the_fixture_is_what_tshark_sees() {
    if have("tshark") {
        assert!(as_tshark(&fixture("quic.pcap")) >= 10);
    }
}

#[test]
fn quic_of_other_peoples_captures_is_what_tshark_sees() {
    let Some(dir) = folder() else { return };
    if !have("tshark") {
        return;
    }
    let (mut captures, mut names) = (0, 0);
    for sub in ["pcapplusplus", "pcapfs", "deepflow"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join(sub))
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "pcap" || e == "pcapng"))
            .collect();
        files.sort();
        for path in files {
            // tshark is asked only where there may be some: it is slow to start
            let bytes = std::fs::read(&path).unwrap();
            let long = |v: [u8; 4]| bytes.windows(5).any(|w| w[0] & 0xc0 == 0xc0 && w[1..] == v);
            if ours(&path).is_empty()
                && ![1, 0x6b33_43cf, 0xff00_001d_u32]
                    .iter()
                    .any(|v| long(v.to_be_bytes()))
            {
                continue;
            }
            captures += 1;
            names += as_tshark(&path);
        }
    }
    eprintln!("{captures} captures, {names} names");
}

/// The client's library, fetched into a folder of the test where it is not there.
fn library(dir: &Path) -> Option<PathBuf> {
    let ok = |c: &mut Command| {
        c.stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if ok(Command::new("python3").args(["-c", "import aioquic"])) {
        return Some("python3".into());
    }
    let venv = dir.join("venv");
    let python = venv.join("bin/python");
    if ok(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && ok(Command::new(&python).args(["-m", "pip", "install", "-q", "aioquic>=1.2"]))
    {
        return Some(python);
    }
    eprintln!("SKIPPED: the Python package aioquic is missing and cannot be fetched");
    None
}

#[test]
fn recorded_connections_are_named_as_their_client_asked_and_as_tshark_sees_them() {
    if !["unshare", "python3", "tcpdump", "tshark"]
        .iter()
        .all(|t| have(t))
    {
        return;
    }
    let right = Command::new("unshare")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status();
    if !right.is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: no right to a network namespace");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(python) = library(dir.path()) else {
        return;
    };
    let out = dir.path().join("out");
    let path = std::env::var("PATH").unwrap_or_default();
    let run = Command::new("unshare")
        .arg("-n")
        .arg(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/quic.py"))
        .arg(&out)
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    as_asked(&out.join("quic.pcap"), &out.join("saved.jsonl"));
    assert!(as_tshark(&out.join("quic.pcap")) >= 10);
}
