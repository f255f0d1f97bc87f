//! What is stored, against itself: bodies against their hashes, findings against the bodies and heads that they were found in, the
//! index of prints against the findings. In: a case. Out: what does not hold. Bounds: one body in memory; sixteen bytes a print.

use super::Check;
use crate::call::model::{Facts, Proto};
use crate::case::postings::{self, Target};
use crate::case::sources::Searched;
use crate::detect::{DIGEST, Rules, Scanner};
use crate::error::Result;
use crate::load::of_heads;
use crate::query::{Cx, read};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What is needed to find findings again.
pub(super) struct Again {
    pub rules: Arc<Rules>,
    pub scanner: Scanner,
    /// Print of the rules, where a load noted its own and they can be compared.
    pub searched: Searched,
}

impl Again {
    /// Whether something was searched with the rules at hand; what a load did not note is taken to be.
    fn comparable(&self, had: Option<&str>) -> bool {
        had.is_none_or(|r| r == self.rules.print())
    }
}

/// Sources that were searched with other rules: their findings cannot be found again with these. Gives whether there are none.
pub(super) fn rules(cx: &Cx, check: &mut Check<'_>, again: &Again) -> Result<bool> {
    let mut same = true;
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
                .map_or(Value::Null, |s| crate::cli::table::hex(&s).into());
            let why = format!(
                "its findings were made with other rules, or by another scanner ({had}; these are {}): verify with the same --rules",
                again.rules.print()
            );
            check.thing("source", &name, id, Some(why))?;
            same = false;
        }
    }
    Ok(same)
}

/// Hashes every stored body again and looks for its findings again.
pub(super) fn bodies(cx: &Cx, check: &mut Check<'_>, again: &mut Again) -> Result<()> {
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
            .map_or_else(|| id.to_string(), crate::cli::table::hex);
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
        let names = Names::stored(cx, &again.rules);
        compare(check, &names, &stored, &now, HERE, &mut || {
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
pub(super) fn heads(cx: &Cx, check: &mut Check<'_>, again: &mut Again) -> Result<()> {
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
                check.thing("call", &text, id, Some(format!("its heads: {e}")))?;
                continue;
            }
        };
        let log = r.get::<_, u8>(1)? == Proto::Log as u8;
        let uri: Option<String> = r.get(2)?;
        let [asked, answered] = of_heads(&mut again.scanner, &heads, uri.as_deref(), log);
        for (col, now) in [(3, asked), (4, answered)] {
            let have = r.get::<_, Option<Vec<u8>>>(col)?.unwrap_or_default();
            let stored = read::unpack_facts(cx, &have);
            let names = Names::stored(cx, &again.rules);
            compare(check, &names, &stored, &now, HERE, &mut name)?;
        }
    }
    Ok(())
}

/// What a finding is compared by, and what it is called: where it lies, its class by name (numbers may differ), form, print, and
/// what was made of it: confidence, whether it is masked, its record.
type Key = (u64, u32, String, u32, u64, String, (u8, bool, u32));

/// Names of classes by their numbers, on either side of a comparison.
pub(super) struct Names(Vec<(u8, String)>, Vec<(u8, String)>);

impl Names {
    /// What a case holds, and what is found with rules.
    pub fn stored(cx: &Cx, rules: &Rules) -> Names {
        let found = (0u8..).zip(rules.classes());
        Names(
            of_case(cx),
            found.map(|(id, c)| (id, c.name.to_string())).collect(),
        )
    }
    /// What two cases hold.
    pub fn of(a: &Cx, b: &Cx) -> Names {
        Names(of_case(a), of_case(b))
    }
}

fn of_case(cx: &Cx) -> Vec<(u8, String)> {
    let classes = cx.classes();
    classes.iter().map(|c| (c.id, c.name.to_string())).collect()
}

fn class_of(list: &[(u8, String)], id: u8) -> String {
    let found = list.iter().find(|c| c.0 == id);
    found.map_or("?".to_owned(), |c| c.1.clone())
}

/// What is said of a finding that is not found again, and of one that was not stored.
const HERE: [&str; 2] = [
    "it is not found again where it was",
    "it is found now and was not stored",
];

/// Tells each finding that is stored and not found now, or found now and not stored. `call` names the call that shows it.
pub(super) fn compare(
    check: &mut Check<'_>,
    names: &Names,
    stored: &Facts,
    now: &Facts,
    said: [&str; 2],
    call: &mut dyn FnMut() -> Result<Value>,
) -> Result<()> {
    let counted = |f: &Facts, list: &[(u8, String)]| {
        let missed = f.misses.iter();
        let mut missed: Vec<(String, String, u32)> = missed
            .map(|m| (m.field.to_string(), class_of(list, m.class), m.count))
            .collect();
        missed.sort();
        (f.records, f.dropped, missed)
    };
    let keys = |f: &Facts, list: &[(u8, String)]| -> Vec<Key> {
        let mut v: Vec<Key> = f
            .findings
            .iter()
            .map(|x| {
                let class = match x.class {
                    DIGEST => "digest".to_owned(),
                    id => class_of(list, id),
                };
                let place = crate::detect::place(&x.field, &x.index);
                let made = (x.conf, x.masked, x.record);
                (x.offset, x.len, class, x.form.0, x.print, place, made)
            })
            .collect();
        v.sort();
        v
    };
    let (a, b) = (keys(stored, &names.0), keys(now, &names.1));
    // Where findings differ, what is counted beside them does for the same reason.
    if a == b && counted(stored, &names.0) != counted(now, &names.1) {
        let why =
            "what was counted beside the findings (records, refused candidates) is another now";
        let id = call()?;
        check.thing("finding", "counts", id, Some(why.to_owned()))?;
    }
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
        tell(k, gone.then_some(said[0]))?;
    }
    for k in b.iter().filter(|k| a.binary_search(k).is_err()) {
        tell(k, Some(said[1]))?;
    }
    Ok(())
}

/// The index of prints, by which traces find values, against the findings: nothing missing. What a search with other rules found
/// once may be in it, and leads to nothing.
pub(super) fn prints(cx: &Cx, check: &mut Check<'_>) -> Result<()> {
    let mut have: Vec<(u64, Target)> = Vec::new();
    let mut want: Vec<(u64, Target)> = Vec::new();
    postings::each(&cx.conn, &mut |print, target| {
        have.push((print, target));
        true
    })?;
    for (sql, heads) in [
        ("SELECT id,facts FROM body WHERE facts IS NOT NULL", false),
        (
            "SELECT id,req_facts FROM call WHERE req_facts IS NOT NULL",
            true,
        ),
        (
            "SELECT id,resp_facts FROM call WHERE resp_facts IS NOT NULL",
            true,
        ),
    ] {
        let mut stmt = cx.conn.prepare(sql)?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let (id, blob): (i64, Vec<u8>) = (r.get(0)?, r.get(1)?);
            let target = if heads {
                Target::CallHead(id)
            } else {
                Target::Body(id)
            };
            let facts = read::unpack_facts(cx, &blob);
            want.extend(facts.findings.iter().map(|f| (f.print, target)));
        }
    }
    for list in [&mut have, &mut want] {
        list.sort_unstable();
        list.dedup();
    }
    let name = cx.path.to_string_lossy().into_owned();
    let lost = want.iter().filter(|p| have.binary_search(p).is_err());
    let why = format!(
        "its index of prints has not all of its findings: {} are missing, and a trace would not see them",
        lost.clone().count()
    );
    check.thing(
        "database",
        &name,
        Value::Null,
        lost.clone().next().map(|_| why),
    )
}
