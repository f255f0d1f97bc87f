//! XML-RPC. In: a request. Out: its `methodName`. Bounds: the first [`HEAD`] bytes.

use super::soap::local;
use super::{Operation, Request};
use crate::body::xml::{self, Visit};

const HEAD: usize = 4096;

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    if r.body_kind != "xml" {
        return None;
    }
    let lead = r.body.get(..HEAD).unwrap_or(r.body);
    memchr::memmem::find(lead, b"methodCall")?;
    let mut c = Call::default();
    xml::walk(lead, false, &mut c);
    c.is.then(|| Operation {
        kind: "xml-rpc",
        name: c.name,
        note: "XML-RPC".into(),
    })
}

#[derive(Default)]
struct Call {
    depth: usize,
    is: bool,
    naming: bool,
    name: Option<String>,
}

impl Visit for Call {
    fn open(&mut self, name: &[u8]) {
        match self.depth {
            0 => self.is = local(name) == b"methodCall",
            1 => self.naming = self.is && local(name) == b"methodName",
            _ => {}
        }
        self.depth += 1;
    }
    fn attribute(&mut self, _: &[u8], _: &[u8], _: usize) {}
    fn close(&mut self, _: &[u8]) {
        self.depth = self.depth.saturating_sub(1);
        self.naming = false;
    }
    fn text(&mut self, text: &[u8], _: usize, _: bool) {
        if self.naming && self.name.is_none() {
            let t = String::from_utf8_lossy(text).trim().to_owned();
            self.name = (!t.is_empty()).then_some(t);
        }
    }
}
