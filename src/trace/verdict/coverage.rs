//! Which rows count as delivered to each account. In: where the rows of the clue were delivered. Out: rows by account, and why others
//! do not count. Bounds: linear in deliveries times the columns of the clue.

use super::{Case, Readings};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// Rows from which on it says something that a column is missing in all of them.
const FEW_ROWS: usize = 5;

/// Which rows count as delivered to each account, and how that was decided.
pub(super) struct Coverage {
    pub(super) rows: BTreeMap<i64, Vec<u32>>,
    /// Rows that an account got only in part or masked.
    pub(super) partial: BTreeMap<i64, u32>,
    /// Names of columns that an account never received although they are in the clue and others received them.
    pub(super) lacks: BTreeMap<i64, Vec<String>>,
    /// Rows that an account received with other values than leaked (before or after a change).
    pub(super) stale: BTreeMap<i64, u32>,
    /// Rows that an account had sent itself before it got them.
    pub(super) own: BTreeMap<i64, u32>,
    pub(super) relaxed: bool,
}

pub(super) fn coverage(c: &Case<'_, '_>, r: &Readings) -> Coverage {
    let mut strong = 0u64;
    for (i, col) in c.clue.columns.iter().enumerate() {
        if col.strong {
            strong |= 1 << (i & 63);
        }
    }
    // Columns of a row that the evidence shows to somebody as the clue has them.
    let mut need: FxHashMap<u32, u64> = FxHashMap::default();
    let mut any: FxHashMap<u32, u64> = FxHashMap::default();
    for rows in r.by.values() {
        for (row, x) in rows {
            *need.entry(*row).or_default() |= x.clear & strong;
            *any.entry(*row).or_default() |= x.clear;
        }
    }
    // Columns that identify nobody: what an account never got it cannot have leaked, and what it got otherwise is another version.
    let weak: Vec<usize> = c
        .clue
        .columns
        .iter()
        .enumerate()
        .filter(|(i, col)| *i < 64 && col.used && !col.strong && col.class.is_some())
        .map(|(i, _)| i)
        .collect();
    let mut lacks: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut stale_rows: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
    let mut lacked: BTreeMap<i64, u64> = BTreeMap::new();
    for (account, rows) in &r.by {
        let none = FxHashSet::default();
        let got = r.beside.get(account).unwrap_or(&none);
        for i in &weak {
            let bit = 1u64 << i;
            let mut without: Vec<u32> = Vec::new();
            let mut possible = 0usize;
            for (row, x) in rows {
                if any.get(row).is_none_or(|m| m & bit == 0) {
                    continue;
                }
                possible += 1;
                let own = x.clear & bit != 0
                    || c.clue.rows.get(*row as usize).is_some_and(|v| {
                        v.iter().any(|v| {
                            got.contains(v)
                                && c.clue
                                    .values
                                    .get(*v as usize)
                                    .is_some_and(|x| usize::from(x.column) == *i)
                        })
                    });
                if !own {
                    without.push(*row);
                }
            }
            let have = possible - without.len();
            if possible >= FEW_ROWS && have * 20 < possible && c.counts("columns") {
                *lacked.entry(*account).or_default() |= bit;
                let name = c.clue.columns.get(*i).map(|col| {
                    col.name
                        .clone()
                        .or_else(|| col.class.clone())
                        .unwrap_or_default()
                });
                lacks.entry(*account).or_default().extend(name);
            } else if have * 2 >= possible && c.counts("version") {
                stale_rows.entry(*account).or_default().extend(without);
            }
        }
    }
    let build = |relaxed: bool| {
        let mut out = Coverage {
            rows: BTreeMap::new(),
            partial: BTreeMap::new(),
            lacks: if relaxed {
                BTreeMap::new()
            } else {
                lacks.clone()
            },
            stale: BTreeMap::new(),
            own: BTreeMap::new(),
            relaxed,
        };
        for (account, rows) in &r.by {
            let lack = lacked.get(account).copied().unwrap_or(0);
            for (row, x) in rows {
                let need = need.get(row).copied().unwrap_or(0);
                let first = x.first().map_or(i64::MAX, |f| f.0);
                let brought = match c.counts("upload") {
                    true => x.upload.filter(|u| u.0 <= first).map_or(0, |u| u.1),
                    false => 0,
                };
                let full = if relaxed {
                    x.clear & strong != 0 || need == 0
                } else {
                    x.clear & need == need && any.get(row).copied().unwrap_or(0) & lack == 0
                };
                let stale = !relaxed
                    && stale_rows
                        .get(account)
                        .is_some_and(|rows| rows.contains(row));
                if !full {
                    *out.partial.entry(*account).or_default() += 1;
                } else if stale {
                    *out.stale.entry(*account).or_default() += 1;
                } else if need != 0 && x.clear & need & !brought == 0 {
                    *out.own.entry(*account).or_default() += 1;
                } else {
                    out.rows.entry(*account).or_default().push(*row);
                }
            }
        }
        out
    };
    let strict = build(false);
    let most = |c: &Coverage| c.rows.values().map(Vec::len).max().unwrap_or(0);
    let loose = build(true);
    // No account got whole rows, several got parts: the parts are what there is.
    if !c.counts("columns") || most(&strict) * 2 < most(&loose) {
        loose
    } else {
        strict
    }
}
