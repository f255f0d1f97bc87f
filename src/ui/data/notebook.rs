//! The investigator's part of the case: marks, notes, tags, saved filters, reveals, exports. In: changes. Out: what was
//! written, in words. Bounds: one short transaction each; while a load holds the file the write waits for it.

use super::{Answer, ExportForm, MarkRow, What};
use crate::error::{Error, Result};
use crate::query::Filter;
use rusqlite::Connection;
use std::path::Path;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts (or takes away) a mark, note or tag.
    Put {
        /// `call:ID`, `api:NAME`, `account:NAME` ...
        target: String,
        /// `mark`, `note` or `tag`.
        kind: &'static str,
        /// Text.
        v: String,
        /// Take it away instead.
        off: bool,
    },
    /// Keeps a filter under a name.
    SaveFilter {
        /// Name.
        name: String,
        /// Text.
        text: String,
    },
}

impl Write {
    /// What takes it back.
    pub fn inverse(&self) -> Option<Write> {
        match self {
            Write::Put { target, kind, v, off } => {
                Some(Write::Put { target: target.clone(), kind, v: v.clone(), off: !off })
            }
            Write::SaveFilter { .. } => None,
        }
    }
}
