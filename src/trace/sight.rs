//! Where values of a clue stand. In: the clue's values and a case. Out: hits in bodies and heads: value, place, form,
//! record. Two ways: the postings (values that a data class covers, in clear, encoded, hashed, masked), and for the rest
//! a search of all stored text with one automaton over every form (see [`super::text`]). Bounds:
//! [`crate::limits::TRACE_SIGHTINGS`] hits; a stop flag ends it early.

use super::clue::{Clue, Shape};
use super::evidence::Evidence;
use crate::call::model::{Facts, Indices, Print};
use crate::case::postings::{self, Target};
use crate::detect::form::{Form, Step};
use crate::detect::print::{PrintKey, PrintKind};
use crate::detect::{self};
use crate::error::Result;
use crate::limits;
use rusqlite::OptionalExtension;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A body (row id).
    Body(i64),
    /// Target and headers of a request (row id of the call).
    ReqHead(i64),
    /// Headers of a response.
    RespHead(i64),
}

/// A value of the clue at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Index into the clue's values.
    pub value: u32,
    /// Class of the finding; [`detect::DIGEST`] where it has none.
    pub class: u8,
    /// Record in the holder, 0 for none.
    pub record: u32,
    /// Encodings around it.
    pub form: Form,
    /// Whether only part of it is visible.
    pub masked: bool,
    /// Belief that it is this value, from the form alone.
    pub conf: f32,
    /// Field with indices left open.
    pub field: Arc<str>,
    /// Indices.
    pub index: Indices,
    /// Byte offset in the decoded content.
    pub offset: u64,
    /// Length there.
    pub len: u32,
}

/// All hits in one holder.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where.
    pub holder: Holder,
    /// Hits by offset.
    pub hits: Vec<Hit>,
}

/// Field names of packed facts, read as they are needed.
pub struct Fields<'c> {
    conn: &'c rusqlite::Connection,
    seen: RefCell<FxHashMap<u32, Arc<str>>>,
}

impl<'c> Fields<'c> {
    /// An empty cache.
    pub fn new(conn: &'c rusqlite::Connection) -> Fields<'c> {
        Fields {
            conn,
            seen: RefCell::default(),
        }
    }
    /// Name of a field.
    pub fn get(&self, id: u32) -> Arc<str> {
        if let Some(t) = self.seen.borrow().get(&id) {
            return t.clone();
        }
        let text: Option<String> = self
            .conn
            .prepare_cached("SELECT v FROM term WHERE id=?1")
            .and_then(|mut s| s.query_row([id], |r| r.get(0)).optional())
            .unwrap_or_default();
        let t: Arc<str> = text.unwrap_or_default().into();
        self.seen.borrow_mut().insert(id, t.clone());
        t
    }
    /// Unpacks facts.
    pub fn facts(&self, blob: &[u8]) -> Facts {
        detect::pack::decode(blob, &|id| self.get(id))
    }
}

/// Values up to which each print is sought by itself; above, all postings are read once.
const SEEK_VALUES: usize = 64;

/// Prints that the clue's values may stand under: value, form, belief.
type Wanted = FxHashMap<Print, Vec<(u32, Form, f32)>>;

/// A print under which a value may stand, with the form and the belief.
type Stands = (Print, Form, f32);

/// Prints of one value; `class` is that of its column.
pub fn prints_of(
    key: &PrintKey,
    v: &super::clue::Value,
    class: Option<&str>,
) -> Vec<(Print, Form, f32)> {
    if let Some(print) = v.print {
        return vec![(print, Form::PLAIN, 1.0)];
    }
    match &v.shape {
        Shape::Clear => {
            let mut out = detect::lookup_prints(key, &v.text);
            // The class of the column tells the spelling better than the value's shape does.
            let normal = detect::normal(class, &v.text);
            let p = key.print(PrintKind::Value, normal.as_bytes());
            if !out.iter().any(|x| x.0 == p) {
                out.push((p, Form::PLAIN, 1.0));
            }
            out
        }
        // As it stands in the clue, and with the length left open as some masks are stored.
        Shape::Masked => detect::mask::read(&v.text).map_or_else(Vec::new, |m| {
            let form = Form::PLAIN.then(Step::Mask);
            let (p, s) = (m.prefix.to_lowercase(), m.suffix.to_lowercase());
            let mut out: Vec<(Print, Form, f32)> = Vec::new();
            for (print, conf) in [
                (key.masked(&m.prefix, m.len, &m.suffix), 0.6),
                (key.masked(&m.prefix, 0, &m.suffix), 0.5),
                (key.masked(&p, m.len, &s), 0.6),
                (key.masked(&p, 0, &s), 0.5),
            ] {
                if !out.iter().any(|x| x.0 == print) {
                    out.push((print, form, conf));
                }
            }
            out
        }),
        Shape::Digest(bytes) => {
            let mut out = vec![(key.print(PrintKind::Digest, bytes), Form::PLAIN, 0.99)];
            out.extend(
                detect::lookup_prints(key, &v.text)
                    .into_iter()
                    .filter(|p| p.1 == Form::PLAIN),
            );
            out
        }
    }
}

/// The clue's prints, and where in the case any of them stands.
fn look_up(
    e: &Evidence<'_>,
    clue: &Clue,
    key: &PrintKey,
    resolved: &[super::resolve::Fit],
    stop: &AtomicBool,
) -> Result<(Wanted, Vec<Target>)> {
    let class_of = |v: &super::clue::Value| {
        clue.columns
            .get(v.column as usize)
            .and_then(|c| c.class.as_deref())
    };
    let used: Vec<(u32, &super::clue::Value)> = (0u32..)
        .zip(&clue.values)
        .filter(|(_, v)| clue.columns.get(v.column as usize).is_none_or(|c| c.used))
        .collect();
    let mut wanted = Wanted::default();
    let mut add = |i: u32, (p, f, c): Stands| {
        let list = wanted.entry(p).or_default();
        if !list.iter().any(|x| x.0 == i) {
            list.push((i, f, c));
        }
    };
    let resolved = resolved
        .iter()
        .map(|(i, print, conf)| (*i, (*print, Form::PLAIN, *conf)));
    if used.len() <= SEEK_VALUES {
        resolved.for_each(|(i, p)| add(i, p));
        for (i, v) in used {
            prints_of(key, v, class_of(v))
                .into_iter()
                .for_each(|p| add(i, p));
        }
        let mut prints: Vec<Print> = wanted.keys().copied().collect();
        prints.sort_unstable();
        let found = postings::lookup(e.conn, &prints)?;
        let mut holders: Vec<Target> = found.into_iter().map(|x| x.1).collect();
        holders.sort_unstable();
        holders.dedup();
        return Ok((wanted, holders));
    }
    // A value has hundreds of prints, and nearly all of them stand nowhere: only those that the case may have are kept.
    let present = postings::Present::read(e.conn, stop)?;
    let parts = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    let size = used.len().div_ceil(parts).max(1);
    let found: Vec<Vec<(u32, Stands)>> = std::thread::scope(|s| {
        let jobs: Vec<_> = used
            .chunks(size)
            .map(|chunk| {
                let (present, class_of) = (&present, &class_of);
                s.spawn(move || {
                    let mut out = Vec::new();
                    for (i, v) in chunk {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let prints = prints_of(key, v, class_of(v)).into_iter();
                        out.extend(prints.filter(|p| present.may(p.0)).map(|p| (*i, p)));
                    }
                    out
                })
            })
            .collect();
        jobs.into_iter()
            .map(|j| j.join().unwrap_or_default())
            .collect()
    });
    drop(present);
    let all: Vec<(u32, Stands)> = resolved.chain(found.into_iter().flatten()).collect();
    let mut prints: Vec<Print> = all.iter().map(|(_, p)| p.0).collect();
    prints.sort_unstable();
    prints.dedup();
    let (there, holders) = postings::lookup_many(e.conn, &prints, stop)?;
    for (i, p) in all {
        if there.binary_search(&p.0).is_ok() {
            add(i, p);
        }
    }
    Ok((wanted, holders))
}

/// Packed facts of both heads of a call.
type HeadFacts = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Hits through the postings. `resolved`: prints that masked values and digests of the clue turned out to be.
pub fn by_prints(
    e: &Evidence<'_>,
    clue: &Clue,
    key: &PrintKey,
    resolved: &[super::resolve::Fit],
    stop: &AtomicBool,
) -> Result<Vec<Found>> {
    let (wanted, holders) = look_up(e, clue, key, resolved, stop)?;
    let fields = Fields::new(e.conn);
    let mut out: Vec<Found> = Vec::new();
    let mut held = 0usize;
    let mut take = |holder: Holder, blob: &[u8], out: &mut Vec<Found>| {
        let facts = fields.facts(blob);
        let mut hits = Vec::new();
        for f in facts.findings {
            for (value, form, conf) in wanted.get(&f.print).map_or(&[][..], Vec::as_slice) {
                // A digest stands as a bare digest of some length: what it is the digest of, and by which function, is only
                // known from here.
                let chain = if form.steps().any(Step::digest) {
                    let around = f.form.steps().filter(|s| !s.one_way());
                    let around = around.fold(Form::PLAIN, Form::then);
                    form.steps().fold(around, Form::then)
                } else {
                    f.form
                };
                hits.push(Hit {
                    value: *value,
                    class: f.class,
                    record: f.record,
                    form: chain,
                    masked: f.masked,
                    conf: *conf,
                    field: f.field.clone(),
                    index: f.index.clone(),
                    offset: f.offset,
                    len: f.len,
                });
            }
        }
        held += hits.len();
        if !hits.is_empty() {
            out.push(Found { holder, hits });
        }
        held < limits::TRACE_SIGHTINGS
    };
    for t in holders {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let go_on = match t {
            Target::Body(id) => {
                let blob: Option<Option<Vec<u8>>> = e
                    .conn
                    .prepare_cached("SELECT facts FROM body WHERE id=?1")?
                    .query_row([id], |r| r.get(0))
                    .optional()?;
                match blob.flatten() {
                    Some(b) => take(Holder::Body(id), &b, &mut out),
                    None => true,
                }
            }
            Target::CallHead(id) => {
                let row: Option<HeadFacts> = e
                    .conn
                    .prepare_cached("SELECT req_facts,resp_facts FROM call WHERE id=?1")?
                    .query_row([id], |r| Ok((r.get(0)?, r.get(1)?)))
                    .optional()?;
                let (req, resp) = row.unwrap_or_default();
                let mut go = true;
                if let Some(b) = req {
                    go &= take(Holder::ReqHead(id), &b, &mut out);
                }
                if let Some(b) = resp {
                    go &= take(Holder::RespHead(id), &b, &mut out);
                }
                go
            }
        };
        if !go_on {
            break;
        }
    }
    out.sort_by_key(|f| f.holder);
    Ok(out)
}

/// Columns whose class the values alone did not tell take it from where they were found.
pub fn learn_classes(e: &Evidence<'_>, clue: &mut Clue, found: &[Found]) {
    let mut votes: std::collections::BTreeMap<(u16, u8), u32> = std::collections::BTreeMap::new();
    for h in found.iter().flat_map(|f| &f.hits) {
        if let Some(v) = clue.values.get(h.value as usize)
            && h.class != detect::DIGEST
        {
            *votes.entry((v.column, h.class)).or_default() += 1;
        }
    }
    let mut best: FxHashMap<u16, (u32, u8)> = FxHashMap::default();
    for ((column, class), n) in votes {
        let b = best.entry(column).or_insert((n, class));
        if n > b.0 {
            *b = (n, class);
        }
    }
    for (i, c) in (0u16..).zip(&mut clue.columns) {
        if c.class.is_none()
            && let Some((_, class)) = best.get(&i)
            && let Some(name) = e.classes.get(usize::from(*class)).filter(|n| !n.is_empty())
        {
            c.class = Some(name.clone());
            c.strong = e.is_strong(*class);
        }
    }
}
