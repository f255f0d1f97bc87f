//! The row verbs. In: a filter. Out: rows in the contract's order. Bounds: calls and findings are read as they are written.

use super::args::Args;
use super::case;
use super::out::Rows;
use super::table::{Column, left, right};
use crate::call::text::visible;
use crate::case::ids;
use crate::error::Result;
use crate::limits;
use crate::query::lang::{Expr, Op};
use crate::query::read;
use crate::query::rows::CallRow;
use crate::query::{Cx, Filter, Page};
use serde::Serialize;

/// Calls looked up at once.
const BATCH: usize = 500;

static CALLS: [Column; 11] = [
    left("id", "ID", 40).spare(4),
    left("ts", "TIME", 40),
    left("account", "ACCOUNT", 28).least(10),
    left("api", "API", 60).least(20),
    right("status", "STATUS"),
    right("req_content_len", "IN").or("req_body_len").spare(9),
    right("resp_content_len", "OUT")
        .or("resp_body_len")
        .spare(7),
    right("records", "REC"),
    left("level", "LEVEL", 8),
    left("classes", "CLASSES", 40).least(12).spare(6),
    left("flags", "FLAGS", 60).least(8).spare(8),
];
static APIS: [Column; 9] = [
    left("api", "API", 80).least(30),
    left("kind", "KIND", 12).spare(8),
    right("calls", "CALLS"),
    right("accounts", "ACCOUNTS").spare(3),
    right("ok_ratio", "OK").spare(5),
    left("level", "LEVEL", 8),
    right("max_records", "MAX REC").spare(4),
    left("classes", "CLASSES", 60).least(14).spare(2),
    left("auth", "AUTH", 40).least(8).spare(9),
];
static ACCOUNTS: [Column; 10] = [
    left("account", "ACCOUNT", 50).least(18),
    left("kind", "KIND", 12).spare(5),
    right("conf", "CONF").spare(6),
    right("calls", "CALLS"),
    right("sessions", "SESSIONS").spare(7),
    right("records", "RECORDS"),
    left("level", "LEVEL", 8),
    right("risk", "RISK"),
    left("addresses", "ADDRESSES", 40).least(15).spare(8),
    left("values", "VALUES", 60).least(20).spare(4),
];
static SESSIONS: [Column; 9] = [
    left("session", "SESSION", 44),
    left("account", "ACCOUNT", 40).least(12),
    left("via", "VIA", 14).spare(3),
    left("src", "SRC", 40).spare(5),
    left("start", "START", 40),
    left("end", "END", 40).spare(8),
    right("calls", "CALLS"),
    right("records", "RECORDS").spare(2),
    left("level", "LEVEL", 8),
];
static FINDINGS: [Column; 8] = [
    left("call", "CALL", 40),
    left("dir", "DIR", 4).spare(3),
    left("where", "WHERE", 50).least(16),
    left("class", "CLASS", 16),
    left("level", "LEVEL", 8),
    left("form", "FORM", 24).least(8).spare(5),
    right("conf", "CONF").spare(6),
    left("value", "VALUE", 50).least(14),
];
static RISKS: [Column; 8] = [
    left("risk", "RISK", 60).spare(7),
    left("rule", "RULE", 24),
    left("dimension", "DIMENSION", 12).spare(8),
    left("severity", "SEVERITY", 8),
    right("score", "SCORE"),
    left("subject", "SUBJECT", 50).least(22),
    left("first", "FIRST", 40).spare(6),
    left("why", "WHY", 120).least(20),
];
static FLOWS: [Column; 12] = [
    left("id", "ID", 40).spare(7),
    left("ts", "TIME", 40).spare(8),
    left("src", "SRC", 40).least(15),
    right("sport", "SPORT"),
    left("dst", "DST", 40).least(15),
    right("dport", "DPORT"),
    left("app", "APP", 12),
    right("packets", "PACKETS").spare(6),
    right("bytes_out", "OUT").spare(5),
    right("bytes_in", "IN").spare(4),
    right("calls", "CALLS"),
    left("why_opaque", "WHY OPAQUE", 60).least(12).spare(3),
];
static SOURCES: [Column; 9] = [
    left("source", "SOURCE", 50).least(20),
    left("kind", "KIND", 14),
    right("bytes", "BYTES"),
    right("packets", "PACKETS"),
    right("lines", "LINES"),
    right("calls", "CALLS"),
    right("skipped", "SKIPPED").spare(3),
    left("sha256", "SHA256", 64).spare(8),
    left("diags", "DIAGS", 100).least(14).spare(2),
];
static REPLAY: [Column; 9] = [
    right("step", "STEP"),
    left("ts", "TIME", 40),
    right("gap_us", "GAP US"),
    left("api", "API", 60).least(18),
    right("status", "STATUS"),
    right("records", "REC"),
    left("level", "LEVEL", 8),
    left("classes", "CLASSES", 40).least(12).spare(5),
    left("id", "ID", 40).spare(7),
];

/// Opens the case and reads the filter.
pub(super) fn ready(args: &Args) -> Result<(Cx, Filter)> {
    let cx = case::open(args)?;
    let filter = args.filter(&cx)?;
    Ok((cx, filter))
}

fn all<T: Serialize>(args: &Args, columns: &'static [Column], rows: Vec<T>) -> Result<u8> {
    let mut out = Rows::new(args, columns);
    for row in rows {
        out.row(&row)?;
    }
    out.end()
}

/// `calls`.
pub(super) fn calls(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    calls_of(args, &cx, &filter)
}

/// Rows of the calls that a filter selects.
pub(super) fn calls_of(args: &Args, cx: &Cx, filter: &Filter) -> Result<u8> {
    let mut out = Rows::new(args, &CALLS);
    if args.common.count {
        let n = read::count(cx, filter, args.common.limit.map(|n| n.max(1)))?;
        return out.end_with_count(n);
    }
    let page = Page {
        limit: args
            .common
            .limit
            .map_or(0, |n| usize::try_from(n.max(1)).unwrap_or(usize::MAX)),
        ..Page::default()
    };
    let ids = read::call_ids(cx, filter, &page)?;
    for batch in ids.chunks(BATCH) {
        for row in read::call_rows(cx, batch)? {
            out.row(&row)?;
        }
    }
    out.end()
}

/// `apis`.
pub(super) fn apis(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    all(args, &APIS, read::apis(&cx, &filter)?)
}

/// `accounts`.
pub(super) fn accounts(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    all(args, &ACCOUNTS, read::accounts(&cx, &filter)?)
}

/// `sessions`.
pub(super) fn sessions(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    all(args, &SESSIONS, read::sessions(&cx, &filter)?)
}

/// `risks`.
pub(super) fn risks(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    all(args, &RISKS, read::risks(&cx, &filter)?)
}

/// `flows`.
pub(super) fn flows(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    all(args, &FLOWS, read::flows(&cx, &filter)?)
}

/// `sources`.
pub(super) fn sources(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    all(args, &SOURCES, read::sources(&cx, &filter)?)
}

/// `findings`.
pub(super) fn findings(args: &Args, _: &[String]) -> Result<u8> {
    let (cx, filter) = ready(args)?;
    let mut out = Rows::new(args, &FINDINGS);
    if args.common.count {
        let n = read::count_findings(&cx, &filter)?;
        return out.end_with_count(n);
    }
    read::findings(&cx, &filter, &mut |row| {
        out.row(&row)?;
        Ok(out.more())
    })?;
    out.end()
}

/// `replay`: calls with gaps, of a session, a flow or an account.
pub(super) fn replay(args: &Args, what: &str) -> Result<u8> {
    let cx = case::open(args)?;
    let mut filter = args.filter(&cx)?;
    let (field, value) = film(what);
    if let Some(term) = Expr::term(field, Op::Eq, value) {
        filter = filter.and(term);
    }
    if field == "account" {
        // what others did for it behind the gateway has no session of its own
        filter = filter.and(Filter::parse("session")?.expr);
    }
    let rows: Vec<CallRow> = read::calls(&cx, &filter, &Page::default())?;
    let mut timeline = crate::replay::Timeline::new(rows, &mut |_| Vec::new());
    timeline.with_credentials(&mut |c| read::credential(&cx, c.rowid).ok().flatten());
    let wanted = args.common.json
        && (args.common.fields.is_empty() || args.common.fields.iter().any(|f| f == "changed"));
    if wanted {
        timeline.with_changes(limits::REPLAY_COMPARED, &mut |a, b| {
            read::compare::bodies(&cx, a.rowid, b.rowid).unwrap_or_default()
        });
    }
    if timeline.rows().next().is_none() {
        crate::tell!(
            "leaktrace: no calls of a session, flow or account {}",
            visible(what)
        );
    }
    let mut out = Rows::new(args, &REPLAY);
    for row in timeline.rows() {
        out.row(&row)?;
    }
    out.end()
}

/// What a film is of: `session:ID`, `flow:ID`, `account:NAME`, or one of them alone, told by its form.
fn film(what: &str) -> (&'static str, &str) {
    for field in ["session", "flow", "account"] {
        if let Some(value) = what.strip_prefix(field).and_then(|w| w.strip_prefix(':')) {
            return (field, value);
        }
    }
    let session = what.strip_prefix('s').and_then(ids::parse_call);
    match session {
        Some(_) => ("session", what),
        None if ids::parse_flow(what).is_some() => ("flow", what),
        None => ("account", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::{fit, width};

    #[test]
    fn every_table_is_read_in_eighty_columns() {
        let tables: [(&str, &[Column]); 9] = [
            ("calls", &CALLS),
            ("apis", &APIS),
            ("accounts", &ACCOUNTS),
            ("sessions", &SESSIONS),
            ("findings", &FINDINGS),
            ("risks", &RISKS),
            ("flows", &FLOWS),
            ("sources", &SOURCES),
            ("replay", &REPLAY),
        ];
        for (name, columns) in tables {
            let widths: Vec<usize> = columns
                .iter()
                .map(|c| match c.field {
                    "ts" | "first" | "start" | "end" => 23,
                    "id" | "call" | "session" => 21,
                    "class" => 13,
                    "kind" => 12,
                    "level" => 5,
                    "rule" => 15,
                    "src" | "dst" => 15,
                    _ if c.right => width(c.head).max(5),
                    _ if c.max <= 14 => width(c.head).max(c.max.min(8)),
                    _ => c.max,
                })
                .collect();
            let fitted = fit(columns, &widths, 80);
            let shown: Vec<usize> = fitted.iter().flatten().copied().collect();
            let sum = shown.iter().sum::<usize>() + 2 * (shown.len() - 1);
            assert!(sum <= 80, "{name}: {sum} {fitted:?}");
            assert!(shown.len() >= 5, "{name}: {fitted:?}");
        }
    }
}
