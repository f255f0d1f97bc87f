//! IEEE 802.11 frames, bare and behind the headers that monitors put before them. In: a captured frame. Out: [`Inner`].
//! Bounds: lengths are held against the capture. Only data frames lead on; encrypted ones are opaque and counted.

use super::ether::{CUT, Depth, Inner, TOO_DEEP, ethertype, u16_at, u32_at};

/// Radiotap (<https://www.radiotap.org>): a length, and flags that tell whether the header is padded.
pub(super) fn radiotap<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let word = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four))
    };
    let (Some(head), Some(present)) = (word(0), word(4)) else {
        return CUT;
    };
    let Some(frame) = bytes.get((head >> 16) as usize..) else {
        return CUT;
    };
    // Behind the words that say what is present: a clock of eight bytes, aligned, then the flags.
    let mut at = 4;
    while at < bytes.len() && word(at).is_some_and(|w| w & 1 << 31 != 0) {
        at += 4;
    }
    at += 4;
    if present & 1 != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    let padded = present & 2 != 0 && bytes.get(at).is_some_and(|flags| flags & 0x20 != 0);
    bare(frame, padded, depth)
}

/// Prism and AVS headers: a magic number or a message code, then the length.
pub(super) fn monitor<'a>(bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    let (Some(magic), Some(len)) = (u32_at(bytes, 0), u32_at(bytes, 4)) else {
        return CUT;
    };
    // Prism is written in the order of the capturing host, AVS in network order.
    let len = if magic & 0xffff_f000 == 0x8021_1000 {
        len
    } else {
        len.min(len.swap_bytes())
    };
    match usize::try_from(len).ok().and_then(|len| bytes.get(len..)) {
        Some(frame) if len >= 8 => bare(frame, false, depth),
        _ => CUT,
    }
}

/// A frame from its control field on (IEEE 802.11 section 9.2). `padded` says that the header is filled up to words.
pub(super) fn bare<'a>(bytes: &'a [u8], padded: bool, depth: &mut Depth) -> Inner<'a> {
    match *bytes {
        [control, flags, ..] => wlan(bytes, (control, flags), padded, depth),
        _ => CUT,
    }
}

/// Bytes of the header that a mesh puts before LLC (section 9.2.4.8.3): flags, hops and a number, and up to two addresses.
fn mesh(body: &[u8]) -> usize {
    match body.first() {
        Some(flags) if flags & 3 < 3 && !body.starts_with(&[0xaa, 0xaa, 3]) => {
            6 + usize::from(flags & 3) * 6
        }
        _ => 0,
    }
}

/// A frame whose control field was read already.
pub(super) fn wlan<'a>(
    bytes: &'a [u8],
    (control, flags): (u8, u8),
    padded: bool,
    depth: &mut Depth,
) -> Inner<'a> {
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    // Management, control, and data frames without data
    if control & 3 != 0 || kind != 2 || subtype & 4 != 0 {
        return Inner::Other("wlan-no-data");
    }
    if !depth.down() {
        return TOO_DEEP;
    }
    let qos = subtype & 8 != 0;
    let four_addresses = flags & 3 == 3;
    let mut len = 24 + if four_addresses { 6 } else { 0 };
    let aggregate = qos && bytes.get(len).is_some_and(|q| q & 0x80 != 0);
    let in_mesh = qos && bytes.get(len + 1).is_some_and(|q| q & 1 != 0);
    if qos {
        len += 2 + if flags & 0x80 != 0 { 4 } else { 0 };
    }
    if padded {
        len = len.next_multiple_of(4);
    }
    let (Some(body), Some(&fragment)) = (bytes.get(len..), bytes.get(22)) else {
        return CUT;
    };
    // What was decrypted by the capturing system keeps its bit.
    if flags & 0x40 != 0 && !body.starts_with(&[0xaa, 0xaa, 0x03]) {
        return Inner::Other("wlan-encrypted");
    }
    if flags & 4 != 0 || fragment & 15 != 0 {
        return Inner::Other("wlan-fragment");
    }
    // outside of a mesh the same bit is a part of a number, so what follows decides
    let behind = body.get(mesh(body)..).unwrap_or_default();
    if in_mesh && behind.starts_with(&[0xaa, 0xaa, 3]) {
        return ethertype(0, behind, depth);
    }
    if aggregate {
        return Inner::Frames(body);
    }
    ethertype(0, body, depth)
}

/// The frames of an A-MSDU, each behind two addresses and its length and filled up to words. Gives what follows the
/// addresses, which is LLC.
pub(super) fn subframes(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(bytes, 12)?);
        let body = bytes.get(14..)?;
        let frame = body.get(..len.min(body.len()))?;
        bytes = bytes
            .get((14 + len).next_multiple_of(4)..)
            .unwrap_or_default();
        (!frame.is_empty()).then_some(frame)
    })
}
