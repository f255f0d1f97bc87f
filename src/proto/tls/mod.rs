//! TLS on a stream: named by its hellos, and opened where secrets were given ([`crate::tls`]). In: segments and gaps of both
//! directions. Out: the events of the [`Layer`] that reads what was inside. Bounds: a record and [`limits::TLS_HELLO`] bytes of
//! handshake a direction, [`limits::TLS_WAITING`] bytes of records that wait for their keys; nothing once a direction cannot be
//! opened.
//!
//! Only what its MAC or tag proves goes on; what does not open is a gap of the stream inside, and counted.

mod half;
mod handshake;

use super::{About, Cx, Feed, Layer, Probe, Proto, ProtoSpec};
use crate::call::model::{Exchange, Stamp};
use crate::limits;
use crate::net::{Close, FlowStats, Missing, Segment, Side, low};
use crate::tls::keys::Stage;
use crate::tls::record::{Item, Record};
use half::{Half, Mode};
use handshake::Handshake;
use std::sync::Arc;

/// TLS in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "tls",
    probe,
    find: |_| None,
    within: true,
    upgrade: &[],
    new: |begin| Box::new(Tls::new(begin.client)),
};

/// A record that begins with a hello, whose length is below 64 KiB.
fn probe(b: &[u8], _first: bool) -> Probe {
    let want = [0x16, 0x03];
    let n = b.len().min(2);
    if b.get(..n) != want.get(..n) || b.get(2).is_some_and(|v| *v > 4) {
        return Probe::No;
    }
    match (b.get(5), b.get(6)) {
        (None, _) => Probe::More,
        (Some(1 | 2), None) => Probe::More,
        (Some(1), Some(0)) => Probe::Client,
        (Some(2), Some(0)) => Probe::Server,
        _ => Probe::No,
    }
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

/// One connection.
#[derive(Debug)]
struct Tls {
    client: Side,
    halves: [Half; 2],
    /// The handshake under way or done last.
    hand: Handshake,
    /// What is inside.
    layer: Option<Box<Layer>>,
    /// Content came out.
    opened: bool,
    /// Secrets were given.
    given: bool,
    /// Why a direction cannot be opened.
    why: Option<String>,
    /// What records wait for may have come.
    woken: bool,
    waking: bool,
}

impl Tls {
    fn new(client: Side) -> Tls {
        Tls {
            client,
            halves: [Half::default(), Half::default()],
            hand: Handshake::default(),
            layer: None,
            opened: false,
            given: false,
            why: None,
            woken: false,
            waking: false,
        }
    }

    fn index(&self, side: Side) -> usize {
        if side == self.client { CLIENT } else { SERVER }
    }

    fn side(&self, h: usize) -> Side {
        if h == CLIENT {
            self.client
        } else {
            self.client.other()
        }
    }

    fn half(&mut self, h: usize) -> &mut Half {
        let [client, server] = &mut self.halves;
        if h == CLIENT { client } else { server }
    }

    /// Takes a record, and those of either direction that can be read now.
    fn record(&mut self, h: usize, r: Record<'_>, out: &mut Vec<u8>, cx: &mut Cx<'_>) {
        let sought = r.sought;
        let good = self.take(h, r, out, cx);
        if sought {
            self.half(h).records.verdict(good);
        }
        self.wake(out, cx);
    }

    fn wake(&mut self, out: &mut Vec<u8>, cx: &mut Cx<'_>) {
        if self.waking {
            return;
        }
        self.waking = true;
        while std::mem::take(&mut self.woken) {
            for h in [CLIENT, SERVER] {
                for r in self.half(h).wake() {
                    self.take(h, r, out, cx);
                }
            }
        }
        self.waking = false;
    }

    /// Whether it was a record, as far as can be told.
    fn take(&mut self, h: usize, r: Record<'_>, out: &mut Vec<u8>, cx: &mut Cx<'_>) -> bool {
        if r.is_loss() {
            self.half(h).lost(r.place.at);
            return true;
        }
        match self.half(h).mode {
            Mode::Dead => true,
            Mode::Wait(..) => {
                self.wait(h, r, cx);
                true
            }
            Mode::Open(_) => self.open(h, &r, out, cx),
            Mode::Clear => self.clear(h, r, out, cx),
        }
    }

    /// Keeps a record until it is known how to open it.
    fn wait(&mut self, h: usize, r: Record<'_>, cx: &mut Cx<'_>) {
        if !self.half(h).wait(r) {
            self.give_up(h, cx);
        }
    }

    /// What was waited for does not come: the best is made of what is known.
    fn give_up(&mut self, h: usize, cx: &mut Cx<'_>) {
        if matches!(self.half(h).mode, Mode::Wait(..)) {
            self.hand.impatient = true;
            self.woken = true;
            let mut out = Vec::new();
            self.wake(&mut out, cx);
        }
    }

    /// A record before encryption.
    fn clear(&mut self, h: usize, r: Record<'_>, out: &mut Vec<u8>, cx: &mut Cx<'_>) -> bool {
        match (r.kind, self.hand.version()) {
            (22, _) => {
                self.messages(h, r.body(), None, cx);
                true
            }
            (20 | 23, None) if !self.hand.impatient => {
                self.half(h).mode = Mode::Wait(Vec::new(), 0);
                self.wait(h, r, cx);
                true
            }
            (20, Some(v)) if v < 0x0304 => {
                self.activate(h, Some(r), None, cx);
                true
            }
            // the change of cipher was lost before TLS 1.3; it has none since
            (23, v) => {
                let old = v.is_some_and(|v| v < 0x0304);
                let from = r.place.offset;
                if !self.activate(h, None, Some((from, old)), cx) {
                    if matches!(self.half(h).mode, Mode::Wait(..)) {
                        self.wait(h, r, cx);
                    }
                    return true;
                }
                self.open(h, &r, out, cx)
            }
            _ => !r.sought,
        }
    }

    /// Finds the keys of a direction that begins to encrypt: behind the change of cipher, or at an offset where it was lost
    /// or there is none. `false` where there are none, or not yet.
    fn activate(
        &mut self,
        h: usize,
        change: Option<Record<'_>>,
        at: Option<(u64, bool)>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let (begin, lost) = at.unwrap_or_else(|| (change.as_ref().map_or(0, Record::end), false));
        let server_dead = matches!(self.half(SERVER).mode, Mode::Dead);
        match self.hand.keys(h == CLIENT, begin, server_dead, cx) {
            handshake::Found::Keys(mut keys) => {
                if lost || self.half(h).lossy {
                    keys.lost();
                }
                self.half(h).lossy = false;
                self.half(h).mode = Mode::Open(keys);
                true
            }
            handshake::Found::NotYet => {
                self.half(h).mode = Mode::Wait(Vec::new(), 0);
                if let Some(r) = change {
                    self.wait(h, r, cx);
                }
                false
            }
            handshake::Found::None(why) => {
                self.dead(h, why);
                false
            }
        }
    }

    /// Nothing of this direction can be read any more.
    fn dead(&mut self, h: usize, why: String) {
        self.why.get_or_insert(why);
        self.half(h).dead();
        self.woken = true;
        if self.halves.iter().all(|h| matches!(h.mode, Mode::Dead)) {
            self.hand.forget();
        }
    }

    /// A record under keys.
    fn open(&mut self, h: usize, r: &Record<'_>, out: &mut Vec<u8>, cx: &mut Cx<'_>) -> bool {
        let v13 = self.hand.version13();
        let half = self.half(h);
        let Mode::Open(keys) = &mut half.mode else {
            return true;
        };
        if v13 && r.kind != 23 {
            return !r.sought; // a change of cipher or an alert in the clear, for old boxes on the way
        }
        let before = keys.started();
        let Some(o) = keys.open(r.kind, r.version, r.body(), r.place.offset, r.end(), out) else {
            let (hopeless, guessing) = (keys.hopeless(), keys.guessing());
            if !r.sought {
                if before {
                    cx.diag("tls-bad-record", r.place.at.unit);
                }
                half.missing.get_or_insert((r.place.at, Missing::Lost));
            }
            if hopeless {
                let why = if self.opened {
                    "its records no longer open"
                } else if guessing {
                    "the client's hello was not captured"
                } else {
                    "secrets of it were given, but its records do not open with them"
                };
                let why = self.hand.said(why);
                self.lose(h, r.place.offset, cx);
                self.dead(h, why);
            }
            return false;
        };
        if o.first && !v13 {
            let master = keys.master().map(<[u8]>::to_vec);
            self.hand.remember(master.as_deref(), cx);
        }
        if let Some(lost) = o.lost {
            let (at, why) = self.half(h).missing.unwrap_or((r.place.at, Missing::Lost));
            self.gap_inside(h, lost, why, at, cx);
            self.half(h).hand.broken();
        }
        self.half(h).missing = None;
        let Some(content) = out.get(o.content.clone()) else {
            return true;
        };
        if o.kind != 23 {
            self.half(h).delivered(r.end(), 0);
        }
        match o.kind {
            22 => {
                let content = content.to_vec();
                self.messages(h, &content, Some(o.stage), cx);
            }
            23 if o.stage == Stage::Early && self.hand.early == Some(false) => {
                cx.diag("tls-early-data-rejected", r.place.at.unit);
            }
            23 => self.deliver(h, content, r, cx),
            21 if content == [1, 0] => self.end_inside(h, r.place.at, cx),
            20 if !v13 => {
                let (end, lost) = (r.end(), false);
                self.activate(h, None, Some((end, lost)), cx);
            }
            _ => {}
        }
        true
    }

    /// Handshake messages of a record; `stage` where it was encrypted.
    fn messages(&mut self, h: usize, bytes: &[u8], stage: Option<Stage>, cx: &mut Cx<'_>) {
        self.given = !cx.shared.options.tls.is_empty();
        self.half(h).hand.feed(bytes);
        while let Some(m) = self.half(h).hand.next() {
            let (kind, body) = (
                m.first().copied().unwrap_or(0),
                m.get(4..).unwrap_or_default(),
            );
            let v13 = self.hand.version13();
            match (kind, stage) {
                // its sender goes on to the next keys
                (20, Some(Stage::Handshake))
                | (5, Some(Stage::Early))
                | (24, Some(Stage::Traffic))
                    if v13 =>
                {
                    if let Mode::Open(keys) = &mut self.half(h).mode {
                        keys.advance();
                    }
                }
                _ => {}
            }
            let again = stage.is_some() && !v13;
            if self.hand.message(h == CLIENT, kind, body, &m, again, cx) {
                self.woken = true;
            }
        }
    }

    fn layer(&mut self) -> &mut Layer {
        self.layer.get_or_insert_default()
    }

    /// Content goes on to what is inside.
    fn deliver(&mut self, h: usize, content: &[u8], r: &Record<'_>, cx: &mut Cx<'_>) {
        self.opened = true;
        let acked = self.half(1 - h).plain_before(r.place.acked, h == CLIENT);
        let half = self.half(h);
        let segment = Segment {
            bytes: content,
            offset: half.plain,
            // a loss before may have had any length inside: bytes are counted from their record
            zero: r
                .place
                .zero
                .wrapping_add(low(r.place.offset))
                .wrapping_sub(low(half.plain)),
            acked,
            at: r.place.at,
            retransmitted: r.place.retransmitted,
        };
        half.delivered(r.end(), content.len());
        if !content.is_empty() {
            let side = self.side(h);
            let peer = self.hand.peer();
            self.layer().data(side, segment, &mut inside(cx, peer));
        }
    }

    fn gap_inside(&mut self, h: usize, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        let side = self.side(h);
        self.half(h).plain += bytes;
        let peer = self.hand.peer();
        self.layer()
            .gap(side, bytes, why, at, &mut inside(cx, peer));
    }

    /// Tells what is inside of a loss after which nothing was opened.
    fn lose(&mut self, h: usize, until: u64, cx: &mut Cx<'_>) {
        let half = self.half(h);
        if let Mode::Open(keys) = &half.mode
            && keys.stage() != Stage::Handshake
            && let Some((at, why)) = half.missing.take()
        {
            let bytes = keys.missing(until);
            self.gap_inside(h, bytes, why, at, cx);
        }
    }

    fn end_inside(&mut self, h: usize, at: Stamp, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.half(h).closed, true) {
            let side = self.side(h);
            if let Some(layer) = &mut self.layer {
                layer.fin(side, at, &mut inside(cx, self.hand.peer()));
            }
        }
    }

    fn why(&self) -> Option<String> {
        if !self.opened {
            return Some(
                self.why
                    .clone()
                    .unwrap_or_else(|| self.hand.unopened(self.given)),
            );
        }
        let part = self.why.as_ref().map(|w| format!("opened in part: {w}"));
        let Some(about) = self.layer.as_ref().and_then(|l| l.about()) else {
            return part.or_else(|| {
                Some("opened; what it carries is no protocol that is known".to_owned())
            });
        };
        match about.why_opaque {
            Some(why) => Some(format!("opened; carries {}: {why}", about.app)),
            None if about.app == "unknown" => part.or_else(|| {
                Some("opened; what it carries is no protocol that is known".to_owned())
            }),
            None => part,
        }
    }
}

/// What parsers inside work with.
fn inside<'b>(cx: &'b mut Cx<'_>, peer: Option<Arc<str>>) -> Cx<'b> {
    Cx {
        tls: true,
        peer,
        ..cx.deeper()
    }
}

impl Proto for Tls {
    fn data(&mut self, side: Side, mut segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        let h = self.index(side);
        let mut out = Vec::new();
        loop {
            let half = self.half(h);
            if matches!(half.mode, Mode::Dead) {
                return Feed::Go;
            }
            half.next = segment.offset + segment.bytes.len() as u64;
            match half.records.next(&mut segment) {
                Some(Item::Record(r)) => self.record(h, r, &mut out, cx),
                Some(Item::Hole(hole)) => {
                    self.half(h).hole(&hole);
                    if hole.kind == 22 && !self.hand.has(h == CLIENT) {
                        self.give_up(1 - h, cx);
                    }
                }
                Some(Item::Lost(at, garbage)) => {
                    if garbage {
                        cx.diag("tls-no-record", at.unit);
                    }
                    self.half(h).lost(at);
                    if !self.hand.has(h == CLIENT) {
                        self.give_up(1 - h, cx); // the hello that was waited for may be what is lost
                    }
                }
                None => return Feed::Go,
            }
        }
    }

    fn resent(&mut self, side: Side, offset: u64, cx: &mut Cx<'_>) {
        let h = self.index(side);
        if let (Some(layer), Some(offset)) = (
            &mut self.layer,
            self.halves.get(h).and_then(|half| half.plain_after(offset)),
        ) {
            let segment = Segment {
                bytes: &[],
                offset,
                zero: 0,
                acked: 0,
                at: Stamp::default(),
                retransmitted: true,
            };
            layer.data(side, segment, &mut inside(cx, self.hand.peer()));
        }
    }

    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, _cx: &mut Cx<'_>) {
        let h = self.index(side);
        let half = self.half(h);
        half.next += bytes;
        // what came before the hello was no TLS
        if bytes > 0 && !matches!(half.mode, Mode::Dead) {
            half.missing.get_or_insert((at, why));
            half.records.gap(bytes, at);
        }
    }

    fn fin(&mut self, side: Side, at: Stamp, cx: &mut Cx<'_>) {
        let h = self.index(side);
        self.give_up(h, cx);
        let until = self.half(h).next;
        self.lose(h, until, cx);
        self.end_inside(h, at, cx);
    }

    fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        for h in [CLIENT, SERVER] {
            self.give_up(h, cx);
            let until = self.half(h).next;
            self.lose(h, until, cx);
        }
        if let Some(layer) = &mut self.layer {
            layer.close(why, stats, &mut inside(cx, self.hand.peer()));
        }
    }

    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        if let Some(layer) = &mut self.layer {
            layer.open(&mut inside(cx, self.hand.peer()), out);
        }
    }

    fn held(&self) -> usize {
        let halves: usize = self.halves.iter().map(Half::held).sum();
        halves + self.hand.held() + self.layer.as_ref().map_or(0, |l| l.held())
    }

    fn about(&self) -> About {
        About {
            app: "tls",
            client: Some(self.client),
            why_opaque: self.why(),
            ..self.hand.about(self.opened)
        }
    }
}

const _: () = assert!(limits::TLS_WAITING > crate::tls::record::MAX_RECORD);
