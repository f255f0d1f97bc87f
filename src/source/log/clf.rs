//! Common and combined log format as nginx and Apache write them, with a virtual host in front or further fields behind.
//! In: one line. Out: a [`LogCall`]. Bounds: linear in the line.

use super::pattern::unescape;
use super::{NoCall, request_line};
use crate::call::model::LogCall;
use crate::call::text::lossless;

/// Walks a line field by field.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
    /// A field up to the next space.
    fn word(&mut self) -> Option<&'a [u8]> {
        self.skip_spaces();
        let end = memchr::memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }
    /// A field between `open` and `close`; a backslash protects the next byte.
    fn quoted(&mut self, open: u8, close: u8) -> Option<&'a [u8]> {
        self.skip_spaces();
        let inner = self.rest.strip_prefix(&[open])?;
        let mut at = 0;
        loop {
            at += memchr::memchr2(close, b'\\', inner.get(at..)?)?;
            if inner.get(at) == Some(&b'\\') {
                at += 2;
            } else {
                break;
            }
        }
        let (text, rest) = inner.split_at_checked(at)?;
        self.rest = rest.get(1..)?;
        Some(text)
    }
}

/// `-` and the empty field mean unknown.
fn known(field: &[u8]) -> Option<String> {
    let s = unescape(field);
    (s != "-" && !s.is_empty()).then(|| s.into_owned())
}

/// What stands behind the number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing: the common format.
    None,
    /// Referer and agent, and more: the combined format.
    Agent,
    /// Whatever there is; referer and agent are taken where they stand there.
    Any,
}

/// A line of both formats.
pub fn parse(line: &[u8], tail: Tail) -> Result<LogCall, NoCall> {
    let whole = line.len();
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Err(NoCall::Blank);
    }
    let unfit = |f: &Fields<'_>, want| NoCall::unfit(want, whole - f.rest.len());
    let mut f = Fields { rest: line };
    let mut call = LogCall::default();
    let mut first = f.word().ok_or_else(|| unfit(&f, "an address"))?;
    // Apache's vhost_combined puts `host:port` in front: then the third field from here is not the time yet
    let mut probe = Fields { rest: f.rest };
    let before_time = std::iter::from_fn(|| probe.word())
        .take(4)
        .position(|w| w.starts_with(b"["));
    if before_time == Some(3) {
        let host = first;
        first = f.word().ok_or_else(|| unfit(&f, "an address"))?;
        // some put the client that a proxy tells of there
        let told = lossless(host).parse::<std::net::IpAddr>().is_ok() || host == b"-";
        let named = plausible_host(host) && super::stamps::stamps(&lossless(host)).is_empty();
        if !(told || named) {
            return Err(NoCall::unfit("a host or an address", 0));
        }
        call.host = known(host).filter(|_| !told);
    } else if before_time != Some(2) {
        return Err(unfit(&f, "identity, user and a time in brackets"));
    }
    call.src = lossless(first).parse().ok();
    if call.src.is_none() && call.host.is_none() && !plausible_host(first) {
        return Err(NoCall::unfit("an address", 0));
    }
    let identity = f.word().ok_or_else(|| unfit(&f, "an identity"))?;
    // lighttpd has the host there
    if identity.contains(&b'.') || identity.contains(&b':') {
        call.host = call.host.or_else(|| known(identity));
    }
    call.user = known(f.word().ok_or_else(|| unfit(&f, "a user"))?).and_then(super::draft::user);
    let before = Fields { rest: f.rest };
    let at = f.quoted(b'[', b']').and_then(super::time::clf);
    call.ts = at.ok_or_else(|| unfit(&before, "a time in brackets"))?;
    let request = f.quoted(b'"', b'"');
    let request = request.ok_or_else(|| unfit(&f, "a request in quotes"))?;
    let request = unescape(request).into_owned();
    let before = Fields { rest: f.rest };
    call.status = f.word().and_then(|w| lossless(w).parse().ok());
    if call.status.is_none() {
        return Err(unfit(&before, "a status (three digits)"));
    }
    // Apache writes `-` for no bytes
    call.resp_body_len = f.word().and_then(|w| {
        if w == b"-" {
            Some(0)
        } else {
            lossless(w).parse().ok()
        }
    });
    f.skip_spaces();
    let agent = f.rest.first() == Some(&b'"');
    if tail == Tail::None && !f.rest.is_empty() {
        return Err(unfit(&f, "the end of the line"));
    }
    if agent || tail == Tail::Agent {
        let mut texts = Fields { rest: f.rest };
        let (referer, agent) = (texts.quoted(b'"', b'"'), texts.quoted(b'"', b'"'));
        match (referer, agent) {
            (Some(referer), Some(agent)) => {
                call.referer = known(referer);
                call.user_agent = known(agent);
                f.rest = texts.rest;
            }
            _ if tail == Tail::Agent => return Err(unfit(&f, "referer and agent in quotes")),
            _ => {}
        }
    }
    extras(&mut f, &mut call);
    request_line(&request, &mut call)?;
    // proxies and caches tell the whole URL
    if let Some(uri) = call.uri.take() {
        let (uri, host) = super::draft::split_absolute(uri);
        (call.uri, call.host) = (Some(uri), call.host.or(host));
    }
    Ok(call)
}

/// A host name where an address was expected (`HostnameLookups On`).
fn plausible_host(s: &[u8]) -> bool {
    s.iter()
        .all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(b))
        && s.iter().any(u8::is_ascii_alphanumeric)
}

/// What sites append to the combined format: `key=value` pairs under the usual names, and a bare request id.
fn extras(f: &mut Fields<'_>, call: &mut LogCall) {
    loop {
        f.skip_spaces();
        let quoted = f.rest.first() == Some(&b'"');
        let Some(field) = (if quoted {
            f.quoted(b'"', b'"')
        } else {
            f.word()
        }) else {
            return;
        };
        let text = unescape(field);
        let (key, value) = match text.split_once('=') {
            Some((k, v)) if !quoted => (k.to_ascii_lowercase(), v.trim_matches('"').to_string()),
            _ => (String::new(), text.into_owned()),
        };
        if value.is_empty() || value == "-" {
            continue;
        }
        match key.as_str() {
            "host" | "vhost" | "server_name" => call.host = Some(value),
            "rid" | "request_id" | "req_id" | "trace" | "trace_id" | "traceparent" => {
                call.trace_id = Some(value)
            }
            "user" | "username" => call.user = Some(value),
            "up" | "upstream" | "upstream_addr" => {
                if let Ok(a) = value.parse::<std::net::SocketAddr>() {
                    (call.dst, call.dport) = (Some(a.ip()), Some(a.port()));
                }
            }
            // the virtual host behind everything else
            "" if call.host.is_none() && super::shape::is_host(&value) => {
                call.host = Some(value);
            }
            // a header that HAProxy captured
            "" if quoted && call.user_agent.is_none() && super::shape::is_agent(&value) => {
                call.user_agent = Some(value);
            }
            "" if call.trace_id.is_none()
                && value.len() >= 16
                && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') =>
            {
                call.trace_id = Some(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_hosts_and_appended_fields_are_read() {
        let line = br#"shop.example:443 10.1.2.3 - bob [01/Mar/2026:00:00:01 +0000] "GET / HTTP/2.0" 304 - "-" "Mozilla/5.0 (X11)""#;
        let c = parse(line, Tail::Agent).unwrap();
        assert_eq!(
            (c.host.as_deref(), c.src.unwrap().to_string().as_str()),
            (Some("shop.example:443"), "10.1.2.3")
        );
        let line = br#"10.1.2.3 - - [01/Mar/2026:00:00:01 +0000] "GET /x y HTTP/1.1" 200 5 "-" "c" rt=0.01 host=api.example up=10.0.0.5:8080 "4bf92f3577b34da6a3ce929d0e0e4736""#;
        let c = parse(line, Tail::Agent).unwrap();
        assert_eq!(c.uri.as_deref(), Some("/x y"));
        assert_eq!(
            (c.dport, c.trace_id.as_deref()),
            (Some(8080), Some("4bf92f3577b34da6a3ce929d0e0e4736"))
        );
        assert_eq!(c.host.as_deref(), Some("api.example"));
    }

    #[test]
    fn what_is_no_request_is_told_from_what_is_no_log() {
        let line = br#"10.1.2.3 - - [01/Mar/2026:00:00:01 +0000] "\x16\x03\x01" 400 157 "-" "-""#;
        assert_eq!(parse(line, Tail::Agent), Err(NoCall::NoRequest));
        for bad in [
            "",
            "a",
            "a b c [x] \"GET / HTTP/1.1\" 200 1",
            "1.1.1.1 - - [99/Foo/2026:00:00:00 +0000] \"GET / X\" 200 1",
        ] {
            assert!(parse(bad.as_bytes(), Tail::Any).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_prefix_of_a_line_is_survived() {
        let line = br#"h 10.1.2.3 - b\x [01/Mar/2026:00:00:01 +0000] "GET /\" HTTP/1.1" 200 5 "\\" "c\x4" k="v"#;
        for n in 0..line.len() {
            let _ = parse(&line[..n], Tail::Any);
        }
    }
}
