//! Trailers of HTTP/1, HTTP/2 and gRPC: what they hold is found, hidden where it is shown, searched for again by `verify` and
//! found by a trace, as what heads hold is.

use crate::support::h2::{client, frame, plain, server};
use crate::support::wire::Wire;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::process::{Command, Output};

const OWNER: &str = "13812345678";
const SENT: &str = "13712345678";
const ASKED: &str = "13912345678";
const DETAIL: &str = "13612345678";
const NUMBER: u64 = 13_512_345_678;
const MAIL: &str = "li.lei.77@bank.example";

/// A field of a Protocol Buffers message that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// A `google.rpc.Status` with a message and one detail, which holds a text and a number.
fn status() -> String {
    let mut detail = field(1, format!("of {DETAIL}").as_bytes());
    detail.push(2 << 3);
    let mut n = NUMBER;
    while n > 127 {
        detail.push(n as u8 | 128);
        n >>= 7;
    }
    detail.push(n as u8);
    let any = [
        field(1, b"type.googleapis.com/bank.Account"),
        field(2, &detail),
    ]
    .concat();
    let all = [
        vec![8, 5],
        field(2, format!("ask {MAIL}").as_bytes()),
        field(3, &any),
    ]
    .concat();
    STANDARD_NO_PAD.encode(all)
}

fn capture() -> Vec<u8> {
    let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
    let to = (Ipv4Addr::new(10, 9, 0, 1), 8080);
    let mut c = w.open((Ipv4Addr::new(10, 1, 0, 1), 40_001), to).unwrap();
    let ask = "POST /up HTTP/1.1\r\nHost: bank\r\nTransfer-Encoding: chunked\r\nTrailer: X-Phone\r\n\r\n2\r\nhi\r\n0\r\nX-Phone: 13712345678\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Owner:\r\n 13812345678\r\n\r\n";
    w.exchange(&mut c, ask.as_bytes(), answer.as_bytes())
        .unwrap();
    w.close(&mut c).unwrap();
    let mut c = w.open((Ipv4Addr::new(10, 1, 0, 2), 40_002), to).unwrap();
    let ask = plain(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "bank"),
        (":path", "/demo.Bank/Refuse"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]);
    let message =
        format!("%E6%89%8B%E6%9C%BA {ASKED} %E4%B8%8D%E5%AD%98%E5%9C%A8, ask for another");
    let end = plain(&[
        ("grpc-status", "5"),
        ("grpc-message", &message),
        ("grpc-status-details-bin", &status()),
    ]);
    let head = plain(&[(":status", "200"), ("content-type", "application/grpc")]);
    w.send(&mut c, 0, &client()).unwrap();
    w.send(&mut c, 1, &server()).unwrap();
    w.exchange(
        &mut c,
        &[frame(1, 4, 1, &ask), frame(0, 1, 1, &[0, 0, 0, 0, 0])].concat(),
        &[frame(1, 4, 1, &head), frame(1, 5, 1, &end)].concat(),
    )
    .unwrap();
    w.close(&mut c).unwrap();
    w.into_inner()
}

/// A case of one capture.
pub struct Lab(tempfile::TempDir);

impl Lab {
    pub fn of(capture: &[u8]) -> Lab {
        let l = Lab(tempfile::tempdir().unwrap());
        std::fs::write(l.0.path().join("t.pcap"), capture).unwrap();
        l.rows(&["load", "t.pcap"]);
        l
    }
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--json", "--case", "c.ltc"])
            .current_dir(self.0.path())
            .env("XDG_STATE_HOME", self.0.path().join("state"))
            .output()
            .unwrap()
    }
    /// What is written for people.
    pub fn text(&self, args: &[&str]) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(args)
            .args(["--case", "c.ltc"])
            .current_dir(self.0.path())
            .env("XDG_STATE_HOME", self.0.path().join("state"))
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}");
        String::from_utf8(out.stdout).unwrap()
    }
    pub fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.run(args);
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(matches!(out.status.code(), Some(0 | 1)), "{args:?}: {err}");
        let text = String::from_utf8(out.stdout).unwrap();
        let rows = text.lines().map(|l| serde_json::from_str(l).unwrap());
        rows.collect()
    }
}

#[test]
fn what_trailers_hold_is_found_hidden_and_traced() {
    let l = Lab::of(&capture());
    let found = |more: &[&str]| -> Vec<String> {
        let mut v: Vec<String> = l
            .rows(&[&["findings"], more].concat())
            .iter()
            .map(|f| {
                let s = |k: &str| f[k].as_str().unwrap_or("-").to_owned();
                [s("dir"), s("where"), s("class"), s("form"), s("value")].join(" ")
            })
            .collect();
        v.sort();
        v
    };
    let details = "resp header:grpc-status-details-bin";
    let number = NUMBER.to_string();
    let mut want = vec![
        format!("req header:x-phone cn-mobile plain {SENT}"),
        format!("resp header:x-owner cn-mobile plain {OWNER}"),
        format!("resp header:grpc-message cn-mobile url>plain {ASKED}"),
        format!("{details}.2 email base64>plain {MAIL}"),
        format!("{details}.3.2.1 cn-mobile base64>plain {DETAIL}"),
        format!("{details}.3.2.2 cn-mobile base64>plain {number}"),
    ];
    want.sort();
    assert_eq!(found(&["--reveal"]), want);
    // nothing of it is shown in clear unless it is asked for
    let all = [OWNER, SENT, ASKED, DETAIL, &number, MAIL];
    let secret = status();
    let calls = l.rows(&["calls"]);
    assert_eq!(calls.len(), 2);
    let mut clear = String::new();
    for c in &calls {
        let id = c["id"].as_str().unwrap();
        let shown = serde_json::to_string(&l.rows(&["show", id])).unwrap();
        for v in all.into_iter().chain([secret.as_str()]) {
            assert!(!shown.contains(v), "{v} in {shown}");
        }
        // names and what is not sensitive stay
        assert!(shown.contains("X-Sum") || shown.contains("grpc-status"));
        clear += &serde_json::to_string(&l.rows(&["show", id, "--reveal"])).unwrap();
    }
    for v in [OWNER, SENT, ASKED, &secret] {
        assert!(clear.contains(v), "{v}");
    }
    let masked = found(&[]);
    assert!(
        masked.iter().all(|f| all.iter().all(|v| !f.contains(v))),
        "{masked:?}"
    );
    // the case says of its own findings that they are there
    assert_eq!(l.run(&["verify"]).status.code(), Some(0));
    // and a trace finds the calls by findings and by text
    for v in all {
        let text = format!("{:?}", l.rows(&["trace", "--value", v]));
        let ids = calls.iter().filter_map(|c| c["id"].as_str());
        assert_eq!(ids.filter(|id| text.contains(id)).count(), 1, "{v}: {text}");
    }
}
