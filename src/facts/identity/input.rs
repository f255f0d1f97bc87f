//! Identity evidence of all calls, packed: a call is a few numbers, names and places are stored once.
//! In: one call at a time in any order. Out: flat vectors. Bounds: about 80 bytes a call.

use super::names::{Names, claim_rank, tenant_of};
use super::tenants::Tenants;
use super::{NONE, via};
use crate::call::model::{CredentialSeen, IdentityEvent};
use crate::facts::calls::add_to;
use crate::facts::credentials::{session_name, sure_place};
use crate::limits::CHAIN;
use rustc_hash::{FxHashMap, FxHashSet};

/// What orders a call in time and says where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallKey {
    /// Time in nanoseconds.
    pub ts: i64,
    /// Rank of the source: any order that does not depend on the order of loading.
    pub source: u32,
    /// Packet or line.
    pub unit: u64,
    /// Ordinal within the unit.
    pub ord: u32,
}

/// A credential of one call.
#[derive(Debug, Clone, Copy)]
pub struct Cred {
    pub print: u64,
    pub kind: u8,
    pub name: u32,
    pub service: bool,
    /// Whether the place is one that sessions use (a cookie with a session's name, or no cookie at all).
    pub strong: bool,
    /// It only looks like a credential: it is one where the same was handed out.
    pub maybe: bool,
    /// A code that a person types in to let a device in.
    pub code: bool,
    /// Number of the cookie's name, 0 for none.
    pub cookie: u32,
}

/// An event of one call. Ranges point into [`Input::issued`] and [`Input::lists`].
#[derive(Debug, Clone, Copy)]
pub enum Ev {
    Login {
        name: u32,
        service: bool,
        issued: (u32, u32),
        sure: bool,
    },
    Failed,
    Begun {
        name: u32,
        issued: (u32, u32),
    },
    Renewed {
        issued: (u32, u32),
    },
    Logout,
    Left {
        issued: (u32, u32),
    },
    WhoAmI {
        name: u32,
        sure: bool,
    },
    Fronted {
        name: u32,
        log: bool,
        consumer: bool,
    },
    OnBehalf {
        name: u32,
    },
    Owned {
        name: u32,
        service: bool,
        print: u64,
    },
    Refused,
    /// [`NONE`]: the session is its owner's again.
    Switched {
        to: u32,
    },
    Nothing,
}

/// Something that an answer handed out.
#[derive(Debug, Clone, Copy)]
pub struct Issued {
    pub print: u64,
    pub cookie: bool,
    /// Whether it only looks like a credential: it is one where the same is presented.
    pub maybe: bool,
    /// A cookie whose name is not one that sessions have.
    pub weak: bool,
    /// Number of the cookie's name, 0 for none.
    pub name: u32,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub key: CallKey,
    /// Index into the table of addresses.
    pub addr: u32,
    /// Caller's number for the user agent; equal agents have equal numbers.
    pub ua: u32,
    pub status: u16,
    pub creds: (u32, u32),
    pub events: (u32, u32),
    /// Caller's number for method, host and path; equal places have equal numbers.
    pub path: u32,
    /// Number of the answer's body, equal for equal bodies; 0 for none.
    pub answer: u32,
}

/// The evidence.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub(super) rows: Vec<Row>,
    pub(super) creds: Vec<Cred>,
    pub(super) events: Vec<Ev>,
    pub(super) issued: Vec<Issued>,
    pub(super) names: Names,
    pub(super) tenants: Tenants,
    pub(super) addrs: Vec<Option<u128>>,
    /// Calls whose credential a call behind them names, with that call; sorted by the outer call.
    pub(super) behind: Vec<(u32, u32)>,
    /// The call that caused a call, by index; [`NONE`] for none. Empty where no call caused another.
    pub(super) outer: Vec<u32>,
    addr_ids: FxHashMap<Option<u128>, u32>,
}

/// A number for a cookie's name; names that differ in value alone, like those with an id behind, differ.
fn name_number(name: &str) -> u32 {
    let mut h = rustc_hash::FxHasher::default();
    std::hash::Hash::hash(name, &mut h);
    let n = std::hash::Hasher::finish(&h);
    u32::try_from(n >> 32).unwrap_or(1).max(1)
}

/// Who was refused tries again within minutes.
const TRY_AGAIN_NS: i64 = 10 * 60 * 1_000_000_000;

fn at(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NONE)
}

impl Input {
    /// Takes room for so many calls.
    pub fn reserve(&mut self, calls: usize) {
        self.rows.reserve_exact(calls);
    }

    /// Adds the next call; its index is the number of calls added before it. `addr` is the client's, `ua` any number that is
    /// equal for equal user agents, `host` one of the server's name (see [`Input::tell_hosts`]), `path` a number that is equal for equal places, `answer` one of the
    /// response's body, `status` 0 for none.
    #[allow(clippy::too_many_arguments)] // the parts of one call
    pub fn push(
        &mut self,
        key: CallKey,
        addr: Option<u128>,
        ua: u32,
        host: u32,
        path: u32,
        answer: u32,
        status: u16,
        creds: &[CredentialSeen],
        events: &[IdentityEvent],
    ) {
        let addr = match self.addr_ids.get(&addr) {
            Some(a) => *a,
            None => {
                let id = at(self.addrs.len());
                self.addrs.push(addr);
                self.addr_ids.insert(addr, id);
                id
            }
        };
        let within = self.tenants.read(host, at(self.rows.len()), events);
        let tenant = |name: &str| tenant_of(name, &within);
        let c0 = at(self.creds.len());
        for c in creds {
            let name = match &c.name {
                Some(n) => {
                    let claim = c.claim.as_deref().unwrap_or("user");
                    self.names
                        .add_in(tenant(n), n, claim_rank(claim), c.service)
                }
                None => NONE,
            };
            let maybe = !sure_place(&c.place);
            let cookie = c.place.strip_prefix("cookie:");
            // What reads as a token is one, whatever the cookie is called.
            let strong = cookie.is_none_or(session_name) || c.kind == "jwt";
            let cred = Cred {
                print: c.print,
                kind: via(c.kind),
                name,
                service: c.service,
                strong,
                maybe: maybe && c.claim.is_none(),
                cookie: cookie.map_or(0, name_number),
                code: maybe && c.claim.as_deref() == Some("user_code"),
            };
            add_to(&mut self.creds, cred);
        }
        let e0 = at(self.events.len());
        let no = matches!(status, 401 | 403)
            || events.iter().any(|e| matches!(e, IdentityEvent::Refused));
        for e in events {
            let ev = match e {
                IdentityEvent::Login {
                    name,
                    service,
                    issued,
                    sure,
                } => {
                    let rank = if *service { 5 } else { 0 };
                    let name = self.names.add_in(tenant(name), name, rank, *service);
                    Ev::Login {
                        name,
                        service: *service,
                        issued: self.issue(issued),
                        sure: *sure,
                    }
                }
                IdentityEvent::Owned {
                    name,
                    service,
                    print,
                } => Ev::Owned {
                    name: self.names.add(name, if *service { 5 } else { 1 }, *service),
                    service: *service,
                    print: *print,
                },
                IdentityEvent::LoginFailed { .. } => Ev::Failed,
                IdentityEvent::Renewed { issued } => Ev::Renewed {
                    issued: self.issue(issued),
                },
                IdentityEvent::Logout => Ev::Logout,
                IdentityEvent::Left { issued } => Ev::Left {
                    issued: self.issue(issued),
                },
                // What only may be about the caller must not make a name worse or better known.
                IdentityEvent::WhoAmI { name, sure } => Ev::WhoAmI {
                    name: self.names.add_in(tenant(name), name, 1, false),
                    sure: *sure,
                },
                IdentityEvent::Fronted { name, place } => {
                    let log = place == "log-user";
                    let consumer = place.contains("consumer") || place.contains("credential");
                    Ev::Fronted {
                        name: self.names.add_in(tenant(name), name, u8::from(!log), false),
                        log,
                        consumer,
                    }
                }
                IdentityEvent::OnBehalf { name } => Ev::OnBehalf {
                    name: self.names.add(name, 2, false),
                },
                IdentityEvent::Begun { name, issued } => Ev::Begun {
                    name: self.names.add_in(tenant(name), name, 0, false),
                    issued: self.issue(issued),
                },
                IdentityEvent::Refused => Ev::Refused,
                IdentityEvent::Switched { to } => Ev::Switched {
                    to: match to {
                        Some(n) => self.names.add(n, 3, false),
                        None => NONE,
                    },
                },
                // A token that is refused may be anybody's making: what it says of two names joins no people.
                IdentityEvent::SamePerson { .. } if no => continue,
                IdentityEvent::SamePerson { names } => {
                    self.names.same(names, &within);
                    continue;
                }
                IdentityEvent::Tenant { .. } => continue,
            };
            self.events.push(ev);
        }
        let row = Row {
            key,
            addr,
            ua,
            status,
            path,
            answer,
            creds: (c0, at(self.creds.len())),
            events: (e0, at(self.events.len())),
        };
        add_to(&mut self.rows, row);
    }

    /// What orders each call, for all of them: what was known of it when it was added may be less.
    pub fn rank(&mut self, keys: &[CallKey]) {
        for (row, key) in self.rows.iter_mut().zip(keys) {
            row.key = *key;
        }
    }

    /// What hosts are called: asked for those alone that tenants were named on.
    pub fn tell_hosts<'t>(&mut self, text: impl Fn(u32) -> &'t str) {
        self.tenants.tell_hosts(text);
    }

    /// Says that a call is another one once more: it says nothing of its own.
    pub fn again(&mut self, call: u32) {
        if let Some(r) = self.rows.get_mut(call as usize) {
            (r.creds, r.events) = ((0, 0), (0, 0));
        }
    }

    /// Says that `inner` was caused by `outer` (indexes of calls, all of them added before): a login or logout that both show
    /// is one, and what a front tells the inner one about the user is about the credential that the outer one presented.
    pub fn caused(&mut self, inner: u32, outer: u32) {
        self.outer.resize(self.rows.len(), NONE);
        if let Some(o) = self.outer.get_mut(inner as usize)
            && inner != outer
        {
            *o = outer;
        }
        let told = self.rows.get(inner as usize).is_some_and(|r| {
            self.events_of(r)
                .iter()
                .any(|e| matches!(e, Ev::Fronted { .. }))
        });
        let asks = self
            .rows
            .get(outer as usize)
            .is_some_and(|r| r.creds.0 != r.creds.1);
        if told && asks {
            self.behind.push((outer, inner));
        }
    }

    fn issue(&mut self, issued: &[(String, u64)]) -> (u32, u32) {
        let from = at(self.issued.len());
        self.issued.extend(issued.iter().map(|(p, v)| {
            let cookie = p.strip_prefix("cookie:");
            Issued {
                print: *v,
                cookie: cookie.is_some(),
                maybe: !sure_place(p),
                weak: cookie.is_some_and(|n| !session_name(n)),
                name: cookie.map_or(0, name_number),
            }
        }));
        (from, at(self.issued.len()))
    }

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

    /// What only looked like a credential is one where a call handed it out and another presented it; the rest is put away.
    pub(super) fn confirm(&mut self) {
        self.refuse();
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
            c.maybe = c.maybe && !issued.contains(&c.print);
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

    /// The call that caused this one, and its index.
    pub(super) fn outer_of(&self, call: u32) -> Option<(u32, &Row)> {
        let outer = *self.outer.get(call as usize)?;
        Some((outer, self.rows.get(outer as usize)?))
    }
    /// Calls in time order, a call never before the one that caused it: two taps' clocks may differ.
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..at(self.rows.len())).collect();
        let key = |i: u32| self.rows.get(i as usize).map(|r| r.key);
        if self.outer.is_empty() {
            order.sort_unstable_by_key(|i| (key(*i), *i));
            return order;
        }
        order.sort_by_cached_key(|i| {
            let (mut late, mut depth, mut at) = (key(*i), 0u8, *i);
            while let Some((outer, row)) = self.outer_of(at).filter(|_| depth < CHAIN) {
                late = late.max(Some(row.key));
                (depth, at) = (depth + 1, outer);
            }
            (late, depth, key(*i), *i)
        });
        order
    }
    pub(super) fn creds_of(&self, r: &Row) -> &[Cred] {
        self.creds
            .get(r.creds.0 as usize..r.creds.1 as usize)
            .unwrap_or_default()
    }
    pub(super) fn events_of(&self, r: &Row) -> &[Ev] {
        self.events
            .get(r.events.0 as usize..r.events.1 as usize)
            .unwrap_or_default()
    }
    pub(super) fn issued_of(&self, r: (u32, u32)) -> &[Issued] {
        self.issued
            .get(r.0 as usize..r.1 as usize)
            .unwrap_or_default()
    }
}
