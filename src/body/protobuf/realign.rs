//! Messages of a framed body of which bytes are missing. In: the bytes that were captured, and the places of those that were not.
//! Out: pieces in order: whole messages, beginnings of messages, and what is left of messages whose beginning is lost. Bounds:
//! linear in time; one bit of memory for each byte between two losses.
//!
//! Where a loss lies inside a message, the message's length says where the next one begins. Where that is not known, the next
//! message is the first place from which messages follow each other to the very end of what is in one piece, or [`CHAIN`] of
//! them do; where there is no such place, nothing is taken for a message.

use super::frames::{self, Prefix};
use super::wire;
use std::ops::Range;

/// Messages behind each other that are believed where the last of them does not end with the piece.
const CHAIN: usize = 4;

/// Where bytes are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Captured bytes before it.
    pub at: usize,
    /// Bytes that are missing, where that is known.
    pub missing: Option<u64>,
}

/// Holes in the first `here` bytes of a body from its gaps: offsets in the body as it was sent, and bytes missing, 0 for unknown.
pub fn holes(gaps: &[(u64, u64)], here: usize) -> Vec<Hole> {
    let mut before = 0u64;
    gaps.iter()
        .map_while(|(at, missing)| {
            let at = usize::try_from(at.saturating_sub(before)).ok()?;
            before = before.saturating_add(*missing);
            (at <= here).then_some(Hole {
                at,
                missing: (*missing > 0).then_some(*missing),
            })
        })
        .collect()
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message with these flags; the last may be cut by the end of the body.
    Message(u8),
    /// The beginning of one with these flags: bytes behind it are missing.
    Beginning(u8),
    /// Bytes of messages whose beginning is missing.
    Rest,
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, without the prefix of a message.
    pub body: Range<usize>,
}

/// Splits a body. `complete`: its end was captured. Also gives where reading ended: what stands behind it is not framed.
pub fn pieces(content: &[u8], holes: &[Hole], complete: bool) -> (Vec<Piece>, usize) {
    let mut out = Vec::new();
    let mut add = |kind, body: Range<usize>| {
        if kind != Kind::Rest || !body.is_empty() {
            out.push(Piece { kind, body });
        }
    };
    // in step: a message begins at `at`; `next`: the first hole that is not before it
    let (mut at, mut in_step, mut next) = (0usize, true, 0usize);
    loop {
        let hole = holes.get(next);
        let to = hole.map_or(content.len(), |h| h.at.min(content.len()));
        if !in_step {
            let found = begins(content, at..to, hole.is_some() || complete);
            let end = found.unwrap_or(to);
            add(Kind::Rest, at..end);
            (at, in_step) = (end, found.is_some());
            if !in_step {
                if hole.is_none() {
                    break;
                }
                next += 1;
            }
            continue;
        }
        if hole.is_some() && at == to {
            // whole messages may be missing
            (next, in_step) = (next + 1, false);
            continue;
        }
        let Some(Prefix { flags, len }) = Prefix::read(content.get(at..to).unwrap_or_default())
        else {
            if hole.is_none() {
                break;
            }
            add(Kind::Rest, at..to);
            (at, next, in_step) = (to, next + 1, false);
            continue;
        };
        let start = at + frames::PREFIX;
        let (mut from, mut need) = (start, len);
        let mut cut = None;
        while let Some(h) = holes
            .get(next)
            .filter(|h| (h.at.saturating_sub(from) as u64) < need)
        {
            need -= h.at.saturating_sub(from) as u64;
            from = h.at.max(from);
            cut.get_or_insert(h.at);
            next += 1;
            match h.missing.and_then(|n| need.checked_sub(n)) {
                Some(left) => need = left,
                None => {
                    in_step = false;
                    break;
                }
            }
        }
        let left = content.len().saturating_sub(from);
        let end = if in_step {
            from + usize::try_from(need).unwrap_or(left).min(left)
        } else {
            from
        };
        match cut {
            Some(cut) => {
                add(Kind::Beginning(flags), start..cut);
                add(Kind::Rest, cut..end);
            }
            None => add(Kind::Message(flags), start..end),
        }
        at = end;
    }
    (out, at)
}

/// The first place in `range` where a message begins. `ends`: a message ends where the range does.
fn begins(content: &[u8], range: Range<usize>, ends: bool) -> Option<usize> {
    let piece = content.get(range.clone())?;
    let prefix = |at: usize| piece.get(at..).and_then(Prefix::read);
    // places from which messages follow each other to the end
    let mut good = vec![0u64; piece.len() / 64 + 1];
    let has = |good: &[u64], at: usize| good.get(at / 64).is_some_and(|w| w >> (at % 64) & 1 == 1);
    for at in (0..piece.len()).rev().filter(|_| ends) {
        let behind = prefix(at).and_then(|p| p.behind(at));
        if behind.is_some_and(|b| b == piece.len() || b < piece.len() && has(&good, b))
            && let Some(word) = good.get_mut(at / 64)
        {
            *word |= 1 << (at % 64);
        }
    }
    let run = |at: usize| {
        let mut to = at;
        (0..CHAIN).all(|_| {
            let behind = prefix(to).filter(|p| p.len > 0).and_then(|p| p.behind(to));
            to = behind.unwrap_or(usize::MAX);
            to <= piece.len()
        })
    };
    (0..piece.len())
        .find(|at| {
            let Some(p) = prefix(*at).filter(|p| p.len > 0) else {
                return false;
            };
            (has(&good, *at) || run(*at)) && formed(piece, *at, p)
        })
        .map(|at| range.start + at)
}

/// Whether what stands behind a prefix can be a message.
fn formed(piece: &[u8], at: usize, p: Prefix) -> bool {
    let Some(end) = p.behind(at).filter(|e| *e <= piece.len()) else {
        return false;
    };
    let body = at + frames::PREFIX..end;
    if p.flags & frames::COMPRESSED != 0 {
        return true;
    }
    let bytes = piece.get(body.clone()).unwrap_or_default();
    if p.flags & frames::TRAILERS != 0 || matches!(bytes.first(), Some(b'{' | b'[')) {
        return std::str::from_utf8(bytes).is_ok();
    }
    let mut fields = wire::fields(piece, body);
    let some = fields.by_ref().count() > 0;
    some && !fields.faulty
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // lengths that are written out below
mod tests {
    use super::*;

    fn frame(m: &[u8]) -> Vec<u8> {
        let mut v = vec![0];
        v.extend((m.len() as u32).to_be_bytes());
        v.extend(m);
        v
    }

    /// A message of `n` bytes: one field of bytes, which are different in each message.
    fn message(seed: u8, n: usize) -> Vec<u8> {
        let mut v = vec![0x0a, (n - 2) as u8];
        v.extend((0..n - 2).map(|i| (i as u8).wrapping_mul(31) ^ seed));
        v
    }

    /// Every loss, of known and unknown length: what is told to be a message is one, and those behind the loss are told.
    #[test]
    fn any_loss_is_realigned_and_never_wrong() {
        let all: Vec<Vec<u8>> = (0..9)
            .map(|i| message(i, 12 + 9 * usize::from(i)))
            .collect();
        let wire: Vec<u8> = all.iter().flat_map(|m| frame(m)).collect();
        let mut ends = vec![0];
        for m in &all {
            ends.push(ends[ends.len() - 1] + m.len() + 5);
        }
        for from in 0..wire.len() {
            for n in [1, 3, 17, 60, 200] {
                let to = wire.len().min(from + n);
                let got = [&wire[..from], &wire[to..]].concat();
                for missing in [Some((to - from) as u64), None] {
                    let holes = [Hole { at: from, missing }];
                    let (list, end) = pieces(&got, &holes, true);
                    assert_eq!(end, got.len());
                    let told: Vec<&[u8]> = list
                        .iter()
                        .filter(|p| matches!(p.kind, Kind::Message(_)))
                        .map(|p| &got[p.body.clone()])
                        .collect();
                    for m in &told {
                        assert!(all.iter().any(|a| a == m), "{from} {n} {missing:?}: {m:?}");
                    }
                    let whole = (0..all.len())
                        .filter(|i| ends[i + 1] <= from || ends[*i] >= to)
                        .count();
                    assert_eq!(told.len(), whole, "{from} {n} {missing:?}");
                }
            }
        }
    }

    #[test]
    fn zeros_are_no_messages_and_an_open_end_needs_a_chain() {
        let holes = [Hole {
            at: 0,
            missing: None,
        }];
        let (list, _) = pieces(&[0; 400], &holes, true);
        assert!(list.iter().all(|p| p.kind == Kind::Rest), "{list:?}");
        let mut wire: Vec<u8> = (0..6u8).flat_map(|i| frame(&message(i, 20))).collect();
        wire.drain(..7);
        wire.truncate(wire.len() - 3);
        let (list, _) = pieces(&wire, &holes, false);
        let whole = |l: &[Piece]| l.iter().filter(|p| p.kind == Kind::Message(0)).count();
        // four whole ones and the cut one
        assert_eq!(whole(&list), 5);
        let (list, _) = pieces(&wire[..60], &holes, false);
        assert_eq!(whole(&list), 0, "two are no proof");
    }
}
