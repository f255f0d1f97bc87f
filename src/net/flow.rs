//! Packets to flows. In: packets in capture order. Out: streams and datagrams by [`StreamSink`].
//! Bounds: see [`crate::limits`].

use super::StreamSink;
use crate::source::pcap::Packet;
use std::collections::BTreeMap;

/// Diags by source and code: how many, and the number of the first packet.
pub type Diags = BTreeMap<(u32, &'static str), (u64, u64)>;

/// Turns packets into flows.
pub struct Net<S: StreamSink> {
    states: Vec<S::State>,
    counters: BTreeMap<&'static str, u64>,
    diags: Diags,
}

impl<S: StreamSink> Default for Net<S> {
    fn default() -> Self {
        Net::new()
    }
}

impl<S: StreamSink> Net<S> {
    /// No flows yet.
    #[must_use]
    pub fn new() -> Self {
        Net {
            states: Vec::new(),
            counters: BTreeMap::new(),
            diags: Diags::new(),
        }
    }
    /// Takes the next packet.
    pub fn packet(&mut self, _packet: &Packet<'_>, _sink: &mut S) {}
    /// Ends every flow, in order of their ids.
    pub fn finish(&mut self, _sink: &mut S) {}
    /// The state of every open flow, in a fixed order.
    pub fn for_each(&mut self, f: &mut dyn FnMut(&mut S::State)) {
        self.states.iter_mut().for_each(f);
    }
    /// What could not be used, by code.
    #[must_use]
    pub fn counters(&self) -> &BTreeMap<&'static str, u64> {
        &self.counters
    }
    /// What could not be used, by source and code.
    #[must_use]
    pub fn diags(&self) -> &Diags {
        &self.diags
    }
}
