//! What reads as a piece of a program or of a style sheet where a secret was expected: `password:e.password`, `token=n(12)`,
//! `password===r`, `.icon-password:before`. In: a key, and the text behind its colon or equals sign. Out: whether no value stands
//! there. Bounds: linear in the value.
//!
//! A secret may look like nearly anything, so only forms are refused that say themselves what they are.

/// What a style sheet writes behind the colon of an element.
const STATES: [&str; 24] = [
    "active",
    "after",
    "before",
    "checked",
    "disabled",
    "empty",
    "enabled",
    "first-child",
    "first-letter",
    "first-line",
    "first-of-type",
    "focus",
    "focus-visible",
    "focus-within",
    "hover",
    "invalid",
    "is",
    "last-child",
    "link",
    "not",
    "placeholder",
    "required",
    "valid",
    "visited",
];
/// What objects are called that a program reads a value from.
const OBJECTS: [&str; 12] = [
    "this",
    "self",
    "process",
    "window",
    "props",
    "state",
    "req",
    "request",
    "options",
    "config",
    "params",
    "localStorage",
];

/// Whether `value` is a part of a program. `close`: it stands right behind the sign.
pub(super) fn reads_so(key: &[u8], value: &[u8], close: bool) -> bool {
    let (Ok(key), Ok(value)) = (std::str::from_utf8(key), std::str::from_utf8(value)) else {
        return false;
    };
    if close && key.contains(['.', '#', '-']) {
        let word = value.trim_start_matches(':');
        let end = word.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        let (state, rest) = word.split_at(end.unwrap_or(word.len()));
        if STATES.contains(&state) && rest.chars().next().is_none_or(|c| "{,:([+>~.".contains(c)) {
            return true;
        }
    }
    // a comparison, an arrow, a list or object that begins
    if value.starts_with(['=', '[', '{']) || value.starts_with("!0") || value.starts_with("!1") {
        return close || value.starts_with("=");
    }
    let name = |s: &str| {
        let mut letters = s.chars();
        letters
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
            && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
    };
    let (path, called) = match value.split_once('(') {
        Some((path, _)) => (path, true),
        None => (value.trim_end_matches([')', '}', ']']), false),
    };
    let parts: Vec<&str> = path.split('.').collect();
    if !parts.iter().all(|p| name(p)) {
        return false;
    }
    let folded = |s: &str| s.to_ascii_lowercase().replace(['_', '-', '$'], "");
    let own = folded(key.rsplit('.').next().unwrap_or(key));
    match parts.as_slice() {
        // `trim(x)`: a call, to its end or cut
        [_] => called && close && (value.ends_with(')') || !value.contains(')')),
        [first, .., last] => {
            called || OBJECTS.contains(first) || folded(last).contains(&own) || first.len() == 1
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::reads_so;

    #[test]
    fn pieces_of_programs_are_told_from_secrets() {
        for (key, value, close) in [
            (".layui-icon-password", "before{content:", true),
            (".icon-password", "after", true),
            ("a.password", ":placeholder{color", true),
            ("this.password", "==r){i=", true),
            ("password", "e.password", true),
            ("password", "this.form.pwd", false),
            ("password", "[{required:!0", true),
            ("token", "localStorage.getItem(", true),
            ("secret", "u(12)", true),
            ("apiKey", "process.env.KEY", false),
            ("token", "res.data.access_token", false),
        ] {
            assert!(reads_so(key.as_bytes(), value.as_bytes(), close), "{value}");
        }
        for (key, value, close) in [
            ("password", "before", true),
            ("password", "hunter2", true),
            ("db.password", "after99", true),
            ("password", "P(a)ss!word", true),
            ("password", "[Secret]1", false),
            ("password", "john.smith1984", true),
            ("spring.datasource.password", "Tr0ub4dor&3", false),
            ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", true),
            ("secret", "wJalrXUtnFEMI.K7MDENG", true),
        ] {
            assert!(
                !reads_so(key.as_bytes(), value.as_bytes(), close),
                "{value}"
            );
        }
    }
}
