//! One call, whole: both messages as they were sent, interim responses, findings. In: a row id. Out: the contract's
//! `show` object, values masked in start lines, headers and bodies. Bounds: the two bodies of one call in memory.

use super::call::{call_row, hex};
use super::cx::Cx;
use super::findings::{self, Places, body_hits, call_findings, head_hits};
use super::framed;
use super::mask;
use super::{BodyPart, Part, Show};
use crate::call::model::Proto;
use crate::case::bodies;
use crate::case::heads::{Head, Heads};
use crate::error::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One call, whole; `None` where there is none.
pub fn show(cx: &Cx, id: i64) -> Result<Option<Show>> {
    cx.fresh()?;
    let (Some(row), Some(p)) = (call_row(cx, id)?, findings::places(cx, id)?) else {
        return Ok(None);
    };
    let heads = cx.reader.borrow_mut().heads(&cx.conn, id)?;
    let request = part(cx, &p, 0, &heads)?;
    let response = part(cx, &p, 1, &heads)?;
    let mut all = Vec::new();
    for (dir, body) in (0u8..).zip(p.bodies.iter().copied()) {
        all.extend(match body {
            Some(id) => messages_of(cx, &p, dir, id, &heads)?,
            None => Vec::new(),
        });
    }
    let why = super::why::account(cx, id)?;
    let interim = interim(cx, &p, &heads)?;
    Ok(Some(Show {
        row,
        account_why: (!why.text.is_empty()).then_some(why.text),
        account_proof: why.proof,
        request,
        response,
        interim,
        messages: {
            all.extend(super::messages::of_socket(cx, id)?);
            all
        },
        findings: call_findings(cx, id)?,
    }))
}

/// A request as bytes, for writing it down in a form that keeps each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRequest {
    /// Start line and header block, values of data classes masked unless the reader reveals them.
    pub head: Vec<u8>,
    /// Body, decoded; masked in the same way.
    pub body: Vec<u8>,
    /// Whether bytes of the body are missing.
    pub cut: bool,
    /// Places of the credentials in it: `header:authorization`, `cookie:sid`, `query:api_key`.
    pub credentials: Vec<String>,
}

/// The request of a call as bytes; `None` where its head was not captured.
pub fn raw_request(cx: &Cx, id: i64) -> Result<Option<RawRequest>> {
    cx.fresh()?;
    let Some(p) = findings::places(cx, id)? else {
        return Ok(None);
    };
    let heads = cx.reader.borrow_mut().heads(&cx.conn, id)?;
    let Some(head) = &heads.request else {
        return Ok(None);
    };
    let head = masked(cx, head, head_hits(cx, &p, 0)?).raw;
    let (mut body, mut cut) = (Vec::new(), false);
    if let Some(of) = p.bodies.first().copied().flatten() {
        let hits = body_hits(cx, p.api, 0, of)?;
        body = mask::bytes(cx, &cx.body(of)?, hits);
        cut = bodies::info(&cx.conn, of)?.is_some_and(|i| i.kept < i.len || i.cut.is_some());
    }
    let ident: Option<Vec<u8>> = cx
        .conn
        .prepare_cached("SELECT ident FROM call WHERE id=?1")?
        .query_row([id], |r| r.get(0))?;
    let seen = crate::case::ident::decode(&ident.unwrap_or_default()).0;
    Ok(Some(RawRequest {
        head,
        body,
        cut,
        credentials: seen.into_iter().map(|c| c.place).collect(),
    }))
}

/// What a call proved itself with, as it may be shown: kind, place and a print of the secret, never the secret. Equal prints are the
/// same credential.
pub fn credential(cx: &Cx, id: i64) -> Result<Option<String>> {
    let ident: Option<Vec<u8>> = cx
        .conn
        .prepare_cached("SELECT ident FROM call WHERE id=?1")?
        .query_row([id], |r| r.get(0))?;
    let seen = crate::case::ident::decode(&ident.unwrap_or_default()).0;
    let sure = |c: &&crate::call::model::CredentialSeen| !c.place.starts_with('~');
    let best = seen.iter().find(sure).or_else(|| seen.first());
    Ok(best.map(|c| {
        let place = c.place.trim_start_matches('~');
        format!("{} {place} #{:08x}", c.kind, c.print >> 32)
    }))
}

/// Interim responses. Their values are found behind those of the final one (see [`Heads::text`]).
fn interim(cx: &Cx, p: &Places, heads: &Heads) -> Result<Vec<Part>> {
    if heads.interim.is_empty() {
        return Ok(Vec::new());
    }
    let hits = head_hits(cx, p, 1)?;
    let mut at = heads
        .response
        .as_ref()
        .map_or(0, |h| h.raw.len() + h.trailers.len());
    let mut out = Vec::with_capacity(heads.interim.len());
    for h in &heads.interim {
        let end = at + h.raw.len();
        let mine = hits.iter().filter_map(|hit| {
            let within = hit.range.start >= at && hit.range.start < end;
            within.then(|| mask::Hit {
                range: hit.range.start - at..hit.range.end.saturating_sub(at),
                ..hit.clone()
            })
        });
        out.push(head_part(masked(cx, h, mine.collect())));
        at = end + h.trailers.len();
    }
    Ok(out)
}

/// Messages that a body consists of.
fn messages_of(
    cx: &Cx,
    p: &Places,
    dir: u8,
    id: i64,
    heads: &Heads,
) -> Result<Vec<serde_json::Value>> {
    let Some(info) = bodies::info(&cx.conn, id)?.filter(|i| framed::has(&i.kind)) else {
        return Ok(Vec::new());
    };
    let hits = body_hits(cx, p.api, dir, id)?;
    let schema = cx.schema();
    let typed = schema.as_deref().and_then(|s| {
        // the type that findings were named by, else that of the method
        let scanned = info.message.as_deref().and_then(|m| s.message(m));
        let of_method = || {
            let target = p.uri.as_deref().unwrap_or_default();
            let (asked, answered) = s.method(target.split('?').next().unwrap_or_default())?;
            Some(if dir == 0 { asked } else { answered })
        };
        Some((s, scanned.or_else(of_method)?))
    });
    let [asked, answered] = &heads.messages;
    let times = if dir == 0 { asked } else { answered };
    let content = cx.body(id)?;
    Ok(framed::of(
        cx,
        dir,
        (&info.kind, &content),
        hits,
        typed,
        times,
    ))
}

/// A head with its values hidden, those of the trailers too; `hits` are in [`Head::text`].
fn masked(cx: &Cx, head: &Head, hits: Vec<mask::Hit>) -> Head {
    let end = head.raw.len();
    let (raw, behind): (Vec<_>, Vec<_>) = hits.into_iter().partition(|h| h.range.start < end);
    let behind = behind.into_iter().map(|h| mask::Hit {
        range: h.range.start - end..h.range.end.saturating_sub(end),
        ..h
    });
    Head {
        raw: mask::bytes(cx, &head.raw, raw),
        trailers: mask::bytes(cx, &head.trailers, behind.collect()),
    }
}

/// A head in parts.
fn head_part(shown: Head) -> Part {
    Part {
        start: shown.start(),
        headers: shown.headers(),
        trailers: shown.trailer_list(),
        body: None,
    }
}

fn part(cx: &Cx, p: &Places, dir: u8, heads: &Heads) -> Result<Option<Part>> {
    let side = usize::from(dir);
    let head = if dir == 0 {
        &heads.request
    } else {
        &heads.response
    };
    let body = p.bodies.get(side).copied().flatten();
    let mut part = match head {
        Some(h) => head_part(masked(cx, h, head_hits(cx, p, dir)?)),
        None if p.proto == Proto::Ws => {
            if (dir == 0) != (p.method.as_deref() == Some("SEND")) {
                return Ok(None);
            }
            bare(cx, p)?
        }
        // Of a log line the target is known and no more.
        None if dir == 0 && heads.response.is_none() && p.uri.is_some() => bare(cx, p)?,
        None if body.is_some() => Part {
            start: String::new(),
            headers: Vec::new(),
            trailers: Vec::new(),
            body: None,
        },
        None => return Ok(None),
    };
    if let Some(id) = body {
        part.body = body_part(cx, p.api, dir, id)?;
    }
    Ok(Some(part))
}

/// Of a call without a head: method and target.
fn bare(cx: &Cx, p: &Places) -> Result<Part> {
    Ok(Part {
        start: [p.method.clone(), findings::shown_target(cx, p)?]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
        headers: Vec::new(),
        trailers: Vec::new(),
        body: None,
    })
}

pub(super) fn body_part(cx: &Cx, api: Option<i64>, dir: u8, id: i64) -> Result<Option<BodyPart>> {
    let Some(info) = bodies::info(&cx.conn, id)? else {
        return Ok(None);
    };
    let content = cx.body(id)?;
    let hits = body_hits(cx, api, dir, id)?;
    let bytes = matches!(info.kind.as_str(), "binary" | "grpc" | "protobuf");
    let is_text = !bytes && std::str::from_utf8(&content).is_ok();
    let (text, base64) = if is_text {
        (Some(mask::text(cx, &content, hits)), None)
    } else {
        (None, Some(STANDARD.encode(mask::bytes(cx, &content, hits))))
    };
    Ok(Some(BodyPart {
        len: info.len,
        sha256: info.sha256.map(|s| hex(&s)),
        kind: info.kind,
        text,
        base64,
        cut: info.cut,
    }))
}
