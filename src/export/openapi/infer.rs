//! A schema from values that were seen. In: JSON values one by one. Out: a JSON Schema (2020-12, as OpenAPI 3.1 has it). Bounds:
//! [`DEPTH`] levels, [`FIELDS`] fields of an object and [`NODES`] in all; what lies beyond is any value. No value is kept but words
//! that may be an enumeration, and those only where they are words of routes.

use crate::facts::templates::{shapes, worded};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DEPTH: usize = 32;
const FIELDS: usize = 500;
/// Nodes of one schema.
pub const NODES: usize = 20_000;
/// Values of an enumeration.
const WORDS: usize = 8;
/// Elements of a list that are looked at.
const ELEMENTS: usize = 50;

const NULL: u8 = 1;
const BOOL: u8 = 2;
const INT: u8 = 4;
const NUM: u8 = 8;
const TEXT: u8 = 16;
const LIST: u8 = 32;
const OBJECT: u8 = 64;

/// What was seen at one place.
#[derive(Debug, Default)]
pub struct Seen {
    types: u8,
    n: u64,
    objects: u64,
    fields: BTreeMap<String, Seen>,
    /// Values of keys that are identifiers.
    other: Option<Box<Seen>>,
    items: Option<Box<Seen>>,
    /// The one format of all texts; empty where they have none in common.
    format: Option<&'static str>,
    texts: u64,
    /// Words, while they may be an enumeration.
    words: Option<BTreeSet<String>>,
}

impl Seen {
    /// Adds a value; `room` is how many new places there may be.
    pub fn add(&mut self, v: &Value, room: &mut usize) {
        self.put(v, room, 0);
    }

    fn put(&mut self, v: &Value, room: &mut usize, depth: usize) {
        self.n += 1;
        match v {
            Value::Null => self.types |= NULL,
            Value::Bool(_) => self.types |= BOOL,
            Value::Number(n) => self.types |= if n.is_f64() { NUM } else { INT },
            Value::String(s) => self.text(s),
            Value::Array(list) => {
                self.types |= LIST;
                if depth < DEPTH && (self.items.is_some() || take(room)) {
                    let items = self.items.get_or_insert_default();
                    for v in list.iter().take(ELEMENTS) {
                        items.put(v, room, depth + 1);
                    }
                }
            }
            Value::Object(m) => {
                self.types |= OBJECT;
                self.objects += 1;
                if depth >= DEPTH {
                    return;
                }
                for (k, v) in m {
                    let slot = if shapes::shape(k).is_some() || k.len() > 128 {
                        if self.other.is_none() && !take(room) {
                            continue;
                        }
                        &mut **self.other.get_or_insert_default()
                    } else {
                        let known = self.fields.contains_key(k);
                        if !known && (self.fields.len() >= FIELDS || !take(room)) {
                            continue;
                        }
                        self.fields.entry(k.clone()).or_default()
                    };
                    slot.put(v, room, depth + 1);
                }
            }
        }
    }

    fn text(&mut self, s: &str) {
        self.types |= TEXT;
        self.texts += 1;
        let format = format(s);
        self.format = Some(match self.format {
            None => format,
            Some(f) if f == format => f,
            Some(_) => "",
        });
        if self.texts == 1 {
            self.words = Some(BTreeSet::new());
        }
        let word =
            !s.is_empty() && s.len() <= 32 && s.is_ascii() && worded(&s.to_ascii_lowercase());
        match &mut self.words {
            Some(w) if word && (w.len() < WORDS || w.contains(s)) => {
                w.insert(s.to_owned());
            }
            w => *w = None,
        }
    }

    /// The schema; `class` gives the data class of a place (`$.a[].b`).
    pub fn schema(&self, place: &str, class: &dyn Fn(&str) -> Option<String>) -> Value {
        let mut out = Map::new();
        let found = class(place);
        let mut names: Vec<&str> = [
            (TEXT, "string"),
            (NUM, "number"),
            (INT, "integer"),
            (BOOL, "boolean"),
            (LIST, "array"),
            (OBJECT, "object"),
            (NULL, "null"),
        ]
        .iter()
        .filter(|(bit, _)| self.types & bit != 0)
        .map(|(_, n)| *n)
        .collect();
        // an integer is a number, too
        if self.types & NUM != 0 {
            names.retain(|n| *n != "integer");
        }
        match names.as_slice() {
            [] => {}
            [one] => {
                out.insert("type".into(), json!(one));
            }
            many => {
                out.insert("type".into(), json!(many));
            }
        }
        if self.types & TEXT != 0
            && let Some(f) = self.format.filter(|f| !f.is_empty())
        {
            out.insert("format".into(), json!(f));
        }
        if let Some(c) = &found {
            out.insert("x-data-class".into(), json!(c));
        } else if self.types & (TEXT | NULL) == self.types
            && let Some(w) = &self.words
            && self.texts >= 6
            && self.texts >= 3 * w.len() as u64
        {
            let mut all: Vec<Value> = w.iter().map(|w| json!(w)).collect();
            if self.types & NULL != 0 {
                all.push(Value::Null);
            }
            out.insert("enum".into(), all.into());
        }
        if let Some(items) = &self.items {
            out.insert("items".into(), items.schema(&format!("{place}[]"), class));
        }
        if self.types & OBJECT != 0 {
            let fields: Map<String, Value> = self
                .fields
                .iter()
                .map(|(k, s)| (k.clone(), s.schema(&format!("{place}.{k}"), class)))
                .collect();
            let required: Vec<&String> = self
                .fields
                .iter()
                .filter(|(_, s)| s.n == self.objects)
                .map(|(k, _)| k)
                .collect();
            if !fields.is_empty() {
                out.insert("properties".into(), fields.into());
            }
            if !required.is_empty() {
                out.insert("required".into(), json!(required));
            }
            if let Some(o) = &self.other {
                out.insert(
                    "additionalProperties".into(),
                    o.schema(&format!("{place}.*"), class),
                );
            }
        }
        Value::Object(out)
    }
}

fn take(room: &mut usize) -> bool {
    match room.checked_sub(1) {
        Some(n) => {
            *room = n;
            true
        }
        None => false,
    }
}

/// Format of a text; empty for none.
pub fn format(s: &str) -> &'static str {
    match shapes::shape(s) {
        Some("UUID") if !s.starts_with('{') => "uuid",
        Some("date")
            if s.len() == 10
                && s.as_bytes().get(4) == Some(&b'-')
                && s.as_bytes().get(7) == Some(&b'-') =>
        {
            "date"
        }
        Some("date")
            if s.len() >= 19 && s.contains('T') && s.parse::<jiff::Timestamp>().is_ok() =>
        {
            "date-time"
        }
        Some("e-mail") => "email",
        Some("address") if s.contains('.') => "ipv4",
        Some("address") => "ipv6",
        _ if s.starts_with("https://") || s.starts_with("http://") => "uri",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_formats_and_what_is_required() {
        let mut s = Seen::default();
        let mut room = NODES;
        for v in [
            r#"{"id":1,"name":"Zhou Min","at":"2024-05-01T10:00:00Z","state":"active","tags":["a"],"by":{"550e8400-e29b-41d4-a716-446655440000":1}}"#,
            r#"{"id":2,"name":"Li","at":"2024-05-02T10:00:00Z","state":"closed","note":null,"tags":[],"by":{}}"#,
        ] {
            for _ in 0..4 {
                s.add(&serde_json::from_str(v).unwrap(), &mut room);
            }
        }
        let got = s.schema("$", &|p| (p == "$.name").then(|| "name".to_owned()));
        assert_eq!(
            got["required"],
            json!(["at", "by", "id", "name", "state", "tags"])
        );
        let p = &got["properties"];
        assert_eq!(p["id"], json!({"type": "integer"}));
        assert_eq!(p["name"], json!({"type": "string", "x-data-class": "name"}));
        assert_eq!(p["at"], json!({"type": "string", "format": "date-time"}));
        assert_eq!(
            p["state"],
            json!({"type": "string", "enum": ["active", "closed"]})
        );
        assert_eq!(p["note"], json!({"type": "null"}));
        assert_eq!(p["by"]["additionalProperties"], json!({"type": "integer"}));
        assert!(!got.to_string().contains("Zhou"));
        let mut room = 3;
        let mut s = Seen::default();
        s.add(
            &json!({"a": {"b": {"c": {"d": 1}}}, "e": [1, 2]}),
            &mut room,
        );
        assert_eq!(room, 0, "no more places than there is room for");
    }
}
