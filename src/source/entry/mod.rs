//! Files in which other tools keep whole calls: HTTP archives, mitmproxy's flows, Burp's items. In: decompressed bytes.
//! Out: one [`Entry`] a call, numbered from 1, with the bytes it stands in, and a diag for everything that is none.
//! Bounds: one entry of [`crate::limits::ENTRY_BYTES`] in memory; a larger one is skipped and counted.
//!
//! A format is one file here and one line in [`FORMATS`]. What is missing in an entry stays missing: addresses, ports and
//! lengths are only what the tool wrote down.

mod burp;
mod har;
mod message;
mod mitmproxy;
mod tnet;

use super::log::LogZone;
use super::refill::Refill;
use crate::call::model::{Exchange, Flags, Message, Stamp, Ts, Unit};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};

/// Where a number stands that a file may leave out.
type Place = (Option<IpAddr>, Option<u16>);

/// One call as another tool wrote it down.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Number of the entry in the file, from 1, and the source.
    pub at: Unit,
    /// Byte range of the entry in the decompressed file.
    pub range: (u64, u64),
    /// The messages. Its addresses are unspecified where `client` and `server` do not know them, and it is of no flow.
    pub exchange: Exchange,
    /// Client address and port.
    pub client: Place,
    /// Server address and port.
    pub server: Place,
    /// Host where no header names it.
    pub host: Option<String>,
    /// Whether content coding is undone already, whatever the headers say.
    pub decoded: bool,
    /// Body bytes before content coding is removed, of request and response, where they are not those of the message.
    pub body_len: [Option<Option<u64>>; 2],
    /// Whether the time had no zone that is certain.
    pub assumed_zone: bool,
}

impl Entry {
    /// Nothing but a place.
    fn new() -> Entry {
        let nobody = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Entry {
            at: Unit::default(),
            range: (0, 0),
            exchange: Exchange {
                flow: 0,
                ordinal: 0,
                client: nobody,
                server: nobody,
                request: None,
                response: None,
                interim: Vec::new(),
                flags: Flags::default(),
                // a tool sees a call over TLS from the inside
                tls: false,
                peer: None,
                proto: None,
                parent: None,
                context: None,
                done: true,
            },
            client: (None, None),
            server: (None, None),
            host: None,
            decoded: false,
            body_len: [None, None],
            assumed_zone: false,
        }
    }

    fn messages(&mut self) -> impl Iterator<Item = &mut Message> {
        self.exchange
            .request
            .iter_mut()
            .chain(&mut self.exchange.response)
    }

    /// Time of the first byte that is known.
    #[must_use]
    pub fn ts(&self) -> Ts {
        self.exchange
            .request
            .as_ref()
            .or(self.exchange.response.as_ref())
            .map_or(0, |m| m.first.ts)
    }

    /// Bytes that it holds, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.exchange
            .request
            .iter()
            .chain(&self.exchange.response)
            .map(|m| m.head.len() + m.body.bytes.len() + 400)
            .sum()
    }
}

/// What a format makes of the next bytes.
enum Step {
    /// An entry of so many bytes, whole in the window: parsed, or why it is none.
    Entry(usize, Result<Box<Entry>, NoEntry>),
    /// Bytes that are no entry and nothing to tell of.
    Pass(usize),
    /// Bytes that are an entry damaged or too large to be read, with what is to be said.
    Lost(usize, &'static str, String),
    /// Nothing more; with what is to be said where the file ends too early.
    End(Option<(&'static str, String)>),
}

/// Why an entry is no call; the names are diag codes.
#[derive(Debug, Clone, PartialEq)]
enum NoEntry {
    /// It does not have the form of the format.
    Unfit(String),
    /// It is whole, and is something else than an HTTP call.
    Other(String),
}

/// A file read step by step.
trait Format: Send {
    /// Looks at the window's next bytes and says what they are.
    fn step(&mut self, window: &mut Refill) -> Step;
    /// What was met inside the last entry beside the call itself: code and how often.
    fn asides(&mut self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// A format of such files.
pub struct EntryFormat {
    /// Kind of the source: `har`, `mitmproxy`, `burp`.
    pub name: &'static str,
    /// Whether a file that begins so is of it.
    sniff: fn(&[u8]) -> bool,
    new: fn(LogZone) -> Box<dyn Format>,
}

/// Every format.
pub static FORMATS: &[EntryFormat] = &[
    EntryFormat {
        name: "har",
        sniff: har::sniff,
        new: |zone| Box::new(har::Har::new(zone)),
    },
    EntryFormat {
        name: "mitmproxy",
        sniff: mitmproxy::sniff,
        new: |_| Box::new(mitmproxy::Flows::default()),
    },
    EntryFormat {
        name: "burp",
        sniff: burp::sniff,
        new: |zone| Box::new(burp::Items::new(zone)),
    },
];

/// Which format the beginning of a file has.
pub fn sniff(beginning: &[u8]) -> Option<&'static str> {
    FORMATS
        .iter()
        .find(|f| (f.sniff)(beginning))
        .map(|f| f.name)
}

/// What a reader gives.
#[derive(Debug)]
pub enum EntryEvent {
    /// A call.
    Entry(Box<Entry>),
    /// Something that gave none: code (`entry-unfit entry-no-call entry-too-large entry-damaged truncated-file read-error` and what is
    /// missing inside an entry), the entry's number, how often, words.
    Diag(&'static str, u64, u64, String),
}

/// Reads the entries of one file.
pub struct EntryReader {
    window: Refill,
    format: Box<dyn Format>,
    source: u32,
    number: u64,
    waiting: Vec<EntryEvent>,
    ended: bool,
}

impl EntryReader {
    /// `format` is the name that [`sniff`] gave.
    pub fn new(
        input: Box<dyn Read + Send>,
        format: &str,
        zone: LogZone,
        source: u32,
    ) -> Option<EntryReader> {
        let format = FORMATS.iter().find(|f| f.name == format)?;
        Some(EntryReader {
            window: Refill::new(input, 1 << 18),
            format: (format.new)(zone),
            source,
            number: 0,
            waiting: Vec::new(),
            ended: false,
        })
    }

    /// Entries so far, those that are no call included.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.number
    }

    /// Bytes of the decompressed file that were consumed.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The next call or diag; `None` at the end.
    #[allow(clippy::should_implement_trait)] // mirrors the packet reader, which lends
    pub fn next(&mut self) -> Option<EntryEvent> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let offset = self.window.offset();
            match self.format.step(&mut self.window) {
                Step::Pass(n) => {
                    self.window.take(n);
                }
                Step::Entry(len, parsed) => {
                    self.window.take(len);
                    self.number += 1;
                    let number = self.number;
                    for (code, n) in self.format.asides() {
                        self.waiting
                            .push(EntryEvent::Diag(code, number, n, String::new()));
                    }
                    self.waiting.push(match parsed {
                        Ok(mut entry) => {
                            self.place(&mut entry, offset, len as u64);
                            EntryEvent::Entry(entry)
                        }
                        Err(NoEntry::Unfit(why)) => EntryEvent::Diag("entry-unfit", number, 1, why),
                        Err(NoEntry::Other(what)) => {
                            EntryEvent::Diag("entry-no-call", number, 1, what)
                        }
                    });
                }
                Step::Lost(n, code, text) => {
                    self.window.take(n);
                    self.number += 1;
                    return Some(EntryEvent::Diag(code, self.number, 1, text));
                }
                Step::End(said) => {
                    self.ended = true;
                    let at = self.number.max(1);
                    if let Some(why) = self.window.failure() {
                        return Some(EntryEvent::Diag("read-error", at, 1, why));
                    }
                    if let Some((code, text)) = said {
                        return Some(EntryEvent::Diag(code, at, 1, text));
                    }
                }
            }
        }
    }

    fn place(&self, entry: &mut Entry, offset: u64, len: u64) {
        let unit = Unit {
            source: self.source,
            number: self.number,
        };
        entry.at = unit;
        entry.range = (offset, len);
        for m in entry.messages() {
            m.first.unit = unit;
            m.last.unit = unit;
        }
        if entry.exchange.response.is_none() {
            entry.exchange.flags.insert(Flags::NO_RESPONSE);
        }
        if entry.exchange.request.is_none() {
            entry.exchange.flags.insert(Flags::NO_REQUEST);
        }
    }
}

/// A stamp whose unit the reader fills in.
fn at(ts: Ts) -> Stamp {
    Stamp {
        ts,
        unit: Unit::default(),
    }
}

/// Seconds since 1970 as nanoseconds.
fn seconds(s: f64) -> Option<Ts> {
    let ns = s * 1e9;
    // floats hold whole microseconds of such times: what is below is noise
    let micros = (ns / 1e3).round();
    (micros.abs() < 9e15)
        .then(|| format!("{micros:.0}").parse::<i64>().ok())?
        .and_then(|us| us.checked_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_their_microseconds() {
        assert_eq!(
            seconds(1_772_359_200.784_021),
            Some(1_772_359_200_784_021_000)
        );
        assert_eq!(seconds(f64::NAN), None);
        assert_eq!(seconds(1e30), None);
    }
}
