//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng). In: the window over the file. Out: packets and diags, one
//! step at a time. Bounds: blocks of [`crate::limits::CAPTURE_BLOCK`], [`crate::limits::INTERFACES`] interfaces.

use super::pcap::{Found, Step};
use super::refill::{Refill, u32_at};
use crate::limits::{CAPTURE_BLOCK, INTERFACES};
use pcap_parser::{
    InterfaceDescriptionBlock, OptionCode, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock,
};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Secrets that open what the file holds.
const SECRETS: u32 = 10;
/// Secrets in the form of a TLS key log.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Blocks that hold no packets: names, statistics, journal, secrets, custom, processes.
const NO_PACKETS: [u32; 7] = [4, 5, 9, SECRETS, 0x0bad, 0x4000_0bad, 0x8000_0001];

/// State of the current section.
#[derive(Default)]
pub(super) struct Section {
    big: bool,
    interfaces: Vec<Interface>,
    /// Time of the last packet: simple packets have none of their own.
    last: i64,
    /// Time stamp of the last packet where it is out of range, still to be told.
    bad_time: Option<u64>,
}

struct Interface {
    link: u32,
    snaplen: u32,
    clock: Clock,
}

/// How the time stamps of an interface count.
#[derive(Clone, Copy)]
struct Clock {
    /// `if_tsresol`: a negative power of ten, or of two where the top bit is set.
    resolution: u8,
    /// `if_tsoffset` in seconds.
    offset: i64,
}

impl Clock {
    /// Nanoseconds since 1970; `None` where they do not fit.
    fn ns(self, raw: u64) -> Option<i64> {
        let power = u32::from(self.resolution & 0x7f);
        let ns = if self.resolution & 0x80 != 0 {
            // 64 bits of ticks times 30 bits of nanoseconds fit; beyond 2^-127 nothing is left.
            (u128::from(raw) * 1_000_000_000) >> power
        } else if power <= 9 {
            u128::from(raw) * u128::from(10u32.pow(9 - power))
        } else {
            10u128
                .checked_pow(power - 9)
                .map_or(0, |d| u128::from(raw) / d)
        };
        let offset = self.offset.checked_mul(1_000_000_000)?;
        i64::try_from(ns).ok()?.checked_add(offset)
    }
}

impl Section {
    /// Whether the next block is not whole yet in a file that grows.
    pub(super) fn waits(&self, window: &mut Refill) -> bool {
        if !window.have(12) {
            return window.pending();
        }
        self.head(window.data(), 0)
            .is_some_and(|(_, len)| !window.have(len) && window.pending())
    }

    pub(super) fn step(&mut self, window: &mut Refill) -> Step {
        if let Some(raw) = self.bad_time.take() {
            let detail = format!("time stamp {raw} is out of range, the one before is used");
            return Step::Diag("bad-time", detail);
        }
        if !window.have(12) {
            return match window.data().len() {
                0 => Step::End,
                n => {
                    window.take(n);
                    Step::Diag(
                        "truncated-packet",
                        format!("the file ends {n} bytes into a block"),
                    )
                }
            };
        }
        let Some((kind, len)) = self.head(window.data(), 0) else {
            return self.resync(window, false);
        };
        if !window.have(len) {
            return self.resync(window, true);
        }
        let Some(block) = window.data().get(..len) else {
            return self.resync(window, true);
        };
        if kind == SECTION {
            let Ok((_, section)) = parse_sectionheaderblock(block) else {
                return self.resync(window, false);
            };
            self.big = section.big_endian();
            self.interfaces.clear();
            window.take(len);
            return Step::Again;
        }
        // Wireshark takes the leading length for true as well; a wrong trailing one matters where no block follows.
        if u32_at(block, len - 4, self.big) != u32_at(block, 4, self.big)
            && window.have(len + 12)
            && self.head(window.data(), len).is_none()
        {
            return self.resync(window, false);
        }
        let step = match (window.data().get(..len), kind) {
            (Some(block), INTERFACE) => self.interface(block),
            (Some(block), ENHANCED_PACKET | OBSOLETE_PACKET) => self.packet(block, kind),
            (Some(block), SIMPLE_PACKET) => self.simple(block),
            (Some(block), SECRETS) => self.secrets(block),
            (_, kind) if NO_PACKETS.contains(&kind) => Step::Again,
            _ => Step::Diag("unknown-block", format!("block type {kind:#x} skipped")),
        };
        let start = window.take(len);
        match step {
            Step::Packet(mut found) => {
                found.start += start;
                Step::Packet(found)
            }
            Step::Secrets(from, len) => Step::Secrets(start + from, len),
            step => step,
        }
    }

    /// Type and length (padding included) of the block at `at`, where they can be true.
    fn head(&self, data: &[u8], at: usize) -> Option<(u32, usize)> {
        let kind = u32_at(data, at, self.big)?;
        // The byte order of a section header is its own.
        let big = match kind {
            SECTION => u32_at(data, at + 8, true)? == 0x1a2b_3c4d,
            _ => self.big,
        };
        let len = u32_at(data, at + 4, big)? as usize;
        // Some writers leave the padding out of the length.
        (12..=CAPTURE_BLOCK)
            .contains(&len)
            .then(|| (kind, len.next_multiple_of(4)))
    }

    fn interface(&mut self, block: &[u8]) -> Step {
        let parsed = if self.big {
            parse_interfacedescriptionblock_be(block)
        } else {
            parse_interfacedescriptionblock_le(block)
        };
        let Ok((_, found)) = parsed else {
            return Step::Diag(
                "damaged-record",
                "an interface description does not parse".to_owned(),
            );
        };
        if self.interfaces.len() >= INTERFACES {
            return Step::Diag("unknown-interface", "too many interfaces".to_owned());
        }
        self.interfaces.push(Interface {
            link: found.linktype.0.cast_unsigned() & 0xffff,
            snaplen: found.snaplen,
            clock: Clock {
                resolution: found.if_tsresol,
                offset: self.offset(&found),
            },
        });
        Step::Again
    }

    /// `if_tsoffset` in the byte order of the section; the crate reads it as little-endian always.
    fn offset(&self, found: &InterfaceDescriptionBlock<'_>) -> i64 {
        let option = found
            .options
            .iter()
            .find(|o| o.code == OptionCode::IfTsoffset);
        let bytes: Option<[u8; 8]> =
            option.and_then(|o| o.value().get(..8).and_then(|v| v.try_into().ok()));
        match bytes {
            Some(b) if self.big => i64::from_be_bytes(b),
            Some(b) => i64::from_le_bytes(b),
            None => 0,
        }
    }

    /// An enhanced or obsolete packet block. Read by hand: the crate would collect the options into a list each time.
    fn packet(&mut self, block: &[u8], kind: u32) -> Step {
        let field = |at: usize| u32_at(block, at, self.big).unwrap_or(0);
        if block.len() < 32 {
            return Step::Diag(
                "damaged-record",
                "a packet block is shorter than its header".to_owned(),
            );
        }
        // The obsolete block holds a 16-bit interface and a 16-bit drop count in the same four bytes.
        let interface = match (kind, self.big) {
            (OBSOLETE_PACKET, true) => field(8) >> 16,
            (OBSOLETE_PACKET, false) => field(8) & 0xffff,
            _ => field(8),
        };
        let raw = u64::from(field(12)) << 32 | u64::from(field(16));
        let (captured, orig_len) = (field(20) as usize, field(24));
        let Some(from) = self.interfaces.get(interface as usize) else {
            return Step::Lost(
                "unknown-interface",
                format!("interface {interface} is not described"),
            );
        };
        if captured > block.len() - 32 {
            return Step::Lost(
                "damaged-record",
                "a packet is longer than its block".to_owned(),
            );
        }
        let ts = from.clock.ns(raw).unwrap_or_else(|| {
            self.bad_time = Some(raw);
            self.last
        });
        self.last = ts;
        Step::Packet(Found {
            start: 28,
            len: captured,
            ts,
            link: from.link,
            interface,
            orig_len: orig_len.max(field(20)),
        })
    }

    /// A Decryption Secrets Block: those of TLS are used.
    fn secrets(&self, block: &[u8]) -> Step {
        let len = u32_at(block, 12, self.big).map_or(0, |n| n as usize);
        if u32_at(block, 8, self.big) != Some(TLS_KEY_LOG) {
            return Step::Diag("unknown-secrets", "secrets that are not of TLS".to_owned());
        }
        match block.len().checked_sub(20) {
            Some(room) => Step::Secrets(16, len.min(room)),
            None => Step::Diag("damaged-record", "a block of secrets is cut".to_owned()),
        }
    }

    /// A simple packet block: first interface, no time.
    fn simple(&mut self, block: &[u8]) -> Step {
        let Some(from) = self.interfaces.first() else {
            return Step::Lost(
                "unknown-interface",
                "a simple packet before any interface".to_owned(),
            );
        };
        let (Some(orig_len), Some(room)) =
            (u32_at(block, 8, self.big), block.len().checked_sub(16))
        else {
            return Step::Diag(
                "damaged-record",
                "a packet block is shorter than its header".to_owned(),
            );
        };
        let snaplen = match from.snaplen {
            0 => usize::MAX,
            n => n as usize,
        };
        Step::Packet(Found {
            start: 12,
            len: room.min(orig_len as usize).min(snaplen),
            ts: self.last,
            link: from.link,
            interface: 0,
            orig_len,
        })
    }

    /// Whether a block of a known type with two equal lengths stands at `at`; `data` reaches to its end or is the rest.
    fn plausible(&self, data: &[u8], at: usize) -> bool {
        let Some((kind, len)) = self.head(data, at) else {
            return false;
        };
        let known = matches!(
            kind,
            SECTION | INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
        ) || NO_PACKETS.contains(&kind);
        if !known {
            return false;
        }
        match kind {
            // Its byte order may differ; the magic and the order mark are proof enough.
            SECTION => matches!(u32_at(data, at + 8, true), Some(0x1a2b_3c4d | 0x4d3c_2b1a)),
            _ => u32_at(data, at + len - 4, self.big) == u32_at(data, at + 4, self.big),
        }
    }

    /// Searches the next block after damage.
    fn resync(&self, window: &mut Refill, at_end: bool) -> Step {
        let from = window.offset();
        let left = window.data().len();
        window.take(1);
        loop {
            let more = window.have(CAPTURE_BLOCK);
            let data = window.data();
            let places = if more {
                data.len().saturating_sub(CAPTURE_BLOCK) + 1
            } else {
                data.len().saturating_sub(11)
            };
            if let Some(at) = (0..places).find(|&at| self.plausible(data, at)) {
                window.take(at);
                let skipped = window.offset() - from;
                return Step::Diag(
                    "damaged-record",
                    format!("{skipped} bytes skipped at offset {from}"),
                );
            }
            let rest = data.len();
            window.take(if more { places } else { rest });
            if !more {
                let skipped = window.offset() - from;
                return if at_end {
                    Step::Diag(
                        "truncated-packet",
                        format!("the file ends {left} bytes into a block"),
                    )
                } else {
                    Step::Diag(
                        "damaged-record",
                        format!("{skipped} bytes skipped at offset {from}, no block after it"),
                    )
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_every_resolution_fit_or_say_no() {
        let ns = |resolution, offset, raw| Clock { resolution, offset }.ns(raw);
        assert_eq!(ns(6, 0, 1_500_000), Some(1_500_000_000));
        assert_eq!(ns(9, 0, 7), Some(7));
        assert_eq!(ns(12, 0, 7_999), Some(7));
        assert_eq!(ns(0, 1, 2), Some(3_000_000_000));
        assert_eq!(ns(0x80 | 10, 0, 1536), Some(1_500_000_000));
        assert_eq!(ns(6, -1, 1_000_000), Some(0));
        assert_eq!(ns(127, 0, u64::MAX), Some(0));
        assert_eq!(ns(0xff, 0, u64::MAX), Some(0));
        assert_eq!(ns(0, 0, u64::MAX), None);
        assert_eq!(ns(6, i64::MAX, 1), None);
    }
}
