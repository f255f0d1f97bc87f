//! What goes from the reading thread to the others. In: nothing. Out: work with its place in the order, and what is known of a
//! source when it was read. Bounds: the byte budget of the queue.

use super::taps::TapMark;
use crate::call::model::{Exchange, FlowInfo, LogCall, Ts};
use crate::case::bodies::FullPack;
use crate::case::postings::Piece;
use crate::source::Input;
use crate::source::archive::Notes;
use crate::source::entry::Entry;
use std::collections::BTreeMap;

/// What the scan threads do.
pub enum Work {
    /// Captured exchanges.
    Exchanges(Vec<Exchange>),
    /// Lines of a log.
    Logs(Vec<LogCall>),
    /// Calls that another tool kept.
    Entries(Vec<Entry>),
    /// A full pack to be compressed.
    Pack(FullPack),
    /// Prints to be sorted.
    Prints(Piece),
    /// Nothing to scan: handed through in its turn.
    Flows(Vec<FlowInfo>),
    /// Where calls handed on before stand a second time: handed through as well.
    Taps(Vec<TapMark>),
    /// A source that came while the load ran: what follows may name it.
    Source(Box<Born>),
    /// A source was read to its end.
    SourceEnd(Box<SourceEnd>),
}

/// A source that came while the load ran.
pub struct Born {
    /// Index in this load.
    pub source: u32,
    /// What it is.
    pub input: Input,
    /// Whether it can be found again at its path.
    pub kept: bool,
    /// Whether its path is a copy of a pipe.
    pub spooled: bool,
}

/// Work with its place in the order and its weight.
pub struct Job {
    /// Order of writing; packs have none.
    pub seq: u64,
    /// Bytes charged to the budget.
    pub bytes: usize,
    /// What to do.
    pub work: Work,
}

/// What is known of a source when it was read.
#[derive(Debug, Default)]
pub struct SourceEnd {
    /// Index in this load.
    pub source: u32,
    /// Packets, for captures.
    pub packets: Option<u64>,
    /// Lines of logs, entries of other tools' files.
    pub lines: Option<u64>,
    /// Time of the earliest packet or line.
    pub first_ts: Option<Ts>,
    /// Time of the latest.
    pub last_ts: Option<Ts>,
    /// Code to count, first unit, a word more.
    pub diags: BTreeMap<String, (u64, u64, String)>,
    /// Whether something in the file could not be read.
    pub damaged: bool,
    /// Whether reading was stopped before the end.
    pub stopped: bool,
    /// SHA-256 and number of the bytes taken, of a source that grew while it was read.
    pub taken: Option<([u8; 32], u64)>,
}

impl SourceEnd {
    /// Of a capture that was not read yet.
    pub(super) fn of_capture(source: u32) -> SourceEnd {
        SourceEnd {
            source,
            packets: Some(0),
            ..SourceEnd::default()
        }
    }
    /// Of an archive, whose members are sources of their own.
    pub(super) fn of_archive(source: u32, notes: &Notes) -> SourceEnd {
        let mut end = SourceEnd {
            source,
            ..SourceEnd::default()
        };
        for (code, (n, detail)) in notes {
            end.damaged |= DAMAGE.contains(code);
            end.diags_of(code, 0, *n, detail);
        }
        end
    }
    pub(super) fn diag(&mut self, code: &str, unit: u64, detail: &str) {
        self.diags_of(code, unit, 1, detail);
    }
    /// Counts `n` at once; none where it is 0.
    pub(super) fn diags_of(&mut self, code: &str, unit: u64, n: u64, detail: &str) {
        if n == 0 {
            return;
        }
        let entry = self
            .diags
            .entry(code.to_string())
            .or_insert_with(|| (0, unit, detail.to_string()));
        entry.0 += n;
    }
    /// Packets or lines that carry no call and stand in no listed flow, or could not be read; members of archives that were
    /// left out.
    pub fn skipped(&self) -> u64 {
        self.diags
            .iter()
            .filter(|(code, _)| SKIPPED.contains(&code.as_str()))
            .map(|(_, (n, _, _))| n)
            .sum()
    }
    pub(super) fn saw(&mut self, ts: Ts) {
        self.first_ts = Some(self.first_ts.map_or(ts, |t| t.min(ts)));
        self.last_ts = Some(self.last_ts.map_or(ts, |t| t.max(ts)));
    }
}

/// Diags that mean that evidence could not be read, against those that tell what it is.
pub(super) const DAMAGE: [&str; 9] = [
    "damaged-record",
    "entry-damaged",
    "entry-unfit",
    "truncated-packet",
    "read-error",
    "log-unreadable",
    "truncated-file",
    "archive-damaged",
    "archive-cut",
];

/// Diags whose units gave nothing.
const SKIPPED: [&str; 38] = [
    "entry-damaged",
    "entry-unfit",
    "entry-no-call",
    "entry-too-large",
    "damaged-record",
    "truncated-packet",
    "unknown-interface",
    "unknown-link",
    "pdu-unplaced",
    "not-ip",
    "arp",
    "nested-too-deep",
    "frame-cut",
    "bad-ip-length",
    "bad-fragment",
    "ip-cut",
    "tcp-cut",
    "datagram-cut",
    "bad-tcp-header",
    "wlan-encrypted",
    "wlan-no-data",
    "wlan-fragment",
    "macsec-encrypted",
    "ppp-encrypted",
    "log-unfit",
    "log-no-request",
    "log-line-cut",
    "outside-time",
    "archive-damaged",
    "archive-encrypted",
    "archive-unsupported",
    "archive-no-file",
    "archive-no-evidence",
    "archive-overlap",
    "archive-unlisted",
    "archive-deep",
    "archive-limit",
    "archive-too-large",
];
