//! What a TCP segment means to its connection. In: the flow and the segment. Out: what the flow table has to do; stream
//! events go to the sink. Bounds: those of [`super::assemble`].

use super::assemble::{Half, MOST_PADDING, Out, Piece};
use super::copies::{Tap, Trail};
use super::sum::Sum;
use super::table::Flow;
use super::tcp::Tcp;
use super::{Close, Missing, Segment, Side, StreamSink};
use crate::call::model::Stamp;
use crate::limits::{STREAM_JUMP, UNHEARD_NS};

/// Hands stream events of one side to the sink, counting.
pub(super) struct ToSink<'a, S: StreamSink> {
    pub(super) sink: &'a mut S,
    pub(super) state: &'a mut S::State,
    pub(super) side: Side,
    pub(super) bytes: &'a mut u64,
    pub(super) gaps: &'a mut u64,
    /// Where the packets of a connection seen at two taps are noted.
    pub(super) trail: Option<&'a mut Trail>,
    /// What is to be counted.
    pub(super) odd: Odd,
}

/// Codes of what is odd about a segment, each once; there is room for all that there are.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Odd([Option<&'static str>; 8]);

impl Odd {
    fn add(&mut self, code: &'static str) {
        if let Some(place) = self.0.iter_mut().find(|o| o.is_none_or(|o| o == code)) {
            *place = Some(code);
        }
    }
    pub(super) fn take_in(&mut self, others: Odd) {
        for code in others.codes() {
            self.add(code);
        }
    }
    pub(super) fn codes(self) -> impl Iterator<Item = &'static str> {
        self.0.into_iter().map_while(|code| code)
    }
}

impl<S: StreamSink> Out for ToSink<'_, S> {
    fn data(&mut self, segment: Segment<'_>) {
        let len = segment.bytes.len() as u64;
        *self.bytes += len;
        if len > 0
            && let Some(trail) = &mut self.trail
        {
            trail.note(self.side, segment.offset + len, segment.at);
        }
        self.sink.data(self.state, self.side, segment);
    }
    fn gap(&mut self, bytes: u64, why: Missing, at: Stamp) {
        *self.gaps += 1;
        self.sink.gap(self.state, self.side, bytes, why, at);
    }
    fn fin(&mut self, at: Stamp) {
        self.sink.fin(self.state, self.side, at);
    }
    fn odd(&mut self, code: &'static str) {
        self.odd.add(code);
    }
}

/// Whether a segment belongs to the flow that its ends name.
pub(super) enum Belongs {
    Yes,
    /// The ports were opened anew: the old flow is over.
    No,
}

/// The half that sends, and the one that receives.
fn split(halves: &mut [Half; 2], side: Side) -> (&mut Half, &mut Half) {
    let [a, b] = halves;
    match side {
        Side::A => (a, b),
        Side::B => (b, a),
    }
}

impl<T> Flow<T> {
    /// Holds a segment against the state of the connection, before anything is changed. A SYN with another number, or
    /// payload far from the window of a closed connection, begin a new one.
    pub(super) fn belongs(&mut self, side: Side, tcp: &Tcp<'_>) -> Belongs {
        let closing = self.closing.is_some();
        let (mine, other) = split(&mut self.halves, side);
        if tcp.sum == Sum::Wrong && mine.distrusts() {
            return Belongs::Yes;
        }
        if tcp.syn {
            let same = mine.isn() == Some(tcp.seq)
                || (mine.isn().is_none()
                    && mine.known()
                    && mine.first() == tcp.seq.wrapping_add(1));
            if same {
                return Belongs::Yes;
            }
            if mine.early() {
                let fits = mine.early_fits(tcp.seq.wrapping_add(1));
                return if fits { Belongs::Yes } else { Belongs::No };
            }
            if closing {
                return Belongs::No;
            }
            if tcp.ack.is_some() {
                // Several SYN-ACKs: the opener's acknowledgement will tell which counts.
                let answers =
                    other.known() && tcp.ack.is_some_and(|ack| other.distance(ack) < STREAM_JUMP);
                return if !mine.known() || mine.untouched() || answers {
                    Belongs::Yes
                } else {
                    Belongs::No
                };
            }
            // Both sides may open at once (RFC 9293 section 3.5). What another tap has of the opening may come late.
            let opening = !mine.known()
                && (!other.known() || other.untouched() || mine.hint_is_near(tcp.seq));
            return if opening { Belongs::Yes } else { Belongs::No };
        }
        // Both numbers far away are another connection, whose SYN was not captured; one alone is a loss or a stray.
        let far = mine.known() && mine.distance(tcp.seq) > STREAM_JUMP;
        let elsewhere =
            !other.known() || tcp.ack.is_some_and(|ack| other.distance(ack) > STREAM_JUMP);
        if far && (closing || elsewhere) && !tcp.payload.is_empty() && !tcp.rst {
            return Belongs::No;
        }
        Belongs::Yes
    }
}

/// What a segment was, beside its bytes.
#[derive(Default)]
pub(super) struct Met {
    /// The codes under which something odd is counted.
    pub(super) odd: Odd,
    /// Whether it is a copy from another tap; the packet that it is a copy of, where that is known.
    pub(super) copy: bool,
    pub(super) original: Option<Stamp>,
}

/// Takes a segment that belongs to the flow. `original` is the packet that it is an exact copy of.
pub(super) fn segment<S: StreamSink>(
    flow: &mut Flow<S::State>,
    side: Side,
    tcp: &Tcp<'_>,
    (at, tap): (Stamp, Tap),
    original: Option<Stamp>,
    sink: &mut S,
) -> Met {
    let packets = flow.packets.iter().sum();
    let mut met = Met {
        copy: original.is_some(),
        original,
        ..Met::default()
    };
    let home = flow.taps.get_mut(side as usize);
    let elsewhere = home.is_some_and(|home| *home.get_or_insert(tap) != tap);
    if elsewhere && flow.trail.is_none() {
        flow.trail = Some(Box::default());
    }
    let Flow {
        state,
        halves,
        bytes: [bytes_a, bytes_b],
        gaps,
        handshake,
        heard,
        closing,
        trail,
        ..
    } = flow;
    let (mine, other) = split(halves, side);
    let (my_bytes, other_bytes) = match side {
        Side::A => (bytes_a, bytes_b),
        Side::B => (bytes_b, bytes_a),
    };
    let suspect = tcp.sum == Sum::Wrong && mine.distrusts();
    if suspect && (tcp.syn || tcp.rst) {
        // whoever receives it throws it away
        met.odd.add("bad-tcp-checksum");
        return met;
    }
    if tcp.sum == Sum::Right {
        mine.prove();
    }
    let quiet = heard.get(side.other() as usize).copied();
    let unheard = quiet.is_none_or(|t| t == i64::MIN || at.ts.saturating_sub(t) > UNHEARD_NS);

    let mut first = tcp.seq;
    if tcp.syn {
        first = first.wrapping_add(1);
        *handshake = true;
        if !mine.known() {
            mine.begin(tcp.seq);
        } else if mine.isn().is_none() && mine.first() == first {
            mine.late_syn(tcp.seq);
        } else if mine.isn() != Some(tcp.seq) {
            mine.unsure = true;
            met.odd.add("syn-ack-differs");
            return met;
        }
    }

    let mut acked = 0;
    let (mut begins, mut waits) = (false, false);
    if let Some(ack) = tcp.ack {
        // The opener's first acknowledgement tells where the answers begin, if the SYN-ACK is lost or there are several.
        if side == Side::A
            && !tcp.syn
            && !tcp.rst
            && mine.isn().is_some()
            && other.untouched()
            && (!other.known() || other.unsure)
        {
            other.begin_at(ack);
            other.unsure = false;
        }
        begins = !other.known() && !tcp.rst && other.hint(ack);
        acked = other.acked_by(ack);
        if !suspect {
            other.heard(acked);
        }
        let ended = !suspect && other.fin_heard(Some(ack), false);
        waits = other.cost() > 0 || other.in_doubt() || ended;
    }
    // What was captured first is handed on first: an answer says less while the request behind a hole of its own waits.
    let before = waits && mine.waits_since() < other.waits_since();
    if before && mine.cost() > 0 {
        let mut out = ToSink {
            sink: &mut *sink,
            state: &mut *state,
            side,
            bytes: &mut *my_bytes,
            gaps: &mut *gaps,
            trail: trail.as_deref_mut(),
            odd: Odd::default(),
        };
        mine.settle(packets, at, unheard, &mut out);
        met.odd.take_in(out.odd);
    }
    if waits || tcp.rst {
        let mut out = ToSink {
            sink: &mut *sink,
            state: &mut *state,
            side: side.other(),
            bytes: other_bytes,
            gaps: &mut *gaps,
            trail: trail.as_deref_mut(),
            odd: Odd::default(),
        };
        if waits {
            if begins {
                other.drain(&mut out);
            }
            other.confirm(&mut out);
            other.settle(packets, at, false, &mut out);
            other.tell_fin(at, &mut out);
        }
        // Who resets a connection waits for nothing more.
        if tcp.rst && other.fin_heard(None, true) {
            other.tell_fin(at, &mut out);
        }
        met.odd.take_in(out.odd);
    }

    let mut out = ToSink {
        sink,
        state,
        side,
        bytes: my_bytes,
        gaps,
        trail: trail.as_deref_mut(),
        odd: Odd::default(),
    };
    if tcp.syn && mine.cost() > 0 {
        // It tells where what came before it begins.
        mine.drain(&mut out);
    }
    let mut payload = tcp.payload;
    if tcp.rst {
        // Text in a reset is for people (RFC 9293 section 3.10.7), not part of the stream.
        payload = &[];
    }
    if mine.in_doubt() && mine.weigh(first, &mut out) {
        met.odd.add("ack-padding");
    }
    if mine.known() && !payload.is_empty() && mine.distance(first) > STREAM_JUMP {
        met.odd.add("stray-segment");
    }
    if tcp.urgent {
        // Whether the receiver took it out of the stream cannot be seen; it stays in.
        met.odd.add("tcp-urgent");
    }
    if !payload.is_empty() || (tcp.missing > 0 && !tcp.rst) {
        let piece = Piece {
            seq: first,
            bytes: payload,
            missing: tcp.missing,
            at,
            acked,
            doubtful: may_be_padding(tcp),
            copy: met.copy || elsewhere,
            suspect,
        };
        if !mine.segment(piece, &mut out) && elsewhere && !met.copy {
            // Cut into other packets there, as network cards do.
            met.copy = true;
            let trail = out.trail.as_deref();
            met.original = mine
                .offset_of(first)
                .and_then(|offset| trail?.find(side, offset));
        }
        if mine.cost() > 0 {
            mine.settle(packets, at, unheard, &mut out);
        }
    }
    if tcp.rst {
        closing.get_or_insert(Close::Reset);
    } else if tcp.syn && tcp.fin {
        // Nothing can end where it begins: who answers it takes the opening alone.
        met.odd.add("syn-fin");
    } else if tcp.fin && !suspect {
        let total = tcp.payload.len() + tcp.missing;
        let end = first.wrapping_add(u32::try_from(total).unwrap_or(0));
        mine.finish_at(end, at, &mut out);
        if other.fin_seen() {
            closing.get_or_insert(Close::Fin);
        }
    }
    met.odd.take_in(out.odd);
    met
}

/// Ethernet fills short frames with zeros to 60 bytes, and some stacks count them as payload of an acknowledgement: it
/// pushes nothing, and its zeros stand where the next bytes will.
fn may_be_padding(tcp: &Tcp<'_>) -> bool {
    // behind 14 bytes of Ethernet and 20 of IPv4, or 4 more of a tag; other lengths fill no frame
    matches!(tcp.len, 26 | 22)
        && tcp.payload.len() <= MOST_PADDING
        && !tcp.psh
        && !tcp.syn
        && !tcp.fin
        && tcp.missing == 0
        && !tcp.payload.is_empty()
        && tcp.payload.iter().all(|b| *b == 0)
}
