//! Captured calls that are one exchange, captured at several taps: in another load, or by a clock so far off that reading side
//! by side did not show it. In: all calls with their TCP sequence numbers. Out: `joined` of each further one, the index of the
//! one that stands for all; how far the clocks of two sources are apart. Bounds: sorted once a direction; of calls that share
//! a number on one connection each is held against the last [`NEAR`] exchanges.
//!
//! What a client really repeats has other numbers on the connection, or another connection. So two calls are one where ports
//! and addresses, the sequence number of the request and that of the response agree, and nothing that was read says otherwise:
//! then their clocks may differ by [`SKEW_NS`], and by any constant where [`ANCHORS`] calls of the two sources agree on it. Where
//! one of them lacks a half, the time has to agree too.

use super::calls::{CallLine, NONE};
use super::identity::CallKey;
use super::join::{ANCHORS, SKEW_NS, WINDOW_NS};
use std::collections::BTreeMap;

/// Exchanges with one sequence number that a call is held against: a capture that was replayed in a loop has many.
const NEAR: usize = 64;
/// Clocks drift by less than one part in so many.
const DRIFT: i64 = 10_000;

/// What two sources have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The sources, by index.
    pub sources: (u32, u32),
    /// How much later the clock of the second one says a call was.
    pub skew: i64,
    /// Calls that stand in both.
    pub calls: u32,
}

/// Which direction's number is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Request,
    Response,
}

fn seq(c: &CallLine, half: Half) -> u32 {
    let n = match half {
        Half::Request => c.seq >> 32,
        Half::Response => c.seq & 0xffff_ffff,
    };
    u32::try_from(n).unwrap_or(0)
}

/// A place on a connection.
fn place(c: &CallLine, half: Half) -> Option<u128> {
    let n = seq(c, half);
    (n != 0 && c.captured() && c.src != NONE && c.dst != NONE).then(|| {
        u128::from(c.src) << 96
            | u128::from(c.dst) << 64
            | u128::from(c.sport) << 48
            | u128::from(c.dport) << 32
            | u128::from(n)
    })
}

/// Whether all that is known of both agrees.
fn agree(a: &CallLine, b: &CallLine) -> bool {
    let same = |x: u64, y: u64| x == 0 || y == 0 || x == y;
    a.flow != b.flow
        && same(u64::from(a.method), u64::from(b.method))
        && same(a.target, b.target)
        && same(u64::from(a.status), u64::from(b.status))
        && [Half::Request, Half::Response]
            .iter()
            .all(|h| same(u64::from(seq(a, *h)), u64::from(seq(b, *h))))
}

/// Whether both directions say that they are one.
fn certain(a: &CallLine, b: &CallLine) -> bool {
    seq(a, Half::Response) != 0 && a.seq == b.seq && a.seq >> 32 != 0
}

/// How much later `b` was than `a`, by their clocks.
fn later(a: &CallLine, b: &CallLine) -> i64 {
    // the time of a call whose request is missing is that of its response
    if (a.seq >> 32 == 0) != (b.seq >> 32 == 0) {
        b.last().saturating_sub(a.last())
    } else {
        b.ts.saturating_sub(a.ts)
    }
}

/// Offsets between the clocks of two sources.
type Offsets = (Vec<i64>, (u32, u32));

/// Calls that may be one exchange, each of another source.
type Exchange = Vec<u32>;

/// Joins in place. `keys` stand beside the calls: their order does not depend on the order of loading.
pub fn join(calls: &mut [CallLine], keys: &[CallKey]) -> Vec<Clock> {
    let mut sources = calls.iter().filter(|c| c.captured()).map(|c| c.source);
    let first = sources.next();
    if sources.all(|s| Some(s) == first) {
        return Vec::new();
    }
    let exchanges = exchanges(calls, keys);
    // the call that stands for the exchange, and the others
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for x in &exchanges {
        let best = x.iter().copied().min_by_key(|i| {
            let c = calls.get(*i as usize);
            (c.map(|c| c.holes), keys.get(*i as usize))
        });
        if let Some(best) = best {
            pairs.extend(x.iter().filter(|i| **i != best).map(|i| (best, *i)));
        }
    }
    let skews = skews(calls, keys, &pairs);
    let mut clocks: BTreeMap<(u32, u32), Offsets> = BTreeMap::new();
    for (best, other) in pairs {
        let (Some(a), Some(b)) = (calls.get(best as usize), calls.get(other as usize)) else {
            continue;
        };
        let (key, sources, off) = between(keys, (best, a), (other, b));
        if !believed(skews.get(&key), certain(a, b), off, a.ts) {
            continue;
        }
        let of = clocks.entry(key).or_insert((Vec::new(), sources));
        of.0.push(off);
        if let Some(c) = calls.get_mut(other as usize) {
            c.joined = best;
        }
    }
    clocks
        .into_values()
        .map(|(mut offs, sources)| {
            let mid = offs.len() / 2;
            Clock {
                sources,
                calls: u32::try_from(offs.len()).unwrap_or(u32::MAX),
                skew: *offs.select_nth_unstable(mid).1,
            }
        })
        .collect()
}

/// Two sources in an order of their own, and how much later the second one says that it was.
fn between(
    keys: &[CallKey],
    (i, a): (u32, &CallLine),
    (k, b): (u32, &CallLine),
) -> ((u32, u32), (u32, u32), i64) {
    let rank = |i: u32| keys.get(i as usize).map_or(0, |k| k.source);
    let off = later(a, b);
    if rank(i) <= rank(k) {
        ((rank(i), rank(k)), (a.source, b.source), off)
    } else {
        (
            (rank(k), rank(i)),
            (b.source, a.source),
            off.saturating_neg(),
        )
    }
}

/// What is known of two clocks.
struct Skew {
    /// The offset in the middle, and when.
    middle: (i64, i64),
    /// Whether enough agree on it.
    agreed: bool,
}

fn skews(calls: &[CallLine], keys: &[CallKey], pairs: &[(u32, u32)]) -> BTreeMap<(u32, u32), Skew> {
    let mut offs: BTreeMap<(u32, u32), Vec<(i64, i64)>> = BTreeMap::new();
    for (i, k) in pairs {
        if let (Some(a), Some(b)) = (calls.get(*i as usize), calls.get(*k as usize))
            && certain(a, b)
        {
            let (key, _, off) = between(keys, (*i, a), (*k, b));
            offs.entry(key).or_default().push((off, a.ts));
        }
    }
    offs.into_iter()
        .map(|(key, mut list)| {
            let mid = list.len() / 2;
            let middle = *list.select_nth_unstable(mid).1;
            let near = list.iter().filter(|(o, t)| near(middle, *o, *t)).count();
            let agreed = near >= ANCHORS && near * 3 >= list.len() * 2;
            (key, Skew { middle, agreed })
        })
        .collect()
}

/// Whether an offset at a time is the one in the middle, but for drift.
fn near(middle: (i64, i64), off: i64, ts: i64) -> bool {
    let drift = ts.saturating_sub(middle.1).saturating_abs() / DRIFT;
    off.saturating_sub(middle.0).saturating_abs() <= WINDOW_NS.saturating_add(drift)
}

fn believed(skew: Option<&Skew>, certain: bool, off: i64, ts: i64) -> bool {
    let fits = skew.is_some_and(|s| {
        near(s.middle, off, ts) && (s.agreed || s.middle.0.saturating_abs() <= SKEW_NS)
    });
    let window = if certain { SKEW_NS } else { WINDOW_NS };
    fits || off.saturating_abs() <= window
}

/// Groups of calls that may be one exchange.
fn exchanges(calls: &[CallLine], keys: &[CallKey]) -> Vec<Exchange> {
    let mut out: Vec<Exchange> = Vec::new();
    let mut of: Vec<Option<usize>> = vec![None; calls.len()];
    let found = |of: &[Option<usize>], i: u32| of.get(i as usize).copied().flatten();
    for half in [Half::Request, Half::Response] {
        let mut places: Vec<(u128, u32)> = (0u32..)
            .zip(calls)
            .filter_map(|(i, c)| Some((place(c, half)?, i)))
            .collect();
        places.sort_unstable();
        for run in places.chunk_by(|a, b| a.0 == b.0).filter(|r| r.len() > 1) {
            // with both requests they were held against each other by these
            let lacks =
                |(_, i): &&(u128, u32)| calls.get(*i as usize).is_some_and(|c| c.seq >> 32 == 0);
            if half == Half::Response && !run.iter().any(|p| lacks(&p)) {
                continue;
            }
            let mut members: Vec<u32> = run.iter().map(|p| p.1).collect();
            members.sort_by_key(|i| (found(&of, *i).is_none(), keys.get(*i as usize)));
            let mut here: Vec<usize> = Vec::new();
            for m in members {
                if let Some(x) = found(&of, m) {
                    here.push(x);
                    continue;
                }
                let x = fitting(calls, &out, &here, m).unwrap_or_else(|| {
                    out.push(Vec::new());
                    here.push(out.len() - 1);
                    out.len() - 1
                });
                if let Some(x) = out.get_mut(x) {
                    x.push(m);
                }
                if let Some(of) = of.get_mut(m as usize) {
                    *of = Some(x);
                }
            }
        }
    }
    out
}

/// The exchange nearest in time that a call may be: it agrees with every member, and none is of its source.
fn fitting(calls: &[CallLine], all: &[Exchange], here: &[usize], m: u32) -> Option<usize> {
    let me = calls.get(m as usize)?;
    here.iter()
        .rev()
        .take(NEAR)
        .filter_map(|x| {
            let members = all.get(*x)?.iter().filter_map(|i| calls.get(*i as usize));
            let mut first = None;
            for c in members {
                if c.source == me.source || !agree(c, me) {
                    return None;
                }
                first.get_or_insert(c);
            }
            Some((later(first?, me).saturating_abs(), *x))
        })
        .min()
        .map(|(_, x)| x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    /// A call of a source: time, client port, numbers of request and response.
    fn call(id: i64, source: u32, ts: i64, sport: u16, seqs: (u64, u64)) -> CallLine {
        CallLine {
            source,
            src: 1,
            dst: 2,
            sport,
            dport: 80,
            flow: 1 + i64::from(source) * 1000 + i64::from(sport),
            method: 1,
            target: 5,
            status: 200,
            seq: seqs.0 << 32 | seqs.1,
            end: ts + S / 100,
            ..CallLine::new(id, ts)
        }
    }

    fn joined(calls: &mut [CallLine]) -> (Vec<u32>, Vec<Clock>) {
        let keys: Vec<CallKey> = calls
            .iter()
            .map(|c| CallKey {
                ts: c.ts,
                source: c.source,
                unit: c.id.unsigned_abs(),
                ord: 0,
            })
            .collect();
        let clocks = join(calls, &keys);
        (calls.iter().map(|c| c.joined).collect(), clocks)
    }

    #[test]
    fn what_a_client_repeats_stays_and_what_a_tap_saw_again_does_not() {
        let mut c = vec![
            call(1, 0, 10 * S, 4000, (100, 900)),
            call(2, 0, 11 * S, 4000, (200, 950)), // asked again on the connection
            call(3, 0, 12 * S, 4001, (100, 900)), // on another connection
            call(4, 1, 40 * S, 4000, (100, 900)),
            call(5, 1, 41 * S, 4000, (200, 950)),
            call(6, 1, 42 * S, 4000, (300, 990)), // only here
            call(7, 1, 43 * S, 4001, (100, 901)), // the ports again, another answer
        ];
        let (j, clocks) = joined(&mut c);
        assert_eq!(j, [NONE, NONE, NONE, 0, 1, NONE, NONE]);
        assert_eq!(
            clocks,
            [Clock {
                sources: (0, 1),
                skew: 30 * S,
                calls: 2
            }]
        );
    }

    #[test]
    fn any_constant_is_believed_where_calls_agree_and_none_where_they_do_not() {
        let year = 31_536_000 * S;
        let pair = |n: i64, off: i64| {
            let port = 4000 + n as u16;
            [
                call(n, 0, n * S, port, (100, 900)),
                call(n + 100, 1, n * S + off, port, (100, 900)),
            ]
        };
        let mut c: Vec<CallLine> = (0..3).flat_map(|n| pair(n, year)).collect();
        assert_eq!(joined(&mut c).0, [NONE, 0, NONE, 2, NONE, 4]);
        let mut c: Vec<CallLine> = (0..3).flat_map(|n| pair(n, year * (n + 1))).collect();
        assert!(joined(&mut c).0.iter().all(|j| *j == NONE));
    }

    #[test]
    fn a_half_that_is_missing_is_joined_by_time_and_the_whole_one_stands() {
        let mut whole = call(3, 1, 10 * S, 4000, (100, 900));
        whole.end = 11 * S;
        let mut half = call(1, 0, 10 * S, 4000, (100, 0));
        (half.holes, half.status, half.end) = (1, 0, i64::MIN);
        let mut answer = call(2, 2, 11 * S - 5, 4000, (0, 900));
        (answer.holes, answer.method, answer.target, answer.end) = (1, 0, 0, 11 * S);
        let mut far = call(4, 3, 100 * S, 4000, (100, 0));
        (far.holes, far.status) = (1, 0);
        let (j, _) = joined(&mut [half, answer, whole, far]);
        assert_eq!(j, [2, 2, NONE, NONE]);
    }

    #[test]
    fn a_capture_replayed_in_a_loop_is_paired_turn_by_turn_and_soon() {
        let mut c = Vec::new();
        for n in 0..20_000 {
            c.push(call(n, 0, n * 10 * S, 4000, (100, 900)));
            c.push(call(n + 50_000, 1, n * 10 * S + 5, 4000, (100, 900)));
        }
        let (j, clocks) = joined(&mut c);
        for n in (0..c.len()).step_by(2) {
            assert_eq!((j[n], j[n + 1]), (NONE, n as u32));
        }
        assert_eq!((clocks[0].skew, clocks[0].calls), (5, 20_000));
    }
}
