//! Puts an answer together: reads the question, finds where its values stand, follows each row, weighs the accounts.
//! In: a question and a case. Out: the trace object. Bounds: those of the parts; see the module's page.

use super::clue::{self, Clue};
use super::evidence::Evidence;
use super::matching::{self, RowHit};
use super::model::{ClueCount, Hop, Omitted, TraceResult, Trail};
use super::sight::{self, Fields, Found, Holder};
use super::subject::{self, Kind, Subject};
use super::subjects::Deliveries;
use super::trail::hosts::Hosts;
use super::trail::{self, Seen};
use super::verdict::{self, Case, Details};
use super::{Options, Question, resolve, text};
use crate::call::model::Dir;
use crate::case::bodies::BodyReader;
use crate::case::{ids, info, share};
use crate::detect::form::{Form, Step};
use crate::detect::print::PrintKey;
use crate::detect::{self, Rules, Scanner};
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn usage(msg: String) -> Error {
    Error::Usage { msg, at: None }
}

/// Decides the class of a clue's column with the same scanner that reads the evidence.
fn type_column(
    scanner: &mut Scanner,
    rules: &Rules,
    name: Option<&str>,
    sample: &[&str],
) -> Option<(String, bool)> {
    if sample.is_empty() {
        return None;
    }
    let mut content = Vec::new();
    for s in sample {
        let mut o = serde_json::Map::new();
        o.insert(name.unwrap_or("value").to_owned(), (*s).into());
        content.extend(serde_json::to_vec(&o).unwrap_or_default());
        content.push(b'\n');
    }
    let kind = if sample.len() == 1 { "json" } else { "ndjson" };
    let facts = scanner.scan_body(&content, kind, None);
    let mut votes: BTreeMap<u8, (u32, u32)> = BTreeMap::new();
    for f in facts.findings.iter().filter(|f| f.class != detect::DIGEST) {
        let v = votes.entry(f.class).or_default();
        v.0 += 1;
        v.1 += u32::from(f.conf);
    }
    let (class, (n, conf)) = votes.into_iter().max_by_key(|(_, v)| *v)?;
    if (n as usize) * 2 < sample.len() || conf / n.max(1) < 20 {
        return None;
    }
    let def = rules.classes().get(usize::from(class))?;
    let strong = super::evidence::identifies(&def.name).is_some()
        || def.level >= crate::call::model::Level::S3;
    Some((def.name.clone(), strong))
}

/// What the scanner finds in a clue without columns: place, length, class, whether it identifies a person.
fn find_values(
    scanner: &mut Scanner,
    rules: &Rules,
    text: &str,
) -> Vec<(usize, usize, String, bool)> {
    let facts = scanner.scan_body(text.as_bytes(), "text", None);
    facts
        .findings
        .iter()
        .filter(|f| f.class != detect::DIGEST && f.conf >= 20)
        .filter_map(|f| {
            let def = rules.classes().get(usize::from(f.class))?;
            let strong = super::evidence::identifies(&def.name).is_some()
                || def.level >= crate::call::model::Level::S3;
            Some((
                usize::try_from(f.offset).ok()?,
                usize::try_from(f.len).ok()?,
                def.name.clone(),
                strong,
            ))
        })
        .collect()
}

/// Answers a question.
pub fn run(
    conn: &Connection,
    question: &Question,
    options: &Options,
    stop: &AtomicBool,
) -> Result<TraceResult> {
    let copy = share::read(conn)?;
    let key = match &copy {
        Some(copy) => share::key(copy)?.ok_or_else(share::locked)?,
        None => info::print_key(conn)?.ok_or_else(|| Error::Case {
            path: "case".into(),
            why: "holds no key for prints: it was not made by leaktrace".into(),
        })?,
    };
    match (&copy, question) {
        (Some(_), Question::Account(_)) => return Err(share::no_text("a trace of an account")),
        (Some(_), Question::Record(_)) => return Err(share::no_text("a trace of a record")),
        _ => {}
    }
    let rules = options
        .rules
        .clone()
        .unwrap_or_else(|| Arc::new(Rules::builtin()));
    let scanner = std::cell::RefCell::new(Scanner::new(rules.clone(), key));
    let mut typer = |name: Option<&str>, sample: &[&str]| {
        type_column(&mut scanner.borrow_mut(), &rules, name, sample)
    };
    let mut finder = |text: &str| find_values(&mut scanner.borrow_mut(), &rules, text);
    let e = Evidence::load(conn)?;
    let mut only: Option<i64> = None;
    // calls that trails are told of, and what passed them
    let mut about: Option<(FxHashSet<i64>, Subject)> = None;
    let mut asked_about = |kind: Kind, name: &str| -> Result<Vec<(i64, i64)>> {
        let at = subject::calls(&e, kind, name)?;
        let told = subject::read(&e, kind, name, &at, &options.inside, stop)?;
        let of = |a: &subject::At| e.calls.get(a.call as usize);
        let bodies = |came: bool| -> Vec<(i64, i64)> {
            let side = |a: &subject::At| {
                let c = of(a)?;
                let body = if a.client == came { c.resp } else { c.req };
                (body != 0).then_some((c.ts, body))
            };
            at.iter().filter_map(side).collect()
        };
        // what came to it; where nothing did, what it gave away
        let came = if told.taken.records > 0 {
            bodies(true)
        } else {
            bodies(false)
        };
        let ids = at.iter().filter_map(|a| Some(of(a)?.id)).collect();
        about = Some((ids, told));
        Ok(came)
    };
    let mut clue = match question {
        Question::Value(v) => {
            clue::one(v, &mut typer).map_err(|_| usage("--value: nothing to look for".into()))?
        }
        Question::Clue { name, bytes } => clue::read(name, bytes, &mut typer, &mut finder)?,
        Question::Record(id) => record(conn, &e, &key, id)?,
        Question::Subject(kind, name) => {
            let bodies = asked_about(*kind, name)?;
            match received(conn, &e, &key, bodies, stop)? {
                Some(c) => c,
                None => {
                    return Ok(TraceResult {
                        subject: about.map(|a| a.1),
                        ..TraceResult::default()
                    });
                }
            }
        }
        Question::Account(name) => {
            let id = e
                .accounts
                .iter()
                .find(|(_, a)| a.0 == *name)
                .map(|(id, _)| *id)
                .ok_or_else(|| {
                    usage(format!(
                        "no account {} in this case",
                        crate::call::text::visible(name)
                    ))
                })?;
            asked_about(Kind::Account, name)?;
            only = Some(id);
            match received(conn, &e, &key, answers_to(&e, id), stop)? {
                Some(c) => c,
                None => {
                    let mut told = nothing_received(&e, &key, options, stop, id)?;
                    told.subject = about.map(|a| a.1);
                    return Ok(told);
                }
            }
        }
    };
    let lone = matches!(question, Question::Value(_));
    let own = match (only, &about) {
        (Some(account), _) => Some(Own::Account(account)),
        (None, Some((calls, _))) => Some(Own::Calls(calls)),
        (None, None) => None,
    };
    let resolved = if options.quick || own.is_some() {
        Vec::new()
    } else {
        resolve::resolve(conn, &e.classes, &clue, stop)?
    };
    let mut found = sight::by_prints(&e, &clue, &key, &resolved, stop)?;
    sight::learn_classes(&e, &mut clue, &found);
    let mut omitted = Omitted::default();
    if !options.quick && own.is_none() {
        let wanted = as_text(&clue, &found, lone);
        if !wanted.is_empty() {
            let s = text::search(conn, &wanted, stop)?;
            omitted.unsearched = s.unsearched;
            omitted.shallow = s.shallow;
            omitted.stopped |= s.stopped;
            merge(&mut found, s.found);
        }
    }
    let hits = matching::rows(&clue, &found, lone);
    let mut details = Details::new(&e);
    let until = until(options);
    let readings = verdict::readings(&e, &clue, &found, &hits, until);
    let loose = !clue.columns.iter().any(|c| {
        c.strong
            && c.class
                .as_deref()
                .and_then(super::evidence::identifies)
                .is_some()
    });
    // nobody is suspected where nothing is known to have leaked
    let (verdict, suspects) = if matches!(question, Question::Subject(..)) {
        Default::default()
    } else {
        let all = Deliveries::load(&e, loose, &options.inside, until, stop)?;
        let case = Case {
            e: &e,
            clue: &clue,
            key: &key,
            inside: &options.inside,
            all: &all,
            resolved: &resolved,
            options,
        };
        let (verdict, suspects, more) = verdict::judge(&case, &readings, &mut details, only)?;
        omitted.suspects = more;
        (verdict, suspects)
    };
    let trails = trails(
        &e,
        &clue,
        &found,
        &hits,
        options,
        own.as_ref(),
        &mut details,
        &mut omitted,
    )?;
    omitted.stopped |= stop.load(Ordering::Relaxed);
    let matched_values: FxHashSet<u32> = hits
        .iter()
        .flat_map(|h| {
            let list = found.get(h.found as usize).map_or(&[][..], |f| &f.hits);
            h.hits
                .iter()
                .filter_map(|i| list.get(*i as usize).map(|x| x.value))
        })
        .collect();
    let seen_rows: BTreeSet<u32> = hits.iter().map(|h| h.row).collect();
    let told = match question {
        Question::Value(_) => {
            let name = shown(&clue, 0, options.reveal);
            Some(subject::of_trails("value", &name, &trails))
        }
        Question::Record(id) => Some(subject::of_trails("record", id, &trails)),
        _ => about.map(|a| a.1),
    };
    Ok(TraceResult {
        subject: told,
        clue: ClueCount {
            rows: clue.rows.len() as u64,
            values: clue.values.len() as u64,
            matched_rows: seen_rows.len() as u64,
            matched_values: matched_values.len() as u64,
            read_as: read_as(&clue),
            skipped: clue.skipped,
        },
        verdict,
        suspects,
        trails,
        omitted,
    })
}

/// How the clue was understood, in words.
fn read_as(clue: &Clue) -> String {
    let columns: Vec<String> = clue
        .columns
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let name = c
                .name
                .clone()
                .unwrap_or_else(|| format!("column {}", i + 1));
            match (&c.class, c.used) {
                (Some(k), _) if *k == name => name,
                (Some(k), _) => format!("{name} = {k}"),
                (None, true) => name,
                (None, false) => format!("{name} (not looked for: few values)"),
            }
        })
        .collect();
    format!("{}: {}", clue.format, columns.join(", "))
}

/// Values to search as text. A few: all that are worth it, since a value of a class may stand where none was looked for (a word in
/// a path, a member of an archive). Many: those that no class covers.
fn as_text<'a>(clue: &'a Clue, found: &[Found], lone: bool) -> Vec<(u32, &'a str)> {
    let few = clue.values.len() <= limits::TRACE_TEXT_ALWAYS;
    let have: FxHashSet<u32> = found
        .iter()
        .flat_map(|f| f.hits.iter().map(|h| h.value))
        .collect();
    (0u32..)
        .zip(&clue.values)
        .filter(|(i, v)| {
            let column = clue.columns.get(v.column as usize);
            (few || !have.contains(i))
                && column.is_none_or(|c| c.used && (lone || c.strong && (few || c.class.is_none())))
        })
        .map(|(i, v)| (i, v.text.as_str()))
        .collect()
}

/// Joins two lists of hits by holder. Of one value at one place the first list tells more.
fn merge(found: &mut Vec<Found>, more: Vec<Found>) {
    let mut by: BTreeMap<Holder, Vec<sight::Hit>> = BTreeMap::new();
    for f in found.drain(..) {
        by.entry(f.holder).or_default().extend(f.hits);
    }
    for f in more {
        let own = by.entry(f.holder).or_default();
        let mut known: Vec<(u32, u64, u64)> = own
            .iter()
            .map(|k| (k.value, k.offset, k.offset.saturating_add(u64::from(k.len))))
            .collect();
        known.sort_unstable();
        own.extend(f.hits.into_iter().filter(|h| {
            let end = h.offset.saturating_add(u64::from(h.len));
            let before = known.partition_point(|k| (k.0, k.1) < (h.value, end));
            let last = before.checked_sub(1).and_then(|i| known.get(i));
            last.is_none_or(|k| k.0 != h.value || k.2 <= h.offset)
        }));
    }
    *found = by
        .into_iter()
        .filter(|(_, hits)| !hits.is_empty())
        .map(|(holder, mut hits)| {
            hits.sort_by_key(|h| h.offset);
            Found { holder, hits }
        })
        .collect();
}

/// A value as it may be shown.
fn shown(clue: &Clue, value: u32, reveal: bool) -> String {
    let Some(v) = clue.values.get(value as usize) else {
        return String::new();
    };
    let class = clue
        .columns
        .get(v.column as usize)
        .and_then(|c| c.class.as_deref());
    match class {
        Some(c) if !reveal && v.shape == clue::Shape::Clear => detect::mask::show(c, &v.text),
        _ => v.text.clone(),
    }
}

/// The name of a row: its values, identifying ones first.
fn label(clue: &Clue, row: u32, reveal: bool) -> String {
    let Some(values) = clue.rows.get(row as usize) else {
        return String::new();
    };
    let mut order: Vec<u32> = values.clone();
    order.sort_by_key(|v| {
        clue.values
            .get(*v as usize)
            .and_then(|x| clue.columns.get(x.column as usize))
            .is_none_or(|c| !c.strong)
    });
    let text: Vec<String> = order
        .iter()
        .take(3)
        .map(|v| shown(clue, *v, reveal))
        .collect();
    if clue.rows.len() > 1 {
        format!("row {}: {}", row + 1, text.join(", "))
    } else {
        text.join(", ")
    }
}

#[allow(clippy::too_many_arguments)] // one place puts together what several parts found
fn trails(
    e: &Evidence<'_>,
    clue: &Clue,
    found: &[Found],
    hits: &[RowHit],
    options: &Options,
    only: Option<&Own<'_>>,
    details: &mut Details<'_, '_>,
    omitted: &mut Omitted,
) -> Result<Vec<Trail>> {
    let mut by_row: BTreeMap<u32, Vec<&RowHit>> = BTreeMap::new();
    for h in hits {
        by_row.entry(h.row).or_default().push(h);
    }
    let limit = options.trails.unwrap_or(limits::TRACE_TRAILS);
    // Rows that were sent in a request first: they moved on.
    let mut order: Vec<u32> = by_row.keys().copied().collect();
    let sent = |row: &u32| {
        by_row.get(row).is_some_and(|l| {
            l.iter().any(|h| match h.holder {
                Holder::Body(b) => e.sent_with(b).next().is_some(),
                _ => false,
            })
        })
    };
    if order.len() > limit {
        order.sort_by_key(|r| (!sent(r), *r));
        omitted.trails = (order.len() - limit) as u64;
        order.truncate(limit);
        order.sort_unstable();
    }
    let mut out = Vec::new();
    let hosts = Hosts::new(e.conn)?;
    for row in order {
        let mut seen: Vec<Seen> = Vec::new();
        for h in by_row.get(&row).map_or(&[][..], Vec::as_slice) {
            let Some(list) = found.get(h.found as usize).map(|f| &f.hits) else {
                continue;
            };
            let Some(best) = h.hits.first().and_then(|i| list.get(*i as usize)) else {
                continue;
            };
            let body = match h.holder {
                Holder::Body(b) => b,
                Holder::ReqHead(_) | Holder::RespHead(_) => 0,
            };
            let mut add = |call: u32, resp: bool| -> Result<()> {
                if seen.len() > 4 * limits::TRACE_HOPS {
                    omitted.hops += 1;
                    return Ok(());
                }
                let Some(d) = details.get(call)? else {
                    return Ok(());
                };
                let hits = h.hits.iter().filter_map(|i| list.get(*i as usize));
                let values: BTreeSet<u32> = hits.clone().map(|x| x.value).collect();
                let forms: BTreeSet<Form> = hits.map(|x| x.form).collect();
                seen.push(Seen {
                    clock: hosts.clock(d.source),
                    call: d,
                    resp,
                    place: detect::place(&best.field, &best.index),
                    form: best.form,
                    masked: best.masked
                        || best
                            .form
                            .steps()
                            .any(|s| matches!(s, Step::Mask | Step::Last4)),
                    conf: h.conf,
                    at: (best.offset, best.len),
                    value: Some(shown(clue, best.value, options.reveal)),
                    values: values.into_iter().collect(),
                    forms: forms.into_iter().collect(),
                    body,
                    parent: e.calls.get(call as usize).map_or(0, |c| c.parent),
                });
                Ok(())
            };
            match h.holder {
                Holder::Body(b) => {
                    for call in e.answered_with(b) {
                        add(call, true)?;
                    }
                    for call in e.sent_with(b) {
                        add(call, false)?;
                    }
                }
                Holder::ReqHead(id) => {
                    if let Some(call) = e.find(id) {
                        add(call, false)?;
                    }
                }
                Holder::RespHead(id) => {
                    if let Some(call) = e.find(id) {
                        add(call, true)?;
                    }
                }
            }
        }
        let seen = fold(seen);
        let seen = match only {
            Some(own) => of_subject(e, seen, own),
            None => seen,
        };
        if seen.is_empty() {
            continue;
        }
        let (hops, exits, over) =
            trail::build(e, &hosts, seen, &options.inside, limits::TRACE_HOPS);
        omitted.hops += over;
        let clear = |h: &&Hop| !h.inferred && !h.masked && h.form.ends_with("plain");
        out.push(Trail {
            record: label(clue, row, options.reveal),
            first_seen: hops.iter().find_map(|h| h.ts.clone()),
            last_clear: hops.iter().rfind(clear).and_then(|h| h.ts.clone()),
            hops,
            exits,
        });
    }
    Ok(out)
}

/// One sighting for each message: the clearest stands for the others, and has the values and forms of all.
fn fold(seen: Vec<Seen>) -> Vec<Seen> {
    let mut best: BTreeMap<(i64, bool), Seen> = BTreeMap::new();
    for mut s in seen {
        match best.entry((s.call.id, s.resp)) {
            std::collections::btree_map::Entry::Vacant(v) => {
                v.insert(s);
            }
            std::collections::btree_map::Entry::Occupied(mut o) => {
                let have = o.get_mut();
                let rank = |s: &Seen| (s.worth(), s.values.len(), s.conf.to_bits(), Reverse(s.at));
                if rank(&s) > rank(have) {
                    std::mem::swap(have, &mut s);
                }
                have.values.extend(s.values);
                have.values.sort_unstable();
                have.values.dedup();
                have.forms.extend(s.forms);
                have.forms.sort_unstable();
                have.forms.dedup();
            }
        }
    }
    best.into_values().collect()
}

/// Whose trails are told.
enum Own<'a> {
    /// An account's.
    Account(i64),
    /// Those that pass these calls (row ids).
    Calls(&'a FxHashSet<i64>),
}

/// What a subject received, and what left from its addresses after that.
fn of_subject(e: &Evidence<'_>, seen: Vec<Seen>, of: &Own<'_>) -> Vec<Seen> {
    let own = |s: &Seen| match of {
        Own::Calls(calls) => calls.contains(&s.call.id),
        Own::Account(account) => {
            s.call.account == *account
                || e.find(s.call.id)
                    .and_then(|i| e.calls.get(i as usize))
                    .is_some_and(|c| c.behind == *account)
        }
    };
    let first = seen
        .iter()
        .filter(|s| s.resp && own(s))
        .map(|s| s.call.ts)
        .min();
    let hosts: BTreeSet<_> = seen
        .iter()
        .filter(|s| s.resp && own(s))
        .filter_map(|s| s.call.src)
        .collect();
    seen.into_iter()
        .filter(|s| {
            own(s)
                || !s.resp
                    && first.is_some_and(|f| s.call.ts >= f)
                    && s.call.src.is_some_and(|a| hosts.contains(&a))
        })
        .collect()
}

/// Values of one record in a body: value, class, whether the class identifies.
fn values_of(
    e: &Evidence<'_>,
    key: &PrintKey,
    facts: &crate::call::model::Facts,
    content: &[u8],
    record: u32,
) -> Vec<(String, String, bool)> {
    let mut out: Vec<(String, String, bool)> = Vec::new();
    for f in facts.findings.iter().filter(|f| f.record == record) {
        let Some(class) = e
            .classes
            .get(usize::from(f.class))
            .filter(|c| !c.is_empty())
        else {
            continue;
        };
        let from = usize::try_from(f.offset).unwrap_or(usize::MAX);
        let Some(slice) = content.get(from..from.saturating_add(f.len as usize)) else {
            continue;
        };
        let value = if f.masked {
            Some(slice.to_vec())
        } else {
            detect::value_of(key, f, slice)
        };
        let Some(value) = value.and_then(|v| String::from_utf8(v).ok()) else {
            continue;
        };
        if !out.iter().any(|(v, _, _)| *v == value) {
            out.push((value, class.clone(), e.is_strong(f.class)));
        }
    }
    out
}

fn facts_of(
    conn: &Connection,
    fields: &Fields<'_>,
    body: i64,
) -> Result<crate::call::model::Facts> {
    let blob: Option<Option<Vec<u8>>> = conn
        .prepare_cached("SELECT facts FROM body WHERE id=?1")?
        .query_row([body], |r| r.get(0))
        .optional()?;
    Ok(blob.flatten().map(|b| fields.facts(&b)).unwrap_or_default())
}

/// The clue of a record id.
fn record(conn: &Connection, e: &Evidence<'_>, key: &PrintKey, id: &str) -> Result<Clue> {
    let gone = || {
        usage(format!(
            "no record {} in this case (findings rows name them)",
            crate::call::text::visible(id)
        ))
    };
    let (call, dir, n) = ids::parse_record(id).ok_or_else(gone)?;
    let row = ids::find_call(conn, call)?.ok_or_else(gone)?;
    let c = e
        .find(row)
        .and_then(|i| e.calls.get(i as usize))
        .ok_or_else(gone)?;
    let body = match dir {
        Dir::Req => c.req,
        Dir::Resp => c.resp,
    };
    if body == 0 {
        return Err(gone());
    }
    let fields = Fields::new(conn);
    let facts = facts_of(conn, &fields, body)?;
    let content = BodyReader::new().get(conn, body)?;
    let values = values_of(e, key, &facts, &content, n);
    if values.is_empty() {
        return Err(gone());
    }
    clue::record(&values)
}

/// Answers that an account received: time and body.
fn answers_to(e: &Evidence<'_>, account: i64) -> Vec<(i64, i64)> {
    e.answers()
        .iter()
        .filter(|(_, c)| e.receiver(*c) == Some(account))
        .filter_map(|(b, c)| Some((e.calls.get(*c as usize)?.ts, *b)))
        .collect()
}

/// The clue of what bodies hold: the first records, each subject once.
fn received(
    conn: &Connection,
    e: &Evidence<'_>,
    key: &PrintKey,
    mut bodies: Vec<(i64, i64)>,
    stop: &AtomicBool,
) -> Result<Option<Clue>> {
    bodies.sort_unstable();
    let mut done: FxHashSet<i64> = FxHashSet::default();
    let mut seen: FxHashSet<u64> = FxHashSet::default();
    let mut rows: Vec<Vec<(String, String, bool)>> = Vec::new();
    let fields = Fields::new(conn);
    let mut reader = BodyReader::new();
    for (_, body) in bodies {
        if rows.len() >= limits::TRACE_ACCOUNT_RECORDS || stop.load(Ordering::Relaxed) {
            break;
        }
        if !done.insert(body) {
            continue;
        }
        let facts = facts_of(conn, &fields, body)?;
        let mut records: BTreeMap<u32, Option<u64>> = BTreeMap::new();
        for f in &facts.findings {
            let print = records.entry(f.record).or_default();
            if !f.masked && e.is_strong(f.class) && f.record != 0 {
                print.get_or_insert(f.print);
            }
        }
        if records.values().all(Option::is_none) {
            continue;
        }
        let content = reader.get(conn, body)?;
        for (n, print) in records {
            if rows.len() < limits::TRACE_ACCOUNT_RECORDS && print.is_some_and(|k| seen.insert(k)) {
                let v = values_of(e, key, &facts, &content, n);
                if !v.is_empty() {
                    rows.push(v);
                }
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    clue::rows_of(&rows, "records that came to the subject").map(Some)
}

/// Until when deliveries count.
fn until(options: &Options) -> Option<i64> {
    options
        .published
        .filter(|_| !options.without.iter().any(|k| k == "time"))
}

/// An account that exists and received nothing that identifies anybody.
fn nothing_received(
    e: &Evidence<'_>,
    key: &PrintKey,
    options: &Options,
    stop: &AtomicBool,
    account: i64,
) -> Result<TraceResult> {
    let clue = Clue::default();
    let until = until(options);
    let all = Deliveries::load(e, false, &options.inside, until, stop)?;
    let case = Case {
        e,
        clue: &clue,
        key,
        inside: &options.inside,
        all: &all,
        resolved: &[],
        options,
    };
    let readings = verdict::readings(e, &clue, &[], &[], until);
    let (verdict, suspects, _) =
        verdict::judge(&case, &readings, &mut Details::new(e), Some(account))?;
    Ok(TraceResult {
        verdict,
        suspects,
        ..TraceResult::default()
    })
}
