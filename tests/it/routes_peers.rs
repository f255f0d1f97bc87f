//! Heuristics of other tools, re-implemented from descriptions of their code, not their code itself: lower bounds to stand
//! beside ours in one table. Whether a piece is an English word, which two of them look up in a list, is taken from its letters
//! (lower case with a vowel), in their favour. In: paths of one host, in order of arrival. Out: a template for each.

use std::collections::BTreeMap;

pub type Peer = fn(&[String]) -> Vec<String>;

pub const PEERS: [(&str, Peer); 5] = [
    ("akto*", akto),
    ("metlo*", metlo),
    ("optic*", optic),
    ("dd-trace*", dd_trace),
    ("mitm2swagger*", mitm),
];

fn segs(p: &str) -> Vec<&str> {
    p.split('/').filter(|s| !s.is_empty()).collect()
}
fn number(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}
fn uuid(s: &str) -> bool {
    s.len() == 36
        && s.bytes().filter(|b| *b == b'-').count() == 4
        && s.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
fn hexes(s: &str, n: usize) -> bool {
    s.len() == n && s.bytes().all(|b| b.is_ascii_hexdigit())
}
fn word(s: &str) -> bool {
    !s.is_empty()
        && s.bytes().all(|b| b.is_ascii_lowercase())
        && s.bytes().any(|b| b"aeiouy".contains(&b))
}
fn map(paths: &[String], f: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    paths
        .iter()
        .map(|p| {
            segs(p)
                .iter()
                .map(|s| f(s).unwrap_or(s))
                .collect::<Vec<_>>()
                .join("/")
        })
        .collect()
}

/// `--param-regex` as it is by default.
fn mitm(paths: &[String]) -> Vec<String> {
    map(paths, |s| number(s).then_some("{id}"))
}

fn dd_trace(paths: &[String]) -> Vec<String> {
    let cut: Vec<String> = paths
        .iter()
        .map(|p| segs(p).into_iter().take(8).collect::<Vec<_>>().join("/"))
        .collect();
    map(&cut, |s| {
        let d = s.bytes().any(|b| b.is_ascii_digit());
        let all = |f: fn(u8) -> bool| s.bytes().all(f);
        if number(s) && s.len() >= 2 && !s.starts_with('0') {
            Some("{int}")
        } else if s.len() >= 3 && d && all(|b| b.is_ascii_digit() || b"._-".contains(&b)) {
            Some("{int_id}")
        } else if s.len() >= 6 && d && all(|b| b.is_ascii_hexdigit()) {
            Some("{hex}")
        } else if s.len() >= 6 && d && all(|b| b.is_ascii_hexdigit() || b"._-".contains(&b)) {
            Some("{hex_id}")
        } else if s.len() >= 20 || s.bytes().any(|b| b"%&'()*+,:=@".contains(&b)) {
            Some("{str}")
        } else {
            None
        }
    })
}

fn metlo(paths: &[String]) -> Vec<String> {
    map(paths, |s| {
        let odd = s.split(['-', '_']).any(|p| !word(p));
        (number(s) || uuid(s) || odd && !s.starts_with('v')).then_some("{p}")
    })
}

/// Depends on the order of arrival: ten like URLs with one free segment become one, and take what comes after.
fn akto(paths: &[String]) -> Vec<String> {
    let words = |s: &str| {
        let mut piece = String::new();
        let mut all = true;
        for c in s.chars().chain(['.']) {
            if matches!(c, '-' | '_' | '.') || c.is_uppercase() {
                all &= piece.is_empty() || word(&piece);
                piece.clear();
            }
            if !matches!(c, '-' | '_' | '.') {
                piece.extend(c.to_lowercase());
            }
        }
        all
    };
    let first = map(paths, |s| {
        let digits = s.bytes().filter(|b| b.is_ascii_digit()).count();
        let letters = s.bytes().any(|b| b.is_ascii_alphabetic());
        if words(s) {
            None
        } else if number(s) {
            Some("INTEGER")
        } else if hexes(s, 24) {
            Some("OBJECT_ID")
        } else if uuid(s) || s.len() >= 6 && digits >= 3 && letters {
            Some("STRING")
        } else {
            None
        }
    });
    let mut seen: Vec<String> = Vec::new();
    let mut merged: Vec<(Vec<String>, usize)> = Vec::new();
    for p in &first {
        let s: Vec<String> = p.split('/').map(str::to_owned).collect();
        let fits = |m: &(Vec<String>, usize)| {
            m.0.len() == s.len()
                && m.0
                    .iter()
                    .zip(&s)
                    .enumerate()
                    .all(|(i, (a, b))| i == m.1 || a == b)
        };
        if merged.iter().any(fits) || seen.contains(p) {
            continue;
        }
        seen.push(p.clone());
        for at in 0..s.len() {
            if matches!(s[at].as_str(), "INTEGER" | "STRING" | "OBJECT_ID") {
                continue;
            }
            let like = seen
                .iter()
                .filter(|o| {
                    let o: Vec<&str> = o.split('/').collect();
                    o.len() == s.len()
                        && o.iter()
                            .zip(&s)
                            .enumerate()
                            .all(|(i, (a, b))| i == at || a == b)
                })
                .count();
            if like >= 10 {
                merged.push((s.clone(), at));
                break;
            }
        }
    }
    first
        .iter()
        .map(|p| {
            let s: Vec<&str> = p.split('/').collect();
            for (m, at) in &merged {
                let fits = m.len() == s.len()
                    && m.iter()
                        .zip(&s)
                        .enumerate()
                        .all(|(i, (a, b))| i == *at || a == b);
                if fits {
                    let mut out: Vec<&str> = s.clone();
                    out[*at] = "STRING";
                    return out.join("/");
                }
            }
            p.clone()
        })
        .collect()
}

/// Any two unverified siblings below a parent that is no prefix become one.
fn optic(paths: &[String]) -> Vec<String> {
    let mut first = map(paths, |s| (number(s) || uuid(s)).then_some("{id}"));
    let depth = first.iter().map(|p| segs(p).len()).max().unwrap_or(0);
    for at in 1..depth {
        let mut below: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for p in &first {
            let s = segs(p);
            if s.len() > at {
                let kids = below.entry(s[..at].join("/")).or_default();
                if !kids.contains(&s[at].to_owned()) {
                    kids.push(s[at].to_owned());
                }
            }
        }
        first = first
            .iter()
            .map(|p| {
                let mut s = segs(p);
                if s.len() > at {
                    let parent = s[at - 1];
                    let reserved = matches!(parent, "api" | "rest")
                        || parent.starts_with('v')
                            && parent[1..].chars().all(|c| c.is_ascii_digit() || c == '.');
                    if !reserved && below[&s[..at].join("/")].len() >= 2 {
                        s[at] = "{id}";
                    }
                }
                s.join("/")
            })
            .collect();
    }
    first
}
