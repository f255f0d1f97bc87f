//! The journal as `journalctl -o export` writes it: an entry is lines of `NAME=value`, up to an empty one. In: lines. Out: of each entry
//! when it was written and its message, as one text. Bounds: that text is as long as a line may be ([`LOG_LINE`]); of a longer one
//! the beginning is kept, and it is told as cut. Other fields are passed over.
//!
//! What has line ends or control characters in it (colours of a terminal) is written as the name alone, then eight bytes with the
//! length, the value, and a line end.

use super::parts::{Part, Whole};
use super::time;
use super::wrap::Inside;
use crate::limits::LOG_LINE;
use std::borrow::Cow;

/// What an entry begins with.
const CURSOR: &[u8] = b"__CURSOR=";
const WRITTEN: &[u8] = b"__REALTIME_TIMESTAMP=";
const MESSAGE: &[u8] = b"MESSAGE=";
/// Bytes of the length of a value.
const LENGTH: usize = 8;
/// Bytes of a name at most.
const NAME: usize = 64;

/// The entry under way.
#[derive(Debug, Default)]
pub struct Entries {
    open: Option<Whole>,
    /// A value with its length before it begins in the next line; whether it is the message.
    begins: Option<bool>,
    /// Bytes of such a value that are still to come, and whether it is the message.
    more: Option<(u64, bool)>,
}

/// Whether a text begins as an entry does.
pub fn begins(text: &[u8]) -> bool {
    text.starts_with(CURSOR)
}

/// The name of a field whose value stands in the lines behind.
fn is_name(line: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_';
    (1..=NAME).contains(&line.len()) && line.iter().all(fits)
}

/// The length before a value, where all of it is there, and the beginning of the value.
fn length(line: &[u8]) -> (u64, &[u8]) {
    // NUL bytes that begin a line may be gone, and a length may hold a line end itself
    let head = line.get(..line.len().min(LENGTH)).unwrap_or_default();
    let from = memchr::memrchr(0, head).map_or(0, |n| n + 1);
    let value = line.get(from..).unwrap_or_default();
    let long = match head.first_chunk::<LENGTH>() {
        Some(bytes) if from == LENGTH => u64::from_le_bytes(*bytes),
        _ => 0,
    };
    (long, value)
}

impl Entries {
    /// Takes the line `number`, which begins at `offset`.
    pub fn take(&mut self, line: &[u8], number: u64, offset: u64) -> Part {
        if let Some((left, message)) = self.more.take() {
            let part = if message { line } else { &[] };
            self.keep(b" ", part);
            let left = left.saturating_sub(line.len() as u64 + 1);
            self.more = (left > 0).then_some((left, message));
            return Part::Held;
        }
        if let Some(message) = self.begins {
            if line.is_empty() {
                return Part::Held; // the length's first byte was a line end
            }
            self.begins = None;
            let (long, value) = length(line);
            if message {
                self.keep(MESSAGE, value);
            }
            let left = long.saturating_sub(value.len() as u64 + 1);
            self.more = (left > 0).then_some((left, message));
            return Part::Held;
        }
        let starts = begins(line);
        let done = match self.open.take() {
            Some(whole) if line.is_empty() || starts => Some(whole),
            open => {
                self.open = open;
                None
            }
        };
        if self.open.is_none() && starts {
            self.open = Some(Whole {
                text: Vec::new(),
                number,
                offset,
                first: line.len() as u64,
                long: false,
            });
        } else if self.open.is_none() {
            return done.map_or(Part::Alone, Part::Last);
        } else if line.starts_with(WRITTEN) || line.starts_with(MESSAGE) {
            self.keep(b"", line);
        } else if is_name(line) {
            self.begins = Some(MESSAGE.strip_suffix(b"=") == Some(line));
        }
        done.map_or(Part::Held, Part::Last)
    }

    /// Adds to the text of the entry: a field on a line of its own, or more of the last one.
    fn keep(&mut self, before: &[u8], value: &[u8]) {
        let Some(open) = &mut self.open else { return };
        open.long |= open.text.len() + before.len() + value.len() > LOG_LINE;
        if open.long || value.is_empty() {
            return;
        }
        if before != b" " && !open.text.is_empty() {
            open.text.push(b'\n');
        }
        open.text.extend_from_slice(before);
        open.text.extend_from_slice(value);
    }

    /// The last entry, without an empty line behind it.
    pub fn rest(&mut self) -> Option<Whole> {
        (self.begins, self.more) = (None, None);
        self.open.take()
    }
}

/// The message of an entry that was joined, and when it was written.
pub fn open(text: &[u8]) -> Option<Inside<'_>> {
    let of = |name: &[u8]| {
        text.split(|b| *b == b'\n')
            .find_map(|l| l.strip_prefix(name))
    };
    let line = of(MESSAGE)?;
    let at = std::str::from_utf8(of(WRITTEN)?).ok()?;
    let written = time::epoch(at.trim())?;
    Some(Inside {
        line: Cow::Borrowed(line),
        written: Some(written.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> Vec<(u64, String)> {
        let (mut entries, mut out, mut at) = (Entries::default(), Vec::new(), 0);
        for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
            if let Part::Last(whole) = entries.take(line, n as u64 + 1, at) {
                out.push(whole);
            }
            at += line.len() as u64 + 1;
        }
        out.extend(entries.rest());
        let text = |w: Whole| {
            let inside = open(&w.text);
            let line = inside.map_or_else(Vec::new, |i| i.line.into_owned());
            (w.number, String::from_utf8_lossy(&line).into_owned())
        };
        out.into_iter().map(text).collect()
    }

    #[test]
    fn entries_end_with_an_empty_line_or_the_next_and_values_may_have_their_length() {
        let binary = |value: &[u8]| {
            let long = (value.len() as u64).to_le_bytes();
            [&b"MESSAGE\n"[..], &long, value, b"\n"].concat()
        };
        let ten = binary(b"GET /a\n\n12");
        let log = [
            b"__CURSOR=a\n__REALTIME_TIMESTAMP=1772330400000000\nMESSAGE=GET /a=b\n_PID=1\n\n"
                .as_slice(),
            b"__CURSOR=b\n_CMDLINE\n\x03\0\0\0\0\0\0\0a\nb\n",
            &binary(b"\x1b[1mGET /c\x1b[0m\nMESSAGE=no"),
            b"__REALTIME_TIMESTAMP=1772330401000000\n",
            b"__CURSOR=c\n__REALTIME_TIMESTAMP=1772330402000000\n",
            &ten,
            b"\n__CURSOR=d\nMESSAGE=without a time\n\nno entry\n",
            b"__CURSOR=e\nMESSAGE=last\n__REALTIME_TIMESTAMP=1772330403000000",
        ]
        .concat();
        let want = [
            (1, "GET /a=b"),
            (6, "\u{1b}[1mGET /c\u{1b}[0m MESSAGE=no"),
            (14, "GET /a"),
            (22, ""),
            (26, "last"),
        ];
        let got = told(&log);
        let got: Vec<(u64, &str)> = got.iter().map(|(n, t)| (*n, t.as_str())).collect();
        assert_eq!(got, want);
    }
}
