//! LZ4 frames as a reader. In: the bytes of one or several frames, skippable ones included. Out: what they hold. Bounds:
//! the two largest blocks of a frame (8 MiB in legacy frames).
//!
//! The decoder of `lz4_flex` takes the end of the file inside a frame for the end of the frame; here it is an error.

use lz4_flex::frame::FrameDecoder;
use std::io::{self, Read};

/// Magic of skippable frames without its last digit.
const SKIPPABLE: u32 = 0x184d_2a50;

/// What the decoder reads from: knows whether it ran into the end of the file.
struct Input<R> {
    read: R,
    /// Bytes looked at and given back.
    back: Vec<u8>,
    ended: bool,
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.back.is_empty() {
            let n = self.back.len().min(out.len());
            let (to, from) = (out.get_mut(..n), self.back.get(..n));
            if let (Some(to), Some(from)) = (to, from) {
                to.copy_from_slice(from);
            }
            self.back.drain(..n);
            return Ok(n);
        }
        let n = self.read.read(out)?;
        self.ended |= n == 0 && !out.is_empty();
        Ok(n)
    }
}

/// The reader.
pub(super) struct Lz4<R: Read> {
    decoder: FrameDecoder<Input<R>>,
    /// Whether a frame has begun and not ended.
    inside: bool,
    done: bool,
}

impl<R: Read> Lz4<R> {
    /// A reader at the beginning of the file.
    pub(super) fn new(read: R) -> Lz4<R> {
        Lz4 {
            decoder: FrameDecoder::new(Input {
                read,
                back: Vec::new(),
                ended: false,
            }),
            inside: false,
            done: false,
        }
    }

    /// Goes to the next frame that holds data; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let input = self.decoder.get_mut();
            let mut magic = Vec::with_capacity(4);
            input.take(4).read_to_end(&mut magic)?;
            if magic.is_empty() {
                return Ok(false);
            }
            let number = magic
                .first_chunk::<4>()
                .map(|m| u32::from_le_bytes(*m))
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            if number & 0xffff_fff0 != SKIPPABLE {
                input.back = magic;
                input.ended = false;
                return Ok(true);
            }
            let mut len = [0; 4];
            input.read_exact(&mut len)?;
            let len = u64::from(u32::from_le_bytes(len));
            if io::copy(&mut input.take(len), &mut io::sink())? < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.done && !out.is_empty() {
            if !self.inside {
                self.inside = true;
                self.done = !self.next_frame()?;
                continue;
            }
            let n = self.decoder.read(out)?;
            if n > 0 {
                return Ok(n);
            }
            if self.decoder.get_ref().ended {
                self.done = true;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.inside = false;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::drain;
    use super::*;
    use std::io::Write;

    fn frame(data: &[u8]) -> Vec<u8> {
        let mut w = lz4_flex::frame::FrameEncoder::new(Vec::new());
        w.write_all(data).unwrap();
        w.finish().unwrap()
    }

    #[test]
    fn frames_follow_each_other_and_a_cut_one_says_so() {
        let data: Vec<u8> = (0..300_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let one = frame(&data);
        let skippable = [
            &0x184d_2a53u32.to_le_bytes()[..],
            &3u32.to_le_bytes(),
            b"abc",
        ]
        .concat();
        let all = [&skippable[..], &one, &skippable, &one].concat();
        assert_eq!(
            drain(Lz4::new(&all[..])),
            ([&data[..], &data].concat(), None)
        );
        for cut in (1..one.len()).step_by(one.len() / 50) {
            let (got, failed) = drain(Lz4::new(&one[..cut]));
            assert!(data.starts_with(&got), "cut at {cut}");
            assert!(failed.is_some(), "cut at {cut} is silent");
        }
        // the frame's content ends with the mark and checksum: without them it is cut, too
        let (got, failed) = drain(Lz4::new(&one[..one.len() - 4]));
        assert_eq!((got.len(), failed.is_some()), (data.len(), true));
    }
}
