//! Masking of found values where they stand. In: content and the findings in it. Out: text or bytes without the values.
//! Bounds: one pass; a span that lies outside is ignored, overlapping spans are hidden as one.

use super::cx::Cx;
use crate::call::model::RawFinding;
use crate::call::text::lossless;
use crate::detect::form::{Form, Step};
use crate::detect::mask;
use std::ops::Range;

/// What stands for a value that is hidden whole.
pub const HIDDEN: &str = "***";

/// A value to hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub range: Range<usize>,
    pub class: u8,
    pub form: Form,
    pub masked: bool,
}

impl Hit {
    /// Of a finding, moved by `base` bytes to the left; `None` where it begins before it.
    pub fn of(f: &RawFinding, base: u64) -> Option<Hit> {
        let from = usize::try_from(f.offset.checked_sub(base)?).ok()?;
        Some(Hit {
            range: from..from.checked_add(f.len as usize)?,
            class: f.class,
            form: f.form,
            masked: f.masked,
        })
    }
}

/// How a value is shown: masked by its class where it stands in clear, whole where it is wrapped, as it is where the
/// evidence has it masked.
pub(super) fn shown(cx: &Cx, slice: &[u8], class: u8, form: Form, masked: bool) -> String {
    // a share copy holds nothing in clear
    if cx.reveal || cx.share.is_some() {
        return lossless(slice).into_owned();
    }
    if masked || form.steps().any(|s| matches!(s, Step::Mask | Step::Last4)) {
        return lossless(slice).into_owned();
    }
    if form != Form::PLAIN {
        return HIDDEN.to_owned();
    }
    mask::show(&class_name(cx, class), &lossless(slice))
}

/// Name of a class; empty where the case does not know it, which hides more.
pub(super) fn class_name(cx: &Cx, class: u8) -> String {
    let classes = cx.classes();
    let found = classes.iter().find(|c| c.id == class);
    found.map(|c| c.name.to_string()).unwrap_or_default()
}

/// Content with its values hidden, in pieces: what stays, and what is put for a value.
fn pieces<'a>(cx: &Cx, content: &'a [u8], mut hits: Vec<Hit>) -> Vec<Result<&'a [u8], String>> {
    hits.sort_by_key(|h| (h.range.start, std::cmp::Reverse(h.range.end)));
    let mut out = Vec::with_capacity(hits.len() * 2 + 1);
    let mut at = 0;
    for h in hits {
        let end = h.range.end.min(content.len());
        let start = h.range.start.max(at);
        let Some(slice) = content.get(start..end).filter(|s| !s.is_empty()) else {
            continue;
        };
        out.push(Ok(content.get(at..start).unwrap_or_default()));
        // The rest of a value that began inside another is hidden whole.
        out.push(Err(if start > h.range.start {
            HIDDEN.to_owned()
        } else {
            shown(cx, slice, h.class, h.form, h.masked)
        }));
        at = end;
    }
    out.push(Ok(content.get(at..).unwrap_or_default()));
    out
}

/// Content as text with its values hidden.
pub(super) fn text(cx: &Cx, content: &[u8], hits: Vec<Hit>) -> String {
    if cx.reveal || hits.is_empty() {
        return lossless(content).into_owned();
    }
    pieces(cx, content, hits)
        .into_iter()
        .map(|p| match p {
            Ok(kept) => lossless(kept).into_owned(),
            Err(put) => put,
        })
        .collect()
}

/// Content as bytes with its values hidden.
pub(super) fn bytes(cx: &Cx, content: &[u8], hits: Vec<Hit>) -> Vec<u8> {
    if cx.reveal || hits.is_empty() {
        return content.to_vec();
    }
    let mut out = Vec::with_capacity(content.len());
    for p in pieces(cx, content, hits) {
        match p {
            Ok(kept) => out.extend_from_slice(kept),
            Err(put) => out.extend_from_slice(put.as_bytes()),
        }
    }
    out
}

/// A target and its path with values hidden. `hits` are in the target. The path is made from the masked target in the
/// way the plain one was made from the plain target; where that way is not known, what the target hides is hidden in it.
pub(super) fn target(
    cx: &Cx,
    uri: &str,
    path: Option<&str>,
    hits: Vec<Hit>,
) -> (String, Option<String>) {
    if cx.reveal || hits.is_empty() {
        return (uri.to_owned(), path.map(str::to_owned));
    }
    let cut = path_range(uri);
    let in_path: Vec<Hit> = hits
        .iter()
        .filter(|h| h.range.start < cut.end && h.range.end > cut.start)
        .cloned()
        .collect();
    let masked = text(cx, uri.as_bytes(), hits);
    let Some(path) = path else {
        return (masked, None);
    };
    if in_path.is_empty() {
        return (masked, Some(path.to_owned()));
    }
    let plain = uri.get(cut.clone()).unwrap_or("");
    let moved = in_path
        .iter()
        .map(|h| Hit {
            range: h.range.start.saturating_sub(cut.start)..h.range.end.saturating_sub(cut.start),
            ..h.clone()
        })
        .collect();
    if percent_decode(plain) == path {
        let shown = text(cx, plain.as_bytes(), moved);
        return (masked, Some(percent_decode(&shown)));
    }
    let mut shown = path.to_owned();
    for h in in_path {
        let value = percent_decode(uri.get(h.range.clone()).unwrap_or(""));
        if value.is_empty() || !shown.contains(&value) {
            return (masked, Some(HIDDEN.to_owned()));
        }
        shown = shown.replace(&value, HIDDEN);
    }
    (masked, Some(shown))
}

/// Where the path stands in a request target: behind scheme and authority, before query and fragment.
fn path_range(uri: &str) -> Range<usize> {
    let start = match uri.find("://") {
        Some(at) if !uri.starts_with('/') => {
            let rest = uri.get(at + 3..).unwrap_or("");
            at + 3 + rest.find('/').unwrap_or(rest.len())
        }
        _ => 0,
    };
    let rest = uri.get(start..).unwrap_or("");
    start..start + rest.find(['?', '#']).unwrap_or(rest.len())
}

/// Percent-escapes undone; what is no escape stays, what is no UTF-8 is written as `\xNN`.
pub(super) fn percent_decode(s: &str) -> String {
    let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let bytes = s.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(b) = bytes.get(i) {
        match (b, hex(bytes.get(i + 1)), hex(bytes.get(i + 2))) {
            (b'%', Some(a), Some(c)) => {
                out.push(u8::try_from(a * 16 + c).unwrap_or(b'?'));
                i += 3;
            }
            _ => {
                out.push(*b);
                i += 1;
            }
        }
    }
    lossless(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_targets() {
        let p = |u: &str| u[path_range(u)].to_owned();
        assert_eq!(p("/a/b?c=/d"), "/a/b");
        assert_eq!(p("http://h:1/a?b"), "/a");
        assert_eq!(p("http://h"), "");
        assert_eq!(p("/a?u=http://x/y"), "/a");
        assert_eq!(percent_decode("/a%20b%zz%ff"), "/a b%zz\\xFF");
    }
}
