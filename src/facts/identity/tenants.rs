//! Which names of tenants are people of their own. In: names with the tenants that calls named beside them. Out: names by number, each
//! with its tenant where that tells people apart, without one where not. Bounds: linear in what was named, but for sorting.
//!
//! Of a service with one tenant nobody needs to know it: its people are those of the same names elsewhere. A tenant counts where a
//! host has others beside it, or where people of one name log in to two. What only may be a tenant's name (a realm, where
//! somebody works, a part of the address) counts where something else agrees.

use super::input::{Ev, Input};
use super::intervals::Lives;
use super::names::Names;
use super::{NONE, services};
use crate::call::model::IdentityEvent;
use crate::facts::credentials::tenant::{SERVICE, given, possible, sure, told};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// A tenant.
#[derive(Debug, Clone)]
struct Tenant {
    text: String,
    /// Where it was read, in words: of several places the first by name.
    place: String,
    /// Whether it is a host whose people are others than those of the same name elsewhere.
    service: bool,
}

/// All tenants that were named, and where.
#[derive(Debug, Clone, Default)]
pub struct Tenants {
    list: Vec<Tenant>,
    ids: FxHashMap<String, u32>,
    /// Number of the host and tenant, where its word leaves no doubt.
    hosts: BTreeSet<(u32, u32)>,
    /// The same with a name between them, where it does.
    doubtful: BTreeSet<(u32, String, u32)>,
    /// What these hosts are called.
    called: FxHashMap<u32, String>,
    /// Names with a tenant that people typed in.
    typed: BTreeSet<(String, u32)>,
    /// Two tenants that one call named for one name: a code that was typed and a number in the token.
    both: BTreeSet<(u32, u32)>,
    /// Parts of addresses of logins, by call.
    maybe: Vec<(u32, String)>,
    /// Names that one token or answer of a host held together, where one is an address of mail: a login name, the host, the others.
    pub(super) mails: BTreeSet<(String, u32, Vec<String>)>,
}

/// Names of one call that have a tenant, in small letters.
pub type Within = Vec<(String, u32)>;

impl Tenants {
    /// What a tenant is called, and where that was read.
    pub fn get(&self, id: u32) -> Option<(&str, &str)> {
        self.list
            .get(id as usize)
            .map(|t| (t.text.as_str(), t.place.as_str()))
    }

    /// What a host is called, of those that were told.
    pub(super) fn host(&self, host: u32) -> &str {
        self.called.get(&host).map_or("", String::as_str)
    }

    pub(super) fn id(&mut self, text: &str, place: &str) -> u32 {
        let service = place == SERVICE;
        let place = told(place);
        let lower = text.to_lowercase();
        if let Some(id) = self.ids.get(&lower).copied() {
            if let Some(t) = self.list.get_mut(id as usize) {
                // Whatever the order of loading, the same spelling and place win.
                if text > t.text.as_str() {
                    t.text = text.to_owned();
                }
                if place < t.place {
                    t.place = place;
                }
                t.service |= service;
            }
            return id;
        }
        let id = u32::try_from(self.list.len()).unwrap_or(NONE);
        self.list.push(Tenant {
            text: text.to_owned(),
            place,
            service,
        });
        self.ids.insert(lower, id);
        id
    }

    /// Reads what a call on `host` says of tenants; `call` is its index.
    pub fn read(&mut self, host: u32, call: u32, events: &[IdentityEvent]) -> Within {
        let mut out: Within = Vec::new();
        for e in events {
            let IdentityEvent::Tenant {
                name,
                tenant,
                place,
            } = e
            else {
                continue;
            };
            if possible(place) {
                self.maybe.push((call, tenant.to_lowercase()));
                continue;
            }
            let id = self.id(tenant, place);
            let name = name.trim().to_lowercase();
            if sure(place) {
                self.hosts.insert((host, id));
                if given(place) {
                    self.typed.insert((name.clone(), id));
                }
            } else {
                self.doubtful.insert((host, name.clone(), id));
            }
            match out.iter().find(|(n, _)| *n == name) {
                Some((_, first)) if *first != id => {
                    self.both.insert((*first.min(&id), *first.max(&id)));
                }
                Some(_) => {}
                None => out.push((name, id)),
            }
        }
        out
    }

    /// Notes what hosts are called.
    pub fn tell_hosts<'t>(&mut self, text: impl Fn(u32) -> &'t str) {
        let hosts = self.hosts.iter().map(|(h, _)| *h);
        let all = hosts.chain(self.doubtful.iter().map(|(h, ..)| *h));
        let all = all.chain(self.mails.iter().map(|(_, h, _)| *h));
        self.called = all.map(|h| (h, text(h).to_owned())).collect();
    }

    /// A host, without the label that is the tenant's own.
    fn scope(&self, host: u32, tenant: u32) -> &str {
        let host = self.host(host);
        let tenant = self.get(tenant).map_or("", |t| t.0);
        host.split_once('.')
            .filter(|(l, _)| l.eq_ignore_ascii_case(tenant))
            .map_or(host, |(_, rest)| rest)
    }

    /// Place of each among all by name, which no order of loading changes.
    fn by_name(&self) -> Vec<u32> {
        let mut all: Vec<(&str, usize)> = self
            .ids
            .iter()
            .map(|(n, i)| (n.as_str(), *i as usize))
            .collect();
        all.sort_unstable();
        let mut out = vec![0; self.list.len()];
        for ((_, id), place) in all.iter().zip(0u32..) {
            if let Some(slot) = out.get_mut(*id) {
                *slot = place;
            }
        }
        out
    }

    /// One number for a tenant that calls named in two ways, where neither has a third.
    fn aliases(&self) -> Vec<u32> {
        let mut to: Vec<u32> = (0..self.list.len())
            .map(|i| u32::try_from(i).unwrap_or(NONE))
            .collect();
        let mut with: FxHashMap<u32, u32> = FxHashMap::default();
        for (a, b) in &self.both {
            *with.entry(*a).or_default() += 1;
            *with.entry(*b).or_default() += 1;
        }
        let alone = |t: &u32| with.get(t) == Some(&1);
        // A word says more than a number.
        let key = |t: u32| {
            let text = self.get(t).map_or("", |t| t.0);
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            (digits * 2 > text.len() || text.len() >= 32, text.to_owned())
        };
        for (a, b) in self.both.iter().filter(|(a, b)| alone(a) && alone(b)) {
            let (best, other) = if key(*a) <= key(*b) { (a, b) } else { (b, a) };
            if let Some(slot) = to.get_mut(*other as usize) {
                *slot = *best;
            }
        }
        to
    }
}

/// Tenants, by number, that tell people apart, and names of doubtful ones that do.
struct Counting {
    to: Vec<u32>,
    tenants: FxHashSet<u32>,
    names: FxHashSet<(String, u32)>,
}

fn counting(t: &Tenants, names: &Names) -> Counting {
    let to = t.aliases();
    let as_one = |id: u32| to.get(id as usize).copied().unwrap_or(id);
    let mut hosts: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (host, id) in &t.hosts {
        let at = t.scope(*host, *id);
        hosts.entry(at).or_default().insert(as_one(*id));
    }
    let several = hosts.into_values().filter(|ids| ids.len() > 1);
    let tenants: FxHashSet<u32> = several.flatten().collect();
    let mut counted: FxHashSet<(String, u32)> = FxHashSet::default();
    let mut typed: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (name, id) in &t.typed {
        typed.entry(name).or_default().insert(as_one(*id));
    }
    let two = typed.into_iter().filter(|(_, ids)| ids.len() > 1);
    counted
        .extend(two.flat_map(|(name, ids)| ids.into_iter().map(move |id| (name.to_owned(), id))));
    let beside = names.beside();
    let mut called: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (one, id) in to.iter().zip(0u32..) {
        called.entry(*one).or_default().push(id);
    }
    let mut doubtful: BTreeMap<(&str, &str), BTreeSet<u32>> = BTreeMap::new();
    for (host, name, id) in &t.doubtful {
        doubtful
            .entry((t.scope(*host, *id), name))
            .or_default()
            .insert(as_one(*id));
    }
    for ((_, name), ids) in doubtful.into_iter().filter(|(_, ids)| ids.len() > 1) {
        // Somebody may be moved to another department, and is one person by number or mail.
        let text = |n: &u32| names.list.get(*n as usize).map(|n| n.text.as_str());
        let known: Vec<BTreeSet<&str>> = ids
            .iter()
            .flat_map(|id| called.get(id).into_iter().flatten())
            .filter_map(|id| beside.get(&names.in_tenant(name, *id)?))
            .map(|all| all.iter().filter_map(text).collect())
            .collect();
        let shared = known
            .iter()
            .enumerate()
            .any(|(i, a)| known.iter().skip(i + 1).any(|b| !a.is_disjoint(b)));
        if !shared {
            counted.extend(ids.into_iter().map(|id| (name.to_owned(), id)));
        }
    }
    // Whose mail is another's than that of who bears the name elsewhere is somebody else.
    let mail = |of: u32| -> BTreeSet<u32> {
        let all = beside.get(&of).into_iter().flatten().copied();
        let text = |n: &u32| names.list.get(*n as usize).map_or("", |n| &n.text);
        all.filter(|n| text(n).contains('@')).collect()
    };
    for (n, id) in names
        .list
        .iter()
        .zip(0u32..)
        .filter(|(n, _)| n.tenant != NONE)
    {
        let lower = n.text.to_lowercase();
        let (mine, theirs) = (mail(id), names.bare(&lower).map(mail).unwrap_or_default());
        if !mine.is_empty() && !theirs.is_empty() && mine.is_disjoint(&theirs) {
            counted.insert((lower, as_one(n.tenant)));
        }
    }
    let mut tenants = tenants;
    let services = (0..).zip(&t.list).filter(|(_, t)| t.service);
    tenants.extend(services.map(|(i, _)| i));
    Counting {
        to,
        tenants,
        names: counted,
    }
}

/// Decides, and says so in all evidence.
pub fn settle(input: &mut Input) {
    services::split(input);
    if input.tenants.list.is_empty() {
        return;
    }
    let c = counting(&input.tenants, &input.names);
    input.names.tenants = input.tenants.by_name();
    let mut map: Vec<u32> = (0..input.names.list.len())
        .map(|i| u32::try_from(i).unwrap_or(NONE))
        .collect();
    for i in 0..map.len() {
        let Some(n) = input
            .names
            .list
            .get(i)
            .filter(|n| n.tenant != NONE)
            .cloned()
        else {
            continue;
        };
        let to = c.to.get(n.tenant as usize).copied().unwrap_or(n.tenant);
        let counts = c.tenants.contains(&to) || c.names.contains(&(n.text.to_lowercase(), to));
        let tenant = if counts { to } else { NONE };
        if tenant != n.tenant
            && let Some(slot) = map.get_mut(i)
        {
            *slot = input.names.again(&n, tenant);
        }
    }
    input.names.mapped(&map);
    let new = |n: &mut u32| *n = map.get(*n as usize).copied().unwrap_or(*n);
    input.creds.iter_mut().for_each(|c| new(&mut c.name));
    input
        .events
        .iter_mut()
        .filter_map(Ev::name_mut)
        .for_each(new);
    for (call, text) in std::mem::take(&mut input.tenants.maybe) {
        let known = input
            .tenants
            .ids
            .get(&text)
            .and_then(|t| c.to.get(*t as usize));
        let Some(tenant) = known.copied().filter(|t| c.tenants.contains(t)) else {
            continue;
        };
        let Some(row) = input.rows.get(call as usize) else {
            continue;
        };
        let events = row.events.0 as usize..row.events.1 as usize;
        for e in input.events.get_mut(events).into_iter().flatten() {
            if let Ev::Login {
                name,
                service: false,
                ..
            }
            | Ev::Begun { name, .. } = e
                && let Some(n) = input
                    .names
                    .list
                    .get(*name as usize)
                    .filter(|n| n.tenant == NONE)
            {
                let n = n.clone();
                *name = input.names.again(&n, tenant);
            }
        }
    }
    one_secret(input);
}

/// The same password under one name in two tenants is one person's, who says where to look.
fn one_secret(input: &mut Input) {
    let basic = super::via("basic");
    let mut first: FxHashMap<u64, u32> = FxHashMap::default();
    let mut both: FxHashSet<u64> = FxHashSet::default();
    for c in input
        .creds
        .iter()
        .filter(|c| c.kind == basic && c.name != NONE)
    {
        if *first.entry(c.print).or_insert(c.name) != c.name {
            both.insert(c.print);
        }
    }
    let Input { creds, names, .. } = input;
    for c in creds.iter_mut().filter(|c| both.contains(&c.print)) {
        if let Some(n) = names.list.get(c.name as usize).filter(|n| n.tenant != NONE) {
            let n = n.clone();
            c.name = names.again(&n, NONE);
        }
    }
}

/// A name without a tenant that a credential says of itself, where the login that handed it out knows the tenant.
pub fn adopted(names: &Names, l: &Lives, id: u32, name: u32) -> u32 {
    let mut of = id;
    for _ in 0..2 {
        let Some(iv) = l.list.get(of as usize) else {
            break;
        };
        if names.without_tenant(name, iv.owner) {
            return iv.owner;
        }
        of = iv.parent;
    }
    name
}

/// What a login hands out, and what that is exchanged for, are one person's: who is named without a tenant in one of them is the
/// one of that name in another. Profiles name their caller in the same way.
pub fn adopt(l: &mut Lives, names: &Names) {
    let mut of: FxHashMap<u32, u32> = FxHashMap::default();
    // Children stand behind their parents.
    for i in (0..l.list.len()).rev() {
        let me = u32::try_from(i).unwrap_or(NONE);
        let Some(iv) = l.list.get_mut(i) else {
            continue;
        };
        if let Some(owner) = of.get(&me).copied().filter(|o| *o != NONE) {
            iv.owner = owner;
        }
        let iv = *iv;
        let up = l.list.get(iv.parent as usize).map_or(NONE, |p| p.owner);
        if names.without_tenant(up, iv.owner) {
            let agreed = of.entry(iv.parent).or_insert(iv.owner);
            if *agreed != iv.owner {
                *agreed = NONE;
            }
        }
    }
    for i in 0..l.list.len() {
        let up = l.list.get(i).and_then(|iv| l.list.get(iv.parent as usize));
        let up = up.map_or(NONE, |p| p.owner);
        if let Some(iv) = l.list.get_mut(i)
            && names.without_tenant(iv.owner, up)
        {
            iv.owner = up;
        }
    }
    let owner = |list: &[super::intervals::Interval], id: u32| {
        list.get(id as usize).map_or(NONE, |iv| iv.owner)
    };
    l.login.values_mut().for_each(|(name, first)| {
        let o = owner(&l.list, *first);
        if names.without_tenant(*name, o) {
            *name = o;
        }
    });
    for (id, name, _) in &mut l.whoami {
        let o = owner(&l.list, *id);
        if names.without_tenant(*name, o) {
            *name = o;
        }
    }
}
