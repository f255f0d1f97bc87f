//! The command line: verbs and options of the contract. In: arguments. Out: rows on standard output, words on standard
//! error, an exit status. Bounds: rows are written as they are read; a closed pipe ends a verb quietly.

mod args;
mod case;
mod correct;
mod demo;
mod evidence;
mod export;
mod index;
mod load;
mod out;
mod report;
mod rows;
mod screen;
mod share;
mod show;
mod sql;
mod table;
mod trace;
mod verify;

use crate::call::text::visible;
use crate::error::{Error, Result};
use crate::query::Filter;
use args::{Args, Verb};
use std::process::ExitCode;

/// What a verb ended with: the statuses of the contract.
pub(crate) const OK: u8 = 0;
/// Nothing matched.
pub(crate) const NOTHING: u8 = 1;
/// Evidence damaged but partly read, or a difference found.
pub(crate) const DAMAGED: u8 = 3;
/// Nothing of the input could be read.
pub(crate) const UNREADABLE: u8 = 4;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// Reads the arguments, runs the verb, tells what went wrong.
pub fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().collect()) {
        Ok(a) => a,
        Err(e) => {
            // Help and version are answers, not faults.
            let code = if e.use_stderr() { 2 } else { 0 };
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    match run(&args) {
        Ok(code) => ExitCode::from(code),
        Err(e) if broken_pipe(&e) => ExitCode::from(OK),
        Err(e) => {
            complain(&e, &args);
            ExitCode::from(e.exit_code())
        }
    }
}

fn run(args: &Args) -> Result<u8> {
    // what was mistyped is told before anything is read, loaded or asked for
    screen::looks(args)?;
    load::max_mem(&args.common)?;
    Filter::parse(&args.filter_text().unwrap_or_default())?;
    if !matches!(args.verb, Some(Verb::Share { .. })) {
        share::unlock(args, false)?;
    }
    // A load keeps them before it decides; every other verb has them decided upon first.
    let given = !args.common.spec.is_empty() || args.common.profile.is_some();
    if given && !loads(args) {
        correct::given(args)?;
    }
    match &args.verb {
        None => load::browse(args, &args.files),
        Some(Verb::Demo) => demo::run(args),
        Some(Verb::Load { files }) => load::load(args, files),
        Some(Verb::Apis { filter }) => rows::apis(args, filter),
        Some(Verb::Accounts { filter }) => rows::accounts(args, filter),
        Some(Verb::Calls { filter }) => rows::calls(args, filter),
        Some(Verb::Sessions { filter }) => rows::sessions(args, filter),
        Some(Verb::Findings { filter }) => rows::findings(args, filter),
        Some(Verb::Risks { filter }) => rows::risks(args, filter),
        Some(Verb::Flows { filter }) => rows::flows(args, filter),
        Some(Verb::Sources { filter }) => rows::sources(args, filter),
        Some(Verb::Show { id }) => show::show(args, id),
        Some(Verb::Replay { session }) => rows::replay(args, session),
        Some(Verb::Trace(q)) => trace::run(args, q),
        Some(Verb::Export(e)) => export::run(args, e),
        Some(Verb::Report(r)) => report::run(args, r),
        Some(Verb::Sql { statement }) => sql::run(args, statement),
        Some(Verb::Correct(c)) => correct::run(args, c),
        Some(Verb::Verify { values }) => verify::run(args, values),
        Some(Verb::Share { output }) => share::run(args, output),
        Some(Verb::Index { remove }) => index::run(args, *remove),
        Some(Verb::Info {
            number,
            examiner,
            notes,
        }) => case::info(args, [number, examiner, notes]),
    }
}

/// Whether the verb loads files.
fn loads(args: &Args) -> bool {
    match &args.verb {
        None => !args.files.is_empty() || !args.common.read.is_empty(),
        Some(Verb::Load { .. } | Verb::Demo) => true,
        Some(_) => false,
    }
}

fn broken_pipe(e: &Error) -> bool {
    matches!(e, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Tells an error in one line; for a filter also where it went wrong.
fn complain(e: &Error, args: &Args) {
    crate::tell!("leaktrace: {}", visible(&e.to_string()));
    let Error::Usage { at: Some(at), .. } = e else {
        return;
    };
    let Some(filter) = args.filter_text() else {
        return;
    };
    let before = visible(filter.get(..*at).unwrap_or("")).into_owned();
    let column = table::width(&before);
    crate::tell!("  {}\n  {}^", visible(&filter), " ".repeat(column));
}
