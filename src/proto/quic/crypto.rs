//! The handshake of one direction, put together out of the pieces that Initial packets hold, in any order. In: pieces with
//! their offsets. Out: the first message. Bounds: [`limits::TLS_HELLO`] bytes, [`limits::QUIC_PIECES`] pieces; what was there
//! first stays.

use crate::limits;
use crate::tls::hello::u24;
use std::collections::BTreeMap;

/// Pieces of the handshake of one direction.
#[derive(Debug, Default)]
pub struct Crypto {
    /// Offset to bytes; they do not overlap.
    pieces: BTreeMap<u64, Vec<u8>>,
    held: usize,
}

impl Crypto {
    /// Bytes of memory.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held + self.pieces.len() * 64
    }

    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Takes a piece; `false` where it was left out at a limit.
    pub fn feed(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let len = bytes.len() as u64;
        let end = match offset.checked_add(len) {
            Some(end) if end <= limits::TLS_HELLO as u64 => end,
            _ => return false,
        };
        let mut at = offset;
        if let Some((s, p)) = self.pieces.range(..=at).next_back() {
            at = at.max(s + p.len() as u64);
        }
        while at < end {
            let next = self.pieces.range(at..end).next();
            let next = next.map(|(s, p)| (*s, s + p.len() as u64));
            let (stop, resume) = next.unwrap_or((end, end));
            if stop > at {
                let part = |n: u64| usize::try_from(n - offset).unwrap_or(usize::MAX);
                let new = bytes.get(part(at)..part(stop)).unwrap_or_default();
                let full = self.pieces.len() >= limits::QUIC_PIECES;
                match self.pieces.range_mut(..at).next_back() {
                    Some((s, p)) if s + p.len() as u64 == at => p.extend_from_slice(new),
                    _ if full => return false,
                    _ => drop(self.pieces.insert(at, new.to_vec())),
                }
                self.held += new.len();
            }
            at = resume;
        }
        true
    }

    /// The first message with its header, once it is whole.
    #[must_use]
    pub fn message(&self) -> Option<Vec<u8>> {
        let mut end = 0u64;
        for (at, p) in &self.pieces {
            if *at != end {
                break;
            }
            end += p.len() as u64;
        }
        let head: Vec<u8> = self.bytes().take(4).collect();
        let len = 4 + u24(&head, 1)?;
        (len as u64 <= end).then(|| self.bytes().take(len).collect())
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.pieces.values().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_give_the_message_once_it_is_whole() {
        let mut message = vec![1, 0, 1, 44];
        message.extend((0..=255u8).chain(0..44));
        for step in [2usize, 7, 100] {
            let mut c = Crypto::default();
            let cuts: Vec<usize> = (0..message.len()).step_by(step).collect();
            // the later half first, then the earlier one, each piece longer than it need be
            let (a, b) = cuts.split_at(cuts.len() / 2);
            let mut there = vec![false; message.len()];
            for at in b.iter().rev().chain(a) {
                let end = (at + step + 3).min(message.len());
                assert!(c.feed(*at as u64, &message[*at..end]));
                there[*at..end].fill(true);
                assert_eq!(c.message().is_some(), there.iter().all(|t| *t));
            }
            assert_eq!(c.message().as_ref(), Some(&message));
            assert_eq!(c.held, message.len());
        }
    }

    #[test]
    fn what_was_first_stays_and_limits_hold() {
        let mut c = Crypto::default();
        assert!(c.feed(2, &[0, 1]));
        assert!(c.feed(0, &[1, 0, 9, 9, b'x', b'y']));
        assert_eq!(c.message(), Some(vec![1, 0, 0, 1, b'x']));
        assert!(!c.feed(limits::TLS_HELLO as u64, &[1]));
        assert!(!c.feed(u64::MAX, &[1]));
        let mut c = Crypto::default();
        // in order, the smallest pieces are one
        assert!((0..2000u64).all(|n| c.feed(n, &[1])));
        assert_eq!(c.pieces.len(), 1);
        let mut c = Crypto::default();
        let taken = (0..2000u64).filter(|n| c.feed(n * 2, &[1])).count();
        assert_eq!(taken, limits::QUIC_PIECES);
        assert!(c.held() < 100 * limits::QUIC_PIECES);
        assert!(c.feed(0, &[]));
    }
}
