//! Rows of the case, for the command line, the interface and the exporters alike. In: a filter. Out: the contract's rows
//! in a stable order, values of data classes masked unless the reader may see them. Bounds: a page is as long as asked.

mod call;
pub mod compare;
mod cx;
mod evidence;
mod findings;
mod framed;
mod groups;
mod mask;
mod messages;
mod names;
mod select;
mod show;
pub mod time;
mod why;

pub use call::{call_row, facts as unpack_facts, id_of};
pub use cx::{Class, Cx, SourceName};
pub use evidence::{flows, sources};
pub use findings::{call_findings, count_findings, findings};
pub use groups::{accounts, apis, risks, sessions};
pub use select::{Chip, Part as SearchPart, call_ids, chips, count, explain, histogram, search};
pub use show::{RawRequest, credential, raw_request, show};
pub use why::Reason;

use super::Filter;
use super::rows::{CallRow, FindingRow};
use crate::error::Result;
use serde::Serialize;
use serde_json::Value;

/// By what calls are sorted; ties always by time, source hash, unit and ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// First byte.
    #[default]
    Time,
    /// Duration.
    Dur,
    /// Status.
    Status,
    /// Response content length.
    Size,
    /// Level.
    Level,
    /// Records.
    Records,
    /// Account name.
    Account,
    /// API name.
    Api,
    /// Host.
    Host,
    /// Method.
    Method,
}

/// A page of calls. `Page::first(n)` is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Page {
    /// Only calls behind this one in the order (`CallRow::rowid`).
    pub after: Option<i64>,
    /// Only calls before this one; the page then ends just before it.
    pub before: Option<i64>,
    /// Rows at most; 0 is all.
    pub limit: usize,
    /// Sorted by.
    pub sort: Sort,
    /// Reverse order.
    pub desc: bool,
}

impl Page {
    /// The first `limit` calls by time.
    pub fn first(limit: usize) -> Page {
        Page {
            limit,
            ..Page::default()
        }
    }
}

/// One `show` object: the call's row, both messages, findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Show {
    /// The row.
    #[serde(flatten)]
    pub row: CallRow,
    /// Why the account is the account, in words.
    pub account_why: Option<String>,
    /// The call that shows it, where it is another one.
    pub account_proof: Option<String>,
    /// Request; `None` where it was not captured.
    pub request: Option<Part>,
    /// Final response.
    pub response: Option<Part>,
    /// 1xx responses before it.
    pub interim: Vec<Part>,
    /// gRPC and WebSocket messages.
    pub messages: Vec<Value>,
    /// Findings.
    pub findings: Vec<FindingRow>,
}

/// One message of a `show` object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// Request or status line as sent.
    pub start: String,
    /// Name and value in order.
    pub headers: Vec<(String, String)>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
    /// Body.
    pub body: Option<BodyPart>,
}

/// A body in a `show` object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BodyPart {
    /// Decoded length.
    pub len: u64,
    /// SHA-256 of the decoded content, hex.
    pub sha256: Option<String>,
    /// Sniffed kind: `json ndjson xml html form multipart csv text binary grpc protobuf sse`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is text.
    pub text: Option<String>,
    /// Where it is not.
    pub base64: Option<String>,
    /// Why it is shorter than it was.
    pub cut: Option<String>,
}

/// Calls by time slot and level.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Start of the first slot (nanoseconds).
    pub from: i64,
    /// Width of a slot (nanoseconds).
    pub step: i64,
    /// Calls by level, a slot each.
    pub slots: Vec<[u64; 5]>,
}

/// A page of calls.
pub fn calls(cx: &Cx, filter: &Filter, page: &Page) -> Result<Vec<CallRow>> {
    let ids = call_ids(cx, filter, page)?;
    call_rows(cx, &ids)
}

/// The rows of these calls, in the given order; ids that are not there are left out.
pub fn call_rows(cx: &Cx, ids: &[i64]) -> Result<Vec<CallRow>> {
    cx.fresh()?;
    let mut out = Vec::with_capacity(ids.len());
    for id in ids {
        out.extend(call_row(cx, *id)?);
    }
    Ok(out)
}

/// The call with this id, also one that was superseded. A log line that belongs to a captured call gives that call.
pub fn find_call(cx: &Cx, id: &str) -> Result<Option<i64>> {
    cx.fresh()?;
    let Some(row) = crate::case::ids::find_call(&cx.conn, id)? else {
        return Ok(None);
    };
    let joined: Option<i64> = rusqlite::OptionalExtension::optional(
        cx.conn
            .prepare_cached("SELECT joined FROM call_fact WHERE call_id=?1")?
            .query_row([row], |r| r.get(0)),
    )?
    .flatten();
    Ok(Some(joined.unwrap_or(row)))
}

#[cfg(test)]
mod tests;
