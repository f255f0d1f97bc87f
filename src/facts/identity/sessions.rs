//! Sessions: one account's calls on one credential, from login or first use to logout, next login or a long pause.
//! In: calls in time order with account and thread, after everything that names an account has spoken. Out: the session of
//! each call that takes part. Bounds: one pass, one open session a thread, four bytes a call.

use super::resolve::Thread;
use super::{IDLE_NS, NONE};
use rustc_hash::FxHashMap;

/// A session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Session {
    /// Account.
    pub account: u32,
    /// Way of its first call.
    pub via: u8,
    /// Index of its first call.
    pub first: u32,
    /// Time of its first call.
    pub start: i64,
    /// Time of its last call.
    pub end: i64,
    /// Calls.
    pub calls: u32,
}

/// A call that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Account.
    pub account: u32,
    /// Way it is known.
    pub via: u8,
    /// Time in nanoseconds.
    pub ts: i64,
    /// What it was made with.
    pub thread: Thread,
    /// The call in whose session it stands whatever the pause between them: of a message the one that opened its socket.
    /// [`NONE`] for none.
    pub of: u32,
}

/// Cuts the calls of `order` into sessions in order of their first call; `part` says who takes part, `put` gets each call's session.
pub fn sessions(
    order: &[u32],
    part: &dyn Fn(u32) -> Option<Part>,
    put: &mut dyn FnMut(u32, u32),
) -> Vec<Session> {
    let mut out: Vec<Session> = Vec::new();
    let mut open: FxHashMap<(u32, Thread), u32> = FxHashMap::default();
    let mut given = vec![NONE; order.len()];
    for call in order {
        let Some(p) = part(*call) else { continue };
        let key = (p.account, p.thread);
        let opened = given.get(p.of as usize).copied().filter(|s| *s != NONE);
        let going = opened.or_else(|| {
            open.get(&key).copied().filter(|s| {
                out.get(*s as usize)
                    .is_some_and(|s| p.ts.saturating_sub(s.end) <= IDLE_NS)
            })
        });
        let session = match going {
            Some(s) => s,
            None => {
                let s = u32::try_from(out.len()).unwrap_or(NONE);
                out.push(Session {
                    account: p.account,
                    via: p.via,
                    first: *call,
                    start: p.ts,
                    end: p.ts,
                    calls: 0,
                });
                open.insert(key, s);
                s
            }
        };
        if let Some(s) = out.get_mut(session as usize) {
            s.end = s.end.max(p.ts);
            s.calls += 1;
        }
        if let Some(g) = given.get_mut(*call as usize) {
            *g = session;
        }
        put(*call, session);
    }
    out
}
