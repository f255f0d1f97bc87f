//! The APIs of the selected calls as OpenAPI 3.1. In: calls with their bodies. Out: one document, in a stable order: paths with
//! parameters by name, bodies as schemas of what was seen, the ways callers prove who they are. Bounds: [`SAMPLES`] calls of an API
//! and [`BODY`] bytes of a body are looked at. No value of the evidence is in it but words of routes; data classes are named
//! (`x-data-class`), their values never.

mod infer;
mod security;

use super::{Exporter, Job, wrote};
use crate::call::text::safe_json;
use crate::case::bodies::BodyReader;
use crate::error::Result;
use crate::facts::templates::{names, path_of, segments};
use crate::query::read;
use infer::{NODES, Seen};
use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Calls of an API whose bodies are read: what the two hundredth shows the first ones showed.
const SAMPLES: usize = 200;
/// Bytes of a body that are read; a longer one is not well formed within them and left out.
const BODY: usize = 4 << 20;

/// The exporter.
pub struct OpenApi;

/// What was seen of one operation.
#[derive(Default)]
struct Operation {
    hosts: BTreeSet<String>,
    names: BTreeSet<String>,
    apis: BTreeSet<i64>,
    calls: u64,
    samples: u64,
    documented: Option<bool>,
    level: &'static str,
    why: String,
    /// Values of path parameters: all integers, all UUIDs, by position.
    path: Vec<Kinds>,
    query: BTreeMap<String, (u64, Kinds)>,
    request: BTreeMap<String, Seen>,
    answers: BTreeMap<u16, BTreeMap<String, Seen>>,
    security: BTreeSet<String>,
}

/// What values of a parameter have in common.
#[derive(Clone, Copy)]
struct Kinds {
    integer: bool,
    uuid: bool,
    date: bool,
    any: bool,
}

impl Default for Kinds {
    fn default() -> Self {
        Kinds {
            integer: true,
            uuid: true,
            date: true,
            any: false,
        }
    }
}

impl Kinds {
    fn add(&mut self, v: &str) {
        self.any = true;
        let digits = v.strip_prefix('-').unwrap_or(v);
        // a leading zero is part of a text
        self.integer &= !digits.is_empty()
            && digits.len() <= 15
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        let format = infer::format(v);
        self.uuid &= format == "uuid";
        self.date &= format == "date";
    }
    fn schema(self) -> Value {
        match self {
            Kinds { any: false, .. } => json!({"type": "string"}),
            Kinds { integer: true, .. } => json!({"type": "integer"}),
            Kinds { uuid: true, .. } => json!({"type": "string", "format": "uuid"}),
            Kinds { date: true, .. } => json!({"type": "string", "format": "date"}),
            _ => json!({"type": "string"}),
        }
    }
}

/// Data classes by API, direction and place.
type Classes = BTreeMap<(i64, bool, String), String>;

impl Exporter for OpenApi {
    fn name(&self) -> &'static str {
        "openapi"
    }
    fn ending(&self) -> &'static str {
        "openapi.json"
    }
    fn about(&self) -> &'static str {
        "the APIs of these calls as OpenAPI 3.1, schemas as seen"
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        let rows = read::apis(job.cx, job.filter)?;
        let mut ops: BTreeMap<(String, String), Operation> = BTreeMap::new();
        let mut of_api: BTreeMap<i64, (String, String)> = BTreeMap::new();
        let mut skipped = 0u64;
        for r in &rows {
            let method = r.method.as_deref().unwrap_or("").to_ascii_lowercase();
            let route = r.route.as_deref().unwrap_or("");
            let known = [
                "get", "put", "post", "delete", "options", "head", "patch", "trace",
            ];
            if !known.contains(&method.as_str()) || !route.starts_with('/') {
                skipped += 1;
                continue;
            }
            let key = (path(route).0, method);
            let op = ops.entry(key.clone()).or_default();
            if let Some(h) = r.host.as_ref().filter(|h| !h.is_empty()) {
                op.hosts.insert(h.clone());
            }
            op.names.insert(r.api.clone());
            op.apis.insert(r.rowid);
            op.calls += r.calls;
            op.documented = r.documented.or(op.documented);
            op.level = op.level.max(r.level);
            if r.why.len() > op.why.len() {
                op.why = r.why.clone();
            }
            of_api.insert(r.rowid, key);
        }
        let mut schemes = security::Schemes::default();
        let calls = sample(job, &of_api, &mut ops, &mut schemes)?;
        let classes = classes(job)?;
        let doc = document(job, ops, &classes, schemes, skipped);
        let text = serde_json::to_string_pretty(&doc).map_err(|e| wrote(e.into()))?;
        writeln!(out, "{}", safe_json(&text)).map_err(wrote)?;
        Ok(calls)
    }
}

/// A route as OpenAPI writes it, and the names of its parameters; braces that are no parameter are encoded.
fn path(route: &str) -> (String, Vec<String>) {
    let names = names::parameters(route);
    let mut left = names.iter();
    let mut out = String::new();
    let mut used = Vec::new();
    for seg in segments(route) {
        out.push('/');
        let param = ["{id}", "{date}", "{file}"].into_iter().find_map(|p| {
            let at = seg.find(p)?;
            Some((seg.get(..at)?, seg.get(at + p.len()..)?))
        });
        let any = seg.contains('{') && seg.contains('}');
        let name = if any { left.next() } else { None };
        match (param, name) {
            (Some((before, after)), Some(name)) => {
                out.push_str(&plain(before));
                out.push('{');
                out.push_str(name);
                out.push('}');
                out.push_str(&plain(after));
                used.push(name.clone());
            }
            _ => out.push_str(&plain(&seg)),
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    (out, used)
}

/// What would be read as part of a template, or of a URL, encoded.
fn plain(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '{' | '}' | '?' | '#' => out.push_str(&format!("%{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Looks at calls of each API; gives how many calls were selected.
fn sample(
    job: &Job<'_>,
    of_api: &BTreeMap<i64, (String, String)>,
    ops: &mut BTreeMap<(String, String), Operation>,
    schemes: &mut security::Schemes,
) -> Result<u64> {
    let conn = &job.cx.conn;
    let mut api_of = conn.prepare("SELECT api_id FROM call_fact WHERE call_id=?1")?;
    let mut call = conn.prepare(
        "SELECT c.uri,c.status,c.req_body_id,c.resp_body_id,rt.v,st.v,c.ident FROM call c \
         LEFT JOIN term rt ON rt.id=c.req_type_id LEFT JOIN term st ON st.id=c.resp_type_id WHERE c.id=?1",
    )?;
    let mut reader = BodyReader::new();
    let mut n = 0;
    for id in job.ids()? {
        job.go_on()?;
        n += 1;
        let api: Option<i64> = api_of.query_row([id], |r| r.get(0)).optional()?.flatten();
        let Some(op) = api
            .and_then(|a| of_api.get(&a))
            .and_then(|k| ops.get_mut(k))
        else {
            continue;
        };
        if op.samples >= SAMPLES as u64 {
            continue;
        }
        op.samples += 1;
        let mut found = call.query([id])?;
        let Some(r) = found.next()? else { continue };
        let uri: Option<String> = r.get(0)?;
        let status: Option<u16> = r.get(1)?;
        let bodies: [Option<i64>; 2] = [r.get(2)?, r.get(3)?];
        let types: [Option<String>; 2] = [r.get(4)?, r.get(5)?];
        if let Some(ident) = r.get::<_, Option<Vec<u8>>>(6)? {
            op.security.extend(schemes.seen(&ident));
        }
        if let Some(uri) = uri {
            target(op, &uri);
        }
        let status = status.unwrap_or(0);
        let known = (100..600).contains(&status);
        for (i, (body, media)) in bodies.into_iter().zip(types).enumerate() {
            let Some(body) = body else {
                if i == 1 && known {
                    op.answers.entry(status).or_default();
                }
                continue;
            };
            let media = media.unwrap_or_else(|| "application/octet-stream".into());
            let places = match i {
                0 => &mut op.request,
                _ if known => op.answers.entry(status).or_default(),
                _ => continue,
            };
            // as many media types as a person would name
            if !places.contains_key(&media) && places.len() >= 8 {
                continue;
            }
            let seen = places.entry(media.clone()).or_default();
            let json = media.contains("json");
            if !json && media != "application/x-www-form-urlencoded" {
                continue;
            }
            let content = reader.get(conn, body)?;
            let content = content.get(..BODY).unwrap_or(&content);
            let mut room = NODES;
            if json {
                if let Ok(v) = serde_json::from_slice::<Value>(content) {
                    seen.add(&v, &mut room);
                }
            } else {
                seen.add(&form(content), &mut room);
            }
        }
    }
    Ok(n)
}

/// Fields of a form as an object of texts.
fn form(content: &[u8]) -> Value {
    let text = String::from_utf8_lossy(content);
    let fields: Map<String, Value> = text
        .split('&')
        .filter(|p| !p.is_empty())
        .take(500)
        .map(|p| {
            let (k, v) = p.split_once('=').unwrap_or((p, ""));
            (decoded(k), json!(decoded(v)))
        })
        .collect();
    Value::Object(fields)
}

fn decoded(s: &str) -> String {
    crate::facts::credentials::percent(s.replace('+', " ").as_bytes())
}

/// Notes what stands in a request target.
fn target(op: &mut Operation, uri: &str) {
    let Some(route) = op
        .names
        .iter()
        .next()
        .and_then(|n| n.find('/').and_then(|at| n.get(at..)))
    else {
        return;
    };
    let route = route.split('#').next().unwrap_or(route).to_owned();
    let sent = segments(path_of(uri));
    let mut at = 0;
    for (seg, value) in segments(&route).iter().zip(&sent) {
        let Some((open, close)) = seg.find('{').zip(seg.rfind('}')) else {
            continue;
        };
        let value = value
            .get(open..value.len().saturating_sub(seg.len() - close - 1))
            .unwrap_or(value);
        if at >= op.path.len() {
            op.path.push(Kinds::default());
        }
        if let Some(k) = op.path.get_mut(at) {
            k.add(value);
        }
        at += 1;
    }
    let query = uri.split_once('?').map_or("", |(_, q)| q);
    let query = query.split('#').next().unwrap_or(query);
    let mut had: BTreeSet<String> = BTreeSet::new();
    for p in query.split('&').filter(|p| !p.is_empty()).take(200) {
        let (k, v) = p.split_once('=').unwrap_or((p, ""));
        let key = decoded(k);
        // a name is a word; anything else may be a value without one
        if key.is_empty()
            || key.len() > 64
            || crate::facts::templates::shapes::shape(&key).is_some()
        {
            continue;
        }
        if op.query.len() >= 200 && !op.query.contains_key(&key) {
            continue;
        }
        let e = op.query.entry(key.clone()).or_default();
        e.1.add(&decoded(v));
        if had.insert(key) {
            e.0 += 1;
        }
    }
}

/// Data classes of fields, indexes of lists left out.
fn classes(job: &Job<'_>) -> Result<Classes> {
    let mut stmt = job.cx.conn.prepare(
        "SELECT f.api_id,f.dir,t.v,c.name FROM field_class f JOIN term t ON t.id=f.field_id JOIN class c ON c.id=f.class_id \
         WHERE f.accept=1 ORDER BY f.api_id,f.dir,t.v,c.level,c.name",
    )?;
    let mut out = Classes::new();
    let mut rows = stmt.query(params![])?;
    while let Some(r) = rows.next()? {
        let place: String = r.get(2)?;
        // the class of the highest level stays
        out.insert(
            (r.get(0)?, r.get::<_, i64>(1)? == 1, bare(&place)),
            r.get(3)?,
        );
    }
    Ok(out)
}

/// `$.a[3].b` as `$.a[].b`.
fn bare(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    let mut inside = false;
    for c in place.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => continue,
            _ => {}
        }
        out.push(c);
    }
    out
}

fn document(
    job: &Job<'_>,
    ops: BTreeMap<(String, String), Operation>,
    classes: &Classes,
    schemes: security::Schemes,
    skipped: u64,
) -> Value {
    let mut hosts: BTreeSet<String> = BTreeSet::new();
    let mut paths: Map<String, Value> = Map::new();
    for ((path, method), op) in ops {
        hosts.extend(op.hosts.iter().cloned());
        let item = paths.entry(path.clone()).or_insert_with(|| json!({}));
        if let Value::Object(item) = item {
            item.insert(method.clone(), operation(&path, &method, &op, classes));
        }
    }
    let name = job
        .cx
        .path
        .file_stem()
        .map_or_else(|| "case".into(), |s| s.to_string_lossy().into_owned());
    let mut doc = Map::new();
    doc.insert("openapi".into(), json!("3.1.0"));
    doc.insert(
        "info".into(),
        json!({"title": format!("APIs seen in {name}"), "version": "1",
            "description": "Inferred by leaktrace from captured calls: what was called and answered, not what was meant."}),
    );
    let servers: Vec<Value> = hosts.iter().map(|h| server(h)).collect();
    if !servers.is_empty() {
        doc.insert("servers".into(), servers.into());
    }
    doc.insert("paths".into(), paths.into());
    if let Some(s) = schemes.document() {
        doc.insert("components".into(), json!({ "securitySchemes": s }));
    }
    if skipped > 0 {
        doc.insert(
            "x-left-out".into(),
            json!({"apis": skipped, "why": "no path, or a method that OpenAPI has no word for"}),
        );
    }
    Value::Object(doc)
}

fn server(host: &str) -> Value {
    json!({"url": format!("//{}", plain(host))})
}

fn operation(path: &str, method: &str, op: &Operation, classes: &Classes) -> Value {
    let class = |resp: bool, place: &str| -> Option<String> {
        op.apis
            .iter()
            .find_map(|a| classes.get(&(*a, resp, place.to_owned())).cloned())
    };
    let mut out = Map::new();
    let id = format!("{method} {path}");
    out.insert("operationId".into(), json!(id));
    out.insert(
        "summary".into(),
        json!(op.names.iter().cloned().collect::<Vec<_>>().join(", ")),
    );
    if !op.why.is_empty() {
        out.insert("description".into(), json!(op.why));
    }
    let mut parameters: Vec<Value> = Vec::new();
    let names: Vec<&str> = path
        .split('{')
        .skip(1)
        .filter_map(|p| p.split_once('}').map(|(n, _)| n))
        .collect();
    // places of path segments count from 0
    let at: Vec<usize> = segments(path)
        .iter()
        .enumerate()
        .filter(|(_, s)| s.contains('{'))
        .map(|(i, _)| i)
        .collect();
    for (n, name) in names.iter().enumerate() {
        let mut schema = op.path.get(n).copied().unwrap_or_default().schema();
        let found = at.get(n).and_then(|i| class(false, &format!("path:{i}")));
        if let (Some(c), Value::Object(s)) = (found, &mut schema) {
            s.insert("x-data-class".into(), json!(c));
        }
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    for (name, (n, kinds)) in &op.query {
        let mut schema = kinds.schema();
        if let (Some(c), Value::Object(s)) = (class(false, &format!("query:{name}")), &mut schema) {
            s.insert("x-data-class".into(), json!(c));
        }
        parameters.push(
            json!({"name": name, "in": "query", "required": *n == op.samples, "schema": schema}),
        );
    }
    if !parameters.is_empty() {
        out.insert("parameters".into(), parameters.into());
    }
    if !op.request.is_empty() {
        out.insert(
            "requestBody".into(),
            json!({"content": content(&op.request, &|p| class(false, p))}),
        );
    }
    let mut answers = Map::new();
    for (status, bodies) in &op.answers {
        let mut answer = Map::new();
        answer.insert(
            "description".into(),
            json!(format!("seen with status {status}")),
        );
        if !bodies.is_empty() {
            answer.insert("content".into(), content(bodies, &|p| class(true, p)));
        }
        answers.insert(status.to_string(), answer.into());
    }
    if answers.is_empty() {
        answers.insert(
            "default".into(),
            json!({"description": "no answer was captured"}),
        );
    }
    out.insert("responses".into(), answers.into());
    if !op.security.is_empty() {
        let any: Vec<Value> = op
            .security
            .iter()
            .map(|s| json!({ s.as_str(): [] }))
            .collect();
        out.insert("security".into(), any.into());
    }
    if !op.hosts.is_empty() {
        let list: Vec<Value> = op.hosts.iter().map(|h| server(h)).collect();
        out.insert("servers".into(), list.into());
    }
    out.insert("x-calls".into(), json!(op.calls));
    if !op.level.is_empty() {
        out.insert("x-level".into(), json!(op.level));
    }
    if let Some(d) = op.documented {
        out.insert("x-documented".into(), json!(d));
    }
    Value::Object(out)
}

fn content(bodies: &BTreeMap<String, Seen>, class: &dyn Fn(&str) -> Option<String>) -> Value {
    let all: Map<String, Value> = bodies
        .iter()
        .map(|(media, seen)| {
            let form = media == "application/x-www-form-urlencoded";
            let of = |p: &str| match p.strip_prefix("$.").filter(|_| form) {
                Some(name) => class(&format!("form:{name}")),
                None => class(p),
            };
            (media.clone(), json!({"schema": seen.schema("$", &of)}))
        })
        .collect();
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_templates_and_other_braces_are_not() {
        assert_eq!(
            path("/users/{id}/orders/{id}.json").0,
            "/users/{userId}/orders/{orderId}.json"
        );
        assert_eq!(path("/a{b/{c}"), ("/a%7Bb/%7Bc%7D".into(), vec![]));
        assert_eq!(path("/"), ("/".into(), vec![]));
        assert_eq!(bare("$.a[3].b"), "$.a[].b");
    }
}
