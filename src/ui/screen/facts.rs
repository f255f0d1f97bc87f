//! What a row is, where it leads and why it says what it says. In: items. Out: targets, jumps, words. Bounds: none.

use crate::ui::data::Item;
use crate::ui::nav::{Jump, ScreenId, term};
use crate::ui::widget::safe_text::{grouped, many};

/// Name under which marks are kept: it stays when the case is loaded again.
pub fn target(item: &Item) -> Option<String> {
    Some(match item {
        Item::Call(r) => format!("call:{}", r.id),
        Item::Api(r) => format!("api:{}", r.api),
        Item::Account(r) => format!("account:{}", r.account),
        Item::Session(r) => format!("session:{}", r.session),
        Item::Finding(r) => format!("call:{}", r.call),
        Item::Risk(r) => format!("risk:{}", r.risk),
        Item::Flow(r) => format!("flow:{}", r.id),
        Item::Source(r) => format!("source:{}", r.source),
        Item::Mark(r) => r.target.clone(),
        Item::Suspect(r) => format!("account:{}", r.account),
        Item::Hop(r) => format!("call:{}", r.call.as_ref()?),
        Item::Read(r) => format!("call:{}", r.calls.first()?.call),
        Item::Sql(_) => return None,
    })
}

/// Why Enter leads nowhere, where nothing was read of it.
pub fn closed(item: &Item) -> Option<String> {
    match item {
        Item::Flow(r) if r.calls == 0 => Some(match &r.why_opaque {
            Some(w) => format!("no call was read from this flow: {w}"),
            None => "no call was read from this flow".into(),
        }),
        Item::Source(r) if r.calls == 0 => Some("no call was read from this file".into()),
        Item::Read(r) if r.calls.is_empty() => {
            Some("this row was never delivered to the account".into())
        }
        _ => None,
    }
}

/// Where Enter leads.
pub fn jump(item: &Item) -> Option<Jump> {
    Some(match item {
        Item::Call(r) => Jump::Call(r.id.clone()),
        Item::Api(r) => Jump::To {
            screen: ScreenId::Calls,
            term: Some(term("api", &r.api)),
            title: r.api.clone(),
        },
        Item::Account(r) => Jump::calls("account", &r.account),
        Item::Session(r) => Jump::Replay(r.session.clone()),
        Item::Finding(r) => Jump::Call(r.call.clone()),
        Item::Risk(r) => Jump::To {
            screen: ScreenId::Calls,
            term: Some(term("risk", &r.risk)),
            title: format!("{} {}", r.rule, r.subject),
        },
        _ if closed(item).is_some() => return None,
        Item::Flow(r) => Jump::To {
            screen: ScreenId::Calls,
            term: Some(format!(
                "{} sport:{} {} dport:{}",
                term("src", &r.src),
                r.sport.unwrap_or(0),
                term("dst", &r.dst),
                r.dport.unwrap_or(0)
            )),
            title: super::cells::end(&r.src, r.sport.unwrap_or(0)),
        },
        Item::Source(r) => Jump::calls("source", &r.source),
        Item::Mark(r) => of_target(&r.target)?,
        Item::Suspect(r) if !r.calls.is_empty() && r.calls.len() <= 40 => Jump::To {
            screen: ScreenId::Calls,
            term: Some(format!("id in {{{}}}", r.calls.join(","))),
            title: format!("evidence on {}", r.account),
        },
        Item::Suspect(r) => Jump::calls("account", &r.account),
        Item::Hop(r) => Jump::Call(r.call.clone()?),
        Item::Read(r) => Jump::Call(r.calls.first()?.call.clone()),
        Item::Sql(v) => Jump::Call(v.iter().find(|s| looks_like_call(s))?.clone()),
    })
}

fn looks_like_call(s: &str) -> bool {
    s.split_once('-').is_some_and(|(a, b)| {
        a.len() == 12
            && a.bytes().all(|c| c.is_ascii_hexdigit())
            && !b.is_empty()
            && b.bytes().all(|c| c.is_ascii_digit() || c == b'.')
    })
}

fn of_target(t: &str) -> Option<Jump> {
    let (what, name) = t.split_once(':')?;
    Some(match what {
        "call" => Jump::Call(name.to_string()),
        "api" => Jump::calls("api", name),
        "account" => Jump::calls("account", name),
        "session" => Jump::Replay(name.to_string()),
        "risk" => Jump::calls("risk", name),
        "source" => Jump::calls("source", name),
        "flow" => Jump::To {
            screen: ScreenId::Flows,
            term: None,
            title: name.to_string(),
        },
        _ => return None,
    })
}

/// Why the row says what it says.
pub fn why(item: &Item) -> Vec<String> {
    match item {
        Item::Call(r) => {
            let mut v = vec![match (&r.account, &r.account_via, r.account_conf) {
                (Some(a), Some(via), Some(c)) => {
                    format!(
                        "Account {a}: known by {via}, confidence {c:.2}. The account's own page says how its name was found."
                    )
                }
                _ => "Nobody is known for this call.".into(),
            }];
            v.push(match r.level {
                Some("S0") | None => "No sensitive value was found in it.".into(),
                Some(l) => format!(
                    "Level {l}: the highest of its data classes ({}); several values of one subject together rise by one, masked ones fall by one.",
                    r.classes.join(", ")
                ),
            });
            for f in &r.flags {
                v.push(format!("{f}: {}", flag_meaning(f)));
            }
            for l in &r.locators {
                let one = l.first == l.last;
                v.push(format!(
                    "Stands in {} ({}), {}{} {}{}.",
                    l.source,
                    l.role,
                    // what has bytes stands in a line
                    if l.offset.is_some() { "line" } else { "packet" },
                    if one { "" } else { "s" },
                    grouped(l.first),
                    if one {
                        String::new()
                    } else {
                        format!(" to {}", grouped(l.last))
                    }
                ));
            }
            v
        }
        Item::Api(r) => why_api(r),
        Item::Account(r) => vec![
            if r.why.is_empty() {
                "No reason is recorded for this name.".into()
            } else {
                r.why.clone()
            },
            format!("Confidence {:.2}, risk {:.2}.", r.conf, r.risk),
            "Records are counted in each call, in those that a call caused behind it too; its values are counted once.".into(),
        ],
        Item::Session(r) => vec![
            match r.via.as_str() {
                "address" => format!(
                    "Calls of {} without a credential and without a longer pause.",
                    r.account
                ),
                via => format!(
                    "Calls of {} that presented one credential ({via}) without a longer pause.",
                    r.account
                ),
            },
            "A session ends with a logout, a new credential or silence.".into(),
        ],
        Item::Finding(r) => vec![
            format!(
                "{} at {}: confidence {:.2} from the value itself, its key and the other values of its column.",
                r.class, r.place, r.conf
            ),
            format!("Form: {} (from the outside in).", r.form),
            if r.masked {
                "Part of it is masked in the evidence.".into()
            } else {
                "It stands in clear in the evidence.".into()
            },
            "C corrects the class of this field.".into(),
        ],
        Item::Risk(r) => vec![
            r.why.clone(),
            format!(
                "Rule {} ({}): {}, {:.0} of 100 points.",
                r.rule, r.dimension, r.severity, r.score
            ),
            match r.calls.len() {
                0 => "It names no call.".into(),
                // no more than that are named
                n if n >= crate::facts::risks::CALLS => {
                    format!("It rests on {} calls and more: Enter lists them.", grouped(n as u64))
                }
                n => format!("It rests on {}: Enter lists them.", many(n as u64, "call")),
            },
        ],
        Item::Flow(r) => vec![match &r.why_opaque {
            Some(w) => format!("Not read: {w}."),
            None => format!("Read as {}; {}.", r.app, many(r.calls, "call")),
        }],
        Item::Source(r) => {
            let mut v = vec![format!(
                "{} packets or lines carry no call and no listed flow, or could not be read.",
                grouped(r.skipped)
            )];
            v.extend(r.diags.iter().map(|(k, n)| format!("{k}: {}", grouped(*n))));
            v
        }
        Item::Mark(r) => {
            let mut v = vec![format!("You put it on {}; the journal has when.", r.target)];
            v.extend(r.notes.iter().cloned());
            v
        }
        Item::Suspect(r) => {
            let mut v = vec![format!(
                "Read {} of {} rows of the clue; {} records in all. How few others read these rows is worth {:.1} bits, shown beside the score and not in it.",
                grouped(r.covered),
                grouped(r.of),
                grouped(r.read_total),
                r.exclusive_bits
            )];
            v.extend(
                r.evidence
                    .iter()
                    .map(|e| format!("{} ({:+.1} bit): {}", e.kind, e.bits, e.text)),
            );
            v.push(crate::trace::model::ADDED.into());
            v
        }
        Item::Hop(r) => vec![link_meaning(r)],
        Item::Read(r) => match r.calls.first() {
            Some(c) => vec![
                format!(
                    "Row {} of the clue was delivered to the account in {}, first at {}.",
                    grouped(r.row),
                    many(r.reads, "call"),
                    c.ts
                ),
                format!(
                    "Belief that what stands at {} is this row: {:.2}. A gateway that only passed it on is not counted as a reader.",
                    c.place, c.conf
                ),
            ],
            None => vec![format!(
                "No answer to the account has row {} of the clue, in clear, masked or hashed.",
                grouped(r.row)
            )],
        },
        Item::Sql(_) => vec!["What the statement gives, as it stands in the case; values of data classes are masked.".into()],
    }
}

/// Why calls are of one API.
pub fn why_api(r: &crate::query::rows::ApiRow) -> Vec<String> {
    let plain = r.route.as_deref().is_some_and(|p| !p.contains('{'));
    let mut v = vec![if r.why.is_empty() && plain {
        "Its path stands as it was called: no part of it is a parameter.".into()
    } else if r.why.is_empty() {
        "No reason is recorded for this template.".into()
    } else {
        r.why.clone()
    }];
    v.push(match (r.documented, &r.spec, r.calls) {
        (None, ..) => "No specification is loaded (--spec).".into(),
        (Some(false), ..) => "No specification has it.".into(),
        (Some(true), spec, calls) => format!(
            "Documented in {}{}.",
            spec.as_deref().unwrap_or("a specification"),
            if calls == 0 { ", and never called" } else { "" }
        ),
    });
    if r.calls > 0 {
        v.push(format!(
            "It rests on {}: Enter lists them, C corrects it.",
            many(r.calls, "call")
        ));
    }
    for c in &r.classes {
        v.push(format!(
            "{}: {} in clear, {} masked, in {}; fields {}",
            c.class,
            many(c.clear, "value"),
            grouped(c.masked),
            many(c.calls, "call"),
            c.fields.join(", ")
        ));
    }
    v
}

/// What a line of the Overview says, by its name.
pub fn overview_meaning(name: &str) -> &'static str {
    match name {
        "file" | "files" | "" => {
            "What was loaded, each named by the SHA-256 of its content: `leaktrace verify` compares it. Enter lists what could not be read of each."
        }
        "span" => "From the first to the last packet or line of all sources.",
        "levels by" => {
            "The grading profile that gives classes their levels; the palette (:) takes another."
        }
        "read" => {
            "Packets and lines read. Those without a call are of other protocols, or could not be read: Enter lists sources, ? there counts the reasons."
        }
        "clocks" => {
            "Told from requests that stand in a log and in a capture; times are shown as each source has them."
        }
        "readable" => "Share of all bytes that flows of a protocol carry and that were decoded.",
        "opaque" => {
            "Share of all bytes, and flows, that were not decoded: Enter lists them with the reason of each."
        }
        "damage" => {
            "No call is truncated, has a gap, one side only, no request, no response or an uncertain pair."
        }
        "taps" => {
            "The same packets at a second place of capture: counted once, each with its locator."
        }
        "logs" => {
            "Lines of logs that are a captured call add to it; the others are calls of their own."
        }
        "time" => {
            "Calls by time, the dark part those of level S3 and above; every call that the filter selects is counted."
        }
        "marks" => {
            "What you put on calls, APIs, accounts and the rest (m, a, #); it is kept in the case and in its journal."
        }
        "reveals" => {
            "How often values were shown in clear, on screen or by --reveal; each is a row of the journal."
        }
        "findings" => "Every place where a value of a data class stands.",
        "undo" => "Changes of this run that u takes back.",
        "case" | "case file" => {
            "Everything learned from the evidence, and your work on it, in one file."
        }
        "none" => "",
        flag => flag_meaning(flag),
    }
}

/// How a hop is linked to the one that it came from.
pub fn link_meaning(r: &crate::trace::model::Hop) -> String {
    let via = r.via.map(|n| format!("({n})")).unwrap_or_default();
    let how = match r.link {
        "origin" => "first seen here".into(),
        "downstream" => format!("the answer to {via}, passed on to the caller"),
        "upstream" => format!("called within {via}, further behind"),
        "relay" => format!("received in {via} and sent on by the same host"),
        "stored" => format!("received in {via}, kept, and sent later"),
        "lateral" => format!("the same value as in {via}, with no common host"),
        other => format!("{other} {via}"),
    };
    let not = if r.inferred {
        " Not captured: the evidence implies it."
    } else {
        ""
    };
    format!("{how}; confidence {:.2}.{not}", r.conf)
}

/// What a flag says.
pub fn flag_meaning(f: &str) -> &'static str {
    match f {
        "truncated" => "body or head is cut by a snap length, a limit or the end of the capture",
        "gap" => "bytes are missing inside",
        "one-sided" => "only one direction was captured",
        "no-response" => "no answer was captured",
        "no-request" => "no request was captured",
        "upgraded" => "the connection changed its protocol with this call",
        "retransmitted" => "some bytes were sent again",
        "masked" => "a sensitive value is masked",
        "unmasked" => "a sensitive value stands in clear",
        "bad-framing" => "breaks a framing rule, read leniently",
        "uncertain-pair" => "request and answer may not belong together",
        "partial-headers" => "the header block is incomplete",
        "log-only" => "known from a log alone",
        _ => "",
    }
}
