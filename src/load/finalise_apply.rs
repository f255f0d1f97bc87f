//! Findings that hold, given to calls. In: packed findings of bodies and heads, decided columns. Out: each call's classes, records and
//! level, written as soon as nothing more can come, and how many distinct values each account saw. Bounds: findings are streamed in row order and never held; distinct values
//! are counted up to [`VALUES`] in all, beyond which counts of distinct values stay where they are.

use super::super::blobs::{Batch, Found, Lines, each, streamed};
use super::super::read::Evidence;
use super::super::write::CallRows;
use super::{Classes, Columns, Key, Recent};
use crate::detect::pack::{self, Slim};
use crate::error::Result;
use crate::facts::calls::{CallLine, NONE};
use crate::facts::level::Classes as Levels;
use crate::facts::risks::{SECRET_REQ, SECRET_RESP, SECRET_TARGET};
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// (account, class, value) triples held for counting distinct ones, and about as many are counted: 16 bytes each, 256 MB where all
/// are used.
const VALUES: usize = 16_000_000;

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

/// Second pass: what holds goes to the calls, the values that accounts saw to whoever counts them. Calls are written meanwhile: which
/// findings hold is decided on another thread, and writing costs as much.
pub fn apply(
    conn: &Connection,
    ev: &mut Evidence,
    classes: &Classes,
    columns: &Columns,
    values: Values,
    rows: &mut CallRows<'_>,
) -> Result<()> {
    let (terms, lines) = (&ev.terms, Lines::new(&mut ev.calls));
    streamed(
        conn,
        |blobs, whole| pass(blobs, terms, lines, classes, columns, values, &whole),
        &mut |calls: &mut [CallLine]| rows.write(calls),
    )
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

/// Gives accepted findings to their calls, and those that are whole to `whole`.
fn pass<'a>(
    blobs: Receiver<Batch>,
    terms: &[String],
    calls: Lines<'a>,
    classes: &Classes,
    columns: &Columns,
    mut values: Values,
    whole: &Sender<&'a mut [CallLine]>,
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
        Found::Until(body) => {
            while let Some(piece) = calls.hand_over(body) {
                for c in piece.iter_mut() {
                    c.level = classes.levels.grading.of_call(c.level, c.records);
                }
                // who writes them waits for all of them, or ended by a fault that it tells
                let _ = whole.send(piece);
            }
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
