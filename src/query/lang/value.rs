//! Values as typed: numbers with units, time spans, levels, networks, points in time.
//! In: a word. Out: a number, or `None` where it is not one. Bounds: 64-bit arithmetic, checked.

use crate::call::model::Level;
use std::net::{IpAddr, Ipv6Addr};

/// A whole number, with `k M G` (1000) or `ki Mi Gi` (1024).
pub fn number(s: &str) -> Option<i64> {
    scaled(s, &[("", 1.0), ("k", 1e3), ("m", 1e6), ("g", 1e9)])
}

/// Bytes: a number, or with `b k kb kib m mb mib g gb gib` (powers of 1000; `i` forms of 1024).
pub fn size(s: &str) -> Option<i64> {
    scaled(
        s,
        &[
            ("", 1.0),
            ("b", 1.0),
            ("k", 1e3),
            ("kb", 1e3),
            ("kib", 1024.0),
            ("m", 1e6),
            ("mb", 1e6),
            ("mib", 1_048_576.0),
            ("g", 1e9),
            ("gb", 1e9),
            ("gib", 1_073_741_824.0),
        ],
    )
}

/// A time span in nanoseconds: `250ms 2s 5m 1h 1d`, also `us ns`; a bare number is seconds.
pub fn duration(s: &str) -> Option<i64> {
    scaled(
        s,
        &[
            ("", 1e9),
            ("ns", 1.0),
            ("us", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("min", 60e9),
            ("h", 3600e9),
            ("d", 86400e9),
        ],
    )
}

fn scaled(s: &str, units: &[(&str, f64)]) -> Option<i64> {
    let s = s.trim();
    if let Ok(n) = s.parse::<i64>() {
        let by = units.first()?.1;
        // Whole numbers stay exact: f64 holds only 53 bits.
        return if by == 1.0 {
            Some(n)
        } else {
            #[allow(clippy::cast_possible_truncation)] // the factors are whole
            n.checked_mul(by as i64)
        };
    }
    let digits = s
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(s.len());
    let (n, unit) = s.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let by = units.iter().find(|(u, _)| *u == unit)?.1;
    let n = n.parse::<f64>().ok()? * by;
    #[allow(clippy::cast_possible_truncation)] // checked to fit
    (n.is_finite() && n.abs() < 9.2e18).then_some(n.round() as i64)
}

/// A number with a fraction; `98%` is 0.98.
pub fn real(s: &str) -> Option<f64> {
    let (s, by) = match s.strip_suffix('%') {
        Some(s) => (s, 0.01),
        None => (s, 1.0),
    };
    s.parse::<f64>()
        .ok()
        .filter(|n| n.is_finite())
        .map(|n| n * by)
}

/// A level by number or name.
pub fn level(s: &str) -> Option<Level> {
    Some(match s.to_ascii_lowercase().as_str() {
        "s0" | "0" | "none" => Level::S0,
        "s1" | "1" | "low" => Level::S1,
        "s2" | "2" | "medium" => Level::S2,
        "s3" | "3" | "high" => Level::S3,
        "s4" | "4" | "critical" => Level::S4,
        _ => return None,
    })
}

/// `true yes 1` or `false no 0`.
pub fn boolean(s: &str) -> Option<bool> {
    match s.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "on" => Some(true),
        "false" | "no" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// An address as the case stores it: 16 bytes, IPv4 mapped into IPv6.
pub fn addr_key(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// An address as the case stores it, as text.
pub fn addr_text(key: &[u8]) -> Option<String> {
    let octets: [u8; 16] = key.try_into().ok()?;
    let v6 = Ipv6Addr::from(octets);
    Some(match v6.to_ipv4_mapped() {
        Some(v4) => v4.to_string(),
        None => v6.to_string(),
    })
}

/// First and last address of a network (`10.0.0.0/8`, `2001:db8::/32`), of an address itself, or of a prefix with
/// `*` (`10.3.*`).
pub fn network(s: &str) -> Option<([u8; 16], [u8; 16])> {
    let s = s.trim().trim_start_matches('[').trim_end_matches(']');
    if let Some(head) = s.strip_suffix(".*") {
        let head = head.trim_end_matches(".*");
        let parts: Vec<&str> = head.split('.').collect();
        if parts.is_empty() || parts.len() > 3 || parts.contains(&"*") {
            return None;
        }
        let bits = parts.len() * 8;
        let mut full = head.to_owned();
        for _ in parts.len()..4 {
            full.push_str(".0");
        }
        return network(&format!("{full}/{bits}"));
    }
    let (ip, bits) = match s.split_once('/') {
        Some((ip, bits)) => (ip.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
        None => (s.parse::<IpAddr>().ok()?, None),
    };
    let (width, offset) = match ip {
        IpAddr::V4(_) => (32, 96),
        IpAddr::V6(_) => (128, 0),
    };
    let bits = bits.unwrap_or(width);
    if bits > width {
        return None;
    }
    let low = u128::from_be_bytes(addr_key(ip));
    let host = 128 - (offset + bits);
    let mask = if host >= 128 {
        u128::MAX
    } else {
        (1u128 << host) - 1
    };
    Some(((low & !mask).to_be_bytes(), (low | mask).to_be_bytes()))
}

/// A point in time as typed, before the case's own times are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// From this nanosecond until before that one: `12:20` covers its whole minute, a date its whole day.
    At(i64, i64),
    /// Nanoseconds into the first day of the evidence, likewise.
    Clock(i64, i64),
    /// Nanoseconds after the first time in the evidence.
    Start(i64),
    /// Nanoseconds after the last time in the evidence (negative: before it).
    End(i64),
    /// Between these nanoseconds from the cursor.
    Cursor(i64, i64),
}

const SEC: i64 = 1_000_000_000;

/// A time: ISO with or without zone (UTC without), a date, `HH:MM[:SS[.frac]]`, `-15m` (before the end of the evidence),
/// `start+5m`, `end-1h`, `$cursor`, `$cursor+-30s`, `now` is not there: evidence has no now.
pub fn time(s: &str) -> Option<Time> {
    let s = s.trim();
    if let Some(rest) = s.strip_prefix("start") {
        return offset(rest).map(Time::Start);
    }
    if let Some(rest) = s.strip_prefix("end") {
        return offset(rest).map(Time::End);
    }
    if let Some(rest) = s.strip_prefix("cursor") {
        return match rest.strip_prefix("+-") {
            Some(d) => duration(d).map(|d| Time::Cursor(-d, d)),
            None => offset(rest).map(|d| Time::Cursor(d, d)),
        };
    }
    if s.len() > 1 && s.starts_with('-') {
        return offset(s).map(Time::End);
    }
    clock(s).or_else(|| iso(s))
}

fn offset(s: &str) -> Option<i64> {
    match s.as_bytes().first() {
        None => Some(0),
        Some(b'+') => duration(s.get(1..)?).filter(|n| *n >= 0),
        Some(b'-') => duration(s.get(1..)?).filter(|n| *n >= 0).map(|n| -n),
        _ => None,
    }
}

/// Seconds with a fraction, and how fine it was given in nanoseconds.
fn seconds(s: &str) -> Option<(i64, i64)> {
    let (whole, frac) = s.split_once('.').unwrap_or((s, ""));
    if whole.len() != 2 || frac.len() > 9 || !frac.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let step = 10i64.pow(9 - u32::try_from(frac.len()).ok()?);
    let frac: i64 = if frac.is_empty() {
        0
    } else {
        frac.parse().ok()?
    };
    (whole < 61).then_some((whole * SEC + frac * step, step))
}

fn clock(s: &str) -> Option<Time> {
    let s = s.strip_suffix('Z').unwrap_or(s);
    let mut parts = s.split(':');
    let (h, m) = (parts.next()?, parts.next()?);
    if h.is_empty() || h.len() > 2 || m.len() != 2 {
        return None;
    }
    let (h, m): (i64, i64) = (h.parse().ok()?, m.parse().ok()?);
    if !(0..24).contains(&h) || !(0..60).contains(&m) {
        return None;
    }
    let base = (h * 60 + m) * 60 * SEC;
    match (parts.next(), parts.next()) {
        (None, _) => Some(Time::Clock(base, base + 60 * SEC)),
        (Some(sec), None) => {
            let (n, step) = seconds(sec)?;
            Some(Time::Clock(base + n, base + n + step))
        }
        _ => None,
    }
}

fn iso(s: &str) -> Option<Time> {
    let date: jiff::civil::Date = s.get(..10)?.parse().ok()?;
    let at = |d: jiff::civil::DateTime| {
        let ts = jiff::tz::TimeZone::UTC.to_timestamp(d).ok()?;
        i64::try_from(ts.as_nanosecond()).ok()
    };
    let day = at(date.at(0, 0, 0, 0))?;
    let rest = s.get(10..)?;
    if rest.is_empty() {
        return Some(Time::At(day, day.checked_add(86_400 * SEC)?));
    }
    let rest = rest.strip_prefix(['T', 't', ' ', '_'])?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock_text, zone) = rest.split_at(zone_at);
    let shift = match zone.as_bytes() {
        [] | [b'Z' | b'z'] => 0,
        [sign, digits @ ..] => {
            let digits: String = std::str::from_utf8(digits).ok()?.replace(':', "");
            if !matches!(digits.len(), 2 | 4) {
                return None;
            }
            let h: i64 = digits.get(..2)?.parse().ok()?;
            let m: i64 = digits
                .get(2..)
                .filter(|d| !d.is_empty())
                .map_or(Some(0), |d| d.parse().ok())?;
            let n = (h * 60 + m) * 60 * SEC;
            if *sign == b'-' { -n } else { n }
        }
    };
    match clock(clock_text)? {
        Time::Clock(a, b) => Some(Time::At(
            day.checked_add(a)?.checked_sub(shift)?,
            day.checked_add(b)?.checked_sub(shift)?,
        )),
        _ => None,
    }
}

/// What relative times stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First time in the evidence.
    pub first: i64,
    /// Last time in the evidence.
    pub last: i64,
    /// The cursor's time.
    pub cursor: Option<i64>,
}

impl Time {
    /// First nanosecond meant and the first one after it; `None` where it is relative to a cursor that is not there.
    pub fn resolve(self, span: Span) -> Option<(i64, i64)> {
        let day = span.first.div_euclid(86_400 * SEC) * 86_400 * SEC;
        Some(match self {
            Time::At(a, b) => (a, b),
            Time::Clock(a, b) => (day.saturating_add(a), day.saturating_add(b)),
            Time::Start(d) => {
                let t = span.first.saturating_add(d);
                (t, t.saturating_add(1))
            }
            Time::End(d) => {
                let t = span.last.saturating_add(d);
                (t, t.saturating_add(1))
            }
            Time::Cursor(a, b) => {
                let c = span.cursor?;
                (c.saturating_add(a), c.saturating_add(b).saturating_add(1))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        assert_eq!(number("9007199254740993"), Some(9_007_199_254_740_993));
        assert_eq!(number("1.5k"), Some(1500));
        assert_eq!(size("10kb"), Some(10_000));
        assert_eq!(size("1MiB"), Some(1_048_576));
        assert_eq!(duration("2s"), Some(2 * SEC));
        assert_eq!(duration("250ms"), Some(SEC / 4));
        assert_eq!(duration("2"), Some(2 * SEC));
        assert_eq!(duration("9999999999h"), None);
        assert_eq!(number("5x"), None);
        assert_eq!(number(""), None);
        assert_eq!(real("98%"), Some(0.98));
    }

    #[test]
    fn networks() {
        let (a, b) = network("10.3.0.0/16").unwrap();
        assert_eq!(addr_text(&a).unwrap(), "10.3.0.0");
        assert_eq!(addr_text(&b).unwrap(), "10.3.255.255");
        assert_eq!(network("10.3.*"), network("10.3.0.0/16"));
        let (a, b) = network("2001:db8::/32").unwrap();
        assert_eq!(addr_text(&a).unwrap(), "2001:db8::");
        assert!(addr_text(&b).unwrap().starts_with("2001:db8:ffff"));
        assert_eq!(network("::/0").unwrap().1, [0xff; 16]);
        assert_eq!(network("10.0.0.1/33"), None);
        assert_eq!(network("ten"), None);
    }

    #[test]
    fn times() {
        let day = 1_791_417_600 * SEC; // 2026-10-08
        assert_eq!(time("2026-10-08"), Some(Time::At(day, day + 86_400 * SEC)));
        assert_eq!(
            time("2026-10-08T08:00:01+08:00"),
            Some(Time::At(day + SEC, day + 2 * SEC))
        );
        assert_eq!(
            time("2026-10-08T00:00:00.5Z"),
            Some(Time::At(day + SEC / 2, day + SEC / 2 + SEC / 10))
        );
        assert_eq!(time("start+5m"), Some(Time::Start(300 * SEC)));
        assert_eq!(time("end-1h"), Some(Time::End(-3600 * SEC)));
        assert_eq!(time("-15m"), Some(Time::End(-900 * SEC)));
        assert_eq!(time("cursor+-30s"), Some(Time::Cursor(-30 * SEC, 30 * SEC)));
        let span = Span {
            first: day + 5,
            last: day + 6,
            cursor: None,
        };
        assert_eq!(
            time("00:01").unwrap().resolve(span),
            Some((day + 60 * SEC, day + 120 * SEC))
        );
        for bad in [
            "25:00",
            "1:2",
            "2026-13-01",
            "2026-10-08Tx",
            "start5m",
            "",
            "é",
            "2026-10-0é",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
