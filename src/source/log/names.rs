//! The names that writers of logs give to what they say, for lines whose names are all that is known: JSON lines, columns with a
//! header, pairs. In: a name. Out: its slot and how far it is trusted. Bounds: none; a table.

use super::draft::{Draft, Meaning, SLOTS, Slot};
use super::spans::{EITHER, LEVELS, span, with_unit};
use super::time::How;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
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
            "requestedpath",
            "httpuri",
            "httprequesturi",
            "resourcepath",
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
            "httpstatcode",
            "httpresponsecode",
            "response.code",
            "response",
            "res.status",
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
            "peer.ipv4",
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
            "csusername",
            "client.user",
            "用户",
            "用户名",
            "用户账号",
            "登录账号",
            "登录名",
            "主账号",
            "账号",
            "操作人",
            "操作用户",
            "访问用户",
            "currentuser",
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
        ],
    ),
    (
        Slot::Time,
        &[
            "timeiso8601",
            "msec",
            "timestamp",
            "time",
            "ts",
            "@timestamp",
            "datetime",
            "timelocal",
            "at",
            "eventtime",
            "logtime",
            "t",
            "startlocal",
            "datencsa",
            "@t",
            "asctime",
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
static MEANINGS: LazyLock<Vec<Meaning>> = LazyLock::new(|| {
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

/// Ways of logging in, which are no names.
const HOW: [&str; 9] = [
    "basic", "bearer", "digest", "jwt", "oauth", "oauth2", "mtls", "true", "false",
];

/// Whether a text can be of a slot: names are used for many things.
fn fits(slot: Slot, text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    match slot {
        Slot::Status => text.len() == 3 && digits(text) && !text.starts_with('0'),
        Slot::Sent | Slot::Received | Slot::Sport | Slot::Dport => digits(text),
        Slot::Method => !digits(text),
        Slot::Request => text.contains(' '),
        // `auth` may tell how instead of who
        Slot::User => !HOW.iter().any(|h| h.eq_ignore_ascii_case(text)),
        Slot::Version => text
            .get(..5)
            .is_some_and(|h| h.eq_ignore_ascii_case("http/")),
        // `at=info`
        Slot::Time | Slot::Start | Slot::Date => {
            text.len() >= 8 && text.bytes().any(|b| b.is_ascii_digit())
        }
        _ => true,
    }
}

/// What stands under known names: of several for one slot the most trusted.
#[derive(Default)]
pub struct Best<'a> {
    found: [Option<(usize, usize, Cow<'a, str>)>; SLOTS.len()],
    /// A span without a unit behind its name is of milliseconds, as the servers of Node have it.
    node: bool,
    /// A logger wrote the line, and when it did.
    logger: bool,
}

impl<'a> Best<'a> {
    /// Of an object, as servers of Node write one or not.
    pub fn of_node(node: bool) -> Best<'a> {
        Best {
            node,
            ..Best::default()
        }
    }

    /// Takes what stands under a folded name.
    pub fn take(&mut self, name: &str, at: usize, text: impl FnOnce() -> Option<Cow<'a, str>>) {
        if let Some((slot, rank)) = slot(name) {
            let Some(text) = text().filter(|t| !matches!(t.as_ref(), "" | "-")) else {
                return;
            };
            // `request` may hold the target alone
            let slot = match slot {
                Slot::Request if text.starts_with('/') && !text.contains(' ') => Slot::Uri,
                slot => slot,
            };
            if let Some(have) = self.found.get_mut(slot as usize)
                && have.as_ref().is_none_or(|(r, _, _)| rank < *r)
                && fits(slot, &text)
            {
                *have = Some((rank, at, text));
            }
            return;
        }
        if LEVELS.contains(&name) {
            self.logger = true;
        } else if let Some(unit) = span(name)
            && let Some(text) = text()
        {
            self.span(name, at, unit, text);
        }
    }

    fn span(&mut self, name: &str, at: usize, unit: Option<i64>, text: Cow<'a, str>) {
        if name == EITHER && text.contains(['/', '-', ':']) {
            if let Some(have @ None) = self.found.get_mut(Slot::Time as usize) {
                *have = Some((usize::MAX, at, text));
            }
        } else if let Some(text) = with_unit(&text, unit, self.node)
            && let Some(have) = self.found.get_mut(Slot::Duration as usize)
            && (have.is_none() || unit.is_some())
        {
            *have = Some((0, at, Cow::Owned(text)));
        }
    }

    /// Whether something stands for a slot.
    pub fn has(&self, slot: Slot) -> bool {
        self.found.get(slot as usize).is_some_and(Option::is_some)
    }

    /// Whether it is of a request.
    pub fn is_request(&self) -> bool {
        self.has(Slot::Request) || (self.has(Slot::Method) && self.has(Slot::Uri))
    }

    /// Takes from what stands around it what may be said there of a request.
    pub fn around(&mut self, outer: Best<'a>) {
        const MAY: &[Slot] = &[
            Slot::Time,
            Slot::Start,
            Slot::Date,
            Slot::Duration,
            Slot::Status,
            Slot::Src,
            Slot::User,
            Slot::Trace,
        ];
        self.logger |= outer.logger;
        for (n, found) in outer.found.into_iter().enumerate() {
            if let Some(have @ None) = self.found.get_mut(n)
                && MAY.iter().any(|s| *s as usize == n)
            {
                *have = found;
            }
        }
    }

    /// Says it to a draft.
    pub fn say(mut self, draft: &mut Draft<'a>) {
        draft.lenient = true;
        if self.logger
            && self.has(Slot::Duration)
            && let Some(time) = self.found.get_mut(Slot::Time as usize)
            && let Some((_, at, text)) = time.take()
        {
            draft.put(meaning(Slot::End), text, at);
        }
        for (found, meaning) in self.found.into_iter().zip(MEANINGS.iter()) {
            if let Some((_, at, text)) = found {
                draft.put(meaning, text, at);
            }
        }
    }
}
