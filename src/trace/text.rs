//! Values that no data class covers, found in all stored text. In: values and a case. Out: hits in bodies, heads and log
//! lines. One automaton over every form of every value (as it is in any case, percent, `\u`, HTML references, hex, base64
//! at its three alignments in both alphabets, MD5, SHA-1, SHA-256 and SM3 in hex); packs that may hold one of them are read by
//! several threads, each once. Bounds: [`limits::TRACE_TEXT_VALUES`] values, [`limits::TRACE_SIGHTINGS`] hits; a stop flag
//! ends it between packs.

use super::sight::{Found, Hit, Holder};
use crate::call::model::Indices;
use crate::case::text::{Need, index, scan};
use crate::detect::form::Form;
use crate::detect::wraps::{Wrap, wraps};
use crate::error::{Error, Result};
use crate::limits;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Shortest value searched as text among others: two characters stand everywhere.
const SHORTEST: usize = 4;

struct Pattern {
    value: u32,
    form: Form,
    /// Must stand in this very spelling (base64 knows case).
    exact: Option<Vec<u8>>,
    /// Must not stand inside a longer word.
    word: bool,
}

/// What was searched and found.
#[derive(Debug, Default)]
pub struct Searched {
    /// Hits by holder.
    pub found: Vec<Found>,
    /// Values left out: too short, or beyond the limit.
    pub unsearched: u64,
    /// Ended early.
    pub stopped: bool,
}

/// Every form of a value, as bytes to look for without regard to ASCII case.
fn forms(value: u32, text: &str) -> Vec<(Vec<u8>, Pattern)> {
    let pattern = |w: Wrap| {
        let exact = w.exact.then(|| w.bytes.clone());
        let (form, word) = (w.form, w.word);
        (
            w.bytes,
            Pattern {
                value,
                form,
                exact,
                word,
            },
        )
    };
    wraps(text).into_iter().map(pattern).collect()
}

struct Searcher {
    automaton: AhoCorasick,
    patterns: Vec<Pattern>,
}

impl Searcher {
    fn find(&self, text: &[u8], mut each: impl FnMut(usize, usize, usize, &Pattern)) {
        for m in self.automaton.find_overlapping_iter(text) {
            let Some(p) = self.patterns.get(m.pattern().as_usize()) else {
                continue;
            };
            let slice = text.get(m.start()..m.end()).unwrap_or_default();
            if p.exact.as_ref().is_some_and(|e| e != slice) {
                continue;
            }
            if p.word && !whole_word(text, m.start(), m.end()) {
                continue;
            }
            each(m.start(), m.end(), m.pattern().as_usize(), p);
        }
    }
}

/// Whether no letter or digit of the same kind goes on at either end.
fn whole_word(text: &[u8], start: usize, end: usize) -> bool {
    let edge = |inside: Option<&u8>, outside: Option<&u8>| match (inside, outside) {
        (Some(i), Some(o)) if i.is_ascii_alphanumeric() => !o.is_ascii_alphanumeric(),
        _ => true,
    };
    let before = start.checked_sub(1).and_then(|i| text.get(i));
    // `%2F` and `\n` before a value end in a letter or digit, but are no part of a word.
    let escape = start
        .checked_sub(3)
        .and_then(|i| text.get(i))
        .is_some_and(|c| *c == b'%')
        || start
            .checked_sub(2)
            .and_then(|i| text.get(i))
            .is_some_and(|c| *c == b'\\');
    (escape || edge(text.get(start), before))
        && edge(end.checked_sub(1).and_then(|i| text.get(i)), text.get(end))
}

/// Searches all text of the case for the given values: (index into the clue, text).
pub fn search(conn: &Connection, values: &[(u32, &str)], stop: &AtomicBool) -> Result<Searched> {
    let mut out = Searched::default();
    let mut bytes: Vec<Vec<u8>> = Vec::new();
    let mut patterns = Vec::new();
    for (i, (value, text)) in values.iter().enumerate() {
        if text.len() < SHORTEST && values.len() > 1 || i >= limits::TRACE_TEXT_VALUES {
            out.unsearched += 1;
            continue;
        }
        for (b, p) in forms(*value, text) {
            bytes.push(b);
            patterns.push(p);
        }
    }
    if patterns.is_empty() {
        return Ok(out);
    }
    let need = Need::one(bytes.iter().map(|b| Need::bytes(b)).collect());
    let automaton = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .build(&bytes)
        .map_err(|e| Error::Usage {
            msg: format!("too much to search for at once: {e}"),
            at: None,
        })?;
    let s = Searcher {
        automaton,
        patterns,
    };
    let mut hits: BTreeMap<Holder, Vec<(u64, u32, u32, Form)>> = BTreeMap::new();
    match packs(conn, &s, &need, stop, &mut hits, &mut out) {
        Err(Error::Interrupted) => out.stopped = true,
        other => other?,
    }
    lines(conn, &s, stop, &mut hits, &mut out)?;
    places(conn, hits, &mut out)?;
    Ok(out)
}

type Hits = BTreeMap<Holder, Vec<(u64, u32, u32, Form)>>;

/// A hit in a pack: what holds it (its row, and whether it is a head), offset there, length, pattern.
type InPack = (i64, bool, u64, u32, usize);

fn packs(
    conn: &Connection,
    s: &Searcher,
    need: &Need,
    stop: &AtomicBool,
    hits: &mut Hits,
    out: &mut Searched,
) -> Result<()> {
    let all = index::packs(conn)?;
    let ids = index::may_hold(conn, &all, need, stop)?;
    let (mut heads, mut held): (Vec<i64>, usize) = (Vec::new(), 0);
    let late = OnceLock::new();
    let whole = scan::scan(
        conn,
        &ids,
        stop,
        || (),
        |(), o| in_pack(s, &late, o),
        &mut |found: Option<Vec<InPack>>| {
            for (row, head, offset, len, pattern) in found.unwrap_or_default() {
                let Some(p) = s.patterns.get(pattern) else {
                    continue;
                };
                held += 1;
                if head {
                    heads.push(row);
                } else {
                    let list = hits.entry(Holder::Body(row)).or_default();
                    list.push((offset, len, p.value, p.form));
                }
            }
            held <= limits::TRACE_SIGHTINGS
        },
    )?;
    out.stopped |= !whole;
    let mut reader = crate::case::bodies::BodyReader::new();
    // Heads are stored coded: they are read again as text, so that offsets and sides are right.
    heads.sort_unstable();
    heads.dedup();
    for call in heads {
        let Ok(h) = reader.heads(conn, call) else {
            continue;
        };
        for (holder, text) in head_texts(call, &h) {
            s.find(&text, |start, end, _, p| {
                hits.entry(holder).or_default().push((
                    start as u64,
                    (end - start) as u32,
                    p.value,
                    p.form,
                ));
            });
        }
    }
    Ok(())
}

/// All hits in one pack that lie inside a body or a head.
fn in_pack(s: &Searcher, late: &OnceLock<scan::Late>, o: &scan::Opened<'_>) -> Result<Vec<InPack>> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    s.find(o.text, |start, end, at, _| found.push((start, end, at)));
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let with = |list: Vec<scan::Piece>, head| list.into_iter().map(move |p| (p, head));
    let late = scan::Late::of(late, o.conn)?;
    let mut own: Vec<(scan::Piece, bool)> = with(scan::bodies(o.conn, o.id)?, false)
        .chain(with(scan::heads(o.conn, o.id, late)?, true))
        .collect();
    own.sort_unstable_by_key(|p| p.0.from);
    let place = |(start, end, at): (usize, usize, usize)| {
        let i = own.partition_point(|p| p.0.from <= start);
        let (piece, head) = own.get(i.checked_sub(1)?)?;
        let len = u32::try_from(end - start).ok()?;
        (end <= piece.to).then_some((piece.row, *head, (start - piece.from) as u64, len, at))
    };
    Ok(found.into_iter().filter_map(place).collect())
}

/// Heads and trailers of a call with their holder.
fn head_texts(call: i64, h: &crate::case::heads::Heads) -> Vec<(Holder, Vec<u8>)> {
    let mut out = Vec::new();
    out.extend(h.text(true).map(|t| (Holder::ReqHead(call), t)));
    out.extend(h.text(false).map(|t| (Holder::RespHead(call), t)));
    out
}

/// Targets of log lines.
fn lines(
    conn: &Connection,
    s: &Searcher,
    stop: &AtomicBool,
    hits: &mut Hits,
    out: &mut Searched,
) -> Result<()> {
    let mut stmt =
        conn.prepare("SELECT id,uri FROM call WHERE head_pack IS NULL AND uri IS NOT NULL")?;
    let mut rows = stmt.query([])?;
    let mut n = 0u32;
    while let Some(r) = rows.next()? {
        n = n.wrapping_add(1);
        if n.is_multiple_of(8192) && stop.load(Ordering::Relaxed) {
            out.stopped = true;
            break;
        }
        let id: i64 = r.get(0)?;
        let rusqlite::types::ValueRef::Text(uri) = r.get_ref(1)? else {
            continue;
        };
        s.find(uri, |start, end, _, p| {
            hits.entry(Holder::ReqHead(id)).or_default().push((
                start as u64,
                (end - start) as u32,
                p.value,
                p.form,
            ));
        });
    }
    Ok(())
}

/// Target of a call that has no heads (a log line).
fn log_target(conn: &Connection, call: i64) -> Vec<u8> {
    conn.prepare_cached("SELECT uri FROM call WHERE id=?1")
        .and_then(|mut s| s.query_row([call], |r| r.get::<_, Option<String>>(0)))
        .ok()
        .flatten()
        .unwrap_or_default()
        .into_bytes()
}

/// Names the field of each hit.
fn places(conn: &Connection, hits: Hits, out: &mut Searched) -> Result<()> {
    let mut reader = crate::case::bodies::BodyReader::new();
    for (holder, mut list) in hits {
        list.sort_unstable();
        list.dedup();
        let (text, kind) = match holder {
            Holder::Body(id) => (
                reader.get(conn, id).unwrap_or_default(),
                crate::case::bodies::info(conn, id)?
                    .map(|i| i.kind)
                    .unwrap_or_default(),
            ),
            Holder::ReqHead(id) | Holder::RespHead(id) => {
                let heads = reader.heads(conn, id).unwrap_or_default();
                let text = heads.text(matches!(holder, Holder::ReqHead(_)));
                (
                    text.unwrap_or_else(|| log_target(conn, id)),
                    "head".to_owned(),
                )
            }
        };
        let offsets: Vec<u64> = list.iter().map(|l| l.0).collect();
        let fields = super::place::name(&text, &kind, &offsets);
        let found = list
            .into_iter()
            .zip(fields)
            .map(|((offset, len, value, form), (field, record))| Hit {
                value,
                class: crate::detect::DIGEST,
                record,
                form,
                masked: false,
                conf: 0.95,
                field: Arc::from(field),
                index: Indices::default(),
                offset,
                len,
            })
            .collect();
        out.found.push(Found {
            holder,
            hits: found,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::wraps::hex;
    use base64::Engine as _;
    use md5::Digest as _;

    fn hits(value: &str, text: &str) -> Vec<String> {
        let (bytes, patterns): (Vec<_>, Vec<_>) = forms(0, value).into_iter().unzip();
        let s = Searcher {
            automaton: AhoCorasickBuilder::new()
                .ascii_case_insensitive(true)
                .build(&bytes)
                .unwrap(),
            patterns,
        };
        let mut out = Vec::new();
        s.find(text.as_bytes(), |_, _, _, p| out.push(p.form.name()));
        out.dedup();
        out
    }

    #[test]
    fn every_form_is_found() {
        let v = "ORD-2024-北京-77";
        assert_eq!(hits(v, "{\"o\":\"ord-2024-北京-77\"}"), ["plain"]);
        assert_eq!(
            hits(v, "o=ORD-2024-%E5%8C%97%E4%BA%AC-77&x=1"),
            ["url>plain"]
        );
        assert_eq!(hits(v, r#""ORD-2024-\u5317\u4eac-77""#), ["unicode>plain"]);
        assert_eq!(
            hits(v, "<b>ORD-2024-&#21271;&#20140;-77</b>"),
            ["html>plain"]
        );
        for prefix in ["", "a", "ab"] {
            let b =
                base64::engine::general_purpose::STANDARD.encode(format!("{prefix}{v}, and more"));
            assert_eq!(hits(v, &b), ["base64>plain"], "{prefix}");
        }
        assert_eq!(hits(v, &hex(v.as_bytes()).to_uppercase()), ["hex>plain"]);
        assert_eq!(hits(v, &hex(&sm3::Sm3::digest(v.as_bytes()))), ["sm3"]);
        assert_eq!(hits(v, &hex(&md5::Md5::digest(v.as_bytes()))), ["md5"]);
    }

    #[test]
    fn a_number_inside_a_longer_one_is_not_it() {
        assert!(hits("20241234", "x=120241234").is_empty());
        assert!(hits("20241234", "x=202412345").is_empty());
        assert_eq!(hits("20241234", "x=%2F20241234"), ["plain"]);
        assert_eq!(hits("20241234", "no 20241234."), ["plain"]);
    }
}
