//! Postman collections 2.0 and 2.1. In: a collection as a tree. Out: its requests. Bounds: those of [`super`]; folders are walked
//! with a stack of their own.

use super::{Spec, braced};
use serde_json::Value;

/// Reads a collection.
pub fn parse(doc: &Value) -> Result<Spec, String> {
    let info = doc.get("info").unwrap_or(&Value::Null);
    let schema = info
        .get("schema")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let version = if schema.contains("v2.0") {
        "2.0"
    } else {
        "2.1"
    };
    let mut spec = Spec {
        kind: format!("postman {version}"),
        title: info
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        ..Spec::default()
    };
    let vars: Vec<(String, String)> = doc
        .get("variable")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(1000)
        .filter_map(|v| {
            let key = v.get("key").or_else(|| v.get("id"))?.as_str()?;
            Some((
                format!("{{{{{key}}}}}"),
                v.get("value")?.as_str()?.to_owned(),
            ))
        })
        .collect();
    let mut todo: Vec<&Value> = vec![doc];
    while let Some(folder) = todo.pop() {
        for item in folder
            .get("item")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            if item.get("item").is_some() {
                todo.push(item);
            }
            let Some(request) = item.get("request") else {
                continue;
            };
            let url = request.get("url").unwrap_or(request);
            let raw = match url {
                Value::String(s) => Some(s.clone()),
                url => url
                    .get("raw")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .or_else(|| joined(url)),
            };
            let Some(raw) = raw else {
                spec.skipped += 1;
                continue;
            };
            let method = request
                .get("method")
                .and_then(Value::as_str)
                .unwrap_or("GET");
            let name = item.get("name").and_then(Value::as_str);
            add(&mut spec, method, &filled(raw, &vars), name);
        }
    }
    Ok(spec)
}

/// Variables of the collection put in; once, as they may hold others but seldom do.
fn filled(mut url: String, vars: &[(String, String)]) -> String {
    for (k, v) in vars {
        if url.contains(k.as_str()) {
            url = url.replace(k.as_str(), v);
        }
        if url.len() > 8192 {
            break;
        }
    }
    url
}

/// A URL in its parts.
fn joined(url: &Value) -> Option<String> {
    let part = |key: &str, by: &str| match url.get(key) {
        Some(Value::Array(l)) => Some(
            l.iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(by),
        ),
        Some(Value::String(s)) => Some(s.clone()),
        _ => None,
    };
    let path = part("path", "/")?;
    let host = part("host", ".").unwrap_or_default();
    Some(format!("http://{host}/{}", path.trim_start_matches('/')))
}

/// Adds a request. A variable that stands for scheme and host (`{{baseUrl}}/users`) names no host.
fn add(spec: &mut Spec, method: &str, raw: &str, name: Option<&str>) {
    let raw = raw.split(['?', '#']).next().unwrap_or(raw);
    let path = match raw.strip_prefix("{{").and_then(|r| r.split_once("}}")) {
        Some((_, rest)) if rest.starts_with('/') => rest.to_owned(),
        _ => {
            let bare = !raw.contains("://") && !raw.starts_with('/');
            let url = if bare {
                format!("http://{raw}")
            } else {
                raw.to_owned()
            };
            let (host, path) = super::split_url(&url);
            if let Some(h) = host
                && !h.contains('{')
                && !spec.hosts.contains(&h)
            {
                spec.hosts.push(h);
            }
            path.to_owned()
        }
    };
    let path: Vec<String> = path.split('/').map(braced).collect();
    spec.add(method, &[], &path.join("/"), name);
}
