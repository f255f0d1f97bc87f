//! The calls of a case as the trace needs them: who made which call, what body it carried, for whom. In: a case.
//! Out: compact rows and two indexes from bodies to calls. Bounds: about 80 bytes a call, read once for a question.

use crate::error::Result;
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;
use std::net::{IpAddr, Ipv6Addr};

/// One call.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallRef {
    /// Row id.
    pub id: i64,
    /// First byte.
    pub ts: i64,
    /// Request body; 0 for none.
    pub req: i64,
    /// Response body; 0 for none.
    pub resp: i64,
    /// Account that made it (row id); 0 where accounts are not decided yet.
    pub account: i64,
    /// Account that it was made for: that of the outermost call around it, or the one it names.
    pub behind: i64,
    /// The call that caused it; 0 for none.
    pub parent: i64,
}

/// The case's side of a question.
pub struct Evidence<'c> {
    /// The case.
    pub conn: &'c Connection,
    /// Calls by row id; log lines that a captured call stands for are left out.
    pub calls: Vec<CallRef>,
    /// (response body, index into `calls`), sorted.
    by_resp: Vec<(i64, u32)>,
    /// (request body, index into `calls`), sorted.
    by_req: Vec<(i64, u32)>,
    /// Account names and kinds by row id.
    pub accounts: FxHashMap<i64, (String, String)>,
    /// Class names by number.
    pub classes: Vec<String>,
    /// Numbers of the classes that identify a subject, as bits.
    pub strong: u64,
}

/// Classes of which one value is enough to know whose record it is; at most `limit` different ones belong to one subject.
pub fn identifies(class: &str) -> Option<u8> {
    Some(match class {
        "cn-id" | "us-ssn" => 1,
        "cn-passport" | "iban" => 2,
        "cn-mobile" | "phone" | "email" | "bank-card" | "cn-plate" => 4,
        "cn-uscc" => 2,
        _ => return None,
    })
}

impl<'c> Evidence<'c> {
    /// Reads the calls.
    pub fn load(conn: &'c Connection) -> Result<Evidence<'c>> {
        let mut classes = Vec::new();
        let mut strong = 0u64;
        let mut stmt = conn.prepare("SELECT id,name FROM class ORDER BY id")?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let (id, name): (u8, String) = (r.get(0)?, r.get(1)?);
            let id = usize::from(id);
            if id < 64 {
                if classes.len() <= id {
                    classes.resize(id + 1, String::new());
                }
                if identifies(&name).is_some() {
                    strong |= 1 << id;
                }
                classes[id] = name;
            }
        }
        let mut accounts = FxHashMap::default();
        let mut by_name: FxHashMap<String, i64> = FxHashMap::default();
        let mut stmt = conn.prepare("SELECT id,name,kind FROM account")?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let (id, name, kind): (i64, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            by_name.insert(name.clone(), id);
            accounts.insert(id, (name, kind));
        }
        let mut calls: Vec<CallRef> = Vec::new();
        let mut stmt = conn.prepare(
            "SELECT c.id,c.ts,c.req_body_id,c.resp_body_id,f.account_id,f.parent_id,f.behalf \
             FROM call c LEFT JOIN call_fact f ON f.call_id=c.id WHERE f.joined IS NULL ORDER BY c.id",
        )?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let account = r.get::<_, Option<i64>>(4)?.unwrap_or(0);
            let behalf = match r.get_ref(6)? {
                rusqlite::types::ValueRef::Text(t) => std::str::from_utf8(t)
                    .ok()
                    .and_then(|t| by_name.get(t).copied()),
                _ => None,
            };
            calls.push(CallRef {
                id: r.get(0)?,
                ts: r.get(1)?,
                req: r.get::<_, Option<i64>>(2)?.unwrap_or(0),
                resp: r.get::<_, Option<i64>>(3)?.unwrap_or(0),
                account,
                behind: behalf.unwrap_or(account),
                parent: r.get::<_, Option<i64>>(5)?.unwrap_or(0),
            });
        }
        // The account of the outermost call: a service in the middle only hands on.
        for i in 0..calls.len() {
            let mut at = i;
            for _ in 0..8 {
                match Self::position(&calls, calls[at].parent) {
                    Some(p) if p != at && calls[at].parent != 0 => at = p,
                    _ => break,
                }
            }
            if at != i {
                calls[i].behind = calls[at].behind;
            }
        }
        let index = |pick: fn(&CallRef) -> i64| {
            let mut v: Vec<(i64, u32)> = (0u32..)
                .zip(&calls)
                .filter(|(_, c)| pick(c) != 0)
                .map(|(i, c)| (pick(c), i))
                .collect();
            v.sort_unstable();
            v
        };
        Ok(Evidence {
            conn,
            by_resp: index(|c| c.resp),
            by_req: index(|c| c.req),
            calls,
            accounts,
            classes,
            strong,
        })
    }

    fn position(calls: &[CallRef], id: i64) -> Option<usize> {
        calls.binary_search_by_key(&id, |c| c.id).ok()
    }

    /// Index of a call by its row id.
    pub fn find(&self, id: i64) -> Option<u32> {
        Self::position(&self.calls, id).and_then(|i| u32::try_from(i).ok())
    }

    fn range(index: &[(i64, u32)], body: i64) -> impl Iterator<Item = u32> + '_ {
        let from = index.partition_point(|(b, _)| *b < body);
        index
            .iter()
            .skip(from)
            .take_while(move |(b, _)| *b == body)
            .map(|(_, c)| *c)
    }
    /// Calls that were answered with this body.
    pub fn answered_with(&self, body: i64) -> impl Iterator<Item = u32> + '_ {
        Self::range(&self.by_resp, body)
    }
    /// Calls that sent this body.
    pub fn sent_with(&self, body: i64) -> impl Iterator<Item = u32> + '_ {
        Self::range(&self.by_req, body)
    }
    /// (body, call) for every answer, by body.
    pub fn answers(&self) -> &[(i64, u32)] {
        &self.by_resp
    }

    /// Whom the answer of a call was delivered to: nobody of his own where an outer call's answer was captured, which
    /// tells itself what came through.
    pub fn receiver(&self, call: u32) -> Option<i64> {
        let c = self.calls.get(call as usize)?;
        if c.parent != 0
            && let Some(p) = self.find(c.parent)
            && self.calls.get(p as usize).is_some_and(|p| p.resp != 0)
        {
            return None;
        }
        (c.behind != 0).then_some(c.behind)
    }

    /// Name of an account.
    pub fn account(&self, id: i64) -> Option<&str> {
        self.accounts.get(&id).map(|a| a.0.as_str())
    }

    /// Whether a class identifies a subject.
    pub fn is_strong(&self, class: u8) -> bool {
        class < 64 && self.strong & (1 << class) != 0
    }

    /// All that a hop shows of a call.
    pub fn detail(&self, id: i64) -> Result<Option<Detail>> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT c.ts,c.end_ts,c.src,c.dst,a.name,c.unit,c.unit1,c.ord,c.source_id,s.sha256,s.name,f.account_id,m.v,h.v,c.off,c.len \
                 FROM call c JOIN source s ON s.id=c.source_id LEFT JOIN call_fact f ON f.call_id=c.id \
                 LEFT JOIN api a ON a.id=f.api_id LEFT JOIN term m ON m.id=c.method_id LEFT JOIN term h ON h.id=c.host_id WHERE c.id=?1",
            )?
            .query_row([id], |r| {
                let sha: Option<Vec<u8>> = r.get(9)?;
                let source: i64 = r.get(8)?;
                let (unit, ord): (i64, i64) = (r.get(5)?, r.get(7)?);
                Ok(Detail {
                    id,
                    ts: r.get(0)?,
                    end_ts: r.get(1)?,
                    src: r.get::<_, Option<Vec<u8>>>(2)?.and_then(|b| address(&b)),
                    dst: r.get::<_, Option<Vec<u8>>>(3)?.and_then(|b| address(&b)),
                    api: r.get(4)?,
                    text_id: crate::case::ids::call_id(
                        &crate::case::ids::source_tag(sha.as_deref(), source),
                        unit,
                        ord,
                    ),
                    source,
                    source_name: r.get(10)?,
                    first: u64::try_from(unit).unwrap_or(0),
                    last: u64::try_from(r.get::<_, i64>(6)?).unwrap_or(0),
                    account: r.get::<_, Option<i64>>(11)?.unwrap_or(0),
                    method: r.get(12)?,
                    host: r.get(13)?,
                    line: r
                        .get::<_, Option<i64>>(14)?
                        .and_then(|o| u64::try_from(o).ok()),
                })
            })
            .optional()?)
    }
}

/// A call as a hop shows it.
#[derive(Debug, Clone)]
pub struct Detail {
    /// Row id.
    pub id: i64,
    /// First byte.
    pub ts: i64,
    /// Last byte of the answer.
    pub end_ts: Option<i64>,
    /// Client.
    pub src: Option<IpAddr>,
    /// Server.
    pub dst: Option<IpAddr>,
    /// API.
    pub api: Option<String>,
    /// Id in the contract.
    pub text_id: String,
    /// Row id of the source.
    pub source: i64,
    /// Its name.
    pub source_name: String,
    /// First packet or line.
    pub first: u64,
    /// Last packet or line.
    pub last: u64,
    /// Account, 0 for none.
    pub account: i64,
    /// Method.
    pub method: Option<String>,
    /// Host as sent.
    pub host: Option<String>,
    /// Byte offset of the log line.
    pub line: Option<u64>,
}

/// An address of the case.
pub fn address(blob: &[u8]) -> Option<IpAddr> {
    let b: [u8; 16] = blob.try_into().ok()?;
    Some(Ipv6Addr::from(b).to_canonical())
}
