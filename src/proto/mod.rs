//! Protocols on streams: recognised by content, parsed without I/O. In: streams and datagrams from [`crate::net`].
//! Out: calls and flows, see [`Calls`]. Bounds: see [`crate::limits`]; what a bound costs is counted.

use crate::call::model::{Exchange, FlowInfo, Stamp};
use crate::net::{FlowKey, FlowStats, Missing, Segment, Side, StreamSink};
use std::collections::BTreeMap;

/// Collects what flows turn out to carry. Drain the vectors whenever you like.
#[derive(Debug, Default)]
pub struct Calls {
    /// Exchanges that are complete, each exactly once, with `done` set.
    pub exchanges: Vec<Exchange>,
    /// Flows that ended.
    pub flows: Vec<FlowInfo>,
    /// What was skipped or cut at a limit: source and code to count and first unit.
    pub diags: BTreeMap<(u32, &'static str), (u64, u64)>,
}

/// State of one flow.
#[derive(Debug)]
pub struct FlowState {}

impl FlowState {
    /// Copies of calls that were begun and are not done, each once until it changes.
    pub fn open_exchanges(&mut self, _out: &mut Vec<Exchange>) {}
}

impl StreamSink for Calls {
    type State = FlowState;
    fn open(&mut self, _id: u64, _key: &FlowKey, _at: Stamp) -> FlowState {
        FlowState {}
    }
    fn data(&mut self, _state: &mut FlowState, _side: Side, _segment: Segment<'_>) {}
    fn gap(&mut self, _s: &mut FlowState, _side: Side, _bytes: u64, _why: Missing, _at: Stamp) {}
    fn fin(&mut self, _state: &mut FlowState, _side: Side, _at: Stamp) {}
    fn datagram(&mut self, _state: &mut FlowState, _side: Side, _bytes: &[u8], _at: Stamp) {}
    fn close(&mut self, _state: FlowState, _stats: &FlowStats) {}
}
