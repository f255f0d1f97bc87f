//! `report`: a question with its answer, or what is there, as one file for others. In: a case, a question perhaps. Out: HTML or
//! Markdown, a journal row. Bounds: those of the report.

use super::args::{Args, ReportArgs};
use super::{NOTHING, OK, case, out, trace};
use crate::call::text::visible;
use crate::case::journal;
use crate::detect::Rules;
use crate::error::Result;
use crate::export;
use crate::report::{self, Asked as Wanted};
use serde_json::json;

pub(super) fn run(args: &Args, asked: &ReportArgs) -> Result<u8> {
    let format = report::format_of(&asked.output)?;
    let question = trace::question(&asked.question)?;
    let cx = case::open(args)?;
    let answer = match &question {
        Some(q) => Some(trace::answer(args, &cx, q)?),
        None => None,
    };
    let words = question
        .as_ref()
        .zip(answer.as_ref())
        .map(|(q, a)| report::in_words(q, a, args.common.reveal));
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
    let mut detail = json!({"format": format!("report {}", format.name)});
    if let (Some(detail), Some(q), Some(a)) = (detail.as_object_mut(), &question, &answer) {
        detail.insert("question".to_owned(), report::asked_as(q));
        detail.insert("answer".to_owned(), report::digest(a).into());
    }
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
