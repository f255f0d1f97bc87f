//! Text patterns of filters as regular expressions over bytes, which run in linear time.
//! In: a word with `*`, or a pattern. Out: a compiled [`Regex`]. Bounds: compiled size [`SIZE`], nesting 50.

use regex::bytes::{Regex, RegexBuilder};

/// Bytes a compiled pattern may take: large enough for Unicode classes repeated, small enough to compile in a millisecond.
const SIZE: usize = 4 << 20;

/// A pattern as given between slashes; the error is one line for the user.
pub fn regex(pattern: &str, fold: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(fold)
        .size_limit(SIZE)
        .dfa_size_limit(SIZE)
        .nest_limit(50)
        .build()
        .map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => "this pattern is too large".to_owned(),
            e => {
                let text = e.to_string();
                let last = text.lines().last().unwrap_or("");
                let why = last.strip_prefix("error: ").unwrap_or(last);
                format!(
                    "this pattern does not work: {}",
                    crate::call::text::visible(why)
                )
            }
        })
}

/// How text is compared with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Somewhere in it; `*` stands for anything.
    Contains,
    /// From its start; `*` stands for anything.
    Starts,
    /// All of it; `*` stands for anything.
    Whole,
    /// All of it, every character as it is.
    Exact,
}

/// The source of a pattern for a word, without regard to case.
pub fn word(text: &str, how: How) -> String {
    let mut out = String::from("(?is)");
    if how != How::Contains {
        out.push_str(r"\A");
    }
    if how == How::Exact {
        out.push_str(&regex::escape(text));
    } else {
        for (i, part) in text.split('*').enumerate() {
            if i > 0 {
                out.push_str(".*");
            }
            out.push_str(&regex::escape(part));
        }
    }
    if matches!(how, How::Whole | How::Exact) {
        out.push_str(r"\z");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(text: &str, how: How, subject: &str) -> bool {
        regex(&word(text, how), false)
            .unwrap()
            .is_match(subject.as_bytes())
    }

    #[test]
    fn words() {
        assert!(hit("ÄB", How::Contains, "xxäbxx"));
        assert!(hit("api.*", How::Contains, "my-API.example"));
        assert!(hit("svc*", How::Whole, "svc-report"));
        assert!(!hit("svc", How::Whole, "svc-report"));
        assert!(hit("a.b", How::Starts, "A.bc"));
        assert!(!hit("a.b", How::Starts, "axb"));
        assert!(!hit("a*", How::Exact, "ab"));
    }

    #[test]
    fn patterns_that_would_explode_are_refused() {
        assert!(regex(r"(\w{100}){100}{100}", false).is_err());
        assert!(regex("(", false).unwrap_err().contains("unclosed"));
    }
}
