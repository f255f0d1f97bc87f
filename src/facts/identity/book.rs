//! Accounts, as calls are found to be theirs. In: whose each call is. Out: accounts by name, with what each is shown as and why.
//! Bounds: one entry an account.

use super::input::{Input, Row};
use super::intervals::Lives;
use super::kinds::{reason, robot};
use super::resolve::{Account, Choice, Identity};
use super::tenants::Tenants;
use super::{NONE, VIA};
use crate::facts::inside::address;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Accounts while calls are decided.
#[derive(Default)]
pub struct Book {
    accounts: Vec<Account>,
    by_name: FxHashMap<(String, u32), u32>,
    ids: FxHashMap<(u8, u64), u32>,
    /// Tenant of each account.
    tenants: Vec<u32>,
    /// Calls of each account by way.
    ways: Vec<[u32; VIA.len()]>,
}

/// Why somebody is nobody.
pub const NOBODY: &str = "no credential that anybody named; only the address is known";

/// The name of whoever called from an address.
pub fn nobody_at(addr: Option<IpAddr>) -> String {
    addr.map_or_else(
        || "unattributed@unknown".to_owned(),
        |a| format!("unattributed@{a}"),
    )
}

impl Book {
    /// The account of a call.
    pub fn account(
        &mut self,
        input: &Input,
        row: &Row,
        c: &Choice,
        l: &Lives,
        groups: &[u32],
    ) -> u32 {
        let print = l.list.get(c.interval as usize).map_or(0, |iv| iv.print);
        let id = if c.name != NONE {
            (
                0,
                u64::from(groups.get(c.name as usize).copied().unwrap_or(c.name)),
            )
        } else if c.key {
            (1, print)
        } else {
            (2, u64::from(row.addr))
        };
        if let Some(a) = self.ids.get(&id) {
            return *a;
        }
        let mut tenant = NONE;
        let (name, kind) = match id.0 {
            0 => {
                let g = groups.get(c.name as usize).copied().unwrap_or(c.name);
                let mine = || {
                    input
                        .names
                        .list
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| groups.get(*i) == Some(&g))
                        .map(|(_, n)| n)
                };
                let best = input.names.list.get(g as usize);
                let name = best.map_or_else(String::new, |n| n.text.clone());
                tenant = best.map_or(NONE, |n| n.tenant);
                let person = mine().any(|n| n.person);
                let kind = if !person || robot(&name) {
                    "service"
                } else {
                    "person"
                };
                (name, kind)
            }
            1 => {
                let kind = if VIA.get(c.via as usize) == Some(&"api-key") {
                    "service"
                } else {
                    "unattributed"
                };
                (format!("key:{:08x}", print >> 32), kind)
            }
            _ => {
                let addr = input.addrs.get(row.addr as usize).copied().flatten();
                (nobody_at(addr.map(address)), "unattributed")
            }
        };
        let a = match self.by_name.get(&(name.clone(), tenant)) {
            Some(a) => *a,
            None => {
                let a = u32::try_from(self.accounts.len()).unwrap_or(NONE);
                self.by_name.insert((name.clone(), tenant), a);
                self.tenants.push(tenant);
                self.accounts.push(Account {
                    name,
                    full: String::new(),
                    kind,
                    conf: 0.0,
                    via: 0,
                    why: String::new(),
                });
                self.ways.push([0; VIA.len()]);
                a
            }
        };
        self.ids.insert(id, a);
        a
    }

    /// Counts a call of an account.
    pub fn count(&mut self, account: u32, c: &Choice) {
        let ways = self.ways.get_mut(account as usize);
        if let Some(w) = ways.and_then(|w| w.get_mut(c.via as usize)) {
            *w += 1;
        }
        if let Some(a) = self.accounts.get_mut(account as usize) {
            a.conf = a.conf.max(c.conf);
        }
    }

    /// Names of tenants as they are shown: those that others bear too have the tenant before them.
    fn shown(&mut self, tenants: &Tenants) -> Vec<(u32, String)> {
        let mut bearers: FxHashMap<String, u32> = FxHashMap::default();
        for a in &self.accounts {
            *bearers.entry(a.name.to_lowercase()).or_default() += 1;
        }
        for (a, t) in self.accounts.iter_mut().zip(&self.tenants) {
            let Some((tenant, _)) = tenants.get(*t) else {
                continue;
            };
            a.full = format!("{tenant}/{}", a.name);
            if bearers.get(&a.name.to_lowercase()).is_some_and(|n| *n > 1) {
                a.name.clone_from(&a.full);
            }
        }
        let named = self.ids.iter().filter(|((kind, _), _)| *kind == 0);
        named
            .filter(|(_, a)| self.tenants.get(**a as usize).is_some_and(|t| *t != NONE))
            .filter_map(|((_, group), a)| {
                let name = self.accounts.get(*a as usize)?.name.clone();
                Some((u32::try_from(*group).ok()?, name))
            })
            .collect()
    }

    /// Sorts accounts by name and says why each has its own.
    pub fn finish(mut self, out: &mut Identity, tenants: &Tenants) {
        for (group, name) in self.shown(tenants) {
            if let Some(n) = out.names.get_mut(group as usize) {
                *n = name;
            }
        }
        let mut accounts = self.accounts;
        for ((a, ways), tenant) in accounts.iter_mut().zip(&self.ways).zip(&self.tenants) {
            let mut used: Vec<(u32, usize)> = ways
                .iter()
                .enumerate()
                .filter(|(_, n)| **n > 0)
                .map(|(i, n)| (*n, i))
                .collect();
            used.sort_by_key(|(n, i)| (std::cmp::Reverse(*n), *i));
            a.via = used
                .first()
                .and_then(|(_, i)| u8::try_from(*i).ok())
                .unwrap_or(0);
            let parts: Vec<String> = used
                .iter()
                .map(|(n, i)| format!("{} ({n} calls)", reason(VIA.get(*i).copied().unwrap_or(""))))
                .collect();
            a.why = match a.kind {
                "unattributed" if a.name.starts_with("unattributed@") => NOBODY.to_owned(),
                _ if a.name.starts_with("key:") => format!(
                    "a key that no login and no answer named: {}",
                    parts.join(", ")
                ),
                _ => format!("named by {}", parts.join(", ")),
            };
            if let Some((tenant, place)) = tenants.get(*tenant) {
                a.why = format!("{}; of tenant {tenant}, named by {place}", a.why);
            }
        }
        let mut order: Vec<usize> = (0..accounts.len()).collect();
        let key = |i: &usize| accounts.get(*i).map(|a| (&a.name, &a.why));
        order.sort_by(|a, b| key(a).cmp(&key(b)));
        // Somebody who logs in as `acme/ida` is she whom others call ida of acme.
        let mut new = vec![0u32; accounts.len()];
        let mut kept: Vec<usize> = Vec::with_capacity(accounts.len());
        for from in order {
            let name = |i: &usize| accounts.get(*i).map(|a| &a.name);
            if kept.last().map(name) != Some(name(&from)) {
                kept.push(from);
            }
            if let Some(n) = new.get_mut(from) {
                *n = u32::try_from(kept.len() - 1).unwrap_or(NONE);
            }
        }
        let map = |a: u32| new.get(a as usize).copied().unwrap_or(0);
        for d in &mut out.calls {
            d.account = map(d.account);
        }
        let mut slots: Vec<Option<Account>> = accounts.into_iter().map(Some).collect();
        out.accounts = kept
            .iter()
            .filter_map(|i| slots.get_mut(*i)?.take())
            .collect();
    }
}
