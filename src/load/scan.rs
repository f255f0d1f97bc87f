//! One exchange or log line to what the case stores of it. In: an [`Exchange`] or [`LogCall`]. Out: a [`CallOut`] with
//! decoded bodies, findings, credentials. Bounds: those of decoding and scanning; works on one call at a time.

use super::operation::{self, media_type};
use super::target::{api_kind, split_target};
use crate::body::protobuf::schema::Schema;
use crate::body::{decode, sniff};
use crate::call::model::{
    BodyOut, CallOut, CredentialSeen, Exchange, Facts, Flags, IdentityEvent, Locator, LogCall,
    Message, Packed, Proto, RawBody, Role, Stamp, Unit,
};
use crate::call::text::lossless;
use crate::case::heads;
use crate::detect::print::{PrintKey, PrintKind};
use crate::detect::{Scanner, pack};
use crate::facts::credentials::{CallView, Memo, extract, socket};
use crate::source::entry::Entry;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// Headers that carry an id shared by all calls of one story, in order of trust.
const TRACE_HEADERS: [&str; 6] = [
    "x-request-id",
    "traceparent",
    "x-correlation-id",
    "x-trace-id",
    "x-b3-traceid",
    "request-id",
];

/// Turns calls into rows; one per scan thread.
pub struct CallScanner {
    scanner: Scanner,
    key: PrintKey,
    memo: Memo,
    /// The case's number of each class of the rules.
    classes: Arc<[u8]>,
    lists: pack::Lists,
    /// Content coding of the call at hand was undone before it got here.
    decoded: bool,
    /// Types of messages, where the investigator gave some.
    schema: Option<Arc<Schema>>,
}

impl CallScanner {
    /// With the rules, the print key of the case, and its numbers of the classes.
    pub fn new(scanner: Scanner, key: PrintKey, classes: Arc<[u8]>) -> CallScanner {
        CallScanner {
            scanner,
            key,
            memo: Memo::default(),
            classes,
            lists: pack::Lists::default(),
            decoded: false,
            schema: None,
        }
    }

    /// With a schema for messages.
    #[must_use]
    pub fn with_schema(self, schema: Option<Arc<Schema>>) -> CallScanner {
        CallScanner { schema, ..self }
    }

    /// A call that another tool kept: scanned like a captured one; places, times and lengths are those of its entry.
    pub fn entry(&mut self, mut e: Entry) -> CallOut {
        self.decoded = e.decoded;
        let mut call = self.exchange(&mut e.exchange);
        self.decoded = false;
        call.at = e.at;
        call.ord = 0;
        call.flow = None;
        (call.src, call.sport) = e.client;
        (call.dst, call.dport) = e.server;
        call.host = call.host.or(e.host);
        call.end_ts = e.exchange.response.as_ref().map(|m| m.last.ts);
        let [req, resp] = e.body_len;
        call.req_body_len = req.unwrap_or(call.req_body_len);
        call.resp_body_len = resp.unwrap_or(call.resp_body_len);
        call.locators = vec![Locator {
            source: e.at.source,
            role: Role::Origin,
            first: e.at.number,
            last: e.at.number,
            range: Some(e.range),
            ts: call.ts,
        }];
        call
    }

    /// A captured exchange. The bytes of its bodies are taken: what is stored as it came is not copied.
    pub fn exchange(&mut self, x: &mut Exchange) -> CallOut {
        let taken = |m: &mut Option<Message>| {
            m.as_mut()
                .map(|m| std::mem::take(&mut m.body.bytes))
                .unwrap_or_default()
        };
        let (req_bytes, resp_bytes) = (taken(&mut x.request), taken(&mut x.response));
        let x = &*x;
        let (req, resp) = (x.request.as_ref(), x.response.as_ref());
        let first = earliest(x);
        let last = [req.map(|m| m.last), resp.map(|m| m.last)]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(first);
        let mut flags = x.flags;
        for m in [req, resp].into_iter().flatten() {
            flags.insert(m.flags);
        }
        let req_type = req.and_then(media_type);
        let resp_type = resp.and_then(media_type);
        let types = self.schema.as_ref().and_then(|s| operation::types(s, req?));
        let mut began = [Vec::new(), Vec::new()];
        let [asked_at, answered_at] = &mut began;
        let req_body = req.and_then(|m| {
            let ty = types.map(|t| t.0);
            self.body(m, req_bytes, req_type.as_deref(), ty, &mut flags, asked_at)
        });
        let resp_body = resp.and_then(|m| {
            let ty = types.map(|t| t.1);
            self.body(
                m,
                resp_bytes,
                resp_type.as_deref(),
                ty,
                &mut flags,
                answered_at,
            )
        });
        let message = x.proto == Some(Proto::Ws);
        // a message has no head of its own: that of the upgrade says where it goes and whose it is
        let asked = if message { x.context.as_deref() } else { req };
        let (credentials, events) = if message {
            let (mut seen, mut told) = self.upgraded(asked, x.peer.as_deref());
            let body = if req.is_some() { &req_body } else { &resp_body };
            if let (Some(up), Some(body)) = (asked, body) {
                let said = socket::Said {
                    socket: (up.first.ts, x.client, x.server),
                    sent: req.is_some(),
                    body: &body.content,
                };
                socket::message(&said, &self.key, &mut seen, &mut told);
            }
            (seen, told)
        } else {
            let view = CallView {
                req,
                resp,
                peer: x.peer.as_deref(),
                req_body: req_body.as_ref().map_or(&[], |b| &b.content),
                req_kind: req_body.as_ref().map_or("", |b| b.kind),
                resp_body: resp_body.as_ref().map_or(&[], |b| &b.content),
                resp_kind: resp_body.as_ref().map_or("", |b| b.kind),
            };
            extract(&view, &self.key, &mut self.memo)
        };
        let status = resp.and_then(Message::status);
        let found = if message {
            operation::Found::default()
        } else {
            operation::of(
                req,
                status,
                (req_type.as_deref(), resp_type.as_deref()),
                (req_body.as_ref(), resp_body.as_ref()),
            )
        };
        let grpc = found.kind == Some("grpc");
        let target = asked.and_then(Message::target).filter(|t| !t.is_empty());
        let (authority, path) = target.map_or((None, None), split_target);
        let method = match (message, req) {
            (true, Some(_)) => Some("SEND".to_owned()),
            (true, None) => Some("RECV".to_owned()),
            (false, _) => req
                .and_then(Message::method)
                .filter(|m| !m.is_empty())
                .map(|m| lossless(m).into_owned()),
        };
        let host = asked
            .and_then(|m| m.header("host"))
            .filter(|h| !h.is_empty())
            .or(authority);
        let version = req.or(resp).map_or((1, 1), |m| m.version);
        CallOut {
            at: first.unit,
            ord: x.ordinal,
            done: x.done,
            seq: [req.and_then(|m| m.seq), resp.and_then(|m| m.seq)],
            flow: Some(x.flow),
            parent: x.parent,
            ts: req.or(resp).map_or(first.ts, |m| m.first.ts),
            end_ts: resp
                .or(req.filter(|_| message))
                .filter(|m| m.body.complete)
                .map(|m| m.last.ts),
            src: Some(x.client.0),
            sport: Some(x.client.1),
            dst: Some(x.server.0),
            dport: Some(x.server.1),
            proto: x.proto.unwrap_or(match version {
                _ if grpc => Proto::Grpc,
                (0, _) => Proto::Http09,
                (1, 0) => Proto::Http10,
                (1, _) => Proto::Http11,
                (2, _) => Proto::H2,
                _ => Proto::H3,
            }),
            tls: x.tls,
            kind: if message || socket(x) {
                "websocket"
            } else {
                found
                    .kind
                    .unwrap_or_else(|| api_kind(path.as_deref(), resp_type.as_deref()))
            },
            method,
            host: host.map(|h| lossless(h).into_owned()),
            uri: target.map(|t| lossless(t).into_owned()),
            path: path.map(Cow::into_owned),
            operation: found.operation,
            op_note: found.note,
            dispatch: found.dispatch,
            grpc_status: if grpc {
                operation::grpc_status(resp, resp_body.as_ref())
            } else {
                None
            },
            status,
            req_body_len: req.and_then(|m| body_len(&m.body)),
            resp_body_len: resp.and_then(|m| body_len(&m.body)),
            req_type,
            resp_type,
            user_agent: asked
                .and_then(|m| m.header("user-agent"))
                .map(|v| lossless(v).into_owned()),
            flags,
            heads: if message {
                Vec::new()
            } else {
                heads::encode(x, &began, first.unit.source)
            },
            req_body,
            resp_body,
            req_facts: match req.filter(|_| !message) {
                Some(m) => {
                    let found = self.scanner.scan_request(m);
                    self.packed(found)
                }
                None => Packed::default(),
            },
            resp_facts: if message || resp.is_none() && x.interim.is_empty() {
                Packed::default()
            } else {
                let found = self.scanner.scan_response_heads(resp, &x.interim);
                self.packed(found)
            },
            credentials,
            events,
            trace_id: req.filter(|_| !message).and_then(trace_id),
            locators: locators(x, first, last),
        }
    }

    /// What the request that opened a WebSocket says of whose its messages are: its credentials, not what it was itself
    /// (a login, a logout).
    fn upgraded(
        &mut self,
        asked: Option<&Message>,
        peer: Option<&str>,
    ) -> (Vec<CredentialSeen>, Vec<IdentityEvent>) {
        let view = CallView {
            req: asked,
            resp: None,
            peer,
            req_body: &[],
            req_kind: "",
            resp_body: &[],
            resp_kind: "",
        };
        let (credentials, mut events) = extract(&view, &self.key, &mut self.memo);
        events.retain(|e| {
            matches!(
                e,
                IdentityEvent::Fronted { .. }
                    | IdentityEvent::OnBehalf { .. }
                    | IdentityEvent::Tenant { .. }
            )
        });
        (credentials, events)
    }

    /// Facts as they are stored.
    fn packed(&mut self, found: Facts) -> Packed {
        let packed = pack::pack(&found, &self.classes, &mut self.lists);
        self.scanner.recycle(found);
        packed
    }

    /// Decodes and scans one body, whose bytes are `raw`; `None` where the message has none. `began`: the packets that
    /// messages in it begin in.
    fn body(
        &mut self,
        m: &Message,
        mut raw: Vec<u8>,
        media: Option<&str>,
        ty: Option<usize>,
        flags: &mut Flags,
        began: &mut Vec<Stamp>,
    ) -> Option<BodyOut> {
        if raw.is_empty() && m.body.gaps.is_empty() {
            return None;
        }
        let mut codings: Vec<&[u8]> = m.header_all("content-encoding").collect();
        if self.decoded {
            codings.clear();
        }
        let d = decode::decode(&raw, &codings);
        if d.lied {
            flags.insert(Flags::BAD_FRAMING);
        }
        let over = m.body.len > raw.len() as u64;
        let (undone, at) = operation::grpc_body(m, &raw, media, &d.content);
        *began = at;
        let d = match undone {
            Some(u) => decode::Decoded {
                len: u.content.len() as u64,
                sha256: Sha256::digest(&u.content).into(),
                content: Cow::Owned(u.content),
                cut: d.cut.or(u.cut),
                codings: u.coding.into_iter().chain(d.codings).collect(),
                lied: d.lied,
            },
            None => d,
        };
        let cut = match (m.body.gaps.is_empty(), m.body.complete, over) {
            (false, _, _) => Some("gap"),
            (_, false, _) => Some("truncated"),
            // beyond what is kept an uncoded body was hashed to its end
            (_, _, true) if m.body.long_sha256.is_none() => Some("limit"),
            _ => d.cut,
        };
        let sha = m.body.long_sha256.unwrap_or(d.sha256);
        let kind = sniff::kind(&d.content, media);
        let schema = self
            .schema
            .clone()
            .filter(|_| matches!(kind, "grpc" | "protobuf"));
        let typed = schema.as_deref().zip(ty);
        // packed here, so that the many small findings live and die on one thread
        let found = self.scanner.scan_message(&d.content, kind, media, typed);
        let facts = self.packed(found);
        let [head, ..] = *d.sha256.as_chunks::<16>().0 else {
            return None;
        };
        let decode::Decoded {
            content,
            len,
            codings,
            ..
        } = d;
        let content = match content {
            // as it came: the same bytes, where they lie
            Cow::Borrowed(part) if part.as_ptr() == raw.as_ptr() => {
                let kept = part.len();
                raw.truncate(kept);
                raw
            }
            other => other.into_owned(),
        };
        Some(BodyOut {
            len: if over { m.body.len } else { len },
            sha256: cut.is_none().then_some(sha),
            // the same bytes cut and whole are two bodies
            key: u128::from_le_bytes(head) ^ u128::from(cut.is_some()) ^ (u128::from(over) << 1),
            cut,
            codings,
            kind,
            message: typed.map(|(s, ty)| s.name(ty).to_owned()),
            facts,
            content,
        })
    }

    /// A line of an access log.
    pub fn log(&mut self, l: LogCall) -> CallOut {
        let found = operation::of_line(l.method.as_deref(), l.uri.as_deref().unwrap_or_default());
        let target = l.uri.as_deref().map(str::as_bytes);
        let (authority, path) = target.map_or((None, None), split_target);
        let path = path.map(Cow::into_owned);
        let req_facts = match &l.uri {
            Some(u) => {
                let found = self.scanner.scan_uri(u);
                self.packed(found)
            }
            None => Packed::default(),
        };
        let credentials = l.user.iter().map(|name| CredentialSeen {
            kind: "log-user",
            place: "log-user".to_string(),
            print: self.key.print(PrintKind::Credential, name.as_bytes()),
            name: Some(name.clone()),
            claim: Some("user".to_string()),
            service: false,
        });
        let events = l
            .behalf
            .iter()
            .map(|name| IdentityEvent::OnBehalf { name: name.clone() });
        let mut flags = Flags::LOG_ONLY;
        // a session on a host has no status
        if l.status.is_none() && l.method.as_deref() != Some("SESSION") {
            flags.insert(Flags::NO_RESPONSE);
        }
        CallOut {
            at: l.at,
            ord: l.ord,
            done: true,
            flow: None,
            seq: [None; 2],
            parent: None,
            ts: l.ts,
            end_ts: l.end_ts,
            src: l.src,
            sport: l.sport,
            dst: l.dst,
            dport: l.dport,
            proto: Proto::Log,
            tls: false,
            kind: found
                .kind
                .unwrap_or_else(|| api_kind(path.as_deref(), None)),
            host: l
                .host
                .clone()
                .or_else(|| authority.map(|a| lossless(a).into_owned())),
            path,
            operation: found.operation,
            op_note: found.note,
            dispatch: found.dispatch,
            grpc_status: None,
            status: l.status,
            req_body_len: l.req_body_len,
            resp_body_len: l.resp_body_len,
            req_type: None,
            resp_type: None,
            flags,
            heads: Vec::new(),
            req_body: None,
            resp_body: None,
            req_facts,
            resp_facts: Packed::default(),
            credentials: credentials.collect(),
            events: events.collect(),
            trace_id: l.trace_id,
            locators: {
                let line = Locator {
                    source: l.at.source,
                    role: Role::Log,
                    first: l.at.number,
                    last: l.at.number,
                    range: Some((l.offset, l.len)),
                    ts: l.ts,
                };
                let later = l.later.map(|later| Locator {
                    role: Role::Continued,
                    first: later.line,
                    last: later.line,
                    range: Some((later.offset, later.len)),
                    ts: l.end_ts.unwrap_or(l.ts),
                    ..line
                });
                std::iter::once(line).chain(later).collect()
            },
            method: l.method,
            uri: l.uri,
            user_agent: l.user_agent,
        }
    }
}

/// Whether a call turned its connection, or its stream, into a WebSocket.
fn socket(x: &Exchange) -> bool {
    let asked = x.request.as_ref();
    x.flags.has(Flags::UPGRADED)
        && x.response
            .as_ref()
            .and_then(|m| m.header("upgrade"))
            .or_else(|| asked?.header("upgrade"))
            .or_else(|| asked?.header(":protocol"))
            .is_some_and(|v| v.eq_ignore_ascii_case(b"websocket"))
}

/// First byte of the request, else of the response.
pub(super) fn earliest(x: &Exchange) -> Stamp {
    x.request
        .as_ref()
        .or(x.response.as_ref())
        .or(x.interim.first())
        .map_or_else(Stamp::default, |m| m.first)
}

/// One locator a source that the exchange stands in.
fn locators(x: &Exchange, first: Stamp, last: Stamp) -> Vec<Locator> {
    let mut stamps: Vec<Stamp> = Vec::with_capacity(4);
    for m in x.request.iter().chain(&x.interim).chain(&x.response) {
        stamps.extend([m.first, m.last]);
    }
    stamps.sort_by_key(|s| s.unit);
    let range = |source: u32| -> Option<(Unit, Unit, i64)> {
        let mut of = stamps.iter().filter(|s| s.unit.source == source);
        let low = of.next()?;
        Some((low.unit, of.next_back().unwrap_or(low).unit, low.ts))
    };
    let mut sources = vec![first.unit.source];
    sources.extend(
        stamps
            .iter()
            .map(|s| s.unit.source)
            .chain([last.unit.source])
            .filter(|s| *s != first.unit.source),
    );
    sources.dedup();
    sources
        .into_iter()
        .filter_map(|source| {
            let (low, high, ts) = range(source)?;
            let role = if source == first.unit.source {
                Role::Origin
            } else {
                Role::Continued
            };
            Some(Locator {
                source,
                role,
                first: low.number,
                last: high.number,
                range: None,
                ts,
            })
        })
        .collect()
}

/// Bytes of the body where the capture tells how many there were.
fn body_len(b: &RawBody) -> Option<u64> {
    let missing = b
        .gaps
        .iter()
        .fold(0u64, |n, (_, len)| n.saturating_add(*len));
    b.complete.then(|| b.len.saturating_add(missing))
}

/// An id that other captures and logs share.
fn trace_id(m: &Message) -> Option<String> {
    let (name, value) = TRACE_HEADERS
        .iter()
        .find_map(|n| Some((*n, m.header(n)?)))?;
    let text = lossless(value);
    // RFC-style `version-traceid-parent-flags`: the trace id is what is shared
    let id = if name == "traceparent" {
        text.split('-').nth(1).unwrap_or(&text)
    } else {
        &text
    };
    (8..=128).contains(&id.len()).then(|| id.to_string())
}
