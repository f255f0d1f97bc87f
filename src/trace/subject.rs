//! All that one subject saw, took and sent on. In: an account, an address, a device, an API or a host, and a case; or the trails of a
//! value. Out: what passed it in either direction, when, between which hosts, and how that compares with its own past and its
//! peers'. Bounds: [`limits::TRACE_SUBJECT_CALLS`] calls, each body read once; [`BEATS`] steps of time.
//!
//! Data moves towards a subject or away from it: who asks takes what is answered and sends what is asked with; who answers, the
//! other way round. An address is at either end.

mod baseline;

use super::evidence::{Evidence, address};
use super::model::Trail;
use super::sight::Fields;
use crate::detect;
use crate::detect::form::Step;
use crate::error::Result;
use crate::facts::inside::Inside;
use crate::limits;
use crate::query::read::time::rfc3339;
pub use baseline::Baseline;
use rusqlite::{OptionalExtension, params_from_iter};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Steps of a timeline.
const BEATS: i64 = 60;
const S: i64 = 1_000_000_000;

/// What a subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Who acted.
    Account,
    /// An address, asking or answering.
    Address,
    /// A client by its print, else by its name for itself.
    Device,
    /// A group of calls.
    Api,
    /// A host by its name.
    Host,
}

impl Kind {
    /// All.
    pub const ALL: [Kind; 5] = [
        Kind::Account,
        Kind::Address,
        Kind::Device,
        Kind::Api,
        Kind::Host,
    ];
    /// Name in the answer and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Account => "account",
            Kind::Address => "address",
            Kind::Device => "device",
            Kind::Api => "api",
            Kind::Host => "host",
        }
    }
}

/// What passed in one direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Amount {
    /// Calls.
    pub calls: u64,
    /// Distinct records in them.
    pub records: u64,
    /// Distinct values by class.
    pub values: BTreeMap<String, u64>,
    /// First of them.
    pub first: Option<String>,
    /// Last of them.
    pub last: Option<String>,
}

/// Where data was sent on to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SentTo {
    /// Address.
    pub to: String,
    /// Whether it is outside.
    pub outside: bool,
    /// Calls with data.
    pub calls: u64,
    /// Distinct records.
    pub records: u64,
    /// First.
    pub first: String,
    /// Last.
    pub last: String,
}

/// What was sent on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sent {
    /// How much.
    #[serde(flatten)]
    pub all: Amount,
    /// Where to, most records first.
    pub to: Vec<SentTo>,
}

/// A step of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beat {
    /// When it begins.
    pub from: String,
    /// When it ends.
    pub to: String,
    /// Calls.
    pub calls: u64,
    /// Records that came.
    pub taken: u64,
    /// Records that went.
    pub sent: u64,
}

/// What passed between the subject and one host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spot {
    /// Address of the other end.
    pub host: String,
    /// `taken` from there or `sent` there.
    pub dir: &'static str,
    /// Calls.
    pub calls: u64,
    /// Values by class.
    pub classes: BTreeMap<String, u64>,
    /// Of one value or record: sightings by form.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub forms: BTreeMap<String, u64>,
}

/// See the module's page.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Subject {
    /// `account address device api host value record`.
    pub kind: &'static str,
    /// Name, as asked.
    pub name: String,
    /// All that passed.
    pub seen: Amount,
    /// What came to it.
    pub taken: Amount,
    /// What left it.
    pub sent_on: Sent,
    /// In equal steps of time; those without calls are left out.
    pub timeline: Vec<Beat>,
    /// By other end and direction, most values first.
    pub map: Vec<Spot>,
    /// Against its own past and its peers'; `None` for a value.
    pub baseline: Option<Baseline>,
    /// Calls beyond the limit, not looked at.
    pub omitted: u64,
}

/// A call at which the subject stands.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Index of the call.
    pub call: u32,
    /// It asked; else it answered.
    pub client: bool,
}

/// Calls of a subject in order of time.
pub fn calls(e: &Evidence<'_>, kind: Kind, name: &str) -> Result<Vec<At>> {
    let mut out: Vec<At> = Vec::new();
    let mut all = |sql: &str, values: Vec<rusqlite::types::Value>, client: bool| -> Result<()> {
        let mut stmt = e.conn.prepare_cached(sql)?;
        let mut rows = stmt.query(params_from_iter(values))?;
        while let Some(r) = rows.next()? {
            if let Some(call) = e.find(r.get(0)?) {
                out.push(At { call, client });
            }
        }
        Ok(())
    };
    let text = || rusqlite::types::Value::Text(name.to_owned());
    match kind {
        Kind::Account => {
            let id = e
                .accounts
                .iter()
                .find(|(_, a)| a.0 == name)
                .map(|(id, _)| *id);
            for (i, c) in (0u32..).zip(&e.calls) {
                let own = id.is_some_and(|id| c.account == id || e.receiver(i) == Some(id));
                if own {
                    out.push(At {
                        call: i,
                        client: true,
                    });
                }
            }
        }
        Kind::Address => {
            let Ok(a) = name.parse::<IpAddr>() else {
                return Ok(out);
            };
            let blob = match a {
                IpAddr::V4(a) => a.to_ipv6_mapped(),
                IpAddr::V6(a) => a,
            };
            let blob = || vec![rusqlite::types::Value::Blob(blob.octets().to_vec())];
            all("SELECT id FROM call WHERE src=?1", blob(), true)?;
            all("SELECT id FROM call WHERE dst=?1", blob(), false)?;
        }
        Kind::Device => {
            all(
                "SELECT c.id FROM call c JOIN flow f ON f.id=c.flow_id WHERE f.client_print=?1",
                vec![text()],
                true,
            )?;
            all(
                "SELECT c.id FROM call c JOIN term t ON t.id=c.ua_id WHERE t.v=?1",
                vec![text()],
                true,
            )?;
        }
        Kind::Api => all(
            "SELECT f.call_id FROM call_fact f JOIN api a ON a.id=f.api_id WHERE a.name=?1",
            vec![text()],
            false,
        )?,
        Kind::Host => all(
            "SELECT c.id FROM call c JOIN term t ON t.id=c.host_id WHERE t.v=?1 COLLATE NOCASE",
            vec![text()],
            false,
        )?,
    }
    out.sort_by_key(|a| {
        (
            e.calls.get(a.call as usize).map(|c| c.ts),
            a.call,
            !a.client,
        )
    });
    out.dedup_by_key(|a| (a.call, a.client));
    Ok(out)
}

/// What a body or a head holds, as numbers.
#[derive(Default)]
struct Brief {
    records: Vec<u64>,
    values: Vec<(u8, u64)>,
}

impl Brief {
    fn of(e: &Evidence<'_>, holder: u64, facts: &crate::call::model::Facts) -> Brief {
        let mut b = Brief::default();
        let mut strong: BTreeMap<u32, u64> = BTreeMap::new();
        for f in &facts.findings {
            let known = e
                .classes
                .get(usize::from(f.class))
                .is_some_and(|c| !c.is_empty());
            if f.class == detect::DIGEST || !known || f.conf < 30 {
                continue;
            }
            b.values.push((f.class, f.print));
            let clear = !f.masked && !f.form.steps().any(Step::one_way);
            let own = strong.entry(f.record).or_insert(0);
            if clear && e.is_strong(f.class) && *own == 0 {
                *own = f.print;
            }
        }
        // a record without a value that identifies is one of its own
        b.records = strong
            .into_iter()
            .map(|(n, print)| {
                if print == 0 {
                    holder << 20 ^ u64::from(n) ^ 1 << 63
                } else {
                    print
                }
            })
            .collect();
        b
    }
}

/// Gathers one direction.
#[derive(Default)]
struct Tally {
    calls: u64,
    records: FxHashSet<u64>,
    values: BTreeMap<u8, FxHashSet<u64>>,
    first: Option<i64>,
    last: Option<i64>,
}

impl Tally {
    fn call(&mut self, ts: i64) {
        self.calls += 1;
        self.first = Some(self.first.map_or(ts, |t| t.min(ts)));
        self.last = Some(self.last.map_or(ts, |t| t.max(ts)));
    }
    fn add(&mut self, b: &Brief) {
        self.records.extend(&b.records);
        for (class, print) in &b.values {
            self.values.entry(*class).or_default().insert(*print);
        }
    }
    fn classes(&self, e: &Evidence<'_>) -> BTreeMap<String, u64> {
        self.values
            .iter()
            .filter_map(|(c, v)| Some((e.classes.get(usize::from(*c))?.clone(), v.len() as u64)))
            .collect()
    }
    fn amount(&self, e: &Evidence<'_>) -> Amount {
        Amount {
            calls: self.calls,
            records: self.records.len() as u64,
            values: self.classes(e),
            first: self.first.map(rfc3339),
            last: self.last.map(rfc3339),
        }
    }
}

/// Reads what bodies and heads hold, each body once.
struct Briefs<'a, 'c> {
    e: &'a Evidence<'c>,
    fields: Fields<'c>,
    bodies: FxHashMap<i64, Rc<Brief>>,
}

impl Briefs<'_, '_> {
    fn body(&mut self, id: i64) -> Result<Rc<Brief>> {
        if let Some(b) = self.bodies.get(&id) {
            return Ok(b.clone());
        }
        let blob: Option<Option<Vec<u8>>> = self
            .e
            .conn
            .prepare_cached("SELECT facts FROM body WHERE id=?1")?
            .query_row([id], |r| r.get(0))
            .optional()?;
        let facts = blob.flatten().map(|b| self.fields.facts(&b));
        let brief = Rc::new(Brief::of(
            self.e,
            id.cast_unsigned(),
            &facts.unwrap_or_default(),
        ));
        self.bodies.insert(id, brief.clone());
        Ok(brief)
    }
}

/// The answer for a subject. `of`: its calls, from [`calls`].
pub fn read(
    e: &Evidence<'_>,
    kind: Kind,
    name: &str,
    of: &[At],
    inside: &Inside,
    stop: &AtomicBool,
) -> Result<Subject> {
    let omitted = of.len().saturating_sub(limits::TRACE_SUBJECT_CALLS);
    let of = of.get(..of.len() - omitted).unwrap_or_default();
    let mut briefs = Briefs {
        e,
        fields: Fields::new(e.conn),
        bodies: FxHashMap::default(),
    };
    let [mut seen, mut taken, mut sent] = [Tally::default(), Tally::default(), Tally::default()];
    let mut ends: BTreeMap<(IpAddr, bool), Tally> = BTreeMap::new();
    let mut moved: Vec<(i64, Option<(u64, u64)>)> = Vec::with_capacity(of.len());
    let mut stmt = e
        .conn
        .prepare("SELECT src,dst,end_ts,req_facts,resp_facts FROM call WHERE id=?1")?;
    for at in of {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let Some(c) = e.calls.get(at.call as usize) else {
            continue;
        };
        seen.call(c.ts);
        let row = stmt
            .query_row([c.id], |r| {
                Ok((
                    r.get::<_, Option<Vec<u8>>>(0)?,
                    r.get::<_, Option<Vec<u8>>>(1)?,
                    r.get::<_, Option<i64>>(2)?,
                    [r.get::<_, Option<Vec<u8>>>(3)?, r.get(4)?],
                ))
            })
            .optional()?;
        let Some((src, dst, end, heads)) = row else {
            continue;
        };
        let other = if at.client { dst } else { src };
        let other = other.as_deref().and_then(address);
        let mut counts = (0u64, 0u64);
        for (n, (body, head)) in [c.req, c.resp].into_iter().zip(heads).enumerate() {
            let answer = n == 1;
            let mut parts: Vec<Rc<Brief>> = Vec::new();
            if body != 0 {
                parts.push(briefs.body(body)?);
            }
            if let Some(h) = head {
                let facts = briefs.fields.facts(&h);
                parts.push(Rc::new(Brief::of(
                    e,
                    c.id.cast_unsigned() | 1 << 40,
                    &facts,
                )));
            }
            if parts.iter().all(|p| p.values.is_empty()) {
                continue;
            }
            let ts = if answer { end.unwrap_or(c.ts) } else { c.ts };
            let came = answer == at.client;
            let tally = if came { &mut taken } else { &mut sent };
            tally.call(ts);
            for p in &parts {
                tally.add(p);
                seen.add(p);
                let n = if came { &mut counts.0 } else { &mut counts.1 };
                *n += p.records.len() as u64;
            }
            if let Some(a) = other {
                let end = ends.entry((a, came)).or_default();
                end.call(ts);
                parts.iter().for_each(|p| end.add(p));
            }
        }
        moved.push((c.ts, Some(counts)));
    }
    let mut map: Vec<Spot> = Vec::new();
    let mut to: Vec<SentTo> = Vec::new();
    for ((a, came), t) in &ends {
        map.push(Spot {
            host: a.to_string(),
            dir: if *came { "taken" } else { "sent" },
            calls: t.calls,
            classes: t.classes(e),
            forms: BTreeMap::new(),
        });
        if let (false, Some(first), Some(last)) = (came, t.first, t.last) {
            to.push(SentTo {
                to: a.to_string(),
                outside: !inside.has(*a),
                calls: t.calls,
                records: t.records.len() as u64,
                first: rfc3339(first),
                last: rfc3339(last),
            });
        }
    }
    map.sort_by_key(|s| std::cmp::Reverse(s.classes.values().sum::<u64>()));
    to.sort_by_key(|t| std::cmp::Reverse(t.records));
    Ok(Subject {
        kind: kind.name(),
        name: name.to_owned(),
        seen: seen.amount(e),
        taken: taken.amount(e),
        sent_on: Sent {
            all: sent.amount(e),
            to,
        },
        timeline: timeline(&moved),
        map,
        baseline: baseline::of(e, kind, name)?,
        omitted: omitted as u64,
    })
}

/// Steps of time that are round and few.
fn timeline(moved: &[(i64, Option<(u64, u64)>)]) -> Vec<Beat> {
    let times = || moved.iter().map(|m| m.0);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Vec::new();
    };
    let span = last.saturating_sub(first);
    let step = [
        1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400, 604_800, 2_592_000,
    ]
    .into_iter()
    .map(|s| s * S)
    .find(|s| span / s < BEATS)
    .unwrap_or_else(|| span / BEATS + 1);
    let mut beats: BTreeMap<i64, (u64, u64, u64)> = BTreeMap::new();
    for (ts, counts) in moved {
        let b = beats.entry(ts.div_euclid(step)).or_default();
        b.0 += 1;
        if let Some((taken, sent)) = counts {
            b.1 += taken;
            b.2 += sent;
        }
    }
    beats
        .into_iter()
        .map(|(n, (calls, taken, sent))| Beat {
            from: rfc3339(n.saturating_mul(step)),
            to: rfc3339(n.saturating_add(1).saturating_mul(step)),
            calls,
            taken,
            sent,
        })
        .collect()
}

/// The same for a value or a record, from its trails: who got it, where it left, which hosts it passed in which form.
pub fn of_trails(kind: &'static str, name: &str, trails: &[Trail]) -> Subject {
    let mut moved: Vec<(i64, Option<(u64, u64)>)> = Vec::new();
    let mut map: BTreeMap<(String, &'static str), Spot> = BTreeMap::new();
    let mut to: BTreeMap<String, SentTo> = BTreeMap::new();
    let (mut taken, mut sent) = (Amount::default(), Amount::default());
    let mut calls: FxHashSet<&str> = FxHashSet::default();
    for h in trails.iter().flat_map(|t| &t.hops).filter(|h| !h.inferred) {
        if let Some(t) = h.ts_ns {
            moved.push((
                t,
                Some((u64::from(h.dir == "resp"), u64::from(h.dir == "req"))),
            ));
        }
        calls.extend(h.call.as_deref());
        let own = if h.dir == "resp" {
            &mut taken
        } else {
            &mut sent
        };
        own.calls += 1;
        own.records = 1;
        let ts = h.ts.clone().unwrap_or_default();
        own.first.get_or_insert_with(|| ts.clone());
        own.last = Some(ts.clone());
        let Some(a) = h.to.clone() else { continue };
        let dir = if h.dir == "resp" { "taken" } else { "sent" };
        let spot = map.entry((a.clone(), dir)).or_insert_with(|| Spot {
            host: a.clone(),
            dir,
            calls: 0,
            classes: BTreeMap::new(),
            forms: BTreeMap::new(),
        });
        spot.calls += 1;
        *spot.forms.entry(h.form.clone()).or_default() += 1;
        if h.dir == "req" || h.exit {
            let s = to.entry(a.clone()).or_insert_with(|| SentTo {
                to: a,
                outside: h.exit,
                calls: 0,
                records: 1,
                first: ts.clone(),
                last: ts.clone(),
            });
            s.calls += 1;
            s.last = ts;
        }
    }
    let trail = trails.first();
    Subject {
        kind,
        name: name.to_owned(),
        seen: Amount {
            calls: calls.len() as u64,
            records: u64::from(!calls.is_empty()),
            values: BTreeMap::new(),
            first: trail.and_then(|t| t.first_seen.clone()),
            last: moved.iter().map(|m| m.0).max().map(rfc3339),
        },
        taken,
        sent_on: Sent {
            all: sent,
            to: to.into_values().collect(),
        },
        timeline: timeline(&moved),
        map: map.into_values().collect(),
        baseline: None,
        omitted: 0,
    }
}
