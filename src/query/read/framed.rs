//! Messages inside a call: those of gRPC, and server-sent events. In: a body and the values to hide in it. Out: one object a message:
//! `n` (its place in its direction, from 0, as in `$[n]` of findings), `dir`, `ts` and `packet` where it began (as far as that was kept),
//! `len`, `sha256`, and `json`, `text` or `base64`.
//! Bounds: [`MESSAGES`] of one direction; what is left out is said in the last object.

use super::call::hex;
use super::cx::Cx;
use super::mask::{self, Hit};
use super::time::rfc3339;
use crate::body::protobuf::frames::{self, frames};
use crate::body::protobuf::schema::Schema;
use crate::body::protobuf::walk::{Key, Leaf, Visit, walk};
use crate::body::sse;
use crate::case::heads::Began;
use crate::detect::form::Form;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::ops::Range;

/// Messages of one direction that are listed.
const MESSAGES: usize = 10_000;

/// Kinds of bodies that consist of messages.
pub(super) fn has(kind: &str) -> bool {
    matches!(kind, "grpc" | "sse" | "protobuf")
}

/// Messages of one body; `hits` are the values to hide, `times` when and where each began.
pub(super) fn of(
    cx: &Cx,
    dir: u8,
    (kind, content): (&str, &[u8]),
    hits: Vec<Hit>,
    schema: Option<(&Schema, usize)>,
    times: &[Began],
) -> Vec<Value> {
    let hits = Hits::new(cx, hits);
    let dir = crate::query::func::dir_name(dir);
    match kind {
        "grpc" => {
            let mut out = grpc(content, &hits, schema, dir);
            began(&mut out, times);
            out
        }
        "sse" => {
            let mut out = events(content, &hits, dir);
            began(&mut out, times);
            out
        }
        "protobuf" => {
            let mut m = object(0, dir, content);
            m.insert(
                "json".into(),
                tree(content, 0..content.len(), &hits, schema),
            );
            vec![Value::Object(m)]
        }
        _ => Vec::new(),
    }
}

fn object(n: usize, dir: &str, bytes: &[u8]) -> Map<String, Value> {
    let mut m = Map::new();
    m.insert("n".into(), n.into());
    m.insert("dir".into(), dir.into());
    m.insert("ts".into(), Value::Null);
    m.insert("len".into(), bytes.len().into());
    m.insert("sha256".into(), hex(&Sha256::digest(bytes)).into());
    m
}

/// Adds when and in which packet messages began.
fn began(out: &mut [Value], times: &[Began]) {
    for m in out.iter_mut().filter_map(Value::as_object_mut) {
        let n = m.get("n").and_then(Value::as_u64);
        let at = n
            .and_then(|n| usize::try_from(n).ok())
            .and_then(|n| times.get(n))
            // what is left of a message stands where its beginning does not
            .filter(|_| !m.contains_key("more") && !m.contains_key("rest"));
        if let Some(at) = at {
            m.insert("ts".into(), rfc3339(at.ts).into());
            m.insert("packet".into(), at.packet.into());
        }
    }
}

/// Adds what is left out.
fn more(out: &mut Vec<Value>, dir: &str, left: usize) {
    if left > 0 {
        out.push(json!({ "n": out.len(), "dir": dir, "more": left }));
    }
}

fn grpc(
    content: &[u8],
    hits: &Hits<'_>,
    schema: Option<(&Schema, usize)>,
    dir: &str,
) -> Vec<Value> {
    let mut out = Vec::new();
    let mut all = frames(content);
    for (f, n) in all.numbered().take(MESSAGES) {
        let bytes = content.get(f.body.clone()).unwrap_or_default();
        let mut m = object(n as usize, dir, bytes);
        let rest = f.flags & frames::REST != 0;
        if rest || f.flags & frames::BEGINNING != 0 {
            // how long it was, or how many there were, is not known
            m.insert("len".into(), Value::Null);
            m.insert("sha256".into(), Value::Null);
            m.insert("cut".into(), "gap".into());
            if rest {
                m.insert("rest".into(), true.into());
            }
        } else if f.cut {
            // its length is what its prefix says
            m.insert("len".into(), f.len.into());
            m.insert("sha256".into(), Value::Null);
            m.insert("cut".into(), "truncated".into());
        }
        let text = || std::str::from_utf8(bytes).is_ok();
        if f.flags & frames::TRAILERS != 0 {
            m.insert("trailers".into(), true.into());
        }
        let coded = f.flags & frames::COMPRESSED != 0;
        if coded && !m.contains_key("cut") {
            m.insert("cut".into(), "coding".into());
        }
        let (key, value) = if coded || rest {
            ("base64", hits.base64(content, f.body))
        } else if f.flags & frames::TRAILERS != 0
            || matches!(bytes.first(), Some(b'{' | b'[')) && text()
        {
            let t = hits.text(content, f.body);
            match serde_json::from_str::<Value>(&t) {
                Ok(v) => ("json", v),
                Err(_) => ("text", t.into()),
            }
        } else {
            ("json", tree(content, f.body, hits, schema))
        };
        m.insert(key.into(), value);
        out.push(Value::Object(m));
    }
    let left = all.by_ref().count();
    more(&mut out, dir, left);
    let rest = all.rest()..content.len();
    if !rest.is_empty() {
        // no message begins here: a gap in the stream, or no framing at all
        let mut m = object(
            out.len(),
            dir,
            content.get(rest.clone()).unwrap_or_default(),
        );
        m.insert("cut".into(), "framing".into());
        m.insert("base64".into(), hits.base64(content, rest));
        out.push(Value::Object(m));
    }
    out
}

fn events(content: &[u8], hits: &Hits<'_>, dir: &str) -> Vec<Value> {
    let mut out = Vec::new();
    let mut all = sse::events(content);
    for e in all.by_ref().take(MESSAGES) {
        let (data, _) = e.text(content);
        let mut m = object(out.len(), dir, &data);
        for (name, r) in [("event", &e.event), ("id", &e.id)] {
            if !r.is_empty() {
                m.insert(name.into(), hits.text(content, r.clone()).into());
            }
        }
        let lines: Vec<String> = e
            .data
            .iter()
            .map(|r| hits.text(content, r.clone()))
            .collect();
        let text = lines.join("\n");
        match serde_json::from_str::<Value>(&text) {
            Ok(v @ (Value::Object(_) | Value::Array(_))) => m.insert("json".into(), v),
            _ => m.insert("text".into(), text.into()),
        };
        out.push(Value::Object(m));
    }
    let left = all.count();
    more(&mut out, dir, left);
    out
}

/// One message as a tree: fields by name or number, lists where a field is repeated.
pub(super) fn tree(
    content: &[u8],
    range: Range<usize>,
    hits: &Hits<'_>,
    schema: Option<(&Schema, usize)>,
) -> Value {
    let mut t = Tree {
        content,
        hits,
        open: vec![(Map::new(), String::new(), None)],
    };
    walk(content, range, schema, &mut t);
    while t.open.len() > 1 {
        t.close();
    }
    Value::Object(t.open.pop().map(|o| o.0).unwrap_or_default())
}

struct Tree<'a> {
    content: &'a [u8],
    hits: &'a Hits<'a>,
    /// Messages around, with the key and index of each in the one before.
    open: Vec<(Map<String, Value>, String, Option<u32>)>,
}

fn key_text(key: &Key<'_>) -> String {
    key.name
        .map_or_else(|| key.number.to_string(), str::to_owned)
}

impl Tree<'_> {
    fn put(&mut self, key: String, index: Option<u32>, value: Value) {
        let Some((map, ..)) = self.open.last_mut() else {
            return;
        };
        if index.is_none() {
            map.insert(key, value);
            return;
        }
        match map.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(list) => list.push(value),
            other => *other = value,
        }
    }
}

impl Visit for Tree<'_> {
    fn open(&mut self, key: Key<'_>) {
        self.open.push((Map::new(), key_text(&key), key.index));
    }
    fn close(&mut self) {
        if self.open.len() > 1
            && let Some((map, key, index)) = self.open.pop()
        {
            self.put(key, index, Value::Object(map));
        }
    }
    fn leaf(&mut self, key: Key<'_>, value: Leaf<'_>, at: Range<usize>) {
        let value = match value {
            Leaf::Text(_) => self.hits.text(self.content, at).into(),
            Leaf::Bytes(_) => json!({ "base64": self.hits.base64(self.content, at) }),
            Leaf::Uint(n) => self
                .hits
                .number(&at, &n.to_string())
                .unwrap_or_else(|| n.into()),
            Leaf::Int(n) => n.into(),
            Leaf::Float(x) => self.hits.number(&at, &x.to_string()).unwrap_or_else(|| {
                serde_json::Number::from_f64(x).map_or_else(|| x.to_string().into(), Value::Number)
            }),
            Leaf::Bool(b) => b.into(),
            Leaf::Name(n) => n.into(),
        };
        self.put(key_text(&key), key.index, value);
    }
    fn broken(&mut self, at: Range<usize>) {
        let bytes = self.hits.base64(self.content, at);
        self.put("broken".into(), None, json!({ "base64": bytes }));
    }
}

/// Values to hide, in order of place.
pub(super) struct Hits<'a> {
    cx: &'a Cx,
    list: Vec<Hit>,
    /// Longest value: how far before a place one may begin that reaches it.
    longest: usize,
}

impl<'a> Hits<'a> {
    pub fn new(cx: &'a Cx, mut list: Vec<Hit>) -> Hits<'a> {
        list.sort_by_key(|h| (h.range.start, h.range.end));
        let longest = list.iter().map(|h| h.range.len()).max().unwrap_or(0);
        Hits { cx, list, longest }
    }
    /// Those that touch a range, moved to its beginning.
    fn within(&self, r: &Range<usize>) -> Vec<Hit> {
        let from = r.start.saturating_sub(self.longest);
        let first = self.list.partition_point(|h| h.range.start < from);
        let rest = self.list.get(first..).unwrap_or_default();
        rest.iter()
            .take_while(|h| h.range.start < r.end)
            .filter(|h| h.range.end > r.start)
            .map(|h| Hit {
                range: h.range.start.saturating_sub(r.start)..h.range.end.saturating_sub(r.start),
                ..h.clone()
            })
            .collect()
    }
    fn text(&self, content: &[u8], r: Range<usize>) -> String {
        let hits = self.within(&r);
        mask::text(self.cx, content.get(r).unwrap_or_default(), hits)
    }
    fn base64(&self, content: &[u8], r: Range<usize>) -> Value {
        let hits = self.within(&r);
        STANDARD
            .encode(mask::bytes(
                self.cx,
                content.get(r).unwrap_or_default(),
                hits,
            ))
            .into()
    }
    /// A number that is a value to hide, as it may be shown; `None` where it is none, or values are shown.
    fn number(&self, r: &Range<usize>, clear: &str) -> Option<Value> {
        if self.cx.reveal {
            return None;
        }
        let hit = self.within(r).into_iter().next()?;
        Some(
            mask::shown(
                self.cx,
                clear.as_bytes(),
                hit.class,
                Form::PLAIN,
                hit.masked,
            )
            .into(),
        )
    }
}
