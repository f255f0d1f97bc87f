//! Reading all calls. In: the evidence tables. Out: [`Evidence`]. Bounds: one pass in row order; strings are interned.

use crate::call::model::{CredentialSeen, Flags, IdentityEvent};
use crate::case::{ident, ids};
use crate::error::{Error, Result};
use crate::facts::calls::{CallLine, NONE};
use crate::facts::credentials::sure_place;
use crate::facts::identity::{CallKey, Input, via};
use crate::facts::templates::path_of;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use rustc_hash::FxHashMap;
use siphasher::sip::SipHasher13;
use std::hash::{Hash, Hasher};
use std::sync::mpsc::{SyncSender, sync_channel};

/// A distinct path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    pub method: u32,
    pub host: u32,
    /// Server as address and port where no host was sent.
    pub server: Option<(u32, u16)>,
    pub op: u32,
    pub path: Box<str>,
}

/// All calls and the tables their numbers point into.
#[derive(Default)]
pub struct Evidence {
    pub calls: Vec<CallLine>,
    /// Identity of each call within its source, beside `calls`.
    pub keys: Vec<CallKey>,
    pub input: Input,
    pub terms: Vec<String>,
    pub addrs: Vec<u128>,
    pub paths: Vec<Path>,
    /// Kind of API by path: the most telling one seen.
    pub kinds: Vec<u32>,
    /// What was read of the operation by path: of several notes the first in order of text.
    pub notes: Vec<u32>,
    /// Calls by path.
    pub path_calls: Vec<u32>,
    /// Calls with fields that may choose an operation: call, those fields as a term, prints of what was asked and answered.
    pub dispatch: Vec<(u32, u32, u64)>,
    /// Tag of each source (`9f2c41ab03de`), by index.
    pub tags: Vec<String>,
    /// Its row.
    pub sources: Vec<i64>,
    /// Its place in an order that does not depend on that of loading.
    pub rank: Vec<u32>,
    /// Kinds of credentials that each call presented, bits by place in [`crate::facts::identity::VIA`].
    pub auth: Vec<u16>,
}

impl Evidence {
    /// Leaves the calls out that are others once more: what they say was said by those.
    pub fn leave_copies(&mut self) {
        for (i, c) in (0u32..).zip(&self.calls) {
            if c.joined == NONE || c.log {
                continue;
            }
            self.input.again(i);
            if let Some(n) = self.path_calls.get_mut(c.path as usize) {
                *n = n.saturating_sub(1);
            }
        }
    }
    /// A term's text; empty for none.
    pub fn term(&self, id: u32) -> &str {
        self.terms.get(id as usize).map_or("", String::as_str)
    }
    /// Text id of a call.
    pub fn call_id(&self, i: usize) -> String {
        let (Some(c), Some(k)) = (self.calls.get(i), self.keys.get(i)) else {
            return String::new();
        };
        let tag = self.tags.get(c.source as usize).map_or("", String::as_str);
        ids::call_id(tag, i64::try_from(k.unit).unwrap_or(0), i64::from(k.ord))
    }
}

/// Interns without building a key for what is known.
struct Table<T>(FxHashMap<T, u32>);

impl<T: Hash + Eq + Clone> Table<T> {
    fn id(&mut self, list: &mut Vec<T>, v: &T) -> u32 {
        if let Some(id) = self.0.get(v) {
            return *id;
        }
        let id = u32::try_from(list.len()).unwrap_or(NONE);
        list.push(v.clone());
        self.0.insert(v.clone(), id);
        id
    }
}

fn texts(conn: &Connection) -> Result<Vec<String>> {
    let mut out = vec![String::new()];
    let mut stmt = conn.prepare("SELECT id,v FROM term ORDER BY id")?;
    let mut r = stmt.query([])?;
    while let Some(row) = r.next()? {
        let id = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        // Ids have no holes but after a taken-back load.
        if id >= out.len() && id <= out.len() + 10_000_000 {
            out.resize(id + 1, String::new());
        }
        if let Some(slot) = out.get_mut(id) {
            *slot = row.get(1)?;
        }
    }
    Ok(out)
}

/// Reads everything.
pub fn calls(conn: &Connection) -> Result<Evidence> {
    let mut ev = Evidence {
        terms: texts(conn)?,
        ..Evidence::default()
    };
    let mut sources: FxHashMap<i64, u32> = FxHashMap::default();
    {
        let mut stmt = conn.prepare("SELECT id,sha256 FROM source ORDER BY id")?;
        let mut r = stmt.query([])?;
        while let Some(row) = r.next()? {
            let id: i64 = row.get(0)?;
            sources.insert(id, u32::try_from(ev.tags.len()).unwrap_or(0));
            ev.sources.push(id);
            ev.tags.push(ids::source_tag(blob(row.get_ref(1)?), id));
        }
    }
    // Order in time must not depend on the order of loading: equal times are ordered by the source's tag.
    let mut rank: Vec<u32> = (0..u32::try_from(ev.tags.len()).unwrap_or(0)).collect();
    rank.sort_by_key(|i| ev.tags.get(*i as usize).cloned());
    let mut place = vec![0u32; rank.len()];
    for (p, i) in rank.iter().enumerate() {
        if let Some(x) = place.get_mut(*i as usize) {
            *x = u32::try_from(p).unwrap_or(0);
        }
    }
    ev.rank.clone_from(&place);
    let mut of: FxHashMap<i64, u32> = FxHashMap::default();
    {
        let mut stmt = conn.prepare("SELECT call_id,ord FROM call_of")?;
        let mut r = stmt.query([])?;
        while let Some(row) = r.next()? {
            of.insert(row.get(0)?, row.get(1)?);
        }
    }
    let n: i64 = conn.query_row("SELECT count(*) FROM call", [], |r| r.get(0))?;
    let n = usize::try_from(n).unwrap_or(0).min(100_000_000);
    ev.calls.reserve(n);
    ev.keys.reserve(n);
    let mut builder = Builder {
        ev,
        sources,
        place,
        of,
        addrs: Table(FxHashMap::default()),
        paths: Table(FxHashMap::default()),
        traces: FxHashMap::default(),
        let_in: FxHashMap::default(),
    };
    // Reading rows and making something of them cost the same: each has a thread.
    std::thread::scope(|scope| {
        let (send, batches) = sync_channel::<Rows>(WAITING);
        let building = scope.spawn(move || {
            for batch in batches {
                for ints in &batch.rows {
                    builder.add(&Raw {
                        ints,
                        bytes: &batch.bytes,
                    });
                }
            }
            builder.ev
        });
        rows(conn, &send)?;
        drop(send);
        building.join().map_err(|_| Error::Case {
            path: "facts".into(),
            why: "reading calls failed".into(),
        })
    })
}

/// What makes a call less than whole.
const HOLES: Flags = Flags(
    Flags::TRUNCATED.0
        | Flags::GAP.0
        | Flags::NO_RESPONSE.0
        | Flags::NO_REQUEST.0
        | Flags::UNCERTAIN_PAIR.0
        | Flags::PARTIAL_HEADERS.0,
);

/// Columns of a call that are read.
const COLUMNS: usize = 30;
/// Rows handed over together, and batches that may wait.
const ROWS: usize = 512;
const WAITING: usize = 8;

/// Rows as they are stored.
#[derive(Default)]
struct Rows {
    /// Texts and blobs one after the other.
    bytes: Vec<u8>,
    /// Numbers; of texts and blobs start and length in `bytes`, 32 bits each.
    rows: Vec<[Option<i64>; COLUMNS]>,
}

/// One of them.
struct Raw<'a> {
    ints: &'a [Option<i64>; COLUMNS],
    bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    fn int(&self, i: usize) -> Option<i64> {
        self.ints.get(i).copied().flatten()
    }
    fn num(&self, i: usize) -> i64 {
        self.int(i).unwrap_or(0)
    }
    fn small(&self, i: usize) -> u32 {
        u32::try_from(self.num(i)).unwrap_or(0)
    }
    fn bytes(&self, i: usize) -> Option<&'a [u8]> {
        let place = self.int(i)?.cast_unsigned();
        let start = usize::try_from(place >> 32).ok()?;
        let len = usize::try_from(place & 0xffff_ffff).ok()?;
        self.bytes.get(start..start.checked_add(len)?)
    }
    fn text(&self, i: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(i)?).ok()
    }
}

/// Reads all rows in order.
fn rows(conn: &Connection, to: &SyncSender<Rows>) -> Result<()> {
    let mut stmt = conn.prepare(
        "SELECT id,source_id,unit,ord,flow_id,ts,end_ts,src,sport,dst,dport,proto,tls,method_id,host_id,uri,op_id,kind_id,status,ua_id,flags,\
         req_body_id,resp_body_id,ident,trace_id,op_note_id,dispatch_id,shape,grpc_status,seq FROM call ORDER BY id",
    )?;
    let mut r = stmt.query([])?;
    let mut batch = Rows::default();
    while let Some(row) = r.next()? {
        let mut ints = [None; COLUMNS];
        for (i, slot) in ints.iter_mut().enumerate() {
            *slot = match row.get_ref(i)? {
                ValueRef::Integer(n) => Some(n),
                ValueRef::Text(b) | ValueRef::Blob(b) => {
                    let start = batch.bytes.len() as u64;
                    batch.bytes.extend_from_slice(b);
                    Some((start << 32 | b.len() as u64).cast_signed())
                }
                ValueRef::Null | ValueRef::Real(_) => None,
            };
        }
        batch.rows.push(ints);
        if batch.rows.len() >= ROWS || batch.bytes.len() >= 1 << 20 {
            // who takes them ends only after this end does, or by a fault that its join tells
            let _ = to.send(std::mem::take(&mut batch));
        }
    }
    let _ = to.send(batch);
    Ok(())
}

/// Makes [`Evidence`] of rows.
struct Builder {
    ev: Evidence,
    /// Index of a source by its row.
    sources: FxHashMap<i64, u32>,
    /// Rank of a source by its tag.
    place: Vec<u32>,
    /// Ordinal of the exchange that a call came of, by call.
    of: FxHashMap<i64, u32>,
    addrs: Table<u128>,
    paths: Table<Path>,
    traces: FxHashMap<String, u32>,
    /// Users whom connections were let in as, by flow.
    let_in: FxHashMap<i64, CredentialSeen>,
}

impl Builder {
    fn add(&mut self, row: &Raw<'_>) {
        let mut c = CallLine::new(row.num(0), row.num(5));
        c.source = self.sources.get(&row.num(1)).copied().unwrap_or(0);
        c.flow = row.num(4);
        c.end = row.int(6).unwrap_or(i64::MIN);
        for (col, slot) in [(7, &mut c.src), (9, &mut c.dst)] {
            if let Some(a) = row.bytes(col).and_then(|b| <[u8; 16]>::try_from(b).ok()) {
                *slot = self.addrs.id(&mut self.ev.addrs, &u128::from_be_bytes(a));
            }
        }
        c.sport = u16::try_from(row.small(8)).unwrap_or(0);
        c.dport = u16::try_from(row.small(10)).unwrap_or(0);
        c.proto = u8::try_from(row.small(11)).unwrap_or(0);
        c.tls = row.small(12) != 0;
        (c.method, c.host) = (row.small(13), row.small(14));
        c.status = u16::try_from(row.small(18)).unwrap_or(0);
        if let Some(grpc) = row.int(28).and_then(|n| u32::try_from(n).ok()) {
            c.status = as_http(grpc, c.status);
        }
        c.ua = row.small(19);
        c.log = row.small(20) & Flags::LOG_ONLY.0 != 0;
        c.holes = u8::try_from((row.small(20) & HOLES.0).count_ones()).unwrap_or(u8::MAX);
        c.seq = row.num(29).cast_unsigned();
        (c.req_body, c.resp_body) = (row.num(21), row.num(22));
        let uri = row.text(15).unwrap_or("");
        if !uri.is_empty() {
            c.target = target(uri);
            c.number = number(uri);
        }
        let (op, kind) = (row.small(16), row.small(17));
        let path = path_of(uri);
        let server = (c.host == 0 && c.dst != NONE).then_some((c.dst, c.dport));
        let key = Path {
            method: c.method,
            host: c.host,
            server,
            op,
            path: path.into(),
        };
        c.path = self.paths.id(&mut self.ev.paths, &key);
        if c.path as usize >= self.ev.kinds.len() {
            self.ev.kinds.resize(c.path as usize + 1, 0);
            self.ev.notes.resize(c.path as usize + 1, 0);
            self.ev.path_calls.resize(c.path as usize + 1, 0);
        }
        if let Some(k) = self.ev.kinds.get(c.path as usize).copied()
            && k != kind
            && more_telling(text(&self.ev.terms, kind), text(&self.ev.terms, k))
            && let Some(slot) = self.ev.kinds.get_mut(c.path as usize)
        {
            *slot = kind;
        }
        let note = row.small(25);
        if note != 0
            && let Some(slot) = self.ev.notes.get_mut(c.path as usize)
            && *slot != note
            && (*slot == 0 || text(&self.ev.terms, note) < text(&self.ev.terms, *slot))
        {
            *slot = note;
        }
        let dispatch = row.small(26);
        if dispatch != 0 {
            let call = u32::try_from(self.ev.calls.len()).unwrap_or(NONE);
            self.ev
                .dispatch
                .push((call, dispatch, row.num(27).cast_unsigned()));
        }
        if let Some(n) = self.ev.path_calls.get_mut(c.path as usize) {
            *n = n.saturating_add(1);
        }
        if let Some(t) = row.text(24) {
            let next = u32::try_from(self.traces.len()).unwrap_or(NONE);
            c.trace = match self.traces.get(t) {
                Some(i) => *i,
                None => *self.traces.entry(t.to_owned()).or_insert(next),
            };
        }
        let key = CallKey {
            ts: c.ts,
            source: self.place.get(c.source as usize).copied().unwrap_or(0),
            unit: u64::try_from(row.num(2)).unwrap_or(0),
            ord: row.small(3),
        };
        c.ord = key.ord;
        c.of = self.of.get(&c.id).copied().unwrap_or(NONE);
        let addr = self.ev.addrs.get(c.src as usize).copied();
        let mut auth = 0u16;
        let answer = u32::try_from(c.resp_body).unwrap_or(0);
        let (mut creds, events) = row.bytes(23).map(ident::decode).unwrap_or_default();
        self.connection(&c, &mut creds);
        // Where a login goes, whatever operation its body names; few calls have an event.
        let said = |e: &IdentityEvent| !matches!(e, IdentityEvent::Tenant { .. });
        let place = if !events.iter().any(said) {
            NONE
        } else {
            place(c.method, c.host, path)
        };
        let host = self.ev.terms.get(c.host as usize);
        let host = host.map_or("", String::as_str);
        let mut real = creds.iter().filter(|k| sure_place(&k.place));
        if let Some(first) = real.clone().next() {
            c.cred = first.print;
            c.cred_kind = via(first.kind);
        }
        real.by_ref().for_each(|k| auth |= 1 << via(k.kind));
        self.ev.input.push(
            key, addr, c.ua, host, place, answer, c.status, &creds, &events,
        );
        self.ev.auth.push(auth);
        self.ev.keys.push(key);
        self.ev.calls.push(c);
    }

    /// NTLM lets a connection in, not a request ([MS-NTHT]): what follows on it without a header is the same user's.
    fn connection(&mut self, c: &CallLine, creds: &mut Vec<CredentialSeen>) {
        if c.flow == 0 {
            return;
        }
        match creds.iter().find(|k| k.kind == "ntlm") {
            Some(k) if c.status != 401 => {
                self.let_in.insert(c.flow, k.clone());
            }
            Some(_) => {
                self.let_in.remove(&c.flow);
            }
            None if creds.is_empty() && !self.let_in.is_empty() => {
                creds.extend(self.let_in.get(&c.flow).cloned());
            }
            None => {}
        }
    }
}

/// What a gRPC status would be over plain HTTP (the mapping of `google.rpc.Code`): HTTP itself says 200 to all of them. Facts ask
/// whether a call was answered, refused, or asked for what is not there.
fn as_http(grpc: u32, status: u16) -> u16 {
    match grpc {
        0 => status,
        3 | 9 | 11 => 400,
        16 => 401,
        7 => 403,
        5 => 404,
        6 | 10 => 409,
        8 => 429,
        12 => 501,
        14 => 503,
        4 => 504,
        _ => 500,
    }
}

/// Number of a method, a host and a path.
fn place(method: u32, host: u32, path: &str) -> u32 {
    let mut h = SipHasher13::new();
    (method, host, path).hash(&mut h);
    u32::try_from(h.finish() >> 32).unwrap_or(0)
}

/// Print of a request target; never 0. The form that proxies are sent, with scheme and authority, is that of the server.
fn target(uri: &str) -> u64 {
    let mut h = SipHasher13::new();
    let rest = uri
        .split_once("://")
        .filter(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphanumeric()))
        .map(|(_, rest)| {
            rest.find(['/', '?'])
                .map_or("", |at| rest.get(at..).unwrap_or(""))
        });
    if rest.is_some_and(|r| !r.starts_with('/')) {
        h.write(b"/");
    }
    h.write(rest.unwrap_or(uri).as_bytes());
    h.finish().max(1)
}

fn text(terms: &[String], id: u32) -> &str {
    terms.get(id as usize).map_or("", String::as_str)
}

/// Special kinds tell more than `static`, and that more than `rest`; of two special ones the first in order of name stays, so
/// that the order of calls does not decide.
fn more_telling(new: &str, old: &str) -> bool {
    let rank = |kind: &str| match kind {
        "" => 0,
        "rest" => 1,
        "static" => 2,
        _ => 3,
    };
    (rank(new), old) > (rank(old), new)
}

/// The number of a target that could be walked: the last integer of the path, else an integer in a parameter that is an id.
fn number(uri: &str) -> i64 {
    let path = path_of(uri);
    let in_path = path
        .rsplit('/')
        .find(|s| !s.is_empty() && s.len() <= 18 && s.bytes().all(|b| b.is_ascii_digit()));
    let in_query = || {
        uri.split_once('?')?.1.split('&').find_map(|p| {
            let (k, v) = p.split_once('=')?;
            let k = k.to_ascii_lowercase();
            let id = k == "id"
                || k.ends_with("id")
                || k.ends_with("no")
                || k.ends_with("number")
                || k.ends_with("num");
            let paging = k.contains("page")
                || k.contains("offset")
                || k.contains("limit")
                || k.contains("size");
            (id && !paging
                && !v.is_empty()
                && v.len() <= 18
                && v.bytes().all(|b| b.is_ascii_digit()))
            .then_some(v)
        })
    };
    in_path
        .or_else(in_query)
        .and_then(|s| s.parse().ok())
        .unwrap_or(i64::MIN)
}

/// A blob; `None` for NULL.
fn blob(v: ValueRef<'_>) -> Option<&[u8]> {
    match v {
        ValueRef::Blob(b) => Some(b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{number, target};

    #[test]
    fn a_target_is_one_in_each_of_its_forms() {
        for (absolute, origin) in [
            ("http://h:81/a?b=1", "/a?b=1"),
            ("https://h", "/"),
            ("http://h?b", "/?b"),
        ] {
            assert_eq!(target(absolute), target(origin));
        }
        assert_ne!(target("/go?u=http://x/"), target("/"));
    }

    #[test]
    fn numbers_that_walk() {
        assert_eq!(number("/users/12/orders/7?x=1"), 7);
        assert_eq!(number("/q?page=3&userId=44"), 44);
        assert_eq!(number("/q?page=3"), i64::MIN);
    }
}
