//! One flow: its state between events. In: its events. Out: the events of its [`Layer`], and its [`FlowInfo`]. Bounds: those
//! of the layer.

use super::quic::{self, Quic};
use super::{Cx, Layer, Shared, recognise};
use crate::call::model::{Exchange, FlowInfo, Stamp};
use crate::limits::{FTP_KEPT, FTP_KEPT_BYTES};
use crate::net::{FlowKey, FlowStats, Missing, Segment, Side};
use std::collections::BTreeMap;

/// What the flow's events may write to.
#[derive(Debug)]
pub(super) struct Env<'a> {
    pub out: &'a mut Vec<Exchange>,
    pub diags: &'a mut BTreeMap<(u32, &'static str), (u64, u64)>,
    pub budget: usize,
    pub shared: &'a mut Shared,
}

/// State of one flow.
#[derive(Debug)]
pub struct FlowState {
    id: u64,
    key: FlowKey,
    ordinal: u32,
    spoke: [bool; 2],
    layer: Layer,
    /// Name of the tunnel that it is.
    tunnel: Option<&'static str>,
    /// Whether a control connection of FTP announced it.
    announced: bool,
    /// Of such a one: calls that wait until the other side says something, as it does not where a file is sent.
    kept: Option<Vec<Exchange>>,
    /// Its first datagrams.
    grams: recognise::Grams,
    /// What its datagrams tell where they may be QUIC.
    quic: Option<Box<Quic>>,
    /// Bytes that it held when it was looked at last.
    pub(super) booked: usize,
}

impl FlowState {
    pub(super) fn new(id: u64, key: &FlowKey) -> FlowState {
        FlowState {
            id,
            key: *key,
            ordinal: 0,
            spoke: [false; 2],
            layer: Layer::default(),
            tunnel: None,
            announced: false,
            kept: None,
            grams: recognise::Grams::default(),
            quic: None,
            booked: 0,
        }
    }

    /// The layer, and what its parsers work with.
    fn parts<'s>(&'s mut self, env: &'s mut Env<'_>) -> (&'s mut Layer, Cx<'s>) {
        let cx = Cx {
            flow: self.id,
            key: &self.key,
            ordinal: &mut self.ordinal,
            out: env.out,
            budget: env.budget,
            diags: env.diags,
            spoke: self.spoke,
            tls: false,
            peer: None,
            depth: 0,
            shared: env.shared,
        };
        (&mut self.layer, cx)
    }

    /// Copies of calls that were begun and are not done, each once until another message of it begins or ends; the
    /// bytes of bodies are left out.
    pub fn open_exchanges(&mut self, out: &mut Vec<Exchange>) {
        if self.kept.is_some() {
            return;
        }
        let mut env = Env {
            out: &mut Vec::new(),
            diags: &mut BTreeMap::new(),
            budget: 0,
            shared: &mut Shared::default(),
        };
        let (layer, mut cx) = self.parts(&mut env);
        layer.open(&mut cx, out);
    }

    pub(super) fn held(&self) -> usize {
        self.layer.held() + self.quic.as_ref().map_or(0, |q| q.held())
    }

    fn spoke(&mut self, side: Side) {
        if let Some(s) = self.spoke.get_mut(side as usize) {
            *s = true;
        }
    }

    /// Takes a datagram; whether it is one for [`FlowState::quic`].
    pub(super) fn datagram(&mut self, side: Side, bytes: &[u8]) -> bool {
        let first = !self.spoke.get(side as usize).is_some_and(|s| *s);
        self.spoke(side);
        if self.key.protocol == 17 && self.grams.take(side, bytes) {
            self.layer.remember_gram(side, bytes);
        }
        match &self.quic {
            Some(q) => q.wants(bytes),
            None => first && self.key.protocol == 17 && quic::opens(bytes, self.https(), false),
        }
    }

    fn https(&self) -> bool {
        self.key.a.1 == 443 || self.key.b.1 == 443
    }

    pub(super) fn quic(&mut self, side: Side, bytes: &[u8], at: Stamp, env: &mut Env<'_>) {
        let mut quic = self.quic.take().unwrap_or_default();
        let (_, mut cx) = self.parts(env);
        quic.datagram(side, bytes, at, &mut cx);
        self.quic = Some(quic);
    }

    pub(super) fn announced(&mut self) {
        self.announced = true;
        self.kept = Some(Vec::new());
    }

    /// Runs `act` with calls put aside while the other side of a connection that carries a file may be silent. More of them
    /// than are kept are calls.
    fn keeping(&mut self, env: &mut Env<'_>, act: impl FnOnce(&mut Self, &mut Env<'_>)) {
        let Some(mut kept) = self.kept.take() else {
            return act(self, env);
        };
        let mut aside = Env {
            out: &mut kept,
            diags: &mut *env.diags,
            budget: env.budget,
            shared: &mut *env.shared,
        };
        act(self, &mut aside);
        let bytes = |x: &Exchange| -> usize {
            let halves = x.request.iter().chain(&x.response);
            halves.map(|m| m.head.len() + m.body.bytes.len()).sum()
        };
        let many = kept.len() > FTP_KEPT || kept.iter().map(bytes).sum::<usize>() > FTP_KEPT_BYTES;
        if many || self.spoke == [true; 2] {
            env.out.append(&mut kept);
        } else {
            self.kept = Some(kept);
        }
    }

    pub(super) fn tunnel(&mut self, name: &'static str) {
        self.tunnel = Some(name);
    }

    pub(super) fn data(&mut self, side: Side, segment: Segment<'_>, env: &mut Env<'_>) {
        if !segment.bytes.is_empty() {
            self.spoke(side);
        }
        self.keeping(env, |s, env| {
            let (layer, mut cx) = s.parts(env);
            layer.data(side, segment, &mut cx);
        });
    }

    pub(super) fn gap(
        &mut self,
        side: Side,
        bytes: u64,
        why: Missing,
        at: Stamp,
        env: &mut Env<'_>,
    ) {
        self.keeping(env, |s, env| {
            let (layer, mut cx) = s.parts(env);
            layer.gap(side, bytes, why, at, &mut cx);
        });
    }

    pub(super) fn fin(&mut self, side: Side, at: Stamp, env: &mut Env<'_>) {
        self.keeping(env, |s, env| {
            let (layer, mut cx) = s.parts(env);
            layer.fin(side, at, &mut cx);
        });
    }

    pub(super) fn close(&mut self, stats: &FlowStats, env: &mut Env<'_>) -> FlowInfo {
        self.keeping(env, |s, env| {
            let (layer, mut cx) = s.parts(env);
            layer.close(stats.close, Some(stats), &mut cx);
        });
        let mut file = false;
        if let Some(kept) = self.kept.take() {
            // a side that was captured and said nothing was asked nothing: these are lines of a file
            file = !kept.is_empty() && stats.packets.iter().all(|n| *n > 0);
            if !file {
                env.out.extend(kept);
            }
        }
        let quic = self.quic.take().map(|mut q| {
            let (_, mut cx) = self.parts(env);
            q.end(&mut cx);
            q.about()
        });
        let mut known = self
            .layer
            .known(self.id, &self.key, &self.grams, u64::from(self.ordinal));
        known.inner = known.inner.or(quic);
        known.announced = self.announced;
        if file {
            known.calls = 0;
            known.inner = None;
            known.outer = None;
        }
        let mut info = recognise::info(known, stats);
        if let Some(tunnel) = self.tunnel {
            info.app = tunnel;
            info.why_opaque = Some("a tunnel: what it carries is listed by itself".to_owned());
        }
        info
    }
}
