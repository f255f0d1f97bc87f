//! Rows of the case, for the command line, the interface and the exporters alike. In: a filter. Out: the contract's rows
//! in a stable order, values of data classes masked unless the reader may see them. Bounds: a page is as long as asked.

use super::Filter;
use super::rows::*;
use crate::error::{Error, Result};
use rusqlite::Connection;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// What reading needs: a read-only connection, names that were looked up, and whether values are shown. One thread's.
pub struct Cx {
    /// The connection; [`Connection::get_interrupt_handle`] stops what runs on it.
    pub conn: Connection,
    /// Show values of data classes.
    pub reveal: bool,
}

impl Cx {
    /// Opens a case for reading.
    pub fn open(_path: &Path, _reveal: bool) -> Result<Cx> {
        Err(Error::NotYet("reading"))
    }
}

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
    /// Sniffed kind: `json ndjson xml html form multipart csv text binary`.
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
pub fn calls(_cx: &Cx, _filter: &Filter, _page: &Page) -> Result<Vec<CallRow>> {
    Err(Error::NotYet("reading"))
}
/// Row ids of the selected calls in order.
pub fn call_ids(_cx: &Cx, _filter: &Filter, _page: &Page) -> Result<Vec<i64>> {
    Err(Error::NotYet("reading"))
}
/// The rows of these calls, in the given order; ids that are not there are left out.
pub fn call_rows(_cx: &Cx, _ids: &[i64]) -> Result<Vec<CallRow>> {
    Err(Error::NotYet("reading"))
}
/// How many calls are selected; counting stops at `cap`.
pub fn count(_cx: &Cx, _filter: &Filter, _cap: Option<u64>) -> Result<u64> {
    Err(Error::NotYet("reading"))
}
/// The APIs of the selected calls, by name.
pub fn apis(_cx: &Cx, _filter: &Filter) -> Result<Vec<ApiRow>> {
    Err(Error::NotYet("reading"))
}
/// The accounts of the selected calls, by name.
pub fn accounts(_cx: &Cx, _filter: &Filter) -> Result<Vec<AccountRow>> {
    Err(Error::NotYet("reading"))
}
/// The sessions of the selected calls, by start.
pub fn sessions(_cx: &Cx, _filter: &Filter) -> Result<Vec<SessionRow>> {
    Err(Error::NotYet("reading"))
}
/// The risks that the selected calls belong to, worst first.
pub fn risks(_cx: &Cx, _filter: &Filter) -> Result<Vec<RiskRow>> {
    Err(Error::NotYet("reading"))
}
/// Findings of the selected calls, in the calls' order; `each` gets them and says whether to go on.
pub fn findings(
    _cx: &Cx,
    _filter: &Filter,
    _each: &mut dyn FnMut(FindingRow) -> Result<bool>,
) -> Result<()> {
    Err(Error::NotYet("reading"))
}
/// Findings of one call.
pub fn call_findings(_cx: &Cx, _rowid: i64) -> Result<Vec<FindingRow>> {
    Err(Error::NotYet("reading"))
}
/// The selected flows, by time.
pub fn flows(_cx: &Cx, _filter: &Filter) -> Result<Vec<FlowRow>> {
    Err(Error::NotYet("reading"))
}
/// The selected sources, by name and hash.
pub fn sources(_cx: &Cx, _filter: &Filter) -> Result<Vec<SourceRow>> {
    Err(Error::NotYet("reading"))
}
/// The call with this id, also one that was superseded.
pub fn find_call(_cx: &Cx, _id: &str) -> Result<Option<i64>> {
    Err(Error::NotYet("reading"))
}
/// One call, whole.
pub fn show(_cx: &Cx, _rowid: i64) -> Result<Option<Show>> {
    Err(Error::NotYet("reading"))
}
/// Calls by time in `slots` slots.
pub fn histogram(_cx: &Cx, _filter: &Filter, _slots: usize) -> Result<Histogram> {
    Err(Error::NotYet("reading"))
}
