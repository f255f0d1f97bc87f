//! Real programs talking HTTP/1, recorded by tests/record/http1.sh: every call, its status, and its content as curl saved it.

use crate::http1_tshark::{read, text};
use leaktrace::body::decode::decode;
use leaktrace::call::model::{Exchange, Flags, Message};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}

fn row(x: &Exchange) -> (String, String, String, Option<u64>, Option<String>) {
    let req = x.request.as_ref().unwrap();
    let content = x.response.as_ref().filter(|m| m.body.len > 0).map(|m| {
        assert!(m.body.complete);
        let ce: Vec<&[u8]> = m.header_all("content-encoding").collect();
        let d = decode(&m.body.bytes, &ce);
        assert_eq!((d.cut, d.lied), (None, false));
        assert_eq!(d.sha256, <[u8; 32]>::from(Sha256::digest(&d.content)));
        hex(&d.sha256)
    });
    let status = x.response.as_ref().and_then(Message::status).map(u64::from);
    (
        text(req.method()),
        text(req.header("host")),
        text(req.target()),
        status,
        content,
    )
}

#[test]
fn every_recorded_call_is_found_with_its_content() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let calls = read(&dir.join("http1.pcap"));
    let mut ours: Vec<_> = calls.exchanges.iter().map(row).collect();
    let list = std::fs::read_to_string(dir.join("http1.jsonl")).unwrap();
    let mut theirs: Vec<_> = list
        .lines()
        .map(|l| {
            let v: Value = serde_json::from_str(l).unwrap();
            let s = |f: &str| v[f].as_str().unwrap_or_default().to_owned();
            (
                s("method"),
                s("host"),
                s("target"),
                v["status"].as_u64(),
                v["sha256"].as_str().map(str::to_owned),
            )
        })
        .collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    let bad = Flags(
        Flags::BAD_FRAMING.0
            | Flags::GAP.0
            | Flags::UNCERTAIN_PAIR.0
            | Flags::TRUNCATED.0
            | Flags::PARTIAL_HEADERS.0,
    );
    for x in &calls.exchanges {
        assert_eq!(x.flags.0 & bad.0, 0, "{:?} {:?}", row(x), x.flags.names());
        assert!(
            x.done && x.request.as_ref().unwrap().first.ts <= x.response.as_ref().unwrap().last.ts
        );
    }
    let find = |target: &str| {
        calls
            .exchanges
            .iter()
            .find(|x| x.request.as_ref().unwrap().target() == Some(target.as_bytes()))
            .unwrap()
    };
    assert_eq!(
        text(Some(&find("/chunked").response.as_ref().unwrap().trailers)),
        "x-sum: 5\r\n"
    );
    let echo = calls
        .exchanges
        .iter()
        .find(|x| !x.interim.is_empty())
        .unwrap();
    assert_eq!(echo.interim[0].status(), Some(100));
    assert_eq!(echo.request.as_ref().unwrap().body.len, 12_000);
    for target in ["/up", "127.0.0.1:18081"] {
        assert!(find(target).flags.has(Flags::UPGRADED));
    }
    // each connection is listed, and its calls are counted
    assert_eq!(
        calls.flows.iter().map(|f| f.calls).sum::<u64>(),
        calls.exchanges.len() as u64
    );
    assert!(calls.flows.iter().all(|f| f.app == "http"));
}
