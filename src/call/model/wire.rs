//! What was read off the wire and out of logs, before anything follows from it: messages, exchanges, flows, lines.
//! In: nothing. Out: plain data. Bounds: bodies are cut at [`crate::limits::BODY_STORED`] before they get here.

use super::{Flags, Proto, Stamp, Ts, Unit};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// Direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Dir {
    /// Client to server.
    Req = 0,
    /// Server to client.
    Resp = 1,
}

/// First line of a message, as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Request line. Ranges point into [`Message::head`]; `target` is empty where none was sent.
    Request {
        /// Method.
        method: Range<usize>,
        /// Request target.
        target: Range<usize>,
    },
    /// Status line; also a response whose status line was lost (status 0 is never used: `None`).
    Response {
        /// Final or interim status.
        status: Option<u16>,
    },
}

/// A body as it came over the wire, transfer coding removed, content coding not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawBody {
    /// The first [`crate::limits::BODY_STORED`] bytes. A gap inside is left out and listed in `gaps`.
    pub bytes: Vec<u8>,
    /// Bytes that were captured, also those beyond `bytes`.
    pub len: u64,
    /// SHA-256 of all `len` bytes where they are more than `bytes` holds (identity coding only).
    pub long_sha256: Option<[u8; 32]>,
    /// Whether the end was seen, and how much of it is missing before is known.
    pub complete: bool,
    /// Whether the end was seen, whatever is missing before.
    pub ended: bool,
    /// Missing pieces: offset in the body, bytes missing; 0 where it is not known how many.
    pub gaps: Vec<(u64, u64)>,
    /// Packets by the captured byte that each begins with, of a body that consists of messages; at most
    /// [`crate::limits::BODY_PLACES`].
    pub places: Vec<(u64, Stamp)>,
}

/// One request or response with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Start line.
    pub start: Start,
    /// Raw start line and header block as sent (without the empty line). HTTP/0.9 responses have none.
    pub head: Vec<u8>,
    /// Header fields: name and value as ranges of `head`, obsolete folding included in the value.
    pub headers: Vec<(Range<usize>, Range<usize>)>,
    /// Raw trailer block of a chunked body; usually empty.
    pub trailers: Vec<u8>,
    /// Version digits `(major, minor)`; 0.9 for a simple request.
    pub version: (u8, u8),
    /// Body.
    pub body: RawBody,
    /// First byte.
    pub first: Stamp,
    /// Last byte seen.
    pub last: Stamp,
    /// TCP sequence number of the first byte, as far as it came over TCP; inside TLS, of its record and from there on.
    pub seq: Option<u32>,
    /// What was wrong with this message alone.
    pub flags: Flags,
}

impl Message {
    /// First value of a header, by name without regard to case, trimmed.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find_map(|(n, v)| {
            // asked for many names: most differ in length
            let n = self.head.get(n.clone()).filter(|n| n.len() == name.len())?;
            n.eq_ignore_ascii_case(name.as_bytes())
                .then(|| self.head.get(v.clone()).map(|v| v.trim_ascii()))?
        })
    }
    /// All values of a header in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers.iter().filter_map(move |(n, v)| {
            // asked for many names: most differ in length
            let n = self.head.get(n.clone()).filter(|n| n.len() == name.len())?;
            n.eq_ignore_ascii_case(name.as_bytes())
                .then(|| self.head.get(v.clone()).map(|v| v.trim_ascii()))?
        })
    }
    /// Method of a request.
    pub fn method(&self) -> Option<&[u8]> {
        match &self.start {
            Start::Request { method, .. } => self.head.get(method.clone()),
            Start::Response { .. } => None,
        }
    }
    /// Target of a request.
    pub fn target(&self) -> Option<&[u8]> {
        match &self.start {
            Start::Request { target, .. } => self.head.get(target.clone()),
            Start::Response { .. } => None,
        }
    }
    /// Status of a response.
    pub fn status(&self) -> Option<u16> {
        match &self.start {
            Start::Response { status } => *status,
            Start::Request { .. } => None,
        }
    }
}

/// One request and its response, as protocols hand them on. `done` false: shown from its header on, completed later
/// under the same `flow` and `ordinal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Index of the flow in this load (see [`FlowInfo::id`]).
    pub flow: u64,
    /// Position of the exchange in its flow, from 0.
    pub ordinal: u32,
    /// Client address and port.
    pub client: (IpAddr, u16),
    /// Server address and port.
    pub server: (IpAddr, u16),
    /// Request, `None` where it was not captured.
    pub request: Option<Message>,
    /// Final response.
    pub response: Option<Message>,
    /// Interim (1xx) responses.
    pub interim: Vec<Message>,
    /// Flags of the pair.
    pub flags: Flags,
    /// Whether it was decrypted.
    pub tls: bool,
    /// Subject of the client's certificate (RFC 8446, 4.4.2), where the connection that carried it showed one.
    pub peer: Option<Arc<str>>,
    /// Protocol, where the version of its messages does not tell it (a WebSocket message).
    pub proto: Option<Proto>,
    /// Ordinal of the exchange in the same flow that this one came of (the upgrade of a WebSocket, the request of a push).
    pub parent: Option<u32>,
    /// Request whose credentials this exchange goes on with where it has none of its own (the upgrade of a WebSocket).
    pub context: Option<Arc<Message>>,
    /// Whether nothing more will come.
    pub done: bool,
}

/// What a TLS handshake said.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TlsFacts {
    /// `TLS 1.2` ...: the version chosen, else the highest offered.
    pub version: Option<String>,
    /// `v1`, `draft-29` ...: the version of QUIC, where that carries the handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quic: Option<String>,
    /// Cipher suite chosen, by its registered name.
    pub cipher: Option<String>,
    /// Subject of the server's certificate, as it says.
    pub subject: Option<String>,
    /// Its issuer.
    pub issuer: Option<String>,
    /// End of its validity.
    pub not_after: Option<String>,
    /// Subject of the client's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_subject: Option<String>,
    /// Whether content was decrypted.
    pub opened: bool,
}

/// A flow as it is listed, decoded or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowInfo {
    /// Index of the flow in this load, from 0 in order of first packet.
    pub id: u64,
    /// First packet.
    pub first: Stamp,
    /// Last packet.
    pub last: Stamp,
    /// Client.
    pub client: (IpAddr, u16),
    /// Server.
    pub server: (IpAddr, u16),
    /// `tcp`, `udp`, `icmp`, `sctp`, `ip-N`.
    pub transport: &'static str,
    /// What it carries: `http tls ssh dns ... unknown`.
    pub app: &'static str,
    /// Packets of both directions.
    pub packets: u64,
    /// Payload bytes from client to server.
    pub bytes_out: u64,
    /// Payload bytes from server to client.
    pub bytes_in: u64,
    /// TLS server name.
    pub sni: Option<String>,
    /// TLS application protocols offered or chosen.
    pub alpn: Option<String>,
    /// Our print of the client's hello.
    pub client_print: Option<String>,
    /// What the TLS handshake said.
    pub tls: Option<Box<TlsFacts>>,
    /// Places where bytes are missing.
    pub gaps: u64,
    /// Calls found in it.
    pub calls: u64,
    /// Why nothing more can be said of it; `None` where it was decoded.
    pub why_opaque: Option<String>,
}

/// A line of an access log that stands for a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogCall {
    /// Line.
    pub at: Unit,
    /// Of the calls that a document has in this line, the how manieth, from 0.
    pub ord: u32,
    /// Byte range of the line in the decompressed file.
    pub offset: u64,
    /// Length of the line in bytes, without its end.
    pub len: u64,
    /// Start of the request where the format tells it, else the time the line was written.
    pub ts: Ts,
    /// End of the response where known.
    pub end_ts: Option<Ts>,
    /// Client.
    pub src: Option<IpAddr>,
    /// Client port.
    pub sport: Option<u16>,
    /// Server that was reached (upstream), where it is an address.
    pub dst: Option<IpAddr>,
    /// Its port.
    pub dport: Option<u16>,
    /// Method.
    pub method: Option<String>,
    /// Host.
    pub host: Option<String>,
    /// Request target.
    pub uri: Option<String>,
    /// HTTP version as written (`HTTP/1.1`).
    pub version: Option<String>,
    /// Status.
    pub status: Option<u16>,
    /// Body bytes sent.
    pub resp_body_len: Option<u64>,
    /// Body bytes received.
    pub req_body_len: Option<u64>,
    /// Logged user.
    pub user: Option<String>,
    /// Whom the user acts for.
    pub behalf: Option<String>,
    /// User agent.
    pub user_agent: Option<String>,
    /// Referer.
    pub referer: Option<String>,
    /// Request or trace id.
    pub trace_id: Option<String>,
    /// Whether the time had no zone and the given (or assumed UTC) one was used.
    pub assumed_zone: bool,
    /// Where its year is from.
    pub year: LogYear,
    /// A later line that tells more of it, in the same log.
    pub later: Option<LogLater>,
}

/// Where the year of a line's time is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogYear {
    /// The line tells it.
    #[default]
    Told,
    /// It is that of what is around it.
    Around,
    /// Nothing tells it.
    Unknown,
    /// The line tells no day, or no time at all: calls stand in the order of their lines.
    Order,
}

/// Where a later line of a call stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogLater {
    /// Line.
    pub line: u64,
    /// Byte range in the decompressed file.
    pub offset: u64,
    /// Its length, without its end.
    pub len: u64,
}
