//! A direction that is cut: gaps, the end of a stream, a request that was only a line. In: what is missing and why. Out: a
//! [`Step`] for what that ends. Bounds: those of the reader; a gap inside a body of known length costs nothing.

use super::{Reader, State, Step};
use crate::call::model::Flags;
use crate::limits;
use crate::net::Missing;
use crate::proto::Carry;
use crate::proto::http1::start::{self, Is};

impl Reader {
    /// Bytes are missing.
    pub fn gap(&mut self, bytes: u64, why: Missing) -> Step {
        self.next += bytes;
        let flag = if why == Missing::Snaplen {
            Flags::TRUNCATED
        } else {
            Flags::GAP
        };
        match &mut self.state {
            State::Head | State::Lost => {
                // 0 bytes say that what came before was not read
                let between =
                    bytes > 0 && matches!(self.state, State::Head) && self.carry.is_empty();
                let step = self.cut_head(flag);
                self.lose();
                self.between |= between;
                step
            }
            State::Skip(left) if bytes <= *left => {
                *left -= bytes;
                if *left == 0 {
                    self.state = State::Head;
                }
                Step::More
            }
            State::Skip(_) => {
                self.lose();
                Step::More
            }
            State::Hold => {
                self.held = Carry::default();
                self.lose();
                Step::More
            }
            State::Close => {
                self.body.gap(bytes);
                self.flag(flag);
                Step::More
            }
            State::Fixed(left) => {
                let left_now = *left;
                self.other = self.other.and_then(|n| n.checked_sub(bytes));
                *left = left.saturating_sub(bytes);
                self.body.gap(bytes.min(left_now));
                self.flag(flag);
                if bytes < left_now {
                    return Step::More;
                }
                self.end = self.next - (bytes - left_now);
                self.close_message(false);
                if bytes > left_now {
                    self.lose();
                    self.between = true;
                } else {
                    self.state = State::Head
                }
                Step::Done
            }
            State::Chunked(c) => {
                let inside = c.gap(bytes);
                self.flag(flag);
                if inside {
                    self.body.gap(bytes);
                    return Step::More;
                }
                self.end = self.next;
                self.close_message(false);
                self.lose();
                Step::Done
            }
        }
    }

    /// What was kept of a head becomes a message if it says enough.
    fn cut_head(&mut self, flag: Flags) -> Step {
        let b = std::mem::take(&mut self.carry);
        if b.is_empty() || !(self.known || self.is(&b, false) == Is::Yes) {
            return Step::More;
        }
        let requests = self.requests;
        if self.scan.first.is_none() {
            self.scan.run(&b, |_| false);
        }
        let cut = Flags(Flags::PARTIAL_HEADERS.0 | flag.0);
        if self.scan.first.is_none() && !requests && start::status_line(&b).1.is_none() {
            return Step::More;
        }
        self.build(&b, b.len(), cut);
        self.end = self.next;
        Step::CutHead
    }

    /// A request line without version was read and nothing after it: the other side's answer shows that it was all.
    pub fn simple_request(&mut self) -> Step {
        let whole = matches!(self.state, State::Head)
            && self.requests
            && self.scan.first.is_some()
            && self.scan.headers.is_empty();
        if !whole || self.scan.after_first != self.carry.len() {
            return Step::More;
        }
        let line = self
            .carry
            .get(..self.scan.first.unwrap_or(0))
            .unwrap_or_default();
        if start::request_line(line).version.is_some() {
            return Step::More;
        }
        let b = std::mem::take(&mut self.carry);
        self.scan.flags = Flags::default();
        self.build(&b, b.len(), Flags::default());
        self.end = self.start + b.len() as u64;
        Step::Head
    }

    /// The direction ended. `orderly`: by a close that ends a body of unknown length.
    pub fn finish(&mut self, orderly: bool) -> Step {
        match &mut self.state {
            State::Head | State::Lost => {
                let step = self.cut_head(Flags::TRUNCATED);
                if step == Step::More {
                    self.known = false
                }
                step
            }
            State::Hold | State::Skip(_) => Step::More,
            State::Close => {
                if !orderly {
                    self.flag(Flags::TRUNCATED);
                }
                self.close_message(orderly);
                self.state = State::Head;
                Step::Done
            }
            State::Chunked(c) if orderly && c.last_seen() => {
                // only the last empty line is missing
                self.flag(Flags::BAD_FRAMING);
                self.close_message(true);
                self.state = State::Head;
                Step::Done
            }
            State::Fixed(_) if self.other == Some(0) => {
                // the other length was right
                self.close_message(true);
                self.state = State::Head;
                Step::Done
            }
            State::Fixed(_) | State::Chunked(_) => {
                let plain = match &mut self.state {
                    State::Chunked(c) if !self.requests => c.plain(),
                    _ => None,
                };
                if let Some(bytes) = plain {
                    // declared chunked, and was not
                    self.flag(Flags::BAD_FRAMING);
                    self.keep(&bytes, limits::CHUNK_LINE);
                    if orderly {
                        self.close_message(true);
                        self.state = State::Head;
                        return Step::Done;
                    }
                }
                self.flag(Flags::TRUNCATED);
                self.close_message(false);
                self.state = State::Head;
                Step::Done
            }
        }
    }
}
