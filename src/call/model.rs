//! The words of the design page as types: where a fact stands, what a message and a call are, what the case stores.
//! In: nothing. Out: plain data. Bounds: bodies are cut at [`crate::limits::BODY_STORED`] before they get here.

mod found;
mod wire;

pub use found::*;
pub use wire::*;

use std::net::IpAddr;

pub use super::indices::Indices;

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
    /// TCP sequence numbers of the first bytes of request and response: what a second tap has in common.
    pub seq: [Option<u32>; 2],
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
