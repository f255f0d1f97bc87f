//! Rows of bodies and calls as values. In: what a load found, with the rows of its strings, bodies and packs. Out: values bound to
//! statements, and those of calls for who decides facts. Bounds: one pass over the columns.

use crate::call::model::CallOut;
use crate::case::bodies::Place;
use crate::case::bound::Bound;
use crate::case::lines;
use crate::case::rows::int;
use crate::case::statements::{BODY_COLUMNS, CALL_COLUMNS, Statements};
use crate::case::terms::SLOTS;
use crate::error::Result;
use rusqlite::types::ValueRef;

/// A row that waits to be written.
pub(super) trait Row {
    const WHAT: &'static str;
    const COLUMNS: usize;
    /// The statements for one under its id, and for [`ROWS_AT_ONCE`](crate::case::statements::ROWS_AT_ONCE) under the ids that
    /// follow.
    fn statements<'s, 'c>(sql: &'s mut Statements<'c>) -> (&'s mut Bound<'c>, &'s mut Bound<'c>);
    fn id(&self) -> i64;
    /// Whether its id is the next one.
    fn follows(&self) -> bool;
    /// Binds it as the row `n` of a statement.
    fn bind(&self, stmt: &mut Bound<'_>, n: usize) -> Result<()>;
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
    fn statements<'s, 'c>(sql: &'s mut Statements<'c>) -> (&'s mut Bound<'c>, &'s mut Bound<'c>) {
        (&mut sql.body, &mut sql.bodies)
    }
    fn id(&self) -> i64 {
        self.id
    }
    fn follows(&self) -> bool {
        true
    }
    fn bind(&self, stmt: &mut Bound<'_>, n: usize) -> Result<()> {
        let row: [ValueRef<'_>; BODY_COLUMNS] = [
            blob(self.sha256.as_ref().map(|s| &s[..])),
            row(Some(int(self.lens[0]))),
            row(Some(int(self.lens[1]))),
            text(Some(self.kind)),
            text(self.cut),
            row(self.place.map(|p| p.pack)),
            row(Some(self.place.map_or(0, |p| int(p.off)))),
            blob(some(&self.facts)),
            row(self.message),
        ];
        stmt.bind(n * BODY_COLUMNS, &row)
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
    /// Rows of strings: method, host, operation, kind, both content types, user agent, note, fields that may choose an operation.
    pub(super) terms: [Option<i64>; SLOTS],
    /// Of client and server.
    pub(super) addrs: [Option<[u8; 16]>; 2],
    /// Of request and response.
    pub(super) lens: [Option<u64>; 2],
    pub(super) bodies: [Option<i64>; 2],
    pub(super) head: Option<Place>,
    pub(super) facts: [Vec<u8>; 2],
    pub(super) who: Vec<u8>,
    pub(super) call: &'a CallOut,
}

impl CallRow<'_> {
    /// Its values, in the order of the columns.
    fn values(&self) -> [ValueRef<'_>; CALL_COLUMNS] {
        let call = self.call;
        let [
            method,
            host,
            op,
            kind,
            req_type,
            resp_type,
            ua,
            note,
            dispatch,
        ] = self.terms;
        let [src, dst] = &self.addrs;
        let [req_len, resp_len] = self.lens;
        let [req_body, resp_body] = self.bodies;
        let [req_facts, resp_facts] = &self.facts;
        let head = self.head;
        [
            row(Some(self.source)),
            row(Some(int(call.at.number))),
            num(Some(call.ord)),
            row(Some(int(self.unit1))),
            row(self.range.map(|r| int(r.0))),
            row(self.range.map(|r| int(r.1))),
            num(Some(u32::from(call.done))),
            row(self.flow),
            row(Some(call.ts)),
            row(call.end_ts),
            blob(src.as_ref().map(|a| &a[..])),
            num(call.sport.map(u32::from)),
            blob(dst.as_ref().map(|a| &a[..])),
            num(call.dport.map(u32::from)),
            num(Some(call.proto as u32)),
            num(Some(u32::from(call.tls))),
            row(method),
            row(host),
            text(call.uri.as_deref()),
            text(call.path.as_deref()),
            row(op),
            row(kind),
            num(call.status.map(u32::from)),
            row(call.req_body_len.map(int)),
            row(call.resp_body_len.map(int)),
            row(req_len.map(int)),
            row(resp_len.map(int)),
            row(req_type),
            row(resp_type),
            row(ua),
            num(Some(call.flags.0)),
            row(req_body),
            row(resp_body),
            row(head.map(|p| p.pack)),
            row(head.map(|p| int(p.off))),
            row(head.map(|_| int(call.heads.len() as u64))),
            blob(some(req_facts)),
            blob(some(resp_facts)),
            blob(some(&self.who)),
            text(call.trace_id.as_deref()),
            row(note),
            row(dispatch),
            row(call.dispatch.as_ref().map(|d| d.shape.cast_signed())),
            num(call.grpc_status),
            row(seqs(call.seq)),
        ]
    }
    /// Gives it to who decides facts.
    pub(super) fn feed(&self, feed: &mut lines::Feed) {
        feed.add(self.id, &self.values());
    }
}

impl Row for CallRow<'_> {
    const WHAT: &'static str = "call";
    const COLUMNS: usize = CALL_COLUMNS;
    fn statements<'s, 'c>(sql: &'s mut Statements<'c>) -> (&'s mut Bound<'c>, &'s mut Bound<'c>) {
        (&mut sql.call, &mut sql.calls)
    }
    fn id(&self) -> i64 {
        self.id
    }
    fn follows(&self) -> bool {
        !self.again
    }
    fn bind(&self, stmt: &mut Bound<'_>, n: usize) -> Result<()> {
        stmt.bind(n * CALL_COLUMNS, &self.values())
    }
}

fn row(n: Option<i64>) -> ValueRef<'static> {
    n.map_or(ValueRef::Null, ValueRef::Integer)
}

fn num(n: Option<u32>) -> ValueRef<'static> {
    row(n.map(i64::from))
}

fn text(v: Option<&str>) -> ValueRef<'_> {
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
