//! Takes back a load that did not end. In: a case. Out: the case as it was before that load. Bounds: one transaction;
//! rows are found by the marks that the load wrote when it began.

use crate::case::journal;
use crate::error::Result;
use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;

/// Tables that hold facts: decided again from the evidence, so they may be emptied at any time.
pub const FACT_TABLES: [&str; 8] = [
    "api",
    "field_class",
    "account",
    "session",
    "call_fact",
    "risk",
    "risk_call",
    "minute",
];

/// Removes what unfinished loads wrote; gives how many loads. Facts are emptied and marked stale, since they may have
/// counted what is gone. Only for the holder of the writer's lock: a load that runs is unfinished too.
pub fn recover(conn: &mut Connection) -> Result<usize> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let marks: Option<[i64; 7]> = tx.query_row(
        "SELECT count(*), min(call_from), min(flow_from), min(body_from), min(pack_from), min(seg_from), min(source_from), \
         min(term_from) FROM load WHERE state<>'done'",
        [],
        |r| {
            let n: i64 = r.get(0)?;
            if n == 0 {
                return Ok(None);
            }
            Ok(Some([r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?, r.get(7)?]))
        },
    )?;
    let Some([call, flow, body, pack, seg, source, term]) = marks else {
        return Ok(0);
    };
    for (sql, from) in [
        ("DELETE FROM call WHERE id>=?1", call),
        ("DELETE FROM call_at WHERE call_id>=?1", call),
        ("DELETE FROM call_of WHERE call_id>=?1", call),
        ("DELETE FROM call_at WHERE source_id>=?1", source),
        ("DELETE FROM flow WHERE id>=?1", flow),
        ("DELETE FROM body WHERE id>=?1", body),
        ("DELETE FROM pack WHERE id>=?1", pack),
        (
            "DELETE FROM text_bits WHERE id/512 IN (SELECT id FROM text_group WHERE pack_to>=?1)",
            pack,
        ),
        ("DELETE FROM text_group WHERE pack_to>=?1", pack),
        ("DELETE FROM posting WHERE seg>=?1", seg),
        ("DELETE FROM diag WHERE source_id>=?1", source),
        ("DELETE FROM source WHERE id>=?1", source),
        ("DELETE FROM term WHERE id>=?1", term),
    ] {
        tx.execute(sql, [from])?;
    }
    for table in FACT_TABLES {
        tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    let loads = tx.execute("DELETE FROM load WHERE state<>'done'", [])?;
    crate::case::info::set_stale(&tx, true)?;
    journal::append(&tx, "recover", &json!({"unfinished_loads": loads}))?;
    tx.commit()?;
    Ok(loads)
}
