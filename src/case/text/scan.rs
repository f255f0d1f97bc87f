//! Packs read by several threads. In: a case and the packs to read. Out: what `work` makes of each, as it comes. Bounds: one pack
//! in memory for each thread; a stop flag ends it between two packs, an ordinary pack takes a millisecond.

use crate::case::bodies::PACK_MAX;
use crate::case::open_read;
use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// Packs up to which more threads cost more than they save.
const FEW: usize = 4;
/// Results that may wait.
const WAITING: usize = 64;

/// Unpacks packs into memory that is used again.
pub struct Unpack {
    inner: zstd::bulk::Decompressor<'static>,
    text: Vec<u8>,
}

impl Unpack {
    /// With no memory yet.
    pub fn new() -> Result<Unpack> {
        Ok(Unpack {
            inner: zstd::bulk::Decompressor::new().map_err(Error::io("pack", "cannot unpack"))?,
            text: Vec::new(),
        })
    }

    /// The text of a pack; `None` where it is not there or damaged.
    pub fn pack(&mut self, conn: &Connection, id: i64) -> Result<Option<&[u8]>> {
        let mut stmt = conn.prepare_cached("SELECT len,data FROM pack WHERE id=?1")?;
        let whole = stmt
            .query_row([id], |r| {
                let len = usize::try_from(r.get::<_, i64>(0)?).unwrap_or(usize::MAX);
                let Ok(data) = r.get_ref(1)?.as_blob() else {
                    return Ok(false);
                };
                if len > PACK_MAX {
                    return Ok(false);
                }
                self.text.clear();
                self.text.reserve(len);
                let got = self.inner.decompress_to_buffer(data, &mut self.text);
                Ok(got.is_ok_and(|n| n == len))
            })
            .optional()?;
        Ok(whole.filter(|w| *w).map(|_| self.text.as_slice()))
    }

    /// What `work` makes of a pack; `None` where it is not there or damaged.
    fn with<T>(
        &mut self,
        conn: &Connection,
        id: i64,
        work: impl FnOnce(&Opened<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let text = self.pack(conn, id)?;
        text.map(|text| work(&Opened { id, text, conn }))
            .transpose()
    }
}

/// A pack that was read.
pub struct Opened<'a> {
    /// Row.
    pub id: i64,
    /// Text.
    pub text: &'a [u8],
    /// A connection for the thread that has it.
    pub conn: &'a Connection,
}

/// Reads packs and gives what `work` makes of each to `each`, in any order; packs that are damaged give `None`. Ends early when
/// `stop` is set or `each` says no; whether all were read.
pub fn scan<S, T: Send>(
    conn: &Connection,
    ids: &[i64],
    stop: &AtomicBool,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &Opened<'_>) -> Result<T> + Sync,
    each: &mut dyn FnMut(Option<T>) -> bool,
) -> Result<bool> {
    let path = conn.path().filter(|p| !p.is_empty()).map(Path::new);
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(8);
    let (Some(path), true, true) = (path, threads > 1, ids.len() > FEW) else {
        let (mut unpack, mut own) = (Unpack::new()?, state());
        for id in ids {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let got = unpack.with(conn, *id, |o| work(&mut own, o))?;
            if !each(got) {
                return Ok(false);
            }
        }
        return Ok(true);
    };
    let (turn, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (turn, over, state, work) = (&turn, &over, &state, &work);
    std::thread::scope(|s| {
        let (send, results) = sync_channel::<Result<Option<T>>>(WAITING);
        for _ in 0..threads {
            let send = send.clone();
            s.spawn(move || {
                let run = || -> Result<()> {
                    let case = open_read(path)?;
                    let (mut unpack, mut own) = (Unpack::new()?, state());
                    loop {
                        let i = turn.fetch_add(1, Ordering::SeqCst);
                        let Some(id) = ids.get(i) else { return Ok(()) };
                        if stop.load(Ordering::Relaxed) || over.load(Ordering::Relaxed) {
                            return Ok(());
                        }
                        let got = unpack.with(&case.conn, *id, |o| work(&mut own, o))?;
                        if send.send(Ok(got)).is_err() {
                            return Ok(());
                        }
                    }
                };
                if let Err(e) = run() {
                    // who waits has ended by an error of its own
                    let _ = send.send(Err(e));
                }
            });
        }
        drop(send);
        let mut n = 0usize;
        for got in results {
            let got = match got {
                Ok(got) => got,
                Err(e) => {
                    over.store(true, Ordering::Relaxed);
                    return Err(e);
                }
            };
            n += 1;
            if !each(got) {
                over.store(true, Ordering::Relaxed);
                return Ok(false);
            }
        }
        Ok(n == ids.len())
    })
}

/// A piece of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Row of `body` or of `call`.
    pub row: i64,
    /// First byte in the pack.
    pub from: usize,
    /// Byte behind the last.
    pub to: usize,
}

/// Where the rows of bodies and of heads stand in packs: both get their rows in the order in which they are packed, so those of one
/// pack stand together and packs follow each other. Calls that were written before they had ended are the exception: see [`Late`].
struct Kind {
    last: &'static str,
    list: &'static str,
}

const BODIES: Kind = Kind {
    last: "SELECT max(id) FROM body",
    list: "SELECT id,pack_id,off,kept FROM body WHERE id>=?1 AND pack_id IS NOT NULL ORDER BY id",
};
const HEADS: Kind = Kind {
    last: "SELECT max(id) FROM call",
    list: "SELECT id,head_pack,head_off,head_len FROM call WHERE id>=?1 AND head_pack IS NOT NULL ORDER BY id",
};

/// Calls whose heads stand in a later pack than those of calls behind them: pack and piece, by row.
#[derive(Debug, Default)]
pub struct Late(Vec<(i64, Piece)>);

impl Late {
    /// Reads the calls once; kept in `cell`, which the threads of a search share.
    pub fn of<'c>(cell: &'c OnceLock<Late>, conn: &Connection) -> Result<&'c Late> {
        if let Some(have) = cell.get() {
            return Ok(have);
        }
        let mut stmt = conn.prepare(
            "SELECT id,head_pack,head_off,head_len FROM call WHERE head_pack IS NOT NULL ORDER BY id DESC",
        )?;
        let mut rows = stmt.query([])?;
        let (mut out, mut least) = (Vec::new(), i64::MAX);
        while let Some(r) = rows.next()? {
            let pack: i64 = r.get(1)?;
            if pack > least {
                out.push((pack, piece(r)?));
            }
            least = least.min(pack);
        }
        out.reverse();
        Ok(cell.get_or_init(|| Late(out)))
    }

    fn has(&self, row: i64) -> bool {
        self.0.binary_search_by_key(&row, |l| l.1.row).is_ok()
    }
}

fn piece(r: &rusqlite::Row<'_>) -> rusqlite::Result<Piece> {
    let n = |v: i64| usize::try_from(v).unwrap_or(usize::MAX);
    let from = n(r.get(2)?);
    Ok(Piece {
        row: r.get(0)?,
        from,
        to: from.saturating_add(n(r.get(3)?)),
    })
}

/// The bodies of a pack in order.
pub fn bodies(conn: &Connection, pack: i64) -> Result<Vec<Piece>> {
    pieces(conn, pack, &BODIES, &Late::default())
}

/// The heads of a pack in order, by the rows of their calls.
pub fn heads(conn: &Connection, pack: i64, late: &Late) -> Result<Vec<Piece>> {
    pieces(conn, pack, &HEADS, late)
}

/// The first body that may stand in this pack or a later one.
pub fn first_body(conn: &Connection, pack: i64) -> Result<i64> {
    first(conn, pack, &BODIES, &Late::default())
}

/// The first call whose heads may stand in this pack or a later one.
pub fn first_head(conn: &Connection, pack: i64, late: &Late) -> Result<i64> {
    first(conn, pack, &HEADS, late)
}

fn first(conn: &Connection, pack: i64, kind: &Kind, late: &Late) -> Result<i64> {
    let last: Option<i64> = conn
        .prepare_cached(kind.last)?
        .query_row([], |r| r.get(0))?;
    let (mut low, mut high) = (0i64, last.unwrap_or(0).saturating_add(1));
    let mut probe = conn.prepare_cached(kind.list)?;
    while low < high {
        let mid = low + (high - low) / 2;
        let mut rows = probe.query([mid])?;
        let mut before = None;
        while let Some(r) = rows.next()? {
            let row: i64 = r.get(0)?;
            if !late.has(row) {
                before = (r.get::<_, i64>(1)? < pack).then_some(row);
                break;
            }
        }
        match before {
            Some(row) => low = row.saturating_add(1),
            None => high = mid,
        }
    }
    Ok(low)
}

fn pieces(conn: &Connection, pack: i64, kind: &Kind, late: &Late) -> Result<Vec<Piece>> {
    let low = first(conn, pack, kind, late)?;
    let mut stmt = conn.prepare_cached(kind.list)?;
    let mut rows = stmt.query([low])?;
    let own = late.0.iter().filter(|l| l.0 == pack);
    let mut out: Vec<Piece> = own.map(|l| l.1).collect();
    while let Some(r) = rows.next()? {
        if late.has(r.get(0)?) {
            continue;
        }
        if r.get::<_, i64>(1)? != pack {
            break;
        }
        out.push(piece(r)?);
    }
    out.sort_unstable_by_key(|p| p.from);
    Ok(out)
}
