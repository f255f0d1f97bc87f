//! Hops that the evidence implies and no capture has. In: sightings in order of time with their sources, and what the case knows
//! of its hosts. Out: all hops in order. Bounds: three hosts between two that are known; a chain of habits as long.
//!
//! A sighting without a sure source is asked, best reason first:
//! 1. While a host was being asked, an answer with the record reached a host that it asks, directly or by others: the answers
//!    between are implied. While a host was sending, a request with the record reached a host that asks it: the requests between.
//! 2. The record is at a host that asks this one with content, or that this one gets content from, some time before.
//! 3. Calls of this API cause a call to one and the same server whose answers carry such data: so did this one.
//! 4. What a client usually gets right before it makes such calls, from one server, was what it sent on.
//! 5. What usually is sent because somebody else sent it came so, from the client that a proxy names, else from nobody knows whom.
//! 6. An exit from a host of ours that never got the record: it came there from its last clear holder, nobody knows how.
//!
//! What is known to be for somebody else ([`taken`]) explains nobody's data. What an answer that leads nowhere was for is told by the
//! client that a proxy names, else by habit, where its outer calls all come from one client. What was asked for by a call that was
//! captured, and does not hold the record, is no reason for a hop.

use super::between::{Known, again, came, client, habitual, latest, onward, pushes};
use super::branch::Link;
use super::hosts::Hosts;
use super::{SURE, Seen};
use std::net::IpAddr;

/// What a hop came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// A sighting.
    Seen(usize),
    /// A hop that was not captured.
    Gap(usize),
    /// It is the first.
    Nothing,
}

/// A hop that was not captured.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub id: usize,
    pub from: IpAddr,
    pub to: IpAddr,
    pub resp: bool,
    pub via: Via,
    pub link: &'static str,
    pub conf: f64,
    /// The sighting whose form it has.
    pub like: usize,
}

/// A hop in order.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Seen {
        index: usize,
        via: Via,
        link: &'static str,
    },
    Gap(Gap),
}

/// Share of the calls of an API inside which others ran, from which on all do: captures miss many.
const ASKS: f64 = 0.5;
/// Weight of what a host received less than a second before it sent.
const FRESH: i32 = 600;
/// Belief from which on a sighting counts alone.
const SAYS: f32 = 0.7;

/// Implied hops, each once: what several hops came by is one.
#[derive(Default)]
struct Gaps {
    made: Vec<Gap>,
}

impl Gaps {
    /// The hop, made if there is none like it yet; new ones go into `order`.
    fn add(&mut self, order: &mut Vec<Node>, g: Gap) -> Via {
        let same = |k: &&Gap| {
            (k.via, k.from, k.to, k.resp) == (g.via, g.from, g.to, g.resp) && g.via != Via::Nothing
        };
        if let Some(k) = self.made.iter().find(same) {
            return Via::Gap(k.id);
        }
        let id = self.made.len();
        let g = Gap { id, ..g };
        self.made.push(g.clone());
        order.push(Node::Gap(g));
        Via::Gap(id)
    }

    /// Hops one behind the other, from what `via` is on; `link` tells by what each came.
    fn chain(
        &mut self,
        order: &mut Vec<Node>,
        hops: impl IntoIterator<Item = (IpAddr, IpAddr, f64)>,
        mut via: Via,
        (resp, like): (bool, usize),
        link: impl Fn(Via) -> &'static str,
    ) -> Via {
        for (from, to, conf) in hops {
            let g = Gap {
                id: 0,
                from,
                to,
                resp,
                via,
                link: link(via),
                conf,
                like,
            };
            via = self.add(order, g);
        }
        via
    }
}

/// Puts implied hops between the sightings.
pub(super) fn fill(
    hosts: &Hosts<'_>,
    seen: &[Seen],
    sources: &[Vec<Link<&'static str>>],
    outside: &dyn Fn(Option<IpAddr>) -> bool,
) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    let mut gaps = Gaps::default();
    let mut known = Known::new(hosts, seen);
    known.taken = taken(&known, sources);
    for n in 0..seen.len() {
        let mut before = Vec::new();
        let (via, link) = source(&known, sources, outside, n, &mut gaps, &mut before);
        out.extend(before);
        out.push(Node::Seen {
            index: n,
            via,
            link,
        });
    }
    // what leads nowhere was for somebody
    let mut whole = Vec::with_capacity(out.len());
    for node in out {
        let index = match &node {
            Node::Seen { index, .. } => Some(*index),
            Node::Gap(_) => None,
        };
        whole.push(node);
        let Some((n, j)) = index.and_then(|n| Some((n, seen.get(n)?))) else {
            continue;
        };
        if !j.resp || outside(j.to()) || known.taken.get(n) == Some(&true) {
            continue;
        }
        let told = client(hosts, j).filter(|_| j.parent == 0);
        let told = told.zip(j.to()).map(|(to, from)| (from, to, 0.8));
        if gaps.made.iter().any(|g| g.via == Via::Seen(n))
            || told.is_none() && goes_on(seen, &gaps.made, n)
        {
            continue;
        }
        let chain = match told {
            Some(one) => vec![one],
            None => onward(hosts, j),
        };
        gaps.chain(&mut whole, chain, Via::Seen(n), (true, n), |_| "downstream");
    }
    whole
}

/// Sightings of which it is known for whom they were: an answer that was handed on in the outer call's, a request that was passed on.
/// Who had the record later has it from elsewhere.
fn taken(all: &Known<'_>, sources: &[Vec<Link<&'static str>>]) -> Vec<bool> {
    let seen = all.seen;
    let mut out = vec![false; seen.len()];
    for (n, j) in seen.iter().enumerate() {
        let from = match sources.get(n).and_then(|s| s.first()) {
            Some(l) if l.0 >= SURE && !echoes(seen, l.2, j) => {
                matches!(l.3, "downstream" | "upstream").then_some(l.2)
            }
            _ => (0..seen.len())
                .filter(|i| *i != n)
                .filter_map(|i| came(all, i, j, false))
                .filter(|c| c.weight >= SURE)
                .max_by_key(|c| (c.weight, c.from))
                .and_then(|c| c.from),
        };
        if let Some(slot) = from.and_then(|i| out.get_mut(i)) {
            *slot = true;
        }
    }
    out
}

/// Whether a sighting is the request of the answer `j`.
fn echoes(seen: &[Seen], i: usize, j: &Seen) -> bool {
    j.resp
        && seen
            .get(i)
            .is_some_and(|i| !i.resp && i.call.id == j.call.id)
}

/// What a sighting came from, and by what link; implied hops go into `before`.
fn source(
    known: &Known<'_>,
    sources: &[Vec<Link<&'static str>>],
    outside: &dyn Fn(Option<IpAddr>) -> bool,
    n: usize,
    gaps: &mut Gaps,
    before: &mut Vec<Node>,
) -> (Via, &'static str) {
    let Known { hosts, seen, .. } = *known;
    let Some(j) = seen.get(n) else {
        return (Via::Nothing, "origin");
    };
    let best = sources.get(n).and_then(|s| s.first());
    let told = best.map_or((Via::Nothing, "origin"), |l| (Via::Seen(l.2), l.3));
    // a host that asks whenever it is asked did not answer from what it had
    let mut asks = j.resp && !pushes(j) && hosts.asks(j.call.id, j.from()) >= ASKS;
    // ... but for an answer that came sooner than those do
    if asks && best.is_some_and(|l| l.0 < SURE) && hosts.quick(j.call.id, j.end() - j.start()) {
        asks = false;
    }
    let answer = |i: usize| seen.get(i).is_some_and(|s| s.resp);
    let weight = match best {
        Some(l) if asks && l.0 < SURE && answer(l.2) => l.0 - 250,
        Some(l) => l.0,
        None => 0,
    };
    // What the server got while it was being asked is told before the echo of what it was asked with.
    let echo = best.is_some_and(|l| echoes(seen, l.2, j));
    if weight >= SURE && !echo {
        return told;
    }
    // what caused it was captured, and did not carry the record
    let own = !j.resp && j.parent != 0 && !seen.iter().any(|i| i.call.id == j.parent);
    if own {
        return told;
    }
    let weight = if echo { SURE - 10 } else { weight };
    let chain = if j.resp && !echo && (best.is_none() || asks) {
        habitual(hosts, j)
    } else {
        Vec::new()
    };
    // What is sent because somebody sent it, which was not captured: by whom, if the proxy says so.
    let behind = (!j.resp && j.parent == 0)
        .then(|| client(hosts, j))
        .flatten();
    // What came in within the last second was for the same cause.
    let fresh = best.is_some_and(|l| l.0 >= FRESH);
    let caused = !j.resp && !fresh && j.parent == 0 && hosts.caused(j.call.id) >= ASKS;
    // what it does whenever it is asked, rather than what it had before
    let feeder = (!j.resp && !fresh && behind.is_none() && !caused)
        .then(|| hosts.fed(j.call.id))
        .flatten()
        // ... unless just that was captured
        .filter(|s| {
            let at = best.and_then(|l| seen.get(l.2));
            !at.is_some_and(|i| i.resp && i.from() == Some(*s)) && Some(*s) != j.call.dst
        });
    let habit = !chain.is_empty() || behind.is_some() || caused || feeder.is_some();
    let weight = if habit { SURE - 10 } else { weight };
    let came = (0..seen.len())
        .filter(|i| *i != n)
        .filter_map(|i| came(known, i, j, asks).or_else(|| again(seen, sources, i, j, asks)))
        .filter(|c| c.weight > weight)
        // what came here is known to have come that way
        .filter(|c| {
            j.resp
                || !best
                    .zip(c.from)
                    .is_some_and(|(l, i)| leads_to(sources, l.2, i))
        })
        .max_by_key(|c| {
            (
                c.weight,
                c.from.and_then(|i| seen.get(i)).map(Seen::ts),
                c.from,
            )
        })
        .filter(|c| !c.from.is_some_and(|i| leads_to(sources, i, n)));
    if let Some(c) = came {
        let hops = c.way.windows(2).filter_map(|w| match w {
            [from, to] => Some((*from, *to, c.conf)),
            _ => None,
        });
        let from = c.from.map_or(Via::Nothing, Via::Seen);
        let like = (c.resp, c.from.unwrap_or(n));
        let via = gaps.chain(before, hops, from, like, |_| c.link);
        let link = match (j.resp == c.resp, j.resp) {
            (true, _) => c.link,
            (false, true) => "stored",
            (false, false) => "relay",
        };
        return (via, link);
    }
    if !chain.is_empty() {
        let hops = chain.into_iter().rev();
        let via = gaps.chain(before, hops, Via::Nothing, (true, n), |via| match via {
            Via::Nothing => "origin",
            _ => "downstream",
        });
        return (via, "downstream");
    }
    let implied = feeder
        .map(|server| (server, true))
        .or(behind.map(|client| (client, false)));
    if let Some((from, resp)) = implied
        && let Some(to) = j.from()
    {
        let had = latest(known, from, j, n);
        let (held, link, conf) = if resp {
            ("stored", "relay", 0.7)
        } else {
            ("relay", "upstream", 0.8)
        };
        let g = Gap {
            id: 0,
            from,
            to,
            resp,
            via: had.map_or(Via::Nothing, Via::Seen),
            link: if had.is_some() { held } else { "origin" },
            conf,
            like: had.filter(|_| resp).unwrap_or(n),
        };
        return (gaps.add(before, g), link);
    }
    if caused {
        return (Via::Nothing, "origin");
    }
    if best.is_none_or(|l| l.3 == "lateral") && !j.resp && !outside(j.from()) {
        let holder = match best {
            Some(l) => Some((l.2, 0.5)),
            None if outside(j.to()) => seen
                .iter()
                .take(n)
                .rposition(|i| i.worth() >= j.worth() && i.to().is_some() && !outside(i.to()))
                .map(|i| (i, 0.3)),
            None => None,
        };
        if let Some((i, conf)) = holder
            && let Some(from) = seen.get(i).and_then(Seen::to)
            && let Some(to) = j.from()
            && from != to
        {
            let g = Gap {
                id: 0,
                from,
                to,
                resp: false,
                via: Via::Seen(i),
                link: "lateral",
                conf,
                like: n,
            };
            return (gaps.add(before, g), "relay");
        }
    }
    told
}

/// Sightings that are no chance: a mask that leaves four digits fits many. One of those counts where it is linked surely with one
/// that does. Where nothing else was seen all count.
pub(super) fn believed(
    hosts: &Hosts<'_>,
    seen: &[Seen],
    link: &dyn Fn(&Seen, &Seen) -> Option<i32>,
) -> Vec<bool> {
    let mut kept: Vec<bool> = seen.iter().map(|s| s.conf >= SAYS).collect();
    if !kept.contains(&true) || !kept.contains(&false) {
        return vec![true; seen.len()];
    }
    let sure = |i: &Seen, j: &Seen| link(i, j).is_some_and(|w| w >= SURE);
    let all = Known::new(hosts, seen);
    loop {
        let more: Vec<usize> = (0..seen.len())
            .filter(|n| kept.get(*n) == Some(&false))
            .filter(|n| {
                let Some(j) = seen.get(*n) else { return false };
                (0..seen.len())
                    .filter(|i| kept.get(*i) == Some(&true))
                    .any(|i| {
                        seen.get(i).is_some_and(|s| sure(s, j) || sure(j, s))
                            || came(&all, i, j, false).is_some_and(|c| c.weight >= SURE)
                    })
            })
            .collect();
        if more.is_empty() {
            return kept;
        }
        for n in more {
            if let Some(k) = kept.get_mut(n) {
                *k = true;
            }
        }
    }
}

/// Whether following the sources from `at` comes by `n`.
fn leads_to(sources: &[Vec<Link<&'static str>>], at: usize, n: usize) -> bool {
    let mut at = Some(at);
    for _ in 0..=sources.len() {
        match at {
            Some(i) if i == n => return true,
            Some(i) => at = sources.get(i).and_then(|s| s.first()).map(|l| l.2),
            None => return false,
        }
    }
    true
}

/// Whether the host that got an answer hands something on while or after that.
fn goes_on(seen: &[Seen], gaps: &[Gap], n: usize) -> bool {
    let Some(i) = seen.get(n) else { return true };
    gaps.iter().any(|g| Some(g.from) == i.to())
        || seen
            .iter()
            .enumerate()
            .any(|(k, j)| k != n && j.from() == i.to() && i.before(j))
}
