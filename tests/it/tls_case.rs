//! TLS and the case: what is not opened says what would open it, a capture in the case is read again with keys, and no key is
//! ever in the case. The fixture was recorded by tests/record/tls.py.

use crate::tls_recorded::saved;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

struct Lab(tempfile::TempDir);

impl Lab {
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .current_dir(self.0.path())
            .env("XDG_STATE_HOME", self.0.path().join("state"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
    fn rows(&self, case: &str, args: &[&str]) -> Vec<Value> {
        let out = self.run(&[args, &["--json", "--case", case]].concat());
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(matches!(out.status.code(), Some(0 | 1)), "{args:?}: {err}");
        String::from_utf8(out.stdout)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }
    fn load(&self, case: &str, args: &[&str]) -> Value {
        self.rows(case, &[&["load"], args].concat()).remove(0)
    }
}

fn lab() -> Lab {
    let dir = tempfile::tempdir().unwrap();
    for name in ["tls.pcap", "tls.keys"] {
        std::fs::copy(fixture(name), dir.path().join(name)).unwrap();
    }
    Lab(dir)
}

/// Port, target, status, SHA-256, sorted.
fn bodies(rows: &[Value]) -> Vec<crate::tls_recorded::Saved> {
    let mut v: Vec<_> = rows
        .iter()
        .map(|r| {
            assert_eq!(r["tls"], true);
            (
                r["dport"].as_u64().unwrap(),
                r["uri"].as_str().unwrap().to_owned(),
                r["status"].as_u64(),
                r["resp_sha256"].as_str().map(str::to_owned),
            )
        })
        .collect();
    v.sort();
    v
}

fn expected() -> Vec<crate::tls_recorded::Saved> {
    let mut v: Vec<_> = saved(&fixture("tls.jsonl"))
        .into_iter()
        .map(|s| s.1)
        .collect();
    v.sort();
    v
}

#[test]
fn a_capture_in_the_case_is_read_again_with_keys_and_no_key_gets_into_it() {
    let l = lab();
    l.load("a.ltc", &["tls.pcap"]);
    assert!(l.rows("a.ltc", &["calls"]).is_empty());
    let flows = l.rows("a.ltc", &["flows"]);
    for f in &flows {
        let why = f["why_opaque"].as_str().unwrap();
        let cipher = f["tls"]["cipher"].as_str().unwrap();
        assert!(why.contains("(--keylog)") && why.contains(cipher), "{why}");
        assert_eq!(
            why.contains("--rsa-key"),
            cipher.starts_with("TLS_RSA_WITH"),
            "{why}"
        );
        assert!(
            why.starts_with(f["tls"]["version"].as_str().unwrap()),
            "{why}"
        );
        assert_eq!(f["tls"]["opened"], false);
        assert!(f["sni"].as_str().unwrap().ends_with(".example.org"));
        let v13 = f["tls"]["version"] == "TLS 1.3";
        let subject = f["tls"]["subject"].as_str();
        assert_eq!(
            subject.is_none(),
            v13,
            "a certificate under encryption is not known"
        );
        assert!(
            subject.is_none_or(|s| s.starts_with("C=DE, O=Example, CN=")),
            "{subject:?}"
        );
    }
    // an unrelated key log changes nothing but the reason
    std::fs::write(
        l.0.path().join("other.keys"),
        format!("CLIENT_RANDOM {} {}\n", "ab".repeat(32), "cd".repeat(48)),
    )
    .unwrap();
    l.load("a.ltc", &["tls.pcap", "--keylog", "other.keys"]);
    for f in l.rows("a.ltc", &["flows"]) {
        let why = f["why_opaque"].as_str().unwrap();
        assert!(
            why.ends_with("none of the secrets given is of this connection"),
            "{why}"
        );
    }
    assert_eq!(l.rows("a.ltc", &["flows"]).len(), flows.len());
    // the right one opens it, in the place of what was there
    let end = l.load(
        "a.ltc",
        &["tls.pcap", "--keylog", "other.keys", "--keylog", "tls.keys"],
    );
    assert_eq!(end["sources"].as_array().unwrap().len(), 1);
    assert_eq!(l.rows("a.ltc", &["sources"]).len(), 1);
    let calls = l.rows("a.ltc", &["calls", "--reveal"]);
    assert_eq!(bodies(&calls), expected());
    for f in l.rows("a.ltc", &["flows"]) {
        assert_eq!(f["why_opaque"], Value::Null);
        assert_eq!(
            (&f["app"], &f["tls"]["opened"]),
            (&"tls".into(), &true.into())
        );
        assert!(f["tls"]["subject"].as_str().unwrap().contains("CN="));
    }
    // without keys, or with the same, it is not read again: nothing changes
    l.load("a.ltc", &["tls.pcap"]);
    l.load("a.ltc", &["tls.pcap", "--keylog", "tls.keys"]);
    assert_eq!(l.rows("a.ltc", &["calls", "--reveal"]), calls);

    // a case loaded with keys at once says the same
    l.load("b.ltc", &["tls.pcap", "--keylog", "tls.keys"]);
    assert_eq!(l.rows("b.ltc", &["calls", "--reveal"]), calls);
    assert_eq!(l.rows("b.ltc", &["flows"]), l.rows("a.ltc", &["flows"]));

    // what it says can be checked and cut out
    assert_eq!(l.run(&["verify", "--case", "a.ltc"]).status.code(), Some(0));
    let out = l.run(&[
        "export",
        "--format",
        "pcap",
        "-o",
        "x.pcapng",
        "--case",
        "a.ltc",
        "status:404",
        "--reveal",
    ]);
    assert_eq!(
        out.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let cut = crate::tls_recorded::read_with(&l.0.path().join("x.pcapng"), &[fixture("tls.keys")]);
    assert!(
        cut.exchanges.iter().any(|x| x.tls),
        "the handshakes are cut out too"
    );

    // the case knows name and hash of the key log, and nothing of what is in it
    let journal = l.rows(
        "a.ltc",
        &[
            "sql",
            "SELECT detail FROM journal WHERE act='load' ORDER BY seq",
            "--reveal",
        ],
    );
    let text = serde_json::to_string(&journal).unwrap();
    assert!(
        text.contains("tls.keys") && text.contains("other.keys"),
        "{text}"
    );
    let mut files: Vec<u8> = Vec::new();
    for entry in std::fs::read_dir(l.0.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains(".ltc") {
            files.extend(std::fs::read(path).unwrap());
        }
    }
    let lower = files.to_ascii_lowercase();
    let keys = std::fs::read_to_string(fixture("tls.keys")).unwrap();
    let mut looked = 0;
    for secret in keys.lines().filter_map(|l| l.split(' ').nth(2)) {
        let raw: Vec<u8> = (0..secret.len() / 2)
            .map(|i| u8::from_str_radix(&secret[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        looked += 1;
        assert!(memchr::memmem::find(&files, &raw[..16]).is_none());
        assert!(
            memchr::memmem::find(&lower, secret[..32].to_ascii_lowercase().as_bytes()).is_none()
        );
    }
    assert!(looked > 20);
}

#[test]
fn secrets_that_cannot_be_read_are_an_error_and_not_an_opaque_capture() {
    let l = lab();
    std::fs::write(l.0.path().join("not.keys"), "hello\nworld\n").unwrap();
    std::fs::write(l.0.path().join("not.pem"), "hello\n").unwrap();
    for args in [
        ["load", "tls.pcap", "--keylog", "missing.keys"],
        ["load", "tls.pcap", "--keylog", "not.keys"],
        ["load", "tls.pcap", "--rsa-key", "not.pem"],
        ["load", "tls.pcap", "--rsa-key", "tls.keys"],
    ] {
        let out = l.run(&[&args[..], &["--case", "c.ltc"]].concat());
        assert_eq!(out.status.code(), Some(4), "{args:?}");
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(err.contains(args[3]), "{err}");
    }
    assert!(!l.0.path().join("c.ltc").exists());
}

#[test]
fn what_a_key_log_holds_beyond_a_limit_is_told() {
    let l = lab();
    let keys = std::fs::read_to_string(fixture("tls.keys")).unwrap();
    let more: String = (0..9)
        .map(|n| {
            format!(
                "CLIENT_RANDOM {} {}\n",
                "ab".repeat(32),
                format!("{n:02x}").repeat(48)
            )
        })
        .collect();
    let text = format!("{keys}{more}nonsense\n");
    std::fs::write(l.0.path().join("many.keys"), text).unwrap();
    let end = l.load("m.ltc", &["tls.pcap", "--keylog", "many.keys"]);
    let diags = &end["sources"][0]["diags"];
    let text = diags.to_string();
    assert!(text.contains("keylog-limit") && text.contains('5'), "{end}");
    assert!(text.contains("keylog-unread"), "{end}");
    let end = l.load("n.ltc", &["tls.pcap", "--keylog", "tls.keys"]);
    assert!(!end.to_string().contains("keylog-"), "{end}");
}

/// The packets of a pcap as pcapng, with a key log in a Decryption Secrets Block before them or behind.
fn pcapng(pcap: &[u8], keys: &[u8], behind: bool) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let body = [body, &vec![0; body.len().next_multiple_of(4) - body.len()]].concat();
        let len = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, &body, &len].concat()
    };
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    let mut out = block(
        0x0a0d_0d0a,
        &[
            0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        ],
    );
    out.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0]));
    let secrets = block(
        10,
        &[
            &0x544c_534bu32.to_le_bytes()[..],
            &(keys.len() as u32).to_le_bytes(),
            keys,
        ]
        .concat(),
    );
    if !behind {
        out.extend(&secrets);
    }
    let mut at = 24;
    while at < pcap.len() {
        let len = word(at + 8);
        let us = u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4));
        let head = [0, (us >> 32) as u32, us as u32, len, word(at + 12)];
        let head: Vec<u8> = head.iter().flat_map(|w| w.to_le_bytes()).collect();
        let bytes = &pcap[at + 16..at + 16 + len as usize];
        out.extend(block(6, &[&head[..], bytes].concat()));
        at += 16 + len as usize;
    }
    if behind {
        out.extend(&secrets);
    }
    out
}

#[test]
fn secrets_inside_pcapng_open_it_wherever_they_stand() {
    let l = lab();
    let (pcap, keys) = (
        std::fs::read(fixture("tls.pcap")).unwrap(),
        std::fs::read(fixture("tls.keys")).unwrap(),
    );
    for behind in [false, true] {
        std::fs::write(l.0.path().join("d.pcapng"), pcapng(&pcap, &keys, behind)).unwrap();
        let case = format!("d{behind}.ltc");
        l.load(&case, &["d.pcapng"]);
        assert_eq!(bodies(&l.rows(&case, &["calls", "--reveal"])), expected());
    }
    // also of another file of the same load
    std::fs::write(
        l.0.path().join("e.pcapng"),
        pcapng(&pcap[..24], &keys, false),
    )
    .unwrap();
    l.load("e.ltc", &["tls.pcap", "e.pcapng"]);
    assert_eq!(bodies(&l.rows("e.ltc", &["calls", "--reveal"])), expected());
}
