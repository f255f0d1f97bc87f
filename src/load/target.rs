//! What a request target says. In: a target as it was sent. Out: its authority and its path, and whether it is something that
//! browsers load beside a page. Bounds: linear in the target.

use crate::call::text::lossless;
use std::borrow::Cow;

/// Authority and decoded path of a request target (RFC 9112 section 3.2): origin, absolute, authority and asterisk form.
pub(super) fn split_target(target: &[u8]) -> (Option<&[u8]>, Option<Cow<'_, str>>) {
    let scheme = memchr::memmem::find(target, b"://")
        .filter(|n| target.iter().take(*n).all(u8::is_ascii_alphanumeric));
    let (authority, rest) = match scheme {
        Some(n) => {
            let after = target.get(n + 3..).unwrap_or_default();
            let end = after
                .iter()
                .position(|b| matches!(b, b'/' | b'?'))
                .unwrap_or(after.len());
            let (authority, rest) = after.split_at_checked(end).unwrap_or((after, &[]));
            (
                Some(authority),
                if rest.first() == Some(&b'/') {
                    rest
                } else {
                    b"/"
                },
            )
        }
        None if matches!(target.first(), Some(b'/' | b'*' | b'?')) => (None, target),
        // authority form of CONNECT, or no path at all
        None if !target.contains(&b'/') => return (Some(target), None),
        None => (None, target),
    };
    let end = rest
        .iter()
        .position(|b| matches!(b, b'?' | b'#'))
        .unwrap_or(rest.len());
    (
        authority,
        Some(percent_decoded(rest.get(..end).unwrap_or(rest))),
    )
}

/// Percent-encoding undone for show; a byte that does not decode stays as it was sent.
fn percent_decoded(path: &[u8]) -> Cow<'_, str> {
    if !path.contains(&b'%') {
        return lossless(path);
    }
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&b, tail)) = rest.split_first() {
        let pair = tail
            .get(..2)
            .filter(|_| b == b'%')
            .and_then(|h| std::str::from_utf8(h).ok());
        match pair.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(v) => {
                out.push(v);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(b);
                rest = tail;
            }
        }
    }
    Cow::Owned(lossless(&out).into_owned())
}

/// `static` for what browsers load beside a page, else `rest`.
pub(super) fn api_kind(path: Option<&str>, resp_type: Option<&str>) -> &'static str {
    const TYPES: [&str; 6] = [
        "image/",
        "font/",
        "text/css",
        "text/javascript",
        "application/javascript",
        "application/font",
    ];
    const ENDS: [&str; 14] = [
        ".js", ".css", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".woff", ".woff2", ".ttf",
        ".map", ".webp", ".mjs",
    ];
    let by_type = resp_type.is_some_and(|t| TYPES.iter().any(|p| t.starts_with(p)));
    let by_name = path.is_some_and(|p| {
        let p = p.to_ascii_lowercase();
        ENDS.iter().any(|e| p.ends_with(e))
    });
    if by_type || (by_name && resp_type.is_none_or(|t| !t.contains("json") && !t.contains("xml"))) {
        "static"
    } else {
        "rest"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_split_as_sent() {
        let f = |t: &str| {
            let (a, p) = split_target(t.as_bytes());
            (
                a.map(|a| String::from_utf8_lossy(a).into_owned()),
                p.map(Cow::into_owned),
            )
        };
        assert_eq!(f("/a%20b/%E4%B8%AD?x=%20"), (None, Some("/a b/中".into())));
        assert_eq!(f("http://h:81?x"), (Some("h:81".into()), Some("/".into())));
        assert_eq!(
            f("http://h/p?u=http://x/"),
            (Some("h".into()), Some("/p".into()))
        );
        assert_eq!(f("/go?u=http://x/"), (None, Some("/go".into())));
        assert_eq!(f("h:443"), (Some("h:443".into()), None));
        assert_eq!(f("*"), (None, Some("*".into())));
        assert_eq!(f("/%zz%4"), (None, Some("/%zz%4".into())));
    }

    #[test]
    fn a_script_is_static_and_an_answer_in_json_is_not() {
        assert_eq!(api_kind(Some("/app.js"), None), "static");
        assert_eq!(
            api_kind(Some("/v1/file.js"), Some("application/json")),
            "rest"
        );
        assert_eq!(api_kind(Some("/logo"), Some("image/png")), "static");
    }
}
