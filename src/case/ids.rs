//! Ids that stay the same however a case was loaded: source hash, unit, ordinal. In: rows or text. Out: text or rows.
//! `9f2c41ab03de-1204`, `9f2c41ab03de-1204.1`; flows have an `f` before. A source whose hash is not known yet (its file
//! is still being read) is named by its row: `s3-1204`. Bounds: an id is at most 40 characters.

use crate::error::Result;
use rusqlite::{Connection, OptionalExtension};
use std::fmt::Write as _;

/// Name of a source inside ids: twelve hex digits of its SHA-256, else its row.
pub fn source_tag(sha256: Option<&[u8]>, source_row: i64) -> String {
    match sha256.and_then(|s| s.get(..6)) {
        Some(bytes) => bytes.iter().fold(String::with_capacity(12), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        }),
        None => format!("s{source_row}"),
    }
}

/// Id of a call: the source's tag (see [`source_tag`]), first packet or line, position among calls of that unit.
pub fn call_id(tag: &str, unit: i64, ord: i64) -> String {
    if ord == 0 {
        format!("{tag}-{unit}")
    } else {
        format!("{tag}-{unit}.{ord}")
    }
}

/// Id of a flow: its source's tag and first packet, and its position among the flows that begin with that packet: a
/// tunnel's flow comes before that of what it carries.
pub fn flow_id(tag: &str, unit0: i64, ord: i64) -> String {
    format!("f{}", call_id(tag, unit0, ord))
}

/// The position of a flow `c` for [`flow_id`], in SQL.
pub const FLOW_ORD: &str = "(SELECT count(*) FROM main.flow o WHERE o.source_id=c.source_id AND o.unit0=c.unit0 AND o.id<c.id)";

/// An id taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Source tag.
    pub tag: String,
    /// Packet or line, from 1.
    pub unit: i64,
    /// Ordinal, from 0.
    pub ord: i64,
}

/// Takes a call's id apart; `None` where it is none.
pub fn parse_call(text: &str) -> Option<Parsed> {
    let (tag, place) = text.trim().split_once('-')?;
    let (unit, ord) = match place.split_once('.') {
        Some((u, o)) => (u, digits(o)?),
        None => (place, 0),
    };
    let hashed = tag.len() == 12 && tag.bytes().all(|b| b.is_ascii_hexdigit());
    let row = tag.strip_prefix('s').and_then(digits);
    (hashed || row.is_some()).then_some(())?;
    Some(Parsed {
        tag: tag.to_ascii_lowercase(),
        unit: digits(unit)?,
        ord,
    })
}

/// Takes a flow's id apart.
pub fn parse_flow(text: &str) -> Option<Parsed> {
    parse_call(text.trim().strip_prefix('f')?)
}

fn digits(s: &str) -> Option<i64> {
    (s.bytes().all(|b| b.is_ascii_digit()) && !s.is_empty() && s.len() < 19)
        .then(|| s.parse().ok())?
}

fn sources(conn: &Connection, tag: &str) -> Result<Vec<i64>> {
    let mut found = conn.prepare_cached(
        "SELECT id FROM source WHERE lower(hex(substr(sha256,1,6)))=?1 OR ('s'||id)=?1 ORDER BY id",
    )?;
    let rows = found.query_map([tag], |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Row of a call by its id; also by a place that a later load made a further place of it. `None` where there is none.
pub fn find_call(conn: &Connection, text: &str) -> Result<Option<i64>> {
    let Some(id) = parse_call(text) else {
        return Ok(None);
    };
    for source in sources(conn, &id.tag)? {
        let row = conn
            .prepare_cached("SELECT id FROM call WHERE source_id=?1 AND unit=?2 AND ord=?3")?
            .query_row((source, id.unit, id.ord), |r| r.get(0))
            .optional()?;
        if row.is_some() {
            return Ok(row);
        }
        let row = conn
            .prepare_cached(
                "SELECT call_id FROM call_at WHERE source_id=?1 AND first=?2 ORDER BY call_id LIMIT 1 OFFSET ?3",
            )?
            .query_row((source, id.unit, id.ord), |r| r.get(0))
            .optional()?;
        if row.is_some() {
            return Ok(row);
        }
    }
    Ok(None)
}

/// Row of a flow by its id.
pub fn find_flow(conn: &Connection, text: &str) -> Result<Option<i64>> {
    let Some(id) = parse_flow(text) else {
        return Ok(None);
    };
    for source in sources(conn, &id.tag)? {
        let row = conn
            .query_row(
                "SELECT id FROM flow WHERE source_id=?1 AND unit0=?2 ORDER BY id LIMIT 1 OFFSET ?3",
                (source, id.unit, id.ord),
                |r| r.get(0),
            )
            .optional()?;
        if row.is_some() {
            return Ok(row);
        }
    }
    Ok(None)
}

/// Id of a call by its row.
pub fn of_call(conn: &Connection, row: i64) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached(
            "SELECT s.sha256, c.source_id, c.unit, c.ord FROM call c JOIN source s ON s.id=c.source_id WHERE c.id=?1",
        )?
        .query_row([row], |r| {
            let sha: Option<Vec<u8>> = r.get(0)?;
            let tag = source_tag(sha.as_deref(), r.get(1)?);
            Ok(call_id(&tag, r.get(2)?, r.get(3)?))
        })
        .optional()?)
}

/// Id of a record: the call that carried it, its direction (`q` in the request, `r` in the response) and its number
/// within the body, from 1: `9f2c41ab03de-1204#r3`.
pub fn record_id(call: &str, dir: crate::call::model::Dir, n: u32) -> String {
    let d = match dir {
        crate::call::model::Dir::Req => 'q',
        crate::call::model::Dir::Resp => 'r',
    };
    format!("{call}#{d}{n}")
}

/// Takes a record's id apart: id of the call, direction, number.
pub fn parse_record(text: &str) -> Option<(&str, crate::call::model::Dir, u32)> {
    let (call, rest) = text.trim().rsplit_once('#')?;
    let (dir, n) = match rest.split_at_checked(1)? {
        ("q", n) => (crate::call::model::Dir::Req, n),
        ("r", n) => (crate::call::model::Dir::Resp, n),
        _ => return None,
    };
    let n = u32::try_from(digits(n)?).ok()?;
    parse_call(call)?;
    Some((call, dir, n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_they_are_written() {
        let tag = source_tag(Some(&[0x9f, 0x2c, 0x41, 0xab, 0x03, 0xde, 0xff]), 3);
        assert_eq!(call_id(&tag, 1204, 0), "9f2c41ab03de-1204");
        assert_eq!(call_id(&tag, 1204, 1), "9f2c41ab03de-1204.1");
        assert_eq!(flow_id(&tag, 7, 0), "f9f2c41ab03de-7");
        assert_eq!(flow_id(&tag, 7, 1), "f9f2c41ab03de-7.1");
        let p = parse_call("9F2c41ab03de-1204.1").unwrap();
        assert_eq!((p.tag.as_str(), p.unit, p.ord), ("9f2c41ab03de", 1204, 1));
        assert_eq!(
            parse_call(&call_id(&source_tag(None, 3), 5, 0))
                .unwrap()
                .tag,
            "s3"
        );
        assert_eq!(parse_flow("f9f2c41ab03de-7").unwrap().unit, 7);
        for bad in [
            "",
            "-",
            "zz-1",
            "9f2c41ab03de-",
            "9f2c41ab03de-1.x",
            "9f2c41ab03de--1",
            "9f2c41ab03de-99999999999999999999",
        ] {
            assert_eq!(parse_call(bad), None, "{bad}");
        }
    }
}
