//! Findings decided by column. In: packed findings of bodies and heads. Out: the classes of a case, and columns with a decision each;
//! [`apply`] gives what holds to the calls. Bounds: findings are streamed in row order and never held; one count a column.

#[path = "finalise_apply.rs"]
mod apply;

use super::blobs::{Found, Lines, each, streamed};
use super::read::Evidence;
use crate::case::marks::{self, Correction};
use crate::detect::column::{Decision, Held, decide};
use crate::detect::pack;
use crate::detect::place;
use crate::detect::{DIGEST, Rules};
use crate::error::Result;
use crate::facts::calls::NONE;
use crate::facts::level::Classes as Levels;
pub use apply::{apply, count_values};
use rusqlite::Connection;
use rustc_hash::{FxHashMap, FxHashSet};

/// The classes of a case.
pub struct Classes {
    pub names: Vec<String>,
    pub levels: Levels,
    /// Number in the rules by class of the case.
    rule: Vec<Option<u8>>,
    /// Secrets that an answer should never carry; tokens are handed out by design.
    hard: u64,
}

/// Remembers what was looked up last, by place, field and class: rows repeat a few fields in turn.
struct Recent<T>([Option<(Key, T)>; 64]);

impl<T: Copy> Recent<T> {
    fn new() -> Self {
        Recent([None; 64])
    }
    #[inline]
    fn get(&mut self, key: Key, look_up: impl FnOnce() -> T) -> T {
        let at = (key.1 as usize ^ usize::from(key.2) << 3 ^ key.0 as usize) & 63;
        match self.0.get(at) {
            Some(Some((k, v))) if *k == key => *v,
            _ => {
                let v = look_up();
                if let Some(slot) = self.0.get_mut(at) {
                    *slot = Some((key, v));
                }
                v
            }
        }
    }
}

/// Reads the classes.
pub fn classes(conn: &Connection, rules: &Rules) -> Result<Classes> {
    let mut out = Classes {
        names: vec![String::new(); 64],
        levels: Levels::default(),
        rule: vec![None; 64],
        hard: 0,
    };
    let profile = crate::case::profile::current(conn)?;
    out.levels.grading = profile.grading();
    for (id, name, level, _) in crate::case::classes::list(conn)? {
        let at = usize::from(id);
        let bit = 1u64 << (id & 63);
        let rule = rules.class_id(&name);
        if let Some(def) = rule.and_then(|r| rules.classes().get(usize::from(r))) {
            if def.person {
                out.levels.person |= bit;
            }
            if let Some(l) = out.levels.level.get_mut(at) {
                *l = def.level as u8;
            }
        } else if let Some(l) = out.levels.level.get_mut(at) {
            *l = level;
        }
        match name.as_str() {
            "password" | "private-key" | "cloud-key" | "api-key" => {
                out.hard |= bit;
                out.levels.secret |= bit;
            }
            "session-token" | "jwt" => out.levels.secret |= bit,
            _ => {}
        }
        if let Some(l) = out.levels.level.get_mut(at) {
            *l = profile.level(&name, *l);
            // rows of findings and classes are shown by what stands in the case
            if *l != level {
                conn.execute("UPDATE class SET level=?1 WHERE id=?2", (*l, id))?;
            }
        }
        if let (Some(n), Some(r)) = (out.names.get_mut(at), out.rule.get_mut(at)) {
            (*n, *r) = (name, rule);
        }
    }
    Ok(out)
}

/// API, direction (lowest bit), field, class.
type Key = (u32, u32, u8);

#[derive(Clone, Copy, Default)]
struct Stat {
    held: Held,
    calls: u64,
    /// Body or call that was counted last, so that `calls` counts each once.
    last: i64,
}

/// Counts by column.
struct Stats {
    list: Vec<(Key, Stat)>,
    index: FxHashMap<Key, usize>,
    recent: Recent<usize>,
    /// Numbers of the columns that hold each field, where corrections ask for them.
    numbers: Option<FxHashMap<Key, Number>>,
}

/// The number of a column, in all tables the same or not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Always(u32),
    Differs,
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            list: Vec::new(),
            index: FxHashMap::default(),
            recent: Recent::new(),
            numbers: None,
        }
    }
}

impl Stats {
    #[inline]
    fn of(&mut self, key: Key) -> Option<&mut Stat> {
        let (list, index) = (&mut self.list, &mut self.index);
        let at = self.recent.get(key, || {
            *index.entry(key).or_insert_with(|| {
                list.push((key, Stat::default()));
                list.len() - 1
            })
        });
        self.list.get_mut(at).map(|(_, s)| s)
    }

    /// Counts the candidates of one blob. `mark` names the body or call, so that each counts once as `times` calls.
    fn count(&mut self, blob: &[u8], place: u32, times: u64, mark: i64) {
        let stats = std::cell::RefCell::new(self);
        pack::visit(
            blob,
            |f| {
                if f.class == DIGEST || f.class >= 64 {
                    return;
                }
                let mut stats = stats.borrow_mut();
                if let (Some(numbers), Some(n)) = (&mut stats.numbers, f.last) {
                    let number = numbers
                        .entry((place, f.field, f.class))
                        .or_insert(Number::Always(n));
                    if *number != Number::Always(n) {
                        *number = Number::Differs;
                    }
                }
                let Some(s) = stats.of((place, f.field, f.class)) else {
                    return;
                };
                s.held.add(f.masked, f.conf, f.print);
                if s.last != mark {
                    s.last = mark;
                    s.calls += times;
                }
            },
            |field, class, count| {
                if class < 64
                    && let Some(s) = stats.borrow_mut().of((place, field, class))
                {
                    s.held.misses += u64::from(count);
                }
            },
        );
    }
}

/// One decided column.
pub struct Column {
    pub api: u32,
    pub dir: u8,
    pub field: u32,
    pub class: u8,
    pub decision: Decision,
    pub clear: u64,
    pub masked: u64,
    pub missed: u64,
    pub calls: u64,
}

/// Decisions on all columns.
pub struct Columns {
    pub list: Vec<Column>,
    accept: FxHashSet<Key>,
    /// Body, API and direction, call: sorted, one entry for each use of a body.
    users: Vec<(i64, u32, u32)>,
}

impl Columns {
    /// Whether a field of an API holds values of a class.
    pub fn accepts(&self, api: u32, dir: u32, field: u32, class: u8) -> bool {
        self.accept.contains(&(api * 2 + dir, field, class))
    }
}

/// First pass: counts candidates by column and decides.
pub fn columns(
    conn: &Connection,
    ev: &mut Evidence,
    classes: &Classes,
    rules: &Rules,
    corrections: &[Correction],
    apis: &[String],
) -> Result<Columns> {
    let mut users: Vec<(i64, u32, u32)> = Vec::with_capacity(ev.calls.len() * 2);
    for (i, c) in ev.calls.iter().enumerate() {
        let i = u32::try_from(i).unwrap_or(NONE);
        if c.joined == NONE && c.api != NONE {
            for (body, dir) in [(c.req_body, 0), (c.resp_body, 1)] {
                if body != 0 {
                    users.push((body, c.api * 2 + dir, i));
                }
            }
        }
    }
    users.sort_unstable();
    let calls = &mut ev.calls;
    let numbered = corrections.iter().any(by_number);
    let count = |batches, _: std::sync::mpsc::Sender<()>| {
        let mut stats = Stats {
            numbers: numbered.then(FxHashMap::default),
            ..Stats::default()
        };
        each(
            batches,
            &users,
            Lines::new(calls),
            |found, calls| match found {
                Found::Body { blob, id, group } => {
                    for same in group.chunk_by(|a, b| a.1 == b.1) {
                        if let Some((_, place, _)) = same.first() {
                            stats.count(blob, *place, same.len() as u64, id);
                        }
                    }
                }
                Found::Head { blob, call, dir } => {
                    if let Some(c) = calls.get(call) {
                        stats.count(blob, c.api * 2 + dir, 1, -c.id);
                    }
                }
                Found::Until(_) => {}
            },
        );
        stats
    };
    let stats = streamed(conn, count, &mut |()| Ok(()))?;
    let (mut keys, numbers) = (stats.list, stats.numbers.unwrap_or_default());
    keys.sort_unstable_by_key(|(k, _)| *k);
    let mut out = Columns {
        list: Vec::with_capacity(keys.len()),
        accept: FxHashSet::default(),
        users,
    };
    let mut contexts: FxHashMap<(u32, u8), crate::detect::column::Context> = FxHashMap::default();
    for ((place, field, class), s) in keys {
        let Some(rule) = classes.rule.get(usize::from(class)).copied().flatten() else {
            continue;
        };
        let Some(def) = rules.classes().get(usize::from(rule)) else {
            continue;
        };
        if s.held.clear + s.held.masked == 0 {
            continue;
        }
        let context = *contexts
            .entry((field, class))
            .or_insert_with(|| rules.context(ev.term(field), rule));
        let mut decision = decide(def, &s.held, context);
        let api = place / 2;
        let number = match numbers.get(&(place, field, class)) {
            Some(Number::Always(n)) => place::by_number(ev.term(field), *n),
            _ => None,
        };
        let called = [Some(ev.term(field)), number.as_deref()];
        let shown = apis.get(usize::try_from(api).unwrap_or(usize::MAX));
        let of = marks::inferred(corrections, shown.map_or("", String::as_str));
        if let Some(on) = corrected(corrections, &def.name, called, of) {
            decision.accept = on;
            decision.why = format!("decided by the investigator; {}", decision.why);
        } else if !def.enabled {
            decision.accept = false;
        }
        if decision.accept {
            out.accept.insert((place, field, class));
        }
        let dir = u8::from(place & 1 == 1);
        out.list.push(Column {
            api,
            dir,
            field,
            class,
            decision,
            clear: s.held.clear,
            masked: s.held.masked,
            missed: s.held.misses,
            calls: s.calls,
        });
    }
    Ok(out)
}

/// Whether a correction is on a column by its number (`csv:4 CLASS`, `$.rows[*][3] CLASS`).
fn by_number(c: &Correction) -> bool {
    let field = c.target.rsplit_once(' ').map_or("", |t| t.0);
    let field = field.strip_suffix(']').unwrap_or(field);
    field.ends_with(|c: char| c.is_ascii_digit())
}

/// `class`, `class-on`, `class-off` on a class name, or on `FIELD CLASS` for one field, in one API alone where it is `FIELD of API CLASS`:
/// `called` are the names of that field, `api` the one that was inferred for its API. A column with a heading goes by its number as well,
/// where that is the same in all tables: so it was called before headings counted. `class-on` may name a class that it stands instead of.
fn corrected(
    corrections: &[Correction],
    class: &str,
    called: [Option<&str>; 2],
    api: &str,
) -> Option<bool> {
    let here = |field: &str| {
        called.iter().flatten().any(|name| {
            let rest = field.strip_prefix(name);
            rest.is_some_and(|r| r.is_empty() || r.strip_prefix(" of ") == Some(api))
        })
    };
    let mut out = None;
    for c in corrections {
        let on = match (c.kind.as_str(), c.v.as_str()) {
            ("class-off", _) | ("class", "off") => false,
            ("class-on", _) | ("class", "on") => true,
            _ => continue,
        };
        let target = c.target.strip_prefix("class:").unwrap_or(&c.target);
        let field = target.strip_suffix(class).and_then(|t| t.strip_suffix(' '));
        if target == class || field.is_some_and(here) {
            out = Some(on);
        } else if c.kind == "class-on"
            && c.v == class
            && target.rsplit_once(' ').is_some_and(|t| here(t.0))
        {
            out = Some(false);
        }
    }
    out
}
