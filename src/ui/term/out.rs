//! Output in whole frames. In: what the backend writes. Out: one write each time a frame is complete.
//! Bounds: 64 KiB are reserved; a larger frame grows the buffer until it is written.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

/// A writer whose `flush` waits for the end of the frame.
pub struct FrameWriter<W: Write> {
    inner: W,
    buf: Vec<u8>,
    held: Rc<Cell<bool>>,
    sent: Rc<Cell<u64>>,
}

/// Holds frames back and counts bytes.
#[derive(Clone, Default)]
pub struct FrameGate {
    held: Rc<Cell<bool>>,
    sent: Rc<Cell<u64>>,
}

impl FrameGate {
    /// From here on nothing is written.
    pub fn hold(&self) {
        self.held.set(true);
    }
    /// From here on `flush` writes.
    pub fn open(&self) {
        self.held.set(false);
    }
    /// Bytes written so far.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }
}

impl<W: Write> FrameWriter<W> {
    /// Wraps a writer.
    pub fn new(inner: W, gate: &FrameGate) -> Self {
        FrameWriter {
            inner,
            buf: Vec::with_capacity(64 << 10),
            held: gate.held.clone(),
            sent: gate.sent.clone(),
        }
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, b: &[u8]) -> io::Result<usize> {
        self.buf.extend_from_slice(b);
        Ok(b.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        if self.held.get() || self.buf.is_empty() {
            return Ok(());
        }
        self.inner.write_all(&self.buf)?;
        self.sent.set(self.sent.get() + self.buf.len() as u64);
        self.buf.clear();
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Count(Rc<Cell<u32>>);
    impl Write for Count {
        fn write(&mut self, b: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + 1);
            Ok(b.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_is_one_write_and_nothing_is_written_while_idle() {
        let n = Rc::new(Cell::new(0));
        let gate = FrameGate::default();
        let mut w = FrameWriter::new(Count(n.clone()), &gate);
        gate.hold();
        for _ in 0..100 {
            w.write_all(&[b'x'; 999]).unwrap();
            w.flush().unwrap();
        }
        gate.open();
        w.flush().unwrap();
        w.flush().unwrap();
        assert_eq!((n.get(), gate.sent()), (1, 99_900));
    }
}
