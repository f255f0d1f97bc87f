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
