//! The names that writers of logs give to what they say, for lines whose names are all that is known: JSON lines, columns with a
//! header, pairs. In: a name. Out: its slot and how far it is trusted. Bounds: none; a table.

use super::draft::{Meaning, SLOTS, Slot};
use super::shape::METHODS;
use super::time::How;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;

/// Names of each slot, in order of trust, without case and punctuation (`remote_addr`, `remoteAddr` are one); a dot
/// separates the levels of nested objects.
const NAMES: &[(Slot, &[&str])] = &[
    (
        Slot::Method,
        &[
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
            "http.method",
            "csmethod",
            "requestverb",
            "请求方法",
            "请求方式",
            "方法",
        ],
    ),
    (
        Slot::Uri,
        &[
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
            "http.url",
            "http.target",
            "csuristem",
            "req.originalurl",
            "originalurl",
            "requestedurl",
            "httpurl",
            "operurl",
            "resource",
            "requestedpath",
            "httpuri",
            "httprequesturi",
            "resourcepath",
            "xenvoyoriginalpath",
            "xenvoyoriginpath",
            "csuri",
            "urlstem",
            "uripath",
            "请求路径",
            "请求地址",
            "请求url",
            "访问路径",
            "访问地址",
            "访问url",
            "接口",
            "接口地址",
            "接口路径",
            "路径",
            "url地址",
        ],
    ),
    (
        Slot::Query,
        &[
            "args",
            "querystring",
            "url.query",
            "query",
            "request.query",
            "csuriquery",
            "requestquerystring",
            "requestquery",
            "qs",
            "qstr",
            "req.query",
        ],
    ),
    (
        Slot::Status,
        &[
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
            "http.statuscode",
            "scstatus",
            "respcode",
            "retcode",
            "httpretcode",
            "httprespcode",
            "responsestatuscode",
            "elbstatuscode",
            "httpstatcode",
            "httpresponsecode",
            "response.code",
            "response",
            "res.status",
            "resultcode",
            "状态码",
            "响应码",
            "返回码",
            "响应状态",
            "响应状态码",
            "http状态码",
        ],
    ),
    (
        Slot::Host,
        &[
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
            "domainname",
            "cshost",
            "req.host",
            "http.host",
            "server.address",
            "hostheader",
            "urlhost",
            "sourceservicename",
            "域名",
            "请求域名",
            "访问域名",
            "主机",
            "请求主机",
            "访问主机",
        ],
    ),
    (
        Slot::Src,
        &[
            "remoteaddr",
            "clientip",
            "remoteip",
            "clientaddr",
            "clientaddress",
            "clienthost",
            "request.remoteip",
            "request.clientip",
            "client.ip",
            "network.client.ip",
            "source.ip",
            "source.address",
            "client.address",
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
            "cip",
            "request.ip",
            "xrealip",
            "realip",
            "xclientip",
            "http.clientip",
            "client.addr",
            "clientipaddress",
            "calleripaddress",
            "srcaddr",
            "sourceaddress",
            "originalsrc",
            "ipclient",
            "sourceipport",
            "clientipport",
            "operip",
            "peer.ipv4",
            "origin.address",
            "ip地址",
            "客户端ip",
            "来源ip",
            "源ip",
            "访问ip",
            "登录ip",
            "操作ip",
            "请求ip",
            "用户ip",
            "来源地址",
            "源地址",
            "客户端地址",
            "操作地址",
        ],
    ),
    (
        Slot::Sport,
        &[
            "remoteport",
            "clientport",
            "request.remoteport",
            "source.port",
            "sport",
            "srcport",
            "req.remoteport",
            "spt",
            "originalclientport",
            "源端口",
            "客户端端口",
        ],
    ),
    (
        Slot::Upstream,
        &[
            "upstreamaddr",
            "upstreamhost",
            "destination.ip",
            "serveraddr",
            "serverip",
            "dst",
            "upstream",
            "destip",
            "dstip",
            "sip",
            "目的ip",
            "目标ip",
            "服务器ip",
        ],
    ),
    (
        Slot::Dport,
        &[
            "serverport",
            "destination.port",
            "upstreamport",
            "dport",
            "destport",
            "dstport",
            "目的端口",
            "目标端口",
        ],
    ),
    (
        Slot::User,
        &[
            "remoteuser",
            "user",
            "username",
            "uname",
            "email",
            "userid",
            "account",
            "login",
            "user.name",
            "user.id",
            "usr.name",
            "usr.id",
            "clientusername",
            "request.user",
            "authuser",
            "principal",
            "subject",
            "sub",
            "req.user",
            "uid",
            "useremail",
            "csusername",
            "loginname",
            "loginid",
            "useraccount",
            "usrname",
            "opername",
            "operator",
            "suser",
            "client.user",
            "requester",
            "用户",
            "用户名",
            "用户账号",
            "登录账号",
            "登录名",
            "主账号",
            "账号",
            "操作人",
            "操作人员",
            "操作用户",
            "访问用户",
            "currentuser",
            "authenticateduser",
            "userauthenticatedid",
            "操作人账号",
            "操作账号",
            "操作员",
            "登录用户",
            "auth",
        ],
    ),
    (
        Slot::Agent,
        &[
            "httpuseragent",
            "useragent",
            "useragent.original",
            "httpagent",
            "requestclientapplication",
            "requestuseragent",
            "httprequest.useragent",
            "ua",
            "agent",
            "request.headers.useragent",
            "req.headers.useragent",
            "csuseragent",
            "client.useragent",
            "用户代理",
            "浏览器标识",
        ],
    ),
    (
        Slot::Referer,
        &[
            "httpreferer",
            "referer",
            "referrer",
            "http.request.referrer",
            "httprequest.referer",
            "csreferer",
        ],
    ),
    (
        Slot::Sent,
        &[
            "bodybytessent",
            "bytessent",
            "sentbytes",
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
            "bodybytes",
            "writtenbytes",
            "responsebodysize",
            "responsebodybytes",
            "response.bodybytessent",
            "response.bytes",
            "response.contentlength",
            "res.headers.contentlength",
            "resheaders.contentlength",
            "response.headers.contentlength",
            "响应大小",
            "响应长度",
            "返回大小",
        ],
    ),
    (
        Slot::Received,
        &[
            "bytesreceived",
            "receivedbytes",
            "requestsize",
            "http.request.body.bytes",
            "requestcontentsize",
            "bytesin",
            "reqsize",
            "requestbodylength",
            "requestlength",
            "httprequest.requestsize",
        ],
    ),
    (
        Slot::Trace,
        &[
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
            "request.id",
            "req.headers.xrequestid",
            "request.headers.xrequestid",
            "kongrequestid",
            "请求id",
            "追踪id",
            "链路id",
        ],
    ),
    (
        Slot::Start,
        &[
            "starttime",
            "startutc",
            "requesttimestamp",
            "starttimeutc",
            "starttimeunixnano",
            "clientreceivedstarttimestamp",
            "start",
        ],
    ),
    (
        Slot::Time,
        &[
            "timeiso8601",
            "msec",
            "timelocal",
            "timestamp",
            "time",
            "ts",
            "@timestamp",
            "datetime",
            "at",
            "eventtime",
            "devtime",
            "opertime",
            "optime",
            "rt",
            "logtime",
            "t",
            "startlocal",
            "datencsa",
            "@t",
            "asctime",
            "timegenerated",
            "timedate",
            "timegeneratedutc",
            "timemicros",
            "timeunixnano",
            "observedtimeunixnano",
            "时间",
            "访问时间",
            "请求时间",
            "操作时间",
            "日志时间",
            "记录时间",
            "发生时间",
        ],
    ),
    (Slot::Date, &["date"]),
    (Slot::Behalf, &["onbehalfof", "impersonateduser", "actas"]),
    (
        Slot::Version,
        &[
            "serverprotocol",
            "protocol",
            "requestprotocol",
            "requestproto",
            "httpversion",
            "request.proto",
            "httprequest.protocol",
            "proto",
        ],
    ),
    (
        Slot::Request,
        &["request", "requestline", "httprequestline"],
    ),
    (
        Slot::Forwarded,
        &[
            "xforwardedfor",
            "httpxforwardedfor",
            "forwardedfor",
            "request.headers.xforwardedfor",
            "fwd",
        ],
    ),
];

/// Meanings by slot, as values of a static have to live.
pub(super) static MEANINGS: LazyLock<Vec<Meaning>> = LazyLock::new(|| {
    SLOTS
        .iter()
        .map(|(_, slot)| Meaning {
            slot: *slot,
            how: How::Plain,
        })
        .collect()
});

static BY_NAME: LazyLock<FxHashMap<&'static str, (Slot, usize)>> = LazyLock::new(|| {
    let mut by = FxHashMap::default();
    for (slot, names) in NAMES {
        for (rank, name) in names.iter().enumerate() {
            by.entry(*name).or_insert((*slot, rank));
        }
    }
    by
});

/// A slot as it stands.
pub fn meaning(slot: Slot) -> &'static Meaning {
    static NONE: Meaning = Meaning::plain(Slot::Time);
    MEANINGS.get(slot as usize).unwrap_or(&NONE)
}

/// Slot of a folded name, and its rank among the names of that slot.
pub fn slot(folded: &str) -> Option<(Slot, usize)> {
    BY_NAME.get(folded).copied()
}

/// A name without case and punctuation.
pub fn fold(name: &str, out: &mut String) {
    out.extend(
        name.chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '.' | '@'))
            .flat_map(char::to_lowercase),
    );
}

/// Without what a logger of Python begins its lines with (`INFO:aiohttp.access:`).
pub fn logged(text: &str) -> &str {
    const LEVELS: [&str; 5] = ["INFO", "WARNING", "ERROR", "DEBUG", "CRITICAL"];
    let rest = text.split_once(':').filter(|(l, _)| LEVELS.contains(l));
    let rest = rest.and_then(|(_, rest)| rest.split_once(':'));
    rest.map_or(text, |(_, rest)| rest)
}

/// Whether a text is how a writer says that there is nothing.
pub fn says_nothing(text: &str) -> bool {
    matches!(
        text,
        "" | "-" | "--" | "N/A" | "n/a" | "(null)" | "null" | "None" | "undefined"
    )
}

/// Whether a text is a request target or a URL, and no request line.
pub(super) fn is_target(text: &str) -> bool {
    let scheme = ["http://", "https://"];
    let begins = text.starts_with('/') || scheme.iter().any(|s| text.starts_with(s));
    begins && !text.contains(' ')
}

/// Ways of logging in, which are no names, and what writers call whoever did not log in.
const HOW: [&str; 15] = [
    "basic",
    "bearer",
    "digest",
    "jwt",
    "oauth",
    "oauth2",
    "mtls",
    "true",
    "false",
    "unknown",
    "http",
    "https",
    "anonymous",
    "anonymousUser",
    "undefined",
];

/// Whether a text is a time of day alone.
pub(super) fn is_clock(text: &str) -> bool {
    let digits = |b: &u8| b.is_ascii_digit() || matches!(b, b':' | b'.');
    let colons = text.bytes().filter(|b| *b == b':').count();
    colons == 2 && text.as_bytes().iter().all(digits)
}

/// Whether a text can be of a slot: names are used for many things.
pub fn fits(slot: Slot, text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    match slot {
        Slot::Status => text.len() == 3 && digits(text) && !text.starts_with('0'),
        Slot::Sent | Slot::Received | Slot::Sport | Slot::Dport => digits(text),
        // how a compaction, a login or a mean is made is called a method as well
        Slot::Method => {
            let capital = |b: u8| b.is_ascii_uppercase() || matches!(b, b'-' | b'_');
            METHODS.iter().any(|m| m.eq_ignore_ascii_case(text))
                || ((3..=20).contains(&text.len()) && text.bytes().all(capital))
        }
        Slot::Request => text.contains(' '),
        // `auth` may tell how instead of who
        Slot::User => !HOW.iter().any(|h| h.eq_ignore_ascii_case(text)),
        Slot::Clock => is_clock(text),
        Slot::Version => text
            .get(..5)
            .is_some_and(|h| h.eq_ignore_ascii_case("http/")),
        // `at=info`
        Slot::Time | Slot::Start | Slot::Date => {
            let long = text.len() >= 8 && text.bytes().any(|b| b.is_ascii_digit());
            // of a range, a page, a line: a number is a time where it is as long as one
            let whole = text.split('.').next().unwrap_or_default();
            let plain = digits(whole) && !matches!(whole.len(), 10 | 13 | 16 | 19);
            let moment = || super::time::any(text, &super::LogZone(None)).is_some();
            long && (slot != Slot::Start || !plain && moment())
        }
        _ => true,
    }
}
