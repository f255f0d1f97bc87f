//! Accounts and sessions into calls. In: evidence, corrections. Out: [`Identity`], and each call's account, its parent's
//! account where it has none of its own, and its session. Bounds: linear in calls.

use super::read::Evidence;
use crate::call::model::Proto;
use crate::case::marks::Correction;
use crate::facts::calls::{CallLine, NONE};
use crate::facts::identity::{self, Account, Identity, Part, resolve};
use crate::facts::inside::address;
use std::collections::BTreeMap;

/// Confidence that is left of an account carried one call further in.
const CARRIED: f32 = 0.9;

/// Decides and notes in each call.
pub fn decide(ev: &mut Evidence, corrections: &[Correction]) -> Identity {
    for (c, i) in ev.calls.iter().zip(0u32..) {
        if c.parent != NONE {
            ev.input.caused(i, c.parent);
        }
    }
    let mut id = resolve(std::mem::take(&mut ev.input));
    take_away(ev, &mut id, corrections);
    for (c, d) in ev.calls.iter_mut().zip(&id.calls) {
        (c.account, c.conf, c.via, c.behalf, c.proof) =
            (d.account, d.conf, d.via, d.behalf, d.proof);
    }
    let nobody = |id: &Identity, a: u32| {
        id.accounts
            .get(a as usize)
            .is_none_or(|a| a.name.starts_with("unattributed@"))
    };
    // A log that knows the user of a captured call tells what the capture could not.
    for i in 0..ev.calls.len() {
        let Some(line) = ev.calls.get(i).copied() else {
            continue;
        };
        if line.joined != NONE
            && !nobody(&id, line.account)
            && let Some(call) = ev.calls.get_mut(line.joined as usize)
            && nobody(&id, call.account)
        {
            (call.account, call.conf, call.via) = (line.account, line.conf, line.via);
            call.proof = line.proof;
        }
    }
    // What a front let through as somebody's is that somebody's behind it too, and where nobody is known it is the address
    // that called the front. Chains are short; parents first.
    for _ in 0..8 {
        let mut changed = false;
        for i in 0..ev.calls.len() {
            let Some(c) = ev.calls.get(i).copied() else {
                continue;
            };
            if c.parent == NONE || !nobody(&id, c.account) {
                continue;
            }
            let Some(p) = ev.calls.get(c.parent as usize).copied() else {
                continue;
            };
            if p.account != c.account
                && let Some(c) = ev.calls.get_mut(i)
            {
                // A message of a WebSocket is no step further in: it runs on the connection of the call that opened it.
                let further = c.proto != Proto::Ws as u8;
                let left = if further { CARRIED } else { 1.0 };
                (c.account, c.conf, c.via, c.carried) = (p.account, p.conf * left, p.via, further);
                c.proof = c.parent;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    outwards(ev, &id);
    first_shown(ev, &mut id);
    rename(ev, &mut id, corrections);
    sessions(&mut ev.calls, &mut id);
    id
}

/// Least confidence in a user's name that a front itself is sure of; what clients say of themselves is below.
const FRONT: f32 = 0.9;

/// Whom a front names to those behind it is who called the front, where that call shows nobody, or only its own word for it.
fn outwards(ev: &mut Evidence, id: &Identity) {
    let header = identity::via("header");
    // Calls by the one that caused them: one that was passed on as two people's is nobody's.
    let mut told: BTreeMap<u32, Option<(u32, f32, u32)>> = BTreeMap::new();
    for (c, i) in ev.calls.iter().zip(0u32..) {
        let known = c.via == header && c.conf >= FRONT && !c.carried && c.joined == NONE;
        if c.parent != NONE && known {
            told.entry(c.parent)
                .and_modify(|t| *t = t.filter(|t| t.0 == c.account))
                .or_insert(Some((c.account, c.conf, i)));
        }
    }
    for (outer, t) in told {
        let Some((account, conf, inner)) = t else {
            continue;
        };
        let Some(c) = ev.calls.get_mut(outer as usize) else {
            continue;
        };
        let nobody = id
            .accounts
            .get(c.account as usize)
            .is_none_or(|a| a.name.starts_with("unattributed@"));
        let own_word = c.via == header && c.conf < FRONT && c.account != account;
        if (nobody || own_word) && c.status < 400 {
            (c.account, c.conf, c.via) = (account, conf * CARRIED, header);
            c.proof = inner;
        }
    }
}

/// The investigator says of a call that it is not who it seems to be: what was called on its credential is nobody's then.
fn take_away(ev: &Evidence, id: &mut Identity, corrections: &[Correction]) {
    for c in corrections.iter().filter(|c| c.kind == "account-not") {
        let target = c.target.strip_prefix("call:").unwrap_or(&c.target);
        let found = (0..ev.calls.len()).find(|i| ev.call_id(*i) == target);
        let Some((account, thread)) = found
            .and_then(|i| id.calls.get(i))
            .map(|d| (d.account, d.thread))
        else {
            continue;
        };
        for i in 0..id.calls.len() {
            let same = id
                .calls
                .get(i)
                .is_some_and(|d| d.account == account && d.thread == thread);
            if !same {
                continue;
            }
            let addr = ev
                .calls
                .get(i)
                .and_then(|c| ev.addrs.get(c.src as usize))
                .map(|a| address(*a));
            let nobody = id.unattributed(addr);
            if let Some(d) = id.calls.get_mut(i) {
                (d.account, d.conf, d.via) = (nobody, 0.1, 0);
                (d.behalf, d.proof) = (NONE, NONE);
            }
        }
    }
}

/// Says in each account's reason which call showed it first.
fn first_shown(ev: &Evidence, id: &mut Identity) {
    let mut first = vec![NONE; id.accounts.len()];
    for i in &id.order {
        if let Some(c) = ev.calls.get(*i as usize)
            && c.proof != NONE
            && let Some(f) = first.get_mut(c.account as usize)
            && *f == NONE
        {
            *f = c.proof;
        }
    }
    for (a, f) in id.accounts.iter_mut().zip(first) {
        if f != NONE {
            a.why = format!("{}; first shown by call {}", a.why, ev.call_id(f as usize));
        }
    }
}

/// Sessions are what people did: a call that another one caused for the same account is a part of that one, and a log line
/// that is a captured call is that call. Neither has a session of its own.
fn sessions(calls: &mut [CallLine], id: &mut Identity) {
    // A message of a WebSocket is an act of its own, on the thread of the call that opened it.
    let message = |c: &CallLine| c.proto == Proto::Ws as u8;
    let outer = |c: &CallLine| {
        calls
            .get(c.parent as usize)
            .filter(|o| o.account == c.account)
            .map(|o| (o, c.parent))
    };
    let part = |i: u32| {
        let c = calls.get(i as usize)?;
        let (act, at) = if message(c) {
            outer(c).unwrap_or((c, i))
        } else {
            (c, i)
        };
        (c.joined == NONE && (message(act) || outer(act).is_none())).then_some(Part {
            account: c.account,
            via: c.via,
            ts: c.ts,
            thread: id.calls.get(at as usize)?.thread,
            of: if at == i { NONE } else { at },
        })
    };
    let mut of: Vec<(u32, u32)> = Vec::with_capacity(calls.len());
    let list = identity::sessions(&id.order, &part, &mut |call, session| {
        of.push((call, session));
    });
    for (call, session) in of {
        if let Some(c) = calls.get_mut(call as usize) {
            c.session = session;
        }
    }
    id.sessions = list;
}

/// The investigator's names: an account renamed to one that exists becomes that one.
fn rename(ev: &mut Evidence, id: &mut Identity, corrections: &[Correction]) {
    let mut to: BTreeMap<u32, u32> = BTreeMap::new();
    for c in corrections
        .iter()
        .filter(|c| matches!(c.kind.as_str(), "account" | "account-name"))
    {
        let old = c.target.strip_prefix("account:").unwrap_or(&c.target);
        let new = c.v.trim();
        let find = |id: &Identity, n: &str| {
            let named = id.accounts.iter().position(|a| a.name == n);
            // Said of somebody when others of that name were there.
            named
                .or_else(|| id.accounts.iter().position(|a| a.full == n))
                .and_then(|p| u32::try_from(p).ok())
        };
        let (Some(from), false) = (find(id, old), new.is_empty() || new == old) else {
            continue;
        };
        match find(id, new) {
            Some(other) => {
                to.insert(from, other);
            }
            None => {
                if let Some(a) = id.accounts.get_mut(from as usize) {
                    *a = Account {
                        name: new.to_owned(),
                        why: format!("named by the investigator (was {old}); {}", a.why),
                        kind: if a.kind == "unattributed" {
                            "person"
                        } else {
                            a.kind
                        },
                        ..a.clone()
                    };
                }
            }
        }
    }
    let map = |mut a: u32| {
        for _ in 0..to.len() {
            match to.get(&a) {
                Some(b) => a = *b,
                None => break,
            }
        }
        a
    };
    if !to.is_empty() {
        for c in &mut ev.calls {
            c.account = map(c.account);
        }
    }
}
