//! What a line says, by the things that are said of a call, and the call that it makes. In: texts with what they are. Out: a
//! [`LogCall`], or why there is none. Bounds: one text a [`Slot`], the first that says something.
//!
//! Every way to write a line (text, JSON, columns, pairs) ends here, so that a time, a status or a request line is understood
//! in one place.

use super::halves::More;
use super::time::{How, moment, span};
use super::year::Written;
use super::{LogZone, NoCall, request_line};
use crate::call::model::LogCall;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// What a line lacks that has none.
pub const NO_TIME: &str = "a time, in the line or around it";

/// What is said of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// When the request began.
    Start,
    /// When the response ended.
    End,
    /// A time of which the writer does not say whether it is the begin or the end.
    Time,
    /// Its date and its time of day, where they stand apart.
    Date,
    Clock,
    /// How long it took.
    Duration,
    /// Client, with or without its port.
    Src,
    Sport,
    /// Address and port that the client reached.
    Dst,
    Dport,
    /// Server that the call was handed on to.
    Upstream,
    UpstreamPort,
    Method,
    /// Request target, or a whole URL.
    Uri,
    /// Its parts, where they stand apart.
    Path,
    Query,
    Host,
    /// `GET /a HTTP/1.1`.
    Request,
    Version,
    Status,
    /// Bytes of the response's body, and of the request's.
    Sent,
    Received,
    User,
    /// Whom the user acts for.
    Behalf,
    Agent,
    Referer,
    Trace,
    /// The chain of clients that proxies tell of.
    Forwarded,
    /// Of a session on a host: its account there, and the protocol.
    Account,
    App,
    /// The name under which a later line tells more of it.
    Key,
    /// Headers that were captured, without their names.
    Captured,
}

/// Name of each slot in a mapping, in the order of [`Slot`].
pub const SLOTS: &[(&str, Slot)] = &[
    ("start", Slot::Start),
    ("end", Slot::End),
    ("time", Slot::Time),
    ("date", Slot::Date),
    ("clock", Slot::Clock),
    ("duration", Slot::Duration),
    ("src", Slot::Src),
    ("sport", Slot::Sport),
    ("dst", Slot::Dst),
    ("dport", Slot::Dport),
    ("upstream", Slot::Upstream),
    ("upstream_port", Slot::UpstreamPort),
    ("method", Slot::Method),
    ("uri", Slot::Uri),
    ("path", Slot::Path),
    ("query", Slot::Query),
    ("host", Slot::Host),
    ("request", Slot::Request),
    ("version", Slot::Version),
    ("status", Slot::Status),
    ("sent", Slot::Sent),
    ("received", Slot::Received),
    ("user", Slot::User),
    ("behalf", Slot::Behalf),
    ("user_agent", Slot::Agent),
    ("referer", Slot::Referer),
    ("trace", Slot::Trace),
    ("forwarded", Slot::Forwarded),
    ("account", Slot::Account),
    ("app", Slot::App),
    ("key", Slot::Key),
    ("captured", Slot::Captured),
];

impl Slot {
    /// By its name in a mapping.
    pub fn named(name: &str) -> Option<Slot> {
        SLOTS.iter().find(|(n, _)| *n == name).map(|(_, s)| *s)
    }

    /// What is expected of those that hold no space, in words.
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Slot::Src | Slot::Dst => "an address",
            Slot::Sport | Slot::Dport => "a port",
            Slot::Status => "a status (three digits)",
            Slot::Sent | Slot::Received => "a number of bytes",
            Slot::Method => "a method",
            Slot::Version => "a version",
            _ => return None,
        })
    }

    /// What a request header of this name (in small letters) says.
    pub fn of_header(name: &str) -> Option<Slot> {
        Some(match name {
            "host" | ":authority" => Slot::Host,
            "user-agent" => Slot::Agent,
            "referer" => Slot::Referer,
            "content-length" => Slot::Received,
            "x-request-id"
            | "x-correlation-id"
            | "x-trace-id"
            | "x-b3-traceid"
            | "traceparent"
            | "x-amzn-trace-id"
            | "x-cloud-trace-context" => Slot::Trace,
            "x-forwarded-for" => Slot::Forwarded,
            "x-forwarded-user"
            | "x-remote-user"
            | "remote-user"
            | "x-auth-request-user"
            | "x-user"
            | "x-consumer-username" => Slot::User,
            ":method" => Slot::Method,
            ":path" | "x-envoy-original-path" => Slot::Uri,
            _ => return None,
        })
    }
}

/// Methods as those write them who write everything in small letters; methods are not equal in both, so no others are changed.
const FOLDED: [&str; 9] = [
    "get", "post", "put", "delete", "patch", "head", "options", "connect", "trace",
];

/// What a text is: what it says, and how it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning {
    pub slot: Slot,
    pub how: How,
}

impl Meaning {
    /// As it stands.
    pub const fn plain(slot: Slot) -> Meaning {
        Meaning {
            slot,
            how: How::Plain,
        }
    }
}

#[derive(Debug, Clone)]
struct Said<'a> {
    text: Cow<'a, str>,
    how: &'a How,
    /// Where it stands in the line, from 0.
    at: usize,
}

/// What a line says.
#[derive(Debug, Default)]
pub struct Draft<'a> {
    said: [Option<Said<'a>>; SLOTS.len()],
    /// A number or an address that is none is left out; else the line does not fit.
    pub lenient: bool,
    /// The line is of a session on a host, not of a request.
    pub session: bool,
}

impl<'a> Draft<'a> {
    /// Of a request, or of a session on a host.
    pub fn new(session: bool) -> Draft<'a> {
        Draft {
            session,
            ..Draft::default()
        }
    }

    /// Takes a text; `-`, nothing and the like say nothing, and what was said first stays.
    pub fn put(&mut self, meaning: &'a Meaning, text: Cow<'a, str>, at: usize) {
        let none = match text.as_ref() {
            "" => true,
            "-" => meaning.how != How::DashZero,
            "-1" => meaning.how == How::Unknown,
            text => super::names::says_nothing(text),
        };
        if none {
            return;
        }
        if let Some(slot @ None) = self.said.get_mut(meaning.slot as usize) {
            *slot = Some(Said {
                text,
                how: &meaning.how,
                at,
            });
        }
    }

    /// Whether something is said of this.
    pub fn says(&self, slot: Slot) -> bool {
        self.said.get(slot as usize).is_some_and(Option::is_some)
    }

    /// What is said of this, as it stands.
    pub fn peek(&self, slot: Slot) -> Option<String> {
        let said = self.said.get(slot as usize)?.as_ref()?;
        Some(match said.how {
            How::Name => super::halves::name(&said.text),
            _ => said.text.to_string(),
        })
    }

    /// What a line says of a call that another line began.
    ///
    /// # Errors
    /// Where it says what cannot be.
    pub fn more(mut self, zone: &LogZone) -> Result<More, NoCall> {
        let took = self.take(Slot::Duration);
        let end = self.take(Slot::End);
        Ok(More {
            status: self.status()?,
            sent: self.number(Slot::Sent, "a number of bytes")?,
            took: took.and_then(|d| span(&d.text, d.how)).filter(|n| *n >= 0),
            end: end
                .and_then(|e| moment(&e.text, e.how, zone))
                .map(|(t, _)| t),
            user: self.text(Slot::User).and_then(user),
            ..More::default()
        })
    }

    fn take(&mut self, slot: Slot) -> Option<Said<'a>> {
        self.said.get_mut(slot as usize)?.take()
    }

    fn text(&mut self, slot: Slot) -> Option<String> {
        let said = self.take(slot)?;
        Some(match said.how {
            How::Url => percent(&said.text),
            How::Plus => said.text.replace('+', " "),
            How::Root => format!("/{}", said.text),
            How::HostTarget => format!("http://{}", said.text),
            How::Verb => verb(&said.text).to_owned(),
            How::S3 => operation(&said.text).to_owned(),
            How::Login => match said.text.strip_suffix(')').and_then(|t| t.rsplit_once('(')) {
                Some((_, login)) => login.to_owned(),
                None => said.text.into_owned(),
            },
            _ => said.text.into_owned(),
        })
    }

    fn number<T: std::str::FromStr>(
        &mut self,
        slot: Slot,
        what: &'static str,
    ) -> Result<Option<T>, NoCall> {
        let Some(said) = self.take(slot) else {
            return Ok(None);
        };
        if said.text == "-" {
            return Ok("0".parse().ok());
        }
        // `+` before a count: HAProxy, while data still came
        let text = said.text.trim().trim_start_matches('+');
        let whole = text.strip_suffix(".0").unwrap_or(text);
        // as consoles show numbers: `5,120`
        let grouped = whole.contains(',')
            && whole.split(',').enumerate().all(|(n, g)| {
                let long = if n == 0 { 1..=3 } else { 3..=3 };
                long.contains(&g.len()) && g.bytes().all(|b| b.is_ascii_digit())
            });
        let whole = if grouped {
            Cow::Owned(whole.replace(',', ""))
        } else {
            Cow::Borrowed(whole)
        };
        match whole.parse() {
            Ok(n) => Ok(Some(n)),
            Err(_) if self.lenient => Ok(None),
            Err(_) => Err(NoCall::unfit(what, said.at)),
        }
    }

    /// The call. `written` is when a wrapper says that the line was written.
    ///
    /// # Errors
    /// Where the line lacks a time or says what cannot be, or logs something that is no request.
    pub fn finish(mut self, zone: &LogZone, written: Option<Written>) -> Result<LogCall, NoCall> {
        let mut call = LogCall {
            method: self.text(Slot::Method),
            version: self
                .text(Slot::Version)
                .filter(|v| v.get(..5).is_some_and(|h| h.eq_ignore_ascii_case("http/"))),
            host: self.text(Slot::Host),
            user: self.text(Slot::User).and_then(user),
            behalf: self.text(Slot::Behalf),
            user_agent: self.text(Slot::Agent),
            referer: self.text(Slot::Referer),
            trace_id: self.text(Slot::Trace).and_then(trace),
            ..LogCall::default()
        };
        if call.trace_id.is_none()
            && let Some(key) = self.peek(Slot::Key)
        {
            let mut parts = key.split(['[', ']']);
            call.trace_id = parts.find(|p| super::shape::is_id(p)).map(str::to_owned);
        }
        self.captured(&mut call);
        self.ends(&mut call)?;
        if self.session {
            self.session_on_host(&mut call);
        } else {
            self.request(&mut call)?;
        }
        call.status = self.status()?;
        call.resp_body_len = self.number(Slot::Sent, "a number of bytes")?;
        call.req_body_len = self.number(Slot::Received, "a number of bytes")?;
        self.times(&mut call, zone, written)?;
        Ok(call)
    }

    /// Headers that were captured without their names: an agent and a host show by their form.
    fn captured(&mut self, call: &mut LogCall) {
        let Some(said) = self.take(Slot::Captured) else {
            return;
        };
        for text in said.text.split(['|', '{', '}']).map(str::trim) {
            if call.user_agent.is_none() && super::shape::is_agent(text) {
                call.user_agent = Some(text.to_owned());
            } else if call.host.is_none() && super::shape::is_host(text) {
                call.host = Some(text.to_owned());
            }
        }
    }

    /// Method and target, from the request line or its parts.
    fn request(&mut self, call: &mut LogCall) -> Result<(), NoCall> {
        let uri = self.text(Slot::Uri).or_else(|| self.text(Slot::Path));
        let line = self.text(Slot::Request);
        // some call the whole request line so
        let (uri, line) = match uri {
            Some(text) if is_line(&text) => (None, Some(text)),
            uri => (uri, line),
        };
        call.uri = uri;
        if call.method.is_none() || call.uri.is_none() {
            match line {
                Some(line) => request_line(&line, call)?,
                None if call.method.is_none() && call.uri.is_none() => {
                    return Err(NoCall::NoRequest);
                }
                None => {}
            }
        }
        let uri = call.uri.take().ok_or(NoCall::NoRequest)?;
        let token = |m: &String| {
            m.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        if !call.method.as_ref().is_none_or(token) {
            return Err(NoCall::NoRequest);
        }
        // schemas of search engines fold it: `get`
        if let Some(m) = &mut call.method
            && FOLDED.contains(&m.as_str())
        {
            m.make_ascii_uppercase();
        }
        let (uri, host) = split_absolute(uri);
        call.host = call.host.take().or(host);
        let uri = match &call.host {
            Some(host) if call.method.as_deref() != Some("CONNECT") => behind(uri, host),
            _ => uri,
        };
        call.uri = Some(match self.text(Slot::Query) {
            Some(q) if !uri.contains('?') => format!("{uri}?{}", q.trim_start_matches('?')),
            _ => uri,
        });
        Ok(())
    }

    /// A session on a host, as a call of its own kind: `SESSION ssh://root@10.0.0.5:22`.
    fn session_on_host(&mut self, call: &mut LogCall) {
        let app = self.text(Slot::App).unwrap_or_default();
        let app = app.to_ascii_lowercase();
        let host = call.host.take().or_else(|| call.dst.map(|a| a.to_string()));
        let host = host.unwrap_or_default();
        // an asset may be shown as `name(10.0.0.5)`
        let (name, inner) = host
            .strip_suffix(')')
            .and_then(|h| h.rsplit_once('('))
            .unwrap_or((&host, &host));
        call.dst = call.dst.or_else(|| inner.parse().ok());
        let host = name.to_owned();
        let account = self.text(Slot::Account);
        let target = match &account {
            Some(a) => format!("{a}@{host}"),
            None => host.clone(),
        };
        let port = call.dport.map(|p| format!(":{p}")).unwrap_or_default();
        let app = if app.is_empty() { "session" } else { &app };
        call.uri = Some(format!("{app}://{target}{port}"));
        call.host = Some(format!("{host}{port}"));
        call.method = Some("SESSION".to_owned());
    }

    /// Addresses and ports of both ends.
    fn ends(&mut self, call: &mut LogCall) -> Result<(), NoCall> {
        let forwarded = self.take(Slot::Forwarded);
        if let Some(src) = self.take(Slot::Src).or(forwarded) {
            (call.src, call.sport) = address(&src.text);
        }
        let sport = self.number(Slot::Sport, "a port")?;
        call.sport = call.sport.or(sport).filter(|p| *p != 0);
        let dport = self.number(Slot::Dport, "a port")?;
        if let Some(dst) = self.take(Slot::Dst) {
            (call.dst, call.dport) = address(&dst.text);
            call.dport = call.dport.or(dport);
        } else if let Some(up) = self.take(Slot::Upstream) {
            (call.dst, call.dport) = address(&up.text);
            let port = self.number(Slot::UpstreamPort, "a port")?;
            call.dport = call.dport.or(port).or(dport);
        } else {
            call.dport = dport;
        }
        call.dport = call.dport.filter(|p| *p != 0);
        Ok(())
    }

    fn status(&mut self) -> Result<Option<u16>, NoCall> {
        let Some(said) = self.take(Slot::Status) else {
            return Ok(None);
        };
        let text = said.text.trim();
        let word = text.split([' ', ',']).next().unwrap_or_default();
        match word.parse::<i32>() {
            // no answer: HAProxy writes -1, others 0
            Ok(-1 | 0) => Ok(None),
            Ok(n @ 100..=999) => Ok(u16::try_from(n).ok()),
            _ if self.lenient => Ok(None),
            _ => Err(NoCall::unfit("a status (three digits)", said.at)),
        }
    }

    fn times(
        &mut self,
        call: &mut LogCall,
        zone: &LogZone,
        written: Option<Written>,
    ) -> Result<(), NoCall> {
        let took = self.take(Slot::Duration);
        let took = took.and_then(|d| span(&d.text, d.how)).filter(|n| *n >= 0);
        let mut read = |slot: Slot, call: &mut LogCall| -> Result<Option<i64>, NoCall> {
            let Some(said) = self.take(slot) else {
                return Ok(None);
            };
            let (ts, assumed) = moment(&said.text, said.how, zone)
                .ok_or_else(|| NoCall::unfit("a time", said.at))?;
            call.assumed_zone |= assumed;
            Ok(Some(ts))
        };
        let start = read(Slot::Start, call)?;
        let end = read(Slot::End, call)?;
        let time = read(Slot::Time, call)?;
        if start.or(end).or(time).is_none() {
            if let Some(date) = self.take(Slot::Date) {
                // the time of day may stand in a column of its own
                let clock = self.take(Slot::Clock);
                let whole = match &clock {
                    Some(c) => format!("{} {}", date.text, c.text),
                    None => date.text.to_string(),
                };
                let at = date.at;
                let (ts, assumed) = moment(&whole, date.how, zone)
                    .ok_or_else(|| NoCall::unfit("a date and a time", at))?;
                // W3C: the times of this form are UTC
                call.assumed_zone |= assumed && date.how != &How::Utc;
                call.ts = if date.how == &How::Utc && assumed {
                    moment(&whole, date.how, &LogZone(None)).map_or(ts, |(t, _)| t)
                } else {
                    ts
                };
                call.end_ts = took.map(|_| call.ts);
                call.ts -= took.unwrap_or(0);
                return Ok(());
            }
            let written = written.ok_or_else(|| NoCall::unfit(NO_TIME, 0))?;
            call.assumed_zone |= written.utc;
            (call.ts, call.year) = (written.at, written.year);
            return Ok(());
        }
        call.ts = match (start, end, took) {
            (Some(start), _, _) => start,
            (None, Some(end), Some(took)) => end.saturating_sub(took),
            (None, Some(end), None) => end,
            (None, None, _) => time.unwrap_or_default(),
        };
        call.end_ts = match (start, end, took) {
            (_, Some(end), _) => Some(end),
            (Some(start), None, Some(took)) => start.checked_add(took),
            _ => None,
        };
        call.end_ts = call.end_ts.filter(|e| *e >= call.ts);
        Ok(())
    }
}

/// Whether a text is a request line, with a known method.
fn is_line(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(method, rest)| {
        super::shape::METHODS.contains(&method)
            && (rest.starts_with('/') || rest.starts_with("http"))
    })
}

/// An address with or without port and brackets; the first of a list.
pub fn address(s: &str) -> (Option<IpAddr>, Option<u16>) {
    let s = super::names::logged(s.split([',', ' ']).next().unwrap_or_default().trim());
    if let Ok(a) = s.parse::<SocketAddr>() {
        return (Some(a.ip()), Some(a.port()));
    }
    if let Ok(a) = s.trim_matches(['[', ']']).parse() {
        return (Some(a), None);
    }
    // an IPv6 address with a port and without brackets, as some writers have it, cannot be told from a longer address
    (None, None)
}

/// A user as it was given: without quotes around it.
pub fn user(text: String) -> Option<String> {
    let inner = text
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(&text);
    (!inner.is_empty() && inner != "-").then(|| inner.to_owned())
}

/// The method that a verb of Kubernetes is made of.
fn verb(verb: &str) -> &str {
    match verb {
        "get" | "list" | "watch" | "read" => "GET",
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "delete" | "deletecollection" => "DELETE",
        other => other,
    }
}

/// The method of an operation of S3, by its name: `GetObject`, `CompleteMultipartUpload`.
fn operation(name: &str) -> &str {
    const BEGIN: [(&str, &str); 11] = [
        ("Head", "HEAD"),
        ("DeleteMultiple", "POST"),
        ("Delete", "DELETE"),
        ("Abort", "DELETE"),
        ("Put", "PUT"),
        ("Copy", "PUT"),
        ("Upload", "PUT"),
        ("CompleteMultipart", "POST"),
        ("NewMultipart", "POST"),
        ("Post", "POST"),
        ("Select", "POST"),
    ];
    let read = ["Get", "List", "WebDownload", "Query"];
    if read.iter().any(|r| name.starts_with(r)) {
        return "GET";
    }
    let found = BEGIN.iter().find(|(begin, _)| name.starts_with(begin));
    found.map_or("-", |(_, method)| method)
}

/// A target that begins with the host which is told beside it: without it.
fn behind(uri: String, host: &str) -> String {
    let rest = match uri.get(..host.len()) {
        Some(begin) if begin.eq_ignore_ascii_case(host) => uri.get(host.len()..),
        _ => None,
    };
    match rest {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(query) if query.is_empty() || query.starts_with('?') => format!("/{query}"),
        _ => uri,
    }
}

/// An id that other logs and captures share: of a `traceparent` or an `X-Amzn-Trace-Id` the trace's own.
fn trace(text: String) -> Option<String> {
    let mut parts = text.split('-');
    let lens = [2, 32, 16, 2];
    let parent = parts.clone().map(str::len).eq(lens);
    let id = match parts.nth(1) {
        Some(id) if parent => id,
        _ => match text.split_once("Root=") {
            Some((_, root)) => root.split(';').next().unwrap_or(root),
            // `projects/NAME/traces/ID`
            None => text.rsplit('/').next().unwrap_or(&text),
        },
    };
    (8..=128).contains(&id.len()).then(|| id.to_owned())
}

/// `https://host/path` as some gateways log it, in target and host.
pub fn split_absolute(uri: String) -> (String, Option<String>) {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return (uri, None);
    };
    let known = ["http", "https", "ws", "wss", "h2", "grpcs"];
    if !known.iter().any(|k| scheme.eq_ignore_ascii_case(k)) {
        return (uri, None);
    }
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(cut).unwrap_or((rest, ""));
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    (path, Some(host.to_owned()).filter(|h| !h.is_empty()))
}

/// Undoes `%XX`; twice where a writer encoded a `%` again.
pub fn percent(text: &str) -> String {
    let once = |text: &str| -> String {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((b, tail)) = rest.split_first() {
            let code = (*b == b'%')
                .then(|| std::str::from_utf8(tail.get(..2)?).ok())
                .flatten()
                .and_then(|d| u8::from_str_radix(d, 16).ok());
            match code {
                Some(code) => {
                    out.push(code);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => {
                    out.push(*b);
                    rest = tail;
                }
            }
        }
        crate::call::text::lossless(&out).into_owned()
    };
    if text.contains("%25") {
        return once(&once(text));
    }
    once(text)
}
