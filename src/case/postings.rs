//! Which bodies and calls hold a print. In: (print, target) pairs while loading. Out: sorted segments in blocks, and
//! [`lookup`]. Bounds: [`crate::limits::POSTINGS_HELD`] pairs in memory; a block is about [`BLOCK`] bytes; decoding a
//! damaged block keeps what stands before the damage.
//!
//! A block's key is its first pair, big-endian, so that SQLite orders blocks as their pairs are ordered.

use crate::call::model::Print;
use crate::case::varint::{Cursor, put};
use crate::error::Result;
use crate::limits;
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a block: small against a page, so that no row spills to pages of its own.
const BLOCK: usize = 1800;

/// Where a print stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Row of `body`.
    Body(i64),
    /// Row of `call`: in its target or headers.
    CallHead(i64),
}

impl Target {
    /// As stored: row times two, plus one for heads.
    fn code(self) -> u64 {
        match self {
            Target::Body(row) => row.cast_unsigned() << 1,
            Target::CallHead(row) => row.cast_unsigned() << 1 | 1,
        }
    }
    fn from_code(code: u64) -> Target {
        let row = (code >> 1).cast_signed();
        if code & 1 == 0 {
            Target::Body(row)
        } else {
            Target::CallHead(row)
        }
    }
}

/// Pairs of a load that are not written yet, apart by the first bits of the print: prints are spread evenly, and what is sorted
/// at once then fits a core's cache.
#[derive(Debug, Default)]
pub struct Pairs {
    parts: Vec<Vec<(Print, u64)>>,
    len: usize,
    /// Memory of parts that are written.
    spare: Vec<Vec<(Print, u64)>>,
}

/// Bits of a print that choose its part: more parts sort faster, and are too many places to write to in turn.
const PART_BITS: u32 = 6;
/// Pieces that pairs are handed out in, so that several threads can sort them.
const PIECES: usize = 4;
/// Pairs of a part up to which it grows by doubling.
const FEW: usize = 1024;
/// Parts whose memory is kept: as many as are filled at once.
const SPARE: usize = 1 << PART_BITS;

/// A piece of a segment: pairs first, after [`Piece::sort`] the blocks that hold them.
#[derive(Debug)]
pub struct Piece {
    seg: i64,
    parts: Vec<Vec<(Print, u64)>>,
    blocks: Vec<Block>,
}

impl Piece {
    /// Sorts the pairs and makes blocks of them: most of the work, and none of it needs the case.
    pub fn sort(&mut self) {
        let (parts, out) = (&mut self.parts, &mut self.blocks);
        blocks(parts, &mut |b| out.push(b));
    }
    /// Writes the blocks.
    pub fn write(&self, conn: &Connection) -> Result<()> {
        let mut insert =
            conn.prepare_cached("INSERT INTO posting(seg,first,n,data) VALUES(?1,?2,?3,?4)")?;
        for b in &self.blocks {
            insert.execute((self.seg, &key(b.first)[..], b.n, &b.data))?;
        }
        Ok(())
    }
}

impl Pairs {
    /// Notes that `print` stands at `target`.
    pub fn add(&mut self, print: Print, target: Target) {
        if self.parts.is_empty() {
            let spare = &mut self.spare;
            self.parts
                .resize_with(1 << PART_BITS, || spare.pop().unwrap_or_default());
        }
        if let Some(part) = self.parts.get_mut((print >> (64 - PART_BITS)) as usize) {
            // Growing by doubling copies all of it again and again: once it is more than a little it gets room for its share.
            if part.len() == FEW && part.capacity() < 2 * FEW {
                part.reserve_exact((limits::POSTINGS_HELD >> PART_BITS).saturating_sub(FEW));
            }
            part.push((print, target.code()));
            self.len += 1;
        }
    }
    /// Pairs held.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Gives all pairs away as pieces of segment `seg`, each to be sorted and written.
    pub fn take(&mut self, seg: i64) -> Vec<Piece> {
        self.len = 0;
        let mut parts = std::mem::take(&mut self.parts);
        let mut out = Vec::with_capacity(PIECES);
        while !parts.is_empty() {
            let rest = parts.split_off(parts.len().min((1 << PART_BITS) / PIECES));
            out.push(Piece {
                seg,
                parts: std::mem::replace(&mut parts, rest),
                blocks: Vec::new(),
            });
        }
        out
    }
    /// Takes a written piece back for its memory: new memory costs more than what is written into it.
    pub fn recycle(&mut self, piece: Piece) {
        let room = SPARE.saturating_sub(self.spare.len());
        self.spare.extend(piece.parts.into_iter().take(room));
    }
    /// Writes all pairs as segment `seg` and forgets them.
    pub fn flush(&mut self, conn: &Connection, seg: i64) -> Result<()> {
        for mut piece in self.take(seg) {
            piece.sort();
            piece.write(conn)?;
            self.recycle(piece);
        }
        Ok(())
    }
}

/// A block of sorted pairs.
#[derive(Debug)]
struct Block {
    first: (Print, u64),
    n: i64,
    data: Vec<u8>,
}

/// Sorts part by part, empties them, and gives all pairs in blocks, each once.
fn blocks(parts: &mut [Vec<(Print, u64)>], each: &mut dyn FnMut(Block)) {
    let mut block: Option<Block> = None;
    let mut last = (0, 0);
    for part in parts {
        part.sort_unstable();
        part.dedup();
        for pair in part.drain(..) {
            match &mut block {
                Some(b) if b.data.len() < BLOCK => {
                    let step = pair.0 - last.0;
                    put(&mut b.data, step);
                    put(
                        &mut b.data,
                        if step == 0 { pair.1 - last.1 } else { pair.1 },
                    );
                    b.n += 1;
                }
                full => {
                    // the first pair is the key's and takes no bytes
                    let next = Block {
                        first: pair,
                        n: 1,
                        data: Vec::with_capacity(BLOCK + 32),
                    };
                    if let Some(b) = full.replace(next) {
                        each(b);
                    }
                }
            }
            last = pair;
        }
    }
    if let Some(b) = block {
        each(b);
    }
}

fn key((print, code): (Print, u64)) -> [u8; 16] {
    (u128::from(print) << 64 | u128::from(code)).to_be_bytes()
}

/// Gives the pairs of a block to `each`; a pair that would break the order ends it.
fn read(first: &[u8], n: i64, data: &[u8], mut each: impl FnMut(Print, u64)) {
    let Ok(first) = <[u8; 16]>::try_from(first) else {
        return;
    };
    let first = u128::from_be_bytes(first);
    let (mut print, mut code) = ((first >> 64) as u64, first as u64);
    let mut at = Cursor(data);
    for i in 0..n {
        if i > 0 {
            let (Some(step), Some(to)) = (at.number(), at.number()) else {
                return;
            };
            let next = if step == 0 {
                code.checked_add(to)
            } else {
                Some(to)
            };
            let (Some(p), Some(c)) = (print.checked_add(step), next) else {
                return;
            };
            (print, code) = (p, c);
        }
        each(print, code);
    }
}

/// Every place where one of the prints stands, ordered by print and place, each once.
pub fn lookup(conn: &Connection, prints: &[Print]) -> Result<Vec<(Print, Target)>> {
    let mut wanted = prints.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let segs: Vec<i64> = {
        // Skips from segment to segment through the key, instead of reading every block.
        let mut stmt = conn.prepare_cached(
            "WITH RECURSIVE s(seg) AS (SELECT min(seg) FROM posting UNION ALL \
             SELECT (SELECT min(seg) FROM posting WHERE seg>s.seg) FROM s WHERE s.seg IS NOT NULL) \
             SELECT seg FROM s WHERE seg IS NOT NULL",
        )?;
        let rows = stmt.query_map([], |r| r.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    // The block that begins at or before the print, and all that begin within it.
    let mut stmt = conn.prepare_cached(
        "SELECT first,n,data FROM posting WHERE seg=?1 AND first<=?3 AND first>=coalesce(\
         (SELECT first FROM posting WHERE seg=?1 AND first<=?2 ORDER BY first DESC LIMIT 1), ?2) ORDER BY first",
    )?;
    let mut out = Vec::new();
    for seg in segs {
        for print in &wanted {
            let mut rows =
                stmt.query((seg, &key((*print, 0))[..], &key((*print, u64::MAX))[..]))?;
            while let Some(row) = rows.next()? {
                let first = row.get_ref(0)?.as_blob().unwrap_or_default();
                let data = row.get_ref(2)?.as_blob().unwrap_or_default();
                read(first, row.get(1)?, data, |p, code| {
                    if p == *print {
                        out.push((p, Target::from_code(code)));
                    }
                });
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

/// Every pair of the case, segment by segment in order of prints: for questions about so many prints that seeking each
/// would cost more than reading all. `false` from `each` ends it.
pub fn each(conn: &Connection, each: &mut dyn FnMut(Print, Target) -> bool) -> Result<()> {
    let mut stmt = conn.prepare("SELECT first,n,data FROM posting ORDER BY seg, first")?;
    let mut rows = stmt.query([])?;
    let mut go_on = true;
    while let Some(row) = rows.next()? {
        let first = row.get_ref(0)?.as_blob().unwrap_or_default();
        let data = row.get_ref(2)?.as_blob().unwrap_or_default();
        read(first, row.get(1)?, data, |p, code| {
            go_on = go_on && each(p, Target::from_code(code));
        });
        if !go_on {
            break;
        }
    }
    Ok(())
}

/// Which prints may stand in a case, a bit or more for each: some that stand nowhere seem to, none that stands is missed.
pub struct Present {
    bits: Vec<u64>,
    /// Bits of a print that choose its bit are the first ones: prints come in order, so the bits are set in order too.
    shift: u32,
}

/// Bits of [`Present`] for each pair that a segment may hold: one print in eight that stands nowhere seems to.
const BITS_A_PAIR: u64 = 8;
/// The least and the most bits as powers of two: 128 KiB, 128 MiB.
const BITS: (u32, u32) = (20, 30);

impl Present {
    /// Reads all postings; `stop` ends it early.
    pub fn read(conn: &Connection, stop: &AtomicBool) -> Result<Present> {
        let segs: i64 = conn.query_row(
            "SELECT coalesce(max(seg)-min(seg)+1,0) FROM posting",
            [],
            |r| r.get(0),
        )?;
        let pairs = segs.max(0).cast_unsigned();
        let most = pairs.saturating_mul(limits::POSTINGS_HELD as u64 * BITS_A_PAIR);
        let log = most.max(2).ilog2().clamp(BITS.0, BITS.1);
        let mut out = Present {
            bits: vec![0; 1 << (log - 6)],
            shift: 64 - log,
        };
        each(conn, &mut |print, _| {
            let bit = print >> out.shift;
            if let Some(word) = out.bits.get_mut((bit >> 6) as usize) {
                *word |= 1 << (bit & 63);
            }
            !stop.load(Ordering::Relaxed)
        })?;
        Ok(out)
    }
    /// Whether a print may stand in the case.
    pub fn may(&self, print: Print) -> bool {
        let bit = print >> self.shift;
        let word = self.bits.get((bit >> 6) as usize);
        word.is_some_and(|w| w >> (bit & 63) & 1 == 1)
    }
}

/// Where prints stand: `prints` are sorted and distinct. Gives those that stand somewhere, in order, and all targets, each once and in
/// order. All postings are read; `stop` ends it early.
pub fn lookup_many(
    conn: &Connection,
    prints: &[Print],
    stop: &AtomicBool,
) -> Result<(Vec<Print>, Vec<Target>)> {
    let mut there = vec![false; prints.len()];
    let mut targets = Vec::new();
    let (mut at, mut last) = (0usize, 0);
    each(conn, &mut |print, target| {
        if print < last {
            at = 0; // the next segment
        }
        last = print;
        while prints.get(at).is_some_and(|p| *p < print) {
            at += 1;
        }
        if prints.get(at) == Some(&print) {
            if let Some(x) = there.get_mut(at) {
                *x = true;
            }
            if targets.last() != Some(&target) {
                targets.push(target);
            }
        }
        !stop.load(Ordering::Relaxed)
    })?;
    targets.sort_unstable();
    targets.dedup();
    let found = prints.iter().zip(&there).filter(|(_, t)| **t);
    Ok((found.map(|(p, _)| *p).collect(), targets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE posting(seg INTEGER NOT NULL, first BLOB NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL,
             PRIMARY KEY(seg, first)) STRICT, WITHOUT ROWID;",
        )
        .unwrap();
        conn
    }

    fn targets(row: i64) -> Target {
        if row % 3 == 0 {
            Target::CallHead(row)
        } else {
            Target::Body(row)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_goes_in_is_found_and_nothing_else(
            pairs in proptest::collection::vec((prop_oneof![0u64..20, any::<u64>()], 0i64..5000), 0..3000),
            parts in 1usize..4,
        ) {
            let conn = table();
            for (seg, part) in pairs.chunks(pairs.len() / parts + 1).enumerate() {
                let mut held = Pairs::default();
                for (p, row) in part {
                    held.add(*p, targets(*row));
                }
                held.flush(&conn, seg as i64 * 7).unwrap();
                prop_assert!(held.is_empty());
            }
            let mut wanted: Vec<u64> = (0..25).chain([u64::MAX]).collect();
            wanted.extend(pairs.iter().take(5).map(|p| p.0));
            let mut expect: Vec<_> = pairs.iter().filter(|(p, _)| wanted.contains(p)).map(|(p, r)| (*p, targets(*r))).collect();
            expect.sort_unstable();
            expect.dedup();
            prop_assert_eq!(lookup(&conn, &wanted).unwrap(), expect.clone());
            // the way for many says the same
            wanted.sort_unstable();
            wanted.dedup();
            let on = AtomicBool::new(false);
            let present = Present::read(&conn, &on).unwrap();
            let (mut there, mut targets): (Vec<_>, Vec<_>) = expect.into_iter().unzip();
            there.dedup();
            targets.sort_unstable();
            targets.dedup();
            prop_assert!(there.iter().all(|p| present.may(*p)));
            prop_assert_eq!(lookup_many(&conn, &wanted, &on).unwrap(), (there, targets));
        }

        #[test]
        fn damaged_blocks_never_panic(first in proptest::collection::vec(any::<u8>(), 14..18), n in any::<i64>(), data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut seen = 0u64;
            read(&first, n.min(1 << 20), &data, |_, _| seen += 1);
            prop_assert!(seen <= 201);
        }
    }

    #[test]
    fn one_print_may_fill_many_blocks() {
        let conn = table();
        let mut held = Pairs::default();
        for row in 0..20_000 {
            held.add(5, Target::Body(row * 1000));
            held.add(u64::MAX, Target::CallHead(row));
        }
        held.flush(&conn, 1).unwrap();
        assert_eq!(lookup(&conn, &[5]).unwrap().len(), 20_000);
        assert_eq!(lookup(&conn, &[u64::MAX, 5, 5]).unwrap().len(), 40_000);
        assert_eq!(lookup(&conn, &[6, 4, 0]).unwrap(), vec![]);
    }
}
