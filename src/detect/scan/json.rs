//! JSON bodies, one document or many, and JSON inside values. In: text. Out: values with their paths in the sink.
//! Bounds: [`crate::limits::NEST_DEPTH`] levels are told apart; deeper ones count to the last of them.

use super::field;
use super::sink::{NodeId, Sink, Slot, Style};
use super::text;
use crate::body::json::{self, Visit, chars};
use crate::body::sniff;
use crate::detect::form::Step;
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
                let array = f.node;
                self.sink.elem(array)
            }
            _ => self.cur,
        }
    }
}

impl Visit for Walk<'_> {
    fn open(&mut self, array: bool) {
        let parent_array = self.sink.frames.last().is_some_and(|f| f.array);
        let node = self.due();
        if self.over > 0 || self.sink.frames.len() >= limits::NEST_DEPTH {
            self.over += 1;
            self.cur = node;
            return;
        }
        let idlike = self.sink.node(node).is_some_and(|n| n.idlike);
        let outermost = self.sink.frames.is_empty();
        let record = outermost || !array && (parent_array || idlike);
        self.sink.push(node, array, record);
    }
    fn close(&mut self) {
        if self.over > 0 {
            self.over -= 1;
        } else if self.sink.frames.len() > self.bottom {
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
    fn word(&mut self) {
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
