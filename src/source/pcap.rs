//! Capture files to packets. In: the bytes of a pcap or pcapng file, or of one in another format (`snoop`,
//! `vendor`), decompressed. Out: packets borrowed from the read
//! buffer, numbered from 1, and diags for what is damaged. Bounds: one block of [`crate::limits::CAPTURE_BLOCK`] in
//! memory. Damage never ends the reading: the next plausible record is searched for and the skipped bytes are told.
//!
//! Records are read on slices of a window of our own, because the reader must go on after damage.

use super::pcapng::Section;
use super::refill::{Refill, u32_at};
use super::snoop::Snoop;
use super::vendor::Vendor;
use crate::call::model::{Stamp, Unit};
use crate::error::{Error, Result};
use crate::limits::{CAPTURE_BLOCK, PACKET_BYTES, READ_BLOCK, SECRETS_BYTES};
use std::io::Read;
use std::path::PathBuf;

/// A captured packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Time and number.
    pub at: Stamp,
    /// LINKTYPE number of the interface.
    pub link: u32,
    /// Number of the interface in its section; 0 in files that know of none.
    pub interface: u32,
    /// Captured bytes.
    pub bytes: &'a [u8],
    /// Length on the wire; larger than `bytes` where a snap length cut the packet.
    pub orig_len: u32,
}

/// What [`PacketReader::next`] gives.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Something in the file could not be used.
    Diag {
        /// What, as a short code: `damaged-record`, `truncated-packet`, `read-error`, `unknown-interface`, `unknown-block`, `bad-time`.
        code: &'static str,
        /// Number of the packet before it, at least 1.
        unit: u64,
        /// More, in words; holds no evidence text.
        detail: String,
    },
}

/// What [`PacketReader::next`] will give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// A packet of this time.
    Packet(i64),
    /// Nothing yet: the file grows (see [`PacketReader::growing`]).
    Wait,
    /// Anything else, also the end.
    Other,
}

/// Where a parsed packet lies in the window.
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) ts: i64,
    pub(super) link: u32,
    pub(super) interface: u32,
    pub(super) orig_len: u32,
}

/// One step of a format.
pub(super) enum Step {
    Packet(Found),
    /// A packet that is there, counts, and cannot be used.
    Lost(&'static str, String),
    Diag(&'static str, String),
    /// TLS secrets, in the window.
    Secrets(usize, usize),
    /// Nothing to tell: go on, or wait where the file grows.
    Again,
    End,
}

enum Format {
    Pcap(Classic),
    Pcapng(Section),
    Snoop(Snoop),
    Vendor(Vendor),
}

/// Reads the packets of one capture file.
pub struct PacketReader {
    window: Refill,
    source: u32,
    number: u64,
    format: Format,
    /// The step that was looked at and not taken.
    ahead: Option<Step>,
    /// TLS secrets that the file held so far.
    secrets: Vec<u8>,
    /// Whether an end of what is there may not be the end of the file.
    growing: bool,
}

impl PacketReader {
    /// Reads the file header. `source` goes into every stamp.
    ///
    /// # Errors
    /// [`Error::Unreadable`] where the bytes do not begin like a capture.
    pub fn open(read: Box<dyn Read + Send>, source: u32) -> Result<PacketReader> {
        PacketReader::with_block(read, source, READ_BLOCK)
    }

    /// As [`PacketReader::open`] with another block size: a look at the first packet needs no large buffer.
    ///
    /// # Errors
    /// As [`PacketReader::open`].
    pub fn with_block(
        read: Box<dyn Read + Send>,
        source: u32,
        block: usize,
    ) -> Result<PacketReader> {
        let mut window = Refill::new(read, block);
        window.have(24);
        let format = if window.data().starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            Format::Pcapng(Section::default())
        } else if let Some(snoop) = Snoop::open(&mut window) {
            Format::Snoop(snoop)
        } else if let Some(classic) = Classic::open(&mut window) {
            Format::Pcap(classic)
        } else if let Some(vendor) = Vendor::open(&mut window) {
            Format::Vendor(vendor)
        } else {
            let why = match window.failure() {
                Some(e) => format!("not readable as a capture: {e}"),
                None => "no capture in a known format".to_owned(),
            };
            return Err(Error::Unreadable {
                path: PathBuf::from("capture"),
                why,
            });
        };
        Ok(PacketReader {
            window,
            source,
            number: 0,
            format,
            ahead: None,
            secrets: Vec::new(),
            growing: false,
        })
    }

    /// The file grows: a record that is not whole yet is waited for, see [`Ahead::Wait`]. Damage is skipped as far as
    /// bytes have come.
    #[must_use]
    pub fn growing(mut self) -> PacketReader {
        self.growing = true;
        self
    }

    /// Whether the next record has not come yet.
    fn waits(&mut self) -> bool {
        let w = &mut self.window;
        match &self.format {
            Format::Pcap(f) => f.waits(w),
            Format::Pcapng(f) => f.waits(w),
            Format::Snoop(f) => f.waits(w),
            Format::Vendor(f) => f.waits(w),
        }
    }

    fn step(&mut self) -> Step {
        loop {
            let step = match &mut self.format {
                Format::Pcap(f) => f.step(&mut self.window),
                Format::Pcapng(f) => f.step(&mut self.window),
                Format::Snoop(f) => f.step(&mut self.window),
                Format::Vendor(f) => f.step(&mut self.window),
            };
            match step {
                Step::Again => {
                    if self.growing && self.waits() {
                        return Step::Again;
                    }
                }
                Step::Secrets(start, len) => {
                    let text = self.window.at(start, len);
                    if self.secrets.len() + text.len() >= SECRETS_BYTES {
                        let detail = "a block of TLS secrets was left out".to_owned();
                        return Step::Diag("keylog-limit", detail);
                    }
                    self.secrets.extend_from_slice(text);
                    self.secrets.push(b'\n');
                    if self.growing && self.waits() {
                        return Step::Again;
                    }
                }
                step => return step,
            }
        }
    }

    /// Looks at what comes next without taking it.
    pub fn ahead(&mut self) -> Ahead {
        if self.ahead.is_none() {
            if self.growing && self.waits() {
                return Ahead::Wait;
            }
            let step = self.step();
            if matches!(step, Step::Again) {
                return Ahead::Wait;
            }
            self.ahead = Some(step);
        }
        match &self.ahead {
            Some(Step::Packet(found)) => Ahead::Packet(found.ts),
            _ => Ahead::Other,
        }
    }

    /// TLS secrets that stood in the file up to here and were not yet taken, in the form of a key log.
    pub fn take_secrets(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.secrets)
    }

    /// The next packet or diag; `None` at the end.
    #[allow(clippy::should_implement_trait)] // lends from its window, which an iterator cannot
    pub fn next(&mut self) -> Option<Event<'_>> {
        loop {
            let step = match self.ahead.take() {
                Some(step) => step,
                None => self.step(),
            };
            match step {
                Step::Again | Step::Secrets(..) => {}
                Step::Packet(found) => {
                    self.number += 1;
                    return Some(Event::Packet(Packet {
                        at: Stamp {
                            ts: found.ts,
                            unit: Unit {
                                source: self.source,
                                number: self.number,
                            },
                        },
                        link: found.link,
                        interface: found.interface,
                        bytes: self.window.at(found.start, found.len),
                        orig_len: found.orig_len,
                    }));
                }
                Step::Lost(code, detail) => {
                    self.number += 1;
                    return Some(self.diag(code, detail));
                }
                Step::Diag(code, detail) => return Some(self.diag(code, detail)),
                Step::End => {
                    let why = self.window.failure()?;
                    return Some(self.diag("read-error", why));
                }
            }
        }
    }

    fn diag(&self, code: &'static str, detail: String) -> Event<'static> {
        Event::Diag {
            code,
            unit: self.number.max(1),
            detail,
        }
    }

    /// Bytes of the (decompressed) file that were consumed.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Packets so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.number
    }
}

/// Lengths of a record's header: the usual one, and those of libpcap that vendors patched and left under the usual number: one
/// more field (Nokia), interface and protocol (Red Hat 6.1), and these padded (SuSE 6.3).
const HEADS: [usize; 4] = [16, 20, 24, 28];

/// In which order a record has its two lengths.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    /// Before version 2.3.
    WireFirst,
    /// Version 2.3 has either: what was captured is the shorter one.
    Either,
}

/// The classic format: one header, then records.
struct Classic {
    big: bool,
    /// Length of a record header: 24 in Kuznetzov's modified format.
    head: usize,
    lengths: Lengths,
    /// Nanoseconds in one unit of the fraction.
    tick: i64,
    link: u32,
    /// Largest captured length believed.
    most: u32,
    last_sec: Option<u32>,
}

impl Classic {
    fn open(window: &mut Refill) -> Option<Classic> {
        let data = window.data();
        let (big, tick, modified) = match data.get(..4)? {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1000, false),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1000, false),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1, false),
            [0x34, 0xcd, 0xb2, 0xa1] => (false, 1000, true),
            [0xa1, 0xb2, 0xcd, 0x34] => (true, 1000, true),
            _ => return None,
        };
        let (version, snaplen) = (u32_at(data, 4, big)?, u32_at(data, 16, big)?);
        let (major, minor) = if big {
            (version >> 16, version & 0xffff)
        } else {
            (version & 0xffff, version >> 16)
        };
        let link = u32_at(data, 20, big)?;
        window.take(24);
        let ceiling = u32::try_from(CAPTURE_BLOCK).ok()?;
        let mut file = Classic {
            big,
            head: if modified { 24 } else { 16 },
            lengths: match (major, minor) {
                (2, ..3) => Lengths::WireFirst,
                (2, 3) => Lengths::Either,
                _ => Lengths::CapturedFirst,
            },
            tick,
            // The upper bits tell of a frame check sequence, which the length in the IP header leaves out anyway.
            link: link & 0xffff,
            // Some writers exceed their own snap length, so it raises the bound and never lowers it.
            most: snaplen.clamp(PACKET_BYTES, ceiling),
            last_sec: None,
        };
        file.head = file.head_of(window);
        Some(file)
    }

    /// Length of the records' headers: that of the number at the beginning, unless two records that follow each other prove
    /// another one.
    fn head_of(&self, window: &mut Refill) -> usize {
        let follow = |window: &mut Refill, head: usize| {
            let file = Classic { head, ..*self };
            let mut at = 0;
            let mut last = None;
            for n in 0..3 {
                if !window.have(at + 16) {
                    // as far as can be told; exactly to the end is proof
                    return (n > 0, n > 0 && window.data().len() == at);
                }
                match file.plausible(window.data(), at, last) {
                    Some((next, sec)) => (at, last) = (next, Some(sec)),
                    None => return (n == 0, false),
                }
            }
            (true, true)
        };
        if follow(window, self.head).0 {
            return self.head;
        }
        let others = HEADS.iter().filter(|h| **h >= self.head);
        others
            .copied()
            .find(|head| follow(window, *head).1)
            .unwrap_or(self.head)
    }

    /// The captured length of the record whose header begins so, and that on the wire.
    fn lengths(&self, bytes: &[u8], at: usize) -> Option<(u32, u32)> {
        let field = |n: usize| u32_at(bytes, at.checked_add(n)?, self.big);
        let (first, second) = (field(8)?, field(12)?);
        let swap = match self.lengths {
            Lengths::CapturedFirst => false,
            Lengths::WireFirst => true,
            Lengths::Either => first > second,
        };
        Some(if swap {
            (second, first)
        } else {
            (first, second)
        })
    }

    /// Whether the next record is not whole yet in a file that grows.
    fn waits(&self, window: &mut Refill) -> bool {
        if !window.have(self.head) {
            return window.pending();
        }
        self.lengths(window.data(), 0)
            .map(|(len, _)| len)
            .filter(|len| *len <= self.most)
            .is_some_and(|len| !window.have(self.head + len as usize) && window.pending())
    }

    fn step(&mut self, window: &mut Refill) -> Step {
        if !window.have(self.head) {
            return match window.data().len() {
                0 => Step::End,
                n => {
                    window.take(n);
                    Step::Diag(
                        "truncated-packet",
                        format!("the file ends {n} bytes into a record header"),
                    )
                }
            };
        }
        let lengths = self.lengths(window.data(), 0);
        let Some((len, orig_len)) = lengths.filter(|(len, _)| *len <= self.most) else {
            return self.resync(window, false);
        };
        let whole = self.head + len as usize;
        if !window.have(whole) {
            return self.resync(window, true);
        }
        let time = u32_at(window.data(), 0, self.big).zip(u32_at(window.data(), 4, self.big));
        let Some((sec, frac)) = time else {
            return self.resync(window, false);
        };
        self.last_sec = Some(sec);
        let start = window.take(whole) + self.head;
        Step::Packet(Found {
            start,
            len: len as usize,
            ts: i64::from(sec) * 1_000_000_000 + i64::from(frac) * self.tick,
            link: self.link,
            interface: 0,
            orig_len: orig_len.max(len),
        })
    }

    /// Whether a record header at `at` could be real: lengths and fraction in range and a time within a year of
    /// `last`. Says where the next record would begin, and its own time.
    fn plausible(&self, bytes: &[u8], at: usize, last: Option<u32>) -> Option<(usize, u32)> {
        let field = |n: usize| u32_at(bytes, at.checked_add(n)?, self.big);
        let (sec, frac) = (field(0)?, field(4)?);
        let (len, orig) = self.lengths(bytes, at)?;
        let near = last.is_none_or(|last| sec.abs_diff(last) < 366 * 86_400);
        let fits = i64::from(frac) * self.tick < 1_000_000_000
            && (1..=self.most).contains(&len)
            && len <= orig
            && orig as usize <= CAPTURE_BLOCK;
        (near && fits).then_some((at + self.head + len as usize, sec))
    }

    /// Searches the next place where two record headers follow each other, or one reaches exactly to the end.
    fn resync(&self, window: &mut Refill, at_end: bool) -> Step {
        let from = window.offset();
        let left = window.data().len();
        let reach = 2 * self.head + self.most as usize;
        window.take(1);
        loop {
            // Only near the end of the input is less than `reach` there.
            let more = window.have(reach);
            let data = window.data();
            // Before the end of the input, only places whose successor is certainly in the window are looked at.
            let places = if more {
                data.len().saturating_sub(reach) + 1
            } else {
                data.len().saturating_sub(self.head)
            };
            // Nearly every place falls at its length alone, so that is looked at before the rest.
            let own = if self.lengths == Lengths::WireFirst {
                12
            } else {
                8
            };
            let lengths = data.get(own..).unwrap_or_default().windows(4);
            let fits = |len: &[u8]| {
                u32_at(len, 0, self.big).is_some_and(|len| (1..=self.most).contains(&len))
            };
            let mut fitting = lengths
                .take(places)
                .enumerate()
                .filter(|(_, len)| fits(len))
                .map(|(at, _)| at);
            let found = fitting.find(|&at| {
                self.plausible(data, at, self.last_sec)
                    .is_some_and(|(next, sec)| {
                        let reaches_end = !more && next == data.len() && self.last_sec.is_some();
                        reaches_end || self.plausible(data, next, Some(sec)).is_some()
                    })
            });
            match found {
                Some(at) => {
                    window.take(at);
                    let skipped = window.offset() - from;
                    return Step::Diag(
                        "damaged-record",
                        format!("{skipped} bytes skipped at offset {from}"),
                    );
                }
                None if more => {
                    window.take(places);
                }
                None => {
                    let rest = data.len();
                    window.take(rest);
                    let skipped = window.offset() - from;
                    return if at_end {
                        Step::Diag(
                            "truncated-packet",
                            format!("the file ends {left} bytes into a record"),
                        )
                    } else {
                        Step::Diag(
                            "damaged-record",
                            format!("{skipped} bytes skipped at offset {from}, no record after it"),
                        )
                    };
                }
            }
        }
    }
}
