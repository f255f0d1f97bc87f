//! API specifications: what should be there. In: the bytes of an OpenAPI document (2.0, 3.x), a Postman collection (2.0, 2.1) or a
//! plain list of routes. Out: a [`Spec`] of operations. Bounds: [`crate::limits::SPEC_BYTES`], [`crate::limits::SPEC_OPERATIONS`],
//! and those of [`value`]. Pure: who reads the file, and what of it is kept, is decided elsewhere.

mod list;
pub mod matching;
mod openapi;
mod postman;
pub mod value;

use crate::limits::{SPEC_BYTES, SPEC_OPERATIONS};
use serde::{Deserialize, Serialize};

/// One operation that is documented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// In capitals; `*` for any.
    pub method: String,
    /// Whole route with parameters in braces, base path included.
    pub route: String,
    /// Its name in the specification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// File name as given.
    pub name: String,
    /// `openapi 3.1.0`, `swagger 2.0`, `postman 2.1`, `list`.
    pub kind: String,
    pub title: String,
    /// Hosts that it names, port included where one is.
    pub hosts: Vec<String>,
    /// Base paths that stand in the routes.
    pub bases: Vec<String>,
    pub operations: Vec<Operation>,
    /// Operations left out, for a limit or because they have no route.
    pub skipped: u64,
}

impl Spec {
    /// Adds an operation at each base path; a route without a leading `/` gets one.
    fn add(&mut self, method: &str, bases: &[String], route: &str, name: Option<&str>) {
        let plain = [String::new()];
        let bases = if bases.is_empty() { &plain[..] } else { bases };
        for base in bases {
            if self.operations.len() >= SPEC_OPERATIONS {
                self.skipped += 1;
                continue;
            }
            let route = format!(
                "{}/{}",
                base.trim_end_matches('/'),
                route.trim_start_matches('/')
            );
            let op = Operation {
                method: method.to_ascii_uppercase(),
                route,
                name: name.map(str::to_owned),
            };
            self.operations.push(op);
        }
    }

    /// Notes a host, and gives what stands behind it.
    fn host(&mut self, url: &str) -> String {
        let (host, path) = split_url(url);
        if let Some(h) = host
            && !h.contains(['{', '}'])
            && !self.hosts.contains(&h)
        {
            self.hosts.push(h);
        }
        let base = path.trim_end_matches('/').to_owned();
        if !base.is_empty() && !self.bases.contains(&base) {
            self.bases.push(base.clone());
        }
        base
    }
}

/// Host and path of a URL; a relative one has no host.
fn split_url(url: &str) -> (Option<String>, &str) {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest,
        None => match url.strip_prefix("//") {
            Some(rest) => rest,
            None => return (None, url),
        },
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let host = rest.get(..at).unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or(host).to_ascii_lowercase();
    (
        (!host.is_empty()).then_some(host),
        rest.get(at..).unwrap_or_default(),
    )
}

/// A segment of a list or a collection: `:id`, `{{id}}`, `<int:id>` are parameters.
fn braced(seg: &str) -> String {
    let name = seg
        .strip_prefix(':')
        .or_else(|| seg.strip_prefix("{{").and_then(|s| s.strip_suffix("}}")))
        .or_else(|| seg.strip_prefix('<').and_then(|s| s.strip_suffix('>')))
        .or_else(|| (seg == "*").then_some("id"));
    match name {
        Some(n) if !n.is_empty() => format!("{{{}}}", n.rsplit(':').next().unwrap_or(n)),
        _ => seg.replace("{{", "{").replace("}}", "}"),
    }
}

/// Reads a specification; `name` is the file's.
///
/// # Errors
/// In words, where it is none that is known.
pub fn parse(bytes: &[u8], name: &str) -> Result<Spec, String> {
    if bytes.len() > SPEC_BYTES {
        return Err(format!("more than {} MiB", SPEC_BYTES >> 20));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|e| format!("no UTF-8 at byte {}", e.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut spec = match list::parse(text) {
        Some(s) => s,
        None => {
            let doc = value::parse(text)?;
            if doc.get("openapi").is_some() || doc.get("swagger").is_some() {
                openapi::parse(&doc)?
            } else if doc.get("info").is_some() && doc.get("item").is_some() {
                postman::parse(&doc)?
            } else {
                return Err(
                    "no OpenAPI document, no Postman collection (2.0, 2.1), no list of routes"
                        .into(),
                );
            }
        }
    };
    spec.name = name.to_owned();
    let known = |a: &Operation, b: &Operation| a.method == b.method && a.route == b.route;
    spec.operations
        .sort_by(|a, b| (&a.route, &a.method, &a.name).cmp(&(&b.route, &b.method, &b.name)));
    spec.operations.dedup_by(|a, b| known(a, b));
    if spec.operations.is_empty() {
        return Err("it has no operation".into());
    }
    Ok(spec)
}

#[cfg(test)]
mod tests;
