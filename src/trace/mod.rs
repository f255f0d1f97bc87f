//! How a value moved and who could have leaked it. In: a question (value, clue, account, record) and a case.
//! Out: the trace object of the contract. Bounds: see [`crate::limits`]; a stop flag ends any search early.

mod answer;
pub mod clue;
pub mod evidence;
pub mod graph;
mod labels;
pub mod likelihood;
pub mod matching;
pub mod model;
pub mod place;
pub mod resolve;
pub mod sight;
pub mod subject;
pub mod subjects;
pub mod text;
pub mod trail;
pub mod verdict;

pub use model::TraceResult;

use crate::detect::Rules;
use crate::error::Result;
use crate::facts::inside::Inside;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// One value, in any form: clear, encoded, masked or a digest.
    Value(String),
    /// The bytes of a clue file (or pasted rows) and its name for messages.
    Clue {
        /// Name shown in messages.
        name: String,
        /// Content.
        bytes: Vec<u8>,
    },
    /// All that an account read and sent on.
    Account(String),
    /// A record by its id, as `findings` rows show it.
    Record(String),
    /// All that an address, a device, an API or a host saw, took and sent on.
    Subject(subject::Kind, String),
}

/// How to answer.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Show values in clear. The caller writes the journal row.
    pub reveal: bool,
    /// What counts as inside.
    pub inside: Inside,
    /// Leave out the search of text for values that no data class covers (the interface asks for it separately).
    pub quick: bool,
    /// Data classes, to know the columns of a clue; `None` for the built-in ones.
    pub rules: Option<Arc<Rules>>,
    /// Trails in the answer at most; `None` for [`crate::limits::TRACE_TRAILS`].
    pub trails: Option<usize>,
    /// When the leak was out (nanoseconds): what was delivered later explains nothing.
    pub published: Option<i64>,
    /// Kinds of evidence that are left out ([`verdict::REMOVABLE`]).
    pub without: Vec<String>,
    /// Planted values and whom each was given to (`None`: whoever alone received it).
    pub canaries: Vec<(String, Option<String>)>,
    /// Show the leaked rows beside what this account read of them.
    pub suspect: Option<String>,
}

/// Answers a question from the case. `stop` ends a search early: the answer then says so.
///
/// # Errors
/// [`crate::error::Error::Usage`] where the clue holds nothing to look for; [`crate::error::Error::Nothing`] where the account or
/// record does not exist; database errors.
pub fn run(
    conn: &rusqlite::Connection,
    question: &Question,
    options: &Options,
    stop: &AtomicBool,
) -> Result<TraceResult> {
    let mut found = answer::run(conn, question, options, stop)?;
    found.partial = crate::case::info::is_partial(conn)?;
    Ok(found)
}
