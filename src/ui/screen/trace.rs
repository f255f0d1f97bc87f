//! A trace: suspects or hops, the path drawn, and why. In: the trace object. Out: documents; the list is an ordinary one.
//! Bounds: one trail is drawn at a time.

use super::{facts, layout, movement};
use crate::trace::Question;
use crate::trace::model::{Hop, TraceResult, UNENDED, VEILED};
use crate::trace::subject::Subject;
use crate::ui::data::Item;
use crate::ui::model::{Extra, Frame, Model, State, TraceView};
use crate::ui::nav::Jump;
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Line};
use crate::ui::widget::safe_text::{SafeText, bytes, grouped};

/// Path and reasons.
pub fn docs(m: &Model, f: &Frame) -> Vec<Doc> {
    let Extra::Trace(t) = &f.extra else {
        return Vec::new();
    };
    let Some(r) = &t.result else {
        let asked = t.question.is_some();
        let state = if asked || layout::side_by_side(m.size.0) {
            let (text, role) = waits(&t.state, asked);
            let text = if asked {
                text
            } else {
                "nothing traced yet".into()
            };
            let mut d = Doc::new("Verdict");
            d.add(Line::new(text, role));
            d
        } else {
            // where the other pane has no room of its own
            how("Nothing traced yet")
        };
        return vec![how("Path"), state];
    };
    let trail = r.trails.get(t.trail);
    let mut path = match trail {
        Some(_) if t.whole && r.trails.len() > 1 => movement::whole(r, m.glyphs, &t.folded),
        Some(x) => movement::record(x, m.glyphs, &t.folded),
        None => {
            let mut d = Doc::new("Path");
            d.add(Line::new(
                "no trail: nothing of it was seen in any call",
                Role::Dim,
            ));
            d
        }
    };
    if r.trails.len() > 1 && t.whole {
        path.note = "v one record   Space folds".into();
    } else if r.trails.len() > 1 {
        path.note = format!(
            "record {} of {}   {{ }} others   v all",
            grouped(t.trail as u64 + 1),
            grouped(r.trails.len() as u64)
        )
        .into();
    }
    let why = match f.list.here().map(|x| &x.item) {
        Some(Item::Hop(h)) => hop(r, h, about(t, r)),
        Some(Item::Suspect(_)) | None => verdict(r, f),
        Some(_) => Doc::default(),
    };
    vec![path, why]
}

fn how(title: &str) -> Doc {
    let mut d = Doc::new(title);
    d.add(Line::new("Enter or T asks what to trace:", Role::Text));
    for (what, gives) in [
        (
            "./leaked.csv",
            "who could have leaked it, ranked: a clue file of CSV, JSON lines, or a value on each line",
        ),
        (
            "a value",
            "where it was seen, in clear, encoded, hashed or masked",
        ),
        (
            "record:ID",
            "where a record went, as findings show it (T on a finding does this)",
        ),
        (
            "account:NAME",
            "all that an account read and sent on (T on an account does this); so for address: device: api: host:",
        ),
    ] {
        let what = Line::new(format!("  {what:<15}"), Role::Key);
        d.add(what.and(gives, Role::Text));
    }
    d
}

/// What was asked for as a text and is the name of an account, or an address: how it is asked for as what it is.
pub(super) fn meant(m: &Model, f: &Frame) -> Option<String> {
    let Extra::Trace(t) = &f.extra else {
        return None;
    };
    let Some(Question::Value(v)) = &t.question else {
        return None;
    };
    let v = v.trim();
    if v.parse::<std::net::IpAddr>().is_ok() {
        return Some(format!("address:{v}"));
    }
    let known = m.names.accounts.iter().any(|a| a == v);
    known.then(|| format!("account:{v}"))
}

/// What stands where sightings or suspects will.
pub(super) fn waits(s: &State, asked: bool) -> (String, Role) {
    match s {
        State::Loading => (
            "searching the case ... Ctrl-c stops".to_string(),
            Role::Partial,
        ),
        State::Failed(e) => (e.clone(), Role::Error),
        State::Cancelled => ("stopped; Enter asks again".into(), Role::Warn),
        State::NoCase => ("there is no case file yet".into(), Role::Dim),
        _ if asked => ("searching the case ...".into(), Role::Partial),
        _ => ("Enter or T asks what to trace".into(), Role::Dim),
    }
}

/// The subject that was asked about: what it saw, took and sent on is the answer, a hop only a part of it.
fn about<'a>(t: &TraceView, r: &'a TraceResult) -> Option<&'a Subject> {
    let asked = matches!(
        t.question,
        Some(Question::Subject(..) | Question::Account(_))
    );
    r.subject.as_ref().filter(|_| asked)
}

/// Why a hop is linked.
fn hop(r: &TraceResult, h: &Hop, about: Option<&Subject>) -> Doc {
    let mut d = Doc::new(match h.via {
        Some(v) => format!("Why ({v}) > ({}) is linked", h.n),
        None => format!("Hop ({})", h.n),
    });
    d.note = format!("{:.2}", h.conf).into();
    if let Some(s) = about {
        movement::subject(s, &mut d);
        d.add(Line::default());
    }
    d.add(Line::pair("link", facts::link_meaning(h), Role::Text));
    d.add(Line::pair(
        "form",
        if h.masked {
            format!("{} (masked)", h.form)
        } else {
            h.form.clone()
        },
        Role::Text,
    ));
    d.add(Line::pair("stands at", h.place.clone(), Role::Text));
    if let Some(v) = &h.value {
        d.add(Line::pair("value", v.clone(), Role::Text));
    }
    d.add(Line::pair(
        "values",
        format!("{} of the record", h.values),
        Role::Text,
    ));
    if let Some(a) = &h.account {
        d.add(Line::pair("account", a.clone(), Role::Text).jump(Jump::calls("account", a)));
    }
    if !h.runners_up.is_empty() {
        let v: Vec<String> = h.runners_up.iter().map(|n| format!("({n})")).collect();
        d.add(Line::pair("or from", v.join(" "), Role::Dim));
    }
    if let Some(c) = &h.call {
        d.add(Line::pair("call", c.clone(), Role::Text).jump(Jump::Call(c.clone())));
    }
    if let Some(l) = &h.locator {
        let bytes = match (l.offset, l.len) {
            (Some(o), Some(n)) => format!("  +{} {} B", grouped(o), n),
            _ => String::new(),
        };
        d.add(Line::pair(
            "evidence",
            format!(
                "{}  {}-{}{bytes}",
                l.source,
                grouped(l.first),
                grouped(l.last)
            ),
            Role::Text,
        ));
    }
    d.add(Line::default());
    words(&mut d, r);
    d
}

/// The verdict in words.
fn words(d: &mut Doc, r: &TraceResult) {
    let v = &r.verdict;
    if v.none {
        d.add(Line::pair(
            "verdict",
            "no account in this evidence explains it",
            Role::Warn,
        ));
    } else if !v.set.is_empty() {
        d.add(Line::pair("verdict", v.set.join(" + "), Role::SensCritical));
    }
    for t in &v.ties {
        d.add(Line::pair("or as well", t.join(" + "), Role::Warn));
    }
    if v.none || !v.set.is_empty() {
        d.add(Line::pair(
            "confidence",
            format!("{:.2} ({})", v.confidence, v.strength()),
            Role::Text,
        ));
    }
    if !v.why.is_empty() {
        d.add(Line::pair("because", v.why.clone(), Role::Text));
    }
    let o = &r.omitted;
    if o.stopped {
        d.add(Line::pair(
            "partial",
            "the search was stopped before its end",
            Role::Partial,
        ));
    }
    if r.partial {
        d.add(Line::pair("partial", UNENDED, Role::Partial));
    }
    if o.veiled {
        d.add(Line::pair("partial", VEILED, Role::Partial));
    }
    if o.shallow > 0 {
        let said = format!(
            "{} of text searched for direct forms alone",
            bytes(o.shallow)
        );
        d.add(Line::pair("partial", said, Role::Partial));
    }
    for (what, n) in [
        ("trails", o.trails),
        ("hops", o.hops),
        ("suspects", o.suspects),
        ("values not searched as text", o.unsearched),
    ] {
        if n > 0 {
            d.add(Line::pair(
                "not shown",
                format!("{} {what}", grouped(n)),
                Role::Partial,
            ));
        }
    }
}

fn verdict(r: &TraceResult, f: &Frame) -> Doc {
    // where nothing is known to have leaked nobody is judged
    let of_account = asked_of_account(f);
    if let Some(s) = r
        .subject
        .as_ref()
        .filter(|_| of_account || r.suspects.is_empty())
    {
        let mut d = Doc::new(format!("{} {}", s.kind, s.name));
        movement::subject(s, &mut d);
        for note in r.notes() {
            d.add(Line::pair("partial", note, Role::Partial));
        }
        return d;
    }
    let mut d = Doc::new("Verdict");
    d.note = format!("{:.2}", r.verdict.confidence).into();
    if let Some(s) = &r.subject {
        movement::subject(s, &mut d);
        d.add(Line::default());
    }
    words(&mut d, r);
    if let Extra::Trace(t) = &f.extra
        && !t.without.is_empty()
    {
        let said = format!("{} (palette: evidence)", t.without.join(", "));
        d.add(Line::pair("left out", said, Role::Partial));
    }
    let c = &r.clue;
    if c.rows > 0 {
        d.add(Line::pair(
            "clue",
            format!(
                "{} of {} rows and {} of {} values were seen{}",
                grouped(c.matched_rows),
                grouped(c.rows),
                grouped(c.matched_values),
                grouped(c.values),
                if c.read_as.is_empty() {
                    String::new()
                } else {
                    format!("; read as {}", c.read_as)
                }
            ),
            Role::Text,
        ));
    }
    if let Some(Item::Suspect(s)) = f.list.here().map(|x| &x.item) {
        d.add(Line::default());
        d.add(Line::new(s.account.clone(), Role::Crumb).jump(Jump::calls("account", &s.account)));
        d.add(Line::pair(
            "covered",
            format!(
                "{} of {} rows; {} records read in all",
                grouped(s.covered),
                grouped(s.of),
                grouped(s.read_total)
            ),
            Role::Text,
        ));
        for e in &s.evidence {
            let role = if e.bits >= 0.0 { Role::Text } else { Role::Dim };
            d.add(
                Line::new(format!("{:+7.1} bit  ", e.bits), role)
                    .and(format!("{}: ", e.kind), Role::Dim)
                    .and(e.text.clone(), role),
            );
        }
        for a in &s.apis {
            d.add(Line::pair("by", a.clone(), Role::Text).jump(Jump::calls("api", a)));
        }
    }
    d
}

/// Title of the list.
pub fn title(f: &Frame) -> SafeText {
    let Extra::Trace(t) = &f.extra else {
        return "Trace".into();
    };
    let part = if t.partial { " so far" } else { "" };
    match (&t.result, t.hops) {
        (None, _) => "Trace".into(),
        (Some(r), true) => {
            let exits = r.trails.get(t.trail).map_or(&[][..], |x| &x.exits);
            let mut to: Vec<&str> = Vec::new();
            for e in exits {
                if !to.contains(&e.to.as_str()) {
                    to.push(&e.to);
                }
            }
            let left = match to.as_slice() {
                // what was not seen at all was not seen staying either
                [] if r.trails.iter().all(|t| t.hops.is_empty()) => String::new(),
                [] => "never seen leaving".to_owned(),
                [one] => format!("left for {one}"),
                [one, more @ ..] => format!("left for {one} and {} more", more.len()),
            };
            let said = format!("Sightings in time order{part}   {left}");
            said.trim_end().into()
        }
        // nobody is suspected where an account was asked for
        (Some(_), false) if asked_of_account(f) => "Account".into(),
        (Some(_), false) => format!("Suspects, best first{part}").into(),
    }
}

fn asked_of_account(f: &Frame) -> bool {
    matches!(&f.extra, Extra::Trace(t) if matches!(t.question, Some(Question::Account(_))))
}
