//! A town of servers, people and programs, all of whose calls are labelled with who made them: what the servers know.
//! Nothing here shares code or words with what reads it. Each scene is a queue of exchanges; the queues are shuffled into
//! one capture, so that people act at the same time, behind the same addresses, in the same kinds of browser.

mod logins;
mod others;
mod tokens;
pub mod words;

use super::random::Random;
use super::wire::{Tcp, Wire};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
pub use words::Words;

/// Who made a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// This account name, by the contract's order of names.
    Is(String),
    /// A key that nobody named: this one.
    Key(String),
    /// Nobody that a server knows: naming somebody is wrong.
    Nobody,
    /// Two readings are right.
    Free,
}

/// Truth of one call.
#[derive(Debug, Clone)]
pub struct Truth {
    pub kind: &'static str,
    pub method: String,
    pub target: String,
    pub who: Who,
    /// For whom a program acts, where a server was told.
    pub behalf: Option<String>,
}

/// A capture, a log beside it, and what their writer knows.
pub struct Town {
    pub capture: Vec<u8>,
    pub log: String,
    pub calls: Vec<Truth>,
    /// Stretches of credentials with one owner, by kind.
    pub intervals: BTreeMap<&'static str, usize>,
}

/// A person with all names.
#[derive(Debug, Clone)]
pub struct Human {
    pub login: String,
    pub mail: String,
    pub sub: String,
    pub display: String,
}

/// A client: address and browser.
#[derive(Debug, Clone, Copy)]
pub struct Agent {
    id: usize,
}

struct Client {
    addr: Ipv4Addr,
    ua: &'static str,
}

/// One exchange to be sent.
struct Step {
    client: usize,
    server: Ipv4Addr,
    request: Vec<u8>,
    response: Vec<u8>,
    truth: Truth,
    inner: Option<Box<Step>>,
    /// A connection of its own by number, where the connection matters.
    line: u32,
}

/// A request in the making.
pub struct Ask<'a> {
    pub method: &'a str,
    pub host: &'a str,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub kind: &'a str,
    pub body: String,
}

/// Its answer.
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(String, String)>,
    pub kind: &'static str,
    pub body: String,
}

pub fn ask<'a>(method: &'a str, host: &'a str, target: impl Into<String>) -> Ask<'a> {
    Ask {
        method,
        host,
        target: target.into(),
        headers: vec![],
        kind: "",
        body: String::new(),
    }
}
impl Ask<'_> {
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
    pub fn maybe(self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.with(name, value)
        }
    }
}
impl<'a> Ask<'a> {
    pub fn body(mut self, kind: &'a str, body: impl Into<String>) -> Ask<'a> {
        (self.kind, self.body) = (kind, body.into());
        self
    }
}
pub fn answer(status: &'static str, kind: &'static str, body: impl Into<String>) -> Answer {
    Answer {
        status,
        headers: vec![],
        kind,
        body: body.into(),
    }
}
pub fn json(body: impl Into<String>) -> Answer {
    answer("200 OK", "application/json", body)
}
impl Answer {
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }
    pub fn set(self, name: &str, value: &str) -> Answer {
        self.with("Set-Cookie", format!("{name}={value}; Path=/; HttpOnly"))
    }
}

pub struct Maker<'a> {
    pub r: Random,
    pub w: &'a Words,
    clients: Vec<Client>,
    scenes: Vec<Vec<Step>>,
    kind: &'static str,
    pub intervals: BTreeMap<&'static str, usize>,
    people: usize,
    log: Vec<(String, Truth)>,
    lines: u32,
    line: u32,
}

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0",
    "Mozilla/5.0 (Macintosh) Safari/605.1",
    "okhttp/4.12",
    "python-requests/2.31",
    "Apache-HttpClient/4.5",
];

pub fn is(name: &str) -> Who {
    Who::Is(name.to_owned())
}

impl<'a> Maker<'a> {
    /// Begins a scene.
    fn scene(&mut self, kind: &'static str) {
        self.kind = kind;
        self.line = 0;
        self.scenes.push(Vec::new());
    }
    /// A credential got an owner.
    pub fn interval(&mut self) {
        *self.intervals.entry(self.kind).or_default() += 1;
    }
    /// From here on one connection carries the scene.
    pub fn one_line(&mut self) {
        self.lines += 1;
        self.line = self.lines;
    }
    pub fn human(&mut self) -> Human {
        self.people += 1;
        let n = self.people;
        let given = *self.r.pick(&[
            "anna", "jonas", "mei", "tariq", "lena", "otto", "yuki", "pavel", "noor", "liwei",
            "zhang", "petra",
        ]);
        let family = *self.r.pick(&[
            "weber", "lang", "koch", "zhou", "sato", "novak", "chen", "meyer",
        ]);
        let login = match self.r.below(5) {
            0 => format!("{given}.{family}{n}"),
            1 => format!("{given}{n}"),
            2 => format!("{}{:04}", &family[..1], 1000 + n),
            3 => format!("{family}_{given}{n}"),
            _ => format!("E{}{n:03}", self.r.digits(3)),
        };
        let sub = match self.r.below(3) {
            0 => self.uuid(),
            1 => format!("{}", 40_000 + n),
            _ => format!("auth0|{}", self.r.hex(24)),
        };
        Human {
            mail: format!("{given}.{family}{n}@{}", self.w.domain),
            login,
            sub,
            display: format!("{given} {family}"),
        }
    }
    pub fn uuid(&mut self) -> String {
        let r = &mut self.r;
        format!(
            "{}-{}-4{}-a{}-{}",
            r.hex(8),
            r.hex(4),
            r.hex(3),
            r.hex(3),
            r.hex(12)
        )
    }
    /// An opaque secret.
    pub fn secret(&mut self) -> String {
        match self.r.below(4) {
            0 => self.r.hex(32),
            1 => self.uuid(),
            2 => {
                let n = 24 + self.r.below(20) as usize;
                (0..n)
                    .map(|_| {
                        char::from(
                            *self
                                .r
                                .pick(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"),
                        )
                    })
                    .collect()
            }
            _ => {
                let h = self.r.hex(40);
                b64url(h.as_bytes())[..40].to_owned()
            }
        }
    }
    pub fn password(&mut self) -> String {
        format!(
            "{}{}!{}",
            self.r.pick(&["Sommer", "woaini", "Pass", "qwe"]),
            self.r.digits(3),
            self.r.hex(3)
        )
    }
    pub fn jwt(&mut self, claims: &str) -> String {
        format!(
            "{}.{}.{}",
            b64url(b"{\"alg\":\"RS256\",\"typ\":\"JWT\"}"),
            b64url(claims.as_bytes()),
            b64url(self.r.hex(40).as_bytes())
        )
    }
    pub fn agent(&mut self) -> Agent {
        // few addresses, so that many share one
        let addr = Ipv4Addr::new(10, 20, 0, 1 + self.r.below(12) as u8);
        let ua = *self.r.pick(&AGENTS);
        self.clients.push(Client { addr, ua });
        Agent {
            id: self.clients.len() - 1,
        }
    }
    /// A client in a net of its own.
    pub fn agent_in(&mut self, net: u8, ua: &'static str) -> Agent {
        let host = self.r.below(200) as u8;
        self.agent_at(Ipv4Addr::new(10, net, 0, host), ua)
    }
    pub fn agent_at(&mut self, addr: Ipv4Addr, ua: &'static str) -> Agent {
        self.clients.push(Client { addr, ua });
        Agent {
            id: self.clients.len() - 1,
        }
    }
    /// What a server says to a wrong login: the same each time.
    pub fn refusal(&self, host: &str, path: &str) -> &'static str {
        let h = host
            .bytes()
            .chain(path.bytes())
            .fold(5usize, |h, b| h.wrapping_mul(33) ^ usize::from(b));
        self.w.failed[h % self.w.failed.len()]
    }
    pub fn word(&mut self, of: &'static [&'static str]) -> &'static str {
        of[self.r.below(of.len() as u64) as usize]
    }
    fn step(&self, agent: Agent, q: Ask<'_>, a: Answer, who: Who, behalf: Option<String>) -> Step {
        let c = &self.clients[agent.id];
        let mut s = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\n",
            q.method, q.target, q.host, c.ua
        );
        for (n, v) in &q.headers {
            s.push_str(&format!("{n}: {v}\r\n"));
        }
        if !q.body.is_empty() {
            s.push_str(&format!(
                "Content-Type: {}\r\nContent-Length: {}\r\n",
                q.kind,
                q.body.len()
            ));
        }
        s.push_str("\r\n");
        s.push_str(&q.body);
        let mut t = format!(
            "HTTP/1.1 {}\r\nServer: town\r\nContent-Length: {}\r\n",
            a.status,
            a.body.len()
        );
        if !a.kind.is_empty() {
            t.push_str(&format!("Content-Type: {}\r\n", a.kind));
        }
        for (n, v) in &a.headers {
            t.push_str(&format!("{n}: {v}\r\n"));
        }
        t.push_str("\r\n");
        t.push_str(&a.body);
        let h = q
            .host
            .bytes()
            .fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
        Step {
            client: agent.id,
            server: Ipv4Addr::new(10, 90, (h >> 8) as u8, h as u8 | 1),
            request: s.into_bytes(),
            response: t.into_bytes(),
            truth: Truth {
                kind: self.kind,
                method: q.method.into(),
                target: q.target,
                who,
                behalf,
            },
            inner: None,
            line: self.line,
        }
    }
    pub fn call(&mut self, agent: Agent, q: Ask<'_>, a: Answer, who: Who) {
        let s = self.step(agent, q, a, who, None);
        self.scenes.last_mut().unwrap().push(s);
    }
    pub fn call_for(&mut self, agent: Agent, q: Ask<'_>, a: Answer, who: Who, behalf: &str) {
        let s = self.step(agent, q, a, who, Some(behalf.into()));
        self.scenes.last_mut().unwrap().push(s);
    }
    /// The call before this one was passed on by its server.
    pub fn passed_on(&mut self, q: Ask<'_>, a: Answer, who: Who) {
        let from = self.scenes.last().unwrap().last().unwrap().server;
        let agent = self.agent_at(from, "gateway/1.0");
        let s = self.step(agent, q, a, who, None);
        self.scenes.last_mut().unwrap().last_mut().unwrap().inner = Some(Box::new(s));
    }
    /// A line of an access log that stands for a call of its own.
    pub fn line(&mut self, host: &str, user: &str, target: &str, addr: &str, who: Who) {
        let text = format!(
            "{addr} - {user} [01/Jul/2026:09:{:02}:{:02} +0000] \"GET {target} HTTP/1.1\" 200 512 \"-\" \"{host}\"",
            self.r.below(60),
            self.r.below(60)
        );
        let truth = Truth {
            kind: self.kind,
            method: "GET".into(),
            target: target.into(),
            who,
            behalf: None,
        };
        self.log.push((text, truth));
    }
    /// Ordinary work with whatever headers carry the credential.
    pub fn work(
        &mut self,
        agent: Agent,
        host: &'static str,
        headers: &[(&str, String)],
        who: &Who,
        calls: u64,
    ) {
        for _ in 0..calls {
            let n = self.r.below(9000);
            let noun = self.word(&[
                "orders", "kunden", "dingdan", "invoices", "reports", "tickets",
            ]);
            let (method, target, a) = match self.r.below(5) {
                0 => (
                    "GET",
                    format!("/api/{noun}?page={}", n % 30),
                    json(format!(
                        "{{\"total\":{n},\"rows\":[{{\"id\":{n},\"state\":\"open\"}}]}}"
                    )),
                ),
                1 => (
                    "POST",
                    format!("/api/{noun}"),
                    json(format!("{{\"id\":{n},\"etag\":\"{}\"}}", self.r.hex(32))),
                ),
                2 => (
                    "GET",
                    format!("/api/{noun}/{n}/items"),
                    json(format!("[{{\"sku\":\"{}\",\"qty\":2}}]", self.r.hex(12))),
                ),
                _ => (
                    "GET",
                    format!("/api/{noun}/{n}"),
                    json(format!(
                        "{{\"id\":{n},\"createdBy\":\"user{}\",\"ref\":\"{}\"}}",
                        n % 7,
                        self.uuid()
                    )),
                ),
            };
            let mut q = ask(method, host, target);
            for (k, v) in headers {
                q = q.with(k, v.clone());
            }
            if method == "POST" {
                q = q.body(
                    "application/json",
                    format!("{{\"amount\":{n},\"note\":\"n{n}\"}}"),
                );
            }
            self.call(agent, q, a, who.clone());
        }
    }
}

pub fn b64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
pub fn b64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
pub fn pct(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// Makes the town of a seed.
pub fn make(seed: u64, words: &Words) -> Town {
    let mut m = Maker {
        r: Random::new(seed),
        w: words,
        clients: Vec::new(),
        scenes: Vec::new(),
        kind: "",
        intervals: BTreeMap::new(),
        people: 0,
        log: Vec::new(),
        lines: 0,
        line: 0,
    };
    for (kind, times, play) in logins::SCENES
        .iter()
        .chain(tokens::SCENES)
        .chain(others::SCENES)
    {
        for _ in 0..*times {
            m.scene(kind);
            play(&mut m);
        }
    }
    m.finish()
}

impl Maker<'_> {
    fn finish(mut self) -> Town {
        let mut wire = Wire::new(Vec::new(), 1_782_900_000_000_000_000).unwrap();
        let mut open: BTreeMap<(usize, Ipv4Addr, u32), Tcp> = BTreeMap::new();
        let mut port = 20_000u16;
        let mut calls = Vec::new();
        let mut queues: Vec<std::collections::VecDeque<Step>> = std::mem::take(&mut self.scenes)
            .into_iter()
            .map(Into::into)
            .collect();
        queues.retain(|q| !q.is_empty());
        while !queues.is_empty() {
            // some at once, not all: a browser's calls stay within minutes
            let near = queues.len().min(25) as u64;
            let i = self.r.below(near) as usize;
            let s = queues[i].pop_front().unwrap();
            if queues[i].is_empty() {
                queues.remove(i);
            }
            let mut line = |wire: &mut Wire<Vec<u8>>, s: &Step, addr: Ipv4Addr| {
                let key = (s.client, s.server, s.line);
                open.remove(&key).unwrap_or_else(|| {
                    port += 1;
                    wire.open((addr, port), (s.server, 80)).unwrap()
                })
            };
            let addr = self.clients[s.client].addr;
            let mut tcp = line(&mut wire, &s, addr);
            wire.send(&mut tcp, 0, &s.request).unwrap();
            calls.push(s.truth.clone());
            if let Some(inner) = &s.inner {
                wire.now += 1_000_000;
                let mut t = line(&mut wire, inner, self.clients[inner.client].addr);
                wire.exchange(&mut t, &inner.request, &inner.response)
                    .unwrap();
                calls.push(inner.truth.clone());
                open.insert((inner.client, inner.server, inner.line), t);
            }
            wire.now += 2_000_000;
            wire.send(&mut tcp, 1, &s.response).unwrap();
            wire.now += 20_000_000 + self.r.below(700_000_000) as i64;
            open.insert((s.client, s.server, s.line), tcp);
        }
        let mut log = String::new();
        for (text, truth) in self.log {
            log.push_str(&text);
            log.push('\n');
            calls.push(truth);
        }
        Town {
            capture: wire.into_inner(),
            log,
            calls,
            intervals: self.intervals,
        }
    }
}
