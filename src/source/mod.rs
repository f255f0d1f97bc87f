//! Evidence files: what they are, and their packets and lines. In: paths. Out: inputs in a fixed order with what their
//! content is, their bytes (decompressed), their hash. Bounds: sniffing reads [`crate::limits::SNIFF_BYTES`] of each
//! file, folders are walked to [`crate::limits::FOLDER_DEPTH`]; evidence is opened for reading only.

pub mod archive;
mod bytes;
mod coded;
mod discover;
pub mod entry;
mod foreign;
pub mod live;
pub mod log;
pub mod pcap;
mod pcapng;
mod refill;
mod snoop;
mod vendor;

pub use bytes::{Sum, hash_file, hash_start, open_bytes, open_summed, unpacked};
pub(crate) use discover::UNKNOWN;
pub use discover::{Look, discover, kind_of, members, walk};

use crate::error::{Error, Result};
use archive::{Member, Notes};
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

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
    /// Which member of the archive at `path` it is; `None` for a file.
    pub member: Option<Member>,
    /// Of an archive: what of it was left out.
    pub notes: Notes,
}

impl Input {
    /// Opens it for reading, compression undone; see [`open_bytes`].
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be opened or its beginning cannot be read.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        match &self.member {
            None => open_bytes(&self.path),
            Some(member) => member.open().map_err(Error::io(&self.path, "cannot read")),
        }
    }

    /// Whether it is a capture that lies in a file of its own: its hash is made while it is read, see [`open_summed`].
    pub fn summed(&self) -> bool {
        self.member.is_none() && self.kind.is_capture()
    }

    /// SHA-256 and length of the file, or of the member, as it lies.
    ///
    /// # Errors
    /// As [`hash_file`].
    pub fn hash(&self, stop: &AtomicBool) -> Result<([u8; 32], u64)> {
        match &self.member {
            None => hash_file(&self.path, stop, &mut |_| {}),
            Some(member) => member.hash(stop).map_err(|e| match e.kind() {
                std::io::ErrorKind::Interrupted => Error::Interrupted,
                _ => Error::io(&self.path, "cannot read")(e),
            }),
        }
    }
}

/// What an evidence file holds, by its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Packets, classic format.
    Pcap,
    /// Packets, pcapng.
    Pcapng,
    /// Packets in another format, by its name in the contract: `pcap-snoop`, `pcap-netmon` ...
    Capture(&'static str),
    /// An access log in a format.
    Log(log::LogKind),
    /// Whole calls that another tool kept: `har`, `mitmproxy`, `burp`.
    Entries(&'static str),
    /// Files, each a source of its own: `tar`, `zip`.
    Archive(&'static str),
}

impl Kind {
    /// Whether it holds packets.
    #[must_use]
    pub fn is_capture(&self) -> bool {
        matches!(self, Kind::Pcap | Kind::Pcapng | Kind::Capture(_))
    }

    /// The format that was given for a log and that its lines have.
    #[must_use]
    pub fn mapping(&self) -> Option<&str> {
        match self {
            Kind::Log(log) => log.given(),
            _ => None,
        }
    }

    /// Name in the contract: `pcap`, `pcapng`, `log:combined` ...
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Kind::Pcap => "pcap".to_owned(),
            Kind::Pcapng => "pcapng".to_owned(),
            Kind::Log(log) => format!("log:{}", log.name()),
            Kind::Entries(format) | Kind::Archive(format) | Kind::Capture(format) => {
                (*format).to_owned()
            }
        }
    }
}
