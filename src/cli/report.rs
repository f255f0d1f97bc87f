//! `report`: a question with its answer, or what is there, as one file for others. In: a case, a question perhaps. Out: HTML or
//! Markdown, a journal row. Bounds: those of the report.

use super::args::{Args, ReportArgs};
use super::{NOTHING, OK, case, out, trace};
use crate::call::text::visible;
use crate::detect::Rules;
use crate::error::Result;
use crate::report;
use serde_json::json;

pub(super) fn run(args: &Args, asked: &ReportArgs) -> Result<u8> {
    // before anything is traced
    report::format_of(&asked.output)?;
    let question = trace::question(&asked.question)?;
    let cx = case::open(args)?;
    let answer = match &question {
        Some(q) => Some(trace::answer(args, &cx, q, None)?),
        None => None,
    };
    let rules = Rules::with_files(&args.common.rules)?;
    let pair = question.as_ref().zip(answer.as_ref());
    let done = report::publish(&cx, pair, rules.print(), &asked.output)?;
    if done.journal.is_none() {
        crate::tell!("leaktrace: the case cannot be written: this report is not in its journal");
    }
    if args.common.json {
        out::object(
            args,
            &json!({"file": done.path.to_string_lossy(), "bytes": done.bytes, "sha256": done.sha256}),
        )?;
    } else {
        crate::tell!(
            "{}: {} bytes, SHA-256 {}",
            visible(&done.path.to_string_lossy()),
            done.bytes,
            done.sha256
        );
    }
    let found = answer.as_ref().is_none_or(trace::found);
    Ok(if found { OK } else { NOTHING })
}
