//! Headers of an application's own: which may carry a token or name a key. In: names, a request's head. Out: yes or no.
//! Bounds: short lists, one pass over the headers.

use super::presented::secret_print;
use super::{fronts, words};
use crate::call::model::{CredentialSeen, Message};
use crate::detect::print::PrintKey;
use std::borrow::Cow;

/// Whether a header is none of HTTP's own, by the names that clients send.
pub fn own_header(name: &str) -> bool {
    let standard = [
        "host",
        "user-agent",
        "referer",
        "origin",
        "connection",
        "cookie",
        "authorization",
        "date",
        "range",
        "via",
        "from",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "pragma",
        "forwarded",
        "keep-alive",
        "traceparent",
        "tracestate",
        "baggage",
        "b3",
        "dnt",
        "priority",
        "soapaction",
    ];
    let families = [
        "accept",
        "content-",
        "if-",
        "sec-",
        "cache-",
        "proxy-",
        "x-",
        "cf-",
        "transfer-",
        "access-control-",
        "upgrade-",
        "uber-",
        "elastic-",
        "newrelic",
    ];
    !standard.iter().any(|s| name.eq_ignore_ascii_case(s))
        && !families.iter().any(|f| {
            name.get(..f.len())
                .is_some_and(|p| p.eq_ignore_ascii_case(f))
        })
        && !words::about_itself(&name.to_ascii_lowercase())
}

/// Whether a header names the key by which another one signs the request: `X-Ca-Key` beside `X-Ca-Signature`, an application's
/// or an access key's beside any signature. Such keys are short and no secrets, so nothing else tells them.
pub fn signs(req: &Message, name: &str) -> bool {
    let own = words::signing_key(name) || signer(name);
    let prefix = name.strip_suffix("key").filter(|p| p.ends_with('-'));
    if !own && prefix.is_none() {
        return false;
    }
    req.headers.iter().any(|(n, _)| {
        let n = req.head.get(n.clone()).unwrap_or_default();
        let n = String::from_utf8_lossy(n).to_ascii_lowercase();
        let Some(rest) = n
            .strip_suffix("signature")
            .or_else(|| n.strip_suffix("sign"))
        else {
            return false;
        };
        own || Some(rest) == prefix && rest != "x-"
    })
}

/// Whether a header holds the number of what signs for itself: a device, a partner, a shop.
fn signer(name: &str) -> bool {
    let name = name.strip_prefix("x-").unwrap_or(name);
    name.strip_suffix("-id").is_some_and(|n| {
        let last = n.rsplit('-').next().unwrap_or(n);
        matches!(
            last,
            "device"
                | "client"
                | "partner"
                | "merchant"
                | "terminal"
                | "caller"
                | "key"
                | "app"
                | "application"
                | "sensor"
                | "node"
                | "station"
                | "account"
                | "customer"
                | "member"
                | "vendor"
                | "consumer"
                | "principal"
                | "integration"
        )
    })
}

/// Whether a header that nobody knows may carry a token: it is an application's own and not about the exchange.
pub fn may_carry(name: &str) -> bool {
    (name.starts_with("x-")
        || ["token", "auth", "sess", "key", "ticket"]
            .iter()
            .any(|w| name.contains(w)))
        && !words::about_itself(name)
        && !name.starts_with("x-forwarded")
        && !name.starts_with("x-amz-")
        && !name.starts_with("x-b3-")
        && !name.starts_with("sec-")
}

/// A token in a header of an application's own, which may have the scheme before it as in the standard's: `Blade-Auth: bearer ey...`.
pub fn behind_scheme<'a>(name: &str, v: Cow<'a, str>) -> Cow<'a, str> {
    match v.split_once(' ') {
        Some((scheme, token))
            if scheme.eq_ignore_ascii_case("bearer")
                && !name.eq_ignore_ascii_case("authorization")
                && !name.eq_ignore_ascii_case("proxy-authorization") =>
        {
            Cow::Owned(token.trim().to_owned())
        }
        _ => v,
    }
}

/// Whose a token is that says so before its secret, and which of theirs: `PVEAPIToken=ida@pve!backup=SECRET`.
pub fn named_in_token(rest: &str) -> Option<String> {
    let rest = match rest.split_once('=') {
        Some((kind, r)) if kind.bytes().all(|b| b.is_ascii_alphanumeric()) => r,
        _ => rest,
    };
    let (id, secret) = rest.rsplit_once(['=', ':'])?;
    let (name, which) = id.split_once('!')?;
    let fits = |s: &str| {
        (1..=128).contains(&s.len()) && !s.contains(|c: char| c.is_whitespace() || c == '"')
    };
    let (user, realm) = name.split_once('@')?;
    (fits(user) && fits(realm) && fits(which) && secret.len() >= 16 && words::random(secret))
        .then(|| name.to_owned())
}

/// Whether a key by its name is a program's, whose users are others than its bearer.
fn acts_for_others(prefix: &str) -> bool {
    [
        "app-",
        "application-",
        "client-",
        "service-",
        "consumer-",
        "partner-",
    ]
    .iter()
    .any(|w| prefix.ends_with(w))
}

/// A key that is shown with its bearer's name in the header beside it acts as that one: `Api-Key` and `Api-Username`, `X-Auth-Key`
/// and `X-Auth-Email`. One key may act as several, so each of them has a credential of its own.
pub fn bearer_of_key(req: &Message, c: &mut CredentialSeen, key: &PrintKey) {
    if c.kind != "api-key" || c.name.is_some() {
        return;
    }
    let Some(prefix) = c
        .place
        .strip_prefix("header:")
        .and_then(|h| h.strip_suffix("key").or_else(|| h.strip_suffix("token")))
        .filter(|p| p.len() > 2 && p.ends_with('-') && !acts_for_others(p))
    else {
        return;
    };
    let named = [
        "username",
        "user",
        "user-name",
        "email",
        "user-email",
        "login",
    ]
    .iter()
    .find_map(|w| req.header(&format!("{prefix}{w}")))
    .and_then(|v| fronts::person(&String::from_utf8_lossy(v.trim_ascii())));
    if let Some(name) = named {
        c.print ^= secret_print(key, &name.to_lowercase());
        (c.name, c.claim) = (Some(name), Some("user".into()));
    }
}
