//! A clue as JSON: an array, texts one after the other, an answer with a list in it, objects by key. In: its text. Out: rows
//! for the builder. Bounds: elements are read one at a time; nested JSON is followed 16 levels deep, and what does not
//! parse is counted.

use super::Builder;
use serde::de::{DeserializeSeed, Deserializer as _, SeqAccess, Visitor};
use serde_json::Value;

/// Rows of an array, each read by itself; `false` where it holds none.
pub(super) fn array(text: &str, b: &mut Builder) -> bool {
    struct Rows<'a>(&'a mut Builder);
    impl<'de> Visitor<'de> for Rows<'_> {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            while let Some(v) = seq.next_element::<Value>()? {
                row(&v, self.0);
            }
            Ok(())
        }
    }
    impl<'de> DeserializeSeed<'de> for Rows<'_> {
        type Value = ();
        fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
            d.deserialize_seq(self)
        }
    }
    let before = b.clue.rows.len();
    let mut d = serde_json::Deserializer::from_str(text);
    if (&mut d).deserialize_seq(Rows(b)).is_err() {
        // An array that breaks off: the rows before that count.
        b.clue.skipped += 1;
    }
    b.clue.rows.len() > before
}

/// JSON texts one after the other; a line that does not parse is counted.
pub(super) fn values(text: &str, b: &mut Builder) -> bool {
    let before = b.clue.rows.len();
    let mut rest = text;
    let mut alone: Option<Value> = None;
    let mut texts = 0u64;
    while !rest.trim_start().is_empty() {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let mut failed = false;
        for v in stream.by_ref() {
            match v {
                // A first text may be all there is: an answer with a list in it.
                Ok(v) if texts == 0 => alone = Some(v),
                Ok(v) => {
                    if let Some(first) = alone.take() {
                        row(&first, b);
                    }
                    row(&v, b);
                }
                Err(_) => {
                    failed = true;
                    break;
                }
            }
            texts += 1;
        }
        if !failed {
            break;
        }
        b.clue.skipped += 1;
        let at = stream.byte_offset();
        let tail = rest.get(at..).unwrap_or_default();
        let tail = tail.trim_start();
        rest = tail
            .find('\n')
            .and_then(|n| tail.get(n + 1..))
            .unwrap_or_default();
    }
    match &alone {
        Some(v) if texts == 1 => whole(v, b),
        Some(v) => row(v, b),
        None => {}
    }
    b.clue.rows.len() > before
}

/// One text: an answer with a list in it, objects by key, or a single row.
fn whole(v: &Value, b: &mut Builder) {
    if let Some(items) = longest_list(v, 0).filter(|l| l.len() > 1) {
        return items.iter().for_each(|i| row(i, b));
    }
    match v.as_object() {
        Some(o) if o.len() > 1 && o.values().all(Value::is_object) => {
            for (key, x) in o {
                let mut cells = vec![("key".to_owned(), key.clone())];
                leaves(x, String::new(), 0, &mut cells);
                put(&cells, b);
            }
        }
        _ => row(v, b),
    }
}

/// The longest list of objects (or of lists) in a value.
fn longest_list(v: &Value, depth: usize) -> Option<&Vec<Value>> {
    if depth > 8 {
        return None;
    }
    match v {
        Value::Array(a) if a.iter().any(|x| x.is_object() || x.is_array()) => Some(a),
        Value::Object(o) => o
            .values()
            .filter_map(|v| longest_list(v, depth + 1))
            .max_by_key(|a| a.len()),
        _ => None,
    }
}

fn row(v: &Value, b: &mut Builder) {
    let mut cells: Vec<(String, String)> = Vec::new();
    leaves(v, String::new(), 0, &mut cells);
    put(&cells, b);
}

fn put(cells: &[(String, String)], b: &mut Builder) {
    let cells: Vec<(Option<&str>, &str)> = cells
        .iter()
        .map(|(k, v)| ((!k.is_empty()).then_some(k.as_str()), v.as_str()))
        .collect();
    b.row(&cells);
}

fn leaves(v: &Value, key: String, depth: usize, out: &mut Vec<(String, String)>) {
    if depth > 16 {
        return;
    }
    match v {
        Value::String(s) => out.push((key, s.clone())),
        Value::Number(n) => out.push((key, n.to_string())),
        Value::Array(a) => {
            for x in a {
                leaves(x, key.clone(), depth + 1, out);
            }
        }
        Value::Object(o) => {
            for (k, x) in o {
                let name = if key.is_empty() {
                    k.clone()
                } else {
                    format!("{key}.{k}")
                };
                leaves(x, name, depth + 1, out);
            }
        }
        _ => {}
    }
}
