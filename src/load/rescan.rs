//! A case searched again with edited rules. In: the case, the rules as they are now. Out: what was searched and how the findings of each
//! class changed; a row in the journal. Bounds: one body at a time; eight bytes for each body and call that is searched.
//!
//! Stored bodies and heads are the input, no evidence is read. Only those that were searched with other rules are searched again, and
//! only those of which the findings differ are written. Prints of findings that are gone stay in the postings, where a look-up finds
//! nothing behind them. It is one transaction: a search that was stopped changes nothing.

use super::Progress;
use crate::body::protobuf::schema::Schema;
use crate::call::model::{Facts, Proto};
use crate::case::bodies::BodyReader;
use crate::case::heads::{Head, Heads};
use crate::case::postings::{Pairs, Target};
use crate::case::sources::Searched;
use crate::case::terms::Terms;
use crate::case::{Case, journal};
use crate::detect::{DIGEST, Rules, Scanner, pack};
use crate::error::{Error, Result};
use crate::limits;
use crate::proto::http1;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What a search with edited rules did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rescanned {
    /// Bodies and heads searched.
    pub searched: u64,
    /// ... of which the findings are other ones now.
    pub changed: u64,
    /// Candidates added and removed by class.
    pub classes: BTreeMap<String, (u64, u64)>,
}

impl Rescanned {
    /// `cn-mobile +12 -3, ...`: candidates added and removed by class.
    pub fn difference(&self) -> String {
        let change = |(class, (added, removed)): (&String, &(u64, u64))| {
            format!("{class} +{added} -{removed}")
        };
        let list: Vec<String> = self.classes.iter().map(change).collect();
        list.join(", ")
    }
}

struct Work<'c> {
    conn: &'c Connection,
    scanner: Scanner,
    map: &'c [u8],
    terms: Terms<'c>,
    lists: pack::Lists,
    pairs: Pairs,
    seg: i64,
    out: Rescanned,
    /// Added and removed by the case's number of the class.
    by_class: BTreeMap<u8, (u64, u64)>,
}

/// Searches again what was searched with other rules; `None` where nothing was.
pub fn run(
    case: &Case,
    rules: &Arc<Rules>,
    schema: Option<&Schema>,
    progress: &Progress,
) -> Result<Option<Rescanned>> {
    let conn = &case.conn;
    let searched = Searched::read(conn)?;
    let old = searched.others(rules.print());
    if old.is_empty() {
        return Ok(None);
    }
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    let seg = conn.query_row("SELECT coalesce(max(seg)+1,1) FROM posting", [], |r| {
        r.get(0)
    })?;
    let mut work = Work {
        conn,
        scanner: Scanner::new(Arc::clone(rules), case.print_key()),
        map: case.class_map(),
        terms: Terms::new(conn)?,
        lists: pack::Lists::default(),
        pairs: Pairs::default(),
        seg,
        out: Rescanned::default(),
        by_class: BTreeMap::new(),
    };
    let other = |had: Option<&str>| had.is_some_and(|r| r != rules.print());
    let mut reader = BodyReader::new();
    for id in ids(conn, "SELECT id FROM body ORDER BY id")? {
        if other(searched.body(id)) {
            stopped(progress)?;
            work.body(&mut reader, id, schema)?;
        }
    }
    for id in ids(conn, "SELECT id FROM call ORDER BY id")? {
        if other(searched.call(id)) {
            stopped(progress)?;
            work.heads(&mut reader, id)?;
        }
    }
    work.flush()?;
    for was in &old {
        conn.execute(
            "UPDATE source SET limits=replace(limits,?1,?2)",
            (format!("rules={was}"), format!("rules={}", rules.print())),
        )?;
    }
    let names: BTreeMap<u8, String> = crate::case::classes::list(conn)?
        .into_iter()
        .map(|(id, name, ..)| (id, name))
        .collect();
    let Work {
        mut out, by_class, ..
    } = work;
    out.classes = by_class
        .into_iter()
        .filter_map(|(id, n)| Some((names.get(&id)?.clone(), n)))
        .collect();
    let changes: BTreeMap<&String, serde_json::Value> = out
        .classes
        .iter()
        .map(|(name, (added, removed))| {
            (
                name,
                serde_json::json!({"added": added, "removed": removed}),
            )
        })
        .collect();
    journal::append(
        conn,
        "rescan",
        &serde_json::json!({"rules": rules.print(), "searched": out.searched, "changed": out.changed, "classes": changes}),
    )?;
    tx.commit()?;
    Ok(Some(out))
}

fn stopped(progress: &Progress) -> Result<()> {
    match progress.stop.load(Relaxed) {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

fn ids(conn: &Connection, sql: &str) -> Result<Vec<i64>> {
    let mut stmt = conn.prepare(sql)?;
    let rows = stmt.query_map([], |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What tells one finding of a body or head from another.
type Key = (u8, u64, u32, u32, u64);

fn keys(blob: &[u8]) -> BTreeSet<Key> {
    let nothing: Arc<str> = "".into();
    let facts = pack::decode(blob, &|_| nothing.clone());
    let real = facts.findings.iter().filter(|f| f.class != DIGEST);
    real.map(|f| (f.class, f.offset, f.len, f.form.0, f.print))
        .collect()
}

impl Work<'_> {
    fn body(&mut self, reader: &mut BodyReader, id: i64, schema: Option<&Schema>) -> Result<()> {
        // the media type is the one the body came with first
        let (kind, had, media, message): (String, Option<Vec<u8>>, Option<String>, Option<String>) =
            self.conn
                .prepare_cached(
                    "SELECT b.kind,b.facts,\
                     (SELECT v FROM term WHERE id=coalesce((SELECT resp_type_id FROM call WHERE resp_body_id=b.id ORDER BY id LIMIT 1),\
                      (SELECT req_type_id FROM call WHERE req_body_id=b.id ORDER BY id LIMIT 1))),\
                     (SELECT v FROM term WHERE id=b.message_id) FROM body b WHERE b.id=?1",
                )?
                .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
        let content = reader.get(self.conn, id)?;
        let typed = schema.zip(message.as_deref());
        let typed = typed.and_then(|(s, name)| s.message(name).map(|ty| (s, ty)));
        let now = self
            .scanner
            .scan_message(&content, &kind, media.as_deref(), typed);
        let sql = "UPDATE body SET facts=?2 WHERE id=?1";
        self.keep(sql, id, Target::Body(id), had, &now)
    }

    fn heads(&mut self, reader: &mut BodyReader, id: i64) -> Result<()> {
        type Kept = (u8, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>);
        let (proto, uri, req, resp): Kept = self
            .conn
            .prepare_cached("SELECT proto,uri,req_facts,resp_facts FROM call WHERE id=?1")?
            .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
        let heads = reader.heads(self.conn, id)?;
        let log = proto == Proto::Log as u8;
        let [asked, answered] = of_heads(&mut self.scanner, &heads, uri.as_deref(), log);
        let sql = "UPDATE call SET req_facts=?2 WHERE id=?1";
        self.keep(sql, id, Target::CallHead(id), req, &asked)?;
        let sql = "UPDATE call SET resp_facts=?2 WHERE id=?1";
        self.keep(sql, id, Target::CallHead(id), resp, &answered)
    }

    /// Writes what is found now where it is not what was found before.
    fn keep(
        &mut self,
        sql: &str,
        id: i64,
        target: Target,
        had: Option<Vec<u8>>,
        now: &Facts,
    ) -> Result<()> {
        self.out.searched += 1;
        let packed = pack::pack(now, self.map, &mut self.lists);
        let blob = pack::blob(&packed, self.terms.ids(packed.fields.as_ref())?);
        let had = had.unwrap_or_default();
        if had == blob {
            return Ok(());
        }
        let (before, after) = (keys(&had), keys(&blob));
        for k in after.difference(&before) {
            self.by_class.entry(k.0).or_default().0 += 1;
        }
        for k in before.difference(&after) {
            self.by_class.entry(k.0).or_default().1 += 1;
        }
        self.out.changed += 1;
        let stored = (!blob.is_empty()).then_some(&blob);
        self.conn.prepare_cached(sql)?.execute((id, stored))?;
        for print in &packed.prints {
            self.pairs.add(*print, target);
        }
        if self.pairs.len() >= limits::POSTINGS_HELD {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if !self.pairs.is_empty() {
            self.pairs.flush(self.conn, self.seg)?;
            self.seg += 1;
        }
        Ok(())
    }
}

/// What heads hold, searched again as when they were read: of the request (of a log line its target), and of the response with the
/// interim ones.
pub fn of_heads(scanner: &mut Scanner, heads: &Heads, uri: Option<&str>, log: bool) -> [Facts; 2] {
    let read = |h: &Head, request| {
        let mut m = http1::reread(&h.raw, request);
        m.trailers.clone_from(&h.trailers);
        m
    };
    let asked = match (&heads.request, uri) {
        (Some(h), _) => scanner.scan_request(&read(h, true)),
        (None, Some(uri)) if log => scanner.scan_uri(uri),
        _ => Facts::default(),
    };
    let interim: Vec<_> = heads.interim.iter().map(|h| read(h, false)).collect();
    let last = heads.response.as_ref().map(|h| read(h, false));
    [asked, scanner.scan_response_heads(last.as_ref(), &interim)]
}
