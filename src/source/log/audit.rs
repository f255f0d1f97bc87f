//! The audit log of ModSecurity as it writes it itself: an entry of sections, each behind a boundary (`--a6a4f03e-B--`,
//! `---eBQTbJzL---B--`). In: lines. Out: an entry as one text, and the call that it tells: who from the section A, the request from B,
//! the status from F, how long it took from H. Bounds: one entry of [`LOG_LINE`] bytes; of the bodies in it nothing is kept.

use super::draft::{Draft, Meaning, Slot};
use super::names::meaning;
use super::parts::{Part, Whole};
use super::time::How;
use super::{NoCall, names};
use crate::call::text::lossless;
use crate::limits::LOG_LINE;
use std::borrow::Cow;

/// Sections that are kept.
const KEPT: &[u8] = b"ABFHZ";
/// Bytes of the name in a boundary.
const NAME: std::ops::RangeInclusive<usize> = 4..=32;

/// The section that begins with a boundary.
fn boundary(line: &[u8]) -> Option<u8> {
    let inner = line.strip_prefix(b"--")?.strip_suffix(b"--")?;
    let (section, rest) = inner.split_last()?;
    let name = rest.strip_suffix(b"-")?;
    let name = match name.strip_prefix(b"-") {
        // ModSecurity 3 has three strokes at both sides
        Some(n) => n.strip_suffix(b"--")?,
        None => name,
    };
    let plain = NAME.contains(&name.len()) && name.iter().all(u8::is_ascii_alphanumeric);
    (plain && section.is_ascii_uppercase()).then_some(*section)
}

/// An entry under way.
#[derive(Debug, Default)]
pub struct Entries {
    open: Option<Whole>,
    section: u8,
}

impl Entries {
    /// Takes the line `number`, which begins at `offset`.
    pub fn take(&mut self, line: &[u8], number: u64, offset: u64) -> Part {
        let section = boundary(line);
        if section == Some(b'A') {
            self.section = b'A';
            let before = self.open.replace(Whole {
                text: line.to_vec(),
                number,
                offset,
                first: line.len() as u64,
                long: false,
            });
            // an entry without its end
            return before.map_or(Part::Held, Part::Last);
        }
        let Some(open) = &mut self.open else {
            return Part::Alone;
        };
        self.section = section.unwrap_or(self.section);
        if KEPT.contains(&self.section) {
            open.long |= open.text.len() + line.len() >= LOG_LINE;
            if !open.long {
                open.text.push(b'\n');
                open.text.extend_from_slice(line);
            }
        }
        match self.open.take() {
            Some(whole) if section == Some(b'Z') => Part::Last(whole),
            open => {
                self.open = open;
                Part::Held
            }
        }
    }

    /// An entry without its end.
    pub fn rest(&mut self) -> Option<Whole> {
        self.open.take()
    }
}

/// What an entry says. While it is looked at what a file is, lines come one by one: a boundary is of such an entry.
///
/// # Errors
/// Where it is none, or has no request.
pub fn read<'a>(entry: &'a [u8], sniffing: bool, draft: &mut Draft<'a>) -> Result<(), NoCall> {
    static MICROS: Meaning = Meaning {
        slot: Slot::Duration,
        how: How::Unit(1_000),
    };
    let mut lines = entry.split(|b| *b == b'\n');
    let first = lines.next().unwrap_or_default();
    let first = boundary(first.trim_ascii_end());
    match first {
        Some(_) if sniffing => return Err(NoCall::NoRequest),
        Some(b'A') => {}
        _ => return Err(NoCall::unfit("an entry that begins with its section A", 0)),
    }
    draft.lenient = true;
    let mut at = entry.len() - lines.clone().map(|l| l.len() + 1).sum::<usize>();
    let mut put = |meaning, text, at| draft.put(meaning, text, at);
    // the section, and the how manieth line in it
    let (mut section, mut n) = (b'A', 0);
    for line in lines {
        at += 1;
        let start = at;
        at += line.len();
        if let Some(next) = boundary(line.trim_ascii_end()) {
            (section, n) = (next, 0);
            continue;
        }
        n += 1;
        let text = lossless(line.trim_ascii_end());
        match (section, n) {
            (b'A', 1) => head(&text, start, &mut put),
            (b'B', 1) => put(meaning(Slot::Request), text, start),
            (b'F', 1) => {
                let status = text.split(' ').nth(1).unwrap_or_default();
                put(meaning(Slot::Status), owned(status), start);
            }
            (b'B', _) => {
                if let Some((name, value)) = text.split_once(':')
                    && let Some(slot) = Slot::of_header(&name.to_ascii_lowercase())
                    && slot != Slot::Forwarded
                {
                    put(meaning(slot), owned(value.trim()), start);
                }
            }
            // `Stopwatch: BEGIN SPAN (...)`
            (b'H', _) => {
                if let Some(watch) = text.strip_prefix("Stopwatch:") {
                    let took = watch.split_whitespace().nth(1).unwrap_or_default();
                    put(&MICROS, owned(took), start);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn owned<'a>(text: &str) -> Cow<'a, str> {
    Cow::Owned(text.to_owned())
}

/// `[TIME] ID CLIENT PORT SERVER PORT`.
fn head<'a>(text: &str, at: usize, put: &mut impl FnMut(&'a Meaning, Cow<'a, str>, usize)) {
    let Some((time, rest)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) else {
        return;
    };
    put(meaning(Slot::Start), owned(time), at);
    let slots = [Slot::Trace, Slot::Src, Slot::Sport, Slot::Dst, Slot::Dport];
    for (slot, word) in slots.into_iter().zip(rest.split_whitespace()) {
        put(names::meaning(slot), owned(word), at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_of_both_versions() {
        for (line, want) in [
            ("--a6a4f03e-A--", Some(b'A')),
            ("---eBQTbJzL---F--", Some(b'F')),
            ("--a6a4f03e-Z--", Some(b'Z')),
            ("--a6a4f03e--", None),
            ("--a6a4f03e-a--", None),
            ("------", None),
            ("-- x-A--", None),
            ("--", None),
            ("", None),
        ] {
            assert_eq!(boundary(line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn an_entry_is_one_text_without_its_bodies() {
        let mut entries = Entries::default();
        let lines = [
            "--abcd1234-A--",
            "[x] y",
            "--abcd1234-C--",
            "secret",
            "--abcd1234-Z--",
        ];
        let mut whole = None;
        assert!(matches!(entries.take(b"stray", 1, 0), Part::Alone));
        for (n, line) in (2u64..).zip(lines) {
            match entries.take(line.as_bytes(), n, n * 10) {
                Part::Last(w) => whole = Some(w),
                part => assert!(matches!(part, Part::Held), "{line}"),
            }
        }
        let whole = whole.unwrap();
        assert_eq!(whole.text, b"--abcd1234-A--\n[x] y\n--abcd1234-Z--");
        assert_eq!((whole.number, whole.offset, whole.long), (2, 20, false));
        // more than an entry may have is not kept
        entries.take(b"--abcd1234-A--", 1, 0);
        for _ in 0..3 {
            entries.take(&vec![b'x'; LOG_LINE / 2], 2, 0);
        }
        let whole = entries.rest().unwrap();
        assert!(whole.long && whole.text.len() <= LOG_LINE);
        assert!(entries.rest().is_none());
    }
}
