//! TCP headers (RFC 9293 section 3.1). In: an IP payload. Out: the fields that reassembly needs. Bounds: none needed.

use super::ether::{u16_at, u32_at};
use super::sum::{self, Sum};
use std::net::IpAddr;

/// A TCP segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tcp<'a> {
    pub(super) sport: u16,
    pub(super) dport: u16,
    /// Sequence number of the first payload byte, or of the SYN before it.
    pub(super) seq: u32,
    /// Acknowledgement, where the flag is set.
    pub(super) ack: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) psh: bool,
    /// Whether it points to urgent data (RFC 9293 section 3.8.5).
    pub(super) urgent: bool,
    /// What was captured of the payload.
    pub(super) payload: &'a [u8],
    /// Bytes of the segment on the wire, header included.
    pub(super) len: usize,
    /// Payload bytes that were on the wire beyond `payload`.
    pub(super) missing: usize,
    pub(super) sum: Sum,
}

/// Parses a segment between two addresses; `missing` bytes of the IP payload were not captured.
///
/// # Errors
/// The code under which the packet is counted.
pub(super) fn parse(
    bytes: &[u8],
    missing: usize,
    ends: (IpAddr, IpAddr),
) -> Result<Tcp<'_>, &'static str> {
    let (Some(sport), Some(dport), Some(seq), Some(ack), Some(&offset), Some(&flags)) = (
        u16_at(bytes, 0),
        u16_at(bytes, 2),
        u32_at(bytes, 4),
        u32_at(bytes, 8),
        bytes.get(12),
        bytes.get(13),
    ) else {
        return Err("tcp-cut");
    };
    let header = usize::from(offset >> 4) * 4;
    let total = bytes.len() + missing;
    if header < 20 || header > total {
        return Err("bad-tcp-header");
    }
    // Options may be cut by the snap length as well; then nothing is left of the payload.
    let payload = bytes.get(header..).unwrap_or(&[]);
    Ok(Tcp {
        sport,
        dport,
        seq,
        ack: (flags & 0x10 != 0).then_some(ack),
        syn: flags & 0x02 != 0,
        fin: flags & 0x01 != 0,
        rst: flags & 0x04 != 0,
        psh: flags & 0x08 != 0,
        urgent: flags & 0x20 != 0,
        payload,
        len: total,
        missing: total - header - payload.len(),
        sum: if missing > 0 {
            Sum::Open
        } else {
            sum::of(bytes, 6, ends, 16)
        },
    })
}
