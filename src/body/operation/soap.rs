//! SOAP 1.1 and 1.2. In: a request. Out: its action (`SOAPAction`, or the `action` parameter of `application/soap+xml`), else the
//! first element of its body. Bounds: the first [`HEAD`] bytes of the envelope.

use super::{Operation, Request};
use crate::body::multipart;
use crate::body::xml::{self, Visit};

/// Security headers of an envelope may be long; the body's first element stands behind them.
const HEAD: usize = 64 << 10;
/// The envelope's tag stands in the first bytes, behind a declaration and comments at most.
const FIRST: usize = 2048;

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    let soap12 = r.media == "application/soap+xml";
    let related = r.media == "multipart/related";
    if !(related || r.body_kind == "xml") {
        return None;
    }
    let mut envelope = r.body;
    if related {
        // attachments follow the envelope (SOAP with Attachments, MTOM)
        let part = multipart::parts(r.body).next()?;
        envelope = r.body.get(part.body)?;
    }
    let lead = envelope.get(..FIRST).unwrap_or(envelope);
    memchr::memmem::find(lead, b"Envelope")?;
    let mut e = Envelope::default();
    xml::walk(envelope.get(..HEAD).unwrap_or(envelope), false, &mut e);
    if !e.is {
        // a header of this name on something else means nothing
        return None;
    }
    let action = (r.header)("soapaction").map(unquoted);
    let action = action.filter(|a| !a.is_empty()).or_else(|| {
        let t = String::from_utf8_lossy((r.header)("content-type")?).into_owned();
        let at = t.to_ascii_lowercase().find("action=")?;
        let v = t.get(at + 7..)?;
        let v = match v.strip_prefix('"') {
            Some(q) => q.split('"').next()?,
            None => v.split(';').next()?.trim(),
        };
        Some(v.to_owned())
    });
    let version = if soap12 || e.v12 { "1.2" } else { "1.1" };
    let name = action
        .as_deref()
        .and_then(last)
        .or_else(|| e.element.clone());
    let mut note = format!("SOAP {version}");
    if let Some(a) = action.filter(|a| !a.is_empty()) {
        note.push_str(&format!(", action {a}"));
    }
    if let Some(el) = e.element {
        note.push_str(&format!(", body element {el}"));
    }
    Some(Operation {
        kind: "soap",
        name,
        note,
    })
}

fn unquoted(v: &[u8]) -> String {
    let v = String::from_utf8_lossy(v);
    v.trim().trim_matches(['"', '\'']).to_owned()
}

/// The part of an action's URI that names it: `http://x/IService/GetUser`, `urn:GetUser`, `#GetUser` are all `GetUser`.
fn last(action: &str) -> Option<String> {
    action
        .trim_end_matches(['/', '#'])
        .rsplit(['/', '#', ':'])
        .next()
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
}

/// Whether the outermost element is an envelope, and the first element of its body.
#[derive(Default)]
struct Envelope {
    depth: usize,
    is: bool,
    v12: bool,
    in_body: bool,
    element: Option<String>,
}

pub(super) fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b':').next().unwrap_or(name)
}

impl Visit for Envelope {
    fn open(&mut self, name: &[u8]) {
        match self.depth {
            0 => self.is = local(name) == b"Envelope",
            1 => self.in_body = local(name) == b"Body",
            2 if self.in_body && self.element.is_none() => {
                self.element = Some(String::from_utf8_lossy(local(name)).into_owned());
            }
            _ => {}
        }
        self.depth += 1;
    }
    fn attribute(&mut self, name: &[u8], value: &[u8], _: usize) {
        if self.depth == 1
            && name.starts_with(b"xmlns")
            && value.ends_with(b"/2003/05/soap-envelope")
        {
            self.v12 = true;
        }
    }
    fn close(&mut self, _: &[u8]) {
        self.depth = self.depth.saturating_sub(1);
    }
    fn text(&mut self, _: &[u8], _: usize, _: bool) {}
}
