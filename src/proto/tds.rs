//! TDS (Microsoft SQL Server) as far as TLS goes ([MS-TDS] section 2.2.6.5): its handshake stands in packets of TDS, what comes
//! behind it does not. In: segments and gaps of both directions. Out: those of the TLS inside. Bounds: the eight bytes of a
//! packet's head are held, and what TLS holds.

use super::{About, Begin, Cx, Feed, Probe, Proto, ProtoSpec, tls};
use crate::call::model::{Exchange, Stamp};
use crate::net::{Close, FlowStats, Missing, Segment, Side, low};

/// TDS in the table of protocols.
pub static SPEC: ProtoSpec = ProtoSpec {
    name: "tds",
    probe,
    find: |_| None,
    within: false,
    upgrade: &[],
    new: |begin| Box::new(Tds::new(begin.client)),
};

/// Bytes before the content of a packet.
const HEAD: usize = 8;
/// Kinds of packets: a table of answers, and what is agreed on before a login.
const ANSWER: u8 = 4;
const BEFORE: u8 = 0x12;

/// A packet from before the login: a table of options that begins with the version, or a hello of TLS.
fn probe(b: &[u8], _first: bool) -> Probe {
    let [kind @ (BEFORE | ANSWER), rest @ ..] = b else {
        return Probe::No;
    };
    let fits = |at: usize, ok: &dyn Fn(u8) -> bool| rest.get(at - 1).is_none_or(|b| ok(*b));
    if !(fits(1, &|s| s <= 1) && fits(2, &|n| n < 0x80) && fits(7, &|w| w == 0)) {
        return Probe::No;
    }
    match b.get(HEAD) {
        None => Probe::More,
        // version: at an offset behind the table, six bytes
        Some(0) => match b.get(9..13) {
            None => Probe::More,
            Some([0, 6..=200, 0, 6]) if *kind == BEFORE => Probe::Client,
            Some([0, 6..=200, 0, 6]) => Probe::Server,
            Some(_) => Probe::No,
        },
        Some(0x16) if *kind == BEFORE => match (b.get(9..11), b.get(13)) {
            (Some([3, 0..=4]), Some(1)) => Probe::Client,
            (Some([3, 0..=4]), Some(2)) => Probe::Server,
            (Some([3, 0..=4]), None) | (None, _) => Probe::More,
            _ => Probe::No,
        },
        Some(_) => Probe::No,
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// What there is of the head of the next packet.
    head: Vec<u8>,
    /// Bytes of the packet under way that are still to come, and whether they are those of TLS.
    left: usize,
    inside: bool,
    /// Records of TLS stand alone from here on.
    bare: bool,
    /// Bytes handed to TLS, losses among them.
    offset: u64,
}

/// One connection.
#[derive(Debug)]
struct Tds {
    client: Side,
    halves: [Half; 2],
    tls: Box<dyn Proto>,
    /// Whether a hello was seen.
    begun: bool,
}

impl Tds {
    fn new(client: Side) -> Tds {
        Tds {
            client,
            halves: [Half::default(), Half::default()],
            tls: (tls::SPEC.new)(Begin {
                client,
                upgraded: None,
            }),
            begun: false,
        }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [a, b] = &mut self.halves;
        match side {
            Side::A => a,
            Side::B => b,
        }
    }

    /// Bytes at `from` of a segment go on to TLS.
    fn give(&mut self, side: Side, s: &Segment<'_>, from: usize, len: usize, cx: &mut Cx<'_>) {
        let Some(bytes) = s.bytes.get(from..from + len).filter(|b| !b.is_empty()) else {
            return;
        };
        let half = self.half(side);
        let offset = half.offset;
        half.offset += len as u64;
        let inner = Segment {
            bytes,
            offset,
            // a byte keeps its number
            zero: s.seq(from).wrapping_sub(low(offset)),
            // answers are not paired by it: each direction counts for itself here
            acked: 0,
            ..*s
        };
        self.tls.data(side, inner, cx);
    }
}

impl Proto for Tds {
    fn data(&mut self, side: Side, segment: Segment<'_>, cx: &mut Cx<'_>) -> Feed {
        let (mut at, len) = (0, segment.bytes.len());
        while let Some(rest) = segment.bytes.get(at..).filter(|r| !r.is_empty()) {
            let begun = self.begun;
            let half = self.half(side);
            if half.bare {
                self.give(side, &segment, at, len - at, cx);
                return Feed::Go;
            }
            if half.left > 0 {
                let n = half.left.min(rest.len());
                // what a packet holds is told by its first byte
                if half.head.len() == HEAD {
                    half.head.clear();
                    half.inside = half.offset > 0 || matches!(rest, [0x14..=0x17, ..]);
                    let inside = half.inside;
                    self.begun |= inside;
                }
                let half = self.half(side);
                half.left -= n;
                if half.inside {
                    self.give(side, &segment, at, n, cx);
                }
                at += n;
                continue;
            }
            if half.head.is_empty() && begun && matches!(rest, [0x14..=0x17, ..]) {
                half.bare = true;
                continue;
            }
            let n = (HEAD - half.head.len()).min(rest.len());
            half.head
                .extend_from_slice(rest.get(..n).unwrap_or_default());
            at += n;
            if let [_, _, a, b, _, _, _, _] = *half.head.as_slice() {
                half.left = usize::from(u16::from_be_bytes([a, b])).saturating_sub(HEAD);
                if half.left == 0 {
                    half.head.clear();
                }
            }
        }
        Feed::Go
    }

    fn resent(&mut self, _side: Side, _offset: u64, _cx: &mut Cx<'_>) {}

    fn gap(&mut self, side: Side, bytes: u64, why: Missing, at: Stamp, cx: &mut Cx<'_>) {
        let begun = self.begun;
        let half = self.half(side);
        half.head.clear();
        half.left = usize::try_from(bytes).map_or(0, |n| half.left.saturating_sub(n));
        if begun {
            half.offset += bytes;
            self.tls.gap(side, bytes, why, at, cx);
        }
    }

    fn fin(&mut self, side: Side, at: Stamp, cx: &mut Cx<'_>) {
        if self.begun {
            self.tls.fin(side, at, cx);
        }
    }

    fn close(&mut self, why: Close, stats: Option<&FlowStats>, cx: &mut Cx<'_>) {
        if self.begun {
            self.tls.close(why, stats, cx);
        }
    }

    fn open(&mut self, cx: &mut Cx<'_>, out: &mut Vec<Exchange>) {
        if self.begun {
            self.tls.open(cx, out);
        }
    }

    fn held(&self) -> usize {
        self.tls.held() + self.halves.iter().map(|h| h.head.len()).sum::<usize>()
    }

    fn about(&self) -> About {
        let mut about = if self.begun {
            self.tls.about()
        } else {
            About::default()
        };
        about.app = SPEC.name;
        about.client = Some(self.client);
        about.why_opaque = Some(match about.why_opaque {
            Some(why) => format!("went on as tls: {why}"),
            None => "a database or queue protocol, not decoded".to_owned(),
        });
        about
    }
}
