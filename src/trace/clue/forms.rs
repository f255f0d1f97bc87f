//! The forms of a clue's file: JSON, delimited text, one value a line. In: its text. Out: rows for the builder.
//! Bounds: those of the clue; nested JSON is followed 16 levels deep, and what does not parse is counted.

use super::{Builder, clean};
use crate::limits;
use std::collections::BTreeMap;

pub(super) fn json_array(text: &str, b: &mut Builder) -> bool {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Array(items)) => {
            for item in &items {
                json_row(item, b);
            }
            !b.clue.rows.is_empty()
        }
        _ => false,
    }
}

/// JSON texts one after the other; a text that does not parse is skipped to the next line and counted.
pub(super) fn json_lines(text: &str, b: &mut Builder) -> bool {
    let whole = serde_json::from_str::<serde_json::Value>(text);
    if let Ok(v) = &whole {
        // One object: an answer with a list in it, or a single row.
        match longest_list(v, 0) {
            Some(items) if items.len() > 1 => items.iter().for_each(|i| json_row(i, b)),
            _ => json_row(v, b),
        }
        return !b.clue.rows.is_empty();
    }
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        match serde_json::from_str::<serde_json::Value>(line) {
            Ok(v) => json_row(&v, b),
            Err(_) => b.clue.skipped += 1,
        }
    }
    !b.clue.rows.is_empty()
}

/// The longest list of objects in a value.
fn longest_list(v: &serde_json::Value, depth: usize) -> Option<&Vec<serde_json::Value>> {
    if depth > 8 {
        return None;
    }
    match v {
        serde_json::Value::Array(a) if a.iter().any(serde_json::Value::is_object) => Some(a),
        serde_json::Value::Object(o) => o
            .values()
            .filter_map(|v| longest_list(v, depth + 1))
            .max_by_key(|a| a.len()),
        _ => None,
    }
}

fn json_row(v: &serde_json::Value, b: &mut Builder) {
    let mut cells: Vec<(String, String)> = Vec::new();
    leaves(v, String::new(), 0, &mut cells);
    let cells: Vec<(Option<&str>, &str)> = cells
        .iter()
        .map(|(k, v)| ((!k.is_empty()).then_some(k.as_str()), v.as_str()))
        .collect();
    b.row(&cells);
}

fn leaves(v: &serde_json::Value, key: String, depth: usize, out: &mut Vec<(String, String)>) {
    if depth > 16 {
        return;
    }
    match v {
        serde_json::Value::String(s) => out.push((key, s.clone())),
        serde_json::Value::Number(n) => out.push((key, n.to_string())),
        serde_json::Value::Array(a) => {
            for x in a {
                leaves(x, key.clone(), depth + 1, out);
            }
        }
        serde_json::Value::Object(o) => {
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

/// Rows of delimited text; one value a line where no delimiter divides the lines evenly.
pub(super) fn delimited(text: &str, b: &mut Builder) {
    let delimiter = sniff(text);
    let mut rows: Vec<Vec<String>> = Vec::new();
    match delimiter {
        Some(d) => {
            let mut r = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(d)
                .from_reader(text.as_bytes());
            for rec in r.records() {
                match rec {
                    Ok(rec) if rows.len() <= limits::CLUE_ROWS => {
                        rows.push(rec.iter().map(str::to_owned).collect());
                    }
                    _ => b.clue.skipped += 1,
                }
            }
        }
        None => {
            for line in text.lines().filter(|l| !l.trim().is_empty()) {
                let t = line.trim();
                let t = t
                    .strip_prefix('"')
                    .and_then(|t| t.strip_suffix('"'))
                    .unwrap_or(t);
                if rows.len() <= limits::CLUE_ROWS {
                    rows.push(vec![t.to_owned()]);
                } else {
                    b.clue.skipped += 1;
                }
            }
        }
    }
    let header = rows.len() > 1 && is_header(&rows);
    b.format = format!(
        "{}, {}",
        match delimiter {
            Some(b'\t') => "tab-separated",
            Some(b',') => "comma-separated",
            Some(_) => "delimited",
            None => "one value a line",
        },
        if header { "with a header" } else { "no header" }
    );
    let mut rows = rows.into_iter();
    let names: Vec<String> = if header {
        rows.next().unwrap_or_default()
    } else {
        Vec::new()
    };
    for row in rows {
        let cells: Vec<(Option<&str>, &str)> = row
            .iter()
            .enumerate()
            .map(|(i, c)| {
                (
                    names.get(i).map(|n| clean(n)).filter(|n| !n.is_empty()),
                    c.as_str(),
                )
            })
            .collect();
        b.row(&cells);
    }
}

/// The delimiter that gives most of the first lines the same number of cells, more than one.
fn sniff(text: &str) -> Option<u8> {
    let head: String = text.lines().take(60).fold(String::new(), |mut s, l| {
        s.push_str(l);
        s.push('\n');
        s
    });
    let mut best: Option<(usize, usize, u8)> = None;
    for d in [b',', b'\t', b';', b'|'] {
        let mut r = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(d)
            .from_reader(head.as_bytes());
        let counts: Vec<usize> = r.records().flatten().map(|r| r.len()).collect();
        let mut by: BTreeMap<usize, usize> = BTreeMap::new();
        for c in &counts {
            *by.entry(*c).or_default() += 1;
        }
        let Some((cells, lines)) = by.into_iter().max_by_key(|(cells, n)| (*n, *cells)) else {
            continue;
        };
        if cells > 1
            && lines * 10 >= counts.len() * 7
            && best.is_none_or(|x| (lines, cells) > (x.0, x.1))
        {
            best = Some((lines, cells, d));
        }
    }
    best.map(|b| b.2)
}

/// Whether the first row names the columns: words without long numbers, all different, and below them other things.
fn is_header(rows: &[Vec<String>]) -> bool {
    let Some(first) = rows.first() else {
        return false;
    };
    let valued = |c: &str| {
        let c = clean(c);
        c.contains('@')
            || c.contains('*')
            || c.bytes().filter(u8::is_ascii_digit).count() >= 4
            || c.chars().count() > 40
    };
    let cells: Vec<&str> = first
        .iter()
        .map(|c| clean(c))
        .filter(|c| !c.is_empty())
        .collect();
    let mut distinct = cells.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if cells.is_empty() || distinct.len() != cells.len() || cells.iter().any(|c| valued(c)) {
        return false;
    }
    // A column below a header cell holds values of another kind, or the cell is an identifier (`id_card`, `idNo`).
    let body: Vec<&Vec<String>> = rows.iter().skip(1).take(50).collect();
    let differs = (0..first.len()).any(|i| {
        let with = body
            .iter()
            .filter(|r| r.get(i).is_some_and(|c| valued(c)))
            .count();
        with * 2 > body.len()
    });
    let named = cells.iter().all(|c| {
        c.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b))
            && c.bytes().any(|b| b.is_ascii_alphabetic())
    }) && cells.len() > 1;
    differs || named && body.iter().any(|r| r.iter().any(|c| !c.is_ascii()))
}
