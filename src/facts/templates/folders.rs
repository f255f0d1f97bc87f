//! Trees of files in folders, whatever their depth: below which node all is one route. In: a node's children. Out: the reason, or none.
//! Bounds: what stands below a node is summed once ([`sums`]); only where most of it is files [`LOOKED`] nodes are looked at, level by
//! level and [`WIDE`] children of each; explicit queues.

use super::decide::{Children, Work};
use super::{Node, PathIn, Tree, shapes, words};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Nodes looked at below a place of trees, and children of each.
const LOOKED: usize = 2000;
const WIDE: usize = 64;
/// What only folders and files are asked for by (WebDAV).
const FOLDER_METHODS: [&str; 9] = [
    "PROPFIND",
    "REPORT",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "MKCALENDAR",
];

/// Whether a method asks for folders and files.
pub fn asked(method: &str) -> bool {
    FOLDER_METHODS.contains(&method)
}

/// What stands below a node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    /// Leaves, but for those whose ending says how an answer is written.
    leaves: u32,
    /// Of these, files by their names.
    files: u32,
    /// Ends that are asked for as folders and files are.
    folders: u32,
    /// Ends that are put there.
    puts: u32,
}

/// Sums of all nodes. Nodes stand behind those that they are below.
pub fn sums(nodes: &[Node<'_>], paths: &[PathIn<'_>]) -> Vec<Sum> {
    let mut out = vec![Sum::default(); nodes.len()];
    for (i, node) in nodes.iter().enumerate().rev() {
        let mut sum = Sum::default();
        for (name, child) in &node.children {
            let Some(below) = out.get(*child as usize) else {
                continue;
            };
            sum.leaves = sum.leaves.saturating_add(below.leaves);
            sum.files = sum.files.saturating_add(below.files);
            sum.folders = sum.folders.saturating_add(below.folders);
            sum.puts = sum.puts.saturating_add(below.puts);
            let leaf = nodes
                .get(*child as usize)
                .is_some_and(|n| n.children.is_empty());
            if leaf && !shapes::written(name) {
                sum.leaves += 1;
                sum.files += u32::from(shapes::filed(name));
            }
        }
        let ends = || node.ends.iter().filter_map(|e| paths.get(*e as usize));
        sum.folders += u32::from(ends().any(|p| asked(p.method)));
        sum.puts += u32::from(ends().any(|p| p.method == "PUT"));
        if let Some(slot) = out.get_mut(i) {
            *slot = sum;
        }
    }
    out
}

/// The sum of several nodes, they themselves left out.
pub fn of<'n>(tree: &Tree<'_>, nodes: impl Iterator<Item = &'n u32>) -> Sum {
    let mut out = Sum::default();
    for s in nodes.filter_map(|n| tree.sums.get(*n as usize)) {
        out.leaves = out.leaves.saturating_add(s.leaves);
        out.files = out.files.saturating_add(s.files);
        out.folders = out.folders.saturating_add(s.folders);
        out.puts = out.puts.saturating_add(s.puts);
    }
    out
}

impl Sum {
    /// Whether most of it is files.
    pub fn filed(&self) -> bool {
        self.files >= 3 && self.files * 5 >= self.leaves * 3
    }
}

/// Whether a tree of folders and files stands here. The reason.
pub fn tree<'a>(tree: &Tree<'a>, children: &Children<'a>, w: &Work) -> Option<String> {
    files(tree, children, w)
        .or_else(|| objects(tree, children, w))
        .or_else(|| deep(tree, children, w))
}

/// Distinct files that make a tree.
const TREE: usize = 5;

/// Files at several depths, told by their names, and little else: they begin where the first of them stands, or at what is asked for
/// as folders are.
fn deep(tree: &Tree<'_>, children: &Children<'_>, w: &Work) -> Option<String> {
    if w.depth == 0 || !w.given.is_empty() {
        return None;
    }
    let sum = of(tree, children.values().flatten());
    let script = words::executable(&w.prev.to_ascii_lowercase());
    let dav = sum.folders > 0;
    if sum.files < 3 || sum.files * if dav { 5 } else { 2 } < sum.leaves {
        return None;
    }
    // All nodes of one name below one place are one.
    let mut todo: VecDeque<(u8, &str, Vec<u32>)> =
        children.iter().map(|(s, n)| (0, *s, n.clone())).collect();
    let (mut leaves, mut files, mut looked, mut top) = (0usize, 0usize, 0usize, 0usize);
    let mut folders: BTreeSet<u8> = BTreeSet::new();
    let mut levels: BTreeSet<u8> = BTreeSet::new();
    let mut second: BTreeMap<&str, usize> = BTreeMap::new();
    let mut inner = 0usize;
    while let Some((level, name, nodes)) = todo.pop_front() {
        looked += nodes.len();
        if looked > LOOKED {
            break;
        }
        let mut below: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for node in nodes.iter().filter_map(|n| tree.nodes.get(*n as usize)) {
            for (s, n) in node.children.iter().take(WIDE) {
                below.entry(s).or_default().push(*n);
            }
            let mut ends = node.ends.iter().filter_map(|e| tree.paths.get(*e as usize));
            if ends.any(|p| asked(p.method)) {
                folders.insert(level);
            }
        }
        if below.is_empty() {
            if !shapes::written(name) {
                let file = shapes::filed(name);
                leaves += 1;
                files += usize::from(file);
                top += usize::from(file && level == 0);
                if file {
                    levels.insert(level);
                }
            }
            continue;
        }
        if level == 0 {
            inner += 1;
            for s in below.keys() {
                *second.entry(s).or_default() += 1;
            }
        }
        todo.extend(
            below
                .into_iter()
                .map(|(s, n)| (level.saturating_add(1), s, n)),
        );
    }
    let dav = folders.len() >= 2;
    if script && !dav && files >= TREE && files * 5 >= leaves * 4 {
        return Some(format!("files that '{}' hands out", w.prev));
    }
    // Several that have the same below are values of a parameter, and the tree begins behind it.
    let again = second.values().filter(|n| **n >= 2).count();
    if inner >= 2 && again >= 2 && again * 3 >= second.len() {
        return None;
    }
    // Behind a single folder it may begin still deeper.
    let begins = children.len() >= 2 && (top >= 1 || dav);
    (begins && files >= TREE && levels.len() >= 2 && files * 5 >= leaves * if dav { 2 } else { 3 })
        .then(|| {
            if dav {
                format!("folders and files after '{}'", w.prev)
            } else {
                format!("files at {} depths after '{}'", levels.len(), w.prev)
            }
        })
}

/// Distinct names of files below a place of files before it is one tree of them.
const FILES: usize = 5;
/// As many are enough where nothing else stands there and they lie at several depths.
const FEW: usize = 3;
/// What is kept below a node by its path.
#[derive(Default)]
struct Objects {
    reads: usize,
    writes: usize,
    posts: usize,
    leaves: usize,
    files: usize,
    /// Files that are written.
    stored: usize,
    /// Ends at what has something below: objects are no folders.
    within: usize,
    depths: BTreeSet<u8>,
}

impl Objects {
    /// Looks at what stands at and below nodes; `None` where something is told in fields or asked for in another way.
    fn below<'a>(tree: &Tree<'a>, of: impl Iterator<Item = (&'a str, u32)>) -> Option<Objects> {
        let mut out = Objects::default();
        let mut todo: VecDeque<(u32, &str, u8)> = of.map(|(s, n)| (n, s, 0)).collect();
        let mut looked = 0;
        while let Some((n, name, level)) = todo.pop_front() {
            looked += 1;
            if looked > LOOKED {
                break;
            }
            let node = tree.nodes.get(n as usize)?;
            for p in node.ends.iter().filter_map(|e| tree.paths.get(*e as usize)) {
                match p.method {
                    "GET" if p.answer.is_empty() => out.reads += 1,
                    "PUT" if p.answer.is_empty() => out.writes += 1,
                    // parts of a large one are announced
                    "POST" if p.answer.is_empty() => out.posts += 1,
                    "HEAD" | "DELETE" => {}
                    _ => return None,
                }
            }
            if node.children.is_empty() {
                let file = shapes::filed(name);
                let mut ends = node.ends.iter().filter_map(|e| tree.paths.get(*e as usize));
                out.leaves += 1;
                out.files += usize::from(file);
                out.stored += usize::from(file && ends.any(|p| p.method == "PUT"));
                out.depths.insert(level);
            } else {
                out.within += node.ends.len();
            }
            let wide = if level == 0 { LOOKED } else { WIDE };
            todo.extend(
                node.children
                    .iter()
                    .take(wide)
                    .map(|(s, n)| (*n, s.as_ref(), level.saturating_add(1))),
            );
        }
        Some(out)
    }

    /// Whether most of what is written are files, and nearly none of it is a folder too.
    fn like(&self) -> bool {
        self.stored * 3 >= self.writes && self.within * 10 <= self.reads + self.writes
    }

    fn sure(&self) -> bool {
        self.reads >= 2
            && self.writes >= 2
            && self.posts * 10 <= self.reads + self.writes
            && self.leaves >= FILES
            && self.like()
            && (self.depths.len() >= 2 || self.depths.first().is_some_and(|d| *d >= 2))
            && self.files * 3 >= self.leaves
    }
}

/// Whether objects are kept here under keys that look like paths: what is read without ever being told in fields is written by
/// the same addresses, at several depths. The reason.
fn objects<'a>(tree: &Tree<'a>, children: &Children<'a>, w: &Work) -> Option<String> {
    if w.depth == 0 || children.len() < 2 || !w.given.is_empty() {
        return None;
    }
    let of = children
        .iter()
        .flat_map(|(s, l)| l.iter().map(|n| (*s, *n)));
    // Behind a parameter that objects are kept in, they are so whatever their number.
    let found = Objects::below(tree, of)?;
    (found.sure() || w.keeps).then(|| format!("objects kept by their paths after '{}'", w.prev))
}

/// Places where objects are kept: where several children are such, all that look like it are values of one parameter.
pub fn places<'a>(tree: &Tree<'a>, children: &Children<'a>, w: &Work) -> BTreeSet<&'a str> {
    let mut out = BTreeSet::new();
    if children.len() < 2 || !w.given.is_empty() {
        return out;
    }
    let mut sure = 0;
    let mut inner: BTreeMap<&str, usize> = BTreeMap::new();
    for (seg, nodes) in children {
        let sum = of(tree, nodes.iter());
        if sum.puts == 0 || sum.files < 2 || sum.files * 3 < sum.leaves {
            continue;
        }
        let of = nodes.iter().filter_map(|n| tree.nodes.get(*n as usize));
        let of = of.flat_map(|n| n.children.iter().map(|(s, n)| (s.as_ref(), *n)));
        let Some(found) = Objects::below(tree, of) else {
            continue;
        };
        if found.writes >= 1 && found.leaves >= 2 && found.like() {
            sure += usize::from(found.sure() && shapes::shape(seg).is_none());
            out.insert(*seg);
            let of = nodes.iter().filter_map(|n| tree.nodes.get(*n as usize));
            let of = of.flat_map(|n| n.children.iter().take(WIDE));
            let folders: BTreeSet<&str> = of
                .filter(|(_, n)| {
                    let node = tree.nodes.get(**n as usize);
                    node.is_some_and(|n| !n.children.is_empty())
                })
                .filter(|(s, _)| shapes::shape(s).is_none())
                .map(|(s, _)| s.as_ref())
                .collect();
            for s in folders {
                *inner.entry(s).or_default() += 1;
            }
        }
    }
    // Several that have the same folders are owners of places, not places.
    let again = inner.values().filter(|n| **n >= 2).count();
    if sure < 2 || again >= 2 && again * 2 >= inner.len() {
        out.clear();
    }
    out
}

/// Whether a tree of folders and files stands here, whatever its depth (`/files/shared/plans/a.pdf`). The reason.
fn files(tree: &Tree<'_>, children: &Children<'_>, w: &Work) -> Option<String> {
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
        let Some(node) = tree.nodes.get(n as usize).filter(|_| looked <= LOOKED) else {
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
    let few = folded >= FEW && deep >= 1 && deep < documents && documents == leaves;
    let enough = folded >= FILES || few;
    (folders >= 2 && folders * 2 > children.len() && enough && documents * 5 >= leaves * 4)
        .then(|| format!("files in folders after '{}'", w.prev))
}
