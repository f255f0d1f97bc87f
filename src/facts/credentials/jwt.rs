//! Who a JSON Web Token says it is for (RFC 7519, unverified). In: text. Out: names and whether it is a program's.
//! Bounds: one pass over a token of at most 16 KB.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What a token says about its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Claim and name, best first.
    pub names: Vec<(&'static str, String)>,
    /// Whether it stands for a program.
    pub service: bool,
    /// For whom the program acts (RFC 8693, `act`): the token is the user's, the actor presents it.
    pub behalf: Option<String>,
    /// Whether it is no token but all of a framework's session: one of somebody unknown is a visitor's.
    pub session: bool,
    /// Tenant of the service that its names are of, and the claim.
    pub tenant: Option<(String, String)>,
}

/// Claims that name a user, best first. `sub` is last: it is often a number that nobody knows.
const USER: &[&str] = &[
    "preferred_username",
    "username",
    "user_name",
    "userName",
    "login",
    "loginName",
    "upn",
    "unique_name",
    "cognito:username",
    "account",
    "email",
    "uid",
    "user_id",
    "userId",
    "sub",
    "nickname",
    "name",
];
const CLIENT: &[&str] = &["client_id", "clientId", "azp", "appid", "cid"];
/// Objects inside which applications put the user.
const INSIDE: &[&str] = &[
    "user",
    "data",
    "payload",
    "claims",
    "identity",
    "principal",
    "profile",
    "userInfo",
    "user_info",
    "userinfo",
    "employee",
    "member",
    "ext",
    "context",
];

/// Whether text has the form of a JWS in compact form.
pub fn looks(token: &str) -> bool {
    token.starts_with("ey")
        && token.len() <= 16 << 10
        && token.bytes().filter(|b| *b == b'.').count() == 2
}

/// Reads a token; `None` where it is not one.
pub fn read(token: &str) -> Option<Claims> {
    if !looks(token) {
        return None;
    }
    if let Some(content) = session(token) {
        return Some(of_session(&content));
    }
    let mut parts = token.split('.');
    let head = part(parts.next()?)?;
    head.get("alg")?;
    let body = part(parts.next()?)?;
    Some(claims(&body))
}

/// The content of a signed session of a framework that keeps all of it in the cookie: content, time, signature.
fn session(token: &str) -> Option<Value> {
    let (content, rest) = token.split_once('.').filter(|_| looks(token))?;
    let (time, signature) = rest.split_once('.')?;
    if !(5..=8).contains(&time.len()) || !matches!(signature.len(), 27 | 43 | 86) {
        return None;
    }
    part(content).filter(|c| c.is_object() && c.get("alg").is_none())
}

/// Whom such a session names.
fn of_session(content: &Value) -> Claims {
    let mut names = Vec::new();
    for (key, claim) in [
        ("username", "username"),
        ("email", "email"),
        ("_user_id", "user_id"),
    ] {
        names.extend(content.get(key).and_then(text).map(|n| (claim, n)));
    }
    for (claim, name) in claims(content).names {
        if !names
            .iter()
            .any(|(_, n): &(&str, String)| n.eq_ignore_ascii_case(&name))
        {
            names.push((claim, name));
        }
    }
    Claims {
        names,
        session: true,
        tenant: super::tenant::claimed(content, INSIDE),
        ..Claims::default()
    }
}

/// Keys of such a session that say nothing of who has it.
fn idle(key: &str) -> bool {
    matches!(
        key,
        "csrf_token" | "_flashes" | "_permanent" | "_fresh" | "locale" | "lang" | "next"
    )
}

/// Whether text is such a session of somebody who is not logged in: it has nothing but what any visitor's has, or what the
/// session before it had, that named nobody.
pub fn visitor(token: &str, before: Option<&str>) -> bool {
    let keys = |t: &str| -> Option<Vec<String>> {
        let content = session(t)?;
        Some(content.as_object()?.keys().cloned().collect())
    };
    let Some(now) = keys(token) else {
        return false;
    };
    let named = |t: &str| read(t).is_some_and(|c| !c.names.is_empty());
    let had = before
        .filter(|b| !named(b) && !named(token))
        .and_then(keys)
        .unwrap_or_default();
    now.iter().all(|k| idle(k) || had.contains(k))
}

fn part(text: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn text(v: &Value) -> Option<String> {
    match v {
        Value::String(s) if !s.is_empty() && s.len() <= 200 => Some(s.trim().to_owned()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

/// Whether a claim is one address of mail.
fn address(v: &str) -> bool {
    v.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.contains('.')
            && !host.contains('@')
            && !v.contains([' ', '/', ',', ';', ':'])
    })
}

fn claims(body: &Value) -> Claims {
    // Who acts stands in `act`; an `act` inside of it is who acted before.
    if let Some(actor) = body.get("act").filter(|a| a.is_object()) {
        let named = ["client_id", "azp", "sub"]
            .iter()
            .find_map(|c| actor.get(*c).and_then(text));
        let mut of = body.clone();
        if let (Some(actor), Some(o)) = (named, of.as_object_mut()) {
            o.remove("act");
            let user = claims(&of);
            if let Some((_, behalf)) = user.names.into_iter().next() {
                return Claims {
                    names: vec![("client_id", actor)],
                    service: true,
                    behalf: Some(behalf),
                    ..Claims::default()
                };
            }
        }
    }
    let client = CLIENT.iter().find_map(|c| body.get(*c).and_then(text));
    let mut names = Vec::new();
    for place in std::iter::once(body).chain(INSIDE.iter().filter_map(|k| body.get(*k))) {
        for c in USER {
            if let Some(n) = place.get(*c).and_then(text)
                && !names
                    .iter()
                    .any(|(_, m): &(&str, String)| m.eq_ignore_ascii_case(&n))
            {
                names.push((*c, n));
            }
        }
    }
    let robot = names.iter().any(|(_, n)| n.starts_with("service-account-"))
        || [
            "gty",
            "grant_type",
            "token_type",
            "typ",
            "idtyp",
            "sub_type",
            "kind",
            "type",
        ]
        .iter()
        .any(|k| {
            body.get(*k).and_then(Value::as_str).is_some_and(|v| {
                matches!(
                    v,
                    "client-credentials" | "client_credentials" | "app" | "service" | "machine"
                )
            })
        });
    if let Some(client) = client.clone() {
        let named = names.iter().any(|(c, n)| {
            *c != "sub" && !n.starts_with("service-account-")
                || *c == "sub" && *n != client && *n != format!("{client}@clients")
        });
        if robot || !named {
            return Claims {
                names: vec![("client_id", client)],
                service: true,
                ..Claims::default()
            };
        }
    }
    let numbers = names.iter().all(|(c, _)| {
        matches!(
            *c,
            "sub" | "name" | "nickname" | "uid" | "user_id" | "userId"
        )
    });
    if numbers {
        // Claims of no standard: a key that speaks of a login name.
        let better = names
            .iter()
            .any(|(c, _)| !matches!(*c, "sub" | "name" | "nickname"));
        let inside = || INSIDE.iter().filter_map(|k| body.get(*k));
        let all = || {
            std::iter::once(body)
                .chain(inside())
                .filter_map(Value::as_object)
                .flatten()
        };
        let keyed = all().find(|(k, v)| {
            let k = super::words::plain(k.rsplit(['/', ':']).next().unwrap_or(k));
            // A number of one's own is left only for a name that people log in with.
            let fits = if better {
                v.as_str()
                    .is_some_and(|s| s.chars().any(char::is_alphabetic))
                    && super::words::login_key(&k)
            } else {
                v.is_string() || v.is_u64() && k.ends_with("no")
            };
            fits && super::words::user_rank(&k).is_some() && k != "name"
        });
        // Or an address of mail under a key that nobody knows, the only one of the token.
        let own = keyed.or_else(|| {
            if better {
                return None;
            }
            let mut mail = all().filter(|(_, v)| v.as_str().is_some_and(address));
            mail.next().filter(|_| mail.next().is_none())
        });
        if let Some(n) = own.and_then(|(_, v)| text(v)) {
            names.retain(|(_, o)| !o.eq_ignore_ascii_case(&n));
            names.insert(0, ("login", n));
        }
    }
    if names.is_empty() {
        names.extend(numbered(body));
    }
    // A display name is no identity where anything better is there: two people may share it.
    let shown = |c: &str| matches!(c, "name" | "nickname");
    if names.iter().any(|(c, _)| !shown(c)) {
        names.retain(|(c, _)| !shown(c));
    }
    Claims {
        names,
        service: robot,
        tenant: super::tenant::claimed(body, INSIDE),
        ..Claims::default()
    }
}

/// A token that nobody's words are in still says whose it is by an object with an `id`, or by its only key that ends so.
fn numbered(body: &Value) -> Option<(&'static str, String)> {
    let others = [
        "jti",
        "jwtid",
        "sid",
        "kid",
        "session",
        "tenant",
        "org",
        "company",
        "client",
        "device",
        "app",
        "request",
        "trace",
        "correlation",
        "guest",
        "anon",
        "visitor",
        "cart",
        "basket",
        "role",
        "group",
        "team",
        "dept",
        "department",
        "realm",
        "site",
        "key",
        "token",
        "nonce",
        "event",
        "issuer",
        "audience",
        "plan",
        "store",
        "shop",
        "project",
        "workspace",
        "account",
    ];
    let about = |k: &str| {
        let k = super::words::plain(k);
        !others.iter().any(|w| k.starts_with(w))
    };
    let o = body.as_object()?;
    let value = |v: &Value| text(v).filter(|t| t.len() <= 64 && t != "0");
    let mut found = o
        .iter()
        .filter(|(k, _)| about(k))
        .filter_map(|(k, v)| match v {
            Value::Object(inside) => value(inside.get("id").or_else(|| inside.get("_id"))?),
            _ => {
                let plain = super::words::plain(k);
                value(v).filter(|_| plain.ends_with("id"))
            }
        });
    let one = found.next()?;
    found.next().is_none().then_some(("sub", one))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A token with these claims and a made-up signature.
    pub fn token(claims: &str) -> String {
        let e = |s: &str| URL_SAFE_NO_PAD.encode(s);
        format!(
            "{}.{}.{}",
            e(r#"{"alg":"HS256","typ":"JWT"}"#),
            e(claims),
            e("not-a-signature")
        )
    }

    #[test]
    fn best_claim_first_and_programs_known() {
        let c = read(&token(
            r#"{"sub":"u-17","email":"a@x.com","preferred_username":"alice","azp":"web"}"#,
        ))
        .unwrap();
        assert_eq!(c.names[0], ("preferred_username", "alice".into()));
        assert_eq!(c.names.len(), 3);
        assert!(!c.service);
        for t in [
            r#"{"sub":"billing","client_id":"billing"}"#,
            r#"{"sub":"billing@clients","azp":"billing","gty":"client-credentials"}"#,
            r#"{"preferred_username":"service-account-billing","sub":"1-2","azp":"billing"}"#,
            r#"{"client_id":"billing","scope":"a"}"#,
        ] {
            let c = read(&token(t)).unwrap();
            assert_eq!((c.names[0].1.as_str(), c.service), ("billing", true), "{t}");
        }
        let c = read(&token(r#"{"user":{"id":4,"username":"bob"},"iat":1}"#)).unwrap();
        assert_eq!(c.names[0].1, "bob");
        for (t, name) in [
            (
                r#"{"urn:x:innehaver":"bob@x.example","pid":4}"#,
                "bob@x.example",
            ),
            (r#"{"sub":"9","brukernavn":"bob"}"#, "bob"),
        ] {
            assert_eq!(read(&token(t)).unwrap().names[0].1, name, "{t}");
        }
        // an object with an `id`, or the only key that ends so
        for (t, name) in [
            (
                r#"{"ply":{"id":4711,"tag":"bob"},"typ":"a","jti":"9f"}"#,
                "4711",
            ),
            (r#"{"memberId":"M-17","tenantId":"t3","iat":1}"#, "M-17"),
        ] {
            assert_eq!(read(&token(t)).unwrap().names[0].1, name, "{t}");
        }
        for t in [
            r#"{"memberId":"M-17","driverId":"d3"}"#,
            r#"{"guest_id":"9f8e","cartId":7}"#,
        ] {
            assert!(read(&token(t)).unwrap().names.is_empty(), "{t}");
        }
        let two = r#"{"p:a":"bob@x.example","p:b":"eva@x.example"}"#;
        assert!(read(&token(two)).unwrap().names.is_empty());
        assert_eq!(read("eyJ1IjoxfQ.Yabc.sig"), None);
        assert_eq!(read("a.b.c"), None);
    }
}
