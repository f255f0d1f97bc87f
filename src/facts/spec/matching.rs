//! Which hosts a specification is of, and which APIs it documents. In: specifications, hosts with their paths, templates. Out: where
//! each operation belongs. Bounds: linear in distinct paths, a few states a segment.
//!
//! A specification that names a host of the case is of that host. One that names none, or a name that nobody called (it stands
//! behind a gateway, or the capture has addresses), is of the hosts on which its routes are called; with and without its base path.

use super::Spec;
use crate::facts::templates::given::{Given, steps};
use crate::facts::templates::{path_of, segments};
use std::collections::{BTreeMap, BTreeSet};

/// A specification on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub spec: usize,
    pub host: String,
    /// A base path that does not stand in the calls, and is left out.
    pub without: String,
}

/// A host as it is compared: in small letters, without the port that its scheme has anyway.
pub fn plain_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    for port in [":80", ":443"] {
        if let Some(h) = host.strip_suffix(port) {
            return h.to_owned();
        }
    }
    host
}

/// A route without a base path.
pub fn without<'r>(route: &'r str, base: &str) -> &'r str {
    match route.strip_prefix(base) {
        Some(rest) if rest.starts_with('/') => rest,
        Some("") => "/",
        _ => route,
    }
}

/// A template as it is compared: parameters without names, no `/` at its end.
pub fn plain_route(route: &str) -> String {
    let mut out = String::with_capacity(route.len());
    for seg in segments(route) {
        out.push('/');
        match (seg.find('{'), seg.rfind('}')) {
            (Some(a), Some(b)) if a < b => {
                out.push_str(seg.get(..a).unwrap_or_default());
                out.push_str("{}");
                out.push_str(seg.get(b + 1..).unwrap_or_default());
            }
            _ => out.push_str(&seg),
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    out
}

/// Where each specification belongs. `hosts`: each host with its distinct targets.
pub fn bind(specs: &[Spec], hosts: &BTreeMap<&str, Vec<&str>>) -> Vec<Bound> {
    let mut out = Vec::new();
    for (n, spec) in specs.iter().enumerate() {
        let named: BTreeSet<String> = spec.hosts.iter().map(|h| plain_host(h)).collect();
        let mut found: Vec<Bound> = hosts
            .keys()
            .filter(|h| named.contains(&plain_host(h)))
            .map(|h| Bound {
                spec: n,
                host: (*h).to_owned(),
                without: String::new(),
            })
            .collect();
        let by_name = !found.is_empty();
        let bases: Vec<&str> = std::iter::once("")
            .chain(spec.bases.iter().map(String::as_str))
            .collect();
        for base in bases {
            let routes = routes(spec, base);
            let fits = |targets: &[&str]| enough(&routes, targets);
            let more: Vec<Bound> = hosts
                .iter()
                // a log that names no host may be of any; others only where the specification names none that is here
                .filter(|(h, _)| !found.iter().any(|b| b.host == **h) && (h.is_empty() || !by_name))
                .filter(|(_, targets)| fits(targets))
                .map(|(h, _)| Bound {
                    spec: n,
                    host: (*h).to_owned(),
                    without: base.to_owned(),
                })
                .collect();
            // with its base path or without, not both
            let done = !more.is_empty();
            found.extend(more);
            if done {
                break;
            }
        }
        // a host by name whose calls have lost the base path
        for b in &mut found {
            let Some(targets) = hosts.get(b.host.as_str()).filter(|_| b.without.is_empty()) else {
                continue;
            };
            if !enough(&routes(spec, ""), targets)
                && let Some(base) = spec
                    .bases
                    .iter()
                    .find(|base| enough(&routes(spec, base), targets))
            {
                b.without = base.clone();
            }
        }
        out.extend(found);
    }
    out
}

/// All routes of a specification, to be looked up; those without any word of their own would fit everything.
struct Routes {
    given: Given,
    ends: BTreeMap<u32, usize>,
    total: usize,
}

fn routes(spec: &Spec, base: &str) -> Routes {
    let mut given = Given::none();
    let mut ends = BTreeMap::new();
    let mut total = BTreeSet::new();
    for op in &spec.operations {
        let route = without(&op.route, base);
        let steps = steps(route);
        if !steps
            .iter()
            .any(|s| matches!(s, crate::facts::templates::given::Step::Word(_)))
        {
            continue;
        }
        if total.insert(plain_route(route))
            && let Some(end) = given.add("", &steps, "", false)
        {
            ends.insert(end, total.len());
        }
    }
    Routes {
        given,
        ends,
        total: total.len(),
    }
}

/// Whether enough of the routes are called on a host.
fn enough(routes: &Routes, targets: &[&str]) -> bool {
    let mut hit: BTreeSet<usize> = BTreeSet::new();
    for t in targets {
        let mut at = routes.given.begin("");
        for seg in segments(path_of(t)) {
            at = routes.given.next(&at, &seg);
            if at.is_empty() {
                break;
            }
        }
        hit.extend(at.iter().filter_map(|s| routes.ends.get(s)));
        if hit.len() >= 3 {
            return true;
        }
    }
    !hit.is_empty() && (routes.total <= 3 || hit.len() * 5 >= routes.total.min(targets.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_by_name_by_routes_and_behind_a_gateway() {
        let text = "swagger: '2.0'\nhost: api.shop.example\nbasePath: /v1\npaths:\n  /users/{userId}: {get: {}, delete: {}}\n  /orders: {get: {}}\n  /orders/{id}/items: {get: {}}\n  /stock/{sku}: {get: {}}\n";
        let spec = super::super::parse(text.as_bytes(), "shop.yaml").unwrap();
        let bound = |hosts: &[(&'static str, &[&'static str])]| {
            let hosts: BTreeMap<&str, Vec<&str>> =
                hosts.iter().map(|(h, t)| (*h, t.to_vec())).collect();
            bind(std::slice::from_ref(&spec), &hosts)
                .into_iter()
                .map(|b| (b.host, b.without))
                .collect::<Vec<_>>()
        };
        let one = |h: &str, w: &str| vec![(h.to_owned(), w.to_owned())];
        // by name, whatever else has the same routes
        assert_eq!(
            bound(&[
                ("api.shop.example:443", &["/v1/users/7"]),
                ("other", &["/v1/users/7", "/v1/orders", "/v1/stock/1"])
            ]),
            one("api.shop.example:443", "")
        );
        // by routes
        assert_eq!(
            bound(&[
                ("10.0.0.3:8080", &["/v1/users/7", "/v1/orders", "/x"]),
                ("other", &["/v1/users", "/a", "/b"])
            ]),
            one("10.0.0.3:8080", "")
        );
        // without the base path, which the gateway takes away
        assert_eq!(
            bound(&[("10.0.0.3:8080", &["/users/7?x=1", "/orders"])]),
            one("10.0.0.3:8080", "/v1")
        );
        assert_eq!(
            bound(&[("api.shop.example", &["/users/7", "/orders"])]),
            one("api.shop.example", "/v1")
        );
        assert_eq!(bound(&[("10.0.0.3:8080", &["/a", "/b"])]), vec![]);
    }

    #[test]
    fn routes_are_compared_without_names() {
        assert_eq!(plain_route("/users/{userId}/"), "/users/{}");
        assert_eq!(plain_route("/odata/Products({id})"), "/odata/Products({})");
        assert_eq!(plain_route("/"), "/");
        assert_eq!(without("/v1/users", "/v1"), "/users");
        assert_eq!(without("/v10/users", "/v1"), "/v10/users");
    }
}
