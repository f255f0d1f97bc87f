//! Log lines, and entries of other tools, that are captured calls. In: all calls. Out: `joined` of those lines and entries: the
//! index of the captured call; `parent` of what a proxy asked for an entry's client. Bounds: candidates share method, target and
//! status; of those only the ones within [`WINDOW_NS`] are compared.
//!
//! Clocks of a log and of a capture differ by a constant, a log may have whole seconds, and its times may be those of the request
//! or of the answer's end: the offset that most requests agree on decides ([`clock`]). Lines and calls are then joined one to one.
//!
//! Lines with both addresses and both ports (Zeek, Suricata) name the connection itself: they are joined before all others,
//! whatever their host says, in the order of their requests on it.
//!
//! Entries (HAR, mitmproxy, Burp) come first, so that a log's line then finds the captured call and not what another tool kept of
//! it. Their content has to be that of the call, as far as both are known. A proxy keeps what its client asked; where only
//! its own call to the same server was captured, that is a call behind: the entry is its parent.

mod certain;
mod clock;
mod entries;
mod pair;
mod servers;

use super::calls::{CallLine, NONE};
use certain::certain;
use clock::clock;
use pair::pair;
use servers::{Log, servers};
use std::collections::{BTreeMap, BTreeSet};

/// Distance in time between a line and its call once the clocks are aligned: a log line is written when the response ends,
/// in whole seconds, and buffered logs are stamped when the request ends, not when they are flushed.
pub const WINDOW_NS: i64 = 2_000_000_000;
/// Clock offsets believed: beyond an hour and a half it is no drift but another day's traffic; one hour is a wrong zone.
pub const SKEW_NS: i64 = 5_400_000_000_000;
/// Offsets of zones, which a log has that tells its times without one or in a wrong one: whole quarters of an hour, so far apart.
pub const ZONE_NS: i64 = 900_000_000_000;
pub const ZONES_NS: i64 = 14 * 3_600_000_000_000;
/// Drift beside such an offset.
pub const DRIFT_NS: i64 = 120_000_000_000;
/// Calls of one connection that a line is compared with.
const NEAR: usize = 64;
/// Lines and calls that must agree before an offset is believed.
pub const ANCHORS: usize = 3;
/// A second.
const S: i64 = 1_000_000_000;

/// What is joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Entries of other tools, with captured calls.
    Entries,
    /// Lines of logs, with captured calls and with entries that are none.
    Logs,
}

impl Of {
    fn line(self, c: &CallLine) -> bool {
        let mine = match self {
            Of::Entries => c.entry(),
            Of::Logs => c.log,
        };
        mine && c.joined == NONE
    }
    fn call(self, c: &CallLine) -> bool {
        let mine = match self {
            Of::Entries => c.captured(),
            Of::Logs => !c.log,
        };
        mine && c.joined == NONE
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    target: u64,
    method: u32,
    status: u16,
}

/// What was found of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// Source, as an index.
    pub source: u32,
    /// Its lines that are captured calls.
    pub lines: u64,
    /// How far its clock is ahead of the capture's, in nanoseconds; `None` where too few requests tell.
    pub skew: Option<i64>,
}

/// Joins in place, and tells of each log.
pub fn join(calls: &mut [CallLine]) -> Vec<Joined> {
    // without anything captured there is nothing that an entry could be, without lines nothing to join
    if calls.iter().any(CallLine::captured) && calls.iter().any(CallLine::entry) {
        entries::join(calls);
    }
    certain(calls, Of::Logs);
    // a case may have thousands of logs: each looks at the requests of its own lines alone
    let mut logs: BTreeMap<u32, BTreeMap<Key, Vec<u32>>> = BTreeMap::new();
    let mut sides: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
    let bare = without_queries(calls);
    for (i, c) in (0u32..).zip(calls.iter()) {
        if c.log {
            let lines = logs.entry(c.source).or_default();
            if c.target != 0 {
                let key = match bare.contains(&c.source) {
                    true => bare_key(c),
                    false => key(c),
                };
                sides.entry(key).or_default();
                lines.entry(key).or_default().push(i);
            }
        }
    }
    if logs.is_empty() {
        return Vec::new();
    }
    for (i, c) in (0u32..).zip(calls.iter()) {
        if Of::Logs.call(c) && c.target != 0 {
            if let Some(side) = sides.get_mut(&key(c)) {
                side.push(i);
            }
            if !bare.is_empty()
                && let Some(side) = sides.get_mut(&bare_key(c))
            {
                side.push(i);
            }
        }
    }
    let (sources, logs): (Vec<u32>, Vec<Log>) = logs
        .into_iter()
        .map(|(source, lines)| {
            let clock = clock(calls, &sides, &lines);
            (source, Log { lines, clock })
        })
        .unzip();
    // all at once: what one log is of says what another is not
    let servers = servers(calls, &sides, &logs);
    let mut out = Vec::new();
    for ((source, Log { lines, clock }), server) in sources.into_iter().zip(&logs).zip(servers) {
        pair(calls, &sides, lines, clock, server);
        let joined = lines.values().flatten();
        let joined = joined.filter(|l| calls.get(**l as usize).is_some_and(|c| c.joined != NONE));
        out.push(Joined {
            source,
            lines: joined.count() as u64,
            skew: clock.known.then_some(clock.skew),
        });
    }
    out
}

fn key(c: &CallLine) -> Key {
    Key {
        target: c.target,
        method: c.method,
        status: c.status,
    }
}

/// Sets prints of targets without their queries apart from those of whole ones.
const BARE: u64 = 0x9e37_79b9_7f4a_7c15;

/// The request without its query, for logs that leave it out.
fn bare_key(c: &CallLine) -> Key {
    Key {
        target: c.bare ^ BARE,
        ..key(c)
    }
}

/// Logs that leave queries out: none of their lines has one, and calls have that are else the same.
fn without_queries(calls: &[CallLine]) -> BTreeSet<u32> {
    let queried = |c: &CallLine| c.target != c.bare && c.bare != 0;
    let lines = || calls.iter().filter(|c| c.log);
    let with: BTreeSet<u32> = lines().filter(|c| queried(c)).map(|c| c.source).collect();
    if lines().all(|c| with.contains(&c.source)) {
        return BTreeSet::new();
    }
    let without = || lines().filter(|c| c.target != 0 && !with.contains(&c.source));
    // what such logs have, and whether a call has it with a query: calls of which no line is are not kept
    let mut asked: BTreeMap<Key, bool> = without().map(|c| (bare_key(c), false)).collect();
    for c in calls.iter().filter(|c| Of::Logs.call(c) && queried(c)) {
        if let Some(asked) = asked.get_mut(&bare_key(c)) {
            *asked = true;
        }
    }
    let left = without().filter(|c| asked.get(&bare_key(c)) == Some(&true));
    left.map(|c| c.source).collect()
}

fn fits(log: &CallLine, call: &CallLine) -> bool {
    (log.src == NONE || call.src == NONE || log.src == call.src)
        && (log.log || log.sport == 0 || call.sport == 0 || log.sport == call.sport)
        && (log.host == 0 || call.host == 0 || log.host == call.host)
        && same_content(log, call)
}

/// Whether both answers hold the same, as far as both are known; equal contents are one body.
fn same_content(line: &CallLine, call: &CallLine) -> bool {
    line.resp_body == 0
        || call.resp_body == 0
        || line.resp_body == call.resp_body
        || line.holes + call.holes > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: i64, ts: i64, log: bool, target: u64, src: u32) -> CallLine {
        CallLine {
            log,
            target,
            bare: target,
            src,
            method: 1,
            status: 200,
            source: u32::from(log),
            end: ts + S / 100,
            ..CallLine::new(id, ts)
        }
    }

    #[test]
    fn lines_that_name_the_connection_join_whatever_else_they_say() {
        let on = |c: CallLine, sport: u16, host: u32| CallLine {
            dst: 7,
            sport,
            dport: 80,
            host,
            ..c
        };
        // two connections ask for the same at the same time; the log has them in the other order and without the port
        let mut calls = vec![
            on(call(1, 10 * S, false, 5, 1), 4000, 1),
            on(call(2, 10 * S, false, 5, 1), 4001, 1),
            on(call(3, 12 * S, false, 6, 1), 4001, 1),
            on(call(4, 10 * S, true, 5, 1), 4001, 2),
            on(call(5, 10 * S, true, 5, 1), 4000, 2),
            // cut by the tool
            on(call(6, 12 * S, true, 99, 1), 4001, 2),
            // another connection
            on(call(7, 12 * S, true, 6, 1), 4002, 2),
        ];
        calls[6].src = 9;
        join(&mut calls);
        let joined: Vec<u32> = calls.iter().map(|c| c.joined).collect();
        assert_eq!(joined, [NONE, NONE, NONE, 1, 0, 2, NONE]);
    }

    #[test]
    fn a_log_that_leaves_queries_out_joins_and_one_that_has_them_keeps_to_them() {
        let mut calls: Vec<CallLine> = (0..20)
            .map(|i| CallLine {
                bare: 100 + i as u64 / 4,
                ..call(i, i * 3 * S, false, 1000 + i as u64, 1)
            })
            .collect();
        for i in 0..20 {
            calls.push(call(
                100 + i,
                i * 3 * S + 5 * S,
                true,
                100 + i as u64 / 4,
                1,
            ));
        }
        // of a log with queries, a line without one is of no call with one
        for i in 0..20 {
            let whole = call(200 + i, i * 3 * S, true, 1000 + i as u64, 1);
            calls.push(CallLine {
                source: 2,
                bare: if i == 7 { 101 } else { 100 + i as u64 / 4 },
                target: if i == 7 { 101 } else { whole.target },
                ..whole
            });
        }
        let told = join(&mut calls);
        assert_eq!((told[0].lines, told[1].lines), (20, 19));
        for (i, c) in (0u32..).zip(&calls[20..40]) {
            assert_eq!(c.joined, i);
        }
        assert_eq!(calls[47].joined, NONE);
    }

    #[test]
    fn a_log_of_another_zone_joins_and_one_of_another_day_does_not() {
        for (skew, want) in [
            (8 * 3600 + 2, 20),
            (-5 * 3600 - 1800, 20),
            (24 * 3600, 0),
            (5 * 3600 + 450, 0),
        ] {
            let mut calls: Vec<CallLine> = (0..20)
                .map(|i| call(i, (1 << 20) * S + i * 3 * S, false, 100 + i as u64 / 2, 1))
                .collect();
            for i in 0..20 {
                let t = (1 << 20) * S + i * 3 * S + skew * S;
                calls.push(call(100 + i, t, true, 100 + i as u64 / 2, 1));
            }
            let told = join(&mut calls);
            assert_eq!(told[0].lines, want, "{skew}");
            let pairs = calls[20..].iter().zip(0u32..);
            assert!(
                pairs
                    .filter(|(c, _)| c.joined != NONE)
                    .all(|(c, n)| c.joined == n)
            );
        }
    }

    /// Times are what the evidence says, to the ends of what a number holds.
    #[test]
    fn times_at_the_ends_of_what_can_be_told_are_no_fault() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX];
        for a in ends {
            for b in ends {
                let mut calls = Vec::new();
                for (n, t) in (0i64..).zip([a, b, b, a].repeat(8)) {
                    for log in [false, true] {
                        let mut c = call(n * 2 + i64::from(log), 0, log, n as u64 % 7, 1);
                        c.ts = t;
                        (c.flow, c.req_body) = (i64::from(n % 2 == 0), 1);
                        c.end = if n % 3 == 0 { a.max(b) } else { t };
                        (c.dst, c.dport) = (7, 80 + u16::from(n % 2 == 0));
                        calls.push(c);
                    }
                }
                join(&mut calls);
            }
        }
    }

    /// A gateway (port 80) and what is behind it (port 81) are asked for the same things; now and then two answers overtake each other
    /// between them. Each log has the order of its own server.
    #[test]
    fn a_log_is_of_the_server_whose_order_its_lines_have() {
        let on = |c: CallLine, dport: u16| CallLine { dst: 7, dport, ..c };
        let mut calls = Vec::new();
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for i in 0..60i64 {
            let (begin, target) = (1000 * S + i * S / 5, 100 + i as u64);
            // answers of every tenth call are held up at the gateway until the next one's is out
            let held = if i % 10 == 3 { S / 4 } else { 0 };
            let (inner, outer) = (begin + S / 100, begin + S / 50 + held);
            for (dport, end) in [(80, outer), (81, inner)] {
                let mut c = on(
                    call(i * 2 + i64::from(dport), begin, false, target, 1),
                    dport,
                );
                c.end = end;
                calls.push(c);
            }
            front.push((outer, target));
            back.push((inner, target));
        }
        front.sort_unstable();
        back.sort_unstable();
        for (source, lines, dport) in [(1, &front, 80), (2, &back, 81)] {
            // each is told without the other
            let mut all = calls.clone();
            for (n, (end, target)) in (1000i64..).zip(lines) {
                let mut c = call(n, end / S * S, true, *target, 1);
                (c.source, c.end) = (source, end / S * S);
                all.push(c);
            }
            join(&mut all);
            let joined: Vec<u16> = all
                .iter()
                .filter(|c| c.log && c.joined != NONE)
                .map(|c| all[c.joined as usize].dport)
                .collect();
            assert_eq!(joined.len(), 60);
            assert!(joined.iter().all(|p| *p == dport), "{dport}: {joined:?}");
        }
    }

    /// Calls of a gateway (port 80) and of what is behind it (port 81), by index 2n and 2n+1, from one client. Answers end in an order
    /// that differs between the two now and then. And the lines of either's log as they were written, some of the backend's late.
    fn through_a_gateway(n: i64) -> (Vec<CallLine>, [Vec<CallLine>; 2]) {
        let mut calls = Vec::new();
        let mut logs = [Vec::new(), Vec::new()];
        for i in 0..n {
            let (begin, target) = (1000 * S + i * S / 5, 100 + i as u64);
            let held = if i % 20 == 3 { S / 4 } else { 0 };
            let (outer, inner) = (begin + S / 50 + held, begin + S / 100);
            for (side, end) in [(0u16, outer), (1, inner)] {
                let mut c = call(i, begin + i64::from(side) * S / 500, false, target, 1);
                (c.dst, c.dport, c.end) = (7, 80 + side, end);
                calls.push(c);
                // the backend's threads mix up lines, by chance some of them as the gateway does
                let late = side == 1 && (i % 20 == 13 || i % 40 == 3);
                let waits = if late { S / 4 } else { 0 };
                let mut c = call(1000 + i, end + waits, true, target, 1);
                (c.end, c.ua) = (c.ts, u32::from(side == 0));
                logs[usize::from(side)].push(c);
            }
        }
        for log in &mut logs {
            log.sort_by_key(|c| c.ts);
            for c in log.iter_mut() {
                c.ts = c.ts / S * S;
                c.end = c.ts;
            }
        }
        (calls, logs)
    }

    /// The ports that the lines of each log joined, loaded in that order.
    fn ports(calls: &[CallLine], logs: &[&[CallLine]]) -> Vec<Vec<u16>> {
        let mut all = calls.to_vec();
        for (source, log) in (1u32..).zip(logs) {
            all.extend(log.iter().map(|c| CallLine { source, ..*c }));
        }
        join(&mut all);
        let port = |c: &CallLine| all.get(c.joined as usize).map_or(0, |c| c.dport);
        let of = |source: u32| all.iter().filter(move |c| c.log && c.source == source);
        (1u32..)
            .zip(logs)
            .map(|(source, _)| {
                let mut ports: Vec<u16> = of(source).map(port).collect();
                ports.dedup();
                ports
            })
            .collect()
    }

    #[test]
    fn logs_of_a_gateway_and_its_backend_go_to_different_ones() {
        let (calls, [front, back]) = through_a_gateway(60);
        assert_eq!(ports(&calls, &[&front, &back]), [[80], [81]]);
        assert_eq!(ports(&calls, &[&back, &front]), [[81], [80]]);
        // where nothing at all tells, what names its program is the outer one's
        let quiet = |of: &[CallLine]| -> Vec<CallLine> {
            of.iter().filter(|c| c.target % 10 != 3).copied().collect()
        };
        let (front, back) = (quiet(&front), quiet(&back));
        assert_eq!(ports(&calls, &[&front, &back]), [[80], [81]]);
        assert_eq!(ports(&calls, &[&back, &front]), [[81], [80]]);
    }

    #[test]
    fn parts_and_copies_of_a_log_go_to_one_server() {
        let (calls, [front, back]) = through_a_gateway(60);
        let (first, second) = front.split_at(31);
        for logs in [
            &[first, second][..],
            &[second, first],
            &[&front, &front],
            &[&front, first],
            &[&second[5..], &front],
        ] {
            assert_eq!(ports(&calls, logs), [[80], [80]]);
        }
        // and beside the other's
        assert_eq!(ports(&calls, &[second, &back, first]), [[80], [81], [80]]);
        assert_eq!(
            ports(&calls, &[&back, &front, &front[..40]]),
            [[81], [80], [80]]
        );
        let (one, two) = back.split_at(22);
        assert_eq!(ports(&calls, &[one, &front, two]), [[81], [80], [81]]);
    }

    /// The order of a part may be that of the other server, by chance: what its format is of tells.
    #[test]
    fn parts_of_two_logs_go_where_the_rest_of_each_does() {
        let (calls, [front, back]) = through_a_gateway(120);
        // the ends of both are in the other's order
        let mut other = front[90..].to_vec();
        other.sort_by_key(|c| c.target);
        let mut end = front[90..].to_vec();
        end.iter_mut().for_each(|c| c.ua = 0);
        assert_eq!(
            ports(&calls, &[&back[..90], &other, &end, &front[..90]]),
            [[81], [80], [81], [80]]
        );
        // equal lines where a part begins
        let (mut calls, [mut front, mut back]) = through_a_gateway(60);
        for of in [&mut calls, &mut front, &mut back] {
            for c in of.iter_mut().filter(|c| (128..133).contains(&c.target)) {
                c.target = 128 + c.target % 2;
            }
        }
        for at in 26..36 {
            let logs = [&back[at..], &front, &back];
            assert_eq!(ports(&calls, &logs), [[81], [80], [81]], "{at}");
        }
    }

    #[test]
    fn a_log_that_tells_durations_is_of_the_server_that_took_as_long() {
        let (mut calls, [front, back]) = through_a_gateway(60);
        for c in calls.iter_mut().filter(|c| c.dport == 80) {
            c.ts -= S / 20;
        }
        let long = |of: &[CallLine], port: u16| -> Vec<CallLine> {
            let took = |t: u64| {
                let c = calls.iter().find(|c| c.target == t && c.dport == port);
                c.map_or(0, CallLine::took)
            };
            let told = of.iter().filter(|c| c.target % 10 != 3);
            told.map(|c| CallLine {
                end: c.ts + took(c.target),
                ua: 0,
                ..*c
            })
            .collect()
        };
        let (front, back) = (long(&front, 80), long(&back, 81));
        assert_eq!(ports(&calls, &[&front]), [[80]]);
        assert_eq!(ports(&calls, &[&back]), [[81]]);
        assert_eq!(ports(&calls, &[&back, &front]), [[81], [80]]);
    }

    #[test]
    fn lines_join_one_to_one_under_a_skewed_clock_and_strangers_stay() {
        let mut calls: Vec<CallLine> = (0..20)
            .map(|i| call(i, i * 3 * S, false, 100 + i as u64 / 2, 1))
            .collect();
        for i in 0..20 {
            let t = (i * 3 * S + 47 * S) / S * S;
            calls.push(call(
                100 + i,
                t,
                true,
                100 + i as u64 / 2,
                if i == 19 { 2 } else { 1 },
            ));
        }
        for k in 0..4 {
            calls.push(call(200 + k, k * 7 * S, false, 900 + k as u64, 1));
            calls.push(call(300 + k, k * 7 * S + 47 * S, true, 900 + k as u64, 1));
        }
        calls.push(call(500, 9000 * S, true, 105, 1)); // long after the capture
        join(&mut calls);
        for i in 0..19 {
            assert_eq!(calls[20 + i].joined, i as u32, "line {i}");
        }
        assert_eq!(calls[39].joined, NONE, "another client");
        assert_eq!(calls.last().map(|c| c.joined), Some(NONE));
    }

    #[test]
    fn lines_of_two_servers_that_are_asked_alike_are_their_own() {
        let mut calls: Vec<CallLine> = Vec::new();
        let mut want = Vec::new();
        let at = |i: i64| i * 300_000_000;
        for i in 0..60 {
            // every third request of both servers is the same one
            for server in 0..2u32 {
                let target = if i % 3 == 0 {
                    5
                } else {
                    100 + i as u64 * 2 + u64::from(server)
                };
                let ts = at(i) + i64::from(server) * 7_000_000;
                calls.push(CallLine {
                    dst: 40 + server,
                    dport: 80,
                    ..call(i, ts, false, target, 1)
                });
            }
        }
        for server in 0..2usize {
            for i in 0..60 {
                let of = calls[i * 2 + server];
                let ts = (of.end + 20 * S) / S * S;
                calls.push(CallLine {
                    source: 1 + server as u32,
                    ..call(1000 + i as i64, ts, true, of.target, 1)
                });
                want.push((i * 2 + server) as u32);
            }
        }
        join(&mut calls);
        let joined: Vec<u32> = calls.iter().skip(120).map(|c| c.joined).collect();
        assert_eq!(joined, want);
    }

    #[test]
    fn a_long_call_is_found_by_either_of_its_ends() {
        let mut calls: Vec<CallLine> = (0..20)
            .map(|i| call(i, i * 5 * S, false, 100 + i as u64, 1))
            .collect();
        calls[7].end = calls[7].ts + 600 * S;
        for i in 0..20 {
            // lines say when the request began, most calls are too short to tell
            calls.push(call(100 + i, i * 5 * S, true, 100 + i as u64, 1));
        }
        // and where nothing tells what is stamped
        let mut few = vec![calls[7], calls[27]];
        join(&mut calls);
        assert!((0..20).all(|i| calls[20 + i].joined == i as u32));
        join(&mut few);
        assert_eq!(few[1].joined, 0);
    }
}
