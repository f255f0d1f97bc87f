//! xz as a reader. In: the bytes of an xz file. Out: what it holds. Bounds: a dictionary of
//! [`crate::limits::UNPACK_WINDOW`]; a file that wants more is refused with an error that says so.

use crate::limits::UNPACK_WINDOW;
use lzma_rust2::{Action, Status, XzStream};
use std::io::{self, BufRead, Read};

/// The reader. The decoder counts what it gave before it failed, so no byte before damage is lost.
pub(super) struct Xz<R> {
    input: R,
    stream: XzStream,
    done: bool,
    failed: Option<io::Error>,
}

impl<R: BufRead> Xz<R> {
    /// A reader at the beginning of the file.
    pub(super) fn new(input: R) -> Xz<R> {
        let kib = u32::try_from(UNPACK_WINDOW >> 10).unwrap_or(u32::MAX);
        Xz {
            input,
            stream: XzStream::new_mem_limit(true, kib),
            done: false,
            failed: None,
        }
    }
}

impl<R: BufRead> Read for Xz<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(e) = self.failed.take() {
            self.done = true;
            return Err(e);
        }
        while !self.done && !out.is_empty() {
            let block = self.input.fill_buf()?;
            let action = if block.is_empty() {
                Action::Finish
            } else {
                Action::Run
            };
            let before = self.stream.total_out();
            match self.stream.process(block, out, action) {
                Ok(step) => {
                    let stuck = action == Action::Finish && step.bytes_produced == 0;
                    self.input.consume(step.bytes_consumed);
                    self.done = step.status == Status::StreamEnd;
                    if step.bytes_produced > 0 {
                        return Ok(step.bytes_produced);
                    }
                    if stuck && !self.done {
                        self.done = true;
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => {
                    let given = self.stream.total_out().saturating_sub(before);
                    let given = usize::try_from(given).unwrap_or(0).min(out.len());
                    if given == 0 {
                        self.done = true;
                        return Err(e);
                    }
                    self.failed = Some(e);
                    return Ok(given);
                }
            }
        }
        Ok(0)
    }
}
