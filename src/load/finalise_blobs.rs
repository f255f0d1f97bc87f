//! Packed findings of a case as a stream. In: the evidence tables. Out: each blob with the calls that sent or got it, in row
//! order. Bounds: [`WAITING`] batches of [`BLOBS`] bytes between the thread that reads and the one that counts.

use crate::error::{Error, Result};
use crate::facts::calls::{CallLine, NONE};
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Packed findings on their way from the case to who counts them: reading and counting cost the same, so each has a thread.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// What each blob is of, and where it ends in `bytes`.
    ends: Vec<(Of, usize)>,
}

/// What a blob is of.
#[derive(Clone, Copy)]
enum Of {
    Body(i64),
    /// Call and direction.
    Head(i64, u32),
}

/// Bytes of a batch, and batches that may wait.
const BLOBS: usize = 256 << 10;
const WAITING: usize = 8;

/// Reads all findings on this thread and gives them to `consume` on another.
pub fn streamed<R: Send>(
    conn: &Connection,
    consume: impl FnOnce(Receiver<Batch>) -> R + Send,
) -> Result<R> {
    std::thread::scope(|scope| {
        let (send, batches) = sync_channel(WAITING);
        let counting = scope.spawn(move || consume(batches));
        read(conn, send)?;
        counting.join().map_err(|_| Error::Case {
            path: "facts".into(),
            why: "counting findings failed".into(),
        })
    })
}

/// Bodies that have findings, then heads, each in row order.
fn read(conn: &Connection, to: SyncSender<Batch>) -> Result<()> {
    let mut batch = Batch::default();
    let mut add = |of: Of, blob: &[u8]| {
        batch.bytes.extend_from_slice(blob);
        batch.ends.push((of, batch.bytes.len()));
        if batch.bytes.len() >= BLOBS {
            // whoever counts ends only after this end does, or by a fault that its join tells
            let _ = to.send(std::mem::take(&mut batch));
        }
    };
    let mut stmt = conn.prepare("SELECT id,facts FROM body WHERE facts IS NOT NULL ORDER BY id")?;
    let mut r = stmt.query([])?;
    while let Some(row) = r.next()? {
        if let Ok(blob) = row.get_ref(1)?.as_blob() {
            add(Of::Body(row.get(0)?), blob);
        }
    }
    let mut stmt = conn.prepare("SELECT id,req_facts,resp_facts FROM call WHERE req_facts IS NOT NULL OR resp_facts IS NOT NULL ORDER BY id")?;
    let mut r = stmt.query([])?;
    while let Some(row) = r.next()? {
        for dir in [0u32, 1] {
            if let Ok(blob) = row.get_ref(1 + dir as usize)?.as_blob() {
                add(Of::Head(row.get(0)?, dir), blob);
            }
        }
    }
    let _ = to.send(batch);
    Ok(())
}

/// Findings with those who sent or got them.
pub enum Found<'a> {
    /// Of a body that calls use.
    Body {
        blob: &'a [u8],
        id: i64,
        /// Its uses, see [`super::findings::Columns`].
        group: &'a [(i64, u32, u32)],
    },
    /// Of a head, with the index of its call.
    Head {
        blob: &'a [u8],
        call: usize,
        dir: u32,
    },
}

/// Gives what was read to `f`; what no call that counts uses is left out.
pub fn each(
    batches: Receiver<Batch>,
    users: &[(i64, u32, u32)],
    calls: &mut [CallLine],
    mut f: impl FnMut(Found<'_>, &mut [CallLine]),
) {
    let (mut user, mut call) = (0usize, 0usize);
    for batch in batches {
        let mut from = 0usize;
        for (of, end) in batch.ends {
            let blob = batch.bytes.get(from..end).unwrap_or_default();
            from = end;
            match of {
                Of::Body(id) => {
                    while users.get(user).is_some_and(|u| u.0 < id) {
                        user += 1;
                    }
                    let first = user;
                    while users.get(user).is_some_and(|u| u.0 == id) {
                        user += 1;
                    }
                    let group = users.get(first..user).unwrap_or_default();
                    if !group.is_empty() {
                        f(Found::Body { blob, id, group }, calls);
                    }
                }
                Of::Head(id, dir) => {
                    while calls.get(call).is_some_and(|c| c.id < id) {
                        call += 1;
                    }
                    let counts = |c: &CallLine| c.id == id && c.joined == NONE && c.api != NONE;
                    if calls.get(call).is_some_and(counts) {
                        f(Found::Head { blob, call, dir }, calls);
                    }
                }
            }
        }
    }
}
