//! The names that writers of logs give to what they say, for lines whose names are all that is known: JSON lines, columns with a
//! header, pairs. In: a name. Out: its slot and how far it is trusted. Bounds: none; a table.

use super::draft::{Draft, Meaning, SLOTS, Slot};
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
        ],
    ),
    (
        Slot::Start,
        &["starttime", "startutc", "requesttimestamp", "starttimeutc"],
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

/// Whether a text can be of a slot: names are used for many things.
fn fits(slot: Slot, text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    match slot {
        Slot::Status => text.len() == 3 && digits(text) && !text.starts_with('0'),
        Slot::Sent | Slot::Received | Slot::Sport | Slot::Dport => digits(text),
        Slot::Method => !digits(text),
        Slot::Request => text.contains(' '),
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
pub struct Best<'a>([Option<(usize, usize, Cow<'a, str>)>; SLOTS.len()]);

impl<'a> Best<'a> {
    /// Takes what stands under a folded name.
    pub fn take(&mut self, name: &str, at: usize, text: impl FnOnce() -> Option<Cow<'a, str>>) {
        if let Some((slot, rank)) = slot(name)
            && let Some(have) = self.0.get_mut(slot as usize)
            && have.as_ref().is_none_or(|(r, _, _)| rank < *r)
            && let Some(text) = text()
            && !matches!(text.as_ref(), "" | "-")
            && fits(slot, &text)
        {
            *have = Some((rank, at, text));
        }
    }

    /// Says it to a draft.
    pub fn say(self, draft: &mut Draft<'a>) {
        draft.lenient = true;
        for (found, meaning) in self.0.into_iter().zip(MEANINGS.iter()) {
            if let Some((_, at, text)) = found {
                draft.put(meaning, text, at);
            }
        }
    }
}
