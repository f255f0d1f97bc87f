//! `verify`: whether the case still says what the evidence says. In: a case. Out: one object for each thing that does
//! not hold, then how many were looked at. Bounds: one source block, one body in memory.

use super::args::Args;
use super::evidence::{self, Found};
use super::{DAMAGED, OK, case, out};
use crate::call::model::Facts;
use crate::call::text::visible;
use crate::case::journal;
use crate::detect::{DIGEST, Rules, Scanner};
use crate::error::Result;
use crate::query::{Cx, read};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::sync::Arc;

struct Check<'a> {
    args: &'a Args,
    checked: u64,
    failed: u64,
}

impl Check<'_> {
    /// Counts a thing, and tells it where it does not hold.
    fn thing(&mut self, kind: &str, name: &str, id: Value, fault: Option<String>) -> Result<()> {
        self.checked += 1;
        let Some(why) = fault else { return Ok(()) };
        self.failed += 1;
        let mut o = Map::new();
        o.insert(kind.to_owned(), name.into());
        o.insert("id".into(), id);
        o.insert("ok".into(), false.into());
        o.insert("why".into(), why.into());
        if self.args.common.json {
            out::object(self.args, &Value::Object(o))
        } else {
            let why = o.get("why").and_then(Value::as_str).unwrap_or("");
            out::text(&format!("{kind} {}: {}\n", visible(name), visible(why)))
        }
    }
}

pub(super) fn run(args: &Args) -> Result<u8> {
    let cx = case::open(args)?;
    let mut check = Check {
        args,
        checked: 0,
        failed: 0,
    };
    database(&cx, &mut check)?;
    sources(&cx, &mut check)?;
    bodies(&cx, &mut check)?;
    let (n, broken) = journal::verify(&cx.conn)?;
    check.checked += n;
    for b in broken {
        check.checked -= 1;
        check.thing(
            "journal",
            &b.seq.to_string(),
            b.seq.into(),
            Some(b.why.to_owned()),
        )?;
    }
    let sum = json!({ "checked": check.checked, "failed": check.failed });
    if args.common.json {
        out::object(args, &sum)?;
    } else {
        out::text(&format!(
            "{} things looked at, {} do not hold\n",
            check.checked, check.failed
        ))?;
    }
    Ok(if check.failed == 0 { OK } else { DAMAGED })
}

fn database(cx: &Cx, check: &mut Check<'_>) -> Result<()> {
    let mut stmt = cx.conn.prepare("PRAGMA integrity_check")?;
    let said: Vec<String> = stmt
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let name = cx.path.to_string_lossy().into_owned();
    if said.iter().all(|s| s == "ok") {
        return check.thing("database", &name, Value::Null, None);
    }
    for s in said {
        check.thing("database", &name, Value::Null, Some(s))?;
    }
    Ok(())
}

fn sources(cx: &Cx, check: &mut Check<'_>) -> Result<()> {
    let mut stmt = cx
        .conn
        .prepare("SELECT name,path,sha256,bytes FROM source ORDER BY id")?;
    type Row = (String, Option<String>, Option<Vec<u8>>, i64);
    let rows: Vec<Row> = stmt
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (name, path, sha, bytes) in rows {
        let id: Value = sha
            .as_deref()
            .map_or(Value::Null, |s| super::table::hex(s).into());
        let fault = match (path, &sha) {
            (None, _) => Some("it was read from a pipe and not kept (--no-spool)".to_owned()),
            (_, None) => Some("it was not read to its end".to_owned()),
            (Some(path), Some(sha)) => {
                let bytes = u64::try_from(bytes).unwrap_or(0);
                let dir = check.args.common.evidence.as_deref();
                match evidence::find(&PathBuf::from(path), bytes, sha, dir)? {
                    Found::Same => None,
                    Found::Changed(why) => Some(why),
                    Found::Missing(why) => {
                        Some(format!("{why} (--evidence DIR finds moved evidence)"))
                    }
                }
            }
        };
        check.thing("source", &name, id, fault)?;
    }
    Ok(())
}

/// Hashes every stored body again and looks for its findings again.
fn bodies(cx: &Cx, check: &mut Check<'_>) -> Result<()> {
    let rules = Arc::new(Rules::with_files(&check.args.common.rules)?);
    let mut scanner = Scanner::new(rules.clone(), cx.key);
    let schema = cx.schema();
    // The media type is the one the body came with first.
    let mut stmt = cx.conn.prepare(
        "SELECT b.id,b.sha256,b.kind,b.kept,b.len,b.facts, \
         (SELECT v FROM term WHERE id=coalesce((SELECT resp_type_id FROM call WHERE resp_body_id=b.id ORDER BY id LIMIT 1), \
          (SELECT req_type_id FROM call WHERE req_body_id=b.id ORDER BY id LIMIT 1))), \
         (SELECT v FROM term WHERE id=b.message_id) FROM body b ORDER BY b.id",
    )?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let id: i64 = r.get(0)?;
        let sha: Option<Vec<u8>> = r.get(1)?;
        let (kept, len): (i64, i64) = (r.get(3)?, r.get(4)?);
        let name = sha
            .as_deref()
            .map_or_else(|| id.to_string(), super::table::hex);
        let content = match cx.body(id) {
            Ok(c) => c,
            Err(e) => {
                check.thing("body", &name, id.into(), Some(e.to_string()))?;
                continue;
            }
        };
        let fault = match &sha {
            Some(sha) if kept == len && Sha256::digest(&content).as_slice() != sha.as_slice() => {
                Some("its content has another SHA-256".to_owned())
            }
            _ => None,
        };
        check.thing("body", &name, id.into(), fault)?;
        let kind: String = r.get(2)?;
        let media: Option<String> = r.get(6)?;
        let have = r.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default();
        let message: Option<String> = r.get(7)?;
        let typed = match (schema.as_deref(), &message) {
            (Some(s), Some(name)) => s.message(name).map(|ty| (s, ty)),
            _ => None,
        };
        let now = scanner.scan_message(&content, &kind, media.as_deref(), typed);
        let fault = differ(cx, &rules, &read::unpack_facts(cx, &have), &now);
        check.thing("finding", &format!("body {name}"), id.into(), fault)?;
    }
    Ok(())
}

/// What differs between stored findings and those found now; classes are compared by name, for their numbers may differ.
fn differ(cx: &Cx, rules: &Rules, stored: &Facts, now: &Facts) -> Option<String> {
    let classes = cx.classes();
    let case_name = |id: u8| {
        classes
            .iter()
            .find(|c| c.id == id)
            .map(|c| c.name.to_string())
    };
    let rule_name = |id: u8| rules.classes().get(usize::from(id)).map(|c| c.name.clone());
    type Key = (u64, u32, Option<String>, u32, u64);
    let keys = |f: &Facts, name: &dyn Fn(u8) -> Option<String>| -> Vec<Key> {
        let mut v: Vec<Key> = f
            .findings
            .iter()
            .map(|x| {
                let class = if x.class == DIGEST {
                    None
                } else {
                    name(x.class)
                };
                (x.offset, x.len, class, x.form.0, x.print)
            })
            .collect();
        v.sort();
        v
    };
    let (a, b) = (keys(stored, &case_name), keys(now, &rule_name));
    if a == b {
        return None;
    }
    let gone = a.iter().filter(|k| b.binary_search(k).is_err()).count();
    let new = b.iter().filter(|k| a.binary_search(k).is_err()).count();
    Some(format!(
        "{gone} findings are not found again, {new} new ones are"
    ))
}
