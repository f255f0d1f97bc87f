//! JSON bodies, one document or many, and JSON inside values. In: text. Out: values with their paths in the sink.
//! Bounds: [`crate::limits::NEST_DEPTH`] levels are told apart; deeper ones count to the last of them.

use super::sink::{NodeId, Sink, Slot, Style};
use super::table::{COLUMNS, First, Names, Table, of_lines, told};
use super::{field, text};
use crate::body::json::{self, Visit, chars};
use crate::body::sniff;
use crate::detect::form::{Form, Step};
use crate::limits;

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
    content: &'a [u8],
    /// The text that names of columns are looked for in.
    text: &'a [u8],
    /// Names of columns that stand elsewhere in it, once they were looked for.
    headings: Option<Names>,
    /// Names of columns where the document is a line and a row.
    line: Names,
    /// Arrays of arrays that the walk is in.
    tables: Vec<Table>,
}

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
                    false => {
                        f.column = f.row.then_some(f.idx);
                        self.sink.elem(array)
                    }
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
        let name = table.names.get(at).map_or(&[][..], |n| n);
        self.sink.at_column((!name.is_empty()).then_some(at));
        if let Some(id) = table.cells.get(at) {
            return *id;
        }
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
            // lines are rows of the table around this document
            let around = frame < self.bottom;
            let names = match around {
                true => self.line.clone(),
                false => self.headings.get_or_insert_with(|| told(text)).clone(),
            };
            self.tables.push(Table {
                frame,
                first: (names.is_empty() && !around).then(First::default),
                cells: Vec::new(),
                names,
            });
        }
        self.tables.last().is_some_and(|t| !t.names.is_empty())
    }

    /// A text of a row with its place, or something else (`None`): a first row of words alone may name the columns.
    #[inline]
    fn heading(&mut self, text: Option<(&[u8], usize)>) {
        if self.tables.is_empty() {
            return;
        }
        let frame = self.sink.frames.len();
        if let Some(table) = self.tables.last_mut()
            && table.frame + 2 == frame
            && let Some(first) = &mut table.first
        {
            let names = text.is_some_and(|(t, at)| first.add(t, at));
            if !names {
                table.first = None;
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
            && let Some(names) = first.names(&self.sink.judge.rules, self.content)
        {
            table.names = names;
            table.cells.clear();
        }
    }
}

impl Visit for Walk<'_> {
    fn open(&mut self, array: bool) {
        self.heading(None);
        // A row that holds more than values is none of a table: its places are indices. A document inside a text of a row is a value.
        if self.sink.frames.len() > self.bottom
            && let Some(f) = self.sink.frames.last_mut()
            && self.over == 0
        {
            (f.row, f.column) = (false, None);
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
        self.heading(Some((raw, at)));
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
            if self.slot.is_none() && self.sink.places.is_empty() && self.sink.whole.is_none() {
                // Parts of a text are told by their places in it, and led back to those in the raw string.
                let first = self.sink.count();
                let text = Slot {
                    len: u32::try_from(buf.len()).unwrap_or(u32::MAX),
                    direct: true,
                    ..slot
                };
                field::value(self.sink, node, &buf, bits, text);
                if self.sink.count() > first {
                    lead_back(self.sink, first, slot, buf.len(), raw);
                }
            } else {
                field::value(self.sink, node, &buf, bits, slot);
            }
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

/// Leads places in an unescaped string of `len` bytes back to its raw one at `slot`, of the findings from number `first` on.
fn lead_back(sink: &mut Sink, first: usize, slot: Slot, len: usize, raw: &[u8]) {
    let places = crate::body::json::places(raw);
    let (findings, base) = sink.since(first);
    let start = base + slot.off;
    for f in findings {
        let (Some(from), Ok(size)) = (f.offset.checked_sub(start), usize::try_from(f.len)) else {
            continue;
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let whole = from == 0 && size == len;
        let (at, to) = match whole {
            true => (0, raw.len()),
            false => (
                crate::body::json::raw_place(&places, from),
                crate::body::json::raw_place(&places, from.saturating_add(size)),
            ),
        };
        let part = raw.get(at..to).unwrap_or_default();
        let escaped = part.contains(&b'\\') && !whole;
        f.offset = start + at as u64;
        f.len = u32::try_from(part.len()).unwrap_or(u32::MAX);
        if escaped
            && !f
                .form
                .steps()
                .any(|s| matches!(s, Step::Unicode | Step::Json))
        {
            f.form = f
                .form
                .steps()
                .fold(Form::PLAIN.then(Step::Json), Form::then);
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
    walk(sink, root, content, start, slot, map, Names::default())
}

fn walk(
    sink: &mut Sink,
    root: NodeId,
    content: &[u8],
    start: usize,
    slot: Option<Slot>,
    map: Vec<(usize, usize)>,
    line: Names,
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
        content,
        headings: None,
        line,
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
        walk_lines(sink, content, at, 1, lead + skip);
    } else {
        text::body(sink, content, end);
    }
}

/// NDJSON from `start` on; the first document has number `first`.
pub(crate) fn lines(sink: &mut Sink, content: &[u8], start: usize, first: u32) {
    walk_lines(sink, content, start, first, start);
}

/// As [`lines`]; `head` is where the first document begins, which may name the columns of the others.
fn walk_lines(sink: &mut Sink, content: &[u8], start: usize, first: u32, head: usize) {
    let root = sink.root("$", Style::Json);
    sink.push(root, true, true);
    if let Some(f) = sink.frames.last_mut() {
        f.idx = first.wrapping_sub(1);
    }
    let elem = sink.elem(root);
    let names = of_lines(&sink.judge.rules, content, head);
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
        let (end, ok) = walk(sink, elem, content, i, None, Vec::new(), names.clone());
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
    let (end, ok) = walk(
        sink,
        node,
        document,
        0,
        Some(around),
        places.clone(),
        Names::default(),
    );
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
