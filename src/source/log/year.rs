//! When a wrapper says that a line was written, and the year of times that have none (syslog of RFC 3164). In: such a time, and what
//! is around it. Out: a moment, and how sure its year is. Bounds: none; arithmetic.
//!
//! The clock of whoever reads is never asked: a log of last year, read today, would get this one's. A year is the one that
//! brings the time nearest to what is around it; each line goes on from the one before, so the turn of a year is followed.

use super::format::Context;
use super::stamps::stamps;
use super::{LogZone, time};
use crate::call::model::{LogYear, Ts};
use crate::call::text::lossless;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The year in which times are shown whose year nothing tells: it has a 29th of February.
const NONE: i16 = 1972;
/// Bytes of a log's beginning that are searched for a year.
const SEARCHED: usize = 64 << 10;

/// Times of lines that tell none, or a time of day alone: in the order of the lines, from the begin of [`NONE`] on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    /// The last one.
    last: Ts,
}

impl Order {
    /// That of the next line.
    pub fn next(&mut self, line: &[u8]) -> Written {
        const BEGIN: Ts = 63_072_000_000_000_000;
        const DAY: Ts = 86_400_000_000_000;
        const END: Ts = BEGIN + 366 * DAY - 1;
        let after = self.last.max(BEGIN);
        let at = match clock(line) {
            Some(of_day) => {
                let today = after - after.rem_euclid(DAY) + of_day;
                // lines of a moment may change places; a clock that goes far back is of the next day
                match today.saturating_add(DAY / 2) < after {
                    true => today.saturating_add(DAY),
                    false => today,
                }
            }
            None => after.saturating_add(1_000_000),
        };
        // a year of days at most, whatever clocks say
        let at = at.min(END);
        self.last = at.max(after);
        Written {
            at,
            utc: false,
            year: LogYear::Order,
        }
    }
}

/// A time of day that a line begins with, in nanoseconds: `02:00:00`, `[02:00:00.123]`.
fn clock(line: &[u8]) -> Option<Ts> {
    let line = line.strip_prefix(b"[").unwrap_or(line);
    let two = |at: usize| {
        let (a, b) = (line.get(at)?, line.get(at + 1)?);
        (a.is_ascii_digit() && b.is_ascii_digit())
            .then(|| Ts::from(a - b'0') * 10 + Ts::from(b - b'0'))
    };
    let (h, m, s) = (two(0)?, two(3)?, two(6)?);
    let colons = line.get(2) == Some(&b':') && line.get(5) == Some(&b':');
    if !colons || h > 23 || m > 59 || s > 60 || line.get(8).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let mut unit = 100_000_000;
    let mut part = 0;
    if matches!(line.get(8), Some(b'.' | b',')) {
        for d in line
            .iter()
            .skip(9)
            .take(9)
            .take_while(|b| b.is_ascii_digit())
        {
            part += Ts::from(d - b'0') * unit;
            unit /= 10;
        }
    }
    Some(((h * 60 + m) * 60 + s) * 1_000_000_000 + part)
}

/// When a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Where no year is told, the civil time as if it were UTC in [`NONE`].
    pub at: Ts,
    /// Whether UTC had to be assumed.
    pub utc: bool,
    pub year: LogYear,
}

impl From<(Ts, bool)> for Written {
    fn from((at, utc): (Ts, bool)) -> Written {
        Written {
            at,
            utc,
            year: LogYear::Told,
        }
    }
}

impl Written {
    /// `Mar  1 02:00:00`, with a fraction or not.
    pub fn without_year(text: &str) -> Option<Written> {
        let text = format!("{NONE} {}", text.replace("  ", " "));
        let civil = DateTime::strptime("%Y %b %d %H:%M:%S%.f", &text).ok()?;
        let (at, _) = LogZone(Some(TimeZone::UTC)).resolve(civil)?;
        Some(Written {
            at,
            utc: true,
            year: LogYear::Unknown,
        })
    }

    /// With its year, by what is around this line, else by the lines before.
    pub fn with_year(self, around: Option<Written>, cx: &mut Context) -> Written {
        if self.year != LogYear::Unknown {
            return self;
        }
        let around = around.map(|w| (w.at, w.year != LogYear::Unknown));
        let (near, known) = around.or(cx.near).unwrap_or((self.at, false));
        let Some((at, utc)) = self.nearest(near, &cx.zone) else {
            return self;
        };
        cx.near = Some((at, known));
        let year = match known {
            true => LogYear::Around,
            false => LogYear::Unknown,
        };
        Written { at, utc, year }
    }

    fn nearest(self, near: Ts, zone: &LogZone) -> Option<(Ts, bool)> {
        let civil = |at: Ts| {
            let at = jiff::Timestamp::from_nanosecond(i128::from(at)).ok()?;
            Some(TimeZone::UTC.to_datetime(at))
        };
        let own = civil(self.at)?;
        let year = civil(near)?.year();
        let years = [year, year.checked_sub(1)?, year.checked_add(1)?];
        let all = years.into_iter().filter_map(|y| {
            let in_year = own.with().year(y).build().ok()?;
            zone.resolve(in_year)
        });
        all.min_by_key(|(at, _)| at.abs_diff(near))
    }
}

/// The first time with a year in the beginning of a log.
pub fn told(beginning: &[u8], zone: &LogZone) -> Option<Ts> {
    let text = lossless(beginning.get(..beginning.len().min(SEARCHED))?);
    let first = stamps(&text).into_iter().next()?;
    time::any(first.text, zone).map(|(ts, _)| ts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that goes back again and again would reach the end of time.
    #[test]
    fn times_of_day_alone_stay_within_their_year() {
        let mut order = Order::default();
        for _ in 0..400 {
            for clock in ["00:00:00 a", "23:00:00 b"] {
                let at = order.next(clock.as_bytes()).at;
                assert!(at < 94_694_400_000_000_000, "{at}");
            }
        }
    }

    #[test]
    fn the_year_is_the_one_that_brings_a_time_nearest() {
        let ts =
            |t: &str| Ts::try_from(t.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap();
        let mut cx = Context::new(LogZone(None), false);
        let mut told = |text: &str, near: Option<&str>| {
            if let Some(near) = near {
                cx.near = Some((ts(near), true));
            }
            let w = Written::without_year(text)
                .unwrap()
                .with_year(None, &mut cx);
            (w.at, w.year)
        };
        // nothing tells it; the turn of a year is followed all the same
        assert_eq!(
            told("Dec 31 23:59:59", None),
            (ts("1972-12-31T23:59:59Z"), LogYear::Unknown)
        );
        assert_eq!(
            told("Jan  1 00:00:01", None),
            (ts("1973-01-01T00:00:01Z"), LogYear::Unknown)
        );
        let near = Some("2026-01-02T00:00:00Z");
        assert_eq!(
            told("Mar  1 02:00:00.5", near),
            (ts("2026-03-01T02:00:00.5Z"), LogYear::Around)
        );
        assert_eq!(
            told("Dec 31 23:59:59", near),
            (ts("2025-12-31T23:59:59Z"), LogYear::Around)
        );
        assert_eq!(
            told("Jan 1 00:00:01", None),
            (ts("2026-01-01T00:00:01Z"), LogYear::Around)
        );
        // only one of the three has this day
        let near = Some("2025-01-02T00:00:00Z");
        assert_eq!(told("Feb 29 10:00:00", near).0, ts("2024-02-29T10:00:00Z"));
        for bad in ["", "Mar 32 02:00:00", "Foo 1 02:00:00", "Mar 1"] {
            assert_eq!(Written::without_year(bad), None, "{bad}");
        }
    }
}
