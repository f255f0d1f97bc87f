//! APIs of calls. In: evidence and account names. Out: the list of APIs by name, and each call's API.
//! Bounds: linear in distinct paths and calls.

use super::answers;
use super::given;
use super::read::Evidence;
use crate::case::marks::Correction;
use crate::facts::calls::NONE;
use crate::facts::identity::Identity;
use crate::facts::inside::address;
use crate::facts::spec::Spec;
use crate::facts::templates::{Beside, PathIn, dispatch, plant};
use rusqlite::Connection;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One API.
#[derive(Debug, Clone, Default)]
pub struct Api {
    pub name: String,
    pub method: String,
    pub host: String,
    pub route: String,
    pub kind: String,
    pub why: String,
    /// Whether a specification has it; `None` where none is loaded.
    pub documented: Option<bool>,
    /// The specification that has it.
    pub spec: Option<String>,
    /// Documented and never called.
    pub unseen: bool,
}

/// All APIs in order of name.
#[derive(Debug, Default)]
pub struct Apis {
    pub list: Vec<Api>,
}

/// A log that names no host is of the host whose captured calls its lines are, where that is one host: the rest of its
/// lines are then of the same APIs.
fn hosts_of_logs(ev: &mut Evidence) {
    let mut host: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for c in ev
        .calls
        .iter()
        .filter(|c| c.log && c.host == 0 && c.joined != NONE)
    {
        let Some(captured) = ev.calls.get(c.joined as usize) else {
            continue;
        };
        host.entry(c.source)
            .and_modify(|h| *h = h.filter(|h| *h == captured.host))
            .or_insert((captured.host != 0).then_some(captured.host));
    }
    if host.values().all(Option::is_none) {
        return;
    }
    let mut moved: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for c in ev.calls.iter_mut().filter(|c| c.log && c.host == 0) {
        let Some(Some(h)) = host.get(&c.source).copied() else {
            continue;
        };
        c.path = *moved.entry((c.path, h)).or_insert_with(|| {
            let new = u32::try_from(ev.paths.len()).unwrap_or(NONE);
            if let Some(mut p) = ev.paths.get(c.path as usize).cloned() {
                (p.host, p.server) = (h, None);
                ev.paths.push(p);
                ev.kinds
                    .push(ev.kinds.get(c.path as usize).copied().unwrap_or(0));
                ev.notes
                    .push(ev.notes.get(c.path as usize).copied().unwrap_or(0));
                ev.path_calls.push(1);
            }
            new
        });
    }
}

/// What paths of one API have in common: method, host, route, operation, kind, note, reason.
type Same = (u32, usize, Arc<str>, u32, u32, u32, Arc<str>);

/// Folds and notes in each call.
pub fn decide(
    conn: &Connection,
    ev: &mut Evidence,
    people: &Identity,
    corrections: &[Correction],
    specs: &[Spec],
) -> Apis {
    hosts_of_logs(ev);
    let names: BTreeSet<String> = people
        .accounts
        .iter()
        .filter(|a| !a.name.starts_with("unattributed@") && !a.name.starts_with("key:"))
        .map(|a| a.name.to_lowercase())
        .collect();
    let mut hosts: Vec<String> = Vec::new();
    let mut of_place: BTreeMap<(u32, Option<(u32, u16)>), usize> = BTreeMap::new();
    let host_of: Vec<usize> = ev
        .paths
        .iter()
        .map(|p| {
            let place = (p.host, p.server.filter(|_| p.host == 0));
            *of_place.entry(place).or_insert_with(|| {
                hosts.push(match place.1 {
                    Some((a, port)) => ev.addrs.get(a as usize).map_or_else(String::new, |a| {
                        std::net::SocketAddr::new(address(*a), port).to_string()
                    }),
                    None => ev.term(p.host).to_ascii_lowercase(),
                });
                hosts.len() - 1
            })
        })
        .collect();
    let mut inputs: Vec<PathIn<'_>> = ev
        .paths
        .iter()
        .zip(&host_of)
        .zip(ev.kinds.iter().zip(&ev.path_calls))
        .map(|((p, host), (kind, calls))| {
            let host = hosts.get(*host).map_or("", String::as_str);
            PathIn::new(ev.term(p.method), host, &p.path, ev.term(*kind), *calls)
        })
        .collect();
    // A host written in several ways is one.
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, host) in hosts.iter().enumerate() {
        first.entry(host).or_insert(n);
    }
    let one = |h: &usize| hosts.get(*h).and_then(|h| first.get(h.as_str())).copied();
    let ones: Vec<usize> = host_of.iter().map(|h| one(h).unwrap_or(*h)).collect();
    // Trees are made of paths alone, and take as long as answers.
    let (planted, answers) = std::thread::scope(|scope| {
        let planted = scope.spawn(|| plant(&inputs));
        let answers = answers::read(conn, ev, &ones);
        (planted.join(), answers)
    });
    let planted = planted.unwrap_or_else(|_| plant(&inputs));
    for (i, path) in (0u32..).zip(&mut inputs) {
        (path.answer, path.named) = (answers.fields(i), answers.named(i));
    }
    let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for i in inputs.iter().filter(|_| !specs.is_empty()) {
        targets.entry(i.host).or_default().push(i.target);
    }
    let rules = given::rules(specs, corrections, &targets);
    let beside = Beside {
        account: &|n| names.contains(&n.to_lowercase()),
        handed: &|_, text| answers.handed(text),
        own: &|host, text| {
            let host = first.get(host).copied();
            host.is_some_and(|h| answers.handed_by(h, text))
        },
        given: &rules.given,
    };
    let folded = planted.fold(&inputs, &beside);
    let mut by_name: BTreeMap<String, Api> = BTreeMap::new();
    // Paths of one template, and there may be a hundred thousand, are one entry.
    let mut same: FxHashMap<Same, u32> = FxHashMap::default();
    let mut names_of: Vec<String> = Vec::new();
    let mut of_path: Vec<u32> = Vec::with_capacity(folded.len());
    let given = ev.paths.iter().zip(folded).zip(inputs.iter().zip(&host_of));
    for (((p, f), (i, host)), (note, kind)) in given.zip(ev.notes.iter().zip(&ev.kinds)) {
        let key = (p.method, *host, f.route, p.op, *kind, *note, f.why);
        if let Some(n) = same.get(&key) {
            of_path.push(*n);
            continue;
        }
        let method = if i.method.is_empty() { "?" } else { i.method };
        let (route, why) = (key.2.to_string(), key.6.to_string());
        let mut name = format!("{method} {}{route}", i.host);
        let op = ev.term(p.op);
        if !op.is_empty() {
            name.push('#');
            name.push_str(op);
        }
        let note = ev.term(*note);
        let api = Api {
            name,
            method: i.method.to_owned(),
            host: i.host.to_owned(),
            route,
            kind: i.kind.to_owned(),
            why: match (note.is_empty(), why.is_empty()) {
                (true, _) => why,
                (false, true) => note.to_owned(),
                (false, false) => format!("{note}; {why}"),
            },
            ..Api::default()
        };
        let n = u32::try_from(names_of.len()).unwrap_or(NONE);
        names_of.push(put(&mut by_name, api, corrections));
        same.insert(key, n);
        of_path.push(n);
    }
    let name_of = |path: u32| -> Option<&str> {
        let n = of_path.get(path as usize)?;
        names_of.get(*n as usize).map(String::as_str)
    };
    let chosen = dispatched(ev, &name_of, &mut by_name, corrections);
    given::documented(&mut by_name, specs, &rules);
    let list: Vec<Api> = by_name.into_values().collect();
    let find = |n: &str| {
        list.binary_search_by(|a| a.name.as_str().cmp(n))
            .ok()
            .and_then(|i| u32::try_from(i).ok())
            .unwrap_or(NONE)
    };
    let index: Vec<u32> = names_of.iter().map(|n| find(n)).collect();
    for c in &mut ev.calls {
        let n = of_path.get(c.path as usize);
        c.api = n
            .and_then(|n| index.get(*n as usize))
            .copied()
            .unwrap_or(NONE);
    }
    for (call, name) in chosen {
        if let Some(c) = ev.calls.get_mut(call as usize) {
            c.api = find(&name);
        }
    }
    Apis { list }
}

/// Adds an API under its name, or under the one that the investigator gave it; gives that name.
fn put(by_name: &mut BTreeMap<String, Api>, mut new: Api, corrections: &[Correction]) -> String {
    let fixed = corrections.iter().rev().find(|c| {
        matches!(c.kind.as_str(), "api" | "api-name")
            && c.target.strip_prefix("api:").unwrap_or(&c.target) == new.name
    });
    if let Some(c) = fixed {
        new.why = format!("named by the investigator (was {}); {}", new.name, new.why);
        new.name = c.v.trim().to_owned();
    }
    let name = new.name.clone();
    let Some(api) = by_name.get_mut(&name) else {
        by_name.insert(name.clone(), new);
        return name;
    };
    // Of several paths with one template the kind that is not the plain one wins, and the longest reason.
    if api.kind == "rest" && new.kind != "rest" && !new.kind.is_empty() && new.kind != "static"
        || api.kind == "static" && new.kind == "rest"
    {
        api.kind = new.kind;
    }
    if (new.why.len(), &new.why) > (api.why.len(), &api.why) {
        api.why = new.why;
    }
    name
}

/// APIs whose calls choose an operation by a field: adds one for each operation, and gives the name for each such call.
fn dispatched<'a>(
    ev: &Evidence,
    name_of: &dyn Fn(u32) -> Option<&'a str>,
    by_name: &mut BTreeMap<String, Api>,
    corrections: &[Correction],
) -> Vec<(u32, String)> {
    if ev.dispatch.is_empty() {
        return Vec::new();
    }
    let plain = |name: &str| {
        by_name
            .get(name)
            .is_some_and(|a| a.kind == "rest" && !name.contains('#'))
    };
    let base = |call: u32| name_of(ev.calls.get(call as usize)?.path);
    let mut totals: BTreeMap<&str, u32> = BTreeMap::new();
    for (path, n) in (0u32..).zip(&ev.path_calls) {
        let Some(name) = name_of(path) else { continue };
        let t = totals.entry(name).or_default();
        *t = t.saturating_add(*n);
    }
    let seen: Vec<(u32, &str, &str, u64)> = ev
        .dispatch
        .iter()
        .filter_map(|(call, fields, shape)| Some((*call, base(*call)?, ev.term(*fields), *shape)))
        .filter(|(_, name, ..)| plain(name))
        .collect();
    let choices = dispatch::decide(
        seen.iter()
            .map(|(_, api, fields, shape)| (*api, *fields, *shape)),
        &totals,
    );
    let mut out = Vec::new();
    for (call, name, fields, _) in seen {
        let Some(choice) = choices.get(name) else {
            continue;
        };
        let Some(op) = choice.operation(fields) else {
            continue;
        };
        let Some(base) = by_name.get(name).cloned() else {
            continue;
        };
        let why = if base.why.is_empty() {
            choice.why.clone()
        } else {
            format!("{}; {}", choice.why, base.why)
        };
        let api = Api {
            name: format!("{name}#{op}"),
            kind: "rpc".into(),
            why,
            ..base
        };
        out.push((call, put(by_name, api, corrections)));
    }
    out
}
