//! Frames that devices mirror in UDP behind a header of their maker's. In: a datagram of a port that a maker chose for it. Out: the
//! name of the mirror and what it carries. Bounds: one frame a datagram; headers followed take of [`Depth`].
//!
//! These headers have no mark of their own, so what stands behind them must prove itself: an IP header whose sum is right.

use super::ether::{Depth, Inner, ethernet, ip};
use super::ip::plausible;
use super::tunnel::Tunnel;
use super::wlan;

/// What stands behind a header.
#[derive(Clone, Copy)]
enum Kind {
    Ethernet,
    Ip,
    /// 802.11, with or without radiotap before it.
    Wlan,
}

/// Port, name, bytes of the header, what stands behind it.
const MIRRORS: &[(u16, &str, usize, Kind)] = &[
    // Aruba: the head of a pcap record
    (5555, "aruba-erm", 16, Kind::Wlan),
    // WildPackets' access points: signal, noise, lengths, flags, a time, a rate and a channel
    (5000, "peekremote", 20, Kind::Wlan),
    // HP's switches
    (7932, "hp-erm", 12, Kind::Ethernet),
    // Juniper's routers: numbers of the intercept and of its session
    (30_030, "jmirror", 8, Kind::Ip),
];

/// The frame in a datagram that is a mirror's.
pub(super) fn mirrored<'a>(
    ports: (u16, u16),
    bytes: &'a [u8],
    missing: usize,
    depth: &mut Depth,
) -> Option<Tunnel<'a>> {
    let (_, name, head, kind) = MIRRORS
        .iter()
        .find(|m| m.0 == ports.0 || m.0 == ports.1)
        .copied()?;
    let rest = bytes.get(head..)?;
    let inner = match kind {
        Kind::Ethernet => ethernet(rest, depth),
        Kind::Ip => ip(rest),
        // the version of radiotap and a pad byte are 0, as no frame with data begins
        Kind::Wlan if rest.starts_with(&[0, 0]) => wlan::radiotap(rest, depth),
        Kind::Wlan => wlan::bare(rest, false, depth),
    };
    match inner {
        Inner::Ip(packet) if plausible(packet, missing, true) => Some((name, inner)),
        _ => None,
    }
}
