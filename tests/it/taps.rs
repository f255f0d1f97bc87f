//! The same traffic captured more than once, and one capture in many files: every call once, with the same id in whatever
//! order the files are named, its further places told, and nothing taken for sent again that was not.

use crate::support::frames::{framed, sum};
use crate::support::recut::{self, Rec, pcap, pcapng};
use crate::support::talk::talk;
use leaktrace::load::{LoadOptions, Progress, run};
use leaktrace::query::rows::{CallRow, SourceRow};
use leaktrace::query::{Cx, Filter, Page, read};

pub struct Loaded {
    pub calls: Vec<CallRow>,
    pub sources: Vec<SourceRow>,
    pub cx: Cx,
    dir: tempfile::TempDir,
}

/// Loads files in the order given.
fn load(files: &[(&str, Vec<u8>)]) -> Loaded {
    loads(&[files])
}

/// Loads some files, then others, each lot in the order given.
pub fn loads(lots: &[&[(&str, Vec<u8>)]]) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("t.ltc");
    for files in lots {
        let written = files.iter().map(|(name, bytes)| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        });
        let options = LoadOptions {
            files: written.collect(),
            case: case.clone(),
            ..LoadOptions::default()
        };
        run(&options, &Progress::default()).unwrap();
    }
    let cx = Cx::open(&case, false).unwrap();
    Loaded {
        calls: read::calls(&cx, &Filter::all(), &Page::first(100_000)).unwrap(),
        sources: read::sources(&cx, &Filter::all()).unwrap(),
        cx,
        dir,
    }
}

impl Loaded {
    pub fn source(&self, name: &str) -> &SourceRow {
        let ends = |s: &&SourceRow| s.name.ends_with(name);
        self.sources.iter().find(ends).unwrap()
    }
    fn diag(&self, name: &str, code: &str) -> u64 {
        self.source(name).diags.get(code).copied().unwrap_or(0)
    }
    pub fn ids(&self) -> Vec<String> {
        self.calls.iter().map(|c| c.id.clone()).collect()
    }
    /// The rows, without the folder that they were loaded from.
    pub fn rows(&self) -> String {
        let dir = self.dir.path().to_string_lossy().into_owned();
        serde_json::to_string(&self.calls)
            .unwrap()
            .replace(&dir, "")
    }
    /// All that is told of the calls but where they stand.
    pub fn told(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .calls
            .iter()
            .map(|c| {
                format!(
                    "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                    c.method, c.uri, c.status, c.req_sha256, c.resp_sha256, c.sport, c.flags
                )
            })
            .collect();
        all.sort();
        all
    }
}

/// The same packets at another place: later, one hop on, other stations.
pub fn hop(recs: &[Rec], later: i64) -> Vec<Rec> {
    recs.iter()
        .map(|r| {
            let mut r = r.clone();
            r.ts += later;
            r.bytes[0..6].copy_from_slice(&[6; 6]);
            r.bytes[14 + 8] -= 1;
            r
        })
        .collect()
}

pub fn plain() -> Vec<Rec> {
    talk(3, 3, 8, 6000)
}

#[test]
fn two_taps_in_two_files_are_one_conversation() {
    let a = plain();
    let alone = load(&[("a", pcap(&a))]);
    assert_eq!(alone.calls.len(), 24);
    for (later, name) in [
        (1_300, "close by"),
        (150_000_000, "clocks apart"),
        (-90_000, "before"),
    ] {
        let files = [("a", pcap(&a)), ("b", pcap(&hop(&a, later)))];
        let both = load(&files);
        assert_eq!(both.told(), alone.told(), "{name}");
        assert!(
            both.calls.iter().all(|c| c.flags.is_empty()),
            "{name}: {:?}",
            both.calls
        );
        let copies = if later > 0 { "b" } else { "a" };
        assert_eq!(both.diag(copies, "tap-copy"), a.len() as u64, "{name}");
        for c in &both.calls {
            let roles: Vec<_> = c.locators.iter().map(|l| l.role).collect();
            assert_eq!(roles, ["origin", "tap"], "{name}: {c:?}");
            let [origin, tap] = &c.locators[..] else {
                unreachable!()
            };
            assert_ne!(origin.source, tap.source);
            assert_eq!((origin.first, origin.last), (tap.first, tap.last), "{name}");
        }
        let turned = [files[1].clone(), files[0].clone()];
        assert_eq!(load(&turned).ids(), both.ids(), "{name}: the other order");
    }
}

#[test]
fn names_of_files_decide_nothing() {
    let a = plain();
    // of the same length and beginning: only the content tells them apart
    let mut b = hop(&a, 0);
    b.iter_mut().skip(1).for_each(|r| r.ts += 2000);
    let one = load(&[("a", pcap(&a)), ("b", pcap(&b))]);
    let other = load(&[("b", pcap(&a)), ("a", pcap(&b))]);
    assert_eq!(one.ids(), other.ids());
}

#[test]
fn a_mirror_port_and_two_interfaces_count_once() {
    let a = plain();
    let alone = load(&[("a", pcap(&a))]);
    let mirror: Vec<Rec> = a
        .iter()
        .zip(hop(&a, 900))
        .flat_map(|(r, copy)| [r.clone(), copy])
        .collect();
    let both = load(&[("a", pcap(&mirror))]);
    assert_eq!(both.told(), alone.told());
    assert_eq!(both.diag("a", "tap-copy"), a.len() as u64);
    let call = &both.calls[0];
    let tap = call.locators.iter().find(|l| l.role == "tap").unwrap();
    assert_eq!(tap.first, call.locators[0].first + 1);

    // The second interface holds raw IP, and each packet before the first does.
    let two: Vec<(u32, Rec)> = a
        .iter()
        .flat_map(|r| {
            let mut raw = r.clone();
            raw.link = 101;
            raw.bytes.drain(..14);
            raw.orig_len -= 14;
            raw.ts -= 40;
            [(1, raw), (0, r.clone())]
        })
        .collect();
    let both = load(&[("a", pcapng(&two))]);
    assert_eq!(both.told(), alone.told());
    assert_eq!(both.diag("a", "tap-copy"), a.len() as u64);
    assert!(
        both.calls
            .iter()
            .all(|c| c.locators.iter().any(|l| l.role == "tap"))
    );
}

#[test]
fn a_tap_before_the_network_card_cut_it_is_a_tap() {
    // Large packets here, of the size of the wire there.
    let large = plain();
    let small: Vec<Rec> = recut::cut(&large, 400)
        .into_iter()
        .map(|mut r| {
            r.ts += 50_000;
            r
        })
        .collect();
    let alone = load(&[("a", pcap(&large))]);
    let both = load(&[("a", pcap(&large)), ("b", pcap(&small))]);
    assert_eq!(both.told(), alone.told());
    assert!(both.diag("b", "tap-copy") > 0);
    for c in &both.calls {
        assert!(c.locators.iter().any(|l| l.role == "tap"), "{c:?}");
        assert!(!c.flags.contains(&"retransmitted"), "{c:?}");
    }
}

#[test]
fn each_tap_fills_what_the_other_lost() {
    let a = plain();
    let drop = |recs: Vec<Rec>, rest: usize| -> Vec<Rec> {
        let keep = |n: usize| n % 7 != rest;
        recs.into_iter()
            .enumerate()
            .filter(|(n, _)| keep(*n))
            .map(|(_, r)| r)
            .collect()
    };
    let alone = load(&[("a", pcap(&a))]);
    let with_loss = load(&[("a", pcap(&drop(a.clone(), 2)))]);
    assert_ne!(with_loss.told(), alone.told());
    let both = load(&[
        ("a", pcap(&drop(a.clone(), 2))),
        ("b", pcap(&drop(hop(&a, 700), 5))),
    ]);
    assert_eq!(both.told(), alone.told());
}

#[test]
fn taps_of_one_direction_each_make_whole_calls() {
    let a = plain();
    let of = |server: bool| -> Vec<Rec> {
        let from = |r: &Rec| r.bytes[26..30] == [10, 9, 0, 1];
        a.iter().filter(|r| from(r) == server).cloned().collect()
    };
    let alone = load(&[("a", pcap(&a))]);
    for files in [
        [("c", pcap(&of(false))), ("s", pcap(&of(true)))],
        [("s", pcap(&of(true))), ("c", pcap(&of(false)))],
    ] {
        assert_eq!(load(&files).told(), alone.told());
    }
}

#[test]
fn two_networks_with_the_same_addresses_do_not_mix() {
    let a = plain();
    // The same ends at the same time, other numbers, other words.
    let b: Vec<Rec> = a
        .iter()
        .map(|r| {
            let mut r = r.clone();
            r.ts += 333;
            let [_, tcp, data, end] = recut::parts(&r).unwrap();
            for at in [tcp + 4, tcp + 8] {
                let n = u32::from_be_bytes(r.bytes[at..at + 4].try_into().unwrap());
                let flags = r.bytes[tcp + 13];
                if at == tcp + 4 || flags & 0x10 != 0 {
                    r.bytes[at..at + 4].copy_from_slice(&n.wrapping_add(0x7000_0000).to_be_bytes());
                }
            }
            if let Some(at) = r.bytes[data..end].windows(3).position(|w| w == b" /c") {
                r.bytes[data + at + 2] = b'd';
            }
            r
        })
        .collect();
    let both = load(&[("a", pcap(&a)), ("b", pcap(&b))]);
    let one = load(&[("a", pcap(&a))]);
    let other = load(&[("b", pcap(&b))]);
    let mut apart = [one.told(), other.told()].concat();
    apart.sort();
    assert_eq!(both.told(), apart);
    assert_eq!(both.diag("b", "tap-copy"), 0);
}

#[test]
fn what_was_sent_again_is_still_said() {
    let mut a = plain();
    // The third packet with payload is sent again, with an identification of its own.
    let at = (0..a.len())
        .filter(|n| recut::parts(&a[*n]).is_some_and(|[_, _, d, e]| e > d))
        .nth(2)
        .unwrap();
    let mut again = a[at].clone();
    again.bytes[18..20].copy_from_slice(&[0xee, 0xee]);
    again.ts += 1;
    a.insert(at + 1, again);
    let one = load(&[("a", pcap(&a))]);
    let flagged = |l: &Loaded| {
        l.calls
            .iter()
            .filter(|c| c.flags == ["retransmitted"])
            .count()
    };
    assert_eq!((flagged(&one), one.diag("a", "tap-copy")), (1, 0));
    let both = load(&[("a", pcap(&a)), ("b", pcap(&hop(&a, 500)))]);
    assert_eq!(both.told(), one.told());
    assert_eq!(flagged(&both), 1);
}

#[test]
fn a_tunnel_and_what_it_carries_captured_both_count_once() {
    let a = plain();
    let alone = load(&[("a", pcap(&a))]);
    let both: Vec<Rec> = a
        .iter()
        .flat_map(|r| {
            let mut outer = vec![
                0x45,
                0,
                0,
                0,
                0x55,
                r.bytes[19],
                0,
                0,
                64,
                47,
                0,
                0,
                1,
                1,
                1,
                1,
                2,
                2,
                2,
                2,
            ];
            outer.extend([0, 0, 0x65, 0x58]);
            outer.extend(&r.bytes);
            let total = (outer.len() as u16).to_be_bytes();
            outer[2..4].copy_from_slice(&total);
            let s = sum(&outer[..20]);
            outer[10..12].copy_from_slice(&s.to_be_bytes());
            let bytes = framed(&outer);
            let orig_len = bytes.len() as u32;
            let carried = Rec {
                ts: r.ts + 300,
                bytes,
                orig_len,
                ..*r
            };
            [r.clone(), carried]
        })
        .collect();
    let both = load(&[("a", pcap(&both))]);
    assert_eq!(both.told(), alone.told());
    assert!(both.diag("a", "tap-copy") >= a.len() as u64);
}

#[test]
fn a_rotated_capture_is_one_in_any_order_of_its_files() {
    let a = plain();
    let whole = load(&[("a", pcap(&a))]);
    for size in [1, 5, 40] {
        // The writer turns the file a little early: the first packet of each part is older than the last of the one before.
        let mut a = a.clone();
        for at in (size..a.len()).step_by(size) {
            if size > 1 {
                a[at].ts = a[at - 1].ts - 500;
            }
        }
        let names: Vec<String> = (0..a.len().div_ceil(size))
            .map(|n| format!("r{n}.pcap"))
            .collect();
        let mut parts: Vec<(&str, Vec<u8>)> = names
            .iter()
            .map(String::as_str)
            .zip(a.chunks(size).map(pcap))
            .collect();
        let forward = load(&parts);
        assert_eq!(forward.told(), whole.told(), "{size}");
        parts.reverse();
        assert_eq!(load(&parts).ids(), forward.ids(), "{size}");
        let middle = parts.len() / 3;
        parts.rotate_left(middle);
        parts.swap(0, middle);
        let other = load(&parts);
        assert_eq!(other.ids(), forward.ids(), "{size}");
        assert_eq!(other.rows(), forward.rows());
        let roles = |l: &Loaded| {
            l.calls
                .iter()
                .flat_map(|c| c.locators.iter().map(|l| l.role))
                .any(|r| r == "tap")
        };
        assert!(!roles(&forward), "{size}: parts are no taps");
    }
}
