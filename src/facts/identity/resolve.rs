//! The account, the way, the confidence and the session of every call. In: evidence. Out: decisions by call index.
//! Bounds: one pass over calls in time order after the intervals are known.

use super::book::{Book, NOBODY, nobody_at};
use super::input::{Cred, Ev, Input, Row};
use super::intervals::{How, Lives, follow};
use super::refused::{Standing, Standings};
use super::sessions::Session;
use super::{NONE, VIA, switched, tenants, via};
use std::net::IpAddr;

/// What was decided for one call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// Index into [`Identity::accounts`].
    pub account: u32,
    /// 0..=1.
    pub conf: f32,
    /// Index into [`VIA`].
    pub via: u8,
    /// What it was made with: calls of one account alike in this can be one session.
    pub thread: Thread,
    /// Index into [`Identity::names`] of whom it acts for; [`NONE`] for nobody.
    pub behalf: u32,
    /// The call that shows whose it is, [`NONE`] where nobody is known.
    pub proof: u32,
}

/// An account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Name by the contract's order.
    pub name: String,
    /// Name with its tenant before it, whether it is shown so or not; empty where it has none.
    pub full: String,
    /// `person service unattributed`.
    pub kind: &'static str,
    /// Best confidence of its calls.
    pub conf: f32,
    /// Way of most of its calls, index into [`VIA`].
    pub via: u8,
    /// Why it has this name.
    pub why: String,
}

/// What ties calls of one account together: the interval at the head of its credential's life, else client and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Thread {
    /// Interval of a credential.
    Credential(u32),
    /// Address and user agent.
    Client(u32, u32),
}

/// The whole result.
#[derive(Debug, Default)]
pub struct Identity {
    /// By call index.
    pub calls: Vec<Decision>,
    /// Accounts in order of name.
    pub accounts: Vec<Account>,
    /// Call indexes in time order.
    pub order: Vec<u32>,
    /// Sessions in order of first call in time; [`super::sessions()`] cuts them.
    pub sessions: Vec<Session>,
    /// Names that `behalf` points at.
    pub names: Vec<String>,
}

/// Whose a call is, before accounts are known.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    /// Name id, or NONE.
    pub name: u32,
    /// Interval, or NONE.
    pub interval: u32,
    pub conf: f32,
    pub via: u8,
    behalf: u32,
    /// Whether a key without a name is the account.
    pub key: bool,
    /// The call that told the name.
    proof: u32,
}

impl Identity {
    /// The account of an address of which no more is known.
    pub fn unattributed(&mut self, addr: Option<IpAddr>) -> u32 {
        let name = nobody_at(addr);
        let there = self.accounts.iter().position(|a| a.name == name);
        let at = there.unwrap_or_else(|| {
            self.accounts.push(Account {
                name,
                full: String::new(),
                kind: "unattributed",
                conf: 0.1,
                via: 0,
                why: NOBODY.to_owned(),
            });
            self.accounts.len() - 1
        });
        u32::try_from(at).unwrap_or(NONE)
    }
}

/// Decides all calls.
pub fn resolve(mut input: Input) -> Identity {
    let order = input.order();
    tenants::settle(&mut input);
    input.confirm();
    input.behind.sort_unstable();
    let lives = follow(&input, &order);
    for (profile, owner) in switched::profile_links(&lives, &input) {
        input.names.link(profile, owner);
    }
    let mut book = Book::default();
    let mut out = Identity {
        calls: vec![
            Decision {
                account: 0,
                conf: 0.0,
                via: 0,
                thread: Thread::Client(0, 0),
                behalf: NONE,
                proof: NONE,
            };
            input.rows.len()
        ],
        names: input.names.list.iter().map(|n| n.text.clone()).collect(),
        ..Identity::default()
    };
    let roots = roots(&lives);
    let known = Known {
        groups: input.names.groups(),
        fronts: fronts(&input),
        standings: Standings::of(&input),
    };
    for (pos, call) in order.iter().enumerate() {
        let Some(row) = input.rows.get(*call as usize) else {
            continue;
        };
        let pos = u32::try_from(pos).unwrap_or(NONE);
        let mut c = choose(&input, row, (*call, pos), &lives, &known);
        let account = book.account(&input, row, &c, &lives, &known.groups);
        book.count(account, &c);
        let thread = if c.interval != NONE {
            Thread::Credential(roots.get(c.interval as usize).copied().unwrap_or(NONE))
        } else {
            Thread::Client(row.addr, row.ua)
        };
        if c.behalf != NONE {
            let group = known.groups.get(c.behalf as usize);
            c.behalf = group.copied().unwrap_or(NONE);
        }
        if let Some(d) = out.calls.get_mut(*call as usize) {
            *d = Decision {
                account,
                conf: c.conf,
                via: c.via,
                thread,
                behalf: c.behalf,
                proof: c.proof,
            };
        }
    }
    book.finish(&mut out, &input.tenants);
    out.order = order;
    out
}

/// The interval at the head of each interval's session.
fn roots(l: &Lives) -> Vec<u32> {
    let mut out: Vec<u32> = Vec::with_capacity(l.list.len());
    for (i, iv) in l.list.iter().enumerate() {
        let mine = u32::try_from(i).unwrap_or(NONE);
        let up = iv.session;
        // A renewed credential whose owner is another's is no continuation.
        let same = l.list.get(up as usize).is_some_and(|p| p.owner == iv.owner);
        out.push(if up == NONE || !same {
            mine
        } else if up < mine {
            out.get(up as usize).copied().unwrap_or(mine)
        } else {
            up
        });
    }
    out
}

fn confidence(how: How, kind: &str, early: bool) -> f32 {
    match (how, kind) {
        (How::Itself, "log-user") => 0.97,
        (How::Itself, _) => 0.99,
        (How::Login, _) if early => 0.95,
        (How::Login, _) => 0.98,
        (How::WhoAmI | How::Owned, _) => 0.97,
        (How::Renewed, _) => 0.97,
        (How::Before, _) => 0.95,
        (How::Fronted, _) => 0.95,
        (How::Unknown | How::Begun, _) => 0.5,
    }
}

fn way(how: How, c: &Cred, cookie: bool) -> u8 {
    match VIA.get(c.kind as usize).copied().unwrap_or("address") {
        "cookie" if matches!(how, How::Login | How::Renewed | How::Before) && cookie => {
            via("cookie-login")
        }
        _ => c.kind,
    }
}

/// Addresses that name several users in headers: fronts, not clients that name themselves.
fn fronts(input: &Input) -> Vec<bool> {
    let mut first = vec![NONE; input.addrs.len()];
    let mut out = vec![false; input.addrs.len()];
    for row in &input.rows {
        for e in input.events_of(row) {
            if let Ev::Fronted {
                name, log: false, ..
            } = *e
                && let (Some(f), Some(o)) = (
                    first.get_mut(row.addr as usize),
                    out.get_mut(row.addr as usize),
                )
            {
                *o |= *f != NONE && *f != name;
                *f = name;
            }
        }
    }
    out
}

/// What is known from all calls together.
struct Known {
    /// Group of each name.
    groups: Vec<u32>,
    /// Whether an address is a front's, by its number.
    fronts: Vec<bool>,
    standings: Standings,
}

/// Whose a call is; it comes with its number and its place in time.
fn choose(input: &Input, row: &Row, (call, pos): (u32, u32), l: &Lives, known: &Known) -> Choice {
    let Known {
        groups,
        fronts,
        standings,
    } = known;
    let group = |n: u32| groups.get(n as usize).copied().unwrap_or(NONE);
    let (mut fronted, mut behalf, mut failed) = (None, NONE, false);
    for e in input.events_of(row) {
        match *e {
            // Several headers may name the user; the first one read is the account, a different one is no second person. A
            // consumer of a gateway is the application where another header names its user.
            Ev::Fronted {
                name,
                log,
                consumer,
            } => match fronted {
                Some((_, _, true)) if !consumer => fronted = Some((name, log, consumer)),
                Some(_) => {}
                None => fronted = Some((name, log, consumer)),
            },
            Ev::OnBehalf { name } => behalf = name,
            Ev::Failed => failed = true,
            _ => {}
        }
    }
    if let Some((name, interval)) = l.login.get(&call).copied() {
        let iv = l.list.get(interval as usize);
        let w = match iv.map(|iv| (iv.cookie, VIA.get(iv.kind as usize).copied())) {
            Some((_, Some("jwt"))) => "jwt",
            Some((true, _)) => "cookie-login",
            _ => "bearer",
        };
        return Choice {
            name,
            interval,
            conf: 0.98,
            via: via(w),
            behalf,
            key: false,
            proof: call,
        };
    }
    let mut best: Option<(u8, Choice, bool)> = None;
    for (i, c) in input.creds_of(row).iter().enumerate() {
        let Some(id) = l.of_cred.get(row.creds.0 as usize + i).copied() else {
            continue;
        };
        let Some(iv) = l.list.get(id as usize) else {
            continue;
        };
        let kind = VIA.get(c.kind as usize).copied().unwrap_or("address");
        let early = pos < iv.bound_at;
        // A refused password names nobody; a failed login does not either, unless its credential does.
        let refused = row.status == 401 && matches!(kind, "basic" | "ntlm" | "log-user");
        // Nor does a token or a key that was never let in: anybody can make one with any name.
        let standing = match iv.how {
            How::Itself | How::Unknown => standings.at(c.print, c.kind, c.name),
            _ => Standing::Good,
        };
        if standing == Standing::Refused {
            continue;
        }
        // The number of an attempt that a first step handed out is nobody's while the next steps fail.
        let tried = failed && kind == "oauth";
        let stays = iv.how == How::Itself || iv.how == How::Login && !early;
        if refused || tried || failed && !stays {
            continue;
        }
        if iv.how == How::Begun {
            continue;
        }
        let (class, choice) = if iv.owner != NONE {
            let class = if iv.service {
                3
            } else if iv.how == How::Before {
                4
            } else {
                5
            };
            let conf = match standing {
                Standing::Doubtful => 0.5,
                _ => confidence(iv.how, kind, early),
            };
            let class = if c.code { 1 } else { class };
            (
                class,
                Choice {
                    name: iv.owner,
                    interval: id,
                    conf,
                    via: way(iv.how, c, iv.cookie),
                    behalf: if behalf == NONE { iv.behalf } else { behalf },
                    key: false,
                    proof: iv.proof,
                },
            )
        } else if matches!(kind, "api-key" | "bearer" | "jwt") && !iv.conflict && !iv.after_logout {
            // A token that was given back is no key any more.
            let conf = if kind == "api-key" { 0.95 } else { 0.8 };
            (
                2,
                Choice {
                    name: NONE,
                    interval: id,
                    conf,
                    via: c.kind,
                    behalf,
                    key: true,
                    proof: call,
                },
            )
        } else {
            (
                u8::from(c.strong),
                Choice {
                    name: NONE,
                    interval: id,
                    conf: 0.1,
                    via: 0,
                    behalf,
                    key: false,
                    proof: NONE,
                },
            )
        };
        if best
            .as_ref()
            .is_none_or(|(b, old, _)| class > *b || class == *b && choice.conf > old.conf)
        {
            best = Some((class, choice, iv.service));
        }
    }
    let mut choice = match (best, fronted) {
        (Some((class, c, service)), Some((name, ..))) if class >= 2 => {
            // The credential acts; whom the front names beside a program's is whom it acts for. Beside a person's it may be
            // the client's own word: nobody is added, and less is sure.
            let alike = input.names.without_tenant(name, c.name);
            let other = c.name == NONE || group(c.name) != group(name) && !alike;
            let person = c.name != NONE && !service;
            Choice {
                behalf: if behalf == NONE && other && !person {
                    name
                } else {
                    behalf
                },
                conf: if other && person {
                    c.conf - 0.05
                } else {
                    c.conf
                },
                ..c
            }
        }
        (_, Some((name, log, _))) if !failed => {
            let inner = input.outer_of(call).is_some();
            let front = fronts.get(row.addr as usize).copied().unwrap_or(false);
            let (conf, w) = if log {
                (0.97, "log-user")
            } else if inner || front {
                (0.96, "header")
            } else {
                // A client that names one user only may say so itself.
                (0.75, "header")
            };
            Choice {
                name,
                interval: NONE,
                conf,
                via: via(w),
                behalf,
                key: false,
                proof: call,
            }
        }
        (Some((_, c, _)), _) => c,
        (None, _) => Choice {
            name: NONE,
            interval: NONE,
            conf: 0.1,
            via: 0,
            behalf,
            key: false,
            proof: NONE,
        },
    };
    if choice.behalf != NONE && choice.name != NONE && group(choice.behalf) == group(choice.name) {
        choice.behalf = NONE;
    }
    choice
}
