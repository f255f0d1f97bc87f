//! The messages of a WebSocket under the call that opened it. In: a call's row. Out: one object a message, in order, values
//! masked. Bounds: [`limits::SHOWN_MESSAGES`] of them; how many more there are is said.

use super::call::id_of;
use super::cx::Cx;
use super::show::body_part;
use super::time::rfc3339;
use crate::call::model::{Flags, Proto};
use crate::error::Result;
use crate::limits;
use serde_json::{Value, json};

/// Messages of the WebSocket that this call opened; empty for any other call.
pub(super) fn of_socket(cx: &Cx, id: i64) -> Result<Vec<Value>> {
    let mut stmt = cx.conn.prepare_cached(
        "SELECT c.id,c.ts,m.v,c.flags,c.req_body_id,c.resp_body_id,f.api_id FROM call_fact f JOIN call c ON c.id=f.call_id \
         LEFT JOIN term m ON m.id=c.method_id WHERE f.parent_id=?1 AND c.proto=?2 ORDER BY c.ord",
    )?;
    let mut rows = stmt.query(rusqlite::params![id, Proto::Ws as u8])?;
    let (mut out, mut more) = (Vec::new(), 0u64);
    while let Some(r) = rows.next()? {
        if out.len() >= limits::SHOWN_MESSAGES {
            more += 1;
            continue;
        }
        let (call, ts): (i64, i64) = (r.get(0)?, r.get(1)?);
        let bodies: [Option<i64>; 2] = [r.get(4)?, r.get(5)?];
        let api: Option<i64> = r.get(6)?;
        let mut body = None;
        for (dir, id) in (0u8..).zip(bodies) {
            if let Some(id) = id {
                body = body_part(cx, api, dir, id)?;
            }
        }
        out.push(json!({
            "call": id_of(cx, call)?,
            "method": r.get::<_, Option<String>>(2)?,
            "ts": rfc3339(ts),
            "flags": Flags(r.get(3)?).names(),
            "body": body,
        }));
    }
    if more > 0 {
        out.push(json!({ "more": more }));
    }
    Ok(out)
}
