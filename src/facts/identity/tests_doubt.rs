//! Credentials that were never let in, and sessions in which one person stands for another.

use super::tests::*;
use super::*;
use crate::call::model::{CredentialSeen, IdentityEvent as E};

fn same(names: &[&str]) -> E {
    E::SamePerson {
        names: names.iter().map(|n| (*n).to_owned()).collect(),
    }
}
fn me(name: &str) -> E {
    E::WhoAmI {
        name: name.into(),
        sure: true,
    }
}
fn key(print: u64) -> crate::call::model::CredentialSeen {
    cred("api-key", "header:x-api-key", print)
}

#[test]
fn who_was_never_let_in_is_nobody() {
    let mut s = Story::default();
    s.got(401, &[jwt(1, "sub", "alice")], &[]); // forged
    s.got(403, &[key(2)], &[]); // a key that nobody knows
    s.call(&[cred("bearer", "header:x-token", 3)], &[E::Refused]);
    s.got(200, &[jwt(4, "sub", "bob")], &[]);
    s.got(401, &[jwt(4, "sub", "bob")], &[]); // ran out later
    s.got(200, &[key(5)], &[]);
    s.got(403, &[key(5)], &[]); // may not do this
    let names = s.names();
    assert_eq!(names[..3], [NOBODY, NOBODY, NOBODY]);
    assert_eq!(names[3..5], ["bob", "bob"]);
    assert!(names[5].starts_with("key:") && names[5] == names[6]);
}

#[test]
fn who_is_only_not_allowed_is_somebody_in_doubt() {
    let mut s = Story::default();
    s.got(403, &[jwt(1, "sub", "alice")], &[]);
    let id = resolve(s.input);
    let d = id.calls[0];
    assert_eq!(id.accounts[d.account as usize].name, "alice");
    assert!(d.conf <= 0.5, "{}", d.conf);
}

#[test]
fn a_forged_token_joins_nobody() {
    let mut s = Story::default();
    s.call(
        &[jwt(1, "preferred_username", "eve")],
        &[same(&["eve", "17"])],
    );
    s.call(
        &[jwt(2, "preferred_username", "bob")],
        &[same(&["bob", "18"])],
    );
    s.got(
        401,
        &[jwt(3, "preferred_username", "eve")],
        &[same(&["eve", "18"])],
    );
    s.call(&[jwt(4, "sub", "18")], &[]);
    assert_eq!(s.names(), ["eve", "bob", NOBODY, "bob"]);
}

/// An administrator logs in, looks at the own profile, becomes somebody else with a new cookie, and comes back.
fn becomes(said: bool, looked: bool) -> Story {
    let mut s = Story::default();
    s.call(&[sid(9)], &[login("tariq@x.example", 9)]);
    s.call(
        &[sid(9)],
        &[me("tariq"), same(&["tariq", "tariq@x.example"])],
    );
    s.call(&[], &[login("wanda@x.example", 1)]);
    s.call(
        &[sid(1)],
        if looked { vec![me("wanda")] } else { vec![] }.as_slice(),
    );
    let mut e = vec![E::Renewed {
        issued: vec![("cookie:sid".into(), 2)],
    }];
    if said {
        e.insert(
            0,
            E::Switched {
                to: Some("tariq".into()),
            },
        );
    }
    s.call(&[sid(1)], &e);
    s.call(
        &[sid(2)],
        &[me("tariq"), same(&["tariq", "tariq@x.example"])],
    );
    s.call(&[sid(2)], &[]);
    s.call(&[sid(1)], &[]);
    s
}

#[test]
fn whoever_stands_for_another_stays_who_it_is() {
    for (said, looked) in [(true, true), (true, false), (false, true), (false, false)] {
        let id = resolve(becomes(said, looked).input);
        let name = |i: usize| id.accounts[id.calls[i].account as usize].name.as_str();
        let own = name(2).to_owned();
        assert!(own.starts_with("wanda"), "{own}");
        assert_eq!(name(0), "tariq@x.example", "{said} {looked}");
        for i in 3..8 {
            assert_eq!(name(i), own, "call {i} {said} {looked}");
        }
        let behalf = |i: usize| {
            id.names
                .get(id.calls[i].behalf as usize)
                .map(String::as_str)
        };
        if said || looked {
            assert_eq!(behalf(5), Some("tariq@x.example"), "{said} {looked}");
            assert_eq!(behalf(6), behalf(5));
        }
        assert_eq!((behalf(3), behalf(7)), (None, None));
    }
}

#[test]
fn a_session_that_is_switched_in_place_comes_back() {
    let mut s = Story::default();
    s.call(&[], &[login("wanda", 1)]);
    let to = |n: Option<&str>| E::Switched {
        to: n.map(str::to_owned),
    };
    s.call(&[sid(1)], &[to(Some("tariq"))]);
    s.call(&[sid(1)], &[me("tariq")]);
    s.call(&[sid(1)], &[to(None)]);
    s.call(&[sid(1)], &[me("wanda")]);
    s.call(&[], &[login("tariq", 5)]);
    let id = resolve(s.input);
    let name = |i: usize| id.accounts[id.calls[i].account as usize].name.as_str();
    let behalf = |i: usize| {
        id.names
            .get(id.calls[i].behalf as usize)
            .map(String::as_str)
    };
    for i in 0..5 {
        assert_eq!(name(i), "wanda", "{i}");
    }
    assert_eq!(name(5), "tariq");
    assert_eq!(
        [behalf(1), behalf(2), behalf(4)],
        [None, Some("tariq"), None]
    );
}

#[test]
fn who_begins_a_login_in_a_name_is_not_yet_that_one() {
    let begun = |name: &str, print| E::Begun {
        name: name.into(),
        issued: vec![("~$.flow".into(), print)],
    };
    let flow = |print| cred("oauth", "~$.flow", print);
    let gives = |print| E::Renewed {
        issued: vec![("cookie:sid".into(), print)],
    };
    let mut s = Story::default();
    s.call(&[], &[begun("alice", 1)]);
    s.got(400, &[flow(1)], &[]); // a wrong secret
    s.call(&[flow(1)], &[gives(2)]);
    s.call(&[sid(2)], &[]);
    s.call(&[], &[begun("bob", 3)]); // and never went on
    s.got(400, &[flow(3)], &[]);
    s.call(&[sid(9)], &[]);
    assert_eq!(
        s.names(),
        [NOBODY, NOBODY, "alice", "alice", NOBODY, NOBODY, NOBODY]
    );
}

/// Of two headers of a gateway one names the application and one its user.
#[test]
fn a_consumer_is_the_application_of_the_user_beside_it() {
    let mut s = Story::default();
    let front = |name: &str, place: &str| E::Fronted {
        name: name.into(),
        place: format!("header:{place}"),
    };
    let app = || front("mobile-app", "x-consumer-username");
    s.call(&[], &[app(), front("alice", "x-authenticated-userid")]);
    s.call(&[], &[front("bob", "x-authenticated-userid"), app()]);
    s.call(&[], &[app()]);
    assert_eq!(s.names(), ["alice", "bob", "mobile-app"]);
}

/// A code that nobody saw being handed out is whose it brought in, where an answer names that one later.
#[test]
fn a_code_is_whose_token_it_brought() {
    let mut s = Story::default();
    let code = cred("oauth", "form:code", 1);
    let token = cred("bearer", "header:authorization", 2);
    let brought = E::Renewed {
        issued: vec![("$.access_token".into(), 2)],
    };
    s.call(&[code], &[brought]);
    s.call(
        &[token],
        &[E::WhoAmI {
            name: "alice".into(),
            sure: true,
        }],
    );
    assert_eq!(s.names(), ["alice", "alice"]);
}

/// A first step on a session that is there already: the second step lets that session in, and a wrong one nobody.
#[test]
fn two_steps_on_one_cookie() {
    let kept = || vec![("cookie:sid".to_owned(), 1)];
    let begun = |name: &str| E::Begun {
        name: name.into(),
        issued: kept(),
    };
    let wrong = || E::LoginFailed {
        name: String::new(),
    };
    let let_in = || E::Renewed { issued: kept() };
    let mut s = Story::default();
    s.call(&[sid(1)], &[]);
    s.call(&[sid(1)], &[begun("alice")]);
    s.got(403, &[sid(1)], &[wrong()]);
    s.call(&[sid(1)], &[let_in()]);
    s.call(&[sid(1)], &[]);
    // who is in stays in, whatever name is typed
    s.call(&[sid(1)], &[begun("bob")]);
    s.call(&[sid(1)], &[]);
    let names = s.names();
    assert_eq!(
        names[1..],
        [NOBODY, NOBODY, "alice", "alice", "alice", "alice"]
    );
}

/// A name and a password may be answered with the number of an attempt: a wrong code beside it is nobody's, a right one is that person's.
#[test]
fn the_number_of_an_attempt_is_nobodys_while_codes_are_wrong() {
    let number = cred("oauth", "$.Session", 7);
    let wrong = E::LoginFailed {
        name: "alice".into(),
    };
    let first = E::Login {
        name: "alice".into(),
        service: false,
        issued: vec![("$.Session".into(), 7)],
        sure: true,
    };
    let mut s = Story::default();
    s.call(&[], &[first]);
    s.got(400, std::slice::from_ref(&number), &[wrong]);
    s.call(&[number], &[login("alice", 1)]);
    let names = s.names();
    assert_eq!(names[1..], [NOBODY, "alice"]);
}

/// A ticket that nobody ever shows is no session, and a cookie that is a token is one whatever it is called.
#[test]
fn what_is_shown_later_is_what_the_login_handed_out() {
    for kind in ["cookie", "jwt"] {
        let mut s = Story::default();
        let in_by = |name: &str, ticket: u64, print: u64| E::Login {
            name: name.into(),
            service: false,
            issued: vec![
                ("$.ticket".into(), ticket),
                ("cookie:arena_at".into(), print),
            ],
            sure: true,
        };
        let at = |print| cred(kind, "cookie:arena_at", print);
        s.call(&[], &[in_by("alice", 71, 1)]);
        s.call(&[at(1)], &[]);
        s.call(&[], &[in_by("bob", 72, 2)]);
        s.call(&[at(2)], &[]);
        assert_eq!(s.names(), ["alice", "alice", "bob", "bob"], "{kind}");
    }
}

/// A code on a screen, at a place that may be one for paying, lets in who asked with it in vain and got a session once it was sent in.
#[test]
fn a_code_on_a_screen_counts_once_it_brought_a_session() {
    let code = || CredentialSeen {
        claim: Some(crate::facts::credentials::SCREEN.into()),
        ..cred("oauth", "~query:qrCodeId", 7)
    };
    let session = || E::Renewed {
        issued: vec![("cookie:sid".into(), 8)],
    };
    for (waited, brought) in [(true, true), (true, false), (false, true)] {
        let mut s = Story::default();
        s.call(&[], &[login("ida", 1)]);
        if waited {
            s.call(&[code()], &[]);
        }
        s.call(&[sid(1), code()], &[]);
        s.call(
            &[code()],
            if brought { vec![session()] } else { vec![] }.as_slice(),
        );
        s.call(&[sid(8)], &[]);
        let names = s.names();
        let last = names.last().map(String::as_str);
        let whose = if waited && brought { "ida" } else { NOBODY };
        assert_eq!(last, Some(whose), "{waited} {brought}");
    }
}

#[test]
fn a_gate_that_several_log_in_behind_is_nobody_of_them() {
    let gate = || CredentialSeen {
        name: Some("staging".into()),
        ..cred("basic", "header:authorization", 9)
    };
    let mut s = Story::default();
    s.call(&[gate()], &[]);
    s.call(&[gate()], &[login("alice", 1)]);
    s.call(&[gate(), sid(1)], &[]);
    s.call(&[gate()], &[login("bob", 2)]);
    s.call(&[gate(), sid(2)], &[]);
    assert_eq!(s.names(), ["staging", "alice", "alice", "bob", "bob"]);
    // one person's own password of another system
    let mut s = Story::default();
    s.call(&[gate()], &[login("alice", 1)]);
    s.call(&[gate()], &[]);
    assert_eq!(s.names(), ["alice", "staging"]);
}

#[test]
fn numbers_of_two_services_are_their_own() {
    let token = |print| jwt(print, "user_id", "3");
    let come_in = |name: &str, print| E::Login {
        name: name.into(),
        service: false,
        issued: vec![("$.access".into(), print)],
        sure: true,
    };
    let mut s = Story::default();
    s.call(&[], &[come_in("alice", 1), same(&["alice", "3"])]);
    s.call(&[token(1)], &[]);
    s.host = 2;
    s.call(&[], &[come_in("bob", 2), same(&["bob", "3"])]);
    s.call(&[token(2)], &[]);
    // exchanged for another
    let next = E::Renewed {
        issued: vec![("$.access".into(), 3)],
    };
    s.call(&[token(2)], &[next]);
    s.call(&[token(3)], &[]);
    assert_eq!(s.names(), ["alice", "alice", "bob", "bob", "bob", "bob"]);
}

#[test]
fn a_socket_is_whose_message_let_it_in() {
    let socket = || cred("socket", "socket", 7);
    let own = || E::Renewed {
        issued: vec![("socket".into(), 7)],
    };
    let mut s = Story::default();
    s.call(&[], &[login("alice", 1)]);
    s.call(&[socket()], &[]); // a greeting
    s.call(&[cred("oauth", "message:$.token", 1), socket()], &[own()]);
    s.call(&[socket()], &[own()]);
    s.call(&[socket()], &[]);
    assert_eq!(s.names(), ["alice"; 5]);
    let mut s = Story::default();
    let issued = vec![("socket".into(), 7)];
    let name = "alice".into();
    let begun = E::Begun { name, issued };
    s.call(&[socket()], std::slice::from_ref(&begun));
    s.call(&[socket()], &[]);
    assert_eq!(s.names(), [NOBODY; 2]);
    // a name and a password, and the answer
    let mut s = Story::default();
    s.call(&[socket()], &[]);
    s.call(&[socket()], &[begun]);
    s.call(&[socket()], &[own()]);
    s.call(&[socket()], &[]);
    assert_eq!(s.names(), ["alice"; 4]);
}

#[test]
fn labels_that_several_callers_give_name_nobody() {
    let owned = |name: &str, print| E::Owned {
        name: name.into(),
        service: true,
        print,
    };
    let mut s = Story::default();
    s.call(&[], &[login("alice", 1)]);
    s.call(&[], &[login("bob", 2)]);
    s.call(&[sid(1)], &[owned("backend", 11), owned("laptop", 12)]);
    s.call(&[sid(2)], &[owned("backend", 21)]);
    for print in [11, 12, 21] {
        s.call(&[key(print)], &[]);
    }
    assert_eq!(s.names()[4..], ["alice", "alice", "bob"]);
    // whose they are, told to two
    let mut s = Story::default();
    s.call(&[], &[login("alice", 1)]);
    s.call(&[], &[login("bob", 2)]);
    for caller in [1, 2] {
        s.call(
            &[sid(caller)],
            &[owned("partner-a", 11), owned("partner-b", 21)],
        );
    }
    s.call(&[key(11)], &[]);
    s.call(&[key(21)], &[]);
    assert_eq!(s.names()[4..], ["partner-a", "partner-b"]);
}
