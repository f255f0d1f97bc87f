//! Evidence files: what they are, and their packets and lines. In: paths. Out: inputs in a fixed order with what their
//! content is, their bytes (decompressed), their hash. Bounds: sniffing reads [`crate::limits::SNIFF_BYTES`] of each
//! file, folders are walked to [`crate::limits::FOLDER_DEPTH`]; evidence is opened for reading only.

mod bytes;
mod coded;
mod discover;
pub mod entry;
pub mod live;
pub mod log;
pub mod pcap;
mod pcapng;
mod refill;

pub use bytes::{hash_file, hash_start, open_bytes, unpacked};
pub(crate) use discover::UNKNOWN;
pub use discover::{discover, kind_of, walk};

use std::path::PathBuf;

/// An evidence file that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Its name as given; for a member of a folder its path below that folder.
    pub name: String,
    /// Length of the file itself (compressed where it is compressed).
    pub bytes: u64,
    /// What it holds.
    pub kind: Kind,
    /// Time of its first packet; `None` for logs and captures without packets.
    pub first_ts: Option<i64>,
}

/// What an evidence file holds, by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Packets, classic format.
    Pcap,
    /// Packets, pcapng.
    Pcapng,
    /// An access log in the named format.
    Log(&'static str),
    /// Whole calls that another tool kept: `har`, `mitmproxy`, `burp`.
    Entries(&'static str),
}

impl Kind {
    /// Name in the contract: `pcap`, `pcapng`, `log:combined` ...
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Kind::Pcap => "pcap".to_owned(),
            Kind::Pcapng => "pcapng".to_owned(),
            Kind::Log(format) => format!("log:{format}"),
            Kind::Entries(format) => format.to_owned(),
        }
    }
}
