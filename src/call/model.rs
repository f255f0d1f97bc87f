//! The words of the design page as types: where a fact stands, what a message and a call are, what the case stores.
//! In: nothing. Out: plain data. Bounds: bodies are cut at [`crate::limits::BODY_STORED`] before they get here.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

/// Nanoseconds since 1970-01-01 UTC by the clock of the source.
pub type Ts = i64;

/// A packet or a line of a source: sources count from 0 in load order (index into the load's list), units from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Unit {
    /// Index of the source in this load.
    pub source: u32,
    /// Packet or line number, from 1.
    pub number: u64,
}

/// A unit and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// Time of the unit.
    pub ts: Ts,
    /// The unit.
    pub unit: Unit,
}

/// Sensitivity level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Level {
    /// None.
    #[default]
    S0 = 0,
    /// Low.
    S1 = 1,
    /// Medium.
    S2 = 2,
    /// High.
    S3 = 3,
    /// Critical.
    S4 = 4,
}

impl Level {
    /// From the number in its name; above 4 is `S4`.
    pub fn from_u8(n: u8) -> Level {
        match n {
            0 => Level::S0,
            1 => Level::S1,
            2 => Level::S2,
            3 => Level::S3,
            _ => Level::S4,
        }
    }
    /// `S0` to `S4`.
    pub fn name(self) -> &'static str {
        ["S0", "S1", "S2", "S3", "S4"]
            .get(self as usize)
            .copied()
            .unwrap_or("S4")
    }
}

/// Flags of a call; names are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Body or head cut by a snap length, a limit or the capture's end.
    pub const TRUNCATED: Flags = Flags(1);
    /// Bytes are missing inside the message.
    pub const GAP: Flags = Flags(2);
    /// Only one direction of the connection was captured.
    pub const ONE_SIDED: Flags = Flags(4);
    /// No response was captured.
    pub const NO_RESPONSE: Flags = Flags(8);
    /// No request was captured.
    pub const NO_REQUEST: Flags = Flags(16);
    /// The connection changed protocol with this call (101, or CONNECT answered 2xx).
    pub const UPGRADED: Flags = Flags(32);
    /// Some of its bytes were sent again.
    pub const RETRANSMITTED: Flags = Flags(64);
    /// A sensitive value is shown masked.
    pub const MASKED: Flags = Flags(128);
    /// A sensitive value is shown in clear.
    pub const UNMASKED: Flags = Flags(256);
    /// The message breaks a framing rule and was read leniently.
    pub const BAD_FRAMING: Flags = Flags(512);
    /// Request and response may not belong together.
    pub const UNCERTAIN_PAIR: Flags = Flags(1024);
    /// The header block is incomplete.
    pub const PARTIAL_HEADERS: Flags = Flags(2048);
    /// Known from a log alone.
    pub const LOG_ONLY: Flags = Flags(4096);

    /// Bit and name of every flag, in the contract's order.
    pub const NAMES: [(Flags, &'static str); 13] = [
        (Flags::TRUNCATED, "truncated"),
        (Flags::GAP, "gap"),
        (Flags::ONE_SIDED, "one-sided"),
        (Flags::NO_RESPONSE, "no-response"),
        (Flags::NO_REQUEST, "no-request"),
        (Flags::UPGRADED, "upgraded"),
        (Flags::RETRANSMITTED, "retransmitted"),
        (Flags::MASKED, "masked"),
        (Flags::UNMASKED, "unmasked"),
        (Flags::BAD_FRAMING, "bad-framing"),
        (Flags::UNCERTAIN_PAIR, "uncertain-pair"),
        (Flags::PARTIAL_HEADERS, "partial-headers"),
        (Flags::LOG_ONLY, "log-only"),
    ];
    /// Sets the bits of `other`.
    pub fn insert(&mut self, other: Flags) {
        self.0 |= other.0;
    }
    /// Whether all bits of `other` are set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
    /// Names of the set flags, in the contract's order.
    pub fn names(self) -> Vec<&'static str> {
        Flags::NAMES
            .iter()
            .filter(|(f, _)| self.has(*f))
            .map(|(_, n)| *n)
            .collect()
    }
}

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
    /// Whether the end was seen.
    pub complete: bool,
    /// Missing pieces: offset in the body, bytes missing.
    pub gaps: Vec<(u64, u64)>,
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
    /// What was wrong with this message alone.
    pub flags: Flags,
}

impl Message {
    /// First value of a header, by name without regard to case, trimmed.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find_map(|(n, v)| {
            let n = self.head.get(n.clone())?;
            n.eq_ignore_ascii_case(name.as_bytes())
                .then(|| self.head.get(v.clone()).map(|v| v.trim_ascii()))?
        })
    }
    /// All values of a header in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.headers.iter().filter_map(move |(n, v)| {
            let n = self.head.get(n.clone())?;
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
    /// User agent.
    pub user_agent: Option<String>,
    /// Referer.
    pub referer: Option<String>,
    /// Request or trace id.
    pub trace_id: Option<String>,
    /// Whether the time had no zone and the given (or assumed UTC) one was used.
    pub assumed_zone: bool,
}

/// What protocol a call came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Proto {
    /// `http/0.9`.
    Http09 = 0,
    /// `http/1.0`.
    Http10 = 1,
    /// `http/1.1`, and any other 1.x.
    Http11 = 2,
    /// `h2`.
    H2 = 3,
    /// `grpc`.
    Grpc = 4,
    /// `ws`.
    Ws = 5,
    /// `h3`.
    H3 = 6,
    /// `log`.
    Log = 7,
}

impl Proto {
    /// All, in the order of their numbers.
    pub const ALL: [Proto; 8] = [
        Proto::Http09,
        Proto::Http10,
        Proto::Http11,
        Proto::H2,
        Proto::Grpc,
        Proto::Ws,
        Proto::H3,
        Proto::Log,
    ];
    /// Name in the contract.
    pub fn name(self) -> &'static str {
        [
            "http/0.9", "http/1.0", "http/1.1", "h2", "grpc", "ws", "h3", "log",
        ]
        .get(self as usize)
        .copied()
        .unwrap_or("log")
    }
}

/// Role of a locator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Where the call was first seen.
    Origin = 0,
    /// More of it in another source (rotation).
    Continued = 1,
    /// The same packets at another tap.
    Tap = 2,
    /// A log line of the same call.
    Log = 3,
}

/// Where a call stands in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locator {
    /// Source index in this load.
    pub source: u32,
    /// Role.
    pub role: Role,
    /// First packet or line.
    pub first: u64,
    /// Last packet or line.
    pub last: u64,
    /// Byte range of a line in the decompressed file; `None` for packets.
    pub range: Option<(u64, u64)>,
    /// Time there.
    pub ts: Ts,
}

/// A keyed 64-bit print of a normalised value: equal values have equal prints within one case.
pub type Print = u64;

/// A value that may belong to a data class, as the scanner saw it; columns decide later.
#[derive(Debug, Clone, PartialEq)]
pub struct RawFinding {
    /// Class: index into the rule set, below [`crate::limits::CLASSES`].
    pub class: u8,
    /// Encoding around the value, see [`crate::detect::form`].
    pub form: crate::detect::form::Form,
    /// Whether part of the value is masked.
    pub masked: bool,
    /// 0..=100: belief from the value itself and its key, before its column is looked at.
    pub conf: u8,
    /// Place with array indices left open: `$.items[*].idCard`, `header:authorization`, `query:phone`, `path:2`, `form:mobile`, `csv:4`.
    pub field: Arc<str>,
    /// Indices that fill the `[*]` of `field` in order; for CSV the row number from 1.
    pub index: Box<[u32]>,
    /// Byte offset in the decoded content (of the head text for headers and target).
    pub offset: u64,
    /// Length in bytes there.
    pub len: u32,
    /// Record the value stands in: number from 1 within the body, 0 for none.
    pub record: u32,
    /// Print of the normalised value; of `prefix|length|suffix` where masked; of the digest's bytes for one-way forms.
    pub print: Print,
}

/// How often a field held a value of the shape of a class that its validator refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// Class.
    pub class: u8,
    /// Field, as in [`RawFinding::field`].
    pub field: Arc<str>,
    /// Values refused.
    pub count: u32,
}

/// What the scanner found in one body or one head.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Candidates in order of offset.
    pub findings: Vec<RawFinding>,
    /// Refused values per field and class.
    pub misses: Vec<Miss>,
    /// Objects or rows seen that could be records.
    pub records: u32,
    /// Findings dropped at a limit.
    pub dropped: u64,
}

/// [`Facts`] as they are stored but for the numbers of their fields, which only the case can give; see [`crate::detect::pack`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// Field paths in order of first use.
    pub fields: Vec<Arc<str>>,
    /// As in [`Facts::records`].
    pub records: u32,
    /// As in [`Facts::dropped`].
    pub dropped: u64,
    /// Print of each finding.
    pub prints: Vec<Print>,
    /// Findings and refused values, coded.
    pub rest: Vec<u8>,
}

/// A credential presented by a request. The secret itself is never kept: only its print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSeen {
    /// `jwt cookie basic digest bearer api-key oauth ntlm saml mtls header log-user`.
    pub kind: &'static str,
    /// Where: `header:authorization`, `cookie:sid`, `query:api_key`.
    pub place: String,
    /// Keyed print of the secret.
    pub print: Print,
    /// A name that the credential carries in itself (Basic user, JWT claim), best claim first.
    pub name: Option<String>,
    /// What the name came from: `preferred_username`, `email`, `sub`, `client_id`, `user` ...
    pub claim: Option<String>,
    /// Whether the credential says of itself that it belongs to a program (client-credentials token).
    pub service: bool,
}

/// Stands before the place of something that only looks like a credential: it counts where the same value is handed out
/// in one call and presented in another.
pub const MAYBE: char = '~';

/// Something a call tells about who owns a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityEvent {
    /// A login form or body with this name was answered with these new credentials.
    Login {
        /// Login name.
        name: String,
        /// Whether it is the name of a program (`client_id` without a user).
        service: bool,
        /// Prints of the cookies and tokens that the answer handed out, with their place (`cookie:sid`, `$.access_token`).
        /// A place with [`MAYBE`] before it only looks like one: it counts where the same is presented somewhere.
        issued: Vec<(String, Print)>,
        /// Whether it can be nothing else; a form with a name and a password may also create somebody.
        sure: bool,
    },
    /// A login that failed.
    LoginFailed {
        /// Login name.
        name: String,
    },
    /// New credentials were handed out in exchange for one that was presented (refresh, session rotation).
    Renewed {
        /// Prints handed out.
        issued: Vec<(String, Print)>,
    },
    /// The presented credential ended.
    Logout,
    /// The answer names the owner of the presented credential (`/me`, `/userinfo`).
    WhoAmI {
        /// Name.
        name: String,
        /// Whether the address says that the answer is about the caller; else all answers of it together decide.
        sure: bool,
    },
    /// A trusted front names the user (`x-forwarded-user`, log user).
    Fronted {
        /// Name.
        name: String,
        /// Header or `log-user`.
        place: String,
    },
    /// The call acts for somebody else (on-behalf-of header).
    OnBehalf {
        /// Name.
        name: String,
    },
    /// An answer names the owner of a credential that the caller does not use itself (introspection, a list of keys).
    Owned {
        /// Name.
        name: String,
        /// Whether it is a program's.
        service: bool,
        /// Print of the credential.
        print: Print,
    },
    /// One token or answer holds all these names of one person, best first (`preferred_username`, e-mail, `sub`).
    SamePerson {
        /// Names, at least two.
        names: Vec<String>,
    },
}

/// A body ready to be stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BodyOut {
    /// Decoded content, at most [`crate::limits::BODY_STORED`] bytes.
    pub content: Vec<u8>,
    /// Decoded length in all.
    pub len: u64,
    /// SHA-256 of all decoded bytes; `None` where the body is cut.
    pub sha256: Option<[u8; 32]>,
    /// 128 bits of the hash of `content`, to store equal content once.
    pub key: u128,
    /// Why the content is shorter than it was: `gap`, `truncated`, `bomb`, `limit`, `coding`.
    pub cut: Option<&'static str>,
    /// Codings undone, outermost first (`gzip`).
    pub codings: Vec<&'static str>,
    /// Sniffed kind: `json ndjson xml html form multipart csv text binary grpc protobuf sse`.
    pub kind: &'static str,
    /// Type of its messages under the schema that it was scanned with.
    pub message: Option<String>,
    /// What the scanner found.
    pub facts: Packed,
}

/// What a call tells of a dispatcher, see [`crate::body::operation::dispatch`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dispatch {
    /// `query:action=list`, a line each, in order of place.
    pub fields: String,
    /// Prints of the names of all other parameters (high half) and of the answer's fields (low half, 0 for none).
    pub shape: u64,
}

/// A call ready to be stored: all that the wire or the log told, before accounts, templates and columns are decided.
#[derive(Debug, Clone, PartialEq)]
pub struct CallOut {
    /// First unit: with `ord`, the call's identity.
    pub at: Unit,
    /// Position of the call in its flow, from 0; for lines always 0.
    pub ord: u32,
    /// Whether nothing more will come; a call may be written again with the same `at` and `ord` until then.
    pub done: bool,
    /// Flow index in this load.
    pub flow: Option<u64>,
    /// Position in the flow of the call that this one came of (the upgrade of a WebSocket).
    pub parent: Option<u32>,
    /// First byte of the request, else of the response.
    pub ts: Ts,
    /// Last byte of the response.
    pub end_ts: Option<Ts>,
    /// Client.
    pub src: Option<IpAddr>,
    /// Client port.
    pub sport: Option<u16>,
    /// Server.
    pub dst: Option<IpAddr>,
    /// Server port.
    pub dport: Option<u16>,
    /// Protocol.
    pub proto: Proto,
    /// Whether it was decrypted.
    pub tls: bool,
    /// Method.
    pub method: Option<String>,
    /// Host as sent, port included.
    pub host: Option<String>,
    /// Request target as sent.
    pub uri: Option<String>,
    /// Path without query, percent-decoded for show.
    pub path: Option<String>,
    /// Operation that makes the API where it is not the route (`#GetUser`), without the `#`.
    pub operation: Option<String>,
    /// What was read of the operation, for people; `None` where the route says it all.
    pub op_note: Option<String>,
    /// Kind of API: `rest static graphql soap json-rpc ...`.
    pub kind: &'static str,
    /// Fields that may choose an operation, and prints of what else was asked and answered.
    pub dispatch: Option<Dispatch>,
    /// gRPC status from trailers, or from headers where the answer has no body.
    pub grpc_status: Option<u32>,
    /// Final status.
    pub status: Option<u16>,
    /// Lengths of the contract.
    pub req_body_len: Option<u64>,
    /// Response bytes before content coding is removed.
    pub resp_body_len: Option<u64>,
    /// Media type of the request, lower case, without parameters.
    pub req_type: Option<String>,
    /// Media type of the response.
    pub resp_type: Option<String>,
    /// User agent.
    pub user_agent: Option<String>,
    /// Flags.
    pub flags: Flags,
    /// Raw heads, see [`crate::case::heads`].
    pub heads: Vec<u8>,
    /// Request body; `None` where there is none or it is unknown.
    pub req_body: Option<BodyOut>,
    /// Response body.
    pub resp_body: Option<BodyOut>,
    /// Findings in target and headers of the request.
    pub req_facts: Packed,
    /// Findings in headers of the response.
    pub resp_facts: Packed,
    /// Credentials presented, strongest first.
    pub credentials: Vec<CredentialSeen>,
    /// What the call tells about who owns which credential.
    pub events: Vec<IdentityEvent>,
    /// Request or trace id that joins it to logs and other captures.
    pub trace_id: Option<String>,
    /// Where it stands.
    pub locators: Vec<Locator>,
}
