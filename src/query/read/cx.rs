//! A reader's connection and what it looked up already. In: a case file. Out: a [`Cx`]. Bounds: names are kept up to
//! [`TERMS`]; everything derived is forgotten when another connection writes.

use crate::body::protobuf::schema::Schema;
use crate::call::model::Level;
use crate::case::bodies::BodyReader;
use crate::case::heads::Heads;
use crate::case::share::{self, Share};
use crate::case::{ids, info, open_read, profile};
use crate::detect::print::{PrintKey, PrintKind};
use crate::error::Result;
use crate::query::find::Texts;
use crate::query::func::{self, Ranks};
use crate::query::lang::value::Span;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};

/// Names kept: hosts, agents, types, field paths of a large case; beyond, they are looked up again.
const TERMS: usize = 500_000;

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    /// Name as given; where two files of the case have one name, with the id part behind it.
    pub name: Arc<str>,
    /// What stands in ids.
    pub tag: Arc<str>,
}

/// A data class of the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Bit and row.
    pub id: u8,
    /// Name.
    pub name: Arc<str>,
    /// Level.
    pub level: u8,
}

/// Accepted fields of an API: direction, class, field path.
pub type Accepted = Arc<FxHashSet<(u8, u8, Arc<str>)>>;

/// What reading needs: a read-only connection, names that were looked up, and whether values are shown. It belongs to
/// one thread at a time.
pub struct Cx {
    /// The connection; [`Connection::get_interrupt_handle`] stops what runs on it.
    pub conn: Connection,
    /// Show values of data classes.
    pub reveal: bool,
    /// The case file.
    pub path: PathBuf,
    /// The case's key.
    pub key: PrintKey,
    /// What it says of itself where it is a share copy: it holds no clear value.
    pub share: Option<Share>,
    /// What the user should be told about the case.
    pub warnings: Vec<String>,
    /// What text searches found; readers of one case may share it.
    pub texts: Arc<Texts>,
    /// Set to end what is no SQL: a search of text.
    pub stop: Arc<AtomicBool>,
    pub(super) reader: RefCell<BodyReader>,
    pub(super) cache: RefCell<Cache>,
    ranks: Ranks,
    version: Cell<i64>,
    /// Types of messages: given for this reading, or those that the case keeps, read at the first need.
    schema: OnceCell<Option<Arc<Schema>>>,
}

#[derive(Default)]
pub(super) struct Cache {
    terms: FxHashMap<i64, Arc<str>>,
    pub sources: FxHashMap<i64, SourceName>,
    pub apis: FxHashMap<i64, Arc<str>>,
    pub accounts: FxHashMap<i64, Arc<str>>,
    pub sessions: FxHashMap<i64, Arc<str>>,
    pub accepted: FxHashMap<i64, Accepted>,
    pub classes: Arc<[Class]>,
    /// Levels by which a masked value falls.
    pub masked_falls: u8,
    pub span: Option<Span>,
}

impl Cx {
    /// Opens a case for reading.
    ///
    /// # Errors
    /// As [`open_read`].
    pub fn open(path: &Path, reveal: bool) -> Result<Cx> {
        Cx::open_with(path, reveal, Arc::default())
    }

    /// The same for one of several readers that share what their searches find.
    pub fn open_with(path: &Path, reveal: bool, texts: Arc<Texts>) -> Result<Cx> {
        let case = open_read(path)?;
        let side = open_read(path)?;
        let key = case.print_key();
        let copy = share::read(&case.conn)?;
        if reveal && copy.is_some() {
            return Err(share::no_text("--reveal"));
        }
        let ranks = Ranks::default();
        case.conn.set_prepared_statement_cache_capacity(128);
        func::install(&case.conn, side.conn, ranks.clone(), texts.clone())?;
        let cx = Cx {
            conn: case.conn,
            reveal,
            path: path.to_owned(),
            key,
            share: copy,
            warnings: case.warnings,
            texts,
            stop: Arc::default(),
            reader: RefCell::default(),
            cache: RefCell::default(),
            ranks,
            version: Cell::new(-1),
            schema: OnceCell::new(),
        };
        cx.fresh()?;
        Ok(cx)
    }

    /// A value as the journal keeps it: a print under the case's key, which tells it when it is given again.
    #[must_use]
    pub fn print_of(&self, value: &str) -> String {
        let print = self.key.print(PrintKind::Value, value.as_bytes());
        format!("{print:016x}")
    }

    /// Names of the case's data classes.
    #[must_use]
    pub fn known_classes(&self) -> Vec<String> {
        self.classes().iter().map(|c| c.name.to_string()).collect()
    }

    /// Level of a value of a class under the case's grading profile.
    pub fn level(&self, class: u8, masked: bool) -> Level {
        let classes = self.classes();
        let own = classes
            .iter()
            .find(|c| c.id == class)
            .map_or(0, |c| c.level);
        let fall = if masked {
            self.cache.borrow().masked_falls
        } else {
            0
        };
        Level::from_u8(own.saturating_sub(fall))
    }

    /// Names messages by this schema, instead of the one that the case keeps.
    pub fn set_schema(&mut self, schema: Schema) {
        self.schema = OnceCell::from(Some(Arc::new(schema)));
    }

    /// Types of messages that are known.
    pub fn schema(&self) -> Option<Arc<Schema>> {
        let kept = || {
            let text = info::get(&self.conn, info::SCHEMA).ok().flatten()?;
            Schema::from_json(&text).map(Arc::new)
        };
        self.schema.get_or_init(kept).clone()
    }

    /// Forgets what was looked up when another connection has written since. Every reading function calls it first.
    pub fn fresh(&self) -> Result<()> {
        let now: i64 = self
            .conn
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |r| r.get(0))?;
        if now == self.version.get() {
            return Ok(());
        }
        let mut stmt = self.conn.prepare_cached(
            "SELECT id,name,sha256 FROM source ORDER BY sha256 IS NULL, sha256, id",
        )?;
        let rows: Vec<(i64, String, Option<Vec<u8>>)> = stmt
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let classes: Vec<Class> = crate::case::classes::list(&self.conn)?
            .into_iter()
            .map(|(id, name, level, _)| Class {
                id,
                name: name.into(),
                level,
            })
            .collect();
        let mut cache = self.cache.borrow_mut();
        let terms = std::mem::take(&mut cache.terms);
        *cache = Cache {
            terms,
            classes: classes.into(),
            masked_falls: profile::current(&self.conn)?.grading().masked,
            ..Cache::default()
        };
        let mut names: FxHashMap<&str, usize> = FxHashMap::default();
        for (_, name, _) in &rows {
            *names.entry(name).or_default() += 1;
        }
        let shared: FxHashSet<String> = rows
            .iter()
            .filter(|(_, name, _)| names.get(name.as_str()).is_some_and(|n| *n > 1))
            .map(|(_, name, _)| name.clone())
            .collect();
        let mut ranks = self.ranks.write().unwrap_or_else(PoisonError::into_inner);
        ranks.clear();
        for (rank, (id, name, sha)) in (0i64..).zip(rows) {
            ranks.insert(id, rank);
            let tag = ids::source_tag(sha.as_deref(), id);
            let name = if shared.contains(&name) {
                format!("{name}@{tag}")
            } else {
                name
            };
            cache.sources.insert(
                id,
                SourceName {
                    name: name.into(),
                    tag: tag.into(),
                },
            );
        }
        self.version.set(now);
        Ok(())
    }

    /// The order of a source among all, by hash.
    pub(super) fn rank(&self, source: i64) -> i64 {
        let ranks = self.ranks.read().unwrap_or_else(PoisonError::into_inner);
        ranks.get(&source).copied().unwrap_or(i64::MAX)
    }

    /// A word of the term table.
    pub fn term(&self, id: i64) -> Result<Arc<str>> {
        if let Some(t) = self.cache.borrow().terms.get(&id) {
            return Ok(t.clone());
        }
        let text: Option<String> = self
            .conn
            .prepare_cached("SELECT v FROM term WHERE id=?1")?
            .query_row([id], |r| r.get(0))
            .optional()?;
        let text: Arc<str> = text.unwrap_or_default().into();
        let mut cache = self.cache.borrow_mut();
        if cache.terms.len() < TERMS {
            cache.terms.insert(id, text.clone());
        }
        Ok(text)
    }

    /// Name and id part of a source.
    pub fn source(&self, id: i64) -> SourceName {
        self.cache
            .borrow()
            .sources
            .get(&id)
            .cloned()
            .unwrap_or_else(|| SourceName {
                name: "?".into(),
                tag: format!("s{id}").into(),
            })
    }

    /// Data classes of the case in their order.
    pub fn classes(&self) -> Arc<[Class]> {
        self.cache.borrow().classes.clone()
    }

    /// Names of the classes in a bit set.
    pub fn class_names(&self, bits: i64) -> Vec<String> {
        self.classes()
            .iter()
            .filter(|c| c.id < 63 && bits >> c.id & 1 == 1)
            .map(|c| c.name.to_string())
            .collect()
    }

    /// First and last time of the evidence.
    pub fn span(&self) -> Result<Span> {
        self.fresh()?;
        if let Some(s) = self.cache.borrow().span {
            return Ok(s);
        }
        // Two statements: each is one step in the index by time.
        let one = |sql| -> Result<Option<i64>> {
            Ok(self.conn.prepare_cached(sql)?.query_row([], |r| r.get(0))?)
        };
        let span = Span {
            first: one("SELECT min(ts) FROM call")?.unwrap_or(0),
            last: one("SELECT max(ts) FROM call")?.unwrap_or(0),
            cursor: None,
        };
        self.cache.borrow_mut().span = Some(span);
        Ok(span)
    }

    /// Accepted fields of an API.
    pub(super) fn accepted(&self, api: i64) -> Result<Accepted> {
        if let Some(a) = self.cache.borrow().accepted.get(&api) {
            return Ok(a.clone());
        }
        let mut stmt = self.conn.prepare_cached(
            "SELECT dir,class_id,field_id FROM field_class WHERE api_id=?1 AND accept=1",
        )?;
        let rows: Vec<(u8, u8, i64)> = stmt
            .query_map([api], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut set = FxHashSet::default();
        for (dir, class, field) in rows {
            set.insert((dir, class, self.term(field)?));
        }
        let set = Arc::new(set);
        self.cache.borrow_mut().accepted.insert(api, set.clone());
        Ok(set)
    }

    /// A name looked up once: `pick` chooses the cache, `sql` asks by row id.
    pub(super) fn name(
        &self,
        id: i64,
        pick: fn(&mut Cache) -> &mut FxHashMap<i64, Arc<str>>,
        sql: &'static str,
    ) -> Result<Option<Arc<str>>> {
        if let Some(t) = pick(&mut self.cache.borrow_mut()).get(&id) {
            return Ok(Some(t.clone()));
        }
        let text: Option<String> = self
            .conn
            .prepare_cached(sql)?
            .query_row([id], |r| r.get(0))
            .optional()?;
        let Some(text) = text else { return Ok(None) };
        let text: Arc<str> = text.into();
        let mut cache = self.cache.borrow_mut();
        let map = pick(&mut cache);
        if map.len() < TERMS {
            map.insert(id, text.clone());
        }
        Ok(Some(text))
    }

    /// Name of an API.
    pub fn api_name(&self, id: i64) -> Result<Option<Arc<str>>> {
        self.name(id, |c| &mut c.apis, "SELECT name FROM api WHERE id=?1")
    }
    /// Name of an account.
    pub fn account_name(&self, id: i64) -> Result<Option<Arc<str>>> {
        self.name(
            id,
            |c| &mut c.accounts,
            "SELECT name FROM account WHERE id=?1",
        )
    }
    /// Id of a session.
    pub fn session_uid(&self, id: i64) -> Result<Option<Arc<str>>> {
        self.name(
            id,
            |c| &mut c.sessions,
            "SELECT uid FROM session WHERE id=?1",
        )
    }

    /// Content of a stored body; empty where it is still being written.
    pub fn body(&self, id: i64) -> Result<Vec<u8>> {
        self.reader.borrow_mut().get(&self.conn, id)
    }

    /// Heads of a call as they were sent; empty where it has none.
    pub fn heads(&self, call: i64) -> Result<Heads> {
        self.reader.borrow_mut().heads(&self.conn, call)
    }

    /// Whether every number is partial: a load has not ended, or what it read is not decided yet.
    pub fn partial(&self) -> Result<bool> {
        info::is_partial(&self.conn)
    }

    /// A note about the case itself: `number`, `examiner`, `notes`.
    pub fn info(&self, key: &str) -> Result<Option<String>> {
        info::get(&self.conn, key)
    }
}
