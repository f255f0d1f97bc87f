//! Calls as the deciding of facts asks for them. In: the table of calls, or the rows that a load is about to write. Out: batches of rows
//! in their order. Bounds: [`WAITING`] batches of [`ROWS`] rows or a megabyte between the two threads.
//!
//! Reading a row back costs as much as writing it. So a load that makes a case gives what it writes to who decides facts as well
//! ([`Feed`]); where a row changed after that, or the load did not end well, the end is never told, and the table is read.

use crate::case::statements::CALL;
use crate::error::Result;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Columns that are asked for behind the call's id, in the order of [`Raw`].
const ASKED: [&str; COLUMNS - 1] = [
    "source_id",
    "unit",
    "ord",
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
    "op_id",
    "kind_id",
    "status",
    "ua_id",
    "flags",
    "req_body_id",
    "resp_body_id",
    "ident",
    "trace_id",
    "op_note_id",
    "dispatch_id",
    "shape",
    "grpc_status",
    "seq",
    "resp_body_len",
];
/// How many they are with the id.
pub const COLUMNS: usize = 31;
/// Rows handed over together, and batches that may wait.
const ROWS: usize = 512;
const WAITING: usize = 8;

/// Rows as they are stored.
#[derive(Default)]
pub struct Rows {
    /// Texts and blobs one after the other.
    bytes: Vec<u8>,
    /// Numbers; of texts and blobs start and length in `bytes`, 32 bits each.
    rows: Vec<[Option<i64>; COLUMNS]>,
    /// Whether nothing comes after these.
    pub last: bool,
}

impl Rows {
    /// Takes a value in, to be part of the next row.
    fn value(&mut self, v: ValueRef<'_>) -> Option<i64> {
        match v {
            ValueRef::Integer(n) => Some(n),
            ValueRef::Text(b) | ValueRef::Blob(b) => {
                let start = self.bytes.len() as u64;
                self.bytes.extend_from_slice(b);
                Some((start << 32 | b.len() as u64).cast_signed())
            }
            ValueRef::Null | ValueRef::Real(_) => None,
        }
    }
    /// Adds a row; true where there are enough of them.
    fn push(&mut self, row: [Option<i64>; COLUMNS]) -> bool {
        self.rows.push(row);
        self.rows.len() >= ROWS || self.bytes.len() >= 1 << 20
    }
    pub fn each(&self) -> impl Iterator<Item = Raw<'_>> {
        self.rows.iter().map(|ints| Raw {
            ints,
            bytes: &self.bytes,
        })
    }
}

/// One of them.
pub struct Raw<'a> {
    ints: &'a [Option<i64>; COLUMNS],
    bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    pub fn int(&self, i: usize) -> Option<i64> {
        self.ints.get(i).copied().flatten()
    }
    pub fn num(&self, i: usize) -> i64 {
        self.int(i).unwrap_or(0)
    }
    pub fn small(&self, i: usize) -> u32 {
        u32::try_from(self.num(i)).unwrap_or(0)
    }
    pub fn bytes(&self, i: usize) -> Option<&'a [u8]> {
        let place = self.int(i)?.cast_unsigned();
        let start = usize::try_from(place >> 32).ok()?;
        let len = usize::try_from(place & 0xffff_ffff).ok()?;
        self.bytes.get(start..start.checked_add(len)?)
    }
    pub fn text(&self, i: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(i)?).ok()
    }
}

/// Rows on their way.
pub fn channel() -> (SyncSender<Rows>, Receiver<Rows>) {
    sync_channel(WAITING)
}

/// Reads all rows in order.
///
/// # Errors
/// What SQLite says.
pub fn read(conn: &Connection, to: &SyncSender<Rows>) -> Result<()> {
    let mut stmt = conn.prepare(&format!(
        "SELECT id,{} FROM call ORDER BY id",
        ASKED.join(",")
    ))?;
    let mut r = stmt.query([])?;
    let mut batch = Rows::default();
    while let Some(row) = r.next()? {
        let mut ints = [None; COLUMNS];
        for (i, slot) in ints.iter_mut().enumerate() {
            *slot = batch.value(row.get_ref(i)?);
        }
        if batch.push(ints) {
            // who takes them ends only after this end does, or by a fault that its join tells
            let _ = to.send(std::mem::take(&mut batch));
        }
    }
    batch.last = true;
    let _ = to.send(batch);
    Ok(())
}

/// Rows of a load as it writes them.
pub struct Feed {
    batch: Rows,
    to: SyncSender<Rows>,
    /// Where each column that is asked for stands among those that are written.
    at: [usize; COLUMNS - 1],
    /// Nobody takes them any more.
    left: bool,
}

impl Feed {
    pub fn new(to: SyncSender<Rows>) -> Feed {
        let at = |name: &str| CALL.iter().position(|c| *c == name);
        Feed {
            batch: Rows::default(),
            to,
            // one that is not written would be missing in every row
            at: ASKED.map(|name| at(name).unwrap_or(usize::MAX)),
            left: false,
        }
    }
    /// One more row: its id, and its values in the order in which they are written.
    pub fn add(&mut self, id: i64, values: &[ValueRef<'_>]) {
        if self.left {
            return;
        }
        let mut ints = [Some(id); COLUMNS];
        for (at, slot) in self.at.iter().zip(ints.iter_mut().skip(1)) {
            *slot = values.get(*at).and_then(|v| self.batch.value(*v));
        }
        if self.batch.push(ints) {
            self.left = self.to.send(std::mem::take(&mut self.batch)).is_err();
        }
    }
    /// All rows are in the case, as they were given.
    pub fn end(mut self) {
        self.batch.last = true;
        let _ = self.to.send(self.batch);
    }
}
