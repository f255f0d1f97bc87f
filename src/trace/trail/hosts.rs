//! What the case knows of its hosts: who asks whom, whether anything is sent or handed out there, what a call of an API usually
//! causes and is caused by, and how far the clocks of its sources are apart. In: a case. Out: answers to these questions, kept.
//! Bounds: one pass over the calls for the pairs of hosts; [`SAMPLE`] calls an API.

use crate::case::bodies::BodyReader;
use crate::error::Result;
use crate::trace::evidence::address;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;

/// Calls of an API that tell its habits.
const SAMPLE: i64 = 2000;
/// Hosts between two that are known: beyond, anything is connected with anything.
const BETWEEN: usize = 3;
/// Calls that must tell of a habit.
const FEW: u64 = 4;

/// Calls that must tell how long such calls take.
const TIMES: usize = 8;

/// Calls from one host to another.
#[derive(Debug, Clone, Copy, Default)]
struct Talk {
    /// Requests with content.
    asks: u64,
    /// Answers with content.
    tells: u64,
}

/// What calls of an API do.
#[derive(Debug, Default)]
pub struct Habit {
    /// Calls looked at.
    pub calls: u64,
    /// ... inside which another call ran.
    pub asking: u64,
    /// Servers whose answers with sensitive data came in meanwhile: address, API, in how many calls.
    pub from: Vec<(IpAddr, i64, u64)>,
    /// ... that ran inside another call.
    pub inside: u64,
    /// Clients that those outer calls handed sensitive data to: address, API, how many.
    pub to: Vec<(IpAddr, i64, u64)>,
    /// Nanoseconds that nine of ten calls take at least inside which another ran; `None` where few tell.
    pub slow: Option<i64>,
    /// All servers that are asked meanwhile, and all clients of outer calls, in the same way.
    inner: Vec<(IpAddr, i64, u64)>,
    outer: Vec<(IpAddr, i64, u64)>,
}

impl Habit {
    /// The one server that the data of such a call comes from, and in what share of the calls.
    pub fn source(&self) -> Option<(IpAddr, i64, f64)> {
        one(&self.from, self.calls)
    }
    /// The one client that the data is handed on to.
    pub fn target(&self) -> Option<(IpAddr, i64, f64)> {
        one(&self.to, self.calls)
    }
}

/// An address as the case has it.
fn blob(host: IpAddr) -> Vec<u8> {
    let wide = match host {
        IpAddr::V4(a) => a.to_ipv6_mapped(),
        IpAddr::V6(a) => a,
    };
    wide.octets().to_vec()
}

/// The only one of a list, where it stands for about half of all calls: three captures miss many.
pub(super) fn one(list: &[(IpAddr, i64, u64)], calls: u64) -> Option<(IpAddr, i64, f64)> {
    let (addr, api, n) = list.iter().max_by_key(|x| x.2).copied()?;
    let all: u64 = list.iter().map(|x| x.2).sum();
    let share = n as f64 / calls.max(1) as f64;
    (calls >= FEW && n >= 3 && n * 10 >= all * 9 && share >= 0.45).then_some((addr, api, share))
}

/// See the module's page.
pub struct Hosts<'c> {
    conn: &'c Connection,
    talks: OnceCell<BTreeMap<(IpAddr, IpAddr), Talk>>,
    asked: OnceCell<BTreeSet<IpAddr>>,
    apis: RefCell<FxHashMap<i64, Option<i64>>>,
    habits: RefCell<FxHashMap<i64, Rc<Habit>>>,
    servers: RefCell<FxHashMap<IpAddr, f64>>,
    tells: RefCell<FxHashMap<IpAddr, bool>>,
    reader: RefCell<BodyReader>,
    clients: RefCell<FxHashMap<i64, Option<IpAddr>>>,
    fed: RefCell<FxHashMap<i64, Option<IpAddr>>>,
    clocks: FxHashMap<i64, (i64, i64)>,
}

impl<'c> Hosts<'c> {
    /// Reads the clocks; the rest is read when it is asked for.
    pub fn new(conn: &'c Connection) -> Result<Hosts<'c>> {
        let mut clocks = FxHashMap::default();
        let mut stmt = conn.prepare(
            "SELECT c.source_id,c.off_ns,c.grp,f.skew FROM source_clock c LEFT JOIN source_fact f ON f.source_id=c.source_id",
        )?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            // a log's clock is known against the captures' as a whole
            let skew: Option<i64> = r.get(3)?;
            clocks.insert(r.get(0)?, (skew.unwrap_or(r.get(1)?), r.get(2)?));
        }
        Ok(Hosts {
            conn,
            talks: OnceCell::new(),
            asked: OnceCell::new(),
            apis: RefCell::default(),
            habits: RefCell::default(),
            servers: RefCell::default(),
            tells: RefCell::default(),
            reader: RefCell::new(BodyReader::new()),
            clients: RefCell::default(),
            fed: RefCell::default(),
            clocks,
        })
    }

    /// How much later a source's clock says it is, and the number of its group: within one group times can be compared.
    pub fn clock(&self, source: i64) -> (i64, i64) {
        self.clocks.get(&source).copied().unwrap_or((0, -source))
    }

    fn talks(&self) -> &BTreeMap<(IpAddr, IpAddr), Talk> {
        self.talks.get_or_init(|| {
            let mut out: BTreeMap<(IpAddr, IpAddr), Talk> = BTreeMap::new();
            // without them nothing is inferred; a fault of the database shows elsewhere
            let _ = self.pairs(&mut out);
            out
        })
    }

    fn pairs(&self, out: &mut BTreeMap<(IpAddr, IpAddr), Talk>) -> Result<()> {
        let mut stmt = self.conn.prepare(
            "SELECT src,dst,count(req_body_id),count(resp_body_id) FROM call WHERE src IS NOT NULL AND dst IS NOT NULL GROUP BY src,dst",
        )?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let end = |i: usize| -> Result<Option<IpAddr>> {
                Ok(r.get_ref(i)?.as_blob().ok().and_then(address))
            };
            let (Some(src), Some(dst)) = (end(0)?, end(1)?) else {
                continue;
            };
            let n =
                |i: usize| -> Result<u64> { Ok(u64::try_from(r.get::<_, i64>(i)?).unwrap_or(0)) };
            out.insert(
                (src, dst),
                Talk {
                    asks: n(2)?,
                    tells: n(3)?,
                },
            );
        }
        Ok(())
    }

    /// Hosts by which data comes from `holder` to `at` in answers: each asks the one before it. Both ends are in it; shortest, the
    /// first by address of equal ones.
    pub fn fetched(&self, holder: IpAddr, at: IpAddr) -> Option<Vec<IpAddr>> {
        let mut way = self.way(at, holder, |t| t.tells > 0)?;
        way.reverse();
        Some(way)
    }

    /// Hosts by which data comes from `holder` to `at` in requests. `content`: those pairs alone where requests have content.
    pub fn pushed(&self, holder: IpAddr, at: IpAddr, content: bool) -> Option<Vec<IpAddr>> {
        self.way(holder, at, |t| !content || t.asks > 0)
    }

    /// From client to server to its server, at most [`BETWEEN`] steps.
    fn way(&self, from: IpAddr, to: IpAddr, fits: impl Fn(&Talk) -> bool) -> Option<Vec<IpAddr>> {
        let mut before: BTreeMap<IpAddr, IpAddr> = BTreeMap::new();
        let mut seen: BTreeSet<IpAddr> = BTreeSet::from([from]);
        let mut open: VecDeque<(IpAddr, usize)> = VecDeque::from([(from, 0)]);
        while let Some((at, steps)) = open.pop_front() {
            if at == to {
                let mut way = vec![to];
                let mut back = to;
                while let Some(b) = before.get(&back) {
                    way.push(*b);
                    back = *b;
                }
                way.reverse();
                return (way.len() > 1).then_some(way);
            }
            if steps == BETWEEN {
                continue;
            }
            let lowest = match at {
                IpAddr::V4(_) => IpAddr::from([0u8; 4]),
                IpAddr::V6(_) => IpAddr::from([0u8; 4]),
            };
            for ((_, next), _) in self
                .talks()
                .range((at, lowest)..)
                .take_while(|((a, _), _)| *a == at)
                .filter(|(_, t)| fits(t))
            {
                if seen.insert(*next) {
                    before.insert(*next, at);
                    open.push_back((*next, steps + 1));
                }
            }
        }
        None
    }

    /// Whether anybody asks a host.
    pub fn serves(&self, host: IpAddr) -> bool {
        let all = || self.talks().keys().map(|(_, to)| *to).collect();
        self.asked.get_or_init(all).contains(&host)
    }

    /// Whether a host's answers hold sensitive data at all; a few of them tell.
    pub fn tells(&self, host: IpAddr) -> bool {
        if let Some(x) = self.tells.borrow().get(&host) {
            return *x;
        }
        let any = self
            .conn
            .prepare_cached(
                "SELECT count(b.facts) FROM (SELECT resp_body_id FROM call WHERE dst=?1 AND resp_body_id IS NOT NULL LIMIT ?2) c \
                 JOIN body b ON b.id=c.resp_body_id",
            )
            .and_then(|mut s| s.query_row((blob(host), SAMPLE), |r| r.get::<_, i64>(0)))
            .is_ok_and(|n| n > 0);
        self.tells.borrow_mut().insert(host, any);
        any
    }

    /// In what share of the calls of its API another one ran inside a call; where few tell, as on its server in general.
    pub fn asks(&self, call: i64, server: Option<IpAddr>) -> f64 {
        let Some(habit) = self.api(call).map(|a| self.habit(a)) else {
            return 0.0;
        };
        let usual = server.map_or(0.0, |s| self.server(s));
        (habit.asking as f64 + usual * FEW as f64) / (habit.calls + FEW) as f64
    }

    /// The server that such a call's client usually got sensitive data from right before: a queue that it works off.
    pub fn fed(&self, call: i64) -> Option<IpAddr> {
        let api = self.api(call)?;
        if let Some(known) = self.fed.borrow().get(&api) {
            return *known;
        }
        let server = super::fed::read(self.conn, api).unwrap_or(None);
        self.fed.borrow_mut().insert(api, server);
        server
    }

    /// In what share of the calls of its API a call ran inside another.
    pub fn caused(&self, call: i64) -> f64 {
        let habit = self.api(call).map(|a| self.habit(a));
        habit
            .filter(|h| h.calls >= FEW)
            .map_or(0.0, |h| h.inside as f64 / h.calls as f64)
    }

    /// Whether a call took less time than such calls do that ask another server.
    pub fn quick(&self, call: i64, ns: i64) -> bool {
        let habit = self.api(call).map(|a| self.habit(a));
        habit.and_then(|h| h.slow).is_some_and(|slow| ns < slow)
    }

    /// Who stood before the proxy that made a call, as the proxy says: the last address that was added.
    pub fn client_of(&self, call: i64) -> Option<IpAddr> {
        if let Some(known) = self.clients.borrow().get(&call) {
            return *known;
        }
        let client = self.forwarded(call);
        self.clients.borrow_mut().insert(call, client);
        client
    }

    fn forwarded(&self, call: i64) -> Option<IpAddr> {
        let heads = self.reader.borrow_mut().heads(self.conn, call).ok()?;
        let headers = heads.request?.headers();
        let value = |names: &[&str]| {
            let fits = |n: &str| names.iter().any(|x| n.eq_ignore_ascii_case(x));
            let list = headers.iter().rev();
            list.clone().find(|(n, _)| fits(n)).map(|(_, v)| v.as_str())
        };
        let named = value(&["x-forwarded-for", "x-real-ip", "x-client-ip"]);
        let named = named.or_else(|| {
            let last = value(&["forwarded"])?.rsplit(',').next()?;
            let parts = last.split(';').map(str::trim);
            parts
                .filter_map(|p| p.split_once('='))
                .find(|(k, _)| k.eq_ignore_ascii_case("for"))
                .map(|(_, v)| v.trim_matches('"'))
        })?;
        let last = named.rsplit(',').next()?.trim();
        let last = last.trim_start_matches('[');
        last.split_once(']')
            .map_or(last, |(a, _)| a)
            .parse()
            .ok()
            .or_else(|| last.rsplit_once(':').and_then(|(a, _)| a.parse().ok()))
    }

    /// The same for all calls that a host answers.
    fn server(&self, host: IpAddr) -> f64 {
        if let Some(x) = self.servers.borrow().get(&host) {
            return *x;
        }
        let counts = self
            .conn
            .prepare_cached(
                "SELECT count(*),count(k.parent_id) FROM (SELECT c.id FROM call c JOIN call_fact f ON f.call_id=c.id WHERE c.dst=?1 \
                 AND f.joined IS NULL AND c.status BETWEEN 200 AND 299 LIMIT ?2) c \
                 LEFT JOIN (SELECT DISTINCT parent_id FROM call_fact WHERE parent_id IS NOT NULL) k ON k.parent_id=c.id",
            )
            .and_then(|mut s| {
                s.query_row((blob(host), SAMPLE), |r| {
                    Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?))
                })
            });
        let share = match counts {
            Ok((all, asking)) if all > 0 => asking as f64 / all as f64,
            _ => 0.0,
        };
        self.servers.borrow_mut().insert(host, share);
        share
    }

    /// Hosts by which data comes from `holder` in answers to `at`, where a call of this API is answered, as such calls usually ask.
    /// Both ends are in it.
    pub fn asked_by(&self, api: i64, at: IpAddr, holder: IpAddr) -> Option<Vec<IpAddr>> {
        let mut way = self.usual(api, at, holder, |h| &h.inner)?;
        way.reverse();
        Some(way)
    }

    /// Hosts by which data comes from `holder` in requests to `at`, where a call of this API is made, as such calls are usually caused.
    pub fn caused_by(&self, api: i64, at: IpAddr, holder: IpAddr) -> Option<Vec<IpAddr>> {
        let mut way = self.usual(api, at, holder, |h| &h.outer)?;
        way.reverse();
        Some(way)
    }

    fn usual(
        &self,
        api: i64,
        at: IpAddr,
        to: IpAddr,
        next: impl Fn(&Habit) -> &Vec<(IpAddr, i64, u64)>,
    ) -> Option<Vec<IpAddr>> {
        let mut seen: BTreeSet<i64> = BTreeSet::from([api]);
        let mut open: VecDeque<(i64, Vec<IpAddr>)> = VecDeque::from([(api, vec![at])]);
        while let Some((api, way)) = open.pop_front() {
            let habit = self.habit(api);
            for (addr, then, n) in next(&habit) {
                let all: u64 = next(&habit).iter().map(|x| x.2).sum();
                if *n * 4 < all || way.contains(addr) {
                    continue;
                }
                let mut longer = way.clone();
                longer.push(*addr);
                if *addr == to {
                    return Some(longer);
                }
                if longer.len() <= BETWEEN && seen.insert(*then) {
                    open.push_back((*then, longer));
                }
            }
        }
        None
    }

    /// The API of a call.
    pub fn api(&self, call: i64) -> Option<i64> {
        if let Some(known) = self.apis.borrow().get(&call) {
            return *known;
        }
        let api = self.read_api(call);
        self.apis.borrow_mut().insert(call, api);
        api
    }

    fn read_api(&self, call: i64) -> Option<i64> {
        self.conn
            .prepare_cached("SELECT api_id FROM call_fact WHERE call_id=?1")
            .and_then(|mut s| s.query_row([call], |r| r.get(0)).optional())
            .ok()
            .flatten()
            .flatten()
    }

    /// Habits of an API.
    pub fn habit(&self, api: i64) -> Rc<Habit> {
        if let Some(h) = self.habits.borrow().get(&api) {
            return h.clone();
        }
        let h = Rc::new(self.read_habit(api).unwrap_or_default());
        self.habits.borrow_mut().insert(api, h.clone());
        h
    }

    fn read_habit(&self, api: i64) -> Result<Habit> {
        let mut h = Habit::default();
        type Ends = BTreeMap<(IpAddr, i64), u64>;
        let (mut from, mut to) = (Ends::new(), Ends::new());
        let (mut inside, mut around) = (Ends::new(), Ends::new());
        let mut calls = self.conn.prepare_cached(
            "SELECT f.call_id,f.parent_id,c.end_ts-c.ts FROM call_fact f JOIN call c ON c.id=f.call_id WHERE f.api_id=?1 AND f.joined IS NULL \
             AND c.src IS NOT NULL AND c.status BETWEEN 200 AND 299 ORDER BY f.call_id LIMIT ?2",
        )?;
        // the plus keeps SQLite from planning it anew for each parent, by what its statistics say of that value
        let mut inner = self.conn.prepare_cached(
            "SELECT c.dst,f.api_id,b.facts IS NOT NULL FROM call_fact f JOIN call c ON c.id=f.call_id LEFT JOIN body b ON b.id=c.resp_body_id \
             WHERE f.parent_id=+?1 AND f.joined IS NULL",
        )?;
        let mut outer = self.conn.prepare_cached(
            "SELECT c.src,f.api_id,b.facts IS NOT NULL FROM call_fact f JOIN call c ON c.id=f.call_id LEFT JOIN body b ON b.id=c.resp_body_id \
             WHERE f.call_id=?1",
        )?;
        let mut times: Vec<i64> = Vec::new();
        let mut rows = calls.query((api, SAMPLE))?;
        while let Some(r) = rows.next()? {
            h.calls += 1;
            let mut ends: BTreeSet<(IpAddr, i64)> = BTreeSet::new();
            let mut all: BTreeSet<(IpAddr, i64)> = BTreeSet::new();
            let mut any = false;
            let mut list = inner.query([r.get::<_, i64>(0)?])?;
            while let Some(k) = list.next()? {
                any = true;
                let dst = k.get_ref(0)?.as_blob().ok().and_then(address);
                let Some(a) = dst else { continue };
                let end = (a, k.get::<_, Option<i64>>(1)?.unwrap_or(0));
                all.insert(end);
                if k.get(2)? {
                    ends.insert(end);
                }
            }
            h.asking += u64::from(any);
            if any && let Some(ns) = r.get(2)? {
                times.push(ns);
            }
            for e in ends {
                *from.entry(e).or_default() += 1;
            }
            for e in all {
                *inside.entry(e).or_default() += 1;
            }
            if let Some(p) = r.get::<_, Option<i64>>(1)? {
                h.inside += 1;
                let mut list = outer.query([p])?;
                if let Some(k) = list.next()? {
                    let src = k.get_ref(0)?.as_blob().ok().and_then(address);
                    let Some(a) = src else { continue };
                    let end = (a, k.get::<_, Option<i64>>(1)?.unwrap_or(0));
                    *around.entry(end).or_default() += 1;
                    if k.get(2)? {
                        *to.entry(end).or_default() += 1;
                    }
                }
            }
        }
        if times.len() >= TIMES {
            let tenth = times.len() / 10;
            h.slow = Some(*times.select_nth_unstable(tenth).1);
        }
        let list = |ends: Ends| ends.into_iter().map(|((a, i), n)| (a, i, n)).collect();
        h.from = list(from);
        h.to = list(to);
        h.inner = list(inside);
        h.outer = list(around);
        Ok(h)
    }
}
