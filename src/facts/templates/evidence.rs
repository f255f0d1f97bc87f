//! What speaks for children of a node being values of one parameter, and what for routes of their own. In: the children without a
//! shape of an identifier. Out: those that are values, with the reasons. Bounds: [`LOOKED`] children, [`BELOW`] nodes below each.
//!
//! Every piece of evidence adds points; above zero all are values but those that stand out. What it rests on is told as the reason.

use super::decide::Work;
use super::{Tree, shapes, words};
use std::collections::{BTreeMap, BTreeSet};

/// Children whose evidence is weighed; more of them say nothing new.
pub const LOOKED: usize = 500;
/// Nodes looked at below one child.
const BELOW: usize = 200;
/// Levels looked at below one child.
const LEVELS: u8 = 4;

/// A child with what is known of it.
pub struct Kid<'a> {
    pub seg: &'a str,
    /// Every piece is a word of routes.
    routeish: bool,
    fixed: bool,
    namey: bool,
    /// Field of an answer that handed it out.
    handed: Option<String>,
    /// Its own answer names it.
    named: bool,
    account: bool,
    /// Words below, by level; those that any resource has left out.
    below: BTreeSet<(u8, &'a str)>,
    /// Whether anything stands below.
    inner: bool,
    typed_below: bool,
    generic_below: bool,
    reads: bool,
    changes: bool,
    posts: bool,
    /// Names of the fields of its answer, by method.
    answer: Option<(&'a str, &'a [u32])>,
    calls: u32,
}

/// Siblings that are identifiers.
pub struct Family<'a> {
    pub typed: Vec<Kid<'a>>,
    pub numbered: usize,
}

/// Children that are values.
#[derive(Default)]
pub struct Verdict<'a> {
    pub members: Vec<&'a str>,
    pub why: Vec<String>,
}

impl<'a> Kid<'a> {
    /// Looks at a child.
    pub fn new(tree: &'a Tree<'a>, seg: &'a str, nodes: &[u32]) -> Kid<'a> {
        let name = seg.trim_start_matches('@');
        let mut k = Kid {
            seg,
            routeish: words::routeish(seg),
            fixed: words::fixed(seg),
            namey: shapes::namey(seg) || seg.starts_with('@'),
            handed: (tree.beside.handed)(tree.host, name),
            named: false,
            account: (tree.beside.account)(name),
            below: BTreeSet::new(),
            inner: false,
            typed_below: false,
            generic_below: false,
            reads: false,
            changes: false,
            posts: false,
            answer: None,
            calls: 0,
        };
        let mut todo: Vec<(u8, u32)> = nodes.iter().map(|n| (0, *n)).collect();
        let mut seen = 0;
        while let Some((level, n)) = todo.pop() {
            let Some(node) = tree.nodes.get(n as usize) else {
                continue;
            };
            seen += 1;
            if level == 0 {
                for p in node.ends.iter().filter_map(|e| tree.paths.get(*e as usize)) {
                    k.named |= p.named;
                    k.calls = k.calls.saturating_add(p.calls);
                    match p.method {
                        "GET" | "HEAD" | "OPTIONS" => k.reads = true,
                        "PUT" | "PATCH" | "DELETE" => k.changes = true,
                        _ => k.posts = true,
                    }
                    let new = (p.method, p.answer);
                    if !p.answer.is_empty() && k.answer.is_none_or(|old| new < old) {
                        k.answer = Some(new);
                    }
                }
            }
            k.inner |= level == 0 && !node.children.is_empty();
            if seen > BELOW {
                continue;
            }
            for (word, child) in node.children.iter().take(64) {
                let typed = shapes::shape(word).is_some();
                if level == 0 {
                    k.typed_below |= typed;
                }
                if !typed && (words::routeish(word) || words::fixed(word)) {
                    if words::generic(word) {
                        k.generic_below = true;
                    } else {
                        k.below.insert((level + 1, word));
                    }
                }
                if level + 1 < LEVELS {
                    todo.push((level + 1, *child));
                }
            }
        }
        k
    }

    /// A word that is a route of its own beside a parameter, unless answers say otherwise.
    fn apart(&self) -> bool {
        self.fixed && !(self.named && self.handed.is_some()) && !self.account
    }
}

/// How alike two sets of fields are, 0..=1.
#[allow(clippy::cast_precision_loss)] // small counts
fn alike(a: &[u32], b: &[u32]) -> f64 {
    let both = a.iter().filter(|x| b.binary_search(x).is_ok()).count();
    let all = a.len() + b.len() - both;
    both as f64 / all.max(1) as f64
}

/// How alike the answers of neighbours are; `None` where fewer than two have one for the same method.
#[allow(clippy::cast_precision_loss)]
fn answers<'k, 'a: 'k>(kids: impl Iterator<Item = &'k Kid<'a>>) -> Option<f64> {
    let mut by_method: BTreeMap<&str, Vec<&[u32]>> = BTreeMap::new();
    for (m, a) in kids.filter_map(|k| k.answer) {
        by_method.entry(m).or_default().push(a);
    }
    let all: Vec<f64> = by_method
        .values()
        .flat_map(|l| l.windows(2))
        .map(|w| match w {
            [a, b] => alike(a, b),
            _ => 0.0,
        })
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Share of words below that others have too, and how many different ones are shared; `None` where fewer than two have words.
#[allow(clippy::cast_precision_loss)]
fn shared(kids: &[&Kid<'_>]) -> Option<(f64, usize)> {
    let mut count: BTreeMap<&(u8, &str), usize> = BTreeMap::new();
    let with: Vec<&&Kid<'_>> = kids.iter().filter(|k| !k.below.is_empty()).collect();
    if with.len() < 2 {
        return None;
    }
    for w in with.iter().flat_map(|k| &k.below) {
        *count.entry(w).or_default() += 1;
    }
    let mean = with
        .iter()
        .map(|k| {
            let n = k.below.iter().filter(|w| count.get(w).is_some_and(|n| *n >= 2)).count();
            n as f64 / k.below.len() as f64
        })
        .sum::<f64>()
        / with.len() as f64;
    Some((mean, count.values().filter(|n| **n >= 2).count()))
}

/// Decides for all children without a shape.
#[allow(clippy::cast_precision_loss)]
pub fn judge<'a>(kids: &[Kid<'a>], family: &Family<'a>, w: &Work) -> Verdict<'a> {
    let open: Vec<&Kid<'a>> = kids.iter().filter(|k| !k.apart()).collect();
    let mut out = Verdict::default();
    if open.is_empty() {
        return out;
    }
    let step = open.len().div_ceil(LOOKED).max(1);
    let looked: Vec<&Kid<'a>> = open.iter().step_by(step).copied().collect();
    let n = looked.len() as f64;
    let share = |f: &dyn Fn(&Kid<'a>) -> bool| looked.iter().filter(|k| f(k)).count() as f64 / n;
    let (points, mut why) = weigh(&looked, family, w, &share);
    if std::env::var_os("ROUTES_POINTS").is_some() && open.len() > 1 {
        eprintln!("{:.1} {} {:?} {:?}", points, w.prev, why, open.iter().take(6).map(|k| k.seg).collect::<Vec<_>>());
    }
    let several = open.len() >= 2 || family.numbered > 0 || !family.typed.is_empty();
    if points > 0.0 && (several || points > 2.0) {
        let odd = odd_ones(&open, family, &share);
        out.members = open.iter().filter(|k| !odd.contains(k.seg)).map(|k| k.seg).collect();
        if !out.members.is_empty() {
            why.insert(0, format!("{} names", out.members.len()));
            out.why = why;
        }
        return out;
    }
    singles(&open, family, w, &mut out);
    out
}

type Share<'s, 'a> = &'s dyn Fn(&dyn Fn(&Kid<'a>) -> bool) -> f64;

/// Points for values, and the reasons that speak for them.
#[allow(clippy::cast_precision_loss)]
fn weigh<'a>(looked: &[&Kid<'a>], family: &Family<'a>, w: &Work, share: Share<'_, 'a>) -> (f64, Vec<String>) {
    let n = looked.len() as f64;
    let mut why: Vec<String> = Vec::new();
    let routeish = share(&|k| k.routeish);
    let mut points = 0.0;
    // Where they stand.
    points += if w.prev == "{}" {
        -2.5
    } else if w.depth == 0 {
        -3.5
    } else if words::prefix(&w.prev) {
        -4.0
    } else if words::named_by(&w.prev) {
        why.push(format!("after '{}'", w.prev));
        2.0
    } else if words::plural(&w.prev) {
        why.push(format!("after '{}'", w.prev));
        1.0
    } else {
        -0.5
    };
    if w.ends && !words::prefix(&w.prev) && w.prev != "{}" && w.depth > 0 {
        points += 0.7;
    }
    if !family.typed.is_empty() || family.numbered > 0 {
        points += 0.5;
        why.push("beside identifiers".into());
    }
    // What they look like.
    points += 2.5 * (1.0 - 2.0 * routeish);
    if routeish < 0.3 {
        why.push("no words of routes".into());
    }
    points += 0.8 * n.log2() * (1.0 - 0.8 * routeish);
    if looked.len() == 1 {
        points -= 1.5;
    }
    let namey = share(&|k| k.namey);
    points += 1.5 * namey;
    if namey >= 0.5 {
        why.push("written as names, codes or titles".into());
    }
    if looked.len() >= 2 && share(&|k| words::language(k.seg) || words::locale(k.seg)) > 0.99 {
        points += 5.0;
        why.push("languages".into());
    }
    let people = looked.iter().filter(|k| k.account).count();
    if people >= 1 {
        points += if people >= 2 { 6.0 } else { 2.0 };
        why.push(format!("{people} are names of accounts"));
    }
    // What answers say.
    let handed = looked.iter().filter(|k| k.handed.is_some()).count();
    if handed >= 2 || handed == 1 && looked.len() <= 2 {
        points += 1.0 + 6.0 * handed as f64 / n;
        let field = looked.iter().find_map(|k| k.handed.as_deref()).unwrap_or_default();
        why.push(format!("{handed} handed out by other answers ({field})"));
    }
    let named = share(&|k| k.named);
    if named > 0.0 {
        points += 5.0 * named;
        why.push(format!("{:.0} % named by their own answers", named * 100.0));
    }
    if let Some(like) = answers(looked.iter().copied()) {
        if like >= 0.7 {
            points += 4.0;
            why.push("answers alike".into());
        } else if like < 0.4 {
            points -= 5.0;
        }
    }
    // What stands below, and which methods are used.
    if let Some((mean, words)) = shared(looked) {
        if mean > 0.5 {
            points += (1.5 * words as f64).min(5.0);
            why.push("the same routes below".into());
        } else if mean < 0.2 {
            points -= 3.0;
        }
    }
    points += 1.5 * share(&|k| k.changes);
    if share(&|k| k.posts && !k.reads && !k.changes && !k.inner) > 0.7 {
        points -= 2.0;
    }
    (points, why)
}

/// Of children that are values as a whole, those that are routes all the same: a word of routes among names that are none, with
/// another answer, or other methods.
fn odd_ones<'a>(open: &[&Kid<'a>], family: &Family<'a>, share: Share<'_, 'a>) -> BTreeSet<&'a str> {
    let words = share(&|k| k.routeish);
    let posts = share(&|k| k.posts && !k.reads && !k.changes);
    let usual = open
        .iter()
        .filter(|k| !k.routeish)
        .chain(&family.typed.iter().collect::<Vec<_>>())
        .find_map(|k| k.answer);
    open.iter()
        .filter(|k| k.routeish && k.handed.is_none() && !k.named)
        .filter(|k| {
            let other_answer = match (k.answer, usual) {
                (Some((m, a)), Some((n, b))) => m == n && alike(a, b) < 0.4,
                _ => false,
            };
            let rare = words < 0.25 && words::pieces(k.seg).len() == 1 && share(&|k| k.namey) > 0.6;
            let act = posts < 0.3 && k.posts && !k.reads && !k.inner;
            other_answer || rare || act
        })
        .map(|k| k.seg)
        .collect()
}

/// Of children that are no values as a whole, those that are.
fn singles<'a>(open: &[&Kid<'a>], family: &Family<'a>, w: &Work, out: &mut Verdict<'a>) {
    let people = open.iter().filter(|k| shapes::chinese_name(k.seg)).count();
    let place = words::named_by(&w.prev);
    let common: BTreeSet<&(u8, &str)> = family.typed.iter().flat_map(|k| &k.below).collect();
    for k in open {
        let reason = if shapes::chinese_name(k.seg)
            && !words::fixed(k.seg)
            && (people >= 2 || place || !family.typed.is_empty())
        {
            "a Chinese name"
        } else if k.named && !k.routeish {
            "named by its own answer"
        } else if k.handed.is_some() && !k.routeish && !words::prefix(&w.prev) {
            "handed out by another answer"
        } else if k.account && place {
            "the name of an account"
        } else if !k.below.is_empty() && k.below.iter().all(|f| common.contains(f)) {
            "with the same routes below as identifiers"
        } else {
            continue;
        };
        out.why.push(format!("'{}': {reason}", k.seg));
        out.members.push(k.seg);
    }
    // Thousands of them need no sentence each.
    if out.why.len() > 8 {
        let more = out.why.len() - 8;
        out.why.truncate(8);
        out.why.push(format!("and {more} more"));
    }
}
