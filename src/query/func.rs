//! Functions that filters call from SQL: patterns over columns, bodies, headers and findings, ids, the order of sources.
//! In: a connection. Out: the connection with functions. Bounds: a pattern is linear in the text; packs are kept as
//! [`BodyReader`] does; answers for bodies are remembered for [`REMEMBERED`] bodies a pattern.

use super::find::{self, Texts};
use super::pattern;
use crate::case::bodies::BodyReader;
use crate::case::ids;
use crate::detect;
use crate::error::{Error, Result};
use regex::bytes::Regex;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Answers kept for one pattern: the page, its count and its chips ask the same bodies again.
const REMEMBERED: usize = 2_000_000;
/// Patterns whose answers are kept.
const PATTERNS: usize = 8;

/// Rank of each source in the order of hashes: rows of the same instant stand in this order whatever was loaded first.
pub type Ranks = Arc<RwLock<FxHashMap<i64, i64>>>;

/// What the functions read the case with: a connection of their own, for a function must not use the one that calls it.
struct Side {
    conn: Connection,
    reader: BodyReader,
    answers: VecDeque<(String, FxHashMap<i64, bool>)>,
    fields: RefCell<FxHashMap<u32, Arc<str>>>,
    accepted: FxHashMap<i64, FxHashSet<(u8, u8, Arc<str>)>>,
    version: i64,
    /// What searches found beforehand.
    texts: Arc<Texts>,
}

impl Side {
    fn new(conn: Connection, texts: Arc<Texts>) -> Side {
        Side {
            conn,
            reader: BodyReader::new(),
            answers: VecDeque::new(),
            fields: RefCell::default(),
            accepted: FxHashMap::default(),
            version: -1,
            texts,
        }
    }

    /// The answers kept under a name.
    fn kept(&mut self, name: &str) -> &mut FxHashMap<i64, bool> {
        if !self.answers.iter().any(|(n, _)| n == name) {
            if self.answers.len() >= PATTERNS {
                self.answers.pop_front();
            }
            self.answers
                .push_back((name.to_owned(), FxHashMap::default()));
        }
        let at = self
            .answers
            .iter()
            .position(|(n, _)| n == name)
            .unwrap_or(0);
        &mut self.answers[at].1
    }

    /// Keeps an answer as long as there is room.
    fn keep(&mut self, name: &str, id: i64, yes: bool) {
        let kept = self.kept(name);
        if kept.len() < REMEMBERED {
            kept.insert(id, yes);
        }
    }

    fn body(&mut self, re: &Regex, body: i64) -> bool {
        if let Some(known) = self.texts.body(re.as_str(), body) {
            return known;
        }
        if let Some(known) = self.kept(re.as_str()).get(&body) {
            return *known;
        }
        // A body that is still being written is asked again later.
        let Ok(content) = self.reader.get(&self.conn, body) else {
            return false;
        };
        let yes = re.is_match(&content);
        self.keep(re.as_str(), body, yes);
        yes
    }

    fn header(&mut self, re: &Regex, call: i64, name: &str, side: i64) -> bool {
        let Ok(heads) = self.reader.heads(&self.conn, call) else {
            return false;
        };
        let request = heads.request.iter().filter(|_| side != 2);
        let response = heads.response.iter().filter(|_| side != 1);
        request.chain(response).any(|h| {
            h.headers()
                .into_iter()
                .chain(h.trailer_list())
                .any(|(n, v)| {
                    if name.is_empty() {
                        re.is_match(format!("{n}: {v}").as_bytes())
                    } else {
                        n.eq_ignore_ascii_case(name) && re.is_match(v.as_bytes())
                    }
                })
        })
    }

    fn head(&mut self, name: &str, re: &Regex, call: i64) -> bool {
        if let Some(known) = self.texts.head(re.as_str(), call) {
            return known;
        }
        if let Some(known) = self.kept(name).get(&call) {
            return *known;
        }
        let Ok(heads) = self.reader.heads(&self.conn, call) else {
            return false;
        };
        let yes = find::matches(re, &heads);
        self.keep(name, call, yes);
        yes
    }

    fn field(&self, id: u32) -> Arc<str> {
        if let Some(t) = self.fields.borrow().get(&id) {
            return t.clone();
        }
        let text: Option<String> = self
            .conn
            .prepare_cached("SELECT v FROM term WHERE id=?1")
            .and_then(|mut s| s.query_row([id], |r| r.get(0)))
            .ok();
        let text: Arc<str> = text.unwrap_or_default().into();
        self.fields.borrow_mut().insert(id, text.clone());
        text
    }

    /// Looks up the accepted fields of an API; forgets all when the case has changed.
    fn accept(&mut self, api: i64) -> rusqlite::Result<()> {
        let now: i64 = self
            .conn
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |r| r.get(0))?;
        if now != self.version {
            self.version = now;
            self.accepted.clear();
        }
        if self.accepted.contains_key(&api) {
            return Ok(());
        }
        let mut set = FxHashSet::default();
        let mut stmt = self.conn.prepare_cached(
            "SELECT dir,class_id,field_id FROM field_class WHERE api_id=?1 AND accept=1",
        )?;
        let mut rows = stmt.query([api])?;
        while let Some(r) = rows.next()? {
            set.insert((r.get(0)?, r.get(1)?, self.field(r.get(2)?)));
        }
        drop(rows);
        drop(stmt);
        self.accepted.insert(api, set);
        Ok(())
    }

    fn finding(&mut self, key: &str, test: &Test, call: i64) -> rusqlite::Result<bool> {
        let Some((api, sides)) = call_facts(&self.conn, call)? else {
            return Ok(false);
        };
        if let Some(api) = api {
            self.accept(api)?;
        }
        let accepted = api.and_then(|api| self.accepted.get(&api));
        for (dir, blob) in sides {
            let facts = detect::pack::decode(&blob, &|id| self.field(id));
            for f in facts.findings {
                if f.class == detect::DIGEST {
                    continue;
                }
                let hit = match (key, test) {
                    ("dir", Test::Re(re)) => re.is_match(dir_name(dir).as_bytes()),
                    ("where", Test::Re(re)) => {
                        re.is_match(detect::place(&f.field, &f.index).as_bytes())
                    }
                    ("form", Test::Re(re)) => re.is_match(f.form.name().as_bytes()),
                    ("conf", Test::Num(op, n)) => {
                        let conf = f64::from(f.conf) / 100.0;
                        match op.as_str() {
                            "<" => conf < *n,
                            "<=" => conf <= *n,
                            ">" => conf > *n,
                            ">=" => conf >= *n,
                            _ => (conf - n).abs() < 0.005,
                        }
                    }
                    _ => false,
                };
                if hit && accepted.is_none_or(|s| s.contains(&(dir, f.class, f.field))) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// `req` or `resp`.
pub(super) fn dir_name(dir: u8) -> &'static str {
    if dir == 0 { "req" } else { "resp" }
}

/// Packed findings of a call with their direction, and its API. Heads first, then bodies, request before response.
type Packed = (Option<i64>, Vec<(u8, Vec<u8>)>);

fn call_facts(conn: &Connection, call: i64) -> rusqlite::Result<Option<Packed>> {
    conn.prepare_cached(
        "SELECT f.api_id, c.req_facts, q.facts, c.resp_facts, s.facts FROM call c \
         LEFT JOIN call_fact f ON f.call_id=c.id LEFT JOIN body q ON q.id=c.req_body_id \
         LEFT JOIN body s ON s.id=c.resp_body_id WHERE c.id=?1",
    )?
    .query_row([call], |r| {
        let mut sides = Vec::new();
        for (col, dir) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
            if let Some(blob) = r.get::<_, Option<Vec<u8>>>(col)? {
                sides.push((dir, blob));
            }
        }
        Ok((r.get(0)?, sides))
    })
    .optional()
}

enum Test {
    Re(Regex),
    Num(String, f64),
}

fn bad(msg: String) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(msg.into())
}

/// The compiled pattern of argument `at`, made once a statement.
fn compiled(c: &mut Context<'_>, at: usize) -> rusqlite::Result<Arc<Regex>> {
    c.get_or_create_aux(
        i32::try_from(at).unwrap_or(0),
        |v| -> std::result::Result<Regex, Box<dyn std::error::Error + Send + Sync>> {
            pattern::regex(v.as_str()?, false).map_err(Into::into)
        },
    )
}

fn lock(side: &Mutex<Side>) -> MutexGuard<'_, Side> {
    side.lock().unwrap_or_else(PoisonError::into_inner)
}

fn int(c: &Context<'_>, at: usize) -> Option<i64> {
    match c.get_raw(at) {
        ValueRef::Integer(n) => Some(n),
        _ => None,
    }
}

/// Registers all functions on `conn`; `side` is a second reading connection to the same case.
pub fn install(conn: &Connection, side: Connection, ranks: Ranks, texts: Arc<Texts>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    let side = Arc::new(Mutex::new(Side::new(side, texts)));

    conn.create_scalar_function("lt_re", 2, flags, |c| {
        let re = compiled(c, 0)?;
        Ok(match c.get_raw(1) {
            ValueRef::Text(t) | ValueRef::Blob(t) => Some(re.is_match(t)),
            ValueRef::Integer(n) => Some(re.is_match(n.to_string().as_bytes())),
            ValueRef::Real(_) | ValueRef::Null => None,
        })
    })?;
    conn.create_scalar_function("lt_rank", 1, flags, move |c| {
        let id = int(c, 0).unwrap_or(0);
        let known = ranks.read().unwrap_or_else(PoisonError::into_inner);
        Ok(known.get(&id).copied().unwrap_or(i64::MAX))
    })?;
    let s = side.clone();
    conn.create_scalar_function("lt_body", 2, flags, move |c| {
        let re = compiled(c, 0)?;
        Ok(int(c, 1).map(|id| lock(&s).body(&re, id)))
    })?;
    let s = side.clone();
    conn.create_scalar_function("lt_header", 4, flags, move |c| {
        let re = compiled(c, 0)?;
        let (call, which) = (int(c, 1).unwrap_or(0), int(c, 3).unwrap_or(0));
        let name = c.get::<String>(2)?;
        Ok(lock(&s).header(&re, call, &name, which))
    })?;
    let s = side.clone();
    conn.create_scalar_function("lt_head", 3, flags, move |c| {
        // Answers for heads are kept apart from those for bodies.
        let aux = c.get_or_create_aux(
            0,
            |v| -> std::result::Result<_, Box<dyn std::error::Error + Send + Sync>> {
                let re = pattern::regex(v.as_str()?, false)?;
                let name = format!("head {}", re.as_str());
                Ok((re, name))
            },
        )?;
        Ok(match (int(c, 1), int(c, 2)) {
            (Some(call), Some(_)) => Some(lock(&s).head(&aux.1, &aux.0, call)),
            _ => None,
        })
    })?;
    let s = side.clone();
    conn.create_scalar_function("lt_finding", 3, flags, move |c| {
        let key = c.get::<String>(0)?;
        let test = if key == "conf" {
            let arg = c.get::<String>(1)?;
            let (op, n) = arg.split_once(' ').unwrap_or(("==", "0"));
            Test::Num(op.to_owned(), n.parse().unwrap_or(0.0))
        } else {
            Test::Re(compiled(c, 1)?.as_ref().clone())
        };
        lock(&s).finding(&key, &test, int(c, 2).unwrap_or(0))
    })?;
    let s = side.clone();
    conn.create_scalar_function("lt_call_row", 1, flags, move |c| {
        let text = c.get::<String>(0)?;
        ids::find_call(&lock(&s).conn, &text).map_err(sql_error)
    })?;
    conn.create_scalar_function("lt_flow_row", 1, flags, move |c| {
        let text = c.get::<String>(0)?;
        ids::find_flow(&lock(&side).conn, &text).map_err(sql_error)
    })?;
    Ok(())
}

fn sql_error(e: Error) -> rusqlite::Error {
    match e {
        Error::Sql(e) => e,
        e => bad(e.to_string()),
    }
}
