//! What names in a filter stand for. In: names. Out: rows and texts of the case. Bounds: one value's prints; postings
//! give each place once.

use super::Cx;
use crate::case::postings::{self, Target};
use crate::case::{ids, marks, share};
use crate::detect;
use crate::error::{Error, Result};
use crate::query::lang::value::Span;
use crate::query::pattern;
use crate::query::plan::{Holders, Names};
use rustc_hash::FxHashMap;

/// A case as filters see it; `cursor` is the screen's time.
pub(super) struct CaseNames<'a> {
    pub cx: &'a Cx,
    pub cursor: Option<i64>,
}

impl Names for CaseNames<'_> {
    fn classes(&self) -> Result<Vec<(u8, String)>> {
        let classes = self.cx.classes();
        Ok(classes.iter().map(|c| (c.id, c.name.to_string())).collect())
    }

    fn saved(&self, name: &str) -> Result<Option<(String, String)>> {
        let all = marks::saved(&self.cx.conn)?;
        Ok(all
            .into_iter()
            .find(|(n, ..)| n == name)
            .map(|(_, kind, v)| (kind, v)))
    }

    fn span(&self) -> Result<Span> {
        Ok(Span {
            cursor: self.cursor,
            ..self.cx.span()?
        })
    }

    fn marked(&self, kind: &str, text: Option<&str>) -> Result<Vec<i64>> {
        let re = text
            .map(|p| pattern::regex(p, false))
            .transpose()
            .map_err(|msg| Error::Usage { msg, at: None })?;
        let mut rows = Vec::new();
        for m in marks::list(&self.cx.conn, None)? {
            let Some(id) = m.target.strip_prefix("call:") else {
                continue;
            };
            if m.kind == kind && re.as_ref().is_none_or(|r| r.is_match(m.v.as_bytes())) {
                rows.extend(ids::find_call(&self.cx.conn, id)?);
            }
        }
        Ok(rows)
    }

    fn bodies(&self, pattern: &str) -> Option<Vec<i64>> {
        self.cx.texts.few(pattern)
    }

    fn holders(&self, value: &str) -> Result<Holders> {
        if let Some(copy) = &self.cx.share
            && share::key(copy)?.is_none()
        {
            return Err(share::locked());
        }
        let values = match super::findings::record_values(self.cx, value)? {
            Some(values) => values,
            None => vec![value.to_owned()],
        };
        holders(self.cx, &values)
    }
}

/// Where values stand in any form. Of a record's several values a place must hold two, so that a shared city does not
/// make a sighting.
fn holders(cx: &Cx, values: &[String]) -> Result<Holders> {
    let need = values.len().min(2);
    let mut seen: FxHashMap<(bool, i64), (usize, usize)> = FxHashMap::default();
    for (n, value) in values.iter().enumerate() {
        let prints: Vec<u64> = detect::lookup_prints(&cx.key, value)
            .into_iter()
            .map(|(p, ..)| p)
            .collect();
        for (_, target) in postings::lookup(&cx.conn, &prints)? {
            let key = match target {
                Target::Body(id) => (true, id),
                Target::CallHead(id) => (false, id),
            };
            let (count, last) = seen.entry(key).or_insert((0, usize::MAX));
            if *last != n {
                *count += 1;
                *last = n;
            }
        }
    }
    let mut out = Holders::default();
    let mut places: Vec<_> = seen
        .into_iter()
        .filter(|(_, (count, _))| *count >= need)
        .map(|(k, _)| k)
        .collect();
    places.sort_unstable();
    for (body, id) in places {
        if body {
            &mut out.bodies
        } else {
            &mut out.calls
        }
        .push(id);
    }
    Ok(out)
}
