//! Members of a zip that is a body, or stands in one. In: its bytes. Out: members and what they hold. Bounds:
//! [`limits::SHEET_MEMBERS`] members, and of their content the room that the caller has. Names open nothing.

use crate::limits;
use std::io::Read as _;

/// A member of the zip.
pub struct Member<'a> {
    /// As the directory writes it.
    pub name: &'a [u8],
    method: u16,
    stored: usize,
    at: usize,
}

fn u16_at(b: &[u8], at: usize) -> Option<usize> {
    let two = b.get(at..)?.first_chunk::<2>()?;
    Some(usize::from(u16::from_le_bytes(*two)))
}
fn u32_at(b: &[u8], at: usize) -> Option<usize> {
    let four = b.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*four)).ok()
}

/// Members that the directory lists (APPNOTE 4.3.12), as many as stand in it whole.
pub fn directory(zip: &[u8]) -> Option<Vec<Member<'_>>> {
    let tail = zip.len().saturating_sub(22 + 0xffff);
    let end = tail + memchr::memmem::rfind(zip.get(tail..)?, b"PK\x05\x06")?;
    let mut at = u32_at(zip, end + 16)?;
    let mut out = Vec::new();
    while out.len() < limits::SHEET_MEMBERS
        && zip.get(at..).is_some_and(|r| r.starts_with(b"PK\x01\x02"))
    {
        let (name, extra, comment) = (
            u16_at(zip, at + 28)?,
            u16_at(zip, at + 30)?,
            u16_at(zip, at + 32)?,
        );
        out.push(Member {
            name: zip.get(at + 46..at + 46 + name)?,
            method: u16::try_from(u16_at(zip, at + 10)?).ok()?,
            stored: u32_at(zip, at + 20)?,
            at: u32_at(zip, at + 42)?,
        });
        at += 46 + name + extra + comment;
    }
    Some(out)
}

impl Member<'_> {
    /// Its bytes, within what room is left.
    pub fn unpack(&self, zip: &[u8], room: &mut usize) -> Option<Vec<u8>> {
        let head = zip
            .get(self.at..)
            .filter(|h| h.starts_with(b"PK\x03\x04"))?;
        let from = 30 + u16_at(head, 26)? + u16_at(head, 28)?;
        let packed = head.get(from..from.checked_add(self.stored)?)?;
        let mut out = Vec::new();
        let limit = *room as u64;
        match self.method {
            0 => packed.take(limit).read_to_end(&mut out),
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(limit)
                .read_to_end(&mut out),
            _ => return None,
        }
        .ok()?;
        *room = room.saturating_sub(out.len());
        Some(out)
    }
}

/// Members of any zip by name, unpacked within `room` bytes in all; `None` for one that cannot be read.
pub fn members(content: &[u8], mut room: usize) -> Vec<(&[u8], Option<Vec<u8>>)> {
    directory(content)
        .unwrap_or_default()
        .iter()
        .map(|m| (m.name, m.unpack(content, &mut room)))
        .collect()
}

/// What all members hold, one after the other.
pub fn text(content: &[u8]) -> Option<Vec<u8>> {
    let mut room = limits::NESTED_DECODED;
    let parts: Vec<Vec<u8>> = directory(content)?
        .iter()
        .filter_map(|m| m.unpack(content, &mut room))
        .collect();
    (!parts.is_empty()).then(|| parts.join(super::sheet::BREAK))
}
