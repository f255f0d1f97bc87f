//! Calls as JSON Lines: the rows that `leaktrace calls --json` prints. In: call rows. Out: one object a line. Bounds: one
//! row in memory; characters that could harm a terminal are escaped.

use super::{Exporter, Job, wrote};
use crate::call::text::safe_json;
use crate::error::Result;
use std::io::Write;

/// The exporter.
pub struct Jsonl;

impl Exporter for Jsonl {
    fn name(&self) -> &'static str {
        "jsonl"
    }
    fn about(&self) -> &'static str {
        "one JSON object a call, as `calls --json` prints them"
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        job.each(&mut |row| {
            let text = serde_json::to_string(&row).map_err(|e| wrote(e.into()))?;
            writeln!(out, "{}", safe_json(&text)).map_err(wrote)
        })
    }
}
