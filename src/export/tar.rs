//! A tar archive (POSIX ustar) as it is written. In: names and contents. Out: the same bytes for the same contents: no owner, no time.
//! Bounds: a name has 100 bytes at most; a size beyond eight gigabytes is written in binary as GNU does.

use std::io::{Result, Write};

const BLOCK: usize = 512;

/// Puts bytes into a header.
fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (to, b) in header.iter_mut().skip(at).zip(bytes) {
        *to = *b;
    }
}

/// The header of a file of `size` bytes.
pub fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut h = [0u8; BLOCK];
    put(
        &mut h,
        0,
        name.as_bytes().get(..100).unwrap_or(name.as_bytes()),
    );
    put(&mut h, 100, b"0000600\0");
    put(&mut h, 108, b"0000000\0");
    put(&mut h, 116, b"0000000\0");
    if size < 1 << 33 {
        put(&mut h, 124, format!("{size:011o}\0").as_bytes());
    } else {
        put(&mut h, 124, &[0x80, 0, 0, 0]);
        put(&mut h, 128, &size.to_be_bytes());
    }
    put(&mut h, 136, b"00000000000\0");
    put(&mut h, 148, b"        ");
    put(&mut h, 156, b"0");
    put(&mut h, 257, b"ustar\x0000");
    let sum: u32 = h.iter().map(|b| u32::from(*b)).sum();
    put(&mut h, 148, format!("{sum:06o}\0 ").as_bytes());
    h
}

/// What follows a file of `size` bytes up to the next block.
pub fn pad(out: &mut dyn Write, size: u64) -> Result<()> {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    let zeros = [0u8; BLOCK];
    out.write_all(zeros.get(over..).filter(|_| over > 0).unwrap_or_default())
}

/// The end of the archive.
pub fn end(out: &mut dyn Write) -> Result<()> {
    out.write_all(&[0; BLOCK * 2])
}
