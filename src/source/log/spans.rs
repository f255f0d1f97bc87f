//! How long a call took, by the name under which it stands and the unit that this or the text names. In: folded names, texts.
//! Out: spans with their units; none where nobody says in what they are. Bounds: none; tables.

/// A name that is a time with some writers and a span with others.
pub const EITHER: &str = "requesttime";

/// Names of how long a call took, before the unit that many have behind them.
const SPANS: &[&str] = &[
    "duration",
    "latency",
    "latencyhuman",
    "elapsed",
    "elapsedtime",
    "responsetime",
    "requesttime",
    "requestduration",
    "responseduration",
    "processtime",
    "processingtime",
    "timetaken",
    "totaltime",
    "took",
    "耗时",
    "响应时间",
    "处理时间",
];
/// Units behind such a name.
const UNITS: &[(&str, i64)] = &[
    ("ms", 1_000_000),
    ("msec", 1_000_000),
    ("millis", 1_000_000),
    ("milliseconds", 1_000_000),
    ("inms", 1_000_000),
    ("毫秒", 1_000_000),
    ("us", 1_000),
    ("usec", 1_000),
    ("micros", 1_000),
    ("microseconds", 1_000),
    ("ns", 1),
    ("nanos", 1),
    ("nanoseconds", 1),
    ("s", 1_000_000_000),
    ("sec", 1_000_000_000),
    ("seconds", 1_000_000_000),
    ("秒", 1_000_000_000),
];
/// What loggers write beside what they are told: the time with it is that of the line, which is written when the call is over.
pub const LEVELS: &[&str] = &["level", "severity", "levelname", "loglevel", "lvl"];

/// Whether a folded name is of a span, and the unit that it names.
pub fn span(folded: &str) -> Option<Option<i64>> {
    let last = folded.rsplit('.').next().unwrap_or(folded);
    let behind = SPANS.iter().filter_map(|n| last.strip_prefix(n));
    let mut units = behind.filter_map(|rest| match rest {
        "" => Some(None),
        unit => UNITS
            .iter()
            .find(|(u, _)| *u == unit)
            .map(|(_, n)| Some(*n)),
    });
    units.next()
}

/// A span as text with its unit; none where nobody says in what it is.
pub fn with_unit(text: &str, unit: Option<i64>, node: bool) -> Option<String> {
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let unit = match (unit, number) {
        (_, false) => return text.ends_with('s').then(|| text.replace(' ', "")),
        (Some(1), true) => "ns",
        (Some(1_000), true) => "us",
        (Some(1_000_000), true) => "ms",
        (Some(_), true) => "s",
        (None, true) if node => "ms",
        // nginx has three digits behind the point of its seconds
        (None, true) => match text.split_once('.') {
            Some((_, fraction)) if fraction.len() == 3 => "s",
            _ => return None,
        },
    };
    Some(format!("{text}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_needs_a_unit() {
        for (name, text, node, want) in [
            ("durationms", "13", false, Some("13ms")),
            ("request.latencyus", "13", false, Some("13us")),
            ("duration", "13ms", false, Some("13ms")),
            ("requesttime", "0.013", false, Some("0.013s")),
            ("responsetime", "13", true, Some("13ms")),
            ("responsetime", "13", false, None),
            ("耗时ms", "13", false, Some("13ms")),
            ("duration", "long", false, None),
            ("durability", "13", false, None),
        ] {
            let told = span(name).and_then(|unit| with_unit(text, unit, node));
            assert_eq!(told.as_deref(), want, "{name} {text}");
        }
    }
}
