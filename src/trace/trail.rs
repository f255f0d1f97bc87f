//! The way of one record. In: where a row of the clue stands, and the calls. Out: hops in time order, each with the hop
//! it most likely came from, and the exits. Bounds: [`crate::limits::TRACE_HOPS`] hops; links are found in quadratic
//! time over them at most.
//!
//! A hop came from an earlier one that had the data at the place it left: the answer of an inner call that the outer call
//! handed down (downstream), the request of an outer call that caused the inner one (upstream), what a host received before it
//! sent (relay), or before it was asked (stored), or the same account at another address (lateral). What runs inside is sure;
//! what was received earlier counts less the longer ago. One source for each hop is chosen so that all together explain most
//! ([`branch`]); others are kept as runners-up.
//!
//! Where a hop has no source, others that were not captured are implied ([`gaps`]): an answer that came in while a host was being
//! asked, by hosts that ask each other; a request that must have been sent between; what calls of this API always do.

mod between;
mod branch;
mod fed;
mod gaps;
pub mod hosts;

use super::evidence::{Detail, Evidence};
use super::model::{Exit, Hop, HopLocator};
use crate::detect::form::{Form, Step};
use crate::facts::inside::Inside;
use crate::query::read::time::rfc3339;
use gaps::{Gap, Node};
use hosts::Hosts;
use std::net::IpAddr;

/// Clocks of two captures of which nothing is known may differ by this much before order between them means something.
const SKEW_NS: i64 = 5_000_000_000;
/// Clocks that were told from calls inside calls are right to about this much.
const SET_NS: i64 = 20_000_000;
/// A call whose end was not captured may go on for this long.
const OPEN_NS: i64 = 1_000_000_000;

/// A sighting of the record in one message.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Call.
    pub call: Detail,
    /// In the answer, else in the request.
    pub resp: bool,
    /// Place of its best value.
    pub place: String,
    /// Form of that value.
    pub form: Form,
    /// All forms that values of the record have there.
    pub forms: Vec<Form>,
    /// Whether only a masked or hashed form was there.
    pub masked: bool,
    /// Belief.
    pub conf: f32,
    /// Offset and length of the value in the content.
    pub at: (u64, u32),
    /// Value as shown.
    pub value: Option<String>,
    /// Different values of the record there, as numbers.
    pub values: Vec<u32>,
    /// Row id of the call that caused this one, 0 for none.
    pub parent: i64,
    /// Content that it stands in, 0 for a head.
    pub body: i64,
    /// How much later the clock of its source says it is, and the group that the clock belongs to.
    pub clock: (i64, i64),
}

impl Seen {
    fn start(&self) -> i64 {
        self.call.ts.saturating_sub(self.clock.0)
    }
    fn end(&self) -> i64 {
        match self.call.end_ts {
            Some(t) => t.saturating_sub(self.clock.0),
            None => self.start().saturating_add(OPEN_NS),
        }
    }
    /// When the data went: the request at its first byte, the answer at its last. On the clock for all.
    fn ts(&self) -> i64 {
        match self.call.end_ts {
            Some(t) if self.resp => t.saturating_sub(self.clock.0),
            _ => self.start(),
        }
    }
    /// The same by the clock of its source.
    fn raw(&self) -> i64 {
        if self.resp {
            self.call.end_ts.unwrap_or(self.call.ts)
        } else {
            self.call.ts
        }
    }
    fn from(&self) -> Option<IpAddr> {
        if self.resp {
            self.call.dst
        } else {
            self.call.src
        }
    }
    fn to(&self) -> Option<IpAddr> {
        if self.resp {
            self.call.src
        } else {
            self.call.dst
        }
    }
    /// What is left of the data: 2 in clear, 1 masked, 0 a digest.
    pub fn worth(&self) -> u8 {
        if self.form.steps().any(Step::digest) {
            0
        } else if self.masked {
            1
        } else {
            2
        }
    }
    /// By how much the times of two sightings may be off against each other.
    fn slack(&self, other: &Seen) -> i64 {
        if self.call.source == other.call.source {
            0
        } else if self.clock.1 == other.clock.1 {
            SET_NS
        } else {
            SKEW_NS
        }
    }
    /// Whether this call ran inside another.
    fn ran_inside(&self, outer: &Seen) -> bool {
        let slack = self.slack(outer);
        self.start() >= outer.start().saturating_sub(slack)
            && self.end() <= outer.end().saturating_add(slack)
    }
    /// Whether this call began while another was open.
    fn began_inside(&self, outer: &Seen) -> bool {
        let slack = self.slack(outer);
        self.start() >= outer.start().saturating_sub(slack)
            && self.start() <= outer.end().saturating_add(slack)
    }
    /// Whether it came no later than another went.
    fn before(&self, other: &Seen) -> bool {
        self.ts() <= other.ts().saturating_add(self.slack(other))
    }
}

/// Weight of what was received `ns` ago; sure links weigh more than any of these.
fn earlier(base: i32, ns: i64) -> i32 {
    let seconds = (ns.max(0) / 1_000_000_000).saturating_add(1);
    base - 5 * i32::try_from(seconds.ilog2()).unwrap_or(0).min(5)
}
/// Links from this weight on are sure.
const SURE: i32 = 700;

/// How well `i` explains where `j` had the data from, and how it is called; `None` where it cannot.
fn link(i: &Seen, j: &Seen, service: &dyn Fn(i64) -> bool) -> Option<(i32, &'static str)> {
    if i.worth() < j.worth() || (i.call.id == j.call.id && i.resp == j.resp) || !i.before(j) {
        return None;
    }
    let meets = i.to().is_some() && i.to() == j.from();
    let same_call = i.call.id == j.call.id;
    let ago = j.ts().saturating_sub(i.ts());
    // equal contents, and values that went together
    let alike = if i.body != 0 && i.body == j.body {
        8
    } else {
        let both = j.values.iter().filter(|v| i.values.contains(v)).count();
        i32::try_from(both * 6 / j.values.len().max(1)).unwrap_or(0)
    };
    let (weight, name) = match (i.resp, j.resp) {
        (true, true) if i.parent == j.call.id => (100, "downstream"),
        (false, false) if j.parent == i.call.id => (100, "upstream"),
        // What a server echoes came with the request itself.
        (false, true) if same_call => (90, "stored"),
        (true, true) if meets && i.ran_inside(j) => (80, "downstream"),
        (false, false) if meets && j.began_inside(i) => (80, "upstream"),
        (true, true) if meets => (earlier(50, ago), "stored"),
        (false, false) if meets => (earlier(60, ago), "relay"),
        (true, false) if meets => (earlier(65, ago), "relay"),
        (false, true) if meets => (earlier(55, ago), "stored"),
        (true, false)
            if i.call.account != 0
                && i.call.account == j.call.account
                && !service(i.call.account) =>
        {
            (earlier(30, ago), "lateral")
        }
        _ => return None,
    };
    Some((weight * 10 + alike, name))
}

/// Puts sightings in order, links them and names the exits. `limit`: hops at most; more are counted in the last value.
pub fn build(
    e: &Evidence<'_>,
    hosts: &Hosts<'_>,
    mut seen: Vec<Seen>,
    inside: &Inside,
    limit: usize,
) -> (Vec<Hop>, Vec<Exit>, u64) {
    // At one time: answers from the inside out, requests from the outside in.
    let key = |s: &Seen| (s.ts(), s.resp == (s.parent == 0), s.call.id, s.resp);
    seen.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.place.cmp(&b.place)));
    let over = seen.len().saturating_sub(limit) as u64;
    seen.truncate(limit);
    let service = |a: i64| e.accounts.get(&a).is_none_or(|x| x.1 != "person");
    let mut kept = gaps::believed(hosts, &seen, &|i, j| Some(link(i, j, &service)?.0)).into_iter();
    seen.retain(|_| kept.next() != Some(false));
    let mut sources: Vec<Vec<branch::Link<&'static str>>> = seen
        .iter()
        .map(|j| {
            let links = seen.iter().enumerate();
            links
                .filter_map(|(n, i)| {
                    let (weight, name) = link(i, j, &service)?;
                    Some((weight, i.ts().min(j.ts()), n, name))
                })
                .collect()
        })
        .collect();
    branch::best(&mut sources);
    let outside = |a: Option<IpAddr>| a.is_some_and(|a| !inside.has(a));
    let nodes = gaps::fill(hosts, &seen, &sources, &outside);
    let hops = number(e, &seen, &sources, nodes, &outside);
    let exits = hops
        .iter()
        .filter(|h| h.exit)
        .map(|h| Exit {
            to: h.to.clone().unwrap_or_default(),
            ts: h.ts.clone(),
            call: h.call.clone(),
            form: h.form.clone(),
        })
        .collect();
    (hops, exits, over)
}

/// Numbers nodes in their order and writes them as hops.
fn number(
    e: &Evidence<'_>,
    seen: &[Seen],
    sources: &[Vec<branch::Link<&'static str>>],
    nodes: Vec<Node>,
    outside: &dyn Fn(Option<IpAddr>) -> bool,
) -> Vec<Hop> {
    // number of the hop of each sighting and of each gap
    let mut of_seen = vec![0u32; seen.len()];
    let mut of_gap = vec![0u32; nodes.len()];
    for (n, node) in (1u32..).zip(&nodes) {
        let slot = match node {
            Node::Seen { index, .. } => of_seen.get_mut(*index),
            Node::Gap(g) => of_gap.get_mut(g.id),
        };
        if let Some(x) = slot {
            *x = n;
        }
    }
    let at = |via: &gaps::Via| match via {
        gaps::Via::Seen(i) => of_seen.get(*i).copied(),
        gaps::Via::Gap(i) => of_gap.get(*i).copied(),
        gaps::Via::Nothing => None,
    };
    let mut hops = Vec::with_capacity(nodes.len());
    for (n, node) in (1u32..).zip(&nodes) {
        match node {
            Node::Gap(g) => hops.push(implied(n, g, at(&g.via), seen)),
            Node::Seen { index, via, link } => {
                let Some(j) = seen.get(*index) else { continue };
                let via = at(via);
                let runners_up = sources.get(*index).map_or(&[][..], Vec::as_slice);
                hops.push(Hop {
                    n,
                    ts: Some(rfc3339(j.raw())),
                    from: j.from().map(|a| a.to_string()),
                    to: j.to().map(|a| a.to_string()),
                    api: j.call.api.clone(),
                    account: e.account(j.call.account).map(str::to_owned),
                    dir: if j.resp { "resp" } else { "req" },
                    place: j.place.clone(),
                    form: j.form.name(),
                    masked: j.masked,
                    conf: (f64::from(j.conf) * 100.0).round() / 100.0,
                    inferred: false,
                    call: Some(j.call.text_id.clone()),
                    locator: Some(HopLocator {
                        source: j.call.source_name.clone(),
                        first: j.call.first,
                        last: j.call.last,
                        offset: Some(j.at.0),
                        len: Some(u64::from(j.at.1)),
                    }),
                    value: j.value.clone(),
                    values: u32::try_from(j.values.len()).unwrap_or(u32::MAX),
                    via,
                    link,
                    runners_up: runners_up
                        .iter()
                        .filter_map(|l| of_seen.get(l.2).copied())
                        .filter(|n| Some(*n) != via)
                        .take(2)
                        .collect(),
                    exit: outside(j.to()),
                    at: Some(rfc3339(j.ts())),
                    forms: j.forms.iter().map(|f| f.name()).collect(),
                    call_rowid: Some(j.call.id),
                    ts_ns: Some(j.ts()),
                });
            }
        }
    }
    hops
}

/// A hop that was not captured.
fn implied(n: u32, g: &Gap, via: Option<u32>, seen: &[Seen]) -> Hop {
    let like = seen.get(g.like);
    Hop {
        n,
        ts: None,
        from: Some(g.from.to_string()),
        to: Some(g.to.to_string()),
        api: None,
        account: None,
        dir: if g.resp { "resp" } else { "req" },
        place: String::new(),
        form: like.map(|s| s.form.name()).unwrap_or_default(),
        masked: like.is_some_and(|s| s.masked),
        conf: g.conf,
        inferred: true,
        call: None,
        locator: None,
        value: None,
        values: like.map_or(0, |s| u32::try_from(s.values.len()).unwrap_or(u32::MAX)),
        via,
        link: g.link,
        runners_up: Vec::new(),
        exit: false,
        at: None,
        forms: Vec::new(),
        call_rowid: None,
        ts_ns: None,
    }
}
