//! Facts into the case. In: everything decided. Out: rows in ascending key order. Bounds: one insert a row, statements prepared once.

use super::Counts;
use super::apis::Apis;
use super::counts_itself;
use super::findings::{Classes, Columns};
use super::read::Evidence;
use crate::case::bound::Bound;
use crate::error::Result;
use crate::facts::calls::{CallLine, NONE};
use crate::facts::clocks::Set;
use crate::facts::identity::{Identity, VIA};
use crate::facts::inside::address;
use crate::facts::risks::Risk;
use crate::facts::taps::Clock;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Addresses listed for one account; the number of clients says how many there are.
const ADDRESSES: usize = 1000;
const MINUTE_NS: i64 = 60_000_000_000;
/// Columns of a call's facts, and rows that one statement writes.
const CALL_COLUMNS: usize = 16;
const ROWS_AT_ONCE: usize = 16;

/// Sums over the calls of an API, an account or a session.
#[derive(Clone, Default)]
struct Sum {
    calls: i64,
    ok: i64,
    answered: i64,
    first: Option<i64>,
    last: Option<i64>,
    level: u8,
    classes: u64,
    masked: u64,
    records: i64,
    most: i64,
    others: i64,
    auth: u16,
    ua: u32,
}

impl Sum {
    fn add(&mut self, c: &CallLine, auth: u16) {
        self.calls += 1;
        self.answered += i64::from(c.status != 0);
        self.ok += i64::from(c.status == 101 || (200..400).contains(&c.status));
        self.first = Some(self.first.map_or(c.ts, |f| f.min(c.ts)));
        self.last = Some(self.last.map_or(c.last(), |l| l.max(c.last())));
        self.level = self.level.max(c.level);
        self.classes |= c.clear | c.masked;
        self.masked |= c.masked;
        self.records += i64::from(c.records);
        self.most = self.most.max(i64::from(c.records));
        self.auth |= auth;
        if self.ua == 0 {
            self.ua = c.ua;
        }
    }
}

fn bits(b: u64) -> i64 {
    b.cast_signed()
}
fn at<T>(list: &mut [T], i: u32) -> Option<&mut T> {
    list.get_mut(i as usize)
}
fn row(i: u32) -> Option<i64> {
    (i != NONE).then(|| i64::from(i) + 1)
}

/// Empties all facts tables.
pub fn clear(conn: &Connection) -> Result<()> {
    conn.execute_batch(
        "DELETE FROM api; DELETE FROM field_class; DELETE FROM account; DELETE FROM session; DELETE FROM call_fact; DELETE FROM risk; \
         DELETE FROM risk_call; DELETE FROM minute; DELETE FROM clock; DELETE FROM source_clock;",
    )?;
    Ok(())
}

/// Writes which sources hold calls of one another, from either side, and the clock of each source.
pub fn clocks(conn: &Connection, ev: &Evidence, clocks: &[Clock], timed: &[Set]) -> Result<()> {
    let mut stmt =
        conn.prepare("INSERT INTO clock(source_id,of_id,skew_ns,calls) VALUES(?1,?2,?3,?4)")?;
    for c in clocks {
        let row = |i: u32| ev.sources.get(i as usize);
        let (a, b) = (row(c.sources.0), row(c.sources.1));
        stmt.execute((b, a, c.skew, c.calls))?;
        stmt.execute((a, b, c.skew.saturating_neg(), c.calls))?;
    }
    let mut stmt =
        conn.prepare("INSERT INTO source_clock(source_id,off_ns,grp) VALUES(?1,?2,?3)")?;
    for (source, t) in ev.sources.iter().zip(timed) {
        stmt.execute((source, t.off, t.group))?;
    }
    Ok(())
}

/// Writes all facts tables but those of [`CallRows`] and [`clocks`].
#[allow(clippy::too_many_arguments)] // each table has its own source
pub fn rest(
    conn: &Connection,
    ev: &Evidence,
    people: &Identity,
    apis: &Apis,
    classes: &Classes,
    columns: &Columns,
    values: &[[u32; 64]],
    found: &[Risk],
) -> Result<Counts> {
    let mut api = vec![Sum::default(); apis.list.len()];
    let mut account = vec![Sum::default(); people.accounts.len()];
    let mut session = vec![Sum::default(); people.sessions.len()];
    let mut minutes: BTreeMap<(i64, u8), (i64, i64)> = BTreeMap::new();
    let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(ev.calls.len());
    let mut places: Vec<(u32, u32)> = Vec::with_capacity(ev.calls.len());
    let mut counts = Counts::default();
    for (c, auth) in ev
        .calls
        .iter()
        .zip(&ev.auth)
        .filter(|(c, _)| counts_itself(c))
    {
        counts.calls += 1;
        counts.findings += u64::from(c.findings);
        for (list, i) in [
            (&mut api, c.api),
            (&mut account, c.account),
            (&mut session, c.session),
        ] {
            if let Some(s) = at(list, i) {
                s.add(c, *auth);
            }
        }
        let m = minutes
            .entry((c.ts.div_euclid(MINUTE_NS) * MINUTE_NS, c.level))
            .or_default();
        m.0 += 1;
        m.1 += i64::from(c.records);
        pairs.push((c.api, c.account));
        // Where an account was carried inwards, the address is the front's and not the account's.
        // An address behind the gateway is a service's, whoever it worked for.
        if !c.carried && c.parent == NONE && c.src != NONE {
            places.push((c.account, c.src));
        }
    }
    for list in [&mut pairs, &mut places] {
        list.sort_unstable();
        list.dedup();
    }
    for (a, _) in &pairs {
        if let Some(s) = at(&mut api, *a) {
            s.others += 1;
        }
    }
    apis_out(conn, apis, &api, &mut counts)?;
    columns_out(conn, columns)?;
    accounts_out(
        conn,
        ev,
        people,
        classes,
        values,
        &account,
        &session,
        &places,
        found,
        &mut counts,
    )?;
    sessions_out(conn, ev, people, &session)?;
    risks_out(conn, ev, found)?;
    let mut stmt = conn.prepare("INSERT INTO minute(t,level,calls,records) VALUES(?1,?2,?3,?4)")?;
    for ((t, level), (calls, records)) in minutes {
        stmt.execute((t, level, calls, records))?;
    }
    Ok(counts)
}

fn apis_out(conn: &Connection, apis: &Apis, sums: &[Sum], counts: &mut Counts) -> Result<()> {
    let mut stmt = conn.prepare(
        "INSERT INTO api(id,name,method,host,route,kind,calls,accounts,ok,answered,first_ts,last_ts,level,classes,masked,records,max_records,auth,why,documented,spec) \
         VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)",
    )?;
    let none = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    for ((a, s), id) in apis.list.iter().zip(sums).zip(1i64..) {
        if s.calls == 0 && !a.unseen {
            continue;
        }
        counts.apis += u64::from(!a.unseen);
        let auth: Vec<&str> = VIA
            .iter()
            .enumerate()
            .filter(|(i, _)| s.auth >> i & 1 == 1)
            .map(|(_, v)| *v)
            .collect();
        stmt.execute(params![
            id,
            a.name,
            none(&a.method),
            none(&a.host),
            none(&a.route),
            if a.kind.is_empty() { "rest" } else { &a.kind },
            s.calls,
            s.others,
            s.ok,
            s.answered,
            s.first,
            s.last,
            s.level,
            bits(s.classes),
            bits(s.masked),
            s.records,
            s.most,
            json!(auth).to_string(),
            a.why,
            a.documented,
            a.spec
        ])?;
    }
    Ok(())
}

fn columns_out(conn: &Connection, columns: &Columns) -> Result<()> {
    let mut stmt = conn.prepare(
        "INSERT INTO field_class(api_id,dir,field_id,class_id,accept,conf,clear,masked,missed,calls,why) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    )?;
    let n = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
    for c in &columns.list {
        stmt.execute(params![
            row(c.api),
            c.dir,
            c.field,
            c.class,
            c.decision.accept,
            c.decision.conf,
            n(c.clear),
            n(c.masked),
            n(c.missed),
            n(c.calls),
            c.decision.why
        ])?;
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)] // each column has its own source
fn accounts_out(
    conn: &Connection,
    ev: &Evidence,
    people: &Identity,
    classes: &Classes,
    values: &[[u32; 64]],
    sums: &[Sum],
    sessions: &[Sum],
    places: &[(u32, u32)],
    found: &[Risk],
    counts: &mut Counts,
) -> Result<()> {
    let mut risk = vec![0f64; sums.len()];
    for r in found {
        if let Some(s) = at(&mut risk, r.account) {
            // Independent reasons add up without passing 100.
            *s = 100.0 - (100.0 - *s) * (100.0 - r.score) / 100.0;
        }
    }
    let mut own = vec![0i64; sums.len()];
    for (s, sum) in people.sessions.iter().zip(sessions) {
        if sum.calls > 0
            && let Some(n) = at(&mut own, s.account)
        {
            *n += 1;
        }
    }
    let mut agents: Vec<(u32, u32, u32)> = ev
        .calls
        .iter()
        .filter(|c| counts_itself(c) && !c.carried && c.parent == NONE)
        .map(|c| (c.account, c.src, c.ua))
        .collect();
    agents.sort_unstable();
    agents.dedup();
    let mut clients = vec![0i64; sums.len()];
    for (a, _, _) in &agents {
        if let Some(n) = at(&mut clients, *a) {
            *n += 1;
        }
    }
    let mut stmt = conn.prepare(
        "INSERT INTO account(id,name,kind,conf,via,calls,sessions,clients,addresses,first_ts,last_ts,level,classes,records,val,risk,why) \
         VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    )?;
    let mut at_place = places.iter().peekable();
    for (i, (a, s)) in (0u32..).zip(people.accounts.iter().zip(sums)) {
        while at_place.next_if(|p| p.0 < i).is_some() {}
        let mut addresses = Vec::new();
        while let Some((_, src)) = at_place.next_if(|p| p.0 == i) {
            if addresses.len() < ADDRESSES {
                addresses.extend(ev.addrs.get(*src as usize).copied());
            }
        }
        if s.calls == 0 {
            continue;
        }
        counts.accounts += 1;
        addresses.sort_unstable();
        let addresses: Vec<String> = addresses
            .into_iter()
            .map(|a| address(a).to_string())
            .collect();
        let mut counted = Map::new();
        let mut mine: Vec<(&str, u32)> = values
            .get(i as usize)
            .map(|v| {
                v.iter()
                    .zip(&classes.names)
                    .filter(|(n, _)| **n > 0)
                    .map(|(n, c)| (c.as_str(), *n))
                    .collect()
            })
            .unwrap_or_default();
        mine.sort_unstable();
        for (c, n) in mine {
            counted.insert(c.to_owned(), Value::from(n));
        }
        let score = risk.get(i as usize).copied().unwrap_or(0.0);
        stmt.execute(params![
            row(i),
            a.name,
            a.kind,
            round(f64::from(a.conf)),
            VIA.get(usize::from(a.via)),
            s.calls,
            own.get(i as usize),
            clients.get(i as usize),
            json!(addresses).to_string(),
            s.first,
            s.last,
            s.level,
            bits(s.classes),
            s.records,
            Value::Object(counted).to_string(),
            round(score),
            a.why
        ])?;
    }
    Ok(())
}

fn round(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

fn sessions_out(conn: &Connection, ev: &Evidence, people: &Identity, sums: &[Sum]) -> Result<()> {
    let mut stmt = conn.prepare("INSERT INTO session(id,uid,account_id,via,ua,start_ts,end_ts,calls,records,level) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")?;
    for (i, (s, sum)) in (0u32..).zip(people.sessions.iter().zip(sums)) {
        if sum.calls == 0 {
            continue;
        }
        let ua = ev.term(sum.ua);
        stmt.execute(params![
            row(i),
            format!("s{}", ev.call_id(s.first as usize)),
            row(s.account),
            VIA.get(usize::from(s.via)),
            (!ua.is_empty()).then_some(ua),
            sum.first,
            sum.last,
            sum.calls,
            sum.records,
            sum.level
        ])?;
    }
    Ok(())
}

/// Writes the facts of calls, piece by piece in their order.
pub struct CallRows<'c> {
    /// Beginning and ending a statement costs as much as a row.
    many: Bound<'c>,
    one: Bound<'c>,
    people: &'c Identity,
    /// Sessions that are rows: one of joined log lines alone is none.
    sessions: Vec<bool>,
    /// Rows of all calls.
    ids: Vec<i64>,
}

impl<'c> CallRows<'c> {
    pub fn new(conn: &'c Connection, ev: &Evidence, people: &'c Identity) -> Result<CallRows<'c>> {
        let mut sessions = vec![false; people.sessions.len()];
        for c in ev.calls.iter().filter(|c| counts_itself(c)) {
            if let Some(some) = at(&mut sessions, c.session) {
                *some = true;
            }
        }
        // with OR FAIL SQLite keeps no journal for each statement (see `case/statements`)
        let insert = |rows: usize| {
            let row = format!("({})", vec!["?"; CALL_COLUMNS].join(","));
            conn.prepare(&format!(
                "INSERT OR FAIL INTO call_fact(call_id,api_id,account_id,account_conf,account_via,behalf,session_id,level,classes,clear,\
                 masked,records,findings,parent_id,joined,proof_id) VALUES{}",
                vec![row; rows].join(",")
            ))
        };
        Ok(CallRows {
            many: Bound::new(insert(ROWS_AT_ONCE)?),
            one: Bound::new(insert(1)?),
            people,
            sessions,
            ids: ev.calls.iter().map(|c| c.id).collect(),
        })
    }

    /// Writes the next ones.
    pub fn write(&mut self, calls: &[CallLine]) -> Result<()> {
        let id = |i: u32| self.ids.get(i as usize).copied();
        let (sessions, people) = (&self.sessions, self.people);
        let bind = |stmt: &mut Bound<'_>, n: usize, c: &CallLine| -> Result<()> {
            let session = sessions
                .get(c.session as usize)
                .filter(|some| **some)
                .and_then(|_| row(c.session));
            let int = |n: Option<i64>| n.map_or(ValueRef::Null, ValueRef::Integer);
            let text = |t: &'static str| ValueRef::Text(t.as_bytes());
            let behalf = people.names.get(c.behalf as usize);
            stmt.bind(
                n * CALL_COLUMNS,
                &[
                    int(Some(c.id)),
                    int(row(c.api)),
                    int(row(c.account)),
                    ValueRef::Real(round(f64::from(c.conf))),
                    text(VIA.get(usize::from(c.via)).unwrap_or(&"address")),
                    behalf.map_or(ValueRef::Null, |name| ValueRef::Text(name.as_bytes())),
                    int(session),
                    int(Some(i64::from(c.level))),
                    int(Some(bits(c.clear | c.masked))),
                    int(Some(bits(c.clear))),
                    int(Some(bits(c.masked))),
                    int(Some(i64::from(c.records))),
                    int(Some(i64::from(c.findings))),
                    int(id(c.parent)),
                    int(id(c.joined)),
                    int(id(c.proof)),
                ],
            )
        };
        let (rows, rest) = calls.as_chunks::<ROWS_AT_ONCE>();
        for chunk in rows {
            for (c, n) in chunk.iter().zip(0..) {
                bind(&mut self.many, n, c)?;
            }
            self.many.execute()?;
        }
        for c in rest {
            bind(&mut self.one, 0, c)?;
            self.one.execute()?;
        }
        Ok(())
    }
}

fn risks_out(conn: &Connection, ev: &Evidence, found: &[Risk]) -> Result<()> {
    let mut stmt = conn.prepare("INSERT INTO risk(id,uid,rule,dimension,severity,subject,why,first_ts,last_ts,score) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")?;
    let mut calls = conn.prepare("INSERT INTO risk_call(risk_id,n,call_id) VALUES(?1,?2,?3)")?;
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    for (r, id) in found.iter().zip(1i64..) {
        let first = r
            .calls
            .first()
            .map_or_else(String::new, |i| ev.call_id(*i as usize));
        // Rule and first call name a risk; a second one with both alike gets a number.
        let mut uid = format!("r-{}-{first}", r.rule);
        let n = used.entry(uid.clone()).or_default();
        *n += 1;
        if *n > 1 {
            uid.push_str(&format!("-{n}"));
        }
        stmt.execute(params![
            id,
            uid,
            r.rule,
            r.dimension,
            r.severity,
            r.subject,
            r.why,
            r.span.0,
            r.span.1,
            round(r.score)
        ])?;
        for (i, n) in r.calls.iter().zip(0i64..) {
            if let Some(c) = ev.calls.get(*i as usize) {
                calls.execute((id, n, c.id))?;
            }
        }
    }
    Ok(())
}
