//! Masked values of responses, read where they stand. In: calls with their classes, accepted columns, stored bodies. Out: what
//! [`crate::facts::masks`] says of them. Bounds: `limits::MASK_BODIES` responses in all and `limits::MASK_API` of one API, each
//! at most `limits::MASK_BODY`; others are counted. A case without masked values costs nothing.

use super::findings::{Classes, Columns};
use super::read::Evidence;
use crate::body::json::{self, Visit};
use crate::call::text::lossless;
use crate::case::bodies::BodyReader;
use crate::case::info;
use crate::detect;
use crate::detect::kind::Kind;
use crate::detect::pack;
use crate::detect::print::{PrintKey, PrintKind};
use crate::error::Result;
use crate::facts::calls::NONE;
use crate::facts::masks::{Body, Found, Item, Masks};
use crate::limits;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Scalars of one object that may tell whose it is; an object of more is a table.
const SIBLINGS: usize = 32;

/// Looks at all responses that carry masked values of persons.
pub fn find(
    conn: &Connection,
    ev: &Evidence,
    classes: &Classes,
    columns: &Columns,
) -> Result<Found> {
    let mut masks = Masks::default();
    let mut uses: Vec<(i64, u32, i64, u32)> = Vec::new();
    for (i, c) in (0u32..).zip(&ev.calls) {
        let counts = super::counts_itself(c) && c.api != NONE && c.resp_body != 0;
        if counts && c.resp_masked & classes.levels.person != 0 {
            uses.push((c.resp_body, c.api, c.ts, i));
        }
    }
    if uses.is_empty() {
        return Ok(masks.finish());
    }
    let Some(key) = info::print_key(conn)? else {
        return Ok(masks.finish());
    };
    // the earliest of each API, whatever the order of rows
    uses.sort_unstable_by_key(|u| (u.2, u.3));
    let mut of_api: FxHashMap<u32, usize> = FxHashMap::default();
    let mut all = 0usize;
    uses.retain(|u| {
        let n = of_api.entry(u.1).or_default();
        let keep = *n < limits::MASK_API && all < limits::MASK_BODIES;
        *n += usize::from(keep);
        all += usize::from(keep);
        if !keep {
            masks.leave_out();
        }
        keep
    });
    uses.sort_unstable();
    let terms: Vec<Arc<str>> = ev.terms.iter().map(|t| t.as_str().into()).collect();
    let none: Arc<str> = "".into();
    let numbers: FxHashMap<&str, u32> = (0u32..)
        .zip(&ev.terms)
        .map(|(n, t)| (t.as_str(), n))
        .collect();
    let mut reader = BodyReader::new();
    let mut facts = conn.prepare("SELECT facts FROM body WHERE id=?1 AND len<=?2")?;
    for same in uses.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let Some((body, api, ..)) = same.first().copied() else {
            continue;
        };
        let blob: Option<Option<Vec<u8>>> = facts
            .query_row((body, limits::MASK_BODY), |r| r.get(0))
            .optional()?;
        // a body that cannot be read is told where it is opened and by `verify`
        let content = match &blob {
            Some(Some(_)) => reader.get(conn, body).ok(),
            _ => None,
        };
        let (Some(blob), Some(content)) = (blob.flatten(), content) else {
            masks.leave_out();
            continue;
        };
        let found = pack::decode(&blob, &|n| terms.get(n as usize).unwrap_or(&none).clone());
        let items = items(&key, &content, &found.findings, |f| {
            let number = *numbers.get(&*f.field)?;
            columns
                .accepts(api, 1, number, f.class)
                .then(|| Some((number, kind(classes, f.class)?)))?
        });
        let calls: Vec<(u32, u32)> = same
            .iter()
            .filter_map(|u| {
                let c = ev.calls.get(u.3 as usize)?;
                // what a gateway got behind was not shown to whom it asked for
                Some((u.3, if c.carried { NONE } else { c.account }))
            })
            .collect();
        masks.add(&Body {
            api,
            calls: &calls,
            items: &items,
        });
    }
    Ok(masks.finish())
}

/// The built-in class behind a class of the case.
fn kind(classes: &Classes, class: u8) -> Option<Kind> {
    let name = classes.names.get(usize::from(class))?;
    Kind::ALL.iter().copied().find(|k| k.name() == name)
}

/// Findings with their values and what stands beside them.
fn items(
    key: &PrintKey,
    content: &[u8],
    found: &[crate::call::model::RawFinding],
    accepted: impl Fn(&crate::call::model::RawFinding) -> Option<(u32, Kind)>,
) -> Vec<Item> {
    let mut objects = Objects::new(key);
    if found.iter().any(|f| f.masked) && matches!(content.trim_ascii_start(), [b'{' | b'[', ..]) {
        json::walk(content, 0, &mut objects);
    }
    let mut named: FxHashMap<u32, Vec<u64>> = FxHashMap::default();
    let mut out = Vec::new();
    for f in found {
        let Some((field, kind)) = accepted(f) else {
            continue;
        };
        let Some(slice) = usize::try_from(f.offset)
            .ok()
            .and_then(|from| content.get(from..from.checked_add(f.len as usize)?))
        else {
            continue;
        };
        // a clear name beside it tells whose it is as well
        if !f.masked && kind == Kind::Name && f.record != 0 {
            named.entry(f.record).or_default().push(f.print);
        }
        let Some(value) = detect::value_of(key, f, slice) else {
            continue;
        };
        out.push(Item {
            kind,
            record: f.record,
            field,
            value: lossless(&value).into_owned(),
            masked: f.masked,
            siblings: if f.masked {
                objects.beside(f.offset)
            } else {
                Vec::new()
            },
        });
    }
    for i in out.iter_mut().filter(|i| i.masked) {
        i.siblings
            .extend(named.get(&i.record).into_iter().flatten());
    }
    out
}

/// Objects of a JSON text with the scalars that may identify: four characters at least, a digit among them, none of them hidden.
struct Objects<'a> {
    key: &'a PrintKey,
    /// Parent (itself for none) and prints of each object.
    list: Vec<(usize, Vec<u64>)>,
    /// Open containers: the object, or none for an array.
    open: Vec<Option<usize>>,
    /// Where each scalar begins, in order, and its object.
    at: Vec<(u64, usize)>,
}

impl<'a> Objects<'a> {
    fn new(key: &'a PrintKey) -> Objects<'a> {
        Objects {
            key,
            list: Vec::new(),
            open: Vec::new(),
            at: Vec::new(),
        }
    }

    fn scalar(&mut self, raw: &[u8], at: usize) {
        let Some(Some(object)) = self.open.last().copied() else {
            return;
        };
        self.at.push((at as u64, object));
        let tells = (4..=64).contains(&raw.len())
            && raw.iter().any(u8::is_ascii_digit)
            && !raw.contains(&b'*');
        if let Some((_, prints)) = self.list.get_mut(object)
            && tells
            && prints.len() < SIBLINGS
        {
            prints.push(self.key.print(PrintKind::Value, raw));
        }
    }

    /// Prints of the scalars in the object around a place and in those around that one, up to an array.
    fn beside(&self, offset: u64) -> Vec<u64> {
        let i = self.at.partition_point(|(at, _)| *at <= offset);
        let mut out = Vec::new();
        let mut next = i.checked_sub(1).and_then(|i| self.at.get(i)).map(|a| a.1);
        while let Some((parent, prints)) = next.and_then(|o| self.list.get(o)) {
            out.extend_from_slice(prints);
            next = Some(*parent).filter(|p| Some(*p) != next && out.len() < SIBLINGS);
        }
        out
    }
}

impl Visit for Objects<'_> {
    fn open(&mut self, array: bool) {
        if array {
            self.open.push(None);
            return;
        }
        let at = self.list.len();
        let parent = self.open.last().copied().flatten().unwrap_or(at);
        self.list.push((parent, Vec::new()));
        self.open.push(Some(at));
    }
    fn close(&mut self) {
        self.open.pop();
    }
    fn key(&mut self, _: &[u8]) {}
    fn string(&mut self, raw: &[u8], at: usize, _: u16) {
        self.scalar(raw, at);
    }
    fn number(&mut self, raw: &[u8], at: usize) {
        self.scalar(raw, at);
    }
    fn word(&mut self, _: &[u8], _: usize) {}
}
