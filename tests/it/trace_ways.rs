//! How records moved, measured: eleven kinds of ways through five services behind a gateway, three captures whose clocks are up
//! to five seconds off, 30 % of all exchanges in none of them, every form a value can have, decoys.

use crate::support::journey::{self, Way, World};
use leaktrace::load::{LoadOptions, Progress, run as load};
use leaktrace::query::{Cx, Filter, Page, read};
use leaktrace::trace::model::{Hop, Trail};
use leaktrace::trace::{Options, Question, run};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicBool;

/// A loaded world.
struct Loaded {
    _dir: tempfile::TempDir,
    case: std::path::PathBuf,
    cx: Cx,
    /// Exchange of each call, by client, server and port.
    of: BTreeMap<String, usize>,
}

fn loaded(w: &World) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let case = dir.path().join("t.ltc");
    let files = w.captures.iter().map(|(name, bytes)| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let options = LoadOptions {
        files: files.collect(),
        case: case.clone(),
        ..LoadOptions::default()
    };
    load(&options, &Progress::default()).unwrap();
    let cx = Cx::open(&case, false).unwrap();
    let place: BTreeMap<(String, u16), usize> = (0..)
        .zip(&w.exchanges)
        .map(|(i, x)| ((x.src.to_string(), x.port), i))
        .collect();
    let of = read::calls(&cx, &Filter::all(), &Page::first(1_000_000))
        .unwrap()
        .into_iter()
        .filter_map(|c| Some((c.id, *place.get(&(c.src?, c.sport?))?)))
        .collect();
    Loaded {
        _dir: dir,
        case,
        cx,
        of,
    }
}

/// Counts of what was found against what was.
#[derive(Default, Clone, Copy, Debug)]
struct Score {
    /// Hops told.
    told: usize,
    /// ... that are hops of the record.
    right: usize,
    /// ... with the right hop before them.
    linked: usize,
    /// Hops of the records, of which some are in no capture.
    all: usize,
    /// ... in a capture, or between two that are.
    implied: usize,
    found: usize,
    found_implied: usize,
    ways: usize,
    whole: usize,
}

impl Score {
    fn add(&mut self, o: Score) {
        self.told += o.told;
        self.right += o.right;
        self.linked += o.linked;
        self.all += o.all;
        self.implied += o.implied;
        self.found += o.found;
        self.found_implied += o.found_implied;
        self.ways += o.ways;
        self.whole += o.whole;
    }
    /// Of the edges told (a hop and the one before it) the right ones; of those that the evidence implies the found ones; of all
    /// hops, also those at the ends that no capture has; of the ways the whole ones.
    fn figures(&self) -> [f64; 4] {
        let of = |a: usize, b: usize| a as f64 / b.max(1) as f64;
        [
            of(self.linked, self.told),
            of(self.found_implied, self.implied),
            of(self.found, self.all),
            of(self.whole, self.ways),
        ]
    }
    fn show(&self, name: &str) -> String {
        let [p, r, all, whole] = self.figures();
        format!(
            "{name:<9} edges: precision {p:.3} recall {r:.3} (of all, also at the ends that no capture has: {all:.3}); whole path {whole:.3} of {}; hops right {:.3}",
            self.ways,
            self.right as f64 / self.told.max(1) as f64
        )
    }
}

/// Which true hop each told hop is.
fn matched(l: &Loaded, way: &Way, hops: &[Hop]) -> Vec<Option<usize>> {
    let mut taken = vec![false; way.hops.len()];
    let mut out = vec![None; hops.len()];
    let mut claim = |fits: &dyn Fn(usize) -> bool| {
        let i = (0..way.hops.len()).find(|i| !taken[*i] && fits(*i))?;
        taken[i] = true;
        Some(i)
    };
    for (h, slot) in hops.iter().zip(&mut out) {
        if let Some(call) = h.call.as_ref().filter(|_| !h.inferred) {
            let x = l.of.get(call);
            *slot = claim(&|i| {
                Some(&way.hops[i].exchange) == x && way.hops[i].resp == (h.dir == "resp")
            });
        }
    }
    for (h, slot) in hops.iter().zip(&mut out).filter(|(h, _)| h.inferred) {
        let end = |a: &Option<String>| a.as_ref().and_then(|a| a.parse::<Ipv4Addr>().ok());
        *slot = claim(&|i| {
            let t = &way.hops[i];
            !t.seen && Some(t.from) == end(&h.from) && Some(t.to) == end(&h.to)
        });
    }
    out
}

fn score(l: &Loaded, way: &Way, trail: Option<&Trail>) -> Score {
    let hops = trail.map_or(&[][..], |t| &t.hops);
    let found = matched(l, way, hops);
    let by_n: BTreeMap<u32, Option<usize>> =
        hops.iter().zip(&found).map(|(h, f)| (h.n, *f)).collect();
    let mut s = Score {
        told: hops.len(),
        all: way.hops.len(),
        ..Score::default()
    };
    let mut good = vec![false; way.hops.len()];
    for (h, f) in hops.iter().zip(&found) {
        let Some(i) = *f else { continue };
        s.right += 1;
        // what was before the first hop that the evidence implies cannot be told
        let before = way.hops[i].via.filter(|v| way.implied(*v));
        let told = h.via.and_then(|v| by_n.get(&v).copied().flatten());
        let told = told.filter(|v| way.implied(*v));
        if told == before
            && (before.is_some()
                || h.via.is_none()
                || h.via
                    .is_some_and(|v| by_n.get(&v).copied().flatten() == way.hops[i].via))
        {
            s.linked += 1;
            good[i] = true;
        }
    }
    for (i, good) in good.iter().enumerate() {
        s.found += usize::from(*good);
        if way.implied(i) {
            s.implied += 1;
            s.found_implied += usize::from(*good);
        }
    }
    if s.implied > 0 {
        s.ways = 1;
        s.whole = usize::from(s.linked == s.told && s.found_implied == s.implied);
    }
    s
}

fn ask(l: &Loaded, way: &Way) -> Option<Trail> {
    let options = Options::default();
    let q = Question::Value(way.value.clone());
    let r = run(&l.cx.conn, &q, &options, &AtomicBool::new(false)).unwrap();
    r.trails.into_iter().next()
}

/// Measures worlds of these seeds and prints what is wrong where `LEAKTRACE_WHY` is set.
fn measure(seeds: std::ops::Range<u64>, lost: u64) -> Score {
    let mut all = Score::default();
    let mut by: BTreeMap<&str, Score> = BTreeMap::new();
    for seed in seeds {
        let w = journey::make(seed, 4, lost);
        let l = loaded(&w);
        for way in &w.ways {
            let trail = ask(&l, way);
            let s = score(&l, way, trail.as_ref());
            if std::env::var_os("LEAKTRACE_WHY").is_some() && s.ways == 1 && s.whole == 0 {
                explain(seed, way, trail.as_ref(), &l);
            }
            all.add(s);
            by.entry(way.kind).or_default().add(s);
        }
    }
    for (kind, s) in by {
        println!("{}", s.show(kind));
    }
    println!("{}", all.show("all"));
    all
}

fn explain(seed: u64, way: &Way, trail: Option<&Trail>, l: &Loaded) {
    println!("--- seed {seed} {} {}", way.kind, way.value);
    for (i, h) in way.hops.iter().enumerate() {
        println!(
            "  true {i} {} -> {} {} via {:?} {} {}{}",
            h.from,
            h.to,
            if h.resp { "resp" } else { "req" },
            h.via,
            h.form,
            if h.seen { "seen" } else { "lost" },
            if way.implied(i) { "" } else { " (beyond)" }
        );
    }
    let hops = trail.map_or(&[][..], |t| &t.hops);
    for (h, f) in hops.iter().zip(matched(l, way, hops)) {
        println!(
            "  told {} {} -> {} {} via {:?} {} {} {} = true {f:?} {}",
            h.n,
            h.from.as_deref().unwrap_or("?"),
            h.to.as_deref().unwrap_or("?"),
            h.dir,
            h.via,
            h.link,
            h.form,
            h.conf,
            h.place
        );
    }
}

/// Seeds from 100 were looked at while this was made; those from 500 were not.
#[test]
#[ignore = "20 s; .ci/run has it"]
fn ways_are_told_whole_with_a_third_of_all_exchanges_missing() {
    let s = measure(500..510, 30);
    let [p, r, _, whole] = s.figures();
    assert!(p >= 0.95 && r >= 0.90 && whole >= 0.85, "{s:?}");
}

#[test]
fn ways_are_told_whole_where_nothing_is_missing() {
    let s = measure(100..101, 0);
    let [p, r, all, whole] = s.figures();
    assert!(
        p >= 0.99 && r >= 0.99 && all >= 0.99 && whole >= 0.97,
        "{s:?}"
    );
}

#[test]
#[ignore = "10 s; for looking at what is told wrongly: LEAKTRACE_WHY=1"]
fn ways_to_learn_from() {
    let s = measure(100..104, 30);
    let [p, r, _, whole] = s.figures();
    assert!(p >= 0.95 && r >= 0.90 && whole >= 0.85, "{s:?}");
}

/// The program itself says the same as the library; a record that left is said to have left.
#[test]
fn the_program_tells_the_same() {
    let w = journey::make(7, 1, 20);
    let l = loaded(&w);
    let mut left = 0;
    for way in w
        .ways
        .iter()
        .filter(|w| ["export", "hash"].contains(&w.kind))
    {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_leaktrace"))
            .args(["trace", "--json", "--value", &way.value, "--case"])
            .arg(&l.case)
            .env("XDG_STATE_HOME", l.case.parent().unwrap())
            .output()
            .unwrap();
        let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        let own = ask(&l, way).map(|t| serde_json::to_value(t).unwrap());
        assert_eq!(told["trails"].get(0), own.as_ref());
        let exit = way.hops.last().unwrap();
        let exits = told["trails"][0]["exits"].as_array().map_or(0, Vec::len);
        assert_eq!(exits > 0, exit.seen && exit.to == journey::OUTSIDE);
        left += exits;
    }
    assert!(left > 0);
}

/// A client took a list and sent it outside: as an account, an address, a device, by the API and the host of it.
#[test]
fn a_subject_is_told_with_what_it_took_and_sent_on() {
    use leaktrace::trace::subject::Kind;
    // archives are looked through for a value that is asked for, not for all that is in them
    let open = |w: &&Way| {
        w.kind == "export"
            && w.hops.iter().all(|h| !h.form.contains("zip"))
            && w.hops[3].form == "plain"
    };
    let w = (11..60).map(|seed| journey::make(seed, 2, 0));
    let w = w
        .into_iter()
        .find(|w| w.ways.iter().any(|w| open(&w)))
        .unwrap();
    let l = loaded(&w);
    let tell =
        |q: Question| run(&l.cx.conn, &q, &Options::default(), &AtomicBool::new(false)).unwrap();
    let way = w.ways.iter().find(open).unwrap();
    let sent = String::from_utf8(w.exchanges[way.hops[3].exchange].asked().to_vec()).unwrap();
    let rows = sent.lines().skip(1).filter_map(|l| l.split(',').nth(1));
    let people = rows.collect::<std::collections::BTreeSet<_>>().len() as u64;
    let out = way.hops.last().unwrap();
    let r = tell(Question::Subject(Kind::Address, out.from.to_string()));
    let s = r.subject.unwrap();
    assert!(r.suspects.is_empty() && !r.verdict.none);
    let own = |x: &&journey::Exchange| x.src == out.from || x.dst == out.from;
    // the message on a socket is a call of its own
    let sockets = w.ways.iter().filter(|w| w.kind == "push");
    let sockets = sockets.filter(|w| w.hops.last().unwrap().to == out.from);
    let calls = w.exchanges.iter().filter(own).count() + sockets.count();
    assert_eq!(s.seen.calls, calls as u64);
    assert!(
        s.taken.records >= 13 && s.sent_on.all.records >= 13,
        "{s:#?}"
    );
    let outside: Vec<&str> = s
        .sent_on
        .to
        .iter()
        .filter(|t| t.outside)
        .map(|t| t.to.as_str())
        .collect();
    assert_eq!(outside, [journey::OUTSIDE.to_string()]);
    assert_eq!(
        s.timeline.iter().map(|b| b.calls).sum::<u64>(),
        s.seen.calls
    );
    assert!(s.map.iter().any(|m| m.dir == "sent"
        && m.host == journey::OUTSIDE.to_string()
        && m.classes["cn-mobile"] == people));
    assert!(
        r.trails
            .iter()
            .any(|t| t.exits.iter().any(|e| e.to == journey::OUTSIDE.to_string()))
    );
    let b = s.baseline.unwrap();
    assert!(b.records > 0 && b.peers.is_some());
    // the API that hands the list out, its host, and all clients by the name of theirs
    let api = tell(Question::Subject(Kind::Api, "POST store.svc/query".into()));
    let api = api.subject.unwrap();
    assert!(
        api.sent_on.all.records >= 10 && api.taken.records == 0,
        "{api:#?}"
    );
    assert!(
        api.sent_on
            .to
            .iter()
            .all(|t| t.to == journey::A.to_string())
    );
    let host = tell(Question::Subject(Kind::Host, "store.svc".into()))
        .subject
        .unwrap();
    assert!(host.seen.calls > api.seen.calls && host.sent_on.all.records > api.sent_on.all.records);
    let device = tell(Question::Subject(Kind::Device, "okhttp/4.12".into()))
        .subject
        .unwrap();
    assert!(device.seen.calls > host.seen.calls);
    let nobody = tell(Question::Subject(Kind::Address, "192.0.2.77".into()));
    assert!(nobody.nothing());
    // a value: who got it, and in which form
    let v = tell(Question::Value(way.value.clone())).subject.unwrap();
    // forms are no classes
    let named = |m: &leaktrace::trace::subject::Spot| m.classes.is_empty() && !m.forms.is_empty();
    assert!(!v.map.is_empty() && v.map.iter().all(named), "{:?}", v.map);
    assert_eq!((v.kind, v.seen.calls), ("value", 4));
    assert!(v.sent_on.to.iter().any(|t| t.outside));
    assert!(!v.name.contains(&way.value), "masked unless revealed");
    // and by the program
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_leaktrace"))
        .args(["trace", "--json", "--host", "store.svc", "--case"])
        .arg(&l.case)
        .env("XDG_STATE_HOME", l.case.parent().unwrap())
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(told["subject"]["kind"], "host");
    assert_eq!(told["subject"]["seen"]["calls"], host.seen.calls);
}
