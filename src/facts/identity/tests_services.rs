//! People of one login name at two services, and tenants that only a profile names.

use super::tests::{Story, jwt, login, sid};
use crate::call::model::IdentityEvent as E;

fn me(name: &str) -> E {
    E::WhoAmI {
        name: name.into(),
        sure: true,
    }
}
fn same(names: &[&str]) -> E {
    E::SamePerson {
        names: names.iter().map(|n| (*n).into()).collect(),
    }
}
/// Logs in as ida at a host whose profile knows an address.
fn visit(s: &mut Story, host: u32, print: u64, mail: &str) {
    s.host = host;
    s.call(&[], &[login("ida", print)]);
    s.call(&[sid(print)], &[me("ida"), same(&["ida", mail])]);
    s.call(&[sid(print)], &[]);
}

#[test]
fn other_addresses_of_mail_at_two_services_are_two_people() {
    for (second, want) in [
        ("ida@x.example", ["ida", "ida"]),
        ("i.olsen@y.example", ["git.example/ida", "wiki.example/ida"]),
    ] {
        let mut s = Story::default();
        visit(&mut s, 1, 1, "ida@x.example");
        visit(&mut s, 2, 2, second);
        // a token at a third host, with the first one's address
        s.host = 3;
        s.call(
            &[jwt(3, "preferred_username", "ida")],
            &[same(&["ida", "ida@x.example"])],
        );
        s.call(&[jwt(4, "email", "ida@x.example")], &[]);
        s.input
            .tell_hosts(|h| ["", "git.example", "wiki.example", "www.example"][h as usize]);
        let names = s.names();
        assert_eq!(names[..3], [want[0]; 3], "{names:?}");
        assert_eq!(names[3..6], [want[1]; 3], "{names:?}");
        assert_eq!(names[6..], [want[0]; 2], "{names:?}");
    }
}

/// What a service is called may be a tenant in somebody's head as well, and a profile may tell a number instead of an address.
#[test]
fn a_service_is_one_whatever_else_bears_its_name() {
    let mut s = Story::default();
    visit(&mut s, 1, 1, "ida@x.example");
    visit(&mut s, 2, 2, "i.olsen@y.example");
    s.call(&[sid(2)], &[me("ida"), same(&["ida", "10017"])]);
    s.call(&[jwt(5, "emp_no", "10017")], &[]);
    s.call(
        &[sid(2)],
        &[E::Tenant {
            name: "ida".into(),
            tenant: "wiki.example".into(),
            place: "header:x-tenant".into(),
        }],
    );
    s.input
        .tell_hosts(|h| ["", "git.example", "wiki.example"][h as usize]);
    let names = s.names();
    assert_eq!(names[..3], ["git.example/ida"; 3], "{names:?}");
    assert_eq!(names[3..], ["wiki.example/ida"; 6], "{names:?}");
}

#[test]
fn a_tenant_that_only_the_profile_names_tells_apart() {
    let of = |tenant: &str, place: &str| E::Tenant {
        name: "ida".into(),
        tenant: tenant.into(),
        place: place.into(),
    };
    for (place, want) in [
        ("answer:$.data.tenant", ["acme/ida", "globex/ida"]),
        // where both work at one time or another is one person's
        ("answer:$.company", ["ida", "ida"]),
    ] {
        let mut s = Story::default();
        for (tenant, print) in [("acme", 1), ("globex", 2)] {
            s.call(&[], &[login("ida", print)]);
            s.call(&[sid(print)], &[]);
            let mut told = vec![of(tenant, place), me("ida")];
            if place.ends_with("company") {
                told.push(same(&["ida", "ida@x.example"]));
            }
            s.call(&[sid(print)], &told);
            // an answer that does not say it contradicts nothing
            s.call(&[sid(print)], &[me("ida")]);
        }
        let names = s.names();
        assert_eq!(names[..4], [want[0]; 4], "{place} {names:?}");
        assert_eq!(names[4..], [want[1]; 4], "{place} {names:?}");
    }
}

#[test]
fn who_asks_is_kept_with_the_session_and_not_with_a_ticket_that_is_sent_once() {
    let ticket = |print| super::tests::cred("negotiate", "header:authorization", print);
    let mut s = Story::default();
    s.call(&[ticket(7), sid(1)], &[me("ida")]);
    s.call(&[sid(1)], &[]);
    let names = s.names();
    assert_eq!(names[1], "ida", "{names:?}");
}
