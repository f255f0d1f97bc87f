//! Loading: files in, a finished case out. In: paths and options. Out: [`LoadOutcome`], and progress while it runs.
//! Bounds: a byte-bounded queue between reading and scanning; see [`crate::limits`].

use crate::error::Result;
use crate::query::rows::SourceRow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What to load and how.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Files, folders, `-`.
    pub files: Vec<PathBuf>,
    /// The case file.
    pub case: PathBuf,
    /// Extra rule files, later ones override earlier ones.
    pub rules: Vec<PathBuf>,
    /// Packets and lines before this time are left out (nanoseconds).
    pub after: Option<i64>,
    /// ... and from this time on.
    pub before: Option<i64>,
    /// Zone for logs without one (IANA name or offset).
    pub tz: Option<String>,
    /// Networks that count as inside; empty for the default.
    pub inside: Vec<String>,
    /// Scan threads; `None` for the machine's cores.
    pub jobs: Option<usize>,
    /// Bytes of memory for queues and reassembly; `None` for the limits' defaults.
    pub max_mem: Option<u64>,
    /// Do not spool standard input.
    pub no_spool: bool,
    /// Write facts while loading (for the interface), not only at the end.
    pub interim: bool,
}

/// Where a load stands; read by the interface and the progress line at any time.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of evidence read so far, as they lie in the files.
    pub read: AtomicU64,
    /// Bytes of evidence in all; 0 while unknown.
    pub total: AtomicU64,
    /// Packets and lines read.
    pub units: AtomicU64,
    /// Calls written.
    pub calls: AtomicU64,
    /// Raised after each commit: what was on screen may be old.
    pub generation: AtomicU64,
    /// 0 reading, 1 deciding facts, 2 finished.
    pub phase: AtomicU64,
    /// Set to stop early; what was read stays.
    pub stop: AtomicBool,
}

/// What a load did.
#[derive(Debug, Clone, Default)]
pub struct LoadOutcome {
    /// Sources of this run, also those that were in the case already.
    pub sources: Vec<SourceRow>,
    /// Calls in the case.
    pub calls: u64,
    /// Accounts in the case.
    pub accounts: u64,
    /// APIs in the case.
    pub apis: u64,
    /// Findings in the case.
    pub findings: u64,
    /// Wall time.
    pub seconds: f64,
    /// Evidence that was damaged but partly read: exit 3.
    pub damaged: bool,
    /// Inputs of which nothing could be read, with the reason: exit 4 where there is nothing else.
    pub failed: Vec<(PathBuf, String)>,
}

/// Loads, and decides all facts. Errors only where nothing could be done at all.
pub fn run(_options: &LoadOptions, _progress: &Progress) -> Result<LoadOutcome> {
    Err(crate::error::Error::NotYet("loading"))
}
