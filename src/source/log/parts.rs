//! Lines that a container's runtime cut into parts (CRI: `P` for a part, `F` for the last). In: lines of the runtime. Out: the whole
//! line behind what the first part begins with, and where that stands. Bounds: one line a stream, each as long as a line may
//! be ([`LOG_LINE`]); of a longer one only the beginning is kept, and it is told as cut.

use crate::limits::LOG_LINE;

/// What a line is made of so far.
#[derive(Debug)]
pub struct Whole {
    /// The first part's time and stream, and all content.
    pub text: Vec<u8>,
    /// Line of the first part.
    pub number: u64,
    /// Its first byte.
    pub offset: u64,
    /// Bytes of the first part.
    pub first: u64,
    /// Whether it is longer than a line may be.
    pub long: bool,
}

/// What a line of the runtime comes to.
#[derive(Debug)]
pub enum Part {
    /// It is whole by itself, or none of the runtime's.
    Alone,
    /// More has to come.
    Held,
    /// It was the last part.
    Last(Whole),
}

/// What joins lines.
#[derive(Debug)]
pub enum Joins {
    /// Parts that a runtime cut.
    Runtime(Parts),
    /// Sections of an entry.
    Audit(super::audit::Entries),
    /// Fields of an entry.
    Journal(super::journal::Entries),
}

impl Joins {
    /// Takes the line `number`, which begins at `offset`.
    pub fn take(&mut self, line: &[u8], number: u64, offset: u64) -> Part {
        match self {
            Joins::Runtime(parts) => parts.take(line, number, offset),
            Joins::Audit(entries) => entries.take(line, number, offset),
            Joins::Journal(entries) => entries.take(line, number, offset),
        }
    }

    /// A line whose last part is missing.
    pub fn rest(&mut self) -> Option<Whole> {
        match self {
            Joins::Runtime(parts) => parts.rest(),
            Joins::Audit(entries) => entries.rest(),
            Joins::Journal(entries) => entries.rest(),
        }
    }
}

/// Lines under way, by stream.
#[derive(Debug, Default)]
pub struct Parts {
    streams: [Option<Whole>; 2],
}

/// Stream, whether the line goes on, and where its content begins.
fn split(line: &[u8]) -> Option<(usize, bool, usize)> {
    let time = memchr::memchr(b' ', line)?;
    let rest = line.get(time + 1..)?;
    let (stream, rest) = [&b"stdout "[..], b"stderr "]
        .into_iter()
        .enumerate()
        .find_map(|(n, s)| Some((n, rest.strip_prefix(s)?)))?;
    let goes_on = match rest.get(..2)? {
        b"P " => true,
        b"F " => false,
        _ => return None,
    };
    Some((stream, goes_on, line.len() - rest.len() + 2))
}

impl Parts {
    /// Takes the line `number`, which begins at `offset`.
    pub fn take(&mut self, line: &[u8], number: u64, offset: u64) -> Part {
        let Some((stream, goes_on, content)) = split(line) else {
            return Part::Alone;
        };
        let Some(held) = self.streams.get_mut(stream) else {
            return Part::Alone;
        };
        if held.is_none() && !goes_on {
            return Part::Alone;
        }
        match held {
            Some(whole) => {
                let more = line.get(content..).unwrap_or_default();
                whole.long |= whole.text.len() + more.len() > LOG_LINE;
                if !whole.long {
                    whole.text.extend_from_slice(more);
                }
            }
            None => {
                *held = Some(Whole {
                    text: line.to_vec(),
                    number,
                    offset,
                    first: line.len() as u64,
                    long: line.len() > LOG_LINE,
                });
            }
        }
        match held.take() {
            Some(whole) if !goes_on => Part::Last(whole),
            more => {
                *held = more;
                Part::Held
            }
        }
    }

    /// A line whose last part is missing; the one that began first.
    pub fn rest(&mut self) -> Option<Whole> {
        self.streams
            .iter_mut()
            .filter(|s| s.is_some())
            .min_by_key(|s| s.as_ref().map(|w| w.number))?
            .take()
    }
}
