//! What children are beside each other, whatever they are called. In: the children of a node that are no identifiers. Out: whether they are
//! routes by the way they stand there. Bounds: linear in children and in what stands directly below them.

use super::evidence::Family;
use super::kid::Kid;
use super::{shapes, words};

/// Whether these are controllers: nobody asks for one of them, and what stands below is done with a kind of thing
/// (`/api/brindle/approve.do`, `/api/quillon/list.do`).
pub fn controllers(kids: &[&Kid<'_>]) -> bool {
    let does = |s: &str| words::crud(s) || words::executable(s) || words::acts(s);
    let asked = kids.iter().filter(|k| k.reads || k.posts || k.changes);
    let below = || kids.iter().flat_map(|k| &k.first).filter(|s| **s != "{}");
    let acts = below().filter(|s| does(s)).count();
    let with = kids.iter().filter(|k| k.first.iter().any(|s| does(s)));
    kids.len() >= 2
        && asked.count() * 5 <= kids.len()
        && acts >= 2
        && acts * 2 >= below().count()
        && with.count() * 2 >= kids.len()
}

/// Identifiers before a few words among them stand out.
const MANY: usize = 4;

/// Whether a few words stand beside many identifiers of one look: they are routes, unless names are likely there.
pub fn few_beside(kids: &[&Kid<'_>], family: &Family<'_>, prev: &str) -> bool {
    let word = |k: &&Kid<'_>| {
        super::odd::plain_word(k.seg)
            && k.handed.is_none()
            && !k.named
            && !k.account
            && !k.elsewhere
    };
    let mut looks = family.typed.iter().map(|k| shapes::shape(k.seg));
    let first = looks.next().flatten();
    first.is_some()
        && family.typed.len() >= MANY
        && kids.len() * MANY <= family.typed.len()
        && looks.all(|l| l == first)
        && !words::named_by(prev)
        && kids.iter().all(word)
}
