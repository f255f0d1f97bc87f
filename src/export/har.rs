//! Calls as an HTTP archive (HAR 1.2), which browsers and proxies open. In: whole calls. Out: one JSON document, written
//! entry by entry. Bounds: one call in memory. Values of data classes are masked unless the reader reveals them.

use super::{Exporter, Job, wrote};
use crate::call::text::safe_json;
use crate::error::Result;
use crate::query::read::{self, Part, Show};
use serde_json::{Value, json};
use std::io::Write;

/// The exporter.
pub struct Har;

fn pairs(list: &[(String, String)]) -> Vec<Value> {
    list.iter()
        .map(|(n, v)| json!({"name": n, "value": v}))
        .collect()
}

fn header<'a>(part: &'a Part, name: &str) -> Option<&'a str> {
    part.headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_str())
}

/// Cookies of a request or response, names and values as they stand.
fn cookies(part: &Part) -> Vec<Value> {
    let one = |c: &str| {
        let (n, v) = c.split_once('=').unwrap_or((c, ""));
        json!({"name": n.trim(), "value": v.trim()})
    };
    part.headers
        .iter()
        .flat_map(|(n, v)| -> Vec<Value> {
            if n.eq_ignore_ascii_case("cookie") {
                v.split(';').map(one).collect()
            } else if n.eq_ignore_ascii_case("set-cookie") {
                v.split(';').take(1).map(one).collect()
            } else {
                Vec::new()
            }
        })
        .collect()
}

fn version(start: &str, response: bool) -> String {
    let mut words = start.split_ascii_whitespace();
    if response {
        words.next()
    } else {
        words.next_back()
    }
    .filter(|w| w.starts_with("HTTP/"))
    .unwrap_or("HTTP/1.1")
    .to_owned()
}

/// The full address of a call, as a browser would show it.
fn url(s: &Show) -> String {
    let uri = s.row.uri.as_deref().unwrap_or("/");
    if absolute(uri) {
        return uri.to_owned();
    }
    let scheme = if s.row.tls { "https" } else { "http" };
    let host = s
        .row
        .host
        .clone()
        .or_else(|| match (&s.row.dst, s.row.dport) {
            (Some(a), Some(p)) => Some(format!("{}:{p}", bracketed(a))),
            (Some(a), None) => Some(bracketed(a)),
            _ => None,
        })
        .unwrap_or_else(|| "unknown".into());
    if s.row.method.as_deref() == Some("CONNECT") {
        return format!("{scheme}://{uri}");
    }
    let slash = if uri.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{host}{slash}{uri}")
}

/// Whether a target has scheme and authority: an address within a query does not make it so.
fn absolute(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// An address as it stands in a URL.
fn bracketed(addr: &str) -> String {
    if addr.contains(':') {
        format!("[{addr}]")
    } else {
        addr.to_owned()
    }
}

fn millis(s: &Show) -> Option<f64> {
    let ns = |t: &str| -> Option<i128> {
        let t: jiff::Timestamp = t.parse().ok()?;
        Some(t.as_nanosecond())
    };
    let end = ns(s.row.end_ts.as_deref()?)?;
    Some(((end - ns(&s.row.ts)?) as f64 / 1e3).round() / 1e3)
}

/// One entry of the archive.
fn entry(s: &Show) -> Value {
    let empty = Part {
        start: String::new(),
        headers: Vec::new(),
        trailers: Vec::new(),
        body: None,
    };
    let req = s.request.as_ref().unwrap_or(&empty);
    let resp = s.response.as_ref().unwrap_or(&empty);
    let size = |n: Option<u64>| n.map_or(json!(-1), |n| json!(n));
    let address = url(s);
    let query: Vec<Value> = address
        .split_once('?')
        .map_or("", |(_, q)| q)
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (n, v) = p.split_once('=').unwrap_or((p, ""));
            json!({"name": n, "value": v})
        })
        .collect();
    let mut request = json!({
        "method": s.row.method.as_deref().unwrap_or(""), "url": address, "httpVersion": version(&req.start, false),
        "cookies": cookies(req), "headers": pairs(&req.headers), "queryString": query, "headersSize": -1,
        "bodySize": size(s.row.req_body_len),
    });
    if let Some(b) = &req.body
        && b.len > 0
    {
        let mut post = json!({
            "mimeType": header(req, "content-type").unwrap_or(""), "params": [],
            "text": b.text.as_deref().or(b.base64.as_deref()).unwrap_or(""),
        });
        if b.text.is_none()
            && let Some(p) = post.as_object_mut()
        {
            p.insert("_encoding".into(), "base64".into());
        }
        if let Some(r) = request.as_object_mut() {
            r.insert("postData".into(), post);
        }
    }
    let mut content = json!({
        "size": s.row.resp_content_len.unwrap_or(0),
        "mimeType": header(resp, "content-type").unwrap_or("x-unknown"),
    });
    if let (Some(b), Some(c)) = (&resp.body, content.as_object_mut()) {
        if let Some(t) = &b.text {
            c.insert("text".into(), t.as_str().into());
        } else if let Some(t) = &b.base64 {
            c.insert("text".into(), t.as_str().into());
            c.insert("encoding".into(), "base64".into());
        }
        if let Some(cut) = &b.cut {
            c.insert("_cut".into(), cut.as_str().into());
        }
    }
    let took = millis(s);
    let reason = resp.start.splitn(3, ' ').nth(2).unwrap_or("");
    let mut out = json!({
        "startedDateTime": s.row.ts, "time": took.unwrap_or(0.0),
        "request": request,
        "response": {
            "status": s.row.status.unwrap_or(0), "statusText": reason, "httpVersion": version(&resp.start, true),
            "cookies": cookies(resp), "headers": pairs(&resp.headers), "content": content,
            "redirectURL": header(resp, "location").unwrap_or(""), "headersSize": -1, "bodySize": size(s.row.resp_body_len),
        },
        "cache": {}, "timings": {"send": 0, "wait": took.unwrap_or(0.0), "receive": 0},
        "_id": s.row.id, "_account": s.row.account, "_api": s.row.api, "_level": s.row.level, "_flags": s.row.flags,
        "_locators": s.row.locators,
    });
    // What is not known is left out: neither may be empty.
    if let Some(o) = out.as_object_mut() {
        if let Some(a) = &s.row.dst {
            o.insert("serverIPAddress".into(), a.as_str().into());
        }
        if let Some(p) = s.row.sport {
            o.insert("connection".into(), p.to_string().into());
        }
    }
    out
}

impl Exporter for Har {
    fn name(&self) -> &'static str {
        "har"
    }
    fn about(&self) -> &'static str {
        "HTTP archive 1.2: headers and bodies, for browsers and proxies"
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        let head = json!({"name": "leaktrace", "version": env!("CARGO_PKG_VERSION")});
        let note = if job.cx.reveal {
            "values shown"
        } else {
            "values of data classes are masked"
        };
        write!(
            out,
            "{{\"log\":{{\"version\":\"1.2\",\"creator\":{head},\"comment\":\"{note}\",\"entries\":["
        )
        .map_err(wrote)?;
        let mut n = 0u64;
        for id in job.ids()? {
            job.go_on()?;
            let Some(s) = read::show(job.cx, id)? else {
                continue;
            };
            let sep = if n == 0 { "\n" } else { ",\n" };
            write!(out, "{sep}{}", safe_json(&entry(&s).to_string())).map_err(wrote)?;
            n += 1;
        }
        writeln!(out, "\n]}}}}").map_err(wrote)?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_query_makes_no_target_absolute() {
        assert!(absolute("http://h/a") && absolute("coap+tcp://h"));
        for uri in ["/a?u=http://x/", "://x", "/", "a/b?http://", "*"] {
            assert!(!absolute(uri), "{uri}");
        }
        assert_eq!(bracketed("2404:6800::80"), "[2404:6800::80]");
        assert_eq!(bracketed("10.0.0.1"), "10.0.0.1");
    }
}
