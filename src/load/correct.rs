//! Corrections: templates pinned, split, merged, renamed; which class a field holds; any of them and those of accounts decided over all
//! calls at once. In: names as they are shown. Out: corrections in the case, and facts decided again. Bounds: [`limits::SPLIT_VALUES`] values at once.

#[path = "correct_class.rs"]
mod class;

use super::finalise::{self, Counts};
use super::rescan::{self, Rescanned};
use super::{Progress, schemas};
use crate::case::marks::{self, Correction};
use crate::case::{Case, classes, info, open, sources};
use crate::detect::Rules;
use crate::error::{Error, Result};
use crate::facts::inside::Inside;
use crate::facts::templates::given::{Step, steps};
use crate::facts::templates::segments;
use crate::limits;
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What facts are decided with: as a load has it.
#[derive(Debug, Clone, Default)]
pub struct With {
    /// Extra rule files.
    pub rules: Vec<PathBuf>,
    /// Networks that count as inside.
    pub inside: Vec<String>,
}

/// A correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Keep a template.
    Pin(String),
    /// Set values of a parameter (from 1, `None` for the last) apart; without values all of them.
    Split {
        api: String,
        values: Vec<String>,
        param: Option<usize>,
    },
    /// Make one of several.
    Merge(Vec<String>),
    /// Another name.
    Rename { api: String, name: String },
    /// Whether a field, in one API or in all, holds values of a class.
    Class(ClassChange),
}

/// What is decided of a field's class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassChange {
    /// The field as `apis` names it: `$.items[*].phone`, `csv:mobile`, `header:x-user`.
    pub field: String,
    /// The class.
    pub class: String,
    /// In this API alone.
    pub api: Option<String>,
    /// Whether it holds the class.
    pub on: bool,
    /// The class that it was taken for.
    pub instead: Option<String>,
}

fn usage(msg: String) -> Error {
    Error::Usage { msg, at: None }
}

/// An API as the case has it.
struct Found {
    host: String,
    route: String,
}

fn find(conn: &Connection, name: &str) -> Result<Found> {
    let row: Option<(Option<String>, Option<String>, String)> = conn
        .query_row(
            "SELECT host,route,kind FROM api WHERE name=?1",
            [name],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
        )
        .optional()?;
    let Some((host, route, kind)) = row else {
        return Err(usage(format!(
            "no API is named {name}: `leaktrace apis` lists them"
        )));
    };
    if matches!(
        kind.as_str(),
        "graphql" | "grpc" | "soap" | "xml-rpc" | "json-rpc"
    ) {
        return Err(usage(format!(
            "{name} is an operation of {kind}, not a template of paths"
        )));
    }
    Ok(Found {
        host: host.unwrap_or_default(),
        route: route.unwrap_or_default(),
    })
}

/// What an earlier correction of a kind on a target says.
fn earlier(all: &[Correction], kind: &str, target: &str) -> Option<BTreeSet<String>> {
    let c = all.iter().find(|c| c.kind == kind && c.target == target)?;
    let v: serde_json::Value = serde_json::from_str(&c.v).ok()?;
    let list = v.get("values")?.as_array()?;
    Some(
        list.iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
    )
}

/// Those of `values` that no call has at a step of a route, or of one that goes on from it.
fn never(conn: &Connection, a: &Found, at: usize, values: &[String]) -> Result<Vec<String>> {
    let mut left: BTreeSet<&str> = values.iter().map(String::as_str).collect();
    let mut paths = conn.prepare(
        "SELECT c.path FROM call_fact f JOIN call c ON c.id=f.call_id WHERE c.path IS NOT NULL AND f.api_id IN (
           SELECT id FROM api WHERE ifnull(host,'')=?1 AND (route=?2 OR substr(route,1,length(?2)+1)=?2||'/'))",
    )?;
    let mut rows = paths.query((&a.host, &a.route))?;
    while let Some(row) = rows.next()? {
        if left.is_empty() {
            break;
        }
        let path = row.get_ref(0)?.as_str().unwrap_or_default();
        if let Some(seg) = segments(path).get(at) {
            left.remove(seg.as_ref());
        }
    }
    let never = values.iter().filter(|v| left.contains(v.as_str()));
    Ok(never.cloned().collect())
}

/// Writes a correction; facts are stale from then on. Gives what was done, in words.
///
/// # Errors
/// A usage error where it makes no sense for these APIs; what SQLite says.
pub fn apply(conn: &Connection, change: &Change) -> Result<String> {
    let all = marks::corrections(conn)?;
    match change {
        Change::Pin(api) => {
            let a = find(conn, api)?;
            marks::correct(conn, "api-pin", &format!("{}{}", a.host, a.route), "")?;
            Ok(format!("{api} is pinned"))
        }
        Change::Split { api, values, param } => {
            let a = find(conn, api)?;
            let steps = steps(&a.route);
            let params: Vec<usize> = (0..steps.len())
                .filter(|i| matches!(steps.get(*i), Some(Step::Param { .. })))
                .collect();
            let at = match param {
                Some(n) => n.checked_sub(1).and_then(|n| params.get(n)),
                None => params.last(),
            };
            let Some(at) = at else {
                return Err(usage(format!("{api} has no such parameter to split")));
            };
            let target = format!("{}{}", a.host, a.route);
            let before = earlier(&all, "api-split", &target);
            let mut set: BTreeSet<&str> = values.iter().map(String::as_str).collect();
            // once all are apart, one more is, too
            match &before {
                Some(b) if b.is_empty() => set.clear(),
                Some(b) if !set.is_empty() => set.extend(b.iter().map(String::as_str)),
                _ => {}
            }
            if set.len() > limits::SPLIT_VALUES {
                return Err(usage(format!(
                    "no more than {} values at once",
                    limits::SPLIT_VALUES
                )));
            }
            let n = set.len();
            let v = json!({ "at": at, "values": set }).to_string();
            marks::correct(conn, "api-split", &target, &v)?;
            // it holds for later loads too, so it stands; what was mistyped is seen by this
            let never = never(conn, &a, *at, values)?;
            Ok(match (n, never.as_slice()) {
                (0, _) => format!("{api}: every value is an API of its own"),
                (_, []) => format!("{api}: {} apart", values.join(", ")),
                (_, never) => format!(
                    "{api}: {} apart; no call here has {} so far",
                    values.join(", "),
                    never.join(" or ")
                ),
            })
        }
        Change::Merge(apis) => merge(conn, &all, apis),
        Change::Class(c) => class::apply(conn, &all, c),
        Change::Rename { api, name } => {
            let name = name.trim();
            if name.is_empty() || name.len() > 1000 || name.chars().any(char::is_control) {
                return Err(usage("a name of an API is one line of text".into()));
            }
            let known: Option<i64> = conn
                .query_row("SELECT id FROM api WHERE name=?1", [api], |r| r.get(0))
                .optional()?;
            if known.is_none() {
                return Err(usage(format!(
                    "no API is named {api}: `leaktrace apis` lists them"
                )));
            }
            // One that was renamed before keeps its inferred name as the target.
            let mut targets: Vec<String> = all
                .iter()
                .filter(|c| matches!(c.kind.as_str(), "api" | "api-name") && c.v.trim() == api)
                .map(|c| c.target.clone())
                .collect();
            if targets.is_empty() {
                targets.push(format!("api:{api}"));
            }
            for t in targets {
                marks::correct(conn, "api-name", &t, name)?;
            }
            Ok(format!("{api} is named {name}"))
        }
    }
}

fn merge(conn: &Connection, all: &[Correction], apis: &[String]) -> Result<String> {
    let found: Vec<Found> = apis.iter().map(|a| find(conn, a)).collect::<Result<_>>()?;
    let Some((first, rest)) = found.split_first().filter(|(_, r)| !r.is_empty()) else {
        return Err(usage("merge wants two APIs or more".into()));
    };
    let routes: Vec<Vec<Step>> = found.iter().map(|f| steps(&f.route)).collect();
    let head = routes.first().cloned().unwrap_or_default();
    if rest.iter().any(|f| f.host != first.host) || routes.iter().any(|r| r.len() != head.len()) {
        return Err(usage(
            "APIs to merge are of one host and have as many segments".into(),
        ));
    }
    let differ: Vec<usize> = (0..head.len())
        .filter(|i| routes.iter().any(|r| r.get(*i) != head.get(*i)))
        .collect();
    let [at] = differ.as_slice() else {
        return Err(usage(
            "APIs to merge differ in one segment, and in no other".into(),
        ));
    };
    let mut values: BTreeSet<String> = routes
        .iter()
        .filter_map(|r| match r.get(*at) {
            Some(Step::Word(w)) => Some(w.clone()),
            _ => None,
        })
        .collect();
    let mut route = String::new();
    for (i, s) in head.iter().enumerate() {
        route.push('/');
        match s {
            _ if i == *at => route.push_str("{id}"),
            Step::Word(w) => route.push_str(w),
            Step::Param { before, after } => route.push_str(&format!("{before}{{id}}{after}")),
            Step::Only(_) | Step::Each => {}
        }
    }
    let target = format!("{}{route}", first.host);
    values.extend(earlier(all, "api-merge", &target).unwrap_or_default());
    let v = json!({ "at": at, "values": values }).to_string();
    marks::correct(conn, "api-merge", &target, &v)?;
    Ok(format!("{} APIs are one: {target}", apis.len()))
}

/// Takes the last correction back; gives what it was. Facts are stale from then on.
pub fn undo(conn: &Connection) -> Result<Option<String>> {
    let done = marks::undo_correction(conn)?;
    Ok(done.map(|(kind, target)| {
        let what = kind.strip_prefix("api-").unwrap_or(&kind);
        format!("taken back: {what} of {target}")
    }))
}

/// The networks that count as inside, as they were given last.
pub(super) fn kept_inside(conn: &Connection) -> Result<Inside> {
    let kept = info::get(conn, "inside")?.unwrap_or_default();
    let nets: Vec<&str> = kept.split(',').filter(|n| !n.is_empty()).collect();
    Inside::parse(&nets)
}

/// Holds a case as a load does, changes something in it, and decides all facts again where that made them stale.
///
/// # Errors
/// What `act` says; [`Error::Case`], before `act`, where another load holds the case or it was searched with rules that are not at
/// hand: then the next load decides; what SQLite says.
pub fn decide<T>(
    case: &Path,
    with: &With,
    act: impl FnOnce(&Connection) -> Result<T>,
) -> Result<(T, Counts)> {
    let rules = Rules::with_files(&with.rules)?;
    std::fs::metadata(case).map_err(Error::io(case, "cannot open"))?;
    if !sources::same_rules(&open::open_notebook(case)?, rules.print())? {
        return Err(Error::Case {
            path: case.to_owned(),
            why: "was searched with other rules: name them with --rules".into(),
        });
    }
    let mut case = hold(case, &rules)?;
    let inside = inside(&case, with)?;
    let done = act(&case.conn)?;
    let counts = if info::is_stale(&case.conn)? {
        finalise::run(&mut case.conn, &rules, &inside)?
    } else {
        finalise::counts(&case.conn)?
    };
    Ok((done, counts))
}

/// Searches a case again with the rules as they are now, and decides all facts; the difference is a row of the journal. Nothing is
/// searched where it was searched with these rules already.
///
/// # Errors
/// What is wrong with the rules; [`Error::Case`] where a load holds the case; what SQLite says.
pub fn search_again(case: &Path, with: &With) -> Result<(Option<Rescanned>, Counts)> {
    let rules = Arc::new(Rules::with_files(&with.rules)?);
    std::fs::metadata(case).map_err(Error::io(case, "cannot open"))?;
    let mut case = hold(case, &rules)?;
    let inside = inside(&case, with)?;
    let schema = schemas::keep(&case.conn, &[])?;
    let again = rescan::run(&case, &rules, schema.as_ref(), &Progress::default())?;
    sources::note_rules(&case.conn, rules.print())?;
    let counts = match again {
        Some(_) => finalise::run(&mut case.conn, &rules, &inside)?,
        None => finalise::counts(&case.conn)?,
    };
    Ok((again, counts))
}

/// The case as a load holds it.
fn hold(case: &Path, rules: &Rules) -> Result<Case> {
    let classes: Vec<classes::ClassDef<'_>> = rules
        .classes()
        .iter()
        .map(|c| (c.name.as_str(), c.level as u8, c.label.as_str()))
        .collect();
    Case::create_or_open(case, &classes, false)
}

/// What counts as inside: as given, else as the case keeps it.
fn inside(case: &Case, with: &With) -> Result<Inside> {
    if !with.inside.is_empty() {
        return Inside::parse(&with.inside);
    }
    kept_inside(&case.conn)
}
