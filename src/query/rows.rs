//! The rows of the contract, in its field order. In: nothing. Out: serialisable structs that the command line, the
//! interface and the exporters share. Bounds: none; each row is as long as its values.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is not said is `null` for other programs.
fn or_null<S: serde::Serializer>(s: &str, out: S) -> Result<S::Ok, S::Error> {
    match s {
        "" => out.serialize_none(),
        s => out.serialize_str(s),
    }
}

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LocatorRow {
    /// Source name (the file's name as given).
    pub source: String,
    /// `origin continued tap log`.
    pub role: &'static str,
    /// First packet or line, from 1.
    pub first: u64,
    /// Last packet or line.
    pub last: u64,
    /// Byte offset of a line.
    pub offset: Option<u64>,
    /// Length of a line.
    pub len: Option<u64>,
    /// RFC 3339.
    pub ts: Option<String>,
}

/// `calls`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CallRow {
    #[serde(skip)]
    pub rowid: i64,
    /// Raw time of the row for paging.
    #[serde(skip)]
    pub ts_ns: i64,
    /// Session of the call that caused it (and of the one that caused that), where it has none of its own.
    #[serde(skip)]
    pub part_of: Option<String>,
    pub id: String,
    pub source: String,
    pub ts: String,
    pub end_ts: Option<String>,
    pub src: Option<String>,
    pub sport: Option<u16>,
    pub dst: Option<String>,
    pub dport: Option<u16>,
    pub proto: &'static str,
    pub tls: bool,
    pub method: Option<String>,
    pub host: Option<String>,
    pub uri: Option<String>,
    pub path: Option<String>,
    pub api: Option<String>,
    pub status: Option<u16>,
    pub grpc_status: Option<u32>,
    pub req_body_len: Option<u64>,
    pub resp_body_len: Option<u64>,
    pub req_content_len: Option<u64>,
    pub resp_content_len: Option<u64>,
    pub req_sha256: Option<String>,
    pub resp_sha256: Option<String>,
    pub req_type: Option<String>,
    pub resp_type: Option<String>,
    pub user_agent: Option<String>,
    pub account: Option<String>,
    pub account_conf: Option<f64>,
    pub account_via: Option<String>,
    pub on_behalf_of: Option<String>,
    pub session: Option<String>,
    pub level: Option<&'static str>,
    pub classes: Vec<String>,
    pub records: Option<u64>,
    pub flags: Vec<&'static str>,
    pub parent: Option<String>,
    pub locators: Vec<LocatorRow>,
}

/// One class of an `apis` row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiClass {
    pub class: String,
    pub calls: u64,
    pub clear: u64,
    pub masked: u64,
    pub fields: Vec<String>,
}

/// `apis`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiRow {
    #[serde(skip)]
    pub rowid: i64,
    pub api: String,
    pub method: Option<String>,
    pub host: Option<String>,
    pub route: Option<String>,
    pub kind: String,
    pub calls: u64,
    pub accounts: u64,
    pub ok_ratio: Option<f64>,
    pub first: Option<String>,
    pub last: Option<String>,
    pub level: &'static str,
    pub classes: Vec<ApiClass>,
    pub auth: Vec<String>,
    pub max_records: u64,
    pub documented: Option<bool>,
    /// The specification that documents it.
    pub spec: Option<String>,
    pub state: Option<String>,
    #[serde(serialize_with = "or_null")]
    pub why: String,
}

/// `accounts`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountRow {
    #[serde(skip)]
    pub rowid: i64,
    pub account: String,
    pub kind: String,
    pub conf: f64,
    pub calls: u64,
    pub sessions: u64,
    pub addresses: Vec<String>,
    pub clients: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    pub level: &'static str,
    pub records: u64,
    pub values: BTreeMap<String, u64>,
    pub risk: f64,
    /// Why this name: shown by `?`.
    pub why: String,
}

/// `sessions`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    #[serde(skip)]
    pub rowid: i64,
    pub session: String,
    pub account: String,
    pub via: String,
    pub src: Option<String>,
    pub user_agent: Option<String>,
    pub start: String,
    pub end: String,
    pub calls: u64,
    pub records: u64,
    pub level: &'static str,
}

/// `findings`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FindingRow {
    /// Row id of the call.
    #[serde(skip)]
    pub call_rowid: i64,
    pub call: String,
    pub dir: &'static str,
    #[serde(rename = "where")]
    pub place: String,
    pub class: String,
    pub level: &'static str,
    pub form: String,
    pub masked: bool,
    pub conf: f64,
    /// Masked unless revealed.
    pub value: Option<String>,
    pub record: Option<String>,
    /// `{"source","first","last","offset","len"}`.
    pub locator: Value,
    /// What its values are counted by: the place without indices.
    #[serde(skip)]
    pub field: String,
    /// API of the call.
    #[serde(skip)]
    pub api: Option<std::sync::Arc<str>>,
}

/// `flows`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowRow {
    #[serde(skip)]
    pub rowid: i64,
    pub id: String,
    pub ts: String,
    pub end_ts: String,
    pub src: String,
    /// `null` where the protocol has no ports.
    pub sport: Option<u16>,
    pub dst: String,
    pub dport: Option<u16>,
    pub transport: String,
    pub app: String,
    pub packets: u64,
    pub bytes_out: u64,
    pub bytes_in: u64,
    pub sni: Option<String>,
    pub alpn: Option<String>,
    pub client_print: Option<String>,
    pub gaps: u64,
    pub calls: u64,
    pub why_opaque: Option<String>,
    /// `{"version","cipher","subject","issuer","not_after","opened"}` of a TLS handshake.
    pub tls: Option<Value>,
}

/// `risks`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RiskRow {
    #[serde(skip)]
    pub rowid: i64,
    pub risk: String,
    pub rule: String,
    pub dimension: String,
    pub severity: String,
    pub subject: String,
    pub why: String,
    pub calls: Vec<String>,
    pub first: Option<String>,
    pub last: Option<String>,
    pub score: f64,
}

/// `sources`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceRow {
    #[serde(skip)]
    pub rowid: i64,
    pub source: String,
    pub name: String,
    pub sha256: Option<String>,
    pub kind: String,
    /// The log format that was given for it.
    pub mapping: Option<String>,
    /// Of a log: its lines that are captured calls.
    pub joined: Option<u64>,
    /// ... and how far its clock is ahead of the captures'.
    pub skew_ms: Option<i64>,
    pub bytes: u64,
    pub packets: Option<u64>,
    pub lines: Option<u64>,
    pub first: Option<String>,
    pub last: Option<String>,
    pub calls: u64,
    pub skipped: u64,
    pub diags: BTreeMap<String, u64>,
    /// Of a capture whose clock was held against others': how much later it says that it was than the one that all of them are
    /// put on, on which trails are ordered.
    pub clock_ns: Option<i64>,
    /// Sources that hold calls of this one too.
    pub taps: Vec<TapRow>,
}

/// A source that holds calls of another one once more, captured at another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TapRow {
    pub source: String,
    /// Calls that stand in both.
    pub calls: u64,
    /// How much later the clock of the row's source says they were.
    pub skew_ns: i64,
}
