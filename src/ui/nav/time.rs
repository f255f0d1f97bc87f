//! Times as they are shown. In: nanoseconds or RFC 3339. Out: short text. Bounds: UTC alone.

/// Date, hours and minutes of a time in nanoseconds.
pub fn clock(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| "?".into(), |t| t.strftime("%Y-%m-%d %H:%M").to_string())
}

/// A time of a row: time of day to the millisecond, or with its date.
pub fn row(ts: &str, date: bool) -> String {
    let time = ts
        .get(11..23)
        .or_else(|| ts.get(11..19))
        .unwrap_or(ts)
        .trim_end_matches('Z');
    match ts.get(..10) {
        Some(d) if date => format!("{d} {time}"),
        _ => time.to_string(),
    }
}

/// The day alone.
pub fn day(ts: &str) -> &str {
    ts.get(..10).unwrap_or(ts)
}

/// What says most of a time in a narrow column: the day where a case has several, else the time of day.
pub fn brief(ts: &str, date: bool) -> String {
    if date { day(ts).to_string() } else { short(ts) }
}

/// From one time to another in at most 17 columns: times of day, or days where a case has several.
pub fn brief_range(a: &str, b: &str, date: bool) -> String {
    if !date {
        let (from, to) = (short(a), short(b));
        return if from == to {
            from
        } else {
            format!("{from}-{to}")
        };
    }
    match (day(a) == day(b), a.get(..4) == b.get(..4)) {
        (true, _) => format!("{} {}", day(a), a.get(11..16).unwrap_or_default()),
        (false, true) => format!("{}..{}", day(a), day(b).get(5..).unwrap_or_default()),
        (false, false) => {
            let month = |t: &str| t.get(..7).unwrap_or_default().to_string();
            format!("{}..{}", month(a), month(b))
        }
    }
}

/// A place on an axis that covers `span` nanoseconds: as fine as that needs.
pub fn axis(ns: i64, span: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    const MIN: i64 = 60 * SECOND;
    let form = match span {
        ..0 => "%H:%M:%S",
        n if n < 8 * SECOND => "%M:%S",
        n if n < 15 * MIN => "%H:%M:%S",
        n if n < 24 * 60 * MIN => "%H:%M",
        n if n < 300 * 24 * 60 * MIN => "%m-%d %H:%M",
        _ => "%Y-%m-%d",
    };
    let Ok(t) = jiff::Timestamp::from_nanosecond(i128::from(ns)) else {
        return "?".into();
    };
    let text = t.strftime(form).to_string();
    match form {
        // within seconds the hour tells no two places apart
        "%M:%S" => format!("{text}.{:02}", ns.rem_euclid(SECOND) / (SECOND / 100)),
        _ => text,
    }
}

/// To the second.
pub fn short(ts: &str) -> String {
    ts.get(11..19).unwrap_or(ts).to_string()
}

/// Date and time to the second.
pub fn long(ts: &str) -> String {
    match (ts.get(..10), ts.get(11..19)) {
        (Some(d), Some(t)) => format!("{d} {t}"),
        _ => ts.to_string(),
    }
}

/// From one time to another.
pub fn range(a: &str, b: &str) -> String {
    if long(a) == long(b) {
        format!("{} UTC", long(a))
    } else if a.get(..10) == b.get(..10) {
        format!("{}..{} UTC", long(a), short(b))
    } else {
        format!("{}..{} UTC", long(a), long(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_not_guessed() {
        assert_eq!(row("2026-10-08T12:21:03.461123456Z", false), "12:21:03.461");
        assert_eq!(
            row("2026-10-08T12:21:03.461123456Z", true),
            "2026-10-08 12:21:03.461"
        );
        assert_eq!(row("x", true), "x");
        assert_eq!(clock(0), "1970-01-01 00:00");
        let (a, b) = ("2026-10-08T12:21:03.461123456Z", "2026-10-09T01:02:03Z");
        let second = 1_000_000_000;
        assert_eq!(axis(61 * second + 40_000_000, second), "01:01.04");
        assert_eq!(axis(61 * second, 60 * second), "00:01:01");
        assert_eq!(brief(a, false), "12:21:03");
        assert_eq!(brief(a, true), "2026-10-08");
        assert_eq!(brief_range(a, b, false), "12:21:03-01:02:03");
        assert_eq!(brief_range(a, a, false), "12:21:03");
        assert_eq!(brief_range(a, a, true), "2026-10-08 12:21");
        assert_eq!(brief_range(a, b, true), "2026-10-08..10-09");
        assert_eq!(
            brief_range(a, "2027-01-01T00:00:00Z", true),
            "2026-10..2027-01"
        );
        assert_eq!(brief_range("x", "y", true), "x..");
        assert_eq!(range(a, a), "2026-10-08 12:21:03 UTC");
        assert_eq!(range(a, b), "2026-10-08 12:21:03..2026-10-09 01:02:03 UTC");
        let day = 86_400_000_000_000;
        assert_eq!(axis(0, day / 200), "00:00:00");
        assert_eq!(axis(0, day / 2), "00:00");
        assert_eq!(axis(0, 2 * day), "01-01 00:00");
        assert_eq!(axis(0, 4000 * day), "1970-01-01");
    }
}
