//! Records on their way through five services behind a gateway, captured at three places by clocks that are seconds apart, with a
//! share of all exchanges missing from every capture. In: a seed. Out: bytes of captures, and the truth as it was written: for
//! each record its hops in order, each with the hop that it came from. What a value looks like on the wire is made in [`forms`],
//! the ways in [`ways`]; nothing of the program's own is used.

pub mod forms;
pub mod ways;

use super::h2;
use super::people::{self, Person};
use super::random::Random;
use super::recut::{self, Rec};
use super::talk;
use super::wire::{self, Wire};
use std::net::Ipv4Addr;

pub const MS: i64 = 1_000_000;
/// When it all begins.
const START: i64 = 1_760_000_000_000_000_000;

/// Addresses.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const A: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
pub const B: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
pub const C: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 3);
pub const D: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 4);
pub const E: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 5);
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// One movement as it was.
#[derive(Debug, Clone)]
pub struct Hop {
    pub from: Ipv4Addr,
    pub to: Ipv4Addr,
    pub resp: bool,
    /// Exchange, index into [`World::exchanges`].
    pub exchange: usize,
    /// The hop that the data came from.
    pub via: Option<usize>,
    pub form: String,
    /// Whether any capture has it.
    pub seen: bool,
}

/// The whole way of one record.
#[derive(Debug, Clone)]
pub struct Way {
    pub kind: &'static str,
    pub value: String,
    pub hops: Vec<Hop>,
}

impl Way {
    /// Whether a hop is in a capture, or between two that are.
    pub fn implied(&self, n: usize) -> bool {
        let before = || {
            let mut at = self.hops[n].via;
            while let Some(i) = at {
                if self.hops[i].seen {
                    return true;
                }
                at = self.hops[i].via;
            }
            false
        };
        let after = || {
            (n + 1..self.hops.len()).any(|m| {
                let mut at = self.hops[m].via;
                while let Some(i) = at {
                    if i == n {
                        return self.hops[m].seen;
                    }
                    at = self.hops[i].via;
                }
                false
            })
        };
        self.hops[n].seen || before() && after()
    }
}

/// What goes over a connection.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub port: u16,
    t0: i64,
    t1: i64,
    sent: [Vec<u8>; 2],
    /// A second thing that the server sends, later.
    later: Option<(i64, Vec<u8>)>,
}

impl Exchange {
    /// The content of the request, head left out.
    pub fn asked(&self) -> &[u8] {
        let sent = &self.sent[0];
        let end = sent.windows(4).position(|w| w == b"\r\n\r\n");
        end.map_or(&[], |i| &sent[i + 4..])
    }
}

/// Captures and the truth.
pub struct World {
    pub captures: Vec<(String, Vec<u8>)>,
    pub ways: Vec<Way>,
    pub exchanges: Vec<Exchange>,
    /// How much later each capture's clock says it was.
    pub skews: Vec<i64>,
}

/// Makes a world.
pub struct Maker {
    pub r: Random,
    pub ways: Vec<Way>,
    pub exchanges: Vec<Exchange>,
    /// People whose records stand in lists beside those that are followed.
    pub crowd: Vec<Person>,
    port: u16,
}

/// A message before it is bytes.
#[derive(Debug, Clone, Default)]
pub struct Msg {
    pub method: &'static str,
    pub host: &'static str,
    pub target: String,
    pub status: &'static str,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub fn get(host: &'static str, target: impl Into<String>) -> Msg {
    Msg {
        method: "GET",
        host,
        target: target.into(),
        ..Msg::default()
    }
}
pub fn post(host: &'static str, target: impl Into<String>) -> Msg {
    Msg {
        method: "POST",
        ..get(host, target)
    }
}
pub fn ok() -> Msg {
    status("200 OK")
}
pub fn status(status: &'static str) -> Msg {
    Msg {
        status,
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: br#"{"ok":true,"count":42}"#.to_vec(),
        ..Msg::default()
    }
}

impl Msg {
    fn bytes(&self) -> Vec<u8> {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        if self.status.is_empty() {
            wire::request(self.method, self.host, &self.target, &headers, &self.body)
        } else {
            wire::response(self.status, &headers, &self.body)
        }
    }
}

impl Maker {
    pub fn new(seed: u64) -> Maker {
        let mut r = Random::new(seed);
        let crowd = (0..60).map(|_| people::person(&mut r)).collect();
        Maker {
            r,
            ways: Vec::new(),
            exchanges: Vec::new(),
            crowd,
            port: 20_000,
        }
    }
    pub fn ms(&mut self, from: u64, to: u64) -> i64 {
        (from + self.r.below(to - from)) as i64 * MS + self.r.below(900_000) as i64
    }
    pub fn opaque(&mut self) -> String {
        format!("k{}", self.r.hex(10))
    }
    pub fn client(&mut self) -> Ipv4Addr {
        Ipv4Addr::new(10, 9, 0, 1 + self.r.below(6) as u8)
    }
    fn raw(&mut self, ends: (Ipv4Addr, Ipv4Addr), t: (i64, i64), sent: [Vec<u8>; 2]) -> usize {
        self.port += 1;
        self.exchanges.push(Exchange {
            src: ends.0,
            dst: ends.1,
            port: self.port,
            t0: t.0,
            t1: t.1,
            sent,
            later: None,
        });
        self.exchanges.len() - 1
    }
    /// An exchange over HTTP/1.1.
    pub fn call(
        &mut self,
        ends: (Ipv4Addr, Ipv4Addr),
        t: (i64, i64),
        req: &Msg,
        resp: &Msg,
    ) -> usize {
        self.raw(ends, t, [req.bytes(), resp.bytes()])
    }
    /// A gRPC call whose messages are given.
    pub fn grpc(
        &mut self,
        ends: (Ipv4Addr, Ipv4Addr),
        t: (i64, i64),
        path: &str,
        messages: [&[u8]; 2],
    ) -> usize {
        let framed = |m: &[u8]| [&[0u8][..], &(m.len() as u32).to_be_bytes(), m].concat();
        let head = h2::plain(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "rpc.svc"),
            (":path", path),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]);
        let request = [
            h2::client(),
            h2::frame(h2::HEADERS, h2::END_HEADERS, 1, &head),
            h2::frame(h2::DATA, h2::END_STREAM, 1, &framed(messages[0])),
        ]
        .concat();
        let answer = [
            h2::server(),
            h2::frame(
                h2::HEADERS,
                h2::END_HEADERS,
                1,
                &h2::plain(&[(":status", "200"), ("content-type", "application/grpc")]),
            ),
            h2::frame(h2::DATA, 0, 1, &framed(messages[1])),
            h2::frame(
                h2::HEADERS,
                h2::END_HEADERS | h2::END_STREAM,
                1,
                &h2::plain(&[("grpc-status", "0")]),
            ),
        ]
        .concat();
        self.raw(ends, t, [request, answer])
    }
    /// A WebSocket on which the server says something at `at`.
    pub fn socket(
        &mut self,
        ends: (Ipv4Addr, Ipv4Addr),
        t: (i64, i64),
        at: i64,
        text: &[u8],
    ) -> usize {
        let mut up = get("push.shop.example", "/live");
        for (n, v) in [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            up.headers.push((n.into(), v.into()));
        }
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let mut frame = vec![0x81, 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend(text);
        let i = self.raw(ends, t, [up.bytes(), answer.to_vec()]);
        self.exchanges[i].later = Some((at, frame));
        i
    }
    /// Notes a way; its hops follow.
    pub fn way(&mut self, kind: &'static str, value: &str) -> usize {
        self.ways.push(Way {
            kind,
            value: value.into(),
            hops: Vec::new(),
        });
        self.ways.len() - 1
    }
    pub fn hop(
        &mut self,
        way: usize,
        exchange: usize,
        resp: bool,
        via: Option<usize>,
        form: &str,
    ) -> usize {
        let x = &self.exchanges[exchange];
        let (from, to) = if resp { (x.dst, x.src) } else { (x.src, x.dst) };
        self.ways[way].hops.push(Hop {
            from,
            to,
            resp,
            exchange,
            via,
            form: form.into(),
            seen: true,
        });
        self.ways[way].hops.len() - 1
    }

    /// Captures it all at three places, with losses. `lost`: per cent of exchanges that no capture has.
    fn finish(mut self, lost: u64) -> World {
        let service = |a: Ipv4Addr| a.octets()[..3] == [10, 0, 1];
        let skews: Vec<i64> = (0..3)
            .map(|_| self.r.below(10_000) as i64 * MS - 5_000 * MS + self.r.below(999_999) as i64)
            .collect();
        let mut files: Vec<Vec<Rec>> = vec![Vec::new(); 3];
        let mut missing = vec![false; self.exchanges.len()];
        for (i, x) in self.exchanges.iter().enumerate() {
            let mut taps: Vec<usize> = Vec::new();
            if service(x.src) && service(x.dst) {
                taps.push(2);
                if x.src == A || x.dst == A {
                    taps.push(1);
                }
            } else if x.src == GATEWAY || x.dst == GATEWAY && service(x.src) {
                taps.push(1);
            } else {
                taps.push(0);
            }
            if self.r.chance(lost) {
                missing[i] = true;
                continue;
            }
            // what two taps should have, one of them may have lost
            if taps.len() == 2 && self.r.chance(30) {
                taps.remove(self.r.below(2) as usize);
            }
            let mut w = Wire::new(Vec::new(), x.t0 - 80_000).unwrap();
            let mut c = w.open((x.src, x.port), (x.dst, 8080)).unwrap();
            w.now = x.t0;
            w.send(&mut c, 0, &x.sent[0]).unwrap();
            w.now = x.t1 - 20_000;
            w.send(&mut c, 1, &x.sent[1]).unwrap();
            if let Some((at, bytes)) = &x.later {
                w.now = *at;
                w.send(&mut c, 1, bytes).unwrap();
            }
            w.close(&mut c).unwrap();
            let recs = talk::recs(w.into_inner());
            for t in taps {
                files[t].extend(recs.iter().cloned().map(|mut rec| {
                    rec.ts += skews[t];
                    rec
                }));
            }
        }
        for w in &mut self.ways {
            for h in &mut w.hops {
                h.seen = !missing[h.exchange];
            }
        }
        let captures = files
            .into_iter()
            .zip(["edge.pcap", "front.pcap", "back.pcap"])
            .map(|(mut recs, name)| {
                recs.sort_by_key(|r| r.ts);
                (name.to_owned(), recut::pcap(&recs))
            })
            .collect();
        World {
            captures,
            ways: self.ways,
            exchanges: self.exchanges,
            skews,
        }
    }
}

/// A world of every kind of way, `rounds` times each, some at once, with `lost` per cent of exchanges missing everywhere.
pub fn make(seed: u64, rounds: usize, lost: u64) -> World {
    let mut m = Maker::new(seed);
    let mut t = START;
    for _ in 0..rounds {
        let mut order: Vec<usize> = (0..ways::KINDS.len()).collect();
        m.r.shuffle(&mut order);
        for k in order {
            (ways::KINDS[k].1)(&mut m, t);
            t += m.ms(30, 900);
            for _ in 0..m.r.below(3) {
                ways::noise(&mut m, t);
                t += m.ms(5, 60);
            }
        }
    }
    ways::decoys(&mut m, START, t);
    m.finish(lost)
}
