//! Times in the midst of a text. In: a text. Out: where times stand in it and whether they name a zone. Bounds: linear in the
//! text; [`STAMPS`] times.
//!
//! Only forms that say day and second are looked for; reading them is left to [`time`](super::time).

/// Times of a text that are looked at.
const STAMPS: usize = 8;

/// A time that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp<'t> {
    pub text: &'t str,
    /// Its first byte, and the one behind it.
    pub at: usize,
    pub end: usize,
    pub zoned: bool,
}

/// A shape: `d` a digit, `M` three letters of a month, anything else itself.
fn shape(text: &[u8], shape: &str) -> bool {
    let mut at = 0;
    for c in shape.bytes() {
        let ok = match c {
            b'd' => text.get(at).is_some_and(u8::is_ascii_digit),
            b'M' => {
                let month = text.get(at..at + 3);
                at += 2;
                month.is_some_and(|m| MONTHS.as_chunks::<3>().0.iter().any(|n| n == m))
            }
            c => text.get(at) == Some(&c),
        };
        if !ok {
            return false;
        }
        at += 1;
    }
    true
}

const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// Days as they are written, with their length, and what may stand between day and time of day.
const DAYS: &[(&str, usize, &[&str])] = &[
    ("dddd-dd-dd", 10, &["T", " ", "_", ":"]),
    ("dddd/dd/dd", 10, &[" ", " - ", "T"]),
    ("dd/M/dddd", 11, &[":", " "]),
    ("dd-M-dddd", 11, &[" ", ":"]),
    ("dd M dddd", 11, &[" "]),
    ("d/M/dddd", 10, &[":", " "]),
    ("d M dddd", 10, &[" "]),
    ("dd/dd/dddd", 10, &[":"]),
];

/// Length of the time that begins here, and whether it names a zone.
fn stamp(text: &[u8]) -> Option<(usize, bool)> {
    let (_, day, between) = DAYS.iter().find(|(form, _, _)| shape(text, form))?;
    let rest = text.get(*day..)?;
    let between = between.iter().find(|b| {
        rest.strip_prefix(b.as_bytes())
            .is_some_and(|r| shape(r, "dd:dd:dd"))
    })?;
    let mut end = day + between.len() + 8;
    if matches!(text.get(end), Some(b'.' | b','))
        && text.get(end + 1).is_some_and(u8::is_ascii_digit)
    {
        let fraction = text.get(end + 1..)?;
        end += 1 + fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    }
    let zone = zone(text.get(end..).unwrap_or_default());
    let ends = |at: usize| !text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    match zone.filter(|n| ends(end + n)) {
        Some(n) => Some((end + n, true)),
        None => ends(end).then_some((end, false)),
    }
}

/// Length of a zone behind a time.
fn zone(text: &[u8]) -> Option<usize> {
    let space = usize::from(text.first() == Some(&b' '));
    let text = text.get(space..)?;
    if [b"UTC", b"GMT"].iter().any(|z| text.starts_with(*z)) {
        return Some(space + 3);
    }
    if space == 0 && text.first() == Some(&b'Z') {
        return Some(1);
    }
    let signed = matches!(text.first(), Some(b'+' | b'-'));
    let rest = text.get(1..).filter(|_| signed)?;
    [("dd:dd", 5), ("dddd", 4), ("dd", 2)]
        .into_iter()
        .find(|(form, _)| shape(rest, form))
        .map(|(_, n)| space + 1 + n)
}

/// Length of a time as JavaScript has it in American English: `3/1/2026, 2:00:00 AM`.
fn american(text: &[u8]) -> Option<(usize, bool)> {
    let mut at = 0;
    for (most, ends) in [(2, "/"), (2, "/"), (4, ", "), (2, ":"), (2, ":"), (2, " ")] {
        let rest = text.get(at..)?;
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        rest.get(digits..)?.strip_prefix(ends.as_bytes())?;
        if digits == 0 || digits > most {
            return None;
        }
        at += digits + ends.len();
    }
    let half = text.get(at..at + 2)?;
    let ends = !text.get(at + 2).is_some_and(u8::is_ascii_alphanumeric);
    (ends && matches!(half, b"AM" | b"PM")).then_some((at + 2, false))
}

/// Length of a time as C's `asctime` has it, without the day of the week: `Mar  2 04:05:01 2026`.
fn asctime(text: &[u8]) -> Option<(usize, bool)> {
    let forms = ["M dd dd:dd:dd dddd", "M  d dd:dd:dd dddd"];
    let ends = !text.get(20).is_some_and(u8::is_ascii_alphanumeric);
    (ends && forms.iter().any(|f| shape(text, f))).then_some((20, false))
}

/// All times of a text.
pub fn stamps(text: &str) -> Vec<Stamp<'_>> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(b) = bytes.get(at) {
        let begins = !at
            .checked_sub(1)
            .and_then(|p| bytes.get(p))
            .is_some_and(u8::is_ascii_alphanumeric);
        let rest = bytes.get(at..).unwrap_or_default();
        let found = match b {
            b'0'..=b'9' if begins => stamp(rest).or_else(|| american(rest)),
            b'A'..=b'Z' if begins => asctime(rest),
            _ => None,
        };
        let Some((len, zoned)) = found else {
            at += 1;
            continue;
        };
        let end = at + len;
        if let Some(text) = text.get(at..end) {
            out.push(Stamp {
                text,
                at,
                end,
                zoned,
            });
        }
        if out.len() >= STAMPS {
            break;
        }
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log::{LogZone, time};

    #[test]
    fn times_are_found_and_can_be_read() {
        let noon = 1_772_330_400_000_000_000;
        for (text, zoned) in [
            ("[2026-03-01 02:00:00,000] INFO", false),
            ("INFO 2026-03-01T02:00:00.000Z x", true),
            ("x [01/Mar/2026:10:00:00 +0800] y", true),
            ("x [01/Mar/2026 02:00:00] y", false),
            ("x [01/Mar/2026:02:00:00] y", false),
            ("[GIN] 2026/03/01 - 02:00:00 |", false),
            ("[Sun, 01 Mar 2026 02:00:00 GMT] y", true),
            ("2026-03-01 10:00:00 +0800 - (x)", true),
            ("2026-03-01 10:00:00 +08:00", true),
            ("2026-03-01T10:00:00+0800", true),
            ("01-Mar-2026 02:00:00.000 INFO [x]", false),
            ("2026-03-01 02:00:00 UTC", true),
            ("[1/Mar/2026:10:00:00 +0800] x", true),
            ("[Sun, 1 Mar 2026 02:00:00 GMT] y", true),
            ("<134> 03/01/2026:02:00:00 GMT ns", true),
            ("[Nest] 7 - 03/01/2026, 2:00:00 AM LOG", false),
        ] {
            let found = stamps(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].zoned, zoned, "{text}");
            let read = time::any(found[0].text, &LogZone(None));
            assert_eq!(read, Some((noon, !zoned)), "{text}: {:?}", found[0].text);
        }
        for none in [
            "2026-03-01",
            "12026-03-01 02:00:00",
            "2026-03-01 02:00",
            "2026-03-01 02:00:001",
            "01/Foo/2026:02:00:00",
            "",
            "1",
        ] {
            assert_eq!(stamps(none), [], "{none}");
        }
    }
}
