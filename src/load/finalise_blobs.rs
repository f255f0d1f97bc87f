//! Packed findings of a case as a stream. In: the evidence tables. Out: each blob with the calls that sent or got it, in row
//! order, and where asked for the calls of which all has come. Bounds: [`WAITING`] batches of [`BLOBS`] bytes between the thread that
//! reads and the one that counts; calls go back without being copied.

use crate::error::{Error, Result};
use crate::facts::calls::{CallLine, NONE};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

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
const BLOBS: usize = 1 << 20;
const WAITING: usize = 4;

/// Calls in their order, in pieces that are handed over one by one when nothing more comes for them.
pub struct Lines<'a> {
    pieces: VecDeque<&'a mut [CallLine]>,
    /// Calls of the pieces that were handed over.
    gone: usize,
}

/// Calls of a piece.
const PIECE: usize = 4096;

impl<'a> Lines<'a> {
    pub fn new(calls: &'a mut [CallLine]) -> Lines<'a> {
        Lines {
            pieces: calls.chunks_mut(PIECE).collect(),
            gone: 0,
        }
    }
    pub fn get(&self, i: usize) -> Option<&CallLine> {
        let i = i.checked_sub(self.gone)?;
        self.pieces.get(i / PIECE)?.get(i % PIECE)
    }
    pub fn get_mut(&mut self, i: usize) -> Option<&mut CallLine> {
        let i = i.checked_sub(self.gone)?;
        self.pieces.get_mut(i / PIECE)?.get_mut(i % PIECE)
    }
    /// The next piece, where its calls use no body behind this one.
    pub fn hand_over(&mut self, body: i64) -> Option<&'a mut [CallLine]> {
        let whole = |c: &CallLine| c.req_body <= body && c.resp_body <= body;
        self.pieces.front().filter(|p| p.iter().all(whole))?;
        let piece = self.pieces.pop_front()?;
        self.gone += piece.len();
        Some(piece)
    }
}

/// Reads all findings on this thread and gives them to `consume` on another; what that one hands back goes to `back`, here.
pub fn streamed<R: Send, B: Send>(
    conn: &Connection,
    consume: impl FnOnce(Receiver<Batch>, Sender<B>) -> R + Send,
    back: &mut dyn FnMut(B) -> Result<()>,
) -> Result<R> {
    std::thread::scope(|scope| {
        let (send, batches) = sync_channel(WAITING);
        let (hand, handed) = channel();
        let counting = scope.spawn(move || consume(batches, hand));
        read(conn, send, &mut || {
            handed.try_iter().try_for_each(&mut *back)
        })?;
        handed.iter().try_for_each(back)?;
        counting.join().map_err(|_| Error::Case {
            path: "facts".into(),
            why: "counting findings failed".into(),
        })
    })
}

/// Heads that have findings, then bodies, each in row order. `between` is called after each batch.
fn read(
    conn: &Connection,
    to: SyncSender<Batch>,
    between: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let mut batch = Batch::default();
    let mut add = |of: Of, blob: &[u8]| {
        batch.bytes.extend_from_slice(blob);
        batch.ends.push((of, batch.bytes.len()));
        if batch.bytes.len() < BLOBS {
            return Ok(());
        }
        // whoever counts ends only after this end does, or by a fault that its join tells
        let _ = to.send(std::mem::take(&mut batch));
        between()
    };
    let mut stmt = conn.prepare("SELECT id,req_facts,resp_facts FROM call WHERE req_facts IS NOT NULL OR resp_facts IS NOT NULL ORDER BY id")?;
    let mut r = stmt.query([])?;
    while let Some(row) = r.next()? {
        for dir in [0u32, 1] {
            if let Ok(blob) = row.get_ref(1 + dir as usize)?.as_blob() {
                add(Of::Head(row.get(0)?, dir), blob)?;
            }
        }
    }
    let mut stmt = conn.prepare("SELECT id,facts FROM body WHERE facts IS NOT NULL ORDER BY id")?;
    let mut r = stmt.query([])?;
    while let Some(row) = r.next()? {
        if let Ok(blob) = row.get_ref(1)?.as_blob() {
            add(Of::Body(row.get(0)?), blob)?;
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
    /// Everything of heads and of bodies up to this one has come.
    Until(i64),
}

/// Gives what was read to `f`; what no call that counts uses is left out.
pub fn each<'a>(
    batches: Receiver<Batch>,
    users: &[(i64, u32, u32)],
    mut calls: Lines<'a>,
    mut f: impl FnMut(Found<'_>, &mut Lines<'a>),
) {
    let (mut user, mut call) = (0usize, 0usize);
    let mut last = None;
    for batch in batches {
        let mut from = 0usize;
        for (of, end) in batch.ends {
            let blob = batch.bytes.get(from..end).unwrap_or_default();
            from = end;
            match of {
                Of::Body(id) => {
                    last = Some(id);
                    while users.get(user).is_some_and(|u| u.0 < id) {
                        user += 1;
                    }
                    let first = user;
                    while users.get(user).is_some_and(|u| u.0 == id) {
                        user += 1;
                    }
                    let group = users.get(first..user).unwrap_or_default();
                    if !group.is_empty() {
                        f(Found::Body { blob, id, group }, &mut calls);
                    }
                }
                Of::Head(id, dir) => {
                    while calls.get(call).is_some_and(|c| c.id < id) {
                        call += 1;
                    }
                    let counts = |c: &CallLine| c.id == id && c.joined == NONE && c.api != NONE;
                    if calls.get(call).is_some_and(counts) {
                        f(Found::Head { blob, call, dir }, &mut calls);
                    }
                }
            }
        }
        if let Some(body) = last {
            f(Found::Until(body), &mut calls);
        }
    }
    f(Found::Until(i64::MAX), &mut calls);
}
