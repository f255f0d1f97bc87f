//! Times as they are shown. In: nanoseconds or RFC 3339. Out: short text. Bounds: UTC alone.

/// Hours and minutes, or with the date before it.
pub fn clock(ns: i64, date: bool) -> String {
    let Ok(t) = jiff::Timestamp::from_nanosecond(i128::from(ns)) else {
        return "?".into();
    };
    t.strftime(if date { "%m-%d %H:%M" } else { "%H:%M" })
        .to_string()
}

/// To the second.
pub fn second(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| "?".into(), |t| t.strftime("%H:%M:%S").to_string())
}

/// A time of a row: time of day to the millisecond, or with its date.
pub fn row(ts: &str, date: bool) -> String {
    let time = ts
        .get(11..23)
        .or_else(|| ts.get(11..19))
        .unwrap_or(ts)
        .trim_end_matches('Z');
    match ts.get(5..10) {
        Some(d) if date => format!("{d} {time}"),
        _ => time.to_string(),
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
    if a.get(..10) == b.get(..10) {
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
            "10-08 12:21:03.461"
        );
        assert_eq!(row("x", true), "x");
        assert_eq!(clock(0, true), "01-01 00:00");
    }
}
