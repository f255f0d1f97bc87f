//! Names and which of them are one person's. In: names with what they were seen as, and lists of names that one token or
//! answer holds together. Out: one account name per group. Bounds: a name that two different people's lists share
//! (a common `sub`) joins nobody.

use super::NONE;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// One name as written most often in lower case.
#[derive(Debug, Clone)]
pub struct Name {
    pub text: String,
    /// 0 login, 1 preferred user name, 2 e-mail, 3 subject, 4 display name, 5 client id.
    pub rank: u8,
    pub person: bool,
    pub service: bool,
    /// Number of the tenant that it is of, [`NONE`] for none.
    pub tenant: u32,
}

impl Name {
    /// Notes one more sighting.
    fn seen(&mut self, text: &str, rank: u8, service: bool) {
        self.rank = self.rank.min(rank);
        self.person |= !service;
        self.service |= service;
        // Whatever the order of loading, the same spelling wins.
        if text > self.text.as_str() {
            self.text = text.to_owned();
        }
    }
}

/// All names.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub list: Vec<Name>,
    ids: FxHashMap<String, u32>,
    /// Those of tenants, in small letters.
    within: FxHashMap<(u32, String), u32>,
    /// Place of each tenant among all by name.
    pub tenants: Vec<u32>,
    /// Edges from a worse name to the best name of its list.
    same: BTreeSet<(u32, u32)>,
}

/// How good a claim is as an account's name; the order of the contract.
pub fn claim_rank(claim: &str) -> u8 {
    match claim {
        "user" | "subject" => 0,
        "email" | "upn" | "mail" => 2,
        "uid" | "user_id" | "userId" | "sub" => 3,
        "name" | "nickname" => 4,
        "client_id" => 5,
        _ => 1,
    }
}

/// The tenant that one call has for a name.
pub fn tenant_of(text: &str, within: &[(String, u32)]) -> u32 {
    if within.is_empty() {
        return NONE;
    }
    let lower = text.trim().to_lowercase();
    within
        .iter()
        .find(|(n, _)| *n == lower)
        .map_or(NONE, |(_, t)| *t)
}

/// The same, where a number beside a tenant's name is one of the tenant's own.
fn beside_of(text: &str, names: &[String], within: &[(String, u32)]) -> u32 {
    let own = tenant_of(text, within);
    let number = || text.len() < 16 && text.bytes().all(|b| b.is_ascii_digit());
    if own != NONE || within.is_empty() || !number() {
        return own;
    }
    names
        .iter()
        .map(|n| tenant_of(n, within))
        .find(|t| *t != NONE)
        .unwrap_or(NONE)
}

/// Whether a name is nobody else's by chance: an address of mail, a long number that is drawn.
fn drawn_once(text: &str) -> bool {
    text.contains('@') || text.len() >= 16 && text.bytes().any(|b| b.is_ascii_digit())
}

impl Names {
    /// Adds a sighting; names are equal without regard to case.
    pub fn add(&mut self, text: &str, rank: u8, service: bool) -> u32 {
        let text = text.trim();
        // Most sightings are spelt as the first was.
        if let Some(id) = self.ids.get(text)
            && let Some(n) = self.list.get_mut(*id as usize)
        {
            n.seen(text, rank, service);
            return *id;
        }
        let lower = text.to_lowercase();
        let id = match self.ids.get(&lower) {
            Some(id) => *id,
            None => {
                let id = u32::try_from(self.list.len()).unwrap_or(NONE);
                self.list.push(Name {
                    text: text.to_owned(),
                    rank,
                    person: false,
                    service: false,
                    tenant: NONE,
                });
                self.ids.insert(lower, id);
                id
            }
        };
        self.ids.entry(text.to_owned()).or_insert(id);
        if let Some(n) = self.list.get_mut(id as usize) {
            n.seen(text, rank, service);
        }
        id
    }

    /// The same of a name of a tenant.
    pub fn add_in(&mut self, tenant: u32, text: &str, rank: u8, service: bool) -> u32 {
        if tenant == NONE {
            return self.add(text, rank, service);
        }
        let text = text.trim();
        let next = u32::try_from(self.list.len()).unwrap_or(NONE);
        let id = *self
            .within
            .entry((tenant, text.to_lowercase()))
            .or_insert(next);
        if id == next {
            self.list.push(Name {
                text: text.to_owned(),
                rank,
                person: false,
                service: false,
                tenant,
            });
        }
        if let Some(n) = self.list.get_mut(id as usize) {
            n.seen(text, rank, service);
        }
        id
    }

    /// What is known of a name said of the same one in another tenant, or in none.
    pub fn again(&mut self, name: &Name, tenant: u32) -> u32 {
        let id = self.add_in(tenant, &name.text, name.rank, !name.person);
        if let Some(n) = self.list.get_mut(id as usize) {
            n.service |= name.service;
        }
        id
    }

    /// A name of a tenant, in small letters.
    pub fn in_tenant(&self, lower: &str, tenant: u32) -> Option<u32> {
        self.within.get(&(tenant, lower.to_owned())).copied()
    }

    /// Whether a name is a short number, as each service counts its own users.
    pub fn number(&self, id: u32) -> bool {
        self.list
            .get(id as usize)
            .is_some_and(|n| n.text.len() < 10 && n.text.bytes().all(|b| b.is_ascii_digit()))
    }

    /// Whether any name has a tenant.
    pub fn tenanted(&self) -> bool {
        !self.within.is_empty()
    }

    /// Whether two names are written the same.
    fn alike(&self, a: u32, b: u32) -> bool {
        let text = |n: u32| self.list.get(n as usize).map(|n| n.text.as_str());
        match (text(a), text(b)) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase(),
            _ => false,
        }
    }

    /// Whether a name without a tenant is what another is called within its own.
    pub fn without_tenant(&self, bare: u32, other: u32) -> bool {
        let tenant = |n: u32| self.list.get(n as usize).map(|n| n.tenant);
        bare != other
            && tenant(bare) == Some(NONE)
            && tenant(other).is_some_and(|t| t != NONE)
            && self.alike(bare, other)
    }

    /// Names that tokens and answers held beside each name, by its number.
    pub fn beside(&self) -> FxHashMap<u32, BTreeSet<u32>> {
        let mut out: FxHashMap<u32, BTreeSet<u32>> = FxHashMap::default();
        for (a, b) in &self.same {
            out.entry(*a).or_default().insert(*b);
            out.entry(*b).or_default().insert(*a);
        }
        out
    }

    /// A name that has no tenant, in small letters.
    pub fn bare(&self, lower: &str) -> Option<u32> {
        self.ids.get(lower).copied()
    }

    /// Gives edges the numbers that names have now.
    pub fn mapped(&mut self, map: &[u32]) {
        let new = |n: u32| map.get(n as usize).copied().unwrap_or(n);
        self.same = std::mem::take(&mut self.same)
            .into_iter()
            .map(|(a, b)| (new(a), new(b)))
            .filter(|(a, b)| a != b)
            .collect();
    }

    /// One token or answer holds all these, best first; with names that have a tenant in it.
    pub fn same(&mut self, names: &[String], within: &[(String, u32)]) {
        let rank = |i: usize, n: &str| {
            if n.contains('@') {
                2
            } else if i == 0 {
                1
            } else {
                3
            }
        };
        let ids: Vec<u32> = names
            .iter()
            .enumerate()
            .map(|(i, n)| match beside_of(n, names, within) {
                NONE => self.weak(n, rank(i, n)),
                t => self.add_in(t, n, rank(i, n), false),
            })
            .collect();
        if let Some((best, rest)) = ids.split_first() {
            for r in rest {
                if r != best {
                    self.same.insert((*r, *best));
                }
            }
        }
    }

    /// Puts these edges, from a worse name to a better, in the place of those that a name has with the worse ones.
    pub fn relink(&mut self, name: u32, edges: &[(u32, u32)]) {
        for (worse, _) in edges {
            self.same.remove(&(*worse, name));
            self.same.remove(&(name, *worse));
        }
        self.same.extend(edges.iter().filter(|(a, b)| a != b));
    }

    /// Adds an edge found elsewhere (a profile's name against a login's).
    pub fn link(&mut self, worse: u32, best: u32) {
        if worse != best {
            self.same.insert((worse, best));
        }
    }

    fn weak(&mut self, text: &str, rank: u8) -> u32 {
        let known = self.ids.contains_key(text.trim());
        let id = self.add(text, rank, false);
        if known && let Some(n) = self.list.get_mut(id as usize) {
            n.rank = n.rank.min(rank);
        }
        id
    }

    /// For every name the name of its account. A worse name that points at two best names that are not one group without it
    /// points at none.
    pub fn groups(&self) -> Vec<u32> {
        let n = self.list.len();
        let mut up: Vec<u32> = (0..n).map(|i| u32::try_from(i).unwrap_or(NONE)).collect();
        let find = |up: &[u32], mut i: u32| {
            while let Some(p) = up.get(i as usize) {
                if *p == i {
                    break;
                }
                i = *p;
            }
            i
        };
        // Edges of one worse name stand together in the set.
        let edges: Vec<(u32, u32)> = self.same.iter().copied().collect();
        let mut at = 0;
        while let Some((worse, _)) = edges.get(at).copied() {
            let end = edges
                .iter()
                .skip(at)
                .position(|e| e.0 != worse)
                .map_or(edges.len(), |p| at + p);
            let one =
                end - at == 1 || self.one_person(edges.get(at..end).unwrap_or_default(), &edges);
            if one {
                for (_, best) in edges.get(at..end).unwrap_or_default() {
                    let (a, b) = (find(&up, worse), find(&up, *best));
                    if a != b
                        && let Some(u) = up.get_mut(a.max(b) as usize)
                    {
                        *u = a.min(b);
                    }
                }
            }
            at = end;
        }
        let mut best: Vec<u32> = vec![NONE; n];
        for i in 0..n {
            let id = u32::try_from(i).unwrap_or(NONE);
            let root = find(&up, id) as usize;
            let Some(b) = best.get_mut(root) else {
                continue;
            };
            let better = match (self.list.get(i), self.list.get(*b as usize)) {
                // Of two names that people log in with, the one that is no address of mail, and one that is the same everywhere.
                (Some(a), Some(o)) => {
                    let key = |n: &Name| (n.rank, n.text.contains('@'), n.tenant != NONE);
                    let of = |n: &Name| self.tenants.get(n.tenant as usize).copied();
                    (key(a), &a.text, of(a)) < (key(o), &o.text, of(o))
                }
                _ => true,
            };
            if better {
                *b = id;
            }
        }
        (0..n)
            .map(|i| {
                best.get(find(&up, u32::try_from(i).unwrap_or(NONE)) as usize)
                    .copied()
                    .unwrap_or(NONE)
            })
            .collect()
    }

    /// Whether several best names of one worse name are the same person by other evidence: directly linked to one another.
    fn one_person(&self, mine: &[(u32, u32)], edges: &[(u32, u32)]) -> bool {
        let Some((worse, first)) = mine.first() else {
            return false;
        };
        mine.iter().skip(1).all(|(_, other)| {
            self.one_login(*worse, *first, *other, mine)
                || edges.binary_search(&(*other, *first)).is_ok()
                || edges.binary_search(&(*first, *other)).is_ok()
        })
    }

    /// Whether one login name in two tenants, or with and without one, is one person's by what both hold beside it.
    fn one_login(&self, worse: u32, a: u32, b: u32, mine: &[(u32, u32)]) -> bool {
        let tenant = |n: u32| self.list.get(n as usize).map_or(NONE, |n| n.tenant);
        if tenant(a) == tenant(b) || !self.alike(a, b) {
            return false;
        }
        let beside = self.list.get(worse as usize);
        let tenants: BTreeSet<u32> = mine.iter().map(|(_, n)| tenant(*n)).collect();
        beside.is_some_and(|n| drawn_once(&n.text)) || tenants.len() == 2 && tenants.contains(&NONE)
    }
}
