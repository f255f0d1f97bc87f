//! `report`: a question with its answer, or what is there, as one file for others. In: a case, a question perhaps. Out: HTML or
//! Markdown, a journal row. Bounds: those of the report.

use super::args::{Args, Question as Asked, ReportArgs};
use super::{NOTHING, OK, case, out, trace};
use crate::call::text::visible;
use crate::case::journal;
use crate::detect::Rules;
use crate::error::Result;
use crate::export;
use crate::report::{self, Asked as Wanted};
use crate::trace::{Question, TraceResult};
use serde_json::json;

pub(super) fn run(args: &Args, asked: &ReportArgs) -> Result<u8> {
    let format = report::format_of(&asked.output)?;
    let question = trace::question(&asked.question)?;
    let cx = case::open(args)?;
    let answer = match &question {
        Some(q) => Some(trace::answer(args, &cx, q, None)?),
        None => None,
    };
    let words = question
        .as_ref()
        .zip(answer.as_ref())
        .map(|(q, a)| in_words(q, a, args.common.reveal));
    let rules = Rules::with_files(&args.common.rules)?;
    let document = report::compose(
        &cx,
        &Wanted {
            question: words.as_deref().zip(answer.as_ref()),
            made_at: journal::now(),
            rules: rules.print(),
        },
    )?;
    let text = (format.write)(&document);
    let detail =
        json!({"format": format!("report {}", format.name), "question": asked_as(&asked.question)});
    let done = export::publish(&cx, &asked.output, detail, &mut |w| {
        w.write_all(text.as_bytes()).map_err(export::wrote)?;
        crate::query::read::count(&cx, &crate::query::Filter::all(), None)
    })?;
    if done.journal.is_none() {
        eprintln!("leaktrace: the case cannot be written: this report is not in its journal");
    }
    if args.common.json {
        out::object(
            args,
            &json!({"file": done.path.to_string_lossy(), "bytes": done.bytes, "sha256": done.sha256}),
        )?;
    } else {
        eprintln!(
            "{}: {} bytes, SHA-256 {}",
            visible(&done.path.to_string_lossy()),
            done.bytes,
            done.sha256
        );
    }
    let found = answer.as_ref().is_none_or(trace::found);
    Ok(if found { OK } else { NOTHING })
}

/// The question as a sentence. A value stands in it as the trails show it: masked, unless it may be shown.
fn in_words(question: &Question, answer: &TraceResult, reveal: bool) -> String {
    match question {
        Question::Value(v) => {
            let shown = match answer.trails.first() {
                _ if reveal => v.as_str(),
                Some(t) => &t.record,
                None => "(not shown: it was seen nowhere, and values are masked)",
            };
            format!("Where was this value seen, in any form, and who received it: {shown}?")
        }
        Question::Clue { name, .. } => {
            format!("Which accounts could have leaked the rows of {name}, and how did they move?")
        }
        Question::Account(a) => format!("What did {a} receive, and what did it send on?"),
        Question::Record(r) => format!("How did the record {r} move, and who received it?"),
    }
}

/// What was asked, for the journal: never the value itself.
fn asked_as(q: &Asked) -> serde_json::Value {
    json!({
        "value": q.value.is_some(),
        "clue": q.clue.as_ref().map(|p| p.to_string_lossy()),
        "account": q.account,
        "record": q.record,
    })
}
