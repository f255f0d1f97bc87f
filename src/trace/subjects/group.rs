//! Which records are of one subject. In: strong values in order of bodies, each body's by record. Out: the node of each record's first
//! value, groups of nodes, and the node of a print. Bounds: 12 bytes a distinct value for its print and 12 for its group, 16 a record,
//! and 56 for each of [`BATCH`] values at once.
//!
//! A table of all prints is hundreds of megabytes for a large case, and asking it value by value waits for memory each time. So values
//! are gathered, put apart by the first bits of their prints, and each part is met in order with the prints that it holds already.

/// Different values of up to eight classes that one subject has.
pub(super) type Kinds = [u8; 8];

/// Groups of nodes; a node is a distinct value, or a record without one.
#[derive(Default)]
pub(super) struct Groups {
    parent: Vec<u32>,
    kinds: Vec<Kinds>,
}

impl Groups {
    fn add(&mut self, kind: u8) -> u32 {
        let id = self.parent.len() as u32;
        self.parent.push(id);
        let mut k = Kinds::default();
        if let Some(n) = k.get_mut(usize::from(kind)) {
            *n = 1;
        }
        self.kinds.push(k);
        id
    }
    /// Nodes.
    pub fn len(&self) -> usize {
        self.parent.len()
    }
    /// The node that stands for the group of `x`; never a later one.
    pub fn root(&mut self, mut x: u32) -> u32 {
        while self.parent[x as usize] != x {
            let up = self.parent[self.parent[x as usize] as usize];
            self.parent[x as usize] = up;
            x = up;
        }
        x
    }
    /// Joins two groups unless together they hold more of one class than a person has.
    fn join(&mut self, a: u32, b: u32, limit: &Kinds) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let mut sum = Kinds::default();
        for (i, s) in sum.iter_mut().enumerate() {
            *s = self.kinds[a as usize][i].saturating_add(self.kinds[b as usize][i]);
            if *s > limit[i] {
                return;
            }
        }
        let (keep, gone) = (a.min(b), a.max(b));
        self.parent[gone as usize] = keep;
        self.kinds[keep as usize] = sum;
    }
}

/// A strong value in clear of a body, or that it holds so many records ([`RECORDS`]).
#[derive(Debug, Clone, Copy)]
pub(super) struct Strong {
    pub body: i64,
    pub record: u32,
    pub print: u64,
    pub kind: u8,
}

/// In place of a kind: `record` says how many there are in the body.
pub(super) const RECORDS: u8 = u8::MAX;
/// Values that are looked up at once: enough that those of a part stand close to each other in it.
const BATCH: usize = 1 << 21;
/// First bits of a print that choose its part.
const PART_BITS: u32 = 8;

/// Distinct prints that begin alike, in order, and their nodes.
#[derive(Debug, Default)]
struct Part {
    prints: Vec<u64>,
    nodes: Vec<u32>,
}

impl Part {
    /// Takes prints in that are not in it, in order.
    fn merge(&mut self, fresh: &[(u64, u32)]) {
        let mut old = self.prints.len();
        let all = old + fresh.len();
        self.prints.reserve_exact(fresh.len());
        self.nodes.reserve_exact(fresh.len());
        self.prints.resize(all, 0);
        self.nodes.resize(all, 0);
        // from the end, so that nothing is overwritten that is still to be moved
        let mut to = all;
        for (print, node) in fresh.iter().rev() {
            while old > 0 && self.prints[old - 1] > *print {
                (old, to) = (old - 1, to - 1);
                self.prints[to] = self.prints[old];
                self.nodes[to] = self.nodes[old];
            }
            to -= 1;
            (self.prints[to], self.nodes[to]) = (*print, *node);
        }
    }
}

/// Node of each print.
#[derive(Debug, Default)]
pub(super) struct Prints(Vec<Part>);

impl Prints {
    /// The node of a print.
    pub fn get(&self, print: u64) -> Option<u32> {
        let part = self.0.get((print >> (64 - PART_BITS)) as usize)?;
        let at = part.prints.binary_search(&print).ok()?;
        part.nodes.get(at).copied()
    }
}

/// What becomes of the values.
#[derive(Default)]
pub(super) struct Grouped {
    pub prints: Prints,
    pub groups: Groups,
    /// Body and node of each record, in order of bodies.
    pub records: Vec<(i64, u32)>,
}

/// Groups values as they come.
pub(super) struct Grouping {
    limit: Kinds,
    batch: usize,
    waiting: Vec<Strong>,
    /// By part: print and place in `waiting`.
    apart: Vec<Vec<(u64, u32)>>,
    /// Node of each value that waits, and for new prints the place where they come first.
    nodes: Vec<u32>,
    new_at: Vec<u32>,
    done: Grouped,
    /// The body that is read, its records so far, and number and node of the last one.
    body: i64,
    with_strong: u32,
    last: Option<(u32, u32)>,
}

impl Grouping {
    /// `limit`: how many values of each kind one subject has.
    pub fn new(limit: Kinds) -> Grouping {
        Grouping::with_batch(limit, BATCH)
    }

    fn with_batch(limit: Kinds, batch: usize) -> Grouping {
        let mut done = Grouped::default();
        done.prints.0.resize_with(1 << PART_BITS, Part::default);
        Grouping {
            limit,
            batch,
            waiting: Vec::new(),
            apart: vec![Vec::new(); 1 << PART_BITS],
            nodes: Vec::new(),
            new_at: Vec::new(),
            done,
            body: 0,
            with_strong: 0,
            last: None,
        }
    }

    /// Takes values.
    pub fn add(&mut self, values: &[Strong]) {
        self.waiting.extend_from_slice(values);
        if self.waiting.len() >= self.batch {
            self.flush();
        }
    }

    /// All of them.
    pub fn end(mut self) -> Grouped {
        self.flush();
        self.done
    }

    fn flush(&mut self) {
        self.look_up();
        let mut waiting = std::mem::take(&mut self.waiting);
        for (s, node) in waiting.iter().zip(&self.nodes) {
            let (groups, records) = (&mut self.done.groups, &mut self.done.records);
            if s.body != self.body {
                (self.body, self.with_strong, self.last) = (s.body, 0, None);
            }
            if s.kind == RECORDS {
                for _ in self.with_strong..s.record {
                    records.push((s.body, groups.add(RECORDS)));
                }
                continue;
            }
            match self.last {
                Some((record, head)) if record == s.record && record != 0 => {
                    groups.join(head, *node, &self.limit);
                    // Where joining was refused the record is that of its first value.
                }
                _ => {
                    self.last = Some((s.record, *node));
                    records.push((s.body, *node));
                    self.with_strong += 1;
                }
            }
        }
        waiting.clear();
        self.waiting = waiting;
    }

    /// The nodes of the values that wait; new prints get new ones in the order in which they come, so that what stands together lies
    /// together.
    fn look_up(&mut self) {
        for (s, i) in self.waiting.iter().zip(0u32..) {
            if s.kind != RECORDS
                && let Some(part) = self.apart.get_mut((s.print >> (64 - PART_BITS)) as usize)
            {
                part.push((s.print, i));
            }
        }
        self.nodes.clear();
        self.nodes.resize(self.waiting.len(), 0);
        self.new_at.clear();
        self.new_at.resize(self.waiting.len(), KNOWN);
        for (part, wanted) in self.done.prints.0.iter().zip(&mut self.apart) {
            wanted.sort_unstable();
            let mut known = part.prints.iter().zip(&part.nodes).peekable();
            // of new prints only the first place stays
            let mut kept = 0;
            let mut from = 0;
            while let Some((print, first)) = wanted.get(from).copied() {
                let same = wanted.get(from..).unwrap_or_default();
                let n = same.iter().take_while(|x| x.0 == print).count();
                while known.next_if(|(p, _)| **p < print).is_some() {}
                let node = known.peek().filter(|(p, _)| **p == print);
                let (list, value) = match node {
                    Some((_, node)) => (&mut self.nodes, **node),
                    None => (&mut self.new_at, first),
                };
                for (_, i) in same.iter().take(n) {
                    if let Some(x) = list.get_mut(*i as usize) {
                        *x = value;
                    }
                }
                if node.is_none()
                    && let Some(x) = wanted.get_mut(kept)
                {
                    *x = (print, first);
                    kept += 1;
                }
                from += n;
            }
            wanted.truncate(kept);
        }
        for (i, s) in (0u32..).zip(&self.waiting) {
            let at = self.new_at.get(i as usize).copied().unwrap_or(KNOWN);
            if at == KNOWN {
                continue;
            }
            let node = match at == i {
                true => self.done.groups.add(s.kind),
                false => self.nodes.get(at as usize).copied().unwrap_or(0),
            };
            if let Some(n) = self.nodes.get_mut(i as usize) {
                *n = node;
            }
        }
        for (part, fresh) in self.done.prints.0.iter_mut().zip(&mut self.apart) {
            for (_, at) in fresh.iter_mut() {
                *at = self.nodes.get(*at as usize).copied().unwrap_or(0);
            }
            part.merge(fresh);
            fresh.clear();
        }
    }
}

/// In place of where a new print comes first.
const KNOWN: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const LIMIT: Kinds = [1, 2, 4, 4, 4, 4, 4, 6];

    /// The same, value by value: each record's subject, numbered as they come.
    fn plainly(values: &[Strong]) -> (Vec<(i64, u32)>, BTreeMap<u64, u32>) {
        let (mut nodes, mut groups) = (BTreeMap::new(), Groups::default());
        let mut records: Vec<(i64, u32)> = Vec::new();
        let mut last: Option<(i64, u32, u32)> = None;
        for s in values {
            if s.kind == RECORDS {
                let have = records.iter().filter(|r| r.0 == s.body).count();
                for _ in have..s.record as usize {
                    records.push((s.body, groups.add(RECORDS)));
                }
                continue;
            }
            let node = *nodes.entry(s.print).or_insert_with(|| groups.add(s.kind));
            match last {
                Some((body, record, head))
                    if (body, record) == (s.body, s.record) && record != 0 =>
                {
                    groups.join(head, node, &LIMIT);
                }
                _ => {
                    last = Some((s.body, s.record, node));
                    records.push((s.body, node));
                }
            }
        }
        number(&mut groups, records, nodes.into_iter())
    }

    fn number(
        groups: &mut Groups,
        records: Vec<(i64, u32)>,
        nodes: impl Iterator<Item = (u64, u32)>,
    ) -> (Vec<(i64, u32)>, BTreeMap<u64, u32>) {
        let mut of: BTreeMap<u32, u32> = BTreeMap::new();
        let mut subject = |groups: &mut Groups, node| {
            let next = of.len() as u32;
            *of.entry(groups.root(node)).or_insert(next)
        };
        let records = records
            .into_iter()
            .map(|(b, n)| (b, subject(groups, n)))
            .collect();
        let prints = nodes.map(|(p, n)| (p, groups.root(n))).collect::<Vec<_>>();
        let prints = prints
            .into_iter()
            .filter_map(|(p, root)| Some((p, *of.get(&root)?)))
            .collect();
        (records, prints)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn batches_say_what_single_values_say(
            raw in proptest::collection::vec((1i64..12, 0u32..5, prop_oneof![0u64..30, (0u64..256).prop_map(|n| n << 56 | 7)], 0u8..8), 0..120),
            batch in 1usize..40,
            loose in any::<bool>(),
        ) {
            let mut values: Vec<Strong> = raw.into_iter().map(|(body, record, print, kind)| Strong { body, record, print, kind }).collect();
            values.sort_by_key(|s| (s.body, s.record));
            if loose {
                let mut with: Vec<Strong> = Vec::new();
                for own in values.chunk_by(|a, b| a.body == b.body) {
                    with.extend(own);
                    with.push(Strong { body: own[0].body, record: 6, print: 0, kind: RECORDS });
                }
                values = with;
            }
            let expect = plainly(&values);
            let mut g = Grouping::with_batch(LIMIT, batch);
            for some in values.chunks(7) {
                g.add(some);
            }
            let mut got = g.end();
            let nodes: Vec<(u64, u32)> = values.iter().filter(|s| s.kind != RECORDS)
                .map(|s| (s.print, got.prints.get(s.print).unwrap())).collect();
            prop_assert_eq!(got.prints.get(u64::MAX), None);
            let got = number(&mut got.groups, got.records, nodes.into_iter());
            prop_assert_eq!(got, expect);
        }
    }
}
