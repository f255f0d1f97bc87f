//! The same calls in a capture and in files of other tools: one row each, whatever was loaded first. Recorded around a real
//! proxy (tests/record/proxy.py): its client is 127.0.0.2, it is 127.0.0.1, the server 127.0.0.3.

use crate::cli::text;
use crate::support::recut::{Rec, parts, pcap};
use crate::support::talk::recs;
use crate::tools::{Rig, fixture};
use serde_json::Value;

/// Packets of the proxy's client, or of its server.
fn side(outer: bool) -> Vec<u8> {
    let all = recs(std::fs::read(fixture("proxy.pcap")).unwrap());
    let port = |r: &Rec| {
        let [_, tcp, ..] = parts(r).unwrap();
        [0, 2].map(|n| u16::from_be_bytes([r.bytes[tcp + n], r.bytes[tcp + n + 1]]))
    };
    let mine: Vec<Rec> = all
        .into_iter()
        .filter(|r| port(r).contains(&18095) == outer)
        .collect();
    pcap(&mine)
}

fn roles(row: &Value) -> Vec<&str> {
    let list = row["locators"].as_array().unwrap();
    list.iter().map(|l| l["role"].as_str().unwrap()).collect()
}

/// The rows whose client is this one.
fn of<'a>(rows: &'a [Value], src: &str) -> Vec<&'a Value> {
    rows.iter().filter(|r| r["src"] == src).collect()
}

#[test]
fn what_was_captured_on_both_sides_of_a_proxy_and_kept_by_it_is_two_rows() {
    let (flow, har) = (fixture("proxy.flow"), fixture("proxy.har"));
    let mut first: Option<Vec<Value>> = None;
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let rig = Rig::new();
        let files = [
            rig.write("client.pcap", &side(true)),
            rig.write("server.pcap", &side(false)),
            flow.clone(),
            har.clone(),
        ];
        for n in order {
            assert_eq!(rig.load(&[&files[n]]).0, 0);
        }
        let rows = rig.rows(&["calls"]);
        assert_eq!(rows.len(), 20, "{order:?}");
        let (outer, inner) = (of(&rows, "127.0.0.2"), of(&rows, "127.0.0.1"));
        for (o, i) in outer.iter().zip(&inner) {
            assert_eq!(roles(o), ["origin", "log", "log"], "{order:?}: {o}");
            assert_eq!(roles(i), ["origin"], "{order:?}: {i}");
            assert_eq!(i["parent"], o["id"], "{order:?}");
        }
        assert_eq!((outer.len(), inner.len()), (10, 10));
        assert_eq!(rig.rows(&["calls", "is:log"]).len(), 10);
        // each entry's own id leads to its call
        let alone = Rig::new();
        alone.load(&[&flow]);
        for row in alone.rows(&["calls"]) {
            let out = rig.run(&["show", row["id"].as_str().unwrap(), "--json"]);
            let shown: Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!(shown["src"], "127.0.0.2", "{}", text(&out.stderr));
            assert_eq!(
                (&shown["uri"], &shown["sport"]),
                // the client asks a proxy for the whole address
                (
                    &format!("http://127.0.0.3:18094{}", row["uri"].as_str().unwrap()).into(),
                    &row["sport"]
                )
            );
        }
        let told: Vec<Value> = rows
            .into_iter()
            .map(|mut r| {
                r["source"].take();
                for l in r["locators"].as_array_mut().unwrap() {
                    l["source"].take();
                }
                r
            })
            .collect();
        assert_eq!(
            first.get_or_insert_with(|| told.clone()),
            &told,
            "{order:?}"
        );
        let out = rig.run(&["verify", "--json"]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stdout));
    }
}

#[test]
fn an_archive_is_joined_with_whichever_side_was_captured() {
    for outer in [true, false] {
        let rig = Rig::new();
        let capture = rig.write("side.pcap", &side(outer));
        rig.load(&[&capture, &fixture("proxy.har")]);
        let rows = rig.rows(&["calls"]);
        assert_eq!(rows.len(), 10, "{outer}");
        for r in &rows {
            assert_eq!(roles(r), ["origin", "log"], "{outer}: {r}");
        }
    }
}

#[test]
fn what_a_proxy_kept_is_the_parent_of_what_it_asked_itself() {
    let rig = Rig::new();
    let capture = rig.write("server.pcap", &side(false));
    rig.load(&[&capture, &fixture("proxy.flow")]);
    let rows = rig.rows(&["calls"]);
    let (outer, inner) = (of(&rows, "127.0.0.2"), of(&rows, "127.0.0.1"));
    assert_eq!((outer.len(), inner.len()), (10, 10));
    for (o, i) in outer.iter().zip(&inner) {
        assert_eq!(i["parent"], o["id"]);
        assert_eq!(i["account"], o["account"]);
    }
}

#[test]
fn an_archive_with_another_answer_or_of_another_time_stays_by_itself() {
    let har = std::fs::read_to_string(fixture("proxy.har")).unwrap();
    let other = har.replace("news", "olds");
    assert_ne!(other, har);
    let capture = side(true);
    let rig = Rig::new();
    rig.load(&[
        &rig.write("c.pcap", &capture),
        &rig.write("o.har", other.as_bytes()),
    ]);
    assert_eq!(rig.rows(&["calls"]).len(), 14);
    let later = har.replace("\"startedDateTime\": \"2026", "\"startedDateTime\": \"2027");
    assert_ne!(later, har);
    let rig = Rig::new();
    rig.load(&[
        &rig.write("c.pcap", &capture),
        &rig.write("l.har", later.as_bytes()),
    ]);
    assert_eq!(rig.rows(&["calls"]).len(), 20);
}

#[test]
fn the_programs_own_archive_beside_its_capture_adds_no_row() {
    let rig = Rig::new();
    rig.load(&[&fixture("http1.pcap")]);
    let before = rig.rows(&["calls"]);
    let har = rig.at("out.har");
    let what = "status > 0 and method != CONNECT";
    let out = ["export", "--format", "har", "--reveal", "-o"];
    rig.run(&[&out[..], &[har.to_str().unwrap(), what]].concat());
    rig.load(&[har.to_str().unwrap()]);
    let after = rig.rows(&["calls"]);
    let ids = |rows: &[Value]| -> Vec<Value> { rows.iter().map(|r| r["id"].clone()).collect() };
    assert_eq!(ids(&after), ids(&before));
    let logs = after.iter().filter(|r| roles(r).contains(&"log")).count();
    assert_eq!(logs, rig.rows(&["calls", what]).len());
}
