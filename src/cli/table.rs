//! Columns for people. In: JSON values. Out: cells of visible text, aligned. Bounds: a cell is cut at its column's width.

use crate::call::text::visible;
use serde_json::{Map, Value};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A column of a verb's table.
pub(super) struct Column {
    /// Field of the row.
    pub field: &'static str,
    /// Heading.
    pub head: &'static str,
    /// Numbers stand right.
    pub right: bool,
    /// Widest a cell may be.
    pub max: usize,
    /// Field that stands in where the first one is not known.
    pub or: &'static str,
}

impl Column {
    /// With a field that stands in where the first one is not known.
    pub(super) const fn or(self, field: &'static str) -> Column {
        Column { or: field, ..self }
    }
    /// What it shows of a row.
    pub(super) fn of<'a>(&self, row: &'a Map<String, Value>) -> Option<&'a Value> {
        let known = row.get(self.field).filter(|v| !v.is_null());
        known.or_else(|| row.get(self.or))
    }
}

/// A text column.
pub(super) const fn left(field: &'static str, head: &'static str, max: usize) -> Column {
    Column {
        field,
        head,
        right: false,
        max,
        or: "",
    }
}

/// A column of numbers.
pub(super) const fn right(field: &'static str, head: &'static str) -> Column {
    Column {
        field,
        head,
        right: true,
        max: 24,
        or: "",
    }
}

/// A column of no verb.
pub(super) const ANY: Column = left("", "", 2000);

/// Terminal columns of a text.
pub(super) fn width(s: &str) -> usize {
    s.width()
}

/// A value as a cell.
pub(super) fn cell(v: Option<&Value>, column: &Column) -> String {
    let text = match v {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(s)) => s.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|i| match i {
                Value::String(s) => s.clone(),
                Value::Object(o) => o.values().next().map_or(String::new(), |v| {
                    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
                }),
                other => other.to_string(),
            })
            .collect::<Vec<_>>()
            .join(" "),
        Some(Value::Object(o)) => o
            .iter()
            // an empty text says nothing to people
            .filter(|(_, v)| v.as_str() != Some(""))
            .map(|(k, v)| {
                format!(
                    "{k}={}",
                    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
                )
            })
            .collect::<Vec<_>>()
            .join(" "),
        Some(Value::Number(n)) if n.is_f64() => format!("{:.2}", n.as_f64().unwrap_or(0.0)),
        Some(other) => other.to_string(),
    };
    let text = visible(&text).into_owned();
    cut(&shorten_time(text, column), column.max)
}

/// Times are shown to the millisecond.
fn shorten_time(text: String, column: &Column) -> String {
    let is_time = matches!(
        column.field,
        "ts" | "end_ts" | "first" | "last" | "start" | "end"
    );
    match text.get(..23) {
        Some(head) if is_time && text.len() == 30 && text.ends_with('Z') => {
            head.replacen('T', " ", 1)
        }
        _ => text,
    }
}

/// Cuts text to a number of columns, and says so.
pub(super) fn cut(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 2 > max {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push_str("..");
    out
}

/// Bytes as hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// Cells side by side; the last one is not padded.
pub(super) fn line(cells: &[String], widths: &[usize], right: &dyn Fn(usize) -> bool) -> String {
    let mut out = String::new();
    for (i, (cell, wide)) in cells.iter().zip(widths).enumerate() {
        if i > 0 {
            out.push_str("  ");
        }
        let pad = wide.saturating_sub(width(cell));
        if right(i) {
            out.push_str(&" ".repeat(pad));
            out.push_str(cell);
        } else {
            out.push_str(cell);
            if i + 1 < cells.len() {
                out.push_str(&" ".repeat(pad));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_visible_and_bounded() {
        let c = left("x", "X", 8);
        assert_eq!(cell(Some(&json!("a\u{1b}[31mb")), &ANY), "a<1B>[31mb");
        assert_eq!(cell(Some(&json!("abcdefghij")), &c), "abcdef..");
        assert_eq!(cell(Some(&json!("中文中文中文")), &c), "中文中..");
        assert_eq!(cell(None, &c), "-");
        assert_eq!(cell(Some(&json!(["a", "b"])), &c), "a b");
        let t = left("ts", "TIME", 40);
        assert_eq!(
            cell(Some(&json!("2026-10-08T11:02:14.123456789Z")), &t),
            "2026-10-08 11:02:14.123"
        );
    }

    #[test]
    fn numbers_stand_right() {
        let cells = ["a".to_owned(), "5".to_owned(), "x".to_owned()];
        assert_eq!(line(&cells, &[2, 3, 4], &|i| i == 1), "a     5  x");
    }
}
