//! Sessions in which one person stands for another: an administrator looks at a service as one of its users. In: lives of
//! credentials, what answers say. Out: for whom an interval's owner stands, and which names of profiles are the owner's own.
//! Bounds: linear in intervals and answers.
//!
//! The session's profile then names the other one. Taken for the owner's it would make two people one, so a name that
//! contradicts the owner's profile joins nobody: it is whom the owner stands for.

use super::NONE;
use super::input::{Ev, Input};
use super::intervals::{How, Lives};
use super::told::agreed;
use rustc_hash::{FxHashMap, FxHashSet};

/// From this call on a session stands for `to`; [`NONE`] ends it. What the call handed out goes on so, else what it showed.
pub fn begin(input: &Input, call: u32, to: u32, mine: &[u32], l: &mut Lives) {
    let Some(row) = input.rows.get(call as usize) else {
        return;
    };
    let handed: Vec<u64> = input
        .events_of(row)
        .iter()
        .filter_map(|e| match *e {
            Ev::Renewed { issued } => Some(input.issued_of(issued)),
            _ => None,
        })
        .flatten()
        .filter(|i| !i.maybe && !i.weak)
        .map(|i| i.print)
        .collect();
    let shown = mine
        .iter()
        .filter_map(|id| l.list.get(*id as usize))
        .filter(|iv| iv.strong && !iv.service)
        .map(|iv| iv.print);
    let prints: Vec<u64> = if handed.is_empty() {
        shown.collect()
    } else {
        handed
    };
    let own = mine.iter().copied().find(|id| {
        l.list
            .get(*id as usize)
            .is_some_and(|iv| iv.strong && !iv.service)
    });
    for print in prints {
        let Some(old) = l.current.get(&print).copied().or(own) else {
            continue;
        };
        let Some(was) = l.list.get(old as usize).copied() else {
            continue;
        };
        let id = l.open(print);
        if let Some(iv) = l.get(id) {
            (iv.kind, iv.strong, iv.cookie) = (was.kind, was.strong, was.cookie);
            (iv.parent, iv.session, iv.proof) = (old, old, call);
            (iv.after_logout, iv.behalf) = (was.after_logout, to);
        }
    }
}

/// How a name is written: two names of one person in one service differ in this, or they are one person's of two services.
fn written(text: &str) -> u8 {
    if text.contains('@') {
        0
    } else if text.bytes().all(|b| b.is_ascii_digit()) {
        1
    } else {
        2
    }
}

/// Where a profile named somebody.
#[derive(Debug, Clone, Copy)]
struct Told {
    interval: u32,
    name: u32,
    owner: u32,
    /// Number of the place that answered.
    place: u32,
    /// Whether the interval is the login's own, not one that followed from it.
    first: bool,
}

fn told(l: &Lives, input: &Input) -> Vec<Told> {
    agreed(l)
        .iter()
        .filter_map(|(id, name, call)| {
            let iv = l.list.get(*id as usize)?;
            let known = matches!(iv.how, How::Login | How::Itself | How::Renewed);
            (iv.owner != NONE && known && !iv.service).then(|| Told {
                interval: *id,
                name: *name,
                owner: iv.owner,
                place: input.rows.get(*call as usize).map_or(NONE, |r| r.path),
                first: iv.how != How::Renewed,
            })
        })
        .collect()
}

/// Those of what profiles said that contradict what the owner's own session was told, or where nobody knows which is right;
/// true where it is known that the session stands for that name.
fn contradictions(told: &[Told], l: &Lives, input: &Input) -> Vec<(Told, bool)> {
    let kind = |name: u32| {
        let name = input.names.list.get(name as usize);
        name.map_or(2, |n| written(&n.text))
    };
    // Two names that people log in with, written alike, are two people.
    let comes_in: FxHashSet<u32> = l
        .list
        .iter()
        .filter(|iv| matches!(iv.how, How::Login | How::Itself))
        .map(|iv| iv.owner)
        .collect();
    let mut own: FxHashMap<(u32, u8), FxHashSet<u32>> = FxHashMap::default();
    let mut at: FxHashMap<(u32, u32, bool), FxHashSet<u32>> = FxHashMap::default();
    for t in told {
        if t.first {
            own.entry((t.owner, kind(t.name)))
                .or_default()
                .insert(t.name);
        }
        at.entry((t.owner, t.place, t.first))
            .or_default()
            .insert(t.name);
    }
    let mut out = Vec::new();
    for t in told.iter().filter(|t| t.name != t.owner) {
        let mine = own.get(&(t.owner, kind(t.name)));
        let several = at
            .get(&(t.owner, t.place, t.first))
            .is_some_and(|n| n.len() > 1);
        let two = comes_in.contains(&t.name) && kind(t.name) == kind(t.owner);
        if t.first {
            if two || several {
                out.push((*t, false));
            }
        } else if mine.is_some_and(|n| !n.contains(&t.name)) || two {
            out.push((*t, true));
        } else if several && mine.is_none() {
            out.push((*t, false));
        }
    }
    out
}

/// Notes for whom sessions stand whose profile is not their owner's.
pub fn found(l: &mut Lives, input: &Input) {
    let against = contradictions(&told(l, input), l, input);
    for (t, _) in against.iter().filter(|(_, known)| *known) {
        if let Some(iv) = l.get(t.interval) {
            iv.behalf = t.name;
        }
    }
}

/// Profile names against the owners that logins gave: pairs of (profile name, owner).
pub fn profile_links(l: &Lives, input: &Input) -> Vec<(u32, u32)> {
    let told = told(l, input);
    let against: FxHashSet<u32> = contradictions(&told, l, input)
        .iter()
        .map(|(t, _)| t.interval)
        .collect();
    let mut out: Vec<(u32, u32)> = told
        .iter()
        .filter(|t| t.owner != t.name)
        .filter(|t| !against.contains(&t.interval))
        .map(|t| (t.name, t.owner))
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}
