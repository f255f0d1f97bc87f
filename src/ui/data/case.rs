//! Answers from the case file. In: questions. Out: the contract's rows. Bounds: a connection is opened on the first
//! question and again after it failed; lists stop at [`super::LIST_ROWS`].

use super::indexer::Shared;
use super::lane::LaneState;
use super::{
    Answer, Data, FILM_CALLS, Fail, Item, Kind, LIST_ROWS, Names, What, notebook, overview,
};
use crate::detect::Rules;
use crate::error::Error;
use crate::load::correct::With;
use crate::query::read::{self, Cx, Page, Sort};
use crate::query::{Filter, rows::CallRow};
use crate::replay::Timeline;
use crate::trace::Question;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

/// Calls of a film whose people are counted; beyond it the numbers of people are left out.
const FILM_PEOPLE: usize = 4_000;

/// A case file as a source of answers.
pub struct CaseData {
    path: PathBuf,
    with: With,
    shared: Arc<Shared>,
    cx: Option<Cx>,
}

impl CaseData {
    /// For a case file that may not be there yet; `with` is what facts are decided with after a correction; `shared` is
    /// what all lanes of an interface know of texts.
    pub fn new(path: PathBuf, with: With, shared: Arc<Shared>) -> CaseData {
        CaseData {
            path,
            with,
            shared,
            cx: None,
        }
    }

    fn cx(&mut self, lane: &LaneState) -> Result<&mut Cx, Fail> {
        if self.cx.is_none() {
            if !self.path.exists() {
                return Err(Fail::NoCase);
            }
            let cx = Cx::open_with(&self.path, false, self.shared.texts.clone()).map_err(fail)?;
            lane.set_handle(cx.conn.get_interrupt_handle(), cx.stop.clone());
            self.cx = Some(cx);
        }
        self.cx.as_mut().ok_or(Fail::NoCase)
    }
}

fn fail(e: Error) -> Fail {
    match e {
        Error::Interrupted => Fail::Cancelled,
        e => Fail::Failed(e.to_string()),
    }
}

impl Data for CaseData {
    fn answer(&mut self, what: &What, lane: &LaneState) -> Result<Answer, Fail> {
        let path = self.path.clone();
        let shared = self.shared.clone();
        let _busy = shared.busy();
        match what {
            What::Write(w) => {
                let done = notebook::write(&path, w, &self.with).map_err(fail)?;
                // what is decided from now on is decided with these
                if let notebook::Write::Rules(files) = w {
                    self.with.rules.clone_from(files);
                }
                return Ok(done);
            }
            What::Sql(_) if !path.exists() => return Err(Fail::NoCase),
            What::Sql(text) => {
                // The lane's handle now belongs to the statement's connection; the next question opens its own.
                self.cx = None;
                return super::sql::run(&path, text, lane).map_err(fail);
            }
            What::Trace { reveal: true, .. } | What::Show { reveal: true, .. } => {
                notebook::revealed(&path, what).map_err(fail)?;
            }
            _ => {}
        }
        let with = self.with.clone();
        let cx = self.cx(lane)?;
        if cx.share.is_some()
            && matches!(
                what,
                What::Show { reveal: true, .. }
                    | What::Trace { reveal: true, .. }
                    | What::Export { reveal: true, .. }
            )
        {
            return Err(fail(crate::case::share::no_text("showing a value")));
        }
        cx.reveal = matches!(
            what,
            What::Show { reveal: true, .. }
                | What::Trace { reveal: true, .. }
                | What::Export { reveal: true, .. }
        );
        let r = read(cx, what, &with, lane, &|| shared.want(&path));
        cx.reveal = false;
        if matches!(r, Err(Error::Sql(_))) && !lane.stop.load(std::sync::atomic::Ordering::SeqCst) {
            // The file may have been replaced or grown a table since; the next question opens it anew.
            self.cx = None;
        }
        r.map_err(fail)
    }
}

fn read(
    cx: &Cx,
    what: &What,
    with: &With,
    lane: &LaneState,
    want: &dyn Fn(),
) -> Result<Answer, Error> {
    Ok(match what {
        What::Calls { filter, page } => {
            first_hits(cx, filter, page, lane, want)?;
            let items = read::calls(cx, filter, page)?;
            let cut = items.len() >= page.limit;
            Answer::Rows {
                items: items.into_iter().map(|r| Item::Call(Box::new(r))).collect(),
                cut,
            }
        }
        What::Count { filter, cap } => {
            let n = read::count(cx, filter, *cap)?;
            Answer::Count {
                n,
                capped: cap.is_some_and(|c| n >= c),
            }
        }
        What::List { kind, filter } => list(cx, *kind, filter)?,
        What::Show { rowid, id, .. } => {
            let rowid = if id.is_empty() {
                Some(*rowid)
            } else {
                read::find_call(cx, id)?
            };
            let found = match rowid {
                Some(r) => read::show(cx, r)?,
                None => None,
            };
            Answer::Show(found.map(Box::new))
        }
        What::Compare { now, before } => {
            let changed = match before {
                Some(b) => read::compare::bodies(cx, *b, *now)?,
                None => Vec::new(),
            };
            Answer::Compared(read::show(cx, *now)?.map(Box::new), changed)
        }
        What::Overview { filter } => Answer::Overview(Box::new(overview::read(cx, filter)?)),
        What::Film { filter } => {
            let calls = read::calls(cx, filter, &Page::first(FILM_CALLS))?;
            let few = calls.len() <= FILM_PEOPLE;
            let mut people = |c: &CallRow| {
                if few && c.records.unwrap_or(0) > 0 {
                    people_of(cx, c)
                } else {
                    Vec::new()
                }
            };
            let mut film = Timeline::new(calls, &mut people);
            film.with_credentials(&mut |c| read::credential(cx, c.rowid).ok().flatten());
            Answer::Film(Box::new(film))
        }
        What::Trace {
            question,
            reveal,
            without,
            suspect,
        } => {
            if matches!(question, Question::Value(_) | Question::Clue { .. }) {
                want();
            }
            let inside = overview::inside(cx);
            let options = crate::trace::Options {
                reveal: *reveal,
                inside,
                without: without.iter().map(|k| (*k).to_owned()).collect(),
                suspect: suspect.clone(),
                ..Default::default()
            };
            Answer::Trace(Box::new(crate::trace::run(
                &cx.conn, question, &options, &lane.stop,
            )?))
        }
        What::Curl(row) => {
            let text = crate::export::curl::one(cx, *row)?.unwrap_or_default();
            // a comment alone says why there is no command
            if text.lines().all(|l| l.starts_with('#')) {
                let why = text.trim_end().rsplit("; ").next().unwrap_or_default();
                return Err(Error::Usage {
                    msg: why.to_owned(),
                    at: None,
                });
            }
            Answer::Copy(text)
        }
        What::Names => {
            let all = Filter::all();
            let mut accounts = read::accounts(cx, &all)?;
            accounts.sort_by(|a, b| {
                b.risk
                    .total_cmp(&a.risk)
                    .then_with(|| a.account.cmp(&b.account))
            });
            Answer::Names(Box::new(Names {
                accounts: accounts
                    .into_iter()
                    .map(|a| a.account)
                    .take(LIST_ROWS)
                    .collect(),
                apis: read::apis(cx, &all)?
                    .into_iter()
                    .map(|a| a.api)
                    .take(LIST_ROWS)
                    .collect(),
                saved: notebook::saved(&cx.conn),
                classes: cx.known_classes(),
            }))
        }
        What::Report { question, path } => written(cx, question.as_ref(), path, with, lane)?,
        What::Graph {
            format,
            graph,
            question,
            path,
        } => drawn(cx, format, graph, question, path)?,
        What::Paths(begun) => Answer::Paths(begun.clone(), super::paths::complete(cx, begun)),
        What::Marks => Answer::Marks(notebook::marks(&cx.conn)),
        What::Export {
            format,
            filter,
            text,
            path,
            reveal,
        } => cx_export(cx, format, filter, text, path, *reveal, with, lane)?,
        What::Write(_) | What::Sql(_) => return Err(Error::NotYet("this")),
    })
}

/// Looks for the texts of a filter before its first page is read, and shows what is found while it goes on.
fn first_hits(
    cx: &Cx,
    filter: &Filter,
    page: &Page,
    lane: &LaneState,
    want: &dyn Fn(),
) -> Result<(), Error> {
    if page.after.is_some() || page.before.is_some() || page.desc || page.sort != Sort::Time {
        return Ok(());
    }
    let asked = read::search(cx, filter, &mut |p| {
        let rows = read::call_rows(cx, &p.ids).unwrap_or_default();
        lane.part(Answer::Part {
            items: rows.into_iter().map(|r| Item::Call(Box::new(r))).collect(),
            done: p.done,
            all: p.all,
        });
    })?;
    if asked {
        want();
    }
    Ok(())
}

fn list(cx: &Cx, kind: Kind, filter: &Filter) -> Result<Answer, Error> {
    fn wrap<T>(rows: Vec<T>, f: impl Fn(Box<T>) -> Item) -> (Vec<Item>, bool) {
        let cut = rows.len() > LIST_ROWS;
        (
            rows.into_iter()
                .take(LIST_ROWS)
                .map(|r| f(Box::new(r)))
                .collect(),
            cut,
        )
    }
    let (items, cut) = match kind {
        Kind::Apis => wrap(read::apis(cx, filter)?, Item::Api),
        Kind::Accounts => wrap(read::accounts(cx, filter)?, Item::Account),
        Kind::Sessions => wrap(read::sessions(cx, filter)?, Item::Session),
        Kind::Risks => wrap(read::risks(cx, filter)?, Item::Risk),
        Kind::Flows => wrap(read::flows(cx, filter)?, Item::Flow),
        Kind::Sources => wrap(read::sources(cx, filter)?, Item::Source),
        Kind::Findings => {
            let mut rows = Vec::new();
            read::findings(cx, filter, &mut |f| {
                rows.push(f);
                Ok(rows.len() <= LIST_ROWS)
            })?;
            wrap(rows, Item::Finding)
        }
        Kind::Marks => wrap(notebook::marks(&cx.conn), Item::Mark),
        Kind::Calls | Kind::Suspects | Kind::Hops | Kind::Sql | Kind::Reads => (Vec::new(), false),
    };
    Ok(Answer::Rows { items, cut })
}

/// Composes and writes a report.
fn written(
    cx: &Cx,
    question: Option<&crate::trace::Question>,
    path: &std::path::Path,
    with: &With,
    lane: &LaneState,
) -> Result<Answer, Error> {
    let rules = std::sync::Arc::new(Rules::with_files(&with.rules)?);
    let options = crate::trace::Options {
        inside: overview::inside(cx),
        rules: Some(rules.clone()),
        ..Default::default()
    };
    let answer = match question {
        Some(q) => Some(crate::trace::run(&cx.conn, q, &options, &lane.stop)?),
        None => None,
    };
    let done = crate::report::publish(cx, question.zip(answer.as_ref()), rules.print(), path)?;
    let noted = noted(done.journal.is_some());
    Ok(Answer::Written(format!(
        "report {}: {} B, sha256 {}{noted}",
        done.path.display(),
        done.bytes,
        done.sha256.get(..12).unwrap_or_default()
    )))
}

/// What is said where a file was written and the journal was not.
fn noted(journalled: bool) -> &'static str {
    match journalled {
        true => "",
        false => "; the journal could not be written",
    }
}

/// Writes a drawing of movements; the journal tells whose.
fn drawn(
    cx: &Cx,
    format: &str,
    graph: &crate::trace::graph::Graph,
    question: &crate::trace::Question,
    path: &std::path::Path,
) -> Result<Answer, Error> {
    use crate::export;
    let text = crate::trace::graph::draw(graph, format).unwrap_or_default();
    let detail = serde_json::json!({
        "format": format!("graph {format}"),
        "question": crate::report::asked_as(cx, question),
        "records": graph.records,
    });
    let done = export::publish(cx, path, detail, &mut |w| {
        w.write_all(text.as_bytes()).map_err(export::wrote)?;
        Ok(graph.edges.iter().map(|e| e.calls.len() as u64).sum())
    })?;
    let noted = noted(done.journal.is_some());
    Ok(Answer::Written(format!(
        "{}: {} and {}, {} B, sha256 {}{noted}",
        done.path.display(),
        match graph.nodes.len() {
            1 => "1 address".to_owned(),
            n => format!("{n} addresses"),
        },
        crate::ui::widget::safe_text::many(graph.edges.len() as u64, "movement"),
        done.bytes,
        done.sha256.get(..12).unwrap_or_default()
    )))
}

/// Keys of the records in a call's response: the same record has the same key in every call.
fn people_of(cx: &Cx, c: &CallRow) -> Vec<u64> {
    let mut keys: Vec<u64> = read::call_findings(cx, c.rowid)
        .unwrap_or_default()
        .iter()
        .filter(|f| f.dir == "resp")
        .filter_map(|f| f.record.as_ref())
        .map(|r| {
            let mut h = rustc_hash::FxHasher::default();
            r.hash(&mut h);
            h.finish()
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Writes a file of the selected calls.
#[allow(clippy::too_many_arguments)] // the parts of one question, each used once
fn cx_export(
    cx: &Cx,
    format: &str,
    filter: &Filter,
    text: &str,
    path: &std::path::Path,
    reveal: bool,
    with: &With,
    lane: &LaneState,
) -> Result<Answer, Error> {
    use crate::export;
    let rules = Rules::with_files(&with.rules)?.print().to_owned();
    let job = export::Job {
        cx,
        filter,
        filter_text: text,
        limit: 0,
        evidence: &[],
        report: &|cx, made_at| crate::report::whole(cx, made_at, &rules),
        rules: &rules,
        stop: &lane.stop,
    };
    let done = export::export(export::find(format)?, &job, path)?;
    let clear = if reveal { ", values in clear" } else { "" };
    let noted = noted(done.journal.is_some());
    Ok(Answer::Written(format!(
        "{}: {}, {} B, sha256 {}{clear}{noted}",
        done.path.display(),
        crate::ui::widget::safe_text::many(done.calls, "call"),
        done.bytes,
        done.sha256.get(..12).unwrap_or_default()
    )))
}
