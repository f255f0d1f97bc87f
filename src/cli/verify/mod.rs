//! `verify`: whether the case still says what the evidence says. In: a case. Out: one object for each thing that does
//! not hold, then how many were looked at. Bounds: those of a load, whose scratch case lies beside the case while it runs.
//!
//! Four looks, each at what the others cannot see: the evidence's hashes; what is stored against itself ([`stored`]); everything
//! derived a second time from the evidence, compared row by row ([`derive`], [`same`]); what the investigator did against the journal,
//! and the answers that were given ([`kept`]). A thing is named once, by the first look that finds it.

mod derive;
mod kept;
mod same;
mod shared;
mod stored;

use super::args::Args;
use super::evidence::{self, Found, Wanted};
use super::{DAMAGED, OK, case, out};
use crate::call::text::visible;
use crate::case::sources::Searched;
use crate::detect::{Rules, Scanner};
use crate::error::{Error, Result};
use crate::load::beside;
use crate::query::Cx;
use crate::source::archive::Reopened;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// What is looked at, counted and told.
struct Check<'a> {
    args: &'a Args,
    checked: u64,
    failed: u64,
    /// What was told of already, by kind and id: a later look that finds it again is silent.
    told: BTreeSet<(String, String)>,
    /// Why what is stored was compared with itself alone and not with the evidence.
    stored: Option<String>,
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
        if kind != "database" && kind != "finding" {
            self.told.insert((kind.to_owned(), name.to_owned()));
        }
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

    /// Whether a thing was told of already.
    fn known(&self, kind: &str, name: &str) -> bool {
        self.told.contains(&(kind.to_owned(), name.to_owned()))
    }

    /// One look. What SQLite refuses to read there is a fault of the database, and the next look is taken all the same.
    fn look(
        &mut self,
        cx: &Cx,
        what: &str,
        look: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        match look(self) {
            Err(Error::Sql(e)) => {
                let name = cx.path.to_string_lossy().into_owned();
                let why = format!("{what} cannot be read: {e}");
                self.thing("database", &name, Value::Null, Some(why))
            }
            other => other,
        }
    }
}

/// A source and where its bytes lie now.
struct Source {
    id: i64,
    name: String,
    load: i64,
    /// Where it was.
    path: Option<String>,
    member: Option<String>,
    limits: String,
    mapping: Option<String>,
    kind: String,
    bytes: u64,
    sha256: Option<Vec<u8>>,
    found: Found,
}

pub(super) fn run(args: &Args, values: &[String]) -> Result<u8> {
    let mut check = Check {
        args,
        checked: 0,
        failed: 0,
        told: BTreeSet::new(),
        stored: None,
    };
    let cx = match case::open(args) {
        Err(Error::Case { path, why }) if why.starts_with("is damaged") => {
            check.thing("database", &path.to_string_lossy(), Value::Null, Some(why))?;
            return end(&check);
        }
        other => other?,
    };
    check.look(&cx, "it", |c| database(&cx, c))?;
    if let Some(copy) = &cx.share {
        check.look(&cx, "the bodies", |c| shared::bodies(&cx, c, copy))?;
        check.look(&cx, "the journal", |c| kept::journal(&cx, c).map(|_| ()))?;
        return end(&check);
    }
    let mut found = Vec::new();
    check.look(&cx, "the list of sources", |c| {
        found = sources(&cx, c)?;
        Ok(())
    })?;
    let found_with = Arc::new(Rules::with_files(&args.common.rules)?);
    let mut again = stored::Again {
        scanner: Scanner::new(found_with.clone(), cx.key),
        rules: found_with,
        searched: Searched::read(&cx.conn).unwrap_or_default(),
    };
    let mut same_rules = true;
    check.look(&cx, "the list of sources", |c| {
        same_rules = stored::rules(&cx, c, &again)?;
        Ok(())
    })?;
    check.look(&cx, "the bodies", |c| stored::bodies(&cx, c, &mut again))?;
    check.look(&cx, "the calls", |c| stored::heads(&cx, c, &mut again))?;
    check.look(&cx, "the index of prints", |c| stored::prints(&cx, c))?;
    let mut broken = BTreeSet::new();
    check.look(&cx, "the journal", |c| {
        broken = kept::journal(&cx, c)?;
        kept::tables(&cx, c, &broken)
    })?;
    let scratch = derive::scratch(args, &cx, &found, &again.rules)?;
    let basis = match &scratch {
        Some(s) => {
            if let Some(why) = &s.why_stored {
                check.stored = Some(why.clone());
                let name = cx.path.to_string_lossy().into_owned();
                check.note("database", &name, Value::Null, why)?;
            }
            check.look(&cx, "the rows", |c| same::all(&cx, c, s, same_rules))?;
            &s.cx
        }
        None => &cx,
    };
    check.look(&cx, "the answers", |c| {
        kept::answers(&cx, basis, c, &broken, same_rules, values)
    })?;
    end(&check)
}

fn end(check: &Check<'_>) -> Result<u8> {
    let by = if check.stored.is_some() {
        "stored"
    } else {
        "evidence"
    };
    let sum = json!({ "checked": check.checked, "failed": check.failed, "against": by });
    if check.args.common.json {
        out::object(check.args, &sum)?;
    } else {
        out::text(&format!(
            "{} things looked at, {} do not hold\n",
            check.checked, check.failed
        ))?;
        if let Some(why) = &check.stored {
            out::text(&format!(
                "NOT compared with the evidence, only with itself: {}\n",
                visible(why)
            ))?;
        }
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

fn sources(cx: &Cx, check: &mut Check<'_>) -> Result<Vec<Source>> {
    let mut stmt = cx.conn.prepare(
        "SELECT id,name,load_id,path,member,limits,mapping,kind,bytes,sha256 FROM source ORDER BY id",
    )?;
    let mut rows: Vec<Source> = stmt
        .query_map([], |r| {
            Ok(Source {
                id: r.get(0)?,
                name: r.get(1)?,
                load: r.get(2)?,
                path: r.get(3)?,
                member: r.get(4)?,
                limits: r.get(5)?,
                mapping: r.get(6)?,
                kind: r.get(7)?,
                bytes: u64::try_from(r.get::<_, i64>(8)?).unwrap_or(0),
                sha256: r.get(9)?,
                found: Found::Missing(String::new()),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut archives = Reopened::new(beside(&cx.path));
    for s in &rows {
        if let (Some(path), Some(member)) = (&s.path, &s.member) {
            archives.want(Path::new(path), member);
        }
    }
    let dir = check.args.common.evidence.as_deref();
    let mut dir = dir.map(evidence::Folder::new).transpose()?;
    for s in &mut rows {
        let id: Value = s
            .sha256
            .as_deref()
            .map_or(Value::Null, |s| super::table::hex(s).into());
        let mut fault = None;
        match (&s.path, &s.sha256) {
            (None, _) => {
                fault = Some("it was read from a pipe and not kept (--no-spool)".to_owned())
            }
            (_, None) => fault = Some("it was not read to its end".to_owned()),
            (Some(path), Some(sha)) => {
                let wanted = Wanted {
                    path: Path::new(path),
                    member: s.member.as_deref(),
                    bytes: s.bytes,
                    sha256: sha,
                };
                s.found = evidence::find(&wanted, &mut archives, dir.as_mut())?;
                match &s.found {
                    Found::Same(_) => {}
                    Found::Grown(more, _) => {
                        let why = format!(
                            "the {} bytes that were read are as they were; {more} more were written since and are not in the case",
                            s.bytes
                        );
                        check.note("source", &s.name, id.clone(), &why)?;
                    }
                    Found::Changed(why) => fault = Some(why.clone()),
                    Found::Missing(why) => {
                        fault = Some(format!("{why} (--evidence DIR finds moved evidence)"));
                    }
                }
            }
        }
        check.thing("source", &s.name, id, fault)?;
    }
    Ok(rows)
}
