//! Masking that differs: a class masked in one API and clear in another. In: classes in the responses of calls. Out: one risk per
//! class, which names the APIs on both sides. Bounds: linear in calls and their classes; at most [`NAMED`] APIs a side are named.
//!
//! What a call behind a gateway carried is counted with the call that caused it, where that one shows the class too: a chain of
//! four services says it once, and a gateway that masks what its backends give it in clear does what it should.

use super::{CALLS, Risk, View, severity};
use crate::facts::calls::{CallLine, NONE};
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::fmt::Write as _;

/// APIs named on each side: more is a list to look up, not a sentence.
const NAMED: usize = 6;

/// A class in the responses of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    class: u8,
    api: u32,
    clear: u64,
    masked: u64,
}

/// Classes of personal data that somebody masks and somebody else does not.
pub fn find(v: &View<'_>) -> Vec<Risk> {
    uses(v)
        .chunk_by(|a, b| a.class == b.class)
        .filter_map(|group| one(v, group))
        .collect()
}

/// Classes of personal data that count as this call's own: not those that the call which caused it shows as well.
fn own(v: &View<'_>, c: &CallLine) -> (u64, u64) {
    let behind = match v.calls.get(c.parent as usize) {
        None => 0,
        Some(p) if c.of == NONE => p.resp_clear | p.resp_masked,
        // A message runs where its socket does: of a socket behind a gateway the messages in front speak.
        Some(_) if c.inner(v.calls) => u64::MAX,
        Some(_) => 0,
    };
    let keep = v.levels.person & !behind;
    (c.resp_clear & keep, c.resp_masked & keep)
}

/// Use of classes by class and API.
fn uses(v: &View<'_>) -> Vec<Use> {
    let mut sums: FxHashMap<(u8, u32), (u64, u64)> = FxHashMap::default();
    for c in v.calls {
        if c.joined != NONE || c.api == NONE {
            continue;
        }
        let (clear, masked) = own(v, c);
        let mut bits = clear | masked;
        while bits != 0 {
            let class = u8::try_from(bits.trailing_zeros()).unwrap_or(0);
            let sum = sums.entry((class, c.api)).or_default();
            sum.0 += clear >> class & 1;
            sum.1 += masked >> class & 1;
            bits &= bits - 1;
        }
    }
    let mut out: Vec<Use> = sums
        .into_iter()
        .map(|((class, api), (clear, masked))| Use {
            class,
            api,
            clear,
            masked,
        })
        .collect();
    out.sort_unstable_by_key(|u| (u.class, u.api));
    out
}

fn one(v: &View<'_>, group: &[Use]) -> Option<Risk> {
    let class = group.first()?.class;
    let mut masked: Vec<&Use> = group
        .iter()
        .filter(|u| u.masked >= v.limits.masking_calls && u.masked > u.clear)
        .collect();
    masked.sort_by_key(|u| (Reverse(u.masked), u.api));
    let most = masked.first()?;
    let mut clear: Vec<&Use> = group
        .iter()
        .filter(|u| u.clear >= v.limits.masking_calls && u.api != most.api)
        .collect();
    clear.sort_by_key(|u| (Reverse(u.clear), u.api));
    let first = clear.first()?;
    let of = |list: &[&Use], api: u32| list.iter().any(|u| u.api == api);
    let bit = 1u64 << class;
    let (mut open, mut veiled, mut behind) = (Vec::new(), Vec::new(), 0u64);
    for (i, c) in (0u32..).zip(v.calls) {
        if c.joined != NONE || (c.resp_clear | c.resp_masked) & bit == 0 {
            continue;
        }
        let (is_clear, is_masked) = own(v, c);
        if (is_clear | is_masked) & bit == 0 {
            behind += 1;
        } else if is_clear & bit != 0 && of(&clear, c.api) {
            open.push((c.ts, i));
        } else if is_masked & bit != 0 && of(&masked, c.api) {
            veiled.push((c.ts, i));
        }
    }
    let total: u64 = clear.iter().map(|u| u.clear).sum();
    let mut why = format!("clear in {}", named(v, &clear, |u| u.clear));
    let _ = write!(why, "; masked in {}", named(v, &masked, |u| u.masked));
    if behind > 0 {
        let _ = write!(
            why,
            "; {behind} more behind {} and counted with {}",
            if behind == 1 { "one of these" } else { "these" },
            if behind == 1 { "it" } else { "them" },
        );
    }
    let level = f64::from(v.levels.of(class, false));
    let score = (25.0 + 10.0 * level + 5.0 * (total as f64).log10()).min(80.0);
    let all: Vec<u32> = open.iter().chain(&veiled).map(|(_, i)| *i).collect();
    let calls = listed(open, veiled);
    Some(Risk {
        rule: "mask-differs",
        dimension: "masking",
        severity: severity(score),
        subject: match clear.len() {
            1 => format!("{} on {}", v.class(class), v.api(first.api)),
            n => format!(
                "{} on {} and {} more",
                v.class(class),
                v.api(first.api),
                n - 1
            ),
        },
        why,
        score,
        span: v.span(&all),
        calls,
        account: NONE,
    })
}

/// "1444 calls of GET a, 100 calls of GET b and 2 more APIs".
fn named(v: &View<'_>, list: &[&Use], calls: impl Fn(&Use) -> u64) -> String {
    let mut s = list
        .iter()
        .take(NAMED)
        .map(|u| {
            let n = calls(u);
            let unit = if n == 1 { "call" } else { "calls" };
            format!("{n} {unit} of {}", v.api(u.api))
        })
        .collect::<Vec<_>>()
        .join(", ");
    if list.len() > NAMED {
        let _ = write!(s, " and {} more APIs", list.len() - NAMED);
    }
    s
}

/// The calls to open, in time order: both sides, so that one can be laid beside the other however many the other has.
fn listed(mut open: Vec<(i64, u32)>, mut veiled: Vec<(i64, u32)>) -> Vec<u32> {
    open.sort_unstable();
    veiled.sort_unstable();
    veiled.truncate((CALLS / 2).max(CALLS.saturating_sub(open.len())));
    open.truncate(CALLS - veiled.len());
    open.append(&mut veiled);
    open.sort_unstable();
    open.into_iter().map(|(_, i)| i).collect()
}
