//! Who could have leaked it; `wording` says why. In: where the rows of the clue were delivered, and what else was delivered to whom.
//! Out: verdict and suspects with their evidence in bits. Bounds: details of at most
//! [`crate::limits::TRACE_SUSPECTS`] suspects and [`crate::limits::TRACE_CALLS`] calls each.

mod coverage;
mod exits;
mod readings;
mod signs;
mod wording;

pub use readings::{Readings, readings};

use super::clue::{Clue, Shape};
use super::evidence::{Detail, Evidence};
use super::labels;
use super::likelihood::{Reads, Solution, solve};
use super::model::{Suspect, Verdict};
use super::resolve::Fit;
use super::subjects::Deliveries;
use crate::detect::print::PrintKey;
use crate::error::Result;
use crate::facts::inside::Inside;
use crate::limits;
use coverage::{Coverage, coverage};
use exits::{exit_bits, sent_outside};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

/// Kinds of evidence that a question can leave out.
pub const REMOVABLE: [&str; 12] = [
    "columns",
    "version",
    "time",
    "order",
    "format",
    "channel",
    "canary",
    "exit",
    "upload",
    "relay",
    "peers",
    "selection",
];

/// Rows below this belief do not count as seen.
pub(super) const BELIEF: f32 = 0.5;
/// A reader counts as a relay when this share of what it got of the clue went on at once to those who asked.
const RELAYED: f64 = 0.5;
/// How long before and after its own call a relay's inner call may lie (nanoseconds).
const RELAY_NS: i64 = 2_000_000_000;

/// What a question about suspects needs.
pub struct Case<'a, 'c> {
    /// Calls.
    pub e: &'a Evidence<'c>,
    /// Clue.
    pub clue: &'a Clue,
    /// Case key.
    pub key: &'a PrintKey,
    /// What counts as inside.
    pub inside: &'a Inside,
    /// All deliveries.
    pub all: &'a Deliveries,
    /// Values in clear that masked ones and digests of the clue may be.
    pub resolved: &'a [Fit],
    /// What the question says beside the clue.
    pub options: &'a super::Options,
    /// Ends the search early.
    pub stop: &'a AtomicBool,
    /// Hours of the day in which next to nothing happens: asked for every account, and told by all calls.
    pub quiet: OnceLock<[bool; 24]>,
    /// The column of the clue that its rows are sorted by, where there is one: asked for every account, and told by the clue.
    pub sorted: OnceLock<Option<usize>>,
}

impl Case<'_, '_> {
    /// Whether a kind of evidence counts.
    fn counts(&self, kind: &str) -> bool {
        !self.options.without.iter().any(|k| k == kind)
    }
}

/// Service and nameless accounts that only hand on: share of what they got of the clue that another account got from
/// their host in a call around it.
fn relays(
    c: &Case<'_, '_>,
    r: &Readings,
    details: &mut Details<'_, '_>,
) -> Result<BTreeMap<i64, f64>> {
    let mut out = BTreeMap::new();
    if !c.counts("relay") {
        return Ok(out);
    }
    // For each row the deliveries of all accounts.
    let mut by_row: FxHashMap<u32, Vec<(i64, u32)>> = FxHashMap::default();
    for (account, rows) in &r.by {
        for (row, x) in rows {
            by_row
                .entry(*row)
                .or_default()
                .extend(x.calls.iter().map(|k| (*account, k.1)));
        }
    }
    for (account, rows) in &r.by {
        let kind = c.e.accounts.get(account).map_or("", |a| a.1.as_str());
        if kind == "person" {
            continue;
        }
        let (mut all, mut on) = (0u32, 0u32);
        // A sample is enough for a share.
        'rows: for (row, x) in rows {
            for (_, call, _) in x.calls.iter().take(4) {
                let Some(inner) = details.get(*call)? else {
                    continue;
                };
                all += 1;
                let others = by_row.get(row).map_or(&[][..], Vec::as_slice);
                for (_, outer) in others.iter().filter(|o| o.0 != *account).take(64) {
                    let Some(outer) = details.get(*outer)? else {
                        continue;
                    };
                    let end = outer.end_ts.unwrap_or(outer.ts);
                    if outer.dst.is_some()
                        && outer.dst == inner.src
                        && inner.ts >= outer.ts - RELAY_NS
                        && inner.ts <= end + RELAY_NS
                    {
                        on += 1;
                        break;
                    }
                }
                if all >= 500 {
                    break 'rows;
                }
            }
        }
        if all > 0 {
            let share = f64::from(on) / f64::from(all);
            if share >= RELAYED {
                out.insert(*account, share);
            }
        }
    }
    Ok(out)
}

/// Details of calls, each read once.
pub struct Details<'a, 'c> {
    e: &'a Evidence<'c>,
    seen: FxHashMap<u32, Option<Detail>>,
}

impl<'a, 'c> Details<'a, 'c> {
    /// An empty cache.
    pub fn new(e: &'a Evidence<'c>) -> Details<'a, 'c> {
        Details {
            e,
            seen: FxHashMap::default(),
        }
    }
    /// Details of a call by its index.
    pub fn get(&mut self, call: u32) -> Result<Option<Detail>> {
        if let Some(d) = self.seen.get(&call) {
            return Ok(d.clone());
        }
        let d = match self.e.calls.get(call as usize) {
            Some(c) => self.e.detail(c.id)?,
            None => None,
        };
        self.seen.insert(call, d.clone());
        Ok(d)
    }
}

/// Verdict and suspects. The last value counts suspects beyond the limit. `only`: just this account, no verdict.
pub fn judge(
    c: &Case<'_, '_>,
    r: &Readings,
    details: &mut Details<'_, '_>,
    only: Option<i64>,
) -> Result<(Verdict, Vec<Suspect>, u64)> {
    let cover = coverage(c, r);
    let relays = relays(c, r, details)?;
    // Rows as subjects: rows of one subject are one.
    let mut fresh = c.all.subjects;
    let mut id_of: Vec<u32> = Vec::with_capacity(c.clue.rows.len());
    let mut fresh_of: FxHashMap<&[u32], u32> = FxHashMap::default();
    let mut masked: FxHashMap<u32, Vec<(u64, f32)>> = FxHashMap::default();
    for (value, print, conf) in c.resolved {
        masked.entry(*value).or_default().push((*print, *conf));
    }
    for row in &c.clue.rows {
        let known = row.iter().find_map(|v| {
            let value = c.clue.values.get(*v as usize)?;
            let column = c.clue.columns.get(value.column as usize)?;
            (column.strong && value.shape == Shape::Clear).then_some(())?;
            super::sight::prints_of(c.key, value, column.class.as_deref())
                .into_iter()
                .filter(|(_, f, _)| *f == crate::detect::form::Form::PLAIN)
                .find_map(|(p, _, _)| c.all.subject(p))
        });
        // A masked row is the subject that its values agree on.
        let known = known.or_else(|| {
            let mut votes: BTreeMap<u32, f32> = BTreeMap::new();
            for (print, conf) in row.iter().filter_map(|v| masked.get(v)).flatten() {
                if let Some(s) = c.all.subject(*print) {
                    *votes.entry(s).or_default() += conf;
                }
            }
            votes
                .into_iter()
                .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
                .filter(|x| x.1 >= BELIEF)
                .map(|x| x.0)
        });
        id_of.push(match known {
            Some(s) => s,
            None => *fresh_of.entry(row.as_slice()).or_insert_with(|| {
                fresh += 1;
                fresh - 1
            }),
        });
    }
    let mut leaked: Vec<u32> = id_of.clone();
    leaked.sort_unstable();
    leaked.dedup();
    let mut accounts: Vec<i64> = c
        .all
        .by_account
        .iter()
        .map(|a| a.0)
        .chain(r.by.keys().copied())
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    let is_leaked = Set::of(fresh, &leaked);
    let (mut by_account, mut in_order, mut at_last) = (Vec::new(), Vec::new(), Vec::new());
    for a in &accounts {
        let (mut own, mut ordered, mut last) = (Vec::new(), Vec::new(), Vec::new());
        if !relays.contains_key(a) {
            // what was delivered to it and did not leak, and of the leak what it covers
            let rows = cover.rows.get(a).map_or(&[][..], Vec::as_slice);
            let rows = rows.iter().filter_map(|row| id_of.get(*row as usize));
            let mut covered: Vec<u32> = rows.copied().collect();
            covered.sort_unstable();
            covered.dedup();
            let counts = |t: &u32| !is_leaked.has(*t) || covered.binary_search(t).is_ok();
            let i = c.all.by_account.binary_search_by_key(a, |x| x.0).ok();
            let all = i
                .and_then(|i| c.all.by_account.get(i))
                .map_or(&[][..], |x| &x.1);
            let all_in_order = i.and_then(|i| c.all.in_order.get(i)).map_or(&[][..], |x| x);
            let all_at_last = i.and_then(|i| c.all.at_last.get(i)).map_or(&[][..], |x| x);
            own.extend(all.iter().copied().filter(|t| !is_leaked.has(*t)));
            own.extend(&covered);
            own.sort_unstable();
            own.dedup();
            if c.counts("time") {
                // Rows without a subject in the deliveries have no place among them.
                let others = covered.iter().filter(|t| all.binary_search(t).is_err());
                ordered.extend(all_in_order.iter().copied().filter(counts));
                ordered.extend(others.clone());
                if !all_at_last.is_empty() {
                    last.extend(all_at_last.iter().copied().filter(counts));
                    last.extend(others);
                }
            }
        }
        by_account.push(own);
        in_order.push(ordered);
        at_last.push(last);
    }
    let outs = sent_outside(c, r, &cover, details)?;
    let base = leaked.len() as f64 / f64::from(fresh.max(1));
    let exits: BTreeMap<i64, f64> = c
        .all
        .sent_out
        .iter()
        .filter(|(a, _)| c.counts("exit") && !relays.contains_key(a) && outs.contains_key(a))
        .map(|(a, sent)| {
            let hit = sent.iter().filter(|s| is_leaked.has(**s)).count();
            (*a, exit_bits(sent.len(), hit, base))
        })
        .collect();
    let canaries = if c.counts("canary") {
        signs::canaries(c, r)
    } else {
        BTreeMap::new()
    };
    let beside: Vec<f64> = accounts
        .iter()
        .map(|a| {
            let canary = canaries.get(a).map_or(0.0, |x| x.0);
            (exits.get(a).copied().unwrap_or(0.0) + canary) * BIT
        })
        .collect();
    // Of an account that was asked for nothing is weighed, so nothing is read for it.
    let picked = only.is_none() && c.counts("selection") && leaked.len() >= SELECTED;
    let labels = match picked {
        true => labels::read(
            c.e,
            c.all,
            &likely(&accounts, &by_account, &is_leaked),
            c.stop,
        )?,
        false => Vec::new(),
    };
    let reads = Reads {
        universe: fresh,
        labels,
        by_account,
        in_order: if c.counts("time") {
            in_order
        } else {
            Vec::new()
        },
        at_last: if c.counts("time") {
            at_last
        } else {
            Vec::new()
        },
        no_peers: !c.counts("peers"),
        leaked,
        beside,
    };
    let mut sol = solve(&reads);
    let signs: Vec<f64> = accounts
        .iter()
        .enumerate()
        .map(|(i, a)| {
            if sol.ties.iter().any(|t| t.contains(&i)) {
                signs::weigh(c, r, &cover, *a).iter().map(|s| s.bits).sum()
            } else {
                0.0
            }
        })
        .collect();
    break_ties(&mut sol, &reads.beside, &signs);
    let n_accounts = reads
        .by_account
        .iter()
        .filter(|v| !v.is_empty())
        .count()
        .max(1);
    let mut readers: FxHashMap<u32, u32> = FxHashMap::default();
    for rows in cover.rows.values() {
        for row in rows {
            *readers.entry(*row).or_default() += 1;
        }
    }
    let mut order: Vec<usize> = (0..accounts.len())
        .filter(|i| {
            let a = accounts[*i];
            match only {
                Some(o) => o == a,
                None => r.by.contains_key(&a),
            }
        })
        .collect();
    order.sort_by(|x, y| {
        // Gains below a tenth of a bit are none: those who gain nothing are told apart by what they received.
        let key = |i: usize| {
            let tenths = (sol.gain[i] / BIT * 10.0).round() + 0.0; // no -0
            (sol.set.contains(&i), tenths)
        };
        let (a, b) = (key(*x), key(*y));
        b.0.cmp(&a.0)
            .then(b.1.total_cmp(&a.1))
            .then(sol.covered[*y].cmp(&sol.covered[*x]))
            .then_with(|| c.e.account(accounts[*x]).cmp(&c.e.account(accounts[*y])))
    });
    let more = order.len().saturating_sub(limits::TRACE_SUSPECTS) as u64;
    order.truncate(limits::TRACE_SUSPECTS);
    let mut suspects = Vec::new();
    for i in order {
        let one = wording::suspect(
            c,
            r,
            details,
            &cover,
            &relays,
            &outs,
            &canaries,
            &sol,
            &reads,
            &readers,
            n_accounts,
            i,
            accounts[i],
            only.is_some(),
            suspects.len() < limits::TRACE_DETAILED,
        )?;
        suspects.push(one);
    }
    let verdict = match only {
        Some(_) => Verdict {
            why: "what one account received and sent on: no suspects were weighed".into(),
            ..Verdict::default()
        },
        None => wording::verdict(c, r, &cover, &sol, &accounts, &reads),
    };
    Ok((verdict, suspects, more))
}

/// Leaked records from which on somebody may be said to have picked them by a property, and accounts whose records are looked at
/// for it.
const SELECTED: usize = 20;
const LOOKED_AT: usize = 24;

/// Subjects as bits: millions are asked about.
struct Set(Vec<u64>);

impl Set {
    /// `list`, of numbers below `n`.
    fn of(n: u32, list: &[u32]) -> Set {
        let mut bits = vec![0u64; n as usize / 64 + 1];
        for t in list {
            if let Some(word) = bits.get_mut(*t as usize / 64) {
                *word |= 1 << (t % 64);
            }
        }
        Set(bits)
    }
    fn has(&self, t: u32) -> bool {
        let word = self.0.get(t as usize / 64);
        word.is_some_and(|w| w >> (t % 64) & 1 == 1)
    }
}

/// Accounts in the order of how much of the leak they received for how much they read.
fn likely(accounts: &[i64], by_account: &[Vec<u32>], leaked: &Set) -> Vec<i64> {
    let mut list: Vec<(f64, i64)> = accounts
        .iter()
        .zip(by_account)
        .filter(|(_, own)| !own.is_empty())
        .map(|(a, own)| {
            let hit = own.iter().filter(|t| leaked.has(**t)).count() as f64;
            (hit * hit / own.len() as f64, *a)
        })
        .filter(|x| x.0 > 0.0)
        .collect();
    list.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    list.truncate(LOOKED_AT);
    list.into_iter().map(|x| x.1).collect()
}

/// Of accounts with the same reads the one that was seen sending just these rows outside is the one; else the one whose order,
/// masks and channel fit the clue better by more than chance would have it.
fn break_ties(sol: &mut Solution, beside: &[f64], signs: &[f64]) {
    let ties = std::mem::take(&mut sol.ties);
    for class in ties {
        let of = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(0.0);
        let senders: Vec<usize> = class
            .iter()
            .copied()
            .filter(|i| of(beside, *i) > 0.0)
            .collect();
        let mut by_signs = class.clone();
        by_signs.sort_by(|a, b| of(signs, *b).total_cmp(&of(signs, *a)).then(a.cmp(b)));
        let one = match (senders.as_slice(), by_signs.as_slice()) {
            ([one], _) => Some(*one),
            ([], [first, second, ..]) if of(signs, *first) - of(signs, *second) > TIE_BITS => {
                Some(*first)
            }
            _ => None,
        };
        match one {
            Some(one) => {
                // One stands for the class in the set; where more of it are members, they stay.
                let members: Vec<usize> = sol
                    .set
                    .iter()
                    .copied()
                    .filter(|m| class.contains(m))
                    .collect();
                if let ([m], false) = (members.as_slice(), sol.set.contains(&one)) {
                    let m = *m;
                    sol.set.retain(|x| *x != m);
                    sol.set.push(one);
                }
                sol.set.sort_unstable();
                sol.set.dedup();
            }
            None => sol.ties.push(class),
        }
    }
}

/// Bits by which order, masks and channel must differ before they part accounts that read the same.
const TIE_BITS: f64 = 12.0;
const BIT: f64 = std::f64::consts::LN_2;
