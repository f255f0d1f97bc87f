//! Facts from all calls together. In: the evidence tables of a case. Out: all facts tables, rewritten in one transaction.
//! Bounds: calls are held as about 200 bytes each and streamed twice; bodies' findings are streamed twice and never held.
//!
//! Order: calls are read (1), taps, entries and log lines joined and accounts decided (2), templates folded (3), columns decided (4), then
//! calls get their classes, records and levels and are written (5), masks are laid over each other and risks looked for (6), everything
//! else is written (7).

#[path = "finalise_accounts.rs"]
mod accounts;
#[path = "finalise_answers.rs"]
mod answers;
#[path = "finalise_apis.rs"]
mod apis;
#[path = "finalise_blobs.rs"]
mod blobs;
#[path = "finalise_findings.rs"]
mod findings;
#[path = "finalise_given.rs"]
pub mod given;
#[path = "finalise_masks.rs"]
mod masks;
#[path = "finalise_read.rs"]
mod read;
#[path = "finalise_sources.rs"]
mod sources;
#[path = "finalise_write.rs"]
mod write;

use crate::case::{indexes, info, marks, specs};
use crate::detect::Rules;
use crate::error::{Error, Result};
use crate::facts::calls::{CallLine, NONE};
use crate::facts::inside::Inside;
use crate::facts::{clocks as timing, join, parents, risks, taps};
pub use read::{Gathered, gather};
use rusqlite::{Connection, TransactionBehavior};

/// What a case holds after deciding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls, log lines that are captured calls left out.
    pub calls: u64,
    /// Accounts.
    pub accounts: u64,
    /// APIs.
    pub apis: u64,
    /// Accepted findings.
    pub findings: u64,
}

/// Decides all facts and writes them.
///
/// # Errors
/// What SQLite says; then the facts from before stay as they were.
pub fn run(conn: &mut Connection, rules: &Rules, inside: &Inside) -> Result<Counts> {
    run_on(conn, rules, inside, None)
}

/// The same where a load has `gathered` all calls of the case while it wrote them.
///
/// # Errors
/// As [`run`].
pub fn run_on(
    conn: &mut Connection,
    rules: &Rules,
    inside: &Inside,
    gathered: Option<Gathered>,
) -> Result<Counts> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let corrections = marks::corrections(&tx)?;
    let mut ev = read::calls(&tx, gathered)?;
    let clocks = taps::join(&mut ev.calls, &ev.keys);
    let joined = join::join(&mut ev.calls);
    ev.leave_copies();
    let timed = timing::set(&ev.calls, &clocks, &ev.rank);
    timing::shift(&mut ev.calls, &timed, false);
    parents::link(&mut ev.calls);
    timing::shift(&mut ev.calls, &timed, true);
    let people = accounts::decide(&mut ev, &corrections);
    let specs = specs::list(&tx)?;
    let apis = apis::decide(&tx, &mut ev, &people, &corrections, &specs);
    let classes = findings::classes(&tx, rules)?;
    let names_of_apis: Vec<String> = apis.list.iter().map(|a| a.name.clone()).collect();
    let columns = findings::columns(&tx, &mut ev, &classes, rules, &corrections, &names_of_apis)?;
    indexes::drop_facts(&tx)?;
    write::clear(&tx)?;
    write::clocks(&tx, &ev, &clocks, &timed)?;
    let counts = std::thread::scope(|scope| -> Result<Counts> {
        let (values, counting) = findings::count_values(scope, &columns, people.accounts.len());
        let mut rows = write::CallRows::new(&tx, &ev, &people)?;
        findings::apply(&tx, &mut ev, &classes, &columns, values, &mut rows)?;
        let masked = masks::find(&tx, &ev, &classes, &columns)?;
        let names: Vec<String> = people.accounts.iter().map(|a| a.name.clone()).collect();
        let view = risks::View {
            calls: &ev.calls,
            apis: &names_of_apis,
            accounts: &names,
            service: &people
                .accounts
                .iter()
                .map(|a| a.kind == "service")
                .collect::<Vec<_>>(),
            addrs: &ev.addrs,
            classes: &classes.names,
            levels: &classes.levels,
            inside,
            fields: &ev.terms,
            masks: &masked,
            limits: risks::Limits::default(),
        };
        // The indexes of calls need neither risks nor counts of values: all three are made at once.
        let found = std::thread::scope(|scope| {
            let found = scope.spawn(|| risks::find(&view));
            indexes::build_calls(&tx)?;
            found.join().map_err(|_| failed("looking for risks"))
        })?;
        let values = counting.join().map_err(|_| failed("counting values"))?;
        write::rest(
            &tx, &ev, &people, &apis, &classes, &columns, &values, &found,
        )
    })?;
    sources::write(&tx, &joined)?;
    indexes::build_facts(&tx)?;
    info::set_stale(&tx, false)?;
    tx.commit()?;
    Ok(counts)
}

fn failed(what: &str) -> Error {
    Error::Unreadable {
        path: "facts".into(),
        why: format!("{what} failed inside the program; what was read is in the case"),
    }
}

/// Counts of a case whose facts are decided.
///
/// # Errors
/// What SQLite says.
pub fn counts(conn: &Connection) -> Result<Counts> {
    let one = |sql: &str| -> Result<u64> {
        let n: i64 = conn.query_row(sql, [], |r| r.get(0))?;
        Ok(u64::try_from(n).unwrap_or(0))
    };
    Ok(Counts {
        calls: one("SELECT count(*) FROM call_fact WHERE joined IS NULL")?,
        accounts: one("SELECT count(*) FROM account")?,
        apis: one("SELECT count(*) FROM api WHERE calls>0")?,
        findings: one("SELECT coalesce(sum(findings),0) FROM call_fact WHERE joined IS NULL")?,
    })
}

/// Whether a call is a row of its own.
fn counts_itself(c: &CallLine) -> bool {
    c.joined == NONE
}
