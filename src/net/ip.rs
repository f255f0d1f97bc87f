//! IP headers. In: a slice that begins with an IPv4 or IPv6 header. Out: addresses, transport and payload, or the
//! fragment it is part of. Bounds: [`MAX_EXTENSIONS`] extension headers; every length is held against the capture.

use super::ether::{u16_at, u32_at};
use super::sum;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers followed in one packet: RFC 8200 section 4.1 allows each once and destination options twice.
const MAX_EXTENSIONS: usize = 16;

/// An IP packet or fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ip<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// Protocol of `payload`.
    pub(super) protocol: u8,
    /// What was captured of the payload; padding of the link layer is cut off.
    pub(super) payload: &'a [u8],
    /// Payload bytes that the header promises beyond `payload`: cut off by a snap length.
    pub(super) missing: usize,
    /// Set where the packet is a fragment.
    pub(super) fragment: Option<Fragment>,
    /// Identification of an IPv4 packet; 0 for IPv6, which has none.
    pub(super) id: u16,
    /// Whether the sum of an IPv4 header is wrong. 0 is none: it was left to the network card.
    pub(super) bad_sum: bool,
}

/// Place of a fragment in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Identification (16 bits in IPv4).
    pub(super) id: u32,
    /// Offset of the first byte.
    pub(super) offset: usize,
    /// Whether more follow.
    pub(super) more: bool,
}

/// Parses a header. `cut` is how many bytes of the frame were on the wire and not captured.
///
/// # Errors
/// The code under which a packet that cannot be used is counted.
pub(super) fn parse(bytes: &[u8], cut: usize) -> Result<Ip<'_>, &'static str> {
    match bytes.first().map(|b| b >> 4) {
        Some(4) => v4(bytes, cut),
        Some(6) => v6(bytes, cut),
        _ => Err("not-ip"),
    }
}

/// IPv4 (RFC 791).
fn v4(bytes: &[u8], cut: usize) -> Result<Ip<'_>, &'static str> {
    let Some(
        &[
            first,
            _,
            t0,
            t1,
            i0,
            i1,
            f0,
            f1,
            _,
            protocol,
            c0,
            c1,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ],
    ) = bytes.first_chunk::<20>()
    else {
        return Err("ip-cut");
    };
    let header = usize::from(first & 0x0f) * 4;
    // A length of 0 is written for packets that the network card was to split (TSO); the frame tells the length.
    let total = match usize::from(u16::from_be_bytes([t0, t1])) {
        0 => bytes.len() + cut,
        total => total,
    };
    if header < 20 || total < header {
        return Err("bad-ip-length");
    }
    let payload = bytes.get(header..total.min(bytes.len())).ok_or("ip-cut")?;
    let place = u16::from_be_bytes([f0, f1]);
    let fragment = (place & 0x3fff != 0).then(|| Fragment {
        id: u32::from(u16::from_be_bytes([i0, i1])),
        offset: usize::from(place & 0x1fff) * 8,
        more: place & 0x2000 != 0,
    });
    Ok(Ip {
        src: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        dst: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol,
        payload,
        missing: total.saturating_sub(bytes.len()),
        fragment,
        id: u16::from_be_bytes([i0, i1]),
        bad_sum: (c0 | c1) != 0 && bytes.get(..header).is_some_and(|h| !sum::whole(h)),
    })
}

/// Whether bytes that may be anything are an IP packet: the version, and lengths that fit what is there. `missing` bytes
/// behind them were not captured. `strict` asks for the right sum of IPv4, and for the exact length of IPv6.
pub(super) fn plausible(bytes: &[u8], missing: usize, strict: bool) -> bool {
    let reach = bytes.len().saturating_add(missing);
    match bytes.first() {
        Some(first @ 0x45..=0x4f) => {
            let header = usize::from(first & 15) * 4;
            let total = u16_at(bytes, 2).map_or(0, usize::from);
            let sum = u16_at(bytes, 10);
            total >= header
                && total <= reach
                && bytes.get(..header).is_some_and(|h| match sum {
                    Some(0) => !strict,
                    _ => sum::whole(h),
                })
        }
        Some(0x60..=0x6f) => {
            let total = u16_at(bytes, 4).map_or(0, usize::from) + 40;
            let fits = if strict && missing == 0 {
                total == reach
            } else {
                total <= reach
            };
            // what follows must be a header there is
            let next = matches!(
                bytes.get(6),
                Some(0 | 6 | 17 | 43 | 44 | 47 | 50 | 51 | 58 | 59 | 60 | 132 | 4 | 41)
            );
            fits && next
        }
        _ => false,
    }
}

/// IPv6 (RFC 8200).
fn v6(bytes: &[u8], cut: usize) -> Result<Ip<'_>, &'static str> {
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    let (Some(src), Some(dst), Some(len), Some(&next)) =
        (address(8), address(24), u16_at(bytes, 4), bytes.get(6))
    else {
        return Err("ip-cut");
    };
    // 0: a jumbogram (RFC 2675), or split by the network card; the frame tells the length.
    let total = match usize::from(len) {
        0 => bytes.len() + cut,
        len => 40 + len,
    };
    let rest = bytes.get(40..total.min(bytes.len())).ok_or("ip-cut")?;
    let (protocol, payload, fragment) = extensions(next, rest)?;
    Ok(Ip {
        src,
        dst,
        protocol,
        payload,
        missing: total.saturating_sub(bytes.len()),
        fragment,
        id: 0,
        bad_sum: false,
    })
}

/// Walks extension headers to the transport, or to a fragment header that makes the rest a fragment.
///
/// # Errors
/// The code under which the packet is counted.
pub(super) fn extensions(
    mut next: u8,
    mut rest: &[u8],
) -> Result<(u8, &[u8], Option<Fragment>), &'static str> {
    for _ in 0..MAX_EXTENSIONS {
        let len = match next {
            // hop-by-hop, routing, destination, mobility, HIP, shim6: length in units of 8 after the first 8
            0 | 43 | 60 | 135 | 139 | 140 => rest.get(1).map(|n| (usize::from(*n) + 1) * 8),
            // authentication header: units of 4 after the first 8 (RFC 4302 section 2.2)
            51 => rest.get(1).map(|n| (usize::from(*n) + 2) * 4),
            44 => {
                let (Some(place), Some(id)) = (u16_at(rest, 2), u32_at(rest, 4)) else {
                    return Err("ip-cut");
                };
                let fragment = Fragment {
                    id,
                    offset: usize::from(place & 0xfff8),
                    more: place & 1 != 0,
                };
                // A lone "atomic" fragment is a whole packet (RFC 6946).
                if fragment.offset != 0 || fragment.more {
                    let payload = rest.get(8..).unwrap_or(&[]);
                    return Ok((rest.first().copied().unwrap_or(59), payload, Some(fragment)));
                }
                Some(8)
            }
            _ => return Ok((next, rest, None)),
        };
        let (Some(&after), Some(inner)) = (rest.first(), len.and_then(|len| rest.get(len..)))
        else {
            return Err("ip-cut");
        };
        (next, rest) = (after, inner);
    }
    Err("nested-too-deep")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(total: u16, place: u16) -> Vec<u8> {
        let mut h = vec![
            0x45, 0, 0, 0, 0, 7, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        h[2..4].copy_from_slice(&total.to_be_bytes());
        h[6..8].copy_from_slice(&place.to_be_bytes());
        h
    }

    #[test]
    fn lengths_cut_padding_and_tell_what_is_missing() {
        let mut padded = header(23, 0x4000);
        padded.extend_from_slice(b"abc\0\0\0");
        let ip = parse(&padded, 0).unwrap();
        assert_eq!(
            (ip.payload, ip.missing, ip.fragment),
            (&b"abc"[..], 0, None)
        );
        let mut cut = header(30, 0);
        cut.extend_from_slice(b"abc");
        assert_eq!(parse(&cut, 7).unwrap().missing, 7);
        let mut offloaded = header(0, 0);
        offloaded.extend_from_slice(b"abc");
        let ip = parse(&offloaded, 100).unwrap();
        assert_eq!((ip.payload.len(), ip.missing), (3, 100));
        assert_eq!(parse(&header(19, 0), 0).unwrap_err(), "bad-ip-length");
        assert_eq!(parse(&padded[..19], 0).unwrap_err(), "ip-cut");
    }

    #[test]
    fn fragments_have_places() {
        let f = parse(&header(20, 0x2003), 0).unwrap().fragment;
        assert_eq!(
            f,
            Some(Fragment {
                id: 7,
                offset: 24,
                more: true
            })
        );
    }

    #[test]
    fn extension_headers_are_walked_and_bounded() {
        let hop = [60u8, 0, 0, 0, 0, 0, 0, 0];
        let dst = [44u8, 0, 0, 0, 0, 0, 0, 0];
        let whole = [6u8, 0, 0, 0, 0, 0, 0, 9, 1, 2];
        let chain = [&hop[..], &dst, &whole].concat();
        assert_eq!(extensions(0, &chain), Ok((6, &[1u8, 2][..], None)));
        let part = [6u8, 0, 0, 9, 0, 0, 0, 9, 1, 2];
        let f = Fragment {
            id: 9,
            offset: 8,
            more: true,
        };
        assert_eq!(extensions(44, &part), Ok((6, &[1u8, 2][..], Some(f))));
        assert_eq!(extensions(0, &[0; 400]), Err("nested-too-deep"));
        assert_eq!(extensions(0, &[6, 200, 0]), Err("ip-cut"));
    }
}
