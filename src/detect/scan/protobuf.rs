//! gRPC bodies and plain Protocol Buffers. In: content, messages framed or one alone. Out: values in the sink: `$[MESSAGE].3.1`, the
//! message's place in its direction and field numbers, names where a schema knows them, an index behind a field that is repeated.
//! Bounds: linear; those of [`walk`]. Bytes that are no text are looked through for text up to [`LOOSE`].

use super::field;
use super::sink::{NodeId, Sink, Slot, Style};
use crate::body::json::chars;
use crate::body::protobuf::frames::{self, frames};
use crate::body::protobuf::schema::Schema;
use crate::body::protobuf::walk::{Key, Leaf, Visit, walk};
use crate::detect::form::Step;
use std::ops::Range;

/// Bytes of one value without structure that are looked through: a key, a ticket; an image is not.
const LOOSE: usize = 64 << 10;
/// Shortest run of text in such a value.
const RUN: usize = 8;

/// Messages of one direction.
pub(crate) fn framed(s: &mut Sink, content: &[u8], schema: Option<(&Schema, usize)>) {
    let root = s.root("$", Style::Json);
    s.push(root, true, true);
    let elem = s.elem(root);
    let mut all = frames(content);
    for (f, n) in all.numbered() {
        if let Some(frame) = s.frames.last_mut() {
            frame.idx = n;
        }
        let body = content.get(f.body.clone()).unwrap_or_default();
        if f.flags & frames::TRAILERS != 0 {
            let mut at = f.body.start;
            for line in body.split(|b| *b == b'\n') {
                super::text::scan(s, elem, line, Slot::plain(at, line.len()));
                at += line.len() + 1;
            }
        } else if f.flags & frames::REST != 0 {
            loose(s, elem, content, f.body, None);
        } else if f.flags & frames::COMPRESSED != 0 {
            // under a coding that is not known
        } else if matches!(body.first(), Some(b'{' | b'[')) && std::str::from_utf8(body).is_ok() {
            // gRPC and Connect carry JSON as well
            let base = s.base;
            s.base += f.body.start as u64;
            super::json::at(s, elem, body);
            s.base = base;
        } else {
            message(s, elem, content, f.body, schema);
        }
    }
    let rest = all.rest();
    loose(s, elem, content, rest..content.len(), None);
    s.pop();
}

/// One message without framing.
pub(crate) fn single(s: &mut Sink, content: &[u8], schema: Option<(&Schema, usize)>) {
    let root = s.root("$", Style::Json);
    message(s, root, content, 0..content.len(), schema);
}

/// A message inside a coding: all that is in it stands at `slot`.
pub(crate) fn coded(s: &mut Sink, node: NodeId, content: &[u8], slot: Slot) {
    s.push(node, false, false);
    let mut v = Walk {
        s,
        content,
        open: vec![(node, 1)],
        coded: Some(slot),
    };
    walk(content, 0..content.len(), None, &mut v);
    s.pop();
}

fn message(
    s: &mut Sink,
    node: NodeId,
    content: &[u8],
    range: Range<usize>,
    schema: Option<(&Schema, usize)>,
) {
    s.push(node, false, true);
    let mut v = Walk {
        s,
        content,
        open: vec![(node, 1)],
        coded: None,
    };
    walk(content, range, schema, &mut v);
    s.pop();
}

struct Walk<'a> {
    s: &'a mut Sink,
    content: &'a [u8],
    /// Nodes of the messages around, and the frames entered for each.
    open: Vec<(NodeId, usize)>,
    /// Where all values stand, in a message inside a coding.
    coded: Option<Slot>,
}

impl Walk<'_> {
    /// Enters a field; gives its node and how many frames were entered.
    fn enter(&mut self, key: &Key<'_>) -> (NodeId, usize) {
        let parent = self.open.last().map_or(0, |o| o.0);
        let node = match key.name {
            Some(n) => self.s.child(parent, n.as_bytes()),
            None => self.s.child(parent, key.number.to_string().as_bytes()),
        };
        let Some(i) = key.index else {
            return (node, 0);
        };
        self.s.push(node, true, false);
        if let Some(f) = self.s.frames.last_mut() {
            f.idx = i;
        }
        (self.s.elem(node), 1)
    }
}

impl Visit for Walk<'_> {
    fn open(&mut self, key: Key<'_>) {
        let (node, entered) = self.enter(&key);
        self.s.push(node, false, key.index.is_some());
        self.open.push((node, entered + 1));
    }
    fn close(&mut self) {
        let frames = self.open.pop().map_or(0, |o| o.1);
        for _ in 0..frames {
            self.s.pop();
        }
    }
    fn leaf(&mut self, key: Key<'_>, value: Leaf<'_>, at: Range<usize>) {
        let coded = self.coded;
        // inside a coding a number is found again by looking through what is inside
        let number = |step: Step| coded.unwrap_or(Slot::plain(at.start, at.len()).inside(step));
        let (text, slot) = match value {
            Leaf::Text("") | Leaf::Bool(_) | Leaf::Name(_) | Leaf::Int(_) => return,
            Leaf::Text(t) => (
                t.as_bytes().to_vec(),
                coded.unwrap_or(Slot::plain(at.start, at.len())),
            ),
            Leaf::Bytes(b) => {
                if !b.is_empty() {
                    let (node, entered) = self.enter(&key);
                    loose(self.s, node, self.content, at, coded);
                    for _ in 0..entered {
                        self.s.pop();
                    }
                }
                return;
            }
            // small numbers are nothing, as in JSON, unless a name says what they are
            Leaf::Uint(n) if n < 10_000_000 && key.name.is_none() => return,
            Leaf::Uint(n) => (n.to_string().into_bytes(), number(Step::Varint)),
            Leaf::Float(_) if at.len() != 8 => return,
            Leaf::Float(x) => (x.to_string().into_bytes(), number(Step::Double)),
        };
        let (node, entered) = self.enter(&key);
        let slot = Slot { depth: 0, ..slot };
        field::value(self.s, node, &text, chars::all(&text), slot);
        for _ in 0..entered {
            self.s.pop();
        }
    }
    fn broken(&mut self, at: Range<usize>) {
        let node = self.open.last().map_or(0, |o| o.0);
        loose(self.s, node, self.content, at, self.coded);
    }
}

/// Text inside bytes that have no structure.
fn loose(s: &mut Sink, node: NodeId, content: &[u8], range: Range<usize>, coded: Option<Slot>) {
    let range = range.start..range.end.min(range.start.saturating_add(LOOSE));
    let Some(bytes) = content.get(range.clone()) else {
        return;
    };
    let mut at = range.start;
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid().as_bytes();
        let mut from = 0;
        for run in text.split(|b| *b < b' ' || *b == 0x7f) {
            if run.len() >= RUN {
                let slot = coded.unwrap_or(Slot::plain(at + from, run.len()));
                field::value(s, node, run, chars::all(run), slot);
            }
            from += run.len() + 1;
        }
        at += text.len() + chunk.invalid().len();
    }
}
