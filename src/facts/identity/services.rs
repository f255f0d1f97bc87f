//! People of one login name at several services. In: which names each host's tokens and profiles held together, what profiles told of
//! tenants. Out: names of tenants where they are somebody's of their own. Bounds: linear in what was told, at most [`LISTS`] of it; calls are looked at again only
//! where a name is two people's.
//!
//! A login name is taken for one person's wherever it is used, since companies give each one for all services. Where two hosts know
//! addresses of mail for it and none of them is the same, those are two people's, who must not become one.

use super::NONE;
use super::input::{Ev, Input};
use super::intervals::Lives;
use super::names::Names;
use super::tenants::Tenants;
use crate::facts::credentials::tenant::SERVICE;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Lists of names kept: one for each person and host is usual.
const LISTS: usize = 1 << 20;

/// Notes the names that a token or an answer of a host held together, the login name first.
pub fn noted(tenants: &mut Tenants, host: u32, names: &[String]) {
    let Some((login, others)) = names.split_first() else {
        return;
    };
    let number = login.bytes().all(|b| b.is_ascii_digit());
    if others.is_empty() || number || login.contains('@') {
        return;
    }
    let lower = |n: &String| n.trim().to_lowercase();
    tenants
        .mails
        .insert((lower(login), host, others.iter().map(lower).collect()));
    // whatever the order of loading, the same ones stay
    if tenants.mails.len() > LISTS {
        tenants.mails.pop_last();
    }
}

/// The hosts of one login name that know addresses of mail, those together that know a common one.
fn together(lists: &[(u32, &[String])]) -> Vec<BTreeSet<u32>> {
    let mut up: Vec<usize> = Vec::new();
    let mut of_host: BTreeMap<u32, usize> = BTreeMap::new();
    let mut of_mail: BTreeMap<&str, usize> = BTreeMap::new();
    let top = |up: &mut Vec<usize>, mut at: usize| {
        while let Some(next) = up.get(at).copied().filter(|next| *next != at) {
            let beyond = up.get(next).copied().unwrap_or(next);
            if let Some(slot) = up.get_mut(at) {
                *slot = beyond;
            }
            at = next;
        }
        at
    };
    for (host, others) in lists {
        for mail in others.iter().filter(|n| n.contains('@')) {
            let mut new = || {
                up.push(up.len());
                up.len() - 1
            };
            let one = *of_host.entry(*host).or_insert_with(&mut new);
            let other = *of_mail.entry(mail).or_insert_with(&mut new);
            let (one, other) = (top(&mut up, one), top(&mut up, other));
            if let Some(slot) = up.get_mut(one.max(other)) {
                *slot = one.min(other);
            }
        }
    }
    let mut out: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for (host, at) in of_host {
        out.entry(top(&mut up, at)).or_default().insert(host);
    }
    out.into_values().collect()
}

/// Gives each of two people of one name at two services that service's host as tenant.
pub fn split(input: &mut Input) {
    let mails = std::mem::take(&mut input.tenants.mails);
    let mut by: BTreeMap<&str, Vec<(u32, &[String])>> = BTreeMap::new();
    for (login, host, others) in &mails {
        by.entry(login).or_default().push((*host, others));
    }
    // Name and host: the name within its service.
    let mut new: FxHashMap<(u32, u32), u32> = FxHashMap::default();
    for (login, lists) in by {
        let Some(bare) = input.names.bare(login) else {
            continue;
        };
        let services = together(&lists);
        let Some(name) = input.names.list.get(bare as usize).cloned() else {
            continue;
        };
        if services.len() < 2 {
            continue;
        }
        let mut edges = Vec::new();
        let mut own_of: BTreeMap<u32, u32> = BTreeMap::new();
        for hosts in services {
            let called = hosts.iter().map(|h| input.tenants.host(*h)).min();
            let called = called.unwrap_or_default().to_owned();
            if called.is_empty() {
                continue;
            }
            let tenant = input.tenants.id(&called, SERVICE);
            let own = input.names.again(&name, tenant);
            new.extend(hosts.iter().map(|h| ((bare, *h), own)));
            own_of.extend(hosts.iter().map(|h| (*h, own)));
        }
        for (host, others) in &lists {
            if let Some(own) = own_of.get(host) {
                let ids = others.iter().filter_map(|n| input.names.bare(n));
                edges.extend(ids.map(|id| (id, *own)));
            }
        }
        input.names.relink(bare, &edges);
    }
    if new.is_empty() {
        return;
    }
    let Input {
        rows,
        hosts,
        creds,
        events,
        ..
    } = input;
    for (row, host) in rows.iter().zip(hosts.iter()) {
        let put = |n: &mut u32| *n = new.get(&(*n, *host)).copied().unwrap_or(*n);
        let mine = creds.get_mut(row.creds.0 as usize..row.creds.1 as usize);
        for c in mine.into_iter().flatten() {
            put(&mut c.name);
        }
        let mine = events.get_mut(row.events.0 as usize..row.events.1 as usize);
        mine.into_iter()
            .flatten()
            .filter_map(Ev::name_mut)
            .for_each(put);
    }
}

/// Whose profile says of which tenant the bearer of the session's name is, is that one, and so is who has what came with it.
pub fn profiled(l: &mut Lives, names: &Names) {
    let mut told: BTreeMap<u32, u32> = BTreeMap::new();
    for (id, name, _) in &l.whoami {
        let Some(iv) = l.list.get(*id as usize) else {
            continue;
        };
        if names.without_tenant(iv.owner, *name) {
            let root = if iv.session == NONE { *id } else { iv.session };
            let one = told.entry(root).or_insert(*name);
            if *one != *name {
                *one = NONE;
            }
        }
    }
    if told.is_empty() {
        return;
    }
    for (id, iv) in (0u32..).zip(&mut l.list) {
        let root = if iv.session == NONE { id } else { iv.session };
        if let Some(name) = told.get(&root).copied().filter(|n| *n != NONE)
            && names.without_tenant(iv.owner, name)
        {
            iv.owner = name;
        }
    }
}
