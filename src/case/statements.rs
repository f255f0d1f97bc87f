//! The statements of a load, prepared once. In: a connection. Out: statements. Bounds: none of them scans a table.

use crate::case::bound::Bound;
use crate::error::Result;
use rusqlite::{Connection, Statement};

/// One field for each statement; named after the table, `calls` and `bodies` for many new rows.
pub(super) struct Statements<'c> {
    pub call: Bound<'c>,
    pub calls: Bound<'c>,
    pub body: Bound<'c>,
    pub bodies: Bound<'c>,
    pub pack: Statement<'c>,
    pub flow: Statement<'c>,
    pub at: Statement<'c>,
    pub of: Statement<'c>,
    pub unplace: Statement<'c>,
    pub uncall: Statement<'c>,
    pub unflow: Statement<'c>,
    pub diag: Statement<'c>,
}

/// Columns of a call that a load writes, in their order, behind its id.
pub(super) const CALL: [&str; CALL_COLUMNS] = [
    "source_id",
    "unit",
    "ord",
    "unit1",
    "off",
    "len",
    "done",
    "flow_id",
    "ts",
    "end_ts",
    "src",
    "sport",
    "dst",
    "dport",
    "proto",
    "tls",
    "method_id",
    "host_id",
    "uri",
    "path",
    "op_id",
    "kind_id",
    "status",
    "req_body_len",
    "resp_body_len",
    "req_content_len",
    "resp_content_len",
    "req_type_id",
    "resp_type_id",
    "ua_id",
    "flags",
    "req_body_id",
    "resp_body_id",
    "head_pack",
    "head_off",
    "head_len",
    "req_facts",
    "resp_facts",
    "ident",
    "trace_id",
    "op_note_id",
    "dispatch_id",
    "shape",
    "grpc_status",
    "seq",
];
/// How many they are.
pub(super) const CALL_COLUMNS: usize = 45;
/// Columns of a body that a load writes, behind its id.
const BODY: [&str; BODY_COLUMNS] = [
    "sha256",
    "len",
    "kept",
    "kind",
    "cut",
    "pack_id",
    "off",
    "facts",
    "message_id",
];
/// How many they are.
pub(super) const BODY_COLUMNS: usize = 9;
/// New rows written by one statement: beginning and ending one, and finding the ends of the indexes, costs as much as a row.
pub(super) const ROWS_AT_ONCE: usize = 16;

/// Inserts a row under its id, which comes last. Plain INSERT: with OR REPLACE SQLite keeps a journal for each single statement,
/// which costs more than the insertion.
fn one(table: &str, columns: &[&str]) -> String {
    let values = vec!["?"; columns.len()].join(",");
    format!(
        "INSERT INTO {table}({},id) VALUES({values},?)",
        columns.join(",")
    )
}

/// Inserts rows under the ids that follow the last one. Without an id, and with OR FAIL, for the same reason: where one of many
/// rows may be refused while others stay, there is such a journal. An error ends the load, which rolls all of it back.
fn new(table: &str, columns: &[&str]) -> String {
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    let rows = vec![row.as_str(); ROWS_AT_ONCE].join(",");
    format!(
        "INSERT OR FAIL INTO {table}({}) VALUES{rows}",
        columns.join(",")
    )
}

impl<'c> Statements<'c> {
    pub fn new(conn: &'c Connection) -> Result<Statements<'c>> {
        Ok(Statements {
            call: Bound::new(conn.prepare(&one("call", &CALL))?),
            calls: Bound::new(conn.prepare(&new("call", &CALL))?),
            body: Bound::new(conn.prepare(&one("body", &BODY))?),
            bodies: Bound::new(conn.prepare(&new("body", &BODY))?),
            pack: conn.prepare("INSERT INTO pack(id,len,data) VALUES(?1,?2,?3)")?,
            flow: conn.prepare(
                "INSERT INTO flow(id,source_id,unit0,unit1,ts,end_ts,src,sport,dst,dport,transport,app,packets,\
                 bytes_out,bytes_in,sni,alpn,client_print,gaps,calls,why_opaque,tls) \
                 VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22)",
            )?,
            at: conn.prepare(
                "INSERT INTO call_at(call_id,n,source_id,role,first,last,off,len,ts) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
            )?,
            of: conn.prepare("INSERT OR REPLACE INTO call_of(call_id,ord) VALUES(?1,?2)")?,
            unplace: conn.prepare("DELETE FROM call_at WHERE call_id=?1")?,
            uncall: conn.prepare("DELETE FROM call WHERE id=?1")?,
            unflow: conn.prepare("DELETE FROM flow WHERE id=?1")?,
            diag: conn.prepare(
                "INSERT INTO diag(source_id,code,n,first_unit,detail) VALUES(?1,?2,?3,?4,?5) ON CONFLICT(source_id,code) DO UPDATE \
                 SET n=n+excluded.n, first_unit=min(coalesce(first_unit,excluded.first_unit),coalesce(excluded.first_unit,first_unit)), \
                 detail=coalesce(detail,excluded.detail)",
            )?,
        })
    }
}
