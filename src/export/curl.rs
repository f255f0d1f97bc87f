//! Calls as lines for a shell: each a comment with its id and where it stands, and one `curl` command. In: requests as bytes. Out: text
//! for bash; nothing here runs it. Bounds: one call in memory; a command is one line.
//!
//! Every byte that comes of evidence stands inside quotes, so that no shell takes any for its own; none can become an option, a file
//! to read or another host: addresses that are not plain are replaced by the captured one, a strange target goes beside the address
//! (`--request-target`), a header that curl would take for a file's name is left out and said. Credentials are masked unless revealed.

use super::{Exporter, Job, wrote};
use crate::call::text::visible;
use crate::error::Result;
use crate::query::read::{self, Cx, RawRequest};
use crate::query::rows::CallRow;
use std::fmt::Write as _;
use std::io::Write;

/// The exporter.
pub struct Curl;

/// Bytes of a body that stand in the command itself: one argument may be no longer than 128 KiB on Linux, four characters a byte.
const INLINE: usize = 24 << 10;

/// Headers that hold credentials whatever is in them.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
];

/// Headers that curl makes itself from what it sends.
const OWN: [&str; 3] = ["content-length", "transfer-encoding", "content-encoding"];

/// Bytes as one word of a shell. A NUL cannot stand in one: the caller sees to that.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    let plain = |b: &u8| matches!(b, 0x20..=0x7e) && *b != b'\'';
    let mut out = String::with_capacity(bytes.len() + 2);
    if bytes.iter().all(plain) {
        out.push('\'');
        out.extend(bytes.iter().map(|b| char::from(*b)));
        out.push('\'');
        return out;
    }
    out.push_str("$'");
    for b in bytes {
        match b {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\'' | b'\\' => {
                out.push('\\');
                out.push(char::from(*b));
            }
            0x20..=0x7e => out.push(char::from(*b)),
            // always three digits, so that what follows is not taken for a fourth
            b => {
                let _ = write!(out, "\\{b:03o}");
            }
        }
    }
    out.push('\'');
    out
}

/// Bytes as the format of `printf`, NUL and all.
fn printed(bytes: &[u8]) -> String {
    let mut out = String::from("'");
    for b in bytes {
        match b {
            b'%' => out.push_str("%%"),
            0x20..=0x7e if !matches!(b, b'\'' | b'\\') => out.push(char::from(*b)),
            b => {
                let _ = write!(out, "\\{b:03o}");
            }
        }
    }
    out.push('\'');
    out
}

/// A host that a command may name: nothing in it means anything to curl.
fn plain_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port),
        _ => (host, "1"),
    };
    let v6 = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let name_ok = match v6 {
        Some(a) => a.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && !name.starts_with(['-', '.'])
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    name_ok && !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit())
}

/// A target that curl sends as it stands when it is part of the address.
fn plain_target(target: &[u8]) -> bool {
    target.first() == Some(&b'/')
        && target
            .iter()
            .all(|b| matches!(b, 0x21..=0x7e) && !b"#\\\"<>^`{|}".contains(b))
}

/// A value with its secret hidden; the scheme of an authorization, and the names of cookies, stay.
fn masked(name: &str, value: &[u8]) -> Vec<u8> {
    if name.eq_ignore_ascii_case("cookie") {
        let parts = value.split(|b| *b == b';').map(|c| {
            let at = memchr::memchr(b'=', c).map_or(0, |at| at + 1);
            [c.get(..at).unwrap_or_default(), b"***"].concat()
        });
        return parts.collect::<Vec<_>>().join(&b';');
    }
    match memchr::memchr(b' ', value) {
        Some(at) if name.to_ascii_lowercase().ends_with("authorization") => {
            [value.get(..=at).unwrap_or_default(), b"***"].concat()
        }
        _ => b"***".to_vec(),
    }
}

/// A target with the values of credentials in its query hidden.
fn masked_target(target: &[u8], credentials: &[String]) -> Vec<u8> {
    let Some(q) = memchr::memchr(b'?', target) else {
        return target.to_vec();
    };
    let (path, query) = target.split_at(q + 1);
    let parts = query.split(|b| *b == b'&').map(|part| {
        let at = memchr::memchr(b'=', part).unwrap_or(part.len());
        let name = String::from_utf8_lossy(part.get(..at).unwrap_or_default()).to_lowercase();
        let secret = credentials
            .iter()
            .filter_map(|c| c.trim_start_matches('~').strip_prefix("query:"))
            .any(|c| c.to_lowercase() == name);
        if secret && at < part.len() {
            [part.get(..=at).unwrap_or_default(), b"***"].concat()
        } else {
            part.to_vec()
        }
    });
    [path.to_vec(), parts.collect::<Vec<_>>().join(&b'&')].concat()
}

/// Method, target, and headers of a head: names and values as they were sent, folds kept.
type Taken = (Vec<u8>, Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>);

fn take(head: &[u8]) -> Taken {
    let mut lines = head
        .split(|b| *b == b'\n')
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let start = lines.next().unwrap_or_default();
    let at = memchr::memchr(b' ', start).unwrap_or(start.len());
    let (method, rest) = start.split_at(at);
    let rest = rest.trim_ascii_start();
    // the version is the last word, where it is one
    let target = match memchr::memrchr(b' ', rest) {
        Some(at) if rest.get(at + 1..).is_some_and(|v| v.starts_with(b"HTTP/")) => {
            rest.get(..at).unwrap_or_default()
        }
        _ => rest,
    };
    let mut headers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for line in lines.filter(|l| !l.is_empty()) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some((_, v)) = headers.last_mut() {
                v.push(b' ');
                v.extend_from_slice(line.trim_ascii());
            }
            continue;
        }
        // a pseudo-field of HTTP/2 is the start line said again
        if line.starts_with(b":") {
            continue;
        }
        let at = memchr::memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = value.strip_prefix(b":").unwrap_or_default();
        headers.push((name.to_vec(), value.trim_ascii().to_vec()));
    }
    (method.to_vec(), target.to_vec(), headers)
}

/// A call's lines.
fn lines(row: &CallRow, raw: Option<&RawRequest>, reveal: bool) -> String {
    let mut notes: Vec<String> = Vec::new();
    let at = row.locators.first().map_or(String::new(), |l| {
        let unit = if l.offset.is_some() {
            "line"
        } else {
            "packets"
        };
        format!("{} {unit} {}-{}", l.source, l.first, l.last)
    });
    let command = match raw {
        None => {
            notes.push(match row.proto {
                "ws" => "a message of a WebSocket: no command sends it alone".to_owned(),
                _ => "its request was not captured".to_owned(),
            });
            None
        }
        Some(raw) => command(row, raw, reveal, &mut notes),
    };
    let notes: String = notes.iter().map(|n| format!("; {n}")).collect();
    let mut out = format!(
        "# {}  {}\n",
        visible(&row.id),
        visible(&format!("{at}{notes}"))
    );
    if let Some(c) = command {
        out.push_str(&c);
        out.push('\n');
    }
    out
}

fn command(
    row: &CallRow,
    raw: &RawRequest,
    reveal: bool,
    notes: &mut Vec<String>,
) -> Option<String> {
    let (method, target, headers) = take(&raw.head);
    let target = if reveal {
        target
    } else {
        masked_target(&target, &raw.credentials)
    };
    // A proxy is asked with whole addresses: what it asks for is the target.
    let target = match row.host.as_deref() {
        Some(host) => [&b"http://"[..], b"https://"]
            .iter()
            .find_map(|s| target.strip_prefix(*s)?.strip_prefix(host.as_bytes()))
            .filter(|rest| rest.starts_with(b"/"))
            .map(<[u8]>::to_vec)
            .unwrap_or(target),
        None => target,
    };
    if [&method, &target]
        .iter()
        .any(|v| v.contains(&0) || v.is_empty())
    {
        notes.push("its start line cannot stand in a command".to_owned());
        return None;
    }
    let host = row.host.as_deref().filter(|h| plain_host(h));
    let to = match (host, row.dst.as_deref(), row.dport) {
        (Some(h), ..) => h.to_owned(),
        (None, Some(a), Some(p)) if a.contains(':') => format!("[{a}]:{p}"),
        (None, Some(a), Some(p)) => format!("{a}:{p}"),
        _ => {
            notes.push("where it went is not known".to_owned());
            return None;
        }
    };
    let mut c = String::from("curl -q -sS -g --path-as-is --proto '=http,https'");
    match (row.proto, row.tls) {
        ("http/1.0", _) => c.push_str(" --http1.0"),
        ("h2" | "grpc", true) => c.push_str(" --http2"),
        ("h2" | "grpc", false) => c.push_str(" --http2-prior-knowledge"),
        _ => c.push_str(" --http1.1"),
    }
    if method == b"HEAD" {
        c.push_str(" --head");
    } else {
        let _ = write!(c, " -X {}", quoted(&method));
    }
    let (mut had, mut left_out) = (Vec::new(), 0);
    for (name, value) in &headers {
        let text = String::from_utf8_lossy(name).to_ascii_lowercase();
        if text == "content-encoding" && !raw.body.is_empty() {
            let how = String::from_utf8_lossy(value).into_owned();
            notes.push(format!("its body is written as decoded from {how}"));
        }
        if OWN.contains(&text.as_str()) || text == "host" && host.is_some() {
            continue;
        }
        // curl reads `@FILE`, and takes a name alone for the order to leave the header out
        let bad = |b: &[u8]| b.contains(&0);
        if name.is_empty()
            || name.starts_with(b"@")
            || bad(name)
            || bad(value)
            || name.contains(&b';')
        {
            left_out += 1;
            continue;
        }
        let secret = CREDENTIALS.contains(&text.as_str())
            || raw
                .credentials
                .iter()
                .any(|c| c.trim_start_matches('~').strip_prefix("header:") == Some(&text));
        let shown = if secret && !reveal {
            masked(&text, value)
        } else {
            value.clone()
        };
        let whole = if shown.is_empty() {
            [name.as_slice(), b";"].concat()
        } else {
            [name.as_slice(), b": ", &shown].concat()
        };
        let _ = write!(c, " -H {}", quoted(&whole));
        had.push(text);
    }
    // what curl would add of its own
    for own in ["user-agent", "accept"] {
        if !had.iter().any(|h| h == own) {
            let _ = write!(c, " -H '{own}:'");
        }
    }
    if left_out > 0 {
        notes.push(format!("{left_out} headers cannot stand in a command"));
    }
    if raw.cut {
        notes.push("bytes of its body are missing".to_owned());
    }
    let mut before = String::new();
    if !raw.body.is_empty() {
        if !had.iter().any(|h| h == "content-type") {
            c.push_str(" -H 'content-type:'");
        }
        c.push_str(" -H 'expect:'");
        if raw.body.contains(&0) || raw.body.len() > INLINE {
            before = format!("printf {} | ", printed(&raw.body));
            c.push_str(" --data-binary @-");
        } else {
            let _ = write!(c, " --data-raw {}", quoted(&raw.body));
        }
    }
    let scheme = if row.tls { "https" } else { "http" };
    if plain_target(&target) {
        let address = [scheme.as_bytes(), b"://", to.as_bytes(), &target].concat();
        let _ = write!(c, " {}", quoted(&address));
    } else {
        let _ = write!(c, " --request-target {}", quoted(&target));
        let _ = write!(c, " {}", quoted(format!("{scheme}://{to}/").as_bytes()));
    }
    Some(before + &c)
}

/// One call as its lines, by its row; `None` where there is no such call.
///
/// # Errors
/// What reading the case gives.
pub fn one(cx: &Cx, row: i64) -> Result<Option<String>> {
    let Some(call) = read::call_row(cx, row)? else {
        return Ok(None);
    };
    let raw = read::raw_request(cx, row)?;
    Ok(Some(lines(&call, raw.as_ref(), cx.reveal)))
}

impl Exporter for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }
    fn key(&self) -> char {
        'u'
    }
    fn ending(&self) -> &'static str {
        "sh"
    }
    fn about(&self) -> &'static str {
        "each call as a curl command; nothing is sent"
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        let note = if job.cx.reveal {
            "values and credentials shown"
        } else {
            "credentials and values of data classes are masked"
        };
        writeln!(
            out,
            "#!/usr/bin/env bash\n# leaktrace {}: calls as they were captured; {note}. Running a line asks that server again.",
            env!("CARGO_PKG_VERSION")
        )
        .map_err(wrote)?;
        let mut n = 0;
        for id in job.ids()? {
            job.go_on()?;
            let Some(lines) = one(job.cx, id)? else {
                continue;
            };
            out.write_all(lines.as_bytes()).map_err(wrote)?;
            n += 1;
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::{masked, masked_target, plain_host, plain_target, quoted};

    #[test]
    fn no_byte_leaves_its_quotes() {
        assert_eq!(quoted(b"a b"), "'a b'");
        assert_eq!(quoted(b"$(id)`id`"), "'$(id)`id`'");
        assert_eq!(quoted(b"it's"), "$'it\\'s'");
        assert_eq!(quoted(b"\\'\n\x1b7"), "$'\\\\\\'\\n\\0337'");
        assert_eq!(quoted("é".as_bytes()), "$'\\303\\251'");
    }

    #[test]
    fn nothing_else_is_asked_than_what_was() {
        for host in ["shop.example", "10.0.0.1:8080", "[::1]:80", "a_b.c"] {
            assert!(plain_host(host), "{host}");
        }
        for host in [
            "a@b", "-oX", "", "a/b", "a b", "h:port", "[x]:1", "h:", "a\nb",
        ] {
            assert!(!plain_host(host), "{host}");
        }
        assert!(plain_target(b"/a?b=c%20&d[]=1"));
        for t in ["", "a", "@evil/", "/a#b", "/a b", "/\u{e9}", "*"] {
            assert!(!plain_target(t.as_bytes()), "{t}");
        }
    }

    #[test]
    fn credentials_are_masked() {
        assert_eq!(masked("authorization", b"Bearer abc"), b"Bearer ***");
        assert_eq!(masked("cookie", b"a=1; sid=2"), b"a=***; sid=***");
        assert_eq!(masked("x-api-key", b"k 1"), b"***");
        let keys = ["query:api_key".to_owned()];
        assert_eq!(
            masked_target(b"/a?x=1&API_KEY=2&y", &keys),
            b"/a?x=1&API_KEY=***&y"
        );
    }
}
