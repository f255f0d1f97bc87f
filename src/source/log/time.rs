//! Times and spans as logs write them. In: a text and how it is written. Out: nanoseconds, and whether UTC had to be assumed.
//! Bounds: linear in the text.

use super::LogZone;
use crate::call::model::Ts;

/// How a text is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum How {
    /// As it stands; a time in any of the known forms, a span in seconds.
    #[default]
    Plain,
    /// A number of so many nanoseconds each.
    Unit(i64),
    /// A time in a form of `strftime`.
    Form(Box<str>),
    /// A time without a zone that is UTC by its format's definition.
    Utc,
    /// `-` means 0.
    DashZero,
    /// `-1` means that it is not known.
    Unknown,
    /// `+` stands for a space.
    Plus,
    /// Percent-encoded.
    Url,
    /// A host with the request target right behind it.
    HostTarget,
    /// A verb of Kubernetes, for the method that it is made of.
    Verb,
    /// An operation of S3 by its name, for the method that it has.
    S3,
    /// A name that is called, as a path: `GetObject` is `/GetObject`.
    Root,
    /// `Name(login)`: the login.
    Login,
    /// What a logger writes before its lines: what stays the same for a request.
    Name,
}

impl How {
    /// By its name in a mapping: a unit, `utc`, `url`, `plus`, `dash-zero`, or a form with `%`.
    pub fn named(name: &str) -> Option<How> {
        Some(match name {
            "s" => How::Unit(1_000_000_000),
            "ms" => How::Unit(1_000_000),
            "us" => How::Unit(1_000),
            "ns" => How::Unit(1),
            "utc" => How::Utc,
            "url" => How::Url,
            "plus" => How::Plus,
            "dash-zero" => How::DashZero,
            "unknown" => How::Unknown,
            "kubernetes-verb" => How::Verb,
            "s3-operation" => How::S3,
            "host-target" => How::HostTarget,
            "root" => How::Root,
            "login" => How::Login,
            "name" => How::Name,
            form if form.contains('%') => How::Form(form.into()),
            _ => return None,
        })
    }
}

/// A moment.
pub fn moment(text: &str, how: &How, zone: &LogZone) -> Option<(Ts, bool)> {
    let text = text.trim();
    match how {
        How::Unit(unit) => Some((number(text, *unit)?, false)),
        How::Form(form) => with_form(form, text, zone),
        How::Utc => any(text, &LogZone(Some(jiff::tz::TimeZone::UTC))),
        _ => any(text, zone),
    }
}

fn with_form(form: &str, text: &str, zone: &LogZone) -> Option<(Ts, bool)> {
    let read = jiff::fmt::strtime::parse(form, text).ok()?;
    match read.to_timestamp() {
        Ok(t) => Some((i64::try_from(t.as_nanosecond()).ok()?, false)),
        Err(_) => zone.resolve(read.to_datetime().ok()?),
    }
}

/// Common log time, RFC 3339, a civil time, or a number of seconds, milliseconds, microseconds or nanoseconds.
pub fn any(s: &str, zone: &LogZone) -> Option<(Ts, bool)> {
    // some writers put the brackets of the common format around it
    let s = s.trim();
    let s = s
        .strip_prefix('[')
        .and_then(|s| s.strip_suffix(']'))
        .unwrap_or(s);
    if let Some(t) = clf(s.as_bytes()) {
        return Some((t, false));
    }
    if let Ok(t) = s.parse::<jiff::Timestamp>() {
        return Some((i64::try_from(t.as_nanosecond()).ok()?, false));
    }
    if !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return epoch(s);
    }
    for form in [
        "%Y/%m/%d %H:%M:%S %z",
        "%d %b %Y %H:%M:%S %z",
        "%a, %d %b %Y %H:%M:%S %z",
        "%Y-%m-%d %H:%M:%S%.f %z",
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%.f %:z",
        "%Y/%m/%d %H:%M:%S %:z",
        "%d/%b/%Y:%H:%M:%S%.f %z",
    ] {
        if let Some(t) = jiff::fmt::strtime::parse(form, s)
            .ok()
            .and_then(|b| b.to_timestamp().ok())
        {
            return Some((i64::try_from(t.as_nanosecond()).ok()?, false));
        }
    }
    // days of one digit are padded by some
    let squeezed = s.replace("  ", " ");
    let s = squeezed.as_str();
    // civil times, with the separators that writers use
    if let Some(utc) = s.strip_suffix(" GMT").or_else(|| s.strip_suffix(" UTC")) {
        let utc_zone = LogZone(Some(jiff::tz::TimeZone::UTC));
        return civil(utc, &utc_zone).map(|(ts, _)| (ts, false));
    }
    civil(s, zone)
}

/// A time without a zone.
fn civil(s: &str, zone: &LogZone) -> Option<(Ts, bool)> {
    let plain = s.replace(',', ".").replace('/', "-").replace(" - ", " ");
    if let Ok(t) = plain.parse::<jiff::Timestamp>() {
        return Some((i64::try_from(t.as_nanosecond()).ok()?, false));
    }
    if let Ok(civil) = plain.parse::<jiff::civil::DateTime>() {
        return zone.resolve(civil);
    }
    for form in [
        "%d/%b/%Y:%H:%M:%S%.f",
        "%d/%b/%Y %H:%M:%S%.f",
        "%d-%b-%Y %H:%M:%S%.f",
        "%d %b %Y %H:%M:%S%.f",
        "%a, %d %b %Y %H:%M:%S",
        "%a %b %d %H:%M:%S %Y",
        "%b %d %Y %H:%M:%S",
        "%b %d %H:%M:%S %Y",
        "%b %d, %Y @ %H:%M:%S%.f",
        "%m/%d/%Y %H:%M:%S",
        // NetScaler
        "%m/%d/%Y:%H:%M:%S",
        // consoles of Azure, and what JavaScript makes of a date in American English
        "%m/%d/%Y, %I:%M:%S%.f %p",
        "%m/%d/%Y %I:%M:%S%.f %p",
        "%Y:%m:%d-%H:%M:%S",
    ] {
        if let Ok(civil) = jiff::civil::DateTime::strptime(form, s) {
            return zone.resolve(civil);
        }
    }
    None
}

/// Digits with an optional fraction; the magnitude tells the unit.
pub fn epoch(s: &str) -> Option<(Ts, bool)> {
    let whole = s.split_once('.').map_or(s, |(w, _)| w);
    let n: i64 = whole.parse().ok()?;
    let unit: i64 = match n {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000.. => 1,
        _ => return None,
    };
    Some((number(s, unit)?, false))
}

/// Digits with an optional fraction, of so many nanoseconds each.
fn number(s: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let n: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    if n < 0 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(9)
        .collect();
    let part = digits.parse::<i64>().ok()? / (1_000_000_000 / unit.max(1)).max(1);
    n.checked_mul(unit)?.checked_add(part)
}

/// A span: a number in its unit, or with units behind its parts (`1m2.5s`, `350µs`).
pub fn span(text: &str, how: &How) -> Option<i64> {
    let text = text.trim();
    // several tries of an upstream: the last one counts; HAProxy's `+`: data still came
    let text = text.rsplit([',', ' ']).next().unwrap_or_default();
    let text = text.trim_start_matches('+');
    let unit = match how {
        How::Unit(unit) => *unit,
        _ => 1_000_000_000,
    };
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return number(text, unit);
    }
    let mut rest = text;
    let mut sum = 0i64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (n, tail) = rest.split_at_checked(digits)?;
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (name, tail) = tail.split_at_checked(letters)?;
        let unit = match name {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" | "sec" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        // above a second, a fraction is kept in parts of a billion of its unit
        let part = match unit {
            ..=1_000_000_000 => number(n, unit)?,
            _ => n.parse::<i64>().ok()?.checked_mul(unit)?,
        };
        sum = sum.checked_add(part)?;
        rest = tail;
    }
    Some(sum)
}

/// `10/Oct/2000:13:55:36 -0700`.
pub fn clf(s: &[u8]) -> Option<Ts> {
    if s.get(2) != Some(&b'/') {
        return None;
    }
    let s = std::str::from_utf8(s).ok()?;
    let number = |r: std::ops::Range<usize>| s.get(r)?.parse::<i64>().ok();
    let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    .iter()
    .position(|m| s.get(3..6) == Some(*m))?;
    let month = i8::try_from(month + 1).ok()?;
    let date = jiff::civil::Date::new(
        i16::try_from(number(7..11)?).ok()?,
        month,
        i8::try_from(number(0..2)?).ok()?,
    )
    .ok()?;
    let days = i64::from(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days());
    let (h, m, sec) = (number(12..14)?, number(15..17)?, number(18..20)?);
    let zone = i64::from(super::offset_seconds(s.get(20..)?.trim())?);
    if !(0..24).contains(&h) || !(0..60).contains(&m) || !(0..=60).contains(&sec) {
        return None;
    }
    (days * 86_400 + h * 3600 + m * 60 + sec - zone).checked_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_moments_of_all_writers() {
        for (text, how, want) in [
            ("0.250", How::Plain, 250_000_000),
            ("250", How::Unit(1_000_000), 250_000_000),
            ("1.5ms", How::Plain, 1_500_000),
            ("1m2.5s", How::Plain, 62_500_000_000),
            ("350µs", How::Plain, 350_000),
            ("0.001, 0.002", How::Plain, 2_000_000),
        ] {
            assert_eq!(span(text, &how), Some(want), "{text}");
        }
        assert_eq!(span("x", &How::Plain), None);
        let utc = LogZone(None);
        let noon = 1_772_330_400_000_000_000;
        for text in [
            "01/Mar/2026:10:00:00 +0800",
            "2026-03-01T02:00:00Z",
            "2026-03-01T10:00:00+0800",
            "2026-03-01 02:00:00 UTC",
            "2026/03/01 02:00:00",
            "1772330400",
            "1772330400000",
            "1772330400000000",
            "1772330400000000000",
            "Sun, 01 Mar 2026 02:00:00 +0000",
            "2026-03-01 02:00:00,000",
            "Mar 1, 2026 @ 02:00:00.000",
            "01/Mar/2026:02:00:00.000",
        ] {
            assert_eq!(any(text, &utc).map(|t| t.0), Some(noon), "{text}");
        }
        assert_eq!(any("1772330400.5", &utc).unwrap().0, noon + 500_000_000);
        let form = How::Form("%Y/%m/%d - %H:%M:%S".into());
        assert_eq!(
            moment("2026/03/01 - 02:00:00", &form, &utc),
            Some((noon, true))
        );
        for bad in ["", ".", "..", "99/Foo/2026:00:00:00 +0000", "-5", "1e9"] {
            assert_eq!(any(bad, &utc), None, "{bad}");
        }
    }
}
