//! Calls as comma-separated text for spreadsheets. In: call rows. Out: a header and one line a call. Bounds: one row in
//! memory. No cell can be a formula: one that begins with `= + - @`, a tab, a carriage return or NUL gets an apostrophe.

use super::{Exporter, Job, wrote};
use crate::call::text::visible;
use crate::error::Result;
use crate::query::rows::CallRow;
use serde_json::Value;
use std::io::Write;

/// The exporter.
pub struct Csv;

/// A cell that a spreadsheet shows and never runs.
pub fn cell(text: &str) -> String {
    let risky = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\0', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    let shown = visible(text);
    if risky {
        format!("'{shown}")
    } else {
        shown.into_owned()
    }
}

/// A value of a row as one cell.
fn flat(v: &Value) -> String {
    match v {
        Value::Null => String::new(),
        Value::String(s) => cell(s),
        Value::Array(items) => {
            let parts: Vec<String> = items
                .iter()
                .map(|i| match i {
                    Value::String(s) => s.clone(),
                    Value::Object(o) => {
                        let get = |k: &str| {
                            o.get(k)
                                .map(|v| v.to_string().replace('"', ""))
                                .unwrap_or_default()
                        };
                        format!("{}:{}-{}", get("source"), get("first"), get("last"))
                    }
                    other => other.to_string(),
                })
                .collect();
            cell(&parts.join(" "))
        }
        other => other.to_string(),
    }
}

impl Exporter for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }
    fn about(&self) -> &'static str {
        "one line a call, safe for spreadsheets"
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        let mut w = ::csv::Writer::from_writer(out);
        let failed = |e: ::csv::Error| wrote(std::io::Error::other(e));
        // also of no calls: a file without a header says nothing of what was asked
        if let Ok(Value::Object(o)) = serde_json::to_value(CallRow::default()) {
            w.write_record(o.keys()).map_err(failed)?;
        }
        let n = job.each(&mut |row| {
            let Ok(Value::Object(o)) = serde_json::to_value(&row) else {
                return Ok(());
            };
            w.write_record(o.values().map(flat)).map_err(failed)
        })?;
        w.flush().map_err(wrote)?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula() {
        for bad in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "＝1",
        ] {
            assert!(cell(bad).starts_with('\''), "{bad:?}");
        }
        assert_eq!(cell("/a?b=1"), "/a?b=1");
        assert_eq!(cell("a\u{1b}[31m\u{202e}"), "a<1B>[31m<U+202E>");
    }
}
