//! Stories of a few calls each, and whose they must be.

use super::*;
use crate::call::model::{CredentialSeen, IdentityEvent as E};
use std::net::IpAddr;

#[derive(Default)]
pub struct Story {
    pub input: Input,
    /// Number of the host that the next calls go to.
    pub host: u32,
    n: u64,
}

pub fn cred(kind: &'static str, place: &str, print: u64) -> CredentialSeen {
    CredentialSeen {
        kind,
        place: place.into(),
        print,
        name: None,
        claim: None,
        service: false,
    }
}
pub fn sid(print: u64) -> CredentialSeen {
    cred("cookie", "cookie:sid", print)
}
pub fn jwt(print: u64, claim: &str, name: &str) -> CredentialSeen {
    CredentialSeen {
        name: Some(name.into()),
        claim: Some(claim.into()),
        service: claim == "client_id",
        ..cred("jwt", "header:authorization", print)
    }
}
pub fn login(name: &str, print: u64) -> E {
    E::Login {
        name: name.into(),
        service: false,
        issued: vec![("cookie:sid".into(), print)],
        sure: true,
    }
}

impl Story {
    pub fn at(&mut self, seconds: u64, addr: &str, creds: &[CredentialSeen], events: &[E]) {
        self.answered(seconds, addr, 200, creds, events);
    }
    fn answered(
        &mut self,
        seconds: u64,
        addr: &str,
        status: u16,
        creds: &[CredentialSeen],
        events: &[E],
    ) {
        self.n += 1;
        let a: IpAddr = addr.parse().unwrap();
        let key = CallKey {
            ts: seconds as i64 * 1_000_000_000,
            source: 0,
            unit: self.n,
            ord: 0,
        };
        self.input.push(
            key,
            Some(crate::facts::inside::bits(a)),
            1,
            self.host,
            NONE,
            0,
            status,
            creds,
            events,
        );
    }
    /// A call that was answered with this status.
    pub fn got(&mut self, status: u16, creds: &[CredentialSeen], events: &[E]) {
        let n = self.n;
        self.answered(n, "10.0.0.9", status, creds, events);
    }
    pub fn call(&mut self, creds: &[CredentialSeen], events: &[E]) {
        let n = self.n;
        self.at(n, "10.0.0.9", creds, events);
    }
    /// Sizes of the sessions, and the session of each call; a call that another one caused takes no part.
    fn sessions(self) -> (Vec<u32>, Vec<Option<u32>>) {
        let ts: Vec<i64> = self.input.rows.iter().map(|r| r.key.ts).collect();
        let outer = self.input.outer.clone();
        let id = resolve(self.input);
        let mut of = vec![None; ts.len()];
        let part = |i: u32| {
            let d = &id.calls[i as usize];
            outer
                .get(i as usize)
                .is_none_or(|o| *o == NONE)
                .then_some(Part {
                    account: d.account,
                    via: d.via,
                    ts: ts[i as usize],
                    thread: d.thread,
                    of: NONE,
                })
        };
        let list = sessions(&id.order, &part, &mut |c, s| of[c as usize] = Some(s));
        (list.iter().map(|s| s.calls).collect(), of)
    }
    pub fn names(self) -> Vec<String> {
        let id = resolve(self.input);
        id.calls
            .iter()
            .map(|d| id.accounts[d.account as usize].name.clone())
            .collect()
    }
}

pub const NOBODY: &str = "unattributed@10.0.0.9";

#[test]
fn a_cookie_before_at_and_after_login_and_after_logout() {
    let mut s = Story::default();
    s.call(&[sid(1)], &[]); // same cookie, before
    s.call(&[sid(1)], &[login("alice", 1)]);
    s.call(&[sid(1)], &[]);
    s.call(&[sid(1)], &[E::Logout]);
    s.call(&[sid(1)], &[]); // after
    s.call(&[sid(1)], &[login("bob", 1)]);
    s.call(&[sid(1)], &[]);
    assert_eq!(
        s.names(),
        ["alice", "alice", "alice", "alice", NOBODY, "bob", "bob"]
    );
}

#[test]
fn a_cookie_that_a_logout_hands_out_is_not_the_next_ones_before_the_login() {
    let mut s = Story::default();
    let left = E::Left {
        issued: vec![("cookie:sid".into(), 2)],
    };
    s.call(&[sid(1)], &[login("alice", 1)]);
    s.call(&[sid(1)], &[E::Logout, left]);
    s.call(&[sid(2)], &[]); // a guest
    s.call(&[sid(2)], &[login("bob", 3)]);
    s.call(&[sid(3)], &[]);
    s.call(&[sid(2)], &[login("eva", 2)]); // kept
    s.call(&[sid(2)], &[]);
    assert_eq!(
        s.names(),
        ["alice", "alice", NOBODY, "bob", "bob", "eva", "eva"]
    );
}

#[test]
fn a_new_login_on_the_same_cookie_opens_a_new_interval() {
    let mut s = Story::default();
    s.call(&[sid(1)], &[login("alice", 1)]);
    s.call(&[sid(1)], &[login("bob", 1)]);
    s.call(&[sid(1)], &[]);
    assert_eq!(s.names(), ["alice", "bob", "bob"]);
}

#[test]
fn the_cookie_before_a_rotation_is_back_filled_and_a_shared_device_cookie_is_not() {
    let device = cred("cookie", "cookie:_dev", 9);
    let mut s = Story::default();
    s.call(&[sid(1), device.clone()], &[]);
    s.call(&[sid(1), device.clone()], &[login("alice", 2)]);
    s.call(&[sid(2), device.clone()], &[E::Logout]);
    s.call(&[sid(3), device.clone()], &[login("bob", 4)]);
    s.call(&[sid(4), device.clone()], &[]);
    s.call(&[device], &[]);
    assert_eq!(s.names(), ["alice", "alice", "alice", "bob", "bob", NOBODY]);
}

#[test]
fn failed_logins_and_unknown_keys_are_nobody() {
    let mut s = Story::default();
    s.call(
        &[sid(1)],
        &[E::LoginFailed {
            name: "alice".into(),
        }],
    );
    s.call(&[sid(1)], &[login("alice", 1)]);
    s.call(
        &[cred("api-key", "header:x-api-key", 0xabcd_0123_0000_0000)],
        &[],
    );
    s.call(&[sid(77)], &[]);
    s.call(&[], &[]);
    assert_eq!(s.names(), [NOBODY, "alice", "key:abcd0123", NOBODY, NOBODY]);
}

/// Who comes in twice by a kept session was let in both times at a place whose refusals are read.
#[test]
fn who_comes_in_twice_was_not_refused_where_refusals_are_read() {
    let mut s = Story::default();
    let mut call = |answer: u64, events: &[E]| {
        s.n += 1;
        let key = CallKey {
            ts: s.n as i64 * 1_000_000_000,
            source: 0,
            unit: s.n,
            ord: 0,
        };
        let addr = crate::facts::inside::bits("10.0.0.9".parse::<IpAddr>().unwrap());
        let answer = answer.try_into().unwrap();
        s.input
            .push(key, Some(addr), 1, 0, 4, answer, 200, &[sid(1)], events);
    };
    call(9, &[login("alice", 1)]);
    call(8, &[E::LoginFailed { name: "bob".into() }]);
    call(9, &[login("alice", 1)]);
    let names = s.names();
    assert_eq!([&names[0], &names[2]], ["alice", "alice"]);
}

/// Two logins of one client with the same kind of answer: the token that the first handed out was used, so it was no refusal.
#[test]
fn who_logs_in_twice_was_let_in_the_first_time_where_the_token_was_used() {
    let token = |print| cred("bearer", "header:authorization", print);
    let mut s = Story::default();
    let mut call = |creds: &[CredentialSeen], events: &[E]| {
        s.n += 1;
        let key = CallKey {
            ts: s.n as i64 * 1_000_000_000,
            source: 0,
            unit: s.n,
            ord: 0,
        };
        let addr = crate::facts::inside::bits("10.0.0.9".parse::<IpAddr>().unwrap());
        s.input
            .push(key, Some(addr), 1, 0, 4, 9, 200, creds, events);
    };
    let login = |print| E::Login {
        name: "alice".into(),
        service: false,
        issued: vec![(format!("{}$.data.piaoju", crate::call::model::MAYBE), print)],
        sure: true,
    };
    call(&[], &[login(1)]);
    call(&[token(1)], &[]);
    call(&[token(1)], &[E::Logout]);
    call(&[token(1)], &[]);
    call(&[], &[login(2)]);
    call(&[token(2)], &[]);
    let names = s.names();
    assert_eq!(names, ["alice", "alice", "alice", NOBODY, "alice", "alice"]);
}

#[test]
fn one_person_by_several_names_and_two_people_with_one_number() {
    let mut s = Story::default();
    s.call(
        &[],
        &[
            login("alice", 1),
            E::SamePerson {
                names: vec!["alice".into(), "a@x.com".into(), "7".into()],
            },
        ],
    );
    s.call(&[jwt(5, "sub", "7")], &[]);
    s.call(&[jwt(6, "email", "A@x.com")], &[]);
    assert_eq!(s.names(), ["alice"; 3]);
    let mut s = Story::default();
    s.call(
        &[jwt(1, "preferred_username", "alice")],
        &[E::SamePerson {
            names: vec!["alice".into(), "7".into()],
        }],
    );
    s.call(
        &[jwt(2, "preferred_username", "bob")],
        &[E::SamePerson {
            names: vec!["bob".into(), "7".into()],
        }],
    );
    assert_eq!(s.names(), ["alice", "bob"]);
}

#[test]
fn services_act_and_people_stand_behind() {
    let fronted = |n: &str| E::Fronted {
        name: n.into(),
        place: "header:x-forwarded-user".into(),
    };
    let mut s = Story::default();
    s.call(&[jwt(1, "client_id", "billing")], &[fronted("alice")]);
    s.call(&[], &[fronted("alice")]);
    s.call(
        &[cred("api-key", "header:x-api-key", 5 << 32)],
        &[fronted("bob")],
    );
    s.call(
        &[
            cred("api-key", "header:x-api-key", 6 << 32),
            jwt(2, "sub", "carol"),
        ],
        &[],
    );
    let id = resolve(s.input);
    let got: Vec<_> = id
        .calls
        .iter()
        .map(|d| {
            (
                id.accounts[d.account as usize].name.as_str(),
                id.names.get(d.behalf as usize).map(String::as_str),
                VIA[d.via as usize],
            )
        })
        .collect();
    assert_eq!(
        got,
        [
            ("billing", Some("alice"), "jwt"),
            ("alice", None, "header"),
            ("key:00000005", Some("bob"), "api-key"),
            ("carol", None, "jwt")
        ]
    );
    assert_eq!(
        id.accounts
            .iter()
            .find(|a| a.name == "billing")
            .unwrap()
            .kind,
        "service"
    );
}

fn renewed() -> Story {
    let bearer = |p| cred("bearer", "header:authorization", p);
    let mut s = Story::default();
    s.call(
        &[],
        &[E::Login {
            name: "alice".into(),
            service: false,
            issued: vec![("$.access".into(), 1), ("$.refresh".into(), 2)],
            sure: true,
        }],
    );
    s.call(&[bearer(1)], &[]);
    s.call(
        &[cred("oauth", "form:refresh_token", 2)],
        &[E::Renewed {
            issued: vec![("$.access".into(), 3)],
        }],
    );
    s.call(&[bearer(3)], &[]);
    s.call(&[bearer(8)], &[]);
    s.call(
        &[bearer(8)],
        &[E::WhoAmI {
            name: "bob".into(),
            sure: true,
        }],
    );
    s
}

#[test]
fn renewal_and_profile_carry_the_owner() {
    assert_eq!(
        renewed().names(),
        ["alice", "alice", "alice", "alice", "bob", "bob"]
    );
    assert_eq!(renewed().sessions().0, [4, 2]);
}

#[test]
fn sessions_are_cut_by_pause_and_by_relogin() {
    let mut s = Story::default();
    s.at(0, "10.0.0.1", &[], &[login("alice", 1)]);
    s.at(60, "10.0.0.1", &[sid(1)], &[]);
    s.at(60 + 31 * 60, "10.0.0.1", &[sid(1)], &[]);
    s.at(62 * 60, "10.0.0.1", &[sid(1)], &[login("alice", 1)]);
    s.at(63 * 60, "10.0.0.1", &[sid(1)], &[]);
    assert_eq!(s.sessions().0, [2, 1, 2]);
}

#[test]
fn a_session_begins_before_the_login_that_names_it_and_ends_with_the_logout() {
    let mut s = Story::default();
    s.call(&[sid(1)], &[]); // before, on the cookie that the login replaces
    s.call(&[sid(1)], &[login("alice", 2)]);
    s.call(&[sid(2)], &[]);
    s.call(&[sid(2)], &[E::Logout]);
    s.call(&[], &[login("alice", 3)]);
    s.call(&[sid(3)], &[]);
    let (sizes, of) = s.sessions();
    assert_eq!(sizes, [4, 2]);
    let want = [0, 0, 0, 0, 1, 1].map(Some);
    assert_eq!(of, want);
}

/// A gateway passes everything on, so every act is seen twice.
fn passed_on(linked: bool) -> Story {
    let mut s = Story::default();
    let mut twice = |creds: &[CredentialSeen], events: &[E]| {
        let at = s.n;
        s.at(at, "10.0.0.9", creds, events);
        s.at(at, "10.0.0.2", creds, events);
        if linked {
            s.input.caused(s.n as u32 - 1, s.n as u32 - 2);
        }
    };
    twice(&[sid(1)], &[]);
    twice(&[sid(1)], &[login("alice", 1)]);
    twice(&[sid(1)], &[]);
    twice(&[sid(1)], &[E::Logout]);
    twice(&[], &[login("alice", 2)]);
    twice(&[sid(2)], &[]);
    s
}

#[test]
fn a_login_seen_at_a_gateway_and_behind_it_is_one_login() {
    assert_eq!(passed_on(true).names(), ["alice"; 12]);
    let (sizes, of) = passed_on(true).sessions();
    assert_eq!(sizes, [4, 2]);
    let want = [0, 0, 0, 0, 1, 1].map(Some);
    assert_eq!(of.iter().step_by(2).copied().collect::<Vec<_>>(), want);
    assert!(of.iter().skip(1).step_by(2).all(Option::is_none));
}

#[test]
fn a_login_seen_twice_without_a_known_cause_opens_one_session() {
    let s = passed_on(false);
    let (sizes, of) = s.sessions();
    // The second logout of the two is one of a cookie that has just been given up.
    assert_eq!(sizes, [7, 1, 4], "{of:?}");
}

#[test]
fn an_inner_call_whose_tap_is_early_still_follows_its_outer_one() {
    let mut s = Story::default();
    s.at(2, "10.0.0.9", &[], &[login("alice", 1)]);
    s.at(1, "10.0.0.2", &[], &[login("alice", 1)]);
    s.at(3, "10.0.0.9", &[sid(1)], &[]);
    s.input.caused(1, 0);
    assert_eq!(s.sessions().0, [2]);
}

#[test]
fn the_order_of_loading_does_not_matter() {
    let story = |perm: &[usize]| {
        let calls: Vec<(u64, Vec<CredentialSeen>, Vec<E>)> = vec![
            (1, vec![sid(1)], vec![]),
            (2, vec![sid(1)], vec![login("alice", 2)]),
            (3, vec![sid(2)], vec![]),
            (4, vec![sid(2)], vec![E::Logout]),
            (5, vec![jwt(9, "sub", "Alice")], vec![]),
            (6, vec![], vec![login("bob", 2)]),
            (7, vec![sid(2)], vec![]),
        ];
        let mut input = Input::default();
        for p in perm {
            let (t, c, e) = &calls[*p];
            let key = CallKey {
                ts: *t as i64,
                source: 0,
                unit: *t,
                ord: 0,
            };
            input.push(key, Some(1), 1, 0, NONE, 0, 200, c, e);
        }
        let (_, of) = Story {
            input: input.clone(),
            n: 0,
            host: 0,
        }
        .sessions();
        let id = resolve(input);
        let mut out: Vec<_> = perm
            .iter()
            .zip(id.calls.iter().zip(of))
            .map(|(p, (d, s))| (*p, id.accounts[d.account as usize].name.clone(), s))
            .collect();
        out.sort();
        (out, id.accounts)
    };
    let want = story(&[0, 1, 2, 3, 4, 5, 6]);
    for perm in [
        [6, 5, 4, 3, 2, 1, 0],
        [3, 1, 6, 0, 2, 5, 4],
        [2, 0, 4, 6, 1, 3, 5],
    ] {
        assert_eq!(story(&perm), want);
    }
}

#[test]
fn a_header_behind_a_gateway_names_the_key_before_it() {
    let key = |p| cred("api-key", "header:x-api-key", p);
    let mut s = Story::default();
    s.call(&[key(5 << 32)], &[]);
    s.call(
        &[],
        &[E::Fronted {
            name: "shop".into(),
            place: "header:x-consumer-username".into(),
        }],
    );
    s.call(&[key(5 << 32)], &[]);
    s.call(&[key(6 << 32)], &[]);
    s.call(
        &[],
        &[E::Fronted {
            name: "eve".into(),
            place: "header:x-forwarded-user".into(),
        }],
    );
    s.input.caused(1, 0);
    s.input.caused(4, 3);
    assert_eq!(s.names(), ["shop", "shop", "shop", "key:00000006", "eve"]);
}

#[test]
fn a_message_stands_in_the_session_that_opened_its_socket_after_any_pause() {
    let thread = {
        let mut s = Story::default();
        s.call(&[sid(1)], &[]);
        resolve(s.input).calls[0].thread
    };
    let minute = 60_000_000_000;
    // The upgrade, a message an hour later, a call on the same cookie after it and one long after, then a late message.
    let at = [0, 60, 61, 200, 201].map(|m| m * minute);
    let of = [NONE, 0, NONE, NONE, 0];
    let part = |i: u32| {
        Some(Part {
            account: 0,
            via: 0,
            ts: at[i as usize],
            thread,
            of: of[i as usize],
        })
    };
    let mut got = Vec::new();
    let list = sessions(&[0, 1, 2, 3, 4], &part, &mut |_, s| got.push(s));
    assert_eq!(got, [0, 0, 0, 1, 0]);
    assert_eq!((list[0].end, list[0].calls), (201 * minute, 4));
}

#[test]
fn a_cookie_of_any_name_renews_the_session_that_it_came_with() {
    let bearer = |print| cred("bearer", "header:authorization", print);
    let odd = |print| cred("cookie", "cookie:rft", print);
    let issued = |token, cookie| {
        vec![
            ("$.token".to_owned(), token),
            ("cookie:rft".to_owned(), cookie),
        ]
    };
    let mut s = Story::default();
    let in_ = E::Login {
        name: "alice".into(),
        service: false,
        issued: issued(1, 11),
        sure: true,
    };
    s.call(&[], &[in_]);
    s.call(&[bearer(1)], &[]);
    let renewed = |token, cookie| E::Renewed {
        issued: issued(token, cookie),
    };
    s.call(&[odd(11)], &[renewed(2, 12)]);
    s.call(&[bearer(2)], &[]);
    s.call(&[odd(12)], &[renewed(3, 13)]);
    s.call(&[bearer(3)], &[]);
    // another's, which no login handed out
    s.call(&[odd(99)], &[renewed(4, 98)]);
    s.call(&[bearer(4)], &[]);
    let who = s.names();
    assert_eq!(who[..6], ["alice"; 6]);
    assert!(who[6..].iter().all(|w| w != "alice"), "{who:?}");
}

#[test]
fn of_two_names_to_log_in_with_the_address_is_the_second() {
    let mut s = Story::default();
    s.call(&[], &[login("amy@x.example", 1)]);
    s.call(&[], &[login("zoe", 2)]);
    let names = vec!["zoe".into(), "amy@x.example".into()];
    s.call(&[sid(2)], &[E::SamePerson { names }]);
    assert_eq!(s.names(), ["zoe"; 3]);
}
