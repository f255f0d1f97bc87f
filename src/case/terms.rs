//! Strings that repeat, by row. In: a string. Out: its row in `term`, made where it is new. Bounds:
//! [`crate::limits::TERMS_HELD`] strings are remembered; then the memory begins anew and the table is asked.

use crate::call::model::Fields;
use crate::case::rows::narrow;
use crate::error::Result;
use crate::limits;
use rusqlite::{Connection, OptionalExtension, Statement};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows of strings. The map is std's: its keys come from evidence, which may try to make them collide.
pub struct Terms<'c> {
    find: Statement<'c>,
    insert: Statement<'c>,
    known: HashMap<Box<str>, i64>,
    /// What stood last in each slot: a column of calls, whose strings repeat.
    last: [(String, i64); SLOTS],
    /// Lists of fields met last with their rows, and the place of the next new one.
    lists: Vec<(Fields, Box<[u32]>)>,
    next: usize,
}

/// Columns of calls that hold strings.
pub const SLOTS: usize = 9;
/// Lists that are remembered: those of a few scan threads.
const LISTS: usize = 128;

impl<'c> Terms<'c> {
    /// Nothing remembered yet.
    pub fn new(conn: &'c Connection) -> Result<Terms<'c>> {
        Ok(Terms {
            find: conn.prepare("SELECT id FROM term WHERE v=?1")?,
            insert: conn.prepare("INSERT INTO term(v) VALUES(?1)")?,
            known: HashMap::new(),
            last: Default::default(),
            lists: Vec::new(),
            next: 0,
        })
    }
    /// Row of a string that stands in a slot.
    pub fn in_slot(&mut self, slot: usize, v: &str) -> Result<i64> {
        if let Some((text, id)) = self.last.get(slot)
            && text == v
            && *id != 0
        {
            return Ok(*id);
        }
        let id = self.id(v)?;
        if let Some((text, row)) = self.last.get_mut(slot) {
            text.clear();
            text.push_str(v);
            *row = id;
        }
        Ok(id)
    }
    /// Rows of fields.
    pub fn ids(&mut self, fields: Option<&Fields>) -> Result<&[u32]> {
        let Some(fields) = fields else {
            return Ok(&[]);
        };
        let known = self.lists.iter().position(|(l, _)| Arc::ptr_eq(l, fields));
        let at = match known {
            Some(at) => at,
            None => {
                let ids = fields.iter().map(|f| Ok(narrow(self.id(f)?)));
                let new = (Arc::clone(fields), ids.collect::<Result<_>>()?);
                let at = self.next;
                match self.lists.get_mut(at) {
                    Some(old) => *old = new,
                    None => self.lists.push(new),
                }
                self.next = (at + 1) % LISTS;
                at
            }
        };
        Ok(self.lists.get(at).map_or(&[], |(_, ids)| ids))
    }
    /// Row of a string.
    pub fn id(&mut self, v: &str) -> Result<i64> {
        if let Some(id) = self.known.get(v) {
            return Ok(*id);
        }
        let id = match self.find.query_row([v], |r| r.get(0)).optional()? {
            Some(id) => id,
            None => self.insert.insert([v])?,
        };
        if self.known.len() >= limits::TERMS_HELD {
            self.known.clear();
        }
        self.known.insert(v.into(), id);
        Ok(id)
    }
}
