//! Hops that the evidence implies and no capture has. In: sightings in order of time with their sources, and what the case knows
//! of its hosts. Out: all hops in order. Bounds: three hosts between two that are known; a chain of habits as long.
//!
//! A sighting without a sure source is asked, best reason first:
//! 1. While a host was being asked, an answer with the record reached a host that it asks, directly or by others: the answers
//!    between are implied. While a host was sending, a request with the record reached a host that asks it: the requests between.
//! 2. The record is at a host that asks this one with content, or that this one gets content from, some time before.
//! 3. Calls of this API cause a call to one and the same server whose answers carry such data: so did this one.
//! 4. An exit from a host of ours that never got the record: it came there from its last clear holder, nobody knows how.
//!
//! What an answer that leads nowhere was for is told by habit as well, where its outer calls all come from one client.

use super::branch::Link;
use super::hosts::Hosts;
use super::{SURE, Seen, earlier};
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

/// A way that a record came to a sighting without a sure source.
struct Came {
    weight: i32,
    /// The sighting that it came from; `None` where its holder had it from somewhere unseen.
    from: Option<usize>,
    /// Hosts between, both ends included.
    way: Vec<IpAddr>,
    resp: bool,
    link: &'static str,
    conf: f64,
}

/// Times a call of an API is followed by habit.
const HABITS: usize = 3;
/// Share of the calls of an API inside which others ran, from which on all do: captures miss many.
const ASKS: f64 = 0.5;
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
    for n in 0..seen.len() {
        let mut before = Vec::new();
        let (via, link) = source(hosts, seen, sources, outside, n, &mut gaps, &mut before);
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
        if !j.resp || outside(j.to()) || goes_on(seen, &gaps.made, n) {
            continue;
        }
        let mut via = Via::Seen(n);
        for (from, to, conf) in onward(hosts, j) {
            let g = Gap {
                id: 0,
                from,
                to,
                resp: true,
                via,
                link: "downstream",
                conf,
                like: n,
            };
            via = gaps.add(&mut whole, g);
        }
    }
    whole
}

/// What a sighting came from, and by what link; implied hops go into `before`.
fn source(
    hosts: &Hosts<'_>,
    seen: &[Seen],
    sources: &[Vec<Link<&'static str>>],
    outside: &dyn Fn(Option<IpAddr>) -> bool,
    n: usize,
    gaps: &mut Gaps,
    before: &mut Vec<Node>,
) -> (Via, &'static str) {
    let Some(j) = seen.get(n) else {
        return (Via::Nothing, "origin");
    };
    let best = sources.get(n).and_then(|s| s.first());
    let told = best.map_or((Via::Nothing, "origin"), |l| (Via::Seen(l.2), l.3));
    // a host that asks whenever it is asked did not answer from what it had
    let pushed = matches!(j.call.method.as_deref(), Some("RECV" | "SEND"));
    let asks = j.resp && !pushed && hosts.asks(j.call.id, j.from()) >= ASKS;
    let answer = |i: usize| seen.get(i).is_some_and(|s| s.resp);
    let weight = match best {
        Some(l) if asks && l.0 < SURE && answer(l.2) => l.0 - 250,
        Some(l) => l.0,
        None => 0,
    };
    if weight >= SURE {
        return told;
    }
    let came = (0..seen.len())
        .filter(|i| *i != n)
        .filter_map(|i| came(hosts, seen, i, j, asks).or_else(|| again(seen, sources, i, j, asks)))
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
        let mut via = c.from.map_or(Via::Nothing, Via::Seen);
        for w in c.way.windows(2) {
            if let [from, to] = w {
                let g = Gap {
                    id: 0,
                    from: *from,
                    to: *to,
                    resp: c.resp,
                    via,
                    link: c.link,
                    conf: c.conf,
                    like: c.from.unwrap_or(n),
                };
                via = gaps.add(before, g);
            }
        }
        let link = match (j.resp == c.resp, j.resp) {
            (true, _) => c.link,
            (false, true) => "stored",
            (false, false) => "relay",
        };
        return (via, link);
    }
    if j.resp && (best.is_none() || asks) {
        let chain = habitual(hosts, j);
        if !chain.is_empty() {
            let mut via = Via::Nothing;
            for (from, to, conf) in chain.into_iter().rev() {
                let g = Gap {
                    id: 0,
                    from,
                    to,
                    resp: true,
                    via,
                    link: if via == Via::Nothing {
                        "origin"
                    } else {
                        "downstream"
                    },
                    conf,
                    like: n,
                };
                via = gaps.add(before, g);
            }
            return (via, "downstream");
        }
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
    loop {
        let more: Vec<usize> = (0..seen.len())
            .filter(|n| kept.get(*n) == Some(&false))
            .filter(|n| {
                let Some(j) = seen.get(*n) else { return false };
                (0..seen.len())
                    .filter(|i| kept.get(*i) == Some(&true))
                    .any(|i| {
                        seen.get(i).is_some_and(|s| sure(s, j) || sure(j, s))
                            || came(hosts, seen, i, j, false).is_some_and(|c| c.weight >= SURE)
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

/// How the record came from sighting `i` to `j`, by hops that were not captured.
fn came(hosts: &Hosts<'_>, seen: &[Seen], n: usize, j: &Seen, asks: bool) -> Option<Came> {
    let i = seen.get(n)?;
    if i.worth() < j.worth() || i.call.id == j.call.id {
        return None;
    }
    let (holder, at) = (i.to()?, j.from()?);
    if holder == at {
        return None;
    }
    let longer = |way: &[IpAddr]| i32::try_from(way.len()).unwrap_or(0) * 10;
    let made = |weight: i32, way: Vec<IpAddr>, resp: bool, link, conf: f64| {
        let steps = i32::try_from(way.len()).unwrap_or(0);
        Some(Came {
            weight: weight * 10 - longer(&way),
            from: Some(n),
            way,
            resp,
            link,
            conf: conf.powi(steps - 1),
        })
    };
    // answers while it was being asked
    if j.resp && i.resp && i.ran_inside(j) && i.start() > j.start() {
        let usual = hosts
            .api(j.call.id)
            .and_then(|a| hosts.asked_by(a, at, holder));
        let way = usual.or_else(|| hosts.fetched(holder, at))?;
        return (!way.contains(&j.to()?))
            .then_some(())
            .and_then(|()| made(75, way, true, "downstream", 0.9));
    }
    // requests while it was sending
    if !j.resp && !i.resp && j.began_inside(i) && i.before(j) {
        let usual = hosts
            .api(j.call.id)
            .and_then(|a| hosts.caused_by(a, at, holder));
        let way = usual.or_else(|| hosts.pushed(holder, at, false))?;
        return (!way.contains(&i.from()?))
            .then_some(())
            .and_then(|()| made(75, way, false, "upstream", 0.9));
    }
    if !i.before(j) {
        return None;
    }
    let ago = j.ts().saturating_sub(i.ts());
    let held = seen.iter().any(|k| {
        (k.to() == Some(at) || k.from() == Some(at)) && k.call.id != j.call.id && k.ts() < j.ts()
    });
    if !j.resp {
        // it was sent here, or fetched from there
        if let Some(way) = hosts.pushed(holder, at, true).filter(|w| w.len() == 2) {
            return made(earlier(45, ago), way, false, "relay", 0.7);
        }
        let way = hosts.fetched(holder, at).filter(|w| w.len() == 2)?;
        return made(earlier(42, ago), way, true, "relay", 0.7);
    }
    // what it gave away itself does not come back in an answer
    if asks
        && i.from() != Some(at)
        && let Some(way) = hosts.fetched(holder, at).filter(|w| w.len() == 2)
    {
        return made(earlier(45, ago), way, true, "downstream", 0.7);
    }
    if !held {
        let way = hosts.pushed(holder, at, true).filter(|w| w.len() == 2)?;
        return made(earlier(40, ago), way, false, "stored", 0.6);
    }
    None
}

/// A host that asks whenever it is asked, and got the record from another one before, got it from there again.
fn again(
    seen: &[Seen],
    sources: &[Vec<Link<&'static str>>],
    n: usize,
    j: &Seen,
    asks: bool,
) -> Option<Came> {
    let i = seen.get(n)?;
    let same = asks && i.resp && i.to() == j.from() && i.before(j) && i.worth() >= j.worth();
    let way = vec![i.from()?, i.to()?];
    let ago = j.ts().saturating_sub(i.ts());
    same.then(|| Came {
        weight: earlier(44, ago) * 10 - 20,
        from: sources.get(n).and_then(|s| s.first()).map(|l| l.2),
        way,
        resp: true,
        link: "downstream",
        conf: 0.6,
    })
}

/// Where answers of calls like this one come from, the nearest first.
fn habitual(hosts: &Hosts<'_>, j: &Seen) -> Vec<(IpAddr, IpAddr, f64)> {
    let mut out = Vec::new();
    let Some(mut at) = j.from() else { return out };
    let mut api = hosts.api(j.call.id);
    while let Some(a) = api
        && out.len() < HABITS
        && let Some((from, next, share)) = hosts.habit(a).source()
        && from != at
    {
        out.push((from, at, share));
        (at, api) = (from, Some(next));
    }
    out
}

/// Where answers like this one are handed on to.
fn onward(hosts: &Hosts<'_>, j: &Seen) -> Vec<(IpAddr, IpAddr, f64)> {
    let mut out = Vec::new();
    let Some(mut at) = j.to() else { return out };
    let mut api = hosts.api(j.call.id);
    while let Some(a) = api
        && out.len() < HABITS
        && let Some((to, next, share)) = hosts.habit(a).target()
        && to != at
        // who only asks is one of many
        && hosts.serves(to)
    {
        out.push((at, to, share));
        (at, api) = (to, Some(next));
    }
    out
}
