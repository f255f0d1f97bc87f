//! Multipart bodies: each part as a field of its own, by what it holds. In: content. Out: values in the sink: `form:NAME`, and below
//! it what the part's kind says (`form:meta.phone`, `form:list:csv:2:5`, `form:note:text:3`); a part without a name goes by its
//! number. Bounds: linear; parts nest [`crate::limits::DECODE_DEPTH`] deep, deeper ones are read as text.

use super::field;
use super::sink::{NodeId, Sink, Slot, Style};
use crate::body::json::chars;
use crate::body::multipart::{self, Part};
use crate::body::sniff;
use crate::detect::form::Step;
use crate::limits;

/// A multipart body.
pub(crate) fn body(s: &mut Sink, content: &[u8], depth: usize) {
    if multipart::boundary(content).is_none() {
        super::text::body(s, content, 0);
        return;
    }
    let root = s.root("form", Style::Colon);
    s.push(root, false, true);
    let base = s.base;
    for (p, n) in multipart::parts(content).zip(1..) {
        part(s, root, content, &p, n, depth);
        s.base = base;
    }
    s.pop();
}

fn part(s: &mut Sink, root: NodeId, content: &[u8], p: &Part, n: usize, depth: usize) {
    let raw = content.get(p.body.clone()).unwrap_or_default();
    if raw.is_empty() {
        return;
    }
    let name = p
        .name(content)
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| format!("part{n}"));
    let node = s.child(root, name.as_bytes());
    let start = p.body.start;
    if let Some(decoded) = p.decoded(content) {
        let slot = Slot::plain(start, raw.len()).inside(Step::Base64);
        field::value(s, node, &decoded, chars::all(&decoded), slot);
        return;
    }
    let media = p.media(content);
    let (mut from, mut body) = (start, raw);
    let mut kind = match &media {
        Some(m) if m == "application/http" => {
            // a request or response inside: what stands behind its head
            let end = multipart::blank(raw);
            super::text::under(
                s,
                &format!("form:{name}:text"),
                raw.get(..end).unwrap_or_default(),
                start,
            );
            (from, body) = (start + end, raw.get(end..).unwrap_or_default());
            sniff::kind(body, None)
        }
        Some(m) => sniff::kind(raw, Some(m)),
        None if p.file(content) => sniff::kind(raw, None),
        None => "field",
    };
    if kind == "text" && !p.file(content) {
        kind = "field";
    }
    if kind == "multipart" && depth + 1 >= limits::DECODE_DEPTH {
        kind = "text";
    }
    match kind {
        "field" => field::value(
            s,
            node,
            body,
            chars::all(body),
            Slot::plain(from, body.len()),
        ),
        "text" => super::text::under(s, &format!("form:{name}:text"), body, from),
        _ => {
            s.base += from as u64;
            match kind {
                "json" => super::json::at(s, node, body),
                "xml" => super::markup::xml_at(s, node, body),
                "form" => super::rows::pairs(s, node, body, 0),
                "csv" => {
                    super::rows::delimited(s, body, media.as_deref(), &format!("form:{name}:csv"))
                }
                "multipart" => self::body(s, body, depth + 1),
                _ => super::content(s, body, kind, media.as_deref(), depth + 1),
            }
        }
    }
}
