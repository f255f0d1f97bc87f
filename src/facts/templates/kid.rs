//! What is known of one child of a node: what it looks like, what stands below it, what answers say of it. In: a tree and a child.
//! Out: a [`Kid`]. Bounds: [`BELOW`] nodes and [`LEVELS`] levels below the child.

use super::decide::Work;
use super::{Fields, Tree, elsewhere, folders, shapes, words};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes looked at below one child.
const BELOW: usize = 200;
/// Levels looked at below one child.
const LEVELS: u8 = 4;

/// A child with what is known of it.
pub struct Kid<'a> {
    pub seg: &'a str,
    /// Every piece is a word of routes.
    pub routeish: bool,
    pub fixed: bool,
    /// A technical word with a number: of its own wherever nothing says otherwise.
    pub tech: bool,
    pub namey: bool,
    /// Field of an answer that handed it out.
    pub handed: Option<String>,
    /// Only other hosts handed it out.
    pub foreign: bool,
    /// Its own answer names it.
    pub named: bool,
    pub account: bool,
    /// Places where it is a value, and whether one of them is another than this.
    places: Option<&'a BTreeSet<u64>>,
    pub elsewhere: bool,
    /// Words of routes below, by level; those that any resource has left out.
    pub below: BTreeSet<(u8, &'a str)>,
    /// All that stands directly below, `{}` for identifiers.
    pub first: BTreeSet<&'a str>,
    /// Other texts below.
    pub texts: BTreeSet<(u8, &'a str)>,
    /// Nodes that it was merged of: below a parameter, how many values have it.
    pub nodes: usize,
    /// Whether anything stands below.
    pub inner: bool,
    /// Names stand below: it is itself a collection.
    pub collects: bool,
    pub typed_below: bool,
    /// Shapes of identifiers directly below.
    pub shapes: BTreeSet<&'static str>,
    pub documents_below: bool,
    /// What one does with a resource of one's own stands directly below: `list`, `edit`.
    pub crud: bool,
    /// Asked for as folders are.
    pub folder: bool,
    /// A word before which APIs stand: `api`, `rest`.
    pub before_apis: bool,
    pub reads: bool,
    pub changes: bool,
    pub posts: bool,
    /// Names of the fields of its answer, by method.
    pub answer: Option<(&'a str, &'a [u32])>,
    /// The same of what stands directly below, by its word (`{}` for an identifier) and method.
    pub answers_below: BTreeMap<(&'a str, &'a str), &'a [u32]>,
    pub calls: u32,
    /// What all that ends here or directly below answers.
    pub all: Vec<&'a [u32]>,
    /// What the host answers.
    pub fields: &'a Fields,
}

/// What is a value though it has no shape: a name that answers hand out, or an account's.
fn value(tree: &Tree<'_>, word: &str) -> Option<&'static str> {
    if words::routeish(word) || words::fixed(word) || words::tech(word) || shapes::version(word) {
        return None;
    }
    let name = word.trim_start_matches('@');
    let handed =
        (tree.beside.own)(tree.host, name) && (tree.beside.handed)(tree.host, name).is_some();
    let known = (tree.beside.account)(name) || handed;
    known.then_some("name")
}

impl<'a> Kid<'a> {
    /// Looks at a child.
    pub fn new(tree: &'a Tree<'a>, seg: &'a str, nodes: &[u32]) -> Kid<'a> {
        let name = seg.trim_start_matches('@');
        let mut k = Kid {
            seg,
            routeish: words::routeish(seg),
            fixed: words::fixed(seg),
            tech: words::tech(seg),
            namey: shapes::namey(seg) || seg.starts_with('@'),
            handed: (tree.beside.handed)(tree.host, name),
            foreign: false,
            named: false,
            account: (tree.beside.account)(name),
            places: tree.elsewhere.get(seg),
            elsewhere: false,
            below: BTreeSet::new(),
            first: BTreeSet::new(),
            texts: BTreeSet::new(),
            nodes: nodes.len(),
            inner: false,
            collects: false,
            typed_below: false,
            shapes: BTreeSet::new(),
            documents_below: false,
            crud: false,
            folder: false,
            before_apis: words::before_apis(seg),
            reads: false,
            changes: false,
            posts: false,
            answer: None,
            answers_below: BTreeMap::new(),
            calls: 0,
            all: Vec::new(),
            fields: &tree.fields,
        };
        k.foreign = k.handed.is_some() && !(tree.beside.own)(tree.host, name);
        // Names in a tree of files say nothing of what it belongs to, but for those at its top.
        let levels = if folders::of(tree, nodes.iter()).filed() {
            1
        } else {
            LEVELS
        };
        // Texts below identifiers by level, with the number of identifiers that have them; and those identifiers.
        let mut behind: BTreeMap<(u8, &'a str), usize> = BTreeMap::new();
        let mut holders: BTreeMap<u8, usize> = BTreeMap::new();
        let mut todo: Vec<(u8, u32, &'a str)> = nodes.iter().map(|n| (0, *n, "")).collect();
        let mut seen = 0;
        while let Some((level, n, above)) = todo.pop() {
            let Some(node) = tree.nodes.get(n as usize) else {
                continue;
            };
            seen += 1;
            if level == 0 {
                for p in node.ends.iter().filter_map(|e| tree.paths.get(*e as usize)) {
                    k.named |= p.named;
                    k.folder |= folders::asked(p.method);
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
                    if !p.answer.is_empty() {
                        k.all.push(p.answer);
                    }
                }
            }
            if level == 1 {
                let ends = node.ends.iter();
                for p in ends.filter_map(|e| tree.paths.get(*e as usize)) {
                    if !p.answer.is_empty() {
                        let had = k.answers_below.entry((above, p.method)).or_insert(p.answer);
                        *had = p.answer.min(*had);
                        k.all.push(p.answer);
                    }
                }
            }
            k.inner |= level == 0 && !node.children.is_empty();
            if seen > BELOW {
                continue;
            }
            let held = above == "{}" && !node.children.is_empty();
            *holders.entry(level).or_default() += usize::from(held);
            for (word, child) in node.children.iter().take(64) {
                let shape = shapes::shape(word).or_else(|| value(tree, word));
                let typed = shape.is_some();
                if above == "{}" && !typed {
                    *behind.entry((level + 1, word.as_ref())).or_default() += 1;
                }
                if level == 0 {
                    k.first.insert(if typed { "{}" } else { word });
                    k.shapes.extend(shape);
                    let document = shapes::document(word).is_some();
                    k.typed_below |= typed || document;
                    k.documents_below |= document;
                    k.collects |= !typed && !words::routeish(word) && !words::fixed(word);
                }
                if !typed && (words::routeish(word) || words::fixed(word)) {
                    if words::generic(word) {
                        k.crud |= level == 0 && words::crud(word);
                    } else {
                        k.below.insert((level + 1, word));
                    }
                } else if !typed {
                    k.texts.insert((level + 1, word));
                }
                if level + 1 < levels {
                    todo.push((level + 1, *child, if typed { "{}" } else { word }));
                }
            }
        }
        // Where nearly each identifier has another text below, those texts are values.
        for (level, held) in holders {
            let texts = behind.keys().filter(|(l, _)| *l == level + 1).count();
            if texts >= 4 && texts * 3 >= held * 2 {
                k.below
                    .retain(|b| b.0 != level + 1 || !behind.contains_key(b));
                k.texts
                    .retain(|b| b.0 != level + 1 || !behind.contains_key(b));
            }
        }
        // What names several things and has names or numbers below is a collection, in any language.
        k.routeish |= k.plural();
        // `sale.order/17`: with something below, a dotted name is one of a kind of thing.
        let dotted = seg.split('.').filter(|p| p.len() >= 3).count() >= 2;
        if dotted && k.inner && !k.fixed && !k.tech {
            (k.routeish, k.namey) = (false, true);
        }
        k
    }

    fn plural(&self) -> bool {
        (self.collects || self.typed_below) && !self.namey && words::plural(self.seg)
    }

    /// The same where it stands below a segment: where names stand, several things under a name that no route has are a name.
    pub fn below(mut self, w: &Work) -> Kid<'a> {
        let prev = w.prev.as_str();
        // Below the root, what APIs stand behind is no name.
        self.fixed |= w.depth == 0 && self.before_apis;
        let here = elsewhere::place(&w.route);
        self.elsewhere = self.places.is_some_and(|p| p.iter().any(|p| *p != here));
        if self.elsewhere && self.seg.contains(['_', '-']) && !words::speaker(self.seg) {
            // `change_request` is no verb where it is a value elsewhere.
            (self.fixed, self.routeish) = (false, false);
        }
        if self.plural() && words::named_by(prev) && !words::plural(prev) {
            self.routeish = words::routeish(self.seg);
        }
        self
    }

    /// A word that is a route of its own beside a parameter, unless answers say otherwise.
    pub fn apart(&self) -> bool {
        (self.fixed || self.tech) && !(self.named && self.handed.is_some()) && !self.account
    }

    /// Whether it has mostly the same below, and much of it.
    pub fn has_what(&self, others: &BTreeSet<(u8, &'a str)>) -> bool {
        let all = || self.below.iter().chain(&self.texts);
        let both = all().filter(|b| others.contains(*b)).count();
        both >= 4 && both * 2 >= all().count()
    }
}
