//! The way of one record. In: where a row of the clue stands, and the calls. Out: hops in time order, each with the hop
//! it most likely came from, and the exits. Bounds: [`crate::limits::TRACE_HOPS`] hops; links are found in quadratic
//! time over them at most.
//!
//! A hop came from an earlier one that had the data at the place it left: the answer of an inner call that the outer call
//! handed down (downstream), the request of an outer call that caused the inner one (upstream), an answer that a host
//! received before it sent (relay), an upload before a read (stored), or the same account at another address (lateral).
//! Lateral moves, and an exit from a host that never received the record, imply a hop that was not captured.

use super::evidence::{Detail, Evidence};
use super::model::{Exit, Hop, HopLocator};
use crate::detect::form::{Form, Step};
use crate::facts::inside::Inside;
use crate::query::read::time::rfc3339;
use std::net::IpAddr;

/// Clocks of two captures may differ by this much before order between them means something (nanoseconds).
const SKEW_NS: i64 = 5_000_000_000;

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
    /// Whether only a masked or hashed form was there.
    pub masked: bool,
    /// Belief.
    pub conf: f32,
    /// Offset and length of the value in the content.
    pub at: (u64, u32),
    /// Value as shown.
    pub value: Option<String>,
    /// Different values of the record there.
    pub values: u32,
    /// Row id of the call that caused this one, 0 for none.
    pub parent: i64,
}

impl Seen {
    /// When the data went: the request at its first byte, the answer at its last.
    fn ts(&self) -> i64 {
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
    fn end(&self) -> i64 {
        self.call.end_ts.unwrap_or(self.call.ts)
    }
    /// What is left of the data: 2 in clear, 1 masked, 0 a digest.
    fn worth(&self) -> u8 {
        if self
            .form
            .steps()
            .any(|s| s.one_way() && s != Step::Mask && s != Step::Last4)
        {
            0
        } else if self.masked {
            1
        } else {
            2
        }
    }
}

/// How well `i` explains where `j` had the data from, and how it is called; `None` where it cannot.
fn link(i: &Seen, j: &Seen, service: &dyn Fn(i64) -> bool) -> Option<(i32, &'static str)> {
    if i.worth() < j.worth() || (i.call.id == j.call.id && i.resp == j.resp) {
        return None;
    }
    let slack = if i.call.source == j.call.source {
        0
    } else {
        SKEW_NS
    };
    if i.ts() > j.ts().saturating_add(slack) {
        return None;
    }
    let meets = i.to().is_some() && i.to() == j.from();
    let same_call = i.call.id == j.call.id;
    match (i.resp, j.resp) {
        (true, true) if i.parent == j.call.id => Some((100, "downstream")),
        (false, false) if j.parent == i.call.id => Some((100, "upstream")),
        // What a server echoes came with the request itself.
        (false, true) if same_call => Some((90, "stored")),
        (true, true) if meets => {
            let nested = i.ts() >= j.call.ts - slack;
            Some((if nested { 80 } else { 40 }, "downstream"))
        }
        (false, false) if meets => {
            let nested = j.ts() <= i.end() + slack;
            Some((if nested { 80 } else { 40 }, "upstream"))
        }
        (true, false) if meets => Some((60, "relay")),
        (false, true) if meets => Some((50, "stored")),
        (true, false)
            if i.call.account != 0
                && i.call.account == j.call.account
                && !service(i.call.account) =>
        {
            Some((30, "lateral"))
        }
        _ => None,
    }
}

/// Puts sightings in order, links them and names the exits. `limit`: hops at most; more are counted in the last value.
pub fn build(
    e: &Evidence<'_>,
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
    // For each sighting its best source and two runners-up.
    let mut sources: Vec<Vec<(usize, &'static str)>> = Vec::with_capacity(seen.len());
    for j in &seen {
        let mut found: Vec<(i32, i64, usize, &'static str)> = seen
            .iter()
            .enumerate()
            .filter_map(|(n, i)| {
                let (score, name) = link(i, j, &service)?;
                // Of equals the latest before it.
                Some((score, i.ts().min(j.ts()), n, name))
            })
            .collect();
        found.sort_by(|a, b| (b.0, b.1, a.2).cmp(&(a.0, a.1, b.2)));
        sources.push(found.into_iter().take(3).map(|f| (f.2, f.3)).collect());
    }
    drop_cycles(&mut sources);
    let outside = |a: Option<IpAddr>| a.is_some_and(|a| !inside.has(a));
    let mut hops: Vec<Hop> = Vec::new();
    // Number of the hop of each sighting, once inferred ones stand between them.
    let mut number: Vec<u32> = vec![0; seen.len()];
    for (n, j) in seen.iter().enumerate() {
        let exit = outside(j.to());
        let own = sources.get(n).map_or(&[][..], Vec::as_slice);
        let implied = match own.first() {
            Some((i, "lateral")) => Some((*i, 0.5)),
            // An exit from a host of ours that never got the record: it came there from its last clear holder.
            None if exit && !j.resp && !outside(j.from()) => seen
                .iter()
                .take(n)
                .rposition(|i| i.worth() >= j.worth() && i.to().is_some() && !outside(i.to()))
                .map(|i| (i, 0.3)),
            _ => None,
        };
        let mut via = own.first().map(|(i, _)| *i);
        let mut link_name = own.first().map_or("origin", |(_, l)| *l);
        if let Some((i, conf)) = implied
            && let Some(holder) = seen.get(i)
            && holder.to() != j.from()
        {
            hops.push(Hop {
                n: hops.len() as u32 + 1,
                ts: None,
                from: holder.to().map(|a| a.to_string()),
                to: j.from().map(|a| a.to_string()),
                api: None,
                account: None,
                dir: "req",
                place: String::new(),
                form: j.form.name(),
                masked: j.masked,
                conf,
                inferred: true,
                call: None,
                locator: None,
                value: None,
                values: j.values,
                via: number.get(i).copied(),
                link: "lateral",
                runners_up: Vec::new(),
                exit: false,
                call_rowid: None,
                ts_ns: None,
            });
            via = None;
            link_name = "relay";
        }
        let inferred_before = hops.last().filter(|h| h.inferred).map(|h| h.n);
        let id = hops.len() as u32 + 1;
        if let Some(x) = number.get_mut(n) {
            *x = id;
        }
        hops.push(Hop {
            n: id,
            ts: Some(rfc3339(j.ts())),
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
            values: j.values,
            via: match via {
                // Numbers of later hops (another clock) are filled in below.
                Some(i) => Some(u32::MAX - i as u32),
                None => inferred_before.filter(|_| link_name == "relay"),
            },
            link: link_name,
            runners_up: own
                .iter()
                .skip(1)
                .map(|(i, _)| u32::MAX - *i as u32)
                .collect(),
            exit,
            call_rowid: Some(j.call.id),
            ts_ns: Some(j.ts()),
        });
    }
    let resolve = |x: u32| {
        let i = (u32::MAX - x) as usize;
        number.get(i).copied().unwrap_or(x)
    };
    for h in hops.iter_mut().filter(|h| !h.inferred) {
        h.via = h.via.map(resolve);
        h.runners_up.iter_mut().for_each(|x| *x = resolve(*x));
    }
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

/// Two captures with different clocks could each explain the other: the later link of a circle is cut.
fn drop_cycles(sources: &mut [Vec<(usize, &'static str)>]) {
    for n in 0..sources.len() {
        while let Some((up, _)) = sources.get(n).and_then(|s| s.first()).copied() {
            let mut at = Some(up);
            let mut steps = 0;
            while let Some(a) = at
                && a != n
                && steps <= sources.len()
            {
                steps += 1;
                at = sources.get(a).and_then(|s| s.first()).map(|s| s.0);
            }
            if at != Some(n) {
                break;
            }
            if let Some(s) = sources.get_mut(n) {
                s.remove(0);
            }
        }
    }
}
