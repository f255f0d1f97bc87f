//! Writes what a load finds. In: sources, calls with their bodies, flows, diags. Out: rows in batches; packs; postings.
//! Bounds: memory is the pack being filled, twice [`crate::limits::POSTINGS_HELD`] pairs, [`crate::limits::BODY_DEDUP`] hashes
//! and [`crate::limits::TERMS_HELD`] strings. What is not committed when the program dies is gone; what is committed of
//! a load that did not end is removed by [`crate::case::recover`].
//!
//! Compressing packs and sorting prints cost more than all the rest: [`Writer::take_full_packs`] and [`Writer::take_pieces`] hand
//! them out so that other threads can do it, and [`Writer::put_pack`] and [`Writer::put_piece`] take them back. What nobody took
//! is done at the next commit.

#[path = "writer_rows.rs"]
mod rows;
#[path = "writer_values.rs"]
mod values;

use crate::case::bodies::{self, FullPack, Packer};
use crate::case::checkpoint;
use crate::case::lines::Feed;
use crate::case::open::Case;
use crate::case::postings::{Pairs, Piece};
use crate::case::rows::int;
use crate::case::sources::{
    ReadAs, Searched, SecretFile, known_source, limits_text, remove, source_list,
};
use crate::case::statements::Statements;
use crate::case::terms::Terms;
use crate::case::{info, journal};
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::{Connection, params};
use rustc_hash::FxHashMap;
use serde_json::json;

pub use crate::case::sources::{NewSource, SourceEnd};

/// Rows from these ids on belong to the load.
#[derive(Debug, Clone, Copy)]
struct Marks {
    load: i64,
    call: i64,
    flow: i64,
    body: i64,
    seg: i64,
    source: i64,
}

/// Writes one load; see the module.
pub struct Writer<'c> {
    conn: &'c Connection,
    sql: Statements<'c>,
    terms: Terms<'c>,
    marks: Marks,
    next_call: i64,
    next_body: i64,
    next_seg: i64,
    /// Row of each source by its index in this load; 0 where there is none.
    sources: Vec<i64>,
    /// Calls of each source of this load.
    calls: Vec<u64>,
    /// Calls written before they were done.
    open: FxHashMap<(u32, u64, u32), i64>,
    bodies: FxHashMap<u128, i64>,
    packer: Packer,
    /// Bodies whose rows are not written yet; none between two calls of a function of this.
    waiting_bodies: Vec<values::BodyRow>,
    /// Packs handed out and not yet back.
    away: usize,
    /// Bytes of packs stored.
    stored: u64,
    pairs: Pairs,
    /// Prints that nobody took to sort yet.
    pieces: Vec<Piece>,
    /// Who is given the rows of calls as they are written.
    feed: Option<Feed>,
    in_transaction: bool,
    /// Print of the rules that this load searches with.
    rules: String,
    /// Files of TLS secrets that this load has.
    secrets: Vec<SecretFile>,
    /// How it reads.
    read_as: ReadAs,
    /// Sources that this load reads again: they go when it ends.
    replaced: Vec<i64>,
}

impl<'c> Writer<'c> {
    /// Begins a load: notes where its rows begin, so that it can be taken back.
    pub fn begin_load(case: &'c Case) -> Result<Writer<'c>> {
        Writer::begin_with(case, "")
    }

    /// The same for a load that searches with the rules of this print (see [`crate::detect::Rules::print`]): bodies that an
    /// earlier load searched with other ones are stored again where they are met again.
    pub fn begin_with(case: &'c Case, rules: &str) -> Result<Writer<'c>> {
        let conn = &case.conn;
        let next = |table: &str, column: &str| -> Result<i64> {
            let sql = format!("SELECT coalesce(max({column})+1,1) FROM {table}");
            Ok(conn.query_row(&sql, [], |r| r.get(0))?)
        };
        let (load, pack_from, term) = (
            next("load", "id")?,
            next("pack", "id")?,
            next("term", "id")?,
        );
        let marks = Marks {
            load,
            call: next("call", "id")?,
            flow: next("flow", "id")?,
            body: next("body", "id")?,
            seg: next("posting", "seg")?,
            source: next("source", "id")?,
        };
        conn.execute(
            "INSERT INTO load(id,state,call_from,flow_from,body_from,pack_from,seg_from,source_from,term_from) \
             VALUES(?1,'loading',?2,?3,?4,?5,?6,?7,?8)",
            params![load, marks.call, marks.flow, marks.body, pack_from, marks.seg, marks.source, term],
        )?;
        let mut writer = Writer {
            conn,
            sql: Statements::new(conn)?,
            terms: Terms::new(conn)?,
            marks,
            next_call: marks.call,
            next_body: marks.body,
            next_seg: marks.seg,
            sources: Vec::new(),
            calls: Vec::new(),
            open: FxHashMap::default(),
            bodies: FxHashMap::default(),
            packer: Packer::new(pack_from),
            waiting_bodies: Vec::new(),
            away: 0,
            stored: 0,
            pairs: Pairs::default(),
            pieces: Vec::new(),
            feed: None,
            in_transaction: false,
            rules: rules.to_owned(),
            secrets: Vec::new(),
            read_as: ReadAs::default(),
            replaced: Vec::new(),
        };
        writer.remember_bodies()?;
        Ok(writer)
    }

    /// Bodies of earlier loads, the latest first, so that equal content is stored once over loads too.
    fn remember_bodies(&mut self) -> Result<()> {
        let searched = Searched::read(self.conn)?;
        let mut stmt = self.conn.prepare(
            "SELECT id,sha256,kind,len,(SELECT v FROM term WHERE id=message_id) FROM body WHERE sha256 IS NOT NULL AND kept=len \
             ORDER BY id DESC LIMIT ?1",
        )?;
        let mut rows = stmt.query([int(limits::BODY_DEDUP as u64)])?;
        while let Some(row) = rows.next()? {
            if searched.body(row.get(0)?).unwrap_or("") != self.rules {
                continue;
            }
            let sha: Vec<u8> = row.get(1)?;
            let kind = row.get_ref(2)?.as_str().unwrap_or_default();
            let len: i64 = row.get(3)?;
            if let Some(key) = sha.first_chunk::<16>() {
                let message = row.get_ref(4)?.as_str().unwrap_or_default();
                let half = u128::from_le_bytes(*key);
                let key = rows::body_key(half, kind, None, message, len.cast_unsigned());
                self.bodies.insert(key, row.get(0)?);
            }
        }
        Ok(())
    }

    /// Gives the rows of calls to `feed` as well; they must be all that the case has.
    pub fn with_feed(&mut self, feed: Feed) {
        self.feed = Some(feed).filter(|_| self.marks.call == 1);
    }
    /// How the load reads its files.
    pub fn with_reading(&mut self, read_as: ReadAs) {
        self.read_as = read_as;
    }
    /// Files of TLS secrets that the load has, and sources that it reads again for them: these go when it ends.
    pub fn with_secrets(&mut self, files: &[SecretFile], replaced: &[i64]) {
        self.secrets = files.to_vec();
        self.replaced = replaced.to_vec();
    }

    fn begin(&mut self) -> Result<()> {
        if !self.in_transaction {
            self.conn.execute_batch("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Row of a source that is in the case already and was read to its end, by its SHA-256.
    pub fn known_source(&self, sha256: &[u8; 32]) -> Result<Option<i64>> {
        known_source(self.conn, sha256)
    }

    /// Adds a source under its index in this load. Calls may name it from now on.
    pub fn add_source(&mut self, index: u32, source: &NewSource<'_>) -> Result<i64> {
        self.begin()?;
        let row = self.conn.query_row(
            "INSERT INTO source(name,path,sha256,kind,bytes,state,load_id,tool,limits,spooled,member,mapping) \
             VALUES(?1,?2,?3,?4,?5,'loading',?6,?7,?8,?9,?10,?11) RETURNING id",
            params![
                source.name,
                source.path,
                source.sha256,
                source.kind,
                int(source.bytes),
                self.marks.load,
                env!("CARGO_PKG_VERSION"),
                limits_text(&self.rules, &self.secrets, &self.read_as),
                source.spooled,
                source.member,
                source.mapping
            ],
            |r| r.get(0),
        )?;
        let at = index as usize;
        if self.sources.len() <= at {
            self.sources.resize(at + 1, 0);
            self.calls.resize(at + 1, 0);
        }
        if let Some(slot) = self.sources.get_mut(at) {
            *slot = row;
        }
        Ok(row)
    }

    fn source_row(&self, index: u32) -> Result<i64> {
        match self.sources.get(index as usize) {
            Some(row) if *row != 0 => Ok(*row),
            _ => Err(Error::Case {
                path: "load".into(),
                why: format!("source {index} was used before it was added"),
            }),
        }
    }

    /// Counts something that was skipped or wrong in a source.
    pub fn diag(
        &mut self,
        source: u32,
        code: &str,
        n: u64,
        first_unit: Option<u64>,
        detail: Option<&str>,
    ) -> Result<()> {
        self.begin()?;
        let source = self.source_row(source)?;
        self.sql
            .diag
            .execute(params![source, code, int(n), first_unit.map(int), detail])?;
        Ok(())
    }

    /// Notes that a source was read to its end.
    pub fn finish_source(&mut self, index: u32, end: &SourceEnd) -> Result<()> {
        self.begin()?;
        self.conn.execute(
            "UPDATE source SET sha256=coalesce(?2,sha256),bytes=?3,packets=?4,lines=?5,first_ts=?6,last_ts=?7,skipped=?8,state=?9 WHERE id=?1",
            params![
                self.source_row(index)?,
                end.sha256,
                int(end.bytes),
                end.packets.map(int),
                end.lines.map(int),
                end.first_ts,
                end.last_ts,
                int(end.skipped),
                if end.damaged { "damaged" } else { "done" },
            ],
        )?;
        Ok(())
    }

    /// Packs that are full: the caller compresses them with [`bodies::Compressor`] and gives them to [`Writer::put_pack`].
    pub fn take_full_packs(&mut self) -> Vec<FullPack> {
        let full = self.packer.take();
        self.away += full.len();
        full
    }

    /// Stores a pack that was taken and is compressed.
    pub fn put_pack(&mut self, pack: FullPack) -> Result<()> {
        self.begin()?;
        self.away = self.away.saturating_sub(1);
        let len = int(pack.bytes.len() as u64);
        self.sql.pack.execute(params![pack.id, len, pack.packed])?;
        self.stored += pack.packed.len() as u64;
        self.packer.recycle(pack);
        Ok(())
    }

    /// Bytes of packs that were stored: most of what a load writes.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    fn store_packs_here(&mut self) -> Result<()> {
        let packs = self.take_full_packs();
        if packs.is_empty() {
            return Ok(());
        }
        let mut compressor = bodies::Compressor::new()?;
        for mut full in packs {
            compressor.pack(&mut full)?;
            self.put_pack(full)?;
        }
        Ok(())
    }

    /// Prints of which there are enough for a segment: the caller sorts them ([`Piece::sort`]) and gives them to
    /// [`Writer::put_piece`].
    pub fn take_pieces(&mut self) -> Vec<Piece> {
        self.away += self.pieces.len();
        std::mem::take(&mut self.pieces)
    }

    /// Stores prints that were taken and are sorted.
    pub fn put_piece(&mut self, piece: Piece) -> Result<()> {
        self.begin()?;
        self.away = self.away.saturating_sub(1);
        piece.write(self.conn)?;
        self.pairs.recycle(piece);
        Ok(())
    }

    /// The prints that are held become a segment.
    fn close_pairs(&mut self) {
        if !self.pairs.is_empty() {
            self.pieces.extend(self.pairs.take(self.next_seg));
            self.next_seg += 1;
        }
    }

    fn store_pieces_here(&mut self) -> Result<()> {
        for mut piece in self.take_pieces() {
            piece.sort();
            self.put_piece(piece)?;
        }
        Ok(())
    }

    /// Makes everything so far visible to readers and safe. Packs that nobody took are compressed here.
    pub fn commit(&mut self) -> Result<()> {
        self.store_packs_here()?;
        self.store_pieces_here()?;
        if self.in_transaction {
            self.conn.execute_batch("COMMIT")?;
            self.in_transaction = false;
        }
        Ok(())
    }
    /// The same, where it can wait: while somebody reads a case that is written without a log (see [`super::checkpoint`]), what
    /// was written stays uncommitted until the next time. Whether it was committed.
    pub fn try_commit(&mut self) -> Result<bool> {
        match self.commit() {
            Err(Error::Sql(e)) if checkpoint::is_busy(&e) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Calls written by this load.
    pub fn calls(&self) -> u64 {
        (self.next_call - self.marks.call).cast_unsigned()
    }

    /// What is being filled counts as full, so that [`Writer::take_full_packs`] and [`Writer::take_pieces`] give it.
    pub fn close(&mut self) {
        self.packer.close();
        self.close_pairs();
    }

    /// What is gathered is written with the next commit, so that bodies can be shown and values found before the load ends.
    pub fn settle(&mut self) -> Result<()> {
        self.begin()?;
        self.close();
        self.store_pieces_here()
    }

    /// Ends the load: everything that was held is written, and from here on it cannot be taken back. Facts are stale until
    /// they are decided. All packs that were taken must be back.
    pub fn finish_load(mut self) -> Result<()> {
        self.begin()?;
        self.close();
        self.store_packs_here()?;
        self.store_pieces_here()?;
        if self.away != 0 {
            return Err(Error::Case {
                path: "load".into(),
                why: format!(
                    "{} packs or lists of prints were handed out and did not come back",
                    self.away
                ),
            });
        }
        for (row, calls) in self.sources.iter().zip(&self.calls) {
            self.conn.execute(
                "UPDATE source SET calls=?2 WHERE id=?1",
                params![row, int(*calls)],
            )?;
        }
        self.conn.execute(
            "UPDATE load SET state='done' WHERE id=?1",
            [self.marks.load],
        )?;
        remove(self.conn, &self.replaced)?;
        info::set_stale(self.conn, true)?;
        let mut detail =
            json!({"sources": source_list(self.conn, self.marks.source)?, "calls": self.calls()});
        if !self.secrets.is_empty()
            && let Some(detail) = detail.as_object_mut()
        {
            let files = self.secrets.iter();
            let files = files.map(|f| json!({"kind": f.kind, "name": f.name, "sha256": f.hex()}));
            detail.insert("secrets".to_owned(), files.collect());
            detail.insert("read_again".to_owned(), self.replaced.len().into());
        }
        journal::append(self.conn, "load", &detail)?;
        self.commit()?;
        if let Some(feed) = self.feed.take() {
            feed.end();
        }
        Ok(())
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if self.in_transaction {
            // SQLite may have rolled back by itself (disk full); then this fails, and that is right.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}
