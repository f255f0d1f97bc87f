//! JSON lines: by a mapping of paths, or by the names that servers and gateways use (nginx, Envoy, Caddy, Traefik, ECS and
//! plain ones). In: one line's value. Out: what it says. Bounds: nesting is limited by the JSON reader (128), fields by the
//! line's length; JSON inside a string is read [`INNER`] times.

use super::NoCall;
use super::best::Best;
use super::draft::address;
use super::draft::{Draft, Meaning, Slot};
use super::names;
use super::shape::{METHODS, is_host, is_version};
use super::status::is_given;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Levels of objects whose fields are looked at for known names.
const LEVELS: u8 = 4;
/// Strings that hold JSON, inside one another.
const INNER: u8 = 2;

/// Names of lists whose items are a name and a value each: OpenTelemetry's and Jaeger's.
const PAIRS: [&str; 2] = ["attributes", "tags"];
/// Pairs of such a list that are looked at.
const MOST_PAIRS: usize = 256;

/// Fields of an object that stand in it as pairs, by their whole names.
fn pairs(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let lists = PAIRS.iter().filter_map(|n| value.get(n)?.as_array());
    lists.flatten().take(MOST_PAIRS).filter_map(|pair| {
        let value = match pair.get("value")? {
            // `{"stringValue": "GET"}`, `{"intValue": "200"}`
            Value::Object(typed) => typed.iter().next().map(|(_, v)| v)?,
            plain => plain,
        };
        Some((pair.get("key")?.as_str()?, value))
    })
}

/// Whether an object is the span of who asked: the same call is told by the span of who answered, and would count twice.
fn asks(value: &Value) -> bool {
    let kind = match value.get("kind") {
        Some(Value::Number(n)) => n.as_u64() == Some(3),
        Some(Value::String(s)) => s == "SPAN_KIND_CLIENT",
        _ => pairs(value).any(|(k, v)| k == "span.kind" && v == "client"),
    };
    let id = ["spanId", "spanID"].iter().any(|n| value.get(n).is_some());
    kind && id
}

/// All that a line says by known names. Where it is no request itself, an object in it may be one.
pub fn by_names<'a>(value: &'a Value, draft: &mut Draft<'a>) {
    if asks(value) {
        return;
    }
    let all = |value: &'a Value| {
        let node = value.get("req").is_some_and(|r| r.get("method").is_some());
        let mut best = Best::of_node(node);
        let mut name = String::new();
        flatten(value, &mut name, LEVELS, &mut best);
        for (key, v) in pairs(value) {
            name.clear();
            names::fold(key, &mut name);
            best.take(&name, 0, || text(v));
        }
        best
    };
    let mut best = all(value);
    if !best.is_request()
        && let Some(inner) = inner(value, LEVELS, &|v| all(v).is_request())
    {
        let outer = std::mem::replace(&mut best, all(inner));
        best.around(outer);
    }
    if !best.is_request()
        && let Some(begin) = prefix(value)
    {
        let mut bare = Best::default();
        let mut name = String::new();
        for (k, v) in fields(value) {
            name.clear();
            let own = k.strip_prefix(begin).unwrap_or(k);
            names::fold(own.trim_start_matches(['_', '.', '-']), &mut name);
            bare.take(&name, 0, || text(v));
        }
        if bare.is_request() {
            best = bare;
        }
    }
    if !best.has(Slot::Uri) && !best.has(Slot::Request) {
        by_shape(value, &mut best);
    }
    by_ending(value, &mut best);
    best.host(false);
    if best.is_call() {
        best.say(draft);
    }
}

/// What the fields of an object are by their look, where one of them is a request with its version: names may be of a
/// letter or two then.
fn by_shape<'a>(value: &'a Value, best: &mut Best<'a>) {
    let Value::Object(map) = value else { return };
    let fields = || {
        let one = |(k, v): (&'a String, &'a Value)| Some((k.as_str(), text(v)?));
        map.iter().take(MOST_PAIRS).filter_map(one)
    };
    let line = fields().find(|(_, t)| is_request_line(t));
    let alone = |is: &dyn Fn(&str) -> bool| {
        let mut fit = fields().filter(|(_, t)| is(t));
        fit.next().filter(|_| fit.next().is_none())
    };
    // or its method and its target, where a status is beside them
    let method = alone(&|t| METHODS.contains(&t));
    let target = alone(&|t| t.starts_with('/') && !t.contains(' '));
    let answered = best.has(Slot::Status) || alone(&|t| t.len() == 3 && is_given(t)).is_some();
    match (&line, method, target) {
        (Some(_), ..) => {}
        (None, Some((_, method)), Some((key, target))) if answered && !of_files(key) => {
            best.take("method", 0, || Some(method));
            best.take("uri", 0, || Some(target));
        }
        _ => return,
    }
    let mut only = |slot: Slot, name: &str, is: &dyn Fn(&str, &str) -> bool| {
        let mut fit = fields().filter(|(k, t)| is(k, t));
        if !best.has(slot)
            && let (Some((_, text)), None) = (fit.next(), fit.next())
        {
            best.take(name, 0, || Some(text));
        }
    };
    only(Slot::Status, "status", &|k, t| {
        is_given(t)
            && (matches!(k, "s" | "st" | "sc" | "rs" | "rc")
                || k.contains("stat")
                || k.contains("code"))
    });
    only(Slot::Status, "status", &|_, t| t.len() == 3 && is_given(t));
    only(Slot::Src, "clientip", &|_, t| address(t).0.is_some());
    only(Slot::Host, "httphost", &|_, t| is_host(t));
    only(Slot::User, "user", &|k, t| {
        matches!(k, "u" | "usr" | "ru") && !t.contains(['/', ' '])
    });
    only(Slot::Sent, "bytes", &|k, t| {
        matches!(k, "b" | "sz" | "bs" | "len") && t.bytes().all(|b| b.is_ascii_digit())
    });
    if let Some((_, request)) = line {
        best.take("requestline", 0, || Some(request));
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten().take(MOST_PAIRS)
}

/// Fields that have a beginning in common, for it to be the writer's own.
const COMMON: usize = 5;

/// What most names of an object begin with, up to a mark: `ibm_requestMethod`, `ibm_uriPath`.
fn prefix(value: &Value) -> Option<&str> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all = 0usize;
    for (key, _) in fields(value) {
        all += 1;
        if let Some((begin, _)) = key
            .split_once(['_', '.', '-'])
            .filter(|(b, _)| !b.is_empty())
        {
            *count.entry(begin).or_default() += 1;
        }
    }
    let (begin, n) = count.into_iter().max_by_key(|(_, n)| *n)?;
    (n >= COMMON && n * 2 > all).then_some(begin)
}

/// What the ends of names say where nothing else does, and the value is of the kind: `apiMethod`, `userIp`, `report_timestamp`. Of
/// several for one thing nothing is said.
fn by_ending<'a>(value: &'a Value, best: &mut Best<'a>) {
    let Value::Object(_) = value else { return };
    if !best.is_request() {
        let method = ending(value, &["method", "verb"], &|t| METHODS.contains(&t));
        let target = || {
            ending(
                value,
                &["uri", "url", "path", "resource", "template", "target"],
                &|t| t.starts_with('/') && !t.contains(' '),
            )
        };
        let Some(((_, method), (key, target))) = method.and_then(|m| Some((m, target()?))) else {
            return;
        };
        let answered = best.has(Slot::Status) || ending(value, &STATUS, &is_given).is_some();
        if !answered || of_files(key) {
            return;
        }
        best.take("method", 0, || Some(method));
        best.take("uri", 0, || Some(target));
    }
    let mut fill = |slot: Slot, name: &str, ends: &[&str], is: &dyn Fn(&str) -> bool| {
        if !best.has(slot)
            && let Some((_, text)) = ending(value, ends, is)
        {
            best.take(name, 0, || Some(text));
        }
    };
    let ip = |t: &str| address(t).0.is_some();
    fill(Slot::Status, "status", &STATUS, &|t| {
        t.len() == 3 && is_given(t)
    });
    fill(Slot::Src, "clientip", &CLIENT, &ip);
    if !best.has(Slot::Start) {
        let mut fill = |ends: &[&str]| {
            if !best.has(Slot::Time)
                && let Some((_, text)) = ending(value, ends, &|t| names::fits(Slot::Start, t))
            {
                best.take("timestamp", 0, || Some(text));
            }
        };
        fill(&["timestamp"]);
        fill(&[
            "datetime",
            "logtime",
            "eventtime",
            "accesstime",
            "reporttime",
        ]);
    }
}

/// Ends of the names of who asked: servers have addresses as well.
const CLIENT: [&str; 8] = [
    "userip",
    "useraddr",
    "clientip",
    "clientaddr",
    "clientaddress",
    "remoteip",
    "remoteaddr",
    "callerip",
];
/// Ends of the names of a status.
const STATUS: [&str; 4] = ["statuscode", "responsecode", "httpstatus", "httpcode"];

/// The only field whose name ends in one of some words and whose text is of a kind; what several say alike is one.
fn ending<'a>(
    value: &'a Value,
    ends: &[&str],
    is: &dyn Fn(&str) -> bool,
) -> Option<(&'a str, Cow<'a, str>)> {
    let mut name = String::new();
    let mut found: Option<(&str, Cow<'_, str>)> = None;
    for (key, v) in fields(value) {
        name.clear();
        names::fold(key, &mut name);
        if !ends.iter().any(|e| name.ends_with(e)) {
            continue;
        }
        let Some(text) = text(v).filter(|t| is(t)) else {
            continue;
        };
        match &found {
            None => found = Some((key.as_str(), text)),
            Some((_, have)) if *have == text => {}
            Some(_) => return None,
        }
    }
    found
}

/// Whether a name is one for what lies on a disk: what is done there is no call, though a path and a number stand beside it.
fn of_files(name: &str) -> bool {
    const FILES: [&str; 8] = [
        "file", "dir", "folder", "mount", "module", "script", "disk", "device",
    ];
    let name = name.to_ascii_lowercase();
    FILES.iter().any(|f| name.contains(f))
}

/// `GET /a HTTP/1.1`.
fn is_request_line(text: &str) -> bool {
    let mut words = text.split(' ');
    let method = words.next().is_some_and(|m| METHODS.contains(&m));
    let version = words.next_back().is_some_and(is_version);
    method && version
}

/// The first object inside another of which something holds.
fn inner<'a>(value: &'a Value, depth: u8, holds: &dyn Fn(&'a Value) -> bool) -> Option<&'a Value> {
    let objects = || {
        // labels name a series of numbers: what it counts is no call
        const SERIES: [&str; 4] = ["labels", "dimensions", "metric", "stream"];
        let fields = value.as_object().into_iter().flatten();
        let fields = fields.filter(|(k, v)| v.is_object() && !SERIES.contains(&k.as_str()));
        fields.map(|(_, v)| v)
    };
    let deeper = || objects().find_map(|v| inner(v, depth.checked_sub(1)?, holds));
    objects().find(|v| holds(v)).or_else(deeper)
}

/// Finds the scalar fields of an object by their folded dotted names; of several for one slot the most trusted stays.
fn flatten<'a>(value: &'a Value, name: &mut String, depth: u8, best: &mut Best<'a>) {
    let Value::Object(map) = value else { return };
    let prefix = name.len();
    for (k, v) in map {
        if prefix > 0 {
            name.push('.');
        }
        names::fold(k, name);
        match v {
            Value::Object(fields) if depth > 0 => {
                if names::slot(name).is_some_and(|(slot, _)| slot == Slot::Query) {
                    best.take(name, 0, || Some(Cow::Owned(query(fields))));
                }
                // what tracing's writer puts its fields into says nothing of them
                match prefix == 0 && name.as_str() == "fields" {
                    true => flatten(v, &mut String::new(), depth - 1, best),
                    false => flatten(v, name, depth - 1, best),
                }
            }
            Value::Object(_) | Value::Null | Value::Bool(_) => {}
            Value::Array(items) if name.ends_with("headers") => headers(items, best),
            _ => best.take(name, 0, || text(v)),
        }
        name.truncate(prefix);
    }
}

/// Headers in a list of their names and values, as AWS WAF writes them: those that name something of the call.
fn headers<'a>(items: &'a [Value], best: &mut Best<'a>) {
    for item in items.iter().take(MOST_PAIRS) {
        let name = item.get("name").and_then(Value::as_str);
        // behind the names of fields
        let known = match name.map(str::to_ascii_lowercase).as_deref() {
            Some("host") => "server.address",
            Some("user-agent") => "client.useragent",
            Some("referer") => "csreferer",
            Some("x-forwarded-for") => "fwd",
            _ => continue,
        };
        best.take(known, 0, || text(item.get("value")?));
    }
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::String(s) => Cow::Borrowed(s),
        Value::Number(n) => match n.as_f64() {
            // `200.0`, and no exponent
            Some(f) if n.is_f64() && f.fract() == 0.0 && f.abs() < 9e15 => {
                Cow::Owned(format!("{f:.0}"))
            }
            _ => Cow::Owned(n.to_string()),
        },
        Value::Bool(b) => Cow::Owned(b.to_string()),
        Value::Array(items) => return text(items.first().filter(|v| !v.is_array())?),
        _ => return None,
    })
}

/// A query that was taken apart, put together again.
fn query(fields: &serde_json::Map<String, Value>) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        let one = std::slice::from_ref(value);
        for value in value.as_array().map_or(one, Vec::as_slice) {
            if !out.is_empty() {
                out.push('&');
            }
            encode(name, &mut out);
            out.push('=');
            encode(&text(value).unwrap_or_default(), &mut out);
        }
    }
    out
}

/// Percent-encoded where a byte would end a value.
fn encode(text: &str, out: &mut String) {
    for b in text.bytes() {
        match b {
            b'&' | b'=' | b'#' | b'%' | b'+' | 0..=b' ' | 127.. => {
                let _ = write!(out, "%{b:02X}");
            }
            b => out.push(char::from(b)),
        }
    }
}

/// Where fields stand in a line of one format.
#[derive(Debug, Default)]
pub struct Map {
    /// Paths that a line of this format has, with what stands there (anything where nothing is named).
    pub has: Conditions,
    /// Of those, the lines that log a request; others log something else.
    pub only: Conditions,
    /// What each path says, in order of trust.
    pub fields: Vec<(Path, Meaning)>,
}

/// What a line must hold: one of some paths, with what stands there (anything where nothing is named).
#[derive(Debug, Default)]
pub struct Conditions(pub Vec<(Vec<Path>, Vec<String>)>);

impl Conditions {
    /// Whether a line holds all of it.
    pub fn hold(&self, value: &Value) -> bool {
        self.0.iter().all(|c| holds(value, c))
    }
}

/// Names from the outside in.
#[derive(Debug, Clone, PartialEq)]
pub struct Path(Vec<String>);

impl Path {
    /// `request.headers.user-agent`.
    pub fn new(text: &str) -> Path {
        Path(text.split('.').map(str::to_owned).collect())
    }

    /// What stands there. A name may hold dots itself, and an object may be text inside a string; of a list the first.
    fn find<'v>(&self, value: &'v Value) -> Option<Cow<'v, Value>> {
        find(value, &self.0, INNER)
    }
}

fn find<'v>(value: &'v Value, names: &[String], inner: u8) -> Option<Cow<'v, Value>> {
    let Some(_) = names.first() else {
        return Some(Cow::Borrowed(value));
    };
    match value {
        Value::Object(map) => {
            let mut key = String::new();
            for (n, name) in names.iter().enumerate() {
                if n > 0 {
                    key.push('.');
                }
                key.push_str(name);
                if let Some(v) = map.get(&key)
                    && let Some(found) = find(v, names.get(n + 1..)?, inner)
                {
                    return Some(found);
                }
            }
            None
        }
        Value::Array(items) => find(items.first()?, names, inner),
        Value::String(s) if inner > 0 && s.trim_start().starts_with('{') => {
            let value: Value = serde_json::from_str(s).ok()?;
            find(&value, names, inner - 1).map(|v| Cow::Owned(v.into_owned()))
        }
        _ => None,
    }
}

fn holds(value: &Value, (paths, any): &(Vec<Path>, Vec<String>)) -> bool {
    let Some(found) = paths.iter().find_map(|p| p.find(value)) else {
        return false;
    };
    any.is_empty()
        || text(&found).is_some_and(|t| {
            any.iter().any(|a| match a.strip_suffix('*') {
                Some(begin) => t.starts_with(begin),
                None => *a == t,
            })
        })
}

impl Map {
    /// What a line says.
    ///
    /// # Errors
    /// Where it is not of this format, or logs no request.
    pub fn read<'a>(&'a self, value: &'a Value, draft: &mut Draft<'a>) -> Result<(), NoCall> {
        if let Some((paths, _)) = self.has.0.iter().find(|h| !holds(value, h)) {
            let name = paths.first().map(|p| p.0.join(".")).unwrap_or_default();
            return Err(NoCall::unfit_text(&name, 0));
        }
        if !self.only.hold(value) {
            return Err(NoCall::NoRequest);
        }
        self.say(value, draft);
        Ok(())
    }

    /// What stands where the mapping says.
    pub fn say<'a>(&'a self, value: &'a Value, draft: &mut Draft<'a>) {
        for (path, meaning) in &self.fields {
            match path.find(value) {
                Some(Cow::Borrowed(Value::Object(fields))) if meaning.slot == Slot::Query => {
                    draft.put(meaning, Cow::Owned(query(fields)), 0);
                }
                Some(Cow::Borrowed(v)) => {
                    if let Some(t) = text(v) {
                        draft.put(meaning, t, 0);
                    }
                }
                Some(Cow::Owned(v)) => {
                    if let Some(t) = text(&v) {
                        draft.put(meaning, Cow::Owned(t.into_owned()), 0);
                    }
                }
                None => {}
            }
        }
    }
}
