//! Format strings of servers: nginx and APISIX, Apache with Tomcat and Gunicorn, Envoy and Istio, HAProxy, and our own with
//! names of slots in braces. In: a format string. Out: its parts. Bounds: linear in the string.
//!
//! A variable without a meaning here is passed over: sites name variables of their own.

use super::draft::{Meaning, Slot};
use super::pattern::Part;
use super::time::How;

const MS: How = How::Unit(1_000_000);
const US: How = How::Unit(1_000);

fn value(name: &str, meaning: Option<Meaning>) -> Part {
    let list = matches!(
        meaning.as_ref().map(|m| m.slot),
        Some(Slot::Upstream | Slot::Forwarded)
    ) || name.starts_with("upstream_");
    Part::Value { meaning, list }
}

fn plain(slot: Slot) -> Option<Meaning> {
    Some(Meaning::plain(slot))
}

fn with(slot: Slot, how: How) -> Option<Meaning> {
    Some(Meaning { slot, how })
}

fn header(name: &str) -> Option<Meaning> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    Slot::of_header(&name).map(Meaning::plain)
}

/// What a variable of nginx says.
fn nginx_variable(name: &str) -> Option<Meaning> {
    let slot = match name {
        "remote_addr" | "realip_remote_addr" => Slot::Src,
        "remote_port" => Slot::Sport,
        "remote_user" | "consumer_name" => Slot::User,
        "time_local" | "time_iso8601" | "msec" => Slot::End,
        "request" => Slot::Request,
        "request_method" => Slot::Method,
        "request_uri" => Slot::Uri,
        "uri" | "document_uri" => Slot::Path,
        "args" | "query_string" => Slot::Query,
        "server_protocol" => Slot::Version,
        "status" => Slot::Status,
        "body_bytes_sent" => Slot::Sent,
        "content_length" => Slot::Received,
        "host" | "server_name" => Slot::Host,
        "request_time" => return with(Slot::Duration, How::Unit(1_000_000_000)),
        "upstream_addr" => Slot::Upstream,
        "server_addr" => Slot::Dst,
        "server_port" => Slot::Dport,
        "request_id"
        | "req_id"
        | "opentelemetry_trace_id"
        | "otel_trace_id"
        | "apisix_request_id" => Slot::Trace,
        _ => return header(name.strip_prefix("http_")?),
    };
    plain(slot)
}

/// A `log_format` string of nginx: `$name`, `${name}`.
///
/// # Errors
/// In words.
pub fn nginx(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('$') {
        parts.push(Part::Text(before.to_owned()));
        let (name, tail) = match tail.strip_prefix('{') {
            Some(t) => t.split_once('}').ok_or("a ${ without its }")?,
            None => {
                let end = tail
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(tail.len());
                tail.split_at_checked(end).unwrap_or((tail, ""))
            }
        };
        if name.is_empty() {
            parts.push(Part::Text("$".to_owned()));
        } else if name == "is_args" {
            // `?` or nothing: with the path before it and the arguments behind it one value
            parts.push(value(name, None));
        } else {
            parts.push(value(name, nginx_variable(name)));
        }
        rest = tail;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(beside(parts))
}

/// A path or a host says more than its name where another part of the target stands right behind it.
fn beside(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        if matches!(&part, Part::Text(t) if t.is_empty()) {
            continue;
        }
        if let (Some(Part::Value { meaning: first, .. }), Part::Value { meaning, .. }) =
            (out.last_mut(), &part)
        {
            let slot = |m: &Option<Meaning>| m.as_ref().map(|m| m.slot);
            match (slot(first), slot(meaning)) {
                // `$uri$is_args$args`, `%U%q`
                (Some(Slot::Path), _) => *first = plain(Slot::Uri),
                // `$scheme://$host$request_uri`
                (Some(Slot::Host), Some(Slot::Uri | Slot::Path)) => {
                    *first = with(Slot::Uri, How::HostTarget);
                }
                _ => {}
            }
        }
        out.push(part);
    }
    out
}

/// Which server's `%` string it is: they differ in a few letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percent {
    Apache,
    Tomcat,
    Gunicorn,
}

/// A form of a time that is only its fraction.
const FRACTION: &str = "%f";

/// A time whose parts are written one after the other becomes one: `%{%Y-%m-%dT%H:%M:%S}t.%{usec_frac}t%{%z}t`.
fn whole_times(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        if matches!(&part, Part::Text(t) if t.is_empty()) {
            continue;
        }
        let form = |p: &Part| match p {
            Part::Value {
                meaning:
                    Some(Meaning {
                        slot: Slot::Start | Slot::End,
                        how: How::Form(f),
                    }),
                ..
            } => Some(f.to_string()),
            Part::Value {
                meaning:
                    Some(Meaning {
                        slot: Slot::Start | Slot::End,
                        how: How::Unit(1_000_000_000),
                    }),
                ..
            } => Some(String::new()),
            _ => None,
        };
        let Some(more) = form(&part) else {
            out.push(part);
            continue;
        };
        // what stands between must not be what may end the value
        let between = match out.last() {
            Some(Part::Text(t)) if t.len() <= 2 && !t.contains(' ') => t.clone(),
            _ => String::new(),
        };
        let at = out.len().checked_sub(1 + usize::from(!between.is_empty()));
        let before = at.and_then(|i| out.get_mut(i));
        match before {
            Some(p) if form(p).is_some() => {
                let first = form(p).unwrap_or_default();
                if let Part::Value {
                    meaning: Some(m), ..
                } = p
                    && !first.is_empty()
                {
                    let form = match (between.as_str(), more.as_str()) {
                        (".", FRACTION) => format!("{first}%.f"),
                        (between, more) => format!("{first}{}{more}", between.replace('%', "%%")),
                    };
                    m.how = How::Form(form.into());
                }
                if !between.is_empty() {
                    out.pop();
                }
            }
            _ if more == FRACTION => out.push(value(FRACTION, None)),
            _ => out.push(part),
        }
    }
    out
}

fn apache_time(form: &str) -> Vec<Part> {
    let (slot, form) = match form.split_once(':') {
        Some(("end", f)) => (Slot::End, f),
        Some(("begin", f)) => (Slot::Start, f),
        _ if form == "end" => (Slot::End, ""),
        _ if form == "begin" => (Slot::Start, ""),
        _ => (Slot::Start, form),
    };
    let how = match form {
        "" => {
            return vec![
                Part::Text("[".into()),
                value("%t", plain(slot)),
                Part::Text("]".into()),
            ];
        }
        "sec" => How::Unit(1_000_000_000),
        "msec" => MS,
        "usec" => US,
        "msec_frac" | "usec_frac" => How::Form(FRACTION.into()),
        form => How::Form(form.into()),
    };
    vec![value("%t", with(slot, how))]
}

fn apache_letter(letter: char, arg: &str, of: Percent) -> Option<Meaning> {
    match letter {
        'h' | 'a' => plain(Slot::Src),
        'A' => plain(Slot::Dst),
        'u' => plain(Slot::User),
        'r' => plain(Slot::Request),
        's' => plain(Slot::Status),
        'b' => with(Slot::Sent, How::DashZero),
        'B' => plain(Slot::Sent),
        'm' => plain(Slot::Method),
        'U' => plain(Slot::Path),
        'q' => plain(Slot::Query),
        'H' => plain(Slot::Version),
        'v' | 'V' => plain(Slot::Host),
        'p' if arg == "remote" => plain(Slot::Sport),
        // Apache's own is the port of the server's name, not the one that was reached
        'p' if arg == "local" || of == Percent::Tomcat => plain(Slot::Dport),
        'D' if of == Percent::Tomcat => with(Slot::Duration, MS),
        'D' => with(Slot::Duration, US),
        'M' if of == Percent::Gunicorn => with(Slot::Duration, MS),
        'T' => match arg {
            "ms" => with(Slot::Duration, MS),
            "us" => with(Slot::Duration, US),
            // whole seconds tell too little of when it began
            _ if of == Percent::Tomcat => with(Slot::Duration, How::Unit(1_000_000_000)),
            _ => None,
        },
        'L' if of == Percent::Gunicorn => with(Slot::Duration, How::Unit(1_000_000_000)),
        'L' => plain(Slot::Trace),
        'f' if of == Percent::Gunicorn => plain(Slot::Referer),
        'i' => header(arg),
        'o' if arg.eq_ignore_ascii_case("x-request-id") => plain(Slot::Trace),
        'e' if arg == "UNIQUE_ID" => plain(Slot::Trace),
        _ => None,
    }
}

/// A `LogFormat` string of Apache (also Tomcat's `pattern`): `%h`, `%>s`, `%{Name}i`, `%!200,304{X}i`, `\"`.
///
/// # Errors
/// In words.
pub fn apache(text: &str, of: Percent) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(c) => c,
                None => '\\',
            }),
            '%' if chars.peek() == Some(&'%') => {
                chars.next();
                plain.push('%');
            }
            '%' => {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                while chars
                    .next_if(|c| matches!(c, '<' | '>' | '!' | ',') || c.is_ascii_digit())
                    .is_some()
                {}
                let mut arg = String::new();
                if chars.next_if_eq(&'{').is_some() {
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => arg.push(c),
                            None => return Err("a %{ without its }".to_owned()),
                        }
                    }
                }
                let letter = chars.next().ok_or("a % at the end")?;
                match letter {
                    't' => parts.extend(apache_time(&arg)),
                    '^' => {
                        // `%^ti`, `%^to`
                        chars.next();
                        chars.next();
                        parts.push(value(&arg, None));
                    }
                    _ => {
                        let name = format!("%{{{arg}}}{letter}");
                        parts.push(value(&name, apache_letter(letter, &arg, of)));
                    }
                }
            }
            c => plain.push(c),
        }
    }
    parts.push(Part::Text(plain));
    Ok(beside(whole_times(parts)))
}

/// Gunicorn's: `%(h)s`, `%({x-request-id}i)s`.
///
/// # Errors
/// In words.
pub fn gunicorn(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once("%(") {
        parts.push(Part::Text(before.to_owned()));
        let (name, tail) = tail.split_once(")s").ok_or("a %( without its )s")?;
        let of = Percent::Gunicorn;
        match name {
            "t" => parts.extend([
                Part::Text("[".into()),
                value(name, plain(Slot::Time)),
                Part::Text("]".into()),
            ]),
            "a" => parts.push(value(name, plain(Slot::Agent))),
            "p" => parts.push(value(name, None)),
            _ => {
                let (arg, letter) = match name.strip_prefix('{').and_then(|n| n.split_once('}')) {
                    Some((arg, letter)) => (arg, letter),
                    None => ("", name),
                };
                let letter = letter.chars().next().unwrap_or('?');
                parts.push(value(name, apache_letter(letter, arg, of)));
            }
        }
        rest = tail;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(beside(parts))
}

fn envoy_operator(name: &str, arg: &str) -> Option<Meaning> {
    // `X?Y` names a second header for where the first is missing
    let first = arg.split('?').next().unwrap_or(arg);
    match name {
        "START_TIME" if arg.contains("%s") => with(Slot::Start, How::Unit(1_000_000_000)),
        "START_TIME" => plain(Slot::Start),
        "DURATION" => with(Slot::Duration, MS),
        "PROTOCOL" => plain(Slot::Version),
        "RESPONSE_CODE" => plain(Slot::Status),
        "BYTES_SENT" => plain(Slot::Sent),
        "BYTES_RECEIVED" => plain(Slot::Received),
        "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => plain(Slot::Upstream),
        "DOWNSTREAM_REMOTE_ADDRESS"
        | "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
        | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" => plain(Slot::Src),
        "DOWNSTREAM_REMOTE_PORT" => plain(Slot::Sport),
        "DOWNSTREAM_LOCAL_ADDRESS" => plain(Slot::Dst),
        "TRACE_ID" => plain(Slot::Trace),
        "REQ" | "REQUEST_HEADER" => header(first).or_else(|| header(arg.rsplit('?').next()?)),
        _ => None,
    }
}

/// Envoy's and Istio's: `%START_TIME%`, `%REQ(X?Y):Z%`.
///
/// # Errors
/// In words.
pub fn envoy(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text.strip_suffix("\\n").unwrap_or(text);
    while let Some((before, tail)) = rest.split_once('%') {
        parts.push(Part::Text(before.to_owned()));
        if let Some(tail) = tail.strip_prefix('%') {
            parts.push(Part::Text("%".to_owned()));
            rest = tail;
            continue;
        }
        let end = tail.find(['%', '(']).ok_or("a % without its end")?;
        let (name, tail) = tail.split_at_checked(end).unwrap_or((tail, ""));
        let (arg, tail) = match tail.strip_prefix('(') {
            Some(t) => t.split_once(')').ok_or("a ( without its )")?,
            None => ("", tail),
        };
        let (_, tail) = tail.split_once('%').ok_or("a % without its end")?;
        parts.push(value(&format!("{name}({arg})"), envoy_operator(name, arg)));
        rest = tail;
    }
    parts.push(Part::Text(rest.trim_end_matches('\n').to_owned()));
    Ok(beside(parts))
}

fn haproxy_variable(name: &str) -> Option<Meaning> {
    let clf_like = || How::Form("%d/%b/%Y:%H:%M:%S%.f".into());
    match name {
        "ci" => plain(Slot::Src),
        "cp" => plain(Slot::Sport),
        "fi" => plain(Slot::Dst),
        "fp" => plain(Slot::Dport),
        "si" => plain(Slot::Upstream),
        "sp" => plain(Slot::UpstreamPort),
        "t" | "tr" => with(Slot::Start, clf_like()),
        "T" | "Tl" | "trg" | "trl" => plain(Slot::Start),
        "Ts" => with(Slot::Start, How::Unit(1_000_000_000)),
        "Ta" | "Tt" => with(Slot::Duration, MS),
        "ST" => plain(Slot::Status),
        "B" => None, // the head is counted with it
        "HM" => plain(Slot::Method),
        "HP" => plain(Slot::Path),
        "HPO" => plain(Slot::Path),
        "HQ" => plain(Slot::Query),
        "HU" => plain(Slot::Uri),
        "HV" => plain(Slot::Version),
        "r" => plain(Slot::Request),
        "ID" => plain(Slot::Trace),
        _ => None,
    }
}

/// A `log-format` of HAProxy: `%ci`, `%{+Q}r`, `%[capture.req.hdr(0)]`.
///
/// # Errors
/// In words.
pub fn haproxy(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            '%' if chars.next_if_eq(&'%').is_some() => plain.push('%'),
            '%' => {
                let mut flags = String::new();
                if chars.next_if_eq(&'{').is_some() {
                    flags.extend(chars.by_ref().take_while(|c| *c != '}'));
                }
                let mut name = String::new();
                let mut meaning = None;
                if chars.next_if_eq(&'[').is_some() {
                    name.extend(chars.by_ref().take_while(|c| *c != ']'));
                    if let Some(h) = name
                        .split_once("hdr(")
                        .and_then(|(_, h)| h.split([',', ')']).next())
                    {
                        meaning = header(h);
                    }
                } else {
                    while let Some(c) = chars.next_if(char::is_ascii_alphanumeric) {
                        name.push(c);
                    }
                    meaning = haproxy_variable(&name);
                }
                // with Q a value stands in quotes
                let quote = if flags.contains("+Q") { "\"" } else { "" };
                let around = match name.as_str() {
                    "" if !flags.is_empty() => continue,
                    _ => quote,
                };
                plain.push_str(around);
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(value(&name, meaning));
                plain.push_str(around);
            }
            c => plain.push(c),
        }
    }
    parts.push(Part::Text(plain));
    Ok(beside(parts))
}

/// Our own: `{src} [{time:%d/%b/%Y}] {duration:ms} {_}`; a doubled brace stands for one.
///
/// # Errors
/// In words, where a name is none of a slot.
pub fn own(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain_text = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.next_if_eq(&'{').is_some() => plain_text.push('{'),
            '}' if chars.next_if_eq(&'}').is_some() => plain_text.push('}'),
            '{' => {
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some(c) => name.push(c),
                        None => return Err("a { without its }".to_owned()),
                    }
                }
                parts.push(Part::Text(std::mem::take(&mut plain_text)));
                parts.push(value(&name, named(&name)?));
            }
            c => plain_text.push(c),
        }
    }
    parts.push(Part::Text(plain_text));
    Ok(parts)
}

/// `src`, `time:%d/%b/%Y`, `duration:ms`; `_` and what begins so is passed over.
///
/// # Errors
/// In words.
pub fn named(text: &str) -> Result<Option<Meaning>, String> {
    if text.starts_with('_') {
        return Ok(None);
    }
    let (name, how) = text.split_once(':').unwrap_or((text, ""));
    let slot = Slot::named(name).ok_or_else(|| {
        let names: Vec<_> = super::draft::SLOTS.iter().map(|(n, _)| *n).collect();
        format!("no field is named {name:?}; there are {}", names.join(" "))
    })?;
    let how = match how {
        "" => How::Plain,
        how => How::named(how).ok_or_else(|| {
            format!("{how:?} is no way to write {name}: s ms us ns utc url plus dash-zero, or a form with %")
        })?,
    };
    Ok(Some(Meaning { slot, how }))
}
