//! What is said of a suspect and of the whole: evidence with its bits, and sentences. In: what [`super`] weighed. Out: [`Suspect`] and
//! [`Verdict`]. Bounds: those of [`super`].

use super::{BIT, Case, Coverage, Details, Readings, signs};
use crate::error::Result;
use crate::limits;
use crate::query::read::time::rfc3339;
use crate::trace::likelihood::{Reads, Solution, TEAM};
use crate::trace::model::{Evidence as Reason, Suspect, Verdict};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

#[allow(clippy::too_many_arguments)] // one place puts together what several parts found
pub(super) fn suspect(
    c: &Case<'_, '_>,
    r: &Readings,
    details: &mut Details<'_, '_>,
    cover: &Coverage,
    relays: &BTreeMap<i64, f64>,
    outs: &BTreeMap<i64, BTreeSet<u32>>,
    canaries: &BTreeMap<i64, (f64, String)>,
    sol: &Solution,
    reads: &Reads,
    readers: &FxHashMap<u32, u32>,
    n_accounts: usize,
    i: usize,
    account: i64,
    only: bool,
    detailed: bool,
) -> Result<Suspect> {
    let none = BTreeMap::new();
    let own = r.by.get(&account).unwrap_or(&none);
    let rows = cover.rows.get(&account).map_or(&[][..], Vec::as_slice);
    let total = if relays.contains_key(&account) {
        c.all
            .by_account
            .binary_search_by_key(&account, |x| x.0)
            .ok()
            .and_then(|i| c.all.by_account.get(i))
            .map_or(0, |x| x.1.len())
    } else {
        reads.by_account.get(i).map_or(0, Vec::len)
    } as u64;
    let exclusive: f64 = rows
        .iter()
        .map(|t| {
            (n_accounts as f64 / f64::from(readers.get(t).copied().unwrap_or(1).max(1))).log2()
        })
        .sum();
    let mut calls: Vec<(i64, u32)> = rows
        .iter()
        .filter_map(|t| own.get(t))
        .flat_map(|x| x.calls.iter().map(|k| (k.0, k.1)))
        .collect();
    calls.sort_unstable();
    calls.dedup();
    let mut apis: BTreeMap<String, u32> = BTreeMap::new();
    let mut ids = Vec::new();
    let listed = if detailed {
        limits::TRACE_CALLS
    } else {
        limits::TRACE_CALLS_FEW
    };
    for (_, call) in calls.iter().take(listed) {
        if let Some(d) = details.get(*call)? {
            if let Some(a) = &d.api {
                *apis.entry(a.clone()).or_default() += 1;
            }
            ids.push(d.text_id.clone());
        }
    }
    let mut by_use: Vec<(&String, u32)> = apis.iter().map(|(a, n)| (a, *n)).collect();
    by_use.sort_by(|x, y| y.1.cmp(&x.1).then(x.0.cmp(y.0)));
    let mut evidence = Vec::new();
    let mut say = |kind: &'static str, bits: f64, text: String| {
        evidence.push(Reason {
            kind,
            // Never "-0".
            bits: (bits * 10.0).round() / 10.0 + 0.0,
            text,
        });
    };
    // Of an account that was asked for nothing is weighed: all that is followed is its own.
    let gain = if only {
        0.0
    } else {
        sol.gain.get(i).copied().unwrap_or(0.0)
    };
    let rate = sol.rate.get(i).copied().unwrap_or(0.0);
    if let Some(share) = relays.get(&account) {
        say(
            "relay",
            -60.0,
            format!(
                "hands on: {:.0} % of these rows went on at once to the account that asked",
                share * 100.0
            ),
        );
    } else if !only {
        say(
            "likelihood",
            (gain - reads.beside.get(i).copied().unwrap_or(0.0)) / BIT,
            format!(
                "{} of the {total} records it received are in the clue; {:.1} % beyond what chance and the other suspects explain",
                sol.covered.get(i).copied().unwrap_or(0),
                rate * 100.0
            ),
        );
    }
    say(
        "coverage",
        0.0,
        format!("received {} of {} rows", rows.len(), c.clue.rows.len()),
    );
    let alone = rows.iter().filter(|t| readers.get(*t) == Some(&1)).count();
    say(
        "exclusivity",
        exclusive,
        format!("{alone} of these rows were delivered to nobody else"),
    );
    let partial = cover.partial.get(&account).copied().unwrap_or(0);
    if !c.counts("columns") {
        // left out: nothing is said of it
    } else if partial > 0 {
        say(
            "columns",
            -f64::from(partial),
            format!("{partial} rows reached it only in part or masked, and do not count"),
        );
    } else if !rows.is_empty() {
        say(
            "columns",
            0.0,
            if cover.relaxed {
                "no account received whole rows: any identifying column counts".into()
            } else {
                "received every identifying column of these rows in clear".into()
            },
        );
    }
    if let Some(n) = cover.own.get(&account) {
        say(
            "upload",
            -f64::from(*n),
            format!("{n} rows it had sent itself before it received them: they do not count"),
        );
    }
    if let Some(n) = cover.stale.get(&account) {
        say(
            "version",
            -f64::from(*n),
            format!(
                "{n} rows it received with other values than leaked, from before or after a change: they do not count"
            ),
        );
    }
    if let Some(lack) = cover.lacks.get(&account) {
        say(
            "columns",
            -60.0,
            format!(
                "never received {} that leaked: it is excluded",
                lack.join(", ")
            ),
        );
    }
    let (positions, span) = signs::received(r, cover, account);
    if let Some((a, z)) = span.filter(|_| positions.len() >= 5) {
        let burst = sol.burst.get(i).copied().unwrap_or(0.0) / BIT;
        let span = within(z.saturating_sub(a));
        let part = sol.stretch.get(i).copied().unwrap_or(0);
        let picked = sol.picked.get(i).copied().flatten().filter(|_| !only);
        let label = picked.and_then(|(k, v)| {
            let l = reads.labels.get(k)?;
            Some((&l.name, l.values.get(usize::from(v).checked_sub(1)?)?))
        });
        let close = burst > 0.0 && !only && picked.is_none();
        say(
            "time",
            if close { burst } else { 0.0 },
            if close {
                format!(
                    "received them within {span}, close together: in stretches of {part} records among all {total} that it read"
                )
            } else {
                format!("received them within {span}")
            },
        );
        if let Some((name, value)) = label {
            say(
                "selection",
                burst,
                format!(
                    "picked by a property: only the {part} of its {total} records whose {name} is {value} are weighed"
                ),
            );
        }
    }
    if !only {
        for s in signs::weigh(c, r, cover, account) {
            say(s.kind, s.bits, s.text);
        }
        if let Some((bits, text)) = canaries.get(&account) {
            say("canary", *bits, text.clone());
        }
    }
    if let Some((api, n)) = by_use.first() {
        say(
            "channel",
            0.0,
            format!(
                "{n} of {} calls that delivered them went to {api}",
                ids.len()
            ),
        );
    }
    let out = outs.get(&account).map_or(0, BTreeSet::len);
    if out > 0 {
        say(
            "exit",
            reads.beside.get(i).copied().unwrap_or(0.0) / BIT
                - canaries.get(&account).map_or(0.0, |x| x.0),
            format!(
                "{out} of these rows left for an outside address from it or its host, among {} records that did",
                c.all
                    .sent_out
                    .iter()
                    .find(|x| x.0 == account)
                    .map_or(0, |x| x.1.len())
            ),
        );
    }
    if let Some((_, own, peers)) = sol.peers.iter().find(|p| p.0 == i) {
        say(
            "peers",
            -10.0,
            format!(
                "records that only its peers received leaked as often ({:.1} % against {:.1} %)",
                peers * 100.0,
                own * 100.0
            ),
        );
    }
    Ok(Suspect {
        account: c.e.account(account).unwrap_or("?").to_owned(),
        score: (gain / BIT * 10.0).round() / 10.0 + 0.0,
        covered: rows.len() as u64,
        of: c.clue.rows.len() as u64,
        read_total: total,
        exclusive_bits: (exclusive * 10.0).round() / 10.0,
        first: calls.first().map(|x| rfc3339(x.0)),
        last: calls.last().map(|x| rfc3339(x.0)),
        apis: by_use.iter().map(|x| x.0.clone()).collect(),
        evidence,
        calls: ids,
        rate,
        in_set: sol.set.contains(&i),
    })
}

pub(super) fn verdict(
    c: &Case<'_, '_>,
    r: &Readings,
    cover: &Coverage,
    sol: &Solution,
    accounts: &[i64],
    reads: &Reads,
) -> Verdict {
    let name = |i: &usize| {
        accounts
            .get(*i)
            .and_then(|a| c.e.account(*a))
            .unwrap_or("?")
            .to_owned()
    };
    let set: Vec<String> = sol.set.iter().map(name).collect();
    let ties: Vec<Vec<String>> = sol
        .ties
        .iter()
        .map(|t| t.iter().map(name).collect())
        .collect();
    let rows = c.clue.rows.len();
    let explained: BTreeSet<u32> = sol
        .set
        .iter()
        .filter_map(|i| cover.rows.get(accounts.get(*i)?))
        .flatten()
        .copied()
        .collect();
    // Above this what is left open is not what anybody received.
    const MOST: f64 = 0.5;
    let why = if r.rows_seen.is_empty() {
        "nothing of the clue was delivered to anybody in this evidence".to_owned()
    } else if !sol.left.is_empty() {
        let left: Vec<String> = sol.left.iter().take(8).map(name).collect();
        let why = if sol.left.len() >= TEAM {
            "so many at once are rather readers of what leaked where it comes from: nobody is named"
        } else if sol.explained >= MOST {
            "but so much of the clue was received by nobody that it may have left at its source: nobody is named"
        } else {
            "which leaves most to somebody who is not in this evidence: nobody is named for a part"
        };
        format!(
            "{} would explain {:.0} % of the rows that anybody received, {why}",
            left.join(", "),
            sol.explained * 100.0
        )
    } else if set.is_empty() {
        let top = sol.gain.iter().copied().fold(0.0f64, f64::max);
        let by = match &sol.by {
            Some(name) => {
                format!("; what leaked goes by {name}, whoever received it, as at its source")
            }
            None => String::new(),
        };
        format!(
            "{} of {rows} rows were seen, but no account received them more than chance explains: the best gains {:.1} bits where {:.1} are needed{by}",
            r.rows_seen.len(),
            top / BIT,
            sol.threshold / BIT
        )
    } else {
        let share = if explained.len() == rows {
            format!("all {rows} rows")
        } else {
            format!("{} of {rows} rows", explained.len())
        };
        let tie = if ties.is_empty() {
            String::new()
        } else {
            "; where accounts tie, this evidence cannot tell them apart".into()
        };
        let lack = if sol.missed >= 0.005 {
            format!(
                "; about {:.0} % of what was received seems to be in no capture, as readers like these show: leaked rows of that kind count as possibly received",
                sol.missed * 100.0
            )
        } else {
            String::new()
        };
        format!(
            "{} received {share}, {:.1} bits more than chance explains; {} accounts and {} records were weighed{lack}{tie}",
            set.join(", "),
            sol.set_gain / BIT,
            reads.by_account.iter().filter(|v| !v.is_empty()).count(),
            reads.universe
        )
    };
    Verdict {
        none: set.is_empty(),
        set,
        ties,
        confidence: (sol.confidence * 1000.0).round() / 1000.0,
        why,
    }
}

/// How long something took, in the unit that people would say.
fn within(ns: i64) -> String {
    let s = ns as f64 / 1e9;
    match s {
        s if s < 1.0 => "a second".to_owned(),
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} hours", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn spans_are_said_in_the_unit_that_fits() {
        const S: i64 = 1_000_000_000;
        for (ns, said) in [
            (0, "a second"),
            (7 * S, "7 seconds"),
            (119 * S, "119 seconds"),
            (600 * S, "10 minutes"),
            (7200 * S, "2.0 hours"),
            (3 * 86_400 * S, "3.0 days"),
        ] {
            assert_eq!(within(ns), said);
        }
    }
}
