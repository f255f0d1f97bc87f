//! Rows of a load. In: calls with their bodies, their further places, flows. Out: rows, pieces in packs, prints. Bounds: one
//! insertion a row, of calls and bodies one for [`ROWS_AT_ONCE`] of them; what is held is [`Writer`]'s.

use super::Writer;
use super::values::{BodyRow, CallRow, Row};
use crate::call::model::{BodyOut, CallOut, FlowInfo, Locator, Packed, Role, Unit};
use crate::case::ident;
use crate::case::postings::Target;
use crate::case::rows::{addr, int};
use crate::case::statements::ROWS_AT_ONCE;
use crate::case::terms::SLOTS;
use crate::detect::pack;
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, params};

impl Writer<'_> {
    /// Writes a call, or writes again one that was not done. Gives its row.
    pub fn put_call(&mut self, mut call: CallOut) -> Result<i64> {
        let mut waiting = Vec::with_capacity(1);
        let id = self.take_call(&mut call, &mut waiting)?;
        self.flush_calls(&mut waiting)?;
        Ok(id)
    }

    /// The same for many calls.
    pub fn put_calls(&mut self, mut calls: Vec<CallOut>) -> Result<()> {
        let mut waiting = Vec::with_capacity(calls.len());
        for call in &mut calls {
            self.take_call(call, &mut waiting)?;
        }
        self.flush_calls(&mut waiting)
    }

    /// Writes all that hangs on a call; its own row waits for [`Writer::flush_calls`]. A call is large, so it is not moved.
    fn take_call<'a>(
        &mut self,
        call: &'a mut CallOut,
        waiting: &mut Vec<CallRow<'a>>,
    ) -> Result<i64> {
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
            self.flush_calls(waiting)?;
            // what was told of it does not hold
            self.feed = None;
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
        let call: &'a CallOut = call;
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
        // in the order of [`CallRow::terms`]
        let texts: [Option<&str>; SLOTS] = [
            call.method.as_deref(),
            call.host.as_deref(),
            call.operation.as_deref(),
            Some(call.kind),
            call.req_type.as_deref(),
            call.resp_type.as_deref(),
            call.user_agent.as_deref(),
            call.op_note.as_deref(),
            call.dispatch.as_ref().map(|d| d.fields.as_str()),
        ];
        let mut terms = [None; SLOTS];
        for (slot, (text, row)) in texts.into_iter().zip(&mut terms).enumerate() {
            *row = text.map(|t| self.terms.in_slot(slot, t)).transpose()?;
        }
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
        waiting.push(CallRow {
            id,
            again: before.is_some(),
            source,
            unit1,
            range,
            flow: call.flow.map(|f| self.marks.flow.saturating_add(int(f))),
            terms,
            addrs: [call.src.map(addr), call.dst.map(addr)],
            lens: [req_len, resp_len],
            bodies: [req_body, resp_body],
            head,
            facts: [req_facts, resp_facts],
            who,
            call,
        });
        if self.pairs.len() >= limits::POSTINGS_HELD {
            // Where nobody takes them they are sorted here: no more than two segments' are ever held.
            self.store_pieces_here()?;
            self.close_pairs();
        }
        Ok(id)
    }

    /// Writes the rows of bodies and calls that wait.
    fn flush_calls(&mut self, calls: &mut Vec<CallRow<'_>>) -> Result<()> {
        let mut bodies = std::mem::take(&mut self.waiting_bodies);
        self.flush(&bodies)?;
        bodies.clear();
        self.waiting_bodies = bodies;
        self.flush(calls)?;
        if let Some(feed) = &mut self.feed {
            calls.iter().for_each(|c| c.feed(feed));
        }
        calls.clear();
        Ok(())
    }

    /// Writes rows: many at once where their ids follow the last one.
    fn flush<R: Row>(&mut self, rows: &[R]) -> Result<()> {
        let mut left = rows;
        while let Some((first, rest)) = left.split_first() {
            let (one, new) = R::statements(&mut self.sql);
            match left.split_first_chunk::<ROWS_AT_ONCE>() {
                Some((many, rest)) if many.iter().all(Row::follows) => {
                    for (row, n) in many.iter().zip(0usize..) {
                        row.bind(new, n)?;
                    }
                    new.execute()?;
                    let last = many.last().map_or(0, Row::id);
                    if self.conn.last_insert_rowid() != last {
                        return Err(Error::Case {
                            path: "load".into(),
                            why: format!("{} {last} was written under another number", R::WHAT),
                        });
                    }
                    left = rest;
                }
                _ => {
                    first.bind(one, 0)?;
                    one.bind(R::COLUMNS, &[ValueRef::Integer(first.id())])?;
                    one.execute()?;
                    left = rest;
                }
            }
        }
        Ok(())
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
        self.waiting_bodies.push(BodyRow {
            id,
            sha256: body.sha256,
            lens: [body.len, kept],
            kind: body.kind,
            cut: body.cut,
            place,
            facts,
            message,
        });
        if self.bodies.len() < limits::BODY_DEDUP {
            self.bodies.insert(key, id);
        }
        Ok(Some(id))
    }

    fn facts(&mut self, facts: &Packed) -> Result<Vec<u8>> {
        Ok(pack::blob(facts, self.terms.ids(facts.fields.as_ref())?))
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
}

/// Two bodies are one where content, length, kind and cut agree: the facts that hang on them then agree too.
pub(super) fn body_key(
    content: u128,
    kind: &str,
    cut: Option<&str>,
    message: &str,
    len: u64,
) -> u128 {
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
