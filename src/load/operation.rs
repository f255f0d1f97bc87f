//! What a call asks for, and what gRPC says of it. In: messages and decoded bodies. Out: kind of API, operation, fields that may
//! choose one, gRPC status. Bounds: those of [`operation`].

use crate::body::operation::{self, Request, dispatch};
use crate::body::protobuf::frames;
use crate::body::protobuf::realign::holes;
use crate::body::protobuf::schema::Schema;
use crate::body::sse;
use crate::call::model::{BodyOut, Dispatch, Message, RawBody, Stamp};
use crate::call::text::lossless;
use crate::limits;

/// What was read of a call's operation.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Kind of API; `None` for one whose route says it all.
    pub kind: Option<&'static str>,
    pub operation: Option<String>,
    pub note: Option<String>,
    pub dispatch: Option<Dispatch>,
}

/// Of a captured exchange.
pub(super) fn of(
    req: Option<&Message>,
    status: Option<u16>,
    types: (Option<&str>, Option<&str>),
    bodies: (Option<&BodyOut>, Option<&BodyOut>),
) -> Found {
    let Some(req) = req else {
        return alone(types.1, bodies.1);
    };
    let header = |n: &str| req.header(n);
    let r = Request::new(
        req.method().unwrap_or_default(),
        req.target().unwrap_or_default(),
        types.0.unwrap_or_default(),
        types.1.unwrap_or_default(),
        &header,
        bodies.0.map_or(&[], |b| &b.content),
        bodies.0.map_or("", |b| b.kind),
    );
    let ok = status.is_some_and(|s| (200..400).contains(&s));
    let answer = bodies
        .1
        .filter(|_| ok)
        .map(|b| (b.content.as_slice(), b.kind));
    found(&r, answer)
}

/// Of a request line alone, as a log has it.
pub(super) fn of_line(method: Option<&str>, uri: &str) -> Found {
    let header = |_: &str| None;
    let method = method.unwrap_or_default().as_bytes();
    let r = Request::new(method, uri.as_bytes(), "", "", &header, b"", "");
    found(&r, None)
}

fn found(r: &Request<'_>, answer: Option<(&[u8], &str)>) -> Found {
    if let Some(op) = operation::of(r) {
        return Found {
            kind: Some(op.kind),
            operation: op.name,
            note: Some(op.note),
            dispatch: None,
        };
    }
    Found {
        dispatch: dispatch::seen(r, answer).map(|s| Dispatch {
            fields: s.fields,
            shape: u64::from(s.asked) << 32 | u64::from(s.answered),
        }),
        ..Found::default()
    }
}

/// Of an answer whose request was not captured.
fn alone(media: Option<&str>, body: Option<&BodyOut>) -> Found {
    let head = body.map_or(&[][..], |b| b.content.get(..512).unwrap_or(&b.content));
    let has = |word: &[u8]| memchr::memmem::find(head, word).is_some();
    let kind = match body.map_or("", |b| b.kind) {
        _ if media.is_some_and(operation::grpc_media) => "grpc",
        "json" if has(b"\"jsonrpc\"") => "json-rpc",
        "xml" if has(b"Envelope") && has(b"soap") => "soap",
        "xml" if has(b"<methodResponse") => "xml-rpc",
        _ => return Found::default(),
    };
    Found {
        kind: Some(kind),
        ..Found::default()
    }
}

/// Status of a gRPC call: from trailers, from the headers of an answer that has nothing else, or from gRPC-Web's last message.
pub(super) fn grpc_status(resp: Option<&Message>, body: Option<&BodyOut>) -> Option<u32> {
    let m = resp?;
    frames::status_in(&m.trailers)
        .or_else(|| frames::number(m.header("grpc-status")?))
        .or_else(|| frames::status(&body?.content))
}

/// A gRPC body with base64 and the compression of its messages undone and messages kept apart behind lost bytes; `None` where it
/// is as it should be. Also the packets that its messages began in, for a stream of events those of its events. `kept`: the bytes as they came; `body`: without codings.
pub(super) fn grpc_body(
    m: &Message,
    kept: &[u8],
    media: Option<&str>,
    body: &[u8],
) -> (Option<frames::Undone>, Vec<Stamp>) {
    let media = media.unwrap_or_default();
    let raw = &m.body;
    let known = body == kept && !raw.places.is_empty();
    if !operation::grpc_media(media) && !media.starts_with("application/connect+") {
        let times = if known && media == "text/event-stream" {
            let events = sse::events(body).take(limits::BODY_PLACES);
            events.map(|e| packet(raw, e.whole.start)).collect()
        } else {
            Vec::new()
        };
        return (None, times);
    }
    let text = media.starts_with("application/grpc-web-text");
    let encoding = m
        .header("grpc-encoding")
        .or_else(|| m.header("connect-content-encoding"));
    // places are those of what was sent: under a coding of the whole body they are not known
    let holes = if body == kept && !text {
        holes(&raw.gaps, kept.len())
    } else {
        Vec::new()
    };
    let sent = frames::Sent {
        bytes: body,
        holes: &holes,
        complete: (raw.complete || raw.ended) && kept.len() as u64 == raw.len,
    };
    let starts = match (known, text) {
        (false, _) => Vec::new(),
        (true, false) => sent.starts(),
        // behind lost bytes the groups of characters are not known
        (true, true) if !raw.gaps.is_empty() => Vec::new(),
        (true, true) => frames::text_starts(body),
    };
    let times = starts.into_iter().map(|at| packet(raw, at)).collect();
    (frames::undo(sent, encoding, text), times)
}

/// The packet that a byte came in.
fn packet(raw: &RawBody, at: usize) -> Stamp {
    let n = raw.places.partition_point(|p| p.0 <= at as u64);
    n.checked_sub(1)
        .and_then(|n| raw.places.get(n))
        .map_or_else(Stamp::default, |p| p.1)
}

/// Types of a method's messages: asked, answered.
pub(super) fn types(schema: &Schema, req: &Message) -> Option<(usize, usize)> {
    let target = std::str::from_utf8(req.target()?).ok()?;
    schema.method(target.split('?').next().unwrap_or(target))
}

/// Media type in lower case without parameters.
pub(super) fn media_type(m: &Message) -> Option<String> {
    let v = lossless(m.header("content-type")?).to_ascii_lowercase();
    let v = v.split(';').next().unwrap_or_default().trim();
    (!v.is_empty()).then(|| v.to_string())
}

#[cfg(test)]
#[path = "operation_tests.rs"]
mod tests;
