//! APIs, accounts, sessions, risks of the selected calls. In: a filter. Out: the contract's rows, their numbers over the
//! selected calls alone. Without a filter the summary tables answer. Bounds: one group in memory each, not one call.

use super::call::{self, facts};
use super::cx::Cx;
use super::findings::body_facts;
use super::select::{FROM, condition};
use super::time::rfc3339;
use crate::call::model::{Level, RawFinding};
use crate::error::Result;
use crate::query::Filter;
use crate::query::lang::value::addr_text;
use crate::query::lang::{Expr, Id, Op, Scope};
use crate::query::rows::{AccountRow, ApiClass, ApiRow, RiskRow, SessionRow};
use rusqlite::{Row, params_from_iter};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn n(v: i64) -> u64 {
    u64::try_from(v).unwrap_or(0)
}
fn level(v: i64) -> &'static str {
    Level::from_u8(u8::try_from(v).unwrap_or(0)).name()
}
/// A JSON list of strings as the case keeps it; one word where it is none.
fn strings(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| {
        text.split([',', ' '])
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect()
    })
}

/// Runs a query over the selected calls.
fn each(
    cx: &Cx,
    filter: &Filter,
    columns: &str,
    tail: &str,
    f: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let w = condition(cx, filter, Scope::Calls)?;
    let sql = format!("SELECT {columns}{FROM}WHERE {} {tail}", w.sql);
    let mut stmt = cx.conn.prepare_cached(&sql)?;
    let mut rows = stmt.query(params_from_iter(&w.params))?;
    while let Some(r) = rows.next()? {
        f(r)?;
    }
    Ok(())
}

#[derive(Default)]
struct ClassSum {
    calls: u64,
    clear: u64,
    masked: u64,
    fields: BTreeSet<Arc<str>>,
}

/// Bodies whose findings are remembered while APIs are summed up.
const REMEMBERED: usize = 50_000;

/// Findings of one class in one field of one body.
struct Seen {
    class: u8,
    masked: bool,
    field: Arc<str>,
    n: u64,
}

/// Counts accepted findings by class, field and whether they are masked.
fn tally(cx: &Cx, blob: &[u8], dir: u8, ok: &impl Fn(u8, &RawFinding) -> bool) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::new();
    for f in facts(cx, blob).findings {
        if !ok(dir, &f) {
            continue;
        }
        let same = |s: &&mut Seen| s.class == f.class && s.masked == f.masked && s.field == f.field;
        match out.iter_mut().find(same) {
            Some(s) => s.n += 1,
            None => out.push(Seen {
                class: f.class,
                masked: f.masked,
                field: f.field,
                n: 1,
            }),
        }
    }
    out
}

#[derive(Default)]
struct ApiSum {
    calls: u64,
    accounts: FxHashSet<i64>,
    ok: u64,
    answered: u64,
    first: Option<i64>,
    last: Option<i64>,
    level: i64,
    records: i64,
    classes: BTreeMap<u8, ClassSum>,
}

fn earliest(a: Option<i64>, b: i64) -> Option<i64> {
    Some(a.map_or(b, |a| a.min(b)))
}
fn latest(a: Option<i64>, b: i64) -> Option<i64> {
    Some(a.map_or(b, |a| a.max(b)))
}

/// What stays the same of an API whichever calls are selected.
fn api_rows(cx: &Cx) -> Result<Vec<(ApiRow, i64)>> {
    let mut stmt = cx.conn.prepare_cached(
        "SELECT id,name,method,host,route,kind,calls,accounts,ok,answered,first_ts,last_ts,level,max_records,auth,why,classes,documented,spec \
         FROM api ORDER BY name",
    )?;
    let rows = stmt.query_map([], |r| {
        let (ok, answered): (i64, i64) = (r.get(8)?, r.get(9)?);
        Ok((
            ApiRow {
                rowid: r.get(0)?,
                api: r.get(1)?,
                method: r.get(2)?,
                host: r.get(3)?,
                route: r.get(4)?,
                kind: r.get(5)?,
                calls: n(r.get(6)?),
                accounts: n(r.get(7)?),
                ok_ratio: ratio(n(ok), n(answered)),
                first: r.get::<_, Option<i64>>(10)?.map(rfc3339),
                last: r.get::<_, Option<i64>>(11)?.map(rfc3339),
                level: level(r.get(12)?),
                classes: Vec::new(),
                auth: strings(&r.get::<_, String>(14)?),
                max_records: n(r.get(13)?),
                documented: r.get(17)?,
                spec: r.get(18)?,
                state: None,
                why: r.get(15)?,
            },
            r.get(16)?,
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[allow(clippy::cast_precision_loss)] // a ratio of counts
fn ratio(ok: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| ok as f64 / of as f64)
}

fn class_list(cx: &Cx, sums: &BTreeMap<u8, ClassSum>) -> Vec<ApiClass> {
    let classes = cx.classes();
    sums.iter()
        .filter_map(|(id, s)| {
            let class = classes.iter().find(|c| c.id == *id)?;
            Some(ApiClass {
                class: class.name.to_string(),
                calls: s.calls,
                clear: s.clear,
                masked: s.masked,
                fields: s.fields.iter().map(|f| f.to_string()).collect(),
            })
        })
        .collect()
}

/// Whether a filter asks for documented APIs and for nothing else.
fn asks_for_documents(filter: &Filter) -> bool {
    let whole = filter.after.is_none() && filter.before.is_none();
    whole
        && matches!(&filter.expr, Expr::Cmp { field, op: Op::Has, value }
            if field.id == Id::Documented && matches!(value.text(), "true" | "unseen"))
}

/// The APIs of the selected calls, by name.
pub fn apis(cx: &Cx, filter: &Filter) -> Result<Vec<ApiRow>> {
    cx.fresh()?;
    let rows = api_rows(cx)?;
    if filter.is_all() {
        return all_apis(cx, rows);
    }
    let unseen = asks_for_documents(filter);
    let mut sums: FxHashMap<i64, ApiSum> = FxHashMap::default();
    // Equal bodies are read once, as long as there is room to remember them.
    let mut bodies: FxHashMap<(i64, u8, i64), Vec<Seen>> = FxHashMap::default();
    // HTTP says 200 to every gRPC call: its own status says whether it failed
    let columns = "f.api_id,f.account_id,iif(c.grpc_status>0,500,c.status),c.ts,f.level,f.classes,f.records,f.findings,c.req_facts,c.resp_facts,\
                   c.req_body_id,c.resp_body_id";
    each(cx, filter, columns, "AND f.api_id IS NOT NULL", &mut |r| {
        let api: i64 = r.get(0)?;
        let s = sums.entry(api).or_default();
        s.calls += 1;
        s.accounts.insert(r.get(1)?);
        if let Some(status) = r.get::<_, Option<i64>>(2)? {
            s.answered += 1;
            s.ok += u64::from(status == 101 || (200..400).contains(&status));
        }
        let ts = r.get(3)?;
        s.first = earliest(s.first, ts);
        s.last = latest(s.last, ts);
        s.level = s.level.max(r.get(4)?);
        s.records = s.records.max(r.get(6)?);
        let bits: i64 = r.get(5)?;
        for id in 0..63u8 {
            if bits >> id & 1 == 1 {
                s.classes.entry(id).or_default().calls += 1;
            }
        }
        if r.get::<_, i64>(7)? == 0 {
            return Ok(());
        }
        let ok = call::accepted(cx, Some(api))?;
        let mut add = |seen: &Seen| {
            let c = s.classes.entry(seen.class).or_default();
            *(if seen.masked {
                &mut c.masked
            } else {
                &mut c.clear
            }) += seen.n;
            if !c.fields.contains(&seen.field) {
                c.fields.insert(seen.field.clone());
            }
        };
        for (col, dir) in [(8, 0u8), (9, 1u8)] {
            if let Some(blob) = r.get::<_, Option<Vec<u8>>>(col)? {
                tally(cx, &blob, dir, &ok).iter().for_each(&mut add);
            }
        }
        for (col, dir) in [(10, 0u8), (11, 1u8)] {
            let Some(body) = r.get::<_, Option<i64>>(col)? else {
                continue;
            };
            if bodies.len() >= REMEMBERED {
                bodies.clear();
            }
            let seen = match bodies.entry((api, dir, body)) {
                Entry::Occupied(e) => e.into_mut(),
                Entry::Vacant(e) => {
                    let blob = body_facts(cx, body)?.unwrap_or_default();
                    e.insert(tally(cx, &blob, dir, &ok))
                }
            };
            seen.iter().for_each(&mut add);
        }
        Ok(())
    })?;
    Ok(rows
        .into_iter()
        .filter_map(|(mut row, _)| {
            // What was never called is of no call: shown where documents alone are asked for.
            if row.calls == 0 && unseen {
                return Some(row);
            }
            let s = sums.get(&row.rowid)?;
            row.calls = s.calls;
            row.accounts = s.accounts.len() as u64;
            row.ok_ratio = ratio(s.ok, s.answered);
            row.first = s.first.map(rfc3339);
            row.last = s.last.map(rfc3339);
            row.level = level(s.level);
            row.max_records = n(s.records);
            row.classes = class_list(cx, &s.classes);
            Some(row)
        })
        .collect())
}

/// All APIs from what was decided after loading.
fn all_apis(cx: &Cx, rows: Vec<(ApiRow, i64)>) -> Result<Vec<ApiRow>> {
    let mut sums: FxHashMap<i64, BTreeMap<u8, ClassSum>> = FxHashMap::default();
    let mut stmt = cx.conn.prepare_cached(
        "SELECT api_id,class_id,field_id,clear,masked FROM field_class WHERE accept=1",
    )?;
    let mut found = stmt.query([])?;
    while let Some(r) = found.next()? {
        let c = sums
            .entry(r.get(0)?)
            .or_default()
            .entry(r.get(1)?)
            .or_default();
        c.clear += n(r.get(3)?);
        c.masked += n(r.get(4)?);
        c.fields.insert(cx.term(r.get(2)?)?);
    }
    // A call with two fields of a class is one call: counted by the calls' own bits.
    let mut stmt = cx.conn.prepare_cached(
        "SELECT api_id,classes,count(*) FROM call_fact WHERE classes<>0 AND joined IS NULL GROUP BY api_id,classes",
    )?;
    let mut found = stmt.query([])?;
    while let Some(r) = found.next()? {
        let (bits, calls): (i64, i64) = (r.get(1)?, r.get(2)?);
        let sum = sums.entry(r.get(0)?).or_default();
        for id in 0..63u8 {
            if bits >> id & 1 == 1 {
                sum.entry(id).or_default().calls += n(calls);
            }
        }
    }
    Ok(rows
        .into_iter()
        .map(|(mut row, bits)| {
            if let Some(s) = sums.get_mut(&row.rowid) {
                // A class of the API that no call of its own shows would be a count of nothing.
                s.retain(|id, c| c.calls > 0 || bits >> id & 1 == 1);
                row.classes = class_list(cx, s);
            }
            row
        })
        .collect())
}

#[derive(Default)]
struct AccountSum {
    calls: u64,
    sessions: FxHashSet<i64>,
    addresses: BTreeSet<Vec<u8>>,
    clients: FxHashSet<i64>,
    first: Option<i64>,
    last: Option<i64>,
    level: i64,
    records: i64,
    prints: BTreeMap<u8, FxHashSet<u64>>,
}

fn account_rows(cx: &Cx) -> Result<Vec<AccountRow>> {
    let mut stmt = cx.conn.prepare_cached(
        "SELECT id,name,kind,conf,calls,sessions,addresses,clients,first_ts,last_ts,level,records,val,risk,why FROM account ORDER BY name",
    )?;
    let rows = stmt.query_map([], |r| {
        Ok(AccountRow {
            rowid: r.get(0)?,
            account: r.get(1)?,
            kind: r.get(2)?,
            conf: r.get(3)?,
            calls: n(r.get(4)?),
            sessions: n(r.get(5)?),
            addresses: strings(&r.get::<_, String>(6)?),
            clients: n(r.get(7)?),
            first: r.get::<_, Option<i64>>(8)?.map(rfc3339),
            last: r.get::<_, Option<i64>>(9)?.map(rfc3339),
            level: level(r.get(10)?),
            records: n(r.get(11)?),
            values: serde_json::from_str(&r.get::<_, String>(12)?).unwrap_or_default(),
            risk: r.get(13)?,
            why: r.get(14)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The accounts of the selected calls, by name. Records of a selection are the sum over its calls.
pub fn accounts(cx: &Cx, filter: &Filter) -> Result<Vec<AccountRow>> {
    cx.fresh()?;
    let rows = account_rows(cx)?;
    if filter.is_all() {
        return Ok(rows);
    }
    let mut sums: FxHashMap<i64, AccountSum> = FxHashMap::default();
    let columns = "f.account_id,f.session_id,c.src,c.ua_id,c.ts,f.level,f.records,f.findings,f.api_id,c.req_facts,c.resp_facts,\
                   c.req_body_id,c.resp_body_id,f.parent_id";
    each(
        cx,
        filter,
        columns,
        "AND f.account_id IS NOT NULL",
        &mut |r| {
            let s = sums.entry(r.get(0)?).or_default();
            s.calls += 1;
            s.sessions.extend(r.get::<_, Option<i64>>(1)?);
            // An address behind the gateway is a service's, whoever it worked for.
            if r.get::<_, Option<i64>>(13)?.is_none() {
                s.addresses.extend(r.get::<_, Option<Vec<u8>>>(2)?);
                s.clients.extend(r.get::<_, Option<i64>>(3)?);
            }
            let ts = r.get(4)?;
            s.first = earliest(s.first, ts);
            s.last = latest(s.last, ts);
            s.level = s.level.max(r.get(5)?);
            s.records += r.get::<_, i64>(6)?;
            if r.get::<_, i64>(7)? == 0 {
                return Ok(());
            }
            let ok = call::accepted(cx, r.get(8)?)?;
            for (col, dir) in [(9, 0u8), (10, 1u8), (11, 0), (12, 1)] {
                let blob = if col < 11 {
                    r.get::<_, Option<Vec<u8>>>(col)?
                } else {
                    match r.get::<_, Option<i64>>(col)? {
                        Some(id) => body_facts(cx, id)?,
                        None => None,
                    }
                };
                let Some(blob) = blob else { continue };
                for f in facts(cx, &blob).findings.iter().filter(|f| ok(dir, f)) {
                    s.prints.entry(f.class).or_default().insert(f.print);
                }
            }
            Ok(())
        },
    )?;
    let classes = cx.classes();
    Ok(rows
        .into_iter()
        .filter_map(|mut row| {
            let s = sums.get(&row.rowid)?;
            row.calls = s.calls;
            row.sessions = s.sessions.len() as u64;
            row.addresses = s.addresses.iter().filter_map(|a| addr_text(a)).collect();
            row.clients = s.clients.len() as u64;
            row.first = s.first.map(rfc3339);
            row.last = s.last.map(rfc3339);
            row.level = level(s.level);
            row.records = n(s.records);
            row.values = s
                .prints
                .iter()
                .filter_map(|(id, set)| {
                    let class = classes.iter().find(|c| c.id == *id)?;
                    Some((class.name.to_string(), set.len() as u64))
                })
                .collect();
            Some(row)
        })
        .collect())
}

/// The sessions of the selected calls, by start. `calls`, `records`, `level`, times are those of the selected calls.
pub fn sessions(cx: &Cx, filter: &Filter) -> Result<Vec<SessionRow>> {
    cx.fresh()?;
    let all = filter.is_all();
    let mut sums: FxHashMap<i64, (u64, i64, i64, i64, i64)> = FxHashMap::default();
    if !all {
        let columns = "f.session_id,count(*),sum(f.records),max(f.level),min(c.ts),max(max(c.ts,coalesce(c.end_ts,c.ts)))";
        let tail = "AND f.session_id IS NOT NULL GROUP BY f.session_id";
        each(cx, filter, columns, tail, &mut |r| {
            let sum = (n(r.get(1)?), r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?);
            sums.insert(r.get(0)?, sum);
            Ok(())
        })?;
    }
    let mut stmt = cx.conn.prepare_cached(
        "SELECT id,uid,account_id,via,ua,start_ts,end_ts,calls,records,level,\
         (SELECT c.src FROM call_fact f JOIN call c ON c.id=f.call_id WHERE f.session_id=session.id AND c.src IS NOT NULL LIMIT 1) \
         FROM session ORDER BY start_ts,uid",
    )?;
    let mut rows = stmt.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let id: i64 = r.get(0)?;
        let mut row = SessionRow {
            rowid: id,
            session: r.get(1)?,
            account: cx
                .account_name(r.get(2)?)?
                .map(|a| a.to_string())
                .unwrap_or_default(),
            via: r.get(3)?,
            user_agent: r.get(4)?,
            start: rfc3339(r.get(5)?),
            end: rfc3339(r.get(6)?),
            calls: n(r.get(7)?),
            records: n(r.get(8)?),
            level: level(r.get(9)?),
            src: r.get::<_, Option<Vec<u8>>>(10)?.and_then(|a| addr_text(&a)),
        };
        if !all {
            let Some((calls, records, lvl, first, last)) = sums.get(&id) else {
                continue;
            };
            row.calls = *calls;
            row.records = n(*records);
            row.level = level(*lvl);
            row.start = rfc3339(*first);
            row.end = rfc3339(*last);
        }
        out.push(row);
    }
    Ok(out)
}

/// The risks that the selected calls belong to, worst first.
pub fn risks(cx: &Cx, filter: &Filter) -> Result<Vec<RiskRow>> {
    cx.fresh()?;
    let mut wanted: FxHashSet<i64> = FxHashSet::default();
    let all = filter.is_all();
    if !all {
        let tail = "AND c.id IN (SELECT call_id FROM risk_call)";
        each(cx, filter, "c.id", tail, &mut |r| {
            wanted.insert(r.get(0)?);
            Ok(())
        })?;
    }
    let mut stmt = cx.conn.prepare_cached(
        "SELECT id,uid,rule,dimension,severity,subject,why,first_ts,last_ts,score FROM risk \
         ORDER BY CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, score DESC, uid",
    )?;
    let mut calls = cx
        .conn
        .prepare_cached("SELECT call_id FROM risk_call WHERE risk_id=?1 ORDER BY n")?;
    let mut rows = stmt.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let id: i64 = r.get(0)?;
        let members: Vec<i64> = calls
            .query_map([id], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        if !all && !members.iter().any(|c| wanted.contains(c)) {
            continue;
        }
        let mut names = Vec::with_capacity(members.len());
        for c in members {
            names.extend(call::id_of(cx, c)?);
        }
        out.push(RiskRow {
            rowid: id,
            risk: r.get(1)?,
            rule: r.get(2)?,
            dimension: r.get(3)?,
            severity: r.get(4)?,
            subject: r.get(5)?,
            why: r.get(6)?,
            calls: names,
            first: r.get::<_, Option<i64>>(7)?.map(rfc3339),
            last: r.get::<_, Option<i64>>(8)?.map(rfc3339),
            score: r.get(9)?,
        });
    }
    Ok(out)
}
