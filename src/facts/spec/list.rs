//! A plain list: `GET /path/{id}`, a path or a URL a line; `#` begins a comment. In: text. Out: a specification, or none where any
//! line is something else. Bounds: those of [`super`].

use super::{Spec, braced, split_url};

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY",
];

/// Reads a list.
pub fn parse(text: &str) -> Option<Spec> {
    let mut spec = Spec {
        kind: "list".into(),
        ..Spec::default()
    };
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let upper = first.to_ascii_uppercase();
        let (method, url) = match METHODS.contains(&upper.as_str()) || first == "*" {
            true => (upper, words.next()?),
            false => ("*".to_owned(), first),
        };
        if !(url.starts_with('/') || url.starts_with("http://") || url.starts_with("https://")) {
            return None;
        }
        let (host, path) = split_url(url);
        if let Some(h) = host
            && !spec.hosts.contains(&h)
        {
            spec.hosts.push(h);
        }
        let path: Vec<String> = path.split('/').map(braced).collect();
        spec.add(&method, &[], &path.join("/"), None);
    }
    (!spec.operations.is_empty()).then_some(spec)
}
