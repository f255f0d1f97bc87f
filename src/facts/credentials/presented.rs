//! Credentials that a request presents. In: a request's head. Out: credentials and what fronts say about the user.
//! Bounds: [`MAX`] credentials a call; a value longer than 16 KB is printed, never parsed.

use super::fields::percent;
use super::own::{may_carry, own_header, signs};
use super::{CallView, fronts, in_path, jwt, own, signed, tenant, words};
use crate::call::model::{CredentialSeen, IdentityEvent, MAYBE, Message};
use crate::detect::print::{PrintKey, PrintKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rustc_hash::FxHashMap;

/// Credentials kept of one call: real calls carry one to three.
const MAX: usize = 12;

/// What a request presents.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    /// Credentials as found.
    pub credentials: Vec<CredentialSeen>,
    events: Vec<IdentityEvent>,
}

impl Presented {
    /// The events found beside the credentials; leaves none behind.
    pub fn take_events(&mut self) -> Vec<IdentityEvent> {
        std::mem::take(&mut self.events)
    }

    fn add(&mut self, c: CredentialSeen) {
        if self.credentials.len() < MAX && !self.credentials.iter().any(|o| o.print == c.print) {
            self.credentials.push(c);
        }
    }

    /// A token in any place: a JWT where it reads as one, else what the place says it is.
    pub fn token(&mut self, kind: &'static str, place: String, secret: &str, key: &PrintKey) {
        let secret = secret.trim_matches('"');
        let print = secret_print(key, secret);
        // A framework's session that names nobody is a cookie like others.
        let read = jwt::read(secret).filter(|c| !c.session || !c.names.is_empty());
        let Some(claims) = read else {
            // What may be no credential at all must not become one by a word that it begins with.
            let name = signed::name(kind, secret).filter(|_| super::sure_place(&place));
            self.add(CredentialSeen {
                kind,
                place,
                print,
                claim: name.as_ref().map(|_| "user".to_owned()),
                name,
                service: false,
            });
            return;
        };
        if let Some(name) = claims.behalf {
            self.events.push(IdentityEvent::OnBehalf { name });
        }
        let best = claims.names.first().cloned();
        if let Some((_, user)) = best.as_ref().filter(|_| !claims.service) {
            tenant::of_token(user, claims.tenant, &mut self.events);
        }
        if claims.names.len() > 1 {
            let names = claims.names.into_iter().map(|(_, n)| n).collect();
            let event = IdentityEvent::SamePerson { names };
            if !self.events.contains(&event) {
                self.events.push(event);
            }
        }
        // What a browser keeps may name the application that it is for, which is nobody in it.
        let best = best.filter(|_| !(kind == "cookie" && claims.service));
        let service = claims.service && kind != "cookie";
        let (claim, name) = best.map_or((None, None), |(c, n)| (Some(c.to_owned()), Some(n)));
        self.add(CredentialSeen {
            kind: "jwt",
            place,
            print,
            name,
            claim,
            service,
        });
    }
}

/// Print of a secret: the same wherever it stands.
pub fn secret_print(key: &PrintKey, secret: &str) -> u64 {
    key.print(PrintKind::Credential, secret.as_bytes())
}

/// Header blocks remembered, and the longest of them: a client sends the same one with most of its requests.
const BLOCKS: usize = 1024;
const BLOCK: usize = 2 << 10;

/// What header blocks presented, and what paths say.
#[derive(Debug, Default)]
pub struct Memo {
    blocks: FxHashMap<Box<[u8]>, Presented>,
    pub(super) paths: super::paths::Said,
}

/// Reads all credentials of a request.
pub fn read(v: &CallView<'_>, key: &PrintKey, memo: &mut Memo) -> Presented {
    let Some(req) = v.req else {
        return Presented::default();
    };
    let mut out = block(req, key, memo);
    query(req, key, &mut out);
    in_path::presented(req, key, &mut out);
    if let Some(dn) = v.peer {
        out.add(fronts::certificate(
            "tls:client-certificate".into(),
            dn,
            key,
        ));
    }
    out
}

/// What the header block presents, remembered by its bytes.
fn block(req: &Message, key: &PrintKey, memo: &mut Memo) -> Presented {
    let fresh = || {
        let mut out = Presented::default();
        headers(req, key, &mut out);
        out
    };
    let (Some(first), Some(last)) = (req.headers.first(), req.headers.last()) else {
        return Presented::default();
    };
    let Some(block) = req
        .head
        .get(first.0.start..last.1.end)
        .filter(|b| b.len() <= BLOCK)
    else {
        return fresh();
    };
    if let Some(known) = memo.blocks.get(block) {
        return known.clone();
    }
    let out = fresh();
    if memo.blocks.len() >= BLOCKS {
        memo.blocks.clear();
    }
    memo.blocks.insert(block.into(), out.clone());
    out
}

/// Strongest first: what names a person, then what names a program, then keys nobody named.
pub fn rank(credentials: &mut [CredentialSeen]) {
    credentials.sort_by_key(|c| {
        let named = match (&c.name, c.service) {
            (Some(_), false) => 0,
            (Some(_), true) => 1,
            _ => 2,
        };
        let kind = match c.kind {
            _ if c.place.starts_with(MAYBE) => 5,
            "jwt" | "basic" | "digest" | "ntlm" | "saml" | "mtls" => 0,
            "bearer" | "oauth" => 1,
            "cookie" if c.place.get(7..).is_some_and(words::session_name) => 2,
            "api-key" => 3,
            _ => 4,
        };
        (named, kind)
    });
}

fn headers(req: &Message, key: &PrintKey, out: &mut Presented) {
    for (n, v) in &req.headers {
        let (Some(n), Some(v)) = (req.head.get(n.clone()), req.head.get(v.clone())) else {
            continue;
        };
        let (Ok(n), v) = (std::str::from_utf8(n), v.trim_ascii()) else {
            continue;
        };
        if v.is_empty() || v.len() > 64 << 10 {
            continue;
        }
        let v = String::from_utf8_lossy(v);
        let v = own::behind_scheme(n, v);
        // Most headers are none of these; the first letter sorts them out before any lower-casing.
        let claims = v.starts_with("ey") && jwt::looks(&v);
        let own = (16..=512).contains(&v.len()) && own_header(n) && words::random(&v);
        if !claims
            && !own
            && !matches!(
                n.as_bytes().first(),
                Some(
                    b'a' | b'A'
                        | b'c'
                        | b'C'
                        | b'x'
                        | b'X'
                        | b'o'
                        | b'O'
                        | b'r'
                        | b'R'
                        | b'i'
                        | b'I'
                        | b'p'
                        | b'P'
                        | b't'
                        | b'T'
                        | b's'
                        | b'S'
                )
            )
        {
            continue;
        }
        let n = n.to_ascii_lowercase();
        match n.as_str() {
            "authorization" | "proxy-authorization" => authorization(&n, &v, key, out),
            "cookie" => cookies(&v, key, out),
            _ if fronts::tells_subject(&n, &v) => {
                let Some(v) = fronts::subject(&n, &v).filter(|_| !fronts::unverified(req)) else {
                    continue;
                };
                out.add(fronts::certificate(format!("header:{n}"), v, key));
            }
            _ if words::KEY_HEADERS.contains(&n.as_str()) => {
                out.token("api-key", format!("header:{n}"), &v, key)
            }
            _ if words::SESSION_HEADERS.contains(&n.as_str()) && v.len() >= 8 => {
                out.token("bearer", format!("header:{n}"), &v, key)
            }
            _ if fronts::names_another(&n) => {
                if let Some(name) = fronts::person(&v) {
                    out.events.push(IdentityEvent::OnBehalf { name });
                }
            }
            _ if fronts::names_user(&n) => {
                if let Some(name) = fronts::person(&v) {
                    out.events.push(IdentityEvent::Fronted {
                        name,
                        place: format!("header:{n}"),
                    });
                }
            }
            "sec-websocket-protocol" => subprotocols(&v, key, out),
            _ if claims => out.token("bearer", format!("header:{n}"), &v, key),
            _ if (2..=128).contains(&v.len()) && signs(req, &n) => {
                out.token("api-key", format!("header:{n}"), &v, key)
            }
            _ if (16..=4096).contains(&v.len()) && may_carry(&n) && words::random(&v) => {
                // A key under a name of the maker's own; others count where a login handed them out.
                let is_key = n.ends_with("-key") && !n.contains("sess") && !n.contains("idempot")
                    || n.ends_with("apikey")
                    || words::program_token(&n);
                let (kind, mark) = if is_key {
                    ("api-key", String::new())
                } else {
                    ("bearer", String::from(MAYBE))
                };
                out.token(kind, format!("{mark}header:{n}"), &v, key)
            }
            // one whose name tells nothing counts where a login handed its value out
            _ if own => out.token("bearer", format!("{MAYBE}header:{n}"), &v, key),
            _ => {}
        }
    }
    for c in &mut out.credentials {
        own::bearer_of_key(req, c, key);
    }
}

/// Browsers cannot send a header with a socket, so a token goes among the protocols that they offer: `bearer, TOKEN`, or in base64 behind
/// `base64url.bearer.authorization.` and a name, as Kubernetes has it.
fn subprotocols(v: &str, key: &PrintKey, out: &mut Presented) {
    let place = || "header:sec-websocket-protocol".to_owned();
    let mut before = "";
    for p in v.split(',').map(str::trim).take(8) {
        let inner = p
            .strip_prefix("base64url.bearer.authorization.")
            .and_then(|r| r.rsplit_once('.'))
            .and_then(|(_, t)| URL_SAFE_NO_PAD.decode(t.trim_end_matches('=')).ok());
        if let Some(token) = inner.and_then(|b| String::from_utf8(b).ok()) {
            out.token("bearer", place(), &token, key);
        } else if p.len() >= 16 && (jwt::looks(p) || words::random(p)) {
            let said = ["bearer", "token", "auth", "jwt"];
            let said = said.iter().any(|w| before.to_ascii_lowercase().contains(w));
            let mut at = place();
            if !said && !jwt::looks(p) {
                at.insert(0, MAYBE);
            }
            out.token("bearer", at, p, key);
        }
        before = p;
    }
}

fn authorization(header: &str, v: &str, key: &PrintKey, out: &mut Presented) {
    let place = format!("header:{header}");
    let (scheme, rest) = v.split_once(' ').unwrap_or(("", v));
    let rest = rest.trim();
    if rest.is_empty() {
        return;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => out.token("bearer", place, rest, key),
        "basic" => {
            let Some((user, pass)) = basic(rest) else {
                return;
            };
            if pass.len() < 2 && user.len() >= 16 && words::random(&user) {
                // A key where others have a name: it is a secret and names nobody.
                out.token("api-key", place, &user, key);
                return;
            }
            let print = secret_print(key, rest);
            out.add(CredentialSeen {
                kind: "basic",
                place,
                print,
                name: Some(user),
                claim: Some("user".into()),
                service: false,
            });
        }
        "digest" => {
            let Some(user) = quoted(rest, "username") else {
                return;
            };
            let realm = quoted(rest, "realm").unwrap_or_default();
            let print = secret_print(key, &format!("digest\0{user}\0{realm}"));
            out.add(CredentialSeen {
                kind: "digest",
                place,
                print,
                name: Some(user),
                claim: Some("user".into()),
                service: false,
            });
        }
        "ntlm" | "negotiate" => {
            let message = decode64(rest);
            let user = message.as_deref().and_then(ntlm_user);
            let ticket = message
                .filter(|m| m.len() >= 256 && memchr::memmem::find(m, b"NTLMSSP\0").is_none());
            if ticket.is_some() {
                // A Kerberos ticket is sealed. What is handed out for it may be told an owner, and then it is that one's.
                out.add(CredentialSeen {
                    kind: "negotiate",
                    place,
                    print: secret_print(key, rest),
                    name: None,
                    claim: None,
                    service: false,
                });
            } else if let Some(user) = user {
                let print = secret_print(key, &format!("ntlm\0{user}"));
                out.add(CredentialSeen {
                    kind: "ntlm",
                    place,
                    print,
                    name: Some(user),
                    claim: Some("user".into()),
                    service: false,
                });
            }
        }
        "aws4-hmac-sha256" => {
            let id = rest
                .split("Credential=")
                .nth(1)
                .and_then(|c| c.split(['/', ',']).next())
                .unwrap_or(rest);
            let print = secret_print(key, id);
            out.add(CredentialSeen {
                kind: "api-key",
                place,
                print,
                name: None,
                claim: None,
                service: false,
            });
        }
        "apikey" | "api-key" | "x-api-key" | "key" => out.token("api-key", place, rest, key),
        _ if let Some(name) = own::named_in_token(rest) => out.add(CredentialSeen {
            kind: "api-key",
            place,
            print: secret_print(key, rest),
            name: Some(name),
            claim: Some("user".into()),
            service: false,
        }),
        _ => match signer(rest) {
            Some(id) => out.add(CredentialSeen {
                kind: "api-key",
                place,
                print: secret_print(key, id),
                name: None,
                claim: None,
                service: false,
            }),
            None => out.token("bearer", place, rest.trim_start_matches("token="), key),
        },
    }
}

/// Whose signature a request bears, where the scheme is one of those that sign each request anew: `OSS KEY:SIGNATURE`,
/// `Credential=KEY/...`, `keyId="KEY"` (RFC 9421 and the drafts before it), `id="KEY"` (Hawk), `oauth_token="KEY"` (RFC 5849),
/// `VERSION/KEY/TIME/.../SIGNATURE`.
fn signer(rest: &str) -> Option<&str> {
    let id = |s: &str| {
        (3..=128).contains(&s.len())
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@'))
    };
    if let Some((key, signature)) = rest.split_once(':')
        && id(key)
        && (20..=512).contains(&signature.len())
        && !signature.contains([' ', ':', ','])
        && words::random(signature)
    {
        return Some(key);
    }
    let parts: Vec<&str> = rest.split('/').take(12).collect();
    if let [_, key, time, .., signature] = parts.as_slice()
        && id(key)
        && time.len() >= 10
        && time.bytes().filter(u8::is_ascii_digit).count() >= 8
        && signature.len() >= 40
        && signature.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Some(key);
    }
    let part = |name: &str| {
        rest.split([',', ' ']).find_map(|p| {
            let (k, v) = p.trim().split_once('=')?;
            let v = v.trim_matches('"').split('/').next()?;
            (k.eq_ignore_ascii_case(name) && id(v)).then_some(v)
        })
    };
    let lower = rest.to_ascii_lowercase();
    if !lower.contains("signature=") && !lower.contains("mac=") {
        return None;
    }
    [
        "Credential",
        "keyId",
        "id",
        "oauth_token",
        "oauth_consumer_key",
        "Access",
        "AccessKey",
        "AccessKeyId",
        "AppKey",
        "AppId",
        "mchid",
        "username",
    ]
    .into_iter()
    .find_map(part)
}

fn decode64(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('=')))
        .ok()
}

/// User and password of Basic credentials (RFC 7617).
fn basic(text: &str) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(&decode64(text)?).into_owned();
    let (user, pass) = text.split_once(':')?;
    let user = user.trim();
    (!user.is_empty() && user.chars().count() <= 200).then(|| (user.to_owned(), pass.to_owned()))
}

fn quoted(params: &str, name: &str) -> Option<String> {
    params
        .split(',')
        .find_map(|p| {
            let (k, v) = p.split_once('=')?;
            k.trim()
                .eq_ignore_ascii_case(name)
                .then(|| v.trim().trim_matches('"').to_owned())
        })
        .filter(|v| !v.is_empty())
}

/// User of an NTLM authenticate message ([MS-NLMP] 2.2.1.3), also within a negotiation ([MS-SPNG]).
fn ntlm_user(b: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(b, b"NTLMSSP\0\x03")?;
    let b = b.get(at..)?;
    if b.get(..8)? != b"NTLMSSP\0" || b.get(8)? != &3 {
        return None;
    }
    let le16 = |at: usize| Some(usize::from(*b.get(at)?) | usize::from(*b.get(at + 1)?) << 8);
    let (len, off) = (le16(36)?, le16(40)? | le16(42)? << 16);
    let raw = b.get(off..off.checked_add(len)?)?;
    let unicode = b.get(60).is_some_and(|f| f & 1 == 1);
    let name = if unicode {
        String::from_utf16_lossy(
            &raw.chunks_exact(2)
                .map(|c| {
                    u16::from(*c.first().unwrap_or(&0)) | u16::from(*c.last().unwrap_or(&0)) << 8
                })
                .collect::<Vec<_>>(),
        )
    } else {
        String::from_utf8_lossy(raw).into_owned()
    };
    (!name.is_empty()).then_some(name)
}

/// Name and value of every cookie in a Cookie header.
pub fn cookie_pairs(v: &str) -> impl Iterator<Item = (&str, &str)> {
    v.split(';')
        .filter_map(|p| p.split_once('='))
        .map(|(n, v)| (n.trim(), v.trim().trim_matches('"')))
}

fn cookies(v: &str, key: &PrintKey, out: &mut Presented) {
    for (name, value) in cookie_pairs(v).take(200) {
        let value = percent(value.as_bytes(), false);
        let value = value.strip_prefix("Bearer ").unwrap_or(&value);
        if jwt::looks(value) || words::session_cookie(name, value) {
            out.token("cookie", format!("cookie:{name}"), value, key);
        }
    }
}

fn query(req: &Message, key: &PrintKey, out: &mut Presented) {
    let Some(target) = req.target() else { return };
    let Some(q) = target.iter().position(|b| *b == b'?') else {
        return;
    };
    let mut fields = Vec::new();
    super::fields::form(
        target.get(q + 1..).unwrap_or_default(),
        "query:",
        &mut fields,
    );
    // A signature beside it makes a short key a credential: `AccessKeyId=K&Signature=S`.
    let signed = fields.iter().any(|f| {
        matches!(f.key.as_str(), "signature" | "sign" | "sig" | "hmac") && f.value.len() >= 20
    });
    for f in fields {
        if signed
            && (words::signing_key(&f.key) || f.key == "ak")
            && (3..=128).contains(&f.value.len())
        {
            out.add(CredentialSeen {
                kind: "api-key",
                place: f.path,
                print: secret_print(key, &f.value),
                name: None,
                claim: None,
                service: false,
            });
        } else if let Some((_, kind)) = words::QUERY_KEYS.iter().find(|(k, _)| *k == f.key) {
            // `key`, `code` and `auth` are everyday words: there only a random value is a credential.
            let everyday = matches!(f.key.as_str(), "key" | "code" | "auth" | "token" | "ticket");
            // An application's number is as often no secret: it is one where it is as long as keys are.
            let public = f.key == "appid" && f.value.len() < 28;
            if f.value.len() >= 8
                && !public
                && (!(everyday || f.key == "appid")
                    || jwt::looks(&f.value)
                    || f.value.len() >= 12 && words::random(&f.value))
            {
                out.token(kind, f.path, &f.value, key);
            }
        } else if jwt::looks(&f.value) && jwt::read(&f.value).is_some() {
            out.token("jwt", f.path, &f.value, key);
        } else if matches!(
            f.key.as_str(),
            "xamzcredential" | "awsaccesskeyid" | "googleaccessid"
        ) {
            // A signed address names its key, as the header does.
            let id = f.value.split('/').next().unwrap_or_default();
            out.add(CredentialSeen {
                kind: "api-key",
                place: f.path,
                print: secret_print(key, id),
                name: None,
                claim: None,
                service: false,
            });
        } else if (16..=4096).contains(&f.value.len())
            && ["token", "auth", "sess", "ticket", "key"]
                .iter()
                .any(|w| f.key.contains(w))
            && !words::about_itself(&f.key)
            && words::random(&f.value)
        {
            out.token("bearer", format!("{MAYBE}{}", f.path), &f.value, key);
        }
    }
}
