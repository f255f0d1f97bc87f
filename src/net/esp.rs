//! ESP without encryption (RFC 4303 with RFC 2410). In: what stands behind an IP header of protocol 50, or in a datagram of
//! IPsec's port. Out: what it carries, where that proves itself. Bounds: a few lengths of its ends are tried.
//!
//! Nothing in the packet says which algorithms its ends agreed on. So lengths that are in use are tried, and only what has the
//! padding of the standard and a packet, segment or datagram with the right sum that fills the rest is taken.

use super::ip::plausible;
use super::sum::{self, Sum};
use std::net::IpAddr;

/// Bytes of what proves a packet, behind it: of the algorithms with 96, 128, 192 and 256 bits, and none.
const PROOFS: [usize; 5] = [12, 16, 24, 32, 0];
/// Bytes before the content: number of the association and of the packet, and with GMAC an initial value (RFC 4543).
const HEADS: [usize; 2] = [8, 16];

/// The protocol and the bytes of what is carried.
pub(super) fn null(bytes: &[u8], ends: (IpAddr, IpAddr)) -> Option<(u8, &[u8])> {
    PROOFS
        .iter()
        .filter_map(|proof| bytes.get(..bytes.len().checked_sub(*proof)?))
        .find_map(|all| {
            let (body, &[pad, next]) = all.split_last_chunk::<2>()?;
            let body = body
                .len()
                .checked_sub(usize::from(pad))
                .map(|n| body.split_at(n));
            let (body, padding) = body?;
            // some senders do not pad to words as they should
            let known = matches!(next, 4 | 6 | 17 | 41);
            if !known || !padding.iter().zip(1u8..).all(|(p, n)| *p == n) {
                return None;
            }
            HEADS.iter().find_map(|head| {
                let rest = body.get(*head..)?;
                stands(next, rest, ends).then_some((next, rest))
            })
        })
}

/// Whether bytes are a whole one of their protocol.
fn stands(next: u8, bytes: &[u8], ends: (IpAddr, IpAddr)) -> bool {
    let word = |at: usize| super::ether::u16_at(bytes, at).map_or(0, usize::from);
    match next {
        4 => {
            bytes.first().is_some_and(|b| b >> 4 == 4)
                && word(2) == bytes.len()
                && plausible(bytes, 0, true)
        }
        41 => bytes.first().is_some_and(|b| b >> 4 == 6) && plausible(bytes, 0, true),
        6 => bytes.len() >= 20 && sum::of(bytes, 6, ends, 16) == Sum::Right,
        17 => word(4) == bytes.len() && sum::of(bytes, 17, ends, 6) == Sum::Right,
        _ => false,
    }
}
