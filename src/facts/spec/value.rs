//! JSON and YAML as one tree. In: text. Out: a [`Value`]. Bounds: [`DEPTH`] levels; aliases are copied within
//! [`crate::limits::SPEC_TREE`], so that a few lines of them cannot become gigabytes.

use crate::limits::SPEC_TREE;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// Levels of nesting; schemas of real specifications have fewer than 40.
pub const DEPTH: usize = 100;

/// Reads a document; of several YAML documents the first.
///
/// # Errors
/// In words, with line and column.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with(['{', '[']) {
        match serde_json::from_str(text) {
            Ok(v) => return Ok(v),
            // YAML may begin with a brace, too
            Err(e) if e.is_syntax() => {
                return yaml(text).map_err(|_| e.to_string());
            }
            Err(e) => return Err(e.to_string()),
        }
    }
    yaml(text)
}

/// A container that is being filled.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// What an anchor stands for, its weight and its depth.
struct Anchor {
    value: Value,
    weight: usize,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    stack: Vec<(Open, usize, usize, usize)>,
    anchors: BTreeMap<usize, Anchor>,
    weight: usize,
    done: Option<Value>,
}

impl Builder {
    fn charge(&mut self, n: usize) -> Result<(), String> {
        self.weight = self.weight.saturating_add(n);
        if self.weight > SPEC_TREE {
            return Err(format!(
                "more than {} MiB once its aliases are followed",
                SPEC_TREE >> 20
            ));
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize) -> Result<(), String> {
        if self.stack.len() >= DEPTH {
            return Err(format!("nested deeper than {DEPTH} levels"));
        }
        self.charge(64)?;
        self.stack.push((open, anchor, self.weight, 1));
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some((open, anchor, before, depth)) = self.stack.pop() else {
            return Ok(());
        };
        let v = match open {
            Open::List(l) => Value::Array(l),
            Open::Map(m, _) => Value::Object(m),
        };
        let weight = self.weight - before + 64;
        if anchor > 0 {
            self.charge(weight)?;
            let value = v.clone();
            self.anchors.insert(
                anchor,
                Anchor {
                    value,
                    weight,
                    depth,
                },
            );
        }
        self.put(v, depth)
    }

    /// Puts a value where it is due; `depth` is its own.
    fn put(&mut self, v: Value, depth: usize) -> Result<(), String> {
        if self.stack.len() + depth > DEPTH {
            return Err(format!("nested deeper than {DEPTH} levels"));
        }
        let Some((open, _, _, own)) = self.stack.last_mut() else {
            self.done.get_or_insert(v);
            return Ok(());
        };
        *own = (*own).max(depth + 1);
        match open {
            Open::List(l) => l.push(v),
            Open::Map(m, key) => match key.take() {
                None => *key = Some(text(v)),
                Some(k) if k == "<<" => merge(m, v),
                Some(k) => {
                    m.insert(k, v);
                }
            },
        }
        Ok(())
    }
}

/// A key as text: `200:` is one, too.
fn text(v: Value) -> String {
    match v {
        Value::String(s) => s,
        Value::Null => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Array(_) | Value::Object(_) => "?".into(),
    }
}

/// `<<`: what is there already stays.
fn merge(into: &mut Map<String, Value>, v: Value) {
    match v {
        Value::Object(m) => {
            for (k, v) in m {
                into.entry(k).or_insert(v);
            }
        }
        Value::Array(l) => l.into_iter().filter(Value::is_object).for_each(|v| {
            if let Value::Object(m) = v {
                for (k, v) in m {
                    into.entry(k).or_insert(v);
                }
            }
        }),
        _ => {}
    }
}

/// A scalar without quotes, by the core schema.
fn plain(s: &str) -> Value {
    match s {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let number = s
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'));
    if number {
        if let Ok(n) = s.parse::<i64>() {
            return Value::Number(n.into());
        }
        if let Some(n) = s.parse::<f64>().ok().and_then(Number::from_f64) {
            return Value::Number(n);
        }
    }
    Value::String(s.to_owned())
}

fn yaml(text: &str) -> Result<Value, String> {
    let mut b = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|e| e.to_string())?;
        match event {
            Event::Scalar(s, style, anchor, _) => {
                b.charge(48 + s.len())?;
                let v = match style {
                    ScalarStyle::Plain => plain(&s),
                    _ => Value::String(s.into_owned()),
                };
                if anchor > 0 {
                    let weight = 48 + v.as_str().map_or(0, str::len);
                    b.charge(weight)?;
                    let value = v.clone();
                    b.anchors.insert(
                        anchor,
                        Anchor {
                            value,
                            weight,
                            depth: 1,
                        },
                    );
                }
                b.put(v, 1)?;
            }
            Event::SequenceStart(anchor, _) => b.open(Open::List(Vec::new()), anchor)?,
            Event::MappingStart(anchor, _) => b.open(Open::Map(Map::new(), None), anchor)?,
            Event::SequenceEnd | Event::MappingEnd => b.close()?,
            Event::Alias(id) => {
                let Some(a) = b.anchors.get(&id) else {
                    return Err("an alias without its anchor".into());
                };
                let (weight, depth) = (a.weight, a.depth);
                // paid for before it is copied
                b.charge(weight)?;
                let v = b.anchors.get(&id).map_or(Value::Null, |a| a.value.clone());
                b.put(v, depth)?;
            }
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }
    b.done.ok_or_else(|| "it is empty".into())
}

/// What a local reference (`#/paths/~1users`) points at.
pub fn pointed<'v>(doc: &'v Value, v: &'v Value) -> &'v Value {
    let mut at = v;
    // A reference to a reference is rare, a ring of them hostile.
    for _ in 0..8 {
        let Some(to) = at.get("$ref").and_then(Value::as_str) else {
            return at;
        };
        match to.strip_prefix('#').and_then(|p| doc.pointer(p)) {
            Some(v) => at = v,
            None => return at,
        }
    }
    at
}
