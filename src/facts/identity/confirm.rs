//! What all calls together say of what one call only guessed: whether an answer refused, which cookies are sessions, what that looks
//! like a credential is one. In: the evidence. Out: the same, decided. Bounds: a few passes over calls, credentials, and what was handed out.

use super::input::{Ev, Input, Issued, Row, at};
use super::{NONE, via};
use rustc_hash::{FxHashMap, FxHashSet};

/// Who was refused tries again within minutes.
const TRY_AGAIN_NS: i64 = 10 * 60 * 1_000_000_000;

impl Input {
    /// An answer that hands out nothing sure may say no in words that nobody knows. Who was refused tries again: where an
    /// answer was followed by another try of the same client under the same name, the same answer is a refusal for all. So it
    /// is where the session that was kept is asked to log in next (401). Places whose refusals are read do not refuse in other words.
    fn refuse(&mut self) {
        struct Try {
            who: (u32, u32, u32, u32),
            ts: i64,
            answer: (u32, u32),
            row: u32,
            open: bool,
        }
        // What is handed out under an unknown key and shown later is a session all the same.
        let mut shown_later: FxHashSet<u64> = self
            .issued
            .iter()
            .filter(|i| i.maybe && !i.cookie)
            .map(|i| i.print)
            .collect();
        let presented: FxHashSet<u64> = self.creds.iter().map(|c| c.print).collect();
        shown_later.retain(|p| presented.contains(p));
        let mut tries: Vec<Try> = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            for e in self.events_of(row) {
                let Ev::Login { name, issued, .. } = *e else {
                    continue;
                };
                let shown = |print: u64| self.creds_of(row).iter().any(|c| c.print == print);
                let sure = |i: &Issued| {
                    (!i.maybe || shown_later.contains(&i.print)) && !i.weak && !shown(i.print)
                };
                tries.push(Try {
                    who: (row.addr, row.ua, row.path, name),
                    ts: row.key.ts,
                    answer: (row.path, row.answer),
                    row: at(i),
                    open: row.answer != 0 && !self.issued_of(issued).iter().any(sure),
                });
            }
        }
        tries.sort_unstable_by_key(|t| (t.who, t.ts, t.row));
        let mut said: FxHashMap<(u32, u32), (u32, u32)> = FxHashMap::default();
        for pair in tries.windows(2) {
            if let [a, b] = pair
                && a.open
            {
                let again = a.who == b.who && b.ts.saturating_sub(a.ts) <= TRY_AGAIN_NS;
                let n = said.entry(a.answer).or_default();
                *n = (n.0 + 1, n.1 + u32::from(again));
            }
        }
        let refusals = |row: &&Row| {
            (200..300).contains(&row.status)
                && self.events_of(row).iter().any(|e| matches!(e, Ev::Failed))
        };
        let read: FxHashSet<u32> = self.rows.iter().filter(refusals).map(|r| r.path).collect();
        said.retain(|(path, _), _| !read.contains(path));
        // The next call on a kept session, by the session's print.
        let mut next: FxHashMap<u64, Vec<(i64, u32, i64, bool)>> = FxHashMap::default();
        for (i, t) in tries.iter().enumerate().filter(|(_, t)| t.open) {
            let kept = self.rows.get(t.row as usize).map(|r| self.creds_of(r));
            for c in kept
                .unwrap_or_default()
                .iter()
                .filter(|c| c.cookie != 0 && c.strong)
            {
                let tries = next.entry(c.print).or_default();
                // A session that was tried more often is no person's, and each try costs a look at each call.
                if tries.len() < 8 {
                    tries.push((t.ts, at(i), i64::MAX, false));
                }
            }
        }
        let rows: &[Row] = if next.is_empty() { &[] } else { &self.rows };
        for row in rows {
            for c in self.creds_of(row) {
                for n in next.get_mut(&c.print).into_iter().flatten() {
                    if row.key.ts > n.0 && row.key.ts < n.2 {
                        (n.2, n.3) = (row.key.ts, row.status == 401);
                    }
                }
            }
        }
        let shut: FxHashSet<u32> = next
            .values()
            .flatten()
            .filter(|n| n.3)
            .map(|n| n.1)
            .collect();
        for (i, t) in tries.iter().enumerate().filter(|(_, t)| t.open) {
            // One that was not followed is the last of several, or the only one.
            let again = said
                .get(&t.answer)
                .is_some_and(|(all, again)| *again * 3 >= *all && *again > 0);
            if (again || shut.contains(&at(i)))
                && let Some(row) = self.rows.get(t.row as usize)
                && let Some(events) = self
                    .events
                    .get_mut(row.events.0 as usize..row.events.1 as usize)
            {
                for e in events.iter_mut().filter(|e| matches!(e, Ev::Login { .. })) {
                    *e = Ev::Failed;
                }
            }
        }
    }

    /// A cookie that a login hands out and nothing better beside it is a session's, whatever its name; what nobody ever shows is
    /// nothing better, and what is shown as a token is as good.
    fn learn_cookies(&mut self) {
        if self.issued.is_empty() {
            return;
        }
        // of what was handed out: whether it was ever shown, and as a token
        let jwt = via("jwt");
        let mut shown: FxHashMap<u64, (bool, bool)> = FxHashMap::default();
        shown.extend(self.issued.iter().map(|i| (i.print, (false, false))));
        for c in &self.creds {
            if let Some((ever, token)) = shown.get_mut(&c.print) {
                (*ever, *token) = (true, *token || c.kind == jwt);
            }
        }
        let shown = |print: u64| shown.get(&print).copied().unwrap_or_default();
        for i in self.issued.iter_mut().filter(|i| i.weak) {
            i.weak = !shown(i.print).1;
        }
        let mut names: FxHashSet<u32> = FxHashSet::default();
        for row in &self.rows {
            for e in self.events_of(row) {
                let Ev::Login { issued, .. } = *e else {
                    continue;
                };
                let had = |print: u64| self.creds_of(row).iter().any(|c| c.print == print);
                let new = || self.issued_of(issued).iter().filter(|i| !had(i.print));
                if new().all(|i| i.weak || i.maybe || !shown(i.print).0) {
                    names.extend(new().filter(|i| i.cookie).map(|i| i.name));
                }
            }
        }
        if names.is_empty() {
            return;
        }
        // What goes along with sessions of other names is no session: a visitor's number.
        let mut with: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
        for row in &self.rows {
            let creds = self.creds_of(row);
            for c in creds.iter().filter(|c| names.contains(&c.cookie)) {
                let beside = creds
                    .iter()
                    .any(|o| o.strong && !o.maybe && o.print != c.print);
                let n = with.entry(c.cookie).or_default();
                *n = (n.0 + 1, n.1 + u32::from(beside));
            }
        }
        names.retain(|n| with.get(n).is_some_and(|(all, beside)| beside * 10 < *all));
        for c in &mut self.creds {
            c.strong |= names.contains(&c.cookie);
        }
        for i in &mut self.issued {
            i.weak &= !names.contains(&i.name);
        }
    }

    /// Names with a password in the head that several people log in beside are an application's or a gate's, and so is what is one
    /// at any call.
    fn programs(&mut self) {
        let basic = via("basic");
        let mut beside: FxHashMap<u64, (u32, bool)> = FxHashMap::default();
        for row in &self.rows {
            for c in self.creds_of(row).iter().filter(|c| c.kind == basic) {
                if c.service {
                    beside.insert(c.print, (NONE, true));
                }
                for e in self.events_of(row) {
                    if let Ev::Login { name, .. } = *e
                        && name != c.name
                        && c.name != NONE
                    {
                        let one = beside.entry(c.print).or_insert((name, false));
                        one.1 |= one.0 != name;
                    }
                }
            }
        }
        if beside.is_empty() {
            return;
        }
        for c in self.creds.iter_mut().filter(|c| c.kind == basic) {
            c.service |= beside.get(&c.print).is_some_and(|b| b.1);
        }
    }

    /// A code on a screen is one that lets in where somebody without anything else asked with it, got nothing, and got a session at last.
    fn let_in_by_codes(&mut self) {
        // by print: whether it was asked with in vain, whether it brought a session
        let mut asked: FxHashMap<u64, (bool, bool)> = FxHashMap::default();
        for row in &self.rows {
            let [c] = self.creds_of(row) else { continue };
            if !c.code || !c.maybe {
                continue;
            }
            let session = self.events_of(row).iter().any(|e| match *e {
                Ev::Renewed { issued } | Ev::Login { issued, .. } => {
                    self.issued_of(issued).iter().any(|i| !i.maybe && !i.weak)
                }
                _ => false,
            });
            let n = asked.entry(c.print).or_default();
            *n = (n.0 || !session, n.1 || session);
        }
        for c in self.creds.iter_mut().filter(|c| c.code && c.maybe) {
            c.maybe = asked.get(&c.print) != Some(&(true, true));
        }
    }

    /// What only looked like a credential is one where a call handed it out and another presented it; the rest is put away.
    pub(super) fn confirm(&mut self) {
        self.refuse();
        self.programs();
        self.learn_cookies();
        let mut handed: FxHashSet<u64> = FxHashSet::default();
        let mut shown: FxHashSet<u64> = FxHashSet::default();
        handed.extend(self.creds.iter().filter(|c| c.maybe).map(|c| c.print));
        shown.extend(self.issued.iter().filter(|i| i.maybe).map(|i| i.print));
        shown.extend(self.events.iter().filter_map(|e| match e {
            Ev::Owned { print, .. } => Some(*print),
            _ => None,
        }));
        // An answer that tells its caller who that is tells it of the only thing that looks like a credential.
        let mut named: FxHashSet<u64> = FxHashSet::default();
        for row in &self.rows {
            if let [c] = self.creds_of(row)
                && c.maybe
                && (200..300).contains(&row.status)
                && self
                    .events_of(row)
                    .iter()
                    .any(|e| matches!(e, Ev::WhoAmI { sure: true, .. }))
            {
                named.insert(c.print);
            }
        }
        for c in self.creds.iter_mut().filter(|c| named.contains(&c.print)) {
            c.maybe = false;
        }
        if handed.is_empty() && shown.is_empty() {
            return;
        }
        self.let_in_by_codes();
        let mut issued: FxHashSet<u64> = FxHashSet::default();
        issued.extend(
            self.issued
                .iter()
                .map(|i| i.print)
                .filter(|p| handed.contains(p)),
        );
        let mut used: FxHashSet<u64> = FxHashSet::default();
        used.extend(
            self.creds
                .iter()
                .map(|c| c.print)
                .filter(|p| shown.contains(p)),
        );
        for c in &mut self.creds {
            c.maybe = c.maybe && (c.code || !issued.contains(&c.print));
        }
        for i in &mut self.issued {
            i.maybe = i.maybe && !used.contains(&i.print);
        }
        // Of a list of keys those count that somebody uses.
        for e in &mut self.events {
            if matches!(e, Ev::Owned { print, .. } if !used.contains(print)) {
                *e = Ev::Nothing;
            }
        }
    }
}
