//! Calls that other calls caused: gateway to backend. In: all calls. Out: `parent` of inner calls.
//! Bounds: per inner call only the outer calls that were open at its server at that moment, at most [`OPEN`] of them.
//!
//! An inner call runs inside an outer one in time, and its client is the outer's server. Among several open ones a shared
//! trace id decides, then the same target, then the same content or credential beside it, then nothing: an inner call with
//! two equally good parents has none.

use super::calls::{CallLine, NONE};
use crate::call::model::Proto;
use std::collections::{BTreeMap, BTreeSet};

/// Open outer calls looked at for one inner call: a host with more at once cannot be told apart by time anyway.
const OPEN: usize = 256;
/// Clock difference between two taps for calls that share a trace id.
const SLACK_NS: i64 = 5_000_000_000;

/// Whether a call takes part: log lines do not, nor does what is another call once more.
fn own(c: &CallLine) -> bool {
    !c.log && c.joined == NONE
}

/// Links in place.
pub fn link(calls: &mut [CallLine]) {
    let mut by_server: BTreeMap<u32, Vec<(i64, u32)>> = BTreeMap::new();
    let mut by_trace: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut clients: BTreeSet<u32> = BTreeSet::new();
    for c in calls.iter().filter(|c| own(c) && c.src != NONE) {
        clients.insert(c.src);
    }
    for (i, c) in calls.iter().enumerate() {
        let i = u32::try_from(i).unwrap_or(NONE);
        if !own(c) || c.dst == NONE || c.src == NONE {
            continue;
        }
        if c.trace != NONE {
            by_trace.entry(c.trace).or_default().push(i);
        }
        // Only a server that is a client elsewhere can be in the middle.
        if clients.contains(&c.dst) && c.src != c.dst {
            by_server.entry(c.dst).or_default().push((c.ts, i));
        }
    }
    within(calls);
    if by_server.is_empty() && by_trace.is_empty() {
        return;
    }
    let mut longest: BTreeMap<u32, i64> = BTreeMap::new();
    for (server, list) in &mut by_server {
        list.sort_unstable();
        let most = list
            .iter()
            .filter_map(|(_, i)| calls.get(*i as usize))
            .map(|c| c.last() - c.ts)
            .max()
            .unwrap_or(0);
        longest.insert(*server, most);
    }
    // a gateway that makes the id itself tells it in its log alone
    let mut told: BTreeMap<u32, u32> = BTreeMap::new();
    for line in calls.iter().filter(|c| c.log && c.trace != NONE) {
        told.entry(line.joined).or_insert(line.trace);
    }
    let mut found: Vec<(u32, u32)> = Vec::new();
    for (i, c) in calls.iter().enumerate() {
        if !own(c) || c.src == NONE || c.of != NONE || c.parent != NONE {
            continue;
        }
        let me = u32::try_from(i).unwrap_or(NONE);
        let parent = by_id(calls, &by_trace, me, c).or_else(|| {
            let list = by_server.get(&c.src)?;
            by_time(
                calls,
                list,
                longest.get(&c.src).copied().unwrap_or(0),
                me,
                c,
                &told,
            )
        });
        if let Some(p) = parent {
            found.push((me, p));
        }
    }
    for (i, p) in found {
        if let Some(c) = calls.get_mut(i as usize) {
            c.parent = p;
        }
    }
    by_others(calls, &by_server, &longest);
}

/// Rounds over what is in doubt.
const ROUNDS: usize = 4;

/// An outer call whose request and answer an inner one already has is no parent of another with the same: where it was one of several
/// that were as good, the one that is left is the parent. Only where each inner call can be one of few, and was handed on as it is.
fn by_others(
    calls: &mut [CallLine],
    by_server: &BTreeMap<u32, Vec<(i64, u32)>>,
    longest: &BTreeMap<u32, i64>,
) {
    let handed = |c: &CallLine, o: &CallLine| {
        c.target != 0
            && o.target == c.target
            && o.method == c.method
            && c.status != 0
            && o.status == c.status
            && like(c, o)
            && !(o.trace != NONE && c.trace != NONE && o.trace != c.trace)
    };
    let mut taken: BTreeSet<u32> = BTreeSet::new();
    for c in calls.iter().filter(|c| own(c) && c.parent != NONE) {
        if calls.get(c.parent as usize).is_some_and(|o| handed(c, o)) {
            taken.insert(c.parent);
        }
    }
    // who is in doubt, and between which
    let mut doubt: Vec<(u32, Vec<u32>)> = Vec::new();
    for (i, c) in calls.iter().enumerate() {
        if !own(c) || c.src == NONE || c.of != NONE || c.parent != NONE {
            continue;
        }
        let Some(list) = by_server.get(&c.src) else {
            continue;
        };
        let me = u32::try_from(i).unwrap_or(NONE);
        let from =
            c.ts.saturating_sub(longest.get(&c.src).copied().unwrap_or(0));
        let to = list.partition_point(|(ts, _)| *ts <= c.ts);
        let around = list.get(..to).unwrap_or_default().iter().rev().take(OPEN);
        let near = around.take_while(|(ts, _)| *ts >= from);
        let open = near.filter(|(_, o)| {
            calls.get(*o as usize).is_some_and(|outer| {
                *o != me
                    && outer.end != i64::MIN
                    && outer.end >= c.last()
                    && (outer.dst != c.dst || outer.dport != c.dport)
                    && handed(c, outer)
            })
        });
        let open: Vec<u32> = open.map(|(_, o)| *o).collect();
        if open.len() > 1 {
            doubt.push((me, open));
        }
    }
    for _ in 0..ROUNDS {
        // each is found in what stood before the round: no order of calls decides
        let mut left: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (me, open) in &doubt {
            let mut free = open.iter().filter(|o| !taken.contains(o));
            if let (Some(o), None) = (free.next(), free.next()) {
                left.entry(*o).or_default().push(*me);
            }
        }
        let mut some = false;
        for (o, inner) in left {
            // two that have but one place left: one of what was taken before has theirs, and nobody can tell which
            let [me] = inner.as_slice() else { continue };
            if let Some(c) = calls.get_mut(*me as usize) {
                c.parent = o;
                taken.insert(o);
                some = true;
            }
        }
        doubt.retain(|(me, _)| calls.get(*me as usize).is_some_and(|c| c.parent == NONE));
        if !some {
            break;
        }
    }
}

/// The call with the same trace id whose server this call comes from; the innermost that holds it in time.
fn by_id(
    calls: &[CallLine],
    by_trace: &BTreeMap<u32, Vec<u32>>,
    me: u32,
    c: &CallLine,
) -> Option<u32> {
    if c.trace == NONE {
        return None;
    }
    by_trace
        .get(&c.trace)?
        .iter()
        .filter(|o| **o != me)
        .filter_map(|o| Some((*o, calls.get(*o as usize)?)))
        .filter(|(_, o)| {
            let near =
                o.ts <= c.ts.saturating_add(SLACK_NS) && o.last().saturating_add(SLACK_NS) >= c.ts;
            // On one host, a proxy and its backend differ by port alone.
            let leads = o.dst == c.src
                && (o.dst != c.dst || o.dport != c.dport)
                && (o.src != c.src || o.dst == o.src);
            near && leads
                && (o.ts, o.id)
                    < (
                        c.ts.saturating_add(if o.source == c.source { 0 } else { SLACK_NS }),
                        c.id.max(o.id + 1),
                    )
        })
        .max_by_key(|(_, o)| (o.ts <= c.ts, o.ts, o.id))
        .map(|(i, _)| i)
}

/// Whether nothing that a gateway leaves as it is tells two calls of one request apart.
fn like(c: &CallLine, o: &CallLine) -> bool {
    let same = |x: i64, y: i64| x == 0 || y == 0 || x == y;
    (c.status == 0 || o.status == 0 || c.status == o.status)
        && (c.ua == 0 || o.ua == 0 || c.ua == o.ua)
        && same(c.req_body, o.req_body)
        && same(c.resp_body, o.resp_body)
}

fn by_time(
    calls: &[CallLine],
    list: &[(i64, u32)],
    longest: i64,
    me: u32,
    c: &CallLine,
    told: &BTreeMap<u32, u32>,
) -> Option<u32> {
    let to = list.partition_point(|(ts, _)| *ts <= c.ts);
    let mut open: Vec<(u32, &CallLine)> = Vec::new();
    for (ts, o) in list.get(..to)?.iter().rev().take(OPEN) {
        if *ts < c.ts.saturating_sub(longest) {
            break;
        }
        if let Some(outer) = calls.get(*o as usize)
            && *o != me
            && outer.end != i64::MIN
            && outer.end >= c.last()
            && (outer.dst != c.dst || outer.dport != c.dport)
            && !(outer.trace != NONE && c.trace != NONE && outer.trace != c.trace)
        {
            open.push((*o, outer));
        }
    }
    let only = |f: &dyn Fn(&CallLine) -> bool| {
        let mut it = open.iter().filter(|(_, o)| f(o));
        match (it.next(), it.next()) {
            (Some((i, _)), None) => Some(*i),
            _ => None,
        }
    };
    let passed_on = |o: &CallLine| c.target != 0 && o.target == c.target && o.method == c.method;
    // Bodies are one where their content is one, so what was passed on as it came is known by it.
    only(&|_| true)
        .or_else(|| only(&passed_on))
        .or_else(|| only(&|o| passed_on(o) && c.req_body != 0 && o.req_body == c.req_body))
        .or_else(|| only(&|o| passed_on(o) && c.resp_body != 0 && o.resp_body == c.resp_body))
        .or_else(|| only(&|o| c.cred != 0 && o.cred == c.cred))
        // a gateway hands on who asks with, and takes what it is answered: all of it together
        .or_else(|| only(&|o| passed_on(o) && like(c, o)))
        .or_else(|| {
            // last: lines of equal requests of a moment may have changed places
            let of = |i: u32, c: &CallLine| {
                Some(c.trace)
                    .filter(|t| *t != NONE)
                    .or(told.get(&i).copied())
            };
            let mine = of(me, c)?;
            let mut same = open.iter().filter(|(i, o)| of(*i, o) == Some(mine));
            let found = same.next().map(|(i, _)| *i);
            found.filter(|_| same.next().is_none())
        })
}

/// A call that says which call of its flow it came of (a message of a WebSocket: the upgrade) belongs to that one.
fn within(calls: &mut [CallLine]) {
    let flows: BTreeSet<i64> = calls
        .iter()
        .filter(|c| c.of != NONE && c.flow != 0)
        .map(|c| c.flow)
        .collect();
    if flows.is_empty() {
        return;
    }
    let mut place: BTreeMap<(i64, u32), u32> = BTreeMap::new();
    for (i, c) in calls.iter().enumerate() {
        if flows.contains(&c.flow) && c.proto != Proto::Ws as u8 {
            place.insert((c.flow, c.ord), u32::try_from(i).unwrap_or(NONE));
        }
    }
    // the upgrade may stand for itself at another tap than its message
    for p in place.values_mut() {
        if let Some(c) = calls.get(*p as usize).filter(|c| c.joined != NONE) {
            *p = c.joined;
        }
    }
    for c in calls.iter_mut().filter(|c| c.of != NONE && c.flow != 0) {
        if let Some(p) = place.get(&(c.flow, c.of)) {
            c.parent = *p;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: i64, from: i64, to: i64, src: u32, dst: u32) -> CallLine {
        CallLine {
            end: to,
            src,
            dst,
            dport: 80,
            target: 7,
            method: 1,
            ..CallLine::new(id, from)
        }
    }

    #[test]
    fn nested_calls_find_their_parent_and_doubtful_ones_do_not() {
        let mut c = vec![
            call(1, 0, 100, 1, 2),
            call(2, 10, 90, 2, 3),
            call(3, 20, 80, 3, 4),
            call(4, 200, 300, 1, 2),
            call(5, 201, 301, 5, 2),
            call(6, 220, 280, 2, 3), // two open at once, same target
            call(7, 400, 500, 1, 2),
            call(8, 450, 600, 2, 3), // ends after its outer
        ];
        link(&mut c);
        let p: Vec<u32> = c.iter().map(|c| c.parent).collect();
        assert_eq!(p, [NONE, 0, 1, NONE, NONE, NONE, NONE, NONE]);
        c[4].trace = 9;
        c[5].trace = 9;
        link(&mut c);
        assert_eq!(c[5].parent, 4);
        // the gateway's log alone tells the id of the other one
        c[4].trace = NONE;
        c[5].parent = NONE;
        c.push(CallLine {
            log: true,
            joined: 3,
            trace: 9,
            ..call(9, 300, 300, 1, NONE)
        });
        link(&mut c);
        assert_eq!(c[5].parent, 3);
    }

    #[test]
    fn logins_that_run_at_once_are_told_apart_by_what_they_send_or_get() {
        let mut c = vec![
            call(1, 0, 100, 1, 2),
            call(2, 1, 101, 5, 2),
            call(3, 10, 90, 2, 3),
            call(4, 11, 91, 2, 3),
        ];
        link(&mut c);
        assert_eq!((c[2].parent, c[3].parent), (NONE, NONE));
        for (outer, inner, form) in [(0, 3, 70), (1, 2, 71)] {
            (c[outer].req_body, c[inner].req_body) = (form, form);
        }
        link(&mut c);
        assert_eq!((c[2].parent, c[3].parent), (1, 0));
        for c in &mut c {
            c.parent = NONE;
            std::mem::swap(&mut c.req_body, &mut c.resp_body);
        }
        link(&mut c);
        assert_eq!((c[2].parent, c[3].parent), (1, 0));
    }

    #[test]
    fn what_is_left_when_others_have_theirs_is_the_parent() {
        // two equal requests at once: the second inner one began before the second outer one, so it is the first one's
        let mut c = vec![
            call(1, 0, 100, 1, 2),
            call(2, 20, 120, 5, 2),
            call(3, 10, 90, 2, 3),
            call(4, 30, 95, 2, 3),
        ];
        for c in &mut c {
            c.status = 200;
        }
        link(&mut c);
        assert_eq!((c[2].parent, c[3].parent), (0, 1));
        // where one was asked again after a failure, nothing is left out of what came of it
        for (c, status) in c.iter_mut().zip([200, 200, 502, 200]) {
            (c.parent, c.status) = (NONE, status);
        }
        link(&mut c);
        assert_eq!((c[2].parent, c[3].parent), (0, NONE));
    }

    #[test]
    fn all_that_a_gateway_hands_on_tells_together() {
        // neither the agent nor the answer alone tells which
        let mut c = vec![
            call(1, 0, 100, 1, 2),
            call(2, 1, 101, 5, 2),
            call(3, 2, 102, 6, 2),
            call(4, 10, 90, 2, 3),
        ];
        for (c, (ua, body)) in c.iter_mut().zip([(1, 8), (1, 9), (2, 8), (1, 8)]) {
            (c.ua, c.resp_body) = (ua, body);
        }
        link(&mut c);
        assert_eq!(c[3].parent, 0);
        // two that are alike in all stay in doubt
        (c[1].resp_body, c[3].parent) = (8, NONE);
        link(&mut c);
        assert_eq!(c[3].parent, NONE);
    }

    #[test]
    fn messages_belong_to_the_upgrade_of_their_flow() {
        let at = |id, flow, ord, of, proto: Proto| CallLine {
            flow,
            ord,
            of,
            proto: proto as u8,
            ..call(id, id, id + 1, 1, 2)
        };
        let mut c = vec![
            at(1, 7, 0, NONE, Proto::Http11),
            at(2, 7, 1, NONE, Proto::Http11),
            at(3, 7, 2, 1, Proto::Ws),
            at(4, 8, 0, NONE, Proto::Http11),
            at(5, 8, 1, 0, Proto::Ws),
            at(6, 8, 2, 9, Proto::Ws), // its parent was not written
        ];
        link(&mut c);
        let p: Vec<u32> = c.iter().map(|c| c.parent).collect();
        assert_eq!(p, [NONE, NONE, 1, NONE, 3, NONE]);
        assert!(!c[2].inner(&c), "a message is no step further in");
        c[1].parent = 3;
        assert!(c[2].inner(&c), "unless its upgrade is");
    }
}
