//! What the investigator did, against the journal; and answers that left the case, asked again. In: a case. Out: rows of the journal
//! that do not hold, marks, notes, tags, filters, corrections and settings that it does not tell of or tells otherwise, reports whose
//! answer is another now. Bounds: the journal is held as the rows that it makes.

use super::Check;
use crate::case::info;
use crate::case::journal::{self, Entry};
use crate::cli::trace;
use crate::error::Result;
use crate::query::Cx;
use crate::report;
use crate::trace::Question;
use crate::trace::subject::Kind;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Looks at the journal; gives the rows that do not hold.
pub(super) fn journal(cx: &Cx, check: &mut Check<'_>) -> Result<BTreeSet<i64>> {
    let (n, broken) = journal::verify(&cx.conn)?;
    check.checked += n;
    let mut rows = BTreeSet::new();
    for b in broken {
        check.checked = check.checked.saturating_sub(1);
        rows.insert(b.seq);
        let why = Some(b.why.to_owned());
        check.thing("journal", &b.seq.to_string(), b.seq.into(), why)?;
    }
    Ok(rows)
}

/// A row of the investigator's: kind and name, what it says, and the journal row that tells of it.
type Rows = BTreeMap<(String, String), Said>;
type Said = (Vec<String>, Option<i64>);

fn text(d: &Value, name: &str) -> String {
    d.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// A mark, note or tag: what names it.
fn mark_key(kind: &str, target: &str, v: &str) -> (String, String) {
    let v = if v.is_empty() {
        String::new()
    } else {
        format!(" {v}")
    };
    (kind.to_owned(), format!("{target}{v}"))
}

/// The rows that the journal makes, in its order.
fn replayed(entries: &[Entry]) -> Rows {
    let mut out = Rows::new();
    let by_seq: BTreeMap<i64, &Entry> = entries.iter().map(|e| (e.seq, e)).collect();
    // What a correction said before it was replaced, by the row that replaced it.
    let mut before: BTreeMap<i64, Option<Said>> = BTreeMap::new();
    for e in entries {
        let d: Value = serde_json::from_str(&e.detail).unwrap_or(Value::Null);
        match e.act.as_str() {
            "mark" | "note" | "tag" => {
                put_mark(&mut out, e, text(&d, "do") == "add");
            }
            "filter" => {
                let key = ("filter".to_owned(), text(&d, "name"));
                if text(&d, "do") == "save" {
                    out.insert(key, (vec![text(&d, "kind"), text(&d, "v")], None));
                } else {
                    out.remove(&key);
                }
            }
            "set" => {
                let key = ("info".to_owned(), text(&d, "key"));
                out.insert(key, (vec![text(&d, "new")], None));
            }
            "correction" => {
                let key = correction_key(&d);
                let had = if text(&d, "do") == "remove" {
                    out.remove(&key)
                } else {
                    out.insert(key, (vec![text(&d, "v")], Some(e.seq)))
                };
                before.insert(e.seq, had);
            }
            "spec" => {
                let key = ("spec".to_owned(), text(&d, "file"));
                out.insert(key, (vec![text(&d, "sha256")], Some(e.seq)));
            }
            "undo" => {
                let seq = d.get("seq").and_then(Value::as_i64).unwrap_or(0);
                let Some(of) = by_seq.get(&seq) else { continue };
                let was: Value = serde_json::from_str(&of.detail).unwrap_or(Value::Null);
                if of.act != "correction" {
                    put_mark(&mut out, of, text(&was, "do") != "add");
                    continue;
                }
                match before.get(&seq).cloned().flatten() {
                    Some(row) => out.insert(correction_key(&was), row),
                    None => out.remove(&correction_key(&was)),
                };
            }
            _ => {}
        }
    }
    out
}

fn correction_key(d: &Value) -> (String, String) {
    let name = format!("{} {}", text(d, "kind"), text(d, "target"));
    ("correction".to_owned(), name)
}

fn put_mark(out: &mut Rows, e: &Entry, add: bool) {
    let d: Value = serde_json::from_str(&e.detail).unwrap_or(Value::Null);
    let key = mark_key(&e.act, &text(&d, "target"), &text(&d, "v"));
    if add {
        out.insert(key, (vec![e.at.to_string()], Some(e.seq)));
    } else {
        out.remove(&key);
    }
}

/// The rows that the case has.
fn stored(conn: &Connection) -> Result<Rows> {
    let mut out = Rows::new();
    let mut stmt = conn.prepare("SELECT kind,target,v,at,seq FROM mark ORDER BY id")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (kind, target, v): (String, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
        let at: i64 = r.get(3)?;
        out.insert(
            mark_key(&kind, &target, &v),
            (vec![at.to_string()], r.get(4)?),
        );
    }
    for (sql, thing) in [
        ("SELECT name,kind,v,NULL FROM saved", "filter"),
        (
            "SELECT key,v,NULL,NULL FROM info WHERE key IN ('number','examiner','notes','inside')",
            "info",
        ),
        (
            "SELECT kind||' '||target,v,NULL,seq FROM correction",
            "correction",
        ),
        ("SELECT name,lower(hex(sha256)),NULL,seq FROM spec", "spec"),
    ] {
        let mut stmt = conn.prepare(sql)?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let mut says: Vec<String> = vec![r.get(1)?];
            says.extend(r.get::<_, Option<String>>(2)?);
            out.insert((thing.to_owned(), r.get(0)?), (says, r.get(3)?));
        }
    }
    Ok(out)
}

/// Settings that stand in the journal as their digest: the key of all prints, and the profile.
fn settings(
    cx: &Cx,
    check: &mut Check<'_>,
    entries: &[Entry],
    broken: &BTreeSet<i64>,
) -> Result<()> {
    for (act, key, told) in [
        ("case-created", "print_key", "print_key_sha256"),
        ("profile", "profile", "sha256"),
    ] {
        let last = entries.iter().rev().find(|e| e.act == act);
        let now = cx.info(key)?;
        let why = match (last, now) {
            (Some(e), _) if broken.contains(&e.seq) => continue,
            (Some(e), now) => {
                let d: Value = serde_json::from_str(&e.detail).unwrap_or(Value::Null);
                // cases made before it was kept have no digest
                let Some(told) = d.get(told).and_then(Value::as_str) else {
                    continue;
                };
                let same = now.as_deref().map(info::digest).as_deref() == Some(told);
                (!same).then(|| format!("it is not what journal row {} says of it", e.seq))
            }
            (None, Some(_)) if broken.is_empty() => {
                Some("the journal does not tell of it".to_owned())
            }
            (None, _) => continue,
        };
        check.thing("info", key, key.into(), why)?;
    }
    Ok(())
}

/// Compares them. Rows that rest on a row of the journal that does not hold are not told of: that row is.
pub(super) fn tables(cx: &Cx, check: &mut Check<'_>, broken: &BTreeSet<i64>) -> Result<()> {
    let entries = journal::list(&cx.conn)?;
    settings(cx, check, &entries, broken)?;
    let (told, have) = (replayed(&entries), stored(&cx.conn)?);
    // Of what has no row of its own in the journal, any row that is broken may have spoken.
    let rests = |row: &Said| match row.1 {
        Some(seq) => broken.contains(&seq),
        None => !broken.is_empty(),
    };
    let last = entries.last().map_or(0, |e| e.seq);
    for (key, row) in &have {
        let (kind, name) = (key.0.as_str(), key.1.as_str());
        let why = match told.get(key) {
            Some(t) if t == row => None,
            Some(t) if rests(t) || rests(row) => None,
            Some(_) => Some("it is not what the journal says of it".to_owned()),
            // cases made before the journal told of it
            None if key.0 == "info" && key.1 == "inside" => None,
            None if rests(row) || row.1.is_some_and(|seq| seq > last) && !broken.is_empty() => None,
            None => Some("the journal does not tell of it".to_owned()),
        };
        check.thing(kind, name, name.into(), why)?;
    }
    for (key, row) in &told {
        if have.contains_key(key) || rests(row) {
            continue;
        }
        let why = "the journal tells of it, and it is gone or another".to_owned();
        check.thing(&key.0, &key.1, key.1.clone().into(), Some(why))?;
    }
    Ok(())
}

/// Asks again what reports answered: each journal row of one holds its question and the digest of its answer. `basis` is what was
/// derived again.
pub(super) fn answers(
    cx: &Cx,
    basis: &Cx,
    check: &mut Check<'_>,
    broken: &BTreeSet<i64>,
    same_rules: bool,
    values: &[String],
) -> Result<()> {
    let entries = journal::list(&cx.conn)?;
    // What may rightly change an answer.
    let changed = entries
        .iter()
        .rev()
        .find(|e| {
            [
                "load",
                "rescan",
                "correction",
                "spec",
                "schema",
                "profile",
                "recover",
                "undo",
            ]
            .contains(&e.act.as_str())
        })
        .map_or(0, |e| e.seq);
    for e in entries
        .iter()
        .filter(|e| e.act == "export" && !broken.contains(&e.seq))
    {
        let d: Value = serde_json::from_str(&e.detail).unwrap_or(Value::Null);
        let Some(digest) = d.get("answer").and_then(Value::as_str) else {
            continue;
        };
        let name = format!("of journal row {}", e.seq);
        let id: Value = e.seq.into();
        if e.seq < changed {
            let why = format!(
                "its answer was not compared: the case was changed since (journal row {changed})"
            );
            check.note("verdict", &name, id, &why)?;
            continue;
        }
        let reveal = d.get("revealed").and_then(Value::as_bool).unwrap_or(false);
        let question = match question(check, d.get("question").unwrap_or(&Value::Null), cx, values)
        {
            Ok(q) if same_rules => q,
            Ok(_) => continue,
            Err(why) => {
                check.note("verdict", &name, id, &why)?;
                continue;
            }
        };
        let now = report::digest(&trace::answer_as(
            check.args, basis, &question, None, reveal,
        )?);
        let why = (now != digest)
            .then(|| "the evidence gives another answer now than the report says".to_owned());
        check.thing("verdict", &name, id, why)?;
    }
    Ok(())
}

/// The question of a report, or why it cannot be asked again.
fn question(
    check: &Check<'_>,
    q: &Value,
    cx: &Cx,
    values: &[String],
) -> std::result::Result<Question, String> {
    let word = |name: &str| q.get(name).and_then(Value::as_str);
    if let Some(a) = word("account") {
        return Ok(Question::Account(a.to_owned()));
    }
    if let Some(r) = word("record") {
        return Ok(Question::Record(r.to_owned()));
    }
    for kind in Kind::ALL {
        if let Some(name) = word(kind.name()) {
            return Ok(Question::Subject(kind, name.to_owned()));
        }
    }
    if let Some(told) = word("value") {
        let given = values.iter().find(|v| cx.print_of(v) == told);
        return given.map(|v| Question::Value(v.clone())).ok_or_else(|| {
            "it was asked for one value, which the journal does not keep: verify --value V asks it again".to_owned()
        });
    }
    let Some(clue) = word("clue") else {
        return Err(
            "it was asked for one value, of which an older version kept nothing".to_owned(),
        );
    };
    let sha = word("clue_sha256").unwrap_or_default();
    let clue = PathBuf::from(clue);
    let mut places = vec![clue.clone()];
    if let Some(dir) = &check.args.common.evidence {
        places.extend(clue.file_name().map(|f| dir.join(f)));
    }
    for p in places {
        if let Ok(bytes) = std::fs::read(&p)
            && report::digest_of(&bytes) == sha
        {
            let name = clue.to_string_lossy().into_owned();
            return Ok(Question::Clue { name, bytes });
        }
    }
    Err(format!(
        "the clue {} is not where it was with the content that it had (--evidence DIR)",
        clue.display()
    ))
}
