//! `verify`: whether the case still says what the evidence says. In: a case. Out: one object for each thing that does
//! not hold, then how many were looked at. Bounds: one source block, one body in memory.

use super::args::Args;
use super::evidence::{self, Found, Wanted};
use super::{DAMAGED, OK, case, out};
use crate::call::model::{Facts, Proto};
use crate::call::text::visible;
use crate::case::journal;
use crate::case::share::Share;
use crate::case::sources::Searched;
use crate::detect::{DIGEST, Rules, Scanner};
use crate::error::Result;
use crate::load::{beside, of_heads};
use crate::query::{Cx, read};
use crate::source::archive::Reopened;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

struct Check<'a> {
    args: &'a Args,
    checked: u64,
    failed: u64,
}

impl Check<'_> {
    /// Tells something of a thing that holds.
    fn note(&self, kind: &str, name: &str, id: Value, why: &str) -> Result<()> {
        if self.args.common.json {
            out::object(
                self.args,
                &json!({ kind: name, "id": id, "ok": true, "why": why }),
            )
        } else {
            out::text(&format!("{kind} {}: {}\n", visible(name), visible(why)))
        }
    }

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
            let text = |k: &str| o.get(k).and_then(Value::as_str).unwrap_or("");
            let at = match (kind, text("id")) {
                ("finding", id) if !id.is_empty() => format!(" in {}", visible(id)),
                _ => String::new(),
            };
            out::text(&format!(
                "{kind} {}{at}: {}\n",
                visible(name),
                visible(text("why"))
            ))
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
    if let Some(copy) = &cx.share {
        shared(&cx, &mut check, copy)?;
        return end(&cx, &mut check);
    }
    sources(&cx, &mut check)?;
    let found_with = Arc::new(Rules::with_files(&args.common.rules)?);
    let mut again = Again {
        scanner: Scanner::new(found_with.clone(), cx.key),
        rules: found_with,
        searched: Searched::read(&cx.conn)?,
    };
    rules(&cx, &mut check, &again)?;
    bodies(&cx, &mut check, &mut again)?;
    heads(&cx, &mut check, &mut again)?;
    end(&cx, &mut check)
}

/// What of a share copy can be verified, and what cannot: its evidence is elsewhere, and its findings were made from clear text.
fn shared(cx: &Cx, check: &mut Check<'_>, copy: &Share) -> Result<()> {
    let why = format!(
        "a share copy of case {}, whose journal had {} rows and the head {}: the evidence stays with that case, so nothing is compared with it",
        copy.from, copy.journal_rows, copy.journal_head
    );
    check.note("source", "all", Value::Null, &why)?;
    let why = "values are hidden in this copy, so findings cannot be derived again: verify the case that it was made from";
    check.note("finding", "all", Value::Null, why)?;
    let mut stmt = cx
        .conn
        .prepare("SELECT id,sha256 FROM body WHERE sha256 IS NOT NULL AND kept=len ORDER BY id")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (id, sha): (i64, Vec<u8>) = (r.get(0)?, r.get(1)?);
        let fault = match cx.body(id) {
            Ok(content) if Sha256::digest(&content)[..] == sha[..] => None,
            Ok(_) => Some("its content is not what the copy was made with".to_owned()),
            Err(e) => Some(e.to_string()),
        };
        check.thing(
            "body",
            &id.to_string(),
            super::table::hex(&sha).into(),
            fault,
        )?;
    }
    Ok(())
}

/// The journal, and the sum of all.
fn end(cx: &Cx, check: &mut Check<'_>) -> Result<u8> {
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
    let args = check.args;
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
        .prepare("SELECT name,path,sha256,bytes,member FROM source ORDER BY id")?;
    type Row = (String, Option<String>, Option<Vec<u8>>, i64, Option<String>);
    let rows: Vec<Row> = stmt
        .query_map([], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut archives = Reopened::new(beside(&cx.path));
    for (_, path, _, _, member) in &rows {
        if let (Some(path), Some(member)) = (path, member) {
            archives.want(Path::new(path), member);
        }
    }
    let dir = check.args.common.evidence.as_deref();
    let mut dir = dir.map(evidence::Folder::new).transpose()?;
    for (name, path, sha, bytes, member) in rows {
        let id: Value = sha
            .as_deref()
            .map_or(Value::Null, |s| super::table::hex(s).into());
        let fault = match (path, &sha) {
            (None, _) => Some("it was read from a pipe and not kept (--no-spool)".to_owned()),
            (_, None) => Some("it was not read to its end".to_owned()),
            (Some(path), Some(sha)) => {
                let bytes = u64::try_from(bytes).unwrap_or(0);
                let wanted = Wanted {
                    path: Path::new(&path),
                    member: member.as_deref(),
                    bytes,
                    sha256: sha,
                };
                match evidence::find(&wanted, &mut archives, dir.as_mut())? {
                    Found::Same => None,
                    Found::Grown(more) => {
                        let why = format!(
                            "the {bytes} bytes that were read are as they were; {more} more were written since and are not in the case"
                        );
                        check.note("source", &name, id.clone(), &why)?;
                        None
                    }
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

/// What is needed to find findings again.
struct Again {
    rules: Arc<Rules>,
    scanner: Scanner,
    /// Print of the rules, where a load noted its own and they can be compared.
    searched: Searched,
}

impl Again {
    /// Whether something was searched with the rules at hand; what a load did not note is taken to be.
    fn comparable(&self, had: Option<&str>) -> bool {
        had.is_none_or(|r| r == self.rules.print())
    }
}

/// Sources that were searched with other rules: their findings cannot be found again with these.
fn rules(cx: &Cx, check: &mut Check<'_>, again: &Again) -> Result<()> {
    let mut stmt = cx
        .conn
        .prepare("SELECT id,name,sha256 FROM source ORDER BY id")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let had = again.searched.source(r.get(0)?);
        if let Some(had) = had.filter(|_| !again.comparable(had)) {
            let name: String = r.get(1)?;
            let id = r
                .get::<_, Option<Vec<u8>>>(2)?
                .map_or(Value::Null, |s| super::table::hex(&s).into());
            let why = format!(
                "its findings were made with other rules ({had}; these are {}): verify with the same --rules",
                again.rules.print()
            );
            check.thing("source", &name, id, Some(why))?;
        }
    }
    Ok(())
}

/// Hashes every stored body again and looks for its findings again.
fn bodies(cx: &Cx, check: &mut Check<'_>, again: &mut Again) -> Result<()> {
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
        if !again.comparable(again.searched.body(id)) {
            continue;
        }
        let kind: String = r.get(2)?;
        let media: Option<String> = r.get(6)?;
        let have = r.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default();
        let message: Option<String> = r.get(7)?;
        let typed = match (schema.as_deref(), &message) {
            (Some(s), Some(name)) => s.message(name).map(|ty| (s, ty)),
            _ => None,
        };
        let now = again
            .scanner
            .scan_message(&content, &kind, media.as_deref(), typed);
        let stored = read::unpack_facts(cx, &have);
        compare(cx, check, &again.rules, &stored, &now, &mut || {
            let call: Option<i64> = cx
                .conn
                .prepare_cached("SELECT min(id) FROM call WHERE resp_body_id=?1 OR req_body_id=?1")?
                .query_row([id], |r| r.get(0))?;
            Ok(match call {
                Some(c) => read::id_of(cx, c)?.map_or(Value::Null, Value::from),
                None => Value::Null,
            })
        })?;
    }
    Ok(())
}

/// Looks for the findings of every call's target and headers again.
fn heads(cx: &Cx, check: &mut Check<'_>, again: &mut Again) -> Result<()> {
    let mut stmt = cx
        .conn
        .prepare("SELECT id,proto,uri,req_facts,resp_facts FROM call ORDER BY id")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let id: i64 = r.get(0)?;
        if !again.comparable(again.searched.call(id)) {
            continue;
        }
        let mut name = || Ok(read::id_of(cx, id)?.map_or(Value::Null, Value::from));
        let heads = match cx.heads(id) {
            Ok(h) => h,
            Err(e) => {
                let id = name()?;
                let text = id.as_str().unwrap_or("").to_owned();
                check.thing(
                    "finding",
                    &format!("heads of {text}"),
                    id,
                    Some(e.to_string()),
                )?;
                continue;
            }
        };
        let log = r.get::<_, u8>(1)? == Proto::Log as u8;
        let uri: Option<String> = r.get(2)?;
        let [asked, answered] = of_heads(&mut again.scanner, &heads, uri.as_deref(), log);
        for (col, now) in [(3, asked), (4, answered)] {
            let have = r.get::<_, Option<Vec<u8>>>(col)?.unwrap_or_default();
            let stored = read::unpack_facts(cx, &have);
            compare(cx, check, &again.rules, &stored, &now, &mut name)?;
        }
    }
    Ok(())
}

/// What a finding is compared by, and what it is called: where it lies, its class by name (numbers may differ), form, print.
type Key = (u64, u32, String, u32, u64, String);

/// Tells each finding that is stored and not found now, or found now and not stored. `call` names the call that shows it.
fn compare(
    cx: &Cx,
    check: &mut Check<'_>,
    rules: &Rules,
    stored: &Facts,
    now: &Facts,
    call: &mut dyn FnMut() -> Result<Value>,
) -> Result<()> {
    if stored.findings.is_empty() && now.findings.is_empty() {
        return Ok(());
    }
    let classes = cx.classes();
    let case_name = |id: u8| classes.iter().find(|c| c.id == id).map(|c| &*c.name);
    let rule_name = |id: u8| rules.classes().get(usize::from(id)).map(|c| &*c.name);
    fn keys<'a>(f: &Facts, name: &dyn Fn(u8) -> Option<&'a str>) -> Vec<Key> {
        let mut v: Vec<Key> = f
            .findings
            .iter()
            .map(|x| {
                let class = match x.class {
                    DIGEST => "digest",
                    id => name(id).unwrap_or("?"),
                };
                let place = crate::detect::place(&x.field, &x.index);
                (x.offset, x.len, class.to_owned(), x.form.0, x.print, place)
            })
            .collect();
        v.sort();
        v
    }
    let (a, b) = (keys(stored, &case_name), keys(now, &rule_name));
    let mut tell = |k: &Key, fault: Option<&str>| {
        let id = match fault {
            Some(_) => call()?,
            None => Value::Null,
        };
        let name = format!("{} {}", k.5, k.2);
        check.thing("finding", &name, id, fault.map(str::to_owned))
    };
    for k in &a {
        let gone = b.binary_search(k).is_err();
        tell(k, gone.then_some("it is not found again where it was"))?;
    }
    for k in b.iter().filter(|k| a.binary_search(k).is_err()) {
        tell(k, Some("it is found now and was not stored"))?;
    }
    Ok(())
}
