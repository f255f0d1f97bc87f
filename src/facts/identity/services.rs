//! People of one login name at several services. In: which names each host's tokens and profiles held together, what profiles told of
//! tenants. Out: names of tenants where they are somebody's of their own. Bounds: linear in what was told; calls are looked at again only
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
    let mail = others.iter().any(|n| n.contains('@'));
    if mail && !number && !login.contains('@') && tenants.mails.len() < LISTS {
        let lower = |n: &String| n.trim().to_lowercase();
        tenants
            .mails
            .insert((lower(login), host, others.iter().map(lower).collect()));
    }
}

/// The hosts of one login name, those together that know a common address of mail.
fn together(lists: &[(u32, &[String])]) -> Vec<BTreeSet<u32>> {
    let mut out: Vec<(BTreeSet<u32>, BTreeSet<&str>)> = Vec::new();
    for (host, others) in lists {
        let mut hosts = BTreeSet::from([*host]);
        let mut mails: BTreeSet<&str> = others
            .iter()
            .filter(|n| n.contains('@'))
            .map(String::as_str)
            .collect();
        let mut apart = Vec::new();
        for (h, m) in out {
            if h.contains(host) || !m.is_disjoint(&mails) {
                hosts.extend(h);
                mails.extend(m);
            } else {
                apart.push((h, m));
            }
        }
        apart.push((hosts, mails));
        out = apart;
    }
    out.into_iter().map(|(h, _)| h).collect()
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
        for hosts in services {
            let called = hosts.iter().map(|h| input.tenants.host(*h)).min();
            let called = called.unwrap_or_default().to_owned();
            if called.is_empty() {
                continue;
            }
            let tenant = input.tenants.id(&called, SERVICE);
            let own = input.names.again(&name, tenant);
            new.extend(hosts.iter().map(|h| ((bare, *h), own)));
            for (_, others) in lists.iter().filter(|(h, _)| hosts.contains(h)) {
                let ids = others.iter().filter_map(|n| input.names.bare(n));
                edges.extend(ids.map(|id| (id, own)));
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
