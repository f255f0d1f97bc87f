//! XML and HTML bodies. In: content. Out: values in the sink: XML as paths like JSON's (`$.users.user[3].phone`, attributes as `@id`, an index
//! where an element has brothers of its name), HTML as text under the label before it (`text:LABEL:LINE`).
//! Bounds: [`crate::limits::NEST_DEPTH`] levels; linear.

use super::field;
use super::sink::{NodeId, Sink, Slot, Style};
use super::text;
use crate::body::json::chars;
use crate::body::xml::{self, Visit};
use crate::detect::form::Step;
use crate::limits;
use rustc_hash::{FxHashSet, FxHasher};
use std::hash::Hasher as _;

/// XML: a first pass finds which elements have brothers and which hold elements, a second one scans.
pub(crate) fn xml_body(s: &mut Sink, content: &[u8]) {
    let root = s.root("$", Style::Json);
    xml_at(s, root, content);
}

/// XML that is a field of something larger; offsets begin at the document.
pub(crate) fn xml_at(s: &mut Sink, root: NodeId, content: &[u8]) {
    let mut shape = Shape::default();
    xml::walk(content, false, &mut shape);
    let mut walk = Xml {
        s,
        root,
        open: Vec::new(),
        over: 0,
        shape: &shape,
    };
    xml::walk(content, false, &mut walk);
    while !walk.open.is_empty() {
        walk.leave();
    }
}

/// Paths as hashes: what repeats under one parent, and what holds elements.
#[derive(Default)]
struct Shape {
    open: Vec<(u64, FxHashSet<u64>)>,
    over: usize,
    repeated: FxHashSet<u64>,
    parents: FxHashSet<u64>,
}

fn path(above: u64, name: &[u8]) -> u64 {
    let mut h = FxHasher::default();
    h.write_u64(above);
    h.write(local(name));
    h.finish()
}

impl Visit for Shape {
    fn open(&mut self, name: &[u8]) {
        if self.open.len() >= LEVELS || self.parents.len() > limits::FIELDS_PER_BODY {
            self.over += 1;
            return;
        }
        let above = self.open.last().map_or(0, |(p, _)| *p);
        let own = path(above, name);
        if let Some((_, met)) = self.open.last_mut() {
            if !met.insert(own) {
                self.repeated.insert(own);
            }
            self.parents.insert(above);
        }
        self.open.push((own, FxHashSet::default()));
    }
    fn attribute(&mut self, _: &[u8], _: &[u8], _: usize) {
        if let Some((own, _)) = self.open.last() {
            self.parents.insert(*own);
        }
    }
    fn close(&mut self, _: &[u8]) {
        if self.over > 0 {
            self.over -= 1;
        } else {
            self.open.pop();
        }
    }
    fn text(&mut self, _: &[u8], _: usize, _: bool) {}
}

/// Levels told apart: each takes up to two frames.
const LEVELS: usize = limits::NEST_DEPTH / 2;

struct Element {
    node: NodeId,
    path: u64,
    /// Children met: path, how many.
    counts: Vec<(u64, u32)>,
    /// Frames entered for it.
    frames: usize,
}

struct Xml<'a> {
    s: &'a mut Sink,
    root: NodeId,
    open: Vec<Element>,
    over: usize,
    shape: &'a Shape,
}

impl Xml<'_> {
    fn leave(&mut self) {
        if let Some(e) = self.open.pop() {
            for _ in 0..e.frames {
                self.s.pop();
            }
        }
    }
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b':').next().unwrap_or(name)
}

impl Visit for Xml<'_> {
    fn open(&mut self, name: &[u8]) {
        if self.open.len() >= LEVELS {
            self.over += 1;
            return;
        }
        let (parent, above) = self
            .open
            .last()
            .map_or((self.root, 0), |e| (e.node, e.path));
        let own = path(above, name);
        let mut node = self.s.child(parent, local(name));
        let many = self.shape.repeated.contains(&own);
        let mut frames = 1;
        if many {
            let mut index = 0;
            if let Some(e) = self.open.last_mut() {
                match e.counts.iter().position(|(p, _)| *p == own) {
                    Some(i) => {
                        if let Some((_, n)) = e.counts.get_mut(i) {
                            *n = n.saturating_add(1);
                            index = *n;
                        }
                    }
                    None => e.counts.push((own, 0)),
                }
            }
            self.s.push(node, true, false);
            if let Some(f) = self.s.frames.last_mut() {
                f.idx = index;
            }
            node = self.s.elem(node);
            frames = 2;
        }
        // like JSON: an element of a list that holds fields is a record, one of text alone is a value of the record around it
        let record = self.open.is_empty() || many && self.shape.parents.contains(&own);
        self.s.push(node, false, record);
        self.open.push(Element {
            node,
            path: own,
            counts: Vec::new(),
            frames,
        });
    }
    fn attribute(&mut self, name: &[u8], value: &[u8], at: usize) {
        if self.over > 0 || name.starts_with(b"xmlns") {
            return;
        }
        let Some(node) = self.open.last().map(|e| e.node) else {
            return;
        };
        let key = [b"@", local(name)].concat();
        let node = self.s.child(node, &key);
        put(self.s, node, value, at, false);
    }
    fn close(&mut self, _name: &[u8]) {
        if self.over > 0 {
            self.over -= 1;
        } else {
            self.leave();
        }
    }
    fn text(&mut self, text: &[u8], at: usize, cdata: bool) {
        let node = self.open.last().map_or(self.root, |e| e.node);
        put(self.s, node, text, at, cdata);
    }
}

/// Text with its references undone.
fn put(s: &mut Sink, node: NodeId, v: &[u8], at: usize, raw: bool) {
    let lead = v.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let v = v.trim_ascii();
    if v.is_empty() {
        return;
    }
    let slot = Slot::plain(at + lead, v.len());
    if !raw && memchr::memchr(b'&', v).is_some() {
        let (text, any) = xml::unescape(v);
        if any {
            let mut slot = slot.inside(Step::Html);
            slot.depth = 0;
            field::value(s, node, &text, chars::all(&text), slot);
            return;
        }
    }
    field::value(s, node, v, chars::all(v), slot);
}

/// HTML: text under the label or column heading before it, and values of form fields under their names.
pub(crate) fn html_body(s: &mut Sink, content: &[u8]) {
    let root = s.root("text", Style::Colon);
    let mut page = Page {
        s,
        root,
        content,
        line: 1,
        counted: 0,
        label: Vec::new(),
        heads: Vec::new(),
        first: None,
        column: 0,
        cell: Cell::None,
        row: false,
        input: (Vec::new(), Vec::new(), 0),
    };
    xml::walk(content, true, &mut page);
    page.flush_input();
    if page.row {
        page.s.pop();
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Cell {
    None,
    Head,
    Data,
}

struct Page<'a> {
    s: &'a mut Sink,
    root: NodeId,
    content: &'a [u8],
    /// Line of `counted`.
    line: u32,
    counted: usize,
    /// Last short text.
    label: Vec<u8>,
    /// Headings of the table's columns.
    heads: Vec<Vec<u8>>,
    /// Texts of a table's first row.
    first: Option<Vec<Vec<u8>>>,
    column: usize,
    cell: Cell,
    /// In a row that is a record.
    row: bool,
    /// Name, value and place of a form field that is open.
    input: (Vec<u8>, Vec<u8>, usize),
}

impl Page<'_> {
    fn scan(&mut self, label: &[u8], v: &[u8], at: usize, raw: bool) {
        let between = self.content.get(self.counted..at).unwrap_or(b"");
        let lines = memchr::memchr_iter(b'\n', between).count();
        self.line = self
            .line
            .saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.counted = self.counted.max(at);
        let label = label
            .trim_ascii()
            .strip_suffix("：".as_bytes())
            .unwrap_or(label.trim_ascii());
        let label = label.strip_suffix(b":").unwrap_or(label);
        let mut node = self.root;
        if !label.is_empty() && label.len() <= 48 {
            let words = self.s.root("words", Style::Flat);
            let word = self.s.child(words, label);
            let ctx = self.s.ctx(word);
            let says = ctx.pos != 0 || ctx.numbering || ctx.coded;
            // a column of a table is a field whatever it is called
            if says || self.cell == Cell::Data && !self.heads.is_empty() {
                node = self.s.child(self.root, label);
            }
        }
        self.s.push(node, true, !self.row);
        if let Some(f) = self.s.frames.last_mut() {
            f.idx = self.line;
        }
        if node == self.root {
            let lead = v.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let v = v.trim_ascii();
            if !raw && memchr::memchr(b'&', v).is_some() {
                put(self.s, node, v, at + lead, raw);
            } else {
                text::scan(self.s, node, v, Slot::plain(at + lead, v.len()));
            }
        } else {
            put(self.s, node, v, at, raw);
        }
        self.s.pop();
    }
    fn flush_input(&mut self) {
        let (name, value, at) = std::mem::take(&mut self.input);
        if !value.is_empty() {
            self.scan(&name, &value, at, false);
        }
    }
}

impl Visit for Page<'_> {
    fn open(&mut self, name: &[u8]) {
        self.flush_input();
        match name.to_ascii_lowercase().as_slice() {
            b"table" => {
                self.heads.clear();
                self.first = Some(Vec::new());
            }
            b"tr" => {
                if self.row {
                    self.s.pop();
                }
                self.s.push(self.root, false, true);
                self.row = true;
                self.column = 0;
                self.label.clear();
            }
            b"th" => {
                self.cell = Cell::Head;
                self.column += 1;
            }
            b"td" => {
                self.cell = Cell::Data;
                self.column += 1;
            }
            // a label before a field is that field's
            b"input" => self.label.clear(),
            _ => {}
        }
    }
    fn attribute(&mut self, name: &[u8], value: &[u8], at: usize) {
        match name.to_ascii_lowercase().as_slice() {
            b"name" | b"id" if self.input.0.is_empty() => self.input.0 = value.to_vec(),
            b"value" => {
                self.input.1 = value.to_vec();
                self.input.2 = at;
            }
            b"href" | b"content" | b"title" if value.len() >= 11 => {
                self.scan(b"", value, at, false)
            }
            n if n.starts_with(b"data-") && value.len() >= 5 => {
                let label = n.get(5..).unwrap_or(b"").to_vec();
                self.scan(&label, value, at, false);
            }
            _ => {}
        }
    }
    fn close(&mut self, name: &[u8]) {
        self.flush_input();
        match name.to_ascii_lowercase().as_slice() {
            b"tr" | b"table" => {
                if self.row {
                    self.s.pop();
                    self.row = false;
                }
                // a first row of words alone is one of headings, also where it is not marked so
                let first = self
                    .first
                    .take()
                    .filter(|f| f.len() > 1 && self.heads.is_empty());
                if let Some(first) = first.filter(|f| super::heading::words(f.iter().map(|c| &**c)))
                {
                    self.heads = first;
                }
                self.label.clear();
            }
            b"td" | b"th" => self.cell = Cell::None,
            _ => {}
        }
    }
    fn text(&mut self, text: &[u8], at: usize, cdata: bool) {
        self.flush_input();
        let v = text.trim_ascii();
        if v.is_empty() {
            return;
        }
        if self.cell == Cell::Head && self.heads.len() < 200 {
            self.heads.push(v.to_vec());
        }
        let head = if self.cell == Cell::Data {
            self.heads.get(self.column.saturating_sub(1))
        } else {
            None
        };
        let label = match head {
            Some(h) => h.clone(),
            // a heading does not stand under the one before it
            None if self.cell == Cell::Head => Vec::new(),
            None => std::mem::take(&mut self.label),
        };
        if self.cell == Cell::Data
            && let Some(first) = self.first.as_mut().filter(|f| f.len() < 200)
        {
            first.push(v.to_vec());
        }
        self.scan(&label, text, at, cdata);
        if v.len() <= 48 {
            self.label = v.to_vec();
        } else {
            self.label.clear();
        }
    }
}
