//! What the overview shows, read in one go. In: a filter. Out: [`OverviewData`]. Bounds: a few aggregates and short lists.

use super::{AppShare, OverviewData};
use crate::call::model::Flags;
use crate::case::profile;
use crate::error::Result;
use crate::facts::inside::Inside;
use crate::query::Filter;
use crate::query::read::{self, Cx};
use crate::ui::widget::chart::Bin;

/// Slots of the histogram; the screen folds them to its width.
const SLOTS: usize = 240;
/// Rows of the short lists.
const TOP: usize = 50;

/// Reads it.
pub fn read(cx: &Cx, filter: &Filter) -> Result<OverviewData> {
    let all = Filter::all();
    let mut accounts = read::accounts(cx, filter)?;
    let mut apis = read::apis(cx, filter)?;
    let (n_accounts, n_apis) = (accounts.len() as u64, apis.len() as u64);
    accounts.sort_by(|a, b| {
        (b.risk.total_cmp(&a.risk))
            .then(b.records.cmp(&a.records))
            .then_with(|| a.account.cmp(&b.account))
    });
    apis.sort_by(|a, b| {
        (b.level.cmp(a.level))
            .then(b.max_records.cmp(&a.max_records))
            .then_with(|| a.api.cmp(&b.api))
    });
    accounts.truncate(TOP);
    apis.truncate(TOP);
    let h = read::histogram(cx, filter, SLOTS)?;
    let minutes = h
        .slots
        .iter()
        .enumerate()
        .map(|(i, s)| Bin {
            t: h.from
                .saturating_add(h.step.saturating_mul(i64::try_from(i).unwrap_or(0))),
            all: s.iter().sum(),
            hot: s.iter().skip(3).sum(),
        })
        .collect();
    Ok(OverviewData {
        sources: read::sources(cx, &all)?,
        apps: apps(cx)?,
        minutes,
        risks: read::risks(cx, filter)?,
        accounts,
        apis,
        n_accounts,
        n_apis,
        calls: read::count(cx, filter, None)?,
        flags: flags(cx)?,
        logs: logs(cx)?,
        profile: profile::chosen(&cx.conn)?.map(|p| (p.title, p.date)),
        reveals: cx
            .conn
            .query_row(
                "SELECT count(*) FROM journal WHERE act = 'reveal'",
                [],
                |r| r.get::<_, i64>(0),
            )
            .map(|n| n.unsigned_abs())
            .unwrap_or(0),
        info: (info(cx, "number"), info(cx, "examiner")),
        partial: cx.partial()?,
        warnings: cx.warnings.clone(),
    })
}

fn info(cx: &Cx, key: &str) -> Option<String> {
    cx.conn
        .query_row("SELECT v FROM info WHERE key = ?1", [key], |r| {
            r.get::<_, String>(0)
        })
        .ok()
        .filter(|v| !v.is_empty())
}

/// What the case counts as inside.
pub fn inside(cx: &Cx) -> Inside {
    let nets: Vec<String> = info(cx, "inside")
        .map(|v| {
            v.split([',', ' ', '\n'])
                .filter(|s| !s.is_empty())
                .map(str::to_string)
                .collect()
        })
        .unwrap_or_default();
    Inside::parse(&nets).unwrap_or_default()
}

fn apps(cx: &Cx) -> Result<Vec<AppShare>> {
    let mut st = cx.conn.prepare(
        "SELECT app, count(*), sum(bytes_out + bytes_in), sum(why_opaque IS NOT NULL),
         sum(CASE WHEN why_opaque IS NOT NULL THEN bytes_out + bytes_in ELSE 0 END) FROM flow
         GROUP BY app ORDER BY 3 DESC, 1",
    )?;
    let n = |r: &rusqlite::Row<'_>, i| r.get::<_, i64>(i).map(i64::unsigned_abs);
    let rows = st.query_map([], |r| {
        Ok(AppShare {
            app: r.get(0)?,
            flows: n(r, 1)?,
            bytes: n(r, 2)?,
            opaque: n(r, 3)?,
            opaque_bytes: n(r, 4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn flags(cx: &Cx) -> Result<Vec<(&'static str, u64)>> {
    let sums: Vec<String> = Flags::NAMES
        .iter()
        .map(|(f, _)| format!("sum(flags & {} <> 0)", f.0))
        .collect();
    let text = format!("SELECT {} FROM call", sums.join(","));
    let counts = cx.conn.query_row(&text, [], |r| {
        (0..Flags::NAMES.len())
            .map(|i| Ok(r.get::<_, Option<i64>>(i)?.unwrap_or(0).unsigned_abs()))
            .collect::<rusqlite::Result<Vec<u64>>>()
    })?;
    Ok(Flags::NAMES
        .iter()
        .map(|(_, n)| *n)
        .zip(counts)
        .filter(|(_, n)| *n > 0)
        .collect())
}

/// Calls known from a log alone, and lines and entries that joined a captured call.
fn logs(cx: &Cx) -> Result<(u64, u64)> {
    let joined: i64 = cx.conn.query_row(
        "SELECT count(*) FROM call_fact f JOIN call c ON c.id=f.call_id WHERE f.joined IS NOT NULL AND c.flow_id IS NULL",
        [],
        |r| r.get(0),
    )?;
    let alone: i64 = cx.conn.query_row(
        "SELECT count(*) FROM call c LEFT JOIN call_fact f ON f.call_id = c.id WHERE c.proto = 7 AND f.joined IS NULL",
        [],
        |r| r.get(0),
    )?;
    Ok((alone.unsigned_abs(), joined.unsigned_abs()))
}
