//! The lives of credentials. In: calls in time order. Out: intervals with their owners, and which interval each presented
//! credential was in. Bounds: one interval per credential, login and logout.

use super::input::{Ev, Input, Issued, Row};
use super::logins::{login_places, made_by_another, only_kept, told_before};
use super::{NONE, keys, services, switched, tenants, told};
use rustc_hash::{FxHashMap, FxHashSet};

/// How an interval's owner is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Not at all.
    Unknown,
    /// The credential names itself.
    Itself,
    /// It was handed out at a login.
    Login,
    /// An answer named the owner.
    WhoAmI,
    /// A first step of a login handed it out: what a second step hands out for it has this owner, it has none itself.
    Begun,
    /// It was presented at a login that handed out another.
    Before,
    /// It was handed out for one that had an owner.
    Renewed,
    /// An answer to somebody else told whose it is.
    Owned,
    /// A front named the user beside it, always the same.
    Fronted,
}

/// A stretch of a credential's life with one owner.
#[derive(Debug, Clone, Copy)]
pub struct Interval {
    pub print: u64,
    /// Way it is presented, index into [`super::VIA`]; 255 while it was only handed out.
    pub kind: u8,
    pub owner: u32,
    pub how: How,
    /// Position in time at which the owner became known; calls before it are back-filled.
    pub bound_at: u32,
    /// Call that told the owner, [`NONE`] for none.
    pub proof: u32,
    /// Interval it was renewed from.
    pub parent: u32,
    /// Interval whose session this one belongs to.
    pub session: u32,
    pub after_logout: bool,
    pub conflict: bool,
    pub strong: bool,
    pub service: bool,
    pub cookie: bool,
    /// Name of whom its owner stands for in it, [`NONE`] for nobody.
    pub behalf: u32,
    /// Whether it was presented after it was last handed out at a login.
    used: bool,
    fronted: u32,
    many_fronted: bool,
}

/// The result.
#[derive(Debug, Default)]
pub struct Lives {
    pub list: Vec<Interval>,
    /// Interval of each credential of [`Input`], in its order.
    pub of_cred: Vec<u32>,
    /// Name and first interval of successful logins, by call.
    pub login: FxHashMap<u32, (u32, u32)>,
    pub(super) current: FxHashMap<u64, u32>,
    /// Interval, name and call.
    pub(super) whoami: Vec<(u32, u32, u32)>,
    /// What lists told of keys.
    pub(super) owned: Vec<keys::Told>,
    /// Cookies of unknown names that logins handed out beside a session, by print: the session's interval.
    beside: FxHashMap<u64, u32>,
    /// Places at which somebody without a session got one: a form there is a login whoever sends it.
    pub(super) logins_at: FxHashSet<u32>,
}

impl Lives {
    pub(super) fn open(&mut self, print: u64) -> u32 {
        let id = u32::try_from(self.list.len()).unwrap_or(NONE);
        self.list.push(Interval {
            print,
            kind: 255,
            owner: NONE,
            how: How::Unknown,
            bound_at: 0,
            proof: NONE,
            parent: NONE,
            session: NONE,
            after_logout: false,
            conflict: false,
            strong: true,
            service: false,
            cookie: false,
            behalf: NONE,
            used: false,
            fronted: NONE,
            many_fronted: false,
        });
        self.current.insert(print, id);
        id
    }
    pub(super) fn get(&mut self, id: u32) -> Option<&mut Interval> {
        self.list.get_mut(id as usize)
    }
}

/// Follows all calls in time order.
pub fn follow(input: &Input, order: &[u32]) -> Lives {
    let mut l = Lives {
        of_cred: vec![NONE; input.creds.len()],
        ..Lives::default()
    };
    l.logins_at = login_places(input);
    for (pos, call) in order.iter().enumerate() {
        let Some(row) = input.rows.get(*call as usize) else {
            continue;
        };
        let pos = u32::try_from(pos).unwrap_or(NONE);
        let mine = present(input, *call, row, &mut l);
        for e in input.events_of(row) {
            if !told_before(input, *call, e, &mut l) {
                apply(input, *call, pos, e, &mine, &mut l);
            }
        }
        let handed = l.login.get(call).map_or(NONE, |(_, first)| *first);
        for id in mine.iter().filter(|id| **id != handed) {
            if let Some(iv) = l.get(*id) {
                iv.used = true;
            }
        }
        let from = input.behind.partition_point(|(outer, _)| outer < call);
        for (_, inner) in input
            .behind
            .iter()
            .skip(from)
            .take_while(|(outer, _)| outer == call)
        {
            let told = input.rows.get(*inner as usize);
            for e in told.iter().flat_map(|r| input.events_of(r)) {
                if matches!(e, Ev::Fronted { .. }) {
                    apply(input, *inner, pos, e, &mine, &mut l);
                }
            }
        }
    }
    settle(&mut l, input);
    l
}

/// The intervals of the credentials that a call presents. What its outer call presented too is in the outer's interval,
/// whatever happened to the credential since.
fn present(input: &Input, call: u32, row: &Row, l: &mut Lives) -> Vec<u32> {
    let outer = input.outer_of(call).map(|(_, r)| r);
    let carried = |print: u64, l: &Lives| {
        let r = outer?;
        let i = input.creds_of(r).iter().position(|c| c.print == print)?;
        let id = *l.of_cred.get(r.creds.0 as usize + i)?;
        (id != NONE).then_some(id)
    };
    let mut mine = Vec::with_capacity((row.creds.1 - row.creds.0) as usize);
    let mut code = NONE;
    for (i, c) in input.creds_of(row).iter().enumerate() {
        if c.maybe {
            mine.push(NONE);
            continue;
        }
        let known = carried(c.print, l).or_else(|| l.current.get(&c.print).copied());
        let id = match known {
            Some(id) => id,
            None => l.open(c.print),
        };
        let name = tenants::adopted(&input.names, l, id, c.name);
        if let Some(iv) = l.get(id) {
            if iv.kind == 255 {
                iv.kind = c.kind;
                iv.strong = c.strong;
                iv.cookie = super::VIA.get(c.kind as usize) == Some(&"cookie");
            }
            // Who came in by name is better known by it than by a number that the token has for them.
            let numbered =
                iv.how == How::Login && input.names.number(name) && !input.names.number(iv.owner);
            if name != NONE && iv.how != How::Itself && !numbered {
                (iv.owner, iv.how, iv.bound_at, iv.service) = (name, How::Itself, 0, c.service);
                iv.proof = call;
            }
        }
        if c.code {
            code = id;
        }
        if let Some(slot) = l.of_cred.get_mut(row.creds.0 as usize + i) {
            *slot = id;
        }
        mine.push(id);
    }
    // A code that somebody with a session types in lets the device in as that one.
    if code != NONE
        && let Some(owner) = mine.iter().copied().find(|id| *id != code && *id != NONE)
        && let Some(iv) = l.get(code)
        && iv.parent == NONE
    {
        (iv.parent, iv.proof) = (owner, call);
    }
    mine
}

fn apply(input: &Input, call: u32, pos: u32, e: &Ev, mine: &[u32], l: &mut Lives) {
    match *e {
        Ev::Login {
            name,
            service,
            issued,
            sure,
        } => {
            let issued = input.issued_of(issued);
            if !sure
                && (made_by_another(input, call, name, mine, l)
                    || only_kept(issued, call, mine, l, input))
            {
                renew(issued, (call, pos), mine, input, l);
                return;
            }
            let real = issued.iter().any(|i| !i.weak && !i.maybe);
            let mut first = NONE;
            // A tracking cookie that comes along with a session says nothing about who comes next.
            for i in issued.iter().filter(|i| !(i.maybe || real && i.weak)) {
                let id = bind(l, i.print, name, pos);
                if let Some(iv) = l.get(id) {
                    iv.service |= service;
                    iv.cookie |= i.cookie;
                    if iv.how == How::Login {
                        iv.proof = call;
                    }
                    if first == NONE {
                        first = id;
                    } else if iv.session == NONE && id != first {
                        iv.session = first;
                    }
                }
            }
            if first == NONE {
                return;
            }
            for id in mine {
                before(l, *id, name, pos, first, call);
            }
            for i in issued.iter().filter(|i| real && i.weak && !i.maybe) {
                l.beside.insert(i.print, first);
            }
            l.login.insert(call, (name, first));
        }
        Ev::Renewed { issued } => renew(input.issued_of(issued), (call, pos), mine, input, l),
        Ev::Owned {
            name,
            service,
            print,
        } => {
            let id = match l.current.get(&print) {
                Some(id) => *id,
                None => l.open(print),
            };
            if let Some(iv) = l.get(id)
                && iv.owner == NONE
                && !iv.conflict
            {
                (iv.owner, iv.how, iv.proof, iv.service) = (name, How::Owned, call, service);
            }
            if let Some(caller) = mine.iter().copied().find(|m| *m != NONE) {
                let path = input.rows.get(call as usize).map_or(NONE, |r| r.path);
                l.owned.push(keys::Told {
                    path,
                    caller,
                    key: id,
                    name,
                });
            }
        }
        Ev::WhoAmI { name, .. } => {
            let may = |id: u32, weak: bool| {
                l.list
                    .get(id as usize)
                    .is_some_and(|iv| (iv.strong || weak) && !iv.service)
            };
            // A ticket is sent once; what is kept beside it goes on.
            let ticket = |id: u32| {
                let iv = l.list.get(id as usize);
                iv.is_some_and(|iv| super::VIA.get(iv.kind as usize) == Some(&"negotiate"))
            };
            // Somebody was known, so a lone cookie is a session's whatever its name.
            let kept = |id: &&u32| !ticket(**id);
            let lone = mine
                .iter()
                .filter(kept)
                .filter(|id| may(**id, true))
                .count()
                == 1;
            let mut keeps = mine.iter().filter(kept);
            let id = keeps.find(|id| may(**id, lone));
            if let Some(id) = id.or_else(|| mine.iter().find(|id| may(**id, false))) {
                l.whoami.push((*id, name, call));
            }
        }
        Ev::Fronted { name, consumer, .. } => {
            // Only a credential that nobody else names can be named by a front, and a key that stands for many users by none.
            if let Some(id) = mine.iter().find(|id| **id != NONE)
                && let Some(iv) = l.get(*id)
                && (consumer || super::VIA.get(iv.kind as usize) != Some(&"api-key"))
            {
                iv.many_fronted |= iv.fronted != NONE && iv.fronted != name;
                iv.fronted = name;
                if iv.how == How::Unknown && iv.proof == NONE {
                    iv.proof = call;
                }
            }
        }
        Ev::Logout => {
            for id in mine {
                if let Some(print) = l.list.get(*id as usize).map(|iv| iv.print) {
                    let new = l.open(print);
                    let old = l.list.get(*id as usize).copied();
                    if let (Some(iv), Some(old)) = (l.get(new), old) {
                        iv.after_logout = true;
                        (iv.kind, iv.strong, iv.cookie) = (old.kind, old.strong, old.cookie);
                    }
                }
            }
        }
        Ev::Left { issued } => {
            for i in input.issued_of(issued) {
                let id = l.open(i.print);
                if let Some(iv) = l.get(id) {
                    iv.after_logout = true;
                }
            }
        }
        Ev::Begun { name, issued } => {
            for i in input.issued_of(issued).iter().filter(|i| !i.maybe) {
                // Who is in stays in, whatever name is typed.
                let whose = l
                    .current
                    .get(&i.print)
                    .and_then(|id| l.list.get(*id as usize));
                if whose.is_some_and(|iv| iv.owner != NONE && iv.how != How::Begun) {
                    continue;
                }
                let old = whose.copied();
                // A socket is one client's from its first message on.
                let kept = l.current.get(&i.print).copied().filter(|_| {
                    old.is_some_and(|iv| {
                        super::VIA.get(iv.kind as usize) == Some(&"socket")
                            && iv.how == How::Unknown
                            && iv.parent == NONE
                    })
                });
                let id = kept.unwrap_or_else(|| l.open(i.print));
                if let Some(iv) = l.get(id) {
                    if let Some(old) = old {
                        (iv.kind, iv.strong, iv.parent) = (old.kind, old.strong, old.parent);
                    }
                    (iv.owner, iv.how, iv.bound_at, iv.proof) = (name, How::Begun, pos, call);
                    iv.cookie = i.cookie;
                }
            }
        }
        Ev::Switched { to } => switched::begin(input, call, to, mine, l),
        Ev::Failed | Ev::Refused | Ev::OnBehalf { .. } | Ev::Nothing => {}
    }
}

/// Credentials handed out for one that was presented.
fn renew(issued: &[Issued], (call, pos): (u32, u32), mine: &[u32], input: &Input, l: &mut Lives) {
    let oauth = |id: u32, l: &Lives| {
        let kind = l.list.get(id as usize).map_or(0, |iv| iv.kind);
        super::VIA.get(kind as usize) == Some(&"oauth")
    };
    let from = mine
        .iter()
        .copied()
        .filter(|id| {
            l.list.get(*id as usize).is_some_and(|iv| {
                iv.strong && (iv.how != How::Before || oauth(*id, l)) && !iv.conflict
            })
        })
        // What is exchanged goes on, not the program that presents it.
        .min_by_key(|id| !oauth(*id, l));
    let begun = mine.iter().copied().find(|id| {
        l.list
            .get(*id as usize)
            .is_some_and(|iv| iv.how == How::Begun)
    });
    let unknown = |id: u32| {
        l.list
            .get(id as usize)
            .is_none_or(|iv| iv.owner == NONE || iv.how == How::Begun)
    };
    let from = match begun {
        Some(b) if from.is_none_or(unknown) => Some(b),
        _ => from,
    };
    let real = issued.iter().any(|i| !i.maybe && !i.weak);
    let Some(from) = from.or_else(|| kept_beside(mine, real, call, l)) else {
        return;
    };
    let behalf = l.list.get(from as usize).map_or(NONE, |iv| iv.behalf);
    // The session of a first step is let in itself.
    if begun == Some(from)
        && let Some(iv) = l.list.get(from as usize).copied()
        && issued.iter().any(|i| i.print == iv.print)
    {
        if let Some(iv) = l.get(from) {
            (iv.how, iv.bound_at, iv.proof) = (How::Login, pos, call);
        }
        l.login.insert(call, (iv.owner, from));
        return;
    }
    // A session under an unknown name begins where a code is brought; else such cookies come to anybody.
    let second = begun == Some(from);
    let weak = !real && (oauth(from, l) || second);
    for i in issued.iter().filter(|i| !i.maybe && (!i.weak || weak)) {
        let id = match l.current.get(&i.print) {
            // The same token handed out again, or one that lives on its own.
            Some(id)
                if l.list
                    .get(*id as usize)
                    .is_some_and(|iv| iv.owner != NONE || iv.parent != NONE || *id == from) =>
            {
                continue;
            }
            Some(id) => *id,
            None => l.open(i.print),
        };
        if let Some(iv) = l.get(id) {
            iv.parent = from;
            iv.session = from;
            iv.proof = call;
            iv.cookie |= i.cookie;
            iv.behalf = behalf;
        }
        if second && let Some(name) = l.list.get(from as usize).map(|iv| iv.owner) {
            l.login.entry(call).or_insert((name, id));
        }
    }
    if real {
        for i in issued.iter().filter(|i| i.weak && !i.maybe) {
            l.beside.insert(i.print, from);
        }
    }
    // A session that a code or an assertion opens was its own before.
    if oauth(from, l) && issued.iter().any(|i| i.cookie && (!i.weak || weak)) {
        for id in mine.iter().filter(|id| **id != from) {
            let known = input
                .rows
                .get(call as usize)
                .map_or(&[][..], |r| input.creds_of(r));
            let strong = known
                .iter()
                .zip(mine)
                .any(|(c, m)| m == id && c.strong && !c.maybe);
            if let Some(iv) = l.get(*id)
                && strong
                && iv.cookie
                && iv.how == How::Unknown
                && iv.parent == NONE
                && !iv.after_logout
            {
                (iv.parent, iv.session, iv.proof) = (from, from, call);
            }
        }
    }
}

/// A cookie of any name that a login handed out beside a session, and that alone brings a new one: it is how that session is
/// renewed. The interval of the session.
fn kept_beside(mine: &[u32], real: bool, call: u32, l: &mut Lives) -> Option<u32> {
    let [id] = mine else { return None };
    let iv = l.list.get(*id as usize)?;
    if !real || iv.owner != NONE || iv.parent != NONE || iv.conflict || iv.after_logout {
        return None;
    }
    let from = *l.beside.get(&iv.print)?;
    let iv = l.get(*id)?;
    (iv.parent, iv.session, iv.proof) = (from, from, call);
    Some(from)
}

/// A credential handed out at a login: the interval that begins with it, or the unclaimed one it had before.
fn bind(l: &mut Lives, print: u64, name: u32, pos: u32) -> u32 {
    let free = l.current.get(&print).copied().filter(|id| {
        l.list.get(*id as usize).is_some_and(|iv| {
            iv.owner == NONE && iv.parent == NONE && !iv.after_logout && !iv.conflict
        })
    });
    let itself = l.current.get(&print).copied().filter(|id| {
        l.list
            .get(*id as usize)
            .is_some_and(|iv| iv.how == How::Itself)
    });
    // Handed out to the same person again before anybody used it: the same login, seen at another place on its way.
    let again = l.current.get(&print).copied().filter(|id| {
        l.list
            .get(*id as usize)
            .is_some_and(|iv| iv.how == How::Login && iv.owner == name && !iv.used)
    });
    let old = l
        .current
        .get(&print)
        .and_then(|id| l.list.get(*id as usize))
        .copied();
    let id = match itself.or(free).or(again) {
        Some(id) => id,
        None => l.open(print),
    };
    if let Some(iv) = l.get(id) {
        if let Some(old) = old {
            (iv.kind, iv.strong, iv.cookie) = (old.kind, old.strong, old.cookie);
        }
        iv.used = false;
        if iv.how != How::Itself && Some(id) != again {
            (iv.owner, iv.how, iv.bound_at) = (name, How::Login, pos);
        }
    }
    id
}

/// A credential that was presented at a login that handed out another: the calls before belong to the same person,
/// unless it is presented at the logins of two people (a device's cookie).
fn before(l: &mut Lives, id: u32, name: u32, pos: u32, session: u32, call: u32) {
    if let Some(iv) = l.get(id) {
        match iv.how {
            How::Unknown
                if iv.parent == NONE
                    && !iv.after_logout
                    && !iv.conflict
                    && (iv.cookie || super::VIA.get(iv.kind as usize) == Some(&"oauth")) =>
            {
                (iv.owner, iv.how, iv.bound_at) = (name, How::Before, pos);
                iv.proof = call;
                if session != id {
                    iv.session = session;
                }
            }
            How::Before if iv.owner != name => {
                (iv.owner, iv.how, iv.conflict, iv.session) = (NONE, How::Unknown, true, NONE);
            }
            _ => {}
        }
    }
}

/// Owners that follow from other intervals. Renewal chains run forward in time, so two passes settle them.
fn settle(l: &mut Lives, input: &Input) {
    for pass in 0..2 {
        for i in 0..l.list.len() {
            let Some(iv) = l.list.get(i).copied() else {
                continue;
            };
            let numbered = iv.how == How::Itself && input.names.number(iv.owner);
            if (iv.owner == NONE || numbered)
                && iv.parent != NONE
                && let Some(p) = l.list.get(iv.parent as usize).copied()
                && p.owner != NONE
                && !(numbered && (p.service || input.names.number(p.owner)))
                && let Some(iv) = l.list.get_mut(i)
            {
                (iv.owner, iv.how, iv.bound_at, iv.service) = (p.owner, How::Renewed, 0, p.service);
            }
        }
        if input.names.tenanted() {
            services::profiled(l, &input.names);
            tenants::adopt(l, &input.names);
        }
        if pass == 0 {
            told::doubtful(l, input);
            told::whoami(l);
            told::exchanged(l);
            keys::labelled(l);
        }
    }
    switched::found(l, input);
    for iv in &mut l.list {
        if iv.owner == NONE
            && iv.fronted != NONE
            && !iv.many_fronted
            && !iv.conflict
            && !iv.after_logout
        {
            (iv.owner, iv.how) = (iv.fronted, How::Fronted);
        }
    }
}
