//! Where findings gather: field paths as a tree that is kept between bodies, the containers a walk is in, records, refusals.
//! In: values with their place. Out: [`Facts`]. Bounds: [`crate::limits::FIELDS_PER_BODY`] fields and [`crate::limits::FINDINGS_PER_BODY`]
//! findings a body; the tree is emptied between bodies once it is large. What is remembered never changes a result.

use super::key::Key;
use crate::call::model::{Facts, Indices, Miss, RawFinding};
use crate::detect::form::{Form, Step};
use crate::detect::kind::Kind;
use crate::detect::place;
use crate::detect::rules::KeyCtx;
use crate::detect::value::{Hit, Judge};
use crate::limits;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hasher as _;
use std::sync::Arc;

/// Index of a node.
pub(crate) type NodeId = u32;
const NONE: u32 = u32::MAX;
/// Belief below which a value among those of other names is left alone: only a column of its own could make it likely.
pub(crate) const UNLIKELY: u8 = 25;

/// How the path of a child is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `$.a.b`, `$['odd key']`
    Json,
    /// `query:a`; its children again as JSON
    Colon,
    /// As the parent: the key gives context only.
    Flat,
}

/// A field path. Children hang on it by key.
pub(crate) struct Node {
    pub field: Arc<str>,
    pub ctx: KeyCtx,
    pub style: Style,
    /// The key looks like data (an id): an object under it is a record of its own.
    pub idlike: bool,
    parent: NodeId,
    key: Key,
    /// The key that followed this one last time.
    guess: NodeId,
    /// Next node of the same hash.
    chain: NodeId,
    elem: NodeId,
    epoch: u32,
    miss_epoch: u32,
    misses: Vec<(u8, u32)>,
}

/// A container that the walk is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub node: NodeId,
    pub array: bool,
    /// A row of a table: its places are columns, which the paths of its fields name.
    pub row: bool,
    /// Index of the current element, of an array.
    pub idx: u32,
    /// Number of the column that the walk is in, where the field holds the column's name.
    pub column: Option<u32>,
    /// Child looked up last.
    pub last: NodeId,
    /// Frame that owns the record.
    owner: usize,
    /// Record of an owner, 0 for none yet, and the element it is for.
    record: u32,
    record_idx: u32,
    /// First finding inside.
    start: usize,
    /// Person's classes found in this record so far.
    sib: u64,
    /// A name was found that its neighbours may confirm.
    weak: bool,
}

/// Where a value stands: its raw slice, what was undone so far, and whether parts of the text are parts of the slice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub off: u64,
    pub len: u32,
    pub form: Form,
    /// The text is the slice, byte for byte.
    pub direct: bool,
    /// Layers undone.
    pub depth: usize,
}

impl Slot {
    pub fn plain(off: usize, len: usize) -> Slot {
        Slot {
            off: off as u64,
            len: u32::try_from(len).unwrap_or(u32::MAX),
            form: Form::PLAIN,
            direct: true,
            depth: 0,
        }
    }
    /// The part `from..from + len` of the text.
    pub fn part(self, from: usize, len: usize) -> Slot {
        if self.direct {
            Slot {
                off: self.off + from as u64,
                len: u32::try_from(len).unwrap_or(u32::MAX),
                ..self
            }
        } else {
            self
        }
    }
    /// The same slice with one more layer undone.
    pub fn inside(self, step: Step) -> Slot {
        Slot {
            form: self.form.then(step),
            direct: false,
            depth: self.depth + 1,
            ..self
        }
    }
}

/// See the module's page.
pub(crate) struct Sink {
    pub judge: Judge,
    pub frames: Vec<Frame>,
    nodes: Vec<Node>,
    index: FxHashMap<u64, NodeId>,
    epoch: u32,
    touched: usize,
    out: Facts,
    missed: Vec<NodeId>,
    /// Places of the escaped string that is being looked at, see [`crate::body::json::places`].
    pub places: Vec<(usize, usize)>,
    /// An empty list with memory for the next body's findings.
    spare: Vec<RawFinding>,
    /// Added to every offset: where the scanned piece begins in the whole.
    pub base: u64,
    /// Where all that is found stands, in a document inside another (a sheet of a workbook).
    pub whole: Option<Slot>,
    /// The text that is scanned is a program: its keys name variables, not people.
    pub program: bool,
}

impl Sink {
    pub fn new(judge: Judge) -> Sink {
        Sink {
            judge,
            frames: Vec::new(),
            nodes: Vec::new(),
            index: FxHashMap::default(),
            epoch: 0,
            touched: 0,
            out: Facts::default(),
            missed: Vec::new(),
            places: Vec::new(),
            spare: Vec::new(),
            base: 0,
            whole: None,
            program: false,
        }
    }

    /// Begins a body or head.
    pub fn begin(&mut self) {
        if self.nodes.len() > 2 * limits::FIELDS_PER_BODY || self.epoch == u32::MAX {
            self.nodes.clear();
            self.index.clear();
            self.epoch = 0;
        }
        self.epoch += 1;
        self.touched = 0;
        self.frames.clear();
        self.missed.clear();
        self.places.clear();
        self.out = Facts {
            findings: std::mem::take(&mut self.spare),
            ..Facts::default()
        };
        self.base = 0;
        self.whole = None;
        self.program = false;
    }

    /// Ends it.
    pub fn end(&mut self) -> Facts {
        while !self.frames.is_empty() {
            self.pop();
        }
        for id in std::mem::take(&mut self.missed) {
            if let Some(n) = self.nodes.get(id as usize) {
                for (class, count) in &n.misses {
                    self.out.misses.push(Miss {
                        class: *class,
                        field: n.field.clone(),
                        count: *count,
                    });
                }
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Keeps the memory of a list of findings; not that of a large one.
    pub fn recycle(&mut self, facts: Facts) {
        let mut list = facts.findings;
        if list.capacity() <= 4096 {
            list.clear();
            self.spare = list;
        }
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }
    pub fn ctx(&self, id: NodeId) -> KeyCtx {
        self.node(id).map_or(KeyCtx::default(), |n| n.ctx)
    }

    /// Whether there is room for keys that only help: the words of a long text are not to stand in the way of its fields.
    pub fn roomy(&self) -> bool {
        self.touched < limits::FIELDS_PER_BODY / 2
    }

    /// A root: `$`, `query`, `text` ...
    pub fn root(&mut self, name: &str, style: Style) -> NodeId {
        self.lookup(NONE, name.as_bytes(), |_| {
            (name.into(), KeyCtx::default(), style)
        })
    }

    /// The child of a node by its key (escapes undone).
    pub fn child(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        self.lookup(parent, key, |s| s.make(parent, key, key))
    }

    /// The child that most likely follows: the one that did last time, else by look-up.
    #[inline]
    pub fn next_child(&mut self, frame: usize, key: &[u8]) -> NodeId {
        let Some(f) = self.frames.get(frame) else {
            return NONE;
        };
        let (parent, last) = (f.node, f.last);
        let from = if last == NONE { parent } else { last };
        let guess = self.nodes.get(from as usize).map_or(NONE, |n| n.guess);
        let mut hit = false;
        if let Some(g) = self.nodes.get_mut(guess as usize)
            && g.parent == parent
            && g.key.is(key)
        {
            hit = g.epoch == self.epoch;
            // first use in this body, as in `lookup`
            if !hit && self.touched < limits::FIELDS_PER_BODY {
                self.touched += 1;
                g.epoch = self.epoch;
                hit = true;
            }
        }
        let id = if hit {
            guess
        } else {
            self.child_escaped(parent, key)
        };
        if !hit && let Some(n) = self.nodes.get_mut(from as usize) {
            n.guess = id;
        }
        if let Some(f) = self.frames.get_mut(frame) {
            f.last = id;
        }
        id
    }

    /// As [`Sink::child`] for a key as JSON writes it.
    fn child_escaped(&mut self, parent: NodeId, raw: &[u8]) -> NodeId {
        if raw.contains(&b'\\') {
            let mut key = Vec::new();
            crate::body::json::unescape(raw, &mut key);
            self.lookup(parent, raw, |s| s.make(parent, raw, &key))
        } else {
            self.child(parent, raw)
        }
    }

    /// A column without a name.
    pub fn column(&mut self, parent: NodeId, number: usize) -> NodeId {
        let id = [b"\x03", number.to_string().as_bytes()].concat();
        self.lookup(parent, &id, |s| {
            let field = format!("{}:{number}", s.node(parent).map_or("", |n| &n.field));
            (field.into(), KeyCtx::default(), Style::Json)
        })
    }

    /// A column by its name.
    pub fn heading(&mut self, parent: NodeId, name: &[u8]) -> NodeId {
        let id = [b"\x04", name].concat();
        self.lookup(parent, &id, |s| {
            let table = s.node(parent).map_or("", |n| &n.field);
            let field = place::column(table, &crate::call::text::lossless(name));
            (field.into(), s.judge.rules.key(name), Style::Json)
        })
    }

    /// Says which column the walk is in, see [`Frame::column`].
    #[inline]
    pub fn at_column(&mut self, column: Option<usize>) {
        if let Some(f) = self.frames.last_mut() {
            f.column = column.and_then(|n| u32::try_from(n).ok());
        }
    }

    /// Elements of an array.
    #[inline]
    pub fn elem(&mut self, array: NodeId) -> NodeId {
        let (elem, epoch) = (
            self.nodes.get(array as usize).map_or(NONE, |n| n.elem),
            self.epoch,
        );
        if self
            .nodes
            .get(elem as usize)
            .is_some_and(|n| n.epoch == epoch)
        {
            return elem;
        }
        let id = self.lookup(array, b"\x01[*]", |s| {
            let (field, ctx) = s
                .node(array)
                .map_or(("".into(), KeyCtx::default()), |n| (n.field.clone(), n.ctx));
            (format!("{field}[*]").into(), ctx, Style::Json)
        });
        if let Some(n) = self.nodes.get_mut(array as usize) {
            n.elem = id;
        }
        id
    }

    /// A cell of a row that is an array: by the name of its column (`$.rows[*][*:phone]`), else by its number (`$.rows[*][3]`).
    pub fn cell(&mut self, row: NodeId, number: usize, name: &[u8]) -> NodeId {
        let id = match name {
            b"" => [b"\x02", number.to_string().as_bytes()].concat(),
            name => [b"\x04", name].concat(),
        };
        self.lookup(row, &id, |s| {
            let (field, around) = s
                .node(row)
                .map_or(("", KeyCtx::default()), |n| (&*n.field, n.ctx));
            let (field, ctx) = match name {
                b"" => (format!("{field}[{number}]"), around),
                name => (
                    place::element(field, &crate::call::text::lossless(name)),
                    s.judge.rules.key(name),
                ),
            };
            (field.into(), ctx, Style::Json)
        })
    }

    fn make(&self, parent: NodeId, _raw: &[u8], key: &[u8]) -> (Arc<str>, KeyCtx, Style) {
        let (above, around, style) = self
            .node(parent)
            .map_or(("", KeyCtx::default(), Style::Json), |n| {
                (&*n.field, n.ctx, n.style)
            });
        let mut ctx = self.judge.rules.key(key);
        if ctx.generic && ctx.pos == 0 && !ctx.numbering {
            ctx.pos = around.pos;
            ctx.veto |= around.veto;
            ctx.numbering = around.numbering;
            ctx.last |= around.last;
            ctx.bare = around.bare;
        }
        // a key that says whose name it is (`realName`) needs no other
        if !ctx.person && !ctx.thing && (ctx.bare || !ctx.names(Kind::Name)) {
            ctx.person = around.person;
            ctx.thing = around.thing;
        }
        let text = crate::call::text::lossless(key);
        let field = match style {
            Style::Json if place::simple(&text) => format!("{above}.{text}"),
            Style::Json => format!("{above}[{}]", place::quote(&text)),
            Style::Colon => format!("{above}:{text}"),
            Style::Flat => above.to_string(),
        };
        let below = if style == Style::Flat {
            Style::Flat
        } else {
            Style::Json
        };
        (field.into(), ctx, below)
    }

    fn lookup(
        &mut self,
        parent: NodeId,
        key: &[u8],
        make: impl FnOnce(&Sink) -> (Arc<str>, KeyCtx, Style),
    ) -> NodeId {
        let mut h = FxHasher::default();
        h.write_u32(parent);
        h.write(key);
        let hash = h.finish();
        let first = self.index.get(&hash).copied().unwrap_or(NONE);
        let mut at = first;
        while let Some(n) = self.nodes.get(at as usize) {
            if n.parent == parent && n.key.is(key) {
                break;
            }
            at = n.chain;
        }
        if let Some(n) = self.nodes.get_mut(at as usize) {
            if n.epoch == self.epoch {
                return at;
            }
            // first use in this body: counts against the bound just as a new one
            if self.touched < limits::FIELDS_PER_BODY {
                self.touched += 1;
                n.epoch = self.epoch;
                return at;
            }
        }
        if self.touched >= limits::FIELDS_PER_BODY {
            // Too many keys: this one stands as `*` beside the last ones. One more level can still be made, no endless chain.
            if parent == NONE || key == b"*" || self.touched > limits::FIELDS_PER_BODY + 1000 {
                return if parent == NONE {
                    self.force(parent, key, hash, first, make)
                } else {
                    parent
                };
            }
            self.touched += 1;
            let star = self.find(parent, b"*");
            if let Some(id) = star {
                if let Some(n) = self.nodes.get_mut(id as usize) {
                    n.epoch = self.epoch;
                }
                return id;
            }
            let made = self.make(parent, b"*", b"*");
            let mut h = FxHasher::default();
            h.write_u32(parent);
            h.write(b"*");
            let hash = h.finish();
            let first = self.index.get(&hash).copied().unwrap_or(NONE);
            return self.force(parent, b"*", hash, first, |_| made);
        }
        self.touched += 1;
        self.force(parent, key, hash, first, make)
    }

    fn find(&self, parent: NodeId, key: &[u8]) -> Option<NodeId> {
        let mut h = FxHasher::default();
        h.write_u32(parent);
        h.write(key);
        let mut at = self.index.get(&h.finish()).copied()?;
        while let Some(n) = self.nodes.get(at as usize) {
            if n.parent == parent && n.key.is(key) {
                return Some(at);
            }
            at = n.chain;
        }
        None
    }

    fn force(
        &mut self,
        parent: NodeId,
        key: &[u8],
        hash: u64,
        chain: NodeId,
        make: impl FnOnce(&Sink) -> (Arc<str>, KeyCtx, Style),
    ) -> NodeId {
        let (field, ctx, style) = make(self);
        let id = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let digits = key.iter().filter(|b| b.is_ascii_digit()).count();
        self.nodes.push(Node {
            field,
            ctx,
            style,
            idlike: digits >= 2 && digits * 3 >= key.len() || digits > 0 && digits == key.len(),
            parent,
            key: Key::new(key),
            guess: NONE,
            chain,
            elem: NONE,
            epoch: self.epoch,
            miss_epoch: 0,
            misses: Vec::new(),
        });
        self.index.insert(hash, id);
        id
    }

    /// Enters a container. `record`: it is one subject's (an element of an array, a row, the whole).
    pub fn push(&mut self, node: NodeId, array: bool, record: bool) {
        let at = self.frames.len();
        let owner = match self.frames.last() {
            Some(f) if !record => f.owner,
            _ => at,
        };
        self.frames.push(Frame {
            node,
            array,
            row: false,
            idx: NONE,
            column: None,
            last: NONE,
            owner,
            record: 0,
            record_idx: NONE,
            start: self.out.findings.len(),
            sib: 0,
            weak: false,
        });
    }

    /// Leaves the innermost container.
    pub fn pop(&mut self) {
        let Some(f) = self.frames.pop() else {
            return;
        };
        let here = self.frames.len();
        if f.owner != here {
            // part of a larger record: that one judges
            if let Some(above) = self.frames.last_mut() {
                above.sib |= f.sib;
                above.weak |= f.weak;
            }
            return;
        }
        if f.weak && f.sib != 0 {
            for found in self.out.findings.iter_mut().skip(f.start) {
                if found.class == Kind::Name as u8 && !found.masked && found.record == f.record {
                    found.conf = match found.conf {
                        66 => 92,
                        72 => 92,
                        40 => 78,
                        14 => 60,
                        12 => 35,
                        45 => 75,
                        86 => 93,
                        same => same,
                    };
                }
            }
        }
    }

    /// Record number of what stands in the innermost container; numbers are given when a record has its first candidate.
    fn record(&mut self) -> u32 {
        let Some(owner) = self.frames.last().map(|f| f.owner) else {
            return 0;
        };
        let next = self.out.records + 1;
        let Some(f) = self.frames.get_mut(owner) else {
            return 0;
        };
        // Elements of an outermost array are each a record; an array further in that owns one is a row of a table.
        if f.record == 0 || f.array && owner == 0 && f.record_idx != f.idx {
            f.record = next;
            f.record_idx = f.idx;
            self.out.records = next;
        }
        f.record
    }

    /// Notes refusals of a field.
    pub fn miss(&mut self, node: NodeId, mut classes: u64) {
        classes &= self.judge.rules.enabled;
        let epoch = self.epoch;
        let Some(n) = self.nodes.get_mut(node as usize) else {
            return;
        };
        // A place that several names share is no column: what a name numbers says nothing of the values under the others.
        if n.style == Style::Flat && n.ctx.numbering {
            return;
        }
        if n.style == Style::Flat && n.ctx.thing {
            classes &= !Kind::Name.bit();
        }
        if n.miss_epoch != epoch {
            n.miss_epoch = epoch;
            n.misses.clear();
            self.missed.push(node);
        }
        while classes != 0 {
            let class = u8::try_from(classes.trailing_zeros()).unwrap_or(0);
            classes &= classes - 1;
            match n.misses.iter_mut().find(|(c, _)| *c == class) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => n.misses.push((class, 1)),
            }
        }
    }

    /// Takes a hit.
    pub fn found(&mut self, node: NodeId, hit: Hit, slot: Slot) {
        let shared = |n: &Node| n.style == Style::Flat && n.ctx != KeyCtx::default();
        if hit.conf < UNLIKELY && self.node(node).is_some_and(shared) {
            return;
        }
        if self.out.findings.len() >= limits::FINDINGS_PER_BODY {
            self.out.dropped += 1;
            return;
        }
        let slot = match self.whole {
            None => slot,
            Some(around) => Slot {
                form: slot.form.steps().fold(around.form, Form::then),
                ..around
            },
        };
        let record = if hit.class == crate::detect::DIGEST {
            0
        } else {
            self.record()
        };
        let indices = || {
            self.frames.iter().flat_map(|f| {
                let element = (f.array && !f.row && f.idx != NONE).then_some(f.idx);
                element.into_iter().chain(f.column)
            })
        };
        let index: Indices = indices().collect();
        let form = match (hit.last, hit.masked) {
            (true, _) => slot.form.then(Step::Last4),
            (_, true) => slot.form.then(Step::Mask),
            _ => slot.form,
        };
        if let Some(f) = self.frames.last_mut() {
            if hit.class == Kind::Name as u8 {
                f.weak = true;
            } else if hit.conf >= 50 && PERSONAL & (1u64 << (hit.class & 63)) != 0 {
                f.sib |= 1 << (hit.class & 63);
            }
        }
        let Some(field) = self.nodes.get(node as usize).map(|n| n.field.clone()) else {
            return;
        };
        self.out.findings.push(RawFinding {
            class: hit.class,
            form,
            masked: hit.masked,
            conf: hit.conf,
            field,
            index,
            offset: self.base + slot.off,
            len: slot.len,
            record,
            print: hit.print,
        });
    }

    /// The findings from number `first` on, and the place of the scanned piece in the whole.
    pub fn since(&mut self, first: usize) -> (&mut [RawFinding], u64) {
        let list = self.out.findings.get_mut(first..).unwrap_or_default();
        (list, self.base)
    }

    /// Number of findings so far.
    pub fn count(&self) -> usize {
        self.out.findings.len()
    }
}

/// Classes beside which a bare `name` is a person's.
const PERSONAL: u64 = 1 << Kind::CnId as u8
    | 1 << Kind::Card as u8
    | 1 << Kind::Passport as u8
    | 1 << Kind::Ssn as u8
    | 1 << Kind::Mobile as u8
    | 1 << Kind::Email as u8
    | 1 << Kind::Birth as u8;
