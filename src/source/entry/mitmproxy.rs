//! Flow files of mitmproxy, from 0.11 (2014) to today's format version 21. In: the window over the file. Out: one flow a
//! step. Bounds: [`ENTRY_BYTES`] of one flow.
//!
//! Keys changed their names over the years and are looked for under all of them. The addresses are those of the client's
//! connection to the proxy and of the proxy's to the server. Flows of other protocols are counted, not read; so are
//! messages of a WebSocket inside a flow.

use super::message::{self, Head};
use super::tnet::{self, Value};
use super::{Entry, Format, NoEntry, Place, Step, seconds};
use crate::call::model::{Flags, Message, Proto, RawBody, Ts};
use crate::call::text::lossless;
use crate::limits::{ENTRY_BYTES, HEADERS};
use crate::source::refill::Refill;

/// What flows of all versions begin with: the length and name of their first key.
const FIRST: [&[u8]; 10] = [
    b":7:version",
    b":11:client_conn",
    b":8:response",
    b":7:request",
    b":5:error",
    b":2:id",
    b":4:type",
    b":9:websocket",
    b":6:backup",
    b":7:comment",
];

/// Whether a file begins with a flow.
pub(super) fn sniff(beginning: &[u8]) -> bool {
    tnet::head(beginning).is_ok_and(|(len, head)| {
        let flow = beginning.get(head - 1..).unwrap_or_default();
        len > 40 && FIRST.iter().any(|f| flow.starts_with(f))
    })
}

/// Bytes kept while searching: a mark and the digits before it may be cut by the window's end.
const TAIL: usize = 64;

/// A search for the next flow.
struct Search {
    skipped: usize,
    /// Bytes that the flow said to have.
    said: usize,
    code: &'static str,
    why: String,
}

/// The file.
#[derive(Default)]
pub(super) struct Flows {
    search: Option<Search>,
    asides: Vec<(&'static str, u64)>,
}

impl Format for Flows {
    fn step(&mut self, window: &mut Refill) -> Step {
        if let Some(search) = self.search.take() {
            return self.search(search, window);
        }
        if !window.have(1) {
            return Step::End(None);
        }
        window.have(16);
        let data = window.data();
        // some writers end a flow with a line end
        let blank = data.iter().take_while(|b| b.is_ascii_whitespace()).count();
        if blank > 0 {
            return Step::Pass(blank);
        }
        let Ok((len, head)) = tnet::head(data) else {
            return self.lost(0, "entry-damaged", "bytes that are no flow".into());
        };
        let whole = head.saturating_add(len).saturating_add(1);
        if whole > ENTRY_BYTES {
            let text = format!("a flow of {whole} bytes");
            return self.lost(whole, "entry-too-large", text);
        }
        if !window.have(whole) {
            let there = window.data().len();
            let text = format!("the file ends {there} bytes into a flow of {whole}");
            return self.lost(whole, "truncated-file", text);
        }
        let bytes = window.data().get(..whole).unwrap_or_default();
        let Some((flow, _)) = tnet::value(bytes).filter(|(v, _)| v.is_dict()) else {
            return self.lost(whole, "entry-damaged", "a length that does not fit".into());
        };
        Step::Entry(whole, self.call(flow).map(Box::new))
    }

    fn asides(&mut self) -> Vec<(&'static str, u64)> {
        std::mem::take(&mut self.asides)
    }
}

impl Flows {
    /// What stands here is no flow: the next one is searched for from the next byte on.
    fn lost(&mut self, said: usize, code: &'static str, why: String) -> Step {
        self.search = Some(Search {
            skipped: 1,
            said,
            code,
            why,
        });
        Step::Pass(1)
    }

    fn search(&mut self, mut search: Search, window: &mut Refill) -> Step {
        let there = window.have(TAIL * 2);
        let mut from = 0;
        while let Some((at, whole)) = next_flow(window.data(), from) {
            from = at + 1;
            let end = at.saturating_add(whole);
            if whole > ENTRY_BYTES || !window.have(end) || window.data().get(end - 1) != Some(&b'}')
            {
                continue;
            }
            let n = search.skipped + at;
            let (code, why) = match search.code {
                // a length that reaches beyond the end, and flows behind it: the length was wrong
                "truncated-file" => ("entry-damaged", "a length that does not fit".to_owned()),
                code => (code, search.why),
            };
            return Step::Lost(at, code, format!("{why}; {n} bytes skipped"));
        }
        if !there {
            // One too large to be read, too, may not be there as a whole.
            let cut = search.skipped + window.data().len() < search.said;
            let code = match search.code {
                "entry-too-large" if cut => "truncated-file",
                code => code,
            };
            return Step::End(Some((code, search.why)));
        }
        let n = window.data().len() - TAIL;
        search.skipped += n;
        self.search = Some(search);
        Step::Pass(n)
    }
}

/// Where from `from` on a dictionary begins whose first key is one of a flow's, `LENGTH:LENGTH:KEY`, and its length
/// with head and type.
fn next_flow(data: &[u8], from: usize) -> Option<(usize, usize)> {
    let data = data.get(from..)?;
    memchr::memchr_iter(b':', data).find_map(|at| {
        let (before, rest) = data.split_at_checked(at)?;
        if !FIRST.iter().any(|f| rest.starts_with(f)) {
            return None;
        }
        let digits = before
            .iter()
            .rev()
            .take(12)
            .take_while(|b| b.is_ascii_digit())
            .count();
        let (len, head) = tnet::head(data.get(at - digits..)?).ok()?;
        // the parts of a flow begin in the same way and are smaller than one
        (len > 40).then_some((from + at - digits, head + len + 1))
    })
}

impl Flows {
    fn call(&mut self, flow: Value<'_>) -> Result<Entry, NoEntry> {
        let kind = flow.get("type").bytes().unwrap_or(b"http");
        if kind != b"http" {
            return Err(NoEntry::Other(format!("a {} flow", lossless(kind))));
        }
        let request = flow.get("request");
        if !request.is_dict() {
            return Err(NoEntry::Unfit("a flow without a request".into()));
        }
        let (client, server) = (flow.get("client_conn"), flow.get("server_conn"));
        let start = time(request, "timestamp_start")
            .or_else(|| time(client, "timestamp_start"))
            .ok_or_else(|| NoEntry::Unfit("a flow without a time".into()))?;
        let sent = time(request, "timestamp_end").unwrap_or(start);
        let mut entry = Entry::new();
        let text =
            |v: Value<'_>, key: &str| lossless(v.get(key).bytes().unwrap_or_default()).into_owned();
        let host = text(request, "host");
        let port = request
            .get("port")
            .int()
            .and_then(|p| u16::try_from(p).ok());
        entry.client = address(client.first(&["peername", "address"]));
        entry.server = address(server.first(&["peername", "ip_address", "peer_address"]));
        if entry.server.0.is_none() {
            let named = address(server.get("address"));
            entry.server = (named.0.or_else(|| host.parse().ok()), named.1.or(port));
        }
        let scheme = text(request, "scheme");
        entry.exchange.tls = scheme == "https";
        let written = text(request, "authority");
        let usual = if entry.exchange.tls { 443 } else { 80 };
        entry.host = Some(match (written.is_empty(), port) {
            (false, _) => written,
            (_, Some(p)) if p != usual => format!("{host}:{p}"),
            _ => host,
        })
        .filter(|h| !h.is_empty());
        let version = version(request);
        entry.exchange.proto = match message::version_digits(&version).0 {
            2 => Some(Proto::H2),
            3 => Some(Proto::H3),
            _ => None,
        };
        let method = request.get("method").bytes().unwrap_or_default();
        let target = match request.get("path").bytes() {
            Some(p) if !p.is_empty() => p,
            _ => entry.host.as_deref().unwrap_or("").as_bytes(),
        };
        let head = Head::request(method, target, &version);
        entry.exchange.request = Some(self.message(head, request, start, sent));
        let response = flow.get("response");
        let status = response
            .first(&["status_code", "code"])
            .int()
            .and_then(|s| u16::try_from(s).ok());
        if let Some(status) = status {
            let first = time(response, "timestamp_start").unwrap_or(sent);
            let last = time(response, "timestamp_end").unwrap_or(first);
            let reason = response
                .first(&["reason", "msg"])
                .bytes()
                .unwrap_or_default();
            let head = Head::response(status, reason, &self::version(response));
            entry.exchange.response = Some(self.message(head, response, first, last));
        }
        let frames = flow.get("websocket").get("messages").list().count();
        if frames > 0 {
            self.asides.push(("websocket-not-read", frames as u64));
        }
        Ok(entry)
    }

    fn message(&mut self, mut head: Head, m: Value<'_>, first: Ts, last: Ts) -> Message {
        for pair in m.get("headers").list().take(HEADERS) {
            let mut pair = pair.list().filter_map(Value::bytes);
            if let (Some(name), Some(value)) = (pair.next(), pair.next()) {
                head.field(name, value);
            }
        }
        let body = m.first(&["content", "body"]);
        let body = match body {
            Value::Bytes(b) => Some(message::whole(b.to_vec())),
            // mitmproxy writes nothing for a body that it streamed or dropped
            _ => None,
        };
        let lost = body.is_none();
        let mut out = head.message(body.unwrap_or_default(), first, last);
        for pair in m.get("trailers").list().take(HEADERS) {
            let mut pair = pair.list().filter_map(Value::bytes);
            if let (Some(name), Some(value)) = (pair.next(), pair.next()) {
                for part in [name, b": ", value, b"\r\n"] {
                    out.trailers.extend_from_slice(part);
                }
            }
        }
        if lost {
            let none = out.header("content-length").is_none_or(|v| v == b"0")
                && out.header("transfer-encoding").is_none();
            if none {
                out.body.complete = true;
            } else {
                out.flags.insert(Flags::TRUNCATED);
                self.asides.push(("body-not-kept", 1));
                out.body = RawBody::default();
            }
        }
        out
    }
}

fn time(v: Value<'_>, key: &str) -> Option<Ts> {
    v.get(key).number().filter(|s| *s > 0.0).and_then(seconds)
}

/// `HTTP/1.1`, in old files `[1, 1]`.
fn version(v: Value<'_>) -> String {
    if let Some(b) = v.get("http_version").bytes() {
        return lossless(b).into_owned();
    }
    let mut digits = v.get("httpversion").list().filter_map(Value::int);
    match (digits.next(), digits.next()) {
        (Some(a), Some(b)) => format!("HTTP/{a}.{b}"),
        _ => String::new(),
    }
}

/// `[host, port, ...]`, in old files `{"address": [host, port]}`.
fn address(v: Value<'_>) -> Place {
    let v = if v.is_dict() { v.get("address") } else { v };
    let mut parts = v.list();
    let ip = parts.next().and_then(Value::bytes).map(lossless);
    let port = parts.next().and_then(Value::int);
    let ip = ip.and_then(|t| {
        let t = t.split('%').next().unwrap_or(&t);
        t.strip_prefix("::ffff:").unwrap_or(t).parse().ok()
    });
    (ip, port.and_then(|p| u16::try_from(p).ok()))
}

#[cfg(test)]
#[path = "mitmproxy_tests.rs"]
mod tests;
