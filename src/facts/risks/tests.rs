//! Each rule on what it is for, and on honest traffic that looks a little like it.

use super::*;
use crate::facts::calls::NONE;
use crate::facts::identity::via;

const S: i64 = 1_000_000_000;

#[derive(Default)]
struct World {
    calls: Vec<CallLine>,
    service: Vec<bool>,
}

impl World {
    fn call(&mut self, seconds: i64, account: u32) -> &mut CallLine {
        let n = self.calls.len() as i64;
        self.calls.push(CallLine {
            account,
            api: 0,
            src: account + 1,
            dst: 0,
            status: 200,
            end: seconds * S,
            ..CallLine::new(n, seconds * S)
        });
        self.calls.last_mut().unwrap()
    }
    fn find(&self) -> Vec<Risk> {
        let names: Vec<String> = (0..40).map(|i| format!("n{i}")).collect();
        let classes: Vec<String> = ["name", "cn-id", "password", "jwt"]
            .iter()
            .map(|s| (*s).to_owned())
            .collect();
        let mut levels = Classes {
            person: 0b11,
            secret: 0b1100,
            ..Classes::default()
        };
        levels.level[..4].copy_from_slice(&[2, 3, 4, 3]);
        let addrs: Vec<u128> = (0..100u32)
            .map(|i| 0xffff_0a00_0000 + u128::from(i))
            .collect();
        find(&View {
            calls: &self.calls,
            apis: &names,
            accounts: &names,
            service: &self.service,
            addrs: &addrs,
            classes: &classes,
            levels: &levels,
            inside: &Inside::default(),
            fields: &[],
            masks: &Found::default(),
            limits: Limits::default(),
        })
    }
    fn rules(&self) -> Vec<(&'static str, String)> {
        self.find()
            .into_iter()
            .map(|r| (r.rule, r.subject))
            .collect()
    }
}

#[test]
fn bulk_reads_stand_out_among_peers_and_honest_heavy_readers_do_not() {
    let mut w = World::default();
    for account in 0..6 {
        for n in 0..40 {
            let heavy = i64::from(account % 2 == 0);
            let c = w.call(n * (120 - 60 * heavy), account);
            (c.resp_records, c.level) = (5 + 5 * heavy as u32, 3);
        }
    }
    assert_eq!(w.rules(), []);
    for n in 0..20 {
        let c = w.call(9000 + n * 3, 7);
        (c.resp_records, c.level) = (50, 3);
    }
    assert_eq!(w.rules(), [("bulk-read", "n7 on n0".to_owned())]);
    let r = &w.find()[0];
    assert_eq!(r.calls.len(), 20);
    assert_eq!(r.account, 7);
}

#[test]
fn walks_are_found_and_work_queues_and_pages_are_not() {
    let mut w = World::default();
    let mut x = 17i64;
    for n in 0..200 {
        // a clerk: ids from a queue, not in order
        x = (x * 31 + 7) % 997;
        w.call(n * 20, 1).number = x;
        // paging to and fro over few numbers
        w.call(n * 20, 2).number = n % 8;
    }
    for n in 0..10 {
        w.call(n, 3).number = 100 + n; // ten in a row happen
    }
    assert_eq!(w.rules(), []);
    for n in 0..60 {
        let c = w.call(n * 2, 4);
        c.number = 5000 + n;
        c.status = if n % 4 == 0 { 404 } else { 200 };
    }
    assert_eq!(w.rules(), [("ids-in-order", "n4 on n0".to_owned())]);
}

#[test]
fn secrets_count_where_they_can_be_read() {
    let mut w = World::default();
    let c = w.call(1, 1);
    (c.secrets, c.clear, c.tls) = (SECRET_REQ, 0b100, true); // a login over TLS
    w.call(2, 1).clear = 0b1000; // a token in a header
    assert_eq!(w.rules(), []);
    let c = w.call(3, 1);
    (c.secrets, c.clear, c.tls) = (SECRET_TARGET, 0b1000, true);
    let found = w.find();
    assert_eq!(
        (found.len(), found[0].rule, found[0].severity),
        (1, "secret-in-clear", "high")
    );
    assert!(
        found[0].why.starts_with("jwt in the request target"),
        "{}",
        found[0].why
    );
}

impl World {
    /// Calls of an API whose responses show classes clear and masked; the index of the first.
    fn shown(&mut self, n: u32, api: u32, clear: u64, masked: u64) -> u32 {
        let first = self.calls.len() as u32;
        for i in 0..n {
            let c = self.call(i64::from(i), 1);
            (c.api, c.resp_clear, c.resp_masked) = (api, clear, masked);
        }
        first
    }
}

#[test]
fn masking_that_differs_is_one_risk_a_class() {
    let mut w = World::default();
    w.shown(50, 5, 0b01, 0); // names, clear by two and masked by nobody
    w.shown(40, 6, 0b01, 0);
    w.shown(9, 0, 0b10, 0);
    w.shown(1, 4, 0b10, 0);
    w.shown(7, 1, 0, 0b10);
    w.shown(3, 2, 0, 0b10);
    w.shown(5, 7, 0b1000, 0); // no personal data
    w.shown(5, 8, 0, 0b1000);
    let r = w.find();
    let r: Vec<_> = r.iter().filter(|r| r.rule == "mask-differs").collect();
    assert_eq!(r.len(), 1);
    assert_eq!(r[0].subject, "cn-id on n0 and 1 more");
    assert_eq!(
        r[0].why,
        "clear in 9 calls of n0, 1 call of n4; masked in 7 calls of n1, 3 calls of n2"
    );
    assert_eq!(r[0].calls.len(), 20);

    let mut w = World::default();
    w.shown(9, 0, 0b10, 0);
    w.shown(5, 1, 0b10, 0);
    assert_eq!(w.rules(), []);
}

#[test]
fn masking_along_a_chain_is_said_once() {
    let mut w = World::default();
    let front = w.shown(9, 0, 0b10, 0);
    let list = w.shown(4, 1, 0, 0b10);
    let inner = w.shown(9, 2, 0b10, 0);
    let vault = w.shown(9, 3, 0b10, 0);
    let inner_list = w.shown(4, 4, 0b10, 0); // the front masks what it gets in clear
    for i in 0..9 {
        w.calls[(inner + i) as usize].parent = front + i;
        w.calls[(vault + i) as usize].parent = inner + i;
    }
    for i in 0..4 {
        w.calls[(inner_list + i) as usize].parent = list + i;
    }
    let r = w.find();
    assert_eq!(r.len(), 1);
    assert_eq!(r[0].subject, "cn-id on n0");
    assert_eq!(
        r[0].why,
        "clear in 9 calls of n0; masked in 4 calls of n1; 22 more behind these and counted with them"
    );
    assert!(r[0].calls.iter().all(|c| *c < inner), "{:?}", r[0].calls);

    // A front that masks everywhere is no difference; somebody who goes past it is.
    w.calls.drain(..9);
    w.calls.iter_mut().for_each(|c| c.parent = NONE);
    w.calls.drain(4..);
    let direct = w.shown(2, 4, 0b10, 0) as usize;
    w.calls[direct].parent = 0;
    w.calls[direct + 1].parent = 1;
    assert_eq!(w.rules(), []);
    w.calls[direct + 1].parent = NONE;
    let r = w.find();
    assert_eq!(
        r[0].why,
        "clear in 1 call of n4; masked in 4 calls of n1; 1 more behind one of these and counted with it"
    );
    // The caller in front does not show the class at all: what is behind speaks for itself.
    w.calls[direct].parent = w.shown(1, 9, 0, 0);
    assert!(w.find()[0].why.starts_with("clear in 2 calls of n4"));
}

#[test]
fn the_calls_to_open_are_of_both_sides() {
    let mut w = World::default();
    w.shown(300, 0, 0b10, 0);
    for c in 0..150 {
        let c = w.call(5000 + c, 1);
        (c.api, c.resp_masked) = (1, 0b10);
    }
    let r = w.find();
    let masked = r[0].calls.iter().filter(|c| **c >= 300).count();
    assert_eq!((r[0].calls.len(), masked), (CALLS, CALLS / 2));
    assert_eq!(
        r[0].span,
        (0, 5149 * S),
        "of all calls, not of those listed"
    );
}

#[test]
fn one_credential_in_two_places_but_not_a_proxy_a_move_or_a_program() {
    let mut w = World::default();
    let jwt = via("jwt");
    for n in 0..20 {
        let c = w.call(n * 60, 1);
        (c.cred, c.cred_kind, c.src) = (11, jwt, if n < 10 { 20 } else { 21 }); // moved once
        let c = w.call(n * 60 + 1, 2);
        (c.cred, c.cred_kind, c.src) = (12, jwt, 22);
        let c = w.call(n * 60 + 2, 2);
        (c.cred, c.cred_kind, c.src, c.parent) = (12, jwt, 30, 0); // carried inwards by a gateway
        let c = w.call(n * 60 + 3, 3);
        (c.cred, c.cred_kind, c.src) = (13, jwt, 23 + (n % 2) as u32); // a program on two machines
        for a in 4..8 {
            let c = w.call(n * 60 + 4, a);
            (c.cred, c.cred_kind, c.src) =
                (20 + u64::from(a), jwt, if n % 2 == 0 { 31 } else { 32 }); // two exits of one proxy
        }
    }
    w.service = vec![false, false, false, true];
    assert_eq!(w.rules(), []);
    for n in 0..20 {
        let c = w.call(5000 + n * 30, 9);
        (c.cred, c.cred_kind, c.src) = (99, jwt, 40 + (n % 2) as u32);
    }
    assert_eq!(w.rules(), [("two-places", "n9".to_owned())]);
    assert!(w.calls.iter().all(|c| c.joined == NONE));
}
