//! Where languages and versions stand. In: a node's children. Out: whether what looks like one is one here. Bounds: linear in children.

use super::decide::{Children, Work};
use super::{Tree, shapes, words};

/// Where locales stand: before everything else, or several side by side.
pub fn locales(w: &Work, children: &Children<'_>) -> bool {
    let n = children
        .keys()
        .filter(|k| words::locale(k) || words::language(k))
        .count();
    w.depth == 0 || n >= 2 || words::named_by(&w.prev) || words::prefix(&w.prev)
}

/// `/api/1/users`, `/admin/api/2023-10/orders`: a small number or a date that stands where versions stand and has routes below it.
pub fn version_here(
    seg: &str,
    shape: &str,
    w: &Work,
    tree: &Tree<'_>,
    children: &Children<'_>,
) -> bool {
    let small = seg.len() == 1 && seg.bytes().all(|b| b.is_ascii_digit());
    let dated = shape == "date" && seg.len() <= 10 && seg.contains('-');
    let place =
        w.depth == 0 || matches!(w.prev.as_str(), "api" | "apis" | "rest" | "version" | "ver");
    (small || dated)
        && place
        && children.get(seg).is_some_and(|nodes| {
            nodes
                .iter()
                .filter_map(|n| tree.nodes.get(*n as usize))
                .any(|n| n.children.keys().any(|k| shapes::shape(k).is_none()))
        })
}
