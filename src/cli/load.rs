//! `load`, and the program without a verb. In: files. Out: a loaded case, then the interface or rows. Bounds: those of
//! loading; an interrupt stops it at the next block and keeps what was read.

use super::args::{Args, Common};
use super::{INTERRUPTED, OK, UNREADABLE, case, out, rows};
use crate::call::text::{many, visible};
use crate::case::{open_notebook, place};
use crate::error::{Error, Result};
use crate::load::{self, LoadOptions, LoadOutcome, Progress, schemas};
use crate::query::lang::{field, value};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Files of the command line, also those given in tshark's way.
fn given(args: &Args, files: &[PathBuf]) -> Vec<PathBuf> {
    files.iter().chain(&args.common.read).cloned().collect()
}

/// `load FILE...`
pub(super) fn load(args: &Args, files: &[PathBuf]) -> Result<u8> {
    let files = given(args, files);
    if files.is_empty() {
        return Err(Error::Usage {
            msg: "load wants a capture, a log, a folder, or -".to_owned(),
            at: None,
        });
    }
    let options = options(args, &files, case::to_load(args, &files)?)?;
    let (outcome, stopped) = run(&options)?;
    let code = report(&options.case, &outcome, stopped);
    if args.common.json {
        out::object(
            args,
            &json!({
                "case": options.case.to_string_lossy(),
                "sources": outcome.sources,
                "calls": outcome.calls,
                "accounts": outcome.accounts,
                "apis": outcome.apis,
                "findings": outcome.findings,
                "seconds": outcome.seconds,
                "rescanned": outcome.rescanned.as_ref().map(|r| {
                    let class = |(c, (added, removed)): (&String, &(u64, u64))| {
                        (c.clone(), json!({"added": added, "removed": removed}))
                    };
                    let classes: serde_json::Map<String, serde_json::Value> =
                        r.classes.iter().map(class).collect();
                    json!({"searched": r.searched, "changed": r.changed, "classes": classes})
                }),
            }),
        )?;
    }
    Ok(code)
}

/// A word that is no file and nearly a verb is a verb mistyped: said at once, not in an interface opened on nothing.
fn known(files: &[PathBuf]) -> Result<()> {
    let Some(word) = files.first().and_then(|f| f.to_str()) else {
        return Ok(());
    };
    let plain = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain || Path::new(word).exists() {
        return Ok(());
    }
    let verbs = super::args::verbs();
    match field::nearest(word, verbs.iter().map(String::as_str)) {
        Some(v) => Err(Error::Unreadable {
            path: word.into(),
            why: format!("No such file, and no verb is called {word}; did you mean {v}?"),
        }),
        None => Ok(()),
    }
}

/// `leaktrace [FILE...]`: the interface where there is a terminal, else rows of calls.
pub(super) fn browse(args: &Args, files: &[PathBuf]) -> Result<u8> {
    let mut files = given(args, files);
    known(&files)?;
    // a case that stands where evidence would is the one that is meant
    let own = match (&args.common.case, files.as_slice()) {
        (None, [one]) if place::is_case(one) => files.pop(),
        _ => None,
    };
    let interface = std::io::stdout().is_terminal()
        && !args.common.no_ui
        && !args.common.json
        && !args.common.count;
    if interface {
        let case = if let Some(own) = own {
            own
        } else if files.is_empty() {
            case::existing(args)?
        } else {
            case::to_load(args, &files)?
        };
        return screen(args, case, &files);
    }
    let mut code = OK;
    let path = if let Some(own) = own {
        own
    } else if files.is_empty() {
        case::existing(args)?
    } else {
        let options = options(args, &files, case::to_load(args, &files)?)?;
        let (outcome, stopped) = run(&options)?;
        code = report(&options.case, &outcome, stopped);
        if code == UNREADABLE || code == INTERRUPTED {
            return Ok(code);
        }
        options.case
    };
    let cx = case::open_at(args, &path)?;
    let filter = args.filter(&cx)?;
    let shown = rows::calls_of(args, &cx, &filter)?;
    Ok(if code == OK { shown } else { code })
}

/// Opens the interface on a case and loads beside it.
pub(super) fn screen(args: &Args, case: PathBuf, files: &[PathBuf]) -> Result<u8> {
    let load = if files.is_empty() {
        if !args.common.proto.is_empty() {
            schemas::keep(&open_notebook(&case)?, &args.common.proto)?;
        }
        None
    } else {
        let mut options = options(args, files, case.clone())?;
        options.interim = true;
        Some(options)
    };
    let _ = place::remember(&case);
    super::screen::open(args, case, load)
}

/// `--max-mem` in bytes.
pub(super) fn max_mem(c: &Common) -> Result<Option<u64>> {
    let Some(text) = &c.max_mem else {
        return Ok(None);
    };
    let n = value::size(text)
        .and_then(|n| u64::try_from(n).ok())
        .filter(|n| *n > 0);
    n.map(Some).ok_or_else(|| Error::Usage {
        msg: format!("--max-mem wants a size such as 512M, not {}", visible(text)),
        at: None,
    })
}

/// Options of loading, from those of the command line.
pub(super) fn options(args: &Args, files: &[PathBuf], case: PathBuf) -> Result<LoadOptions> {
    let c = &args.common;
    let max_mem = max_mem(c)?;
    Ok(LoadOptions {
        files: files.to_vec(),
        case,
        rules: c.rules.clone(),
        proto: c.proto.clone(),
        spec: c.spec.clone(),
        profile: c.profile.clone(),
        after: Common::load_time(c.after.as_ref(), "after")?,
        before: Common::load_time(c.before.as_ref(), "before")?,
        log_format: c.log_format.clone(),
        tz: c.tz.clone(),
        inside: inside(&c.inside)?,
        jobs: c.jobs.filter(|n| *n > 0),
        max_mem,
        keylog: c.keylog.clone(),
        rsa_key: c.rsa_key.clone(),
        no_spool: c.no_spool,
        follow: c.follow,
        interim: false,
        scratch: false,
    })
}

/// Networks of `--inside`: each is a network, or a file with one a line.
pub(super) fn inside(given: &[String]) -> Result<Vec<String>> {
    let mut nets = Vec::new();
    for word in given {
        if value::network(word).is_some() {
            nets.push(word.clone());
            continue;
        }
        let path = Path::new(word);
        let text =
            std::fs::read_to_string(path).map_err(Error::io(path, "--inside: cannot read"))?;
        let lines = text
            .lines()
            .map(|l| l.split('#').next().unwrap_or("").trim());
        nets.extend(lines.filter(|l| !l.is_empty()).map(str::to_owned));
    }
    Ok(nets)
}

/// Loads with progress on standard error; also tells whether it was interrupted.
pub(super) fn run(options: &LoadOptions) -> Result<(LoadOutcome, bool)> {
    let progress = Arc::new(Progress::default());
    watch_interrupt(&progress);
    let bar = std::io::stderr().is_terminal().then(|| {
        let p = progress.clone();
        std::thread::spawn(move || draw(&p))
    });
    let result = load::run(options, &progress);
    let stopped = progress.stop.load(Relaxed);
    progress.phase.store(2, Relaxed);
    if let Some(bar) = bar {
        let _ = bar.join();
    }
    let outcome = result?;
    if !options.scratch {
        let _ = place::remember(&options.case);
    }
    Ok((outcome, stopped))
}

/// The first Ctrl-C or SIGTERM ends the load in good order, the second one the program.
fn watch_interrupt(progress: &Arc<Progress>) {
    let p = progress.clone();
    std::thread::spawn(move || {
        let Ok(rt) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        rt.block_on(async {
            let Ok(mut term) = signal(SignalKind::terminate()) else {
                return;
            };
            for n in 0..2 {
                tokio::select! {
                    said = tokio::signal::ctrl_c() => if said.is_err() { return },
                    _ = term.recv() => {}
                }
                if n == 1 {
                    std::process::exit(i32::from(INTERRUPTED));
                }
                p.stop.store(true, Relaxed);
            }
        });
    });
}

fn draw(p: &Progress) {
    let mut err = std::io::stderr();
    while p.phase.load(Relaxed) < 2 {
        let (read, total) = (p.read.load(Relaxed), p.total.load(Relaxed));
        let share = (read.saturating_mul(100))
            .checked_div(total)
            .map_or(String::new(), |n| format!("{}%  ", n.min(100)));
        let phase = if p.phase.load(Relaxed) == 1 {
            "deciding facts"
        } else {
            "reading"
        };
        let _ = write!(
            err,
            "\r\x1b[K{phase}  {share}{} MB  {} packets and lines  {} calls",
            read / 1_000_000,
            p.units.load(Relaxed),
            p.calls.load(Relaxed)
        );
        let _ = err.flush();
        std::thread::sleep(Duration::from_millis(150));
    }
    let _ = write!(err, "\r\x1b[K");
    let _ = err.flush();
}

/// Tells on standard error what a load did; gives the exit status.
pub(super) fn report(case: &Path, outcome: &LoadOutcome, stopped: bool) -> u8 {
    for (path, why) in &outcome.failed {
        crate::tell!(
            "leaktrace: {}: {}",
            visible(&path.to_string_lossy()),
            visible(why)
        );
    }
    for s in &outcome.sources {
        let diags: Vec<String> = s
            .diags
            .iter()
            .map(|(code, n)| format!("{code} {n}"))
            .collect();
        if !diags.is_empty() {
            crate::tell!("{}: {}", visible(&s.name), visible(&diags.join(", ")));
        }
    }
    if let Some(again) = &outcome.rescanned {
        let list = again.difference();
        crate::tell!(
            "{} bodies and heads were searched again with these rules, {} of them hold other findings now{}{}",
            again.searched,
            again.changed,
            if list.is_empty() { "" } else { ": " },
            visible(&list)
        );
    }
    if outcome.other_rules > 0 {
        crate::tell!(
            "{} of the sources in this case were searched with other rules, and keep what those found; load with the rules named (--rules) to search all of the case with them",
            outcome.other_rules
        );
    }
    if outcome.sources.is_empty() {
        return if stopped {
            INTERRUPTED
        } else {
            outcome.status()
        };
    }
    crate::tell!(
        "{}: {}, {}, {}, {}, {} in {:.1} s",
        visible(&case.to_string_lossy()),
        many(outcome.sources.len() as u64, "source"),
        many(outcome.calls, "call"),
        many(outcome.accounts, "account"),
        many(outcome.apis, "API"),
        many(outcome.findings, "finding"),
        outcome.seconds
    );
    if stopped {
        INTERRUPTED
    } else {
        outcome.status()
    }
}
