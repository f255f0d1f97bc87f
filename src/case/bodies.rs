//! Bodies and heads in compressed packs. In: contents while loading, row ids afterwards. Out: packs, contents.
//! Bounds: a pack is about [`crate::limits::PACK_BYTES`] (one larger body is a pack alone); a pack that claims more than
//! [`PACK_MAX`] is refused before memory is taken; a reader keeps [`READER_PACKS`] packs open.

use crate::case::heads::{self, Heads};
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::{Connection, OptionalExtension};
use std::collections::VecDeque;
use std::sync::Arc;

/// Largest pack believed: one body at its limit, or a full pack and the piece that filled it.
pub const PACK_MAX: usize = limits::BODY_STORED + limits::PACK_BYTES + 16 * limits::HEAD_BYTES;

/// Packs a [`BodyReader`] keeps: enough for two sides of a call and its neighbours.
const READER_PACKS: usize = 4;

/// zstd level of packs. Measured on 1 MiB packs of distinct JSON bodies, one shared core: level 2 204 MB/s and ratio 4.4, 1
/// 269 and 4.2, -1 346 and 3.1, -3 350 and 2.6, -5 386 and 2.4, -7 464 and 2.2. What a faster level saves in computing it
/// costs in writing.
const LEVEL: i32 = -1;

/// A pack that is full.
#[derive(Debug)]
pub struct FullPack {
    /// Row id it will have.
    pub id: i64,
    /// Contents, one after the other.
    pub bytes: Vec<u8>,
    /// The same compressed; empty before that.
    pub packed: Vec<u8>,
}

/// Where a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Pack.
    pub pack: i64,
    /// Offset of the first byte in the unpacked pack.
    pub off: u64,
}

/// Compresses packs; one for each thread that does, as its tables cost more than a small pack.
pub struct Compressor(zstd::bulk::Compressor<'static>);

impl Compressor {
    /// With tables for packs of [`crate::limits::PACK_BYTES`].
    pub fn new() -> Result<Compressor> {
        let inner = zstd::bulk::Compressor::new(LEVEL);
        inner
            .map(Compressor)
            .map_err(Error::io("pack", "cannot compress"))
    }
    /// Compresses a pack.
    pub fn pack(&mut self, pack: &mut FullPack) -> Result<()> {
        pack.packed.clear();
        pack.packed
            .reserve(zstd::zstd_safe::compress_bound(pack.bytes.len()));
        self.0
            .compress_to_buffer(&pack.bytes, &mut pack.packed)
            .map_err(Error::io("pack", "cannot compress"))?;
        Ok(())
    }
}

/// Collects pieces into packs.
#[derive(Debug)]
pub struct Packer {
    id: i64,
    bytes: Vec<u8>,
    full: Vec<FullPack>,
    /// Memory of packs that are stored: new memory costs more than what is written into it.
    spare: Vec<FullPack>,
}

/// Packs whose memory is kept: as many as are under way at once with a few threads.
const SPARE: usize = 6;

impl Packer {
    /// The next pack gets row `id`.
    pub fn new(id: i64) -> Packer {
        Packer {
            id,
            bytes: Vec::with_capacity(limits::PACK_BYTES),
            full: Vec::new(),
            spare: Vec::new(),
        }
    }
    /// Adds a piece and gives its place.
    pub fn add(&mut self, piece: &[u8]) -> Place {
        if !self.bytes.is_empty() && self.bytes.len() + piece.len() > limits::PACK_BYTES {
            self.close();
        }
        let place = Place {
            pack: self.id,
            off: self.bytes.len() as u64,
        };
        self.bytes.extend_from_slice(piece);
        place
    }
    /// Ends the pack that is being filled.
    pub fn close(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let (next, packed) = match self.spare.pop() {
            Some(old) => (old.bytes, old.packed),
            None => (Vec::with_capacity(limits::PACK_BYTES), Vec::new()),
        };
        self.full.push(FullPack {
            id: self.id,
            bytes: std::mem::replace(&mut self.bytes, next),
            packed,
        });
        self.id += 1;
    }
    /// Takes a stored pack back for its memory. One that held a large body alone is let go.
    pub fn recycle(&mut self, mut pack: FullPack) {
        if self.spare.len() < SPARE && pack.bytes.capacity() <= 2 * limits::PACK_BYTES {
            pack.bytes.clear();
            self.spare.push(pack);
        }
    }
    /// Packs that are full, in order; they are the caller's now.
    pub fn take(&mut self) -> Vec<FullPack> {
        std::mem::take(&mut self.full)
    }
}

/// What is known of a body besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyInfo {
    /// SHA-256 of the decoded content; `None` where it is cut.
    pub sha256: Option<Vec<u8>>,
    /// Decoded length.
    pub len: u64,
    /// Bytes that are stored.
    pub kept: u64,
    /// Sniffed kind.
    pub kind: String,
    /// Why less is stored than there was.
    pub cut: Option<String>,
    /// Type of its messages under the schema that it was scanned with.
    pub message: Option<String>,
}

/// Reads pieces, keeping the packs it opened last.
#[derive(Debug, Default)]
pub struct BodyReader {
    packs: VecDeque<(i64, Arc<Vec<u8>>)>,
}

fn damaged(what: &str) -> Error {
    Error::Case {
        path: "pack".into(),
        why: format!(
            "{what}: run `leaktrace verify`, then load the evidence again into a new case"
        ),
    }
}

impl BodyReader {
    /// An empty reader.
    pub fn new() -> BodyReader {
        BodyReader::default()
    }

    fn pack(&mut self, conn: &Connection, id: i64) -> Result<Arc<Vec<u8>>> {
        if let Some((_, bytes)) = self.packs.iter().find(|(have, _)| *have == id) {
            return Ok(bytes.clone());
        }
        let row: Option<(i64, Vec<u8>)> = conn
            .prepare_cached("SELECT len, data FROM pack WHERE id=?1")?
            .query_row([id], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let Some((len, data)) = row else {
            return Err(Error::NotYet(
                "this body is still being written by the load that runs",
            ));
        };
        let len = usize::try_from(len).ok().filter(|n| *n <= PACK_MAX);
        let len = len.ok_or_else(|| damaged("a pack claims an impossible length"))?;
        let bytes = zstd::bulk::decompress(&data, len)
            .map_err(|_| damaged("a pack does not decompress"))?;
        if bytes.len() != len {
            return Err(damaged("a pack has not the length it claims"));
        }
        let bytes = Arc::new(bytes);
        if self.packs.len() >= READER_PACKS {
            self.packs.pop_front();
        }
        self.packs.push_back((id, bytes.clone()));
        Ok(bytes)
    }

    fn piece(&mut self, conn: &Connection, pack: i64, off: i64, len: i64) -> Result<Vec<u8>> {
        let bytes = self.pack(conn, pack)?;
        let range = || {
            let start = usize::try_from(off).ok()?;
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            bytes.get(start..end)
        };
        range()
            .map(<[u8]>::to_vec)
            .ok_or_else(|| damaged("a body lies outside its pack"))
    }

    /// Decoded content of a body, as far as it is stored.
    pub fn get(&mut self, conn: &Connection, body_id: i64) -> Result<Vec<u8>> {
        let row: Option<(Option<i64>, i64, i64)> = conn
            .prepare_cached("SELECT pack_id, off, kept FROM body WHERE id=?1")?
            .query_row([body_id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        match row {
            Some((Some(pack), off, kept)) => self.piece(conn, pack, off, kept),
            Some((None, ..)) => Ok(Vec::new()),
            None => Err(damaged("a call names a body that is not there")),
        }
    }

    /// Heads of a call; empty where it has none (a log line).
    pub fn heads(&mut self, conn: &Connection, call_id: i64) -> Result<Heads> {
        let row: Option<(Option<i64>, Option<i64>, Option<i64>)> = conn
            .prepare_cached("SELECT head_pack, head_off, head_len FROM call WHERE id=?1")?
            .query_row([call_id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        match row {
            Some((Some(pack), Some(off), Some(len))) => {
                Ok(heads::decode(&self.piece(conn, pack, off, len)?))
            }
            _ => Ok(Heads::default()),
        }
    }
}

/// Decoded content of one body; use a [`BodyReader`] for many.
pub fn get(conn: &Connection, body_id: i64) -> Result<Vec<u8>> {
    BodyReader::new().get(conn, body_id)
}

/// What is known of a body besides its content.
pub fn info(conn: &Connection, body_id: i64) -> Result<Option<BodyInfo>> {
    Ok(conn
        .prepare_cached("SELECT sha256,len,kept,kind,cut,(SELECT v FROM term WHERE id=message_id) FROM body WHERE id=?1")?
        .query_row([body_id], |r| {
            let n = |v: i64| u64::try_from(v).unwrap_or(0);
            Ok(BodyInfo {
                sha256: r.get(0)?,
                len: n(r.get(1)?),
                kept: n(r.get(2)?),
                kind: r.get(3)?,
                cut: r.get(4)?,
                message: r.get(5)?,
            })
        })
        .optional()?)
}
