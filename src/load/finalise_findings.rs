//! Findings decided by column and given to calls. In: packed findings of bodies and heads. Out: columns, and each call's classes,
//! records, level. Bounds: findings are streamed twice, in row order, and never held; distinct values are counted up to
//! [`VALUES`] in all, beyond which counts of distinct values stay where they are.

use super::blobs::{Batch, Found, each, streamed};
use super::read::Evidence;
use crate::case::marks::Correction;
use crate::detect::column::{Decision, Held, decide};
use crate::detect::pack::{self, Slim};
use crate::detect::{DIGEST, Rules};
use crate::error::Result;
use crate::facts::calls::{CallLine, NONE};
use crate::facts::level::Classes as Levels;
use crate::facts::risks::{SECRET_REQ, SECRET_RESP, SECRET_TARGET};
use rusqlite::Connection;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// (account, class, value) triples held for counting distinct ones, and about as many are counted: 16 bytes each, 256 MB where all
/// are used.
const VALUES: usize = 16_000_000;

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
    for (id, name, level, _) in crate::case::open::classes(conn)? {
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
}

impl Default for Stats {
    fn default() -> Self {
        Stats {
            list: Vec::new(),
            index: FxHashMap::default(),
            recent: Recent::new(),
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
    let stats = streamed(conn, |batches| {
        let mut stats = Stats::default();
        each(batches, &users, calls, |found, calls| match found {
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
        });
        stats
    })?;
    let mut keys = stats.list;
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
        if let Some(on) = corrected(corrections, &def.name, ev.term(field)) {
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

/// `class`, `class-on`, `class-off` on a class name, or on `FIELD CLASS` for one field.
fn corrected(corrections: &[Correction], class: &str, field: &str) -> Option<bool> {
    let mut out = None;
    for c in corrections {
        let target = c.target.strip_prefix("class:").unwrap_or(&c.target);
        let hit = target == class
            || target.strip_suffix(class).and_then(|t| t.strip_suffix(' ')) == Some(field);
        if hit {
            match (c.kind.as_str(), c.v.as_str()) {
                ("class-off", _) | ("class", "off") => out = Some(false),
                ("class-on", _) | ("class", "on") => out = Some(true),
                _ => {}
            }
        }
    }
    out
}

#[derive(Default)]
struct Sum {
    clear: u64,
    masked: u64,
    findings: u32,
    records: u32,
    level: u8,
    secrets: u8,
    prints: Vec<(u8, u64)>,
    /// Record and class bit, clear ones.
    parts: Vec<(u32, u64)>,
}

impl Sum {
    fn clear(&mut self) {
        (
            self.clear,
            self.masked,
            self.findings,
            self.records,
            self.level,
            self.secrets,
        ) = (0, 0, 0, 0, 0, 0);
        self.prints.clear();
        self.parts.clear();
    }

    fn add(&mut self, f: &Slim) {
        let bit = 1u64 << (f.class & 63);
        self.findings = self.findings.saturating_add(1);
        if f.masked {
            self.masked |= bit;
        } else {
            self.clear |= bit;
            self.prints.push((f.class, f.print));
        }
        if f.record != 0 {
            let part = if f.masked { 0 } else { bit };
            match self.parts.last_mut() {
                Some((r, bits)) if *r == f.record => *bits |= part,
                _ => self.parts.push((f.record, part)),
            }
        }
    }

    fn finish(&mut self, levels: &Levels) {
        self.parts.sort_unstable();
        let mut level = levels
            .of_bits(self.clear, false)
            .max(levels.of_bits(self.masked, true));
        for record in self.parts.chunk_by(|a, b| a.0 == b.0) {
            self.records = self.records.saturating_add(1);
            level = level.max(levels.of_record(record.iter().fold(0, |b, r| b | r.1)));
        }
        self.level = level;
    }
}

/// Second pass: what holds goes to the calls, the values that accounts saw to whoever counts them.
pub fn apply(
    conn: &Connection,
    ev: &mut Evidence,
    classes: &Classes,
    columns: &Columns,
    values: Values,
) -> Result<()> {
    let (terms, calls) = (&ev.terms, &mut ev.calls);
    streamed(conn, |blobs| {
        pass(blobs, terms, calls, classes, columns, values)
    })?;
    let grading = classes.levels.grading;
    for c in ev.calls.iter_mut() {
        c.level = grading.of_call(c.level, c.records);
    }
    Ok(())
}

/// Counts the distinct values of accounts on a thread of its own, as that costs as much as all the rest. Its end is awaited where the
/// counts are needed.
pub fn count_values<'s>(
    scope: &'s Scope<'s, '_>,
    columns: &Columns,
    accounts: usize,
) -> (Values, ScopedJoinHandle<'s, Vec<[u32; 64]>>) {
    let (send, batches) = sync_channel(BATCHES);
    let most: u64 = columns
        .list
        .iter()
        .filter(|c| c.decision.accept)
        .map(|c| c.clear)
        .sum();
    let counting = scope.spawn(move || distinct(batches, accounts, most));
    (Values::new(send), counting)
}

/// A value that an account saw: mixed key, account, class.
type Value = (u64, u32, u8);

/// Values handed over together, and how many such batches may wait.
const BATCH: usize = 8192;
const BATCHES: usize = 16;

/// Hands values to the thread that counts them.
pub struct Values {
    batch: Vec<Value>,
    to: SyncSender<Vec<Value>>,
}

impl Values {
    fn new(to: SyncSender<Vec<Value>>) -> Values {
        Values {
            batch: Vec::with_capacity(BATCH),
            to,
        }
    }
    fn note(&mut self, account: u32, sum: &Sum) {
        for (class, print) in &sum.prints {
            // Prints are 64 random bits: mixing account and class into them keeps triples apart.
            let key = print
                ^ u64::from(account).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ u64::from(*class).wrapping_mul(0xd6e8_feb8_6659_fd93);
            self.batch.push((key, account, *class));
        }
        if self.batch.len() >= BATCH {
            self.hand_over();
        }
    }
    fn hand_over(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        // the counter ends only after this end does, or by a fault that its join tells
        let _ = self.to.send(batch);
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Distinct values by account and class; at most `most` will come.
fn distinct(batches: Receiver<Vec<Value>>, accounts: usize, most: u64) -> Vec<[u32; 64]> {
    let mut out = vec![[0u32; 64]; accounts];
    let room = usize::try_from(most).unwrap_or(VALUES).min(VALUES);
    let mut seen = Seen::new(room, VALUES);
    batches.into_iter().flatten().for_each(|v| seen.add(v));
    seen.settle();
    for (_, account, class) in seen.parts.into_iter().flatten() {
        let counts = out.get_mut(account as usize);
        if let Some(n) = counts.and_then(|c| c.get_mut(usize::from(class))) {
            *n += 1;
        }
    }
    out
}

/// Values, the same ones once. They are kept apart by the first byte of their keys, which are spread evenly, and sorted part by part,
/// each in a core's cache: one set of all of them waits for memory at nearly every value.
struct Seen {
    parts: Vec<Vec<Value>>,
    held: usize,
    /// So many held ones are settled.
    settle_at: usize,
    most: usize,
    full: bool,
}

/// Values that may lie there without being settled, however often each: 64 MB.
const LOOSE: usize = 4_000_000;

impl Seen {
    /// With room for `room` values, and at most `most` at any time.
    fn new(room: usize, most: usize) -> Seen {
        let room = room.min(LOOSE);
        let each = room / 256 + room / 2048;
        Seen {
            parts: (0..256).map(|_| Vec::with_capacity(each)).collect(),
            held: 0,
            settle_at: LOOSE.min(most),
            most,
            full: false,
        }
    }
    fn add(&mut self, v: Value) {
        if self.full {
            return;
        }
        if let Some(part) = self.parts.get_mut((v.0 >> 56) as usize) {
            part.push(v);
            self.held += 1;
        }
        if self.held >= self.settle_at {
            self.settle();
            self.full = self.held > self.most - self.most / 8;
            self.settle_at = (2 * self.held).max(LOOSE).min(self.most);
        }
    }
    /// Leaves each value once.
    fn settle(&mut self) {
        for part in &mut self.parts {
            part.sort_unstable();
            part.dedup_by_key(|v| v.0);
        }
        self.held = self.parts.iter().map(Vec::len).sum();
    }
}

/// Gives accepted findings to their calls.
fn pass(
    blobs: Receiver<Batch>,
    terms: &[String],
    calls: &mut [CallLine],
    classes: &Classes,
    columns: &Columns,
    mut values: Values,
) {
    let mut recent = Recent::new();
    let mut accepts = |key: Key| recent.get(key, || columns.accept.contains(&key));
    let mut sum = Sum::default();
    let is_target = |field: u32| {
        terms
            .get(field as usize)
            .is_some_and(|t| t.starts_with("query:") || t.starts_with("path:"))
    };
    each(blobs, &columns.users, calls, |found, calls| match found {
        Found::Body { blob, group, .. } => {
            for same in group.chunk_by(|a, b| a.1 == b.1) {
                let Some((_, place, _)) = same.first() else {
                    continue;
                };
                let dir = place & 1;
                sum.clear();
                pack::visit(
                    blob,
                    |f| {
                        if f.class < 64 && accepts((*place, f.field, f.class)) {
                            sum.add(&f);
                        }
                    },
                    |_, _, _| {},
                );
                if sum.findings == 0 {
                    continue;
                }
                sum.finish(&classes.levels);
                if sum.clear & classes.hard != 0 {
                    sum.secrets |= if dir == 0 { SECRET_REQ } else { SECRET_RESP };
                }
                let mut last = NONE;
                for (_, _, i) in same {
                    if let Some(c) = calls.get_mut(*i as usize) {
                        give(c, dir, &sum);
                        if c.account != last {
                            values.note(c.account, &sum);
                            last = c.account;
                        }
                    }
                }
            }
        }
        Found::Head { blob, call, dir } => {
            let Some(c) = calls.get_mut(call) else {
                return;
            };
            let place = c.api * 2 + dir;
            sum.clear();
            let mut target = false;
            pack::visit(
                blob,
                |f| {
                    if f.class < 64 && accepts((place, f.field, f.class)) {
                        target |= !f.masked
                            && classes.levels.secret >> f.class & 1 == 1
                            && is_target(f.field);
                        sum.add(&f);
                    }
                },
                |_, _, _| {},
            );
            if sum.findings == 0 {
                return;
            }
            sum.finish(&classes.levels);
            if target {
                sum.secrets |= SECRET_TARGET;
            }
            give(c, dir, &sum);
            values.note(c.account, &sum);
        }
    });
}

/// Adds what holds to a call.
fn give(call: &mut CallLine, dir: u32, sum: &Sum) {
    call.clear |= sum.clear;
    call.masked |= sum.masked;
    call.findings = call.findings.saturating_add(sum.findings);
    call.records = call.records.saturating_add(sum.records);
    if dir == 1 {
        call.resp_records = call.resp_records.saturating_add(sum.records);
        call.resp_clear |= sum.clear;
        call.resp_masked |= sum.masked;
    }
    call.level = call.level.max(sum.level);
    call.secrets |= sum.secrets;
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn values_are_counted_once_and_no_more_than_fit() {
        let left = |s: &mut Seen| {
            s.settle();
            s.parts.iter().map(Vec::len).sum::<usize>()
        };
        let value = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1, 2);
        // often the same: room is made again and again
        let mut seen = Seen::new(10, 800);
        (0..100_000).for_each(|n| seen.add(value(n % 500)));
        assert!(!seen.full);
        assert_eq!(left(&mut seen), 500);
        // all different: it ends near the bound
        let mut seen = Seen::new(10, 800);
        (0..100_000).for_each(|n| seen.add(value(n)));
        assert!(seen.full);
        assert_eq!(left(&mut seen), 800);
    }
}
