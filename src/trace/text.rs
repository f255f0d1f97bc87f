//! Values found in all stored text, whether a data class covers them or not. In: values and a case. Out: hits in bodies, heads and
//! log lines, in every form: other spellings and codings ([`patterns`]), codings inside codings, compressed texts, archives and
//! workbooks ([`unwrap`]), digests, masks, and digests with a salt that stood somewhere in the case. Packs are read by several threads, each once, and once
//! more where there are salts. A case of more text than [`limits::TRACE_DEEP`] is searched for the direct forms alone
//! ([`crate::detect::wraps`]), by the index where there is one, and the answer says so. Bounds: [`limits::TRACE_TEXT_VALUES`]
//! values, [`limits::TRACE_SIGHTINGS`] hits; a stop flag ends it between packs.

mod patterns;
mod unwrap;

use super::sight::{Found, Hit, Holder};
use crate::call::model::Indices;
use crate::case::text::{index, scan};
use crate::detect::form::Form;
use crate::error::{Error, Result};
use crate::limits;
use patterns::Patterns;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use unwrap::{At, Looker};

/// Shortest value searched as text among others: two characters stand everywhere.
const SHORTEST: usize = 4;

/// One value in one text, in every form: where it stands, and how long it is there.
pub fn in_text(value: &str, text: &[u8]) -> Vec<(usize, usize)> {
    let Some(patterns) = Patterns::new(&[(0, value)]) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    Looker::new(&patterns).look(text, &mut found);
    found.iter().map(|at| (at.offset, at.len)).collect()
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
    /// Bytes of text in which values were looked for in their direct forms alone, since there is more of it than
    /// [`limits::TRACE_DEEP`].
    pub shallow: u64,
}

/// Searches all text of the case for the given values: (index into the clue, text).
pub fn search(conn: &Connection, values: &[(u32, &str)], stop: &AtomicBool) -> Result<Searched> {
    let mut out = Searched::default();
    let mut used: Vec<(u32, &str)> = Vec::new();
    for (value, text) in values {
        if text.len() < SHORTEST && values.len() > 1 || used.len() >= limits::TRACE_TEXT_VALUES {
            out.unsearched += 1;
        } else {
            used.push((*value, text));
        }
    }
    if used.is_empty() {
        return Ok(out);
    }
    let packs = index::packs(conn)?;
    let text: u64 = packs.iter().map(|p| p.1).fold(0, u64::saturating_add);
    let deep = text <= limits::TRACE_DEEP;
    if !deep {
        out.shallow = text;
    }
    let made = if deep {
        Patterns::new(&used)
    } else {
        Patterns::direct_of(&used)
    };
    let patterns = made.ok_or_else(|| Error::Usage {
        msg: "too much to search for at once".into(),
        at: None,
    })?;
    let mut hits = Hits::new();
    match pass(conn, &packs, &patterns, stop, &mut hits, &mut out) {
        Err(Error::Interrupted) => out.stopped = true,
        Err(e) => return Err(e),
        Ok(salts) => {
            if !salts.is_empty()
                && let Some(salted) = Patterns::salted(&used, &salts)
            {
                pass(conn, &packs, &salted, stop, &mut hits, &mut out)?;
            }
        }
    }
    places(conn, hits, &mut out)?;
    Ok(out)
}

/// A value at a place of a holder: offset, length, value, form, masked, belief in per cent.
type Spot = (u64, u32, u32, Form, bool, u8);
type Hits = BTreeMap<Holder, Vec<Spot>>;

fn spot(a: &At) -> Spot {
    (
        a.offset as u64,
        u32::try_from(a.len).unwrap_or(u32::MAX),
        a.value,
        a.form,
        a.masked,
        (a.conf * 100.0) as u8,
    )
}

/// What one pack gave: hits by holder (a call's heads as its request's), and salts.
type InPack = (Vec<(Holder, Vec<Spot>)>, Vec<Vec<u8>>);

/// What stands in one pack, and salts in it.
fn look(patterns: &Patterns, late: &OnceLock<scan::Late>, o: &scan::Opened<'_>) -> Result<InPack> {
    if patterns.direct() && !patterns.any(o.text) {
        return Ok(InPack::default());
    }
    let late = scan::Late::of(late, o.conn)?;
    let bodies = scan::bodies(o.conn, o.id)?.into_iter();
    let heads = scan::heads(o.conn, o.id, late)?.into_iter();
    let own = bodies
        .map(|p| (p, Holder::Body(p.row)))
        .chain(heads.map(|p| (p, Holder::ReqHead(p.row))));
    let mut looker = Looker::new(patterns);
    let (mut out, mut found) = (Vec::new(), Vec::new());
    for (p, holder) in own {
        looker.look(o.text.get(p.from..p.to).unwrap_or_default(), &mut found);
        if !found.is_empty() {
            out.push((holder, found.iter().map(spot).collect()));
            found.clear();
        }
    }
    Ok((out, looker.salts))
}

/// Looks through stored text once; gives the salts that stood in it.
fn pass(
    conn: &Connection,
    packs: &[index::Pack],
    patterns: &Patterns,
    stop: &AtomicBool,
    hits: &mut Hits,
    out: &mut Searched,
) -> Result<Vec<Vec<u8>>> {
    let ids = match patterns.need() {
        Some(need) => index::may_hold(conn, packs, need, stop)?,
        None => packs.iter().map(|p| p.0).collect(),
    };
    let mut heads: Vec<i64> = Vec::new();
    let mut salts: Vec<Vec<u8>> = Vec::new();
    let mut held = 0usize;
    let late = OnceLock::new();
    let whole = scan::scan(
        conn,
        &ids,
        stop,
        || (),
        |(), o| look(patterns, &late, o),
        &mut |got: Option<InPack>| {
            // A damaged pack is `verify`'s to report; the search goes on.
            let (list, own) = got.unwrap_or_default();
            for (holder, spots) in list {
                held += spots.len();
                match holder {
                    Holder::ReqHead(call) => heads.push(call),
                    holder => hits.entry(holder).or_default().extend(spots),
                }
            }
            salts.extend(own);
            held <= limits::TRACE_SIGHTINGS
        },
    )?;
    out.stopped |= !whole;
    // the same ones whatever thread was faster
    salts.sort_unstable();
    salts.dedup();
    salts.truncate(patterns::SALTS);
    // Heads are stored coded: they are read again as text, so that offsets and sides are right.
    heads.sort_unstable();
    heads.dedup();
    let mut reader = crate::case::bodies::BodyReader::new();
    let mut looker = Looker::new(patterns);
    let mut found = Vec::new();
    for call in heads {
        let Ok(h) = reader.heads(conn, call) else {
            continue;
        };
        for (holder, text) in head_texts(call, &h) {
            looker.look(&text, &mut found);
            hits.entry(holder)
                .or_default()
                .extend(found.iter().map(spot));
            found.clear();
        }
    }
    lines(conn, &mut looker, stop, hits, out)?;
    Ok(salts)
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
    looker: &mut Looker<'_>,
    stop: &AtomicBool,
    hits: &mut Hits,
    out: &mut Searched,
) -> Result<()> {
    let mut found = Vec::new();
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
        looker.look(uri, &mut found);
        if !found.is_empty() {
            hits.entry(Holder::ReqHead(id))
                .or_default()
                .extend(found.iter().map(spot));
            found.clear();
        }
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
            .map(
                |((offset, len, value, form, masked, conf), (field, record))| Hit {
                    value,
                    class: crate::detect::DIGEST,
                    record,
                    form,
                    masked,
                    conf: f32::from(conf) / 100.0,
                    field: Arc::from(field),
                    index: Indices::default(),
                    offset,
                    len,
                },
            )
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
    use crate::detect::form::Step;
    use base64::Engine as _;
    use sha2::Digest as _;
    use std::fmt::Write as _;
    use std::io::Write as _;

    fn hits(value: &str, text: impl AsRef<[u8]>) -> Vec<String> {
        let values = [(0, value)];
        let p = Patterns::new(&values).unwrap();
        let mut l = Looker::new(&p);
        let mut out = Vec::new();
        l.look(text.as_ref(), &mut out);
        let salts = std::mem::take(&mut l.salts);
        if !salts.is_empty() {
            let p = Patterns::salted(&values, &salts).unwrap();
            Looker::new(&p).look(text.as_ref(), &mut out);
        }
        let mut names: Vec<String> = out.iter().map(|a| a.form.name()).collect();
        names.sort();
        names.dedup();
        names
    }
    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
    }
    fn b64(b: impl AsRef<[u8]>) -> String {
        base64::engine::general_purpose::STANDARD.encode(b)
    }
    fn gzip(v: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        e.write_all(v).unwrap();
        e.finish().unwrap()
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
            let b = b64(format!("{prefix}{v}, and more"));
            let b = b.replace('/', "\\/");
            assert!(hits(v, &b).contains(&"base64>plain".to_owned()), "{prefix}");
        }
        for h in [hex(v.as_bytes()), hex(v.as_bytes()).to_uppercase()] {
            assert_eq!(hits(v, h), ["hex>plain"]);
        }
        for (d, name) in [
            (sm3::Sm3::digest(v.as_bytes()).to_vec(), "sm3"),
            (md5::Md5::digest(v.as_bytes()).to_vec(), "md5"),
            (sha1::Sha1::digest(v.as_bytes()).to_vec(), "sha1"),
            (sha2::Sha256::digest(v.as_bytes()).to_vec(), "sha256"),
        ] {
            let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&d);
            for text in [hex(&d), hex(&d).to_uppercase(), b64(&d), url] {
                assert_eq!(hits(v, format!("{{\"h\":\"{text}\"}}")), [name], "{text}");
            }
        }
    }

    #[test]
    fn forms_inside_forms_are_undone_to_the_third() {
        let v = "13912345678";
        let url: String = v.bytes().map(|b| format!("%{b:02X}")).collect();
        assert_eq!(hits(v, b64(&url)), ["base64>url>plain"]);
        assert_eq!(hits(v, hex(b64(&url).as_bytes())), ["hex>base64>url>plain"]);
        let once = b64(gzip(format!("{{\"m\":\"{v}\"}}").as_bytes()));
        assert_eq!(
            hits(v, format!("{{\"z\":\"{once}\"}}")),
            ["base64>gzip>plain"]
        );
        assert_eq!(
            hits(
                v,
                format!("GET /p/{} HTTP/1.1", b64(v).trim_end_matches('='))
            ),
            ["base64>plain"]
        );
        assert_eq!(hits(v, format!("a=1&t={}&b=2", b64(v))), ["base64>plain"]);
        let five = b64(b64(b64(b64(b64(v)))));
        assert!(hits(v, five).is_empty(), "deeper than is looked");
    }

    #[test]
    fn other_spellings_masks_and_salts_that_were_seen() {
        assert_eq!(hits("13912345678", "call 139-1234-5678 now"), ["plain"]);
        assert_eq!(hits("ORD-77-4821-X", "ord7748 ORD_77_4821_X"), ["plain"]);
        assert_eq!(hits("ORD-77-4821-X", "ord774821x"), ["plain"]);
        assert_eq!(hits("ORD-77-4821-X", "{\"o\":\"ORD******21-X\"}"), ["mask"]);
        assert_eq!(hits("ORD-77-4821-X", "{\"o\":\"ORD-77-48...\"}"), ["mask"]);
        assert!(hits("ORD-77-4821-X", "{\"o\":\"ORD******22-X\"}").is_empty());
        let d = hex(&sha2::Sha256::digest(b"pQ7:13912345678"));
        assert!(hits("13912345678", format!("{{\"h\":\"{d}\"}}")).is_empty());
        assert_eq!(
            hits("13912345678", format!("{{\"h\":\"{d}\",\"salt\":\"pQ7\"}}")),
            ["sha256"]
        );
    }

    #[test]
    fn what_is_left_of_a_number_that_was_cut() {
        assert_eq!(hits("13912345678", "{\"mobile\":\"1391234\"}"), ["mask"]);
        assert_eq!(hits("13912345678", "{\"mobile\":\"139123456\"}"), ["mask"]);
        assert_eq!(hits("11010519900307123X", "id 11010519900307"), ["mask"]);
        for other in ["139123", "13912355", "13912340001", "x1391234", "1391234.5"] {
            assert!(hits("13912345678", other).is_empty(), "{other}");
        }
        // where somebody lives is no number
        assert!(hits("11010519900307123X", "110105 1101051990").is_empty());
        for end in [
            "{\"mobile_last4\":\"5678\"}",
            "phone ending in 5678",
            "您尾号5678的手机",
        ] {
            assert_eq!(hits("13912345678", end), ["last4"], "{end}");
        }
        for other in [
            "port 5678",
            "{\"last4\":\"0012\",\"n\":5678}",
            "last4=15678",
        ] {
            assert!(hits("13912345678", other).is_empty(), "{other}");
        }
    }

    #[test]
    fn base64_in_lines_is_one_text() {
        let rows: String = (0..40)
            .map(|n| format!("n{n},139{:08}\r\n", n * 7919))
            .collect();
        let coded = b64(&rows);
        let lines: Vec<&str> = (0..coded.len())
            .step_by(76)
            .map(|i| &coded[i..coded.len().min(i + 76)])
            .collect();
        for n in 0..40 {
            let v = format!("139{:08}", n * 7919);
            for end in ["\n", "\r\n"] {
                assert!(
                    hits(&v, lines.join(end)).contains(&"base64>plain".to_owned()),
                    "{v}"
                );
            }
        }
    }

    #[test]
    fn a_number_inside_a_longer_one_is_not_it() {
        assert!(hits("20241234", "x=120241234").is_empty());
        assert!(hits("20241234", "x=202412345").is_empty());
        assert!(hits("20241234", "x=%2F20241234").contains(&"plain".to_owned()));
        assert_eq!(hits("20241234", "no 20241234."), ["plain"]);
    }

    #[test]
    fn hostile_words_end_soon() {
        // words that undo to words that undo, a bomb, a word of a megabyte
        let mut w = "1".repeat(1 << 20);
        for _ in 0..2 {
            w = b64(&w);
        }
        assert!(hits("13912345678", &w).is_empty());
        let bomb = b64(gzip(&vec![b'0'; 64 << 20]));
        assert!(hits("13912345678", bomb).is_empty());
        for text in [
            "%%%%%%25",
            "\\\\u\\u",
            "&&&&#;&#x;",
            "****",
            "PK\u{3}\u{4}",
            "\u{78}\u{1}x",
        ] {
            assert!(hits("13912345678", text.repeat(1000)).is_empty());
        }
        assert_eq!(Step::Zip.name(), "zip");
    }
}
