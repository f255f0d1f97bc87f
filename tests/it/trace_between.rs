//! Hops that no capture has: whose data they explain, and whose they do not.

use crate::support::wire::{Tcp, Wire, request, response};
use leaktrace::load::{LoadOptions, Progress, run as load};
use leaktrace::query::Cx;
use leaktrace::trace::model::{Hop, Trail};
use leaktrace::trace::{Options, Question, run};
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const STORE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const ONE: Ipv4Addr = Ipv4Addr::new(10, 0, 5, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(10, 0, 5, 2);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const S: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;
const START: i64 = 1_760_000_000 * S;
const VALUE: &str = "13912345678";

/// Frames of a capture that is made call by call.
struct Made {
    wire: Wire<Vec<u8>>,
    port: u16,
}

/// A request under way.
struct Open(Tcp);

impl Made {
    fn new() -> Made {
        let wire = Wire::new(Vec::new(), START).unwrap();
        Made { wire, port: 30_000 }
    }
    fn ask(&mut self, at: i64, from: Ipv4Addr, to: Ipv4Addr, bytes: &[u8]) -> Open {
        self.wire.now = START + at;
        self.port += 1;
        let mut tcp = self.wire.open((from, self.port), (to, 8080)).unwrap();
        self.wire.send(&mut tcp, 0, bytes).unwrap();
        Open(tcp)
    }
    fn tell(&mut self, at: i64, mut open: Open, body: &str) {
        self.wire.now = START + at;
        let bytes = response(
            "200 OK",
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        self.wire.send(&mut open.0, 1, &bytes).unwrap();
    }
    /// A client asks the gateway, which asks the store; `front`: whether the client's call was captured.
    fn read(&mut self, at: i64, client: Ipv4Addr, front: bool, mobile: &str) {
        let target = format!("/customers/{}", 7000 + at / S);
        let get = request("GET", "api.example", &target, &[], b"");
        let outer = front.then(|| self.ask(at, client, GATEWAY, &get));
        let name = client.to_string();
        let inner = request("GET", "store", &target, &[("X-Forwarded-For", &name)], b"");
        let inner = self.ask(at + 10 * MS, GATEWAY, STORE, &inner);
        let body = format!("{{\"mobile\":\"{mobile}\"}}");
        self.tell(at + 20 * MS, inner, &body);
        if let Some(outer) = outer {
            self.tell(at + 30 * MS, outer, &body);
        }
    }
    /// Ordinary traffic of both clients.
    fn day(&mut self) {
        for n in 0..8i64 {
            let client = if n % 2 == 0 { ONE } else { TWO };
            self.read(n * S, client, true, &format!("1380000{:04}", 17 * n + 5));
        }
    }
    fn trail(self) -> Trail {
        let dir = tempfile::tempdir().unwrap();
        let (file, case) = (dir.path().join("a.pcap"), dir.path().join("t.ltc"));
        std::fs::write(&file, self.wire.into_inner()).unwrap();
        let options = LoadOptions {
            files: vec![file],
            case: case.clone(),
            ..LoadOptions::default()
        };
        load(&options, &Progress::default()).unwrap();
        let cx = Cx::open(&case, false).unwrap();
        let q = Question::Value(VALUE.into());
        let r = run(&cx.conn, &q, &Options::default(), &AtomicBool::new(false)).unwrap();
        r.trails.into_iter().next().unwrap()
    }
}

fn ends(h: &Hop) -> (String, String) {
    (h.from.clone().unwrap(), h.to.clone().unwrap())
}

fn named(a: Ipv4Addr, b: Ipv4Addr) -> (String, String) {
    (a.to_string(), b.to_string())
}

#[test]
fn what_one_client_was_given_explains_nothing_that_another_sends() {
    let mut m = Made::new();
    m.day();
    m.read(10 * S, ONE, true, VALUE);
    let body = format!("{{\"mobile\":\"{VALUE}\"}}");
    let post = request("POST", "api.example", "/orders", &[], body.as_bytes());
    let outer = m.ask(40 * S, TWO, GATEWAY, &post);
    let inner = m.ask(40 * S + 10 * MS, GATEWAY, STORE, &post);
    m.tell(40 * S + 20 * MS, inner, "{}");
    m.tell(40 * S + 30 * MS, outer, "{}");
    let t = m.trail();
    assert!(t.hops.iter().all(|h| !h.inferred), "{:#?}", t.hops);
    let sent = t
        .hops
        .iter()
        .find(|h| ends(h) == named(TWO, GATEWAY))
        .unwrap();
    assert_eq!((sent.via, sent.link), (None, "origin"));
}

#[test]
fn a_proxy_says_for_whom_an_answer_was() {
    let mut m = Made::new();
    m.day();
    m.read(10 * S, ONE, false, VALUE);
    m.read(20 * S, TWO, false, VALUE);
    let body = format!("{{\"mobile\":\"{VALUE}\"}}");
    let post = request("POST", "drop.example", "/up", &[], body.as_bytes());
    let out = m.ask(40 * S, ONE, OUTSIDE, &post);
    m.tell(40 * S + 10 * MS, out, "{}");
    let t = m.trail();
    let implied: Vec<_> = t.hops.iter().filter(|h| h.inferred).collect();
    let mut to: Vec<_> = implied.iter().map(|h| ends(h)).collect();
    to.sort();
    assert_eq!(to, [named(GATEWAY, ONE), named(GATEWAY, TWO)]);
    let of = |n: Option<u32>| t.hops.iter().find(|h| Some(h.n) == n).unwrap();
    let left = t.hops.iter().find(|h| h.exit).unwrap();
    let given = of(left.via);
    assert_eq!(ends(given), named(GATEWAY, ONE));
    // the first of the two answers
    assert_eq!(of(given.via).n, t.hops.iter().map(|h| h.n).min().unwrap());
}
