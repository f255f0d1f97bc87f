//! A report of a case: a question with its answer, or what is there. In: a reader of a case and the answer of a trace. Out:
//! one document, written as HTML or Markdown. Bounds: [`crate::limits::REPORT_ROWS`] rows a table,
//! [`crate::limits::REPORT_CALLS`] calls in the list of places; what is left out is counted.
//!
//! Every statement names the calls that it rests on; where they stand (source, packets or lines, bytes) is the last list.

mod answer;
pub mod doc;
mod html;
mod inventory;
mod markdown;

use crate::case::journal;
use crate::error::{Error, Result};
use crate::export;
use crate::limits;
use crate::query::Cx;
use crate::query::read;
use crate::query::rows::CallRow;
use crate::trace::{Question, TraceResult};
use doc::{Block, Document, Line, Span, Table, line};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// What a report is made from, beside the case.
pub struct Asked<'a> {
    /// The question in words, masked already where values are not revealed, and its answer; `None` for a report of what is there.
    pub question: Option<(&'a str, &'a TraceResult)>,
    /// When it is made, nanoseconds since 1970: a report is the one thing that has a time of its own.
    pub made_at: i64,
    /// Print of the rules that classes and levels came from.
    pub rules: &'a str,
}

/// A way to write a document.
pub struct Format {
    /// Name, and the ending of its files.
    pub name: &'static str,
    /// Other endings.
    pub endings: &'static [&'static str],
    /// Writes.
    pub write: fn(&Document) -> String,
}

/// All of them.
pub static FORMATS: &[Format] = &[
    Format {
        name: "html",
        endings: &["html", "htm"],
        write: html::write,
    },
    Format {
        name: "markdown",
        endings: &["md", "markdown"],
        write: markdown::write,
    },
];

/// The format that a file's name asks for.
///
/// # Errors
/// [`Error::Usage`] lists the endings.
pub fn format_of(out: &std::path::Path) -> Result<&'static Format> {
    let ending = out
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    FORMATS
        .iter()
        .find(|f| ending.as_deref().is_some_and(|e| f.endings.contains(&e)))
        .ok_or_else(|| Error::Usage {
            msg: "a report is written as HTML or Markdown: name it OUT.html or OUT.md".into(),
            at: None,
        })
}

/// SHA-256 of an answer as `trace --json` gives it: it stands in the journal, and `verify` asks again and compares.
#[must_use]
pub fn digest(answer: &TraceResult) -> String {
    // whether a load had ended is a fact about the case, not about the answer
    let answer = TraceResult {
        partial: false,
        ..answer.clone()
    };
    digest_of(&serde_json::to_vec(&answer).unwrap_or_default())
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

/// Calls that a report speaks of, each looked up once.
struct Cited<'a> {
    cx: &'a Cx,
    rows: BTreeMap<String, Option<Box<CallRow>>>,
    order: Vec<String>,
    left_out: u64,
}

impl<'a> Cited<'a> {
    fn new(cx: &'a Cx) -> Cited<'a> {
        Cited {
            cx,
            rows: BTreeMap::new(),
            order: Vec::new(),
            left_out: 0,
        }
    }
    /// Names a call; beyond the limit its id is text and no row says where it stands.
    fn call(&mut self, id: &str) -> Result<Span> {
        if !self.rows.contains_key(id) {
            if self.order.len() >= limits::REPORT_CALLS {
                self.left_out += 1;
                return Ok(Span::Text(id.to_owned()));
            }
            let row = match read::find_call(self.cx, id)? {
                Some(rowid) => read::call_row(self.cx, rowid)?,
                None => None,
            };
            self.rows.insert(id.to_owned(), row.map(Box::new));
            self.order.push(id.to_owned());
        }
        Ok(Span::Call(id.to_owned()))
    }
    /// The row of a call that was named.
    fn row(&self, id: &str) -> Option<&CallRow> {
        self.rows.get(id)?.as_deref()
    }
    /// Up to `most` calls in a row, and how many more there are.
    fn some(&mut self, ids: &[String], most: usize) -> Result<Line> {
        let mut out = Line::new();
        for id in ids.iter().take(most) {
            if !out.is_empty() {
                out.push(Span::Text(" ".into()));
            }
            out.push(self.call(id)?);
        }
        if ids.len() > most {
            out.push(Span::Text(format!(" and {} more", ids.len() - most)));
        }
        Ok(out)
    }

    /// The list of places.
    fn places(&self, d: &mut Document) {
        d.head("Where it stands");
        d.para(
            "Every call that this report names. Packets and lines count from 1; `leaktrace show ID` shows a call whole, \
             `leaktrace export --format pcap 'id:ID'` writes its packets, `leaktrace verify` derives it again from the evidence.",
        );
        let mut t = Table {
            head: vec![
                "Call",
                "@Time",
                "@From",
                "@To",
                "API",
                "#Status",
                "Account",
                "Level",
                "Source, packets or lines",
            ],
            left_out: self.left_out,
            ..Table::default()
        };
        for id in &self.order {
            let call = vec![Span::Call(id.clone())];
            let Some(r) = self.row(id) else {
                t.rows
                    .push(vec![call, line("this call is not in the case any more")]);
                continue;
            };
            let end = |a: &Option<String>, p: Option<u16>| {
                let a = a.as_deref().unwrap_or("-");
                line(crate::call::text::end(a, p.unwrap_or(0)))
            };
            let at: Vec<String> = r
                .locators
                .iter()
                .map(|l| {
                    let bytes = match (l.offset, l.len) {
                        (Some(o), Some(n)) => format!(" bytes {o}+{n}"),
                        _ => String::new(),
                    };
                    format!("{} {}-{}{bytes} ({})", l.source, l.first, l.last, l.role)
                })
                .collect();
            t.rows.push(vec![
                call,
                line(&*r.ts),
                end(&r.src, r.sport),
                end(&r.dst, r.dport),
                line(r.api.as_deref().unwrap_or("-")),
                line(r.status.map_or("-".into(), |s| s.to_string())),
                line(r.account.as_deref().unwrap_or("-")),
                line(r.level.unwrap_or("-")),
                line(at.join("; ")),
            ]);
        }
        d.table(t, "This report names no call.");
    }
}

/// Composes a report.
///
/// # Errors
/// What reading the case gives.
pub fn compose(cx: &Cx, asked: &Asked<'_>) -> Result<Document> {
    let mut d = Document {
        title: match asked.question {
            Some(_) => "Who had it, and how it moved".to_owned(),
            None => "What the evidence holds".to_owned(),
        },
        blocks: Vec::new(),
    };
    let mut cited = Cited::new(cx);
    d.blocks.push(Block::Facts(inventory::about(
        cx,
        asked.made_at,
        asked.rules,
    )?));
    if let Some((question, found)) = asked.question {
        answer::sections(cx, &mut d, &mut cited, question, found)?;
    }
    inventory::what_is_here(cx, &mut d, &mut cited)?;
    inventory::limits(cx, &mut d, asked.question.map(|q| q.1))?;
    inventory::evidence(cx, &mut d)?;
    cited.places(&mut d);
    Ok(d)
}

/// The question as a sentence. A value stands in it as the trails show it: masked, unless it may be shown.
#[must_use]
pub fn in_words(question: &Question, answer: &TraceResult, reveal: bool) -> String {
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
        Question::Subject(kind, name) => {
            let name = crate::call::text::visible(name);
            format!("What did the {} {name} see, take and send on?", kind.name())
        }
    }
}

/// What was asked, for the journal: never the value itself. With it `verify` asks again.
#[must_use]
pub fn asked_as(cx: &Cx, q: &Question) -> serde_json::Value {
    match q {
        Question::Value(v) => serde_json::json!({"value": cx.print_of(v)}),
        Question::Clue { name, bytes } => {
            serde_json::json!({"clue": name, "clue_sha256": digest_of(bytes)})
        }
        Question::Account(a) => serde_json::json!({"account": a}),
        Question::Record(r) => serde_json::json!({"record": r}),
        Question::Subject(kind, name) => serde_json::json!({kind.name(): name}),
    }
}

/// A report of what is there, as HTML: what a bundle holds.
///
/// # Errors
/// What reading the case gives.
pub fn whole(cx: &Cx, made_at: i64, rules: &str) -> Result<String> {
    let asked = Asked {
        question: None,
        made_at,
        rules,
    };
    Ok(html::write(&compose(cx, &asked)?))
}

/// Writes a report as a file, in the form that its name asks for, and its row in the journal: the question and the digest of its
/// answer, with which `verify` asks again.
///
/// # Errors
/// A usage error where the name asks for no form; what reading and writing give.
pub fn publish(
    cx: &Cx,
    asked: Option<(&Question, &TraceResult)>,
    rules: &str,
    out: &std::path::Path,
) -> Result<export::Outcome> {
    let format = format_of(out)?;
    let words = asked.map(|(q, a)| in_words(q, a, cx.reveal));
    let document = compose(
        cx,
        &Asked {
            question: words.as_deref().zip(asked.map(|(_, a)| a)),
            made_at: journal::now(),
            rules,
        },
    )?;
    let text = (format.write)(&document);
    let mut detail = serde_json::json!({"format": format!("report {}", format.name)});
    if let (Some(detail), Some((q, a))) = (detail.as_object_mut(), asked) {
        detail.insert("question".to_owned(), asked_as(cx, q));
        detail.insert("answer".to_owned(), digest(a).into());
    }
    export::publish(cx, out, detail, &mut |w| {
        w.write_all(text.as_bytes()).map_err(export::wrote)?;
        read::count(cx, &crate::query::Filter::all(), None)
    })
}
