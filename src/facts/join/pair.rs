//! Lines to calls, one to one. In: lines and calls by request, the log's clock. Out: the lines' `joined`. Bounds: [`AROUND`] calls are
//! compared with a line in each round.

use super::super::calls::{CallLine, NONE};
use super::clock::{Clock, JITTER, Stamp};
use super::{Key, NEAR, S, SKEW_NS, WINDOW_NS, fits};
use std::collections::{BTreeMap, BTreeSet};

/// Calls around a line's time that are looked at: more equal requests of a moment cannot be told apart anyway.
const AROUND: usize = 512;

/// Distance from a line to the call that it may be, given the clock: 0 where its time covers the call's. A long call is near at
/// either of its ends, where the nearest one is looked for.
fn off(log: &CallLine, call: &CallLine, clock: &Clock, round: Round) -> i64 {
    let at = |stamp: Stamp| {
        let ahead = stamp.of(call).saturating_add(clock.skew);
        let late = ahead.saturating_sub(stamp.of(log));
        late.saturating_sub(clock.step)
            .max(late.saturating_neg())
            .max(0)
    };
    match clock.known && round != Round::Near {
        true => at(clock.stamp),
        false => at(Stamp::End).min(at(Stamp::Start)),
    }
}

/// Joins lines to calls: first those that share an id, then in order of time what a line's time covers (those of the log's server
/// and of the same program first), then what is nearest.
pub(super) fn pair(
    calls: &mut [CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
    clock: &Clock,
    server: Option<Server>,
) {
    let mut found: Vec<(u32, u32)> = Vec::new();
    let sized = sized(calls, sides, lines);
    for (key, lines) in lines {
        if let Some(captured) = sides.get(key).filter(|c| !c.is_empty()) {
            let mut kind = Kind::new(calls, captured, lines, clock);
            (kind.server, kind.sized) = (server, sized);
            kind.join(lines, &mut found);
        }
    }
    for (l, i) in found {
        if let Some(c) = calls.get_mut(l as usize) {
            c.joined = i;
        }
    }
}

/// Whether the bytes that a log tells are those of bodies, as calls have them: some count the head as well, or what was packed.
fn sized(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
) -> bool {
    let size = |i: &u32| calls.get(*i as usize).map(|c| c.size);
    let known = |s: &u32| *s != NONE;
    let (mut same, mut all) = (0usize, 0usize);
    for (key, lines) in lines {
        let captured = sides.get(key).map_or(&[][..], Vec::as_slice);
        let sizes: BTreeSet<u32> = captured.iter().filter_map(size).filter(known).collect();
        if sizes.is_empty() {
            continue;
        }
        for said in lines.iter().filter_map(size).filter(known) {
            all += 1;
            same += usize::from(sizes.contains(&said));
        }
    }
    all > 0 && same * 10 >= all * 9
}

/// A server, by its address and port.
pub(super) type Server = (u32, u16);

/// Lines of one kind of request that tell whose a log is; rare kinds tell as much as frequent ones.
const TELL: usize = 64;

/// The servers that may have written a log: those whose calls nearly all of its lines may be. What others are asked for in the same
/// words (`/login`, `/health`) at the same time is theirs.
pub(super) fn candidates(
    calls: &[CallLine],
    sides: &BTreeMap<Key, Vec<u32>>,
    lines: &BTreeMap<Key, Vec<u32>>,
    clock: &Clock,
) -> Vec<Server> {
    if !clock.known {
        return Vec::new();
    }
    let mut votes: BTreeMap<Server, usize> = BTreeMap::new();
    let mut all = 0;
    for (key, lines) in lines {
        let Some(captured) = sides.get(key).filter(|c| !c.is_empty()) else {
            continue;
        };
        let kind = Kind::new(calls, captured, &[], clock);
        for line in lines
            .iter()
            .take(TELL)
            .filter_map(|l| calls.get(*l as usize))
        {
            let t = clock.stamp.of(line).saturating_sub(clock.skew);
            let from = kind
                .by_time
                .partition_point(|(ts, _)| *ts < t.saturating_sub(JITTER));
            let end = t.saturating_add(clock.step).saturating_add(JITTER);
            let near = kind.by_time.iter().skip(from).take(TELL);
            let servers: BTreeSet<(u32, u16)> = near
                .take_while(|(ts, _)| *ts <= end)
                .filter(|(_, i)| kind.fit(line, *i, Round::Covered, JITTER).is_some())
                .filter_map(|(_, i)| calls.get(*i as usize).map(|c| (c.dst, c.dport)))
                .collect();
            all += usize::from(!servers.is_empty());
            for s in servers {
                *votes.entry(s).or_default() += 1;
            }
        }
    }
    let nearly = votes.into_iter().filter(|(_, n)| n * 10 >= all * 9);
    nearly.map(|(server, _)| server).collect()
}

/// Calls of one kind of request, and which of them are taken.
struct Kind<'a> {
    calls: &'a [CallLine],
    clock: &'a Clock,
    /// In order of the time that the log stamps.
    by_time: Vec<(i64, u32)>,
    /// Those before this place are taken.
    head: usize,
    /// How far apart the two ends of a call may be.
    longest: i64,
    /// Who wrote the log.
    server: Option<Server>,
    /// Whether the log tells the bytes of bodies.
    sized: bool,
    /// By their request id.
    shared: BTreeMap<u32, Vec<u32>>,
    used: BTreeSet<u32>,
}

impl<'a> Kind<'a> {
    fn new(calls: &'a [CallLine], captured: &[u32], lines: &[u32], clock: &'a Clock) -> Kind<'a> {
        let all = || {
            captured
                .iter()
                .filter_map(|i| Some((*i, calls.get(*i as usize)?)))
        };
        let mut by_time: Vec<(i64, u32)> = all().map(|(i, c)| (clock.stamp.of(c), i)).collect();
        by_time.sort_unstable();
        let mut shared: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (i, c) in all().filter(|(_, c)| c.trace != NONE) {
            shared.entry(c.trace).or_default().push(i);
        }
        let longest = all().map(|(_, c)| c.took()).max().unwrap_or(0);
        let joined = lines
            .iter()
            .filter_map(|l| Some(calls.get(*l as usize)?.joined));
        Kind {
            calls,
            clock,
            by_time,
            head: 0,
            longest,
            server: None,
            sized: false,
            shared,
            used: joined.filter(|j| *j != NONE).collect(),
        }
    }

    fn join(mut self, lines: &[u32], found: &mut Vec<(u32, u32)>) {
        let lines = lines
            .iter()
            .filter_map(|l| Some((*l, self.calls.get(*l as usize)?)));
        let open = lines.filter(|(_, c)| c.joined == NONE);
        let mut open: Vec<(i64, u32)> = open.map(|(l, c)| (self.clock.stamp.of(c), l)).collect();
        // lines of one moment in the order in which they were written
        open.sort_unstable();
        for round in Round::ALL {
            if round == Round::OwnProgram {
                self.in_order(true, &mut open, found);
                self.in_order(false, &mut open, found);
            }
            open.retain(|(_, l)| match self.call_of(*l, round) {
                Some(i) => {
                    self.used.insert(i);
                    found.push((*l, i));
                    false
                }
                None => true,
            });
        }
    }

    /// As many lines of a client as calls of it are the same ones in the same order, where each fits so: one line at the edge of
    /// its second would else take its neighbour's call, and shift all that follow it. First those of one program with answers of one
    /// length (`alike`): what several threads answered at a time is written in no order.
    fn in_order(&mut self, alike: bool, open: &mut Vec<(i64, u32)>, found: &mut Vec<(u32, u32)>) {
        if !self.clock.known {
            return;
        }
        let of = |i: &u32| self.calls.get(*i as usize);
        let agents = alike && open.iter().any(|(_, l)| of(l).is_some_and(|c| c.ua != 0));
        let sizes = alike && self.sized;
        if alike && !agents && !sizes {
            return;
        }
        let src = |i: u32| {
            self.calls.get(i as usize).map_or((NONE, 0, NONE), |c| {
                let ua = if agents { c.ua } else { 0 };
                (c.src, ua, if sizes { c.size } else { NONE })
            })
        };
        let mut lines: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for (_, l) in open.iter() {
            lines.entry(src(*l)).or_default().push(*l);
        }
        let mut free: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        let own = |i: u32| self.calls.get(i as usize).is_some_and(|c| self.own(c));
        let open_calls = self.by_time.iter().filter(|(_, i)| !self.used.contains(i));
        for (_, i) in open_calls.filter(|(_, i)| own(*i)) {
            free.entry(src(*i)).or_default().push(*i);
        }
        let fits = |l: u32, i: u32| {
            let (line, call) = (self.calls.get(l as usize)?, self.calls.get(i as usize)?);
            let other = line.ua != 0 && call.ua != 0 && line.ua != call.ua;
            self.fit(line, i, Round::Covered, JITTER).filter(|_| !other)
        };
        let mut same: Vec<(u32, u32)> = Vec::new();
        for (client, lines) in &lines {
            let calls = free.get(client).map_or(&[][..], Vec::as_slice);
            let pairs = lines.iter().copied().zip(calls.iter().copied());
            if calls.len() == lines.len() && pairs.clone().all(|(l, i)| fits(l, i).is_some()) {
                same.extend(pairs);
            }
        }
        let taken: BTreeSet<u32> = same.iter().map(|(l, _)| *l).collect();
        open.retain(|(_, l)| !taken.contains(l));
        self.used.extend(same.iter().map(|(_, i)| *i));
        found.extend(same);
    }

    /// The call that a line takes in a round.
    fn call_of(&mut self, l: u32, round: Round) -> Option<u32> {
        let line = self.calls.get(l as usize)?;
        let slack = match round {
            Round::Id => SKEW_NS,
            Round::Near => WINDOW_NS,
            _ if self.clock.known => JITTER,
            _ => 0,
        };
        if round == Round::Id {
            let same = self.shared.get(&line.trace)?.iter().take(NEAR);
            let near = same.filter_map(|i| Some((self.fit(line, *i, round, slack)?, *i)));
            return near.min().map(|(_, i)| i);
        }
        while let Some((_, i)) = self.by_time.get(self.head)
            && self.used.contains(i)
        {
            self.head += 1;
        }
        let either = !self.clock.known || round == Round::Near;
        let reach = slack.saturating_add(if either { self.longest } else { 0 });
        let t = self.clock.stamp.of(line).saturating_sub(self.clock.skew);
        let end = t.saturating_add(self.clock.step).saturating_add(reach);
        let from = self
            .by_time
            .partition_point(|(ts, _)| *ts < t.saturating_sub(reach));
        let around = self.by_time.iter().skip(from.max(self.head));
        let mut around = around
            .take_while(|(ts, _)| *ts <= end)
            .take(AROUND)
            .filter_map(|(_, i)| Some((self.fit(line, *i, round, slack)?, *i)));
        let hit = match round {
            // whole seconds tell the order alone: equal requests pair up as they were made
            Round::Id | Round::Near => around.min_by_key(|(off, _)| *off),
            _ if self.clock.step >= S => around.next(),
            _ => around.min_by_key(|(off, _)| *off),
        };
        hit.map(|(_, i)| i)
    }

    /// Whether a call is one of the server that wrote the log, or it is not known who did.
    fn own(&self, call: &CallLine) -> bool {
        self.server.is_none_or(|s| s == (call.dst, call.dport))
    }

    /// How far a free call is from what a line's time covers, where it may be the line's.
    fn fit(&self, line: &CallLine, i: u32, round: Round, slack: i64) -> Option<i64> {
        let call = self.calls.get(i as usize).filter(|c| fits(line, c))?;
        let known = self.sized && line.size != NONE && call.size != NONE;
        let agent = line.ua != 0 && line.ua == call.ua || line.ua == 0 && known;
        let same = agent && (!known || line.size == call.size);
        let program = matches!(round, Round::Program | Round::OwnProgram);
        let server = matches!(round, Round::Own | Round::OwnProgram);
        if self.used.contains(&i) || program && !same || server && !self.own(call) {
            return None;
        }
        Some(off(line, call, self.clock, round)).filter(|o| *o <= slack)
    }
}

/// Rounds, each over the lines that the ones before left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Line and call have the same request id.
    Id,
    /// The line's time covers a call of the log's server, and the user agent is the same.
    OwnProgram,
    /// The line's time covers a call of the log's server.
    Own,
    /// The line's time covers the call, and the user agent is the same.
    Program,
    /// The line's time covers the call.
    Covered,
    /// The call is near.
    Near,
}

impl Round {
    const ALL: [Round; 6] = [
        Round::Id,
        Round::OwnProgram,
        Round::Own,
        Round::Program,
        Round::Covered,
        Round::Near,
    ];
}
