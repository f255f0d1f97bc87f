//! People of one name in several tenants of a service.

use super::tests::{Story, cred, jwt, login, sid};
use crate::call::model::{CredentialSeen, IdentityEvent as E};

fn of(name: &str, tenant: &str, place: &str) -> E {
    E::Tenant {
        name: name.into(),
        tenant: tenant.into(),
        place: place.into(),
    }
}
/// A login with a company in its body.
fn enter(name: &str, company: &str, print: u64) -> Vec<E> {
    vec![of(name, company, "$.company"), login(name, print)]
}
/// A token with a tenant's claim.
fn token(s: &mut Story, print: u64, name: &str, claim: &str, tenant: &str) {
    s.call(
        &[jwt(print, "login", name)],
        &[of(name, tenant, &format!("claim:{claim}"))],
    );
}
fn same(names: &[&str]) -> E {
    E::SamePerson {
        names: names.iter().map(|n| (*n).into()).collect(),
    }
}

#[test]
fn two_tenants_users_of_one_name_are_two_and_others_keep_theirs() {
    let mut s = Story::default();
    s.call(&[], &enter("ida", "acme", 1));
    s.call(&[sid(1)], &[]);
    s.call(&[], &enter("Ida", "globex", 2));
    s.call(&[sid(2)], &[]);
    s.call(&[], &enter("otto", "globex", 3));
    s.call(&[sid(3)], &[]);
    // another service, which has no tenants
    s.call(&[], &[login("IDA", 4)]);
    s.call(&[sid(4)], &[]);
    assert_eq!(
        s.names(),
        [
            "acme/ida",
            "acme/ida",
            "globex/Ida",
            "globex/Ida",
            "otto",
            "otto",
            "IDA",
            "IDA"
        ]
    );
}

#[test]
fn a_single_tenant_tells_nobody_apart() {
    let mut s = Story::default();
    s.call(&[], &enter("ida", "acme", 1));
    s.call(&[sid(1)], &[]);
    s.call(&[], &[login("ida", 4)]);
    assert_eq!(s.names(), ["ida", "ida", "ida"]);
}

#[test]
fn a_single_tenant_tells_apart_whose_mail_is_another() {
    for (mail, names) in [
        ("ida@x.example", ["ida", "ida"]),
        ("i.o@x.example", ["acme/ida", "ida"]),
    ] {
        let mut s = Story::default();
        let mut events = enter("ida", "acme", 1);
        events.push(same(&["ida", mail]));
        s.call(&[], &events);
        s.call(&[], &[login("ida", 4), same(&["ida", "ida@x.example"])]);
        assert_eq!(s.names(), names);
    }
}

#[test]
fn tokens_with_and_without_the_claim_are_their_logins() {
    let mut s = Story::default();
    let bearer = |print| E::Login {
        name: "ida".into(),
        service: false,
        issued: vec![("$.token".into(), print)],
        sure: true,
    };
    s.call(&[], &[of("ida", "acme", "$.company"), bearer(1)]);
    s.call(&[jwt(1, "login", "ida")], &[]);
    // refreshed
    s.call(
        &[jwt(1, "login", "ida")],
        &[E::Renewed {
            issued: vec![("$.token".into(), 3)],
        }],
    );
    s.call(&[jwt(3, "login", "ida")], &[]);
    // the number of the tenant in the token of the one whose code was typed
    s.call(
        &[],
        &[
            of("ida", "globex", "$.company"),
            of("ida", "4711", "claim:tid"),
            bearer(2),
        ],
    );
    token(&mut s, 2, "ida", "tid", "4711");
    // of whom no login was captured
    token(&mut s, 9, "ida", "tid", "4711");
    let (a, g) = ("acme/ida", "globex/ida");
    assert_eq!(s.names(), [a, a, a, a, g, g, g]);
}

#[test]
fn a_number_beside_a_tenants_name_is_one_of_the_tenants() {
    let mut s = Story::default();
    let bearer = |print| E::Login {
        name: "ida".into(),
        service: false,
        issued: vec![("$.token".into(), print)],
        sure: true,
    };
    for (company, print) in [("acme", 1), ("globex", 2)] {
        let at = of("ida", company, "$.company");
        s.call(&[], &[at, same(&["ida", "7"]), bearer(print)]);
        // a token that has the number alone
        let n = jwt(print + 10, "uid", "7");
        s.call(&[n], &[of("7", company, "claim:org")]);
    }
    // a service without tenants has numbers of its own
    s.call(&[], &[login("rossi", 3), same(&["rossi", "7"])]);
    s.call(&[jwt(20, "uid", "7")], &[]);
    let (a, g) = ("acme/ida", "globex/ida");
    assert_eq!(s.names(), [a, a, g, g, "rossi", "rossi"]);
}

#[test]
fn profiles_and_fronts_name_whom_the_session_is_of() {
    let mut s = Story::default();
    let who = |name: &str| E::WhoAmI {
        name: name.into(),
        sure: true,
    };
    for (company, print) in [("acme", 1), ("globex", 2)] {
        s.call(&[], &enter("ida", company, print));
        s.call(&[sid(print)], &[who("ida")]);
        s.call(
            &[sid(print)],
            &[E::Fronted {
                name: "ida".into(),
                place: "header:x-user".into(),
            }],
        );
    }
    s.call(&[], &[login("ida", 5)]);
    s.call(&[sid(5)], &[who("ida")]);
    let id = super::resolve(s.input);
    let names: Vec<&str> = id
        .calls
        .iter()
        .map(|d| id.accounts[d.account as usize].name.as_str())
        .collect();
    let (a, g) = ("acme/ida", "globex/ida");
    assert_eq!(names, [a, a, a, g, g, g, "ida", "ida"]);
    assert!(
        id.calls
            .iter()
            .all(|d| d.behalf == super::NONE && d.conf >= 0.95)
    );
    let why = &id.accounts.iter().find(|x| x.name == a).unwrap().why;
    assert!(
        why.ends_with("of tenant acme, named by field $.company of the login"),
        "{why}"
    );
}

#[test]
fn where_somebody_works_is_no_tenant() {
    let mut s = Story::default();
    token(&mut s, 1, "ida", "org", "Sales");
    token(&mut s, 2, "otto", "org", "Support");
    s.call(&[], &[login("ida", 5)]);
    assert_eq!(s.names(), ["ida", "otto", "ida"]);
    // moved meanwhile, and the same one by number
    let mut s = Story::default();
    for (print, org) in [(1, "Sales"), (2, "Support")] {
        s.call(
            &[jwt(print, "login", "ida")],
            &[of("ida", org, "claim:org"), same(&["ida", "7"])],
        );
    }
    assert_eq!(s.names(), ["ida", "ida"]);
    // two of one name and two numbers are two
    let mut s = Story::default();
    for (print, org, n) in [(1, "acme", "7"), (2, "globex", "8")] {
        s.call(
            &[jwt(print, "login", "ida")],
            &[of("ida", org, "claim:org"), same(&["ida", n])],
        );
    }
    assert_eq!(s.names(), ["acme/ida", "globex/ida"]);
}

#[test]
fn one_address_of_mail_is_one_person_in_all_tenants_and_one_number_is_not() {
    for (beside, names) in [
        ("ida@x.example", ["ida", "ida", "ida"]),
        ("7", ["acme/ida", "globex/ida", "ida"]),
    ] {
        let mut s = Story::default();
        for (company, print) in [("acme", 1), ("globex", 2)] {
            let mut events = enter("ida", company, print);
            events.push(same(&["ida", beside]));
            s.call(&[], &events);
        }
        s.call(&[], &[login("ida", 3), same(&["ida", beside])]);
        assert_eq!(s.names(), names, "{beside}");
    }
}

#[test]
fn who_has_a_login_name_elsewhere_is_called_by_it() {
    let mut s = Story::default();
    let mut events = enter("ida", "acme", 1);
    events.push(same(&["ida", "rossi"]));
    s.call(&[], &events);
    s.call(&[], &enter("ida", "globex", 2));
    s.call(&[], &[login("rossi", 3)]);
    assert_eq!(s.names(), ["rossi", "ida", "rossi"]);
}

#[test]
fn a_tenant_in_the_address_counts_where_others_name_it() {
    let story = |known: bool| {
        let mut s = Story::default();
        if known {
            s.call(&[], &enter("eva", "acme", 8));
            s.call(&[], &enter("eva", "globex", 9));
        }
        s.call(
            &[],
            &[
                of("ida", "ACME", "path"),
                of("ida", "books", "host"),
                login("ida", 1),
            ],
        );
        s.call(&[], &[of("ida", "globex", "path"), login("ida", 2)]);
        s.names().split_off(if known { 2 } else { 0 })
    };
    assert_eq!(story(true), ["acme/ida", "globex/ida"]);
    assert_eq!(story(false), ["ida", "ida"]);
}

#[test]
fn a_header_names_the_tenant_of_a_password_but_not_of_one_that_opens_both() {
    let basic = |print| CredentialSeen {
        name: Some("ida".into()),
        claim: Some("user".into()),
        ..cred("basic", "header:authorization", print)
    };
    let at = |s: &mut Story, print, tenant| {
        s.call(&[basic(print)], &[of("ida", tenant, "header:x-tenant")]);
    };
    let mut s = Story::default();
    at(&mut s, 1, "acme");
    at(&mut s, 2, "globex");
    assert_eq!(s.names(), ["acme/ida", "globex/ida"]);
    let mut s = Story::default();
    at(&mut s, 1, "acme");
    at(&mut s, 1, "globex");
    assert_eq!(s.names(), ["ida", "ida"]);
}

#[test]
fn no_order_of_loading_changes_a_name() {
    // calls as (seconds, credentials, events), told in several orders
    let mut calls: Vec<(u64, Vec<CredentialSeen>, Vec<E>)> = Vec::new();
    for (i, (name, company)) in [
        ("ida", "acme"),
        ("IDA", "Globex"),
        ("Ida", "ACME"),
        ("otto", "globex"),
        ("ida", ""),
        ("eva", "acme"),
        ("eva", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let n = i as u64;
        let events = if company.is_empty() {
            vec![login(name, n)]
        } else {
            enter(name, company, n)
        };
        calls.push((n * 10, vec![], events));
        calls.push((n * 10 + 1, vec![sid(n)], vec![]));
        calls.push((
            n * 10 + 2,
            vec![sid(n)],
            vec![E::WhoAmI {
                name: name.into(),
                sure: true,
            }],
        ));
    }
    let told = |order: &[usize]| {
        let mut s = Story::default();
        for i in order {
            let (t, c, e) = &calls[*i];
            s.at(*t, "10.0.0.9", c, e);
        }
        let mut out = vec![String::new(); order.len()];
        for (i, n) in order.iter().zip(s.names()) {
            out[*i] = n;
        }
        out
    };
    let straight: Vec<usize> = (0..calls.len()).collect();
    let want = told(&straight);
    // spelt as the last of all spellings by letter
    assert_eq!(want[0], "acme/ida");
    assert_eq!(want[9], "otto");
    for seed in 1..40usize {
        let mut order = straight.clone();
        order.sort_by_key(|i| (i + 7).wrapping_mul(seed * 2_654_435_761) % 1009);
        assert_eq!(told(&order), want, "{order:?}");
    }
}
