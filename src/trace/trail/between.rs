//! By which hosts a record may have come where no capture has the hops: one candidate for each sighting before. In: sightings, what the
//! case knows of its hosts. Out: candidates with weights, chains of habit. Bounds: three hosts between two; [`HABITS`] steps of habit.

use super::branch::Link;
use super::hosts::Hosts;
use super::{Seen, earlier};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What implied hops are told from.
pub(super) struct Known<'a> {
    pub hosts: &'a Hosts<'a>,
    pub seen: &'a [Seen],
    /// Sightings that were handed on where they went, see [`super::gaps`].
    pub taken: Vec<bool>,
    /// Hosts that answered with the record.
    pub tellers: BTreeSet<IpAddr>,
}

impl<'a> Known<'a> {
    pub(super) fn new(hosts: &'a Hosts<'a>, seen: &'a [Seen]) -> Known<'a> {
        let answers = seen.iter().filter(|k| k.resp);
        Known {
            hosts,
            seen,
            taken: Vec::new(),
            tellers: answers.filter_map(Seen::from).collect(),
        }
    }
}

/// A way that a record came to a sighting without a sure source.
pub(super) struct Came {
    pub weight: i32,
    /// The sighting that it came from; `None` where its holder had it from somewhere unseen.
    pub from: Option<usize>,
    /// Hosts between, both ends included.
    pub way: Vec<IpAddr>,
    pub resp: bool,
    pub link: &'static str,
    pub conf: f64,
}

/// Times a call of an API is followed by habit.
const HABITS: usize = 3;

/// The last sighting before the `n`th, `j`, that brought as much to a host.
pub(super) fn latest(known: &Known<'_>, host: IpAddr, j: &Seen, n: usize) -> Option<usize> {
    known
        .seen
        .iter()
        .take(n)
        .rposition(|i| i.to() == Some(host) && i.worth() >= j.worth() && i.before(j))
}

/// How the record came from sighting `i` to `j`, by hops that were not captured.
pub(super) fn came(known: &Known<'_>, n: usize, j: &Seen, asks: bool) -> Option<Came> {
    let Known { hosts, seen, .. } = *known;
    let i = seen.get(n)?;
    let free = known.taken.get(n) != Some(&true);
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
    if !j.resp {
        // it was sent here, or fetched from there
        if let Some(way) = hosts.pushed(holder, at, true).filter(|w| w.len() == 2) {
            return made(earlier(45, ago), way, false, "relay", 0.7);
        }
        if !free || i.resp && i.parent != 0 {
            return None;
        }
        // who got it, where the proxy says so
        let told = if i.resp { client(hosts, i) } else { None };
        match told {
            Some(c) if c == at => {
                return made(earlier(60, ago), vec![holder, at], true, "relay", 0.8);
            }
            Some(_) => return None,
            None => {}
        }
        let near = hosts.fetched(holder, at).filter(|w| w.len() == 2);
        if let Some(way) = near.filter(|_| tells(known, holder)) {
            return made(earlier(42, ago), way, true, "relay", 0.7);
        }
        let way = handed(hosts, i, at)?;
        return made(earlier(42, ago), way, true, "downstream", 0.7);
    }
    // What it gave away itself does not come back in an answer. What is pushed was fetched for that.
    if (asks || i.resp && pushes(j))
        && free
        && i.from() != Some(at)
        && let Some(way) = hosts.fetched(holder, at).filter(|w| w.len() == 2)
    {
        return made(earlier(45, ago), way, true, "downstream", 0.7);
    }
    // the pairs of hosts are few, the sightings may be many
    let way = hosts.pushed(holder, at, true).filter(|w| w.len() == 2)?;
    let held = seen.iter().any(|k| {
        (k.to() == Some(at) || k.from() == Some(at)) && k.call.id != j.call.id && k.ts() < j.ts()
    });
    (!held)
        .then(|| made(earlier(40, ago), way, false, "stored", 0.6))
        .flatten()
}

/// Who stood before the host that made a call, where that is a proxy and says so. Who serves nobody may say what it likes.
pub(super) fn client(hosts: &Hosts<'_>, j: &Seen) -> Option<IpAddr> {
    let proxy = j.call.src.filter(|a| hosts.serves(*a))?;
    hosts
        .client_of(j.call.id)
        .filter(|a| *a != proxy && Some(*a) != j.call.dst)
}

/// Whether it is a message of its own, nobody asked for it.
pub(super) fn pushes(j: &Seen) -> bool {
    matches!(j.call.method.as_deref(), Some("RECV" | "SEND"))
}

/// Whether a host was ever seen to hand out such data.
fn tells(known: &Known<'_>, host: IpAddr) -> bool {
    known.tellers.contains(&host) || known.hosts.tells(host)
}

/// Hosts by which an answer that nobody was seen to get is handed on by habit, up to one that `at` asks.
fn handed(hosts: &Hosts<'_>, i: &Seen, at: IpAddr) -> Option<Vec<IpAddr>> {
    if !i.resp {
        return None;
    }
    let mut way = vec![i.to()?];
    for (_, to, _) in onward(hosts, i) {
        way.push(to);
        if hosts.fetched(to, at).is_some_and(|w| w.len() == 2) {
            way.push(at);
            return Some(way);
        }
    }
    None
}

/// A host that asks whenever it is asked, and got the record from another one before, got it from there again.
pub(super) fn again(
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
pub(super) fn habitual(hosts: &Hosts<'_>, j: &Seen) -> Vec<(IpAddr, IpAddr, f64)> {
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
pub(super) fn onward(hosts: &Hosts<'_>, j: &Seen) -> Vec<(IpAddr, IpAddr, f64)> {
    let mut out = Vec::new();
    let Some(mut at) = j.to().filter(|_| j.parent == 0) else {
        // the outer call was captured, and did not hand it on
        return out;
    };
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
