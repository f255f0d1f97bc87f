//! A window over a reader that parsers look into without copying. In: any reader. Out: a slice that holds at least as
//! many bytes as asked for, where the input has them. Bounds: the window holds at most twice what is asked for, which
//! callers keep below [`crate::limits::CAPTURE_BLOCK`] and a header, and never grows before the input has the bytes.

use std::io::Read;

/// The window. Bytes before `pos` are consumed, bytes from `end` on are free.
pub(super) struct Refill {
    read: Box<dyn Read + Send>,
    buf: Vec<u8>,
    pos: usize,
    end: usize,
    /// Offset in the input of the first byte of `buf`.
    base: u64,
    eof: bool,
    /// The last read found that nothing has come yet.
    pending: bool,
    failed: Option<String>,
}

impl Refill {
    /// A window that reads `block` bytes at once.
    pub(super) fn new(read: Box<dyn Read + Send>, block: usize) -> Refill {
        Refill {
            read,
            buf: vec![0; block.max(64)],
            pos: 0,
            end: 0,
            base: 0,
            eof: false,
            pending: false,
            failed: None,
        }
    }

    /// Whether the input goes on and what was asked for last has not come yet.
    pub(super) fn pending(&self) -> bool {
        self.pending && !self.eof
    }

    /// Reads until `need` unconsumed bytes are there; false where the input ends before, or has no more for now.
    pub(super) fn have(&mut self, need: usize) -> bool {
        while self.end - self.pos < need {
            if self.eof {
                return false;
            }
            if self.end == self.buf.len() {
                // Full: what is left moves to the front where that frees half of the window, else the window doubles.
                // So a length that lies costs no memory, and no search moves everything for a few bytes.
                if self.pos >= self.buf.len() / 2 {
                    self.buf.copy_within(self.pos..self.end, 0);
                    self.base += self.pos as u64;
                    self.end -= self.pos;
                    self.pos = 0;
                } else {
                    self.buf.resize(self.buf.len().saturating_mul(2), 0);
                }
            }
            let Some(free) = self.buf.get_mut(self.end..) else {
                return false;
            };
            self.pending = false;
            match self.read.read(free) {
                Ok(0) => self.eof = true,
                Ok(n) => self.end = (self.end + n).min(self.buf.len()),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    self.pending = true;
                    return false;
                }
                // What was read stays readable: a compressed file cut in the middle still gives its beginning.
                Err(e) => {
                    self.eof = true;
                    self.failed = Some(e.to_string());
                }
            }
        }
        true
    }

    /// All unconsumed bytes that are in memory.
    pub(super) fn data(&self) -> &[u8] {
        self.buf.get(self.pos..self.end).unwrap_or(&[])
    }

    /// Consumes `n` bytes and says where in the window they start, for [`Refill::at`].
    pub(super) fn take(&mut self, n: usize) -> usize {
        let start = self.pos;
        self.pos = self.pos.saturating_add(n).min(self.end);
        start
    }

    /// Bytes of the window consumed since the last call to [`Refill::have`].
    pub(super) fn at(&self, start: usize, len: usize) -> &[u8] {
        self.buf
            .get(start..start.saturating_add(len))
            .unwrap_or(&[])
    }

    /// Offset in the input of the next unconsumed byte.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.pos as u64
    }

    /// Why reading stopped before the end of the input, told once.
    pub(super) fn failure(&mut self) -> Option<String> {
        self.failed.take()
    }
}

/// Four bytes at `at` in the byte order of the file.
pub(super) fn u32_at(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big {
        u32::from_be_bytes(four)
    } else {
        u32::from_le_bytes(four)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip(Vec<u8>, usize);
    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match (self.0.get(self.1), out.first_mut()) {
                (Some(b), Some(o)) => {
                    *o = *b;
                    self.1 += 1;
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    #[test]
    fn asks_beyond_the_block_grow_the_window_and_keep_offsets() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let mut w = Refill::new(Box::new(Drip(bytes.clone(), 0)), 64);
        assert!(w.have(10));
        let s = w.take(10);
        assert_eq!(w.at(s, 10), &bytes[..10]);
        assert!(w.have(300));
        assert_eq!(&w.data()[..300], &bytes[10..310]);
        w.take(300);
        assert_eq!(w.offset(), 310);
        assert!(!w.have(691));
        assert_eq!(w.data().len(), 690);
        assert!(w.have(690));
    }
}
