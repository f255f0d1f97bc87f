//! The same traffic captured again and loaded later, or by a clock far off: every call once, whatever came first, its earlier
//! ids still found, the clocks shown; and what a client really repeated stays.

use crate::support::recut::{self, Rec, pcap};
use crate::support::talk;
use crate::support::wire::{Wire, request, response};
use crate::taps::{Loaded, hop, loads, plain};
use leaktrace::query::read;

const S: i64 = 1_000_000_000;

/// One more capture than calls: each call stands at its origin and at a tap of the other file.
fn each_at_two(l: &Loaded, name: &str) {
    for c in &l.calls {
        let roles: Vec<_> = c.locators.iter().map(|l| l.role).collect();
        assert_eq!(roles, ["origin", "tap"], "{name}: {c:?}");
        let [origin, tap] = &c.locators[..] else {
            unreachable!()
        };
        assert_ne!(origin.source, tap.source);
        assert_eq!((origin.first, origin.last), (tap.first, tap.last), "{name}");
    }
}

#[test]
fn a_tap_that_is_loaded_later_adds_places_and_no_rows() {
    let a = plain();
    let alone = loads(&[&[("a", pcap(&a))]]);
    for (later, name) in [
        (1_300, "close by"),
        (150_000_000, "clocks apart"),
        (-90_000, "before"),
        (30 * S, "far off"),
        (-400_000_000 * S, "a clock that was never set"),
    ] {
        let (a, b) = (("a", pcap(&a)), ("b", pcap(&hop(&a, later))));
        let both = loads(&[std::slice::from_ref(&a), std::slice::from_ref(&b)]);
        assert_eq!(both.told(), alone.told(), "{name}");
        each_at_two(&both, name);
        let turned = loads(&[std::slice::from_ref(&b), std::slice::from_ref(&a)]);
        assert_eq!(turned.rows(), both.rows(), "{name}: the other order");
        let taps = &both.source("b").taps;
        assert_eq!(taps.len(), 1, "{name}");
        assert_eq!((taps[0].calls, taps[0].skew_ns), (24, later), "{name}");
        assert_eq!(both.source("a").taps[0].skew_ns, -later, "{name}");
        // what either capture alone names a call is an id of it
        for file in [a, b] {
            for id in loads(&[&[file]]).ids() {
                let row = read::find_call(&both.cx, &id).unwrap().unwrap();
                let call = &read::call_rows(&both.cx, &[row]).unwrap()[0];
                assert!(both.ids().contains(&call.id), "{name}: {id}");
            }
        }
    }
}

#[test]
fn a_clock_far_off_in_one_load_is_told_and_doubles_nothing() {
    let a = plain();
    let alone = loads(&[&[("a", pcap(&a))]]);
    for later in [3 * S, 30 * S, 400 * S, 4000 * S] {
        let both = loads(&[&[("a", pcap(&a)), ("b", pcap(&hop(&a, later)))]]);
        assert_eq!(both.told(), alone.told(), "{later}");
        each_at_two(&both, "in one load");
        assert_eq!(both.source("b").taps[0].skew_ns, later);
        let clock = |name: &str| both.source(name).clock_ns.unwrap();
        assert_eq!(clock("b") - clock("a"), later);
        assert_eq!(alone.source("a").clock_ns, None);
    }
}

#[test]
fn network_cards_and_losses_at_the_second_tap_change_nothing() {
    let a = plain();
    let alone = loads(&[&[("a", pcap(&a))]]);
    let small: Vec<Rec> = recut::cut(&a, 400)
        .into_iter()
        .map(|mut r| {
            r.ts += 50_000;
            r
        })
        .collect();
    let both = loads(&[&[("a", pcap(&a))], &[("b", pcap(&small))]]);
    assert_eq!(both.told(), alone.told());
    // what is whole stands for the exchange, in whatever order they come
    let lossy: Vec<Rec> = (0..a.len())
        .filter(|n| n % 7 != 2)
        .map(|n| a[n].clone())
        .collect();
    for (first, second) in [(&lossy, &a), (&a, &lossy)] {
        let second = hop(second, -5 * S);
        let both = loads(&[&[("a", pcap(first))], &[("b", pcap(&second))]]);
        let mut told = both.told();
        // the pieces that the loss left of calls, which nothing tells the place of, may be more
        told.retain(|t| alone.told().contains(t));
        assert_eq!(told, alone.told());
    }
}

/// The same packets on another connection of the same ports: all numbers moved.
fn moved(recs: &[Rec], by: u32, later: i64) -> Vec<Rec> {
    hop(recs, later)
        .into_iter()
        .map(|mut r| {
            if let Some([_, tcp, ..]) = recut::parts(&r) {
                for at in [tcp + 4, tcp + 8] {
                    let n = u32::from_be_bytes(r.bytes[at..at + 4].try_into().unwrap());
                    if at == tcp + 4 || r.bytes[tcp + 13] & 0x10 != 0 {
                        r.bytes[at..at + 4].copy_from_slice(&n.wrapping_add(by).to_be_bytes());
                    }
                }
            }
            r
        })
        .collect()
}

#[test]
fn what_was_really_asked_again_stays() {
    let a = plain();
    // the same ports, the same words, another connection
    for later in [S, 30 * S, 3000 * S] {
        let again = moved(&a, 0x1234_5678, later);
        let both = loads(&[&[("a", pcap(&a))], &[("b", pcap(&again))]]);
        assert_eq!(both.calls.len(), 48, "{later}");
        assert!(both.calls.iter().all(|c| c.locators.len() == 1));
        assert!(both.sources.iter().all(|s| s.taps.is_empty()));
    }
    // a rotated capture whose parts are loaded one by one: its second part holds other calls of the same connections
    let half = a.len() / 2;
    let (one, two) = (pcap(&a[..half]), pcap(&a[half..]));
    let apart: usize = [&one, &two]
        .iter()
        .map(|f| loads(&[&[("x", f.to_vec())]]).calls.len())
        .sum();
    let both = loads(&[&[("a", one)], &[("b", two)]]);
    assert_eq!(both.calls.len(), apart);
    let taps = both.calls.iter().flat_map(|c| &c.locators);
    assert_eq!(taps.filter(|l| l.role == "tap").count(), 0);
}

/// A connection that is open and idle for longer than the clocks are apart; what one tap has more is not put among the other's.
#[test]
fn a_connection_that_is_idle_at_first_is_not_mixed_between_clocks() {
    let mut w = Wire::new(Vec::new(), 1_760_000_000 * S).unwrap();
    let ends = |n, port| (std::net::Ipv4Addr::new(10, 0, 0, n), port);
    let mut c = w.open(ends(1, 40_000), ends(2, 80)).unwrap();
    w.now += 6 * S;
    for (target, status) in [
        ("/one", "200 OK"),
        ("/two", "201 Created"),
        ("/three", "404 Not Found"),
    ] {
        let ask = request("GET", "h.example", target, &[], b"");
        w.exchange(&mut c, &ask, &response(status, &[], target.as_bytes()))
            .unwrap();
        w.now += S;
    }
    let all = talk::recs(w.into_inner());
    let told = [("/one", 200), ("/two", 201), ("/three", 404)];
    for later in [-3_500_000_000, 3_500_000_000, -300_000_000] {
        // handshake, then four frames an exchange
        let mut some = hop(&all, later);
        some.drain(7..11);
        let l = loads(&[&[("a", pcap(&all)), ("b", pcap(&some))]]);
        let mut got: Vec<_> = l
            .calls
            .iter()
            .map(|c| (c.uri.clone().unwrap(), c.status.unwrap_or(0)))
            .collect();
        got.sort_by_key(|g| g.1);
        let want: Vec<_> = told.iter().map(|(t, s)| ((*t).to_owned(), *s)).collect();
        assert_eq!(got, want, "{later}");
    }
}
