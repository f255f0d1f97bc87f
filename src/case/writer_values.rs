//! Rows of bodies and calls as values. In: what a load found, with the rows of its strings, bodies and packs. Out: values bound to
//! statements, and those of calls for who decides facts. Bounds: one pass over the columns.

use crate::call::model::CallOut;
use crate::case::bodies::Place;
use crate::case::lines;
use crate::case::rows::{addr, int};
use crate::case::statements::{BODY_COLUMNS, CALL_COLUMNS, Statements};
use crate::error::Result;
use rusqlite::types::ValueRef;
use rusqlite::{Statement, ToSql};

/// A row that waits to be written.
pub(super) trait Row {
    const WHAT: &'static str;
    const COLUMNS: usize;
    /// The statements for one under its id, and for [`ROWS_AT_ONCE`] under the ids that follow.
    fn statements<'s, 'c>(
        sql: &'s mut Statements<'c>,
    ) -> (&'s mut Statement<'c>, &'s mut Statement<'c>);
    fn id(&self) -> i64;
    /// Whether its id is the next one.
    fn follows(&self) -> bool;
    /// Binds it as the row `n` of a statement.
    fn bind(&self, stmt: &mut Statement<'_>, n: usize) -> Result<()>;
}

/// Binds values as the row `n`.
fn bind<const N: usize>(stmt: &mut Statement<'_>, n: usize, row: &[&dyn ToSql; N]) -> Result<()> {
    for (value, at) in row.iter().zip(n * N + 1..) {
        stmt.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

/// A body whose row is to be written.
pub struct BodyRow {
    pub(super) id: i64,
    pub(super) sha256: Option<[u8; 32]>,
    /// Whole, and kept.
    pub(super) lens: [u64; 2],
    pub(super) kind: &'static str,
    pub(super) cut: Option<&'static str>,
    pub(super) place: Option<Place>,
    pub(super) facts: Vec<u8>,
    pub(super) message: Option<i64>,
}

impl Row for BodyRow {
    const WHAT: &'static str = "body";
    const COLUMNS: usize = BODY_COLUMNS;
    fn statements<'s, 'c>(
        sql: &'s mut Statements<'c>,
    ) -> (&'s mut Statement<'c>, &'s mut Statement<'c>) {
        (&mut sql.body, &mut sql.bodies)
    }
    fn id(&self) -> i64 {
        self.id
    }
    fn follows(&self) -> bool {
        true
    }
    fn bind(&self, stmt: &mut Statement<'_>, n: usize) -> Result<()> {
        let row: &[&dyn ToSql; BODY_COLUMNS] = &[
            &self.sha256,
            &int(self.lens[0]),
            &int(self.lens[1]),
            &self.kind,
            &self.cut,
            &self.place.map(|p| p.pack),
            &self.place.map_or(0, |p| int(p.off)),
            &some(&self.facts),
            &self.message,
        ];
        bind(stmt, n, row)
    }
}

/// A call whose row is to be written.
pub(super) struct CallRow<'a> {
    pub(super) id: i64,
    /// Whether it had been written and was taken out, so that its id is not the next one.
    pub(super) again: bool,
    pub(super) source: i64,
    pub(super) unit1: u64,
    pub(super) range: Option<(u64, u64)>,
    pub(super) flow: Option<i64>,
    pub(super) terms: Terms,
    /// Of request and response.
    pub(super) lens: [Option<u64>; 2],
    pub(super) bodies: [Option<i64>; 2],
    pub(super) head: Option<Place>,
    pub(super) facts: [Vec<u8>; 2],
    pub(super) who: Vec<u8>,
    pub(super) call: &'a CallOut,
}

impl CallRow<'_> {
    /// Gives it to who decides facts: the columns of [`lines`].
    pub(super) fn feed(&self, feed: &mut lines::Feed) {
        let (call, terms) = (self.call, &self.terms);
        let row = |n: Option<i64>| n.map_or(ValueRef::Null, ValueRef::Integer);
        let num = |n: Option<u32>| row(n.map(i64::from));
        let (src, dst) = (call.src.map(addr), call.dst.map(addr));
        feed.add(&[
            row(Some(self.id)),
            row(Some(self.source)),
            row(Some(int(call.at.number))),
            num(Some(call.ord)),
            row(self.flow),
            row(Some(call.ts)),
            row(call.end_ts),
            blob(src.as_ref().map(|a| &a[..])),
            num(call.sport.map(u32::from)),
            blob(dst.as_ref().map(|a| &a[..])),
            num(call.dport.map(u32::from)),
            num(Some(call.proto as u32)),
            num(Some(u32::from(call.tls))),
            row(terms.method),
            row(terms.host),
            text(call.uri.as_ref()),
            row(terms.op),
            row(terms.kind),
            num(call.status.map(u32::from)),
            row(terms.ua),
            num(Some(call.flags.0)),
            row(self.bodies[0]),
            row(self.bodies[1]),
            blob(some(&self.who)),
            text(call.trace_id.as_ref()),
            row(terms.note),
            row(terms.dispatch),
            row(call.dispatch.as_ref().map(|d| d.shape.cast_signed())),
            num(call.grpc_status),
            row(seqs(call.seq)),
        ]);
    }
}

/// Rows of strings.
pub(super) struct Terms {
    pub(super) method: Option<i64>,
    pub(super) host: Option<i64>,
    pub(super) op: Option<i64>,
    pub(super) kind: Option<i64>,
    pub(super) req_type: Option<i64>,
    pub(super) resp_type: Option<i64>,
    pub(super) ua: Option<i64>,
    pub(super) note: Option<i64>,
    pub(super) dispatch: Option<i64>,
}

impl Row for CallRow<'_> {
    const WHAT: &'static str = "call";
    const COLUMNS: usize = CALL_COLUMNS;
    fn statements<'s, 'c>(
        sql: &'s mut Statements<'c>,
    ) -> (&'s mut Statement<'c>, &'s mut Statement<'c>) {
        (&mut sql.call, &mut sql.calls)
    }
    fn id(&self) -> i64 {
        self.id
    }
    fn follows(&self) -> bool {
        !self.again
    }
    fn bind(&self, stmt: &mut Statement<'_>, n: usize) -> Result<()> {
        let (call, terms) = (self.call, &self.terms);
        let [req_len, resp_len] = self.lens;
        let [req_body, resp_body] = self.bodies;
        let [req_facts, resp_facts] = &self.facts;
        let head = self.head;
        let row: &[&dyn ToSql; CALL_COLUMNS] = &[
            &self.source,
            &int(call.at.number),
            &call.ord,
            &int(self.unit1),
            &self.range.map(|r| int(r.0)),
            &self.range.map(|r| int(r.1)),
            &call.done,
            &self.flow,
            &call.ts,
            &call.end_ts,
            &call.src.map(addr),
            &call.sport,
            &call.dst.map(addr),
            &call.dport,
            &(call.proto as u8),
            &call.tls,
            &terms.method,
            &terms.host,
            &call.uri,
            &call.path,
            &terms.op,
            &terms.kind,
            &call.status,
            &call.req_body_len.map(int),
            &call.resp_body_len.map(int),
            &req_len.map(int),
            &resp_len.map(int),
            &terms.req_type,
            &terms.resp_type,
            &terms.ua,
            &call.flags.0,
            &req_body,
            &resp_body,
            &head.map(|p| p.pack),
            &head.map(|p| int(p.off)),
            &head.map(|_| int(call.heads.len() as u64)),
            &some(req_facts),
            &some(resp_facts),
            &some(&self.who),
            &call.trace_id,
            &terms.note,
            &terms.dispatch,
            &call.dispatch.as_ref().map(|d| d.shape.cast_signed()),
            &call.grpc_status,
            &seqs(call.seq),
        ];
        bind(stmt, n, row)
    }
}

fn text(v: Option<&String>) -> ValueRef<'_> {
    v.map_or(ValueRef::Null, |t| ValueRef::Text(t.as_bytes()))
}

fn blob(v: Option<&[u8]>) -> ValueRef<'_> {
    v.map_or(ValueRef::Null, ValueRef::Blob)
}

fn some(blob: &[u8]) -> Option<&[u8]> {
    (!blob.is_empty()).then_some(blob)
}

/// Both sequence numbers in one: 0 stands for unknown, so that the byte that really has it counts as the next one.
fn seqs([req, resp]: [Option<u32>; 2]) -> Option<i64> {
    let n = |s: Option<u32>| u64::from(s.map_or(0, |s| s.max(1)));
    let both = n(req) << 32 | n(resp);
    (both != 0).then(|| both.cast_signed())
}
