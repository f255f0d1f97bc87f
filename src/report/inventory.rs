//! What the case holds, what it cannot see, and what it was made from. In: a reader. Out: sections. Bounds: those of [`super`].

use super::Cited;
use super::doc::{Document, Line, Table, line, when};
use crate::call::text::many;
use crate::case::{journal, profile};
use crate::error::Result;
use crate::limits::{REPORT_FEW, REPORT_ROWS};
use crate::query::read::time::rfc3339;
use crate::query::{Cx, Filter, read};
use crate::trace::model::{TraceResult, VEILED};

fn number(n: u64) -> Line {
    line(n.to_string())
}

/// What the report is and what it was made with.
pub(super) fn about(cx: &Cx, made_at: i64, rules: &str) -> Result<Vec<(&'static str, Line)>> {
    let mut out = Vec::new();
    for (name, key) in [
        ("case number", "number"),
        ("examiner", "examiner"),
        ("notes", "notes"),
    ] {
        if let Some(v) = cx.info(key)?.filter(|v| !v.is_empty()) {
            out.push((name, line(v)));
        }
    }
    let file = cx
        .path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned());
    out.push(("case file", line(file.unwrap_or_default())));
    let span = cx.span()?;
    out.push((
        "evidence from",
        line(format!("{} to {}", rfc3339(span.first), rfc3339(span.last))),
    ));
    out.push(("made", line(rfc3339(made_at))));
    out.push((
        "made with",
        line(format!(
            "leaktrace {}, rules {}",
            env!("CARGO_PKG_VERSION"),
            if rules.is_empty() { "built in" } else { rules }
        )),
    ));
    if let Some(profile) = profile::chosen(&cx.conn)? {
        let note = if profile.note.is_empty() { "" } else { ": " };
        let text = format!(
            "{}, of {}{note}{}",
            profile.title, profile.date, profile.note
        );
        out.push(("levels by", line(text)));
    }
    if let Some((n, hash)) = journal::head(&cx.conn)? {
        let hash: String = hash.iter().map(|b| format!("{b:02x}")).collect();
        out.push((
            "journal",
            line(format!("{n} rows before this report, the last {hash}")),
        ));
    }
    out.push((
        "values",
        line(if cx.reveal {
            "values of data classes are shown in clear: this was asked for and stands in the journal"
        } else {
            "values of data classes are masked"
        }),
    ));
    Ok(out)
}

/// APIs, accounts, risks.
pub(super) fn what_is_here(cx: &Cx, d: &mut Document, cited: &mut Cited<'_>) -> Result<()> {
    let all = Filter::all();
    let mut apis = read::apis(cx, &all)?;
    let mut accounts = read::accounts(cx, &all)?;
    let risks = read::risks(cx, &all)?;
    d.head("What is here");
    d.para(format!(
        "{} of {} on {}; {}.",
        many(read::count(cx, &all, None)?, "call"),
        many(accounts.len() as u64, "account"),
        many(apis.len() as u64, "API"),
        many(risks.len() as u64, "risk")
    ));
    d.part("Risks");
    let mut t = Table {
        head: vec![
            "Rule",
            "Dimension",
            "Severity",
            "#Score",
            "Subject",
            "Why",
            "@First",
            "@Last",
            "Calls",
        ],
        left_out: risks.len().saturating_sub(REPORT_ROWS) as u64,
        ..Table::default()
    };
    for r in risks.iter().take(REPORT_ROWS) {
        t.rows.push(vec![
            line(&*r.rule),
            line(&*r.dimension),
            line(&*r.severity),
            line(format!("{:.0}", r.score)),
            line(&*r.subject),
            line(&*r.why),
            when(&r.first),
            when(&r.last),
            cited.some(&r.calls, 2)?,
        ]);
    }
    d.table(t, "No rule fired.");
    d.part("Interfaces and what they expose");
    apis.sort_by(|a, b| {
        (b.level.cmp(a.level))
            .then(b.max_records.cmp(&a.max_records))
            .then_with(|| a.api.cmp(&b.api))
    });
    let mut t = Table {
        head: vec![
            "API",
            "#Calls",
            "#Accounts",
            "Level",
            "Classes: clear / masked calls",
            "Auth",
            "#Most records in one call",
            "@First",
            "@Last",
        ],
        left_out: apis.len().saturating_sub(REPORT_ROWS) as u64,
        ..Table::default()
    };
    for a in apis.iter().take(REPORT_ROWS) {
        let classes: Vec<String> = a
            .classes
            .iter()
            .map(|c| format!("{} {} / {}", c.class, c.clear, c.masked))
            .collect();
        t.rows.push(vec![
            line(&*a.api),
            number(a.calls),
            number(a.accounts),
            line(a.level),
            line(classes.join(", ")),
            line(a.auth.join(", ")),
            number(a.max_records),
            when(&a.first),
            when(&a.last),
        ]);
    }
    d.table(t, "No call was found.");
    d.part("Accounts");
    accounts.sort_by(|a, b| {
        (b.risk.total_cmp(&a.risk))
            .then(b.records.cmp(&a.records))
            .then_with(|| a.account.cmp(&b.account))
    });
    let mut t = Table {
        head: vec![
            "Account",
            "Kind",
            "#Sure",
            "#Calls",
            "#Records",
            "Level",
            "#Risk",
            "Addresses",
            "Why this name",
        ],
        left_out: accounts.len().saturating_sub(REPORT_ROWS) as u64,
        ..Table::default()
    };
    for a in accounts.iter().take(REPORT_ROWS) {
        let more = a.addresses.len().saturating_sub(REPORT_FEW);
        let mut at = a
            .addresses
            .iter()
            .take(REPORT_FEW)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        if more > 0 {
            at.push_str(&format!(" and {more} more"));
        }
        t.rows.push(vec![
            line(&*a.account),
            line(&*a.kind),
            line(format!("{:.2}", a.conf)),
            number(a.calls),
            number(a.records),
            line(a.level),
            line(format!("{:.0}", a.risk)),
            line(at),
            line(&*a.why),
        ]);
    }
    d.table(t, "No account was found.");
    Ok(())
}

/// What this report cannot know.
pub(super) fn limits(cx: &Cx, d: &mut Document, found: Option<&TraceResult>) -> Result<()> {
    d.head("Method and limits");
    let mut points: Vec<Line> = vec![
        line(
            "Calls are rebuilt from captured packets and log lines; a line that is a captured call adds a place to it and is no call of its own.",
        ),
        line(
            "Accounts come from what calls presented and obtained (tokens, cookies bound to logins, keys, users of logs), each with its reason and confidence; an address alone is no person.",
        ),
        line(
            "Data classes are decided for each field from all values that it held: shape, check digits, names of keys. Masked values count as masked.",
        ),
    ];
    if found.is_some() {
        points.push(line(
            "Suspects are weighed by a set likelihood: how well sets of accounts explain which rows are in the clue and which of what they read are not, against background (base 2: ten bits are a thousand to one). Further evidence is added in bits as listed and can be left out by the reader.",
        ));
        points.push(line(
            "A movement is a sighting of the same values in one form or another (clear, encoded, hashed, masked); its best parent is chosen by time, addresses and how many values moved together.",
        ));
    }
    if cx.partial()? {
        points.push(line(
            "A load into the case had not ended when this was written: what it had not read yet is not in here.",
        ));
    }
    if let Some(o) = found.map(|f| &f.omitted) {
        if o.stopped {
            points.push(line(
                "The search was stopped before its end: the answer is partial.",
            ));
        }
        if o.veiled {
            points.push(line(format!("{}.", VEILED.replacen("in", "In", 1))));
        }
        for (n, what) in [
            (o.trails, "records have no trail here because of a limit"),
            (o.hops, "hops are left out because of a limit"),
            (
                o.shallow,
                "bytes of text were searched for values as they stand and in simple codings; codings inside codings, archives and masks in it were not undone",
            ),
            (
                o.unsearched,
                "values were not searched for as text because of a limit",
            ),
        ] {
            if n > 0 {
                points.push(line(format!("{n} {what}.")));
            }
        }
    }
    let mut opaque = cx.conn.prepare(
        "SELECT app,why_opaque,count(*),sum(bytes_out+bytes_in) FROM flow WHERE why_opaque IS NOT NULL GROUP BY 1,2 ORDER BY 4 DESC,1,2",
    )?;
    let mut rows = opaque.query([])?;
    let mut shown = 0usize;
    let mut more = 0u64;
    while let Some(r) = rows.next()? {
        if shown == REPORT_FEW {
            more += 1;
            continue;
        }
        shown += 1;
        points.push(line(format!(
            "{} flows of {} ({} bytes) could not be read: {}.",
            r.get::<_, i64>(2)?,
            r.get::<_, String>(0)?,
            r.get::<_, i64>(3)?,
            r.get::<_, String>(1)?
        )));
    }
    if more > 0 {
        points.push(line(format!(
            "{more} other kinds of flows could not be read; `leaktrace flows` lists them."
        )));
    }
    d.blocks.push(super::doc::Block::List(points));
    let mut damaged = Table {
        head: vec!["Source", "What", "#Times"],
        ..Table::default()
    };
    for s in read::sources(cx, &Filter::all())? {
        for (code, n) in &s.diags {
            if damaged.rows.len() < REPORT_ROWS {
                damaged
                    .rows
                    .push(vec![line(&*s.source), line(&**code), number(*n)]);
            } else {
                damaged.left_out += 1;
            }
        }
    }
    d.part("What could not be read, was cut or is doubtful");
    d.table(
        damaged,
        "Nothing was counted: every packet and line was read.",
    );
    Ok(())
}

/// Files that the case was made from.
pub(super) fn evidence(cx: &Cx, d: &mut Document) -> Result<()> {
    d.head("Evidence");
    let sources = read::sources(cx, &Filter::all())?;
    let mut t = Table {
        head: vec![
            "Source", "Kind", "#Bytes", "#Packets", "#Lines", "#Calls", "@First", "@Last",
            "SHA-256",
        ],
        left_out: sources.len().saturating_sub(REPORT_ROWS) as u64,
        ..Table::default()
    };
    let or_none = |n: Option<u64>| line(n.map_or("-".into(), |n| n.to_string()));
    for s in sources.iter().take(REPORT_ROWS) {
        t.rows.push(vec![
            line(&*s.source),
            line(&*s.kind),
            number(s.bytes),
            or_none(s.packets),
            or_none(s.lines),
            number(s.calls),
            when(&s.first),
            when(&s.last),
            line(s.sha256.as_deref().unwrap_or("not kept (it was a pipe)")),
        ]);
    }
    d.table(t, "No source was read.");
    Ok(())
}
