//! Routes that are given: by specifications and by the investigator. In: routes with their parameters marked. Out: what they say of
//! a segment below segments that fitted so far. Bounds: [`crate::limits::GIVEN_ROUTES`] routes; a step is looked up in a map, or
//! in the few edges of a node that are no words.

use crate::limits::GIVEN_ROUTES;
use std::collections::{BTreeMap, BTreeSet};

/// One segment of a given route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Itself.
    Word(String),
    /// A parameter between what is fixed: `{id}`, `{id}.json`, `Products({id})`.
    Param { before: String, after: String },
    /// A parameter for these values.
    Only(BTreeSet<String>),
    /// Every value is a route of its own.
    Each,
}

impl Step {
    /// A whole segment.
    pub fn param() -> Step {
        Step::Param {
            before: String::new(),
            after: String::new(),
        }
    }
    /// A segment as a template writes it: text around one pair of braces is fixed.
    pub fn of(seg: &str) -> Step {
        let cut = || {
            let open = seg.find('{')?;
            let close = seg.rfind('}').filter(|c| *c > open)?;
            Some((seg.get(..open)?, seg.get(close + 1..)?))
        };
        match cut() {
            Some((before, after)) => Step::Param {
                before: before.to_owned(),
                after: after.to_owned(),
            },
            None => Step::Word(seg.to_owned()),
        }
    }
}

/// Steps of a whole template.
pub fn steps(template: &str) -> Vec<Step> {
    super::segments(super::path_of(template))
        .iter()
        .map(|s| Step::of(s))
        .collect()
}

#[derive(Debug, Default)]
struct Node {
    words: BTreeMap<String, u32>,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Edge {
    step: Step,
    by: String,
    /// Also where a segment is a word of routes.
    firm: bool,
    next: u32,
}

/// All routes that are given.
#[derive(Debug, Default)]
pub struct Given {
    nodes: Vec<Node>,
    hosts: BTreeMap<String, u32>,
    routes: usize,
}

/// What is said of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Says<'g> {
    /// It is a route's word.
    Word,
    /// It is one of many that stay apart.
    Each,
    /// A value of a parameter between two fixed texts; `firm` also where it is a word of routes.
    Param {
        before: &'g str,
        after: &'g str,
        by: &'g str,
        firm: bool,
    },
    Nothing,
}

impl Given {
    /// None.
    pub const fn none() -> Given {
        Given {
            nodes: Vec::new(),
            hosts: BTreeMap::new(),
            routes: 0,
        }
    }

    /// Adds a route of a host. Gives where it ends; `None` where there is no more room.
    pub fn add(&mut self, host: &str, steps: &[Step], by: &str, firm: bool) -> Option<u32> {
        if self.routes >= GIVEN_ROUTES {
            return None;
        }
        self.routes += 1;
        let mut at = match self.hosts.get(host) {
            Some(n) => *n,
            None => {
                let n = self.node();
                self.hosts.insert(host.to_owned(), n);
                n
            }
        };
        for step in steps {
            at = self.step(at, step, by, firm);
        }
        Some(at)
    }

    fn node(&mut self) -> u32 {
        self.nodes.push(Node::default());
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    fn step(&mut self, at: u32, step: &Step, by: &str, firm: bool) -> u32 {
        let Some(node) = self.nodes.get(at as usize) else {
            return at;
        };
        let known = match step {
            Step::Word(w) => node.words.get(w).copied(),
            _ => node
                .edges
                .iter()
                .find(|e| e.step == *step && e.firm == firm)
                .map(|e| e.next),
        };
        if let Some(n) = known {
            return n;
        }
        let next = self.node();
        if let Some(node) = self.nodes.get_mut(at as usize) {
            match step {
                Step::Word(w) => {
                    node.words.insert(w.clone(), next);
                }
                step => node.edges.push(Edge {
                    step: step.clone(),
                    by: by.to_owned(),
                    firm,
                    next,
                }),
            }
        }
        next
    }

    /// Where routes of a host begin.
    pub fn begin(&self, host: &str) -> Vec<u32> {
        self.hosts.get(host).copied().into_iter().collect()
    }

    fn at<'g>(&'g self, states: &'g [u32]) -> impl Iterator<Item = &'g Node> {
        states.iter().filter_map(|s| self.nodes.get(*s as usize))
    }

    /// What is said of a segment; a word comes before a parameter.
    pub fn says<'g>(&'g self, states: &'g [u32], seg: &str) -> Says<'g> {
        if self.at(states).any(|n| n.words.contains_key(seg)) {
            return Says::Word;
        }
        let mut out = Says::Nothing;
        for e in self.at(states).flat_map(|n| &n.edges) {
            let new = match &e.step {
                Step::Each => return Says::Each,
                Step::Only(values) if values.contains(seg) => Says::Param {
                    before: "",
                    after: "",
                    by: &e.by,
                    firm: true,
                },
                Step::Param { before, after }
                    if seg.len() > before.len() + after.len()
                        && seg.starts_with(before.as_str())
                        && seg.ends_with(after.as_str()) =>
                {
                    Says::Param {
                        before,
                        after,
                        by: &e.by,
                        firm: e.firm,
                    }
                }
                _ => continue,
            };
            // What says more of the segment, and what is firm, comes first.
            let weight = |s: &Says<'_>| match s {
                Says::Param {
                    before,
                    after,
                    firm,
                    ..
                } => 1 + (before.len() + after.len()) * 2 + usize::from(*firm),
                _ => 0,
            };
            if weight(&new) > weight(&out) {
                out = new;
            }
        }
        out
    }

    /// Where routes stand behind a segment, read as a word and as a value.
    pub fn next(&self, states: &[u32], seg: &str) -> Vec<u32> {
        let mut out = self.below_word(states, seg);
        for e in self.at(states).flat_map(|n| &n.edges) {
            let fits = match &e.step {
                Step::Param { before, after } => {
                    seg.len() > before.len() + after.len()
                        && seg.starts_with(before.as_str())
                        && seg.ends_with(after.as_str())
                }
                Step::Only(values) => values.contains(seg),
                Step::Each | Step::Word(_) => false,
            };
            if fits {
                out.push(e.next);
            }
        }
        // more than that is no specification
        out.truncate(64);
        out
    }

    /// Where a route goes on below a word.
    pub fn below_word(&self, states: &[u32], seg: &str) -> Vec<u32> {
        self.at(states)
            .filter_map(|n| n.words.get(seg).copied())
            .collect()
    }

    /// Where it goes on below a parameter.
    pub fn below_param(&self, states: &[u32], before: &str, after: &str) -> Vec<u32> {
        self.at(states)
            .flat_map(|n| &n.edges)
            .filter(|e| match &e.step {
                Step::Param {
                    before: b,
                    after: a,
                } => b == before && a == after,
                Step::Only(_) => before.is_empty() && after.is_empty(),
                _ => false,
            })
            .map(|e| e.next)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_before_parameters() {
        let mut g = Given::default();
        g.add("h", &steps("/users/{userId}/orders"), "a", false);
        g.add("h", &steps("/users/me"), "a", false);
        g.add("other", &steps("/files/{name}.json"), "b", false);
        let at = g.begin("h");
        assert_eq!(g.says(&at, "users"), Says::Word);
        let users = g.below_word(&at, "users");
        assert_eq!(g.says(&users, "me"), Says::Word);
        assert!(matches!(
            g.says(&users, "7"),
            Says::Param { firm: false, .. }
        ));
        let seven = g.below_param(&users, "", "");
        assert_eq!(g.says(&seven, "orders"), Says::Word);
        assert_eq!(g.says(&seven, "x"), Says::Nothing);
        let files = g.below_word(&g.begin("other"), "files");
        assert!(matches!(g.says(&files, "a.json"), Says::Param { after, .. } if after == ".json"));
        assert_eq!(g.says(&files, ".json"), Says::Nothing);
    }
}
