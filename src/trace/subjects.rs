//! Whose records were delivered to whom. In: the facts of all answers. Out: for each account the subjects it received in
//! clear, as small integers, and the subject of a print. A subject is what its strong values say: records that share an
//! id, card, telephone number or mail address are one, unless that would give one person two ids or a crowd of numbers
//! (a hotline links nobody). Bounds: 28 bytes a distinct value, 16 a record and 4 a delivery; time about linear (see `group`).

mod group;

use super::evidence::{Evidence, address, identifies};
use crate::detect::form::Step;
use crate::detect::pack;
use crate::error::{Error, Result};
use crate::facts::inside::Inside;
use group::{Grouped, Grouping, Kinds, Prints, RECORDS, Strong};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Deliveries.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// Distinct subjects.
    pub subjects: u32,
    /// Subjects delivered to each account (row id of the account), sorted by account; subjects sorted, distinct.
    pub by_account: Vec<(i64, Vec<u32>)>,
    /// The same subjects for each of them in the order in which they were first delivered.
    pub in_order: Vec<Vec<u32>>,
    /// The same in the order in which they were last delivered: an export of what was looked at before stands together there alone.
    /// Empty for an account of which it is the same order.
    pub at_last: Vec<Vec<u32>>,
    /// Subjects that left for an outside address, and who may have sent them: the account of the request, or one that
    /// received at the address it came from. Sorted by account; of what the account had received, distinct.
    pub sent_out: Vec<(i64, Vec<u32>)>,
    /// Node of each print, and subject of each node ([`NOBODY`] for one that no record begins with).
    prints: Prints,
    of_node: Vec<u32>,
}

/// In place of a subject.
const NOBODY: u32 = u32::MAX;

/// A request with a body to an outside address.
struct Left {
    body: i64,
    /// Account of the request.
    account: i64,
    /// Where it came from, as the case writes addresses; empty where that is outside too.
    src: Vec<u8>,
}

/// Requests that left, by body.
fn exits(e: &Evidence<'_>, inside: &Inside) -> Result<Vec<Left>> {
    let mut out = Vec::new();
    let mut stmt = e
        .conn
        .prepare("SELECT id,src,dst FROM call WHERE req_body_id IS NOT NULL AND dst IS NOT NULL")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let dst = r.get_ref(2)?.as_blob().unwrap_or_default();
        if address(dst).is_none_or(|a| inside.has(a)) {
            continue;
        }
        let Some(c) = e.find(r.get(0)?).and_then(|i| e.calls.get(i as usize)) else {
            continue;
        };
        let src: Vec<u8> = r.get::<_, Option<Vec<u8>>>(1)?.unwrap_or_default();
        out.push(Left {
            body: c.req,
            account: c.behind,
            // What comes from outside and goes outside did not leave here.
            src: if address(&src).is_some_and(|a| inside.has(a)) {
                src
            } else {
                Vec::new()
            },
        });
    }
    out.sort_by_key(|x| x.body);
    Ok(out)
}

/// For each account what it had received and what left from it or from an address at which it received.
fn senders(
    e: &Evidence<'_>,
    exits: &[Left],
    of_body: &[(i64, u32)],
    received: &[(i64, Vec<u32>)],
) -> Result<Vec<(i64, Vec<u32>)>> {
    let mut by_host: BTreeMap<&[u8], BTreeSet<u32>> = BTreeMap::new();
    let mut by_account: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
    for x in exits {
        let from = of_body.partition_point(|(b, _)| *b < x.body);
        for (_, s) in of_body.iter().skip(from).take_while(|(b, _)| *b == x.body) {
            by_account.entry(x.account).or_default().insert(*s);
            if !x.src.is_empty() {
                by_host.entry(&x.src).or_default().insert(*s);
            }
        }
    }
    if !by_host.is_empty() {
        let mut stmt = e.conn.prepare(
            "SELECT id,src FROM call WHERE resp_body_id IS NOT NULL AND src IS NOT NULL",
        )?;
        let mut rows = stmt.query([])?;
        let mut at: BTreeSet<(i64, &[u8])> = BTreeSet::new();
        while let Some(r) = rows.next()? {
            let src = r.get_ref(1)?.as_blob().unwrap_or_default();
            let Some((host, _)) = by_host.get_key_value(src) else {
                continue;
            };
            if let Some(a) = e.find(r.get(0)?).and_then(|c| e.receiver(c)) {
                at.insert((a, host));
            }
        }
        for (a, host) in at {
            let list = by_host.get(host).into_iter().flatten().copied();
            by_account.entry(a).or_default().extend(list);
        }
    }
    Ok(by_account
        .into_iter()
        .filter_map(|(a, sent)| {
            let i = received.binary_search_by_key(&a, |x| x.0).ok()?;
            let own = &received.get(i)?.1;
            let both: Vec<u32> = sent
                .into_iter()
                .filter(|s| own.binary_search(s).is_ok())
                .collect();
            (!both.is_empty()).then_some((a, both))
        })
        .collect())
}

/// Values handed over together, and batches that may wait.
const BATCH: usize = 4096;
const WAITING: usize = 8;

/// Strong values of all bodies that were answers or left, in order of bodies, each body's by record.
fn read(
    e: &Evidence<'_>,
    exits: &[Left],
    kind_of: &[u8],
    loose: bool,
    stop: &AtomicBool,
    to: &SyncSender<Vec<Strong>>,
) -> Result<()> {
    let mut stmt = e
        .conn
        .prepare("SELECT id,facts FROM body WHERE facts IS NOT NULL ORDER BY id")?;
    let mut rows = stmt.query([])?;
    let mut n = 0u32;
    let mut answered = e.answers().iter().peekable();
    let mut sent = exits.iter().peekable();
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(r) = rows.next()? {
        n = n.wrapping_add(1);
        if n.is_multiple_of(4096) && stop.load(Ordering::Relaxed) {
            break;
        }
        let body: i64 = r.get(0)?;
        while answered.peek().is_some_and(|(b, _)| *b < body) {
            answered.next();
        }
        while sent.peek().is_some_and(|x| x.body < body) {
            sent.next();
        }
        if answered.peek().is_none_or(|(b, _)| *b != body)
            && sent.peek().is_none_or(|x| x.body != body)
        {
            continue;
        }
        let Ok(blob) = r.get_ref(1)?.as_blob() else {
            continue;
        };
        let own = batch.len();
        pack::visit(
            blob,
            |f| {
                if !f.masked
                    && f.conf >= 30
                    && e.is_strong(f.class)
                    && !f.form.steps().any(Step::one_way)
                {
                    batch.push(Strong {
                        body,
                        record: f.record,
                        print: f.print,
                        kind: kind_of.get(usize::from(f.class)).copied().unwrap_or(7),
                    });
                }
            },
            |_, _, _| {},
        );
        let own = batch.get_mut(own..).unwrap_or_default();
        // nearly always they are in order already
        if !own.is_sorted_by_key(|f| f.record) {
            own.sort_by_key(|f| f.record);
        }
        if loose {
            batch.push(Strong {
                body,
                record: pack::records(blob),
                print: 0,
                kind: RECORDS,
            });
        }
        if batch.len() >= BATCH {
            // who groups ends only after this end does, or by a fault that its join tells
            let _ = to.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
        }
    }
    let _ = to.send(batch);
    Ok(())
}

fn group(batches: Receiver<Vec<Strong>>, limit: Kinds) -> Grouped {
    let mut grouping = Grouping::new(limit);
    for batch in batches {
        grouping.add(&batch);
    }
    grouping.end()
}

/// Which subjects a list has had so far.
struct Once {
    /// For each subject the list that had it last.
    seen: Vec<u64>,
    list: u64,
}

impl Once {
    fn of(subjects: u32) -> Once {
        Once {
            seen: vec![0; subjects as usize],
            list: 0,
        }
    }

    /// Keeps each subject of a list once, where it first stands.
    fn first(&mut self, list: &mut Vec<u32>) {
        self.list += 1;
        let (now, seen) = (self.list, &mut self.seen);
        list.retain(|x| {
            let last = seen.get_mut(*x as usize);
            last.is_some_and(|last| std::mem::replace(last, now) != now)
        });
    }

    /// The same, where it last stands.
    fn last(&mut self, list: &mut Vec<u32>) {
        list.reverse();
        self.first(list);
        list.reverse();
    }
}

impl Deliveries {
    /// Reads all answers. `loose`: records without a strong value count too, each for itself (the clue has no strong
    /// value of a data class, so shares must be of all records). `until`: nothing delivered later counts.
    pub fn load(
        e: &Evidence<'_>,
        loose: bool,
        inside: &Inside,
        until: Option<i64>,
        stop: &AtomicBool,
    ) -> Result<Deliveries> {
        let exits = exits(e, inside)?;
        let mut limit: Kinds = [4; 8];
        let mut kind_of = vec![7u8; 64];
        let mut next = 0u8;
        for (c, name) in e.classes.iter().enumerate() {
            if let Some(n) = identifies(name) {
                let k = next.min(7);
                next += 1;
                limit[usize::from(k)] = n;
                kind_of[c] = k;
            }
        }
        limit[7] = 6;
        // Reading findings and grouping them cost the same: each has a thread.
        let Grouped {
            prints,
            mut groups,
            records: mut of_body,
        } = std::thread::scope(|scope| -> Result<_> {
            let (send, batches) = sync_channel(WAITING);
            let grouping = scope.spawn(move || group(batches, limit));
            read(e, &exits, &kind_of, loose, stop, &send)?;
            drop(send);
            grouping.join().map_err(|_| Error::Case {
                path: "case".into(),
                why: "grouping what was delivered failed inside the program".into(),
            })
        })?;
        // Small integers for the groups, in order of their first value.
        let mut of_node = vec![NOBODY; groups.len()];
        let mut subjects = 0u32;
        for (_, node) in &mut of_body {
            let Some(s) = of_node.get_mut(groups.root(*node) as usize) else {
                continue;
            };
            if *s == NOBODY {
                *s = subjects;
                subjects += 1;
            }
            *node = *s;
        }
        for node in 0..u32::try_from(of_node.len()).unwrap_or(NOBODY) {
            let root = groups.root(node);
            if root != node {
                of_node[node as usize] = of_node[root as usize];
            }
        }
        drop(groups);
        // In the order of time: what an account took at once stands together.
        let mut order: Vec<(i64, u32)> = e
            .answers()
            .iter()
            .filter_map(|(_, c)| Some((e.calls.get(*c as usize)?.ts, *c)))
            .filter(|x| until.is_none_or(|u| x.0 <= u))
            .collect();
        order.sort_unstable();
        let mut once = Once::of(subjects);
        let mut by: FxHashMap<i64, (Vec<u32>, Vec<u32>)> = FxHashMap::default();
        let mut at = 0usize;
        for (_, call) in order {
            let (Some(account), Some(c)) = (e.receiver(call), e.calls.get(call as usize)) else {
                continue;
            };
            // Bodies mostly stand in the order of their calls: the next one is where the last one ended.
            let begins = |at: usize| of_body.get(at).is_some_and(|x| x.0 == c.resp);
            if !begins(at) || at.checked_sub(1).is_some_and(begins) {
                at = of_body.partition_point(|(b, _)| *b < c.resp);
            }
            let came = of_body.get(at..).unwrap_or_default().iter();
            let came = came.take_while(|(b, _)| *b == c.resp).map(|(_, s)| *s);
            let (own, last) = by.entry(account).or_default();
            let before = last.len();
            last.extend(came);
            let came = last.get(before..).unwrap_or_default();
            at += came.len();
            own.extend(came);
            // what comes again and again takes no room
            if own.len() > 1 << 20 && own.len().is_power_of_two() {
                once.first(own);
            }
            if last.len() > 1 << 20 && last.len().is_power_of_two() {
                once.last(last);
            }
        }
        let mut lists: Vec<_> = by.into_iter().collect();
        lists.sort_unstable_by_key(|a| a.0);
        let mut by_account: Vec<(i64, Vec<u32>)> = Vec::with_capacity(lists.len());
        let mut in_order: Vec<Vec<u32>> = Vec::with_capacity(lists.len());
        let mut at_last: Vec<Vec<u32>> = Vec::with_capacity(lists.len());
        for (a, (mut list, mut last)) in lists {
            once.first(&mut list);
            once.last(&mut last);
            at_last.push(if last == list { Vec::new() } else { last });
            let mut sorted = list.clone();
            sorted.sort_unstable();
            by_account.push((a, sorted));
            in_order.push(list);
        }
        let sent_out = senders(e, &exits, &of_body, &by_account)?;
        Ok(Deliveries {
            subjects,
            by_account,
            in_order,
            at_last,
            sent_out,
            prints,
            of_node,
        })
    }

    /// Subject of a print of a strong value in clear.
    pub fn subject(&self, print: u64) -> Option<u32> {
        let node = self.prints.get(print)?;
        let subject = self.of_node.get(node as usize).copied();
        subject.filter(|s| *s != NOBODY)
    }
}

#[cfg(test)]
mod tests {
    use super::Once;

    #[test]
    fn each_subject_stands_where_it_came_first_or_last() {
        let mut first = vec![5, 3, 5, 3, 9, 5, 3, 9, 1, 9, 2];
        let mut last = first.clone();
        let mut once = Once::of(10);
        once.first(&mut first);
        once.last(&mut last);
        assert_eq!(first, [5, 3, 9, 1, 2]);
        assert_eq!(last, [5, 3, 1, 9, 2]);
    }
}
