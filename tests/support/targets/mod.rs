//! One entry for each parser that evidence or a user's text reaches, shared by the fuzzers in `fuzz/` and by the replay of
//! their corpora in `cargo test`. In: any bytes. Out: nothing; a panic or a broken promise is the finding.
//!
//! Each checks what the parser promises beside not falling over: counts that agree, forms that survive a round trip.

mod bodies;
mod files;
mod packets;
mod streams;
mod text;
mod tls;
mod who;

pub use bodies::*;
pub use files::*;
pub use packets::*;
pub use streams::*;
pub use text::*;
pub use tls::*;
pub use who::*;

use leaktrace::detect::print::PrintKey;
use leaktrace::detect::{Rules, Scanner};
use std::cell::RefCell;
use std::sync::Arc;

/// Takes any bytes; a panic is the finding.
pub type Entry = fn(&[u8]);

/// Name and entry of every target; a corpus is the folder of that name. Behind them what of `src/` it reaches that others do
/// not: a change there is what it is run for (`fuzz/run.sh`).
pub const TARGETS: &[(&str, Entry, &[&str])] = &[
    (
        "capture",
        capture,
        &[
            "source/pcap.rs",
            "source/pcapng.rs",
            "source/snoop.rs",
            "source/vendor.rs",
            "source/bytes.rs",
            "net",
        ],
    ),
    ("frames", frames, &["net"]),
    ("segments", segments, &["net", "proto/http1"]),
    (
        "http1",
        http1,
        &["proto/http1", "proto/layer.rs", "proto/recognise"],
    ),
    ("http2", http2, &["proto/http2", "proto/layer.rs"]),
    ("websocket", websocket, &["proto/ws"]),
    ("socks", socks, &["proto/socks.rs", "proto/layer.rs"]),
    ("hello", hello, &["tls/hello.rs", "tls/der.rs"]),
    (
        "keylog",
        keylog,
        &["tls/keylog.rs", "tls/rsa.rs", "tls/der.rs"],
    ),
    ("tls", tls, &["tls", "proto/tls"]),
    ("quic", quic, &["proto/quic", "tls/initial.rs"]),
    (
        "decode",
        decode_body,
        &["body/decode.rs", "body/inflate.rs", "body/sniff.rs"],
    ),
    ("scan", scan, &["detect", "body"]),
    ("logs", logs, &["source/log"]),
    ("log_format", log_format, &["source/log"]),
    ("filter", filter, &["query/lang", "query/pattern.rs"]),
    (
        "blobs",
        blobs,
        &[
            "case/heads.rs",
            "case/ident.rs",
            "case/varint.rs",
            "detect/pack.rs",
        ],
    ),
    ("text", text, &["detect", "call/text.rs"]),
    ("credentials", credentials, &["facts/credentials"]),
    (
        "safe_text",
        safe_text,
        &["call/text.rs", "ui/widget/safe_text.rs"],
    ),
    (
        "clue",
        clue,
        &["trace/clue.rs", "trace/clue", "case/ids.rs", "body/zip.rs"],
    ),
    ("theme", theme, &["ui/theme"]),
    ("har", har, &["source/entry"]),
    ("mitmproxy", mitmproxy, &["source/entry"]),
    ("burp", burp, &["source/entry"]),
    ("unpack", unpack, &["source/coded", "source/refill.rs"]),
    ("archive", archive, &["source/archive"]),
    ("operation", operation, &["body/operation"]),
    ("protobuf", protobuf, &["body/protobuf"]),
    ("schema", schema, &["body/protobuf"]),
    ("parts", parts, &["body/multipart.rs", "body/sse.rs"]),
    (
        "sheet",
        sheets,
        &["body/sheet.rs", "body/zip.rs", "body/xml.rs"],
    ),
    ("spec", spec, &["facts/spec"]),
    ("profile", profile, &["detect/profile.rs"]),
    (
        "look",
        look,
        &["trace/text", "trace/text.rs", "detect/wraps.rs"],
    ),
];

const KEY: PrintKey = PrintKey::new([7; 16]);

thread_local! {
    static SCANNER: RefCell<Scanner> = RefCell::new(Scanner::new(Arc::new(Rules::builtin()), KEY));
}
