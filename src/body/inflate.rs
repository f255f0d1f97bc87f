//! gzip, zlib and raw deflate. In: a coded stream. Out: its bytes, up to the very point where it is cut or damaged. Bounds: one
//! window of memory; a header field is skipped as it is read.

use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, BufRead, Read};

/// Wrapping of the deflate data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951 alone.
    Raw,
}

/// A reader that inflates.
#[derive(Debug)]
pub(super) struct Inflate<R> {
    inner: R,
    form: Form,
    state: Decompress,
    failed: bool,
    done: bool,
}

fn fresh(form: Form) -> Decompress {
    match form {
        Form::Gzip => Decompress::new_gzip(15),
        Form::Zlib => Decompress::new(true),
        Form::Raw => Decompress::new(false),
    }
}

impl<R: BufRead> Inflate<R> {
    pub fn new(inner: R, form: Form) -> Inflate<R> {
        Inflate {
            inner,
            form,
            state: fresh(form),
            failed: false,
            done: false,
        }
    }
}

impl Inflate<&[u8]> {
    /// Whether the first bytes can be such a stream.
    pub fn plausible(peek: &[u8], form: Form) -> bool {
        let mut out = [0u8; 256];
        let mut d = fresh(form);
        let peek = peek.get(..512).unwrap_or(peek);
        match d.decompress(peek, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => form != Form::Raw || d.total_out() > 0 || peek.len() <= 2,
            Ok(_) => true,
            Err(_) => d.total_out() >= 64,
        }
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if self.done {
                // another member, or what some servers leave behind the last
                let more = self.form == Form::Gzip && self.inner.fill_buf()?.first() == Some(&0x1f);
                if !more {
                    return Ok(0);
                }
                self.state = fresh(self.form);
                self.done = false;
            }
            let input = self.inner.fill_buf()?;
            if input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let result = self.state.decompress(input, buf, FlushDecompress::None);
            let used = usize::try_from(self.state.total_in() - before_in).unwrap_or(0);
            let made = usize::try_from(self.state.total_out() - before_out)
                .unwrap_or(0)
                .min(buf.len());
            self.inner.consume(used);
            match result {
                Ok(Status::StreamEnd) => self.done = true,
                Ok(_) if used == 0 && made == 0 => self.failed = true,
                Ok(_) => {}
                Err(_) => self.failed = true,
            }
            if made > 0 {
                return Ok(made);
            }
            if self.failed {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}
