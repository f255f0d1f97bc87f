//! Compressed files seen through. In: a reader. Out: a reader of what it holds. Bounds: [`LAYERS`] of compression, one
//! window a layer, at most [`crate::limits::UNPACK_WINDOW`]; decompression is streamed, so a bomb costs time in
//! proportion to what it holds and no memory.
//!
//! A stream that ends early or is damaged gives all bytes before the damage and then an error from `read`.

mod lz4;
mod xz;

use std::io::{self, BufRead, BufReader, Read};

/// Compression seen through: a file, and such a file compressed once more.
const LAYERS: usize = 2;
/// Bytes read from a layer at once.
const BLOCK: usize = 1 << 17;

/// What a file is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952, also of several members.
    Gzip,
    /// RFC 8878, also of several frames.
    Zstd,
    /// xz 1.2, also of several streams.
    Xz,
    /// bzip2, also of several streams.
    Bzip2,
    /// LZ4 frames, also legacy and skippable ones.
    Lz4,
}

impl Coding {
    /// By the first bytes.
    pub(super) fn of(begin: &[u8]) -> Option<Coding> {
        match begin {
            [0x1f, 0x8b, ..] => Some(Coding::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Coding::Zstd),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Coding::Xz),
            // "BZh", a level, and the magic of a block or of the end
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => Some(Coding::Bzip2),
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Coding::Lz4),
            _ => None,
        }
    }

    /// A reader of what `read` holds.
    pub(super) fn undo(self, read: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Coding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(read)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(read)?),
            Coding::Xz => Box::new(xz::Xz::new(read)),
            Coding::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(read)),
            Coding::Lz4 => Box::new(lz4::Lz4::new(read)),
        })
    }
}

/// Undoes every layer of compression; gives how many there were.
pub(super) fn undo_all(
    mut read: Box<dyn BufRead + Send>,
) -> io::Result<(Box<dyn BufRead + Send>, usize)> {
    let mut layers = 0;
    while layers < LAYERS {
        let Some(coding) = Coding::of(read.fill_buf()?) else {
            break;
        };
        read = Box::new(BufReader::with_capacity(BLOCK, coding.undo(read)?));
        layers += 1;
    }
    Ok((read, layers))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads to the end or the error; gives the bytes and whether there was an error.
    pub(super) fn drain(mut read: impl Read) -> (Vec<u8>, Option<String>) {
        let (mut out, mut block) = (Vec::new(), vec![0; 7000]);
        loop {
            match read.read(&mut block) {
                Ok(0) => return (out, None),
                Ok(n) => out.extend_from_slice(&block[..n]),
                Err(e) => return (out, Some(e.to_string())),
            }
        }
    }

    #[test]
    fn beginnings_tell_the_coding() {
        for (begin, coding) in [
            (&b"\x1f\x8b\x08"[..], Some(Coding::Gzip)),
            (b"\xfd7zXZ\0\0\x04", Some(Coding::Xz)),
            (b"BZh91AY&SY", Some(Coding::Bzip2)),
            (b"BZh9\x17\x72\x45", Some(Coding::Bzip2)),
            (b"BZh, said the log", None),
            (b"\x04\x22\x4d\x18d", Some(Coding::Lz4)),
            (b"\x28\xb5\x2f\xfd", Some(Coding::Zstd)),
            (b"\xd4\xc3\xb2\xa1", None),
            (b"", None),
        ] {
            assert_eq!(Coding::of(begin), coding, "{begin:?}");
        }
    }
}
