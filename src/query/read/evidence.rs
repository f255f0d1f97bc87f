//! Flows and sources. In: a filter on their own fields. Out: the contract's rows. Bounds: one row a flow or source.

use super::cx::Cx;
use super::select::condition;
use super::time::rfc3339;
use crate::case::ids::{self, FLOW_ORD};
use crate::error::Result;
use crate::query::Filter;
use crate::query::lang::Scope;
use crate::query::lang::value::addr_text;
use crate::query::rows::{FlowRow, SourceRow, TapRow};
use rusqlite::params_from_iter;
use std::collections::BTreeMap;

fn n(v: i64) -> u64 {
    u64::try_from(v).unwrap_or(0)
}

/// The selected flows, by time.
pub fn flows(cx: &Cx, filter: &Filter) -> Result<Vec<FlowRow>> {
    let w = condition(cx, filter, Scope::Flows)?;
    let sql = format!(
        "SELECT c.id,c.source_id,c.unit0,c.ts,c.end_ts,c.src,c.sport,c.dst,c.dport,c.transport,c.app,c.packets,c.bytes_out,\
         c.bytes_in,c.sni,c.alpn,c.client_print,c.gaps,c.calls,c.why_opaque,{FLOW_ORD},c.tls FROM flow c WHERE {} \
         ORDER BY c.ts,lt_rank(c.source_id),c.unit0,c.id",
        w.sql
    );
    let mut stmt = cx.conn.prepare_cached(&sql)?;
    let mut rows = stmt.query(params_from_iter(&w.params))?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let addr =
            |at| -> Result<String> { Ok(addr_text(&r.get::<_, Vec<u8>>(at)?).unwrap_or_default()) };
        let transport: String = r.get(9)?;
        let ported = matches!(transport.as_str(), "tcp" | "udp");
        let port = |at| -> Result<Option<u16>> {
            let p: u16 = r.get(at)?;
            Ok(Some(p).filter(|p| *p > 0 || ported))
        };
        out.push(FlowRow {
            rowid: r.get(0)?,
            id: ids::flow_id(&cx.source(r.get(1)?).tag, r.get(2)?, r.get(20)?),
            ts: rfc3339(r.get(3)?),
            end_ts: rfc3339(r.get(4)?),
            src: addr(5)?,
            sport: port(6)?,
            dst: addr(7)?,
            dport: port(8)?,
            transport,
            app: r.get(10)?,
            packets: n(r.get(11)?),
            bytes_out: n(r.get(12)?),
            bytes_in: n(r.get(13)?),
            sni: r.get(14)?,
            alpn: r.get(15)?,
            client_print: r.get(16)?,
            gaps: n(r.get(17)?),
            calls: n(r.get(18)?),
            why_opaque: r.get(19)?,
            tls: r
                .get::<_, Option<String>>(21)?
                .and_then(|t| serde_json::from_str(&t).ok()),
        });
    }
    Ok(out)
}

/// The selected sources, by name and hash.
pub fn sources(cx: &Cx, filter: &Filter) -> Result<Vec<SourceRow>> {
    let w = condition(cx, filter, Scope::Sources)?;
    let sql = format!(
        "SELECT c.id,c.name,c.sha256,c.kind,c.bytes,c.packets,c.lines,c.first_ts,c.last_ts,c.calls,c.skipped,c.mapping,f.joined,f.skew, \
         (SELECT k.off_ns FROM source_clock k WHERE k.source_id=c.id AND k.grp IN \
         (SELECT grp FROM source_clock GROUP BY grp HAVING count(*)>1)) FROM source c \
         LEFT JOIN source_fact f ON f.source_id=c.id WHERE {} ORDER BY c.name,c.sha256,c.id",
        w.sql
    );
    let mut stmt = cx.conn.prepare_cached(&sql)?;
    let mut diags = cx
        .conn
        .prepare_cached("SELECT code,n FROM diag WHERE source_id=?1 ORDER BY code")?;
    let mut taps = cx.conn.prepare_cached(
        "SELECT of_id,calls,skew_ns FROM clock WHERE source_id=?1 ORDER BY lt_rank(of_id)",
    )?;
    let mut rows = stmt.query(params_from_iter(&w.params))?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let id: i64 = r.get(0)?;
        let again = taps.query_map([id], |t| {
            Ok(TapRow {
                source: cx.source(t.get(0)?).name.to_string(),
                calls: n(t.get(1)?),
                skew_ns: t.get(2)?,
            })
        })?;
        let found = diags.query_map([id], |d| Ok((d.get::<_, String>(0)?, n(d.get(1)?))))?;
        let name: String = r.get(1)?;
        out.push(SourceRow {
            rowid: id,
            source: cx.source(id).name.to_string(),
            name,
            sha256: r
                .get::<_, Option<Vec<u8>>>(2)?
                .map(|s| super::call::hex(&s)),
            kind: r.get(3)?,
            mapping: r.get(11)?,
            joined: r.get::<_, Option<i64>>(12)?.map(n),
            skew_ms: r
                .get::<_, Option<i64>>(13)?
                .map(|ns| ns.saturating_add(500_000).div_euclid(1_000_000)),
            bytes: n(r.get(4)?),
            packets: r.get::<_, Option<i64>>(5)?.map(n),
            lines: r.get::<_, Option<i64>>(6)?.map(n),
            first: r.get::<_, Option<i64>>(7)?.map(rfc3339),
            last: r.get::<_, Option<i64>>(8)?.map(rfc3339),
            calls: n(r.get(9)?),
            skipped: n(r.get(10)?),
            diags: found.collect::<rusqlite::Result<BTreeMap<_, _>>>()?,
            clock_ns: r.get(14)?,
            taps: again.collect::<rusqlite::Result<_>>()?,
        });
    }
    Ok(out)
}
