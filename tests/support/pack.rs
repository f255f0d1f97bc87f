//! Writes tar and zip archives by hand, also wrong ones.

use std::io::Write as _;

/// A header of tar and the file's bytes; `size` as it stands in the header.
pub fn tar_raw(name: &[u8], kind: u8, size: &[u8], data: &[u8]) -> Vec<u8> {
    let mut h = vec![0u8; 512];
    let n = name.len().min(100);
    h[..n].copy_from_slice(&name[..n]);
    h[124..124 + size.len()].copy_from_slice(size);
    h[156] = kind;
    h[257..263].copy_from_slice(b"ustar\0");
    h[148..156].fill(b' ');
    let sum: u64 = h.iter().map(|b| u64::from(*b)).sum();
    h[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    h.extend_from_slice(data);
    h.resize(h.len().next_multiple_of(512), 0);
    h
}

pub fn tar_file(name: &str, data: &[u8]) -> Vec<u8> {
    let size = format!("{:011o}\0", data.len());
    tar_raw(name.as_bytes(), b'0', size.as_bytes(), data)
}

/// A whole archive.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out: Vec<u8> = files.iter().flat_map(|(n, d)| tar_file(n, d)).collect();
    out.resize(out.len() + 1024, 0);
    out
}

/// A member of a zip; the fields are those of the directory, `local` changes those of its own header.
#[derive(Clone)]
pub struct Zipped {
    pub name: Vec<u8>,
    pub stored: Vec<u8>,
    pub len: u32,
    pub crc: u32,
    pub method: u16,
    pub flags: u16,
    /// Left out of the directory.
    pub hidden: bool,
    /// Name in its own header.
    pub local: Option<Vec<u8>>,
    /// Unix mode, in the directory.
    pub mode: u16,
}

impl Zipped {
    pub fn new(name: &str, data: &[u8], deflate: bool) -> Zipped {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let stored = if deflate {
            let mut w = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
            w.write_all(data).unwrap();
            w.finish().unwrap()
        } else {
            data.to_vec()
        };
        Zipped {
            name: name.as_bytes().to_vec(),
            stored,
            len: data.len() as u32,
            crc: crc.sum(),
            method: if deflate { 8 } else { 0 },
            flags: 0,
            hidden: false,
            local: None,
            mode: 0o100_644,
        }
    }
}

/// A whole archive. With bit 3 of `flags` sizes stand behind the member alone.
pub fn zip(members: &[Zipped]) -> Vec<u8> {
    let (mut out, mut dir, mut listed) = (Vec::new(), Vec::new(), 0u16);
    for m in members {
        let at = out.len() as u32;
        let later = m.flags & 8 != 0;
        let sizes = [m.crc, m.stored.len() as u32, m.len];
        let own = m.local.as_ref().unwrap_or(&m.name);
        out.extend_from_slice(b"PK\x03\x04\x14\0");
        out.extend_from_slice(&m.flags.to_le_bytes());
        out.extend_from_slice(&m.method.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for n in sizes {
            out.extend_from_slice(&if later { 0 } else { n }.to_le_bytes());
        }
        out.extend_from_slice(&(own.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(own);
        out.extend_from_slice(&m.stored);
        if later {
            out.extend_from_slice(b"PK\x07\x08");
            for n in sizes {
                out.extend_from_slice(&n.to_le_bytes());
            }
        }
        if !m.hidden {
            listed += 1;
            dir.extend_from_slice(&entry(m, at));
        }
    }
    end(out, &dir, listed)
}

/// An entry of the directory for a member whose header stands at `at`.
pub fn entry(m: &Zipped, at: u32) -> Vec<u8> {
    let mut dir = b"PK\x01\x02\x14\x03\x14\0".to_vec();
    dir.extend_from_slice(&m.flags.to_le_bytes());
    dir.extend_from_slice(&m.method.to_le_bytes());
    dir.extend_from_slice(&[0; 4]);
    for n in [m.crc, m.stored.len() as u32, m.len] {
        dir.extend_from_slice(&n.to_le_bytes());
    }
    dir.extend_from_slice(&(m.name.len() as u16).to_le_bytes());
    dir.extend_from_slice(&[0; 8]);
    dir.extend_from_slice(&(u32::from(m.mode) << 16).to_le_bytes());
    dir.extend_from_slice(&at.to_le_bytes());
    dir.extend_from_slice(&m.name);
    dir
}

/// Puts a directory behind members.
pub fn end(mut out: Vec<u8>, dir: &[u8], listed: u16) -> Vec<u8> {
    let at = out.len() as u32;
    out.extend_from_slice(dir);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&listed.to_le_bytes());
    out.extend_from_slice(&listed.to_le_bytes());
    out.extend_from_slice(&(dir.len() as u32).to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}
