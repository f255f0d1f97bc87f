//! Puts an answer together: reads the question, finds where its values stand, follows each row, weighs the accounts.
//! In: a question and a case. Out: the trace object. Bounds: those of the parts; see the module's page.

mod asked;
mod moved;
mod reads;

use super::clue::{self, Clue};
use super::evidence::Evidence;
use super::matching::{self};
use super::model::{ClueCount, Omitted, TraceResult};
use super::sight::{self, Found, Holder};
use super::subject::{self, Kind, Subject};
use super::subjects::Deliveries;
use super::verdict::{self, Case, Details};
use super::{Options, Question, resolve, text};
use crate::case::{info, share};
use crate::detect::print::PrintKey;
use crate::detect::{self, Rules, Scanner};
use crate::error::{Error, Result};
use crate::limits;
use crate::query::lang::field::nearest;
use rusqlite::Connection;
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use asked::{By, answers_to, received, record};
use moved::{Own, shown, trails};

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
    // One state of the case for the whole answer; and SQLite asks for its locks once, not for each of thousands of look-ups.
    let _state = match conn.is_autocommit() {
        true => Some(conn.unchecked_transaction()?),
        false => None,
    };
    let copy = share::read(conn)?;
    let key = match &copy {
        Some(copy) => share::key(copy)?.ok_or_else(share::locked)?,
        None => info::print_key(conn)?.ok_or_else(|| Error::Case {
            path: "case".into(),
            why: "holds no key for prints: it was not made by leaktrace".into(),
        })?,
    };
    let by = match &copy {
        Some(_) => By::Print,
        None => By::Text(&key),
    };
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
    let suspect = match &options.suspect {
        // an option that names nobody is a mistake beside the question, not its answer
        Some(name) => Some(account(&e, name).map_err(|e| usage(e.to_string()))?),
        None => None,
    };
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
        Question::Value(v) => clue::one(v, &mut typer).map_err(|_| {
            usage("too short to look for: a value has two characters or more".into())
        })?,
        Question::Clue { name, bytes } => clue::read(name, bytes, &mut typer, &mut finder)?,
        Question::Record(id) => record(conn, &e, by, id)?,
        Question::Subject(kind, name) => {
            let bodies = asked_about(*kind, name)?;
            match received(conn, &e, by, bodies, stop)? {
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
            let id = account(&e, name)?;
            asked_about(Kind::Account, name)?;
            only = Some(id);
            match received(conn, &e, by, answers_to(&e, id), stop)? {
                Some(c) => c,
                None => {
                    let mut told = nothing_received(&e, &key, options, stop, id)?;
                    told.subject = about.map(|a| a.1);
                    return Ok(told);
                }
            }
        }
    };
    // A record of one value is that value: a password alone in a form names nobody, and still is what was asked for.
    let lone = match question {
        Question::Value(_) => true,
        Question::Record(_) => clue.values.len() == 1,
        _ => false,
    };
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
    let mut omitted = Omitted {
        veiled: clue.values.iter().any(|v| v.print.is_some()),
        ..Omitted::default()
    };
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
            stop,
            quiet: OnceLock::new(),
            sorted: OnceLock::new(),
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
    let reads = match suspect {
        Some(id) => Some(reads::of(
            &e,
            &clue,
            (&found, &hits),
            id,
            until,
            options.reveal,
            &mut details,
        )?),
        None => None,
    };
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
        reads,
        partial: false,
    })
}

/// An account by its name.
fn account(e: &Evidence<'_>, name: &str) -> Result<i64> {
    let named = e.accounts.iter().find(|(_, a)| a.0 == name);
    named.map(|(id, _)| *id).ok_or_else(|| {
        let mut names: Vec<&str> = e.accounts.values().map(|a| &*a.0).collect();
        names.sort_unstable();
        let near = nearest(name, names.into_iter());
        let near = near.map(|n| format!("; did you mean {}?", crate::call::text::visible(n)));
        Error::Nothing(format!(
            "no account {} in this case{}",
            crate::call::text::visible(name),
            near.unwrap_or_default()
        ))
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
            v.print.is_none()
                && (few || !have.contains(i))
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
        stop,
        quiet: OnceLock::new(),
        sorted: OnceLock::new(),
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
