//! Sums of headers and segments (RFC 1071). In: bytes with a sum in them. Out: whether it is right. Bounds: one pass.

use super::ether::u16_at;
use std::net::IpAddr;

/// What the sum of a segment says (RFC 9293 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    Right,
    Wrong,
    /// Nothing: it was left to the network card, or bytes are missing.
    Open,
}

/// Words of 16 bits added up, in words of 32: carries are folded later, and the sum is the same (RFC 1071).
fn add(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum: u64 = words
        .iter()
        .map(|w| u64::from(u32::from_be_bytes(*w)))
        .sum();
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    sum + u64::from(u32::from_be_bytes(last))
}

fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// Whether bytes that hold their own sum, as an IPv4 header does, add up.
pub(super) fn whole(bytes: &[u8]) -> bool {
    fold(add(bytes)) == 0xffff
}

/// Holds a segment or a datagram against its sum, which stands at `at`. A card that is to fill it in finds the sum of addresses and
/// protocol there, with or without the length; what a driver put together has the same.
pub(super) fn of(bytes: &[u8], protocol: u8, ends: (IpAddr, IpAddr), at: usize) -> Sum {
    let end = |a: IpAddr| match a {
        IpAddr::V4(a) => add(&a.octets()),
        IpAddr::V6(a) => add(&a.octets()),
    };
    let begin = end(ends.0) + end(ends.1) + u64::from(protocol);
    let with_length = begin + bytes.len() as u64;
    let field = u64::from(u16_at(bytes, at).unwrap_or(0));
    if field == 0 || field == fold(begin) || field == fold(with_length) {
        return Sum::Open;
    }
    if fold(with_length + add(bytes)) == 0xffff {
        Sum::Right
    } else {
        Sum::Wrong
    }
}
