//! JSON lines with the field names that servers and gateways use (nginx, Envoy, Caddy, Traefik, ECS, GCP and plain ones).
//! In: one line. Out: a [`LogCall`]. Bounds: nesting is limited by the JSON reader (128), fields by the line's length.

use super::{LogZone, NoCall, request_line};
use crate::call::model::{LogCall, Ts};
use serde_json::Value;

/// Names of each field, in order of trust, without case and punctuation (`remote_addr`, `remoteAddr` are one); a dot
/// separates the levels of nested objects.
const METHOD: &[&str] = &[
    "requestmethod",
    "method",
    "httpmethod",
    "verb",
    "request.method",
    "http.request.method",
    "httprequest.requestmethod",
    "reqmethod",
    "req.method",
    "httprequestmethod",
];
const URI: &[&str] = &[
    "requesturi",
    "uri",
    "request.uri",
    "url.original",
    "requesturl",
    "httprequest.requesturl",
    "url",
    "request.url",
    "req.url",
    "path",
    "requestpath",
    "request.path",
    "urlpath",
    "url.path",
    "httptarget",
    "httppath",
    "target",
    "endpoint",
    "route",
];
const QUERY: &[&str] = &["args", "querystring", "url.query", "query", "request.query"];
const STATUS: &[&str] = &[
    "status",
    "statuscode",
    "responsecode",
    "httpstatus",
    "downstreamstatus",
    "response.status",
    "response.statuscode",
    "http.response.statuscode",
    "httprequest.status",
    "res.statuscode",
    "code",
    "httpstatuscode",
    "responsestatus",
    "originstatus",
];
const HOST: &[&str] = &[
    "httphost",
    "host",
    "requesthost",
    "authority",
    "request.host",
    "url.domain",
    "servername",
    "vhost",
    "domain",
    "req.headers.host",
    "request.headers.host",
];
const SRC: &[&str] = &[
    "remoteaddr",
    "clientip",
    "remoteip",
    "clientaddr",
    "clientaddress",
    "clienthost",
    "request.remoteip",
    "request.clientip",
    "client.ip",
    "source.ip",
    "httprequest.remoteip",
    "downstreamremoteaddress",
    "ip",
    "remotehost",
    "sourceip",
    "srcip",
    "remote",
    "client",
    "peer",
    "req.remoteaddress",
    "remoteaddress",
    "src",
    "ipaddress",
];
const SPORT: &[&str] = &[
    "remoteport",
    "clientport",
    "request.remoteport",
    "source.port",
    "sport",
];
const DST: &[&str] = &[
    "upstreamaddr",
    "upstreamhost",
    "destination.ip",
    "serveraddr",
    "serverip",
    "dst",
    "upstream",
];
const DPORT: &[&str] = &["serverport", "destination.port", "upstreamport", "dport"];
const USER: &[&str] = &[
    "remoteuser",
    "user",
    "username",
    "userid",
    "account",
    "login",
    "user.name",
    "user.id",
    "clientusername",
    "request.user",
    "authuser",
    "principal",
    "subject",
    "sub",
    "req.user",
    "uid",
    "useremail",
];
const AGENT: &[&str] = &[
    "httpuseragent",
    "useragent",
    "useragent.original",
    "requestuseragent",
    "httprequest.useragent",
    "ua",
    "agent",
    "request.headers.useragent",
    "req.headers.useragent",
];
const REFERER: &[&str] = &[
    "httpreferer",
    "referer",
    "referrer",
    "http.request.referrer",
    "httprequest.referer",
];
const SENT: &[&str] = &[
    "bodybytessent",
    "bytessent",
    "responsesize",
    "size",
    "downstreamcontentsize",
    "http.response.body.bytes",
    "httprequest.responsesize",
    "bytes",
    "responselength",
    "bytesout",
    "contentlength",
    "respsize",
    "length",
    "responsebytes",
    "res.contentlength",
];
const RECEIVED: &[&str] = &[
    "bytesreceived",
    "requestsize",
    "http.request.body.bytes",
    "requestcontentsize",
    "bytesin",
    "reqsize",
    "requestbodylength",
    "requestlength",
    "httprequest.requestsize",
];
const TRACE: &[&str] = &[
    "requestid",
    "traceid",
    "xrequestid",
    "reqid",
    "correlationid",
    "traceparent",
    "trace.id",
    "rid",
    "xcorrelationid",
    "req.id",
    "trace",
];
const TIME: &[&str] = &[
    "starttime",
    "startutc",
    "requesttimestamp",
    "timeiso8601",
    "msec",
    "timestamp",
    "time",
    "ts",
    "@timestamp",
    "datetime",
    "date",
    "timelocal",
    "at",
    "eventtime",
    "logtime",
    "t",
    "starttimeutc",
    "startlocal",
];
const VERSION: &[&str] = &[
    "serverprotocol",
    "protocol",
    "requestprotocol",
    "httpversion",
    "request.proto",
    "httprequest.protocol",
    "proto",
];
const REQUEST: &[&str] = &["request", "requestline", "httprequestline"];
const INNER: &[&str] = &["log", "message", "msg"];

/// All scalar fields of an object under their folded dotted names, in order.
fn flatten<'v>(value: &'v Value, prefix: &str, depth: u8, out: &mut Vec<(String, &'v Value)>) {
    let Value::Object(map) = value else { return };
    for (k, v) in map {
        let folded: String = k
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '.' | '@'))
            .flat_map(char::to_lowercase)
            .collect();
        let name = if prefix.is_empty() {
            folded
        } else {
            format!("{prefix}.{folded}")
        };
        match v {
            Value::Object(_) if depth > 0 => flatten(v, &name, depth - 1, out),
            Value::Array(items) => {
                if let Some(first) = items.first().filter(|f| !f.is_object() && !f.is_array()) {
                    out.push((name, first)); // header lists, as Caddy writes them
                }
            }
            Value::Null => {}
            _ => out.push((name, v)),
        }
    }
}

struct Row<'v>(Vec<(String, &'v Value)>);

impl Row<'_> {
    fn value(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|n| {
            self.0
                .iter()
                .find(|(k, v)| k == n && !empty(v))
                .map(|(_, v)| *v)
        })
    }
    fn text(&self, names: &[&str]) -> Option<String> {
        match self.value(names)? {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        }
    }
    fn number(&self, names: &[&str]) -> Option<u64> {
        match self.value(names)? {
            Value::Number(n) => n.as_u64().or_else(|| {
                n.as_f64()
                    .filter(|f| (0.0..9e15).contains(f) && f.fract() == 0.0)
                    .and_then(|f| format!("{f:.0}").parse().ok())
            }),
            Value::String(s) => s.trim().parse().ok(),
            _ => None,
        }
    }
}

fn empty(v: &Value) -> bool {
    matches!(v, Value::String(s) if s.is_empty() || s == "-")
}

/// An address with or without port and brackets; the first of a list.
fn address(s: &str) -> (Option<std::net::IpAddr>, Option<u16>) {
    let s = s.split(',').next().unwrap_or_default().trim();
    if let Ok(a) = s.parse::<std::net::SocketAddr>() {
        return (Some(a.ip()), Some(a.port()));
    }
    (s.trim_matches(['[', ']']).parse().ok(), None)
}

/// RFC 3339, a civil time, common log time, or a number of seconds, milliseconds, microseconds or nanoseconds.
pub(super) fn time(v: &Value, zone: &LogZone) -> Option<(Ts, bool)> {
    match v {
        Value::Number(n) => epoch(&n.to_string()),
        Value::String(s) => {
            let s = s.trim();
            if let Ok(t) = s.parse::<jiff::Timestamp>() {
                return Some((i64::try_from(t.as_nanosecond()).ok()?, false));
            }
            if s.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                return epoch(s);
            }
            for form in [
                "%d/%b/%Y:%H:%M:%S %z",
                "%a, %d %b %Y %H:%M:%S %z",
                "%Y-%m-%d %H:%M:%S%.f %z",
                "%Y-%m-%dT%H:%M:%S%.f%z",
                "%Y-%m-%d %H:%M:%S%.f%z",
            ] {
                if let Some(t) = jiff::fmt::strtime::parse(form, s)
                    .ok()
                    .and_then(|b| b.to_timestamp().ok())
                {
                    return Some((i64::try_from(t.as_nanosecond()).ok()?, false));
                }
            }
            let comma = s.replace(',', ".");
            let civil: jiff::civil::DateTime = comma.replace('/', "-").parse().ok()?;
            zone.resolve(civil)
        }
        _ => None,
    }
}

/// Digits with an optional fraction; the magnitude tells the unit.
fn epoch(s: &str) -> Option<(Ts, bool)> {
    let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
    let n: i64 = whole.parse().ok()?;
    let unit: i64 = match n {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        100_000_000_000_000_000.. => 1,
        _ => return None,
    };
    let digits: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(9)
        .collect();
    let part = digits.parse::<i64>().ok()? / (1_000_000_000 / unit);
    Some((n.checked_mul(unit)?.checked_add(part)?, false))
}

/// One JSON object a line.
pub fn parse(line: &[u8], zone: &LogZone) -> Result<LogCall, NoCall> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Err(NoCall::Blank);
    }
    if line.first() != Some(&b'{') {
        return Err(NoCall::Unfit);
    }
    let value: Value = serde_json::from_slice(line).map_err(|_| NoCall::Unfit)?;
    let mut fields = Vec::new();
    flatten(&value, "", 4, &mut fields);
    let row = Row(fields);
    let mut call = LogCall {
        method: row.text(METHOD),
        uri: row.text(URI),
        host: row.text(HOST),
        version: row
            .text(VERSION)
            .filter(|v| v.to_ascii_uppercase().starts_with("HTTP")),
        status: row
            .number(STATUS)
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| (100..1000).contains(n)),
        resp_body_len: row.number(SENT),
        req_body_len: row.number(RECEIVED),
        user: row.text(USER),
        user_agent: row.text(AGENT),
        referer: row.text(REFERER),
        trace_id: row.text(TRACE),
        ..LogCall::default()
    };
    if (call.method.is_none() || call.uri.is_none())
        && let Some(request) = row.text(REQUEST)
    {
        request_line(&request, &mut call)?;
    }
    if call.method.is_none() && call.uri.is_none() {
        // a container runtime's wrapper around a line of another format
        let inner = row.text(INNER).ok_or(NoCall::NoRequest)?;
        return super::clf::parse_combined(inner.as_bytes(), zone)
            .or_else(|_| super::clf::parse_common(inner.as_bytes(), zone))
            .map_err(|_| NoCall::NoRequest);
    }
    let uri = call.uri.take().ok_or(NoCall::NoRequest)?;
    let (uri, host) = split_absolute(&uri);
    call.host = call.host.or(host);
    call.uri = Some(match row.text(QUERY) {
        Some(q) if !uri.contains('?') => format!("{uri}?{}", q.trim_start_matches('?')),
        _ => uri,
    });
    if let Some(src) = row.text(SRC) {
        (call.src, call.sport) = address(&src);
    }
    call.sport = call
        .sport
        .or(row.number(SPORT).and_then(|n| u16::try_from(n).ok()));
    if let Some(dst) = row.text(DST) {
        (call.dst, call.dport) = address(&dst);
    }
    call.dport = call
        .dport
        .or(row.number(DPORT).and_then(|n| u16::try_from(n).ok()));
    let (ts, assumed) = TIME
        .iter()
        .find_map(|n| time(row.value(&[n])?, zone))
        .ok_or(NoCall::Unfit)?;
    (call.ts, call.assumed_zone) = (ts, assumed);
    Ok(call)
}

/// `https://host/path` as some gateways log it, in target and host.
fn split_absolute(uri: &str) -> (String, Option<String>) {
    match uri.split_once("://") {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
        {
            let cut = rest.find(['/', '?']).unwrap_or(rest.len());
            let (host, path) = rest.split_at(cut);
            (
                if path.is_empty() {
                    "/".to_string()
                } else {
                    path.to_string()
                },
                Some(host.to_string()),
            )
        }
        _ => (uri.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(s: &str) -> LogCall {
        parse(s.as_bytes(), &LogZone(None)).unwrap_or_else(|e| panic!("{s}: {e:?}"))
    }

    #[test]
    fn the_usual_writers_are_understood() {
        let c = one(
            r#"{"time_iso8601":"2026-03-01T10:00:00+08:00","remote_addr":"10.1.1.1","remote_user":"amy","request":"GET /a?x=1 HTTP/1.1","status":"200","body_bytes_sent":"15","http_user_agent":"curl","http_host":"api.example","request_id":"abc"}"#,
        );
        assert_eq!(
            (c.ts, c.uri.as_deref(), c.resp_body_len),
            (1_772_330_400_000_000_000, Some("/a?x=1"), Some(15))
        );
        assert_eq!(
            (c.user.as_deref(), c.host.as_deref(), c.assumed_zone),
            (Some("amy"), Some("api.example"), false)
        );
        let c = one(
            r#"{"level":"info","ts":1646861401.5241,"request":{"remote_ip":"127.0.0.1","remote_port":"41342","method":"GET","host":"localhost","uri":"/p","headers":{"User-Agent":["curl/7.82.0"]}},"user_id":"u1","duration":0.000929,"size":10900,"status":200}"#,
        );
        assert_eq!(
            (c.ts, c.sport, c.user_agent.as_deref()),
            (1_646_861_401_524_100_000, Some(41342), Some("curl/7.82.0"))
        );
        let c = one(
            r#"{"start_time":"2026-03-01T02:00:00.123Z","method":"POST","path":"/v1/x","authority":"svc:8080","response_code":503,"bytes_sent":91,"downstream_remote_address":"10.0.0.4:5555","upstream_host":"10.0.0.9:80"}"#,
        );
        assert_eq!(
            (c.status, c.sport, c.dport),
            (Some(503), Some(5555), Some(80))
        );
        let c = one(
            r#"{"ClientHost":"10.2.2.2","RequestMethod":"GET","RequestPath":"/t","RequestHost":"t.example","DownstreamStatus":204,"StartUTC":"2026-03-01T02:00:00Z","ClientUsername":"-"}"#,
        );
        assert_eq!(
            (c.host.as_deref(), c.user, c.status),
            (Some("t.example"), None, Some(204))
        );
        let c = one(
            r#"{"log":"10.0.0.9 - - [10/Oct/2026:13:55:36 +0200] \"GET /a HTTP/1.1\" 200 2 \"-\" \"x\"\n","stream":"stdout"}"#,
        );
        assert_eq!(c.uri.as_deref(), Some("/a"));
    }

    #[test]
    fn magnitude_tells_the_unit_of_a_number() {
        for s in [
            "1772330400",
            "1772330400000",
            "1772330400000000",
            "1772330400000000000",
        ] {
            assert_eq!(epoch(s).unwrap().0, 1_772_330_400_000_000_000, "{s}");
        }
        assert_eq!(epoch("1772330400.5").unwrap().0, 1_772_330_400_500_000_000);
    }

    #[test]
    fn other_json_is_not_a_call() {
        assert_eq!(
            parse(br#"{"message":"started"}"#, &LogZone(None)),
            Err(NoCall::NoRequest)
        );
        assert_eq!(
            parse(br#"{"method":"GET","path":"/x"}"#, &LogZone(None)),
            Err(NoCall::Unfit)
        );
        assert_eq!(parse(b"[1]", &LogZone(None)), Err(NoCall::Unfit));
    }
}
