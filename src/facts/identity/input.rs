//! Identity evidence of all calls, packed: a call is a few numbers, names and places are stored once.
//! In: one call at a time in any order. Out: flat vectors. Bounds: about 80 bytes a call.

use super::names::{Names, claim_rank, tenant_of};
use super::tenants::Tenants;
use super::{NONE, services, via};
use crate::call::model::{CredentialSeen, IdentityEvent};
use crate::facts::calls::add_to;
use crate::facts::credentials::{SCREEN, session_name, sure_place};
use crate::limits::CHAIN;
use rustc_hash::FxHashMap;

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

impl Ev {
    /// The name that it tells, where it tells one.
    pub(super) fn name_mut(&mut self) -> Option<&mut u32> {
        match self {
            Ev::Login { name, .. }
            | Ev::Begun { name, .. }
            | Ev::WhoAmI { name, .. }
            | Ev::Fronted { name, .. }
            | Ev::OnBehalf { name }
            | Ev::Owned { name, .. }
            | Ev::Switched { to: name } => Some(name),
            Ev::Failed
            | Ev::Renewed { .. }
            | Ev::Logout
            | Ev::Left { .. }
            | Ev::Refused
            | Ev::Nothing => None,
        }
    }
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
    /// Number of each row's host.
    pub(super) hosts: Vec<u32>,
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

pub(super) fn at(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(NONE)
}

impl Input {
    /// Takes room for so many calls.
    pub fn reserve(&mut self, calls: usize) {
        self.rows.reserve_exact(calls);
        self.hosts.reserve_exact(calls);
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
            let screen = c.claim.as_deref() == Some(SCREEN);
            let cookie = c.place.strip_prefix("cookie:");
            // What reads as a token is one, whatever the cookie is called.
            let strong = cookie.is_none_or(session_name) || c.kind == "jwt";
            let cred = Cred {
                print: c.print,
                kind: via(c.kind),
                name,
                service: c.service,
                strong,
                maybe: maybe && (c.claim.is_none() || screen),
                cookie: cookie.map_or(0, name_number),
                code: maybe && (screen || c.claim.as_deref() == Some("user_code")),
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
                    services::noted(&mut self.tenants, host, names);
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
        add_to(&mut self.hosts, host);
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
