//! Calls as the steps of a film. In: call rows in time order, and for each the people whose data it returned.
//! Out: steps with gaps, lanes of hosts, running totals, differences, folds of like calls. Bounds: one pass; a few
//! numbers a call are kept beside the row.

use crate::query::read::compare::Changed;
use crate::query::rows::CallRow;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A longer gap plays as this one when gaps are folded: long enough to be felt as a pause.
pub const FOLDED_GAP_NS: i64 = 2_000_000_000;

/// A row of `leaktrace replay`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplayRow<'a> {
    /// The call.
    #[serde(flatten)]
    pub call: &'a CallRow,
    /// Microseconds from the start of the call before; `None` for the first.
    pub gap_us: Option<i64>,
    /// From 1.
    pub step: u64,
    /// What it proved itself with: kind, place and print of the credential.
    pub credential: Option<&'a str>,
    /// What differs from the call before of the same API, in target and bodies; `None` for the first, and where it was not compared.
    pub changed: Option<&'a [Changed]>,
}

/// A host of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Address; empty where only a host name is known.
    pub addr: String,
    /// Host names seen for it, in order of appearance.
    pub hosts: Vec<String>,
}

/// One call of the film.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The call.
    pub call: CallRow,
    /// Nanoseconds from the start of the call before.
    pub gap: Option<i64>,
    /// Nanoseconds since the first step.
    pub at: i64,
    /// Nanoseconds from first to last byte, where known.
    pub took: Option<i64>,
    /// Lane of the client.
    pub from: usize,
    /// Lane of the server.
    pub to: usize,
    /// Keys of the people whose records it returned; sorted, distinct.
    pub people: Vec<u64>,
    /// What it proved itself with, as it may be shown.
    pub credential: Option<String>,
    /// The step before of the same API.
    pub like: Option<usize>,
    /// What differs from it.
    pub changed: Option<Vec<Changed>>,
}

/// What had come together by the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Calls.
    pub calls: u64,
    /// Records, counted each time they came.
    pub records: u64,
    /// Distinct people.
    pub people: u64,
    /// Bytes of response bodies as they went over the wire.
    pub bytes: u64,
    /// Index of the first step of level S3 or above.
    pub first_high: Option<usize>,
}

/// What differs from the call before of the same API, or where there was none from the call before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Whether there was one of the same API.
    pub same_api: bool,
    /// Parts of the path and of the query that changed.
    pub changed: Vec<Changed>,
    /// People not seen in any step before.
    pub new_people: u64,
    /// People seen before.
    pub repeated: u64,
}

/// A run of calls to one API with one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// First step of the run.
    pub first: usize,
    /// Last step.
    pub last: usize,
}

/// Steps of a session, an account or a flow.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    steps: Vec<Step>,
    lanes: Vec<Lane>,
    totals: Vec<Totals>,
    /// Positions in the film: true to scale, and with long gaps folded.
    film: [Vec<i64>; 2],
}

fn ns(text: &str) -> Option<i64> {
    let t: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(t.as_nanosecond()).ok()
}

impl Timeline {
    /// From calls; they are put in order of time (ties by id). `people` gives the keys of the people in a call's response.
    pub fn new(mut calls: Vec<CallRow>, people: &mut dyn FnMut(&CallRow) -> Vec<u64>) -> Timeline {
        calls.sort_by_key(|c| (c.ts_ns, c.rowid));
        let mut t = Timeline::default();
        let mut lane_of: BTreeMap<String, usize> = BTreeMap::new();
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        let (mut run, mut scale, mut folded) = (Totals::default(), 0i64, 0i64);
        let start = calls.first().map_or(0, |c| c.ts_ns);
        let mut before: Option<i64> = None;
        let mut last_of: BTreeMap<String, usize> = BTreeMap::new();
        for call in calls {
            let gap = before.map(|b| call.ts_ns.saturating_sub(b));
            before = Some(call.ts_ns);
            scale = scale.saturating_add(gap.unwrap_or(0));
            folded = folded.saturating_add(gap.unwrap_or(0).min(FOLDED_GAP_NS));
            let mut lane = |addr: &Option<String>, host: Option<&String>| -> usize {
                let key = match (addr, host) {
                    (Some(a), _) => a.clone(),
                    (None, Some(h)) => format!("\u{0}{h}"),
                    (None, None) => "\u{0}".into(),
                };
                let i = *lane_of.entry(key).or_insert_with(|| {
                    t.lanes.push(Lane {
                        addr: addr.clone().unwrap_or_default(),
                        hosts: Vec::new(),
                    });
                    t.lanes.len() - 1
                });
                if let (Some(h), Some(l)) = (host, t.lanes.get_mut(i))
                    && !l.hosts.contains(h)
                {
                    l.hosts.push(h.clone());
                }
                i
            };
            let from = lane(&call.src, None);
            let to = lane(&call.dst, call.host.as_ref());
            let mut keys = people(&call);
            keys.sort_unstable();
            keys.dedup();
            seen.extend(keys.iter().copied());
            run.calls += 1;
            run.records = run.records.saturating_add(call.records.unwrap_or(0));
            run.people = seen.len() as u64;
            run.bytes = run.bytes.saturating_add(call.resp_body_len.unwrap_or(0));
            if run.first_high.is_none() && matches!(call.level, Some("S3" | "S4")) {
                run.first_high = Some(t.steps.len());
            }
            t.totals.push(run);
            t.film[0].push(scale);
            t.film[1].push(folded);
            let api = call.api.clone().unwrap_or_default();
            let like = last_of.insert(api, t.steps.len());
            t.steps.push(Step {
                credential: None,
                changed: None,
                like,
                gap,
                at: call.ts_ns.saturating_sub(start),
                took: call
                    .end_ts
                    .as_deref()
                    .and_then(ns)
                    .map(|e| e.saturating_sub(call.ts_ns)),
                from,
                to,
                people: keys,
                call,
            });
        }
        t
    }

    /// Looks up what each call proved itself with.
    pub fn with_credentials(&mut self, of: &mut dyn FnMut(&CallRow) -> Option<String>) {
        for s in &mut self.steps {
            s.credential = of(&s.call);
        }
    }
    /// Compares each call with the one before of its API: the target here, the bodies by `of`. No more than `most` of them.
    pub fn with_changes(
        &mut self,
        most: usize,
        of: &mut dyn FnMut(&CallRow, &CallRow) -> Vec<Changed>,
    ) {
        for i in 0..self.steps.len().min(most) {
            let Some(before) = self.steps.get(i).and_then(|s| self.steps.get(s.like?)) else {
                continue;
            };
            let Some(now) = self.steps.get(i) else {
                continue;
            };
            let mut all: Vec<Changed> = target(&before.call, &now.call);
            all.extend(of(&before.call, &now.call));
            if let Some(s) = self.steps.get_mut(i) {
                s.changed = Some(all);
            }
        }
    }
    /// Steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// Hosts, in order of appearance.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }
    /// Rows of the command line.
    pub fn rows(&self) -> impl Iterator<Item = ReplayRow<'_>> {
        self.steps.iter().zip(1..).map(|(s, step)| ReplayRow {
            call: &s.call,
            gap_us: s.gap.map(|g| g / 1000),
            step,
            credential: s.credential.as_deref(),
            changed: s.changed.as_deref(),
        })
    }
    /// Running totals at the end of a step.
    pub fn totals(&self, step: usize) -> Totals {
        self.totals.get(step).copied().unwrap_or_default()
    }
    /// Totals of the whole film.
    pub fn sum(&self) -> Totals {
        self.totals.last().copied().unwrap_or_default()
    }
    /// Length of the film in nanoseconds.
    pub fn film_end(&self, folded: bool) -> i64 {
        self.film[usize::from(folded)].last().copied().unwrap_or(0)
    }
    /// Position of a step in the film; of the last one for a larger step.
    pub fn film_pos(&self, step: usize, folded: bool) -> i64 {
        let f = &self.film[usize::from(folded)];
        f.get(step).or(f.last()).copied().unwrap_or(0)
    }
    /// Step that a position stands on: the last one that has begun.
    pub fn step_at(&self, pos: i64, folded: bool) -> usize {
        self.film[usize::from(folded)]
            .partition_point(|p| *p <= pos)
            .saturating_sub(1)
    }
    /// Next (or previous) step of level S3 or above from `step`, not itself.
    pub fn next_high(&self, step: usize, forward: bool) -> Option<usize> {
        let high = |i: &usize| {
            self.steps
                .get(*i)
                .is_some_and(|s| matches!(s.call.level, Some("S3" | "S4")))
        };
        if forward {
            (step.saturating_add(1)..self.steps.len()).find(high)
        } else {
            (0..step.min(self.steps.len())).rev().find(high)
        }
    }
    /// Difference of a step to the one before of the same API, else to the one before; `None` for the first.
    pub fn diff(&self, step: usize) -> Option<Diff> {
        let now = self.steps.get(step)?;
        let before = step.checked_sub(1)?;
        let old = self.steps.get(now.like.unwrap_or(before))?;
        let changed = target(&old.call, &now.call);
        let earlier = step.checked_sub(1).map_or(0, |s| self.totals(s).people);
        let new_people = self.totals(step).people - earlier;
        Some(Diff {
            same_api: now.call.api == old.call.api,
            changed,
            new_people,
            repeated: (now.people.len() as u64).saturating_sub(new_people),
        })
    }
    /// Runs of at least `least` calls with the same API, lanes and status, in order.
    pub fn folds(&self, least: usize) -> Vec<Fold> {
        let mut out = Vec::new();
        let mut first = 0;
        for i in 1..=self.steps.len() {
            let alike = match (self.steps.get(i), self.steps.get(first)) {
                (Some(a), Some(b)) => {
                    a.call.api.is_some()
                        && a.call.api == b.call.api
                        && a.call.status == b.call.status
                        && (a.from, a.to) == (b.from, b.to)
                }
                _ => false,
            };
            if !alike {
                if i - first >= least.max(2) {
                    out.push(Fold { first, last: i - 1 });
                }
                first = i;
            }
        }
        out
    }
}

/// What differs between two targets.
fn target(before: &CallRow, now: &CallRow) -> Vec<Changed> {
    let (a, b) = (params(before), params(now));
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let other = names.into_iter().filter(|n| a.get(*n) != b.get(*n));
    other
        .map(|n| Changed {
            part: if n.starts_with('/') { "path" } else { "query" },
            field: n.clone(),
            before: a.get(n).cloned(),
            now: b.get(n).cloned(),
            values: 1,
        })
        .collect()
}

/// Path segments and query parameters as they are shown in the row.
#[must_use]
pub fn params(call: &CallRow) -> BTreeMap<String, String> {
    let uri = call.uri.as_deref().unwrap_or("");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let mut out = BTreeMap::new();
    for (i, s) in path.split('/').filter(|s| !s.is_empty()).enumerate() {
        out.insert(format!("/{}", i + 1), s.to_owned());
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (k, v) = pair.split_once('=').unwrap_or((pair, ""));
        out.insert(k.to_owned(), v.to_owned());
    }
    out
}
