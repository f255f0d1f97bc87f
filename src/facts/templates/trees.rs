//! What is told by its place and as a whole: texts that are kept by version, trees of files in folders. In: a node's children. Out: the
//! group that they are, or that all below is one route. Bounds: [`FILES_LOOKED`] nodes below a place of files; explicit stacks.

use super::decide::{Children, Group, Work};
use super::{Tree, shapes, words};

/// Versions of one text (`/docs/v1/intro`, `/docs/latest/intro`), and the pages of such: one value each.
pub fn texts<'a>(tree: &Tree<'a>, children: &Children<'a>, w: &Work) -> Option<Group<'a>> {
    if !w.given.is_empty() {
        return None;
    }
    let leaf = |nodes: &Vec<u32>| {
        let mut of = nodes.iter().filter_map(|n| tree.nodes.get(*n as usize));
        of.all(|n| n.children.is_empty())
    };
    if w.pages {
        let members: Vec<&str> = children
            .iter()
            .filter(|(_, n)| leaf(n))
            .map(|(s, _)| *s)
            .collect();
        return (!members.is_empty() && members.len() == children.len()).then(|| Group {
            why: format!("{} pages of a text that has versions", members.len()),
            members,
            before: "",
            after: "",
            show: "{id}".into(),
            versions: false,
        });
    }
    if !words::versioned(&w.prev) {
        return None;
    }
    let members: Vec<&str> = children
        .iter()
        .filter(|(s, n)| words::version_name(s) && !leaf(n))
        .map(|(s, _)| *s)
        .collect();
    let numbers = members
        .iter()
        .filter(|s| s.bytes().any(|b| b.is_ascii_digit()));
    // where other things stand beside them, those are judged as ever and the versions stay words
    (members.len() >= 2 && numbers.count() > 0 && members.len() == children.len()).then(|| Group {
        why: format!("{} versions after '{}'", members.len(), w.prev),
        members,
        before: "",
        after: "",
        show: "{id}".into(),
        versions: true,
    })
}

/// Distinct names of files below a place of files before it is one tree of them.
const FILES: usize = 5;
/// Nodes looked at below a place of files.
const FILES_LOOKED: usize = 2000;

/// Whether a tree of folders and files stands here, whatever its depth (`/files/shared/plans/a.pdf`). The reason.
pub fn files(tree: &Tree<'_>, children: &Children<'_>, w: &Work) -> Option<String> {
    if !words::files_below(&w.prev) || !w.given.is_empty() {
        return None;
    }
    let (mut leaves, mut documents, mut folded, mut deep) = (0usize, 0usize, 0usize, 0usize);
    let mut todo: Vec<(u32, &str, u8)> = Vec::new();
    todo.extend(
        children
            .iter()
            .flat_map(|(s, l)| l.iter().map(|n| (*n, *s, 0))),
    );
    let mut looked = 0;
    while let Some((n, name, level)) = todo.pop() {
        looked += 1;
        let Some(node) = tree
            .nodes
            .get(n as usize)
            .filter(|_| looked <= FILES_LOOKED)
        else {
            continue;
        };
        let writes = node.ends.iter().any(|e| {
            let path = tree.paths.get(*e as usize);
            path.is_some_and(|p| !matches!(p.method, "GET" | "HEAD" | "OPTIONS"))
        });
        if writes {
            return None;
        }
        if node.children.is_empty() {
            let document = shapes::document(name).is_some();
            leaves += 1;
            documents += usize::from(document);
            folded += usize::from(document && level > 0);
            deep += usize::from(document && level > 1);
        }
        todo.extend(
            node.children
                .iter()
                .map(|(s, n)| (*n, s.as_ref(), level.saturating_add(1))),
        );
    }
    // Folders have names: behind an identifier stands what belongs to it, and behind a word of routes alone what that does.
    let folder = |s: &str| {
        shapes::shape(s).is_none()
            && shapes::document(s).is_none()
            && (deep * 2 >= documents || !words::fixed(s))
    };
    let folders = children.keys().filter(|s| folder(s)).count();
    (folders >= 2 && folders * 2 > children.len() && folded >= FILES && documents * 5 >= leaves * 4)
        .then(|| format!("files in folders after '{}'", w.prev))
}

/// Paths that end below.
pub fn ends_below(tree: &Tree<'_>, children: &Children<'_>) -> Vec<u32> {
    let mut out = Vec::new();
    let mut todo: Vec<u32> = children.values().flatten().copied().collect();
    while let Some(node) = todo.pop().and_then(|n| tree.nodes.get(n as usize)) {
        out.extend(&node.ends);
        todo.extend(node.children.values());
    }
    out
}
