//! `trace`: who could have leaked it, and how it moved. In: a value, a clue file, an account or a record. Out: the trace
//! object, or its text for people. Bounds: those of tracing.

use super::args::{Args, Common, Question as Asked, TraceArgs};
use super::{NOTHING, OK, case, load, out, table};
use crate::call::text::{many, visible};
use crate::detect::Rules;
use crate::error::{Error, Result};
use crate::facts::inside::Inside;
use crate::query::Cx;
use crate::trace::graph::{self, Graph};
use crate::trace::model::{ADDED, Hop, Reads};
use crate::trace::subject::{Kind, Subject};
use crate::trace::verdict::REMOVABLE;
use crate::trace::{self, Options, Question, TraceResult};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes of a clue file that are read: a million rows of a hundred bytes each, and more.
const CLUE_BYTES: u64 = 1 << 30;

/// Trails that are told to people who ask for no other number: the verdict must not be scrolled away by hundreds of paths alike.
const TRAILS: usize = 5;

pub(super) fn run(args: &Args, asked: &TraceArgs) -> Result<u8> {
    let format = asked.graph.as_deref().map(graph_format).transpose()?;
    let Some(question) = question(&asked.question)? else {
        return Err(Error::Usage {
            msg: "trace wants one of --value, --clue, --account, --record, --address, --device, --api, --host".to_owned(),
            at: None,
        });
    };
    let rows = matches!(
        question,
        Question::Clue { .. } | Question::Value(_) | Question::Record(_)
    );
    if asked.suspect.is_some() && (!rows || format.is_some()) {
        return Err(Error::Usage {
            msg: "--suspect goes with --clue, --value or --record, and not with --graph".to_owned(),
            at: None,
        });
    }
    let mut cx = case::open(args)?;
    if let Some(copy) = &cx.share
        && crate::case::share::key(copy)?.is_none()
    {
        super::share::unlock(args, true)?;
        cx = case::open(args)?;
    }
    let answer = answer(args, &cx, &question, Some(asked))?;
    if let Some(format) = format {
        out::text(&(format.draw)(&Graph::of(&answer)))?;
    } else if args.common.json {
        let value = serde_json::to_value(&answer)
            .map_err(|e| Error::io("standard output", "cannot write")(e.into()))?;
        out::object(args, &value)?;
    } else {
        let trails = args
            .common
            .limit
            .map_or(TRAILS, |n| n.try_into().unwrap_or(usize::MAX));
        out::text(&readable(&answer, trails, out::room()))?;
    }
    Ok(if found(&answer) { OK } else { NOTHING })
}

fn graph_format(name: &str) -> Result<&'static graph::Format> {
    graph::FORMATS
        .iter()
        .find(|f| f.name == name)
        .ok_or_else(|| {
            let all: Vec<&str> = graph::FORMATS.iter().map(|f| f.name).collect();
            Error::Usage {
                msg: format!(
                    "--graph: no {}; there are: {}",
                    visible(name),
                    all.join(", ")
                ),
                at: None,
            }
        })
}

/// Whether anything of the question was seen.
pub(super) fn found(answer: &TraceResult) -> bool {
    answer.clue.matched_rows > 0
        || answer.clue.matched_values > 0
        || !answer.suspects.is_empty()
        || !answer.trails.is_empty()
        || answer.subject.as_ref().is_some_and(|s| s.seen.calls > 0)
}

/// Answers a question as the options say.
pub(super) fn answer(
    args: &Args,
    cx: &Cx,
    question: &Question,
    asked: Option<&TraceArgs>,
) -> Result<TraceResult> {
    answer_as(args, cx, question, asked, args.common.reveal)
}

/// ... with values shown or masked as they were when it was answered.
pub(super) fn answer_as(
    args: &Args,
    cx: &Cx,
    question: &Question,
    asked: Option<&TraceArgs>,
    reveal: bool,
) -> Result<TraceResult> {
    let mut options = Options {
        reveal,
        inside: Inside::parse(&load::inside(&args.common.inside)?)?,
        rules: Some(Arc::new(Rules::with_files(&args.common.rules)?)),
        ..Options::default()
    };
    if let Some(a) = asked {
        for kind in &a.without {
            if !REMOVABLE.contains(&kind.as_str()) {
                return Err(Error::Usage {
                    msg: format!(
                        "--without: no {}; there are: {}",
                        visible(kind),
                        REMOVABLE.join(" ")
                    ),
                    at: None,
                });
            }
        }
        options.without.clone_from(&a.without);
        options.suspect.clone_from(&a.suspect);
        options.published = Common::load_time(a.published.as_ref(), "published")?;
        if let Some(path) = &a.canary {
            options.canaries = canaries(path)?;
        }
    }
    trace::run(&cx.conn, question, &options, &AtomicBool::new(false))
}

/// Planted values: `value` or `value,account` on each line.
fn canaries(path: &Path) -> Result<Vec<(String, Option<String>)>> {
    let text = std::fs::read(path).map_err(Error::io(path, "cannot read"))?;
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .map(|l| l.trim_start_matches('\u{feff}').trim())
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|l| match l.split_once([',', '\t', ';']) {
            Some((v, a)) if !a.trim().is_empty() => {
                (v.trim().to_owned(), Some(a.trim().to_owned()))
            }
            Some((v, _)) => (v.trim().to_owned(), None),
            None => (l.to_owned(), None),
        })
        .collect())
}

/// The question of the command line; `None` where there is none.
pub(super) fn question(asked: &Asked) -> Result<Option<Question>> {
    if let Some(v) = &asked.value {
        return Ok(Some(Question::Value(v.clone())));
    }
    if let Some(a) = &asked.account {
        return Ok(Some(Question::Account(a.clone())));
    }
    if let Some(r) = &asked.record {
        return Ok(Some(Question::Record(r.clone())));
    }
    for (kind, name) in [
        (Kind::Address, &asked.address),
        (Kind::Device, &asked.device),
        (Kind::Api, &asked.api),
        (Kind::Host, &asked.host),
    ] {
        if let Some(name) = name {
            return Ok(Some(Question::Subject(kind, name.clone())));
        }
    }
    let Some(path) = &asked.clue else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(CLUE_BYTES).read_to_end(&mut bytes)
    } else {
        // Whatever it is compressed with; zips and workbooks are the clue's own matter.
        std::fs::File::open(path)
            .and_then(|f| crate::source::unpacked(Box::new(std::io::BufReader::new(f))))
            .and_then(|f| f.take(CLUE_BYTES).read_to_end(&mut bytes))
    };
    read.map_err(Error::io(path, "cannot read"))?;
    Ok(Some(Question::Clue {
        name: path.to_string_lossy().into_owned(),
        bytes,
    }))
}

/// What a subject saw, took and sent on, for people.
fn about(out: &mut String, s: &Subject) {
    let _ = writeln!(out, "{:<9} {}", s.kind, visible(&s.name));
    for (what, a) in [
        ("seen", &s.seen),
        ("taken", &s.taken),
        ("sent on", &s.sent_on.all),
    ] {
        let values: Vec<String> = a.values.iter().map(|(c, n)| format!("{n} {c}")).collect();
        let _ = writeln!(
            out,
            "{what:<9} {} in {}  {}",
            many(a.records, "record"),
            many(a.calls, "call"),
            values.join(", ")
        );
    }
    for t in &s.sent_on.to {
        let _ = writeln!(
            out,
            "  to {}{}  {} in {}",
            t.to,
            if t.outside { " (outside)" } else { "" },
            many(t.records, "record"),
            many(t.calls, "call")
        );
    }
    if let Some(b) = &s.baseline {
        let _ = writeln!(
            out,
            "busiest   {} in the {} of {}{}",
            many(b.records, "record"),
            b.unit,
            b.peak.as_deref().unwrap_or("-"),
            if b.unusual { ", unusual" } else { "" }
        );
        for (what, p) in [("own past", &b.own), ("peers", &b.peers)] {
            if let Some(p) = p {
                let _ = writeln!(
                    out,
                    "{what:<9} median {} (deviation {}) of {} observations; chance of as much {:.2e}",
                    p.median, p.mad, p.observations, p.p
                );
            }
        }
        if !b.note.is_empty() {
            let _ = writeln!(out, "          {}", b.note);
        }
    }
}

/// The leaked rows beside what one account read of them, for people.
fn beside(out: &mut String, r: &Reads) {
    let _ = writeln!(
        out,
        "\nreads of  {}  {} of {} rows",
        visible(&r.account),
        r.read,
        r.of
    );
    for row in &r.rows {
        let values: Vec<&str> = row.values.iter().map(|v| v.value.as_str()).collect();
        let read = match row.calls.first() {
            Some(c) => format!(
                "{}  {}  {}  {}  {}",
                c.ts,
                c.call,
                c.api.as_deref().map_or("-".into(), visible),
                visible(&c.place),
                match row.reads {
                    1 => String::new(),
                    n => format!("and {} more", n - 1),
                }
            ),
            None => "not read".to_owned(),
        };
        let _ = writeln!(
            out,
            "  {:>5}  {}  <-  {}",
            row.row,
            visible(&values.join(" | ")),
            read.trim_end()
        );
    }
    if r.more > 0 {
        let _ = writeln!(out, "         {} more rows are not listed", r.more);
    }
}

/// The answer for people, with so many of its trails, in a terminal's columns where there is one.
fn readable(a: &TraceResult, most: usize, room: Option<usize>) -> String {
    let mut out = String::new();
    if let Some(s) = &a.subject {
        about(&mut out, s);
        out.push('\n');
    }
    let c = &a.clue;
    let _ = writeln!(
        out,
        "clue      {} of {} rows and {} of {} values were seen",
        c.matched_rows, c.rows, c.matched_values, c.values
    );
    for note in a.notes() {
        let _ = writeln!(out, "partial   {note}");
    }
    let judged = a.verdict.none || !a.verdict.set.is_empty() || !a.suspects.is_empty();
    if judged {
        verdict(&mut out, a, room.unwrap_or(usize::MAX));
    }
    if let Some(r) = &a.reads {
        beside(&mut out, r);
        // who asks for these does not read the way of each row below them
        return out;
    }
    trails(&mut out, a, most, room.unwrap_or(usize::MAX));
    out
}

/// Who could have leaked it.
fn verdict(out: &mut String, a: &TraceResult, room: usize) {
    let who = if a.verdict.none {
        "no account in this evidence".to_owned()
    } else {
        visible(&a.verdict.set.join(", ")).into_owned()
    };
    let _ = writeln!(
        out,
        "verdict   {who}  confidence {:.2} ({})",
        a.verdict.confidence,
        a.verdict.strength()
    );
    let why = table::wrap(&visible(&a.verdict.why), 10, room);
    let _ = writeln!(out, "          {why}");
    for tie in &a.verdict.ties {
        let _ = writeln!(out, "or        {}", visible(&tie.join(", ")));
    }
    for s in &a.suspects {
        let _ = writeln!(
            out,
            "\nsuspect   {}  {:.1} bits  {} of {} rows  read {} in all",
            visible(&s.account),
            s.score,
            s.covered,
            s.of,
            s.read_total
        );
        for e in &s.evidence {
            let text = table::wrap(&visible(&e.text), 25, room);
            let _ = writeln!(out, "  {:+8.1}  {:<11}  {text}", e.bits, e.kind);
        }
    }
    if a.suspects.iter().any(|s| s.evidence.len() > 1) {
        let _ = writeln!(out, "\n{}", table::wrap(ADDED, 0, room));
    }
}

/// How the first records moved: a line for the way, one for what carried it.
fn trails(out: &mut String, a: &TraceResult, most: usize, room: usize) {
    let text = |s: &Option<String>| {
        s.as_deref()
            .map_or("-".to_owned(), |s| visible(s).into_owned())
    };
    for t in a.trails.iter().take(most) {
        let _ = writeln!(out, "\ntrail     {}", visible(&t.record));
        let way = |h: &Hop| format!("{} -> {}", text(&h.from), text(&h.to));
        let wide = |f: &dyn Fn(&Hop) -> usize| t.hops.iter().map(f).max().unwrap_or(0);
        let ways = wide(&|h| table::width(&way(h)));
        for h in &t.hops {
            let way = way(h);
            let _ = writeln!(
                out,
                "  {:>3}  {}  {way}{}  {:.2}{}",
                h.n,
                h.ts.as_deref().map_or("-".into(), moment),
                " ".repeat(ways.saturating_sub(table::width(&way))),
                h.conf,
                if h.inferred { "  inferred" } else { "" }
            );
            let what = format!(
                "{}  {}  {} {}",
                text(&h.account),
                text(&h.api),
                visible(&h.place),
                h.form
            );
            let _ = writeln!(out, "       {}", table::wrap(&what, 7, room));
        }
        for e in &t.exits {
            let _ = writeln!(
                out,
                "  left for {}  {}  {}  {}",
                visible(&e.to),
                e.ts.as_deref().map_or("-".into(), moment),
                e.form,
                e.call.as_deref().map_or("-".into(), visible)
            );
        }
    }
    let more = a.trails.len().saturating_sub(most);
    if more > 0 {
        let _ = writeln!(
            out,
            "\n{} not listed here: --limit {} lists all, --json has them, --graph draws them as one",
            many(more as u64, "more trail"),
            a.trails.len()
        );
    }
}

/// A time to the millisecond, as the tables have it.
fn moment(ts: &str) -> std::borrow::Cow<'_, str> {
    match ts.get(..23) {
        Some(head) if ts.len() == 30 && ts.ends_with('Z') => head.replacen('T', " ", 1).into(),
        _ => visible(ts),
    }
}
