//! JSON bodies, one document or many, and JSON inside values. In: text. Out: values with their paths in the sink.
//! Bounds: [`crate::limits::NEST_DEPTH`] levels are told apart; deeper ones count to the last of them.

use super::field;
use super::sink::{NodeId, Sink, Slot, Style};
use super::text;
use crate::body::json::{self, Visit, chars};
use crate::body::sniff;
use crate::detect::form::Step;
use crate::limits;
use std::sync::Arc;

struct Walk<'a> {
    sink: &'a mut Sink,
    /// Frames below are not this document's.
    bottom: usize,
    root: NodeId,
    /// Node of the value that the last key announced.
    cur: NodeId,
    /// Levels beyond the bound.
    over: usize,
    /// Around the whole document.
    slot: Option<Slot>,
    /// The document is an escaped string that stands in the content: where its places are there.
    map: Vec<(usize, usize)>,
    buf: Vec<u8>,
    /// The whole text, for the names of columns that stand elsewhere in it; whether they were looked for, and what they are.
    text: &'a [u8],
    headings: Option<Arc<Vec<Vec<u8>>>>,
    /// Arrays of arrays that the walk is in.
    tables: Vec<Table>,
}

/// An array whose elements are arrays: rows of a table.
struct Table {
    /// Its frame.
    frame: usize,
    names: Arc<Vec<Vec<u8>>>,
    /// Nodes of the columns.
    cells: Vec<NodeId>,
    /// The first row, while it may be one of headings.
    first: Option<Vec<Vec<u8>>>,
}

/// Columns told apart in a row: what a table has, not a matrix.
const COLUMNS: usize = 256;

/// Place of a value: its own, or that of the document around it.
fn place(around: Option<Slot>, map: &[(usize, usize)], at: usize, len: usize) -> Slot {
    match around {
        None => Slot::plain(at, len),
        Some(slot) if map.is_empty() => slot,
        Some(slot) => {
            let from = json::raw_place(map, at);
            let to = json::raw_place(map, at + len);
            Slot {
                off: slot.off + from as u64,
                len: u32::try_from(to.saturating_sub(from)).unwrap_or(u32::MAX),
                ..slot
            }
        }
    }
}

impl Walk<'_> {
    /// Node of the value that is due now.
    #[inline]
    fn due(&mut self) -> NodeId {
        if self.over > 0 {
            return self.cur;
        }
        let at = self.sink.frames.len();
        if at == self.bottom {
            return self.root;
        }
        match self.sink.frames.last_mut() {
            Some(f) if f.array => {
                f.idx = f.idx.wrapping_add(1);
                let (array, at) = (f.node, f.idx as usize);
                match f.row && at < COLUMNS {
                    true => self.cell(array, at),
                    false => self.sink.elem(array),
                }
            }
            _ => self.cur,
        }
    }

    /// Node of a column of the innermost table.
    fn cell(&mut self, row: NodeId, at: usize) -> NodeId {
        let Some(table) = self.tables.last_mut() else {
            return self.sink.elem(row);
        };
        if let Some(id) = table.cells.get(at) {
            return *id;
        }
        let name = table.names.get(at).map_or(&[][..], |n| n);
        let id = self.sink.cell(row, at, name);
        if at == table.cells.len() {
            table.cells.push(id);
        }
        id
    }

    /// Enters a row of the table whose frame is the innermost; tells whether its columns have names.
    fn row(&mut self) -> bool {
        let frame = self.sink.frames.len() - 1;
        if self.tables.last().is_none_or(|t| t.frame != frame) {
            let text = self.text;
            let names = self
                .headings
                .get_or_insert_with(|| Arc::new(headings(text)))
                .clone();
            self.tables.push(Table {
                frame,
                first: names.is_empty().then(Vec::new),
                cells: Vec::new(),
                names,
            });
        }
        self.tables.last().is_some_and(|t| !t.names.is_empty())
    }

    /// A text of a row, or something else (`None`): a first row of words alone names the columns.
    #[inline]
    fn heading(&mut self, text: Option<&[u8]>) {
        if self.tables.is_empty() {
            return;
        }
        let frame = self.sink.frames.len();
        if let Some(table) = self.tables.last_mut()
            && table.frame + 2 == frame
            && let Some(first) = &mut table.first
        {
            match text {
                Some(t) if first.len() < COLUMNS && t.len() <= 64 => first.push(t.to_vec()),
                _ => table.first = None,
            }
        }
    }

    /// Leaves a frame that was a row, or a table.
    fn leave(&mut self, frame: usize) {
        while self.tables.last().is_some_and(|t| t.frame >= frame) {
            self.tables.pop();
        }
        if let Some(table) = self.tables.last_mut()
            && table.frame + 1 == frame
            && let Some(first) = table.first.take()
            && first.len() > 1
            && super::rows::words(first.iter().map(|c| &**c))
        {
            table.names = Arc::new(first);
            table.cells.clear();
        }
    }
}

/// Names of columns that a document tells beside its rows: `"columns":["name","phone"]`, `"fields":[{"name":"phone"}]`.
fn headings(text: &[u8]) -> Vec<Vec<u8>> {
    const KEYS: [&str; 10] = [
        "\"columns\"",
        "\"fields\"",
        "\"headers\"",
        "\"header\"",
        "\"cols\"",
        "\"columnNames\"",
        "\"fieldNames\"",
        "\"heads\"",
        "\"titles\"",
        "\"schema\"",
    ];
    for key in KEYS {
        for at in memchr::memmem::find_iter(text, key).take(4) {
            let from = at + key.len();
            let rest = text.get(from..).unwrap_or_default();
            let blank = |v: &[u8]| v.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let colon = blank(rest);
            if rest.get(colon) != Some(&b':') {
                continue;
            }
            let open = colon + 1 + blank(rest.get(colon + 1..).unwrap_or_default());
            if rest.get(open) != Some(&b'[') {
                continue;
            }
            let mut names = Names::default();
            // a list of columns is short
            let most = text.len().min(from + open + (64 << 10));
            json::walk(text.get(..most).unwrap_or(text), from + open, &mut names);
            if names.list.len() > 1 {
                return names.list;
            }
        }
    }
    Vec::new()
}

/// Texts of an array, or what names each object of it.
#[derive(Default)]
struct Names {
    list: Vec<Vec<u8>>,
    depth: usize,
    /// Objects begun, and whether the key before says a name.
    objects: usize,
    named: bool,
}

impl Visit for Names {
    fn open(&mut self, array: bool) {
        self.depth += 1;
        self.objects += usize::from(!array && self.depth == 2);
        self.named = false;
    }
    fn close(&mut self) {
        self.depth -= 1;
    }
    fn key(&mut self, raw: &[u8]) {
        const SAYS: [&[u8]; 9] = [
            b"name",
            b"field",
            b"key",
            b"title",
            b"label",
            b"prop",
            b"dataIndex",
            b"column",
            b"columnName",
        ];
        self.named = self.depth == 2 && SAYS.contains(&raw);
    }
    fn string(&mut self, raw: &[u8], _: usize, _: u16) {
        let due = match self.depth {
            1 => true,
            2 => self.named && self.list.len() < self.objects,
            _ => false,
        };
        if due && self.list.len() < COLUMNS {
            let mut name = Vec::new();
            json::unescape(raw, &mut name);
            self.list.push(name);
        }
        self.named = false;
    }
    fn number(&mut self, _: &[u8], _: usize) {}
    fn word(&mut self, _: &[u8], _: usize) {}
}

impl Visit for Walk<'_> {
    fn open(&mut self, array: bool) {
        self.heading(None);
        // A row that holds more than values is none of a table: its places are indices. A document inside a text of a row is a value.
        if self.sink.frames.len() > self.bottom
            && let Some(f) = self.sink.frames.last_mut()
            && self.over == 0
        {
            f.row = false;
        }
        let parent_array = self.sink.frames.last().is_some_and(|f| f.array);
        let inner = self.sink.frames.len() > self.bottom || self.bottom > 0 && parent_array;
        let node = self.due();
        if self.over > 0 || self.sink.frames.len() >= limits::NEST_DEPTH {
            self.over += 1;
            self.cur = node;
            return;
        }
        let idlike = self.sink.node(node).is_some_and(|n| n.idlike);
        let outermost = self.sink.frames.is_empty();
        let row = array && parent_array && inner;
        let titled = row && self.row();
        let record = outermost || titled || !array && (parent_array || idlike);
        self.sink.push(node, array, record);
        if row && let Some(f) = self.sink.frames.last_mut() {
            f.row = true;
        }
    }
    fn close(&mut self) {
        if self.over > 0 {
            self.over -= 1;
        } else if self.sink.frames.len() > self.bottom {
            self.leave(self.sink.frames.len() - 1);
            self.sink.pop();
        }
    }
    #[inline]
    fn key(&mut self, raw: &[u8]) {
        if let Some(frame) = self.sink.frames.len().checked_sub(1) {
            self.cur = self.sink.next_child(frame, raw);
        }
    }
    #[inline]
    fn string(&mut self, raw: &[u8], at: usize, bits: u16) {
        let node = self.due();
        self.heading(Some(raw));
        if bits & chars::BACKSLASH != 0 {
            let mut buf = std::mem::take(&mut self.buf);
            let unicode = json::unescape(raw, &mut buf);
            let mut slot = place(self.slot, &self.map, at, raw.len());
            slot.direct = false;
            if unicode {
                slot.form = slot.form.then(Step::Unicode);
            }
            // A document inside is found again by its places in the raw string.
            if self.slot.is_none() && matches!(buf.trim_ascii_start().first(), Some(b'{' | b'[')) {
                self.sink.places = json::places(raw);
            }
            let bits = chars::all(&buf);
            field::value(self.sink, node, &buf, bits, slot);
            self.sink.places.clear();
            self.buf = buf;
        } else {
            let slot = place(self.slot, &self.map, at, raw.len());
            field::value(self.sink, node, raw, bits, slot);
        }
    }
    #[inline]
    fn number(&mut self, raw: &[u8], at: usize) {
        let node = self.due();
        self.heading(None);
        // Small numbers are nothing, except where a key asks for them.
        if raw.len() < 8
            && self
                .sink
                .node(node)
                .is_none_or(|n| n.ctx.pos == 0 && !n.ctx.last)
        {
            return;
        }
        let slot = place(self.slot, &self.map, at, raw.len());
        field::value(self.sink, node, raw, chars::all(raw), slot);
    }
    #[inline]
    fn word(&mut self, _: &[u8], _: usize) {
        if let Some(f) = self
            .sink
            .frames
            .last_mut()
            .filter(|f| f.array && self.over == 0)
        {
            f.idx = f.idx.wrapping_add(1);
        }
    }
}

fn run(
    sink: &mut Sink,
    root: NodeId,
    content: &[u8],
    start: usize,
    slot: Option<Slot>,
) -> (usize, bool) {
    let mut map = std::mem::take(&mut sink.places);
    if slot.is_none_or(|s| s.depth != 1 || s.form.steps().last() != Some(Step::Json)) {
        map.clear();
    }
    with(sink, root, content, start, slot, map)
}

fn with(
    sink: &mut Sink,
    root: NodeId,
    content: &[u8],
    start: usize,
    slot: Option<Slot>,
    map: Vec<(usize, usize)>,
) -> (usize, bool) {
    let bottom = sink.frames.len();
    let mut walk = Walk {
        sink,
        bottom,
        root,
        cur: root,
        over: 0,
        slot,
        map,
        buf: Vec::new(),
        // of a line among many only the line itself counts, and it has no room for headings
        text: if bottom == 0 || slot.is_some() {
            content
        } else {
            b""
        },
        headings: None,
        tables: Vec::new(),
    };
    json::walk(content, start, &mut walk)
}

/// A JSON body. What follows a fault is read as text; further documents behind the first are read like lines of NDJSON.
pub(crate) fn body(sink: &mut Sink, content: &[u8]) {
    let root = sink.root("$", Style::Json);
    let lead = content.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3);
    let skip = content.get(lead..).map_or(0, |c| {
        let text = c.trim_ascii_start();
        sniff::jsonp(text)
            .or_else(|| sniff::inside_message(text))
            .map_or(0, |n| n + c.len() - text.len())
    });
    let (end, ok) = run(sink, root, content, lead + skip, None);
    let rest = content.get(end..).unwrap_or(b"");
    let tail = rest.trim_ascii_start();
    if tail.len() < 4 {
        return;
    }
    let at = content.len() - tail.len();
    if ok && matches!(tail.first(), Some(b'{' | b'[')) {
        lines(sink, content, at, 1);
    } else {
        text::body(sink, content, end);
    }
}

/// NDJSON from `start` on; the first document has number `first`.
pub(crate) fn lines(sink: &mut Sink, content: &[u8], start: usize, first: u32) {
    let root = sink.root("$", Style::Json);
    sink.push(root, true, true);
    if let Some(f) = sink.frames.last_mut() {
        f.idx = first.wrapping_sub(1);
    }
    let elem = sink.elem(root);
    let mut i = start;
    while i < content.len() {
        let rest = content.get(i..).unwrap_or(b"");
        i += rest.iter().take_while(|b| **b <= b' ').count();
        if i >= content.len() {
            break;
        }
        if let Some(f) = sink.frames.last_mut() {
            f.idx = f.idx.wrapping_add(1);
        }
        let (end, ok) = run(sink, elem, content, i, None);
        if ok && end > i {
            i = end;
            continue;
        }
        // The rest of a broken line as text, then on with the next line.
        let rest = content.get(end..).unwrap_or(b"");
        let n = memchr::memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
        text::lines(sink, content, end, end + n);
        i = (end + n).max(i + 1);
    }
    sink.pop();
}

/// JSON inside a value: its paths go on from the field's.
pub(crate) fn nested(sink: &mut Sink, node: NodeId, text: &[u8], slot: Slot) {
    if sink.frames.len() >= limits::NEST_DEPTH {
        return;
    }
    run(sink, node, text, 0, Some(slot));
}

/// A document that is a field of something larger; offsets begin at the document.
pub(crate) fn at(sink: &mut Sink, node: NodeId, content: &[u8]) {
    let (end, ok) = run(sink, node, content, 0, None);
    if !ok {
        text::body(sink, content, end);
    }
}

/// A document whose lines stand apart in the content: `places` says where each begins in the document and in the content. What
/// follows a fault is read as text, line by line.
pub(crate) fn mapped(sink: &mut Sink, node: NodeId, document: &[u8], places: Vec<(usize, usize)>) {
    let around = Slot::plain(0, document.len());
    let (end, ok) = with(sink, node, document, 0, Some(around), places.clone());
    if ok {
        return;
    }
    for (i, (from, at)) in places.iter().enumerate() {
        let to = places
            .get(i + 1)
            .map_or(document.len(), |(next, _)| next - 1);
        let start = (*from).max(end);
        let Some(line) = document.get(start..to).filter(|l| l.len() >= 5) else {
            continue;
        };
        text::scan(
            sink,
            node,
            line,
            Slot::plain(at + (start - from), line.len()),
        );
    }
}
