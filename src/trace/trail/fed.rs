//! What the client of an API usually gets right before its calls: a queue that it works off. In: the calls of a case, an API. Out: the
//! server that it gets sensitive data from. Bounds: [`FED`] calls; each call within [`FED_NS`] before one of them is read once, and of
//! their clients' alone those of one such time are held.

use super::hosts::one;
use crate::error::Result;
use crate::trace::evidence::address;
use rusqlite::Connection;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Calls of an API that tell what its client got before them, and how long before, in nanoseconds.
const FED: i64 = 64;
const FED_NS: i64 = 2_000_000_000;

/// Source of a capture, address as the case has it.
type Client = (i64, Vec<u8>);

/// A call that a client made before.
#[derive(Clone, Copy)]
struct Before {
    ts: i64,
    end: i64,
    dst: Option<IpAddr>,
    body: Option<i64>,
}

/// The server that such a call's client usually got sensitive data from right before; `None` where that is no single one.
pub(super) fn read(conn: &Connection, api: i64) -> Result<Option<IpAddr>> {
    let mut stmt = conn.prepare_cached(
        "SELECT c.source_id,c.src,c.ts FROM call_fact f JOIN call c ON c.id=f.call_id WHERE f.api_id=?1 AND f.joined IS NULL \
         AND c.src IS NOT NULL ORDER BY f.call_id LIMIT ?2",
    )?;
    let asked = stmt.query_map([api, FED], |r| Ok(((r.get(0)?, r.get(1)?), r.get(2)?)))?;
    let mut asked: Vec<(Client, i64)> = asked.collect::<rusqlite::Result<_>>()?;
    asked.sort_by_key(|(_, ts)| *ts);
    let mut told = conn.prepare_cached("SELECT facts IS NOT NULL FROM body WHERE id=?1")?;
    let mut servers: BTreeMap<IpAddr, u64> = BTreeMap::new();
    // calls near each other have their times before them in common
    for near in asked.chunk_by(|a, b| b.1.saturating_sub(FED_NS) <= a.1) {
        for last in latest(conn, near)? {
            if let (Some(server), Some(body)) = (last.dst, last.body)
                && told.query_row([body], |r| r.get(0))?
            {
                *servers.entry(server).or_default() += 1;
            }
        }
    }
    let list: Vec<_> = servers.into_iter().map(|(a, n)| (a, 0, n)).collect();
    Ok(one(&list, asked.len() as u64).map(|x| x.0))
}

/// For each of some calls in order of time the last one of its client that had ended when it began, where there is one.
fn latest(conn: &Connection, asked: &[(Client, i64)]) -> Result<Vec<Before>> {
    let (Some((_, first)), Some((_, last))) = (asked.first(), asked.last()) else {
        return Ok(Vec::new());
    };
    let mut held: BTreeMap<&Client, VecDeque<Before>> =
        asked.iter().map(|(c, _)| (c, VecDeque::new())).collect();
    let mut stmt = conn.prepare_cached(
        "SELECT source_id,src,ts,end_ts,dst,resp_body_id FROM call WHERE ts BETWEEN ?1 AND ?2 AND src IS NOT NULL AND end_ts IS NOT NULL \
         ORDER BY ts",
    )?;
    let mut rows = stmt.query([first.saturating_sub(FED_NS), *last])?;
    let mut out = Vec::new();
    let mut waiting = asked.iter().peekable();
    loop {
        let row = rows.next()?;
        let now = row.map(|r| r.get::<_, i64>(2)).transpose()?;
        // all that began by then was read
        while let Some((client, ts)) = waiting.next_if(|(_, ts)| now.is_none_or(|now| now > *ts)) {
            let from = ts.saturating_sub(FED_NS);
            let calls = held.get(client).into_iter().flatten().rev();
            let mut calls = calls.take_while(|b| b.ts >= from);
            out.extend(calls.find(|b| b.end <= *ts).copied());
        }
        let Some(row) = row else { return Ok(out) };
        let client: Client = (row.get(0)?, row.get(1)?);
        if let Some(calls) = held.get_mut(&client) {
            let ts: i64 = row.get(2)?;
            while calls
                .front()
                .is_some_and(|b| b.ts < ts.saturating_sub(FED_NS))
            {
                calls.pop_front();
            }
            calls.push_back(Before {
                ts,
                end: row.get(3)?,
                dst: row.get_ref(4)?.as_blob().ok().and_then(address),
                body: row.get(5)?,
            });
        }
    }
}
