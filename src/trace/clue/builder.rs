//! A clue that is being read. In: rows of cells with the names of their columns. Out: a clue of distinct values whose columns have
//! classes. Bounds: [`crate::limits::CLUE_ROWS`], [`crate::limits::CLUE_COLUMNS`]; what is beyond is counted.

use super::spelling::{clean, shape, spelt, tail};
use super::{Clue, Column, Known, SAMPLE, Shape, Typer, Value, usage};
use crate::error::Result;
use crate::limits;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};

#[derive(Default)]
pub(super) struct Builder {
    pub(super) clue: Clue,
    pub(super) format: String,
    pub(super) by_name: BTreeMap<String, u16>,
    /// Values by a hash of column and text; equal hashes of others stand under the next number.
    pub(super) seen: FxHashMap<u64, u32>,
    /// Classes that the text itself told, by column.
    pub(super) told: BTreeMap<u16, (String, bool)>,
    /// Filled cells of each column.
    pub(super) filled: Vec<u64>,
    pub(super) keep_all: bool,
}

impl Builder {
    pub(super) fn column(&mut self, name: Option<&str>, at: usize) -> Option<u16> {
        let key = name.map_or_else(|| format!("\u{0}{at}"), str::to_owned);
        if let Some(c) = self.by_name.get(&key) {
            return Some(*c);
        }
        if self.clue.columns.len() >= limits::CLUE_COLUMNS {
            return None;
        }
        let c = u16::try_from(self.clue.columns.len()).ok()?;
        self.by_name.insert(key, c);
        self.clue.columns.push(Column {
            name: name.map(str::to_owned),
            ..Column::default()
        });
        self.filled.push(0);
        Some(c)
    }

    /// Number of a value, the same for equal ones.
    pub(super) fn value(&mut self, column: u16, text: &str, print: Option<u64>) -> Option<u32> {
        let mut h = rustc_hash::FxHasher::default();
        (column, text, print).hash(&mut h);
        let mut key = h.finish();
        while let Some(id) = self.seen.get(&key) {
            let v = self.clue.values.get(*id as usize)?;
            if v.column == column && v.text == text && v.print == print {
                return Some(*id);
            }
            key = key.wrapping_add(1);
        }
        let id = u32::try_from(self.clue.values.len()).ok()?;
        self.clue.values.push(Value {
            text: text.to_owned(),
            column,
            shape: match print {
                Some(_) => Shape::Clear,
                None => shape(text),
            },
            print,
        });
        self.seen.insert(key, id);
        Some(id)
    }

    pub(super) fn row(&mut self, cells: &[(Option<&str>, &str)]) {
        if self.clue.rows.len() >= limits::CLUE_ROWS {
            self.clue.skipped += 1;
            return;
        }
        let mut row: Vec<u32> = Vec::with_capacity(cells.len());
        for (i, (name, cell)) in cells.iter().enumerate() {
            let text = spelt(clean(cell));
            if text.chars().count() < 2
                || matches!(
                    text.to_ascii_lowercase().as_str(),
                    "null"
                        | "none"
                        | "n/a"
                        | "na"
                        | "nil"
                        | "nan"
                        | "--"
                        | "true"
                        | "false"
                        | "\\n"
                )
            {
                continue;
            }
            let Some(c) = self.column(*name, i) else {
                self.clue.skipped += 1;
                continue;
            };
            if let Some(n) = self.filled.get_mut(usize::from(c)) {
                *n += 1;
            }
            // Four digits in a column of last digits are the end of a longer number.
            let text = match name {
                Some(n)
                    if text.len() == 4
                        && tail(n)
                        && text.bytes().all(|b| b.is_ascii_alphanumeric()) =>
                {
                    Cow::Owned(format!("****{text}"))
                }
                _ => text,
            };
            let Some(id) = self.value(c, &text, None) else {
                self.clue.skipped += 1;
                continue;
            };
            if !row.contains(&id) {
                row.push(id);
            }
        }
        if row.is_empty() {
            self.clue.skipped += 1;
        } else {
            self.clue.rows.push(row);
        }
    }

    /// A row that the evidence told. Where prints alone are known, the texts only stand for them and are taken as they are.
    pub(super) fn known(&mut self, values: &[Known]) {
        if values.iter().all(|v| v.print.is_none()) {
            let cell = |v| {
                let Known { text, class, .. }: &Known = v;
                (Some(class.as_str()), text.as_str())
            };
            let cells: Vec<(Option<&str>, &str)> = values.iter().map(cell).collect();
            return self.row(&cells);
        }
        if self.clue.rows.len() >= limits::CLUE_ROWS {
            self.clue.skipped += 1;
            return;
        }
        let mut row: Vec<u32> = Vec::with_capacity(values.len());
        for (i, v) in values.iter().enumerate() {
            let at = self.column(Some(&v.class), i).and_then(|c| {
                if let Some(n) = self.filled.get_mut(usize::from(c)) {
                    *n += 1;
                }
                self.value(c, &v.text, v.print)
            });
            match at {
                Some(id) if !row.contains(&id) => row.push(id),
                Some(_) => {}
                None => self.clue.skipped += 1,
            }
        }
        if row.is_empty() {
            self.clue.skipped += 1;
        } else {
            self.clue.rows.push(row);
        }
    }

    pub(super) fn finish(mut self, typer: &mut Typer<'_>) -> Result<Clue> {
        if self.clue.rows.is_empty() {
            return Err(usage("", "holds no value to look for"));
        }
        let mut values: Vec<Vec<u32>> = vec![Vec::new(); self.clue.columns.len()];
        for (i, v) in (0u32..).zip(&self.clue.values) {
            if let Some(own) = values.get_mut(usize::from(v.column)) {
                own.push(i);
            }
        }
        for ((c, column), own) in self.clue.columns.iter_mut().enumerate().zip(&values) {
            let sample: Vec<&str> = own
                .iter()
                .filter_map(|i| self.clue.values.get(*i as usize))
                .filter(|v| v.shape == Shape::Clear)
                .take(SAMPLE)
                .map(|v| v.text.as_str())
                .collect();
            let told = u16::try_from(c)
                .ok()
                .and_then(|c| self.told.get(&c).cloned());
            let class = told.or_else(|| typer(column.name.as_deref(), &sample));
            let distinct =
                own.len() as f64 / self.filled.get(c).copied().unwrap_or(0).max(1) as f64;
            // Nothing knows the class: long, nearly unique codes identify; few values over many rows say nothing.
            let coded = own
                .iter()
                .filter_map(|i| self.clue.values.get(*i as usize))
                .filter(|v| {
                    v.shape != Shape::Clear
                        || (v.text.chars().count() >= 6
                            && v.text.bytes().any(|b| b.is_ascii_digit()))
                })
                .count() as f64
                / own.len().max(1) as f64;
            column.strong = match &class {
                Some((_, strong)) => *strong,
                None => distinct > 0.9 && coded > 0.9,
            };
            column.used =
                self.keep_all || class.is_some() || self.clue.rows.len() < 20 || distinct > 0.2;
            column.class = class.map(|c| c.0);
        }
        self.clue.format = self.format;
        Ok(self.clue)
    }
}
