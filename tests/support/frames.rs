//! Headers around given bytes: IP, UDP, Ethernet and what tunnels are made of.

/// The sum of RFC 1071.
pub fn sum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0)))
        .sum();
    while sum >> 16 != 0 {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// An IPv4 packet with the right sum between two fixed ends; `back` says that the second one sends.
pub fn ip4(protocol: u8, back: bool, id: u16, payload: &[u8]) -> Vec<u8> {
    ip4_between([192, 0, 2, 1], [192, 0, 2, 2], protocol, back, id, payload)
}

pub fn ip4_between(
    a: [u8; 4],
    b: [u8; 4],
    protocol: u8,
    back: bool,
    id: u16,
    payload: &[u8],
) -> Vec<u8> {
    let (from, to) = if back { (b, a) } else { (a, b) };
    let mut p = vec![0x45, 0];
    p.extend((20 + payload.len() as u16).to_be_bytes());
    p.extend(id.to_be_bytes());
    p.extend([0x40, 0, 64, protocol, 0, 0]);
    p.extend(from);
    p.extend(to);
    let s = sum(&p);
    p[10..12].copy_from_slice(&s.to_be_bytes());
    p.extend(payload);
    p
}

/// An IPv6 packet.
pub fn ip6(next: u8, from: [u8; 16], to: [u8; 16], payload: &[u8]) -> Vec<u8> {
    let mut p = vec![0x60, 0, 0, 0];
    p.extend((payload.len() as u16).to_be_bytes());
    p.extend([next, 64]);
    p.extend(from);
    p.extend(to);
    p.extend(payload);
    p
}

pub fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let mut p = from.to_be_bytes().to_vec();
    p.extend(to.to_be_bytes());
    p.extend((8 + payload.len() as u16).to_be_bytes());
    p.extend([0, 0]);
    p.extend(payload);
    p
}

pub fn eth(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut p = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    p.extend(kind.to_be_bytes());
    p.extend(payload);
    p
}

/// The EtherType of an IP packet.
pub fn kind(packet: &[u8]) -> u16 {
    if packet[0] >> 4 == 6 { 0x86dd } else { 0x0800 }
}

/// Ethernet around an IP packet.
pub fn framed(packet: &[u8]) -> Vec<u8> {
    eth(kind(packet), packet)
}

/// A TCP segment.
pub fn tcp(ports: (u16, u16), back: bool, flags: u8, seq: u32, ack: u32, data: &[u8]) -> Vec<u8> {
    let (from, to) = if back { (ports.1, ports.0) } else { ports };
    let mut p = from.to_be_bytes().to_vec();
    p.extend(to.to_be_bytes());
    p.extend(seq.to_be_bytes());
    p.extend(ack.to_be_bytes());
    p.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    p.extend(data);
    p
}

/// Request and reply of the exchange that [`exchange`] makes.
pub const REQUEST: &[u8] = b"GET /in/a/tunnel HTTP/1.1\r\nHost: inner\r\n\r\n";
pub const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// The packets of a connection with one exchange: whether the server sends, and the IP packet.
pub fn exchange() -> Vec<(bool, Vec<u8>)> {
    let sent: [(bool, u8, u32, u32, &[u8]); 7] = [
        (false, 0x02, 99, 0, b""),
        (true, 0x12, 499, 100, b""),
        (false, 0x10, 100, 500, b""),
        (false, 0x18, 100, 500, REQUEST),
        (true, 0x18, 500, 100 + REQUEST.len() as u32, RESPONSE),
        (
            false,
            0x11,
            100 + REQUEST.len() as u32,
            500 + RESPONSE.len() as u32,
            b"",
        ),
        (
            true,
            0x11,
            500 + RESPONSE.len() as u32,
            101 + REQUEST.len() as u32,
            b"",
        ),
    ];
    sent.into_iter()
        .zip(1u16..)
        .map(|((back, flags, seq, ack, data), id)| {
            let segment = tcp((40000, 80), back, flags, seq, ack, data);
            let ends = ([10, 0, 0, 1], [10, 0, 0, 2]);
            (back, ip4_between(ends.0, ends.1, 6, back, id, &segment))
        })
        .collect()
}
