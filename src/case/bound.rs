//! A statement that runs for many rows. In: a statement, values by place. Out: rows. Bounds: one note a place.

use crate::error::Result;
use rusqlite::Statement;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

/// A statement whose values stay bound from one run to the next.
pub struct Bound<'c> {
    stmt: Statement<'c>,
    /// What is bound at each place, where that is a number or nothing.
    last: Vec<Last>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Other,
    Null,
    Number(i64),
}

impl<'c> Bound<'c> {
    /// Nothing is bound yet.
    pub fn new(stmt: Statement<'c>) -> Bound<'c> {
        Bound {
            last: vec![Last::Other; stmt.parameter_count()],
            stmt,
        }
    }
    /// Binds values from a place on, counted from 0. Half of the columns of a call are as in the call before: those are not
    /// bound again.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn bind(&mut self, from: usize, values: &[ValueRef<'_>]) -> Result<()> {
        for (value, (at, last)) in values
            .iter()
            .zip((from + 1..).zip(self.last.iter_mut().skip(from)))
        {
            let new = match value {
                ValueRef::Integer(n) => Last::Number(*n),
                ValueRef::Null => Last::Null,
                _ => Last::Other,
            };
            if new == *last && new != Last::Other {
                continue;
            }
            match value {
                ValueRef::Null => self.stmt.raw_bind_parameter(at, Null)?,
                ValueRef::Integer(n) => self.stmt.raw_bind_parameter(at, n)?,
                ValueRef::Real(n) => self.stmt.raw_bind_parameter(at, n)?,
                ValueRef::Text(_) | ValueRef::Blob(_) => {
                    self.stmt
                        .raw_bind_parameter(at, ToSqlOutput::Borrowed(*value))?;
                }
            }
            *last = new;
        }
        Ok(())
    }
    /// Runs it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn execute(&mut self) -> Result<()> {
        self.stmt.raw_execute()?;
        Ok(())
    }
}
