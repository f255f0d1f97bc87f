//! Who comes in by two calls: the first names somebody and is answered with a number of the attempt, the second shows that number
//! and a secret. And who puts name and password into each call's body (WS-Security). In: one call. Out: a name, a credential.
//! Bounds: bodies up to [`super::PARSE`] bytes.
//!
//! Anybody can begin an attempt in anybody's name, so a first call says nothing of its caller: only what a second one hands out
//! for its number is that person's.

use super::fields::{self, Field};
use super::presented::secret_print;
use super::{CallView, PARSE, verdict, words};
use crate::call::model::{CredentialSeen, MAYBE, Message};
use crate::detect::print::PrintKey;
use memchr::memmem;

/// Whom a first call names: a request with the name of somebody and no secret, by nobody that is known.
/// Where the answer asks for a second secret, the first was right and may stand beside the name.
pub fn begun(
    v: &CallView<'_>,
    given: &[Field],
    seen: &[CredentialSeen],
    second: bool,
) -> Option<String> {
    let known = |c: &CredentialSeen| {
        c.name.is_some() || c.place.starts_with("header:") || c.place.starts_with("query:")
    };
    if v.req.and_then(Message::method) != Some(b"POST") || seen.iter().any(known) {
        return None;
    }
    if second {
        let asked = super::attempt::of(given);
        return asked
            .name
            .filter(|_| asked.password && !asked.changes && !asked.twice);
    }
    if given
        .iter()
        .any(|f| !f.value.is_empty() && (words::password(&f.key) || words::code(&f.key)))
    {
        return None;
    }
    let named = |f: &&Field| {
        f.key == "msisdn" || words::user_rank(&f.key).is_some() && f.key != "name" && f.key != "log"
    };
    let mut names = given.iter().filter(named);
    let (one, two) = (names.next()?, names.next());
    let name = one.value.trim();
    (two.is_none() && (2..=128).contains(&name.chars().count()) && !verdict::says_failed(v))
        .then(|| name.to_owned())
}

/// The numbers of the attempt that a first step brings or is answered with, whatever they are made of.
pub fn numbers(v: &CallView<'_>, given: &[Field], key: &PrintKey) -> Vec<(String, u64)> {
    let mut all: Vec<Field> = given.to_vec();
    if let Some(l) = v.resp.and_then(|r| r.header("location"))
        && let Some((_, q)) = String::from_utf8_lossy(l).split_once('?')
    {
        fields::form(q.as_bytes(), "location:", &mut all);
    }
    if v.resp_body.len() <= SMALL {
        all.extend(fields::read(v.resp_body, v.resp_kind));
    }
    let mut out: Vec<(String, u64)> = Vec::new();
    for f in all {
        if words::attempt_number(&f.key, &f.value) {
            let print = secret_print(key, &f.value);
            if out.len() < 8 && !out.iter().any(|(_, p)| *p == print) {
                out.push((f.path, print));
            }
        }
    }
    out
}

/// Longest answer of a first step that is read for numbers.
const SMALL: usize = 8 << 10;

/// The session that an attempt goes on in, where no other is handed out.
pub fn kept(issued: &[(String, u64)], seen: &[CredentialSeen]) -> Vec<(String, u64)> {
    let session = |place: &str| {
        place
            .strip_prefix("cookie:")
            .is_some_and(words::session_name)
    };
    if issued.iter().any(|(p, _)| session(p)) {
        return Vec::new();
    }
    seen.iter()
        .filter(|c| c.name.is_none() && session(&c.place))
        .map(|c| (c.place.clone(), c.print))
        .collect()
}

/// Whether a secret alone was sent in and refused: whoever tried is nobody yet.
pub fn turned_away(v: &CallView<'_>, status: u16, given: &[Field]) -> bool {
    let mut secrets = given.iter().filter(|f| {
        !f.value.is_empty() && words::password(&f.key) && !words::password_change(&f.key)
    });
    let named = |f: &Field| words::user_rank(&f.key).is_some() && !f.value.is_empty();
    v.req.and_then(Message::method) == Some(b"POST")
        && secrets.next().is_some()
        && secrets.next().is_none()
        && !given.iter().any(named)
        && (matches!(status, 400 | 401 | 403 | 422) || status == 200 && verdict::says_failed(v))
}

/// Whether a second step let somebody in without handing anything out: a secret alone, and an answer that does not refuse it.
pub fn let_in(v: &CallView<'_>, resp: &Message, given: &[Field], issued: &[(String, u64)]) -> bool {
    let secret = |f: &Field| {
        !f.value.is_empty()
            && (words::password(&f.key) && !words::password_change(&f.key) || words::code(&f.key))
    };
    let session = |(place, _): &(String, u64)| {
        super::sure_place(place)
            && place
                .strip_prefix("cookie:")
                .is_none_or(words::session_name)
    };
    v.req.and_then(Message::method) == Some(b"POST")
        && given.iter().any(secret)
        && !issued.iter().any(session)
        && !verdict::to_login(resp)
        && !verdict::says_failed(v)
        && verdict::says_done(v)
}

/// A code that a device shows and its owner types elsewhere (RFC 8628): the answer that hands it out ties it to the
/// device's own code, and whoever sends it in from a session is the owner.
pub fn user_code(
    v: &CallView<'_>,
    body: &[u8],
    key: &PrintKey,
    seen: &mut Vec<CredentialSeen>,
    given: &mut Vec<Field>,
) {
    if body.len() <= SMALL && memmem::find(body, b"user_code").is_some() && given.is_empty() {
        given.extend(fields::read(body, v.req_kind));
    }
    let answered = v.resp_kind == "json"
        && v.resp_body.len() <= SMALL
        && memmem::find(v.resp_body, b"user_code").is_some()
        && memmem::find(v.resp_body, b"device_code").is_some();
    let told = if answered {
        fields::read(v.resp_body, "json")
    } else {
        Vec::new()
    };
    for f in given.iter().chain(&told).filter(|f| f.key == "usercode") {
        if f.value.len() >= 6 {
            seen.push(CredentialSeen {
                kind: "oauth",
                place: format!("{MAYBE}{}", f.path),
                print: secret_print(key, &f.value.to_ascii_uppercase()),
                name: None,
                claim: Some("user_code".into()),
                service: false,
            });
        }
    }
}

/// Longest page that is read for what it asks.
const PAGE: usize = 64 << 10;
/// Longest of its tags: one that never ends must not be read to the end of the page for each that begins.
const TAG: usize = 1 << 10;

/// Whether a page that answers a login asks for a code and for no name and password any more: the first step went well.
pub fn asks_on(v: &CallView<'_>) -> bool {
    if v.resp_kind != "html" || v.req.and_then(Message::method) != Some(b"POST") {
        return false;
    }
    let page = v.resp_body.get(..v.resp_body.len().min(PAGE));
    let page = page.unwrap_or_default();
    let says = [
        "uthentic",
        "erification",
        "wo-factor",
        "2FA",
        "ne-time",
        "okens generated",
        "验证码",
        "动态",
    ]
    .iter()
    .any(|w| memmem::find(page, w.as_bytes()).is_some());
    let mut code = false;
    for at in memmem::find_iter(page, b"<input") {
        let tag = page.get(at..page.len().min(at + TAG)).unwrap_or_default();
        let tag = tag.split(|b| *b == b'>').next().unwrap_or_default();
        let tag = String::from_utf8_lossy(tag);
        let Some((_, name)) = tag.split_once("name=") else {
            continue;
        };
        let name = name.trim_start_matches(['"', '\'']);
        let name = name.split(['"', '\'', ' ', '/']).next().unwrap_or_default();
        let key = words::plain(name);
        if key.contains("captcha") || key == "verifycode" || words::user_rank(&key).is_some() {
            return false;
        }
        let one = says && words::code(&key)
            || [
                "otp",
                "2fa",
                "mfa",
                "twofactor",
                "authcode",
                "verificationcode",
            ]
            .iter()
            .any(|w| key.contains(w));
        if !one && words::password(&key) {
            return false;
        }
        code |= one && !tag.contains("hidden");
    }
    code
}

/// A token in a link that somebody was sent (`/auth/verify?token=...`) is sent once and brings a session: a code.
pub fn links(v: &CallView<'_>, login: bool, issued: &[(String, u64)], seen: &mut [CredentialSeen]) {
    let cookie = || issued.iter().any(|(p, _)| p.starts_with("cookie:"));
    if login && v.req.and_then(Message::method) == Some(b"GET") && cookie() {
        for c in seen {
            if c.kind == "bearer" && c.name.is_none() && c.place.starts_with("query:") {
                c.kind = "oauth";
            }
        }
    }
}

/// Whether a login leads back to itself with a session of its own, as Moodle tries whether cookies are kept: where the next
/// call leads on, the attempt went well.
pub fn sent_back(v: &CallView<'_>, resp: &Message, issued: &[(String, u64)]) -> bool {
    let path = |a: &str| {
        let a = a.split_once("://").map_or(a, |(_, r)| r);
        let a = a.split(['?', '#']).next().unwrap_or_default();
        a.find('/').map_or(String::new(), |at| {
            a.get(at..).unwrap_or_default().to_lowercase()
        })
    };
    let (Some(to), Some(asked)) = (resp.header("location"), v.req.and_then(Message::target)) else {
        return false;
    };
    let (to, asked) = (String::from_utf8_lossy(to), String::from_utf8_lossy(asked));
    let session = |(place, _): &(String, u64)| {
        place
            .strip_prefix("cookie:")
            .is_some_and(words::session_name)
    };
    let lower = to.to_lowercase();
    verdict::to_login(resp)
        && path(&to) == path(&asked)
        && to.contains('?')
        && to != asked
        && ![
            "error", "fail", "denied", "invalid", "wrong", "msg", "alert",
        ]
        .iter()
        .any(|w| lower.contains(w))
        && issued.iter().any(session)
}

/// Whether an address let in who has a session already, by a code in it or because it leads on from a login: who asks is sent on,
/// and nothing else is handed out.
pub fn brought(
    v: &CallView<'_>,
    resp: &Message,
    issued: &[(String, u64)],
    seen: &[CredentialSeen],
    login: bool,
) -> bool {
    let session = |(place, _): &(String, u64)| place.starts_with("cookie:");
    v.req.and_then(Message::method) == Some(b"GET")
        && matches!(resp.status(), Some(302 | 303))
        && (login && seen.len() == 1
            || seen
                .iter()
                .any(|c| c.kind == "oauth" && c.place.starts_with("query:")))
        && !issued.iter().any(session)
        && !verdict::to_login(resp)
}

/// What a code on a screen claims that may be for anything.
pub const SCREEN: &str = "screen_code";

/// Codes that a screen shows and a device photographs: whoever sends one in from a session lets in who asks with it. The asker shows
/// it in the path or among its parameters, and nothing else. Where the place does not speak of a login, the code counts once it brought
/// a session in (`identity/input`).
pub fn shown(
    v: &CallView<'_>,
    path: &str,
    body: &[u8],
    key: &PrintKey,
    login: bool,
    seen: &mut Vec<CredentialSeen>,
) {
    let speaks = |t: &[u8]| t.windows(2).any(|w| w.eq_ignore_ascii_case(b"qr"));
    let Some(target) = v.req.and_then(Message::target) else {
        return;
    };
    let small = body.get(..body.len().min(SMALL)).unwrap_or_default();
    if !speaks(target) && !speaks(small) {
        return;
    }
    let long = |s: &str| {
        (16..=128).contains(&s.len())
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && s.bytes().filter(u8::is_ascii_digit).count() >= 3
    };
    let mut given = fields::read(small, v.req_kind);
    if let Some(at) = target.iter().position(|b| *b == b'?') {
        let query = target.get(at + 1..).unwrap_or_default();
        fields::form(query, "query:", &mut given);
    }
    let named = |f: &&Field| f.key.contains("qr") && long(&f.value);
    let found = given
        .iter()
        .find(named)
        .map(|f| (f.path.as_str(), f.value.as_str()));
    let segments = || path.split('/').zip(path.split('/').skip(1));
    let found = found.or_else(|| {
        segments()
            .find(|(of, s)| of.to_ascii_lowercase().contains("qr") && long(s))
            .map(|(_, s)| ("path", s))
    });
    let Some((place, code)) = found else { return };
    // What a browser has of its own does not become the owner of the code that it asks with.
    let sends = v.req.and_then(Message::method) == Some(b"POST");
    if !sends && !seen.is_empty() {
        return;
    }
    let print = secret_print(key, code);
    seen.retain(|c| c.print != print);
    seen.push(CredentialSeen {
        kind: "oauth",
        place: format!("{MAYBE}{place}"),
        print,
        name: None,
        claim: Some(if login { "user_code" } else { SCREEN }.into()),
        service: false,
    });
}

/// Whether a call makes a key for its caller: somebody known asks a place that keeps keys, names nobody else, and not a program.
pub fn makes_a_key(v: &CallView<'_>, path: &str, body: &[u8], seen: &[CredentialSeen]) -> bool {
    let method = v.req.and_then(Message::method).unwrap_or_default();
    let path = path.to_ascii_lowercase();
    let others = [
        "service", "client", "app", "robot", "bot", "user", "account", "device",
    ];
    matches!(method, b"POST" | b"PUT")
        && v.resp_body.len() <= SMALL
        && body.len() <= SMALL
        && seen.iter().any(|c| c.name.is_some() || c.kind == "cookie")
        && !others.iter().any(|w| path.contains(w))
        && !fields::read(body, v.req_kind)
            .iter()
            .any(|f| words::user_rank(&f.key).is_some() && f.key != "name")
}

/// Name and password of a WS-Security header (OASIS UsernameToken profile).
pub fn security_header(
    v: &CallView<'_>,
    body: &[u8],
    key: &PrintKey,
    seen: &mut Vec<CredentialSeen>,
) {
    if v.req_kind != "xml" || memmem::find(body, b"UsernameToken").is_none() {
        return;
    }
    let given = fields::read(body, "xml");
    let of = |k: &str| given.iter().find(|f| f.key == k && !f.value.is_empty());
    let Some(user) = of("username").filter(|f| f.value.len() <= 200) else {
        return;
    };
    // A digest differs from call to call; a password tells one that is wrong from one that is right.
    let digest = memmem::find(body, b"PasswordDigest").is_some();
    let pass = of("password").filter(|_| !digest).map_or("", |f| &f.value);
    seen.push(CredentialSeen {
        kind: "basic",
        place: "xml:UsernameToken".into(),
        print: secret_print(key, &format!("wsse\0{}\0{pass}", user.value)),
        name: Some(user.value.clone()),
        claim: Some("user".into()),
        service: false,
    });
}

/// Whether an answer says in a fault that the security header was no good.
pub fn refused(v: &CallView<'_>) -> bool {
    let body = v
        .resp_body
        .get(..v.resp_body.len().min(PARSE))
        .unwrap_or_default();
    memmem::find(body, b"Fault").is_some()
        && [
            &b"FailedAuthentication"[..],
            b"FailedCheck",
            b"InvalidSecurity",
            b"could not be authenticated",
        ]
        .iter()
        .any(|w| memmem::find(body, w).is_some())
}
