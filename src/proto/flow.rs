//! One flow: which protocol it carries, and what it looked like. In: its events. Out: the events of its parser, and its
//! [`FlowInfo`]. Bounds: [`limits::PROBE_BYTES`] held while probing, [`limits::FLOW_HEAD`] bytes remembered a side.

use super::{Carry, Cx, Feed, PROTOS, Probe, Proto, Switch, recognise};
use crate::call::model::{Exchange, FlowInfo, Stamp};
use crate::limits;
use crate::net::{Close, FlowKey, FlowStats, Missing, Segment, Side};
use std::collections::BTreeMap;

/// What the flow's events may write to.
#[derive(Debug)]
pub(super) struct Env<'a> {
    pub out: &'a mut Vec<Exchange>,
    pub diags: &'a mut BTreeMap<(u32, &'static str), (u64, u64)>,
    pub budget: usize,
}

/// State of one flow.
#[derive(Debug)]
pub struct FlowState {
    id: u64,
    key: FlowKey,
    ordinal: u32,
    /// First bytes of side A and B.
    heads: [Vec<u8>; 2],
    spoke: [bool; 2],
    /// Bytes of side A and B were missing, or were nothing known, before a parser took over.
    unclear: [bool; 2],
    stage: Stage,
    depth: usize,
    /// The protocol that handed over to another.
    outer: Option<Box<Outer>>,
}

/// A protocol that handed over.
#[derive(Debug)]
pub(super) struct Outer {
    /// What its parser knew.
    pub about: super::About,
    /// What it said comes next.
    pub to: String,
}

#[derive(Debug)]
enum Stage {
    /// Nothing recognised yet; bytes that may be the start of something are kept.
    Probing(Option<Box<[Carry; 2]>>),
    /// A parser has it.
    Parsing(Box<dyn Proto>),
}

fn index(side: Side) -> usize {
    match side {
        Side::A => 0,
        Side::B => 1,
    }
}

impl FlowState {
    pub(super) fn new(id: u64, key: &FlowKey) -> FlowState {
        FlowState {
            id,
            key: *key,
            ordinal: 0,
            heads: [Vec::new(), Vec::new()],
            spoke: [false; 2],
            unclear: [false; 2],
            stage: Stage::Probing(None),
            depth: 0,
            outer: None,
        }
    }

    /// Copies of calls that were begun and are not done, each once until another message of it begins or ends; the
    /// bytes of bodies are left out.
    pub fn open_exchanges(&mut self, out: &mut Vec<Exchange>) {
        let (mut none, mut diags) = (Vec::new(), BTreeMap::new());
        if let Stage::Parsing(p) = &mut self.stage {
            let mut cx = Cx {
                flow: self.id,
                key: &self.key,
                ordinal: &mut self.ordinal,
                out: &mut none,
                budget: 0,
                diags: &mut diags,
                spoke: self.spoke,
            };
            p.open(&mut cx, out);
        }
    }

    pub(super) fn held(&self) -> usize {
        match &self.stage {
            Stage::Probing(None) => 0,
            Stage::Probing(Some(c)) => c.iter().map(Carry::held).sum(),
            Stage::Parsing(p) => p.held(),
        }
    }

    fn remember(&mut self, side: Side, bytes: &[u8]) {
        if let Some(head) = self.heads.get_mut(index(side))
            && head.len() < limits::FLOW_HEAD
        {
            let n = bytes.len().min(limits::FLOW_HEAD - head.len());
            head.extend_from_slice(bytes.get(..n).unwrap_or_default());
        }
        if let Some(s) = self.spoke.get_mut(index(side)) {
            *s = true;
        }
    }

    pub(super) fn datagram(&mut self, side: Side, bytes: &[u8]) {
        self.remember(side, bytes);
    }

    pub(super) fn data(&mut self, side: Side, segment: Segment<'_>, env: &mut Env<'_>) {
        if segment.bytes.is_empty() {
            // bytes that were given out already came again
            if let (true, Some((p, mut cx))) = (segment.retransmitted, self.parser(env)) {
                p.resent(side, segment.offset, &mut cx);
            }
            return;
        }
        self.remember(side, segment.bytes);
        self.feed(side, segment, env);
    }

    /// Gives a segment to the parser or the probes; a switch of protocols inside it is followed.
    fn feed(&mut self, side: Side, segment: Segment<'_>, env: &mut Env<'_>) {
        let mut rest = segment;
        loop {
            match &mut self.stage {
                Stage::Parsing(p) => {
                    let mut cx = Cx {
                        flow: self.id,
                        key: &self.key,
                        ordinal: &mut self.ordinal,
                        out: env.out,
                        budget: env.budget,
                        diags: env.diags,
                        spoke: self.spoke,
                    };
                    match p.data(side, rest, &mut cx) {
                        Feed::Go => return,
                        Feed::Switch(s) => {
                            if self.depth >= limits::TUNNEL_DEPTH {
                                cx.diag("tunnel-depth", segment.at.unit);
                            }
                            p.close(Close::Reused, None, &mut cx);
                            let used = s.used;
                            if !self.switch(side, s, env) {
                                return;
                            }
                            rest.bytes = rest.bytes.get(used..).unwrap_or_default();
                            rest.offset += used as u64;
                            if rest.bytes.is_empty() {
                                return;
                            }
                        }
                    }
                }
                Stage::Probing(_) => return self.probe(side, rest, env),
            }
        }
    }

    /// Another protocol takes over. `false` where the nesting is too deep to look further.
    fn switch(&mut self, side: Side, s: Switch, env: &mut Env<'_>) -> bool {
        if let Stage::Parsing(p) = &self.stage
            && self.outer.is_none()
        {
            self.outer = Some(Box::new(Outer {
                about: p.about(),
                to: s.to,
            }));
        }
        self.stage = Stage::Probing(None);
        self.depth += 1;
        if self.depth > limits::TUNNEL_DEPTH {
            return false;
        }
        for piece in s.held.segments() {
            self.feed(side.other(), piece, env);
        }
        true
    }

    fn probe(&mut self, side: Side, segment: Segment<'_>, env: &mut Env<'_>) {
        if self.depth > limits::TUNNEL_DEPTH {
            return;
        }
        let mine = match &mut self.stage {
            Stage::Probing(Some(c)) => c
                .get_mut(index(side))
                .map(std::mem::take)
                .unwrap_or_default(),
            _ => Carry::default(),
        };
        let mut carry = mine;
        let first = segment.offset == carry.bytes().len() as u64 || self.depth > 0;
        let alone = ask(segment.bytes, first);
        let verdict = if carry.is_empty() {
            alone
        } else if matches!(alone, Verdict::Start(..)) {
            // what was kept was no start: here is one
            carry = Carry::default();
            alone
        } else {
            carry.push(&segment);
            ask(carry.bytes(), first)
        };
        match verdict {
            Verdict::Start(spec, client) => {
                let client = if client { side } else { side.other() };
                let other = match &mut self.stage {
                    Stage::Probing(Some(c)) => c
                        .get_mut(index(side.other()))
                        .map(std::mem::take)
                        .unwrap_or_default(),
                    _ => Carry::default(),
                };
                self.stage = Stage::Parsing((spec.new)(client));
                for (s, unclear) in [Side::A, Side::B]
                    .into_iter()
                    .zip(std::mem::take(&mut self.unclear))
                {
                    if unclear {
                        self.gap(s, 0, Missing::Lost, segment.at, env);
                    }
                }
                for piece in other.segments() {
                    self.feed(side.other(), piece, env);
                }
                if carry.is_empty() {
                    self.feed(side, segment, env);
                } else {
                    for piece in carry.segments() {
                        self.feed(side, piece, env);
                    }
                }
            }
            Verdict::More if carry.bytes().len() + segment.bytes.len() < limits::PROBE_BYTES => {
                if carry.is_empty() {
                    carry.push(&segment);
                }
                if let Stage::Probing(slot) = &mut self.stage
                    && let Some(c) = slot.get_or_insert_default().get_mut(index(side))
                {
                    *c = carry;
                }
            }
            _ => {
                self.unclear(side);
                let found = PROTOS
                    .iter()
                    .find_map(|spec| (spec.find)(segment.bytes).map(|at| (*spec, at)));
                // text inside a protocol that has another name is not a call
                if let Some((_, at)) = found
                    && recognise::unnamed(&self.key, &self.heads)
                {
                    let rest = Segment {
                        bytes: segment.bytes.get(at..).unwrap_or_default(),
                        offset: segment.offset + at as u64,
                        ..segment
                    };
                    if at > 0 && !rest.bytes.is_empty() {
                        self.feed(side, rest, env);
                    }
                }
            }
        }
    }

    fn parser<'s>(&'s mut self, env: &'s mut Env<'_>) -> Option<(&'s mut Box<dyn Proto>, Cx<'s>)> {
        match &mut self.stage {
            Stage::Parsing(p) => Some((
                p,
                Cx {
                    flow: self.id,
                    key: &self.key,
                    ordinal: &mut self.ordinal,
                    out: env.out,
                    budget: env.budget,
                    diags: env.diags,
                    spoke: self.spoke,
                },
            )),
            Stage::Probing(_) => None,
        }
    }

    pub(super) fn gap(
        &mut self,
        side: Side,
        bytes: u64,
        why: Missing,
        at: Stamp,
        env: &mut Env<'_>,
    ) {
        if let Some((p, mut cx)) = self.parser(env) {
            p.gap(side, bytes, why, at, &mut cx);
        } else if let Stage::Probing(Some(c)) = &mut self.stage
            && let Some(c) = c.get_mut(index(side))
        {
            *c = Carry::default();
        }
        if matches!(self.stage, Stage::Probing(_)) {
            self.unclear(side);
        }
    }

    fn unclear(&mut self, side: Side) {
        if let Some(u) = self.unclear.get_mut(index(side)) {
            *u = true;
        }
    }

    pub(super) fn fin(&mut self, side: Side, at: Stamp, env: &mut Env<'_>) {
        if let Some((p, mut cx)) = self.parser(env) {
            p.fin(side, at, &mut cx);
        }
    }

    pub(super) fn close(&mut self, stats: &FlowStats, env: &mut Env<'_>) -> FlowInfo {
        let about = if let Some((p, mut cx)) = self.parser(env) {
            p.close(stats.close, Some(stats), &mut cx);
            Some(p.about())
        } else {
            None
        };
        recognise::info(
            recognise::Known {
                id: self.id,
                key: &self.key,
                heads: &self.heads,
                calls: u64::from(self.ordinal),
                outer: self.outer.take(),
                inner: about,
            },
            stats,
        )
    }
}

enum Verdict {
    Start(&'static super::ProtoSpec, bool),
    More,
    No,
}

fn ask(bytes: &[u8], first: bool) -> Verdict {
    let mut more = false;
    for spec in PROTOS {
        match (spec.probe)(bytes, first) {
            Probe::Client => return Verdict::Start(spec, true),
            Probe::Server => return Verdict::Start(spec, false),
            Probe::More => more = true,
            Probe::No => {}
        }
    }
    if more { Verdict::More } else { Verdict::No }
}
