//! Findings of calls: packed facts of heads and bodies, through the columns that were accepted. In: calls. Out: the
//! contract's `findings` rows, values masked. Bounds: one body in memory at a time.

use super::call::{self, accepted, facts, id_of, target_base};
use super::cx::Cx;
use super::mask::{self, Hit};
use super::select;
use crate::call::model::{Dir, Proto, RawFinding};
use crate::call::text::lossless;
use crate::case::heads::Heads;
use crate::case::ids;
use crate::detect;
use crate::error::Result;
use crate::query::rows::FindingRow;
use crate::query::{Filter, Page};
use rusqlite::OptionalExtension;
use serde_json::json;

/// Where findings of a call lie.
pub(super) struct Places {
    pub source: i64,
    pub unit: i64,
    pub unit1: i64,
    pub proto: Proto,
    pub method: Option<String>,
    pub uri: Option<String>,
    pub api: Option<i64>,
    /// Row of the call that it came of.
    pub parent: Option<i64>,
    /// Facts of target and headers by direction.
    pub heads: [Option<Vec<u8>>; 2],
    /// Bodies by direction.
    pub bodies: [Option<i64>; 2],
}

/// Looks up where findings of a call lie.
pub(super) fn places(cx: &Cx, id: i64) -> Result<Option<Places>> {
    let found = cx
        .conn
        .prepare_cached(
            "SELECT c.source_id,c.unit,c.unit1,c.proto,c.method_id,c.uri,f.api_id,c.req_facts,c.resp_facts,c.req_body_id,\
             c.resp_body_id,f.parent_id FROM call c LEFT JOIN call_fact f ON f.call_id=c.id WHERE c.id=?1",
        )?
        .query_row([id], |r| {
            let proto: u8 = r.get(3)?;
            let method: Option<i64> = r.get(4)?;
            Ok((
                Places {
                    source: r.get(0)?,
                    unit: r.get(1)?,
                    unit1: r.get(2)?,
                    proto: Proto::ALL.get(usize::from(proto)).copied().unwrap_or(Proto::Log),
                    method: None,
                    uri: r.get(5)?,
                    api: r.get(6)?,
                    heads: [r.get(7)?, r.get(8)?],
                    bodies: [r.get(9)?, r.get(10)?],
                    parent: r.get(11)?,
                },
                method,
            ))
        })
        .optional()?;
    let Some((mut p, method)) = found else {
        return Ok(None);
    };
    p.method = method
        .map(|m| cx.term(m))
        .transpose()?
        .map(|t| t.to_string());
    Ok(Some(p))
}

/// Packed facts of a body.
pub(super) fn body_facts(cx: &Cx, id: i64) -> Result<Option<Vec<u8>>> {
    let blob: Option<Option<Vec<u8>>> = cx
        .conn
        .prepare_cached("SELECT facts FROM body WHERE id=?1")?
        .query_row([id], |r| r.get(0))
        .optional()?;
    Ok(blob.flatten())
}

/// Hits of a body to be masked, for calls of an API.
pub(super) fn body_hits(cx: &Cx, api: Option<i64>, dir: u8, body: i64) -> Result<Vec<Hit>> {
    let Some(blob) = body_facts(cx, body)? else {
        return Ok(Vec::new());
    };
    let ok = accepted(cx, api)?;
    Ok(facts(cx, &blob)
        .findings
        .iter()
        .filter(|f| ok(dir, f))
        .filter_map(|f| Hit::of(f, 0))
        .collect())
}

/// The text that findings of a head count their offsets in: what was sent, or a log's target.
pub(super) fn head_text(p: &Places, dir: u8, heads: &Heads) -> Vec<u8> {
    match (heads.text(dir == 0), dir) {
        (Some(text), _) => text,
        (None, 0) => p.uri.clone().unwrap_or_default().into_bytes(),
        (None, _) => Vec::new(),
    }
}

/// Value of a finding as the reader may see it.
fn value(cx: &Cx, f: &RawFinding, content: &[u8]) -> Option<String> {
    let from = usize::try_from(f.offset).ok()?;
    let slice = content.get(from..from.checked_add(f.len as usize)?)?;
    if f.masked {
        // as it was to be read, without its encodings; of a document that it cannot be had from nothing is shown in clear
        return Some(match detect::value_of(&cx.key, f, slice) {
            Some(value) => lossless(&value).into_owned(),
            None if cx.reveal || cx.share.is_some() => lossless(slice).into_owned(),
            None => mask::HIDDEN.to_owned(),
        });
    }
    match detect::value_of(&cx.key, f, slice) {
        Some(clear) => {
            let clear = lossless(&clear);
            Some(if cx.reveal {
                clear.into_owned()
            } else {
                detect::mask::show(&mask::class_name(cx, f.class), &clear)
            })
        }
        None => Some(mask::shown(cx, slice, f.class, f.form, f.masked)),
    }
}

/// Findings of one call: request target and headers, request body, response headers, response body.
pub fn call_findings(cx: &Cx, id: i64) -> Result<Vec<FindingRow>> {
    let Some(p) = places(cx, id)? else {
        return Ok(Vec::new());
    };
    let Some(call) = id_of(cx, id)? else {
        return Ok(Vec::new());
    };
    let ok = accepted(cx, p.api)?;
    let classes = cx.classes();
    let source = cx.source(p.source);
    let api = match p.api {
        Some(id) => cx.api_name(id)?,
        None => None,
    };
    let mut out = Vec::new();
    let mut heads: Option<Heads> = None;
    for dir in 0..2u8 {
        let side = usize::from(dir);
        let head = p.heads.get(side).cloned().flatten().map(|b| (b, None));
        let body = match p.bodies.get(side).copied().flatten() {
            Some(id) => body_facts(cx, id)?.map(|b| (b, Some(id))),
            None => None,
        };
        for (blob, body) in head.into_iter().chain(body) {
            let found = facts(cx, &blob);
            let mut found: Vec<RawFinding> =
                found.findings.into_iter().filter(|f| ok(dir, f)).collect();
            if found.is_empty() {
                continue;
            }
            found.sort_by_key(|f| (f.offset, f.class));
            let content = match body {
                Some(id) => cx.body(id).unwrap_or_default(),
                None => {
                    if heads.is_none() {
                        heads = Some(
                            cx.reader
                                .borrow_mut()
                                .heads(&cx.conn, id)
                                .unwrap_or_default(),
                        );
                    }
                    head_text(&p, dir, heads.as_ref().unwrap_or(&Heads::default()))
                }
            };
            for f in &found {
                let class = classes.iter().find(|c| c.id == f.class);
                let direction = if dir == 0 { Dir::Req } else { Dir::Resp };
                out.push(FindingRow {
                    call_rowid: id,
                    call: call.clone(),
                    dir: crate::query::func::dir_name(dir),
                    place: detect::place(&f.field, &f.index),
                    class: class.map(|c| c.name.to_string()).unwrap_or_default(),
                    level: cx.level(f.class, f.masked).name(),
                    form: f.form.name(),
                    masked: f.masked,
                    conf: f64::from(f.conf) / 100.0,
                    value: value(cx, f, &content),
                    record: (f.record > 0 && body.is_some())
                        .then(|| ids::record_id(&call, direction, f.record)),
                    locator: json!({
                        "source": &*source.name,
                        "first": p.unit,
                        "last": p.unit1,
                        "offset": f.offset,
                        "len": f.len,
                    }),
                    field: f.field.to_string(),
                    api: api.clone(),
                });
            }
        }
    }
    Ok(out)
}

/// Findings of the selected calls, in the calls' order; `each` gets them and says whether to go on.
pub fn findings(
    cx: &Cx,
    filter: &Filter,
    each: &mut dyn FnMut(FindingRow) -> Result<bool>,
) -> Result<()> {
    for id in with_findings(cx, filter)? {
        for row in call_findings(cx, id)? {
            if !each(row)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Selected calls that carry findings, in order.
pub(super) fn with_findings(cx: &Cx, filter: &Filter) -> Result<Vec<i64>> {
    let ids = select::call_ids(cx, filter, &Page::default())?;
    let mut has = cx
        .conn
        .prepare_cached("SELECT 1 FROM call_fact WHERE call_id=?1 AND findings=0")?;
    let mut out = Vec::new();
    for id in ids {
        if !has.exists([id])? {
            out.push(id);
        }
    }
    Ok(out)
}

/// How many findings the selected calls carry.
pub fn count_findings(cx: &Cx, filter: &Filter) -> Result<u64> {
    let mut n = 0;
    for id in with_findings(cx, filter)? {
        let Some(p) = places(cx, id)? else { continue };
        let ok = accepted(cx, p.api)?;
        for dir in 0..2u8 {
            let side = usize::from(dir);
            let head = p.heads.get(side).cloned().flatten();
            let body = match p.bodies.get(side).copied().flatten() {
                Some(id) => body_facts(cx, id)?,
                None => None,
            };
            for blob in head.into_iter().chain(body) {
                let found = facts(cx, &blob);
                n += found.findings.iter().filter(|f| ok(dir, f)).count() as u64;
            }
        }
    }
    Ok(n)
}

/// Clear values of a record by its id; `None` where the text is no record's id.
pub(super) fn record_values(cx: &Cx, text: &str) -> Result<Option<Vec<String>>> {
    let Some((call, dir, n)) = ids::parse_record(text) else {
        return Ok(None);
    };
    let Some(id) = ids::find_call(&cx.conn, call)? else {
        return Ok(Some(Vec::new()));
    };
    let Some(p) = places(cx, id)? else {
        return Ok(Some(Vec::new()));
    };
    let Some(body) = p.bodies.get(dir as usize).copied().flatten() else {
        return Ok(Some(Vec::new()));
    };
    let Some(blob) = body_facts(cx, body)? else {
        return Ok(Some(Vec::new()));
    };
    let ok = accepted(cx, p.api)?;
    let content = cx.body(body)?;
    let mut out = Vec::new();
    for f in facts(cx, &blob).findings {
        if f.record != n || f.masked || !ok(dir as u8, &f) {
            continue;
        }
        let from = usize::try_from(f.offset).unwrap_or(usize::MAX);
        let slice = content.get(from..from.saturating_add(f.len as usize));
        if let Some(clear) = slice.and_then(|s| detect::value_of(&cx.key, &f, s)) {
            let clear = lossless(&clear).into_owned();
            if !out.contains(&clear) {
                out.push(clear);
            }
        }
    }
    Ok(Some(out))
}

/// Hits of a head to be masked, in the text that [`head_text`] gives.
pub(super) fn head_hits(cx: &Cx, p: &Places, dir: u8) -> Result<Vec<Hit>> {
    let Some(blob) = p.heads.get(usize::from(dir)).and_then(Option::as_ref) else {
        return Ok(Vec::new());
    };
    let ok = accepted(cx, p.api)?;
    Ok(call::facts(cx, blob)
        .findings
        .iter()
        .filter(|f| ok(dir, f))
        .filter_map(|f| Hit::of(f, 0))
        .collect())
}

/// The request target of a call as the reader may see it.
pub(super) fn shown_target(cx: &Cx, p: &Places) -> Result<Option<String>> {
    let Some(uri) = &p.uri else { return Ok(None) };
    if p.proto == Proto::Ws {
        let uri = Some(uri.clone());
        return Ok(match cx.reveal {
            true => uri,
            false => super::call::socket_target(cx, p.parent, uri, None)?.0,
        });
    }
    let base = target_base(p.proto.name(), p.method.as_deref());
    let base = usize::try_from(base).unwrap_or(0);
    let hits = head_hits(cx, p, 0)?
        .into_iter()
        .filter_map(|h| {
            let range = h.range.start.checked_sub(base)?..h.range.end.checked_sub(base)?;
            (range.end <= uri.len()).then_some(Hit { range, ..h })
        })
        .collect();
    Ok(Some(mask::text(cx, uri.as_bytes(), hits)))
}
