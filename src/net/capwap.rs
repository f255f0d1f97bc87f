//! Frames between access points and their controllers: CAPWAP (RFC 5415) and what was before it, LWAPP (RFC 5412). In: a
//! datagram of the data's own port. Out: the frame in it, or the part of one that it is. Bounds: lengths are held against the
//! capture, headers followed take of [`Depth`]; parts are put together as fragments of IP are ([`super::frag`]).
//!
//! A datagram is one where its header is well formed and a packet stands in it; what carries none (a keep-alive, frames that
//! manage a station, what is encrypted) stays a datagram of that port.

use super::ether::{Depth, Inner, ethernet, u16_at};
use super::frag::Fragment;
use super::ip::plausible;
use super::wlan::wlan;

/// A part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// Its place.
    pub(super) place: Fragment,
    /// Whether the whole is a frame of 802.11.
    pub(super) native: bool,
    pub(super) bytes: &'a [u8],
}

/// A frame of 802.11 or 802.3.
pub(super) fn frame<'a>(native: bool, bytes: &'a [u8], depth: &mut Depth) -> Inner<'a> {
    if !native {
        return ethernet(bytes, depth);
    }
    match bytes {
        // some controllers have the two bytes of the control field in the other order
        [flags, control, ..] if flags & 15 != 8 && control & 15 == 8 => {
            wlan(bytes, (*control, *flags), false, depth)
        }
        [control, flags, ..] => wlan(bytes, (*control, *flags), false, depth),
        _ => super::ether::CUT,
    }
}

/// The frame, where a packet stands in it.
fn proved<'a>(
    native: bool,
    bytes: &'a [u8],
    missing: usize,
    depth: &mut Depth,
) -> Option<Inner<'a>> {
    match frame(native, bytes, depth) {
        Inner::Ip(packet) if plausible(packet, missing, false) => Some(Inner::Ip(packet)),
        Inner::Frames(frames) => Some(Inner::Frames(frames)),
        _ => None,
    }
}

/// CAPWAP's data in the clear (RFC 5415 section 4.3).
pub(super) fn capwap<'a>(bytes: &'a [u8], missing: usize, depth: &mut Depth) -> Option<Inner<'a>> {
    let &[preamble, b1, b2, flags, _, _, _, low, ..] = bytes else {
        return None;
    };
    let head = usize::from(b1 >> 3) * 4;
    let binding = b2 >> 1 & 31;
    let (native, part) = (b2 & 1 != 0, flags & 0x80 != 0);
    // a keep-alive, and bits that must be 0
    if preamble != 0 || head < 8 || flags & 0x0f != 0 || low & 7 != 0 || (native && binding != 1) {
        return None;
    }
    let rest = bytes.get(head..)?;
    if !part {
        return proved(native, rest, missing, depth);
    }
    let place = Fragment {
        // apart from the numbers of IP's own
        id: 0x8000_0000 | u32::from(u16_at(bytes, 4)?),
        offset: usize::from(u16_at(bytes, 6)? >> 3) * 8,
        more: flags & 0x40 == 0,
    };
    (binding == 1 && missing == 0).then_some(Inner::Part(Part {
        place,
        native,
        bytes: rest,
    }))
}

/// LWAPP's data: a header of six bytes with a length, then a frame of 802.11.
pub(super) fn lwapp<'a>(bytes: &'a [u8], missing: usize, depth: &mut Depth) -> Option<Inner<'a>> {
    let &[flags, _, ..] = bytes else { return None };
    let rest = bytes.get(6..)?;
    // version 0; control and parts carry no whole frame
    if flags & 0xc6 != 0 || usize::from(u16_at(bytes, 2)?) != rest.len() + missing {
        return None;
    }
    proved(true, rest, missing, depth)
}
