//! What a copy is made of. In: the rows of a case. Out: the same rows with every found value hidden and printed under the copy's key.
//! Bounds: two passes over the packs, one pack in memory; a kilobyte for each distinct value.

use super::rekey::{self, Rekey};
use super::scrub::{self, Scrub};
use super::table::Table;
use super::{COMMIT, OWN, usage};
use crate::call::model::{Facts, RawFinding};
use crate::case::postings::{Pairs, Target};
use crate::case::text::index;
use crate::case::text::scan::{self, Late, Piece, Unpack};
use crate::case::{bodies, heads};
use crate::detect::print::PrintKey;
use crate::detect::{self, DIGEST, Rules, Scanner};
use crate::error::Result;
use crate::limits;
use rusqlite::Connection;
use rusqlite::types::Value;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};

/// Fields that hold a class: API, direction, class, field.
pub(super) type Accepted = FxHashSet<(i64, u8, u8, u32)>;

pub(super) fn accepted(src: &Connection) -> Result<Accepted> {
    let mut stmt =
        src.prepare("SELECT api_id,dir,class_id,field_id FROM field_class WHERE accept=1")?;
    let rows = stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) struct Sharer<'s> {
    pub(super) src: &'s Connection,
    pub(super) old: PrintKey,
    pub(super) scrub: Scrub,
    pub(super) rekey: Rekey,
    pub(super) accepted: Accepted,
    pub(super) late: OnceLock<Late>,
}

/// Findings with the number of their field as its name.
fn unpack(blob: &[u8]) -> Facts {
    detect::pack::decode(blob, &|id| Arc::from(id.to_string()))
}

fn field(f: &RawFinding) -> u32 {
    f.field.parse().unwrap_or(0)
}

fn repack(facts: &Facts) -> Vec<u8> {
    let packed = detect::pack::pack(facts, &[], &mut detect::pack::Lists::default());
    let terms = packed.fields.iter().flat_map(|l| l.iter());
    let terms: Vec<u32> = terms.map(|f| f.parse().unwrap_or(0)).collect();
    detect::pack::blob(&packed, &terms)
}

fn span(f: &RawFinding) -> std::ops::Range<usize> {
    let from = usize::try_from(f.offset).unwrap_or(usize::MAX);
    from..from.saturating_add(f.len as usize)
}

/// Findings in target and headers of a call, request and response, and its API and target.
struct Head {
    facts: [Option<Vec<u8>>; 2],
    api: Option<i64>,
    uri: Option<String>,
}

fn head(src: &Connection, call: i64) -> Result<Head> {
    Ok(src
        .prepare_cached(
            "SELECT c.req_facts,c.resp_facts,f.api_id,c.uri FROM call c LEFT JOIN call_fact f ON f.call_id=c.id WHERE c.id=?1",
        )?
        .query_row([call], |r| {
            Ok(Head {
                facts: [r.get(0)?, r.get(1)?],
                api: r.get(2)?,
                uri: r.get(3)?,
            })
        })?)
}

/// The text of one side of a head, and where its parts stand in the pack.
fn side_text(pack: &[u8], p: &Piece, request: bool) -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
    let blob = pack.get(p.from..p.to).unwrap_or_default();
    let places: Vec<_> = heads::places(blob, request)
        .into_iter()
        .map(|r| p.from + r.start..p.from + r.end)
        .collect();
    let text = places
        .iter()
        .flat_map(|r| pack.get(r.clone()).unwrap_or_default())
        .copied()
        .collect();
    (text, places)
}

impl Sharer<'_> {
    /// Gathers the clear values of all findings.
    pub(super) fn values(&mut self) -> Result<()> {
        let mut users: FxHashMap<i64, Vec<(Option<i64>, u8)>> = FxHashMap::default();
        let mut stmt = self.src.prepare(
            "SELECT c.req_body_id,c.resp_body_id,f.api_id FROM call c LEFT JOIN call_fact f ON f.call_id=c.id",
        )?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let api: Option<i64> = r.get(2)?;
            for (col, dir) in [(0, 0u8), (1, 1)] {
                if let Some(body) = r.get::<_, Option<i64>>(col)? {
                    let list = users.entry(body).or_default();
                    if !list.contains(&(api, dir)) {
                        list.push((api, dir));
                    }
                }
            }
        }
        drop(rows);
        let mut unpacker = Unpack::new()?;
        for (id, _) in index::packs(self.src)? {
            let Some(text) = unpacker.pack(self.src, id)? else {
                continue;
            };
            for p in scan::bodies(self.src, id)? {
                let facts: Option<Vec<u8>> = self
                    .src
                    .prepare_cached("SELECT facts FROM body WHERE id=?1")?
                    .query_row([p.row], |r| r.get(0))?;
                let Some(facts) = facts else { continue };
                let own = text.get(p.from..p.to).unwrap_or_default();
                let none = Vec::new();
                let users = users.get(&p.row).unwrap_or(&none);
                self.gather(&unpack(&facts), own, users);
            }
            for p in scan::heads(self.src, id, Late::of(&self.late, self.src)?)? {
                let h = head(self.src, p.row)?;
                for (dir, facts) in (0u8..).zip(&h.facts) {
                    let Some(facts) = facts else { continue };
                    let (own, _) = side_text(text, &p, dir == 0);
                    self.gather(&unpack(facts), &own, &[(h.api, dir)]);
                }
            }
        }
        let mut stmt = self
            .src
            .prepare("SELECT id FROM call WHERE head_pack IS NULL AND req_facts IS NOT NULL")?;
        let ids: Vec<i64> = stmt
            .query_map([], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for id in ids {
            let h = head(self.src, id)?;
            if let ([Some(facts), _], Some(uri)) = (&h.facts, &h.uri) {
                self.gather(&unpack(facts), uri.as_bytes(), &[(h.api, 0)]);
            }
        }
        self.names()
    }

    fn gather(&mut self, facts: &Facts, text: &[u8], users: &[(Option<i64>, u8)]) {
        for f in &facts.findings {
            let known = users.is_empty()
                || users.iter().any(|(api, dir)| {
                    api.is_none_or(|a| self.accepted.contains(&(a, *dir, f.class, field(f))))
                });
            if !known || f.masked || f.class == DIGEST || f.form.steps().any(|s| s.one_way()) {
                continue;
            }
            let Some(slice) = text.get(span(f)) else {
                continue;
            };
            let value = rekey::value(&self.old, f, slice);
            let same = detect::spelt(f.class, &value);
            self.scrub.add(&value, &same);
            self.scrub.add(value.trim_ascii(), &same);
            self.scrub.add(&same, &same);
            if f.form == detect::form::Form::PLAIN {
                self.scrub.add(slice, &same);
            }
        }
    }

    /// Accounts whose names are values, whether they were found elsewhere or not.
    fn names(&mut self) -> Result<()> {
        let mut scanner = Scanner::new(Arc::new(Rules::builtin()), self.old);
        let mut stmt = self.src.prepare("SELECT name FROM account")?;
        let names: Vec<String> = stmt
            .query_map([], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for name in names {
            let content = json!({ "value": name }).to_string();
            let facts = scanner.scan_body(content.as_bytes(), "json", None);
            for f in facts
                .findings
                .iter()
                .filter(|f| f.class != DIGEST && f.conf >= 50)
            {
                if let Some(slice) = content.as_bytes().get(span(f)) {
                    let same = detect::spelt(f.class, slice);
                    self.scrub.add(slice, &same);
                }
            }
        }
        Ok(())
    }

    /// Hides all findings in their text, then every value that is known; gives the findings with their new prints.
    fn hide(&mut self, blob: Option<&[u8]>, text: &mut [u8]) -> Option<Facts> {
        let facts = blob.map(|blob| {
            let mut facts = unpack(blob);
            for f in &mut facts.findings {
                let slice = text.get(span(f)).unwrap_or_default();
                f.print = self.rekey.print(f, slice);
            }
            for f in &facts.findings {
                scrub::put(text, span(f), f.print);
            }
            facts
        });
        self.scrub.hide(text);
        facts
    }

    /// Packs, bodies, calls and where prints stand.
    pub(super) fn evidence(&mut self, dst: &Connection) -> Result<()> {
        let (body, call) = (Table::of(self.src, "body")?, Table::of(self.src, "call")?);
        let mut pairs = Pairs::default();
        let mut seg = 1i64;
        let mut compressor = bodies::Compressor::new()?;
        let mut unpacker = Unpack::new()?;
        let mut tx = dst.unchecked_transaction()?;
        for (n, (id, _)) in index::packs(self.src)?.into_iter().enumerate() {
            let Some(text) = unpacker.pack(self.src, id)? else {
                return Err(usage(format!(
                    "pack {id} of this case is damaged: run `leaktrace verify`"
                )));
            };
            let mut text = text.to_vec();
            for p in scan::bodies(self.src, id)? {
                let mut row = body.row(self.src, p.row)?;
                let old = body.get(&row, "facts");
                let own = text.get_mut(p.from..p.to).unwrap_or_default();
                let facts = self.hide(blob(&old), own);
                if let (Value::Blob(_), own) = (body.get(&row, "sha256"), own) {
                    body.set(
                        &mut row,
                        "sha256",
                        Value::Blob(Sha256::digest(&*own).to_vec()),
                    );
                }
                if let Some(facts) = facts {
                    facts
                        .findings
                        .iter()
                        .for_each(|f| pairs.add(f.print, Target::Body(p.row)));
                    body.set(&mut row, "facts", Value::Blob(repack(&facts)));
                }
                self.clean(&mut row);
                body.insert(&tx, row)?;
            }
            for p in scan::heads(self.src, id, Late::of(&self.late, self.src)?)? {
                let mut row = call.row(self.src, p.row)?;
                let mut raw = Vec::new();
                for (request, name) in [(true, "req_facts"), (false, "resp_facts")] {
                    let (mut own, places) = side_text(&text, &p, request);
                    let old = call.get(&row, name);
                    if let (true, Some(b)) = (request, blob(&old)) {
                        let slice = |f: &RawFinding| own.get(span(f)).map(<[u8]>::to_vec);
                        raw.extend(unpack(b).findings.iter().filter_map(slice));
                    }
                    let facts = self.hide(blob(&old), &mut own);
                    let mut at = 0usize;
                    for r in places {
                        let n = r.len();
                        if let (Some(to), Some(from)) = (text.get_mut(r), own.get(at..at + n)) {
                            to.copy_from_slice(from);
                        }
                        at += n;
                    }
                    if let Some(facts) = facts {
                        facts
                            .findings
                            .iter()
                            .for_each(|f| pairs.add(f.print, Target::CallHead(p.row)));
                        call.set(&mut row, name, Value::Blob(repack(&facts)));
                    }
                }
                self.call(&call, &mut row, &raw);
                call.insert(&tx, row)?;
            }
            let mut full = bodies::FullPack {
                id,
                bytes: text,
                packed: Vec::new(),
            };
            compressor.pack(&mut full)?;
            tx.prepare_cached("INSERT INTO pack(id,len,data) VALUES(?1,?2,?3)")?
                .execute((
                    id,
                    i64::try_from(full.bytes.len()).unwrap_or(0),
                    &full.packed,
                ))?;
            if pairs.len() >= limits::POSTINGS_HELD {
                pairs.flush(&tx, seg)?;
                seg += 1;
            }
            if n % COMMIT == COMMIT - 1 {
                tx.commit()?;
                tx = dst.unchecked_transaction()?;
            }
        }
        // What has no text in a pack: empty bodies, log lines.
        for id in ids(self.src, "SELECT id FROM body WHERE pack_id IS NULL")? {
            let mut row = body.row(self.src, id)?;
            body.set(&mut row, "facts", Value::Null);
            self.clean(&mut row);
            body.insert(&tx, row)?;
        }
        for id in ids(self.src, "SELECT id FROM call WHERE head_pack IS NULL")? {
            let mut row = call.row(self.src, id)?;
            let old = call.get(&row, "req_facts");
            let mut raw = Vec::new();
            if let (Some(b), Value::Text(uri)) = (blob(&old), call.get(&row, "uri")) {
                let own = uri.as_bytes();
                raw.extend(
                    unpack(b)
                        .findings
                        .iter()
                        .filter_map(|f| own.get(span(f)).map(<[u8]>::to_vec)),
                );
                let mut own = own.to_vec();
                if let Some(facts) = self.hide(Some(b), &mut own) {
                    facts
                        .findings
                        .iter()
                        .for_each(|f| pairs.add(f.print, Target::CallHead(id)));
                    call.set(&mut row, "req_facts", Value::Blob(repack(&facts)));
                }
                call.set(
                    &mut row,
                    "uri",
                    Value::Text(String::from_utf8_lossy(&own).into_owned()),
                );
            }
            self.call(&call, &mut row, &raw);
            call.insert(&tx, row)?;
        }
        if !pairs.is_empty() {
            pairs.flush(&tx, seg)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// A call's own columns. `raw`: findings of the request's head as they stand there, which may stand in target and path too.
    fn call(&self, t: &Table, row: &mut [Value], raw: &[Vec<u8>]) {
        for name in ["ident", "shape"] {
            t.set(row, name, Value::Null);
        }
        for name in ["uri", "path"] {
            let Value::Text(text) = t.get(row, name) else {
                continue;
            };
            let mut bytes = text.into_bytes();
            for r in raw.iter().filter(|r| r.len() > 3) {
                let mut plain = Vec::new();
                detect::normal::percent(r, true, &mut plain);
                for needle in [r, &plain] {
                    let found: Vec<usize> = memchr::memmem::find_iter(&bytes, needle).collect();
                    for at in found {
                        scrub::put(&mut bytes, at..at + needle.len(), 0);
                    }
                }
            }
            t.set(
                row,
                name,
                Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
            );
        }
        self.clean(row);
    }

    /// Hides values in every text of a row.
    fn clean(&self, row: &mut [Value]) {
        for v in row {
            if let Value::Text(t) = v {
                *t = self.scrub.text(t);
            }
        }
    }

    /// All other tables.
    pub(super) fn tables(&self, dst: &Connection) -> Result<()> {
        let mut stmt = self.src.prepare(
            "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite%' ORDER BY name",
        )?;
        let names: Vec<String> = stmt
            .query_map([], |r| r.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let tx = dst.unchecked_transaction()?;
        for name in names.iter().filter(|n| !OWN.contains(&n.as_str())) {
            let t = Table::of(self.src, name)?;
            let mut stmt = self.src.prepare(&t.select)?;
            let mut rows = stmt.query([])?;
            while let Some(r) = rows.next()? {
                let mut row = t.values(r)?;
                if name == "source" {
                    t.set(&mut row, "path", Value::Null);
                }
                self.clean(&mut row);
                t.insert(&tx, row)?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}

fn blob(v: &Value) -> Option<&[u8]> {
    match v {
        Value::Blob(b) => Some(b),
        _ => None,
    }
}

fn ids(conn: &Connection, sql: &str) -> Result<Vec<i64>> {
    let mut stmt = conn.prepare(sql)?;
    let rows = stmt.query_map([], |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
