//! One direction cut into frames. In: segments and gaps. Out: [`Step`]s: pieces of DATA as they come, other frames when they are
//! whole. Bounds: a payload that is collected is cut at [`limits::HEAD_BYTES`]; while it is not known where frames start,
//! [`limits::H2_RESYNC`] bytes are held.
//!
//! Frames tell their length, so a gap inside one is skipped by length. Where it is not known where the next frame starts, every
//! place is asked until a chain of frames is found (see [`frame::chain`]).

use super::frame::{self, Frame, Known, PREFACE, Verdict};
use crate::call::model::Stamp;
use crate::limits;
use crate::net::{Segment, low};

/// Bytes in order with the packets they came from.
#[derive(Debug, Default)]
pub struct Held {
    bytes: Vec<u8>,
    /// Bytes at the front that are no longer wanted.
    from: usize,
    /// Stream offset of the first byte in `bytes`.
    offset: u64,
    /// Where each packet begins in `bytes`.
    marks: Vec<(usize, Mark)>,
}

/// What is known of the packet that carried a byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    pub at: Stamp,
    /// Sequence number of the byte.
    pub seq: u32,
    pub retransmitted: bool,
}

impl Held {
    pub fn len(&self) -> usize {
        self.bytes.len() - self.from
    }

    pub fn push(&mut self, view: &View<'_>, from: usize) {
        if self.len() == 0 {
            *self = Held {
                offset: view.offset + from as u64,
                ..Held::default()
            };
        }
        let base = self.bytes.len();
        self.marks.push((base, view.mark(from)));
        if let View {
            marks: Some(marks), ..
        } = view
        {
            let later = marks.iter().filter(|m| m.0 > from);
            self.marks
                .extend(later.map(|(at, m)| (at - from + base, *m)));
        }
        self.bytes
            .extend_from_slice(view.bytes.get(from..).unwrap_or_default());
    }

    /// Drops `n` bytes at the front; the memory goes when it is worth it.
    pub fn drop_front(&mut self, n: usize) {
        self.from += n;
        if self.from > limits::H2_RESYNC / 4 {
            let from = std::mem::take(&mut self.from);
            self.bytes.drain(..from.min(self.bytes.len()));
            self.offset += from as u64;
            let keep = self.marks.partition_point(|m| m.0 <= from).max(1) - 1;
            self.marks.drain(..keep);
            for (at, mark) in &mut self.marks {
                // of the first, what stands before is gone
                mark.seq = mark.seq.wrapping_add(low(from.saturating_sub(*at) as u64));
                *at = at.saturating_sub(from);
            }
        }
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.marks.len() * std::mem::size_of::<(usize, Mark)>()
    }

    /// All of it as one piece.
    pub fn view(&self) -> View<'_> {
        View {
            bytes: &self.bytes,
            offset: self.offset,
            one: Mark::default(),
            marks: Some(&self.marks),
        }
    }

    /// Where the wanted bytes begin.
    pub fn start(&self) -> usize {
        self.from
    }
}

/// Bytes to be read, from one packet or several.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub bytes: &'a [u8],
    /// Stream offset of the first byte.
    pub offset: u64,
    one: Mark,
    marks: Option<&'a Vec<(usize, Mark)>>,
}

impl<'a> View<'a> {
    pub fn of(s: &Segment<'a>) -> View<'a> {
        View {
            bytes: s.bytes,
            offset: s.offset,
            one: Mark {
                at: s.at,
                seq: s.seq(0),
                retransmitted: s.retransmitted,
            },
            marks: None,
        }
    }

    /// The packet that carried the byte at `pos`.
    pub fn mark(&self, pos: usize) -> Mark {
        let (from, mark) = self.marks.map_or((0, self.one), |marks| {
            let n = marks.partition_point(|m| m.0 <= pos);
            n.checked_sub(1)
                .and_then(|n| marks.get(n))
                .copied()
                .unwrap_or((0, self.one))
        });
        Mark {
            seq: mark.seq.wrapping_add(low((pos - from) as u64)),
            ..mark
        }
    }
}

/// What came of reading on.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing more is here.
    More,
    /// The client's first bytes were read.
    Preface,
    /// A frame begins: DATA, or one that is collected.
    Begins,
    /// Bytes of the body.
    Data(&'a [u8]),
    /// A DATA frame is over.
    DataEnd,
    /// A frame is over; its payload is [`Reader::payload`].
    Frame,
    /// These are no frames.
    Desync,
    /// Here are frames again.
    Synced,
}

#[derive(Debug)]
enum State {
    /// Bytes of a frame header that are here.
    Head(usize),
    /// Bytes of the payload to come; of the padding at its end; the length of the padding is still to come.
    Data { left: usize, pad: usize, ask: bool },
    /// A payload is collected.
    Collect { left: usize },
    /// A payload that is of no use.
    Skip { left: usize },
    /// It is not known where a frame starts.
    Lost,
}

/// Where bytes were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// Inside a DATA frame: body bytes, and whether all lost bytes were in it.
    Data { body: u64, all: bool },
    /// Inside a frame that was collected, or between frames; whether it is still known where the next frame starts.
    Other { all: bool },
    /// Inside a frame that says nothing here.
    Nothing,
}

/// Reads one direction.
#[derive(Debug)]
pub struct Reader {
    state: State,
    head: [u8; frame::HEAD],
    /// The client's first bytes may come.
    pub preface: bool,
    /// The frame being read, or the last one.
    pub frame: Frame,
    /// Packet of its first byte, and of the last byte read.
    pub first: Mark,
    pub last: Mark,
    /// Stream offset of its first byte.
    pub start: u64,
    /// Its payload, as far as it was captured.
    pub payload: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
    /// Stream offset of the byte without which the answer whether frames start here would be the same as before.
    ask: u64,
    /// Bytes kept while it is not known where frames start.
    pub lost: Held,
    /// Stream offset behind the last byte.
    pub next: u64,
    /// Bytes that were no frames.
    pub skipped: u64,
}

impl Reader {
    pub fn new(preface: bool) -> Reader {
        Reader {
            state: State::Head(0),
            head: [0; frame::HEAD],
            preface,
            frame: Frame::default(),
            first: Mark::default(),
            last: Mark::default(),
            start: 0,
            payload: Vec::new(),
            whole: true,
            ask: 0,
            lost: Held::default(),
            next: 0,
            skipped: 0,
        }
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.payload.capacity() + self.lost.held()
    }

    /// It is no longer known where frames start.
    pub fn lose(&mut self) {
        self.state = State::Lost;
        self.preface = false;
        self.ask = 0;
    }

    pub fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Whether a frame is being read.
    pub fn inside(&self) -> bool {
        matches!(self.state, State::Data { .. } | State::Collect { .. })
    }

    /// Reads on from `pos`.
    pub fn step<'a>(&mut self, v: &View<'a>, pos: &mut usize, known: &impl Known) -> Step<'a> {
        loop {
            let rest = v.bytes.get(*pos..).unwrap_or_default();
            match &mut self.state {
                State::Lost => return self.search(v, pos, known),
                State::Head(have) => {
                    let had = *have;
                    if rest.is_empty() {
                        return Step::More;
                    }
                    if had == 0 {
                        self.start = v.offset + *pos as u64;
                        self.first = v.mark(*pos);
                    }
                    if self.preface {
                        match self.preface(v, pos, rest, had) {
                            Some(step) => return step,
                            None => continue,
                        }
                    }
                    let n = (frame::HEAD - had).min(rest.len());
                    if let (Some(to), Some(bytes)) =
                        (self.head.get_mut(had..had + n), rest.get(..n))
                    {
                        to.copy_from_slice(bytes);
                    }
                    *pos += n;
                    self.last = v.mark(pos.saturating_sub(1));
                    if had + n < frame::HEAD {
                        *have = had + n;
                        return Step::More;
                    }
                    if let Some(step) = self.begin(known) {
                        return step;
                    }
                }
                State::Data { left: 0, .. } => {
                    self.state = State::Head(0);
                    return Step::DataEnd;
                }
                State::Collect { left: 0 } => {
                    self.state = State::Head(0);
                    return Step::Frame;
                }
                State::Skip { left: 0 } => self.state = State::Head(0),
                _ if rest.is_empty() => return Step::More,
                State::Data { left, pad, ask } => {
                    let (first, at) = (rest.first().copied().unwrap_or(0), *pos);
                    if std::mem::take(ask) {
                        *left -= 1;
                        *pad = usize::from(first).min(*left);
                        *pos += 1;
                        self.last = v.mark(at);
                        continue;
                    }
                    let body = left.saturating_sub(*pad);
                    let n = rest.len().min(if body > 0 { body } else { *left });
                    *left -= n;
                    *pos += n;
                    self.last = v.mark(pos.saturating_sub(1));
                    if body > 0 {
                        return Step::Data(rest.get(..n).unwrap_or_default());
                    }
                }
                State::Collect { left } => {
                    let n = rest.len().min(*left);
                    *left -= n;
                    let room = limits::HEAD_BYTES.saturating_sub(self.payload.len());
                    if self.whole {
                        let kept = rest.get(..n.min(room)).unwrap_or_default();
                        self.payload.extend_from_slice(kept);
                        self.whole = n <= room;
                    }
                    *pos += n;
                    self.last = v.mark(pos.saturating_sub(1));
                }
                State::Skip { left } => {
                    let n = rest.len().min(*left);
                    *left -= n;
                    *pos += n;
                }
            }
        }
    }

    /// The client's first bytes, of which `had` were here; `None` where they do not come.
    fn preface<'a>(
        &mut self,
        v: &View<'a>,
        pos: &mut usize,
        rest: &[u8],
        had: usize,
    ) -> Option<Step<'a>> {
        let want = PREFACE.get(had..).unwrap_or_default();
        let n = want.len().min(rest.len());
        if rest.get(..n) != want.get(..n) {
            self.preface = false;
            if had > 0 {
                self.lose();
                return Some(Step::Desync);
            }
            return None;
        }
        *pos += n;
        self.last = v.mark(pos.saturating_sub(1));
        if had + n < PREFACE.len() {
            self.state = State::Head(had + n);
            return Some(Step::More);
        }
        self.preface = false;
        self.state = State::Head(0);
        Some(Step::Preface)
    }

    /// A frame header is here.
    fn begin<'a>(&mut self, known: &impl Known) -> Option<Step<'a>> {
        // a frame far beyond what was allowed is none: the place where it starts is wrong
        let most = known.max_frame().max(limits::H2_FRAME);
        let Some(f) = Frame::read(&self.head).filter(|f| f.formed() && f.len <= most) else {
            self.lose();
            return Some(Step::Desync);
        };
        self.frame = f;
        self.payload.clear();
        if self.payload.capacity() > 64 << 10 {
            self.payload = Vec::new();
        }
        self.whole = true;
        let left = f.len as usize;
        self.state = match f.kind {
            frame::DATA => State::Data {
                left,
                pad: 0,
                ask: f.has(frame::PADDED) && f.len > 0,
            },
            frame::HEADERS
            | frame::PUSH_PROMISE
            | frame::CONTINUATION
            | frame::RST_STREAM
            | frame::SETTINGS
            | frame::GOAWAY => State::Collect { left },
            _ => State::Skip { left },
        };
        match self.state {
            State::Skip { .. } => None,
            _ => Some(Step::Begins),
        }
    }

    /// Looks for frames. A place is asked again only when bytes have come that may change the answer, however they are cut.
    fn search<'a>(&mut self, v: &View<'a>, pos: &mut usize, known: &impl Known) -> Step<'a> {
        while *pos < v.bytes.len() {
            let rest = v.bytes.get(*pos..).unwrap_or_default();
            let short = rest.len() <= limits::H2_RESYNC;
            let here = v.offset + *pos as u64;
            if short && here + (rest.len() as u64) < self.ask {
                break;
            }
            match frame::ask(rest, known) {
                (Verdict::Yes(_), _) => {
                    self.state = State::Head(0);
                    self.preface = rest.starts_with(PREFACE);
                    return Step::Synced;
                }
                (Verdict::Maybe, need) if short => {
                    self.ask = here + need as u64;
                    break;
                }
                _ => {
                    self.ask = 0;
                    *pos += 1;
                    self.skipped += 1;
                }
            }
        }
        Step::More
    }

    /// Bytes are missing.
    pub fn gap(&mut self, bytes: u64) -> Hole {
        self.next += bytes;
        if self.is_lost() {
            // nothing goes on across what is missing
            self.skipped += self.lost.len() as u64;
            self.lost = Held::default();
        }
        let inside = |left: &mut usize| {
            let n = usize::try_from(bytes).map_or(*left, |n| n.min(*left));
            *left -= n;
            (n as u64, n as u64 == bytes)
        };
        match &mut self.state {
            _ if bytes == 0 => {
                self.lose();
                Hole::Other { all: false }
            }
            State::Data { left, pad, ask } => {
                if std::mem::take(ask) {
                    *left = left.saturating_sub(1); // the length of the padding is among the lost bytes: taken for none
                }
                let body = left.saturating_sub(*pad) as u64;
                let (n, all) = inside(left);
                *pad = (*pad).min(*left);
                let body = n.min(body);
                if !all {
                    self.lose();
                }
                Hole::Data { body, all }
            }
            State::Collect { left } => {
                let (_, all) = inside(left);
                self.whole = false;
                if !all {
                    self.lose();
                }
                Hole::Other { all }
            }
            State::Skip { left } => {
                let (_, all) = inside(left);
                if all {
                    return Hole::Nothing;
                }
                self.lose();
                Hole::Other { all: false }
            }
            State::Head(_) | State::Lost => {
                self.lose();
                Hole::Other { all: false }
            }
        }
    }
}
