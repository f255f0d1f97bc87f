//! The index of a case's text: made, asked, dropped. In: a case. Out: which packs may hold what is needed. Bounds: one group for
//! each thread in memory, 8 MB and two packs; a group is written whole in one transaction, so that a build that is stopped goes on
//! where it was. At most a quarter of the text that it covers: groups that would take more are left out and read.
//!
//! Packs of a load that did not end are not covered, since they may be taken back. A group that does not fit the packs that are
//! there counts for nothing.

use super::grams::{BITS, COLUMN_TEXT, COLUMNS, Column, Group, Need, OVERLAP, fold};
use super::scan::Unpack;
use crate::case::varint::{Cursor, put};
use crate::case::{open_notebook, open_read};
use crate::error::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

/// Words of a part: with what SQLite keeps beside them they fill a page of 32 KiB.
const PART_WORDS: usize = 4000;
/// Parts of a group.
const PARTS: usize = BITS.div_ceil(PART_WORDS);
/// Numbers of parts that belong to one group.
const PART_IDS: i64 = 512;
/// Bytes that a group's bits take on the disk.
const GROUP_BYTES: u64 = PARTS as u64 * 32_768;
/// Text from which on a group takes less than a quarter of it.
const WORTH: u64 = GROUP_BYTES * 4 + COLUMN_TEXT as u64;

/// How packs are put into an index: text of a full column, and text that a group is worth. Other than the default for tests, which
/// have little text.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Text of a full column.
    pub column: u64,
    /// Text from which on a group is made.
    pub worth: u64,
}

impl Default for Size {
    fn default() -> Size {
        Size {
            column: COLUMN_TEXT as u64,
            worth: WORTH,
        }
    }
}

/// A pack: row and bytes of its text.
pub type Pack = (i64, u64);

/// All packs in order.
pub fn packs(conn: &Connection) -> Result<Vec<Pack>> {
    let mut stmt = conn.prepare_cached("SELECT id,len FROM pack ORDER BY id")?;
    let rows = stmt.query_map([], |r| {
        Ok((r.get(0)?, u64::try_from(r.get::<_, i64>(1)?).unwrap_or(0)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How much of a case is covered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes of stored text.
    pub text: u64,
    /// ... that the index covers.
    pub covered: u64,
    /// Bytes that the index takes.
    pub index: u64,
    /// Packs.
    pub packs: u64,
    /// ... that the index covers.
    pub covered_packs: u64,
}

/// A group as the case keeps it.
struct Kept {
    id: i64,
    from: i64,
    to: i64,
    packs: u64,
    bytes: u64,
    cols: Option<Vec<u8>>,
}

fn kept(conn: &Connection) -> Result<Vec<Kept>> {
    let mut stmt = conn.prepare_cached(
        "SELECT id,pack_from,pack_to,packs,bytes,cols FROM text_group ORDER BY pack_from,id",
    )?;
    let rows = stmt.query_map([], |r| {
        let n = |v: i64| u64::try_from(v).unwrap_or(0);
        Ok(Kept {
            id: r.get(0)?,
            from: r.get(1)?,
            to: r.get(2)?,
            packs: n(r.get(3)?),
            bytes: n(r.get(4)?),
            cols: r.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Kept {
    /// The packs that it is of; `None` where those that are there are others.
    fn own<'p>(&self, packs: &'p [Pack]) -> Option<&'p [Pack]> {
        let from = packs.partition_point(|p| p.0 < self.from);
        let to = packs.partition_point(|p| p.0 <= self.to);
        let own = packs.get(from..to)?;
        let bytes: u64 = own.iter().map(|p| p.1).sum();
        (own.len() as u64 == self.packs && bytes == self.bytes).then_some(own)
    }
}

/// How much of a case is covered.
pub fn status(conn: &Connection) -> Result<Status> {
    let packs = packs(conn)?;
    let mut out = Status {
        text: packs.iter().map(|p| p.1).sum(),
        packs: packs.len() as u64,
        ..Status::default()
    };
    for k in kept(conn)? {
        if let (Some(own), Some(_)) = (k.own(&packs), &k.cols) {
            out.covered += k.bytes;
            out.covered_packs += own.len() as u64;
            out.index += GROUP_BYTES;
        }
    }
    Ok(out)
}

/// Takes the index away.
pub fn remove(path: &Path) -> Result<()> {
    let conn = open_notebook(path)?;
    conn.execute_batch("BEGIN IMMEDIATE; DELETE FROM text_bits; DELETE FROM text_group; COMMIT")?;
    Ok(())
}

/// The packs of which the index does not say that they cannot hold what is needed, in order.
pub fn may_hold(
    conn: &Connection,
    packs: &[Pack],
    need: &Need,
    stop: &AtomicBool,
) -> Result<Vec<i64>> {
    let all = || packs.iter().map(|p| p.0).collect();
    if !need.tells() {
        return Ok(all());
    }
    let mut runs: Vec<Vec<u32>> = Vec::new();
    need.asked(&mut runs);
    let mut places: Vec<u32> = runs.iter().flatten().copied().collect();
    places.sort_unstable();
    places.dedup();
    let mut read = conn.prepare_cached("SELECT data FROM text_bits WHERE id=?1")?;
    let (mut out, mut at) = (Vec::new(), 0usize);
    let mut words = vec![u64::MAX; places.len()];
    for k in kept(conn)? {
        let (Some(own), Some(cols)) = (k.own(packs), &k.cols) else {
            continue;
        };
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let before = packs.partition_point(|p| p.0 < k.from);
        if before < at {
            continue; // a group over packs of another one: a file that we did not write
        }
        out.extend(
            packs
                .get(at..before)
                .unwrap_or_default()
                .iter()
                .map(|p| p.0),
        );
        at = before + own.len();
        let mut next = 0usize;
        while let Some(first) = places.get(next) {
            let part = *first as usize / PART_WORDS;
            let end = next
                + places
                    .get(next..)
                    .unwrap_or_default()
                    .partition_point(|p| *p as usize / PART_WORDS == part);
            let mut rows =
                read.query([k.id.saturating_mul(PART_IDS).saturating_add(part as i64)])?;
            let row = rows.next()?;
            let data = row.and_then(|r| r.get_ref(0).ok()?.as_blob().ok());
            for (word, place) in words.iter_mut().zip(&places).take(end).skip(next) {
                let from = (*place as usize % PART_WORDS) * 8;
                // what is damaged or missing refuses nothing
                *word = data
                    .and_then(|d| d.get(from..from + 8)?.first_chunk().copied())
                    .map_or(u64::MAX, u64::from_le_bytes);
            }
            next = end;
        }
        let word = |place: &u32| {
            places
                .binary_search(place)
                .ok()
                .and_then(|i| words.get(i).copied())
                .unwrap_or(u64::MAX)
        };
        let found: Vec<u64> = runs
            .iter()
            .map(|r| r.iter().fold(u64::MAX, |m, p| m & word(p)))
            .collect();
        let columns = columns(k.from, cols);
        for (id, _) in own {
            let mask = match columns.binary_search_by_key(id, |c| c.0) {
                Ok(i) => columns.get(i).map_or(u64::MAX, |c| c.1),
                Err(_) => u64::MAX,
            };
            if need.may(mask, &mut found.iter()) {
                out.push(*id);
            }
        }
    }
    out.extend(packs.get(at..).unwrap_or_default().iter().map(|p| p.0));
    Ok(out)
}

/// Bits from the first to the last column.
fn mask(first: u64, last: u64) -> u64 {
    (first..=last.min(63)).fold(0, |m, i| m | 1 << i)
}

/// Packs with their columns as bits.
fn columns(from: i64, blob: &[u8]) -> Vec<(i64, u64)> {
    let (mut out, mut at, mut id) = (Vec::new(), Cursor(blob), from);
    while let (Some(step), Some(first), Some(last)) = (at.number(), at.number(), at.number()) {
        id = id.saturating_add(i64::try_from(step).unwrap_or(i64::MAX));
        out.push((id, mask(first, last)));
    }
    out
}

/// A group before it is made.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Plan {
    /// Pack, bytes, first column, columns.
    packs: Vec<(i64, u64, usize, usize)>,
    bytes: u64,
}

/// Puts packs into columns and groups. The last group is left for later: what is loaded next goes on in it.
fn plan(packs: &[Pack], column: u64) -> Vec<Plan> {
    let (mut out, mut group) = (Vec::new(), Plan::default());
    // columns in use, and bytes in the last of them
    let (mut used, mut fill) = (0usize, column);
    for (id, len) in packs {
        let n = usize::try_from(len.div_ceil(column))
            .unwrap_or(COLUMNS)
            .clamp(1, COLUMNS);
        let joins = n == 1 && fill + len <= column;
        if !joins && used + n > COLUMNS {
            out.push(std::mem::take(&mut group));
            used = 0;
        }
        if joins && used > 0 {
            fill += len;
            group.packs.push((*id, *len, used - 1, 1));
        } else {
            group.packs.push((*id, *len, used, n));
            used += n;
            fill = if n == 1 { *len } else { column };
        }
        group.bytes += len;
    }
    out
}

/// What a build has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Built {
    /// Bytes of text that were read.
    pub done: u64,
    /// ... of these that this build has to read.
    pub all: u64,
}

/// Makes the index of what is not covered yet. `stop` ends it early: what was made by then stays.
///
/// # Errors
/// Where the case cannot be written; [`Error::Interrupted`] where it was stopped.
pub fn build(
    path: &Path,
    jobs: usize,
    size: Size,
    stop: &AtomicBool,
    each: &mut dyn FnMut(Built),
) -> Result<Built> {
    let conn = open_notebook(path)?;
    // What is lost when the machine fails is made again.
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    let all = packs(&conn)?;
    let groups = kept(&conn)?;
    for k in groups.iter().filter(|k| k.own(&all).is_none()) {
        let tx = rusqlite::Transaction::new_unchecked(&conn, TransactionBehavior::Immediate)?;
        let from = k.id.saturating_mul(PART_IDS);
        tx.execute(
            "DELETE FROM text_bits WHERE id>=?1 AND id<?2",
            (from, from.saturating_add(PART_IDS)),
        )?;
        tx.execute("DELETE FROM text_group WHERE id=?1", [k.id])?;
        tx.commit()?;
    }
    let upto: i64 = conn.query_row(
        "SELECT coalesce(min(pack_from),9223372036854775807) FROM load WHERE state<>'done'",
        [],
        |r| r.get(0),
    )?;
    let good: Vec<&Kept> = groups.iter().filter(|k| k.own(&all).is_some()).collect();
    let open: Vec<Pack> = all
        .iter()
        .filter(|p| p.0 < upto && !good.iter().any(|k| k.from <= p.0 && p.0 <= k.to))
        .copied()
        .collect();
    let mut next: i64 =
        conn.query_row("SELECT coalesce(max(id),0)+1 FROM text_group", [], |r| {
            r.get(0)
        })?;
    let plans = plan(&open, size.column.max(1));
    let mut built = Built {
        done: 0,
        all: plans.iter().map(|p| p.bytes).sum(),
    };
    let turn = AtomicUsize::new(0);
    let (plans, turn) = (&plans, &turn);
    std::thread::scope(|s| {
        let (send, made) = sync_channel::<Result<(usize, Option<Vec<Vec<u8>>>)>>(1);
        for _ in 0..jobs.clamp(1, 8).min(plans.len()) {
            let send = send.clone();
            s.spawn(move || {
                let mut maker = None;
                loop {
                    let i = turn.fetch_add(1, Ordering::SeqCst);
                    let Some(p) = plans.get(i).filter(|_| !stop.load(Ordering::Relaxed)) else {
                        return;
                    };
                    let parts = if p.bytes < size.worth {
                        Ok((i, None))
                    } else {
                        Maker::get(&mut maker, path)
                            .and_then(|m| m.make(p, stop))
                            .map(|parts| (i, Some(parts)))
                    };
                    if send.send(parts).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for one in made {
            let (i, parts) = one?;
            let Some(p) = plans.get(i) else { continue };
            write(&conn, next, p, parts.as_deref())?;
            next += 1;
            built.done += p.bytes;
            each(built);
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        Ok(built)
    })
}

fn write(conn: &Connection, id: i64, p: &Plan, parts: Option<&[Vec<u8>]>) -> Result<()> {
    let (Some(first), Some(last)) = (p.packs.first(), p.packs.last()) else {
        return Ok(());
    };
    let mut cols = Vec::new();
    let mut before = first.0;
    for (pack, _, column, n) in &p.packs {
        put(&mut cols, (pack - before).unsigned_abs());
        put(&mut cols, *column as u64);
        put(&mut cols, (column + n - 1) as u64);
        before = *pack;
    }
    let tx = rusqlite::Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
    tx.prepare_cached(
        "INSERT INTO text_group(id,pack_from,pack_to,packs,bytes,cols) VALUES(?1,?2,?3,?4,?5,?6)",
    )?
    .execute((
        id,
        first.0,
        last.0,
        i64::try_from(p.packs.len()).unwrap_or(0),
        i64::try_from(p.bytes).unwrap_or(0),
        parts.map(|_| &cols),
    ))?;
    for (n, part) in (0i64..).zip(parts.unwrap_or_default()) {
        tx.prepare_cached("INSERT INTO text_bits(id,data) VALUES(?1,?2)")?
            .execute((id * PART_IDS + n, part))?;
    }
    tx.commit()?;
    Ok(())
}

/// Makes groups, on one thread.
struct Maker {
    conn: Connection,
    unpack: Unpack,
    folded: Vec<u8>,
    column: Column,
    group: Group,
}

impl Maker {
    fn get<'m>(have: &'m mut Option<Maker>, path: &Path) -> Result<&'m mut Maker> {
        if have.is_none() {
            *have = Some(Maker {
                conn: open_read(path)?.conn,
                unpack: Unpack::new()?,
                folded: Vec::new(),
                column: Column::default(),
                group: Group::default(),
            });
        }
        have.as_mut().ok_or(Error::NotYet("an index"))
    }

    fn make(&mut self, p: &Plan, stop: &AtomicBool) -> Result<Vec<Vec<u8>>> {
        self.group.clear();
        self.column.clear();
        let mut at = 0usize;
        for (id, len, column, n) in &p.packs {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            if *column != at {
                self.group.put(at, &self.column);
                self.column.clear();
                at = *column;
            }
            // A damaged pack is `verify`'s to report; a search passes over it as well.
            let Some(text) = self.unpack.pack(&self.conn, *id)? else {
                continue;
            };
            let slice = usize::try_from(len.div_ceil(*n as u64))
                .unwrap_or(usize::MAX)
                .max(1);
            for i in 0..*n {
                if i > 0 {
                    self.group.put(at, &self.column);
                    self.column.clear();
                    at += 1;
                }
                let from = i.saturating_mul(slice);
                let to = from
                    .saturating_add(slice)
                    .saturating_add(4 * OVERLAP)
                    .min(text.len());
                fold(text.get(from..to).unwrap_or_default(), &mut self.folded);
                self.column.add(&self.folded);
            }
        }
        self.group.put(at, &self.column);
        let bytes = |words: &[u64]| words.iter().flat_map(|w| w.to_le_bytes()).collect();
        Ok(self.group.rows().chunks(PART_WORDS).map(bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pack_has_columns_of_its_own_size_and_groups_follow_each_other() {
        let mib = COLUMN_TEXT as u64;
        let mut list: Vec<Pack> = (1..=300).map(|i| (i, mib - 20_000)).collect();
        list.extend((301..=400).map(|i| (i, 30_000)));
        list.extend((401..=410).map(|i| (i * 3, 20 * mib + 5)));
        list.push((2000, 65 * mib));
        list.push((2001, 1));
        let plans = plan(&list, mib);
        let flat: Vec<i64> = plans
            .iter()
            .flat_map(|p| p.packs.iter().map(|x| x.0))
            .collect();
        let ids: Vec<i64> = list.iter().map(|p| p.0).take(flat.len()).collect();
        assert_eq!(flat, ids);
        assert!(flat.contains(&2000) && !flat.contains(&2001));
        for p in &plans {
            assert!(p.packs.iter().all(|x| x.2 + x.3 <= COLUMNS));
            for c in 0..COLUMNS {
                let alone = p.packs.iter().any(|x| x.2 <= c && c < x.2 + x.3 && x.3 > 1);
                let held: u64 = p
                    .packs
                    .iter()
                    .filter(|x| x.2 == c && x.3 == 1)
                    .map(|x| x.1)
                    .sum();
                assert!(held <= mib && (!alone || held == 0), "{c} {held}");
            }
        }
        assert_eq!(mask(0, 63), u64::MAX);
        assert_eq!(mask(3, 4), 0b11000);
    }
}
