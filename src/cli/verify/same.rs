//! A case against what was derived again, row by row. In: two cases and which source is which. Out: what differs, each thing named
//! once by its kind and id. Bounds: calls and flows are read side by side; accounts, APIs, sessions and risks are held as text.
//!
//! Names and ids are compared, never row numbers. Of a field that may hold values of data classes only its name is told.

mod columns;

use super::Check;
use super::derive::Scratch;
use super::stored::{Names, compare};
use crate::case::ids;
use crate::error::Result;
use crate::query::{Cx, read};
use columns::Kind::{Classes, Hidden, Shown};
use columns::{Column, EVIDENCE, FACTS, FLOW, SOURCE, TABLES, Table};
use rusqlite::types::Value as Sql;
use rusqlite::{Row, Statement};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Everything. `facts`: whether both were searched with the same rules.
pub(super) fn all(cx: &Cx, check: &mut Check<'_>, again: &Scratch, facts: bool) -> Result<()> {
    let stale = cx.info("stale")?.as_deref() == Some("1");
    let facts = facts && !stale;
    if stale {
        let name = cx.path.to_string_lossy().into_owned();
        let why = "its facts are to be decided anew by the next load: they were not compared";
        check.note("database", &name, Value::Null, why)?;
    }
    let ids: Vec<(i64, String, Option<Vec<u8>>)> = cx
        .conn
        .prepare("SELECT id,name,sha256 FROM source ORDER BY id")?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (id, name, sha) in ids {
        let here = again.sources.get(&id).copied();
        let tag = ids::source_tag(sha.as_deref(), id);
        if let Some(here) = here
            && again.why_stored.is_none()
            && !check.known("source", &name)
        {
            let select = select(SOURCE, "", "source WHERE id=?1");
            let one = |cx: &Cx, id: i64| -> Result<Vec<Sql>> {
                let mut stmt = cx.conn.prepare(&select)?;
                Ok(stmt.query_row([id], |r| values(r, 0, SOURCE.len()))?)
            };
            let why = differs(SOURCE, &one(cx, id)?, &one(&again.cx, here)?, cx, &again.cx);
            let id = sha.as_deref().map(crate::cli::table::hex);
            check.thing("source", &name, id.map_or(Value::Null, Value::from), why)?;
        }
        let here = here.unwrap_or(-1);
        calls(cx, check, again, (id, here, &tag), facts)?;
        if again.why_stored.is_none() {
            flows(cx, check, again, (id, here, &tag))?;
        }
    }
    if facts {
        // Loads with other rules keep a body once for each, also after it was searched again: how often a field held a class depends
        // on that history.
        let twice: bool = cx.conn.query_row(
            "SELECT EXISTS(SELECT 1 FROM journal WHERE act='rescan')",
            [],
            |r| r.get(0),
        )?;
        if twice {
            let name = cx.path.to_string_lossy().into_owned();
            let why = "it was searched again with other rules once: what each field held was not counted again";
            check.note("database", &name, Value::Null, why)?;
        }
        for t in TABLES.iter().filter(|t| !twice || t.thing != "field") {
            table(cx, check, &again.cx, t)?;
        }
    }
    Ok(())
}

fn select(columns: &[Column], before: &str, from: &str) -> String {
    let list: Vec<&str> = columns.iter().map(|c| c.sql).collect();
    format!("SELECT {before}{} FROM {from}", list.join(","))
}

fn values(r: &Row<'_>, from: usize, n: usize) -> rusqlite::Result<Vec<Sql>> {
    (from..from + n).map(|i| r.get(i)).collect()
}

/// A value for people.
fn told(v: &Sql) -> String {
    match v {
        Sql::Null => "nothing".to_owned(),
        Sql::Integer(n) => n.to_string(),
        Sql::Real(n) => n.to_string(),
        Sql::Text(t) => t.chars().take(120).collect(),
        Sql::Blob(b) => crate::cli::table::hex(b),
    }
}

/// In what two rows differ, in words.
fn differs(columns: &[Column], a: &[Sql], b: &[Sql], ca: &Cx, cb: &Cx) -> Option<String> {
    let mut out = Vec::new();
    for (c, (a, b)) in columns.iter().zip(a.iter().zip(b)) {
        let same = match (c.kind, a, b) {
            (Classes, Sql::Integer(a), Sql::Integer(b)) => {
                let (mut a, mut b) = (ca.class_names(*a), cb.class_names(*b));
                a.sort();
                b.sort();
                a == b
            }
            (_, Sql::Real(a), Sql::Real(b)) => (a - b).abs() < 1e-9,
            _ => a == b,
        };
        if same {
            continue;
        }
        out.push(match c.kind {
            Shown => format!(
                "{} is {} here and {} by the evidence",
                c.name,
                told(a),
                told(b)
            ),
            Hidden | Classes => format!("{} is not that of the evidence", c.name),
        });
    }
    (!out.is_empty()).then(|| out.join("; "))
}

/// Rows of two statements side by side, by two numbers that name them: each pair, or one alone.
fn beside<T>(
    a: &mut Statement<'_>,
    b: &mut Statement<'_>,
    ids: (i64, i64),
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    each: &mut dyn FnMut((i64, i64), Option<T>, Option<T>) -> Result<()>,
) -> Result<()> {
    let (mut ra, mut rb) = (a.query([ids.0])?, b.query([ids.1])?);
    let next = |rows: &mut rusqlite::Rows<'_>| -> Result<Option<((i64, i64), T)>> {
        Ok(match rows.next()? {
            Some(r) => Some(((r.get(0)?, r.get(1)?), read(r)?)),
            None => None,
        })
    };
    let (mut x, mut y) = (next(&mut ra)?, next(&mut rb)?);
    loop {
        let order = match (&x, &y) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => x.0.cmp(&y.0),
        };
        let mut one = None;
        let mut other = None;
        let mut key = (0, 0);
        if order.is_le()
            && let Some((k, v)) = x.take()
        {
            (key, one) = (k, Some(v));
            x = next(&mut ra)?;
        }
        if order.is_ge()
            && let Some((k, v)) = y.take()
        {
            (key, other) = (k, Some(v));
            y = next(&mut rb)?;
        }
        each(key, one, other)?;
    }
}

struct CallRow {
    id: i64,
    bodies: [Option<i64>; 2],
    evidence: Vec<Sql>,
    facts: Vec<Sql>,
}

type Of<'a> = (i64, i64, &'a str);

fn calls(cx: &Cx, check: &mut Check<'_>, again: &Scratch, of: Of<'_>, facts: bool) -> Result<()> {
    let before = "c.unit,c.ord,c.id,c.req_body_id,c.resp_body_id,";
    let mut columns: Vec<&str> = EVIDENCE.iter().map(|c| c.sql).collect();
    columns.extend(FACTS.iter().map(|c| c.sql));
    let sql = format!(
        "SELECT {before}{} FROM call c LEFT JOIN call_fact f ON f.call_id=c.id LEFT JOIN body rb ON rb.id=c.req_body_id \
         LEFT JOIN body sb ON sb.id=c.resp_body_id WHERE c.source_id=?1 ORDER BY c.unit,c.ord",
        columns.join(",")
    );
    let (mut a, mut b) = (cx.conn.prepare(&sql)?, again.cx.conn.prepare(&sql)?);
    let read = |r: &Row<'_>| {
        Ok(CallRow {
            id: r.get(2)?,
            bodies: [r.get(3)?, r.get(4)?],
            evidence: values(r, 5, EVIDENCE.len())?,
            facts: values(r, 5 + EVIDENCE.len(), FACTS.len())?,
        })
    };
    beside(&mut a, &mut b, (of.0, of.1), read, &mut |key, mine, its| {
        let id = ids::call_id(of.2, key.0, key.1);
        let (mine, its) = match (mine, its) {
            (Some(mine), Some(its)) => (mine, its),
            (Some(_), None) => {
                let why = "it does not come of the evidence".to_owned();
                return check.thing("call", &id, id.clone().into(), Some(why));
            }
            (None, Some(_)) => {
                let why = "the evidence has it, and the case has not".to_owned();
                return check.thing("call", &id, id.clone().into(), Some(why));
            }
            (None, None) => return Ok(()),
        };
        let mut whys = Vec::new();
        whys.extend(differs(
            EVIDENCE,
            &mine.evidence,
            &its.evidence,
            cx,
            &again.cx,
        ));
        if facts {
            whys.extend(differs(FACTS, &mine.facts, &its.facts, cx, &again.cx));
        }
        if again.why_stored.is_none() {
            whys.extend(contents(cx, check, again, &mine, &its, &id)?);
        }
        if check.known("call", &id) {
            return Ok(());
        }
        let why = (!whys.is_empty()).then(|| whys.join("; "));
        check.thing("call", &id, id.clone().into(), why)
    })
}

/// What a call carried: heads, bodies that no hash proves, and the findings in what is another now.
fn contents(
    cx: &Cx,
    check: &mut Check<'_>,
    again: &Scratch,
    mine: &CallRow,
    its: &CallRow,
    id: &str,
) -> Result<Option<String>> {
    const GONE: [&str; 2] = [
        "the evidence does not hold it any more",
        "the evidence holds it, and the case has not",
    ];
    let names = Names::of(cx, &again.cx);
    let mut why = None;
    // What cannot be read here was told of already.
    if let (Ok(a), Ok(b)) = (cx.heads(mine.id), again.cx.heads(its.id))
        && a != b
    {
        why = Some("its heads are not those of the evidence".to_owned());
        let facts = |cx: &Cx, id: i64| -> Result<[Vec<u8>; 2]> {
            let mut stmt = cx
                .conn
                .prepare_cached("SELECT req_facts,resp_facts FROM call WHERE id=?1")?;
            let blob = |v: Option<Vec<u8>>| v.unwrap_or_default();
            Ok(stmt.query_row([id], |r| Ok([blob(r.get(0)?), blob(r.get(1)?)]))?)
        };
        for (a, b) in facts(cx, mine.id)?.iter().zip(&facts(&again.cx, its.id)?) {
            let (a, b) = (read::unpack_facts(cx, a), read::unpack_facts(&again.cx, b));
            compare(check, &names, &a, &b, GONE, &mut || Ok(id.into()))?;
        }
    }
    for (a, b) in mine.bodies.iter().zip(its.bodies) {
        let (Some(a), Some(b)) = (*a, b) else {
            continue;
        };
        let (proof, one) = body(cx, a)?;
        let (other_proof, other) = body(&again.cx, b)?;
        let unproved = proof.is_none();
        let same = if unproved {
            match (cx.body(a), again.cx.body(b)) {
                (Ok(x), Ok(y)) => x == y,
                _ => continue,
            }
        } else {
            proof == other_proof
        };
        if same {
            continue;
        }
        if unproved {
            why.get_or_insert_with(|| "a body is not that of the evidence".to_owned());
        }
        let (one, other) = (
            read::unpack_facts(cx, &one),
            read::unpack_facts(&again.cx, &other),
        );
        compare(check, &names, &one, &other, GONE, &mut || Ok(id.into()))?;
    }
    Ok(why)
}

/// What proves a body's content (nothing where it is cut), and its findings.
fn body(cx: &Cx, id: i64) -> Result<(Option<Vec<u8>>, Vec<u8>)> {
    let mut stmt = cx
        .conn
        .prepare_cached("SELECT CASE WHEN kept=len THEN sha256 END,facts FROM body WHERE id=?1")?;
    let row = stmt.query_row([id], |r| {
        Ok((
            r.get(0)?,
            r.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default(),
        ))
    });
    Ok(row?)
}

fn flows(cx: &Cx, check: &mut Check<'_>, again: &Scratch, of: Of<'_>) -> Result<()> {
    let from = "flow WHERE source_id=?1 ORDER BY unit0,id";
    let before = "unit0,row_number() OVER (PARTITION BY unit0 ORDER BY id)-1,";
    let sql = select(FLOW, before, from);
    let (mut a, mut b) = (cx.conn.prepare(&sql)?, again.cx.conn.prepare(&sql)?);
    let read = |r: &Row<'_>| values(r, 2, FLOW.len());
    beside(&mut a, &mut b, (of.0, of.1), read, &mut |key, mine, its| {
        let id = ids::flow_id(of.2, key.0, key.1);
        let why = match (mine, its) {
            (Some(a), Some(b)) => differs(FLOW, &a, &b, cx, &again.cx),
            (Some(_), None) => Some("it does not come of the evidence".to_owned()),
            _ => Some("the evidence has it, and the case has not".to_owned()),
        };
        check.thing("flow", &id, id.clone().into(), why)
    })
}

fn table(cx: &Cx, check: &mut Check<'_>, again: &Cx, t: &Table) -> Result<()> {
    let sql = select(t.columns, &format!("coalesce({},''),", t.key), t.from);
    let rows = |cx: &Cx| -> Result<BTreeMap<String, Vec<Sql>>> {
        let mut stmt = cx.conn.prepare(&sql)?;
        let rows = stmt.query_map([], |r| Ok((r.get(0)?, values(r, 1, t.columns.len())?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let (mine, mut its) = (rows(cx)?, rows(again)?);
    for (key, a) in mine {
        let why = match its.remove(&key) {
            Some(b) => differs(t.columns, &a, &b, cx, again),
            // classes that the rules do not have: another load's
            None if t.thing == "class" => None,
            None => Some("it does not follow from the evidence".to_owned()),
        };
        check.thing(t.thing, &key, key.clone().into(), why)?;
    }
    for key in its.into_keys() {
        let why = "it follows from the evidence, and the case has not got it".to_owned();
        check.thing(t.thing, &key, key.clone().into(), Some(why))?;
    }
    Ok(())
}
