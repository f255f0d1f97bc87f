//! Request targets, header blocks and trailers. In: messages. Out: values in the sink: `path:N` (segments from 1), `query:NAME`,
//! `header:name` (a cookie's finding stands under `header:cookie` or `header:set-cookie`; a trailer's under the same as a
//! header's). Offsets are in the head and go on in the trailers behind it. Bounds: linear in both.

use super::field;
use super::protobuf;
use super::rows;
use super::sink::{NodeId, Sink, Slot, Style};
use crate::body::json::chars;
use crate::call::model::Message;
use crate::detect::form::Step;
use crate::detect::kind::Kind;
use crate::detect::normal;
use crate::detect::rules::KeyCtx;

/// Headers that never hold data of people: framing, negotiation, caching, the client's program, hosts.
const SKIP: [&str; 40] = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-charset",
    "accept-ranges",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "content-language",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "date",
    "server",
    "etag",
    "if-none-match",
    "if-match",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "expires",
    "cache-control",
    "pragma",
    "vary",
    "via",
    "age",
    "range",
    "content-range",
    "keep-alive",
    "strict-transport-security",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "content-security-policy",
    "x-powered-by",
];

/// Target and headers of a request or response whose first byte is at `at`.
pub(crate) fn message(s: &mut Sink, m: &Message, at: usize) {
    if let crate::call::model::Start::Request { target: range, .. } = &m.start
        && let Some(t) = m.head.get(range.clone())
    {
        target(s, t, at + range.start);
    }
    let root = s.root("header", Style::Colon);
    for (n, v) in &m.headers {
        let (Some(name), Some(value)) = (m.head.get(n.clone()), m.head.get(v.clone())) else {
            continue;
        };
        let lead = value.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let value = value.trim_ascii();
        if value.is_empty() || name.len() > 200 {
            continue;
        }
        let from = at + v.start + lead;
        header(s, root, &name.to_ascii_lowercase(), value, from);
    }
    trailers(s, root, &m.trailers, at + m.head.len());
}

/// Trailers, whose first byte is at `at`. A line that begins with a blank goes on with the value before it.
fn trailers(s: &mut Sink, root: NodeId, block: &[u8], mut at: usize) {
    let mut name = Vec::new();
    for line in block.split_inclusive(|b| *b == b'\n') {
        let from = if matches!(line.first(), Some(b' ' | b'\t')) {
            0
        } else {
            // a pseudo-field's name begins with a colon
            let Some(colon) = line.iter().skip(1).position(|b| *b == b':') else {
                at += line.len();
                continue;
            };
            name = line
                .get(..=colon)
                .unwrap_or_default()
                .trim_ascii()
                .to_ascii_lowercase();
            colon + 2
        };
        let value = line.get(from..).unwrap_or_default();
        let lead = value.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let value = value.trim_ascii();
        if !value.is_empty() && name.len() <= 200 {
            header(s, root, &name, value, at + from + lead);
        }
        at += line.len();
    }
}

fn header(s: &mut Sink, root: NodeId, name: &[u8], value: &[u8], at: usize) {
    if SKIP.iter().any(|k| k.as_bytes() == name) {
        return;
    }
    let node = s.child(root, name);
    match name {
        b"cookie" => cookies(s, value, at, "header:cookie"),
        b"set-cookie" => {
            let pair = value.split(|b| *b == b';').next().unwrap_or(value);
            cookies(s, pair, at, "header:set-cookie");
        }
        b"authorization" | b"proxy-authorization" => authorization(s, node, value, at),
        b"referer" | b"location" | b"content-location" | b"origin" => {
            let query = memchr::memchr(b'?', value);
            let flat = s.root(
                &format!("header:{}", String::from_utf8_lossy(name)),
                Style::Flat,
            );
            if let Some(q) = query {
                let end = memchr::memchr(b'#', value)
                    .filter(|h| *h > q)
                    .unwrap_or(value.len());
                rows::pairs(s, flat, value.get(q + 1..end).unwrap_or(b""), at + q + 1);
            }
            let path = value.get(..query.unwrap_or(value.len())).unwrap_or(value);
            let from = memchr::memmem::find(path, b"://").map_or(0, |n| n + 3);
            segments(s, path, from, at, |_, _| flat);
        }
        _ => {
            let slot = Slot::plain(at, value.len());
            // gRPC: a message in percent-encoding, blanks left as they are; binary metadata in Base64
            if name == b"grpc-message" && memchr::memchr(b'%', value).is_some() {
                let mut text = Vec::new();
                normal::percent(value, false, &mut text);
                let slot = slot.inside(Step::Url);
                return field::value(s, node, &text, chars::all(&text), slot);
            }
            if name.ends_with(b"-bin")
                && let Some(bytes) = normal::base64_any(value)
            {
                return protobuf::coded(s, node, &bytes, slot.inside(Step::Base64));
            }
            field::value(s, node, value, chars::all(value), slot);
        }
    }
}

/// `a=1; b=2`: each under its own name as context, all under the header's place.
fn cookies(s: &mut Sink, value: &[u8], at: usize, place: &str) {
    let flat = s.root(place, Style::Flat);
    let mut buf = Vec::new();
    let mut i = 0;
    for pair in value.split(|b| *b == b';') {
        let from = i;
        i += pair.len() + 1;
        let Some(eq) = memchr::memchr(b'=', pair) else {
            continue;
        };
        let name = pair.get(..eq).unwrap_or(b"").trim_ascii();
        let v = pair.get(eq + 1..).unwrap_or(b"");
        let (v, quote) = match v.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")) {
            Some(inner) => (inner, 1),
            None => (v, 0),
        };
        if v.is_empty() {
            continue;
        }
        let node = s.child(flat, name);
        let slot = Slot::plain(at + from + eq + 1 + quote, v.len());
        let before = s.count();
        // browsers' libraries write cookies percent-encoded, as parts of a path are
        if v.contains(&b'%') && normal::percent(v, false, &mut buf) {
            let mut slot = slot.inside(Step::Url);
            slot.depth = 0;
            field::value(s, node, &buf, chars::all(&buf), slot);
        } else {
            field::value(s, node, v, chars::all(v), slot);
        }
        if s.count() == before
            && session_cookie(name)
            && crate::detect::valid::secret::opaque(v, 16)
        {
            let ctx = KeyCtx {
                pos: Kind::Session.bit() | Kind::Jwt.bit(),
                ..KeyCtx::default()
            };
            if let Some(hit) = s.judge.whole(v, chars::all(v), &ctx).hit {
                s.found(node, hit, slot);
            }
        }
    }
}

/// Names by which frameworks call their session cookies.
fn session_cookie(name: &[u8]) -> bool {
    let n = name.to_ascii_lowercase();
    [&b"sess"[..], b"sid", b"auth", b"token", b"ticket", b"login"]
        .iter()
        .any(|w| memchr::memmem::find(&n, w).is_some())
        && ![&b"csrf"[..], b"xsrf", b"inside", b"side"]
            .iter()
            .any(|w| memchr::memmem::find(&n, w).is_some())
}

/// `Basic` holds a password, `Bearer` a token.
fn authorization(s: &mut Sink, node: NodeId, value: &[u8], at: usize) {
    let Some(space) = memchr::memchr(b' ', value) else {
        let slot = Slot::plain(at, value.len());
        secret(s, node, value, slot);
        return;
    };
    let scheme = value.get(..space).unwrap_or(b"").to_ascii_lowercase();
    let rest = value.get(space..).unwrap_or(b"");
    let lead = rest.iter().take_while(|b| **b == b' ').count();
    let v = rest.get(lead..).unwrap_or(b"");
    let slot = Slot::plain(at + space + lead, v.len());
    match scheme.as_slice() {
        b"basic" => {
            let Some(text) = normal::base64_any(v) else {
                return;
            };
            let Some(colon) = memchr::memchr(b':', &text) else {
                return;
            };
            let password = text.get(colon + 1..).unwrap_or(b"");
            let ctx = KeyCtx {
                pos: Kind::Password.bit(),
                ..KeyCtx::default()
            };
            if let Some(hit) = s.judge.whole(password, chars::all(password), &ctx).hit {
                s.found(node, hit, slot.inside(Step::Base64));
            }
        }
        b"bearer" | b"token" | b"jwt" | b"apikey" => secret(s, node, v, slot),
        _ => {}
    }
}

/// A presented token: a JSON web token, a key of a service, or an opaque session token.
fn secret(s: &mut Sink, node: NodeId, v: &[u8], slot: Slot) {
    let ctx = KeyCtx {
        pos: Kind::Session.bit() | Kind::Jwt.bit(),
        ..KeyCtx::default()
    };
    let mut verdict = s.judge.whole(v, chars::all(v), &KeyCtx::default());
    if verdict.hit.is_none() {
        verdict = s.judge.whole(v, chars::all(v), &ctx);
    }
    if let Some(hit) = verdict.hit {
        s.found(node, hit, slot);
    }
}

/// A request target: segments of the path, and the query.
pub(crate) fn target(s: &mut Sink, t: &[u8], at: usize) {
    let t_end = memchr::memchr(b'#', t).unwrap_or(t.len());
    let q = memchr::memchr(b'?', t).filter(|q| *q < t_end);
    let path = t.get(..q.unwrap_or(t_end)).unwrap_or(t);
    let from = memchr::memmem::find(path, b"://").map_or(0, |n| {
        n + 3
            + path
                .get(n + 3..)
                .and_then(|r| memchr::memchr(b'/', r))
                .unwrap_or(0)
    });
    let root = s.root("path", Style::Colon);
    segments(s, path, from, at, |s, n| s.column(root, n));
    if let Some(q) = q {
        let root = s.root("query", Style::Colon);
        rows::pairs(s, root, t.get(q + 1..t_end).unwrap_or(b""), at + q + 1);
    }
}

/// Segments of `path` from `from` on; matrix parameters (`;a=b`) are left to their own names.
fn segments(
    s: &mut Sink,
    path: &[u8],
    from: usize,
    at: usize,
    mut node: impl FnMut(&mut Sink, usize) -> NodeId,
) {
    let mut buf = Vec::new();
    let mut i = from;
    let mut n = 0usize;
    for seg in path.get(from..).unwrap_or(b"").split(|b| *b == b'/') {
        let place = i;
        i += seg.len() + 1;
        if seg.is_empty() || seg.len() < 4 && n > 0 {
            n += usize::from(!seg.is_empty());
            continue;
        }
        n += 1;
        let id = node(s, n);
        let slot = Slot::plain(at + place, seg.len());
        if seg.contains(&b'%') && normal::percent(seg, false, &mut buf) {
            let mut slot = slot.inside(Step::Url);
            slot.depth = 0;
            field::value(s, id, &buf, chars::all(&buf), slot);
        } else {
            field::value(s, id, seg, chars::all(seg), slot);
        }
    }
}
