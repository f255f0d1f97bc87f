//! Which rows of the clue stand where. In: hits of values. Out: rows seen in a record of a body or head, with a belief
//! and the columns that were there in clear. Bounds: work is linear in the hits; a value that many rows share
//! supports a row and never names one.

use super::clue::{Clue, Shape};
use super::sight::{Found, Holder};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A row of the clue in one record of a holder.
#[derive(Debug, Clone)]
pub struct RowHit {
    /// Row.
    pub row: u32,
    /// Where.
    pub holder: Holder,
    /// Index into the list of [`Found`].
    pub found: u32,
    /// Record in the holder, 0 for none.
    pub record: u32,
    /// Belief that the record is the row's subject, 0..=1.
    pub conf: f32,
    /// Columns of the row that stand there as the clue has them (bit by column).
    pub clear: u64,
    /// Columns that stand there only masked or hashed.
    pub veiled: u64,
    /// Indices of the hits, best first.
    pub hits: Vec<u32>,
}

/// A row shared by this many others says too little to be started from.
const SHARED: usize = 64;

/// Finds rows. `lone`: the clue is one value, and any sighting of it counts.
pub fn rows(clue: &Clue, found: &[Found], lone: bool) -> Vec<RowHit> {
    let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); clue.values.len()];
    for (r, row) in (0u32..).zip(&clue.rows) {
        for v in row {
            if let Some(list) = rows_of.get_mut(*v as usize) {
                list.push(r);
            }
        }
    }
    // How many values of the clue a masked sighting could be: one signature may fit several.
    let mut out = Vec::new();
    for (fi, f) in (0u32..).zip(found) {
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (i, h) in (0u32..).zip(&f.hits) {
            groups.entry(h.record).or_default().push(i);
        }
        for (record, hits) in groups {
            let mut by_row: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            // Values at one place of this group: a mask that fits several values of the clue is not unique.
            let mut fits: FxHashMap<(u64, u32), u32> = FxHashMap::default();
            for i in &hits {
                let h = &f.hits[*i as usize];
                *fits.entry((h.offset, h.len)).or_default() += 1;
                let rows = &rows_of[h.value as usize];
                if rows.len() <= SHARED {
                    for r in rows {
                        by_row.entry(*r).or_default().push(*i);
                    }
                }
            }
            for (row, mut own) in by_row {
                // Values that many rows share join once the row is named by another.
                for i in &hits {
                    let h = &f.hits[*i as usize];
                    if rows_of[h.value as usize].len() > SHARED
                        && clue.rows[row as usize].contains(&h.value)
                    {
                        own.push(*i);
                    }
                }
                let (mut clear, mut veiled, mut strong, mut digest, mut mask) =
                    (0u64, 0u64, false, false, 0.0f32);
                let mut conf_strong = 0.0f32;
                for i in &own {
                    let h = &f.hits[*i as usize];
                    let v = &clue.values[h.value as usize];
                    let col = &clue.columns[v.column as usize];
                    let bit = 1u64 << (v.column & 63);
                    let one_way = h.form.steps().any(crate::detect::form::Step::one_way);
                    let same_shape = match v.shape {
                        Shape::Clear => !h.masked && !one_way,
                        // Who has it in clear can mask or hash it.
                        Shape::Masked | Shape::Digest(_) => true,
                    };
                    if same_shape {
                        clear |= bit;
                    } else {
                        veiled |= bit;
                    }
                    if h.masked || v.shape == Shape::Masked {
                        if fits.get(&(h.offset, h.len)).copied().unwrap_or(1) == 1 && col.strong {
                            mask = mask.max(h.conf);
                        }
                    } else if col.strong || one_way {
                        strong = true;
                        digest |= one_way;
                        conf_strong = conf_strong.max(h.conf);
                    }
                }
                let columns = (clear | veiled).count_ones();
                let named = record != 0 || !matches!(f.holder, Holder::Body(_));
                let conf = if strong {
                    conf_strong.min(if digest { 0.98 } else { 0.99 })
                } else if columns >= 2 && named {
                    if clear.count_ones() >= 2 { 0.75 } else { 0.9 }
                } else if lone {
                    own.iter()
                        .map(|i| f.hits[*i as usize].conf)
                        .fold(0.0, f32::max)
                } else {
                    // A mask alone, if nothing else of the clue fits it.
                    mask.min(0.45)
                };
                if conf < 0.3 {
                    continue;
                }
                own.sort_by_key(|i| {
                    let h = &f.hits[*i as usize];
                    let v = &clue.values[h.value as usize];
                    (
                        !clue.columns[v.column as usize].strong,
                        h.masked,
                        v.column,
                        h.offset,
                    )
                });
                out.push(RowHit {
                    row,
                    holder: f.holder,
                    found: fi,
                    record,
                    conf,
                    clear,
                    veiled,
                    hits: own,
                });
            }
        }
    }
    out
}
