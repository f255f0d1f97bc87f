//! Rows of calls. In: row ids. Out: the contract's `calls` rows, values of data classes in targets masked.
//! Bounds: a handful of lookups by key a row; names come from the cache.

use super::cx::Cx;
use super::mask::{self, Hit};
use super::time::rfc3339;
use crate::call::model::{Facts, Flags, Level, Proto};
use crate::case::ids;
use crate::detect;
use crate::error::{Error, Result};
use crate::limits;
use crate::query::lang::value::addr_text;
use crate::query::rows::{CallRow, LocatorRow};
use rusqlite::{OptionalExtension, Row};
use std::fmt::Write as _;
use std::sync::Arc;

const SQL: &str = "SELECT c.id, c.source_id, c.unit, c.ord, c.unit1, c.off, c.len, c.ts, c.end_ts, c.src, c.sport, c.dst, c.dport, \
  c.proto, c.tls, c.method_id, c.host_id, c.uri, c.path, c.status, c.req_body_len, c.resp_body_len, c.req_content_len, \
  c.resp_content_len, c.req_type_id, c.resp_type_id, c.ua_id, c.flags, c.req_body_id, c.resp_body_id, c.req_facts, \
  f.api_id, f.account_id, f.account_conf, f.account_via, f.behalf, f.session_id, f.level, f.classes, f.clear, f.masked, \
  f.records, f.parent_id, q.sha256, s.sha256, c.grpc_status \
  FROM call c LEFT JOIN call_fact f ON f.call_id=c.id LEFT JOIN body q ON q.id=c.req_body_id \
  LEFT JOIN body s ON s.id=c.resp_body_id WHERE c.id=?1";

/// A call as it lies in the case, before names are put to it.
struct Raw {
    source: i64,
    unit: i64,
    ord: i64,
    unit1: i64,
    off: Option<i64>,
    len: Option<i64>,
    terms: [Option<i64>; 5],
    req_facts: Option<Vec<u8>>,
    api: Option<i64>,
    account: Option<i64>,
    session: Option<i64>,
    classes: Option<i64>,
    parent: Option<i64>,
    row: CallRow,
}

fn count(n: Option<i64>) -> Option<u64> {
    n.and_then(|n| u64::try_from(n).ok())
}

fn raw(r: &Row<'_>) -> rusqlite::Result<Raw> {
    let addr = |at| -> rusqlite::Result<Option<String>> {
        Ok(r.get_ref(at)?
            .as_blob_or_null()
            .ok()
            .flatten()
            .and_then(addr_text))
    };
    let sha = |at| -> rusqlite::Result<Option<String>> {
        Ok(r.get_ref(at)?.as_blob_or_null().ok().flatten().map(hex))
    };
    let proto: u8 = r.get(13)?;
    let ts: i64 = r.get(7)?;
    let mut flags = Flags(r.get(27)?);
    let (clear, masked): (Option<i64>, Option<i64>) = (r.get(39)?, r.get(40)?);
    if clear.is_some_and(|n| n != 0) {
        flags.insert(Flags::UNMASKED);
    }
    if masked.is_some_and(|n| n != 0) {
        flags.insert(Flags::MASKED);
    }
    Ok(Raw {
        source: r.get(1)?,
        unit: r.get(2)?,
        ord: r.get(3)?,
        unit1: r.get(4)?,
        off: r.get(5)?,
        len: r.get(6)?,
        terms: [r.get(15)?, r.get(16)?, r.get(24)?, r.get(25)?, r.get(26)?],
        req_facts: r.get(30)?,
        api: r.get(31)?,
        account: r.get(32)?,
        session: r.get(36)?,
        classes: r.get(38)?,
        parent: r.get(42)?,
        row: CallRow {
            rowid: r.get(0)?,
            ts_ns: ts,
            part_of: None,
            id: String::new(),
            source: String::new(),
            ts: rfc3339(ts),
            end_ts: r.get::<_, Option<i64>>(8)?.map(rfc3339),
            src: addr(9)?,
            sport: r.get(10)?,
            dst: addr(11)?,
            dport: r.get(12)?,
            proto: Proto::ALL
                .get(usize::from(proto))
                .copied()
                .unwrap_or(Proto::Log)
                .name(),
            tls: r.get(14)?,
            method: None,
            host: None,
            uri: r.get(17)?,
            path: r.get(18)?,
            api: None,
            status: r.get(19)?,
            grpc_status: r.get(45)?,
            req_body_len: count(r.get(20)?),
            resp_body_len: count(r.get(21)?),
            req_content_len: count(r.get(22)?),
            resp_content_len: count(r.get(23)?),
            req_sha256: sha(43)?,
            resp_sha256: sha(44)?,
            req_type: None,
            resp_type: None,
            user_agent: None,
            account: None,
            account_conf: r.get(33)?,
            account_via: r.get(34)?,
            on_behalf_of: r.get(35)?,
            session: None,
            level: r
                .get::<_, Option<u8>>(37)?
                .map(|n| Level::from_u8(n).name()),
            classes: Vec::new(),
            records: count(r.get(41)?),
            flags: flags.names(),
            parent: None,
            locators: Vec::new(),
        },
    })
}

/// The row of one call; `None` where there is none.
pub fn call_row(cx: &Cx, id: i64) -> Result<Option<CallRow>> {
    let found = cx
        .conn
        .prepare_cached(SQL)?
        .query_row([id], raw)
        .optional()?;
    found.map(|r| finish(cx, r)).transpose()
}

/// The session that a call caused from outside belongs to: that of the nearest call above it that has one.
fn session_above(cx: &Cx, parent: i64) -> Result<Option<String>> {
    let mut stmt = cx
        .conn
        .prepare_cached("SELECT session_id,parent_id FROM call_fact WHERE call_id=?1")?;
    let mut at = Some(parent);
    for _ in 0..limits::CHAIN {
        let Some(id) = at else { break };
        let Some((session, up)) = stmt
            .query_row([id], |r| {
                Ok((r.get::<_, Option<i64>>(0)?, r.get::<_, Option<i64>>(1)?))
            })
            .optional()?
        else {
            break;
        };
        if let Some(s) = session {
            return Ok(cx.session_uid(s)?.map(|n| n.to_string()));
        }
        at = up;
    }
    Ok(None)
}

fn finish(cx: &Cx, raw: Raw) -> Result<CallRow> {
    let place = raw.row_place();
    let mut row = raw.row;
    let source = cx.source(raw.source);
    row.id = ids::call_id(&source.tag, raw.unit, raw.ord);
    row.source = source.name.to_string();
    let term = |n: usize| -> Result<Option<String>> {
        let id = raw.terms.get(n).copied().flatten();
        Ok(id.map(|id| cx.term(id)).transpose()?.map(|t| t.to_string()))
    };
    row.method = term(0)?;
    row.host = term(1)?;
    row.req_type = term(2)?;
    row.resp_type = term(3)?;
    row.user_agent = term(4)?;
    if let Some(id) = raw.api {
        row.api = cx.api_name(id)?.map(|n| n.to_string());
    }
    if let Some(id) = raw.account {
        row.account = cx.account_name(id)?.map(|n| n.to_string());
    }
    if let Some(id) = raw.session {
        row.session = cx.session_uid(id)?.map(|n| n.to_string());
    }
    if let Some(bits) = raw.classes {
        row.classes = cx.class_names(bits);
    }
    if let Some(id) = raw.parent {
        row.parent = id_of(cx, id)?;
        if raw.session.is_none() {
            row.part_of = session_above(cx, id)?;
        }
    }
    row.locators = locators(cx, &place, row.rowid)?;
    if !cx.reveal
        && let (Some(uri), Some(blob)) = (&row.uri, &raw.req_facts)
    {
        let base = target_base(row.proto, row.method.as_deref());
        let hits = target_hits(cx, raw.api, blob, base, uri.len())?;
        let (uri, path) = mask::target(cx, uri, row.path.as_deref(), hits);
        row.uri = Some(uri);
        row.path = path;
    }
    if !cx.reveal && row.proto == Proto::Ws.name() {
        (row.uri, row.path) = socket_target(cx, raw.parent, row.uri, row.path)?;
    }
    Ok(row)
}

/// What of a call its locators need.
struct Place {
    source: i64,
    unit: i64,
    unit1: i64,
    off: Option<i64>,
    len: Option<i64>,
    ts: i64,
}

impl Raw {
    fn row_place(&self) -> Place {
        Place {
            source: self.source,
            unit: self.unit,
            unit1: self.unit1,
            off: self.off,
            len: self.len,
            ts: self.row.ts_ns,
        }
    }
}

/// Target and path of a WebSocket's message, masked: they are those of its upgrade, where their values were found. While that
/// is not known nothing of them is shown that could be a value.
pub(super) fn socket_target(
    cx: &Cx,
    upgrade: Option<i64>,
    uri: Option<String>,
    path: Option<String>,
) -> Result<(Option<String>, Option<String>)> {
    type Found = (Option<Vec<u8>>, Option<String>, Option<i64>);
    let found: Option<Found> = upgrade
        .map(|id| {
            cx.conn
                .prepare_cached(
                    "SELECT c.req_facts,m.v,f.api_id FROM call c LEFT JOIN term m ON m.id=c.method_id \
                     LEFT JOIN call_fact f ON f.call_id=c.id WHERE c.id=?1",
                )?
                .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
                .optional()
        })
        .transpose()?
        .flatten();
    let (Some((blob, method, api)), Some(text)) = (found, &uri) else {
        let hidden = uri.map(|_| mask::HIDDEN.to_owned());
        return Ok((hidden.clone(), path.and(hidden)));
    };
    let Some(blob) = blob else {
        return Ok((uri, path));
    };
    let base = target_base(Proto::Http11.name(), method.as_deref());
    let hits = target_hits(cx, api, &blob, base, text.len())?;
    let (uri, path) = mask::target(cx, text, path.as_deref(), hits);
    Ok((Some(uri), path))
}

/// Id of a call by its row.
pub fn id_of(cx: &Cx, id: i64) -> Result<Option<String>> {
    let place: Option<(i64, i64, i64)> = cx
        .conn
        .prepare_cached("SELECT source_id,unit,ord FROM call WHERE id=?1")?
        .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    Ok(place.map(|(source, unit, ord)| ids::call_id(&cx.source(source).tag, unit, ord)))
}

/// Bytes of a hash as hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
}

const ROLES: [&str; 4] = ["origin", "continued", "tap", "log"];

/// Where a call stands: its origin, then further places, then log lines that are the same exchange.
fn locators(cx: &Cx, at: &Place, id: i64) -> Result<Vec<LocatorRow>> {
    let row = |p: &Place, role| LocatorRow {
        source: cx.source(p.source).name.to_string(),
        role,
        first: count(Some(p.unit)).unwrap_or(0),
        last: count(Some(p.unit1)).unwrap_or(0),
        offset: count(p.off),
        len: count(p.len),
        ts: Some(rfc3339(p.ts)),
    };
    let (mut out, mut own) = (Vec::new(), false);
    let place = |r: &Row<'_>| -> rusqlite::Result<(Place, u8)> {
        Ok((
            Place {
                source: r.get(0)?,
                unit: r.get(1)?,
                unit1: r.get(2)?,
                off: r.get(3)?,
                len: r.get(4)?,
                ts: r.get(5)?,
            },
            r.get::<_, u8>(6)?,
        ))
    };
    for sql in [
        "SELECT source_id,first,last,off,len,ts,role FROM call_at WHERE call_id=?1 ORDER BY n",
        // what has no flow was not captured: a line of a log, or what another tool kept
        "SELECT c.source_id,c.unit,c.unit1,coalesce(c.off,a.off),coalesce(c.len,a.len),c.ts,iif(c.flow_id IS NULL,3,2) \
         FROM call_fact f JOIN call c ON c.id=f.call_id \
         LEFT JOIN call_at a ON a.call_id=c.id AND a.source_id=c.source_id AND a.first=c.unit \
         WHERE f.joined=?1 ORDER BY c.ts,lt_rank(c.source_id),c.unit,c.ord",
        "SELECT a.source_id,a.first,a.last,a.off,a.len,a.ts,2 FROM call_fact f JOIN call c ON c.id=f.call_id \
         JOIN call_at a ON a.call_id=c.id WHERE f.joined=?1 AND c.flow_id IS NOT NULL ORDER BY a.ts,lt_rank(a.source_id),a.first",
    ] {
        let mut stmt = cx.conn.prepare_cached(sql)?;
        let mut rows = stmt.query([id])?;
        while let Some(r) = rows.next()? {
            let (p, role) = place(r)?;
            own |= p.source == at.source && p.unit == at.unit;
            out.push(row(
                &p,
                ROLES.get(usize::from(role)).copied().unwrap_or("log"),
            ));
        }
    }
    // A log line's own place stands among the others already.
    if !own {
        out.insert(0, row(at, "origin"));
    }
    Ok(out)
}

/// Where the target begins in the head that findings count from: behind the method; a log's target stands alone.
pub(super) fn target_base(proto: &str, method: Option<&str>) -> u64 {
    match method {
        Some(m) if proto != "log" => m.len() as u64 + 1,
        _ => 0,
    }
}

/// Findings unpacked.
pub fn facts(cx: &Cx, blob: &[u8]) -> Facts {
    detect::pack::decode(blob, &|id| {
        cx.term(i64::from(id)).unwrap_or_else(|_| Arc::from(""))
    })
}

/// Whether a finding stands in a field whose column was accepted; all do while columns are not decided.
pub(super) fn accepted(
    cx: &Cx,
    api: Option<i64>,
) -> Result<impl Fn(u8, &crate::call::model::RawFinding) -> bool + use<>> {
    let set = api.map(|id| cx.accepted(id)).transpose()?;
    Ok(move |dir: u8, f: &crate::call::model::RawFinding| {
        f.class != detect::DIGEST
            && set
                .as_ref()
                .is_none_or(|s| s.contains(&(dir, f.class, f.field.clone())))
    })
}

fn target_hits(cx: &Cx, api: Option<i64>, blob: &[u8], base: u64, len: usize) -> Result<Vec<Hit>> {
    let ok = accepted(cx, api)?;
    Ok(facts(cx, blob)
        .findings
        .iter()
        .filter(|f| ok(0, f))
        .filter_map(|f| Hit::of(f, base))
        .filter(|h| h.range.end <= len)
        .collect())
}

/// The views of `leaktrace sql` show what rows show: a [`Cx`] of its own masks for them.
impl crate::case::views::Shown for Cx {
    fn target(&self, text: &str, facts: &[u8]) -> String {
        mask_target(self, text, facts)
    }
    fn findings(&self, call: i64) -> Result<String> {
        let rows = super::findings::call_findings(self, call)?;
        serde_json::to_string(&rows).map_err(|e| Error::Case {
            path: self.path.clone(),
            why: format!("findings cannot be written as JSON: {e}"),
        })
    }
}

/// Masks a request target outside of a row (for SQL views): `blob` are the packed findings of the request's head. The
/// method is not known there, so both places where a target can begin are tried and every value found is hidden.
fn mask_target(cx: &Cx, text: &str, blob: &[u8]) -> String {
    let mut out = text.to_owned();
    for f in facts(cx, blob).findings {
        if !(f.field.starts_with("query:") || f.field.starts_with("path"))
            || f.class == detect::DIGEST
        {
            continue;
        }
        for base in 0..12 {
            let Some(h) = Hit::of(&f, base) else { break };
            let Some(slice) = text.get(h.range.clone()) else {
                continue;
            };
            let before = h
                .range
                .start
                .checked_sub(1)
                .and_then(|i| text.as_bytes().get(i));
            let after = text.as_bytes().get(h.range.end);
            let edge = |b: Option<&u8>| b.is_none_or(|b| b"/?&=;,:#".contains(b));
            if edge(before) && edge(after) && !slice.is_empty() {
                out = out.replace(slice, mask::HIDDEN);
            }
        }
    }
    out
}
