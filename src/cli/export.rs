//! `export`: selected calls as a file. In: a format, a filter, a file. Out: the file. Bounds: those of the exporters.

use super::args::{Args, ExportArgs};
use super::{NOTHING, OK, out, rows};
use crate::call::text::{many, visible};
use crate::detect::Rules;
use crate::error::{Error, Result};
use crate::export::{self, Job};
use crate::report;
use serde_json::json;
use std::io::IsTerminal as _;
use std::sync::atomic::AtomicBool;

pub(super) fn run(args: &Args, asked: &ExportArgs) -> Result<u8> {
    let exporter = export::find(&asked.format)?;
    if args.common.limit == Some(0) {
        let said = "--limit 0: no call is asked for, so nothing was written";
        return Err(Error::Nothing(said.to_owned()));
    }
    let (cx, filter) = rows::ready(args)?;
    let evidence: Vec<_> = args.common.evidence.iter().cloned().collect();
    let text = args.filter_text().unwrap_or_default();
    let rules = Rules::with_files(&args.common.rules)?;
    let job = Job {
        cx: &cx,
        filter: &filter,
        filter_text: &text,
        limit: args
            .common
            .limit
            .map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX)),
        evidence: &evidence,
        report: &|cx, made_at| report::whole(cx, made_at, rules.print()),
        rules: rules.print(),
        stop: &AtomicBool::new(false),
    };
    let done = if asked.output.as_os_str() == "-" {
        to_output(args, exporter, &job)?
    } else {
        export::export(exporter, &job, &asked.output)?
    };
    if done.journal.is_none() {
        crate::tell!("leaktrace: the case cannot be written: this export is not in its journal");
    }
    if args.common.json {
        out::object(
            args,
            &json!({
                "file": done.path.to_string_lossy(),
                "calls": done.calls,
                "bytes": done.bytes,
                "sha256": done.sha256,
            }),
        )?;
    } else {
        crate::tell!(
            "{}: {}, {}, SHA-256 {}",
            visible(&done.path.to_string_lossy()),
            many(done.calls, "call"),
            many(done.bytes, "byte"),
            done.sha256
        );
    }
    Ok(if done.calls > 0 { OK } else { NOTHING })
}

/// To standard output, which then holds nothing else.
fn to_output(
    args: &Args,
    exporter: &dyn export::Exporter,
    job: &Job<'_>,
) -> Result<export::Outcome> {
    let usage = |msg: String| Error::Usage { msg, at: None };
    if args.common.json {
        return Err(usage(
            "-o - is the file itself: leave --json away".to_owned(),
        ));
    }
    if exporter.binary() && std::io::stdout().is_terminal() {
        let name = exporter.name();
        return Err(usage(format!(
            "{name} is no text: give -o a file, or send the output on to another program"
        )));
    }
    export::stream(exporter, job, &mut std::io::stdout().lock())
}
