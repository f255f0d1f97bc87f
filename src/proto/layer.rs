//! One layer of a flow: which protocol its bytes carry, and who parses them. The flow itself is the outermost layer; what a
//! parser unwraps (TLS, a tunnel) is a layer of its own. In: segments and gaps. Out: the events of its parser. Bounds:
//! [`limits::PROBE_BYTES`] held while probing, [`limits::FLOW_HEAD`] bytes remembered a side.

use super::proxied::{self, Header};
use super::{About, Begin, Carry, Cx, Feed, PROTOS, Probe, Proto, Switch, ftp, recognise};
use crate::call::model::{Exchange, Stamp};
use crate::limits;
use crate::net::{Close, FlowKey, FlowStats, Missing, Segment, Side};

/// One layer.
#[derive(Debug, Default)]
pub struct Layer {
    /// First bytes of side A and B.
    heads: [Vec<u8>; 2],
    /// Bytes of side A and B were missing, or were nothing known, before a parser took over.
    unclear: [bool; 2],
    /// Last byte of side A and B before what is kept; 0 where there is none.
    prior: [u8; 2],
    /// Bytes of side A and B that a load balancer wrote before them.
    before: [u64; 2],
    stage: Stage,
    depth: usize,
    /// The protocol that handed over to another.
    outer: Option<Box<Outer>>,
}

/// A protocol that handed over.
#[derive(Debug)]
pub(super) struct Outer {
    /// What its parser knew; without a name where no parser had it and its first bytes name it.
    pub about: About,
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

impl Default for Stage {
    fn default() -> Stage {
        Stage::Probing(None)
    }
}

impl Layer {
    /// Copies of calls that were begun and are not done, see [`Proto::open`].
    pub fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        if let Stage::Parsing(p) = &mut self.stage {
            p.open(cx, out);
        }
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        match &self.stage {
            Stage::Probing(None) => 0,
            Stage::Probing(Some(c)) => c.iter().map(Carry::held).sum(),
            Stage::Parsing(p) => p.held(),
        }
    }

    /// What the parser at work knows; `None` while nothing is recognised.
    pub fn about(&self) -> Option<About> {
        match &self.stage {
            Stage::Probing(_) => None,
            Stage::Parsing(p) => Some(p.about()),
        }
    }

    /// What names the flow of which this is the outermost layer.
    pub(super) fn known<'a>(
        &'a mut self,
        id: u64,
        key: &'a FlowKey,
        grams: &'a recognise::Grams,
        calls: u64,
    ) -> recognise::Known<'a> {
        recognise::Known {
            id,
            key,
            calls,
            announced: false,
            outer: self.outer.take(),
            inner: self.about(),
            heads: &self.heads,
            grams,
        }
    }

    /// Keeps the first bytes of a side: they name what no parser takes.
    pub(super) fn remember(&mut self, side: Side, bytes: &[u8]) {
        if let Some(head) = self.heads.get_mut(side as usize)
            && head.len() < limits::FLOW_HEAD
        {
            let n = bytes.len().min(limits::FLOW_HEAD - head.len());
            head.extend_from_slice(bytes.get(..n).unwrap_or_default());
        }
    }

    /// Keeps the first bytes of a datagram instead.
    pub(super) fn remember_gram(&mut self, side: Side, bytes: &[u8]) {
        if let Some(head) = self.heads.get_mut(side as usize) {
            head.clear();
        }
        self.remember(side, bytes);
    }

    /// Bytes of one side in order; a segment without bytes says that those before its offset came again.
    pub fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) {
        if segment.bytes.is_empty() {
            if let (true, Stage::Parsing(p)) = (segment.retransmitted, &mut self.stage) {
                p.resent(side, segment.offset, cx);
            }
            return;
        }
        self.remember(side, segment.bytes);
        self.feed(side, segment, cx);
    }

    /// Gives a segment to the parser or the probes; a switch of protocols inside it is followed.
    fn feed(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) {
        let mut rest = segment;
        loop {
            match &mut self.stage {
                Stage::Parsing(p) => match p.data(side, rest, cx) {
                    Feed::Go => return,
                    Feed::Switch(s) => {
                        if self.depth + cx.depth >= limits::TUNNEL_DEPTH {
                            cx.diag("tunnel-depth", segment.at.unit);
                        }
                        p.close(Close::Reused, None, cx);
                        let used = s.used;
                        if !self.switch(side, s, cx) {
                            return;
                        }
                        rest.bytes = rest.bytes.get(used..).unwrap_or_default();
                        rest.offset += used as u64;
                        if rest.bytes.is_empty() {
                            return;
                        }
                    }
                },
                Stage::Probing(_) => return self.probe(side, rest, cx),
            }
        }
    }

    /// Another protocol takes over. `false` where the nesting is too deep to look further.
    fn switch(&mut self, side: Side, s: Switch, cx: &mut Cx<'_>) -> bool {
        self.depth += 1;
        let deep = self.depth + cx.depth > limits::TUNNEL_DEPTH;
        let next = PROTOS
            .iter()
            .find(|spec| !deep && spec.upgrade.contains(&s.to.as_str()));
        let pending = s.to == "h2c";
        if let Stage::Parsing(p) = &self.stage
            && self.outer.is_none()
        {
            self.outer = Some(Box::new(Outer {
                about: p.about(),
                to: s.to,
            }));
        }
        self.stage = match (next, s.upgraded) {
            (Some(spec), Some(upgraded)) => Stage::Parsing((spec.new)(Begin {
                client: upgraded.client,
                upgraded: Some(upgraded),
            })),
            (_, upgraded) => {
                // the exchange that waited for a protocol nobody takes stands as it is
                cx.out
                    .extend(upgraded.filter(|_| pending).map(|u| u.exchange));
                Stage::Probing(None)
            }
        };
        if deep {
            return false;
        }
        for piece in s.held.segments() {
            self.feed(side.other(), piece, cx);
        }
        true
    }

    fn probe(&mut self, side: Side, mut segment: Segment<'_>, cx: &mut Cx<'_>) {
        if self.depth + cx.depth > limits::TUNNEL_DEPTH {
            return;
        }
        if ftp::may(segment.bytes) && recognise::name_of(&self.heads) == Some("ftp") {
            let (ip, _) = cx.end(side);
            cx.shared.expected.announced(segment.bytes, ip);
        }
        let mine = match &mut self.stage {
            Stage::Probing(Some(c)) => c
                .get_mut(side as usize)
                .map(std::mem::take)
                .unwrap_or_default(),
            _ => Carry::default(),
        };
        let mut carry = mine;
        let before = self.before.get(side as usize).copied().unwrap_or(0);
        // only what begins so is put together and looked at
        let begins = carry.bytes().first().or(segment.bytes.first());
        let may = matches!(begins, Some(b'P' | b'\r'));
        if may && before == 0 && self.depth == 0 && segment.offset == carry.bytes().len() as u64 {
            match proxied::header(&[carry.bytes(), segment.bytes].concat()) {
                Header::None => {}
                Header::More => {
                    carry.push(&segment);
                    return self.keep(side, carry);
                }
                Header::Of(len) => {
                    // what is kept is a part of the header, else it would have been whole before
                    let used = len.saturating_sub(carry.bytes().len());
                    segment.bytes = segment.bytes.get(used..).unwrap_or_default();
                    segment.offset += used as u64;
                    if let Some(b) = self.before.get_mut(side as usize) {
                        *b = len as u64;
                    }
                    if !segment.bytes.is_empty() {
                        self.feed(side, segment, cx);
                    }
                    return;
                }
            }
        }
        let first = segment.offset == before + carry.bytes().len() as u64 || self.depth > 0;
        let mut whole = first;
        let prior = self.prior.get(side as usize).copied().unwrap_or(0);
        let before_it = carry.bytes().last().copied().unwrap_or(prior);
        // behind bytes that are kept it is none of the first
        // where the other side spoke first and nobody knows what, a line without a version is no request (news, mail, a shell)
        let plain = first && !self.greeted(side);
        let alone = match ask(segment.bytes, plain && carry.is_empty()) {
            v if first && carry.is_empty() => v,
            v => unless_cut(v, segment.bytes, before_it),
        };
        let mut verdict = if carry.is_empty() {
            alone
        } else {
            carry.push(&segment);
            let joined = match ask(carry.bytes(), plain) {
                v if first => v,
                v => unless_cut(v, carry.bytes(), prior),
            };
            let starts = |v: &Verdict| matches!(v, Verdict::Start(..));
            // nothing is missing before the first bytes: all of them count, however they were cut
            if starts(&alone) && !(first && starts(&joined)) {
                // what was kept was no start: here is one
                carry = Carry::default();
                whole = false;
                alone
            } else {
                joined
            }
        };
        // what was kept begins nothing: something may begin in a later piece of it
        while matches!(verdict, Verdict::No)
            && let Some(last) = carry.drop_first()
        {
            self.unclear(side);
            self.behind(side, last);
            whole = false;
            if !carry.is_empty() {
                verdict = unless_cut(ask(carry.bytes(), false), carry.bytes(), last);
            }
        }
        // text inside a protocol that has another name is not a call, wherever a segment begins
        if let Verdict::Start(spec, client) = verdict
            && !whole
            && self.depth == 0
            && recognise::name_of(&self.heads).is_some()
        {
            if !spec.within {
                return self.unclear(side);
            }
            self.went_on(spec, if client { side } else { side.other() });
        }
        match verdict {
            Verdict::Start(spec, client) => {
                let client = if client { side } else { side.other() };
                let other = match &mut self.stage {
                    Stage::Probing(Some(c)) => c
                        .get_mut(side.other() as usize)
                        .map(std::mem::take)
                        .unwrap_or_default(),
                    _ => Carry::default(),
                };
                self.stage = Stage::Parsing((spec.new)(Begin {
                    client,
                    upgraded: None,
                }));
                for (s, unclear) in [Side::A, Side::B]
                    .into_iter()
                    .zip(std::mem::take(&mut self.unclear))
                {
                    if unclear {
                        self.gap(s, 0, Missing::Lost, segment.at, cx);
                    }
                }
                for piece in other.segments() {
                    self.feed(side.other(), piece, cx);
                }
                if carry.is_empty() {
                    self.feed(side, segment, cx);
                } else {
                    for piece in carry.segments() {
                        self.feed(side, piece, cx);
                    }
                }
            }
            Verdict::More if carry.bytes().len() + segment.bytes.len() < limits::PROBE_BYTES => {
                if carry.is_empty() {
                    carry.push(&segment);
                }
                self.keep(side, carry);
            }
            _ => {
                self.unclear(side);
                self.behind(side, segment.bytes.last().copied().unwrap_or(0));
                let found = PROTOS
                    .iter()
                    .find_map(|spec| (spec.find)(segment.bytes).map(|at| (*spec, at)));
                // text inside a protocol that has another name is not a call
                if let Some((_, at)) = found
                    && recognise::name_of(&self.heads).is_none()
                {
                    let rest = Segment {
                        bytes: segment.bytes.get(at..).unwrap_or_default(),
                        offset: segment.offset + at as u64,
                        ..segment
                    };
                    if at > 0 && !rest.bytes.is_empty() {
                        self.feed(side, rest, cx);
                    }
                }
            }
        }
    }

    /// The protocol that has a name goes on as another one: nothing that is missing was before this one.
    fn went_on(&mut self, spec: &super::ProtoSpec, client: Side) {
        self.unclear = [false; 2];
        self.outer = Some(Box::new(Outer {
            about: About {
                client: Some(client),
                ..About::default()
            },
            to: spec.name.to_owned(),
        }));
    }

    /// Keeps bytes that more are needed for.
    fn keep(&mut self, side: Side, carry: Carry) {
        if let Stage::Probing(slot) = &mut self.stage
            && let Some(c) = slot.get_or_insert_default().get_mut(side as usize)
        {
            *c = carry;
        }
    }

    /// Bytes are missing before the next segment of this side.
    pub fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        match &mut self.stage {
            Stage::Parsing(p) => p.gap(side, bytes, why, at, cx),
            Stage::Probing(c) => {
                if let Some(c) = c.as_mut().and_then(|c| c.get_mut(side as usize)) {
                    *c = Carry::default();
                }
                self.unclear(side);
                self.behind(side, 0);
            }
        }
    }

    /// Whether the other side has said something that nobody knows.
    fn greeted(&self, side: Side) -> bool {
        let other = side.other() as usize;
        self.depth == 0
            && self.unclear.get(other) == Some(&true)
            && self.heads.get(other).is_some_and(|h| !h.is_empty())
    }

    /// What comes next stands behind this byte.
    fn behind(&mut self, side: Side, last: u8) {
        if let Some(p) = self.prior.get_mut(side as usize) {
            *p = last;
        }
    }

    fn unclear(&mut self, side: Side) {
        if let Some(u) = self.unclear.get_mut(side as usize) {
            *u = true;
        }
    }

    /// One side will send nothing more.
    pub fn fin(&mut self, side: Side, at: Stamp, cx: &mut Cx<'_>) {
        if let Stage::Parsing(p) = &mut self.stage {
            p.fin(side, at, cx);
        }
    }

    /// The flow ended: all that is held is handed out.
    pub fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        if let Stage::Parsing(p) = &mut self.stage {
            p.close(why, stats, cx);
        }
    }
}

enum Verdict {
    Start(&'static super::ProtoSpec, bool),
    More,
    No,
}

/// A start that is the end of a word which another segment began is none: it would be one in this cut alone.
fn unless_cut(verdict: Verdict, bytes: &[u8], last: u8) -> Verdict {
    match verdict {
        Verdict::Start(..) if super::http1::ends_a_word(last, bytes) => Verdict::No,
        v => v,
    }
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
