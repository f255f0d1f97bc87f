//! Long headers of QUIC (RFC 8999, RFC 9000 section 17.2, RFC 9369 section 3.2) and the frames of Initial packets. In: a
//! datagram, opened frames. Out: its packets one by one, the pieces of the handshake. Bounds: every length is checked; a
//! packet is looked at once.

use crate::tls::initial;

/// Second version (RFC 9369).
pub const V2: u32 = 0x6b33_43cf;
/// Longest connection id of the versions that are known.
const ID: usize = 20;
/// A client's first datagram is at least this long (RFC 9000 section 14.1).
const FIRST: usize = 1200;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Holds the hellos.
    Initial,
    /// Early data or the rest of the handshake: under keys that nobody has who looks on.
    Sealed,
    /// The server wants to see the client's address proved.
    Retry,
    /// The server lists its versions.
    Negotiation,
    /// Of a version whose packets are not known.
    Unknown,
}

/// One packet with a long header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its version; 0 in a version negotiation.
    pub version: u32,
    /// Destination connection id.
    pub dcid: &'a [u8],
    /// Source connection id.
    pub scid: &'a [u8],
    /// From its first byte to its end.
    pub whole: &'a [u8],
    /// Where its packet number begins; of a version negotiation where its list does.
    pub number_at: usize,
}

fn varint(b: &[u8], at: &mut usize) -> Option<u64> {
    let first = *b.get(*at)?;
    let len = 1usize << (first >> 6);
    let bytes = b.get(*at..at.checked_add(len)?)?;
    *at += len;
    let value = bytes.iter().fold(0u64, |v, x| v << 8 | u64::from(*x));
    Some(value & ((1u64 << (8 * len - 2)) - 1))
}

fn id<'a>(b: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let len = usize::from(*b.get(*at)?);
    let v = b.get(*at + 1..*at + 1 + len)?;
    *at += 1 + len;
    Some(v)
}

/// The packet at the start of `b`.
fn packet(b: &[u8]) -> Option<Packet<'_>> {
    let first = *b.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let version = u32::from_be_bytes(b.get(1..5)?.try_into().ok()?);
    let mut at = 5;
    let (dcid, scid) = (id(b, &mut at)?, id(b, &mut at)?);
    let mut p = Packet {
        kind: Kind::Unknown,
        version,
        dcid,
        scid,
        whole: b,
        number_at: at,
    };
    if version == 0 {
        p.kind = Kind::Negotiation;
        return Some(p);
    }
    if !initial::known(version) {
        return Some(p);
    }
    if first & 0x40 == 0 || dcid.len() > ID || scid.len() > ID {
        return None;
    }
    let kind = first >> 4 & 3;
    // the second version counts its types from Retry
    p.kind = match if version == V2 { (kind + 3) & 3 } else { kind } {
        0 => Kind::Initial,
        3 => Kind::Retry,
        _ => Kind::Sealed,
    };
    if p.kind == Kind::Retry {
        return Some(p);
    }
    if p.kind == Kind::Initial {
        let token = usize::try_from(varint(b, &mut at)?).ok()?;
        at = at.checked_add(token).filter(|at| *at < b.len())?;
    }
    let len = usize::try_from(varint(b, &mut at)?).ok()?;
    p.number_at = at;
    p.whole = b.get(..at.checked_add(len)?)?;
    Some(p)
}

/// The packets with long headers at the start of a datagram; what follows them has a short header, or is none.
pub fn packets(mut datagram: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    std::iter::from_fn(move || {
        let p = packet(datagram)?;
        datagram = datagram.get(p.whole.len()..).unwrap_or_default();
        Some(p)
    })
}

/// Versions that a version negotiation lists.
pub fn listed<'a>(p: &Packet<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let list = p.whole.get(p.number_at..).unwrap_or_default();
    list.chunks_exact(4)
        .filter_map(|c| Some(u32::from_be_bytes(c.try_into().ok()?)))
}

/// Reserved to make others ignore what they do not know (RFC 9000 section 15).
fn greased(version: u32) -> bool {
    version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

/// `Q050` and such: versions of the time before the standard say their name.
fn spelled(version: u32) -> Option<String> {
    match version.to_be_bytes() {
        [k @ (b'Q' | b'T'), a, b, c] if [a, b, c].iter().all(u8::is_ascii_digit) => {
            Some([k, a, b, c].map(char::from).iter().collect())
        }
        _ => None,
    }
}

/// Whether a version has a name.
fn named(version: u32) -> bool {
    initial::known(version) || version >> 8 == 0x00ff_0000 || spelled(version).is_some()
}

/// Whether a version is one that no other protocol has in its place but by chance.
pub fn telling(version: u32) -> bool {
    named(version) || greased(version)
}

/// Name of a version.
pub fn version_name(version: u32) -> String {
    match version {
        1 => "v1".to_owned(),
        V2 => "v2".to_owned(),
        v if v >> 8 == 0x00ff_0000 => format!("draft-{}", v & 0xff),
        v => spelled(v).unwrap_or_else(|| format!("unknown version {v:#010x}")),
    }
}

/// Whether a flow whose first datagram of a side this is (or the first bytes of it, where `cut`) may be QUIC. A version that is
/// known is sign enough; one that is made to be unknown needs the length of a client's first datagram, and any other the
/// port too.
pub fn opens(datagram: &[u8], https: bool, cut: bool) -> bool {
    if !matches!(datagram, [b, _, _, _, _, 0..=20, ..] if b & 0x80 != 0) {
        return false;
    }
    let Some(p) = (if cut {
        head(datagram)
    } else {
        packet(datagram)
    }) else {
        return false;
    };
    if p.kind == Kind::Negotiation {
        return !cut && listed(&p).any(named);
    }
    let first = datagram.first().is_some_and(|b| b & 0x40 != 0);
    let long = cut || datagram.len() >= FIRST && p.dcid.len() >= 8 && p.scid.len() <= ID;
    first && (named(p.version) || long && (greased(p.version) || https))
}

/// Ids and version alone, of a datagram of which the first bytes are at hand.
fn head(b: &[u8]) -> Option<Packet<'_>> {
    let version = u32::from_be_bytes(b.get(1..5)?.try_into().ok()?);
    (version != 0).then_some(Packet {
        kind: Kind::Unknown,
        version,
        dcid: &[],
        scid: &[],
        whole: b,
        number_at: b.len(),
    })
}

/// Gives the pieces of the handshake in the frames of an Initial packet (RFC 9000 section 12.4): offset and bytes. `false`
/// where a frame is none that may stand there; what came before it counts.
pub fn pieces<'a>(frames: &'a [u8], mut take: impl FnMut(u64, &'a [u8])) -> bool {
    let mut at = 0;
    while let Some(kind) = frames.get(at) {
        at += 1;
        if frame(*kind, frames, &mut at, &mut take).is_none() {
            return false;
        }
    }
    true
}

fn frame<'a>(
    kind: u8,
    frames: &'a [u8],
    at: &mut usize,
    take: &mut impl FnMut(u64, &'a [u8]),
) -> Option<()> {
    let skip = |at: &mut usize, n: u64| -> Option<&'a [u8]> {
        let end = at.checked_add(usize::try_from(n).ok()?)?;
        let bytes = frames.get(*at..end)?;
        *at = end;
        Some(bytes)
    };
    match kind {
        0 | 1 => {}
        2 | 3 => {
            varint(frames, at)?;
            varint(frames, at)?;
            let ranges = varint(frames, at)?;
            varint(frames, at)?;
            for _ in 0..ranges.checked_mul(2)? {
                varint(frames, at)?;
            }
            for _ in 0..if kind == 3 { 3 } else { 0 } {
                varint(frames, at)?;
            }
        }
        6 => {
            let offset = varint(frames, at)?;
            let len = varint(frames, at)?;
            take(offset, skip(at, len)?);
        }
        0x1c => {
            varint(frames, at)?;
            varint(frames, at)?;
            let len = varint(frames, at)?;
            skip(at, len)?;
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length() {
        // RFC 9000 appendix A.1
        for (bytes, value) in [
            (
                &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..],
                151_288_809_941_952_652,
            ),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
            (&[0xff; 8], (1 << 62) - 1),
        ] {
            let mut at = 0;
            assert_eq!(varint(bytes, &mut at), Some(value));
            assert_eq!(at, bytes.len());
            assert_eq!(varint(&bytes[..at - 1], &mut 0), None);
        }
    }

    #[test]
    fn packets_stand_behind_one_another_and_lengths_are_believed_only_inside() {
        let mut d = vec![
            0xc1, 0, 0, 0, 1, 2, 7, 7, 1, 9, 1, 0xee, 0x40, 6, 1, 2, 3, 4, 5, 6,
        ];
        let first = d.len();
        d.extend([0xe1, 0, 0, 0, 1, 2, 7, 7, 1, 9, 3, 1, 2, 3]);
        d.extend([0x41, 7, 7, 5, 5]);
        let all: Vec<_> = packets(&d).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(
            (
                all[0].kind,
                all[0].dcid,
                all[0].scid,
                all[0].number_at,
                all[0].whole.len()
            ),
            (Kind::Initial, &[7u8, 7][..], &[9u8][..], 14, first)
        );
        assert_eq!((all[1].kind, all[1].whole.len()), (Kind::Sealed, 14));
        assert_eq!(packets(&d[..first - 1]).count(), 0);
        // the second version has other types
        d[1..5].copy_from_slice(&V2.to_be_bytes());
        d[0] = 0xd1;
        assert_eq!(packets(&d).next().unwrap().kind, Kind::Initial);
        d[0] = 0xc1;
        assert_eq!(packets(&d).next().unwrap().kind, Kind::Retry);
    }

    #[test]
    fn what_may_be_quic() {
        let long = |version: u32, len: usize| {
            let mut d = vec![0xc3];
            d.extend(version.to_be_bytes());
            d.extend([8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0x9e]);
            d.resize(len, 0x55);
            d
        };
        assert!(opens(&long(1, 1200), false, false));
        assert!(opens(&long(0xff00_001d, 1200), false, false));
        assert!(opens(
            &long(u32::from_be_bytes(*b"Q050"), 1350),
            false,
            false
        ));
        assert!(opens(&long(0x1a2a_3a4a, 1200), false, false));
        assert!(
            !opens(&long(0x1a2a_3a4a, 300), true, false),
            "too short to be a first one"
        );
        assert!(!opens(&long(0x1234_5678, 1200), false, false));
        assert!(opens(&long(0x1234_5678, 1200), true, false));
        assert!(
            !opens(&long(0, 1200), true, false),
            "no version of the list has a name"
        );
        let list = [
            0x80, 0, 0, 0, 0, 1, 5, 1, 6, 0x3a, 0x4a, 0x5a, 0x6a, 0, 0, 0, 1,
        ];
        assert!(opens(&list, false, false));
        // a short header, DNS, RTP
        assert!(!opens(&[0x41; 1300], true, false));
        assert!(!opens(
            b"\xc2\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\0\0\x01\0\x01",
            false,
            false
        ));
        assert!(!opens(&[0x80; 1300], true, false));
        assert_eq!(version_name(0xff00_001d), "draft-29");
        assert_eq!(version_name(u32::from_be_bytes(*b"T051")), "T051");
        assert_eq!(version_name(0x1a2a_3a4a), "unknown version 0x1a2a3a4a");
    }

    #[test]
    fn frames_of_an_initial() {
        let mut f = vec![
            0, 1, 2, 5, 0, 1, 0, 3, 4, 6, 0x40, 0x80, 2, b'a', b'b', 3, 1, 0, 0, 0, 7, 8, 9,
        ];
        f.extend([6, 0, 1, b'x', 0x1c, 0, 6, 2, b'n', b'o', 0]);
        let mut got = Vec::new();
        assert!(pieces(&f, |at, b| got.push((at, b.to_vec()))));
        assert_eq!(got, [(128, b"ab".to_vec()), (0, b"x".to_vec())]);
        let mut n = 0;
        assert!(
            !pieces(&[6, 0, 1, b'x', 8, 0, 0], |_, _| n += 1),
            "no streams in an Initial"
        );
        assert_eq!(n, 1);
        assert!(!pieces(
            &[2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            |_, _| ()
        ));
        assert!(!pieces(&[6, 0, 9, b'x'], |_, _| n += 1));
    }
}
