//! Reading all calls. In: the evidence tables, or the rows that a load has just written. Out: [`Evidence`]. Bounds: one pass in row
//! order; strings are interned.

use crate::call::model::{CredentialSeen, Flags, IdentityEvent};
use crate::case::lines::{self, Raw, Rows};
use crate::case::{ident, ids};
use crate::error::{Error, Result};
use crate::facts::calls::{CallLine, NONE, add_to};
use crate::facts::credentials::sure_place;
use crate::facts::identity::{CallKey, Input, via};
use crate::facts::templates::path_of;
use indexmap::{Equivalent, IndexSet};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use rustc_hash::{FxBuildHasher, FxHashMap};
use siphasher::sip::SipHasher13;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Receiver;

/// A distinct path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub method: u32,
    pub host: u32,
    /// Server as address and port where no host was sent.
    pub server: Option<(u32, u16)>,
    pub op: u32,
    pub path: Box<str>,
}

/// The same as it stands in a row.
#[derive(PartialEq, Eq, Hash)]
struct PathSeen<'a> {
    method: u32,
    host: u32,
    server: Option<(u32, u16)>,
    op: u32,
    path: &'a str,
}

impl Path {
    fn seen(&self) -> PathSeen<'_> {
        PathSeen {
            method: self.method,
            host: self.host,
            server: self.server,
            op: self.op,
            path: &self.path,
        }
    }
}

impl PathSeen<'_> {
    fn kept(&self) -> Path {
        Path {
            method: self.method,
            host: self.host,
            server: self.server,
            op: self.op,
            path: self.path.into(),
        }
    }
}

impl Hash for Path {
    fn hash<H: Hasher>(&self, h: &mut H) {
        self.seen().hash(h);
    }
}

impl Equivalent<Path> for PathSeen<'_> {
    fn equivalent(&self, p: &Path) -> bool {
        *self == p.seen()
    }
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

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(FxHashMap::default())
    }
}

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

/// Reads everything; what a load that made the case has `gathered` already is not read again.
pub fn calls(conn: &Connection, gathered: Option<Gathered>) -> Result<Evidence> {
    let gathered = match gathered {
        Some(gathered) => gathered,
        // Reading rows and making something of them cost the same: each has a thread.
        None => std::thread::scope(|scope| {
            let (send, rows) = lines::channel();
            let most = conn.query_row("SELECT count(*) FROM call", [], |r| r.get::<_, i64>(0))?;
            let building = scope.spawn(move || built(rows, Builder::with_room(most), |_| true));
            lines::read(conn, &send)?;
            drop(send);
            let built = building.join().ok().flatten();
            built.ok_or_else(|| Error::Case {
                path: "facts".into(),
                why: "reading calls failed".into(),
            })
        })?,
    };
    gathered.0.finish(conn)
}

/// Calls without what the rest of a case says of them.
pub struct Gathered(Builder);

/// Takes rows as they come; `None` where not all of them did, or more than `most`, or where there is no `room` any more.
pub fn gather(batches: Receiver<Rows>, most: usize, room: &AtomicBool) -> Option<Gathered> {
    let within = |b: &Builder| b.ev.keys.len() <= most && room.load(Relaxed);
    built(batches, Builder::default(), within)
}

fn built(
    batches: Receiver<Rows>,
    mut builder: Builder,
    within: impl Fn(&Builder) -> bool,
) -> Option<Gathered> {
    let mut whole = false;
    for batch in batches {
        batch.each().for_each(|row| builder.add(&row));
        whole |= batch.last;
        if !within(&builder) {
            return None;
        }
    }
    whole.then_some(Gathered(builder))
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

/// Makes [`Evidence`] of rows.
#[derive(Default)]
struct Builder {
    ev: Evidence,
    addrs: Table<u128>,
    paths: IndexSet<Path, FxBuildHasher>,
    traces: FxHashMap<String, u32>,
    /// Users whom connections were let in as, by flow.
    let_in: FxHashMap<i64, CredentialSeen>,
    /// Kinds and notes that paths have besides the ones in `ev`.
    kinds: BTreeSet<(u32, u32)>,
    notes: BTreeSet<(u32, u32)>,
}

impl Builder {
    /// For so many calls.
    fn with_room(calls: i64) -> Builder {
        let mut b = Builder::default();
        let n = usize::try_from(calls).unwrap_or(0);
        b.ev.calls.reserve_exact(n);
        b.ev.keys.reserve_exact(n);
        b.ev.auth.reserve_exact(n);
        b.ev.input.reserve(n);
        b
    }

    fn add(&mut self, row: &Raw<'_>) {
        let mut c = CallLine::new(row.num(0), row.num(5));
        c.source = row.small(1); // its row: see `finish`
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
        c.size = row
            .int(30)
            .map_or(NONE, |n| u32::try_from(n).unwrap_or(NONE));
        let uri = row.text(15).unwrap_or("");
        if !uri.is_empty() {
            c.target = target(uri);
            c.bare = match uri.split_once('?') {
                Some((bare, _)) => target(bare),
                None => c.target,
            };
            c.number = number(uri);
        }
        let (op, kind) = (row.small(16), row.small(17));
        let path = path_of(uri);
        let server = (c.host == 0 && c.dst != NONE).then_some((c.dst, c.dport));
        let key = PathSeen {
            method: c.method,
            host: c.host,
            server,
            op,
            path,
        };
        let at = match self.paths.get_index_of(&key) {
            Some(at) => at,
            None => self.paths.insert_full(key.kept()).0,
        };
        c.path = u32::try_from(at).unwrap_or(NONE);
        if c.path as usize >= self.ev.kinds.len() {
            self.ev.kinds.resize(c.path as usize + 1, 0);
            self.ev.notes.resize(c.path as usize + 1, 0);
            self.ev.path_calls.resize(c.path as usize + 1, 0);
        }
        // Which of two tells more depends on their texts.
        for (list, more, new) in [
            (&mut self.ev.kinds, &mut self.kinds, kind),
            (&mut self.ev.notes, &mut self.notes, row.small(25)),
        ] {
            if let Some(slot) = list.get_mut(c.path as usize)
                && new != 0
                && *slot != new
            {
                if *slot == 0 {
                    *slot = new;
                } else {
                    more.insert((c.path, new));
                }
            }
        }
        let dispatch = row.small(26);
        if dispatch != 0 {
            let call = u32::try_from(self.ev.keys.len()).unwrap_or(NONE);
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
            source: c.source,
            unit: u64::try_from(row.num(2)).unwrap_or(0),
            ord: row.small(3),
        };
        c.ord = key.ord;
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
        let mut real = creds.iter().filter(|k| sure_place(&k.place));
        if let Some(first) = real.clone().next() {
            c.cred = first.print;
            c.cred_kind = via(first.kind);
        }
        real.by_ref().for_each(|k| auth |= 1 << via(k.kind));
        self.ev.input.push(
            key, addr, c.ua, c.host, place, answer, c.status, &creds, &events,
        );
        add_to(&mut self.ev.auth, auth);
        add_to(&mut self.ev.keys, key);
        add_to(&mut self.ev.calls, c);
    }

    /// Adds what the case says of terms, sources, and calls that came of one another.
    fn finish(self, conn: &Connection) -> Result<Evidence> {
        let mut ev = self.ev;
        ev.paths = self.paths.into_iter().collect();
        ev.terms = texts(conn)?;
        for (path, kind) in self.kinds {
            if let Some(slot) = ev.kinds.get_mut(path as usize)
                && more_telling(text(&ev.terms, kind), text(&ev.terms, *slot))
            {
                *slot = kind;
            }
        }
        for (path, note) in self.notes {
            if let Some(slot) = ev.notes.get_mut(path as usize)
                && text(&ev.terms, note) < text(&ev.terms, *slot)
            {
                *slot = note;
            }
        }
        let mut sources: FxHashMap<u32, u32> = FxHashMap::default();
        let mut stmt = conn.prepare("SELECT id,sha256 FROM source ORDER BY id")?;
        let mut r = stmt.query([])?;
        while let Some(row) = r.next()? {
            let id: i64 = row.get(0)?;
            let at = u32::try_from(ev.tags.len()).unwrap_or(0);
            sources.insert(u32::try_from(id).unwrap_or(0), at);
            ev.sources.push(id);
            ev.tags.push(ids::source_tag(blob(row.get_ref(1)?), id));
        }
        // Order in time must not depend on the order of loading: equal times are ordered by the source's tag.
        let mut rank: Vec<u32> = (0..u32::try_from(ev.tags.len()).unwrap_or(0)).collect();
        rank.sort_by_key(|i| ev.tags.get(*i as usize).cloned());
        ev.rank = vec![0u32; rank.len()];
        for (p, i) in (0u32..).zip(&rank) {
            if let Some(x) = ev.rank.get_mut(*i as usize) {
                *x = p;
            }
        }
        for c in &mut ev.calls {
            c.source = sources.get(&c.source).copied().unwrap_or(0);
        }
        for (key, c) in ev.keys.iter_mut().zip(&ev.calls) {
            key.source = ev.rank.get(c.source as usize).copied().unwrap_or(0);
        }
        ev.input.rank(&ev.keys);
        ev.input.tell_hosts(|host| text(&ev.terms, host));
        let mut stmt = conn.prepare("SELECT call_id,ord FROM call_of")?;
        let mut r = stmt.query([])?;
        while let Some(row) = r.next()? {
            let id: i64 = row.get(0)?;
            if let Ok(at) = ev.calls.binary_search_by_key(&id, |c| c.id)
                && let Some(c) = ev.calls.get_mut(at)
            {
                c.of = row.get(1)?;
            }
        }
        Ok(ev)
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
