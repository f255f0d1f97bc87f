//! Children that the evidence for all of them does not speak for: routes among values, and texts that somebody sought among routes. In:
//! the children of a node that are no identifiers. Out: those that stand out. Bounds: linear in children and their fields.

use super::decide::Work;
use super::evidence::{Family, Share};
use super::kid::Kid;
use super::likeness::{Values, alike};
use super::words;
use std::collections::BTreeSet;

/// Texts that somebody sought, after the word for that: one of them is written as no word of a route is.
pub fn sought<'a>(open: &[&Kid<'a>], w: &Work) -> Option<Vec<&'a str>> {
    let free = |k: &&&Kid<'a>| k.seg.contains([' ', '+']) && !k.inner;
    (words::seeks(&w.prev) && open.len() >= 2 && open.iter().any(|k| free(&k))).then(|| {
        let ends = open.iter().filter(|k| !k.inner);
        ends.map(|k| k.seg).collect()
    })
}

/// Of children that are values as a whole, those that are routes all the same: a word of routes among names that are none, with
/// another answer, or other methods.
pub fn odd_ones<'a>(
    open: &[&Kid<'a>],
    family: &Family<'a>,
    w: &Work,
    share: Share<'_, 'a>,
) -> BTreeSet<&'a str> {
    let words = share(&|k| k.routeish);
    let posts = share(&|k| k.posts && !k.reads && !k.changes);
    let usual = open
        .iter()
        .filter(|k| !k.routeish)
        .chain(&family.typed.iter().collect::<Vec<_>>())
        .find_map(|k| k.answer);
    // Below others that look like it: a title may be made of words of routes.
    let kin = |k: &Kid<'a>| {
        let mut others = open.iter().filter(|o| o.seg != k.seg && !o.routeish);
        !k.first.is_empty() && others.any(|o| !o.first.is_disjoint(&k.first))
    };
    let typed = typed_answer(family);
    let values: Vec<&Kid<'a>> = open.iter().filter(|k| !k.routeish).copied().collect();
    let answered = Values::new(&values);
    open.iter()
        .filter(|k| k.handed.is_none() && !k.named && !k.elsewhere)
        .filter(|k| {
            let other = |usual: Option<(&str, &[u32])>| match (k.answer, usual) {
                (Some((m, a)), Some((n, b))) => m == n && alike(a, b) < 0.4,
                _ => false,
            };
            if !k.routeish {
                return other(typed) && plain_word(k.seg) && !k.account && !k.inner;
            }
            let rare = words < 0.25
                && words::pieces(k.seg).len() == 1
                && (share(&|k| k.namey) > 0.6 || w.depth == 0 && open.len() >= 4)
                && !kin(k);
            // Below the root, where others have something below or were handed out.
            let bare = w.depth == 0
                && words < 0.5
                && !k.inner
                && !k.account
                && plain_word(k.seg)
                && share(&|k| k.inner || k.handed.is_some() || k.account) >= 0.5;
            let act = posts < 0.3 && k.posts && !k.reads && !k.inner;
            // Values that answer in different ways have one among them that answers as this does.
            let near = || values.len() >= 4 && answered.near(k);
            other(usual) && !near() || rare || bare || act
        })
        .map(|k| k.seg)
        .collect()
}

/// What identifiers answer, where several of them answer alike: a word beside them that answers otherwise is a route.
fn typed_answer<'a>(family: &Family<'a>) -> Option<(&'a str, &'a [u32])> {
    let mut answers = family.typed.iter().filter_map(|k| k.answer);
    let first = answers.next()?;
    let (mut same, mut all) = (0usize, 0usize);
    for (m, a) in answers.filter(|(m, _)| *m == first.0) {
        all += 1;
        same += usize::from(m == first.0 && alike(a, first.1) >= 0.7);
    }
    (all >= 1 && same * 5 >= all * 4).then_some(first)
}

/// A word in small letters, or several with dashes: no code, no number, no title.
pub fn plain_word(seg: &str) -> bool {
    seg.len() >= 3
        && seg.split('-').count() <= 2
        && seg.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}
