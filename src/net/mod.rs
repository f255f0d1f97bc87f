//! Packets to ordered byte streams. In: captured frames with their link type and time. Out: streams of bytes with
//! gaps, and datagrams, by [`StreamSink`]. Bounds: held bytes, pieces, fragments and flows as in [`crate::limits`];
//! time is packet time, never the clock.

mod assemble;
mod capwap;
mod connection;
mod copies;
mod decap;
mod esp;
mod ether;
mod flow;
mod frag;
mod ip;
mod link;
mod mirror;
mod sum;
mod table;
mod tcp;
mod tunnel;
mod upper;
mod wlan;

pub use copies::TapCopy;
pub use flow::{Diags, Net};

use crate::call::model::Stamp;
use std::net::IpAddr;

/// End of a connection: `A` sent the SYN, or the first packet where no handshake was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Opener.
    A,
    /// The other end.
    B,
}

impl Side {
    /// The other side.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }
}

/// The two ends of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// Opener (see [`Side::A`]).
    pub a: (IpAddr, u16),
    /// The other end.
    pub b: (IpAddr, u16),
    /// IP protocol number: 6 TCP, 17 UDP ...
    pub protocol: u8,
}

/// A piece of a stream, delivered in order exactly once.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Offset of the first byte in this direction's stream (the first payload byte seen is 0 where there was no handshake).
    pub offset: u64,
    /// Sequence number of the byte at offset 0: with it a byte has the same number at every tap.
    pub zero: u32,
    /// Bytes of the *other* direction that the sender had acknowledged with the packet that carried this; 0 where unknown.
    pub acked: u64,
    /// Packet that carried the first byte.
    pub at: Stamp,
    /// Whether any of these bytes was sent more than once.
    pub retransmitted: bool,
}

impl Segment<'_> {
    /// Sequence number of the byte at `pos` in it.
    #[must_use]
    pub fn seq(&self, pos: usize) -> u32 {
        self.zero.wrapping_add(low(self.offset + pos as u64))
    }
}

/// The low half of an offset, which is what sequence numbers count.
pub(crate) fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap_or(0)
}

/// Why bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// Never captured.
    Lost,
    /// Cut off by the capture's snap length.
    Snaplen,
    /// Dropped here at a limit.
    Limit,
}

/// Why a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// FIN on both sides.
    Fin,
    /// RST.
    Reset,
    /// The same ports were opened anew.
    Reused,
    /// No packet for [`crate::limits::FLOW_IDLE_NS`], or evicted at [`crate::limits::FLOWS`].
    Idle,
    /// The capture ended.
    End,
}

/// What is known of a flow when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowStats {
    /// First packet.
    pub first: Stamp,
    /// Last packet.
    pub last: Stamp,
    /// Packets by side A and B.
    pub packets: [u64; 2],
    /// Payload bytes by side, retransmitted bytes not counted again.
    pub bytes: [u64; 2],
    /// Gaps reported.
    pub gaps: u64,
    /// Whether the SYN of A, or the SYN-ACK of B, was seen: sides are certain.
    pub handshake: bool,
    /// Why it ended.
    pub close: Close,
}

/// Receives flows. The implementer keeps its own state for each flow; the flow table stores it.
pub trait StreamSink {
    /// State of one flow.
    type State;
    /// A new flow; `id` counts from 0 in order of first packets.
    fn open(&mut self, id: u64, key: &FlowKey, at: Stamp) -> Self::State;
    /// Bytes of a TCP stream, in order. A segment without bytes says that bytes before its offset were sent again.
    fn data(&mut self, state: &mut Self::State, side: Side, segment: Segment<'_>);
    /// `bytes` bytes of a stream are missing before the next segment of `side`.
    fn gap(&mut self, state: &mut Self::State, side: Side, bytes: u64, why: Missing, at: Stamp);
    /// FIN of one side was reached in order: nothing more comes from it.
    fn fin(&mut self, state: &mut Self::State, side: Side, at: Stamp);
    /// A datagram (UDP and every transport that is not TCP); `bytes` is the transport payload.
    fn datagram(&mut self, state: &mut Self::State, side: Side, bytes: &[u8], at: Stamp);
    /// The flow is a tunnel of this name: a datagram carried a packet, which is told as part of a flow of its own.
    fn tunnel(&mut self, _state: &mut Self::State, _name: &'static str) {}
    /// The flow ended; no more events for it.
    fn close(&mut self, state: Self::State, stats: &FlowStats);
}
