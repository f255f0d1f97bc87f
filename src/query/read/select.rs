//! Which calls a filter selects, in which order, and how many. In: a filter. Out: row ids, counts, slots of time.
//! Bounds: a page walks an index as far as the page; sorting by anything but time sorts what is selected.

use super::cx::Cx;
use super::names::CaseNames;
use super::{Histogram, Page, Sort};
use crate::error::Result;
use crate::query::Filter;
use crate::query::find::{self, Depth, Progress};
use crate::query::lang::{Expr, Id, Op, Scope};
use crate::query::plan::{self, Cost, Where};
use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension, params_from_iter};
use std::time::{Duration, Instant};

/// Calls with what was decided about them; joined log lines are no calls of their own.
pub(super) const FROM: &str = " FROM call c LEFT JOIN call_fact f ON f.call_id=c.id ";

/// The same by the index of time, for pages: the planner does not know how soon a page is full.
const BY_TIME: &str = " FROM call c INDEXED BY call_ts LEFT JOIN call_fact f ON f.call_id=c.id ";
/// The same from what was decided, for the calls of few accounts, sessions or APIs.
const BY_FACT: &str = " FROM call_fact f CROSS JOIN call c ON c.id=f.call_id ";
/// Calls that may be looked up one by one and sorted instead of walking all by time.
const FEW: i64 = 20_000;

/// Whether a field is the text of bodies.
fn text(id: Id) -> bool {
    matches!(id, Id::Body | Id::ReqBody | Id::RespBody)
}

/// Where to begin: at the facts where a term names few calls, at the rows that the planner finds where a term names
/// rows, else (`page`) at the index of time.
fn from(cx: &Cx, filter: &Filter, page: bool) -> Result<&'static str> {
    let names = CaseNames {
        cx,
        cursor: filter.cursor,
    };
    for term in filter.expr.terms() {
        let field = match &term {
            Expr::Cmp { field, op, .. } if matches!(op, Op::Has | Op::Eq) || text(field.id) => {
                field
            }
            Expr::In { field, .. } => field,
            _ => continue,
        };
        match field.id {
            Id::Account | Id::Session | Id::Api => {
                let w = plan::compile(&term, Scope::Calls, &names)?;
                let sql = format!(
                    "SELECT count(*) FROM (SELECT 1 FROM call_fact f WHERE {} LIMIT {})",
                    w.sql,
                    FEW + 1
                );
                let n: i64 = cx
                    .conn
                    .prepare_cached(&sql)?
                    .query_row(params_from_iter(&w.params), |r| r.get(0))?;
                if n <= FEW {
                    return Ok(BY_FACT);
                }
            }
            // named by rows where they are few
            id if text(id) => {
                let w = plan::compile(&term, Scope::Calls, &names)?;
                if !w.texts.is_empty() && w.texts.iter().all(|t| cx.texts.few(&t.0).is_some()) {
                    return Ok(FROM);
                }
            }
            Id::RowId | Id::Found | Id::Record | Id::Tag | Id::Note | Id::Marked | Id::Risk => {
                return Ok(FROM);
            }
            _ => {}
        }
    }
    Ok(if page { BY_TIME } else { FROM })
}

/// The condition of a filter, its time bounds and, for calls, that a row is a call of its own.
pub(super) fn condition(cx: &Cx, filter: &Filter, scope: Scope) -> Result<Where> {
    condition_for(cx, filter, scope, Depth::All)
}

/// The same, where so much of a text need be looked for.
fn condition_for(cx: &Cx, filter: &Filter, scope: Scope, depth: Depth) -> Result<Where> {
    cx.fresh()?;
    let names = CaseNames {
        cx,
        cursor: filter.cursor,
    };
    let mut w = plan::compile(&filter.expr, scope, &names)?;
    if !w.texts.is_empty() {
        learn(cx, &w.texts, depth, &mut |_, _| Ok(()))?;
        w = plan::compile(&filter.expr, scope, &names)?;
    }
    let column = match scope {
        Scope::Calls | Scope::Flows => Some("c.ts"),
        Scope::Sources => None,
    };
    if let Some(col) = column {
        for (op, t) in [(">=", filter.after), ("<", filter.before)] {
            if let Some(t) = t {
                w.sql.push_str(&format!(" AND {col}{op}?"));
                w.params.push(t.into());
            }
        }
    }
    if scope == Scope::Calls {
        w.sql.push_str(" AND f.joined IS NULL");
    }
    Ok(w)
}

/// Has texts looked for, all packs by several threads, before calls are asked one by one. `each` sees how far it is.
fn learn(
    cx: &Cx,
    texts: &[(String, bool)],
    depth: Depth,
    each: &mut dyn FnMut(&str, &Progress<'_>) -> Result<()>,
) -> Result<()> {
    for (i, (pattern, heads)) in texts.iter().enumerate() {
        if texts
            .iter()
            .take(i)
            .any(|t| t.0 == *pattern && t.1 == *heads)
        {
            continue;
        }
        let mut failed = None;
        cx.texts
            .learn(&cx.conn, pattern, *heads, depth, &cx.stop, &mut |p| {
                failed = each(pattern, p).err();
                failed.is_none()
            })
            .map_err(|e| failed.unwrap_or(e))?;
    }
    Ok(())
}

/// What a search of text has found before its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Calls that the filter selects, by time, as far as they are known.
    pub ids: Vec<i64>,
    /// Bytes of text that are done with.
    pub done: u64,
    /// Bytes of all text.
    pub all: u64,
}

/// How often what was found is told.
const TOLD: Duration = Duration::from_millis(200);
/// Bodies or heads whose calls are told before the end.
const TOLD_ROWS: usize = 300;

/// Looks for the texts of a filter, for a page of its calls; `each` gets the first calls long before all are found. Whether
/// there was anything to look for.
pub fn search(cx: &Cx, filter: &Filter, each: &mut dyn FnMut(Part)) -> Result<bool> {
    cx.fresh()?;
    let names = CaseNames {
        cx,
        cursor: filter.cursor,
    };
    let texts = plan::compile(&filter.expr, Scope::Calls, &names)?.texts;
    let (mut told, mut empty) = (Instant::now(), true);
    learn(cx, &texts, Depth::Page, &mut |pattern, p| {
        let some = !p.bodies.is_empty() || !p.heads.is_empty();
        if told.elapsed() < TOLD && !(some && empty) {
            return Ok(());
        }
        empty &= !some;
        cx.texts.publish(pattern, p);
        let ids = those(cx, filter, p)?;
        each(Part {
            ids,
            done: p.done,
            all: p.all,
        });
        told = Instant::now();
        Ok(())
    })?;
    Ok(!texts.is_empty())
}

/// Calls of what a search has found that the whole filter selects.
fn those(cx: &Cx, filter: &Filter, p: &Progress<'_>) -> Result<Vec<i64>> {
    let names = CaseNames {
        cx,
        cursor: filter.cursor,
    };
    let list = |rows: &find::Rows| {
        let some: Vec<i64> = rows.iter().take(TOLD_ROWS).collect();
        serde_json::Value::from(some).to_string()
    };
    let mut w = plan::compile(&filter.expr, Scope::Calls, &names)?;
    w.sql.push_str(
        " AND (c.req_body_id IN (SELECT value FROM json_each(?)) OR c.resp_body_id IN (SELECT value FROM json_each(?)) \
         OR c.id IN (SELECT value FROM json_each(?))) AND f.joined IS NULL",
    );
    let bodies = list(p.bodies);
    w.params
        .extend([bodies.clone(), bodies, list(p.heads)].map(Sql::from));
    for (op, t) in [(">=", filter.after), ("<", filter.before)] {
        if let Some(t) = t {
            w.sql.push_str(&format!(" AND c.ts{op}?"));
            w.params.push(t.into());
        }
    }
    let sql = format!(
        "SELECT c.id{FROM}WHERE {} ORDER BY c.ts,lt_rank(c.source_id),c.unit,c.ord LIMIT {TOLD_ROWS}",
        w.sql
    );
    let mut stmt = cx.conn.prepare(&sql)?;
    let rows = stmt.query_map(params_from_iter(&w.params), |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Expression that sorts, and what is compared where it is missing.
fn key(sort: Sort) -> &'static str {
    match sort {
        Sort::Time => "c.ts",
        Sort::Dur => "coalesce(c.end_ts-c.ts,-1)",
        Sort::Status => "coalesce(c.status,-1)",
        Sort::Size => "coalesce(c.resp_content_len,c.resp_body_len,-1)",
        Sort::Level => "coalesce(f.level,-1)",
        Sort::Records => "coalesce(f.records,-1)",
        Sort::Account => "coalesce((SELECT name FROM account WHERE id=f.account_id),'')",
        Sort::Api => "coalesce((SELECT name FROM api WHERE id=f.api_id),'')",
        Sort::Host => "coalesce((SELECT v FROM term WHERE id=c.host_id),'')",
        Sort::Method => "coalesce((SELECT v FROM term WHERE id=c.method_id),'')",
    }
}

/// Row ids of the selected calls in order.
pub fn call_ids(cx: &Cx, filter: &Filter, page: &Page) -> Result<Vec<i64>> {
    let depth = if page.limit > 0 && page.sort == Sort::Time {
        Depth::Page
    } else {
        Depth::All
    };
    let mut w = condition_for(cx, filter, Scope::Calls, depth)?;
    let key = key(page.sort);
    // A page before a call is read backwards and turned round.
    let back = page.before.is_some() && page.after.is_none();
    let edge = if back { page.before } else { page.after };
    let desc = page.desc != back;
    if let Some(edge) = edge {
        let Some(at) = position(cx, key, edge)? else {
            return Ok(Vec::new());
        };
        let than = if desc { "<" } else { ">" };
        // The first comparison alone can use the index.
        w.sql.push_str(&format!(
            " AND {key}{than}=? AND ({key}{than}? OR (c.ts,lt_rank(c.source_id),c.unit,c.ord){than}(?,?,?,?))"
        ));
        w.params.extend([at.key.clone(), at.key]);
        w.params
            .extend([at.ts, at.rank, at.unit, at.ord].map(Sql::from));
    }
    let dir = if desc { " DESC" } else { "" };
    let ties = ["c.ts", "lt_rank(c.source_id)", "c.unit", "c.ord"];
    let order: Vec<String> = std::iter::once(key)
        .filter(|k| *k != "c.ts")
        .chain(ties)
        .map(|c| format!("{c}{dir}"))
        .collect();
    let limit = if page.limit == 0 {
        -1
    } else {
        i64::try_from(page.limit).unwrap_or(i64::MAX)
    };
    let from = from(cx, filter, page.sort == Sort::Time && page.limit > 0)?;
    let sql = format!(
        "SELECT c.id{from}WHERE {} ORDER BY {} LIMIT {limit}",
        w.sql,
        order.join(",")
    );
    let mut stmt = cx.conn.prepare_cached(&sql)?;
    let mut ids: Vec<i64> = stmt
        .query_map(params_from_iter(&w.params), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if back {
        ids.reverse();
    }
    Ok(ids)
}

struct Position {
    key: Sql,
    ts: i64,
    rank: i64,
    unit: i64,
    ord: i64,
}

fn position(cx: &Cx, key: &str, id: i64) -> Result<Option<Position>> {
    let sql = format!("SELECT {key},c.ts,c.source_id,c.unit,c.ord{FROM}WHERE c.id=?1");
    Ok(cx
        .conn
        .prepare_cached(&sql)?
        .query_row([id], |r| {
            Ok(Position {
                key: r.get(0)?,
                ts: r.get(1)?,
                rank: cx.rank(r.get(2)?),
                unit: r.get(3)?,
                ord: r.get(4)?,
            })
        })
        .optional()?)
}

/// How many calls are selected; counting stops at `cap`.
pub fn count(cx: &Cx, filter: &Filter, cap: Option<u64>) -> Result<u64> {
    let w = condition(cx, filter, Scope::Calls)?;
    let from = from(cx, filter, false)?;
    let n = match cap {
        Some(cap) => {
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1{from}WHERE {} LIMIT {cap})",
                w.sql
            );
            cx.conn
                .prepare_cached(&sql)?
                .query_row(params_from_iter(&w.params), |r| r.get(0))?
        }
        None => {
            let sql = format!("SELECT count(*){from}WHERE {}", w.sql);
            cx.conn
                .prepare_cached(&sql)?
                .query_row(params_from_iter(&w.params), |r| r.get::<_, i64>(0))?
        }
    };
    Ok(u64::try_from(n).unwrap_or(0))
}

/// One term of a filter: how it is written and what it costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Chip {
    /// Canonical text.
    pub text: String,
    /// Cost to decide.
    pub cost: Cost,
}

/// The chips of a filter, in order.
pub fn chips(cx: &Cx, filter: &Filter) -> Result<Vec<Chip>> {
    let names = CaseNames {
        cx,
        cursor: filter.cursor,
    };
    filter
        .expr
        .terms()
        .into_iter()
        .map(|e| {
            let w = plan::compile(&e, Scope::Calls, &names)?;
            Ok(Chip {
                text: e.to_string(),
                cost: w.cost,
            })
        })
        .collect()
}

/// The statement that a filter becomes, with its parameters put in for reading (`:explain`).
pub fn explain(cx: &Cx, filter: &Filter) -> Result<String> {
    let w = condition(cx, filter, Scope::Calls)?;
    let mut out = format!("SELECT c.id{FROM}WHERE ");
    let mut params = w.params.iter();
    for c in w.sql.chars() {
        if c != '?' {
            out.push(c);
            continue;
        }
        match params.next() {
            Some(Sql::Integer(n)) => out.push_str(&n.to_string()),
            Some(Sql::Real(n)) => out.push_str(&n.to_string()),
            Some(Sql::Text(t)) => {
                out.push('\'');
                out.push_str(&t.replace('\'', "''"));
                out.push('\'');
            }
            Some(Sql::Blob(b)) => {
                out.push_str("x'");
                out.push_str(&super::call::hex(b));
                out.push('\'');
            }
            Some(Sql::Null) | None => out.push('?'),
        }
    }
    Ok(out)
}

/// Calls by time in `slots` slots. Without a filter the summary by minute is used where its minutes are fine enough.
pub fn histogram(cx: &Cx, filter: &Filter, slots: usize) -> Result<Histogram> {
    const MINUTE: i64 = 60_000_000_000;
    let slots = slots.clamp(1, 10_000);
    let span = cx.span()?;
    let from = filter.after.unwrap_or(span.first);
    let last = filter.before.map_or(span.last, |t| t.saturating_sub(1));
    if last < from {
        return Ok(Histogram::default());
    }
    let width = last.saturating_sub(from).saturating_add(1);
    let n = i64::try_from(slots).unwrap_or(1);
    let step = (width / n + i64::from(width % n != 0)).max(1);
    let mut out = Histogram {
        from,
        step,
        slots: vec![[0; 5]; slots],
    };
    let mut add = |t: i64, level: i64, calls: i64| {
        let at = usize::try_from((t - from).max(0) / step).unwrap_or(0);
        let level = usize::try_from(level).unwrap_or(0).min(4);
        if let Some(n) = out.slots.get_mut(at).and_then(|s| s.get_mut(level)) {
            *n += u64::try_from(calls).unwrap_or(0);
        }
    };
    let minutes: bool = filter.expr == Expr::All && step >= 2 * MINUTE && {
        let any: Option<i64> = cx
            .conn
            .prepare_cached("SELECT t FROM minute LIMIT 1")?
            .query_row([], |r| r.get(0))
            .optional()?;
        any.is_some()
    };
    if minutes {
        // `t` counts minutes or nanoseconds of a minute's start, whichever the writer chose: both sort alike.
        let mut stmt = cx.conn.prepare_cached("SELECT t,level,calls FROM minute")?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let t: i64 = r.get(0)?;
            let t = if t.abs() < MINUTE {
                t.saturating_mul(MINUTE)
            } else {
                t
            };
            if t >= from - MINUTE && t <= last {
                add(t, r.get(1)?, r.get(2)?);
            }
        }
        return Ok(out);
    }
    let mut filter = filter.clone();
    filter.after = Some(from);
    filter.before = Some(last.saturating_add(1));
    let w = condition(cx, &filter, Scope::Calls)?;
    let sql = format!(
        "SELECT (c.ts-{from})/{step}, coalesce(f.level,0), count(*){FROM}WHERE {} GROUP BY 1,2",
        w.sql
    );
    let mut stmt = cx.conn.prepare_cached(&sql)?;
    let mut rows = stmt.query(params_from_iter(&w.params))?;
    while let Some(r) = rows.next()? {
        let slot: i64 = r.get(0)?;
        add(
            from.saturating_add(slot.saturating_mul(step)),
            r.get(1)?,
            r.get(2)?,
        );
    }
    Ok(out)
}
