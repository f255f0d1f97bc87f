//! What reads as a piece of a program or of a style sheet where a secret was expected: `password:e.password`, `token=n(12)`,
//! `password===r`, `.icon-password:before`. In: a key, and the text behind its colon or equals sign. Out: whether no value stands
//! there. Bounds: linear in the value.
//!
//! A secret may look like nearly anything, so only forms are refused that say themselves what they are.

/// Bytes of a text by which it is told.
const HEAD: usize = 32 << 10;
/// What programs hold, and style sheets; so many different ones of a kind make a text one of them.
const WORDS: [&[&str]; 2] = [
    &[
        "function(",
        "function (",
        "function ",
        "=>",
        "return ",
        "return{",
        "var ",
        "let ",
        "const ",
        ".prototype",
        "===",
        "typeof ",
        "&&",
        "this.",
        "new ",
        ".length",
        "import ",
        "export ",
        "}else{",
        "} else {",
        "=!0",
        "void 0",
    ],
    &[
        "{color:",
        "color: ",
        "margin",
        "padding",
        "@media",
        "display:",
        "font-",
        "background",
        "border",
        "width:",
        "px;",
        "px}",
        "position:",
        ":hover",
        ":before",
    ],
];
const ENOUGH: usize = 5;

/// Whether a text is a program in the manner of ECMAScript, or a style sheet.
pub(super) fn is(text: &[u8]) -> bool {
    let head = text.get(..HEAD).unwrap_or(text);
    if head.len() < 64 || memchr::memchr(b'{', head).is_none() {
        return false;
    }
    let has = |w: &&&str| memchr::memmem::find(head, w.as_bytes()).is_some();
    WORDS
        .iter()
        .any(|list| list.iter().filter(has).take(ENOUGH).count() == ENOUGH)
}

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
    use super::{is, reads_so};

    #[test]
    fn programs_and_style_sheets_are_told_from_text_that_speaks_of_them() {
        let js = "!function($){var t=function(e){this.$el=$(e)};t.prototype.name=function(){return this.$el.length>0&&!0};$.fn.board.Constructor=Board}(jQuery);";
        let css = ".icon{color:#fff;margin:0 2px;padding:3px}.icon:hover{background:#000}@media print{.icon{display:none}}";
        let prose = "Please return the form (name: Li Lei) and let us know; new customers use this page => {address}: 12 Main St, background check needed.";
        let config = "server {\n  listen 80;\n  server_name shop.example;\n  location / { return 301 https://$host; }\n}\n# owner: Amy Lee\n";
        assert!(is(js.as_bytes()) && is(css.as_bytes()));
        assert!(!is(prose.as_bytes()) && !is(config.as_bytes()));
    }

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
