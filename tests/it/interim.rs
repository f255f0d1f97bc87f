//! Interim responses (100, 103) of HTTP/1 and HTTP/2: what their heads hold is found, hidden where it is shown, searched for again by
//! `verify` and found by a trace, as what final heads hold is.

use crate::support::h2::{client, frame, plain, server};
use crate::support::wire::Wire;
use crate::trailers::Lab;
use std::net::Ipv4Addr;

const OLD: &str = "13812345678";
const NEW: &str = "13712345678";
const ALONE: &str = "13612345678";
const LAST: &str = "13512345678";

fn capture() -> Vec<u8> {
    let mut w = Wire::new(Vec::new(), 1_790_000_000_000_000_000).unwrap();
    let to = (Ipv4Addr::new(10, 9, 0, 1), 8080);
    let mut c = w.open((Ipv4Addr::new(10, 1, 0, 1), 40_001), to).unwrap();
    let ask = "GET /one HTTP/1.1\r\nHost: bank\r\n\r\n";
    let answer = format!(
        "HTTP/1.1 102 Processing\r\nX-Step: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Phone: {OLD}\r\n\r\nHTTP/1.1 200 OK\r\nX-Owner: {LAST}\r\nContent-Length: 2\r\n\r\nok"
    );
    w.exchange(&mut c, ask.as_bytes(), answer.as_bytes())
        .unwrap();
    w.close(&mut c).unwrap();
    let mut c = w.open((Ipv4Addr::new(10, 1, 0, 2), 40_002), to).unwrap();
    let ask = |path| {
        plain(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "bank"),
            (":path", path),
        ])
    };
    let early = |phone| plain(&[(":status", "103"), ("link", "</a.css>"), ("x-phone", phone)]);
    w.send(&mut c, 0, &client()).unwrap();
    w.send(&mut c, 1, &server()).unwrap();
    let last = plain(&[(":status", "200"), ("etag", "a")]);
    w.exchange(
        &mut c,
        &frame(1, 5, 1, &ask("/two")),
        &[
            frame(1, 4, 1, &early(NEW)),
            frame(1, 4, 1, &last),
            frame(0, 1, 1, b"ok"),
        ]
        .concat(),
    )
    .unwrap();
    // the final answer is not in the capture
    w.exchange(
        &mut c,
        &frame(1, 5, 3, &ask("/three")),
        &frame(1, 4, 3, &early(ALONE)),
    )
    .unwrap();
    w.close(&mut c).unwrap();
    w.into_inner()
}

#[test]
fn what_interim_heads_hold_is_found_hidden_and_traced() {
    let l = Lab::of(&capture());
    let found = |more: &[&str]| -> Vec<String> {
        let mut v: Vec<String> = l
            .rows(&[&["findings"], more].concat())
            .iter()
            .filter(|f| f["class"] == "cn-mobile")
            .map(|f| format!("{} {} {}", f["dir"], f["where"], f["value"]).replace('"', ""))
            .collect();
        v.sort();
        v
    };
    let mut want = vec![
        format!("resp header:x-owner {LAST}"),
        format!("resp header:x-phone {ALONE}"),
        format!("resp header:x-phone {OLD}"),
        format!("resp header:x-phone {NEW}"),
    ];
    want.sort();
    assert_eq!(found(&["--reveal"]), want);
    let hidden = found(&[]);
    assert_eq!(hidden.len(), 4);
    for clear in [OLD, NEW, ALONE, LAST] {
        assert!(hidden.iter().all(|h| !h.contains(clear)), "{hidden:?}");
    }
    let (mut early, mut shown) = (0, 0);
    for c in l.rows(&["calls"]) {
        let id = c["id"].as_str().unwrap();
        let text = l.text(&["show", id]);
        for clear in [OLD, NEW, ALONE, LAST] {
            assert!(!text.contains(clear), "{text}");
        }
        early += usize::from(text.contains("103"));
        let clear = l.text(&["show", id, "--reveal"]);
        shown += [OLD, NEW, ALONE, LAST]
            .iter()
            .filter(|v| clear.contains(**v))
            .count();
    }
    assert_eq!((early, shown), (3, 4));
    let verified = l.rows(&["verify"]);
    assert_eq!(verified.len(), 1, "{verified:?}");
    for value in [OLD, NEW, ALONE] {
        let traced = l.rows(&["trace", "--value", value]);
        let hop = &traced[0]["trails"][0]["hops"][0];
        assert_eq!(
            (&hop["dir"], &hop["where"]),
            (&"resp".into(), &"header:x-phone".into()),
            "{traced:?}"
        );
    }
}
