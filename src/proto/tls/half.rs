//! One direction of a TLS connection: its records, its handshake messages, its keys, and where its content stands. In: what the
//! records give. Out: handshake messages, and offsets of content. Bounds: [`limits::TLS_HELLO`] of an unfinished message,
//! [`limits::TLS_WAITING`] of records, [`limits::TLS_PLACES`] places.

use crate::call::model::Stamp;
use crate::limits;
use crate::net::Missing;
use crate::tls::hello::u24;
use crate::tls::keys::Keys;
use crate::tls::record::{Hole, Record, Records};
use std::collections::VecDeque;

/// How records are read.
#[derive(Debug, Default)]
pub(super) enum Mode {
    /// As they stand.
    #[default]
    Clear,
    /// Not yet: records and their bytes.
    Wait(Vec<Record<'static>>, usize),
    /// With keys.
    Open(Box<Keys>),
    /// No more.
    Dead,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub records: Records,
    pub hand: Messages,
    pub mode: Mode,
    /// Offset of the next byte of content.
    pub plain: u64,
    /// Where records end, and where their content does.
    places: VecDeque<(u64, u64)>,
    /// A loss that what is inside was not told.
    pub missing: Option<(Stamp, Missing)>,
    /// Records were lost before there were keys.
    pub lossy: bool,
    /// What is inside was told that nothing more comes.
    pub closed: bool,
    /// Offset of the next byte of the stream.
    pub next: u64,
}

impl Half {
    pub fn held(&self) -> usize {
        let waiting = match &self.mode {
            Mode::Wait(_, n) => *n,
            _ => 0,
        };
        self.records.held() + self.hand.buf.len() + waiting + self.places.len() * 16
    }

    /// Keeps a record; `false` where there is no more room for one.
    pub fn wait(&mut self, r: Record<'_>) -> bool {
        if let Mode::Wait(records, held) = &mut self.mode {
            *held += r.size();
            records.push(r.into_owned());
            return *held <= limits::TLS_WAITING;
        }
        true
    }

    /// What waited, which is to be read anew.
    pub fn wake(&mut self) -> Vec<Record<'static>> {
        match std::mem::take(&mut self.mode) {
            Mode::Wait(records, _) => records,
            mode => {
                self.mode = mode;
                Vec::new()
            }
        }
    }

    pub fn dead(&mut self) {
        self.mode = Mode::Dead;
        self.records = Records::default();
        self.hand = Messages::default();
        self.places = VecDeque::new();
    }

    pub fn hole(&mut self, hole: &Hole) {
        if !matches!(self.mode, Mode::Open(_)) {
            return self.lost(hole.place.at);
        }
        self.hand.broken();
        if let Mode::Open(keys) = &mut self.mode {
            keys.hole(hole.tail.as_ref().map(|t| t.as_slice()));
        }
    }

    pub fn lost(&mut self, at: Stamp) {
        self.hand.broken();
        self.missing.get_or_insert((at, Missing::Lost));
        match &mut self.mode {
            Mode::Open(keys) => keys.lost(),
            Mode::Wait(records, _) => records.push(Record::loss(at)),
            _ => self.lossy = true,
        }
    }

    /// Content of a record went on.
    pub fn delivered(&mut self, end: u64, len: usize) {
        self.plain += len as u64;
        if self.places.len() >= limits::TLS_PLACES {
            self.places.pop_front();
        }
        self.places.push_back((end, self.plain));
    }

    /// Offset in the content up to which records stand wholly before an offset of the stream; 0 where that is not known. What was
    /// acknowledged and is not here (it was lost, or comes late) is estimated. Of what a server sends half: more than none
    /// and less than all, whatever of it were tickets, is what tells an answer that was lost from one to come. Of what a
    /// client sends, records of an ordinary packet each: few clients send anything but content.
    pub fn plain_before(&self, offset: u64, server: bool) -> u64 {
        let at = self.places.partition_point(|(end, _)| *end <= offset);
        let Some((end, plain)) = at.checked_sub(1).and_then(|at| self.places.get(at)) else {
            return 0;
        };
        let unseen = offset.saturating_sub(*end);
        let over = match &self.mode {
            Mode::Open(keys) => keys.overhead(),
            _ => 0,
        };
        if at < self.places.len() || unseen <= over {
            return *plain;
        }
        let content = if server {
            unseen / 2
        } else {
            unseen.saturating_sub(over.saturating_mul(unseen.div_ceil(RECORD)))
        };
        plain + content.max(1)
    }

    /// Offset in the content behind the record in which an offset of the stream lies.
    pub fn plain_after(&self, offset: u64) -> Option<u64> {
        let at = self.places.partition_point(|(end, _)| *end < offset);
        self.places.get(at).or(self.places.back()).map(|p| p.1)
    }
}

/// Handshake messages out of the contents of records.
#[derive(Debug, Default)]
pub(super) struct Messages {
    buf: Vec<u8>,
    /// Bytes of a message too long to be kept.
    skip: usize,
    /// What comes next is the rest of something lost.
    broken: bool,
}

impl Messages {
    pub fn feed(&mut self, bytes: &[u8]) {
        let n = self.skip.min(bytes.len());
        self.skip -= n;
        self.buf
            .extend_from_slice(bytes.get(n..).unwrap_or_default());
        if std::mem::take(&mut self.broken) && !self.buf.first().is_some_and(|k| KINDS.contains(k))
        {
            self.buf.clear();
        }
    }

    /// The next whole message, its header included.
    pub fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let len = 4 + u24(&self.buf, 1)?;
            if len <= self.buf.len() {
                let rest = self.buf.split_off(len);
                return Some(std::mem::replace(&mut self.buf, rest));
            }
            if len <= limits::TLS_HELLO {
                return None;
            }
            self.skip = len - self.buf.len();
            self.buf.clear();
        }
    }

    /// Bytes are missing.
    pub fn broken(&mut self) {
        self.buf.clear();
        self.skip = 0;
        self.broken = true;
    }
}

/// Bytes of a record that fills a packet.
const RECORD: u64 = 1400;

/// Types of handshake messages that begin one where the message before was lost.
const KINDS: [u8; 12] = [0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 16, 20];
