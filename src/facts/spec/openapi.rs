//! OpenAPI 2.0 (Swagger) and 3.x. In: a document as a tree. Out: its operations with the base paths of their servers. Bounds: those
//! of [`super`].

use super::Spec;
use super::value::pointed;
use serde_json::Value;

const METHODS: [&str; 9] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace", "query",
];

fn text<'v>(v: &'v Value, key: &str) -> &'v str {
    v.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Reads a document.
pub fn parse(doc: &Value) -> Result<Spec, String> {
    let version = |key: &str| match doc.get(key) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Number(n)) => n.to_string(),
        _ => String::new(),
    };
    let old = doc.get("swagger").is_some();
    let version = version(if old { "swagger" } else { "openapi" });
    if !(old && version.starts_with('2') || !old && version.starts_with('3')) {
        return Err(format!("OpenAPI {version} is not read; 2.0 and 3.x are"));
    }
    let mut spec = Spec {
        kind: format!("{} {version}", if old { "swagger" } else { "openapi" }),
        title: doc.get("info").map_or("", |i| text(i, "title")).to_owned(),
        ..Spec::default()
    };
    let bases = if old {
        let host = text(doc, "host");
        let url = if host.is_empty() {
            text(doc, "basePath").to_owned()
        } else {
            format!("http://{host}{}", text(doc, "basePath"))
        };
        vec![spec.host(&url)]
    } else {
        servers(&mut spec, doc).unwrap_or_default()
    };
    let Some(paths) = doc.get("paths").and_then(Value::as_object) else {
        return Err("it has no paths".into());
    };
    for (path, item) in paths.iter().filter(|(p, _)| p.starts_with('/')) {
        let item = pointed(doc, item);
        let own = servers(&mut spec, item);
        for method in METHODS {
            let Some(op) = item.get(method).filter(|o| o.is_object()) else {
                continue;
            };
            let at = servers(&mut spec, op);
            let at = at.as_ref().or(own.as_ref()).unwrap_or(&bases);
            let path = path.split(['?', '#']).next().unwrap_or(path);
            let name = op.get("operationId").and_then(Value::as_str);
            spec.add(method, at, path, name);
        }
    }
    Ok(spec)
}

/// Base paths of `servers`, variables filled in with their defaults; `None` where there are none.
fn servers(spec: &mut Spec, of: &Value) -> Option<Vec<String>> {
    let list = of.get("servers")?.as_array()?;
    let mut out: Vec<String> = Vec::new();
    for s in list.iter().take(100) {
        let mut url = text(s, "url").to_owned();
        if let Some(vars) = s.get("variables").and_then(Value::as_object) {
            for (k, v) in vars.iter().take(100) {
                let default = match v.get("default") {
                    Some(Value::String(s)) => s.clone(),
                    Some(v) => v.to_string(),
                    None => continue,
                };
                url = url.replace(&format!("{{{k}}}"), &default);
                if url.len() > 4096 {
                    break;
                }
            }
        }
        let base = spec.host(&url);
        if !out.contains(&base) {
            out.push(base);
        }
    }
    (!out.is_empty()).then_some(out)
}
