//! Routes that are given and what is documented. In: specifications, corrections, hosts. Out: routes for the folding; for each API
//! whether it is documented, and those that were never called. Bounds: those of specifications and corrections.

use super::apis::Api;
use crate::case::marks::Correction;
use crate::facts::spec::Spec;
use crate::facts::spec::matching::{Bound, bind, plain_route, without};
use crate::facts::templates::given::{Given, Step, steps};
use std::collections::{BTreeMap, BTreeSet};

/// What is given for a case.
pub struct Rules {
    pub given: Given,
    bound: Vec<Bound>,
}

/// Puts specifications on their hosts and adds what the investigator said.
pub fn rules(
    specs: &[Spec],
    corrections: &[Correction],
    hosts: &BTreeMap<&str, Vec<&str>>,
) -> Rules {
    let mut given = Given::none();
    // The investigator first: where two say the same, the first one's words are the reason.
    for c in corrections {
        corrected(&mut given, c);
    }
    let bound = if specs.is_empty() {
        Vec::new()
    } else {
        bind(specs, hosts)
    };
    for b in &bound {
        let Some(spec) = specs.get(b.spec) else {
            continue;
        };
        let by = format!("the specification {}", spec.name);
        for op in &spec.operations {
            given.add(&b.host, &steps(without(&op.route, &b.without)), &by, false);
        }
    }
    Rules { given, bound }
}

/// Host and route of a correction's target.
pub fn split_target(target: &str) -> (&str, &str) {
    let at = target.find('/').unwrap_or(target.len());
    (
        target.get(..at).unwrap_or_default(),
        target.get(at..).unwrap_or_default(),
    )
}

/// Adds one correction of templates.
fn corrected(given: &mut Given, c: &Correction) {
    const BY: &str = "the investigator";
    let (host, route) = split_target(&c.target);
    let detail: serde_json::Value = serde_json::from_str(&c.v).unwrap_or_default();
    let at = detail
        .get("at")
        .and_then(serde_json::Value::as_u64)
        .and_then(|n| usize::try_from(n).ok());
    let values: BTreeSet<String> = detail
        .get("values")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect();
    let steps = steps(route);
    match (c.kind.as_str(), at) {
        ("api-pin", _) => {
            given.add(host, &steps, BY, false);
        }
        ("api-split", Some(at)) => {
            let head = steps.get(..at).unwrap_or(&steps);
            let all = values.is_empty();
            let apart = values.into_iter().map(Step::Word);
            for step in apart.chain(all.then_some(Step::Each)) {
                let mut path = head.to_vec();
                path.push(step);
                given.add(host, &path, BY, false);
            }
        }
        ("api-merge", Some(at)) if at < steps.len() => {
            let mut path = steps.clone();
            if let Some(step) = path.get_mut(at) {
                *step = Step::Only(values);
            }
            given.add(host, &path, BY, false);
        }
        _ => {}
    }
}

/// A documented operation: method, specification, its number there.
type Documented<'s> = (&'s str, usize, usize);

/// Notes for each API whether it is documented, and adds what is documented and was never called.
pub fn documented(by_name: &mut BTreeMap<String, Api>, specs: &[Spec], rules: &Rules) {
    if specs.is_empty() {
        return;
    }
    // Operations by host and route; a specification of several hosts is one.
    let mut ops: BTreeMap<(&str, String), Vec<Documented<'_>>> = BTreeMap::new();
    for b in &rules.bound {
        let Some(spec) = specs.get(b.spec) else {
            continue;
        };
        for (n, op) in spec.operations.iter().enumerate() {
            let route = plain_route(without(&op.route, &b.without));
            let list = ops.entry((b.host.as_str(), route)).or_default();
            list.push((op.method.as_str(), b.spec, n));
        }
    }
    let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
    for api in by_name.values_mut() {
        api.documented = Some(false);
        let found = ops.get(&(api.host.as_str(), plain_route(&api.route)));
        for (method, spec, n) in found.into_iter().flatten() {
            let same = *method == "*"
                || api.method.eq_ignore_ascii_case(method)
                // what a client asks before it calls, and of what answers to GET
                || api.method == "OPTIONS"
                || api.method == "HEAD" && *method == "GET";
            if !same {
                continue;
            }
            api.documented = Some(true);
            if api.spec.is_none() {
                api.spec = specs.get(*spec).map(|s| s.name.clone());
            }
            // an OPTIONS before it is no call of it
            if api.method != "OPTIONS" || *method == "OPTIONS" {
                seen.insert((*spec, *n));
            }
        }
    }
    for (s, spec) in specs.iter().enumerate() {
        let bound = rules.bound.iter().find(|b| b.spec == s);
        let host = bound.map_or_else(
            || spec.hosts.first().map_or("", String::as_str),
            |b| b.host.as_str(),
        );
        let base = bound.map_or("", |b| b.without.as_str());
        // one route at several base paths is called at one of them
        let called: BTreeSet<(&str, Option<&str>)> = spec
            .operations
            .iter()
            .enumerate()
            .filter(|(n, o)| o.name.is_some() && seen.contains(&(s, *n)))
            .map(|(_, o)| (o.method.as_str(), o.name.as_deref()))
            .collect();
        for (n, op) in spec.operations.iter().enumerate() {
            let elsewhere =
                op.name.is_some() && called.contains(&(op.method.as_str(), op.name.as_deref()));
            if seen.contains(&(s, n)) || elsewhere {
                continue;
            }
            let route = plain_route(without(&op.route, base)).replace("{}", "{id}");
            let method = if op.method == "*" { "?" } else { &op.method };
            let name = format!("{method} {host}{route}");
            by_name.entry(name.clone()).or_insert_with(|| Api {
                name,
                method: if op.method == "*" {
                    String::new()
                } else {
                    op.method.clone()
                },
                host: host.to_owned(),
                route,
                kind: "rest".into(),
                why: format!(
                    "documented in {} as {} {}, never called",
                    spec.name, op.method, op.route
                ),
                documented: Some(true),
                spec: Some(spec.name.clone()),
                unseen: true,
            });
        }
    }
}
