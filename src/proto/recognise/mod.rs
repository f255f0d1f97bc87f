//! Names for what is not parsed. In: the first bytes of both directions, ports, packet counts. Out: [`FlowInfo`]. Bounds:
//! [`limits::FLOW_HEAD`](crate::limits::FLOW_HEAD) bytes a direction. Content decides; a port only where nothing speaks against it.
//!
//! A name is one row in the table of its family: several bytes of structure, where possible of both directions. Where structure
//! says little (a line of text, a few bits), the port must be the protocol's own as well.

mod apart;
mod data;
mod look;
mod middle;
mod net;
mod people;
mod plant;
mod resolve;
mod ship;
mod voice;
mod web;
mod work;

use super::About;
use crate::call::model::FlowInfo;
use crate::net::{FlowKey, FlowStats, Side};
pub use look::Grams;
use look::{Look, Name, Over, TCP, UDP};

/// All names in order; the first that agrees names the flow.
const NAMES: [&[Name]; 11] = [
    web::NAMES,
    resolve::NAMES,
    plant::NAMES,
    net::NAMES,
    voice::NAMES,
    data::NAMES,
    people::NAMES,
    work::NAMES,
    ship::NAMES,
    apart::NAMES,
    middle::NAMES,
];

fn rows() -> impl Iterator<Item = &'static Name> {
    NAMES.iter().copied().flatten()
}

/// Well-known ports of what content did not name: a hint, shown as such.
const PORTS: &[(u16, Over, &str)] = &[
    (53, None, "dns"),
    (123, UDP, "ntp"),
    (443, UDP, "quic"),
    (443, TCP, "tls"),
    (22, TCP, "ssh"),
    (3306, TCP, "mysql"),
    (5432, TCP, "postgres"),
    (6379, TCP, "redis"),
    (27017, TCP, "mongodb"),
    (9092, TCP, "kafka"),
    (5353, UDP, "mdns"),
    (1900, UDP, "ssdp"),
    (67, UDP, "dhcp"),
    (68, UDP, "dhcp"),
    (30303, UDP, "ethereum"),
    (7, None, "echo"),
    (9, None, "discard"),
    (13, None, "daytime"),
    (19, None, "chargen"),
    (37, None, "time"),
];

/// Protocols of IP that are not told by their content: their number is their name.
const NUMBERS: &[(u8, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (3, "ggp"),
    (4, "ip-in-ip"),
    (8, "egp"),
    (9, "igrp"),
    (33, "dccp"),
    (41, "ip-in-ip"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (54, "nhrp"),
    (58, "icmpv6"),
    (88, "eigrp"),
    (89, "ospf"),
    (97, "ethernet-in-ip"),
    (103, "pim"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (113, "pgm"),
    (115, "l2tp"),
    (124, "isis"),
    (132, "sctp"),
    (136, "udp-lite"),
];

/// Everything that is known when a flow ends.
pub(super) struct Known<'a> {
    pub id: u64,
    pub key: &'a FlowKey,
    pub heads: &'a [Vec<u8>; 2],
    /// The first datagrams, where it has any.
    pub grams: &'a Grams,
    pub calls: u64,
    /// Whether FTP announced it.
    pub announced: bool,
    /// The protocol that handed over to another, where one did.
    pub outer: Option<Box<super::layer::Outer>>,
    /// The parser at the end.
    pub inner: Option<About>,
}

/// Which side is the client where no parser told: who opened, else who has the higher port.
fn client(key: &FlowKey, stats: &FlowStats) -> Side {
    let low = |p: u16| p != 0 && p < 1024;
    if !stats.handshake && low(key.a.1) && !low(key.b.1) {
        return Side::B;
    }
    Side::A
}

fn transport(protocol: u8) -> &'static str {
    match protocol {
        1 | 58 => "icmp",
        6 => "tcp",
        17 => "udp",
        132 => "sctp",
        47 => "ip-47",
        50 => "ip-50",
        51 => "ip-51",
        89 => "ip-89",
        2 => "ip-2",
        _ => "ip",
    }
}

/// The row of a flow.
pub(super) fn info(k: Known<'_>, stats: &FlowStats) -> FlowInfo {
    let side = k
        .outer
        .as_ref()
        .and_then(|o| o.about.client)
        .or(k.inner.as_ref().and_then(|i| i.client))
        .unwrap_or_else(|| client(k.key, stats));
    let (c, s, out, back) = match side {
        Side::A => (k.key.a, k.key.b, 0, 1),
        Side::B => (k.key.b, k.key.a, 1, 0),
    };
    let bytes = |i: usize| stats.bytes.get(i).copied().unwrap_or(0);
    let mut info = FlowInfo {
        id: k.id,
        first: stats.first,
        last: stats.last,
        client: c,
        server: s,
        transport: transport(k.key.protocol),
        app: "unknown",
        packets: stats.packets.iter().sum(),
        bytes_out: bytes(out),
        bytes_in: bytes(back),
        sni: None,
        alpn: None,
        client_print: None,
        tls: None,
        gaps: stats.gaps,
        calls: k.calls,
        why_opaque: None,
    };
    let inner = k.inner.unwrap_or_default();
    (info.sni, info.alpn, info.client_print) = (inner.sni, inner.alpn, inner.client_print);
    info.tls = inner.tls;
    if let Some(outer) = k.outer {
        // the flow is named by its outermost protocol; what it became is told
        info.app = outer.about.app;
        if info.app.is_empty() {
            name(k.key, k.heads, k.grams, side, &mut info);
        }
        let to = outer.to.as_str();
        let target = outer
            .about
            .target
            .map_or(String::new(), |t| format!(" to {t}"));
        info.why_opaque = match (inner.app, to) {
            ("http" | "h2" | "websocket", _) => None,
            ("", "tunnel") => Some(format!("became a tunnel{target} of an unknown protocol")),
            ("", to) => Some(format!(
                "became {}, which is not decoded",
                crate::call::text::visible(to)
            )),
            (app, to) if app == to => inner
                .why_opaque
                .map(|why| format!("went on as {app}: {why}")),
            // opened
            ("tls", _) if inner.why_opaque.is_none() => None,
            (app, _) => Some(format!(
                "became a tunnel{target} of {app}: {}",
                inner.why_opaque.unwrap_or_default()
            )),
        };
        return info;
    }
    if !inner.app.is_empty() && inner.app != "unknown" {
        info.app = inner.app;
        info.why_opaque = inner.why_opaque;
        return info;
    }
    name(k.key, k.heads, k.grams, side, &mut info);
    if k.announced {
        info.app = "ftp-data";
        info.why_opaque = Some("a file or list of FTP, not an API protocol".to_owned());
    }
    info
}

/// The protocol whose name the first bytes of a TCP flow tell, where it is not HTTP.
pub(super) fn name_of(heads: &[Vec<u8>; 2]) -> Option<&'static str> {
    let [a, b] = heads;
    // a port would be a reason to look away from calls on it
    let look = Look::stream([a, b], [0, 0]);
    rows()
        .find(|n| n.1 != UDP && !matches!(n.0, "http" | "h2") && n.2(&look))
        .map(|n| n.0)
}

/// Names a flow no parser took.
fn name(key: &FlowKey, heads: &[Vec<u8>; 2], grams: &Grams, client: Side, info: &mut FlowInfo) {
    let [a, b] = heads;
    let (c, s) = if client == Side::A { (a, b) } else { (b, a) };
    let udp = key.protocol == 17;
    if !udp && key.protocol != 6 {
        let named = NUMBERS.iter().find(|(n, _)| *n == key.protocol);
        if let Some((_, app)) = named {
            info.app = app;
        }
        let what = named.map_or(info.transport, |(_, app)| app);
        info.why_opaque = Some(format!("{what} is not decoded"));
        return;
    }
    if c.is_empty() && s.is_empty() {
        info.why_opaque = Some("no data".to_owned());
        return;
    }
    let ports = [key.a.1, key.b.1];
    let look = if udp {
        Look::datagrams(heads, grams, client, ports)
    } else {
        Look::stream([c, s], ports)
    };
    let fits = |t: Over| t.is_none_or(|t| t == look.udp);
    if let Some(n) = rows().find(|n| fits(n.1) && n.2(&look)) {
        info.app = n.0;
        info.why_opaque = Some(n.3.to_owned());
        return;
    }
    if let Some((port, _, app)) = PORTS.iter().find(|(p, t, _)| fits(*t) && look.port(*p)) {
        info.app = app;
        info.why_opaque = Some(format!(
            "named by port {port} alone; the content was not recognised"
        ));
        return;
    }
    info.why_opaque = Some("no protocol that is known".to_owned());
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_apart;
#[cfg(test)]
mod tests_more;
