//! What speaks for children of a node being values of one parameter, and what for routes of their own. In: the children without a
//! shape of an identifier. Out: those that are values, with the reasons. Bounds: [`LOOKED`] children.
//!
//! Every piece of evidence adds points; above zero all are values but those that stand out. What it rests on is told as the reason.

use super::decide::Work;
use super::kid::Kid;
use super::likeness::{Values, alike, answers, answers_below, own_fields};
use super::odd::{odd_ones, sought};
use super::{shapes, spread, words};
use std::collections::{BTreeMap, BTreeSet};

/// Children whose evidence is weighed; more of them say nothing new.
pub const LOOKED: usize = 500;
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

/// What children have below in common: share of words that others have too, 0..=1, and points for how much that is; `None`
/// where fewer than two have anything. What recurs below different children is no value, whether it is a known word or not.
#[allow(clippy::cast_precision_loss)] // counts of children and calls, far below 2^52
fn shared(kids: &[&Kid<'_>], w: &Work, routeish: f64) -> Option<(f64, f64)> {
    let prefix = words::prefix(&w.prev) && w.depth > 0;
    let mut words: BTreeMap<&(u8, &str), usize> = BTreeMap::new();
    let mut texts: BTreeMap<&(u8, &str), usize> = BTreeMap::new();
    let with: Vec<&&Kid<'_>> = kids
        .iter()
        .filter(|k| !k.below.is_empty() || !k.texts.is_empty())
        .collect();
    if with.len() < 2 {
        return None;
    }
    for k in &with {
        k.below
            .iter()
            .for_each(|w| *words.entry(w).or_default() += 1);
        k.texts
            .iter()
            .for_each(|w| *texts.entry(w).or_default() += 1);
    }
    let known: Vec<&&&Kid<'_>> = with.iter().filter(|k| !k.below.is_empty()).collect();
    let mean = known
        .iter()
        .map(|k| {
            let n = k
                .below
                .iter()
                .filter(|w| words.get(w).is_some_and(|n| *n >= 2))
                .count();
            n as f64 / k.below.len() as f64
        })
        .sum::<f64>()
        / known.len().max(1) as f64;
    let common = words.values().filter(|n| **n >= 2).count() as f64;
    let unknown = texts
        .values()
        .filter(|n| **n >= 2 && **n * 5 >= with.len() * 2)
        .count() as f64;
    // Many with few different ones below: those below are the routes.
    let first = words
        .keys()
        .chain(texts.keys())
        .filter(|(level, _)| *level == 1)
        .count() as f64;
    let many = with
        .iter()
        .filter(|k| k.below.iter().chain(&k.texts).any(|(level, _)| *level == 1))
        .count() as f64;
    let few = if many < 3.0 || first == 0.0 || common + unknown == 0.0 {
        0.0
    } else {
        (many / first - 0.5).clamp(0.0, 3.0)
    };
    // What recurs below words of routes and is none itself are values that they have in common: `tree/main`, `commits/main`.
    let own = 1.0 - 0.8 * routeish;
    let unknown = unknown * own;
    let few = if words.keys().any(|(level, _)| *level == 1) {
        few
    } else {
        few * own
    };
    let points = if prefix {
        0.5 * common + 1.5 * few
    } else {
        1.5 * common + 0.7 * unknown.min(4.0) + few
    };
    // What two of many have in common says less, but behind an identifier, where not each was asked for all.
    let points = if kids.len() >= 4 && w.prev != "{}" {
        points * with.len() as f64 / kids.len() as f64
    } else {
        points
    };
    Some((if known.len() < 2 { 0.5 } else { mean }, points))
}

/// Decides for all children without a shape.
#[allow(clippy::cast_precision_loss)] // counts of children and calls, far below 2^52
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
    let several = open.len() >= 2 || family.numbered > 0 || !family.typed.is_empty();
    if let Some(sought) = sought(&open, w) {
        out.why = vec![format!("{} texts after '{}'", sought.len(), w.prev)];
        out.members = sought;
    } else if points > 0.0 && (several || points > 2.0) {
        let odd = odd_ones(&open, family, w, &share);
        out.members = open
            .iter()
            .map(|k| k.seg)
            .filter(|s| !odd.contains(s))
            .collect();
        if !out.members.is_empty() {
            why.insert(0, format!("{} names", out.members.len()));
            out.why = why;
        }
    } else {
        singles(&open, family, w, &mut out);
    }
    same_below(kids, family, &mut out);
    out
}

/// A word that is a route elsewhere is a value where it has below what all values have.
fn same_below<'a>(kids: &[Kid<'a>], family: &Family<'a>, out: &mut Verdict<'a>) {
    if out.members.is_empty() {
        return;
    }
    let members: BTreeSet<&str> = out.members.iter().copied().collect();
    let common: BTreeSet<&(u8, &str)> = kids
        .iter()
        .filter(|k| members.contains(k.seg))
        .take(LOOKED)
        .chain(&family.typed)
        .flat_map(|k| &k.below)
        .collect();
    let same = |k: &&Kid<'a>| {
        let mut first = k.below.iter().filter(|(level, _)| *level == 1).peekable();
        !members.contains(k.seg)
            && !words::speaker(k.seg)
            && first.peek().is_some()
            && first.all(|f| common.contains(f))
    };
    // So is one of a closed list: all of them have the same kinds of things below, and it answers as they do.
    let of: Vec<&Kid<'a>> = kids.iter().filter(|k| members.contains(k.seg)).collect();
    let firsts: BTreeSet<&str> = of.iter().flat_map(|k| &k.first).copied().collect();
    let folders = of.iter().filter(|k| k.inner).count();
    let usual = of.iter().find_map(|k| k.answer);
    let answered = Values::new(&of);
    let listed = |k: &&Kid<'a>| {
        let answers = || match (k.answer, usual) {
            (Some(_), Some(_)) => answered.near(k),
            (None, None) => !k.reads && !k.posts && !k.changes,
            _ => false,
        };
        of.len() >= 2
            && folders * 5 >= of.len() * 4
            && !members.contains(k.seg)
            && !words::speaker(k.seg)
            && !k.first.is_empty()
            && k.first.is_subset(&firsts)
            && answers()
    };
    // A technical word is a value where everything else is one and it answers as they do: `/rates/B2B`.
    let technical = |k: &&Kid<'a>| {
        let alike_all = matches!((k.answer, usual), (Some((m, a)), Some((n, b))) if m == n && alike(a, b) >= 0.7);
        k.tech
            && !k.fixed
            && of.len() >= 2
            && !members.contains(k.seg)
            && alike_all
            && k.inner == (folders > 0)
    };
    let more: Vec<&str> = kids
        .iter()
        .filter(|k| same(k) || listed(k) || technical(k))
        .map(|k| k.seg)
        .collect();
    if !more.is_empty() {
        out.why
            .push(format!("{} with the same routes below", more.len()));
        out.members.extend(more);
    }
}

/// Whether these are pages that are called after their titles: `fusion-backpack.html`.
pub fn pages_by_title(kids: &[&Kid<'_>]) -> bool {
    let page = |s: &str| s.ends_with(".html") || s.ends_with(".htm");
    let titles = kids.iter().filter(|k| k.seg.contains('-')).count();
    kids.len() >= 8 && titles * 5 >= kids.len() * 2 && kids.iter().all(|k| page(k.seg))
}

pub(super) type Share<'s, 'a> = &'s dyn Fn(&dyn Fn(&Kid<'a>) -> bool) -> f64;

/// Points for values, and the reasons that speak for them.
#[allow(clippy::cast_precision_loss)] // counts of children and calls, far below 2^52
fn weigh<'a>(
    looked: &[&Kid<'a>],
    family: &Family<'a>,
    w: &Work,
    share: Share<'_, 'a>,
) -> (f64, Vec<String>) {
    let n = looked.len() as f64;
    let mut why: Vec<String> = Vec::new();
    let routeish = share(&|k| k.routeish);
    let mut points = 0.0;
    // Where they stand.
    points += if w.prev == "{}" || w.depth == 0 {
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
    // Of two unknown words joined, it is as likely as not.
    let joined = |k: &Kid<'a>| !k.namey && !k.routeish && k.seg.contains(['-', '_']);
    let namey = share(&|k| k.namey) + 0.5 * share(&joined);
    let place = points > 0.0;
    // An unknown word says much where names stand, and little where any word may.
    let unknown = if place && family.typed.is_empty() {
        2.5
    } else {
        1.0 + 1.5 * namey
    };
    points += unknown * (1.0 - routeish) - 3.0 * routeish;
    if routeish < 0.3 {
        why.push("no words of routes".into());
    }
    // A site has many sections in any language: their number says little where no names stand.
    let many = if place { 0.8 } else { 0.35 + 0.45 * namey };
    points += many * n.log2() * (1.0 - 0.8 * routeish);
    if looked.len() == 1 {
        points -= 1.5;
    }
    points += if w.prev == "{}" { 3.0 } else { 1.5 } * namey;
    if namey >= 0.5 {
        why.push("written as names, codes or titles".into());
    }
    if looked.len() >= 2 && share(&|k| words::language(k.seg) || words::locale(k.seg)) > 0.99 {
        points += 5.0;
        why.push("languages".into());
    }
    // Titles that end as pages do.
    if pages_by_title(looked) {
        points += 6.0;
        why.push("pages by their titles".into());
    }
    let people = looked.iter().filter(|k| k.account).count();
    if people >= 1 {
        points += if people >= 2 { 6.0 } else { 2.0 };
        why.push(format!("{people} are names of accounts"));
    }
    // What is a value where something else stands above is one here too.
    let elsewhere = looked.iter().filter(|k| k.elsewhere).count();
    if elsewhere >= 2 || elsewhere == 1 && looked.len() == 1 {
        points += 4.0 * elsewhere as f64 / n;
        why.push(format!("{elsewhere} are values elsewhere"));
    }
    // What answers say.
    let handed = looked.iter().filter(|k| k.handed.is_some()).count();
    let one = handed == 1
        && looked.len() <= 2
        && looked.iter().any(|k| k.handed.is_some() && !k.routeish);
    if handed >= 2 || one {
        points += 1.0 + 6.0 * handed as f64 / n;
        let field = looked
            .iter()
            .find_map(|k| k.handed.as_deref())
            .unwrap_or_default();
        why.push(format!("{handed} handed out by other answers ({field})"));
    }
    let named = share(&|k| k.named);
    if named > 0.0 {
        points += 5.0 * named;
        why.push(format!("{:.0} % named by their own answers", named * 100.0));
    }
    if let Some(like) = answers(looked.iter().copied()) {
        if like >= 0.7 {
            // Envelopes are alike everywhere: of words of routes where no names stand, and of which not each has something
            // below, they say little.
            let folders = share(&|k| k.inner) > 0.99;
            // One or two fields are an envelope and nothing in it.
            let empty = !folders
                && !place
                && looked
                    .iter()
                    .all(|k| k.answer.is_none_or(|(_, a)| a.len() <= 2));
            points += if empty {
                1.0
            } else if routeish > 0.99 && !place && !folders {
                2.0
            } else {
                4.0
            };
            why.push("answers alike".into());
        } else if like < 0.4 {
            points -= 7.0;
        }
    }
    // Values of one parameter have alike things below them; collections have what is theirs.
    let answered = answers_below(looked);
    if let Some(like) = answered {
        if like >= 0.7 {
            points += 2.0;
            why.push("answers below alike".into());
        } else if like < 0.4 {
            points -= 7.0;
        }
    }
    // Fields that nothing else of the host answers: one thing answers for all of them.
    let asked = share(&|k| k.posts && !k.reads && !k.changes) < 0.5;
    if asked && (routeish < 0.99 || looked.len() >= 3) && own_fields(looked) {
        points += if looked.len() >= 3 { 4.0 } else { 2.0 };
        why.push("answers that only they have".into());
    }
    // What stands below, and which methods are used.
    if let Some((mean, common)) = shared(looked, w, routeish) {
        if mean >= 0.5 && common > 0.0 {
            points += common.min(6.0);
            why.push("the same routes below".into());
        } else if mean < 0.2 {
            points -= 3.0;
        }
    }
    // Each has the same words below, and more below those: what differs is whose they are.
    let first = |all: &BTreeSet<(u8, &'a str)>| -> BTreeSet<&'a str> {
        let level = all.iter().filter(|(level, _)| *level == 1);
        level.map(|(_, w)| *w).collect()
    };
    let deep = |k: &Kid<'a>| {
        let mut below = k.below.iter().chain(&k.texts);
        below.any(|(level, _)| *level >= 2)
    };
    // Places are words of routes, not all of them known ones.
    let same = |a: &Kid<'a>, b: &Kid<'a>| {
        let (known, others) = (first(&a.below), first(&b.below));
        let words = known.intersection(&others).count();
        let (texts, more) = (first(&a.texts), first(&b.texts));
        let both = words + texts.intersection(&more).count();
        let least = (known.len() + texts.len()).min(others.len() + more.len());
        words >= 1 && both >= 2 && both * 2 >= least
    };
    let places = looked.len() >= 2
        && looked.iter().all(|k| deep(k))
        && looked.windows(2).all(|w| matches!(w, [a, b] if same(a, b)));
    if places {
        points += 5.0;
        why.push("the same places below".into());
    }
    // Names and identifiers below, and no routes that they share: each is a collection of its own.
    if !place
        && share(&|k| k.collects || k.typed_below) >= 0.6
        && !why.iter().any(|w| w == "the same routes below")
    {
        points -= 2.0;
    }
    // A list of things and one of them stand below each: they are kinds of things.
    if !place
        && looked.len() < 4
        && share(&|k| k.crud) > 0.99
        && looked.iter().all(|k| k.below.iter().all(|(l, _)| *l > 1))
    {
        points -= 3.0;
    }
    // Beside numbers a word of routes is no other number.
    let numbers = family.typed.len() >= 4
        && family.typed.iter().all(|k| {
            matches!(
                shapes::shape(k.seg),
                Some("integer" | "UUID" | "hex" | "ULID")
            )
        });
    if numbers && routeish > 0.99 && handed == 0 && named == 0.0 && people == 0 {
        points -= 2.0;
    }
    // Kinds of what stands above are called after it: `/bill/tradebill`.
    let above = w.prev.trim_end_matches('s').to_ascii_lowercase();
    if above.len() >= 4
        && share(&|k| k.seg.len() > above.len() && k.seg.to_ascii_lowercase().contains(&above))
            > 0.99
    {
        points -= 4.0;
    }
    // Where what stands below answers alike, its kind is one and these are of it.
    if !place && answered.is_none_or(|like| like < 0.7) && spread::controllers(looked) {
        points -= 5.0;
    }
    if spread::few_beside(looked, family, &w.prev) {
        points -= 4.0;
    }
    let below: BTreeSet<&BTreeSet<&str>> = looked
        .iter()
        .map(|k| &k.shapes)
        .filter(|s| !s.is_empty())
        .collect();
    let with = looked.iter().filter(|k| !k.shapes.is_empty()).count();
    if with >= 2 && below.len() * 3 >= with * 2 {
        points -= 1.5;
    }
    // Folders by the way they are asked for, with files directly below.
    if share(&|k| k.folder) > 0.8 && share(&|k| k.documents_below) >= 0.6 {
        points += 10.0;
        why.push("asked for as folders are".into());
    } else if share(&|k| k.documents_below) >= 0.4 && routeish < 0.5 {
        points += 4.0;
    }
    // Nearly each identifier has a title of its own behind it: `/d/Zk3f/disk-usage-by-host`.
    let title = |k: &Kid<'a>, dashes: usize| k.nodes == 1 && k.seg.matches('-').count() >= dashes;
    let (own, long) = (share(&|k| title(k, 1)), share(&|k| title(k, 2)));
    let ids = u32::try_from(w.merged).map_or(f64::MAX, f64::from);
    if w.prev == "{}" && n >= 5.0 && own >= 0.8 && long >= 0.5 && n >= ids * 0.6 {
        points += 7.0;
        why.push("one of its own behind nearly each identifier".into());
    }
    if w.prev == "{}" && w.merged >= 3 {
        points += 0.5 - 2.0 * share(&|k| k.nodes * 5 >= w.merged * 3);
    }
    if share(&|k| k.collects) > 0.5 && !places {
        points -= 2.5 * routeish;
    }
    // Who changes a collection as a whole does not change one thing.
    points += 1.5 * share(&|k| k.changes && !k.typed_below);
    if share(&|k| k.posts && !k.reads && !k.changes && !k.inner) > 0.7 {
        points -= 2.0;
    }
    (points, why)
}

/// Of children that are no values as a whole, those that are.
fn singles<'a>(open: &[&Kid<'a>], family: &Family<'a>, w: &Work, out: &mut Verdict<'a>) {
    let people = open.iter().filter(|k| shapes::chinese_name(k.seg)).count();
    let place = words::named_by(&w.prev);
    let common: BTreeSet<&(u8, &str)> = family.typed.iter().flat_map(|k| &k.below).collect();
    let languages = family.typed.iter().any(|k| words::locale(k.seg));
    let elsewhere = open.iter().filter(|k| k.elsewhere).count();
    // Where routes begin, a kind of thing is a collection though it is a value elsewhere; `/admin/{realm}/console` is none.
    let begins = words::prefix(&w.prev);
    let own = |k: &Kid<'a>| k.inner && !k.crud && !k.typed_below && !k.collects;
    let held = |k: &Kid<'a>| w.depth > 0 && (!begins || own(k));
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for k in open {
        let reason = if shapes::chinese_name(k.seg)
            && !words::fixed(k.seg)
            && (people >= 2 || place || !family.typed.is_empty())
        {
            "of the form of Chinese names"
        } else if k.named && !k.routeish {
            "named by its own answer"
        } else if k.handed.is_some() && !k.routeish && !words::prefix(&w.prev) {
            "handed out by another answer"
        } else if k.elsewhere && !k.routeish && elsewhere >= 2 && held(k) {
            "values elsewhere"
        } else if k.account && place {
            "names of accounts"
        } else if k.seg.contains([' ', '+'])
            && words::pieces(k.seg).len() >= 2
            && (!family.typed.is_empty() || family.numbered > 0)
        {
            "written as titles"
        } else if k.below.iter().any(|(level, _)| *level == 1)
            && k.below
                .iter()
                // What a language has further below are texts of its own.
                .filter(|(level, _)| *level == 1 || !(languages && words::language(k.seg)))
                .all(|f| common.contains(f))
        {
            "with the same routes below as identifiers"
        } else {
            continue;
        };
        *reasons.entry(reason).or_default() += 1;
        out.members.push(k.seg);
    }
    // Values are counted and not named: they may be people.
    let said = reasons.iter().map(|(r, n)| format!("{n} {r}"));
    out.why.extend(said);
}
