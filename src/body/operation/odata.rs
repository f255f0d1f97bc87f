//! OData 2 to 4. In: a request. Out: the kind; the route says the entity set or function (keys in parentheses are folded with all
//! other paths), and of a batch the operations inside. Bounds: [`INNER`] operations of a batch are told apart.

use super::{Operation, Request, joined, top};
use crate::body::multipart;

const INNER: usize = 64;

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    let path = r.path();
    let last = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let batch = last.eq_ignore_ascii_case(b"$batch");
    let dollar = batch
        || last.eq_ignore_ascii_case(b"$metadata")
        || last == b"$count"
        || last == b"$value"
        || last == b"$ref";
    let says = || {
        [
            "odata-version",
            "odata-maxversion",
            "dataserviceversion",
            "maxdataserviceversion",
        ]
        .iter()
        .any(|h| (r.header)(h).is_some())
    };
    // `$filter=` alone is also used by others: together with a service root or a key in parentheses it is OData's
    let options = || {
        super::pairs(r.query()).any(|(k, _)| {
            let k = super::unescaped(k);
            matches!(
                &*k,
                b"$filter"
                    | b"$select"
                    | b"$expand"
                    | b"$orderby"
                    | b"$top"
                    | b"$skip"
                    | b"$count"
                    | b"$search"
                    | b"$inlinecount"
                    | b"$apply"
            )
        })
    };
    let rooted = || {
        path.split(|b| *b == b'/')
            .any(|s| s.eq_ignore_ascii_case(b"odata") || s.ends_with(b".svc"))
    };
    let keyed = || {
        path.split(|b| *b == b'/')
            .any(|s| s.ends_with(b")") && s.contains(&b'('))
    };
    if !(dollar || says() || rooted() || options() && keyed()) {
        return None;
    }
    if !batch {
        return Some(Operation {
            kind: "odata",
            name: None,
            note: "OData".into(),
        });
    }
    let inner = if r.body_kind == "multipart" {
        parts(r.body)
    } else {
        listed(r)
    };
    Some(Operation {
        kind: "odata",
        note: format!("OData, batch of {}", inner.len()),
        name: joined(inner),
    })
}

/// `GET Customers` of a request inside a batch: method and path without service root, keys and query.
fn short(method: &[u8], url: &[u8]) -> String {
    let path = url
        .split(|b| matches!(b, b'?' | b'#'))
        .next()
        .unwrap_or(url);
    let text = String::from_utf8_lossy(path);
    let text = text.rsplit_once(".svc/").map_or(&*text, |(_, r)| r);
    let text = text.rsplit_once("odata/").map_or(text, |(_, r)| r);
    let text = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, r)| r),
        None => text,
    };
    // what stands in parentheses is data
    let mut out = String::new();
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    format!(
        "{} {}",
        String::from_utf8_lossy(method),
        out.trim_matches('/')
    )
}

/// Requests of a multipart batch, change sets included.
fn parts(body: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    let mut todo = vec![(body, 0)];
    while let Some((b, depth)) = todo.pop() {
        for p in multipart::parts(b) {
            let Some(inner) = b.get(p.body.clone()) else {
                continue;
            };
            if p.media(b).is_some_and(|m| m.starts_with("multipart/")) && depth < 2 {
                todo.push((inner, depth + 1));
                continue;
            }
            let line = inner.trim_ascii_start();
            let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
            let mut words = line.split(|b| *b == b' ');
            if let (Some(m), Some(u)) = (words.next(), words.next())
                && !m.is_empty()
                && m.iter().all(u8::is_ascii_uppercase)
                && out.len() < INNER
            {
                out.push(short(m, u));
            }
        }
    }
    out
}

/// Requests of a JSON batch: `{"requests":[{"method":"GET","url":"Customers"}]}`.
fn listed(r: &Request<'_>) -> Vec<String> {
    let Some(list) = r.top().single().and_then(|o| top::get(o, "requests")) else {
        return Vec::new();
    };
    top::read(list)
        .objects
        .iter()
        .take(INNER)
        .filter_map(|o| {
            Some(short(
                top::get_text(o, "method")?.as_bytes(),
                top::get_text(o, "url")?.as_bytes(),
            ))
        })
        .collect()
}
