//! A body that grows. In: its bytes in order, and gaps. Out: a [`RawBody`]. Bounds: [`limits::BODY_STORED`] bytes kept, or fewer
//! where all open bodies together come to their limit; length and hash go on.

use crate::call::model::{RawBody, Stamp};
use crate::limits;
use sha2::{Digest, Sha256};

/// Room made at once against what has come: most bodies are a few packets long, and are then moved never.
const AHEAD: usize = 4;

/// Whether a media type says that the body consists of messages, each of which has its time: gRPC in all its dresses, events.
pub fn in_messages(media: &[u8]) -> bool {
    [
        "application/grpc",
        "application/connect+",
        "text/event-stream",
    ]
    .iter()
    .any(|kind| {
        media
            .get(..kind.len())
            .is_some_and(|m| m.eq_ignore_ascii_case(kind.as_bytes()))
    })
}

/// A body being collected.
#[derive(Debug, Default)]
pub struct Growing {
    body: RawBody,
    /// Hash of all bytes, from when they are more than are kept.
    hash: Option<Box<Sha256>>,
    /// Bytes missing in all gaps.
    missing: u64,
}

impl Growing {
    /// Starts with room for `all` that is to come, at most for [`AHEAD`] times what is here already: a length is only a word.
    pub fn expect(&mut self, all: usize, here: usize) {
        let room = all.min(here.saturating_mul(AHEAD));
        self.body.bytes.reserve_exact(room.min(limits::BODY_STORED));
    }

    /// One that was read already.
    pub fn from(body: RawBody) -> Growing {
        Growing {
            body,
            ..Growing::default()
        }
    }

    /// Adds bytes; `room` is what may be held in memory besides. `false` where this is the first byte not kept.
    pub fn push(&mut self, bytes: &[u8], room: usize) -> bool {
        self.body.len += bytes.len() as u64;
        if let Some(h) = &mut self.hash {
            h.update(bytes);
            return true;
        }
        let may = room.min(limits::BODY_STORED.saturating_sub(self.body.bytes.len()));
        if bytes.len() <= may {
            self.body.bytes.extend_from_slice(bytes);
            return true;
        }
        let mut h = Box::new(Sha256::new());
        h.update(&self.body.bytes);
        h.update(bytes);
        self.hash = Some(h);
        self.body
            .bytes
            .extend_from_slice(bytes.get(..may).unwrap_or_default());
        false
    }

    /// Bytes are missing here.
    pub fn gap(&mut self, bytes: u64) {
        let at = self.body.len + self.missing;
        self.missing += bytes;
        match self.body.gaps.last_mut() {
            Some((from, n)) if *from + *n == at => *n += bytes,
            _ => self.body.gaps.push((at, bytes)),
        }
    }

    /// The bytes that come next are in another packet than those before, if this is not that of them.
    pub fn place(&mut self, at: Stamp) {
        let places = &mut self.body.places;
        if places.last().is_none_or(|p| p.1 != at) && places.len() < limits::BODY_PLACES {
            places.push((self.body.len, at));
        }
    }

    /// Bytes captured so far.
    pub fn len(&self) -> u64 {
        self.body.len
    }

    /// Whether bytes are missing inside.
    pub fn has_gap(&self) -> bool {
        !self.body.gaps.is_empty()
    }

    /// Bytes in memory.
    pub fn held(&self) -> usize {
        self.body.bytes.len() + self.body.places.len() * std::mem::size_of::<(u64, Stamp)>()
    }

    /// The body, without its bytes, as far as it has come.
    pub fn outline(&self) -> RawBody {
        RawBody {
            len: self.body.len,
            gaps: self.body.gaps.clone(),
            ..RawBody::default()
        }
    }

    /// What is kept of it.
    pub fn bytes(&self) -> &[u8] {
        &self.body.bytes
    }

    /// The body at its end.
    pub fn finish(self, complete: bool) -> RawBody {
        RawBody {
            long_sha256: self.hash.map(|h| h.finalize().into()),
            complete,
            ended: complete,
            ..self.body
        }
    }
}
