//! The header that a load balancer writes before what a client sent (PROXY protocol, versions 1 and 2). In: the first bytes of a
//! direction. Out: how long the header is. Bounds: a line of [`LINE`] bytes, a binary header of [`limits::PROBE_BYTES`].
//!
//! <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>

use crate::limits;

/// The longest header of version 1, its line end included.
const LINE: usize = 107;
const ONE: &[u8] = b"PROXY ";
const TWO: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the first bytes of a direction are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// No such header.
    None,
    /// Perhaps the beginning of one.
    More,
    /// One of this many bytes.
    Of(usize),
}

/// Looks for a header at the beginning of a direction.
pub(super) fn header(b: &[u8]) -> Header {
    let begins = |with: &[u8]| b.iter().zip(with).all(|(x, y)| x == y);
    if begins(ONE) {
        let line = b.get(..LINE).unwrap_or(b);
        return match memchr::memchr(b'\n', line) {
            // `PROXY UNKNOWN` may say more or nothing, TCP4 and TCP6 say addresses and ports
            Some(end) => match line.get(ONE.len()..end) {
                Some([b'T', b'C', b'P', b'4' | b'6', b' ', .., b'\r']) => Header::Of(end + 1),
                Some([b'U', b'N', b'K', b'N', b'O', b'W', b'N', .., b'\r']) => Header::Of(end + 1),
                _ => Header::None,
            },
            None if line.len() < LINE => Header::More,
            None => Header::None,
        };
    }
    if !begins(TWO) {
        return Header::None;
    }
    // the line ends that it begins with may also stand before a request
    let Some(&[version, _, l0, l1]) = b.get(TWO.len()..).and_then(<[u8]>::first_chunk::<4>) else {
        return Header::More;
    };
    let len = TWO.len() + 4 + usize::from(u16::from_be_bytes([l0, l1]));
    match version {
        0x20 | 0x21 if len <= b.len() => Header::Of(len),
        0x20 | 0x21 if len < limits::PROBE_BYTES => Header::More,
        _ => Header::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_both_versions_and_what_is_none() {
        let two =
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x03\xe8\0\x50GET";
        let one = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET / HTTP/1.1\r\n";
        for (whole, len) in [(&two[..], 28), (&one[..], 40), (b"PROXY UNKNOWN\r\n", 15)] {
            for n in 0..len {
                assert_eq!(header(&whole[..n]), Header::More, "{n} bytes");
            }
            assert_eq!(header(whole), Header::Of(len));
        }
        for none in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROXY / HTTP/1.1\r\n",
            b"\r\n\r\nGET / HTTP/1.1\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
            &[b'P'; 200],
        ] {
            assert_eq!(header(none), Header::None);
        }
        assert_eq!(
            header(&[b"PROXY TCP4 ", &[b'1'; 120][..]].concat()),
            Header::None
        );
    }
}
