//! Writes what a load finds. In: sources, calls with their bodies, flows, diags. Out: rows in batches; packs; postings.
//! Bounds: memory is the pack being filled, [`crate::limits::POSTINGS_HELD`] pairs, [`crate::limits::BODY_DEDUP`] hashes
//! and [`crate::limits::TERMS_HELD`] strings. What is not committed when the program dies is gone; what is committed of
//! a load that did not end is removed by [`crate::case::recover`].
//!
//! Compressing packs costs more than all the rest: [`Writer::take_full_packs`] hands them out so that other threads can
//! do it, and [`Writer::put_pack`] takes them back. Packs that nobody took are compressed at the next commit.

use crate::call::model::{BodyOut, CallOut, FlowInfo, Locator, Packed, Role, Unit};
use crate::case::bodies::{self, FullPack, Packer, Place};
use crate::case::open::Case;
use crate::case::postings::{Pairs, Target};
use crate::case::rows::{addr, int, narrow};
use crate::case::sources::{Searched, SecretFile, known_source, limits_text, remove, source_list};
use crate::case::statements::Statements;
use crate::case::terms::Terms;
use crate::case::{ident, info, journal};
use crate::detect::pack;
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::{Connection, OptionalExtension, params};
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
    /// Packs handed out and not yet back.
    away: usize,
    pairs: Pairs,
    in_transaction: bool,
    /// Print of the rules that this load searches with.
    rules: String,
    /// Files of TLS secrets that this load has.
    secrets: Vec<SecretFile>,
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
            away: 0,
            pairs: Pairs::default(),
            in_transaction: false,
            rules: rules.to_owned(),
            secrets: Vec::new(),
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
                let key = body_key(half, kind, None, message, len.cast_unsigned());
                self.bodies.insert(key, row.get(0)?);
            }
        }
        Ok(())
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
                limits_text(&self.rules, &self.secrets),
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

    /// Writes a call, or writes again one that was not done. Gives its row.
    pub fn put_call(&mut self, mut call: CallOut) -> Result<i64> {
        self.begin()?;
        let source = self.source_row(call.at.source)?;
        let place = (call.at.source, call.at.number, call.ord);
        let before = if self.open.is_empty() {
            None
        } else {
            self.open.get(&place).copied()
        };
        let id = before.unwrap_or(self.next_call);
        if before.is_none() {
            self.next_call += 1;
            if let Some(n) = self.calls.get_mut(call.at.source as usize) {
                *n += 1;
            }
        } else {
            self.sql.unplace.execute([id])?;
            self.sql.uncall.execute([id])?;
        }
        if call.done {
            if before.is_some() {
                self.open.remove(&place);
            }
        } else {
            self.open.insert(place, id);
        }
        let (req_len, resp_len) = (
            call.req_body.as_ref().map(|b| b.len),
            call.resp_body.as_ref().map(|b| b.len),
        );
        let req_body = call
            .req_body
            .take()
            .map(|b| self.put_body(b))
            .transpose()?
            .flatten();
        let resp_body = call
            .resp_body
            .take()
            .map(|b| self.put_body(b))
            .transpose()?
            .flatten();
        for print in call.req_facts.prints.iter().chain(&call.resp_facts.prints) {
            self.pairs.add(*print, Target::CallHead(id));
        }
        let req_facts = self.facts(&call.req_facts)?;
        let resp_facts = self.facts(&call.resp_facts)?;
        let who = ident::encode(&call.credentials, &call.events);
        let head = (!call.heads.is_empty()).then(|| self.packer.add(&call.heads));
        let origin = call.locators.iter().find(|l| l.role == Role::Origin);
        let range = origin.and_then(|l| l.range);
        let unit1 = origin.map_or(call.at.number, |l| l.last);
        let mut term = |text: Option<&str>| text.map(|t| self.terms.id(t)).transpose();
        let (method, host) = (term(call.method.as_deref())?, term(call.host.as_deref())?);
        let (op, kind) = (term(call.operation.as_deref())?, term(Some(call.kind))?);
        let (req_type, resp_type) = (
            term(call.req_type.as_deref())?,
            term(call.resp_type.as_deref())?,
        );
        let ua = term(call.user_agent.as_deref())?;
        let note = term(call.op_note.as_deref())?;
        let dispatch = term(call.dispatch.as_ref().map(|d| d.fields.as_str()))?;
        self.sql.call.execute(params![
            id,
            source,
            int(call.at.number),
            call.ord,
            int(unit1),
            range.map(|r| int(r.0)),
            range.map(|r| int(r.1)),
            call.done,
            call.flow.map(|f| self.marks.flow.saturating_add(int(f))),
            call.ts,
            call.end_ts,
            call.src.map(addr),
            call.sport,
            call.dst.map(addr),
            call.dport,
            call.proto as u8,
            call.tls,
            method,
            host,
            call.uri,
            call.path,
            op,
            kind,
            call.status,
            call.req_body_len.map(int),
            call.resp_body_len.map(int),
            req_len.map(int),
            resp_len.map(int),
            req_type,
            resp_type,
            ua,
            call.flags.0,
            req_body,
            resp_body,
            head.map(|p| p.pack),
            head.map(|p| int(p.off)),
            head.map(|_| int(call.heads.len() as u64)),
            some(&req_facts),
            some(&resp_facts),
            some(&who),
            call.trace_id,
            note,
            dispatch,
            call.dispatch.as_ref().map(|d| d.shape.cast_signed()),
            call.grpc_status,
            seqs(call.seq),
        ])?;
        if let Some(ord) = call.parent {
            self.sql.of.execute(params![id, ord])?;
        }
        let further = call.locators.iter().filter(|l| l.role != Role::Origin);
        for (n, l) in (1i64..).zip(further) {
            let source = self.source_row(l.source)?;
            self.sql.at.execute(params![
                id,
                n,
                source,
                l.role as u8,
                int(l.first),
                int(l.last),
                l.range.map(|r| int(r.0)),
                l.range.map(|r| int(r.1)),
                l.ts
            ])?;
        }
        if self.pairs.len() >= limits::POSTINGS_HELD {
            self.flush_postings()?;
        }
        Ok(id)
    }

    /// Notes where a call of this load that was written before stands a second time. Packets of another source that it
    /// has already (a capture from which some of its bytes came) become part of that; `inside` says that what they are
    /// copies of stands in the same source.
    pub fn put_tap(&mut self, (at, ord): (Unit, u32), place: &Locator, inside: bool) -> Result<()> {
        self.begin()?;
        let origin = self.source_row(at.source)?;
        let source = self.source_row(place.source)?;
        let call: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT id FROM call WHERE source_id=?1 AND unit=?2 AND ord=?3 AND id>=?4",
            )?
            .query_row(params![origin, int(at.number), ord, self.marks.call], |r| {
                r.get(0)
            })
            .optional()?;
        let Some(call) = call else { return Ok(()) };
        let (first, last) = (int(place.first), int(place.last));
        if source == origin && !inside {
            self.conn
                .prepare_cached("UPDATE call SET unit1=max(unit1,?2) WHERE id=?1")?
                .execute(params![call, last])?;
            return Ok(());
        }
        let known = self
            .conn
            .prepare_cached(
                "UPDATE call_at SET role=?3, ts=CASE WHEN ?4<first THEN ?6 ELSE ts END, first=min(first,?4), \
                 last=max(last,?5) WHERE call_id=?1 AND source_id=?2",
            )?
            .execute(params![call, source, place.role as u8, first, last, place.ts])?;
        if known == 0 {
            let n: i64 = self
                .conn
                .prepare_cached("SELECT coalesce(max(n),0)+1 FROM call_at WHERE call_id=?1")?
                .query_row([call], |r| r.get(0))?;
            let none: Option<i64> = None;
            self.sql.at.execute(params![
                call,
                n,
                source,
                place.role as u8,
                first,
                last,
                none,
                none,
                place.ts
            ])?;
        }
        Ok(())
    }

    /// Stores a body once; `None` for one without content.
    fn put_body(&mut self, body: BodyOut) -> Result<Option<i64>> {
        let kept = body.content.len() as u64;
        if body.len == 0 && kept == 0 {
            return Ok(None);
        }
        let whole = body
            .sha256
            .filter(|_| kept == body.len && body.cut.is_none());
        let content = whole
            .as_ref()
            .and_then(|sha| sha.first_chunk::<16>())
            .map_or(body.key, |half| u128::from_le_bytes(*half));
        let message = body.message.as_deref();
        let key = body_key(
            content,
            body.kind,
            body.cut,
            message.unwrap_or_default(),
            body.len,
        );
        if let Some(id) = self.bodies.get(&key) {
            return Ok(Some(*id));
        }
        let id = self.next_body;
        self.next_body += 1;
        let place = if kept == 0 {
            None
        } else {
            Some(self.packer.add(&body.content))
        };
        for print in &body.facts.prints {
            self.pairs.add(*print, Target::Body(id));
        }
        let facts = self.facts(&body.facts)?;
        let message = message.map(|m| self.terms.id(m)).transpose()?;
        self.sql.body.execute(params![
            id,
            body.sha256,
            int(body.len),
            int(kept),
            body.kind,
            body.cut,
            place.map(|p: Place| p.pack),
            place.map_or(0, |p| int(p.off)),
            some(&facts),
            message,
        ])?;
        if self.bodies.len() < limits::BODY_DEDUP {
            self.bodies.insert(key, id);
        }
        Ok(Some(id))
    }

    fn facts(&mut self, facts: &Packed) -> Result<Vec<u8>> {
        let mut failed = None;
        let blob = pack::blob(facts, &mut |field| match self.terms.id(field) {
            Ok(id) => narrow(id),
            Err(e) => {
                failed = Some(e);
                0
            }
        });
        match failed {
            Some(e) => Err(e),
            None => Ok(blob),
        }
    }

    /// Writes a flow, or writes it again. Its source is that of its first packet.
    pub fn put_flow(&mut self, flow: &FlowInfo) -> Result<i64> {
        self.begin()?;
        let source = self.source_row(flow.first.unit.source)?;
        let id = self.marks.flow.saturating_add(int(flow.id));
        // A flow that goes on in the next file has its last packet there; its number would mean nothing here.
        let unit1 = if flow.last.unit.source == flow.first.unit.source {
            flow.last.unit.number
        } else {
            flow.first.unit.number
        };
        self.sql.unflow.execute([id])?;
        self.sql.flow.execute(params![
            id,
            source,
            int(flow.first.unit.number),
            int(unit1),
            flow.first.ts,
            flow.last.ts,
            addr(flow.client.0),
            flow.client.1,
            addr(flow.server.0),
            flow.server.1,
            flow.transport,
            flow.app,
            int(flow.packets),
            int(flow.bytes_out),
            int(flow.bytes_in),
            flow.sni,
            flow.alpn,
            flow.client_print,
            int(flow.gaps),
            int(flow.calls),
            flow.why_opaque,
            flow.tls
                .as_ref()
                .and_then(|t| serde_json::to_string(t).ok()),
        ])?;
        Ok(id)
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

    /// Stores a pack that was taken: its id, its length before and its bytes after compression.
    pub fn put_pack(&mut self, id: i64, len: usize, compressed: &[u8]) -> Result<()> {
        self.begin()?;
        self.away = self.away.saturating_sub(1);
        self.sql
            .pack
            .execute(params![id, int(len as u64), compressed])?;
        Ok(())
    }

    fn store_packs_here(&mut self) -> Result<()> {
        let packs = self.take_full_packs();
        if packs.is_empty() {
            return Ok(());
        }
        let mut compressor = bodies::Compressor::new()?;
        for full in packs {
            let data = compressor.pack(&full.bytes)?;
            self.put_pack(full.id, full.bytes.len(), &data)?;
        }
        Ok(())
    }

    fn flush_postings(&mut self) -> Result<()> {
        if !self.pairs.is_empty() {
            self.pairs.flush(self.conn, self.next_seg)?;
            self.next_seg += 1;
        }
        Ok(())
    }

    /// Makes everything so far visible to readers and safe. Packs that nobody took are compressed here.
    pub fn commit(&mut self) -> Result<()> {
        self.store_packs_here()?;
        if self.in_transaction {
            self.conn.execute_batch("COMMIT")?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// Calls written by this load.
    pub fn calls(&self) -> u64 {
        (self.next_call - self.marks.call).cast_unsigned()
    }

    /// The pack that is being filled becomes a full one, so that [`Writer::take_full_packs`] gives it.
    pub fn close_pack(&mut self) {
        self.packer.close();
    }

    /// What is gathered is written with the next commit, so that bodies can be shown and values found before the load ends.
    pub fn settle(&mut self) -> Result<()> {
        self.begin()?;
        self.packer.close();
        self.flush_postings()
    }

    /// Ends the load: everything that was held is written, and from here on it cannot be taken back. Facts are stale until
    /// they are decided. All packs that were taken must be back.
    pub fn finish_load(mut self) -> Result<()> {
        self.begin()?;
        self.packer.close();
        self.store_packs_here()?;
        if self.away != 0 {
            return Err(Error::Case {
                path: "load".into(),
                why: format!("{} packs were handed out and did not come back", self.away),
            });
        }
        self.flush_postings()?;
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
        self.commit()
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

fn some(blob: &[u8]) -> Option<&[u8]> {
    (!blob.is_empty()).then_some(blob)
}

/// Both sequence numbers in one: 0 stands for unknown, so that the byte that really has it counts as the next one.
fn seqs([req, resp]: [Option<u32>; 2]) -> Option<i64> {
    let n = |s: Option<u32>| u64::from(s.map_or(0, |s| s.max(1)));
    let both = n(req) << 32 | n(resp);
    (both != 0).then(|| both.cast_signed())
}

/// Two bodies are one where content, length, kind and cut agree: the facts that hang on them then agree too.
fn body_key(content: u128, kind: &str, cut: Option<&str>, message: &str, len: u64) -> u128 {
    let mix = |n: u64, text: &str| {
        text.bytes()
            .fold(n, |n, b| (n ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
    };
    content
        ^ u128::from(mix(
            mix(mix(len ^ 0xcbf2_9ce4_8422_2325, kind), cut.unwrap_or("")),
            message,
        ))
}
