//! Writes captures: Ethernet, IPv4 and TCP around given bytes, with handshake, acknowledgements and a growing clock.

use std::io::Write;
use std::net::Ipv4Addr;

/// Writes packets of one capture in pcap form (microseconds, Ethernet).
pub struct Wire<W: Write> {
    out: W,
    /// Nanoseconds; each packet moves it a little.
    pub now: i64,
    pub packets: u64,
    ip_id: u16,
}

/// One TCP connection.
pub struct Tcp {
    pub client: (Ipv4Addr, u16),
    pub server: (Ipv4Addr, u16),
    next: [u32; 2],
}

const MSS: usize = 1448;

impl<W: Write> Wire<W> {
    pub fn new(mut out: W, start: i64) -> std::io::Result<Wire<W>> {
        out.write_all(&[
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        ])?;
        Ok(Wire {
            out,
            now: start,
            packets: 0,
            ip_id: 1,
        })
    }
    pub fn into_inner(self) -> W {
        self.out
    }

    fn frame(
        &mut self,
        from: (Ipv4Addr, u16),
        to: (Ipv4Addr, u16),
        seq: u32,
        ack: u32,
        flags: u8,
        data: &[u8],
    ) -> std::io::Result<()> {
        self.now += 7_000;
        self.packets += 1;
        self.ip_id = self.ip_id.wrapping_add(1);
        let total = 20 + 20 + data.len();
        let mut p = Vec::with_capacity(16 + 14 + total);
        let wire = 14 + total;
        p.extend_from_slice(&((self.now / 1_000_000_000) as u32).to_le_bytes());
        p.extend_from_slice(&((self.now % 1_000_000_000 / 1000) as u32).to_le_bytes());
        p.extend_from_slice(&(wire as u32).to_le_bytes());
        p.extend_from_slice(&(wire as u32).to_le_bytes());
        p.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        p.extend_from_slice(&[0x45, 0]);
        p.extend_from_slice(&(total as u16).to_be_bytes());
        p.extend_from_slice(&self.ip_id.to_be_bytes());
        p.extend_from_slice(&[0x40, 0, 64, 6, 0, 0]);
        p.extend_from_slice(&from.0.octets());
        p.extend_from_slice(&to.0.octets());
        p.extend_from_slice(&from.1.to_be_bytes());
        p.extend_from_slice(&to.1.to_be_bytes());
        p.extend_from_slice(&seq.to_be_bytes());
        p.extend_from_slice(&ack.to_be_bytes());
        p.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        p.extend_from_slice(data);
        self.out.write_all(&p)
    }

    pub fn open(
        &mut self,
        client: (Ipv4Addr, u16),
        server: (Ipv4Addr, u16),
    ) -> std::io::Result<Tcp> {
        let (a, b) = (0x1000_0000, 0x2000_0000);
        self.frame(client, server, a, 0, 0x02, &[])?;
        self.frame(server, client, b, a + 1, 0x12, &[])?;
        self.frame(client, server, a + 1, b + 1, 0x10, &[])?;
        Ok(Tcp {
            client,
            server,
            next: [a + 1, b + 1],
        })
    }
    /// Bytes from the client (`side` 0) or the server (1), cut at the segment size, acknowledged every second segment.
    pub fn send(&mut self, c: &mut Tcp, side: usize, data: &[u8]) -> std::io::Result<()> {
        let (from, to) = if side == 0 {
            (c.client, c.server)
        } else {
            (c.server, c.client)
        };
        let count = data.len().div_ceil(MSS);
        for (i, piece) in data.chunks(MSS).enumerate() {
            let flags = if i + 1 == count { 0x18 } else { 0x10 };
            self.frame(from, to, c.next[side], c.next[1 - side], flags, piece)?;
            c.next[side] = c.next[side].wrapping_add(piece.len() as u32);
            if i % 2 == 1 || i + 1 == count {
                self.frame(to, from, c.next[1 - side], c.next[side], 0x10, &[])?;
            }
        }
        Ok(())
    }
    pub fn exchange(
        &mut self,
        c: &mut Tcp,
        request: &[u8],
        response: &[u8],
    ) -> std::io::Result<()> {
        self.send(c, 0, request)?;
        self.now += 2_000_000;
        self.send(c, 1, response)
    }
    pub fn close(&mut self, c: &mut Tcp) -> std::io::Result<()> {
        self.frame(c.client, c.server, c.next[0], c.next[1], 0x11, &[])?;
        self.frame(
            c.server,
            c.client,
            c.next[1],
            c.next[0].wrapping_add(1),
            0x11,
            &[],
        )?;
        self.frame(
            c.client,
            c.server,
            c.next[0].wrapping_add(1),
            c.next[1].wrapping_add(1),
            0x10,
            &[],
        )
    }
}

/// A request with the usual headers.
pub fn request(
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut s = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: okhttp/4.12\r\nAccept: */*\r\n"
    );
    for (n, v) in headers {
        s.push_str(&format!("{n}: {v}\r\n"));
    }
    if !body.is_empty() {
        s.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    s.push_str("\r\n");
    let mut b = s.into_bytes();
    b.extend_from_slice(body);
    b
}

/// A response with a body of known length.
pub fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut s = format!(
        "HTTP/1.1 {status}\r\nServer: test\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (n, v) in headers {
        s.push_str(&format!("{n}: {v}\r\n"));
    }
    s.push_str("\r\n");
    let mut b = s.into_bytes();
    b.extend_from_slice(body);
    b
}
