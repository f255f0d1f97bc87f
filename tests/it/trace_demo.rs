//! How the leaked records of the demo moved, against what its servers and clients noted while they sent (`demo-data/truth.jsonl.zst`):
//! each row's trail, edge by edge.

use leaktrace::load::{LoadOptions, Progress, run as load};
use leaktrace::query::Cx;
use leaktrace::trace::{Options, Question, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

const GATEWAY: &str = "10.20.0.2";
/// Where the list was taken, and where the weekly delivery goes.
const DROP: &str = "198.51.100.23";
const PARTNER: &str = "203.0.113.40";
/// The first packet of the capture.
const BEGIN: u64 = 1_795_460_943_061_469_000;

/// From, to, in an answer; how often.
type Edges = BTreeMap<(String, String, bool), u64>;

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or_default()
}

fn address(who: &str) -> String {
    let n = match who {
        "portal" => 11,
        "crm" => 12,
        "store" => 13,
        "vault" => 14,
        _ => 15,
    };
    format!("10.20.1.{n}")
}

struct Truth {
    rows: Vec<Value>,
    /// Addresses of the accounts that noted theirs.
    clients: BTreeMap<String, String>,
    /// The leaked customers in the order of the list.
    leaked: Vec<u64>,
}

fn truth(dir: &Path) -> Truth {
    let packed = std::fs::read(dir.join("truth.jsonl.zst")).unwrap();
    let all = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
    let rows = all.lines().skip(1);
    let mut rows: Vec<Value> = rows.map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut clients = BTreeMap::new();
    for r in rows.iter().filter(|r| r["local"].is_array()) {
        let at = r["local"][0].as_str().unwrap().to_owned();
        clients.insert(text(r, "account").into(), at);
    }
    // The portal masks its list and did not note whom it holds: what it asked for it did.
    let page = |r: &Value| {
        let uri = text(r, "uri").to_owned();
        uri.split_once("customers?page").map(|x| x.1.to_owned())
    };
    let lists: Vec<(String, String, u64, Value)> = rows
        .iter()
        .filter(|r| text(r, "who") == "crm")
        .filter_map(|r| {
            let ts = r["ts"].as_u64()?;
            Some((page(r)?, text(r, "user").into(), ts, r["customers"].clone()))
        })
        .collect();
    for r in rows.iter_mut().filter(|r| text(r, "who") == "portal") {
        let Some(page) = page(r).filter(|_| !text(r, "uri").contains("reports")) else {
            continue;
        };
        let ts = r["ts"].as_u64().unwrap();
        let own = lists
            .iter()
            .filter(|l| l.0 == page && l.1 == text(r, "account"));
        let nearest = own.min_by_key(|l| l.2.abs_diff(ts)).unwrap();
        r["customers"] = nearest.3.clone();
    }
    let list = |r: &Value| {
        r["customers"]
            .as_array()
            .map(|c| c.iter().filter_map(Value::as_u64).collect())
    };
    let out = rows
        .iter()
        .find(|r| r["exit"] == true && text(r, "uri").ends_with(".csv"));
    Truth {
        leaked: list(out.unwrap()).unwrap(),
        rows,
        clients,
    }
}

impl Truth {
    /// What a customer's number moved along. Cards are answered without it; the note that left has identity numbers alone.
    fn edges(&self, customer: u64) -> Edges {
        let mut out = Edges::new();
        let mut add = |from: &str, to: &str, resp| {
            *out.entry((from.to_owned(), to.to_owned(), resp))
                .or_default() += 1;
        };
        let has = |r: &&Value| {
            let list = r["customers"].as_array();
            list.is_some_and(|c| c.iter().any(|x| x.as_u64() == Some(customer)))
        };
        let late = |r: &&Value| r["ts"].as_u64().is_some_and(|t| t >= BEGIN);
        for r in self.rows.iter().filter(late).filter(has) {
            let (who, uri) = (text(r, "who"), text(r, "uri"));
            if uri.contains("/cards") {
                continue;
            }
            if text(r, "side") == "server" {
                let peer = r["peer"][0].as_str().unwrap();
                add(&address(who), peer, true);
                if peer == GATEWAY {
                    let client = self.clients.get(text(r, "account"));
                    add(GATEWAY, client.map_or("a client", String::as_str), true);
                }
            } else if who == "exports" {
                add(&address(who), PARTNER, false);
            } else if r["exit"] == true && uri.ends_with(".csv") {
                add(&self.clients["wu.tao"], DROP, false);
            }
        }
        out
    }
}

#[test]
fn the_trails_of_the_demo_are_told_edge_by_edge() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data");
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("demo.ltc");
    let options = LoadOptions {
        files: vec![data.join("shop.pcap.zst"), data.join("gateway-access.log")],
        case: case.clone(),
        ..LoadOptions::default()
    };
    load(&options, &Progress::default()).unwrap();
    let cx = Cx::open(&case, false).unwrap();
    let truth = truth(&data);
    let known: BTreeSet<&str> = truth.clients.values().map(String::as_str).collect();
    let mut leaked = csv::Reader::from_path(data.join("leaked-rows.csv")).unwrap();
    let numbers = leaked.records().map(|r| r.unwrap()[2].to_owned());
    let numbers: Vec<String> = numbers.collect();
    let q = Question::Clue {
        name: "numbers.csv".into(),
        bytes: format!("mobile\n{}\n", numbers.join("\n")).into_bytes(),
    };
    let options = Options {
        trails: Some(numbers.len()),
        ..Options::default()
    };
    let r = run(&cx.conn, &q, &options, &AtomicBool::new(false)).unwrap();
    let (mut told, mut right, mut were, mut whole) = (0, 0, 0, 0);
    let rows = r.trails.len();
    for (trail, customer) in r.trails.iter().zip(&truth.leaked) {
        let mut got = Edges::new();
        for h in &trail.hops {
            // nobody noted who is in an order, nor what a search asked for
            let silent = h.api.as_ref().is_some_and(|a| a.contains("/orders"))
                || h.dir == "req" && !h.exit && !h.inferred;
            if silent {
                continue;
            }
            let from = h.from.clone().unwrap();
            let mut to = h.to.clone().unwrap();
            if from == GATEWAY && !known.contains(to.as_str()) {
                to = "a client".into();
            }
            *got.entry((from, to, h.dir == "resp")).or_default() += 1;
        }
        let want = truth.edges(*customer);
        let both = |(k, n): (&(String, String, bool), &u64)| got.get(k).map_or(0, |m| *m.min(n));
        right += want.iter().map(both).sum::<u64>();
        told += got.values().sum::<u64>();
        were += want.values().sum::<u64>();
        whole += u64::from(got == want);
    }
    println!("{rows} trails: {were} edges were, {told} told, {right} right; {whole} whole");
    assert_eq!((rows, whole), (150, 150));
    assert_eq!((told, right), (were, were), "precision and recall 1.0");
}
