//! Writes pcapng (draft-ietf-opsawg-pcapng). In: packets with their link type, time and a comment. Out: one section with
//! an interface for each link type, nanoseconds. Bounds: one packet in memory.

use std::io::{Result, Write};

/// Writes one section.
pub struct Writer<'w> {
    out: &'w mut dyn Write,
    /// Link types in order of their interface numbers.
    links: Vec<u32>,
}

fn block(out: &mut dyn Write, kind: u32, body: &[u8]) -> Result<()> {
    let len = u32::try_from(body.len() + 12).map_err(std::io::Error::other)?;
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&len.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all(&len.to_le_bytes())
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(0);
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(value.get(..usize::from(len)).unwrap_or_default());
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    while !body.len().is_multiple_of(4) {
        body.push(0);
    }
}

impl<'w> Writer<'w> {
    /// Writes the section header; `application` names this program.
    pub fn new(out: &'w mut dyn Write, application: &str) -> Result<Writer<'w>> {
        let mut body = Vec::new();
        body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        body.extend_from_slice(&1u16.to_le_bytes());
        body.extend_from_slice(&0u16.to_le_bytes());
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        option(&mut body, 4, application.as_bytes());
        option(&mut body, 0, &[]);
        block(out, 0x0a0d_0d0a, &body)?;
        Ok(Writer {
            out,
            links: Vec::new(),
        })
    }

    /// Writes a packet.
    pub fn packet(
        &mut self,
        link: u32,
        ts: i64,
        bytes: &[u8],
        orig: u32,
        comment: &str,
    ) -> Result<()> {
        let interface = match self.links.iter().position(|l| *l == link) {
            Some(i) => i,
            None => {
                let mut body = Vec::new();
                body.extend_from_slice(&u16::try_from(link).unwrap_or(u16::MAX).to_le_bytes());
                body.extend_from_slice(&[0; 2]);
                body.extend_from_slice(&0u32.to_le_bytes());
                // if_tsresol: nanoseconds.
                option(&mut body, 9, &[9]);
                option(&mut body, 0, &[]);
                block(self.out, 1, &body)?;
                self.links.push(link);
                self.links.len() - 1
            }
        };
        let ts = u64::try_from(ts).unwrap_or(0);
        let len = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
        let mut body = Vec::with_capacity(bytes.len() + 64);
        body.extend_from_slice(&u32::try_from(interface).unwrap_or(0).to_le_bytes());
        body.extend_from_slice(&((ts >> 32) as u32).to_le_bytes());
        body.extend_from_slice(&(ts as u32).to_le_bytes());
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(&orig.max(len).to_le_bytes());
        body.extend_from_slice(bytes);
        pad(&mut body);
        option(&mut body, 1, comment.as_bytes());
        option(&mut body, 0, &[]);
        block(self.out, 6, &body)
    }
}
