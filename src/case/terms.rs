//! Strings that repeat, by row. In: a string. Out: its row in `term`, made where it is new. Bounds:
//! [`crate::limits::TERMS_HELD`] strings are remembered; then the memory begins anew and the table is asked.

use crate::error::Result;
use crate::limits;
use rusqlite::{Connection, OptionalExtension, Statement};
use std::collections::HashMap;

/// Rows of strings. The map is std's: its keys come from evidence, which may try to make them collide.
pub struct Terms<'c> {
    find: Statement<'c>,
    insert: Statement<'c>,
    known: HashMap<Box<str>, i64>,
}

impl<'c> Terms<'c> {
    /// Nothing remembered yet.
    pub fn new(conn: &'c Connection) -> Result<Terms<'c>> {
        Ok(Terms {
            find: conn.prepare("SELECT id FROM term WHERE v=?1")?,
            insert: conn.prepare("INSERT INTO term(v) VALUES(?1)")?,
            known: HashMap::new(),
        })
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
