//! Loading: files in, a finished case out. In: paths and options. Out: [`LoadOutcome`], and progress while it runs.
//! Bounds: a byte-bounded queue between reading and scanning; see [`crate::limits`].
//!
//! One thread reads, reassembles and parses; scan threads decode, hash, search and compress; the calling thread writes.
//! Work is numbered when it is read and written in that order, so the case does not depend on which thread was faster.

mod again;
mod captures;
pub mod correct;
pub mod finalise;
mod formats;
mod ingest;
mod lines;
mod live;
mod operation;
mod pipeline;
pub mod profiles;
mod queue;
mod rescan;
mod scan;
pub mod schemas;
mod secrets;
mod sources;
pub mod specs;
mod taps;
mod target;
mod work;

pub use self::rescan::{Rescanned, of_heads};
use crate::case::checkpoint::Checkpoints;
use crate::case::{self, Case};
use crate::detect::Rules;
use crate::error::{Error, Result};
use crate::facts::inside::Inside;
use crate::query::rows::SourceRow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// What to load and how.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Files, folders, `-`.
    pub files: Vec<PathBuf>,
    /// The case file.
    pub case: PathBuf,
    /// Extra rule files, later ones override earlier ones.
    pub rules: Vec<PathBuf>,
    /// Protobuf schemas: `.proto` texts or descriptor sets; kept in the case.
    pub proto: Vec<PathBuf>,
    /// API specifications; kept in the case.
    pub spec: Vec<PathBuf>,
    /// Grading profile: a name or a file; kept in the case.
    pub profile: Option<String>,
    /// Packets and lines before this time are left out (nanoseconds).
    pub after: Option<i64>,
    /// ... and from this time on.
    pub before: Option<i64>,
    /// Log formats: files (a mapping in TOML, a server's configuration) or format strings.
    pub log_format: Vec<String>,
    /// Zone for logs without one (IANA name or offset).
    pub tz: Option<String>,
    /// Networks that count as inside; empty for the default.
    pub inside: Vec<String>,
    /// Scan threads; `None` for the machine's cores.
    pub jobs: Option<usize>,
    /// Bytes of memory for queues and reassembly; `None` for the limits' defaults.
    pub max_mem: Option<u64>,
    /// TLS key logs (SSLKEYLOGFILE form).
    pub keylog: Vec<PathBuf>,
    /// RSA private keys of servers (PEM).
    pub rsa_key: Vec<PathBuf>,
    /// Do not keep the copies of pipes.
    pub no_spool: bool,
    /// Go on reading what grows until [`Progress::stop`]: the files, and what appears in the folders.
    pub follow: bool,
    /// Write facts while loading (for the interface), not only at the end.
    pub interim: bool,
    /// The case is thrown away again: it does not become the last one used.
    pub scratch: bool,
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
    /// Sources of the case that were searched with other rules than these: their findings are those of then.
    pub other_rules: u64,
    /// What was searched again, where rules were given and the case had been searched with other ones.
    pub rescanned: Option<Rescanned>,
    /// Inputs of which nothing could be read, with the reason: exit 4 where there is nothing else.
    pub failed: Vec<(PathBuf, String)>,
}

impl LoadOutcome {
    /// The exit status that says how a load went which was not stopped: 4 where nothing could be read, 3 where a part of it
    /// could not.
    pub fn status(&self) -> u8 {
        if self.sources.is_empty() {
            4
        } else if self.damaged || !self.failed.is_empty() {
            3
        } else {
            0
        }
    }
}

pub(crate) use crate::case::beside;

/// Loads, and decides all facts. Errors only where nothing could be done at all.
pub fn run(options: &LoadOptions, progress: &Progress) -> Result<LoadOutcome> {
    load(options, progress).map_err(|e| match e {
        Error::Sql(e) => {
            let full = e.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
            let todo = "; make room and load again, what was written before stays";
            Error::Case {
                path: options.case.clone(),
                why: format!("{e}{}", if full { todo } else { "" }),
            }
        }
        e => e,
    })
}

fn load(options: &LoadOptions, progress: &Progress) -> Result<LoadOutcome> {
    let begin = Instant::now();
    let rules = Arc::new(Rules::with_files(&options.rules)?);
    let given_inside = Inside::parse(&options.inside)?;
    let zone = crate::source::log::LogZone::named(options.tz.as_deref())
        .map_err(|msg| Error::Usage { msg, at: None })?;
    let mut secrets = secrets::files(options, progress)?;
    let (mut given, rest) = sources::given(options)?;
    let formats = formats::given(&options.log_format)?;
    let spill = beside(&options.case);
    let look = crate::source::Look {
        formats: &formats,
        spill: &spill,
        stop: &progress.stop,
    };
    let (mut inputs, mut failed) = crate::source::discover(&rest, look);
    // A case that lies in the folder of its evidence is none of it.
    failed.retain(|(path, _)| rest.contains(path) || !of_case(path, &options.case));
    // what was taken of pipes and growing files is a load of its own
    if progress.stop.load(Relaxed) && !given.follow && given.pipes.is_empty() {
        return Err(Error::Interrupted);
    }
    if given.follow {
        // What is empty or not there yet may come.
        failed.retain(|(path, _)| !std::fs::metadata(path).is_ok_and(|m| m.len() == 0));
        failed.retain(|(path, _)| !live::is_of_case(path, &options.case));
    }
    if inputs.is_empty() && given.folders.is_empty() && given.pipes.is_empty() {
        return Ok(LoadOutcome {
            failed,
            seconds: begin.elapsed().as_secs_f64(),
            ..LoadOutcome::default()
        });
    }
    let classes: Vec<case::classes::ClassDef<'_>> = rules
        .classes()
        .iter()
        .map(|c| (c.name.as_str(), c.level as u8, c.label.as_str()))
        .collect();
    let mut case = Case::create_or_open(&options.case, &classes, false)?;
    // What was said to be inside holds until something else is said.
    let inside = if options.inside.is_empty() {
        correct::kept_inside(&case.conn)?
    } else {
        case::info::keep(&case.conn, "inside", &options.inside.join(","))?;
        given_inside
    };
    let schema = schemas::keep(&case.conn, &options.proto)?.map(Arc::new);
    specs::keep(&case.conn, &options.spec)?;
    profiles::keep(&case.conn, options.profile.as_deref())?;
    let (mut known, unchanged, replaced);
    if given.follow {
        (known, unchanged) = sources::take_followed(&case.conn, &mut inputs, &mut given, progress)?;
        replaced = Vec::new();
    } else {
        unchanged = Vec::new();
        let same = sources::take_known(&case.conn, &mut inputs, progress)?;
        (known, replaced) =
            again::choose(&case, same, &secrets.files, &mut inputs, &mut failed, look)?;
        sources::sort(&mut inputs);
    }
    secrets::captures(&inputs, progress, &mut secrets);
    secrets::captures(&given.files, progress, &mut secrets);
    let mut spooled = std::mem::take(&mut given.spooled);
    let mut live = live::Live::new(given, &unchanged, &inputs, &failed, &options.case);
    live.held = sources::held(&case.conn)?;
    live.formats = formats.clone();
    // until facts are decided; it ends before the case is closed, which clears the log
    let straight = case.is_new() && !options.interim && !live.any();
    let checkpoints = Checkpoints::start(&case, straight)?;
    let mut damaged = false;
    let mut stopped = false;
    let mut loaded = false;
    let mut gathered = None;
    if !inputs.is_empty() || live.any() {
        let end = pipeline::load(
            &case,
            &inputs,
            &mut live,
            options,
            progress,
            &rules,
            &inside,
            zone,
            secrets,
            &replaced,
            schema.clone(),
            &checkpoints,
            &mut gathered,
        )?;
        damaged = end.damaged;
        stopped = end.stopped;
        loaded = !end.nothing_new;
        if end.nothing_new {
            case::recover::recover(&mut case.conn)?;
            known.extend(end.known);
            spooled.iter_mut().for_each(|s| s.keep = false);
        }
    }
    known.append(&mut live.known_rows);
    damaged |= sources::any_damaged(&case.conn, &known)?;
    failed.append(&mut live.failed);
    // Rules that were named count for all of the case; a load that names none leaves it as it is.
    let rescanned = match options.rules.is_empty() || stopped {
        true => None,
        false => rescan::run(&case, &rules, schema.as_deref(), progress)?,
    };
    let other_rules = case::sources::note_rules(&case.conn, rules.print())?;
    progress.phase.store(1, Relaxed);
    let stale = case::info::is_stale(&case.conn)?;
    checkpoints.ask();
    let counts = if stale || stopped || loaded || rescanned.is_some() {
        finalise::run_on(&mut case.conn, &rules, &inside, gathered)?
    } else {
        finalise::counts(&case.conn)?
    };
    drop(checkpoints);
    if !options.scratch {
        case::place::remember(&options.case)?;
    }
    let rows = sources::rows(&options.case, &case.conn, &known, loaded)?;
    progress.phase.store(2, Relaxed);
    progress.generation.fetch_add(1, Relaxed);
    if stopped {
        return Err(Error::Interrupted);
    }
    Ok(LoadOutcome {
        sources: rows,
        calls: counts.calls,
        accounts: counts.accounts,
        apis: counts.apis,
        findings: counts.findings,
        seconds: begin.elapsed().as_secs_f64(),
        damaged,
        failed,
        other_rules,
        rescanned,
    })
}

/// Whether a file is the case itself or one of those that stand beside it.
fn of_case(path: &Path, case: &Path) -> bool {
    let name = |p: &Path| p.file_name().map(|n| n.as_encoded_bytes().to_vec());
    let (Some(own), Some(name)) = (name(case), name(path)) else {
        return false;
    };
    let Some(rest) = name.strip_prefix(own.as_slice()) else {
        return false;
    };
    let folder = |p: &Path| std::path::absolute(p).ok()?.parent()?.canonicalize().ok();
    [&b""[..], b"-wal", b"-shm", b".lock"].contains(&rest) && folder(path) == folder(case)
}
