//! Indexes of the facts, built after the facts. In: a connection. Out: indexes. Bounds: facts are written whole, so their
//! indexes are dropped before and built after: sorting once is several times cheaper than keeping them.

use crate::error::Result;
use rusqlite::Connection;

/// Name and definition. The call's id is the row's: it ends every key by itself. Calls of an API, an account, a session in time order come by call id; see `call_ts` for time.
const CALLS: [(&str, &str); 6] = [
    ("fact_api", "call_fact(api_id)"),
    ("fact_account", "call_fact(account_id)"),
    (
        "fact_session",
        "call_fact(session_id) WHERE session_id IS NOT NULL",
    ),
    ("fact_level", "call_fact(level) WHERE level>0"),
    (
        "fact_parent",
        "call_fact(parent_id) WHERE parent_id IS NOT NULL",
    ),
    ("fact_joined", "call_fact(joined) WHERE joined IS NOT NULL"),
];
const RISKS: [(&str, &str); 1] = [("risk_of_call", "risk_call(call_id)")];

/// Before facts are written: drops their indexes.
pub fn drop_facts(conn: &Connection) -> Result<()> {
    for (name, _) in CALLS.iter().chain(&RISKS) {
        conn.execute_batch(&format!("DROP INDEX IF EXISTS {name}"))?;
    }
    Ok(())
}

/// After facts are written: builds their indexes and tells the query planner how the tables are filled. May run inside
/// the transaction that wrote the facts.
pub fn build_facts(conn: &Connection) -> Result<()> {
    build_calls(conn)?;
    build(conn, &RISKS)?;
    // A sample of each index is enough to choose between them, whatever the size of the case.
    conn.execute_batch("PRAGMA analysis_limit=1000; ANALYZE;")?;
    Ok(())
}

/// Those of calls alone: they may be built as soon as the facts of calls are written.
pub fn build_calls(conn: &Connection) -> Result<()> {
    build(conn, &CALLS)
}

fn build(conn: &Connection, indexes: &[(&str, &str)]) -> Result<()> {
    for (name, on) in indexes {
        conn.execute_batch(&format!("CREATE INDEX IF NOT EXISTS {name} ON {on}"))?;
    }
    Ok(())
}
