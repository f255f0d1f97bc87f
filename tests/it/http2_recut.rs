//! Recorded connections of HTTP/2 cut into other packets, shuffled and with packets missing: the same calls in every cut; with a
//! packet missing what it hit says so, and nothing that is told is wrong. Called with what http2_recorded recorded.

use crate::recut::{all, hit, others, read, told};
use crate::support::recut::{Rec, parts};
use crate::support::talk::recs;
use leaktrace::call::model::{Exchange, Message};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

/// Bytes and packets of a connection that is cut into single bytes many times.
const BYTES: usize = 24_000;
const PACKETS: usize = 120;
/// Connections taken of each server.
const EACH: usize = 2;

/// Some connections of each server, each alone, by the server's port.
fn connections(capture: &Path, ports: &Range<u16>) -> Vec<(u16, Vec<Rec>)> {
    let mut list: BTreeMap<(u16, u16), Vec<Rec>> = BTreeMap::new();
    for r in recs(std::fs::read(capture).unwrap()) {
        let Some([_, tcp, ..]) = parts(&r) else {
            continue;
        };
        let port = |at: usize| u16::from_be_bytes([r.bytes[at], r.bytes[at + 1]]);
        let (from, to) = (port(tcp), port(tcp + 2));
        let key = if ports.contains(&to) {
            (to, from)
        } else {
            (from, to)
        };
        list.entry(key).or_default().push(r);
    }
    let mut taken: BTreeMap<u16, usize> = BTreeMap::new();
    list.into_iter()
        .filter(|(_, recs)| {
            let bytes: usize = recs
                .iter()
                .filter_map(parts)
                .map(|[_, _, from, to]| to - from)
                .sum();
            (1000..BYTES).contains(&bytes) && recs.len() <= PACKETS
        })
        .filter(|((server, _), _)| {
            let n = taken.entry(*server).or_default();
            *n += 1;
            *n <= EACH
        })
        .map(|((server, _), recs)| (server, recs))
        .collect()
}

/// Method and path where they are known, and the body of the answer where all of it is here.
type Known = (Option<Vec<u8>>, Option<Vec<u8>>);

fn known(x: &Exchange) -> Known {
    let path = x.request.as_ref().and_then(Message::target);
    let body = x.response.as_ref().filter(|m| {
        let whole = m.body.complete && m.body.gaps.is_empty();
        whole && !hit(x)
    });
    (
        path.filter(|p| !p.is_empty()).map(<[u8]>::to_vec),
        body.map(|m| m.body.bytes.clone()),
    )
}

/// What is wrong with the calls that are read when each packet is missing in turn.
pub fn losses(recs: &[Rec]) -> Vec<String> {
    let whole = read(recs);
    let mut expected: BTreeMap<String, usize> = BTreeMap::new();
    for x in &whole {
        *expected.entry(told(x)).or_default() += 1;
    }
    let truth: BTreeSet<Known> = whole.iter().map(known).collect();
    let paths: BTreeSet<_> = truth.iter().map(|k| k.0.clone()).collect();
    let mut wrong = Vec::new();
    for lost in 0..recs.len() {
        let mut less = recs.to_vec();
        less.remove(lost);
        let found = read(&less);
        let mut left = expected.clone();
        for x in &found {
            let text = told(x);
            let same = left.get_mut(&text).filter(|n| **n > 0).map(|n| *n -= 1);
            if same.is_none() && !hit(x) {
                wrong.push(format!("packet {lost}: changed and not flagged: {text}"));
            }
            let k = known(x);
            if k.0.is_some() && !paths.contains(&k.0)
                || k.1.is_some() && k.0.is_some() && !truth.contains(&k)
            {
                wrong.push(format!("packet {lost}: not what was said: {text}"));
            }
        }
        // a packet may hold a few heads; of all others there is something
        if found.len() + 3 < whole.len() {
            wrong.push(format!(
                "packet {lost}: {} calls of {}",
                found.len(),
                whole.len()
            ));
        }
    }
    wrong
}

/// Connections that were looked at, by the server's port.
pub fn holds(capture: &Path, ports: Range<u16>) -> BTreeMap<u16, usize> {
    let mut n = BTreeMap::new();
    let mut wrong = Vec::new();
    for (server, recs) in connections(capture, &ports) {
        let expected = all(&recs);
        if expected.is_empty() {
            continue;
        }
        *n.entry(server).or_default() += 1;
        for (how, cut) in others(&recs) {
            let found = all(&cut);
            if found != expected {
                let lost: Vec<_> = expected.iter().filter(|c| !found.contains(c)).collect();
                let more: Vec<_> = found.iter().filter(|c| !expected.contains(c)).collect();
                wrong.push(format!("{server}: {how}: lost {lost:#?}, more {more:#?}"));
            }
        }
        wrong.extend(losses(&recs).into_iter().map(|w| format!("{server}: {w}")));
    }
    let shown: Vec<&String> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} wrong: {shown:#?}", wrong.len());
    n
}
