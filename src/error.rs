//! In: what went wrong in a lower layer. Out: one error type that names the file, the place and what to do.
//! Bounds: messages are built from our own words and paths; evidence text in them passes [`crate::call::text::visible`].

use std::path::PathBuf;

/// Result of the library.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can stop a verb. Damage inside evidence is not an error: it is counted as a diag and reading goes on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be opened, read or written.
    #[error("{path}: {what}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done, in words ("cannot open", "cannot write").
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Nothing in the file could be understood.
    #[error("{path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was found and what would be accepted.
        why: String,
    },
    /// The case file is not ours, is newer than this program, or is damaged.
    #[error("case {path}: {why}")]
    Case {
        /// The case file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// SQLite said no.
    #[error("case database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// A filter, an option or a rules file does not parse; `at` is a byte offset into the text the user gave.
    #[error("{msg}")]
    Usage {
        /// One line: what is wrong, and the nearest right word where there is one.
        msg: String,
        /// Byte offset of the fault in the user's text, where there is one.
        at: Option<usize>,
    },
    /// What was asked for is not there, or nothing was selected.
    #[error("{0}")]
    Nothing(String),
    /// What a later release brings.
    #[error("not yet: {0}")]
    NotYet(&'static str),
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Exit status of the contract: 1 nothing matched, 2 usage, 4 nothing could be read or written, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage { .. } | Error::NotYet(_) => 2,
            Error::Nothing(_) => 1,
            Error::Interrupted => 130,
            _ => 4,
        }
    }

    /// Wraps an I/O error with the file and the act.
    pub fn io(
        path: impl Into<PathBuf>,
        what: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, what, source }
    }
}
