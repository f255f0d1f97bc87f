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
    /// How narrow a terminal may make it; what is copied or compared (ids, times, numbers) is never cut for that.
    pub least: usize,
    /// What a narrow terminal does without: the highest goes first, `0` never.
    pub spare: u8,
}

impl Column {
    /// With a field that stands in where the first one is not known.
    pub(super) const fn or(self, field: &'static str) -> Column {
        Column { or: field, ..self }
    }
    /// May be cut to this where a terminal is narrow.
    pub(super) const fn least(self, least: usize) -> Column {
        Column { least, ..self }
    }
    /// May be left out where a terminal is narrow.
    pub(super) const fn spare(self, spare: u8) -> Column {
        Column { spare, ..self }
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
        least: max,
        spare: 0,
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
        least: 24,
        spare: 0,
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

/// Blanks between columns.
const BETWEEN: usize = 2;

/// Widths in which columns stand side by side in `room`, `None` for those that are left out. What may be cut is cut first, then columns
/// go by their `spare`.
pub(super) fn fit(columns: &[Column], widths: &[usize], room: usize) -> Vec<Option<usize>> {
    let mut out: Vec<Option<usize>> = widths.iter().copied().map(Some).collect();
    let sum = |out: &[Option<usize>]| {
        let shown = out.iter().flatten();
        shown
            .map(|w| w + BETWEEN)
            .sum::<usize>()
            .saturating_sub(BETWEEN)
    };
    loop {
        let over = sum(&out).saturating_sub(room);
        let floor = |i: usize| {
            columns
                .get(i)
                .map_or(usize::MAX, |c| c.least.max(width(c.head)))
        };
        let slack: usize = out
            .iter()
            .enumerate()
            .filter_map(|(i, w)| w.map(|w| w.saturating_sub(floor(i))))
            .sum();
        if over <= slack {
            for _ in 0..over {
                let widest = out
                    .iter()
                    .enumerate()
                    .filter_map(|(i, w)| w.filter(|w| *w > floor(i)).map(|w| (w, i)))
                    .max();
                if let Some(w) = widest.and_then(|(_, i)| out.get_mut(i)) {
                    *w = w.map(|w| w - 1);
                }
            }
            return out;
        }
        let first = columns
            .iter()
            .zip(&out)
            .enumerate()
            .filter(|(_, (c, w))| c.spare > 0 && w.is_some())
            .max_by_key(|(i, (c, _))| (c.spare, *i))
            .map(|(i, _)| i);
        match first.and_then(|i| out.get_mut(i)) {
            Some(w) => *w = None,
            None => return out,
        }
    }
}

/// Text broken between words into lines of `room` columns, all but the first set in.
pub(super) fn wrap(text: &str, indent: usize, room: usize) -> String {
    let mut out = String::new();
    let mut used = indent;
    for word in text.split(' ') {
        let w = width(word);
        if used > indent && used + 1 + w > room {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if !out.is_empty() {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += w;
    }
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
    fn narrow_terminals_cut_text_then_leave_columns_out_and_never_cut_ids() {
        let columns = [
            left("id", "ID", 40).spare(2),
            left("api", "API", 60).least(10),
            right("calls", "CALLS"),
            left("flags", "FLAGS", 30).least(6).spare(5),
        ];
        let all = [20, 40, 5, 12];
        // 77 columns and 6 blanks
        assert_eq!(fit(&columns, &all, 83), all.map(Some));
        assert_eq!(
            fit(&columns, &all, 80),
            [Some(20), Some(37), Some(5), Some(12)]
        );
        assert_eq!(fit(&columns, &all, 40), [Some(20), Some(11), Some(5), None]);
        assert_eq!(fit(&columns, &all, 30), [None, Some(23), Some(5), None]);
        // nothing more can go
        assert_eq!(fit(&columns, &all, 3), [None, Some(40), Some(5), None]);
    }

    #[test]
    fn sentences_are_broken_between_words() {
        assert_eq!(wrap("a bb ccc dd", 2, 8), "a bb\n  ccc dd");
        assert_eq!(wrap("abcdefghijkl m", 2, 6), "abcdefghijkl\n  m");
        assert_eq!(wrap("", 2, 6), "");
    }

    #[test]
    fn numbers_stand_right() {
        let cells = ["a".to_owned(), "5".to_owned(), "x".to_owned()];
        assert_eq!(line(&cells, &[2, 3, 4], &|i| i == 1), "a     5  x");
    }
}
